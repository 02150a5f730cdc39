/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The control half of a node as one pure machine.
 *
 * It drains the plane's up ring, routes each input to the machine that owns it, carries out their
 * effects as records on the down ring, installs decided views, and keeps what people ask for:
 * state, view, events, history. It sleeps between steps until peal_node_deadline_at_ns or a record
 * arrives.
 *
 *     JOINING --view--> MEMBER --leave--> LEAVING --decided, or confirmed by weight--> LEFT
 *        ^                |                  |
 *        |              removed            removed by others' cut
 *        +-- rejoin --- KICKED <-------------+ (a removal it did not ask for; who was slow waits)
 *
 * Memory: the caller's, sizeof(struct peal_node); no allocation after init. Thread: control only;
 * readers on other threads hold the lock of whoever runs the steps.
 */
#ifndef PEAL_CONTROL_NODE_H
#define PEAL_CONTROL_NODE_H

#include "base/counters.h"
#include "base/prng.h"
#include "base/timing.h"
#include "control/assembly.h"
#include "control/consensus.h"
#include "control/eventlog.h"
#include "control/formation.h"
#include "control/guests.h"
#include "control/history.h"
#include "control/install.h"
#include "control/promises.h"
#include "control/rejoin.h"
#include "control/shelf.h"
#include "control/streampool.h"
#include "dataplane/plane.h"
#include "membership/admission.h"
#include "membership/cut.h"
#include "membership/group.h"
#include "membership/joiner.h"
#include "membership/nextview.h"
#include "membership/rings.h"
#include "wire/outbox.h"

enum peal_node_state {
	PEAL_NODE_JOINING = 0,
	PEAL_NODE_MEMBER = 1,
	PEAL_NODE_LEAVING = 2,
	PEAL_NODE_LEFT = 3,    /* final: gone with the group's consent (or after the grace of D6) */
	PEAL_NODE_KICKED = 4,  /* removed while alive; JOINING follows when rejoin is on, at once or
				* after a pause */
	PEAL_NODE_REFUSED = 5, /* final: the cluster runs other parameters */
};

/* What control needs of cryptography, so that it stays pure. All outputs are deterministic. */
struct peal_node_crypto {
	void *state;
	/* The sealing key of the member `uuid` of `cluster`, expanded. */
	void (*derive)(void *state, struct peal_uuid cluster, struct peal_uuid uuid,
		struct peal_aead_key *key_out);
	/* A keyed digest under this node's secret. */
	void (*mac)(void *state, const void *data, size_t size, uint8_t mac_out[16]);
};

struct peal_node_config {
	char name[PEAL_NAME_SIZE_MAX + 1U];
	char cluster_name[PEAL_NAME_SIZE_MAX + 1U];
	struct peal_address address; /* own */
	uint16_t metadata_size;      /* [0, PEAL_METADATA_SIZE_MAX] */
	const uint8_t *metadata;     /* [metadata_size]; outlives the node, and does not change */
	uint8_t seeds_count;         /* [1, PEAL_SEEDS_MAX]; may include the node itself */
	struct peal_address seeds[PEAL_SEEDS_MAX];
	uint8_t expect; /* [1, PEAL_EXPECT_MAX]: cold start waits for floor(expect / 2) + 1 nodes */
	uint8_t rings_count;              /* K */
	bool rejoin;                      /* after KICKED join again with a new identity */
	const struct peal_timing *timing; /* outlives the node */
	struct peal_node_crypto crypto;
	struct peal_groups groups; /* where views come from; outlives the node */
	struct peal_bodies bodies; /* where cuts and snapshots are kept; outlives the node */
	uint64_t seed[4];          /* 256 random bits: uuids, jitter */
};

/* Batches of joiners announced in one epoch; the best one wins, and more than two are rare. */
#define PEAL_NODE_BATCHES_MAX 4U

/* Values to look for that one step names. */
#define PEAL_NODE_WANTS_MAX 8U

/* A member that was left behind catches up by a snapshot of the view of `epoch`. */
struct peal_catchup {
	uint64_t epoch; /* 0 = none announced */
	struct peal_hash128 hash;
	struct peal_hash128 digest;
};

struct peal_node {
	struct peal_node_config config;
	struct peal_plane *plane; /* of the home shard; the others follow it */
	uint8_t shards_count;
	uint32_t views_done[PEAL_SHARDS_MAX]; /* newest generation that each shard switched to */
	enum peal_node_state state;
	struct peal_prng prng;
	struct peal_counters counters; /* of the control half */
	struct peal_member self;       /* own record; mid 0 until a member */
	uint16_t self_rank;
	const struct peal_group *group; /* retained; NULL: not a member */
	struct peal_view view;          /* the group's; epoch 0 without one */
	struct peal_topology topology;  /* the group's */
	bool is_large;                  /* more than PEAL_DIRECT_MAX members */
	uint64_t first_epoch;           /* in which this node became a member */
	uint64_t new_mid;               /* members from this number on are new in this view ... */
	uint16_t new_rank;              /* ... and stand at this rank and above */
	struct peal_cut cut;
	struct peal_consensus consensus;
	struct peal_bitset willing; /* asked to leave or are being replaced */
	struct peal_joiner joiner;
	struct peal_formation formation;
	bool is_full_told; /* METADATA_FULL was told since joining began */
	struct peal_admission admission;
	struct peal_history history;
	struct peal_install install;
	struct peal_eventlog events;
	struct peal_outbox outbox;
	bool has_quorum;
	uint64_t lonely_since_ns; /* when quorum was lost; meaningful without it */
	/* A cut of this epoch went to consensus; the last one was these removals and additions. */
	uint64_t propose_at_ns; /* a cut that is due is looked at again; UINT64_MAX = none waits */
	bool is_proposed;
	struct peal_bitset proposed_removals;
	const struct peal_member *proposed_additions;
	uint64_t leave_asked_at_ns; /* 0 = not leaving */
	uint64_t leave_repeat_at_ns;
	uint64_t leave_repeat_ns;
	bool is_out;          /* out by a decision that the rest may not know yet */
	bool leave_confirmed; /* LEFT by a decision, not by time */
	bool ended_unconfirmed;
	uint32_t origin_seq;     /* of flood messages */
	uint32_t reports_count;  /* REPORT records since the core was last heard: bounds the ring */
	struct peal_bitset gone; /* members whose address asked to join as somebody else */
	struct peal_bitset accused;  /* members reported by anybody in this epoch */
	struct peal_bitset unfit;    /* of these: reported as STUCK or LAG, so answers say little */
	struct peal_bitset detected; /* members that became stable by reports in this epoch */
	uint8_t report_reason;       /* of the last report */
	bool is_report_new;          /* reports came that the tick has not looked at */
	uint64_t reported_at_ns;     /* when a mask grew last */
	uint64_t view_at_ns;         /* when the current view was installed here */
	bool is_behind_told;         /* of this time: the event was logged */
	uint64_t ahead_since_ns;     /* a peer is ahead and no cut arrives; 0 = not so */
	uint64_t quorum_check_at_ns;
	/* Removed by a decision: so long this node looks for that group and founds no other; 0 =
	 * no. */
	uint64_t refrain_until_ns;
	struct peal_rejoin rejoin; /* pauses after evictions for being slow */
	uint64_t unreachable_seen; /* joining: which observers were told of last; 0 = none */
	uint64_t unanswered_at_ns; /* joining: then it is said that nobody answers */
	uint64_t call_at_ns;       /* next call to seeds that are not members; UINT64_MAX = none */
	/* Large things. */
	struct peal_assembly assembly;     /* bodies on their way here */
	struct peal_shelf shelf;           /* bodies of this epoch that are here */
	struct peal_streampool streampool; /* bodies on their way to others */
	const struct peal_body *snapshot;  /* of the view, once it was needed; retained */
	uint32_t batches_count;
	struct peal_hash128 batches[PEAL_NODE_BATCHES_MAX]; /* announced, not here yet */
	uint32_t wants_count;
	struct peal_hash128 wants[PEAL_NODE_WANTS_MAX];
	uint64_t hint_mid; /* who sent what is being handled; 0 = nobody */
	/* The last DECIDE of this epoch that was heard, and what it told besides the value. */
	struct peal_hash128 told_digest;
	struct peal_bitset told_left;
	bool is_decision_waiting;    /* a decided view finds no room: tried again ... */
	uint64_t decision_at_ns;     /* ... then */
	struct peal_catchup catchup; /* a newer view than the next one */
	uint64_t ahead_mid;          /* a peer that is ahead, to be asked ... */
	uint64_t ahead_heard_at_ns;  /* ... since it was heard so last */
	uint64_t sync_at_ns;         /* meaningful while ahead_since_ns is set */
	uint64_t sync_ns;
	/* Large groups. */
	struct peal_guests guests;
	struct peal_promises promises;  /* what a root passes on */
	struct peal_bitset installed;   /* members that said that they installed this view */
	bool is_installed_due;          /* the own word about that waits for the core */
	const struct peal_peers *peers; /* newest table published; NULL before the first */
	/* Bounds. */
	uint32_t requests_left;                   /* join requests that this step still looks at */
	struct peal_ping_run *ping;               /* running, or waiting for a slot of its member */
	uint64_t ping_mid;                        /* waiting: the member; 0 = running */
	struct peal_ping_run *ping_done;          /* ended, not taken */
	struct peal_load_run *load;               /* with the core */
	struct peal_load_run *load_done;          /* ended, not taken */
	struct peal_ordergroup wanted_ordergroup; /* not created yet; id 0 = none */
	uint64_t ordergroup_at_ns;                /* next attempt, while there is one */
	uint16_t down_free_count;
	uint16_t down_free[PEAL_PLANE_BUFFERS_MAX];
	uint64_t now_ns; /* of the last step */
};

/*
 * Prepares a node that will join. `plane` is that of its home shard, and the first of as many as
 * the node has shards, PEAL_SHARDS_MAX at most; they outlive it. `node` is zeroed memory, much of
 * which a node never needs: init does not touch more than it must (a simulation has ten thousand of
 * them), so large tables are kept by high-water marks and never cleared.
 */
void peal_node_init(struct peal_node *node, const struct peal_node_config *config,
	struct peal_plane *plane, uint64_t now_ns);

/* Releases the views and bodies that the node holds in the stores; the node is not used any more.
 * The core must not run any more either. */
void peal_node_fini(struct peal_node *node);

/*
 * One step at `now_ns`: all records of the up ring (bounded by its size), then what is due.
 * @return records handled
 */
uint32_t peal_node_step(struct peal_node *node, uint64_t now_ns);

/* When the next timer is due, UINT64_MAX = none. */
uint64_t peal_node_deadline_at_ns(const struct peal_node *node);

/* Starts a graceful leave; the state tells how it ended. Idempotent. */
void peal_node_leave(struct peal_node *node, uint64_t now_ns);

/* What comes of a wish for an order group. */
enum peal_ordergroup_answer {
	PEAL_ORDERGROUP_WAITS = 0,  /* it was proposed, or will be */
	PEAL_ORDERGROUP_EXISTS = 1, /* exactly this one is in the view */
	PEAL_ORDERGROUP_TAKEN = 2,  /* another one with this id and generation, or a later one */
	PEAL_ORDERGROUP_WRONG_GENERATION =
		3,                     /* neither 1 of a new one nor the next of an old one */
	PEAL_ORDERGROUP_NO_MEMBER = 4, /* a rank is no member of the view */
	PEAL_ORDERGROUP_FULL = 5,      /* there are PEAL_ORDERGROUPS_MAX */
	PEAL_ORDERGROUP_INVALID = 6,   /* see wire/ordergroup.h */
	PEAL_ORDERGROUP_BUSY = 7,      /* this node has another wish that waits */
	PEAL_ORDERGROUP_OUTSIDE = 8,   /* this node is no member, or is leaving */
};

/*
 * Asks this member to have an order group created. The event ORDERGROUP tells everybody that it was
 * installed; ORDERGROUP_REFUSED tells here that it became impossible, such as when a rank crashed
 * meanwhile. A wish that waits ends with the membership of this node, and is lost with its process:
 * whoever asked looks at the view and asks again.
 */
enum peal_ordergroup_answer peal_node_create_ordergroup(
	struct peal_node *node, const struct peal_ordergroup *group, uint64_t now_ns);
/* Lower-case name of an answer. Static. */
const char *peal_ordergroup_answer_name(enum peal_ordergroup_answer answer);

/*
 * Starts an echo run to the member `mid`. `run` stays with the core until PING_DONE. A member of a
 * large group that is no neighbour gets a slot first; if its view ends before, so does the run.
 * @return false when there is no such member, it is the node itself, or a run is going on
 */
bool peal_node_ping(struct peal_node *node, uint64_t mid, struct peal_ping_run *run);
/* The run that has ended since the last call, or NULL. */
struct peal_ping_run *peal_node_take_ping(struct peal_node *node);

/*
 * Starts a run of load; to the member `mid`, or 0. `run` stays with the core until LOAD_DONE.
 * @return false when this node is no member, a run is going on, or `mid` is not 0 and no other
 * member, or one to whom there is no direct way
 */
bool peal_node_load(struct peal_node *node, uint64_t mid, struct peal_load_run *run);
/* The run that has ended since the last call, or NULL. */
struct peal_load_run *peal_node_take_load(struct peal_node *node);

/* Lower-case name of a state. Static. */
const char *peal_node_state_name(enum peal_node_state state);

/* Asserts the invariants of the node and of every machine in it. */
void peal_node_check(const struct peal_node *node);

#endif
