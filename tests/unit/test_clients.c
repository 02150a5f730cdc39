/* SPDX-License-Identifier: BSD-3-Clause */
#include "dataplane/clients.h"

#include "tests/lib/clientscene.h"
#include "tests/lib/dies.h"

static void
test_clients__frees_a_place_when_its_client_hangs_up(void **state)
{
	struct visitor *visitor = scene_attach(0, 0);

	(void)state;
	assert_int_equal(scene_counter(0, PEAL_COUNTER_CLIENTS_ATTACHED), 1);
	assert_false(peal_clients_is_over(visitor->clients, visitor->place));
	peal_clients_hang_up(visitor->clients, visitor->place, PEAL_CLIENT_END_ASKED);
	(void)peal_fakecores_turn(cores, 0);
	assert_true(peal_clients_is_over(visitor->clients, visitor->place));
	assert_int_equal(scene_end_of(visitor), PEAL_CLIENT_END_ASKED);
	assert_int_equal(told_count, 1);
	peal_clients_free(visitor->clients, visitor->place);
	assert_int_equal(scene_attach(1, 0)->place, visitor->place);
	assert_int_equal(scene_end_of(&visitors[1]), PEAL_CLIENT_END_NONE);
}

static void
free_early(void *argument)
{
	const struct visitor *visitor = argument;

	peal_clients_free(visitor->clients, visitor->place);
}

static void
test_clients__gives_no_place_back_before_the_core_has_done_with_it(void **state)
{
	(void)state;
	assert_true(peal_test_dies(free_early, scene_attach(0, 0)));
}

static void
test_clients__refuses_one_too_many(void **state)
{
	struct visitor *visitor = scene_attach(0, 0);

	(void)state;
	for (uint32_t i = 1; i < PEAL_CLIENTS_MAX; i++) {
		assert_int_equal(peal_clients_attach(visitor->clients, visitor->up, visitor->down,
					 &peal_clientrights_all, 0, false),
			i);
	}
	assert_int_equal(peal_clients_attach(visitor->clients, visitor->up, visitor->down,
				 &peal_clientrights_all, 0, false),
		PEAL_CLIENTS_NONE);
}

/* Opens `count` channels from a visitor at node 0 to one that listens at node 1. */
static void
open_many(uint16_t count)
{
	scene_listen(&visitors[1], 1);
	for (uint16_t number = 2; number <= PEAL_CLIENT_LISTENS_MAX; number++) {
		scene_listen(&visitors[1], number);
	}
	scene_run(100U * US);
	for (uint16_t i = 0; i < count; i++) {
		scene_open(&visitors[0], PEAL_CLIENT_TAG(i, 1), 2, (uint16_t)(1U + i));
		scene_say(&visitors[0], PEAL_CLIENT_SEND, PEAL_CLIENT_TAG(i, 1), "x", 1);
	}
	scene_run(5U * MS);
	assert_int_equal(scene_channels_count(0), count);
	assert_int_equal(scene_channels_count(1), count);
}

static void
test_clients__who_died_leaves_nothing_within_bounded_turns(void **state)
{
	uint32_t turns_count = 0;

	(void)state;
	(void)scene_attach(0, 0);
	(void)scene_attach(1, 1);
	open_many(16);
	/* As the kernel does it, and half a record that was never shown. */
	assert_non_null(peal_shmring_claim(&visitors[0].writer, 100));
	atomic_store(&visitors[0].up->death.word, PEAL_REGION_OWNER_DIED);
	while (!peal_clients_is_over(visitors[0].clients, visitors[0].place)) {
		cores->now_ns += 1000;
		(void)peal_fakecores_turn(cores, 0);
		turns_count++;
	}
	assert_int_equal(scene_end_of(&visitors[0]), PEAL_CLIENT_END_DIED);
	assert_in_range(turns_count, 16U / PEAL_CLIENT_ENDS_BURST_MAX,
		16U / PEAL_CLIENT_ENDS_BURST_MAX + 1U);
	assert_int_equal(scene_channels_count(0), 0);
	/* The other end hears of each. */
	scene_run(5U * MS);
	assert_int_equal(scene_channels_count(1), 0);
	for (uint32_t i = 0; i < 16; i++) {
		struct peal_shmring_record record;
		struct peal_client_ended ended;

		assert_true(scene_find(&visitors[1], PEAL_CLIENT_ENDED, &record));
		memcpy(&ended, record.bytes, sizeof(ended));
		assert_int_equal(ended.reason, PEAL_CLIENT_REASON_CLOSED);
	}
}

static void
test_clients__asks_for_turns_until_all_is_ended(void **state)
{
	(void)state;
	assert_true(peal_clients_deadline_at_ns(&traffic[0]->clients) == UINT64_MAX);
	(void)scene_attach(0, 0);
	(void)scene_attach(1, 1);
	open_many(16);
	assert_in_range(peal_clients_deadline_at_ns(&traffic[0]->clients), cores->now_ns,
		cores->now_ns + MS);
	atomic_store(&visitors[0].up->death.word, 0);
	(void)peal_fakecores_turn(cores, 0);
	assert_int_equal(peal_clients_deadline_at_ns(&traffic[0]->clients), 0);
	assert_int_equal(peal_core_deadline_at_ns(&cores->nodes[0]->core), 0);
}

static void
test_clients__rings_once_for_each_sleep_and_never_for_who_is_awake(void **state)
{
	struct visitor *visitor = scene_attach(0, 0);

	(void)state;
	scene_say(visitor, PEAL_CLIENT_HEAR, 0, NULL, 0);
	for (uint32_t i = 0; i < 10; i++) {
		scene_say(visitor, PEAL_CLIENT_CAST, 0, "x", 1);
		scene_run(100U * US);
	}
	assert_int_equal(visitor->rings_count, 0);
	for (uint32_t i = 1; i <= 3; i++) {
		struct peal_shmring_record record;

		while (peal_shmring_borrow(&visitor->reader, &record)) {
			(void)peal_shmring_release(&visitor->reader);
		}
		peal_shmbell_declare_asleep(&visitor->sleeper);
		assert_false(peal_shmring_has_more(&visitor->reader));
		scene_run(100U * US);
		assert_int_equal(visitor->rings_count, i - 1U);
		for (uint32_t j = 0; j < 3; j++) {
			scene_say(visitor, PEAL_CLIENT_CAST, 0, "x", 1);
			scene_run(100U * US);
		}
		assert_int_equal(visitor->rings_count, i);
		assert_false(peal_clients_has_woken(visitor->clients));
		peal_shmbell_declare_awake(&visitor->sleeper);
		assert_true(peal_clients_has_woken(visitor->clients));
	}
}

/* A sleeper without credit is rung when what it needs is released, and not for the steps before. */
static void
test_clients__rings_for_the_credit_that_is_wanted(void **state)
{
	static uint8_t bytes[1000];
	struct visitor *near = scene_attach(0, 0), *far = scene_attach(1, 1);
	uint16_t tag = PEAL_CLIENT_TAG(3, 8);
	uint64_t span = peal_shmring_span(sizeof(bytes));
	struct peal_shmring_record record;

	(void)state;
	scene_listen(far, 5);
	scene_run(100U * US);
	scene_open(near, tag, 2, 5);
	scene_run(MS);
	while (scene_find(near, PEAL_CLIENT_VIEW, &record)) {
	}
	near->rings_count = 0;
	for (uint32_t i = 0; i < 40; i++) {
		scene_say(near, PEAL_CLIENT_SEND, tag, bytes, sizeof(bytes));
	}
	atomic_store(&near->up->wanted_released, 30U * span);
	atomic_store(&near->up->wanted_place, 3);
	peal_shmbell_declare_asleep(&near->sleeper);
	while (atomic_load(&near->down->released[3]) < 30U * span) {
		assert_int_equal(near->rings_count, 0);
		scene_run(10U * US);
	}
	scene_run(MS);
	assert_int_equal(near->rings_count, 1);
	peal_shmbell_declare_awake(&near->sleeper);
	/* Who waits for nothing is not rung at all; who waits for several, for the first step. */
	atomic_store(&near->up->wanted_released, 0);
	peal_shmbell_declare_asleep(&near->sleeper);
	scene_say(near, PEAL_CLIENT_SEND, tag, bytes, sizeof(bytes));
	scene_run(MS);
	assert_int_equal(near->rings_count, 1);
	peal_shmbell_declare_awake(&near->sleeper);
	atomic_store(&near->up->wanted_released, 1);
	atomic_store(&near->up->wanted_place, PEAL_CLIENT_PLACE_ANY);
	peal_shmbell_declare_asleep(&near->sleeper);
	scene_say(near, PEAL_CLIENT_SEND, tag, bytes, sizeof(bytes));
	scene_run(MS);
	assert_int_equal(near->rings_count, 2);
	peal_shmbell_declare_awake(&near->sleeper);
	/* Room in its own ring. */
	atomic_store(&near->up->wanted_released, 0);
	atomic_store(&near->up->wanted_head, near->writer.tail + 2U * span);
	peal_shmbell_declare_asleep(&near->sleeper);
	scene_say(near, PEAL_CLIENT_SEND, tag, bytes, sizeof(bytes));
	scene_run(MS);
	assert_int_equal(near->rings_count, 2);
	scene_say(near, PEAL_CLIENT_SEND, tag, bytes, sizeof(bytes));
	scene_run(MS);
	assert_int_equal(near->rings_count, 3);
}

/* Nobody has proved for long that it hears this node. */
static void
test_clients__lease_lapses_before_others_can_remove_the_node(void **state)
{
	uint64_t epoch = 0, heard_at_ns = cores->now_ns;

	(void)state;
	(void)scene_attach(0, 0);
	for (uint32_t slot = 0; slot < PEAL_SLOTS_MAX; slot++) {
		atomic_store(&cores->nodes[0]->plane.echoed_at_ns[slot], heard_at_ns);
	}
	scene_run(3U * MS);
	assert_int_equal(peal_region_read_lease(pages[0], &epoch), heard_at_ns + MS * 17U / 10U);
	assert_int_equal(epoch, PEAL_FAKECORE_EPOCH);
	/* Nor does control take a step: the others will find it stuck. */
	for (uint32_t slot = 0; slot < PEAL_SLOTS_MAX; slot++) {
		atomic_store(
			&cores->nodes[0]->plane.echoed_at_ns[slot], cores->now_ns + 5000U * MS);
	}
	atomic_store(&cores->nodes[0]->plane.control_alive_at_ns, heard_at_ns - 999U * MS);
	scene_run(MS);
	assert_int_equal(peal_region_read_lease(pages[0], &epoch), heard_at_ns + MS);
}

static void
test_clients__lease_ends_with_the_quorum(void **state)
{
	struct visitor *visitor = scene_attach(0, 0);
	struct peal_shmring_record record;
	struct peal_client_news news;
	uint64_t epoch = 0;

	(void)state;
	/* Probes are slower here than leases, so proofs are made by hand. */
	for (uint32_t slot = 0; slot < PEAL_SLOTS_MAX; slot++) {
		atomic_store(&cores->nodes[0]->plane.echoed_at_ns[slot], cores->now_ns + 20U * MS);
	}
	scene_run(3U * MS);
	assert_in_range(peal_region_read_lease(pages[0], &epoch), cores->now_ns + MS / 2U,
		cores->now_ns + MS);
	assert_int_equal(epoch, PEAL_FAKECORE_EPOCH);
	scene_set_standing(0, 0);
	(void)peal_fakecores_turn(cores, 0);
	assert_int_equal(peal_region_read_lease(pages[0], &epoch), 0);
	assert_int_equal(epoch, PEAL_FAKECORE_EPOCH);
	assert_true(scene_find(visitor, PEAL_CLIENT_NEWS, &record));
	memcpy(&news, record.bytes, sizeof(news));
	assert_int_equal(news.kind, PEAL_CLIENT_NO_QUORUM);
	/* Who comes now is told at once. */
	assert_true(scene_find(scene_attach(1, 0), PEAL_CLIENT_NEWS, &record));
	scene_set_standing(0, PEAL_FAKECORE_EPOCH);
	(void)peal_fakecores_turn(cores, 0);
	assert_true(peal_region_read_lease(pages[0], &epoch) > cores->now_ns);
	assert_true(scene_find(visitor, PEAL_CLIENT_NEWS, &record));
	memcpy(&news, record.bytes, sizeof(news));
	assert_int_equal(news.kind, PEAL_CLIENT_QUORUM);
}

/* Before its first turn with a client the page names the view, and no good standing in it. */
static void
test_clients__who_comes_first_finds_the_view(void **state)
{
	struct visitor *visitor;
	uint64_t epoch = 0;

	(void)state;
	assert_int_equal(peal_region_read_lease(pages[0], &epoch), PEAL_REGION_LEASE_LAPSED);
	assert_int_equal(epoch, PEAL_FAKECORE_EPOCH);
	for (uint32_t i = 0; i < SCENE_NODES; i++) {
		scene_view(i, PEAL_FAKECORE_EPOCH + 1U, SCENE_ALL);
	}
	scene_run(5U * MS);
	assert_int_equal(peal_region_read_lease(pages[0], &epoch), PEAL_REGION_LEASE_LAPSED);
	assert_int_equal(epoch, PEAL_FAKECORE_EPOCH + 1U);
	/* What the last one saw is not what the next one finds. */
	visitor = scene_attach(0, 0);
	scene_set_standing(0, 0);
	(void)peal_fakecores_turn(cores, 0);
	assert_int_equal(peal_region_read_lease(pages[0], &epoch), 0);
	peal_clients_hang_up(visitor->clients, visitor->place, PEAL_CLIENT_END_ASKED);
	(void)peal_fakecores_turn(cores, 0);
	assert_int_equal(peal_region_read_lease(pages[0], &epoch), PEAL_REGION_LEASE_LAPSED);
	(void)scene_attach(1, 0);
	assert_int_equal(peal_region_read_lease(pages[0], &epoch), 0);
	scene_set_standing(0, PEAL_FAKECORE_EPOCH);
	scene_view(0, 0, 0);
	scene_run(MS);
	assert_int_equal(peal_region_read_lease(pages[0], &epoch), 0);
	assert_int_equal(epoch, 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(
			test_clients__frees_a_place_when_its_client_hangs_up, scene_begin,
			scene_finish),
		cmocka_unit_test_setup_teardown(
			test_clients__gives_no_place_back_before_the_core_has_done_with_it,
			scene_begin, scene_finish),
		cmocka_unit_test_setup_teardown(
			test_clients__refuses_one_too_many, scene_begin, scene_finish),
		cmocka_unit_test_setup_teardown(
			test_clients__who_died_leaves_nothing_within_bounded_turns, scene_begin,
			scene_finish),
		cmocka_unit_test_setup_teardown(
			test_clients__asks_for_turns_until_all_is_ended, scene_begin, scene_finish),
		cmocka_unit_test_setup_teardown(
			test_clients__rings_once_for_each_sleep_and_never_for_who_is_awake,
			scene_begin, scene_finish),
		cmocka_unit_test_setup_teardown(test_clients__rings_for_the_credit_that_is_wanted,
			scene_begin, scene_finish),
		cmocka_unit_test_setup_teardown(
			test_clients__lease_lapses_before_others_can_remove_the_node, scene_begin,
			scene_finish),
		cmocka_unit_test_setup_teardown(
			test_clients__lease_ends_with_the_quorum, scene_begin, scene_finish),
		cmocka_unit_test_setup_teardown(
			test_clients__who_comes_first_finds_the_view, scene_begin, scene_finish),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
