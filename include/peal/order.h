/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Order groups: messages in one order for all. Part of peal/peal.h, which says what holds for all
 * calls.
 *
 *     uint32_t order;
 *
 *     peal_order_open(peal, 7, &order);
 *     ... ORDER_VIEW: it is there; now peal_order_send(peal, order, bytes, size) ...
 *     ... ORDERED: the next message, the same one at all who have the group open ...
 *
 * What is delivered is final: a majority of the ranks store it, and nothing can come before it any
 * more, whoever crashes. The order is causal, too: what an application sends after it was told of
 * a message stands behind that message.
 */
#ifndef PEAL_ORDER_H
#define PEAL_ORDER_H

#include <peal/peal.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Ranks of a group: 1, 3, 5, 7 or 9. Groups that may be, and that one attachment may have open.
 * Bytes of the name of a rank. */
#define PEAL_ORDER_GROUP_RANKS_MAX    9U
#define PEAL_ORDER_GROUPS_MAX         16U
#define PEAL_ORDER_RANK_NAME_SIZE_MAX 31U

/* A rank: a place in the group with a name that stays, and the member that has it now. */
struct peal_order_rank {
	uint64_t member;
	char name[32]; /* a-z A-Z 0-9 . _ -, and a zero at the end */
};

/* How a group is. The same at all nodes that have the view, but for `own_rank` and `is_waiting`. */
struct peal_order_view {
	uint64_t position; /* of the last message before it */
	uint32_t group;    /* its id */
	uint32_t generation;
	uint32_t view;        /* its number, from 1; 0 = this node has not heard of any yet */
	uint16_t active;      /* bit r: rank r takes part */
	uint16_t is_waiting;  /* not 0: too few ranks are heard, nothing is ordered for now */
	uint32_t own_rank;    /* of this node; PEAL_ORDER_NO_RANK = none: it only listens */
	uint32_t ranks_count; /* more than it was created with when an operator opened some */
	const struct peal_order_rank *ranks; /* those have no name; member 0: it stands empty */
	uint64_t reserved[3];
};

#define PEAL_ORDER_NO_RANK UINT32_MAX

/* Why an order group is open no more, or never was. */
enum peal_order_end {
	PEAL_ORDER_END_CLOSED = 0,        /* it was asked for */
	PEAL_ORDER_END_UNKNOWN = 1,       /* there is no such group */
	PEAL_ORDER_END_TAKEN = 2,         /* created with other ranks by somebody else */
	PEAL_ORDER_END_NO_MEMBER = 3,     /* a rank is no member of the view of nodes */
	PEAL_ORDER_END_TOO_MANY = 4,      /* groups: 16, 4 of one member; wishes: one */
	PEAL_ORDER_END_REPLACED = 5,      /* it was created anew; or this node lost its rank */
	PEAL_ORDER_END_FAULT = 6,         /* this node cannot be right about the order: stopped */
	PEAL_ORDER_END_REMOVED = 7,       /* this node is no member of the view of nodes */
	PEAL_ORDER_END_NOT_SUPPORTED = 8, /* this node has no order groups */
	PEAL_ORDER_END_IN_USE = 9,        /* this attachment has it open already */
};

/*
 * Opens a group by its id, from the message on that is next here. OK: ORDER_VIEW follows, or
 * ORDER_ENDED. TOO_MANY; FULL; FORBIDDEN; BAD_NAME: an id is not 0. Any node may, also one without
 * a rank.
 */
PEAL_API enum peal_result peal_order_open(struct peal *peal, uint32_t group, uint32_t *order_out);

/*
 * Has the members of the view create a group, generation 1, and opens it; one that is there with
 * these very ranks is only opened, so all who need it may create it. 1, 3, 5, 7 or 9 ranks, each
 * name and each member once; up to half of them may crash later. OK: ORDER_VIEW follows, some
 * milliseconds to seconds later, or ORDER_ENDED. TOO_MANY, FULL, FORBIDDEN, BAD_NAME (id, names,
 * count).
 */
PEAL_API enum peal_result peal_order_create(struct peal *peal, uint32_t group,
	const struct peal_order_rank *ranks, uint32_t ranks_count, uint32_t *order_out);

/* Hears no more of it: ORDER_ENDED follows, and other events may come before. What was sent is
 * ordered all the same. */
PEAL_API enum peal_result peal_order_close(struct peal *peal, uint32_t order);

/*
 * Sends a message of 0 to peal_order_size_max bytes. It is ordered when it comes back: ORDERED,
 * with its position. peal_send and peal_claim take an order group in the place of a channel, too.
 * FULL: too much waits to be ordered; NO_QUORUM: the group waits; NOT_RANK: this node has no rank;
 * NOT_IN_VIEW: before the first ORDER_VIEW; TOO_BIG; CLOSED.
 */
PEAL_API enum peal_result peal_order_send(
	struct peal *peal, uint32_t order, const void *bytes, uint32_t size);

/* The largest message. */
PEAL_API uint32_t peal_order_size_max(const struct peal *peal);

/* As of the last event polled, until the next peal_poll. NULL: it is not open (yet). */
PEAL_API const struct peal_order_view *peal_order_view(const struct peal *peal, uint32_t order);

#ifdef __cplusplus
}
#endif

#endif
