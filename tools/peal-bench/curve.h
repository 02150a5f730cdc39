/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What runs looked like: percentile curves and what happened when, as numbers and as a picture
 * drawn by gnuplot.
 *
 * The horizontal axis of a curve is 1 / (1 - percentile) in powers of ten, so that each further
 * nine has the same width. Beside the curves stands the run: time from left to right, the median of
 * each slot as a line and its largest value as a dot, so that one long stop and many short ones,
 * which have the same curve, are told apart. Main thread.
 */
#ifndef PEAL_PEAL_BENCH_CURVE_H
#define PEAL_PEAL_BENCH_CURVE_H

#include "base/histogram.h"
#include "base/timeline.h"
#include "runtime/config.h"

#include <jansson.h>

/* Curves of one picture. */
#define PEAL_CURVE_LINES_MAX 8U

/*
 * [[x, nanoseconds], ...] with x = 1 / (1 - percentile), from 1 to as many nines as the count
 * bears. To be released.
 */
json_t *peal_curve_from(const struct peal_histogram *histogram);

/*
 * [[from, count, p50, p99, max], ...] of each slot: nanoseconds from the start of the run to the
 * first intended departure, values that came, and nanoseconds. To be released.
 *
 * @param interval_ns  from one departure to the next
 */
json_t *peal_curve_timeline(const struct peal_timeline *timeline, uint64_t interval_ns);

struct peal_curve_picture {
	const char *title;
	uint32_t lines_count;
	const char *names[PEAL_CURVE_LINES_MAX];
	const json_t *curves[PEAL_CURVE_LINES_MAX]; /* of peal_curve_from */
	/* Of peal_curve_timeline; NULL = not known. Without any there is one panel. */
	const json_t *timelines[PEAL_CURVE_LINES_MAX];
};

/* [[from, to, messages a second], ...] of a run, nanoseconds since its start. */
struct peal_curve_rates {
	const char *title;
	uint32_t lines_count;
	const char *names[PEAL_CURVE_LINES_MAX];
	const json_t *rates[PEAL_CURVE_LINES_MAX];
};

/* False with a sentence when gnuplot is missing: to be asked before a long run. */
bool peal_curve_can_draw(struct peal_sentence *error);

/* Draws into `path`, which ends in .svg or .png. False with a sentence. */
bool peal_curve_draw(
	const struct peal_curve_picture *picture, const char *path, struct peal_sentence *error);
/* The same of messages a second over time, from nothing on. */
bool peal_curve_draw_rates(
	const struct peal_curve_rates *rates, const char *path, struct peal_sentence *error);

#endif
