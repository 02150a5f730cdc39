/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Atomic broadcast of one rank of one order group: all ranks deliver the same frames in the same
 * order, and what one delivered all deliver that go on (docs/design/0017-order.md).
 *
 * A group begins with 1, 3, 5, 7 or 9 ranks; commands in the order open further ones, and say which
 * count (abcast_quorum.h). Every rank sends on a lane of its own, stamps its frames with
 * a hybrid clock, and all deliver in the order (stamp, rank). Delivered is FINAL, and only:
 *
 *     B1  what a majority stores;
 *     B2  when no active lane can bring anything earlier: each has promised so, or was sealed;
 *     B3  next in its lane, everything before it delivered.
 *
 * No rule looks at a clock or a time-out: those decide how soon, not what. A lane that is silent is
 * sealed by a majority (abcast_seal.h), so that a rank that stands still stops the others for a
 * fraction of a millisecond, and loses nothing. A view change (abcast_change.h) ends all lanes with
 * a cut that is agreed on, drops silent ranks from those who may send, and takes restarted ones in.
 *
 *     state     sends  accepts  delivers  on
 *     OUT       -      -        -         a view that names this member -> RUNNING
 *     RUNNING   yes    yes      yes       a view change was promised, or decided -> WEDGED
 *     WEDGED    -      only held          the cut is here and delivered -> RUNNING
 *     STOPPED   -      -        -         this node cannot be right, or was replaced: for good
 *
 * Stored means in memory of one incarnation, which is a member number. Up to half of the ranks may
 * crash; one that restarts has forgotten its promises, is silent in the old view, and begins with
 * the next (rejoin). Who is so far behind that nobody keeps what it lacks goes on where another
 * rank is, or with the next view, and is told which positions it missed.
 *
 * Frames are lent, not copied: those of the application with a token, until `release`; of received
 * ones what is kept is put where it stays by `keep`. What is repeated is sent from where it lies.
 *
 * What leaves in one turn, or answers one pull, shares bodies: as many frames as the path to the
 * rank has room for (`rooms`), which whoever carries them knows. The first answer to a pull is as
 * large as that; if the same is pulled still a while later, frames go as every path carries them,
 * one by one. Who pulls again and again is doubted (`doubt`): so a path that carries less than it
 * was proven to holds nothing up.
 *
 * Stamps are of a time that the ranks share as well as they can, which they ask each other for: a
 * rank whose clock is wrong would make all wait. Nothing but that depends on it.
 *
 * Routing: frames of family 6 go to the group that their head names, on_frame checks the rest.
 * Evidence of membership comes by learn and suspect; it may start a view change, nothing more.
 *
 * Pure; plain struct, fields private but state and fault; one core. Memory: some 700 KB.
 */
#ifndef PEAL_ABCAST_ABCAST_H
#define PEAL_ABCAST_ABCAST_H

#include "abcast/abcast_change.h"
#include "abcast/abcast_clock.h"
#include "abcast/abcast_digest.h"
#include "abcast/abcast_lane.h"
#include "abcast/abcast_late.h"
#include "abcast/abcast_queue.h"
#include "abcast/abcast_sync.h"
#include "base/counters.h"
#include "base/prng.h"

#include <stddef.h>

enum peal_abcast_status {
	PEAL_ABCAST_OUT = 0,
	PEAL_ABCAST_RUNNING,
	PEAL_ABCAST_WEDGED,
	PEAL_ABCAST_STOPPED,
};

enum peal_abcast_result {
	PEAL_ABCAST_OK = 0,
	PEAL_ABCAST_FULL,    /* too many frames wait; try again later */
	PEAL_ABCAST_TOO_BIG, /* empty, or above peal_abcast_size_max */
	PEAL_ABCAST_ENDED,   /* stopped */
};

/* Why a rank stopped. A wrong replica is worse than a missing one. */
enum peal_abcast_fault {
	PEAL_ABCAST_FAULT_NONE = 0,
	PEAL_ABCAST_FAULT_ORDER,    /* a frame came that is earlier than what was delivered */
	PEAL_ABCAST_FAULT_SEAL,     /* a seal takes back what was delivered */
	PEAL_ABCAST_FAULT_CUT,      /* a cut does */
	PEAL_ABCAST_FAULT_DECISION, /* two decisions of one thing */
	PEAL_ABCAST_FAULT_DIGEST,   /* another rank delivered something else */
	PEAL_ABCAST_FAULT_REPLACED, /* the group gave this rank to another member */
};

struct peal_abcast_delivery {
	uint64_t position; /* from 1, without gaps but those that `view` tells of */
	uint64_t stamp;
	uint64_t member; /* who sent it */
	uint32_t view;
	uint8_t rank;
	bool is_own;
	uint16_t size;
	const uint8_t *bytes; /* valid during the call */
};

/* A view begins here. */
struct peal_abcast_news {
	uint32_t view;
	uint16_t active;  /* ranks that may send */
	uint16_t counted; /* ranks that count; those who may send are among them */
	uint8_t ranks_count;
	uint64_t members[PEAL_ORDER_RANKS_MAX];
	uint64_t position;       /* of the last message before the view */
	uint64_t doubtful_count; /* own frames of which it does not know whether they were */
};

/* Who uses it, and what carries its frames. Called from within on_frame, run, send; none may call
 * back but `deliver` and `view`, which may send. */
struct peal_abcast_user {
	/* Sends a frame of family 6 to whoever holds the rank, or drops it: the body is `form` and
	 * then `bytes`, which may be none. Both are valid during the call. */
	void (*transmit)(void *state, uint8_t rank, uint8_t kind, const uint8_t *form,
		uint16_t form_size, const uint8_t *bytes, uint16_t size);
	/* Puts the data of a received frame where it stays until `release` of the token; asked for
	 * no more than the lanes of two views have room for, and one. */
	const uint8_t *(*keep)(
		void *state, const uint8_t *bytes, uint16_t size, uint64_t *token_out);
	/* A reference is given back. */
	void (*release)(void *state, uint64_t token);
	void (*deliver)(void *state, const struct peal_abcast_delivery *delivery);
	void (*view)(void *state, const struct peal_abcast_news *news);
	/* Positions [from, to] are never delivered here: they were elsewhere. */
	void (*skipped)(void *state, uint64_t from, uint64_t to);
	void (*stopped)(void *state, enum peal_abcast_fault fault);
	/* The rank lacks again and again what is sent to it as large as its path carries. */
	void (*doubt)(void *state, uint8_t rank);
	void *state;
};

/* Times; none is needed to be right. 0 = the default. */
struct peal_abcast_timing {
	uint64_t tick_ns;   /* between two ticks while something is under way: 5 us */
	uint64_t linger_ns; /* how long ticks go on after the last frame: 0 */
	uint64_t idle_ns;   /* between ticks otherwise: 1 ms */
	uint64_t ahead_ns;  /* promise so much beyond now when quiet for as long: 2 ms; 1 = never */
	uint64_t gather_ns; /* while own frames are under way others gather, at most: 200 us */
	uint64_t repair_ns; /* before a pull or a proposal is repeated, at first: 40 us */
	uint64_t ask_ns;    /* a message is blocked: ask the silent lane, at first after: 60 us */
	uint64_t seal_ns;   /* and seal it: 300 us */
	uint64_t suspect_ns; /* nothing heard of a rank: leave it out: 20 ms */
	uint64_t late_ns;    /* a pause of this core, after which it accuses nobody: 1 ms */
};

struct peal_abcast_config {
	struct peal_abcast_user user;
	struct peal_counters *counters; /* outlives the machine */
	struct peal_abcast_timing timing;
	uint32_t group;
	uint32_t configuration; /* hash of what the group was created with */
	uint8_t ranks_count;    /* when it was created: odd, [1, PEAL_ORDER_RANKS_MAX] */
	uint8_t rank;           /* below peal_order_ranks_limit(ranks_count) */
	uint64_t member; /* as a holder of its rank, never 0; so wherever a member is named here */
	uint64_t seed;   /* of who goes first when all want to */
};

/* What a rank lacked of a lane when it asked last. */
struct peal_abcast_pulled {
	uint64_t from;
	uint64_t since_ns; /* when it asked for that first */
	uint32_t view;     /* 0 = never */
};

/* A wish to be taken into the next view. */
struct peal_abcast_wish {
	uint64_t member;
	uint64_t at_ns; /* 0 = none */
};

struct peal_abcast {
	struct peal_abcast_config config;
	struct peal_abcast_timing timing;
	enum peal_abcast_status state;
	enum peal_abcast_fault fault;
	uint32_t view;
	uint8_t ranks_count;  /* of the view; never falls */
	uint8_t former_count; /* of the view before */
	uint16_t active;
	uint16_t counted;                       /* ranks that count; `active` are among them */
	uint16_t all;                           /* ranks */
	uint64_t members[PEAL_ORDER_RANKS_MAX]; /* holders (wire/order_msg.h), of the view */
	uint64_t known[PEAL_ORDER_RANKS_MAX];   /* by the order or membership, may be later */
	struct peal_abcast_clock clock;
	struct peal_abcast_sync sync;
	struct peal_abcast_lane *lanes;  /* of the view */
	struct peal_abcast_lane *former; /* of the view before, for who is behind */
	struct peal_abcast_lane sets[2][PEAL_ORDER_RANKS_MAX];
	struct peal_abcast_seal seals[PEAL_ORDER_RANKS_MAX];
	struct peal_abcast_change change;
	struct peal_abcast_digest digest;
	struct peal_abcast_queue queue;
	struct peal_prng prng;
	uint32_t burst;                       /* public: own frames that may leave in one run */
	uint16_t rooms[PEAL_ORDER_RANKS_MAX]; /* public: body that the path to a rank carries */
	/* By rank and lane: its last pull. Nobody pulls two gaps of one lane by turns. */
	struct peal_abcast_pulled pulled[PEAL_ORDER_RANKS_MAX][PEAL_ORDER_RANKS_MAX];
	uint32_t answers_count[PEAL_ORDER_RANKS_MAX];
	uint64_t final_stamp; /* of the latest delivery in this view */
	uint8_t final_rank;
	bool is_behind; /* nobody keeps what it lacks */
	/* How this view began: told to who asks. */
	struct peal_abcast_value latest;
	uint64_t latest_position;
	uint64_t latest_digest;
	/* A view that is decided, and whose cut is not here yet. */
	bool has_pending;
	bool has_pending_digest;
	struct peal_abcast_value pending;
	uint64_t pending_position;
	uint64_t pending_digest;
	/* What the first undelivered message waits for. */
	uint8_t blocked_lane;
	uint16_t blocked_on;  /* lanes that promised too little */
	bool is_unheld;       /* too few store it */
	uint64_t blocked_seq; /* 0 = nothing is blocked */
	uint64_t blocked_stamp;
	uint64_t blocked_at_ns;
	uint64_t asked_at_ns;
	uint64_t relayed_at_ns;
	uint8_t asks_count; /* while it is blocked */
	uint8_t relays_count;
	/* By rank. */
	uint64_t heard_at_ns[PEAL_ORDER_RANKS_MAX];
	uint16_t suspects;                         /* told by membership */
	uint16_t gone;                             /* ranks that do not keep what this one lacks */
	uint16_t owed_view;                        /* ranks that are a view behind */
	uint16_t owed_place;                       /* ranks that lack what nobody keeps */
	uint16_t owed_seals[PEAL_ORDER_RANKS_MAX]; /* lanes, by rank */
	struct peal_abcast_wish wishes[PEAL_ORDER_RANKS_MAX];
	/* By rank, that is far behind on the own lane: since when its place there stands. */
	uint16_t braked_by; /* ranks */
	uint64_t braked_limit[PEAL_ORDER_RANKS_MAX];
	uint64_t braked_at_ns[PEAL_ORDER_RANKS_MAX];
	/* By lane: repairs. */
	uint64_t pull_at_ns[PEAL_ORDER_RANKS_MAX];
	uint8_t pulls_count[PEAL_ORDER_RANKS_MAX];
	uint8_t pull_from[PEAL_ORDER_RANKS_MAX];                    /* rank to ask first */
	struct peal_abcast_late answers_late[PEAL_ORDER_RANKS_MAX]; /* answers to pulls */
	struct peal_abcast_late owners_late[PEAL_ORDER_RANKS_MAX];  /* what others wait for */
	/* Timers. */
	bool is_dirty;        /* acknowledgements changed */
	uint32_t taken_count; /* frames since all were told so */
	bool is_led;          /* a stamp came that was too far ahead to be followed at once */
	bool is_asked;
	uint8_t ticks_count;     /* since anything changed */
	uint64_t told_at_ns;     /* the last frame to all */
	uint64_t sent_at_ns;     /* the last own data */
	uint64_t gather_from_ns; /* the same; 0 = a seal took some back since */
	uint64_t round_ns;       /* until an own frame is back, smoothed */
	uint64_t pace_ns;        /* from one body of own data to the next, smoothed */
	uint64_t turn_at_ns;
	uint64_t installed_at_ns;
	uint64_t join_at_ns;
	uint64_t owed_at_ns;
	uint64_t wake_at_ns;
};

/* Prepares a rank that is OUT. Asserts the configuration. */
void peal_abcast_init(struct peal_abcast *abcast, const struct peal_abcast_config *config);

/* The group was created by a cut of the membership: view 1, all ranks active, all lanes empty.
 * Only for a member that the cut names, and only once in its life. */
void peal_abcast_found(
	struct peal_abcast *abcast, const uint64_t members[PEAL_ORDER_RANKS_MAX], uint64_t now_ns);

/* Membership says that a rank is held by this member now. A larger number only. */
void peal_abcast_learn(struct peal_abcast *abcast, uint8_t rank, uint64_t member);
/* The order says that the rank, of the view or the one behind the last, is this holder's from here
 * on: called while `deliver` is, at the same position of all. A larger term only. This rank may be
 * the one that is given away: it goes on, but for new frames, until the next view leaves it out and
 * it stops, REPLACED. */
void peal_abcast_assign(struct peal_abcast *abcast, uint8_t rank, uint64_t holder);
/* True from there on until a view follows that knows of it. */
bool peal_abcast_is_given(const struct peal_abcast *abcast, uint8_t rank);
/* Says to rank `rank`, or to whoever hears in its place, how the present view began. Not of the
 * first one, which the configuration says. */
void peal_abcast_tell(struct peal_abcast *abcast, uint8_t rank);
/* Membership suspects whoever holds the rank, or no more. */
void peal_abcast_suspect(struct peal_abcast *abcast, uint8_t rank, bool is_suspected);
/* This node's own clock, as an offset to `now_ns`; 0 at first. That of the day will do: what ranks
 * share is found out from all of them (abcast_sync.h). */
void peal_abcast_set_offset(struct peal_abcast *abcast, int64_t offset_ns);

/* Lends a frame's worth of bytes, until `release`. OK: it is delivered here and at all others, or
 * `view` counts it as doubtful. While the group cannot go on it waits. */
enum peal_abcast_result peal_abcast_send(
	struct peal_abcast *abcast, uint64_t token, const uint8_t *bytes, uint16_t size);

/* An opened frame of family 6. */
struct peal_abcast_frame {
	uint64_t member; /* authenticated number of the sender */
	const uint8_t *body;
	uint16_t body_size;
	uint8_t kind;
};

/* Takes a frame. True: something of it is kept. */
bool peal_abcast_on_frame(
	struct peal_abcast *abcast, const struct peal_abcast_frame *frame, uint64_t now_ns);

/* Once a turn, after all frames that had arrived: deliveries, own frames, timers. */
void peal_abcast_run(struct peal_abcast *abcast, uint64_t now_ns);
/* When to run next: at most PEAL_ORDER_IDLE later; 0 = at once; UINT64_MAX = never. */
uint64_t peal_abcast_deadline_at_ns(const struct peal_abcast *abcast);

/* Until when frames that do not fill a body gather, as far as is known now; 0 = they leave with the
 * next run. */
uint64_t peal_abcast_gather_until_ns(const struct peal_abcast *abcast);

/* Gives every reference back: the end. Frames of its own that were not delivered are released
 * without a word. */
void peal_abcast_fini(struct peal_abcast *abcast);

/* Of one frame: what leaves room for the acknowledgements of all ranks that the group may get. */
static inline uint16_t
peal_abcast_size_max(const struct peal_abcast *abcast)
{
	return peal_order_data_size_max(peal_order_ranks_limit(abcast->config.ranks_count));
}

/* Messages delivered, those before this rank came among them. */
static inline uint64_t
peal_abcast_position(const struct peal_abcast *abcast)
{
	return abcast->digest.position;
}

#endif
