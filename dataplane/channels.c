/* SPDX-License-Identifier: BSD-3-Clause */
#include "dataplane/channels.h"

#include "base/museum.h"
#include "dataplane/channellife.h"
#include "dataplane/channelpolicy.h"
#include "wire/messages.h"

#include <string.h>

/* The path to a peer became wider, or narrower. */
static void
on_path(void *state, uint16_t slot)
{
	struct peal_channels *channels = state;

	for (uint32_t i = 0; i < PEAL_CHANNELS_MAX; i++) {
		struct peal_channel *channel = &channels->table.channels[i];

		if (channel->state != PEAL_CHANNEL_FREE && channel->slot == slot) {
			peal_channel_tx_resize(
				&channel->tx, peal_channellife_find_data_size(channels, slot));
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
deliver(void *state, const struct peal_delivery *delivery)
{
	const struct peal_channel_calling *calling = state;
	const struct peal_channel_user *user = &calling->channels->config.user;

	if (delivery->offset + delivery->size == delivery->message_size) {
		peal_counter_add(calling->channels->config.counters,
			PEAL_COUNTER_CHANNEL_MESSAGES_DELIVERED, 1);
	}
	user->deliver(user->state, calling->index, delivery);
}

static bool
is_open(const struct peal_channels *channels, uint16_t index)
{
	return index < PEAL_CHANNELS_MAX &&
	       channels->table.channels[index].state == PEAL_CHANNEL_OPEN;
}

void
peal_channels_reset(struct peal_channels *channels, uint16_t index)
{
	PEAL_ASSERT(peal_channels_owns(channels, index));
	peal_channellife_reset(
		channels, &channels->table.channels[index], PEAL_CHANNEL_REASON_CLOSED);
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
			peal_channellife_end(channels, channel, PEAL_CHANNEL_REASON_REMOVED);
		}
	}
	peal_channelsender_switch(&channels->sender, peers);
	peal_pathmtu_switch(&channels->paths, peers);
}

/* --- what the user asks for --- */

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
	if (peal_channellife_find_shards(channels, slot, number).own != channels->config.shard) {
		return PEAL_CHANNEL_ELSEWHERE;
	}
	channel = peal_channeltable_find(&channels->table, slot, mid, number);
	if (channel != NULL && channel->state != PEAL_CHANNEL_CLOSED) {
		return PEAL_CHANNEL_IN_USE;
	}
	if (channel != NULL) {
		peal_channellife_forget(channels, channel);
	}
	channel = peal_channellife_begin(channels, slot, mid, number);
	if (channel == NULL) {
		return PEAL_CHANNEL_TOO_MANY;
	}
	*channel_out = peal_channeltable_index(&channels->table, channel);
	return PEAL_CHANNEL_OK;
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
		!(peal_channelpolicy_make_room(channels, index, is_copy ? size : 0) &&
			put(&channel->tx.queue, kind, bytes, size, token))) {
		return PEAL_CHANNEL_FULL;
	}
	peal_counter_add(channels->config.counters, PEAL_COUNTER_CHANNEL_MESSAGES_SENT, 1);
	if (__builtin_expect(channel->policy == PEAL_CHANNEL_EVICT, 0)) {
		peal_channelpolicy_watch(channels, index);
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

	PEAL_ASSERT(peal_channels_owns(channels, index));
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
	PEAL_ASSERT(peal_channels_owns(channels, index));
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
		if (is_news && peal_channels_owns(channels, i) && user->rerouted != NULL) {
			user->rerouted(user->state, i, way->is_indirect);
		}
	}
}

/* --- what the peer says --- */

static void
on_ack(struct peal_channels *channels, struct peal_channel *channel,
	const struct peal_channel_msg *message, uint64_t now_ns)
{
	struct peal_channel_calling calling = {
		channels, peal_channeltable_index(&channels->table, channel)};
	const struct peal_sendqueue_lender lender = {peal_channellife_release_loan, &calling};
	uint64_t lost = channel->tx.lost;
	enum peal_channel_ack_outcome outcome =
		peal_channel_tx_on_ack(&channel->tx, message, &lender, now_ns);

	if (__builtin_expect(outcome == PEAL_CHANNEL_ACK_LIE, 0)) {
		peal_counter_add(channels->config.counters, PEAL_COUNTER_CHANNEL_REFUSED_ACK, 1);
		return;
	}
	/* A request says again what the answer to the last reply said: nothing moves. */
	if (outcome == PEAL_CHANNEL_ACK_OLD && channel->tx.arrived_count == 0 &&
		channel->tx.lost == lost) {
		return;
	}
	peal_channelsender_on_ack(&channels->sender, channel,
		&(struct peal_channelsender_delays){.remote_ns = message->delay_ns,
			.local_ns = channels->late_ns,
			.unseen_ns = (uint64_t)message->unseen_ns + channels->unseen_ns},
		lost, now_ns);
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
	struct peal_channel_calling calling = {
		channels, peal_channeltable_index(&channels->table, channel)};
	const struct peal_channel_user *user = &channels->config.user;
	const struct peal_channel_sink sink = {deliver, &calling};
	struct peal_framepool *pool = &channels->pool;
	uint16_t free_count = pool->free_count;
	enum peal_channel_rx_outcome outcome;

	/* A peer has at most as many buffers as it leaves to others: whoever sends early frames for
	 * ever takes a half, two of them a third each. */
	pool->is_closed = channels->held_counts[channel->slot] >= free_count;
	channel->rx.unseen_ns = channels->unseen_ns;
	outcome = peal_channel_rx_on_data(&channel->rx, pool, message,
		opened->body + PEAL_CHANNEL_HEADER_SIZE,
		opened->body_size - PEAL_CHANNEL_HEADER_SIZE, &sink, now_ns);
	pool->is_closed = false;
	channels->held_counts[opened->slot] += (uint16_t)(free_count - pool->free_count);

	if (outcome != PEAL_CHANNEL_RX_DELIVERED) {
		peal_counter_add(channels->config.counters, counters_of[outcome], 1);
	}
	if (outcome == PEAL_CHANNEL_RX_PROTOCOL) {
		peal_channellife_reset(channels, channel, PEAL_CHANNEL_REASON_PROTOCOL);
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
	peal_channellife_end(channels, channel, (enum peal_channel_reason)message->reason);
}

/* The peer hears this life and speaks with another stream than is heard here, which therefore it
 * has left, or this end has left that. Were another life begun for it, the peer would have to begin
 * one for that, and so on. Both begin from nothing. */
static void
end_different_lives(
	struct peal_channels *channels, struct peal_channel *channel, uint64_t its_epoch)
{
	peal_channeltable_raise_floor(&channels->table, channel, its_epoch);
	peal_channellife_end(channels, channel, PEAL_CHANNEL_REASON_STALE);
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

	bool is_stale = message->epoch <= peal_channeltable_floor(&channels->table, opened->slot,
						  opened->mid,
						  peal_channellife_find_shards(
							  channels, opened->slot, message->channel)
							  .peer) ||
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
			peal_channellife_end(channels, channel, PEAL_CHANNEL_REASON_CLOSED);
		}
		bool has_share = peal_channeltable_may_accept(&channels->table, opened->slot);

		channel = has_share ? peal_channellife_begin(
					      channels, opened->slot, opened->mid, message->channel)
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
	peal_channellife_send_reset(
		channels, opened->slot, message->channel, 0, message->epoch, reason);
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
	peal_channellife_send_reset(channels, opened->slot, message->channel, 0, message->epoch,
		PEAL_CHANNEL_REASON_STALE);
	if (channel != NULL && channel->rx.epoch == message->epoch) {
		peal_channellife_end(channels, channel, PEAL_CHANNEL_REASON_STALE);
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
		peal_channellife_send_reset(channels, opened->slot, message->channel,
			message->ack_epoch, 0, PEAL_CHANNEL_REASON_STALE);
	}
}

/* The acknowledging half of a message. */
static __attribute__((noinline)) void
take_ack(struct peal_channels *channels, struct peal_channel *channel,
	const struct peal_channel_msg *message, const struct peal_opened *opened, uint64_t now_ns)
{
	if (channel != NULL && (is_life(channel, channel->tx.epoch, message->ack_epoch) ||
				       PEAL_BUG(ACK_OF_ANY_LIFE))) {
		on_ack(channels, channel, message, now_ns);
	} else {
		on_old_ack(channels, message, opened);
	}
}

void
peal_channels_on_frame(
	struct peal_channels *channels, const struct peal_opened *opened, uint64_t now_ns)
{
	struct peal_counters *counters = channels->config.counters;
	struct peal_channel_msg message;
	struct peal_channel *channel;
	bool is_ack_left;

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
	if (channel == NULL &&
		peal_channellife_find_shards(channels, opened->slot, message.channel).own !=
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
	is_ack_left = (message.flags & PEAL_CHANNEL_FLAG_ACK) != 0;
	/* The delivery does not wait for the acknowledgement, which takes as long as all else
	 * before it, unless the user would see the difference: whoever answers from within the
	 * delivery finds room for that, and loans that the peer has read have come back. */
	if (is_ack_left && (channel == NULL || !peal_sendqueue_is_roomy(&channel->tx.queue))) {
		take_ack(channels, channel, &message, opened, now_ns);
		is_ack_left = false;
	}
	if (channel == NULL) {
		return;
	}
	if ((message.flags & PEAL_CHANNEL_FLAG_DATA) != 0 &&
		!on_data(channels, channel, &message, opened, now_ns)) {
		return;
	}
	if (is_ack_left) {
		take_ack(channels, channel, &message, opened, now_ns);
	}
	if ((message.flags & PEAL_CHANNEL_FLAG_PROBE) != 0) {
		peal_channel_rx_owe(&channel->rx, now_ns);
	}
	if (__builtin_expect(channel->state == PEAL_CHANNEL_CLOSING, 0)) {
		peal_channellife_close_when_through(channels, channel);
	}
	peal_channelsender_settle(&channels->sender, channel);
}

void
peal_channels_begin_turn(struct peal_channels *channels, bool was_behind, uint64_t now_ns)
{
	uint64_t unseen_ns = now_ns - channels->turn_at_ns;

	channels->late_ns = was_behind ? unseen_ns : 0;
	channels->unseen_ns = unseen_ns < UINT32_MAX ? (uint32_t)unseen_ns : UINT32_MAX;
	channels->turn_at_ns = now_ns;
}

uint32_t
peal_channels_run(struct peal_channels *channels, uint64_t now_ns)
{
	uint32_t probes_count;

	peal_channelpolicy_run(channels, now_ns);
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
