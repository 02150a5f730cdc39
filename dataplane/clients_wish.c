/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Wishes of clients for order groups that are not there yet, and what views do to those that are.
 *
 * Only control may propose a cut. It is asked by the door, which has a thread and may wait, with
 * one wish at a time; those of all clients take turns.
 */
#include "dataplane/clients_private.h"

static enum peal_client_order_end
explain(uint32_t answer)
{
	static const enum peal_client_order_end reasons[] = {
		[PEAL_CLIENTS_WISH_TAKEN] = PEAL_CLIENT_ORDER_TAKEN,
		[PEAL_CLIENTS_WISH_NO_MEMBER] = PEAL_CLIENT_ORDER_NO_MEMBER,
		[PEAL_CLIENTS_WISH_FULL] = PEAL_CLIENT_ORDER_TOO_MANY,
		[PEAL_CLIENTS_WISH_OUTSIDE] = PEAL_CLIENT_ORDER_REMOVED,
	};

	PEAL_ASSERT(answer < PEAL_CLIENTS_WISH_ANSWERS_COUNT);
	return reasons[answer];
}

/* --- the door --- */

const struct peal_ordergroup *
peal_clients_find_wish(struct peal_clients *clients)
{
	struct peal_clients_wish *wish = &clients->room->wish;

	return atomic_load_explicit(&wish->state, memory_order_acquire) == PEAL_CLIENTS_WISH_ASKED
		       ? &wish->group
		       : NULL;
}

void
peal_clients_answer_wish(struct peal_clients *clients, enum peal_clients_wish_answer answer)
{
	struct peal_clients_wish *wish = &clients->room->wish;

	PEAL_ASSERT(atomic_load_explicit(&wish->state, memory_order_relaxed) ==
		    PEAL_CLIENTS_WISH_ASKED);
	wish->answer = (uint32_t)answer;
	atomic_store_explicit(&wish->state, PEAL_CLIENTS_WISH_ANSWERED, memory_order_release);
}

/* --- the core --- */

static void
take_answer(struct peal_clients *clients)
{
	struct peal_clients_wish *wish = &clients->room->wish;
	struct peal_client *client = &clients->room->clients[wish->client];
	uint64_t bit = UINT64_C(1) << wish->client;

	atomic_store_explicit(&wish->state, PEAL_CLIENTS_WISH_NONE, memory_order_relaxed);
	/* Meanwhile it may be gone, be in another's place, or wish for something else. */
	if ((clients->wishing & bit) == 0 || client->number != wish->number ||
		!peal_ordergroup_equals(&client->wish.group, &wish->group)) {
		return;
	}
	if (wish->answer != PEAL_CLIENTS_WISH_WAITS) {
		peal_clients_finish_order(
			clients, client, client->wish.place, explain(wish->answer));
	}
}

/* Hands the door the next wish that is due, after the client that was asked for last. */
static void
ask(struct peal_clients *clients)
{
	struct peal_clients_wish *wish = &clients->room->wish;

	for (uint32_t i = 1; i <= PEAL_CLIENTS_MAX; i++) {
		uint32_t place = (wish->client + i) % PEAL_CLIENTS_MAX;
		struct peal_client *client = &clients->room->clients[place];

		if ((clients->wishing >> place & 1U) == 0 || clients->now_ns < client->wish.at_ns) {
			continue;
		}
		client->wish.at_ns = clients->now_ns + PEAL_CLIENT_WISH_NS;
		wish->client = place;
		wish->number = client->number;
		wish->group = client->wish.group;
		atomic_store_explicit(&wish->state, PEAL_CLIENTS_WISH_ASKED, memory_order_release);
		clients->outside.tell(clients->outside.state);
		return;
	}
}

void
peal_clients_run_wishes(struct peal_clients *clients)
{
	const struct peal_clients_wish *wish = &clients->room->wish;
	uint32_t state = atomic_load_explicit(&wish->state, memory_order_acquire);

	if (state == PEAL_CLIENTS_WISH_ANSWERED) {
		take_answer(clients);
		state = PEAL_CLIENTS_WISH_NONE;
	}
	if (state == PEAL_CLIENTS_WISH_NONE && clients->wishing != 0) {
		ask(clients);
	}
}

uint64_t
peal_clients_wish_at_ns(const struct peal_clients *clients)
{
	uint64_t at_ns = UINT64_MAX;

	for (uint64_t left = clients->wishing; left != 0; left &= left - 1U) {
		const struct peal_client *client = &clients->room->clients[__builtin_ctzll(left)];

		at_ns = client->wish.at_ns < at_ns ? client->wish.at_ns : at_ns;
	}
	return at_ns;
}

/* Whether the view still has the group as it was opened. */
static enum peal_client_order_end
judge(const struct peal_clients *clients, const struct peal_clients_ordergroup *group)
{
	const struct peal_ordergroup *there;

	if (clients->peers->members_count == 0) {
		return PEAL_CLIENT_ORDER_REMOVED;
	}
	there = peal_view_find_ordergroup(clients->peers->view, group->id);
	return there != NULL && there->generation == group->generation ? PEAL_CLIENT_ORDER_CLOSED
								       : PEAL_CLIENT_ORDER_REPLACED;
}

static void
end_group(struct peal_clients *clients, struct peal_clients_ordergroup *group,
	enum peal_client_order_end reason)
{
	for (uint64_t left = group->clients; left != 0; left &= left - 1U) {
		uint32_t at = (uint32_t)__builtin_ctzll(left);

		peal_clients_finish_order(
			clients, &clients->room->clients[at], group->places[at], reason);
	}
}

void
peal_clients_switch_orders(struct peal_clients *clients)
{
	for (uint32_t left = clients->ordergroups; left != 0; left &= left - 1U) {
		struct peal_clients_ordergroup *group =
			&clients->room->ordergroups[__builtin_ctz(left)];
		enum peal_client_order_end reason = judge(clients, group);

		if (reason != PEAL_CLIENT_ORDER_CLOSED) {
			end_group(clients, group, reason);
		}
	}
	for (uint64_t left = clients->wishing; left != 0; left &= left - 1U) {
		struct peal_client *client = &clients->room->clients[__builtin_ctzll(left)];
		const struct peal_ordergroup *there = NULL;

		if (clients->peers->members_count > 0) {
			there = peal_view_find_ordergroup(
				clients->peers->view, client->wish.group.id);
		}
		if (there != NULL && peal_ordergroup_equals(there, &client->wish.group)) {
			clients->wishing &= ~peal_clients_bit_of(clients, client);
			peal_clients_join_order(clients, client, client->wish.place, there);
		}
	}
}
