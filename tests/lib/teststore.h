/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Stores of groups and bodies on the heap, and groups of any size.
 */
#ifndef PEAL_TESTS_LIB_TESTSTORE_H
#define PEAL_TESTS_LIB_TESTSTORE_H

#include "membership/bodies.h"
#include "membership/group.h"

/* Epoch and port of the groups of peal_teststore_group. */
#define PEAL_TESTSTORE_EPOCH 7U
#define PEAL_TESTSTORE_PORT  4100U

struct peal_teststore {
	struct peal_groups groups;
	struct peal_bodies bodies;
	uint32_t members_max;
	void *groups_memory;
	void *bodies_memory;
};

/* Room for 32 groups of at most `members_max` members, 32 large bodies and 256 small ones; memory
 * that is not used is not touched. */
struct peal_teststore *peal_teststore_create(uint32_t members_max);
/* Everything that came from the store ends here, released or not. */
void peal_teststore_destroy(struct peal_teststore *store);

/*
 * A group of `members_count` members: epoch PEAL_TESTSTORE_EPOCH, PEAL_RINGS_DEFAULT rings, and for
 * the member at rank r: mid r + 1, address 10.x.y.z:4100 with x.y.z = r + 1 and a MAC of its own,
 * uuid by `seed` and r, one shard, no metadata. Retained for the caller, who may leave that to
 * destroy; the same arguments give the same group.
 */
const struct peal_group *peal_teststore_group(
	struct peal_teststore *store, uint16_t members_count, uint64_t seed);
/* Same with another epoch, [2, ..), and number of rings. */
const struct peal_group *peal_teststore_group_with(struct peal_teststore *store,
	uint16_t members_count, uint64_t seed, uint64_t epoch, uint8_t rings_count);
/* The group of a view that a test made itself; retained. Asserts that it is valid. */
const struct peal_group *peal_teststore_hold(
	struct peal_teststore *store, const struct peal_view *view);
/* The group after `cut`, with its digest; retained. */
const struct peal_group *peal_teststore_next(struct peal_teststore *store,
	const struct peal_group *parent, const struct peal_proposal *cut);

/* The record of a joiner: mid 0, uuid by `seed` and `index`, address 10.x.y.z:4100 with
 * x.y.z = index + 1. */
struct peal_member peal_teststore_joiner(uint64_t seed, uint32_t index);

#endif
