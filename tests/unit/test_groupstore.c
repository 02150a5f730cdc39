/* SPDX-License-Identifier: BSD-3-Clause */
#include "membership/groupstore.h"

#include "base/prng.h"
#include "tests/lib/cmocka_all.h"
#include "tests/lib/dies.h"
#include "tests/lib/teststore.h"

#include <stdlib.h>
#include <string.h>

#define GROUPS_COUNT 4U
#define MEMBERS_MAX  100U

static void *memory;
static struct peal_groupstore *store;
static struct peal_groups groups;
static struct peal_bitset nobody;

static int
setup(void **state)
{
	size_t size = (peal_groupstore_footprint(MEMBERS_MAX, GROUPS_COUNT) + 63U) / 64U * 64U;

	(void)state;
	memory = aligned_alloc(64, size);
	if (memory == NULL) {
		return -1;
	}
	memset(memory, 0, size);
	store = peal_groupstore_init(memory, MEMBERS_MAX, GROUPS_COUNT);
	groups = peal_groupstore_groups(store);
	return 0;
}

static int
teardown(void **state)
{
	(void)state;
	free(memory);
	return 0;
}

static const struct peal_group *
create(uint64_t number)
{
	struct peal_member founder = peal_teststore_joiner(number, 0);

	return groups.create(groups.state, (struct peal_uuid){.low = number, .high = 1},
		PEAL_RINGS_DEFAULT, &founder);
}

/* What comes after `parent` when `removals` go and `count` joiners from `first` on come. */
static const struct peal_group *
next(const struct peal_group *parent, const struct peal_bitset *removals, uint32_t first,
	uint32_t count)
{
	struct peal_member additions[MEMBERS_MAX + 1U];
	struct peal_proposal cut = {.parent_epoch = parent->view.epoch,
		.parent_hash = parent->view.hash,
		.removals = *removals,
		.additions_count = (uint16_t)count,
		.additions = additions};

	assert_true(count <= MEMBERS_MAX + 1U);
	for (uint32_t i = 0; i < count; i++) {
		additions[i] = peal_teststore_joiner(1, first + i);
		/* In uuid order. */
		additions[i].uuid.high = first + i + 1U;
	}
	return groups.next(groups.state, parent, &cut, peal_proposal_digest(&cut));
}

static const struct peal_group *
decode(const struct peal_group *group)
{
	uint8_t bytes[PEAL_VIEW_ENCODED_SIZE_MAX(MEMBERS_MAX)];
	uint32_t size = peal_view_encode(&group->view, bytes, sizeof(bytes));

	return groups.decode(groups.state, bytes, size);
}

static void
release(const struct peal_group *group)
{
	groups.release(groups.state, group);
}

static void
assert_complete(const struct peal_group *group)
{
	uint16_t last = (uint16_t)(group->view.members_count - 1U);
	const struct peal_member *member = &group->view.members[last];

	peal_view_check(&group->view);
	assert_non_null(group->view.index);
	assert_int_equal(peal_view_find_uuid(&group->view, member->uuid), last);
	assert_int_equal(peal_view_find_address(&group->view, &member->address), last);
	assert_int_equal(group->topology.members_count, group->view.members_count);
	if (last > 0) {
		assert_int_not_equal(peal_rings_mask(&group->topology,
					     peal_rings_observer(&group->topology, last, 0), last),
			0);
	}
}

static void
test_groupstore__makes_complete_groups(void **state)
{
	const struct peal_group *first = create(1);
	const struct peal_group *second;
	const struct peal_group *third;
	struct peal_bitset removals = {0};

	(void)state;
	assert_complete(first);
	assert_int_equal(first->view.epoch, 1);
	second = next(first, &nobody, 1, 60);
	assert_complete(second);
	assert_int_equal(second->view.members_count, 61);
	assert_true(peal_hash128_equals(second->view.parent_hash, first->view.hash));
	peal_bitset_add(&removals, 0);
	peal_bitset_add(&removals, 33);
	third = next(second, &removals, 61, 1);
	assert_complete(third);
	assert_int_equal(third->view.members_count, 60);
	assert_int_equal(peal_groupstore_count(store), 3);
}

static void
test_groupstore__one_cut_of_one_parent_is_one_group(void **state)
{
	const struct peal_group *parent = create(1);
	const struct peal_group *one = next(parent, &nobody, 1, 5);
	const struct peal_group *two = next(parent, &nobody, 1, 5);

	(void)state;
	assert_ptr_equal(one, two);
	assert_int_equal(peal_groupstore_count(store), 2);
	assert_ptr_not_equal(next(parent, &nobody, 1, 4), one);
	assert_int_equal(peal_groupstore_count(store), 3);
	release(one);
	assert_int_equal(peal_groupstore_count(store), 3);
	release(two);
	assert_int_equal(peal_groupstore_count(store), 2);
}

static void
test_groupstore__one_founder_is_one_group(void **state)
{
	const struct peal_group *one = create(1);

	(void)state;
	assert_ptr_equal(create(1), one);
	assert_ptr_not_equal(create(2), one);
	assert_int_equal(peal_groupstore_count(store), 2);
}

static void
test_groupstore__a_snapshot_of_a_known_view_is_the_group_that_is_there(void **state)
{
	const struct peal_group *parent = create(1);
	const struct peal_group *group = next(parent, &nobody, 1, 30);

	(void)state;
	assert_ptr_equal(decode(group), group);
	/* And once more, by its bytes alone. */
	assert_ptr_equal(decode(group), group);
	assert_int_equal(peal_groupstore_count(store), 2);
	release(group);
	release(group);
	release(group);
	assert_int_equal(peal_groupstore_count(store), 1);
}

static void
test_groupstore__a_cut_to_a_view_that_came_as_a_snapshot_is_that_group(void **state)
{
	struct peal_teststore *other = peal_teststore_create(MEMBERS_MAX);
	const struct peal_group *parent;
	const struct peal_group *far;
	const struct peal_group *group;

	(void)state;
	/* Two views that another node has, as snapshots, the later one first. */
	parent = peal_teststore_group(other, 20, 1);
	struct peal_proposal cut = {
		.parent_epoch = parent->view.epoch, .parent_hash = parent->view.hash};

	peal_bitset_add(&cut.removals, 7);
	far = peal_teststore_next(other, parent, &cut);
	group = decode(far);
	assert_complete(group);
	assert_true(peal_hash128_equals(group->view.hash, far->view.hash));
	assert_true(peal_hash128_equals(group->cut_digest, (struct peal_hash128){0}));
	assert_true(peal_hash128_equals(far->cut_digest, peal_proposal_digest(&cut)));

	assert_ptr_equal(groups.next(groups.state, decode(parent), &cut, far->cut_digest), group);
	assert_true(peal_hash128_equals(group->cut_digest, far->cut_digest));
	assert_int_equal(peal_groupstore_count(store), 2);
	peal_teststore_destroy(other);
}

static void
test_groupstore__refuses_what_is_no_snapshot(void **state)
{
	const struct peal_group *group = create(1);
	uint8_t bytes[PEAL_VIEW_ENCODED_SIZE_MAX(1)];
	uint32_t size = peal_view_encode(&group->view, bytes, sizeof(bytes));

	(void)state;
	assert_null(groups.decode(groups.state, bytes, 0));
	assert_null(groups.decode(groups.state, bytes, size - 1U));
	bytes[size - 1U] ^= 1U;
	assert_null(groups.decode(groups.state, bytes, size));
	assert_int_equal(peal_groupstore_count(store), 1);
}

static void
test_groupstore__refuses_a_group_that_is_too_large(void **state)
{
	struct peal_teststore *other = peal_teststore_create(MEMBERS_MAX + 1U);
	const struct peal_group *group = create(1);

	(void)state;
	assert_int_equal(groups.members_max, MEMBERS_MAX);
	assert_null(next(group, &nobody, 1, MEMBERS_MAX));
	assert_non_null(next(group, &nobody, 1, MEMBERS_MAX - 1U));

	const struct peal_group *large = peal_teststore_group(other, MEMBERS_MAX + 1U, 1);
	uint8_t bytes[PEAL_VIEW_ENCODED_SIZE_MAX(MEMBERS_MAX + 1U)];
	uint32_t size = peal_view_encode(&large->view, bytes, sizeof(bytes));

	assert_null(groups.decode(groups.state, bytes, size));
	peal_teststore_destroy(other);
}

static void
test_groupstore__says_when_it_is_full(void **state)
{
	const struct peal_group *held[GROUPS_COUNT];

	(void)state;
	for (uint64_t i = 0; i < GROUPS_COUNT; i++) {
		held[i] = create(i + 1U);
		assert_non_null(held[i]);
	}
	assert_null(create(9));
	assert_null(next(held[0], &nobody, 1, 1));
	/* What is there is still found. */
	assert_int_equal(peal_groupstore_count(store), GROUPS_COUNT);
	release(held[2]);
	assert_non_null(next(held[0], &nobody, 1, 1));
	assert_null(create(9));
}

static void
test_groupstore__keeps_what_was_released_until_its_place_is_needed(void **state)
{
	const struct peal_group *parent = create(1);
	const struct peal_group *group = next(parent, &nobody, 1, 20);
	const struct peal_group *spare = next(parent, &nobody, 1, 21);
	struct peal_hash128 hash = group->view.hash;

	(void)state;
	release(group);
	release(spare);
	/* A late member finds what the others made. */
	assert_ptr_equal(next(parent, &nobody, 1, 20), group);
	assert_int_equal(group->users_count, 1);
	release(group);

	/* Two wait, which is enough: the one released first goes, though a place was never used. */
	assert_ptr_equal(next(parent, &nobody, 1, 22), spare);
	assert_ptr_equal(next(parent, &nobody, 1, 20), group);
	assert_true(peal_hash128_equals(group->view.hash, hash));
	assert_complete(group);
}

static void
test_groupstore__goes_through_many_views_in_few_places(void **state)
{
	const struct peal_group *group = create(1);
	const struct peal_group *places[GROUPS_COUNT] = {0};
	uint32_t places_count = 0;

	(void)state;
	for (uint32_t epoch = 2; epoch < 300; epoch++) {
		struct peal_bitset removals = {0};
		const struct peal_group *successor;
		uint32_t place = 0;

		if (group->view.members_count > 1 && epoch % 3U == 0) {
			peal_bitset_add(&removals, epoch % group->view.members_count);
		}
		successor = next(group, &removals, epoch * 4U,
			group->view.members_count < 96U ? epoch % 4U : 0);
		assert_non_null(successor);
		assert_complete(successor);
		release(group);
		group = successor;
		while (place < places_count && places[place] != group) {
			place++;
		}
		if (place == places_count) {
			assert_true(places_count < GROUPS_COUNT);
			places[places_count++] = group;
		}
	}
	assert_int_equal(places_count, PEAL_GROUPSTORE_SPARES + 1U);
	assert_int_equal(peal_groupstore_count(store), 1);
}

static void
test_groupstore__does_not_touch_memory_that_it_does_not_need(void **state)
{
	size_t size = peal_groupstore_footprint(MEMBERS_MAX, GROUPS_COUNT);
	const struct peal_group *group = create(1);
	const uint8_t *bytes = memory;

	(void)state;
	assert_non_null(next(group, &nobody, 1, MEMBERS_MAX - 1U));
	/* The last place was not needed. */
	for (size_t i = size - size / GROUPS_COUNT + size / 64U; i < size; i++) {
		assert_int_equal(bytes[i], 0);
	}
}

/* Metadata of the joiner `number`, which follows from it. */
static uint16_t
fill_metadata(uint32_t number, uint8_t *bytes_out)
{
	struct peal_prng prng;
	uint16_t size;

	peal_prng_init(&prng, number);
	size = (uint16_t)(peal_prng_ratio(&prng, 1, 4)
				  ? 0
				  : peal_prng_below(
					    &prng, peal_prng_ratio(&prng, 1, 4) ? 4097 : 100));
	for (uint32_t i = 0; i < size; i++) {
		bytes_out[i] = (uint8_t)peal_prng_next(&prng);
	}
	return size;
}

/* What comes after `parent` when `removals` go and one joiner with metadata comes. */
static const struct peal_group *
next_with_metadata(
	const struct peal_group *parent, const struct peal_bitset *removals, uint32_t number)
{
	uint8_t bytes[PEAL_METADATA_SIZE_MAX];
	struct peal_member joiner = peal_teststore_joiner(1, number);
	struct peal_proposal cut = {.parent_epoch = parent->view.epoch,
		.parent_hash = parent->view.hash,
		.removals = *removals,
		.additions_count = 1,
		.additions = &joiner};
	const struct peal_group *group;

	joiner.uuid = (struct peal_uuid){.low = number, .high = 77};
	joiner.metadata = bytes;
	joiner.metadata_size = fill_metadata(number, bytes);
	group = groups.next(groups.state, parent, &cut, peal_proposal_digest(&cut));
	/* Where it came from is not what it is. */
	memset(bytes, 0xEE, sizeof(bytes));
	return group;
}

static void
assert_metadata(const struct peal_group *group)
{
	uint8_t bytes[PEAL_METADATA_SIZE_MAX];

	peal_view_check(&group->view);
	for (uint32_t rank = 0; rank < group->view.members_count; rank++) {
		const struct peal_member *member = &group->view.members[rank];

		if (member->uuid.high != 77) {
			continue;
		}
		assert_int_equal(
			member->metadata_size, fill_metadata((uint32_t)member->uuid.low, bytes));
		assert_true(member->metadata_size == 0 ||
			    memcmp(member->metadata, bytes, member->metadata_size) == 0);
	}
}

/* Through a thousand successors, while the last groups stay as they were. */
static void
test_groupstore__keeps_metadata_with_its_member(void **state)
{
	const struct peal_group *held[2] = {create(1), NULL};
	struct peal_prng prng;

	(void)state;
	peal_prng_init(&prng, 9);
	for (uint32_t number = 1; number <= 1000; number++) {
		struct peal_bitset removals = {{0}};
		uint32_t count = held[0]->view.members_count;
		const struct peal_group *group;

		while (count > 1 && (count == MEMBERS_MAX ||
					    peal_prng_ratio(&prng, number < 500 ? 3 : 6, 10))) {
			peal_bitset_add(&removals, 1U + (uint32_t)peal_prng_below(&prng,
								held[0]->view.members_count - 1U));
			count = held[0]->view.members_count - peal_bitset_count(&removals);
		}
		group = next_with_metadata(held[0], &removals, number);
		assert_non_null(group);
		assert_metadata(group);
		assert_metadata(held[0]);
		if (held[1] != NULL) {
			assert_metadata(held[1]);
			release(held[1]);
		}
		held[1] = held[0];
		held[0] = group;
	}
	release(held[0]);
	release(held[1]);
	assert_int_equal(peal_groupstore_count(store), 0);
}

/* Two cuts of one parent write behind the same bytes; neither sees the other's. */
static void
test_groupstore__siblings_share_and_do_not_mix(void **state)
{
	const struct peal_group *parent = next_with_metadata(create(1), &nobody, 3);
	const struct peal_group *a = next_with_metadata(parent, &nobody, 4);
	const struct peal_group *b = next_with_metadata(parent, &nobody, 6);

	(void)state;
	assert_true(parent->view.metadata_size > 0);
	assert_true(a->view.metadata_size > parent->view.metadata_size);
	assert_true(b->view.metadata_size > parent->view.metadata_size);
	assert_metadata(parent);
	assert_metadata(a);
	assert_metadata(b);
	/* Not copied. */
	assert_ptr_equal(a->view.members[1].metadata, parent->view.members[1].metadata);
	assert_ptr_equal(b->view.members[1].metadata, parent->view.members[1].metadata);
}

static void
test_groupstore__a_snapshot_brings_its_metadata(void **state)
{
	uint8_t bytes[2U * PEAL_METADATA_SIZE_MAX];
	const struct peal_group *first = create(1);
	const struct peal_group *second = next_with_metadata(first, &nobody, 3);
	uint32_t size = peal_view_encode(&second->view, bytes, sizeof(bytes));
	const struct peal_group *decoded;

	(void)state;
	assert_int_equal(size, peal_view_encoded_size(&second->view));
	/* Another store knows nothing of the view. */
	memset(memory, 0, peal_groupstore_footprint(MEMBERS_MAX, GROUPS_COUNT));
	store = peal_groupstore_init(memory, MEMBERS_MAX, GROUPS_COUNT);
	groups = peal_groupstore_groups(store);
	decoded = groups.decode(groups.state, bytes, size);
	assert_non_null(decoded);
	memset(bytes, 0xEE, sizeof(bytes));
	assert_true(decoded->view.metadata_size > 0);
	assert_metadata(decoded);
	assert_metadata(next_with_metadata(decoded, &nobody, 4));
}

static void
release_pointed_at(void *argument)
{
	release(*(const struct peal_group **)argument);
}

static void
retain_pointed_at(void *argument)
{
	groups.retain(groups.state, *(const struct peal_group **)argument);
}

static void
test_groupstore__counts_its_users(void **state)
{
	const struct peal_group *group = create(1);
	struct peal_group stranger = *group;
	const struct peal_group *again = create(1);

	(void)state;
	groups.retain(groups.state, group);
	assert_int_equal(group->users_count, 3);
	release(again);
	release(group);
	release(group);
	assert_int_equal(peal_groupstore_count(store), 0);
	/* Who has released it may not do so again, nor keep it. */
	assert_true(peal_test_dies(release_pointed_at, &group));
	assert_true(peal_test_dies(retain_pointed_at, &group));
	group = &stranger;
	assert_true(peal_test_dies(release_pointed_at, &group));
}

static void
init_out_of_line(void *argument)
{
	(void)peal_groupstore_init((uint8_t *)argument + 8, 1, 1);
}

static void
test_groupstore__asks_for_aligned_memory(void **state)
{
	(void)state;
	assert_true(peal_test_dies(init_out_of_line, memory));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(
			test_groupstore__keeps_metadata_with_its_member, setup, teardown),
		cmocka_unit_test_setup_teardown(
			test_groupstore__siblings_share_and_do_not_mix, setup, teardown),
		cmocka_unit_test_setup_teardown(
			test_groupstore__a_snapshot_brings_its_metadata, setup, teardown),
		cmocka_unit_test_setup_teardown(
			test_groupstore__makes_complete_groups, setup, teardown),
		cmocka_unit_test_setup_teardown(
			test_groupstore__one_cut_of_one_parent_is_one_group, setup, teardown),
		cmocka_unit_test_setup_teardown(
			test_groupstore__one_founder_is_one_group, setup, teardown),
		cmocka_unit_test_setup_teardown(
			test_groupstore__a_snapshot_of_a_known_view_is_the_group_that_is_there,
			setup, teardown),
		cmocka_unit_test_setup_teardown(
			test_groupstore__a_cut_to_a_view_that_came_as_a_snapshot_is_that_group,
			setup, teardown),
		cmocka_unit_test_setup_teardown(
			test_groupstore__refuses_what_is_no_snapshot, setup, teardown),
		cmocka_unit_test_setup_teardown(
			test_groupstore__refuses_a_group_that_is_too_large, setup, teardown),
		cmocka_unit_test_setup_teardown(
			test_groupstore__says_when_it_is_full, setup, teardown),
		cmocka_unit_test_setup_teardown(
			test_groupstore__keeps_what_was_released_until_its_place_is_needed, setup,
			teardown),
		cmocka_unit_test_setup_teardown(
			test_groupstore__goes_through_many_views_in_few_places, setup, teardown),
		cmocka_unit_test_setup_teardown(
			test_groupstore__does_not_touch_memory_that_it_does_not_need, setup,
			teardown),
		cmocka_unit_test_setup_teardown(test_groupstore__counts_its_users, setup, teardown),
		cmocka_unit_test_setup_teardown(
			test_groupstore__asks_for_aligned_memory, setup, teardown),
	};

	return cmocka_run_group_tests_name("test_groupstore", tests, NULL, NULL);
}
