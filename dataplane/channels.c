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

void
peal_channels_init(struct peal_channels *channels, const struct peal_channels_config *config)
{
	PEAL_ASSERT(config->first_epoch >= 1);
	memset(channels, 0, sizeof(*channels));
	channels->config = *config;
	channels->next_epoch = config->first_epoch;
	channels->ready_first = channels->ready_last = PEAL_CHANNEL_NONE;
	peal_framepool_init(
		&channels->pool, config->frame_bytes, PEAL_BODY_SIZE_MAX, config->frames_count);
	peal_deadlines_init(&channels->deadlines, PEAL_CHANNELS_MAX);
}

static uint16_t
index_of(const struct peal_channels *channels, const struct peal_channel *channel)
{
	return (uint16_t)(channel - channels->channels);
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

/* --- who has something to send --- */

static void
make_ready(struct peal_channels *channels, struct peal_channel *channel)
{
	uint16_t index = index_of(channels, channel);

	if (channel->is_ready) {
		return;
	}
	channel->is_ready = true;
	channel->next = PEAL_CHANNEL_NONE;
	if (channels->ready_first == PEAL_CHANNEL_NONE) {
		channels->ready_first = index;
	} else {
		channels->channels[channels->ready_last].next = index;
	}
	channels->ready_last = index;
}

static bool
wants_to_send(const struct peal_channel *channel)
{
	return channel->rx.is_answer_owed ||
	       (channel->tx.epoch != 0 && peal_channel_tx_is_ready(&channel->tx));
}

/* After anything happened to a channel: it stands in the list, or its timer is set. */
static void
settle(struct peal_channels *channels, struct peal_channel *channel)
{
	uint64_t tx_at_ns = peal_channel_tx_deadline_at_ns(&channel->tx);
	uint64_t rx_at_ns =
		peal_channel_rx_deadline_at_ns(&channel->rx, channels->config.rto_ns_max);

	if (channel->state != PEAL_CHANNEL_FREE && wants_to_send(channel)) {
		make_ready(channels, channel);
	}
	peal_deadlines_set(&channels->deadlines, index_of(channels, channel),
		tx_at_ns < rx_at_ns ? tx_at_ns : rx_at_ns);
}

/* --- places --- */

#define PLACES_COUNT (2U * PEAL_CHANNELS_MAX)

static uint32_t
place_of(uint16_t slot, uint16_t number)
{
	_Static_assert(PLACES_COUNT == 512U, "the index is addressed by nine bits of the hash");
	return ((uint32_t)slot << 16 | number) * 0x9E3779B1U >> 23;
}

static void
enter(struct peal_channels *channels, uint16_t index)
{
	const struct peal_channel *channel = &channels->channels[index];
	uint32_t place = place_of(channel->slot, channel->number);

	while (channels->places[place] != 0) {
		place = (place + 1U) % PLACES_COUNT;
	}
	channels->places[place] = (uint16_t)(index + 1U);
}

/* After a channel went: rare, and simpler than a search that passes over gaps. */
static void
enter_all(struct peal_channels *channels)
{
	memset(channels->places, 0, sizeof(channels->places));
	for (uint16_t i = 0; i < PEAL_CHANNELS_MAX; i++) {
		if (channels->channels[i].state != PEAL_CHANNEL_FREE) {
			enter(channels, i);
		}
	}
}

static struct peal_channel *
find(struct peal_channels *channels, uint16_t slot, uint64_t mid, uint16_t number)
{
	uint32_t place = place_of(slot, number);

	for (uint32_t i = 0; i < PLACES_COUNT && channels->places[place] != 0; i++) {
		struct peal_channel *channel = &channels->channels[channels->places[place] - 1U];

		if (channel->number == number && channel->slot == slot && channel->mid == mid) {
			return channel;
		}
		place = (place + 1U) % PLACES_COUNT;
	}
	return NULL;
}

static uint64_t *
floor_of(struct peal_channels *channels, uint16_t slot, uint64_t mid)
{
	if (channels->floor_mids[slot] != mid) {
		channels->floor_mids[slot] = mid;
		channels->floors[slot] = 0;
	}
	return &channels->floors[slot];
}

/* Takes a channel out of the world. Its life cannot come back. */
static void
forget(struct peal_channels *channels, struct peal_channel *channel)
{
	struct calling calling = {channels, index_of(channels, channel)};
	const struct peal_sendqueue_lender lender = {release_loan, &calling};
	uint64_t *floor = floor_of(channels, channel->slot, channel->mid);

	if (channel->rx.epoch > *floor && !PEAL_BUG(OLD_LIVES_RETURN)) {
		*floor = channel->rx.epoch;
	}
	if (channel->tx.epoch != 0) {
		peal_channel_tx_close(&channel->tx, &lender);
	}
	uint16_t free_count = channels->pool.free_count;

	peal_channel_rx_close(&channel->rx, &channels->pool);
	channels->held_counts[channel->slot] -= (uint16_t)(channels->pool.free_count - free_count);
	channel->state = PEAL_CHANNEL_FREE;
	enter_all(channels);
	peal_deadlines_set(&channels->deadlines, calling.index, UINT64_MAX);
}

/* A free place, or that of the channel that was closed first; NULL when all are in use. */
static struct peal_channel *
find_place(struct peal_channels *channels)
{
	struct peal_channel *oldest = NULL;

	for (uint32_t i = 0; i < PEAL_CHANNELS_MAX; i++) {
		struct peal_channel *channel = &channels->channels[i];

		/* One that still stands in the list of senders is taken out by the next turn. */
		if (channel->is_ready) {
			continue;
		}
		if (channel->state == PEAL_CHANNEL_FREE) {
			return channel;
		}
		if (channel->state == PEAL_CHANNEL_CLOSED &&
			(oldest == NULL || channel->closed_order < oldest->closed_order)) {
			oldest = channel;
		}
	}
	if (oldest != NULL) {
		forget(channels, oldest);
	}
	return oldest;
}

static struct peal_channel *
add(struct peal_channels *channels, uint16_t slot, uint64_t mid, uint16_t number)
{
	const struct peal_channels_config *config = &channels->config;
	struct peal_channel *channel = find_place(channels);

	if (channel == NULL) {
		return NULL;
	}
	const struct peal_channel_tx_config tx = {.counters = config->counters,
		.queue_bytes = config->queue_bytes +
			       (uint64_t)index_of(channels, channel) * config->queue_capacity,
		.queue_capacity = config->queue_capacity,
		.data_size_max = PEAL_BODY_SIZE_MAX - PEAL_CHANNEL_HEADER_SIZE,
		.is_coalescing = config->is_coalescing,
		.rto_ns_min = config->rto_ns_min,
		.rto_ns_max = config->rto_ns_max};

	memset(channel, 0, offsetof(struct peal_channel, tx));
	memset(&channel->rx, 0, sizeof(channel->rx));
	channel->state = PEAL_CHANNEL_OPEN;
	channel->slot = slot;
	channel->mid = mid;
	channel->number = number;
	channel->room = PEAL_CHANNEL_WINDOW;
	enter(channels, index_of(channels, channel));
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
	user->ended(user->state, index_of(channels, channel), reason, lost_count);
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
	channel->state = PEAL_CHANNEL_CLOSED;
	channel->closed_order = ++channels->closed_count;
	user->ended(user->state, index_of(channels, channel), PEAL_CHANNEL_REASON_NONE, 0);
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
	uint8_t body[PEAL_CHANNEL_HEADER_SIZE];

	peal_channel_msg_encode(&message, body);
	(void)peal_egress_send_slot(
		channels->config.egress, slot, PEAL_MESSAGE_CHANNEL, body, sizeof(body));
}

static bool
owns(const struct peal_channels *channels, uint16_t index)
{
	return index < PEAL_CHANNELS_MAX &&
	       (channels->channels[index].state == PEAL_CHANNEL_OPEN ||
		       channels->channels[index].state == PEAL_CHANNEL_CLOSING);
}

void
peal_channels_reset(struct peal_channels *channels, uint16_t index)
{
	struct peal_channel *channel = &channels->channels[index];

	PEAL_ASSERT(owns(channels, index));
	send_reset(channels, channel->slot, channel->number, channel->tx.epoch, channel->rx.epoch,
		PEAL_CHANNEL_REASON_CLOSED);
	end(channels, channel, PEAL_CHANNEL_REASON_CLOSED);
}

void
peal_channels_switch(struct peal_channels *channels, const struct peal_peers *peers)
{
	bool is_same_self = channels->self_mid == peers->self_mid;

	channels->peers = peers;
	channels->self_mid = peers->self_mid;
	for (uint32_t i = 0; i < PEAL_CHANNELS_MAX; i++) {
		struct peal_channel *channel = &channels->channels[i];

		if (channel->state != PEAL_CHANNEL_FREE && !PEAL_BUG(REMOVED_PEER_KEPT) &&
			(!is_same_self ||
				!peal_peers_is_member(peers, channel->slot, channel->mid))) {
			end(channels, channel, PEAL_CHANNEL_REASON_REMOVED);
		}
	}
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
	channel = find(channels, slot, mid, number);
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
	*channel_out = index_of(channels, channel);
	return PEAL_CHANNEL_OK;
}

static enum peal_channel_result
accept(struct peal_channels *channels, uint16_t index, bool is_room)
{
	if (!is_room) {
		return PEAL_CHANNEL_FULL;
	}
	peal_counter_add(channels->config.counters, PEAL_COUNTER_CHANNEL_MESSAGES_SENT, 1);
	make_ready(channels, &channels->channels[index]);
	return PEAL_CHANNEL_OK;
}

static enum peal_channel_result
judge_send(const struct peal_channels *channels, uint16_t index, uint32_t size)
{
	if (index >= PEAL_CHANNELS_MAX || channels->channels[index].state != PEAL_CHANNEL_OPEN) {
		return PEAL_CHANNEL_NOT_OPEN;
	}
	return size > PEAL_MESSAGE_SIZE_MAX ? PEAL_CHANNEL_TOO_BIG : PEAL_CHANNEL_OK;
}

enum peal_channel_result
peal_channels_send(
	struct peal_channels *channels, uint16_t index, const uint8_t *bytes, uint32_t size)
{
	enum peal_channel_result result = judge_send(channels, index, size);

	if (result != PEAL_CHANNEL_OK) {
		return result;
	}
	return accept(channels, index,
		peal_sendqueue_copy(&channels->channels[index].tx.queue, bytes, size));
}

enum peal_channel_result
peal_channels_lend(struct peal_channels *channels, uint16_t index, const uint8_t *bytes,
	uint32_t size, uint64_t token)
{
	enum peal_channel_result result = judge_send(channels, index, size);

	if (result != PEAL_CHANNEL_OK) {
		return result;
	}
	return accept(channels, index,
		peal_sendqueue_lend(&channels->channels[index].tx.queue, bytes, size, token));
}

enum peal_channel_result
peal_channels_close(struct peal_channels *channels, uint16_t index)
{
	struct peal_channel *channel;

	if (index >= PEAL_CHANNELS_MAX || channels->channels[index].state != PEAL_CHANNEL_OPEN) {
		return PEAL_CHANNEL_NOT_OPEN;
	}
	channel = &channels->channels[index];
	channel->state = PEAL_CHANNEL_CLOSING;
	channel->is_close_owed = !peal_sendqueue_end(&channel->tx.queue);
	make_ready(channels, channel);
	return PEAL_CHANNEL_OK;
}

void
peal_channels_grant(struct peal_channels *channels, uint16_t index, uint32_t room, uint64_t now_ns)
{
	struct peal_channel *channel = &channels->channels[index];
	uint32_t before = channel->rx.credit;

	PEAL_ASSERT(owns(channels, index));
	channel->room = room;
	if (channel->rx.epoch == 0) {
		return;
	}
	peal_channel_rx_grant(&channel->rx, room);
	if (channel->rx.credit != before) {
		peal_channel_rx_owe(&channel->rx, now_ns);
		make_ready(channels, channel);
	}
}

/* --- what the peer says --- */

static void
on_ack(struct peal_channels *channels, struct peal_channel *channel,
	const struct peal_channel_msg *message, uint64_t now_ns)
{
	struct calling calling = {channels, index_of(channels, channel)};
	const struct peal_sendqueue_lender lender = {release_loan, &calling};

	if (peal_channel_tx_on_ack(&channel->tx, message, &lender, now_ns) ==
		PEAL_CHANNEL_ACK_LIE) {
		peal_counter_add(channels->config.counters, PEAL_COUNTER_CHANNEL_REFUSED_ACK, 1);
		return;
	}
	if (channel->is_close_owed) {
		channel->is_close_owed = !peal_sendqueue_end(&channel->tx.queue);
	}
}

static enum peal_counter
counter_of(enum peal_channel_rx_outcome outcome)
{
	switch (outcome) {
	case PEAL_CHANNEL_RX_HELD:
		return PEAL_COUNTER_CHANNEL_HELD;
	case PEAL_CHANNEL_RX_DUPLICATE:
		return PEAL_COUNTER_CHANNEL_DUPLICATES;
	case PEAL_CHANNEL_RX_BEYOND:
		return PEAL_COUNTER_CHANNEL_REFUSED_BEYOND;
	case PEAL_CHANNEL_RX_NO_BUFFER:
		return PEAL_COUNTER_CHANNEL_NO_BUFFER;
	case PEAL_CHANNEL_RX_DELIVERED:
	case PEAL_CHANNEL_RX_PROTOCOL:
	default:
		return PEAL_COUNTER_CHANNEL_REFUSED_PROTOCOL;
	}
}

/* Data of the life that the channel is in. False: it ended over it. */
static bool
on_data(struct peal_channels *channels, struct peal_channel *channel,
	const struct peal_channel_msg *message, const struct peal_opened *opened, uint64_t now_ns)
{
	struct calling calling = {channels, index_of(channels, channel)};
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
		peal_counter_add(channels->config.counters, counter_of(outcome), 1);
	}
	if (outcome == PEAL_CHANNEL_RX_PROTOCOL) {
		send_reset(channels, channel->slot, channel->number, channel->tx.epoch,
			channel->rx.epoch, PEAL_CHANNEL_REASON_PROTOCOL);
		end(channels, channel, PEAL_CHANNEL_REASON_PROTOCOL);
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
	uint64_t *floor = floor_of(channels, channel->slot, channel->mid);

	end(channels, channel, PEAL_CHANNEL_REASON_STALE);
	*floor = its_epoch > *floor ? its_epoch : *floor;
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

	bool is_stale = message->epoch <= *floor_of(channels, opened->slot, opened->mid) ||
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
		channel = add(channels, opened->slot, opened->mid, message->channel);
		if (channel != NULL) {
			peal_channel_rx_open(&channel->rx, message->epoch, channel->room);
			user->opened(user->state, index_of(channels, channel), opened->mid,
				message->channel);
			return channel;
		}
		reason = PEAL_CHANNEL_REASON_FULL;
		counter = PEAL_COUNTER_CHANNEL_REFUSED_FULL;
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

	if (!peal_channel_msg_decode(opened->body, opened->body_size, &message)) {
		peal_counter_add(counters, PEAL_COUNTER_REFUSED_BODY, 1);
		return;
	}
	channel = find(channels, opened->slot, opened->mid, message.channel);
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
		if (is_life(channel, channel == NULL ? 0 : channel->tx.epoch, message.ack_epoch) ||
			(channel != NULL && PEAL_BUG(ACK_OF_ANY_LIFE))) {
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
	settle(channels, channel);
}

/* --- what leaves --- */

/* One frame of a channel that wants to send. False: the port has no packet. */
static bool
send_frame(struct peal_channels *channels, struct peal_channel *channel, uint64_t now_ns)
{
	struct peal_counters *counters = channels->config.counters;
	struct peal_channel_msg message = {.channel = channel->number};
	struct peal_packet packet;
	uint8_t *body = peal_egress_begin(channels->config.egress, &packet);
	uint32_t next_seq = channel->tx.next_seq;
	uint32_t size = 0;

	if (body == NULL) {
		return false;
	}
	if (channel->tx.epoch != 0 && peal_channel_tx_is_ready(&channel->tx)) {
		size = peal_channel_tx_make(
			&channel->tx, &message, body + PEAL_CHANNEL_HEADER_SIZE, now_ns);
		if (message.seq != next_seq) {
			peal_counter_add(counters, PEAL_COUNTER_CHANNEL_FRAMES_REPEATED, 1);
		}
	}
	if (channel->rx.epoch != 0) {
		peal_channel_rx_answer(&channel->rx, &message, now_ns);
	}
	peal_channel_msg_encode(&message, body);
	peal_egress_end(channels->config.egress, &packet, channel->slot, PEAL_MESSAGE_CHANNEL,
		(uint16_t)(PEAL_CHANNEL_HEADER_SIZE + size));
	peal_counter_add(counters, PEAL_COUNTER_CHANNEL_FRAMES_SENT, 1);
	return true;
}

static void
run_timers(struct peal_channels *channels, uint64_t now_ns)
{
	uint64_t due[PEAL_RESIDENTS_WORDS] = {0};

	if (__builtin_expect(peal_deadlines_earliest_ns(&channels->deadlines) > now_ns, 1)) {
		return;
	}
	peal_deadlines_collect(&channels->deadlines, now_ns, due);
	for (uint32_t word = 0; word < PEAL_RESIDENTS_WORDS; word++) {
		while (due[word] != 0) {
			uint32_t index = word * 64U + (uint32_t)__builtin_ctzll(due[word]);

			due[word] &= due[word] - 1U;
			peal_channel_tx_on_timer(&channels->channels[index].tx, now_ns);
			peal_channel_rx_on_timer(
				&channels->channels[index].rx, channels->config.rto_ns_max, now_ns);
			settle(channels, &channels->channels[index]);
		}
	}
}

uint32_t
peal_channels_run(struct peal_channels *channels, uint64_t now_ns)
{
	uint32_t sent_count = 0;
	uint16_t last;

	run_timers(channels, now_ns);
	last = channels->ready_last;
	while (channels->ready_first != PEAL_CHANNEL_NONE) {
		uint16_t index = channels->ready_first;
		struct peal_channel *channel = &channels->channels[index];
		bool has_packets = true;

		channels->ready_first = channel->next;
		channel->is_ready = false;
		for (uint32_t i = 0; i < PEAL_CHANNEL_BURST && has_packets &&
				     channel->state != PEAL_CHANNEL_FREE && wants_to_send(channel);
			i++) {
			has_packets = send_frame(channels, channel, now_ns);
			sent_count += has_packets;
		}
		settle(channels, channel);
		if (index == last || !has_packets) {
			break;
		}
	}
	return sent_count;
}

uint64_t
peal_channels_deadline_at_ns(const struct peal_channels *channels)
{
	return channels->ready_first != PEAL_CHANNEL_NONE
		       ? 0
		       : peal_deadlines_earliest_ns(&channels->deadlines);
}
