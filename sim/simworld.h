/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * One run: nodes, network and time put together, and the checkers that look on.
 *
 * A scenario drives it like a story: start, run for a while, break something, run on, look. What is
 * broken is broken through this header, so that the checkers know. Everything is decided by the
 * seed; the digest covers every event taken and every frame sent. Memory: heap, released by fini.
 * Thread: the caller's; several worlds may run in several threads.
 */
#ifndef PEAL_SIM_SIMWORLD_H
#define PEAL_SIM_SIMWORLD_H

#include "sim/check_healthy.h"
#include "sim/check_nonces.h"
#include "sim/check_ordergroups.h"
#include "sim/check_views.h"
#include "sim/check_votes.h"
#include "sim/report.h"
#include "sim/script.h"
#include "sim/simnode.h"

#include <stdio.h>

/* Nodes of one world. The views it makes may hold more: incarnations that are not out yet. */
#define PEAL_SIMWORLD_NODES_MAX 10000U

/* Called for each new line of a node's event log; `at_ns` is virtual. */
typedef void (*peal_simworld_event_fn)(
	void *state, uint16_t index, const struct peal_event *event, uint64_t at_ns);
/* Called after each step of a node, when the checkers have looked: a hand that breaks it on
 * purpose. */
typedef void (*peal_simworld_tamper_fn)(void *state, struct peal_simnode *simnode);

struct peal_simworld_config {
	uint16_t nodes_count; /* [1, PEAL_SIMWORLD_NODES_MAX] */
	uint16_t seeds_count; /* 0 = the first three */
	uint8_t expect;       /* 0 = nodes_count, at most PEAL_EXPECT_MAX */
	const char *preset;
	/* Delay of a link; 0 = 5 to 50 us. */
	uint64_t delay_ns_min;
	uint64_t delay_ns_max;
	/* Metadata of every size up to this (sim/check_metadata.h); 0: small groups have names. */
	uint32_t metadata_size_max;
	enum peal_detector detector; /* must fit the preset */
	/* How frames are sealed; NULL: they are not, and the checkers read what is said. Sealed
	 * ones they do not read: what nodes do is checked, what they say is not. */
	const struct peal_simcrypto *crypto;
	bool has_talk;       /* applications talk over channels (sim/simtalk.h) */
	bool has_cast;       /* and broadcast (sim/simcast.h) */
	bool has_apps;       /* or attach to nodes (sim/simapps.h), in the place of has_cast */
	bool does_broadcast; /* these send to all in place of groups */
	bool has_total;      /* with has_apps: some groups are in total order */
	bool has_orders;     /* or have ranks of order groups (sim/simorders.h) */
	bool has_holds;      /* and hold others back now and then */
	uint8_t shards_max;  /* processes have 1 to so many cores; 0 counts as 1 */
	uint16_t mtu;        /* of all ports and links; 0 = what every path carries */
	uint64_t seed;
	FILE *trace;                /* NULL = silent */
	struct peal_script *record; /* NULL, or gets every action */
	FILE *sizes;                /* NULL, or gets a line "ns node members" for each install */
};

/* What the world remembers of a node between its steps. */
struct peal_simworld_seen {
	struct peal_uuid uuid;
	struct peal_uuid cluster;
	uint64_t epoch;
	struct peal_hash128 hash;
	uint64_t event_seq;
};

struct peal_simworld {
	struct peal_simworld_config config;
	struct peal_timing timing;
	struct peal_simtime time;
	struct peal_simnet net;
	uint64_t began_at_ns;
	struct peal_simnode **nodes;     /* [nodes_count] */
	struct peal_simworld_seen *seen; /* [nodes_count] */
	void *store_memory;              /* of the two stores */
	size_t store_size;
	struct peal_groups groups;
	struct peal_bodies bodies;
	struct peal_simtalk *talks; /* [nodes_count][PEAL_SIMNODE_SHARDS_MAX], or NULL */
	uint32_t talks_count;
	struct peal_simtalk_ledger *ledger; /* of them */
	struct peal_simcast *casts;         /* [nodes_count], or NULL */
	struct peal_simcast_ledger *cast_ledger;
	struct peal_simapps *apps; /* [nodes_count], or NULL */
	struct peal_check_groups *group_ledger;
	struct peal_check_heard *heard_ledger;
	struct peal_check_total *total_ledger;
	struct peal_simorders *orders; /* [nodes_count], or NULL */
	struct peal_simorders_ledger *order_ledger;
	struct peal_check_views views;
	struct peal_check_ordergroups ordergroups;
	struct peal_check_votes votes;
	struct peal_check_nonces nonces;
	struct peal_check_healthy healthy;
	struct peal_report *report;
	peal_simworld_event_fn on_event; /* NULL = nobody */
	void *on_event_state;
	peal_simworld_tamper_fn tamper; /* NULL = nobody */
	void *tamper_state;
	bool is_over;    /* a machine spins: nothing more is run */
	bool may_starve; /* faults are random: no quorum left alive is nobody's mistake */
};

/* The talker on the home core of a node. The world has talkers. */
static inline struct peal_simtalk *
peal_simworld_talk(const struct peal_simworld *world, uint32_t index)
{
	return &world->talks[index * PEAL_SIMNODE_SHARDS_MAX];
}

/* Prepares all nodes, down, on a clean network of 5 to 50 us a link. `report` outlives the world.
 */
void peal_simworld_init(struct peal_simworld *world, const struct peal_simworld_config *config,
	struct peal_report *report);
/* Completes the report and releases everything. */
void peal_simworld_fini(struct peal_simworld *world);

/* Runs everything that is due up to an instant, or for a while. */
void peal_simworld_run_until(struct peal_simworld *world, uint64_t until_ns);
void peal_simworld_run_for(struct peal_simworld *world, uint64_t span_ns);
/*
 * Runs until all processes agree (sim/check_progress.h), at most for `span_ns`.
 * @return false after a violation was noted, which says how far each node got
 */
bool peal_simworld_run_to_agreement(struct peal_simworld *world, uint64_t span_ns);
/* Time within which a healed group must agree: floods, two detections, and a joiner's backed-off
 * retries. */
uint64_t peal_simworld_patience_ns(const struct peal_simworld *world);

/* The menu. Each is a no-op where it makes no sense, such as pausing what is down. */
void peal_simworld_start(struct peal_simworld *world, uint16_t index);
void peal_simworld_crash(struct peal_simworld *world, uint16_t index);
void peal_simworld_leave(struct peal_simworld *world, uint16_t index);
void peal_simworld_pause(struct peal_simworld *world, uint16_t index, bool is_paused);
void peal_simworld_stick(struct peal_simworld *world, uint16_t index, bool is_stuck);
void peal_simworld_cut(struct peal_simworld *world, uint16_t from, uint16_t to, bool is_cut);
/* Loss of everything that a node receives, or sends; 1 000 000 isolates it. */
void peal_simworld_set_ingress_loss(struct peal_simworld *world, uint16_t index, uint32_t ppm);
void peal_simworld_set_egress_loss(struct peal_simworld *world, uint16_t index, uint32_t ppm);

/* The state of all links at once; cuts stay. */
struct peal_simworld_weather {
	uint32_t loss_ppm;
	uint32_t duplicate_ppm;
	uint32_t spike_ppm;
	uint64_t spike_ns_max;
};
void peal_simworld_set_weather(
	struct peal_simworld *world, const struct peal_simworld_weather *weather);

/* Ends every fault of the network and lets every process go on. Who is down stays down. */
void peal_simworld_heal(struct peal_simworld *world);

/* Starts all nodes at once and runs until they agree. Returns false after a violation. */
bool peal_simworld_form(struct peal_simworld *world);

/* Ends the process of a node and keeps its counters for the report. Private to the world's files.
 */
void peal_simworld_end_node(struct peal_simworld *world, struct peal_simnode *simnode);

/* Notes an action in the record, if there is one. */
void peal_simworld_note(
	struct peal_simworld *world, enum peal_action_kind kind, uint64_t a, uint64_t b);

/* Adds a line to the trace. */
void peal_simworld_trace(struct peal_simworld *world, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

#endif
