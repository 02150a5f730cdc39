/* SPDX-License-Identifier: BSD-3-Clause */
#include "tests/lib/groupscene.h"

/* A part of a message of `client` of node 1 in view (5, n) of the first group, at a node. */
static void
give_part(uint32_t to, uint32_t n, uint32_t offset, uint32_t size, uint32_t message_size)
{
	static uint8_t bytes[PEAL_PROCGROUP_HEAD_SIZE + 65536U];
	const struct peal_procgroup_data data = {
		.group = 1, .client = 11, .stamp = {.epoch = GROUP_EPOCH, .n = n}};
	uint32_t head = offset == 0 ? PEAL_PROCGROUP_HEAD_SIZE : 0;
	struct peal_delivery delivery = {.message_size = message_size + PEAL_PROCGROUP_HEAD_SIZE,
		.offset = offset == 0 ? 0 : offset + PEAL_PROCGROUP_HEAD_SIZE,
		.size = size + head,
		.bytes = bytes};

	memset(bytes, 'x', sizeof(bytes));
	if (offset == 0) {
		peal_procgroup_data_encode(&data, bytes);
	}
	assert_true(peal_procgroups_on_cast(&group_nodes[to].groups, 2, &delivery));
}

static void
join_three(uint16_t seats[3])
{
	for (uint32_t i = 0; i < 3; i++) {
		seats[i] = group_join(i, 10U * i + 1U, "g");
		group_settle(7);
	}
	for (uint32_t i = 0; i < 3; i++) {
		group_nodes[i].log[0] = '\0';
	}
}

static void
test_procgroups_data__members_hear_each_sender_in_order(void **state)
{
	uint16_t seats[3];

	(void)state;
	join_three(seats);
	assert_int_equal(group_say(1, seats[1], "one"), PEAL_PROCGROUPS_OK);
	assert_int_equal(group_say(1, seats[1], "two"), PEAL_PROCGROUPS_OK);
	assert_int_equal(group_say(2, seats[2], ""), PEAL_PROCGROUPS_OK);
	group_settle(7);
	group_expect(0, "[1 2.11@5.3 0+3/3 'one'][1 3.21@5.3 0+0/0 ''][1 2.11@5.3 0+3/3 'two']");
	group_expect(1, "[11 2.11@5.3 0+3/3 'one'][11 3.21@5.3 0+0/0 ''][11 2.11@5.3 0+3/3 'two']");
	assert_int_equal(group_counter(1, PEAL_COUNTER_GROUP_MESSAGES_SENT), 2);
	group_nodes[1].is_full = true;
	assert_int_equal(group_say(1, seats[1], "no room"), PEAL_PROCGROUPS_FULL);
}

static void
test_procgroups_data__a_message_waits_for_its_view(void **state)
{
	uint16_t seat, other;

	(void)state;
	(void)group_join(0, 1, "g");
	group_settle(7);
	group_nodes[0].log[0] = '\0';
	seat = group_join(2, 21, "g");
	other = group_join(1, 11, "g");
	group_run(2);
	group_run(1);
	/* The elder hears both and stamps; node 1 sees it, node 2 not yet. */
	while (group_deliver(0, 2) || group_deliver(0, 1)) {
	}
	group_run(0);
	while (group_deliver(0, 0) || group_deliver(1, 2) || group_deliver(1, 0)) {
	}
	assert_int_equal(group_say(1, other, "early"), PEAL_PROCGROUPS_OK);
	assert_int_equal(group_say(1, other, "late"), PEAL_PROCGROUPS_OK);
	while (group_deliver(2, 1)) {
	}
	group_expect(2, "");
	assert_int_equal(group_counter(2, PEAL_COUNTER_GROUP_PARTS_HELD), 2);
	while (group_deliver(2, 0)) {
	}
	group_expect(2,
		"[21 first 5.2 +1.1 +3.21][21 view 5.3 +2.11][21 2.11@5.3 0+5/5 'early'][21 "
		"2.11@5.3 0+4/4 'late']");
	assert_int_equal(group_nodes[2].groups.held.size, 0);
	(void)seat;
}

static void
test_procgroups_data__who_joins_later_hears_nothing_from_before(void **state)
{
	uint16_t seats[3];

	(void)state;
	join_three(seats);
	assert_int_equal(group_say(1, seats[1], "before"), PEAL_PROCGROUPS_OK);
	(void)group_join(2, 22, "g");
	group_run(2);
	(void)group_deliver(0, 2);
	while (group_deliver(0, 2)) {
	}
	group_run(0);
	while (group_deliver(2, 0)) {
	}
	group_expect(2, "[22 first 5.4 +1.1 +2.11 +3.21 +3.22][21 view 5.4 +3.22]");
	while (group_deliver(2, 1)) {
	}
	group_expect(2, "[21 2.11@5.3 0+6/6 'before']");
}

static void
test_procgroups_data__nodes_without_a_member_hold_nothing(void **state)
{
	(void)state;
	(void)group_join(1, 11, "g");
	group_settle(7);
	give_part(2, 7, 0, 10, 10);
	assert_int_equal(group_counter(2, PEAL_COUNTER_GROUP_PARTS_HELD), 0);
	/* A view of an epoch to come cannot be. */
	const struct peal_procgroup_data data = {
		.group = 1, .client = 11, .stamp = {.epoch = GROUP_EPOCH + 1U, .n = 1}};
	uint8_t bytes[PEAL_PROCGROUP_HEAD_SIZE];

	peal_procgroup_data_encode(&data, bytes);
	group_give(2, 1, bytes, sizeof(bytes));
	assert_int_equal(group_counter(2, PEAL_COUNTER_GROUP_REFUSED_FORM), 1);
}

static void
test_procgroups_data__parts_are_handed_on_as_they_come(void **state)
{
	uint16_t seats[3];

	(void)state;
	join_three(seats);
	give_part(2, 3, 0, 100, 250);
	give_part(2, 3, 100, 100, 250);
	give_part(2, 3, 200, 50, 250);
	group_expect(2, "[21 2.11@5.3 0+100/250 ''][21 2.11@5.3 100+100/250 ''][21 2.11@5.3 "
			"200+50/250 '']");
	/* One that has to wait takes the next one with it, and both come whole. */
	give_part(2, 4, 0, 100, 150);
	give_part(2, 4, 100, 50, 150);
	give_part(2, 3, 0, 40, 60);
	give_part(2, 3, 40, 20, 60);
	group_expect(2, "");
	(void)group_join(0, 2, "g");
	group_settle(7);
	group_expect(2,
		"[21 view 5.4 +1.2][21 2.11@5.4 0+100/150 ''][21 2.11@5.4 100+50/150 ''][21 "
		"2.11@5.3 0+40/60 ''][21 2.11@5.3 40+20/60 'xxxxxxxxxxxxxxxxxxxx']");
	/* A part of what is none of groups is none. */
	const struct peal_delivery first = {
		.message_size = 100, .size = 50, .bytes = (const uint8_t[50]){0}};
	const struct peal_delivery rest = {
		.message_size = 100, .offset = 50, .size = 50, .bytes = first.bytes};

	assert_false(peal_procgroups_on_cast(&group_nodes[2].groups, 2, &first));
	assert_false(peal_procgroups_on_cast(&group_nodes[2].groups, 2, &rest));
}

static void
test_procgroups_data__what_nobody_will_see_goes_with_the_view(void **state)
{
	uint16_t seats[3];

	(void)state;
	join_three(seats);
	give_part(2, 9, 0, 10, 10);
	assert_int_equal(group_counter(2, PEAL_COUNTER_GROUP_PARTS_HELD), 1);
	group_view(GROUP_EPOCH + 1U, 5);
	group_expect(2, "[21 view 6.0 -2.11/4]");
	assert_int_equal(group_nodes[2].groups.held.size, 0);
}

static void
test_procgroups_data__too_much_that_waits_costs_the_seats(void **state)
{
	uint16_t seats[3];

	(void)state;
	join_three(seats);
	for (uint32_t i = 0; i * 65536U < PEAL_PROCGROUPS_HELD_SIZE; i++) {
		give_part(2, 9, 0, 65536, 65536);
	}
	assert_int_equal(group_counter(2, PEAL_COUNTER_GROUP_OVERRUNS), 1);
	group_expect(2, "[21 overrun]");
	group_settle(7);
	group_expect(0, "[1 view 5.4 -3.21/3]");
	assert_int_equal(group_nodes[2].groups.seats_count, 0);
	assert_int_equal(group_nodes[2].groups.held.size, 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		GROUP_TEST(test_procgroups_data__members_hear_each_sender_in_order),
		GROUP_TEST(test_procgroups_data__a_message_waits_for_its_view),
		GROUP_TEST(test_procgroups_data__who_joins_later_hears_nothing_from_before),
		GROUP_TEST(test_procgroups_data__nodes_without_a_member_hold_nothing),
		GROUP_TEST(test_procgroups_data__parts_are_handed_on_as_they_come),
		GROUP_TEST(test_procgroups_data__what_nobody_will_see_goes_with_the_view),
		GROUP_TEST(test_procgroups_data__too_much_that_waits_costs_the_seats),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
