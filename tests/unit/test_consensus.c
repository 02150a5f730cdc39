/* SPDX-License-Identifier: BSD-3-Clause */
#include "control/consensus.h"
#include "tests/lib/cmocka_all.h"
#include "tests/lib/council.h"
#include "tests/lib/dies.h"
#include "wire/messages.h"

#include <string.h>

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
		peal_council_destroy(council);
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
	peal_council_destroy(council);
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
	peal_council_destroy(council);
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
	peal_council_destroy(council);
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
	peal_council_destroy(council);
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
	peal_council_destroy(council);
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
	peal_council_destroy(council);
	/* Who is alone has nobody to leave the group to. */
	council = peal_council_create(1, 3);
	assert_false(ask_to_leave(council, 0, &digest));
	peal_council_destroy(council);
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
	peal_council_destroy(council);
}

/* Large groups. */

static void
test_consensus__large_group_decides_by_what_was_gathered(void **state)
{
	static const uint16_t counts[] = {65, 100, 1000};

	(void)state;
	for (uint32_t i = 0; i < sizeof(counts) / sizeof(counts[0]); i++) {
		uint16_t count = counts[i];
		struct peal_council *council = peal_council_create(count, count);
		struct peal_proposal value = peal_council_add_many(council, 0, 900);
		struct peal_bitset first = peal_council_run(0, count / 2U);
		struct peal_bitset most = peal_council_run(count / 5U, count);
		uint16_t root = (uint16_t)(count - 1U);
		const struct peal_council_votes *votes;

		peal_council_propose_all(council, &value);
		/* Nobody speaks to anybody; the trees do. */
		assert_int_equal(council->letters_count, 0);
		votes = peal_council_votes_for(
			council, PEAL_VOTE_FAST, PEAL_BALLOT_FAST, peal_proposal_digest(&value));
		assert_non_null(votes);
		assert_int_equal(peal_bitset_count(&votes->ranks), count);
		assert_int_equal(council->keys_count, 1);
		peal_council_tell_some(council, root, PEAL_VOTE_FAST, first);
		assert_null(peal_consensus_decided(&council->nodes[root]));
		peal_council_tell_some(council, root, PEAL_VOTE_FAST, first);
		assert_null(peal_consensus_decided(&council->nodes[root]));
		peal_council_tell_some(council, root, PEAL_VOTE_FAST, most);
		assert_int_equal(peal_council_decided_by(council, &value), 1);
		assert_int_equal(
			peal_council_counted(council, root, PEAL_COUNTER_DECISIONS_FAST), 1);
		peal_council_spread_decision(council, root, &value);
		assert_int_equal(peal_council_decided_by(council, &value), count);
		assert_int_equal(council->wants_count, 0);
		peal_council_destroy(council);
	}
}

/* Who has no value when it hears of the votes asks for the body, and decides with it. */
static void
test_consensus__member_without_the_value_asks_for_it(void **state)
{
	struct peal_council *council = peal_council_create(100, 3);
	struct peal_proposal value = peal_council_add_many(council, 0, 900);
	struct peal_vote_key key = peal_council_key(PEAL_VOTE_FAST, PEAL_BALLOT_FAST, &value);
	struct peal_bitset ranks = peal_council_run(10, 60);

	(void)state;
	peal_council_tell(council, 0, &key, &ranks);
	assert_int_equal(peal_council_wanted(council, 0, &value), 1);
	ranks = peal_council_run(10, 100);
	peal_council_tell(council, 0, &key, &ranks);
	assert_true(council->nodes[0].is_pending);
	assert_int_equal(peal_council_wanted(council, 0, &value), 1);
	peal_council_bring(council, 0, &value);
	assert_int_equal(peal_council_decided_by(council, &value), 1);
	/* Another one only hears that it is decided. */
	peal_council_spread_decision(council, 0, &value);
	assert_int_equal(peal_council_decided_by(council, &value), 1);
	for (uint16_t rank = 1; rank < 100; rank++) {
		assert_int_equal(peal_council_wanted(council, rank, &value), 1);
		peal_council_bring(council, rank, &value);
	}
	assert_int_equal(peal_council_decided_by(council, &value), 100);
	peal_council_destroy(council);
}

/* The LEAVE is flooded with its vote; the bit follows with the first repeat. */
static void
test_consensus__leave_of_a_large_group_becomes_a_bit(void **state)
{
	struct peal_council *council = peal_council_create(65, 3);
	struct peal_proposal value = peal_council_remove(council, 0x4);
	const struct peal_council_votes *votes;
	struct peal_hash128 digest;

	(void)state;
	assert_true(ask_to_leave(council, 2, &digest));
	hear_leave(council, 0, 2, digest);
	assert_int_equal(peal_learner_weight(&council->nodes[0].learner, digest), 2);
	assert_int_equal(council->keys_count, 0);
	council->now_ns += 2U * council->timing.flood_ns;
	peal_council_tick(council, 2);
	votes = peal_council_votes_for(
		council, PEAL_VOTE_FAST, PEAL_BALLOT_FAST, peal_proposal_digest(&value));
	assert_non_null(votes);
	assert_int_equal(votes->ranks.words[0], 0x4);
	peal_council_destroy(council);
}

/* What an instance of ten thousand writes: sets and what is known, not tables of everybody. */
static void
test_consensus__instance_is_small(void **state)
{
	static struct peal_consensus node;
	uint32_t written = 0;
	struct peal_council *council = peal_council_create(65, 3);
	struct peal_consensus_config config = council->nodes[0].config;

	(void)state;
	assert_in_range(sizeof(node), 1, 61440); /* 60 KiB */
	memset(&node, 0, sizeof(node));
	peal_consensus_init(&node, &config, council->now_ns);
	memset(node.learner.fast_values, 0xEE, sizeof(node.learner.fast_values));
	memset(node.coordinator.said_by, 0xEE, sizeof(node.coordinator.said_by));
	memset(node.learner.tallies, 0xEE, sizeof(node.learner.tallies));
	peal_consensus_init(&node, &config, council->now_ns);
	for (uint32_t rank = 0; rank < PEAL_MEMBERS_MAX; rank++) {
		written += node.learner.fast_values[rank] != 0xEE ? 1U : 0U;
		written += node.coordinator.said_by[rank] != 0xEE ? 1U : 0U;
	}
	assert_int_equal(written, 0);
	peal_council_destroy(council);
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
	peal_council_destroy(council);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_consensus__equal_votes_decide_without_a_round),
		cmocka_unit_test(test_consensus__alone_decides_at_once_and_in_silence),
		cmocka_unit_test(test_consensus__proposing_again_changes_nothing),
		cmocka_unit_test(test_consensus__votes_are_repeated_at_growing_distances),
		cmocka_unit_test(test_consensus__leave_carries_a_vote_that_counts),
		cmocka_unit_test(test_consensus__leave_of_three_needs_no_round),
		cmocka_unit_test(test_consensus__leave_carries_no_vote_after_another_or_a_promise),
		cmocka_unit_test(test_consensus__leave_counts_for_exactly_its_cut),
		cmocka_unit_test(test_consensus__large_group_decides_by_what_was_gathered),
		cmocka_unit_test(test_consensus__member_without_the_value_asks_for_it),
		cmocka_unit_test(test_consensus__leave_of_a_large_group_becomes_a_bit),
		cmocka_unit_test(test_consensus__instance_is_small),
		cmocka_unit_test(test_consensus__asserts_what_callers_promise),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
