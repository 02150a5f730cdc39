/* SPDX-License-Identifier: BSD-3-Clause */
#include "base/prng.h"

#include "base/assert.h"

__extension__ typedef unsigned __int128 wide;

static uint64_t
rotate_left(uint64_t word, unsigned int bits)
{
	return (word << bits) | (word >> (64U - bits));
}

static uint64_t
next_splitmix(uint64_t *state)
{
	uint64_t word = (*state += UINT64_C(0x9e3779b97f4a7c15));

	word = (word ^ (word >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
	word = (word ^ (word >> 27)) * UINT64_C(0x94d049bb133111eb);
	return word ^ (word >> 31);
}

void
peal_prng_init(struct peal_prng *prng, uint64_t seed)
{
	for (uint32_t i = 0; i < 4; i++) {
		prng->state[i] = next_splitmix(&seed);
	}
	/* splitmix64 is a bijection of its counter: four words in a row are never all zero. */
	PEAL_ASSERT((prng->state[0] | prng->state[1]) != 0);
}

void
peal_prng_init_full(struct peal_prng *prng, const uint64_t seed[4])
{
	if ((seed[0] | seed[1] | seed[2] | seed[3]) == 0) {
		peal_prng_init(prng, 0);
		return;
	}
	for (uint32_t i = 0; i < 4; i++) {
		prng->state[i] = seed[i];
	}
}

uint64_t
peal_prng_next(struct peal_prng *prng)
{
	uint64_t *state = prng->state;
	uint64_t result = rotate_left(state[1] * 5U, 7) * 9U;
	uint64_t shifted = state[1] << 17;

	state[2] ^= state[0];
	state[3] ^= state[1];
	state[1] ^= state[2];
	state[0] ^= state[3];
	state[2] ^= shifted;
	state[3] = rotate_left(state[3], 45);
	return result;
}

uint64_t
peal_prng_below(struct peal_prng *prng, uint64_t bound)
{
	PEAL_ASSERT(bound > 0);

	/*
	 * The high half of draw * bound is in [0, bound). A few low halves would favour some
	 * results; they are the ones below 2^64 mod bound, and are drawn again.
	 */
	wide product = (wide)peal_prng_next(prng) * bound;
	if ((uint64_t)product < bound) {
		uint64_t unfair = (UINT64_C(0) - bound) % bound;

		while ((uint64_t)product < unfair) {
			product = (wide)peal_prng_next(prng) * bound;
		}
	}
	return (uint64_t)(product >> 64);
}

bool
peal_prng_ratio(struct peal_prng *prng, uint64_t numerator, uint64_t denominator)
{
	PEAL_ASSERT(denominator > 0);

	return peal_prng_below(prng, denominator) < numerator;
}
