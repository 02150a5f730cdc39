/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * By how much the clock of another machine is ahead, and how wrong that can be, from messages that
 * were answered.
 *
 * A message that left at t1 of this clock, came at t2 of the other, was answered at t3 of that and
 * was back at t4, says that the other clock was ahead by [t3 - t4, t2 - t1] whatever the ways took:
 * the shorter the round trip, the tighter. The tightest of those before the run and the tightest of
 * those after it make a line, for clocks run at different rates. All between must agree with it;
 * by how much they do not is added to the error, and so is half of each of the two round trips'
 * widths, of which the larger counts. Pure.
 */
#ifndef PEAL_BENCHLIB_FARCLOCK_H
#define PEAL_BENCHLIB_FARCLOCK_H

#include <stdbool.h>
#include <stdint.h>

/* Of one message; nanoseconds since anything, on either clock. */
struct peal_farclock_probe {
	uint64_t left_at_ns;     /* t1 */
	uint64_t came_at_ns;     /* t2 */
	uint64_t answered_at_ns; /* t3 */
	uint64_t back_at_ns;     /* t4 */
};

struct peal_farclock {
	uint64_t from_ns; /* of the other clock */
	double ahead_ns;  /* then */
	double drift;     /* nanoseconds of it a nanosecond */
	double error_ns;  /* of every instant in the run */
};

/*
 * @param probes        in the order in which they left
 * @param before_count  of them, before the run, at least 1
 * @param after_count   of them, after the run, at least 1
 */
void peal_farclock_fit(struct peal_farclock *clock_out, const struct peal_farclock_probe *probes,
	uint64_t count, uint64_t before_count, uint64_t after_count);

/* An instant of the other clock on this one. */
double peal_farclock_translate(const struct peal_farclock *clock, uint64_t at_ns);

#endif
