/* SPDX-License-Identifier: BSD-3-Clause */
#include "tests/lib/clientscene.h"
#include "tests/lib/ringscene.h"

/* The next view that a visitor is told of, which fits one piece. */
static struct peal_client_view
next_view(struct visitor *visitor, struct peal_client_member *members_out)
{
	struct peal_shmring_record record;
	struct peal_client_view view;

	assert_true(scene_find(visitor, PEAL_CLIENT_VIEW, &record));
	assert_true(record.size >= sizeof(view));
	memcpy(&view, record.bytes, sizeof(view));
	assert_int_equal(view.first, 0);
	assert_int_equal(record.size, sizeof(view) + view.members_count * sizeof(*members_out));
	memcpy(members_out, record.bytes + sizeof(view), view.members_count * sizeof(*members_out));
	return view;
}

static void
test_clients_view__who_attaches_is_told_the_view(void **state)
{
	struct peal_client_member members[SCENE_NODES];
	struct peal_client_view view = next_view(scene_attach(0, 1), members);
	const uint8_t ip[16] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xFF, 0xFF, 10, 0, 0, 3};

	(void)state;
	assert_int_equal(view.epoch, PEAL_FAKECORE_EPOCH);
	assert_int_equal(view.self_mid, 2);
	assert_int_equal(view.view_tag, peal_fakecores_view_tag(PEAL_FAKECORE_EPOCH));
	assert_int_equal(view.members_count, SCENE_NODES);
	for (uint32_t i = 0; i < SCENE_NODES; i++) {
		assert_int_equal(members[i].mid, i + 1U);
	}
	assert_memory_equal(members[2].ip, ip, sizeof(ip));
	assert_int_equal(members[2].port, PEAL_FAKECORE_PORT);
}

static void
test_clients_view__a_change_comes_after_the_messages_before_it(void **state)
{
	struct visitor *near = scene_attach(0, 0), *far = scene_attach(1, 1);
	struct peal_client_member members[SCENE_NODES];
	struct peal_client_departed departed;
	struct peal_shmring_record record;

	(void)state;
	(void)next_view(far, members);
	scene_say(far, PEAL_CLIENT_HEAR, 0, NULL, 0);
	scene_run(100U * US);
	scene_say(near, PEAL_CLIENT_CAST, 0, "before", 6);
	(void)peal_fakecores_turn(cores, 0);
	for (uint32_t i = 0; i < 2; i++) {
		peal_plane_note_departure(&cores->nodes[i]->plane, 3, PEAL_DEPARTURE_LEFT);
		scene_view(i, PEAL_FAKECORE_EPOCH + 1U, 3);
	}
	cores->nodes[2]->is_running = false;
	scene_run(20U * MS);
	assert_true(scene_find(far, PEAL_CLIENT_HEARD, &record));
	assert_memory_equal(record.bytes + 8, "before", 6);
	assert_true(scene_find(far, PEAL_CLIENT_DEPARTED, &record));
	memcpy(&departed, record.bytes, sizeof(departed));
	assert_int_equal(departed.mid, 3);
	assert_int_equal(departed.departure, PEAL_DEPARTURE_LEFT);
	assert_int_equal(next_view(far, members).members_count, 2);
	scene_say(near, PEAL_CLIENT_CAST, 0, "after", 5);
	scene_run(5U * MS);
	assert_true(scene_find(far, PEAL_CLIENT_HEARD, &record));
	assert_memory_equal(record.bytes + 8, "after", 5);
	assert_false(scene_find(far, PEAL_CLIENT_VIEW, &record));
}

static void
test_clients_view__who_is_removed_is_told(void **state)
{
	struct visitor *visitor = scene_attach(0, 0);
	struct peal_client_member members[SCENE_NODES];
	uint64_t epoch;

	(void)state;
	(void)next_view(visitor, members);
	scene_view(0, 0, 0);
	scene_run(MS);
	struct peal_client_view view = next_view(visitor, members);

	assert_int_equal(view.epoch, 0);
	assert_int_equal(view.members_count, 0);
	assert_int_equal(peal_region_read_lease(pages[0], &epoch), 0);
	assert_int_equal(epoch, 0);
	/* And who comes now. */
	assert_int_equal(next_view(scene_attach(1, 0), members).epoch, 0);
}

static struct peal_ringscene large;

/* A view of 200, which a node switches to. */
static void
switch_to_large(uint32_t node)
{
	static struct peal_peers peers;

	peal_ringscene_create(&large, 200);
	peal_ringscene_make(&large, 1, 200, 3);
	for (uint32_t i = 0; i < 200; i++) {
		large.members[i].mid = i + 1U;
		large.members[i].address =
			(struct peal_address){.ipv6_head = UINT64_C(0xfd00) << 48, .ipv4 = i + 1U};
	}
	peers.epoch = PEAL_FAKECORE_EPOCH + 1U;
	peers.cluster = cores->nodes[node]->core.peers->cluster;
	peers.self_mid = cores->nodes[node]->core.peers->self_mid;
	peers.members_count = 200;
	peers.is_large = true;
	peers.view = &large.view;
	peers.topology = &large.topology;
	peal_clients_switch(&traffic[node]->clients, &peers);
	peal_cast_switch(&traffic[node]->cast, &peers, cores->now_ns);
}

/* The pieces that came. Returns how many members are known after them. */
static uint32_t
read_pieces(struct visitor *visitor, uint32_t heard_count)
{
	struct peal_shmring_record record;

	while (scene_find(visitor, PEAL_CLIENT_VIEW, &record)) {
		struct peal_client_view view;
		struct peal_client_member last;

		memcpy(&view, record.bytes, sizeof(view));
		assert_int_equal(view.members_count, 200);
		assert_int_equal(view.first, heard_count);
		heard_count += (record.size - (uint32_t)sizeof(view)) / (uint32_t)sizeof(last);
		memcpy(&last, record.bytes + record.size - sizeof(last), sizeof(last));
		assert_int_equal(last.mid, heard_count);
		assert_int_equal(last.ip[0], 0xFD);
		assert_int_equal(last.ip[15], heard_count);
	}
	return heard_count;
}

/* A large view is shown when broadcast says so, as any other; in pieces, a few a turn, and what is
 * cast waits for them where somebody hears it. */
static void
test_clients_view__a_large_one_comes_in_pieces(void **state)
{
	struct visitor *hears = scene_attach(0, 0), *other = scene_attach(1, 0), *late;
	struct peal_clients *clients = hears->clients;
	const struct peal_cast_user user = peal_clients_cast_user(clients);
	struct peal_shmring_record record;

	(void)state;
	assert_true(scene_find(hears, PEAL_CLIENT_VIEW, &record));
	assert_true(scene_find(other, PEAL_CLIENT_VIEW, &record));
	scene_say(hears, PEAL_CLIENT_HEAR, 0, NULL, 0);
	(void)peal_fakecores_turn(cores, 0);
	switch_to_large(0);
	peal_clients_flush(clients);
	assert_false(scene_find(hears, PEAL_CLIENT_VIEW, &record));
	/* What the members agreed on was delivered. */
	user.view(user.state, PEAL_FAKECORE_EPOCH + 1U, 1);
	peal_clients_flush(clients);
	assert_int_equal(read_pieces(hears, 0), 128);
	assert_int_equal(read_pieces(other, 0), 128);
	assert_true(traffic[0]->cast.is_held);
	assert_int_equal(peal_clients_deadline_at_ns(clients), 0);
	/* The node has gone on to a next view meanwhile, and the one that they stood in is gone. */
	peal_clients_switch(clients, cores->nodes[0]->core.peers);
	peal_ringscene_destroy(&large);
	(void)peal_clients_run(clients, cores->now_ns);
	peal_clients_flush(clients);
	assert_int_equal(read_pieces(hears, 128), 200);
	assert_int_equal(read_pieces(other, 128), 200);
	assert_false(traffic[0]->cast.is_held);
	/* Who comes later has it as well; nobody else waits for that. */
	late = scene_attach(2, 0);
	peal_clients_run(clients, cores->now_ns);
	peal_clients_flush(clients);
	assert_int_equal(read_pieces(late, 0), 200);
	assert_false(traffic[0]->cast.is_held);
}

/* Who ends in the middle of it holds nobody up. */
static void
test_clients_view__who_ends_while_it_is_shown_is_not_waited_for(void **state)
{
	struct visitor *hears = scene_attach(0, 0);
	struct peal_clients *clients = hears->clients;
	const struct peal_cast_user user = peal_clients_cast_user(clients);

	(void)state;
	scene_say(hears, PEAL_CLIENT_HEAR, 0, NULL, 0);
	(void)peal_fakecores_turn(cores, 0);
	switch_to_large(0);
	user.view(user.state, PEAL_FAKECORE_EPOCH + 1U, 1);
	assert_true(traffic[0]->cast.is_held);
	atomic_store(&hears->up->death.word, PEAL_REGION_OWNER_DIED);
	(void)peal_clients_run(clients, cores->now_ns);
	assert_int_equal(scene_end_of(hears), PEAL_CLIENT_END_DIED);
	assert_false(traffic[0]->cast.is_held);
	assert_int_equal(clients->showing, 0);
	peal_ringscene_destroy(&large);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_clients_view__who_attaches_is_told_the_view,
			scene_begin, scene_finish),
		cmocka_unit_test_setup_teardown(
			test_clients_view__a_change_comes_after_the_messages_before_it, scene_begin,
			scene_finish),
		cmocka_unit_test_setup_teardown(
			test_clients_view__who_is_removed_is_told, scene_begin, scene_finish),
		cmocka_unit_test_setup_teardown(
			test_clients_view__a_large_one_comes_in_pieces, scene_begin, scene_finish),
		cmocka_unit_test_setup_teardown(
			test_clients_view__who_ends_while_it_is_shown_is_not_waited_for,
			scene_begin, scene_finish),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
