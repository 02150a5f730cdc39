/* SPDX-License-Identifier: BSD-3-Clause */
#include "tools/peal-bench/rankstats.h"

#include "base/assert.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* Left outside at each end. */
#define TAIL 0.025
/* Values of both sides up to which orders are counted: their number is exact in a double. */
#define EXACT_COUNT_MAX 50U
/* Deviations from the middle of a normal distribution that leave TAIL outside. */
#define NORMAL_DEVIATIONS 1.959964

static int
compare(const void *a, const void *b)
{
	double left = *(const double *)a, right = *(const double *)b;

	return (left > right) - (left < right);
}

static double
middle_of(const double *sorted, uint32_t count)
{
	return count % 2U == 1U ? sorted[count / 2U]
				: (sorted[count / 2U - 1U] + sorted[count / 2U]) / 2.0;
}

struct peal_rankstats_interval
peal_rankstats_median(const double *values, uint32_t count)
{
	double sorted[PEAL_RANKSTATS_COUNT_MAX];
	double chance, sum;
	uint32_t outside = 0;

	PEAL_ASSERT(count >= 1 && count <= PEAL_RANKSTATS_COUNT_MAX);
	memcpy(sorted, values, count * sizeof(sorted[0]));
	qsort(sorted, count, sizeof(sorted[0]), compare);
	/* Of so many or fewer values being below the median, each with a chance of one half. */
	chance = pow(0.5, count);
	sum = chance;
	while (2U * (outside + 1U) < count) {
		chance *= (double)(count - outside) / (double)(outside + 1U);
		if (sum + chance > TAIL) {
			break;
		}
		sum += chance;
		outside++;
	}
	return (struct peal_rankstats_interval){
		.middle = middle_of(sorted, count),
		.low = sorted[outside],
		.high = sorted[count - 1U - outside],
	};
}

/*
 * How many quotients may be left out at each end: the largest k with P(U < k) <= TAIL, where U
 * counts, among all orders of n and m values, the pairs that stand the other way round.
 */
static uint32_t
find_outside(uint32_t n, uint32_t m, double *ways)
{
	uint32_t pairs_count = n * m, k = 0;
	double total = 0.0, sum = 0.0;

	if (n + m > EXACT_COUNT_MAX) {
		double pairs = (double)pairs_count;

		return (uint32_t)(pairs / 2.0 -
				  NORMAL_DEVIATIONS * sqrt(pairs * (double)(n + m + 1U) / 12.0));
	}

	/* The coefficients of the Gaussian binomial, by (1 - q^(m + i)) / (1 - q^i), i = 1 ... n.
	 */
	memset(ways, 0, (pairs_count + 1U) * sizeof(*ways));
	ways[0] = 1.0;
	for (uint32_t i = 1; i <= n; i++) {
		for (uint32_t u = pairs_count; u >= m + i && u <= pairs_count; u--) {
			ways[u] -= ways[u - m - i];
		}
		for (uint32_t u = i; u <= pairs_count; u++) {
			ways[u] += ways[u - i];
		}
	}
	for (uint32_t u = 0; u <= pairs_count; u++) {
		total += ways[u];
	}
	while (k < pairs_count && (sum + ways[k]) / total <= TAIL) {
		sum += ways[k++];
	}
	return k;
}

bool
peal_rankstats_quotient(const double *first, uint32_t first_count, const double *second,
	uint32_t second_count, struct peal_rankstats_interval *quotient_out)
{
	uint32_t count = first_count * second_count, outside;
	double *quotients, *ways;

	if (first_count < PEAL_RANKSTATS_COUNT_MIN || first_count > PEAL_RANKSTATS_COUNT_MAX ||
		second_count < PEAL_RANKSTATS_COUNT_MIN ||
		second_count > PEAL_RANKSTATS_COUNT_MAX) {
		return false;
	}
	quotients = calloc(count, sizeof(*quotients));
	ways = calloc(count + 1U, sizeof(*ways));
	if (quotients == NULL || ways == NULL) {
		free(quotients);
		free(ways);
		return false;
	}
	for (uint32_t i = 0; i < count; i++) {
		quotients[i] = second[i % second_count] / first[i / second_count];
	}
	qsort(quotients, count, sizeof(*quotients), compare);
	outside = find_outside(first_count, second_count, ways);
	PEAL_ASSERT(2U * outside < count);
	*quotient_out = (struct peal_rankstats_interval){
		.middle = middle_of(quotients, count),
		.low = quotients[outside == 0 ? 0 : outside - 1U],
		.high = quotients[count - (outside == 0 ? 1U : outside)],
	};
	free(quotients);
	free(ways);
	return true;
}
