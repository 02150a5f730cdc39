/* SPDX-License-Identifier: BSD-3-Clause */
#include "control/quorum.h"
#include "tests/lib/cmocka_all.h"
#include "tests/lib/dies.h"
#include "tests/lib/gen.h"

static struct peal_bitset
set_of(uint64_t members)
{
	return (struct peal_bitset){{members}};
}

static void
test_quorum__figures_of_small_groups(void **state)
{
	/* total, classic, slack by N - 1 */
	static const uint32_t figures[9][3] = {{3, 2, 1}, {5, 3, 1}, {7, 4, 1}, {9, 5, 2},
		{11, 6, 3}, {13, 7, 3}, {15, 8, 3}, {17, 9, 4}, {19, 10, 5}};

	(void)state;
	for (uint32_t count = 1; count <= 9; count++) {
		struct peal_quorum quorum = {.members_count = count, .tie_rank = 0};

		assert_int_equal(peal_quorum_total(&quorum), figures[count - 1U][0]);
		assert_int_equal(peal_quorum_classic(&quorum), figures[count - 1U][1]);
		assert_int_equal(peal_quorum_slack(&quorum), figures[count - 1U][2]);
	}
}

static void
test_quorum__takes_the_holder_from_the_view(void **state)
{
	struct peal_member members[5];
	struct peal_view view;
	struct peal_prng prng;

	(void)state;
	peal_prng_init(&prng, 7);
	peal_gen_view(&prng, 5, members, &view);
	assert_int_equal(peal_quorum_of(&view).tie_rank, 0);
	view.tie_mid = view.members[3].mid;
	assert_int_equal(peal_quorum_of(&view).tie_rank, 3);
	assert_int_equal(peal_quorum_of(&view).members_count, 5);
	/* A witness: the holder is no member. */
	view.tie_mid = view.next_mid + 10U;
	assert_int_equal(peal_quorum_of(&view).tie_rank, PEAL_RANK_NONE);
}

static void
test_quorum__weighs_members_two_and_the_holder_three(void **state)
{
	struct peal_quorum quorum = {.members_count = 4, .tie_rank = 2};
	struct peal_bitset set = set_of(0x3);

	(void)state;
	assert_int_equal(peal_quorum_weight(&quorum, &set), 4);
	set = set_of(0xC);
	assert_int_equal(peal_quorum_weight(&quorum, &set), 5);
	set = set_of(0);
	assert_int_equal(peal_quorum_weight(&quorum, &set), 0);
	quorum.tie_rank = PEAL_RANK_NONE;
	set = set_of(0xF);
	assert_int_equal(peal_quorum_weight(&quorum, &set), 8);
}

/* Ten thousand and all that there may be: the same rule over words. */
static void
test_quorum__weighs_large_groups(void **state)
{
	static const uint32_t counts[] = {
		64, 65, 127, 128, 1000, 9999, 10000, PEAL_MEMBERS_MAX - 1U, PEAL_MEMBERS_MAX};

	(void)state;
	for (size_t i = 0; i < sizeof(counts) / sizeof(counts[0]); i++) {
		struct peal_quorum quorum = {.members_count = counts[i], .tie_rank = 0};
		struct peal_bitset half = {{0}};
		struct peal_bitset rest;

		for (uint32_t rank = 0; rank < counts[i] / 2U; rank++) {
			peal_bitset_add(&half, rank);
		}
		rest = peal_quorum_others(&quorum, &half);
		assert_int_equal(peal_quorum_weight(&quorum, &half), 2U * (counts[i] / 2U) + 1U);
		assert_int_equal(
			peal_quorum_weight(&quorum, &half) + peal_quorum_weight(&quorum, &rest),
			peal_quorum_total(&quorum));
		/* Of an even number the half with the senior is a quorum, else the larger one. */
		assert_int_equal(peal_quorum_classic_ok(&quorum, &half), counts[i] % 2U == 0);
		assert_int_equal(peal_quorum_classic_ok(&quorum, &rest), counts[i] % 2U == 1);
		assert_false(peal_quorum_fast_ok(&quorum, &half));
	}
}

static void
test_quorum__others_are_everybody_else(void **state)
{
	struct peal_quorum quorum = {.members_count = 70, .tie_rank = 0};
	struct peal_bitset set = {{UINT64_C(0x5555555555555555), UINT64_C(0x15)}};
	struct peal_bitset others = peal_quorum_others(&quorum, &set);

	(void)state;
	assert_true(others.words[0] == UINT64_C(0xAAAAAAAAAAAAAAAA));
	assert_true(others.words[1] == UINT64_C(0x2A));
	assert_int_equal(peal_bitset_count(&others), 35);
	others = peal_quorum_others(&quorum, &others);
	assert_true(peal_bitset_equals(&others, &set));
}

/* Three quarters of a large group decide fast, one member less does not. */
static void
test_quorum__fast_quorum_by_weight_and_by_set_is_one_rule(void **state)
{
	struct peal_quorum quorum = {.members_count = 10000, .tie_rank = 0};
	struct peal_bitset set = {{0}};

	(void)state;
	for (uint32_t rank = 0; rank < 7499; rank++) {
		peal_bitset_add(&set, rank);
	}
	assert_false(peal_quorum_fast_ok(&quorum, &set));
	assert_false(peal_quorum_fast_weight_ok(&quorum, 14999));
	peal_bitset_add(&set, 7499);
	assert_true(peal_quorum_fast_ok(&quorum, &set));
	assert_true(peal_quorum_fast_weight_ok(&quorum, 15001));
}

static void
test_quorum__of_two_the_senior_is_enough(void **state)
{
	struct peal_quorum quorum = {.members_count = 2, .tie_rank = 0};
	struct peal_bitset senior = set_of(1);
	struct peal_bitset junior = set_of(2);
	struct peal_bitset both = set_of(3);

	(void)state;
	assert_true(peal_quorum_classic_ok(&quorum, &senior));
	assert_false(peal_quorum_classic_ok(&quorum, &junior));
	assert_false(peal_quorum_fast_ok(&quorum, &senior));
	assert_true(peal_quorum_fast_ok(&quorum, &both));
	assert_true(peal_quorum_is_blocked(&quorum, &senior));
	assert_false(peal_quorum_is_blocked(&quorum, &junior));
}

static void
test_quorum__of_four_three_decide_fast_only_with_the_senior(void **state)
{
	struct peal_quorum quorum = {.members_count = 4, .tie_rank = 0};
	struct peal_bitset with = set_of(0x7);
	struct peal_bitset without = set_of(0xE);
	struct peal_bitset all = set_of(0xF);

	(void)state;
	assert_true(peal_quorum_fast_ok(&quorum, &with));
	assert_false(peal_quorum_fast_ok(&quorum, &without));
	assert_true(peal_quorum_fast_ok(&quorum, &all));
}

static void
test_quorum__forces_what_too_few_are_against(void **state)
{
	struct peal_quorum quorum = {.members_count = 5, .tie_rank = 0};
	struct peal_bitset responders = set_of(0x7);
	struct peal_bitset voters = set_of(0x6);

	(void)state;
	/* Q weighs 7, e = 3: the senior alone is against. */
	assert_true(peal_quorum_forced(&quorum, &voters, &responders));
	/* Two juniors are against. */
	voters = set_of(0x1);
	assert_false(peal_quorum_forced(&quorum, &voters, &responders));
	/* Voters outside Q change nothing. */
	voters = set_of(0x1 | 0x18);
	assert_false(peal_quorum_forced(&quorum, &voters, &responders));
}

static void
test_quorum__holder_outside_never_votes_fast(void **state)
{
	struct peal_quorum quorum = {.members_count = 4, .tie_rank = PEAL_RANK_NONE};
	struct peal_bitset responders = set_of(0x7);
	struct peal_bitset voters = set_of(0x3);
	struct peal_bitset three = set_of(0x7);

	(void)state;
	/* W - e = 7: three members weigh 6. */
	assert_false(peal_quorum_fast_ok(&quorum, &three));
	/* Two of Q and the fourth one are three members: cannot be chosen. */
	assert_false(peal_quorum_forced(&quorum, &voters, &responders));
	voters = three;
	assert_true(peal_quorum_forced(&quorum, &voters, &responders));
}

static void
weigh_a_stranger(void *argument)
{
	struct peal_quorum quorum = {.members_count = 3, .tie_rank = 0};
	struct peal_bitset set = set_of(8);

	(void)argument;
	(void)peal_quorum_weight(&quorum, &set);
}

static void
force_without_quorum(void *argument)
{
	struct peal_quorum quorum = {.members_count = 3, .tie_rank = 0};
	struct peal_bitset set = set_of(2);

	(void)argument;
	(void)peal_quorum_forced(&quorum, &set, &set);
}

static void
test_quorum__asserts_what_callers_promise(void **state)
{
	(void)state;
	assert_true(peal_test_dies(weigh_a_stranger, NULL));
	assert_true(peal_test_dies(force_without_quorum, NULL));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_quorum__figures_of_small_groups),
		cmocka_unit_test(test_quorum__takes_the_holder_from_the_view),
		cmocka_unit_test(test_quorum__weighs_members_two_and_the_holder_three),
		cmocka_unit_test(test_quorum__weighs_large_groups),
		cmocka_unit_test(test_quorum__others_are_everybody_else),
		cmocka_unit_test(test_quorum__fast_quorum_by_weight_and_by_set_is_one_rule),
		cmocka_unit_test(test_quorum__of_two_the_senior_is_enough),
		cmocka_unit_test(test_quorum__of_four_three_decide_fast_only_with_the_senior),
		cmocka_unit_test(test_quorum__forces_what_too_few_are_against),
		cmocka_unit_test(test_quorum__holder_outside_never_votes_fast),
		cmocka_unit_test(test_quorum__asserts_what_callers_promise),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
