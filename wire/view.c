/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Bytes of a snapshot: cluster 16 | epoch u64 | next_mid u64 | tie_mid u64 | parent hash 16 |
 * hash 16 | members count u16 | rings u8 | order groups count u8 | 4 x 0 | member records | order
 * groups, by id.
 */
#include "wire/view.h"

#include "base/assert.h"
#include "wire/fields.h"

#include <string.h>

#define FIXED_SIZE   80U
#define PADDING_SIZE 4U
#define RINGS_MIN    3U
#define NEXT_MID_MAX (UINT64_C(1) << 31)
/* Seeds that keep the hash of a view and the places of an index apart from every other hash. */
#define SEED_IDENTITY UINT64_C(0x7665696e74697479)
#define SEED_PLACE    UINT64_C(0x9e3779b97f4a7c15)

_Static_assert(PEAL_VIEW_ENCODED_SIZE_MAX(PEAL_MEMBERS_MAX) <= PEAL_BODY_BYTES_MAX,
	"a snapshot of the largest view is a body");
_Static_assert(FIXED_SIZE <= PEAL_VIEW_ENCODED_SIZE_MAX(0), "a full view is within its bound");
_Static_assert(PEAL_MEMBERS_MAX < PEAL_RANK_NONE, "no rank means none, and an index adds one");
_Static_assert(PEAL_VIEW_PLACES_MAX >= 2U * PEAL_MEMBERS_MAX, "an index is at most half full");

static uint32_t
larger_of(uint32_t a, uint32_t b)
{
	return a > b ? a : b;
}

static uint32_t
smaller_of(uint32_t a, uint32_t b)
{
	return a < b ? a : b;
}

struct peal_thresholds
peal_view_thresholds(uint32_t members_count, uint32_t rings_count)
{
	struct peal_thresholds thresholds = {0};

	PEAL_ASSERT(members_count >= 1);
	PEAL_ASSERT(rings_count >= RINGS_MIN);

	if (members_count == 1) {
		return thresholds;
	}
	uint32_t observers_count = smaller_of(rings_count, members_count - 1U);
	uint32_t spare = larger_of(1, observers_count / 10U);

	thresholds.observers_count = observers_count;
	if (members_count > rings_count + 1U) {
		/* paper: RAPID 4.2, H and L a fixed part below and above K. */
		thresholds.h = observers_count - spare;
		thresholds.l = smaller_of(thresholds.h, larger_of(3, observers_count / 4U));
	} else {
		/*
		 * Everybody observes everybody. With five observers or fewer all of them must
		 * speak: fewer let two failures at once split the votes; reinforcement keeps it
		 * live.
		 */
		thresholds.h = observers_count <= 5U ? observers_count : observers_count - spare;
		thresholds.l = observers_count < 9U ? smaller_of(2, observers_count)
						    : larger_of(3, observers_count / 4U);
	}
	PEAL_ASSERT(thresholds.l >= 1);
	PEAL_ASSERT(thresholds.l <= thresholds.h);
	PEAL_ASSERT(thresholds.h <= thresholds.observers_count);
	return thresholds;
}

/* First rank whose mid is not below `mid`, or members_count. */
static uint32_t
find_place(const struct peal_view *view, uint64_t mid)
{
	uint32_t low = 0;
	uint32_t high = view->members_count;

	while (low < high) {
		uint32_t middle = (low + high) / 2U;

		if (view->members[middle].mid < mid) {
			low = middle + 1U;
		} else {
			high = middle;
		}
	}
	return low;
}

uint16_t
peal_view_find_mid(const struct peal_view *view, uint64_t mid)
{
	uint32_t place = find_place(view, mid);

	if (place == view->members_count || view->members[place].mid != mid) {
		return PEAL_RANK_NONE;
	}
	return (uint16_t)place;
}

uint16_t
peal_view_find_mid_low(const struct peal_view *view, uint32_t mid_low)
{
	/* Member numbers stay below 2^31, so the low half is all of it. */
	return peal_view_find_mid(view, mid_low);
}

static uint32_t
place_uuid(struct peal_uuid uuid)
{
	return (uint32_t)peal_hash_mix(uuid.low ^ peal_hash_mix(uuid.high + SEED_PLACE));
}

static uint32_t
place_address(const struct peal_address *address)
{
	return (uint32_t)peal_hash_mix(peal_address_word(address) + SEED_PLACE);
}

uint16_t
peal_view_find_uuid(const struct peal_view *view, struct peal_uuid uuid)
{
	if (view->index == NULL) {
		for (uint16_t rank = 0; rank < view->members_count; rank++) {
			if (peal_uuid_equals(view->members[rank].uuid, uuid)) {
				return rank;
			}
		}
		return PEAL_RANK_NONE;
	}
	/* An index is at most half full, so a walk meets an empty place. */
	uint32_t mask = view->index->places_count - 1U;
	uint32_t place = place_uuid(uuid) & mask;

	while (view->index->by_uuid[place] != 0) {
		uint16_t rank = (uint16_t)(view->index->by_uuid[place] - 1U);

		if (peal_uuid_equals(view->members[rank].uuid, uuid)) {
			return rank;
		}
		place = (place + 1U) & mask;
	}
	return PEAL_RANK_NONE;
}

uint16_t
peal_view_find_address(const struct peal_view *view, const struct peal_address *address)
{
	if (view->index == NULL) {
		for (uint16_t rank = 0; rank < view->members_count; rank++) {
			if (peal_address_equals(&view->members[rank].address, address)) {
				return rank;
			}
		}
		return PEAL_RANK_NONE;
	}
	uint32_t mask = view->index->places_count - 1U;
	uint32_t place = place_address(address) & mask;

	while (view->index->by_address[place] != 0) {
		uint16_t rank = (uint16_t)(view->index->by_address[place] - 1U);

		if (peal_address_equals(&view->members[rank].address, address)) {
			return rank;
		}
		place = (place + 1U) & mask;
	}
	return PEAL_RANK_NONE;
}

/* Enters `rank` unless an equal member stands there already. */
static bool
enter(const struct peal_view *view, struct peal_view_index *index, uint32_t rank)
{
	const struct peal_member *member = &view->members[rank];
	uint32_t mask = index->places_count - 1U;
	uint32_t place = place_uuid(member->uuid) & mask;

	while (index->by_uuid[place] != 0) {
		if (peal_uuid_equals(
			    view->members[index->by_uuid[place] - 1U].uuid, member->uuid)) {
			return false;
		}
		place = (place + 1U) & mask;
	}
	index->by_uuid[place] = (uint16_t)(rank + 1U);

	place = place_address(&member->address) & mask;
	while (index->by_address[place] != 0) {
		if (peal_address_equals(&view->members[index->by_address[place] - 1U].address,
			    &member->address)) {
			return false;
		}
		place = (place + 1U) & mask;
	}
	index->by_address[place] = (uint16_t)(rank + 1U);
	return true;
}

bool
peal_view_build_index(const struct peal_view *view, struct peal_view_index *index)
{
	PEAL_ASSERT(index->places_count <= PEAL_VIEW_PLACES_MAX);
	PEAL_ASSERT((index->places_count & (index->places_count - 1U)) == 0);
	PEAL_ASSERT(index->places_count >= 2U * view->members_count);

	memset(index->by_uuid, 0, index->places_count * sizeof(index->by_uuid[0]));
	memset(index->by_address, 0, index->places_count * sizeof(index->by_address[0]));
	for (uint32_t rank = 0; rank < view->members_count; rank++) {
		if (!enter(view, index, rank)) {
			return false;
		}
	}
	return true;
}

const struct peal_ordergroup *
peal_view_find_ordergroup(const struct peal_view *view, uint32_t ordergroup_id)
{
	PEAL_ASSERT(view->ordergroups_count <= PEAL_ORDERGROUPS_MAX);
	for (uint32_t i = 0; i < view->ordergroups_count; i++) {
		if (view->ordergroups[i].id == ordergroup_id) {
			return &view->ordergroups[i];
		}
	}
	return NULL;
}

uint32_t
peal_view_count_ordergroups_of(const struct peal_view *view, uint64_t mid)
{
	uint32_t count = 0;

	for (uint32_t i = 0; i < view->ordergroups_count; i++) {
		const struct peal_ordergroup *group = &view->ordergroups[i];

		for (uint32_t k = 0; k < group->ranks_count; k++) {
			count += group->ranks[k].mid == mid ? 1U : 0U;
		}
	}
	return count;
}

/* Of all configurations; 0 = there is none. */
static struct peal_hash128
sum_ordergroups(const struct peal_view *view)
{
	struct peal_hash128 sum = {0};

	for (uint32_t i = 0; i < view->ordergroups_count; i++) {
		sum = peal_hash128_add(sum, peal_ordergroup_hash(&view->ordergroups[i]));
	}
	return sum;
}

struct peal_hash128
peal_view_hash(const struct peal_view *view)
{
	struct peal_hash128 ordergroups = sum_ordergroups(view);
	uint64_t identity[14] = {
		view->cluster.low,
		view->cluster.high,
		view->epoch,
		view->next_mid,
		view->tie_mid,
		view->parent_hash.low,
		view->parent_hash.high,
		view->rings_count,
		view->members_count,
		view->members_sum.low,
		view->members_sum.high,
		ordergroups.low,
		ordergroups.high,
		view->ordergroups_count,
	};
	size_t words_count = view->ordergroups_count > 0 ? 14 : 11;

	return peal_hash128(identity, words_count * sizeof(identity[0]), SEED_IDENTITY);
}

struct peal_hash128
peal_view_sum_members(const struct peal_view *view)
{
	struct peal_hash128 sum = {0};

	for (uint32_t rank = 0; rank < view->members_count; rank++) {
		sum = peal_hash128_add(sum, peal_member_hash(&view->members[rank]));
	}
	return sum;
}

uint32_t
peal_view_sum_metadata(const struct peal_view *view)
{
	uint32_t sum = 0;

	PEAL_ASSERT(view->members_count <= PEAL_MEMBERS_MAX); /* so it fits its type */
	for (uint32_t rank = 0; rank < view->members_count; rank++) {
		sum += view->members[rank].metadata_size;
	}
	return sum;
}

/* Two members of a view share neither identity nor endpoint. Of two that do, an index finds one. */
static bool
is_unique(const struct peal_view *view)
{
	for (uint32_t i = 0; view->index != NULL && i < view->members_count; i++) {
		if (peal_view_find_uuid(view, view->members[i].uuid) != i ||
			peal_view_find_address(view, &view->members[i].address) != i) {
			return false;
		}
	}
	for (uint32_t i = 0; view->index == NULL && i < view->members_count; i++) {
		for (uint32_t j = i + 1U; j < view->members_count; j++) {
			const struct peal_member *a = &view->members[i];
			const struct peal_member *b = &view->members[j];

			if (peal_uuid_equals(a->uuid, b->uuid) ||
				peal_address_equals(&a->address, &b->address)) {
				return false;
			}
		}
	}
	return true;
}

/* Seniority: numbers from 1, ascending, all of them given out before next_mid. */
static bool
is_ordered(const struct peal_view *view)
{
	uint64_t previous = 0;

	for (uint32_t rank = 0; rank < view->members_count; rank++) {
		if (view->members[rank].mid <= previous) {
			return false;
		}
		previous = view->members[rank].mid;
	}
	return previous < view->next_mid;
}

/* In one order, each id once. Who created them may have gone since. */
static bool
are_ordergroups_right(const struct peal_view *view)
{
	uint32_t previous = 0;

	for (uint32_t i = 0; i < view->ordergroups_count; i++) {
		const struct peal_ordergroup *group = &view->ordergroups[i];

		if (group->id <= previous || !peal_ordergroup_is_valid(group)) {
			return false;
		}
		for (uint32_t j = 0; j < group->ranks_count; j++) {
			if (group->ranks[j].mid >= view->next_mid) {
				return false;
			}
		}
		previous = group->id;
	}
	return true;
}

/* Everything about the fields outside the member records. */
static bool
is_framed(const struct peal_view *view)
{
	bool is_first = view->epoch == 1;
	bool has_parent = (view->parent_hash.low | view->parent_hash.high) != 0;

	return !peal_uuid_is_none(view->cluster) && view->epoch >= 1 &&
	       view->next_mid <= NEXT_MID_MAX && view->rings_count >= RINGS_MIN &&
	       view->rings_count <= PEAL_RINGS_MAX && view->members_count >= 1 &&
	       view->members_count <= PEAL_MEMBERS_MAX && !(is_first && has_parent);
}

void
peal_view_check(const struct peal_view *view)
{
	PEAL_ASSERT(is_framed(view));
	PEAL_ASSERT(is_ordered(view));
	PEAL_ASSERT(are_ordergroups_right(view));
	PEAL_ASSERT(view->tie_mid == view->members[0].mid);
	PEAL_ASSERT(is_unique(view));
	PEAL_ASSERT(peal_hash128_equals(view->members_sum, peal_view_sum_members(view)));
	PEAL_ASSERT(peal_hash128_equals(view->hash, peal_view_hash(view)));
	PEAL_ASSERT(view->metadata_size == peal_view_sum_metadata(view));
	PEAL_ASSERT(view->metadata_size <= PEAL_VIEW_METADATA_BYTES_MAX);
}

uint32_t
peal_view_encoded_size(const struct peal_view *view)
{
	uint32_t size = FIXED_SIZE + view->metadata_size;

	for (uint32_t rank = 0; rank < view->members_count; rank++) {
		size += peal_member_record_size(&view->members[rank]);
	}
	for (uint32_t i = 0; i < view->ordergroups_count; i++) {
		size += peal_ordergroup_size(&view->ordergroups[i]);
	}
	return size;
}

uint32_t
peal_view_encode(const struct peal_view *view, uint8_t *bytes, uint32_t capacity)
{
	struct peal_writer writer = peal_writer_init(bytes, capacity);

	PEAL_ASSERT(view->members_count <= PEAL_MEMBERS_MAX);

	peal_write_uuid(&writer, view->cluster);
	peal_write_u64(&writer, view->epoch);
	peal_write_u64(&writer, view->next_mid);
	peal_write_u64(&writer, view->tie_mid);
	peal_write_hash(&writer, view->parent_hash);
	peal_write_hash(&writer, view->hash);
	peal_write_u16(&writer, view->members_count);
	peal_write_u8(&writer, view->rings_count);
	peal_write_u8(&writer, view->ordergroups_count);
	peal_write_padding(&writer, PADDING_SIZE);
	for (uint32_t rank = 0; rank < view->members_count; rank++) {
		peal_member_encode(&view->members[rank], &writer);
	}
	for (uint32_t i = 0; i < view->ordergroups_count; i++) {
		peal_ordergroup_encode(&view->ordergroups[i], &writer);
	}

	PEAL_ASSERT(writer.is_ok);
	return (uint32_t)writer.offset;
}

bool
peal_view_decode(const uint8_t *bytes, uint32_t size, struct peal_member *members_out,
	uint32_t capacity, struct peal_ordergroup *ordergroups_out, struct peal_view_index *index,
	struct peal_view *view_out)
{
	struct peal_reader reader = peal_reader_init(bytes, size);

	memset(view_out, 0, sizeof(*view_out));
	view_out->cluster = peal_read_uuid(&reader);
	view_out->epoch = peal_read_u64(&reader);
	view_out->next_mid = peal_read_u64(&reader);
	view_out->tie_mid = peal_read_u64(&reader);
	view_out->parent_hash = peal_read_hash(&reader);
	view_out->hash = peal_read_hash(&reader);
	view_out->members_count = peal_read_u16(&reader);
	view_out->rings_count = peal_read_u8(&reader);
	view_out->ordergroups_count = peal_read_u8(&reader);
	bool is_padded = peal_read_padding(&reader, PADDING_SIZE);

	if (!reader.is_ok || !is_padded || !is_framed(view_out) ||
		view_out->members_count > capacity ||
		view_out->ordergroups_count > PEAL_ORDERGROUPS_MAX) {
		return false;
	}
	for (uint32_t rank = 0; rank < view_out->members_count; rank++) {
		if (!peal_member_decode(&reader, &members_out[rank])) {
			return false;
		}
	}
	for (uint32_t i = 0; i < view_out->ordergroups_count; i++) {
		if (!peal_ordergroup_decode(&reader, &ordergroups_out[i])) {
			return false;
		}
	}
	view_out->ordergroups = view_out->ordergroups_count > 0 ? ordergroups_out : NULL;
	view_out->members = members_out;
	view_out->metadata_size = peal_view_sum_metadata(view_out);
	view_out->members_sum = peal_view_sum_members(view_out);
	if (!peal_reader_is_done(&reader) || !is_ordered(view_out) ||
		!are_ordergroups_right(view_out) || view_out->tie_mid != view_out->members[0].mid ||
		view_out->metadata_size > PEAL_VIEW_METADATA_BYTES_MAX ||
		!peal_hash128_equals(view_out->hash, peal_view_hash(view_out)) ||
		!peal_view_build_index(view_out, index)) {
		return false;
	}
	view_out->index = index;
	return true;
}
