/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Process groups of clients: their records, and what they are told.
 */
#include "dataplane/clients_private.h"

#include <string.h>

_Static_assert(sizeof(struct peal_procgroup_change) == sizeof(struct peal_client_group_change),
	"changes are written as they come");

static void
tell_ended(struct peal_clients *clients, struct peal_client *client, uint16_t tag,
	enum peal_client_group_end reason)
{
	uint32_t place = PEAL_CLIENT_TAG_PLACE(tag);
	uint16_t seat = client->groups[place].seat;
	/* What is not back from an order group may never be. */
	uint64_t away_count = seat != PEAL_PROCGROUPS_NO_SEAT
				      ? peal_procgroups_away_count(clients->config.groups, seat)
				      : 0;
	const struct peal_client_group_ended ended = {.reason = (uint32_t)reason,
		.accepted_count = client->groups[place].accepted_count - away_count};

	client->groups[place].seat = PEAL_PROCGROUPS_NO_SEAT;
	peal_clients_write(clients, client, PEAL_CLIENT_GROUP_ENDED, tag,
		&(struct peal_clients_bytes){.head = &ended, .head_size = sizeof(ended)});
}

/* --- what a client says --- */

enum peal_clients_outcome
peal_clients_join_group(struct peal_clients *clients, struct peal_client *client,
	const struct peal_shmring_record *record)
{
	static const enum peal_client_group_end ends[] = {
		[PEAL_PROCGROUPS_NOT_IN_VIEW] = PEAL_CLIENT_GROUP_REMOVED,
		[PEAL_PROCGROUPS_TOO_MANY] = PEAL_CLIENT_GROUP_TOO_MANY,
		[PEAL_PROCGROUPS_IN_USE] = PEAL_CLIENT_GROUP_IN_USE,
		[PEAL_PROCGROUPS_NOT_SUPPORTED] = PEAL_CLIENT_GROUP_NOT_SUPPORTED,
		[PEAL_PROCGROUPS_NO_ORDER] = PEAL_CLIENT_GROUP_NO_ORDER,
	};
	struct peal_procgroups_client seat = {.client = client->number,
		.owner = peal_clients_place_of(clients, client),
		.tag = record->tag};
	uint32_t place = PEAL_CLIENT_TAG_PLACE(record->tag);
	struct peal_client_group_join request;
	struct peal_procgroup_name name = {.size = 0};
	enum peal_procgroups_result result;

	if (record->size <= sizeof(request) ||
		record->size - sizeof(request) > PEAL_PROCGROUP_NAME_SIZE_MAX ||
		place >= PEAL_CLIENT_GROUPS_MAX ||
		client->groups[place].seat != PEAL_PROCGROUPS_NO_SEAT) {
		return PEAL_CLIENTS_VIOLATION;
	}
	memcpy(&request, record->bytes, sizeof(request));
	name.size = (uint8_t)(record->size - sizeof(request));
	memcpy(name.bytes, record->bytes + sizeof(request), name.size);
	if (!peal_procgroup_name_is_good(name.bytes, name.size) || request.order > 1U ||
		(request.order == 0 && request.group != 0)) {
		return PEAL_CLIENTS_VIOLATION;
	}
	seat.is_total = request.order == 1U;
	seat.order = request.group;
	client->groups[place] = (struct peal_client_group){
		.life = (uint16_t)(record->tag >> 7), .seat = PEAL_PROCGROUPS_NO_SEAT};
	if (!peal_clientrights_may_join(client->rights, &name) ||
		(seat.is_total && (client->rights->acts & PEAL_CLIENT_MAY_ORDERS) == 0)) {
		peal_counter_add(clients->config.counters, PEAL_COUNTER_CLIENT_GROUPS_FORBIDDEN, 1);
		tell_ended(clients, client, record->tag, PEAL_CLIENT_GROUP_FORBIDDEN);
		return PEAL_CLIENTS_TAKEN;
	}
	result = peal_procgroups_join(
		clients->config.groups, &seat, &name, &client->groups[place].seat);
	if (result != PEAL_PROCGROUPS_OK) {
		tell_ended(clients, client, record->tag, ends[result]);
	}
	return PEAL_CLIENTS_TAKEN;
}

void
peal_clients_stop_grouping(struct peal_clients *clients, struct peal_client *client)
{
	if (client->grouping != 0) {
		peal_turns_stop(&clients->room->group_turns[client->grouping - 1U],
			peal_clients_place_of(clients, client));
		client->grouping = 0;
	}
}

/* The group that a tag names; NULL: it has ended, which the client was told. */
static struct peal_client_group *
find_group(struct peal_client *client, uint16_t tag)
{
	uint32_t place = PEAL_CLIENT_TAG_PLACE(tag);
	struct peal_client_group *group =
		&client->groups[place < PEAL_CLIENT_GROUPS_MAX ? place : 0];

	return place < PEAL_CLIENT_GROUPS_MAX && group->seat != PEAL_PROCGROUPS_NO_SEAT &&
			       group->life == tag >> 7
		       ? group
		       : NULL;
}

enum peal_clients_outcome
peal_clients_leave_group(struct peal_clients *clients, struct peal_client *client,
	const struct peal_shmring_record *record)
{
	const struct peal_client_group *group = find_group(client, record->tag);

	if (record->size != 0) {
		return PEAL_CLIENTS_VIOLATION;
	}
	if (group != NULL) {
		peal_procgroups_leave(clients->config.groups, group->seat);
	}
	return PEAL_CLIENTS_TAKEN;
}

/* The message of a client is with its group, or not; what is not accepted is counted as lost when
 * the group ends. */
static void
count_sent(struct peal_client *client, struct peal_client_group *group,
	enum peal_procgroups_result result, uint32_t size)
{
	if (result == PEAL_PROCGROUPS_OK) {
		group->accepted_count++;
		peal_clients_count(&client->tally.sent_count, 1);
		peal_clients_count(&client->tally.sent_size, size);
	}
}

/* The same, by an order group: all who send by it share its queue, and when it is full they take
 * turns. */
static enum peal_clients_outcome
send_by_order(struct peal_clients *clients, struct peal_client *client,
	struct peal_client_group *group, const struct peal_shmring_record *record)
{
	struct peal_procgroups *groups = clients->config.groups;
	uint32_t stream = peal_procgroups_stream_of(groups, group->seat);
	uint32_t at = peal_clients_place_of(clients, client);
	struct peal_turns *turns = &clients->room->group_turns[stream];
	uint8_t *message = clients->room->group_message;
	enum peal_procgroups_result result = PEAL_PROCGROUPS_FULL;

	if (peal_turns_may(turns, at)) {
		memcpy(message + PEAL_ORDERHEAD_GROUP_SIZE, record->bytes, record->size);
		result = peal_procgroups_send(
			groups, group->seat, message, PEAL_ORDERHEAD_GROUP_SIZE + record->size);
	}
	if (result == PEAL_PROCGROUPS_FULL) {
		peal_turns_wait(turns, at);
		client->grouping = (uint8_t)(stream + 1U);
		return PEAL_CLIENTS_LATER;
	}
	peal_turns_count(turns, at, (uint32_t)peal_shmring_span(record->size));
	count_sent(client, group, result, record->size);
	return PEAL_CLIENTS_TAKEN;
}

enum peal_clients_outcome
peal_clients_send_to_group(struct peal_clients *clients, struct peal_client *client,
	const struct peal_shmring_record *record)
{
	struct peal_client_group *group = find_group(client, record->tag);
	uint8_t *message = clients->room->group_message;
	enum peal_procgroups_result result;
	uint32_t size = record->size;

	if (size > PEAL_CLIENT_MESSAGE_SIZE_MAX) {
		return PEAL_CLIENTS_VIOLATION;
	}
	if (group == NULL) {
		return PEAL_CLIENTS_TAKEN;
	}
	if (peal_procgroups_stream_of(clients->config.groups, group->seat) <
		PEAL_PROCGROUPS_STREAMS_MAX) {
		return send_by_order(clients, client, group, record);
	}
	if (!peal_clients_may_cast(clients, client)) {
		return peal_clients_wait_to_cast(clients, client);
	}
	memcpy(message + PEAL_PROCGROUP_HEAD_SIZE, record->bytes, size);
	result = peal_procgroups_send(
		clients->config.groups, group->seat, message, PEAL_PROCGROUP_HEAD_SIZE + size);
	if (result == PEAL_PROCGROUPS_FULL) {
		return peal_clients_wait_to_cast(clients, client);
	}
	peal_clients_count_cast(clients, client, size);
	client->casts_count += result == PEAL_PROCGROUPS_OK ? 1U : 0U;
	count_sent(client, group, result, size);
	return PEAL_CLIENTS_TAKEN;
}

void
peal_clients_end_groups(struct peal_clients *clients, const struct peal_client *client)
{
	uint32_t word = atomic_load_explicit(&client->up->death.word, memory_order_relaxed);
	enum peal_procgroup_what what = PEAL_PROCGROUP_CRASH;

	for (uint32_t i = 0; i < PEAL_PROCGROUPS_STREAMS_MAX; i++) {
		peal_turns_forget(
			&clients->room->group_turns[i], peal_clients_place_of(clients, client));
	}
	if (client->end == PEAL_CLIENT_END_VIOLATION || client->end == PEAL_CLIENT_END_SLOW) {
		what = PEAL_PROCGROUP_EVICT;
	} else if (client->end == PEAL_CLIENT_END_STOPPED || word == 0) {
		/* The word was let go of in order. */
		what = PEAL_PROCGROUP_LEAVE;
	}
	peal_procgroups_on_gone(
		clients->config.groups, peal_clients_place_of(clients, client), what);
}

/* --- what it is told --- */

static enum peal_cast_result
on_group_cast(void *state, const uint8_t *bytes, uint32_t size)
{
	struct peal_clients *clients = state;

	return peal_cast_send(clients->config.cast, bytes, size);
}

static void
on_group_view(void *state, uint32_t owner, uint16_t tag, const struct peal_procgroups_news *news)
{
	struct peal_clients *clients = state;
	struct peal_client *client = &clients->room->clients[owner];
	const struct peal_client_group_view head = {.epoch = news->stamp.epoch,
		.n = news->stamp.n,
		.members_count = news->members_count,
		.changes_count = news->changes_count,
		.is_first = news->is_first ? 1U : 0U,
		.self_mid = clients->config.groups->self_mid,
		.self_client = client->number};

	peal_clients_write(clients, client, PEAL_CLIENT_GROUP_VIEW, tag,
		&(struct peal_clients_bytes){.head = &head,
			.head_size = sizeof(head),
			.body = news->changes,
			.body_size = (uint32_t)(news->changes_count * sizeof(news->changes[0]))});
}

static void
on_group_message(
	void *state, uint32_t owner, uint16_t tag, const struct peal_procgroups_message *message)
{
	struct peal_clients *clients = state;
	struct peal_client *client = &clients->room->clients[owner];
	const struct peal_delivery *delivery = &message->delivery;
	bool is_whole = delivery->size == delivery->message_size;
	const struct {
		struct peal_client_group_from from;
		struct peal_client_part part;
	} head = {.from = {.mid = message->mid,
			  .epoch = message->stamp.epoch,
			  .n = message->stamp.n,
			  .client = message->client},
		.part = {.message_size = delivery->message_size, .offset = delivery->offset}};

	peal_clients_write(clients, client,
		is_whole ? PEAL_CLIENT_GROUP_HEARD : PEAL_CLIENT_GROUP_HEARD_PART, tag,
		&(struct peal_clients_bytes){.head = &head,
			.head_size = is_whole ? sizeof(head.from) : sizeof(head),
			.body = delivery->bytes,
			.body_size = delivery->size});
	peal_clients_count_delivered(clients, client, delivery->size, delivery);
	if (client->may_hold) {
		peal_clients_hold_if_short(clients, client);
	}
}

static void
on_group_ended(void *state, uint32_t owner, uint16_t tag, enum peal_procgroups_end end)
{
	static const enum peal_client_group_end reasons[] = {
		[PEAL_PROCGROUPS_END_LEFT] = PEAL_CLIENT_GROUP_LEFT,
		[PEAL_PROCGROUPS_END_REFUSED] = PEAL_CLIENT_GROUP_TOO_MANY,
		[PEAL_PROCGROUPS_END_REMOVED] = PEAL_CLIENT_GROUP_REMOVED,
		[PEAL_PROCGROUPS_END_OVERRUN] = PEAL_CLIENT_GROUP_OVERRUN,
		[PEAL_PROCGROUPS_END_TOO_LARGE] = PEAL_CLIENT_GROUP_NOT_SUPPORTED,
		[PEAL_PROCGROUPS_END_OTHER_ORDER] = PEAL_CLIENT_GROUP_OTHER_ORDER,
		[PEAL_PROCGROUPS_END_ORDER_GONE] = PEAL_CLIENT_GROUP_NO_ORDER,
	};
	struct peal_clients *clients = state;

	tell_ended(clients, &clients->room->clients[owner], tag, reasons[end]);
}

/* --- order groups of groups --- */

_Static_assert(PEAL_ORDERHEAD_GROUP_SIZE == PEAL_PROCGROUP_HEAD_SIZE,
	"there is room for either before a message");
_Static_assert(
	PEAL_ORDERHEAD_GROUP_SIZE + PEAL_CLIENT_MESSAGE_SIZE_MAX <= PEAL_ORDERS_MESSAGE_SIZE_MAX,
	"whatever a client may say can be ordered");

static enum peal_procgroups_result
on_group_order(void *state, uint32_t id, const uint8_t *bytes, uint32_t size)
{
	struct peal_clients *clients = state;
	enum peal_orders_result result = peal_orders_send(clients->config.orders, id, bytes, size);

	if (result == PEAL_ORDERS_FULL) {
		return PEAL_PROCGROUPS_FULL;
	}
	return result == PEAL_ORDERS_OK ? PEAL_PROCGROUPS_OK : PEAL_PROCGROUPS_NOT_RANK;
}

static bool
on_group_listen(void *state, uint32_t id, bool is_listening)
{
	struct peal_clients *clients = state;

	if (is_listening) {
		return peal_orders_subscribe(clients->config.orders, id) == PEAL_ORDERS_OK;
	}
	if (!peal_clients_has_order(clients, id)) {
		peal_orders_unsubscribe(clients->config.orders, id);
	}
	return true;
}

static bool
on_group_look(void *state, uint32_t id, struct peal_procgroups_order *order_out)
{
	const struct peal_clients *clients = state;
	const struct peal_view *view = clients->peers != NULL ? clients->peers->view : NULL;
	struct peal_orders_state now;

	if (clients->peers == NULL || clients->peers->members_count == 0) {
		return false;
	}
	if (id == 0 && view->ordergroups_count > 0) {
		id = view->ordergroups[0].id; /* the lowest */
	}
	if (id == 0 || !peal_orders_find(clients->config.orders, id, &now)) {
		return false;
	}
	*order_out = (struct peal_procgroups_order){.id = id,
		.is_rank = now.is_rank && now.view.view != 0 && now.status != PEAL_ABCAST_STOPPED,
		.is_waiting = now.is_waiting};
	return true;
}

static void
on_group_standing(
	void *state, uint32_t owner, uint16_t tag, const struct peal_procgroups_order *order)
{
	struct peal_clients *clients = state;
	const struct peal_client_group_order record = {.group = order->id,
		.is_rank = order->is_rank ? 1U : 0U,
		.is_waiting = order->is_waiting ? 1U : 0U};

	peal_clients_write(clients, &clients->room->clients[owner], PEAL_CLIENT_GROUP_ORDER, tag,
		&(struct peal_clients_bytes){.head = &record, .head_size = sizeof(record)});
}

struct peal_procgroups_user
peal_clients_group_user(struct peal_clients *clients)
{
	return (struct peal_procgroups_user){.cast = on_group_cast,
		.view = on_group_view,
		.deliver = on_group_message,
		.ended = on_group_ended,
		.order = clients->config.orders != NULL ? on_group_order : NULL,
		.listen = on_group_listen,
		.look = on_group_look,
		.standing = on_group_standing,
		.state = clients};
}
