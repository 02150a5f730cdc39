/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Places for the frames that order groups keep, all of one size.
 *
 * Room of the caller, of which as much is ever touched as was in use at one time: a place that was
 * given back is taken first, and has the number of the next free one in it. Pure; fields private
 * but `used_count`; one core; each call is a few cycles.
 */
#ifndef PEAL_DATAPLANE_ORDERS_POOL_H
#define PEAL_DATAPLANE_ORDERS_POOL_H

#include "base/limits.h"

#include <stdint.h>

#define PEAL_ORDERS_FRAME_SIZE 1216U
#define PEAL_ORDERS_POOL_NONE  UINT32_MAX

_Static_assert(PEAL_ORDERS_FRAME_SIZE >= PEAL_BODY_SIZE_MAX && PEAL_ORDERS_FRAME_SIZE % 64U == 0,
	"a place takes every body");

struct peal_orders_pool {
	uint8_t *bytes;
	uint32_t count;
	uint32_t first_free; /* NONE = none was given back */
	uint32_t fresh;      /* places from here on were never taken */
	uint32_t used_count;
};

/* @param bytes  [count * PEAL_ORDERS_FRAME_SIZE], 64-aligned, outlives the pool */
void peal_orders_pool_init(struct peal_orders_pool *pool, uint8_t *bytes, uint32_t count);

/* A place, or NONE. */
uint32_t peal_orders_pool_take(struct peal_orders_pool *pool);

void peal_orders_pool_give(struct peal_orders_pool *pool, uint32_t place);

static inline uint8_t *
peal_orders_pool_bytes(const struct peal_orders_pool *pool, uint32_t place)
{
	return pool->bytes + (uint64_t)place * PEAL_ORDERS_FRAME_SIZE;
}

#endif
