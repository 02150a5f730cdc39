/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Control halves of several nodes without cores: a plane that a test can see through.
 *
 * SEND records become FRAME records at their receivers after a fixed delay; VIEW is acknowledged at
 * once; a REPORT or a death becomes ALERT records at everybody alive. Time is virtual. One thread.
 */
#ifndef PEAL_TESTS_LIB_FAKENET_H
#define PEAL_TESTS_LIB_FAKENET_H

#include "control/node.h"

#define PEAL_FAKENET_NODES_MAX 16U
#define PEAL_FAKENET_DELAY_NS  UINT64_C(20000)

struct peal_fakeplane {
	struct peal_plane plane;
	struct peal_record down[PEAL_PLANE_RECORDS_MAX];
	uint32_t down_head, down_count;
	struct peal_record up[PEAL_PLANE_RECORDS_MAX];
	uint32_t up_head, up_count;
	uint8_t down_buffers[PEAL_PLANE_BUFFERS_MAX][PEAL_BODY_SIZE_MAX];
	uint8_t up_buffers[PEAL_PLANE_BUFFERS_MAX][PEAL_BODY_SIZE_MAX];
	uint16_t up_free[PEAL_PLANE_BUFFERS_MAX];
	uint16_t up_free_count;
	const struct peal_peers *peers; /* last view published */
	uint32_t reports_count;         /* REPORT records seen */
};

struct peal_fakenode {
	struct peal_node node;
	struct peal_fakeplane fake;
	bool is_alive;
};

struct peal_fakeframe {
	uint64_t at_ns;
	uint32_t to;
	struct peal_record record;
	uint8_t body[PEAL_BODY_SIZE_MAX];
};

struct peal_fakenet {
	uint64_t now_ns;
	uint32_t nodes_count;
	struct peal_fakenode *nodes[PEAL_FAKENET_NODES_MAX];
	struct peal_timing timing;
	uint32_t frames_count;
	struct peal_fakeframe *frames;
	/* Refuses a frame when it returns true; NULL = everything passes. */
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
/* True when all alive nodes are members of one view of `members_count`. */
bool peal_fakenet_agrees(const struct peal_fakenet *net, uint32_t members_count);
/* How many events of a kind node `index` has logged. */
uint32_t peal_fakenet_events(
	const struct peal_fakenet *net, uint32_t index, enum peal_event_kind kind);

#endif
