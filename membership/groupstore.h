/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A bounded store of groups in memory of the caller: the usual implementation of struct
 * peal_groups.
 *
 * Equal views are one group: asked for the successor of a parent by a cut that it has made already,
 * or for a snapshot of a view that it holds, it retains what is there. In a simulation one store
 * serves all nodes, so ten thousand members share one copy of each view. A group that nobody uses
 * any more is kept until its place is needed, which is when the store is full of others or when
 * PEAL_GROUPSTORE_SPARES of them wait; then the one released first goes. So a member that comes
 * late finds what the others made, and memory that no group needed yet is not touched. NULL means
 * that all places are in use.
 * Metadata stands in areas that groups share: a successor adds that of the additions to the area of
 * its parent, behind what is there, so that the records of those who stay are copied as they are.
 * When more than half of what an area holds would be of members that are gone, the successor takes
 * a new one and copies all. So an area holds at most twice what a group needs and
 * PEAL_GROUPSTORE_SLACK_SIZE, and a byte is copied once for each one added, on average.
 * Looking for a group passes over one word of each place ever used;
 * making one costs what the cut changes, see membership/rings.h, and O(N) to copy. Plain struct;
 * one thread; no allocation after init.
 */
#ifndef PEAL_MEMBERSHIP_GROUPSTORE_H
#define PEAL_MEMBERSHIP_GROUPSTORE_H

#include "membership/group.h"

/* Released groups that are kept before their memory serves again. */
#define PEAL_GROUPSTORE_SPARES 2U

/* Bytes of metadata of members that are gone which no group minds. */
#define PEAL_GROUPSTORE_SLACK_SIZE 16384U

struct peal_groupstore;

/* Bytes for `groups_count` groups, at least 1, of at most `members_max` members,
 * [1, PEAL_MEMBERS_MAX]: 5 MiB each for the largest ones; ten rings without metadata touch a third
 * of it. */
size_t peal_groupstore_footprint(uint32_t members_max, uint32_t groups_count);
/* `memory` is 64-byte aligned, zeroed, peal_groupstore_footprint() long, and outlives the store. */
struct peal_groupstore *peal_groupstore_init(
	void *memory, uint32_t members_max, uint32_t groups_count);
/* The store as others see it. */
struct peal_groups peal_groupstore_groups(struct peal_groupstore *store);
/* Groups in use, for tests and counters. */
uint32_t peal_groupstore_count(const struct peal_groupstore *store);

#endif
