/* SPDX-License-Identifier: BSD-3-Clause */
#include "control/consensus.h"
#include "tests/lib/cmocka_all.h"
#include "tests/lib/council.h"
#include "tests/lib/dies.h"
#include "wire/messages.h"

#include <stdlib.h>

/* Fast round. */

static void
test_consensus__equal_votes_decide_without_a_round(void **state)
{
	(void)state;
	for (uint16_t count = 1; count <= 9; count++) {
		struct peal_council *council = peal_council_create(count, count);
		struct peal_proposal value = peal_council_add(council, 1);

		for (uint16_t rank = 0; rank < count; rank++) {
			peal_council_propose(council, rank, &value, true);
		}
		peal_council_settle(council);
		assert_int_equal(peal_council_decided_by(council, &value), count);
		for (uint16_t rank = 0; rank < count; rank++) {
			assert_int_equal(
				peal_council_counted(council, rank, PEAL_COUNTER_DECISIONS_FAST),
				1);
			assert_int_equal(
				peal_council_counted(council, rank, PEAL_COUNTER_BALLOTS_STARTED),
				0);
		}
		free(council);
	}
}

static void
test_consensus__alone_decides_at_once_and_in_silence(void **state)
{
	struct peal_council *council = peal_council_create(1, 1);
	struct peal_proposal value = peal_council_add(council, 1);

	(void)state;
	peal_council_propose(council, 0, &value, true);
	assert_int_equal(peal_council_decided_by(council, &value), 1);
	assert_int_equal(council->letters_count, 0);
	assert_true(peal_consensus_deadline_at_ns(&council->nodes[0]) == UINT64_MAX);
	free(council);
}

static void
test_consensus__proposing_again_changes_nothing(void **state)
{
	struct peal_council *council = peal_council_create(5, 1);
	struct peal_proposal value = peal_council_add(council, 1);
	struct peal_proposal later = peal_council_add(council, 2);
	struct peal_acceptor before;

	(void)state;
	peal_council_propose(council, 2, &value, true);
	assert_int_equal(peal_council_count(council, PEAL_MESSAGE_VOTE), 4);
	peal_council_clear(council);
	peal_council_propose(council, 2, &value, true);
	assert_int_equal(council->letters_count, 0);
	/* A later value is the own value from now on; the vote stays. */
	before = council->nodes[2].acceptor;
	peal_council_propose(council, 2, &later, true);
	assert_int_equal(council->letters_count, 0);
	assert_memory_equal(&before, &council->nodes[2].acceptor, sizeof(before));
	assert_true(peal_hash128_equals(
		council->nodes[2].coordinator.own_digest, peal_proposal_digest(&later)));
	free(council);
}

static void
test_consensus__votes_are_repeated_at_growing_distances(void **state)
{
	struct peal_council *council = peal_council_create(5, 1);
	struct peal_proposal value = peal_council_add(council, 1);
	uint64_t at_ns = council->now_ns;
	uint64_t distance_ns = 2U * council->timing.flood_ns;

	(void)state;
	council->timing.fallback_ns = UINT64_C(1000000000000);
	peal_council_propose(council, 2, &value, true);
	for (uint32_t i = 0; i < 12; i++) {
		peal_council_clear(council);
		at_ns += distance_ns;
		council->now_ns = at_ns - 1U;
		peal_council_tick(council, 2);
		assert_int_equal(council->letters_count, 0);
		council->now_ns = at_ns;
		peal_council_tick(council, 2);
		assert_int_equal(peal_council_count(council, PEAL_MESSAGE_VOTE), 4);
		distance_ns *= 2U;
		if (distance_ns > council->timing.repeat_ns_max) {
			distance_ns = council->timing.repeat_ns_max;
		}
	}
	assert_int_equal(peal_council_counted(council, 2, PEAL_COUNTER_VOTES_SENT), 13);
	free(council);
}

/* Classic rounds. */

static void
test_consensus__senior_of_two_goes_on_alone_in_one_call(void **state)
{
	struct peal_council *council = peal_council_create(2, 1);
	struct peal_proposal value = peal_council_remove(council, 0x2);

	(void)state;
	peal_council_propose(council, 0, &value, true);
	assert_int_equal(peal_council_decided_by(council, &value), 1);
	assert_int_equal(peal_council_counted(council, 0, PEAL_COUNTER_BALLOTS_STARTED), 1);
	assert_int_equal(peal_council_counted(council, 0, PEAL_COUNTER_DECISIONS_CLASSIC), 1);
	assert_int_equal(council->nodes[0].decided_ballot.round, 2);
	free(council);
}

static void
test_consensus__junior_of_two_never_goes_on_alone(void **state)
{
	struct peal_council *council = peal_council_create(2, 1);
	struct peal_proposal remove = peal_council_remove(council, 0x1);
	struct peal_proposal add = peal_council_add(council, 1);

	(void)state;
	peal_bitset_add(&council->absent, 0);
	peal_council_propose(council, 1, &remove, true);
	assert_int_equal(peal_council_counted(council, 1, PEAL_COUNTER_PROPOSALS_REFUSED), 1);
	assert_false(peal_consensus_is_busy(&council->nodes[1]));
	peal_council_propose(council, 1, &add, true);
	for (uint32_t i = 1; i <= 50; i++) {
		peal_council_wait(council, council->now_ns + council->timing.fallback_ns);
		peal_council_clear(council);
	}
	assert_int_equal(peal_council_decided_by(council, &add), 0);
	assert_true(peal_council_counted(council, 1, PEAL_COUNTER_BALLOTS_STARTED) > 3);
	free(council);
}

static void
test_consensus__first_coordinator_does_not_wait_for_the_dead(void **state)
{
	(void)state;
	/* Of three nobody can be spared; of four one; the dead one may be anybody. */
	for (uint16_t dead = 0; dead < 3; dead++) {
		struct peal_council *council = peal_council_create(3, 5);
		struct peal_proposal value = peal_council_remove(council, UINT64_C(1) << dead);

		peal_bitset_add(&council->absent, dead);
		for (uint16_t rank = 0; rank < 3; rank++) {
			if (rank != dead) {
				peal_council_propose(council, rank, &value, true);
			}
		}
		/* No time passes. */
		peal_council_settle(council);
		assert_int_equal(peal_council_decided_by(council, &value), 2);
		free(council);
	}
}

static void
test_consensus__dead_member_that_may_be_spared_costs_no_round(void **state)
{
	struct peal_council *council = peal_council_create(5, 5);
	struct peal_proposal value = peal_council_remove(council, 0x4);

	(void)state;
	peal_bitset_add(&council->absent, 2);
	for (uint16_t rank = 0; rank < 5; rank++) {
		if (rank != 2) {
			peal_council_propose(council, rank, &value, true);
		}
	}
	assert_int_equal(peal_council_count(council, PEAL_MESSAGE_P1A), 0);
	peal_council_settle(council);
	assert_int_equal(peal_council_decided_by(council, &value), 4);
	assert_int_equal(peal_council_counted(council, 0, PEAL_COUNTER_DECISIONS_FAST), 1);
	free(council);
}

static void
test_consensus__split_votes_start_a_round_at_once(void **state)
{
	struct peal_council *council = peal_council_create(4, 9);
	uint16_t first = peal_council_member_of_slot(council, 0);
	struct peal_proposal red = peal_council_add(council, 1);
	struct peal_proposal blue = peal_council_add(council, 2);
	uint32_t decided = 0;

	(void)state;
	for (uint16_t rank = 0; rank < 4; rank++) {
		peal_council_propose(council, rank, rank < 2 ? &red : &blue, true);
	}
	assert_int_equal(peal_council_count(council, PEAL_MESSAGE_P1A), 0);
	peal_council_settle(council);
	assert_int_equal(peal_council_counted(council, first, PEAL_COUNTER_BALLOTS_STARTED), 1);
	for (uint16_t rank = 0; rank < 4; rank++) {
		decided += peal_consensus_decided(&council->nodes[rank]) != NULL ? 1U : 0U;
	}
	assert_int_equal(decided, 4);
	assert_int_equal(peal_council_decided_by(council,
				 peal_council_has_decided(council, 0, &red) ? &red : &blue),
		4);
	free(council);
}

static void
test_consensus__every_node_that_knows_a_value_takes_its_turn(void **state)
{
	struct peal_council *council = peal_council_create(5, 3);
	uint16_t proposer = peal_council_member_of_slot(council, 4);
	struct peal_proposal value = peal_council_add(council, 1);

	(void)state;
	/* The only one that proposes is last in order; the others never do. */
	peal_council_propose(council, proposer, &value, true);
	peal_council_settle(council);
	for (uint32_t slot = 0; slot < 5; slot++) {
		uint16_t rank = peal_council_member_of_slot(council, slot);

		assert_true(peal_fallback_deadline_at_ns(&council->nodes[rank].fallback) ==
			    council->now_ns + council->timing.fallback_ns +
				    slot * council->timing.fallback_slot_ns);
	}
	peal_council_wait(council, council->now_ns + council->timing.fallback_ns);
	assert_int_equal(peal_council_counted(council, peal_council_member_of_slot(council, 0),
				 PEAL_COUNTER_BALLOTS_STARTED),
		1);
	peal_council_settle(council);
	assert_int_equal(peal_council_decided_by(council, &value), 5);
	free(council);
}

static void
test_consensus__nobody_starts_a_round_about_nothing(void **state)
{
	struct peal_council *council = peal_council_create(3, 3);
	struct peal_ballot ballot = {2, 1};
	struct peal_ballot_msg question = peal_council_message(PEAL_MESSAGE_P1A, ballot, NULL);

	(void)state;
	assert_false(peal_consensus_is_busy(&council->nodes[0]));
	peal_council_hear(council, 0, 1, &question);
	assert_true(peal_consensus_is_busy(&council->nodes[0]));
	peal_council_clear(council);
	peal_council_wait(council, council->now_ns + 100U * council->timing.fallback_ns);
	assert_int_equal(council->letters_count, 0);
	assert_true(peal_consensus_deadline_at_ns(&council->nodes[0]) == UINT64_MAX);
	free(council);
}

static void
test_consensus__round_is_repeated_and_answered_alike(void **state)
{
	struct peal_council *council = peal_council_create(3, 3);
	struct peal_proposal value = peal_council_remove(council, 0x4);
	uint16_t first = peal_council_member_of_slot(council, 0) == 0 ? 0 : 1;
	uint16_t other = 1U - first;
	struct peal_ballot_msg answer;

	(void)state;
	council->timing.fallback_ns *= 10U; /* no second round meanwhile */
	peal_bitset_add(&council->absent, 2);
	/* Whoever of the two comes first starts when it proposes. */
	if (peal_council_member_of_slot(council, 0) == 2) {
		first = peal_council_member_of_slot(council, 1);
		other = 1U - first;
	}
	peal_council_propose(council, first, &value, true);
	assert_int_equal(peal_council_count(council, PEAL_MESSAGE_P1A), 2);
	/* All is lost; at 2 D vote and question are said again. */
	peal_council_clear(council);
	council->now_ns += 2U * council->timing.flood_ns;
	peal_council_tick(council, first);
	assert_int_equal(peal_council_count(council, PEAL_MESSAGE_VOTE), 2);
	assert_int_equal(peal_council_count(council, PEAL_MESSAGE_P1A), 2);
	(void)peal_council_pass(council, first, other);
	answer = peal_council_find(council, PEAL_MESSAGE_P1B, other, first)->message;
	peal_council_clear(council);
	council->now_ns += 4U * council->timing.flood_ns;
	peal_council_tick(council, first);
	(void)peal_council_pass(council, first, other);
	assert_memory_equal(&answer,
		&peal_council_find(council, PEAL_MESSAGE_P1B, other, first)->message,
		sizeof(answer));
	peal_council_settle(council);
	assert_int_equal(peal_council_decided_by(council, &value), 2);
	free(council);
}

static void
test_consensus__lets_the_round_of_another_finish(void **state)
{
	struct peal_council *council = peal_council_create(5, 3);
	uint16_t rank = peal_council_member_of_slot(council, 0);
	uint16_t other = peal_council_member_of_slot(council, 1);
	struct peal_proposal value = peal_council_add(council, 1);
	struct peal_ballot ballot = {2, other};
	struct peal_ballot_msg question = peal_council_message(PEAL_MESSAGE_P1A, ballot, NULL);

	(void)state;
	peal_council_propose(council, rank, &value, true);
	council->now_ns += council->timing.fallback_ns - 1U;
	peal_council_hear(council, rank, other, &question);
	assert_true(peal_fallback_deadline_at_ns(&council->nodes[rank].fallback) ==
		    council->now_ns + council->timing.fallback_ns);
	free(council);
}

static void
test_consensus__loses_to_a_higher_promise_and_returns_above_it(void **state)
{
	struct peal_council *council = peal_council_create(4, 3);
	uint16_t rank = peal_council_member_of_slot(council, 0);
	struct peal_proposal value = peal_council_add(council, 1);
	struct peal_ballot higher = {7, peal_council_member_of_slot(council, 1)};
	struct peal_ballot_msg refusal = peal_council_message(PEAL_MESSAGE_NACK, higher, NULL);

	(void)state;
	peal_council_propose(council, rank, &value, true);
	peal_council_wait(council, council->now_ns + council->timing.fallback_ns);
	assert_int_equal(council->nodes[rank].coordinator.state, PEAL_COORDINATOR_PREPARING);
	for (uint16_t from = 0; from < 4; from++) {
		peal_council_hear(council, rank, from, &refusal);
	}
	assert_int_equal(peal_council_counted(council, rank, PEAL_COUNTER_BALLOTS_NACKED), 1);
	assert_int_equal(council->nodes[rank].coordinator.state, PEAL_COORDINATOR_IDLE);
	assert_true(peal_fallback_deadline_at_ns(&council->nodes[rank].fallback) ==
		    council->now_ns + council->timing.fallback_ns);
	peal_council_wait(council, council->now_ns + council->timing.fallback_ns);
	assert_int_equal(council->nodes[rank].coordinator.ballot.round, 8);
	free(council);
}

static void
test_consensus__proposes_as_soon_as_it_has_a_value(void **state)
{
	struct peal_council *council = peal_council_create(5, 3);
	struct peal_proposal first = peal_council_add(council, 1);
	struct peal_proposal second = peal_council_add(council, 2);
	uint16_t rank = peal_council_member_of_slot(council, 0);
	uint16_t other = peal_council_member_of_slot(council, 1);
	struct peal_ballot_msg vote = peal_council_vote(&first);

	(void)state;
	/* A value is known, so a round starts; the own one, which comes later, is still preferred.
	 */
	peal_council_hear(council, rank, other, &vote);
	peal_council_wait(council, council->now_ns + council->timing.fallback_ns);
	assert_int_equal(peal_council_counted(council, rank, PEAL_COUNTER_BALLOTS_STARTED), 1);
	peal_council_propose(council, rank, &second, true);
	peal_council_settle(council);
	assert_int_equal(peal_council_decided_by(council, &second), 5);
	free(council);
}

static void
test_consensus__last_resort_does_not_vote(void **state)
{
	struct peal_council *council = peal_council_create(5, 3);
	struct peal_proposal value = peal_council_add(council, 1);
	struct peal_proposal voted = peal_council_add(council, 2);
	uint16_t rank = peal_council_member_of_slot(council, 1);
	uint16_t voter = peal_council_member_of_slot(council, 4);
	uint64_t at_ns = council->now_ns + council->timing.fallback_slot_ns;

	(void)state;
	peal_council_propose(council, rank, &value, false);
	assert_int_equal(council->letters_count, 0);
	assert_int_equal(council->nodes[rank].acceptor.vrnd.round, 0);
	assert_true(peal_consensus_deadline_at_ns(&council->nodes[rank]) == at_ns);
	peal_council_propose(council, voter, &voted, true);
	peal_council_clear(council);
	peal_council_wait(council, at_ns);
	/* Somebody has a complete value and voted for it: it comes first. */
	peal_council_settle(council);
	assert_int_equal(peal_council_decided_by(council, &voted), 5);
	free(council);
}

/* Leaving. */

static bool
ask_to_leave(struct peal_council *council, uint16_t rank, struct peal_hash128 *digest_out)
{
	peal_bitset_add(&council->willing, rank);
	return peal_consensus_vote_to_leave(&council->nodes[rank], council->now_ns, digest_out);
}

static void
hear_leave(struct peal_council *council, uint16_t rank, uint16_t from, struct peal_hash128 digest)
{
	peal_consensus_on_leave_vote(
		&council->nodes[rank], from, digest, council->now_ns, &council->outbox);
	peal_outbox_reset(&council->outbox);
}

static void
test_consensus__leave_carries_a_vote_that_counts(void **state)
{
	/* The senior of two, whom the other one could not remove. */
	struct peal_council *council = peal_council_create(2, 3);
	struct peal_proposal value = peal_council_remove(council, 0x1);
	struct peal_hash128 digest;
	struct peal_hash128 again;

	(void)state;
	assert_true(ask_to_leave(council, 0, &digest));
	assert_true(peal_hash128_equals(digest, peal_proposal_digest(&value)));
	assert_int_equal(council->nodes[0].acceptor.vrnd.round, 1);
	/* Asked again it says the same vote again. */
	assert_true(ask_to_leave(council, 0, &again));
	assert_true(peal_hash128_equals(digest, again));
	hear_leave(council, 1, 0, digest);
	assert_null(peal_consensus_decided(&council->nodes[1]));
	peal_council_propose(council, 1, &value, true);
	assert_int_equal(peal_council_decided_by(council, &value), 1);
	assert_int_equal(peal_council_counted(council, 1, PEAL_COUNTER_DECISIONS_FAST), 1);
	free(council);
}

static void
test_consensus__leave_of_three_needs_no_round(void **state)
{
	struct peal_council *council = peal_council_create(3, 3);
	struct peal_proposal value = peal_council_remove(council, 0x4);
	struct peal_hash128 digest;

	(void)state;
	assert_true(ask_to_leave(council, 2, &digest));
	hear_leave(council, 0, 2, digest);
	hear_leave(council, 1, 2, digest);
	peal_council_propose(council, 0, &value, true);
	peal_council_propose(council, 1, &value, true);
	/* The leaver is removed, but it was heard: nobody is given up. */
	assert_int_equal(peal_council_count(council, PEAL_MESSAGE_P1A), 0);
	peal_council_settle(council);
	assert_int_equal(peal_council_decided_by(council, &value), 3);
	free(council);
}

static void
test_consensus__leave_carries_no_vote_after_another_or_a_promise(void **state)
{
	struct peal_council *council = peal_council_create(3, 3);
	struct peal_proposal value = peal_council_add(council, 1);
	struct peal_ballot_msg question =
		peal_council_message(PEAL_MESSAGE_P1A, (struct peal_ballot){2, 0}, NULL);
	struct peal_hash128 digest = {7, 7};

	(void)state;
	peal_council_propose(council, 2, &value, true);
	assert_false(ask_to_leave(council, 2, &digest));
	peal_council_hear(council, 1, 0, &question);
	assert_false(ask_to_leave(council, 1, &digest));
	assert_true(digest.low == 7 && digest.high == 7);
	free(council);
	/* Who is alone has nobody to leave the group to. */
	council = peal_council_create(1, 3);
	assert_false(ask_to_leave(council, 0, &digest));
	free(council);
}

static void
test_consensus__leave_counts_for_exactly_its_cut(void **state)
{
	struct peal_council *council = peal_council_create(4, 3);
	struct peal_proposal both = peal_council_remove(council, 0xC);
	struct peal_proposal alone = peal_council_remove(council, 0x8);

	(void)state;
	hear_leave(council, 0, 3, peal_proposal_digest(&both));
	assert_int_equal(peal_council_counted(council, 0, PEAL_COUNTER_PROPOSALS_REFUSED), 1);
	assert_false(peal_consensus_is_busy(&council->nodes[0]));
	hear_leave(council, 0, 3, peal_proposal_digest(&alone));
	assert_int_equal(
		peal_learner_weight(&council->nodes[0].learner, peal_proposal_digest(&alone)), 2);
	assert_int_equal(
		peal_learner_weight(&council->nodes[0].learner, peal_proposal_digest(&both)), 0);
	free(council);
}

/* Promises of callers. */

static void
propose_nonsense(void *argument)
{
	struct peal_council *council = argument;
	struct peal_proposal value = peal_council_remove(council, 0);

	value.parent_epoch++;
	peal_council_propose(council, 0, &value, true);
}

static void
test_consensus__asserts_what_callers_promise(void **state)
{
	struct peal_council *council = peal_council_create(3, 3);

	(void)state;
	assert_true(peal_test_dies(propose_nonsense, council));
	free(council);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_consensus__equal_votes_decide_without_a_round),
		cmocka_unit_test(test_consensus__alone_decides_at_once_and_in_silence),
		cmocka_unit_test(test_consensus__proposing_again_changes_nothing),
		cmocka_unit_test(test_consensus__votes_are_repeated_at_growing_distances),
		cmocka_unit_test(test_consensus__senior_of_two_goes_on_alone_in_one_call),
		cmocka_unit_test(test_consensus__junior_of_two_never_goes_on_alone),
		cmocka_unit_test(test_consensus__first_coordinator_does_not_wait_for_the_dead),
		cmocka_unit_test(test_consensus__dead_member_that_may_be_spared_costs_no_round),
		cmocka_unit_test(test_consensus__split_votes_start_a_round_at_once),
		cmocka_unit_test(test_consensus__every_node_that_knows_a_value_takes_its_turn),
		cmocka_unit_test(test_consensus__nobody_starts_a_round_about_nothing),
		cmocka_unit_test(test_consensus__round_is_repeated_and_answered_alike),
		cmocka_unit_test(test_consensus__lets_the_round_of_another_finish),
		cmocka_unit_test(test_consensus__loses_to_a_higher_promise_and_returns_above_it),
		cmocka_unit_test(test_consensus__proposes_as_soon_as_it_has_a_value),
		cmocka_unit_test(test_consensus__last_resort_does_not_vote),
		cmocka_unit_test(test_consensus__leave_carries_a_vote_that_counts),
		cmocka_unit_test(test_consensus__leave_of_three_needs_no_round),
		cmocka_unit_test(test_consensus__leave_carries_no_vote_after_another_or_a_promise),
		cmocka_unit_test(test_consensus__leave_counts_for_exactly_its_cut),
		cmocka_unit_test(test_consensus__asserts_what_callers_promise),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
