/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Rings against a twin that is written from the definition, for every size of group.
 */
#include "membership/nextview.h"
#include "membership/rings.h"

#include "tests/lib/cmocka_all.h"
#include "tests/lib/gen.h"

#include <string.h>

static const uint8_t ring_counts[] = {3, 10, 16};

#define RING_COUNTS (sizeof(ring_counts) / sizeof(ring_counts[0]))

static void
make_view(uint64_t seed, uint16_t members_count, uint8_t rings_count, struct peal_view *view)
{
	struct peal_prng prng;

	peal_prng_init(&prng, seed);
	peal_gen_view(&prng, members_count, view);
	view->rings_count = rings_count;
	view->hash = peal_view_compute_hash(view);
}

/* ---- the twin ---- */

static uint64_t
ring_hash(const struct peal_view *view, uint32_t ring, uint32_t rank)
{
	uint64_t words[4] = {view->cluster.low, view->cluster.high, view->members[rank].uuid.low,
		view->members[rank].uuid.high};

	return peal_hash64(words, sizeof(words), peal_hash_mix(ring + 1U));
}

/* True when a stands before b on the ring. */
static bool
precedes(const struct peal_view *view, uint32_t ring, uint32_t a, uint32_t b)
{
	uint64_t hash_a = ring_hash(view, ring, a);
	uint64_t hash_b = ring_hash(view, ring, b);

	if (hash_a != hash_b) {
		return hash_a < hash_b;
	}
	return peal_uuid_compare(view->members[a].uuid, view->members[b].uuid) < 0;
}

/* How many places `rank` must walk forwards to come to `subject`. */
static uint32_t
distance(const struct peal_view *view, uint32_t ring, uint32_t rank, uint32_t subject)
{
	uint32_t before_rank = 0;
	uint32_t before_subject = 0;

	for (uint32_t other = 0; other < view->members_count; other++) {
		before_rank += other != rank && precedes(view, ring, other, rank) ? 1U : 0U;
		before_subject +=
			other != subject && precedes(view, ring, other, subject) ? 1U : 0U;
	}
	return (before_subject + view->members_count - before_rank) % view->members_count;
}

/* The nearest predecessor of `subject` on the ring that is not in `taken`. */
static uint32_t
nearest(const struct peal_view *view, uint32_t ring, uint32_t subject, uint64_t taken)
{
	uint32_t best = subject;
	uint32_t best_distance = UINT32_MAX;

	for (uint32_t rank = 0; rank < view->members_count; rank++) {
		uint32_t walk = distance(view, ring, rank, subject);

		if ((taken >> rank & 1U) == 0 && rank != subject && walk < best_distance) {
			best = rank;
			best_distance = walk;
		}
	}
	return best;
}

/* The first in ring-0 order that is neither the subject nor in `taken`. */
static uint32_t
first_other(const struct peal_view *view, uint32_t subject, uint64_t taken)
{
	uint32_t first = UINT32_MAX;

	for (uint32_t rank = 0; rank < view->members_count; rank++) {
		if (rank != subject && (taken >> rank & 1U) == 0 &&
			(first == UINT32_MAX || precedes(view, 0, rank, first))) {
			first = rank;
		}
	}
	return first;
}

static void
assert_as_twin(const struct peal_view *view, const struct peal_topology *topology)
{
	bool is_mesh = view->members_count <= view->rings_count + 1U;

	for (uint32_t subject = 0; subject < view->members_count; subject++) {
		uint64_t taken = 0;

		for (uint32_t k = 0; k < topology->observers_count; k++) {
			uint32_t expected = is_mesh ? first_other(view, subject, taken)
						    : nearest(view, k, subject, taken);

			assert_int_equal(topology->observers[subject][k], expected);
			taken |= UINT64_C(1) << expected;
		}
	}
}

static void
prop_rings__are_those_of_the_definition(void **state)
{
	struct peal_view view;
	static struct peal_topology topology;

	(void)state;
	for (uint16_t members_count = 1; members_count <= PEAL_MEMBERS_MAX;
		members_count = (uint16_t)(members_count + (members_count < 24 ? 1 : 8))) {
		for (uint32_t i = 0; i < RING_COUNTS; i++) {
			make_view(members_count, members_count, ring_counts[i], &view);
			peal_rings_build(&view, &topology);
			assert_as_twin(&view, &topology);
		}
	}
}

/* ---- what must hold for every size ---- */

static void
assert_well_formed(const struct peal_view *view, const struct peal_topology *topology)
{
	struct peal_thresholds thresholds =
		peal_view_thresholds(view->members_count, view->rings_count);
	uint32_t edges_count = 0;
	uint64_t in_order = 0;

	assert_int_equal(topology->members_count, view->members_count);
	assert_int_equal(topology->observers_count, thresholds.observers_count);
	for (uint32_t subject = 0; subject < view->members_count; subject++) {
		uint64_t seen = 0;

		for (uint32_t k = 0; k < topology->observers_count; k++) {
			uint32_t observer = topology->observers[subject][k];

			assert_true(observer < view->members_count);
			assert_int_not_equal(observer, subject);
			assert_int_equal(seen >> observer & 1U, 0);
			seen |= UINT64_C(1) << observer;
			assert_int_equal(
				peal_rings_mask(topology, observer, subject), UINT32_C(1) << k);
			assert_true(peal_bitset_has(&topology->subjects[observer], subject));
		}
		/* Enough observers for every mark, each with its own mind. */
		assert_true(thresholds.h <= (uint32_t)__builtin_popcountll(seen));
		for (uint32_t other = 0; other < view->members_count; other++) {
			if ((seen >> other & 1U) == 0) {
				assert_int_equal(peal_rings_mask(topology, other, subject), 0);
			}
		}
		edges_count += peal_bitset_count(&topology->subjects[subject]);
		in_order |= UINT64_C(1) << topology->order[subject];
	}
	assert_int_equal(edges_count, view->members_count * topology->observers_count);
	assert_int_equal(__builtin_popcountll(in_order), view->members_count);
}

static void
prop_rings__give_every_subject_distinct_observers(void **state)
{
	struct peal_view view;
	static struct peal_topology topology;

	(void)state;
	for (uint16_t members_count = 1; members_count <= PEAL_MEMBERS_MAX; members_count++) {
		for (uint64_t seed = 0; seed < 20; seed++) {
			for (uint32_t i = 0; i < RING_COUNTS; i++) {
				make_view(seed, members_count, ring_counts[i], &view);
				peal_rings_build(&view, &topology);
				assert_well_formed(&view, &topology);
			}
		}
	}
}

/* ---- what one member more or less changes ---- */

/* Edges (observer, subject) of `from` between members of both views that `to` does not have. */
static uint32_t
count_lost_edges(const struct peal_view *from_view, const struct peal_topology *from,
	const struct peal_view *to_view, const struct peal_topology *to)
{
	uint32_t lost_count = 0;

	for (uint32_t subject = 0; subject < from_view->members_count; subject++) {
		uint16_t to_subject =
			peal_view_find_uuid(to_view, from_view->members[subject].uuid);

		for (uint32_t k = 0; k < from->observers_count && to_subject != PEAL_RANK_NONE;
			k++) {
			uint16_t to_observer = peal_view_find_uuid(
				to_view, from_view->members[from->observers[subject][k]].uuid);

			if (to_observer != PEAL_RANK_NONE &&
				peal_rings_mask(to, to_observer, to_subject) == 0) {
				lost_count++;
			}
		}
	}
	return lost_count;
}

static void
prop_rings__change_little_with_one_member(void **state)
{
	static struct peal_topology large;
	static struct peal_topology small;
	struct peal_view view;
	struct peal_view next;
	struct peal_prng prng;

	(void)state;
	peal_prng_init(&prng, 1);
	for (uint16_t members_count = PEAL_RINGS_DEFAULT + 3U; members_count <= PEAL_MEMBERS_MAX;
		members_count++) {
		for (uint32_t round = 0; round < 20; round++) {
			struct peal_proposal cut = {0};
			uint32_t removed = (uint32_t)peal_prng_below(&prng, members_count);

			make_view(peal_prng_next(&prng), members_count, PEAL_RINGS_DEFAULT, &view);
			cut.parent_epoch = view.epoch;
			cut.parent_hash = view.hash;
			peal_bitset_add(&cut.removals, removed);
			peal_nextview_apply(&view, &cut, &next);
			peal_rings_build(&view, &large);
			peal_rings_build(&next, &small);

			/*
			 * Nobody loses an observer but the removed one, and who lost that one has
			 * one new. Insertion is the same, read backwards.
			 */
			assert_int_equal(count_lost_edges(&view, &large, &next, &small), 0);
			assert_int_equal(count_lost_edges(&next, &small, &view, &large),
				peal_bitset_count(&large.subjects[removed]));
		}
	}
}

static void
prop_rings__elect_everybody_once(void **state)
{
	static struct peal_topology topology;
	struct peal_view view;
	uint32_t first_counts[2] = {0};

	(void)state;
	for (uint16_t members_count = 1; members_count <= PEAL_MEMBERS_MAX; members_count++) {
		make_view(members_count, members_count, PEAL_RINGS_DEFAULT, &view);
		peal_rings_build(&view, &topology);
		for (uint32_t purpose = 0; purpose < 2; purpose++) {
			uint64_t elected = 0;

			for (uint32_t attempt = 0; attempt < members_count; attempt++) {
				elected |= UINT64_C(1)
					   << peal_rings_elect(&topology, &view, purpose, attempt);
			}
			assert_int_equal(__builtin_popcountll(elected), members_count);
			/* And again from the start. */
			assert_int_equal(peal_rings_elect(&topology, &view, purpose, members_count),
				peal_rings_elect(&topology, &view, purpose, 0));
		}
	}

	/* Both purposes and all epochs share the work: with 2 members about half each. */
	make_view(1, 2, PEAL_RINGS_DEFAULT, &view);
	peal_rings_build(&view, &topology);
	for (view.epoch = 1; view.epoch <= 1000; view.epoch++) {
		first_counts[0] += peal_rings_elect(&topology, &view, 0, 0);
		first_counts[1] += peal_rings_elect(&topology, &view, 1, 0);
	}
	for (uint32_t purpose = 0; purpose < 2; purpose++) {
		assert_in_range(first_counts[purpose], 400, 600);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(prop_rings__are_those_of_the_definition),
		cmocka_unit_test(prop_rings__give_every_subject_distinct_observers),
		cmocka_unit_test(prop_rings__change_little_with_one_member),
		cmocka_unit_test(prop_rings__elect_everybody_once),
	};

	return cmocka_run_group_tests_name("prop_rings", tests, NULL, NULL);
}
