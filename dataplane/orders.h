/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The order groups of one node: from the table of groups in the view to the machines of abcast, and
 * from messages to the frames that these put in order (docs/design/0020-order-plane.md).
 *
 * The table of groups comes with each view. For a group of which this node holds a rank there is a
 * machine (abcast/abcast.h) here:
 *
 *     the table says of the group            this node has
 *     this member is a rank                  a machine that founds the group, once in its life
 *     a rank has the name of this node       a machine that waits to be taken in (a restart)
 *     another generation than the machine    the machine ends; then as above
 *     anything else                          none; it may subscribe
 *
 * Messages are copied into a queue of the group. At the end of the turn small ones share a frame,
 * and large ones are cut into parts; while frames wait to be sent, what comes later gathers in the
 * queue. What is delivered is the same at all ranks, and in the same order. A message has the
 * position of its last byte: (position of the frame << 8) | number in the frame. Positions rise; a
 * message in parts is complete at that of its last part, and parts of other senders may come
 * between.
 *
 * Who holds which rank now is known from the table, from views of the group, and from who speaks
 * for a rank: a younger member is believed when the one that held the rank is not in the view any
 * more. That is evidence for the machines, which decide by majorities whatever is believed.
 *
 * A rank is given to another member, or to none, by a command that is put in order as messages are
 * (orders_handover.h): all ranks know of it at one position. The next view of the group names the
 * new holder, who is told, makes a machine that waits, and is taken in as after a restart; who held
 * the rank before listens on, if it listens.
 *
 * Larger audiences: any member of the view may subscribe, rank or not. Ranks then publish what is
 * FINAL by broadcast, frame by frame, with its position; who subscribes puts that together by
 * position, so it does not matter if two ranks say the same. The lowest rank that is there says
 * it; the others keep what they have not heard, and say it when the lower ones do not for a while,
 * 5 ms for each of them. Broadcast gives all who go on the same, so nothing is lost with a
 * publisher. When too much is kept, the ranks put nothing more in order: the audience brakes.
 * A subscriber begins behind all that was published here before, and is told which it missed.
 *
 * Frames of data are as large as the path to each rank is proven to carry, and then hold several of
 * the frames that are put in order.
 *
 * Frames that are kept are copied into a pool that has a place for each that may be: a rank that is
 * away has the others keep thousands, more than the port can spare.
 *
 * Order groups live on the home shard. Pure; plain struct, fields private; one core. Memory: some
 * 900 KB for each group that this node may hold a rank of, and PEAL_ORDERS_FRAMES_SIZE bytes of
 * room of which only what is used at one time is ever touched.
 */
#ifndef PEAL_DATAPLANE_ORDERS_H
#define PEAL_DATAPLANE_ORDERS_H

#include "abcast/abcast.h"
#include "base/counters.h"
#include "base/messagelimits.h"
#include "dataplane/cast.h"
#include "dataplane/channel_rx.h"
#include "dataplane/egress.h"
#include "dataplane/ingress.h"
#include "dataplane/orders_handover.h"
#include "dataplane/orders_pool.h"
#include "dataplane/pathmtu.h"
#include "dataplane/peers.h"
#include "dataplane/sendqueue.h"
#include "wire/order_data.h"

#include <stdatomic.h>

/* Groups in which one node may hold a rank; of more it is no rank, and counts ORDER_TOO_MANY. */
#define PEAL_ORDERS_MAX PEAL_ORDERGROUPS_OF_MEMBER_MAX

/* Bytes of messages of one group that wait to be in frames, with eight for each; a power of two. */
#define PEAL_ORDERS_QUEUE_SIZE (UINT32_C(1) << 19)

/* The largest message: two of them find room in the queue. */
#define PEAL_ORDERS_MESSAGE_SIZE_MAX (PEAL_ORDERS_QUEUE_SIZE / 2U - 16U)

/* Frames that were delivered and not published, of one group; the second number is where the ranks
 * stop to put more in order: all that is under way then has a place. */
#define PEAL_ORDERS_KEPT_MAX   8192U
#define PEAL_ORDERS_KEPT_BRAKE 1024U

/* Publications that came before one with a smaller position, of all groups. */
#define PEAL_ORDERS_EARLY_MAX 512U

/* Frames of one group that may be kept: lanes of two views, own ones that wait, one that comes in
 * or is being cut, and those that are not published. */
#define PEAL_ORDERS_GROUP_FRAMES_MAX                                                               \
	(PEAL_ORDER_RANKS_MAX * 2U * PEAL_ORDER_WINDOW + PEAL_ABCAST_QUEUE_PLACES + 1U +           \
		PEAL_ORDERS_KEPT_MAX)
#define PEAL_ORDERS_FRAMES_MAX                                                                     \
	(PEAL_ORDERS_MAX * PEAL_ORDERS_GROUP_FRAMES_MAX + PEAL_ORDERS_EARLY_MAX)
#define PEAL_ORDERS_FRAMES_SIZE ((uint64_t)PEAL_ORDERS_FRAMES_MAX * PEAL_ORDERS_FRAME_SIZE)

/* The last position of the frame at `position` of the machine. */
#define PEAL_ORDERS_LAST_OF(position) ((position) << 8 | 0xFFU)

enum peal_orders_result {
	PEAL_ORDERS_OK = 0,
	PEAL_ORDERS_FULL,     /* too much waits; try again later */
	PEAL_ORDERS_NO_GROUP, /* the view has no such group */
	PEAL_ORDERS_NOT_RANK, /* this node holds none of it: it may subscribe, not order */
	PEAL_ORDERS_TOO_BIG,  /* empty, or above PEAL_ORDERS_MESSAGE_SIZE_MAX */
	PEAL_ORDERS_ENDED,    /* the machine stopped: `fault` says why */
};

/* One message, or a part of one. */
struct peal_orders_message {
	uint32_t group;
	uint64_t position;             /* of what is here; the last part's is the message's */
	uint64_t mid;                  /* member that said it */
	bool is_own;                   /* it was said by this process */
	struct peal_delivery delivery; /* parts of one message of one member come in order */
};

/* A view of a group began, or what this node knows of it. */
struct peal_orders_view {
	uint32_t view;       /* number */
	uint16_t active;     /* ranks that may send */
	uint16_t counted;    /* ranks whose majority decides; those who may send are among them */
	uint8_t ranks_count; /* empty ones too; never falls while the group is not created anew */
	uint64_t members[PEAL_ORDER_RANKS_MAX];
	uint64_t position; /* all that is delivered from here on is behind it */
	/* Oldest messages of this process that were not delivered here, of which it will never
	 * know whether they were elsewhere. They never come here. */
	uint64_t doubtful_count;
};

/* Who uses order groups. Called from within a turn (switch, on_frame, on_cast, run); may send. */
struct peal_orders_user {
	/* Broadcasts; FULL is tried again later. NULL: there is none, and no audience. */
	enum peal_cast_result (*cast)(void *state, const uint8_t *bytes, uint32_t size);
	void (*deliver)(void *state, const struct peal_orders_message *message);
	/* A view of a group of which this node holds a rank began here. */
	void (*view)(void *state, uint32_t group, const struct peal_orders_view *view);
	/* Positions [from, to] are never delivered here: they were elsewhere. Nor is a message of
	 * which one part is among them, or is before the first view here; any other goes on behind
	 * them. `own_count`: oldest messages of this process that were not delivered here, and are
	 * among them. */
	void (*skipped)(
		void *state, uint32_t group, uint64_t from, uint64_t to, uint64_t own_count);
	/* This node holds no rank of it any more, or its subscription is over: REPLACED, also when
	 * the group was created anew or this node left the view; or the machine stopped.
	 * `lost_count`: newest messages of this process that were not delivered here, and perhaps
	 * nowhere. */
	void (*ended)(
		void *state, uint32_t group, enum peal_abcast_fault fault, uint64_t lost_count);
	void *state;
};

struct peal_orders_config {
	struct peal_egress *egress;
	/* Of the same core: how large frames of data may be. NULL: as every path carries them.
	 * Switched before this machine. */
	struct peal_pathmtu *paths;
	struct peal_counters *counters;
	struct peal_orders_user user;
	struct peal_abcast_timing timing; /* zeros: defaults */
	/* Of this node: who has the name of a rank takes the rank when it is free. Outlives. */
	const char *name;
	int64_t clock_offset_ns; /* of this node's clock of the day, to `now_ns` */
	uint64_t seed;
	uint8_t *frame_bytes; /* [PEAL_ORDERS_FRAMES_SIZE], 64-aligned; need not be zero */
};

/* The message of a rank that comes in parts. */
struct peal_orders_parts {
	uint64_t member;       /* who says it */
	uint32_t message_size; /* 0 = none */
	uint32_t number;
	uint32_t offset; /* of the next part */
};

/* What ends in an own frame. */
struct peal_orders_sent {
	uint16_t ends_count; /* messages */
	bool is_open;        /* a message begins or goes on in it, and ends in a later one */
};

/* Own frames that wait or are under way, at most. */
#define PEAL_ORDERS_SENT_MAX 1024U

_Static_assert(PEAL_ORDERS_SENT_MAX >= PEAL_ABCAST_QUEUE_PLACES, "each own frame has a place");

struct peal_orders;

/* A frame that was delivered and is not published. */
struct peal_orders_kept {
	uint32_t place;
	uint32_t member;
	uint16_t size;
	uint8_t rank;
};

/* A rank and the audience of its group. Positions are those of frames. */
struct peal_orders_publisher {
	bool is_on; /* somebody subscribes */
	bool is_publishing;
	bool is_anchored;    /* `seen` is known */
	uint64_t heard_view; /* of broadcast: in which somebody said so last, and when */
	uint64_t heard_at_ns;
	uint64_t seen;       /* all up to here was published */
	uint64_t ahead_from; /* and these, if ahead_to > seen */
	uint64_t ahead_to;
	uint64_t first; /* kept are [first, next) */
	uint64_t next;
	uint64_t said;           /* by this rank, up to here */
	uint64_t progress_at_ns; /* since when nobody says what is next */
	uint64_t retry_at_ns;    /* broadcast had no room */
	struct peal_orders_kept kept[PEAL_ORDERS_KEPT_MAX];
};

/* A group that this node listens to. */
struct peal_orders_subscription {
	uint32_t group; /* 0 = none */
	uint32_t configuration;
	bool is_asking; /* SUBSCRIBE is to be said */
	bool has_begun;
	uint64_t expected; /* position of the next frame */
	struct peal_orders_parts parts[PEAL_ORDER_RANKS_MAX];
};

/* How far a group of the view was published, heard here or not listened to. */
struct peal_orders_published {
	uint32_t group; /* 0 = none */
	uint32_t configuration;
	uint64_t to; /* the largest position */
};

/* A publication that came early. */
struct peal_orders_early {
	uint32_t group; /* 0 = free */
	uint32_t place; /* of its data; NONE: SKIPPED */
	uint32_t member;
	uint16_t size;
	uint8_t rank;
	uint64_t from;
	uint64_t to;
};

/* One group, and the machine of this node's rank of it. */
struct peal_orders_group {
	struct peal_orders *orders;
	bool is_used;
	bool has_view; /* it was taken in once */
	bool is_ended; /* the machine stopped, `ended` was called; never founded again */
	struct peal_ordergroup config;
	uint64_t holders[PEAL_ORDER_RANKS_MAX]; /* of the ranks, as far as is known, with terms */
	uint64_t members[PEAL_ORDER_RANKS_MAX]; /* of the view of the group, without */
	bool has_command;
	struct peal_order_handover command; /* waits to be put in order */
	uint32_t told_view;      /* the latest view of the group that anybody told this node of */
	uint32_t stranger_mid;   /* while frames go to one who holds no rank; else 0 */
	uint64_t told_at_ns;     /* when one was told so last */
	uint64_t named_at_ns;    /* and those who hold a rank and do not know */
	uint32_t asked_rank;     /* of the view: where holders are sought that are not known */
	uint64_t said_count;     /* messages accepted */
	uint64_t done_count;     /* of these delivered here, or told to be doubtful */
	bool is_open_counted;    /* the message that goes on in the next frame is among them */
	uint32_t cut_offset;     /* bytes of the oldest queued message that are in frames */
	uint32_t cut_number;     /* of the next message in parts */
	uint64_t sent_count;     /* own frames given to the machine */
	uint64_t settled_count;  /* of these delivered, or in doubt */
	uint64_t lane_delivered; /* of the own lane, in this view */
	uint64_t floor; /* position of a frame: what is not behind it was delivered before */
	struct peal_orders_publisher publisher;
	struct peal_orders_parts parts[PEAL_ORDER_RANKS_MAX];
	struct peal_orders_sent sent[PEAL_ORDERS_SENT_MAX];
	struct peal_abcast abcast;
	struct peal_sendqueue queue;
	_Alignas(8) uint8_t queue_bytes[PEAL_ORDERS_QUEUE_SIZE];
};

/* What a group is like here, for clients and people. */
struct peal_orders_state {
	uint32_t generation;
	bool is_rank;
	uint8_t rank;
	enum peal_abcast_status status;
	enum peal_abcast_fault fault;
	bool is_waiting;        /* for a majority: nothing goes on */
	bool is_lost;           /* for good: a majority of who decides in its view are no members */
	bool is_claimed;        /* it waits for the rank of its name, which a member has */
	bool is_crowded;        /* it was named, and takes no more ranks */
	uint16_t present;       /* ranks whose holder is a member */
	uint16_t given;         /* ranks whose holder has them by command */
	uint64_t waiting_count; /* messages of this node that are not delivered here */
	/* Of a rank: by how much the time that the ranks share is ahead of this node's clock; of
	 * how many others the clocks are known; and how far each may be from that at most, 0 if of
	 * none. */
	int64_t clock_shift_ns;
	uint64_t clock_error_ns;
	uint8_t clocks_count;
	struct peal_orders_view view; /* the present one; position = delivered */
};

/* All groups of the view: the asker's until it asks, then the core's until it has answered. */
struct peal_orders_page {
	_Atomic bool is_asked;
	uint32_t count;
	uint32_t ids[PEAL_ORDERGROUPS_MAX];
	struct peal_orders_state states[PEAL_ORDERGROUPS_MAX];
};

struct peal_orders {
	struct peal_orders_config config;
	const struct peal_peers *peers;
	uint32_t cluster;
	uint64_t self_mid;
	uint32_t groups_count; /* used */
	uint32_t sent_count;   /* frames, in this turn */
	uint64_t views_count;  /* that broadcast showed */
	uint64_t now_ns;       /* of the turn */
	uint32_t subscriptions_count;
	uint32_t early_count;
	uint64_t asked_at_ns; /* SUBSCRIBE: tried again then */
	struct peal_orders_subscription subscriptions[PEAL_ORDERGROUPS_MAX];
	struct peal_orders_published published[PEAL_ORDERGROUPS_MAX];
	struct peal_orders_early early[PEAL_ORDERS_EARLY_MAX];
	struct peal_orders_page page;
	struct peal_orders_request request;
	struct peal_orders_pool pool;
	struct peal_orders_group groups[PEAL_ORDERS_MAX];
};

/* @param config  copied; what it points to outlives the machine */
void peal_orders_init(struct peal_orders *orders, const struct peal_orders_config *config);

/* Takes another table of peers, and the order groups in its view: machines begin and end. Calls
 * `view` and `ended`. */
void peal_orders_switch(
	struct peal_orders *orders, const struct peal_peers *peers, uint64_t now_ns);

/*
 * Puts a message of [1, PEAL_ORDERS_MESSAGE_SIZE_MAX] bytes in order; they are copied. OK: it is
 * delivered at all ranks that go on, here too, or it is in a `doubtful_count` or `lost_count`.
 * While the group has no majority it waits. Cost: the copy.
 */
enum peal_orders_result peal_orders_send(
	struct peal_orders *orders, uint32_t group, const uint8_t *bytes, uint32_t size);

/* False: the view has no such group. */
bool peal_orders_find(
	const struct peal_orders *orders, uint32_t group, struct peal_orders_state *state_out);

/*
 * Listens to a group of the view, from some position on: it is delivered as to a rank, one after
 * the other, what is left out is told as `skipped`, at first with `from` = 0 what was before, and
 * the end as `ended`. At a rank it is for the time when it is none. OK, also when it was so before;
 * NO_GROUP.
 */
enum peal_orders_result peal_orders_subscribe(struct peal_orders *orders, uint32_t group);
/* Listens no more. */
void peal_orders_unsubscribe(struct peal_orders *orders, uint32_t group);

/* As broadcast's user: a message of `origin`. True: it was one of order groups. */
bool peal_orders_on_cast(
	struct peal_orders *orders, uint64_t origin, const struct peal_delivery *delivery);
/* The same: broadcast shows a view. */
void peal_orders_on_cast_view(struct peal_orders *orders);

/* In a few words, for people: static. */
const char *peal_orders_state_name(const struct peal_orders_state *state);
const char *peal_orders_fault_name(enum peal_abcast_fault fault);

/* An opened frame of family 6. */
void peal_orders_on_frame(
	struct peal_orders *orders, const struct peal_opened *opened, uint64_t now_ns);

/* Once a turn, after the frames and after all that was sent in it. Returns frames sent. */
uint32_t peal_orders_run(struct peal_orders *orders, uint64_t now_ns);

/* When it wants to run next; 0 = at once; UINT64_MAX = never. */
uint64_t peal_orders_deadline_at_ns(const struct peal_orders *orders);

/*
 * Any one thread at a time: asks what all groups are like; then wake the core. It is in `page` when
 * `has_page` says so, and stays there until it is asked for again.
 */
static inline void
peal_orders_ask_page(struct peal_orders *orders)
{
	atomic_store_explicit(&orders->page.is_asked, true, memory_order_release);
}

static inline bool
peal_orders_has_page(const struct peal_orders *orders)
{
	return !atomic_load_explicit(&orders->page.is_asked, memory_order_acquire);
}

#endif
