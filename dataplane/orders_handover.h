/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * An operator gives a rank of an order group to another member, or to none: what may be wanted, why
 * it may be refused, and how it is asked for (docs/design/0023-handover.md).
 *
 * All but the request belongs to the thread of the home shard.
 */
#ifndef PEAL_DATAPLANE_ORDERS_HANDOVER_H
#define PEAL_DATAPLANE_ORDERS_HANDOVER_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

struct peal_orders;

/* Above, members have slots for neighbours and the ranks that the table names, and not for those to
 * whom a rank was given since. */
#define PEAL_ORDERS_HANDOVER_MEMBERS_MAX 64U

/* What an operator wants of a rank. */
enum peal_orders_handover {
	PEAL_ORDERS_REPLACE = 0, /* another member holds it */
	PEAL_ORDERS_REMOVE,      /* nobody does */
	PEAL_ORDERS_ADD,         /* it stands empty, and a member gets it */
};

/* Why not; stable names are those of peal_orders_refusal_name. */
enum peal_orders_refusal {
	PEAL_ORDERS_NOT_REFUSED = 0, /* it is put in order, and then judged again */
	PEAL_ORDERS_HANDOVER_NO_GROUP,
	PEAL_ORDERS_HANDOVER_NOT_RANK,  /* this node holds none, or none any more: ask another */
	PEAL_ORDERS_HANDOVER_ONE_RANK,  /* a group of one rank cannot give it away */
	PEAL_ORDERS_HANDOVER_NO_RANK,   /* the group has fewer */
	PEAL_ORDERS_HANDOVER_EMPTY,     /* nobody holds the rank */
	PEAL_ORDERS_HANDOVER_HELD,      /* somebody does */
	PEAL_ORDERS_HANDOVER_NO_MEMBER, /* the number is of nobody in the view */
	PEAL_ORDERS_HANDOVER_HOLDS_ONE, /* the member has a rank of this group */
	PEAL_ORDERS_HANDOVER_UNDER_WAY, /* another rank is given to somebody who is not in yet */
	PEAL_ORDERS_HANDOVER_TOO_FEW,   /* without the rank no majority would be there */
	PEAL_ORDERS_HANDOVER_BUSY, /* no view is here just now, or a command waits; try again */
	PEAL_ORDERS_HANDOVER_TOO_LARGE, /* the view of the membership has too many members */
	PEAL_ORDERS_HANDOVER_CROWDED,   /* the member was named by as many groups as it takes */
};

/* A command, of any one thread at a time. The asker's until it asks, then the core's until it has
 * answered. */
struct peal_orders_request {
	_Atomic bool is_asked;
	uint32_t group;
	uint32_t rank;
	enum peal_orders_handover what;
	uint64_t mid; /* 0 with REMOVE */
	enum peal_orders_refusal refusal;
};

/*
 * Puts a command in order: the rank `rank` is given to `mid`, or to nobody. When it is delivered it
 * is judged once more, by what all ranks know there; it may then be void, when another command was
 * first. It is done when the view of the group names the member and may_send has the rank.
 */
enum peal_orders_refusal peal_orders_hand_over(struct peal_orders *orders, uint32_t group,
	enum peal_orders_handover what, uint32_t rank, uint64_t mid);
/* In one or two words, and a sentence that says what is expected: static. */
const char *peal_orders_refusal_name(enum peal_orders_refusal refusal);

/* Fill the request in, ask, wake the core; `refusal` is there when it is answered. */
static inline void
peal_orders_ask_request(struct peal_orders_request *request)
{
	atomic_store_explicit(&request->is_asked, true, memory_order_release);
}

static inline bool
peal_orders_has_answer(const struct peal_orders_request *request)
{
	return !atomic_load_explicit(&request->is_asked, memory_order_acquire);
}

#endif
