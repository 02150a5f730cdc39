/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Ranks that are given to other members (docs/design/0023-handover.md): the command, who judges it,
 * and how those hear of it whom it concerns.
 */
#include "dataplane/orders_handover.h"

#include "base/hash.h"
#include "base/museum.h"
#include "dataplane/orders_private.h"
#include "wire/order_data.h"

/* Between two words to those who hold a rank and do not know. */
#define NAME_NS UINT64_C(10000000)
/* The same to one who speaks for a rank that is another's. */
#define TELL_NS UINT64_C(1000000)

static const char *const refusal_names[] = {
	[PEAL_ORDERS_NOT_REFUSED] = "in order",
	[PEAL_ORDERS_HANDOVER_NO_GROUP] = "no group",
	[PEAL_ORDERS_HANDOVER_NOT_RANK] = "no rank here",
	[PEAL_ORDERS_HANDOVER_ONE_RANK] = "one rank",
	[PEAL_ORDERS_HANDOVER_NO_RANK] = "no such rank",
	[PEAL_ORDERS_HANDOVER_EMPTY] = "empty",
	[PEAL_ORDERS_HANDOVER_HELD] = "held",
	[PEAL_ORDERS_HANDOVER_NO_MEMBER] = "no member",
	[PEAL_ORDERS_HANDOVER_HOLDS_ONE] = "holds one",
	[PEAL_ORDERS_HANDOVER_UNDER_WAY] = "under way",
	[PEAL_ORDERS_HANDOVER_TOO_FEW] = "too few",
	[PEAL_ORDERS_HANDOVER_BUSY] = "busy",
	[PEAL_ORDERS_HANDOVER_TOO_LARGE] = "too large",
	[PEAL_ORDERS_HANDOVER_CROWDED] = "crowded",
};

const char *
peal_orders_refusal_name(enum peal_orders_refusal refusal)
{
	PEAL_ASSERT((uint32_t)refusal < sizeof(refusal_names) / sizeof(refusal_names[0]));
	return refusal_names[refusal];
}

/* --- the command --- */

/* By the order, at the position of the machine: the same at all ranks. What restarts brought may
 * differ from rank to rank, and is not in it. */
static uint64_t
holder_of(const struct peal_abcast *abcast, uint8_t rank)
{
	return peal_abcast_is_given(abcast, rank) ? abcast->known[rank] : abcast->members[rank];
}

/* A rank was given to somebody who is not in. */
static bool
is_under_way(const struct peal_abcast *abcast, uint8_t rank)
{
	uint64_t holder = abcast->members[rank];

	return peal_abcast_is_given(abcast, rank) ||
	       (peal_order_term(holder) > 0 && peal_order_member(holder) != 0 &&
		       (abcast->active >> rank & 1U) == 0);
}

/* Whether those who may send without the rank are enough where it has gone: of those who count now,
 * or without it too if it stands empty then. Two at least: what one has nobody else has. */
static bool
is_enough_left(const struct peal_abcast *abcast, uint32_t rank, uint64_t mid)
{
	uint32_t left = (uint32_t)__builtin_popcount(abcast->active & ~(1U << rank));
	uint32_t counted =
		(uint32_t)__builtin_popcount(abcast->counted & ~(mid == 0 ? 1U << rank : 0U));

	return left > counted / 2U && (mid != 0 || left > 1U);
}

/* What all ranks judge alike where the command is delivered: by the view of the group and what was
 * given before, and nothing else. */
static enum peal_orders_refusal
judge(const struct peal_abcast *abcast, uint32_t rank, uint64_t mid)
{
	if (abcast->counted == 1U << rank) {
		return PEAL_ORDERS_HANDOVER_ONE_RANK;
	}
	if (rank > abcast->ranks_count ||
		rank >= peal_order_ranks_limit(abcast->config.ranks_count)) {
		return PEAL_ORDERS_HANDOVER_NO_RANK;
	}
	for (uint8_t i = 0; mid != 0 && i < PEAL_ORDER_RANKS_MAX; i++) {
		if (peal_order_member(holder_of(abcast, i)) == mid) {
			return PEAL_ORDERS_HANDOVER_HOLDS_ONE;
		}
	}
	if (mid == 0 && peal_order_member(holder_of(abcast, (uint8_t)rank)) == 0) {
		return PEAL_ORDERS_HANDOVER_EMPTY;
	}
	for (uint8_t i = 0; i < PEAL_ORDER_RANKS_MAX; i++) {
		/* What was begun may be given up: the same rank is given to another. */
		if (i != rank && is_under_way(abcast, i) && !is_under_way(abcast, (uint8_t)rank)) {
			return PEAL_ORDERS_HANDOVER_UNDER_WAY;
		}
	}
	return is_enough_left(abcast, rank, mid) ? PEAL_ORDERS_NOT_REFUSED
						 : PEAL_ORDERS_HANDOVER_TOO_FEW;
}

/* It would have to hold ranks of more groups than it takes. This group may have named it. */
static bool
is_crowded(const struct peal_orders_group *group, uint64_t mid)
{
	uint32_t count = peal_view_count_ordergroups_of(group->orders->peers->view, mid);

	for (uint32_t i = 0; i < group->config.ranks_count; i++) {
		count -= group->config.ranks[i].mid == mid ? 1U : 0U;
	}
	return count >= PEAL_ORDERS_MAX;
}

/* What only the node that was asked looks at. */
static enum peal_orders_refusal
judge_here(const struct peal_orders_group *group, enum peal_orders_handover what, uint32_t rank,
	uint64_t mid)
{
	const struct peal_orders *orders = group->orders;
	const struct peal_abcast *abcast = &group->abcast;
	bool is_known = rank < PEAL_ORDER_RANKS_MAX;
	bool is_empty = is_known && peal_order_member(holder_of(abcast, (uint8_t)rank)) == 0;

	if (group->is_ended || peal_abcast_is_given(abcast, abcast->config.rank)) {
		return PEAL_ORDERS_HANDOVER_NOT_RANK;
	}
	if (group->has_command || abcast->state != PEAL_ABCAST_RUNNING) {
		return PEAL_ORDERS_HANDOVER_BUSY;
	}
	if (rank < PEAL_ORDER_RANKS_MAX && abcast->counted == 1U << rank) {
		return PEAL_ORDERS_HANDOVER_ONE_RANK;
	}
	if (rank > abcast->ranks_count || (rank == abcast->ranks_count && what != PEAL_ORDERS_ADD &&
						  !peal_abcast_is_given(abcast, (uint8_t)rank))) {
		return PEAL_ORDERS_HANDOVER_NO_RANK;
	}
	if (is_known && is_empty != (what == PEAL_ORDERS_ADD)) {
		return is_empty ? PEAL_ORDERS_HANDOVER_EMPTY : PEAL_ORDERS_HANDOVER_HELD;
	}
	if (what != PEAL_ORDERS_REMOVE && !peal_orders_is_member(orders, mid)) {
		return PEAL_ORDERS_HANDOVER_NO_MEMBER;
	}
	if (orders->peers->members_count > PEAL_ORDERS_HANDOVER_MEMBERS_MAX) {
		return PEAL_ORDERS_HANDOVER_TOO_LARGE;
	}
	if (what != PEAL_ORDERS_REMOVE && is_crowded(group, mid)) {
		return PEAL_ORDERS_HANDOVER_CROWDED;
	}
	return judge(abcast, rank, what == PEAL_ORDERS_REMOVE ? 0 : mid);
}

enum peal_orders_refusal
peal_orders_hand_over(struct peal_orders *orders, uint32_t group, enum peal_orders_handover what,
	uint32_t rank, uint64_t mid)
{
	struct peal_orders_group *found = peal_orders_find_group(orders, group);
	enum peal_orders_refusal refusal;
	uint64_t term;

	if (found == NULL) {
		return orders->peers->members_count == 0 ||
				       peal_view_find_ordergroup(orders->peers->view, group) == NULL
			       ? PEAL_ORDERS_HANDOVER_NO_GROUP
			       : PEAL_ORDERS_HANDOVER_NOT_RANK;
	}
	refusal = judge_here(found, what, rank, mid);
	if (refusal != PEAL_ORDERS_NOT_REFUSED) {
		peal_orders_count(orders, PEAL_COUNTER_ORDER_HANDOVERS_REFUSED);
		return refusal;
	}
	term = peal_order_term(holder_of(&found->abcast, (uint8_t)rank)) + 1U;
	PEAL_ASSERT(term < PEAL_ORDER_TERM_MAX);
	found->has_command = true;
	found->command = (struct peal_order_handover){.rank = (uint8_t)rank,
		.holder = peal_order_holder(term, what == PEAL_ORDERS_REMOVE ? 0 : mid)};
	return PEAL_ORDERS_NOT_REFUSED;
}

void
peal_orders_on_command(struct peal_orders_group *group, const uint8_t *data)
{
	struct peal_abcast *abcast = &group->abcast;
	struct peal_order_handover handover = peal_order_data_handover(data);

	if (judge(abcast, handover.rank, peal_order_member(handover.holder)) !=
			PEAL_ORDERS_NOT_REFUSED ||
		peal_order_term(handover.holder) !=
			peal_order_term(holder_of(abcast, handover.rank)) + 1U) {
		peal_orders_count(group->orders, PEAL_COUNTER_ORDER_HANDOVERS_VOID);
		return;
	}
	peal_orders_count(group->orders, PEAL_COUNTER_ORDER_HANDOVERS);
	peal_abcast_assign(abcast, handover.rank, handover.holder);
}

/* --- who is told --- */

/* The rank for which a view names this node by a command, or ranks_count. */
static uint8_t
find_named(const struct peal_orders *orders, const struct peal_order_msg *message)
{
	for (uint8_t i = 0; i < message->head.rows_count; i++) {
		uint64_t holder = message->view.cuts[i].member;

		if (peal_order_term(holder) > 0 && peal_order_member(holder) == orders->self_mid) {
			return i;
		}
	}
	return message->head.rows_count;
}

/* A machine that was here before, for another life of this member in the group, is over: it never
 * spoke in a view as late as the one that was told. False: it is the same life, or a later one. */
static bool
end_before(struct peal_orders_group *group, uint8_t rank, uint64_t holder, uint32_t view)
{
	const struct peal_abcast *abcast = &group->abcast;
	uint32_t latest = group->told_view > abcast->view ? group->told_view : abcast->view;

	if ((abcast->config.rank == rank && abcast->config.member == holder) || view <= latest) {
		return false;
	}
	if (!group->is_ended) {
		peal_orders_end(group, PEAL_ABCAST_FAULT_REPLACED);
	}
	group->is_used = false;
	group->orders->groups_count--;
	return true;
}

void
peal_orders_on_install(struct peal_orders *orders, struct peal_orders_group *group,
	const struct peal_opened *opened, uint64_t now_ns)
{
	const struct peal_ordergroup *config;
	struct peal_order_msg message;
	uint64_t holder;
	uint8_t rank;

	if (!peal_order_msg_decode(opened->kind, opened->body, opened->body_size, &message)) {
		return; /* the machine counts it */
	}
	config = peal_view_find_ordergroup(orders->peers->view, message.head.group);
	if (config == NULL ||
		message.head.rows_count > peal_order_ranks_limit(config->ranks_count) ||
		message.head.configuration != (uint32_t)peal_ordergroup_hash(config).low) {
		return;
	}
	rank = find_named(orders, &message);
	if (rank < message.head.rows_count) {
		holder = message.view.cuts[rank].member;
		if (group == NULL || end_before(group, rank, holder, message.head.view)) {
			peal_orders_begin(orders, config, rank, holder, false, now_ns);
		}
		group = peal_orders_find_group(orders, config->id);
	}
	if (group != NULL && message.head.view > group->told_view) {
		group->told_view = message.head.view;
	}
}

/* True when a frame of who held a rank before, or has its name, is worth a word: it does not know.
 */
static bool
is_mistaken(const struct peal_orders_group *group, uint8_t rank, uint64_t mid)
{
	uint64_t holder = group->holders[rank];

	return peal_order_term(holder) > 0 && peal_order_member(holder) != mid &&
	       group->abcast.members[rank] == holder && rank != group->abcast.config.rank &&
	       group->abcast.state == PEAL_ABCAST_RUNNING;
}

uint64_t
peal_orders_resolve(struct peal_orders_group *group, uint8_t rank, uint64_t mid, uint64_t now_ns)
{
	const struct peal_abcast *abcast = &group->abcast;

	if (rank >= PEAL_ORDER_RANKS_MAX) {
		return mid; /* the machine refuses it */
	}
	if (peal_order_member(abcast->members[rank]) == mid) {
		return abcast->members[rank];
	}
	if (peal_order_member(group->holders[rank]) == mid) {
		return group->holders[rank];
	}
	if (is_mistaken(group, rank, mid) && now_ns - group->told_at_ns >= TELL_NS &&
		!PEAL_BUG(HANDOVER_UNTOLD)) {
		group->told_at_ns = now_ns;
		group->stranger_mid = (uint32_t)mid;
		peal_abcast_tell(&group->abcast, rank);
		group->stranger_mid = 0;
	}
	return mid;
}

void
peal_orders_run_handover(struct peal_orders_group *group, uint64_t now_ns)
{
	struct peal_abcast *abcast = &group->abcast;

	if (abcast->state != PEAL_ABCAST_RUNNING || abcast->active == abcast->all ||
		now_ns - group->named_at_ns < NAME_NS) {
		return;
	}
	group->named_at_ns = now_ns;
	for (uint8_t i = 0; i < abcast->ranks_count; i++) {
		if (i != abcast->config.rank && is_under_way(abcast, i)) {
			peal_abcast_tell(abcast, i);
		}
	}
}
