/* SPDX-License-Identifier: BSD-3-Clause */
#include "dataplane/framepool.h"

#include "base/assert.h"

void
peal_framepool_init(struct peal_framepool *pool, uint8_t *bytes, uint32_t size, uint16_t count)
{
	PEAL_ASSERT(count <= PEAL_FRAMEPOOL_MAX);
	pool->bytes = bytes;
	pool->size = size;
	pool->count = count;
	pool->free_count = 0;
	pool->is_closed = false;
	pool->reserved_count = 0;
	while (count > 0) {
		pool->free[pool->free_count++] = --count;
	}
}

uint16_t
peal_framepool_take(struct peal_framepool *pool)
{
	return pool->free_count <= pool->reserved_count || pool->is_closed
		       ? PEAL_FRAMEPOOL_NONE
		       : pool->free[--pool->free_count];
}

uint16_t
peal_framepool_take_reserved(struct peal_framepool *pool)
{
	return pool->free_count == 0 ? PEAL_FRAMEPOOL_NONE : pool->free[--pool->free_count];
}

void
peal_framepool_give(struct peal_framepool *pool, uint16_t buffer)
{
	PEAL_ASSERT(buffer < pool->count);
	PEAL_ASSERT(pool->free_count < pool->count);
	pool->free[pool->free_count++] = buffer;
}
