/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Rings against a twin that is written from the definition, for every size of group.
 */
#include "membership/nextview.h"
#include "membership/rings.h"

#include "tests/lib/cmocka_all.h"
#include "tests/lib/gen.h"
#include "tests/lib/ringscene.h"

#include <stdlib.h>
#include <string.h>

static const uint8_t ring_counts[] = {3, 10, 16};

#define RING_COUNTS (sizeof(ring_counts) / sizeof(ring_counts[0]))

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

			assert_int_equal(peal_rings_observer(topology, subject, k), expected);
			taken |= UINT64_C(1) << expected;
		}
	}
}

static void
prop_rings__are_those_of_the_definition(void **state)
{
	struct peal_ringscene scene;

	(void)state;
	peal_ringscene_create(&scene, 64);
	for (uint16_t members_count = 1; members_count <= 64;
		members_count = (uint16_t)(members_count + (members_count < 24 ? 1 : 8))) {
		for (uint32_t i = 0; i < RING_COUNTS; i++) {
			peal_ringscene_make(&scene, members_count, members_count, ring_counts[i]);
			assert_as_twin(&scene.view, &scene.topology);
		}
	}
	peal_ringscene_destroy(&scene);
}

/* ---- the same for large groups: a twin that sorts, and walks by the rule ---- */

struct twin_place {
	uint64_t hash;
	struct peal_uuid uuid;
	uint32_t rank;
};

static int
compare_places(const void *a, const void *b)
{
	const struct twin_place *left = a;
	const struct twin_place *right = b;

	if (left->hash != right->hash) {
		return left->hash < right->hash ? -1 : 1;
	}
	return peal_uuid_compare(left->uuid, right->uuid);
}

static void
assert_ring_as_twin(const struct peal_ringscene *scene, uint32_t ring, struct twin_place *places)
{
	const struct peal_topology *topology = &scene->topology;
	uint32_t count = scene->view.members_count;

	for (uint32_t rank = 0; rank < count; rank++) {
		places[rank] = (struct twin_place){
			ring_hash(&scene->view, ring, rank), scene->members[rank].uuid, rank};
	}
	qsort(places, count, sizeof(*places), compare_places);
	for (uint32_t place = 0; place < count; place++) {
		uint32_t subject = places[place].rank;
		uint32_t before = place;
		uint32_t mask = 0;

		do {
			before = (before + count - 1U) % count;
			mask = peal_rings_mask(topology, places[before].rank, subject) &
			       ((UINT32_C(1) << ring) - 1U);
		} while (mask != 0);
		assert_int_equal(peal_rings_observer(topology, subject, ring), places[before].rank);
		assert_int_equal(topology->depths[subject * topology->observers_count + ring],
			(place + count - before) % count);
		assert_int_equal(topology->ring_ranks[ring * count + place], subject);
		assert_int_equal(topology->ring_hashes[ring * count + place], places[place].hash);
	}
}

static void
prop_rings__are_those_of_the_definition_in_large_groups(void **state)
{
	static const uint16_t counts[] = {65, 100, 300, 2145, 10000, PEAL_MEMBERS_MAX};
	static struct twin_place places[PEAL_MEMBERS_MAX];

	(void)state;
	for (uint32_t i = 0; i < sizeof(counts) / sizeof(counts[0]); i++) {
		struct peal_ringscene scene;

		peal_ringscene_create(&scene, counts[i]);
		peal_ringscene_make(&scene, i, counts[i], ring_counts[i % RING_COUNTS]);
		for (uint32_t ring = 0; ring < scene.topology.rings_count; ring++) {
			assert_ring_as_twin(&scene, ring, places);
		}
		peal_ringscene_destroy(&scene);
	}
}

/* ---- what must hold for every size ---- */

static bool
has_subject(const struct peal_topology *topology, uint32_t observer, uint32_t subject)
{
	uint32_t count;
	const uint16_t *subjects = peal_rings_subjects(topology, observer, &count);
	bool is_there = false;

	for (uint32_t i = 0; i < count; i++) {
		assert_true(i == 0 || subjects[i - 1U] < subjects[i]);
		is_there |= subjects[i] == subject;
	}
	return is_there;
}

static void
assert_well_formed(const struct peal_view *view, const struct peal_topology *topology)
{
	struct peal_thresholds thresholds =
		peal_view_thresholds(view->members_count, view->rings_count);
	struct peal_bitset in_order = {0};

	assert_int_equal(topology->members_count, view->members_count);
	assert_int_equal(topology->observers_count, thresholds.observers_count);
	for (uint32_t subject = 0; subject < view->members_count; subject++) {
		struct peal_bitset seen = {0};

		for (uint32_t k = 0; k < topology->observers_count; k++) {
			uint32_t observer = peal_rings_observer(topology, subject, k);

			assert_true(observer < view->members_count);
			assert_int_not_equal(observer, subject);
			assert_false(peal_bitset_has(&seen, observer));
			peal_bitset_add(&seen, observer);
			assert_int_equal(
				peal_rings_mask(topology, observer, subject), UINT32_C(1) << k);
			assert_true(has_subject(topology, observer, subject));
		}
		/* Enough observers for every mark, each with its own mind. */
		assert_true(thresholds.h <= peal_bitset_count(&seen));
		for (uint32_t other = 0; other < view->members_count; other++) {
			if (!peal_bitset_has(&seen, other)) {
				assert_int_equal(peal_rings_mask(topology, other, subject), 0);
			}
		}
		peal_bitset_add(&in_order, topology->ring_ranks[subject]);
		assert_int_equal(topology->ring_places[topology->ring_ranks[subject]], subject);
	}
	assert_int_equal(topology->subject_starts[0], 0);
	assert_int_equal(topology->subject_starts[view->members_count],
		view->members_count * topology->observers_count);
	assert_int_equal(peal_bitset_count(&in_order), view->members_count);
}

static void
prop_rings__give_every_subject_distinct_observers(void **state)
{
	struct peal_ringscene scene;

	(void)state;
	for (uint16_t members_count = 1; members_count <= 130; members_count++) {
		/* Memory of the exact size: nothing is written behind it. */
		peal_ringscene_create(&scene, members_count);
		for (uint64_t seed = 0; seed < (members_count <= 64 ? 20 : 1); seed++) {
			for (uint32_t i = 0; i < RING_COUNTS; i++) {
				peal_ringscene_make(&scene, seed, members_count, ring_counts[i]);
				assert_well_formed(&scene.view, &scene.topology);
			}
		}
		peal_ringscene_destroy(&scene);
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
			uint16_t to_observer = peal_view_find_uuid(to_view,
				from_view->members[peal_rings_observer(from, subject, k)].uuid);

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
	struct peal_ringscene large;
	struct peal_ringscene small;
	struct peal_prng prng;

	(void)state;
	peal_prng_init(&prng, 1);
	peal_ringscene_create(&large, 300);
	peal_ringscene_create(&small, 300);
	for (uint16_t members_count = PEAL_RINGS_DEFAULT + 3U; members_count <= 300;
		members_count = (uint16_t)(members_count + (members_count < 64 ? 1 : 59))) {
		for (uint32_t round = 0; round < 20; round++) {
			struct peal_proposal cut = {0};
			uint32_t removed = (uint32_t)peal_prng_below(&prng, members_count);
			uint32_t subjects_count;

			peal_ringscene_make(
				&large, peal_prng_next(&prng), members_count, PEAL_RINGS_DEFAULT);
			peal_ringscene_index(&large);
			cut.parent_epoch = large.view.epoch;
			cut.parent_hash = large.view.hash;
			peal_bitset_add(&cut.removals, removed);
			peal_nextview_apply(&large.view, &cut, small.members, NULL, &small.view);
			peal_ringscene_index(&small);
			peal_ringscene_build(&small);

			/*
			 * Nobody loses an observer but the removed one, and who lost that one has
			 * one new. Insertion is the same, read backwards.
			 */
			(void)peal_rings_subjects(&large.topology, removed, &subjects_count);
			assert_int_equal(count_lost_edges(&large.view, &large.topology, &small.view,
						 &small.topology),
				0);
			assert_int_equal(count_lost_edges(&small.view, &small.topology, &large.view,
						 &large.topology),
				subjects_count);
		}
	}
	peal_ringscene_destroy(&large);
	peal_ringscene_destroy(&small);
}

static void
assert_elects_everybody(const struct peal_ringscene *scene)
{
	uint32_t count = scene->view.members_count;

	for (uint32_t purpose = 0; purpose < 2; purpose++) {
		struct peal_bitset elected = {0};

		for (uint32_t attempt = 0; attempt < count; attempt++) {
			peal_bitset_add(&elected,
				peal_rings_elect(&scene->topology, &scene->view, purpose, attempt));
		}
		assert_int_equal(peal_bitset_count(&elected), count);
		/* And again from the start. */
		assert_int_equal(peal_rings_elect(&scene->topology, &scene->view, purpose, count),
			peal_rings_elect(&scene->topology, &scene->view, purpose, 0));
	}
}

static void
prop_rings__elect_everybody_once(void **state)
{
	static const uint16_t large_counts[] = {65, 2000, PEAL_MEMBERS_MAX};
	struct peal_ringscene scene;
	uint32_t first_counts[2] = {0};

	(void)state;
	peal_ringscene_create(&scene, PEAL_MEMBERS_MAX);
	for (uint16_t members_count = 1; members_count <= 64; members_count++) {
		peal_ringscene_make(&scene, members_count, members_count, PEAL_RINGS_DEFAULT);
		assert_elects_everybody(&scene);
	}
	for (uint32_t i = 0; i < sizeof(large_counts) / sizeof(large_counts[0]); i++) {
		peal_ringscene_make(&scene, i, large_counts[i], PEAL_RINGS_DEFAULT);
		assert_elects_everybody(&scene);
	}

	/* Both purposes and all epochs share the work: with 2 members about half each. */
	peal_ringscene_make(&scene, 1, 2, PEAL_RINGS_DEFAULT);
	for (scene.view.epoch = 1; scene.view.epoch <= 1000; scene.view.epoch++) {
		peal_ringscene_build(&scene);
		first_counts[0] += peal_rings_elect(&scene.topology, &scene.view, 0, 0);
		first_counts[1] += peal_rings_elect(&scene.topology, &scene.view, 1, 0);
	}
	for (uint32_t purpose = 0; purpose < 2; purpose++) {
		assert_in_range(first_counts[purpose], 400, 600);
	}
	peal_ringscene_destroy(&scene);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(prop_rings__are_those_of_the_definition),
		cmocka_unit_test(prop_rings__are_those_of_the_definition_in_large_groups),
		cmocka_unit_test(prop_rings__give_every_subject_distinct_observers),
		cmocka_unit_test(prop_rings__change_little_with_one_member),
		cmocka_unit_test(prop_rings__elect_everybody_once),
	};

	return cmocka_run_group_tests_name("prop_rings", tests, NULL, NULL);
}
