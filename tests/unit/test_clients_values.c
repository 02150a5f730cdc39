/* SPDX-License-Identifier: BSD-3-Clause */
#include "tests/lib/clientscene.h"

static void
set(struct visitor *visitor, uint16_t number, const char *text)
{
	uint8_t bytes[64] = {0};
	const struct peal_client_number request = {.number = number};

	memcpy(bytes, &request, sizeof(request));
	for (size_t i = 0; text[i] != '\0'; i++) {
		bytes[sizeof(request) + i] = (uint8_t)text[i];
	}
	scene_say(visitor, PEAL_CLIENT_SET, 0, bytes, (uint32_t)(sizeof(request) + strlen(text)));
}

/* The next value that the visitor gets is this one. */
static void
await_value(struct visitor *visitor, uint64_t mid, uint16_t number, const char *text)
{
	struct peal_shmring_record record;
	struct peal_client_value value;

	assert_true(scene_find(visitor, PEAL_CLIENT_VALUE, &record));
	memcpy(&value, record.bytes, sizeof(value));
	assert_int_equal(value.mid, mid);
	assert_int_equal(value.number, number);
	assert_int_equal(record.size, sizeof(value) + strlen(text));
	assert_memory_equal(record.bytes + sizeof(value), text, strlen(text));
}

static void
await_none(struct visitor *visitor)
{
	struct peal_shmring_record record;

	assert_false(scene_find(visitor, PEAL_CLIENT_VALUE, &record));
}

static void
test_clients_values__who_hears_gets_them_and_who_comes_later_too(void **state)
{
	struct visitor *near = scene_attach(0, 0), *far = scene_attach(1, 1), *late, *deaf;

	(void)state;
	scene_say(far, PEAL_CLIENT_HEAR, 0, NULL, 0);
	deaf = scene_attach(2, 1);
	set(near, 3, "first");
	scene_run(2U * MS);
	await_value(far, 1, 3, "first");
	await_none(far);
	set(near, 3, "second");
	set(near, 15, "other");
	scene_run(2U * MS);
	await_value(far, 1, 3, "second");
	await_value(far, 1, 15, "other");
	await_none(far);
	late = scene_attach(3, 1);
	await_none(late);
	scene_say(late, PEAL_CLIENT_HEAR, 0, NULL, 0);
	scene_run(MS);
	await_value(late, 1, 3, "second");
	await_value(late, 1, 15, "other");
	/* To hear twice is to hear once. */
	scene_say(late, PEAL_CLIENT_HEAR, 0, NULL, 0);
	scene_run(MS);
	await_none(late);
	await_none(deaf);
	assert_int_equal(
		atomic_load(&near->clients->room->clients[near->place].tally.sent_count), 3);
}

static void
test_clients_values__a_slow_reader_gets_the_last_and_is_not_evicted(void **state)
{
	static uint8_t large[sizeof(struct peal_client_number) + PEAL_CLIENT_VALUE_SIZE_MAX];
	const struct peal_client_number request = {.number = 2};
	struct visitor *near = scene_attach(0, 0), *far = scene_attach(1, 1);
	struct peal_shmring_record record;
	uint32_t got_count = 0;

	(void)state;
	memcpy(large, &request, sizeof(request));
	scene_say(far, PEAL_CLIENT_HEAR, 0, NULL, 0);
	scene_run(100U * US);
	for (uint32_t i = 0; i < 3000U; i++) {
		memcpy(large + sizeof(request), &i, sizeof(i));
		scene_say(near, PEAL_CLIENT_SET, 0, large, sizeof(large));
		scene_run(100U * US);
	}
	assert_int_equal(scene_end_of(far), PEAL_CLIENT_END_NONE);
	assert_int_equal(scene_end_of(near), PEAL_CLIENT_END_NONE);
	while (scene_find(far, PEAL_CLIENT_VALUE, &record)) {
		got_count++;
	}
	assert_in_range(got_count, 900, 1100);
	/* It made room: now comes the last, and nothing more is due. */
	scene_run(2U * MS);
	assert_true(scene_find(far, PEAL_CLIENT_VALUE, &record));
	uint32_t last;

	memcpy(&last, record.bytes + sizeof(struct peal_client_value), sizeof(last));
	assert_int_equal(last, 2999);
	await_none(far);
	assert_int_not_equal(peal_clients_deadline_at_ns(far->clients), 0);
}

static void
test_clients_values__those_of_a_member_that_is_gone_are_forgotten(void **state)
{
	struct visitor *near = scene_attach(0, 2), *far = scene_attach(1, 1), *late;

	(void)state;
	set(near, 1, "mine");
	scene_run(2U * MS);
	for (uint32_t node = 0; node < 2U; node++) {
		scene_view(node, PEAL_FAKECORE_EPOCH + 1U, 3);
	}
	cores->nodes[2]->is_running = false;
	scene_run(20U * MS);
	set(far, 1, "ours");
	scene_run(2U * MS);
	late = scene_attach(2, 0);
	scene_say(late, PEAL_CLIENT_HEAR, 0, NULL, 0);
	scene_run(MS);
	await_value(late, 2, 1, "ours");
	await_none(late);
	assert_int_not_equal(peal_clients_deadline_at_ns(late->clients), 0);
}

/* Nobody waits for what nobody hears any more. */
static void
test_clients_values__who_hears_no_more_is_owed_nothing(void **state)
{
	struct visitor *near = scene_attach(0, 0), *far = scene_attach(1, 1);

	(void)state;
	set(near, 1, "mine");
	scene_run(2U * MS);
	scene_say(far, PEAL_CLIENT_HEAR, 0, NULL, 0);
	scene_say(far, PEAL_CLIENT_UNHEAR, 0, NULL, 0);
	scene_run(MS);
	await_none(far);
	assert_int_not_equal(peal_clients_deadline_at_ns(far->clients), 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(
			test_clients_values__who_hears_gets_them_and_who_comes_later_too,
			scene_begin, scene_finish),
		cmocka_unit_test_setup_teardown(
			test_clients_values__a_slow_reader_gets_the_last_and_is_not_evicted,
			scene_begin, scene_finish),
		cmocka_unit_test_setup_teardown(
			test_clients_values__those_of_a_member_that_is_gone_are_forgotten,
			scene_begin, scene_finish),
		cmocka_unit_test_setup_teardown(
			test_clients_values__who_hears_no_more_is_owed_nothing, scene_begin,
			scene_finish),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
