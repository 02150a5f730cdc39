/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Which ranks of an order group count in a view, and how many of them decide.
 *
 * A rank that a command opened or filled does not count before it may send; one that a command
 * emptied counts no more (docs/design/0023-handover.md). So from one view to the next the number
 * changes by one at most, and a majority of the one meets every majority of the other.
 *
 * Pure; plain values.
 */
#ifndef PEAL_ABCAST_ABCAST_QUORUM_H
#define PEAL_ABCAST_ABCAST_QUORUM_H

#include <stdbool.h>
#include <stdint.h>

struct peal_abcast_quorum {
	uint16_t counted; /* ranks, at least one */
	uint8_t least;    /* how many of them: a majority */
};

/* Ranks in a set. */
static inline uint32_t
peal_abcast_count(uint16_t ranks)
{
	return (uint32_t)__builtin_popcount(ranks);
}

static inline struct peal_abcast_quorum
peal_abcast_quorum_of(uint16_t counted)
{
	return (struct peal_abcast_quorum){
		.counted = counted, .least = (uint8_t)(peal_abcast_count(counted) / 2U + 1U)};
}

/* True when enough of those who count are in the set. */
static inline bool
peal_abcast_quorum_is_in(struct peal_abcast_quorum quorum, uint16_t ranks)
{
	return peal_abcast_count(ranks & quorum.counted) >= quorum.least;
}

#endif
