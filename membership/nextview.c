/* SPDX-License-Identifier: BSD-3-Clause */
#include "membership/nextview.h"

/* Frames carry the low half of a member number. */
#define MID_END (UINT64_C(1) << 31)

/* The addition at `index` against the view and against the additions before it. */
static enum peal_invalid
validate_addition(
	const struct peal_view *view, const struct peal_proposal *proposal, uint32_t index)
{
	const struct peal_member *joiner = &proposal->additions[index];

	PEAL_ASSERT(index < proposal->additions_count);
	PEAL_ASSERT(proposal->additions_count <= PEAL_ADDITIONS_MAX);

	if (joiner->mid != 0 || peal_uuid_is_none(joiner->uuid)) {
		return PEAL_INVALID_ADDITION;
	}
	/* paper: RAPID 3, an identity never returns, not even in the cut that ends it. */
	if (peal_view_find_uuid(view, joiner->uuid) != PEAL_RANK_NONE) {
		return PEAL_INVALID_ADDITION;
	}
	/* Strictly ascending: canonical, and no uuid twice. */
	if (index > 0 &&
		peal_uuid_compare(proposal->additions[index - 1U].uuid, joiner->uuid) >= 0) {
		return PEAL_INVALID_ADDITION;
	}

	for (uint32_t rank = 0; rank < view->members_count; rank++) {
		if (!peal_bitset_has(&proposal->removals, rank) &&
			peal_address_equals(&view->members[rank].address, &joiner->address)) {
			return PEAL_INVALID_ADDRESS;
		}
	}
	for (uint32_t before = 0; before < index; before++) {
		if (peal_address_equals(&proposal->additions[before].address, &joiner->address)) {
			return PEAL_INVALID_ADDRESS;
		}
	}
	return PEAL_VALID;
}

enum peal_invalid
peal_nextview_validate(const struct peal_view *view, const struct peal_proposal *proposal)
{
	PEAL_ASSERT(view->members_count >= 1);
	PEAL_ASSERT(view->members_count <= PEAL_MEMBERS_MAX);

	/* paper: RAPID 4.3, agreement is on the successor of one configuration and no other. */
	if (proposal->parent_epoch != view->epoch ||
		!peal_hash128_equals(proposal->parent_hash, view->hash)) {
		return PEAL_INVALID_PARENT;
	}
	if (!peal_bitset_is_within(&proposal->removals, view->members_count)) {
		return PEAL_INVALID_REMOVAL;
	}

	uint32_t staying_count = view->members_count - peal_bitset_count(&proposal->removals);

	/* A joiner cannot carry the group on: it does not know it yet. */
	if (staying_count == 0 || proposal->additions_count > PEAL_ADDITIONS_MAX) {
		return PEAL_INVALID_SIZE;
	}
	if (staying_count + proposal->additions_count > PEAL_MEMBERS_MAX ||
		view->next_mid + proposal->additions_count > MID_END) {
		return PEAL_INVALID_SIZE;
	}

	for (uint32_t index = 0; index < proposal->additions_count; index++) {
		enum peal_invalid invalid = validate_addition(view, proposal, index);

		if (invalid != PEAL_VALID) {
			return invalid;
		}
	}
	return PEAL_VALID;
}

void
peal_nextview_apply(const struct peal_view *view, const struct peal_proposal *proposal,
	struct peal_view *next_out)
{
	PEAL_ASSERT(next_out != view);
	PEAL_ASSERT(peal_nextview_validate(view, proposal) == PEAL_VALID);

	*next_out = (struct peal_view){
		.cluster = view->cluster,
		.epoch = view->epoch + 1U,
		.next_mid = view->next_mid,
		.parent_hash = view->hash,
		.rings_count = view->rings_count,
	};
	/* Removal keeps the order of the others: seniority is what applications elect by. */
	for (uint32_t rank = 0; rank < view->members_count; rank++) {
		if (!peal_bitset_has(&proposal->removals, rank)) {
			next_out->members[next_out->members_count++] = view->members[rank];
		}
	}
	/* All nodes apply the same order of additions, so they give out the same numbers. */
	for (uint32_t index = 0; index < proposal->additions_count; index++) {
		struct peal_member *member = &next_out->members[next_out->members_count++];

		*member = proposal->additions[index];
		member->mid = next_out->next_mid++;
	}
	/* The tie unit is the senior's, of this view and not of the one before. */
	next_out->tie_mid = next_out->members[0].mid;
	next_out->hash = peal_view_compute_hash(next_out);
	peal_view_check(next_out);

	PEAL_ASSERT(next_out->epoch > view->epoch);
	PEAL_ASSERT(!peal_hash128_equals(next_out->hash, view->hash));
}

void
peal_nextview_create(struct peal_uuid cluster, uint8_t rings_count,
	const struct peal_member *founder, struct peal_view *view_out)
{
	PEAL_ASSERT(!peal_uuid_is_none(cluster));
	PEAL_ASSERT(!peal_uuid_is_none(founder->uuid));
	PEAL_ASSERT(rings_count <= PEAL_RINGS_MAX);

	*view_out = (struct peal_view){
		.cluster = cluster,
		.epoch = 1,
		.next_mid = 2,
		.tie_mid = 1,
		.rings_count = rings_count,
		.members_count = 1,
	};
	view_out->members[0] = *founder;
	view_out->members[0].mid = 1;
	view_out->hash = peal_view_compute_hash(view_out);
	peal_view_check(view_out);
}
