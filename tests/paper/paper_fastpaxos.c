/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * L. Lamport, Fast Paxos, Distributed Computing 19, 2006: the rules that Peal's agreement stands
 * on, in our words, one test each, in the order of the paper. Round 1 is the fast one; rounds from
 * 2 are classic. The sections on uncoordinated recovery are not used: a collision starts a classic
 * round.
 */
#include "tests/lib/cmocka_all.h"
#include "tests/lib/council.h"
#include "wire/messages.h"

#include <string.h>

static const struct peal_hash128 red = {1, 1};
static const struct peal_hash128 blue = {2, 2};
static const struct peal_ballot none = {0, 0};

static struct peal_ballot_msg
ask(struct peal_ballot ballot)
{
	struct peal_ballot_msg message;

	memset(&message, 0, sizeof(message));
	message.kind = PEAL_MESSAGE_P1A;
	message.ballot = ballot;
	return message;
}

static struct peal_ballot_msg
say(uint8_t kind, struct peal_ballot ballot, const struct peal_proposal *value)
{
	struct peal_ballot_msg message = ask(ballot);

	message.kind = kind;
	message.digest = peal_proposal_digest(value);
	message.has_proposal = true;
	message.proposal = *value;
	return message;
}

static struct peal_coordinator
lead(uint32_t members_count, uint16_t rank)
{
	struct peal_coordinator coordinator;
	struct peal_quorum quorum = {.members_count = members_count, .tie_rank = 0};

	peal_coordinator_init(&coordinator, quorum, rank);
	peal_coordinator_on_round(&coordinator, 9);
	(void)peal_coordinator_start(&coordinator);
	return coordinator;
}

static void
promise(struct peal_coordinator *coordinator, uint16_t rank, struct peal_ballot vrnd,
	struct peal_hash128 digest)
{
	struct peal_bitset one = {{UINT64_C(1) << rank}};

	peal_coordinator_on_p1b(coordinator, &one, coordinator->ballot, vrnd, digest);
}

static bool
accept(struct peal_learner *learner, uint16_t rank, struct peal_ballot ballot,
	struct peal_hash128 digest)
{
	struct peal_bitset one = {{UINT64_C(1) << rank}};

	return peal_learner_on_accepted(learner, &one, ballot, digest);
}

static bool
is_picked(const struct peal_coordinator *coordinator, struct peal_hash128 digest)
{
	struct peal_hash128 picked;

	return peal_coordinator_choose(coordinator, &picked) == PEAL_CHOICE_VALUE &&
	       peal_hash128_equals(picked, digest);
}

/* paper: FASTPAXOS 2.1: only a proposed value can be learned. */
static void
paper_fastpaxos__only_proposed_values_are_learned(void **state)
{
	struct peal_council *council = peal_council_create(5, 11);
	struct peal_proposal value = peal_council_add(council, 1);

	(void)state;
	/* One node proposes; everybody ends with its value, none with a value of its own making. */
	peal_council_propose(council, 4, &value, true);
	peal_council_settle(council);
	peal_council_wait(council, council->now_ns + council->timing.fallback_ns);
	peal_council_settle(council);
	for (uint16_t rank = 0; rank < 5; rank++) {
		assert_true(peal_council_has_decided(council, rank, &value));
	}
	peal_council_destroy(council);
}

/* paper: FASTPAXOS 2.1: what a learner has learned it keeps; two learners never differ. */
static void
paper_fastpaxos__what_is_learned_stays(void **state)
{
	struct peal_council *council = peal_council_create(3, 11);
	struct peal_proposal first = peal_council_add(council, 1);
	struct peal_proposal second = peal_council_add(council, 2);

	(void)state;
	for (uint16_t rank = 0; rank < 3; rank++) {
		peal_council_propose(council, rank, &first, true);
	}
	peal_council_settle(council);
	for (uint16_t rank = 0; rank < 3; rank++) {
		peal_council_propose(council, rank, &second, true);
	}
	peal_council_settle(council);
	peal_council_wait(council, council->now_ns + 50U * council->timing.fallback_ns);
	for (uint16_t rank = 0; rank < 3; rank++) {
		assert_true(peal_council_has_decided(council, rank, &first));
	}
	peal_council_destroy(council);
}

/* paper: FASTPAXOS 2.2.1, phase 1: an acceptor answers a round only if it has answered no higher
 * one. */
static void
paper_fastpaxos__acceptor_promises_upwards(void **state)
{
	struct peal_acceptor acceptor;

	(void)state;
	peal_acceptor_init(&acceptor);
	assert_int_equal(
		peal_acceptor_on_p1a(&acceptor, (struct peal_ballot){3, 1}), PEAL_ACCEPTOR_P1B);
	assert_int_equal(
		peal_acceptor_on_p1a(&acceptor, (struct peal_ballot){2, 2}), PEAL_ACCEPTOR_NACK);
	assert_int_equal(
		peal_acceptor_on_p1a(&acceptor, (struct peal_ballot){3, 2}), PEAL_ACCEPTOR_P1B);
}

/* paper: FASTPAXOS 2.2.1, phase 1b: the answer tells the highest round accepted in, and its value.
 */
static void
paper_fastpaxos__promise_tells_the_last_acceptance(void **state)
{
	struct peal_acceptor acceptor;

	(void)state;
	peal_acceptor_init(&acceptor);
	(void)peal_acceptor_vote(&acceptor, red);
	(void)peal_acceptor_on_p2a(&acceptor, (struct peal_ballot){2, 1}, blue);
	assert_int_equal(
		peal_acceptor_on_p1a(&acceptor, (struct peal_ballot){3, 0}), PEAL_ACCEPTOR_P1B);
	assert_int_equal(acceptor.p1b_vrnd.round, 2);
	assert_true(peal_hash128_equals(acceptor.p1b_vdigest, blue));
}

/* paper: FASTPAXOS 2.2.1, phase 2a: the coordinator needs answers from a majority, of this round.
 */
static void
paper_fastpaxos__proposal_needs_a_quorum_of_promises(void **state)
{
	struct peal_coordinator coordinator = lead(5, 1);
	struct peal_bitset late = {{0x8}};

	(void)state;
	peal_coordinator_set_own(&coordinator, red, true);
	promise(&coordinator, 1, none, red);
	promise(&coordinator, 2, none, red);
	assert_false(is_picked(&coordinator, red));
	peal_coordinator_on_p1b(&coordinator, &late, (struct peal_ballot){9, 1}, none, red);
	assert_false(is_picked(&coordinator, red));
	promise(&coordinator, 3, none, red);
	assert_true(is_picked(&coordinator, red));
}

/* paper: FASTPAXOS 2.2.1, phase 2a: one value a round at most, since a round has one coordinator.
 */
static void
paper_fastpaxos__round_has_one_coordinator_and_one_value(void **state)
{
	struct peal_council *council = peal_council_create(3, 11);
	struct peal_proposal first = peal_council_add(council, 1);
	struct peal_proposal second = peal_council_add(council, 2);
	struct peal_ballot ballot = {2, 1};
	struct peal_ballot_msg message = say(PEAL_MESSAGE_P2A, ballot, &first);

	(void)state;
	/* Not from anybody else ... */
	peal_council_hear(council, 0, 2, &message);
	assert_int_equal(council->nodes[0].acceptor.vrnd.round, 0);
	/* ... and no second one. */
	peal_council_hear(council, 0, 1, &message);
	message = say(PEAL_MESSAGE_P2A, ballot, &second);
	peal_council_hear(council, 0, 1, &message);
	assert_true(peal_hash128_equals(
		council->nodes[0].acceptor.vdigest, peal_proposal_digest(&first)));
	peal_council_destroy(council);
}

/* paper: FASTPAXOS 2.2.1, phase 2b: accept unless a higher round was promised; accepting promises.
 */
static void
paper_fastpaxos__acceptor_accepts_unless_it_promised_more(void **state)
{
	struct peal_acceptor acceptor;

	(void)state;
	peal_acceptor_init(&acceptor);
	(void)peal_acceptor_on_p1a(&acceptor, (struct peal_ballot){4, 0});
	assert_int_equal(peal_acceptor_on_p2a(&acceptor, (struct peal_ballot){3, 0}, red),
		PEAL_ACCEPTOR_NACK);
	assert_int_equal(peal_acceptor_on_p2a(&acceptor, (struct peal_ballot){5, 0}, red),
		PEAL_ACCEPTOR_P2B);
	assert_int_equal(
		peal_acceptor_on_p1a(&acceptor, (struct peal_ballot){4, 1}), PEAL_ACCEPTOR_NACK);
}

/* paper: FASTPAXOS 2.2.1: chosen is what a majority accepted in the same round. */
static void
paper_fastpaxos__acceptances_of_different_rounds_do_not_add_up(void **state)
{
	struct peal_quorum quorum = {.members_count = 5, .tie_rank = 0};
	struct peal_learner learner;

	(void)state;
	peal_learner_init(&learner, quorum);
	assert_false(accept(&learner, 1, (struct peal_ballot){2, 0}, red));
	assert_false(accept(&learner, 2, (struct peal_ballot){2, 0}, red));
	assert_false(accept(&learner, 3, (struct peal_ballot){3, 0}, red));
	assert_true(accept(&learner, 4, (struct peal_ballot){2, 0}, red));
}

/* paper: FASTPAXOS 2.2.2: nobody of the quorum accepted anything: every proposed value may be
 * picked. */
static void
paper_fastpaxos__picks_anything_when_nothing_was_accepted(void **state)
{
	struct peal_coordinator coordinator = lead(3, 1);

	(void)state;
	promise(&coordinator, 1, none, red);
	promise(&coordinator, 2, none, red);
	peal_coordinator_set_own(&coordinator, blue, true);
	assert_true(is_picked(&coordinator, blue));
}

/* paper: FASTPAXOS 2.2.2: else the value of the highest round that any of them accepted in. */
static void
paper_fastpaxos__picks_the_value_of_the_highest_round(void **state)
{
	struct peal_coordinator coordinator = lead(5, 1);

	(void)state;
	peal_coordinator_set_own(&coordinator, red, true);
	promise(&coordinator, 1, (struct peal_ballot){2, 3}, red);
	promise(&coordinator, 2, (struct peal_ballot){2, 3}, red);
	promise(&coordinator, 3, (struct peal_ballot){2, 4}, blue);
	assert_true(is_picked(&coordinator, blue));
}

/* paper: FASTPAXOS 2.3: a coordinator told of a higher round starts a still higher one. */
static void
paper_fastpaxos__refused_coordinator_returns_with_a_higher_round(void **state)
{
	struct peal_coordinator coordinator = lead(3, 1);
	struct peal_ballot higher = {40, 2};

	(void)state;
	(void)peal_coordinator_on_nack(&coordinator, 0, higher);
	assert_int_equal(peal_coordinator_start(&coordinator).round, 41);
}

/* paper: FASTPAXOS 3.1: in a fast round proposers speak to acceptors: two message delays, no
 * leader. */
static void
paper_fastpaxos__fast_round_needs_no_coordinator(void **state)
{
	struct peal_council *council = peal_council_create(4, 11);
	struct peal_proposal value = peal_council_add(council, 1);

	(void)state;
	for (uint16_t rank = 0; rank < 4; rank++) {
		peal_council_propose(council, rank, &value, true);
	}
	for (uint16_t from = 0; from < 4; from++) {
		for (uint16_t to = 0; to < 4; to++) {
			(void)peal_council_pass(council, from, to);
		}
	}
	for (uint16_t rank = 0; rank < 4; rank++) {
		assert_true(peal_council_has_decided(council, rank, &value));
		assert_int_equal(
			peal_ballot_compare(council->nodes[rank].decided_ballot, PEAL_BALLOT_FAST),
			0);
	}
	peal_council_destroy(council);
}

/*
 * paper: FASTPAXOS 3.1, phase 2b of a fast round: an acceptor takes part as long as the fast round
 * is the highest it heard of, and accepts one value in it. (The published code of Rapid forgets the
 * first half and may decide twice.)
 */
static void
paper_fastpaxos__acceptor_votes_fast_only_before_any_promise(void **state)
{
	struct peal_council *council = peal_council_create(5, 11);
	struct peal_proposal value = peal_council_add(council, 1);
	struct peal_ballot_msg question = ask((struct peal_ballot){2, 0});

	(void)state;
	peal_council_hear(council, 3, 0, &question);
	peal_council_clear(council);
	peal_council_propose(council, 3, &value, true);
	assert_int_equal(peal_council_count(council, PEAL_MESSAGE_VOTE), 0);
	assert_int_equal(council->nodes[3].acceptor.vrnd.round, 0);
	peal_council_destroy(council);
}

/* paper: FASTPAXOS 3.1, quorum requirement (a): any two quorums of classic rounds meet. */
static void
paper_fastpaxos__halves_are_told_apart(void **state)
{
	struct peal_quorum quorum = {.members_count = 6, .tie_rank = 0};
	struct peal_bitset half = {{0x07}};
	struct peal_bitset other = {{0x38}};

	(void)state;
	assert_true(peal_quorum_classic_ok(&quorum, &half));
	assert_false(peal_quorum_classic_ok(&quorum, &other));
}

/* paper: FASTPAXOS 3.1, quorum requirement (b): a classic quorum meets the common part of two fast
 * ones. */
static void
paper_fastpaxos__fast_quorums_are_larger(void **state)
{
	struct peal_quorum quorum = {.members_count = 5, .tie_rank = 0};
	struct peal_bitset majority = {{0x07}};
	struct peal_bitset fast = {{0x0F}};
	struct peal_bitset other = {{0x1E}};
	struct peal_bitset both = peal_bitset_intersection(&fast, &other);
	struct peal_bitset rest = {{0x1F}};

	(void)state;
	assert_false(peal_quorum_fast_ok(&quorum, &majority));
	assert_true(peal_quorum_fast_ok(&quorum, &fast));
	assert_true(peal_quorum_fast_ok(&quorum, &other));
	/* What is left when the common part is taken out is no quorum. */
	rest = peal_bitset_difference(&rest, &both);
	assert_false(peal_quorum_classic_ok(&quorum, &rest));
}

/* paper: FASTPAXOS 3.1, observation 4: several values at k = 1; one that a fast quorum may hold
 * binds. */
static void
paper_fastpaxos__picks_the_value_that_may_be_chosen_fast(void **state)
{
	struct peal_coordinator coordinator = lead(5, 1);

	(void)state;
	peal_coordinator_set_own(&coordinator, blue, true);
	promise(&coordinator, 1, PEAL_BALLOT_FAST, red);
	promise(&coordinator, 2, PEAL_BALLOT_FAST, blue);
	promise(&coordinator, 3, PEAL_BALLOT_FAST, red);
	/* 0 and 4 may have voted red, too: 1, 3, 0, 4 are a fast quorum. */
	assert_true(is_picked(&coordinator, red));
}

/* paper: FASTPAXOS 3.1, phase 2a: no value can be: the choice is free. */
static void
paper_fastpaxos__picks_anything_after_a_hopeless_collision(void **state)
{
	struct peal_coordinator coordinator = lead(5, 1);

	(void)state;
	peal_coordinator_set_own(&coordinator, blue, true);
	promise(&coordinator, 1, PEAL_BALLOT_FAST, red);
	promise(&coordinator, 2, PEAL_BALLOT_FAST, blue);
	promise(&coordinator, 3, PEAL_BALLOT_FAST, red);
	promise(&coordinator, 4, none, red);
	/* Two juniors did not vote red: three others are no fast quorum. */
	assert_true(is_picked(&coordinator, blue));
}

/* paper: FASTPAXOS 3.2: a collision is resolved by a new round that reads the votes of the old one.
 */
static void
paper_fastpaxos__collision_ends_in_a_classic_round(void **state)
{
	struct peal_council *council = peal_council_create(3, 11);
	uint64_t at_ns = council->now_ns;

	(void)state;
	for (uint16_t rank = 0; rank < 3; rank++) {
		struct peal_proposal value = peal_council_add(council, rank);

		peal_council_propose(council, rank, &value, true);
	}
	peal_council_settle(council);
	assert_true(council->now_ns == at_ns);
	for (uint16_t rank = 0; rank < 3; rank++) {
		assert_non_null(peal_consensus_decided(&council->nodes[rank]));
		assert_true(council->nodes[rank].decided_ballot.round >= 2);
	}
	peal_council_destroy(council);
}

/* paper: FASTPAXOS 2.3 and 3.3: a majority that is connected and one coordinator are enough to end.
 */
static void
paper_fastpaxos__majority_ends_without_the_others(void **state)
{
	struct peal_council *council = peal_council_create(5, 11);
	struct peal_proposal value = peal_council_add(council, 1);
	uint32_t decided = 0;

	(void)state;
	peal_bitset_add(&council->absent, 1);
	peal_bitset_add(&council->absent, 3);
	for (uint16_t rank = 0; rank < 5; rank += 2) {
		peal_council_propose(council, rank, &value, true);
	}
	/* Until the turn of one that lives has come. */
	for (uint32_t turn = 0; turn < 8; turn++) {
		peal_council_settle(council);
		peal_council_wait(council, council->now_ns + council->timing.fallback_ns / 2U);
	}
	for (uint16_t rank = 0; rank < 5; rank += 2) {
		decided += peal_council_has_decided(council, rank, &value) ? 1U : 0U;
	}
	assert_int_equal(decided, 3);
	peal_council_destroy(council);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(paper_fastpaxos__only_proposed_values_are_learned),
		cmocka_unit_test(paper_fastpaxos__what_is_learned_stays),
		cmocka_unit_test(paper_fastpaxos__acceptor_promises_upwards),
		cmocka_unit_test(paper_fastpaxos__promise_tells_the_last_acceptance),
		cmocka_unit_test(paper_fastpaxos__proposal_needs_a_quorum_of_promises),
		cmocka_unit_test(paper_fastpaxos__round_has_one_coordinator_and_one_value),
		cmocka_unit_test(paper_fastpaxos__acceptor_accepts_unless_it_promised_more),
		cmocka_unit_test(paper_fastpaxos__acceptances_of_different_rounds_do_not_add_up),
		cmocka_unit_test(paper_fastpaxos__picks_anything_when_nothing_was_accepted),
		cmocka_unit_test(paper_fastpaxos__picks_the_value_of_the_highest_round),
		cmocka_unit_test(paper_fastpaxos__refused_coordinator_returns_with_a_higher_round),
		cmocka_unit_test(paper_fastpaxos__fast_round_needs_no_coordinator),
		cmocka_unit_test(paper_fastpaxos__acceptor_votes_fast_only_before_any_promise),
		cmocka_unit_test(paper_fastpaxos__halves_are_told_apart),
		cmocka_unit_test(paper_fastpaxos__fast_quorums_are_larger),
		cmocka_unit_test(paper_fastpaxos__picks_the_value_that_may_be_chosen_fast),
		cmocka_unit_test(paper_fastpaxos__picks_anything_after_a_hopeless_collision),
		cmocka_unit_test(paper_fastpaxos__collision_ends_in_a_classic_round),
		cmocka_unit_test(paper_fastpaxos__majority_ends_without_the_others),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
