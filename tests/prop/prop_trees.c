/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Trees of every size: what each member is told about itself is one tree, seen from everywhere.
 */
#include "membership/trees.h"

#include "tests/lib/cmocka_all.h"
#include "tests/lib/teststore.h"

#include <stdlib.h>

static struct peal_teststore *store;
/* Of the trees of one view, by tree and rank. */
static struct peal_tree_place places[PEAL_TREES_MAX][PEAL_MEMBERS_MAX];

static int
setup(void **state)
{
	(void)state;
	store = peal_teststore_create(PEAL_MEMBERS_MAX);
	return 0;
}

static int
teardown(void **state)
{
	(void)state;
	peal_teststore_destroy(store);
	return 0;
}

/* Both trees of a group that is released again. */
static const struct peal_group *
find_all(uint16_t members_count, uint64_t seed)
{
	const struct peal_group *group = peal_teststore_group(store, members_count, seed);

	for (uint32_t tree = 0; tree < PEAL_TREES_MAX; tree++) {
		for (uint16_t rank = 0; rank < members_count; rank++) {
			peal_trees_find(
				&group->topology, &group->view, tree, rank, &places[tree][rank]);
		}
	}
	return group;
}

/* Every child says that this member is its parent, and their runs and the member are its run. */
static void
assert_children(const struct peal_group *group, uint32_t tree, uint16_t rank)
{
	const struct peal_tree_place *place = &places[tree][rank];
	uint32_t own = peal_trees_place(&group->topology, &group->view, rank);
	uint32_t next = place->first;
	uint32_t height = 0;

	for (uint32_t i = 0; i < place->children_count; i++) {
		const struct peal_tree_place *child = &places[tree][place->children[i]];

		next += next == own ? 1U : 0U;
		assert_int_equal(child->parent, rank);
		assert_int_equal(child->first, next);
		next += child->count;
		height = child->height + 1U > height ? child->height + 1U : height;
	}
	next += next == own ? 1U : 0U;
	assert_int_equal(next, place->first + place->count);
	assert_int_equal(place->height, height);
}

/* The ancestors are the parent, its parent, and so on up to the root. */
static void
assert_ancestors(uint32_t tree, uint16_t rank, uint16_t root)
{
	const struct peal_tree_place *place = &places[tree][rank];
	uint16_t above = rank;

	for (uint32_t i = 0; i < place->ancestors_count; i++) {
		above = places[tree][above].parent;
		assert_int_equal(place->ancestors[i], above);
	}
	assert_int_equal(above, root);
	assert_int_equal(places[tree][above].parent, PEAL_RANK_NONE);
}

static void
assert_tree(const struct peal_group *group, uint32_t tree)
{
	uint16_t count = group->view.members_count;
	uint16_t root = peal_trees_root(&group->topology, &group->view, tree);
	struct peal_bitset children = {0};

	assert_int_equal(places[tree][root].first, 0);
	assert_int_equal(places[tree][root].count, count);
	for (uint16_t rank = 0; rank < count; rank++) {
		const struct peal_tree_place *place = &places[tree][rank];

		assert_true(place->children_count <= PEAL_TREE_ARITY_MAX);
		assert_int_equal(place->height == 0, place->children_count == 0);
		for (uint32_t i = 0; i < place->children_count; i++) {
			assert_false(peal_bitset_has(&children, place->children[i]));
			peal_bitset_add(&children, place->children[i]);
		}
		assert_children(group, tree, rank);
		assert_ancestors(tree, rank, root);
	}
	/* Everybody but the root is the child of one. */
	assert_int_equal(peal_bitset_count(&children), count - 1U);
	assert_false(peal_bitset_has(&children, root));
}

static void
assert_disjoint_interiors(const struct peal_group *group)
{
	for (uint16_t rank = 0; rank < group->view.members_count; rank++) {
		assert_true(places[0][rank].height == 0 || places[1][rank].height == 0);
	}
}

static void
check(uint16_t members_count, uint64_t seed)
{
	const struct peal_group *group = find_all(members_count, seed);

	for (uint32_t place = 0; place < members_count; place++) {
		uint16_t rank = peal_trees_rank(&group->topology, &group->view, place);

		assert_int_equal(peal_trees_place(&group->topology, &group->view, rank), place);
	}
	for (uint32_t tree = 0; tree < PEAL_TREES_MAX; tree++) {
		assert_tree(group, tree);
	}
	assert_disjoint_interiors(group);
	store->groups.release(store->groups.state, group);
}

static void
prop_trees__are_trees_for_every_size(void **state)
{
	(void)state;
	for (uint16_t members_count = 1; members_count <= 1200; members_count++) {
		check(members_count, members_count);
	}
}

static void
prop_trees__are_trees_for_large_sizes(void **state)
{
	(void)state;
	for (uint32_t members_count = 1201; members_count <= PEAL_MEMBERS_MAX;
		members_count += 487) {
		check((uint16_t)members_count, 1);
	}
}

static void
prop_trees__are_as_deep_as_they_must_be(void **state)
{
	static const struct {
		uint16_t members_count;
		uint8_t height;
	} sizes[] = {{2, 1}, {33, 1}, {65, 2}, {100, 2}, {1000, 2}, {2145, 3}, {10000, 3},
		{PEAL_MEMBERS_MAX, 3}};

	(void)state;
	for (uint32_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		const struct peal_group *group;

		check(sizes[i].members_count, i);
		group = find_all(sizes[i].members_count, i);
		for (uint32_t tree = 0; tree < PEAL_TREES_MAX; tree++) {
			uint16_t root = peal_trees_root(&group->topology, &group->view, tree);

			assert_int_equal(places[tree][root].height, sizes[i].height);
		}
		store->groups.release(store->groups.state, group);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(prop_trees__are_trees_for_every_size),
		cmocka_unit_test(prop_trees__are_trees_for_large_sizes),
		cmocka_unit_test(prop_trees__are_as_deep_as_they_must_be),
	};

	return cmocka_run_group_tests_name("prop_trees", tests, setup, teardown);
}
