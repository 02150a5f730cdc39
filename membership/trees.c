/* SPDX-License-Identifier: BSD-3-Clause */
#include "membership/trees.h"

#include "base/assert.h"

/* A run of places, [first, first + count). */
struct run {
	uint32_t first;
	uint32_t count; /* >= 1 */
};

/* How the places of a run other than its root fall into runs: `lone` of one place in front of the
 * root, then `count` runs from `first` on, the first `longer_count` of them of size + 1, the others
 * of size. */
struct split {
	uint32_t lone_count; /* 0 or 1 */
	uint32_t first;
	uint32_t count;
	uint32_t size;
	uint32_t longer_count;
};

/* The place of a run that stands for it. */
static uint32_t
root_of(struct run run, uint32_t tree)
{
	return run.count > 1 && run.first % 2U != tree ? run.first + 1U : run.first;
}

static struct split
split_run(struct run run, uint32_t tree)
{
	uint32_t root = root_of(run, tree);
	uint32_t behind_count = run.first + run.count - root - 1U;
	struct split split = {.lone_count = root - run.first, .first = root + 1U};

	split.count = PEAL_TREE_ARITY_MAX - split.lone_count;
	if (behind_count < split.count) {
		split.count = behind_count;
	}
	if (split.count > 0) {
		split.size = behind_count / split.count;
		split.longer_count = behind_count % split.count;
	}
	return split;
}

/* Run of child `index` of those behind the root. */
static struct run
child_run(const struct split *split, uint32_t index)
{
	uint32_t longer_count = index < split->longer_count ? index : split->longer_count;

	return (struct run){.first = split->first + index * split->size + longer_count,
		.count = split->size + (index < split->longer_count ? 1U : 0U)};
}

/* The child's run that `place`, of `run` and not its root, is in. */
static struct run
descend(struct run run, uint32_t tree, uint32_t place)
{
	struct split split = split_run(run, tree);
	uint32_t offset;
	uint32_t longer_places;

	if (place < split.first) {
		PEAL_ASSERT(split.lone_count == 1);
		PEAL_ASSERT(place == run.first);
		return (struct run){.first = place, .count = 1};
	}
	PEAL_ASSERT(split.count > 0);
	offset = place - split.first;
	longer_places = split.longer_count * (split.size + 1U);
	return child_run(
		&split, offset < longer_places
				? offset / (split.size + 1U)
				: split.longer_count + (offset - longer_places) / split.size);
}

/*
 * Levels below the root of a run. They depend on its length and the parity of its first place only,
 * so of the longer and of the shorter children the first two stand for all. Ends: a level divides
 * the length by 31 at least.
 */
static uint8_t
height_of(struct run run, uint32_t tree)
{
	struct split split = split_run(run, tree);
	uint32_t candidates[4] = {0, 1, split.longer_count, split.longer_count + 1U};
	uint8_t height = 0;

	if (run.count == 1) {
		return 0;
	}
	for (uint32_t i = 0; i < 4; i++) {
		if (candidates[i] < split.count) {
			uint8_t below = height_of(child_run(&split, candidates[i]), tree);

			height = below > height ? below : height;
		}
	}
	return (uint8_t)(height + 1U);
}

uint16_t
peal_trees_rank(const struct peal_topology *topology, const struct peal_view *view, uint32_t place)
{
	uint32_t count = topology->members_count;
	uint32_t ring_place = topology->election_start + place;

	PEAL_ASSERT(view->members_count == count);
	PEAL_ASSERT(place < count);
	return topology->ring_ranks[ring_place < count ? ring_place : ring_place - count];
}

uint16_t
peal_trees_place(const struct peal_topology *topology, const struct peal_view *view, uint32_t rank)
{
	uint32_t count = topology->members_count;
	uint32_t ring_place;

	PEAL_ASSERT(view->members_count == count);
	PEAL_ASSERT(rank < count);
	ring_place = topology->ring_places[rank];
	return (uint16_t)(ring_place >= topology->election_start
				  ? ring_place - topology->election_start
				  : ring_place + count - topology->election_start);
}

uint16_t
peal_trees_root(const struct peal_topology *topology, const struct peal_view *view, uint32_t tree)
{
	struct run all = {.first = 0, .count = view->members_count};

	PEAL_ASSERT(tree < PEAL_TREES_MAX);
	return peal_trees_rank(topology, view, root_of(all, tree));
}

void
peal_trees_find(const struct peal_topology *topology, const struct peal_view *view, uint32_t tree,
	uint16_t rank, struct peal_tree_place *place_out)
{
	uint32_t place = peal_trees_place(topology, view, rank);
	struct run run = {.first = 0, .count = view->members_count};
	uint16_t path[PEAL_TREE_DEPTH_MAX];
	uint32_t depth = 0;

	PEAL_ASSERT(tree < PEAL_TREES_MAX);

	for (; root_of(run, tree) != place; run = descend(run, tree, place)) {
		PEAL_ASSERT(depth < PEAL_TREE_DEPTH_MAX);
		path[depth++] = peal_trees_rank(topology, view, root_of(run, tree));
	}

	struct split split = split_run(run, tree);

	*place_out = (struct peal_tree_place){
		.parent = depth > 0 ? path[depth - 1U] : PEAL_RANK_NONE,
		.ancestors_count = (uint8_t)depth,
		.height = height_of(run, tree),
		.first = (uint16_t)run.first,
		.count = (uint16_t)run.count,
	};
	for (uint32_t i = 0; i < depth; i++) {
		place_out->ancestors[i] = path[depth - 1U - i];
	}
	if (split.lone_count > 0) {
		place_out->children[place_out->children_count++] =
			peal_trees_rank(topology, view, run.first);
	}
	for (uint32_t i = 0; i < split.count; i++) {
		PEAL_ASSERT(place_out->children_count < PEAL_TREE_ARITY_MAX);
		place_out->children[place_out->children_count++] =
			peal_trees_rank(topology, view, root_of(child_run(&split, i), tree));
	}
}
