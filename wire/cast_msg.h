/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Bodies of family 5, broadcast. Every one begins with the epoch of the streams that it speaks of.
 *
 *     CAST        epoch u64 | seq u64 | origin u32 | unstable u16 | flags u8 | lane u8 | data
 *     CAST_STATE  epoch u64 | count u16 | 6 x 0 | rows: origin u32 | stable u64 |
 *                 low u16 | have u16 | head u16 | flags u16
 *     CAST_PULL   epoch u64 | from u64 | missing u64 | origin u32 | 0 u32
 *     CAST_FLUSH  epoch u64 | count u16 | flags u8 | 5 x 0 | rows: origin u32 | have u64
 *     CAST_LANE   epoch u64 | seq u64 | origin u32 | request u32 | what u8 | lane u8 | tree u8 |
 *                 5 x 0
 *
 * Data is records: u16 size, bytes, and again to the end; with FRAGMENT it is a part of one large
 * message: u32 message_size | u32 offset | bytes. Frames of a stream are numbered from 0. Of a row,
 * low, have and head count from stable, and 0 <= low <= have <= head <= PEAL_CAST_WINDOW_MAX.
 *
 * A stream has a name: the number of its origin, or in a large view PEAL_CAST_LANE_NAME of its
 * lane. CAST and rows with LANE say both, origin and lane; pulls and vectors name the stream where
 * the origin stands. In a row the lane is the high byte of the flags.
 *
 * Decoders check what depends on no state: form, sizes, order, bytes that must be zero. They read
 * from a body and copy out; all are pure.
 */
#ifndef PEAL_WIRE_CAST_MSG_H
#define PEAL_WIRE_CAST_MSG_H

#include "base/limits.h"
#include "base/messagelimits.h"

#include <stdbool.h>
#include <stdint.h>

#define PEAL_CAST_HEADER_SIZE   24U
#define PEAL_CAST_FLAGS_OFFSET  22U
#define PEAL_CAST_RECORD_SIZE   2U /* in front of a message */
#define PEAL_CAST_FRAGMENT_SIZE 8U /* in front of a part of a message */
#define PEAL_CAST_DATA_SIZE_MAX (PEAL_BODY_SIZE_MAX - PEAL_CAST_HEADER_SIZE)

#define PEAL_CAST_LIST_SIZE      16U /* in front of rows */
#define PEAL_CAST_ROW_SIZE       20U
#define PEAL_CAST_ROWS_MAX       ((PEAL_BODY_SIZE_MAX - PEAL_CAST_LIST_SIZE) / PEAL_CAST_ROW_SIZE)
#define PEAL_CAST_PULL_SIZE      32U
#define PEAL_CAST_FLUSH_ROW_SIZE 12U
#define PEAL_CAST_LANE_SIZE      32U

/* Numbers of members are below 2^31. */
#define PEAL_CAST_LANE_NAME(lane) (UINT32_C(0x80000000) + (lane))

#define PEAL_CAST_FLAG_FRAGMENT 0x01U /* CAST: a part of a large message */
#define PEAL_CAST_FLAG_LANE     0x02U /* CAST, a row: of a lane */
#define PEAL_CAST_FLAG_ASKING   0x01U /* a row: the receiver should answer */
#define PEAL_CAST_FLAG_SLOW     0x04U /* a row: the receiver has held all others back for too long */
#define PEAL_CAST_FLAG_DONE     0x01U /* CAST_FLUSH: has all that was agreed on */
#define PEAL_CAST_FLAG_ASK      0x02U /* CAST_FLUSH: waits for the receiver's */
#define PEAL_CAST_FLAG_WHOLE    0x04U /* CAST_FLUSH: of all beyond the sender, in a large view */

struct peal_cast_msg {
	uint64_t epoch;
	uint64_t seq;
	uint32_t origin;   /* member number, low 32 bits */
	uint16_t unstable; /* all before seq - unstable are stable; <= seq */
	uint8_t flags;
	uint8_t lane; /* with LANE; else 0 */
};

struct peal_cast_row {
	uint32_t origin;
	bool is_asking; /* wants a row of the receiver */
	uint64_t stable;
	uint64_t low;
	uint64_t have;
	uint64_t head;
	bool is_slow; /* who receives it has held all others back for too long */
	bool is_lane;
	uint8_t lane; /* if so; else 0 */
};

struct peal_cast_state_msg {
	uint64_t epoch;
	uint32_t rows_count; /* [1, PEAL_CAST_ROWS_MAX] */
	struct peal_cast_row rows[PEAL_CAST_ROWS_MAX];
};

struct peal_cast_pull_msg {
	uint64_t epoch;
	uint64_t from;
	uint64_t missing; /* bit i: from + i is wanted; bit 0 is set */
	uint32_t origin;
};

struct peal_cast_flush_row {
	uint32_t origin;
	uint64_t have;
};

struct peal_cast_flush_msg {
	uint64_t epoch; /* 0 = the sender has no streams yet */
	uint8_t flags;
	uint32_t rows_count; /* [0, PEAL_DIRECT_MAX] */
	struct peal_cast_flush_row rows[PEAL_DIRECT_MAX];
};

/* About the lanes of a large view: between who wants one and the member at place 0. */
enum peal_cast_lane_what {
	PEAL_CAST_LANE_ASK = 1,    /* up: origin wants a lane */
	PEAL_CAST_LANE_RETURN = 2, /* up: origin needs `lane` no more; `seq` is its next frame */
	PEAL_CAST_LANE_GRANT = 3,  /* down: `lane` is the origin's, from frame `seq` on */
	PEAL_CAST_LANE_FREED = 4,  /* down: it is not any more */
	PEAL_CAST_LANE_RECALL = 5, /* down: others wait */
};

struct peal_cast_lane_msg {
	uint64_t epoch; /* not 0 */
	uint64_t seq;
	uint32_t origin;
	uint32_t request; /* of the origin, never used again in an epoch; not 0 */
	uint8_t what;     /* enum peal_cast_lane_what */
	uint8_t lane;     /* [0, PEAL_CAST_LANES_MAX) */
	uint8_t tree;     /* over which it travels: 0 or 1 */
};

/* How the stream of a frame or row is named. */
static inline uint32_t
peal_cast_name(uint32_t origin, bool is_lane, uint8_t lane)
{
	return is_lane ? PEAL_CAST_LANE_NAME(lane) : origin;
}

/* Writes the 24 bytes. */
void peal_cast_msg_encode(const struct peal_cast_msg *message, uint8_t body[PEAL_CAST_HEADER_SIZE]);
/* @param body  [size], the whole body; the data is checked too: records that fill it exactly, or a
 *              part inside its message
 * @return false: refused; `message_out` is then unspecified (here and below) */
bool peal_cast_msg_decode(const uint8_t *body, uint32_t size, struct peal_cast_msg *message_out);

/* Returns the size written, at most PEAL_BODY_SIZE_MAX. */
uint16_t peal_cast_state_msg_encode(
	const struct peal_cast_state_msg *message, uint8_t body[PEAL_BODY_SIZE_MAX]);
bool peal_cast_state_msg_decode(
	const uint8_t *body, uint32_t size, struct peal_cast_state_msg *message_out);

void peal_cast_pull_msg_encode(
	const struct peal_cast_pull_msg *message, uint8_t body[PEAL_CAST_PULL_SIZE]);
bool peal_cast_pull_msg_decode(
	const uint8_t *body, uint32_t size, struct peal_cast_pull_msg *message_out);

uint16_t peal_cast_flush_msg_encode(
	const struct peal_cast_flush_msg *message, uint8_t body[PEAL_BODY_SIZE_MAX]);
bool peal_cast_flush_msg_decode(
	const uint8_t *body, uint32_t size, struct peal_cast_flush_msg *message_out);

void peal_cast_lane_msg_encode(
	const struct peal_cast_lane_msg *message, uint8_t body[PEAL_CAST_LANE_SIZE]);
bool peal_cast_lane_msg_decode(
	const uint8_t *body, uint32_t size, struct peal_cast_lane_msg *message_out);

#endif
