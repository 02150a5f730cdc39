/* SPDX-License-Identifier: BSD-3-Clause */
#include "dataplane/channellife.h"

#include "base/museum.h"
#include "wire/messages.h"

void
peal_channellife_release_loan(void *state, uint64_t token)
{
	const struct peal_channel_calling *calling = state;
	const struct peal_channel_user *user = &calling->channels->config.user;

	user->release(user->state, calling->index, token);
}

void
peal_channellife_forget(struct peal_channels *channels, struct peal_channel *channel)
{
	struct peal_channel_calling calling = {
		channels, peal_channeltable_index(&channels->table, channel)};
	const struct peal_sendqueue_lender lender = {peal_channellife_release_loan, &calling};
	uint64_t epoch = channel->rx.epoch;
	uint16_t free_count = channels->pool.free_count;

	if (channel->tx.epoch != 0) {
		peal_channel_tx_close(&channel->tx, &lender);
	}
	peal_channelsender_on_end(&channels->sender, channel);
	peal_deadlines_set(&channels->watches_at, calling.index, UINT64_MAX);
	peal_channel_rx_close(&channel->rx, &channels->pool);
	channels->held_counts[channel->slot] -= (uint16_t)(channels->pool.free_count - free_count);
	peal_channeltable_forget(&channels->table, channel, epoch);
}

struct peal_channel *
peal_channellife_begin(struct peal_channels *channels, uint16_t slot, uint64_t mid, uint16_t number)
{
	const struct peal_channels_config *config = &channels->config;
	struct peal_channel *channel = peal_channeltable_spare(&channels->table);

	if (channel == NULL) {
		return NULL;
	}
	if (channel->state != PEAL_CHANNEL_FREE) {
		peal_channellife_forget(channels, channel);
	}
	const struct peal_channel_tx_config tx = {.counters = config->counters,
		.queue_bytes = config->queue_bytes +
			       (uint64_t)peal_channeltable_index(&channels->table, channel) *
				       config->queue_capacity,
		.queue_capacity = config->queue_capacity,
		.data_size_max = peal_channellife_find_data_size(channels, slot),
		.is_coalescing = config->is_coalescing,
		.rto_ns_min = config->rto_ns_min,
		.rto_ns_max = config->rto_ns_max};

	peal_channeltable_enter(&channels->table, channel, slot, mid, number);
	channel->shard = peal_channellife_find_shards(channels, slot, number).peer;
	peal_pathmtu_want(&channels->paths, slot);
	peal_channel_tx_open(&channel->tx, &tx, channels->next_epoch++, PEAL_CHANNEL_CREDIT_FIRST);
	peal_counter_add(config->counters, PEAL_COUNTER_CHANNELS_OPENED, 1);
	return channel;
}

void
peal_channellife_end(struct peal_channels *channels, struct peal_channel *channel,
	enum peal_channel_reason reason)
{
	const struct peal_channel_user *user = &channels->config.user;
	const struct peal_sendqueue *queue = &channel->tx.queue;
	uint64_t lost_count =
		PEAL_BUG(LOST_NOT_REPORTED) ? 0 : queue->accepted_count - queue->released_count;

	if (channel->state == PEAL_CHANNEL_FREE || channel->state == PEAL_CHANNEL_CLOSED) {
		peal_channellife_forget(channels, channel);
		return; /* told already */
	}
	peal_counter_add(channels->config.counters, PEAL_COUNTER_CHANNELS_ENDED, 1);
	peal_channellife_forget(channels, channel);
	user->ended(user->state, peal_channeltable_index(&channels->table, channel), reason,
		lost_count);
}

void
peal_channellife_close_when_through(struct peal_channels *channels, struct peal_channel *channel)
{
	const struct peal_channel_user *user = &channels->config.user;

	if (channel->state != PEAL_CHANNEL_CLOSING || channel->is_close_owed ||
		!channel->rx.is_finished || !peal_channel_tx_is_idle(&channel->tx)) {
		return;
	}
	peal_channeltable_close(&channels->table, channel);
	user->ended(user->state, peal_channeltable_index(&channels->table, channel),
		PEAL_CHANNEL_REASON_NONE, 0);
}

void
peal_channellife_send_reset(struct peal_channels *channels, uint16_t slot, uint16_t number,
	uint64_t epoch, uint64_t ack_epoch, enum peal_channel_reason reason)
{
	const struct peal_channel_msg message = {.epoch = epoch,
		.ack_epoch = ack_epoch,
		.channel = number,
		.flags = PEAL_CHANNEL_FLAG_RESET,
		.reason = (uint8_t)reason};
	struct peal_packet packet;
	uint8_t *body = peal_egress_begin(channels->config.egress, &packet);

	if (body != NULL) {
		peal_channel_msg_encode(&message, body);
		peal_egress_end(channels->config.egress, &packet, slot,
			peal_channellife_find_shards(channels, slot, number).peer,
			PEAL_MESSAGE_CHANNEL, PEAL_CHANNEL_HEADER_SIZE);
	}
}

void
peal_channellife_reset(struct peal_channels *channels, struct peal_channel *channel,
	enum peal_channel_reason reason)
{
	peal_channellife_send_reset(channels, channel->slot, channel->number, channel->tx.epoch,
		channel->rx.epoch, reason);
	peal_channellife_end(channels, channel, reason);
}
