/* SPDX-License-Identifier: BSD-3-Clause */
#include "dataplane/channels.h"

#include "base/museum.h"
#include "wire/messages.h"

#include <string.h>

/* Who listens in its callbacks may look at the channel; it is alive during them. */
struct calling {
	struct peal_channels *channels;
	uint16_t index;
};

static uint32_t
find_data_size(const struct peal_channels *channels, uint16_t slot)
{
	return peal_pathmtu_body_size(&channels->paths, slot) - PEAL_CHANNEL_HEADER_SIZE;
}

/* The path to a peer became wider, or narrower. */
static void
on_path(void *state, uint16_t slot)
{
	struct peal_channels *channels = state;

	for (uint32_t i = 0; i < PEAL_CHANNELS_MAX; i++) {
		struct peal_channel *channel = &channels->table.channels[i];

		if (channel->state != PEAL_CHANNEL_FREE && channel->slot == slot) {
			peal_channel_tx_resize(&channel->tx, find_data_size(channels, slot));
			peal_channelsender_on_resize(
				&channels->sender, channel, channels->turn_at_ns);
		}
	}
}

/* Buffers for early frames, of the size of the largest, and who finds out how large they may be. */
static void
init_paths(struct peal_channels *channels)
{
	const struct peal_channels_config *config = &channels->config;
	const uint16_t frame_size =
		config->frame_size > 0 ? config->frame_size : (uint16_t)PEAL_BODY_SIZE_MAX;
	const struct peal_pathmtu_config paths = {.egress = config->egress,
		.counters = config->counters,
		.changed = on_path,
		.state = channels,
		.buffer_size = frame_size};

	peal_pathmtu_init(&channels->paths, &paths);
	channels->sender.paths = &channels->paths;
	peal_framepool_init(&channels->pool, config->frame_bytes, frame_size, config->frames_count);
	if (frame_size > PEAL_BODY_SIZE_MAX) {
		channels->pool.reserved_count = config->frames_count / 2U < PEAL_CHANNELS_MAX
							? config->frames_count / 2U
							: PEAL_CHANNELS_MAX;
	}
}

void
peal_channels_init(struct peal_channels *channels, const struct peal_channels_config *config)
{
	PEAL_ASSERT(config->first_epoch >= 1);
	PEAL_ASSERT(config->shard == 0 || config->shard < config->shards_count);
	memset(channels, 0, sizeof(*channels));
	channels->config = *config;
	channels->next_epoch = config->first_epoch;
	peal_channeltable_init(&channels->table);
	peal_channelsender_init(&channels->sender, &channels->table, config->egress,
		config->counters,
		config->target_ns > 0 ? config->target_ns : PEAL_CONGESTION_TARGET_NS);
	peal_deadlines_init(&channels->watches_at, PEAL_CHANNELS_MAX);
	init_paths(channels);
}

static void
release_loan(void *state, uint64_t token)
{
	const struct calling *calling = state;
	const struct peal_channel_user *user = &calling->channels->config.user;

	user->release(user->state, calling->index, token);
}

static void
deliver(void *state, const struct peal_delivery *delivery)
{
	const struct calling *calling = state;
	const struct peal_channel_user *user = &calling->channels->config.user;

	if (delivery->offset + delivery->size == delivery->message_size) {
		peal_counter_add(calling->channels->config.counters,
			PEAL_COUNTER_CHANNEL_MESSAGES_DELIVERED, 1);
	}
	user->deliver(user->state, calling->index, delivery);
}

static struct peal_shard_pair
find_shards(const struct peal_channels *channels, uint16_t slot, uint16_t number)
{
	return peal_peers_find_shards(channels->peers, slot, number, channels->config.shards_count);
}

/* Takes a channel out of the world. Its life cannot come back. */
static void
forget(struct peal_channels *channels, struct peal_channel *channel)
{
	struct calling calling = {channels, peal_channeltable_index(&channels->table, channel)};
	const struct peal_sendqueue_lender lender = {release_loan, &calling};
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

static struct peal_channel *
add(struct peal_channels *channels, uint16_t slot, uint64_t mid, uint16_t number)
{
	const struct peal_channels_config *config = &channels->config;
	struct peal_channel *channel = peal_channeltable_spare(&channels->table);

	if (channel == NULL) {
		return NULL;
	}
	if (channel->state != PEAL_CHANNEL_FREE) {
		forget(channels, channel);
	}
	const struct peal_channel_tx_config tx = {.counters = config->counters,
		.queue_bytes = config->queue_bytes +
			       (uint64_t)peal_channeltable_index(&channels->table, channel) *
				       config->queue_capacity,
		.queue_capacity = config->queue_capacity,
		.data_size_max = find_data_size(channels, slot),
		.is_coalescing = config->is_coalescing,
		.rto_ns_min = config->rto_ns_min,
		.rto_ns_max = config->rto_ns_max};

	peal_channeltable_enter(&channels->table, channel, slot, mid, number);
	channel->shard = find_shards(channels, slot, number).peer;
	peal_pathmtu_want(&channels->paths, slot);
	peal_channel_tx_open(&channel->tx, &tx, channels->next_epoch++, PEAL_CHANNEL_CREDIT_FIRST);
	peal_counter_add(config->counters, PEAL_COUNTER_CHANNELS_OPENED, 1);
	return channel;
}

/* --- ends --- */

static void
end(struct peal_channels *channels, struct peal_channel *channel, enum peal_channel_reason reason)
{
	const struct peal_channel_user *user = &channels->config.user;
	const struct peal_sendqueue *queue = &channel->tx.queue;
	uint64_t lost_count =
		PEAL_BUG(LOST_NOT_REPORTED) ? 0 : queue->accepted_count - queue->released_count;

	if (channel->state == PEAL_CHANNEL_FREE || channel->state == PEAL_CHANNEL_CLOSED) {
		forget(channels, channel);
		return; /* told already */
	}
	peal_counter_add(channels->config.counters, PEAL_COUNTER_CHANNELS_ENDED, 1);
	forget(channels, channel);
	user->ended(user->state, peal_channeltable_index(&channels->table, channel), reason,
		lost_count);
}

/* Both directions are through: nothing is lost, and the name is given back. */
static void
close_when_through(struct peal_channels *channels, struct peal_channel *channel)
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

static void
send_reset(struct peal_channels *channels, uint16_t slot, uint16_t number, uint64_t epoch,
	uint64_t ack_epoch, enum peal_channel_reason reason)
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
			find_shards(channels, slot, number).peer, PEAL_MESSAGE_CHANNEL,
			PEAL_CHANNEL_HEADER_SIZE);
	}
}

static bool
is_open(const struct peal_channels *channels, uint16_t index)
{
	return index < PEAL_CHANNELS_MAX &&
	       channels->table.channels[index].state == PEAL_CHANNEL_OPEN;
}

static bool
owns(const struct peal_channels *channels, uint16_t index)
{
	return is_open(channels, index) ||
	       (index < PEAL_CHANNELS_MAX &&
		       channels->table.channels[index].state == PEAL_CHANNEL_CLOSING);
}

/* Ends it at both ends. */
static void
reset(struct peal_channels *channels, struct peal_channel *channel, enum peal_channel_reason reason)
{
	send_reset(channels, channel->slot, channel->number, channel->tx.epoch, channel->rx.epoch,
		reason);
	end(channels, channel, reason);
}

void
peal_channels_reset(struct peal_channels *channels, uint16_t index)
{
	PEAL_ASSERT(owns(channels, index));
	reset(channels, &channels->table.channels[index], PEAL_CHANNEL_REASON_CLOSED);
}

void
peal_channels_switch(struct peal_channels *channels, const struct peal_peers *peers)
{
	bool is_same_self = channels->self_mid == peers->self_mid;

	channels->peers = peers;
	channels->self_mid = peers->self_mid;
	for (uint32_t i = 0; i < PEAL_CHANNELS_MAX; i++) {
		struct peal_channel *channel = &channels->table.channels[i];

		if (channel->state != PEAL_CHANNEL_FREE && !PEAL_BUG(REMOVED_PEER_KEPT) &&
			(!is_same_self ||
				!peal_peers_is_member(peers, channel->slot, channel->mid))) {
			end(channels, channel, PEAL_CHANNEL_REASON_REMOVED);
		}
	}
	peal_channelsender_switch(&channels->sender, peers);
	peal_pathmtu_switch(&channels->paths, peers);
}

/* --- what the user asks for --- */

/* EVICT: the time runs from the next turn, unless it runs. */
static void
watch(struct peal_channels *channels, uint16_t index)
{
	if (!channels->table.channels[index].is_watched) {
		peal_deadlines_set(&channels->watches_at, index, 0);
	}
}

enum peal_channel_result
peal_channels_open(
	struct peal_channels *channels, uint64_t mid, uint16_t number, uint16_t *channel_out)
{
	uint16_t slot = channels->peers == NULL ? PEAL_PEERS_NONE
						: peal_peers_find(channels->peers, (uint32_t)mid);
	struct peal_channel *channel;

	if (slot == PEAL_PEERS_NONE || mid == channels->self_mid ||
		!peal_peers_is_member(channels->peers, slot, mid)) {
		return PEAL_CHANNEL_NOT_IN_VIEW;
	}
	if (find_shards(channels, slot, number).own != channels->config.shard) {
		return PEAL_CHANNEL_ELSEWHERE;
	}
	channel = peal_channeltable_find(&channels->table, slot, mid, number);
	if (channel != NULL && channel->state != PEAL_CHANNEL_CLOSED) {
		return PEAL_CHANNEL_IN_USE;
	}
	if (channel != NULL) {
		forget(channels, channel);
	}
	channel = add(channels, slot, mid, number);
	if (channel == NULL) {
		return PEAL_CHANNEL_TOO_MANY;
	}
	*channel_out = peal_channeltable_index(&channels->table, channel);
	return PEAL_CHANNEL_OK;
}

void
peal_channels_set_policy(struct peal_channels *channels, uint16_t index,
	enum peal_channel_policy policy, uint64_t evict_after_ns)
{
	struct peal_channel *channel = &channels->table.channels[index];

	PEAL_ASSERT(owns(channels, index));
	PEAL_ASSERT(policy != PEAL_CHANNEL_EVICT || evict_after_ns >= 1);
	PEAL_ASSERT(policy != PEAL_CHANNEL_DROP_BEHIND || channels->config.user.dropped != NULL);
	channel->policy = policy;
	channel->evict_after_ns = evict_after_ns;
	channel->is_watched = false;
	peal_deadlines_set(
		&channels->watches_at, index, policy == PEAL_CHANNEL_EVICT ? 0 : UINT64_MAX);
}

/* Makes room for an entry of `size` by what its channel may do about it. True: there may be some.
 */
static bool
make_room(struct peal_channels *channels, uint16_t index, uint64_t size)
{
	struct peal_channel *channel = &channels->table.channels[index];
	struct calling calling = {channels, index};
	const struct peal_sendqueue_lender lender = {release_loan, &calling};
	uint64_t quarter = channels->config.queue_capacity / 4U;
	uint64_t count;

	if (channel->policy != PEAL_CHANNEL_DROP_BEHIND) {
		return false;
	}
	size += UINT64_C(4) * PEAL_SENDQUEUE_ENTRY_SIZE; /* heads, rounding */
	count = peal_channel_tx_drop(&channel->tx, size > quarter ? size : quarter, &lender);
	if (count > 0) {
		peal_counter_add(
			channels->config.counters, PEAL_COUNTER_CHANNEL_MESSAGES_DROPPED, count);
		channels->config.user.dropped(channels->config.user.state, index, count);
	}
	return count > 0;
}

static bool
put(struct peal_sendqueue *queue, enum peal_sendqueue_kind kind, const uint8_t *bytes,
	uint32_t size, uint64_t token)
{
	return kind == PEAL_SENDQUEUE_COPY ? peal_sendqueue_copy(queue, bytes, size)
					   : peal_sendqueue_lend(queue, bytes, size, token);
}

static inline enum peal_channel_result
accept(struct peal_channels *channels, uint16_t index, enum peal_sendqueue_kind kind,
	const uint8_t *bytes, uint32_t size, uint64_t token)
{
	bool is_copy = kind == PEAL_SENDQUEUE_COPY;
	struct peal_channel *channel;

	if (!is_open(channels, index)) {
		return PEAL_CHANNEL_NOT_OPEN;
	}
	channel = &channels->table.channels[index];
	if (size > (is_copy ? peal_sendqueue_copy_size_max(channels->config.queue_capacity)
			    : PEAL_MESSAGE_SIZE_MAX)) {
		return PEAL_CHANNEL_TOO_BIG;
	}
	if (!put(&channel->tx.queue, kind, bytes, size, token) &&
		!(make_room(channels, index, is_copy ? size : 0) &&
			put(&channel->tx.queue, kind, bytes, size, token))) {
		return PEAL_CHANNEL_FULL;
	}
	peal_counter_add(channels->config.counters, PEAL_COUNTER_CHANNEL_MESSAGES_SENT, 1);
	if (__builtin_expect(channel->policy == PEAL_CHANNEL_EVICT, 0)) {
		watch(channels, index);
	}
	if (!channel->is_listed) {
		peal_channelsender_call(&channels->sender, channel);
	}
	return PEAL_CHANNEL_OK;
}

enum peal_channel_result
peal_channels_send(
	struct peal_channels *channels, uint16_t index, const uint8_t *bytes, uint32_t size)
{
	return accept(channels, index, PEAL_SENDQUEUE_COPY, bytes, size, 0);
}

enum peal_channel_result
peal_channels_lend(struct peal_channels *channels, uint16_t index, const uint8_t *bytes,
	uint32_t size, uint64_t token)
{
	return accept(channels, index, PEAL_SENDQUEUE_LOAN, bytes, size, token);
}

enum peal_channel_result
peal_channels_close(struct peal_channels *channels, uint16_t index)
{
	struct peal_channel *channel;

	if (!is_open(channels, index)) {
		return PEAL_CHANNEL_NOT_OPEN;
	}
	channel = &channels->table.channels[index];
	channel->state = PEAL_CHANNEL_CLOSING;
	channel->is_close_owed = !peal_sendqueue_end(&channel->tx.queue);
	peal_channelsender_call(&channels->sender, channel);
	return PEAL_CHANNEL_OK;
}

void
peal_channels_grant(struct peal_channels *channels, uint16_t index, uint32_t room, uint64_t now_ns)
{
	struct peal_channel *channel = &channels->table.channels[index];
	uint32_t before = channel->rx.credit;

	PEAL_ASSERT(owns(channels, index));
	channel->room = room;
	if (channel->rx.epoch == 0) {
		return;
	}
	peal_channel_rx_grant(&channel->rx, room);
	if (channel->rx.credit != before) {
		peal_channel_rx_owe(&channel->rx, now_ns);
		peal_channelsender_call(&channels->sender, channel);
	}
}

/* --- another way --- */

static bool
is_slot_indirect(const struct peal_channels *channels, uint16_t slot)
{
	return (channels->indirect[slot / 64U] >> (slot % 64U) & 1U) != 0;
}

bool
peal_channels_is_indirect(const struct peal_channels *channels, uint16_t index)
{
	PEAL_ASSERT(owns(channels, index));
	return is_slot_indirect(channels, channels->table.channels[index].slot);
}

void
peal_channels_on_path(struct peal_channels *channels, uint16_t slot,
	const struct peal_channel_way *way, uint64_t now_ns)
{
	const struct peal_channel_user *user = &channels->config.user;
	bool is_news = way->is_indirect != is_slot_indirect(channels, slot);

	if (is_news) {
		channels->indirect[slot / 64U] ^= UINT64_C(1) << (slot % 64U);
	}
	if (way->is_moved) {
		peal_pathmtu_restart(&channels->paths, slot);
		peal_channelsender_on_path(&channels->sender, slot, way->is_round);
	}
	for (uint16_t i = 0; i < PEAL_CHANNELS_MAX; i++) {
		struct peal_channel *channel = &channels->table.channels[i];

		if (channel->state == PEAL_CHANNEL_FREE || channel->slot != slot) {
			continue;
		}
		if (way->is_moved) {
			peal_channelsender_resume(&channels->sender, channel, now_ns);
		}
		if (is_news && owns(channels, i) && user->rerouted != NULL) {
			user->rerouted(user->state, i, way->is_indirect);
		}
	}
}

/* --- what the peer says --- */

static void
on_ack(struct peal_channels *channels, struct peal_channel *channel,
	const struct peal_channel_msg *message, uint64_t now_ns)
{
	struct calling calling = {channels, peal_channeltable_index(&channels->table, channel)};
	const struct peal_sendqueue_lender lender = {release_loan, &calling};
	uint64_t lost = channel->tx.lost;

	if (peal_channel_tx_on_ack(&channel->tx, message, &lender, now_ns) ==
		PEAL_CHANNEL_ACK_LIE) {
		peal_counter_add(channels->config.counters, PEAL_COUNTER_CHANNEL_REFUSED_ACK, 1);
		return;
	}
	peal_channelsender_on_ack(
		&channels->sender, channel, message->delay_ns, channels->late_ns, lost, now_ns);
	if (channel->is_close_owed) {
		channel->is_close_owed = !peal_sendqueue_end(&channel->tx.queue);
	}
}

static const enum peal_counter counters_of[] = {
	[PEAL_CHANNEL_RX_HELD] = PEAL_COUNTER_CHANNEL_HELD,
	[PEAL_CHANNEL_RX_PIECE] = PEAL_COUNTER_CHANNEL_PIECES_HEARD,
	[PEAL_CHANNEL_RX_DUPLICATE] = PEAL_COUNTER_CHANNEL_DUPLICATES,
	[PEAL_CHANNEL_RX_BEYOND] = PEAL_COUNTER_CHANNEL_REFUSED_BEYOND,
	[PEAL_CHANNEL_RX_NO_BUFFER] = PEAL_COUNTER_CHANNEL_NO_BUFFER,
	[PEAL_CHANNEL_RX_PROTOCOL] = PEAL_COUNTER_CHANNEL_REFUSED_PROTOCOL,
};

/* Data of the life that the channel is in. False: it ended over it. */
static bool
on_data(struct peal_channels *channels, struct peal_channel *channel,
	const struct peal_channel_msg *message, const struct peal_opened *opened, uint64_t now_ns)
{
	struct calling calling = {channels, peal_channeltable_index(&channels->table, channel)};
	const struct peal_channel_user *user = &channels->config.user;
	const struct peal_channel_sink sink = {deliver, &calling};
	struct peal_framepool *pool = &channels->pool;
	uint16_t free_count = pool->free_count;
	enum peal_channel_rx_outcome outcome;

	/* A peer has at most as many buffers as it leaves to others: whoever sends early frames for
	 * ever takes a half, two of them a third each. */
	pool->is_closed = channels->held_counts[channel->slot] >= free_count;
	outcome = peal_channel_rx_on_data(&channel->rx, pool, message,
		opened->body + PEAL_CHANNEL_HEADER_SIZE,
		opened->body_size - PEAL_CHANNEL_HEADER_SIZE, &sink, now_ns);
	pool->is_closed = false;
	channels->held_counts[opened->slot] += (uint16_t)(free_count - pool->free_count);

	if (outcome != PEAL_CHANNEL_RX_DELIVERED) {
		peal_counter_add(channels->config.counters, counters_of[outcome], 1);
	}
	if (outcome == PEAL_CHANNEL_RX_PROTOCOL) {
		reset(channels, channel, PEAL_CHANNEL_REASON_PROTOCOL);
		return false;
	}
	peal_channel_rx_grant(&channel->rx, channel->room);
	if (channel->rx.is_finished && !channel->is_finish_told) {
		channel->is_finish_told = true;
		user->finished(user->state, calling.index);
	}
	return true;
}

static void
on_reset(struct peal_channels *channels, struct peal_channel *channel,
	const struct peal_channel_msg *message)
{
	bool is_mine = message->ack_epoch != 0 && message->ack_epoch == channel->tx.epoch;
	bool is_its = message->epoch != 0 && message->epoch == channel->rx.epoch;

	if (!is_mine && !is_its && !PEAL_BUG(RESET_OF_ANY_LIFE)) {
		peal_counter_add(channels->config.counters, PEAL_COUNTER_CHANNEL_REFUSED_STALE, 1);
		return;
	}
	peal_counter_add(channels->config.counters,
		(enum peal_counter)(PEAL_COUNTER_CHANNEL_RESETS_CLOSED + message->reason -
				    PEAL_CHANNEL_REASON_CLOSED),
		1);
	end(channels, channel, (enum peal_channel_reason)message->reason);
}

/* The peer hears this life and speaks with another stream than is heard here, which therefore it
 * has left, or this end has left that. Were another life begun for it, the peer would have to begin
 * one for that, and so on. Both begin from nothing. */
static void
end_different_lives(
	struct peal_channels *channels, struct peal_channel *channel, uint64_t its_epoch)
{
	peal_channeltable_raise_floor(&channels->table, channel, its_epoch);
	end(channels, channel, PEAL_CHANNEL_REASON_STALE);
}

/* A life that nobody here knows: the peer opens a channel, or began anew. What its sender hears of
 * this end was looked at. */
static struct peal_channel *
on_new_life(struct peal_channels *channels, struct peal_channel *channel,
	const struct peal_channel_msg *message, const struct peal_opened *opened)
{
	const struct peal_channel_user *user = &channels->config.user;
	enum peal_channel_reason reason = PEAL_CHANNEL_REASON_NONE;
	enum peal_counter counter = PEAL_COUNTER_CHANNEL_REFUSED_STALE;

	bool is_stale =
		message->epoch <=
			peal_channeltable_floor(&channels->table, opened->slot, opened->mid,
				find_shards(channels, opened->slot, message->channel).peer) ||
		(channel != NULL && message->epoch < channel->rx.epoch);

	if (channel != NULL && message->ack_epoch != 0 && (is_stale || channel->rx.epoch != 0) &&
		!PEAL_BUG(ENDS_PAIRED_ANEW)) {
		end_different_lives(channels, channel, message->epoch);
		reason = PEAL_CHANNEL_REASON_STALE;
	} else if (is_stale) {
		reason = PEAL_CHANNEL_REASON_STALE;
	} else if (channel != NULL && channel->rx.epoch == 0) {
		/* This end opened it, and here the peer's own stream begins. */
		peal_channel_rx_open(&channel->rx, message->epoch, channel->room);
		return channel;
	} else if (!user->accepts(user->state, opened->mid, message->channel)) {
		reason = PEAL_CHANNEL_REASON_UNKNOWN;
		counter = PEAL_COUNTER_CHANNEL_REFUSED_UNKNOWN;
	}
	if (reason == PEAL_CHANNEL_REASON_NONE) {
		if (channel != NULL) {
			end(channels, channel, PEAL_CHANNEL_REASON_CLOSED);
		}
		bool has_share = peal_channeltable_may_accept(&channels->table, opened->slot);

		channel = has_share ? add(channels, opened->slot, opened->mid, message->channel)
				    : NULL;
		if (channel != NULL) {
			peal_channeltable_accept(&channels->table, channel);
			peal_channel_rx_open(&channel->rx, message->epoch, channel->room);
			user->opened(user->state,
				peal_channeltable_index(&channels->table, channel), opened->mid,
				message->channel);
			return channel;
		}
		reason = PEAL_CHANNEL_REASON_FULL;
		counter = has_share ? PEAL_COUNTER_CHANNEL_REFUSED_FULL
				    : PEAL_COUNTER_CHANNEL_REFUSED_SHARE;
	}
	peal_counter_add(channels->config.counters, counter, 1);
	send_reset(channels, opened->slot, message->channel, 0, message->epoch, reason);
	return NULL;
}

/* The one check of which life is meant, for either direction. */
static bool
is_life(const struct peal_channel *channel, uint64_t own, uint64_t said)
{
	if (PEAL_BUG(NARROW_LIVES)) {
		return channel != NULL && own != 0 && ((own ^ said) & 3U) == 0;
	}
	if (PEAL_BUG(DATA_OF_ANY_LIFE) && channel != NULL && own == channel->rx.epoch && own != 0) {
		return true;
	}
	return channel != NULL && own == said;
}

/* A stream of the peer is paired with one of this node for good. This one is paired with one that
 * is no more: what it says was meant for a former life. */
static void
on_old_pair(struct peal_channels *channels, struct peal_channel *channel,
	const struct peal_channel_msg *message, const struct peal_opened *opened)
{
	peal_counter_add(channels->config.counters, PEAL_COUNTER_CHANNEL_REFUSED_STALE, 1);
	send_reset(channels, opened->slot, message->channel, 0, message->epoch,
		PEAL_CHANNEL_REASON_STALE);
	if (channel != NULL && channel->rx.epoch == message->epoch) {
		end(channels, channel, PEAL_CHANNEL_REASON_STALE);
	}
}

/* An acknowledgement of a stream that is no more. Who answers one and hears nothing else waits for
 * the rest of it, and would wait for ever if the RESET was lost. */
static void
on_old_ack(struct peal_channels *channels, const struct peal_channel_msg *message,
	const struct peal_opened *opened)
{
	peal_counter_add(channels->config.counters, PEAL_COUNTER_CHANNEL_REFUSED_STALE, 1);
	if (message->flags == PEAL_CHANNEL_FLAG_ACK &&
		message->ack_epoch >= channels->config.first_epoch &&
		message->ack_epoch < channels->next_epoch && !PEAL_BUG(RESET_SENT_ONCE)) {
		send_reset(channels, opened->slot, message->channel, message->ack_epoch, 0,
			PEAL_CHANNEL_REASON_STALE);
	}
}

void
peal_channels_on_frame(
	struct peal_channels *channels, const struct peal_opened *opened, uint64_t now_ns)
{
	struct peal_counters *counters = channels->config.counters;
	struct peal_channel_msg message;
	struct peal_channel *channel;

	if (__builtin_expect(opened->kind != PEAL_MESSAGE_CHANNEL, 0)) {
		peal_pathmtu_on_frame(&channels->paths, opened, now_ns);
		return;
	}
	if (!peal_channel_msg_decode(opened->body, opened->body_size, &message)) {
		peal_counter_add(counters, PEAL_COUNTER_REFUSED_BODY, 1);
		return;
	}
	channel = peal_channeltable_find(
		&channels->table, opened->slot, opened->mid, message.channel);
	if (channel == NULL && find_shards(channels, opened->slot, message.channel).own !=
				       channels->config.shard) {
		peal_counter_add(counters, PEAL_COUNTER_SHARD_REFUSED, 1);
		return;
	}
	if ((message.flags & PEAL_CHANNEL_FLAG_RESET) != 0) {
		if (channel != NULL) {
			on_reset(channels, channel, &message);
		}
		return;
	}
	if ((message.flags & (PEAL_CHANNEL_FLAG_DATA | PEAL_CHANNEL_FLAG_PROBE)) != 0 &&
		message.ack_epoch != 0 && !PEAL_BUG(PAIRED_WITH_ANY_LIFE) &&
		!is_life(channel, channel == NULL ? 0 : channel->tx.epoch, message.ack_epoch)) {
		on_old_pair(channels, channel, &message, opened);
		return;
	}
	if ((message.flags & (PEAL_CHANNEL_FLAG_DATA | PEAL_CHANNEL_FLAG_PROBE)) != 0 &&
		!is_life(channel, channel == NULL ? 0 : channel->rx.epoch, message.epoch)) {
		channel = on_new_life(channels, channel, &message, opened);
		if (channel == NULL) {
			return;
		}
	}
	if ((message.flags & PEAL_CHANNEL_FLAG_ACK) != 0) {
		if (channel != NULL && (is_life(channel, channel->tx.epoch, message.ack_epoch) ||
					       PEAL_BUG(ACK_OF_ANY_LIFE))) {
			on_ack(channels, channel, &message, now_ns);
		} else {
			on_old_ack(channels, &message, opened);
		}
	}
	if (channel == NULL) {
		return;
	}
	if ((message.flags & PEAL_CHANNEL_FLAG_DATA) != 0) {
		if (!on_data(channels, channel, &message, opened, now_ns)) {
			return;
		}
	} else if ((message.flags & PEAL_CHANNEL_FLAG_PROBE) != 0) {
		peal_channel_rx_owe(&channel->rx, now_ns);
	}
	close_when_through(channels, channel);
	peal_channelsender_settle(&channels->sender, channel);
}

void
peal_channels_begin_turn(struct peal_channels *channels, bool was_behind, uint64_t now_ns)
{
	channels->late_ns = was_behind ? now_ns - channels->turn_at_ns : 0;
	channels->turn_at_ns = now_ns;
}

/* A watch is over: what it waited for is gone, or the channel is. */
static void
on_watch(struct peal_channels *channels, uint16_t index, uint64_t now_ns)
{
	struct peal_channel *channel = &channels->table.channels[index];
	const struct peal_sendqueue *queue = &channel->tx.queue;

	if (channel->is_watched && queue->tail < channel->watch_position) {
		peal_counter_add(channels->config.counters, PEAL_COUNTER_CHANNELS_EVICTED, 1);
		reset(channels, channel, PEAL_CHANNEL_REASON_SLOW);
		return;
	}
	channel->is_watched = queue->tail != queue->head;
	channel->watch_position = queue->head;
	peal_deadlines_set(&channels->watches_at, index,
		channel->is_watched ? now_ns + channel->evict_after_ns : UINT64_MAX);
}

static void
run_watches(struct peal_channels *channels, uint64_t now_ns)
{
	uint64_t due[PEAL_RESIDENTS_WORDS] = {0};

	if (__builtin_expect(peal_deadlines_earliest_ns(&channels->watches_at) > now_ns, 1)) {
		return;
	}
	peal_deadlines_collect(&channels->watches_at, now_ns, due);
	for (uint32_t word = 0; word < PEAL_RESIDENTS_WORDS; word++) {
		while (due[word] != 0) {
			uint32_t index = word * 64U + (uint32_t)__builtin_ctzll(due[word]);

			due[word] &= due[word] - 1U;
			on_watch(channels, (uint16_t)index, now_ns);
		}
	}
}

uint32_t
peal_channels_run(struct peal_channels *channels, uint64_t now_ns)
{
	uint32_t probes_count;

	run_watches(channels, now_ns);
	/* Before the rest, so that all sizes of a try find places. */
	probes_count = peal_pathmtu_run(&channels->paths, now_ns);
	return probes_count + peal_channelsender_run(&channels->sender, now_ns);
}

uint64_t
peal_channels_deadline_at_ns(const struct peal_channels *channels)
{
	uint64_t watch_at_ns = peal_deadlines_earliest_ns(&channels->watches_at);
	uint64_t frame_at_ns = peal_channelsender_deadline_at_ns(&channels->sender);
	uint64_t path_at_ns = peal_pathmtu_deadline_at_ns(&channels->paths);

	frame_at_ns = path_at_ns < frame_at_ns ? path_at_ns : frame_at_ns;
	return watch_at_ns < frame_at_ns ? watch_at_ns : frame_at_ns;
}
