/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A set of ranks of one view: a plain value, copied by assignment.
 *
 * All functions assert rank < PEAL_MEMBERS_MAX. Cost: O(1), or O(words) where a whole set is
 * walked.
 */
#ifndef PEAL_BASE_BITSET_H
#define PEAL_BASE_BITSET_H

#include "base/assert.h"
#include "base/limits.h"

#include <stdbool.h>
#include <stdint.h>

#define PEAL_BITSET_WORDS ((PEAL_MEMBERS_MAX + 63U) / 64U)

struct peal_bitset {
	uint64_t words[PEAL_BITSET_WORDS];
};

static inline void
peal_bitset_add(struct peal_bitset *set, uint32_t rank)
{
	PEAL_ASSERT(rank < PEAL_MEMBERS_MAX);
	set->words[rank / 64U] |= UINT64_C(1) << (rank % 64U);
}

static inline void
peal_bitset_remove(struct peal_bitset *set, uint32_t rank)
{
	PEAL_ASSERT(rank < PEAL_MEMBERS_MAX);
	set->words[rank / 64U] &= ~(UINT64_C(1) << (rank % 64U));
}

static inline bool
peal_bitset_has(const struct peal_bitset *set, uint32_t rank)
{
	PEAL_ASSERT(rank < PEAL_MEMBERS_MAX);
	return ((set->words[rank / 64U] >> (rank % 64U)) & 1U) != 0U;
}

static inline uint32_t
peal_bitset_count(const struct peal_bitset *set)
{
	uint32_t count = 0;

	for (uint32_t i = 0; i < PEAL_BITSET_WORDS; i++) {
		count += (uint32_t)__builtin_popcountll(set->words[i]);
	}
	return count;
}

static inline bool
peal_bitset_is_empty(const struct peal_bitset *set)
{
	uint64_t any = 0;

	for (uint32_t i = 0; i < PEAL_BITSET_WORDS; i++) {
		any |= set->words[i];
	}
	return any == 0;
}

static inline bool
peal_bitset_equals(const struct peal_bitset *a, const struct peal_bitset *b)
{
	uint64_t differ = 0;

	for (uint32_t i = 0; i < PEAL_BITSET_WORDS; i++) {
		differ |= a->words[i] ^ b->words[i];
	}
	return differ == 0;
}

/* Members of either. */
static inline struct peal_bitset
peal_bitset_union(const struct peal_bitset *a, const struct peal_bitset *b)
{
	struct peal_bitset result;

	for (uint32_t i = 0; i < PEAL_BITSET_WORDS; i++) {
		result.words[i] = a->words[i] | b->words[i];
	}
	return result;
}

/* Members of both. */
static inline struct peal_bitset
peal_bitset_intersection(const struct peal_bitset *a, const struct peal_bitset *b)
{
	struct peal_bitset result;

	for (uint32_t i = 0; i < PEAL_BITSET_WORDS; i++) {
		result.words[i] = a->words[i] & b->words[i];
	}
	return result;
}

/* Members of `a` that are not in `b`. */
static inline struct peal_bitset
peal_bitset_difference(const struct peal_bitset *a, const struct peal_bitset *b)
{
	struct peal_bitset result;

	for (uint32_t i = 0; i < PEAL_BITSET_WORDS; i++) {
		result.words[i] = a->words[i] & ~b->words[i];
	}
	return result;
}

/* True when no rank at or above `members_count` is in the set. */
static inline bool
peal_bitset_is_within(const struct peal_bitset *set, uint32_t members_count)
{
	uint32_t word = members_count / 64U;
	uint64_t any = 0;

	PEAL_ASSERT(members_count <= PEAL_MEMBERS_MAX);
	if (word == PEAL_BITSET_WORDS) {
		return true;
	}
	any = set->words[word] & ~((UINT64_C(1) << (members_count % 64U)) - 1U);
	for (uint32_t i = word + 1U; i < PEAL_BITSET_WORDS; i++) {
		any |= set->words[i];
	}
	return any == 0;
}

/* Adds all members of `b` to `set`. */
static inline void
peal_bitset_merge(struct peal_bitset *set, const struct peal_bitset *b)
{
	for (uint32_t i = 0; i < PEAL_BITSET_WORDS; i++) {
		set->words[i] |= b->words[i];
	}
}

/* The smallest rank of the set that is at least `rank`, or PEAL_MEMBERS_MAX. */
static inline uint32_t
peal_bitset_next(const struct peal_bitset *set, uint32_t rank)
{
	uint32_t word = rank / 64U;
	uint64_t bits;

	if (rank >= PEAL_MEMBERS_MAX) {
		return PEAL_MEMBERS_MAX;
	}
	bits = set->words[word] & ~((UINT64_C(1) << (rank % 64U)) - 1U);
	while (bits == 0) {
		if (++word == PEAL_BITSET_WORDS) {
			return PEAL_MEMBERS_MAX;
		}
		bits = set->words[word];
	}
	return word * 64U + (uint32_t)__builtin_ctzll(bits);
}

/* Walks a set in ascending order; the set may lose members on the way, but not gain any. */
#define PEAL_BITSET_FOR_EACH(rank, set)                                                            \
	for (uint32_t rank = peal_bitset_next((set), 0); rank < PEAL_MEMBERS_MAX;                  \
		rank = peal_bitset_next((set), rank + 1U))

#endif
