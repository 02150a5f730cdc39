/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What a client and a daemon say to each other in records. What they say before, on the socket, is
 * in shm/clienthello.h, which comes with this.
 *
 * Records, by kind; `tag` names a channel (PEAL_CLIENT_TAG), numbers are little endian as the
 * machine is. A record of another size than its kind has is a violation: the client is cut off.
 */
#ifndef PEAL_SHM_CLIENTMSG_H
#define PEAL_SHM_CLIENTMSG_H

#include "base/clientlimits.h"
#include "base/grouplimits.h"
#include "shm/clienthello.h"

#include <stdint.h>

/* A channel in a tag: the place, and how often it was used, so that what is on its way to a former
 * channel of the place is known for that. Below CHANNELS_MAX / 2 the client gives places, above the
 * core does. */
#define PEAL_CLIENT_TAG(place, life) ((uint16_t)((place) | (uint32_t)(life) << 7))
#define PEAL_CLIENT_TAG_PLACE(tag)   ((tag)&0x7FU)
#define PEAL_CLIENT_PLACES_OWN       (PEAL_CLIENT_CHANNELS_MAX / 2U)

enum peal_client_up {
	PEAL_CLIENT_LISTEN = 1, /* struct peal_client_number */
	PEAL_CLIENT_UNLISTEN,   /* the same */
	PEAL_CLIENT_OPEN,       /* struct peal_client_open; tag: the client's choice */
	PEAL_CLIENT_SEND,       /* a message; tag */
	PEAL_CLIENT_CLOSE,      /* nothing; tag: no more is sent, the rest still is */
	PEAL_CLIENT_RESET,      /* nothing; tag: ends at once */
	PEAL_CLIENT_CAST,       /* a message for all members */
	PEAL_CLIENT_HEAR,       /* nothing: from here on what is cast is heard ... */
	PEAL_CLIENT_UNHEAR,     /* ... and no more */
	PEAL_CLIENT_SET,        /* struct peal_client_number, the latest value of that number */
	PEAL_CLIENT_HOLD, /* nothing: who casts waits for this client, if the node allows it ... */
	PEAL_CLIENT_UNHOLD,          /* ... and no more */
	PEAL_CLIENT_GROUP_JOIN = 16, /* struct peal_client_group_join, the name; tag: of a group */
	PEAL_CLIENT_GROUP_LEAVE,     /* nothing; tag */
	PEAL_CLIENT_GROUP_SEND,      /* a message for the group; tag */
	PEAL_CLIENT_ASK = 24,    /* struct peal_client_near, a request to who serves at this node */
	PEAL_CLIENT_ANSWER = 25, /* struct peal_client_near of an ASKED, the answer */
	PEAL_CLIENT_ORDER_OPEN = 32, /* struct peal_client_order_open; tag: of an order group */
	PEAL_CLIENT_ORDER_CREATE,    /* struct peal_client_order_create; tag: it is opened, too */
	PEAL_CLIENT_ORDER_CLOSE,     /* nothing; tag */
	PEAL_CLIENT_ORDER_SEND,      /* a message for the order group; tag */
	/* From version 3 on. */
	PEAL_CLIENT_LANE_TAKEN = 40, /* struct peal_client_lane_taken: the answer to LANE_MADE */
	PEAL_CLIENT_LANE_USE,        /* nothing; tag: messages go over the lane from here on */
	PEAL_CLIENT_LANE_BROKEN,     /* nothing; tag: what came over the lane cannot be */
};

enum peal_client_down {
	PEAL_CLIENT_VIEW = 1,     /* struct peal_client_view, then members: in pieces */
	PEAL_CLIENT_NEWS,         /* struct peal_client_news */
	PEAL_CLIENT_REFUSED,      /* struct peal_client_refused; tag of an OPEN */
	PEAL_CLIENT_OPENED,       /* struct peal_client_open; tag: the core's choice */
	PEAL_CLIENT_DELIVER,      /* a message; tag */
	PEAL_CLIENT_DELIVER_PART, /* struct peal_client_part, bytes; tag */
	PEAL_CLIENT_FINISHED,     /* nothing; tag: the peer sends no more */
	PEAL_CLIENT_ENDED,        /* struct peal_client_ended; tag: means nothing from here on */
	PEAL_CLIENT_HEARD,        /* u64 member number, a message that it cast */
	PEAL_CLIENT_HEARD_PART,   /* u64 member number, struct peal_client_part, bytes */
	PEAL_CLIENT_CAST_LOST,    /* u64: messages of this node of which nobody knows */
	PEAL_CLIENT_DEPARTED,     /* struct peal_client_departed: before the VIEW without it */
	PEAL_CLIENT_VALUE,      /* struct peal_client_value, the latest of that member and number */
	PEAL_CLIENT_ASKED = 16, /* struct peal_client_near, a request of a client of this node */
	PEAL_CLIENT_ANSWERED = 17,    /* struct peal_client_near of an ASK, the answer */
	PEAL_CLIENT_UNSERVED = 18,    /* struct peal_client_unserved */
	PEAL_CLIENT_GROUP_VIEW = 32,  /* struct peal_client_group_view, its changes; tag */
	PEAL_CLIENT_GROUP_HEARD,      /* struct peal_client_group_from, a message; tag */
	PEAL_CLIENT_GROUP_HEARD_PART, /* the same, struct peal_client_part, bytes; tag */
	PEAL_CLIENT_GROUP_ENDED,      /* struct peal_client_group_ended; tag: free from here on */
	PEAL_CLIENT_GROUP_ORDER,      /* struct peal_client_group_order; tag */
	PEAL_CLIENT_ORDER_VIEW = 48,  /* struct peal_client_order_view; tag */
	PEAL_CLIENT_ORDERED,          /* struct peal_client_ordered, a message; tag */
	PEAL_CLIENT_ORDERED_PART,     /* the same, struct peal_client_part, bytes; tag */
	PEAL_CLIENT_ORDER_SKIPPED,    /* struct peal_client_order_skipped; tag */
	PEAL_CLIENT_ORDER_DOUBTFUL,   /* u64: messages of this client of which nobody knows; tag */
	PEAL_CLIENT_ORDER_ENDED,      /* struct peal_client_order_ended; tag: free from here on */
	/* From version 3 on. */
	PEAL_CLIENT_LANE_MADE =
		64,             /* struct peal_client_lane_made; tag: of a channel, maybe ended */
	PEAL_CLIENT_LANE_READY, /* nothing; tag: both ends of the channel have all of the lane */
	PEAL_CLIENT_LANE_USED,  /* nothing; tag: messages come over the lane from here on */
};

/*
 * A lane is made for a channel to the own node while that is in use already. MADE says that a
 * packet of this step is on the socket; each is answered. After READY an end says USE behind its
 * last SEND, and then nothing but CLOSE, RESET and BROKEN: the rest is between the two.
 */
struct peal_client_lane_made {
	uint32_t lane;
	uint32_t step; /* enum peal_client_lane_step */
};

struct peal_client_lane_taken {
	uint32_t lane;
	uint32_t is_refused; /* 0: it is mapped; 1: it cannot be, and there will be no lane */
};

/* A group in a tag: a place below PEAL_CLIENT_GROUPS_MAX, by PEAL_CLIENT_TAG. The client gives it,
 * and not again before GROUP_ENDED. */
struct peal_client_group_join {
	uint32_t order; /* 0: messages of each sender in order; 1: of all, by an order group: */
	uint32_t group; /* this one; 0: that of the group, or for a new one the first there is */
};

/* How the order group of a group in total order is; before the first view, and when it changes. */
struct peal_client_group_order {
	uint32_t group;
	uint16_t is_rank;    /* this node has a rank in it, so its clients may send */
	uint16_t is_waiting; /* too few ranks are heard: nothing is ordered now */
};

/* Another view of a group. `is_first`: what follows are all members, in their order, with `what` 0;
 * else what changed, one after the other: who joins comes last, who is gone makes no gap. */
struct peal_client_group_view {
	uint64_t epoch;
	uint32_t n;
	uint32_t members_count; /* afterwards */
	uint32_t changes_count;
	uint32_t is_first;
	uint64_t self_mid; /* this client in it */
	uint32_t self_client;
	uint32_t reserved;
};

struct peal_client_group_change {
	uint64_t mid;
	uint32_t client;
	uint32_t what; /* 0 = joins; else why it is gone: enum peal_group_gone of peal.h */
};

/* Who sent a message of a group, and in which view of it. */
struct peal_client_group_from {
	uint64_t mid;
	uint64_t epoch;
	uint32_t n;
	uint32_t client;
};

struct peal_client_group_ended {
	uint32_t reason; /* enum peal_client_group_end */
	uint32_t reserved;
	uint64_t accepted_count; /* messages that the core took for this group */
};

enum peal_client_group_end {
	PEAL_CLIENT_GROUP_LEFT = 0,
	PEAL_CLIENT_GROUP_TOO_MANY = 1,      /* there is no room for another group or member */
	PEAL_CLIENT_GROUP_REMOVED = 2,       /* this node is no member any more, or is none yet */
	PEAL_CLIENT_GROUP_OVERRUN = 3,       /* more waited for a view than there is room for */
	PEAL_CLIENT_GROUP_NOT_SUPPORTED = 4, /* the order, or groups in so large a view */
	PEAL_CLIENT_GROUP_IN_USE = 5,        /* this client is in that group, or leaving it */
	PEAL_CLIENT_GROUP_FORBIDDEN = 6,     /* this client may not be in a group of that name */
	PEAL_CLIENT_GROUP_NO_ORDER = 7,      /* there is no such order group, or it has ended */
	PEAL_CLIENT_GROUP_OTHER_ORDER = 8,   /* the group is in another order */
};

/*
 * An order group in a tag: a place below PEAL_CLIENT_ORDERS_MAX, by PEAL_CLIENT_TAG. The client
 * gives it, and not again before ORDER_ENDED. To OPEN and CREATE the first ORDER_VIEW is the
 * answer, or ORDER_ENDED.
 */
struct peal_client_order_open {
	uint32_t group; /* not 0 */
	uint32_t reserved;
};

struct peal_client_order_rank {
	uint64_t mid;
	char name[PEAL_NAME_SIZE_MAX + 1U]; /* and zeros to the end */
};

/* As in wire/ordergroup.h, generation 1. One of a client at a time waits. */
struct peal_client_order_create {
	uint32_t group;
	uint32_t ranks_count;
	struct peal_client_order_rank ranks[PEAL_ORDERGROUP_RANKS_MAX]; /* zero behind the count */
};

/* How an order group is from here on. */
struct peal_client_order_view {
	uint64_t position; /* of the last message before it */
	uint32_t group;
	uint32_t generation;
	uint32_t view;   /* its number; 0 = this node has not heard of any */
	uint32_t active; /* ranks that may send: bits */
	uint32_t ranks_count;
	uint16_t own_rank;   /* of this node, so its clients may send; PEAL_CLIENT_ORDER_NO_RANK */
	uint16_t is_waiting; /* too few ranks are heard: nothing is ordered now */
	struct peal_client_order_rank ranks[PEAL_ORDERGROUP_RANKS_MAX]; /* zero behind the count */
};

#define PEAL_CLIENT_ORDER_NO_RANK UINT16_MAX

/* Who said a message, and where it stands. */
struct peal_client_ordered {
	uint64_t position;
	uint64_t mid;
	uint32_t client;
	uint32_t reserved;
};

/* What is missing up to this position never comes here. */
struct peal_client_order_skipped {
	uint64_t position;
	uint64_t own_count; /* messages of this client that may be among it */
};

struct peal_client_order_ended {
	uint32_t reason; /* enum peal_client_order_end */
	uint32_t reserved;
	uint64_t accepted_count; /* messages that the core took for this group */
	uint64_t lost_count;     /* of these: they did not come back */
};

enum peal_client_order_end {
	PEAL_CLIENT_ORDER_CLOSED = 0,    /* it was asked for */
	PEAL_CLIENT_ORDER_UNKNOWN = 1,   /* there is no such group */
	PEAL_CLIENT_ORDER_TAKEN = 2,     /* another one has this id */
	PEAL_CLIENT_ORDER_NO_MEMBER = 3, /* a rank is no member of the view of nodes */
	PEAL_CLIENT_ORDER_TOO_MANY = 4,  /* as many as can be are there */
	PEAL_CLIENT_ORDER_REPLACED = 5,  /* it was created anew, or gave the rank to another */
	PEAL_CLIENT_ORDER_FAULT = 6,     /* this node cannot be right about it, and has stopped */
	PEAL_CLIENT_ORDER_REMOVED = 7,   /* this node is no member of the view of nodes */
	PEAL_CLIENT_ORDER_NOT_SUPPORTED = 8, /* this node takes part in no order groups */
	PEAL_CLIENT_ORDER_IN_USE = 9,        /* this client has it open, or is about to */
	PEAL_CLIENT_ORDER_ENDS_COUNT
};

struct peal_client_number {
	uint16_t number;
	uint16_t reserved[3];
};

/*
 * A request between two clients of one node, which have no channel. To other members requests are
 * messages (shm/requestmsg.h) of channels whose numbers are in the block of a service: who serves
 * says LISTEN with the first number of the block, who asks says OPEN with it, and the core adds
 * which of the block it is. OPENED names that one.
 */
struct peal_client_near {
	uint64_t id;      /* the asker's */
	uint16_t service; /* [0, PEAL_CLIENT_SERVICES_MAX) */
	uint16_t asker;   /* ASKED, and as it was there ANSWER: who asks */
	uint16_t result;  /* ANSWER, ANSWERED: enum peal_request_refusal of shm/requestmsg.h */
	uint16_t reserved;
};

/* Who served at this node is gone: the first `asks_count` requests that this client asked near,
 * as far as they were for that service, are not answered any more. */
struct peal_client_unserved {
	uint64_t asks_count;
	uint16_t service;
	uint16_t reserved[3];
};

/* The word for an asker: its place, and how often the place was used. Bit 6 is zero, which it is
 * not in the tag of a channel that a peer opened. */
#define PEAL_CLIENT_ASKER(place, life) ((uint16_t)((place) | ((uint32_t)(life) << 7)))
#define PEAL_CLIENT_ASKER_PLACE(asker) ((asker)&0x3FU)
#define PEAL_CLIENT_ASKER_BAD          0x40U

struct peal_client_value {
	uint64_t mid;
	uint16_t number;
	uint16_t reserved[3];
};

struct peal_client_open {
	uint64_t mid;
	uint16_t number;
	uint16_t reserved[3];
};

struct peal_client_part {
	uint32_t message_size;
	uint32_t offset;
};

struct peal_client_refused {
	uint32_t result; /* enum peal_client_result */
	uint32_t number;
};

struct peal_client_ended {
	uint32_t reason; /* enum peal_client_reason */
	uint32_t reserved;
	uint64_t accepted_count; /* messages that the core took for this channel */
	uint64_t lost_count;     /* of these: nobody knows whether they arrived */
};

/* One piece of a view, members [first, first + count) by rank. The piece that reaches
 * `members_count` ends it. */
struct peal_client_view {
	uint64_t epoch;
	uint64_t self_mid;
	uint32_t view_tag;
	uint16_t members_count; /* 0: this node is no member any more, and there are no others */
	uint16_t first;
};

struct peal_client_member {
	uint64_t mid;
	uint8_t uuid[16];
	uint8_t ip[16]; /* IPv6, or IPv4 mapped into it */
	uint16_t port;  /* host order */
	uint16_t reserved[3];
};

/* Why a member is not in the next view. Nothing is said of who is gone for no known reason. */
struct peal_client_departed {
	uint64_t mid;
	uint32_t departure; /* enum peal_departure of dataplane/plane.h */
	uint32_t reserved;
};

/* What happened, as far as this node knows, in order with views and messages. */
enum peal_client_news_kind {
	PEAL_CLIENT_NO_QUORUM = 1,
	PEAL_CLIENT_QUORUM,
};

struct peal_client_news {
	uint32_t kind;
	uint32_t reserved;
	uint64_t epoch;
};

/* Why a channel was not opened. */
enum peal_client_result {
	PEAL_CLIENT_NOT_IN_VIEW = 1,
	PEAL_CLIENT_TOO_MANY,
	PEAL_CLIENT_IN_USE,
	PEAL_CLIENT_ELSEWHERE, /* the channel lives on another core of the node */
};

/* The reasons of wire/channel_msg.h, which keep their numbers, and what only clients know. */
enum peal_client_reason {
	PEAL_CLIENT_REASON_ORDERLY = 0,
	PEAL_CLIENT_REASON_CLOSED = 1,
	PEAL_CLIENT_REASON_UNKNOWN = 2,
	PEAL_CLIENT_REASON_FULL = 3,
	PEAL_CLIENT_REASON_STALE = 4,
	PEAL_CLIENT_REASON_PROTOCOL = 5,
	PEAL_CLIENT_REASON_SLOW = 6,
	PEAL_CLIENT_REASON_REMOVED = 7,
};

/* Why the core has done with a client. */
enum peal_client_end {
	PEAL_CLIENT_END_NONE = 0,
	PEAL_CLIENT_END_ASKED = 1,     /* it hung up */
	PEAL_CLIENT_END_DIED = 2,      /* its death word says so */
	PEAL_CLIENT_END_VIOLATION = 3, /* it wrote what cannot be */
	PEAL_CLIENT_END_SLOW = 4,      /* it did not take what must be delivered: evicted */
	PEAL_CLIENT_END_STOPPED = 5,   /* the daemon ends */
};

_Static_assert(sizeof(struct peal_client_member) == 48, "no padding");
_Static_assert(sizeof(struct peal_client_view) == 24, "no padding");
_Static_assert(sizeof(struct peal_client_group_view) == 40, "no padding");
_Static_assert(sizeof(struct peal_client_group_change) == 16, "no padding");
_Static_assert(sizeof(struct peal_client_group_from) == 24, "no padding");
_Static_assert(sizeof(struct peal_client_order_rank) == 40, "no padding");
_Static_assert(sizeof(struct peal_client_order_create) == 8U + 9U * 40U, "no padding");
_Static_assert(sizeof(struct peal_client_order_view) == 32U + 9U * 40U, "no padding");
_Static_assert(sizeof(struct peal_client_ordered) == 24, "no padding");

#endif
