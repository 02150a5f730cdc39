/* SPDX-License-Identifier: BSD-3-Clause */
#include "dataplane/cast_tree.h"

#include "base/assert.h"

uint32_t
peal_cast_tree_fan_out(uint32_t members_count)
{
	uint32_t fan_out = 2;

	while (fan_out < PEAL_CAST_FAN_OUT_MAX &&
		fan_out * fan_out + fan_out + 1U < members_count) {
		fan_out++;
	}
	return fan_out;
}

/* Its own inverse: positions of tree 1 as those of tree 0, and back. */
static uint32_t
turn(uint32_t members_count, uint32_t tree, uint32_t position)
{
	return tree == 0 || position == 0 ? position : members_count - position;
}

uint32_t
peal_cast_tree_parent(uint32_t members_count, uint32_t tree, uint32_t position)
{
	PEAL_ASSERT(position >= 1 && position < members_count);
	return turn(members_count, tree,
		(turn(members_count, tree, position) - 1U) / peal_cast_tree_fan_out(members_count));
}

uint32_t
peal_cast_tree_children(uint32_t members_count, uint32_t tree, uint32_t position,
	uint32_t children_out[PEAL_CAST_FAN_OUT_MAX])
{
	uint32_t fan_out = peal_cast_tree_fan_out(members_count);
	uint64_t first = (uint64_t)turn(members_count, tree, position) * fan_out + 1U;
	uint32_t count = 0;

	PEAL_ASSERT(position < members_count);
	while (count < fan_out && first + count < members_count) {
		children_out[count] = turn(members_count, tree, (uint32_t)(first + count));
		count++;
	}
	return count;
}

uint32_t
peal_cast_tree_next(uint32_t members_count, uint32_t tree, uint32_t position, uint32_t target)
{
	PEAL_ASSERT(position < members_count && target < members_count);
	PEAL_ASSERT(position != target);
	while (target != 0) {
		uint32_t parent = peal_cast_tree_parent(members_count, tree, target);

		if (parent == position) {
			return target;
		}
		target = parent;
	}
	return peal_cast_tree_parent(members_count, tree, position);
}

uint32_t
peal_cast_tree_depth(uint32_t members_count, uint32_t tree, uint32_t position)
{
	uint32_t depth = 0;

	while (position != 0) {
		position = peal_cast_tree_parent(members_count, tree, position);
		depth++;
	}
	return depth;
}
