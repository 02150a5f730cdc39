/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Two members of a fixed view that talk over a channel, each on a poll loop of its own, over any
 * link: what message and throughput have in common.
 *
 * A turn of a loop: what the part of this side wants to do, one turn of the core, its figures into
 * the tally, idling when there was nothing, one read of the clock. On links that join processes
 * each process has one of the two. Main thread, but for the functions of the parts.
 */
#ifndef PEAL_PEAL_BENCH_TALK_H
#define PEAL_PEAL_BENCH_TALK_H

#include "tools/peal-bench/machine.h"
#include "tools/peal-bench/pairmember.h"
#include "tools/peal-bench/stage.h"

/* What one side does, on its lcore. */
struct peal_talk_part {
	/* Before each turn; the channel is open. Returns what there was to do, 0 = nothing. */
	uint32_t (*step)(void *state, struct peal_pairmember *member, uint64_t now_ns);
	/* When it wants to be called again at the latest; NULL = never on its own. */
	uint64_t (*find_deadline_ns)(const void *state);
	struct peal_pairmember_user user;
};

/*
 * What a side has done, for any process to read. Written by its loop after each turn in which there
 * was something to do.
 */
struct peal_talk_tally {
	alignas(64) _Atomic uint64_t turned_at_ns; /* the values below are those of this instant */
	_Atomic uint64_t delivered_count;          /* messages */
	_Atomic uint64_t frames_sent;              /* of channels */
	_Atomic uint64_t frames_repeated;
	_Atomic uint64_t frames_dropped; /* that found no room */
	_Atomic uint64_t gaps_count;     /* turns above PEAL_OUTCOME_GAP_NS */
	_Atomic uint64_t longest_gap_ns;
	_Atomic uint16_t path_mtu;              /* proven, of what this side sends */
	_Atomic bool is_ended;                  /* the channel is no more */
	alignas(64) _Atomic bool is_stopping;   /* written by the other side's process */
	alignas(64) _Atomic uint64_t unused[8]; /* whatever follows has its own line */
};

struct peal_talk;

struct peal_talk_play {
	const struct peal_benchargs *args;
	bool is_coalescing;
	struct peal_talk_part parts[PEAL_BENCHARGS_SIDES_COUNT];
	/* Main thread of the asking process, once both loops turn. False with a sentence. */
	bool (*measure)(void *state, struct peal_talk *talk, struct peal_sentence *error);
	void *state;
};

/* Fields are private, but for reading. */
struct peal_talk {
	const struct peal_talk_play *play;
	struct peal_stage stage;
	struct peal_talk_tally *tallies; /* [PEAL_BENCHARGS_SIDES_COUNT], seen by both processes */
	const char *aead_name;           /* NULL = not sealed */
};

/*
 * The whole life of a command: processes, EAL, ports, members, loops, `measure`, and their end.
 * Once in a process. `play` and what it names outlive it.
 * @return false with a sentence; empty when Ctrl-C came
 */
bool peal_talk_run(const struct peal_talk_play *play, struct peal_sentence *error);

/* Wakes the asking loop when it sleeps: something was asked of it. */
void peal_talk_ring(void);

/* In measure, while waiting: false when the play cannot go on, with a sentence or Ctrl-C. Keeps the
 * clock in step. */
bool peal_talk_is_well(struct peal_talk *talk, struct peal_sentence *error);

/*
 * In measure, after the warm-up: the largest packet that both ways have proven by probes, as any
 * two members do. False with a sentence when --mtu asked for more than that.
 */
bool peal_talk_find_path(
	struct peal_talk *talk, uint16_t *path_mtu_out, struct peal_sentence *error);

/* Turns that were too long, and the longest, of both loops. */
uint64_t peal_talk_gaps_count(const struct peal_talk *talk);
uint64_t peal_talk_longest_gap_ns(const struct peal_talk *talk);

#endif
