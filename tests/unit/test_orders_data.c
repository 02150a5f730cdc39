/* SPDX-License-Identifier: BSD-3-Clause */
#include "dataplane/orders_private.h"
#include "tests/lib/ordersscene.h"
#include "wire/order_data.h"

/* What a machine would deliver next, from rank `rank`. */
static void
deliver_data(uint8_t rank, const uint8_t *data, uint16_t size)
{
	struct peal_orders_group *group = &nodes[0].orders.groups[0];
	const struct peal_abcast_delivery delivery = {.position = group->publisher.next,
		.member = (uint64_t)rank + 1U,
		.view = 1,
		.rank = rank,
		.size = size,
		.bytes = data};

	peal_orders_deliver(group, &delivery);
}

static void
deliver_part(uint8_t rank, uint32_t number, uint32_t offset, uint16_t size)
{
	const struct peal_order_part part = {
		.message_size = 30, .offset = offset, .number = number};
	uint8_t data[64] = {0};

	deliver_data(rank, data, (uint16_t)(peal_order_data_begin_part(data, &part) + size));
}

static void
test_orders_data__parts_of_ranks_do_not_mix(void **state)
{
	(void)state;
	deliver_part(1, 0, 0, 10);
	deliver_part(2, 0, 0, 20);
	deliver_part(1, 0, 10, 20);
	assert_int_equal(nodes[0].delivered_count, 1);
	deliver_part(2, 0, 20, 10);
	assert_int_equal(nodes[0].delivered_count, 2);
	assert_int_equal(counter(0, PEAL_COUNTER_ORDER_PARTS_DROPPED), 0);
}

static void
test_orders_data__a_part_without_those_before_it_is_dropped(void **state)
{
	(void)state;
	deliver_part(1, 0, 10, 20);
	assert_int_equal(counter(0, PEAL_COUNTER_ORDER_PARTS_DROPPED), 1);
	/* The end of one message is not that of another of the same size. */
	deliver_part(1, 1, 0, 10);
	deliver_part(1, 2, 10, 20);
	assert_int_equal(counter(0, PEAL_COUNTER_ORDER_PARTS_DROPPED), 2);
	deliver_part(1, 3, 0, 30);
	assert_int_equal(nodes[0].delivered_count, 1);
}

static void
test_orders_data__bad_data_is_counted_and_the_order_goes_on(void **state)
{
	static const uint8_t data[] = {9, 0, 0, 0, 1};

	(void)state;
	deliver_data(1, data, sizeof(data));
	assert_int_equal(counter(0, PEAL_COUNTER_ORDER_DATA_BAD), 1);
	deliver_part(1, 0, 0, 30);
	assert_int_equal(nodes[0].last_position, 2U << 8);
}

static void
test_orders_data__skipped_positions_settle_own_messages(void **state)
{
	struct peal_orders_group *group = &nodes[0].orders.groups[0];

	(void)state;
	for (uint32_t i = 0; i < 3; i++) {
		assert_int_equal(say(0, "abc"), PEAL_ORDERS_OK);
	}
	peal_orders_cut(group);
	/* As if its own frame were among those that were delivered elsewhere. */
	group->abcast.lanes[0].delivered = 1;
	peal_orders_skipped(group, 1, 9);
	group->abcast.lanes[0].delivered = 0;
	assert_int_equal(nodes[0].skipped_from, 1U << 8);
	assert_int_equal(nodes[0].skipped_to, PEAL_ORDERS_LAST_OF(9));
	assert_int_equal(nodes[0].skipped_own, 3);
	assert_int_equal(group->done_count, 3);
	assert_int_equal(counter(0, PEAL_COUNTER_ORDER_MESSAGES_DOUBTFUL), 3);
}

static void
test_orders_data__a_message_goes_on_behind_a_gap_in_which_nothing_of_it_was(void **state)
{
	struct peal_orders_group *group = &nodes[0].orders.groups[0];

	(void)state;
	deliver_part(0, 7, 0, 10);
	deliver_part(1, 0, 0, 10);
	deliver_part(2, 0, 0, 10);
	peal_orders_skipped(group, 4, 9);
	/* Its own one too: nobody would tell this process what became of it. */
	deliver_part(0, 7, 10, 20);
	deliver_part(1, 0, 10, 20);
	assert_int_equal(nodes[0].delivered_count, 2);
	assert_int_equal(counter(0, PEAL_COUNTER_ORDER_PARTS_DROPPED), 0);
	/* Of this one the second part was among what it missed. */
	deliver_part(2, 0, 20, 10);
	assert_int_equal(nodes[0].delivered_count, 2);
	assert_int_equal(counter(0, PEAL_COUNTER_ORDER_PARTS_DROPPED), 1);
}

static void
test_orders_data__a_member_does_not_go_on_with_what_the_former_one_said(void **state)
{
	struct peal_orders_group *group = &nodes[0].orders.groups[0];
	const struct peal_order_part part = {.message_size = 30, .offset = 10};
	uint8_t data[64] = {0};
	struct peal_abcast_delivery delivery = {.member = 9, .view = 1, .rank = 1, .bytes = data};

	(void)state;
	deliver_part(1, 0, 0, 10);
	delivery.position = group->publisher.next;
	delivery.size = (uint16_t)(peal_order_data_begin_part(data, &part) + 20U);
	peal_orders_deliver(group, &delivery);
	assert_int_equal(nodes[0].delivered_count, 0);
	assert_int_equal(counter(0, PEAL_COUNTER_ORDER_PARTS_DROPPED), 1);
}

static void
test_orders_data__a_message_in_doubt_is_counted_once(void **state)
{
	static const uint8_t bytes[3000];
	struct peal_orders_group *group = &nodes[0].orders.groups[0];

	(void)state;
	assert_int_equal(
		peal_orders_send(&nodes[0].orders, GROUP, bytes, sizeof(bytes)), PEAL_ORDERS_OK);
	assert_int_equal(say(0, "b"), PEAL_ORDERS_OK);
	peal_orders_cut(group);
	assert_int_equal(group->sent_count, 4);
	assert_int_equal(peal_orders_doubt(group, 1), 1);
	assert_int_equal(peal_orders_doubt(group, 1), 0);
	assert_int_equal(peal_orders_doubt(group, 1), 0); /* its end */
	assert_int_equal(peal_orders_doubt(group, 1), 1);
	assert_int_equal(group->done_count, 2);
	assert_int_equal(group->settled_count, 4);
	group->sent_count = 0; /* the machine has the frames still */
	group->settled_count = 0;
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(
			test_orders_data__parts_of_ranks_do_not_mix, begin_founded, finish),
		cmocka_unit_test_setup_teardown(
			test_orders_data__a_part_without_those_before_it_is_dropped, begin_founded,
			finish),
		cmocka_unit_test_setup_teardown(
			test_orders_data__bad_data_is_counted_and_the_order_goes_on, begin_founded,
			finish),
		cmocka_unit_test_setup_teardown(
			test_orders_data__skipped_positions_settle_own_messages, begin_founded,
			finish),
		cmocka_unit_test_setup_teardown(
			test_orders_data__a_message_goes_on_behind_a_gap_in_which_nothing_of_it_was,
			begin_founded, finish),
		cmocka_unit_test_setup_teardown(
			test_orders_data__a_member_does_not_go_on_with_what_the_former_one_said,
			begin_founded, finish),
		cmocka_unit_test_setup_teardown(
			test_orders_data__a_message_in_doubt_is_counted_once, begin_founded,
			finish),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
