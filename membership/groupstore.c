/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Memory: the store, its places, one key of each kind per place, then a block per place, then an
 * area per place. A block has the members, the index and the topology, laid out for the size of the
 * group that stands in it, so that a small group touches little. Areas have metadata; a group uses
 * one at most, so there is always one left for the group that is being made.
 */
#include "membership/groupstore.h"

#include "membership/nextview.h"

#include "base/assert.h"

#include <string.h>

#define ALIGNMENT  64U
#define PLACE_NONE UINT32_MAX
#define AREA_NONE  UINT32_MAX

struct place {
	struct peal_group group; /* first: a group is a place */
	struct peal_view_index index;
	struct peal_ordergroup ordergroups[PEAL_ORDERGROUPS_MAX];
	struct peal_hash128 snapshot_digest; /* of bytes that were decoded to it */
	uint32_t older;                      /* list of the released, by when they were */
	uint32_t newer;
	uint32_t area; /* of the metadata; AREA_NONE: there is none */
};

/* Metadata of the members of some groups. What was written stays as it is while anybody uses it. */
struct area {
	uint32_t users_count; /* places; 0 = free */
	uint32_t used_size;
	uint32_t next_free;
};

struct peal_groupstore {
	uint32_t members_max;
	uint32_t places_count;
	uint32_t touched_count; /* places ever used */
	uint32_t used_count;    /* groups that somebody retains */
	uint32_t spares_count;  /* groups that nobody retains */
	uint32_t oldest;
	uint32_t newest;
	uint32_t vacant; /* a place without a group, or PLACE_NONE */
	struct place *places;
	/* What each place is found by, folded to one word: a view, how it was made, its snapshot.
	 * 0: by nothing. */
	uint64_t *view_keys;
	uint64_t *cut_keys;
	uint64_t *snapshot_keys;
	uint8_t *blocks;
	size_t block_size;
	struct area *areas; /* [places_count] */
	uint32_t areas_touched_count;
	uint32_t free_area; /* the one released last, or AREA_NONE */
	uint8_t *areas_bytes;
	size_t area_size;
};

/* ---- memory ---- */

static size_t
round_up(size_t size)
{
	return (size + ALIGNMENT - 1U) / ALIGNMENT * ALIGNMENT;
}

/* Places of an index of `members_count` members. */
static uint32_t
count_index_places(uint32_t members_count)
{
	uint32_t count = 4;

	while (count < 2U * members_count) {
		count *= 2U;
	}
	PEAL_ASSERT(count <= PEAL_VIEW_PLACES_MAX);
	return count;
}

static size_t
measure_block(uint32_t members_max)
{
	return round_up(members_max * sizeof(struct peal_member)) +
	       2U * round_up(count_index_places(members_max) * sizeof(uint16_t)) +
	       round_up(peal_rings_footprint(members_max));
}

/* Twice the metadata of a view, since half of an area may be of members that are gone. */
static size_t
measure_area(uint32_t members_max)
{
	size_t size = (size_t)members_max * PEAL_METADATA_SIZE_MAX;

	return 2U * (size < PEAL_VIEW_METADATA_BYTES_MAX ? size : PEAL_VIEW_METADATA_BYTES_MAX);
}

size_t
peal_groupstore_footprint(uint32_t members_max, uint32_t groups_count)
{
	PEAL_ASSERT(groups_count >= 1);
	return round_up(sizeof(struct peal_groupstore)) +
	       round_up(groups_count * sizeof(struct place)) +
	       3U * round_up(groups_count * sizeof(uint64_t)) +
	       round_up(groups_count * sizeof(struct area)) +
	       groups_count * (measure_block(members_max) + measure_area(members_max));
}

struct peal_groupstore *
peal_groupstore_init(void *memory, uint32_t members_max, uint32_t groups_count)
{
	struct peal_groupstore *store = memory;
	uint8_t *bytes = memory;
	size_t keys_size = round_up(groups_count * sizeof(uint64_t));

	PEAL_ASSERT((uintptr_t)memory % ALIGNMENT == 0);
	PEAL_ASSERT(groups_count >= 1);
	PEAL_ASSERT(groups_count < PLACE_NONE);

	bytes += round_up(sizeof(*store));
	*store = (struct peal_groupstore){
		.members_max = members_max,
		.places_count = groups_count,
		.oldest = PLACE_NONE,
		.newest = PLACE_NONE,
		.vacant = PLACE_NONE,
		.places = (void *)bytes,
		.block_size = measure_block(members_max),
		.free_area = AREA_NONE,
		.area_size = measure_area(members_max),
	};
	bytes += round_up(groups_count * sizeof(struct place));
	store->view_keys = (void *)bytes;
	store->cut_keys = (void *)(bytes + keys_size);
	store->snapshot_keys = (void *)(bytes + 2U * keys_size);
	bytes += 3U * keys_size;
	store->areas = (void *)bytes;
	store->blocks = bytes + round_up(groups_count * sizeof(struct area));
	store->areas_bytes = store->blocks + groups_count * store->block_size;
	return store;
}

/* The block of a place, for a group of `members_count`: members, then index, then topology. */
static struct peal_member *
open_block(
	struct peal_groupstore *store, uint32_t number, uint32_t members_count, void **topology_out)
{
	struct place *place = &store->places[number];
	uint8_t *bytes = store->blocks + number * store->block_size;
	struct peal_member *members = (void *)bytes;
	size_t index_size;

	PEAL_ASSERT(members_count >= 1);
	PEAL_ASSERT(members_count <= store->members_max);

	place->index.places_count = count_index_places(members_count);
	index_size = round_up(place->index.places_count * sizeof(uint16_t));
	bytes += round_up(members_count * sizeof(*members));
	place->index.by_uuid = (void *)bytes;
	place->index.by_address = (void *)(bytes + index_size);
	*topology_out = bytes + 2U * index_size;
	return members;
}

/* ---- metadata ---- */

static void
release_area(struct peal_groupstore *store, struct place *place)
{
	struct area *area;

	if (place->area == AREA_NONE) {
		return;
	}
	area = &store->areas[place->area];
	PEAL_ASSERT(area->users_count > 0);
	area->users_count--;
	if (area->users_count == 0) {
		area->next_free = store->free_area;
		store->free_area = place->area;
	}
	place->area = AREA_NONE;
}

/* An empty area. Each of the other places has one at most. */
static uint32_t
take_area(struct peal_groupstore *store)
{
	uint32_t number = store->free_area;

	if (number != AREA_NONE) {
		store->free_area = store->areas[number].next_free;
	} else {
		PEAL_ASSERT(store->areas_touched_count < store->places_count);
		number = store->areas_touched_count++;
	}
	store->areas[number].used_size = 0;
	return number;
}

/* Behind what the area holds there is room for `added_size` bytes, and most of it would be of
 * members of a view with `size` bytes. */
static bool
is_area_fit(
	const struct peal_groupstore *store, uint32_t number, uint32_t added_size, uint32_t size)
{
	uint32_t end = store->areas[number].used_size + added_size;
	uint32_t limit = 2U * size;

	if (limit < PEAL_GROUPSTORE_SLACK_SIZE) {
		limit = PEAL_GROUPSTORE_SLACK_SIZE;
	}
	return end <= limit && end <= store->area_size;
}

/*
 * The metadata of the group in `place`, whose records were just made, comes to stand in the store.
 * That of the ranks below `new_rank` is in the area `shared`, or in none.
 */
static void
settle_metadata(
	struct peal_groupstore *store, struct place *place, uint32_t shared, uint32_t new_rank)
{
	const struct peal_view *view = &place->group.view;
	/* The store's own, and only it writes to them. */
	struct peal_member *members =
		(void *)(store->blocks + (size_t)(place - store->places) * store->block_size);
	uint32_t added_size = 0;
	struct area *area;
	uint8_t *bytes;

	PEAL_ASSERT(place->area == AREA_NONE);
	PEAL_ASSERT(view->members == members);
	if (view->metadata_size == 0) {
		return;
	}
	for (uint32_t rank = new_rank; rank < view->members_count; rank++) {
		added_size += members[rank].metadata_size;
	}
	if (shared == AREA_NONE || !is_area_fit(store, shared, added_size, view->metadata_size)) {
		shared = take_area(store);
		new_rank = 0;
	}
	place->area = shared;
	area = &store->areas[shared];
	area->users_count++;
	bytes = store->areas_bytes + shared * store->area_size;
	for (uint32_t rank = new_rank; rank < view->members_count; rank++) {
		uint16_t size = members[rank].metadata_size;

		if (size > 0) {
			PEAL_ASSERT(area->used_size + size <= store->area_size);
			memcpy(bytes + area->used_size, members[rank].metadata, size);
			members[rank].metadata = bytes + area->used_size;
			area->used_size += size;
		}
	}
}

/* ---- places ---- */

static uint32_t
number_of(const struct peal_groupstore *store, const struct peal_group *group)
{
	const struct place *place = (const void *)group;
	uint32_t number = (uint32_t)(place - store->places);

	PEAL_ASSERT(number < store->touched_count);
	PEAL_ASSERT(&store->places[number] == place);
	return number;
}

/* Appends a place to the released ones. */
static void
add_spare(struct peal_groupstore *store, uint32_t number)
{
	store->places[number].older = store->newest;
	store->places[number].newer = PLACE_NONE;
	if (store->newest == PLACE_NONE) {
		store->oldest = number;
	} else {
		store->places[store->newest].newer = number;
	}
	store->newest = number;
	store->spares_count++;
}

static void
remove_spare(struct peal_groupstore *store, uint32_t number)
{
	const struct place *place = &store->places[number];

	PEAL_ASSERT(store->spares_count > 0);
	if (place->older == PLACE_NONE) {
		store->oldest = place->newer;
	} else {
		store->places[place->older].newer = place->newer;
	}
	if (place->newer == PLACE_NONE) {
		store->newest = place->older;
	} else {
		store->places[place->newer].older = place->older;
	}
	store->spares_count--;
}

static const struct peal_group *
retain(struct peal_groupstore *store, uint32_t number)
{
	struct peal_group *group = &store->places[number].group;

	if (group->users_count == 0) {
		remove_spare(store, number);
		store->used_count++;
	}
	group->users_count++;
	PEAL_ASSERT(group->users_count != 0);
	return group;
}

/* A place for a group to be made, or PLACE_NONE. It stays vacant until `settle`. */
static uint32_t
find_vacant(struct peal_groupstore *store)
{
	uint32_t number = store->vacant;

	if (number != PLACE_NONE) {
		return number;
	}
	if (store->spares_count < PEAL_GROUPSTORE_SPARES &&
		store->touched_count < store->places_count) {
		number = store->touched_count++;
		store->places[number].area = AREA_NONE;
	} else if (store->spares_count > 0) {
		number = store->oldest;
		remove_spare(store, number);
		release_area(store, &store->places[number]);
		store->view_keys[number] = 0;
		store->cut_keys[number] = 0;
		store->snapshot_keys[number] = 0;
	}
	store->vacant = number;
	return number;
}

/* ---- keys ---- */

/* One word for a view; never 0. */
static uint64_t
fold(struct peal_hash128 hash)
{
	return (hash.low ^ peal_hash_mix(hash.high)) | 1U;
}

/* One word for a cut of a view. The halves of both matter, each in its own way. */
static uint64_t
fold_cut(struct peal_hash128 parent, struct peal_hash128 cut)
{
	return (peal_hash_mix(fold(parent)) ^ fold(cut)) | 1U;
}

/* The next place from `number` on whose key is `key`, or PLACE_NONE. */
static uint32_t
find_key(const struct peal_groupstore *store, const uint64_t *keys, uint64_t key, uint32_t number)
{
	for (; number < store->touched_count; number++) {
		if (keys[number] == key) {
			return number;
		}
	}
	return PLACE_NONE;
}

static uint32_t
find_view(const struct peal_groupstore *store, struct peal_hash128 hash)
{
	uint64_t key = fold(hash);
	uint32_t number = find_key(store, store->view_keys, key, 0);

	while (number != PLACE_NONE &&
		!peal_hash128_equals(store->places[number].group.view.hash, hash)) {
		number = find_key(store, store->view_keys, key, number + 1U);
	}
	return number;
}

static uint32_t
find_cut(const struct peal_groupstore *store, struct peal_hash128 parent, struct peal_hash128 cut)
{
	uint64_t key = fold_cut(parent, cut);
	uint32_t number = find_key(store, store->cut_keys, key, 0);

	for (; number != PLACE_NONE; number = find_key(store, store->cut_keys, key, number + 1U)) {
		const struct peal_group *group = &store->places[number].group;

		if (peal_hash128_equals(group->view.parent_hash, parent) &&
			peal_hash128_equals(group->cut_digest, cut)) {
			break;
		}
	}
	return number;
}

static uint32_t
find_snapshot(const struct peal_groupstore *store, struct peal_hash128 digest)
{
	uint64_t key = fold(digest);
	uint32_t number = find_key(store, store->snapshot_keys, key, 0);

	while (number != PLACE_NONE &&
		!peal_hash128_equals(store->places[number].snapshot_digest, digest)) {
		number = find_key(store, store->snapshot_keys, key, number + 1U);
	}
	return number;
}

/* The view in the vacant place gets its index; the place is found by its view from now on. */
static void
settle(struct peal_groupstore *store, uint32_t number)
{
	struct place *place = &store->places[number];

	PEAL_ASSERT(number == store->vacant);
	place->group.view.index = &place->index;
	place->group.cut_digest = (struct peal_hash128){0};
	place->group.users_count = 0;
	store->view_keys[number] = fold(place->group.view.hash);
	store->vacant = PLACE_NONE;
	add_spare(store, number);
}

static void
remember_cut(struct peal_groupstore *store, uint32_t number, struct peal_hash128 cut_digest)
{
	struct peal_group *group = &store->places[number].group;

	group->cut_digest = cut_digest;
	store->cut_keys[number] = fold_cut(group->view.parent_hash, cut_digest);
}

/* ---- what others call ---- */

static const struct peal_group *
create(void *state, struct peal_uuid cluster, uint8_t rings_count,
	const struct peal_member *founder)
{
	struct peal_groupstore *store = state;
	uint32_t number = find_vacant(store);
	struct place *place;
	struct peal_member *members;
	void *topology;
	uint32_t known;
	bool is_unique;

	if (number == PLACE_NONE) {
		return NULL;
	}
	place = &store->places[number];
	members = open_block(store, number, 1, &topology);
	peal_nextview_create(cluster, rings_count, founder, members, &place->group.view);
	known = find_view(store, place->group.view.hash);
	if (known != PLACE_NONE) {
		return retain(store, known);
	}
	settle_metadata(store, place, AREA_NONE, 0);
	is_unique = peal_view_build_index(&place->group.view, &place->index);
	PEAL_ASSERT(is_unique);
	peal_rings_build(&place->group.view, topology, store->members_max, &place->group.topology);
	settle(store, number);
	return retain(store, number);
}

static const struct peal_group *
next(void *state, const struct peal_group *parent, const struct peal_proposal *cut,
	struct peal_hash128 cut_digest)
{
	struct peal_groupstore *store = state;
	uint32_t known = find_cut(store, parent->view.hash, cut_digest);
	uint32_t number;
	uint32_t count;
	struct place *place;
	struct peal_member *members;
	void *topology;
	bool is_unique;

	PEAL_ASSERT(store->places[number_of(store, parent)].group.users_count > 0);
	if (known != PLACE_NONE) {
		return retain(store, known);
	}
	count = parent->view.members_count - peal_bitset_count(&cut->removals) +
		cut->additions_count;
	number = find_vacant(store);
	if (number == PLACE_NONE || count > store->members_max) {
		return NULL;
	}
	place = &store->places[number];
	members = open_block(store, number, count, &topology);
	peal_nextview_apply(&parent->view, cut, members, place->ordergroups, &place->group.view);
	known = find_view(store, place->group.view.hash);
	if (known != PLACE_NONE) {
		/* It came as a snapshot before. */
		remember_cut(store, known, cut_digest);
		return retain(store, known);
	}
	settle_metadata(store, place, store->places[number_of(store, parent)].area,
		count - cut->additions_count);
	is_unique = peal_view_build_index(&place->group.view, &place->index);
	PEAL_ASSERT(is_unique);
	peal_rings_next(&parent->topology, &cut->removals, &place->group.view, topology,
		store->members_max, &place->group.topology);
	settle(store, number);
	remember_cut(store, number, cut_digest);
	return retain(store, number);
}

static const struct peal_group *
decode(void *state, const uint8_t *bytes, uint32_t size)
{
	struct peal_groupstore *store = state;
	struct peal_hash128 digest = peal_hash128(bytes, size, 0);
	uint32_t known = find_snapshot(store, digest);
	uint32_t capacity = size / PEAL_MEMBER_RECORD_SIZE;
	uint32_t number;
	struct place *place;
	struct peal_member *members;
	void *topology;

	if (known != PLACE_NONE) {
		return retain(store, known);
	}
	number = find_vacant(store);
	if (number == PLACE_NONE || capacity == 0) {
		return NULL;
	}
	/* A member has a record at least, so no more than that many can come. */
	capacity = capacity < store->members_max ? capacity : store->members_max;
	place = &store->places[number];
	members = open_block(store, number, capacity, &topology);
	if (!peal_view_decode(bytes, size, members, capacity, place->ordergroups, &place->index,
		    &place->group.view)) {
		return NULL;
	}
	known = find_view(store, place->group.view.hash);
	if (known == PLACE_NONE) {
		settle_metadata(store, place, AREA_NONE, 0);
		peal_rings_build(
			&place->group.view, topology, store->members_max, &place->group.topology);
		settle(store, number);
		known = number;
	}
	store->places[known].snapshot_digest = digest;
	store->snapshot_keys[known] = fold(digest);
	return retain(store, known);
}

static void
retain_group(void *state, const struct peal_group *group)
{
	struct peal_groupstore *store = state;
	uint32_t number = number_of(store, group);

	PEAL_ASSERT(group->users_count > 0);
	(void)retain(store, number);
}

static void
release_group(void *state, const struct peal_group *group)
{
	struct peal_groupstore *store = state;
	uint32_t number = number_of(store, group);
	struct peal_group *own = &store->places[number].group;

	PEAL_ASSERT(own->users_count > 0);
	own->users_count--;
	if (own->users_count == 0) {
		PEAL_ASSERT(store->used_count > 0);
		store->used_count--;
		add_spare(store, number);
	}
}

struct peal_groups
peal_groupstore_groups(struct peal_groupstore *store)
{
	return (struct peal_groups){.state = store,
		.members_max = (uint16_t)store->members_max,
		.create = create,
		.next = next,
		.decode = decode,
		.retain = retain_group,
		.release = release_group};
}

uint32_t
peal_groupstore_count(const struct peal_groupstore *store)
{
	return store->used_count;
}
