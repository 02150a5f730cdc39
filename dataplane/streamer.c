/* SPDX-License-Identifier: BSD-3-Clause */
#include "dataplane/streamer.h"

#include "wire/body_msg.h"
#include "wire/flood_msg.h"
#include "wire/join_msg.h"
#include "wire/messages.h"

#include <string.h>

_Static_assert(PEAL_STREAM_TARGETS_MAX <= UINT16_MAX, "a receiver's place fits sixteen bits");

/* How the chunk of a stream went to one receiver. */
enum outcome {
	OUTCOME_SENT,
	OUTCOME_GONE,  /* the receiver is no peer any more */
	OUTCOME_STALL, /* no packet */
};

void
peal_streamer_init(struct peal_streamer *streamer, struct peal_egress *egress,
	struct peal_neighbour *neighbour, struct peal_uplink *uplink,
	struct peal_counters *counters)
{
	memset(streamer, 0, sizeof(*streamer));
	streamer->egress = egress;
	streamer->neighbour = neighbour;
	streamer->uplink = uplink;
	streamer->counters = counters;
	streamer->next_at_ns = UINT64_MAX;
}

static void
end_run(struct peal_streamer *streamer, uint32_t index)
{
	peal_uplink_owe_stream(streamer->uplink, streamer->runs[index].stream);
	streamer->runs_count--;
	memmove(&streamer->runs[index], &streamer->runs[index + 1U],
		(streamer->runs_count - index) * sizeof(streamer->runs[0]));
}

void
peal_streamer_switch(struct peal_streamer *streamer, const struct peal_peers *peers)
{
	const struct peal_peers *before = streamer->peers;

	streamer->peers = peers;
	/* In another cluster the same numbers are other peers. */
	if (before == NULL ||
		(before->cluster == peers->cluster && before->self_mid == peers->self_mid)) {
		return;
	}
	for (uint32_t i = streamer->runs_count; i-- > 0;) {
		if (streamer->runs[i].stream->message == PEAL_MESSAGE_BODY) {
			streamer->runs[i].stream->is_cut_short = true;
			end_run(streamer, i);
		}
	}
}

/* The first chunk from `chunk` on that is to be sent, or the number of chunks. */
static uint32_t
find_chunk(const struct peal_streamer_run *run, uint32_t chunk)
{
	const struct peal_stream *stream = run->stream;

	if (stream->is_partial) {
		while (chunk < run->chunks_count &&
			((stream->chunks[chunk / 64U] >> (chunk % 64U)) & 1U) == 0) {
			chunk++;
		}
	}
	return chunk;
}

void
peal_streamer_start(struct peal_streamer *streamer, struct peal_stream *stream, uint64_t now_ns)
{
	struct peal_streamer_run *run = &streamer->runs[streamer->runs_count];

	PEAL_ASSERT(streamer->runs_count < PEAL_STREAMS_MAX);
	PEAL_ASSERT(
		stream->message == PEAL_MESSAGE_BODY || stream->message == PEAL_MESSAGE_INSTALL);
	PEAL_ASSERT(stream->route <= PEAL_BODY_ROUTE_PULL);
	PEAL_ASSERT(stream->size >= 1);
	PEAL_ASSERT(stream->size <= PEAL_BODY_BYTES_MAX);
	PEAL_ASSERT(stream->targets_count >= 1);
	PEAL_ASSERT(stream->targets_count <= PEAL_STREAM_TARGETS_MAX);

	stream->is_cut_short = false;
	*run = (struct peal_streamer_run){
		.stream = stream, .chunks_count = peal_body_chunks_count(stream->size)};
	run->chunk = find_chunk(run, 0);
	streamer->runs_count++;
	if (streamer->next_at_ns == UINT64_MAX) {
		streamer->next_at_ns = now_ns;
	}
}

static uint32_t
chunk_size(const struct peal_streamer_run *run)
{
	uint32_t left = run->stream->size - run->chunk * PEAL_CHUNK_SIZE_MAX;

	return left < PEAL_CHUNK_SIZE_MAX ? left : PEAL_CHUNK_SIZE_MAX;
}

static enum outcome
send_to_peer(struct peal_streamer *streamer, const struct peal_streamer_run *run,
	const struct peal_stream_target *target)
{
	const struct peal_stream *stream = run->stream;
	const struct peal_peers *peers = streamer->peers;
	const struct peal_body_msg message = {.digest = stream->digest,
		.total_size = stream->size,
		.chunk = (uint16_t)run->chunk,
		.route = stream->route,
		.size = chunk_size(run),
		.bytes = stream->bytes + (size_t)run->chunk * PEAL_CHUNK_SIZE_MAX};
	uint8_t body[PEAL_BODY_SIZE_MAX];
	struct peal_writer writer = peal_writer_init(body, sizeof(body));

	if (peers->members_count == 0 || !peal_peers_has(peers, target->slot, target->mid)) {
		return OUTCOME_GONE;
	}
	/* No number: it is for the receiver alone, and for nobody to pass on as it is. */
	peal_flood_prefix_encode(&(struct peal_flood_prefix){.view_tag = peers->view_tag,
					 .origin = (uint32_t)peers->self_mid},
		&writer);
	peal_body_msg_encode(&message, &writer);
	PEAL_ASSERT(writer.is_ok);
	return peal_egress_send_slot(streamer->egress, target->slot, PEAL_MESSAGE_BODY, body,
		       (uint16_t)writer.offset)
		       ? OUTCOME_SENT
		       : OUTCOME_STALL;
}

static enum outcome
send_to_joiner(struct peal_streamer *streamer, const struct peal_streamer_run *run,
	const struct peal_stream_target *target, uint64_t now_ns)
{
	const struct peal_stream *stream = run->stream;
	uint32_t offset = run->chunk * PEAL_CHUNK_SIZE_MAX;
	const struct peal_install_msg message = {.joiner = target->joiner,
		.view_hash = stream->digest,
		.total_size = stream->size,
		.offset = offset,
		.chunk_size = chunk_size(run),
		.chunk = stream->bytes + offset};
	struct peal_address address = target->address;
	uint8_t body[PEAL_BODY_SIZE_MAX];
	struct peal_writer writer = peal_writer_init(body, sizeof(body));

	if (peal_egress_next_hop(streamer->egress, &address) == NULL &&
		!peal_neighbour_find(streamer->neighbour, &address, now_ns, address.mac)) {
		peal_counter_add(streamer->counters, PEAL_COUNTER_NEIGHBOURS_UNKNOWN, 1);
		return OUTCOME_SENT; /* lost like any other: it is asked for */
	}
	peal_install_msg_encode(&message, &writer);
	PEAL_ASSERT(writer.is_ok);
	return peal_egress_send_address(streamer->egress, &address, PEAL_MESSAGE_INSTALL, body,
		       (uint16_t)writer.offset)
		       ? OUTCOME_SENT
		       : OUTCOME_STALL;
}

/* Sends the chunk that is due to as many receivers as `frames_count` and the port allow. True: it
 * went to all of them. */
static bool
send_chunk(struct peal_streamer *streamer, struct peal_streamer_run *run, uint32_t *frames_count,
	uint64_t now_ns)
{
	struct peal_stream *stream = run->stream;

	for (; run->target < stream->targets_count; run->target++) {
		const struct peal_stream_target *target = &stream->targets[run->target];
		enum outcome outcome;

		if (*frames_count == 0) {
			return false;
		}
		outcome = stream->message == PEAL_MESSAGE_BODY
				  ? send_to_peer(streamer, run, target)
				  : send_to_joiner(streamer, run, target, now_ns);
		if (outcome == OUTCOME_STALL) {
			return false;
		}
		if (outcome == OUTCOME_GONE) {
			stream->is_cut_short = true;
			continue;
		}
		run->has_receivers = true;
		(*frames_count)--;
		peal_counter_add(streamer->counters, PEAL_COUNTER_STREAM_FRAMES_SENT, 1);
	}
	return true;
}

/* Moves to the next chunk. False: there is none, or nobody who wants it. */
static bool
advance(struct peal_streamer_run *run)
{
	bool had_receivers = run->has_receivers;

	run->chunk = find_chunk(run, run->chunk + 1U);
	run->target = 0;
	run->has_receivers = false;
	return had_receivers && run->chunk < run->chunks_count;
}

uint32_t
peal_streamer_run_due(struct peal_streamer *streamer, uint64_t now_ns)
{
	uint32_t frames_count = PEAL_STREAM_FRAMES_BURST_MAX;
	uint32_t chunks_count = streamer->runs_count * PEAL_STREAM_CHUNKS_BURST_MAX;

	for (; chunks_count > 0 && streamer->runs_count > 0 && frames_count > 0; chunks_count--) {
		uint32_t index = streamer->current % streamer->runs_count;
		struct peal_streamer_run *run = &streamer->runs[index];

		streamer->current = index;
		if (run->chunk == run->chunks_count) {
			end_run(streamer, index); /* none of its chunks was asked for */
			continue;
		}
		if (!send_chunk(streamer, run, &frames_count, now_ns)) {
			break;
		}
		if (advance(run)) {
			streamer->current++;
		} else {
			end_run(streamer, index);
		}
	}
	streamer->next_at_ns =
		streamer->runs_count == 0 ? UINT64_MAX : now_ns + PEAL_STREAM_PAUSE_NS;
	return PEAL_STREAM_FRAMES_BURST_MAX - frames_count;
}
