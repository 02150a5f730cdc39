/* SPDX-License-Identifier: BSD-3-Clause */
#include "runtime/planes.h"

#include "runtime/memory.h"

#include <rte_errno.h>
#include <rte_ring_elem.h>
#include <stdio.h>

#define BUFFERS_SIZE ((size_t)PEAL_PLANE_BUFFERS_MAX * PEAL_PLANE_BUFFER_SIZE)

static uint32_t
push(void *state, const struct peal_record *records, uint32_t count)
{
	const struct peal_planes_way *way = state;
	uint32_t done = rte_ring_sp_enqueue_bulk_elem(
		way->ring, records, sizeof(struct peal_record), count, NULL);

	if (done > 0) {
		peal_bell_ring(&way->bell);
	}
	return done;
}

static uint32_t
pop(void *state, struct peal_record *records, uint32_t capacity)
{
	const struct peal_planes_way *way = state;

	return rte_ring_sc_dequeue_burst_elem(
		way->ring, records, sizeof(struct peal_record), capacity, NULL);
}

static struct rte_ring *
make_ring(const char *way, int numa_node, struct peal_sentence *error)
{
	static uint32_t serial; /* names are unique in the process */
	char name[RTE_RING_NAMESIZE];
	struct rte_ring *ring;

	(void)snprintf(name, sizeof(name), "peal_%s%u", way, serial++);
	ring = rte_ring_create_elem(name, sizeof(struct peal_record), PEAL_PLANE_RECORDS_MAX,
		numa_node, RING_F_SP_ENQ | RING_F_SC_DEQ | RING_F_EXACT_SZ);
	if (ring == NULL) {
		(void)peal_sentence_set(error,
			"the ring between the planes did not fit the memory of DPDK (%s); raise "
			"memory_mb, or the -m of an application that starts it",
			rte_strerror(rte_errno));
		return NULL;
	}
	peal_memory_note("rings between planes",
		(uint64_t)rte_ring_get_memsize_elem(
			sizeof(struct peal_record), 2U * PEAL_PLANE_RECORDS_MAX),
		numa_node);
	return ring;
}

bool
peal_planes_open(struct peal_planes *planes, int numa_node, struct peal_bell core,
	struct peal_bell control, struct peal_sentence *error)
{
	*planes = (struct peal_planes){
		.down = {.bell = core},
		.up = {.bell = control},
	};
	planes->plane.down = (struct peal_plane_ring){push, pop, &planes->down};
	planes->plane.up = (struct peal_plane_ring){push, pop, &planes->up};
	planes->down.ring = make_ring("down", numa_node, error);
	if (planes->down.ring == NULL) {
		return false;
	}
	planes->up.ring = make_ring("up", numa_node, error);
	if (planes->up.ring == NULL) {
		return false;
	}
	planes->plane.down_buffers =
		peal_memory_take("buffers between planes", BUFFERS_SIZE, numa_node, error);
	if (planes->plane.down_buffers == NULL) {
		return false;
	}
	planes->plane.up_buffers =
		peal_memory_take("buffers between planes", BUFFERS_SIZE, numa_node, error);
	return planes->plane.up_buffers != NULL;
}

void
peal_planes_close(struct peal_planes *planes)
{
	rte_ring_free(planes->down.ring);
	rte_ring_free(planes->up.ring);
	peal_memory_give(planes->plane.down_buffers);
	peal_memory_give(planes->plane.up_buffers);
	planes->down.ring = NULL;
	planes->up.ring = NULL;
	planes->plane.down_buffers = NULL;
	planes->plane.up_buffers = NULL;
}

void
peal_planes_chain(struct peal_planes *before, struct peal_planes *next)
{
	before->next = next;
	before->plane.next = &next->plane;
}

bool
peal_planes_up_is_empty(const struct peal_planes *planes)
{
	for (; planes != NULL; planes = planes->next) {
		const struct rte_ring *ring = planes->up.ring;

		/* rte_ring_empty says the same by plain loads, which promise nothing between
		 * threads. */
		if (__atomic_load_n(&ring->prod.tail, __ATOMIC_RELAXED) !=
			__atomic_load_n(&ring->cons.tail, __ATOMIC_RELAXED)) {
			return false;
		}
	}
	return true;
}
