/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The detectors behind membership/edge.h: each says whether an edge fails, and changes nothing.
 *
 * Asked when the interval of a probe has ended without echo, and at the beginning of an epoch, when
 * all counts of the edge are up to date. Pure, no allocation; integers only, so that a verdict is
 * the same on every machine.
 */
#ifndef PEAL_MEMBERSHIP_EDGE_PRIVATE_H
#define PEAL_MEMBERSHIP_EDGE_PRIVATE_H

#include "membership/edge.h"

/* edge_window.c. Lets the window slide by one probe; under each detector, for SUSPECT is its word.
 */
void peal_edge_window_push(
	struct peal_edge *edge, bool has_failed, const struct peal_timing *timing);
bool peal_edge_window_fails(const struct peal_edge *edge, const struct peal_timing *timing);

/* edge_silence.c. */
bool peal_edge_silence_fails(const struct peal_edge *edge, const struct peal_timing *timing);

/*
 * edge_phi.c.
 *
 * phi(t) = -log10 of the probability that an echo comes later than t after the last one, under a
 * normal distribution of the time between echoes. Like Akka we take the logistic approximation
 *     phi = log10(1 + exp(z)),  z = y (1.5976 + 0.070566 y^2),  y = (t - mean - pause) / deviation,
 * which is what its two cases come to, and like Akka we add a pause to the mean that is always
 * borne: 3 intervals. The deviation counts as at least a tenth of an interval, the jitter of
 * probes.
 *
 * In fixed point: log10(1 + exp(z)) = max(z, 0) log10(e) + log10(1 + exp(-|z|)), where the last
 * term is a table of 49 entries for |z| in [0, 12], joined by straight lines, and 0 beyond. Off by
 * less than PEAL_EDGE_PHI_ERROR from the formula in double precision (tests/unit/test_edge_phi.c).
 *
 * Mean and variance are weighted exponentially, 1/32 for the newest: half of what is known is from
 * the last 22 echoes. They begin as one interval and a quarter of it. A peer that answered rarely
 * is waited for longer, but never for more than a window of intervals.
 * paper: RAPID 4.1; the formula is that of Akka's PhiAccrualFailureDetector.
 */
#define PEAL_EDGE_PHI_UNIT_US 256U /* variances are in squares of this: up to 16 s in 32 bits */
#define PEAL_EDGE_PHI_ERROR   2U   /* thousandths */

bool peal_edge_phi_fails(const struct peal_edge *edge, const struct peal_timing *timing);
/* Learns from a time between two echoes. Longer ones than a window of intervals count as that. */
void peal_edge_phi_learn(
	struct peal_edge *edge, const struct peal_timing *timing, uint32_t between_us);
/* phi of `late_us` beyond what is expected (negative: before it), in thousandths. Monotone in
 * `late_us`; stops where y is 16, at 136 000. `deviation_us` > 0. */
uint32_t peal_edge_phi_thousandths(int64_t late_us, uint32_t deviation_us);

#endif
