/* SPDX-License-Identifier: BSD-3-Clause */
#include "abcast/abcast_lane.h"

#include "tests/lib/cmocka_all.h"

#define STEP_NS UINT64_C(10)

static struct peal_abcast_lane lane;
static uint64_t released_count;
static uint64_t released_last;

static void
release(void *state, uint64_t token)
{
	(void)state;
	released_count++;
	released_last = token;
}

static const struct peal_abcast_keeper keeper = {release, NULL};

static enum peal_abcast_put
put(uint64_t seq)
{
	struct peal_abcast_entry entry = {
		.token = seq, .stamp = seq * STEP_NS, .generation = lane.generation};

	return peal_abcast_lane_put(&lane, seq, &entry, &keeper);
}

/* Frames up to `last` are accepted. */
static void
fill(uint64_t last)
{
	while (lane.have < last) {
		if (peal_abcast_lane_next(&lane) == NULL) {
			assert_int_equal(put(lane.have + 1U), PEAL_ABCAST_PUT_FRESH);
		}
		peal_abcast_lane_accept(&lane);
	}
}

static int
begin(void **state)
{
	(void)state;
	peal_abcast_lane_init(&lane);
	released_count = 0;
	return 0;
}

static void
test_abcast_lane__what_is_held_early_is_not_had(void **state)
{
	(void)state;
	assert_int_equal(put(2), PEAL_ABCAST_PUT_FRESH);
	assert_int_equal(put(2), PEAL_ABCAST_PUT_KNOWN);
	assert_null(peal_abcast_lane_next(&lane));
	assert_true(lane.have == 0 && lane.front == 0);
	assert_true(peal_abcast_lane_reach(&lane) == 0);
	assert_int_equal(put(1), PEAL_ABCAST_PUT_FRESH);
	assert_true(peal_abcast_lane_reach(&lane) == 2U);
	fill(2);
	assert_true(lane.have == 2U && lane.front == 2U * STEP_NS);
}

static void
test_abcast_lane__a_promise_waits_for_the_frames_before_it(void **state)
{
	(void)state;
	peal_abcast_lane_promise(&lane, 500, 2, 0);
	assert_true(lane.front == 0 && lane.seen == 2U);
	fill(1);
	assert_true(lane.front == STEP_NS);
	fill(2);
	assert_true(lane.front == 500U);
	peal_abcast_lane_promise(&lane, 400, 2, 0);
	assert_true(lane.front == 500U);
	/* Of another generation it says nothing. */
	peal_abcast_lane_promise(&lane, 900, 2, 1);
	assert_true(lane.front == 500U);
}

static void
test_abcast_lane__counts_who_stores_in_the_same_generation(void **state)
{
	(void)state;
	fill(3);
	peal_abcast_lane_ack(&lane, 1, 0, 3, 10);
	peal_abcast_lane_ack(&lane, 2, 0, 2, 10);
	peal_abcast_lane_ack(&lane, 3, 1, 9, 10);
	assert_int_equal(peal_abcast_lane_holders_count(&lane, 3, 0, 0, 4, 0x1F), 1);
	assert_int_equal(peal_abcast_lane_holders_count(&lane, 2, 0, 0, 4, 0x1F), 2);
	/* The owner and the one who counts are counted elsewhere. */
	assert_int_equal(peal_abcast_lane_holders_count(&lane, 2, 0, 1, 2, 0x1F), 0);
	/* Late acknowledgements take nothing back. */
	peal_abcast_lane_ack(&lane, 1, 0, 1, 10);
	assert_int_equal(peal_abcast_lane_holders_count(&lane, 3, 0, 0, 4, 0x1F), 1);
}

static void
test_abcast_lane__a_seal_drops_what_is_behind_its_end(void **state)
{
	(void)state;
	fill(5);
	peal_abcast_lane_seal(&lane, 0, 3, 1000, false, &keeper);
	assert_int_equal(released_count, 2);
	assert_true(lane.have == 3U && lane.stable == 3U && lane.generation == 1U);
	assert_true(lane.front == 1000U);
	assert_null(peal_abcast_lane_find(&lane, 4));
}

static void
test_abcast_lane__a_seal_takes_what_was_held_before_its_end(void **state)
{
	(void)state;
	fill(2);
	assert_int_equal(put(3), PEAL_ABCAST_PUT_FRESH);
	assert_int_equal(put(5), PEAL_ABCAST_PUT_FRESH);
	peal_abcast_lane_seal(&lane, 0, 4, 1000, false, &keeper);
	assert_true(lane.have == 3U && lane.stable == 4U && lane.seen == 4U);
	assert_int_equal(released_count, 1);
	assert_true(released_last == 5U);
	/* Until the fourth is here nothing is promised for it. */
	assert_true(lane.front == 3U * STEP_NS);
	fill(4);
	assert_true(lane.front == 1000U);
}

static void
test_abcast_lane__who_missed_a_seal_drops_what_may_be_void(void **state)
{
	(void)state;
	fill(6);
	lane.delivered = 2;
	peal_abcast_lane_seal(&lane, 3, 5, 1000, false, &keeper);
	assert_true(lane.have == 2U && lane.front == 0 && lane.generation == 4U);
	assert_int_equal(released_count, 4);
	begin(NULL);
	fill(6);
	lane.delivered = 2;
	/* Its owner knows that nothing was sent since. */
	peal_abcast_lane_seal(&lane, 3, 5, 1000, true, &keeper);
	assert_true(lane.have == 5U && lane.front == 1000U);
}

static void
test_abcast_lane__keeps_until_all_have_it_or_the_place_is_needed(void **state)
{
	(void)state;
	fill(10);
	lane.delivered = 8;
	peal_abcast_lane_ack(&lane, 1, 0, 9, 10);
	peal_abcast_lane_ack(&lane, 2, 0, 4, 10);
	peal_abcast_lane_trim(&lane, 0, 3, &keeper);
	assert_int_equal(released_count, 4);
	assert_true(lane.low == 5U);
	assert_int_equal(put(PEAL_ORDER_WINDOW + 6U), PEAL_ABCAST_PUT_FRESH);
	assert_true(lane.low == 7U && lane.evicted_count == 2U);
	assert_int_equal(put(PEAL_ORDER_WINDOW + 9U), PEAL_ABCAST_PUT_NO_ROOM);
}

static void
test_abcast_lane__a_laggard_does_not_hold_a_majority_back(void **state)
{
	(void)state;
	assert_true(
		peal_abcast_lane_credit(&lane, 0, peal_abcast_quorum_of(7)) == PEAL_ORDER_WINDOW);
	fill(100);
	lane.delivered = 100;
	peal_abcast_lane_ack(&lane, 1, 0, 100, PEAL_ORDER_WINDOW);
	assert_true(peal_abcast_lane_credit(&lane, 0, peal_abcast_quorum_of(7)) ==
		    PEAL_ORDER_WINDOW + 100U);
	lane.delivered = 50;
	assert_true(peal_abcast_lane_credit(&lane, 0, peal_abcast_quorum_of(7)) ==
		    PEAL_ORDER_WINDOW + 50U);
}

static void
test_abcast_lane__skips_what_was_delivered_elsewhere(void **state)
{
	(void)state;
	fill(4);
	assert_int_equal(put(PEAL_ORDER_WINDOW), PEAL_ABCAST_PUT_FRESH);
	peal_abcast_lane_skip(&lane, 2, &keeper);
	assert_true(lane.delivered == 2U && lane.have == 4U && lane.low == 3U);
	assert_int_equal(released_count, 2);
	peal_abcast_lane_skip(&lane, UINT64_C(3) * PEAL_ORDER_WINDOW, &keeper);
	assert_int_equal(released_count, 5);
	assert_true(lane.have == lane.delivered && lane.low == lane.have + 1U);
	fill(UINT64_C(3) * PEAL_ORDER_WINDOW + 1U);
}

static void
test_abcast_lane__gives_everything_back(void **state)
{
	struct peal_abcast_entry entry;

	(void)state;
	fill(3);
	assert_true(peal_abcast_lane_take(&lane, 2, &entry));
	assert_true(entry.token == 2U);
	assert_false(peal_abcast_lane_take(&lane, 2, &entry));
	peal_abcast_lane_clear(&lane, &keeper);
	assert_int_equal(released_count, 2);
	assert_true(lane.have == 0 && lane.low == 1U);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(test_abcast_lane__what_is_held_early_is_not_had, begin),
		cmocka_unit_test_setup(
			test_abcast_lane__a_promise_waits_for_the_frames_before_it, begin),
		cmocka_unit_test_setup(
			test_abcast_lane__counts_who_stores_in_the_same_generation, begin),
		cmocka_unit_test_setup(
			test_abcast_lane__a_seal_drops_what_is_behind_its_end, begin),
		cmocka_unit_test_setup(
			test_abcast_lane__a_seal_takes_what_was_held_before_its_end, begin),
		cmocka_unit_test_setup(
			test_abcast_lane__who_missed_a_seal_drops_what_may_be_void, begin),
		cmocka_unit_test_setup(
			test_abcast_lane__keeps_until_all_have_it_or_the_place_is_needed, begin),
		cmocka_unit_test_setup(
			test_abcast_lane__a_laggard_does_not_hold_a_majority_back, begin),
		cmocka_unit_test_setup(test_abcast_lane__skips_what_was_delivered_elsewhere, begin),
		cmocka_unit_test_setup(test_abcast_lane__gives_everything_back, begin),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
