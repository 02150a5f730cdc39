/* SPDX-License-Identifier: BSD-3-Clause */
#include "tests/lib/groupscene.h"

static void
test_procgroups_seats__a_client_is_in_a_group_once(void **state)
{
	const struct peal_procgroups_client again = {.client = 11, .owner = 11};
	struct peal_procgroup_name name = group_name("g");
	uint16_t seat = group_join(1, 11, "g"), other;

	(void)state;
	assert_int_equal(peal_procgroups_join(&group_nodes[1].groups, &again, &name, &other),
		PEAL_PROCGROUPS_IN_USE);
	group_settle(7);
	assert_int_equal(peal_procgroups_join(&group_nodes[1].groups, &again, &name, &other),
		PEAL_PROCGROUPS_IN_USE);
	peal_procgroups_leave(&group_nodes[1].groups, seat);
	assert_int_equal(peal_procgroups_join(&group_nodes[1].groups, &again, &name, &other),
		PEAL_PROCGROUPS_IN_USE);
	group_settle(7);
	group_expect(1, "[11 first 5.1 +2.11][11 left]");
	assert_int_equal(group_nodes[0].groups.table.groups_count, 0);
	(void)group_join(1, 11, "g");
	group_settle(7);
	group_expect(1, "[11 first 5.3 +2.11]");
}

static void
test_procgroups_seats__who_gives_up_before_it_was_asked_was_never_there(void **state)
{
	uint16_t seat = group_join(1, 11, "g");

	(void)state;
	peal_procgroups_leave(&group_nodes[1].groups, seat);
	group_settle(7);
	group_expect(1, "[11 left]");
	assert_int_equal(group_nodes[1].stream_count, 0);
	assert_int_equal(group_nodes[1].groups.seats_count, 0);
}

static void
test_procgroups_seats__who_gives_up_later_comes_and_goes(void **state)
{
	uint16_t seat;

	(void)state;
	(void)group_join(2, 21, "g");
	group_settle(7);
	seat = group_join(1, 11, "g");
	group_run(1);
	peal_procgroups_leave(&group_nodes[1].groups, seat);
	assert_int_equal(group_say(1, seat, "no"), PEAL_PROCGROUPS_NOT_MEMBER);
	group_settle(7);
	group_expect(1, "[11 first 5.2 +3.21 +2.11][11 left]");
	group_expect(2, "[21 first 5.1 +3.21][21 view 5.2 +2.11][21 view 5.3 -2.11/1]");
}

static void
test_procgroups_seats__why_a_client_is_gone_is_told_to_all(void **state)
{
	(void)state;
	(void)group_join(0, 1, "g");
	(void)group_join(1, 11, "g");
	(void)group_join(1, 12, "g");
	(void)group_join(1, 13, "h");
	group_settle(7);
	group_nodes[0].log[0] = '\0';
	peal_procgroups_on_gone(&group_nodes[1].groups, 11, PEAL_PROCGROUP_CRASH);
	peal_procgroups_on_gone(&group_nodes[1].groups, 12, PEAL_PROCGROUP_EVICT);
	group_nodes[1].log[0] = '\0';
	group_settle(7);
	group_expect(0, "[1 view 5.5 -2.11/2][1 view 5.6 -2.12/3]");
	group_expect(1, "");
	assert_int_equal(group_nodes[1].groups.seats_count, 1);
}

static void
test_procgroups_seats__who_dies_while_joining_is_asked_out_again(void **state)
{
	(void)state;
	(void)group_join(0, 1, "g");
	group_settle(7);
	(void)group_join(1, 11, "g");
	group_run(1);
	peal_procgroups_on_gone(&group_nodes[1].groups, 11, PEAL_PROCGROUP_CRASH);
	group_settle(7);
	group_expect(0, "[1 first 5.1 +1.1][1 view 5.2 +2.11][1 view 5.3 -2.11/2]");
	assert_int_equal(group_nodes[1].groups.seats_count, 0);
	/* And in another epoch, in which nobody was asked: it was never there. */
	(void)group_join(1, 12, "g");
	group_run(1);
	peal_procgroups_on_gone(&group_nodes[1].groups, 12, PEAL_PROCGROUP_CRASH);
	group_view(GROUP_EPOCH + 1U, 7);
	group_settle(7);
	group_expect(0, "");
	assert_int_equal(group_nodes[1].groups.seats_count, 0);
}

static void
test_procgroups_seats__there_is_room_for_so_many(void **state)
{
	const struct peal_procgroups_client more = {.client = 5000, .owner = 1};
	struct peal_procgroup_name name = group_name("g");
	uint16_t seat;

	(void)state;
	group_nodes[1].is_silent = true;
	for (uint32_t i = 0; i < 100; i++) {
		(void)group_join(1, i, "g");
	}
	group_run(1);
	group_run(1);
	/* No more than so many requests are under way. */
	assert_int_equal(group_nodes[1].groups.asked_count, PEAL_PROCGROUPS_REQUESTS_MAX);
	assert_int_equal(group_nodes[1].stream_count, PEAL_PROCGROUPS_REQUESTS_MAX);
	group_settle(7);
	assert_int_equal(group_nodes[0].groups.table.members_count, 100);
	for (uint32_t i = 100; i < PEAL_PROCGROUPS_SEATS_MAX; i++) {
		(void)group_join(1, i, "h");
	}
	assert_int_equal(peal_procgroups_join(&group_nodes[1].groups, &more, &name, &seat),
		PEAL_PROCGROUPS_TOO_MANY);
}

static void
test_procgroups_seats__a_full_table_refuses_at_all_nodes_alike(void **state)
{
	char name[8];

	(void)state;
	for (uint32_t i = 0; i < PEAL_PROCGROUPS_MAX; i++) {
		(void)snprintf(name, sizeof(name), "g%u", i);
		(void)group_join(2, i, name);
	}
	group_nodes[2].is_silent = true;
	group_settle(7);
	group_nodes[2].is_silent = false;
	(void)group_join(1, 11, "one-more");
	(void)group_join(1, 12, "g7");
	group_settle(7);
	group_expect(1, "[11 refused][12 first 5.258 +3.7 +2.12]");
	group_expect(2, "[7 view 5.258 +2.12]");
	for (uint32_t i = 0; i < 3; i++) {
		assert_int_equal(group_nodes[i].groups.table.groups_count, PEAL_PROCGROUPS_MAX);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		GROUP_TEST(test_procgroups_seats__a_client_is_in_a_group_once),
		GROUP_TEST(test_procgroups_seats__who_gives_up_before_it_was_asked_was_never_there),
		GROUP_TEST(test_procgroups_seats__who_gives_up_later_comes_and_goes),
		GROUP_TEST(test_procgroups_seats__why_a_client_is_gone_is_told_to_all),
		GROUP_TEST(test_procgroups_seats__who_dies_while_joining_is_asked_out_again),
		GROUP_TEST(test_procgroups_seats__there_is_room_for_so_many),
		GROUP_TEST(test_procgroups_seats__a_full_table_refuses_at_all_nodes_alike),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
