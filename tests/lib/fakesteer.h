/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The rings between the cores of one process, as dataplane/resteer.h wants them, in the open:
 * short, so that a test can fill one, and with a count of the pushes. One thread.
 */
#ifndef PEAL_TESTS_LIB_FAKESTEER_H
#define PEAL_TESTS_LIB_FAKESTEER_H

#include "dataplane/resteer.h"

#define PEAL_FAKESTEER_SHARDS_MAX  3U
#define PEAL_FAKESTEER_PACKETS_MAX 8U

struct peal_fakesteer_ring {
	uint32_t capacity;
	uint32_t count;
	uint32_t pushes_count;
	struct peal_packet packets[PEAL_FAKESTEER_PACKETS_MAX];
};

struct peal_fakesteer {
	/* From, to. */
	struct peal_fakesteer_ring rings[PEAL_FAKESTEER_SHARDS_MAX][PEAL_FAKESTEER_SHARDS_MAX];
	struct peal_resteer_ring to[PEAL_FAKESTEER_SHARDS_MAX][PEAL_FAKESTEER_SHARDS_MAX];
	struct peal_resteer_ring from[PEAL_FAKESTEER_SHARDS_MAX][PEAL_FAKESTEER_SHARDS_MAX];
};

/* Empty rings of 1 to PEAL_FAKESTEER_PACKETS_MAX packets; `steer` stays where it is. */
void peal_fakesteer_init(struct peal_fakesteer *steer, uint32_t capacity);
/* Those of one core. */
struct peal_resteer_rings peal_fakesteer_rings(const struct peal_fakesteer *steer, uint8_t shard);

#endif
