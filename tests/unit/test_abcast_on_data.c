/* SPDX-License-Identifier: BSD-3-Clause */
#include "tests/lib/cmocka_all.h"
#include "tests/lib/orderscene.h"

#define MICROSECOND_NS UINT64_C(1000)

static void
test_abcast_on_data__a_gap_is_pulled_from_who_showed_it(void **state)
{
	const struct peal_order_msg *pull;

	(void)state;
	assert_true(peal_orderscene_data(1, 3, 5000));
	peal_orderscene_run(0);
	pull = peal_orderscene_last(PEAL_ORDER_PULL);
	assert_non_null(pull);
	assert_true(pull->pull.from == 1U && pull->pull.to == 2U && pull->pull.lane == 1U);
	assert_int_equal(scene.sent[0].rank, 1);
	/* Another rank has more of lane 1: it is asked for the rest. */
	assert_true(peal_orderscene_data(1, 1, 3000));
	assert_true(peal_orderscene_data(1, 2, 4000));
	peal_orderscene_forget();
	peal_orderscene_tick(2, 1, 4, 10, 0);
	peal_orderscene_run(1000U * MICROSECOND_NS);
	pull = peal_orderscene_last(PEAL_ORDER_PULL);
	assert_non_null(pull);
	assert_true(pull->pull.from == 4U && pull->pull.to == 4U);
}

static void
test_abcast_on_data__what_comes_twice_is_not_kept(void **state)
{
	(void)state;
	assert_true(peal_orderscene_data(1, 1, 5000));
	assert_false(peal_orderscene_data(1, 1, 5000));
	assert_true(peal_orderscene_data(1, 3, 7000));
	assert_false(peal_orderscene_data(1, 3, 7000));
	assert_true(peal_orderscene_counter(PEAL_COUNTER_ORDER_DUPLICATES) == 2U);
}

static void
test_abcast_on_data__a_wedged_lane_takes_nothing_and_stages_what_was_fetched(void **state)
{
	struct peal_order_msg message = peal_orderscene_make(PEAL_ORDER_SEAL_PREPARE, 2);
	struct peal_abcast_lane *lane = &scene.abcast.lanes[1];

	(void)state;
	assert_true(peal_orderscene_data(1, 1, 5000));
	message.seal.lane = 1;
	message.seal.ballot = 0x102;
	(void)peal_orderscene_hear(&message);
	assert_false(peal_orderscene_data(1, 2, 6000));
	assert_true(peal_orderscene_counter(PEAL_COUNTER_ORDER_PARKED) == 1U);
	message = peal_orderscene_make(PEAL_ORDER_DATA, 2);
	message.data = (struct peal_order_data){.seq = 2,
		.stamp = 6000,
		.lane = 1,
		.flags = PEAL_ORDER_FLAG_AGAIN | PEAL_ORDER_FLAG_FETCHED};
	assert_true(peal_orderscene_hear(&message));
	assert_true(lane->have == 1U);
	assert_true(peal_abcast_lane_reach(lane) == 2U);
}

static void
test_abcast_on_data__a_frame_before_what_was_delivered_stops_it(void **state)
{
	(void)state;
	assert_true(peal_orderscene_data(1, 1, 5000));
	peal_orderscene_tick(2, 1, 1, 6000, 0);
	peal_orderscene_run(0);
	assert_int_equal(scene.delivered_count, 1);
	/* Rank 2 promised that this never comes. */
	assert_true(peal_orderscene_data(2, 1, 4000));
	assert_int_equal(scene.fault, PEAL_ABCAST_FAULT_ORDER);
}

static void
test_abcast_on_data__a_broken_promise_is_refused(void **state)
{
	(void)state;
	peal_orderscene_tick(1, 1, 0, 6000, 0);
	assert_true(peal_orderscene_data(1, 1, 5000));
	assert_true(peal_orderscene_counter(PEAL_COUNTER_ORDER_REFUSED_STAMP) == 1U);
	assert_true(scene.abcast.lanes[1].have == 0);
}

static void
test_abcast_on_data__stamps_far_ahead_are_ordered_but_not_followed(void **state)
{
	(void)state;
	assert_true(peal_orderscene_data(1, 1, scene.now_ns + 1000000000U));
	assert_true(peal_orderscene_counter(PEAL_COUNTER_ORDER_FUTURE) == 1U);
	assert_true(scene.abcast.clock.stamp < scene.now_ns + 1000000000U);
	assert_true(scene.abcast.lanes[1].have == 1U);
}

static void
test_abcast_on_data__another_digest_stops_it(void **state)
{
	struct peal_order_msg message = peal_orderscene_make(PEAL_ORDER_TICK, 2);

	(void)state;
	for (uint64_t i = 1; i <= 64U; i++) {
		assert_true(peal_orderscene_data(1, i, 5000U + i));
		peal_orderscene_tick(2, 1, i, 6000U + i, 0);
		peal_orderscene_run(0);
	}
	assert_true(peal_abcast_position(&scene.abcast) == 64U);
	message.tick.position = 64;
	message.tick.digest = scene.abcast.digest.value;
	(void)peal_orderscene_hear(&message);
	assert_int_equal(scene.fault, PEAL_ABCAST_FAULT_NONE);
	message.tick.digest++;
	(void)peal_orderscene_hear(&message);
	assert_int_equal(scene.fault, PEAL_ABCAST_FAULT_DIGEST);
}

static void
test_abcast_on_data__gives_what_it_has_and_says_what_it_gave_up(void **state)
{
	struct peal_order_msg message = peal_orderscene_make(PEAL_ORDER_PULL, 2);

	(void)state;
	assert_true(peal_orderscene_data(1, 1, 5000));
	assert_true(peal_orderscene_data(1, 3, 7000));
	message.pull = (struct peal_order_pull){.from = 1, .to = 9, .lane = 1};
	(void)peal_orderscene_hear(&message);
	/* The third is held, and not accepted: it is no answer to a plain pull. */
	assert_int_equal(peal_orderscene_count(PEAL_ORDER_DATA), 1);
	message.pull.what = PEAL_ORDER_PULL_ALL;
	(void)peal_orderscene_hear(&message);
	assert_int_equal(peal_orderscene_count(PEAL_ORDER_DATA), 3);
	assert_int_equal(peal_orderscene_last(PEAL_ORDER_DATA)->data.flags,
		PEAL_ORDER_FLAG_AGAIN | PEAL_ORDER_FLAG_FETCHED);
	scene.abcast.lanes[1].low = 2;
	(void)peal_orderscene_hear(&message);
	assert_int_equal(peal_orderscene_last(PEAL_ORDER_PULL)->pull.what, PEAL_ORDER_PULL_GONE);
	scene.abcast.lanes[1].low = 1;
}

static void
test_abcast_on_data__takes_what_is_new_of_a_body(void **state)
{
	struct peal_order_msg message = peal_orderscene_make(PEAL_ORDER_DATA, 1);
	uint8_t rows[2U * PEAL_ORDER_ROW_SIZE];

	(void)state;
	assert_true(peal_orderscene_data(1, 1, 5000));
	peal_order_row_write(rows, 6000, 2);
	peal_order_row_write(rows + PEAL_ORDER_ROW_SIZE, 7000, 3);
	message.data = (struct peal_order_data){
		.seq = 1, .stamp = 5000, .lane = 1, .more = 2, .rows = rows};
	assert_true(peal_orderscene_hear(&message));
	assert_true(scene.abcast.lanes[1].have == 3U);
	assert_true(peal_abcast_lane_find(&scene.abcast.lanes[1], 3)->stamp == 7000U);
	assert_int_equal(peal_abcast_lane_find(&scene.abcast.lanes[1], 2)->size, 2);
	assert_true(peal_orderscene_counter(PEAL_COUNTER_ORDER_DUPLICATES) == 1U);
	assert_int_equal(scene.kept_count, 3);
	assert_false(peal_orderscene_hear(&message));
	assert_int_equal(scene.kept_count, 3);
}

static void
test_abcast_on_data__a_body_that_stops_it_is_looked_at_no_further(void **state)
{
	struct peal_order_msg message = peal_orderscene_make(PEAL_ORDER_DATA, 2);
	uint8_t rows[PEAL_ORDER_ROW_SIZE];

	(void)state;
	assert_true(peal_orderscene_data(1, 1, 5000));
	peal_orderscene_tick(2, 1, 1, 6000, 0);
	peal_orderscene_run(0);
	peal_order_row_write(rows, 7000, 2);
	message.data = (struct peal_order_data){
		.seq = 1, .stamp = 4000, .lane = 2, .more = 1, .rows = rows};
	assert_true(peal_orderscene_hear(&message));
	assert_int_equal(scene.fault, PEAL_ABCAST_FAULT_ORDER);
	assert_null(peal_abcast_lane_find(&scene.abcast.lanes[2], 2));
}

/* Rank 1 asks for three own frames of this one. Returns the bodies that it is sent. */
static uint32_t
pull_three(uint64_t from)
{
	struct peal_order_msg message = peal_orderscene_make(PEAL_ORDER_PULL, 1);

	message.pull = (struct peal_order_pull){.from = from, .to = from + 2U, .lane = 0};
	peal_orderscene_forget();
	(void)peal_orderscene_hear(&message);
	return peal_orderscene_count(PEAL_ORDER_DATA);
}

static void
test_abcast_on_data__what_is_asked_for_again_is_sent_small(void **state)
{
	(void)state;
	for (uint32_t i = 0; i < 2U * PEAL_ORDER_PULLS_SUSPECT; i++) {
		assert_int_equal(peal_orderscene_send(), PEAL_ABCAST_OK);
	}
	peal_orderscene_run(0);
	/* As every path carries it: there is nothing to doubt. */
	assert_int_equal(pull_three(1), 1);
	assert_int_equal(pull_three(1), 1);
	assert_int_equal(scene.doubted_rank, 3);
	scene.abcast.rooms[1] = PEAL_LARGE_BODY_SIZE_MAX;
	assert_int_equal(pull_three(2), 1);
	assert_int_equal(scene.doubted_rank, 3);
	assert_int_equal(pull_three(2), 1);
	scene.now_ns += 600U * MICROSECOND_NS;
	assert_int_equal(pull_three(2), 3);
	assert_int_equal(scene.doubted_rank, 1);
	assert_int_equal(pull_three(3), 1);
	/* Other frames each time: the repeats come, and what left first does not. */
	scene.doubted_rank = 3;
	for (uint32_t i = 4; i < PEAL_ORDER_PULLS_SUSPECT; i++) {
		assert_int_equal(scene.doubted_rank, 3);
		assert_int_equal(pull_three(1U + i), 1);
	}
	assert_int_equal(scene.doubted_rank, 1);
}

static void
test_abcast_on_data__pulls_of_two_lanes_by_turns_are_each_known_again(void **state)
{
	struct peal_order_msg message = peal_orderscene_make(PEAL_ORDER_PULL, 1);

	(void)state;
	scene.abcast.rooms[1] = PEAL_LARGE_BODY_SIZE_MAX;
	for (uint64_t i = 1; i <= 3U; i++) {
		assert_true(peal_orderscene_data(2, i, 5000U + i));
		assert_int_equal(peal_orderscene_send(), PEAL_ABCAST_OK);
	}
	peal_orderscene_run(0);
	for (uint32_t i = 0; i < 4U; i++) {
		peal_orderscene_forget();
		message.pull =
			(struct peal_order_pull){.from = 1, .to = 3, .lane = i % 2U == 0 ? 0 : 2};
		(void)peal_orderscene_hear(&message);
		/* First large, and frame by frame when it did not come. */
		assert_int_equal(peal_orderscene_count(PEAL_ORDER_DATA), i < 2U ? 1 : 3);
		scene.now_ns += 300U * MICROSECOND_NS;
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(
			test_abcast_on_data__a_gap_is_pulled_from_who_showed_it,
			peal_orderscene_set_up, peal_orderscene_tear_down),
		cmocka_unit_test_setup_teardown(test_abcast_on_data__what_comes_twice_is_not_kept,
			peal_orderscene_set_up, peal_orderscene_tear_down),
		cmocka_unit_test_setup_teardown(
			test_abcast_on_data__a_wedged_lane_takes_nothing_and_stages_what_was_fetched,
			peal_orderscene_set_up, peal_orderscene_tear_down),
		cmocka_unit_test_setup_teardown(
			test_abcast_on_data__a_frame_before_what_was_delivered_stops_it,
			peal_orderscene_set_up, peal_orderscene_tear_down),
		cmocka_unit_test_setup_teardown(test_abcast_on_data__a_broken_promise_is_refused,
			peal_orderscene_set_up, peal_orderscene_tear_down),
		cmocka_unit_test_setup_teardown(
			test_abcast_on_data__stamps_far_ahead_are_ordered_but_not_followed,
			peal_orderscene_set_up, peal_orderscene_tear_down),
		cmocka_unit_test_setup_teardown(test_abcast_on_data__another_digest_stops_it,
			peal_orderscene_set_up, peal_orderscene_tear_down),
		cmocka_unit_test_setup_teardown(
			test_abcast_on_data__gives_what_it_has_and_says_what_it_gave_up,
			peal_orderscene_set_up, peal_orderscene_tear_down),
		cmocka_unit_test_setup_teardown(test_abcast_on_data__takes_what_is_new_of_a_body,
			peal_orderscene_set_up, peal_orderscene_tear_down),
		cmocka_unit_test_setup_teardown(
			test_abcast_on_data__a_body_that_stops_it_is_looked_at_no_further,
			peal_orderscene_set_up, peal_orderscene_tear_down),
		cmocka_unit_test_setup_teardown(
			test_abcast_on_data__what_is_asked_for_again_is_sent_small,
			peal_orderscene_set_up, peal_orderscene_tear_down),
		cmocka_unit_test_setup_teardown(
			test_abcast_on_data__pulls_of_two_lanes_by_turns_are_each_known_again,
			peal_orderscene_set_up, peal_orderscene_tear_down),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
