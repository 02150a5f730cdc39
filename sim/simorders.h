/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Applications of the simulated nodes that put messages in order through the cores of their nodes
 * (dataplane/orders.h), and what must be true of it.
 *
 * What they hear is compared by check_orders.h. Here it is seen that each message is whole and
 * unaltered, and behind all that its process had when it said it. Members without a rank listen to
 * all groups, by broadcast, and must hear the same.
 *
 * When all is well again, all ranks are in one view, at one position, and each message that a
 * living process said has come back to it, or was told to it to be in doubt: one of the two.
 */
#ifndef PEAL_SIM_SIMORDERS_H
#define PEAL_SIM_SIMORDERS_H

#include "base/prng.h"
#include "dataplane/channels.h"
#include "dataplane/orders.h"
#include "sim/check_orders.h"

/* Of broadcasts. */
#define PEAL_SIMORDERS_QUEUE_SIZE 65536U

/* Of channels, which nobody opens: they prove how large frames may be. */
#define PEAL_SIMORDERS_CHANNEL_SIZE 4096U
#define PEAL_SIMORDERS_FRAMES_COUNT 4U

/* Members in groups that one process ever hears; more than half of the places stay free. */
#define PEAL_SIMORDERS_PARTS_MAX 1024U

/* What all nodes of a run share. */
struct peal_simorders_ledger {
	struct peal_report *report;
	const uint64_t *now_ns; /* virtual */
	uint64_t pause_ns_max;  /* between two messages of a node in a group */
	uint64_t said_count;
	uint64_t skips_count;
	uint64_t doubtful_count;
	uint64_t unheard_count;   /* times that a member without a rank was told of a gap */
	uint64_t heard_count;     /* messages, by members without a rank */
	uint64_t handovers_count; /* commands that were not refused */
	struct peal_check_orders *check;
};

/* The message of a member in a group that comes, or came last. */
struct peal_simorders_parts {
	uint64_t mid;
	uint32_t group;
	uint32_t size;
	uint32_t offset;
	uint64_t number;
	uint32_t pieces_count;
	uint64_t pieces[PEAL_CHECK_ORDERS_PIECES_MAX];
};

/* A node in one group. */
struct peal_simorders_seat {
	struct peal_check_orders_group *group; /* NULL = free */
	uint64_t mid;                          /* of the process */
	uint32_t reader;                       /* of the group */
	uint64_t seen;                         /* position */
	uint64_t delivered_count;
	uint64_t next_at_ns; /* of the node's clock */
};

struct peal_simorders {
	struct peal_simorders_ledger *ledger;
	uint16_t index;
	bool is_quiet;
	bool is_up;
	uint16_t mtu; /* of the port; 0 = what every path carries */
	struct peal_prng prng;
	char name[8];
	uint8_t *frames; /* room of the pool */
	struct peal_simorders_seat seats[PEAL_ORDERS_MAX];
	struct peal_simorders_parts parts[PEAL_SIMORDERS_PARTS_MAX]; /* hashed */
	struct peal_orders orders;
	struct peal_cast cast;
	struct peal_channels channels;
	_Alignas(8) uint8_t channel_queues[PEAL_CHANNELS_MAX][PEAL_SIMORDERS_CHANNEL_SIZE];
	uint8_t channel_frames[PEAL_SIMORDERS_FRAMES_COUNT * PEAL_LARGE_BODY_SIZE_MAX];
	_Alignas(8) uint8_t queue[PEAL_SIMORDERS_QUEUE_SIZE];
	uint8_t cast_frames[PEAL_CAST_FRAMES_MAX * PEAL_BODY_SIZE_MAX];
};

/* Zeroed memory for all nodes, which is there when it is touched. */
struct peal_simorders *peal_simorders_allocate(uint32_t count);
void peal_simorders_free(struct peal_simorders *nodes, uint32_t count);
struct peal_simorders_ledger *peal_simorders_ledger_create(
	struct peal_report *report, const uint64_t *now_ns);
void peal_simorders_ledger_destroy(struct peal_simorders_ledger *ledger);

/* A process begins, and ends. `simorders` is zeroed but for ledger, index and what it is told. */
void peal_simorders_start(struct peal_simorders *simorders, struct peal_egress *egress,
	struct peal_counters *counters, uint64_t seed);
void peal_simorders_end(struct peal_simorders *simorders);

/* Says what is due. Before the turn of the core. */
void peal_simorders_turn(struct peal_simorders *simorders, uint64_t now_ns);
/* When it wants to be called; UINT64_MAX = never. */
uint64_t peal_simorders_deadline_at_ns(const struct peal_simorders *simorders);

/* One message now, if it holds a rank of the group. */
void peal_simorders_say(struct peal_simorders *simorders, uint32_t id, uint32_t size);

/* Its machine of a group, NULL when it has none or is down. */
const struct peal_orders_group *peal_simorders_find_machine(
	const struct peal_simorders *simorders, uint32_t id);

/* Notes as violations what is not as it should be then. */
void peal_simorders_check_all(
	const struct peal_simorders *nodes, uint32_t count, const struct peal_ordergroup *config);

#endif
