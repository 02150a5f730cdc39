/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Percentile curves: as numbers, and as a picture drawn by gnuplot.
 *
 * The horizontal axis is 1 / (1 - percentile) in powers of ten, so that each further nine has the
 * same width. Main thread.
 */
#ifndef PEAL_PEAL_BENCH_CURVE_H
#define PEAL_PEAL_BENCH_CURVE_H

#include "base/histogram.h"
#include "runtime/config.h"

#include <jansson.h>

/* Curves of one picture. */
#define PEAL_CURVE_LINES_MAX 8U

/*
 * [[x, nanoseconds], ...] with x = 1 / (1 - percentile), from 1 to as many nines as the count
 * bears. To be released.
 */
json_t *peal_curve_from(const struct peal_histogram *histogram);

struct peal_curve_picture {
	const char *title;
	uint32_t lines_count;
	const char *names[PEAL_CURVE_LINES_MAX];
	const json_t *curves[PEAL_CURVE_LINES_MAX]; /* of peal_curve_from */
};

/* False with a sentence when gnuplot is missing: to be asked before a long run. */
bool peal_curve_can_draw(struct peal_sentence *error);

/* Draws into `path`, which ends in .svg or .png. False with a sentence. */
bool peal_curve_draw(
	const struct peal_curve_picture *picture, const char *path, struct peal_sentence *error);

#endif
