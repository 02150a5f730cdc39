/* SPDX-License-Identifier: BSD-3-Clause */
#include "membership/nextview.h"

#include "tests/lib/cmocka_all.h"
#include "tests/lib/dies.h"
#include "tests/lib/gen.h"

static struct peal_prng prng;
static struct peal_view view;
static struct peal_view next;
static struct peal_proposal cut;

/* A view of `members_count`, and a cut that removes rank 1 and adds two. */
static void
start(uint16_t members_count)
{
	peal_prng_init(&prng, 1);
	peal_gen_view(&prng, members_count, &view);
	cut = (struct peal_proposal){.parent_epoch = view.epoch, .parent_hash = view.hash};
	if (members_count > 1) {
		peal_bitset_add(&cut.removals, 1);
	}
	cut.additions_count = 2;
	for (uint32_t index = 0; index < 2; index++) {
		peal_gen_member(&prng, &cut.additions[index]);
		cut.additions[index].uuid.high = index + 1U;
		cut.additions[index].address.ipv4 = 0x0A0000F0U + index;
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
	peal_nextview_apply(&view, &cut, &next);
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
}

static void
test_nextview__refuses_when_member_numbers_run_out(void **state)
{
	(void)state;
	view.next_mid = (UINT64_C(1) << 31) - 2U;
	view.hash = peal_view_compute_hash(&view);
	cut.parent_hash = view.hash;
	assert_int_equal(validate(), PEAL_VALID);
	view.next_mid++;
	assert_int_equal(validate(), PEAL_INVALID_SIZE);
}

static void
test_nextview__refuses_additions_that_are_known_or_out_of_order(void **state)
{
	struct peal_member first = cut.additions[0];

	(void)state;
	cut.additions[0].uuid = view.members[3].uuid;
	assert_int_equal(validate(), PEAL_INVALID_ADDITION);
	/* Not even the uuid of the one that this cut removes. */
	cut.additions[0].uuid = view.members[1].uuid;
	assert_int_equal(validate(), PEAL_INVALID_ADDITION);
	cut.additions[0] = first;
	cut.additions[0].uuid = cut.additions[1].uuid;
	assert_int_equal(validate(), PEAL_INVALID_ADDITION);
	cut.additions[0] = cut.additions[1];
	cut.additions[1] = first;
	assert_int_equal(validate(), PEAL_INVALID_ADDITION);
	cut.additions_count = 1;
	assert_int_equal(validate(), PEAL_VALID);
	cut.additions[0].mid = 9;
	assert_int_equal(validate(), PEAL_INVALID_ADDITION);
	cut.additions[0].mid = 0;
	cut.additions[0].uuid = (struct peal_uuid){0};
	assert_int_equal(validate(), PEAL_INVALID_ADDITION);
}

static void
test_nextview__refuses_an_address_that_is_held(void **state)
{
	(void)state;
	cut.additions[0].address = view.members[3].address;
	assert_int_equal(validate(), PEAL_INVALID_ADDRESS);
	/* Held by the removed one: that is how an incarnation replaces another. */
	cut.additions[0].address = view.members[1].address;
	assert_int_equal(validate(), PEAL_VALID);
	cut.additions[1].address = view.members[1].address;
	assert_int_equal(validate(), PEAL_INVALID_ADDRESS);
}

static void
test_nextview__keeps_the_order_and_appends(void **state)
{
	(void)state;
	peal_nextview_apply(&view, &cut, &next);
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
		assert_true(
			peal_uuid_equals(next.members[4U + index].uuid, cut.additions[index].uuid));
	}
	assert_int_equal(next.next_mid, view.next_mid + 2U);
	assert_int_equal(next.tie_mid, view.members[0].mid);
}

static void
test_nextview__gives_the_tie_unit_to_the_new_senior(void **state)
{
	(void)state;
	peal_bitset_add(&cut.removals, 0);
	peal_nextview_apply(&view, &cut, &next);
	assert_int_equal(next.tie_mid, view.members[2].mid);
}

static void
apply_stranger(void *argument)
{
	peal_nextview_apply(&view, argument, &next);
}

static void
apply_in_place(void *argument)
{
	peal_nextview_apply(&view, argument, &view);
}

static void
test_nextview__does_not_apply_what_is_not_valid(void **state)
{
	struct peal_proposal stranger = {.parent_epoch = view.epoch + 1U, .parent_hash = view.hash};

	(void)state;
	assert_true(peal_test_dies(apply_stranger, &stranger));
	assert_true(peal_test_dies(apply_in_place, &cut));
}

static void
test_nextview__creates_a_cluster_of_one(void **state)
{
	struct peal_member founder = cut.additions[0];

	(void)state;
	peal_nextview_create(view.cluster, 10, &founder, &next);
	peal_view_check(&next);
	assert_int_equal(next.epoch, 1);
	assert_int_equal(next.members_count, 1);
	assert_int_equal(next.members[0].mid, 1);
	assert_int_equal(next.next_mid, 2);
	assert_int_equal(next.tie_mid, 1);
	assert_int_equal(next.parent_hash.low | next.parent_hash.high, 0);
}

static void
test_nextview__survives_long_chains_of_random_cuts(void **state)
{
	struct peal_member founder = cut.additions[0];

	(void)state;
	peal_nextview_create(view.cluster, 10, &founder, &view);
	for (uint64_t epoch = 2; epoch < 500; epoch++) {
		uint32_t room = PEAL_MEMBERS_MAX - view.members_count;

		cut = (struct peal_proposal){.parent_epoch = view.epoch, .parent_hash = view.hash};
		for (uint32_t rank = 1; rank < view.members_count; rank++) {
			if (peal_prng_ratio(&prng, 1, 12)) {
				peal_bitset_add(&cut.removals, rank);
			}
		}
		cut.additions_count = (uint8_t)peal_prng_below(&prng, PEAL_ADDITIONS_MAX + 1U);
		if (cut.additions_count > room) {
			cut.additions_count = (uint8_t)room;
		}
		for (uint32_t index = 0; index < cut.additions_count; index++) {
			peal_gen_member(&prng, &cut.additions[index]);
			cut.additions[index].uuid.high = index + 1U;
			cut.additions[index].uuid.low = epoch;
			cut.additions[index].address.ipv4 = (uint32_t)(epoch << 8U) + index;
		}
		assert_int_equal(validate(), PEAL_VALID);
		peal_nextview_apply(&view, &cut, &next);
		/* The same cut does not fit its own result. */
		assert_int_equal(peal_nextview_validate(&next, &cut), PEAL_INVALID_PARENT);
		view = next;
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(test_nextview__refuses_another_parent, setup),
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
	};

	return cmocka_run_group_tests_name("test_nextview", tests, NULL, NULL);
}
