/* SPDX-License-Identifier: BSD-3-Clause */
#include "runtime/shardrings.h"

#include "runtime/memory.h"

#include <rte_errno.h>
#include <rte_ring_elem.h>
#include <stdio.h>

static uint32_t
push(void *state, const struct peal_packet *packets, uint32_t count)
{
	const struct peal_shardrings_way *way = state;
	uint32_t done = rte_ring_sp_enqueue_burst_elem(
		way->ring, packets, sizeof(struct peal_packet), count, NULL);

	if (done > 0) {
		peal_bell_ring(&way->bell);
	}
	return done;
}

static uint32_t
pop(void *state, struct peal_packet *packets, uint32_t capacity)
{
	const struct peal_shardrings_way *way = state;

	return rte_ring_sc_dequeue_burst_elem(
		way->ring, packets, sizeof(struct peal_packet), capacity, NULL);
}

static bool
open_way(struct peal_shardrings_way *way, int numa_node, struct peal_bell bell,
	struct peal_sentence *error)
{
	static uint32_t serial; /* names are unique in the process */
	char name[RTE_RING_NAMESIZE];

	(void)snprintf(name, sizeof(name), "peal_sh%u", serial++);
	way->bell = bell;
	way->ring = rte_ring_create_elem(name, sizeof(struct peal_packet), PEAL_RESTEER_PACKETS_MAX,
		numa_node, RING_F_SP_ENQ | RING_F_SC_DEQ | RING_F_EXACT_SZ);
	if (way->ring == NULL) {
		return peal_sentence_set(error,
			"the rings between the cores did not fit the memory of DPDK (%s); raise "
			"memory_mb, or the -m of an application that starts it",
			rte_strerror(rte_errno));
	}
	peal_memory_note("rings between cores",
		(uint64_t)rte_ring_get_memsize_elem(
			sizeof(struct peal_packet), 2U * PEAL_RESTEER_PACKETS_MAX),
		numa_node);
	return true;
}

bool
peal_shardrings_open(struct peal_shardrings *rings, uint32_t count, int numa_node,
	const struct peal_bell *bells, struct peal_sentence *error)
{
	PEAL_ASSERT(count >= 1 && count <= PEAL_SHARDRINGS_MAX);
	rings->count = count;
	for (uint32_t from = 0; from < count; from++) {
		for (uint32_t to = 0; to < count; to++) {
			struct peal_shardrings_way *way = &rings->ways[from][to];
			const struct peal_resteer_ring ring = {push, pop, way};

			if (from != to && !open_way(way, numa_node, bells[to], error)) {
				return false;
			}
			rings->to[from][to] = ring;
			rings->from[to][from] = ring;
		}
	}
	return true;
}

void
peal_shardrings_close(struct peal_shardrings *rings)
{
	for (uint32_t from = 0; from < rings->count; from++) {
		for (uint32_t to = 0; to < rings->count; to++) {
			rte_ring_free(rings->ways[from][to].ring);
			rings->ways[from][to].ring = NULL;
		}
	}
	rings->count = 0;
}

struct peal_resteer_rings
peal_shardrings_of(const struct peal_shardrings *rings, uint32_t shard)
{
	PEAL_ASSERT(shard < rings->count);
	return (struct peal_resteer_rings){.to = rings->to[shard], .from = rings->from[shard]};
}
