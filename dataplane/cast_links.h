/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * To whom a member of a large view speaks about broadcasts: its neighbours in the two trees of the
 * view, in either direction (design note 9).
 *
 * A link has an index, [0, count), which is good for one view. Positions of the trees are places
 * of the view. Pure; fields read only for others; one core.
 */
#ifndef PEAL_DATAPLANE_CAST_LINKS_H
#define PEAL_DATAPLANE_CAST_LINKS_H

#include "base/messagelimits.h"
#include "dataplane/cast_tree.h"
#include "membership/trees.h"

struct peal_cast_links {
	uint16_t members_count;
	uint16_t self_place;
	uint16_t count;
	uint16_t ranks[PEAL_CAST_LINKS_MAX];
	uint16_t places[PEAL_CAST_LINKS_MAX];
	uint64_t trees[PEAL_CAST_TREES]; /* links that are neighbours in it */
};

/* The links of the member at `self_rank`. O(fan-out). */
void peal_cast_links_init(struct peal_cast_links *links, const struct peal_topology *topology,
	const struct peal_view *view, uint16_t self_rank);

/* The link to the member at `rank`, or PEAL_CAST_LINKS_MAX: none. */
static inline uint32_t
peal_cast_links_find(const struct peal_cast_links *links, uint16_t rank)
{
	uint32_t link = 0;

	while (link < links->count && links->ranks[link] != rank) {
		link++;
	}
	return link < links->count ? link : PEAL_CAST_LINKS_MAX;
}

/* The link over which `place`, not the own one, is reached in a tree. O(depth + links). */
uint16_t peal_cast_links_towards(
	const struct peal_cast_links *links, uint32_t tree, uint16_t place);

#endif
