/* SPDX-License-Identifier: BSD-3-Clause */
#include "tests/lib/grouporder.h"

/* Who leaves in order waits until all that it said is back, unless nothing goes on. */
static void
test_procgroups_said__who_leaves_is_heard_to_the_end(void **state)
{
	uint16_t seat, other;

	(void)state;
	seat = group_join_total(1, 11, "g", GROUP_ORDER);
	other = group_join_total(0, 1, "g", GROUP_ORDER);
	group_settle_all(7);
	assert_int_equal(group_say(1, seat, "last word"), PEAL_PROCGROUPS_OK);
	peal_procgroups_leave(&group_nodes[1].groups, seat);
	group_settle(7);
	assert_int_equal(group_nodes[0].groups.table.members_count, 2);
	group_nodes[0].log[0] = group_nodes[1].log[0] = '\0';
	group_settle_all(7);
	group_expect(0, "[1 2.11@5.2 0+9/9 'last word'][1 view 5.3 -2.11/1]");
	group_expect(1, "[11 2.11@5.2 0+9/9 'last word'][11 left]");
	assert_int_equal(group_say(0, other, "never ordered"), PEAL_PROCGROUPS_OK);
	group_orders->is_waiting = true;
	peal_procgroups_look_at_orders(&group_nodes[0].groups);
	peal_procgroups_leave(&group_nodes[0].groups, other);
	group_settle(7);
	group_expect(0, "[1 by 9 waits][1 left]");
}

/* Marks that find no room are said later; a view of the order group, and a table that comes, have
 * them said again; words are not said more often than every few milliseconds. */
static void
test_procgroups_said__places_are_said_until_they_are_there(void **state)
{
	uint8_t bytes[PEAL_PROCGROUP_CONTROL_SIZE];
	uint32_t size = peal_procgroup_knock_encode(GROUP_ORDER, bytes);
	uint32_t count;

	(void)state;
	group_nodes[0].is_order_full = group_nodes[1].is_order_full = true;
	(void)group_join_total(0, 1, "g", GROUP_ORDER);
	group_settle_all(7);
	group_expect(0, "");
	assert_int_equal(group_orders->count, 0);
	group_nodes[0].is_order_full = false;
	group_settle_all(7);
	group_expect(0, "[1 by 9][1 first 5.1 +1.1]");
	count = group_orders->count;
	group_nodes[1].is_order_full = false;
	/* It is there, so nobody says it again. */
	peal_procgroups_on_order_view(&group_nodes[1].groups, GROUP_ORDER, 0);
	group_settle_all(7);
	assert_int_equal(group_orders->count, count);
	for (uint32_t i = 0; i < 4; i++) {
		group_give(0, 2, bytes, size);
		group_run(0);
		assert_int_equal(group_orders->count, count + 1U);
	}
	assert_true(peal_procgroups_deadline_at_ns(&group_nodes[0].groups) > group_now_ns);
	group_now_ns += 5000000;
	group_run(0);
	assert_int_equal(group_orders->count, count + 2U);
	/* Who has no rank says nothing. */
	group_give(2, 1, bytes, size);
	group_run(2);
	assert_int_equal(group_orders->count, count + 2U);
}

static void
test_procgroups_said__streams_are_bounded(void **state)
{
	struct peal_procgroups_client client = {.client = 1, .owner = 1, .is_total = true};
	struct peal_procgroup_name name = group_name("g");
	uint16_t seat;

	(void)state;
	for (uint32_t i = 0; i < PEAL_PROCGROUPS_STREAMS_MAX; i++) {
		group_nodes[0].groups.streams[i].order.id = 100U + i;
	}
	assert_int_equal(peal_procgroups_join(&group_nodes[0].groups, &client, &name, &seat),
		PEAL_PROCGROUPS_TOO_MANY);
	/* Those that nobody uses are given back. */
	group_nodes[0].groups.order_at_ns = 0;
	group_run(0);
	assert_int_equal(peal_procgroups_join(&group_nodes[0].groups, &client, &name, &seat),
		PEAL_PROCGROUPS_OK);
	/* Out of the view: there is nothing left. */
	group_switch(0, GROUP_EPOCH + 1U, 0);
	assert_int_equal(group_nodes[0].listening, 0);
	assert_false(peal_procgroups_listens(&group_nodes[0].groups, GROUP_ORDER));
}

static void
test_procgroups_said__who_has_no_rank_hears_and_cannot_send(void **state)
{
	uint16_t seat;

	(void)state;
	group_orders->ranks = 1;
	seat = group_join_total(2, 21, "g", GROUP_ORDER);
	assert_int_equal(group_say(2, seat, "early"), PEAL_PROCGROUPS_NOT_MEMBER);
	group_settle(7);
	/* Nothing was ordered yet, so it does not know what it would miss. */
	assert_int_equal(group_nodes[2].groups.table.groups_count, 0);
	group_settle_all(7);
	group_expect(2, "[21 by 9 no rank][21 first 5.1 +3.21]");
	assert_int_equal(group_say(2, seat, "x"), PEAL_PROCGROUPS_NOT_RANK);
	assert_int_equal(peal_procgroups_stream_of(&group_nodes[2].groups, seat), 0);
	group_orders->ranks = 5;
	peal_procgroups_look_at_orders(&group_nodes[2].groups);
	group_expect(2, "[21 by 9]");
	assert_int_equal(group_say(2, seat, "x"), PEAL_PROCGROUPS_OK);
	group_settle_all(7);
	group_expect(2, "[21 3.21@5.1 0+1/1 'x']");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		GROUP_TEST(test_procgroups_said__who_leaves_is_heard_to_the_end),
		GROUP_TEST(test_procgroups_said__places_are_said_until_they_are_there),
		GROUP_TEST(test_procgroups_said__streams_are_bounded),
		GROUP_TEST(test_procgroups_said__who_has_no_rank_hears_and_cannot_send),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
