/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * All channels of a core: reliable, in order, between this node and one peer, several to a pair.
 *
 * A channel has a number, [0, 65535], which both ends know. It is two streams, one each way. It
 * begins when either end opens it, or when the first frame of the peer comes and somebody listens;
 * there is no round trip of greetings. It ends in order when both have closed, or at once (reset;
 * the peer was removed from the view; the peer began anew). What was accepted and not acknowledged
 * by then is reported.
 *
 *     state     send  deliveries  on
 *     OPEN      yes   yes         close -> CLOSING
 *     CLOSING   no    yes         own end acknowledged and end of the peer delivered -> CLOSED
 *     CLOSED    no    no          place is given to another channel when there is no free one
 *
 * Which life of a channel a frame belongs to is checked in one place, for data, acknowledgements,
 * probes and resets alike. Epochs of one sender only grow, over all its channels. A life that was
 * forgotten raises the floor of its peer, so that nothing late can bring it back: such a frame is
 * answered by a RESET. So is data whose sender hears a former life of this end, and an
 * acknowledgement of one; two ends that turn out to hear different lives of each other both end.
 * Who waits for the rest of something and hears nothing asks again, so that a RESET may be lost.
 *
 * Fair: who has something to send takes turns, PEAL_CHANNEL_BURST frames each. Nothing waits for
 * company: frames leave at the end of the turn with what is there. An acknowledgement rides on
 * data, or goes alone at the end of the turn.
 *
 * Pure; plain struct, fields private; one core.
 */
#ifndef PEAL_DATAPLANE_CHANNELS_H
#define PEAL_DATAPLANE_CHANNELS_H

#include "base/counters.h"
#include "base/deadlines.h"
#include "dataplane/channel_rx.h"
#include "dataplane/channel_tx.h"
#include "dataplane/egress.h"
#include "dataplane/ingress.h"
#include "dataplane/peers.h"

#define PEAL_CHANNEL_NONE UINT16_MAX

enum peal_channel_state {
	PEAL_CHANNEL_FREE = 0,
	PEAL_CHANNEL_OPEN,
	PEAL_CHANNEL_CLOSING,
	PEAL_CHANNEL_CLOSED,
};

/* What came of a call. */
enum peal_channel_result {
	PEAL_CHANNEL_OK = 0,
	PEAL_CHANNEL_FULL,        /* no room in the queue; on release, try again */
	PEAL_CHANNEL_NOT_OPEN,    /* closing, closed, or never opened */
	PEAL_CHANNEL_NOT_IN_VIEW, /* the peer is no member */
	PEAL_CHANNEL_TOO_MANY,    /* PEAL_CHANNELS_MAX are open */
	PEAL_CHANNEL_IN_USE,      /* the number is open to this peer already */
	PEAL_CHANNEL_TOO_BIG,     /* above PEAL_MESSAGE_SIZE_MAX */
};

/* Who uses channels. Called from within a turn; may call send, lend, close and grant, but not open.
 */
struct peal_channel_user {
	/* True: somebody listens for peers on this number. */
	bool (*accepts)(void *state, uint64_t mid, uint16_t number);
	/* A peer opened a channel: `channel` names it from now on. */
	void (*opened)(void *state, uint16_t channel, uint64_t mid, uint16_t number);
	/* The next message, or a part of it. Must be taken. */
	void (*deliver)(void *state, uint16_t channel, const struct peal_delivery *delivery);
	/* The peer sends no more; all that it sent was delivered. */
	void (*finished)(void *state, uint16_t channel);
	/* The name means nothing any more. `lost_count`: newest messages of which nobody knows
	 * whether they arrived; 0 after an orderly end. */
	void (*ended)(void *state, uint16_t channel, enum peal_channel_reason reason,
		uint64_t lost_count);
	/* Lent bytes are free again: they arrived, or the channel ended. */
	void (*release)(void *state, uint16_t channel, uint64_t token);
	void *state;
};

struct peal_channel {
	enum peal_channel_state state;
	uint16_t number;
	uint16_t slot;
	uint64_t mid;
	bool is_ready;      /* stands in the list of those that have something to send */
	bool is_close_owed; /* the end found no room in the queue yet */
	bool is_finish_told;
	uint16_t next;         /* in that list */
	uint16_t reset_reason; /* owed to the peer; 0 = none */
	uint32_t room;
	uint64_t closed_order;
	struct peal_channel_tx tx;
	struct peal_channel_rx rx;
};

struct peal_channels_config {
	struct peal_egress *egress;
	struct peal_counters *counters;
	struct peal_channel_user user;
	uint8_t *queue_bytes;    /* [PEAL_CHANNELS_MAX][queue_capacity], 8-aligned */
	uint32_t queue_capacity; /* a power of two */
	uint8_t *frame_bytes; /* [frames_count][PEAL_BODY_SIZE_MAX], for frames that come early */
	uint16_t frames_count;
	uint64_t rto_ns_min;
	uint64_t rto_ns_max;
	uint64_t first_epoch; /* of the streams of this node; >= 1 */
	bool is_coalescing;
};

struct peal_channels {
	struct peal_channels_config config;
	const struct peal_peers *peers;
	uint64_t self_mid;
	uint64_t next_epoch;
	uint64_t closed_count;
	uint16_t ready_first, ready_last;
	struct peal_framepool pool;
	struct peal_deadlines deadlines;
	uint16_t places[2U * PEAL_CHANNELS_MAX]; /* open addressing: channel + 1, 0 = empty */
	uint64_t floors[PEAL_SLOTS_MAX];         /* highest epoch of the peer that was forgotten */
	uint64_t floor_mids[PEAL_SLOTS_MAX];
	uint16_t held_counts[PEAL_SLOTS_MAX]; /* buffers of the pool that frames of a peer are in */
	struct peal_channel channels[PEAL_CHANNELS_MAX];
};

/* Everything that the configuration names outlives the machine. */
void peal_channels_init(struct peal_channels *channels, const struct peal_channels_config *config);

/* Takes another table: channels to who is no member in it end. */
void peal_channels_switch(struct peal_channels *channels, const struct peal_peers *peers);

/* Opens a channel to the member `mid`. OK: `channel_out` names it until `ended`. */
enum peal_channel_result peal_channels_open(
	struct peal_channels *channels, uint64_t mid, uint16_t number, uint16_t *channel_out);

/* Accepts a message: copied, or lent until `release`. Cost: the copy, and some ten cycles. */
enum peal_channel_result peal_channels_send(
	struct peal_channels *channels, uint16_t index, const uint8_t *bytes, uint32_t size);
enum peal_channel_result peal_channels_lend(struct peal_channels *channels, uint16_t index,
	const uint8_t *bytes, uint32_t size, uint64_t token);

/* Nothing is sent any more; what was accepted still is. */
enum peal_channel_result peal_channels_close(struct peal_channels *channels, uint16_t index);

/* Ends it at once, at both ends. `ended` is called before this returns. */
void peal_channels_reset(struct peal_channels *channels, uint16_t index);

/* From now on the user takes `room` frames beyond those delivered, [0, PEAL_CHANNEL_WINDOW]. */
void peal_channels_grant(
	struct peal_channels *channels, uint16_t index, uint32_t room, uint64_t now_ns);

/* An opened frame of family 4 from a member. */
void peal_channels_on_frame(
	struct peal_channels *channels, const struct peal_opened *opened, uint64_t now_ns);

/* Once a turn, after the frames: timers, and what has to leave. Returns frames sent. */
uint32_t peal_channels_run(struct peal_channels *channels, uint64_t now_ns);

/* When the next timer is due; 0 = something is ready to leave; UINT64_MAX = nothing. */
uint64_t peal_channels_deadline_at_ns(const struct peal_channels *channels);

#endif
