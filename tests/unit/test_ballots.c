/* SPDX-License-Identifier: BSD-3-Clause */
#include "control/ballots.h"
#include "tests/lib/cmocka_all.h"
#include "tests/lib/dies.h"
#include "wire/messages.h"

#include <string.h>

static struct peal_outbox outbox;
static struct peal_values values;
static struct peal_hash128 red;

static int
fill(void **state)
{
	struct peal_proposal value;

	(void)state;
	memset(&value, 0, sizeof(value));
	value.parent_epoch = 3;
	peal_bitset_add(&value.removals, 1);
	red = peal_proposal_digest(&value);
	peal_values_init(&values);
	assert_true(peal_values_add(&values, red, &value, 0, NULL));
	peal_outbox_reset(&outbox);
	return 0;
}

/* The only effect, decoded. */
static struct peal_ballot_msg
read_effect(uint8_t kind, uint8_t message_kind, uint16_t rank)
{
	struct peal_ballot_msg message;
	struct peal_reader reader;

	assert_int_equal(outbox.count, 1);
	assert_int_equal(outbox.effects[0].kind, kind);
	assert_int_equal(outbox.effects[0].message, message_kind);
	if (kind == PEAL_EFFECT_SEND_MEMBER) {
		assert_int_equal(outbox.effects[0].rank, rank);
	}
	reader = peal_reader_init(peal_outbox_body(&outbox, 0), outbox.effects[0].body_size);
	assert_true(peal_ballot_msg_decode(message_kind, &reader, &message));
	assert_true(peal_reader_is_done(&reader));
	return message;
}

static void
assert_carries_red(const struct peal_ballot_msg *message)
{
	assert_true(message->has_proposal);
	assert_true(peal_hash128_equals(message->digest, red));
	assert_true(peal_hash128_equals(peal_proposal_digest(&message->proposal), red));
}

static void
test_ballots__vote_carries_its_value(void **state)
{
	struct peal_acceptor acceptor;
	struct peal_ballot_msg message;

	(void)state;
	peal_acceptor_init(&acceptor);
	assert_true(peal_acceptor_vote(&acceptor, red));
	peal_ballots_send_accepted(&acceptor, &values, &outbox);
	message = read_effect(PEAL_EFFECT_SEND_ALL, PEAL_MESSAGE_VOTE, 0);
	assert_int_equal(peal_ballot_compare(message.ballot, PEAL_BALLOT_FAST), 0);
	assert_carries_red(&message);
}

static void
test_ballots__acceptance_is_short(void **state)
{
	struct peal_ballot ballot = {4, 2};
	struct peal_acceptor acceptor;
	struct peal_ballot_msg message;

	(void)state;
	peal_acceptor_init(&acceptor);
	(void)peal_acceptor_on_p2a(&acceptor, ballot, red);
	peal_ballots_send_accepted(&acceptor, &values, &outbox);
	message = read_effect(PEAL_EFFECT_SEND_ALL, PEAL_MESSAGE_P2B, 0);
	assert_int_equal(peal_ballot_compare(message.ballot, ballot), 0);
	assert_true(peal_hash128_equals(message.digest, red));
	assert_false(message.has_proposal);
}

static void
test_ballots__promise_goes_to_its_coordinator(void **state)
{
	struct peal_ballot ballot = {4, 2};
	struct peal_acceptor acceptor;
	struct peal_ballot_msg message;

	(void)state;
	peal_acceptor_init(&acceptor);
	(void)peal_acceptor_on_p1a(&acceptor, ballot);
	peal_ballots_send_promise(&acceptor, &values, &outbox);
	message = read_effect(PEAL_EFFECT_SEND_MEMBER, PEAL_MESSAGE_P1B, 2);
	assert_int_equal(message.vrnd.round, 0);
	assert_false(message.has_proposal);

	/* What is promised again is what was told first, though a value was accepted since. */
	(void)peal_acceptor_on_p2a(&acceptor, ballot, red);
	peal_outbox_reset(&outbox);
	peal_ballots_send_promise(&acceptor, &values, &outbox);
	message = read_effect(PEAL_EFFECT_SEND_MEMBER, PEAL_MESSAGE_P1B, 2);
	assert_false(message.has_proposal);

	ballot.round = 5;
	(void)peal_acceptor_on_p1a(&acceptor, ballot);
	peal_outbox_reset(&outbox);
	peal_ballots_send_promise(&acceptor, &values, &outbox);
	message = read_effect(PEAL_EFFECT_SEND_MEMBER, PEAL_MESSAGE_P1B, 2);
	assert_int_equal(message.vrnd.round, 4);
	assert_carries_red(&message);
}

static void
test_ballots__refusal_tells_the_promise(void **state)
{
	struct peal_ballot ballot = {4, 2};
	struct peal_acceptor acceptor;
	struct peal_ballot_msg message;

	(void)state;
	peal_acceptor_init(&acceptor);
	(void)peal_acceptor_on_p1a(&acceptor, ballot);
	peal_ballots_send_nack(&acceptor, 6, &outbox);
	message = read_effect(PEAL_EFFECT_SEND_MEMBER, PEAL_MESSAGE_NACK, 6);
	assert_int_equal(peal_ballot_compare(message.ballot, ballot), 0);
}

static void
test_ballots__round_asks_then_proposes(void **state)
{
	struct peal_coordinator coordinator;
	struct peal_ballot_msg message;
	struct peal_quorum quorum = {.members_count = 1, .tie_rank = 0};
	struct peal_ballot none = {0, 0};

	(void)state;
	peal_coordinator_init(&coordinator, quorum, 0);
	(void)peal_coordinator_start(&coordinator);
	peal_ballots_send_round(&coordinator, &values, &outbox);
	message = read_effect(PEAL_EFFECT_SEND_ALL, PEAL_MESSAGE_P1A, 0);
	assert_int_equal(message.ballot.round, 2);
	assert_false(message.has_proposal);

	peal_coordinator_on_p1b(&coordinator, 0, coordinator.ballot, none, red);
	peal_coordinator_propose(&coordinator, red);
	peal_outbox_reset(&outbox);
	peal_ballots_send_round(&coordinator, &values, &outbox);
	message = read_effect(PEAL_EFFECT_SEND_ALL, PEAL_MESSAGE_P2A, 0);
	assert_carries_red(&message);
}

static void
send_an_unknown_value(void *argument)
{
	struct peal_acceptor acceptor;
	struct peal_hash128 other = {1, 1};

	(void)argument;
	peal_acceptor_init(&acceptor);
	(void)peal_acceptor_vote(&acceptor, other);
	peal_ballots_send_accepted(&acceptor, &values, &outbox);
}

static void
send_nothing_accepted(void *argument)
{
	struct peal_acceptor acceptor;

	(void)argument;
	peal_acceptor_init(&acceptor);
	peal_ballots_send_accepted(&acceptor, &values, &outbox);
}

static void
test_ballots__asserts_what_callers_promise(void **state)
{
	(void)state;
	assert_true(peal_test_dies(send_an_unknown_value, NULL));
	assert_true(peal_test_dies(send_nothing_accepted, NULL));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(test_ballots__vote_carries_its_value, fill),
		cmocka_unit_test_setup(test_ballots__acceptance_is_short, fill),
		cmocka_unit_test_setup(test_ballots__promise_goes_to_its_coordinator, fill),
		cmocka_unit_test_setup(test_ballots__refusal_tells_the_promise, fill),
		cmocka_unit_test_setup(test_ballots__round_asks_then_proposes, fill),
		cmocka_unit_test_setup(test_ballots__asserts_what_callers_promise, fill),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
