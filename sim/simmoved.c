/* SPDX-License-Identifier: BSD-3-Clause */
#include "sim/simmoved.h"

static uint32_t
push(void *state, const struct peal_packet *packets, uint32_t count)
{
	struct peal_simmoved_way *way = state;
	uint32_t done = 0;

	while (done < count && way->tail - way->head < PEAL_SIMMOVED_PACKETS_MAX) {
		way->packets[way->tail++ % PEAL_SIMMOVED_PACKETS_MAX] = packets[done++];
	}
	way->owner->prompt(way->owner->state, way->to);
	return done;
}

static uint32_t
pop(void *state, struct peal_packet *packets, uint32_t capacity)
{
	struct peal_simmoved_way *way = state;
	uint32_t count = 0;

	while (count < capacity && way->head != way->tail) {
		packets[count++] = way->packets[way->head++ % PEAL_SIMMOVED_PACKETS_MAX];
	}
	return count;
}

void
peal_simmoved_init(struct peal_simmoved *moved, uint8_t count,
	void (*prompt)(void *state, uint8_t shard), void *state)
{
	moved->count = count;
	moved->prompt = prompt;
	moved->state = state;
	for (uint8_t from = 0; count > 1 && from < count; from++) {
		for (uint8_t to = 0; to < count; to++) {
			struct peal_simmoved_way *way = &moved->ways[from][to];
			const struct peal_resteer_ring ring = {push, pop, way};

			*way = (struct peal_simmoved_way){.owner = moved, .to = to};
			moved->to[from][to] = ring;
			moved->from[to][from] = ring;
		}
	}
}

struct peal_resteer_rings
peal_simmoved_rings(const struct peal_simmoved *moved, uint8_t shard)
{
	return (struct peal_resteer_rings){.to = moved->to[shard], .from = moved->from[shard]};
}

bool
peal_simmoved_has(const struct peal_simmoved *moved, uint8_t shard)
{
	for (uint8_t from = 0; moved->count > 1 && from < moved->count; from++) {
		if (moved->ways[from][shard].head != moved->ways[from][shard].tail) {
			return true;
		}
	}
	return false;
}
