/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Process groups of one node: who of the clients of all nodes is in which group, by name, and what
 * they send to their groups (docs/design/0015-process-groups.md).
 *
 * All nodes of a view have the same table (procgroup_table.h) and change it in one order. A node
 * asks for a change by a broadcast; the elder, who is the senior member of the view, stamps it with
 * the epoch and a number that counts from 1 in each epoch, by a broadcast; whoever delivers the
 * stamp makes the change. Members of nodes that are not in the next view go with it: number 0 of
 * that epoch. Broadcasts of an epoch are delivered by all survivors before the next one begins, so
 * they all enter it with the same table. Then everybody asks again for what was not stamped, and
 * the elder sends the table if there are newcomers.
 *
 *     seat of a client    asked for            on
 *     JOINING             JOIN                 stamp -> MEMBER, or over: there is no room
 *     MEMBER              -                    leave, death -> LEAVING
 *     LEAVING             LEAVE and why        stamp -> over
 *
 * A message of a group says in which view of the group it was sent. It is delivered to members that
 * were in that view, not before they have seen it; until then it is held.
 *
 * A group may be in total order, by an order group that its first member names. Its members change
 * as above, at once and without the order group; but clients are shown a change when its place in
 * the order comes, which each rank of the order group says by a MARK. Messages are said in the
 * order group, and go to who is in the view whose MARK came last, if the sender is in it
 * (docs/design/0024-total-order-groups.md).
 *
 * Views above PEAL_DIRECT_MAX members have no process groups: all seats end.
 *
 * Pure; plain struct, fields private; one core.
 */
#ifndef PEAL_DATAPLANE_PROCGROUPS_H
#define PEAL_DATAPLANE_PROCGROUPS_H

#include "base/counters.h"
#include "base/messagelimits.h"
#include "dataplane/cast.h"
#include "dataplane/peers.h"
#include "dataplane/procgroup_table.h"
#include "dataplane/procgroups_order.h"

#include <stdatomic.h>

#define PEAL_PROCGROUPS_NO_SEAT  UINT16_MAX
#define PEAL_PROCGROUPS_NO_OWNER UINT32_MAX

enum peal_procgroups_result {
	PEAL_PROCGROUPS_OK = 0,
	PEAL_PROCGROUPS_FULL,          /* broadcast has no room now; try again later */
	PEAL_PROCGROUPS_NOT_MEMBER,    /* of the group, not yet or not any more */
	PEAL_PROCGROUPS_NOT_IN_VIEW,   /* this node is in no view */
	PEAL_PROCGROUPS_TOO_MANY,      /* no seat, group or member more */
	PEAL_PROCGROUPS_IN_USE,        /* the client is in that group, or about to be */
	PEAL_PROCGROUPS_NOT_SUPPORTED, /* the view is too large */
	PEAL_PROCGROUPS_NO_ORDER,      /* there is no such order group */
	PEAL_PROCGROUPS_NOT_RANK,      /* this node has no rank in it: its clients cannot send */
};

/* Why a seat ended. */
enum peal_procgroups_end {
	PEAL_PROCGROUPS_END_LEFT = 0,
	PEAL_PROCGROUPS_END_REFUSED, /* the group or the table is full */
	PEAL_PROCGROUPS_END_REMOVED, /* this node is no member any more */
	PEAL_PROCGROUPS_END_OVERRUN, /* more had to be held than there is room for; or the order
					group has left something out here */
	PEAL_PROCGROUPS_END_TOO_LARGE,
	PEAL_PROCGROUPS_END_OTHER_ORDER, /* the group is in another order */
	PEAL_PROCGROUPS_END_ORDER_GONE,  /* the order group is no more, or another one */
};

/* What became of a group. */
struct peal_procgroups_news {
	struct peal_procgroup_stamp stamp;
	uint32_t members_count;
	bool is_first; /* `changes` are all members, in their order */
	uint32_t changes_count;
	const struct peal_procgroup_change *changes; /* in order; valid during the call */
};

/* One message of a group, or a part. */
struct peal_procgroups_message {
	uint64_t mid; /* of the sender */
	uint32_t client;
	struct peal_procgroup_stamp stamp; /* the view in which it was sent */
	struct peal_delivery delivery; /* of what the client said: sizes and offset without head */
};

/* Who uses process groups. Called from within a turn; may call back nothing but on_gone. `owner`
 * and `tag` are what the seat was taken with. */
struct peal_procgroups_user {
	/* Broadcasts: FULL is tried again later. */
	enum peal_cast_result (*cast)(void *state, const uint8_t *bytes, uint32_t size);
	/* Another view of the group of a seat that is a member's. */
	void (*view)(
		void *state, uint32_t owner, uint16_t tag, const struct peal_procgroups_news *news);
	void (*deliver)(void *state, uint32_t owner, uint16_t tag,
		const struct peal_procgroups_message *message);
	/* The seat is free. Not called for seats without an owner. */
	void (*ended)(void *state, uint32_t owner, uint16_t tag, enum peal_procgroups_end end);
	/* The rest is for total order; `order` NULL: there is none here. Says something in an order
	 * group: OK, FULL, NOT_RANK. */
	enum peal_procgroups_result (*order)(
		void *state, uint32_t id, const uint8_t *bytes, uint32_t size);
	/* Begins or ends to listen to it; false: the view has no such group. */
	bool (*listen)(void *state, uint32_t id, bool is_listening);
	/* What this node is to it; 0 in `id`: to the first there is. False: there is none. */
	bool (*look)(void *state, uint32_t id, struct peal_procgroups_order *order_out);
	/* That is another now, or the group of a seat is about to be shown first. */
	void (*standing)(void *state, uint32_t owner, uint16_t tag,
		const struct peal_procgroups_order *order);
	void *state;
};

struct peal_procgroups_config {
	struct peal_counters *counters;
	struct peal_procgroups_user user;
};
enum peal_procgroups_seat_state {
	PEAL_PROCGROUPS_FREE = 0,
	PEAL_PROCGROUPS_JOINING,
	PEAL_PROCGROUPS_MEMBER,
	PEAL_PROCGROUPS_LEAVING,
};

/* A client of this node in a group, or on its way in or out. */
struct peal_procgroups_seat {
	uint8_t state;
	uint8_t why; /* LEAVING, or to leave as soon as it has joined: what is asked for; else 0 */
	bool is_asked; /* in this epoch, and no stamp came */
	bool is_any;   /* JOINING: by whatever order group the group has */
	bool is_shown; /* MEMBER, in total order: its client has the first view */
	uint16_t tag;
	uint16_t next;  /* of the same group; MEMBER, LEAVING */
	uint32_t owner; /* NO_OWNER = the client is gone */
	uint32_t client;
	uint32_t group;                     /* its number; MEMBER, LEAVING */
	struct peal_procgroup_stamp joined; /* the first view with it */
	uint32_t order;                     /* 0 = messages of each sender in order */
	uint64_t away_count; /* own messages that are not back from the order group */
	struct peal_procgroup_name name;
};

/* What a member of the view has on its way. */
struct peal_procgroups_origin {
	uint64_t mid;
	uint32_t waiting_count; /* requests of it that are not stamped; at the elder */
	uint32_t held_count;    /* parts of it that are held */
	/* The message that comes in parts. */
	bool is_ours;   /* it is one of a group ... */
	bool is_wanted; /* ... that somebody here may have */
	struct peal_procgroup_data data;
};

/* What a seat is taken with. */
struct peal_procgroups_client {
	uint32_t client; /* its number; never that of another client of this node */
	uint32_t owner;  /* below PEAL_PROCGROUPS_NO_OWNER */
	uint16_t tag;
	bool is_total; /* in total order, by `order`; 0: by whatever order group there is */
	uint32_t order;
};

/* A view of nodes that was installed and not shown. */
struct peal_procgroups_view {
	uint64_t epoch;
	uint32_t members_count;
	uint64_t mids[PEAL_DIRECT_MAX];
};

/* Parts of messages in the order in which they came. */
struct peal_procgroups_held {
	uint32_t size;
	_Alignas(8) uint8_t bytes[PEAL_PROCGROUPS_HELD_SIZE];
};

/* One member of one group, for people. */
struct peal_procgroups_row {
	struct peal_procgroup_name name;
	uint32_t number;
	struct peal_procgroup_stamp stamp; /* of the group's view */
	uint32_t members_count;            /* of the group */
	uint32_t order;                    /* the order group that it is by; 0 = by each sender */
	uint64_t mid;
	uint32_t client;
};

#define PEAL_PROCGROUPS_ROWS_MAX   32U
#define PEAL_PROCGROUPS_ROW_STRIDE 65536U /* of `from`, between two places of groups */

/* A piece of the table: the asker's until it asks, then the core's until it has answered. */
struct peal_procgroups_page {
	_Atomic bool is_asked;
	uint64_t from; /* 0, or `next` of the piece before */
	uint64_t next; /* 0 = that was all */
	uint32_t groups_count;
	uint32_t members_count;
	uint32_t rows_count;
	struct peal_procgroups_row rows[PEAL_PROCGROUPS_ROWS_MAX];
};

struct peal_procgroups {
	struct peal_procgroups_config config;
	uint64_t self_mid;
	uint32_t cluster;
	uint64_t switched_epoch; /* of the last table of peers */
	uint64_t epoch;          /* of the view that is shown; 0 = none */
	uint32_t origins_count;
	struct peal_procgroups_origin origins[PEAL_DIRECT_MAX]; /* members of that view */
	uint32_t n;                                             /* of the last stamp that came */
	bool is_ready;                                          /* the table is that of all */
	bool is_too_large;
	uint64_t ready_mid_max; /* members up to this one have the table */
	struct peal_procgroups_page page;
	uint64_t retry_at_ns; /* broadcast had no room: when to look again; 0 = it had */
	/* As elder. */
	bool is_table_due;
	bool is_table_sent;
	uint32_t table_place;
	uint16_t table_member;
	uint32_t stamped; /* last number given */
	uint32_t waiting_head;
	uint32_t waiting_count;
	struct peal_procgroup_change_msg waiting[PEAL_PROCGROUPS_WAITING_MAX];
	/* As a node with clients. */
	bool is_asking_due;
	uint32_t asked_count;
	uint32_t seats_count;
	struct peal_procgroups_seat seats[PEAL_PROCGROUPS_SEATS_MAX];
	uint32_t views_count;
	struct peal_procgroups_view views[PEAL_CAST_VIEWS_MAX];
	struct peal_procgroups_held held;
	/* Total order. */
	uint64_t order_at_ns; /* when there is something to do about it */
	uint64_t word_at_ns;  /* no other word is said in an order group before */
	uint32_t words_count; /* order groups of which somebody waits for a word */
	uint32_t words[PEAL_ORDERGROUPS_MAX];
	uint32_t pending_count;
	struct peal_procgroups_stream streams[PEAL_PROCGROUPS_STREAMS_MAX];
	struct peal_procgroups_pending pending[PEAL_PROCGROUPS_PENDING_MAX];
	struct peal_procgroups_held ordered; /* waits for a stamp */
	struct peal_procgroup_table shown;   /* groups of this node's clients, as they see them */
	uint8_t parts[PEAL_PROCGROUPS_STREAMS_MAX][PEAL_ORDER_RANKS_MAX]
		     [PEAL_CLIENT_MESSAGE_SIZE_MAX];
	struct peal_procgroup_table table;
	struct peal_procgroup_change changes[PEAL_PROCGROUPS_MEMBERS_MAX]; /* of one view */
};

/* @param config  copied */
void peal_procgroups_init(
	struct peal_procgroups *groups, const struct peal_procgroups_config *config);

/* --- what happens to the node --- */

/* Another table of peers. Before broadcast gets it. When this node is a member no more, or as
 * another one, all seats end. */
void peal_procgroups_switch(struct peal_procgroups *groups, const struct peal_peers *peers);

/* As broadcast's user: it shows a view; a message of `origin`. True: it was one of groups. */
void peal_procgroups_on_view(struct peal_procgroups *groups, uint64_t epoch);
bool peal_procgroups_on_cast(
	struct peal_procgroups *groups, uint64_t origin, const struct peal_delivery *delivery);

/* Once a turn, before anything else is given to broadcast: asks, stamps, sends the table, as far as
 * broadcast has room. Returns messages sent. */
uint32_t peal_procgroups_run_due(struct peal_procgroups *groups, uint64_t now_ns);

/*
 * Any one thread at a time: asks for a piece of the table; then wake the core. It is in `page` when
 * `has_page` says so, and stays there until the next one is asked for.
 */
void peal_procgroups_ask_page(struct peal_procgroups *groups, uint64_t from);
static inline bool
peal_procgroups_has_page(const struct peal_procgroups *groups)
{
	return !atomic_load_explicit(&groups->page.is_asked, memory_order_acquire);
}

/* What is due in order groups: marks, words, seats that end; peal_procgroups_run does it. */
void peal_procgroups_run_orders(struct peal_procgroups *groups, uint64_t now_ns);

/* Answers; peal_procgroups_run does it. */
void peal_procgroups_fill_page(struct peal_procgroups *groups);

/* True when there is something to do in the next turn. */
static inline bool
peal_procgroups_is_due(const struct peal_procgroups *groups)
{
	return groups->epoch != 0 &&
	       (groups->is_asking_due || groups->is_table_due || groups->waiting_count > 0);
}

static inline uint32_t
peal_procgroups_run(struct peal_procgroups *groups, uint64_t now_ns)
{
	if (__builtin_expect(!peal_procgroups_has_page(groups), 0)) {
		peal_procgroups_fill_page(groups);
	}
	if (__builtin_expect(groups->order_at_ns <= now_ns, 0)) {
		peal_procgroups_run_orders(groups, now_ns);
	}
	return __builtin_expect(peal_procgroups_is_due(groups), 0)
		       ? peal_procgroups_run_due(groups, now_ns)
		       : 0;
}

/* When it wants a turn: 0 = at once; UINT64_MAX = never. */
static inline uint64_t
peal_procgroups_deadline_at_ns(const struct peal_procgroups *groups)
{
	uint64_t at_ns = peal_procgroups_is_due(groups) ? groups->retry_at_ns : UINT64_MAX;

	return at_ns < groups->order_at_ns ? at_ns : groups->order_at_ns;
}

/* Messages of a seat that are not back from its order group; while it ends, too. */
static inline uint64_t
peal_procgroups_away_count(const struct peal_procgroups *groups, uint16_t seat)
{
	return groups->seats[seat].away_count;
}

/* The place of the order group of a seat, below STREAMS_MAX; STREAMS_MAX: it has none. */
uint32_t peal_procgroups_stream_of(const struct peal_procgroups *groups, uint16_t seat);

/* --- what clients of the node do --- */

/*
 * Takes a seat: `view` follows, or `ended`, until which `*seat_out` names it. `client` is never
 * that of another client of this node; `owner` and `tag` come back in calls. OK, NOT_IN_VIEW,
 * NOT_SUPPORTED, TOO_MANY, NO_ORDER, IN_USE: the client has a seat for this group.
 */
enum peal_procgroups_result peal_procgroups_join(struct peal_procgroups *groups,
	const struct peal_procgroups_client *client, const struct peal_procgroup_name *name,
	uint16_t *seat_out);

/* Leaves: `ended` follows, perhaps before this returns. */
void peal_procgroups_leave(struct peal_procgroups *groups, uint16_t seat);

/* The client is gone: so are its seats, and nothing is called for them. `what`: why. May be called
 * from within any call to the user. */
void peal_procgroups_on_gone(
	struct peal_procgroups *groups, uint32_t owner, enum peal_procgroup_what what);

/* Sends to the group of a seat. `message`: the client's bytes behind PEAL_PROCGROUP_HEAD_SIZE bytes
 * of room, which are written; `size` counts both. OK, FULL, NOT_RANK, NOT_MEMBER: not yet, or
 * leaving. */
enum peal_procgroups_result peal_procgroups_send(
	struct peal_procgroups *groups, uint16_t seat, uint8_t *message, uint32_t size);

#endif
