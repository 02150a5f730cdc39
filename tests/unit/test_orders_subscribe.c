/* SPDX-License-Identifier: BSD-3-Clause */
#include "tests/lib/ordersscene.h"
#include "wire/order_data.h"

/* What a rank would say, to one node. */
static void
hear_at(uint32_t node, uint8_t kind, uint64_t from, uint64_t to, const char *text)
{
	uint8_t data[64] = {0};
	uint8_t bytes[PEAL_ORDER_PUBLICATION_HEAD_SIZE + sizeof(data)];
	uint16_t size = peal_order_data_begin_records(data);
	uint16_t text_size = (uint16_t)strlen(text);
	struct peal_order_publication publication = {.group = GROUP,
		.configuration = (uint32_t)peal_ordergroup_hash(&table[0]).low,
		.from = from,
		.to = to,
		.kind = kind};
	struct peal_delivery delivery = {.bytes = bytes};

	memcpy(data + size, &text_size, sizeof(text_size));
	memcpy(data + size + sizeof(text_size), text, text_size + 1U);
	if (kind == PEAL_ORDER_PUBLICATION_FRAME) {
		publication.member = 1;
		publication.bytes = data;
		publication.size = (uint16_t)(size + sizeof(text_size) + text_size);
	}
	delivery.size = peal_order_publication_encode(&publication, bytes);
	delivery.message_size = delivery.size;
	assert_true(peal_orders_on_cast(&nodes[node].orders, 1, &delivery));
}

static void
hear(uint8_t kind, uint64_t from, uint64_t to, const char *text)
{
	hear_at(3, kind, from, to, text);
}

static void
hear_frame(uint64_t position, const char *text)
{
	hear(PEAL_ORDER_PUBLICATION_FRAME, position, position, text);
}

static void
test_orders_subscribe__it_begins_where_it_hears_first(void **state)
{
	(void)state;
	hear_frame(6, "x"); /* nobody listens */
	assert_int_equal(peal_orders_subscribe(&nodes[3].orders, GROUP), PEAL_ORDERS_OK);
	assert_int_equal(peal_orders_subscribe(&nodes[3].orders, GROUP), PEAL_ORDERS_OK);
	assert_int_equal(peal_orders_subscribe(&nodes[3].orders, GROUP + 1U), PEAL_ORDERS_NO_GROUP);
	hear_frame(7, "a");
	assert_int_equal(nodes[3].skips_count, 1);
	assert_int_equal(nodes[3].skipped_from, 0);
	assert_int_equal(nodes[3].skipped_to, PEAL_ORDERS_LAST_OF(6));
	hear_frame(7, "a");
	hear_frame(6, "x");
	hear_frame(8, "b");
	assert_string_equal(nodes[3].text, "1a 1b ");
	assert_int_equal(counter(3, PEAL_COUNTER_ORDER_PUBLICATIONS_REPEATED), 2);
	peal_orders_unsubscribe(&nodes[3].orders, GROUP);
	hear_frame(9, "c");
	assert_string_equal(nodes[3].text, "1a 1b ");
}

static void
test_orders_subscribe__who_begins_waits_for_nothing_that_was_said_before(void **state)
{
	(void)state;
	/* One rank said up to 12 before; another one says the first of it again, then goes on. */
	hear_frame(11, "x");
	hear_frame(12, "x");
	assert_int_equal(peal_orders_subscribe(&nodes[3].orders, GROUP), PEAL_ORDERS_OK);
	hear_frame(10, "w");
	hear_frame(11, "x");
	hear(PEAL_ORDER_PUBLICATION_SKIPPED, 1, 9, "");
	assert_int_equal(nodes[3].skips_count, 0);
	hear_frame(13, "a");
	assert_int_equal(nodes[3].skips_count, 1);
	assert_int_equal(nodes[3].skipped_from, 0);
	assert_int_equal(nodes[3].skipped_to, PEAL_ORDERS_LAST_OF(12));
	assert_string_equal(nodes[3].text, "1a ");
	/* The same for who ended and begins again. */
	peal_orders_unsubscribe(&nodes[3].orders, GROUP);
	hear_frame(15, "x");
	assert_int_equal(peal_orders_subscribe(&nodes[3].orders, GROUP), PEAL_ORDERS_OK);
	hear_frame(14, "x");
	hear_frame(16, "b");
	assert_string_equal(nodes[3].text, "1a 1b ");
	assert_int_equal(nodes[3].orders.early_count, 0);
}

static void
test_orders_subscribe__a_group_that_was_created_anew_begins_anew(void **state)
{
	(void)state;
	hear_frame(900, "x");
	table[0].generation = 2;
	orders_install(0xF);
	orders_turn(2);
	assert_int_equal(peal_orders_subscribe(&nodes[3].orders, GROUP), PEAL_ORDERS_OK);
	hear_frame(3, "a");
	assert_string_equal(nodes[3].text, "1a ");
	assert_int_equal(nodes[3].skipped_to, PEAL_ORDERS_LAST_OF(2));
}

static void
test_orders_subscribe__what_comes_early_waits(void **state)
{
	(void)state;
	assert_int_equal(peal_orders_subscribe(&nodes[3].orders, GROUP), PEAL_ORDERS_OK);
	hear_frame(1, "a");
	hear_frame(4, "d");
	hear_frame(3, "c");
	hear_frame(4, "d");
	assert_string_equal(nodes[3].text, "1a ");
	assert_int_equal(nodes[3].orders.early_count, 2);
	hear_frame(2, "b");
	assert_string_equal(nodes[3].text, "1a 1b 1c 1d ");
	assert_int_equal(nodes[3].orders.early_count, 0);
	assert_int_equal(nodes[3].orders.pool.used_count, 0);
}

static void
test_orders_subscribe__what_nobody_has_is_told(void **state)
{
	(void)state;
	assert_int_equal(peal_orders_subscribe(&nodes[3].orders, GROUP), PEAL_ORDERS_OK);
	hear_frame(1, "a");
	hear_frame(6, "f");
	hear(PEAL_ORDER_PUBLICATION_SKIPPED, 2, 5, "");
	assert_string_equal(nodes[3].text, "1a 1f ");
	assert_int_equal(nodes[3].skipped_from, 2U << 8);
	assert_int_equal(nodes[3].skipped_to, PEAL_ORDERS_LAST_OF(5));
	/* And what is missing for too long is given up. */
	for (uint32_t i = 0; i < PEAL_ORDERS_EARLY_MAX; i++) {
		assert_int_equal(nodes[3].delivered_count, 2);
		hear_frame(8U + i, "g");
	}
	assert_int_equal(nodes[3].delivered_count, 2U + PEAL_ORDERS_EARLY_MAX);
	assert_int_equal(nodes[3].skipped_to, PEAL_ORDERS_LAST_OF(7));
	assert_int_equal(nodes[3].orders.early_count, 0);
}

static void
test_orders_subscribe__another_group_is_refused_and_others_are_not_ours(void **state)
{
	static const uint8_t other[16];
	const struct peal_delivery delivery = {
		.message_size = sizeof(other), .size = sizeof(other), .bytes = other};

	(void)state;
	assert_int_equal(peal_orders_subscribe(&nodes[3].orders, GROUP), PEAL_ORDERS_OK);
	assert_false(peal_orders_on_cast(&nodes[3].orders, 1, &delivery));
	table[0].generation = 2;
	hear_frame(1, "a");
	assert_int_equal(counter(3, PEAL_COUNTER_ORDER_PUBLICATIONS_REFUSED), 1);
	assert_string_equal(nodes[3].text, "");
	/* When it is in the view the subscription is over. */
	orders_install(0xF);
	orders_turn(2);
	assert_int_equal(nodes[3].ended_count, 1);
	assert_int_equal(nodes[3].orders.subscriptions_count, 0);
}

static void
test_orders_subscribe__asks_again_in_each_view_and_when_there_is_room(void **state)
{
	(void)state;
	nodes[3].cast_result = PEAL_CAST_FULL;
	assert_int_equal(peal_orders_subscribe(&nodes[3].orders, GROUP), PEAL_ORDERS_OK);
	orders_turn(100);
	assert_false(nodes[0].orders.groups[0].publisher.is_on);
	nodes[3].cast_result = PEAL_CAST_OK;
	orders_turn(100);
	assert_true(nodes[0].orders.groups[0].publisher.is_on);
	peal_orders_on_cast_view(&nodes[0].orders);
	assert_int_equal(nodes[0].orders.groups[0].publisher.heard_view, 0);
	peal_orders_on_cast_view(&nodes[3].orders);
	orders_turn(10);
	assert_int_equal(nodes[0].orders.groups[0].publisher.heard_view, 1);
	/* A rank delivers by itself: it asks nobody. */
	assert_int_equal(peal_orders_subscribe(&nodes[1].orders, GROUP), PEAL_ORDERS_OK);
	orders_turn(10);
	assert_int_equal(say(1, "b"), PEAL_ORDERS_OK);
	orders_turn(100);
	assert_string_equal(nodes[1].text, "2b ");
	assert_int_equal(counter(1, PEAL_COUNTER_ORDER_PUBLICATIONS_HEARD), 0);
}

static void
test_orders_subscribe__who_becomes_a_rank_goes_on_where_it_was(void **state)
{
	(void)state;
	assert_int_equal(peal_orders_subscribe(&nodes[3].orders, GROUP), PEAL_ORDERS_OK);
	orders_turn(10);
	for (uint32_t i = 0; i < 3; i++) {
		assert_int_equal(say(0, "a"), PEAL_ORDERS_OK);
		orders_turn(5000);
	}
	assert_string_equal(nodes[3].text, "1a 1a 1a ");
	nodes[3].orders.config.name = "n1";
	cores->nodes[1]->is_running = false;
	nodes[1].is_deaf = true;
	orders_install(0xD);
	orders_turn(20000);
	assert_int_equal(nodes[3].views_count, 1);
	assert_int_equal(say(0, "b"), PEAL_ORDERS_OK);
	orders_turn(1000);
	assert_string_equal(nodes[3].text, nodes[0].text);
	assert_int_equal(nodes[3].skips_count, 1); /* where it began */
}

static void
test_orders_subscribe__who_gave_its_rank_away_waits_for_nothing_that_was_said_before(void **state)
{
	(void)state;
	assert_int_equal(peal_orders_subscribe(&nodes[1].orders, GROUP), PEAL_ORDERS_OK);
	assert_int_equal(say(1, "b"), PEAL_ORDERS_OK);
	orders_turn(50);
	/* It is said before this rank delivers it, and this rank never does. */
	hear_at(1, PEAL_ORDER_PUBLICATION_FRAME, 40, 40, "x");
	assert_int_equal(nodes[1].skips_count, 0);
	assert_int_equal(peal_orders_hand_over(&nodes[0].orders, GROUP, PEAL_ORDERS_REPLACE, 1, 4),
		PEAL_ORDERS_NOT_REFUSED);
	orders_turn(6000);
	assert_int_equal(nodes[1].ended_count, 1);
	assert_int_equal(nodes[1].skips_count, 1);
	assert_int_equal(nodes[1].skipped_to, PEAL_ORDERS_LAST_OF(40));
	hear_at(1, PEAL_ORDER_PUBLICATION_FRAME, 41, 41, "a");
	assert_string_equal(nodes[1].text, "2b 1a ");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(
			test_orders_subscribe__it_begins_where_it_hears_first, begin_founded,
			finish),
		cmocka_unit_test_setup_teardown(
			test_orders_subscribe__who_begins_waits_for_nothing_that_was_said_before,
			begin_founded, finish),
		cmocka_unit_test_setup_teardown(
			test_orders_subscribe__a_group_that_was_created_anew_begins_anew,
			begin_founded, finish),
		cmocka_unit_test_setup_teardown(
			test_orders_subscribe__what_comes_early_waits, begin_founded, finish),
		cmocka_unit_test_setup_teardown(
			test_orders_subscribe__what_nobody_has_is_told, begin_founded, finish),
		cmocka_unit_test_setup_teardown(
			test_orders_subscribe__another_group_is_refused_and_others_are_not_ours,
			begin_founded, finish),
		cmocka_unit_test_setup_teardown(
			test_orders_subscribe__asks_again_in_each_view_and_when_there_is_room,
			begin_founded, finish),
		cmocka_unit_test_setup_teardown(
			test_orders_subscribe__who_becomes_a_rank_goes_on_where_it_was,
			begin_founded, finish),
		cmocka_unit_test_setup_teardown(
			test_orders_subscribe__who_gave_its_rank_away_waits_for_nothing_that_was_said_before,
			begin_founded, finish),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
