/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Medians and their differences with intervals that trust 95 times in 100, by ranks alone.
 *
 * Ranks, because times on computers are skewed and have outliers: nothing is assumed of their
 * distribution, and both intervals are exact for up to 50 values. A bootstrap of five medians would
 * draw from five values only, and its interval be too narrow. The price is that four values a side
 * are the least that says anything. Pure; values are > 0 and need not be sorted.
 */
#ifndef PEAL_PEAL_BENCH_RANKSTATS_H
#define PEAL_PEAL_BENCH_RANKSTATS_H

#include <stdbool.h>
#include <stdint.h>

#define PEAL_RANKSTATS_COUNT_MIN 4U
#define PEAL_RANKSTATS_COUNT_MAX 200U

struct peal_rankstats_interval {
	double middle;
	double low;
	double high;
};

/*
 * The median, and the values between which that of the population lies: order statistics by the
 * binomial distribution. Below 6 values the smallest and the largest, which trust less than 95 %.
 * @param count  [1, PEAL_RANKSTATS_COUNT_MAX]
 */
struct peal_rankstats_interval peal_rankstats_median(const double *values, uint32_t count);

/*
 * How many times larger the second ones are: the median of all quotients (Hodges and Lehmann), and
 * the quotients between which the true one lies, by the distribution of the Mann-Whitney U.
 * O(n m log) and 16 n m bytes on the heap.
 * @return false when there is no memory, or a count is out of range
 */
bool peal_rankstats_quotient(const double *first, uint32_t first_count, const double *second,
	uint32_t second_count, struct peal_rankstats_interval *quotient_out);

#endif
