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
 * How much is on its way to a peer is bounded by a window that all channels to it share
 * (channelsender.h, congestion.h). Answers, PROBEs and repeats after silence do not wait for it.
 *
 * Frames are as large as the path to the peer is proven to carry (pathmtu.h), now: new ones follow
 * the path at once, and those on their way that are too large by then leave again in pieces.
 *
 * Fair: who has something to send takes turns, PEAL_CHANNEL_BURST frames each. Nothing waits for
 * company: frames leave at the end of the turn with what is there. An acknowledgement rides on
 * data, or goes alone, at the end of the turn or a little later (channel_rx.h).
 *
 * Pure; plain struct, fields private; one core.
 */
#ifndef PEAL_DATAPLANE_CHANNELS_H
#define PEAL_DATAPLANE_CHANNELS_H

#include "base/counters.h"
#include "base/deadlines.h"
#include "base/messagelimits.h"
#include "dataplane/channelsender.h"
#include "dataplane/egress.h"
#include "dataplane/ingress.h"
#include "dataplane/pathmtu.h"
#include "dataplane/peers.h"

/* What came of a call. */
enum peal_channel_result {
	PEAL_CHANNEL_OK = 0,
	PEAL_CHANNEL_FULL,        /* no room in the queue; when something arrived, try again */
	PEAL_CHANNEL_NOT_OPEN,    /* closing, closed, or never opened */
	PEAL_CHANNEL_NOT_IN_VIEW, /* the peer is no member */
	PEAL_CHANNEL_TOO_MANY,    /* PEAL_CHANNELS_MAX are open */
	PEAL_CHANNEL_IN_USE,      /* the number is open to this peer already */
	PEAL_CHANNEL_TOO_BIG,     /* never fits: lend it, or above PEAL_MESSAGE_SIZE_MAX */
	PEAL_CHANNEL_ELSEWHERE,   /* the channel lives on another shard of this node */
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
	/* Lent bytes are free again: they arrived, the channel ended, or they were given up. */
	void (*release)(void *state, uint16_t channel, uint64_t token);
	/* The oldest `count` messages that were not sent yet were given up to make room: the peer
	 * will never have them, and has or will have those before and after. Only with
	 * PEAL_CHANNEL_DROP_BEHIND, and may be NULL without; must not call back. */
	void (*dropped)(void *state, uint16_t channel, uint64_t count);
	/* Frames of the channel go through another member of the view from now on, because the
	 * direct way to the peer is broken; or directly again. May be NULL; must not call back. */
	void (*rerouted)(void *state, uint16_t channel, bool is_indirect);
	void *state;
};

struct peal_channels_config {
	struct peal_egress *egress;
	struct peal_counters *counters;
	struct peal_channel_user user;
	uint8_t *queue_bytes;    /* [PEAL_CHANNELS_MAX][queue_capacity], 8-aligned */
	uint32_t queue_capacity; /* a power of two */
	uint8_t *frame_bytes;    /* [frames_count][frame_size], for frames that come early */
	uint16_t frames_count;
	/* Body of the largest frame that is taken from peers, [PEAL_BODY_SIZE_MAX,
	 * PEAL_LARGE_BODY_SIZE_MAX]; 0 counts as the least. */
	uint16_t frame_size;
	uint64_t rto_ns_min;
	uint64_t rto_ns_max;
	uint64_t first_epoch; /* of the streams of this node; >= 1 */
	bool is_coalescing;
	uint64_t target_ns;   /* of windows (congestion.h); 0 = PEAL_CONGESTION_TARGET_NS */
	uint8_t shard;        /* of the core, and of how many: only the channels that live on it */
	uint8_t shards_count; /* 0 counts as 1 */
};

struct peal_channels {
	struct peal_channels_config config;
	const struct peal_peers *peers;
	uint64_t self_mid;
	uint64_t next_epoch;
	struct peal_framepool pool;
	struct peal_pathmtu paths;
	struct peal_deadlines watches_at; /* of channels that may be evicted */
	uint64_t turn_at_ns;
	uint64_t late_ns;   /* by how much this core reads late what arrived, as far as it knows */
	uint32_t unseen_ns; /* and at most: since it looked last */
	struct peal_channelsender sender;
	struct peal_channeltable table;
	uint64_t indirect[PEAL_RESIDENTS_WORDS]; /* slots of peers that are reached so */
	uint16_t held_counts[PEAL_SLOTS_MAX]; /* buffers of the pool that frames of a peer are in */
};

/* Everything that the configuration names outlives the machine. */
void peal_channels_init(struct peal_channels *channels, const struct peal_channels_config *config);

/* Takes another table: channels to who is no member in it end. */
void peal_channels_switch(struct peal_channels *channels, const struct peal_peers *peers);

/* Opens a channel to the member `mid`. OK: `channel_out` names it until `ended`. */
enum peal_channel_result peal_channels_open(
	struct peal_channels *channels, uint64_t mid, uint16_t number, uint16_t *channel_out);

/*
 * Accepts a message: copied, or lent until `release`. Cost: the copy, and some ten cycles.
 *
 * A copy must fit the whole queue (peal_sendqueue_copy_size_max of its capacity); a loan takes 24
 * bytes of it, whatever its size.
 */
enum peal_channel_result peal_channels_send(
	struct peal_channels *channels, uint16_t index, const uint8_t *bytes, uint32_t size);
enum peal_channel_result peal_channels_lend(struct peal_channels *channels, uint16_t index,
	const uint8_t *bytes, uint32_t size, uint64_t token);

/*
 * What is to happen when the peer is slow; BLOCK until it is said otherwise. The channel must be
 * open or closing.
 *
 * DROP_BEHIND gives up a quarter of the queue at a time, and only what was not sent: while all that
 * the queue holds is on its way, send returns FULL. EVICT ends the channel at both ends (SLOW) when
 * a message was not acknowledged within `evict_after_ns`, at least 1, and before twice that; a peer
 * that cannot be reached is slow, too.
 */
void peal_channels_set_policy(struct peal_channels *channels, uint16_t index,
	enum peal_channel_policy policy, uint64_t evict_after_ns);

/* Nothing is sent any more; what was accepted still is. */
enum peal_channel_result peal_channels_close(struct peal_channels *channels, uint16_t index);

/* Ends it at once, at both ends. `ended` is called before this returns. */
void peal_channels_reset(struct peal_channels *channels, uint16_t index);

/* From now on the user takes `room` frames beyond those delivered, [0, PEAL_CHANNEL_WINDOW]. */
void peal_channels_grant(
	struct peal_channels *channels, uint16_t index, uint32_t room, uint64_t now_ns);

/* True while its frames go through another member. */
bool peal_channels_is_indirect(const struct peal_channels *channels, uint16_t index);

/* The way of frames to a peer. */
struct peal_channel_way {
	bool is_moved;    /* it is another than before: what was on its way is sent again */
	bool is_round;    /* it goes through another member */
	bool is_indirect; /* and the peer was heard on it */
};

/* The way to the peer at `slot` is this one from now on. */
void peal_channels_on_path(struct peal_channels *channels, uint16_t slot,
	const struct peal_channel_way *way, uint64_t now_ns);

/* An opened frame of family 4 from a member: of a channel, or about the path. */
void peal_channels_on_frame(
	struct peal_channels *channels, const struct peal_opened *opened, uint64_t now_ns);

/*
 * A turn of the core begins. What is read now may have lain here since the last one, for this core
 * may have slept, or stood still; how much of that it did, nobody knows, so it is not taken for
 * delay of the fabric. `was_behind`: the last one left packets unread, so it did all that time, and
 * the host is late.
 */
void peal_channels_begin_turn(struct peal_channels *channels, bool was_behind, uint64_t now_ns);

/* For who leaves out turns that would find nothing, as the simulator does: the latest of them was
 * at `at_ns`. Earlier than the last turn changes nothing. */
static inline void
peal_channels_note_look(struct peal_channels *channels, uint64_t at_ns)
{
	if (at_ns > channels->turn_at_ns) {
		channels->turn_at_ns = at_ns;
	}
}

/* Once a turn, after the frames: timers, and what has to leave. Returns frames sent. */
uint32_t peal_channels_run(struct peal_channels *channels, uint64_t now_ns);

/* When the next timer is due; 0 = something is ready to leave; UINT64_MAX = nothing. */
uint64_t peal_channels_deadline_at_ns(const struct peal_channels *channels);

/* Whether `index` names a channel that is open or closing. */
static inline bool
peal_channels_owns(const struct peal_channels *channels, uint16_t index)
{
	return index < PEAL_CHANNELS_MAX &&
	       (channels->table.channels[index].state == PEAL_CHANNEL_OPEN ||
		       channels->table.channels[index].state == PEAL_CHANNEL_CLOSING);
}

#endif
