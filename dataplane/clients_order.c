/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Order groups of clients: what they say.
 */
#include "dataplane/clients_private.h"

#include <string.h>

_Static_assert(PEAL_ORDERHEAD_SIZE + PEAL_CLIENT_MESSAGE_SIZE_MAX <= PEAL_ORDERS_MESSAGE_SIZE_MAX,
	"whatever a client may say can be ordered");
_Static_assert(PEAL_CLIENT_ORDERS_MAX == 16U, "places of order groups are 16 bits");

void
peal_clients_finish_order(struct peal_clients *clients, struct peal_client *client, uint32_t place,
	enum peal_client_order_end reason)
{
	struct peal_client_order *order = &client->orders[place];
	const struct peal_client_order_ended ended = {.reason = (uint32_t)reason,
		.accepted_count = order->accepted_count,
		.lost_count = order->away_count};
	uint16_t tag = PEAL_CLIENT_TAG(place, order->life);

	if (order->state == PEAL_CLIENTS_ORDER_OPEN) {
		peal_clients_part_order(clients, client, place);
	} else if (order->state == PEAL_CLIENTS_ORDER_WISHED) {
		clients->wishing &= ~peal_clients_bit_of(clients, client);
	}
	order->state = PEAL_CLIENTS_ORDER_FREE;
	peal_clients_write(clients, client, PEAL_CLIENT_ORDER_ENDED, tag,
		&(struct peal_clients_bytes){.head = &ended, .head_size = sizeof(ended)});
}

/* The place that a record gives to an order group; false: it cannot be. */
static bool
take_place(struct peal_client *client, const struct peal_shmring_record *record)
{
	uint32_t place = PEAL_CLIENT_TAG_PLACE(record->tag);

	if (place >= PEAL_CLIENT_ORDERS_MAX ||
		client->orders[place].state != PEAL_CLIENTS_ORDER_FREE) {
		return false;
	}
	client->orders[place] = (struct peal_client_order){.life = (uint16_t)(record->tag >> 7)};
	return true;
}

/* Whether this client has the group, or is about to. */
static bool
is_in_use(const struct peal_clients *clients, const struct peal_client *client, uint32_t group)
{
	for (uint32_t place = 0; place < PEAL_CLIENT_ORDERS_MAX; place++) {
		const struct peal_client_order *order = &client->orders[place];

		if ((order->state == PEAL_CLIENTS_ORDER_OPEN &&
			    clients->room->ordergroups[order->group].id == group) ||
			(order->state == PEAL_CLIENTS_ORDER_WISHED &&
				client->wish.group.id == group)) {
			return true;
		}
	}
	return false;
}

/* Why a client cannot have a group at all; CLOSED: it can. */
static enum peal_client_order_end
judge(const struct peal_clients *clients, const struct peal_client *client, uint32_t group)
{
	if (clients->config.orders == NULL) {
		return PEAL_CLIENT_ORDER_NOT_SUPPORTED;
	}
	if (clients->peers == NULL || clients->peers->members_count == 0) {
		return PEAL_CLIENT_ORDER_REMOVED;
	}
	return is_in_use(clients, client, group) ? PEAL_CLIENT_ORDER_IN_USE
						 : PEAL_CLIENT_ORDER_CLOSED;
}

enum peal_clients_outcome
peal_clients_open_order(struct peal_clients *clients, struct peal_client *client,
	const struct peal_shmring_record *record)
{
	uint32_t place = PEAL_CLIENT_TAG_PLACE(record->tag);
	const struct peal_ordergroup *group = NULL;
	struct peal_client_order_open request;
	enum peal_client_order_end reason;

	if (record->size != sizeof(request)) {
		return PEAL_CLIENTS_VIOLATION;
	}
	memcpy(&request, record->bytes, sizeof(request));
	if (request.group == 0 || !take_place(client, record)) {
		return PEAL_CLIENTS_VIOLATION;
	}
	reason = judge(clients, client, request.group);
	if (reason == PEAL_CLIENT_ORDER_CLOSED) {
		group = peal_view_find_ordergroup(clients->peers->view, request.group);
		reason = PEAL_CLIENT_ORDER_UNKNOWN;
	}
	if (group != NULL) {
		peal_clients_join_order(clients, client, place, group);
	} else {
		peal_clients_finish_order(clients, client, place, reason);
	}
	return PEAL_CLIENTS_TAKEN;
}

/* False: it cannot be. */
static bool
read_config(const struct peal_shmring_record *record, struct peal_ordergroup *group_out)
{
	struct peal_client_order_create request;

	if (record->size != sizeof(request)) {
		return false;
	}
	memcpy(&request, record->bytes, sizeof(request));
	if (request.ranks_count > PEAL_ORDERGROUP_RANKS_MAX) {
		return false;
	}
	*group_out = (struct peal_ordergroup){
		.id = request.group, .generation = 1, .ranks_count = (uint8_t)request.ranks_count};
	for (uint32_t i = 0; i < request.ranks_count; i++) {
		request.ranks[i].name[PEAL_NAME_SIZE_MAX] = '\0';
		group_out->ranks[i].mid = request.ranks[i].mid;
		if (!peal_ordergroup_set_name(group_out, i, request.ranks[i].name)) {
			return false;
		}
	}
	return peal_ordergroup_is_valid(group_out);
}

enum peal_clients_outcome
peal_clients_create_order(struct peal_clients *clients, struct peal_client *client,
	const struct peal_shmring_record *record)
{
	uint32_t place = PEAL_CLIENT_TAG_PLACE(record->tag);
	uint64_t bit = peal_clients_bit_of(clients, client);
	const struct peal_ordergroup *there;
	enum peal_client_order_end reason;
	struct peal_ordergroup group;

	if (!read_config(record, &group) || !take_place(client, record)) {
		return PEAL_CLIENTS_VIOLATION;
	}
	reason = judge(clients, client, group.id);
	if (reason == PEAL_CLIENT_ORDER_CLOSED && (clients->wishing & bit) != 0) {
		reason = PEAL_CLIENT_ORDER_TOO_MANY;
	}
	if (reason != PEAL_CLIENT_ORDER_CLOSED) {
		peal_clients_finish_order(clients, client, place, reason);
		return PEAL_CLIENTS_TAKEN;
	}
	there = peal_view_find_ordergroup(clients->peers->view, group.id);
	if (there != NULL && peal_ordergroup_equals(there, &group)) {
		peal_clients_join_order(clients, client, place, there);
		return PEAL_CLIENTS_TAKEN;
	}
	client->orders[place].state = PEAL_CLIENTS_ORDER_WISHED;
	client->wish = (struct peal_client_wish){
		.place = (uint8_t)place, .is_due = true, .at_ns = clients->now_ns, .group = group};
	clients->wishing |= bit;
	return PEAL_CLIENTS_TAKEN;
}

/* The order group that a tag names; NULL: it has ended, which the client was told. */
static struct peal_client_order *
find_order(struct peal_client *client, uint16_t tag)
{
	uint32_t place = PEAL_CLIENT_TAG_PLACE(tag);
	struct peal_client_order *order =
		&client->orders[place < PEAL_CLIENT_ORDERS_MAX ? place : 0];

	return place < PEAL_CLIENT_ORDERS_MAX && order->state != PEAL_CLIENTS_ORDER_FREE &&
			       order->life == tag >> 7
		       ? order
		       : NULL;
}

enum peal_clients_outcome
peal_clients_close_order(struct peal_clients *clients, struct peal_client *client,
	const struct peal_shmring_record *record)
{
	const struct peal_client_order *order = find_order(client, record->tag);

	if (record->size != 0) {
		return PEAL_CLIENTS_VIOLATION;
	}
	if (order != NULL) {
		peal_clients_finish_order(clients, client, PEAL_CLIENT_TAG_PLACE(record->tag),
			PEAL_CLIENT_ORDER_CLOSED);
	}
	return PEAL_CLIENTS_TAKEN;
}

/* A message was not taken although its group is open: this node has no rank any more. */
static void
tell_refused(struct peal_clients *clients, struct peal_client *client, uint16_t tag)
{
	const uint64_t count = 1;

	peal_clients_write(clients, client, PEAL_CLIENT_ORDER_DOUBTFUL, tag,
		&(struct peal_clients_bytes){.head = &count, .head_size = sizeof(count)});
}

enum peal_clients_outcome
peal_clients_send_to_order(struct peal_clients *clients, struct peal_client *client,
	const struct peal_shmring_record *record)
{
	const struct peal_orderhead head = {
		.client = client->number, .kind = PEAL_ORDERHEAD_CLIENT};
	struct peal_client_order *order = find_order(client, record->tag);
	uint32_t at = peal_clients_place_of(clients, client);
	uint8_t *message = clients->room->order_message;
	enum peal_orders_result result = PEAL_ORDERS_FULL;
	struct peal_clients_ordergroup *group;

	if (record->size > PEAL_CLIENT_MESSAGE_SIZE_MAX ||
		(order != NULL && order->state != PEAL_CLIENTS_ORDER_OPEN)) {
		return PEAL_CLIENTS_VIOLATION;
	}
	if (order == NULL) {
		return PEAL_CLIENTS_TAKEN;
	}
	group = &clients->room->ordergroups[order->group];
	if (peal_turns_may(&group->turns, at)) {
		peal_orderhead_encode(&head, message);
		memcpy(message + PEAL_ORDERHEAD_SIZE, record->bytes, record->size);
		result = peal_orders_send(clients->config.orders, group->id, message,
			PEAL_ORDERHEAD_SIZE + record->size);
	}
	if (result == PEAL_ORDERS_FULL) {
		peal_turns_wait(&group->turns, at);
		client->is_ordering = true;
		client->ordering = order->group;
		return PEAL_CLIENTS_LATER;
	}
	peal_turns_count(&group->turns, at, (uint32_t)peal_shmring_span(record->size));
	if (result != PEAL_ORDERS_OK) {
		tell_refused(clients, client, record->tag);
		return PEAL_CLIENTS_TAKEN;
	}
	order->accepted_count++;
	order->away_count++;
	peal_clients_count(&client->tally.sent_count, 1);
	peal_clients_count(&client->tally.sent_size, record->size);
	return PEAL_CLIENTS_TAKEN;
}

void
peal_clients_stop_ordering(struct peal_clients *clients, struct peal_client *client)
{
	if (client->is_ordering) {
		client->is_ordering = false;
		peal_turns_stop(&clients->room->ordergroups[client->ordering].turns,
			peal_clients_place_of(clients, client));
	}
}

void
peal_clients_end_orders(struct peal_clients *clients, struct peal_client *client)
{
	clients->wishing &= ~peal_clients_bit_of(clients, client);
	client->is_ordering = false;
	for (uint32_t place = 0; place < PEAL_CLIENT_ORDERS_MAX; place++) {
		if (client->orders[place].state == PEAL_CLIENTS_ORDER_OPEN) {
			peal_clients_part_order(clients, client, place);
		}
		client->orders[place].state = PEAL_CLIENTS_ORDER_FREE;
	}
}
