/* SPDX-License-Identifier: BSD-3-Clause */
#include "tests/lib/grouporder.h"

#define MARK_SIZE PEAL_ORDERHEAD_GROUP_SIZE

/* Something about a process group, said by a member. */
static void
give_head(uint32_t to, uint64_t mid, const struct peal_orderhead_group *head, const char *text)
{
	uint8_t bytes[MARK_SIZE + 64U];
	uint32_t size = MARK_SIZE;

	peal_orderhead_group_encode(head, bytes);
	for (; *text != '\0'; text++) {
		bytes[size++] = (uint8_t)*text;
	}
	group_give_ordered(to, mid, bytes, 0, size, size);
}

static void
mark(uint32_t to, uint32_t group, uint64_t epoch, uint32_t n)
{
	give_head(to, 1,
		&(struct peal_orderhead_group){.kind = PEAL_ORDERHEAD_MARK,
			.group = group,
			.stamp = {.epoch = epoch, .n = n}},
		"");
}

static uint32_t
number_of(uint32_t index)
{
	struct peal_procgroup_name name = group_name("g");

	return peal_procgroup_table_find(&group_nodes[index].groups.table, &name)->number;
}

/* Two ranks and a node without one: all are told one sequence. */
static void
test_procgroups_order__all_are_told_one_sequence(void **state)
{
	uint16_t seats[2];

	(void)state;
	seats[0] = group_join_total(0, 1, "g", GROUP_ORDER);
	seats[1] = group_join_total(1, 11, "g", 0);
	(void)group_join_total(2, 21, "g", GROUP_ORDER);
	group_settle_all(7);
	group_expect(0, "[1 by 9][1 first 5.1 +1.1][1 view 5.2 +2.11][1 view 5.3 +3.21]");
	group_expect(1, "[11 by 9][11 first 5.2 +1.1 +2.11][11 view 5.3 +3.21]");
	group_expect(2, "[21 by 9 no rank][21 first 5.3 +1.1 +2.11 +3.21]");
	assert_int_equal(group_say(1, seats[1], "a"), PEAL_PROCGROUPS_OK);
	assert_int_equal(group_say(0, seats[0], "b"), PEAL_PROCGROUPS_OK);
	group_settle_all(7);
	group_expect(0, "[1 2.11@5.3 0+1/1 'a'][1 1.1@5.3 0+1/1 'b']");
	group_expect(1, "[11 2.11@5.3 0+1/1 'a'][11 1.1@5.3 0+1/1 'b']");
	group_expect(2, "[21 2.11@5.3 0+1/1 'a'][21 1.1@5.3 0+1/1 'b']");
	for (uint32_t i = 0; i < 3; i++) {
		assert_true(peal_procgroups_listens(&group_nodes[i].groups, GROUP_ORDER));
		assert_int_equal(group_nodes[i].listening, 1);
	}
	assert_true(group_counter(0, PEAL_COUNTER_GROUP_MARKS_SENT) > 0);
	assert_int_equal(group_counter(2, PEAL_COUNTER_GROUP_MARKS_SENT), 0);
}

/* Members that had a rank before, or have one since, may be more than there are ranks. */
static void
test_procgroups_order__however_many_speak_between_two_parts_none_is_lost(void **state)
{
	static const uint8_t content[] = {'a', 'b', 'c', 'd', 'e', 'f'};
	uint8_t bytes[MARK_SIZE + sizeof(content)];
	struct peal_orderhead_group head = {
		.kind = PEAL_ORDERHEAD_GROUP, .client = 1, .stamp = {.epoch = GROUP_EPOCH, .n = 2}};

	(void)state;
	(void)group_join_total(0, 1, "g", GROUP_ORDER);
	(void)group_join_total(1, 11, "g", GROUP_ORDER);
	group_settle_all(7);
	group_expect(1, "[11 by 9][11 first 5.2 +1.1 +2.11]");
	head.group = number_of(1);
	peal_orderhead_group_encode(&head, bytes);
	memcpy(bytes + MARK_SIZE, content, sizeof(content));
	group_give_ordered(1, 1, bytes, 0, MARK_SIZE + 2U, sizeof(bytes));
	for (uint64_t mid = 3; mid < 3U + 2U * PEAL_ORDER_RANKS_MAX; mid++) {
		give_head(1, mid, &head, "x");
	}
	group_expect(1, "");
	group_give_ordered(1, 1, bytes, MARK_SIZE + 2U, 4, sizeof(bytes));
	group_expect(1, "[11 1.1@5.2 0+6/6 'abcdef']");
}

static void
test_procgroups_order__another_order_is_refused(void **state)
{
	struct peal_procgroups_client client = {.client = 12, .owner = 12, .is_total = true};
	struct peal_procgroup_name name = group_name("h");
	uint16_t seat;

	(void)state;
	(void)group_join_total(0, 1, "g", GROUP_ORDER);
	group_settle_all(7);
	(void)group_join(1, 11, "g");
	(void)group_join_total(2, 21, "g", GROUP_ORDER + 1U);
	group_nodes[2].groups.streams[0].is_begun = true; /* nobody speaks there */
	group_nodes[2].groups.is_asking_due = true;
	group_settle_all(7);
	group_expect(1, "[11 other order]");
	group_expect(2, "[21 other order]");
	assert_int_equal(group_nodes[2].listening, 0);
	client.order = 4711;
	assert_int_equal(peal_procgroups_join(&group_nodes[1].groups, &client, &name, &seat),
		PEAL_PROCGROUPS_NO_ORDER);
	group_nodes[1].groups.config.user.order = NULL;
	client.order = 0;
	assert_int_equal(peal_procgroups_join(&group_nodes[1].groups, &client, &name, &seat),
		PEAL_PROCGROUPS_NO_ORDER);
	for (uint32_t i = 0; i < 3; i++) {
		assert_int_equal(group_nodes[i].groups.table.members_count, 1);
	}
}

/* Who takes any order group is given that of the group, also when it did not know it. */
static void
test_procgroups_order__any_order_becomes_that_of_the_group(void **state)
{
	(void)state;
	(void)group_join_total(0, 1, "g", GROUP_ORDER);
	(void)group_join_total(1, 11, "g", 0);
	group_nodes[1].groups.seats[0].order = GROUP_ORDER + 1U;
	group_nodes[1].groups.streams[0].order.id = GROUP_ORDER + 1U;
	group_settle_all(7);
	group_expect(1, "[11 by 9][11 first 5.3 +1.1 +2.11]");
}

/* A place that comes before its stamp: what is behind it waits, and is told in its view. */
static void
test_procgroups_order__what_is_behind_a_place_waits_for_its_stamp(void **state)
{
	uint16_t seat;

	(void)state;
	seat = group_join_total(0, 1, "g", GROUP_ORDER);
	(void)group_join_total(1, 11, "g", GROUP_ORDER);
	group_settle_all(7);
	group_expect(1, "[11 by 9][11 first 5.2 +1.1 +2.11]");
	(void)group_join_total(2, 21, "g", GROUP_ORDER);
	while (!group_deliver(0, 2)) {
		group_run(2);
		group_now_ns += 21000000U;
		while (group_order(2)) {
		}
		group_run(0);
	}
	group_settle(1);
	while (group_order(2)) {
	}
	group_run(2);
	group_settle(5); /* not at node 1 */
	group_settle_all(1);
	assert_int_equal(group_say(0, seat, "seen by three"), PEAL_PROCGROUPS_OK);
	while (group_order(1)) {
	}
	assert_true(group_nodes[1].groups.ordered.size > 0);
	group_expect(1, "");
	group_settle_all(7);
	group_expect(1, "[11 view 5.3 +3.21][11 1.1@5.3 0+13/13 'seen by three']");
	assert_int_equal(group_nodes[1].groups.ordered.size, 0);
}

/* The stamp never comes, since its elder is gone with it: at the end of the epoch it goes on. */
static void
test_procgroups_order__a_stamp_that_never_comes_is_not_waited_for(void **state)
{
	uint16_t seat;

	(void)state;
	seat = group_join_total(1, 11, "g", GROUP_ORDER);
	group_settle_all(7);
	group_expect(1, "[11 by 9][11 first 5.1 +2.11]");
	mark(1, number_of(1), GROUP_EPOCH, 9);
	assert_int_equal(group_say(1, seat, "x"), PEAL_PROCGROUPS_OK);
	group_nodes[1].ordered = group_orders->count - 1U;
	assert_true(group_order(1));
	group_expect(1, "");
	group_view(GROUP_EPOCH + 1U, 6);
	group_expect(1, "[11 2.11@5.1 0+1/1 'x']");
}

static void
test_procgroups_order__too_much_behind_a_place_ends_the_seats(void **state)
{
	static char text[65];

	(void)state;
	(void)group_join_total(1, 11, "g", GROUP_ORDER);
	(void)group_join(1, 12, "by-sender");
	group_settle_all(7);
	group_expect(1, "[12 first 5.2 +2.12][11 by 9][11 first 5.1 +2.11]");
	memset(text, 'x', 64);
	mark(1, number_of(1), GROUP_EPOCH, 9);
	for (uint32_t i = 0; i < PEAL_PROCGROUPS_HELD_SIZE / 64U; i++) {
		give_head(1, 1,
			&(struct peal_orderhead_group){.kind = PEAL_ORDERHEAD_GROUP,
				.client = 1,
				.group = 1,
				.stamp = {.epoch = GROUP_EPOCH}},
			text);
	}
	assert_int_equal(group_counter(1, PEAL_COUNTER_GROUP_OVERRUNS), 1);
	group_run(1);
	group_expect(1, "[11 overrun]");
	group_settle_all(7);
	assert_int_equal(group_nodes[0].groups.table.members_count, 1);
	assert_int_equal(group_nodes[1].listening, 0);
}

static void
test_procgroups_order__a_gap_ends_the_seats(void **state)
{
	uint16_t seat;

	(void)state;
	(void)group_join_total(0, 1, "g", GROUP_ORDER);
	seat = group_join_total(1, 11, "g", GROUP_ORDER);
	group_settle_all(7);
	assert_int_equal(group_say(1, seat, "never back"), PEAL_PROCGROUPS_OK);
	assert_int_equal(peal_procgroups_away_count(&group_nodes[1].groups, seat), 1);
	group_nodes[1].log[0] = '\0';
	peal_procgroups_on_order_skipped(&group_nodes[1].groups, GROUP_ORDER + 1U);
	group_run(1);
	group_expect(1, "");
	peal_procgroups_on_order_skipped(&group_nodes[1].groups, GROUP_ORDER);
	group_run(1);
	group_expect(1, "[11 overrun]");
	group_settle_all(7);
	assert_int_equal(group_nodes[0].groups.table.members_count, 1);
	/* And it may come again, and misses nothing from then on. */
	(void)group_join_total(1, 13, "g", GROUP_ORDER);
	group_settle_all(7);
	group_expect(1, "[13 by 9][13 first 5.4 +1.1 +2.13]");
}

static void
test_procgroups_order__messages_in_doubt_end_seats_that_said_something(void **state)
{
	uint16_t seat;

	(void)state;
	seat = group_join_total(1, 11, "g", GROUP_ORDER);
	(void)group_join_total(1, 12, "g", GROUP_ORDER);
	group_settle_all(7);
	group_nodes[1].log[0] = '\0';
	peal_procgroups_on_order_view(&group_nodes[1].groups, GROUP_ORDER, 3);
	group_expect(1, "");
	assert_int_equal(group_say(1, seat, "x"), PEAL_PROCGROUPS_OK);
	peal_procgroups_on_order_view(&group_nodes[1].groups, GROUP_ORDER, 0);
	group_expect(1, "");
	peal_procgroups_on_order_view(&group_nodes[1].groups, GROUP_ORDER, 1);
	group_expect(1, "[11 overrun]");
}

static void
test_procgroups_order__the_end_of_the_order_group_ends_the_seats(void **state)
{
	(void)state;
	(void)group_join_total(1, 11, "g", GROUP_ORDER);
	group_settle_all(7);
	group_nodes[1].log[0] = '\0';
	peal_procgroups_on_order_ended(&group_nodes[1].groups, GROUP_ORDER);
	group_run(1);
	group_expect(1, "[11 order gone]");
	group_settle_all(7);
	assert_int_equal(group_nodes[0].groups.table.groups_count, 0);
}

/* Messages in parts, parts of another member between them, and somebody comes in meanwhile: each is
 * told whole to all who are in at its end. */
static void
test_procgroups_order__who_comes_between_two_parts_has_the_whole(void **state)
{
	uint8_t bytes[2][MARK_SIZE + 8U];
	const struct peal_orderhead_group head = {.kind = PEAL_ORDERHEAD_GROUP,
		.client = 11,
		.group = 1,
		.stamp = {.epoch = GROUP_EPOCH, .n = 1}};

	(void)state;
	(void)group_join_total(1, 11, "g", GROUP_ORDER);
	group_settle_all(7);
	group_nodes[1].log[0] = '\0';
	assert_int_equal(number_of(1), 1);
	for (uint32_t i = 0; i < 2; i++) {
		peal_orderhead_group_encode(&head, bytes[i]);
		memcpy(bytes[i] + MARK_SIZE, i == 0 ? "firstone" : "otherone", 8);
	}
	group_give_ordered(1, 2, bytes[0], 0, MARK_SIZE + 3U, MARK_SIZE + 8U);
	group_give_ordered(1, 1, bytes[1], 0, MARK_SIZE, MARK_SIZE + 8U);
	(void)group_join_total(1, 12, "g", GROUP_ORDER);
	group_settle_all(7);
	group_give_ordered(1, 1, bytes[1], MARK_SIZE, 8, MARK_SIZE + 8U);
	group_give_ordered(1, 2, bytes[0], MARK_SIZE + 3U, 5, MARK_SIZE + 8U);
	/* Member 1 has no client 11 in the group. */
	group_expect(1, "[11 view 5.2 +2.12][12 by 9][12 first 5.2 +2.11 +2.12]"
			"[12 2.11@5.2 0+8/8 'firstone'][11 2.11@5.2 0+8/8 'firstone']");
	assert_int_equal(group_counter(1, PEAL_COUNTER_GROUP_MESSAGES_DROPPED), 1);
	/* A part that is not the next one, or of nothing. */
	group_give_ordered(1, 2, bytes[0], MARK_SIZE + 3U, 5, MARK_SIZE + 8U);
	group_give_ordered(1, 2, bytes[0], 0, MARK_SIZE + 3U, MARK_SIZE + 8U);
	group_give_ordered(1, 2, bytes[0], MARK_SIZE + 4U, 4, MARK_SIZE + 8U);
	group_expect(1, "");
}

static void
test_procgroups_order__what_cannot_be_is_refused(void **state)
{
	static const uint8_t short_head[8] = {1, 0, 0, 0, 0, 0, 0, PEAL_ORDERHEAD_GROUP};
	static const uint8_t long_mark[MARK_SIZE + 1U] = {0, 0, 0, 0, 0, 0, 0, PEAL_ORDERHEAD_MARK};
	static const uint8_t others[9] = {1, 0, 0, 0, 0, 0, 0, PEAL_ORDERHEAD_CLIENT, 'x'};
	const struct peal_orderhead_group head = {.kind = PEAL_ORDERHEAD_GROUP,
		.client = 1,
		.group = 1,
		.stamp = {.epoch = GROUP_EPOCH, .n = 1}};
	struct peal_orderhead_group forged = head;
	uint8_t bytes[MARK_SIZE];
	struct peal_procgroups *groups = &group_nodes[0].groups;
	uint16_t by_sender;

	(void)state;
	(void)group_join_total(0, 1, "g", GROUP_ORDER);
	by_sender = group_join(0, 2, "s");
	group_settle_all(7);
	group_nodes[0].log[0] = '\0';
	group_give_ordered(0, 1, short_head, 0, 8, 8);
	group_give_ordered(0, 1, long_mark, 0, sizeof(long_mark), sizeof(long_mark));
	peal_orderhead_group_encode(&head, bytes);
	group_give_ordered(0, 1, bytes, 0, MARK_SIZE, MARK_SIZE + 65537U);
	assert_int_equal(group_counter(0, PEAL_COUNTER_GROUP_REFUSED_FORM), 3);
	group_give_ordered(0, 1, others, 0, 9, 9); /* of an application of the order group */
	assert_int_equal(group_counter(0, PEAL_COUNTER_GROUP_REFUSED_FORM), 3);
	/* Unknown groups, and clients that are not in it. */
	forged.group = 77;
	give_head(0, 1, &forged, "x");
	mark(0, 77, GROUP_EPOCH, 1);
	forged = head;
	forged.client = 4;
	give_head(0, 1, &forged, "x");
	give_head(0, 2, &head, "x");
	assert_int_equal(group_counter(0, PEAL_COUNTER_GROUP_MESSAGES_DROPPED), 2);
	/* A group by sender, whose number is not of this order; and one in total order by
	 * broadcast. */
	forged = head;
	forged.group = groups->seats[by_sender].group;
	forged.client = 2;
	give_head(0, 1, &forged, "x");
	mark(0, forged.group, GROUP_EPOCH, 2);
	assert_int_equal(group_counter(0, PEAL_COUNTER_GROUP_REFUSED_ORDER), 1);
	assert_int_equal(group_counter(0, PEAL_COUNTER_GROUP_REFUSED_MARK), 1);
	const struct peal_procgroup_data data = {
		.group = 1, .client = 1, .stamp = {.epoch = GROUP_EPOCH, .n = 1}};

	peal_procgroup_data_encode(&data, bytes);
	group_give(0, 0, bytes, PEAL_PROCGROUP_HEAD_SIZE);
	assert_int_equal(group_counter(0, PEAL_COUNTER_GROUP_REFUSED_ORDER), 2);
	/* A knock that is none. */
	(void)peal_procgroup_knock_encode(GROUP_ORDER, bytes);
	bytes[8] = 0;
	group_give(0, 1, bytes, 9);
	assert_int_equal(group_counter(0, PEAL_COUNTER_GROUP_REFUSED_FORM), 4);
	group_expect(0, "");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		GROUP_TEST(test_procgroups_order__all_are_told_one_sequence),
		GROUP_TEST(
			test_procgroups_order__however_many_speak_between_two_parts_none_is_lost),
		GROUP_TEST(test_procgroups_order__another_order_is_refused),
		GROUP_TEST(test_procgroups_order__any_order_becomes_that_of_the_group),
		GROUP_TEST(test_procgroups_order__what_is_behind_a_place_waits_for_its_stamp),
		GROUP_TEST(test_procgroups_order__a_stamp_that_never_comes_is_not_waited_for),
		GROUP_TEST(test_procgroups_order__too_much_behind_a_place_ends_the_seats),
		GROUP_TEST(test_procgroups_order__a_gap_ends_the_seats),
		GROUP_TEST(test_procgroups_order__messages_in_doubt_end_seats_that_said_something),
		GROUP_TEST(test_procgroups_order__the_end_of_the_order_group_ends_the_seats),
		GROUP_TEST(test_procgroups_order__who_comes_between_two_parts_has_the_whole),
		GROUP_TEST(test_procgroups_order__what_cannot_be_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
