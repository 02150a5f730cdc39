/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Process groups in total order: what they have of an order group, and what it tells them. Part of
 * procgroups.h, which says what it is for (docs/design/0024-total-order-groups.md).
 *
 * Pure; plain structs, fields private; one core.
 */
#ifndef PEAL_DATAPLANE_PROCGROUPS_ORDER_H
#define PEAL_DATAPLANE_PROCGROUPS_ORDER_H

#include "base/orderlimits.h"
#include "dataplane/cast.h"
#include "dataplane/procgroup_table.h"
#include "wire/orderhead_msg.h"

struct peal_procgroups;

/* What this node is to an order group. */
struct peal_procgroups_order {
	uint32_t id;
	bool is_rank;    /* its clients may send */
	bool is_waiting; /* for a majority: nothing goes on */
};

/* What an order group delivers here: a message, or a part of one. */
struct peal_procgroups_ordered {
	uint32_t order;
	uint64_t mid; /* of the member that said it */
	bool is_own;
	struct peal_delivery delivery;
};

/* What a rank says in an order group, as far as it came. */
struct peal_procgroups_speaker {
	uint64_t mid;
	uint32_t message_size; /* 0 = nothing is under way */
	uint32_t offset;       /* of the next part */
	struct peal_orderhead_group head;
};

/* An order group that clients of this node have groups by. */
struct peal_procgroups_stream {
	bool is_begun;     /* all that is ordered from here on comes, or is told as missing */
	bool is_lost;      /* something is missing: its seats end, with this reason */
	uint32_t lost_end; /* enum peal_procgroups_end */
	struct peal_procgroups_order order; /* as it was told; id 0 = the place is free */
	uint64_t knock_at_ns;               /* when to ask for a word again */
	uint32_t held_count;
	struct peal_procgroups_speaker speakers[PEAL_ORDER_RANKS_MAX];
};

/* A change of a group in total order whose place has not come. */
struct peal_procgroups_pending {
	uint32_t group;
	struct peal_procgroup_stamp stamp;
	struct peal_procgroup_change change;
};

/* --- what order groups do; from within their calls --- */

void peal_procgroups_on_ordered(
	struct peal_procgroups *groups, const struct peal_procgroups_ordered *message);
/* A view of it began here: `doubtful_count` messages of this node are in doubt. */
void peal_procgroups_on_order_view(
	struct peal_procgroups *groups, uint32_t id, uint64_t doubtful_count);
/* Something was left out here; at the beginning, what was before it. */
void peal_procgroups_on_order_skipped(struct peal_procgroups *groups, uint32_t id);
/* It is no more, or this node takes no part in it any more. */
void peal_procgroups_on_order_ended(struct peal_procgroups *groups, uint32_t id);
/* Now and then: does it wait, is this node a rank? Tells clients. */
void peal_procgroups_look_at_orders(struct peal_procgroups *groups);

/* Whether the process groups of this node need to hear it. */
bool peal_procgroups_listens(const struct peal_procgroups *groups, uint32_t id);

#endif
