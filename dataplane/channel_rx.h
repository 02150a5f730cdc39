/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The receiving end of one stream: every message once, in order, straight out of the packet.
 *
 * A frame that is next is delivered at once, from where it lies. One that came early is copied into
 * a buffer of the core and waits; without a buffer it is dropped, for its sender repeats it. One
 * that came before, or lies beyond the window, changes nothing but that an answer is owed. The
 * window is PEAL_CHANNEL_WINDOW frames and never grows.
 *
 * An answer to one frame that came in its turn waits for PEAL_CHANNEL_HOLD_NS, for whatever the
 * application says back takes it along; its sender is told of the wait. Everything else is answered
 * at once: a second frame, a gap or the end of one, what came before or cannot be taken, the end of
 * the stream, a PROBE, more credit, and a frame after which the peer has no credit left.
 *
 * paper: RFC 9000, 13.2, for what must not wait.
 *
 * A frame that comes in pieces is put together in a buffer, next or not. So that those for whom
 * others wait find one, the pool keeps some that early frames do not get.
 *
 * What a peer says is checked here: parts of a large message in order and of one size, records that
 * fill the frame exactly. Anything else ends the stream (PROTOCOL), for what follows would mean
 * nothing.
 *
 * Pure; plain struct, fields private but `epoch`, `is_finished`, `is_answer_owed` and
 * `is_answer_due`, read only; one core.
 */
#ifndef PEAL_DATAPLANE_CHANNEL_RX_H
#define PEAL_DATAPLANE_CHANNEL_RX_H

#include "base/messagelimits.h"
#include "dataplane/framepool.h"
#include "wire/channel_msg.h"

/* A message, or a part of a large one, in the order in which it was sent. Bytes are valid during
 * the call only. A part is the whole when offset = 0 and size = message_size. */
struct peal_delivery {
	uint32_t message_size;
	uint32_t offset;
	uint32_t size;
	const uint8_t *bytes;
};

/* Takes deliveries; must take every one. */
struct peal_channel_sink {
	void (*deliver)(void *state, const struct peal_delivery *delivery);
	void *state;
};

enum peal_channel_rx_outcome {
	PEAL_CHANNEL_RX_DELIVERED = 0, /* this frame, and perhaps some that waited */
	PEAL_CHANNEL_RX_HELD,          /* waits for an earlier one */
	PEAL_CHANNEL_RX_PIECE,         /* of a frame of which others are missing */
	PEAL_CHANNEL_RX_DUPLICATE,
	PEAL_CHANNEL_RX_BEYOND,    /* outside the window that was granted */
	PEAL_CHANNEL_RX_NO_BUFFER, /* early, and nowhere to keep it */
	PEAL_CHANNEL_RX_PROTOCOL,  /* what it says cannot be: the stream must be reset */
};

struct peal_channel_rx {
	uint64_t epoch; /* 0 = no stream yet */
	uint32_t next_seq;
	uint32_t credit;
	uint32_t told_credit;    /* as of the last answer: the peer goes no further */
	uint64_t held;           /* bit i: next_seq + 1 + i waits */
	uint32_t message_size;   /* of the large message that is being received */
	uint32_t message_offset; /* bytes of it that were delivered; 0 = none under way */
	bool is_finished;        /* the end was delivered */
	bool is_answer_owed;     /* the next frame takes one along, */
	bool is_answer_due;      /* and it must not wait for one */
	uint8_t patches_count;   /* frames that are being put together of pieces */
	uint64_t newest_at_ns;   /* arrival of the newest frame, or when it was asked for again */
	uint32_t unseen_ns;      /* nobody looked for so long before; the owner writes it */
	struct {
		uint16_t buffer;
		uint16_t size;
		uint8_t flags;
		uint8_t pieces; /* bit i: piece i is in `buffer`; 0 = it does not come in pieces */
	} frames[PEAL_CHANNEL_WINDOW]; /* by seq modulo the window */
};

/* Begins with a stream: its first place follows from its epoch. Credit for `room` frames. */
void peal_channel_rx_open(struct peal_channel_rx *rx, uint64_t epoch, uint32_t room);

/* Forgets the stream; buffers go back. */
void peal_channel_rx_close(struct peal_channel_rx *rx, struct peal_framepool *pool);

/*
 * A DATA frame of this stream.
 *
 * @param data  [size], what stands behind the header; only read
 * @return see the enum; after PROTOCOL the stream must be closed
 * Cost: in order, one pass over the records. Early, and in pieces: one copy.
 */
enum peal_channel_rx_outcome peal_channel_rx_on_data(struct peal_channel_rx *rx,
	struct peal_framepool *pool, const struct peal_channel_msg *message, const uint8_t *data,
	uint32_t size, const struct peal_channel_sink *sink, uint64_t now_ns);

/* The application takes `room` more frames than were delivered. What was granted stays granted. */
void peal_channel_rx_grant(struct peal_channel_rx *rx, uint32_t room);

/* Fills ack_epoch, ack, sack, credit, both delays and the flag; nothing is owed any more. */
void peal_channel_rx_answer(
	struct peal_channel_rx *rx, struct peal_channel_msg *message, uint64_t now_ns);

/* An answer should leave now although no frame asked for one. */
static inline void
peal_channel_rx_owe(struct peal_channel_rx *rx, uint64_t now_ns)
{
	rx->is_answer_owed = rx->is_answer_due = true;
	rx->newest_at_ns = now_ns;
}

/*
 * When an answer has waited for long enough; or else when it should say again what it waits for,
 * because nothing came for `patience_ns` although a frame or a part of a message is missing: a
 * sender that has given the stream up says so then. UINT64_MAX = it waits for nothing.
 */
static inline uint64_t
peal_channel_rx_deadline_at_ns(const struct peal_channel_rx *rx, uint64_t patience_ns)
{
	if (rx->is_answer_owed) {
		return rx->is_answer_due ? UINT64_MAX : rx->newest_at_ns + PEAL_CHANNEL_HOLD_NS;
	}
	return rx->held == 0 && rx->message_offset == 0 ? UINT64_MAX
							: rx->newest_at_ns + patience_ns;
}

static inline void
peal_channel_rx_on_timer(struct peal_channel_rx *rx, uint64_t patience_ns, uint64_t now_ns)
{
	if (now_ns < peal_channel_rx_deadline_at_ns(rx, patience_ns)) {
		return;
	}
	if (rx->is_answer_owed) {
		rx->is_answer_due = true; /* how long it waited counts from the frame */
	} else {
		peal_channel_rx_owe(rx, now_ns);
	}
}

#endif
