/* SPDX-License-Identifier: BSD-3-Clause */
#include "dataplane/clients_private.h"
#include "dataplane/link.h"

#include <string.h>

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

/* One piece of the view that is shown. */
static void
write_piece(struct peal_clients *clients, struct peal_client *client)
{
	const struct peal_clients_view *shown = &clients->room->shown;
	struct peal_client_member members[PEAL_CLIENT_MEMBERS_BURST_MAX];
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

	for (uint32_t i = 0; i < count; i++) {
		if (shown->large != NULL) {
			describe_member(
				&shown->large->members[client->shown_rank + i], &members[i]);
		} else {
			members[i] = shown->members[client->shown_rank + i];
		}
	}
	peal_clients_write(clients, client, PEAL_CLIENT_VIEW, 0,
		&(struct peal_clients_bytes){.head = &head,
			.head_size = sizeof(head),
			.body = members,
			.body_size = (uint32_t)(count * sizeof(members[0]))});
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
	return count;
}

void
peal_clients_show(struct peal_clients *clients, struct peal_client *client)
{
	_Static_assert(
		PEAL_CLIENT_MEMBERS_BURST_MAX * PEAL_CLIENT_PIECES_BURST_MAX >= PEAL_DIRECT_MAX,
		"a view in which messages are cast is whole before the first of them");

	client->shown_rank = 0;
	client->is_shown_due = true;
	(void)peal_clients_show_more(clients, client);
}

/* Why members of `before` are not in the view that is shown now. */
static void
tell_departed(struct peal_clients *clients, const struct peal_clients_view *before)
{
	const struct peal_clients_view *shown = &clients->room->shown;
	uint32_t at = 0;

	for (uint32_t i = 0; i < before->members_count; i++) {
		uint64_t mid = before->members[i].mid;
		struct peal_client_departed departed = {.mid = mid};

		while (at < shown->members_count && shown->members[at].mid < mid) {
			at++;
		}
		if (at < shown->members_count && shown->members[at].mid == mid) {
			continue;
		}
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
		peal_clients_show(clients, &clients->room->clients[__builtin_ctzll(left)]);
	}
}

/* --- where views come from --- */

static void
take_members(const struct peal_peers *peers, struct peal_clients_view *out)
{
	*out = (struct peal_clients_view){.epoch = peers->epoch,
		.self_mid = peers->self_mid,
		.view_tag = peers->view_tag,
		.members_count = peers->members_count};
	if (peers->is_large) {
		out->large = peers->view;
		return;
	}
	for (uint16_t rank = 0; rank < peers->members_count; rank++) {
		describe_member(&peers->view->members[rank], &out->members[rank]);
	}
}

void
peal_clients_show_none(struct peal_clients *clients)
{
	if (clients->room == NULL) {
		return;
	}
	clients->room->views_count = 0;
	/* A large view is shown without the broadcast, which ends when one comes. */
	if (clients->room->shown.epoch != 0 && clients->room->shown.large == NULL) {
		clients->room->shown = (struct peal_clients_view){.epoch = 0};
		show_all(clients);
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
		/* The view that the members of a large one stand in is that of the newest table. */
		clients->room->shown.large =
			clients->room->shown.large != NULL ? peers->view : NULL;
		return;
	}
	if (peers->members_count == 0) {
		clients->room->shown.large = NULL;
		peal_clients_show_none(clients);
		return;
	}
	if (peers->is_large) {
		clients->room->views_count = 0;
		take_members(peers, &clients->room->shown);
		show_all(clients);
		return;
	}
	clients->room->shown.large = NULL;
	if (clients->room->views_count == PEAL_CAST_VIEWS_MAX) {
		/* Broadcast gives the oldest up as well. */
		clients->room->views_count--;
		memmove(clients->room->views, clients->room->views + 1,
			clients->room->views_count * sizeof(clients->room->views[0]));
	}
	take_members(peers, &clients->room->views[clients->room->views_count++]);
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
	if (before.large == NULL && before.self_mid == clients->room->shown.self_mid) {
		tell_departed(clients, &before);
	}
	clients->room->views_count -= passed;
	memmove(clients->room->views, clients->room->views + passed,
		clients->room->views_count * sizeof(clients->room->views[0]));
	show_all(clients);
}
