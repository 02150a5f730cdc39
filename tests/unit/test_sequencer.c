/* SPDX-License-Identifier: BSD-3-Clause */
#include "membership/bodystore.h"
#include "membership/nextview.h"
#include "membership/sequencer.h"
#include "tests/lib/teststore.h"
#include "wire/messages.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

#define MS         UINT64_C(1000000)
#define FRAMES_MAX 40U

struct world {
	struct peal_timing timing;
	struct peal_teststore *store;
	struct peal_view view;
	struct peal_counters counters;
	struct peal_outbox outbox;
	struct peal_applicants applicants;
	struct peal_sequencer sequencer;
};

static uint64_t
heard_at_ns(void *state, uint16_t rank)
{
	(void)state;
	(void)rank;
	return 0;
}

static struct world *
make(uint16_t members_count)
{
	struct world *world = calloc(1, sizeof(*world));
	struct peal_sequencer_config config = {.timing = &world->timing,
		.view = &world->view,
		.counters = &world->counters,
		.applicants = &world->applicants,
		.self = {.low = 1, .high = 1},
		.secret = 5,
		.heard_at_ns = heard_at_ns};

	assert_true(peal_timing_find("dpdk", &world->timing));
	world->store = peal_teststore_create(256);
	world->view = peal_teststore_group(world->store, members_count, 3)->view;
	config.bodies = world->store->bodies;
	peal_sequencer_init(&world->sequencer, &config);
	return world;
}

static void
destroy(struct world *world)
{
	peal_sequencer_end(&world->sequencer);
	assert_int_equal(peal_bodystore_count(world->store->bodies.state), 0);
	assert_int_equal(peal_applicants_queue_count(&world->applicants, PEAL_QUEUE_VOUCHED), 0);
	peal_applicants_check(&world->applicants);
	peal_teststore_destroy(world->store);
	free(world);
}

/* Joiners from this number on have metadata: as many bytes as the number is above it. */
#define RICH 10000U

static uint8_t luggage[2U * PEAL_METADATA_SIZE_MAX];

static struct peal_member
member(uint32_t number)
{
	struct peal_member joiner = peal_teststore_joiner(99, 5000 + number);

	for (uint32_t i = 0; luggage[1] == 0 && i < sizeof(luggage); i++) {
		luggage[i] = (uint8_t)(i * 31U % 251U);
	}
	if (number > RICH) {
		joiner.metadata_size = (uint16_t)(number - RICH);
		joiner.metadata = luggage + number % 100U;
	}
	return joiner;
}

/* A joiner is vouched for; returns its place. */
static uint16_t
vouch(struct world *world, uint32_t number, uint64_t now_ns)
{
	struct peal_member joiner = member(number);
	uint16_t index = peal_applicants_find_uuid(&world->applicants, joiner.uuid);

	if (index == PEAL_APPLICANT_NONE) {
		struct peal_metadata_tag tag = peal_member_tag(&joiner);

		index = peal_applicants_add(&world->applicants, &joiner, &tag);
	}
	peal_sequencer_add(&world->sequencer, index, now_ns);
	return index;
}

static const struct peal_body *
tick(struct world *world, uint32_t frames_max, uint64_t now_ns)
{
	uint32_t frames_left = frames_max;
	const struct peal_body *batch = NULL;

	peal_outbox_reset(&world->outbox);
	batch = peal_sequencer_on_tick(
		&world->sequencer, true, &frames_left, now_ns, &world->outbox);
	assert_true(world->outbox.count <= frames_max - frames_left + (batch != NULL ? 1U : 0U));
	return batch;
}

/* Answers one probe as a joiner does, with the chunks in `chosen` of those that it asks for. */
static void
answer(struct world *world, const struct peal_join_probe *probe, const struct peal_address *from,
	uint8_t chosen, uint64_t now_ns)
{
	uint16_t index = peal_applicants_find_uuid(&world->applicants, probe->joiner);
	struct peal_join_ready ready = {.joiner = probe->joiner, .token = probe->token};
	const struct peal_applicant *item = &world->applicants.places[index];

	if (probe->missing == 0) {
		peal_sequencer_on_ready(&world->sequencer, &ready, from, now_ns);
	}
	for (uint32_t chunk = 0; chunk < PEAL_METADATA_CHUNKS_MAX; chunk++) {
		uint32_t offset = chunk * PEAL_CHUNK_SIZE_MAX;
		uint32_t left = item->tag.size - offset;
		uint32_t number = (uint32_t)item->tag.size + RICH;

		if (((probe->missing & chosen) >> chunk & 1U) == 0) {
			continue;
		}
		assert_true(offset < item->tag.size);
		ready.offset = (uint16_t)offset;
		ready.chunk_size =
			(uint16_t)(left < PEAL_CHUNK_SIZE_MAX ? left : PEAL_CHUNK_SIZE_MAX);
		ready.chunk = member(number).metadata + offset;
		peal_sequencer_on_ready(&world->sequencer, &ready, from, now_ns);
	}
}

/* The one probe in the outbox. Observers that are asked as well reach the joiner. */
static struct peal_join_probe
read_probe(struct world *world, uint64_t now_ns)
{
	struct peal_join_probe probe = {0};
	uint32_t probes_count = 0;

	for (uint32_t i = 0; i < world->outbox.count; i++) {
		const struct peal_effect *effect = &world->outbox.effects[i];
		struct peal_reader reader =
			peal_reader_init(peal_outbox_body(&world->outbox, i), effect->body_size);
		struct peal_reach_msg reach;

		if (effect->message == PEAL_MESSAGE_REACH) {
			assert_true(peal_reach_msg_decode(&reader, &reach));
			const struct peal_join_probe reached = {
				.joiner = reach.joiner, .token = reach.token};

			peal_sequencer_on_reached(
				&world->sequencer, effect->rank, &reached, now_ns);
			continue;
		}
		assert_int_equal(effect->message, PEAL_MESSAGE_JOIN_PROBE);
		assert_true(peal_join_probe_decode(&reader, &probe));
		probes_count++;
	}
	assert_int_equal(probes_count, 1);
	return probe;
}

/* Everybody that is asked in the outbox answers. */
static void
answer_all(struct world *world, uint64_t now_ns)
{
	for (uint32_t i = 0; i < world->outbox.count; i++) {
		struct peal_reader reader = peal_reader_init(
			peal_outbox_body(&world->outbox, i), world->outbox.effects[i].body_size);
		struct peal_join_probe probe;
		struct peal_reach_msg reach;

		if (world->outbox.effects[i].message == PEAL_MESSAGE_REACH) {
			assert_true(peal_reach_msg_decode(&reader, &reach));
			probe = (struct peal_join_probe){
				.joiner = reach.joiner, .token = reach.token};
			peal_sequencer_on_reached(
				&world->sequencer, world->outbox.effects[i].rank, &probe, now_ns);
			continue;
		}
		assert_int_equal(world->outbox.effects[i].message, PEAL_MESSAGE_JOIN_PROBE);
		assert_true(peal_join_probe_decode(&reader, &probe));
		answer(world, &probe, &world->outbox.effects[i].address, UINT8_MAX, now_ns);
	}
}

/* Whoever is asked by the sequencer itself answers; its observers get no answer. */
static void
answer_probes(struct world *world, uint64_t now_ns)
{
	for (uint32_t i = 0; i < world->outbox.count; i++) {
		struct peal_reader reader = peal_reader_init(
			peal_outbox_body(&world->outbox, i), world->outbox.effects[i].body_size);
		struct peal_join_probe probe;

		if (world->outbox.effects[i].message == PEAL_MESSAGE_JOIN_PROBE) {
			assert_true(peal_join_probe_decode(&reader, &probe));
			answer(world, &probe, &world->outbox.effects[i].address, UINT8_MAX, now_ns);
		}
	}
}

/* Quiet ends the window; without quiet, its length does. */
static void
test_sequencer__the_window_is_bounded_both_ways(void **state)
{
	struct world *world = make(100);

	(void)state;
	for (uint64_t now_ns = MS; now_ns < world->timing.join_window_ns; now_ns += 4U * MS) {
		(void)vouch(world, (uint32_t)(now_ns / MS), now_ns);
		assert_null(tick(world, FRAMES_MAX, now_ns));
		assert_int_equal(world->outbox.count, 0);
	}
	assert_int_equal(peal_sequencer_deadline_at_ns(&world->sequencer),
		MS + world->timing.join_window_ns);
	assert_null(tick(world, FRAMES_MAX, MS + world->timing.join_window_ns));
	assert_true(world->outbox.count > 0);
	destroy(world);
}

/* As many as a cut takes: no use in waiting. */
static void
test_sequencer__a_full_window_ends_at_once(void **state)
{
	struct world *world = make(2);

	(void)state;
	for (uint32_t i = 0; i < PEAL_GROWTH_MAX(2U); i++) {
		(void)vouch(world, i, MS);
	}
	assert_null(tick(world, FRAMES_MAX, MS));
	assert_int_equal(world->outbox.count, FRAMES_MAX);
	destroy(world);
}

/* So many questions are open at a time, and who is mute costs two of them and D. */
static void
test_sequencer__asks_some_at_a_time(void **state)
{
	struct world *world = make(100);
	const struct peal_body *batch = NULL;
	uint64_t now_ns = MS;
	uint32_t asked_count = 0;

	(void)state;
	for (uint32_t i = 0; i < 500; i++) {
		(void)vouch(world, i, now_ns);
	}
	now_ns = peal_sequencer_deadline_at_ns(&world->sequencer);
	assert_true(now_ns >= MS + world->timing.join_quiet_ns);
	/* Nobody answers: one hundred of those in line, then all the others do. */
	for (uint32_t i = 0; i < 8; i++) {
		assert_null(tick(world, FRAMES_MAX, now_ns));
		asked_count += world->outbox.count;
	}
	assert_in_range(asked_count, 32, 128);
	while (batch == NULL) {
		now_ns += MS / 10U;
		batch = tick(world, FRAMES_MAX, now_ns);
		if (batch == NULL) {
			answer_all(world, now_ns);
		}
	}
	assert_true(now_ns < 200 * MS);
	assert_true(batch->proposal.additions_count >= 500 - 128);
	assert_int_equal(peal_nextview_validate(&world->view, &batch->proposal), PEAL_VALID);
	destroy(world);
}

/* Somebody else's batch: no own one for a while. */
static void
test_sequencer__holds_back_when_told(void **state)
{
	struct world *world = make(10);

	(void)state;
	(void)vouch(world, 1, MS);
	peal_sequencer_hold(&world->sequencer, 500 * MS);
	assert_int_equal(peal_sequencer_deadline_at_ns(&world->sequencer), 500 * MS);
	assert_null(tick(world, FRAMES_MAX, 499 * MS));
	assert_int_equal(world->outbox.count, 0);
	assert_null(tick(world, FRAMES_MAX, 500 * MS));
	assert_int_equal(world->outbox.count, 1U + 9U); /* and the observers that are asked */
	destroy(world);
}

/* A joiner that answers, but not to its observers, waits; when they had time to be found dead, it
 * is told who they are, and told again only after that time. */
static void
test_sequencer__tells_whom_observers_do_not_reach(void **state)
{
	struct world *world = make(5);
	uint64_t patience_ns = 2U * peal_timing_detection_ns(&world->timing);
	uint32_t told_count = 0;

	(void)state;
	(void)vouch(world, 1, MS);
	for (uint64_t now_ns = MS; now_ns < MS + 3U * patience_ns; now_ns += MS / 2U) {
		assert_null(tick(world, FRAMES_MAX, now_ns));
		for (uint32_t i = 0; i < world->outbox.count; i++) {
			struct peal_effect *effect = &world->outbox.effects[i];
			bool is_told = effect->message == PEAL_MESSAGE_UNREACHABLE;

			assert_true(!is_told || now_ns >= MS + patience_ns);
			told_count += is_told ? 1U : 0U;
		}
		answer_probes(world, now_ns);
		(void)vouch(world, 1, now_ns);
	}
	assert_int_equal(told_count, 2);
	assert_int_equal(peal_counter_get(&world->counters, PEAL_COUNTER_JOINERS_UNREACHABLE), 2);
	assert_int_equal(peal_counter_get(&world->counters, PEAL_COUNTER_JOINERS_MUTE), 0);
	destroy(world);
}

/* What nobody vouches for any more is found, oldest first. */
static void
test_sequencer__finds_who_was_forgotten(void **state)
{
	struct world *world = make(10);
	uint64_t expiry_ns = PEAL_SEQUENCER_EXPIRY_FORWARDS * (world->timing.join_forward_ns + MS);
	uint16_t first = 0;

	(void)state;
	first = vouch(world, 1, MS);
	(void)vouch(world, 2, 2 * MS);
	assert_int_equal(peal_sequencer_find_stale(&world->sequencer, 3 * MS), PEAL_APPLICANT_NONE);
	assert_int_equal(peal_sequencer_find_stale(&world->sequencer, 3 * MS + expiry_ns), first);
	(void)vouch(world, 1, 4 * MS);
	assert_true(peal_sequencer_find_stale(&world->sequencer, 3 * MS + expiry_ns) != first);
	destroy(world);
}

/* Vouches for one joiner and ticks until it is asked. */
static struct peal_join_probe
ask_one(struct world *world, uint32_t number, uint64_t *now_ns)
{
	(void)vouch(world, number, *now_ns);
	*now_ns += world->timing.join_quiet_ns;
	assert_null(tick(world, FRAMES_MAX, *now_ns));
	return read_probe(world, *now_ns);
}

/* The probe asks for each chunk that there is; with the last of them the joiner is in the batch. */
static void
test_sequencer__metadata_comes_with_the_answer(void **state)
{
	const uint32_t sizes[] = {1, 64, PEAL_CHUNK_SIZE_MAX, PEAL_CHUNK_SIZE_MAX + 1U,
		3U * PEAL_CHUNK_SIZE_MAX, PEAL_METADATA_SIZE_MAX};
	const uint8_t chunks[] = {1, 1, 1, 3, 7, 15};

	(void)state;
	for (uint32_t i = 0; i < sizeof(chunks); i++) {
		struct world *world = make(3);
		struct peal_member joiner = member(RICH + sizes[i]);
		uint64_t now_ns = MS;
		struct peal_join_probe probe = ask_one(world, RICH + sizes[i], &now_ns);
		const struct peal_body *batch;

		assert_int_equal(probe.missing, chunks[i]);
		/* An answer without it is no answer. */
		probe.missing = 0;
		answer(world, &probe, &joiner.address, UINT8_MAX, now_ns);
		assert_null(tick(world, FRAMES_MAX, now_ns));
		probe.missing = chunks[i];
		answer(world, &probe, &joiner.address, UINT8_MAX, now_ns);
		batch = tick(world, FRAMES_MAX, now_ns);
		assert_non_null(batch);
		assert_int_equal(batch->proposal.additions_count, 1);
		assert_int_equal(batch->proposal.additions[0].metadata_size, sizes[i]);
		assert_memory_equal(
			batch->proposal.additions[0].metadata, joiner.metadata, sizes[i]);
		destroy(world);
	}
}

/* Lost chunks are asked for again, and only those; whoever brings some is not given up yet. */
static void
test_sequencer__lost_chunks_are_asked_for_again(void **state)
{
	struct world *world = make(3);
	struct peal_member joiner = member(RICH + PEAL_METADATA_SIZE_MAX);
	uint64_t now_ns = MS;
	struct peal_join_probe probe = ask_one(world, RICH + PEAL_METADATA_SIZE_MAX, &now_ns);
	const uint8_t missing[] = {15, 13, 12, 8};

	(void)state;
	for (uint32_t i = 0; i < sizeof(missing); i++) {
		uint8_t chosen = i + 1U < sizeof(missing) ? missing[i] ^ missing[i + 1U] : 8;

		assert_int_equal(probe.missing, missing[i]);
		answer(world, &probe, &joiner.address, chosen, now_ns);
		answer(world, &probe, &joiner.address, chosen, now_ns); /* twice: nothing */
		if (i + 1U < sizeof(missing)) {
			assert_null(tick(world, FRAMES_MAX, now_ns));
			assert_int_equal(world->outbox.count, 0);
			now_ns += world->timing.flood_ns / 2U;
			assert_null(tick(world, FRAMES_MAX, now_ns));
			probe = read_probe(world, now_ns);
		}
	}
	assert_non_null(tick(world, FRAMES_MAX, now_ns));
	assert_int_equal(peal_counter_get(&world->counters, PEAL_COUNTER_JOINERS_MUTE), 0);
	destroy(world);
}

/* Chunks of the wrong size or place, and bytes that are not what was announced: counted, and the
 * joiner is left out, and its room is free again. */
static void
test_sequencer__spoiled_metadata_keeps_a_joiner_out(void **state)
{
	(void)state;
	for (uint32_t way = 0; way < 4; way++) {
		struct world *world = make(3);
		struct peal_member joiner = member(RICH + 1500);
		uint64_t now_ns = MS;
		struct peal_join_probe probe = ask_one(world, RICH + 1500, &now_ns);
		struct peal_join_ready ready = {.joiner = probe.joiner,
			.token = probe.token,
			.chunk_size = PEAL_CHUNK_SIZE_MAX,
			.chunk = joiner.metadata};

		assert_true(world->sequencer.luggage.used_count > 0);
		answer(world, &probe, &joiner.address, 2, now_ns);
		switch (way) {
		case 0:
			ready.chunk_size--;
			break;
		case 1:
			ready.offset = PEAL_CHUNK_SIZE_MAX;
			break;
		case 2:
			ready.offset = 2U * PEAL_CHUNK_SIZE_MAX;
			break;
		default:
			ready.chunk++;
			break;
		}
		peal_sequencer_on_ready(&world->sequencer, &ready, &joiner.address, now_ns);
		assert_int_equal(
			peal_counter_get(&world->counters, PEAL_COUNTER_METADATA_SPOILED), 1);
		assert_int_equal(world->sequencer.luggage.used_count, 0);
		assert_null(tick(world, FRAMES_MAX, now_ns));
		/* The truth, but nobody asks for it now. */
		answer(world, &probe, &joiner.address, 3, now_ns);
		assert_null(tick(world, FRAMES_MAX, now_ns));
		destroy(world);
	}
}

/* No more answers at once than rings take, whether they are many joiners' or many pieces. */
static void
test_sequencer__asks_for_few_pieces_at_once(void **state)
{
	struct world *world = make(100);
	uint64_t now_ns = MS;

	(void)state;
	for (uint32_t i = 0; i < 30; i++) {
		struct peal_member joiner = member(i);
		struct peal_metadata_tag tag = {
			.size = PEAL_METADATA_SIZE_MAX, .digest = {.low = 1}};

		peal_sequencer_add(&world->sequencer,
			peal_applicants_add(&world->applicants, &joiner, &tag), now_ns);
	}
	now_ns += world->timing.join_quiet_ns;
	assert_null(tick(world, FRAMES_MAX, now_ns));
	assert_int_equal(world->outbox.count, 64U / PEAL_METADATA_CHUNKS_MAX);
	assert_null(tick(world, FRAMES_MAX, now_ns));
	assert_int_equal(world->outbox.count, 0);
	destroy(world);
}

/* Joiners that announce much and bring nothing hold no room for longer than their patience; the
 * others go on. */
static void
test_sequencer__who_brings_nothing_gives_room_back(void **state)
{
	const uint32_t room = PEAL_VIEW_METADATA_BYTES_MAX / PEAL_METADATA_SIZE_MAX;
	struct world *world = make(100);
	const struct peal_body *batch = NULL;
	uint32_t asked_count = 0;

	(void)state;
	for (uint32_t i = 0; i < room + 20U; i++) {
		struct peal_member joiner = member(i);
		struct peal_metadata_tag tag = {
			.size = PEAL_METADATA_SIZE_MAX, .digest = {.low = 1}};

		peal_sequencer_add(&world->sequencer,
			peal_applicants_add(&world->applicants, &joiner, &tag), MS);
	}
	(void)vouch(world, RICH + 7U, MS);
	for (uint64_t now_ns = MS; batch == NULL && now_ns < 2000 * MS; now_ns += MS / 10U) {
		batch = tick(world, FRAMES_MAX, now_ns);
		for (uint32_t i = 0; batch == NULL && i < world->outbox.count; i++) {
			struct peal_reader reader =
				peal_reader_init(peal_outbox_body(&world->outbox, i),
					world->outbox.effects[i].body_size);
			struct peal_join_probe probe;

			assert_true(peal_join_probe_decode(&reader, &probe));
			asked_count++;
			if (peal_uuid_equals(probe.joiner, member(RICH + 7U).uuid)) {
				answer(world, &probe, &world->outbox.effects[i].address, UINT8_MAX,
					now_ns);
			}
		}
	}
	assert_true(batch != NULL && batch->proposal.additions_count == 1);
	assert_true(asked_count > room);
	destroy(world);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_sequencer__the_window_is_bounded_both_ways),
		cmocka_unit_test(test_sequencer__a_full_window_ends_at_once),
		cmocka_unit_test(test_sequencer__asks_some_at_a_time),
		cmocka_unit_test(test_sequencer__holds_back_when_told),
		cmocka_unit_test(test_sequencer__tells_whom_observers_do_not_reach),
		cmocka_unit_test(test_sequencer__finds_who_was_forgotten),
		cmocka_unit_test(test_sequencer__metadata_comes_with_the_answer),
		cmocka_unit_test(test_sequencer__lost_chunks_are_asked_for_again),
		cmocka_unit_test(test_sequencer__spoiled_metadata_keeps_a_joiner_out),
		cmocka_unit_test(test_sequencer__who_brings_nothing_gives_room_back),
		cmocka_unit_test(test_sequencer__asks_for_few_pieces_at_once),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
