/* SPDX-License-Identifier: BSD-3-Clause */
#include "tests/lib/fakesteer.h"

#include "base/assert.h"

#include <string.h>

static uint32_t
push(void *state, const struct peal_packet *packets, uint32_t count)
{
	struct peal_fakesteer_ring *ring = state;
	uint32_t done = 0;

	ring->pushes_count++;
	while (done < count && ring->count < ring->capacity) {
		ring->packets[ring->count++] = packets[done++];
	}
	return done;
}

static uint32_t
pop(void *state, struct peal_packet *packets, uint32_t capacity)
{
	struct peal_fakesteer_ring *ring = state;
	uint32_t count = ring->count < capacity ? ring->count : capacity;

	memcpy(packets, ring->packets, count * sizeof(packets[0]));
	ring->count -= count;
	memmove(ring->packets, ring->packets + count, ring->count * sizeof(packets[0]));
	return count;
}

void
peal_fakesteer_init(struct peal_fakesteer *steer, uint32_t capacity)
{
	PEAL_ASSERT(capacity > 0 && capacity <= PEAL_FAKESTEER_PACKETS_MAX);
	memset(steer, 0, sizeof(*steer));
	for (uint32_t a = 0; a < PEAL_FAKESTEER_SHARDS_MAX; a++) {
		for (uint32_t b = 0; b < PEAL_FAKESTEER_SHARDS_MAX; b++) {
			const struct peal_resteer_ring ring = {push, pop, &steer->rings[a][b]};

			steer->rings[a][b].capacity = capacity;
			steer->to[a][b] = ring;
			steer->from[b][a] = ring;
		}
	}
}

struct peal_resteer_rings
peal_fakesteer_rings(const struct peal_fakesteer *steer, uint8_t shard)
{
	PEAL_ASSERT(shard < PEAL_FAKESTEER_SHARDS_MAX);
	return (struct peal_resteer_rings){steer->to[shard], steer->from[shard]};
}
