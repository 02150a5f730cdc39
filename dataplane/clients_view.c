/* SPDX-License-Identifier: BSD-3-Clause */
#include "dataplane/clients_private.h"
#include "dataplane/link.h"

#include <string.h>

/* So many are told why they are gone, and clients keep no more; of others it is unknown. */
#define DEPARTED_MAX PEAL_DIRECT_MAX

static void
describe_member(const struct peal_member *member, struct peal_client_member *out)
{
	*out = (struct peal_client_member){.mid = member->mid, .port = member->address.port};
	memcpy(out->uuid, &member->uuid, sizeof(out->uuid));
	if (peal_address_is_ipv6(&member->address)) {
		peal_link_store_ipv6(out->ip, &member->address);
		return;
	}
	out->ip[10] = out->ip[11] = 0xFFU;
	for (uint32_t i = 0; i < 4U; i++) {
		out->ip[12U + i] = (uint8_t)(member->address.ipv4 >> (24U - 8U * i));
	}
}

const struct peal_client_member *
peal_clients_members_of(const struct peal_clients *clients, const struct peal_clients_view *view)
{
	return view->large == PEAL_CLIENTS_NOT_LARGE
		       ? view->members
		       : clients->outside.large_members +
				 (size_t)view->large * clients->outside.members_max;
}

/* One piece of the view that is shown. */
static void
write_piece(struct peal_clients *clients, struct peal_client *client)
{
	const struct peal_clients_view *shown = &clients->room->shown;
	const struct peal_client_view head = {
		.epoch = shown->epoch,
		.self_mid = shown->self_mid,
		.view_tag = shown->view_tag,
		.members_count = shown->members_count,
		.first = client->shown_rank,
	};
	uint32_t left_count = (uint32_t)(shown->members_count - client->shown_rank);
	uint32_t count = left_count < PEAL_CLIENT_MEMBERS_BURST_MAX ? left_count
								    : PEAL_CLIENT_MEMBERS_BURST_MAX;

	peal_clients_write(clients, client, PEAL_CLIENT_VIEW, 0,
		&(struct peal_clients_bytes){.head = &head,
			.head_size = sizeof(head),
			.body = peal_clients_members_of(clients, shown) + client->shown_rank,
			.body_size = (uint32_t)(count * sizeof(struct peal_client_member))});
	client->shown_rank = (uint16_t)(client->shown_rank + count);
	client->is_shown_due = client->shown_rank < shown->members_count;
}

uint32_t
peal_clients_show_more(struct peal_clients *clients, struct peal_client *client)
{
	uint32_t count = 0;

	while (client->is_shown_due && count < PEAL_CLIENT_PIECES_BURST_MAX) {
		write_piece(clients, client);
		count++;
	}
	if (__builtin_expect(count > 0 && !client->is_shown_due, 0) &&
		(clients->showing & peal_clients_bit_of(clients, client)) != 0) {
		clients->showing &= ~peal_clients_bit_of(clients, client);
		peal_clients_tell_cast(clients);
	}
	return count;
}

void
peal_clients_show(struct peal_clients *clients, struct peal_client *client)
{
	_Static_assert(
		PEAL_CLIENT_MEMBERS_BURST_MAX * PEAL_CLIENT_PIECES_BURST_MAX >= PEAL_DIRECT_MAX,
		"only in large views do messages wait for the view to be whole");

	client->shown_rank = 0;
	client->is_shown_due = true;
	(void)peal_clients_show_more(clients, client);
}

/* Why members of `before` are not in the view that is shown now. */
static void
tell_departed(struct peal_clients *clients, const struct peal_clients_view *before)
{
	const struct peal_clients_view *shown = &clients->room->shown;
	const struct peal_client_member *members = peal_clients_members_of(clients, shown);
	const struct peal_client_member *members_before = peal_clients_members_of(clients, before);
	uint32_t at = 0, told_count = 0;

	for (uint32_t i = 0; i < before->members_count && told_count < DEPARTED_MAX; i++) {
		uint64_t mid = members_before[i].mid;
		struct peal_client_departed departed = {.mid = mid};

		while (at < shown->members_count && members[at].mid < mid) {
			at++;
		}
		if (at < shown->members_count && members[at].mid == mid) {
			continue;
		}
		told_count++;
		departed.departure =
			(uint32_t)peal_plane_find_departure(clients->outside.plane, mid);
		for (uint64_t left = clients->attached; left != 0; left &= left - 1U) {
			peal_clients_write(clients, &clients->room->clients[__builtin_ctzll(left)],
				PEAL_CLIENT_DEPARTED, 0,
				&(struct peal_clients_bytes){
					.head = &departed, .head_size = sizeof(departed)});
		}
	}
}

static void
show_all(struct peal_clients *clients)
{
	peal_clients_forget_values(clients);
	for (uint64_t left = clients->attached; left != 0; left &= left - 1U) {
		struct peal_client *client = &clients->room->clients[__builtin_ctzll(left)];

		peal_clients_show(clients, client);
		if (client->is_shown_due && client->is_hearing) {
			clients->showing |= peal_clients_bit_of(clients, client);
		}
	}
	peal_clients_tell_cast(clients);
}

/* --- where views come from --- */

/* A place for the members of a large view: there is one more than views are kept. */
static uint8_t
find_large(const struct peal_clients *clients)
{
	const struct peal_clients_room *room = clients->room;
	uint32_t used = 0;

	if (room->shown.large != PEAL_CLIENTS_NOT_LARGE) {
		used |= 1U << room->shown.large;
	}
	for (uint32_t i = 0; i < room->views_count; i++) {
		if (room->views[i].large != PEAL_CLIENTS_NOT_LARGE) {
			used |= 1U << room->views[i].large;
		}
	}
	_Static_assert(PEAL_CLIENTS_LARGE_VIEWS < 32U, "a set of them is a word");
	PEAL_ASSERT((uint32_t)__builtin_ctz(~used) < PEAL_CLIENTS_LARGE_VIEWS);
	return (uint8_t)__builtin_ctz(~used);
}

static void
take_members(
	struct peal_clients *clients, const struct peal_peers *peers, struct peal_clients_view *out)
{
	struct peal_client_member *members = out->members;

	*out = (struct peal_clients_view){.epoch = peers->epoch,
		.self_mid = peers->self_mid,
		.view_tag = peers->view_tag,
		.members_count = peers->members_count,
		.large = PEAL_CLIENTS_NOT_LARGE};
	if (peers->is_large) {
		PEAL_ASSERT(peers->members_count <= clients->outside.members_max);
		out->large = find_large(clients);
		members = clients->outside.large_members +
			  (size_t)out->large * clients->outside.members_max;
	}
	for (uint16_t rank = 0; rank < peers->members_count; rank++) {
		describe_member(&peers->view->members[rank], &members[rank]);
	}
}

void
peal_clients_lapse(struct peal_clients *clients)
{
	uint64_t epoch = clients->room->shown.epoch;

	if (clients->attached == 0) {
		clients->leased_epoch = UINT64_MAX;
		peal_region_write_lease(
			clients->outside.page, epoch, epoch == 0 ? 0 : PEAL_REGION_LEASE_LAPSED);
	}
}

void
peal_clients_show_none(struct peal_clients *clients)
{
	if (clients->room == NULL) {
		return;
	}
	clients->room->views_count = 0;
	if (clients->room->shown.epoch != 0) {
		clients->room->shown =
			(struct peal_clients_view){.epoch = 0, .large = PEAL_CLIENTS_NOT_LARGE};
		show_all(clients);
		peal_clients_lapse(clients);
	}
}

void
peal_clients_switch(struct peal_clients *clients, const struct peal_peers *peers)
{
	bool is_same = peal_peers_is_same_view(clients->peers, peers);

	clients->peers = peers;
	peal_procgroups_switch(clients->config.groups, peers);
	if (clients->room == NULL) {
		return;
	}
	clients->is_switched = true;
	if (is_same) {
		return;
	}
	if (peers->members_count == 0) {
		peal_clients_show_none(clients);
		return;
	}
	if (clients->room->views_count == PEAL_CAST_VIEWS_MAX) {
		/* Broadcast gives the oldest up as well. */
		clients->room->views_count--;
		memmove(clients->room->views, clients->room->views + 1,
			clients->room->views_count * sizeof(clients->room->views[0]));
	}
	take_members(clients, peers, &clients->room->views[clients->room->views_count]);
	clients->room->views_count++;
}

void
peal_clients_on_view(void *state, uint64_t epoch, uint32_t view_tag)
{
	struct peal_clients *clients = state;
	uint32_t passed = 0;

	clients->load_cast.view(clients->load_cast.state, epoch, view_tag);
	if (clients->room == NULL) {
		return;
	}
	while (passed < clients->room->views_count && clients->room->views[passed].epoch <= epoch) {
		passed++;
	}
	if (passed == 0) {
		return;
	}
	/* Parts of messages of the last view that did not all come begin again. */
	memset(clients->app_origins, 0, sizeof(clients->app_origins));
	const struct peal_clients_view before = clients->room->shown;

	clients->room->shown = clients->room->views[passed - 1U];
	if (before.self_mid == clients->room->shown.self_mid) {
		tell_departed(clients, &before);
	}
	clients->room->views_count -= passed;
	memmove(clients->room->views, clients->room->views + passed,
		clients->room->views_count * sizeof(clients->room->views[0]));
	show_all(clients);
	peal_clients_lapse(clients);
}
