/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Buffers of one core for frames that came too early, all of one size.
 *
 * Memory of the caller; a list of free places. Pure; one core; both calls cost a few cycles.
 */
#ifndef PEAL_DATAPLANE_FRAMEPOOL_H
#define PEAL_DATAPLANE_FRAMEPOOL_H

#include "base/limits.h"
#include "base/messagelimits.h"

#include <stdbool.h>
#include <stdint.h>

#define PEAL_FRAMEPOOL_NONE UINT16_MAX

/* Fields are private. */
struct peal_framepool {
	uint8_t *bytes; /* [count][size] */
	uint32_t size;
	uint16_t count;
	uint16_t free_count;
	bool is_closed;          /* public: nothing is lent now, whatever is free */
	uint16_t reserved_count; /* public: buffers that only take_reserved lends; 0 after init */
	uint16_t free[PEAL_FRAMEPOOL_MAX];
};

/* @param bytes  [count * size], outlives the pool; count [0, PEAL_FRAMEPOOL_MAX] */
void peal_framepool_init(
	struct peal_framepool *pool, uint8_t *bytes, uint32_t size, uint16_t count);

/* A buffer, or PEAL_FRAMEPOOL_NONE. */
uint16_t peal_framepool_take(struct peal_framepool *pool);

/* The same for whom all others wait: of the reserved ones too, and of a closed pool. */
uint16_t peal_framepool_take_reserved(struct peal_framepool *pool);

/* Asserts that it is away. */
void peal_framepool_give(struct peal_framepool *pool, uint16_t buffer);

static inline uint8_t *
peal_framepool_bytes(const struct peal_framepool *pool, uint16_t buffer)
{
	return pool->bytes + (uint64_t)buffer * pool->size;
}

#endif
