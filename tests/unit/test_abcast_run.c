/* SPDX-License-Identifier: BSD-3-Clause */
#include "tests/lib/cmocka_all.h"
#include "tests/lib/orderscene.h"

#define MICROSECOND_NS UINT64_C(1000)

static void
test_abcast_run__ticks_at_once_then_rarely(void **state)
{
	(void)state;
	assert_true(peal_orderscene_data(1, 1, scene.now_ns));
	peal_orderscene_run(5U * MICROSECOND_NS);
	assert_int_equal(peal_orderscene_count(PEAL_ORDER_TICK), 2);
	assert_true(peal_orderscene_last(PEAL_ORDER_TICK)->acks[1].have == 1U);
	peal_orderscene_tick(2, 1, 1, scene.now_ns, 0);
	peal_orderscene_run(5U * MICROSECOND_NS);
	assert_int_equal(scene.delivered_count, 1);
	peal_orderscene_forget();
	for (uint32_t i = 0; i < 100U; i++) {
		peal_orderscene_run(9U * MICROSECOND_NS);
	}
	assert_int_equal(peal_orderscene_count(PEAL_ORDER_TICK), 0);
	for (uint32_t i = 0; i < 20U; i++) {
		peal_orderscene_run(9U * MICROSECOND_NS);
	}
	assert_int_equal(peal_orderscene_count(PEAL_ORDER_TICK), 2);
}

static void
test_abcast_run__promises_ahead_of_time_while_it_is_quiet(void **state)
{
	uint64_t promise;

	(void)state;
	peal_orderscene_run(1000U * MICROSECOND_NS);
	promise = peal_orderscene_last(PEAL_ORDER_TICK)->tick.promise;
	assert_true(promise == scene.now_ns + 2000U * MICROSECOND_NS);
	/* What it says all the same is behind that, and now it is not quiet any more. */
	assert_int_equal(peal_orderscene_send(), PEAL_ABCAST_OK);
	peal_orderscene_run(0);
	assert_true(peal_orderscene_last(PEAL_ORDER_DATA)->data.stamp == promise + 1U);
	peal_orderscene_run(1000U * MICROSECOND_NS);
	assert_true(peal_orderscene_last(PEAL_ORDER_TICK)->tick.promise == promise + 1U);
}

static void
test_abcast_run__follows_a_clock_far_ahead_after_a_while(void **state)
{
	const uint64_t ahead_ns = UINT64_C(37) * 3600U * 1000000000U;
	uint64_t stamp = scene.now_ns + ahead_ns;

	(void)state;
	assert_true(peal_orderscene_data(1, 1, stamp));
	peal_orderscene_run(0);
	assert_true(peal_counter_get(&scene.counters, PEAL_COUNTER_ORDER_FUTURE) > 0);
	peal_orderscene_run(200U * MICROSECOND_NS);
	assert_true(peal_orderscene_last(PEAL_ORDER_TICK)->tick.promise < stamp);
	peal_orderscene_run(150U * MICROSECOND_NS);
	peal_orderscene_run(5U * MICROSECOND_NS);
	assert_true(peal_orderscene_last(PEAL_ORDER_TICK)->tick.promise >= stamp);
}

static void
test_abcast_run__goes_on_behind_the_latest_stamp_there_is(void **state)
{
	uint64_t stamp = scene.now_ns + PEAL_ORDER_AHEAD_NS_MAX;

	(void)state;
	assert_true(peal_orderscene_data(1, 1, stamp));
	for (uint32_t i = 0; i < 10U; i++) {
		peal_orderscene_run(100U * MICROSECOND_NS);
	}
	assert_int_equal(peal_orderscene_send(), PEAL_ABCAST_OK);
	peal_orderscene_run(0);
	assert_true(peal_orderscene_last(PEAL_ORDER_DATA)->data.stamp > stamp);
	assert_true(peal_orderscene_last(PEAL_ORDER_DATA)->data.stamp <
		    stamp + PEAL_ORDER_AHEAD_NS_MAX);
}

static void
test_abcast_run__asks_who_is_silent(void **state)
{
	(void)state;
	assert_true(peal_orderscene_data(1, 1, scene.now_ns));
	peal_orderscene_run(0);
	assert_null(peal_orderscene_last(PEAL_ORDER_ASK));
	peal_orderscene_run(65U * MICROSECOND_NS);
	assert_int_equal(peal_orderscene_count(PEAL_ORDER_ASK), 1);
	assert_true(peal_orderscene_last(PEAL_ORDER_ASK)->asked_stamp == scene.now_ns - 65000U);
	/* More and more rarely. */
	peal_orderscene_run(115U * MICROSECOND_NS);
	assert_int_equal(peal_orderscene_count(PEAL_ORDER_ASK), 1);
	peal_orderscene_run(10U * MICROSECOND_NS);
	assert_int_equal(peal_orderscene_count(PEAL_ORDER_ASK), 2);
	/* And answers who asks. */
	peal_orderscene_forget();
	{
		struct peal_order_msg message = peal_orderscene_make(PEAL_ORDER_ASK, 2);

		message.asked_stamp = scene.now_ns + 50000U;
		(void)peal_orderscene_hear(&message);
	}
	peal_orderscene_run(5U * MICROSECOND_NS);
	assert_true(peal_orderscene_last(PEAL_ORDER_TICK)->tick.promise >= scene.now_ns + 45000U);
}

static void
test_abcast_run__one_answer_is_for_much_that_comes(void **state)
{
	(void)state;
	peal_orderscene_run(0);
	for (uint32_t i = 1; i <= PEAL_ORDER_BULK; i++) {
		assert_true(peal_orderscene_data(1, i, scene.now_ns + i));
	}
	peal_orderscene_run(0);
	peal_orderscene_forget();
	for (uint32_t i = 1; i <= PEAL_ORDER_BULK; i++) {
		assert_true(peal_orderscene_data(1, PEAL_ORDER_BULK + i, scene.now_ns + 100U + i));
	}
	peal_orderscene_run(10U * MICROSECOND_NS);
	assert_null(peal_orderscene_last(PEAL_ORDER_TICK));
	peal_orderscene_run(10U * MICROSECOND_NS);
	assert_int_equal(peal_orderscene_count(PEAL_ORDER_TICK), 2);
	/* Of little that comes all are told at once. */
	peal_orderscene_forget();
	assert_true(peal_orderscene_data(1, 2U * PEAL_ORDER_BULK + 1U, scene.now_ns));
	peal_orderscene_run(5U * MICROSECOND_NS);
	assert_int_equal(peal_orderscene_count(PEAL_ORDER_TICK), 2);
}

static void
test_abcast_run__relays_what_too_few_store(void **state)
{
	(void)state;
	assert_int_equal(peal_orderscene_send(), PEAL_ABCAST_OK);
	peal_orderscene_run(0);
	peal_orderscene_forget();
	for (uint32_t i = 0; i < 5U; i++) {
		peal_orderscene_run(50U * MICROSECOND_NS);
	}
	assert_non_null(peal_orderscene_last(PEAL_ORDER_DATA));
	assert_int_equal(peal_orderscene_last(PEAL_ORDER_DATA)->data.flags, PEAL_ORDER_FLAG_AGAIN);
}

static void
test_abcast_run__leaves_out_who_is_silent_for_long(void **state)
{
	(void)state;
	for (uint32_t i = 0; i < 19U; i++) {
		peal_orderscene_tick(1, 1, 0, scene.now_ns, 0);
		peal_orderscene_run(1000U * MICROSECOND_NS);
	}
	assert_null(peal_orderscene_last(PEAL_ORDER_VIEW_PREPARE));
	peal_orderscene_forget();
	for (uint32_t i = 0; i < 2U; i++) {
		peal_orderscene_tick(1, 1, 0, scene.now_ns, 0);
		peal_orderscene_run(1000U * MICROSECOND_NS);
	}
	assert_non_null(peal_orderscene_last(PEAL_ORDER_VIEW_PREPARE));
}

static void
test_abcast_run__a_late_core_accuses_nobody(void **state)
{
	(void)state;
	assert_true(peal_orderscene_data(1, 1, scene.now_ns));
	peal_orderscene_run(0);
	/* A second in which it did nothing. */
	peal_orderscene_run(1000000U * MICROSECOND_NS);
	assert_null(peal_orderscene_last(PEAL_ORDER_VIEW_PREPARE));
	assert_null(peal_orderscene_last(PEAL_ORDER_SEAL_PREPARE));
}

static void
test_abcast_run__brings_forward_who_is_behind(void **state)
{
	struct peal_order_msg message = peal_orderscene_make(PEAL_ORDER_JOIN, 2);

	(void)state;
	scene.abcast.view = 2;
	(void)peal_orderscene_hear(&message);
	peal_orderscene_run(100U * MICROSECOND_NS);
	assert_int_equal(peal_orderscene_count(PEAL_ORDER_VIEW_INSTALL), 1);
	message.head.view = 2;
	message.head.flags = PEAL_ORDER_FLAG_BEHIND;
	(void)peal_orderscene_hear(&message);
	peal_orderscene_run(100U * MICROSECOND_NS);
	assert_int_equal(peal_orderscene_count(PEAL_ORDER_VIEW_PLACE), 1);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_abcast_run__ticks_at_once_then_rarely,
			peal_orderscene_set_up, peal_orderscene_tear_down),
		cmocka_unit_test_setup_teardown(
			test_abcast_run__promises_ahead_of_time_while_it_is_quiet,
			peal_orderscene_set_up, peal_orderscene_tear_down),
		cmocka_unit_test_setup_teardown(
			test_abcast_run__follows_a_clock_far_ahead_after_a_while,
			peal_orderscene_set_up, peal_orderscene_tear_down),
		cmocka_unit_test_setup_teardown(
			test_abcast_run__goes_on_behind_the_latest_stamp_there_is,
			peal_orderscene_set_up, peal_orderscene_tear_down),
		cmocka_unit_test_setup_teardown(test_abcast_run__asks_who_is_silent,
			peal_orderscene_set_up, peal_orderscene_tear_down),
		cmocka_unit_test_setup_teardown(test_abcast_run__one_answer_is_for_much_that_comes,
			peal_orderscene_set_up, peal_orderscene_tear_down),
		cmocka_unit_test_setup_teardown(test_abcast_run__relays_what_too_few_store,
			peal_orderscene_set_up, peal_orderscene_tear_down),
		cmocka_unit_test_setup_teardown(test_abcast_run__leaves_out_who_is_silent_for_long,
			peal_orderscene_set_up, peal_orderscene_tear_down),
		cmocka_unit_test_setup_teardown(test_abcast_run__a_late_core_accuses_nobody,
			peal_orderscene_set_up, peal_orderscene_tear_down),
		cmocka_unit_test_setup_teardown(test_abcast_run__brings_forward_who_is_behind,
			peal_orderscene_set_up, peal_orderscene_tear_down),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
