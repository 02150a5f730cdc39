/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Whose cycles they are: a clock that is read wherever one stage of a message hands over to
 * another.
 *
 * The linker leads the calls between core, channels and egress through here: a program that links
 * this must say --wrap for peal_channels_run, peal_channels_on_frame, peal_egress_begin,
 * peal_egress_end, peal_egress_end_rest and peal_channel_tx_make_parts. Ports, AEAD and deliveries
 * call enter and leave themselves. Production code knows nothing of it, which is why a program that
 * measures times by the clock must not be linked so. One thread; one in a process.
 */
#ifndef PEAL_BENCHLIB_STOPWATCH_H
#define PEAL_BENCHLIB_STOPWATCH_H

#include "base/assert.h"

#include <stdbool.h>
#include <stdint.h>

#define PEAL_STOPWATCH_DEPTH_MAX 8U

enum peal_stopwatch_stage {
	PEAL_STOPWATCH_PORT = 0,
	PEAL_STOPWATCH_FRAME,
	PEAL_STOPWATCH_AEAD,
	PEAL_STOPWATCH_CHANNEL,
	PEAL_STOPWATCH_DELIVERY,
	PEAL_STOPWATCH_STAGES_COUNT
};

struct peal_stopwatch {
	bool is_on;
	bool is_two_passes; /* what is lent is copied before it is sealed */
	uint32_t depth;
	enum peal_stopwatch_stage stages[PEAL_STOPWATCH_DEPTH_MAX];
	uint64_t since; /* cycles */
	uint64_t cycles[PEAL_STOPWATCH_STAGES_COUNT];
	uint64_t spans_count[PEAL_STOPWATCH_STAGES_COUNT];
};

extern struct peal_stopwatch peal_stopwatch;

/* "port", "frame", "aead", "channel", "delivery". Static. */
const char *peal_stopwatch_name(enum peal_stopwatch_stage stage);

/* The stage under way is charged for the time since the last call. */
void peal_stopwatch_hand_over(void);

/* Cycles that one reading takes: median of many. The stopwatch is on. */
double peal_stopwatch_find_cost(void);

static inline void
peal_stopwatch_enter(enum peal_stopwatch_stage stage)
{
	if (__builtin_expect(peal_stopwatch.is_on, 0)) {
		peal_stopwatch_hand_over();
		PEAL_ASSERT(peal_stopwatch.depth + 1U < PEAL_STOPWATCH_DEPTH_MAX);
		peal_stopwatch.stages[++peal_stopwatch.depth] = stage;
	}
}

static inline void
peal_stopwatch_leave(void)
{
	if (__builtin_expect(peal_stopwatch.is_on, 0)) {
		peal_stopwatch_hand_over();
		peal_stopwatch.depth--;
	}
}

#endif
