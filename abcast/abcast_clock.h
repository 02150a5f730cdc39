/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Time stamps of one rank: a hybrid clock, which follows time when time goes on, and counts when it
 * does not.
 *
 * Stamps decide who is first, never whether something is safe: the clock behind may step, drift or
 * stand. A stamp of this rank is above all that it ever gave, promised or followed. One of others
 * is followed unless it is PEAL_ORDER_FUTURE_NS ahead of both time and what was followed before:
 * one wrong clock must not carry the others away at once.
 *
 * Pure; plain struct; fields private but `offset_ns`, which whoever keeps the clock sets at any
 * time.
 */
#ifndef PEAL_ABCAST_ABCAST_CLOCK_H
#define PEAL_ABCAST_ABCAST_CLOCK_H

#include "base/orderlimits.h"

#include <stdbool.h>
#include <stdint.h>

struct peal_abcast_clock {
	uint64_t stamp;    /* the latest given, promised or followed */
	int64_t offset_ns; /* of the time that all ranks try to share, to `now_ns` */
};

/* The shared time at `now_ns`, [1, PEAL_ORDER_STAMP_MAX / 2]. */
uint64_t peal_abcast_clock_time(const struct peal_abcast_clock *clock, uint64_t now_ns);
/* A stamp that was never given before. */
uint64_t peal_abcast_clock_next(struct peal_abcast_clock *clock, uint64_t now_ns);
/* A stamp below which none will be given any more; it is not given itself. */
uint64_t peal_abcast_clock_promise(struct peal_abcast_clock *clock, uint64_t now_ns);
/* Another rank gave `stamp`. False: too far ahead, not followed. */
bool peal_abcast_clock_hear(struct peal_abcast_clock *clock, uint64_t stamp, uint64_t now_ns);
/* All were told that nothing at or below `stamp` comes: it is followed, however far ahead. */
void peal_abcast_clock_raise(struct peal_abcast_clock *clock, uint64_t stamp);

#endif
