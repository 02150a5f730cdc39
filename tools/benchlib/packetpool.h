/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Packets of the ports of cores that are joined in memory: they are handed on and never copied.
 *
 * Inline, for what a bench counts goes through here. One thread.
 */
#ifndef PEAL_BENCHLIB_PACKETPOOL_H
#define PEAL_BENCHLIB_PACKETPOOL_H

#include "base/assert.h"
#include "dataplane/port.h"

#include <stddef.h>

#define PEAL_PACKETPOOL_COUNT_MAX 4096U
#define PEAL_PACKETPOOL_SIZE      2176U /* of a packet, with headroom; */
#define PEAL_PACKETPOOL_WIDE_SIZE 9344U /* where the MTU is above 1 500 */
#define PEAL_PACKETPOOL_HEADROOM  128U

struct peal_packetpool {
	uint32_t stride; /* bytes of a packet */
	uint32_t free_count;
	uint8_t *free[PEAL_PACKETPOOL_COUNT_MAX];
};

/* All of `count` packets are free. `bytes` has room for so many wide ones and outlives the pool. */
static inline void
peal_packetpool_init(struct peal_packetpool *pool, uint8_t *bytes, uint32_t count, uint16_t mtu)
{
	PEAL_ASSERT(count <= PEAL_PACKETPOOL_COUNT_MAX);
	pool->stride = mtu > 1500U ? PEAL_PACKETPOOL_WIDE_SIZE : PEAL_PACKETPOOL_SIZE;
	pool->free_count = 0;
	for (uint32_t i = 0; i < count; i++) {
		pool->free[pool->free_count++] = bytes + (size_t)i * pool->stride;
	}
}

/* All of them, or 0, as peal_port_ops.allocate. */
static inline uint32_t
peal_packetpool_allocate(struct peal_packetpool *pool, struct peal_packet *packets, uint32_t count)
{
	if (pool->free_count < count) {
		return 0;
	}
	for (uint32_t i = 0; i < count; i++) {
		uint8_t *packet = pool->free[--pool->free_count];

		packets[i] = (struct peal_packet){
			.data = packet + PEAL_PACKETPOOL_HEADROOM, .handle = packet};
	}
	return count;
}

static inline void
peal_packetpool_release(
	struct peal_packetpool *pool, const struct peal_packet *packets, uint32_t count)
{
	for (uint32_t i = 0; i < count; i++) {
		pool->free[pool->free_count++] = packets[i].handle;
	}
}

#endif
