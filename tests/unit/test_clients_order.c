/* SPDX-License-Identifier: BSD-3-Clause */
#include "tests/lib/ordervisit.h"

#define TAG PEAL_CLIENT_TAG(3, 5)

static void
test_clients_order__cuts_off_who_says_what_cannot_be(void **state)
{
	static const struct peal_client_order_open open = {.group = ORDER_GROUP}, none = {0};
	struct peal_ordergroup group = ordervisit_group(9, 1, 3);
	const struct peal_client_order_create good = ordervisit_request(&group);
	struct peal_client_order_create two = good, many = good, unnamed = good, twice = good,
					nobody = good, strange = good, nothing = good;
	static uint8_t large[PEAL_CLIENT_MESSAGE_SIZE_MAX + 1U];

	two.ranks_count = 2;
	many.ranks_count = 255;
	memset(unnamed.ranks[1].name, 0, sizeof(unnamed.ranks[1].name));
	twice.ranks[2].mid = 1;
	nobody.ranks[0].mid = 0;
	memset(strange.ranks[0].name, ' ', sizeof(strange.ranks[0].name));
	nothing.group = 0;
	const struct {
		enum peal_client_up kind;
		uint16_t tag;
		const void *bytes;
		uint32_t size;
	} lies[] = {
		{PEAL_CLIENT_ORDER_OPEN, TAG, &open, sizeof(open) - 1U},
		{PEAL_CLIENT_ORDER_OPEN, TAG, &none, sizeof(none)},
		{PEAL_CLIENT_ORDER_OPEN, PEAL_CLIENT_TAG(16, 1), &open, sizeof(open)},
		{PEAL_CLIENT_ORDER_OPEN, PEAL_CLIENT_TAG(127, 1), &open, sizeof(open)},
		{PEAL_CLIENT_ORDER_CREATE, TAG, &good, sizeof(good) - 1U},
		{PEAL_CLIENT_ORDER_CREATE, PEAL_CLIENT_TAG(16, 1), &good, sizeof(good)},
		{PEAL_CLIENT_ORDER_CREATE, TAG, &two, sizeof(two)},
		{PEAL_CLIENT_ORDER_CREATE, TAG, &many, sizeof(many)},
		{PEAL_CLIENT_ORDER_CREATE, TAG, &unnamed, sizeof(unnamed)},
		{PEAL_CLIENT_ORDER_CREATE, TAG, &twice, sizeof(twice)},
		{PEAL_CLIENT_ORDER_CREATE, TAG, &nobody, sizeof(nobody)},
		{PEAL_CLIENT_ORDER_CREATE, TAG, &strange, sizeof(strange)},
		{PEAL_CLIENT_ORDER_CREATE, TAG, &nothing, sizeof(nothing)},
		{PEAL_CLIENT_ORDER_CLOSE, TAG, &open, sizeof(open)},
		{PEAL_CLIENT_ORDER_SEND, TAG, large, sizeof(large)},
	};

	for (uint32_t i = 0; i < sizeof(lies) / sizeof(lies[0]); i++) {
		if (i > 0) {
			(void)scene_finish(state);
			(void)ordervisit_begin(state);
		}
		struct visitor *liar = scene_attach(0, 0), *other = scene_attach(1, 0);

		scene_say(liar, lies[i].kind, lies[i].tag, lies[i].bytes, lies[i].size);
		(void)peal_fakecores_turn(cores, 0);
		assert_int_equal(scene_end_of(liar), PEAL_CLIENT_END_VIOLATION);
		assert_int_equal(scene_end_of(other), PEAL_CLIENT_END_NONE);
	}
}

static void
test_clients_order__cuts_off_who_uses_a_place_twice(void **state)
{
	struct visitor *liar = scene_attach(0, 0);

	(void)state;
	ordervisit_open(liar, TAG, ORDER_GROUP);
	ordervisit_open(liar, PEAL_CLIENT_TAG(3, 6), ORDER_GROUP);
	(void)peal_fakecores_turn(cores, 0);
	assert_int_equal(scene_end_of(liar), PEAL_CLIENT_END_VIOLATION);
	assert_int_equal(traffic[0]->clients.ordergroups, 0);
}

static void
test_clients_order__all_hear_the_same_in_one_order(void **state)
{
	struct peal_client_ordered first[6];

	(void)state;
	for (uint32_t i = 0; i < 3; i++) {
		ordervisit_open(scene_attach(i, i), TAG, ORDER_GROUP);
	}
	scene_run(MS);
	for (uint32_t i = 0; i < 3; i++) {
		const struct peal_client_order_view view = ordervisit_view(&visitors[i], TAG);

		assert_int_equal(view.group, ORDER_GROUP);
		assert_int_equal(view.generation, 1);
		assert_int_equal(view.view, 1);
		assert_int_equal(view.active, 7);
		assert_int_equal(view.ranks_count, 3);
		assert_int_equal(view.own_rank, i);
		assert_int_equal(view.is_waiting, 0);
		assert_string_equal(view.ranks[2].name, "n2");
		assert_int_equal(view.ranks[2].mid, 3);
	}
	for (uint32_t i = 0; i < 6; i++) {
		scene_say(&visitors[i % 3U], PEAL_CLIENT_ORDER_SEND, TAG, "12345", 5);
	}
	scene_run(20U * MS);
	for (uint32_t i = 0; i < 3; i++) {
		for (uint32_t j = 0; j < 6; j++) {
			const struct peal_client_ordered next =
				ordervisit_message(&visitors[i], "12345");

			if (i == 0) {
				first[j] = next;
			}
			assert_memory_equal(&next, &first[j], sizeof(next));
			assert_true(j == 0 || next.position > first[j - 1U].position);
			assert_int_equal(next.client,
				traffic[next.mid - 1U]->clients.room->clients[0].number);
		}
		assert_int_equal(
			traffic[i]->clients.room->clients[visitors[i].place].orders[3].away_count,
			0);
	}
}

static void
test_clients_order__says_why_a_group_cannot_be_opened(void **state)
{
	struct visitor *visitor = scene_attach(0, 0);

	(void)state;
	ordervisit_open(visitor, TAG, ORDER_GROUP + 1U);
	(void)peal_fakecores_turn(cores, 0);
	assert_int_equal(ordervisit_end(visitor, TAG).reason, PEAL_CLIENT_ORDER_UNKNOWN);
	ordervisit_open(visitor, TAG, ORDER_GROUP);
	ordervisit_open(visitor, PEAL_CLIENT_TAG(4, 1), ORDER_GROUP);
	(void)peal_fakecores_turn(cores, 0);
	assert_int_equal(
		ordervisit_end(visitor, PEAL_CLIENT_TAG(4, 1)).reason, PEAL_CLIENT_ORDER_IN_USE);
	traffic[0]->clients.config.orders = NULL;
	ordervisit_open(visitor, PEAL_CLIENT_TAG(5, 1), ORDER_GROUP);
	(void)peal_fakecores_turn(cores, 0);
	assert_int_equal(ordervisit_end(visitor, PEAL_CLIENT_TAG(5, 1)).reason,
		PEAL_CLIENT_ORDER_NOT_SUPPORTED);
	traffic[0]->clients.config.orders = &traffic[0]->orders;
	assert_int_equal(scene_end_of(visitor), PEAL_CLIENT_END_NONE);
}

static void
test_clients_order__closes_and_forgets(void **state)
{
	struct visitor *visitor = scene_attach(0, 0);
	struct peal_client_order_ended ended;
	struct peal_shmring_record record;

	(void)state;
	ordervisit_open(visitor, TAG, ORDER_GROUP);
	scene_say(visitor, PEAL_CLIENT_ORDER_SEND, TAG, "last", 4);
	scene_say(visitor, PEAL_CLIENT_ORDER_CLOSE, TAG, NULL, 0);
	scene_say(visitor, PEAL_CLIENT_ORDER_SEND, TAG, "late", 4);
	scene_say(visitor, PEAL_CLIENT_ORDER_CLOSE, TAG, NULL, 0);
	scene_run(20U * MS);
	ended = ordervisit_end(visitor, TAG);
	assert_int_equal(ended.reason, PEAL_CLIENT_ORDER_CLOSED);
	assert_int_equal(ended.accepted_count, 1);
	assert_int_equal(ended.lost_count, 1);
	assert_false(scene_find(visitor, PEAL_CLIENT_ORDERED, &record));
	assert_int_equal(scene_counter(0, PEAL_COUNTER_ORDER_MESSAGES_DELIVERED), 1);
	assert_int_equal(traffic[0]->clients.ordergroups, 0);
	/* The place is free for another time. */
	ordervisit_open(visitor, PEAL_CLIENT_TAG(3, 6), ORDER_GROUP);
	scene_run(MS);
	assert_int_equal(ordervisit_view(visitor, PEAL_CLIENT_TAG(3, 6)).view, 1);
}

/* One of three alone orders nothing: its queue fills up, and who waits holds up nobody else. */
static void
test_clients_order__who_waits_for_room_holds_up_nobody_else(void **state)
{
	static uint8_t bytes[60000];
	struct visitor *loud = scene_attach(0, 0), *other = scene_attach(1, 0);
	struct peal_shmring_record record;
	uint64_t taken;

	(void)state;
	ordervisit_open(loud, TAG, ORDER_GROUP);
	scene_say(other, PEAL_CLIENT_HEAR, 0, NULL, 0);
	(void)peal_fakecores_turn(cores, 0);
	ordervisit_cut(true);
	for (uint32_t i = 0; i < 60; i++) {
		if (peal_shmring_free_size(&loud->writer) > 2U * sizeof(bytes)) {
			scene_say(loud, PEAL_CLIENT_ORDER_SEND, TAG, bytes, sizeof(bytes));
		}
		scene_run(100U * US);
	}
	taken = loud->clients->room->clients[loud->place].orders[3].accepted_count;
	assert_in_range(taken, 5, 40);
	assert_true(loud->clients->room->ordergroups[0].turns.waiting != 0);
	scene_say(other, PEAL_CLIENT_CAST, 0, "x", 1);
	scene_run(MS);
	assert_true(scene_find(other, PEAL_CLIENT_HEARD, &record));
	/* Another one that has the group waits behind it. */
	ordervisit_open(other, TAG, ORDER_GROUP);
	scene_say(other, PEAL_CLIENT_ORDER_SEND, TAG, "x", 1);
	scene_run(MS);
	assert_int_equal(loud->clients->room->clients[other->place].orders[3].accepted_count, 0);
	/* Who waits can die, and holds up nobody then either. */
	atomic_store(&loud->up->death.word, PEAL_REGION_OWNER_DIED);
	ordervisit_cut(false);
	scene_run(100U * MS);
	assert_int_equal(loud->clients->room->ordergroups[0].turns.waiting, 0);
	(void)ordervisit_message(other, "x");
	assert_int_equal(scene_end_of(other), PEAL_CLIENT_END_NONE);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, ordervisit_begin, scene_finish)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_clients_order__cuts_off_who_says_what_cannot_be),
		TEST(test_clients_order__cuts_off_who_uses_a_place_twice),
		TEST(test_clients_order__all_hear_the_same_in_one_order),
		TEST(test_clients_order__says_why_a_group_cannot_be_opened),
		TEST(test_clients_order__closes_and_forgets),
		TEST(test_clients_order__who_waits_for_room_holds_up_nobody_else),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
