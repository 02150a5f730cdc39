/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Time stamps of one rank: a hybrid clock, which follows time when time goes on, and counts when it
 * does not.
 *
 * Stamps decide who is first, never whether something is safe: the clock behind may step, drift or
 * stand. A stamp of this rank is above all that it ever gave, promised or followed. One of others
 * is followed unless it is PEAL_ORDER_FUTURE_NS ahead of both time and what was followed before:
 * one wrong clock must not carry the others away at once. Nothing that is followed, heard or raised
 * to is more than PEAL_ORDER_AHEAD_NS_MAX ahead of time, which whoever takes frames in sees to; so
 * no stamp that is given comes near PEAL_ORDER_STAMP_MAX.
 *
 * A promise may be ahead of time: who has nothing to say can know that. It is counted from time,
 * its own or that of others, never from stamps: else two ranks that follow each other's promises
 * would run away.
 *
 * Time is this node's own clock and a shift, which is what the ranks agree on (abcast_sync.h).
 *
 * Pure; plain struct; fields private but `offset_ns` and `shift_ns`, which whoever keeps the clock
 * sets at any time.
 */
#ifndef PEAL_ABCAST_ABCAST_CLOCK_H
#define PEAL_ABCAST_ABCAST_CLOCK_H

#include "base/orderlimits.h"

#include <stdbool.h>
#include <stdint.h>

struct peal_abcast_clock {
	uint64_t stamp;    /* the latest given or followed */
	uint64_t promised; /* all that is given from now on is above this, too */
	uint64_t heard;    /* the latest time of another rank that was followed */
	int64_t offset_ns; /* of this node's own clock, to `now_ns` */
	int64_t shift_ns;  /* of the time that all ranks share, to that; at most AHEAD_NS_MAX */
};

/* This node's own clock at `now_ns`, [1, PEAL_ORDER_STAMP_MAX / 2]. */
uint64_t peal_abcast_clock_own(const struct peal_abcast_clock *clock, uint64_t now_ns);
/* The shared time at `now_ns`, [1, PEAL_ORDER_STAMP_MAX / 2]. */
uint64_t peal_abcast_clock_time(const struct peal_abcast_clock *clock, uint64_t now_ns);
/* A stamp that was never given before. */
uint64_t peal_abcast_clock_next(struct peal_abcast_clock *clock, uint64_t now_ns);
/* A stamp below which none will be given any more, `ahead_ns` from now; it is not given itself. */
uint64_t peal_abcast_clock_promise(
	struct peal_abcast_clock *clock, uint64_t now_ns, uint64_t ahead_ns);
/* Another rank gave `stamp`. False: too far ahead, not followed. */
bool peal_abcast_clock_hear(struct peal_abcast_clock *clock, uint64_t stamp, uint64_t now_ns);
/* It was `time` at another rank; 0 = it did not say. False: as above. */
bool peal_abcast_clock_hear_time(struct peal_abcast_clock *clock, uint64_t time, uint64_t now_ns);
/* All were told that nothing at or below `stamp` comes: it is followed, however far ahead. */
void peal_abcast_clock_raise(struct peal_abcast_clock *clock, uint64_t stamp);

/* What this rank gives from now on is above this. */
static inline uint64_t
peal_abcast_clock_floor(const struct peal_abcast_clock *clock)
{
	return clock->stamp > clock->promised ? clock->stamp : clock->promised;
}

#endif
