/* SPDX-License-Identifier: BSD-3-Clause */
#include "dataplane/dpdk/mbufpool.h"

#include "base/limits.h"

#include <rte_errno.h>
#include <rte_mbuf.h>

#define CACHE_COUNT 128U
/* In front of a frame in the ring of a kernel interface: its description, and space for headers. */
#define RING_HEAD_SIZE 128U
#define STEP           1024U

_Static_assert(RTE_PKTMBUF_HEADROOM % RTE_CACHE_LINE_SIZE == 0, "buffers begin at cache lines");

uint32_t
peal_mbufpool_frame_size(uint16_t mtu)
{
	uint32_t size = mtu + PEAL_LINK_SIZE_MAX + RING_HEAD_SIZE;

	size = (size + STEP - 1U) / STEP * STEP;
	return size > PEAL_MBUFPOOL_FRAME_SIZE_MAX ? size : PEAL_MBUFPOOL_FRAME_SIZE_MAX;
}

uint32_t
peal_mbufpool_size_mb(uint32_t packets_count, uint32_t frame_size)
{
	/* Header of the pool's object and of the mbuf, and the buffer. */
	uint64_t size = (uint64_t)packets_count *
			(64U + sizeof(struct rte_mbuf) + RTE_PKTMBUF_HEADROOM + frame_size);

	return (uint32_t)((size + (1U << 20) - 1U) >> 20);
}

struct rte_mempool *
peal_mbufpool_create(const char *name, uint32_t packets_count, uint32_t frame_size, int numa_node,
	struct peal_sentence *error)
{
	const uint16_t buffer_size = (uint16_t)(RTE_PKTMBUF_HEADROOM + frame_size);
	struct rte_mempool *pool = rte_pktmbuf_pool_create(
		name, packets_count, CACHE_COUNT, 0, buffer_size, numa_node);

	if (pool == NULL && numa_node >= 0) {
		/* The node of the device may have no memory of its own. */
		pool = rte_pktmbuf_pool_create(
			name, packets_count, CACHE_COUNT, 0, buffer_size, SOCKET_ID_ANY);
	}
	if (pool == NULL) {
		(void)peal_sentence_set(error,
			"%u packet buffers need %u MiB and did not fit the memory of DPDK (%s); "
			"raise memory_mb, or the -m of an application that starts it",
			packets_count, peal_mbufpool_size_mb(packets_count, frame_size),
			rte_strerror(rte_errno));
	}
	return pool;
}
