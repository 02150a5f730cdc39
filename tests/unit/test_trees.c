/* SPDX-License-Identifier: BSD-3-Clause */
#include "membership/trees.h"

#include "tests/lib/cmocka_all.h"
#include "tests/lib/dies.h"
#include "tests/lib/teststore.h"

static struct peal_teststore *store;
static const struct peal_group *group;

static int
setup(void **state)
{
	(void)state;
	store = peal_teststore_create(2000);
	return 0;
}

static int
teardown(void **state)
{
	(void)state;
	peal_teststore_destroy(store);
	return 0;
}

static void
start(uint16_t members_count)
{
	group = peal_teststore_group(store, members_count, 1);
}

static uint16_t
rank_at(uint32_t place)
{
	return peal_trees_rank(&group->topology, &group->view, place);
}

static struct peal_tree_place
find(uint32_t tree, uint32_t place)
{
	struct peal_tree_place found;

	peal_trees_find(&group->topology, &group->view, tree, rank_at(place), &found);
	return found;
}

static void
test_trees__place_zero_is_the_sequencer(void **state)
{
	(void)state;
	start(100);
	assert_int_equal(rank_at(0), peal_rings_elect(&group->topology, &group->view, 0, 0));
	assert_int_equal(rank_at(7), peal_rings_elect(&group->topology, &group->view, 0, 7));
	assert_int_equal(peal_trees_root(&group->topology, &group->view, 0), rank_at(0));
	assert_int_equal(peal_trees_root(&group->topology, &group->view, 1), rank_at(1));
}

static void
test_trees__places_and_ranks_are_inverse(void **state)
{
	(void)state;
	start(100);
	for (uint32_t place = 0; place < 100; place++) {
		assert_int_equal(
			peal_trees_place(&group->topology, &group->view, rank_at(place)), place);
	}
}

static void
test_trees__a_single_member_is_both_roots(void **state)
{
	(void)state;
	start(1);
	for (uint32_t tree = 0; tree < PEAL_TREES_MAX; tree++) {
		struct peal_tree_place found = find(tree, 0);

		assert_int_equal(peal_trees_root(&group->topology, &group->view, tree), 0);
		assert_int_equal(found.parent, PEAL_RANK_NONE);
		assert_int_equal(found.ancestors_count, 0);
		assert_int_equal(found.children_count, 0);
		assert_int_equal(found.height, 0);
		assert_int_equal(found.count, 1);
	}
}

static void
test_trees__small_groups_are_stars_of_two_centres(void **state)
{
	(void)state;
	start(33);
	struct peal_tree_place first = find(0, 0);
	struct peal_tree_place second = find(1, 1);

	assert_int_equal(first.children_count, 32);
	assert_int_equal(second.children_count, 32);
	assert_int_equal(first.height, 1);
	assert_int_equal(second.height, 1);
	for (uint32_t i = 0; i < 32; i++) {
		assert_int_equal(first.children[i], rank_at(i + 1U));
		assert_int_equal(second.children[i], rank_at(i < 1 ? i : i + 1U));
	}
	assert_int_equal(find(1, 0).parent, rank_at(1));
	assert_int_equal(find(1, 0).first, 0);
	assert_int_equal(find(1, 0).count, 1);
}

static void
test_trees__one_more_than_a_star_has_an_inner_node(void **state)
{
	(void)state;
	start(34);
	/* 33 others in 32 runs: the first has two places, 1 and 2; the even one stands for them. */
	assert_int_equal(find(0, 0).children_count, 32);
	assert_int_equal(find(0, 0).height, 2);
	assert_int_equal(find(0, 0).children[0], rank_at(2));
	assert_int_equal(find(0, 2).first, 1);
	assert_int_equal(find(0, 2).count, 2);
	assert_int_equal(find(0, 2).children_count, 1);
	assert_int_equal(find(0, 2).children[0], rank_at(1));
	assert_int_equal(find(0, 1).parent, rank_at(2));
	assert_int_equal(find(0, 1).ancestors_count, 2);
	assert_int_equal(find(0, 1).ancestors[0], rank_at(2));
	assert_int_equal(find(0, 1).ancestors[1], rank_at(0));
	/* In the other tree 0 stands alone, and 2 .. 33 fall into 31 runs: 2 and 3 share one. */
	assert_int_equal(find(1, 1).children_count, 32);
	assert_int_equal(find(1, 1).children[0], rank_at(0));
	assert_int_equal(find(1, 1).children[1], rank_at(3));
	assert_int_equal(find(1, 2).parent, rank_at(3));
	assert_int_equal(find(1, 4).parent, rank_at(1));
}

static void
test_trees__runs_are_of_nearly_equal_length(void **state)
{
	(void)state;
	start(2000);
	uint32_t least = UINT32_MAX;
	uint32_t most = 0;
	struct peal_tree_place root = find(0, 0);

	for (uint32_t i = 0; i < root.children_count; i++) {
		struct peal_tree_place child;

		peal_trees_find(&group->topology, &group->view, 0, root.children[i], &child);
		least = child.count < least ? child.count : least;
		most = child.count > most ? child.count : most;
	}
	/* 1 999 = 32 x 62 + 15 */
	assert_int_equal(least, 62);
	assert_int_equal(most, 63);
}

static void
test_trees__move_with_the_epoch(void **state)
{
	uint32_t moved_count = 0;

	(void)state;
	for (uint64_t epoch = 2; epoch < 12; epoch++) {
		const struct peal_group *one =
			peal_teststore_group_with(store, 100, 1, epoch, PEAL_RINGS_DEFAULT);
		const struct peal_group *two =
			peal_teststore_group_with(store, 100, 1, epoch + 1U, PEAL_RINGS_DEFAULT);

		moved_count += peal_trees_root(&one->topology, &one->view, 0) !=
					       peal_trees_root(&two->topology, &two->view, 0)
				       ? 1U
				       : 0U;
	}
	assert_true(moved_count >= 8);
}

static void
ask_for_a_third_tree(void *argument)
{
	struct peal_tree_place found;

	(void)argument;
	peal_trees_find(&group->topology, &group->view, PEAL_TREES_MAX, 0, &found);
}

static void
ask_for_a_stranger(void *argument)
{
	(void)argument;
	(void)peal_trees_place(&group->topology, &group->view, group->view.members_count);
}

static void
ask_for_a_place_outside(void *argument)
{
	(void)argument;
	(void)rank_at(group->view.members_count);
}

static void
test_trees__refuse_what_is_not_there(void **state)
{
	(void)state;
	start(10);
	assert_true(peal_test_dies(ask_for_a_third_tree, NULL));
	assert_true(peal_test_dies(ask_for_a_stranger, NULL));
	assert_true(peal_test_dies(ask_for_a_place_outside, NULL));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_trees__place_zero_is_the_sequencer),
		cmocka_unit_test(test_trees__places_and_ranks_are_inverse),
		cmocka_unit_test(test_trees__a_single_member_is_both_roots),
		cmocka_unit_test(test_trees__small_groups_are_stars_of_two_centres),
		cmocka_unit_test(test_trees__one_more_than_a_star_has_an_inner_node),
		cmocka_unit_test(test_trees__runs_are_of_nearly_equal_length),
		cmocka_unit_test(test_trees__move_with_the_epoch),
		cmocka_unit_test(test_trees__refuse_what_is_not_there),
	};

	return cmocka_run_group_tests_name("test_trees", tests, setup, teardown);
}
