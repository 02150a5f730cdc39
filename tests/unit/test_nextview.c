/* SPDX-License-Identifier: BSD-3-Clause */
#include "membership/nextview.h"

#include "tests/lib/cmocka_all.h"
#include "tests/lib/dies.h"
#include "tests/lib/gen.h"

#include <string.h>

static struct peal_prng prng;
static struct peal_member members[2][PEAL_MEMBERS_MAX];
static struct peal_member additions[PEAL_ADDITIONS_MAX];
static uint16_t places[2][PEAL_VIEW_PLACES_MAX];
static struct peal_view view;
static struct peal_view next;
static struct peal_proposal cut;

/* Gives `view` an index, as the groups of a store have one. */
static void
build_index(void)
{
	static struct peal_view_index index;

	index = (struct peal_view_index){PEAL_VIEW_PLACES_MAX, places[0], places[1]};
	assert_true(peal_view_build_index(&view, &index));
	view.index = &index;
}

/* A view of `members_count`, and a cut that removes rank 1 and adds two. */
static void
start(uint16_t members_count)
{
	peal_prng_init(&prng, 1);
	peal_gen_view(&prng, members_count, members[0], &view);
	cut = (struct peal_proposal){.parent_epoch = view.epoch, .parent_hash = view.hash};
	if (members_count > 1) {
		peal_bitset_add(&cut.removals, 1);
	}
	cut.additions = additions;
	cut.additions_count = 2;
	for (uint32_t index = 0; index < 2; index++) {
		peal_gen_member(&prng, &additions[index]);
		additions[index].uuid.high = index + 1U;
		additions[index].address.ipv4 = 0x0A0000F0U + index;
	}
}

static enum peal_invalid
validate(void)
{
	return peal_nextview_validate(&view, &cut);
}

static int
setup(void **state)
{
	(void)state;
	start(5);
	return validate() == PEAL_VALID ? 0 : -1;
}

static void
apply(void)
{
	peal_nextview_apply(&view, &cut, members[1], NULL, &next);
}

/* The cut creates group 7 of the members that have the first three ranks that stay. */
static void
create_ordergroup(void)
{
	static const char *const names[] = {"a", "b", "c"};
	static const uint32_t ranks[] = {0, 2, 3};

	cut.ordergroup = (struct peal_ordergroup){.id = 7, .generation = 1, .ranks_count = 3};
	for (uint32_t i = 0; i < 3; i++) {
		cut.ordergroup.ranks[i].mid = view.members[ranks[i]].mid;
		assert_true(peal_ordergroup_set_name(&cut.ordergroup, i, names[i]));
	}
}

static void
test_nextview__creates_an_order_group(void **state)
{
	static struct peal_ordergroup tables[3][PEAL_ORDERGROUPS_MAX];
	struct peal_view second;

	(void)state;
	create_ordergroup();
	assert_int_equal(validate(), PEAL_VALID);
	peal_nextview_apply(&view, &cut, members[1], tables[0], &next);
	peal_view_check(&next);
	assert_int_equal(next.ordergroups_count, 1);
	assert_true(peal_ordergroup_equals(&next.ordergroups[0], &cut.ordergroup));

	/* It stays when its ranks go, and others come before and behind it. */
	cut = (struct peal_proposal){
		.parent_epoch = next.epoch, .parent_hash = next.hash, .ordergroup = cut.ordergroup};
	peal_bitset_add(&cut.removals, 0);
	cut.ordergroup.ranks[0].mid = next.members[3].mid;
	cut.ordergroup.id = 3;
	assert_int_equal(peal_nextview_validate(&next, &cut), PEAL_VALID);
	peal_nextview_apply(&next, &cut, members[0], tables[1], &second);
	peal_view_check(&second);
	assert_int_equal(second.ordergroups_count, 2);
	assert_int_equal(second.ordergroups[0].id, 3);
	assert_true(peal_ordergroup_equals(&second.ordergroups[1], &next.ordergroups[0]));

	/* Created anew it takes the place of the former. */
	cut = (struct peal_proposal){.parent_epoch = second.epoch,
		.parent_hash = second.hash,
		.ordergroup = cut.ordergroup};
	assert_int_equal(peal_nextview_validate(&second, &cut), PEAL_INVALID_ORDERGROUP);
	cut.ordergroup.generation = 3;
	assert_int_equal(peal_nextview_validate(&second, &cut), PEAL_INVALID_ORDERGROUP);
	cut.ordergroup.generation = 2;
	assert_int_equal(peal_nextview_validate(&second, &cut), PEAL_VALID);
	peal_nextview_apply(&second, &cut, members[1], tables[2], &next);
	peal_view_check(&next);
	assert_int_equal(next.ordergroups_count, 2);
	assert_int_equal(next.ordergroups[0].generation, 2);
}

static void
test_nextview__refuses_an_order_group_that_cannot_begin(void **state)
{
	static struct peal_ordergroup table[PEAL_ORDERGROUPS_MAX];

	(void)state;
	create_ordergroup();
	cut.ordergroup.ranks[1].mid = view.members[1].mid; /* goes in this cut */
	assert_int_equal(validate(), PEAL_INVALID_ORDERGROUP);
	cut.ordergroup.ranks[1].mid = view.next_mid; /* comes with it, perhaps */
	assert_int_equal(validate(), PEAL_INVALID_ORDERGROUP);
	create_ordergroup();
	cut.ordergroup.generation = 2; /* of nothing */
	assert_int_equal(validate(), PEAL_INVALID_ORDERGROUP);
	create_ordergroup();
	cut.ordergroup.ranks_count = 2;
	assert_int_equal(validate(), PEAL_INVALID_ORDERGROUP);
	create_ordergroup();
	cut.ordergroup.ranks[2].mid = cut.ordergroup.ranks[0].mid;
	assert_int_equal(validate(), PEAL_INVALID_ORDERGROUP);

	create_ordergroup();
	for (uint32_t i = 0; i < PEAL_ORDERGROUPS_MAX; i++) {
		table[i] = cut.ordergroup;
		table[i].id = 100U + i;
	}
	view.ordergroups = table;
	view.ordergroups_count = PEAL_ORDERGROUPS_MAX;
	assert_int_equal(validate(), PEAL_INVALID_ORDERGROUP);
	view.ordergroups_count--;
	assert_int_equal(validate(), PEAL_VALID);
}

static void
test_nextview__refuses_another_parent(void **state)
{
	(void)state;
	cut.parent_epoch++;
	assert_int_equal(validate(), PEAL_INVALID_PARENT);
	cut.parent_epoch--;
	cut.parent_hash.high++;
	assert_int_equal(validate(), PEAL_INVALID_PARENT);
}

static void
test_nextview__a_cut_that_changes_nobody_is_a_new_epoch(void **state)
{
	(void)state;
	cut.removals = (struct peal_bitset){0};
	assert_int_equal(validate(), PEAL_VALID);
	cut.additions_count = 0;
	assert_int_equal(validate(), PEAL_VALID);
	apply();
	assert_int_equal(next.epoch, view.epoch + 1U);
	assert_int_equal(next.members_count, view.members_count);
	assert_false(peal_hash128_equals(next.hash, view.hash));
}

static void
test_nextview__refuses_to_remove_who_is_not_there(void **state)
{
	(void)state;
	peal_bitset_add(&cut.removals, 4);
	assert_int_equal(validate(), PEAL_VALID);
	peal_bitset_add(&cut.removals, 5);
	assert_int_equal(validate(), PEAL_INVALID_REMOVAL);
}

static void
test_nextview__refuses_to_remove_everybody(void **state)
{
	(void)state;
	for (uint32_t rank = 0; rank < 5; rank++) {
		peal_bitset_add(&cut.removals, rank);
	}
	/* The joiners alone are no group. */
	assert_int_equal(validate(), PEAL_INVALID_SIZE);
	peal_bitset_remove(&cut.removals, 4);
	assert_int_equal(validate(), PEAL_VALID);
}

static void
test_nextview__refuses_more_members_than_fit(void **state)
{
	(void)state;
	start(PEAL_MEMBERS_MAX - 1U);
	assert_int_equal(validate(), PEAL_VALID);
	start(PEAL_MEMBERS_MAX);
	assert_int_equal(validate(), PEAL_INVALID_SIZE);
	peal_bitset_add(&cut.removals, 2);
	assert_int_equal(validate(), PEAL_VALID);
	cut.additions_count = PEAL_ADDITIONS_MAX + 1U;
	assert_int_equal(validate(), PEAL_INVALID_SIZE);
	start(2);
	cut.additions_count = PEAL_ADDITIONS_MAX;
	assert_int_equal(validate(), PEAL_INVALID_SIZE);
}

static void
test_nextview__refuses_when_member_numbers_run_out(void **state)
{
	(void)state;
	view.next_mid = (UINT64_C(1) << 31) - 2U;
	view.hash = peal_view_hash(&view);
	cut.parent_hash = view.hash;
	assert_int_equal(validate(), PEAL_VALID);
	view.next_mid++;
	assert_int_equal(validate(), PEAL_INVALID_SIZE);
}

static void
test_nextview__refuses_additions_that_are_known_or_out_of_order(void **state)
{
	struct peal_member first = additions[0];

	(void)state;
	additions[0].uuid = view.members[3].uuid;
	assert_int_equal(validate(), PEAL_INVALID_ADDITION);
	/* Not even the uuid of the one that this cut removes. */
	additions[0].uuid = view.members[1].uuid;
	assert_int_equal(validate(), PEAL_INVALID_ADDITION);
	additions[0] = first;
	additions[0].uuid = additions[1].uuid;
	assert_int_equal(validate(), PEAL_INVALID_ADDITION);
	additions[0] = additions[1];
	additions[1] = first;
	assert_int_equal(validate(), PEAL_INVALID_ADDITION);
	cut.additions_count = 1;
	assert_int_equal(validate(), PEAL_VALID);
	additions[0].mid = 9;
	assert_int_equal(validate(), PEAL_INVALID_ADDITION);
	additions[0].mid = 0;
	additions[0].uuid = (struct peal_uuid){0};
	assert_int_equal(validate(), PEAL_INVALID_ADDITION);
}

static void
test_nextview__refuses_an_address_that_is_held(void **state)
{
	(void)state;
	additions[0].address = view.members[3].address;
	assert_int_equal(validate(), PEAL_INVALID_ADDRESS);
	build_index();
	assert_int_equal(validate(), PEAL_INVALID_ADDRESS);
	/* Held by the removed one: that is how an incarnation replaces another. */
	additions[0].address = view.members[1].address;
	assert_int_equal(validate(), PEAL_VALID);
	additions[1].address = view.members[1].address;
	assert_int_equal(validate(), PEAL_INVALID_ADDRESS);
}

static void
test_nextview__keeps_the_order_and_appends(void **state)
{
	(void)state;
	apply();
	peal_view_check(&next);
	assert_int_equal(next.epoch, view.epoch + 1U);
	assert_true(peal_hash128_equals(next.parent_hash, view.hash));
	assert_true(peal_uuid_equals(next.cluster, view.cluster));
	assert_int_equal(next.rings_count, view.rings_count);
	assert_int_equal(next.members_count, 6);
	assert_int_equal(next.members[0].mid, view.members[0].mid);
	assert_int_equal(next.members[1].mid, view.members[2].mid);
	assert_int_equal(next.members[3].mid, view.members[4].mid);
	for (uint32_t index = 0; index < 2; index++) {
		assert_int_equal(next.members[4U + index].mid, view.next_mid + index);
		assert_true(peal_uuid_equals(next.members[4U + index].uuid, additions[index].uuid));
	}
	assert_int_equal(next.next_mid, view.next_mid + 2U);
	assert_int_equal(next.tie_mid, view.members[0].mid);
}

static void
test_nextview__gives_the_tie_unit_to_the_new_senior(void **state)
{
	(void)state;
	peal_bitset_add(&cut.removals, 0);
	apply();
	assert_int_equal(next.tie_mid, view.members[2].mid);
}

static void
apply_stranger(void *argument)
{
	peal_nextview_apply(&view, argument, members[1], NULL, &next);
}

static void
apply_in_place(void *argument)
{
	peal_nextview_apply(&view, argument, members[1], NULL, &view);
}

static void
apply_over_the_members(void *argument)
{
	peal_nextview_apply(&view, argument, members[0], NULL, &next);
}

static void
test_nextview__does_not_apply_what_is_not_valid(void **state)
{
	struct peal_proposal stranger = {.parent_epoch = view.epoch + 1U, .parent_hash = view.hash};

	(void)state;
	assert_true(peal_test_dies(apply_stranger, &stranger));
	assert_true(peal_test_dies(apply_in_place, &cut));
	assert_true(peal_test_dies(apply_over_the_members, &cut));
}

static void
test_nextview__creates_a_cluster_of_one(void **state)
{
	struct peal_member founder = additions[0];

	(void)state;
	peal_nextview_create(view.cluster, 10, &founder, members[1], &next);
	peal_view_check(&next);
	assert_int_equal(next.epoch, 1);
	assert_int_equal(next.members_count, 1);
	assert_int_equal(next.members[0].mid, 1);
	assert_int_equal(next.next_mid, 2);
	assert_int_equal(next.tie_mid, 1);
	assert_int_equal(next.parent_hash.low | next.parent_hash.high, 0);
}

/* The view that was made is the one to go on from. */
static void
step(void)
{
	memcpy(members[0], members[1], next.members_count * sizeof(members[0][0]));
	view = next;
	view.members = members[0];
}

/* A random cut of `view` that keeps its senior and leads to at most `members_max`. */
static void
draw_cut(uint32_t members_max, uint32_t additions_max)
{
	uint32_t room = members_max - view.members_count;

	cut = (struct peal_proposal){
		.parent_epoch = view.epoch, .parent_hash = view.hash, .additions = additions};
	for (uint32_t rank = 1; rank < view.members_count; rank++) {
		if (peal_prng_ratio(&prng, 1, 12)) {
			peal_bitset_add(&cut.removals, rank);
		}
	}
	cut.additions_count = (uint16_t)peal_prng_below(&prng, additions_max + 1U);
	if (cut.additions_count > room) {
		cut.additions_count = (uint16_t)room;
	}
	for (uint32_t index = 0; index < cut.additions_count; index++) {
		peal_gen_member(&prng, &additions[index]);
		additions[index].uuid.high = index + 1U;
		additions[index].uuid.low = view.epoch;
		additions[index].address.ipv4 = (uint32_t)(view.epoch << 16U) + index + 1U;
	}
}

static void
test_nextview__survives_long_chains_of_random_cuts(void **state)
{
	struct peal_member founder = additions[0];

	(void)state;
	peal_nextview_create(view.cluster, 10, &founder, members[0], &view);
	while (view.epoch < 500) {
		draw_cut(64, 8);
		assert_int_equal(validate(), PEAL_VALID);
		apply();
		peal_view_check(&next);
		assert_null(next.index);
		/* The same cut does not fit its own result. */
		assert_int_equal(peal_nextview_validate(&next, &cut), PEAL_INVALID_PARENT);
		step();
	}
}

static void
test_nextview__grows_to_the_largest_group_and_shrinks_again(void **state)
{
	struct peal_member founder = additions[0];

	(void)state;
	peal_nextview_create(view.cluster, 10, &founder, members[0], &view);
	for (uint32_t round = 0; round < 20; round++) {
		build_index();
		draw_cut(PEAL_MEMBERS_MAX, round < 10 ? PEAL_ADDITIONS_MAX : 100);
		assert_int_equal(validate(), PEAL_VALID);
		apply();
		view = next;
		build_index();
		/* Sums kept from cut to cut are those of the members. */
		peal_view_check(&view);
		step();
	}
	build_index();
	cut = (struct peal_proposal){.parent_epoch = view.epoch, .parent_hash = view.hash};
	for (uint32_t rank = 1; rank < view.members_count; rank++) {
		peal_bitset_add(&cut.removals, rank);
	}
	apply();
	peal_view_check(&next);
	assert_int_equal(next.members_count, 1);
}

static void
test_nextview__finds_two_equal_addresses_among_many(void **state)
{
	(void)state;
	start(1);
	cut.additions_count = PEAL_ADDITIONS_MAX - 1U;
	for (uint32_t index = 0; index < cut.additions_count; index++) {
		peal_gen_member(&prng, &additions[index]);
		additions[index].uuid.high = index + 1U;
		/* One host: ports tell them apart. */
		additions[index].address.ipv4 = 0x0A000001U;
		additions[index].address.port = (uint16_t)(index + 1U);
	}
	build_index();
	assert_int_equal(validate(), PEAL_VALID);
	additions[9000].address.port = 4;
	assert_int_equal(validate(), PEAL_INVALID_ADDRESS);
}

static void
test_nextview__refuses_the_other_form_of_address(void **state)
{
	(void)state;
	start(1);
	cut.additions_count = 1;
	peal_gen_member(&prng, &additions[0]);
	additions[0].address.ipv4 = 0x0A0000F0U;
	build_index();
	assert_int_equal(validate(), PEAL_VALID);
	additions[0].address.ipv6_head = UINT64_C(0xFD) << 56;
	assert_int_equal(validate(), PEAL_INVALID_ADDRESS);
}

/* Exactly as much metadata as a view may have, and one byte more; who goes gives its own back. */
static void
test_nextview__refuses_more_metadata_than_a_view_may_have(void **state)
{
	const uint32_t rich_count = PEAL_VIEW_METADATA_BYTES_MAX / PEAL_METADATA_SIZE_MAX;

	(void)state;
	for (uint32_t rank = 0; rank < view.members_count; rank++) {
		peal_gen_metadata(&prng, rank == 1 ? 7 : 0, &members[0][rank]);
	}
	view.metadata_size = 7;
	cut.additions_count = (uint16_t)(rich_count + 1U);
	for (uint32_t index = 0; index < cut.additions_count; index++) {
		peal_gen_member(&prng, &additions[index]);
		additions[index].uuid.high = index + 1U;
		additions[index].address.ipv4 = 0x0A0000F0U + index;
		peal_gen_metadata(
			&prng, index < rich_count ? PEAL_METADATA_SIZE_MAX : 0, &additions[index]);
	}
	assert_int_equal(peal_nextview_metadata_size(&view, &cut), PEAL_VIEW_METADATA_BYTES_MAX);
	assert_int_equal(validate(), PEAL_VALID);
	cut.removals = (struct peal_bitset){{0}};
	assert_int_equal(validate(), PEAL_INVALID_METADATA);
	peal_bitset_add(&cut.removals, 1);
	peal_gen_metadata(&prng, 1, &additions[rich_count]);
	assert_int_equal(validate(), PEAL_INVALID_METADATA);
	/* One by one it is the same. */
	assert_int_equal(peal_nextview_metadata_after(&view, 7, 1, 9), 9);
	assert_int_equal(peal_nextview_metadata_after(&view, 7, PEAL_RANK_NONE, 9), 16);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(test_nextview__refuses_another_parent, setup),
		cmocka_unit_test_setup(test_nextview__creates_an_order_group, setup),
		cmocka_unit_test_setup(
			test_nextview__refuses_an_order_group_that_cannot_begin, setup),
		cmocka_unit_test_setup(
			test_nextview__a_cut_that_changes_nobody_is_a_new_epoch, setup),
		cmocka_unit_test_setup(test_nextview__refuses_to_remove_who_is_not_there, setup),
		cmocka_unit_test_setup(test_nextview__refuses_to_remove_everybody, setup),
		cmocka_unit_test_setup(test_nextview__refuses_more_members_than_fit, setup),
		cmocka_unit_test_setup(test_nextview__refuses_when_member_numbers_run_out, setup),
		cmocka_unit_test_setup(
			test_nextview__refuses_additions_that_are_known_or_out_of_order, setup),
		cmocka_unit_test_setup(test_nextview__refuses_an_address_that_is_held, setup),
		cmocka_unit_test_setup(test_nextview__keeps_the_order_and_appends, setup),
		cmocka_unit_test_setup(test_nextview__gives_the_tie_unit_to_the_new_senior, setup),
		cmocka_unit_test_setup(test_nextview__does_not_apply_what_is_not_valid, setup),
		cmocka_unit_test_setup(test_nextview__creates_a_cluster_of_one, setup),
		cmocka_unit_test_setup(test_nextview__survives_long_chains_of_random_cuts, setup),
		cmocka_unit_test_setup(
			test_nextview__grows_to_the_largest_group_and_shrinks_again, setup),
		cmocka_unit_test_setup(test_nextview__finds_two_equal_addresses_among_many, setup),
		cmocka_unit_test_setup(test_nextview__refuses_the_other_form_of_address, setup),
		cmocka_unit_test_setup(
			test_nextview__refuses_more_metadata_than_a_view_may_have, setup),
	};

	return cmocka_run_group_tests_name("test_nextview", tests, NULL, NULL);
}
