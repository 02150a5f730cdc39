/* SPDX-License-Identifier: BSD-3-Clause */
#include "dataplane/votetree.h"

#include "membership/trees.h"
#include "tests/lib/bigcore.h"
#include "tests/lib/cmocka_all.h"
#include "tests/lib/dies.h"
#include "wire/messages.h"

#define MEMBERS  100U
#define D_NS     (world.cores->timing.flood_ns)
#define LEVEL_NS (world.cores->timing.flood_ns / 25U)

static const struct peal_vote_key fast = {
	.kind = PEAL_VOTE_FAST, .ballot = {.round = 1}, .digest = {.low = 0xF00D, .high = 1}};

/* One member with a core, in a view of a hundred. */
struct world {
	struct peal_bigcores *cores;
	struct peal_bignode *node;
	const struct peal_view *view;
	const struct peal_topology *topology;
	const struct peal_peers *peers;
	uint16_t rank;
	uint16_t place;
	struct peal_tree_place trees[PEAL_TREES_MAX];
};

static void
set_up(struct world *world, uint16_t members_count, uint16_t place)
{
	world->cores = peal_bigcores_create(members_count, 3);
	world->view = &world->cores->group->view;
	world->topology = &world->cores->group->topology;
	world->place = place;
	world->rank = peal_trees_rank(world->topology, world->view, place);
	world->node = peal_bigcores_start(world->cores, world->rank);
	world->peers = world->node->core.peers;
	for (uint32_t tree = 0; tree < PEAL_TREES_MAX; tree++) {
		peal_trees_find(
			world->topology, world->view, tree, world->rank, &world->trees[tree]);
	}
}

static uint64_t
mid_of(const struct world *world, uint16_t rank)
{
	return world->view->members[rank].mid;
}

/* A place whose member has the height in tree 0, or 1; with children below that are not leaves, if
 * it must. */
static uint16_t
find_place(uint16_t members_count, uint8_t height0, uint8_t height1)
{
	struct peal_bigcores *cores = peal_bigcores_create(members_count, 3);
	const struct peal_view *view = &cores->group->view;
	const struct peal_topology *topology = &cores->group->topology;
	uint16_t place = 0;

	for (;; place++) {
		uint16_t rank = peal_trees_rank(topology, view, place);
		struct peal_tree_place trees[PEAL_TREES_MAX];

		peal_trees_find(topology, view, 0, rank, &trees[0]);
		peal_trees_find(topology, view, 1, rank, &trees[1]);
		if (trees[0].height == height0 && trees[1].height == height1 &&
			trees[0].ancestors_count > 0 && trees[1].ancestors_count > 0) {
			break;
		}
	}
	peal_bigcores_destroy(cores);
	return place;
}

/* A body without prefix: places [first, first + count) of `bits`. */
static uint16_t
write_vote(const struct peal_vote_key *key, uint16_t first, uint16_t count,
	const struct peal_bitset *bits, uint8_t body[PEAL_BODY_SIZE_MAX])
{
	struct peal_writer writer = peal_writer_init(body, PEAL_BODY_SIZE_MAX);
	const struct peal_vote_msg message = {.key = *key,
		.first = first,
		.count = count,
		.bitmap = (const uint8_t *)bits->words + first / 8U};

	peal_vote_msg_encode(&message, &writer);
	assert_true(writer.is_ok);
	return (uint16_t)writer.offset;
}

static uint16_t
write_bit(const struct peal_vote_key *key, uint16_t place, uint8_t body[PEAL_BODY_SIZE_MAX])
{
	struct peal_bitset bits = {{0}};

	peal_bitset_add(&bits, place);
	return write_vote(key, place / 8U * 8U, place % 8U + 1U, &bits, body);
}

/* Control of the node says what `key` means. */
static void
vote(struct peal_bigcores *cores, struct peal_bignode *node, const struct peal_vote_key *key)
{
	const struct peal_peers *peers = node->core.peers;
	struct peal_record record = {.kind = PEAL_RECORD_SEND,
		.message = PEAL_MESSAGE_VOTE_UP,
		.target = PEAL_TARGET_TREE,
		.epoch = peers->epoch};

	record.body_size =
		write_bit(key, peal_trees_place(peers->topology, peers->view, peers->self_rank),
			node->down_buffers[0]);
	peal_bigcores_push(node, &record);
	peal_bigcores_turn(cores, node);
}

/* The member with number `from` sends the node a VOTE_UP. */
static void
hear(struct world *world, uint64_t from, struct peal_flood_prefix prefix, const uint8_t *body,
	uint16_t size)
{
	uint8_t whole[PEAL_BODY_SIZE_MAX];

	size = peal_bigcores_write(world->cores, prefix, body, size, whole);
	peal_bigcores_inject(world->cores, from, world->node, PEAL_MESSAGE_VOTE_UP, whole, size);
	peal_bigcores_turn(world->cores, world->node);
}

/* The same with places [first, end) under `key`, as that member's core would send it. */
static void
hear_span(struct world *world, uint64_t from, const struct peal_vote_key *key, uint32_t first,
	uint32_t end)
{
	struct peal_bitset bits = {{0}};
	uint8_t body[PEAL_BODY_SIZE_MAX];

	for (uint32_t place = first; place < end; place++) {
		peal_bitset_add(&bits, place);
	}
	for (uint32_t start = first / 8U * 8U; start < end; start += PEAL_VOTE_PLACES_MAX) {
		uint32_t count =
			end - start < PEAL_VOTE_PLACES_MAX ? end - start : PEAL_VOTE_PLACES_MAX;

		hear(world, from, (struct peal_flood_prefix){.origin = (uint32_t)from}, body,
			write_vote(key, (uint16_t)start, (uint16_t)count, &bits, body));
	}
}

struct sent {
	uint64_t to;
	struct peal_vote_key key;
	struct peal_bitset bits;
};

/* The oldest VOTE_UP that the node sent. False: there is none. */
static bool
take_sent(struct world *world, struct sent *sent_out)
{
	struct peal_bigframe frame;
	struct peal_flood_prefix prefix;
	struct peal_vote_msg message;

	if (!peal_bigcores_take(world->cores, &frame)) {
		return false;
	}
	struct peal_reader reader = peal_reader_init(frame.body, frame.body_size);

	assert_int_equal(frame.kind, PEAL_MESSAGE_VOTE_UP);
	assert_true(peal_flood_prefix_decode(&reader, &prefix));
	assert_int_equal(prefix.origin, world->node->mid);
	assert_int_equal(prefix.origin_seq, 0);
	assert_int_equal(prefix.hop, 0);
	assert_true(prefix.view_tag == world->peers->view_tag);
	assert_true(peal_vote_msg_decode(&reader, &message));
	memset(sent_out, 0, sizeof(*sent_out));
	sent_out->to = frame.to;
	sent_out->key = message.key;
	memcpy((uint8_t *)sent_out->bits.words + message.first / 8U, message.bitmap,
		(message.count + 7U) / 8U);
	return true;
}

static uint32_t
count_sent(struct world *world)
{
	struct sent sent;
	uint32_t count = 0;

	while (take_sent(world, &sent)) {
		count++;
	}
	return count;
}

/* Exactly one frame left, to the parent in `tree`, with the places [first, end) and no others. */
static void
assert_sent_up(struct world *world, uint32_t tree, uint32_t first, uint32_t end)
{
	struct sent sent;

	assert_true(take_sent(world, &sent));
	assert_int_equal(sent.to, mid_of(world, world->trees[tree].parent));
	assert_true(peal_vote_key_equals(&sent.key, &fast));
	assert_int_equal(peal_bitset_count(&sent.bits), end - first);
	for (uint32_t place = first; place < end; place++) {
		assert_true(peal_bitset_has(&sent.bits, place));
	}
	assert_false(take_sent(world, &sent));
}

static void
step(struct world *world, uint64_t step_ns)
{
	world->cores->now_ns += step_ns;
	peal_bigcores_turn(world->cores, world->node);
}

static void
test_votetree__a_leaf_tells_both_parents_at_once(void **state)
{
	struct world world;
	struct sent sent;
	uint64_t parents = 0;

	(void)state;
	set_up(&world, MEMBERS, find_place(MEMBERS, 0, 0));
	vote(world.cores, world.node, &fast);
	for (uint32_t i = 0; i < PEAL_TREES_MAX; i++) {
		assert_true(take_sent(&world, &sent));
		parents += sent.to;
		assert_true(peal_vote_key_equals(&sent.key, &fast));
		assert_int_equal(peal_bitset_count(&sent.bits), 1);
		assert_true(peal_bitset_has(&sent.bits, world.place));
	}
	assert_int_equal(parents,
		mid_of(&world, world.trees[0].parent) + mid_of(&world, world.trees[1].parent));
	assert_false(take_sent(&world, &sent));
	assert_int_equal(peal_bigcores_counter(world.node, PEAL_COUNTER_VOTE_FRAMES_SENT), 2);
	/* Said once more it is nothing new. */
	vote(world.cores, world.node, &fast);
	step(&world, LEVEL_NS);
	assert_int_equal(count_sent(&world), 0);
	peal_bigcores_destroy(world.cores);
}

static void
test_votetree__an_inner_node_waits_for_its_children(void **state)
{
	struct world world;
	struct peal_tree_place *place = &world.trees[0];

	(void)state;
	set_up(&world, MEMBERS, find_place(MEMBERS, 1, 0));
	assert_true(place->children_count >= 2);
	vote(world.cores, world.node, &fast);
	assert_sent_up(&world, 1, world.place, world.place + 1U); /* a leaf there */
	for (uint32_t i = 0; i < place->children_count; i++) {
		uint16_t rank = place->children[i];
		uint16_t at = peal_trees_place(world.topology, world.view, rank);

		assert_int_equal(count_sent(&world), 0);
		hear_span(&world, mid_of(&world, rank), &fast, at, at + 1U);
	}
	/* All are here: at once, the whole run. */
	assert_sent_up(&world, 0, place->first, place->first + place->count);
	peal_bigcores_destroy(world.cores);
}

static void
test_votetree__and_not_longer_than_its_level_takes(void **state)
{
	struct world world;
	struct peal_tree_place *place = &world.trees[0];
	uint16_t child;
	uint16_t at;

	(void)state;
	set_up(&world, MEMBERS, find_place(MEMBERS, 1, 0));
	child = place->children[0];
	at = peal_trees_place(world.topology, world.view, child);
	/* The first bit starts the timer, whoever's it is. */
	hear_span(&world, mid_of(&world, child), &fast, at, at + 1U);
	step(&world, LEVEL_NS / 2U);
	vote(world.cores, world.node, &fast);
	assert_int_equal(count_sent(&world), 1); /* tree 1 */
	step(&world, 3U * LEVEL_NS / 2U - 1U);
	assert_int_equal(count_sent(&world), 0);
	step(&world, 1);
	assert_int_equal(count_sent(&world), 1);
	/* What grows later leaves a level's time after the first of it. */
	child = place->children[1];
	at = peal_trees_place(world.topology, world.view, child);
	hear_span(&world, mid_of(&world, child), &fast, at, at + 1U);
	step(&world, LEVEL_NS - 1U);
	assert_int_equal(count_sent(&world), 0);
	step(&world, 1);
	assert_int_equal(count_sent(&world), 1);
	/* Nothing new, nothing sent. */
	hear_span(&world, mid_of(&world, child), &fast, at, at + 1U);
	step(&world, LEVEL_NS);
	assert_int_equal(count_sent(&world), 0);
	peal_bigcores_destroy(world.cores);
}

/* Bits of another run are kept, and go nowhere but around. */
static void
test_votetree__takes_bits_from_anybody_and_sends_those_of_its_run(void **state)
{
	struct world world;
	uint16_t far = 0;

	(void)state;
	set_up(&world, MEMBERS, find_place(MEMBERS, 0, 0));
	far = (uint16_t)((world.place + 50U) % MEMBERS);
	hear_span(&world, world.peers->peers[world.peers->subjects[0]].mid, &fast, far, far + 1U);
	step(&world, 8U * LEVEL_NS);
	assert_int_equal(count_sent(&world), 0);
	assert_int_equal(world.node->core.votetree.tallies_count, 1);
	assert_int_equal(world.node->core.votetree.tallies[0].count, 1);
	assert_int_equal(peal_bigcores_counter(world.node, PEAL_COUNTER_VOTE_FRAMES_HEARD), 1);
	peal_bigcores_destroy(world.cores);
}

/* Counts what left by receiver: parents, grandparents, others; and checks what the others get. */
static void
count_by_receiver(struct world *world, uint32_t counts[3], uint32_t bits_count)
{
	struct sent sent;

	memset(counts, 0, 3U * sizeof(counts[0]));
	while (take_sent(world, &sent)) {
		bool is_known = false;

		for (uint32_t tree = 0; tree < PEAL_TREES_MAX && !is_known; tree++) {
			const struct peal_tree_place *place = &world->trees[tree];

			for (uint32_t i = 0; i < place->ancestors_count && i < 2 && !is_known;
				i++) {
				if (sent.to == mid_of(world, place->ancestors[i])) {
					counts[i]++;
					is_known = true;
				}
			}
		}
		if (!is_known) {
			counts[2]++;
			assert_int_equal(peal_bitset_count(&sent.bits), bits_count);
		}
	}
}

static void
test_votetree__repeats_and_takes_detours(void **state)
{
	struct world world;
	uint32_t counts[3];
	uint32_t neighbours_count = 0;

	(void)state;
	set_up(&world, 2000, find_place(2000, 0, 0));
	for (uint32_t tree = 0; tree < PEAL_TREES_MAX; tree++) {
		assert_in_range(world.trees[tree].ancestors_count, 2, PEAL_TREE_DEPTH_MAX);
	}
	vote(world.cores, world.node, &fast);
	hear_span(&world, world.peers->peers[world.peers->subjects[0]].mid, &fast, 0, 3);
	neighbours_count = world.peers->subjects_count + world.peers->observers_slots_count;
	count_by_receiver(&world, counts, 4);
	assert_int_equal(counts[0], 2);
	assert_int_equal(counts[1] + counts[2], 0);
	step(&world, D_NS - 1U);
	assert_int_equal(count_sent(&world), 0);
	step(&world, 1);
	count_by_receiver(&world, counts, 4);
	assert_int_equal(counts[0], 2);
	assert_int_equal(counts[1], 2);
	assert_int_equal(counts[2], 0);
	step(&world, D_NS);
	count_by_receiver(&world, counts, 4);
	/* Neighbours that are ancestors too are among the first two. */
	assert_in_range(
		counts[0] + counts[1] + counts[2], neighbours_count - 1U, neighbours_count + 4U);
	assert_true(counts[2] >= neighbours_count - 4U);
	/* For ever, at the cap. */
	for (uint32_t i = 0; i < 20; i++) {
		step(&world, world.cores->timing.repeat_ns_max);
	}
	assert_true(count_sent(&world) >= 20U * (neighbours_count - 1U));
	peal_bigcores_destroy(world.cores);
}

static void
test_votetree__installed_ends_and_has_no_detours(void **state)
{
	struct world world;
	struct peal_vote_key key = {.kind = PEAL_VOTE_INSTALLED};
	uint32_t counts[3];

	(void)state;
	set_up(&world, 2000, find_place(2000, 0, 0));
	key.digest = world.view->hash;
	vote(world.cores, world.node, &key);
	assert_int_equal(count_sent(&world), 2);
	for (uint32_t i = 0; i < 40; i++) {
		step(&world, world.cores->timing.install_ns / 16U);
		count_by_receiver(&world, counts, 0);
		assert_int_equal(counts[2], 0);
		assert_int_equal(counts[0] + counts[1] > 0 && i > 16U, 0);
	}
	assert_true(peal_votetree_deadline_at_ns(&world.node->core.votetree) == UINT64_MAX);
	peal_bigcores_destroy(world.cores);
}

/* A group at rest says little: after a few repeats one frame to one parent each time. */
static void
test_votetree__installed_calms_down(void **state)
{
	struct world world;
	struct peal_vote_key key = {.kind = PEAL_VOTE_INSTALLED};
	uint64_t repeat_ns = 0;

	(void)state;
	set_up(&world, 2000, find_place(2000, 0, 0));
	key.digest = world.view->hash;
	vote(world.cores, world.node, &key);
	assert_int_equal(count_sent(&world), 2);
	repeat_ns = world.cores->timing.flood_ns;
	for (uint32_t i = 1; i <= 7; i++) {
		step(&world, repeat_ns);
		repeat_ns = peal_timing_next_repeat_ns(&world.cores->timing, repeat_ns);
		assert_int_equal(count_sent(&world), i <= 4 ? 4 : 1);
	}
	peal_bigcores_destroy(world.cores);
}

/* The TALLY that control was told last; false: none. */
static bool
take_tally(struct world *world, struct peal_tally_up *tally_out)
{
	struct peal_record record;

	if (!peal_bigcores_find(world->node, PEAL_RECORD_TALLY, &record)) {
		return false;
	}
	assert_int_equal(record.body_size, sizeof(*tally_out));
	assert_int_equal(record.epoch, world->view->epoch);
	memcpy(tally_out, world->node->up_buffers[record.buffer], sizeof(*tally_out));
	return true;
}

static void
test_votetree__control_hears_from_half_on(void **state)
{
	struct world world;
	struct peal_tally_up tally;
	uint64_t from;

	(void)state;
	set_up(&world, MEMBERS, find_place(MEMBERS, 0, 0));
	from = world.peers->peers[world.peers->subjects[0]].mid;
	hear_span(&world, from, &fast, 0, MEMBERS / 2U - 1U);
	assert_false(take_tally(&world, &tally));
	hear_span(&world, from, &fast, 0, MEMBERS / 2U);
	assert_true(take_tally(&world, &tally));
	assert_true(peal_vote_key_equals(&tally.key, &fast));
	assert_int_equal(peal_bitset_count(&tally.ranks), MEMBERS / 2U);
	for (uint32_t place = 0; place < MEMBERS; place++) {
		uint16_t rank = peal_trees_rank(world.topology, world.view, place);

		assert_int_equal(peal_bitset_has(&tally.ranks, rank), place < MEMBERS / 2U);
	}
	/* Growth is told, but not all the time. */
	step(&world, PEAL_TALLY_NS / 2U);
	hear_span(&world, from, &fast, 0, 60);
	hear_span(&world, from, &fast, 0, 61);
	assert_false(take_tally(&world, &tally));
	step(&world, PEAL_TALLY_NS / 2U);
	assert_true(take_tally(&world, &tally));
	assert_int_equal(peal_bitset_count(&tally.ranks), 61);
	step(&world, 2U * PEAL_TALLY_NS);
	hear_span(&world, from, &fast, 0, 61);
	assert_false(take_tally(&world, &tally));
	/* Without room it is told later. */
	world.node->up.capacity = 0;
	hear_span(&world, from, &fast, 0, 62);
	step(&world, PEAL_TALLY_NS);
	world.node->up.capacity = PEAL_PLANE_RECORDS_MAX;
	assert_false(take_tally(&world, &tally));
	step(&world, PEAL_TALLY_NS);
	assert_true(take_tally(&world, &tally));
	assert_int_equal(peal_bitset_count(&tally.ranks), 62);
	peal_bigcores_destroy(world.cores);
}

/* Promises that tell of different values make one majority. */
static void
test_votetree__promises_of_a_ballot_count_together(void **state)
{
	struct peal_vote_key none = {.kind = PEAL_VOTE_PROMISE, .ballot = {.round = 2, .index = 1}};
	struct peal_vote_key some = none;
	struct peal_vote_key other = none;
	struct peal_tally_up tally;
	struct world world;
	uint64_t from;

	(void)state;
	set_up(&world, MEMBERS, find_place(MEMBERS, 0, 0));
	from = world.peers->peers[world.peers->subjects[0]].mid;
	some.vrnd.round = 1;
	some.digest = fast.digest;
	other.ballot.round = 3;
	hear_span(&world, from, &none, 0, 30);
	hear_span(&world, from, &other, 30, 60);
	hear_span(&world, from, &fast, 30, 60);
	assert_false(take_tally(&world, &tally));
	hear_span(&world, from, &some, 29, 49);
	assert_false(take_tally(&world, &tally));
	hear_span(&world, from, &some, 29, 50);
	/* Both keys are told, each with its own members. */
	assert_true(take_tally(&world, &tally));
	assert_true(peal_vote_key_equals(&tally.key, &none));
	assert_int_equal(peal_bitset_count(&tally.ranks), 30);
	assert_true(take_tally(&world, &tally));
	assert_true(peal_vote_key_equals(&tally.key, &some));
	assert_int_equal(peal_bitset_count(&tally.ranks), 21);
	assert_false(take_tally(&world, &tally));
	peal_bigcores_destroy(world.cores);
}

static void
test_votetree__refuses_what_cannot_be(void **state)
{
	struct peal_vote_key installed = {.kind = PEAL_VOTE_INSTALLED, .digest = {.low = 5}};
	struct peal_vote_key accept = {.kind = PEAL_VOTE_ACCEPT,
		.ballot = {.round = 2, .index = MEMBERS},
		.digest = {.low = 5}};
	struct world world;
	uint8_t body[PEAL_BODY_SIZE_MAX];
	uint64_t from;
	uint32_t refused_count = 0;
	uint16_t size;

	(void)state;
	set_up(&world, MEMBERS, find_place(MEMBERS, 0, 0));
	from = world.peers->peers[world.peers->subjects[0]].mid;
	hear_span(&world, from, &fast, MEMBERS, MEMBERS + 1U);
	refused_count++;
	hear_span(&world, from, &installed, 1, 2); /* of another view */
	refused_count++;
	hear_span(&world, from, &accept, 1, 2); /* of a coordinator that is nobody */
	refused_count++;
	size = write_bit(&fast, 3, body);
	/* For one receiver, but passed on, or said by somebody else. */
	hear(&world, from, (struct peal_flood_prefix){.origin = (uint32_t)from, .hop = 1}, body,
		size);
	refused_count++;
	hear(&world, from, (struct peal_flood_prefix){.origin = 99}, body, size);
	refused_count++;
	hear(&world, from, (struct peal_flood_prefix){.origin = (uint32_t)from}, body,
		(uint16_t)(size - 1U));
	refused_count++;
	assert_int_equal(
		peal_bigcores_counter(world.node, PEAL_COUNTER_REFUSED_BODY), refused_count);
	assert_int_equal(world.node->core.votetree.tallies_count, 0);
	hear(&world, from, (struct peal_flood_prefix){.origin = (uint32_t)from}, body, size);
	assert_int_equal(world.node->core.votetree.tallies_count, 1);
	peal_bigcores_destroy(world.cores);
}

/* What a root floods is heard like what comes up a tree. */
static void
test_votetree__takes_flooded_bits_and_passes_them_on(void **state)
{
	struct world world;
	uint8_t body[PEAL_BODY_SIZE_MAX];
	const struct peal_flood_prefix prefix = {.origin = 77, .origin_seq = 5, .hop = 2};
	uint64_t from;

	(void)state;
	set_up(&world, MEMBERS, find_place(MEMBERS, 0, 0));
	from = world.peers->peers[world.peers->subjects[0]].mid;
	hear(&world, from, prefix, body, write_bit(&fast, 3, body));
	hear(&world, from, prefix, body, write_bit(&fast, 3, body));
	assert_int_equal(world.node->core.votetree.tallies[0].count, 1);
	assert_int_equal(peal_bigcores_drain_sent(world.cores, PEAL_MESSAGE_VOTE_UP),
		world.peers->subjects_count - 1U);
	assert_int_equal(peal_bigcores_counter(world.node, PEAL_COUNTER_VOTE_FRAMES_HEARD), 1);
	assert_int_equal(peal_bigcores_drain(world.node, PEAL_RECORD_FRAME), 0);
	peal_bigcores_destroy(world.cores);
}

static bool
has_key(const struct world *world, const struct peal_vote_key *key)
{
	const struct peal_votetree *votetree = &world->node->core.votetree;

	for (uint32_t i = 0; i < votetree->tallies_count; i++) {
		if (peal_vote_key_equals(&votetree->tallies[i].key, key)) {
			return true;
		}
	}
	return false;
}

static struct peal_vote_key
value(uint32_t number)
{
	struct peal_vote_key key = fast;

	key.digest.low = 100U + number;
	return key;
}

static struct peal_vote_key
accept(uint32_t round)
{
	return (struct peal_vote_key){.kind = PEAL_VOTE_ACCEPT,
		.ballot = {.round = round, .index = 1},
		.digest = {.low = round}};
}

static void
test_votetree__keeps_the_keys_that_matter(void **state)
{
	struct peal_vote_key installed = {.kind = PEAL_VOTE_INSTALLED};
	struct peal_vote_key key;
	struct world world;
	uint64_t from;

	(void)state;
	set_up(&world, MEMBERS, find_place(MEMBERS, 0, 0));
	from = world.peers->peers[world.peers->subjects[0]].mid;
	installed.digest = world.view->hash;
	vote(world.cores, world.node, &fast);
	hear_span(&world, from, &installed, 0, 1);
	/* Fast values: the heaviest stay, the own one in any case. */
	for (uint32_t i = 0; i < PEAL_TALLIES_MAX - 2U; i++) {
		key = value(i);
		hear_span(&world, from, &key, 0, 10U + i);
	}
	key = value(50);
	hear_span(&world, from, &key, 0, 10);
	assert_false(has_key(&world, &key));
	hear_span(&world, from, &key, 0, 12);
	assert_true(has_key(&world, &key));
	key = value(0);
	assert_false(has_key(&world, &key));
	assert_int_equal(peal_bigcores_counter(world.node, PEAL_COUNTER_VOTE_KEYS_DROPPED), 2);
	/* A classic ballot pushes the lightest out, a higher one a lower one. */
	key = accept(2);
	hear_span(&world, from, &key, 0, 1);
	assert_true(has_key(&world, &key));
	key = value(1);
	assert_false(has_key(&world, &key));
	key = accept(3);
	hear_span(&world, from, &key, 0, 1);
	assert_true(has_key(&world, &key));
	key = accept(2);
	assert_false(has_key(&world, &key));
	hear_span(&world, from, &key, 0, 99);
	assert_false(has_key(&world, &key));
	key = value(2);
	assert_true(has_key(&world, &key));
	/* Promises of the highest ballot tell of many values: they need the places of fast ones. */
	for (uint32_t i = 0; i < PEAL_TALLIES_MAX; i++) {
		key = (struct peal_vote_key){.kind = PEAL_VOTE_PROMISE,
			.ballot = {.round = 3, .index = 1},
			.vrnd = {.round = 1},
			.digest = {.low = 1U + i}};
		hear_span(&world, from, &key, 0, 1);
		assert_int_equal(has_key(&world, &key), i < PEAL_TALLIES_MAX - 3U);
	}
	key = accept(3);
	assert_true(has_key(&world, &key));
	assert_true(has_key(&world, &fast));
	assert_true(has_key(&world, &installed));
	peal_bigcores_destroy(world.cores);
}

static void
test_votetree__a_new_view_begins_with_nothing_and_a_guest_changes_nothing(void **state)
{
	struct world world;
	const uint64_t guests[1] = {50};
	struct peal_proposal cut;

	(void)state;
	set_up(&world, MEMBERS, find_place(MEMBERS, 0, 0));
	vote(world.cores, world.node, &fast);
	peal_bigcores_install(world.cores, world.node, world.cores->group, guests, 1);
	assert_true(has_key(&world, &fast));
	cut = (struct peal_proposal){
		.parent_epoch = world.view->epoch, .parent_hash = world.view->hash};
	peal_bitset_add(&cut.removals, world.rank == 99 ? 98 : 99);
	peal_bigcores_install(world.cores, world.node,
		peal_teststore_next(world.cores->store, world.cores->group, &cut), NULL, 0);
	assert_false(has_key(&world, &fast));
	assert_true(peal_votetree_deadline_at_ns(&world.node->core.votetree) == UINT64_MAX);
	peal_bigcores_destroy(world.cores);
}

/* Ten thousand do not fit one frame. */
static void
test_votetree__a_bitmap_of_ten_thousand_takes_two_frames(void **state)
{
	struct peal_bitset got = {{0}};
	struct peal_tally_up tally;
	struct world world;
	struct sent sent;
	uint32_t frames_count = 0;
	uint64_t from;

	(void)state;
	set_up(&world, 10000, find_place(10000, 0, 0));
	from = world.peers->peers[world.peers->subjects[0]].mid;
	hear_span(&world, from, &fast, 0, 10000);
	assert_true(take_tally(&world, &tally));
	step(&world, PEAL_TALLY_NS);
	assert_true(take_tally(&world, &tally));
	assert_int_equal(peal_bitset_count(&tally.ranks), 10000);
	step(&world, 2U * D_NS);
	count_sent(&world);
	step(&world, 4U * D_NS);
	while (take_sent(&world, &sent)) {
		if (sent.to == from) {
			frames_count++;
			peal_bitset_merge(&got, &sent.bits);
		}
	}
	assert_int_equal(frames_count, 2);
	assert_int_equal(peal_bitset_count(&got), 10000);
	peal_bigcores_destroy(world.cores);
}

static void
vote_nonsense(void *argument)
{
	struct world *world = argument;
	struct peal_record record = {.kind = PEAL_RECORD_SEND,
		.message = PEAL_MESSAGE_VOTE_UP,
		.target = PEAL_TARGET_TREE,
		.body_size = 5,
		.epoch = world->view->epoch};

	peal_bigcores_push(world->node, &record);
	peal_bigcores_turn(world->cores, world->node);
}

static void
test_votetree__what_control_must_not_do(void **state)
{
	struct peal_record record = {.kind = PEAL_RECORD_SEND,
		.message = PEAL_MESSAGE_VOTE_UP,
		.target = PEAL_TARGET_TREE};
	struct world world;

	(void)state;
	set_up(&world, MEMBERS, 0);
	assert_true(peal_test_dies(vote_nonsense, &world));
	/* A vote of another view is only stale. */
	record.epoch = world.view->epoch - 1U;
	peal_bigcores_push(world.node, &record);
	peal_bigcores_turn(world.cores, world.node);
	assert_int_equal(peal_bigcores_counter(world.node, PEAL_COUNTER_SENDS_STALE), 1);
	peal_bigcores_destroy(world.cores);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_votetree__what_control_must_not_do),
		cmocka_unit_test(test_votetree__a_leaf_tells_both_parents_at_once),
		cmocka_unit_test(test_votetree__an_inner_node_waits_for_its_children),
		cmocka_unit_test(test_votetree__and_not_longer_than_its_level_takes),
		cmocka_unit_test(test_votetree__takes_bits_from_anybody_and_sends_those_of_its_run),
		cmocka_unit_test(test_votetree__repeats_and_takes_detours),
		cmocka_unit_test(test_votetree__installed_ends_and_has_no_detours),
		cmocka_unit_test(test_votetree__installed_calms_down),
		cmocka_unit_test(test_votetree__control_hears_from_half_on),
		cmocka_unit_test(test_votetree__promises_of_a_ballot_count_together),
		cmocka_unit_test(test_votetree__refuses_what_cannot_be),
		cmocka_unit_test(test_votetree__takes_flooded_bits_and_passes_them_on),
		cmocka_unit_test(test_votetree__keeps_the_keys_that_matter),
		cmocka_unit_test(
			test_votetree__a_new_view_begins_with_nothing_and_a_guest_changes_nothing),
		cmocka_unit_test(test_votetree__a_bitmap_of_ten_thousand_takes_two_frames),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
