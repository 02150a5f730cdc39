/* SPDX-License-Identifier: BSD-3-Clause */
#include "dataplane/streamer.h"

#include "tests/lib/bigcore.h"
#include "tests/lib/cmocka_all.h"
#include "tests/lib/dies.h"
#include "wire/body_msg.h"
#include "wire/join_msg.h"
#include "wire/messages.h"

#include <stdlib.h>

#define MEMBERS      100U
#define CHUNKS_COUNT 10U
#define SIZE         ((CHUNKS_COUNT - 1U) * PEAL_CHUNK_SIZE_MAX + 100U)

/* A member with a core; its neighbours have none. */
struct world {
	struct peal_bigcores *cores;
	struct peal_bignode *node;
	const struct peal_peers *peers;
	uint8_t bytes[SIZE];
};

static void
set_up(struct world *world)
{
	world->cores = peal_bigcores_create(MEMBERS, 3);
	world->node = peal_bigcores_start(world->cores, 40);
	world->peers = world->node->core.peers;
	for (uint32_t i = 0; i < SIZE; i++) {
		world->bytes[i] = (uint8_t)(i * 7U + i / PEAL_CHUNK_SIZE_MAX);
	}
}

/* A body for the first `targets_count` neighbours. */
static struct peal_stream
make_stream(const struct world *world, uint32_t targets_count)
{
	struct peal_stream stream = {.message = PEAL_MESSAGE_BODY,
		.route = 1,
		.size = SIZE,
		.bytes = world->bytes,
		.digest = {.low = 1, .high = 2},
		.targets_count = (uint16_t)targets_count};

	assert_true(targets_count <= world->peers->neighbours_count);
	for (uint32_t i = 0; i < targets_count; i++) {
		uint16_t slot = world->peers->neighbours[i];

		stream.targets[i].slot = slot;
		stream.targets[i].mid = world->peers->peers[slot].mid;
	}
	return stream;
}

static void
start(struct world *world, struct peal_stream *stream)
{
	const struct peal_record record = {.kind = PEAL_RECORD_STREAM, .stream = stream};

	peal_bigcores_push(world->node, &record);
	peal_bigcores_turn(world->cores, world->node);
}

static void
pause_over(struct world *world)
{
	world->cores->now_ns += PEAL_STREAM_PAUSE_NS;
	peal_bigcores_turn(world->cores, world->node);
}

/* The oldest BODY that left. False: none. */
static bool
take_body(struct world *world, struct peal_bigframe *frame, struct peal_body_msg *message_out)
{
	struct peal_flood_prefix prefix;

	if (!peal_bigcores_take(world->cores, frame)) {
		return false;
	}
	struct peal_reader reader = peal_reader_init(frame->body, frame->body_size);

	assert_int_equal(frame->kind, PEAL_MESSAGE_BODY);
	assert_true(peal_flood_prefix_decode(&reader, &prefix));
	assert_int_equal(prefix.origin, world->node->mid);
	assert_int_equal(prefix.origin_seq, 0);
	assert_true(prefix.view_tag == world->node->core.peers->view_tag);
	assert_true(peal_body_msg_decode(&reader, message_out));
	assert_int_equal(message_out->digest.low, 1);
	assert_int_equal(message_out->total_size, SIZE);
	assert_int_equal(message_out->route, 1);
	assert_memory_equal(message_out->bytes,
		world->bytes + (size_t)message_out->chunk * PEAL_CHUNK_SIZE_MAX, message_out->size);
	return true;
}

static void
assert_done(struct world *world, const struct peal_stream *stream, bool is_cut_short)
{
	struct peal_record record;

	assert_true(peal_bigcores_find(world->node, PEAL_RECORD_STREAM_DONE, &record));
	assert_ptr_equal(record.stream, stream);
	assert_int_equal(stream->is_cut_short, is_cut_short);
}

static void
test_streamer__sends_every_chunk_to_every_receiver(void **state)
{
	struct world world;
	struct peal_stream stream;
	struct peal_bigframe frame;
	struct peal_body_msg message;
	uint32_t frames_count = 0;

	(void)state;
	set_up(&world);
	stream = make_stream(&world, 5);
	start(&world, &stream);
	for (uint32_t burst = 0; burst < 3; burst++) {
		if (burst < 2) {
			assert_int_equal(
				peal_bigcores_drain(world.node, PEAL_RECORD_STREAM_DONE), 0);
		}
		for (uint32_t i = 0;
			i < 5U * PEAL_STREAM_CHUNKS_BURST_MAX && frames_count < 5U * CHUNKS_COUNT;
			i++) {
			assert_true(take_body(&world, &frame, &message));
			assert_int_equal(message.chunk, frames_count / 5U);
			assert_int_equal(frame.to, stream.targets[frames_count % 5U].mid);
			frames_count++;
		}
		assert_false(take_body(&world, &frame, &message));
		/* Not before the pause is over. */
		peal_bigcores_turn(world.cores, world.node);
		assert_false(take_body(&world, &frame, &message));
		if (frames_count < 5U * CHUNKS_COUNT) {
			pause_over(&world);
		} else {
			break;
		}
	}
	assert_int_equal(frames_count, 5U * CHUNKS_COUNT);
	assert_done(&world, &stream, false);
	assert_int_equal(
		peal_bigcores_counter(world.node, PEAL_COUNTER_STREAM_FRAMES_SENT), frames_count);
	assert_true(peal_streamer_deadline_at_ns(&world.node->core.streamer) == UINT64_MAX);
	peal_bigcores_destroy(world.cores);
}

static void
test_streamer__a_burst_is_bounded_whatever_there_is_to_do(void **state)
{
	static struct peal_stream streams[PEAL_STREAMS_MAX];
	struct world world;
	uint32_t done_count = 0;
	uint32_t total = 0;

	(void)state;
	set_up(&world);
	for (uint32_t i = 0; i < PEAL_STREAMS_MAX; i++) {
		const struct peal_record record = {
			.kind = PEAL_RECORD_STREAM, .stream = &streams[i]};

		streams[i] = make_stream(&world, 1U + i % 20U);
		total += CHUNKS_COUNT * (1U + i % 20U);
		peal_bigcores_push(world.node, &record);
	}
	peal_bigcores_turn(world.cores, world.node);
	for (uint32_t burst = 0; burst < 1000 && done_count < PEAL_STREAMS_MAX; burst++) {
		uint32_t count = peal_bigcores_drain_sent(world.cores, PEAL_MESSAGE_BODY);

		assert_in_range(count, 1, PEAL_STREAM_FRAMES_BURST_MAX);
		total -= count;
		done_count += peal_bigcores_drain(world.node, PEAL_RECORD_STREAM_DONE);
		pause_over(&world);
	}
	assert_int_equal(done_count, PEAL_STREAMS_MAX);
	assert_int_equal(total, 0);
	peal_bigcores_destroy(world.cores);
}

/* Streams go on side by side: a short one does not wait for a long one. */
static void
test_streamer__streams_take_turns(void **state)
{
	struct world world;
	struct peal_stream long_one;
	struct peal_stream short_one;
	uint32_t bursts_count = 0;

	(void)state;
	set_up(&world);
	long_one = make_stream(&world, 20);
	short_one = make_stream(&world, 1);
	short_one.size = 10;
	start(&world, &long_one);
	start(&world, &short_one);
	while (peal_bigcores_drain(world.node, PEAL_RECORD_STREAM_DONE) == 0) {
		pause_over(&world);
		bursts_count++;
	}
	assert_in_range(bursts_count, 1, 3);
	assert_int_equal(world.node->core.streamer.runs_count, 1);
	assert_ptr_equal(world.node->core.streamer.runs[0].stream, &long_one);
	peal_bigcores_destroy(world.cores);
}

static void
test_streamer__sends_only_the_chunks_that_are_asked_for(void **state)
{
	struct world world;
	struct peal_stream stream;
	struct peal_bigframe frame;
	struct peal_body_msg message;

	(void)state;
	set_up(&world);
	stream = make_stream(&world, 1);
	stream.is_partial = true;
	stream.chunks[0] = 1U << 3 | 1U << (CHUNKS_COUNT - 1U);
	stream.chunks[1] = 1; /* beyond the end: nothing */
	start(&world, &stream);
	assert_true(take_body(&world, &frame, &message));
	assert_int_equal(message.chunk, 3);
	assert_true(take_body(&world, &frame, &message));
	assert_int_equal(message.chunk, CHUNKS_COUNT - 1U);
	assert_int_equal(message.size, 100);
	assert_false(take_body(&world, &frame, &message));
	assert_done(&world, &stream, false);
	/* None at all ends at once. */
	stream.chunks[0] = 0;
	start(&world, &stream);
	assert_false(take_body(&world, &frame, &message));
	assert_done(&world, &stream, false);
	peal_bigcores_destroy(world.cores);
}

static void
test_streamer__passes_over_who_is_gone(void **state)
{
	struct world world;
	struct peal_stream stream;

	(void)state;
	set_up(&world);
	stream = make_stream(&world, 3);
	stream.targets[1].mid++;
	start(&world, &stream);
	pause_over(&world);
	pause_over(&world);
	assert_int_equal(
		peal_bigcores_drain_sent(world.cores, PEAL_MESSAGE_BODY), 2U * CHUNKS_COUNT);
	assert_done(&world, &stream, true);
	/* With nobody left it ends before the last chunk. */
	stream = make_stream(&world, 1);
	stream.targets[0].mid++;
	start(&world, &stream);
	assert_done(&world, &stream, true);
	assert_int_equal(peal_bigcores_drain_sent(world.cores, PEAL_MESSAGE_BODY), 0);
	peal_bigcores_destroy(world.cores);
}

static const struct peal_group *
drop_one(struct world *world, uint64_t but_mid)
{
	struct peal_proposal cut = {.parent_epoch = world->cores->group->view.epoch,
		.parent_hash = world->cores->group->view.hash};
	uint32_t rank = 0;

	while (world->cores->group->view.members[rank].mid == but_mid ||
		world->cores->group->view.members[rank].mid == world->node->mid) {
		rank++;
	}
	peal_bitset_add(&cut.removals, rank);
	return peal_teststore_next(world->cores->store, world->cores->group, &cut);
}

/* Who lacks a body needs it to follow into the next view: a stream goes on there. */
static void
test_streamer__outlives_a_view_but_not_a_life(void **state)
{
	struct world world;
	struct peal_stream stream;
	struct peal_bigframe frame;
	struct peal_body_msg message;
	struct peal_peers other = {.generation = 99};
	const struct peal_record record = {
		.kind = PEAL_RECORD_VIEW, .generation = 99, .peers = &other};

	(void)state;
	set_up(&world);
	stream = make_stream(&world, 1);
	start(&world, &stream);
	assert_int_equal(peal_bigcores_drain_sent(world.cores, PEAL_MESSAGE_BODY),
		PEAL_STREAM_CHUNKS_BURST_MAX);
	peal_bigcores_install(
		world.cores, world.node, drop_one(&world, stream.targets[0].mid), NULL, 0);
	pause_over(&world);
	assert_true(take_body(&world, &frame, &message));
	assert_int_equal(message.chunk, PEAL_STREAM_CHUNKS_BURST_MAX);
	peal_bigcores_drain_sent(world.cores, PEAL_MESSAGE_BODY);
	/* No member any more: whoever has these numbers in another cluster is somebody else. */
	peal_bigcores_push(world.node, &record);
	peal_bigcores_turn(world.cores, world.node);
	assert_done(&world, &stream, true);
	pause_over(&world);
	assert_false(peal_bigcores_take(world.cores, &frame));
	peal_bigcores_destroy(world.cores);
}

/* Joiners are no peers: their address is enough, and what is known of its station. */
static void
test_streamer__sends_a_view_to_joiners(void **state)
{
	struct world world;
	struct peal_stream stream;
	struct peal_bigframe frame;
	struct peal_install_msg message;

	(void)state;
	set_up(&world);
	stream = (struct peal_stream){.message = PEAL_MESSAGE_INSTALL,
		.size = SIZE,
		.bytes = world.bytes,
		.digest = {.low = 9, .high = 8},
		.targets_count = 3};
	for (uint32_t i = 0; i < 3; i++) {
		const struct peal_member joiner = peal_teststore_joiner(3, 500U + i);

		stream.targets[i].address = joiner.address;
		stream.targets[i].joiner = joiner.uuid;
	}
	memset(stream.targets[1].address.mac, 0, sizeof(stream.targets[1].address.mac));
	start(&world, &stream);
	for (uint32_t i = 0; i < 2U * PEAL_STREAM_CHUNKS_BURST_MAX; i++) {
		struct peal_reader reader;

		assert_true(peal_bigcores_take(world.cores, &frame));
		assert_int_equal(frame.kind, PEAL_MESSAGE_INSTALL);
		reader = peal_reader_init(frame.body, frame.body_size);
		assert_true(peal_install_msg_decode(&reader, &message));
		assert_true(peal_uuid_equals(
			message.joiner, stream.targets[(size_t)(i % 2U) * 2U].joiner));
		assert_int_equal(message.view_hash.low, 9);
		assert_int_equal(message.total_size, SIZE);
		assert_int_equal(message.offset, i / 2U * PEAL_CHUNK_SIZE_MAX);
		assert_memory_equal(
			message.chunk, world.bytes + message.offset, message.chunk_size);
	}
	assert_false(peal_bigcores_take(world.cores, &frame));
	assert_int_equal(peal_bigcores_counter(world.node, PEAL_COUNTER_NEIGHBOURS_UNKNOWN),
		PEAL_STREAM_CHUNKS_BURST_MAX);
	pause_over(&world);
	pause_over(&world);
	assert_done(&world, &stream, false);
	peal_bigcores_destroy(world.cores);
}

static void
test_streamer__waits_for_packets(void **state)
{
	struct world world;
	struct peal_stream stream;
	uint32_t total = 0;

	(void)state;
	set_up(&world);
	peal_txqueue_fini(&world.node->core.egress.txqueue); /* no packets in store */
	world.node->allocate_max = 7;
	stream = make_stream(&world, 2);
	start(&world, &stream);
	total += peal_bigcores_drain_sent(world.cores, PEAL_MESSAGE_BODY);
	assert_int_equal(total, 7);
	pause_over(&world);
	assert_int_equal(peal_bigcores_drain_sent(world.cores, PEAL_MESSAGE_BODY), 0);
	world.node->allocate_max = UINT32_MAX;
	for (uint32_t i = 0; i < 3; i++) {
		pause_over(&world);
		total += peal_bigcores_drain_sent(world.cores, PEAL_MESSAGE_BODY);
	}
	assert_int_equal(total, 2U * CHUNKS_COUNT);
	assert_done(&world, &stream, false);
	peal_bigcores_destroy(world.cores);
}

struct wrong {
	struct world *world;
	struct peal_stream *stream;
};

static void
start_wrong(void *argument)
{
	struct wrong *wrong = argument;

	start(wrong->world, wrong->stream);
}

static void
start_too_many(void *argument)
{
	struct wrong *wrong = argument;

	for (uint32_t i = 0; i <= PEAL_STREAMS_MAX; i++) {
		start(wrong->world, wrong->stream);
	}
}

static void
test_streamer__what_control_must_not_do(void **state)
{
	struct world world;
	struct peal_stream good;
	struct peal_stream stream;
	struct wrong wrong = {.world = &world, .stream = &stream};

	(void)state;
	set_up(&world);
	good = make_stream(&world, 1);
	stream = good;
	stream.size = 0;
	assert_true(peal_test_dies(start_wrong, &wrong));
	stream = good;
	stream.size = PEAL_BODY_BYTES_MAX + 1U;
	assert_true(peal_test_dies(start_wrong, &wrong));
	stream = good;
	stream.targets_count = 0;
	assert_true(peal_test_dies(start_wrong, &wrong));
	stream = good;
	stream.message = PEAL_MESSAGE_DECIDE;
	assert_true(peal_test_dies(start_wrong, &wrong));
	stream = good;
	assert_true(peal_test_dies(start_too_many, &wrong));
	peal_bigcores_destroy(world.cores);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_streamer__what_control_must_not_do),
		cmocka_unit_test(test_streamer__sends_every_chunk_to_every_receiver),
		cmocka_unit_test(test_streamer__a_burst_is_bounded_whatever_there_is_to_do),
		cmocka_unit_test(test_streamer__streams_take_turns),
		cmocka_unit_test(test_streamer__sends_only_the_chunks_that_are_asked_for),
		cmocka_unit_test(test_streamer__passes_over_who_is_gone),
		cmocka_unit_test(test_streamer__outlives_a_view_but_not_a_life),
		cmocka_unit_test(test_streamer__sends_a_view_to_joiners),
		cmocka_unit_test(test_streamer__waits_for_packets),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
