/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Which core of a node a thing belongs to, when the node has several.
 *
 * The cores of a node are its shards, numbered from 0. Shard 0 is at home: liveness, alerts, votes,
 * joining and everything else of membership is its own. Channels are spread over all shards, and
 * both ends compute the same pair of them: a channel has one hash, and each end takes it modulo its
 * own number of shards, which the member record tells. A datagram for shard s goes to the UDP port
 * of the node plus s.
 *
 * Pure functions; any thread.
 */
#ifndef PEAL_DATAPLANE_SHARD_H
#define PEAL_DATAPLANE_SHARD_H

#include "wire/ident.h"

#include <stdint.h>

/*
 * Hash of the channel `number` between two members; the same whichever is named first, and on every
 * machine. Cost: one short hash.
 */
uint64_t peal_shard_hash_channel(struct peal_uuid one, struct peal_uuid other, uint16_t number);

/* The shard of a hash on a node that has `shards_count` of them; 0 and 1 say that there is one. */
static inline uint8_t
peal_shard_choose(uint64_t hash, uint8_t shards_count)
{
	return shards_count <= 1U ? 0U : (uint8_t)(hash % shards_count);
}

#endif
