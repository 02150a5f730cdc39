/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Which channel of a core sends next, and how much: turns, timers, and a window to each peer.
 *
 * Who has something to send stands in one list and takes turns, PEAL_CHANNEL_BURST frames each.
 * All channels to a peer share one window (congestion.h). A channel that has frames and finds the
 * window full waits in the list of that peer. When an answer or a loss makes room, or below one
 * frame when its time has come, all that wait there stand in the list of senders again. Answers,
 * PROBEs and repeats after silence wait for no window. A peer that comes anew begins with a
 * new one.
 *
 * Pure; plain struct, fields private; one core. For the window a frame costs a comparison and two
 * additions.
 */
#ifndef PEAL_DATAPLANE_CHANNELSENDER_H
#define PEAL_DATAPLANE_CHANNELSENDER_H

#include "base/counters.h"
#include "base/deadlines.h"
#include "base/messagelimits.h"
#include "dataplane/channeltable.h"
#include "dataplane/congestion.h"
#include "dataplane/egress.h"
#include "dataplane/pathmtu.h"
#include "dataplane/peers.h"

struct peal_channelsender_window {
	uint64_t mid;
	struct peal_congestion congestion;
	struct peal_channellist waiting;
};

struct peal_channelsender {
	struct peal_channeltable *table;
	struct peal_egress *egress;
	struct peal_counters *counters;
	struct peal_pathmtu *paths; /* to be told when large frames are lost; NULL = nobody is */
	uint64_t target_ns;
	struct peal_channellist ready;
	struct peal_channellist served;   /* within a turn: had its share, and waits for more */
	struct peal_deadlines frames_at;  /* of streams, by channel */
	struct peal_deadlines windows_at; /* of windows below one frame, by slot */
	struct peal_channelsender_window windows[PEAL_SLOTS_MAX];
};

/* What is named outlives it. `target_ns`: PEAL_CONGESTION_TARGET_NS, or another; at least 1. */
void peal_channelsender_init(struct peal_channelsender *sender, struct peal_channeltable *table,
	struct peal_egress *egress, struct peal_counters *counters, uint64_t target_ns);

/* Takes another table of peers. Channels to those who are not in it must have ended. */
void peal_channelsender_switch(struct peal_channelsender *sender, const struct peal_peers *peers);

/* The channel has something to send: it takes its turn, or goes on waiting for its window. */
void peal_channelsender_call(struct peal_channelsender *sender, struct peal_channel *channel);

/* The same after anything happened to the channel: it is called if need be, or its timer is set. */
void peal_channelsender_settle(struct peal_channelsender *sender, struct peal_channel *channel);

/* What hosts added to a round trip. */
struct peal_channelsender_delays {
	uint64_t remote_ns; /* the receiver waited before it answered */
	uint64_t local_ns;  /* this core is known to be late */
	uint64_t unseen_ns; /* more, at most: neither of the two looked at its port */
};

/* The channel's stream took an answer. `lost_before`: `lost` of the stream before. */
void peal_channelsender_on_ack(struct peal_channelsender *sender, struct peal_channel *channel,
	const struct peal_channelsender_delays *delays, uint64_t lost_before, uint64_t now_ns);

/* The size of frames of the channel's stream changed; what was too large counts as lost, and does
 * not count against the window. */
void peal_channelsender_on_resize(
	struct peal_channelsender *sender, struct peal_channel *channel, uint64_t now_ns);

/* The channel's stream is closed: nothing of it is on its way, and it has no timer. */
void peal_channelsender_on_end(struct peal_channelsender *sender, struct peal_channel *channel);

/* Frames to the peer at `slot` take another way, directly or round through another member: the
 * window to it begins anew. */
void peal_channelsender_on_path(struct peal_channelsender *sender, uint16_t slot, bool is_round);

/* The same for one channel, afterwards: what was on its way is sent again. */
void peal_channelsender_resume(
	struct peal_channelsender *sender, struct peal_channel *channel, uint64_t now_ns);

/* When run should be called; 0 = at once; UINT64_MAX = not needed. */
static inline uint64_t
peal_channelsender_deadline_at_ns(const struct peal_channelsender *sender)
{
	uint64_t frame_at_ns = peal_deadlines_earliest_ns(&sender->frames_at);
	uint64_t window_at_ns = peal_deadlines_earliest_ns(&sender->windows_at);

	if (sender->ready.first != PEAL_CHANNEL_NONE) {
		return 0;
	}
	return frame_at_ns < window_at_ns ? frame_at_ns : window_at_ns;
}

/* Private: a timer is due, or somebody has to send. */
uint32_t peal_channelsender_run_due(struct peal_channelsender *sender, uint64_t now_ns);

/* Once a turn: timers, and what has to leave. Returns frames sent. */
static inline uint32_t
peal_channelsender_run(struct peal_channelsender *sender, uint64_t now_ns)
{
	if (now_ns < peal_channelsender_deadline_at_ns(sender)) {
		return 0;
	}
	return peal_channelsender_run_due(sender, now_ns);
}

#endif
