/* SPDX-License-Identifier: BSD-3-Clause */
#include "dataplane/flood.h"

#include "tests/lib/bigcore.h"
#include "tests/lib/cmocka_all.h"
#include "tests/lib/dies.h"

#include <stdlib.h>

#define MEMBERS 100U

/* The member of rank 40 in a view of a hundred; nobody else has a core. */
struct world {
	struct peal_bigcores *cores;
	struct peal_bignode *node;
	const struct peal_peers *peers;
	uint64_t subject;  /* a member that the node observes, and that does not observe it */
	uint64_t observer; /* one that observes the node, and is not observed */
	uint64_t far;      /* a member without a slot */
};

static void
set_up(struct world *world)
{
	world->cores = peal_bigcores_create(MEMBERS, 3);
	world->node = peal_bigcores_start(world->cores, 40);
	world->peers = world->node->core.peers;
	world->subject = world->observer = world->far = 0;
	for (uint64_t mid = 1; mid <= MEMBERS; mid++) {
		uint16_t slot = peal_peers_find(world->peers, (uint32_t)mid);
		bool is_observer = false;

		for (uint32_t i = 0; i < world->peers->observers_slots_count; i++) {
			is_observer = is_observer || world->peers->observers_slots[i] == slot;
		}
		if (slot == PEAL_PEERS_NONE) {
			world->far = mid;
		} else if (world->peers->peers[slot].is_subject && !is_observer) {
			world->subject = mid;
		} else if (!world->peers->peers[slot].is_subject && is_observer) {
			world->observer = mid;
		}
	}
	assert_true(world->subject != 0 && world->observer != 0 && world->far != 0);
}

/* The member `from` says or passes on a message; the node takes it. */
static void
hear(struct world *world, uint64_t from, uint64_t origin, uint32_t origin_seq, uint8_t hop)
{
	const struct peal_flood_prefix prefix = {
		.origin = (uint32_t)origin, .origin_seq = origin_seq, .hop = hop};
	uint8_t body[PEAL_BODY_SIZE_MAX];
	uint16_t size = peal_bigcores_write(
		world->cores, prefix, (const uint8_t *)"what is said", 12, body);

	peal_bigcores_inject(world->cores, from, world->node, PEAL_MESSAGE_DECIDE, body, size);
	peal_bigcores_turn(world->cores, world->node);
}

static uint32_t
passed_count(struct world *world)
{
	return peal_bigcores_drain_sent(world->cores, PEAL_MESSAGE_DECIDE);
}

static uint32_t
handed_up_count(struct world *world)
{
	return peal_bigcores_drain(world->node, PEAL_RECORD_FRAME);
}

static void
test_flood__passes_a_message_on_to_whom_it_observes(void **state)
{
	struct world world;
	struct peal_bigframe frame;
	struct peal_record record;
	uint32_t count = 0;

	(void)state;
	set_up(&world);
	hear(&world, world.observer, world.observer, 7, 0);
	while (peal_bigcores_take(world.cores, &frame)) {
		uint16_t slot = peal_peers_find(world.peers, (uint32_t)frame.to);
		struct peal_reader reader = peal_reader_init(frame.body, frame.body_size);
		struct peal_flood_prefix prefix;

		assert_int_equal(frame.kind, PEAL_MESSAGE_DECIDE);
		assert_true(world.peers->peers[slot].is_subject);
		assert_true(peal_flood_prefix_decode(&reader, &prefix));
		assert_int_equal(prefix.origin, world.observer);
		assert_int_equal(prefix.origin_seq, 7);
		assert_int_equal(prefix.hop, 1);
		assert_true(prefix.view_tag == world.peers->view_tag);
		assert_memory_equal(frame.body + PEAL_FLOOD_PREFIX_SIZE, "what is said", 12);
		count++;
	}
	assert_int_equal(count, world.peers->subjects_count);
	assert_int_equal(peal_bigcores_counter(world.node, PEAL_COUNTER_FLOOD_PASSED), count);
	/* Control gets it as it came. */
	assert_true(peal_bigcores_find(world.node, PEAL_RECORD_FRAME, &record));
	assert_int_equal(record.message, PEAL_MESSAGE_DECIDE);
	assert_int_equal(record.mid, world.observer);
	assert_int_equal(record.body_size, PEAL_FLOOD_PREFIX_SIZE + 12U);
	assert_int_equal(world.node->up_buffers[record.buffer][PEAL_FLOOD_ID_SIZE], 0);
	peal_bigcores_destroy(world.cores);
}

/* The questions of a classic round reach also who has lost all its observers. */
static void
test_flood__asks_in_both_directions(void **state)
{
	static const uint8_t kinds[] = {PEAL_MESSAGE_P1A, PEAL_MESSAGE_P2A};
	struct world world;

	(void)state;
	set_up(&world);
	for (uint32_t i = 0; i < sizeof(kinds); i++) {
		const struct peal_flood_prefix prefix = {
			.origin = (uint32_t)world.far, .origin_seq = 7U + i, .hop = 2};
		struct peal_bitset reached = {0};
		struct peal_bigframe frame;
		uint8_t body[PEAL_BODY_SIZE_MAX];
		uint16_t size = peal_bigcores_write(
			world.cores, prefix, (const uint8_t *)"a question", 10, body);

		peal_bigcores_inject(world.cores, world.subject, world.node, kinds[i], body, size);
		peal_bigcores_turn(world.cores, world.node);
		while (peal_bigcores_take(world.cores, &frame)) {
			assert_int_equal(frame.kind, kinds[i]);
			assert_false(peal_bitset_has(&reached, (uint32_t)frame.to)); /* once each */
			peal_bitset_add(&reached, (uint32_t)frame.to);
		}
		for (uint64_t mid = 1; mid <= MEMBERS; mid++) {
			uint16_t slot = peal_peers_find(world.peers, (uint32_t)mid);
			bool is_near =
				slot != PEAL_PEERS_NONE && world.peers->peers[slot].is_subject;

			for (uint32_t k = 0; k < world.peers->observers_slots_count; k++) {
				is_near = is_near || world.peers->observers_slots[k] == slot;
			}
			assert_int_equal(peal_bitset_has(&reached, (uint32_t)mid),
				is_near && mid != world.subject);
		}
	}
	peal_bigcores_destroy(world.cores);
}

static void
test_flood__not_back_to_the_sender_nor_to_the_origin(void **state)
{
	struct world world;
	struct peal_bigframe frame;
	uint64_t other = 0;

	(void)state;
	set_up(&world);
	for (uint32_t i = 0; i < world.peers->subjects_count; i++) {
		uint64_t mid = world.peers->peers[world.peers->subjects[i]].mid;

		other = mid != world.subject ? mid : other;
	}
	hear(&world, world.subject, other, 7, 1);
	for (uint32_t count = 0;; count++) {
		if (!peal_bigcores_take(world.cores, &frame)) {
			assert_int_equal(count, world.peers->subjects_count - 2U);
			break;
		}
		assert_true(frame.to != world.subject && frame.to != other);
	}
	/* An origin far away is nobody to spare. */
	hear(&world, world.observer, world.far, 7, 4);
	assert_int_equal(passed_count(&world), world.peers->subjects_count);
	assert_int_equal(handed_up_count(&world), 2);
	peal_bigcores_destroy(world.cores);
}

static void
test_flood__a_copy_is_known_whoever_brings_it(void **state)
{
	struct world world;

	(void)state;
	set_up(&world);
	hear(&world, world.observer, world.far, 7, 2);
	assert_int_equal(handed_up_count(&world), 1);
	passed_count(&world);
	hear(&world, world.observer, world.far, 7, 2);
	hear(&world, world.subject, world.far, 7, 5);
	assert_int_equal(handed_up_count(&world), 0);
	assert_int_equal(passed_count(&world), 0);
	assert_int_equal(peal_bigcores_counter(world.node, PEAL_COUNTER_FLOOD_COPIES), 2);
	/* Own messages come back from everywhere. */
	hear(&world, world.subject, world.node->mid, 1, 3);
	assert_int_equal(handed_up_count(&world), 0);
	assert_int_equal(passed_count(&world), 0);
	assert_int_equal(peal_bigcores_counter(world.node, PEAL_COUNTER_FLOOD_COPIES), 3);
	/* Another number is another message. */
	hear(&world, world.subject, world.far, 8, 5);
	assert_int_equal(handed_up_count(&world), 1);
	peal_bigcores_destroy(world.cores);
}

static void
test_flood__refuses_what_cannot_be(void **state)
{
	struct world world;

	(void)state;
	set_up(&world);
	hear(&world, world.observer, world.far, 7, 0); /* the first hop is the origin's own */
	hear(&world, world.observer, MEMBERS + 1U, 7, 1);
	hear(&world, world.observer, world.far, 7, PEAL_FLOOD_HOPS_MAX + 1U);
	assert_int_equal(peal_bigcores_counter(world.node, PEAL_COUNTER_REFUSED_BODY), 3);
	assert_int_equal(passed_count(&world), 0);
	assert_int_equal(handed_up_count(&world), 0);
	/* The last hop is heard and goes no further. */
	hear(&world, world.observer, world.far, 7, PEAL_FLOOD_HOPS_MAX);
	assert_int_equal(passed_count(&world), 0);
	assert_int_equal(handed_up_count(&world), 1);
	hear(&world, world.observer, world.far, 9, PEAL_FLOOD_HOPS_MAX - 1U);
	assert_int_equal(passed_count(&world), world.peers->subjects_count);
	assert_int_equal(handed_up_count(&world), 1);
	peal_bigcores_destroy(world.cores);
}

/* What has no number, or is of a kind that is not flooded, goes to control only; and twice when it
 * comes twice. */
static void
test_flood__private_messages_stay(void **state)
{
	static const uint8_t kinds[] = {PEAL_MESSAGE_JOIN_FORWARD, PEAL_MESSAGE_SYNC,
		PEAL_MESSAGE_SNAPSHOT, PEAL_MESSAGE_BODY, PEAL_MESSAGE_BODY_PULL};
	struct world world;
	uint8_t body[PEAL_BODY_SIZE_MAX];
	uint16_t size;

	(void)state;
	set_up(&world);
	for (uint32_t i = 0; i < sizeof(kinds); i++) {
		const struct peal_flood_prefix prefix = {
			.origin = (uint32_t)world.observer, .origin_seq = 7};

		size = peal_bigcores_write(world.cores, prefix, kinds, sizeof(kinds), body);
		assert_true(peal_flood_is_private(kinds[i], body));
		peal_bigcores_inject(world.cores, world.observer, world.node, kinds[i], body, size);
		peal_bigcores_inject(world.cores, world.observer, world.node, kinds[i], body, size);
		peal_bigcores_turn(world.cores, world.node);
		assert_int_equal(handed_up_count(&world), 2);
		assert_int_equal(peal_bigcores_drain_sent(world.cores, kinds[i]), 0);
	}
	hear(&world, world.observer, world.observer, 0, 0);
	hear(&world, world.observer, world.observer, 0, 0);
	assert_int_equal(handed_up_count(&world), 2);
	assert_int_equal(passed_count(&world), 0);
	peal_bigcores_destroy(world.cores);
}

/* In a full set the oldest makes room; far more messages than places are still told apart. */
static void
test_flood__remembers_the_newest(void **state)
{
	const uint32_t places = PEAL_FLOOD_SETS_MAX * PEAL_FLOOD_WAYS_MAX;
	struct world world;
	uint32_t forgotten_count = 0;

	(void)state;
	set_up(&world);
	for (uint32_t number = 1; number <= 4U * places; number++) {
		hear(&world, world.observer, world.far, number, 1);
		assert_int_equal(handed_up_count(&world), 1);
		hear(&world, world.observer, world.far, number, 1);
		assert_int_equal(handed_up_count(&world), 0);
		passed_count(&world);
	}
	/* In an epoch there are some dozens: hardly one of the last hundred is forgotten. */
	for (uint32_t back = 0; back < 100; back++) {
		hear(&world, world.observer, world.far, 4U * places - back, 1);
		forgotten_count += handed_up_count(&world);
	}
	assert_in_range(forgotten_count, 0, 2);
	peal_bigcores_destroy(world.cores);
}

static void
test_flood__a_new_view_begins_with_nothing_and_a_guest_changes_nothing(void **state)
{
	struct world world;
	struct peal_proposal cut;
	const uint64_t *guests = NULL;

	(void)state;
	set_up(&world);
	guests = &world.far;
	hear(&world, world.observer, world.far, 7, 1);
	assert_int_equal(handed_up_count(&world), 1);
	peal_bigcores_install(world.cores, world.node, world.cores->group, guests, 1);
	hear(&world, world.observer, world.far, 7, 1);
	assert_int_equal(handed_up_count(&world), 0);
	cut = (struct peal_proposal){.parent_epoch = world.cores->group->view.epoch,
		.parent_hash = world.cores->group->view.hash};
	peal_bitset_add(&cut.removals, 99);
	peal_bigcores_install(world.cores, world.node,
		peal_teststore_next(world.cores->store, world.cores->group, &cut), NULL, 0);
	hear(&world, world.observer, world.far, 7, 1);
	assert_int_equal(handed_up_count(&world), 1);
	peal_bigcores_destroy(world.cores);
}

/* Without a buffer for control the message goes on all the same, and the next copy is handled. */
static void
test_flood__what_control_missed_is_handled_with_the_next_copy(void **state)
{
	struct world world;

	(void)state;
	set_up(&world);
	world.node->up.capacity = 0;
	hear(&world, world.observer, world.far, 7, 1);
	assert_int_equal(passed_count(&world), world.peers->subjects_count);
	world.node->up.capacity = PEAL_PLANE_RECORDS_MAX;
	assert_int_equal(handed_up_count(&world), 0);
	hear(&world, world.subject, world.far, 7, 2);
	assert_int_equal(handed_up_count(&world), 1);
	assert_int_equal(passed_count(&world), 0);
	hear(&world, world.observer, world.far, 7, 3);
	assert_int_equal(handed_up_count(&world), 0);
	peal_bigcores_destroy(world.cores);
}

/* A tenth of a hundred and fifty members is dead and a tenth of the frames is lost: all others hear
 * it. */
static void
test_flood__reaches_everybody_who_lives(void **state)
{
	struct peal_bigcores *cores = peal_bigcores_create(150, 11);
	struct peal_biglosses losses;
	uint32_t reached = 0;

	(void)state;
	for (uint16_t rank = 0; rank < 150; rank++) {
		if (rank % 10U != 3U) {
			peal_bigcores_start(cores, rank);
		}
	}
	peal_bigcores_lose(cores, &losses, 10, 1);
	peal_bigcores_flood(
		cores, cores->nodes[0], PEAL_MESSAGE_DECIDE, 1, (const uint8_t *)"decided", 7);
	for (uint32_t hop = 0; hop < 8; hop++) {
		peal_bigcores_turn_all(cores);
	}
	for (uint32_t i = 1; i < 150; i++) {
		if (cores->nodes[i] != NULL) {
			reached += peal_bigcores_drain(cores->nodes[i], PEAL_RECORD_FRAME);
		}
	}
	assert_int_equal(reached, 150U - 15U - 1U);
	/* Everybody sends to the ten that it observes, once. */
	assert_in_range(cores->frames_count, 8U * 135U, 10U * 150U);
	peal_bigcores_destroy(cores);
}

static void
flood_a_vote(void *argument)
{
	struct world *world = argument;

	peal_bigcores_flood(
		world->cores, world->node, PEAL_MESSAGE_VOTE, 1, (const uint8_t *)"x", 1);
	peal_bigcores_turn(world->cores, world->node);
}

static void
flood_without_number(void *argument)
{
	struct world *world = argument;

	peal_bigcores_flood(
		world->cores, world->node, PEAL_MESSAGE_P1A, 0, (const uint8_t *)"x", 1);
	peal_bigcores_turn(world->cores, world->node);
}

static void
test_flood__what_control_must_not_do(void **state)
{
	struct world world;

	(void)state;
	set_up(&world);
	assert_true(peal_test_dies(flood_a_vote, &world));
	assert_true(peal_test_dies(flood_without_number, &world));
	peal_bigcores_destroy(world.cores);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_flood__what_control_must_not_do),
		cmocka_unit_test(test_flood__passes_a_message_on_to_whom_it_observes),
		cmocka_unit_test(test_flood__asks_in_both_directions),
		cmocka_unit_test(test_flood__not_back_to_the_sender_nor_to_the_origin),
		cmocka_unit_test(test_flood__a_copy_is_known_whoever_brings_it),
		cmocka_unit_test(test_flood__refuses_what_cannot_be),
		cmocka_unit_test(test_flood__private_messages_stay),
		cmocka_unit_test(test_flood__remembers_the_newest),
		cmocka_unit_test(
			test_flood__a_new_view_begins_with_nothing_and_a_guest_changes_nothing),
		cmocka_unit_test(test_flood__what_control_missed_is_handled_with_the_next_copy),
		cmocka_unit_test(test_flood__reaches_everybody_who_lives),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
