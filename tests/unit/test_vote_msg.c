/* SPDX-License-Identifier: BSD-3-Clause */
#include "wire/vote_msg.h"

#include "tests/lib/cmocka_all.h"
#include "tests/lib/dies.h"
#include "tests/lib/gen.h"
#include "wire/flood_msg.h"

#include <string.h>

#define FIRST_OFFSET  4U
#define COUNT_OFFSET  6U
#define BALLOT_OFFSET 8U
#define VRND_OFFSET   16U
#define DIGEST_OFFSET 24U

static uint8_t bitmap[PEAL_VOTE_PLACES_MAX / 8U + 1U];
static uint8_t bytes[PEAL_BODY_SIZE_MAX];
static struct peal_vote_msg decoded;

static size_t
encode(const struct peal_vote_msg *message)
{
	struct peal_writer writer = peal_writer_init(bytes, sizeof(bytes) - 1U);

	peal_vote_msg_encode(message, &writer);
	assert_true(writer.is_ok);
	return writer.offset;
}

static bool
decode(size_t size)
{
	struct peal_reader reader = peal_reader_init(bytes, size);

	return peal_vote_msg_decode(&reader, &decoded);
}

static void
encode_it(void *argument)
{
	(void)encode(argument);
}

/* A good key of each kind; of PROMISE also the one that reports a value. */
static const struct peal_vote_key keys[] = {
	{.kind = PEAL_VOTE_FAST, .ballot = {.round = 1}, .digest = {.low = 1}},
	{.kind = PEAL_VOTE_PROMISE, .ballot = {.round = 9, .index = 4}},
	{.kind = PEAL_VOTE_PROMISE,
		.ballot = {.round = 9, .index = 4},
		.vrnd = {.round = 1},
		.digest = {.high = 1}},
	{.kind = PEAL_VOTE_ACCEPT, .ballot = {.round = 9, .index = 4}, .digest = {.low = 1}},
	{.kind = PEAL_VOTE_INSTALLED, .digest = {.low = 1}},
};

#define KEYS_COUNT (sizeof(keys) / sizeof(keys[0]))

static struct peal_vote_msg
one_vote(size_t which)
{
	memset(bitmap, 0, sizeof(bitmap));
	bitmap[0] = 1;
	return (struct peal_vote_msg){.key = keys[which], .count = 1, .bitmap = bitmap};
}

static void
write_ballot(size_t offset, uint32_t round, uint32_t index)
{
	memcpy(bytes + offset, &index, sizeof(index));
	memcpy(bytes + offset + 4, &round, sizeof(round));
}

static void
test_vote_msg__has_the_layout_of_the_wire(void **state)
{
	static const uint8_t good[] = {2, 0, 0, 0, 0x10, 0x27, 11, 0, 4, 0, 0, 0, 9, 0, 0, 0, 0, 0,
		0, 0, 1, 0, 0, 0, 5, 0, 0, 0, 0, 0, 0, 0, 6, 0, 0, 0, 0, 0, 0, 0, 0x81, 0x04};
	struct peal_vote_msg message = one_vote(2);

	(void)state;
	message.key.digest = (struct peal_hash128){.low = 5, .high = 6};
	message.first = 10000;
	message.count = 11;
	bitmap[0] = 0x81;
	bitmap[1] = 0x04;
	assert_int_equal(encode(&message), sizeof(good));
	assert_memory_equal(bytes, good, sizeof(good));
	assert_true(decode(sizeof(good)));
	assert_ptr_equal(decoded.bitmap, bytes + PEAL_VOTE_MSG_FIXED_SIZE);
	assert_int_equal(decoded.first, 10000);
	assert_int_equal(decoded.count, 11);
	assert_true(peal_vote_key_equals(&decoded.key, &message.key));
}

static void
test_vote_msg__tells_keys_apart(void **state)
{
	(void)state;
	for (size_t i = 0; i < KEYS_COUNT; i++) {
		for (size_t j = 0; j < KEYS_COUNT; j++) {
			assert_int_equal(peal_vote_key_equals(&keys[i], &keys[j]), i == j);
		}
		struct peal_vote_key other = keys[i];

		other.digest.high ^= 1U;
		assert_false(peal_vote_key_equals(&keys[i], &other));
		other = keys[i];
		other.ballot.index ^= 1U;
		assert_false(peal_vote_key_equals(&keys[i], &other));
		other = keys[i];
		other.vrnd.round ^= 1U;
		assert_false(peal_vote_key_equals(&keys[i], &other));
		other = keys[i];
		other.kind ^= 1U;
		assert_false(peal_vote_key_equals(&keys[i], &other));
	}
}

static void
test_vote_msg__refuses_fields_that_do_not_go_with_the_kind(void **state)
{
	(void)state;
	for (size_t i = 0; i < KEYS_COUNT; i++) {
		const struct peal_vote_msg message = one_vote(i);
		const uint8_t kind = message.key.kind;
		const bool is_classic = kind == PEAL_VOTE_PROMISE || kind == PEAL_VOTE_ACCEPT;
		const bool is_report = i == 2;
		size_t size = encode(&message);

		assert_true(decode(size));
		write_ballot(BALLOT_OFFSET, 0, 0);
		assert_int_equal(decode(size), kind == PEAL_VOTE_INSTALLED);
		write_ballot(BALLOT_OFFSET, 1, 0);
		assert_int_equal(decode(size), kind == PEAL_VOTE_FAST);
		write_ballot(BALLOT_OFFSET, 1, 1);
		assert_false(decode(size));
		write_ballot(BALLOT_OFFSET, 2, PEAL_MEMBERS_MAX - 1U);
		assert_int_equal(decode(size), is_classic);
		write_ballot(BALLOT_OFFSET, 2, PEAL_MEMBERS_MAX);
		assert_false(decode(size));

		(void)encode(&message);
		write_ballot(VRND_OFFSET, 1, 0);
		assert_int_equal(decode(size), is_report);
		write_ballot(VRND_OFFSET, 9, 3);
		assert_int_equal(decode(size), is_report);
		write_ballot(VRND_OFFSET, 9, 4); /* not before this one */
		assert_false(decode(size));
		write_ballot(VRND_OFFSET, 1, 1);
		assert_false(decode(size));

		(void)encode(&message);
		memset(bytes + DIGEST_OFFSET, 0, 16);
		assert_int_equal(decode(size), i == 1);
		bytes[DIGEST_OFFSET + 15U] = 1;
		assert_int_equal(decode(size), i != 1);
	}
}

static void
test_vote_msg__refuses_other_kinds_and_padding(void **state)
{
	const struct peal_vote_msg message = one_vote(0);

	(void)state;
	size_t size = encode(&message);
	for (uint32_t kind = 0; kind <= UINT8_MAX; kind++) {
		bytes[0] = (uint8_t)kind;
		assert_int_equal(decode(size), kind == PEAL_VOTE_FAST);
	}
	bytes[0] = PEAL_VOTE_FAST;
	for (uint32_t i = 1; i < 4; i++) {
		bytes[i] = 1;
		assert_false(decode(size));
		bytes[i] = 0;
	}
	assert_true(decode(size));
}

/* Whether a message of `count` places from `first` on is taken, with bit 0 set and all bytes there.
 */
static bool
takes_range(uint16_t first, uint16_t count)
{
	const struct peal_vote_msg message = one_vote(0);
	size_t size = encode(&message) - 1U;

	memcpy(bytes + FIRST_OFFSET, &first, 2);
	memcpy(bytes + COUNT_OFFSET, &count, 2);
	for (uint32_t i = 0; i < (count + 7U) / 8U && size < sizeof(bytes); i++) {
		bytes[size++] = i == 0 ? 1 : 0;
	}
	return decode(size);
}

static void
test_vote_msg__refuses_places_that_cannot_be(void **state)
{
	(void)state;
	assert_true(takes_range(0, 1));
	assert_false(takes_range(0, 0));
	assert_false(takes_range(4, 8)); /* between two bytes */
	assert_true(takes_range(8, 8));
	assert_true(takes_range(0, PEAL_VOTE_PLACES_MAX));
	assert_false(takes_range(0, PEAL_VOTE_PLACES_MAX + 1U));
	assert_true(takes_range(PEAL_MEMBERS_MAX - PEAL_VOTE_PLACES_MAX, PEAL_VOTE_PLACES_MAX));
	assert_true(takes_range(PEAL_MEMBERS_MAX - 8U, 8));
	assert_false(takes_range(PEAL_MEMBERS_MAX - 8U, 9));
	assert_false(takes_range(PEAL_MEMBERS_MAX, 1));
	assert_false(takes_range(UINT16_MAX - 7U, UINT16_MAX));
	assert_false(takes_range(UINT16_MAX - 7U, 8));
}

static void
test_vote_msg__refuses_bits_behind_the_last_place_and_no_bit(void **state)
{
	(void)state;
	for (uint16_t count = 1; count <= 24; count++) {
		struct peal_vote_msg message = one_vote(3);

		message.count = count;
		size_t size = encode(&message);
		for (uint32_t bit = 0; bit < 8U * (size - PEAL_VOTE_MSG_FIXED_SIZE); bit++) {
			uint8_t *byte = &bytes[PEAL_VOTE_MSG_FIXED_SIZE + bit / 8U];

			memset(bytes + PEAL_VOTE_MSG_FIXED_SIZE, 0,
				size - PEAL_VOTE_MSG_FIXED_SIZE);
			assert_false(decode(size)); /* nobody */
			*byte = (uint8_t)(1U << (bit % 8U));
			assert_int_equal(decode(size), bit < count);
		}
	}
}

static void
test_vote_msg__refuses_every_other_size(void **state)
{
	struct peal_vote_msg message = one_vote(1);

	(void)state;
	message.count = 21;
	bitmap[2] = 0x10;
	size_t size = encode(&message);
	for (size_t shorter = 0; shorter < size; shorter++) {
		assert_false(decode(shorter));
	}
	bytes[size] = 0;
	assert_false(decode(size + 1U));
	assert_true(decode(size));
}

static void
test_vote_msg__does_not_encode_what_it_would_not_decode(void **state)
{
	struct peal_vote_msg message = one_vote(0);

	(void)state;
	assert_false(peal_test_dies(encode_it, &message));
	message.key.kind = 0;
	assert_true(peal_test_dies(encode_it, &message));
	message = one_vote(0);
	message.first = 1;
	assert_true(peal_test_dies(encode_it, &message));
	message = one_vote(0);
	bitmap[0] = 2;
	assert_true(peal_test_dies(encode_it, &message));
	bitmap[0] = 0;
	assert_true(peal_test_dies(encode_it, &message));
}

static void
test_vote_msg__brings_random_messages_back(void **state)
{
	struct peal_prng prng;

	(void)state;
	peal_prng_init(&prng, 1);
	for (uint32_t round = 0; round < 2000; round++) {
		struct peal_vote_msg message;

		peal_gen_vote_msg(&prng, bitmap, &message);
		memset(&decoded, 0xFF, sizeof(decoded));
		size_t size = encode(&message);
		assert_true(size <= PEAL_BODY_SIZE_MAX - PEAL_FLOOD_PREFIX_SIZE);
		assert_true(decode(size));
		assert_memory_equal(decoded.bitmap, bitmap, (message.count + 7U) / 8U);
		decoded.bitmap = message.bitmap;
		assert_memory_equal(&decoded, &message, sizeof(message));
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_vote_msg__has_the_layout_of_the_wire),
		cmocka_unit_test(test_vote_msg__tells_keys_apart),
		cmocka_unit_test(test_vote_msg__refuses_fields_that_do_not_go_with_the_kind),
		cmocka_unit_test(test_vote_msg__refuses_other_kinds_and_padding),
		cmocka_unit_test(test_vote_msg__refuses_places_that_cannot_be),
		cmocka_unit_test(test_vote_msg__refuses_bits_behind_the_last_place_and_no_bit),
		cmocka_unit_test(test_vote_msg__refuses_every_other_size),
		cmocka_unit_test(test_vote_msg__does_not_encode_what_it_would_not_decode),
		cmocka_unit_test(test_vote_msg__brings_random_messages_back),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
