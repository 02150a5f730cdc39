/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * One ring of a view: its members sorted by a hash of (cluster, ring, uuid), as two columns.
 *
 * The ring begins at the smallest hash; equal hashes stand in uuid order, so the order is total.
 * Pure functions over memory of the caller. Used by membership/rings.h, which has all rings of a
 * view. paper: RAPID 4.1
 */
#ifndef PEAL_MEMBERSHIP_RING_H
#define PEAL_MEMBERSHIP_RING_H

#include "wire/view.h"

/* A ring or a part of one: entry i is a hash and the rank of the member that has it. */
struct peal_ring {
	uint64_t *hashes;
	uint16_t *ranks;
};

/* True when the member at `rank_a` with `hash_a` stands before the other one. */
static inline bool
peal_ring_is_before(const struct peal_view *view, uint64_t hash_a, uint32_t rank_a, uint64_t hash_b,
	uint32_t rank_b)
{
	if (__builtin_expect(hash_a == hash_b, 0)) {
		return peal_uuid_compare(view->members[rank_a].uuid, view->members[rank_b].uuid) <
		       0;
	}
	return hash_a < hash_b;
}

/* The members from rank `first` on, hashed for the ring of this number, not sorted. */
void peal_ring_fill(
	const struct peal_view *view, uint32_t number, uint32_t first, struct peal_ring *ring_out);
/* Sorts `count` entries; `spare` has room for as many. O(count log count), whatever the hashes. */
void peal_ring_sort(const struct peal_view *view, struct peal_ring *ring, uint32_t count,
	struct peal_ring *spare);
/* What this code's rings make of one fixed member: nodes that differ in it would not agree on who
 * observes whom. */
uint32_t peal_ring_check(void);
/* Place of the member at `rank` on the ring of this number, which has all members. O(log N). */
uint32_t peal_ring_find(
	const struct peal_view *view, uint32_t number, const struct peal_ring *ring, uint32_t rank);

#endif
