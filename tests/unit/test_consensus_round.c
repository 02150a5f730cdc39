/* SPDX-License-Identifier: BSD-3-Clause */
#include "control/consensus.h"
#include "tests/lib/cmocka_all.h"
#include "tests/lib/council.h"
#include "wire/messages.h"

static void
test_consensus_round__senior_of_two_goes_on_alone_in_one_call(void **state)
{
	struct peal_council *council = peal_council_create(2, 1);
	struct peal_proposal value = peal_council_remove(council, 0x2);

	(void)state;
	peal_council_propose(council, 0, &value, true);
	assert_int_equal(peal_council_decided_by(council, &value), 1);
	assert_int_equal(peal_council_counted(council, 0, PEAL_COUNTER_BALLOTS_STARTED), 1);
	assert_int_equal(peal_council_counted(council, 0, PEAL_COUNTER_DECISIONS_CLASSIC), 1);
	assert_int_equal(council->nodes[0].decided_ballot.round, 2);
	peal_council_destroy(council);
}

static void
test_consensus_round__junior_of_two_never_goes_on_alone(void **state)
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
	peal_council_destroy(council);
}

static void
test_consensus_round__first_coordinator_does_not_wait_for_the_dead(void **state)
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
		peal_council_destroy(council);
	}
}

static void
test_consensus_round__dead_member_that_may_be_spared_costs_no_round(void **state)
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
	peal_council_destroy(council);
}

static void
test_consensus_round__split_votes_start_a_round_at_once(void **state)
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
	peal_council_destroy(council);
}

static void
test_consensus_round__every_node_that_knows_a_value_takes_its_turn(void **state)
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
	peal_council_destroy(council);
}

static void
test_consensus_round__nobody_starts_a_round_about_nothing(void **state)
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
	peal_council_destroy(council);
}

static void
test_consensus_round__round_is_repeated_and_answered_alike(void **state)
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
	peal_council_destroy(council);
}

static void
test_consensus_round__proposal_is_repeated(void **state)
{
	struct peal_council *council = peal_council_create(3, 3);
	uint16_t first = peal_council_member_of_slot(council, 0);
	struct peal_proposal value = peal_council_add(council, 1);
	struct peal_ballot_msg message;

	(void)state;
	council->timing.fallback_ns *= 10U; /* no second round meanwhile */
	assert_true(peal_council_propose(council, first, &value, true));
	peal_council_wait(council, peal_fallback_deadline_at_ns(&council->nodes[first].fallback));
	message = peal_council_message(
		PEAL_MESSAGE_P1B, council->nodes[first].coordinator.ballot, NULL);
	peal_council_hear(council, first, (uint16_t)((first + 1U) % 3U), &message);
	peal_council_hear(council, first, (uint16_t)((first + 2U) % 3U), &message);
	for (uint32_t times = 0; times < 4; times++) {
		/* All is lost; proposal and own acceptance are said again. */
		assert_int_equal(peal_council_count(council, PEAL_MESSAGE_P2A), 2);
		assert_int_equal(peal_council_count(council, PEAL_MESSAGE_P2B), 2);
		peal_council_clear(council);
		council->now_ns = council->nodes[first].repeat_at_ns;
		peal_council_tick(council, first);
	}
	/* The other two decide by it; a vote that decides is not said. */
	peal_council_settle(council);
	assert_int_equal(peal_council_decided_by(council, &value), 2);
	peal_council_destroy(council);
}

static void
test_consensus_round__lets_the_round_of_another_finish(void **state)
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
	peal_council_destroy(council);
}

static void
test_consensus_round__loses_to_a_higher_promise_and_returns_above_it(void **state)
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
	peal_council_destroy(council);
}

static void
test_consensus_round__proposes_as_soon_as_it_has_a_value(void **state)
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
	peal_council_destroy(council);
}

static void
test_consensus_round__last_resort_does_not_vote(void **state)
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
	peal_council_destroy(council);
}

/* Large groups. */

/* More members died than the fast round can spare: the first coordinator asks at once. */
static void
test_consensus_round__large_group_goes_on_without_those_who_died(void **state)
{
	static const uint16_t counts[] = {65, 100, 1000};

	(void)state;
	for (uint32_t i = 0; i < sizeof(counts) / sizeof(counts[0]); i++) {
		uint16_t count = counts[i];
		struct peal_council *council = peal_council_create(count, count);
		struct peal_proposal value = peal_council_remove(council, 0);
		struct peal_bitset alive;
		uint16_t first;

		value.removals = peal_council_run((count * 2U) / 3U, count);
		council->absent = value.removals;
		alive = peal_council_run(0, (count * 2U) / 3U);
		peal_council_propose_all(council, &value);
		for (first = 0; council->nodes[first].fallback.slot != 0; first++) {
			assert_true(first < count);
		}
		assert_int_equal(
			council->nodes[first].coordinator.state, PEAL_COORDINATOR_PREPARING);
		assert_int_equal(peal_council_count(council, PEAL_MESSAGE_P1A), count - 1);
		/* Its own promise is among those that go up the trees. */
		assert_int_equal(council->keys_count, 2);
		peal_council_settle(council);
		peal_council_tell_some(council, first, PEAL_VOTE_PROMISE, alive);
		assert_int_equal(
			council->nodes[first].coordinator.state, PEAL_COORDINATOR_PROPOSED);
		peal_council_settle(council);
		assert_int_equal(peal_council_count(council, PEAL_MESSAGE_NACK), 0);
		peal_council_tell_some(council, 0, PEAL_VOTE_ACCEPT, alive);
		assert_int_equal(peal_council_decided_by(council, &value), 1);
		assert_int_equal(
			peal_council_counted(council, 0, PEAL_COUNTER_DECISIONS_CLASSIC), 1);
		peal_council_spread_decision(council, 0, &value);
		assert_int_equal(
			peal_council_decided_by(council, &value), peal_bitset_count(&alive));
		peal_council_destroy(council);
	}
}

/* A large group says no NACK: a round that lost ends when its coordinator's next one begins. */
static void
test_consensus_round__large_group_refuses_in_silence(void **state)
{
	struct peal_council *council = peal_council_create(65, 3);
	struct peal_proposal value = peal_council_add(council, 1);
	struct peal_ballot_msg message =
		peal_council_message(PEAL_MESSAGE_P1A, (struct peal_ballot){5, 9}, NULL);

	(void)state;
	peal_council_hear(council, 0, 9, &message);
	assert_int_equal(council->keys_count, 1);
	assert_int_equal(council->keys[0].key.kind, PEAL_VOTE_PROMISE);
	message = peal_council_message(PEAL_MESSAGE_P1A, (struct peal_ballot){4, 8}, NULL);
	peal_council_hear(council, 0, 8, &message);
	message = peal_council_message(PEAL_MESSAGE_P2A, (struct peal_ballot){4, 8}, &value);
	peal_council_hear(council, 0, 8, &message);
	assert_int_equal(council->letters_count, 0);
	assert_int_equal(council->keys_count, 1);
	assert_int_equal(council->nodes[0].acceptor.vrnd.round, 0);
	peal_council_destroy(council);
}

static void
test_consensus_round__large_group_repeats_bits_and_rounds(void **state)
{
	struct peal_council *council = peal_council_create(65, 3);
	uint16_t first = peal_council_member_of_slot(council, 0);
	struct peal_proposal value = peal_council_add(council, 1);

	(void)state;
	assert_true(peal_council_propose(council, first, &value, true));
	assert_int_equal(peal_council_counted(council, first, PEAL_COUNTER_VOTES_SENT), 1);
	council->now_ns += 2U * council->timing.flood_ns;
	peal_council_tick(council, first);
	assert_int_equal(peal_council_counted(council, first, PEAL_COUNTER_VOTES_SENT), 2);
	peal_council_wait(council, peal_fallback_deadline_at_ns(&council->nodes[first].fallback));
	assert_int_equal(peal_council_count(council, PEAL_MESSAGE_P1A), 64);
	/* The vote, and the promise: each once, however often it was said. */
	assert_int_equal(council->keys_count, 2);
	peal_council_clear(council);
	council->keys_count = 0;
	council->now_ns = council->nodes[first].repeat_at_ns;
	peal_council_tick(council, first);
	assert_int_equal(peal_council_count(council, PEAL_MESSAGE_P1A), 64);
	assert_int_equal(council->keys_count, 2);
	peal_council_destroy(council);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_consensus_round__senior_of_two_goes_on_alone_in_one_call),
		cmocka_unit_test(test_consensus_round__junior_of_two_never_goes_on_alone),
		cmocka_unit_test(
			test_consensus_round__first_coordinator_does_not_wait_for_the_dead),
		cmocka_unit_test(
			test_consensus_round__dead_member_that_may_be_spared_costs_no_round),
		cmocka_unit_test(test_consensus_round__split_votes_start_a_round_at_once),
		cmocka_unit_test(
			test_consensus_round__every_node_that_knows_a_value_takes_its_turn),
		cmocka_unit_test(test_consensus_round__nobody_starts_a_round_about_nothing),
		cmocka_unit_test(test_consensus_round__round_is_repeated_and_answered_alike),
		cmocka_unit_test(test_consensus_round__proposal_is_repeated),
		cmocka_unit_test(test_consensus_round__lets_the_round_of_another_finish),
		cmocka_unit_test(
			test_consensus_round__loses_to_a_higher_promise_and_returns_above_it),
		cmocka_unit_test(test_consensus_round__proposes_as_soon_as_it_has_a_value),
		cmocka_unit_test(test_consensus_round__last_resort_does_not_vote),
		cmocka_unit_test(test_consensus_round__large_group_goes_on_without_those_who_died),
		cmocka_unit_test(test_consensus_round__large_group_refuses_in_silence),
		cmocka_unit_test(test_consensus_round__large_group_repeats_bits_and_rounds),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
