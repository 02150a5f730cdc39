/* SPDX-License-Identifier: BSD-3-Clause */
#include "dataplane/cast_stream.h"

#include "base/assert.h"
#include "base/museum.h"

uint32_t
peal_cast_window(uint32_t streams_count)
{
	uint32_t window = PEAL_CAST_WINDOW_MAX;

	PEAL_ASSERT(streams_count >= 1 && streams_count <= PEAL_DIRECT_MAX);
	while (window * streams_count > PEAL_CAST_FRAMES_MAX) {
		window /= 2U;
	}
	return window;
}

void
peal_cast_stream_init(
	struct peal_cast_stream *stream, uint32_t name, uint8_t *frames, uint32_t window)
{
	PEAL_ASSERT(window >= 1 && window <= PEAL_CAST_WINDOW_MAX);
	PEAL_ASSERT((window & (window - 1U)) == 0);
	*stream = (struct peal_cast_stream){.name = name, .window = window};
	stream->origin = peal_cast_stream_is_lane(stream) ? 0 : name;
	stream->frames = frames;
}

bool
peal_cast_stream_pass(
	struct peal_cast_stream *stream, uint32_t origin, uint64_t stable, uint64_t head)
{
	PEAL_DASSERT(peal_cast_stream_is_lane(stream));
	if (stable < stream->head || stable > stream->have || head <= stream->head) {
		return false;
	}
	peal_cast_stream_settle(stream, stable);
	stream->origin = origin;
	stream->message_offset = 0;
	return true;
}

static uint32_t
place_of(const struct peal_cast_stream *stream, uint64_t seq)
{
	return (uint32_t)seq & (stream->window - 1U);
}

static bool
is_here(const struct peal_cast_stream *stream, uint64_t seq)
{
	uint32_t place = place_of(stream, seq);

	return (stream->here[place / 64U] >> place % 64U & 1U) != 0;
}

static void
keep(struct peal_cast_stream *stream, uint64_t seq, uint16_t size)
{
	uint32_t place = place_of(stream, seq);

	stream->here[place / 64U] |= UINT64_C(1) << place % 64U;
	stream->sizes[place] = size;
	if (seq >= stream->head) {
		stream->head = seq + 1U;
	}
}

enum peal_cast_put
peal_cast_stream_put(struct peal_cast_stream *stream, const struct peal_cast_msg *message,
	const uint8_t *body, uint16_t size)
{
	PEAL_DASSERT(size <= PEAL_BODY_SIZE_MAX);
	if (message->seq - message->unstable > stream->have) {
		return PEAL_CAST_PUT_LIE;
	}
	peal_cast_stream_settle(stream, message->seq - message->unstable);
	if (message->seq < stream->stable) {
		return PEAL_CAST_PUT_DUPLICATE;
	}
	if (message->seq - stream->stable >= stream->window) {
		return PEAL_CAST_PUT_BEYOND;
	}
	if (is_here(stream, message->seq)) {
		return PEAL_CAST_PUT_DUPLICATE;
	}
	memcpy(stream->frames + (uint64_t)place_of(stream, message->seq) * PEAL_BODY_SIZE_MAX, body,
		size);
	keep(stream, message->seq, size);
	return PEAL_CAST_PUT_FRESH;
}

uint8_t *
peal_cast_stream_begin(struct peal_cast_stream *stream)
{
	PEAL_DASSERT(stream->have == stream->head);
	if (stream->head - stream->stable >= stream->window) {
		return NULL;
	}
	return stream->frames + (uint64_t)place_of(stream, stream->head) * PEAL_BODY_SIZE_MAX;
}

void
peal_cast_stream_end(struct peal_cast_stream *stream, uint16_t size)
{
	keep(stream, stream->head, size);
}

const uint8_t *
peal_cast_stream_find(const struct peal_cast_stream *stream, uint64_t seq, uint16_t *size_out)
{
	if (seq < stream->stable || seq >= stream->head || !is_here(stream, seq)) {
		return NULL;
	}
	*size_out = stream->sizes[place_of(stream, seq)];
	return stream->frames + (uint64_t)place_of(stream, seq) * PEAL_BODY_SIZE_MAX;
}

/* A part must be the next of the message under way, or the first of another. */
static bool
deliver_fragment(struct peal_cast_stream *stream, const uint8_t *data, uint32_t size,
	const struct peal_channel_sink *sink)
{
	struct peal_delivery delivery = {
		.bytes = data + PEAL_CAST_FRAGMENT_SIZE, .size = size - PEAL_CAST_FRAGMENT_SIZE};

	memcpy(&delivery.message_size, data, 4);
	memcpy(&delivery.offset, data + 4, 4);
	if (delivery.offset != stream->message_offset ||
		(delivery.offset != 0 && delivery.message_size != stream->message_size)) {
		stream->message_offset = 0;
		return false;
	}
	stream->message_size = delivery.message_size;
	stream->message_offset = delivery.offset + delivery.size;
	if (stream->message_offset == stream->message_size) {
		stream->message_offset = 0;
	}
	sink->deliver(sink->state, &delivery);
	return true;
}

static bool
deliver_records(struct peal_cast_stream *stream, const uint8_t *data, uint32_t size,
	const struct peal_channel_sink *sink)
{
	if (stream->message_offset != 0) {
		stream->message_offset = 0;
		return false;
	}
	for (uint32_t at = 0; at < size;) {
		struct peal_delivery delivery = {.bytes = data + at + PEAL_CAST_RECORD_SIZE};
		uint16_t message_size;

		memcpy(&message_size, data + at, sizeof(message_size));
		delivery.message_size = delivery.size = message_size;
		sink->deliver(sink->state, &delivery);
		at += PEAL_CAST_RECORD_SIZE + message_size;
	}
	return true;
}

enum peal_cast_delivered
peal_cast_stream_deliver(struct peal_cast_stream *stream, const struct peal_channel_sink *sink)
{
	uint16_t size = 0;
	const uint8_t *body = peal_cast_stream_find(stream, stream->have, &size);
	bool is_good;

	if (body == NULL && PEAL_BUG(CAST_PULL_BREAKS_ORDER) && stream->head - stream->have > 1U) {
		body = peal_cast_stream_find(stream, ++stream->have, &size);
	}
	if (body == NULL) {
		return PEAL_CAST_NOTHING;
	}
	stream->have++;
	/* The form was checked when it came; here only whether parts follow each other. */
	is_good = (body[PEAL_CAST_FLAGS_OFFSET] & PEAL_CAST_FLAG_FRAGMENT) != 0
			  ? deliver_fragment(stream, body + PEAL_CAST_HEADER_SIZE,
				    size - PEAL_CAST_HEADER_SIZE, sink)
			  : deliver_records(stream, body + PEAL_CAST_HEADER_SIZE,
				    size - PEAL_CAST_HEADER_SIZE, sink);
	return is_good ? PEAL_CAST_DELIVERED : PEAL_CAST_SKIPPED;
}

uint64_t
peal_cast_stream_missing(const struct peal_cast_stream *stream, uint64_t from, uint64_t end)
{
	uint64_t missing = 0;

	for (uint32_t i = 0; i < 64U && from + i < end; i++) {
		/* What lies outside the ring here comes with a header that moves the ring. */
		if (from + i - stream->stable >= stream->window || !is_here(stream, from + i)) {
			missing |= UINT64_C(1) << i;
		}
	}
	return missing;
}

void
peal_cast_stream_settle(struct peal_cast_stream *stream, uint64_t stable)
{
	PEAL_DASSERT(stable <= stream->have);
	while (stream->stable < stable) {
		uint32_t place = place_of(stream, stream->stable++);

		stream->here[place / 64U] &= ~(UINT64_C(1) << place % 64U);
	}
}
