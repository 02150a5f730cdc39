/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Seeded stable hashes (XXH3): equal on every machine, of any bytes.
 *
 * They order rings, name views and digest proposals. They are not message authentication codes.
 */
#ifndef PEAL_BASE_HASH_H
#define PEAL_BASE_HASH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct peal_hash128 {
	uint64_t low;
	uint64_t high;
};

uint64_t peal_hash64(const void *data, size_t size, uint64_t seed);
struct peal_hash128 peal_hash128(const void *data, size_t size, uint64_t seed);

/* A hash of bytes that come in pieces: what peal_hash128 says of all of them with seed 0. */
struct peal_hash_stream {
	_Alignas(64) uint8_t state[576]; /* private */
};

void peal_hash_stream_init(struct peal_hash_stream *stream);
void peal_hash_stream_add(struct peal_hash_stream *stream, const void *data, size_t size);
struct peal_hash128 peal_hash_stream_end(const struct peal_hash_stream *stream);

static inline bool
peal_hash128_equals(struct peal_hash128 a, struct peal_hash128 b)
{
	return a.low == b.low && a.high == b.high;
}

/* Sum mod 2^128, for hashes of sets that do not depend on order. */
static inline struct peal_hash128
peal_hash128_add(struct peal_hash128 a, struct peal_hash128 b)
{
	struct peal_hash128 sum = {.low = a.low + b.low, .high = a.high + b.high};

	sum.high += sum.low < a.low ? 1U : 0U;
	return sum;
}

/* Total order, low word last. Returns < 0, 0, > 0. */
static inline int
peal_hash128_compare(struct peal_hash128 a, struct peal_hash128 b)
{
	if (a.high != b.high) {
		return a.high < b.high ? -1 : 1;
	}
	if (a.low != b.low) {
		return a.low < b.low ? -1 : 1;
	}
	return 0;
}

/* Spreads a 64-bit word (splitmix64's finaliser); 0 maps to 0. Two multiplications. */
static inline uint64_t
peal_hash_mix(uint64_t word)
{
	word = (word ^ (word >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
	word = (word ^ (word >> 27)) * UINT64_C(0x94d049bb133111eb);
	return word ^ (word >> 31);
}

#endif
