/* SPDX-License-Identifier: BSD-3-Clause */
#include "dataplane/channelloop.h"

#include "dataplane/channellife.h"

#include <string.h>

/* A place for an end, whose queue is all that it has. */
static struct peal_channel *
begin(struct peal_channels *channels, uint16_t slot, uint16_t number)
{
	const struct peal_channels_config *config = &channels->config;
	struct peal_channel *channel = peal_channeltable_spare(&channels->table);
	uint16_t index;

	if (channel == NULL) {
		return NULL;
	}
	if (channel->state != PEAL_CHANNEL_FREE) {
		peal_channellife_forget(channels, channel);
	}
	index = peal_channeltable_index(&channels->table, channel);
	peal_channeltable_enter(&channels->table, channel, slot, channels->self_mid, number);
	memset(&channel->tx, 0, sizeof(channel->tx));
	peal_sendqueue_init(&channel->tx.queue,
		config->queue_bytes + (uint64_t)index * config->queue_capacity,
		config->queue_capacity);
	return channel;
}

enum peal_channel_result
peal_channelloop_open(struct peal_channels *channels, uint16_t number, uint16_t ends_out[2])
{
	uint16_t slot = channels->peers == NULL || channels->self_mid == 0
				? PEAL_PEERS_NONE
				: peal_peers_find(channels->peers, (uint32_t)channels->self_mid);
	struct peal_channel *ends[2];

	if (slot == PEAL_PEERS_NONE ||
		!peal_peers_is_member(channels->peers, slot, channels->self_mid)) {
		return PEAL_CHANNEL_NOT_IN_VIEW;
	}
	ends[0] = begin(channels, slot, number);
	ends[1] = ends[0] == NULL ? NULL : begin(channels, slot, number);
	if (ends[1] == NULL) {
		if (ends[0] != NULL) {
			peal_channellife_forget(channels, ends[0]);
		}
		return PEAL_CHANNEL_TOO_MANY;
	}
	ends_out[0] = peal_channeltable_index(&channels->table, ends[0]);
	ends_out[1] = peal_channeltable_index(&channels->table, ends[1]);
	peal_counter_add(channels->config.counters, PEAL_COUNTER_CHANNELS_OPENED, 2);
	return PEAL_CHANNEL_OK;
}

bool
peal_channelloop_put(
	struct peal_channels *channels, uint16_t index, const uint8_t *bytes, uint32_t size)
{
	PEAL_ASSERT(peal_channelloop_is_open(channels, index));
	if (!peal_sendqueue_copy(peal_channelloop_queue(channels, index), bytes, size)) {
		return false;
	}
	peal_counter_add(channels->config.counters, PEAL_COUNTER_CHANNEL_MESSAGES_SENT, 1);
	return true;
}

void
peal_channelloop_take(struct peal_channels *channels, uint16_t index)
{
	struct peal_sendqueue *queue = peal_channelloop_queue(channels, index);

	/* Nothing was lent. */
	peal_sendqueue_release(queue, peal_sendqueue_at(queue, queue->tail).next, NULL);
	peal_counter_add(channels->config.counters, PEAL_COUNTER_CHANNEL_MESSAGES_DELIVERED, 1);
}

/* All that the end said has arrived, and it says nothing more. */
static bool
is_through(struct peal_channels *channels, uint16_t index)
{
	const struct peal_sendqueue *queue = peal_channelloop_queue(channels, index);

	return channels->table.channels[index].state == PEAL_CHANNEL_CLOSING &&
	       queue->head == queue->tail;
}

void
peal_channelloop_settle(struct peal_channels *channels, uint16_t index, uint16_t other)
{
	const struct peal_channel_user *user = &channels->config.user;
	struct peal_channel *far = &channels->table.channels[other];

	PEAL_ASSERT(peal_channels_owns(channels, index) && peal_channels_owns(channels, other));
	if (!is_through(channels, index)) {
		return;
	}
	if (!far->is_finish_told) {
		far->is_finish_told = true;
		user->finished(user->state, other);
	}
	if (is_through(channels, other)) {
		peal_channelloop_end(channels, index, other, PEAL_CHANNEL_REASON_NONE);
	}
}

void
peal_channelloop_close(struct peal_channels *channels, uint16_t index, uint16_t other)
{
	struct peal_channel *channel = &channels->table.channels[index];

	if (channel->state == PEAL_CHANNEL_OPEN) {
		channel->state = PEAL_CHANNEL_CLOSING;
		peal_channelloop_settle(channels, index, other);
	}
}

/* As it is counted for other channels: one that ended in order did not end before its end. */
static void
end_one(struct peal_channels *channels, uint16_t index, enum peal_channel_reason reason)
{
	const struct peal_channel_user *user = &channels->config.user;
	struct peal_channel *channel = &channels->table.channels[index];

	if (reason != PEAL_CHANNEL_REASON_NONE) {
		peal_channellife_end(channels, channel, reason);
		return;
	}
	peal_channellife_forget(channels, channel);
	user->ended(user->state, index, reason, 0);
}

void
peal_channelloop_end(struct peal_channels *channels, uint16_t index, uint16_t other,
	enum peal_channel_reason reason)
{
	end_one(channels, index, reason);
	/* Its user may have been told something that ended the other one by itself. */
	if (peal_channels_owns(channels, other)) {
		end_one(channels, other, reason);
	}
}
