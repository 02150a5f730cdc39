/* SPDX-License-Identifier: BSD-3-Clause */
#include "base/hash.h"

#include "base/assert.h"

#define XXH_INLINE_ALL

#include <xxhash.h>

_Static_assert(sizeof(struct peal_hash_stream) >= sizeof(XXH3_state_t), "the state has room");
_Static_assert(_Alignof(struct peal_hash_stream) >= _Alignof(XXH3_state_t), "and is aligned");

uint64_t
peal_hash64(const void *data, size_t size, uint64_t seed)
{
	return XXH3_64bits_withSeed(data, size, seed);
}

struct peal_hash128
peal_hash128(const void *data, size_t size, uint64_t seed)
{
	XXH128_hash_t hash = XXH3_128bits_withSeed(data, size, seed);

	return (struct peal_hash128){.low = hash.low64, .high = hash.high64};
}

void
peal_hash_stream_init(struct peal_hash_stream *stream)
{
	XXH_errorcode result = XXH3_128bits_reset((XXH3_state_t *)(void *)stream->state);

	PEAL_ASSERT(result == XXH_OK);
}

void
peal_hash_stream_add(struct peal_hash_stream *stream, const void *data, size_t size)
{
	XXH3_state_t *state = (XXH3_state_t *)(void *)stream->state;
	XXH_errorcode result = XXH3_128bits_update(state, data, size);

	PEAL_ASSERT(result == XXH_OK);
}

struct peal_hash128
peal_hash_stream_end(const struct peal_hash_stream *stream)
{
	const XXH3_state_t *state = (const XXH3_state_t *)(const void *)stream->state;
	XXH128_hash_t hash = XXH3_128bits_digest(state);

	return (struct peal_hash128){.low = hash.low64, .high = hash.high64};
}
