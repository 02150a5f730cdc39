/* SPDX-License-Identifier: BSD-3-Clause */
#include "tests/lib/clientscene.h"

#define NEAR_TAG PEAL_CLIENT_TAG(0, 1)

/* A visitor at node 0 with a channel to one that listens at node 1. */
static void
open_one(void)
{
	struct visitor *near = scene_attach(0, 0), *far = scene_attach(1, 1);

	scene_listen(far, 5);
	scene_run(100U * US);
	scene_open(near, NEAR_TAG, 2, 5);
	scene_run(100U * US);
}

static void
test_clients_down__large_messages_come_in_parts(void **state)
{
	static uint8_t bytes[5000], got[5000];
	struct peal_shmring_record record;
	uint32_t filled = 0;

	(void)state;
	open_one();
	for (uint32_t i = 0; i < sizeof(bytes); i++) {
		bytes[i] = (uint8_t)(i * 7U);
	}
	scene_say(&visitors[0], PEAL_CLIENT_SEND, NEAR_TAG, bytes, sizeof(bytes));
	scene_run(5U * MS);
	while (scene_find(&visitors[1], PEAL_CLIENT_DELIVER_PART, &record)) {
		struct peal_client_part part;
		uint32_t size = record.size - (uint32_t)sizeof(part);

		memcpy(&part, record.bytes, sizeof(part));
		assert_int_equal(part.message_size, sizeof(bytes));
		assert_int_equal(part.offset, filled);
		assert_in_range(size, 1, sizeof(got) - filled);
		memcpy(got + filled, record.bytes + sizeof(part), size);
		filled += size;
	}
	assert_int_equal(filled, sizeof(bytes));
	assert_memory_equal(got, bytes, sizeof(bytes));
}

static void
test_clients_down__a_broadcast_is_heard_by_all_who_listen(void **state)
{
	struct peal_shmring_record record;
	uint64_t origin;

	(void)state;
	(void)scene_attach(0, 0);
	(void)scene_attach(1, 1);
	(void)scene_attach(2, 2);
	(void)scene_attach(3, 2);
	for (uint32_t i = 0; i < 3; i++) {
		scene_say(&visitors[i], PEAL_CLIENT_HEAR, 0, NULL, 0);
	}
	scene_run(100U * US);
	scene_say(&visitors[0], PEAL_CLIENT_CAST, 0, "to all", 6);
	scene_say(&visitors[0], PEAL_CLIENT_CAST, 0, "", 0);
	scene_run(2U * MS);
	for (uint32_t i = 0; i < 3; i++) {
		assert_true(scene_find(&visitors[i], PEAL_CLIENT_HEARD, &record));
		memcpy(&origin, record.bytes, sizeof(origin));
		assert_int_equal(origin, 1);
		assert_int_equal(record.size, 14);
		assert_memory_equal(record.bytes + 8, "to all", 6);
		assert_true(scene_find(&visitors[i], PEAL_CLIENT_HEARD, &record));
		assert_int_equal(record.size, 8);
		assert_false(scene_find(&visitors[i], PEAL_CLIENT_HEARD, &record));
	}
	assert_false(scene_find(&visitors[3], PEAL_CLIENT_HEARD, &record));
	scene_say(&visitors[2], PEAL_CLIENT_UNHEAR, 0, NULL, 0);
	scene_run(100U * US);
	scene_say(&visitors[0], PEAL_CLIENT_CAST, 0, "more", 4);
	scene_run(2U * MS);
	assert_true(scene_find(&visitors[1], PEAL_CLIENT_HEARD, &record));
	assert_false(scene_find(&visitors[2], PEAL_CLIENT_HEARD, &record));
}

static void
test_clients_down__large_broadcasts_come_in_parts_without_the_prefix(void **state)
{
	static uint8_t bytes[20000], got[20000];
	struct peal_shmring_record record;
	uint32_t filled = 0;

	(void)state;
	(void)scene_attach(0, 0);
	(void)scene_attach(1, 1);
	scene_say(&visitors[1], PEAL_CLIENT_HEAR, 0, NULL, 0);
	scene_run(100U * US);
	for (uint32_t i = 0; i < sizeof(bytes); i++) {
		bytes[i] = (uint8_t)(i * 11U);
	}
	scene_say(&visitors[0], PEAL_CLIENT_CAST, 0, bytes, sizeof(bytes));
	scene_run(5U * MS);
	while (scene_find(&visitors[1], PEAL_CLIENT_HEARD_PART, &record)) {
		struct peal_client_part part;
		uint32_t size = record.size - 16U;

		memcpy(&part, record.bytes + 8, sizeof(part));
		assert_int_equal(part.message_size, sizeof(bytes));
		assert_int_equal(part.offset, filled);
		assert_in_range(size, 1, sizeof(got) - filled);
		memcpy(got + filled, record.bytes + 16, size);
		filled += size;
	}
	assert_int_equal(filled, sizeof(bytes));
	assert_memory_equal(got, bytes, sizeof(bytes));
}

/* Load goes on beside clients, and neither hears the other. */
static void
test_clients_down__load_is_handed_on(void **state)
{
	static struct peal_load_run run;
	const struct peal_record start = {.kind = PEAL_RECORD_LOAD, .load = &run};
	const struct peal_record send = {.kind = PEAL_RECORD_LOAD, .mid = 2, .load = &run};
	struct peal_shmring_record record;
	struct peal_record done;

	(void)state;
	(void)scene_attach(1, 1);
	scene_say(&visitors[1], PEAL_CLIENT_HEAR, 0, NULL, 0);
	scene_run(100U * US);
	for (uint32_t i = 0; i < 2; i++) {
		run = (struct peal_load_run){.kind = i == 0 ? PEAL_LOAD_CAST : PEAL_LOAD_SEND,
			.size = 5000,
			.count = 50,
			.interval_ns = 20000};
		peal_fakecores_push(cores, 0, i == 0 ? &start : &send);
		scene_run(50U * MS);
		assert_true(peal_fakecores_find(cores, 0, PEAL_RECORD_LOAD_DONE, &done));
		assert_int_equal(run.accepted_count, 50);
		assert_int_equal(run.doubtful_count, 0);
		assert_false(run.is_cut_short);
	}
	assert_false(scene_find(&visitors[1], PEAL_CLIENT_HEARD_PART, &record));
	run = (struct peal_load_run){.kind = PEAL_LOAD_TELL};
	peal_fakecores_push(cores, 1, &start);
	scene_run(MS);
	assert_int_equal(run.heard_count, 2);
	assert_int_equal(run.heard[0].messages_count + run.heard[1].messages_count, 100);
	assert_int_equal(run.heard[0].wrong_count + run.heard[1].wrong_count, 0);
}

static void
test_clients_down__evicts_who_takes_nothing_and_nobody_else(void **state)
{
	static uint8_t bytes[60000];
	struct peal_shmring_record record;
	uint32_t heard_count = 0;

	(void)state;
	(void)scene_attach(0, 0);
	(void)scene_attach(1, 1);
	(void)scene_attach(2, 1);
	scene_say(&visitors[1], PEAL_CLIENT_HEAR, 0, NULL, 0);
	scene_say(&visitors[2], PEAL_CLIENT_HEAR, 0, NULL, 0);
	scene_run(100U * US);
	for (uint32_t i = 0; i < 60; i++) {
		scene_say(&visitors[0], PEAL_CLIENT_CAST, 0, bytes, sizeof(bytes));
		scene_run(5U * MS);
		while (scene_find(&visitors[2], PEAL_CLIENT_HEARD_PART, &record)) {
			heard_count++;
		}
	}
	assert_int_equal(scene_end_of(&visitors[1]), PEAL_CLIENT_END_SLOW);
	assert_true(peal_clients_is_over(visitors[1].clients, visitors[1].place));
	assert_int_equal(scene_counter(1, PEAL_COUNTER_CLIENTS_EVICTED), 1);
	assert_int_equal(scene_end_of(&visitors[2]), PEAL_CLIENT_END_NONE);
	assert_in_range(heard_count, 60 * 50, 60 * 60);
}

/* Its peer is held back, so a slow reader of channels is never evicted, and loses nothing. */
static void
test_clients_down__who_reads_late_holds_its_peer_back(void **state)
{
	uint8_t bytes[1000] = {0};
	struct peal_shmring_record record;
	uint32_t sent_count = 0, got_count = 0;
	uint64_t sent = 0;

	(void)state;
	open_one();
	for (uint32_t i = 0; i < 20000; i++) {
		uint64_t released = atomic_load(&visitors[0].down->released[0]);

		if (sent + peal_shmring_span(sizeof(bytes)) - released <= PEAL_CLIENT_QUEUE_SIZE) {
			memcpy(bytes, &sent_count, sizeof(sent_count));
			scene_say(&visitors[0], PEAL_CLIENT_SEND, NEAR_TAG, bytes, sizeof(bytes));
			sent += peal_shmring_span(sizeof(bytes));
			sent_count++;
		}
		scene_run(10U * US);
	}
	/* What the ring holds until nothing is granted, what was granted, and the queue. */
	assert_in_range(sent_count, 500, 1200);
	assert_int_equal(scene_end_of(&visitors[1]), PEAL_CLIENT_END_NONE);
	for (uint32_t i = 0; i < 1000; i++) {
		while (scene_find(&visitors[1], PEAL_CLIENT_DELIVER, &record)) {
			assert_memory_equal(record.bytes, &got_count, sizeof(got_count));
			got_count++;
		}
		scene_run(100U * US);
	}
	assert_int_equal(got_count, sent_count);
}

/* Sends as much as credit lets, for a while, and reads nothing. Returns messages sent. */
static uint32_t
fill(uint64_t *sent)
{
	static const uint8_t bytes[1000];
	uint32_t count = 0;

	for (uint32_t i = 0; i < 5000; i++) {
		uint64_t released = atomic_load(&visitors[0].down->released[0]);

		if (*sent + peal_shmring_span(sizeof(bytes)) - released <= PEAL_CLIENT_QUEUE_SIZE) {
			scene_say(&visitors[0], PEAL_CLIENT_SEND, NEAR_TAG, bytes, sizeof(bytes));
			*sent += peal_shmring_span(sizeof(bytes));
			count++;
		}
		scene_run(10U * US);
	}
	return count;
}

static void
test_clients_down__a_new_channel_takes_nothing_from_those_that_wait(void **state)
{
	struct peal_shmring_record record;
	uint64_t sent = 0;
	uint32_t sent_count, got_count = 0;

	(void)state;
	open_one();
	sent_count = fill(&sent);
	/* It is told from where on room is worth a ring. */
	assert_true(peal_shmring_has_more(&visitors[1].reader));
	assert_int_equal(atomic_load(&visitors[1].down->is_waiting),
		(uint32_t)(visitors[1].reader.tail - PEAL_CLIENT_DOWN_SIZE / 4U) |
			PEAL_REGION_WAITING_PLACE);
	/* Its first frame comes in the turn in which there is room again. */
	scene_open(&visitors[0], PEAL_CLIENT_TAG(1, 1), 2, 6);
	scene_listen(&visitors[1], 6);
	scene_run(50U * US);
	scene_say(&visitors[0], PEAL_CLIENT_SEND, PEAL_CLIENT_TAG(1, 1), "x", 1);
	(void)peal_fakecores_turn(cores, 0);
	while (scene_find(&visitors[1], PEAL_CLIENT_DELIVER, &record)) {
		got_count++;
	}
	(void)peal_fakecores_turn(cores, 1);
	assert_int_equal(atomic_load(&visitors[1].down->is_waiting), 0);
	for (uint32_t i = 0; i < 1000; i++) {
		while (scene_find(&visitors[1], PEAL_CLIENT_DELIVER, &record)) {
			got_count++;
		}
		scene_run(100U * US);
	}
	assert_int_equal(got_count, sent_count + 1U);
}

/* The smallest messages take most of the ring; what is granted still fits. */
static void
test_clients_down__what_is_granted_fits_in_the_smallest_messages_too(void **state)
{
	uint64_t sent = 0, sent_count = 0;

	(void)state;
	open_one();
	for (uint32_t i = 0; i < 40000; i++) {
		for (uint32_t j = 0; j < 32; j++) {
			uint64_t released = atomic_load(&visitors[0].down->released[0]);
			uint8_t *room;

			if (sent + peal_shmring_span(1) - released > PEAL_CLIENT_QUEUE_SIZE) {
				break;
			}
			room = peal_shmring_claim(&visitors[0].writer, 1);
			if (room == NULL) {
				break;
			}
			*room = 1;
			peal_shmring_commit(&visitors[0].writer, PEAL_CLIENT_SEND, NEAR_TAG, 1);
			sent += peal_shmring_span(1);
			sent_count++;
		}
		(void)peal_shmring_publish(&visitors[0].writer);
		scene_run(10U * US);
	}
	assert_true(sent_count > 40000);
	assert_int_equal(scene_end_of(&visitors[1]), PEAL_CLIENT_END_NONE);
	assert_int_equal(scene_end_of(&visitors[0]), PEAL_CLIENT_END_NONE);
}

/* The rest of a message whose beginning it did not hear would be nothing to its library. */
static void
test_clients_down__who_begins_to_hear_in_the_middle_waits_for_the_next(void **state)
{
	static uint8_t message[60000];
	struct visitor *from = scene_attach(0, 0), *to = scene_attach(1, 1);
	struct visitor *early = scene_attach(2, 1);
	struct peal_shmring_record record;
	struct peal_client_part part;
	uint32_t turns_count = 0, heard_size = 0;

	(void)state;
	scene_say(early, PEAL_CLIENT_HEAR, 0, NULL, 0);
	scene_run(MS);
	scene_say(from, PEAL_CLIENT_CAST, 0, message, sizeof(message));
	while (!scene_find(early, PEAL_CLIENT_HEARD_PART, &record)) {
		scene_run(10U * US);
		assert_true(turns_count++ < 1000);
	}
	scene_say(to, PEAL_CLIENT_HEAR, 0, NULL, 0);
	scene_run(20U * MS);
	/* The other one heard the end of it after this one began. */
	memset(&part, 0, sizeof(part));
	while (scene_find(early, PEAL_CLIENT_HEARD_PART, &record)) {
		memcpy(&part, record.bytes + 8, sizeof(part));
	}
	assert_true(part.offset > 0);
	assert_false(scene_find(to, PEAL_CLIENT_HEARD_PART, &record));
	scene_say(from, PEAL_CLIENT_CAST, 0, message, sizeof(message));
	scene_run(20U * MS);
	while (scene_find(to, PEAL_CLIENT_HEARD_PART, &record)) {
		memcpy(&part, record.bytes + 8, sizeof(part));
		assert_int_equal(part.offset, heard_size);
		heard_size += record.size - 8U - (uint32_t)sizeof(part);
	}
	assert_int_equal(heard_size, sizeof(message));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(
			test_clients_down__large_messages_come_in_parts, scene_begin, scene_finish),
		cmocka_unit_test_setup_teardown(
			test_clients_down__a_broadcast_is_heard_by_all_who_listen, scene_begin,
			scene_finish),
		cmocka_unit_test_setup_teardown(
			test_clients_down__who_begins_to_hear_in_the_middle_waits_for_the_next,
			scene_begin, scene_finish),
		cmocka_unit_test_setup_teardown(
			test_clients_down__large_broadcasts_come_in_parts_without_the_prefix,
			scene_begin, scene_finish),
		cmocka_unit_test_setup_teardown(
			test_clients_down__load_is_handed_on, scene_begin, scene_finish),
		cmocka_unit_test_setup_teardown(
			test_clients_down__evicts_who_takes_nothing_and_nobody_else, scene_begin,
			scene_finish),
		cmocka_unit_test_setup_teardown(
			test_clients_down__who_reads_late_holds_its_peer_back, scene_begin,
			scene_finish),
		cmocka_unit_test_setup_teardown(
			test_clients_down__a_new_channel_takes_nothing_from_those_that_wait,
			scene_begin, scene_finish),
		cmocka_unit_test_setup_teardown(
			test_clients_down__what_is_granted_fits_in_the_smallest_messages_too,
			scene_begin, scene_finish),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
