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
 *        +-- rejoin --- KICKED <-------------+ (a removal it did not ask for)
 *
 * Memory: the caller's, sizeof(struct peal_node); no allocation after init. Thread: control only;
 * readers on other threads hold the lock of whoever runs the steps.
 */
#ifndef PEAL_CONTROL_NODE_H
#define PEAL_CONTROL_NODE_H

#include "base/counters.h"
#include "base/prng.h"
#include "base/timing.h"
#include "control/consensus.h"
#include "control/eventlog.h"
#include "control/formation.h"
#include "control/history.h"
#include "control/install.h"
#include "dataplane/plane.h"
#include "membership/admission.h"
#include "membership/cut.h"
#include "membership/joiner.h"
#include "membership/nextview.h"
#include "membership/rings.h"
#include "wire/outbox.h"

enum peal_node_state {
	PEAL_NODE_JOINING = 0,
	PEAL_NODE_MEMBER = 1,
	PEAL_NODE_LEAVING = 2,
	PEAL_NODE_LEFT = 3,    /* final: gone with the group's consent (or after the grace of D6) */
	PEAL_NODE_KICKED = 4,  /* removed while alive; JOINING follows when rejoin is on */
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
	uint8_t metadata_size;
	uint8_t metadata[PEAL_METADATA_SIZE_MAX];
	uint8_t seeds_count; /* [1, PEAL_SEEDS_MAX]; may include the node itself */
	struct peal_address seeds[PEAL_SEEDS_MAX];
	uint8_t expect;      /* [1, 255]: cold start waits for floor(expect / 2) + 1 nodes */
	uint8_t rings_count; /* K */
	bool rejoin;         /* after KICKED join again with a new identity */
	const struct peal_timing *timing; /* outlives the node */
	struct peal_node_crypto crypto;
	uint64_t seed[4]; /* 256 random bits: uuids, jitter */
};

struct peal_node {
	struct peal_node_config config;
	struct peal_plane *plane;
	enum peal_node_state state;
	struct peal_prng prng;
	struct peal_counters counters; /* of the control half */
	struct peal_member self;       /* own record; mid 0 until a member */
	uint16_t self_rank;
	struct peal_view view; /* epoch 0 before the first */
	struct peal_topology topology;
	struct peal_cut cut;
	struct peal_consensus consensus;
	struct peal_bitset willing; /* asked to leave or are being replaced */
	struct peal_joiner joiner;
	struct peal_formation formation;
	struct peal_admission admission;
	struct peal_history history;
	struct peal_install install;
	struct peal_eventlog events;
	struct peal_outbox outbox;
	bool has_quorum;
	uint64_t lonely_since_ns;            /* when quorum was lost; meaningful without it */
	bool is_proposed;                    /* a cut of this epoch went to consensus ... */
	struct peal_hash128 proposed_digest; /* ... this one was the last */
	uint64_t leave_asked_at_ns;          /* 0 = not leaving */
	uint64_t leave_repeat_at_ns;
	uint64_t leave_repeat_ns;
	bool is_out;          /* out by a decision that the rest may not know yet */
	bool leave_confirmed; /* LEFT by a decision, not by time */
	bool ended_unconfirmed;
	uint32_t origin_seq;     /* of flood messages */
	uint32_t reports_count;  /* REPORT records since the core was last heard: bounds the ring */
	struct peal_bitset gone; /* members whose address asked to join as somebody else */
	struct peal_bitset accused;  /* members reported by anybody in this epoch */
	struct peal_bitset detected; /* members that became stable by reports in this epoch */
	uint64_t reported_at_ns;     /* when a mask grew last */
	uint64_t view_at_ns;         /* when the current view was installed here */
	uint64_t ahead_since_ns;     /* a peer is ahead and no cut arrives; 0 = not so */
	uint64_t quorum_check_at_ns;
	/* Removed by a decision: so long this node looks for that group and founds no other; 0 =
	 * no. */
	uint64_t refrain_until_ns;
	uint64_t call_at_ns;        /* next call to seeds that are not members; UINT64_MAX = none */
	struct peal_ping_run *ping; /* running */
	struct peal_ping_run *ping_done; /* ended, not taken */
	uint16_t down_free_count;
	uint16_t down_free[PEAL_PLANE_BUFFERS_MAX];
	uint64_t now_ns; /* of the last step */
};

/* Prepares a node that will join. `node` is uninitialised memory; `plane` outlives it. */
void peal_node_init(struct peal_node *node, const struct peal_node_config *config,
	struct peal_plane *plane, uint64_t now_ns);

/*
 * One step at `now_ns`: all records of the up ring (bounded by its size), then what is due.
 * @return records handled
 */
uint32_t peal_node_step(struct peal_node *node, uint64_t now_ns);

/* When the next timer is due, UINT64_MAX = none. */
uint64_t peal_node_deadline_at_ns(const struct peal_node *node);

/* Starts a graceful leave; the state tells how it ended. Idempotent. */
void peal_node_leave(struct peal_node *node, uint64_t now_ns);

/*
 * Starts an echo run to the member `mid`. `run` stays with the core until PING_DONE.
 * @return false when there is no such member, it is the node itself, or a run is going on
 */
bool peal_node_ping(struct peal_node *node, uint64_t mid, struct peal_ping_run *run);
/* The run that has ended since the last call, or NULL. */
struct peal_ping_run *peal_node_take_ping(struct peal_node *node);

/* Lower-case name of a state. Static. */
const char *peal_node_state_name(enum peal_node_state state);

/* Asserts the invariants of the node and of every machine in it. */
void peal_node_check(const struct peal_node *node);

#endif
