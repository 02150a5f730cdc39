/* SPDX-License-Identifier: BSD-3-Clause */
#include "abcast/abcast_clock.h"

#include "tests/lib/cmocka_all.h"

#define NOW_NS UINT64_C(1000000)

static void
test_abcast_clock__stamps_rise_whatever_time_does(void **state)
{
	struct peal_abcast_clock clock = {0};
	uint64_t first;

	(void)state;
	first = peal_abcast_clock_next(&clock, NOW_NS);
	assert_true(first == NOW_NS);
	assert_true(peal_abcast_clock_next(&clock, NOW_NS) == first + 1U);
	clock.offset_ns = -(INT64_C(37) * 3600 * 1000000000);
	assert_true(peal_abcast_clock_time(&clock, NOW_NS) == 1U);
	assert_true(peal_abcast_clock_next(&clock, NOW_NS) == first + 2U);
	clock.offset_ns = 5000;
	assert_true(peal_abcast_clock_next(&clock, NOW_NS) == NOW_NS + 5000U);
}

static void
test_abcast_clock__a_promise_is_below_what_follows(void **state)
{
	struct peal_abcast_clock clock = {0};
	uint64_t promise = peal_abcast_clock_promise(&clock, NOW_NS, 0);

	(void)state;
	assert_true(promise == NOW_NS);
	assert_true(peal_abcast_clock_promise(&clock, NOW_NS, 0) == promise);
	assert_true(peal_abcast_clock_next(&clock, NOW_NS) > promise);
}

static void
test_abcast_clock__follows_others_but_not_into_the_future(void **state)
{
	struct peal_abcast_clock clock = {0};

	(void)state;
	assert_true(peal_abcast_clock_hear(&clock, NOW_NS + PEAL_ORDER_FUTURE_NS, NOW_NS));
	assert_true(clock.stamp == NOW_NS + PEAL_ORDER_FUTURE_NS);
	assert_false(
		peal_abcast_clock_hear(&clock, clock.stamp + PEAL_ORDER_FUTURE_NS + 1U, NOW_NS));
	assert_true(clock.stamp == NOW_NS + PEAL_ORDER_FUTURE_NS);
	/* Late stamps change nothing. */
	assert_true(peal_abcast_clock_hear(&clock, 1, NOW_NS));
	assert_true(clock.stamp == NOW_NS + PEAL_ORDER_FUTURE_NS);
	/* A seal may be anywhere. */
	peal_abcast_clock_raise(&clock, UINT64_C(1) << 62);
	assert_true(peal_abcast_clock_next(&clock, NOW_NS) == (UINT64_C(1) << 62) + 1U);
	assert_true(peal_abcast_clock_hear(&clock, (UINT64_C(1) << 62) + 5U, NOW_NS));
}

static void
test_abcast_clock__a_promise_ahead_of_time_is_kept_and_does_not_run_away(void **state)
{
	struct peal_abcast_clock one = {0}, two = {0};
	uint64_t promise = peal_abcast_clock_promise(&one, NOW_NS, 500);

	(void)state;
	assert_true(promise == NOW_NS + 500U);
	/* It binds, and lags behind nothing that was heard. */
	assert_true(peal_abcast_clock_next(&one, NOW_NS + 10U) == NOW_NS + 501U);
	assert_true(peal_abcast_clock_promise(&one, NOW_NS + 10U, 500) == NOW_NS + 510U);
	/* Two that hear each other stay as far ahead as they began. */
	for (uint32_t i = 0; i < 100U; i++) {
		(void)peal_abcast_clock_promise(&one, NOW_NS, 500);
		assert_true(peal_abcast_clock_hear_time(
			&two, peal_abcast_clock_time(&one, NOW_NS), NOW_NS));
		(void)peal_abcast_clock_promise(&two, NOW_NS, 500);
		assert_true(peal_abcast_clock_hear_time(
			&one, peal_abcast_clock_time(&two, NOW_NS), NOW_NS));
	}
	assert_true(two.promised == NOW_NS + 500U);
	assert_true(one.promised == NOW_NS + 510U);
	/* Time of others counts when the own stands. */
	assert_true(peal_abcast_clock_hear_time(&two, NOW_NS + 3000U, NOW_NS));
	assert_true(peal_abcast_clock_promise(&two, NOW_NS, 500) == NOW_NS + 3500U);
	assert_false(peal_abcast_clock_hear_time(&two, UINT64_MAX, NOW_NS));
	assert_true(peal_abcast_clock_hear_time(&two, 0, NOW_NS));
}

static void
test_abcast_clock__absurd_offsets_stay_in_range(void **state)
{
	struct peal_abcast_clock clock = {.offset_ns = INT64_MAX};

	(void)state;
	assert_true(peal_abcast_clock_time(&clock, NOW_NS) == PEAL_ORDER_STAMP_MAX / 2U);
	clock.shift_ns = (int64_t)PEAL_ORDER_AHEAD_NS_MAX;
	assert_true(peal_abcast_clock_time(&clock, NOW_NS) == PEAL_ORDER_STAMP_MAX / 2U);
	clock.offset_ns = INT64_MIN;
	clock.shift_ns = -clock.shift_ns;
	assert_true(peal_abcast_clock_time(&clock, NOW_NS) == 1U);
}

static void
test_abcast_clock__time_is_the_own_clock_and_a_shift(void **state)
{
	struct peal_abcast_clock clock = {.offset_ns = 7000, .shift_ns = -9000};

	(void)state;
	assert_true(peal_abcast_clock_own(&clock, NOW_NS) == NOW_NS + 7000U);
	assert_true(peal_abcast_clock_time(&clock, NOW_NS) == NOW_NS - 2000U);
	assert_true(peal_abcast_clock_next(&clock, NOW_NS) == NOW_NS - 2000U);
	clock.shift_ns = 1;
	assert_true(peal_abcast_clock_time(&clock, NOW_NS) == NOW_NS + 7001U);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_abcast_clock__stamps_rise_whatever_time_does),
		cmocka_unit_test(test_abcast_clock__a_promise_is_below_what_follows),
		cmocka_unit_test(test_abcast_clock__follows_others_but_not_into_the_future),
		cmocka_unit_test(
			test_abcast_clock__a_promise_ahead_of_time_is_kept_and_does_not_run_away),
		cmocka_unit_test(test_abcast_clock__time_is_the_own_clock_and_a_shift),
		cmocka_unit_test(test_abcast_clock__absurd_offsets_stay_in_range),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
