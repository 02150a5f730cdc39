/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The applications that a core serves through shared memory (docs/design/0014-embedding.md).
 *
 * Each client has a place with two rings (shm/region.h). In a turn the core takes a bounded number
 * of records from each, gives them to channels and broadcast, and writes what these deliver into
 * the other ring; at the end of the turn it shows what it wrote and rings who sleeps. It never
 * waits for a client and believes nothing that it says: what cannot be cuts the client off.
 *
 *     state      owner  on
 *     FREE       door   attach -> ATTACHING
 *     ATTACHING  core   next turn -> ATTACHED
 *     ATTACHED   core   hung up, died, violation, slow -> ENDING
 *     ENDING     core   its channels are reset, a few a turn -> OVER
 *     OVER       door   free -> FREE
 *
 * The door is who talks to clients on the socket and maps their memory: another thread, which calls
 * the functions marked so and no others. Memory of a client is the door's to give, and to take back
 * only when the place is OVER.
 *
 * What is delivered to a client must be taken. Peers are granted no more frames than the ring down
 * has room for, whatever is in them. Broadcast is held back for a client only where it asks for it
 * and the node allows it, and not for longer than it takes to read something, or it is evicted like
 * any other whose ring is full when something is to be delivered.
 *
 * Broadcasts of clients share a queue. When it is full they take turns. Opens of channels cost the
 * peers more than the client that asks for them, so they are bounded in time: clients that open
 * more than OPENS_BURST at once share a rate of one in OPEN_NS.
 *
 * Requests to a service (base/clientlimits.h) go over channels whose numbers the core chooses: a
 * block for each service, in it one for each client that asks, so that clients of two nodes never
 * want the same channel. All of them live on the home core. A request to who serves at this very
 * node goes from ring to ring, and is refused as busy when the other ring is half full.
 *
 * A channel to the node itself is a loop (dataplane/channelloop.h): records go from ring to ring,
 * many at a time, and wait in the queue of the channel while half of the other ring is full. So who
 * does not read stops who sends to it, by credit, and is not evicted for that.
 *
 * Two clients that both know of lanes get one for it, and speak past the core
 * (dataplane/clientslane.h).
 *
 * Numbers of channels from PEAL_LOAD_CHANNELS_LOWER on are those of load (dataplane/load.h) and
 * handed on to it. So are broadcasts, by their first eight bytes, which clients do not see: zero is
 * a message of clients; 1 to PEAL_CLIENT_VALUES_MAX is the latest value of the number before it;
 * with the top bit it is one of process groups (wire/procgroup_msg.h); with a mark of its own what
 * is in order, for nodes without a rank (wire/order_publication.h); anything else is load's.
 *
 * What clients put in an order group (dataplane/orders.h) has a head that says which of them it was
 * (wire/orderhead_msg.h). When the queue of a group is full, they take turns at it. Who has a group
 * open is delivered what is ordered from then on; who does not read is evicted, like with
 * broadcast, since a group waits for none of its listeners. Wishes for a new group go through the
 * door to control, one at a time, again and again until the view has the group or it cannot be.
 *
 * A view above PEAL_DIRECT_MAX members is shown in pieces, a few a turn. Broadcasts wait for that.
 *
 * The latest value of each member and number is kept, and written to a client when its ring has
 * room: who reads slowly skips some, and who begins to hear gets all of them.
 *
 * Pure; plain struct, fields private; one core, but for what is the door's.
 */
#ifndef PEAL_DATAPLANE_CLIENTS_H
#define PEAL_DATAPLANE_CLIENTS_H

#include "base/counters.h"
#include "base/messagelimits.h"
#include "dataplane/cast.h"
#include "dataplane/channels.h"
#include "dataplane/clientrights.h"
#include "dataplane/clientslane.h"
#include "dataplane/clientsview.h"
#include "dataplane/clientswish.h"
#include "dataplane/clienttally.h"
#include "dataplane/load.h"
#include "dataplane/orders.h"
#include "dataplane/plane.h"
#include "dataplane/procgroups.h"
#include "dataplane/turns.h"
#include "shm/clientmsg.h"
#include "shm/region.h"
#include "shm/shmbell.h"
#include "wire/orderhead_msg.h"

#define PEAL_CLIENTS_NONE        UINT32_MAX
#define PEAL_CLIENTS_PREFIX_SIZE 8U

enum peal_clients_state {
	PEAL_CLIENTS_FREE = 0,
	PEAL_CLIENTS_ATTACHING,
	PEAL_CLIENTS_ATTACHED,
	PEAL_CLIENTS_ENDING,
	PEAL_CLIENTS_OVER,
};

struct peal_clients_config {
	struct peal_channels *channels;
	struct peal_cast *cast;
	struct peal_load *load;
	struct peal_procgroups *groups; /* uninitialised: becomes that of these clients */
	struct peal_orders *orders;     /* NULL: this node takes part in no order groups */
	struct peal_counters *counters;
};

/* What the outside does for the core; set by `serve`, before anybody attaches. */
struct peal_clients_outside {
	struct peal_clients_room *room; /* uninitialised; outlives the core */
	struct peal_region_page *page;
	const struct peal_plane *plane; /* of this core */
	/* [PEAL_CLIENTS_LARGE_VIEWS][members_max], uninitialised; NULL: there are no large views */
	struct peal_client_member *large_members;
	uint32_t members_max;
	uint64_t lease_ns; /* a probe interval */
	uint64_t hold_ns;  /* who holds others back must read within so long; 0 = nobody may */
	uint64_t stuck_ns; /* a node whose control stands still for so long is removed */
	bool has_lanes;    /* clients may have them, and the door makes them */
	/* Wakes a client that sleeps, by what the door gave: once for each of its sleeps. */
	void (*ring)(void *state, uint64_t bell);
	/* Tells the door that places are OVER. */
	void (*tell)(void *state);
	void *state;
};

/* A channel of a client. */
struct peal_client_channel {
	uint16_t index;   /* of the core's channels; PEAL_CHANNEL_NONE = the place is free */
	uint16_t life;    /* of the place, nine bits */
	uint16_t other;   /* of a loop: its other end; PEAL_CHANNEL_NONE = the peer is elsewhere */
	uint8_t lane;     /* of a loop: place of its lane + 1; 0 = none */
	uint8_t lane_use; /* enum peal_clients_lane_use */
	uint64_t accepted_count;
};

/* A process group that a client is in, or asked to be. */
struct peal_client_group {
	uint16_t seat; /* PEAL_PROCGROUPS_NO_SEAT = the place is free */
	uint16_t life;
	uint64_t accepted_count;
};

enum peal_clients_order_state {
	PEAL_CLIENTS_ORDER_FREE = 0,
	PEAL_CLIENTS_ORDER_WISHED, /* the group shall be created */
	PEAL_CLIENTS_ORDER_OPEN,
};

/* An order group that a client has open, or wishes for. */
struct peal_client_order {
	uint8_t state; /* enum peal_clients_order_state */
	uint8_t group; /* place among the groups of the room; OPEN */
	uint16_t life;
	uint64_t accepted_count;
	uint64_t away_count; /* of these: did not come back yet */
};

/* What a rank of an order group says: its message may come in parts, between those of others. */
struct peal_clients_speaker {
	uint64_t mid;     /* 0 = the place is free */
	uint64_t clients; /* who got its beginning */
	uint32_t client;
	uint32_t message_size;
	uint32_t offset; /* of the next part; 0 = none is under way */
};

/* An order group that clients have open. */
struct peal_clients_ordergroup {
	uint32_t id; /* 0 = the place is free */
	uint32_t generation;
	uint64_t clients;  /* who has it open */
	uint64_t position; /* of what was told last */
	uint32_t view;     /* as it was told */
	uint16_t own_rank;
	bool is_waiting;
	uint8_t places[PEAL_CLIENTS_MAX]; /* which of its order groups it is for a client */
	struct peal_turns turns;          /* who waits for room in its queue */
	struct peal_clients_speaker speakers[PEAL_ORDERGROUP_RANKS_MAX];
};

/* The latest values of a member. */
struct peal_clients_values {
	uint64_t mid; /* 0 = the place is free */
	uint16_t set; /* numbers that have one */
	uint16_t sizes[PEAL_CLIENT_VALUES_MAX];
	uint8_t bytes[PEAL_CLIENT_VALUES_MAX][PEAL_CLIENT_VALUE_SIZE_MAX];
};

struct peal_client {
	_Atomic uint32_t state;
	_Atomic uint32_t end_asked; /* enum peal_client_end, by the door */
	struct peal_region_up *up;  /* read only */
	struct peal_region_down *down;
	const struct peal_clientrights *rights;
	uint64_t bell;
	bool can_lane; /* it knows of lanes */
	struct peal_client_tally tally;
	/* From here on the core's. */
	enum peal_client_end end;
	uint32_t number; /* never that of another client of this core */
	struct peal_client_group groups[PEAL_CLIENT_GROUPS_MAX];
	struct peal_client_order orders[PEAL_CLIENT_ORDERS_MAX];
	struct peal_client_wish wish;
	uint8_t grouping;    /* the same for a process group: place of its order group + 1 */
	bool is_ordering;    /* what is next in its ring waits for room in an order group: */
	uint8_t ordering;    /* this one */
	bool is_hearing;     /* broadcasts */
	uint64_t begun;      /* places of `app_origins` with a message whose first part it heard */
	bool may_hold;       /* would rather have others wait than be evicted */
	uint64_t held_at_ns; /* when it last read anything while it held others back */
	bool is_shown_due;
	uint16_t shown_rank; /* members before it are in its ring */
	uint16_t channels_count;
	uint16_t room;        /* frames that each of its peers is granted */
	uint16_t loops_count; /* of the channels: ends of loops */
	uint8_t owed_at;      /* whose turn was last, of these: */
	/* places of loops with messages that wait for room in the ring of this client */
	uint64_t owed[PEAL_CLIENT_CHANNELS_MAX / 64U];
	uint32_t listens_count;
	uint16_t listens[PEAL_CLIENT_LISTENS_MAX]; /* of services: the first of their blocks */
	uint16_t life;                             /* of the place, nine bits */
	uint32_t lane_owed;   /* the lane of which it owes an answer; 0 = none */
	uint32_t lanes_count; /* that it is an end of */
	uint64_t asks_count;  /* requests to who serves at this node */
	uint64_t casts_count;
	uint64_t opens_until_ns;         /* the time that its opens have used up */
	uint64_t stale_members;          /* places of members with values that it has not got */
	uint16_t stale[PEAL_DIRECT_MAX]; /* which, by number */
	struct peal_shmring_reader reader;
	struct peal_shmring_writer writer;
	struct peal_shmbell_ringer ringer;
	uint64_t busy[PEAL_CLIENT_CHANNELS_MAX / 64U]; /* places that are in use */
	struct peal_client_channel channels[PEAL_CLIENT_CHANNELS_MAX];
};

/* Whose a channel of the core is. */
struct peal_clients_owner {
	uint8_t client; /* place + 1; 0 = load */
	uint8_t place;
};

/* What only a core has that applications may attach to: some 1.3 MiB. Fields are private. */
struct peal_clients_room {
	struct peal_clients_view shown;
	uint32_t views_count;
	struct peal_clients_view views[PEAL_CAST_VIEWS_MAX]; /* installed, oldest first */
	struct peal_clients_values values[PEAL_DIRECT_MAX];
	uint8_t message[PEAL_CLIENTS_PREFIX_SIZE + PEAL_CLIENT_MESSAGE_SIZE_MAX];
	uint8_t group_message[PEAL_PROCGROUP_HEAD_SIZE + PEAL_CLIENT_MESSAGE_SIZE_MAX];
	uint8_t order_message[PEAL_ORDERHEAD_SIZE + PEAL_CLIENT_MESSAGE_SIZE_MAX];
	struct peal_clients_wish wish;
	struct peal_clients_lane_ask lane_ask;
	struct peal_clients_lane lanes[PEAL_LANES_MAX];
	struct peal_turns group_turns[PEAL_PROCGROUPS_STREAMS_MAX]; /* by order group of groups */
	struct peal_clients_ordergroup ordergroups[PEAL_CLIENT_ORDERS_MAX];
	struct peal_client clients[PEAL_CLIENTS_MAX];
};

struct peal_clients {
	struct peal_clients_config config;
	struct peal_clients_outside outside;
	struct peal_channel_user load_channels;
	struct peal_cast_user load_cast;
	_Alignas(64) _Atomic uint64_t asked; /* places where the door wants something */
	_Alignas(64) uint64_t attached;
	uint64_t ending;
	uint64_t stale;   /* clients with room in their rings for values that they have not got */
	uint64_t holding; /* clients that hold others back now */
	uint64_t owing;   /* clients with messages of loops that wait for room in their rings */
	uint64_t showing; /* clients that hear and were not shown all of the view */
	uint64_t opening; /* clients that opened more than their share and wait */
	uint64_t opening_at_ns;  /* when the first of them may go on */
	struct peal_turns casts; /* clients whose broadcast waits for room */
	uint64_t wishing;        /* clients that wish for an order group */
	uint32_t ordergroups;    /* places of the room's order groups that are in use */
	uint64_t lanes_due;      /* lanes that wait for the door to have time for them */
	bool is_laning;          /* the door has a task */
	uint32_t lanes_made;     /* so far */
	bool is_switched;        /* another table came, which order groups have by now */
	uint64_t now_ns;
	uint32_t last_place;    /* of the client that said something last, */
	uint32_t turns_count;   /* and how often in a row another one did than before */
	uint32_t clients_count; /* so far */
	uint64_t told_standing; /* as in plane.h */
	uint64_t leased_at_ns;
	uint64_t leased_epoch;
	const struct peal_peers *peers;
	struct peal_clients_owner owners[PEAL_CHANNELS_MAX];
	uint64_t app_origins[PEAL_DIRECT_MAX]; /* whose message that is under way is of clients */
	struct peal_clients_room *room;        /* NULL: nobody may attach */
};

/* @param config  copied; all of it outlives the machine */
void peal_clients_init(struct peal_clients *clients, const struct peal_clients_config *config);

/* Before the first attach; `outside` is copied. */
void peal_clients_serve(struct peal_clients *clients, const struct peal_clients_outside *outside);

/* Who uses the channels and the broadcast of the core: this machine, which is `clients`. */
struct peal_channel_user peal_clients_channel_user(struct peal_clients *clients);
struct peal_cast_user peal_clients_cast_user(struct peal_clients *clients);
/* Who uses process groups: the same. */
struct peal_procgroups_user peal_clients_group_user(struct peal_clients *clients);

/* Who uses order groups: the same. */
struct peal_orders_user peal_clients_order_user(struct peal_clients *clients);

/* Takes another table. Before channels, broadcast and order groups do. */
void peal_clients_switch(struct peal_clients *clients, const struct peal_peers *peers);

/* Once a turn, before channels and broadcast. Returns records taken. */
uint32_t peal_clients_run_busy(struct peal_clients *clients, uint64_t now_ns);

static inline uint32_t
peal_clients_run(struct peal_clients *clients, uint64_t now_ns)
{
	uint32_t work_count = peal_procgroups_run(clients->config.groups, now_ns);

	if (__builtin_expect(
		    (clients->attached | clients->ending | clients->lanes_due) == 0 &&
			    !clients->is_laning &&
			    atomic_load_explicit(&clients->asked, memory_order_relaxed) == 0,
		    1)) {
		return work_count;
	}
	return work_count + peal_clients_run_busy(clients, now_ns);
}

/* Last thing in a turn: shows what was written and rings. */
void peal_clients_flush_busy(struct peal_clients *clients);

static inline void
peal_clients_flush(struct peal_clients *clients)
{
	if (__builtin_expect(clients->attached != 0, 0)) {
		peal_clients_flush_busy(clients);
	}
}

/* True while clients of this core answer each other, few words each. */
static inline bool
peal_clients_converse(const struct peal_clients *clients)
{
	return clients->turns_count >= PEAL_CLIENT_TURNS_MIN;
}

/* When it wants a turn: 0 = at once, UINT64_MAX = never. */
uint64_t peal_clients_deadline_at_ns(const struct peal_clients *clients);

/*
 * Door: gives a client to the core; then ring at the core. The regions stay mapped until OVER.
 * `bell` means something to the door's `ring`. `rights` stay as they are until OVER. `can_lane`:
 * the client knows of lanes.
 * @return the place, or PEAL_CLIENTS_NONE: all are taken
 */
uint32_t peal_clients_attach(struct peal_clients *clients, struct peal_region_up *up,
	struct peal_region_down *down, const struct peal_clientrights *rights, uint64_t bell,
	bool can_lane);

/* Door: the core shall have done with a client; then ring at the core. */
void peal_clients_hang_up(
	struct peal_clients *clients, uint32_t place, enum peal_client_end reason);

/* Door: the core has done with this client; its regions are read and written no more. */
static inline bool
peal_clients_is_over(const struct peal_clients *clients, uint32_t place)
{
	return atomic_load_explicit(&clients->room->clients[place].state, memory_order_acquire) ==
	       PEAL_CLIENTS_OVER;
}

/* Door: why the core has done with this client. While it is OVER. */
static inline enum peal_client_end
peal_clients_end_of(const struct peal_clients *clients, uint32_t place)
{
	PEAL_ASSERT(peal_clients_is_over(clients, place));
	return clients->room->clients[place].end;
}

/* Door: the place may be given to another. */
void peal_clients_free(struct peal_clients *clients, uint32_t place);

/* Door, after `tell`: the order group that some client wishes for; NULL: there is none. Control is
 * to be asked, and the answer given. */
const struct peal_ordergroup *peal_clients_find_wish(struct peal_clients *clients);
/* Door: what comes of it; then ring at the core. */
void peal_clients_answer_wish(struct peal_clients *clients, enum peal_clients_wish_answer answer);

#endif
