/* SPDX-License-Identifier: BSD-3-Clause */
#include "dataplane/orders_pool.h"

#include "base/assert.h"

#include <string.h>

void
peal_orders_pool_init(struct peal_orders_pool *pool, uint8_t *bytes, uint32_t count)
{
	*pool = (struct peal_orders_pool){
		.bytes = bytes, .count = count, .first_free = PEAL_ORDERS_POOL_NONE};
}

uint32_t
peal_orders_pool_take(struct peal_orders_pool *pool)
{
	uint32_t place = pool->first_free;

	if (place != PEAL_ORDERS_POOL_NONE) {
		memcpy(&pool->first_free, peal_orders_pool_bytes(pool, place),
			sizeof(pool->first_free));
	} else if (pool->fresh < pool->count) {
		place = pool->fresh++;
	} else {
		return PEAL_ORDERS_POOL_NONE;
	}
	pool->used_count++;
	return place;
}

void
peal_orders_pool_give(struct peal_orders_pool *pool, uint32_t place)
{
	PEAL_ASSERT(place < pool->fresh);
	PEAL_ASSERT(pool->used_count > 0);
	memcpy(peal_orders_pool_bytes(pool, place), &pool->first_free, sizeof(pool->first_free));
	pool->first_free = place;
	pool->used_count--;
}
