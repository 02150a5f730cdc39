/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * How the life of a channel begins and ends: its place in the table, its queue and buffers, what
 * its user is told, and the RESET that ends it at the other end too.
 *
 * A life is one stream in each direction, each with an epoch that no other life of this pair and
 * number ever has (docs/design/0008). What belongs to a life is given back when it ends, whichever
 * end it comes to, and every end is told once: in order, or with its reason and the number of
 * messages of which nobody knows whether they arrived.
 *
 * No state of its own: handlers of struct peal_channels, for dataplane/channel*.c only. One core.
 */
#ifndef PEAL_DATAPLANE_CHANNELLIFE_H
#define PEAL_DATAPLANE_CHANNELLIFE_H

#include "dataplane/channels.h"

/* Of callbacks: who listens may look at the channel; it is alive during them. */
struct peal_channel_calling {
	struct peal_channels *channels;
	uint16_t index;
};

/* Gives lent bytes back to the user; a callback of peal_sendqueue_lender with a calling. */
void peal_channellife_release_loan(void *state, uint64_t token);

/* Bytes of messages that a frame to the peer at `slot` carries. */
static inline uint32_t
peal_channellife_find_data_size(const struct peal_channels *channels, uint16_t slot)
{
	return peal_pathmtu_body_size(&channels->paths, slot) - PEAL_CHANNEL_HEADER_SIZE;
}

/* The shards at both ends that a channel of this number lives on. */
static inline struct peal_shard_pair
peal_channellife_find_shards(const struct peal_channels *channels, uint16_t slot, uint16_t number)
{
	return peal_peers_find_shards(channels->peers, slot, number, channels->config.shards_count);
}

/* Begins a life of this end with a member. NULL: all places are taken. */
struct peal_channel *peal_channellife_begin(
	struct peal_channels *channels, uint16_t slot, uint64_t mid, uint16_t number);

/* Takes a channel out of the world without a word. Its life cannot come back. */
void peal_channellife_forget(struct peal_channels *channels, struct peal_channel *channel);

/* Ends it here and tells its user, unless that was told already. */
void peal_channellife_end(struct peal_channels *channels, struct peal_channel *channel,
	enum peal_channel_reason reason);

/* Ends it at both ends. */
void peal_channellife_reset(struct peal_channels *channels, struct peal_channel *channel,
	enum peal_channel_reason reason);

/* When both directions of a closing channel are through, nothing is lost and the name is given
 * back. */
void peal_channellife_close_when_through(
	struct peal_channels *channels, struct peal_channel *channel);

/* Tells a member that a stream of this node (`epoch`), or one of its own (`ack_epoch`), is no more;
 * 0 = none. */
void peal_channellife_send_reset(struct peal_channels *channels, uint16_t slot, uint16_t number,
	uint64_t epoch, uint64_t ack_epoch, enum peal_channel_reason reason);

#endif
