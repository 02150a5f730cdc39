/* SPDX-License-Identifier: BSD-3-Clause */
#include "dataplane/procgroups_private.h"
#include "tests/lib/grouporder.h"

static struct peal_procgroup *
shown_of(uint32_t index)
{
	struct peal_procgroup_name name = group_name("g");

	return peal_procgroup_table_find(&group_nodes[index].groups.shown, &name);
}

static void
place(uint32_t index, uint64_t epoch, uint32_t n)
{
	peal_procgroups_place(&group_nodes[index].groups, shown_of(index),
		&(struct peal_procgroup_stamp){.epoch = epoch, .n = n});
}

/* Nothing is ordered by itself here: what was stamped waits for its place. */
static void
begin(void)
{
	group_nodes[0].is_order_full = group_nodes[1].is_order_full = true;
	group_orders->ranks = 7;
	(void)group_join_total(0, 1, "g", GROUP_ORDER);
	group_settle(7);
	group_expect(0, "");
	assert_int_equal(shown_of(0)->members_count, 1);
}

static void
test_procgroups_shown__changes_wait_for_their_places(void **state)
{
	(void)state;
	begin();
	(void)group_join_total(1, 11, "g", GROUP_ORDER);
	(void)group_join_total(0, 2, "g", GROUP_ORDER);
	group_settle(7);
	assert_int_equal(group_nodes[0].groups.table.members_count, 3);
	assert_int_equal(group_nodes[0].groups.pending_count, 2);
	place(0, 5, 1);
	group_expect(0, "[1 by 9][1 first 5.1 +1.1]");
	place(0, 5, 1); /* others say it as well */
	place(0, 4, 9);
	group_expect(0, "");
	/* The place of a later view is that of those before it, too: one after the other. */
	place(0, 5, 3);
	group_expect(0, "[1 view 5.2 +1.2][2 by 9][2 first 5.2 +1.1 +1.2][2 view 5.3 +2.11]"
			"[1 view 5.3 +2.11]");
	assert_int_equal(group_nodes[0].groups.pending_count, 0);
	/* Who came later sees nothing of the view before its own. */
	place(1, 5, 2);
	group_expect(1, "");
	place(1, 5, 3);
	group_expect(1, "[11 by 9][11 first 5.3 +1.1 +1.2 +2.11]");
}

static void
test_procgroups_shown__who_is_last_to_see_a_group_sees_it_no_more(void **state)
{
	(void)state;
	begin();
	(void)group_join_total(1, 11, "g", GROUP_ORDER);
	group_settle(7);
	assert_int_equal(group_nodes[0].groups.pending_count, 1);
	peal_procgroups_leave(&group_nodes[0].groups, 0);
	group_settle(7);
	group_expect(0, "[1 left]");
	assert_null(shown_of(0));
	assert_int_equal(group_nodes[0].groups.pending_count, 0);
	assert_int_equal(group_nodes[0].groups.shown.members_count, 0);
	/* At the other the leave has its place. */
	place(1, 5, 2);
	place(1, 5, 3);
	group_expect(1, "[11 by 9][11 first 5.2 +1.1 +2.11][11 view 5.3 -1.1/1]");
}

/* Those of nodes that are gone go in one view, whose place is waited for like others. */
static void
test_procgroups_shown__a_view_of_nodes_has_one_place(void **state)
{
	(void)state;
	begin();
	(void)group_join_total(2, 21, "g", GROUP_ORDER);
	(void)group_join_total(2, 22, "g", GROUP_ORDER);
	group_settle(7);
	place(0, 5, 3);
	group_nodes[0].log[0] = '\0';
	group_view(GROUP_EPOCH + 1U, 3);
	group_expect(0, "");
	assert_int_equal(group_nodes[0].groups.table.members_count, 1);
	assert_int_equal(shown_of(0)->members_count, 3);
	place(0, 5, 9);
	group_expect(0, "");
	place(0, 6, 0);
	group_expect(0, "[1 view 6.0 -3.21/4 -3.22/4]");
}

static void
test_procgroups_shown__more_changes_than_there_is_room_for_end_the_seats(void **state)
{
	(void)state;
	begin();
	place(0, 5, 1);
	group_nodes[0].log[0] = '\0';
	group_nodes[0].groups.pending_count = PEAL_PROCGROUPS_PENDING_MAX;
	(void)group_join_total(1, 11, "g", GROUP_ORDER);
	group_settle(7);
	group_run(0);
	group_expect(0, "[1 overrun]");
	assert_null(shown_of(0));
}

/* A change that does not follow from what is shown. */
static void
test_procgroups_shown__what_does_not_follow_ends_the_seats(void **state)
{
	(void)state;
	begin();
	place(0, 5, 1);
	group_nodes[0].log[0] = '\0';
	group_nodes[0].groups.pending[group_nodes[0].groups.pending_count++] =
		(struct peal_procgroups_pending){.group = shown_of(0)->number,
			.stamp = {.epoch = 5, .n = 2},
			.change = {.mid = 9, .client = 9, .what = PEAL_PROCGROUP_LEAVE}};
	place(0, 5, 2);
	group_run(0);
	group_expect(0, "[1 overrun]");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		GROUP_TEST(test_procgroups_shown__changes_wait_for_their_places),
		GROUP_TEST(test_procgroups_shown__who_is_last_to_see_a_group_sees_it_no_more),
		GROUP_TEST(test_procgroups_shown__a_view_of_nodes_has_one_place),
		GROUP_TEST(
			test_procgroups_shown__more_changes_than_there_is_room_for_end_the_seats),
		GROUP_TEST(test_procgroups_shown__what_does_not_follow_ends_the_seats),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
