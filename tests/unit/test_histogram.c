/* SPDX-License-Identifier: BSD-3-Clause */
#include "base/histogram.h"

#include "base/prng.h"
#include "tests/lib/cmocka_all.h"
#include "tests/lib/dies.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static struct peal_histogram histogram;
static struct peal_histogram other;

static void
ask_above_all(void *argument)
{
	(void)peal_histogram_percentile(argument, 100.5);
}

static void
print_unscaled(void *argument)
{
	peal_histogram_print(argument, 0.0, stdout);
}

static void
test_histogram__has_three_digits_past_100_s(void **state)
{
	(void)state;
	assert_true(PEAL_HISTOGRAM_VALUE_MAX >= UINT64_C(100) * 1000 * 1000 * 1000);
	assert_true(sizeof(struct peal_histogram) < (size_t)230 * 1024);
	/* One place in the upper half of a bucket is 1 / 1024 of its value at most. */
	assert_true(PEAL_HISTOGRAM_SUB_BUCKETS / 2U >= 1000U);
}

static void
test_histogram__refuses_questions_without_an_answer(void **state)
{
	(void)state;
	peal_histogram_reset(&histogram);
	assert_true(peal_test_dies(ask_above_all, &histogram));
	assert_true(peal_test_dies(print_unscaled, &histogram));
}

static void
test_histogram__is_zero_while_empty(void **state)
{
	(void)state;
	peal_histogram_reset(&histogram);
	assert_int_equal(peal_histogram_count(&histogram), 0);
	assert_int_equal(peal_histogram_min(&histogram), 0);
	assert_int_equal(peal_histogram_max(&histogram), 0);
	assert_int_equal(peal_histogram_percentile(&histogram, 50.0), 0);
	assert_true(peal_histogram_mean(&histogram) == 0.0);
	assert_true(peal_histogram_deviation(&histogram) == 0.0);
}

static void
test_histogram__is_exact_below_2048(void **state)
{
	(void)state;
	peal_histogram_reset(&histogram);
	for (uint64_t value = 0; value < 2048; value++) {
		peal_histogram_record(&histogram, value);
	}
	assert_int_equal(peal_histogram_min(&histogram), 0);
	assert_int_equal(peal_histogram_max(&histogram), 2047);
	assert_int_equal(peal_histogram_percentile(&histogram, 0.0), 0);
	assert_int_equal(peal_histogram_percentile(&histogram, 50.0), 1023);
	assert_int_equal(peal_histogram_percentile(&histogram, 75.0), 1535);
	assert_int_equal(peal_histogram_percentile(&histogram, 100.0), 2047);
	assert_true(fabs(peal_histogram_mean(&histogram) - 1023.5) < 0.001);
}

static void
test_histogram__is_off_by_a_thousandth_at_most(void **state)
{
	struct peal_prng prng;

	(void)state;
	peal_prng_init(&prng, 1);
	for (uint32_t round = 0; round < 2000; round++) {
		uint64_t value = peal_prng_next(&prng) >> (27U + peal_prng_below(&prng, 36));

		/* A larger neighbour, so that the maximum does not hide what the place says. */
		peal_histogram_reset(&other);
		peal_histogram_record(&other, value);
		peal_histogram_record(&other, PEAL_HISTOGRAM_VALUE_MAX);
		uint64_t told = peal_histogram_percentile(&other, 50.0);

		assert_true(told >= value);
		assert_true((double)(told - value) <= (double)value / 1000.0);
	}
}

static void
test_histogram__keeps_the_ends_of_every_bucket_apart(void **state)
{
	(void)state;
	for (uint32_t bits = 11; bits < 37; bits++) {
		uint64_t first = UINT64_C(1) << bits;

		peal_histogram_reset(&histogram);
		peal_histogram_record(&histogram, first - 1U);
		peal_histogram_record(&histogram, first);
		peal_histogram_record(&histogram, PEAL_HISTOGRAM_VALUE_MAX);
		assert_int_equal(peal_histogram_percentile(&histogram, 33.0), first - 1U);
		assert_true(peal_histogram_percentile(&histogram, 66.0) >= first);
	}
}

static void
test_histogram__clamps_and_counts_what_is_too_large(void **state)
{
	(void)state;
	peal_histogram_reset(&histogram);
	peal_histogram_record(&histogram, PEAL_HISTOGRAM_VALUE_MAX);
	assert_int_equal(histogram.clamped_count, 0);
	peal_histogram_record(&histogram, UINT64_MAX);
	assert_int_equal(histogram.clamped_count, 1);
	assert_int_equal(peal_histogram_count(&histogram), 2);
	assert_int_equal(peal_histogram_max(&histogram), UINT64_MAX);
	assert_int_equal(peal_histogram_percentile(&histogram, 100.0), UINT64_MAX);
}

static void
test_histogram__merges_to_the_same_as_one(void **state)
{
	static struct peal_histogram whole;
	struct peal_prng prng;

	(void)state;
	peal_prng_init(&prng, 2);
	peal_histogram_reset(&histogram);
	peal_histogram_reset(&other);
	peal_histogram_reset(&whole);
	for (uint32_t round = 0; round < 1000; round++) {
		uint64_t value = peal_prng_next(&prng) >> peal_prng_below(&prng, 64);

		peal_histogram_record(round % 3U == 0 ? &histogram : &other, value);
		peal_histogram_record(&whole, value);
	}
	peal_histogram_merge(&histogram, &other);
	assert_memory_equal(&histogram, &whole, sizeof(whole));
}

static int
compare_values(const void *a, const void *b)
{
	const uint64_t *left = a;
	const uint64_t *right = b;

	return *left < *right ? -1 : (*left > *right ? 1 : 0);
}

static void
test_histogram__agrees_with_sorted_values(void **state)
{
	static uint64_t values[10000];
	const uint32_t count = sizeof(values) / sizeof(values[0]);
	double sum = 0.0;
	struct peal_prng prng;

	(void)state;
	peal_prng_init(&prng, 3);
	peal_histogram_reset(&histogram);
	for (uint32_t i = 0; i < count; i++) {
		values[i] = 1000U + peal_prng_below(&prng, UINT64_C(1) << (4U + i % 24U));
		sum += (double)values[i];
		peal_histogram_record(&histogram, values[i]);
	}
	qsort(values, count, sizeof(values[0]), compare_values);
	for (uint32_t per_mille = 1; per_mille <= 1000; per_mille++) {
		uint64_t exact = values[per_mille * (count / 1000U) - 1U];
		uint64_t told = peal_histogram_percentile(&histogram, per_mille / 10.0);

		assert_true(told >= exact);
		assert_true((double)told <= (double)exact * 1.001);
	}
	assert_int_equal(peal_histogram_min(&histogram), values[0]);
	assert_int_equal(peal_histogram_max(&histogram), values[count - 1U]);
	double mean = peal_histogram_mean(&histogram);
	assert_true(fabs(mean - sum / count) <= mean / 1000.0);
}

/* The text of a printed table; the caller frees it. */
static char *
print_text(double value_scale)
{
	char *text = NULL;
	size_t size = 0;
	FILE *file = open_memstream(&text, &size);

	assert_non_null(file);
	peal_histogram_print(&histogram, value_scale, file);
	assert_int_equal(fclose(file), 0);
	return text;
}

static void
test_histogram__prints_the_known_table(void **state)
{
	(void)state;
	peal_histogram_reset(&histogram);
	for (uint64_t value = 1; value <= 4; value++) {
		peal_histogram_record(&histogram, value * 1000U);
	}
	char *text = print_text(1000.0);

	assert_string_equal(text, "       Value     Percentile TotalCount 1/(1-Percentile)\n"
				  "\n"
				  "       1.000 0.000000000000          1           1.00\n"
				  "       1.000 0.100000000000          1           1.11\n"
				  "       1.000 0.200000000000          1           1.25\n"
				  "       2.000 0.300000000000          2           1.43\n"
				  "       2.000 0.400000000000          2           1.67\n"
				  "       2.000 0.500000000000          2           2.00\n"
				  "       3.001 0.550000000000          3           2.22\n"
				  "       3.001 0.600000000000          3           2.50\n"
				  "       3.001 0.650000000000          3           2.86\n"
				  "       3.001 0.700000000000          3           3.33\n"
				  "       3.001 0.750000000000          3           4.00\n"
				  "       4.000 0.775000000000          4           4.44\n"
				  "       4.000 1.000000000000          4\n"
				  "#[Mean    =        2.501, StdDeviation   =        1.118]\n"
				  "#[Max     =        4.000, Total count    =            4]\n"
				  "#[Buckets =           27, SubBuckets     =         2048]\n");
	free(text);
}

static void
test_histogram__prints_an_empty_one_and_a_single_value(void **state)
{
	(void)state;
	peal_histogram_reset(&histogram);
	char *text = print_text(1.0);
	assert_non_null(strstr(text, "Total count    =            0]"));
	free(text);

	peal_histogram_record(&histogram, 42);
	text = print_text(1.0);
	assert_non_null(strstr(text, "      42.000 0.000000000000          1           1.00\n"));
	assert_non_null(strstr(text, "      42.000 1.000000000000          1\n"));
	free(text);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_histogram__has_three_digits_past_100_s),
		cmocka_unit_test(test_histogram__refuses_questions_without_an_answer),
		cmocka_unit_test(test_histogram__is_zero_while_empty),
		cmocka_unit_test(test_histogram__is_exact_below_2048),
		cmocka_unit_test(test_histogram__is_off_by_a_thousandth_at_most),
		cmocka_unit_test(test_histogram__keeps_the_ends_of_every_bucket_apart),
		cmocka_unit_test(test_histogram__clamps_and_counts_what_is_too_large),
		cmocka_unit_test(test_histogram__merges_to_the_same_as_one),
		cmocka_unit_test(test_histogram__agrees_with_sorted_values),
		cmocka_unit_test(test_histogram__prints_the_known_table),
		cmocka_unit_test(test_histogram__prints_an_empty_one_and_a_single_value),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
