/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The poll loop: one turn of every core of this lcore, then as idle as the turns were.
 *
 * A core here is (node, shard). The list is fixed while the loop runs; a single core can be halted,
 * which to the rest of its cluster looks like a crash. The clock is read once for all cores of a
 * round. In the dedicated role the loop makes no syscall, and never allocates, logs or locks in
 * either role. Memory: the caller's. Threads: added to and started from the main thread, run on the
 * lcore.
 *
 * An lcore that may sleep and has many cores, all of which are rung at when there is something for
 * them, does not turn those that have nothing to do: a round is one turn of each core that was rung
 * at, has a timer that is due, or had more to do than fitted its last turn. So a wake-up costs what
 * it brings, not what the lcore carries.
 */
#ifndef PEAL_DPDK_LCORE_H
#define PEAL_DPDK_LCORE_H

#include "base/counters.h"
#include "base/deadlines.h"
#include "dataplane/core.h"
#include "dataplane/dpdk/idle.h"

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#define PEAL_LCORE_CORES_MAX PEAL_RESIDENTS_MAX

/* Called on the lcore before the first round and after the last; for tests. */
typedef void (*peal_lcore_hook_fn)(void *argument);

/* Fields are private, but for counters, which any thread may read. */
struct peal_lcore {
	struct peal_counters counters; /* TURNS of rounds and where their time went */
	struct peal_idle idle;
	struct peal_doorbell doorbell;
	unsigned int lcore_id;
	uint32_t cores_count;
	struct peal_core *cores[PEAL_LCORE_CORES_MAX];
	_Atomic bool is_halted[PEAL_LCORE_CORES_MAX];
	bool is_selective;                         /* turns only who has something to do */
	struct peal_deadlines deadlines;           /* when cores are due */
	struct peal_deadlines wakes;               /* until when they let the thread sleep */
	uint64_t unfinished[PEAL_RESIDENTS_WORDS]; /* cores with more to do */
	_Atomic bool is_stopping;
	_Atomic bool has_ended; /* what the loop wrote can be read now */
	bool is_running;
	uint64_t polled_at_ns; /* polled by somebody else: when the last round ended; 0 = never */
	peal_lcore_hook_fn on_enter;
	peal_lcore_hook_fn on_leave;
	void *hook_argument;
};

/* False with a sentence. `lcore_id` is a worker lcore of EAL. */
bool peal_lcore_init(struct peal_lcore *lcore, unsigned int lcore_id, enum peal_idle_role role,
	struct peal_sentence *error);
/* The loop has stopped. Safe on a zeroed one. */
void peal_lcore_fini(struct peal_lcore *lcore);

/* What producers ring at for the core that is added next. */
struct peal_bell peal_lcore_next_bell(struct peal_lcore *lcore);

/* Before start, or the first poll. Returns the place of the core in the list, for halt. */
uint32_t peal_lcore_add(struct peal_lcore *lcore, struct peal_core *core);

/* From now on the core makes no more turns; what is under way ends first. Any thread. */
void peal_lcore_halt(struct peal_lcore *lcore, uint32_t place);

/* Takes that back, for a core that was halted before it ever made a turn. Any thread. */
void peal_lcore_release(struct peal_lcore *lcore, uint32_t place);

/*
 * In the place of start and stop, where the thread belongs to somebody else: one round, on whatever
 * thread calls, one at a time. Never sleeps. Returns the work found.
 */
uint32_t peal_lcore_poll(struct peal_lcore *lcore);
/*
 * For how long that thread may sleep now, in ns; 0: not at all, poll again. Makes a round. From
 * then until the next poll whoever has something for the cores rings.
 */
uint64_t peal_lcore_rest(struct peal_lcore *lcore);

/* Starts the loop on its lcore. */
void peal_lcore_start(struct peal_lcore *lcore);
/* Ends the loop and waits for it. Does nothing when it does not run. */
void peal_lcore_stop(struct peal_lcore *lcore);

#endif
