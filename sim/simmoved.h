/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The rings between the cores of one simulated process, as dataplane/resteer.h wants them.
 *
 * They are short, so that they are full now and then. Who fills one has its consumer prompted.
 */
#ifndef PEAL_SIM_SIMMOVED_H
#define PEAL_SIM_SIMMOVED_H

#include "dataplane/resteer.h"
#include "sim/simport.h"

#include <stdbool.h>

/* Packets of one ring. */
#define PEAL_SIMMOVED_PACKETS_MAX 16U

struct peal_simmoved;

struct peal_simmoved_way {
	struct peal_simmoved *owner;
	uint8_t to;
	uint32_t head; /* packets taken */
	uint32_t tail; /* packets put */
	struct peal_packet packets[PEAL_SIMMOVED_PACKETS_MAX];
};

/* Fields are private. */
struct peal_simmoved {
	uint8_t count; /* cores */
	void (*prompt)(void *state, uint8_t shard);
	void *state;
	struct peal_simmoved_way ways[PEAL_SIMPORT_QUEUES_MAX][PEAL_SIMPORT_QUEUES_MAX];
	struct peal_resteer_ring to[PEAL_SIMPORT_QUEUES_MAX][PEAL_SIMPORT_QUEUES_MAX];
	struct peal_resteer_ring from[PEAL_SIMPORT_QUEUES_MAX][PEAL_SIMPORT_QUEUES_MAX];
};

/* Empty rings between `count` cores; `prompt` is told whose rings were filled. One core touches
 * nothing. */
void peal_simmoved_init(struct peal_simmoved *moved, uint8_t count,
	void (*prompt)(void *state, uint8_t shard), void *state);

/* The rings of one core. */
struct peal_resteer_rings peal_simmoved_rings(const struct peal_simmoved *moved, uint8_t shard);

/* True when something waits for it. */
bool peal_simmoved_has(const struct peal_simmoved *moved, uint8_t shard);

#endif
