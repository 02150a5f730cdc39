/* SPDX-License-Identifier: BSD-3-Clause */
#include "control/learner.h"
#include "tests/lib/cmocka_all.h"
#include "tests/lib/dies.h"

static const struct peal_hash128 red = {1, 1};
static const struct peal_hash128 blue = {2, 2};
static const struct peal_bitset nobody = {{0}};

static struct peal_learner
new_learner(uint32_t members_count)
{
	struct peal_learner learner;
	struct peal_quorum quorum = {.members_count = members_count, .tie_rank = 0};

	peal_learner_init(&learner, quorum);
	return learner;
}

static bool
accept(struct peal_learner *learner, uint16_t rank, struct peal_ballot ballot,
	struct peal_hash128 digest)
{
	struct peal_bitset one = {{0}};

	peal_bitset_add(&one, rank);
	return peal_learner_on_accepted(learner, &one, ballot, digest);
}

/* All ranks from `first` to the one before `end`. */
static struct peal_bitset
run(uint32_t first, uint32_t end)
{
	struct peal_bitset ranks = {{0}};

	for (uint32_t rank = first; rank < end; rank++) {
		peal_bitset_add(&ranks, rank);
	}
	return ranks;
}

static struct peal_hash128
digest_of(uint64_t number)
{
	return (struct peal_hash128){.low = number, .high = 77};
}

static void
test_learner__decides_at_a_fast_quorum(void **state)
{
	struct peal_learner learner = new_learner(4);

	(void)state;
	assert_false(accept(&learner, 1, PEAL_BALLOT_FAST, red));
	assert_false(accept(&learner, 2, PEAL_BALLOT_FAST, red));
	assert_false(accept(&learner, 3, PEAL_BALLOT_FAST, red));
	assert_true(accept(&learner, 0, PEAL_BALLOT_FAST, red));
	assert_int_equal(peal_learner_weight(&learner, red), 9);
	peal_learner_check(&learner);
}

static void
test_learner__counts_a_member_once(void **state)
{
	struct peal_learner learner = new_learner(4);

	(void)state;
	for (uint32_t i = 0; i < 10; i++) {
		assert_false(accept(&learner, 1, PEAL_BALLOT_FAST, red));
	}
	/* A second vote for something else does not move the first one. */
	assert_false(accept(&learner, 1, PEAL_BALLOT_FAST, blue));
	assert_int_equal(peal_learner_weight(&learner, red), 2);
	assert_int_equal(peal_learner_weight(&learner, blue), 0);
}

static void
test_learner__decides_at_a_classic_quorum_of_one_ballot(void **state)
{
	struct peal_learner learner = new_learner(5);
	struct peal_ballot low = {2, 1};
	struct peal_ballot high = {2, 2};

	(void)state;
	assert_false(accept(&learner, 1, low, red));
	assert_false(accept(&learner, 2, low, red));
	/* Neither another ballot nor the fast round adds to it. */
	assert_false(accept(&learner, 3, high, red));
	assert_false(accept(&learner, 4, PEAL_BALLOT_FAST, red));
	assert_false(accept(&learner, 3, low, blue));
	assert_true(accept(&learner, 3, low, red));
	/* It stays decided, whoever repeats it. */
	assert_true(accept(&learner, 3, low, red));
	peal_learner_check(&learner);
}

static void
test_learner__knows_who_voted_for_what(void **state)
{
	struct peal_learner learner = new_learner(6);
	struct peal_ballot ballot = {3, 4};

	(void)state;
	(void)accept(&learner, 0, PEAL_BALLOT_FAST, red);
	(void)accept(&learner, 5, PEAL_BALLOT_FAST, red);
	(void)accept(&learner, 3, PEAL_BALLOT_FAST, blue);
	(void)accept(&learner, 3, ballot, red);
	assert_int_equal(peal_learner_voters(&learner, PEAL_BALLOT_FAST, red).words[0], 0x21);
	assert_int_equal(peal_learner_voters(&learner, PEAL_BALLOT_FAST, blue).words[0], 0x8);
	assert_int_equal(peal_learner_voters(&learner, ballot, red).words[0], 0x8);
	assert_int_equal(peal_learner_voters(&learner, ballot, blue).words[0], 0);
	/* The larger of 5 in the fast round and 2 in the classic one. */
	assert_int_equal(peal_learner_weight(&learner, red), 5);
}

static void
test_learner__keeps_every_fast_vote(void **state)
{
	struct peal_learner learner = new_learner(PEAL_DIRECT_MAX);
	bool is_quorum = false;

	(void)state;
	/* More values than any table holds, then everybody else for one of them. */
	for (uint16_t rank = 0; rank < 16; rank++) {
		(void)accept(&learner, rank, PEAL_BALLOT_FAST, digest_of(rank));
	}
	for (uint16_t rank = 16; rank < PEAL_DIRECT_MAX; rank++) {
		is_quorum = accept(&learner, rank, PEAL_BALLOT_FAST, digest_of(15));
	}
	/* 49 of 64 members weigh 98; W - e = 129 - 32 = 97. */
	assert_true(is_quorum);
	assert_int_equal(peal_learner_weight(&learner, digest_of(15)), 98);
	peal_learner_check(&learner);
}

static void
test_learner__every_member_of_a_small_group_may_have_its_own_value(void **state)
{
	struct peal_learner learner = new_learner(PEAL_DIRECT_MAX);

	(void)state;
	for (uint16_t rank = 0; rank < PEAL_DIRECT_MAX; rank++) {
		assert_false(accept(&learner, rank, PEAL_BALLOT_FAST, digest_of(rank)));
	}
	for (uint16_t rank = 0; rank < PEAL_DIRECT_MAX; rank++) {
		assert_int_equal(peal_learner_weight(&learner, digest_of(rank)), rank == 0 ? 3 : 2);
	}
	peal_learner_check(&learner);
}

/* In a large group one value more than there is room for is heard, and counts if it weighs more. */
static void
test_learner__one_value_more_must_weigh_more(void **state)
{
	struct peal_learner learner = new_learner(1000);
	struct peal_bitset ranks;

	(void)state;
	for (uint16_t rank = 0; rank < PEAL_FAST_VALUES_MAX; rank++) {
		(void)accept(&learner, rank, PEAL_BALLOT_FAST, digest_of(rank));
	}
	assert_false(accept(&learner, 70, PEAL_BALLOT_FAST, blue));
	assert_int_equal(peal_bitset_count(&learner.fast_heard), PEAL_FAST_VALUES_MAX + 1U);
	assert_int_equal(peal_learner_weight(&learner, blue), 0);
	ranks = peal_learner_voters(&learner, PEAL_BALLOT_FAST, blue);
	assert_true(peal_bitset_is_empty(&ranks));
	peal_learner_check(&learner);

	/* What many voted for gets in; that the senior voted for something of its own keeps that
	 * in. */
	ranks = run(100, 800);
	assert_false(peal_learner_on_accepted(&learner, &ranks, PEAL_BALLOT_FAST, red));
	assert_int_equal(peal_learner_weight(&learner, red), 2U * 700U);
	assert_int_equal(peal_learner_weight(&learner, digest_of(0)), 3);
	assert_int_equal(peal_learner_weight(&learner, digest_of(1)), 0);
	ranks = run(70, 850);
	assert_true(peal_learner_on_accepted(&learner, &ranks, PEAL_BALLOT_FAST, red));
	/* The member at rank 70 had voted. */
	assert_int_equal(peal_learner_weight(&learner, red), 2U * 779U);
	peal_learner_check(&learner);
	ranks = peal_learner_voters(&learner, PEAL_BALLOT_FAST, red);
	assert_int_equal(peal_bitset_count(&ranks), 779);
	assert_false(peal_bitset_has(&ranks, 1));
	/* Who voted for what was pushed out has voted all the same. */
	assert_false(accept(&learner, 1, PEAL_BALLOT_FAST, digest_of(0)));
	assert_int_equal(peal_learner_weight(&learner, digest_of(0)), 3);
	peal_learner_check(&learner);
}

/* Sets come merged, repeated and in any order; a member counts once. */
static void
test_learner__counts_sets_of_ten_thousand(void **state)
{
	struct peal_learner learner = new_learner(10000);
	struct peal_ballot ballot = {2, 77};
	struct peal_bitset ranks = run(0, 4000);

	(void)state;
	assert_false(peal_learner_on_accepted(&learner, &ranks, PEAL_BALLOT_FAST, red));
	ranks = run(3000, 7499);
	assert_false(peal_learner_on_accepted(&learner, &ranks, PEAL_BALLOT_FAST, red));
	assert_false(peal_learner_on_accepted(&learner, &ranks, PEAL_BALLOT_FAST, red));
	assert_int_equal(peal_learner_weight(&learner, red), 2U * 7499U + 1U);
	/* W - e = 20 001 - 5 000: with the senior 7 500 members. */
	ranks = run(7498, 7500);
	assert_true(peal_learner_on_accepted(&learner, &ranks, PEAL_BALLOT_FAST, red));

	ranks = run(1, 5001);
	assert_false(peal_learner_on_accepted(&learner, &ranks, ballot, blue));
	ranks = run(0, 2);
	assert_true(peal_learner_on_accepted(&learner, &ranks, ballot, blue));
	ranks = peal_learner_voters(&learner, ballot, blue);
	assert_int_equal(peal_bitset_count(&ranks), 5001);
	peal_learner_check(&learner);
}

static void
test_learner__sees_split_votes_of_a_large_group(void **state)
{
	struct peal_learner learner = new_learner(1000);
	struct peal_bitset ranks = run(0, 260);

	(void)state;
	(void)peal_learner_on_accepted(&learner, &ranks, PEAL_BALLOT_FAST, red);
	assert_false(peal_learner_is_fast_infeasible(&learner, &nobody));
	ranks = run(260, 500);
	(void)peal_learner_on_accepted(&learner, &ranks, PEAL_BALLOT_FAST, blue);
	/* Red and the rest are 760 with the senior. */
	assert_false(peal_learner_is_fast_infeasible(&learner, &nobody));
	ranks = run(980, 1000);
	assert_true(peal_learner_is_fast_infeasible(&learner, &ranks));
}

/* Only what is known by rank of heard members is read: a used learner starts clean. */
static void
test_learner__starts_anew_in_used_memory(void **state)
{
	struct peal_learner learner = new_learner(500);
	struct peal_bitset ranks = run(0, 500);

	(void)state;
	(void)peal_learner_on_accepted(&learner, &ranks, PEAL_BALLOT_FAST, red);
	(void)peal_learner_on_accepted(&learner, &ranks, (struct peal_ballot){2, 0}, red);
	peal_learner_init(&learner, (struct peal_quorum){.members_count = 3, .tie_rank = 0});
	assert_int_equal(peal_learner_weight(&learner, red), 0);
	assert_false(accept(&learner, 1, PEAL_BALLOT_FAST, red));
	assert_int_equal(peal_learner_weight(&learner, red), 2);
	assert_false(accept(&learner, 2, PEAL_BALLOT_FAST, blue));
	assert_int_equal(peal_learner_weight(&learner, blue), 2);
	peal_learner_check(&learner);
}

static void
test_learner__drops_the_lowest_classic_ballot_first(void **state)
{
	struct peal_learner learner = new_learner(3);
	struct peal_ballot ballot = {2, 1};

	(void)state;
	for (uint32_t round = 3; round < 3 + PEAL_TALLIES_MAX; round++) {
		ballot.round = round;
		assert_false(accept(&learner, 1, ballot, red));
	}
	assert_int_equal(learner.tallies_count, PEAL_TALLIES_MAX);
	/* Lower than all: not taken. */
	ballot.round = 2;
	assert_false(accept(&learner, 2, ballot, red));
	assert_int_equal(peal_learner_voters(&learner, ballot, red).words[0], 0);
	/* Higher: round 3 goes. */
	ballot.round = 50;
	assert_false(accept(&learner, 2, ballot, blue));
	assert_int_equal(peal_learner_voters(&learner, ballot, blue).words[0], 4);
	ballot.round = 3;
	assert_int_equal(peal_learner_voters(&learner, ballot, red).words[0], 0);
	ballot.round = 4;
	assert_true(accept(&learner, 0, ballot, red));
	peal_learner_check(&learner);
}

static void
test_learner__sees_that_votes_are_split(void **state)
{
	struct peal_learner learner = new_learner(4);

	(void)state;
	assert_false(peal_learner_is_fast_infeasible(&learner, &nobody));
	(void)accept(&learner, 0, PEAL_BALLOT_FAST, red);
	(void)accept(&learner, 1, PEAL_BALLOT_FAST, blue);
	/* Red may still get 3 + 2 + 2 = W - e. */
	assert_false(peal_learner_is_fast_infeasible(&learner, &nobody));
	(void)accept(&learner, 2, PEAL_BALLOT_FAST, blue);
	/* Blue has 4 and may get 6. */
	assert_true(peal_learner_is_fast_infeasible(&learner, &nobody));
}

static void
test_learner__counts_silent_absent_members_out(void **state)
{
	struct peal_learner learner = new_learner(4);
	struct peal_bitset absent = {{0x8}};

	(void)state;
	assert_false(peal_learner_is_fast_infeasible(&learner, &absent));
	absent.words[0] = 0xC;
	assert_true(peal_learner_is_fast_infeasible(&learner, &absent));
	/* One that is taken for absent but was heard is there. */
	(void)accept(&learner, 3, PEAL_BALLOT_FAST, red);
	assert_false(peal_learner_is_fast_infeasible(&learner, &absent));
	/* Of three members none can be spared. */
	learner = new_learner(3);
	absent.words[0] = 0x4;
	assert_true(peal_learner_is_fast_infeasible(&learner, &absent));
}

static void
hear_a_stranger(void *argument)
{
	(void)accept(argument, 3, PEAL_BALLOT_FAST, red);
}

static void
hear_nobody(void *argument)
{
	(void)peal_learner_on_accepted(argument, &nobody, PEAL_BALLOT_FAST, red);
}

static void
hear_no_ballot(void *argument)
{
	(void)accept(argument, 0, (struct peal_ballot){0, 0}, red);
}

static void
test_learner__asserts_what_callers_promise(void **state)
{
	struct peal_learner learner = new_learner(3);

	(void)state;
	assert_true(peal_test_dies(hear_a_stranger, &learner));
	assert_true(peal_test_dies(hear_nobody, &learner));
	assert_true(peal_test_dies(hear_no_ballot, &learner));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_learner__decides_at_a_fast_quorum),
		cmocka_unit_test(test_learner__counts_a_member_once),
		cmocka_unit_test(test_learner__decides_at_a_classic_quorum_of_one_ballot),
		cmocka_unit_test(test_learner__knows_who_voted_for_what),
		cmocka_unit_test(test_learner__keeps_every_fast_vote),
		cmocka_unit_test(
			test_learner__every_member_of_a_small_group_may_have_its_own_value),
		cmocka_unit_test(test_learner__one_value_more_must_weigh_more),
		cmocka_unit_test(test_learner__counts_sets_of_ten_thousand),
		cmocka_unit_test(test_learner__sees_split_votes_of_a_large_group),
		cmocka_unit_test(test_learner__starts_anew_in_used_memory),
		cmocka_unit_test(test_learner__drops_the_lowest_classic_ballot_first),
		cmocka_unit_test(test_learner__sees_that_votes_are_split),
		cmocka_unit_test(test_learner__counts_silent_absent_members_out),
		cmocka_unit_test(test_learner__asserts_what_callers_promise),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
