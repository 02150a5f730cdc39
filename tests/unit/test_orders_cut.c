/* SPDX-License-Identifier: BSD-3-Clause */
#include "tests/lib/ordersscene.h"
#include "wire/order_data.h"

static void
test_orders_cut__small_messages_of_a_turn_share_a_frame(void **state)
{
	(void)state;
	for (uint32_t i = 0; i < 100; i++) {
		assert_int_equal(say(0, "a"), PEAL_ORDERS_OK);
	}
	orders_turn(100);
	assert_int_equal(nodes[1].delivered_count, 100);
	assert_int_equal(counter(0, PEAL_COUNTER_ORDER_SENT), 1);
	/* Numbers in the frame are the low bits of positions. */
	assert_int_equal(nodes[1].last_position, (1U << 8) + 99U);
}

static void
test_orders_cut__a_frame_has_room_for_so_many(void **state)
{
	(void)state;
	for (uint32_t i = 0; i < PEAL_ORDER_RECORDS_MAX + 1U; i++) {
		assert_int_equal(say(0, "a"), PEAL_ORDERS_OK);
	}
	orders_turn(100);
	assert_int_equal(nodes[1].delivered_count, PEAL_ORDER_RECORDS_MAX + 1U);
	assert_int_equal(nodes[1].last_position, 2U << 8);
}

static void
test_orders_cut__a_kilobyte_is_one_frame_and_more_comes_in_parts(void **state)
{
	static const uint8_t bytes[3000];

	(void)state;
	assert_int_equal(peal_orders_send(&nodes[0].orders, GROUP, bytes, 1024), PEAL_ORDERS_OK);
	orders_turn(100);
	assert_int_equal(counter(0, PEAL_COUNTER_ORDER_SENT), 1);
	assert_int_equal(
		peal_orders_send(&nodes[0].orders, GROUP, bytes, sizeof(bytes)), PEAL_ORDERS_OK);
	assert_int_equal(say(0, "b"), PEAL_ORDERS_OK);
	orders_turn(100);
	/* Three parts, and the small one behind them in a frame of its own. */
	assert_int_equal(counter(0, PEAL_COUNTER_ORDER_SENT), 5);
	assert_int_equal(nodes[2].delivered_count, 3);
	assert_int_equal(nodes[2].bytes_count, 1024U + sizeof(bytes) + 1U);
	assert_string_equal(nodes[2].text, "1b ");
}

static void
test_orders_cut__what_waits_gathers(void **state)
{
	(void)state;
	/* Nobody answers: frames wait, and what comes then shares them. */
	cores->nodes[1]->is_running = false;
	cores->nodes[2]->is_running = false;
	for (uint32_t i = 0; i < PEAL_ORDER_INFLIGHT_MAX + 200U; i++) {
		assert_int_equal(say(0, "a"), PEAL_ORDERS_OK);
		orders_turn(1);
	}
	assert_true(counter(0, PEAL_COUNTER_ORDER_SENT) <= PEAL_ORDER_INFLIGHT_MAX);
	assert_true(nodes[0].orders.groups[0].sent_count < PEAL_ORDER_INFLIGHT_MAX + 10U);
	assert_true(nodes[0].orders.groups[0].queue.tail < nodes[0].orders.groups[0].queue.head);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(
			test_orders_cut__small_messages_of_a_turn_share_a_frame, begin_founded,
			finish),
		cmocka_unit_test_setup_teardown(
			test_orders_cut__a_frame_has_room_for_so_many, begin_founded, finish),
		cmocka_unit_test_setup_teardown(
			test_orders_cut__a_kilobyte_is_one_frame_and_more_comes_in_parts,
			begin_founded, finish),
		cmocka_unit_test_setup_teardown(
			test_orders_cut__what_waits_gathers, begin_founded, finish),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
