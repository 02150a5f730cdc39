/* SPDX-License-Identifier: BSD-3-Clause */
#include "control/consensus.h"
#include "tests/lib/cmocka_all.h"
#include "tests/lib/council.h"
#include "wire/messages.h"

#include <string.h>

static const struct peal_ballot b21 = {2, 1};
static const struct peal_ballot b31 = {3, 1};

/* What waits for a body. */

static void
test_consensus_value__decision_waits_for_its_body(void **state)
{
	struct peal_council *council = peal_council_create(5, 3);
	struct peal_proposal value = peal_council_add_many(council, 0, 500);
	struct peal_ballot_msg message = peal_council_name(PEAL_MESSAGE_P2B, b21, &value);
	struct peal_hash128 digest;

	(void)state;
	for (uint16_t from = 1; from < 4; from++) {
		assert_false(peal_consensus_wants(&council->nodes[0], &digest));
		peal_council_hear(council, 0, from, &message);
	}
	assert_true(council->nodes[0].is_pending);
	assert_true(peal_consensus_wants(&council->nodes[0], &digest));
	assert_true(peal_hash128_equals(digest, peal_proposal_digest(&value)));
	assert_int_equal(peal_council_wanted(council, 0, &value), 1);
	peal_council_bring(council, 0, &value);
	assert_int_equal(peal_council_decided_by(council, &value), 1);
	assert_int_equal(peal_council_counted(council, 0, PEAL_COUNTER_DECISIONS_CLASSIC), 1);
	assert_false(peal_consensus_wants(&council->nodes[0], &digest));
	peal_council_destroy(council);
}

static void
test_consensus_value__bodies_are_asked_for_again_at_growing_distances(void **state)
{
	struct peal_council *council = peal_council_create(5, 3);
	struct peal_proposal value = peal_council_add(council, 1);
	struct peal_ballot_msg message = peal_council_name(PEAL_MESSAGE_P2A, b21, &value);
	uint64_t distance_ns = 2U * council->timing.flood_ns;

	(void)state;
	peal_council_hear(council, 0, 1, &message);
	for (uint32_t times = 1; times < 10; times++) {
		assert_int_equal(peal_council_wanted(council, 0, &value), times);
		council->now_ns += distance_ns - 1U;
		peal_council_tick(council, 0);
		assert_int_equal(peal_council_wanted(council, 0, &value), times);
		council->now_ns++;
		peal_council_tick(council, 0);
		distance_ns = peal_timing_next_repeat_ns(&council->timing, distance_ns);
	}
	peal_council_bring(council, 0, &value);
	assert_int_equal(peal_council_wanted(council, 0, &value), 10);
	peal_council_wait(council, council->now_ns + council->timing.repeat_ns_max);
	assert_int_equal(peal_council_wanted(council, 0, &value), 10);
	peal_council_destroy(council);
}

/* After a long silence somebody says the name again: then it is within reach. */
static void
test_consensus_value__body_that_is_named_again_is_asked_for_soon(void **state)
{
	struct peal_council *council = peal_council_create(5, 3);
	struct peal_proposal value = peal_council_add(council, 1);
	struct peal_ballot_msg message = peal_council_name(PEAL_MESSAGE_P2A, b21, &value);
	uint64_t soon_ns = 2U * council->timing.flood_ns;
	uint32_t wanted;

	(void)state;
	peal_council_hear(council, 0, 1, &message);
	peal_council_wait(council, council->now_ns + 10U * council->timing.repeat_ns_max);
	wanted = peal_council_wanted(council, 0, &value);
	peal_council_hear(council, 0, 1, &message);
	assert_int_equal(peal_council_wanted(council, 0, &value), wanted);
	/* Saying it over and over does not put it off. */
	for (uint32_t i = 0; i < 4; i++) {
		council->now_ns += soon_ns / 4U;
		peal_council_hear(council, 0, 1, &message);
		peal_council_tick(council, 0);
	}
	assert_int_equal(peal_council_wanted(council, 0, &value), wanted + 1U);
	peal_council_destroy(council);
}

static void
test_consensus_value__decide_waits_for_its_body(void **state)
{
	struct peal_council *council = peal_council_create(5, 3);
	/* More than could be voted for here. */
	struct peal_proposal value = peal_council_remove(council, 0x1C);
	struct peal_ballot_msg message =
		peal_council_name(PEAL_MESSAGE_DECIDE, PEAL_BALLOT_FAST, &value);

	(void)state;
	assert_false(peal_consensus_is_busy(&council->nodes[0]));
	peal_council_hear(council, 0, 3, &message);
	peal_council_hear(council, 0, 2, &message);
	assert_null(peal_consensus_decided(&council->nodes[0]));
	/* It may be of another epoch: no reason to hold up a batch. */
	assert_false(peal_consensus_is_busy(&council->nodes[0]));
	assert_int_equal(peal_council_wanted(council, 0, &value), 1);
	peal_council_bring(council, 0, &value);
	assert_int_equal(peal_council_decided_by(council, &value), 1);
	assert_int_equal(peal_council_counted(council, 0, PEAL_COUNTER_DECISIONS_LEARNED), 1);
	assert_true(peal_consensus_deadline_at_ns(&council->nodes[0]) == UINT64_MAX);
	peal_council_destroy(council);
}

static void
test_consensus_value__decide_of_what_is_known_needs_no_body(void **state)
{
	struct peal_council *council = peal_council_create(5, 3);
	struct peal_proposal value = peal_council_add(council, 1);
	struct peal_ballot_msg message =
		peal_council_name(PEAL_MESSAGE_DECIDE, PEAL_BALLOT_FAST, &value);

	(void)state;
	assert_true(peal_council_propose(council, 0, &value, true));
	peal_council_hear(council, 0, 3, &message);
	assert_int_equal(peal_council_decided_by(council, &value), 1);
	assert_int_equal(council->wants_count, 0);
	peal_council_destroy(council);
}

/* A DECIDE names no epoch: only the body tells that it is not of this one. */
static void
test_consensus_value__decide_of_another_epoch_decides_nothing(void **state)
{
	struct peal_council *council = peal_council_create(5, 3);
	struct peal_proposal value = peal_council_add(council, 1);
	struct peal_proposal later = peal_council_add(council, 2);
	struct peal_ballot_msg message;

	(void)state;
	later.parent_epoch++;
	message = peal_council_name(PEAL_MESSAGE_DECIDE, PEAL_BALLOT_FAST, &later);
	peal_council_hear(council, 0, 3, &message);
	/* It does not keep the node from asking for what it can use. */
	message = peal_council_name(PEAL_MESSAGE_P2A, b21, &value);
	peal_council_hear(council, 0, 1, &message);
	assert_int_equal(peal_council_wanted(council, 0, &later), 1);
	assert_int_equal(peal_council_wanted(council, 0, &value), 1);
	peal_council_bring(council, 0, &later);
	assert_int_equal(peal_council_counted(council, 0, PEAL_COUNTER_PROPOSALS_REFUSED), 1);
	assert_false(council->nodes[0].is_told);
	peal_council_bring(council, 0, &value);
	assert_int_equal(peal_council_count(council, PEAL_MESSAGE_P2B), 4);
	/* Nor from deciding. */
	peal_council_hear(council, 0, 3, &message);
	message = peal_council_message(PEAL_MESSAGE_DECIDE, b21, &value);
	peal_council_hear(council, 0, 3, &message);
	assert_int_equal(peal_council_decided_by(council, &value), 1);
	peal_council_destroy(council);
}

static void
test_consensus_value__proposal_is_accepted_when_its_body_comes(void **state)
{
	struct peal_council *council = peal_council_create(5, 3);
	struct peal_proposal value = peal_council_add_many(council, 0, 100);
	struct peal_ballot_msg message = peal_council_name(PEAL_MESSAGE_P2A, b21, &value);

	(void)state;
	peal_council_hear(council, 0, 1, &message);
	/* Neither accepted nor refused, and no promise either. */
	assert_int_equal(council->letters_count, 0);
	assert_int_equal(council->nodes[0].acceptor.vrnd.round, 0);
	assert_int_equal(council->nodes[0].acceptor.promised.round, 0);
	assert_true(peal_consensus_is_busy(&council->nodes[0]));
	peal_council_bring(council, 0, &value);
	assert_int_equal(peal_council_count(council, PEAL_MESSAGE_P2B), 4);
	assert_int_equal(council->nodes[0].acceptor.vrnd.round, 2);
	/* Asked again it says so again. */
	peal_council_hear(council, 0, 1, &message);
	assert_int_equal(peal_council_count(council, PEAL_MESSAGE_P2B), 8);
	peal_council_destroy(council);
}

static void
test_consensus_value__proposal_is_accepted_when_its_value_comes_some_other_way(void **state)
{
	(void)state;
	for (uint32_t way = 0; way < 2; way++) {
		struct peal_council *council = peal_council_create(5, 3);
		struct peal_proposal value = peal_council_add(council, 1);
		struct peal_ballot_msg message = peal_council_name(PEAL_MESSAGE_P2A, b21, &value);

		peal_council_hear(council, 0, 1, &message);
		if (way == 0) {
			assert_true(peal_council_propose(council, 0, &value, true));
		} else {
			message = peal_council_vote(&value);
			peal_council_hear(council, 0, 2, &message);
		}
		assert_int_equal(council->nodes[0].acceptor.vrnd.round, 2);
		assert_int_equal(peal_council_count(council, PEAL_MESSAGE_P2B), 4);
		assert_false(council->nodes[0].is_asked);
		peal_council_destroy(council);
	}
}

static void
test_consensus_value__proposal_that_waits_obeys_later_promises(void **state)
{
	struct peal_council *council = peal_council_create(5, 3);
	struct peal_proposal value = peal_council_add(council, 1);
	struct peal_ballot_msg message = peal_council_name(PEAL_MESSAGE_P2A, b21, &value);

	(void)state;
	peal_council_hear(council, 0, 1, &message);
	message = peal_council_message(PEAL_MESSAGE_P1A, (struct peal_ballot){4, 2}, NULL);
	peal_council_hear(council, 0, 2, &message);
	peal_council_clear(council);
	peal_council_bring(council, 0, &value);
	assert_int_equal(council->nodes[0].acceptor.vrnd.round, 0);
	assert_non_null(peal_council_find(council, PEAL_MESSAGE_NACK, 0, 1));
	assert_int_equal(council->letters_count, 1);
	/* What is refused whatever it is needs no body. */
	message = peal_council_name(PEAL_MESSAGE_P2A, b31, &value);
	peal_council_clear(council);
	peal_council_hear(council, 0, 1, &message);
	assert_non_null(peal_council_find(council, PEAL_MESSAGE_NACK, 0, 1));
	peal_council_destroy(council);
}

static void
test_consensus_value__latest_proposal_waits(void **state)
{
	struct peal_council *council = peal_council_create(5, 3);
	struct peal_proposal red = peal_council_add(council, 1);
	struct peal_proposal blue = peal_council_add(council, 2);
	struct peal_ballot_msg message = peal_council_name(PEAL_MESSAGE_P2A, b31, &red);

	(void)state;
	peal_council_hear(council, 0, 1, &message);
	/* A lower one that comes later does not take its place, nor a second value of the ballot.
	 */
	message = peal_council_name(PEAL_MESSAGE_P2A, (struct peal_ballot){2, 4}, &blue);
	peal_council_hear(council, 0, 4, &message);
	assert_int_equal(peal_council_counted(council, 0, PEAL_COUNTER_BALLOT_CONFLICTS), 0);
	message = peal_council_name(PEAL_MESSAGE_P2A, b31, &blue);
	peal_council_hear(council, 0, 1, &message);
	assert_int_equal(peal_council_counted(council, 0, PEAL_COUNTER_BALLOT_CONFLICTS), 1);
	assert_true(
		peal_hash128_equals(council->nodes[0].asked_digest, peal_proposal_digest(&red)));
	message = peal_council_name(PEAL_MESSAGE_P2A, (struct peal_ballot){5, 2}, &blue);
	peal_council_hear(council, 0, 2, &message);
	peal_council_bring(council, 0, &red);
	assert_int_equal(council->nodes[0].acceptor.vrnd.round, 0);
	peal_council_bring(council, 0, &blue);
	assert_int_equal(council->nodes[0].acceptor.vrnd.round, 5);
	peal_council_destroy(council);
}

static void
test_consensus_value__second_value_of_an_accepted_ballot_is_reported_unseen(void **state)
{
	struct peal_council *council = peal_council_create(5, 3);
	struct peal_proposal red = peal_council_add(council, 1);
	struct peal_proposal blue = peal_council_add(council, 2);
	struct peal_ballot_msg message = peal_council_message(PEAL_MESSAGE_P2A, b21, &red);

	(void)state;
	peal_council_hear(council, 0, 1, &message);
	message = peal_council_name(PEAL_MESSAGE_P2A, b21, &blue);
	peal_council_hear(council, 0, 1, &message);
	assert_int_equal(peal_council_counted(council, 0, PEAL_COUNTER_BALLOT_CONFLICTS), 1);
	assert_int_equal(council->wants_count, 0);
	peal_council_destroy(council);
}

/* A round of this node is bound by promises to a value that it has never seen. */
static void
test_consensus_value__forced_choice_waits_for_its_body(void **state)
{
	struct peal_council *council = peal_council_create(5, 3);
	uint16_t rank = peal_council_member_of_slot(council, 0);
	struct peal_consensus *node = &council->nodes[rank];
	struct peal_proposal own = peal_council_add(council, 1);
	struct peal_proposal forced = peal_council_add_many(council, 2, 300);
	struct peal_ballot_msg message;

	(void)state;
	assert_true(peal_council_propose(council, rank, &own, false));
	peal_council_wait(council, council->now_ns + council->timing.fallback_ns);
	assert_int_equal(node->coordinator.state, PEAL_COORDINATOR_PREPARING);
	message = peal_council_name(PEAL_MESSAGE_P1B, node->coordinator.ballot, &forced);
	message.vrnd = PEAL_BALLOT_FAST;
	peal_council_hear(council, rank, (uint16_t)((rank + 1U) % 5U), &message);
	peal_council_hear(council, rank, (uint16_t)((rank + 2U) % 5U), &message);
	assert_int_equal(node->coordinator.state, PEAL_COORDINATOR_PREPARING);
	assert_int_equal(peal_council_wanted(council, rank, &forced), 1);
	peal_council_clear(council);
	peal_council_bring(council, rank, &forced);
	assert_int_equal(node->coordinator.state, PEAL_COORDINATOR_PROPOSED);
	assert_true(peal_hash128_equals(
		node->coordinator.proposed_digest, peal_proposal_digest(&forced)));
	assert_int_equal(peal_council_count(council, PEAL_MESSAGE_P2A), 4);
	peal_council_destroy(council);
}

/* The same for a value that was accepted in a classic round, of which nobody voted. */
static void
test_consensus_value__choice_of_a_classic_round_is_asked_for(void **state)
{
	struct peal_council *council = peal_council_create(5, 3);
	uint16_t rank = peal_council_member_of_slot(council, 0);
	uint16_t other = (uint16_t)((rank + 1U) % 5U);
	struct peal_consensus *node = &council->nodes[rank];
	struct peal_proposal own = peal_council_add(council, 1);
	struct peal_proposal accepted = peal_council_add_many(council, 2, 300);
	struct peal_ballot_msg message =
		peal_council_message(PEAL_MESSAGE_NACK, (struct peal_ballot){4, other}, NULL);

	(void)state;
	assert_true(peal_council_propose(council, rank, &own, false));
	peal_council_hear(council, rank, other, &message);
	peal_council_wait(council, council->now_ns + council->timing.fallback_ns);
	assert_int_equal(node->coordinator.ballot.round, 5);
	message = peal_council_name(PEAL_MESSAGE_P1B, node->coordinator.ballot, &accepted);
	message.vrnd = (struct peal_ballot){4, other};
	peal_council_hear(council, rank, other, &message);
	assert_int_equal(peal_council_wanted(council, rank, &accepted), 0);
	peal_council_hear(council, rank, (uint16_t)((rank + 2U) % 5U), &message);
	assert_int_equal(peal_council_wanted(council, rank, &accepted), 1);
	peal_council_bring(council, rank, &accepted);
	assert_int_equal(node->coordinator.state, PEAL_COORDINATOR_PROPOSED);
	peal_council_destroy(council);
}

/* Fills the table of the member at rank 0 with values that two members voted for, each. */
static struct peal_council *
create_full(void)
{
	struct peal_council *council = peal_council_create(24, 3);

	for (uint16_t from = 1; from <= 2U * PEAL_TALLIES_MAX; from++) {
		struct peal_proposal value = peal_council_add(council, (from + 1U) / 2U);
		struct peal_ballot_msg vote = peal_council_vote(&value);

		peal_council_hear(council, 0, from, &vote);
	}
	assert_int_equal(council->nodes[0].values.count, PEAL_TALLIES_MAX);
	return council;
}

static void
test_consensus_value__proposal_that_waits_finds_room_among_many_values(void **state)
{
	struct peal_council *council = create_full();
	struct peal_proposal value = peal_council_add(council, 100);
	struct peal_ballot_msg message = peal_council_name(PEAL_MESSAGE_P2A, b21, &value);

	(void)state;
	peal_council_hear(council, 0, 1, &message);
	peal_council_bring(council, 0, &value);
	assert_int_equal(council->nodes[0].acceptor.vrnd.round, 2);
	assert_int_equal(council->nodes[0].values.count, PEAL_TALLIES_MAX);
	peal_council_destroy(council);
}

/* Lighter than all that is known, but the round is bound to it. */
static void
test_consensus_value__choice_finds_room_among_many_values(void **state)
{
	(void)state;
	for (uint32_t by_name = 0; by_name < 2; by_name++) {
		struct peal_council *council = create_full();
		struct peal_consensus *node = &council->nodes[0];
		struct peal_proposal value = peal_council_add(council, 100);
		struct peal_ballot_msg message =
			peal_council_message(PEAL_MESSAGE_NACK, (struct peal_ballot){4, 1}, NULL);

		peal_council_hear(council, 0, 1, &message);
		peal_council_wait(council, peal_fallback_deadline_at_ns(&node->fallback));
		assert_int_equal(node->coordinator.ballot.round, 5);
		/* The senior itself and eleven others weigh 25: a quorum. */
		message = peal_council_message(PEAL_MESSAGE_P1B, node->coordinator.ballot, NULL);
		for (uint16_t from = 1; from < 11; from++) {
			peal_council_hear(council, 0, from, &message);
		}
		assert_int_equal(node->coordinator.state, PEAL_COORDINATOR_PREPARING);
		message = by_name ? peal_council_name(
					    PEAL_MESSAGE_P1B, node->coordinator.ballot, &value)
				  : peal_council_message(
					    PEAL_MESSAGE_P1B, node->coordinator.ballot, &value);
		message.vrnd = (struct peal_ballot){4, 1};
		peal_council_hear(council, 0, 11, &message);
		if (by_name) {
			assert_int_equal(peal_council_wanted(council, 0, &value), 1);
			peal_council_bring(council, 0, &value);
		}
		assert_int_equal(node->coordinator.state, PEAL_COORDINATOR_PROPOSED);
		assert_true(peal_hash128_equals(
			node->coordinator.proposed_digest, peal_proposal_digest(&value)));
		peal_council_destroy(council);
	}
}

/* Votes for names. */

static void
test_consensus_value__votes_count_before_their_value_is_here(void **state)
{
	struct peal_council *council = peal_council_create(5, 3);
	struct peal_proposal value = peal_council_add_many(council, 0, 64);
	struct peal_ballot_msg vote =
		peal_council_name(PEAL_MESSAGE_VOTE, PEAL_BALLOT_FAST, &value);

	(void)state;
	peal_council_hear(council, 0, 1, &vote);
	assert_int_equal(peal_council_wanted(council, 0, &value), 1);
	assert_true(peal_fallback_deadline_at_ns(&council->nodes[0].fallback) == UINT64_MAX);
	/* With the value it can lead a round about it. */
	peal_council_bring(council, 0, &value);
	assert_true(peal_fallback_deadline_at_ns(&council->nodes[0].fallback) != UINT64_MAX);
	for (uint16_t from = 2; from < 5; from++) {
		peal_council_hear(council, 0, from, &vote);
	}
	assert_int_equal(peal_council_decided_by(council, &value), 1);
	assert_int_equal(peal_council_counted(council, 0, PEAL_COUNTER_DECISIONS_FAST), 1);
	peal_council_destroy(council);
}

static void
test_consensus_value__body_that_may_not_be_voted_for_is_refused_once(void **state)
{
	struct peal_council *council = peal_council_create(5, 3);
	struct peal_proposal value = peal_council_remove(council, 0x1C);
	struct peal_ballot_msg message =
		peal_council_name(PEAL_MESSAGE_VOTE, PEAL_BALLOT_FAST, &value);

	(void)state;
	peal_council_hear(council, 0, 1, &message);
	peal_council_bring(council, 0, &value);
	assert_int_equal(peal_council_counted(council, 0, PEAL_COUNTER_PROPOSALS_REFUSED), 1);
	assert_int_equal(council->nodes[0].values.count, 0);
	peal_council_wait(council, council->now_ns + 20U * council->timing.flood_ns);
	assert_int_equal(peal_council_wanted(council, 0, &value), 1);
	/* A proposal comes after a quorum of reports: then it is asked for, and taken. */
	message = peal_council_name(PEAL_MESSAGE_P2A, b21, &value);
	peal_council_hear(council, 0, 1, &message);
	assert_int_equal(peal_council_wanted(council, 0, &value), 2);
	peal_council_bring(council, 0, &value);
	assert_int_equal(council->nodes[0].acceptor.vrnd.round, 2);
	peal_council_destroy(council);
}

/* A quorum voted for it: members knew of a LEAVE that did not come here. */
static void
test_consensus_value__body_that_a_quorum_voted_for_is_taken(void **state)
{
	struct peal_council *council = peal_council_create(5, 3);
	struct peal_proposal value = peal_council_remove(council, 0x1C);
	struct peal_ballot_msg vote =
		peal_council_name(PEAL_MESSAGE_VOTE, PEAL_BALLOT_FAST, &value);

	(void)state;
	for (uint16_t from = 1; from < 5; from++) {
		peal_council_hear(council, 0, from, &vote);
	}
	assert_true(council->nodes[0].is_pending);
	peal_council_bring(council, 0, &value);
	assert_int_equal(peal_council_decided_by(council, &value), 1);
	peal_council_destroy(council);
}

static void
test_consensus_value__body_that_nobody_named_changes_nothing(void **state)
{
	static struct peal_consensus before;
	struct peal_council *council = peal_council_create(5, 3);
	struct peal_proposal value = peal_council_add(council, 1);
	struct peal_proposal foreign = peal_council_add(council, 2);

	(void)state;
	foreign.parent_epoch++;
	before = council->nodes[0];
	peal_council_bring(council, 0, &value);
	peal_council_bring(council, 0, &foreign);
	assert_memory_equal(&before, &council->nodes[0], sizeof(before));
	assert_false(peal_consensus_is_busy(&council->nodes[0]));
	peal_council_destroy(council);
}

/* A whole group that only ever names values; who asks gets the body. */
static void
test_consensus_value__group_decides_by_names(void **state)
{
	struct peal_council *council = peal_council_create(5, 3);
	struct peal_proposal value = peal_council_add_many(council, 0, 900);
	uint16_t proposer = peal_council_member_of_slot(council, 0);
	uint32_t asked_count = 0;

	(void)state;
	assert_true(peal_council_propose(council, proposer, &value, true));
	for (uint32_t turn = 0; turn < 4; turn++) {
		peal_council_settle(council);
		for (uint16_t rank = 0; rank < 5; rank++) {
			struct peal_hash128 digest;

			if (peal_consensus_wants(&council->nodes[rank], &digest)) {
				peal_council_bring(council, rank, &value);
				asked_count++;
			}
		}
		peal_council_wait(council, council->now_ns + council->timing.fallback_ns);
	}
	peal_council_settle(council);
	assert_int_equal(asked_count, 4);
	assert_int_equal(peal_council_decided_by(council, &value), 5);
	peal_council_destroy(council);
}

/* Room. */

static void
test_consensus_value__without_room_nothing_is_proposed(void **state)
{
	static struct peal_consensus before;
	struct peal_council *council = peal_council_create(5, 3);
	struct peal_proposal value = peal_council_add(council, 1);

	(void)state;
	council->shelves[2].is_full = true;
	before = council->nodes[2];
	assert_false(peal_council_propose(council, 2, &value, true));
	assert_int_equal(peal_council_counted(council, 2, PEAL_COUNTER_BODIES_REFUSED), 1);
	assert_memory_equal(&before, &council->nodes[2], sizeof(before));
	assert_int_equal(council->letters_count, 0);
	council->shelves[2].is_full = false;
	assert_true(peal_council_propose(council, 2, &value, true));
	assert_int_equal(peal_council_count(council, PEAL_MESSAGE_VOTE), 4);
	/* What it has needs no more room. */
	council->shelves[2].is_full = true;
	assert_true(peal_council_propose(council, 2, &value, false));
	peal_council_destroy(council);
}

static void
test_consensus_value__without_room_values_of_others_are_refused(void **state)
{
	static struct peal_consensus before;
	static const uint8_t kinds[] = {PEAL_MESSAGE_VOTE, PEAL_MESSAGE_P2A, PEAL_MESSAGE_DECIDE};
	struct peal_council *council = peal_council_create(5, 3);
	struct peal_proposal value = peal_council_add(council, 1);
	struct peal_ballot_msg message;

	(void)state;
	council->shelves[0].is_full = true;
	before = council->nodes[0];
	for (uint32_t i = 0; i < sizeof(kinds); i++) {
		message = peal_council_message(
			kinds[i], kinds[i] == PEAL_MESSAGE_P2A ? b21 : PEAL_BALLOT_FAST, &value);
		peal_council_hear(council, 0, 1, &message);
		assert_int_equal(
			peal_council_counted(council, 0, PEAL_COUNTER_BODIES_REFUSED), i + 1U);
	}
	assert_memory_equal(&before, &council->nodes[0], sizeof(before));
	assert_int_equal(council->letters_count, 0);
	/* They come again. */
	council->shelves[0].is_full = false;
	peal_council_hear(council, 0, 1, &message);
	assert_int_equal(peal_council_decided_by(council, &value), 1);
	peal_council_destroy(council);
}

static void
test_consensus_value__without_room_a_leave_carries_no_vote(void **state)
{
	struct peal_council *council = peal_council_create(3, 3);
	struct peal_proposal value = peal_council_remove(council, 0x4);
	struct peal_hash128 digest;

	(void)state;
	council->shelves[2].is_full = true;
	assert_false(peal_consensus_vote_to_leave(&council->nodes[2], council->now_ns, &digest));
	assert_int_equal(council->nodes[2].acceptor.vrnd.round, 0);
	council->shelves[2].is_full = false;
	assert_true(peal_consensus_vote_to_leave(&council->nodes[2], council->now_ns, &digest));
	council->shelves[1].is_full = true;
	peal_consensus_on_leave_vote(
		&council->nodes[1], 2, digest, council->now_ns, &council->outbox);
	assert_int_equal(peal_learner_weight(&council->nodes[1].learner, digest), 0);
	assert_int_equal(peal_council_counted(council, 1, PEAL_COUNTER_BODIES_REFUSED), 1);
	council->shelves[1].is_full = false;
	peal_consensus_on_leave_vote(
		&council->nodes[1], 2, digest, council->now_ns, &council->outbox);
	assert_int_equal(
		peal_learner_weight(&council->nodes[1].learner, peal_proposal_digest(&value)), 2);
	peal_council_destroy(council);
}

static void
test_consensus_value__next_epoch_lets_go_of_the_last(void **state)
{
	struct peal_council *council = peal_council_create(16, 3);
	struct peal_consensus *node = &council->nodes[0];
	struct peal_consensus_config config = node->config;

	(void)state;
	for (uint16_t from = 1; from < 12; from++) {
		struct peal_proposal value = peal_council_add(council, from);
		struct peal_ballot_msg vote = peal_council_vote(&value);

		peal_council_hear(council, 0, from, &vote);
	}
	assert_int_equal(council->shelves[0].held_count, PEAL_TALLIES_MAX);
	peal_consensus_init(node, &config, council->now_ns);
	assert_int_equal(council->shelves[0].held_count, 0);
	assert_false(peal_consensus_is_busy(node));
	peal_consensus_check(node);
	peal_council_destroy(council);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_consensus_value__decision_waits_for_its_body),
		cmocka_unit_test(
			test_consensus_value__bodies_are_asked_for_again_at_growing_distances),
		cmocka_unit_test(test_consensus_value__body_that_is_named_again_is_asked_for_soon),
		cmocka_unit_test(test_consensus_value__decide_waits_for_its_body),
		cmocka_unit_test(test_consensus_value__decide_of_what_is_known_needs_no_body),
		cmocka_unit_test(test_consensus_value__decide_of_another_epoch_decides_nothing),
		cmocka_unit_test(test_consensus_value__proposal_is_accepted_when_its_body_comes),
		cmocka_unit_test(
			test_consensus_value__proposal_is_accepted_when_its_value_comes_some_other_way),
		cmocka_unit_test(test_consensus_value__proposal_that_waits_obeys_later_promises),
		cmocka_unit_test(test_consensus_value__latest_proposal_waits),
		cmocka_unit_test(
			test_consensus_value__second_value_of_an_accepted_ballot_is_reported_unseen),
		cmocka_unit_test(test_consensus_value__forced_choice_waits_for_its_body),
		cmocka_unit_test(test_consensus_value__choice_of_a_classic_round_is_asked_for),
		cmocka_unit_test(
			test_consensus_value__proposal_that_waits_finds_room_among_many_values),
		cmocka_unit_test(test_consensus_value__choice_finds_room_among_many_values),
		cmocka_unit_test(test_consensus_value__votes_count_before_their_value_is_here),
		cmocka_unit_test(
			test_consensus_value__body_that_may_not_be_voted_for_is_refused_once),
		cmocka_unit_test(test_consensus_value__body_that_a_quorum_voted_for_is_taken),
		cmocka_unit_test(test_consensus_value__body_that_nobody_named_changes_nothing),
		cmocka_unit_test(test_consensus_value__group_decides_by_names),
		cmocka_unit_test(test_consensus_value__without_room_nothing_is_proposed),
		cmocka_unit_test(test_consensus_value__without_room_values_of_others_are_refused),
		cmocka_unit_test(test_consensus_value__without_room_a_leave_carries_no_vote),
		cmocka_unit_test(test_consensus_value__next_epoch_lets_go_of_the_last),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
