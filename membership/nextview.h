/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * From a view and a decided cut to the following view; and whether a cut may be decided at all.
 *
 * Thread: any; pure functions of their arguments.
 */
#ifndef PEAL_MEMBERSHIP_NEXTVIEW_H
#define PEAL_MEMBERSHIP_NEXTVIEW_H

#include "wire/proposal.h"
#include "wire/view.h"

/* Why a proposal is not valid against a view. 0 = valid. */
enum peal_invalid {
	PEAL_VALID = 0,
	PEAL_INVALID_PARENT,     /* another epoch or hash */
	PEAL_INVALID_REMOVAL,    /* a rank outside the view */
	PEAL_INVALID_ADDITION,   /* uuid a member or none, not in uuid order, mid not 0 */
	PEAL_INVALID_ADDRESS,    /* held by a member that stays, or twice, or of the form that the
				    group has not */
	PEAL_INVALID_SIZE,       /* nobody stays, too many, or member numbers used up */
	PEAL_INVALID_METADATA,   /* all together would have more than a view may have */
	PEAL_INVALID_ORDERGROUP, /* not valid, names somebody who is no member or goes, a generation
				    that does not follow, or no room in the table */
};

/* Bytes of metadata that all members would have together. Removals are within the view. O(changes).
 */
uint32_t peal_nextview_metadata_size(
	const struct peal_view *view, const struct peal_proposal *proposal);

/* The same, one by one: `size` before, and a joiner with `added_size` comes in place of the member
 * at `replaced`, or PEAL_RANK_NONE. */
uint32_t peal_nextview_metadata_after(
	const struct peal_view *view, uint32_t size, uint16_t replaced, uint32_t added_size);

/*
 * Whether a cut that removes `removals` may create `group` in `view`: with generation 1 while there
 * is none with this id and fewer than PEAL_ORDERGROUPS_MAX others, else with the next generation.
 * All its ranks are members that stay. O(ranks log N).
 */
bool peal_nextview_may_create(const struct peal_view *view, const struct peal_bitset *removals,
	const struct peal_ordergroup *group);

/* A proposal that changes nobody is valid: it only ends an epoch whose reports are stale.
 * Checks everything that does not depend on weights or tombstones. O(additions) and two passes over
 * a set when the view has an index, else O(N * additions). 32 KiB of stack. */
enum peal_invalid peal_nextview_validate(
	const struct peal_view *view, const struct peal_proposal *proposal);

/*
 * Applies a valid proposal: epoch + 1, removals out, additions appended in canonical order with the
 * next member numbers, tie unit to the senior, the order group into the table, sum and hash. The
 * index of `next_out` is NULL.
 * Asserts validity; the caller has validated.
 * @param members_out  [at least the members that stay and the additions]; next_out->members. Their
 *                     metadata stays where it is: with `view`, and with `proposal`
 * @param ordergroups_out  [PEAL_ORDERGROUPS_MAX]; next_out->ordergroups. May be NULL when neither
 *                     `view` nor `proposal` has one
 * O(N) to copy, O(changes) to hash.
 */
void peal_nextview_apply(const struct peal_view *view, const struct peal_proposal *proposal,
	struct peal_member *members_out, struct peal_ordergroup *ordergroups_out,
	struct peal_view *next_out);

/* The first view of a cluster: one member, epoch 1, member number 1. `members_out`: [1]. */
void peal_nextview_create(struct peal_uuid cluster, uint8_t rings_count,
	const struct peal_member *founder, struct peal_member *members_out,
	struct peal_view *view_out);

#endif
