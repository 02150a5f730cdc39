/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The frames of one origin in one epoch, as one member has them: a ring, kept until stable.
 *
 *     0 .. stable .. have .. head            stable <= have <= head <= stable + window
 *          everybody  all    known to
 *          has those  here   exist
 *
 * A stream is that of one origin, or a lane of a large view, which is held by one origin after the
 * other: its next holder begins where everybody has all.
 *
 * A frame has its place by its number, so nothing is allocated, moved or searched. What is before
 * `stable` is gone; what is before `have` was delivered; behind it some may be here, and wait.
 *
 * Pure; numbers are read only for others; memory of the caller; one core.
 */
#ifndef PEAL_DATAPLANE_CAST_STREAM_H
#define PEAL_DATAPLANE_CAST_STREAM_H

#include "base/messagelimits.h"
#include "dataplane/channel_rx.h"
#include "wire/cast_msg.h"

enum peal_cast_put {
	PEAL_CAST_PUT_FRESH = 0,
	PEAL_CAST_PUT_DUPLICATE,
	PEAL_CAST_PUT_BEYOND, /* outside the ring */
	PEAL_CAST_PUT_LIE,    /* says that all have what is not here */
};

struct peal_cast_stream {
	uint32_t name;   /* the number of its origin, or PEAL_CAST_LANE_NAME */
	uint32_t origin; /* whose frames these are; 0 = a lane that nobody has used */
	uint32_t window; /* a power of two, [1, PEAL_CAST_WINDOW_MAX] */
	uint64_t stable;
	uint64_t have;
	uint64_t head;
	uint64_t here[PEAL_CAST_WINDOW_MAX / 64U]; /* by place: seq modulo the window */
	uint16_t sizes[PEAL_CAST_WINDOW_MAX];
	uint8_t *frames;         /* [window][PEAL_BODY_SIZE_MAX], whole bodies */
	uint32_t message_size;   /* of the large message that is being delivered */
	uint32_t message_offset; /* bytes of it that were; 0 = none under way */
};

/* Places that each of so many streams has, [1, 64]. */
uint32_t peal_cast_window(uint32_t streams_count);

/* @param frames  [window][PEAL_BODY_SIZE_MAX], outlives the stream */
void peal_cast_stream_init(
	struct peal_cast_stream *stream, uint32_t name, uint8_t *frames, uint32_t window);

/* True when the stream is a lane. */
static inline bool
peal_cast_stream_is_lane(const struct peal_cast_stream *stream)
{
	return stream->name >= PEAL_CAST_LANE_NAME(0);
}

/*
 * A lane is `origin`'s now, as one of its frames or rows shows that says so much of stable and
 * head. Whoever begins knows that everybody has all before.
 *
 * @return false: it cannot be, or it is late; nothing changed
 */
bool peal_cast_stream_pass(
	struct peal_cast_stream *stream, uint32_t origin, uint64_t stable, uint64_t head);

/* Keeps a copy of a whole body. Raises head, and stable as far as the message says. */
enum peal_cast_put peal_cast_stream_put(struct peal_cast_stream *stream,
	const struct peal_cast_msg *message, const uint8_t *body, uint16_t size);

/* For the origin: where its next frame is written, NULL = the ring is full; then how long it is. */
uint8_t *peal_cast_stream_begin(struct peal_cast_stream *stream);
void peal_cast_stream_end(struct peal_cast_stream *stream, uint16_t size);

/* The frame of a number, or NULL: not here. */
const uint8_t *peal_cast_stream_find(
	const struct peal_cast_stream *stream, uint64_t seq, uint16_t *size_out);

/* Delivers the frame that is next, if it is here. */
enum peal_cast_delivered {
	PEAL_CAST_NOTHING = 0,
	PEAL_CAST_DELIVERED,
	PEAL_CAST_SKIPPED, /* a part that does not follow: nothing of this frame was delivered */
};
enum peal_cast_delivered peal_cast_stream_deliver(
	struct peal_cast_stream *stream, const struct peal_channel_sink *sink);

/* Which of [from, from + 64) and before `end` are not here; from >= have. */
uint64_t peal_cast_stream_missing(
	const struct peal_cast_stream *stream, uint64_t from, uint64_t end);

/* Everybody has all before `stable`, which is at most `have`. Less than before changes nothing. */
void peal_cast_stream_settle(struct peal_cast_stream *stream, uint64_t stable);

#endif
