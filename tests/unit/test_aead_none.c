/* SPDX-License-Identifier: BSD-3-Clause */
#include "base/crc32c.h"
#include "tests/lib/aead_check.h"
#include "tests/lib/cmocka_all.h"

#include <string.h>

static void
test_aead_none__is_named_and_has_key_slot_0(void **state)
{
	(void)state;
	assert_string_equal(peal_aead_none.name, "none");
	assert_int_equal(peal_aead_none.key_id, 0);
}

static void
test_aead_none__refuses_any_changed_bit(void **state)
{
	(void)state;
	peal_check_aead_tampering(&peal_aead_none);
}

static void
test_aead_none__puts_the_checksum_of_all_in_the_tag(void **state)
{
	const uint8_t raw[PEAL_AEAD_RAW_KEY_SIZE] = {1};
	const uint8_t nonce[PEAL_AEAD_NONCE_SIZE] = {2};
	const uint8_t zeroes[12] = {0};
	uint8_t data[] = {'5', '6', '7', '8', '9'};
	uint8_t tag[PEAL_AEAD_TAG_SIZE];
	const uint32_t expected = 0xE3069283;
	struct peal_aead_key key;

	(void)state;
	peal_aead_none.expand(NULL, raw, &key);
	peal_aead_none.seal(NULL, &key, nonce, (const uint8_t *)"1234", 4, data, sizeof(data), tag);
	assert_memory_equal(data, "56789", sizeof(data));
	assert_memory_equal(tag, &expected, sizeof(expected));
	assert_memory_equal(tag + 4, zeroes, sizeof(zeroes));
}

static void
test_aead_none__brings_random_frames_back(void **state)
{
	(void)state;
	peal_check_aead_round_trips(&peal_aead_none);
}

static void
test_aead_none__seals_parts_as_one(void **state)
{
	(void)state;
	peal_check_aead_parts(&peal_aead_none);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_aead_none__is_named_and_has_key_slot_0),
		cmocka_unit_test(test_aead_none__refuses_any_changed_bit),
		cmocka_unit_test(test_aead_none__puts_the_checksum_of_all_in_the_tag),
		cmocka_unit_test(test_aead_none__brings_random_frames_back),
		cmocka_unit_test(test_aead_none__seals_parts_as_one),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
