/* SPDX-License-Identifier: BSD-3-Clause */
#include "membership/admission.h"
#include "membership/nextview.h"
#include "tests/lib/teststore.h"
#include "wire/messages.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define MS         UINT64_C(1000000)
#define FRAMES_MAX 40U

struct world {
	struct peal_timing timing;
	struct peal_teststore *store;
	struct peal_view view;
	struct peal_topology topology;
	struct peal_counters counters;
	struct peal_outbox outbox;
	uint64_t heard_at_ns[512];
	struct peal_admission admission;
};

static const uint8_t cookie_good[16] = {1};
static const uint8_t cookie_old[16] = {2};

static uint64_t
heard_at_ns(void *state, uint16_t rank)
{
	const struct world *world = state;

	return world->heard_at_ns[rank];
}

/* A joiner; the members of a view are others. */
static struct peal_member
member(uint32_t number)
{
	return (struct peal_member){.uuid = {.low = number, .high = 9},
		.address = {.ipv4 = number, .port = 1, .mac = {2, 0, 0, 0, 0, 1}},
		.shards_count = 1};
}

/* `members_count` members; this node is the sequencer of the epoch. */
static struct world *
make(uint16_t members_count)
{
	struct world *world = calloc(1, sizeof(*world));
	struct peal_admission_config config = {.timing = &world->timing,
		.view = &world->view,
		.topology = &world->topology,
		.counters = &world->counters,
		.parameters = {.values = {10, 9, 3, 10, 4, 64, 50000, 1}},
		.secret = 77,
		.heard_at_ns = heard_at_ns,
		.heard_state = world};
	const struct peal_group *group = NULL;
	struct peal_invitee invitees[PEAL_ADMISSION_GUESTS_MAX];

	assert_true(peal_timing_find("dpdk", &world->timing));
	world->store = peal_teststore_create(512);
	group = peal_teststore_group(world->store, members_count, 3);
	world->view = group->view;
	world->topology = group->topology;
	config.bodies = world->store->bodies;
	config.self = world->view.members[0].uuid;
	peal_admission_init(&world->admission, &config);
	assert_int_equal(
		peal_admission_on_view(&world->admission,
			peal_rings_elect(&world->topology, &world->view, 0, 0), 0, 0, invitees),
		0);
	return world;
}

static void
destroy(struct world *world)
{
	peal_applicants_check(&world->admission.applicants);
	peal_admission_end(&world->admission);
	peal_applicants_check(&world->admission.applicants);
	peal_teststore_destroy(world->store);
	free(world);
}

/* Stands for the hash of the group's own parameters. */
#define EQUAL 5U

static struct peal_join_answer
ask_as(struct world *world, const struct peal_member *joiner, uint64_t parameters,
	const uint8_t *cookie, uint64_t now_ns)
{
	struct peal_join_request request = {
		.parameters = parameters == EQUAL
				      ? peal_parameters_hash(&world->admission.config.parameters)
				      : parameters,
		.expect = 1,
		.member = *joiner,
		.tag = peal_member_tag(joiner)};
	struct peal_join_answer answer;
	struct peal_reader reader;
	bool is_member = false;

	memcpy(request.cookie, cookie, 16);
	peal_outbox_reset(&world->outbox);
	is_member = peal_admission_on_request(&world->admission, &request, &request.member.address,
		cookie_good, cookie_old, now_ns, &world->outbox);
	assert_int_equal(world->outbox.count, 1);
	assert_int_equal(world->outbox.effects[0].message, PEAL_MESSAGE_JOIN_ANSWER);
	reader = peal_reader_init(
		peal_outbox_body(&world->outbox, 0), world->outbox.effects[0].body_size);
	assert_true(peal_join_answer_decode(&reader, &answer));
	assert_int_equal(is_member, answer.status == PEAL_JOIN_ALREADY_MEMBER);
	return answer;
}

static struct peal_join_answer
ask(struct world *world, uint32_t number, uint64_t parameters, const uint8_t *cookie,
	uint64_t now_ns)
{
	struct peal_member joiner = member(number);

	return ask_as(world, &joiner, parameters, cookie, now_ns);
}

static const struct peal_body *
tick(struct world *world, bool is_free, uint64_t now_ns)
{
	peal_outbox_reset(&world->outbox);
	return peal_admission_on_tick(
		&world->admission, is_free, FRAMES_MAX, now_ns, &world->outbox);
}

/* The observer that effect `index` asks reaches the joiner. */
static void
reach(struct world *world, uint32_t index, uint64_t mute, uint64_t now_ns)
{
	struct peal_reader reader = peal_reader_init(
		peal_outbox_body(&world->outbox, index), world->outbox.effects[index].body_size);
	struct peal_reach_msg message;
	struct peal_join_probe reached;

	assert_true(peal_reach_msg_decode(&reader, &message));
	reached = (struct peal_join_probe){.joiner = message.joiner, .token = message.token};
	if (message.joiner.low < mute) {
		peal_sequencer_on_reached(&world->admission.sequencer,
			world->outbox.effects[index].rank, &reached, now_ns);
	}
}

/* What all joiners have that have metadata: as much as a joiner's record says. */
static const uint8_t luggage[PEAL_METADATA_SIZE_MAX];
static const struct peal_metadata_tag tag_none;

/* Answers a probe as the joiner does. */
static void
answer(struct world *world, const struct peal_join_probe *probe, const struct peal_address *from,
	uint64_t now_ns)
{
	uint16_t index = peal_applicants_find_uuid(&world->admission.applicants, probe->joiner);
	uint16_t size = world->admission.applicants.places[index].tag.size;
	struct peal_join_ready ready = {.joiner = probe->joiner, .token = probe->token};

	if (probe->missing == 0) {
		peal_admission_on_ready(&world->admission, &ready, from, now_ns);
	}
	for (uint32_t offset = 0; probe->missing != 0 && offset < size;
		offset += PEAL_CHUNK_SIZE_MAX) {
		uint32_t left = size - offset;

		ready.offset = (uint16_t)offset;
		ready.chunk = luggage + offset;
		ready.chunk_size =
			(uint16_t)(left < PEAL_CHUNK_SIZE_MAX ? left : PEAL_CHUNK_SIZE_MAX);
		peal_admission_on_ready(&world->admission, &ready, from, now_ns);
	}
}

/* Ticks, and answers each JOIN_PROBE but those of joiners from `mute` on, until a batch leaves or
 * time is up. */
static const struct peal_body *
tick_answering(struct world *world, uint64_t mute, uint64_t from_ns, uint64_t until_ns)
{
	for (uint64_t now_ns = from_ns; now_ns <= until_ns; now_ns += MS / 10U) {
		const struct peal_body *batch = tick(world, true, now_ns);

		for (uint32_t i = 0; batch == NULL && i < world->outbox.count; i++) {
			struct peal_reader reader =
				peal_reader_init(peal_outbox_body(&world->outbox, i),
					world->outbox.effects[i].body_size);
			struct peal_join_probe probe;

			if (world->outbox.effects[i].message == PEAL_MESSAGE_REACH) {
				reach(world, i, mute, now_ns);
			}
			if (world->outbox.effects[i].message != PEAL_MESSAGE_JOIN_PROBE) {
				continue;
			}
			assert_true(peal_join_probe_decode(&reader, &probe));
			if (probe.joiner.low < mute) {
				answer(world, &probe, &world->outbox.effects[i].address, now_ns);
			}
		}
		if (batch != NULL) {
			return batch;
		}
	}
	return NULL;
}

static void
test_admission__every_refusal_by_name(void **state)
{
	struct world *world = make(2);
	struct peal_member old = world->view.members[1];
	uint8_t wrong[16] = {7};
	uint8_t none[16] = {0};

	struct peal_join_answer mismatch;
	struct peal_parameters told;

	(void)state;
	mismatch = ask(world, 9, 6, cookie_good, 1);
	assert_int_equal(mismatch.status, PEAL_JOIN_PARAMETER_MISMATCH);
	assert_true(peal_parameters_decode(mismatch.cookie, &told));
	assert_memory_equal(&told, &world->admission.config.parameters, sizeof(told));
	assert_int_equal(ask(world, 9, EQUAL, none, 1).status, PEAL_JOIN_CHALLENGE);
	assert_int_equal(peal_counter_get(&world->counters, PEAL_COUNTER_COOKIES_REFUSED), 0);
	assert_int_equal(ask(world, 9, EQUAL, wrong, 1).status, PEAL_JOIN_CHALLENGE);
	assert_int_equal(peal_counter_get(&world->counters, PEAL_COUNTER_COOKIES_REFUSED), 1);
	assert_int_equal(ask(world, 9, EQUAL, cookie_old, 1).status, PEAL_JOIN_PENDING);
	old.mid = 0;
	assert_int_equal(
		ask_as(world, &old, EQUAL, cookie_good, 1).status, PEAL_JOIN_ALREADY_MEMBER);
	peal_admission_bury(&world->admission, (struct peal_uuid){.low = 8, .high = 9});
	assert_int_equal(ask(world, 8, EQUAL, cookie_good, 1).status, PEAL_JOIN_UUID_USED);
	for (uint32_t i = 100; i < 100 + PEAL_PENDING_JOINS_MAX - 1U; i++) {
		assert_int_equal(ask(world, i, EQUAL, cookie_good, 1).status, PEAL_JOIN_PENDING);
	}
	assert_int_equal(ask(world, 30000, EQUAL, cookie_good, 1).status, PEAL_JOIN_BUSY);
	/* One that asks again keeps its place. */
	assert_int_equal(ask(world, 100, EQUAL, cookie_good, 2).status, PEAL_JOIN_PENDING);
	destroy(world);
}

static void
test_admission__one_batch_in_uuid_order_after_the_window(void **state)
{
	struct world *world = make(2);
	const struct peal_body *batch = NULL;

	(void)state;
	(void)ask(world, 30, EQUAL, cookie_good, 1);
	(void)ask(world, 20, EQUAL, cookie_good, 1);
	assert_null(tick(world, true, 1)); /* forwarded to itself: the window opens */
	assert_int_equal(world->outbox.count, 0);
	assert_null(tick(world, false, 1 + world->timing.join_quiet_ns));
	assert_true(
		peal_admission_deadline_at_ns(&world->admission) > 1 + world->timing.join_quiet_ns);
	batch = tick_answering(world, UINT64_MAX, 1 + 2 * world->timing.join_quiet_ns, 50 * MS);
	assert_non_null(batch);
	assert_int_equal(world->outbox.count, 1);
	assert_int_equal(world->outbox.effects[0].message, PEAL_MESSAGE_JOIN_BATCH);
	assert_int_equal(batch->proposal.additions_count, 2);
	assert_int_equal(batch->proposal.additions[0].uuid.low, 20);
	assert_true(peal_bitset_is_empty(&batch->proposal.removals));
	assert_int_equal(peal_nextview_validate(&world->view, &batch->proposal), PEAL_VALID);
	/* Once an epoch; then only repeats of the same. */
	(void)ask(world, 40, EQUAL, cookie_good, 50 * MS);
	assert_null(tick_answering(world, UINT64_MAX, 51 * MS, 900 * MS));
	assert_true(peal_counter_get(&world->counters, PEAL_COUNTER_BATCHES_SENT) > 3);
	destroy(world);
}

/* Who died since it asked would cost the group a member; such are not admitted. */
static void
test_admission__who_does_not_answer_is_left_out(void **state)
{
	struct world *world = make(2);
	const struct peal_body *batch = NULL;

	(void)state;
	for (uint32_t number = 30; number < 60; number++) {
		(void)ask(world, number, EQUAL, cookie_good, 1);
	}
	batch = tick_answering(world, 40, 1, 100 * MS);
	assert_non_null(batch);
	assert_int_equal(batch->proposal.additions_count, 10);
	for (uint32_t i = 0; i < 10; i++) {
		assert_int_equal(batch->proposal.additions[i].uuid.low, 30 + i);
	}
	assert_int_equal(peal_counter_get(&world->counters, PEAL_COUNTER_JOINERS_MUTE), 20);
	destroy(world);
}

/* An answer counts once, with its token, from its address, while it is asked for. */
static void
test_admission__false_answers_are_nothing(void **state)
{
	struct world *world = make(2);
	struct peal_member joiner = member(30);
	struct peal_join_ready ready = {.joiner = joiner.uuid};
	struct peal_join_probe probe;
	struct peal_reader reader;

	(void)state;
	(void)ask(world, 30, EQUAL, cookie_good, 1);
	assert_null(tick(world, true, 1));
	assert_null(tick(world, true, 1 + world->timing.join_quiet_ns));
	assert_int_equal(world->outbox.count, 2);
	reach(world, 1, UINT64_MAX, 6 * MS);
	reader = peal_reader_init(
		peal_outbox_body(&world->outbox, 0), world->outbox.effects[0].body_size);
	assert_true(peal_join_probe_decode(&reader, &probe));
	ready.token = probe.token + 1U;
	peal_admission_on_ready(&world->admission, &ready, &joiner.address, 6 * MS);
	ready.token--;
	joiner.address.port++;
	peal_admission_on_ready(&world->admission, &ready, &joiner.address, 6 * MS);
	assert_null(tick(world, true, 6 * MS));
	joiner.address.port--;
	peal_admission_on_ready(&world->admission, &ready, &joiner.address, 6 * MS);
	assert_non_null(tick(world, true, 6 * MS));
	destroy(world);
}

/* A cut adds at most so many that those who were there before stay the ones who know. */
static void
test_admission__a_batch_is_bounded_by_growth(void **state)
{
	struct world *world = make(2);
	const struct peal_body *batch = NULL;

	(void)state;
	for (uint32_t number = 0; number < 100; number++) {
		(void)ask(world, 30 + number, EQUAL, cookie_good, 1);
	}
	batch = tick_answering(world, UINT64_MAX, 1, 100 * MS);
	assert_non_null(batch);
	assert_int_equal(batch->proposal.additions_count, PEAL_GROWTH_MAX(2U));
	assert_true(batch->size > PEAL_INLINE_SIZE_MAX);
	destroy(world);
}

/* Nodes may have less room than a view may have members: nobody is admitted beyond. */
static void
test_admission__ends_where_there_is_no_more_room(void **state)
{
	struct world *world = make(100);
	const struct peal_body *batch = NULL;

	(void)state;
	assert_int_equal(world->admission.sequencer.config.members_max, PEAL_MEMBERS_MAX);
	world->admission.sequencer.config.members_max = 103;
	for (uint32_t number = 0; number < 10; number++) {
		assert_int_equal(
			ask(world, 1000 + number, EQUAL, cookie_good, 1).status, PEAL_JOIN_PENDING);
	}
	batch = tick_answering(world, UINT64_MAX, 1, 100 * MS);
	assert_non_null(batch);
	assert_int_equal(batch->proposal.additions_count, 3);
	destroy(world);

	world = make(100);
	world->admission.sequencer.config.members_max = 100;
	assert_int_equal(ask(world, 1000, EQUAL, cookie_good, 1).status, PEAL_JOIN_BUSY);
	destroy(world);
}

/* Of ten thousand that ask at once as many as a cut takes are in the first batch. */
static void
test_admission__thousands_at_once(void **state)
{
	struct world *world = make(200);
	const struct peal_body *batch = NULL;

	(void)state;
	for (uint32_t number = 0; number < 10000; number++) {
		assert_int_equal(
			ask(world, 1000 + number, EQUAL, cookie_good, number * UINT64_C(1000))
				.status,
			PEAL_JOIN_PENDING);
	}
	/* So many may not ask each in T_fwd. */
	assert_int_equal(peal_admission_retry_ms(&world->admission), 500);
	batch = tick_answering(world, UINT64_MAX, 10 * MS, 200 * MS);
	assert_non_null(batch);
	assert_int_equal(batch->proposal.additions_count, PEAL_GROWTH_MAX(200U));
	assert_int_equal(peal_nextview_validate(&world->view, &batch->proposal), PEAL_VALID);
	destroy(world);
}

/* A batch makes no view with more metadata than one may have. */
static void
test_admission__metadata_bounds_a_batch(void **state)
{
	struct world *world = make(400);
	const struct peal_body *batch = NULL;
	uint32_t size = 0;

	(void)state;
	for (uint32_t i = 0; i < 200; i++) {
		struct peal_member joiner = member(1000 + i);

		joiner.metadata_size = PEAL_METADATA_SIZE_MAX;
		joiner.metadata = luggage;
		assert_int_equal(
			ask_as(world, &joiner, EQUAL, cookie_good, 1).status, PEAL_JOIN_PENDING);
	}
	/* Pretend that most of it is taken already. */
	world->view.metadata_size = PEAL_VIEW_METADATA_BYTES_MAX / 2U + 100U;
	batch = tick_answering(world, UINT64_MAX, 1, 400 * MS);
	assert_non_null(batch);
	for (uint32_t i = 0; i < batch->proposal.additions_count; i++) {
		size += batch->proposal.additions[i].metadata_size;
	}
	assert_true(size + world->view.metadata_size <= PEAL_VIEW_METADATA_BYTES_MAX);
	assert_true(size + world->view.metadata_size + PEAL_METADATA_SIZE_MAX >
		    PEAL_VIEW_METADATA_BYTES_MAX);
	assert_true(peal_counter_get(&world->counters, PEAL_COUNTER_METADATA_FULL) > 0);
	world->view.metadata_size = 0;
	destroy(world);
}

/* Who would bring too much is told so at once; one that takes the place of another is not. */
static void
test_admission__a_view_full_of_metadata_is_a_refusal(void **state)
{
	struct world *world = make(3);
	struct peal_member *members = calloc(3, sizeof(*members));
	struct peal_member joiner = member(30);
	struct peal_member heir = member(31);

	(void)state;
	memcpy(members, world->view.members, 3 * sizeof(*members));
	members[1].metadata_size = 100;
	members[1].metadata = luggage;
	world->view.members = members;
	world->view.metadata_size = PEAL_VIEW_METADATA_BYTES_MAX - 10U;
	joiner.metadata = luggage;
	joiner.metadata_size = 11;
	assert_int_equal(
		ask_as(world, &joiner, EQUAL, cookie_good, 1).status, PEAL_JOIN_METADATA_FULL);
	assert_int_equal(peal_counter_get(&world->counters, PEAL_COUNTER_METADATA_FULL), 1);
	assert_int_equal(peal_counter_get(&world->counters, PEAL_COUNTER_JOINS_REFUSED), 1);
	assert_int_equal(world->admission.applicants.count, 0);
	joiner.metadata_size = 10;
	assert_int_equal(ask_as(world, &joiner, EQUAL, cookie_good, 1).status, PEAL_JOIN_PENDING);
	heir.address = members[1].address;
	heir.metadata = luggage;
	heir.metadata_size = 111;
	assert_int_equal(
		ask_as(world, &heir, EQUAL, cookie_good, 1).status, PEAL_JOIN_METADATA_FULL);
	heir.metadata_size = 110;
	assert_int_equal(ask_as(world, &heir, EQUAL, cookie_good, 1).status, PEAL_JOIN_REPLACING);
	world->view.metadata_size = 0;
	destroy(world);
	free(members);
}

/* A joiner that says something else about its metadata is asked for that. */
static void
test_admission__other_metadata_is_asked_for_anew(void **state)
{
	struct world *world = make(2);
	struct peal_member joiner = member(30);
	const struct peal_body *batch = NULL;

	(void)state;
	joiner.metadata = luggage;
	joiner.metadata_size = 2000;
	(void)ask_as(world, &joiner, EQUAL, cookie_good, 1);
	assert_null(tick(world, true, 1));
	assert_null(tick(world, true, 1 + world->timing.join_quiet_ns));
	/* The joiner, and the other member whether it reaches it. */
	assert_int_equal(world->outbox.count, 2);
	joiner.metadata_size = 30;
	(void)ask_as(world, &joiner, EQUAL, cookie_good, 6 * MS);
	batch = tick_answering(world, UINT64_MAX, 6 * MS, 400 * MS);
	assert_non_null(batch);
	assert_int_equal(batch->proposal.additions_count, 1);
	assert_int_equal(batch->proposal.additions[0].metadata_size, 30);
	destroy(world);
}

static void
test_admission__forgets_who_does_not_ask_any_more(void **state)
{
	struct world *world = make(2);
	uint64_t gone_ns = PEAL_SEQUENCER_EXPIRY_FORWARDS * world->timing.join_forward_ns;

	(void)state;
	(void)ask(world, 30, EQUAL, cookie_good, 1);
	assert_null(tick(world, false, 1));
	assert_null(tick(world, false, gone_ns / 2));
	assert_null(tick(world, false, 2 * gone_ns));
	assert_null(tick(world, true, 2 * gone_ns + 100 * MS));
	assert_int_equal(world->admission.applicants.count, 0);
	destroy(world);
}

/* A process at the address of member 1 of the view. */
static struct peal_member
successor(const struct world *world)
{
	struct peal_member joiner = world->view.members[1];

	joiner.uuid.low = 77;
	joiner.mid = 0;
	return joiner;
}

static void
test_admission__replaces_only_who_is_silent(void **state)
{
	struct world *world = make(2);
	struct peal_member joiner = successor(world);
	const struct peal_body *batch = NULL;

	(void)state;
	assert_int_equal(
		ask_as(world, &joiner, EQUAL, cookie_good, 10 * MS).status, PEAL_JOIN_REPLACING);
	world->heard_at_ns[1] = 11 * MS;
	assert_null(tick(world, true, 10 * MS));
	assert_true(peal_bitset_has(peal_admission_replaced(&world->admission), 1));
	assert_null(tick_answering(world, UINT64_MAX, 11 * MS, 300 * MS));
	world->heard_at_ns[1] = 9 * MS;
	batch = tick_answering(world, UINT64_MAX, 301 * MS, 330 * MS);
	assert_non_null(batch);
	assert_true(peal_bitset_has(&batch->proposal.removals, 1));
	assert_int_equal(batch->proposal.additions_count, 1);
	destroy(world);
}

/* Silence of a moment is none: a living member speaks once in a probe interval. */
static void
test_admission__waits_before_it_replaces(void **state)
{
	struct world *world = make(2);
	struct peal_member joiner = successor(world);
	uint64_t wait_ns = world->timing.probe_interval_ns * 6 / 5;

	(void)state;
	(void)ask_as(world, &joiner, EQUAL, cookie_good, 10 * MS);
	world->heard_at_ns[1] = 9 * MS;
	assert_null(tick(world, true, 10 * MS));
	assert_null(tick_answering(world, UINT64_MAX, 11 * MS, 10 * MS + wait_ns - 1U));
	assert_non_null(tick_answering(world, UINT64_MAX, 10 * MS + wait_ns, 30 * MS + wait_ns));
	destroy(world);
}

static void
test_admission__forwards_again_to_an_alternate(void **state)
{
	struct world *world = make(2);

	(void)state;
	/* Not the sequencer any more: the other one is. */
	world->admission.self_rank = peal_rings_elect(&world->topology, &world->view, 0, 1);
	(void)ask(world, 30, EQUAL, cookie_good, 1);
	assert_null(tick(world, true, 1));
	assert_int_equal(world->outbox.count, 1);
	assert_int_equal(world->outbox.effects[0].message, PEAL_MESSAGE_JOIN_FORWARD);
	assert_null(tick(world, true, 2 + world->timing.join_forward_ns * 2U));
	/* Its own turn as the alternate. */
	assert_int_equal(
		peal_applicants_queue_count(&world->admission.applicants, PEAL_QUEUE_VOUCHED), 1);
	destroy(world);
}

/* What the JOIN_FORWARDs of the outbox name; all go to the sequencer. */
static uint32_t
count_forwarded(const struct world *world)
{
	uint32_t count = 0;

	assert_true(world->outbox.count <= FRAMES_MAX + 1U);
	for (uint32_t i = 0; i < world->outbox.count; i++) {
		struct peal_join_forward forward;
		struct peal_reader reader = peal_reader_init(
			peal_outbox_body(&world->outbox, i), world->outbox.effects[i].body_size);

		assert_int_equal(world->outbox.effects[i].rank,
			peal_rings_elect(&world->topology, &world->view, 0, 0));
		assert_true(peal_join_forward_decode(&reader, &forward));
		count += forward.count;
	}
	return count;
}

/* Joiners share frames, and a tick sends no more than it may. The sequencer may hear none of it
 * yet, so it is told again, but not for ever. */
static void
test_admission__forwards_many_in_one_frame(void **state)
{
	struct world *world = make(100);
	uint32_t forwarded_count = 0;
	uint32_t ticks_count = 0;

	(void)state;
	world->admission.self_rank = peal_rings_elect(&world->topology, &world->view, 0, 5);
	for (uint32_t i = 0; i < 3000; i++) {
		(void)ask(world, 1000 + i, EQUAL, cookie_good, 1);
	}
	do {
		assert_null(tick(world, true, 1 + ticks_count));
		forwarded_count += count_forwarded(world);
	} while (forwarded_count < 3000 && ++ticks_count < 10);
	assert_int_equal(forwarded_count, 3000);
	assert_true(ticks_count <= 3000 / PEAL_FORWARD_MEMBERS_MAX / FRAMES_MAX + 1);
	/* Nobody is due again yet. */
	assert_null(tick(world, true, 100));
	assert_int_equal(world->outbox.count, 0);
	assert_int_equal(
		peal_admission_deadline_at_ns(&world->admission), world->timing.join_quiet_ns / 2U);
	for (uint64_t now_ns = 100; now_ns < world->timing.join_forward_ns; now_ns += MS / 10U) {
		assert_null(tick(world, true, now_ns));
		forwarded_count += count_forwarded(world);
	}
	assert_in_range(forwarded_count, 4 * 3000, 7 * 3000);
	destroy(world);
}

/* While somebody's batch is known nothing is forwarded, and after the view everything at once. */
static void
test_admission__a_known_batch_is_waited_for(void **state)
{
	struct world *world = make(100);
	struct peal_invitee invitees[PEAL_ADMISSION_GUESTS_MAX];

	(void)state;
	world->admission.self_rank = 7;
	(void)ask(world, 1000, EQUAL, cookie_good, 1);
	peal_admission_on_batch(&world->admission, 1);
	assert_null(tick(world, true, 1));
	assert_null(tick(world, true, 1000 * MS));
	assert_int_equal(world->outbox.count, 0);
	(void)ask(world, 1000, EQUAL, cookie_good, 1000 * MS);
	assert_int_equal(peal_admission_on_view(&world->admission, 7, 0, 1001 * MS, invitees), 0);
	assert_null(tick(world, true, 1001 * MS));
	assert_int_equal(world->outbox.count, 1);
	destroy(world);
}

/* Who was admitted is told by its introducer, and forgotten. */
static void
test_admission__members_are_invited(void **state)
{
	struct world *world = make(2);
	struct peal_invitee invitees[PEAL_ADMISSION_GUESTS_MAX];
	const struct peal_body *batch = NULL;
	const struct peal_group *before = peal_teststore_group(world->store, 2, 3);
	const struct peal_group *next = NULL;

	(void)state;
	for (uint32_t number = 30; number < 35; number++) {
		(void)ask(world, number, EQUAL, cookie_good, 1);
	}
	batch = tick_answering(world, 33, 1, 100 * MS);
	assert_non_null(batch);
	next = peal_teststore_next(world->store, before, &batch->proposal);
	world->view = next->view;
	world->topology = next->topology;
	assert_int_equal(peal_admission_on_view(&world->admission, 0, 0, 100 * MS, invitees), 3);
	for (uint32_t i = 0; i < 3; i++) {
		assert_in_range(invitees[i].uuid.low, 30, 32);
	}
	assert_int_equal(world->admission.applicants.count, 2);
	destroy(world);
}

/* A later forward of an earlier incarnation does not displace the one that asked here. */
static void
test_admission__what_was_asked_here_counts_more(void **state)
{
	struct world *world = make(2);
	struct peal_member ghost = member(30);

	(void)state;
	(void)ask(world, 30, EQUAL, cookie_good, 1);
	ghost.uuid.low = 29;
	peal_admission_on_forward(&world->admission, &ghost, &tag_none, 1);
	assert_int_equal(world->admission.applicants.count, 1);
	assert_int_equal(peal_applicants_find_uuid(&world->admission.applicants, ghost.uuid),
		PEAL_APPLICANT_NONE);
	destroy(world);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_admission__every_refusal_by_name),
		cmocka_unit_test(test_admission__one_batch_in_uuid_order_after_the_window),
		cmocka_unit_test(test_admission__who_does_not_answer_is_left_out),
		cmocka_unit_test(test_admission__false_answers_are_nothing),
		cmocka_unit_test(test_admission__a_batch_is_bounded_by_growth),
		cmocka_unit_test(test_admission__ends_where_there_is_no_more_room),
		cmocka_unit_test(test_admission__thousands_at_once),
		cmocka_unit_test(test_admission__metadata_bounds_a_batch),
		cmocka_unit_test(test_admission__a_view_full_of_metadata_is_a_refusal),
		cmocka_unit_test(test_admission__other_metadata_is_asked_for_anew),
		cmocka_unit_test(test_admission__replaces_only_who_is_silent),
		cmocka_unit_test(test_admission__waits_before_it_replaces),
		cmocka_unit_test(test_admission__forgets_who_does_not_ask_any_more),
		cmocka_unit_test(test_admission__forwards_again_to_an_alternate),
		cmocka_unit_test(test_admission__forwards_many_in_one_frame),
		cmocka_unit_test(test_admission__a_known_batch_is_waited_for),
		cmocka_unit_test(test_admission__members_are_invited),
		cmocka_unit_test(test_admission__what_was_asked_here_counts_more),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
