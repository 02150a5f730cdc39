/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Virtual time: a heap of events, and a clock that only moves when an event is taken.
 *
 * Two events at one instant are taken in the order in which they were added, so a run is a function
 * of its seed and of nothing else. An event cannot be cancelled: whoever changed his mind remembers
 * the instant he waits for and ignores any other. Memory: one array from the heap of the process,
 * doubled when full. Thread: the one of the run.
 */
#ifndef PEAL_SIM_SIMTIME_H
#define PEAL_SIM_SIMTIME_H

#include <stdbool.h>
#include <stdint.h>

/* What an event is about; simworld.c carries it out. */
enum peal_simevent_kind {
	PEAL_SIMEVENT_FRAME = 1, /* frame `value` reaches port `actor` */
	PEAL_SIMEVENT_TURN = 2,  /* the core of shard `value` of node `actor` takes a turn */
	PEAL_SIMEVENT_STEP = 3,  /* the control half of node `actor` takes a step */
};

struct peal_simevent {
	uint64_t at_ns;
	uint64_t seq; /* order of adding */
	uint32_t value;
	uint16_t actor;
	uint16_t kind; /* enum peal_simevent_kind */
};

struct peal_simtime {
	uint64_t now_ns;
	uint64_t next_seq;
	uint32_t count;
	uint32_t capacity;
	struct peal_simevent *heap; /* [capacity], smallest (at_ns, seq) first */
};

void peal_simtime_init(struct peal_simtime *time, uint64_t now_ns);
void peal_simtime_fini(struct peal_simtime *time);

/* Adds an event at `at_ns`, which must not be in the past. O(log count). */
void peal_simtime_add(struct peal_simtime *time, uint64_t at_ns, enum peal_simevent_kind kind,
	uint16_t actor, uint32_t value);

/*
 * Takes the next event that is due at or before `until_ns` and moves the clock to it.
 * @return false when there is none; the clock then stands at `until_ns`
 */
bool peal_simtime_take(
	struct peal_simtime *time, uint64_t until_ns, struct peal_simevent *event_out);

#endif
