/* SPDX-License-Identifier: BSD-3-Clause */
#include "base/timeline.h"

#include "base/histogram.h"
#include "base/prng.h"
#include "tests/lib/cmocka_all.h"
#include "tests/lib/dies.h"

static struct peal_timeline timeline;
static struct peal_histogram histogram;

static void
begin_nothing(void *argument)
{
	peal_timeline_reset(argument, 0);
}

static void
record_beyond_the_run(void *argument)
{
	peal_timeline_record(argument, 100, 1);
}

static void
ask_above_all(void *argument)
{
	(void)peal_timeline_percentile(argument, 0, 101);
}

static void
test_timeline__refuses_what_has_no_place(void **state)
{
	(void)state;
	assert_true(peal_test_dies(begin_nothing, &timeline));
	peal_timeline_reset(&timeline, 100);
	assert_true(peal_test_dies(record_beyond_the_run, &timeline));
	assert_true(peal_test_dies(ask_above_all, &timeline));
}

static void
test_timeline__cuts_any_run_into_slots_that_are_enough(void **state)
{
	static const uint64_t counts[] = {1, 2, 255, 256, 257, 512, 513, 100000, UINT64_C(1) << 48};

	(void)state;
	for (size_t i = 0; i < sizeof(counts) / sizeof(counts[0]); i++) {
		uint32_t slots_count;

		peal_timeline_reset(&timeline, counts[i]);
		slots_count = peal_timeline_slots_count(&timeline);
		assert_in_range(slots_count, 1, PEAL_TIMELINE_SLOTS);
		/* The last slot has a value, and short of a few values no slot stays unused. */
		assert_true(peal_timeline_first_index(&timeline, slots_count - 1U) < counts[i]);
		assert_true(counts[i] <= peal_timeline_first_index(&timeline, slots_count));
		assert_true(counts[i] <= PEAL_TIMELINE_SLOTS
				    ? slots_count == counts[i]
				    : slots_count > PEAL_TIMELINE_SLOTS / 2U);
		peal_timeline_record(&timeline, counts[i] - 1U, 7);
		assert_int_equal(timeline.slots[slots_count - 1U].count, 1);
	}
}

/* One slot beside a histogram of the same values. */
static void
test_timeline__agrees_with_a_histogram(void **state)
{
	static const uint32_t percentiles[] = {0, 1, 50, 90, 99, 100};
	struct peal_prng prng;

	(void)state;
	peal_prng_init(&prng, 77);
	peal_timeline_reset(&timeline, UINT64_C(256) * 4096U);
	peal_histogram_reset(&histogram);
	for (uint32_t i = 0; i < 4096; i++) {
		uint64_t value = peal_prng_next(&prng) >> (27U + peal_prng_next(&prng) % 37U);

		peal_histogram_record(&histogram, value);
		peal_timeline_record(&timeline, UINT64_C(3) * 4096U + i, value);
	}
	assert_int_equal(timeline.slots[3].count, 4096);
	assert_int_equal(timeline.slots[3].max, peal_histogram_max(&histogram));
	for (size_t i = 0; i < sizeof(percentiles) / sizeof(percentiles[0]); i++) {
		double exact = (double)peal_histogram_percentile(&histogram, percentiles[i]);
		double found = (double)peal_timeline_percentile(&timeline, 3, percentiles[i]);

		/* The histogram itself is 0.1 % off. */
		assert_true(found >= exact * 0.998 && found <= exact * 1.064 + 1.0);
	}
	assert_int_equal(peal_timeline_percentile(&timeline, 2, 50), 0);
}

static void
test_timeline__keeps_small_values_and_the_largest_exactly(void **state)
{
	(void)state;
	for (uint64_t value = 0; value < UINT64_C(2) * PEAL_TIMELINE_PARTS; value++) {
		peal_timeline_reset(&timeline, 2);
		peal_timeline_record(&timeline, 0, value);
		assert_int_equal(peal_timeline_percentile(&timeline, 0, 50), value);
	}
	peal_timeline_reset(&timeline, 1);
	peal_timeline_record(&timeline, 0, UINT64_MAX);
	assert_int_equal(timeline.slots[0].max, UINT64_MAX);
	assert_int_equal(peal_timeline_percentile(&timeline, 0, 50), PEAL_TIMELINE_VALUE_MAX);
}

static void
test_timeline__shows_a_stop_where_it_was(void **state)
{
	(void)state;
	peal_timeline_reset(&timeline, 25600);
	for (uint64_t i = 0; i < 25600; i++) {
		/* 200 values wait for the end of one stop. */
		peal_timeline_record(
			&timeline, i, i >= 12800 && i < 13000 ? (13000 - i) * 20000 : 2000);
	}
	for (uint32_t slot = 0; slot < peal_timeline_slots_count(&timeline); slot++) {
		uint64_t first = peal_timeline_first_index(&timeline, slot);
		bool is_stopped = first < 13000 && first + (UINT64_C(1) << timeline.shift) > 12800;

		assert_int_equal(timeline.slots[slot].max > 2000, is_stopped);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_timeline__refuses_what_has_no_place),
		cmocka_unit_test(test_timeline__cuts_any_run_into_slots_that_are_enough),
		cmocka_unit_test(test_timeline__agrees_with_a_histogram),
		cmocka_unit_test(test_timeline__keeps_small_values_and_the_largest_exactly),
		cmocka_unit_test(test_timeline__shows_a_stop_where_it_was),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
