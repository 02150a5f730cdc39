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
	PEAL_GROUP_END_OVERRUN = 3,       /* too much had come before a view that it belongs to */
	PEAL_GROUP_END_NOT_SUPPORTED = 4, /* more nodes than groups are for */
	PEAL_GROUP_END_IN_USE = 5,        /* it is in that group, or about to leave it */
	PEAL_GROUP_END_FORBIDDEN = 6,     /* its user may not join a group of that name */
};

/* Groups that one attachment may be in at a time; bytes of a name. */
#define PEAL_GROUPS_MAX          32U
#define PEAL_GROUP_NAME_SIZE_MAX 63U

/* In which order members hear what is sent to a group. */
enum peal_order {
	PEAL_ORDER_SENDER = 0, /* of each sender, in the order in which it was sent */
	PEAL_ORDER_TOTAL = 1,  /* the same of all senders at all members: not supported yet */
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
	uint64_t reserved[2];
};

/*
 * Joins a group; the first to join makes it, and the last that goes ends it. A name is 1 to
 * PEAL_GROUP_NAME_SIZE_MAX characters of ASCII without spaces. OK: GROUP_VIEW follows with a view
 * in which we are, or GROUP_ENDED. A client is in a group once. TOO_MANY, FULL, BAD_NAME,
 * NOT_SUPPORTED (PEAL_ORDER_TOTAL), FORBIDDEN. No need to wait for anything after peal_attach.
 */
PEAL_API enum peal_result peal_group_join(
	struct peal *peal, const char *name, enum peal_order order, uint32_t *group_out);

/* Leaves it, or gives up joining: GROUP_ENDED follows, and other events of it may come before. */
PEAL_API enum peal_result peal_group_leave(struct peal *peal, uint32_t group);

/* The view as of the last event polled, until the next peal_poll. NULL: we are not in it (yet). */
PEAL_API const struct peal_group_view *peal_group_view(const struct peal *peal, uint32_t group);

/* To send to a group, give it to peal_send or peal_claim in the place of a channel. NOT_IN_VIEW
 * before the first GROUP_VIEW. */

#ifdef __cplusplus
}
#endif

#endif
