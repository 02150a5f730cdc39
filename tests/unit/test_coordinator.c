/* SPDX-License-Identifier: BSD-3-Clause */
#include "control/coordinator.h"
#include "tests/lib/cmocka_all.h"
#include "tests/lib/dies.h"

static const struct peal_hash128 red = {1, 1};
static const struct peal_hash128 blue = {2, 2};
static const struct peal_hash128 own = {3, 3};
static const struct peal_hash128 zero = {0, 0};
static const struct peal_ballot none = {0, 0};

/* Coordinator at rank 1 of `members_count`. */
static struct peal_coordinator
new_coordinator(uint32_t members_count)
{
	struct peal_coordinator coordinator;
	struct peal_quorum quorum = {.members_count = members_count, .tie_rank = 0};

	peal_coordinator_init(&coordinator, quorum, 1);
	return coordinator;
}

static void
promise(struct peal_coordinator *coordinator, uint16_t rank, struct peal_ballot vrnd,
	struct peal_hash128 digest)
{
	struct peal_bitset one = {{0}};

	peal_bitset_add(&one, rank);
	peal_coordinator_on_p1b(coordinator, &one, coordinator->ballot, vrnd, digest);
	peal_coordinator_check(coordinator);
}

/* The ranks from `first` to the one before `end` promise alike. */
static void
promise_all(struct peal_coordinator *coordinator, uint32_t first, uint32_t end,
	struct peal_ballot vrnd, struct peal_hash128 digest)
{
	struct peal_bitset ranks = {{0}};

	for (uint32_t rank = first; rank < end; rank++) {
		peal_bitset_add(&ranks, rank);
	}
	peal_coordinator_on_p1b(coordinator, &ranks, coordinator->ballot, vrnd, digest);
	peal_coordinator_check(coordinator);
}

static void
assert_chooses(const struct peal_coordinator *coordinator, struct peal_hash128 digest)
{
	struct peal_hash128 chosen = zero;

	assert_int_equal(peal_coordinator_choose(coordinator, &chosen), PEAL_CHOICE_VALUE);
	assert_true(peal_hash128_equals(chosen, digest));
}

static void
assert_waits(const struct peal_coordinator *coordinator)
{
	struct peal_hash128 chosen;

	assert_int_equal(peal_coordinator_choose(coordinator, &chosen), PEAL_CHOICE_WAIT);
}

static void
test_coordinator__rounds_grow_past_everything_seen(void **state)
{
	struct peal_coordinator coordinator = new_coordinator(3);
	struct peal_ballot ballot = peal_coordinator_start(&coordinator);

	(void)state;
	assert_int_equal(ballot.round, 2);
	assert_int_equal(ballot.index, 1);
	/* Own rounds count, whether or not anybody heard of them. */
	assert_int_equal(peal_coordinator_start(&coordinator).round, 3);
	peal_coordinator_on_round(&coordinator, 9);
	peal_coordinator_on_round(&coordinator, 4);
	assert_int_equal(peal_coordinator_start(&coordinator).round, 10);
	assert_int_equal(coordinator.attempts_count, 3);
}

static void
test_coordinator__rounds_end_one_day(void **state)
{
	struct peal_coordinator coordinator = new_coordinator(3);

	(void)state;
	peal_coordinator_on_round(&coordinator, PEAL_ROUNDS_MAX - 1U);
	assert_true(peal_coordinator_can_start(&coordinator));
	assert_int_equal(peal_coordinator_start(&coordinator).round, PEAL_ROUNDS_MAX);
	assert_false(peal_coordinator_can_start(&coordinator));
}

static void
test_coordinator__waits_for_a_quorum_of_distinct_members(void **state)
{
	struct peal_coordinator coordinator = new_coordinator(5);

	(void)state;
	peal_coordinator_set_own(&coordinator, own, true);
	assert_waits(&coordinator);
	(void)peal_coordinator_start(&coordinator);
	promise(&coordinator, 1, none, zero);
	for (uint32_t i = 0; i < 5; i++) {
		promise(&coordinator, 2, none, zero);
	}
	assert_waits(&coordinator);
	promise(&coordinator, 3, none, zero);
	assert_chooses(&coordinator, own);
}

static void
test_coordinator__ignores_promises_of_other_ballots(void **state)
{
	struct peal_coordinator coordinator = new_coordinator(3);
	struct peal_ballot first = peal_coordinator_start(&coordinator);
	struct peal_bitset senior = {{0x1}};

	(void)state;
	peal_coordinator_set_own(&coordinator, own, true);
	promise(&coordinator, 1, none, zero);
	(void)peal_coordinator_start(&coordinator);
	/* The new round begins with nobody. */
	peal_coordinator_on_p1b(&coordinator, &senior, first, none, zero);
	promise(&coordinator, 1, none, zero);
	assert_waits(&coordinator);
	promise(&coordinator, 0, none, zero);
	assert_chooses(&coordinator, own);
}

static void
test_coordinator__takes_the_value_of_the_last_classic_round(void **state)
{
	struct peal_coordinator coordinator = new_coordinator(5);
	struct peal_ballot low = {2, 0};
	struct peal_ballot high = {3, 0};

	(void)state;
	peal_coordinator_set_own(&coordinator, own, true);
	peal_coordinator_on_round(&coordinator, 3);
	(void)peal_coordinator_start(&coordinator);
	promise(&coordinator, 1, low, red);
	promise(&coordinator, 0, low, red);
	promise(&coordinator, 4, high, blue);
	assert_chooses(&coordinator, blue);
}

static void
test_coordinator__stops_at_two_values_of_one_classic_round(void **state)
{
	struct peal_coordinator coordinator = new_coordinator(5);
	struct peal_ballot low = {2, 0};
	struct peal_hash128 chosen;

	(void)state;
	peal_coordinator_on_round(&coordinator, 2);
	(void)peal_coordinator_start(&coordinator);
	promise(&coordinator, 1, low, red);
	promise(&coordinator, 2, low, blue);
	promise(&coordinator, 3, none, zero);
	assert_int_equal(peal_coordinator_choose(&coordinator, &chosen), PEAL_CHOICE_CONFLICT);
}

static void
test_coordinator__is_forced_by_a_value_that_may_be_chosen_fast(void **state)
{
	struct peal_coordinator coordinator = new_coordinator(5);

	(void)state;
	peal_coordinator_set_own(&coordinator, own, true);
	(void)peal_coordinator_start(&coordinator);
	promise(&coordinator, 1, PEAL_BALLOT_FAST, red);
	promise(&coordinator, 2, none, zero);
	promise(&coordinator, 3, PEAL_BALLOT_FAST, red);
	/* One of three is against: 2 <= e = 3, the others may have voted red. */
	assert_chooses(&coordinator, red);
	promise(&coordinator, 4, PEAL_BALLOT_FAST, blue);
	/* Two are: red cannot be chosen any more. */
	assert_chooses(&coordinator, own);
}

static void
test_coordinator__forces_beyond_the_table_of_values(void **state)
{
	struct peal_coordinator coordinator = new_coordinator(PEAL_DIRECT_MAX);

	(void)state;
	peal_coordinator_set_own(&coordinator, own, true);
	(void)peal_coordinator_start(&coordinator);
	/* Sixteen members of as many minds come first: weight 33, 32 without any one of them. */
	for (uint16_t rank = 0; rank < 16; rank++) {
		promise(&coordinator, rank, PEAL_BALLOT_FAST,
			(struct peal_hash128){100U + rank, 0});
	}
	assert_waits(&coordinator);
	for (uint16_t rank = 16; rank < 33; rank++) {
		promise(&coordinator, rank, PEAL_BALLOT_FAST, (struct peal_hash128){115, 0});
	}
	/* Against number 115 are fifteen members with the senior: 31 <= e = 32. */
	assert_chooses(&coordinator, (struct peal_hash128){115, 0});
}

/* Promises come merged, repeated and in any order; a member counts once, as it was heard first. */
static void
test_coordinator__counts_sets_of_ten_thousand(void **state)
{
	struct peal_coordinator coordinator = new_coordinator(10000);

	(void)state;
	peal_coordinator_set_own(&coordinator, own, true);
	(void)peal_coordinator_start(&coordinator);
	promise_all(&coordinator, 1, 2500, none, zero);
	promise_all(&coordinator, 2000, 5000, PEAL_BALLOT_FAST, red);
	promise_all(&coordinator, 1, 5000, PEAL_BALLOT_FAST, blue);
	assert_int_equal(peal_bitset_count(&coordinator.responders), 4999);
	assert_waits(&coordinator);
	promise_all(&coordinator, 4999, 5001, PEAL_BALLOT_FAST, red);
	assert_waits(&coordinator);
	/* The senior makes it a quorum. Against red are 2 499 members: 4 998 <= e = 5 000. */
	promise_all(&coordinator, 0, 1, PEAL_BALLOT_FAST, red);
	assert_chooses(&coordinator, red);
	assert_true(peal_coordinator_was_told(&coordinator, red));
	assert_false(peal_coordinator_was_told(&coordinator, blue));
	/* Two more that voted for nothing: 5 002. */
	promise_all(&coordinator, 5001, 5003, none, zero);
	assert_chooses(&coordinator, own);
	/* One that accepted in a classic round binds whatever the others voted. */
	(void)peal_coordinator_start(&coordinator);
	promise_all(&coordinator, 0, 9999, PEAL_BALLOT_FAST, red);
	promise_all(&coordinator, 9999, 10000, (struct peal_ballot){2, 5}, blue);
	assert_chooses(&coordinator, blue);
}

/* One thing more than there is room for is not counted at all: neither for nor against anything. */
static void
test_coordinator__does_not_count_what_it_cannot_tell_apart(void **state)
{
	struct peal_coordinator coordinator = new_coordinator(100);

	(void)state;
	peal_coordinator_set_own(&coordinator, own, true);
	(void)peal_coordinator_start(&coordinator);
	for (uint16_t rank = 0; rank < PEAL_FAST_VALUES_MAX; rank++) {
		promise(&coordinator, rank, PEAL_BALLOT_FAST,
			(struct peal_hash128){100U + rank, 0});
	}
	promise_all(&coordinator, 64, 100, PEAL_BALLOT_FAST, red);
	assert_int_equal(peal_bitset_count(&coordinator.responders), PEAL_FAST_VALUES_MAX);
	assert_false(peal_coordinator_was_told(&coordinator, red));
	/* What it knows already it goes on counting. */
	promise_all(&coordinator, 64, 100, PEAL_BALLOT_FAST, (struct peal_hash128){100, 0});
	assert_int_equal(peal_bitset_count(&coordinator.responders), 100);
	assert_chooses(&coordinator, own);
}

static void
test_coordinator__chooses_freely_in_order(void **state)
{
	struct peal_coordinator coordinator = new_coordinator(5);

	(void)state;
	(void)peal_coordinator_start(&coordinator);
	promise(&coordinator, 1, none, zero);
	promise(&coordinator, 2, none, zero);
	promise(&coordinator, 3, none, zero);
	/* Nothing is known: wait. */
	assert_waits(&coordinator);
	peal_coordinator_set_known(&coordinator, blue);
	assert_chooses(&coordinator, blue);
	peal_coordinator_set_own(&coordinator, own, false);
	assert_chooses(&coordinator, own);

	/* A vote that does not bind comes before an incomplete own value, not before a complete
	 * one. */
	(void)peal_coordinator_start(&coordinator);
	promise(&coordinator, 1, none, zero);
	promise(&coordinator, 2, none, zero);
	promise(&coordinator, 3, PEAL_BALLOT_FAST, red);
	assert_chooses(&coordinator, red);
	peal_coordinator_set_own(&coordinator, own, true);
	assert_chooses(&coordinator, own);
}

static void
test_coordinator__prefers_the_heaviest_then_the_smaller(void **state)
{
	struct peal_coordinator coordinator = new_coordinator(7);

	(void)state;
	(void)peal_coordinator_start(&coordinator);
	promise(&coordinator, 5, PEAL_BALLOT_FAST, blue);
	promise(&coordinator, 1, PEAL_BALLOT_FAST, red);
	promise(&coordinator, 2, none, zero);
	promise(&coordinator, 3, none, zero);
	assert_chooses(&coordinator, red);
	promise(&coordinator, 4, PEAL_BALLOT_FAST, blue);
	assert_chooses(&coordinator, blue);
	/* The senior weighs more, but not more than two. */
	promise(&coordinator, 0, PEAL_BALLOT_FAST, own);
	assert_chooses(&coordinator, blue);
}

static void
test_coordinator__proposes_once(void **state)
{
	struct peal_coordinator coordinator = new_coordinator(3);

	(void)state;
	peal_coordinator_set_own(&coordinator, own, true);
	(void)peal_coordinator_start(&coordinator);
	promise(&coordinator, 1, none, zero);
	promise(&coordinator, 2, none, zero);
	assert_chooses(&coordinator, own);
	peal_coordinator_propose(&coordinator, own);
	assert_int_equal(coordinator.state, PEAL_COORDINATOR_PROPOSED);
	/* A late promise changes nothing. */
	promise(&coordinator, 0, PEAL_BALLOT_FAST, red);
	assert_false(peal_bitset_has(&coordinator.responders, 0));
	assert_waits(&coordinator);
}

static void
test_coordinator__loses_a_round_to_weight_above_half(void **state)
{
	struct peal_coordinator coordinator = new_coordinator(4);
	struct peal_ballot higher = {5, 0};

	(void)state;
	assert_false(peal_coordinator_on_nack(&coordinator, 0, higher));
	assert_int_equal(coordinator.round_highest, 5);
	(void)peal_coordinator_start(&coordinator);
	assert_int_equal(coordinator.ballot.round, 6);
	/* Of an older ballot: says nothing about this one. */
	assert_false(peal_coordinator_on_nack(&coordinator, 0, higher));
	assert_true(peal_bitset_is_empty(&coordinator.nackers));
	higher.round = 8;
	assert_false(peal_coordinator_on_nack(&coordinator, 2, higher));
	assert_false(peal_coordinator_on_nack(&coordinator, 2, higher));
	/* Two juniors weigh 4: the others still are a quorum. The senior and one are too many. */
	assert_false(peal_coordinator_on_nack(&coordinator, 3, higher));
	assert_true(peal_coordinator_on_nack(&coordinator, 0, higher));
	assert_int_equal(coordinator.state, PEAL_COORDINATOR_IDLE);
	assert_int_equal(peal_coordinator_start(&coordinator).round, 9);
}

static void
propose_without_quorum(void *argument)
{
	(void)peal_coordinator_start(argument);
	peal_coordinator_propose(argument, red);
}

static void
start_past_the_end(void *argument)
{
	peal_coordinator_on_round(argument, PEAL_ROUNDS_MAX);
	(void)peal_coordinator_start(argument);
}

static void
test_coordinator__asserts_what_callers_promise(void **state)
{
	struct peal_coordinator coordinator = new_coordinator(3);

	(void)state;
	assert_true(peal_test_dies(propose_without_quorum, &coordinator));
	assert_true(peal_test_dies(start_past_the_end, &coordinator));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_coordinator__rounds_grow_past_everything_seen),
		cmocka_unit_test(test_coordinator__rounds_end_one_day),
		cmocka_unit_test(test_coordinator__waits_for_a_quorum_of_distinct_members),
		cmocka_unit_test(test_coordinator__ignores_promises_of_other_ballots),
		cmocka_unit_test(test_coordinator__takes_the_value_of_the_last_classic_round),
		cmocka_unit_test(test_coordinator__stops_at_two_values_of_one_classic_round),
		cmocka_unit_test(test_coordinator__is_forced_by_a_value_that_may_be_chosen_fast),
		cmocka_unit_test(test_coordinator__forces_beyond_the_table_of_values),
		cmocka_unit_test(test_coordinator__counts_sets_of_ten_thousand),
		cmocka_unit_test(test_coordinator__does_not_count_what_it_cannot_tell_apart),
		cmocka_unit_test(test_coordinator__chooses_freely_in_order),
		cmocka_unit_test(test_coordinator__prefers_the_heaviest_then_the_smaller),
		cmocka_unit_test(test_coordinator__proposes_once),
		cmocka_unit_test(test_coordinator__loses_a_round_to_weight_above_half),
		cmocka_unit_test(test_coordinator__asserts_what_callers_promise),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
