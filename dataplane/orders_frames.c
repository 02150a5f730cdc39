/* SPDX-License-Identifier: BSD-3-Clause */
#include "dataplane/orders_private.h"

#include <string.h>

/* Offsets in the head that each body of the family begins with. */
#define GROUP_OFFSET 0U
#define RANK_OFFSET  12U

/* --- what leaves --- */

static void
send_to(struct peal_orders *orders, uint64_t mid, uint8_t kind, const uint8_t *form,
	uint16_t form_size, const uint8_t *bytes, uint16_t size)
{
	const struct peal_egress_rest rest = {.bytes = bytes, .size = size};
	uint16_t slot = peal_peers_find(orders->peers, (uint32_t)mid);
	struct peal_packet packet;
	uint8_t *body;

	if (slot == PEAL_PEERS_NONE || !peal_peers_is_member(orders->peers, slot, mid)) {
		peal_orders_count(orders, PEAL_COUNTER_ORDER_FRAMES_HELD_BACK);
		return;
	}
	orders->sent_count++;
	if (kind != PEAL_ORDER_DATA) {
		/* What the group lives by is never behind bulk. */
		(void)peal_egress_send_slot(orders->config.egress, slot, kind, form, form_size);
		return;
	}
	body = peal_egress_begin(orders->config.egress, &packet);
	if (body == NULL) {
		peal_orders_count(orders, PEAL_COUNTER_ORDER_FRAMES_HELD_BACK);
		return;
	}
	memcpy(body, form, form_size);
	peal_egress_end_rest(
		orders->config.egress, &packet, slot, 0, kind, (uint16_t)(form_size + size), &rest);
}

/* Who is in no view of the group does not know who holds the ranks now, if none of those is there
 * who held them first: it asks one member after the other. */
static void
seek(struct peal_orders_group *group, uint8_t kind, const uint8_t *form, uint16_t form_size,
	const uint8_t *bytes, uint16_t size)
{
	const struct peal_peers *peers = group->orders->peers;

	group->asked_rank = (group->asked_rank + 1U) % peers->members_count;
	if (group->asked_rank != peers->self_rank) {
		send_to(group->orders, peers->view->members[group->asked_rank].mid, kind, form,
			form_size, bytes, size);
	}
}

void
peal_orders_transmit(void *state, uint8_t rank, uint8_t kind, const uint8_t *form,
	uint16_t form_size, const uint8_t *bytes, uint16_t size)
{
	struct peal_orders_group *group = state;
	struct peal_orders *orders = group->orders;
	uint64_t mid;

	if (orders->peers->members_count == 0) {
		return;
	}
	if (group->abcast.state == PEAL_ABCAST_OUT) {
		seek(group, kind, form, form_size, bytes, size);
	}
	mid = group->stranger_mid != 0 ? group->stranger_mid
				       : peal_order_member(group->holders[rank]);
	if (peal_orders_is_member(orders, mid)) {
		send_to(orders, mid, kind, form, form_size, bytes, size);
	}
}

void
peal_orders_release(void *state, uint64_t token)
{
	struct peal_orders_group *group = state;

	peal_orders_pool_give(&group->orders->pool, (uint32_t)token);
}

/* --- how large frames may be --- */

void
peal_orders_doubt_path(void *state, uint8_t rank)
{
	struct peal_orders_group *group = state;
	const struct peal_orders *orders = group->orders;
	uint16_t slot = peal_peers_find(orders->peers, (uint32_t)group->holders[rank]);

	if (orders->config.paths != NULL && slot != PEAL_PEERS_NONE) {
		peal_pathmtu_suspect(orders->config.paths, slot);
	}
}

uint16_t
peal_orders_measure_paths(struct peal_orders_group *group)
{
	const struct peal_orders *orders = group->orders;
	struct peal_pathmtu *paths = orders->config.paths;
	uint16_t least = UINT16_MAX;

	for (uint8_t i = 0; i < group->abcast.ranks_count; i++) {
		uint64_t mid = peal_order_member(group->holders[i]);
		uint16_t slot = peal_peers_find(orders->peers, (uint32_t)mid);
		uint16_t room = PEAL_BODY_SIZE_MAX;

		if (i == group->abcast.config.rank) {
			continue;
		}
		if (slot != PEAL_PEERS_NONE && peal_peers_is_member(orders->peers, slot, mid)) {
			peal_pathmtu_want(paths, slot);
			room = peal_pathmtu_body_size(paths, slot);
		}
		group->abcast.rooms[i] = room;
		least = room < least ? room : least;
	}
	return least;
}

/* --- what comes --- */

/* What is kept is copied: where it lies belongs to the port. */
const uint8_t *
peal_orders_copy(void *state, const uint8_t *bytes, uint16_t size, uint64_t *token_out)
{
	struct peal_orders_group *group = state;
	struct peal_orders_pool *pool = &group->orders->pool;
	uint32_t place = peal_orders_pool_take(pool);

	PEAL_ASSERT(place != PEAL_ORDERS_POOL_NONE);
	PEAL_ASSERT(size <= PEAL_ORDERS_FRAME_SIZE);
	memcpy(peal_orders_pool_bytes(pool, place), bytes, size);
	*token_out = place;
	return peal_orders_pool_bytes(pool, place);
}

void
peal_orders_on_frame(struct peal_orders *orders, const struct peal_opened *opened, uint64_t now_ns)
{
	struct peal_abcast_frame frame = {.member = opened->mid,
		.body = opened->body,
		.body_size = opened->body_size,
		.kind = opened->kind};
	struct peal_orders_group *group;
	uint32_t id;

	if (opened->body_size < PEAL_ORDER_HEAD_SIZE) {
		peal_orders_count(orders, PEAL_COUNTER_REFUSED_BODY);
		return;
	}
	memcpy(&id, opened->body + GROUP_OFFSET, sizeof(id));
	if (opened->kind == PEAL_ORDER_VIEW_INSTALL) {
		peal_orders_on_install(orders, peal_orders_find_group(orders, id), opened, now_ns);
	}
	group = peal_orders_find_group(orders, id);
	if (group == NULL) {
		peal_orders_count(orders, peal_view_find_ordergroup(orders->peers->view, id) == NULL
						  ? PEAL_COUNTER_ORDER_REFUSED_GROUP
						  : PEAL_COUNTER_ORDER_REFUSED_HERE);
		return;
	}
	if (group->is_ended) {
		return;
	}
	peal_orders_believe(group, opened->body[RANK_OFFSET], opened->mid);
	frame.member = peal_orders_resolve(group, opened->body[RANK_OFFSET], opened->mid, now_ns);
	(void)peal_abcast_on_frame(&group->abcast, &frame, now_ns);
}
