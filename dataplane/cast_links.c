/* SPDX-License-Identifier: BSD-3-Clause */
#include "dataplane/cast_links.h"

#include "base/assert.h"

static uint32_t
find_place(const struct peal_cast_links *links, uint32_t place)
{
	uint32_t link = 0;

	while (link < links->count && links->places[link] != place) {
		link++;
	}
	return link;
}

static void
add(struct peal_cast_links *links, const struct peal_topology *topology,
	const struct peal_view *view, uint32_t tree, uint32_t place)
{
	uint32_t link = find_place(links, place);

	if (link == links->count) {
		PEAL_ASSERT(links->count < PEAL_CAST_LINKS_MAX);
		links->places[link] = (uint16_t)place;
		links->ranks[link] = peal_trees_rank(topology, view, place);
		links->count++;
	}
	links->trees[tree] |= UINT64_C(1) << link;
}

void
peal_cast_links_init(struct peal_cast_links *links, const struct peal_topology *topology,
	const struct peal_view *view, uint16_t self_rank)
{
	uint32_t count = view->members_count;
	uint16_t place = peal_trees_place(topology, view, self_rank);

	*links =
		(struct peal_cast_links){.members_count = view->members_count, .self_place = place};
	for (uint32_t tree = 0; tree < PEAL_CAST_TREES; tree++) {
		uint32_t children[PEAL_CAST_FAN_OUT_MAX];
		uint32_t children_count = peal_cast_tree_children(count, tree, place, children);

		if (place != 0) {
			add(links, topology, view, tree, peal_cast_tree_parent(count, tree, place));
		}
		for (uint32_t i = 0; i < children_count; i++) {
			add(links, topology, view, tree, children[i]);
		}
	}
}

uint16_t
peal_cast_links_towards(const struct peal_cast_links *links, uint32_t tree, uint16_t place)
{
	uint32_t link = find_place(
		links, peal_cast_tree_next(links->members_count, tree, links->self_place, place));

	PEAL_ASSERT(link < links->count);
	return (uint16_t)link;
}
