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
 * - time-out: nothing was heard for a time-out, doubled each time. Only the oldest frame is sent
 *   again, for a peer without a buffer takes no other. When it has arrived, all that left before it
 *   is overtaken.
 *
 * The size of frames may change at any time, with the path to the peer. A frame that was cut larger
 * than frames may be now keeps its place and content, too: it is sent again in pieces, which the
 * receiver puts together. So nothing is in doubt, whichever of the two arrives.
 *
 * Who has something to send and no credit asks for it with a PROBE, at the pace of time-outs. A
 * stream never gives up: membership judges whether the peer is there.
 *
 * paper: RFC 8985 (RACK-TLP), RFC 6675 for what a SACK may say.
 *
 * What an acknowledgement says is checked: nothing beyond what was sent, credit that never shrinks.
 * Pure; plain struct, fields private but `is_waiting`, and `epoch`, `queue` counts, `rtt`, `lost`,
 * `backoff`, `arrived_count` and `sample_ns`, which are read only, and `is_path_suspect`; one core.
 */
#ifndef PEAL_DATAPLANE_CHANNEL_TX_H
#define PEAL_DATAPLANE_CHANNEL_TX_H

#include "base/counters.h"
#include "base/messagelimits.h"
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
	uint32_t data_size; /* of the frame as it was cut */
};

struct peal_channel_tx_config {
	struct peal_counters
		*counters;    /* of what was lost and how that was noticed; NULL = nobody's */
	uint8_t *queue_bytes; /* [queue_capacity], 8-aligned, outlives the machine */
	uint32_t queue_capacity;
	uint32_t data_size_max; /* bytes of a frame behind the channel header, at first */
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
	uint32_t backoff;     /* time-outs in a row */
	bool is_ended;        /* the end was accepted: nothing may follow */
	bool is_tail_asked;   /* the newest frame was repeated, and nothing was heard since */
	bool is_tail_due;     /* a frame is to be repeated now, whatever the window to the peer */
	bool has_repeats;     /* in the window: places do not tell in which order they left */
	bool is_waiting;      /* for that window; set by the owner of the stream */
	bool is_probe_due;    /* a PROBE must leave */
	bool is_path_suspect; /* a large frame left often; cleared by the owner */
	uint32_t piece_seq;   /* of the frame that leaves in pieces, and the next of them */
	uint32_t piece_index;
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

/* Frames are cut to `data_size_max` from now on, [those of the smallest frame,
 * PEAL_CHANNEL_DATA_SIZE_MAX]. Those on their way that are larger, if there are any, count as lost
 * at once: afterwards it may be ready. */
void peal_channel_tx_resize(struct peal_channel_tx *tx, uint32_t data_size_max);

/* Ends it at once; loans go back, in order. What was not acknowledged is not known to have arrived.
 */
void peal_channel_tx_close(struct peal_channel_tx *tx, const struct peal_sendqueue_lender *lender);

/* Places of the window in use: frames sent, from the first that is not acknowledged on. */
static inline uint32_t
peal_channel_tx_places_count(const struct peal_channel_tx *tx)
{
	return tx->next_seq - tx->oldest_seq;
}

/* True when something was accepted that is not wholly in frames. */
static inline bool
peal_channel_tx_has_new(const struct peal_channel_tx *tx)
{
	return tx->cut != tx->queue.head;
}

/* True when a new frame is within credit and window. */
static inline bool
peal_channel_tx_may_send_new(const struct peal_channel_tx *tx)
{
	return peal_channel_tx_has_new(tx) &&
	       peal_channel_tx_places_count(tx) < PEAL_CHANNEL_WINDOW &&
	       (int32_t)(tx->credit - tx->next_seq) > 0;
}

/* True when a frame can leave now: a lost one, a new one within credit and window, or a PROBE.
 * Inline, as are those around it: some times a message. */
static inline bool
peal_channel_tx_is_ready(const struct peal_channel_tx *tx)
{
	return tx->lost != 0 || tx->is_probe_due || peal_channel_tx_may_send_new(tx);
}

/* True when the next frame asks what arrived: it must not wait for any window. */
static inline bool
peal_channel_tx_is_urgent(const struct peal_channel_tx *tx)
{
	return tx->lost != 0 ? tx->is_tail_due
			     : tx->is_probe_due && !peal_channel_tx_may_send_new(tx);
}

/* Frames on their way: sent, not acknowledged, and not known to be lost. */
static inline uint32_t
peal_channel_tx_flights_count(const struct peal_channel_tx *tx)
{
	return peal_channel_tx_places_count(tx) -
	       (uint32_t)__builtin_popcountll(tx->arrived | tx->lost);
}

/*
 * Gives up messages of which nothing was sent yet, oldest first, until `room` bytes of the queue
 * are free or none is left. Returns how many.
 */
uint64_t peal_channel_tx_drop(
	struct peal_channel_tx *tx, uint64_t room, const struct peal_sendqueue_lender *lender);

/* The end of a frame's data, which stays where the application lent it: only read, and good until
 * the next call that may release the loan. */
struct peal_channel_rest {
	const uint8_t *bytes;
	uint32_t size; /* 0 = the frame has none */
};

/*
 * As make, below, but what is lent is not copied when it is the last of the frame and not small:
 * `rest_out` tells of it, and `data_out` has all before it.
 *
 * @return bytes of data, the rest among them
 */
uint32_t peal_channel_tx_make_parts(struct peal_channel_tx *tx,
	struct peal_channel_msg *message_out, uint8_t *data_out, struct peal_channel_rest *rest_out,
	uint64_t now_ns);

/*
 * Makes the next frame: seq, flags and epoch in `message_out` (other fields are left alone), its
 * data in `data_out`. Call only when ready.
 *
 * @param data_out  [the largest data_size_max that the stream ever had]
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
