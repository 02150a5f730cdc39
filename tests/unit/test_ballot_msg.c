/* SPDX-License-Identifier: BSD-3-Clause */
#include "wire/ballot_msg.h"

#include "tests/lib/cmocka_all.h"
#include "tests/lib/dies.h"
#include "tests/lib/gen.h"
#include "wire/messages.h"

#include <stddef.h>
#include <string.h>

static struct peal_ballot_msg message;
static struct peal_ballot_msg decoded;
static uint8_t bytes[PEAL_BALLOT_MSG_SIZE_MAX + 16U];

#define VRND_OFFSET         8U
#define DIGEST_OFFSET       16U
#define RESULT_OFFSET       32U
#define HAS_PROPOSAL_OFFSET 48U
#define PADDING_OFFSET      49U
#define LEFT_COUNT_OFFSET   52U
#define SIZE_OFFSET         54U
/* Of who left, and of the proposal when nobody did. */
#define LEFT_OFFSET     56U
#define PROPOSAL_OFFSET 56U

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

/* Nobody leaves gracefully in it. */
static void
gen_message(uint64_t seed, uint8_t kind)
{
	struct peal_prng prng;

	peal_prng_init(&prng, seed);
	peal_gen_ballot_msg(&prng, kind, &message);
	memset(&message.left, 0, sizeof(message.left));
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
	static const uint8_t fast[8] = {0, 0, 0, 0, 1, 0, 0, 0};
	static const uint8_t left[4] = {3, 0, 0x34, 0x12};

	(void)state;
	gen_message(1, PEAL_MESSAGE_DECIDE);
	message.ballot = PEAL_BALLOT_FAST;
	memset(&message.proposal.removals, 0, sizeof(message.proposal.removals));
	peal_bitset_add(&message.proposal.removals, 3);
	peal_bitset_add(&message.proposal.removals, 7);
	peal_bitset_add(&message.proposal.removals, 0x1234);
	peal_bitset_add(&message.left, 0x1234);
	peal_bitset_add(&message.left, 3);
	message.digest = peal_proposal_digest(&message.proposal);
	size_t size = encode();
	uint32_t proposal_size = peal_proposal_size(&message.proposal);
	assert_int_equal(size, LEFT_OFFSET + sizeof(left) + proposal_size);
	assert_memory_equal(bytes, fast, 8);
	assert_memory_equal(bytes + DIGEST_OFFSET, &message.digest, 16);
	assert_memory_equal(bytes + RESULT_OFFSET, &message.result_hash, 16);
	assert_int_equal(bytes[HAS_PROPOSAL_OFFSET], 1);
	assert_int_equal(bytes[LEFT_COUNT_OFFSET], 2);
	assert_int_equal(bytes[SIZE_OFFSET], proposal_size & 0xFFU);
	assert_int_equal(bytes[SIZE_OFFSET + 1U], proposal_size >> 8);
	assert_memory_equal(bytes + LEFT_OFFSET, left, sizeof(left));
	assert_memory_equal(bytes + LEFT_OFFSET + sizeof(left), &message.proposal.parent_epoch, 8);
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

/* A large value is named by its digest; a message that names nothing is refused. */
static void
test_ballot_msg__takes_a_value_by_its_digest_but_not_none(void **state)
{
	static const uint8_t kinds[] = {PEAL_MESSAGE_VOTE, PEAL_MESSAGE_P2A, PEAL_MESSAGE_DECIDE,
		PEAL_MESSAGE_P1B, PEAL_MESSAGE_P2B};

	(void)state;
	for (uint32_t i = 0; i < sizeof(kinds); i++) {
		gen_message(5, kinds[i]);
		if (kinds[i] == PEAL_MESSAGE_P1B) {
			gen_p1b(true);
		}
		(void)encode();
		bytes[HAS_PROPOSAL_OFFSET] = 0;
		assert_int_equal(decode(kinds[i], PROPOSAL_OFFSET), kinds[i] == PEAL_MESSAGE_P2B);
		memset(bytes + SIZE_OFFSET, 0, 2);
		assert_true(decode(kinds[i], PROPOSAL_OFFSET));
		assert_false(decoded.has_proposal);
		assert_true(peal_hash128_equals(decoded.digest, message.digest));
		bytes[HAS_PROPOSAL_OFFSET] = 1; /* a value of no size */
		assert_false(decode(kinds[i], PROPOSAL_OFFSET));
		bytes[HAS_PROPOSAL_OFFSET] = 0;
		memset(bytes + DIGEST_OFFSET, 0, 16);
		assert_false(decode(kinds[i], PROPOSAL_OFFSET));
	}
}

/* Sets `message` to a vote for a cut that removes `removals_count` members and is good otherwise.
 */
static void
gen_removals(uint8_t kind, uint32_t removals_count)
{
	gen_message(5, kind);
	memset(&message.proposal.removals, 0, sizeof(message.proposal.removals));
	message.proposal.additions_count = 0;
	message.proposal.additions = NULL;
	for (uint32_t i = 0; i < removals_count; i++) {
		peal_bitset_add(&message.proposal.removals, 3U * i);
	}
	message.digest = peal_proposal_digest(&message.proposal);
}

static void
test_ballot_msg__carries_small_values_only(void **state)
{
	const uint32_t most = (PEAL_INLINE_SIZE_MAX - PEAL_PROPOSAL_FIXED_SIZE) / 2U;

	(void)state;
	gen_removals(PEAL_MESSAGE_VOTE, most);
	size_t size = encode();
	assert_int_equal(size, PROPOSAL_OFFSET + PEAL_INLINE_SIZE_MAX);
	assert_true(decode(PEAL_MESSAGE_VOTE, size));
	assert_true(decoded.has_proposal);

	gen_removals(PEAL_MESSAGE_VOTE, most + 1U);
	assert_int_equal(encode(), PROPOSAL_OFFSET);
	assert_true(decode(PEAL_MESSAGE_VOTE, PROPOSAL_OFFSET));
	assert_false(decoded.has_proposal);
	assert_true(peal_hash128_equals(decoded.digest, message.digest));

	/* Said to be small when it is not: refused, though digest and all else are true. */
	struct peal_writer writer =
		peal_writer_init(bytes + PROPOSAL_OFFSET, sizeof(bytes) - PROPOSAL_OFFSET);
	const uint16_t proposal_size = (uint16_t)peal_proposal_size(&message.proposal);
	peal_proposal_encode(&message.proposal, &writer);
	assert_true(writer.is_ok);
	bytes[HAS_PROPOSAL_OFFSET] = 1;
	memcpy(bytes + SIZE_OFFSET, &proposal_size, 2);
	assert_false(decode(PEAL_MESSAGE_VOTE, PROPOSAL_OFFSET + proposal_size));
}

static void
test_ballot_msg__tells_as_many_graceful_ones_as_fit(void **state)
{
	(void)state;
	for (uint32_t removals_count = 0; removals_count < 600; removals_count += 31) {
		gen_removals(PEAL_MESSAGE_DECIDE, removals_count);
		message.left = message.proposal.removals;
		size_t size = encode();
		uint32_t left_count = removals_count < PEAL_BALLOT_LEFT_MAX ? removals_count
									    : PEAL_BALLOT_LEFT_MAX;

		assert_true(decode(PEAL_MESSAGE_DECIDE, size));
		assert_int_equal(peal_bitset_count(&decoded.left), left_count);
		for (uint32_t i = 0; i < left_count; i++) {
			assert_true(peal_bitset_has(&decoded.left, 3U * i));
		}
	}
}

static void
test_ballot_msg__refuses_who_left_in_other_forms(void **state)
{
	(void)state;
	gen_removals(PEAL_MESSAGE_DECIDE, 500); /* without the value: nothing to compare with */
	for (uint32_t i = 0; i < PEAL_BALLOT_LEFT_MAX; i++) {
		peal_bitset_add(&message.left, 3U * i);
	}
	size_t size = encode();
	assert_int_equal(size, LEFT_OFFSET + 2U * PEAL_BALLOT_LEFT_MAX);
	assert_true(decode(PEAL_MESSAGE_DECIDE, size));
	bytes[LEFT_OFFSET + 2U] = 0; /* one twice */
	assert_false(decode(PEAL_MESSAGE_DECIDE, size));
	bytes[LEFT_OFFSET + 2U] = 7; /* not in order */
	assert_false(decode(PEAL_MESSAGE_DECIDE, size));
	bytes[LEFT_OFFSET + 2U] = 4; /* another one: without the value that may be */
	assert_true(decode(PEAL_MESSAGE_DECIDE, size));
	bytes[size - 1U] = (uint8_t)(PEAL_MEMBERS_MAX >> 8); /* no rank */
	assert_false(decode(PEAL_MESSAGE_DECIDE, size));
	(void)encode();
	bytes[LEFT_COUNT_OFFSET] = PEAL_BALLOT_LEFT_MAX + 1U;
	bytes[size] = 0xFF;
	bytes[size + 1U] = 1;
	assert_false(decode(PEAL_MESSAGE_DECIDE, size + 2U));
}

static void
test_ballot_msg__copies_what_is_inline_and_shares_what_is_not(void **state)
{
	static struct peal_ballot_msg copy;
	uint64_t seed = 0;

	(void)state;
	do {
		gen_message(seed++, PEAL_MESSAGE_VOTE);
	} while (message.proposal.additions_count < 3);
	memset(&copy, 0xFF, sizeof(copy));
	peal_ballot_msg_copy(&copy, &message);
	assert_ptr_equal(copy.proposal.additions, copy.inline_additions);
	assert_memory_equal(copy.inline_additions, message.inline_additions,
		message.proposal.additions_count * sizeof(struct peal_member));
	copy.proposal.additions = message.proposal.additions;
	assert_memory_equal(&copy, &message, offsetof(struct peal_ballot_msg, inline_additions));

	/* Of a body. */
	static struct peal_member additions[PEAL_GEN_INLINE_ADDITIONS];
	memcpy(additions, message.inline_additions, sizeof(additions));
	message.proposal.additions = additions;
	peal_ballot_msg_copy(&copy, &message);
	assert_ptr_equal(copy.proposal.additions, additions);
	assert_true(peal_hash128_equals(peal_proposal_digest(&copy.proposal), message.digest));

	gen_message(1, PEAL_MESSAGE_NACK);
	peal_ballot_msg_copy(&copy, &message);
	assert_memory_equal(&copy, &message, offsetof(struct peal_ballot_msg, inline_additions));
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
	peal_bitset_add(&message.proposal.removals, 3);
	peal_bitset_add(&message.left, 3);
	message.digest = peal_proposal_digest(&message.proposal);
	size_t size = encode();
	assert_true(decode(PEAL_MESSAGE_DECIDE, size));
	bytes[LEFT_OFFSET] = 2;
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
		for (uint32_t j = 0; j < 3; j++) {
			bytes[PADDING_OFFSET + j] = 1;
			assert_false(decode(kind, size));
			bytes[PADDING_OFFSET + j] = 0;
		}
		for (uint32_t j = 0; j < 4; j++) {
			bytes[LEFT_COUNT_OFFSET + j] ^= 1U;
			assert_false(decode(kind, size));
			bytes[LEFT_COUNT_OFFSET + j] ^= 1U;
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
	assert_false(peal_test_dies(encode_it, NULL));
	message.digest = (struct peal_hash128){0};
	assert_true(peal_test_dies(encode_it, NULL));
	gen_message(10, PEAL_MESSAGE_P2B);
	message.has_proposal = true;
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
		if (decoded.proposal.additions_count > 0) {
			assert_ptr_equal(decoded.proposal.additions, decoded.inline_additions);
		}
		peal_gen_match(decoded.inline_additions, message.inline_additions,
			message.proposal.additions_count);
		decoded.proposal.additions = message.proposal.additions;
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
		cmocka_unit_test(test_ballot_msg__takes_a_value_by_its_digest_but_not_none),
		cmocka_unit_test(test_ballot_msg__carries_small_values_only),
		cmocka_unit_test(test_ballot_msg__tells_as_many_graceful_ones_as_fit),
		cmocka_unit_test(test_ballot_msg__refuses_who_left_in_other_forms),
		cmocka_unit_test(test_ballot_msg__copies_what_is_inline_and_shares_what_is_not),
		cmocka_unit_test(test_ballot_msg__refuses_ballots_that_cannot_be),
		cmocka_unit_test(test_ballot_msg__lets_p1b_report_lower_ballots_only),
		cmocka_unit_test(test_ballot_msg__lets_only_decide_name_an_outcome),
		cmocka_unit_test(test_ballot_msg__refuses_padding_and_every_other_size),
		cmocka_unit_test(test_ballot_msg__does_not_encode_what_it_would_not_decode),
		cmocka_unit_test(test_ballot_msg__brings_random_messages_back),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
