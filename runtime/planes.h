/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The two rings and the buffers between a core and control, as dataplane/plane.h wants them.
 *
 * Each ring is an rte_ring of 64-byte elements with one producer and one consumer. A push rings the
 * doorbell of the other side, which costs a fence and a load while that side is awake. Sides that
 * never declare themselves asleep are never paid a syscall for.
 * Opened and closed on the main thread while neither side runs.
 */
#ifndef PEAL_RUNTIME_PLANES_H
#define PEAL_RUNTIME_PLANES_H

#include "dataplane/dpdk/doorbell.h"
#include "dataplane/dpdk/sentence.h"
#include "dataplane/plane.h"

#include <rte_ring.h>
#include <stdbool.h>

struct peal_planes_way {
	struct rte_ring *ring;
	struct peal_bell bell; /* of the consumer */
};

/* Fields are private, but `plane`, which node and core are given. */
struct peal_planes {
	struct peal_plane plane;
	struct peal_planes_way down;
	struct peal_planes_way up;
	struct peal_planes *next; /* of the next shard of the node, or NULL */
};

/* Memory on `numa_node`. The doorbells of the bells outlive the planes. False with a sentence. */
bool peal_planes_open(struct peal_planes *planes, int numa_node, struct peal_bell core,
	struct peal_bell control, struct peal_sentence *error);
/* Safe on a zeroed struct. */
void peal_planes_close(struct peal_planes *planes);

/* Lets the planes of the next shard of a node follow those of the one before. */
void peal_planes_chain(struct peal_planes *before, struct peal_planes *next);

/* True when control has nothing to take, of this or a shard that follows: its last look before it
 * sleeps. */
bool peal_planes_up_is_empty(const struct peal_planes *planes);

#endif
