/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Broadcast of one core: to all members of the view, in order per origin, once, and the same set to
 * all who go on together (docs/design/0009-broadcast.md).
 *
 * What is cast is queued, cut into frames at the end of the turn (small messages of a turn share
 * one), and sent as far as the ring of this origin goes: the slowest member brakes it. A frame that
 * comes is kept, passed on, and delivered when it is next. The own messages are delivered here too,
 * when they are sent.
 *
 *     state      base             epoch    on
 *     OUT        0                0        a view -> FLUSHING
 *     FLUSHING   < epoch          of view  everybody is done -> RUNNING; a further view: again
 *     RUNNING    = epoch          of view  a further view -> FLUSHING; no member any more -> OUT
 *
 * In a direct view every member has a stream and speaks to all others. In a large one it speaks to
 * its links, and casts while it holds one of the lanes; whoever has something to cast asks for one
 * (cast_lane.h), and what was accepted waits for it. Sets below are of members by rank, or of
 * links.
 *
 * What was accepted and is not known to have reached all when this node leaves the group is
 * reported.
 *
 * Pure; plain struct, fields private; one core.
 */
#ifndef PEAL_DATAPLANE_CAST_H
#define PEAL_DATAPLANE_CAST_H

#include "base/counters.h"
#include "base/messagelimits.h"
#include "dataplane/cast_cut.h"
#include "dataplane/cast_digest.h"
#include "dataplane/cast_flush.h"
#include "dataplane/cast_lane.h"
#include "dataplane/egress.h"
#include "dataplane/ingress.h"
#include "dataplane/peers.h"

enum peal_cast_result {
	PEAL_CAST_OK = 0,
	PEAL_CAST_FULL,       /* no room in the queue; try again later */
	PEAL_CAST_NOT_MEMBER, /* no view was shown */
	PEAL_CAST_TOO_BIG,    /* above PEAL_MESSAGE_SIZE_MAX */
};

/* What is to happen when the slowest member brakes this one: docs/design/0009-broadcast.md. */
enum peal_cast_policy {
	PEAL_CAST_BLOCK = 0,   /* none is accepted until there is room */
	PEAL_CAST_DROP_BEHIND, /* the oldest of which nothing was sent are given up, and counted */
	PEAL_CAST_EVICT,       /* who brakes for too long is removed from the group */
};

/* Who uses broadcast. Called from within a turn; may cast. */
struct peal_cast_user {
	/* The next message of a member, or a part of it: parts of one message come in order. One
	 * with offset 0 ends a message that was not complete: its origin begins it again, or is
	 * gone. Bytes are valid during the call. */
	void (*deliver)(void *state, uint32_t origin, const struct peal_delivery *delivery);
	/* All of the last view was delivered; what comes now is of this one. */
	void (*view)(void *state, uint64_t epoch, uint32_t view_tag);
	/* This node is no member any more. `lost_count`: newest messages of its own of which nobody
	 * knows whether they reached all. */
	void (*ended)(void *state, uint64_t lost_count);
	/* Lent bytes are free again. */
	void (*release)(void *state, uint64_t token);
	/* The oldest `count` messages of this node of which nothing was sent were given up to make
	 * room: nobody will have them. Only with PEAL_CAST_DROP_BEHIND, and may be NULL without;
	 * must not call back. */
	void (*dropped)(void *state, uint64_t count);
	void *state;
};

struct peal_cast_config {
	struct peal_egress *egress;
	struct peal_counters *counters;
	struct peal_cast_user user;
	uint8_t *queue_bytes;    /* [queue_capacity], 8-aligned */
	uint32_t queue_capacity; /* a power of two */
	uint8_t *frame_bytes;    /* [PEAL_CAST_FRAMES_MAX][PEAL_BODY_SIZE_MAX] */
};

/* A view that was installed and not shown yet. */
struct peal_cast_view {
	uint64_t epoch;
	uint64_t next_mid;
	uint32_t view_tag;
};

struct peal_cast {
	struct peal_cast_config config;
	const struct peal_peers *peers;
	uint32_t cluster;
	uint64_t self_mid;
	uint64_t base;          /* epoch of the streams; 0 = none */
	uint64_t base_next_mid; /* who is below it was in that view, or in one before */
	uint64_t epoch;         /* of the view; 0 = OUT */
	uint32_t view_tag;
	uint64_t first_epoch; /* of the first view that this member had */
	uint64_t done_epoch;  /* the latest view for which it said that it was done */
	enum peal_cast_policy policy;
	uint64_t evict_after_ns;
	bool is_slow;  /* was told in this view that it brakes all others */
	bool is_held;  /* the user takes nothing of others now */
	bool was_held; /* and what came meanwhile is not delivered yet */
	bool is_large;
	struct peal_cast_order order;    /* of a direct view */
	struct peal_cast_links links;    /* of a large one */
	uint16_t slots[PEAL_DIRECT_MAX]; /* by member or link */
	uint64_t everyone;               /* who can be asked for frames */
	struct peal_cast_lane lane;
	struct peal_cast_grants grants; /* at place 0 */
	uint32_t views_count;
	struct peal_cast_view views[PEAL_CAST_VIEWS_MAX];
	struct peal_cast_flush flush;
	struct peal_cast_cut cut; /* own messages */
	uint16_t own;             /* stream of this node; PEAL_RANK_NONE = none */
	uint32_t streams_count;
	uint64_t active;                  /* streams that may have a timer */
	uint64_t rows[PEAL_DIRECT_MAX];   /* of which streams a member is sent a row in this turn */
	uint64_t asking[PEAL_DIRECT_MAX]; /* and which of them it is to answer */
	uint64_t slow[PEAL_DIRECT_MAX];   /* in which of them it brakes */
	struct peal_cast_stream streams[PEAL_DIRECT_MAX];
	struct peal_cast_digest digests[PEAL_DIRECT_MAX];
};

/* @param config  copied; what it points to outlives the machine */
void peal_cast_init(struct peal_cast *cast, const struct peal_cast_config *config);

/* Takes another table of peers. Calls `view` and `ended` before it returns. */
void peal_cast_switch(struct peal_cast *cast, const struct peal_peers *peers, uint64_t now_ns);

/* Accepts a message for all: copied, or lent until `release`, which is called when all of it is in
 * frames. Also while a view is agreed on: it is then cast in the next one. Cost: the copy. */
enum peal_cast_result peal_cast_send(struct peal_cast *cast, const uint8_t *bytes, uint32_t size);
enum peal_cast_result peal_cast_lend(
	struct peal_cast *cast, const uint8_t *bytes, uint32_t size, uint64_t token);

/* The latest value of `number`, below PEAL_CAST_VALUES_MAX: delivered to all like a message of this
 * node, unless the next one overwrites it before it leaves; and again in each view. At most
 * PEAL_CAST_VALUE_SIZE_MAX bytes, or TOO_BIG; never FULL. */
enum peal_cast_result peal_cast_set(
	struct peal_cast *cast, uint32_t number, const uint8_t *bytes, uint32_t size);

/*
 * What is to happen when a member is slow; BLOCK until it is said otherwise. DROP_BEHIND is of this
 * node's messages alone: it gives up a quarter of the queue at a time, and only what is not in a
 * frame, for what is numbered must reach all. EVICT is of the group, and all must have it: who has
 * half a ring less than its neighbour towards the origin for `evict_after_ns`, at least 1, is told,
 * says so to its observers, and they report it. It comes back as a new member.
 */
void peal_cast_set_policy(
	struct peal_cast *cast, enum peal_cast_policy policy, uint64_t evict_after_ns);

/* True when this node has to say of itself that it is slow, until the next view. */
static inline bool
peal_cast_is_slow(const struct peal_cast *cast)
{
	return cast->is_slow;
}

/*
 * The user can take no more for now, or can again: may be called from within `deliver`, of which
 * one frame at most is the rest. Meanwhile nothing of others is delivered, nothing is cast, and
 * this node says of no frame that it has it: so whoever casts is braked by it once the ring is
 * full, and the policy of the group applies. The end of a view waits for it too, so let that be
 * short.
 */
void peal_cast_hold(struct peal_cast *cast, bool is_held);

/* True while members agree on the messages of a former view. */
static inline bool
peal_cast_is_flushing(const struct peal_cast *cast)
{
	return cast->base != 0 && cast->epoch != 0 && cast->base != cast->epoch;
}

/* An opened frame of family 5 from a member, of this epoch. */
void peal_cast_on_frame(struct peal_cast *cast, const struct peal_opened *opened, uint64_t now_ns);

/* Once a turn, after the frames. Returns frames sent. */
uint32_t peal_cast_run(struct peal_cast *cast, uint64_t now_ns);

/* When it wants to run next; 0 = at once; UINT64_MAX = never. */
uint64_t peal_cast_deadline_at_ns(const struct peal_cast *cast);

/* Messages accepted here of which it is not known that all members have them. */
static inline uint64_t
peal_cast_doubtful_count(const struct peal_cast *cast)
{
	const struct peal_sendqueue *queue = &cast->cut.queue;

	return queue->accepted_count - queue->released_count + cast->cut.doubtful_count;
}

/* True when nothing is queued, kept or missing. */
bool peal_cast_is_idle(const struct peal_cast *cast);

#endif
