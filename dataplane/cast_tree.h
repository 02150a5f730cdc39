/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The two trees of an origin, or of a large view: arithmetic over positions, equal on all nodes;
 * nothing is sent.
 *
 * The members of a view stand in positions [0, N) with the origin at 0 (design note 9); in a large
 * view positions are places, and the trees have no direction. In tree 0
 * the children of p are d p + 1 .. d p + d; tree 1 is the same over the positions backwards, so
 * that who is an inner node in one is a leaf in the other, but for the root. paper: SplitStream for
 * disjoint interiors.
 *
 * Pure; positions in, positions out; O(fan-out).
 */
#ifndef PEAL_DATAPLANE_CAST_TREE_H
#define PEAL_DATAPLANE_CAST_TREE_H

#include "base/limits.h"
#include "base/messagelimits.h"

#include <stdint.h>

#define PEAL_CAST_TREES 2U

/* What a node sends on at most: the least that reaches all in two hops, [2, PEAL_CAST_FAN_OUT_MAX].
 */
uint32_t peal_cast_tree_fan_out(uint32_t members_count);

/* Position of the parent; `position` in [1, members_count). */
uint32_t peal_cast_tree_parent(uint32_t members_count, uint32_t tree, uint32_t position);

/* Fills the children, nearest first. Returns their number. */
uint32_t peal_cast_tree_children(uint32_t members_count, uint32_t tree, uint32_t position,
	uint32_t children_out[PEAL_CAST_FAN_OUT_MAX]);

/* The neighbour of `position` on the way to `target`, another one, in the tree without direction.
 */
uint32_t peal_cast_tree_next(
	uint32_t members_count, uint32_t tree, uint32_t position, uint32_t target);

/* Hops from the origin to `position`. */
uint32_t peal_cast_tree_depth(uint32_t members_count, uint32_t tree, uint32_t position);

#endif
