/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Seeded generator (xoshiro256**, seeded through splitmix64): the same numbers on every machine.
 *
 * It is the only source of chance in protocol code. Not cryptographic: production seeds it with 256
 * bits from the kernel, which makes uuids and the 96-bit nonces of family 0 unique, not secret.
 * One thread at a time.
 */
#ifndef PEAL_BASE_PRNG_H
#define PEAL_BASE_PRNG_H

#include <stdbool.h>
#include <stdint.h>

struct peal_prng {
	uint64_t state[4]; /* private; never all zero */
};

/* Any seed is good, zero too. */
void peal_prng_init(struct peal_prng *prng, uint64_t seed);
/* All 256 bits of the state from outside; all zero is replaced by the state of seed 0. */
void peal_prng_init_full(struct peal_prng *prng, const uint64_t seed[4]);
uint64_t peal_prng_next(struct peal_prng *prng);
/* Uniform in [0, bound), without bias; bound > 0. */
uint64_t peal_prng_below(struct peal_prng *prng, uint64_t bound);
/* True with probability numerator / denominator; denominator > 0. */
bool peal_prng_ratio(struct peal_prng *prng, uint64_t numerator, uint64_t denominator);

#endif
