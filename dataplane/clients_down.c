/* SPDX-License-Identifier: BSD-3-Clause */
#include "base/museum.h"
#include "dataplane/clients_private.h"

#include <string.h>

/* Above this part of its ring that waits to be read, peers of a client are granted nothing more. */
#define WAITING_PARTS 4U

/* --- writing --- */

void
peal_clients_write(struct peal_clients *clients, struct peal_client *client,
	enum peal_client_down kind, uint16_t tag, const struct peal_clients_bytes *bytes)
{
	uint32_t size = bytes->head_size + bytes->body_size;
	uint8_t *room;

	/* While it ends nobody reads. */
	if ((clients->attached & peal_clients_bit_of(clients, client)) == 0) {
		return;
	}
	room = peal_shmring_claim(&client->writer, size);
	if (room == NULL) {
		peal_clients_end(clients, client,
			client->writer.is_broken ? PEAL_CLIENT_END_VIOLATION
						 : PEAL_CLIENT_END_SLOW);
		return;
	}
	if (bytes->head_size > 0) {
		memcpy(room, bytes->head, bytes->head_size);
	}
	if (bytes->body_size > 0) {
		memcpy(room + bytes->head_size, bytes->body, bytes->body_size);
	}
	peal_shmring_commit(&client->writer, (uint16_t)kind, tag, size);
	peal_counter_add(clients->config.counters, PEAL_COUNTER_CLIENT_RECORDS_DOWN, 1);
}

/* --- channels --- */

void
peal_clients_own(
	struct peal_clients *clients, struct peal_client *client, uint32_t place, uint16_t index)
{
	struct peal_client_channel *channel = &client->channels[place];

	PEAL_ASSERT(channel->index == PEAL_CHANNEL_NONE);
	channel->index = index;
	channel->other = PEAL_CHANNEL_NONE;
	channel->accepted_count = 0;
	client->busy[place / 64U] |= UINT64_C(1) << place % 64U;
	client->channels_count++;
	peal_clients_tell_channels(client);
	clients->owners[index] = (struct peal_clients_owner){
		.client = (uint8_t)(peal_clients_place_of(clients, client) + 1U),
		.place = (uint8_t)place};
	atomic_store_explicit(&client->down->released[place], 0, memory_order_relaxed);
	/* The share of each has changed: all are granted anew. */
	client->room = UINT16_MAX;
	peal_clients_adjust_room(clients, client, clients->now_ns);
}

void
peal_clients_adjust_room(struct peal_clients *clients, struct peal_client *client, uint64_t now_ns)
{
	uint64_t capacity = client->writer.memory.capacity;
	uint64_t waiting = client->writer.tail - client->writer.head;
	uint16_t room = 0;

	if (client->channels_count == 0) {
		return;
	}
	/* The reader's line is read only when it seems to be behind. */
	if (waiting > capacity / WAITING_PARTS) {
		waiting = capacity - peal_shmring_free_size(&client->writer);
	}
	if (waiting <= capacity / WAITING_PARTS) {
		uint32_t share = PEAL_CLIENT_FRAMES_MAX / client->channels_count;

		room = (uint16_t)(share < PEAL_CHANNEL_WINDOW ? share : PEAL_CHANNEL_WINDOW);
	}
	if (room == client->room) {
		if (__builtin_expect(room == 0, 0)) {
			/* More may stand in the ring than when it was told last. */
			peal_clients_tell_waiting(clients, client);
		}
		return;
	}
	client->room = room;
	peal_clients_tell_waiting(clients, client);
	for (uint32_t i = 0; i < PEAL_CLIENT_CHANNELS_MAX / 64U; i++) {
		for (uint64_t left = client->busy[i]; left != 0; left &= left - 1U) {
			uint32_t place = i * 64U + (uint32_t)__builtin_ctzll(left);

			peal_channels_grant(clients->config.channels, client->channels[place].index,
				room, now_ns);
		}
	}
}

struct peal_client *
peal_clients_find_listener(struct peal_clients *clients, uint16_t number)
{
	number = peal_clients_block_of(number);
	for (uint64_t left = clients->attached; left != 0; left &= left - 1U) {
		struct peal_client *client = &clients->room->clients[__builtin_ctzll(left)];

		for (uint32_t i = 0; i < client->listens_count; i++) {
			if (client->listens[i] == number) {
				return client;
			}
		}
	}
	return NULL;
}

uint32_t
peal_clients_find_place(const struct peal_client *client)
{
	for (uint32_t place = PEAL_CLIENT_PLACES_OWN; place < PEAL_CLIENT_CHANNELS_MAX; place++) {
		if (client->channels[place].index == PEAL_CHANNEL_NONE) {
			return place;
		}
	}
	return PEAL_CLIENT_CHANNELS_MAX;
}

static bool
accepts(void *state, uint64_t mid, uint16_t number)
{
	struct peal_clients *clients = state;
	struct peal_client *client;

	if (number >= PEAL_LOAD_CHANNELS_LOWER) {
		return clients->load_channels.accepts(clients->load_channels.state, mid, number);
	}
	client = peal_clients_find_listener(clients, number);
	return client != NULL && peal_clients_find_place(client) < PEAL_CLIENT_CHANNELS_MAX;
}

static void
on_opened(void *state, uint16_t index, uint64_t mid, uint16_t number)
{
	struct peal_clients *clients = state;
	const struct peal_client_open opened = {.mid = mid, .number = number};
	struct peal_client *client;
	uint32_t place;

	if (number >= PEAL_LOAD_CHANNELS_LOWER) {
		clients->load_channels.opened(clients->load_channels.state, index, mid, number);
		return;
	}
	client = peal_clients_find_listener(clients, number);
	PEAL_ASSERT(client != NULL);
	place = peal_clients_find_place(client);
	PEAL_ASSERT(place < PEAL_CLIENT_CHANNELS_MAX);
	client->channels[place].life = (client->channels[place].life + 1U) & 0x1FFU;
	peal_clients_own(clients, client, place, index);
	peal_clients_write(clients, client, PEAL_CLIENT_OPENED, peal_clients_tag_of(client, place),
		&(struct peal_clients_bytes){.head = &opened, .head_size = sizeof(opened)});
}

/* A message is counted with its last part; what did not fit any more, not at all. */
void
peal_clients_count_delivered(const struct peal_clients *clients, struct peal_client *client,
	uint32_t size, const struct peal_delivery *delivery)
{
	bool is_last = delivery->offset + delivery->size == delivery->message_size;

	if ((clients->attached & peal_clients_bit_of(clients, client)) != 0) {
		peal_clients_count(&client->tally.delivered_count, is_last ? 1 : 0);
		peal_clients_count(&client->tally.delivered_size, size);
	}
}

/* NULL: the channel is load's. */
static struct peal_client *
owner_of(struct peal_clients *clients, uint16_t index)
{
	uint8_t owner = clients->owners[index].client;

	return owner == 0 ? NULL : &clients->room->clients[owner - 1U];
}

static void
on_delivered(void *state, uint16_t index, const struct peal_delivery *delivery)
{
	struct peal_clients *clients = state;
	struct peal_client *client = owner_of(clients, index);
	const struct peal_client_part part = {
		.message_size = delivery->message_size, .offset = delivery->offset};
	struct peal_clients_bytes bytes = {.body = delivery->bytes, .body_size = delivery->size};
	enum peal_client_down kind = PEAL_CLIENT_DELIVER;

	if (client == NULL) {
		clients->load_channels.deliver(clients->load_channels.state, index, delivery);
		return;
	}
	if (delivery->size != delivery->message_size) {
		kind = PEAL_CLIENT_DELIVER_PART;
		bytes.head = &part;
		bytes.head_size = sizeof(part);
	}
	peal_clients_write(clients, client, kind,
		peal_clients_tag_of(client, clients->owners[index].place), &bytes);
	peal_clients_count_delivered(clients, client, delivery->size, delivery);
}

static void
on_finished(void *state, uint16_t index)
{
	struct peal_clients *clients = state;
	struct peal_client *client = owner_of(clients, index);

	if (client == NULL) {
		clients->load_channels.finished(clients->load_channels.state, index);
		return;
	}
	peal_clients_write(clients, client, PEAL_CLIENT_FINISHED,
		peal_clients_tag_of(client, clients->owners[index].place),
		&(struct peal_clients_bytes){.head_size = 0});
}

static void
on_ended(void *state, uint16_t index, enum peal_channel_reason reason, uint64_t lost_count)
{
	struct peal_clients *clients = state;
	struct peal_client *client = owner_of(clients, index);
	uint32_t place = clients->owners[index].place;

	if (client == NULL) {
		clients->load_channels.ended(
			clients->load_channels.state, index, reason, lost_count);
		return;
	}
	const struct peal_client_ended ended = {.reason = (uint32_t)reason,
		.accepted_count = client->channels[place].accepted_count,
		.lost_count = lost_count};
	uint16_t tag = peal_clients_tag_of(client, place);

	if (client->channels[place].other != PEAL_CHANNEL_NONE) {
		peal_clients_leave_loop(clients, client, place);
	}
	client->channels[place].index = PEAL_CHANNEL_NONE;
	client->busy[place / 64U] &= ~(UINT64_C(1) << place % 64U);
	client->channels_count--;
	peal_clients_tell_channels(client);
	clients->owners[index] = (struct peal_clients_owner){.client = 0};
	peal_clients_write(clients, client, PEAL_CLIENT_ENDED, tag,
		&(struct peal_clients_bytes){.head = &ended, .head_size = sizeof(ended)});
}

static void
on_release(void *state, uint16_t index, uint64_t token)
{
	struct peal_clients *clients = state;

	/* Clients lend nothing. */
	clients->load_channels.release(clients->load_channels.state, index, token);
}

struct peal_channel_user
peal_clients_channel_user(struct peal_clients *clients)
{
	return (struct peal_channel_user){.accepts = accepts,
		.opened = on_opened,
		.deliver = on_delivered,
		.finished = on_finished,
		.ended = on_ended,
		.release = on_release,
		.state = clients};
}

/* --- broadcast --- */

/*
 * Whether the message that this is a part of is of clients; remembered from its first part on, at a
 * place that `place_out` gets: PEAL_DIRECT_MAX when it is whole.
 */
static bool
is_of_clients(struct peal_clients *clients, uint32_t origin, const struct peal_delivery *delivery,
	uint32_t *place_out)
{
	static const uint8_t prefix[PEAL_CLIENTS_PREFIX_SIZE];
	bool is_ours = delivery->size >= sizeof(prefix) &&
		       memcmp(delivery->bytes, prefix, sizeof(prefix)) == 0;
	uint32_t spare = PEAL_DIRECT_MAX;

	*place_out = PEAL_DIRECT_MAX;
	if (delivery->offset == 0 && delivery->size == delivery->message_size) {
		return is_ours;
	}
	for (uint32_t i = 0; i < PEAL_DIRECT_MAX; i++) {
		if (clients->app_origins[i] == origin) {
			spare = i;
			break;
		}
		if (spare == PEAL_DIRECT_MAX && clients->app_origins[i] == 0) {
			spare = i;
		}
	}
	*place_out = spare;
	if (spare == PEAL_DIRECT_MAX) {
		return false;
	}
	if (delivery->offset == 0) {
		clients->app_origins[spare] = is_ours ? origin : 0;
		return is_ours;
	}
	is_ours = clients->app_origins[spare] == origin;
	/* In a large view any number of members send in parts, one after the other. */
	if (is_ours && delivery->offset + delivery->size == delivery->message_size) {
		clients->app_origins[spare] = 0;
	}
	return is_ours;
}

/* Whether a client hears this part: not what is sent before it has the view, and not the rest of a
 * message whose beginning it did not hear. */
static bool
hears(struct peal_client *client, const struct peal_delivery *delivery, uint32_t place)
{
	bool is_hearing = client->is_hearing && !client->is_shown_due;
	uint64_t bit = place < PEAL_DIRECT_MAX ? UINT64_C(1) << place : 0;

	if (delivery->offset == 0) {
		client->begun = is_hearing ? client->begun | bit : client->begun & ~bit;
		return is_hearing;
	}
	return is_hearing && ((client->begun & bit) != 0 || PEAL_BUG(HEARD_FROM_THE_MIDDLE));
}

/* The message that begins with this part is not one of clients to all. */
static void
forget_origin(struct peal_clients *clients, uint32_t origin, const struct peal_delivery *delivery)
{
	bool begins = delivery->offset == 0 && delivery->size != delivery->message_size;

	for (uint32_t i = 0; begins && i < PEAL_DIRECT_MAX; i++) {
		if (clients->app_origins[i] == origin) {
			clients->app_origins[i] = 0;
		}
	}
}

static void
on_cast(void *state, uint32_t origin, const struct peal_delivery *delivery)
{
	struct peal_clients *clients = state;
	bool is_whole = delivery->size == delivery->message_size;
	uint32_t skipped = delivery->offset == 0 ? PEAL_CLIENTS_PREFIX_SIZE : 0, place;
	struct {
		uint64_t origin;
		struct peal_client_part part;
	} head = {.origin = origin};

	if (peal_clients_take_value(clients, origin, delivery)) {
		return;
	}
	if (clients->config.orders != NULL &&
		peal_orders_on_cast(clients->config.orders, origin, delivery)) {
		forget_origin(clients, origin, delivery);
		return;
	}
	if (peal_procgroups_on_cast(clients->config.groups, origin, delivery)) {
		forget_origin(clients, origin, delivery);
		return;
	}
	if (!is_of_clients(clients, origin, delivery, &place)) {
		clients->load_cast.deliver(clients->load_cast.state, origin, delivery);
		return;
	}
	head.part.message_size = delivery->message_size - PEAL_CLIENTS_PREFIX_SIZE;
	head.part.offset = delivery->offset + skipped - PEAL_CLIENTS_PREFIX_SIZE;
	const struct peal_clients_bytes bytes = {
		.head = &head,
		.head_size = is_whole ? sizeof(head.origin) : sizeof(head),
		.body = delivery->bytes + skipped,
		.body_size = delivery->size - skipped,
	};

	for (uint64_t left = clients->attached; left != 0; left &= left - 1U) {
		struct peal_client *client = &clients->room->clients[__builtin_ctzll(left)];

		if (hears(client, delivery, place)) {
			peal_clients_write(clients, client,
				is_whole ? PEAL_CLIENT_HEARD : PEAL_CLIENT_HEARD_PART, 0, &bytes);
			peal_clients_count_delivered(clients, client, bytes.body_size, delivery);
			if (client->may_hold) {
				peal_clients_hold_if_short(clients, client);
			}
		}
	}
}

static void
on_cast_view(void *state, uint64_t epoch, uint32_t view_tag)
{
	struct peal_clients *clients = state;

	peal_clients_on_view(state, epoch, view_tag);
	peal_procgroups_on_view(clients->config.groups, epoch);
	if (clients->config.orders != NULL) {
		peal_orders_on_cast_view(clients->config.orders);
	}
}

/* Nobody counts whose of them they were: so many of its own at most. */
static void
tell_casts_lost(struct peal_clients *clients, uint64_t lost_count)
{
	for (uint64_t left = lost_count > 0 ? clients->attached : 0; left != 0; left &= left - 1U) {
		struct peal_client *client = &clients->room->clients[__builtin_ctzll(left)];

		if (client->casts_count > 0) {
			peal_clients_write(clients, client, PEAL_CLIENT_CAST_LOST, 0,
				&(struct peal_clients_bytes){
					.head = &lost_count, .head_size = sizeof(lost_count)});
		}
	}
}

static void
on_cast_ended(void *state, uint64_t lost_count)
{
	struct peal_clients *clients = state;

	clients->load_cast.ended(clients->load_cast.state, lost_count);
	tell_casts_lost(clients, lost_count);
	peal_clients_show_none(clients);
}

static void
on_cast_dropped(void *state, uint64_t count)
{
	struct peal_clients *clients = state;

	clients->load_cast.dropped(clients->load_cast.state, count);
	tell_casts_lost(clients, count);
}

static void
on_cast_release(void *state, uint64_t token)
{
	struct peal_clients *clients = state;

	clients->load_cast.release(clients->load_cast.state, token);
}

struct peal_cast_user
peal_clients_cast_user(struct peal_clients *clients)
{
	return (struct peal_cast_user){.deliver = on_cast,
		.view = on_cast_view,
		.ended = on_cast_ended,
		.release = on_cast_release,
		.dropped = on_cast_dropped,
		.state = clients};
}
