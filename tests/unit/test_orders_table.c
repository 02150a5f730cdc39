/* SPDX-License-Identifier: BSD-3-Clause */
#include "tests/lib/ordersscene.h"

static const struct peal_orders_group *
group_of(uint32_t node)
{
	return &nodes[node].orders.groups[0];
}

static void
test_orders_table__who_is_named_founds_and_nobody_else(void **state)
{
	(void)state;
	for (uint32_t i = 0; i < 3; i++) {
		assert_int_equal(nodes[i].views_count, 1);
		assert_int_equal(nodes[i].view.view, 1);
		assert_int_equal(nodes[i].view.active, 7);
		assert_int_equal(nodes[i].view.position, PEAL_ORDERS_LAST_OF(0));
		assert_int_equal(group_of(i)->abcast.config.rank, i);
	}
	assert_int_equal(nodes[3].orders.groups_count, 0);
	/* A further view with the same table founds nothing again. */
	assert_int_equal(say(0, "a"), PEAL_ORDERS_OK);
	orders_turn(50);
	orders_install(0xF);
	orders_turn(50);
	assert_int_equal(nodes[0].views_count, 1);
	assert_int_equal(peal_abcast_position(&group_of(0)->abcast), 1);
}

static void
test_orders_table__a_name_gives_a_rank_back_and_founds_nothing(void **state)
{
	(void)state;
	/* Member 4 has the name of a rank and is younger; it waits to be taken in. */
	nodes[3].orders.config.name = "n1";
	orders_install(0xF);
	orders_turn(10);
	assert_int_equal(nodes[3].orders.groups_count, 1);
	assert_int_equal(group_of(3)->abcast.config.rank, 1);
	assert_int_equal(group_of(3)->abcast.state, PEAL_ABCAST_OUT);
	/* As long as who held it is there it is not believed, */
	orders_turn(2000);
	assert_int_equal(nodes[3].views_count, 0);
	assert_true(counter(0, PEAL_COUNTER_ORDER_REFUSED_RANK) > 0);
	assert_int_equal(group_of(0)->holders[1], 2);
	/* and then it is. */
	assert_int_equal(say(0, "a"), PEAL_ORDERS_OK);
	cores->nodes[1]->is_running = false;
	orders_install(0xD);
	orders_turn(20000);
	assert_int_equal(group_of(0)->holders[1], 4);
	assert_int_equal(nodes[3].views_count, 1);
	assert_int_equal(nodes[3].view.members[1], 4);
	assert_int_equal(nodes[0].view.active, 7);
	assert_int_equal(say(3, "d"), PEAL_ORDERS_OK);
	orders_turn(200);
	assert_string_equal(nodes[3].text, "4d ");
	assert_string_equal(nodes[0].text, "1a 4d ");
}

static void
test_orders_table__an_older_member_of_the_name_is_no_rank(void **state)
{
	(void)state;
	table[0] = (struct peal_ordergroup){
		.id = GROUP, .generation = 1, .ranks_count = 1, .ranks = {{3, "n0"}}};
	table_count = 1;
	orders_install(0xF);
	orders_turn(2);
	assert_int_equal(nodes[0].orders.groups_count, 0);
	assert_int_equal(nodes[2].orders.groups_count, 1);
}

static void
test_orders_table__created_anew_the_former_group_ends(void **state)
{
	(void)state;
	cores->nodes[2]->is_running = false;
	assert_int_equal(say(0, "a"), PEAL_ORDERS_OK);
	orders_turn(400); /* until the lane of who is silent is sealed */
	assert_string_equal(nodes[0].text, "1a ");
	assert_int_equal(say(0, "b"), PEAL_ORDERS_OK);
	table[0].generation = 2;
	table[0].ranks[2] = (struct peal_ordergroup_rank){4, "n3"};
	orders_install(0xB);
	orders_turn(100);
	assert_int_equal(nodes[0].ended_count, 1);
	assert_int_equal(nodes[0].fault, PEAL_ABCAST_FAULT_REPLACED);
	assert_int_equal(nodes[0].lost_count, 1);
	assert_int_equal(nodes[0].orders.groups_count, 1);
	assert_int_equal(nodes[3].views_count, 1);
	assert_int_equal(nodes[3].view.view, 1);
	assert_int_equal(group_of(0)->config.generation, 2);
}

static void
test_orders_table__who_is_no_member_any_more_has_no_part(void **state)
{
	static const struct peal_peers nobody;

	(void)state;
	assert_int_equal(say(0, "a"), PEAL_ORDERS_OK);
	peal_orders_switch(&nodes[0].orders, &nobody, cores->now_ns);
	assert_int_equal(nodes[0].ended_count, 1);
	assert_int_equal(nodes[0].lost_count, 1);
	assert_int_equal(nodes[0].orders.groups_count, 0);
	assert_int_equal(nodes[0].orders.pool.used_count, 0);
	assert_int_equal(say(0, "b"), PEAL_ORDERS_NO_GROUP);
	cores->nodes[0]->is_running = false;
}

static void
test_orders_table__who_is_gone_from_the_view_is_suspected(void **state)
{
	(void)state;
	cores->nodes[2]->is_running = false;
	orders_install(0xB);
	orders_turn(1);
	assert_int_equal(group_of(0)->abcast.suspects, 4);
	assert_int_equal(say(0, "a"), PEAL_ORDERS_OK);
	orders_turn(2000); /* 10 ms: less than silence alone takes */
	assert_int_equal(nodes[0].view.active, 3);
	assert_string_equal(nodes[1].text, "1a ");
}

static void
test_orders_table__takes_so_many_ranks_and_no_more(void **state)
{
	static struct peal_ordergroup groups[PEAL_ORDERS_MAX + 1U];

	(void)state;
	/* Younger members of their names: machines that wait, and call nobody. */
	for (uint32_t i = 0; i <= PEAL_ORDERS_MAX; i++) {
		groups[i] = (struct peal_ordergroup){
			.id = GROUP + i, .generation = 1, .ranks_count = 1, .ranks = {{1, "n3"}}};
	}
	for (uint32_t k = 0; k < 2U; k++) {
		cores->nodes[3]->views[k].view.ordergroups = groups;
		cores->nodes[3]->views[k].view.ordergroups_count = PEAL_ORDERS_MAX + 1U;
	}
	peal_orders_switch(&nodes[3].orders, cores->nodes[3]->core.peers, cores->now_ns);
	assert_int_equal(nodes[3].orders.groups_count, PEAL_ORDERS_MAX);
	assert_int_equal(counter(3, PEAL_COUNTER_ORDER_TOO_MANY), 1);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(
			test_orders_table__who_is_named_founds_and_nobody_else, begin_founded,
			finish),
		cmocka_unit_test_setup_teardown(
			test_orders_table__a_name_gives_a_rank_back_and_founds_nothing,
			begin_founded, finish),
		cmocka_unit_test_setup_teardown(
			test_orders_table__an_older_member_of_the_name_is_no_rank, begin, finish),
		cmocka_unit_test_setup_teardown(
			test_orders_table__created_anew_the_former_group_ends, begin_founded,
			finish),
		cmocka_unit_test_setup_teardown(
			test_orders_table__who_is_no_member_any_more_has_no_part, begin_founded,
			finish),
		cmocka_unit_test_setup_teardown(
			test_orders_table__who_is_gone_from_the_view_is_suspected, begin_founded,
			finish),
		cmocka_unit_test_setup_teardown(
			test_orders_table__takes_so_many_ranks_and_no_more, begin, finish),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
