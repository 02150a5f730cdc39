/* SPDX-License-Identifier: BSD-3-Clause */
#include "control/streampool.h"

#include "base/assert.h"

#include <stddef.h>
#include <string.h>

void
peal_streampool_init(struct peal_streampool *pool, struct peal_bodies bodies)
{
	pool->bodies = bodies;
}

struct peal_stream *
peal_streampool_take(struct peal_streampool *pool, const struct peal_body *body)
{
	for (uint32_t i = 0; i < PEAL_STREAMS_MAX; i++) {
		struct peal_stream *stream = &pool->streams[i];

		if (pool->held[i] != NULL) {
			continue;
		}
		pool->bodies.retain(pool->bodies.state, body);
		pool->held[i] = body;
		pool->count++;
		memset(stream, 0, sizeof(*stream));
		stream->bytes = body->bytes;
		stream->size = body->size;
		stream->digest = body->digest;
		return stream;
	}
	return NULL;
}

void
peal_streampool_give(struct peal_streampool *pool, struct peal_stream *stream)
{
	size_t place = (size_t)(stream - pool->streams);

	PEAL_ASSERT(place < PEAL_STREAMS_MAX && pool->held[place] != NULL);
	pool->bodies.release(pool->bodies.state, pool->held[place]);
	pool->held[place] = NULL;
	pool->count--;
}

bool
peal_streampool_is_busy(const struct peal_streampool *pool, const struct peal_body *body,
	uint64_t mid, struct peal_uuid uuid)
{
	for (uint32_t i = 0; i < PEAL_STREAMS_MAX; i++) {
		const struct peal_stream *stream = &pool->streams[i];

		if (pool->held[i] != body) {
			continue;
		}
		for (uint32_t target = 0; target < stream->targets_count; target++) {
			if ((mid != 0 && stream->targets[target].mid == mid) ||
				(!peal_uuid_is_none(uuid) &&
					peal_uuid_equals(stream->targets[target].joiner, uuid))) {
				return true;
			}
		}
	}
	return false;
}

void
peal_streampool_clear(struct peal_streampool *pool)
{
	for (uint32_t i = 0; i < PEAL_STREAMS_MAX; i++) {
		if (pool->held[i] != NULL) {
			peal_streampool_give(pool, &pool->streams[i]);
		}
	}
}
