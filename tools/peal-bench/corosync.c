/* SPDX-License-Identifier: BSD-3-Clause */
#include "tools/peal-bench/corosync.h"

#include "tools/peal-bench/program.h"

#include <dlfcn.h>
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define LIBRARY          "libcpg.so.4"
#define DAEMON           "corosync"
#define CONFIG_PATH      "/run/corosync.conf"
#define GROUP_NAME       "peal-bench"
#define VERSION_MAX      64U
#define NAME_SIZE_MAX    128U
#define TRIES_MAX        600U
#define PAUSE_NS         50000000L
#define RESULT_OK        1
#define RESULT_AGAIN     6
#define DISPATCH_ALL     2
#define DISPATCH_FOREVER 3
#define GUARANTEE_AGREED 2

/* Forms of the library, version 4, as its manual has them. */
struct cpg_name {
	uint32_t length;
	char value[NAME_SIZE_MAX];
};

struct cpg_address {
	uint32_t nodeid;
	uint32_t pid;
	uint32_t reason;
};

typedef void cpg_deliver_fn(uint64_t handle, const struct cpg_name *group, uint32_t nodeid,
	uint32_t pid, void *bytes, size_t size);
typedef void cpg_change_fn(uint64_t handle, const struct cpg_name *group,
	const struct cpg_address *members, size_t members_count, const struct cpg_address *left,
	size_t left_count, const struct cpg_address *joined, size_t joined_count);

struct cpg_callbacks {
	cpg_deliver_fn *deliver;
	cpg_change_fn *change;
};

/* The library; its callbacks have no state of ours. */
static struct {
	void *library;
	int (*initialize)(uint64_t *handle, struct cpg_callbacks *callbacks);
	int (*fd_get)(uint64_t handle, int *fd);
	int (*join)(uint64_t handle, const struct cpg_name *group);
	int (*mcast_joined)(
		uint64_t handle, int guarantee, const struct iovec *parts, unsigned int count);
	int (*dispatch)(uint64_t handle, int types);
	int (*finalize)(uint64_t handle);
	uint64_t handle;
	bool is_open;
	int fd;
	pid_t daemon_pid;
	size_t members_count;
	struct peal_corosync_user user;
	char version[VERSION_MAX];
} corosync;

static bool
find_symbol(const char *name, void *pointer_out)
{
	void *symbol = dlsym(corosync.library, name);

	memcpy(pointer_out, &symbol, sizeof(symbol));
	return symbol != NULL;
}

static bool
open_library(void)
{
	corosync.library = dlopen(LIBRARY, RTLD_NOW);
	return corosync.library != NULL && find_symbol("cpg_initialize", &corosync.initialize) &&
	       find_symbol("cpg_fd_get", &corosync.fd_get) &&
	       find_symbol("cpg_join", &corosync.join) &&
	       find_symbol("cpg_mcast_joined", &corosync.mcast_joined) &&
	       find_symbol("cpg_dispatch", &corosync.dispatch) &&
	       find_symbol("cpg_finalize", &corosync.finalize);
}

static void
ask_version(void)
{
	const char *const words[] = {DAEMON, "-v", NULL};
	struct peal_program program = {.name = DAEMON, .words = words};
	struct peal_sentence error;
	char *text = NULL;
	const char *quote = NULL;

	(void)snprintf(corosync.version, sizeof(corosync.version), "unknown");
	if (peal_program_run(&program, &text, &error) && text != NULL) {
		quote = strchr(text, '\'');
	}
	if (quote != NULL) {
		(void)snprintf(corosync.version, sizeof(corosync.version), "%.*s",
			(int)strcspn(quote + 1, "'"), quote + 1);
	}
	free(text);
}

bool
peal_corosync_is_here(struct peal_sentence *error)
{
	if (!peal_program_exists(DAEMON) || !open_library()) {
		return peal_sentence_set(error,
			"corosync is not here; install the packages corosync and libcpg4, or run "
			"tools/dev/install-deps compare");
	}
	ask_version();
	return true;
}

const char *
peal_corosync_version(void)
{
	return corosync.version;
}

/* --- the daemon --- */

/* Memory of its own where it writes. */
static bool
cover(const char *path, struct peal_sentence *error)
{
	return mount("none", path, "tmpfs", 0UL, "mode=0755") == 0 ||
	       peal_sentence_set(
		       error, "no memory could be laid over %s (%s)", path, strerror(errno));
}

static bool
write_config(uint32_t nodes_count, uint32_t ipv4_first, struct peal_sentence *error)
{
	FILE *file = fopen(CONFIG_PATH, "we");

	if (file == NULL) {
		return peal_sentence_set(
			error, "%s could not be written (%s)", CONFIG_PATH, strerror(errno));
	}
	fprintf(file, "totem {\n version: 2\n cluster_name: " GROUP_NAME "\n transport: knet\n"
		      " crypto_cipher: none\n crypto_hash: none\n}\n"
		      "quorum {\n provider: corosync_votequorum\n}\n"
		      "logging {\n to_stderr: no\n to_syslog: no\n to_logfile: no\n}\n"
		      "nodelist {\n");
	for (uint32_t i = 0; i < nodes_count; i++) {
		uint32_t address = ipv4_first + i;

		fprintf(file, " node {\n  nodeid: %u\n  name: n%u\n  ring0_addr: %u.%u.%u.%u\n }\n",
			i + 1U, i + 1U, address >> 24, address >> 16 & 0xFFU, address >> 8 & 0xFFU,
			address & 0xFFU);
	}
	fprintf(file, "}\n");
	return fclose(file) == 0 ||
	       peal_sentence_set(error, "%s could not be written", CONFIG_PATH);
}

static bool
start_daemon(uint32_t nodes_count, uint32_t ipv4_first, struct peal_sentence *error)
{
	static const char *const places[] = {"/run", "/dev/shm", "/var/lib/corosync"};
	pid_t parent = getpid();

	for (uint32_t i = 0; i < sizeof(places) / sizeof(places[0]); i++) {
		if (!cover(places[i], error)) {
			return false;
		}
	}
	if (!write_config(nodes_count, ipv4_first, error)) {
		return false;
	}
	corosync.daemon_pid = fork();
	if (corosync.daemon_pid < 0) {
		corosync.daemon_pid = 0;
		return peal_sentence_set(
			error, "a process could not be made (%s)", strerror(errno));
	}
	if (corosync.daemon_pid == 0) {
		(void)prctl(PR_SET_PDEATHSIG, (unsigned long)SIGKILL, 0UL, 0UL, 0UL);
		if (getppid() == parent) {
			(void)execlp(DAEMON, DAEMON, "-f", "-c", CONFIG_PATH, (char *)NULL);
		}
		_exit(1);
	}
	return true;
}

/* --- the group --- */

static void
deliver(uint64_t handle, const struct cpg_name *group, uint32_t nodeid, uint32_t pid, void *bytes,
	size_t size)
{
	(void)handle;
	(void)group;
	(void)pid;
	corosync.user.deliver(corosync.user.state, nodeid - 1U, bytes, (uint32_t)size);
}

/* Eight parameters, as the library has them. NOLINTBEGIN(readability-function-size) */
static void
change(uint64_t handle, const struct cpg_name *group, const struct cpg_address *members,
	size_t members_count, const struct cpg_address *left, size_t left_count,
	const struct cpg_address *joined, size_t joined_count)
{
	(void)handle;
	(void)group;
	(void)members;
	(void)left;
	(void)left_count;
	(void)joined;
	(void)joined_count;
	corosync.members_count = members_count;
}
/* NOLINTEND(readability-function-size) */

static bool
join(void)
{
	static struct cpg_callbacks callbacks = {.deliver = deliver, .change = change};
	const struct cpg_name name = {.length = sizeof(GROUP_NAME) - 1U, .value = GROUP_NAME};

	if (corosync.is_open) {
		return true;
	}
	if (corosync.initialize(&corosync.handle, &callbacks) != RESULT_OK) {
		return false;
	}
	corosync.is_open = corosync.join(corosync.handle, &name) == RESULT_OK &&
			   corosync.fd_get(corosync.handle, &corosync.fd) == RESULT_OK;
	if (!corosync.is_open) {
		(void)corosync.finalize(corosync.handle);
	}
	return corosync.is_open;
}

bool
peal_corosync_begin(uint32_t node, uint32_t nodes_count, uint32_t ipv4_first,
	const struct peal_corosync_user *user, bool (*is_ending)(void *state), void *ending_state,
	struct peal_sentence *error)
{
	const struct timespec pause = {.tv_nsec = PAUSE_NS};

	(void)node;
	corosync.user = *user;
	if (!start_daemon(nodes_count, ipv4_first, error)) {
		return false;
	}
	for (uint32_t i = 0; i < TRIES_MAX && !is_ending(ending_state); i++) {
		if (waitpid(corosync.daemon_pid, NULL, WNOHANG) != 0) {
			corosync.daemon_pid = 0;
			return peal_sentence_set(error, "corosync ended at once");
		}
		if (join() && corosync.members_count == nodes_count) {
			return true;
		}
		if (corosync.is_open && !peal_corosync_dispatch()) {
			return peal_sentence_set(error, "corosync closed the group");
		}
		(void)nanosleep(&pause, NULL);
	}
	return is_ending(ending_state) ||
	       peal_sentence_set(error, "corosync formed no group of %u in time", nodes_count);
}

void
peal_corosync_end(void)
{
	peal_corosync_leave();
	if (corosync.daemon_pid > 0) {
		(void)kill(corosync.daemon_pid, SIGKILL);
		(void)waitpid(corosync.daemon_pid, NULL, 0);
		corosync.daemon_pid = 0;
	}
}

bool
peal_corosync_send(const uint8_t *bytes, uint32_t size)
{
	const struct iovec part = {.iov_base = (void *)(uintptr_t)bytes, .iov_len = size};

	return corosync.mcast_joined(corosync.handle, GUARANTEE_AGREED, &part, 1) == RESULT_OK;
}

bool
peal_corosync_dispatch(void)
{
	int result = corosync.dispatch(corosync.handle, DISPATCH_ALL);

	return result == RESULT_OK || result == RESULT_AGAIN;
}

void
peal_corosync_dispatch_forever(void)
{
	(void)corosync.dispatch(corosync.handle, DISPATCH_FOREVER);
}

void
peal_corosync_leave(void)
{
	if (corosync.is_open) {
		(void)corosync.finalize(corosync.handle);
		corosync.is_open = false;
	}
}

void
peal_corosync_wait(int milliseconds)
{
	struct pollfd poll_fd = {.fd = corosync.fd, .events = POLLIN};

	(void)poll(&poll_fd, 1, milliseconds);
}
