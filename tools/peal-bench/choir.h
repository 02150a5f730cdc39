/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Members of one view on a switch in memory: the first alone on one loop, all others together on a
 * second one. What cast measures with; see castbench.h.
 *
 * Main thread, but for what the loops call: step on the first lcore, deliver on both.
 */
#ifndef PEAL_PEAL_BENCH_CHOIR_H
#define PEAL_PEAL_BENCH_CHOIR_H

#include "dataplane/dpdk/idle.h"
#include "dataplane/dpdk/port_ring.h"
#include "tools/benchlib/fixedmember.h"
#include "tools/peal-bench/stage.h"

struct peal_choir;

struct peal_choir_user {
	/* Before each turn of the first member. Returns what there was to do, 0 = nothing. */
	uint32_t (*step)(void *state, struct peal_fixedmember *first);
	/* When it wants to be called again at the latest. */
	uint64_t (*find_deadline_ns)(const void *state);
	/* A whole message of the first member is given to another one, or to itself. */
	void (*deliver)(void *state, uint32_t rank, const struct peal_delivery *delivery);
	void *state;
};

/* A member and what its core needs. */
struct peal_choir_singer {
	struct peal_choir *choir;
	uint32_t rank;
	struct peal_fixedmember member;
};

/* Fields are private, but for reading. */
struct peal_choir {
	const struct peal_benchargs *args;
	struct peal_choir_user user;
	struct peal_stage stage;
	struct peal_port_ring *ring;
	struct peal_timing timing;
	struct peal_aead aeads[PEAL_BENCHARGS_SIDES_COUNT]; /* of each loop */
	struct peal_aead_key keys[PEAL_FIXEDMEMBER_COUNT_MAX];
	struct peal_choir_singer *singers; /* [args->nodes_count] */
	struct peal_doorbell doorbells[PEAL_BENCHARGS_SIDES_COUNT];
	struct peal_idle idles[PEAL_BENCHARGS_SIDES_COUNT];
	_Atomic bool is_stopping;
	_Atomic uint64_t gaps_count;
	_Atomic uint64_t longest_gap_ns;
	/* Cycles of turns of the first loop that found work; read it while nothing is cast. */
	_Atomic uint64_t busy_cycles;
};

/*
 * The whole life of it: EAL, members, loops; `measure` on the main thread once both loops turn; and
 * the end. Once in a process.
 * @return false with a sentence; empty when Ctrl-C came
 */
bool peal_choir_run(struct peal_choir *choir, const struct peal_benchargs *args,
	const struct peal_choir_user *user,
	bool (*measure)(void *state, struct peal_choir *choir, struct peal_sentence *error),
	struct peal_sentence *error);

/* Wakes the first loop when it sleeps: something was asked of it. */
void peal_choir_ring(struct peal_choir *choir);

#endif
