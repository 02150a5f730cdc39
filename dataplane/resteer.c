/* SPDX-License-Identifier: BSD-3-Clause */
#include "dataplane/resteer.h"

#include "base/assert.h"

#include <string.h>

void
peal_resteer_init(struct peal_resteer *resteer, const struct peal_resteer_rings *rings,
	const struct peal_port *port, uint8_t shard, uint8_t shards_count,
	struct peal_counters *counters)
{
	memset(resteer, 0, sizeof(*resteer));
	resteer->port = *port;
	resteer->counters = counters;
	resteer->shard = shard;
	resteer->shards_count = shards_count;
	if (shards_count > 1) {
		PEAL_ASSERT(shards_count <= PEAL_SHARDS_MAX);
		PEAL_ASSERT(rings != NULL);
		resteer->rings = *rings;
	}
}

void
peal_resteer_move(struct peal_resteer *resteer, const struct peal_packet *packet, uint8_t shard)
{
	PEAL_ASSERT(shard < resteer->shards_count);
	PEAL_ASSERT(shard != resteer->shard);
	PEAL_ASSERT(resteer->moved_count < PEAL_BURST_MAX);
	resteer->moved_to[resteer->moved_count] = shard;
	resteer->moved[resteer->moved_count++] = *packet;
}

static void
hand_over(struct peal_resteer *resteer, uint8_t shard, struct peal_packet *packets, uint32_t count)
{
	const struct peal_resteer_ring *ring = &resteer->rings.to[shard];
	const struct peal_port *port = &resteer->port;
	uint32_t done = ring->push(ring->state, packets, count);

	PEAL_DASSERT(done <= count);
	peal_counter_add(resteer->counters, PEAL_COUNTER_RESTEERED_AWAY, done);
	if (done < count) {
		peal_counter_add(resteer->counters, PEAL_COUNTER_RESTEER_DROPPED, count - done);
		port->ops->release(port->state, port->queue, packets + done, count - done);
	}
}

void
peal_resteer_flush(struct peal_resteer *resteer)
{
	uint32_t first = 0;

	while (first < resteer->moved_count) {
		uint8_t shard = resteer->moved_to[first];
		uint32_t count = 1;

		while (first + count < resteer->moved_count &&
			resteer->moved_to[first + count] == shard) {
			count++;
		}
		hand_over(resteer, shard, resteer->moved + first, count);
		first += count;
	}
	resteer->moved_count = 0;
}

uint32_t
peal_resteer_receive(struct peal_resteer *resteer, struct peal_packet *packets, uint32_t capacity)
{
	uint32_t taken_count = 0;

	for (uint8_t i = 0; i < resteer->shards_count && taken_count < capacity; i++) {
		uint8_t shard = (uint8_t)((resteer->next + i) % resteer->shards_count);
		const struct peal_resteer_ring *ring = &resteer->rings.from[shard];

		if (shard != resteer->shard) {
			taken_count += ring->pop(
				ring->state, packets + taken_count, capacity - taken_count);
		}
	}
	if (taken_count > 0) {
		resteer->next = (uint8_t)((resteer->next + 1U) % resteer->shards_count);
		peal_counter_add(resteer->counters, PEAL_COUNTER_RESTEERED_HERE, taken_count);
	}
	return taken_count;
}

void
peal_resteer_fini(struct peal_resteer *resteer)
{
	const struct peal_port *port = &resteer->port;
	struct peal_packet packets[PEAL_BURST_MAX];
	uint32_t count = 1;

	PEAL_ASSERT(resteer->moved_count == 0);
	while (resteer->shards_count > 1 && count > 0) {
		count = peal_resteer_receive(resteer, packets, PEAL_BURST_MAX);
		if (count > 0) {
			port->ops->release(port->state, port->queue, packets, count);
		}
	}
}
