/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Topologies made from the one before, cut by cut, against topologies that are built anew.
 */
#include "membership/nextview.h"
#include "membership/rings.h"

#include "tests/lib/cmocka_all.h"
#include "tests/lib/gen.h"
#include "tests/lib/ringscene.h"

#include <stdlib.h>

static const uint8_t ring_counts[] = {3, 10, 16};

#define RING_COUNTS (sizeof(ring_counts) / sizeof(ring_counts[0]))

/* The view after `cut` and its topology, made from the one before. */
static void
make_next(const struct peal_ringscene *parent, const struct peal_proposal *cut,
	struct peal_ringscene *scene)
{
	peal_nextview_apply(&parent->view, cut, scene->members, NULL, &scene->view);
	peal_ringscene_index(scene);
	peal_rings_next(&parent->topology, &cut->removals, &scene->view, scene->memory,
		scene->members_max, &scene->topology);
}

static void
assert_equal_topologies(const struct peal_topology *a, const struct peal_topology *b)
{
	size_t count = a->members_count;
	size_t edges_count = count * a->observers_count;
	size_t places_count = count * a->rings_count;

	assert_int_equal(a->members_count, b->members_count);
	assert_int_equal(a->observers_count, b->observers_count);
	assert_int_equal(a->rings_count, b->rings_count);
	assert_int_equal(a->election_start, b->election_start);
	assert_memory_equal(a->ring_hashes, b->ring_hashes, places_count * sizeof(uint64_t));
	assert_memory_equal(a->ring_ranks, b->ring_ranks, places_count * sizeof(uint16_t));
	assert_memory_equal(a->ring_places, b->ring_places, count * sizeof(uint16_t));
	assert_memory_equal(a->subject_starts, b->subject_starts, (count + 1U) * sizeof(uint32_t));
	if (edges_count > 0) {
		assert_memory_equal(a->observers, b->observers, edges_count * sizeof(uint16_t));
		assert_memory_equal(a->subjects, b->subjects, edges_count * sizeof(uint16_t));
		assert_memory_equal(a->depths, b->depths, edges_count);
	}
}

/* How much a cut of a chain changes: up to these parts of a thousand. */
struct appetite {
	uint32_t removed;
	uint32_t added;
};

static int
compare_uuids(const void *a, const void *b)
{
	const struct peal_member *left = a;
	const struct peal_member *right = b;

	return peal_uuid_compare(left->uuid, right->uuid);
}

/* A random valid cut of `view`; the additions stand in `additions`. */
static void
draw_cut(struct peal_prng *prng, const struct peal_ringscene *scene, struct appetite appetite,
	struct peal_member *additions, struct peal_proposal *cut_out)
{
	const struct peal_view *view = &scene->view;
	uint64_t removals =
		peal_prng_below(prng, view->members_count * appetite.removed / 1000U + 2U);
	uint64_t count = peal_prng_below(prng, view->members_count * appetite.added / 1000U + 2U);
	uint32_t kept_count;

	*cut_out = (struct peal_proposal){
		.parent_epoch = view->epoch, .parent_hash = view->hash, .additions = additions};
	for (; removals > 0; removals--) {
		uint32_t rank = (uint32_t)peal_prng_below(prng, view->members_count);

		if (peal_bitset_count(&cut_out->removals) + 1U < view->members_count) {
			peal_bitset_add(&cut_out->removals, rank);
		}
	}
	kept_count = view->members_count - peal_bitset_count(&cut_out->removals);
	if (count > scene->members_max - kept_count) {
		count = scene->members_max - kept_count;
	}
	cut_out->additions_count = (uint16_t)count;
	for (uint32_t i = 0; i < count; i++) {
		peal_gen_member(prng, &additions[i]);
		/* An address that nobody has: who came with which cut, and as which one of it. */
		additions[i].address.ipv4 = (uint32_t)view->epoch << 14 | i | UINT32_C(1) << 31;
	}
	qsort(additions, (size_t)count, sizeof(*additions), compare_uuids);
}

/* A chain of cuts, each topology made from the one before and built anew. */
static void
run_chain(uint64_t seed, uint16_t members_count, uint32_t members_max, uint32_t cuts_count,
	struct appetite appetite)
{
	struct peal_member *additions = calloc(members_max, sizeof(*additions));
	struct peal_ringscene scenes[2];
	struct peal_ringscene built;
	struct peal_prng prng;

	/* Not the numbers that make the view: nobody joins twice. */
	peal_prng_init(&prng, ~seed);
	peal_ringscene_create(&scenes[0], members_max);
	peal_ringscene_create(&scenes[1], members_max);
	peal_ringscene_create(&built, members_max);
	peal_ringscene_make(&scenes[0], seed, members_count, ring_counts[seed % RING_COUNTS]);
	/* The addresses of generated views and of joiners must differ. */
	for (uint32_t rank = 0; rank < members_count; rank++) {
		scenes[0].members[rank].address.ipv4 &= UINT32_MAX >> 1;
	}
	scenes[0].view.members_sum = peal_view_sum_members(&scenes[0].view);
	scenes[0].view.hash = peal_view_hash(&scenes[0].view);
	peal_ringscene_index(&scenes[0]);
	for (uint32_t i = 0; i < cuts_count; i++) {
		const struct peal_ringscene *parent = &scenes[i % 2U];
		struct peal_ringscene *next = &scenes[(i + 1U) % 2U];
		struct peal_proposal cut;

		draw_cut(&prng, parent, appetite, additions, &cut);
		make_next(parent, &cut, next);
		built.view = next->view;
		peal_ringscene_build(&built);
		assert_equal_topologies(&next->topology, &built.topology);
	}
	peal_ringscene_destroy(&scenes[0]);
	peal_ringscene_destroy(&scenes[1]);
	peal_ringscene_destroy(&built);
	free(additions);
}

static void
prop_rings_next__is_what_would_be_built(void **state)
{
	static const struct appetite appetites[] = {
		{0, 0}, {100, 0}, {0, 100}, {50, 50}, {300, 300}, {990, 240}, {400, 990}};
	uint64_t seed = 0;

	(void)state;
	for (uint16_t members_count = 1; members_count <= 300;
		members_count = (uint16_t)(members_count + (members_count < 40 ? 1 : 13))) {
		for (uint32_t i = 0; i < sizeof(appetites) / sizeof(appetites[0]); i++) {
			for (uint32_t round = 0; round < RING_COUNTS; round++) {
				run_chain(seed++, members_count, members_count + 40U, 12,
					appetites[i]);
			}
		}
	}
}

/* Few members come and go where the rings begin: from a mesh to rings and back. */
static void
prop_rings_next__is_right_where_rings_begin(void **state)
{
	static const uint16_t counts[] = {3, 10, 16};

	(void)state;
	for (uint32_t i = 0; i < RING_COUNTS; i++) {
		for (uint64_t round = 0; round < 30; round++) {
			run_chain(3U * round + i, counts[i], counts[i] + 6U, 60,
				(struct appetite){200, 200});
		}
	}
}

static void
prop_rings_next__is_what_would_be_built_in_large_groups(void **state)
{
	(void)state;
	run_chain(1, 2000, 2400, 8, (struct appetite){1, 1});
	run_chain(2, 2000, 2400, 8, (struct appetite){50, 50});
	run_chain(3, 2000, PEAL_MEMBERS_MAX, 6, (struct appetite){500, 990});
	run_chain(4, 10000, PEAL_MEMBERS_MAX, 4, (struct appetite){0, 0});
	run_chain(5, 10000, PEAL_MEMBERS_MAX, 4, (struct appetite){50, 50});
	run_chain(6, 10000, PEAL_MEMBERS_MAX, 4, (struct appetite){990, 990});
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(prop_rings_next__is_what_would_be_built),
		cmocka_unit_test(prop_rings_next__is_right_where_rings_begin),
		cmocka_unit_test(prop_rings_next__is_what_would_be_built_in_large_groups),
	};

	return cmocka_run_group_tests_name("prop_rings_next", tests, NULL, NULL);
}
