/* SPDX-License-Identifier: BSD-3-Clause */
#include "tests/lib/ordervisit.h"

#define TAG PEAL_CLIENT_TAG(0, 1)

static struct peal_orders_user user;

static int
begin(void **state)
{
	(void)ordervisit_begin(state);
	user = peal_clients_order_user(&traffic[0]->clients);
	for (uint32_t i = 0; i < 2; i++) {
		ordervisit_open(scene_attach(i, 0), TAG, ORDER_GROUP);
	}
	scene_run(MS);
	(void)ordervisit_view(&visitors[0], TAG);
	(void)ordervisit_view(&visitors[1], TAG);
	return 0;
}

/* A part of a message of `client` at member `mid`, as order groups deliver it. */
static void
deliver(uint64_t mid, uint64_t position, const uint8_t *bytes, uint32_t offset, uint32_t size,
	uint32_t message_size)
{
	const struct peal_orders_message message = {.group = ORDER_GROUP,
		.position = position,
		.mid = mid,
		.delivery = {.bytes = bytes + offset,
			.size = size,
			.offset = offset,
			.message_size = message_size}};

	user.deliver(user.state, &message);
}

/* The next part that a visitor got. */
static void
expect_part(struct visitor *visitor, uint64_t mid, uint32_t offset, const char *text)
{
	struct {
		struct peal_client_ordered ordered;
		struct peal_client_part part;
	} head;
	struct peal_shmring_record record;

	assert_true(scene_find(visitor, PEAL_CLIENT_ORDERED_PART, &record));
	assert_int_equal(record.size, sizeof(head) + strlen(text));
	memcpy(&head, record.bytes, sizeof(head));
	assert_int_equal(head.ordered.mid, mid);
	assert_int_equal(head.ordered.client, 77);
	assert_int_equal(head.part.offset, offset);
	assert_int_equal(head.part.message_size, 6);
	assert_memory_equal(record.bytes + sizeof(head), text, strlen(text));
}

static const uint8_t said[] = {
	77, 0, 0, 0, 0, 0, 0, PEAL_ORDERHEAD_CLIENT, 'a', 'b', 'c', 'd', 'e', 'f'};

static void
test_clients_ordered__parts_come_between_those_of_others(void **state)
{
	(void)state;
	deliver(2, 1000, said, 0, 10, sizeof(said));
	deliver(3, 1001, said, 0, 9, sizeof(said));
	deliver(2, 1002, said, 10, 4, sizeof(said));
	deliver(3, 1003, said, 9, 5, sizeof(said));
	peal_clients_flush_busy(&traffic[0]->clients);
	for (uint32_t i = 0; i < 2; i++) {
		expect_part(&visitors[i], 2, 0, "ab");
		expect_part(&visitors[i], 3, 0, "a");
		expect_part(&visitors[i], 2, 2, "cdef");
		expect_part(&visitors[i], 3, 1, "bcdef");
	}
}

static void
test_clients_ordered__however_many_speak_between_two_parts_none_is_lost(void **state)
{
	(void)state;
	deliver(2, 1000, said, 0, 10, sizeof(said));
	for (uint64_t mid = 3; mid < 3U + 2U * PEAL_ORDERGROUP_RANKS_MAX; mid++) {
		deliver(mid, 1000U + mid, said, 0, sizeof(said), sizeof(said));
	}
	deliver(2, 1100, said, 10, 4, sizeof(said));
	peal_clients_flush_busy(&traffic[0]->clients);
	for (uint32_t i = 0; i < 2; i++) {
		expect_part(&visitors[i], 2, 0, "ab");
		expect_part(&visitors[i], 2, 2, "cdef");
	}
}

static void
test_clients_ordered__who_opens_late_gets_no_half_message(void **state)
{
	struct visitor *late = scene_attach(2, 0);
	struct peal_shmring_record record;

	(void)state;
	deliver(2, 1000, said, 0, 10, sizeof(said));
	ordervisit_open(late, TAG, ORDER_GROUP);
	(void)peal_fakecores_turn(cores, 0);
	assert_int_equal(ordervisit_view(late, TAG).position, 1000);
	deliver(2, 1001, said, 10, 4, sizeof(said));
	deliver(2, 1002, said, 0, sizeof(said), sizeof(said));
	peal_clients_flush_busy(&traffic[0]->clients);
	assert_false(scene_find(late, PEAL_CLIENT_ORDERED_PART, &record) && record.size > 0);
	expect_part(&visitors[0], 2, 0, "ab");
	expect_part(&visitors[0], 2, 2, "cdef");
	assert_int_equal(ordervisit_message(&visitors[0], "abcdef").position, 1002);
}

static void
test_clients_ordered__what_is_out_of_form_is_counted_and_passed_over(void **state)
{
	static const uint8_t bad[] = {0, 0, 0, 0, 0, 0, 0, PEAL_ORDERHEAD_CLIENT, 'x'};
	struct peal_shmring_record record;

	(void)state;
	deliver(2, 1000, bad, 0, sizeof(bad), sizeof(bad));
	deliver(2, 1001, bad, 0, 4, sizeof(bad));
	deliver(2, 1002, bad, 4, 5, sizeof(bad));
	/* The end of a message whose beginning never came, and one that grows. */
	deliver(3, 1003, said, 10, 4, sizeof(said));
	deliver(3, 1004, said, 0, 10, sizeof(said));
	deliver(3, 1005, said, 10, 4, sizeof(said) + 1U);
	peal_clients_flush_busy(&traffic[0]->clients);
	assert_int_equal(scene_counter(0, PEAL_COUNTER_CLIENT_ORDER_REFUSED_FORM), 2);
	expect_part(&visitors[0], 3, 0, "ab");
	assert_false(scene_find(&visitors[0], PEAL_CLIENT_ORDERED_PART, &record));
	assert_false(scene_find(&visitors[1], PEAL_CLIENT_ORDERED, &record));
}

static void
test_clients_ordered__tells_of_gaps_and_doubts(void **state)
{
	struct peal_client *client = &rooms[0]->clients[visitors[0].place];
	struct peal_client_order_skipped skipped;
	const struct peal_orders_view view = {.doubtful_count = 3};
	struct peal_shmring_record record;
	uint64_t count;

	(void)state;
	client->orders[0].accepted_count = 7;
	client->orders[0].away_count = 7;
	deliver(2, 1000, said, 0, 10, sizeof(said));
	/* The plane may begin a view, further on, before it tells of the gap in front of it. */
	user.view(user.state, ORDER_GROUP, &(const struct peal_orders_view){.position = 2000});
	user.skipped(user.state, ORDER_GROUP, 1001, 2000, 2);
	/* What goes on behind the gap began before it, and had no part in it. */
	deliver(2, 2001, said, 10, 4, sizeof(said));
	user.skipped(user.state, ORDER_GROUP, 1500, 1600, 0);
	user.view(user.state, ORDER_GROUP, &view);
	user.view(user.state, 99, &view);
	user.skipped(user.state, 99, 1, 2, 3);
	peal_clients_flush_busy(&traffic[0]->clients);
	for (uint32_t i = 0; i < 2; i++) {
		expect_part(&visitors[i], 2, 0, "ab");
		assert_int_equal(ordervisit_view(&visitors[i], TAG).position, 1000);
		assert_true(scene_find(&visitors[i], PEAL_CLIENT_ORDER_SKIPPED, &record));
		memcpy(&skipped, record.bytes, sizeof(skipped));
		assert_int_equal(skipped.position, 2000);
		assert_int_equal(skipped.own_count, i == 0 ? 2 : 0);
		expect_part(&visitors[i], 2, 2, "cdef");
		assert_int_equal(ordervisit_view(&visitors[i], TAG).position, 2001);
	}
	assert_true(scene_find(&visitors[0], PEAL_CLIENT_ORDER_DOUBTFUL, &record));
	memcpy(&count, record.bytes, sizeof(count));
	assert_int_equal(count, 3);
	assert_int_equal(client->orders[0].away_count, 2);
	assert_false(scene_find(&visitors[1], PEAL_CLIENT_ORDER_DOUBTFUL, &record));
}

static void
test_clients_ordered__tells_of_the_end_and_why(void **state)
{
	(void)state;
	user.ended(user.state, 99, PEAL_ABCAST_FAULT_DIGEST, 0);
	user.ended(user.state, ORDER_GROUP, PEAL_ABCAST_FAULT_DIGEST, 0);
	peal_clients_flush_busy(&traffic[0]->clients);
	for (uint32_t i = 0; i < 2; i++) {
		assert_int_equal(ordervisit_end(&visitors[i], TAG).reason, PEAL_CLIENT_ORDER_FAULT);
	}
	(void)peal_fakecores_turn(cores, 0);
	assert_int_equal(traffic[0]->clients.ordergroups, 0);
	/* Nobody has it open, so nobody hears. */
	deliver(2, 3000, said, 0, sizeof(said), sizeof(said));
}

static void
test_clients_ordered__who_died_hears_nothing_and_keeps_nothing(void **state)
{
	(void)state;
	deliver(2, 1000, said, 0, 10, sizeof(said));
	atomic_store(&visitors[0].up->death.word, PEAL_REGION_OWNER_DIED);
	(void)peal_fakecores_turn(cores, 0);
	assert_int_equal(rooms[0]->ordergroups[0].clients, UINT64_C(1) << visitors[1].place);
	deliver(2, 1001, said, 10, 4, sizeof(said));
	atomic_store(&visitors[1].up->death.word, 0);
	(void)peal_fakecores_turn(cores, 0);
	assert_int_equal(traffic[0]->clients.ordergroups, 0);
}

static void
test_clients_ordered__who_does_not_read_is_evicted_alone(void **state)
{
	static uint8_t large[60000];

	(void)state;
	memcpy(large, said, PEAL_ORDERHEAD_SIZE);
	for (uint64_t i = 0; scene_end_of(&visitors[0]) == PEAL_CLIENT_END_NONE; i++) {
		struct peal_shmring_record record;

		assert_in_range(i, 0, UINT64_C(2) * PEAL_CLIENT_DOWN_SIZE / sizeof(large));
		deliver(2, 5000U + i, large, 0, sizeof(large), sizeof(large));
		peal_clients_flush_busy(&traffic[0]->clients);
		assert_true(scene_find(&visitors[1], PEAL_CLIENT_ORDERED, &record));
		(void)peal_shmring_release(&visitors[1].reader);
	}
	assert_int_equal(scene_end_of(&visitors[0]), PEAL_CLIENT_END_SLOW);
	assert_int_equal(scene_end_of(&visitors[1]), PEAL_CLIENT_END_NONE);
	assert_int_equal(rooms[0]->ordergroups[0].clients, UINT64_C(1) << visitors[1].place);
}

/* Too few are heard: who has the group open is told, and told when it goes on. */
static void
test_clients_ordered__says_when_a_group_waits(void **state)
{
	struct peal_client_order_view view;

	(void)state;
	ordervisit_cut(true);
	scene_say(&visitors[0], PEAL_CLIENT_ORDER_SEND, TAG, "x", 1);
	scene_run(200U * MS);
	view = ordervisit_view(&visitors[1], TAG);
	assert_int_equal(view.is_waiting, 1);
	ordervisit_cut(false);
	scene_run(200U * MS);
	(void)ordervisit_message(&visitors[0], "x");
	do {
		view = ordervisit_view(&visitors[1], TAG);
	} while (view.is_waiting != 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, scene_finish)

/* The next record of a kind of the process group that visitors have at place 3. */
static struct peal_shmring_record
find_of_group(struct visitor *visitor, enum peal_client_down kind)
{
	struct peal_shmring_record record;

	assert_true(scene_find(visitor, kind, &record));
	assert_int_equal(record.tag, PEAL_CLIENT_TAG(3, 1));
	return record;
}

static void
join_group(struct visitor *visitor, uint32_t order_group)
{
	uint8_t bytes[sizeof(struct peal_client_group_join) + 1U];
	const struct peal_client_group_join request = {.order = 1, .group = order_group};

	memcpy(bytes, &request, sizeof(request));
	bytes[sizeof(request)] = 'g';
	scene_say(visitor, PEAL_CLIENT_GROUP_JOIN, PEAL_CLIENT_TAG(3, 1), bytes, sizeof(bytes));
	scene_run(5U * MS);
}

/* A process group in total order beside applications that have its order group open: neither is
 * told what is the other's; and its members go on when nobody has the order group open. */
static void
test_clients_ordered__process_groups_have_messages_of_their_own(void **state)
{
	static uint8_t large[20000];
	struct peal_client_group_order order;
	struct peal_client_group_from from;
	struct peal_shmring_record record;
	uint32_t sizes[2][2];

	(void)state;
	memset(large, 'x', sizeof(large));
	join_group(&visitors[0], ORDER_GROUP);
	join_group(&visitors[1], 0);
	for (uint32_t i = 0; i < 2; i++) {
		record = find_of_group(&visitors[i], PEAL_CLIENT_GROUP_ORDER);
		assert_int_equal(record.size, sizeof(order));
		memcpy(&order, record.bytes, sizeof(order));
		assert_int_equal(order.group, ORDER_GROUP);
		assert_int_equal(order.is_rank, 1);
		(void)find_of_group(&visitors[i], PEAL_CLIENT_GROUP_VIEW);
	}
	scene_say(
		&visitors[1], PEAL_CLIENT_GROUP_SEND, PEAL_CLIENT_TAG(3, 1), large, sizeof(large));
	scene_say(&visitors[0], PEAL_CLIENT_GROUP_SEND, PEAL_CLIENT_TAG(3, 1), "small", 5);
	scene_run(10U * MS);
	for (uint32_t i = 0; i < 2; i++) {
		for (uint32_t k = 0; k < 2; k++) {
			record = find_of_group(&visitors[i], PEAL_CLIENT_GROUP_HEARD);
			memcpy(&from, record.bytes, sizeof(from));
			sizes[i][k] = record.size - (uint32_t)sizeof(from);
			/* Each is whole, and of who said it. */
			assert_int_equal(sizes[i][k], from.client == 2U ? sizeof(large) : 5U);
		}
	}
	assert_memory_equal(sizes[0], sizes[1], sizeof(sizes[0]));
	assert_int_equal(sizes[0][0] + sizes[0][1], sizeof(large) + 5U);
	assert_int_equal(scene_counter(0, PEAL_COUNTER_CLIENT_ORDER_REFUSED_FORM), 0);
	for (uint32_t i = 0; i < 2; i++) {
		scene_say(&visitors[i], PEAL_CLIENT_ORDER_CLOSE, TAG, NULL, 0);
	}
	scene_run(5U * MS);
	assert_true(peal_procgroups_listens(&traffic[0]->groups, ORDER_GROUP));
	scene_say(&visitors[1], PEAL_CLIENT_GROUP_SEND, PEAL_CLIENT_TAG(3, 1), "more", 4);
	scene_run(5U * MS);
	for (uint32_t i = 0; i < 2; i++) {
		record = find_of_group(&visitors[i], PEAL_CLIENT_GROUP_HEARD);
		assert_memory_equal(record.bytes + sizeof(from), "more", 4);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_clients_ordered__process_groups_have_messages_of_their_own),
		TEST(test_clients_ordered__parts_come_between_those_of_others),
		TEST(test_clients_ordered__however_many_speak_between_two_parts_none_is_lost),
		TEST(test_clients_ordered__who_opens_late_gets_no_half_message),
		TEST(test_clients_ordered__what_is_out_of_form_is_counted_and_passed_over),
		TEST(test_clients_ordered__tells_of_gaps_and_doubts),
		TEST(test_clients_ordered__tells_of_the_end_and_why),
		TEST(test_clients_ordered__who_died_hears_nothing_and_keeps_nothing),
		TEST(test_clients_ordered__who_does_not_read_is_evicted_alone),
		TEST(test_clients_ordered__says_when_a_group_waits),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
