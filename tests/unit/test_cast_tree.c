/* SPDX-License-Identifier: BSD-3-Clause */
#include "dataplane/cast_tree.h"

#include "tests/lib/cmocka_all.h"

static void
test_cast_tree__sends_as_few_copies_as_two_hops_need(void **state)
{
	(void)state;
	assert_int_equal(peal_cast_tree_fan_out(1), 2);
	assert_int_equal(peal_cast_tree_fan_out(7), 2);
	assert_int_equal(peal_cast_tree_fan_out(8), 3);
	assert_int_equal(peal_cast_tree_fan_out(16), 4);
	assert_int_equal(peal_cast_tree_fan_out(64), 8);
	assert_int_equal(peal_cast_tree_fan_out(273), 16);
	assert_int_equal(peal_cast_tree_fan_out(274), 16);
	assert_int_equal(peal_cast_tree_fan_out(100000), 16);
}

static void
test_cast_tree__small_group_by_hand(void **state)
{
	uint32_t children[PEAL_CAST_FAN_OUT_MAX];

	(void)state;
	/* Six members, two copies: 0 - 1 2, 1 - 3 4, 2 - 5; and backwards. */
	assert_int_equal(peal_cast_tree_children(6, 0, 0, children), 2);
	assert_int_equal(children[0], 1);
	assert_int_equal(children[1], 2);
	assert_int_equal(peal_cast_tree_children(6, 0, 2, children), 1);
	assert_int_equal(children[0], 5);
	assert_int_equal(peal_cast_tree_children(6, 0, 3, children), 0);
	assert_int_equal(peal_cast_tree_children(6, 1, 0, children), 2);
	assert_int_equal(children[0], 5);
	assert_int_equal(children[1], 4);
	assert_int_equal(peal_cast_tree_children(6, 1, 4, children), 1);
	assert_int_equal(children[0], 1);
	assert_int_equal(peal_cast_tree_parent(6, 0, 5), 2);
	assert_int_equal(peal_cast_tree_parent(6, 1, 1), 4);
	assert_int_equal(peal_cast_tree_depth(6, 0, 0), 0);
	assert_int_equal(peal_cast_tree_depth(6, 0, 5), 2);
}

static void
test_cast_tree__one_member_has_nobody(void **state)
{
	uint32_t children[PEAL_CAST_FAN_OUT_MAX];

	(void)state;
	for (uint32_t tree = 0; tree < PEAL_CAST_TREES; tree++) {
		assert_int_equal(peal_cast_tree_children(1, tree, 0, children), 0);
	}
}

/* Step by step every member is reached from every other one, over links of the tree only. */
static void
test_cast_tree__the_next_hop_leads_to_the_target(void **state)
{
	enum { COUNT = 83 };

	(void)state;
	assert_int_equal(peal_cast_tree_next(6, 0, 5, 3), 2);
	assert_int_equal(peal_cast_tree_next(6, 0, 2, 3), 0);
	assert_int_equal(peal_cast_tree_next(6, 0, 0, 3), 1);
	assert_int_equal(peal_cast_tree_next(6, 0, 1, 3), 3);
	assert_int_equal(peal_cast_tree_next(6, 1, 0, 1), 4);
	for (uint32_t i = 0; i < PEAL_CAST_TREES * COUNT * COUNT; i++) {
		uint32_t tree = i % PEAL_CAST_TREES;
		uint32_t at = i / PEAL_CAST_TREES % COUNT;
		uint32_t target = i / PEAL_CAST_TREES / COUNT;
		uint32_t hops = 0;

		while (at != target) {
			uint32_t next = peal_cast_tree_next(COUNT, tree, at, target);

			assert_true((at != 0 && peal_cast_tree_parent(COUNT, tree, at) == next) ||
				    peal_cast_tree_parent(COUNT, tree, next) == at);
			at = next;
			hops++;
		}
		assert_in_range(hops, 0, 4);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_cast_tree__sends_as_few_copies_as_two_hops_need),
		cmocka_unit_test(test_cast_tree__small_group_by_hand),
		cmocka_unit_test(test_cast_tree__one_member_has_nobody),
		cmocka_unit_test(test_cast_tree__the_next_hop_leads_to_the_target),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
