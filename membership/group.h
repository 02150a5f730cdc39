/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A view together with all that follows from it: an immutable value with one owner at a time
 * counted.
 *
 * Members are many and views change one cut at a time, so a group is made once, from its
 * predecessor, and shared by everybody in the process who needs it: the control half, the tables of
 * the core, and in a simulation all nodes that installed the same view. Who keeps a pointer across
 * calls retains it.
 */
#ifndef PEAL_MEMBERSHIP_GROUP_H
#define PEAL_MEMBERSHIP_GROUP_H

#include "membership/rings.h"
#include "wire/proposal.h"
#include "wire/view.h"

struct peal_group {
	struct peal_view view;
	struct peal_topology topology;
	/* Of the cut that made it; 0 = not known: founder, or known as a snapshot only. */
	struct peal_hash128 cut_digest;
	uint32_t users_count; /* private to the store */
};

/*
 * Where groups come from. All functions are called from the control thread. Those that return a
 * group return it retained, or NULL: no room now (next, create), or not a valid view (decode).
 */
struct peal_groups {
	void *state;
	/* Members of the largest view that there is room for; 0 = any. The same on all nodes, or
	 * who has less room cannot follow: control tells joiners and stops batches there. */
	uint16_t members_max;
	/* The first view of a cluster: `founder` alone, epoch 1. */
	const struct peal_group *(*create)(void *state, struct peal_uuid cluster,
		uint8_t rings_count, const struct peal_member *founder);
	/*
	 * What `cut`, valid against `parent` (membership/nextview.h), makes of it. `cut_digest` is
	 * the cut's, as its body knows it: a group that was made already is found by it, in O(1).
	 */
	const struct peal_group *(*next)(void *state, const struct peal_group *parent,
		const struct peal_proposal *cut, struct peal_hash128 cut_digest);
	/* From the bytes of a snapshot. */
	const struct peal_group *(*decode)(void *state, const uint8_t *bytes, uint32_t size);
	void (*retain)(void *state, const struct peal_group *group);
	void (*release)(void *state, const struct peal_group *group);
};

#endif
