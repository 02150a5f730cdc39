/* SPDX-License-Identifier: BSD-3-Clause */
#include "base/histogram.h"

#include "base/assert.h"

#include <inttypes.h>
#include <math.h>
#include <string.h>

#define HALF                    (PEAL_HISTOGRAM_SUB_BUCKETS / 2U)
#define TICKS_PER_HALF_DISTANCE 5.0

/* Bucket 0 holds values below SUB_BUCKETS; bucket b the ones with b bits more. */
static uint32_t
find_place(uint64_t value)
{
	uint32_t bits = 63U - (uint32_t)__builtin_clzll(value | (PEAL_HISTOGRAM_SUB_BUCKETS - 1U));
	uint32_t bucket = bits - (PEAL_HISTOGRAM_SUB_BUCKETS_BITS - 1U);

	/* Past bucket 0 only the upper half is used, so each bucket adds HALF places. */
	return bucket * HALF + (uint32_t)(value >> bucket);
}

/* Lowest value of a place, and how many values share it. */
static uint64_t
find_lowest(uint32_t place, uint64_t *width_out)
{
	uint32_t bucket = place < PEAL_HISTOGRAM_SUB_BUCKETS ? 0 : place / HALF - 1U;

	*width_out = UINT64_C(1) << bucket;
	return (uint64_t)(place - bucket * HALF) << bucket;
}

static uint64_t
find_highest(uint32_t place)
{
	uint64_t width;
	uint64_t lowest = find_lowest(place, &width);

	return lowest + width - 1U;
}

static double
find_middle(uint32_t place)
{
	uint64_t width;
	uint64_t lowest = find_lowest(place, &width);
	uint64_t half = width / 2U;

	return (double)(lowest + half);
}

void
peal_histogram_reset(struct peal_histogram *histogram)
{
	memset(histogram, 0, sizeof(*histogram));
	histogram->min = UINT64_MAX;
}

void
peal_histogram_record(struct peal_histogram *histogram, uint64_t value)
{
	uint64_t kept = value;

	if (value > PEAL_HISTOGRAM_VALUE_MAX) {
		kept = PEAL_HISTOGRAM_VALUE_MAX;
		histogram->clamped_count++;
	}
	uint32_t place = find_place(kept);
	PEAL_DASSERT(place < PEAL_HISTOGRAM_PLACES);
	histogram->places[place]++;
	histogram->count++;
	histogram->min = value < histogram->min ? value : histogram->min;
	histogram->max = value > histogram->max ? value : histogram->max;
}

void
peal_histogram_merge(struct peal_histogram *histogram, const struct peal_histogram *from)
{
	for (uint32_t place = 0; place < PEAL_HISTOGRAM_PLACES; place++) {
		histogram->places[place] += from->places[place];
	}
	histogram->count += from->count;
	histogram->clamped_count += from->clamped_count;
	histogram->min = from->min < histogram->min ? from->min : histogram->min;
	histogram->max = from->max > histogram->max ? from->max : histogram->max;
}

/* Highest value of a place, but not above what was really seen. */
static uint64_t
find_reported(const struct peal_histogram *histogram, uint32_t place)
{
	uint64_t highest = find_highest(place);

	/* The last place also holds what was clamped: only the maximum is known of it. */
	if (place == PEAL_HISTOGRAM_PLACES - 1U || highest > histogram->max) {
		return histogram->max;
	}
	return highest;
}

uint64_t
peal_histogram_percentile(const struct peal_histogram *histogram, double percentile)
{
	PEAL_ASSERT(percentile >= 0.0);
	PEAL_ASSERT(percentile <= 100.0);

	if (histogram->count == 0) {
		return 0;
	}
	/* One step down, or the rounding of 70 % of 100 would ask for the 71st value. */
	double below = nextafter(percentile, 0.0);
	double exact = ceil(below * (double)histogram->count / 100.0);
	uint64_t wanted = exact < 1.0 ? 1U : (uint64_t)exact;
	uint64_t seen = 0;

	for (uint32_t place = 0; place < PEAL_HISTOGRAM_PLACES; place++) {
		seen += histogram->places[place];
		if (seen >= wanted) {
			return find_reported(histogram, place);
		}
	}
	/* Only rounding of a count above 2^53 comes here. */
	return histogram->max;
}

double
peal_histogram_mean(const struct peal_histogram *histogram)
{
	double sum = 0.0;

	if (histogram->count == 0) {
		return 0.0;
	}
	for (uint32_t place = 0; place < PEAL_HISTOGRAM_PLACES; place++) {
		if (histogram->places[place] != 0) {
			sum += (double)histogram->places[place] * find_middle(place);
		}
	}
	return sum / (double)histogram->count;
}

double
peal_histogram_deviation(const struct peal_histogram *histogram)
{
	double mean = peal_histogram_mean(histogram);
	double sum = 0.0;

	if (histogram->count == 0) {
		return 0.0;
	}
	for (uint32_t place = 0; place < PEAL_HISTOGRAM_PLACES; place++) {
		if (histogram->places[place] != 0) {
			double distance = find_middle(place) - mean;

			sum += (double)histogram->places[place] * distance * distance;
		}
	}
	return sqrt(sum / (double)histogram->count);
}

/* The next percentile worth a line: the nearer to 100, the smaller the step. All are exact. */
static double
find_next_percentile(double percentile)
{
	double halvings = floor(log2(100.0 / (100.0 - percentile))) + 1.0;

	return percentile + 100.0 / (TICKS_PER_HALF_DISTANCE * exp2(halvings));
}

static void
print_lines(const struct peal_histogram *histogram, double value_scale, FILE *file)
{
	double count = (double)histogram->count;
	double percentile = 0.0;
	uint64_t seen = 0;

	for (uint32_t place = 0; place < PEAL_HISTOGRAM_PLACES; place++) {
		if (histogram->places[place] == 0) {
			continue;
		}
		seen += histogram->places[place];
		double value = (double)find_reported(histogram, place) / value_scale;

		/* All lines that this place answers; after the last one only 1.0 is news. */
		while (percentile <= 100.0 * (double)seen / count) {
			fprintf(file, "%12.3f %2.12f %10" PRIu64 " %14.2f\n", value,
				percentile / 100.0, seen, 100.0 / (100.0 - percentile));
			percentile = find_next_percentile(percentile);
			if (seen == histogram->count) {
				break;
			}
		}
		if (seen == histogram->count) {
			fprintf(file, "%12.3f %2.12f %10" PRIu64 "\n", value, 1.0, seen);
			return;
		}
	}
}

void
peal_histogram_print(const struct peal_histogram *histogram, double value_scale, FILE *file)
{
	PEAL_ASSERT(value_scale > 0.0);

	fprintf(file, "%12s %14s %10s %14s\n\n", "Value", "Percentile", "TotalCount",
		"1/(1-Percentile)");
	print_lines(histogram, value_scale, file);
	fprintf(file, "#[Mean    = %12.3f, StdDeviation   = %12.3f]\n",
		peal_histogram_mean(histogram) / value_scale,
		peal_histogram_deviation(histogram) / value_scale);
	fprintf(file, "#[Max     = %12.3f, Total count    = %12" PRIu64 "]\n",
		(double)histogram->max / value_scale, histogram->count);
	fprintf(file, "#[Buckets = %12u, SubBuckets     = %12u]\n", PEAL_HISTOGRAM_BUCKETS,
		PEAL_HISTOGRAM_SUB_BUCKETS);
}
