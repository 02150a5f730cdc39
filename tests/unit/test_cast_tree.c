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

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_cast_tree__sends_as_few_copies_as_two_hops_need),
		cmocka_unit_test(test_cast_tree__small_group_by_hand),
		cmocka_unit_test(test_cast_tree__one_member_has_nobody),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
