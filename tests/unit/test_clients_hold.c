/* SPDX-License-Identifier: BSD-3-Clause */
#include "tests/lib/clientscene.h"

static uint8_t loud[60000];

/* Says it if there is room in its ring. True: there was. */
static bool
try_cast(struct visitor *visitor, const void *bytes, uint32_t size)
{
	uint8_t *room = peal_shmring_claim(&visitor->writer, size);

	if (room == NULL) {
		return false;
	}
	memcpy(room, bytes, size);
	peal_shmring_commit(&visitor->writer, PEAL_CLIENT_CAST, 0, size);
	(void)peal_shmring_publish(&visitor->writer);
	return true;
}

/* Reads up to so many records of broadcasts. Returns the messages that ended in them. */
static uint32_t
read_some(struct visitor *visitor, uint32_t records_max)
{
	struct peal_shmring_record record;
	uint32_t ends_count = 0;

	for (uint32_t i = 0;
		i < records_max && scene_find(visitor, PEAL_CLIENT_HEARD_PART, &record); i++) {
		struct peal_client_part part;

		memcpy(&part, record.bytes + 8, sizeof(part));
		ends_count += part.offset + (record.size - 16U) == part.message_size;
	}
	return ends_count;
}

static void
begin_to_hear(struct visitor *visitor, bool is_holding)
{
	scene_say(visitor, PEAL_CLIENT_HEAR, 0, NULL, 0);
	if (is_holding) {
		scene_say(visitor, PEAL_CLIENT_HOLD, 0, NULL, 0);
	}
	scene_run(100U * US);
}

static void
test_clients_hold__who_reads_slowly_is_waited_for(void **state)
{
	struct visitor *sender = scene_attach(0, 0), *slow = scene_attach(1, 1);
	uint32_t said_count = 0, heard_count = 0, refused_count = 0;

	(void)state;
	begin_to_hear(slow, true);
	/* A few MB, of which it reads 20 KB in each millisecond. */
	for (uint32_t i = 0; i < 400 && heard_count < 100; i++) {
		while (said_count < 100 && try_cast(sender, loud, sizeof(loud))) {
			said_count++;
		}
		refused_count += said_count < 100;
		scene_run(MS);
		heard_count += read_some(slow, 17);
		assert_int_equal(scene_end_of(slow), PEAL_CLIENT_END_NONE);
	}
	assert_true(refused_count > 50);
	while (heard_count < 100) {
		while (said_count < 100 && try_cast(sender, loud, sizeof(loud))) {
			said_count++;
		}
		scene_run(MS);
		heard_count += read_some(slow, UINT32_MAX);
		assert_true(cores->now_ns < UINT64_C(10000) * MS);
	}
	assert_int_equal(said_count, 100);
	assert_int_equal(scene_end_of(slow), PEAL_CLIENT_END_NONE);
	assert_true(scene_counter(1, PEAL_COUNTER_CLIENT_HOLDS) > 0);
	scene_run(5U * MS);
	assert_true(peal_cast_is_idle(&traffic[0]->cast));
	assert_true(peal_cast_is_idle(&traffic[1]->cast));
}

/* Casts for so long, whether or not anybody reads. Returns the messages that were said. */
static uint32_t
cast_for(struct visitor *sender, uint32_t span_ms)
{
	uint32_t said_count = 0;

	for (uint32_t i = 0; i < 10U * span_ms; i++) {
		said_count += try_cast(sender, loud, sizeof(loud));
		scene_run(100U * US);
	}
	return said_count;
}

static void
test_clients_hold__who_reads_nothing_is_evicted_and_the_others_go_on(void **state)
{
	struct visitor *sender = scene_attach(0, 0), *deaf = scene_attach(1, 1);
	uint32_t before_count;

	(void)state;
	begin_to_hear(deaf, true);
	(void)cast_for(sender, 4);
	assert_int_equal(scene_end_of(deaf), PEAL_CLIENT_END_NONE);
	assert_true(traffic[1]->cast.is_held);
	(void)cast_for(sender, 10);
	assert_int_equal(scene_end_of(deaf), PEAL_CLIENT_END_SLOW);
	assert_false(traffic[1]->cast.is_held);
	before_count = cast_for(sender, 10);
	assert_true(before_count > 50);
	assert_int_equal(scene_end_of(sender), PEAL_CLIENT_END_NONE);
}

/* The default: nobody is waited for. */
static void
test_clients_hold__who_did_not_ask_for_it_is_evicted(void **state)
{
	struct visitor *sender = scene_attach(0, 0), *deaf = scene_attach(1, 1);

	(void)state;
	begin_to_hear(deaf, false);
	(void)cast_for(sender, 10);
	assert_int_equal(scene_end_of(deaf), PEAL_CLIENT_END_SLOW);
	assert_int_equal(scene_counter(1, PEAL_COUNTER_CLIENT_HOLDS), 0);
}

static void
test_clients_hold__a_view_waits_no_longer_than_a_probe_interval(void **state)
{
	struct visitor *sender = scene_attach(0, 0), *deaf = scene_attach(1, 1);
	struct peal_shmring_record record;

	(void)state;
	deaf->clients->outside.hold_ns = 1000U * MS;
	begin_to_hear(deaf, true);
	(void)cast_for(sender, 10);
	assert_true(traffic[1]->cast.is_held);
	assert_int_equal(scene_end_of(deaf), PEAL_CLIENT_END_NONE);
	while (scene_find(sender, PEAL_CLIENT_VIEW, &record)) {
	}
	scene_view(0, PEAL_FAKECORE_EPOCH + 1U, 3);
	scene_view(1, PEAL_FAKECORE_EPOCH + 1U, 3);
	scene_run(5U * MS);
	assert_int_equal(scene_end_of(deaf), PEAL_CLIENT_END_SLOW);
	assert_true(scene_find(sender, PEAL_CLIENT_VIEW, &record));
}

static void
test_clients_hold__where_nobody_may_it_is_a_violation(void **state)
{
	struct visitor *visitor = scene_attach(0, 0);

	(void)state;
	visitor->clients->outside.hold_ns = 0;
	scene_say(visitor, PEAL_CLIENT_HOLD, 0, NULL, 0);
	(void)peal_fakecores_turn(cores, 0);
	assert_int_equal(scene_end_of(visitor), PEAL_CLIENT_END_VIOLATION);
}

/* Whatever the sizes of their messages, and whoever has the lower place. */
static void
test_clients_hold__who_casts_more_than_leaves_takes_turns(void **state)
{
	static const uint32_t sizes[3] = {60000, 2000, 20000};
	struct visitor *casting[3];
	uint64_t sum = 0;

	(void)state;
	for (uint32_t i = 0; i < 3; i++) {
		casting[i] = scene_attach(i, 0);
	}
	for (uint32_t i = 0; i < 4000; i++) {
		for (uint32_t j = 0; j < 3; j++) {
			while (try_cast(casting[j], loud, sizes[j])) {
			}
		}
		cores->now_ns += 1000;
		for (uint32_t node = 0; node < SCENE_NODES; node++) {
			(void)peal_fakecores_turn(cores, node);
		}
	}
	for (uint32_t i = 0; i < 3; i++) {
		sum += atomic_load(
			&casting[i]->clients->room->clients[casting[i]->place].tally.sent_size);
	}
	assert_true(sum > UINT64_C(20) * 65536U);
	for (uint32_t i = 0; i < 3; i++) {
		uint64_t size = atomic_load(
			&casting[i]->clients->room->clients[casting[i]->place].tally.sent_size);

		assert_int_equal(scene_end_of(casting[i]), PEAL_CLIENT_END_NONE);
		assert_in_range(size, sum / 30U * 9U, sum / 30U * 11U);
	}
}

/* One that waits and then says something else must not keep the others out. */
static void
test_clients_hold__who_changes_its_mind_is_not_waited_for(void **state)
{
	struct visitor *liar = scene_attach(0, 0), *calm = scene_attach(1, 0);
	struct peal_client *at_core = &calm->clients->room->clients[calm->place];

	(void)state;
	for (uint32_t i = 0; i < 200; i++) {
		(void)try_cast(liar, loud, sizeof(loud));
		(void)peal_fakecores_turn(cores, 0);
	}
	assert_true(liar->clients->casts.waiting != 0);
	/* Its next record becomes one that is for nobody. */
	uint64_t header = 8U | (uint64_t)PEAL_CLIENT_HEAR << 32;
	uint64_t head = atomic_load(&liar->down->up_head);

	memcpy((uint8_t *)liar->up + PEAL_REGION_RING_OFFSET + (head & (PEAL_CLIENT_UP_SIZE - 1U)),
		&header, sizeof(header));
	assert_true(try_cast(calm, "calm", 4));
	scene_run(20U * MS);
	assert_int_equal(scene_end_of(liar), PEAL_CLIENT_END_VIOLATION);
	assert_int_equal(atomic_load(&at_core->tally.sent_count), 1);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_clients_hold__who_reads_slowly_is_waited_for,
			scene_begin, scene_finish),
		cmocka_unit_test_setup_teardown(
			test_clients_hold__who_reads_nothing_is_evicted_and_the_others_go_on,
			scene_begin, scene_finish),
		cmocka_unit_test_setup_teardown(
			test_clients_hold__who_did_not_ask_for_it_is_evicted, scene_begin,
			scene_finish),
		cmocka_unit_test_setup_teardown(
			test_clients_hold__a_view_waits_no_longer_than_a_probe_interval,
			scene_begin, scene_finish),
		cmocka_unit_test_setup_teardown(
			test_clients_hold__where_nobody_may_it_is_a_violation, scene_begin,
			scene_finish),
		cmocka_unit_test_setup_teardown(
			test_clients_hold__who_casts_more_than_leaves_takes_turns, scene_begin,
			scene_finish),
		cmocka_unit_test_setup_teardown(
			test_clients_hold__who_changes_its_mind_is_not_waited_for, scene_begin,
			scene_finish),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
