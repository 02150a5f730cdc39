/* SPDX-License-Identifier: BSD-3-Clause */
#include "tests/lib/ordersscene.h"

#define LATER_TURNS 2500U /* more than two ranks are waited for */

static void
listen(void)
{
	for (uint32_t i = 0; i < NODES_COUNT; i++) {
		peal_orders_on_cast_view(&nodes[i].orders);
	}
	assert_int_equal(peal_orders_subscribe(&nodes[3].orders, GROUP), PEAL_ORDERS_OK);
	orders_turn(10);
}

static void
say_some(uint32_t count)
{
	for (uint32_t i = 0; i < count; i++) {
		assert_int_equal(say(i % 3U, "a"), PEAL_ORDERS_OK);
		orders_turn(50);
	}
}

static void
test_orders_publish__nothing_is_said_when_nobody_listens(void **state)
{
	(void)state;
	say_some(3);
	orders_turn(LATER_TURNS);
	for (uint32_t i = 0; i < 3; i++) {
		assert_int_equal(counter(i, PEAL_COUNTER_ORDER_PUBLISHED), 0);
		assert_int_equal(nodes[i].orders.pool.used_count, 0);
	}
}

static void
test_orders_publish__the_lowest_rank_says_it_and_the_others_let_go(void **state)
{
	(void)state;
	listen();
	say_some(3);
	orders_turn(LATER_TURNS);
	assert_string_equal(nodes[3].text, nodes[0].text);
	assert_int_equal(counter(0, PEAL_COUNTER_ORDER_PUBLISHED), 3);
	assert_int_equal(counter(1, PEAL_COUNTER_ORDER_PUBLISHED), 0);
	assert_int_equal(counter(2, PEAL_COUNTER_ORDER_PUBLISHED), 0);
	for (uint32_t i = 0; i < 3; i++) {
		assert_int_equal(nodes[i].orders.pool.used_count, 0);
	}
}

static void
test_orders_publish__the_next_rank_goes_on_where_all_were(void **state)
{
	(void)state;
	listen();
	say_some(3);
	cores->nodes[0]->is_running = false;
	nodes[0].is_deaf = true;
	for (uint32_t i = 0; i < 3; i++) {
		assert_int_equal(say(1, "b"), PEAL_ORDERS_OK);
		orders_turn(400);
	}
	orders_turn(LATER_TURNS);
	assert_string_equal(nodes[3].text, nodes[1].text);
	assert_int_equal(nodes[3].delivered_count, 6);
	assert_int_equal(nodes[3].skips_count, 1); /* where it began */
	assert_int_equal(counter(1, PEAL_COUNTER_ORDER_PUBLISHED), 3);
}

static void
test_orders_publish__without_room_it_waits_and_then_brakes(void **state)
{
	(void)state;
	listen();
	say_some(1);
	for (uint32_t i = 0; i < 3; i++) {
		nodes[i].cast_result = PEAL_CAST_FULL;
	}
	for (uint32_t i = 0; i < PEAL_ORDERS_KEPT_BRAKE + 500U; i++) {
		(void)say(0, "a");
		orders_turn(8);
	}
	/* What is put in order stands; what is said waits, and is lost to nobody. */
	assert_true(nodes[0].delivered_count <= PEAL_ORDERS_KEPT_BRAKE + 100U);
	assert_true(nodes[0].delivered_count >= PEAL_ORDERS_KEPT_BRAKE / 2U);
	for (uint32_t i = 0; i < 3; i++) {
		nodes[i].cast_result = PEAL_CAST_OK;
	}
	orders_turn(4U * LATER_TURNS);
	assert_int_equal(nodes[0].delivered_count, PEAL_ORDERS_KEPT_BRAKE + 501U);
	assert_int_equal(nodes[3].delivered_count, PEAL_ORDERS_KEPT_BRAKE + 501U);
	assert_int_equal(counter(0, PEAL_COUNTER_ORDER_UNPUBLISHED), 0);
	assert_int_equal(nodes[3].skips_count, 1);
}

static void
test_orders_publish__who_listened_long_ago_is_forgotten(void **state)
{
	(void)state;
	listen();
	say_some(1);
	peal_orders_unsubscribe(&nodes[3].orders, GROUP);
	for (uint32_t view = 0; view < 2; view++) {
		for (uint32_t i = 0; i < NODES_COUNT; i++) {
			peal_orders_on_cast_view(&nodes[i].orders);
		}
	}
	/* Two views at one moment say nothing yet. */
	assert_true(nodes[0].orders.groups[0].publisher.is_on);
	cores->now_ns += UINT64_C(2000000000);
	orders_turn(10);
	for (uint32_t i = 0; i < NODES_COUNT; i++) {
		peal_orders_on_cast_view(&nodes[i].orders);
	}
	assert_false(nodes[0].orders.groups[0].publisher.is_on);
	assert_false(nodes[1].orders.groups[0].publisher.is_on);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(
			test_orders_publish__nothing_is_said_when_nobody_listens, begin_founded,
			finish),
		cmocka_unit_test_setup_teardown(
			test_orders_publish__the_lowest_rank_says_it_and_the_others_let_go,
			begin_founded, finish),
		cmocka_unit_test_setup_teardown(
			test_orders_publish__the_next_rank_goes_on_where_all_were, begin_founded,
			finish),
		cmocka_unit_test_setup_teardown(
			test_orders_publish__without_room_it_waits_and_then_brakes, begin_founded,
			finish),
		cmocka_unit_test_setup_teardown(
			test_orders_publish__who_listened_long_ago_is_forgotten, begin_founded,
			finish),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
