/* SPDX-License-Identifier: BSD-3-Clause */
#include "dataplane/channelloop.h"
#include "dataplane/clients_private.h"

/* Loops fill this part of a ring down and no more, so that what cannot be refused has room. */
#define FILL_PARTS 2U

/* Of one queue, before it is the next one's turn; and of all queues for one client, in a turn. */
#define PIECE_SIZE 16384U
#define DRAIN_SIZE PEAL_CLIENT_BYTES_BURST_MAX

/* One direction of a loop. */
struct way {
	uint16_t index; /* of the end that says it */
	uint16_t other;
	struct peal_client *client; /* who hears it, */
	uint32_t place;             /* and under which of its places */
};

static struct way
way_from(struct peal_clients *clients, const struct peal_client_channel *channel)
{
	const struct peal_clients_owner *owner = &clients->owners[channel->other];

	PEAL_ASSERT(owner->client != 0);
	return (struct way){.index = channel->index,
		.other = channel->other,
		.client = &clients->room->clients[owner->client - 1U],
		.place = owner->place};
}

static bool
is_attached(const struct peal_clients *clients, const struct peal_client *client)
{
	return (clients->attached & peal_clients_bit_of(clients, client)) != 0;
}

/* Bytes of its ring that loops may fill now. The reader's line is read when it seems behind. */
static uint64_t
find_room(struct peal_client *client, uint64_t wanted)
{
	uint64_t part = client->writer.memory.capacity / FILL_PARTS;
	uint64_t waiting = client->writer.tail - client->writer.head;

	if (waiting + wanted > part) {
		waiting = client->writer.memory.capacity - peal_shmring_free_size(&client->writer);
	}
	return waiting < part ? part - waiting : 0;
}

static void
count_delivered(struct peal_client *client, uint64_t count, uint64_t size)
{
	peal_clients_count(&client->tally.delivered_count, count);
	peal_clients_count(&client->tally.delivered_size, size);
}

static bool
is_owed(const struct peal_client *client)
{
	return (client->owed[0] | client->owed[1]) != 0;
}

/* After something that waited for room was written, or given up. */
static void
settle_owed(struct peal_clients *clients, struct peal_client *client)
{
	uint64_t bit = peal_clients_bit_of(clients, client);

	if ((clients->owing & bit) != 0 && !is_owed(client)) {
		clients->owing &= ~bit;
		peal_clients_tell_waiting(clients, client);
	}
}

/* --- beginning and end --- */

static void
join(struct peal_clients *clients, struct peal_client *client, uint32_t place,
	const uint16_t ends[2])
{
	peal_clients_own(clients, client, place, ends[0]);
	client->channels[place].other = ends[1];
	client->channels[place].lane = 0;
	client->channels[place].lane_use = PEAL_CLIENTS_LANE_UNUSED;
	client->loops_count++;
}

static void
refuse(struct peal_clients *clients, struct peal_client *client, uint16_t tag,
	enum peal_channel_reason reason)
{
	const struct peal_client_ended ended = {.reason = (uint32_t)reason};

	peal_clients_write(clients, client, PEAL_CLIENT_ENDED, tag,
		&(struct peal_clients_bytes){.head = &ended, .head_size = sizeof(ended)});
}

enum peal_channel_result
peal_clients_open_loop(
	struct peal_clients *clients, struct peal_client *client, uint16_t tag, uint16_t number)
{
	struct peal_channels *channels = clients->config.channels;
	const struct peal_client_open opened = {.mid = channels->self_mid, .number = number};
	struct peal_client *server = peal_clients_find_listener(clients, number);
	uint32_t place = server == NULL ? 0 : peal_clients_find_place(server);
	enum peal_channel_result result;
	uint16_t ends[2];

	/* As other members answer. */
	if (server == NULL || place == PEAL_CLIENT_CHANNELS_MAX) {
		refuse(clients, client, tag,
			server == NULL ? PEAL_CHANNEL_REASON_UNKNOWN : PEAL_CHANNEL_REASON_FULL);
		return PEAL_CHANNEL_OK;
	}
	result = peal_channelloop_open(channels, number, ends);
	if (result != PEAL_CHANNEL_OK) {
		return result;
	}
	join(clients, client, PEAL_CLIENT_TAG_PLACE(tag), ends);
	server->channels[place].life = (server->channels[place].life + 1U) & 0x1FFU;
	join(clients, server, place, (const uint16_t[2]){ends[1], ends[0]});
	peal_clients_write(clients, server, PEAL_CLIENT_OPENED, peal_clients_tag_of(server, place),
		&(struct peal_clients_bytes){.head = &opened, .head_size = sizeof(opened)});
	peal_clients_want_lane(
		clients, client, server, (const uint32_t[2]){PEAL_CLIENT_TAG_PLACE(tag), place});
	return PEAL_CHANNEL_OK;
}

void
peal_clients_leave_loop(struct peal_clients *clients, struct peal_client *client, uint32_t place)
{
	if (client->channels[place].lane != 0) {
		peal_clients_leave_lane(clients, client, place);
	}
	client->channels[place].other = PEAL_CHANNEL_NONE;
	client->loops_count--;
	client->owed[place / 64U] &= ~(UINT64_C(1) << place % 64U);
	settle_owed(clients, client);
}

void
peal_clients_reset_channel(struct peal_clients *clients, const struct peal_client_channel *channel)
{
	if (channel->other != PEAL_CHANNEL_NONE) {
		peal_channelloop_end(clients->config.channels, channel->index, channel->other,
			PEAL_CHANNEL_REASON_CLOSED);
	} else {
		peal_channels_reset(clients->config.channels, channel->index);
	}
}

void
peal_clients_close_channel(struct peal_clients *clients, const struct peal_client_channel *channel)
{
	if (channel->other != PEAL_CHANNEL_NONE) {
		peal_channelloop_close(clients->config.channels, channel->index, channel->other);
	} else {
		(void)peal_channels_close(clients->config.channels, channel->index);
	}
}

/* --- messages --- */

/* Nothing waits for room in the ring of who hears it, of this loop or of others. */
static bool
is_clear(const struct peal_clients *clients, const struct way *way)
{
	return is_attached(clients, way->client) && !is_owed(way->client);
}

static void
write_message(struct peal_clients *clients, const struct way *way,
	const struct peal_shmring_record *record)
{
	peal_clients_write(clients, way->client, PEAL_CLIENT_DELIVER,
		peal_clients_tag_of(way->client, way->place),
		&(struct peal_clients_bytes){.body = record->bytes, .body_size = record->size});
	count_delivered(way->client, 1, record->size);
}

bool
peal_clients_send_to_loop(struct peal_clients *clients, struct peal_client *client,
	struct peal_client_channel *channel, const struct peal_shmring_record *record)
{
	struct peal_channels *channels = clients->config.channels;
	const struct way way = way_from(clients, channel);
	uint64_t span = peal_shmring_span(record->size);

	if (!peal_channelloop_is_open(channels, channel->index)) {
		return true;
	}
	/* It would come to the other end before what went over the lane. */
	if (channel->lane_use != PEAL_CLIENTS_LANE_UNUSED) {
		return false;
	}
	if (is_clear(clients, &way) && find_room(way.client, span) >= span) {
		write_message(clients, &way, record);
		peal_channelloop_pass(channels, way.index, 1, span);
	} else if (peal_channelloop_put(channels, way.index, record->bytes, record->size)) {
		way.client->owed[way.place / 64U] |= UINT64_C(1) << way.place % 64U;
		clients->owing |= peal_clients_bit_of(clients, way.client);
	} else {
		return false;
	}
	channel->accepted_count++;
	peal_clients_count(&client->tally.sent_count, 1);
	peal_clients_count(&client->tally.sent_size, record->size);
	return true;
}

struct peal_shmmoved
peal_clients_follow(struct peal_clients *clients, struct peal_client *client,
	struct peal_client_channel *channel, uint32_t count_max, uint64_t span_max)
{
	struct peal_channels *channels = clients->config.channels;
	const struct way way = way_from(clients, channel);
	struct peal_shmmove what = {.from_kind = PEAL_CLIENT_SEND,
		.from_tag = peal_clients_tag_of(client, (uint32_t)(channel - client->channels)),
		.to_kind = PEAL_CLIENT_DELIVER,
		.to_tag = peal_clients_tag_of(way.client, way.place),
		.size_max = PEAL_CLIENT_MESSAGE_SIZE_MAX,
		.count_max = count_max};
	struct peal_shmmoved moved = {.count = 0};
	uint64_t room;

	if (!peal_channelloop_is_open(channels, channel->index) || !is_clear(clients, &way) ||
		channel->lane_use != PEAL_CLIENTS_LANE_UNUSED) {
		return moved;
	}
	room = find_room(way.client, span_max);
	what.span_max = room < span_max ? room : span_max;
	moved = peal_shmmove_run(&client->reader, &way.client->writer, &what);
	if (moved.count == 0) {
		return moved;
	}
	peal_channelloop_pass(channels, way.index, moved.count, moved.span);
	channel->accepted_count += moved.count;
	count_delivered(way.client, moved.count, moved.size);
	peal_clients_count(&client->tally.sent_count, moved.count);
	peal_clients_count(&client->tally.sent_size, moved.size);
	peal_counter_add(clients->config.counters, PEAL_COUNTER_CLIENT_RECORDS_DOWN, moved.count);
	return moved;
}

/* --- what waits for room --- */

/* The next place for which something waits, after the last one that had its turn. */
static uint32_t
next_owed(const struct peal_client *client)
{
	for (uint32_t i = 1;; i++) {
		uint32_t place = (client->owed_at + i) % PEAL_CLIENT_CHANNELS_MAX;

		if ((client->owed[place / 64U] >> place % 64U & 1U) != 0) {
			return place;
		}
	}
}

/* The oldest message of a queue. False: the client cannot take it, and ends. */
static bool
write_oldest(struct peal_clients *clients, const struct way *way,
	const struct peal_sendqueue *queue, const struct peal_sendqueue_entry *entry)
{
	struct peal_client *client = way->client;
	uint8_t *room = peal_shmring_claim(&client->writer, entry->size);

	/* There was room, so its reader lies. */
	if (room == NULL) {
		peal_clients_end(clients, client, PEAL_CLIENT_END_VIOLATION);
		return false;
	}
	peal_sendqueue_read(queue, queue->tail, entry, 0, room, entry->size);
	peal_shmring_commit(&client->writer, PEAL_CLIENT_DELIVER,
		peal_clients_tag_of(client, way->place), entry->size);
	peal_counter_add(clients->config.counters, PEAL_COUNTER_CLIENT_RECORDS_DOWN, 1);
	count_delivered(client, 1, entry->size);
	return true;
}

/* A piece of one queue. Returns the messages; `span_max` is what there is room for. */
static uint32_t
drain(struct peal_clients *clients, const struct way *way, uint64_t span_max)
{
	struct peal_channels *channels = clients->config.channels;
	const struct peal_sendqueue *queue = peal_channelloop_queue(channels, way->index);
	uint64_t end = queue->tail + (span_max < PIECE_SIZE ? span_max : PIECE_SIZE);
	uint32_t count = 0;

	while (queue->tail != queue->head) {
		struct peal_sendqueue_entry entry = peal_sendqueue_at(queue, queue->tail);

		/* One is a piece, however large it is. */
		if ((entry.next > end && (count > 0 || entry.next - queue->tail > span_max)) ||
			!write_oldest(clients, way, queue, &entry)) {
			break;
		}
		peal_channelloop_take(channels, way->index);
		count++;
	}
	return count;
}

uint32_t
peal_clients_drain(struct peal_clients *clients, struct peal_client *client)
{
	uint64_t from = client->writer.tail;
	uint32_t count = 0;

	while (is_owed(client) && is_attached(clients, client) &&
		client->writer.tail - from < DRAIN_SIZE) {
		uint32_t place = next_owed(client);
		const struct peal_client_channel *channel = &client->channels[place];
		const struct way way = {.index = channel->other,
			.other = channel->index,
			.client = client,
			.place = place};
		const struct peal_sendqueue *queue =
			peal_channelloop_queue(clients->config.channels, way.index);
		uint32_t drained_count = drain(clients, &way, find_room(client, PIECE_SIZE));

		count += drained_count;
		client->owed_at = drained_count > 0 ? (uint8_t)place : client->owed_at;
		if (queue->head == queue->tail) {
			client->owed[place / 64U] &= ~(UINT64_C(1) << place % 64U);
			if (channel->lane != 0) {
				const struct peal_clients_owner *owner =
					&clients->owners[way.index];

				peal_clients_tell_lane_use(
					clients, &clients->room->clients[owner->client - 1U]
							  .channels[owner->place]);
			}
			peal_channelloop_settle(clients->config.channels, way.index, way.other);
		} else if (drained_count == 0) {
			/* The core may sleep: it is rung for room. */
			peal_clients_tell_waiting(clients, client);
			return count;
		}
	}
	settle_owed(clients, client);
	return count;
}
