/* SPDX-License-Identifier: BSD-3-Clause */
#include "wire/ballot_msg.h"

#include "tests/lib/cmocka_all.h"
#include "tests/lib/dies.h"
#include "tests/lib/gen.h"
#include "wire/messages.h"

#include <string.h>

static struct peal_ballot_msg message;
static struct peal_ballot_msg decoded;
static uint8_t bytes[PEAL_BALLOT_MSG_SIZE_MAX + 1U];

#define VRND_OFFSET         8U
#define DIGEST_OFFSET       16U
#define RESULT_OFFSET       32U
#define LEFT_OFFSET         48U
#define HAS_PROPOSAL_OFFSET (LEFT_OFFSET + 8U * PEAL_BITSET_WORDS)
#define PROPOSAL_OFFSET     (HAS_PROPOSAL_OFFSET + 8U)

static size_t
encode(void)
{
	struct peal_writer writer = peal_writer_init(bytes, PEAL_BALLOT_MSG_SIZE_MAX);

	peal_ballot_msg_encode(&message, &writer);
	assert_true(writer.is_ok);
	return writer.offset;
}

static bool
decode(uint8_t kind, size_t size)
{
	struct peal_reader reader = peal_reader_init(bytes, size);

	return peal_ballot_msg_decode(kind, &reader, &decoded);
}

static void
encode_it(void *argument)
{
	(void)argument;
	(void)encode();
}

static void
gen_message(uint64_t seed, uint8_t kind)
{
	struct peal_prng prng;

	peal_prng_init(&prng, seed);
	peal_gen_ballot_msg(&prng, kind, &message);
}

/* P1B with an accepted value, or without one. */
static void
gen_p1b(bool has_value)
{
	uint64_t seed = 0;

	do {
		gen_message(seed++, PEAL_MESSAGE_P1B);
	} while (message.has_proposal != has_value);
}

static void
test_ballot_msg__orders_ballots_by_round_then_rank(void **state)
{
	struct peal_ballot none = {0};
	struct peal_ballot low = {.round = 2, .index = 9};
	struct peal_ballot high = {.round = 3, .index = 0};

	(void)state;
	assert_true(peal_ballot_compare(none, PEAL_BALLOT_FAST) < 0);
	assert_true(peal_ballot_compare(PEAL_BALLOT_FAST, low) < 0);
	assert_true(peal_ballot_compare(high, low) > 0);
	assert_int_equal(peal_ballot_compare(low, low), 0);
	low.index = 8;
	assert_true(peal_ballot_compare(low, (struct peal_ballot){.round = 2, .index = 9}) < 0);
}

static void
test_ballot_msg__has_the_layout_of_the_wire(void **state)
{
	const uint8_t fast[8] = {0, 0, 0, 0, 1, 0, 0, 0};

	(void)state;
	gen_message(1, PEAL_MESSAGE_DECIDE);
	message.ballot = PEAL_BALLOT_FAST;
	message.left = message.proposal.removals;
	size_t size = encode();
	assert_memory_equal(bytes, fast, 8);
	assert_memory_equal(bytes + DIGEST_OFFSET, &message.digest, 16);
	assert_memory_equal(bytes + RESULT_OFFSET, &message.result_hash, 16);
	assert_memory_equal(bytes + LEFT_OFFSET, &message.left, sizeof(message.left));
	assert_int_equal(bytes[HAS_PROPOSAL_OFFSET], 1);
	assert_memory_equal(bytes + PROPOSAL_OFFSET, &message.proposal.parent_epoch, 8);
	assert_true(decode(PEAL_MESSAGE_DECIDE, size));

	gen_message(1, PEAL_MESSAGE_NACK);
	assert_int_equal(encode(), PROPOSAL_OFFSET);
}

static void
test_ballot_msg__refuses_kinds_that_are_not_of_agreement(void **state)
{
	(void)state;
	for (uint32_t i = 0; i < PEAL_GEN_BALLOT_KINDS_COUNT; i++) {
		gen_message(2, peal_gen_ballot_kinds[i]);
		size_t size = encode();

		for (uint32_t kind = 0; kind <= UINT8_MAX; kind++) {
			bool is_agreement = false;

			for (uint32_t j = 0; j < PEAL_GEN_BALLOT_KINDS_COUNT; j++) {
				is_agreement |= kind == peal_gen_ballot_kinds[j];
			}
			if (!is_agreement) {
				assert_false(decode((uint8_t)kind, size));
			}
		}
		assert_true(decode(message.kind, size));
	}
}

static void
test_ballot_msg__refuses_a_digest_of_something_else(void **state)
{
	static const uint8_t kinds[] = {PEAL_MESSAGE_VOTE, PEAL_MESSAGE_P2A, PEAL_MESSAGE_DECIDE};

	(void)state;
	for (uint32_t i = 0; i < sizeof(kinds); i++) {
		gen_message(3, kinds[i]);
		size_t size = encode();

		bytes[DIGEST_OFFSET] ^= 1U;
		assert_false(decode(kinds[i], size));
		bytes[DIGEST_OFFSET] ^= 1U;
		bytes[PROPOSAL_OFFSET] ^= 1U;
		assert_false(decode(kinds[i], size));
	}
	gen_p1b(true);
	size_t size = encode();
	bytes[DIGEST_OFFSET] ^= 1U;
	assert_false(decode(PEAL_MESSAGE_P1B, size));
}

static void
test_ballot_msg__refuses_a_value_where_none_belongs(void **state)
{
	static const uint8_t kinds[] = {PEAL_MESSAGE_P1A, PEAL_MESSAGE_NACK, PEAL_MESSAGE_P1B};

	(void)state;
	for (uint32_t i = 0; i < sizeof(kinds); i++) {
		gen_message(4, kinds[i]);
		if (kinds[i] == PEAL_MESSAGE_P1B) {
			gen_p1b(false);
		}
		size_t size = encode();

		assert_true(decode(kinds[i], size));
		bytes[DIGEST_OFFSET] = 1;
		assert_false(decode(kinds[i], size));
	}

	/* A P2B has the digest only; with the proposal behind it, it is refused. */
	gen_message(4, PEAL_MESSAGE_P2A);
	size_t size = encode();
	assert_true(decode(PEAL_MESSAGE_P2A, size));
	assert_false(decode(PEAL_MESSAGE_P2B, size));
	assert_false(decode(PEAL_MESSAGE_P1A, size));
}

static void
test_ballot_msg__refuses_a_missing_value(void **state)
{
	static const uint8_t kinds[] = {PEAL_MESSAGE_VOTE, PEAL_MESSAGE_P2A, PEAL_MESSAGE_DECIDE};

	(void)state;
	for (uint32_t i = 0; i < sizeof(kinds); i++) {
		gen_message(5, kinds[i]);
		(void)encode();
		bytes[HAS_PROPOSAL_OFFSET] = 0;
		assert_false(decode(kinds[i], PROPOSAL_OFFSET));
	}
	gen_p1b(true);
	(void)encode();
	bytes[HAS_PROPOSAL_OFFSET] = 0;
	memset(bytes + DIGEST_OFFSET, 0, 16);
	assert_false(decode(PEAL_MESSAGE_P1B, PROPOSAL_OFFSET));
}

static void
write_ballot(size_t offset, uint32_t round, uint32_t index)
{
	memcpy(bytes + offset, &index, sizeof(index));
	memcpy(bytes + offset + 4, &round, sizeof(round));
}

static void
test_ballot_msg__refuses_ballots_that_cannot_be(void **state)
{
	(void)state;
	for (uint32_t i = 0; i < PEAL_GEN_BALLOT_KINDS_COUNT; i++) {
		uint8_t kind = peal_gen_ballot_kinds[i];
		bool may_be_fast = kind == PEAL_MESSAGE_VOTE || kind == PEAL_MESSAGE_DECIDE;

		gen_message(6, kind);
		if (kind == PEAL_MESSAGE_P1B) {
			gen_p1b(false);
		}
		size_t size = encode();
		write_ballot(0, 0, 0);
		assert_false(decode(kind, size));
		write_ballot(0, 1, 0);
		assert_int_equal(decode(kind, size), may_be_fast);
		write_ballot(0, 1, 1);
		assert_false(decode(kind, size));
		write_ballot(0, 2, PEAL_MEMBERS_MAX - 1U);
		assert_int_equal(decode(kind, size), kind != PEAL_MESSAGE_VOTE);
		write_ballot(0, 2, PEAL_MEMBERS_MAX);
		assert_false(decode(kind, size));

		/* Only P1B says at which ballot it accepted, and only with a value. */
		(void)encode();
		write_ballot(VRND_OFFSET, 1, 0);
		assert_false(decode(kind, size));
	}
}

static void
test_ballot_msg__lets_p1b_report_lower_ballots_only(void **state)
{
	(void)state;
	gen_p1b(true);
	message.ballot = (struct peal_ballot){.round = 5, .index = 3};
	message.vrnd = PEAL_BALLOT_FAST;
	size_t size = encode();

	assert_true(decode(PEAL_MESSAGE_P1B, size));
	write_ballot(VRND_OFFSET, 5, 2);
	assert_true(decode(PEAL_MESSAGE_P1B, size));
	write_ballot(VRND_OFFSET, 5, 3);
	assert_false(decode(PEAL_MESSAGE_P1B, size));
	write_ballot(VRND_OFFSET, 6, 0);
	assert_false(decode(PEAL_MESSAGE_P1B, size));
	write_ballot(VRND_OFFSET, 1, 1);
	assert_false(decode(PEAL_MESSAGE_P1B, size));
	write_ballot(VRND_OFFSET, 0, 0);
	assert_false(decode(PEAL_MESSAGE_P1B, size));
}

static void
test_ballot_msg__lets_only_decide_name_an_outcome(void **state)
{
	(void)state;
	for (uint32_t i = 0; i < PEAL_GEN_BALLOT_KINDS_COUNT; i++) {
		uint8_t kind = peal_gen_ballot_kinds[i];

		gen_message(7, kind);
		size_t size = encode();
		bytes[RESULT_OFFSET] ^= 1U;
		assert_int_equal(decode(kind, size), kind == PEAL_MESSAGE_DECIDE);
	}

	/* Who left is among the removed. */
	gen_message(8, PEAL_MESSAGE_DECIDE);
	memset(&message.proposal.removals, 0, sizeof(message.proposal.removals));
	memset(&message.left, 0, sizeof(message.left));
	peal_bitset_add(&message.proposal.removals, 3);
	peal_bitset_add(&message.left, 3);
	message.digest = peal_proposal_digest(&message.proposal);
	size_t size = encode();
	assert_true(decode(PEAL_MESSAGE_DECIDE, size));
	bytes[LEFT_OFFSET] |= 1U;
	assert_false(decode(PEAL_MESSAGE_DECIDE, size));
}

static void
test_ballot_msg__refuses_padding_and_every_other_size(void **state)
{
	(void)state;
	for (uint32_t i = 0; i < PEAL_GEN_BALLOT_KINDS_COUNT; i++) {
		uint8_t kind = peal_gen_ballot_kinds[i];

		gen_message(9, kind);
		size_t size = encode();
		for (size_t shorter = 0; shorter < size; shorter++) {
			assert_false(decode(kind, shorter));
		}
		bytes[size] = 0;
		assert_false(decode(kind, size + 1U));
		for (uint32_t j = 1; j < 8; j++) {
			bytes[HAS_PROPOSAL_OFFSET + j] = 1;
			assert_false(decode(kind, size));
			bytes[HAS_PROPOSAL_OFFSET + j] = 0;
		}
		bytes[HAS_PROPOSAL_OFFSET] |= 2U;
		assert_false(decode(kind, size));
	}
}

static void
test_ballot_msg__does_not_encode_what_it_would_not_decode(void **state)
{
	(void)state;
	gen_message(10, PEAL_MESSAGE_VOTE);
	assert_false(peal_test_dies(encode_it, NULL));
	message.has_proposal = false;
	assert_true(peal_test_dies(encode_it, NULL));
	gen_message(10, PEAL_MESSAGE_P1A);
	message.ballot = PEAL_BALLOT_FAST;
	assert_true(peal_test_dies(encode_it, NULL));
	gen_message(10, PEAL_MESSAGE_P2B);
	message.kind = PEAL_MESSAGE_ALERT;
	assert_true(peal_test_dies(encode_it, NULL));
}

static void
test_ballot_msg__brings_random_messages_back(void **state)
{
	struct peal_prng prng;

	(void)state;
	peal_prng_init(&prng, 1);
	for (uint32_t round = 0; round < 2100; round++) {
		uint8_t kind = peal_gen_ballot_kinds[round % PEAL_GEN_BALLOT_KINDS_COUNT];

		memset(&decoded, 0xFF, sizeof(decoded));
		peal_gen_ballot_msg(&prng, kind, &message);
		assert_true(decode(kind, encode()));
		assert_memory_equal(&decoded, &message, sizeof(message));
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_ballot_msg__orders_ballots_by_round_then_rank),
		cmocka_unit_test(test_ballot_msg__has_the_layout_of_the_wire),
		cmocka_unit_test(test_ballot_msg__refuses_kinds_that_are_not_of_agreement),
		cmocka_unit_test(test_ballot_msg__refuses_a_digest_of_something_else),
		cmocka_unit_test(test_ballot_msg__refuses_a_value_where_none_belongs),
		cmocka_unit_test(test_ballot_msg__refuses_a_missing_value),
		cmocka_unit_test(test_ballot_msg__refuses_ballots_that_cannot_be),
		cmocka_unit_test(test_ballot_msg__lets_p1b_report_lower_ballots_only),
		cmocka_unit_test(test_ballot_msg__lets_only_decide_name_an_outcome),
		cmocka_unit_test(test_ballot_msg__refuses_padding_and_every_other_size),
		cmocka_unit_test(test_ballot_msg__does_not_encode_what_it_would_not_decode),
		cmocka_unit_test(test_ballot_msg__brings_random_messages_back),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
