/* SPDX-License-Identifier: BSD-3-Clause */
#include "dataplane/dpdk/mbufpool.h"

#include <rte_errno.h>
#include <rte_mbuf.h>

#define CACHE_COUNT 128U
#define BUFFER_SIZE (RTE_PKTMBUF_HEADROOM + PEAL_MBUFPOOL_FRAME_SIZE_MAX)

_Static_assert(BUFFER_SIZE % RTE_CACHE_LINE_SIZE == 0, "buffers begin at cache lines");

uint32_t
peal_mbufpool_size_mb(uint32_t packets_count)
{
	/* Header of the pool's object and of the mbuf, and the buffer. */
	uint64_t size = (uint64_t)packets_count * (64U + sizeof(struct rte_mbuf) + BUFFER_SIZE);

	return (uint32_t)((size + (1U << 20) - 1U) >> 20);
}

struct rte_mempool *
peal_mbufpool_create(
	const char *name, uint32_t packets_count, int numa_node, struct peal_sentence *error)
{
	struct rte_mempool *pool = rte_pktmbuf_pool_create(
		name, packets_count, CACHE_COUNT, 0, (uint16_t)BUFFER_SIZE, numa_node);

	if (pool == NULL && numa_node >= 0) {
		/* The node of the device may have no memory of its own. */
		pool = rte_pktmbuf_pool_create(
			name, packets_count, CACHE_COUNT, 0, (uint16_t)BUFFER_SIZE, SOCKET_ID_ANY);
	}
	if (pool == NULL) {
		(void)peal_sentence_set(error,
			"%u packet buffers need %u MiB and did not fit the memory of DPDK (%s); "
			"raise memory_mb",
			packets_count, peal_mbufpool_size_mb(packets_count),
			rte_strerror(rte_errno));
	}
	return pool;
}
