/* SPDX-License-Identifier: BSD-3-Clause */
#include "dataplane/clients_private.h"

#include <string.h>

static bool
is_listening(const struct peal_client *client, uint16_t number, uint32_t *at_out)
{
	for (uint32_t i = 0; i < client->listens_count; i++) {
		if (client->listens[i] == number) {
			*at_out = i;
			return true;
		}
	}
	return false;
}

/* Clients know what they may not: libpeal refuses it, and does not say it here. */
static bool
may(const struct peal_clients *clients, const struct peal_client *client, uint32_t act)
{
	if ((client->rights->acts & act) != 0) {
		return true;
	}
	peal_counter_add(clients->config.counters, PEAL_COUNTER_CLIENT_ACTS_FORBIDDEN, 1);
	return false;
}

static bool
may_use_number(
	const struct peal_clients *clients, const struct peal_client *client, uint16_t number)
{
	return may(clients, client,
		peal_clients_is_service(number) ? PEAL_CLIENT_MAY_SERVICES
						: PEAL_CLIENT_MAY_CHANNELS);
}

static enum peal_clients_outcome
listen_on(const struct peal_clients *clients, struct peal_client *client,
	const struct peal_shmring_record *record)
{
	struct peal_client_number request;
	uint32_t at;

	if (record->size != sizeof(request)) {
		return PEAL_CLIENTS_VIOLATION;
	}
	memcpy(&request, record->bytes, sizeof(request));
	if (request.number >= PEAL_LOAD_CHANNELS_LOWER ||
		request.number != peal_clients_block_of(request.number)) {
		return PEAL_CLIENTS_VIOLATION;
	}
	if (record->kind == PEAL_CLIENT_UNLISTEN) {
		if (is_listening(client, request.number, &at)) {
			client->listens[at] = client->listens[--client->listens_count];
		}
		return PEAL_CLIENTS_TAKEN;
	}
	if (is_listening(client, request.number, &at)) {
		return PEAL_CLIENTS_TAKEN;
	}
	if (client->listens_count == PEAL_CLIENT_LISTENS_MAX ||
		!may_use_number(clients, client, request.number)) {
		return PEAL_CLIENTS_VIOLATION;
	}
	client->listens[client->listens_count++] = request.number;
	return PEAL_CLIENTS_TAKEN;
}

static uint32_t
explain(enum peal_channel_result result)
{
	if (result == PEAL_CHANNEL_NOT_IN_VIEW) {
		return PEAL_CLIENT_NOT_IN_VIEW;
	}
	if (result == PEAL_CHANNEL_IN_USE) {
		return PEAL_CLIENT_IN_USE;
	}
	return result == PEAL_CHANNEL_ELSEWHERE ? PEAL_CLIENT_ELSEWHERE : PEAL_CLIENT_TOO_MANY;
}

/* Which of the channels of a service this client has to that member. */
static uint16_t
choose_number(const struct peal_clients *clients, const struct peal_client *client,
	const struct peal_client_open *request)
{
	uint32_t number = request->number;

	if (peal_clients_is_service(request->number)) {
		number += peal_clients_place_of(clients, client);
		number += clients->config.channels->self_mid > request->mid ? PEAL_CLIENTS_MAX : 0;
	}
	return (uint16_t)number;
}

/*
 * Whether it is this client's time to open a channel. Each open uses up a piece of time, longer
 * when others wait as well; a client may be ahead of the clock by a burst.
 */
static bool
may_open_now(struct peal_clients *clients, struct peal_client *client)
{
	uint64_t bit = peal_clients_bit_of(clients, client);
	uint64_t piece_ns =
		PEAL_CLIENT_OPEN_NS * (uint64_t)__builtin_popcountll(clients->opening | bit);
	uint64_t ahead_ns = PEAL_CLIENT_OPENS_BURST * PEAL_CLIENT_OPEN_NS;

	if (client->opens_until_ns < clients->now_ns) {
		client->opens_until_ns = clients->now_ns;
	}
	if (client->opens_until_ns <= clients->now_ns + ahead_ns) {
		client->opens_until_ns += piece_ns;
		return true;
	}
	clients->opening |= bit;
	if (client->opens_until_ns - ahead_ns < clients->opening_at_ns) {
		clients->opening_at_ns = client->opens_until_ns - ahead_ns;
	}
	return false;
}

static enum peal_clients_outcome
open_channel(struct peal_clients *clients, struct peal_client *client,
	const struct peal_shmring_record *record)
{
	uint32_t place = PEAL_CLIENT_TAG_PLACE(record->tag);
	struct peal_client_channel *channel = &client->channels[place];
	struct peal_client_open request;
	enum peal_channel_result result;
	uint16_t index;
	bool is_loop;

	if (record->size != sizeof(request) || place >= PEAL_CLIENT_PLACES_OWN ||
		channel->index != PEAL_CHANNEL_NONE) {
		return PEAL_CLIENTS_VIOLATION;
	}
	memcpy(&request, record->bytes, sizeof(request));
	if (request.number >= PEAL_LOAD_CHANNELS_LOWER ||
		request.number != peal_clients_block_of(request.number) ||
		!may_use_number(clients, client, request.number)) {
		return PEAL_CLIENTS_VIOLATION;
	}
	if (!may_open_now(clients, client)) {
		return PEAL_CLIENTS_LATER;
	}
	channel->life = (uint16_t)(record->tag >> 7);
	/* Requests to this node go without a channel. */
	is_loop = request.mid == clients->config.channels->self_mid &&
		  !peal_clients_is_service(request.number);
	result = is_loop ? peal_clients_open_loop(clients, client, record->tag, request.number)
			 : peal_channels_open(clients->config.channels, request.mid,
				   choose_number(clients, client, &request), &index);
	if (result == PEAL_CHANNEL_OK) {
		if (!is_loop) {
			peal_clients_own(clients, client, place, index);
		}
		return PEAL_CLIENTS_TAKEN;
	}
	const struct peal_client_refused refused = {
		.result = explain(result), .number = request.number};

	peal_clients_write(clients, client, PEAL_CLIENT_REFUSED, record->tag,
		&(struct peal_clients_bytes){.head = &refused, .head_size = sizeof(refused)});
	return PEAL_CLIENTS_TAKEN;
}

/* The channel that a tag names; NULL: it has ended, which the client was told, or will be. */
static struct peal_client_channel *
find_channel(struct peal_client *client, uint16_t tag)
{
	struct peal_client_channel *channel = &client->channels[PEAL_CLIENT_TAG_PLACE(tag)];

	return channel->index != PEAL_CHANNEL_NONE && channel->life == tag >> 7 ? channel : NULL;
}

static void
count_sent(struct peal_client *client, uint32_t size)
{
	peal_clients_count(&client->tally.sent_count, 1);
	peal_clients_count(&client->tally.sent_size, size);
}

static enum peal_clients_outcome
send(struct peal_clients *clients, struct peal_client *client,
	const struct peal_shmring_record *record)
{
	struct peal_client_channel *channel = find_channel(client, record->tag);
	enum peal_channel_result result;

	if (record->size > PEAL_CLIENT_MESSAGE_SIZE_MAX) {
		return PEAL_CLIENTS_VIOLATION;
	}
	if (channel == NULL) {
		return PEAL_CLIENTS_TAKEN;
	}
	if (channel->other != PEAL_CHANNEL_NONE) {
		return peal_clients_send_to_loop(clients, client, channel, record)
			       ? PEAL_CLIENTS_TAKEN
			       : PEAL_CLIENTS_VIOLATION;
	}
	/* Copied once; whatever the client does to it meanwhile, nobody decides by its bytes. */
	result = peal_channels_send(
		clients->config.channels, channel->index, record->bytes, record->size);
	/* Who keeps to its credit never finds the queue full. */
	if (result == PEAL_CHANNEL_FULL) {
		return PEAL_CLIENTS_VIOLATION;
	}
	if (result == PEAL_CHANNEL_OK) {
		channel->accepted_count++;
		count_sent(client, record->size);
	}
	return PEAL_CLIENTS_TAKEN;
}

static enum peal_clients_outcome
end_channel(struct peal_clients *clients, struct peal_client *client,
	const struct peal_shmring_record *record)
{
	struct peal_client_channel *channel = find_channel(client, record->tag);

	if (record->size != 0) {
		return PEAL_CLIENTS_VIOLATION;
	}
	if (channel == NULL) {
		return PEAL_CLIENTS_TAKEN;
	}
	if (record->kind == PEAL_CLIENT_RESET) {
		peal_clients_reset_channel(clients, channel);
	} else {
		peal_clients_close_channel(clients, channel);
	}
	return PEAL_CLIENTS_TAKEN;
}

/* A record about the lane of a loop. */
static enum peal_clients_outcome
lane(struct peal_clients *clients, struct peal_client *client,
	const struct peal_shmring_record *record)
{
	struct peal_client_channel *channel = find_channel(client, record->tag);

	if (!client->can_lane || record->size != 0) {
		return PEAL_CLIENTS_VIOLATION;
	}
	if (channel == NULL) {
		return PEAL_CLIENTS_TAKEN;
	}
	return record->kind == PEAL_CLIENT_LANE_USE
		       ? peal_clients_use_lane(clients, client, channel)
		       : peal_clients_break_lane(clients, channel);
}

/* The last record was one for all, and this node is no member. */
static void
tell_cast_lost(struct peal_clients *clients, struct peal_client *client)
{
	const uint64_t lost_count = 1;

	peal_clients_write(clients, client, PEAL_CLIENT_CAST_LOST, 0,
		&(struct peal_clients_bytes){.head = &lost_count, .head_size = sizeof(lost_count)});
}

bool
peal_clients_may_cast(struct peal_clients *clients, const struct peal_client *client)
{
	return peal_turns_may(&clients->casts, peal_clients_place_of(clients, client));
}

enum peal_clients_outcome
peal_clients_wait_to_cast(struct peal_clients *clients, struct peal_client *client)
{
	peal_turns_wait(&clients->casts, peal_clients_place_of(clients, client));
	return PEAL_CLIENTS_LATER;
}

void
peal_clients_count_cast(struct peal_clients *clients, struct peal_client *client, uint32_t size)
{
	peal_turns_count(&clients->casts, peal_clients_place_of(clients, client),
		(uint32_t)peal_shmring_span(size));
}

static enum peal_clients_outcome
cast(struct peal_clients *clients, struct peal_client *client,
	const struct peal_shmring_record *record)
{
	uint32_t size = record->size;
	enum peal_cast_result result;

	if (size > PEAL_CLIENT_MESSAGE_SIZE_MAX ||
		!may(clients, client, PEAL_CLIENT_MAY_BROADCAST)) {
		return PEAL_CLIENTS_VIOLATION;
	}
	if (!peal_clients_may_cast(clients, client)) {
		return peal_clients_wait_to_cast(clients, client);
	}
	memcpy(clients->room->message + PEAL_CLIENTS_PREFIX_SIZE, record->bytes, size);
	result = peal_cast_send(
		clients->config.cast, clients->room->message, PEAL_CLIENTS_PREFIX_SIZE + size);
	if (result == PEAL_CAST_FULL) {
		return peal_clients_wait_to_cast(clients, client);
	}
	peal_clients_count_cast(clients, client, size);
	if (result == PEAL_CAST_OK) {
		client->casts_count++;
		count_sent(client, size);
	} else {
		tell_cast_lost(clients, client);
	}
	return PEAL_CLIENTS_TAKEN;
}

static enum peal_clients_outcome
set_value(struct peal_clients *clients, struct peal_client *client,
	const struct peal_shmring_record *record)
{
	struct peal_client_number request;
	uint8_t *message = clients->room->message;
	uint64_t prefix;
	uint32_t size;

	if (record->size < sizeof(request) ||
		record->size > sizeof(request) + PEAL_CLIENT_VALUE_SIZE_MAX) {
		return PEAL_CLIENTS_VIOLATION;
	}
	memcpy(&request, record->bytes, sizeof(request));
	if (request.number >= PEAL_CLIENT_VALUES_MAX ||
		!may(clients, client, PEAL_CLIENT_MAY_BROADCAST)) {
		return PEAL_CLIENTS_VIOLATION;
	}
	prefix = peal_clients_value_prefix(request.number);
	size = record->size - (uint32_t)sizeof(request);
	memcpy(message, &prefix, sizeof(prefix));
	memcpy(message + sizeof(prefix), record->bytes + sizeof(request), size);
	if (peal_cast_set(clients->config.cast, request.number, message,
		    (uint32_t)sizeof(prefix) + size) == PEAL_CAST_OK) {
		count_sent(client, size);
	} else {
		tell_cast_lost(clients, client);
	}
	/* What follows is a message again. */
	memset(message, 0, PEAL_CLIENTS_PREFIX_SIZE);
	return PEAL_CLIENTS_TAKEN;
}

/* What others send to all is heard from here on, or no more. */
static enum peal_clients_outcome
hear(struct peal_clients *clients, struct peal_client *client,
	const struct peal_shmring_record *record)
{
	bool is_hearing = record->kind == PEAL_CLIENT_HEAR;

	if (record->size != 0 || (is_hearing && !may(clients, client, PEAL_CLIENT_MAY_BROADCAST))) {
		return PEAL_CLIENTS_VIOLATION;
	}
	if (is_hearing && !client->is_hearing) {
		client->begun = 0;
		peal_clients_hear_values(clients, client);
	} else if (!is_hearing) {
		client->stale_members = 0;
		peal_clients_let_go(clients, client);
	}
	client->is_hearing = is_hearing;
	return PEAL_CLIENTS_TAKEN;
}

/* Others shall wait for this client, or need not any more. */
static enum peal_clients_outcome
hold(struct peal_clients *clients, struct peal_client *client,
	const struct peal_shmring_record *record)
{
	if (record->size != 0 || clients->outside.hold_ns == 0) {
		return PEAL_CLIENTS_VIOLATION;
	}
	client->may_hold = record->kind == PEAL_CLIENT_HOLD;
	if (!client->may_hold) {
		peal_clients_let_go(clients, client);
	}
	return PEAL_CLIENTS_TAKEN;
}

static enum peal_clients_outcome
take_one(struct peal_clients *clients, struct peal_client *client,
	const struct peal_shmring_record *record)
{
	switch (record->kind) {
	case PEAL_CLIENT_SEND:
		return send(clients, client, record);
	case PEAL_CLIENT_CAST:
		return cast(clients, client, record);
	case PEAL_CLIENT_OPEN:
		return open_channel(clients, client, record);
	case PEAL_CLIENT_CLOSE:
	case PEAL_CLIENT_RESET:
		return end_channel(clients, client, record);
	case PEAL_CLIENT_LISTEN:
	case PEAL_CLIENT_UNLISTEN:
		return listen_on(clients, client, record);
	case PEAL_CLIENT_HEAR:
	case PEAL_CLIENT_UNHEAR:
		return hear(clients, client, record);
	case PEAL_CLIENT_HOLD:
	case PEAL_CLIENT_UNHOLD:
		return hold(clients, client, record);
	case PEAL_CLIENT_SET:
		return set_value(clients, client, record);
	case PEAL_CLIENT_GROUP_JOIN:
		return peal_clients_join_group(clients, client, record);
	case PEAL_CLIENT_GROUP_LEAVE:
		return peal_clients_leave_group(clients, client, record);
	case PEAL_CLIENT_GROUP_SEND:
		return peal_clients_send_to_group(clients, client, record);
	case PEAL_CLIENT_ORDER_SEND:
		return peal_clients_send_to_order(clients, client, record);
	case PEAL_CLIENT_ORDER_OPEN:
		return may(clients, client, PEAL_CLIENT_MAY_ORDERS)
			       ? peal_clients_open_order(clients, client, record)
			       : PEAL_CLIENTS_VIOLATION;
	case PEAL_CLIENT_ORDER_CREATE:
		return may(clients, client, PEAL_CLIENT_MAY_ORDERS)
			       ? peal_clients_create_order(clients, client, record)
			       : PEAL_CLIENTS_VIOLATION;
	case PEAL_CLIENT_ORDER_CLOSE:
		return peal_clients_close_order(clients, client, record);
	case PEAL_CLIENT_LANE_TAKEN:
		return peal_clients_take_lane(clients, client, record);
	case PEAL_CLIENT_LANE_USE:
	case PEAL_CLIENT_LANE_BROKEN:
		return lane(clients, client, record);
	case PEAL_CLIENT_ASK:
		return may(clients, client, PEAL_CLIENT_MAY_SERVICES) &&
				       peal_clients_ask(clients, client, record)
			       ? PEAL_CLIENTS_TAKEN
			       : PEAL_CLIENTS_VIOLATION;
	case PEAL_CLIENT_ANSWER:
		return may(clients, client, PEAL_CLIENT_MAY_SERVICES) &&
				       peal_clients_answer(clients, record)
			       ? PEAL_CLIENTS_TAKEN
			       : PEAL_CLIENTS_VIOLATION;
	default:
		return PEAL_CLIENTS_VIOLATION;
	}
}

/* Messages of the same loop as `record`, which was taken, that stand behind it. */
static struct peal_shmmoved
follow(struct peal_clients *clients, struct peal_client *client,
	const struct peal_shmring_record *record, uint64_t span_max)
{
	struct peal_client_channel *channel = find_channel(client, record->tag);

	if (record->kind != PEAL_CLIENT_SEND || channel == NULL ||
		channel->other == PEAL_CHANNEL_NONE) {
		return (struct peal_shmmoved){.count = 0};
	}
	return peal_clients_follow(clients, client, channel, PEAL_CLIENT_MOVES_BURST_MAX, span_max);
}

/* Whose turn it is when two speak to each other. */
static void
note_turn(struct peal_clients *clients, uint32_t place, uint32_t count)
{
	bool is_turn = place != clients->last_place && count <= PEAL_CLIENT_TURN_RECORDS;

	clients->turns_count = !is_turn ? 0
			       : clients->turns_count < PEAL_CLIENT_TURNS_MIN
				       ? clients->turns_count + 1U
				       : PEAL_CLIENT_TURNS_MIN;
	clients->last_place = place;
}

uint32_t
peal_clients_take(struct peal_clients *clients, struct peal_client *client)
{
	struct peal_shmring_record record;
	uint32_t count = 0, cost = 0;
	uint64_t size = 0;

	/* What waited may be something else by now. */
	peal_turns_stop(&clients->casts, peal_clients_place_of(clients, client));
	peal_clients_stop_ordering(clients, client);
	peal_clients_stop_grouping(clients, client);
	if (client->opens_until_ns <= clients->now_ns) {
		clients->opening &= ~peal_clients_bit_of(clients, client);
	}
	while (cost < PEAL_CLIENT_RECORDS_BURST_MAX && size < PEAL_CLIENT_BYTES_BURST_MAX &&
		peal_shmring_borrow(&client->reader, &record)) {
		enum peal_clients_outcome outcome = take_one(clients, client, &record);

		if (outcome == PEAL_CLIENTS_LATER) {
			peal_shmring_return(&client->reader, &record);
			break;
		}
		if (outcome == PEAL_CLIENTS_VIOLATION) {
			client->reader.is_broken = true;
			break;
		}
		count++;
		cost++;
		size += record.size;
		if (client->loops_count > 0 && size < PEAL_CLIENT_BYTES_BURST_MAX) {
			const struct peal_shmmoved moved = follow(
				clients, client, &record, PEAL_CLIENT_BYTES_BURST_MAX - size);

			count += moved.count;
			cost += moved.count / PEAL_CLIENT_MOVES_A_RECORD;
			size += moved.span;
		}
	}
	if (client->reader.is_broken) {
		peal_clients_end(clients, client, PEAL_CLIENT_END_VIOLATION);
	}
	peal_counter_add(clients->config.counters, PEAL_COUNTER_CLIENT_RECORDS_UP, count);
	if (count > 0) {
		note_turn(clients, peal_clients_place_of(clients, client), count);
	}
	return count;
}
