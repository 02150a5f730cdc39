/* SPDX-License-Identifier: BSD-3-Clause */
#include "sim/check_nonces.h"

#include "base/assert.h"
#include "base/hash.h"
#include "dataplane/headers.h"
#include "wire/frame.h"
#include "wire/messages.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#define STREAMS_MIN 1024U

void
peal_check_nonces_init(struct peal_check_nonces *check, struct peal_report *report)
{
	*check = (struct peal_check_nonces){.report = report, .streams_capacity = STREAMS_MIN};
	check->streams = calloc(check->streams_capacity, sizeof(check->streams[0]));
	PEAL_ASSERT(check->streams != NULL);
}

void
peal_check_nonces_fini(struct peal_check_nonces *check)
{
	free(check->streams);
	*check = (struct peal_check_nonces){0};
}

/* The place of a stream, or the empty one where it would stand. */
static struct peal_check_stream *
find_stream(const struct peal_check_nonces *check, const struct peal_check_stream *wanted)
{
	uint64_t hash = peal_hash_mix(((uint64_t)wanted->src << 32 | wanted->dst) ^
				      ((uint64_t)wanted->cluster << 16 | wanted->port) ^
				      (uint64_t)wanted->shards << 48);
	size_t place = (size_t)hash & (check->streams_capacity - 1U);

	/* At most half of the places are used, so the walk ends. */
	for (;; place = (place + 1U) & (check->streams_capacity - 1U)) {
		struct peal_check_stream *stream = &check->streams[place];

		if (stream->src == 0 ||
			(stream->src == wanted->src && stream->dst == wanted->dst &&
				stream->cluster == wanted->cluster &&
				stream->port == wanted->port && stream->shards == wanted->shards)) {
			return stream;
		}
	}
}

static void
grow(struct peal_check_nonces *check)
{
	struct peal_check_stream *before = check->streams;
	size_t count = check->streams_capacity;

	check->streams_capacity = 2U * count;
	check->streams = calloc(check->streams_capacity, sizeof(check->streams[0]));
	PEAL_ASSERT(check->streams != NULL);
	for (size_t i = 0; i < count; i++) {
		if (before[i].src != 0) {
			*find_stream(check, &before[i]) = before[i];
		}
	}
	free(before);
}

/* The entry of a stream, which begins with this frame if there is none. */
static struct peal_check_stream *
take_stream(struct peal_check_nonces *check, const struct peal_check_stream *wanted)
{
	struct peal_check_stream *stream = find_stream(check, wanted);

	if (stream->src != 0) {
		return stream;
	}
	*stream = *wanted;
	peal_replay_init(&stream->replay);
	check->streams_count++;
	if (2U * check->streams_count > check->streams_capacity) {
		grow(check);
		stream = find_stream(check, wanted);
	}
	return stream;
}

/* A frame that another port than its sender's passes on must be one that was sent. */
static bool
is_passed_on(struct peal_check_nonces *check, const struct peal_header *header,
	const struct peal_check_stream *wanted, uint64_t counter, uint64_t now_ns)
{
	const struct peal_check_stream self = {
		.cluster = wanted->cluster, .src = wanted->src, .owner = wanted->port};
	struct peal_check_stream origin = *wanted;

	if ((header->flags & PEAL_FRAME_FLAG_RELAY) == 0) {
		return false;
	}
	/* The first that leaves is its sender's. */
	origin.port = take_stream(check, &self)->owner;
	if (origin.port == wanted->port) {
		return false;
	}
	if (peal_replay_check(&take_stream(check, &origin)->replay, counter)) {
		peal_report_violate(check->report, now_ns,
			"n%u passed frame %" PRIu64
			" from member %u to %u on, which was never sent",
			wanted->port, counter, wanted->src, wanted->dst);
	}
	return true;
}

void
peal_check_nonces_on_frame(struct peal_check_nonces *check, uint16_t index, const uint8_t *bytes,
	uint32_t size, uint64_t now_ns)
{
	uint32_t payload_size;
	const uint8_t *payload = peal_headers_payload(bytes, size, &payload_size);
	struct peal_check_stream *stream;
	struct peal_header header;

	if (payload != NULL && payload_size >= PEAL_HEADER_SIZE &&
		payload[3] < (PEAL_FAMILY_LIVENESS << 4)) {
		return; /* joining */
	}
	if (payload == NULL && size < PEAL_HEADERS_SIZE_MAX + PEAL_HEADER_SIZE) {
		return; /* ARP, neighbour discovery */
	}
	if (payload == NULL ||
		peal_frame_decode(payload, payload_size, &header) != PEAL_REFUSAL_NONE) {
		peal_report_violate(check->report, now_ns, "n%u sent a frame that is none", index);
		return;
	}

	const struct peal_check_stream wanted = {.cluster = header.cluster,
		.src = header.src,
		.dst = header.dst,
		.port = index,
		.shards = (uint16_t)(header.counter >> PEAL_FRAME_COUNTER_BITS)};
	uint64_t counter = header.counter & ((UINT64_C(1) << PEAL_FRAME_COUNTER_BITS) - 1U);

	if (is_passed_on(check, &header, &wanted, counter, now_ns)) {
		return;
	}
	stream = take_stream(check, &wanted);
	if (!peal_replay_check(&stream->replay, counter)) {
		peal_report_violate(check->report, now_ns,
			"n%u sealed frame %" PRIu64
			" from member %u to %u again, or long after frame %" PRIu64,
			index, counter, header.src, header.dst, stream->replay.highest);
		return;
	}
	peal_replay_commit(&stream->replay, counter);
}
