/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A topology from the one before. Rings and rows of observers are copied with the ranks of now; new
 * members are merged into the rings; and only subjects that lost an observer or whose walk meets a
 * new member are walked anew, from the first ring where that is so.
 */
#include "membership/rings_private.h"

#include <string.h>

/* A successor keeps the rings when at most one of so many members is new, else it is built: up to
 * there the memory of the subjects takes what sorting the new ones needs. */
#define NEW_ONE_OF 4U

/* With more changed rows than this the subjects are dealt out anew. */
#define DIRTY_FEW 32U

/* No ring of a member's row has changed. */
#define RING_NONE UINT8_MAX

/* What is new between two views. */
struct change {
	uint32_t kept_count; /* members of both */
	uint32_t dirty_count;
	uint16_t ranks[PEAL_MEMBERS_MAX];     /* by parent rank: rank now, or PEAL_RANK_NONE */
	uint16_t dirty[PEAL_MEMBERS_MAX];     /* ranks now whose rows change */
	uint8_t dirty_from[PEAL_MEMBERS_MAX]; /* by rank now: first such ring, or RING_NONE */
};

/* Memory for two rings of `count` entries, and behind them for as many places, at `memory`. */
static uint16_t *
borrow(uint16_t *memory, uint32_t count, struct peal_ring rings_out[2])
{
	uint64_t *hashes = (void *)memory;
	uint16_t *ranks = (void *)(hashes + 2U * (size_t)count);

	rings_out[0] = (struct peal_ring){hashes, ranks};
	rings_out[1] = (struct peal_ring){hashes + count, ranks + count};
	return ranks + 2U * (size_t)count;
}

static void
mark_dirty(struct change *change, uint32_t rank, uint32_t ring)
{
	if (change->dirty_from[rank] == RING_NONE) {
		change->dirty[change->dirty_count++] = (uint16_t)rank;
	}
	if (ring < change->dirty_from[rank]) {
		change->dirty_from[rank] = (uint8_t)ring;
	}
}

/* New ranks of those who stay, and whose observers go: their walks change where one went. */
static void
find_change(const struct peal_topology *parent, const struct peal_bitset *removals,
	uint32_t members_count, struct change *change)
{
	uint32_t rank = 0;

	for (uint32_t old = 0; old < parent->members_count; old++) {
		bool stays = !peal_bitset_has(removals, old);

		change->ranks[old] = stays ? (uint16_t)rank : PEAL_RANK_NONE;
		rank += stays ? 1U : 0U;
	}
	PEAL_ASSERT(rank <= members_count);
	change->kept_count = rank;
	change->dirty_count = 0;
	memset(change->dirty_from, RING_NONE, members_count);

	PEAL_BITSET_FOR_EACH (removed, removals) {
		uint32_t count;
		const uint16_t *subjects = peal_rings_subjects(parent, removed, &count);

		for (uint32_t i = 0; i < count; i++) {
			if (change->ranks[subjects[i]] != PEAL_RANK_NONE) {
				uint32_t mask = peal_rings_mask(parent, removed, subjects[i]);

				PEAL_ASSERT(mask != 0);
				mark_dirty(change, change->ranks[subjects[i]],
					(uint32_t)__builtin_ctz(mask));
			}
		}
	}
	for (rank = change->kept_count; rank < members_count; rank++) {
		mark_dirty(change, rank, 0);
	}
}

/* The rows of those who stay, with the ranks of now. What names removed ones is walked anew. */
static void
copy_rows(const struct peal_topology *parent, const struct change *change,
	struct peal_rings_draft *draft)
{
	size_t width = draft->observers_count;
	size_t old = 0;

	while (old < parent->members_count) {
		size_t end = old;

		while (end < parent->members_count && change->ranks[end] != PEAL_RANK_NONE) {
			end++;
		}
		if (end > old) {
			size_t count = (end - old) * width;
			const uint16_t *from = parent->observers + old * width;
			uint16_t *to = draft->observers + change->ranks[old] * width;

			for (size_t i = 0; i < count; i++) {
				to[i] = change->ranks[from[i]];
			}
			memcpy(draft->depths + change->ranks[old] * width,
				parent->depths + old * width, count);
		}
		old = end + 1U;
	}
}

/* How many subjects everybody has before any walk: those of before without who goes. */
static void
count_subjects(const struct peal_topology *parent, const struct peal_bitset *removals,
	const struct change *change, struct peal_rings_draft *draft)
{
	for (uint32_t old = 0; old < parent->members_count; old++) {
		if (change->ranks[old] != PEAL_RANK_NONE) {
			draft->subject_starts[change->ranks[old]] =
				parent->subject_starts[old + 1U] - parent->subject_starts[old];
		}
	}
	for (uint32_t rank = change->kept_count; rank < draft->members_count; rank++) {
		draft->subject_starts[rank] = 0;
	}
	PEAL_BITSET_FOR_EACH (removed, removals) {
		for (uint32_t k = 0; k < parent->observers_count; k++) {
			uint16_t rank = change->ranks[peal_rings_observer(parent, removed, k)];

			if (rank != PEAL_RANK_NONE) {
				draft->subject_starts[rank]--;
				peal_bitset_add(&draft->touched, rank);
			}
		}
	}
}

/* Where on a ring of the parent, from `first` on, a new member comes in between. */
static uint32_t
find_gap(const struct peal_topology *parent, const struct change *change,
	const struct peal_rings_draft *draft, uint32_t ring, uint32_t first, uint64_t hash,
	uint32_t rank)
{
	const uint64_t *hashes = parent->ring_hashes + (size_t)ring * parent->members_count;
	const uint16_t *ranks = parent->ring_ranks + (size_t)ring * parent->members_count;
	uint32_t low = first;
	uint32_t high = first;

	/* Near, when many are new: steps of double length, and then halves. */
	for (uint32_t step = 1; high < parent->members_count && hashes[high] < hash; step *= 2U) {
		low = high + 1U;
		high = low + step < parent->members_count ? low + step : parent->members_count;
	}
	while (low < high) {
		uint32_t middle = (low + high) / 2U;

		if (hashes[middle] < hash) {
			low = middle + 1U;
		} else {
			high = middle;
		}
	}
	/* Equal hashes: who has gone may stand anywhere, the others in uuid order. */
	while (low < parent->members_count && hashes[low] == hash &&
		(change->ranks[ranks[low]] == PEAL_RANK_NONE ||
			peal_ring_is_before(
				draft->view, hash, change->ranks[ranks[low]], hash, rank))) {
		low++;
	}
	return low;
}

/* Copies entries [first, end) of a parent's ring, but who goes, to `to`. Returns how many. */
static uint32_t
copy_entries(const struct peal_topology *parent, const struct change *change, uint32_t ring,
	uint32_t first, uint32_t end, struct peal_ring to)
{
	const uint64_t *hashes = parent->ring_hashes + (size_t)ring * parent->members_count;
	const uint16_t *ranks = parent->ring_ranks + (size_t)ring * parent->members_count;
	uint32_t count = 0;
	uint32_t run = 0; /* entries in front of `count` whose hashes are not copied yet */

	for (uint32_t old = first; old < end; old++) {
		uint16_t rank = change->ranks[ranks[old]];

		if (rank != PEAL_RANK_NONE) {
			to.ranks[count++] = rank;
			run++;
			continue;
		}
		memcpy(to.hashes + (count - run), hashes + (old - run), run * sizeof(*hashes));
		run = 0;
	}
	memcpy(to.hashes + (count - run), hashes + (end - run), run * sizeof(*hashes));
	return count;
}

/* Ring `ring` of the parent without who goes, and with `added`. Places of the added: `places`. */
static void
merge_ring(const struct peal_topology *parent, const struct change *change,
	struct peal_rings_draft *draft, uint32_t ring, const struct peal_ring *added,
	uint16_t *places)
{
	const struct peal_ring *to = &draft->rings[ring];
	uint32_t added_count = draft->members_count - change->kept_count;
	uint32_t old = 0;
	uint32_t place = 0;

	for (uint32_t next = 0; next <= added_count; next++) {
		uint32_t end = parent->members_count;

		if (next < added_count) {
			end = find_gap(parent, change, draft, ring, old, added->hashes[next],
				added->ranks[next]);
		}
		place += copy_entries(parent, change, ring, old, end,
			(struct peal_ring){to->hashes + place, to->ranks + place});
		old = end;
		if (next < added_count) {
			places[next] = (uint16_t)place;
			to->hashes[place] = added->hashes[next];
			to->ranks[place++] = added->ranks[next];
		}
	}
	PEAL_ASSERT(place == draft->members_count);
}

/*
 * Marks the subjects whose walk on ring `ring` meets a new member: it stands closer than the
 * observer that was found. A walk passes over observers on lower rings only, so no subject further
 * than `ring` + 1 can be one, and behind the next new member it meets that one first.
 */
static void
mark_met(struct peal_rings_draft *draft, uint32_t ring, const uint16_t *places,
	struct change *change)
{
	const uint16_t *ranks = draft->rings[ring].ranks;
	uint32_t added_count = draft->members_count - change->kept_count;

	for (uint32_t next = 0; next < added_count; next++) {
		uint32_t place = places[next];

		for (uint32_t distance = 1; distance <= ring + 1U; distance++) {
			place = place + 1U == draft->members_count ? 0 : place + 1U;

			uint32_t rank = ranks[place];

			if (rank >= change->kept_count) {
				break;
			}
			/* A row that is walked anew may have any depth; it is dirty already. */
			if (draft->depths[rank * draft->observers_count + ring] >= distance) {
				mark_dirty(change, rank, ring);
			}
		}
	}
}

/* Walks for the subjects that changed on this ring or one before. */
static void
walk_dirty(struct peal_rings_draft *draft, uint32_t ring, const struct change *change)
{
	const uint16_t *ranks = draft->rings[ring].ranks;

	/* A search costs as much as some dozen members passed over. */
	if (change->dirty_count < draft->members_count / 64U) {
		for (uint32_t index = 0; index < change->dirty_count; index++) {
			uint32_t rank = change->dirty[index];

			if (change->dirty_from[rank] <= ring) {
				uint32_t place = peal_ring_find(
					draft->view, ring, &draft->rings[ring], rank);

				peal_rings_walk(draft, ring, place);
			}
		}
		return;
	}
	for (uint32_t place = 0; place < draft->members_count; place++) {
		if (change->dirty_from[ranks[place]] <= ring) {
			peal_rings_walk(draft, ring, place);
		}
	}
}

/* Few: in the order of ranks from now on. */
static void
sort_dirty(struct change *change)
{
	for (uint32_t next = 1; next < change->dirty_count; next++) {
		uint16_t rank = change->dirty[next];
		uint32_t index = next;

		for (; index > 0 && change->dirty[index - 1U] > rank; index--) {
			change->dirty[index] = change->dirty[index - 1U];
		}
		change->dirty[index] = rank;
	}
}

static bool
is_observer(const struct peal_rings_draft *draft, uint32_t observer, uint32_t subject)
{
	const uint16_t *row = draft->observers + (size_t)subject * draft->observers_count;
	bool is_there = false;

	for (uint32_t k = 0; k < draft->observers_count; k++) {
		is_there |= row[k] == observer;
	}
	return is_there;
}

/* The subjects of one member: `count` of before that did not change, among those that did. */
static void
merge_subjects(struct peal_rings_draft *draft, const struct change *change, uint32_t observer,
	const uint16_t *before, uint32_t count)
{
	uint16_t *to = draft->subjects + draft->subject_starts[observer];
	uint32_t next = 0;

	for (uint32_t i = 0; i <= change->dirty_count; i++) {
		uint16_t dirty = i < change->dirty_count ? change->dirty[i] : PEAL_RANK_NONE;

		for (; next < count; next++) {
			uint16_t subject = change->ranks[before[next]];

			if (subject == PEAL_RANK_NONE || change->dirty_from[subject] != RING_NONE) {
				continue;
			}
			if (subject > dirty) {
				break;
			}
			*to++ = subject;
		}
		if (dirty != PEAL_RANK_NONE && is_observer(draft, observer, dirty)) {
			*to++ = dirty;
		}
	}
	PEAL_ASSERT(to == draft->subjects + draft->subject_starts[observer + 1U]);
}

/* The subjects of before with the ranks of now; those of members that were touched are merged. */
static void
copy_subjects(
	const struct peal_topology *parent, struct change *change, struct peal_rings_draft *draft)
{
	const uint32_t *starts = parent->subject_starts;
	uint32_t old = 0;

	sort_dirty(change);
	while (old < parent->members_count) {
		uint32_t rank = change->ranks[old];
		uint32_t end = old;

		while (end < parent->members_count && change->ranks[end] != PEAL_RANK_NONE &&
			!peal_bitset_has(&draft->touched, change->ranks[end])) {
			end++;
		}
		if (end > old) {
			const uint16_t *from = parent->subjects + starts[old];
			uint16_t *to = draft->subjects + draft->subject_starts[rank];
			uint32_t count = starts[end] - starts[old];

			for (uint32_t i = 0; i < count; i++) {
				to[i] = change->ranks[from[i]];
			}
			old = end;
			continue;
		}
		if (rank != PEAL_RANK_NONE) {
			merge_subjects(draft, change, rank, parent->subjects + starts[old],
				starts[old + 1U] - starts[old]);
		}
		old++;
	}
	for (uint32_t rank = change->kept_count; rank < draft->members_count; rank++) {
		merge_subjects(draft, change, rank, NULL, 0);
	}
}

void
peal_rings_next(const struct peal_topology *parent, const struct peal_bitset *removals,
	const struct peal_view *view, void *memory, uint32_t members_max,
	struct peal_topology *topology)
{
	struct change change;
	struct peal_rings_draft draft;

	peal_rings_start_draft(&draft, view, memory, members_max);
	PEAL_ASSERT(peal_bitset_is_within(removals, parent->members_count));

	uint32_t kept_count = parent->members_count - peal_bitset_count(removals);

	PEAL_ASSERT(kept_count <= draft.members_count);

	uint32_t added_count = draft.members_count - kept_count;

	if (draft.rings_count == 1 || parent->rings_count != draft.rings_count ||
		added_count > draft.members_count / NEW_ONE_OF) {
		peal_rings_build(view, memory, members_max, topology);
		return;
	}

	struct peal_ring added[2]; /* the second one to sort with */
	uint16_t *places = borrow(draft.subjects, added_count, added);

	find_change(parent, removals, draft.members_count, &change);
	count_subjects(parent, removals, &change, &draft);
	copy_rows(parent, &change, &draft);
	peal_rings_clear_rows(&draft, kept_count);
	for (uint32_t ring = 0; ring < draft.rings_count; ring++) {
		peal_ring_fill(view, ring, kept_count, &added[0]);
		peal_ring_sort(view, &added[0], added_count, &added[1]);
		merge_ring(parent, &change, &draft, ring, &added[0], places);
		mark_met(&draft, ring, places, &change);
		walk_dirty(&draft, ring, &change);
	}
	peal_rings_sum_counts(&draft);
	if (change.dirty_count <= DIRTY_FEW) {
		copy_subjects(parent, &change, &draft);
	} else {
		peal_rings_deal_subjects(&draft);
	}
	peal_rings_finish(&draft, topology);
}
