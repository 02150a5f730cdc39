/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The time that the ranks of a group share, as one of them sees it: by how much it shifts its own
 * clock.
 *
 * Each rank asks each other one what time it is, in rounds. It learns how far their own clocks are
 * apart (abcast_offset.h) and is told how far each shifts its own, so it knows what each takes for
 * the shared time. In each round it goes to the median of these, its own among them, of the ranks
 * that may send. One rank whose clock is wild, or that just began, goes to the others and moves
 * nobody; nothing is agreed on and nobody leads. With an even number that of the lower rank of the
 * two in the middle counts: both cannot meet half-way for ever. Who knows less than a majority
 * stays.
 *
 * What is found out is a little wrong, and wrong alike each time: whoever is asked has to wake up
 * first. So that this does not add up, a rank goes to others only by more than the error, which is
 * proof. What is less it takes from the median of the own clocks, which nobody moves.
 *
 * It steps, for stamps do not go back when time does. Only what was stamped far ahead of time
 * moves time ahead (peal_abcast_sync_raise), or all would count until time is there: by whole
 * multiples of PEAL_ABCAST_LED_NS, so that all still know what to take from the own clocks. If it
 * is between two of these, since another clock is the one in the middle now, it leans to the
 * nearest by PEAL_ABCAST_LEAN_PPM, at all ranks alike.
 *
 * Rounds follow each other by PEAL_ABCAST_ROUND_NS_MIN at first, and then by twice as much each
 * time, up to PEAL_ABCAST_ROUND_NS_MAX, as long as time moves by less than it may be wrong.
 *
 * Pure; plain struct; fields private but `rounds_at_ns`, `known` and `estimates`. Own clocks and
 * shared times are in ns below PEAL_ORDER_STAMP_MAX, shifts at most PEAL_ORDER_AHEAD_NS_MAX either
 * way; `now_ns` does not go back. Memory: 2 KB. O(ranks) but for a round, which is O(ranks^2).
 */
#ifndef PEAL_ABCAST_ABCAST_SYNC_H
#define PEAL_ABCAST_ABCAST_SYNC_H

#include "abcast/abcast_offset.h"

#define PEAL_ABCAST_LEAN_PPM     50U
#define PEAL_ABCAST_LED_NS       (UINT64_C(1) << 24) /* above PEAL_ORDER_FUTURE_NS */
#define PEAL_ABCAST_ROUND_NS_MIN UINT64_C(500000)
#define PEAL_ABCAST_ROUND_NS_MAX UINT64_C(32000000)

struct peal_abcast_fellow {
	struct peal_abcast_offset offset; /* of its own clock to this rank's */
	int64_t shift_ns;                 /* that it told last */
	uint64_t asked_at_ns;             /* by the own clock; 0 = nothing is to be answered */
};

struct peal_abcast_sync {
	struct peal_abcast_fellow fellows[PEAL_ORDER_RANKS_MAX];
	uint64_t pause_ns;
	uint64_t round_at_ns; /* the next one */
	uint64_t last_at_ns;  /* 0 = there was none */
	/* As of the last round: who is known, and how far their own clocks are ahead. */
	uint16_t known; /* ranks */
	struct peal_abcast_estimate estimates[PEAL_ORDER_RANKS_MAX];
};

/* Knows nothing. */
void peal_abcast_sync_init(struct peal_abcast_sync *sync);
/* A round is due at `at_ns`, if not before, and others soon after it. */
void peal_abcast_sync_hurry(struct peal_abcast_sync *sync, uint64_t at_ns);
/* Another process holds the rank, with another clock. */
void peal_abcast_sync_forget(struct peal_abcast_sync *sync, uint8_t rank);

/* A question leaves, when the own clock shows `own_ns`; one that is not answered is forgotten. */
void peal_abcast_sync_ask(struct peal_abcast_sync *sync, uint8_t rank, uint64_t own_ns);
/* A rank took `time_ns` for the shared time when its own clock showed `own_ns`. False: refused, it
 * shifts by too much. */
bool peal_abcast_sync_tell(
	struct peal_abcast_sync *sync, uint8_t rank, uint64_t own_ns, uint64_t time_ns);
/* An answer came to what was asked at `asked_at_ns`. NO_LAP: nobody waits for it. */
enum peal_abcast_noted peal_abcast_sync_answer(struct peal_abcast_sync *sync, uint8_t rank,
	uint64_t asked_at_ns, uint64_t answered_at_ns, uint64_t own_ns);

/* What a round is about. */
struct peal_abcast_round {
	uint16_t active; /* ranks that may send */
	uint8_t rank;    /* this one */
	int64_t shift_ns;
	uint64_t own_ns; /* its clock */
	uint64_t now_ns; /* of its timers */
};

/* A round. Returns the new shift. */
int64_t peal_abcast_sync_round(
	struct peal_abcast_sync *sync, const struct peal_abcast_round *round);

/* The shift with which a time is not behind a stamp that was given or followed, if it was by more
 * than PEAL_ORDER_FUTURE_NS; as far as shifts go. */
int64_t peal_abcast_sync_raise(int64_t shift_ns, uint64_t time_ns, uint64_t stamp);

#endif
