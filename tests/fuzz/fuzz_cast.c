/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Frames of broadcast, one behind the other, against what one member keeps of a stream.
 *
 * The input is pairs: u8 what and from whom (two bits, five bits, one bit: of a large view), u8
 * size, a body of that size; the last may be cut. A body that is accepted must come back unchanged
 * when it is encoded again, and goes to a ring of eight frames, to what the others said about it,
 * or to an agreement; its origin and epoch are taken to be the right ones. Whatever is said, stable
 * <= low <= have <= head
 * <= stable + ring, what is delivered is whole and in order, and goals are within reach.
 */
#include "dataplane/cast_digest.h"
#include "dataplane/cast_flush.h"
#include "dataplane/cast_lane.h"
#include "wire/cast_msg.h"

#include "base/assert.h"

#include <stddef.h>
#include <string.h>

#define WINDOW  8U
#define MEMBERS 7U
#define SELF    1U
#define ORIGIN  1U

static struct peal_cast_stream stream;
static struct peal_cast_digest digest;
static struct peal_cast_flush flush;
static struct peal_cast_flush sum_flush;
static struct peal_cast_lane lane;
static struct peal_cast_grants grants;
static uint8_t frames[WINDOW * PEAL_BODY_SIZE_MAX];
static uint64_t now_ns;
static uint32_t part_offset;
static uint32_t part_size;
static uint32_t sum;

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
deliver(void *state, const struct peal_delivery *delivery)
{
	(void)state;
	PEAL_ASSERT(delivery->offset == part_offset || delivery->offset == 0);
	PEAL_ASSERT(delivery->offset == 0 || delivery->message_size == part_size);
	PEAL_ASSERT(delivery->size <= delivery->message_size - delivery->offset);
	for (uint32_t i = 0; i < delivery->size; i++) {
		sum += delivery->bytes[i];
	}
	part_size = delivery->message_size;
	part_offset = delivery->offset + delivery->size;
	part_offset = part_offset < part_size ? part_offset : 0;
}

static const struct peal_channel_sink sink = {deliver, NULL};

static void
take_data(const uint8_t *body, uint16_t size)
{
	struct peal_cast_msg message;
	uint8_t again[PEAL_CAST_HEADER_SIZE];

	if (!peal_cast_msg_decode(body, size, &message)) {
		return;
	}
	peal_cast_msg_encode(&message, again);
	PEAL_ASSERT(memcmp(again, body, sizeof(again)) == 0);
	if (peal_cast_stream_put(&stream, &message, body, size) == PEAL_CAST_PUT_FRESH) {
		while (peal_cast_stream_deliver(&stream, &sink) != PEAL_CAST_NOTHING) {
		}
		peal_cast_digest_on_frame(&digest, now_ns);
	}
	peal_cast_digest_settle(&digest, &stream, now_ns);
}

static void
take_state(const uint8_t *body, uint16_t size, uint16_t rank)
{
	struct peal_cast_state_msg message;
	uint8_t again[PEAL_BODY_SIZE_MAX];

	if (!peal_cast_state_msg_decode(body, size, &message)) {
		return;
	}
	PEAL_ASSERT(peal_cast_state_msg_encode(&message, again) == size);
	PEAL_ASSERT(memcmp(again, body, size) == 0);
	for (uint32_t i = 0; i < message.rows_count; i++) {
		(void)peal_cast_digest_on_row(&digest, &stream, rank, &message.rows[i], now_ns);
		peal_cast_digest_settle(&digest, &stream, now_ns);
	}
}

static void
take_pull(const uint8_t *body, uint16_t size)
{
	struct peal_cast_pull_msg message;
	uint8_t again[PEAL_CAST_PULL_SIZE];
	uint16_t frame_size;

	if (!peal_cast_pull_msg_decode(body, size, &message)) {
		return;
	}
	peal_cast_pull_msg_encode(&message, again);
	PEAL_ASSERT(memcmp(again, body, size) == 0);
	for (uint32_t i = 0; i < 64U; i++) {
		const uint8_t *frame =
			peal_cast_stream_find(&stream, message.from + i, &frame_size);
		struct peal_cast_msg found;

		if (frame != NULL) {
			PEAL_ASSERT(peal_cast_msg_decode(frame, frame_size, &found));
			PEAL_ASSERT(found.seq == message.from + i);
		}
	}
}

static void
take_flush(const uint8_t *body, uint16_t size, uint16_t rank)
{
	struct peal_cast_flush_msg message;
	uint8_t again[PEAL_BODY_SIZE_MAX];

	if (!peal_cast_flush_msg_decode(body, size, &message)) {
		return;
	}
	PEAL_ASSERT(peal_cast_flush_msg_encode(&message, again) == size);
	PEAL_ASSERT(memcmp(again, body, size) == 0);
	if (message.epoch == 0) {
		peal_cast_flush_on_newcomer(&flush, rank);
	} else if (peal_cast_flush_on_vector(&flush, rank, &message, &stream, 1)) {
		PEAL_ASSERT(flush.goals[0] <= stream.have + stream.window);
	}
	PEAL_ASSERT((flush.heard & ~flush.others) == 0);
	PEAL_ASSERT((flush.holders[0] & ~flush.heard) == 0);
}

/* At one member that wants a lane, and is place 0 for others. */
static void
take_lane(const uint8_t *body, uint16_t size)
{
	uint64_t heads[PEAL_CAST_LANES_MAX] = {0};
	struct peal_cast_lane_msg messages[PEAL_CAST_LANES_MAX];
	struct peal_cast_lane_msg message;
	uint8_t again[PEAL_CAST_LANE_SIZE];

	if (!peal_cast_lane_msg_decode(body, size, &message)) {
		return;
	}
	peal_cast_lane_msg_encode(&message, again);
	PEAL_ASSERT(memcmp(again, body, size) == 0);
	if (lane.state == PEAL_CAST_LANE_NONE) {
		peal_cast_lane_ask(&lane, now_ns);
	}
	if (message.what >= PEAL_CAST_LANE_GRANT) {
		(void)peal_cast_lane_on_answer(&lane, &message, 0);
		return;
	}
	message.origin = 1U + message.origin % 200U; /* a member, as its number was found */
	(void)peal_cast_grants_on_message(&grants, &message, heads, now_ns, messages);
	PEAL_ASSERT(peal_cast_grants_run(&grants, heads, now_ns, messages) <= PEAL_CAST_LANES_MAX);
	PEAL_ASSERT(grants.waiting_count <= PEAL_CAST_WAITING_MAX);
	for (uint32_t i = 0; i < PEAL_CAST_LANES_MAX; i++) {
		for (uint32_t j = 0; j < i && grants.holders[i].origin != 0; j++) {
			PEAL_ASSERT(grants.holders[i].origin != grants.holders[j].origin);
		}
	}
}

/* At a member that has no streams itself. */
static void
take_sum(const uint8_t *body, uint16_t size, uint16_t link)
{
	struct peal_cast_flush_msg message;

	if (!peal_cast_flush_msg_decode(body, size, &message)) {
		return;
	}
	if (message.epoch > sum_flush.of) {
		if (message.rows_count == 0) {
			return;
		}
		peal_cast_flush_adopt(&sum_flush, &message);
	}
	(void)peal_cast_flush_on_sum(&sum_flush, link, &message, NULL);
	PEAL_ASSERT((sum_flush.heard & ~sum_flush.others) == 0);
	PEAL_ASSERT((sum_flush.done & ~sum_flush.heard) == 0);
	PEAL_ASSERT((peal_cast_flush_sendable(&sum_flush) & ~sum_flush.others) == 0);
	peal_cast_flush_sum(&sum_flush, link, &message);
	PEAL_ASSERT(message.rows_count <= sum_flush.names_count);
}

static void
check(void)
{
	uint64_t asking;

	PEAL_ASSERT(stream.stable <= digest.low);
	PEAL_ASSERT(digest.low <= stream.have);
	PEAL_ASSERT(stream.have <= stream.head);
	PEAL_ASSERT(stream.head - stream.stable <= stream.window);
	PEAL_ASSERT(stream.have == stream.head ||
		    (peal_cast_stream_missing(&stream, stream.have, stream.head) & 1U) != 0);
	PEAL_ASSERT((peal_cast_digest_run(&digest, &stream, now_ns, &asking) >> MEMBERS) == 0);
	now_ns += 50000U;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct peal_cast_order order = {.members_count = MEMBERS, .self_rank = SELF};
	size_t at = 0;

	for (uint16_t i = 0; i < MEMBERS; i++) {
		order.places[i] = order.ranks[i] = i;
	}
	now_ns = 1000000U;
	part_offset = part_size = 0;
	peal_cast_stream_init(&stream, ORIGIN, frames, WINDOW);
	peal_cast_digest_init(&digest, &order, 0);
	peal_cast_flush_begin(&flush, MEMBERS, SELF, &stream, 1, now_ns);
	peal_cast_flush_begin_tree(&sum_flush, 0x7d, 0, NULL, 0, now_ns);
	memset(&lane, 0, sizeof(lane));
	peal_cast_lane_reset(&lane);
	peal_cast_grants_reset(&grants);
	while (at + 2U <= size) {
		uint8_t what = data[at] & 3U;
		bool is_large = (data[at] & 0x80U) != 0;
		uint16_t rank = (uint16_t)((data[at] >> 2 & 0x1fU) % MEMBERS);
		uint16_t body_size = data[at + 1U];

		at += 2U;
		body_size = body_size <= size - at ? body_size : (uint16_t)(size - at);
		rank = rank == SELF ? 0 : rank;
		if (is_large && what < 2U) {
			take_lane(data + at, body_size);
		} else if (is_large) {
			take_sum(data + at, body_size, rank);
		} else if (what == 0) {
			take_data(data + at, body_size);
		} else if (what == 1) {
			take_state(data + at, body_size, rank);
		} else if (what == 2) {
			take_pull(data + at, body_size);
		} else {
			/* An agreement about the stream as it is now. */
			if (flush.heard == 0) {
				flush.goals[0] = stream.have;
			}
			take_flush(data + at, body_size, rank);
		}
		at += body_size;
		check();
	}
	return 0;
}
