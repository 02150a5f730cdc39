/* SPDX-License-Identifier: BSD-3-Clause */
#include "tests/lib/teststore.h"

#include "membership/bodystore.h"
#include "membership/groupstore.h"

#include <stdlib.h>

#define GROUPS_COUNT       32U
#define LARGE_BODIES_COUNT 32U
#define SMALL_BODIES_COUNT 256U
#define ALIGNMENT          64U

/* calloc, so that pages nobody writes are never touched; it does not align to cache lines. */
static void *
align(void *memory)
{
	uintptr_t address = (uintptr_t)memory;

	PEAL_ASSERT(memory != NULL);
	return (void *)((address + ALIGNMENT - 1U) / ALIGNMENT * ALIGNMENT);
}

struct peal_teststore *
peal_teststore_create(uint32_t members_max)
{
	struct peal_teststore *store = calloc(1, sizeof(*store));

	PEAL_ASSERT(store != NULL);
	store->members_max = members_max;
	store->groups_memory =
		calloc(1, ALIGNMENT + peal_groupstore_footprint(members_max, GROUPS_COUNT));
	store->bodies_memory = calloc(
		1, ALIGNMENT + peal_bodystore_footprint(LARGE_BODIES_COUNT, SMALL_BODIES_COUNT));
	store->groups = peal_groupstore_groups(
		peal_groupstore_init(align(store->groups_memory), members_max, GROUPS_COUNT));
	store->bodies = peal_bodystore_bodies(peal_bodystore_init(
		align(store->bodies_memory), LARGE_BODIES_COUNT, SMALL_BODIES_COUNT));
	return store;
}

void
peal_teststore_destroy(struct peal_teststore *store)
{
	free(store->groups_memory);
	free(store->bodies_memory);
	free(store);
}

struct peal_member
peal_teststore_joiner(uint64_t seed, uint32_t index)
{
	uint32_t number = index + 1U;

	PEAL_ASSERT(number < 1U << 24);
	return (struct peal_member){
		/* Two invertible steps: different indices have different uuids. */
		.uuid = {.low = peal_hash_mix(number), .high = peal_hash_mix(seed + number)},
		.address = {.ipv4 = (10U << 24) + number,
			.port = PEAL_TESTSTORE_PORT,
			.mac = {0x02, 0, 10, (uint8_t)(number >> 16), (uint8_t)(number >> 8),
				(uint8_t)number}},
		.shards_count = 1};
}

const struct peal_group *
peal_teststore_hold(struct peal_teststore *store, const struct peal_view *view)
{
	uint32_t capacity = PEAL_VIEW_ENCODED_SIZE_MAX(view->members_count);
	uint8_t *bytes = malloc(capacity);

	PEAL_ASSERT(bytes != NULL);

	uint32_t size = peal_view_encode(view, bytes, capacity);
	const struct peal_group *group = store->groups.decode(store->groups.state, bytes, size);

	PEAL_ASSERT(group != NULL);
	free(bytes);
	return group;
}

const struct peal_group *
peal_teststore_group_with(struct peal_teststore *store, uint16_t members_count, uint64_t seed,
	uint64_t epoch, uint8_t rings_count)
{
	struct peal_member *members = calloc(members_count, sizeof(*members));
	struct peal_view view = {
		.cluster = {.low = peal_hash_mix(seed + 1U) | 1U, .high = 0xC1},
		.epoch = epoch,
		.next_mid = members_count + 1U,
		.tie_mid = 1,
		.parent_hash = {.low = seed, .high = 0xA1},
		.rings_count = rings_count,
		.members_count = members_count,
		.members = members,
	};

	PEAL_ASSERT(members != NULL);
	PEAL_ASSERT(members_count >= 1);
	PEAL_ASSERT(members_count <= store->members_max);
	PEAL_ASSERT(epoch >= 2);
	for (uint32_t rank = 0; rank < members_count; rank++) {
		members[rank] = peal_teststore_joiner(seed, rank);
		members[rank].mid = rank + 1U;
	}
	view.members_sum = peal_view_sum_members(&view);
	view.hash = peal_view_hash(&view);

	const struct peal_group *group = peal_teststore_hold(store, &view);

	free(members);
	return group;
}

const struct peal_group *
peal_teststore_group(struct peal_teststore *store, uint16_t members_count, uint64_t seed)
{
	return peal_teststore_group_with(
		store, members_count, seed, PEAL_TESTSTORE_EPOCH, PEAL_RINGS_DEFAULT);
}

const struct peal_group *
peal_teststore_next(struct peal_teststore *store, const struct peal_group *parent,
	const struct peal_proposal *cut)
{
	const struct peal_group *group =
		store->groups.next(store->groups.state, parent, cut, peal_proposal_digest(cut));

	PEAL_ASSERT(group != NULL);
	return group;
}
