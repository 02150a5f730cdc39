/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Who observes whom in a view: a pure function of the view, equal on all nodes; nothing is sent.
 *
 * N <= K + 1: everybody observes everybody; observer k of s is the k-th other member in ring-0
 * order. Above: K rings, each the members sorted by a hash of (cluster, ring, uuid); observer k of
 * s is the first predecessor of s on ring k that is not yet an observer of s. So every subject has
 * K_eff distinct observers, and a member more or less changes only the edges that it is part of,
 * and one more for each of its subjects.
 * paper: RAPID 4.1, with distinct observers.
 */
#ifndef PEAL_MEMBERSHIP_RINGS_H
#define PEAL_MEMBERSHIP_RINGS_H

#include "base/assert.h"
#include "base/bitset.h"
#include "wire/view.h"

#include <stddef.h>

struct peal_topology {
	uint16_t members_count;
	uint8_t observers_count; /* K_eff; 0 when N = 1 */
	uint8_t rings_count;     /* rings kept; 1 while everybody observes everybody */
	/* Rank of observer k of the member at rank s: [s * observers_count + k]. */
	const uint16_t *observers;
	/* Whom the member at rank o observes: the subjects from subject_starts[o] up to, without,
	 * subject_starts[o + 1]; ranks, ascending. */
	const uint32_t *subject_starts; /* [members_count + 1] */
	const uint16_t *subjects;       /* [members_count * observers_count] */
	/* Ring r: hashes ascending (equal ones by uuid) and the ranks that have them:
	 * [r * members_count + place]. Ring 0 elects sequencers and coordinators. */
	const uint64_t *ring_hashes;
	const uint16_t *ring_ranks;
	const uint16_t *ring_places; /* place on ring 0 of the member at a rank, [members_count] */
	/* How many places observer k stands before s on ring k, [1, k + 1]: those between are
	 * observers on lower rings. 0 while everybody observes everybody. [s * observers_count + k]
	 */
	const uint8_t *depths;
	uint32_t election_start; /* place on ring 0 of elect(0, 0); see peal_rings_elect */
};

/* Bytes of memory, 64-byte aligned, that a topology of at most `members_max` members needs. What is
 * laid out in it by build and next is as large as the view, so a small one touches little. */
size_t peal_rings_footprint(uint32_t members_max);

/* Fills `topology` from `view` alone; what it points to stands in `memory`, which must not be that
 * of another topology in use. O(K N log N). */
void peal_rings_build(const struct peal_view *view, void *memory, uint32_t members_max,
	struct peal_topology *topology);

/*
 * The same from the topology of the parent view: equal to build, at the cost of what changes.
 * @param parent    topology of the parent view
 * @param removals  ranks of the parent view that are not in `view`; the additions are the members
 *                  of `view` behind those that stay
 *
 * O(K N) moves of a few bytes, and for each change O(K) walks. Built anew when more than a quarter
 * of the members are new, or when there is a mesh before or after. 54 KiB of stack.
 */
void peal_rings_next(const struct peal_topology *parent, const struct peal_bitset *removals,
	const struct peal_view *view, void *memory, uint32_t members_max,
	struct peal_topology *topology);

/* Rank of observer `k` of `subject`. */
static inline uint16_t
peal_rings_observer(const struct peal_topology *topology, uint32_t subject, uint32_t k)
{
	PEAL_DASSERT(subject < topology->members_count);
	PEAL_DASSERT(k < topology->observers_count);
	return topology->observers[subject * topology->observers_count + k];
}

/* Whom the member at `observer` observes: `count_out` ranks, ascending. */
static inline const uint16_t *
peal_rings_subjects(const struct peal_topology *topology, uint32_t observer, uint32_t *count_out)
{
	PEAL_DASSERT(observer < topology->members_count);
	*count_out = topology->subject_starts[observer + 1U] - topology->subject_starts[observer];
	return topology->subjects + topology->subject_starts[observer];
}

/* Bits k with observer k of `subject` == `observer`: 0 when it does not observe it. O(K). */
uint32_t peal_rings_mask(const struct peal_topology *topology, uint32_t observer, uint32_t subject);
/*
 * The `attempt`-th member in ring-0 order from a place that depends on cluster, epoch and
 * `purpose`: purpose 0 = sequencer of joins, 1 = coordinator of classic rounds. Every member comes
 * once as attempt runs over [0, members_count). O(1).
 */
uint16_t peal_rings_elect(const struct peal_topology *topology, const struct peal_view *view,
	uint32_t purpose, uint32_t attempt);

#endif
