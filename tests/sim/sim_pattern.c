/* SPDX-License-Identifier: BSD-3-Clause */
#include "sim/simpattern.h"
#include "tests/lib/cmocka_all.h"

#define SIZE_MAX_TRIED 100U

static void
test_pattern__steps_from_the_first_byte(void **state)
{
	uint8_t bytes[SIZE_MAX_TRIED + 1U];

	(void)state;
	for (uint32_t size = 0; size <= SIZE_MAX_TRIED; size++) {
		uint8_t first = (uint8_t)(size * 37U);

		bytes[size] = 0xEE;
		peal_simpattern_fill(bytes, size, first, 7);
		for (uint32_t at = 0; at < size; at++) {
			assert_int_equal(bytes[at], (uint8_t)(first + 7U * at));
		}
		assert_int_equal(bytes[size], 0xEE);
		assert_int_equal(peal_simpattern_check(bytes, size, first, 7), size);
	}
}

static void
test_pattern__finds_the_first_byte_that_is_wrong(void **state)
{
	uint8_t bytes[SIZE_MAX_TRIED];

	(void)state;
	peal_simpattern_fill(bytes, sizeof(bytes), 250, 11);
	for (uint32_t at = 0; at < sizeof(bytes); at++) {
		bytes[at] ^= 0x80U;
		bytes[sizeof(bytes) - 1U] ^= at < sizeof(bytes) - 1U ? 1U : 0U;
		assert_int_equal(peal_simpattern_check(bytes, sizeof(bytes), 250, 11), at);
		peal_simpattern_fill(bytes, sizeof(bytes), 250, 11);
	}
	assert_int_equal(peal_simpattern_check(bytes, sizeof(bytes), 250, 7), 1);
	assert_int_equal(peal_simpattern_check(bytes, sizeof(bytes), 251, 11), 0);
}

/* A message that comes in parts is checked part by part. */
static void
test_pattern__goes_on_where_a_part_ended(void **state)
{
	uint8_t bytes[SIZE_MAX_TRIED];

	(void)state;
	peal_simpattern_fill(bytes, sizeof(bytes), 5, 7);
	for (uint32_t at = 0; at < sizeof(bytes); at++) {
		assert_int_equal(peal_simpattern_check(bytes + at, (uint32_t)sizeof(bytes) - at,
					 (uint8_t)(5U + 7U * at), 7),
			sizeof(bytes) - at);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_pattern__steps_from_the_first_byte),
		cmocka_unit_test(test_pattern__finds_the_first_byte_that_is_wrong),
		cmocka_unit_test(test_pattern__goes_on_where_a_part_ended),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
