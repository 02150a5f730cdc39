/* SPDX-License-Identifier: BSD-3-Clause */
#include "base/crc32c.h"

#include <string.h>

#ifdef __SSE4_2__
#include <nmmintrin.h>
#endif

#define POLYNOMIAL_REFLECTED UINT32_C(0x82F63B78)

uint32_t
peal_crc32c_portable(uint32_t crc, const void *data, size_t size)
{
	const uint8_t *bytes = data;

	crc = ~crc;
	for (size_t i = 0; i < size; i++) {
		crc ^= bytes[i];
		for (uint32_t bit = 0; bit < 8; bit++) {
			crc = (crc >> 1) ^ (POLYNOMIAL_REFLECTED & (UINT32_C(0) - (crc & 1U)));
		}
	}
	return ~crc;
}

uint32_t
peal_crc32c(uint32_t crc, const void *data, size_t size)
{
#ifdef __SSE4_2__
	const uint8_t *bytes = data;
	uint64_t state = (uint32_t)~crc;

	for (; size >= sizeof(uint64_t); size -= sizeof(uint64_t), bytes += sizeof(uint64_t)) {
		uint64_t word;

		memcpy(&word, bytes, sizeof(word));
		state = _mm_crc32_u64(state, word);
	}
	for (size_t i = 0; i < size; i++) {
		state = _mm_crc32_u8((uint32_t)state, bytes[i]);
	}
	return ~(uint32_t)state;
#else
	return peal_crc32c_portable(crc, data, size);
#endif
}

uint32_t
peal_crc32c_copy(uint32_t crc, void *to, const void *from, size_t size)
{
#ifdef __SSE4_2__
	const uint8_t *in = from;
	uint8_t *out = to;
	uint64_t state = (uint32_t)~crc;

	for (; size >= sizeof(uint64_t); size -= sizeof(uint64_t)) {
		uint64_t word;

		memcpy(&word, in, sizeof(word));
		memcpy(out, &word, sizeof(word));
		state = _mm_crc32_u64(state, word);
		in += sizeof(word);
		out += sizeof(word);
	}
	for (size_t i = 0; i < size; i++) {
		out[i] = in[i];
		state = _mm_crc32_u8((uint32_t)state, in[i]);
	}
	return ~(uint32_t)state;
#else
	memcpy(to, from, size);
	return peal_crc32c_portable(crc, to, size);
#endif
}
