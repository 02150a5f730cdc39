/* SPDX-License-Identifier: BSD-3-Clause */
#include "sim/simranks.h"

#include <inttypes.h>
#include <stdio.h>

/* Whether the process that has this number lives, and has a rank of the group. */
static bool
is_alive(const struct peal_simorders *nodes, uint32_t count, uint32_t id, uint32_t without,
	uint64_t mid)
{
	for (uint32_t i = 0; i < count; i++) {
		if (i != without && peal_simorders_find_machine(&nodes[i], id) != NULL &&
			nodes[i].orders.self_mid == mid) {
			return true;
		}
	}
	return false;
}

/* A node that runs a rank of the group, or NULL. */
static struct peal_simorders *
find_commander(struct peal_simorders *nodes, uint32_t count, uint32_t id, uint32_t first)
{
	for (uint32_t i = 0; i < count; i++) {
		struct peal_simorders *node = &nodes[(first + i) % count];
		const struct peal_orders_group *group = peal_simorders_find_machine(node, id);

		if (group != NULL && group->abcast.state == PEAL_ABCAST_RUNNING) {
			return node;
		}
	}
	return NULL;
}

uint32_t
peal_simranks_hand_over(struct peal_simorders *nodes, uint32_t count, uint32_t id,
	const struct peal_simranks_handover *handover)
{
	struct peal_simorders *node = find_commander(nodes, count, id, handover->commander);
	const struct peal_simorders *taker = &nodes[handover->taker];
	enum peal_orders_refusal refusal;

	if (node == NULL) {
		return count;
	}
	refusal = peal_orders_hand_over(&node->orders, id, handover->what, handover->rank,
		handover->what == PEAL_ORDERS_REMOVE ? 0 : taker->orders.self_mid);
	node->ledger->handovers_count += refusal == PEAL_ORDERS_NOT_REFUSED ? 1U : 0U;
	return refusal == PEAL_ORDERS_NOT_REFUSED ? node->index : count;
}

/* A node without a rank of the group; `count`: there is none. */
static uint32_t
find_free(const struct peal_simorders *nodes, uint32_t count, uint32_t id)
{
	for (uint32_t i = 0; i < count; i++) {
		if (nodes[i].is_up && nodes[i].orders.self_mid != 0 &&
			peal_simorders_find_machine(&nodes[i], id) == NULL) {
			return i;
		}
	}
	return count;
}

bool
peal_simranks_find_empty(struct peal_simorders *nodes, uint32_t count, uint32_t id, uint32_t first,
	struct peal_simranks_handover *handover_out)
{
	const struct peal_simorders *node = find_commander(nodes, count, id, 0);
	const struct peal_orders_group *group =
		node == NULL ? NULL : peal_simorders_find_machine(node, id);

	for (uint32_t k = 0; group != NULL && k < group->abcast.ranks_count; k++) {
		uint32_t rank = (first + k) % group->abcast.ranks_count;
		uint64_t mid = peal_order_member(group->abcast.members[rank]);

		if (is_alive(nodes, count, id, count, mid)) {
			continue;
		}
		*handover_out = (struct peal_simranks_handover){.commander = node->index,
			.taker = find_free(nodes, count, id),
			.rank = rank,
			.what = mid == 0 ? PEAL_ORDERS_ADD : PEAL_ORDERS_REPLACE};
		return handover_out->taker != count;
	}
	return false;
}

bool
peal_simranks_find_step(struct peal_simorders *nodes, uint32_t count, uint32_t id, uint32_t target,
	struct peal_simranks_handover *handover_out)
{
	const struct peal_simorders *node = find_commander(nodes, count, id, 0);
	const struct peal_orders_group *group =
		node == NULL ? NULL : peal_simorders_find_machine(node, id);
	uint32_t taker, empty, held = 0, held_count = 0;

	*handover_out = (struct peal_simranks_handover){0};
	if (group == NULL) {
		return true; /* all are between two views */
	}
	taker = find_free(nodes, count, id);
	empty = group->abcast.ranks_count;
	*handover_out = (struct peal_simranks_handover){
		.commander = node->index, .taker = taker == count ? 0 : taker};
	for (uint32_t rank = group->abcast.ranks_count; rank > 0; rank--) {
		uint64_t mid = peal_order_member(group->abcast.members[rank - 1U]);

		if (mid == 0) {
			empty = rank - 1U;
			continue;
		}
		held = held_count == 0 ? rank - 1U : held;
		held_count++;
		if (!is_alive(nodes, count, id, count, mid)) {
			handover_out->rank = rank - 1U;
			handover_out->what =
				taker == count ? PEAL_ORDERS_REMOVE : PEAL_ORDERS_REPLACE;
			return true;
		}
	}
	handover_out->what = held_count < target ? PEAL_ORDERS_ADD : PEAL_ORDERS_REMOVE;
	handover_out->rank = held_count < target ? empty : held;
	return held_count != target || group->abcast.active != group->abcast.counted;
}

bool
peal_simranks_may_lose(
	const struct peal_simorders *nodes, uint32_t count, uint32_t id, uint32_t index)
{
	bool has_view = false;

	for (uint32_t i = 0; i < count; i++) {
		const struct peal_orders_group *group = peal_simorders_find_machine(&nodes[i], id);
		uint16_t held = 0, there = 0;

		if (group == NULL || group->abcast.state == PEAL_ABCAST_OUT) {
			continue;
		}
		has_view = true;
		for (uint8_t rank = 0; rank < group->abcast.ranks_count; rank++) {
			uint64_t mid = peal_order_member(group->abcast.members[rank]);
			bool is_there = !peal_abcast_is_given(&group->abcast, rank) &&
					is_alive(nodes, count, id, index, mid);

			held |= (uint16_t)(mid != 0 ? 1U << rank : 0U);
			there |= (uint16_t)(is_there ? 1U << rank : 0U);
		}
		/* Who is about to count may do so with the next view. */
		held |= group->abcast.counted;
		if (!peal_abcast_quorum_is_in(
			    peal_abcast_quorum_of(group->abcast.counted), there) ||
			!peal_abcast_quorum_is_in(peal_abcast_quorum_of(held), there)) {
			return false;
		}
	}
	return has_view;
}

bool
peal_simranks_is_agreed(
	const struct peal_simorders *nodes, uint32_t count, const struct peal_ordergroup *config)
{
	return peal_simranks_count_agreed(nodes, count, config->id, true) == config->ranks_count;
}

uint32_t
peal_simranks_count_agreed(
	const struct peal_simorders *nodes, uint32_t count, uint32_t id, bool is_whole)
{
	const struct peal_orders_group *first = NULL;
	uint32_t ranks_count = 0;

	for (uint32_t i = 0; i < count; i++) {
		const struct peal_orders_group *group = peal_simorders_find_machine(&nodes[i], id);
		const struct peal_abcast *machine;

		if (group == NULL) {
			continue;
		}
		first = first == NULL ? group : first;
		machine = &group->abcast;
		ranks_count++;
		if (machine->state != PEAL_ABCAST_RUNNING || machine->view != first->abcast.view ||
			machine->counted != first->abcast.counted ||
			(is_whole && machine->active != machine->counted) ||
			(machine->active >> machine->config.rank & 1U) == 0 ||
			peal_abcast_position(machine) != peal_abcast_position(&first->abcast) ||
			group->said_count != group->done_count) {
			return 0;
		}
	}
	return first != NULL && (uint32_t)__builtin_popcount(first->abcast.active) == ranks_count
		       ? ranks_count
		       : 0;
}

void
peal_simranks_describe(const struct peal_simorders *nodes, uint32_t count, uint32_t id)
{
	for (uint32_t i = 0; i < count; i++) {
		const struct peal_simorders_ledger *ledger = nodes[i].ledger;
		const struct peal_orders_group *group = peal_simorders_find_machine(&nodes[i], id);

		if (group == NULL) {
			peal_report_violate(ledger->report, *ledger->now_ns,
				"n%u: up %d, no rank of group %u", i, nodes[i].is_up, id);
			continue;
		}
		peal_report_violate(ledger->report, *ledger->now_ns,
			"n%u: member %" PRIu64
			" rank %u of group %u: state %d, view %u, active %x, counted %x, "
			"position %" PRIu64 ", %" PRIu64 " of %" PRIu64 " messages done",
			i, nodes[i].orders.self_mid, group->abcast.config.rank, id,
			(int)group->abcast.state, group->abcast.view, group->abcast.active,
			group->abcast.counted, peal_abcast_position(&group->abcast),
			group->done_count, group->said_count);
	}
}
