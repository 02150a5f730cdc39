/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Broadcast trees of every size up to 1 100 and of some large ones: each is a tree over all
 * members, no member is an inner node of both, and none has more children than it may. Prints
 * depth, fan-out and links per member, as they are in a view in which all origins share two trees.
 */
#include "dataplane/cast_tree.h"

#include "tests/lib/cmocka_all.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#define SIZE_MAX_CHECKED 100000U

static uint8_t inner_in[SIZE_MAX_CHECKED]; /* bit t: passes on in tree t */
static uint8_t links[SIZE_MAX_CHECKED]; /* neighbours in both trees, counted twice when in both */
static uint32_t parent_of[SIZE_MAX_CHECKED];

struct shape {
	uint32_t depth;
	uint32_t fan_out;
	uint32_t links_max;
	double links_mean;
};

/* Parents as the children lists say; each member but the origin is in exactly one. */
static void
read_tree(uint32_t members_count, uint32_t tree, struct shape *shape)
{
	uint32_t children[PEAL_CAST_FAN_OUT_MAX];
	uint32_t placed_count = 0;

	memset(parent_of, 0xff, sizeof(parent_of[0]) * members_count);
	for (uint32_t position = 0; position < members_count; position++) {
		uint32_t count = peal_cast_tree_children(members_count, tree, position, children);

		shape->fan_out = count > shape->fan_out ? count : shape->fan_out;
		inner_in[position] |= count > 0 ? (uint8_t)(1U << tree) : 0;
		links[position] = (uint8_t)(links[position] + count);
		placed_count += count;
		for (uint32_t i = 0; i < count; i++) {
			assert_true(children[i] < members_count);
			assert_int_equal(parent_of[children[i]], UINT32_MAX);
			parent_of[children[i]] = position;
			links[children[i]]++;
		}
	}
	assert_int_equal(placed_count, members_count - 1U);
	assert_int_equal(parent_of[0], UINT32_MAX);
	for (uint32_t position = 1; position < members_count; position++) {
		uint32_t depth = peal_cast_tree_depth(members_count, tree, position);

		assert_int_equal(
			parent_of[position], peal_cast_tree_parent(members_count, tree, position));
		shape->depth = depth > shape->depth ? depth : shape->depth;
	}
}

static struct shape
check_size(uint32_t members_count)
{
	struct shape shape = {0};
	uint64_t links_count = 0;

	memset(inner_in, 0, members_count);
	memset(links, 0, members_count);
	for (uint32_t tree = 0; tree < PEAL_CAST_TREES; tree++) {
		read_tree(members_count, tree, &shape);
	}
	for (uint32_t position = 0; position < members_count; position++) {
		assert_true(position == 0 || inner_in[position] != 3U);
		/* One parent in each tree, and children in one of them. */
		assert_true(position == 0 || links[position] <= PEAL_CAST_FAN_OUT_MAX + 2U);
		shape.links_max =
			links[position] > shape.links_max ? links[position] : shape.links_max;
		links_count += links[position];
	}
	shape.links_mean = (double)links_count / members_count;
	assert_true(shape.fan_out <= peal_cast_tree_fan_out(members_count));
	assert_true(shape.fan_out <= PEAL_CAST_FAN_OUT_MAX);
	return shape;
}

static void
test_cast_tree__every_size_is_two_trees_with_disjoint_interiors(void **state)
{
	(void)state;
	for (uint32_t members_count = 1; members_count <= 1100; members_count++) {
		struct shape shape = check_size(members_count);

		assert_true(members_count > 273U || shape.depth <= 2);
	}
}

static void
test_cast_tree__shapes_of_large_groups(void **state)
{
	static const uint32_t sizes[] = {16, 64, 100, 1000, 10000, 100000};
	static const uint32_t depths[] = {2, 2, 2, 3, 4, 5};

	(void)state;
	for (uint32_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		struct shape shape = check_size(sizes[i]);

		print_message("# %u members: depth %u, fan-out %u, links %u at most, %.2f mean\n",
			sizes[i], shape.depth, shape.fan_out, shape.links_max, shape.links_mean);
		assert_int_equal(shape.depth, depths[i]);
		/* The origin is the root of both; no other member is in the middle twice. */
		assert_true(shape.links_max <= 2U * PEAL_CAST_FAN_OUT_MAX);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_cast_tree__every_size_is_two_trees_with_disjoint_interiors),
		cmocka_unit_test(test_cast_tree__shapes_of_large_groups),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
