/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Many nodes of one group in this process: on one switch, one poll loop and one control thread,
 * which sleep when there is nothing to do. All know one seed, the first of them, which founds the
 * group alone. Frames are sealed under a key drawn for the run.
 *
 * Main thread. Instants are of CLOCK_MONOTONIC, as those of events are.
 */
#ifndef PEAL_PEAL_BENCH_CROWD_H
#define PEAL_PEAL_BENCH_CROWD_H

#include "runtime/runtime.h"

#include <time.h>

#define PEAL_CROWD_PREFIX_SIZE_MAX 32U

/* Fields are private, but runtime, nodes_count and is_dead. */
struct peal_crowd {
	struct peal_runtime *runtime;
	uint32_t nodes_count;
	uint32_t alive_count;
	bool is_dead[PEAL_RUNTIME_NODES_MAX]; /* or not there yet, or gone */
	int key_fd;
	char prefix[PEAL_CROWD_PREFIX_SIZE_MAX];
	clockid_t loop_clock; /* of the thread of the poll loop, once it runs */
	_Atomic bool is_entered;
};

/* Starts DPDK, without nodes yet. False with a sentence; close it in either case. */
bool peal_crowd_open(struct peal_crowd *crowd, uint32_t nodes_count, struct peal_sentence *error);
/* Adds the nodes; they do nothing yet. False with a sentence. */
bool peal_crowd_fill(
	struct peal_crowd *crowd, const struct peal_timing *timing, struct peal_sentence *error);
/* Starts them all. False with a sentence. */
bool peal_crowd_start(struct peal_crowd *crowd, struct peal_sentence *error);
void peal_crowd_close(struct peal_crowd *crowd);

/* Between fill and start: the node is not there until it is released. */
void peal_crowd_hold(struct peal_crowd *crowd, uint32_t index);
void peal_crowd_release(struct peal_crowd *crowd, uint32_t index);

/* The node asks to leave. It does not count as alive from now on. */
void peal_crowd_leave(struct peal_crowd *crowd, uint32_t index);
/* The node plays dead from now on. */
void peal_crowd_kill(struct peal_crowd *crowd, uint32_t index);

/* Nodes that live and are in a view of exactly those that live. */
uint32_t peal_crowd_count_settled(struct peal_crowd *crowd);
/* Epoch of the view of the first node that lives; 0 when it is no member. */
uint64_t peal_crowd_epoch(struct peal_crowd *crowd);

/* Sum of a counter over the cores of all nodes. */
uint64_t peal_crowd_sum(struct peal_crowd *crowd, enum peal_counter id);

/* Called for each event of a living node that happened at `from_ns` or later. */
typedef void (*peal_crowd_event_fn)(void *argument, uint32_t index, const struct peal_event *event);
void peal_crowd_tell_events(
	struct peal_crowd *crowd, uint64_t from_ns, peal_crowd_event_fn tell, void *argument);

/* The number of the member that the node is or was. */
uint64_t peal_crowd_mid(struct peal_crowd *crowd, uint32_t index);
/* Which AES-GCM seals the frames. Static. */
const char *peal_crowd_aead_name(struct peal_crowd *crowd);
/* Processor time that the poll loop has used. */
uint64_t peal_crowd_loop_cpu_ns(const struct peal_crowd *crowd);

#endif
