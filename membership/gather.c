/* SPDX-License-Identifier: BSD-3-Clause */
#include "membership/gather.h"

#include "base/assert.h"
#include "wire/body_msg.h"

#include <string.h>

bool
peal_gather_open(struct peal_gather *gather, const struct peal_bodies *bodies,
	struct peal_hash128 name, uint32_t size)
{
	PEAL_ASSERT(size >= 1 && size <= PEAL_BODY_BYTES_MAX);

	peal_gather_close(gather, bodies);
	gather->bytes = bodies->open(bodies->state, name, size);
	if (gather->bytes == NULL) {
		return false;
	}
	gather->name = name;
	gather->size = size;
	gather->missing_count = peal_body_chunks_count(size);
	return true;
}

void
peal_gather_close(struct peal_gather *gather, const struct peal_bodies *bodies)
{
	if (gather->size == 0) {
		return;
	}
	bodies->close(bodies->state, gather->bytes);
	memset(gather, 0, sizeof(*gather));
}

bool
peal_gather_add(struct peal_gather *gather, uint32_t chunk, const uint8_t *bytes, uint32_t size)
{
	uint32_t offset = chunk * PEAL_CHUNK_SIZE_MAX;

	if (gather->size == 0 || chunk >= peal_body_chunks_count(gather->size) ||
		size != (gather->size - offset < PEAL_CHUNK_SIZE_MAX ? gather->size - offset
								     : PEAL_CHUNK_SIZE_MAX) ||
		((gather->here[chunk / 64U] >> (chunk % 64U)) & 1U) != 0) {
		return false;
	}
	memcpy(gather->bytes + offset, bytes, size);
	gather->here[chunk / 64U] |= UINT64_C(1) << (chunk % 64U);
	gather->missing_count--;
	return true;
}

void
peal_gather_missing(const struct peal_gather *gather, uint16_t *first_out, uint64_t *missing_out,
	uint32_t words_count)
{
	uint32_t chunks_count = peal_body_chunks_count(gather->size);
	uint32_t first = 0;

	memset(missing_out, 0, words_count * sizeof(*missing_out));
	while (first < chunks_count && ((gather->here[first / 64U] >> (first % 64U)) & 1U) != 0) {
		first++;
	}
	*first_out = (uint16_t)(first < chunks_count ? first : 0);
	for (uint32_t i = 0; i < words_count * 64U && first + i < chunks_count; i++) {
		uint32_t chunk = first + i;

		if (((gather->here[chunk / 64U] >> (chunk % 64U)) & 1U) == 0) {
			missing_out[i / 64U] |= UINT64_C(1) << (i % 64U);
		}
	}
}
