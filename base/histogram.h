/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Log-linear latency histogram: three significant digits from 1 ns to past 100 s, in fixed memory.
 *
 * Values below PEAL_HISTOGRAM_SUB_BUCKETS are exact; above, each power of two is cut into
 * PEAL_HISTOGRAM_SUB_BUCKETS / 2 equal places, so a value is off by 0.1 % at most. Larger values
 * than PEAL_HISTOGRAM_VALUE_MAX are counted in the last place. 224 KiB: place it in an arena, not
 * on a stack. One writer; readers use a copy or read after it stopped.
 */
#ifndef PEAL_BASE_HISTOGRAM_H
#define PEAL_BASE_HISTOGRAM_H

#include <stdint.h>
#include <stdio.h>

#define PEAL_HISTOGRAM_SUB_BUCKETS_BITS 11U
#define PEAL_HISTOGRAM_SUB_BUCKETS      (1U << PEAL_HISTOGRAM_SUB_BUCKETS_BITS)
/* The first bucket covers all its places, each further one twice the range with half the places. */
#define PEAL_HISTOGRAM_BUCKETS 27U
#define PEAL_HISTOGRAM_PLACES  ((PEAL_HISTOGRAM_BUCKETS + 1U) * (PEAL_HISTOGRAM_SUB_BUCKETS / 2U))
#define PEAL_HISTOGRAM_VALUE_MAX                                                                   \
	((UINT64_C(1) << (PEAL_HISTOGRAM_SUB_BUCKETS_BITS + PEAL_HISTOGRAM_BUCKETS - 1U)) - 1U)

_Static_assert(PEAL_HISTOGRAM_VALUE_MAX >= UINT64_C(100000000000), "100 s have a place");

struct peal_histogram {
	uint64_t count;
	uint64_t clamped_count; /* of them, above PEAL_HISTOGRAM_VALUE_MAX */
	uint64_t min;           /* exact; UINT64_MAX while empty */
	uint64_t max;           /* exact; 0 while empty */
	uint64_t places[PEAL_HISTOGRAM_PLACES];
};

void peal_histogram_reset(struct peal_histogram *histogram);
/* Counts one value. O(1): a bit scan and four updates. */
void peal_histogram_record(struct peal_histogram *histogram, uint64_t value);
/* Adds everything of `from` to `histogram`. O(places). */
void peal_histogram_merge(struct peal_histogram *histogram, const struct peal_histogram *from);

/*
 * Smallest recorded value that at least `percentile` percent of the values do not exceed, as the
 * highest value of its place, but never above max. `percentile` in [0, 100]; 0 when empty.
 * O(places).
 */
uint64_t peal_histogram_percentile(const struct peal_histogram *histogram, double percentile);
/* Over the middles of places; 0 when empty. O(places). */
double peal_histogram_mean(const struct peal_histogram *histogram);
double peal_histogram_deviation(const struct peal_histogram *histogram);

/* 0 when empty. */
static inline uint64_t
peal_histogram_min(const struct peal_histogram *histogram)
{
	return histogram->count == 0 ? 0 : histogram->min;
}

static inline uint64_t
peal_histogram_max(const struct peal_histogram *histogram)
{
	return histogram->max;
}

static inline uint64_t
peal_histogram_count(const struct peal_histogram *histogram)
{
	return histogram->count;
}

/*
 * Prints the percentile table of HdrHistogram, which existing plotters read: five lines for each
 * halving of the distance to 100 %, then mean, deviation, maximum, count and geometry.
 *
 * @param value_scale  values are divided by it, e.g. 1000.0 prints nanoseconds as microseconds; > 0
 */
void peal_histogram_print(const struct peal_histogram *histogram, double value_scale, FILE *file);

#endif
