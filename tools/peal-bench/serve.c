/* SPDX-License-Identifier: BSD-3-Clause */
#include "tools/peal-bench/serve.h"

#include "runtime/eal.h"
#include "runtime/eal_files.h"
#include "tools/peal-bench/argtext.h"
#include "tools/peal-bench/ctrlc.h"
#include "tools/peal-bench/echocommands.h"
#include "tools/peal-bench/farline.h"
#include "tools/peal-bench/oneway.h"
#include "tools/peal-bench/sharedoptions.h"
#include "tools/peal-bench/stage.h"
#include "tools/peal-bench/throughput.h"

#include <errno.h>
#include <rte_ethdev.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#define ROUNDS_COUNT    1U
#define PROBE_MEMORY_MB 16U

/* What can be asked for from afar. */
static const struct peal_command *const served[] = {&peal_rtt_command, &peal_raw_command,
	&peal_message_command, &peal_oneway_command, &peal_throughput_command};

static const struct peal_command *
find_command(const char *name)
{
	for (size_t i = 0; i < sizeof(served) / sizeof(served[0]); i++) {
		if (strcmp(served[i]->name, name) == 0) {
			return served[i];
		}
	}
	return NULL;
}

/* What came from another machine has to be as it could be said here. */
static bool
is_lawful(const struct peal_farline_hello *hello, const struct peal_command *command)
{
	/* An echo is as large as it is. */
	bool is_echo = command == &peal_rtt_command || command == &peal_raw_command;

	return (is_echo ? hello->size == 0 : hello->size >= PEAL_BENCHARGS_SIZE_MIN) &&
	       hello->size <= PEAL_BENCHARGS_SIZE_MAX &&
	       (hello->mtu == 0 || (hello->mtu >= PEAL_MTU_MIN && hello->mtu <= PEAL_MTU_MAX));
}

/* In the child: one run, to its end. Returns when it could not begin. */
static void
play(const struct peal_benchargs *args, int fd, struct peal_sentence *error)
{
	struct peal_farline line = {.fd = fd};
	static struct peal_farline_hello hello;
	struct peal_benchargs own = *args;
	const struct peal_command *command;

	if (!peal_farline_receive_hello(&line, &hello, error)) {
		return;
	}
	command = find_command(hello.command);
	if (command == NULL || !is_lawful(&hello, command)) {
		(void)peal_sentence_set(error, "a call that wants what nobody serves here");
		return;
	}
	own.command = command->name;
	own.link = PEAL_BENCHARGS_FAR;
	own.size = hello.size;
	own.mtu = hello.mtu;
	own.is_alone = hello.is_alone != 0;
	own.is_sealed = hello.is_sealed != 0;
	own.rounds_count = ROUNDS_COUNT;
	own.interval_ns = 1;
	own.count = 1;
	own.far_fd = fd;
	own.far_hello = &hello;
	own.is_quiet = true;
	own.json_path = NULL;
	if (peal_farline_send_hello(&line, &hello, error)) {
		(void)command->run(&own, error);
	}
}

/* One call. False with a sentence when it went wrong. */
static bool
serve_one(const struct peal_benchargs *args, int fd, struct peal_sentence *error)
{
	pid_t parent = getpid(), pid;
	int status = 0;

	(void)fflush(NULL);
	pid = fork();
	if (pid == 0) {
		(void)prctl(PR_SET_PDEATHSIG, (unsigned long)SIGTERM, 0UL, 0UL, 0UL);
		if (getppid() == parent) {
			play(args, fd, error);
		}
		if (error->text[0] != '\0') {
			fprintf(stderr, "peal-bench: %s\n", error->text);
		}
		_exit(1);
	}
	(void)close(fd);
	if (pid < 0) {
		return peal_sentence_set(
			error, "a second process could not be made (%s)", strerror(errno));
	}
	while (waitpid(pid, &status, 0) < 0 && errno == EINTR) {
		if (peal_ctrlc_has_come()) {
			(void)kill(pid, SIGTERM);
		}
	}
	return (WIFEXITED(status) && WEXITSTATUS(status) == 0) ||
	       peal_sentence_set(error, "a run from afar did not come to its end");
}

/* In a child: what every run will do first, so that a device which cannot be had is found before
 * anybody calls. */
static bool
probe(const struct peal_benchargs *args, struct peal_sentence *error)
{
	char prefix[32];
	struct peal_eal_config eal = {.device = args->device,
		.device_args = args->device_args == NULL ? "" : args->device_args,
		.prefix = prefix,
		.advice = PEAL_STAGE_DEVICE_ADVICE,
		.memory_mb = PROBE_MEMORY_MB,
		.huge = PEAL_CONFIG_HUGE_AUTO,
		.lcores_count = 1,
		.cpus = {args->cpus[0]}};
	uint16_t port_id;

	(void)snprintf(prefix, sizeof(prefix), "peal-bench-%d", (int)getpid());
	if (!peal_eal_start(&eal, error)) {
		return false;
	}
	return rte_eth_dev_get_port_by_name(args->device, &port_id) == 0 ||
	       peal_sentence_set(error, "--device: DPDK made no port of %s%s%s", args->device,
		       peal_eal_files_kept_log()[0] == '\0' ? "" : ": ", peal_eal_files_kept_log());
}

static bool
can_serve(const struct peal_benchargs *args, struct peal_sentence *error)
{
	struct peal_sentence *said = mmap(
		NULL, sizeof(*said), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	int status = 1;
	pid_t pid;

	(void)fflush(NULL);
	pid = said == MAP_FAILED ? -1 : fork();
	if (pid == 0) {
		bool is_good = probe(args, said);

		peal_eal_clear_disk();
		_exit(is_good ? 0 : 1);
	}
	if (pid < 0) {
		return peal_sentence_set(error, "there is no memory left");
	}
	while (waitpid(pid, &status, 0) < 0 && errno == EINTR) {
		(void)kill(pid, SIGTERM);
	}
	*error = *said;
	(void)munmap(said, sizeof(*said));
	if (WIFEXITED(status) && WEXITSTATUS(status) == 0) {
		return true;
	}
	if (error->text[0] == '\0' && !peal_ctrlc_has_come()) {
		(void)peal_sentence_set(
			error, "--device: no port of %s could be made", args->device);
	}
	return false;
}

static bool
run_serve(const struct peal_benchargs *args, struct peal_sentence *error)
{
	FILE *text = peal_benchargs_text_file(args);
	int listener =
		can_serve(args, error)
			? peal_farline_listen(args->listen == NULL ? "" : args->listen, error)
			: -1;
	bool is_good = listener >= 0;

	if (is_good && text != NULL) {
		fprintf(text, "waiting for calls%s%s; Ctrl-C ends it\n",
			args->listen == NULL ? "" : " at ",
			args->listen == NULL ? "" : args->listen);
		(void)fflush(text);
	}
	while (is_good) {
		int fd = peal_farline_accept(listener, error);

		if (fd < 0) {
			is_good = false;
			break;
		}
		error->text[0] = '\0';
		is_good = serve_one(args, fd, error);
		if (text != NULL) {
			fprintf(text, "%s\n", is_good ? "a run is done" : error->text);
			(void)fflush(text);
		}
		if (args->is_once || peal_ctrlc_has_come()) {
			break;
		}
		/* A call that went wrong is the caller's affair. */
		is_good = true;
	}
	if (listener >= 0) {
		(void)close(listener);
	}
	return is_good && !peal_ctrlc_has_come();
}

static const struct peal_option option_listen = {.name = "listen",
	.value = "HOST[:PORT]",
	.help = "where to wait, or :PORT (default: everywhere, port 7411)",
	.kind = PEAL_OPTION_TEXT,
	PEAL_OPTION_FIELD(listen)};

static const struct peal_option option_once = {.name = "once",
	.help = "serve one run and end",
	.kind = PEAL_OPTION_SET,
	PEAL_OPTION_FIELD(is_once)};

static const struct peal_option *const own_options[] = {&peal_option_device,
	&peal_option_device_args, &option_listen, &option_once, &peal_option_idle,
	&peal_option_cpu_list, &peal_option_quiet, NULL};

static bool
complete(struct peal_benchargs *args, struct peal_sentence *error)
{
	if (args->device == NULL) {
		return peal_sentence_set(error, "--device is missing: a PCI address, or a virtual "
						"device like net_af_packet0");
	}
	if (args->listen != NULL && !peal_farline_is_place(args->listen)) {
		return peal_argtext_refuse(error, "--listen", args->listen,
			"HOST, HOST:PORT or :PORT with a port from 1 to 65535");
	}
	args->link = PEAL_BENCHARGS_FAR;
	return peal_sharedoptions_complete_pair(args, error);
}

const struct peal_command peal_serve_command = {
	.name = "serve",
	.usage = "--device NAME [--device-args TEXT] [--listen HOST[:PORT]] [options]",
	.brief = "the answering side on another machine",
	.about =
		"Waits for 'peal-bench rtt', 'raw', 'message', 'oneway' or 'throughput' with --to "
		"on another\n"
		"machine and plays their answering side over a device of this one, each run in a "
		"process of its own.\n"
		"What is measured, how large and whether sealed, is for the caller to say. The two "
		"agree over a TCP\n"
		"connection of the kernel, which also carries the keys of the run: let nobody else "
		"into that network.\n"
		"Frames go from device to device by MAC addresses, so both must be on one "
		"segment.\n",
	.notes = "Only the first CPU of --cores is used; the asking machine has its own option.\n",
	.examples = "  peal-bench serve --device 0000:81:00.1 --cores 2\n"
		    "  peal-bench serve --device net_af_packet0 --device-args iface=eth1 --idle "
		    "shared\n"
		    "  peal-bench message --to 10.0.0.2 --device 0000:81:00.0    # on the other "
		    "machine\n",
	.is_figureless = true,
	.options = own_options,
	.complete = complete,
	.run = run_serve,
};
