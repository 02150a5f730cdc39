/* SPDX-License-Identifier: BSD-3-Clause */
#include "base/hash.h"

#include "base/prng.h"
#include "tests/lib/cmocka_all.h"

#include <string.h>

static void
test_hash__gives_the_published_values(void **state)
{
	/* XXH3 of nothing, without a seed. */
	struct peal_hash128 hash = peal_hash128("", 0, 0);

	(void)state;
	assert_int_equal(peal_hash64("", 0, 0), 0x2d06800538d394c2U);
	assert_int_equal(hash.low, 0x6001c324468d497fU);
	assert_int_equal(hash.high, 0x99aa06d3014798d8U);
}

static void
test_hash__changes_with_each_bit_and_with_the_seed(void **state)
{
	uint8_t bytes[64] = {0};
	uint64_t plain = peal_hash64(bytes, sizeof(bytes), 0);
	struct peal_hash128 plain128 = peal_hash128(bytes, sizeof(bytes), 0);

	(void)state;
	assert_int_not_equal(plain, peal_hash64(bytes, sizeof(bytes), 1));
	assert_int_not_equal(plain, peal_hash64(bytes, sizeof(bytes) - 1U, 0));
	for (size_t bit = 0; bit < 8U * sizeof(bytes); bit++) {
		bytes[bit / 8U] ^= (uint8_t)(1U << (bit % 8U));
		assert_int_not_equal(plain, peal_hash64(bytes, sizeof(bytes), 0));
		assert_false(peal_hash128_equals(plain128, peal_hash128(bytes, sizeof(bytes), 0)));
		bytes[bit / 8U] ^= (uint8_t)(1U << (bit % 8U));
	}
}

static void
test_hash__adds_with_carry(void **state)
{
	struct peal_hash128 a = {.low = UINT64_MAX, .high = 1};
	struct peal_hash128 sum = peal_hash128_add(a, (struct peal_hash128){.low = 1, .high = 2});

	(void)state;
	assert_int_equal(sum.low, 0);
	assert_int_equal(sum.high, 4);
}

static void
test_hash__compares_high_word_first(void **state)
{
	struct peal_hash128 small = {.low = 9, .high = 1};
	struct peal_hash128 large = {.low = 1, .high = 2};

	(void)state;
	assert_true(peal_hash128_compare(small, large) < 0);
	assert_true(peal_hash128_compare(large, small) > 0);
	assert_int_equal(peal_hash128_compare(small, small), 0);
	large.high = 1;
	assert_true(peal_hash128_compare(small, large) > 0);
}

static void
test_hash__mixes_words_without_losing_any(void **state)
{
	struct peal_prng prng;

	(void)state;
	assert_int_equal(peal_hash_mix(0), 0);
	assert_int_not_equal(peal_hash_mix(1), peal_hash_mix(2));
	peal_prng_init(&prng, 1);
	for (uint32_t i = 0; i < 1000; i++) {
		uint64_t word = peal_prng_next(&prng);

		assert_int_not_equal(peal_hash_mix(word), peal_hash_mix(word ^ 1U));
	}
}

static void
test_hash__adds_in_any_order(void **state)
{
	struct peal_hash128 forward = {0};
	struct peal_hash128 backward = {0};

	(void)state;
	for (uint32_t i = 0; i < 100; i++) {
		uint32_t j = 99U - i;

		forward = peal_hash128_add(forward, peal_hash128(&i, sizeof(i), 0));
		backward = peal_hash128_add(backward, peal_hash128(&j, sizeof(j), 0));
	}
	assert_true(peal_hash128_equals(forward, backward));
}

static void
test_hash__of_pieces_is_the_hash_of_all(void **state)
{
	static uint8_t bytes[5000];
	struct peal_prng prng;

	(void)state;
	peal_prng_init(&prng, 1);
	for (uint32_t i = 0; i < sizeof(bytes); i++) {
		bytes[i] = (uint8_t)peal_prng_next(&prng);
	}
	for (uint32_t round = 0; round < 300; round++) {
		size_t size = (size_t)peal_prng_below(&prng, sizeof(bytes) + 1U);
		uint64_t piece_size_max = 1U + peal_prng_below(&prng, 700);
		struct peal_hash_stream stream;

		memset(&stream, (int)round, sizeof(stream));
		peal_hash_stream_init(&stream);
		for (size_t offset = 0; offset < size;) {
			size_t piece_size = (size_t)peal_prng_below(&prng, piece_size_max + 1U);

			piece_size = piece_size < size - offset ? piece_size : size - offset;
			peal_hash_stream_add(&stream, bytes + offset, piece_size);
			offset += piece_size;
		}
		assert_true(peal_hash128_equals(
			peal_hash_stream_end(&stream), peal_hash128(bytes, size, 0)));
		/* Asking changes nothing. */
		assert_true(peal_hash128_equals(
			peal_hash_stream_end(&stream), peal_hash128(bytes, size, 0)));
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_hash__gives_the_published_values),
		cmocka_unit_test(test_hash__changes_with_each_bit_and_with_the_seed),
		cmocka_unit_test(test_hash__adds_with_carry),
		cmocka_unit_test(test_hash__compares_high_word_first),
		cmocka_unit_test(test_hash__mixes_words_without_losing_any),
		cmocka_unit_test(test_hash__adds_in_any_order),
		cmocka_unit_test(test_hash__of_pieces_is_the_hash_of_all),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
