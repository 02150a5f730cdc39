/* SPDX-License-Identifier: BSD-3-Clause */
#include "tests/lib/ordersscene.h"

/* Until a rank that was given away is in another's hands: two changes of view. */
#define HANDOVER_TURNS 6000U

static enum peal_orders_refusal
command(uint32_t node, enum peal_orders_handover what, uint32_t rank, uint64_t mid)
{
	return peal_orders_hand_over(&nodes[node].orders, GROUP, what, rank, mid);
}

static struct peal_orders_state
state_of(uint32_t node)
{
	struct peal_orders_state state;

	assert_true(peal_orders_find(&nodes[node].orders, GROUP, &state));
	return state;
}

static void
test_orders_handover__a_rank_is_given_to_another_member(void **state)
{
	(void)state;
	assert_int_equal(peal_orders_subscribe(&nodes[1].orders, GROUP), PEAL_ORDERS_OK);
	assert_int_equal(say(1, "b"), PEAL_ORDERS_OK);
	orders_turn(50);
	assert_int_equal(command(0, PEAL_ORDERS_REPLACE, 1, 4), PEAL_ORDERS_NOT_REFUSED);
	orders_turn(HANDOVER_TURNS);
	assert_int_equal(nodes[0].view.members[1], 4);
	assert_int_equal(nodes[0].view.active, 7);
	assert_int_equal(nodes[3].view.members[1], 4);
	assert_int_equal(counter(2, PEAL_COUNTER_ORDER_HANDOVERS), 1);
	/* Who held it ends, has no rank any more, and listens on. */
	assert_int_equal(nodes[1].ended_count, 1);
	assert_int_equal(nodes[1].fault, PEAL_ABCAST_FAULT_REPLACED);
	assert_int_equal(say(1, "x"), PEAL_ORDERS_NOT_RANK);
	assert_false(state_of(1).is_rank);
	assert_int_equal(say(3, "d"), PEAL_ORDERS_OK);
	orders_turn(HANDOVER_TURNS);
	assert_string_equal(nodes[0].text, "2b 4d ");
	assert_string_equal(nodes[1].text, "2b 4d ");
	/* It may have missed what came while nobody listened, and is told; here: the command. */
	assert_int_equal(nodes[1].skips_count, 1);
	assert_int_equal(nodes[1].skipped_from, UINT64_C(2) << 8);
	assert_int_equal(nodes[1].skipped_to, PEAL_ORDERS_LAST_OF(2));
}

static void
test_orders_handover__given_back_it_is_another_life(void **state)
{
	uint32_t number = nodes[1].orders.groups[0].cut_number;

	(void)state;
	assert_int_equal(command(0, PEAL_ORDERS_REPLACE, 1, 4), PEAL_ORDERS_NOT_REFUSED);
	orders_turn(HANDOVER_TURNS);
	assert_int_equal(command(3, PEAL_ORDERS_REPLACE, 1, 2), PEAL_ORDERS_NOT_REFUSED);
	orders_turn(HANDOVER_TURNS);
	assert_int_equal(nodes[0].view.members[1], 2);
	assert_int_equal(nodes[0].view.active, 7);
	assert_true(state_of(1).is_rank);
	assert_false(state_of(3).is_rank);
	/* What it says in parts is not taken for what it began to say before. */
	assert_int_not_equal(nodes[1].orders.groups[0].cut_number, number);
	assert_int_equal(say(1, "b"), PEAL_ORDERS_OK);
	orders_turn(200);
	assert_string_equal(nodes[1].text, "2b ");
	assert_string_equal(nodes[0].text, "2b ");
}

static void
test_orders_handover__a_rank_is_taken_away_and_given_again(void **state)
{
	(void)state;
	assert_int_equal(command(2, PEAL_ORDERS_REMOVE, 2, 0), PEAL_ORDERS_NOT_REFUSED);
	orders_turn(HANDOVER_TURNS);
	assert_int_equal(nodes[0].view.members[2], 0);
	assert_int_equal(nodes[0].view.active, 3);
	assert_int_equal(command(0, PEAL_ORDERS_REPLACE, 2, 4), PEAL_ORDERS_HANDOVER_EMPTY);
	assert_int_equal(command(0, PEAL_ORDERS_REMOVE, 2, 0), PEAL_ORDERS_HANDOVER_EMPTY);
	assert_int_equal(command(0, PEAL_ORDERS_REMOVE, 1, 0), PEAL_ORDERS_HANDOVER_TOO_FEW);
	assert_int_equal(command(0, PEAL_ORDERS_ADD, 2, 4), PEAL_ORDERS_NOT_REFUSED);
	orders_turn(HANDOVER_TURNS);
	assert_int_equal(nodes[0].view.members[2], 4);
	assert_int_equal(nodes[0].view.active, 7);
}

static void
test_orders_handover__each_refusal_has_a_name(void **state)
{
	(void)state;
	assert_int_equal(
		peal_orders_hand_over(&nodes[0].orders, GROUP + 1U, PEAL_ORDERS_REPLACE, 0, 4),
		PEAL_ORDERS_HANDOVER_NO_GROUP);
	assert_int_equal(command(3, PEAL_ORDERS_REPLACE, 0, 4), PEAL_ORDERS_HANDOVER_NOT_RANK);
	assert_int_equal(command(0, PEAL_ORDERS_REPLACE, 3, 4), PEAL_ORDERS_HANDOVER_NO_RANK);
	assert_int_equal(command(0, PEAL_ORDERS_ADD, 1, 4), PEAL_ORDERS_HANDOVER_HELD);
	assert_int_equal(command(0, PEAL_ORDERS_REPLACE, 1, 9), PEAL_ORDERS_HANDOVER_NO_MEMBER);
	assert_int_equal(command(0, PEAL_ORDERS_REPLACE, 1, 3), PEAL_ORDERS_HANDOVER_HOLDS_ONE);
	assert_int_equal(command(0, PEAL_ORDERS_REPLACE, 1, 2), PEAL_ORDERS_HANDOVER_HOLDS_ONE);
	assert_int_equal(counter(0, PEAL_COUNTER_ORDER_HANDOVERS_REFUSED), 5);
	for (uint32_t i = 0; i <= PEAL_ORDERS_HANDOVER_CROWDED; i++) {
		const char *name = peal_orders_refusal_name((enum peal_orders_refusal)i);

		for (uint32_t k = 0; k < i; k++) {
			assert_string_not_equal(
				name, peal_orders_refusal_name((enum peal_orders_refusal)k));
		}
	}
	/* One command waits. */
	assert_int_equal(command(0, PEAL_ORDERS_REPLACE, 1, 4), PEAL_ORDERS_NOT_REFUSED);
	assert_int_equal(command(0, PEAL_ORDERS_REMOVE, 2, 0), PEAL_ORDERS_HANDOVER_BUSY);
}

static void
test_orders_handover__who_has_ranks_enough_gets_none(void **state)
{
	static struct peal_ordergroup crowd[PEAL_ORDERS_MAX + 1U];

	(void)state;
	crowd[0] = table[0];
	for (uint32_t i = 1; i <= PEAL_ORDERS_MAX; i++) {
		crowd[i] = (struct peal_ordergroup){
			.id = GROUP + i, .generation = 1, .ranks_count = 1, .ranks = {{4, "n3"}}};
	}
	for (uint32_t k = 0; k < 2U; k++) {
		cores->nodes[0]->views[k].view.ordergroups = crowd;
		cores->nodes[0]->views[k].view.ordergroups_count = PEAL_ORDERS_MAX + 1U;
	}
	assert_int_equal(command(0, PEAL_ORDERS_REPLACE, 1, 4), PEAL_ORDERS_HANDOVER_CROWDED);
	assert_int_equal(command(0, PEAL_ORDERS_ADD, 3, 4), PEAL_ORDERS_HANDOVER_CROWDED);
	crowd[PEAL_ORDERS_MAX].ranks[0].mid = 3;
	assert_int_equal(command(0, PEAL_ORDERS_REPLACE, 1, 4), PEAL_ORDERS_NOT_REFUSED);
}

static void
test_orders_handover__of_two_at_once_one_is_void(void **state)
{
	(void)state;
	assert_int_equal(command(0, PEAL_ORDERS_REPLACE, 1, 4), PEAL_ORDERS_NOT_REFUSED);
	assert_int_equal(command(2, PEAL_ORDERS_REMOVE, 1, 0), PEAL_ORDERS_NOT_REFUSED);
	orders_turn(HANDOVER_TURNS);
	for (uint32_t i = 0; i < 3U; i += 2U) {
		assert_int_equal(counter(i, PEAL_COUNTER_ORDER_HANDOVERS), 1);
		assert_int_equal(counter(i, PEAL_COUNTER_ORDER_HANDOVERS_VOID), 1);
	}
	assert_int_equal(nodes[0].view.members[1], nodes[2].view.members[1]);
}

/* The new holder does not come: no other rank is given away until that is given up. */
static void
test_orders_handover__one_change_at_a_time(void **state)
{
	(void)state;
	cores->nodes[3]->is_running = false;
	assert_int_equal(command(0, PEAL_ORDERS_REPLACE, 1, 4), PEAL_ORDERS_NOT_REFUSED);
	orders_turn(HANDOVER_TURNS);
	assert_int_equal(nodes[0].view.members[1], 4);
	assert_int_equal(nodes[0].view.active, 5);
	assert_int_equal(command(0, PEAL_ORDERS_REPLACE, 2, 2), PEAL_ORDERS_HANDOVER_UNDER_WAY);
	assert_int_equal(command(0, PEAL_ORDERS_REPLACE, 1, 2), PEAL_ORDERS_NOT_REFUSED);
	orders_turn(HANDOVER_TURNS);
	assert_int_equal(nodes[0].view.members[1], 2);
	assert_int_equal(nodes[0].view.active, 7);
}

/* Nothing beyond the next rank, and not beyond what frames have room for. */
static void
test_orders_handover__a_rank_is_opened_and_counts_when_it_is_in(void **state)
{
	(void)state;
	assert_int_equal(command(0, PEAL_ORDERS_ADD, 4, 4), PEAL_ORDERS_HANDOVER_NO_RANK);
	assert_int_equal(command(0, PEAL_ORDERS_REMOVE, 3, 0), PEAL_ORDERS_HANDOVER_NO_RANK);
	assert_int_equal(command(0, PEAL_ORDERS_ADD, 3, 4), PEAL_ORDERS_NOT_REFUSED);
	orders_turn(HANDOVER_TURNS);
	for (uint32_t i = 0; i < 4U; i++) {
		assert_int_equal(nodes[i].view.ranks_count, 4);
		assert_int_equal(nodes[i].view.members[3], 4);
		assert_int_equal(nodes[i].view.active, 0xF);
		assert_int_equal(nodes[i].view.counted, 0xF);
	}
	assert_int_equal(say(3, "d"), PEAL_ORDERS_OK);
	orders_turn(HANDOVER_TURNS);
	assert_string_equal(nodes[0].text, "4d ");
	assert_int_equal(state_of(0).clocks_count, 3);
	/* Three of four, and not two. */
	cores->nodes[1]->is_running = false;
	assert_int_equal(say(0, "a"), PEAL_ORDERS_OK);
	orders_turn(HANDOVER_TURNS);
	assert_string_equal(nodes[3].text, "4d 1a ");
	cores->nodes[2]->is_running = false;
	assert_int_equal(say(0, "b"), PEAL_ORDERS_OK);
	orders_turn(HANDOVER_TURNS);
	assert_string_equal(nodes[3].text, "4d 1a ");
	assert_string_equal(nodes[0].text, "4d 1a ");
}

static void
test_orders_handover__a_rank_that_nobody_takes_does_not_count(void **state)
{
	(void)state;
	cores->nodes[3]->is_running = false;
	assert_int_equal(command(0, PEAL_ORDERS_ADD, 3, 4), PEAL_ORDERS_NOT_REFUSED);
	orders_turn(HANDOVER_TURNS);
	assert_int_equal(nodes[0].view.ranks_count, 4);
	assert_int_equal(nodes[0].view.active, 7);
	assert_int_equal(nodes[0].view.counted, 7);
	/* Two of three are enough. */
	cores->nodes[2]->is_running = false;
	assert_int_equal(say(0, "a"), PEAL_ORDERS_OK);
	orders_turn(HANDOVER_TURNS);
	assert_string_equal(nodes[1].text, "1a ");
	assert_int_equal(command(0, PEAL_ORDERS_REMOVE, 3, 0), PEAL_ORDERS_NOT_REFUSED);
	orders_turn(HANDOVER_TURNS);
	assert_int_equal(nodes[0].view.members[3], 0);
	assert_int_equal(nodes[0].view.counted, 7);
}

static void
test_orders_handover__an_empty_rank_does_not_count(void **state)
{
	(void)state;
	assert_int_equal(command(0, PEAL_ORDERS_ADD, 3, 4), PEAL_ORDERS_NOT_REFUSED);
	orders_turn(HANDOVER_TURNS);
	assert_int_equal(command(3, PEAL_ORDERS_REMOVE, 1, 0), PEAL_ORDERS_NOT_REFUSED);
	orders_turn(HANDOVER_TURNS);
	assert_int_equal(nodes[0].view.ranks_count, 4);
	assert_int_equal(nodes[0].view.counted, 0xD);
	assert_int_equal(nodes[0].view.active, 0xD);
	cores->nodes[2]->is_running = false;
	assert_int_equal(say(0, "a"), PEAL_ORDERS_OK);
	orders_turn(HANDOVER_TURNS);
	assert_string_equal(nodes[3].text, "1a ");
}

/* A process that has the name of a rank that was given away learns so, and waits no longer. */
static void
test_orders_handover__a_name_gives_no_rank_back_that_was_given_away(void **state)
{
	(void)state;
	assert_int_equal(command(0, PEAL_ORDERS_REMOVE, 1, 0), PEAL_ORDERS_NOT_REFUSED);
	orders_turn(HANDOVER_TURNS);
	nodes[3].orders.config.name = "n1";
	orders_install(0xF);
	orders_turn(HANDOVER_TURNS);
	assert_int_equal(nodes[3].ended_count, 1);
	assert_int_equal(nodes[3].fault, PEAL_ABCAST_FAULT_REPLACED);
	assert_int_equal(nodes[3].views_count, 0);
	assert_false(state_of(3).is_rank);
}

static void
test_orders_handover__one_rank_is_not_given_away(void **state)
{
	(void)state;
	table[0] = (struct peal_ordergroup){
		.id = GROUP, .generation = 1, .ranks_count = 1, .ranks = {{1, "n0"}}};
	table_count = 1;
	orders_install(0xF);
	orders_turn(2);
	assert_int_equal(command(0, PEAL_ORDERS_REPLACE, 0, 2), PEAL_ORDERS_HANDOVER_ONE_RANK);
	assert_int_equal(command(0, PEAL_ORDERS_REMOVE, 0, 0), PEAL_ORDERS_HANDOVER_ONE_RANK);
	/* It becomes one of two, and of three, and then it may go. */
	assert_int_equal(command(0, PEAL_ORDERS_ADD, 1, 2), PEAL_ORDERS_NOT_REFUSED);
	orders_turn(HANDOVER_TURNS);
	assert_int_equal(nodes[1].view.counted, 3);
	assert_int_equal(command(1, PEAL_ORDERS_REPLACE, 0, 3), PEAL_ORDERS_HANDOVER_TOO_FEW);
	assert_int_equal(command(1, PEAL_ORDERS_REMOVE, 0, 0), PEAL_ORDERS_HANDOVER_TOO_FEW);
	assert_int_equal(command(1, PEAL_ORDERS_ADD, 2, 3), PEAL_ORDERS_NOT_REFUSED);
	orders_turn(HANDOVER_TURNS);
	assert_int_equal(nodes[2].view.counted, 7);
	assert_int_equal(command(1, PEAL_ORDERS_REPLACE, 0, 4), PEAL_ORDERS_NOT_REFUSED);
	orders_turn(HANDOVER_TURNS);
	assert_int_equal(nodes[2].view.members[0], 4);
	assert_int_equal(nodes[2].view.active, 7);
}

static void
test_orders_handover__the_core_answers_a_request(void **state)
{
	struct peal_orders_request *request = &nodes[0].orders.request;

	(void)state;
	request->group = GROUP;
	request->what = PEAL_ORDERS_REPLACE;
	request->rank = 7;
	request->mid = 4;
	peal_orders_ask_request(&nodes[0].orders.request);
	assert_false(peal_orders_has_answer(&nodes[0].orders.request));
	orders_turn(1);
	assert_true(peal_orders_has_answer(&nodes[0].orders.request));
	assert_int_equal(request->refusal, PEAL_ORDERS_HANDOVER_NO_RANK);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(
			test_orders_handover__a_rank_is_given_to_another_member, begin_founded,
			finish),
		cmocka_unit_test_setup_teardown(
			test_orders_handover__given_back_it_is_another_life, begin_founded, finish),
		cmocka_unit_test_setup_teardown(
			test_orders_handover__a_rank_is_taken_away_and_given_again, begin_founded,
			finish),
		cmocka_unit_test_setup_teardown(
			test_orders_handover__each_refusal_has_a_name, begin_founded, finish),
		cmocka_unit_test_setup_teardown(
			test_orders_handover__who_has_ranks_enough_gets_none, begin_founded,
			finish),
		cmocka_unit_test_setup_teardown(
			test_orders_handover__of_two_at_once_one_is_void, begin_founded, finish),
		cmocka_unit_test_setup_teardown(
			test_orders_handover__one_change_at_a_time, begin_founded, finish),
		cmocka_unit_test_setup_teardown(
			test_orders_handover__a_name_gives_no_rank_back_that_was_given_away,
			begin_founded, finish),
		cmocka_unit_test_setup_teardown(
			test_orders_handover__a_rank_is_opened_and_counts_when_it_is_in,
			begin_founded, finish),
		cmocka_unit_test_setup_teardown(
			test_orders_handover__a_rank_that_nobody_takes_does_not_count,
			begin_founded, finish),
		cmocka_unit_test_setup_teardown(
			test_orders_handover__an_empty_rank_does_not_count, begin_founded, finish),
		cmocka_unit_test_setup_teardown(
			test_orders_handover__one_rank_is_not_given_away, begin, finish),
		cmocka_unit_test_setup_teardown(
			test_orders_handover__the_core_answers_a_request, begin_founded, finish),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
