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
	uint64_t promise = peal_abcast_clock_promise(&clock, NOW_NS);

	(void)state;
	assert_true(promise == NOW_NS);
	assert_true(peal_abcast_clock_promise(&clock, NOW_NS) == promise);
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
test_abcast_clock__absurd_offsets_stay_in_range(void **state)
{
	struct peal_abcast_clock clock = {.offset_ns = INT64_MAX};

	(void)state;
	assert_true(peal_abcast_clock_time(&clock, NOW_NS) == PEAL_ORDER_STAMP_MAX / 2U);
	clock.offset_ns = INT64_MIN;
	assert_true(peal_abcast_clock_time(&clock, NOW_NS) == 1U);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_abcast_clock__stamps_rise_whatever_time_does),
		cmocka_unit_test(test_abcast_clock__a_promise_is_below_what_follows),
		cmocka_unit_test(test_abcast_clock__follows_others_but_not_into_the_future),
		cmocka_unit_test(test_abcast_clock__absurd_offsets_stay_in_range),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
