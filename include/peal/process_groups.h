/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Process groups: clients of all nodes, by name. Part of peal/peal.h, which says what holds for all
 * calls.
 */
#ifndef PEAL_PROCESS_GROUPS_H
#define PEAL_PROCESS_GROUPS_H

#include <peal/peal.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Why a client is in a group no more. All members of the group are told the same. */
enum peal_group_gone {
	PEAL_GROUP_LEFT = 1,      /* it left the group, or detached */
	PEAL_GROUP_CRASHED = 2,   /* its process ended otherwise */
	PEAL_GROUP_EVICTED = 3,   /* its daemon cut it off */
	PEAL_GROUP_NODE_GONE = 4, /* its node is not in the view of nodes */
};

/* Why this client is in a group no more, or did not come in. */
enum peal_group_end {
	PEAL_GROUP_END_LEFT = 0,          /* it was asked for */
	PEAL_GROUP_END_TOO_MANY = 1,      /* there is no room for another group or member */
	PEAL_GROUP_END_REMOVED = 2,       /* this node is no member any more, or not yet */
	PEAL_GROUP_END_OVERRUN = 3,       /* too much had come before a view that it belongs to; in
					     total order also: this node has missed something */
	PEAL_GROUP_END_NOT_SUPPORTED = 4, /* more nodes than groups are for */
	PEAL_GROUP_END_IN_USE = 5,        /* it is in that group, or about to leave it */
	PEAL_GROUP_END_FORBIDDEN = 6,     /* its user may not join a group of that name */
	PEAL_GROUP_END_NO_ORDER = 7,      /* there is no such order group, or it has ended */
	PEAL_GROUP_END_OTHER_ORDER = 8,   /* the group is in another order */
};

/* Groups that one attachment may be in at a time; bytes of a name. */
#define PEAL_GROUPS_MAX          32U
#define PEAL_GROUP_NAME_SIZE_MAX 63U

/* In which order members hear what is sent to a group. */
enum peal_order {
	PEAL_ORDER_SENDER = 0, /* of each sender, in the order in which it was sent */
	PEAL_ORDER_TOTAL = 1,  /* messages of all, and views, in one order at all members: by that
				  order group by which the group is, or for a new one by that with
				  the lowest id in the view of nodes */
};

/* A client in a group. `member` and `client` together are its name in all groups, for as long as
 * it is attached; never used again. */
struct peal_group_member {
	uint64_t member; /* its node */
	uint32_t client; /* which of that node */
	uint32_t reserved;
};

/* The same at all members that have it, member by member. Views of a group come in one order. */
struct peal_group_view {
	uint64_t epoch; /* of the nodes, in which it came to be */
	uint32_t n;     /* which one in that epoch; 0 = by the view of the nodes itself */
	uint32_t members_count;
	const struct peal_group_member *members; /* who has been in longest first */
	struct peal_group_member self;
	const char *name;
	uint32_t order_group; /* that the group is in total order by; 0 = by each sender */
	uint16_t is_listener; /* not 0: our node has no rank in it; we hear and cannot send */
	uint16_t is_waiting;  /* not 0: too few of its ranks are heard, nothing is ordered now */
	uint64_t reserved[1];
};

/*
 * Joins a group; the first to join makes it, and the last that goes ends it. A name is 1 to
 * PEAL_GROUP_NAME_SIZE_MAX characters of ASCII without spaces. OK: GROUP_VIEW follows with a view
 * in which we are, or GROUP_ENDED. A client is in a group once. TOO_MANY, FULL, BAD_NAME,
 * FORBIDDEN. No need to wait for anything after peal_attach.
 *
 * All members of a group have joined it with the same order. In total order they are told the same
 * sequence of views and messages, each message in the view in which its sender is; and what
 * somebody sends after it was told of something is behind that, as in an order group
 * (peal/order.h). While too few ranks are there, nothing is told.
 */
PEAL_API enum peal_result peal_group_join(
	struct peal *peal, const char *name, enum peal_order order, uint32_t *group_out);

/* Joins a group in total order by the order group with this id, not 0. The rest as above. */
PEAL_API enum peal_result peal_group_join_by(
	struct peal *peal, const char *name, uint32_t order_group, uint32_t *group_out);

/* Leaves it, or gives up joining: GROUP_ENDED follows, and other events of it may come before. */
PEAL_API enum peal_result peal_group_leave(struct peal *peal, uint32_t group);

/* The view as of the last event polled, until the next peal_poll. NULL: we are not in it (yet). */
PEAL_API const struct peal_group_view *peal_group_view(const struct peal *peal, uint32_t group);

/* To send to a group, give it to peal_send or peal_claim in the place of a channel. NOT_IN_VIEW
 * before the first GROUP_VIEW. In total order NOT_RANK: this node has no rank in the order group;
 * NO_QUORUM: the order group waits. */

#ifdef __cplusplus
}
#endif

#endif
