/* SPDX-License-Identifier: BSD-3-Clause */
#include "tests/lib/groupscene.h"

static void
test_procgroups__the_elder_orders_what_all_ask_for(void **state)
{
	(void)state;
	(void)group_join(1, 11, "g");
	(void)group_join(2, 21, "g");
	group_settle(7);
	group_expect(1, "[11 first 5.1 +2.11][11 view 5.2 +3.21]");
	group_expect(2, "[21 first 5.2 +2.11 +3.21]");
	group_expect(0, "");
	for (uint32_t i = 0; i < 3; i++) {
		assert_int_equal(group_nodes[i].groups.table.members_count, 2);
		assert_int_equal(group_counter(i, PEAL_COUNTER_GROUP_CHANGES), 2);
	}
	/* Only the elder says anything that was not asked of it. */
	assert_int_equal(group_nodes[1].stream_count, 1);
	assert_int_equal(group_nodes[2].stream_count, 1);
}

static void
test_procgroups__what_was_not_stamped_is_asked_for_again(void **state)
{
	(void)state;
	(void)group_join(1, 11, "g");
	group_settle(7);
	(void)group_join(2, 21, "g");
	group_run(2);
	while (group_deliver(0, 2)) {
	}
	group_run(0); /* stamped, and it dies with the stamp */
	while (group_deliver(1, 2)) {
	}
	group_view(GROUP_EPOCH + 1U, 6);
	group_nodes[0].stream_count = group_nodes[1].delivered[0];
	group_settle(6);
	group_expect(1, "[11 first 5.1 +2.11][11 view 6.1 +3.21]");
	group_expect(2, "[21 first 6.1 +2.11 +3.21]");
}

static void
test_procgroups__a_stamp_of_another_epoch_counts_for_nobody(void **state)
{
	(void)state;
	(void)group_join(1, 11, "g");
	group_settle(7);
	(void)group_join(2, 21, "g");
	group_run(2);
	(void)group_deliver(0, 2);
	group_run(0); /* accepted in this epoch, and leaves in the next */
	group_view(GROUP_EPOCH + 1U, 7);
	group_settle(7);
	group_expect(1, "[11 first 5.1 +2.11][11 view 6.1 +3.21]");
	for (uint32_t i = 0; i < 3; i++) {
		assert_int_equal(group_counter(i, PEAL_COUNTER_GROUP_REFUSED_STAMP), 0);
		assert_int_equal(group_nodes[i].groups.table.members_count, 2);
	}
}

static void
test_procgroups__members_go_with_their_node(void **state)
{
	(void)state;
	(void)group_join(0, 1, "g");
	(void)group_join(0, 2, "only-here");
	(void)group_join(0, 3, "g");
	group_settle(7);
	(void)group_join(1, 11, "g");
	group_settle(7);
	group_expect(1, "[11 first 5.4 +1.1 +1.3 +2.11]");
	group_view(GROUP_EPOCH + 1U, 6);
	group_expect(1, "[11 view 6.0 -1.1/4 -1.3/4]");
	assert_int_equal(group_nodes[2].groups.table.groups_count, 1);
	group_switch(0, 0, 0);
	group_expect(0, "[1 first 5.1 +1.1][2 first 5.2 +1.2][3 first 5.3 +1.1 +1.3][1 view 5.3 "
			"+1.3][3 view 5.4 +2.11][1 view 5.4 +2.11][1 removed][2 removed][3 "
			"removed]");
	assert_int_equal(group_nodes[0].groups.seats_count, 0);
}

static void
test_procgroups__newcomers_get_the_table(void **state)
{
	char name[8];

	(void)state;
	for (uint32_t i = 0; i < 4; i++) {
		group_nodes[i].is_silent = true;
	}
	for (uint32_t client = 0; client < 300; client++) {
		(void)snprintf(name, sizeof(name), "g%u", client % 20U);
		(void)group_join(client % 3U, client, name);
	}
	group_settle(7);
	assert_int_equal(group_nodes[1].groups.table.members_count, 300);
	group_view(GROUP_EPOCH + 1U, 15);
	(void)group_join(3, 7, "g19");
	group_settle(15);
	assert_true(group_nodes[3].groups.is_ready);
	assert_int_equal(group_nodes[3].groups.table.members_count, 301);
	for (uint32_t i = 0; i < 4; i++) {
		assert_true(peal_procgroup_table_digest(&group_nodes[i].groups.table) ==
			    peal_procgroup_table_digest(&group_nodes[0].groups.table));
		assert_int_equal(group_counter(i, PEAL_COUNTER_GROUP_REFUSED_TABLE), 0);
		assert_int_equal(group_nodes[i].groups.ready_mid_max, 4);
	}
	/* Twenty groups, and the end. */
	assert_true(group_counter(0, PEAL_COUNTER_GROUP_TABLES_SENT) > 20);
}

static void
test_procgroups__an_elder_without_a_table_begins_a_new_one(void **state)
{
	(void)state;
	(void)group_join(0, 1, "g");
	group_settle(7);
	/* The fourth comes, the elder dies before it has sent anything, and so do the others. */
	group_view(GROUP_EPOCH + 1U, 15);
	group_view(GROUP_EPOCH + 2U, 8);
	(void)group_join(3, 41, "g");
	group_settle(8);
	group_expect(3, "[41 first 7.1 +4.41]");
}

static void
test_procgroups__what_no_member_may_say_is_refused(void **state)
{
	uint8_t bytes[PEAL_PROCGROUP_CONTROL_SIZE];
	struct peal_procgroup_change_msg message = {.stamp = {.epoch = GROUP_EPOCH, .n = 1},
		.mid = 2,
		.client = 9,
		.what = PEAL_PROCGROUP_JOIN,
		.name = group_name("g")};
	struct peal_procgroup_table_msg table = {.epoch = GROUP_EPOCH + 1U,
		.group = 1,
		.stamp = {.epoch = 1, .n = 1},
		.name = group_name("g"),
		.members_count = 1,
		.members = {{.mid = 1}}};
	const struct peal_procgroup_end_msg end = {
		.epoch = GROUP_EPOCH + 1U, .digest = 1, .next_group = 2, .groups_count = 1};

	(void)state;
	(void)group_join(0, 1, "g");
	group_settle(7);
	/* Not the elder; not the next number. */
	message.stamp.n = 2;
	group_give(
		2, 1, bytes, peal_procgroup_change_encode(&message, PEAL_PROCGROUP_STAMP, bytes));
	message.stamp.n = 3;
	group_give(
		2, 0, bytes, peal_procgroup_change_encode(&message, PEAL_PROCGROUP_STAMP, bytes));
	assert_int_equal(group_counter(2, PEAL_COUNTER_GROUP_REFUSED_STAMP), 2);
	assert_int_equal(group_nodes[2].groups.table.members_count, 1);
	/* A table that is not that of this node, or not of the elder, or whose end is another. */
	group_view(GROUP_EPOCH + 1U, 15);
	group_give(3, 1, bytes, peal_procgroup_table_encode(&table, bytes));
	group_give(3, 0, bytes, peal_procgroup_end_encode(&end, bytes));
	group_give(1, 0, bytes, peal_procgroup_end_encode(&end, bytes));
	assert_int_equal(group_counter(3, PEAL_COUNTER_GROUP_REFUSED_TABLE), 2);
	assert_int_equal(group_counter(1, PEAL_COUNTER_GROUP_REFUSED_TABLE), 1);
	assert_false(group_nodes[3].groups.is_ready);
	/* More requests at once than a member may have. */
	message.stamp = (struct peal_procgroup_stamp){.epoch = GROUP_EPOCH + 1U};
	message.mid = 0;
	for (uint32_t i = 0; i <= PEAL_PROCGROUPS_REQUESTS_MAX; i++) {
		group_give(0, 2, bytes,
			peal_procgroup_change_encode(&message, PEAL_PROCGROUP_REQUEST, bytes));
	}
	assert_int_equal(group_counter(0, PEAL_COUNTER_GROUP_REFUSED_REQUEST), 1);
	/* Not in form. */
	bytes[7] = 0x86;
	group_give(0, 2, bytes, 40);
	bytes[7] = PEAL_PROCGROUP_STAMP;
	group_give(0, 2, bytes, 10);
	assert_int_equal(group_counter(0, PEAL_COUNTER_GROUP_REFUSED_FORM), 2);
}

static void
test_procgroups__a_large_view_ends_all_seats(void **state)
{
	const struct peal_procgroups_client client = {.client = 1};
	struct peal_procgroup_name name = group_name("g");
	uint16_t seat;

	(void)state;
	(void)group_join(1, 11, "g");
	group_settle(7);
	group_nodes[1].peers.is_large = true;
	group_switch(1, GROUP_EPOCH + 1U, 7);
	group_expect(1, "[11 first 5.1 +2.11][11 too large]");
	peal_procgroups_on_view(&group_nodes[1].groups, GROUP_EPOCH + 1U);
	assert_int_equal(peal_procgroups_join(&group_nodes[1].groups, &client, &name, &seat),
		PEAL_PROCGROUPS_NOT_SUPPORTED);
	group_nodes[1].peers.is_large = false;
	group_switch(1, 0, 0);
	assert_int_equal(peal_procgroups_join(&group_nodes[1].groups, &client, &name, &seat),
		PEAL_PROCGROUPS_NOT_IN_VIEW);
}

static void
test_procgroups__broadcast_without_room_is_tried_again(void **state)
{
	(void)state;
	group_nodes[1].is_full = true;
	(void)group_join(1, 11, "g");
	group_run(1);
	assert_int_equal(group_nodes[1].stream_count, 0);
	assert_true(peal_procgroups_is_due(&group_nodes[1].groups));
	assert_true(peal_procgroups_deadline_at_ns(&group_nodes[1].groups) > 1000000);
	group_nodes[1].is_full = false;
	group_nodes[0].is_full = true;
	group_run(1);
	assert_int_equal(peal_procgroups_deadline_at_ns(&group_nodes[1].groups), UINT64_MAX);
	(void)group_deliver(0, 1);
	group_run(0);
	assert_int_equal(group_nodes[0].stream_count, 0);
	group_nodes[0].is_full = false;
	group_settle(7);
	group_expect(1, "[11 first 5.1 +2.11]");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		GROUP_TEST(test_procgroups__the_elder_orders_what_all_ask_for),
		GROUP_TEST(test_procgroups__what_was_not_stamped_is_asked_for_again),
		GROUP_TEST(test_procgroups__a_stamp_of_another_epoch_counts_for_nobody),
		GROUP_TEST(test_procgroups__members_go_with_their_node),
		GROUP_TEST(test_procgroups__newcomers_get_the_table),
		GROUP_TEST(test_procgroups__an_elder_without_a_table_begins_a_new_one),
		GROUP_TEST(test_procgroups__what_no_member_may_say_is_refused),
		GROUP_TEST(test_procgroups__a_large_view_ends_all_seats),
		GROUP_TEST(test_procgroups__broadcast_without_room_is_tried_again),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
