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

/* A joiner is vouched for; returns its place. */
static uint16_t
vouch(struct world *world, uint32_t number, uint64_t now_ns)
{
	struct peal_member joiner = peal_teststore_joiner(99, 5000 + number);
	uint16_t index = peal_applicants_find_uuid(&world->applicants, joiner.uuid);

	if (index == PEAL_APPLICANT_NONE) {
		index = peal_applicants_add(&world->applicants, &joiner);
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
		peal_sequencer_on_ready(
			&world->sequencer, &probe, &world->outbox.effects[i].address, now_ns);
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
			peal_sequencer_on_ready(&world->sequencer, &probe,
				&world->outbox.effects[i].address, now_ns);
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
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
