/* SPDX-License-Identifier: BSD-3-Clause */
#include "base/crc32c.h"

#include "base/prng.h"
#include "tests/lib/cmocka_all.h"
#include "tests/lib/gen.h"

#include <string.h>

static void
test_crc32c__gives_the_published_values(void **state)
{
	/* RFC 3720, B.4. */
	uint8_t zeroes[32] = {0};
	uint8_t ones[32];
	uint8_t ascending[32];

	(void)state;
	memset(ones, 0xFF, sizeof(ones));
	for (uint32_t i = 0; i < sizeof(ascending); i++) {
		ascending[i] = (uint8_t)i;
	}
	assert_int_equal(peal_crc32c(0, "123456789", 9), 0xE3069283);
	assert_int_equal(peal_crc32c_portable(0, "123456789", 9), 0xE3069283);
	assert_int_equal(peal_crc32c(0, zeroes, sizeof(zeroes)), 0x8A9136AA);
	assert_int_equal(peal_crc32c(0, ones, sizeof(ones)), 0x62A8AB43);
	assert_int_equal(peal_crc32c(0, ascending, sizeof(ascending)), 0x46DD794E);
}

static void
test_crc32c__of_nothing_is_nothing(void **state)
{
	(void)state;
	assert_int_equal(peal_crc32c(0, "", 0), 0);
	assert_int_equal(peal_crc32c(0x12345678, "", 0), 0x12345678);
	assert_int_equal(peal_crc32c_portable(0x12345678, "", 0), 0x12345678);
}

static void
test_crc32c__agrees_with_its_twin_at_any_size_and_place(void **state)
{
	uint8_t bytes[300];
	struct peal_prng prng;

	(void)state;
	peal_prng_init(&prng, 1);
	peal_gen_bytes(&prng, bytes, sizeof(bytes));
	for (size_t start = 0; start < 9; start++) {
		for (size_t size = 0; size <= sizeof(bytes) - start; size++) {
			assert_int_equal(peal_crc32c(0, bytes + start, size),
				peal_crc32c_portable(0, bytes + start, size));
		}
	}
}

static void
test_crc32c__continues_where_it_stopped(void **state)
{
	uint8_t bytes[64];
	struct peal_prng prng;

	(void)state;
	peal_prng_init(&prng, 2);
	peal_gen_bytes(&prng, bytes, sizeof(bytes));
	for (size_t cut = 0; cut <= sizeof(bytes); cut++) {
		uint32_t first = peal_crc32c(0, bytes, cut);

		assert_int_equal(peal_crc32c(first, bytes + cut, sizeof(bytes) - cut),
			peal_crc32c(0, bytes, sizeof(bytes)));
	}
}

static void
test_crc32c__sums_what_it_copies(void **state)
{
	uint8_t bytes[300];
	uint8_t copy[302];
	struct peal_prng prng;

	(void)state;
	peal_prng_init(&prng, 3);
	peal_gen_bytes(&prng, bytes, sizeof(bytes));
	for (size_t size = 0; size <= sizeof(bytes); size++) {
		memset(copy, 0xEE, sizeof(copy));
		assert_int_equal(
			peal_crc32c_copy(7, copy + 1, bytes, size), peal_crc32c(7, bytes, size));
		assert_memory_equal(copy + 1, bytes, size);
		assert_int_equal(copy[0], 0xEE);
		assert_int_equal(copy[size + 1U], 0xEE);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_crc32c__gives_the_published_values),
		cmocka_unit_test(test_crc32c__of_nothing_is_nothing),
		cmocka_unit_test(test_crc32c__agrees_with_its_twin_at_any_size_and_place),
		cmocka_unit_test(test_crc32c__continues_where_it_stopped),
		cmocka_unit_test(test_crc32c__sums_what_it_copies),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
