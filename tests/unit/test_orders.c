/* SPDX-License-Identifier: BSD-3-Clause */
#include "tests/lib/ordersscene.h"

static void
test_orders__all_ranks_deliver_the_same(void **state)
{
	(void)state;
	assert_int_equal(say(0, "a"), PEAL_ORDERS_OK);
	assert_int_equal(say(1, "b"), PEAL_ORDERS_OK);
	assert_int_equal(say(2, "c"), PEAL_ORDERS_OK);
	orders_turn(50);
	assert_int_equal(nodes[0].delivered_count, 3);
	assert_string_equal(nodes[1].text, nodes[0].text);
	assert_string_equal(nodes[2].text, nodes[0].text);
	assert_string_equal(nodes[3].text, "");
	assert_int_equal(counter(0, PEAL_COUNTER_ORDER_MESSAGES_SENT), 1);
	assert_int_equal(counter(0, PEAL_COUNTER_ORDER_MESSAGES_DELIVERED), 3);
}

static void
test_orders__says_why_a_message_is_refused(void **state)
{
	static uint8_t large[PEAL_ORDERS_MESSAGE_SIZE_MAX + 1U];

	(void)state;
	assert_int_equal(say(3, "d"), PEAL_ORDERS_NOT_RANK);
	assert_int_equal(
		peal_orders_send(&nodes[0].orders, GROUP + 1U, large, 1), PEAL_ORDERS_NO_GROUP);
	assert_int_equal(peal_orders_send(&nodes[0].orders, GROUP, large, 0), PEAL_ORDERS_TOO_BIG);
	assert_int_equal(peal_orders_send(&nodes[0].orders, GROUP, large, sizeof(large)),
		PEAL_ORDERS_TOO_BIG);
	assert_int_equal(peal_orders_send(&nodes[0].orders, GROUP, large, sizeof(large) - 1U),
		PEAL_ORDERS_OK);
	assert_int_equal(peal_orders_send(&nodes[0].orders, GROUP, large, sizeof(large) - 1U),
		PEAL_ORDERS_OK);
	assert_int_equal(say(0, "1234567890123456789012345"), PEAL_ORDERS_FULL);
	orders_turn(4000);
	assert_int_equal(say(0, "a"), PEAL_ORDERS_OK);
	assert_int_equal(nodes[1].bytes_count, 2U * (sizeof(large) - 1U));
	assert_int_equal(nodes[1].delivered_count, 2);
}

static void
test_orders__costs_nothing_without_a_group(void **state)
{
	(void)state;
	assert_int_equal(peal_orders_run(&nodes[0].orders, cores->now_ns), 0);
	assert_true(peal_orders_deadline_at_ns(&nodes[0].orders) == UINT64_MAX);
	orders_found();
	assert_true(peal_orders_deadline_at_ns(&nodes[0].orders) < UINT64_MAX);
	assert_true(peal_orders_deadline_at_ns(&nodes[3].orders) == UINT64_MAX);
	assert_int_equal(say(0, "a"), PEAL_ORDERS_OK);
	assert_true(peal_orders_deadline_at_ns(&nodes[0].orders) == 0);
}

static void
test_orders__tells_what_a_group_is_like(void **state)
{
	struct peal_orders_state group;

	(void)state;
	assert_false(peal_orders_find(&nodes[0].orders, GROUP + 1U, &group));
	assert_true(peal_orders_find(&nodes[3].orders, GROUP, &group));
	assert_false(group.is_rank);
	assert_string_equal(peal_orders_state_name(&group), "no rank here");
	assert_int_equal(say(1, "b"), PEAL_ORDERS_OK);
	assert_true(peal_orders_find(&nodes[1].orders, GROUP, &group));
	assert_int_equal(group.waiting_count, 1);
	orders_turn(50);
	assert_true(peal_orders_find(&nodes[1].orders, GROUP, &group));
	assert_true(group.is_rank);
	assert_int_equal(group.rank, 1);
	assert_int_equal(group.waiting_count, 0);
	assert_int_equal(group.view.view, 1);
	assert_int_equal(group.view.active, 7);
	assert_int_equal(group.view.members[2], 3);
	assert_int_equal(group.view.position, PEAL_ORDERS_LAST_OF(1));
	assert_string_equal(peal_orders_state_name(&group), "running");
	/* All read one clock here; what is known of it is never better than half a round trip. */
	orders_turn(500);
	assert_true(peal_orders_find(&nodes[1].orders, GROUP, &group));
	assert_int_equal(group.clocks_count, 2);
	assert_true(group.clock_error_ns > 0 && group.clock_error_ns < 1000000U);
	assert_true(group.clock_shift_ns >= -(int64_t)group.clock_error_ns &&
		    group.clock_shift_ns <= (int64_t)group.clock_error_ns);
	/* A page of them, for another thread. */
	peal_orders_ask_page(&nodes[1].orders);
	assert_false(peal_orders_has_page(&nodes[1].orders));
	orders_turn(1);
	assert_true(peal_orders_has_page(&nodes[1].orders));
	assert_int_equal(nodes[1].orders.page.count, 1);
	assert_int_equal(nodes[1].orders.page.ids[0], GROUP);
	assert_int_equal(nodes[1].orders.page.states[0].rank, 1);
}

static void
test_orders__a_group_without_a_majority_waits_and_says_so(void **state)
{
	struct peal_orders_state group;

	(void)state;
	cores->nodes[1]->is_running = false;
	cores->nodes[2]->is_running = false;
	assert_int_equal(say(0, "a"), PEAL_ORDERS_OK);
	orders_turn(20000);
	assert_true(peal_orders_find(&nodes[0].orders, GROUP, &group));
	assert_true(group.is_waiting);
	assert_int_equal(group.waiting_count, 1);
	assert_int_equal(nodes[0].delivered_count, 0);
	assert_string_not_equal(peal_orders_state_name(&group), "running");
}

static void
test_orders__a_majority_that_is_gone_for_good_is_told(void **state)
{
	struct peal_orders_state group;

	(void)state;
	assert_true(peal_orders_find(&nodes[0].orders, GROUP, &group));
	assert_int_equal(group.present, 7);
	assert_int_equal(group.given, 0);
	cores->nodes[1]->is_running = false;
	orders_install(0xD);
	orders_turn(2);
	assert_true(peal_orders_find(&nodes[0].orders, GROUP, &group));
	assert_int_equal(group.present, 5);
	assert_false(group.is_lost);
	cores->nodes[2]->is_running = false;
	orders_install(0x9);
	orders_turn(2);
	assert_true(peal_orders_find(&nodes[0].orders, GROUP, &group));
	assert_int_equal(group.present, 1);
	assert_true(group.is_lost);
	assert_string_equal(peal_orders_state_name(&group), "lost its majority");
	/* Who has no rank does not know. */
	assert_true(peal_orders_find(&nodes[3].orders, GROUP, &group));
	assert_false(group.is_lost);
}

static void
test_orders__who_gets_no_rank_is_told_why(void **state)
{
	static struct peal_ordergroup groups[PEAL_ORDERS_MAX + 1U];
	struct peal_orders *orders = &nodes[3].orders;
	struct peal_orders_state group;

	(void)state;
	/* Its name, and a rank that another member has; and one more that is its own. */
	for (uint32_t i = 0; i <= PEAL_ORDERS_MAX; i++) {
		groups[i] = (struct peal_ordergroup){
			.id = GROUP + i, .generation = 1, .ranks_count = 1, .ranks = {{1, "n3"}}};
	}
	groups[PEAL_ORDERS_MAX].ranks[0].mid = 4;
	for (uint32_t k = 0; k < 2U; k++) {
		cores->nodes[3]->views[k].view.ordergroups = groups;
		cores->nodes[3]->views[k].view.ordergroups_count = PEAL_ORDERS_MAX + 1U;
	}
	peal_orders_switch(orders, cores->nodes[3]->core.peers, cores->now_ns);
	assert_true(peal_orders_find(orders, GROUP, &group));
	assert_true(group.is_claimed);
	assert_false(group.is_crowded);
	assert_string_equal(peal_orders_state_name(&group),
		"waits, because the rank of this node's name is another member's");
	assert_true(peal_orders_find(orders, GROUP + PEAL_ORDERS_MAX, &group));
	assert_true(group.is_crowded);
	assert_false(group.is_rank);
	assert_string_equal(peal_orders_state_name(&group),
		"takes no rank here, because the node has four of other groups");
}

static void
test_orders__every_fault_has_words(void **state)
{
	(void)state;
	for (int fault = 0; fault <= (int)PEAL_ABCAST_FAULT_REPLACED; fault++) {
		const char *words = peal_orders_fault_name((enum peal_abcast_fault)fault);

		assert_non_null(words);
		for (int other = 0; other < fault; other++) {
			assert_string_not_equal(
				words, peal_orders_fault_name((enum peal_abcast_fault)other));
		}
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(
			test_orders__all_ranks_deliver_the_same, begin_founded, finish),
		cmocka_unit_test_setup_teardown(
			test_orders__says_why_a_message_is_refused, begin_founded, finish),
		cmocka_unit_test_setup_teardown(
			test_orders__costs_nothing_without_a_group, begin, finish),
		cmocka_unit_test_setup_teardown(
			test_orders__tells_what_a_group_is_like, begin_founded, finish),
		cmocka_unit_test_setup_teardown(
			test_orders__a_group_without_a_majority_waits_and_says_so, begin_founded,
			finish),
		cmocka_unit_test_setup_teardown(
			test_orders__a_majority_that_is_gone_for_good_is_told, begin_founded,
			finish),
		cmocka_unit_test_setup_teardown(
			test_orders__who_gets_no_rank_is_told_why, begin, finish),
		cmocka_unit_test(test_orders__every_fault_has_words),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
