/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Broadcast above PEAL_DIRECT_MAX members: seventy cores, links of two trees, and lanes.
 */
#include "dataplane/cast_private.h"

#include "tests/lib/cmocka_all.h"
#include "tests/lib/crier.h"

#define COUNT UINT16_C(70)
#define MORE  UINT16_C(150)
#define SEED  3U
#define US    UINT64_C(1000)
#define EPOCH PEAL_TESTSTORE_EPOCH
#define NEXT  (EPOCH + 1U)

static struct peal_bigcores *cores;
static struct peal_crier *criers;

/* Frames of this kind to who is in `to` are lost; 0 = any kind. */
static struct {
	bool is_on;
	uint8_t kind;
	struct peal_bitset to; /* numbers */
} losing;

static bool
pass(void *state, const struct peal_bigframe *frame)
{
	(void)state;
	return !losing.is_on || (losing.kind != 0 && losing.kind != frame->kind) ||
	       !peal_bitset_has(&losing.to, (uint32_t)frame->to);
}

static void
lose_all_of(uint8_t kind)
{
	losing.is_on = true;
	losing.kind = kind;
	for (uint32_t mid = 1; mid < 200U; mid++) {
		peal_bitset_add(&losing.to, mid);
	}
}

static void
run(uint64_t span_ns)
{
	peal_bigcores_run(cores, cores->now_ns + span_ns, 10U * US);
}

static int
begin(void **state)
{
	(void)state;
	memset(&losing, 0, sizeof(losing));
	cores = peal_bigcores_create(MORE, SEED); /* so many can come */
	cores->group = peal_teststore_group(cores->store, COUNT, SEED);
	cores->filter = pass;
	criers = peal_criers_create_large(cores, 0, COUNT);
	run(1000U * US);
	return 0;
}

static int
finish(void **state)
{
	(void)state;
	peal_bigcores_destroy(cores);
	peal_criers_destroy(criers);
	return 0;
}

static struct peal_bignode *
node_of(uint32_t rank)
{
	return cores->nodes[rank];
}

static uint64_t
sum_of(enum peal_counter id)
{
	uint64_t sum = 0;

	for (uint32_t rank = 0; rank < COUNT; rank++) {
		sum += peal_bigcores_counter(node_of(rank), id);
	}
	return sum;
}

/* The member at place 0, which grants lanes. */
static uint16_t
find_granter(void)
{
	return peal_trees_rank(&cores->group->topology, &cores->group->view, 0);
}

static void
assert_all_rest(void)
{
	for (uint32_t rank = 0; rank < COUNT; rank++) {
		assert_true(peal_cast_is_idle(&criers[rank].cast));
		assert_true(peal_cast_deadline_at_ns(&criers[rank].cast) == UINT64_MAX);
	}
	assert_int_equal(sum_of(PEAL_COUNTER_CAST_REFUSED_ROW), 0);
	assert_int_equal(sum_of(PEAL_COUNTER_CAST_REFUSED_ORIGIN), 0);
	assert_int_equal(sum_of(PEAL_COUNTER_CAST_REFUSED_LANE), 0);
	assert_int_equal(sum_of(PEAL_COUNTER_CAST_REFUSED_FLUSH), 0);
}

static void
test_cast_large__reaches_all_once_over_one_tree(void **state)
{
	uint32_t links_max = peal_cast_tree_fan_out(COUNT) + 1U;

	(void)state;
	for (uint32_t rank = 0; rank < COUNT; rank++) {
		assert_int_equal(criers[rank].views_count, 1);
	}
	peal_crier_say(&criers[5], "one");
	run(300U * US);
	peal_crier_say(&criers[5], "two");
	run(5000U * US);
	for (uint32_t rank = 0; rank < COUNT; rank++) {
		uint64_t copies = peal_bigcores_counter(
			node_of(rank), rank == 5 ? PEAL_COUNTER_CAST_FRAMES_SENT
						 : PEAL_COUNTER_CAST_FRAMES_RELAYED);

		assert_true(peal_crier_heard(&criers[rank], "onetwo"));
		assert_in_range(copies, 0, 2U * links_max);
	}
	/* Every other member got each of the two frames by one link. */
	assert_int_equal(
		sum_of(PEAL_COUNTER_CAST_FRAMES_SENT) + sum_of(PEAL_COUNTER_CAST_FRAMES_RELAYED),
		2U * (COUNT - 1U));
	assert_int_equal(sum_of(PEAL_COUNTER_CAST_DUPLICATES), 0);
	assert_int_equal(sum_of(PEAL_COUNTER_CAST_LANES_HELD), 1);
	assert_all_rest();
}

static void
test_cast_large__more_than_there_are_lanes_take_turns(void **state)
{
	(void)state;
	for (uint32_t round = 0; round < 3U; round++) {
		for (uint32_t rank = 0; rank < COUNT; rank++) {
			peal_crier_say(&criers[rank], "x");
		}
		run(20000U * US);
		for (uint32_t rank = 0; rank < COUNT; rank++) {
			assert_int_equal(criers[rank].messages_count, (round + 1U) * COUNT);
		}
		assert_all_rest();
	}
	assert_true(sum_of(PEAL_COUNTER_CAST_LANES_RETURNED) >= COUNT - PEAL_CAST_LANES_MAX);
	assert_int_equal(sum_of(PEAL_COUNTER_CAST_LANES_HELD),
		sum_of(PEAL_COUNTER_CAST_LANES_RETURNED) + PEAL_CAST_LANES_MAX);
}

/* Nobody who has more than its ring to say keeps others waiting for ever. */
static void
test_cast_large__who_says_much_gives_way(void **state)
{
	static uint8_t message[1000];
	uint32_t counts[COUNT] = {0};

	(void)state;
	for (uint32_t turn = 0; turn < 4000U; turn++) {
		for (uint32_t rank = turn % 8U; rank < COUNT; rank += 8U) {
			counts[rank] += peal_cast_send(&criers[rank].cast, message,
						sizeof(message)) == PEAL_CAST_OK;
			criers[rank].text_size = 0; /* nobody reads it */
		}
		run(10U * US);
	}
	for (uint32_t rank = 0; rank < COUNT; rank++) {
		uint32_t queue_count = PEAL_CRIER_QUEUE_SIZE / sizeof(message);

		assert_true(counts[rank] > queue_count);
	}
	assert_true(sum_of(PEAL_COUNTER_CAST_LANES_RETURNED) > 0);
}

static void
test_cast_large__large_messages_stay_whole(void **state)
{
	enum { SIZE = 300000 };

	static uint8_t large[SIZE];

	(void)state;
	for (uint32_t i = 0; i < SIZE; i++) {
		large[i] = (uint8_t)(i * 7U + i / 251U);
	}
	assert_int_equal(peal_cast_lend(&criers[3].cast, large, SIZE, 0), PEAL_CAST_OK);
	run(500U * US);
	for (uint32_t rank = 0; rank < COUNT; rank++) {
		if (rank != 3U) {
			peal_crier_say(&criers[rank], ""); /* others want its lane */
		}
	}
	run(60000U * US);
	for (uint32_t rank = 0; rank < COUNT; rank++) {
		assert_int_equal(criers[rank].messages_count, COUNT);
		assert_int_equal(criers[rank].text_size, SIZE);
		assert_memory_equal(criers[rank].text, large, SIZE);
	}
	assert_all_rest();
}

/* A member that passes on in the tree of lane 0 hears and says nothing of data. */
static void
test_cast_large__the_other_tree_repairs(void **state)
{
	const struct peal_group *group = cores->group;
	uint16_t relay = peal_trees_rank(&group->topology, &group->view, 1);

	(void)state;
	peal_crier_say(&criers[5], "a");
	run(5000U * US);
	losing.is_on = true;
	losing.kind = PEAL_MESSAGE_CAST;
	peal_bitset_add(&losing.to, relay + 1U);
	peal_crier_say(&criers[5], "b");
	run(5000U * US);
	losing.is_on = false;
	for (uint32_t rank = 0; rank < COUNT; rank++) {
		if (rank != relay) {
			assert_true(peal_crier_heard(&criers[rank], "ab"));
		}
	}
	run(20000U * US);
	assert_true(peal_crier_heard(&criers[relay], "ab"));
	assert_true(sum_of(PEAL_COUNTER_CAST_PULLS_SENT) > 0);
	assert_all_rest();
}

/* All who are members, and have cores, install `group`. */
static void
install(const struct peal_group *group, uint16_t members_count)
{
	for (uint16_t rank = 0; rank < members_count; rank++) {
		peal_bigcores_install(cores, node_of(rank), group, NULL, 0);
	}
}

static void
stop(uint16_t rank)
{
	/* Nobody is asked what is missing of the dead; the test store owns its memory. */
	peal_bitset_add(&losing.to, rank + 1U);
}

/* The last member says something that one other has, and is gone. */
static void
test_cast_large__what_one_survivor_has_all_deliver(void **state)
{
	uint16_t origin = COUNT - 1U;
	uint16_t holder = PEAL_RANK_NONE;

	(void)state;
	peal_crier_say(&criers[origin], "a");
	run(5000U * US);
	peal_crier_say(&criers[origin], "b");
	peal_bigcores_turn(cores, node_of(origin)); /* to its links */
	lose_all_of(0);                             /* but no further */
	for (uint16_t rank = 0; rank + 1U < COUNT; rank++) {
		peal_bigcores_turn(cores, node_of(rank));
		holder = criers[rank].text_size == 2U ? rank : holder;
	}
	assert_true(holder != PEAL_RANK_NONE);
	memset(&losing, 0, sizeof(losing));
	losing.is_on = true;
	stop(origin);
	install(peal_teststore_group_with(cores->store, COUNT - 1U, SEED, NEXT, 10), COUNT - 1U);
	for (uint16_t rank = 0; rank + 1U < COUNT; rank++) {
		assert_int_equal(criers[rank].views_count, 1);
	}
	run(10000U * US);
	for (uint16_t rank = 0; rank + 1U < COUNT; rank++) {
		assert_true(peal_crier_heard(&criers[rank], "ab"));
		assert_true(criers[rank].last_view == NEXT);
	}
	peal_crier_say(&criers[0], "c");
	run(10000U * US);
	for (uint16_t rank = 0; rank + 1U < COUNT; rank++) {
		assert_true(peal_crier_heard(&criers[rank], "c"));
	}
}

/* Only who is asked through newcomers has what is missing. */
static void
test_cast_large__newcomers_pass_on_what_they_never_deliver(void **state)
{
	const struct peal_group *group =
		peal_teststore_group_with(cores->store, MORE, SEED, NEXT, 10);
	struct peal_crier *news = NULL;
	uint64_t relayed_count = 0;

	(void)state;
	peal_crier_say(&criers[5], "a");
	run(5000U * US);
	peal_crier_say(&criers[5], "b");
	lose_all_of(PEAL_MESSAGE_CAST);
	run(5000U * US);
	losing.is_on = false;
	/* Its rows told of a frame that only the origin has. */
	install(group, COUNT);
	news = peal_criers_create_large(cores, COUNT, MORE - COUNT);
	run(20000U * US);
	for (uint16_t rank = 0; rank < COUNT; rank++) {
		assert_true(peal_crier_heard(&criers[rank], "ab"));
		assert_true(criers[rank].last_view == NEXT);
	}
	for (uint16_t i = 0; i < MORE - COUNT; i++) {
		assert_int_equal(news[i].text_size, 0);
		assert_true(news[i].last_view == NEXT);
		relayed_count += peal_bigcores_counter(
			node_of(COUNT + (uint32_t)i), PEAL_COUNTER_CAST_FRAMES_RELAYED);
	}
	assert_true(relayed_count > 0);
	peal_crier_say(&criers[1], "c");
	run(10000U * US);
	assert_true(peal_crier_heard(&news[MORE - COUNT - 1], "c"));
	peal_criers_destroy(news);
}

static void
inject(uint16_t from, uint16_t to, uint8_t kind, const void *body, uint16_t size)
{
	struct peal_bignode *sender = node_of(from);

	cores->nodes[from] = NULL; /* the test speaks for it, above what it said */
	cores->counters[from] = UINT64_C(1) << 40 | cores->counters[from];
	peal_bigcores_inject(cores, from + 1U, node_of(to), kind, body, size);
	cores->nodes[from] = sender;
	peal_bigcores_turn(cores, node_of(to));
}

static void
test_cast_large__refuses_who_is_no_link_and_lanes_that_cannot_be(void **state)
{
	uint16_t granter = find_granter();
	const struct peal_cast *cast = &criers[granter].cast;
	uint16_t link = cast->links.ranks[0];
	struct peal_cast_lane_msg message = {
		.epoch = EPOCH, .origin = granter + 1U, .request = 9, .what = PEAL_CAST_LANE_GRANT};
	const struct peal_peers *peers = node_of(granter)->core.peers;
	uint8_t body[PEAL_CAST_LANE_SIZE];
	uint16_t stranger = PEAL_RANK_NONE;

	(void)state;
	peal_cast_lane_msg_encode(&message, body);
	inject(link, granter, PEAL_MESSAGE_CAST_LANE, body, sizeof(body));
	assert_int_equal(
		peal_bigcores_counter(node_of(granter), PEAL_COUNTER_CAST_REFUSED_LANE), 1);
	message.origin = 9999;
	peal_cast_lane_msg_encode(&message, body);
	inject(link, granter, PEAL_MESSAGE_CAST_LANE, body, sizeof(body));
	assert_int_equal(
		peal_bigcores_counter(node_of(granter), PEAL_COUNTER_CAST_REFUSED_LANE), 2);
	inject(link, granter, PEAL_MESSAGE_CAST_LANE, body, sizeof(body) - 1U);
	assert_int_equal(peal_bigcores_counter(node_of(granter), PEAL_COUNTER_REFUSED_BODY), 1);
	for (uint32_t i = 0; i < peers->neighbours_count; i++) {
		uint16_t rank = peers->peers[peers->neighbours[i]].rank;

		if (peal_cast_find_member(cast, rank) == PEAL_DIRECT_MAX) {
			stranger = rank;
		}
	}
	assert_true(stranger != PEAL_RANK_NONE);
	inject(stranger, granter, PEAL_MESSAGE_CAST_LANE, body, sizeof(body));
	assert_int_equal(
		peal_bigcores_counter(node_of(granter), PEAL_COUNTER_CAST_REFUSED_LINK), 1);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(
			test_cast_large__reaches_all_once_over_one_tree, begin, finish),
		cmocka_unit_test_setup_teardown(
			test_cast_large__more_than_there_are_lanes_take_turns, begin, finish),
		cmocka_unit_test_setup_teardown(
			test_cast_large__who_says_much_gives_way, begin, finish),
		cmocka_unit_test_setup_teardown(
			test_cast_large__large_messages_stay_whole, begin, finish),
		cmocka_unit_test_setup_teardown(
			test_cast_large__the_other_tree_repairs, begin, finish),
		cmocka_unit_test_setup_teardown(
			test_cast_large__what_one_survivor_has_all_deliver, begin, finish),
		cmocka_unit_test_setup_teardown(
			test_cast_large__newcomers_pass_on_what_they_never_deliver, begin, finish),
		cmocka_unit_test_setup_teardown(
			test_cast_large__refuses_who_is_no_link_and_lanes_that_cannot_be, begin,
			finish),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
