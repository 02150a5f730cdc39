/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What rings.c and rings_next.c share, nobody else: a topology while it is made.
 *
 * Order of work: start_draft, the rings, counts of subjects and rows of observers that are right or
 * cleared, walks ring by ring for those that are not, sum_counts, the subjects, finish.
 */
#ifndef PEAL_MEMBERSHIP_RINGS_PRIVATE_H
#define PEAL_MEMBERSHIP_RINGS_PRIVATE_H

#include "membership/ring.h"
#include "membership/rings.h"

struct peal_rings_draft {
	const struct peal_view *view;
	uint32_t members_count;
	uint32_t observers_count;
	uint32_t rings_count;
	struct peal_ring rings[PEAL_RINGS_MAX];
	uint32_t *subject_starts; /* until sum_counts: how many subjects each member has */
	uint16_t *observers;      /* PEAL_RANK_NONE: none yet, or one that has gone */
	uint16_t *subjects; /* behind the observers; free until finish, as they are until cleared */
	uint16_t *ring_ranks;
	uint16_t *ring_places;
	uint8_t *depths;
	struct peal_bitset touched; /* whose subjects are others after walks; new members too */
};

/* Counts, and where everything stands in `memory`. Writes nothing there. */
void peal_rings_start_draft(struct peal_rings_draft *draft, const struct peal_view *view,
	void *memory, uint32_t members_max);
/* The members from rank `first` on have no observers yet. */
void peal_rings_clear_rows(struct peal_rings_draft *draft, uint32_t first);
/* Finds the observer on ring `ring` of the member at `place` of it, given those on the rings
 * before; keeps the counts of subjects. */
void peal_rings_walk(struct peal_rings_draft *draft, uint32_t ring, uint32_t place);
/* From counts of subjects to where they start. */
void peal_rings_sum_counts(struct peal_rings_draft *draft);
/* Whom everybody observes, from the rows of observers, after sum_counts. */
void peal_rings_deal_subjects(struct peal_rings_draft *draft);
/* All that follows from rings, observers and subjects, and the topology as others see it. */
void peal_rings_finish(struct peal_rings_draft *draft, struct peal_topology *topology);

#endif
