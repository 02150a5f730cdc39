/* SPDX-License-Identifier: BSD-3-Clause */
#include "tools/peal-bench/stage.h"

#include "base/assert.h"
#include "tools/benchlib/linelap.h"
#include "tools/peal-bench/ctrlc.h"
#include "tools/peal-bench/leftovers.h"
#include "tools/peal-bench/vethpair.h"

#include <errno.h>
#include <pthread.h>
#include <rte_lcore.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/random.h>
#include <sys/wait.h>
#include <unistd.h>

#define WARM_UP_NS        UINT64_C(500000000)
#define WARM_UP_COUNT_MIN UINT64_C(10)
#define MEMORY_MB         64U
#define MEMORY_WIDE_MB    160U /* with buffers for large packets */
#define SECOND_NS         UINT64_C(1000000000)
#define POLL_NS           UINT64_C(2000000)
/* Starting DPDK takes a fifth of a second, and much longer on a crowded machine. */
#define AWAIT_NS_MAX UINT64_C(20000000000)
#define END_NS_MAX   UINT64_C(5000000000)

static uint64_t
read_now_ns(void)
{
	struct timespec now;

	(void)clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * SECOND_NS + (uint64_t)now.tv_nsec;
}

void *
peal_stage_share(size_t size)
{
	void *memory = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);

	return memory == MAP_FAILED ? NULL : memory;
}

/* The devices of the sides of this process, as EAL wants them. */
static void
name_devices(struct peal_stage *stage, uint16_t mtu, pid_t asking_pid)
{
	const uint32_t side = stage->first_side;

	stage->eal.device = peal_joint_device(stage->link, side);
	if (stage->eal.device == NULL) {
		return;
	}
	peal_joint_device_args(
		stage->link, side, stage->socket, asking_pid, mtu, stage->device_args);
	stage->eal.device_args = stage->device_args;
	stage->eal.extra = stage->extra;
	if (side + 1U < stage->sides_end) {
		char text[PEAL_JOINT_TEXT_SIZE_MAX];
		int size;

		peal_joint_device_args(
			stage->link, side + 1U, stage->socket, asking_pid, mtu, text);
		size = snprintf(stage->second_device, sizeof(stage->second_device), "--vdev=%s,%s",
			peal_joint_device(stage->link, side + 1U), text);
		PEAL_ASSERT(size > 0 && (size_t)size < sizeof(stage->second_device));
		stage->extra[stage->eal.extra_count++] = stage->second_device;
	}
	if (peal_benchargs_is_split(stage->link) && stage->link != PEAL_BENCHARGS_FAR) {
		/* One descriptor for all memory, so that it can be shown to the other process. */
		(void)snprintf(
			stage->single_file, sizeof(stage->single_file), "--single-file-segments");
		stage->extra[stage->eal.extra_count++] = stage->single_file;
	}
}

/* A directory that only this user can look into, for the socket of vhost. */
static bool
make_folder(struct peal_stage *stage, struct peal_sentence *error)
{
	char *name = stage->folder;

	peal_leftovers_name(name, sizeof(stage->folder));
	if (mkdtemp(name) == NULL) {
		name[0] = '\0';
		return peal_sentence_set(error, "a directory in %s could not be made (%s)",
			peal_leftovers_place(), strerror(errno));
	}
	memcpy(stage->socket, name, strlen(name) + 1U);
	memcpy(stage->socket + strlen(name), "/socket", sizeof("/socket"));
	return true;
}

static void
remove_folder(struct peal_stage *stage)
{
	if (stage->folder[0] != '\0') {
		(void)unlink(stage->socket);
		(void)rmdir(stage->folder);
		stage->folder[0] = '\0';
	}
}

/* The second process: Ctrl-C is for the first one, and it does not outlive it. */
static void
become_second(pid_t parent)
{
	(void)prctl(PR_SET_PDEATHSIG, (unsigned long)SIGTERM, 0UL, 0UL, 0UL);
	(void)signal(SIGINT, SIG_IGN);
	(void)signal(SIGHUP, SIG_IGN);
	if (getppid() != parent) {
		_exit(1);
	}
}

static bool
split(struct peal_stage *stage, struct peal_sentence *error)
{
	pid_t asking_pid = getpid();
	pid_t pid;

	/* A driver that writes to a process which is gone shall be told so. */
	(void)signal(SIGPIPE, SIG_IGN);
	(void)fflush(NULL);
	pid = fork();
	if (pid < 0) {
		return peal_sentence_set(
			error, "a second process could not be made (%s)", strerror(errno));
	}
	if (pid == 0) {
		become_second(asking_pid);
		stage->first_side = 1;
		stage->sides_end = 2;
		stage->folder[0] = '\0'; /* is the other one's to remove */
	} else {
		int result = clock_getcpuclockid(pid, &stage->clocks[1]);

		PEAL_ASSERT(result == 0);
		stage->other_pid = pid;
		stage->sides_end = 1;
	}
	return true;
}

static void
configure_eal(struct peal_stage *stage, const struct peal_benchargs *args, pid_t asking_pid)
{
	stage->eal = (struct peal_eal_config){
		.prefix = stage->prefix,
		.advice = args->link == PEAL_BENCHARGS_FAR ? PEAL_STAGE_DEVICE_ADVICE
							   : PEAL_STAGE_MEMORY_ADVICE,
		.memory_mb = args->mtu > 1500U ? MEMORY_WIDE_MB : MEMORY_MB,
		.huge = PEAL_CONFIG_HUGE_AUTO,
		.lcores_count = stage->sides_end - stage->first_side,
		.cpus = {args->cpus[stage->first_side], args->cpus[1]},
		.is_exclusive = args->idle == PEAL_IDLE_DEDICATED,
	};
	(void)snprintf(stage->prefix, sizeof(stage->prefix), "peal-bench-%d", (int)getpid());
	name_devices(stage, args->mtu, asking_pid);
	if (args->link == PEAL_BENCHARGS_FAR) {
		stage->eal.device = args->device;
		stage->eal.device_args = args->device_args == NULL ? "" : args->device_args;
	}
}

/* --- another machine --- */

static bool
is_far(const struct peal_stage *stage)
{
	return stage->link == PEAL_BENCHARGS_FAR;
}

static uint32_t
own_side(const struct peal_stage *stage)
{
	return stage->first_side;
}

void
peal_stage_mirror(struct peal_stage *stage, uint32_t side, void *memory, uint32_t size)
{
	if (is_far(stage)) {
		peal_farline_share(&stage->line, side == own_side(stage), memory, size);
	}
}

/* Exchanges what both sides know. False once the other machine is gone. */
static bool
pump(struct peal_stage *stage, bool is_urgent)
{
	struct peal_stage_shared *shared = stage->shared;
	const uint32_t own = own_side(stage), other = 1U - own;
	bool is_there;

	atomic_store(&shared->far[own].point, atomic_load(&shared->points[own]));
	atomic_store(&shared->far[own].entered, atomic_load(&shared->entered_count));
	memcpy(shared->far[own].mac, shared->macs[own], sizeof(shared->macs[own]));
	is_there = peal_farline_pump(&stage->line, is_urgent);
	if (atomic_load(&shared->far[other].point) <= (uint64_t)PEAL_STAGE_FAILED) {
		memcpy(shared->macs[other], shared->far[other].mac, sizeof(shared->macs[other]));
		atomic_store(
			&shared->points[other], (uint32_t)atomic_load(&shared->far[other].point));
	}
	return is_there;
}

bool
peal_stage_is_over(const struct peal_stage *stage)
{
	return is_far(stage) && atomic_load(&stage->shared->points[1U - own_side(stage)]) >=
					(uint32_t)PEAL_STAGE_STOPPED;
}

/* Calls the machine that serves, and agrees with it on what is measured. */
static bool
call_far(struct peal_stage *stage, const struct peal_benchargs *args, struct peal_sentence *error)
{
	struct peal_farline_hello hello = {.size = args->size,
		.mtu = args->mtu,
		.is_alone = args->is_alone,
		.is_sealed = args->is_sealed};

	(void)snprintf(hello.command, sizeof(hello.command), "%s", args->command);
	memcpy(hello.raw_keys, stage->shared->raw_keys, sizeof(hello.raw_keys));
	stage->sides_end = 1;
	return peal_farline_connect(&stage->line, args->to, error) &&
	       peal_farline_send_hello(&stage->line, &hello, error) &&
	       peal_farline_receive_hello(&stage->line, &hello, error);
}

static bool
join_far(struct peal_stage *stage, const struct peal_benchargs *args, struct peal_sentence *error)
{
	(void)signal(SIGPIPE, SIG_IGN);
	if (args->far_hello == NULL) {
		if (!call_far(stage, args, error)) {
			return false;
		}
	} else {
		stage->first_side = 1;
		stage->line.fd = args->far_fd;
		memcpy(stage->shared->raw_keys, args->far_hello->raw_keys,
			sizeof(stage->shared->raw_keys));
	}
	for (uint32_t side = 0; side < PEAL_BENCHARGS_SIDES_COUNT; side++) {
		peal_stage_mirror(stage, side, &stage->shared->far[side],
			(uint32_t)sizeof(stage->shared->far[side]));
	}
	return true;
}

bool
peal_stage_prepare(
	struct peal_stage *stage, const struct peal_benchargs *args, struct peal_sentence *error)
{
	pid_t asking_pid = getpid();

	*stage = (struct peal_stage){
		.link = args->link,
		.sides_end = PEAL_BENCHARGS_SIDES_COUNT,
		.line = {.fd = -1},
		.shared = peal_stage_share(sizeof(*stage->shared)),
	};
	if (stage->shared == NULL ||
		getrandom(stage->shared->raw_keys, sizeof(stage->shared->raw_keys), 0) !=
			(ssize_t)sizeof(stage->shared->raw_keys)) {
		return peal_sentence_set(error, "there is no memory left");
	}
	if (args->link == PEAL_BENCHARGS_AF_PACKET && !peal_vethpair_create(args->mtu, error)) {
		return false;
	}
	if (args->link == PEAL_BENCHARGS_VHOST && !make_folder(stage, error)) {
		return false;
	}
	stage->line_rtt_ns = peal_linelap_measure(args->cpus, peal_ctrlc_has_come);
	if (is_far(stage)) {
		if (!join_far(stage, args, error)) {
			return false;
		}
	} else if (peal_benchargs_is_split(args->link) && !split(stage, error)) {
		remove_folder(stage);
		return false;
	}
	configure_eal(stage, args, asking_pid);
	return true;
}

bool
peal_stage_start_eal(struct peal_stage *stage, struct peal_sentence *error)
{
	return (peal_stage_is_second(stage) || peal_stage_await(stage, PEAL_STAGE_OPEN, error)) &&
	       peal_eal_start(&stage->eal, error);
}

bool
peal_stage_is_second(const struct peal_stage *stage)
{
	return stage->first_side != 0;
}

unsigned int
peal_stage_lcore(const struct peal_stage *stage, uint32_t side)
{
	return side - stage->first_side + 1U;
}

void
peal_stage_reach(struct peal_stage *stage, enum peal_stage_point point)
{
	for (uint32_t side = stage->first_side; side < stage->sides_end; side++) {
		atomic_store_explicit(
			&stage->shared->points[side], (uint32_t)point, memory_order_release);
	}
	if (is_far(stage)) {
		(void)pump(stage, true);
	}
}

/* The other machine has failed, or is gone before it said that it was done. */
static bool
is_far_broken(struct peal_stage *stage, struct peal_sentence *error)
{
	bool is_there = pump(stage, false);
	const uint32_t other = 1U - own_side(stage);
	uint32_t point = atomic_load(&stage->shared->points[other]);

	error->text[0] = '\0';
	if (point == (uint32_t)PEAL_STAGE_FAILED) {
		char *text = stage->shared->far[other].error;

		text[sizeof(stage->shared->far[other].error) - 1U] = '\0';
		return !peal_sentence_set(error, "the other machine: %s",
			text[0] == '\0' ? "it was interrupted" : text);
	}
	if (!is_there && point < (uint32_t)PEAL_STAGE_STOPPED) {
		return !peal_sentence_set(error, "the other machine is gone");
	}
	return false;
}

static uint32_t
point_of_other(const struct peal_stage *stage)
{
	return atomic_load_explicit(
		&stage->shared->points[peal_stage_is_second(stage) ? 0 : 1], memory_order_acquire);
}

bool
peal_stage_is_broken(struct peal_stage *stage, struct peal_sentence *error)
{
	int status = 0;

	if (!peal_benchargs_is_split(stage->link)) {
		return false;
	}
	if (is_far(stage)) {
		return is_far_broken(stage, error);
	}
	error->text[0] = '\0';
	if (point_of_other(stage) == PEAL_STAGE_FAILED) {
		*error = stage->shared->error;
		return true;
	}
	if (stage->other_pid > 0 &&
		waitpid(stage->other_pid, &status, WNOHANG) == stage->other_pid) {
		stage->other_pid = 0;
		/* It may have said why just before it went. */
		if (point_of_other(stage) == PEAL_STAGE_FAILED) {
			*error = stage->shared->error;
		} else if (WIFSIGNALED(status)) {
			(void)peal_sentence_set(error,
				"the answering process was ended by signal %d (%s)",
				WTERMSIG(status), strsignal(WTERMSIG(status)));
		} else {
			(void)peal_sentence_set(error, "the answering process ended early");
		}
		return true;
	}
	return false;
}

bool
peal_stage_await(struct peal_stage *stage, enum peal_stage_point point, struct peal_sentence *error)
{
	uint64_t give_up_at_ns = read_now_ns() + AWAIT_NS_MAX;

	error->text[0] = '\0';
	if (!peal_benchargs_is_split(stage->link)) {
		return true;
	}
	while (!peal_ctrlc_has_come()) {
		uint32_t reached = point_of_other(stage);

		if (reached >= (uint32_t)point && reached != PEAL_STAGE_FAILED) {
			return true;
		}
		if (peal_stage_is_broken(stage, error)) {
			return false;
		}
		if (read_now_ns() > give_up_at_ns) {
			return peal_sentence_set(error,
				"the two processes did not come together in %u s; is the machine "
				"overloaded?",
				(unsigned int)(AWAIT_NS_MAX / SECOND_NS));
		}
		peal_ctrlc_sleep(POLL_NS);
	}
	return false;
}

void
peal_stage_await_stop(struct peal_stage *stage)
{
	uint64_t give_up_at_ns = read_now_ns() + END_NS_MAX;
	const struct timespec pause = {.tv_nsec = (long)POLL_NS};

	while (is_far(stage) && point_of_other(stage) < PEAL_STAGE_STOPPED && pump(stage, false) &&
		read_now_ns() < give_up_at_ns) {
		(void)nanosleep(&pause, NULL);
	}
	while (stage->other_pid > 0 && point_of_other(stage) < PEAL_STAGE_STOPPED &&
		kill(stage->other_pid, 0) == 0 && read_now_ns() < give_up_at_ns) {
		(void)nanosleep(&pause, NULL);
	}
}

void
peal_stage_enter(void *argument)
{
	struct peal_stage *stage = argument;
	uint32_t side = rte_lcore_id() - 1U + stage->first_side;
	int result;

	PEAL_ASSERT(side < stage->sides_end);
	result = pthread_getcpuclockid(pthread_self(), &stage->clocks[side]);
	PEAL_ASSERT(result == 0);
	if (is_far(stage)) {
		/* The other loop's time is not to be had here. */
		stage->clocks[1U - side] = stage->clocks[side];
	}
	atomic_fetch_add_explicit(&stage->shared->entered_count, 1U, memory_order_release);
}

bool
peal_stage_is_entered(const struct peal_stage *stage)
{
	if (is_far(stage)) {
		return atomic_load(&stage->shared->entered_count) == 1U &&
		       atomic_load(&stage->shared->far[1U - own_side(stage)].entered) == 1U;
	}
	return atomic_load_explicit(&stage->shared->entered_count, memory_order_acquire) ==
	       PEAL_BENCHARGS_SIDES_COUNT;
}

/* Waits for the end of the second process, and sees to it that there is one. */
static void
part_from_second(struct peal_stage *stage)
{
	uint64_t give_up_at_ns = read_now_ns() + END_NS_MAX;
	const struct timespec pause = {.tv_nsec = (long)POLL_NS};

	while (stage->other_pid > 0) {
		pid_t pid = waitpid(stage->other_pid, NULL, WNOHANG);

		if (pid == stage->other_pid || (pid < 0 && errno != EINTR)) {
			stage->other_pid = 0;
		} else if (read_now_ns() > give_up_at_ns) {
			(void)kill(stage->other_pid, SIGKILL);
		}
		(void)nanosleep(&pause, NULL);
	}
}

bool
peal_stage_is_closing(const struct peal_stage *stage)
{
	return !peal_benchargs_is_split(stage->link) || is_far(stage);
}

void
peal_stage_end(struct peal_stage *stage, const struct peal_sentence *error)
{
	bool is_good = error->text[0] == '\0' && !peal_ctrlc_has_come();

	if (peal_stage_is_second(stage)) {
		if (!is_good) {
			stage->shared->error = *error;
			(void)snprintf(stage->shared->far[1].error,
				sizeof(stage->shared->far[1].error), "%.255s", error->text);
			peal_stage_reach(stage, PEAL_STAGE_FAILED);
		}
		peal_eal_clear_disk();
		_exit(is_good ? 0 : 1);
	}
	if (stage->shared != NULL) {
		/* Whatever the second one waits for, there is nothing to wait for. */
		peal_stage_reach(stage, is_good ? PEAL_STAGE_STOPPED : PEAL_STAGE_FAILED);
	}
	peal_farline_close(&stage->line);
	part_from_second(stage);
	if (peal_stage_is_closing(stage)) {
		peal_eal_stop();
	} else {
		peal_eal_clear_disk();
	}
	remove_folder(stage);
}

uint64_t
peal_stage_warm_up_count(const struct peal_benchargs *args)
{
	uint64_t count = WARM_UP_NS / args->interval_ns;

	return count < WARM_UP_COUNT_MIN ? WARM_UP_COUNT_MIN : count;
}
