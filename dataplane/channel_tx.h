/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The sending end of one stream: what was accepted is sent until it is acknowledged.
 *
 * Messages wait in a queue of fixed size. A frame takes as many small ones as fit, or a part of a
 * large one, and keeps its place (seq) and its content for good; it is built anew from the queue
 * when it must be sent again. At most PEAL_CHANNEL_WINDOW frames are on their way, and none at or
 * past the credit.
 *
 * A frame counts as lost, and is sent again, for one of these reasons:
 *
 * - overtaken: one that was sent later has arrived, and a round trip and a quarter have passed
 * since this one left;
 * - tail: nothing was heard for two round trips. Only the newest frame is sent again, so that the
 *   answer tells what else is missing;
 * - time-out: nothing was heard for a time-out, doubled each time. All that is on its way is sent
 *   again.
 *
 * Who has something to send and no credit asks for it with a PROBE, at the pace of time-outs. A
 * stream never gives up: membership judges whether the peer is there.
 *
 * paper: RFC 8985 (RACK-TLP), RFC 6675 for what a SACK may say.
 *
 * What an acknowledgement says is checked: nothing beyond what was sent, credit that never shrinks.
 * Pure; plain struct, fields private but `is_waiting`, and `epoch`, `queue` counts, `rtt`, `lost`,
 * `backoff`, `arrived_count` and `sample_ns`, which are read only; one core.
 */
#ifndef PEAL_DATAPLANE_CHANNEL_TX_H
#define PEAL_DATAPLANE_CHANNEL_TX_H

#include "base/counters.h"
#include "dataplane/rtt.h"
#include "dataplane/sendqueue.h"
#include "wire/channel_msg.h"

/* A frame on its way: which part of the queue it carries. */
struct peal_channel_flight {
	uint64_t begin; /* position of its first entry */
	uint64_t end;   /* position behind its last one; a part of a message: behind that message */
	uint32_t offset;     /* a part: where in the message, */
	uint32_t size;       /* and how many bytes; 0 = not a part */
	uint64_t sent_at_ns; /* last time */
	uint32_t sends_count;
};

struct peal_channel_tx_config {
	struct peal_counters
		*counters;    /* of what was lost and how that was noticed; NULL = nobody's */
	uint8_t *queue_bytes; /* [queue_capacity], 8-aligned, outlives the machine */
	uint32_t queue_capacity;
	uint32_t data_size_max; /* bytes of a frame behind the channel header; fixed for a stream */
	bool is_coalescing;     /* several small messages in one frame */
	uint64_t rto_ns_min;
	uint64_t rto_ns_max;
};

struct peal_channel_tx {
	struct peal_channel_tx_config config;
	uint64_t epoch; /* 0 = no stream */
	struct peal_sendqueue queue;
	struct peal_rtt rtt;
	uint32_t oldest_seq; /* the first that is not acknowledged */
	uint32_t next_seq;   /* of the next new frame */
	uint32_t credit;
	uint64_t arrived; /* bit i: oldest_seq + i arrived out of order */
	uint64_t lost;    /* bit i: oldest_seq + i must be sent again */
	uint64_t cut;     /* position of the first entry that is not wholly in frames */
	uint32_t cut_offset;
	uint32_t backoff;           /* time-outs in a row */
	bool is_ended;              /* the end was accepted: nothing may follow */
	bool is_tail_asked;         /* the newest frame was repeated, and nothing was heard since */
	bool is_tail_due;           /* it is to be repeated now, whatever the window to the peer */
	bool is_waiting;            /* for that window; set by the owner of the stream */
	bool is_probe_due;          /* a PROBE must leave */
	uint64_t heard_at_ns;       /* last progress, or last frame sent: timers count from here */
	uint64_t overtaken_at_ns;   /* when the oldest overtaken frame counts as lost; UINT64_MAX =
				       none */
	uint64_t newest_sent_at_ns; /* of the newest frame known to have arrived, and its seq */
	uint32_t newest_seq;
	/* What the last answer told: frames, and the round trip of one of them; 0 = of none. */
	uint32_t arrived_count;
	uint64_t sample_ns;
	struct peal_channel_flight flights[PEAL_CHANNEL_WINDOW]; /* by seq modulo the window */
};

enum peal_channel_ack_outcome {
	PEAL_CHANNEL_ACK_OLD = 0,  /* says nothing new */
	PEAL_CHANNEL_ACK_PROGRESS, /* something arrived, or there is more credit */
	PEAL_CHANNEL_ACK_LIE, /* speaks of what was never sent, or takes back: nothing changed */
};

/* Begins a stream. `credit_count`: frames that may leave before the first answer. */
void peal_channel_tx_open(struct peal_channel_tx *tx, const struct peal_channel_tx_config *config,
	uint64_t epoch, uint32_t credit_count);

/* Ends it at once; loans go back, in order. What was not acknowledged is not known to have arrived.
 */
void peal_channel_tx_close(struct peal_channel_tx *tx, const struct peal_sendqueue_lender *lender);

/* True when a frame can leave now: a lost one, a new one within credit and window, or a PROBE. */
bool peal_channel_tx_is_ready(const struct peal_channel_tx *tx);

/* True when the next frame asks what arrived: it must not wait for any window. */
bool peal_channel_tx_is_urgent(const struct peal_channel_tx *tx);

/* Frames on their way: sent, not acknowledged, and not known to be lost. */
uint32_t peal_channel_tx_flights_count(const struct peal_channel_tx *tx);

/*
 * Gives up messages of which nothing was sent yet, oldest first, until `room` bytes of the queue
 * are free or none is left. Returns how many.
 */
uint64_t peal_channel_tx_drop(
	struct peal_channel_tx *tx, uint64_t room, const struct peal_sendqueue_lender *lender);

/*
 * Makes the next frame: seq, flags and epoch in `message_out` (other fields are left alone), its
 * data in `data_out`. Call only when ready.
 *
 * @param data_out  [data_size_max of the configuration]
 * @return bytes of data
 */
uint32_t peal_channel_tx_make(struct peal_channel_tx *tx, struct peal_channel_msg *message_out,
	uint8_t *data_out, uint64_t now_ns);

/* Takes the acknowledging half of a message about this stream (same epoch; asserted). */
enum peal_channel_ack_outcome peal_channel_tx_on_ack(struct peal_channel_tx *tx,
	const struct peal_channel_msg *message, const struct peal_sendqueue_lender *lender,
	uint64_t now_ns);

/* Does what is due; afterwards it may be ready. Who waits for a window has timers while frames are
 * on their way: they may all be lost. */
void peal_channel_tx_on_timer(struct peal_channel_tx *tx, uint64_t now_ns);

/* Frames take another way: what is on its way is sent again at once, and round trips are measured
 * anew. */
void peal_channel_tx_on_path(struct peal_channel_tx *tx, uint64_t now_ns);

/* When on_timer should be called; UINT64_MAX = not needed. */
uint64_t peal_channel_tx_deadline_at_ns(const struct peal_channel_tx *tx);

/* True when everything that was accepted has arrived. */
static inline bool
peal_channel_tx_is_idle(const struct peal_channel_tx *tx)
{
	return tx->oldest_seq == tx->next_seq && tx->cut == tx->queue.head;
}

#endif
