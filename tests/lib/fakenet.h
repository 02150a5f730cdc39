/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Control halves of several nodes without cores: a plane that a test can see through.
 *
 * SEND records become FRAME records at their receivers after a fixed delay; VIEW is acknowledged at
 * once; a REPORT or a death becomes ALERT records at everybody alive. In a large group what is sent
 * to all reaches all, as if flooded; votes up the trees are gathered in one place, and everybody is
 * told of half of them or more; members without a slot are strangers to each other. STREAM records
 * become frames, some at a time. All nodes share one store of groups and bodies. Time is virtual.
 * One thread.
 */
#ifndef PEAL_TESTS_LIB_FAKENET_H
#define PEAL_TESTS_LIB_FAKENET_H

#include "control/node.h"
#include "tests/lib/teststore.h"

#define PEAL_FAKENET_NODES_MAX   136U
#define PEAL_FAKENET_DELAY_NS    UINT64_C(20000)
#define PEAL_FAKENET_TALLIES_MAX 32U

/* A STREAM on its way. */
struct peal_fakestream {
	struct peal_stream *order; /* NULL = none */
	uint32_t chunk;
	uint64_t next_at_ns;
};

struct peal_fakeplane {
	struct peal_plane plane;
	struct peal_record down[PEAL_PLANE_RECORDS_MAX];
	uint32_t down_head, down_count;
	struct peal_record up[PEAL_PLANE_RECORDS_MAX];
	uint32_t up_head, up_count;
	uint8_t down_buffers[PEAL_PLANE_BUFFERS_MAX][PEAL_PLANE_BUFFER_SIZE];
	uint8_t up_buffers[PEAL_PLANE_BUFFERS_MAX][PEAL_PLANE_BUFFER_SIZE];
	uint16_t up_free[PEAL_PLANE_BUFFERS_MAX];
	uint16_t up_free_count;
	const struct peal_peers *peers; /* last view published */
	uint32_t reports_count;         /* REPORT records seen */
	uint32_t tables_count;          /* VIEW records seen */
	uint64_t told_at_ns;            /* last BEHIND or AHEAD */
	struct peal_fakestream streams[PEAL_STREAMS_MAX];
};

struct peal_fakenode {
	struct peal_node node;
	struct peal_fakeplane fake;
	bool is_alive;
	bool is_started;
	void *memory; /* what was allocated */
};

struct peal_fakeframe {
	uint64_t at_ns;
	uint32_t to;
	struct peal_record record;
	uint8_t body[PEAL_BODY_SIZE_MAX];
};

/* Votes of one view under one key. */
struct peal_faketally {
	uint64_t epoch;
	uint32_t view_tag;
	struct peal_vote_key key;
	struct peal_bitset ranks;
	uint64_t tell_at_ns; /* UINT64_MAX = everybody knows */
};

struct peal_fakenet {
	uint64_t now_ns;
	uint32_t nodes_count;
	struct peal_fakenode *nodes[PEAL_FAKENET_NODES_MAX];
	struct peal_teststore *store;
	struct peal_timing timing;
	uint32_t frames_count;
	struct peal_fakeframe *frames;
	uint32_t tallies_count;
	struct peal_faketally tallies[PEAL_FAKENET_TALLIES_MAX];
	/* Members hear of each other's epochs, as heartbeats would tell them. */
	bool has_heartbeat;
	/* Refuses a frame when it returns true; NULL = everything passes. What the trees gathered
	 * for `to` is a VOTE_UP from itself. */
	bool (*filter)(void *state, uint32_t from, uint32_t to, uint8_t message);
	void *filter_state;
};

/* `nodes_count` nodes at 10.0.0.1.., all seeds of each other (at most 3), expecting `expect`. */
struct peal_fakenet *peal_fakenet_create(
	uint32_t nodes_count, uint8_t seeds_count, uint8_t expect, const char *preset);
void peal_fakenet_destroy(struct peal_fakenet *net);
/* Default configuration of node `index`. */
struct peal_node_config peal_fakenet_config(
	const struct peal_fakenet *net, uint32_t index, uint8_t seeds_count, uint8_t expect);
/* (Re)starts node `index` as a new incarnation. */
void peal_fakenet_start(
	struct peal_fakenet *net, uint32_t index, const struct peal_node_config *config);
/* Virtual time passes until `until_ns`. */
void peal_fakenet_run(struct peal_fakenet *net, uint64_t until_ns);
/* Node `index` stops; everybody who observes it reports it at once. */
void peal_fakenet_kill(struct peal_fakenet *net, uint32_t index);
/* `mask` about the member at `rank` reaches node `to`. */
void peal_fakenet_report(struct peal_fakenet *net, uint32_t to, uint16_t rank, uint32_t mask);
/* Node `to` hears a peer in `epoch`, newer than its own. */
void peal_fakenet_ahead(struct peal_fakenet *net, uint32_t to, uint64_t epoch);
/* A frame, as if its core had opened it: from the member `mid`, or of family 0 from `from`. */
void peal_fakenet_inject(struct peal_fakenet *net, uint32_t to, const struct peal_record *frame,
	const uint8_t *body);
/* True when all alive nodes are members of one view of `members_count`. */
bool peal_fakenet_agrees(const struct peal_fakenet *net, uint32_t members_count);
/* Virtual time passes until then, `patience_ns` at most. False: it never came. */
bool peal_fakenet_run_until_agreed(
	struct peal_fakenet *net, uint32_t members_count, uint64_t patience_ns);
/* Nodes from `from` on, which were put to sleep (is_alive = false), begin. */
void peal_fakenet_wake(struct peal_fakenet *net, uint32_t from);
/* How many events of a kind node `index` has logged. */
uint32_t peal_fakenet_events(
	const struct peal_fakenet *net, uint32_t index, enum peal_event_kind kind);
/* Sum of a counter over all nodes. */
uint64_t peal_fakenet_count(const struct peal_fakenet *net, enum peal_counter id);
/* Index of the alive node that is the `attempt`-th sequencer of the view of node `index`, or
 * UINT32_MAX. */
uint32_t peal_fakenet_sequencer(const struct peal_fakenet *net, uint32_t index, uint32_t attempt);

#endif
