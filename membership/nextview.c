/* SPDX-License-Identifier: BSD-3-Clause */
#include "membership/nextview.h"

#include "base/assert.h"
#include "base/museum.h"

#include <string.h>

/* Frames carry the low half of a member number. */
#define MID_END (UINT64_C(1) << 31)

/* Places of the table of joiners' addresses: 32 KiB of stack, and never more than two thirds full.
 */
#define ADDRESS_PLACES_MAX 16384U

_Static_assert(
	PEAL_ADDITIONS_MAX <= ADDRESS_PLACES_MAX / 3U * 2U, "searches of the table end soon");
_Static_assert(PEAL_ADDITIONS_MAX < UINT16_MAX, "places hold index + 1 in sixteen bits");

/* The addition at `index` against the view and the one before it. */
static enum peal_invalid
validate_addition(
	const struct peal_view *view, const struct peal_proposal *proposal, uint32_t index)
{
	const struct peal_member *joiner = &proposal->additions[index];
	uint16_t holder;

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
	/* A node has one form of address and can neither hear nor reach the other. */
	if (peal_address_is_ipv6(&joiner->address) !=
		peal_address_is_ipv6(&view->members[0].address)) {
		return PEAL_INVALID_ADDRESS;
	}
	holder = peal_view_find_address(view, &joiner->address);
	if (holder != PEAL_RANK_NONE && !peal_bitset_has(&proposal->removals, holder)) {
		return PEAL_INVALID_ADDRESS;
	}
	return PEAL_VALID;
}

/* True when no two joiners share an address. */
static bool
has_distinct_addresses(const struct peal_member *additions, uint32_t count)
{
	uint16_t places[ADDRESS_PLACES_MAX];
	uint32_t places_count = 4;

	PEAL_ASSERT(count <= PEAL_ADDITIONS_MAX);
	while (places_count < 2U * count && places_count < ADDRESS_PLACES_MAX) {
		places_count *= 2U;
	}
	memset(places, 0, places_count * sizeof(places[0]));

	for (uint32_t index = 0; index < count; index++) {
		const struct peal_address *address = &additions[index].address;
		uint32_t place =
			(uint32_t)peal_hash_mix(peal_address_word(address)) & (places_count - 1U);

		while (places[place] != 0) {
			if (peal_address_equals(&additions[places[place] - 1U].address, address)) {
				return false;
			}
			place = (place + 1U) & (places_count - 1U);
		}
		places[place] = (uint16_t)(index + 1U);
	}
	return true;
}

uint32_t
peal_nextview_metadata_size(const struct peal_view *view, const struct peal_proposal *proposal)
{
	uint32_t size = view->metadata_size;

	PEAL_BITSET_FOR_EACH (rank, &proposal->removals) {
		PEAL_ASSERT(rank < view->members_count);
		size -= view->members[rank].metadata_size;
	}
	for (uint32_t i = 0; i < proposal->additions_count; i++) {
		size += proposal->additions[i].metadata_size;
	}
	return size;
}

uint32_t
peal_nextview_metadata_after(
	const struct peal_view *view, uint32_t size, uint16_t replaced, uint32_t added_size)
{
	if (replaced != PEAL_RANK_NONE) {
		size -= view->members[replaced].metadata_size;
	}
	return size + added_size;
}

bool
peal_nextview_may_create(const struct peal_view *view, const struct peal_bitset *removals,
	const struct peal_ordergroup *group)
{
	const struct peal_ordergroup *before = peal_view_find_ordergroup(view, group->id);

	if (!peal_ordergroup_is_valid(group)) {
		return false;
	}
	if (before == NULL
			? group->generation != 1 || view->ordergroups_count == PEAL_ORDERGROUPS_MAX
			: group->generation != before->generation + 1U) {
		return false;
	}
	for (uint32_t i = 0; i < group->ranks_count; i++) {
		uint16_t rank = peal_view_find_mid(view, group->ranks[i].mid);

		/* A group that begins with a rank missing could do without the next one less. */
		if (rank == PEAL_RANK_NONE || peal_bitset_has(removals, rank)) {
			return false;
		}
	}
	return true;
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
	if (peal_nextview_metadata_size(view, proposal) > PEAL_VIEW_METADATA_BYTES_MAX) {
		return PEAL_INVALID_METADATA;
	}
	if (staying_count + proposal->additions_count > PEAL_MEMBERS_MAX ||
		view->next_mid + proposal->additions_count > MID_END) {
		return PEAL_INVALID_SIZE;
	}
	if (peal_proposal_has_ordergroup(proposal) &&
		!peal_nextview_may_create(view, &proposal->removals, &proposal->ordergroup)) {
		return PEAL_INVALID_ORDERGROUP;
	}

	for (uint32_t index = 0; index < proposal->additions_count; index++) {
		enum peal_invalid invalid = validate_addition(view, proposal, index);

		if (invalid != PEAL_VALID) {
			return invalid;
		}
	}
	return has_distinct_addresses(proposal->additions, proposal->additions_count)
		       ? PEAL_VALID
		       : PEAL_INVALID_ADDRESS;
}

/* The sum without one summand. */
static struct peal_hash128
subtract(struct peal_hash128 sum, struct peal_hash128 summand)
{
	return (struct peal_hash128){.low = sum.low - summand.low,
		.high = sum.high - summand.high - (sum.low < summand.low ? 1U : 0U)};
}

/* Copies who stays: the runs between the removed ones. Returns how many. */
static uint32_t
copy_staying(const struct peal_view *view, const struct peal_bitset *removals,
	struct peal_member *members_out)
{
	uint32_t kept_count = 0;
	uint32_t rank = 0;

	while (rank < view->members_count) {
		uint32_t end = peal_bitset_next(removals, rank);

		if (end > view->members_count) {
			end = view->members_count;
		}
		memcpy(members_out + kept_count, view->members + rank,
			(end - rank) * sizeof(members_out[0]));
		kept_count += end - rank;
		rank = end + 1U;
	}
	return kept_count;
}

/* The table with what the cut creates, by id. Returns how many. */
static uint8_t
apply_ordergroup(const struct peal_view *view, const struct peal_proposal *proposal,
	struct peal_ordergroup *ordergroups_out)
{
	uint32_t count = 0;
	bool is_placed = !peal_proposal_has_ordergroup(proposal);

	for (uint32_t i = 0; i < view->ordergroups_count; i++) {
		const struct peal_ordergroup *group = &view->ordergroups[i];

		if (!is_placed && proposal->ordergroup.id <= group->id) {
			ordergroups_out[count++] = proposal->ordergroup;
			is_placed = true;
		}
		if (group->id != proposal->ordergroup.id) {
			ordergroups_out[count++] = *group;
		}
	}
	if (!is_placed) {
		ordergroups_out[count++] = proposal->ordergroup;
	}
	PEAL_ASSERT(count <= PEAL_ORDERGROUPS_MAX);
	return (uint8_t)count;
}

void
peal_nextview_apply(const struct peal_view *view, const struct peal_proposal *proposal,
	struct peal_member *members_out, struct peal_ordergroup *ordergroups_out,
	struct peal_view *next_out)
{
	struct peal_hash128 sum = view->members_sum;
	uint32_t count;

	PEAL_ASSERT(next_out != view);
	PEAL_ASSERT(members_out != view->members);
	PEAL_ASSERT(ordergroups_out == NULL || ordergroups_out != view->ordergroups);
	PEAL_ASSERT(peal_nextview_validate(view, proposal) == PEAL_VALID);

	*next_out = (struct peal_view){
		.cluster = view->cluster,
		.epoch = view->epoch + 1U,
		.next_mid = view->next_mid,
		.parent_hash = view->hash,
		.rings_count = view->rings_count,
		.metadata_size = peal_nextview_metadata_size(view, proposal),
		.ordergroups_count = apply_ordergroup(view, proposal, ordergroups_out),
		.members = members_out,
	};
	next_out->ordergroups = next_out->ordergroups_count > 0 ? ordergroups_out : NULL;
	/* Removal keeps the order of the others: seniority is what applications elect by. */
	count = copy_staying(view, &proposal->removals, members_out);
	PEAL_BITSET_FOR_EACH (rank, &proposal->removals) {
		sum = subtract(sum, peal_member_hash(&view->members[rank]));
	}
	if (PEAL_BUG(NUMBERS_REUSED)) {
		next_out->next_mid = members_out[count - 1U].mid + 1U;
	}
	/* All nodes apply the same order of additions, so they give out the same numbers. */
	for (uint32_t index = 0; index < proposal->additions_count; index++) {
		struct peal_member *member = &members_out[count++];

		*member = proposal->additions[index];
		member->mid = next_out->next_mid++;
		sum = peal_hash128_add(sum, peal_member_hash(member));
	}
	next_out->members_count = (uint16_t)count;
	next_out->members_sum = sum;
	/* The tie unit is the senior's, of this view and not of the one before. */
	next_out->tie_mid = PEAL_BUG(TIE_OF_THE_DEAD) ? view->tie_mid : members_out[0].mid;
	next_out->hash = peal_view_hash(next_out);

	PEAL_ASSERT(next_out->epoch > view->epoch);
	PEAL_ASSERT(!peal_hash128_equals(next_out->hash, view->hash));
}

void
peal_nextview_create(struct peal_uuid cluster, uint8_t rings_count,
	const struct peal_member *founder, struct peal_member *members_out,
	struct peal_view *view_out)
{
	PEAL_ASSERT(!peal_uuid_is_none(cluster));
	PEAL_ASSERT(!peal_uuid_is_none(founder->uuid));
	PEAL_ASSERT(rings_count <= PEAL_RINGS_MAX);

	members_out[0] = *founder;
	members_out[0].mid = 1;
	*view_out = (struct peal_view){
		.cluster = cluster,
		.epoch = 1,
		.next_mid = 2,
		.tie_mid = 1,
		.rings_count = rings_count,
		.members_count = 1,
		.metadata_size = founder->metadata_size,
		.members = members_out,
	};
	view_out->members_sum = peal_view_sum_members(view_out);
	view_out->hash = peal_view_hash(view_out);
	peal_view_check(view_out);
}
