/* SPDX-License-Identifier: BSD-3-Clause */
#include "abcast/abcast_offset.h"

#include "tests/lib/cmocka_all.h"

#define MILLISECOND_NS UINT64_C(1000000)
#define HOURS_37_NS    (INT64_C(37) * 3600 * 1000000000)

static struct peal_abcast_offset offset;
static struct peal_abcast_estimate estimate;
static uint64_t own_ns;
static int64_t ahead_ns; /* of the other clock */

static int
set_up(void **state)
{
	(void)state;
	offset = (struct peal_abcast_offset){0};
	own_ns = UINT64_C(1000000) * MILLISECOND_NS;
	ahead_ns = 0;
	return 0;
}

/* A round trip, which takes so long there and back. */
static enum peal_abcast_noted
lap(uint64_t there_ns, uint64_t back_ns)
{
	uint64_t left_at_ns = own_ns;

	own_ns += there_ns + back_ns;
	return peal_abcast_offset_note(&offset, left_at_ns,
		(uint64_t)((int64_t)(left_at_ns + there_ns) + ahead_ns), own_ns);
}

static bool
read(void)
{
	return peal_abcast_offset_read(&offset, own_ns, &estimate);
}

static void
test_abcast_offset__is_the_middle_of_what_a_round_trip_proves(void **state)
{
	(void)state;
	assert_false(read());
	ahead_ns = HOURS_37_NS;
	assert_int_equal(lap(10000, 10000), PEAL_ABCAST_NOTED);
	assert_true(read());
	assert_true(estimate.ahead_ns == HOURS_37_NS && estimate.error_ns == 10000U);
	/* The ways may differ: it is wrong then, by no more than it says. */
	(void)set_up(NULL);
	ahead_ns = -5000;
	assert_int_equal(lap(0, 20000), PEAL_ABCAST_NOTED);
	assert_true(read());
	assert_true(estimate.ahead_ns == -5000 - 10000 && estimate.error_ns == 10000U);
}

static void
test_abcast_offset__the_shortest_of_the_last_counts(void **state)
{
	(void)state;
	assert_int_equal(lap(900000, 10000), PEAL_ABCAST_NOTED);
	assert_int_equal(lap(5000, 5000), PEAL_ABCAST_NOTED);
	for (uint32_t i = 0; i < PEAL_ABCAST_LAPS_MAX - 1U; i++) {
		assert_int_equal(lap(10000, 300000), PEAL_ABCAST_NOTED);
		assert_true(read());
		assert_true(estimate.ahead_ns == 0 && estimate.error_ns < 6000U);
	}
	/* It is the oldest now, and gives way. */
	assert_int_equal(lap(10000, 300000), PEAL_ABCAST_NOTED);
	assert_true(read());
	assert_true(estimate.ahead_ns == -145000 && estimate.error_ns == 155000U);
}

static void
test_abcast_offset__the_error_grows_until_nothing_is_known(void **state)
{
	(void)state;
	assert_int_equal(lap(10000, 10000), PEAL_ABCAST_NOTED);
	own_ns += 100U * MILLISECOND_NS;
	assert_true(read());
	assert_true(estimate.error_ns == 10000U + 10000U);
	/* A longer way that is new may say more. */
	assert_int_equal(lap(14000, 14000), PEAL_ABCAST_NOTED);
	assert_true(read());
	assert_true(estimate.error_ns == 14000U);
	own_ns += PEAL_ABCAST_LAP_KEPT_NS;
	assert_true(read());
	own_ns += 1U;
	assert_false(read());
}

static void
test_abcast_offset__a_clock_that_jumps_is_known_anew(void **state)
{
	(void)state;
	for (uint32_t i = 0; i < 5U; i++) {
		assert_int_equal(lap(10000, 10000), PEAL_ABCAST_NOTED);
	}
	ahead_ns = 19000; /* it may have been so all the time */
	assert_int_equal(lap(10000, 10000), PEAL_ABCAST_NOTED);
	ahead_ns = MILLISECOND_NS;
	assert_int_equal(lap(200000, 200000), PEAL_ABCAST_JUMPED);
	assert_true(read());
	assert_true(estimate.ahead_ns == (int64_t)MILLISECOND_NS && estimate.error_ns == 200000U);
	/* The own one goes back: what is known is of a time that has not come yet. */
	own_ns -= 500U * MILLISECOND_NS;
	assert_true(read());
	ahead_ns += (int64_t)(500U * MILLISECOND_NS);
	assert_int_equal(lap(10000, 10000), PEAL_ABCAST_JUMPED);
	assert_true(read());
	assert_true(estimate.ahead_ns == ahead_ns && estimate.error_ns == 10000U);
}

static void
test_abcast_offset__what_cannot_be_is_refused(void **state)
{
	const uint64_t far_ns = PEAL_ORDER_AHEAD_NS_MAX;

	(void)state;
	assert_int_equal(lap(1, PEAL_ABCAST_LAP_NS_MAX), PEAL_ABCAST_NO_LAP);
	assert_int_equal(
		peal_abcast_offset_note(&offset, own_ns, own_ns, own_ns - 1U), PEAL_ABCAST_NO_LAP);
	assert_int_equal(
		peal_abcast_offset_note(&offset, own_ns, own_ns + far_ns + 1U, own_ns + 10U),
		PEAL_ABCAST_TOO_FAR);
	assert_int_equal(
		peal_abcast_offset_note(&offset, own_ns + far_ns, own_ns, own_ns + far_ns + 1U),
		PEAL_ABCAST_TOO_FAR);
	assert_int_equal(peal_abcast_offset_note(&offset, 1, PEAL_ORDER_STAMP_MAX - 1U, 2),
		PEAL_ABCAST_TOO_FAR);
	assert_false(read());
	assert_int_equal(peal_abcast_offset_note(&offset, own_ns, own_ns + far_ns, own_ns),
		PEAL_ABCAST_NOTED);
	assert_true(read());
	assert_true(estimate.ahead_ns == (int64_t)far_ns && estimate.error_ns == 0);
}

#define TEST(name) cmocka_unit_test_setup(test_abcast_offset__##name, set_up)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(is_the_middle_of_what_a_round_trip_proves),
		TEST(the_shortest_of_the_last_counts),
		TEST(the_error_grows_until_nothing_is_known),
		TEST(a_clock_that_jumps_is_known_anew),
		TEST(what_cannot_be_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
