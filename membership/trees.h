/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The dissemination trees of a view: a pure function of it, equal on all nodes; nothing is sent.
 *
 * The members stand in places [0, N): ring-0 order, rotated by hash(cluster, epoch), so that place
 * 0 is elect(purpose 0, attempt 0), the sequencer of joins. Two trees of arity 32 over the places.
 * A node of a tree stands for a run of places; its root is the first place of the run whose parity
 * (place mod 2) is the tree's number (of a run of one: that one). The other places fall into at
 * most 32 runs, one per child: a place in front of the root is a run of its own, those behind it
 * are runs of one, or, when they are too many for that, as many runs as there is room for, of
 * nearly equal length, the longer ones first. So who is an inner node in one tree is a leaf in the
 * other, and what a subtree says is one short bitmap. Bitmaps of both trees use the same places. 10
 * 240 members are three levels below a root. paper: RAPID 8.6 votes; SplitStream for disjoint
 * interiors.
 */
#ifndef PEAL_MEMBERSHIP_TREES_H
#define PEAL_MEMBERSHIP_TREES_H

#include "membership/rings.h"

/* Where a member stands in one tree. Ranks, not places, unless it says so. */
struct peal_tree_place {
	uint16_t parent;                         /* PEAL_RANK_NONE for the root */
	uint8_t ancestors_count;                 /* [0, PEAL_TREE_DEPTH_MAX] */
	uint16_t ancestors[PEAL_TREE_DEPTH_MAX]; /* parent first, root last */
	uint8_t height;                          /* levels below: 0 = leaf */
	uint16_t first;                          /* first place of its run */
	uint16_t count;                          /* places of its run, itself included */
	uint8_t children_count;                  /* [0, PEAL_TREE_ARITY_MAX] */
	uint16_t children[PEAL_TREE_ARITY_MAX];  /* in the order of their runs */
};

/* Fills `place_out` for the member at `rank` in tree `tree`, [0, PEAL_TREES_MAX).
 * O(arity + log N). */
void peal_trees_find(const struct peal_topology *topology, const struct peal_view *view,
	uint32_t tree, uint16_t rank, struct peal_tree_place *place_out);
/* Rank of a place, and place of a rank. O(1). */
uint16_t peal_trees_rank(
	const struct peal_topology *topology, const struct peal_view *view, uint32_t place);
uint16_t peal_trees_place(
	const struct peal_topology *topology, const struct peal_view *view, uint32_t rank);
/* The root of tree `tree`. */
uint16_t peal_trees_root(
	const struct peal_topology *topology, const struct peal_view *view, uint32_t tree);

#endif
