/* SPDX-License-Identifier: BSD-3-Clause */
#include "control/ballots.h"
#include "tests/lib/cmocka_all.h"
#include "tests/lib/dies.h"
#include "tests/lib/teststore.h"
#include "wire/messages.h"
#include "wire/vote_msg.h"

#include <string.h>

static struct peal_teststore *store;
static struct peal_outbox outbox;
static struct peal_values values;
static struct peal_hash128 red;
static struct peal_hash128 large; /* more joiners than fit a message */

static int
fill(void **state)
{
	static struct peal_member joiners[2U * PEAL_INLINE_ADDITIONS_MAX];
	struct peal_proposal value;
	const struct peal_body *body;

	(void)state;
	store = peal_teststore_create(1);
	memset(&value, 0, sizeof(value));
	value.parent_epoch = 3;
	peal_bitset_add(&value.removals, 1);
	body = store->bodies.keep_proposal(store->bodies.state, &value);
	red = body->digest;
	peal_values_init(&values, store->bodies);
	assert_true(peal_values_add(&values, body, 0, NULL));
	value.additions = joiners;
	value.additions_count = 2U * PEAL_INLINE_ADDITIONS_MAX;
	for (uint32_t i = 0; i < value.additions_count; i++) {
		joiners[i] = peal_teststore_joiner(1, i);
		joiners[i].uuid = (struct peal_uuid){.low = i + 1U, .high = i + 1U};
	}
	body = store->bodies.keep_proposal(store->bodies.state, &value);
	assert_non_null(body);
	large = body->digest;
	assert_true(peal_values_add(&values, body, 0, NULL));
	peal_outbox_reset(&outbox);
	return 0;
}

static int
drop(void **state)
{
	(void)state;
	peal_teststore_destroy(store);
	return 0;
}

/* The key of the only effect, which is a vote. */
static struct peal_vote_key
read_key(void)
{
	struct peal_vote_key key;

	assert_int_equal(outbox.count, 1);
	assert_int_equal(outbox.effects[0].kind, PEAL_EFFECT_VOTE);
	assert_int_equal(outbox.effects[0].body_size, sizeof(key));
	memcpy(&key, peal_outbox_body(&outbox, 0), sizeof(key));
	peal_outbox_reset(&outbox);
	return key;
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
	peal_ballots_send_accepted(&acceptor, &values, false, &outbox);
	message = read_effect(PEAL_EFFECT_SEND_ALL, PEAL_MESSAGE_VOTE, 0);
	assert_int_equal(peal_ballot_compare(message.ballot, PEAL_BALLOT_FAST), 0);
	assert_carries_red(&message);
}

static void
test_ballots__large_value_is_named(void **state)
{
	struct peal_acceptor acceptor;
	struct peal_ballot_msg message;

	(void)state;
	peal_acceptor_init(&acceptor);
	assert_true(peal_acceptor_vote(&acceptor, large));
	peal_ballots_send_accepted(&acceptor, &values, false, &outbox);
	message = read_effect(PEAL_EFFECT_SEND_ALL, PEAL_MESSAGE_VOTE, 0);
	assert_true(peal_hash128_equals(message.digest, large));
	assert_false(message.has_proposal);
}

static void
test_ballots__in_a_large_group_bits_are_said(void **state)
{
	struct peal_ballot ballot = {4, 2};
	struct peal_acceptor acceptor;
	struct peal_vote_key key;

	(void)state;
	peal_acceptor_init(&acceptor);
	assert_true(peal_acceptor_vote(&acceptor, red));
	peal_ballots_send_accepted(&acceptor, &values, true, &outbox);
	key = read_key();
	assert_int_equal(key.kind, PEAL_VOTE_FAST);
	assert_int_equal(peal_ballot_compare(key.ballot, PEAL_BALLOT_FAST), 0);
	assert_int_equal(key.vrnd.round, 0);
	assert_true(peal_hash128_equals(key.digest, red));

	(void)peal_acceptor_on_p1a(&acceptor, ballot);
	peal_ballots_send_promise(&acceptor, &values, true, &outbox);
	key = read_key();
	assert_int_equal(key.kind, PEAL_VOTE_PROMISE);
	assert_int_equal(peal_ballot_compare(key.ballot, ballot), 0);
	assert_int_equal(peal_ballot_compare(key.vrnd, PEAL_BALLOT_FAST), 0);
	assert_true(peal_hash128_equals(key.digest, red));

	(void)peal_acceptor_on_p2a(&acceptor, ballot, large);
	peal_ballots_send_accepted(&acceptor, &values, true, &outbox);
	key = read_key();
	assert_int_equal(key.kind, PEAL_VOTE_ACCEPT);
	assert_int_equal(peal_ballot_compare(key.ballot, ballot), 0);
	assert_int_equal(key.vrnd.round, 0);
	assert_true(peal_hash128_equals(key.digest, large));
}

/* Keys are compared field by field, and nothing of a promise without a value is left over. */
static void
test_ballots__promise_of_nothing_names_nothing(void **state)
{
	struct peal_acceptor acceptor;
	struct peal_vote_key key;

	(void)state;
	peal_acceptor_init(&acceptor);
	(void)peal_acceptor_on_p1a(&acceptor, (struct peal_ballot){4, 2});
	peal_ballots_send_promise(&acceptor, &values, true, &outbox);
	key = read_key();
	assert_int_equal(key.vrnd.round, 0);
	assert_true(key.digest.low == 0 && key.digest.high == 0);
}

static void
test_ballots__wanted_body_is_named(void **state)
{
	struct peal_hash128 digest;

	(void)state;
	peal_ballots_send_want(large, &outbox);
	assert_int_equal(outbox.count, 1);
	assert_int_equal(outbox.effects[0].kind, PEAL_EFFECT_WANT);
	assert_int_equal(outbox.effects[0].body_size, sizeof(digest));
	memcpy(&digest, peal_outbox_body(&outbox, 0), sizeof(digest));
	assert_true(peal_hash128_equals(digest, large));
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
	peal_ballots_send_accepted(&acceptor, &values, false, &outbox);
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
	peal_ballots_send_promise(&acceptor, &values, false, &outbox);
	message = read_effect(PEAL_EFFECT_SEND_MEMBER, PEAL_MESSAGE_P1B, 2);
	assert_int_equal(message.vrnd.round, 0);
	assert_false(message.has_proposal);

	/* What is promised again is what was told first, though a value was accepted since. */
	(void)peal_acceptor_on_p2a(&acceptor, ballot, red);
	peal_outbox_reset(&outbox);
	peal_ballots_send_promise(&acceptor, &values, false, &outbox);
	message = read_effect(PEAL_EFFECT_SEND_MEMBER, PEAL_MESSAGE_P1B, 2);
	assert_false(message.has_proposal);

	ballot.round = 5;
	(void)peal_acceptor_on_p1a(&acceptor, ballot);
	peal_outbox_reset(&outbox);
	peal_ballots_send_promise(&acceptor, &values, false, &outbox);
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
	struct peal_bitset alone = {{0x1}};

	(void)state;
	peal_coordinator_init(&coordinator, quorum, 0);
	(void)peal_coordinator_start(&coordinator);
	peal_ballots_send_round(&coordinator, &values, &outbox);
	message = read_effect(PEAL_EFFECT_SEND_ALL, PEAL_MESSAGE_P1A, 0);
	assert_int_equal(message.ballot.round, 2);
	assert_false(message.has_proposal);

	peal_coordinator_on_p1b(&coordinator, &alone, coordinator.ballot, none, red);
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
	peal_ballots_send_accepted(&acceptor, &values, false, &outbox);
}

static void
send_nothing_accepted(void *argument)
{
	struct peal_acceptor acceptor;

	(void)argument;
	peal_acceptor_init(&acceptor);
	peal_ballots_send_accepted(&acceptor, &values, false, &outbox);
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
		cmocka_unit_test_setup_teardown(test_ballots__vote_carries_its_value, fill, drop),
		cmocka_unit_test_setup_teardown(test_ballots__large_value_is_named, fill, drop),
		cmocka_unit_test_setup_teardown(
			test_ballots__in_a_large_group_bits_are_said, fill, drop),
		cmocka_unit_test_setup_teardown(
			test_ballots__promise_of_nothing_names_nothing, fill, drop),
		cmocka_unit_test_setup_teardown(test_ballots__wanted_body_is_named, fill, drop),
		cmocka_unit_test_setup_teardown(test_ballots__acceptance_is_short, fill, drop),
		cmocka_unit_test_setup_teardown(
			test_ballots__promise_goes_to_its_coordinator, fill, drop),
		cmocka_unit_test_setup_teardown(
			test_ballots__refusal_tells_the_promise, fill, drop),
		cmocka_unit_test_setup_teardown(test_ballots__round_asks_then_proposes, fill, drop),
		cmocka_unit_test_setup_teardown(
			test_ballots__asserts_what_callers_promise, fill, drop),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
