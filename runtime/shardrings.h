/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The rings between the cores of one node, as dataplane/resteer.h wants them.
 *
 * Between each ordered pair of shards there is an rte_ring of packets with one producer and one
 * consumer. A push rings the doorbell of the consumer's lcore. Opened and closed on the main thread
 * while no core runs; packets that are still inside belong to the port and go with it.
 */
#ifndef PEAL_RUNTIME_SHARDRINGS_H
#define PEAL_RUNTIME_SHARDRINGS_H

#include "dataplane/dpdk/doorbell.h"
#include "dataplane/dpdk/sentence.h"
#include "dataplane/resteer.h"
#include "runtime/eal.h"

#include <rte_ring.h>
#include <stdbool.h>

#define PEAL_SHARDRINGS_MAX PEAL_EAL_LCORES_MAX

struct peal_shardrings_way {
	struct rte_ring *ring;
	struct peal_bell bell; /* of the consumer */
};

/* Fields are private. */
struct peal_shardrings {
	uint32_t count;                                                            /* shards */
	struct peal_shardrings_way ways[PEAL_SHARDRINGS_MAX][PEAL_SHARDRINGS_MAX]; /* from, to */
	struct peal_resteer_ring to[PEAL_SHARDRINGS_MAX][PEAL_SHARDRINGS_MAX];     /* of, to */
	struct peal_resteer_ring from[PEAL_SHARDRINGS_MAX][PEAL_SHARDRINGS_MAX];   /* of, from */
};

/*
 * @param rings  zeroed
 * @param count  shards, [1, PEAL_SHARDRINGS_MAX]; with one there is nothing to open
 * @param bells  [count], of each shard
 * @return false with a sentence when the memory of DPDK is used up; close it all the same
 */
bool peal_shardrings_open(struct peal_shardrings *rings, uint32_t count, int numa_node,
	const struct peal_bell *bells, struct peal_sentence *error);
/* Safe on a zeroed struct. */
void peal_shardrings_close(struct peal_shardrings *rings);

/* The rings of one shard; good until close. */
struct peal_resteer_rings peal_shardrings_of(const struct peal_shardrings *rings, uint32_t shard);

#endif
