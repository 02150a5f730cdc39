/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Walks go ring by ring over all subjects: what observer k may be depends on observers below k.
 */
#include "membership/rings.h"

#include "membership/rings_private.h"

#include <string.h>

struct elect_key {
	struct peal_uuid cluster;
	uint64_t epoch;
	uint64_t purpose;
};

_Static_assert(sizeof(struct elect_key) == 32, "hashed as bytes: no padding");
_Static_assert(PEAL_MEMBERS_MAX < PEAL_RANK_NONE, "every rank differs from none");

/* Alignment of every array. */
#define ALIGNMENT 64U

/* Offsets of the arrays in memory. */
struct layout {
	size_t ring_hashes;
	size_t subject_starts;
	size_t observers;
	size_t subjects;
	size_t ring_ranks;
	size_t ring_places;
	size_t depths;
};

/* ---- memory ---- */

/* Offset of an array of `size` bytes; `end` moves behind it. */
static size_t
place_array(size_t *end, size_t size)
{
	size_t offset = *end;

	*end += (size + ALIGNMENT - 1U) / ALIGNMENT * ALIGNMENT;
	return offset;
}

/* Where everything stands in memory; returns its size. */
static size_t
lay_out(uint32_t members_count, uint32_t observers_count, uint32_t rings_count,
	struct layout *layout)
{
	size_t edges_count = (size_t)members_count * observers_count;
	size_t places_count = (size_t)members_count * rings_count;
	size_t end = 0;

	layout->ring_hashes = place_array(&end, places_count * sizeof(uint64_t));
	layout->subject_starts = place_array(&end, (members_count + 1U) * sizeof(uint32_t));
	layout->observers = place_array(&end, edges_count * sizeof(uint16_t));
	layout->subjects = place_array(&end, edges_count * sizeof(uint16_t));
	layout->ring_ranks = place_array(&end, places_count * sizeof(uint16_t));
	layout->ring_places = place_array(&end, members_count * sizeof(uint16_t));
	layout->depths = place_array(&end, edges_count * sizeof(uint8_t));
	return end;
}

size_t
peal_rings_footprint(uint32_t members_max)
{
	struct layout layout;

	PEAL_ASSERT(members_max >= 1);
	PEAL_ASSERT(members_max <= PEAL_MEMBERS_MAX);
	return lay_out(members_max, PEAL_RINGS_MAX, PEAL_RINGS_MAX, &layout);
}

void
peal_rings_start_draft(struct peal_rings_draft *draft, const struct peal_view *view, void *memory,
	uint32_t members_max)
{
	uint8_t *bytes = memory;
	uint64_t *hashes;
	struct layout layout;

	PEAL_ASSERT(view->members_count >= 1);
	PEAL_ASSERT(view->members_count <= members_max);
	PEAL_ASSERT(view->rings_count <= PEAL_RINGS_MAX);
	PEAL_ASSERT((uintptr_t)memory % ALIGNMENT == 0);

	draft->touched = (struct peal_bitset){0};
	draft->view = view;
	draft->members_count = view->members_count;
	draft->observers_count =
		peal_view_thresholds(view->members_count, view->rings_count).observers_count;
	/* With few members rings would repeat the same observers: all others observe instead. */
	draft->rings_count =
		view->members_count <= view->rings_count + 1U ? 1U : draft->observers_count;
	(void)lay_out(draft->members_count, draft->observers_count, draft->rings_count, &layout);
	hashes = (void *)(bytes + layout.ring_hashes);
	draft->subject_starts = (void *)(bytes + layout.subject_starts);
	draft->observers = (void *)(bytes + layout.observers);
	draft->subjects = (void *)(bytes + layout.subjects);
	draft->ring_ranks = (void *)(bytes + layout.ring_ranks);
	draft->ring_places = (void *)(bytes + layout.ring_places);
	draft->depths = bytes + layout.depths;
	for (size_t ring = 0; ring < draft->rings_count; ring++) {
		draft->rings[ring].hashes = hashes + ring * draft->members_count;
		draft->rings[ring].ranks = draft->ring_ranks + ring * draft->members_count;
	}
}

/* ---- walks ---- */

/* One edge more, and one less if there was one on this ring before. */
static void
count_edge(struct peal_rings_draft *draft, uint16_t before, uint16_t now)
{
	if (before == now) {
		return;
	}
	if (before != PEAL_RANK_NONE) {
		draft->subject_starts[before]--;
		peal_bitset_add(&draft->touched, before);
	}
	draft->subject_starts[now]++;
	peal_bitset_add(&draft->touched, now);
}

/*
 * The observer of the member at `place` on ring `ring`, given those on the rings before.
 * paper: RAPID 4.1, the observer precedes its subject. The paper lets one node precede a subject on
 * several rings; then one bad link counts several times. Here such a node is passed over.
 */
void
peal_rings_walk(struct peal_rings_draft *draft, uint32_t ring, uint32_t place)
{
	const uint16_t *ranks = draft->rings[ring].ranks;
	uint16_t *row = draft->observers + (size_t)ranks[place] * draft->observers_count;
	uint16_t observer_before = row[ring];
	uint32_t at = place;
	uint32_t depth = 0;
	bool is_chosen;

	do {
		at = (at == 0 ? draft->members_count : at) - 1U;
		depth++;
		is_chosen = false;
		for (uint32_t k = 0; k < ring; k++) {
			is_chosen |= row[k] == ranks[at];
		}
	} while (is_chosen);

	/* Subject and observers before are fewer than all, so the walk ended in front of itself,
	 * and each of them was passed at most once. */
	PEAL_ASSERT(depth <= ring + 1U);
	row[ring] = ranks[at];
	count_edge(draft, observer_before, ranks[at]);
	draft->depths[(size_t)ranks[place] * draft->observers_count + ring] = (uint8_t)depth;
}

/* The members from rank `first` on have no observers yet. */
void
peal_rings_clear_rows(struct peal_rings_draft *draft, uint32_t first)
{
	size_t width = draft->observers_count;
	size_t count = (draft->members_count - first) * width;

	for (size_t i = first * width; count > 0; count--) {
		draft->observers[i++] = PEAL_RANK_NONE;
	}
}

/* Everybody observes everybody: the others in ring-0 order. */
static void
fill_mesh(struct peal_rings_draft *draft)
{
	PEAL_ASSERT(draft->observers_count == draft->members_count - 1U);

	for (uint32_t subject = 0; subject < draft->members_count; subject++) {
		uint32_t row = subject * draft->observers_count;

		draft->subject_starts[subject] = draft->observers_count;
		for (uint32_t place = 0; place < draft->members_count; place++) {
			if (draft->ring_ranks[place] != subject) {
				draft->depths[row] = 0;
				draft->observers[row++] = draft->ring_ranks[place];
			}
		}
		PEAL_ASSERT(row == (subject + 1U) * draft->observers_count);
	}
}

/* ---- what follows from rings and observers ---- */

void
peal_rings_sum_counts(struct peal_rings_draft *draft)
{
	uint32_t sum = 0;

	for (uint32_t rank = 0; rank < draft->members_count; rank++) {
		uint32_t count = draft->subject_starts[rank];

		draft->subject_starts[rank] = sum;
		sum += count;
	}
	draft->subject_starts[draft->members_count] = sum;
	PEAL_ASSERT(sum == draft->members_count * draft->observers_count);
}

void
peal_rings_deal_subjects(struct peal_rings_draft *draft)
{
	uint32_t *starts = draft->subject_starts;
	const uint16_t *observer =
		draft->observers + (size_t)draft->members_count * draft->observers_count;

	/* Backwards, from the start of the row behind: that leaves the starts where they belong,
	 * one place further. */
	for (uint32_t subject = draft->members_count; subject-- > 0;) {
		for (uint32_t k = 0; k < draft->observers_count; k++) {
			draft->subjects[--starts[*--observer + 1U]] = (uint16_t)subject;
		}
	}
	memmove(starts, starts + 1, draft->members_count * sizeof(*starts));
	starts[draft->members_count] = draft->members_count * draft->observers_count;
	PEAL_ASSERT(starts[0] == 0);
}

/* First place of an election on ring 0. */
static uint32_t
start_election(const struct peal_view *view, uint32_t purpose)
{
	struct elect_key key = {.cluster = view->cluster, .epoch = view->epoch, .purpose = purpose};

	return (uint32_t)(peal_hash64(&key, sizeof(key), 0) % view->members_count);
}

/* All that follows from rings and observers, and the topology as others see it. */
void
peal_rings_finish(struct peal_rings_draft *draft, struct peal_topology *topology)
{
	for (uint32_t place = 0; place < draft->members_count; place++) {
		draft->ring_places[draft->ring_ranks[place]] = (uint16_t)place;
	}
	*topology = (struct peal_topology){
		.members_count = (uint16_t)draft->members_count,
		.observers_count = (uint8_t)draft->observers_count,
		.rings_count = (uint8_t)draft->rings_count,
		.observers = draft->observers,
		.subject_starts = draft->subject_starts,
		.subjects = draft->subjects,
		.ring_hashes = draft->rings[0].hashes,
		.ring_ranks = draft->ring_ranks,
		.ring_places = draft->ring_places,
		.depths = draft->depths,
		.election_start = start_election(draft->view, 0),
	};
}

void
peal_rings_build(const struct peal_view *view, void *memory, uint32_t members_max,
	struct peal_topology *topology)
{
	uint64_t hashes[PEAL_RINGS_MAX + 1U];
	uint16_t ranks[PEAL_RINGS_MAX + 1U];
	struct peal_ring spare = {hashes, ranks};
	struct peal_rings_draft draft;

	peal_rings_start_draft(&draft, view, memory, members_max);
	if (draft.rings_count > 1) {
		/* Ten bytes a member; observers and subjects have twelve or more. */
		spare.hashes = (void *)draft.observers;
		spare.ranks = (void *)(spare.hashes + draft.members_count);
	}
	for (uint32_t ring = 0; ring < draft.rings_count; ring++) {
		peal_ring_fill(view, ring, 0, &draft.rings[ring]);
		peal_ring_sort(view, &draft.rings[ring], draft.members_count, &spare);
	}
	if (draft.rings_count == 1) {
		fill_mesh(&draft);
	} else {
		memset(draft.subject_starts, 0, draft.members_count * sizeof(uint32_t));
		peal_rings_clear_rows(&draft, 0);
	}
	for (uint32_t ring = 0; draft.rings_count > 1 && ring < draft.rings_count; ring++) {
		for (uint32_t place = 0; place < draft.members_count; place++) {
			peal_rings_walk(&draft, ring, place);
		}
	}
	peal_rings_sum_counts(&draft);
	peal_rings_deal_subjects(&draft);
	peal_rings_finish(&draft, topology);
}

uint32_t
peal_rings_mask(const struct peal_topology *topology, uint32_t observer, uint32_t subject)
{
	uint32_t mask = 0;

	PEAL_ASSERT(observer < topology->members_count);
	PEAL_ASSERT(subject < topology->members_count);

	for (uint32_t k = 0; k < topology->observers_count; k++) {
		if (peal_rings_observer(topology, subject, k) == observer) {
			mask |= UINT32_C(1) << k;
		}
	}
	return mask;
}

uint16_t
peal_rings_elect(const struct peal_topology *topology, const struct peal_view *view,
	uint32_t purpose, uint32_t attempt)
{
	uint64_t start = purpose == 0 ? topology->election_start : start_election(view, purpose);

	PEAL_ASSERT(topology->members_count >= 1);
	PEAL_ASSERT(topology->members_count == view->members_count);

	/* The sum of a place and an attempt could wrap in 32 bits and repeat a member. */
	return topology->ring_ranks[(start + attempt) % topology->members_count];
}
