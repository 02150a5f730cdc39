/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The places of a core's channels: which are free, where each is found, and who wants to send.
 *
 * A channel is found by its peer's slot, its member number and its own number. A life that is
 * forgotten raises the floor of its peer: epochs of one sender only grow, over all its channels, so
 * nothing at or below the floor can be a life that is still to come. Who wants to send stands in
 * one list, first come, first served; a place is not given away while it stands in one.
 *
 * Pure; plain struct, fields private to channels.c but `channels`; one core. Finding costs some ten
 * cycles; forgetting walks all places.
 */
#ifndef PEAL_DATAPLANE_CHANNELTABLE_H
#define PEAL_DATAPLANE_CHANNELTABLE_H

#include "base/messagelimits.h"
#include "dataplane/channel_rx.h"
#include "dataplane/channel_tx.h"

#define PEAL_CHANNEL_NONE UINT16_MAX

enum peal_channel_state {
	PEAL_CHANNEL_FREE = 0,
	PEAL_CHANNEL_OPEN,
	PEAL_CHANNEL_CLOSING,
	PEAL_CHANNEL_CLOSED,
};

/* What happens to messages when the peer takes them too slowly. */
enum peal_channel_policy {
	PEAL_CHANNEL_BLOCK = 0,   /* none is accepted until there is room */
	PEAL_CHANNEL_DROP_BEHIND, /* the oldest that was not sent yet is given up, and counted */
	PEAL_CHANNEL_EVICT,       /* the channel ends when a message waits for too long */
};

struct peal_channel {
	enum peal_channel_state state;
	uint16_t number;
	uint16_t slot;
	uint8_t shard; /* of the peer */
	uint64_t mid;
	bool is_listed;     /* stands in a list of those that have something to send */
	bool is_close_owed; /* the end found no room in the queue yet */
	bool is_finish_told;
	bool is_accepted; /* its peer opened it: counts in the share of that */
	uint16_t next;    /* in that list */
	enum peal_channel_policy policy;
	bool is_watched;         /* EVICT: waits for `watch_position` to be released, */
	uint64_t watch_position; /* which was the end of the queue when the time began to run */
	uint64_t evict_after_ns;
	uint32_t room;
	uint32_t flights_count; /* as counted in the window to the peer */
	uint64_t closed_order;
	struct peal_channel_tx tx;
	struct peal_channel_rx rx;
};

/* Channels in the order of coming; a channel stands in one list at most. */
struct peal_channellist {
	uint16_t first; /* PEAL_CHANNEL_NONE = empty */
	uint16_t last;
};

struct peal_channeltable {
	uint64_t closed_count;
	uint16_t used_count;                      /* places that nobody else can be given */
	uint16_t accepted_counts[PEAL_SLOTS_MAX]; /* of these, those that each peer opened */
	uint16_t places[2U * PEAL_CHANNELS_MAX];  /* open addressing: channel + 1, 0 = empty */
	uint64_t floor_mids[PEAL_SLOTS_MAX];
	/* Highest epoch that was forgotten, of each core of the peer: each counts by itself. */
	uint64_t floors[PEAL_SLOTS_MAX][PEAL_SHARDS_MAX];
	struct peal_channel channels[PEAL_CHANNELS_MAX];
};

/* All places are free. */
void peal_channeltable_init(struct peal_channeltable *table);

/* The name of a channel that stands in the table. */
static inline uint16_t
peal_channeltable_index(const struct peal_channeltable *table, const struct peal_channel *channel)
{
	return (uint16_t)(channel - table->channels);
}

/* The channel of this number with this peer, in whatever state but FREE; NULL when there is none.
 */
struct peal_channel *peal_channeltable_find(
	struct peal_channeltable *table, uint16_t slot, uint64_t mid, uint16_t number);

/*
 * A place for another channel: a free one, or that of the channel that was CLOSED first, which its
 * owner must then forget. NULL: all are in use.
 */
struct peal_channel *peal_channeltable_spare(struct peal_channeltable *table);

/* Takes a free place: OPEN, found by these from now on; its streams are zeroed, or as tx left them.
 */
void peal_channeltable_enter(struct peal_channeltable *table, struct peal_channel *channel,
	uint16_t slot, uint64_t mid, uint16_t number);

/*
 * May a peer open one more? Yes, while those that it opened are fewer than the places that are
 * left. When none is left, that is for spare to say.
 */
static inline bool
peal_channeltable_may_accept(const struct peal_channeltable *table, uint16_t slot)
{
	uint32_t left_count = PEAL_CHANNELS_MAX - table->used_count;

	return left_count == 0 || table->accepted_counts[slot] < left_count;
}

/* This one, which was just entered, was opened by its peer. */
void peal_channeltable_accept(struct peal_channeltable *table, struct peal_channel *channel);

/* Both directions are through: CLOSED, and its place may be given to another. */
void peal_channeltable_close(struct peal_channeltable *table, struct peal_channel *channel);

/* Gives a place back: nothing finds it any more. The peer's floor is raised to `epoch`. */
void peal_channeltable_forget(
	struct peal_channeltable *table, struct peal_channel *channel, uint64_t epoch);

/* The highest epoch of this core of a peer that was forgotten; 0 = none of this member number. */
uint64_t peal_channeltable_floor(
	struct peal_channeltable *table, uint16_t slot, uint64_t mid, uint8_t shard);

/* Nothing up to `epoch` of the peer and core of this channel is taken any more. */
void peal_channeltable_raise_floor(
	struct peal_channeltable *table, const struct peal_channel *channel, uint64_t epoch);

/* An empty list. */
static inline void
peal_channellist_init(struct peal_channellist *list)
{
	list->first = list->last = PEAL_CHANNEL_NONE;
}

/* Puts a channel at the end, unless it stands in a list. */
void peal_channeltable_push(struct peal_channeltable *table, struct peal_channellist *list,
	struct peal_channel *channel);

/* Takes the first; NULL when the list is empty. */
struct peal_channel *peal_channeltable_pop(
	struct peal_channeltable *table, struct peal_channellist *list);

/* Puts all of `from` behind those of `to`, in one step. */
void peal_channeltable_append(struct peal_channeltable *table, struct peal_channellist *to,
	struct peal_channellist *from);

#endif
