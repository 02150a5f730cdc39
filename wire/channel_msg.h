/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Body of CHANNEL: 44 bytes that say what is sent and what arrived, then data.
 *
 * epoch u64 | ack_epoch u64 | sack u64 | seq u32 | ack u32 | credit u32 | delay u16 |
 * unseen u16 | channel u16 | flags u8 | reason u8.
 *
 * A channel is two streams, one each way, and each stream has an epoch: a number that its sender
 * never uses again. `epoch` names the stream that the frame is part of, `ack_epoch` the stream of
 * the receiver that it speaks about. So data, acknowledgement, close and reset are all bound to one
 * life of a channel, and one place can check it (dataplane/channels.c).
 *
 * With DATA, what follows is records: u16 size, bytes, and again to the end. With DATA and FRAGMENT
 * it is a part of one large message: u32 message_size | u32 offset | bytes.
 *
 * With PIECE beside these, the frame carries not the data but a piece of it, because the whole does
 * not pass the path any more: u16 size of the whole | u16 index | bytes. Piece i begins at i times
 * PEAL_CHANNEL_PIECE_SIZE; all but the last are full.
 */
#ifndef PEAL_WIRE_CHANNEL_MSG_H
#define PEAL_WIRE_CHANNEL_MSG_H

#include "base/assert.h"
#include "base/limits.h"

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#define PEAL_CHANNEL_HEADER_SIZE   44U
#define PEAL_CHANNEL_RECORD_SIZE   2U /* in front of a message */
#define PEAL_CHANNEL_FRAGMENT_SIZE 8U /* in front of a part of a message */

#define PEAL_CHANNEL_FLAG_DATA 0x01U /* takes a place in the stream: `seq` */
#define PEAL_CHANNEL_FLAG_ACK                                                                      \
	0x02U /* ack_epoch, sack, ack, credit and both delays mean something */
#define PEAL_CHANNEL_FLAG_FRAGMENT 0x04U /* with DATA: a part of a large message */
#define PEAL_CHANNEL_FLAG_FIN      0x08U /* with DATA: the last frame of the stream; carries nothing */
#define PEAL_CHANNEL_FLAG_PROBE    0x10U /* answer with an ACK; `seq` is the next of the stream */
#define PEAL_CHANNEL_FLAG_RESET                                                                    \
	0x20U                         /* alone: the streams named are no more; `reason` says why   \
				       */
#define PEAL_CHANNEL_FLAG_PIECE 0x40U /* with DATA: a piece of what stood there at first */
#define PEAL_CHANNEL_FLAGS_ALL  0x7FU

#define PEAL_CHANNEL_PIECE_HEAD_SIZE 4U /* in front of a piece */
#define PEAL_CHANNEL_PIECE_SIZE                                                                    \
	(PEAL_BODY_SIZE_MAX - PEAL_CHANNEL_HEADER_SIZE - PEAL_CHANNEL_PIECE_HEAD_SIZE)
/* Data of the largest frame, and its pieces. */
#define PEAL_CHANNEL_DATA_SIZE_MAX (PEAL_LARGE_BODY_SIZE_MAX - PEAL_CHANNEL_HEADER_SIZE)
#define PEAL_CHANNEL_PIECES_MAX                                                                    \
	((PEAL_CHANNEL_DATA_SIZE_MAX + PEAL_CHANNEL_PIECE_SIZE - 1U) / PEAL_CHANNEL_PIECE_SIZE)

/* Parts in which an answer says how long the receiver waited, and for how long it may not have
 * looked: 4 and 67 ms at most. */
#define PEAL_CHANNEL_DELAY_NS  64U
#define PEAL_CHANNEL_UNSEEN_NS 1024U

/* Why a stream ended before its end. Also told to the application. */
enum peal_channel_reason {
	PEAL_CHANNEL_REASON_NONE = 0,
	PEAL_CHANNEL_REASON_CLOSED = 1,   /* the other end does not want more */
	PEAL_CHANNEL_REASON_UNKNOWN = 2,  /* nobody listens on this number */
	PEAL_CHANNEL_REASON_FULL = 3,     /* the other end has no room for another channel */
	PEAL_CHANNEL_REASON_STALE = 4,    /* the stream is one that the other end has forgotten */
	PEAL_CHANNEL_REASON_PROTOCOL = 5, /* what came cannot be */
	PEAL_CHANNEL_REASON_SLOW = 6,     /* what was sent was not taken for too long */
	PEAL_CHANNEL_REASON_REMOVED = 7,  /* the peer is no member any more; never on the wire */
	PEAL_CHANNEL_REASONS_COUNT
};

struct peal_channel_msg {
	uint64_t epoch;     /* of the sender's stream, from 1; RESET: 0 = not meant */
	uint64_t ack_epoch; /* of the receiver's stream; 0 without ACK, and in a RESET when not
			       meant */
	uint64_t sack;      /* bit i: ack + 1 + i is here */
	uint32_t seq;       /* of the frame in its stream */
	uint32_t ack;       /* the next that is awaited; all before are here */
	uint32_t credit;    /* the first that must not be sent yet */
	/* From the turn in which the newest frame was read to this answer, and from the turn before
	 * that one, in which it was not there yet. On the wire in parts of PEAL_CHANNEL_DELAY_NS
	 * and PEAL_CHANNEL_UNSEEN_NS, rounded down, 65 535 of them at most. */
	uint32_t delay_ns;
	uint32_t unseen_ns;
	uint16_t channel;
	uint8_t flags;
	uint8_t reason; /* enum peal_channel_reason, with RESET only */
};

/* Private: a time in parts, saturating. */
static inline uint16_t
peal_channel_msg_parts(uint32_t span_ns, uint32_t part_ns)
{
	uint32_t parts = span_ns / part_ns;

	return parts < UINT16_MAX ? (uint16_t)parts : UINT16_MAX;
}

/* Writes the 44 bytes. Inline: once a frame. */
static inline void
peal_channel_msg_encode(
	const struct peal_channel_msg *message, uint8_t body[PEAL_CHANNEL_HEADER_SIZE])
{
	const uint16_t parts[2] = {peal_channel_msg_parts(message->delay_ns, PEAL_CHANNEL_DELAY_NS),
		peal_channel_msg_parts(message->unseen_ns, PEAL_CHANNEL_UNSEEN_NS)};

	PEAL_DASSERT((message->flags & ~PEAL_CHANNEL_FLAGS_ALL) == 0);

	memcpy(body, &message->epoch, 8);
	memcpy(body + 8, &message->ack_epoch, 8);
	memcpy(body + 16, &message->sack, 8);
	memcpy(body + 24, &message->seq, 4);
	memcpy(body + 28, &message->ack, 4);
	memcpy(body + 32, &message->credit, 4);
	memcpy(body + 36, parts, 4);
	memcpy(body + 40, &message->channel, 2);
	body[42] = message->flags;
	body[43] = message->reason;
}

/*
 * Reads the 44 bytes and checks what does not depend on any state: known flags that go together, a
 * reason exactly with RESET, epochs that are there, and a size that fits the flags.
 *
 * @param body  [size], the whole body of the frame
 * @return false: refused; `message_out` is then unspecified
 */
static inline bool
peal_channel_msg_decode(const uint8_t *body, uint32_t size, struct peal_channel_msg *message_out)
{
	uint32_t data_size = size - PEAL_CHANNEL_HEADER_SIZE;
	uint16_t parts[2];

	if (__builtin_expect(size < PEAL_CHANNEL_HEADER_SIZE, 0)) {
		return false;
	}
	memcpy(&message_out->epoch, body, 8);
	memcpy(&message_out->ack_epoch, body + 8, 8);
	memcpy(&message_out->sack, body + 16, 8);
	memcpy(&message_out->seq, body + 24, 4);
	memcpy(&message_out->ack, body + 28, 4);
	memcpy(&message_out->credit, body + 32, 4);
	memcpy(parts, body + 36, 4);
	message_out->delay_ns = parts[0] * PEAL_CHANNEL_DELAY_NS;
	message_out->unseen_ns = parts[1] * PEAL_CHANNEL_UNSEEN_NS;
	memcpy(&message_out->channel, body + 40, 2);
	message_out->flags = body[42];
	message_out->reason = body[43];
	if (message_out->flags == PEAL_CHANNEL_FLAG_RESET) {
		return data_size == 0 && (message_out->epoch | message_out->ack_epoch) != 0 &&
		       message_out->reason > PEAL_CHANNEL_REASON_NONE &&
		       message_out->reason < PEAL_CHANNEL_REASON_REMOVED;
	}
	bool has_ack = (message_out->flags & PEAL_CHANNEL_FLAG_ACK) != 0;

	if (message_out->reason != 0 || has_ack != (message_out->ack_epoch != 0)) {
		return false;
	}
	switch (message_out->flags & ~PEAL_CHANNEL_FLAG_ACK) {
	case PEAL_CHANNEL_FLAG_DATA:
		return message_out->epoch != 0 && data_size > 0;
	case PEAL_CHANNEL_FLAG_DATA | PEAL_CHANNEL_FLAG_FRAGMENT:
		return message_out->epoch != 0 && data_size > PEAL_CHANNEL_FRAGMENT_SIZE;
	case PEAL_CHANNEL_FLAG_DATA | PEAL_CHANNEL_FLAG_PIECE:
	case PEAL_CHANNEL_FLAG_DATA | PEAL_CHANNEL_FLAG_FRAGMENT | PEAL_CHANNEL_FLAG_PIECE:
		return message_out->epoch != 0 && data_size > PEAL_CHANNEL_PIECE_HEAD_SIZE;
	case PEAL_CHANNEL_FLAG_DATA | PEAL_CHANNEL_FLAG_FIN:
	case PEAL_CHANNEL_FLAG_PROBE:
		return message_out->epoch != 0 && data_size == 0;
	case 0: /* an answer alone */
		return has_ack && data_size == 0;
	default:
		return false;
	}
}

/* Lower-case name of a reason, "unknown reason" for others. Static. */
const char *peal_channel_reason_name(uint8_t reason);

/* The place of the first frame of a stream: any number, so that wrapping is nothing special. */
static inline uint32_t
peal_channel_first_seq(uint64_t epoch)
{
	return (uint32_t)((epoch * UINT64_C(0x9E3779B97F4A7C15)) >> 32);
}

#endif
