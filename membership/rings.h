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

#include "wire/view.h"

struct peal_topology {
	uint16_t members_count;
	uint8_t observers_count; /* K_eff; 0 when N = 1 */
	/* rank of observer k of the member at rank s, [members_count][observers_count] */
	uint16_t observers[PEAL_MEMBERS_MAX][PEAL_RINGS_MAX];
	/* whom the member at rank o observes, [members_count] */
	struct peal_bitset subjects[PEAL_MEMBERS_MAX];
	/* ring-0 order: ranks, [members_count]; used to elect sequencers and coordinators */
	uint16_t order[PEAL_MEMBERS_MAX];
};

/* Fills `topology` from `view`. O(K N^2) of a few instructions: sorting by insertion. */
void peal_rings_build(const struct peal_view *view, struct peal_topology *topology);
/* Bits k with observers[subject][k] == observer: 0 when it does not observe it. O(1), or O(K). */
uint32_t peal_rings_mask(const struct peal_topology *topology, uint32_t observer, uint32_t subject);
/*
 * The `attempt`-th member in ring-0 order from a place that depends on cluster, epoch and
 * `purpose`: purpose 0 = sequencer of joins, 1 = coordinator of classic rounds. Every member comes
 * once as attempt runs over [0, members_count). O(1).
 */
uint16_t peal_rings_elect(const struct peal_topology *topology, const struct peal_view *view,
	uint32_t purpose, uint32_t attempt);

#endif
