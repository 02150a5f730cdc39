/* SPDX-License-Identifier: BSD-3-Clause */
#include "control/consensus.h"
#include "tests/lib/cmocka_all.h"
#include "tests/lib/council.h"
#include "tests/lib/dies.h"
#include "wire/messages.h"

#include <string.h>

/* Values and refusals. */

static void
assert_refused(struct peal_council *council, uint16_t from, const struct peal_ballot_msg *message,
	enum peal_counter counter)
{
	static struct peal_consensus before;
	uint64_t count = peal_council_counted(council, 0, counter);

	before = council->nodes[0];
	peal_council_hear(council, 0, from, message);
	assert_int_equal(peal_council_counted(council, 0, counter), count + 1U);
	assert_memory_equal(&before, &council->nodes[0], sizeof(before));
	assert_int_equal(council->letters_count, 0);
}

static void
test_consensus_message__refuses_what_it_may_not_accept(void **state)
{
	struct peal_council *council = peal_council_create(5, 3);
	struct peal_proposal value = peal_council_remove(council, 0x1C);
	struct peal_ballot ballot = {2, 1};
	struct peal_ballot_msg message = peal_council_vote(&value);

	(void)state;
	assert_refused(council, 1, &message, PEAL_COUNTER_PROPOSALS_REFUSED);
	/* Somebody else's ballot. */
	value = peal_council_remove(council, 0x4);
	message = peal_council_message(PEAL_MESSAGE_P2A, ballot, &value);
	assert_refused(council, 2, &message, PEAL_COUNTER_BALLOT_CONFLICTS);
	/* Another parent. */
	value.parent_hash.low++;
	message = peal_council_vote(&value);
	assert_refused(council, 1, &message, PEAL_COUNTER_PROPOSALS_REFUSED);
	assert_false(peal_consensus_is_busy(&council->nodes[0]));
	peal_council_destroy(council);
}

static void
test_consensus_message__willing_members_may_go_beyond_the_majority(void **state)
{
	struct peal_council *council = peal_council_create(5, 3);
	struct peal_proposal value = peal_council_remove(council, 0x1C);
	struct peal_ballot_msg vote = peal_council_vote(&value);

	(void)state;
	assert_refused(council, 1, &vote, PEAL_COUNTER_PROPOSALS_REFUSED);
	peal_bitset_add(&council->willing, 3);
	peal_bitset_add(&council->willing, 4);
	peal_council_hear(council, 0, 1, &vote);
	assert_true(peal_consensus_is_busy(&council->nodes[0]));
	peal_council_propose(council, 0, &value, true);
	assert_int_equal(council->nodes[0].acceptor.vrnd.round, 1);
	peal_council_destroy(council);
}

/* Who proposes after a quorum of reports may know of a LEAVE that did not come here. */
static void
test_consensus_message__a_proposal_is_not_refused_for_a_leave_unheard(void **state)
{
	struct peal_council *council = peal_council_create(5, 3);
	struct peal_proposal value = peal_council_remove(council, 0x1C);
	struct peal_ballot_msg message =
		peal_council_message(PEAL_MESSAGE_P2A, (struct peal_ballot){2, 1}, &value);

	(void)state;
	peal_council_hear(council, 0, 1, &message);
	assert_int_equal(council->nodes[0].acceptor.vrnd.round, 2);
	peal_council_destroy(council);
}

static void
test_consensus_message__two_values_in_one_ballot_are_reported(void **state)
{
	struct peal_council *council = peal_council_create(5, 3);
	struct peal_proposal red = peal_council_add(council, 1);
	struct peal_proposal blue = peal_council_add(council, 2);
	struct peal_ballot ballot = {2, 1};
	struct peal_ballot_msg message = peal_council_message(PEAL_MESSAGE_P2A, ballot, &red);

	(void)state;
	peal_council_hear(council, 0, 1, &message);
	assert_int_equal(peal_council_count(council, PEAL_MESSAGE_P2B), 4);
	peal_council_clear(council);
	message = peal_council_message(PEAL_MESSAGE_P2A, ballot, &blue);
	assert_refused(council, 1, &message, PEAL_COUNTER_BALLOT_CONFLICTS);
	peal_council_destroy(council);
}

static void
test_consensus_message__coordinator_stops_at_contradicting_promises(void **state)
{
	struct peal_council *council = peal_council_create(5, 3);
	uint16_t rank = peal_council_member_of_slot(council, 0);
	struct peal_proposal red = peal_council_add(council, 1);
	struct peal_proposal blue = peal_council_add(council, 2);
	struct peal_ballot_msg message;
	uint16_t others[2];

	(void)state;
	others[0] = (uint16_t)((rank + 1U) % 5U);
	others[1] = (uint16_t)((rank + 2U) % 5U);
	peal_council_propose(council, rank, &red, true);
	message = peal_council_message(PEAL_MESSAGE_NACK, (struct peal_ballot){4, others[0]}, NULL);
	peal_council_hear(council, rank, others[0], &message);
	peal_council_wait(council, council->now_ns + council->timing.fallback_ns);
	assert_int_equal(council->nodes[rank].coordinator.ballot.round, 5);
	peal_council_clear(council);
	message = peal_council_message(
		PEAL_MESSAGE_P1B, council->nodes[rank].coordinator.ballot, &red);
	message.vrnd = (struct peal_ballot){4, others[0]};
	peal_council_hear(council, rank, others[0], &message);
	message = peal_council_message(
		PEAL_MESSAGE_P1B, council->nodes[rank].coordinator.ballot, &blue);
	message.vrnd = (struct peal_ballot){4, others[0]};
	peal_council_hear(council, rank, others[1], &message);
	assert_int_equal(peal_council_counted(council, rank, PEAL_COUNTER_BALLOT_CONFLICTS), 1);
	assert_int_equal(peal_council_count(council, PEAL_MESSAGE_P2A), 0);
	assert_int_equal(council->nodes[rank].coordinator.state, PEAL_COORDINATOR_IDLE);
	peal_council_destroy(council);
}

/* A quorum for a digest whose value has not come. */
static struct peal_council *
create_pending(const struct peal_ballot ballot, uint32_t number)
{
	struct peal_council *council = peal_council_create(5, 3);
	struct peal_proposal value = peal_council_add(council, number);
	struct peal_ballot_msg message = peal_council_message(PEAL_MESSAGE_P2B, ballot, &value);

	for (uint16_t from = 1; from < 4; from++) {
		assert_false(council->nodes[0].is_pending);
		peal_council_hear(council, 0, from, &message);
	}
	assert_true(council->nodes[0].is_pending);
	assert_null(peal_consensus_decided(&council->nodes[0]));
	return council;
}

static void
test_consensus_message__decides_when_the_value_arrives(void **state)
{
	static const uint8_t kinds[] = {PEAL_MESSAGE_VOTE, PEAL_MESSAGE_P2A, PEAL_MESSAGE_DECIDE};
	struct peal_ballot ballot = {2, 1};

	(void)state;
	for (uint32_t i = 0; i < sizeof(kinds); i++) {
		struct peal_council *council = create_pending(ballot, 1);
		struct peal_proposal value = peal_council_add(council, 1);
		struct peal_proposal other = peal_council_add(council, 2);
		struct peal_ballot_msg message = peal_council_vote(&other);

		peal_council_hear(council, 0, 1, &message);
		assert_null(peal_consensus_decided(&council->nodes[0]));
		message = peal_council_message(kinds[i],
			kinds[i] == PEAL_MESSAGE_VOTE ? PEAL_BALLOT_FAST : ballot, &value);
		peal_council_hear(council, 0, 1, &message);
		assert_int_equal(peal_council_decided_by(council, &value), 1);
		assert_int_equal(
			peal_council_counted(council, 0,
				kinds[i] == PEAL_MESSAGE_DECIDE ? PEAL_COUNTER_DECISIONS_LEARNED
								: PEAL_COUNTER_DECISIONS_CLASSIC),
			1);
		assert_int_equal(council->nodes[0].decided_ballot.round, 2);
		peal_council_destroy(council);
	}
}

static void
test_consensus_message__decides_on_a_refused_proposal_that_a_quorum_accepted(void **state)
{
	struct peal_ballot ballot = {2, 1};
	struct peal_council *council = create_pending(ballot, 1);
	struct peal_proposal value = peal_council_add(council, 1);
	struct peal_ballot_msg message =
		peal_council_message(PEAL_MESSAGE_P1A, (struct peal_ballot){9, 4}, NULL);

	(void)state;
	/* It promised a higher round, and its own value is the one that comes. */
	peal_council_hear(council, 0, 4, &message);
	message = peal_council_message(PEAL_MESSAGE_P2A, ballot, &value);
	peal_council_hear(council, 0, 1, &message);
	assert_int_equal(peal_council_decided_by(council, &value), 1);
	peal_council_destroy(council);

	council = create_pending(ballot, 1);
	peal_council_propose(council, 0, &value, true);
	assert_int_equal(peal_council_decided_by(council, &value), 1);
	peal_council_destroy(council);
}

static void
test_consensus_message__learns_a_decision_and_is_quiet_from_then_on(void **state)
{
	struct peal_council *council = peal_council_create(5, 3);
	/* More than could be voted for here: but it was decided. */
	struct peal_proposal value = peal_council_remove(council, 0x1C);
	struct peal_proposal other = peal_council_add(council, 1);
	struct peal_ballot_msg message =
		peal_council_message(PEAL_MESSAGE_DECIDE, PEAL_BALLOT_FAST, &value);

	(void)state;
	peal_council_propose(council, 0, &other, true);
	peal_council_clear(council);
	peal_council_hear(council, 0, 3, &message);
	assert_int_equal(peal_council_decided_by(council, &value), 1);
	assert_true(peal_consensus_deadline_at_ns(&council->nodes[0]) == UINT64_MAX);
	message = peal_council_message(PEAL_MESSAGE_P1A, (struct peal_ballot){2, 1}, NULL);
	peal_council_hear(council, 0, 1, &message);
	peal_council_propose(council, 0, &value, true);
	peal_council_wait(council, council->now_ns + 100U * council->timing.fallback_ns);
	assert_int_equal(council->letters_count, 0);
	assert_int_equal(peal_council_decided_by(council, &value), 1);
	peal_council_destroy(council);
}

static void
test_consensus_message__keeps_what_it_needs_when_values_are_many(void **state)
{
	struct peal_council *council = peal_council_create(16, 3);
	struct peal_proposal own = peal_council_add(council, 100);
	struct peal_consensus *node = &council->nodes[0];

	(void)state;
	peal_council_propose(council, 0, &own, true);
	for (uint16_t from = 1; from < 12; from++) {
		struct peal_proposal value = peal_council_add(council, from);
		struct peal_ballot_msg vote = peal_council_vote(&value);

		peal_council_hear(council, 0, from, &vote);
	}
	assert_int_equal(node->values.count, PEAL_TALLIES_MAX);
	assert_int_equal(peal_council_counted(council, 0, PEAL_COUNTER_PROPOSALS_REFUSED), 4);
	assert_non_null(peal_values_find(&node->values, peal_proposal_digest(&own)));
	/* All votes count, those of forgotten values too; a heavier one finds its place. */
	assert_int_equal(peal_bitset_count(&node->learner.fast_heard), 12);
	for (uint16_t from = 12; from < 14; from++) {
		struct peal_proposal value = peal_council_add(council, 11);
		struct peal_ballot_msg vote = peal_council_vote(&value);

		peal_council_hear(council, 0, from, &vote);
		assert_non_null(peal_values_find(&node->values, peal_proposal_digest(&value)));
	}
	peal_consensus_check(node);
	peal_council_destroy(council);
}

static void
test_consensus_message__a_value_of_a_promise_finds_room(void **state)
{
	struct peal_council *council = peal_council_create(16, 3);
	uint16_t rank = peal_council_member_of_slot(council, 0);
	struct peal_consensus *node = &council->nodes[rank];
	struct peal_proposal chosen = peal_council_add(council, 99);
	uint32_t heard = 0;

	(void)state;
	for (uint16_t from = 0; heard < 8; from++) {
		struct peal_proposal value = peal_council_add(council, from);
		struct peal_ballot_msg vote = peal_council_vote(&value);

		if (from != rank) {
			peal_council_hear(council, rank, from, &vote);
			heard++;
		}
	}
	peal_council_wait(council, council->now_ns + council->timing.fallback_ns);
	assert_int_equal(node->coordinator.state, PEAL_COORDINATOR_PREPARING);
	for (uint16_t from = 0; from < 16; from++) {
		struct peal_ballot_msg answer = peal_council_message(
			PEAL_MESSAGE_P1B, node->coordinator.ballot, from >= 8 ? &chosen : NULL);

		answer.vrnd = from >= 8 ? PEAL_BALLOT_FAST : answer.vrnd;
		peal_council_hear(council, rank, from, &answer);
	}
	assert_int_equal(node->coordinator.state, PEAL_COORDINATOR_PROPOSED);
	assert_non_null(peal_values_find(&node->values, node->coordinator.proposed_digest));
	peal_council_destroy(council);
}

/* Gathered votes. */

static void
assert_votes_refused(struct peal_council *council, const struct peal_vote_key *key,
	const struct peal_bitset *ranks, enum peal_counter counter)
{
	static struct peal_consensus before;
	uint64_t count = peal_council_counted(council, 0, counter);

	before = council->nodes[0];
	peal_council_tell(council, 0, key, ranks);
	assert_int_equal(peal_council_counted(council, 0, counter), count + 1U);
	assert_memory_equal(&before, &council->nodes[0], sizeof(before));
	assert_int_equal(council->letters_count + council->keys_count, 0);
}

static void
test_consensus_message__refuses_votes_that_cannot_be(void **state)
{
	struct peal_council *council = peal_council_create(100, 3);
	struct peal_proposal value = peal_council_add(council, 1);
	struct peal_ballot b31 = {3, 1};
	struct peal_vote_key key = peal_council_key(PEAL_VOTE_FAST, PEAL_BALLOT_FAST, &value);
	struct peal_bitset nobody = {{0}};
	struct peal_bitset some = peal_council_run(1, 51);
	struct peal_bitset stranger = peal_council_run(99, 101);

	(void)state;
	assert_votes_refused(council, &key, &nobody, PEAL_COUNTER_MESSAGES_REFUSED);
	assert_votes_refused(council, &key, &stranger, PEAL_COUNTER_MESSAGES_REFUSED);
	key.kind = PEAL_VOTE_INSTALLED;
	assert_votes_refused(council, &key, &some, PEAL_COUNTER_MESSAGES_REFUSED);
	key.kind = 0;
	assert_votes_refused(council, &key, &some, PEAL_COUNTER_MESSAGES_REFUSED);
	key = peal_council_key(PEAL_VOTE_FAST, b31, &value);
	assert_votes_refused(council, &key, &some, PEAL_COUNTER_BALLOT_CONFLICTS);
	key = peal_council_key(PEAL_VOTE_ACCEPT, (struct peal_ballot){3, 100}, &value);
	assert_votes_refused(council, &key, &some, PEAL_COUNTER_BALLOT_CONFLICTS);
	key = peal_council_key(PEAL_VOTE_PROMISE, b31, &value);
	key.vrnd = b31;
	assert_votes_refused(council, &key, &some, PEAL_COUNTER_BALLOT_CONFLICTS);
	peal_council_destroy(council);
}

/* What this node said it knows: its bit in what comes back is nothing new. */
static void
test_consensus_message__own_bit_is_ignored(void **state)
{
	struct peal_council *council = peal_council_create(100, 3);
	struct peal_proposal value = peal_council_add(council, 1);
	struct peal_vote_key key = peal_council_key(PEAL_VOTE_FAST, PEAL_BALLOT_FAST, &value);
	struct peal_bitset ranks = peal_council_run(0, 1);

	(void)state;
	peal_council_tell(council, 0, &key, &ranks);
	assert_false(peal_consensus_is_busy(&council->nodes[0]));
	ranks = peal_council_run(0, 3);
	peal_council_tell(council, 0, &key, &ranks);
	assert_int_equal(
		peal_learner_weight(&council->nodes[0].learner, peal_proposal_digest(&value)), 4);
	peal_council_destroy(council);
}

/* Sets in any order, over and over, some of them old: nothing is counted twice, nobody in two keys.
 */
static void
test_consensus_message__sets_may_come_in_any_order(void **state)
{
	struct peal_council *council = peal_council_create(100, 3);
	struct peal_proposal red = peal_council_add(council, 1);
	struct peal_proposal blue = peal_council_add(council, 2);
	struct peal_vote_key red_key = peal_council_key(PEAL_VOTE_FAST, PEAL_BALLOT_FAST, &red);
	struct peal_vote_key blue_key = peal_council_key(PEAL_VOTE_FAST, PEAL_BALLOT_FAST, &blue);
	static const uint8_t runs[][2] = {{40, 70}, {1, 45}, {60, 74}, {40, 70}, {1, 2}};
	struct peal_bitset ranks;

	(void)state;
	assert_true(peal_council_propose(council, 0, &red, true));
	for (uint32_t i = 0; i < 5; i++) {
		ranks = peal_council_run(runs[i][0], runs[i][1]);
		peal_council_tell(council, 0, &red_key, &ranks);
		ranks = peal_council_run(99, 100);
		peal_council_tell(council, 0, &blue_key, &ranks);
	}
	assert_null(peal_consensus_decided(&council->nodes[0]));
	assert_int_equal(
		peal_learner_weight(&council->nodes[0].learner, red_key.digest), 2U * 74U + 1U);
	/* 75 of 100 with the senior. */
	ranks = peal_council_run(73, 75);
	peal_council_tell(council, 0, &red_key, &ranks);
	assert_int_equal(peal_council_decided_by(council, &red), 1);
	peal_council_destroy(council);
}

static void
test_consensus_message__acceptances_of_different_ballots_do_not_mix(void **state)
{
	struct peal_council *council = peal_council_create(100, 3);
	struct peal_proposal value = peal_council_add(council, 1);
	struct peal_vote_key low =
		peal_council_key(PEAL_VOTE_ACCEPT, (struct peal_ballot){2, 7}, &value);
	struct peal_vote_key high =
		peal_council_key(PEAL_VOTE_ACCEPT, (struct peal_ballot){3, 7}, &value);
	struct peal_bitset ranks = peal_council_run(1, 50);

	(void)state;
	assert_true(peal_council_propose(council, 0, &value, true));
	peal_council_tell(council, 0, &low, &ranks);
	ranks = peal_council_run(50, 100);
	peal_council_tell(council, 0, &high, &ranks);
	assert_null(peal_consensus_decided(&council->nodes[0]));
	ranks = peal_council_run(49, 51);
	peal_council_tell(council, 0, &high, &ranks);
	assert_int_equal(peal_council_decided_by(council, &value), 1);
	assert_int_equal(council->nodes[0].decided_ballot.round, 3);
	peal_council_destroy(council);
}

/* Promises tell what was accepted: that counts, and binds who leads the ballot. */
static void
test_consensus_message__gathered_promises_bind_the_coordinator(void **state)
{
	struct peal_council *council = peal_council_create(100, 3);
	uint16_t rank = peal_council_member_of_slot(council, 0);
	struct peal_consensus *node = &council->nodes[rank];
	struct peal_proposal own = peal_council_add(council, 1);
	struct peal_proposal voted = peal_council_add(council, 2);
	struct peal_ballot_msg vote = peal_council_vote(&voted);
	struct peal_bitset ranks = peal_council_run(0, 30);
	struct peal_vote_key key;

	(void)state;
	peal_council_hear(council, rank, (uint16_t)((rank + 1U) % 100U), &vote);
	peal_council_wait(council, council->now_ns + council->timing.fallback_ns);
	assert_int_equal(node->coordinator.state, PEAL_COORDINATOR_PREPARING);
	assert_true(peal_council_propose(council, rank, &own, false));
	peal_council_clear(council);
	key = peal_council_key(PEAL_VOTE_PROMISE, node->coordinator.ballot, &voted);
	key.vrnd = PEAL_BALLOT_FAST;
	peal_council_tell(council, rank, &key, &ranks);
	assert_true(peal_learner_weight(&node->learner, key.digest) >= 2U * 30U);
	ranks = peal_council_run(30, 51);
	key = peal_council_key(PEAL_VOTE_PROMISE, node->coordinator.ballot, NULL);
	peal_council_tell(council, rank, &key, &ranks);
	/* Twenty-one or twenty-two of fifty-one are against it, and twenty-five may be. */
	assert_int_equal(node->coordinator.state, PEAL_COORDINATOR_PROPOSED);
	assert_true(peal_hash128_equals(
		node->coordinator.proposed_digest, peal_proposal_digest(&voted)));
	assert_int_equal(peal_council_count(council, PEAL_MESSAGE_P2A), 99);
	peal_council_destroy(council);
}

static void
hear_a_stranger(void *argument)
{
	struct peal_council *council = argument;
	struct peal_ballot_msg message =
		peal_council_message(PEAL_MESSAGE_P1A, (struct peal_ballot){2, 0}, NULL);

	peal_council_hear(council, 0, 3, &message);
}

/* Two quorums for two values: some member lied, and this node stops before it spreads. */
static void
learn_a_contradiction(void *argument)
{
	struct peal_council *council = argument;
	struct peal_proposal red = peal_council_add(council, 1);
	struct peal_proposal blue = peal_council_add(council, 2);
	struct peal_ballot_msg message =
		peal_council_message(PEAL_MESSAGE_P2B, (struct peal_ballot){2, 1}, &red);

	peal_council_hear(council, 0, 1, &message);
	peal_council_hear(council, 0, 2, &message);
	message = peal_council_message(PEAL_MESSAGE_DECIDE, (struct peal_ballot){2, 1}, &blue);
	peal_council_hear(council, 0, 1, &message);
}

static void
test_consensus_message__asserts_what_callers_promise(void **state)
{
	struct peal_council *council = peal_council_create(3, 3);

	(void)state;
	assert_true(peal_test_dies(hear_a_stranger, council));
	assert_true(peal_test_dies(learn_a_contradiction, council));
	peal_council_destroy(council);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_consensus_message__refuses_what_it_may_not_accept),
		cmocka_unit_test(
			test_consensus_message__a_proposal_is_not_refused_for_a_leave_unheard),
		cmocka_unit_test(
			test_consensus_message__willing_members_may_go_beyond_the_majority),
		cmocka_unit_test(test_consensus_message__two_values_in_one_ballot_are_reported),
		cmocka_unit_test(
			test_consensus_message__coordinator_stops_at_contradicting_promises),
		cmocka_unit_test(test_consensus_message__decides_when_the_value_arrives),
		cmocka_unit_test(
			test_consensus_message__decides_on_a_refused_proposal_that_a_quorum_accepted),
		cmocka_unit_test(
			test_consensus_message__learns_a_decision_and_is_quiet_from_then_on),
		cmocka_unit_test(test_consensus_message__keeps_what_it_needs_when_values_are_many),
		cmocka_unit_test(test_consensus_message__a_value_of_a_promise_finds_room),
		cmocka_unit_test(test_consensus_message__refuses_votes_that_cannot_be),
		cmocka_unit_test(test_consensus_message__own_bit_is_ignored),
		cmocka_unit_test(test_consensus_message__sets_may_come_in_any_order),
		cmocka_unit_test(
			test_consensus_message__acceptances_of_different_ballots_do_not_mix),
		cmocka_unit_test(test_consensus_message__gathered_promises_bind_the_coordinator),
		cmocka_unit_test(test_consensus_message__asserts_what_callers_promise),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
