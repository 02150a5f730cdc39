/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * One large thing that comes in chunks, in any order, some of them twice, some of them lost.
 *
 * Knows which chunks are here and names those that are missing. What the bytes mean is for the
 * owner. Plain struct, fields private; zeroed memory gathers nothing. Thread: control.
 */
#ifndef PEAL_MEMBERSHIP_GATHER_H
#define PEAL_MEMBERSHIP_GATHER_H

#include "base/limits.h"
#include "membership/bodies.h"

#define PEAL_GATHER_WORDS (PEAL_CHUNKS_MAX / 64U)

struct peal_gather {
	struct peal_hash128 name; /* digest of a body, or hash of a view */
	uint32_t size;            /* of all; 0 = gathers nothing */
	uint32_t missing_count;   /* chunks */
	uint8_t *bytes;           /* [size], of the store */
	uint64_t here[PEAL_GATHER_WORDS];
};

/* Begins with nothing here; what was gathered before is given up. False: no room for it. */
bool peal_gather_open(struct peal_gather *gather, const struct peal_bodies *bodies,
	struct peal_hash128 name, uint32_t size);
/* Gives the memory back. Nothing is gathered then. Harmless when nothing was. */
void peal_gather_close(struct peal_gather *gather, const struct peal_bodies *bodies);
/*
 * One chunk.
 * @return true when it was missing. A number or a size that does not fit is ignored.
 */
bool peal_gather_add(
	struct peal_gather *gather, uint32_t chunk, const uint8_t *bytes, uint32_t size);
/*
 * Names missing chunks: `first_out` is the first one, bit i of `missing_out`, [words_count], chunk
 * first + i. All bits are 0 when nothing is missing.
 */
void peal_gather_missing(const struct peal_gather *gather, uint16_t *first_out,
	uint64_t *missing_out, uint32_t words_count);

/* Something is gathered, and all of it is here. */
static inline bool
peal_gather_is_complete(const struct peal_gather *gather)
{
	return gather->size > 0 && gather->missing_count == 0;
}

#endif
