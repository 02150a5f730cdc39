/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * By how much the clock of one other rank is ahead, from questions that it answered.
 *
 * A question that left at t1 of the own clock, was answered when the other one showed t2, and was
 * back at t4, proves that the other is ahead by [t2 - t4, t2 - t1], whatever each way took and
 * whatever waited in between. The middle of it is the estimate, and half of it, which is half of
 * the round trip, the error. The two clocks may drift apart by PEAL_ABCAST_DRIFT_PPM: by so much
 * the error of what was learnt grows with its age. Of the latest PEAL_ABCAST_LAPS_MAX round trips
 * the one counts whose error is the least now.
 *
 * A round trip whose interval has nothing in common with what is known says that one of the clocks
 * jumped, or runs wrong, or that somebody lies: then nothing counts that was before it.
 *
 * Pure; plain struct, zeroed memory is one of which nothing is known; fields private. Times in ns,
 * below PEAL_ORDER_STAMP_MAX; clocks may go back. O(PEAL_ABCAST_LAPS_MAX).
 */
#ifndef PEAL_ABCAST_ABCAST_OFFSET_H
#define PEAL_ABCAST_ABCAST_OFFSET_H

#include "base/orderlimits.h"

#include <stdbool.h>
#include <stdint.h>

#define PEAL_ABCAST_LAPS_MAX  8U
#define PEAL_ABCAST_DRIFT_PPM 100U
/* A longer round trip says too little. */
#define PEAL_ABCAST_LAP_NS_MAX UINT64_C(1000000000)
/* What is older is not believed any more. */
#define PEAL_ABCAST_LAP_KEPT_NS UINT64_C(2000000000)

struct peal_abcast_lap {
	int64_t low_ns; /* the other clock is ahead by at least this */
	int64_t high_ns;
	uint64_t back_at_ns; /* by the own clock */
};

struct peal_abcast_offset {
	struct peal_abcast_lap laps[PEAL_ABCAST_LAPS_MAX];
	uint8_t count;
	uint8_t next; /* place of the next one */
};

struct peal_abcast_estimate {
	int64_t ahead_ns;  /* of the own clock */
	uint64_t error_ns; /* may be wrong by so much, either way */
};

enum peal_abcast_noted {
	PEAL_ABCAST_NOTED = 0,
	PEAL_ABCAST_JUMPED,  /* taken, and all before it is forgotten */
	PEAL_ABCAST_NO_LAP,  /* refused: too long, or back before it left */
	PEAL_ABCAST_TOO_FAR, /* refused: clocks PEAL_ORDER_AHEAD_NS_MAX apart */
};

/* A question left and came back by the own clock, and was answered by the other. */
enum peal_abcast_noted peal_abcast_offset_note(struct peal_abcast_offset *offset,
	uint64_t left_at_ns, uint64_t answered_at_ns, uint64_t back_at_ns);

/* What is known when the own clock shows `now_ns`. False: nothing. */
bool peal_abcast_offset_read(const struct peal_abcast_offset *offset, uint64_t now_ns,
	struct peal_abcast_estimate *estimate_out);

#endif
