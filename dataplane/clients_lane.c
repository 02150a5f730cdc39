/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Lanes of loops: when there is one, how far it is, and what both ends are told.
 *
 * What a lane is made of is the door's, which has a thread and may wait; it is asked for one thing
 * at a time. What a client answers is believed of itself only: who lies has no lane, or one that
 * does not work, and its peer the loop, or the end of the channel.
 */
#include "dataplane/channelloop.h"
#include "dataplane/clients_private.h"

#include <string.h>

#define BOTH_ENDS 3U

static uint64_t
bit_of(const struct peal_clients *clients, const struct peal_clients_lane *lane)
{
	return UINT64_C(1) << (lane - clients->room->lanes);
}

/* The client of an end; NULL: it is gone, and another may be in its place. */
static struct peal_client *
client_of(struct peal_clients *clients, const struct peal_clients_lane_end *end)
{
	struct peal_client *client = &clients->room->clients[end->client];

	return (clients->attached & peal_clients_bit_of(clients, client)) != 0 &&
			       client->number == end->number
		       ? client
		       : NULL;
}

static void
write_to(struct peal_clients *clients, const struct peal_clients_lane_end *end,
	enum peal_client_down kind, const void *bytes, uint32_t size)
{
	struct peal_client *client = client_of(clients, end);

	if (client != NULL) {
		peal_clients_write(clients, client, kind, end->tag,
			&(struct peal_clients_bytes){.head = bytes, .head_size = size});
	}
}

/* --- the door --- */

const struct peal_clients_lane_ask *
peal_clients_find_lane_ask(struct peal_clients *clients)
{
	struct peal_clients_lane_ask *ask = &clients->room->lane_ask;

	return atomic_load_explicit(&ask->state, memory_order_acquire) == PEAL_CLIENTS_LANE_ASKED
		       ? ask
		       : NULL;
}

void
peal_clients_answer_lane_ask(struct peal_clients *clients, uint32_t sent_mask)
{
	struct peal_clients_lane_ask *ask = &clients->room->lane_ask;

	PEAL_ASSERT(
		atomic_load_explicit(&ask->state, memory_order_relaxed) == PEAL_CLIENTS_LANE_ASKED);
	PEAL_ASSERT(sent_mask <= BOTH_ENDS);
	ask->sent_mask = sent_mask;
	atomic_store_explicit(&ask->state, PEAL_CLIENTS_LANE_ANSWERED, memory_order_release);
}

/* --- the life of a lane --- */

/* How many lanes these two have with each other. */
static uint32_t
count_pair(const struct peal_clients *clients, const uint32_t places[2])
{
	uint32_t count = 0;

	for (uint32_t i = 0; i < PEAL_LANES_MAX; i++) {
		const struct peal_clients_lane *lane = &clients->room->lanes[i];
		uint32_t first = lane->ends[0].client, second = lane->ends[1].client;

		count += lane->state != PEAL_CLIENTS_LANE_FREE && !lane->is_over &&
			 ((first == places[0] && second == places[1]) ||
				 (first == places[1] && second == places[0]));
	}
	return count;
}

static struct peal_clients_lane *
find_free(struct peal_clients *clients)
{
	for (uint32_t i = 0; i < PEAL_LANES_MAX; i++) {
		if (clients->room->lanes[i].state == PEAL_CLIENTS_LANE_FREE) {
			return &clients->room->lanes[i];
		}
	}
	return NULL;
}

static struct peal_clients_lane_end
end_of(const struct peal_clients *clients, const struct peal_client *client, uint32_t place)
{
	return (struct peal_clients_lane_end){
		.client = (uint8_t)peal_clients_place_of(clients, client),
		.place = (uint8_t)place,
		.tag = peal_clients_tag_of(client, place),
		.number = client->number};
}

void
peal_clients_want_lane(struct peal_clients *clients, struct peal_client *opener,
	struct peal_client *listener, const uint32_t places[2])
{
	struct peal_client *const both[2] = {opener, listener};
	struct peal_clients_lane *lane;

	if (!clients->outside.has_lanes || opener == listener || !opener->can_lane ||
		!listener->can_lane || opener->lanes_count == PEAL_CLIENT_LANES_MAX ||
		listener->lanes_count == PEAL_CLIENT_LANES_MAX) {
		return;
	}
	lane = find_free(clients);
	if (lane == NULL ||
		count_pair(clients, (const uint32_t[2]){peal_clients_place_of(clients, opener),
					    peal_clients_place_of(clients, listener)}) >=
			PEAL_CLIENT_LANES_PAIR_MAX) {
		return;
	}
	*lane = (struct peal_clients_lane){
		.id = ++clients->lanes_made, .state = PEAL_CLIENTS_LANE_WANTED};
	for (uint32_t i = 0; i < 2U; i++) {
		lane->ends[i] = end_of(clients, both[i], places[i]);
		both[i]->channels[places[i]].lane = (uint8_t)(lane - clients->room->lanes + 1);
		both[i]->lanes_count++;
	}
	clients->lanes_due |= bit_of(clients, lane);
}

static void
tell_count(struct peal_clients *clients, const struct peal_clients_lane *lane, int32_t change)
{
	for (uint32_t i = 0; i < 2U; i++) {
		struct peal_client *client = client_of(clients, &lane->ends[i]);

		if (client != NULL) {
			_Atomic uint32_t *count = &client->tally.lanes_count;

			atomic_store_explicit(count,
				atomic_load_explicit(count, memory_order_relaxed) +
					(uint32_t)change,
				memory_order_relaxed);
		}
	}
}

/* The lane will not be used any more, or never. What the door has of it is given back. */
static void
end_lane(struct peal_clients *clients, struct peal_clients_lane *lane)
{
	if (lane->is_over) {
		return;
	}
	lane->is_over = true;
	if (lane->state == PEAL_CLIENTS_LANE_READY) {
		tell_count(clients, lane, -1);
	}
	for (uint32_t i = 0; i < 2U; i++) {
		struct peal_client *client = &clients->room->clients[lane->ends[i].client];

		/* One that has ended has its place until its channels are no more. */
		if (client->number == lane->ends[i].number) {
			client->channels[lane->ends[i].place].lane = 0;
			client->lanes_count--;
		}
	}
	if (lane->state == PEAL_CLIENTS_LANE_WANTED) {
		lane->state = PEAL_CLIENTS_LANE_FREE;
		clients->lanes_due &= ~bit_of(clients, lane);
	} else if (lane->state != PEAL_CLIENTS_LANE_MAKING &&
		   lane->state != PEAL_CLIENTS_LANE_HANDING) {
		lane->state = PEAL_CLIENTS_LANE_ENDING;
		clients->lanes_due |= bit_of(clients, lane);
	}
}

static void
refuse_lane(struct peal_clients *clients, struct peal_clients_lane *lane)
{
	if (!lane->is_over) {
		peal_counter_add(clients->config.counters, PEAL_COUNTER_CLIENT_LANES_REFUSED, 1);
	}
	end_lane(clients, lane);
}

void
peal_clients_leave_lane(struct peal_clients *clients, struct peal_client *client, uint32_t place)
{
	end_lane(clients, &clients->room->lanes[client->channels[place].lane - 1U]);
}

/* --- tasks of the door --- */

/* Whether a lane can be gone on with now: who owes an answer is offered nothing more. */
static bool
is_due_now(struct peal_clients *clients, const struct peal_clients_lane *lane)
{
	for (uint32_t i = 0; i < 2U && lane->state != PEAL_CLIENTS_LANE_ENDING; i++) {
		const struct peal_client *client = client_of(clients, &lane->ends[i]);

		if (client == NULL || client->lane_owed != 0) {
			return false;
		}
	}
	return true;
}

static void
ask(struct peal_clients *clients, struct peal_clients_lane *lane)
{
	struct peal_clients_lane_ask *task = &clients->room->lane_ask;

	switch (lane->state) {
	case PEAL_CLIENTS_LANE_WANTED:
		task->task = PEAL_CLIENTS_LANE_MAKE;
		lane->state = PEAL_CLIENTS_LANE_MAKING;
		break;
	case PEAL_CLIENTS_LANE_MAPPED:
		task->task = PEAL_CLIENTS_LANE_HAND;
		lane->state = PEAL_CLIENTS_LANE_HANDING;
		break;
	default:
		PEAL_ASSERT(lane->state == PEAL_CLIENTS_LANE_ENDING);
		task->task = PEAL_CLIENTS_LANE_RELEASE;
		lane->state = PEAL_CLIENTS_LANE_RELEASING;
		break;
	}
	task->lane = (uint32_t)(lane - clients->room->lanes);
	task->id = lane->id;
	task->clients[0] = lane->ends[0].client;
	task->clients[1] = lane->ends[1].client;
	clients->lanes_due &= ~bit_of(clients, lane);
	clients->is_laning = true;
	atomic_store_explicit(&task->state, PEAL_CLIENTS_LANE_ASKED, memory_order_release);
	clients->outside.tell(clients->outside.state);
}

/* Packets were sent: who got one is told to look, and owes an answer. */
static void
tell_made(struct peal_clients *clients, struct peal_clients_lane *lane, uint32_t sent_mask)
{
	const struct peal_client_lane_made made = {.lane = lane->id,
		.step = lane->state == PEAL_CLIENTS_LANE_MAKING ? PEAL_CLIENT_LANE_OWN
								: PEAL_CLIENT_LANE_OTHERS};

	lane->state = lane->state == PEAL_CLIENTS_LANE_MAKING ? PEAL_CLIENTS_LANE_MADE
							      : PEAL_CLIENTS_LANE_HANDED;
	lane->taken_mask = 0;
	for (uint32_t i = 0; i < 2U; i++) {
		struct peal_client *client = client_of(clients, &lane->ends[i]);

		if ((sent_mask >> i & 1U) != 0 && client != NULL) {
			client->lane_owed = lane->id;
			write_to(clients, &lane->ends[i], PEAL_CLIENT_LANE_MADE, &made,
				sizeof(made));
		}
	}
	if (lane->is_over) {
		lane->state = PEAL_CLIENTS_LANE_ENDING;
		clients->lanes_due |= bit_of(clients, lane);
	} else if (sent_mask != BOTH_ENDS) {
		refuse_lane(clients, lane);
	}
}

static void
take_done(struct peal_clients *clients)
{
	struct peal_clients_lane_ask *task = &clients->room->lane_ask;
	struct peal_clients_lane *lane = &clients->room->lanes[task->lane];

	atomic_store_explicit(&task->state, PEAL_CLIENTS_LANE_ASK_NONE, memory_order_relaxed);
	clients->is_laning = false;
	if (lane->state == PEAL_CLIENTS_LANE_RELEASING) {
		lane->state = PEAL_CLIENTS_LANE_FREE;
		return;
	}
	tell_made(clients, lane, task->sent_mask);
}

void
peal_clients_run_lanes(struct peal_clients *clients)
{
	if (atomic_load_explicit(&clients->room->lane_ask.state, memory_order_acquire) ==
		PEAL_CLIENTS_LANE_ANSWERED) {
		take_done(clients);
	}
	for (uint64_t left = clients->lanes_due; left != 0 && !clients->is_laning;
		left &= left - 1U) {
		struct peal_clients_lane *lane = &clients->room->lanes[__builtin_ctzll(left)];

		if (is_due_now(clients, lane)) {
			ask(clients, lane);
		}
	}
}

/* --- what clients say --- */

static void
make_ready(struct peal_clients *clients, struct peal_clients_lane *lane)
{
	lane->state = PEAL_CLIENTS_LANE_READY;
	tell_count(clients, lane, 1);
	peal_counter_add(clients->config.counters, PEAL_COUNTER_CLIENT_LANES_READY, 1);
	for (uint32_t i = 0; i < 2U; i++) {
		write_to(clients, &lane->ends[i], PEAL_CLIENT_LANE_READY, NULL, 0);
	}
}

/* An end of a lane that waits for answers has all of this step. */
static void
note_taken(struct peal_clients *clients, struct peal_clients_lane *lane,
	const struct peal_client *client)
{
	uint32_t place = peal_clients_place_of(clients, client);

	lane->taken_mask |= lane->ends[0].client == place ? 1U : 2U;
	if (lane->taken_mask != BOTH_ENDS) {
		return;
	}
	if (lane->state == PEAL_CLIENTS_LANE_MADE) {
		lane->state = PEAL_CLIENTS_LANE_MAPPED;
		clients->lanes_due |= bit_of(clients, lane);
	} else {
		make_ready(clients, lane);
	}
}

enum peal_clients_outcome
peal_clients_take_lane(struct peal_clients *clients, struct peal_client *client,
	const struct peal_shmring_record *record)
{
	struct peal_client_lane_taken taken;

	if (record->size != sizeof(taken)) {
		return PEAL_CLIENTS_VIOLATION;
	}
	memcpy(&taken, record->bytes, sizeof(taken));
	if (taken.lane == 0 || taken.lane != client->lane_owed) {
		return PEAL_CLIENTS_VIOLATION;
	}
	client->lane_owed = 0;
	for (uint32_t i = 0; i < PEAL_LANES_MAX; i++) {
		struct peal_clients_lane *lane = &clients->room->lanes[i];

		/* It may be over by now. */
		if (lane->id != taken.lane || (lane->state != PEAL_CLIENTS_LANE_MADE &&
						      lane->state != PEAL_CLIENTS_LANE_HANDED)) {
			continue;
		}
		if (taken.is_refused != 0) {
			refuse_lane(clients, lane);
		} else {
			note_taken(clients, lane, client);
		}
	}
	return PEAL_CLIENTS_TAKEN;
}

void
peal_clients_tell_lane_use(struct peal_clients *clients, struct peal_client_channel *channel)
{
	const struct peal_clients_owner *owner;
	struct peal_client *other;

	if (channel->lane_use != PEAL_CLIENTS_LANE_USE_DUE) {
		return;
	}
	channel->lane_use = PEAL_CLIENTS_LANE_IN_USE;
	owner = &clients->owners[channel->other];
	other = &clients->room->clients[owner->client - 1U];
	peal_clients_write(clients, other, PEAL_CLIENT_LANE_USED,
		peal_clients_tag_of(other, owner->place),
		&(struct peal_clients_bytes){.head_size = 0});
}

/* What it said before may wait for room in the ring of the other end. */
enum peal_clients_outcome
peal_clients_use_lane(struct peal_clients *clients, struct peal_client *client,
	struct peal_client_channel *channel)
{
	struct peal_channels *channels = clients->config.channels;

	(void)client;
	if (channel->other == PEAL_CHANNEL_NONE || channel->lane == 0 ||
		clients->room->lanes[channel->lane - 1U].state != PEAL_CLIENTS_LANE_READY ||
		channel->lane_use != PEAL_CLIENTS_LANE_UNUSED ||
		!peal_channelloop_is_open(channels, channel->index)) {
		return PEAL_CLIENTS_VIOLATION;
	}
	channel->lane_use = PEAL_CLIENTS_LANE_USE_DUE;
	const struct peal_sendqueue *queue = peal_channelloop_queue(channels, channel->index);

	if (queue->head == queue->tail) {
		peal_clients_tell_lane_use(clients, channel);
	}
	return PEAL_CLIENTS_TAKEN;
}

enum peal_clients_outcome
peal_clients_break_lane(struct peal_clients *clients, struct peal_client_channel *channel)
{
	/* The lane may have come to nothing while this was on its way. */
	if (channel->other == PEAL_CHANNEL_NONE) {
		return PEAL_CLIENTS_VIOLATION;
	}
	peal_counter_add(clients->config.counters, PEAL_COUNTER_CLIENT_LANES_BROKEN, 1);
	peal_channelloop_end(clients->config.channels, channel->index, channel->other,
		PEAL_CHANNEL_REASON_PROTOCOL);
	return PEAL_CLIENTS_TAKEN;
}
