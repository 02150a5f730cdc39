/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Order groups of clients: who has which open, and what they are told.
 */
#include "dataplane/clients_private.h"

#include <string.h>

#define NO_GROUP UINT32_MAX

/* Place of the group that clients have open; NO_GROUP: none has. */
static uint32_t
find_group(const struct peal_clients *clients, uint32_t id)
{
	for (uint32_t left = clients->ordergroups; left != 0; left &= left - 1U) {
		uint32_t at = (uint32_t)__builtin_ctz(left);

		if (clients->room->ordergroups[at].id == id) {
			return at;
		}
	}
	return NO_GROUP;
}

bool
peal_clients_has_order(const struct peal_clients *clients, uint32_t id)
{
	return find_group(clients, id) != NO_GROUP;
}

/* --- views --- */

static void
write_view(struct peal_clients *clients, struct peal_client *client, uint32_t place,
	const struct peal_client_order_view *view)
{
	peal_clients_write(clients, client, PEAL_CLIENT_ORDER_VIEW,
		PEAL_CLIENT_TAG(place, client->orders[place].life),
		&(struct peal_clients_bytes){.head = view, .head_size = sizeof(*view)});
}

/* How a group is now, and notes that it was told so. CLOSED: it is described; others: why nothing
 * can be heard of it here. */
static enum peal_client_order_end
describe(struct peal_clients *clients, struct peal_clients_ordergroup *group,
	struct peal_client_order_view *out)
{
	const struct peal_ordergroup *config =
		peal_view_find_ordergroup(clients->peers->view, group->id);
	struct peal_orders_state state;

	if (config == NULL || !peal_orders_find(clients->config.orders, group->id, &state)) {
		return PEAL_CLIENT_ORDER_UNKNOWN;
	}
	if (state.status == PEAL_ABCAST_STOPPED) {
		return PEAL_CLIENT_ORDER_FAULT;
	}
	group->view = state.view.view;
	group->own_rank = state.is_rank ? state.rank : PEAL_CLIENT_ORDER_NO_RANK;
	group->is_waiting = state.is_waiting;
	*out = (struct peal_client_order_view){.position = group->position,
		.group = group->id,
		.generation = group->generation,
		.view = group->view,
		.active = state.view.active,
		.ranks_count = state.view.ranks_count,
		.own_rank = group->own_rank,
		.is_waiting = group->is_waiting};
	for (uint32_t i = 0; i < state.view.ranks_count; i++) {
		out->ranks[i].mid =
			state.view.view != 0 ? state.view.members[i] : config->ranks[i].mid;
		memcpy(out->ranks[i].name, config->ranks[i].name, sizeof(out->ranks[i].name));
	}
	return PEAL_CLIENT_ORDER_CLOSED;
}

static void
show(struct peal_clients *clients, struct peal_clients_ordergroup *group)
{
	struct peal_client_order_view view;

	/* If it cannot be, its end is about to be told. */
	if (describe(clients, group, &view) != PEAL_CLIENT_ORDER_CLOSED) {
		return;
	}
	for (uint64_t left = group->clients; left != 0; left &= left - 1U) {
		uint32_t at = (uint32_t)__builtin_ctzll(left);

		write_view(clients, &clients->room->clients[at], group->places[at], &view);
	}
}

/* Of what was delivered here last. */
static uint64_t
find_position(const struct peal_clients *clients, uint32_t id)
{
	struct peal_orders_state state;

	return peal_orders_find(clients->config.orders, id, &state) ? state.view.position : 0;
}

void
peal_clients_join_order(struct peal_clients *clients, struct peal_client *client, uint32_t place,
	const struct peal_ordergroup *config)
{
	uint32_t at = find_group(clients, config->id);
	struct peal_clients_ordergroup *group;
	struct peal_client_order_view view;
	enum peal_client_order_end reason;

	if (at == NO_GROUP) {
		peal_clients_sweep_orders(clients);
		/* As many places as a view can have groups, and those that it lost are free. */
		at = (uint32_t)__builtin_ctz(~clients->ordergroups);
		PEAL_ASSERT(at < PEAL_CLIENT_ORDERS_MAX);
		clients->ordergroups |= UINT32_C(1) << at;
		clients->room->ordergroups[at] = (struct peal_clients_ordergroup){.id = config->id};
	}
	group = &clients->room->ordergroups[at];
	if (group->clients == 0) {
		/* From then on it is that of what was told last: a gap may be told after a view. */
		*group = (struct peal_clients_ordergroup){.id = config->id,
			.generation = config->generation,
			.position = find_position(clients, config->id)};
		(void)peal_orders_subscribe(clients->config.orders, config->id);
	}
	group->clients |= peal_clients_bit_of(clients, client);
	group->places[peal_clients_place_of(clients, client)] = (uint8_t)place;
	client->orders[place].state = PEAL_CLIENTS_ORDER_OPEN;
	client->orders[place].group = (uint8_t)at;
	reason = describe(clients, group, &view);
	if (reason == PEAL_CLIENT_ORDER_CLOSED) {
		write_view(clients, client, place, &view);
	} else {
		peal_clients_finish_order(clients, client, place, reason);
	}
}

void
peal_clients_part_order(struct peal_clients *clients, struct peal_client *client, uint32_t place)
{
	uint32_t at = client->orders[place].group;
	struct peal_clients_ordergroup *group = &clients->room->ordergroups[at];
	uint64_t bit = peal_clients_bit_of(clients, client);

	PEAL_ASSERT((group->clients & bit) != 0);
	group->clients &= ~bit;
	peal_turns_forget(&group->turns, peal_clients_place_of(clients, client));
	if (client->ordering == at) {
		client->is_ordering = false;
	}
	for (uint32_t i = 0; i < PEAL_ORDERGROUP_RANKS_MAX; i++) {
		group->speakers[i].clients &= ~bit;
	}
}

void
peal_clients_sweep_orders(struct peal_clients *clients)
{
	for (uint32_t left = clients->ordergroups; left != 0; left &= left - 1U) {
		uint32_t at = (uint32_t)__builtin_ctz(left);
		struct peal_clients_ordergroup *group = &clients->room->ordergroups[at];

		if (group->clients == 0) {
			if (!peal_procgroups_listens(clients->config.groups, group->id)) {
				peal_orders_unsubscribe(clients->config.orders, group->id);
			}
			group->id = 0;
			clients->ordergroups &= ~(UINT32_C(1) << at);
		}
	}
}

void
peal_clients_look_at_orders(struct peal_clients *clients)
{
	for (uint32_t left = clients->ordergroups; left != 0; left &= left - 1U) {
		struct peal_clients_ordergroup *group =
			&clients->room->ordergroups[__builtin_ctz(left)];
		struct peal_orders_state state;

		if (peal_orders_find(clients->config.orders, group->id, &state) &&
			(state.is_waiting != group->is_waiting || state.view.view != group->view)) {
			show(clients, group);
		}
	}
}

/* --- messages --- */

/* Whose place is given to another member before that of `other`: nothing is under way there, or it
 * has the lower number, as who held a rank before mostly has. */
static bool
goes_before(const struct peal_clients_speaker *speaker, const struct peal_clients_speaker *other)
{
	bool is_idle = speaker->offset == 0;

	return is_idle == (other->offset == 0) ? speaker->mid < other->mid : is_idle;
}

/* The message of a member that is under way; a free place; one of who has nothing under way. */
static struct peal_clients_speaker *
find_speaker(struct peal_clients_ordergroup *group, uint64_t mid)
{
	struct peal_clients_speaker *found = &group->speakers[0];

	for (uint32_t i = 0; i < PEAL_ORDERGROUP_RANKS_MAX; i++) {
		if (group->speakers[i].mid == mid) {
			return &group->speakers[i];
		}
		if (goes_before(&group->speakers[i], found)) {
			found = &group->speakers[i];
		}
	}
	*found = (struct peal_clients_speaker){.mid = mid};
	return found;
}

/* Who is to get this part; notes whose message it is. False: nobody. */
static bool
follow(struct peal_clients *clients, struct peal_clients_ordergroup *group,
	const struct peal_delivery *delivery, struct peal_clients_speaker *speaker)
{
	struct peal_orderhead head;

	if (delivery->offset == 0) {
		uint8_t kind = peal_orderhead_kind_of(delivery->bytes, delivery->size);

		speaker->offset = 0;
		if (kind == PEAL_ORDERHEAD_GROUP || kind == PEAL_ORDERHEAD_MARK) {
			return false; /* for process groups, who judge it */
		}
		if (!peal_orderhead_decode(delivery->bytes, delivery->size, &head)) {
			peal_counter_add(clients->config.counters,
				PEAL_COUNTER_CLIENT_ORDER_REFUSED_FORM, 1);
			return false;
		}
		speaker->clients = group->clients;
		speaker->client = head.client;
		speaker->message_size = delivery->message_size;
	} else if (speaker->offset != delivery->offset ||
		   speaker->message_size != delivery->message_size) {
		/* Its beginning was before the group was opened, or was none of clients. */
		speaker->offset = 0;
		return false;
	}
	speaker->offset = delivery->offset + delivery->size;
	if (speaker->offset == delivery->message_size) {
		speaker->offset = 0;
	}
	return speaker->clients != 0;
}

static void
write_message(struct peal_clients *clients, struct peal_client *client, uint32_t place,
	const struct peal_orders_message *message, uint32_t said_by)
{
	const struct peal_delivery *delivery = &message->delivery;
	bool is_whole = delivery->size == delivery->message_size;
	uint32_t skipped = delivery->offset == 0 ? PEAL_ORDERHEAD_SIZE : 0;
	const struct {
		struct peal_client_ordered ordered;
		struct peal_client_part part;
	} head = {
		.ordered = {.position = message->position, .mid = message->mid, .client = said_by},
		.part = {.message_size = delivery->message_size - PEAL_ORDERHEAD_SIZE,
			.offset = delivery->offset + skipped - PEAL_ORDERHEAD_SIZE}};

	peal_clients_write(clients, client,
		is_whole ? PEAL_CLIENT_ORDERED : PEAL_CLIENT_ORDERED_PART,
		PEAL_CLIENT_TAG(place, client->orders[place].life),
		&(struct peal_clients_bytes){.head = &head,
			.head_size = is_whole ? sizeof(head.ordered) : sizeof(head),
			.body = delivery->bytes + skipped,
			.body_size = delivery->size - skipped});
	peal_clients_count_delivered(clients, client, delivery->size - skipped, delivery);
}

/* A client's own message has come back. */
static void
count_back(struct peal_clients *clients, struct peal_clients_ordergroup *group, uint32_t number)
{
	for (uint64_t left = group->clients; left != 0; left &= left - 1U) {
		uint32_t at = (uint32_t)__builtin_ctzll(left);
		struct peal_client *client = &clients->room->clients[at];
		struct peal_client_order *order = &client->orders[group->places[at]];

		if (client->number == number && order->away_count > 0) {
			order->away_count--;
		}
	}
}

static void
on_ordered(void *state, const struct peal_orders_message *message)
{
	struct peal_clients *clients = state;
	const struct peal_delivery *delivery = &message->delivery;
	uint32_t at = find_group(clients, message->group);
	struct peal_clients_ordergroup *group;
	struct peal_clients_speaker *speaker;
	const struct peal_procgroups_ordered ordered = {.order = message->group,
		.mid = message->mid,
		.is_own = message->is_own,
		.delivery = *delivery};

	peal_procgroups_on_ordered(clients->config.groups, &ordered);
	if (at == NO_GROUP) {
		return;
	}
	group = &clients->room->ordergroups[at];
	speaker = find_speaker(group, message->mid);
	if (!follow(clients, group, delivery, speaker)) {
		return;
	}
	group->position = message->position;
	for (uint64_t left = speaker->clients & group->clients; left != 0; left &= left - 1U) {
		uint32_t place = (uint32_t)__builtin_ctzll(left);

		write_message(clients, &clients->room->clients[place], group->places[place],
			message, speaker->client);
	}
	if (message->is_own && delivery->offset + delivery->size == delivery->message_size) {
		count_back(clients, group, speaker->client);
	}
}

/* --- what else happens to a group --- */

/* Of `count` messages of this node that do not come back, nobody counts whose they were: so many of
 * its own at most. */
static uint64_t
take_own(struct peal_client_order *order, uint64_t count)
{
	uint64_t own_count = count < order->away_count ? count : order->away_count;

	order->away_count -= own_count;
	return own_count;
}

static void
tell_doubtful(
	struct peal_clients *clients, const struct peal_clients_ordergroup *group, uint64_t count)
{
	for (uint64_t left = count > 0 ? group->clients : 0; left != 0; left &= left - 1U) {
		uint32_t at = (uint32_t)__builtin_ctzll(left), place = group->places[at];
		struct peal_client *client = &clients->room->clients[at];
		const uint64_t own_count = take_own(&client->orders[place], count);

		if (own_count > 0) {
			peal_clients_write(clients, client, PEAL_CLIENT_ORDER_DOUBTFUL,
				PEAL_CLIENT_TAG(place, client->orders[place].life),
				&(struct peal_clients_bytes){
					.head = &own_count, .head_size = sizeof(own_count)});
		}
	}
}

static void
on_order_view(void *state, uint32_t id, const struct peal_orders_view *view)
{
	struct peal_clients *clients = state;
	uint32_t at = find_group(clients, id);

	peal_procgroups_on_order_view(clients->config.groups, id, view->doubtful_count);
	if (at != NO_GROUP) {
		show(clients, &clients->room->ordergroups[at]);
		tell_doubtful(clients, &clients->room->ordergroups[at], view->doubtful_count);
	}
}

static void
on_order_skipped(void *state, uint32_t id, uint64_t from, uint64_t to, uint64_t own_count)
{
	struct peal_clients *clients = state;
	uint32_t at = find_group(clients, id);
	struct peal_clients_ordergroup *group;

	peal_procgroups_on_order_skipped(clients->config.groups, id);
	if (at == NO_GROUP || to <= clients->room->ordergroups[at].position) {
		return;
	}
	group = &clients->room->ordergroups[at];
	if (from == 0 && group->position == 0) {
		/* What was before it was opened. */
		group->position = to;
		return;
	}
	group->position = to;
	/* Of what had begun before the gap the order plane knows whether it goes on behind it. */
	for (uint64_t left = group->clients; left != 0; left &= left - 1U) {
		uint32_t client_at = (uint32_t)__builtin_ctzll(left);
		uint32_t place = group->places[client_at];
		struct peal_client *client = &clients->room->clients[client_at];
		const struct peal_client_order_skipped skipped = {
			.position = to, .own_count = take_own(&client->orders[place], own_count)};

		peal_clients_write(clients, client, PEAL_CLIENT_ORDER_SKIPPED,
			PEAL_CLIENT_TAG(place, client->orders[place].life),
			&(struct peal_clients_bytes){
				.head = &skipped, .head_size = sizeof(skipped)});
	}
}

static void
on_order_ended(void *state, uint32_t id, enum peal_abcast_fault fault, uint64_t lost_count)
{
	struct peal_clients *clients = state;
	uint32_t at = find_group(clients, id);
	struct peal_clients_ordergroup *group;

	(void)lost_count; /* what did not come back is counted by client */
	peal_procgroups_on_order_ended(clients->config.groups, id);
	if (at == NO_GROUP) {
		return;
	}
	group = &clients->room->ordergroups[at];
	for (uint64_t left = group->clients; left != 0; left &= left - 1U) {
		uint32_t place = (uint32_t)__builtin_ctzll(left);

		peal_clients_finish_order(clients, &clients->room->clients[place],
			group->places[place],
			fault == PEAL_ABCAST_FAULT_REPLACED ? PEAL_CLIENT_ORDER_REPLACED
							    : PEAL_CLIENT_ORDER_FAULT);
	}
}

static enum peal_cast_result
on_order_cast(void *state, const uint8_t *bytes, uint32_t size)
{
	struct peal_clients *clients = state;

	return peal_cast_send(clients->config.cast, bytes, size);
}

struct peal_orders_user
peal_clients_order_user(struct peal_clients *clients)
{
	return (struct peal_orders_user){.cast = on_order_cast,
		.deliver = on_ordered,
		.view = on_order_view,
		.skipped = on_order_skipped,
		.ended = on_order_ended,
		.state = clients};
}
