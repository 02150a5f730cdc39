/* SPDX-License-Identifier: BSD-3-Clause */
#include "tests/lib/clientscene.h"

#define TAG 3U

static void
join(struct visitor *visitor, uint16_t tag, const char *name)
{
	struct {
		struct peal_client_group_join head;
		char name[128];
	} request = {.head = {0}};
	int size = snprintf(request.name, sizeof(request.name), "%s", name);

	scene_say(visitor, PEAL_CLIENT_GROUP_JOIN, tag, &request,
		(uint32_t)sizeof(request.head) + (uint32_t)size);
}

/* The next view of a group: who is in it, or what changed, as text "node.client+" or "-why". */
static void
await_view(struct visitor *visitor, uint16_t tag, const char *wanted)
{
	struct peal_shmring_record record;
	struct peal_client_group_view view;
	struct peal_client_group_change change;
	char text[256] = "";

	assert_true(scene_find(visitor, PEAL_CLIENT_GROUP_VIEW, &record));
	assert_int_equal(record.tag, tag);
	memcpy(&view, record.bytes, sizeof(view));
	assert_int_equal(record.size, sizeof(view) + view.changes_count * sizeof(change));
	for (uint32_t i = 0; i < view.changes_count; i++) {
		size_t at = strlen(text);

		memcpy(&change, record.bytes + sizeof(view) + i * sizeof(change), sizeof(change));
		(void)snprintf(text + at, sizeof(text) - at, "%s%u.%u%s", i > 0 ? " " : "",
			(unsigned)change.mid, change.client, change.what == 0 ? "+" : "-");
		at = strlen(text);
		if (change.what != 0) {
			(void)snprintf(text + at, sizeof(text) - at, "%u", change.what);
		}
	}
	assert_string_equal(text, wanted);
	assert_true(!view.is_first || view.members_count == view.changes_count);
}

static void
await_end(struct visitor *visitor, uint16_t tag, enum peal_client_group_end reason)
{
	struct peal_shmring_record record;
	struct peal_client_group_ended ended;

	assert_true(scene_find(visitor, PEAL_CLIENT_GROUP_ENDED, &record));
	assert_int_equal(record.tag, tag);
	memcpy(&ended, record.bytes, sizeof(ended));
	assert_int_equal(ended.reason, reason);
}

static void
await_message(struct visitor *visitor, uint64_t mid, const char *text)
{
	struct peal_shmring_record record;
	struct peal_client_group_from from;

	assert_true(scene_find(visitor, PEAL_CLIENT_GROUP_HEARD, &record));
	memcpy(&from, record.bytes, sizeof(from));
	assert_int_equal(from.mid, mid);
	assert_int_equal(record.size, sizeof(from) + strlen(text));
	assert_memory_equal(record.bytes + sizeof(from), text, strlen(text));
}

static void
await_nothing(struct visitor *visitor)
{
	struct peal_shmring_record record;

	while (peal_shmring_borrow(&visitor->reader, &record)) {
		assert_true(record.kind < PEAL_CLIENT_GROUP_VIEW);
		(void)peal_shmring_release(&visitor->reader);
	}
}

static void
say(struct visitor *visitor, uint16_t tag, const char *text)
{
	scene_say(visitor, PEAL_CLIENT_GROUP_SEND, tag, text, (uint32_t)strlen(text));
}

static void
test_clients_groups__members_of_all_nodes_see_the_same(void **state)
{
	struct visitor *one = scene_attach(0, 1), *two = scene_attach(1, 2),
		       *three = scene_attach(2, 2), *other = scene_attach(3, 0);

	(void)state;
	join(one, TAG, "orders");
	scene_run(2U * MS);
	await_view(one, TAG, "2.1+");
	join(two, 5, "orders");
	scene_run(2U * MS);
	await_view(one, TAG, "3.1+");
	await_view(two, 5, "2.1+ 3.1+");
	join(three, 0, "orders");
	join(other, 0, "others");
	scene_run(2U * MS);
	await_view(one, TAG, "3.2+");
	await_view(two, 5, "3.2+");
	await_view(three, 0, "2.1+ 3.1+ 3.2+");
	await_view(other, 0, "1.1+");
	say(two, 5, "hello");
	scene_run(2U * MS);
	await_message(one, 3, "hello");
	await_message(two, 3, "hello");
	await_message(three, 3, "hello");
	await_nothing(other);
	scene_say(one, PEAL_CLIENT_GROUP_LEAVE, TAG, NULL, 0);
	scene_run(2U * MS);
	await_end(one, TAG, PEAL_CLIENT_GROUP_LEFT);
	await_view(two, 5, "2.1-1");
	await_view(three, 0, "2.1-1");
	say(two, 5, "without you");
	scene_run(2U * MS);
	await_message(three, 3, "without you");
	await_nothing(one);
	assert_int_equal(scene_counter(0, PEAL_COUNTER_GROUP_CHANGES), 5);
	assert_int_equal(scene_counter(2, PEAL_COUNTER_GROUP_CHANGES), 5);
	assert_int_equal(scene_counter(1, PEAL_COUNTER_GROUP_MESSAGES_SENT), 0);
	assert_int_equal(scene_counter(2, PEAL_COUNTER_GROUP_MESSAGES_SENT), 2);
}

static void
test_clients_groups__ends_of_clients_are_told_apart(void **state)
{
	struct visitor *watch = scene_attach(0, 0), *crashed = scene_attach(1, 1),
		       *detached = scene_attach(2, 1), *liar = scene_attach(3, 1);

	(void)state;
	join(watch, 0, "g");
	scene_run(2U * MS);
	join(crashed, 0, "g");
	join(detached, 0, "g");
	join(liar, 0, "g");
	scene_run(2U * MS);
	await_view(watch, 0, "1.1+");
	await_view(watch, 0, "2.1+");
	await_view(watch, 0, "2.2+");
	await_view(watch, 0, "2.3+");
	atomic_store(&crashed->up->death.word, PEAL_REGION_OWNER_DIED);
	scene_run(2U * MS);
	await_view(watch, 0, "2.1-2");
	atomic_store(&detached->up->death.word, 0);
	peal_clients_hang_up(detached->clients, detached->place, PEAL_CLIENT_END_ASKED);
	scene_run(2U * MS);
	await_view(watch, 0, "2.2-1");
	scene_say(liar, PEAL_CLIENT_GROUP_LEAVE, 0, "x", 1);
	scene_run(2U * MS);
	assert_int_equal(scene_end_of(liar), PEAL_CLIENT_END_VIOLATION);
	await_view(watch, 0, "2.3-3");
	await_nothing(watch);
	assert_int_equal(traffic[1]->groups.seats_count, 0);
}

static void
test_clients_groups__who_joins_and_dies_at_once_leaves_nothing(void **state)
{
	struct visitor *watch = scene_attach(0, 0), *hasty = scene_attach(1, 1);

	(void)state;
	join(watch, 0, "g");
	scene_run(2U * MS);
	await_view(watch, 0, "1.1+");
	join(hasty, 0, "g");
	(void)peal_fakecores_turn(cores, 1);
	atomic_store(&hasty->up->death.word, PEAL_REGION_OWNER_DIED);
	scene_run(2U * MS);
	await_view(watch, 0, "2.1+");
	await_view(watch, 0, "2.1-2");
	assert_int_equal(traffic[1]->groups.seats_count, 0);
	assert_int_equal(traffic[2]->groups.table.members_count, 1);
}

static void
test_clients_groups__a_node_takes_its_clients_with_it(void **state)
{
	struct visitor *watch = scene_attach(0, 1),
		       *lost[2] = {scene_attach(1, 0), scene_attach(2, 0)};

	(void)state;
	join(lost[0], 0, "g");
	scene_run(2U * MS);
	join(watch, 0, "g");
	scene_run(2U * MS);
	join(lost[1], 1, "g");
	scene_run(2U * MS);
	await_view(watch, 0, "1.1+ 2.1+");
	await_view(watch, 0, "1.2+");
	/* The elder goes, and has not stamped what was asked for last. */
	scene_view(1, PEAL_FAKECORE_EPOCH + 1U, 6U);
	scene_view(2, PEAL_FAKECORE_EPOCH + 1U, 6U);
	scene_view(0, 0, 0);
	join(scene_attach(3, 2), 7, "g");
	scene_run(5U * MS);
	await_end(lost[0], 0, PEAL_CLIENT_GROUP_REMOVED);
	await_view(watch, 0, "1.1-4 1.2-4");
	await_view(watch, 0, "3.1+");
	await_view(&visitors[3], 7, "2.1+ 3.1+");
	await_nothing(watch);
}

static void
test_clients_groups__what_cannot_be_had_is_refused(void **state)
{
	struct visitor *visitor = scene_attach(0, 1), *twice = scene_attach(1, 1);
	uint8_t bytes[sizeof(struct peal_client_group_join) + 1U] = {1, 0, 0, 0, 0, 0, 0, 0, 'g'};

	(void)state;
	scene_say(visitor, PEAL_CLIENT_GROUP_JOIN, 0, bytes, sizeof(bytes));
	scene_run(2U * MS);
	await_end(visitor, 0, PEAL_CLIENT_GROUP_NO_ORDER);
	join(visitor, 0, "g");
	join(visitor, 1, "g");
	scene_run(2U * MS);
	await_end(visitor, 1, PEAL_CLIENT_GROUP_IN_USE);
	/* What was sent too early was not accepted. */
	join(twice, 0, "g");
	say(twice, 0, "too early");
	scene_run(2U * MS);
	await_view(twice, 0, "2.1+ 2.2+");
	scene_say(twice, PEAL_CLIENT_GROUP_LEAVE, 0, NULL, 0);
	scene_run(2U * MS);
	await_end(twice, 0, PEAL_CLIENT_GROUP_LEFT);
	/* A name with a space, and a place that is in use, are no mistakes of libpeal. */
	join(visitor, 4, "a name");
	scene_run(2U * MS);
	assert_int_equal(scene_end_of(visitor), PEAL_CLIENT_END_VIOLATION);
	join(twice, 0, "g");
	join(twice, 0, "h");
	scene_run(2U * MS);
	assert_int_equal(scene_end_of(twice), PEAL_CLIENT_END_VIOLATION);
}

static void
test_clients_groups__large_messages_come_whole(void **state)
{
	static uint8_t message[PEAL_CLIENT_MESSAGE_SIZE_MAX];
	struct visitor *from = scene_attach(0, 0), *to = scene_attach(1, 2);
	struct peal_shmring_record record;
	struct {
		struct peal_client_group_from from;
		struct peal_client_part part;
	} head;
	uint32_t filled = 0;

	(void)state;
	for (uint32_t i = 0; i < sizeof(message); i++) {
		message[i] = (uint8_t)(i * 7U + i / 251U);
	}
	join(from, 0, "g");
	join(to, 0, "g");
	scene_run(2U * MS);
	scene_say(from, PEAL_CLIENT_GROUP_SEND, 0, message, sizeof(message));
	scene_run(20U * MS);
	while (filled < sizeof(message)) {
		assert_true(scene_find(to, PEAL_CLIENT_GROUP_HEARD_PART, &record));
		memcpy(&head, record.bytes, sizeof(head));
		assert_int_equal(head.from.mid, 1);
		assert_int_equal(head.part.offset, filled);
		assert_int_equal(head.part.message_size, sizeof(message));
		assert_memory_equal(
			record.bytes + sizeof(head), message + filled, record.size - sizeof(head));
		filled += record.size - (uint32_t)sizeof(head);
	}
	/* And what is said to all is still that. */
	scene_say(to, PEAL_CLIENT_HEAR, 0, NULL, 0);
	scene_run(MS);
	scene_say(from, PEAL_CLIENT_CAST, 0, message, sizeof(message));
	scene_run(20U * MS);
	assert_true(scene_find(to, PEAL_CLIENT_HEARD_PART, &record));
}

static void
test_clients_groups__who_may_not_join_is_told(void **state)
{
	struct peal_clientrights rights = {.acts = PEAL_CLIENT_MAY_GROUPS};
	struct visitor *visitor;

	(void)state;
	assert_true(peal_clientrights_add(&rights, "desk-*"));
	visitor = scene_attach_with(0, 1, &rights);
	join(visitor, 0, "lobby");
	join(visitor, 1, "desk-1");
	scene_run(2U * MS);
	await_end(visitor, 0, PEAL_CLIENT_GROUP_FORBIDDEN);
	await_view(visitor, 1, "2.1+");
	assert_int_equal(scene_counter(1, PEAL_COUNTER_CLIENT_GROUPS_FORBIDDEN), 1);
	assert_int_equal(scene_end_of(visitor), PEAL_CLIENT_END_NONE);
	/* Nobody else hears of a group that was refused. */
	say(visitor, 0, "nobody");
	say(visitor, 1, "to the desk");
	scene_run(2U * MS);
	await_message(visitor, 2, "to the desk");
	await_nothing(visitor);
}

/* Orders that there are not; and who may not use order groups has no group in total order. */
static void
test_clients_groups__an_order_that_cannot_be_is_refused(void **state)
{
	static const struct peal_client_group_join lies[] = {
		{.order = 2}, {.order = 2, .group = 9}, {.order = 0, .group = 9}};
	struct peal_clientrights rights = {.acts = PEAL_CLIENT_MAY_GROUPS};
	uint8_t bytes[sizeof(lies[0]) + 1U] = {1};
	struct visitor *visitor;

	(void)state;
	bytes[sizeof(lies[0])] = 'g';
	visitor = scene_attach_with(0, 1, &rights);
	scene_say(visitor, PEAL_CLIENT_GROUP_JOIN, 0, bytes, sizeof(bytes));
	scene_run(2U * MS);
	await_end(visitor, 0, PEAL_CLIENT_GROUP_FORBIDDEN);
	for (uint32_t i = 0; i < 3U; i++) {
		visitor = scene_attach(1U + i, i % 2U);
		memcpy(bytes, &lies[i], sizeof(lies[i]));
		scene_say(visitor, PEAL_CLIENT_GROUP_JOIN, 0, bytes, sizeof(bytes));
		scene_run(2U * MS);
		assert_int_equal(scene_end_of(visitor), PEAL_CLIENT_END_VIOLATION);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(
			test_clients_groups__an_order_that_cannot_be_is_refused, scene_begin,
			scene_finish),
		cmocka_unit_test_setup_teardown(
			test_clients_groups__members_of_all_nodes_see_the_same, scene_begin,
			scene_finish),
		cmocka_unit_test_setup_teardown(test_clients_groups__ends_of_clients_are_told_apart,
			scene_begin, scene_finish),
		cmocka_unit_test_setup_teardown(
			test_clients_groups__who_joins_and_dies_at_once_leaves_nothing, scene_begin,
			scene_finish),
		cmocka_unit_test_setup_teardown(
			test_clients_groups__a_node_takes_its_clients_with_it, scene_begin,
			scene_finish),
		cmocka_unit_test_setup_teardown(test_clients_groups__what_cannot_be_had_is_refused,
			scene_begin, scene_finish),
		cmocka_unit_test_setup_teardown(
			test_clients_groups__who_may_not_join_is_told, scene_begin, scene_finish),
		cmocka_unit_test_setup_teardown(
			test_clients_groups__large_messages_come_whole, scene_begin, scene_finish),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
