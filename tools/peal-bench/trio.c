/* SPDX-License-Identifier: BSD-3-Clause */
#include "tools/peal-bench/trio.h"

#include "tools/peal-bench/ctrlc.h"
#include "tools/peal-bench/program.h"
#include "tools/peal-bench/stage.h"
#include "tools/peal-bench/vethpair.h"

#include <errno.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define BRIDGE        "bridge"
#define POLL_NS       UINT64_C(2000000)
#define START_NS_MAX  UINT64_C(20000000000)
#define END_NS_MAX    UINT64_C(5000000000)
#define SECOND_NS     UINT64_C(1000000000)
#define TEXT_SIZE_MAX 32U
#define STATUS_FAILED 1

static uint64_t
read_now_ns(void)
{
	struct timespec now;

	(void)clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * SECOND_NS + (uint64_t)now.tv_nsec;
}

void
peal_trio_reach(struct peal_trio_shared *shared, uint32_t node, enum peal_trio_point point)
{
	atomic_store_explicit(&shared->points[node], (uint32_t)point, memory_order_release);
}

bool
peal_trio_is_reached(const struct peal_trio_shared *shared, enum peal_trio_point point)
{
	for (uint32_t i = 0; i < PEAL_TRIO_NODES_COUNT; i++) {
		if (atomic_load_explicit(&shared->points[i], memory_order_acquire) <
			(uint32_t)point) {
			return false;
		}
	}
	return true;
}

bool
peal_trio_is_ending(const struct peal_trio_shared *shared)
{
	return atomic_load_explicit(&shared->is_ending, memory_order_relaxed);
}

static bool
run_ip(const char *const *words, struct peal_sentence *error)
{
	struct peal_program program = {.name = "ip", .words = words};

	return peal_program_run(&program, NULL, error);
}

/* --- the process of a node --- */

static bool
set_up(uint32_t node, const struct peal_trio_config *config, struct peal_sentence *error)
{
	char address[TEXT_SIZE_MAX], size[TEXT_SIZE_MAX];
	const char *const loopback[] = {"ip", "link", "set", "lo", "up", NULL};
	const char *const add[] = {
		"ip", "address", "add", address, "dev", PEAL_TRIO_INTERFACE, NULL};
	const char *const widen[] = {"ip", "link", "set", PEAL_TRIO_INTERFACE, "mtu", size, NULL};
	const char *const up[] = {"ip", "link", "set", PEAL_TRIO_INTERFACE, "up", NULL};

	(void)snprintf(address, sizeof(address), "10.78.0.%u/24", (unsigned)(node + 1U));
	(void)snprintf(size, sizeof(size), "%u", (unsigned)config->mtu);
	return run_ip(loopback, error) && (config->mtu == 0 || run_ip(widen, error)) &&
	       (config->is_bare || run_ip(add, error)) && run_ip(up, error);
}

static bool
become(struct peal_trio_shared *shared, const struct peal_trio_config *config, uint32_t node,
	struct peal_sentence *error)
{
	int flags = CLONE_NEWNET | (config->has_own_files ? CLONE_NEWNS : 0);

	if (unshare(flags) != 0) {
		return peal_sentence_set(error,
			"%s needs namespaces of its own (%s); run it as root", config->who,
			strerror(errno));
	}
	if (config->has_own_files &&
		mount("none", "/", NULL, (unsigned long)(MS_REC | MS_PRIVATE), NULL) != 0) {
		return peal_sentence_set(
			error, "the files of a node cannot be its own (%s)", strerror(errno));
	}
	peal_vethpair_quieten();
	peal_trio_reach(shared, node, PEAL_TRIO_APART);
	while (!atomic_load_explicit(&shared->is_wired, memory_order_acquire)) {
		if (peal_trio_is_ending(shared)) {
			return true;
		}
		peal_ctrlc_sleep(POLL_NS);
	}
	if (!set_up(node, config, error)) {
		return false;
	}
	peal_trio_reach(shared, node, PEAL_TRIO_BEGUN);
	return config->live(config->state, node, error);
}

static void
begin_life(struct peal_trio_shared *shared, const struct peal_trio_config *config, uint32_t node,
	pid_t parent)
{
	struct peal_sentence error = {.text = ""};
	bool is_good;

	(void)prctl(PR_SET_PDEATHSIG, (unsigned long)SIGKILL, 0UL, 0UL, 0UL);
	(void)signal(SIGINT, SIG_IGN);
	(void)signal(SIGHUP, SIG_IGN);
	if (getppid() != parent) {
		_exit(STATUS_FAILED);
	}
	is_good = become(shared, config, node, &error);
	if (!is_good) {
		shared->errors[node] = error;
		peal_trio_reach(shared, node, PEAL_TRIO_FAILED);
	}
	_exit(is_good ? 0 : STATUS_FAILED);
}

/* --- who starts them --- */

static bool
wire(struct peal_trio *trio, uint16_t mtu, struct peal_sentence *error)
{
	static const char *const add[] = {
		"ip", "link", "add", "name", BRIDGE, "type", "bridge", NULL};
	static const char *const up[] = {"ip", "link", "set", BRIDGE, "up", NULL};

	if (!run_ip(add, error) || !run_ip(up, error)) {
		return false;
	}
	for (uint32_t i = 0; i < PEAL_TRIO_NODES_COUNT; i++) {
		char pid[TEXT_SIZE_MAX], name[TEXT_SIZE_MAX], size[TEXT_SIZE_MAX];
		const char *const link[] = {"ip", "link", "add", "name", name, "numtxqueues", "1",
			"numrxqueues", "1", "type", "veth", "peer", "name", PEAL_TRIO_INTERFACE,
			"numtxqueues", "1", "numrxqueues", "1", "netns", pid, NULL};
		const char *const widen[] = {"ip", "link", "set", name, "mtu", size, NULL};
		const char *const join[] = {
			"ip", "link", "set", name, "master", BRIDGE, "up", NULL};

		(void)snprintf(size, sizeof(size), "%u", (unsigned)mtu);
		(void)snprintf(pid, sizeof(pid), "%d", (int)trio->pids[i]);
		(void)snprintf(name, sizeof(name), "node%u", (unsigned)(i + 1U));
		if (!run_ip(link, error) || (mtu > 0 && !run_ip(widen, error)) ||
			!run_ip(join, error)) {
			return false;
		}
	}
	atomic_store_explicit(&trio->shared->is_wired, true, memory_order_release);
	return true;
}

bool
peal_trio_start(
	struct peal_trio *trio, const struct peal_trio_config *config, struct peal_sentence *error)
{
	pid_t parent = getpid();

	*trio = (struct peal_trio){.shared = peal_stage_share(sizeof(*trio->shared))};
	if (trio->shared == NULL) {
		return peal_sentence_set(error, "there is no memory left");
	}
	if (!peal_program_exists("ip")) {
		return peal_sentence_set(error,
			"%s needs the program ip; install the package iproute2", config->who);
	}
	if (!peal_vethpair_enter_namespace(config->who, error)) {
		return false;
	}
	peal_vethpair_quieten();
	(void)fflush(NULL);
	for (uint32_t i = 0; i < PEAL_TRIO_NODES_COUNT; i++) {
		pid_t pid = fork();

		if (pid < 0) {
			return peal_sentence_set(error,
				"a process of a node could not be made (%s)", strerror(errno));
		}
		if (pid == 0) {
			begin_life(trio->shared, config, i, parent);
		}
		trio->pids[i] = pid;
	}
	return peal_trio_await(trio, PEAL_TRIO_APART, START_NS_MAX, NULL, NULL, error) &&
	       wire(trio, config->mtu, error) &&
	       peal_trio_await(trio, PEAL_TRIO_BEGUN, START_NS_MAX, NULL, NULL, error);
}

/* False with a sentence when a node is there no more. */
static bool
check_nodes(struct peal_trio *trio, struct peal_sentence *error)
{
	for (uint32_t i = 0; i < PEAL_TRIO_NODES_COUNT; i++) {
		bool is_gone = trio->pids[i] == 0 || waitpid(trio->pids[i], NULL, WNOHANG) != 0;

		trio->pids[i] = is_gone ? 0 : trio->pids[i];
		if (atomic_load_explicit(&trio->shared->points[i], memory_order_acquire) ==
			(uint32_t)PEAL_TRIO_FAILED) {
			*error = trio->shared->errors[i];
			return false;
		}
		if (is_gone) {
			return peal_sentence_set(
				error, "the process of node %u ended early", (unsigned)(i + 1U));
		}
	}
	return true;
}

bool
peal_trio_await(struct peal_trio *trio, enum peal_trio_point point, uint64_t patience_ns,
	void (*wait)(void *state), void *state, struct peal_sentence *error)
{
	uint64_t began_ns = read_now_ns();

	while (!peal_trio_is_reached(trio->shared, point)) {
		if (peal_ctrlc_has_come()) {
			error->text[0] = '\0';
			return false;
		}
		if (!check_nodes(trio, error)) {
			return false;
		}
		if (read_now_ns() - began_ns > patience_ns) {
			return peal_sentence_set(
				error, "a node did not come to point %d in time", (int)point);
		}
		if (wait != NULL) {
			wait(state);
		}
		peal_ctrlc_sleep(POLL_NS);
	}
	/* A failure is beyond every point. */
	return check_nodes(trio, error);
}

void
peal_trio_end(struct peal_trio *trio)
{
	uint64_t began_ns = read_now_ns();

	if (trio->shared == NULL) {
		return;
	}
	atomic_store_explicit(&trio->shared->is_ending, true, memory_order_relaxed);
	for (uint32_t i = 0; i < PEAL_TRIO_NODES_COUNT; i++) {
		bool is_told = false;

		while (trio->pids[i] != 0 && waitpid(trio->pids[i], NULL, WNOHANG) == 0) {
			struct timespec pause = {.tv_nsec = (long)POLL_NS};

			if (!is_told && read_now_ns() - began_ns > END_NS_MAX) {
				is_told = true;
				(void)kill(trio->pids[i], SIGKILL);
			}
			(void)nanosleep(&pause, NULL);
		}
		trio->pids[i] = 0;
	}
}
