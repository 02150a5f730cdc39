/* SPDX-License-Identifier: BSD-3-Clause */
#include "dataplane/channeltable.h"

#include "tests/lib/cmocka_all.h"
#include "tests/lib/dies.h"

static struct peal_channeltable table;
static struct peal_channellist list;

static int
begin(void **state)
{
	(void)state;
	peal_channeltable_init(&table);
	peal_channellist_init(&list);
	return 0;
}

static struct peal_channel *
enter(uint16_t slot, uint64_t mid, uint16_t number)
{
	struct peal_channel *channel = peal_channeltable_spare(&table);

	assert_non_null(channel);
	if (channel->state != PEAL_CHANNEL_FREE) {
		peal_channeltable_forget(&table, channel, 0);
	}
	peal_channeltable_enter(&table, channel, slot, mid, number);
	return channel;
}

static void
close_channel(struct peal_channel *channel)
{
	channel->state = PEAL_CHANNEL_CLOSING;
	peal_channeltable_close(&table, channel);
}

static void
test_channeltable__finds_what_was_entered(void **state)
{
	struct peal_channel *one = enter(3, 33, 7);
	struct peal_channel *two = enter(3, 33, 8);
	struct peal_channel *three = enter(4, 44, 7);

	(void)state;
	assert_int_equal(one->state, PEAL_CHANNEL_OPEN);
	assert_int_equal(one->room, PEAL_CHANNEL_WINDOW);
	assert_ptr_equal(peal_channeltable_find(&table, 3, 33, 7), one);
	assert_ptr_equal(peal_channeltable_find(&table, 3, 33, 8), two);
	assert_ptr_equal(peal_channeltable_find(&table, 4, 44, 7), three);
	assert_null(peal_channeltable_find(&table, 4, 44, 8));
	/* The slot is another member's by now. */
	assert_null(peal_channeltable_find(&table, 3, 34, 7));
	peal_channeltable_forget(&table, one, 5);
	assert_null(peal_channeltable_find(&table, 3, 33, 7));
	assert_ptr_equal(peal_channeltable_find(&table, 3, 33, 8), two);
}

static void
test_channeltable__finds_all_when_it_is_full(void **state)
{
	(void)state;
	for (uint16_t i = 0; i < PEAL_CHANNELS_MAX; i++) {
		(void)enter(i % 5U, i % 5U + 100U, i);
	}
	assert_null(peal_channeltable_spare(&table));
	for (uint16_t i = 0; i < PEAL_CHANNELS_MAX; i++) {
		struct peal_channel *channel =
			peal_channeltable_find(&table, i % 5U, i % 5U + 100U, i);

		assert_ptr_equal(channel, &table.channels[i]);
		assert_int_equal(peal_channeltable_index(&table, channel), i);
	}
	assert_null(peal_channeltable_find(&table, 6, 106, 1));
}

static void
test_channeltable__a_peer_opens_as_many_as_it_leaves(void **state)
{
	uint16_t number = 0;
	struct peal_channel *last = NULL;

	(void)state;
	for (; peal_channeltable_may_accept(&table, 3); number++) {
		last = enter(3, 33, number);
		peal_channeltable_accept(&table, last);
	}
	assert_int_equal(number, PEAL_CHANNELS_MAX / 2U);
	/* What was opened from here takes room, and is in nobody's share. */
	for (number = 0; number < PEAL_CHANNELS_MAX / 4U; number++) {
		(void)enter(4, 44, number);
	}
	assert_true(peal_channeltable_may_accept(&table, 4));
	peal_channeltable_accept(&table, enter(4, 44, number));
	/* Closed or forgotten, its place is there again. */
	assert_int_equal(table.used_count, PEAL_CHANNELS_MAX / 2U + PEAL_CHANNELS_MAX / 4U + 1U);
	close_channel(last);
	assert_int_equal(table.accepted_counts[3], PEAL_CHANNELS_MAX / 2U - 1U);
	peal_channeltable_forget(&table, last, 1);
	peal_channeltable_forget(&table, &table.channels[0], 1);
	assert_int_equal(table.accepted_counts[3], PEAL_CHANNELS_MAX / 2U - 2U);
	assert_int_equal(table.used_count, PEAL_CHANNELS_MAX / 2U + PEAL_CHANNELS_MAX / 4U - 1U);
	/* When none is left, no share is the reason. */
	for (number = 0; table.used_count < PEAL_CHANNELS_MAX; number++) {
		(void)enter(5, 55, number);
	}
	assert_true(peal_channeltable_may_accept(&table, 3));
	assert_null(peal_channeltable_spare(&table));
}

static void
test_channeltable__gives_the_place_that_was_closed_first(void **state)
{
	(void)state;
	for (uint16_t i = 0; i < PEAL_CHANNELS_MAX; i++) {
		(void)enter(1, 11, i);
	}
	close_channel(&table.channels[9]);
	close_channel(&table.channels[4]);
	assert_ptr_equal(peal_channeltable_spare(&table), &table.channels[9]);
	/* One that stands in the list is not given away. */
	peal_channeltable_push(&table, &list, &table.channels[9]);
	assert_ptr_equal(peal_channeltable_spare(&table), &table.channels[4]);
	peal_channeltable_forget(&table, &table.channels[200], 0);
	assert_ptr_equal(peal_channeltable_spare(&table), &table.channels[200]);
}

static void
test_channeltable__a_floor_only_grows(void **state)
{
	struct peal_channel *channel = enter(2, 22, 1);

	(void)state;
	assert_int_equal(peal_channeltable_floor(&table, 2, 22, 0), 0);
	peal_channeltable_forget(&table, channel, 50);
	assert_int_equal(peal_channeltable_floor(&table, 2, 22, 0), 50);
	peal_channeltable_forget(&table, enter(2, 22, 2), 49);
	assert_int_equal(peal_channeltable_floor(&table, 2, 22, 0), 50);
	/* Another member in this slot begins from the ground. */
	assert_int_equal(peal_channeltable_floor(&table, 2, 23, 0), 0);
}

static void
test_channeltable__a_list_is_first_come_first_served(void **state)
{
	(void)state;
	for (uint16_t i = 0; i < 4; i++) {
		(void)enter(1, 11, i);
	}
	assert_null(peal_channeltable_pop(&table, &list));
	peal_channeltable_push(&table, &list, &table.channels[2]);
	peal_channeltable_push(&table, &list, &table.channels[0]);
	peal_channeltable_push(&table, &list, &table.channels[2]); /* stands there */
	assert_ptr_equal(peal_channeltable_pop(&table, &list), &table.channels[2]);
	peal_channeltable_push(&table, &list, &table.channels[2]);
	assert_ptr_equal(peal_channeltable_pop(&table, &list), &table.channels[0]);
	assert_ptr_equal(peal_channeltable_pop(&table, &list), &table.channels[2]);
	assert_null(peal_channeltable_pop(&table, &list));
	peal_channeltable_push(&table, &list, &table.channels[3]);
	assert_ptr_equal(peal_channeltable_pop(&table, &list), &table.channels[3]);
}

static void
test_channeltable__lists_are_joined_in_order(void **state)
{
	struct peal_channellist other;

	(void)state;
	peal_channellist_init(&other);
	for (uint16_t i = 0; i < 4; i++) {
		(void)enter(1, 11, i);
	}
	peal_channeltable_append(&table, &list, &other); /* nothing to nothing */
	assert_null(peal_channeltable_pop(&table, &list));
	peal_channeltable_push(&table, &other, &table.channels[1]);
	peal_channeltable_push(&table, &list, &table.channels[1]); /* stands in the other */
	peal_channeltable_append(&table, &list, &other);           /* to an empty one */
	assert_null(peal_channeltable_pop(&table, &other));
	peal_channeltable_push(&table, &other, &table.channels[3]);
	peal_channeltable_push(&table, &other, &table.channels[0]);
	peal_channeltable_append(&table, &list, &other);
	peal_channeltable_push(&table, &list, &table.channels[2]);
	assert_ptr_equal(peal_channeltable_pop(&table, &list), &table.channels[1]);
	assert_ptr_equal(peal_channeltable_pop(&table, &list), &table.channels[3]);
	assert_ptr_equal(peal_channeltable_pop(&table, &list), &table.channels[0]);
	assert_ptr_equal(peal_channeltable_pop(&table, &list), &table.channels[2]);
	assert_null(peal_channeltable_pop(&table, &list));
}

static void
enter_twice(void *state)
{
	(void)state;
	peal_channeltable_enter(&table, &table.channels[0], 1, 11, 1);
	peal_channeltable_enter(&table, &table.channels[0], 1, 11, 2);
}

static void
forget_nothing(void *state)
{
	(void)state;
	peal_channeltable_forget(&table, &table.channels[0], 1);
}

static void
test_channeltable__asserts_who_owns_a_place(void **state)
{
	(void)state;
	assert_true(peal_test_dies(enter_twice, NULL));
	assert_true(peal_test_dies(forget_nothing, NULL));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(test_channeltable__finds_what_was_entered, begin),
		cmocka_unit_test_setup(test_channeltable__finds_all_when_it_is_full, begin),
		cmocka_unit_test_setup(test_channeltable__a_peer_opens_as_many_as_it_leaves, begin),
		cmocka_unit_test_setup(
			test_channeltable__gives_the_place_that_was_closed_first, begin),
		cmocka_unit_test_setup(test_channeltable__a_floor_only_grows, begin),
		cmocka_unit_test_setup(test_channeltable__a_list_is_first_come_first_served, begin),
		cmocka_unit_test_setup(test_channeltable__lists_are_joined_in_order, begin),
		cmocka_unit_test_setup(test_channeltable__asserts_who_owns_a_place, begin),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
