/* SPDX-License-Identifier: BSD-3-Clause */
#include "wire/crypto/aead_evp.h"

#include "tests/lib/aead_check.h"
#include "tests/lib/cmocka_all.h"
#include "tests/lib/dies.h"

#include <string.h>

static struct peal_aead aead;

static int
open_it(void **state)
{
	(void)state;
	return peal_aead_evp_open(&aead) ? 0 : -1;
}

static int
close_it(void **state)
{
	(void)state;
	peal_aead_evp_close(&aead);
	return aead.state == NULL ? 0 : -1;
}

static void
close_closed(void *argument)
{
	peal_aead_evp_close(argument);
}

static void
test_aead_evp__is_named_and_has_key_slot_1(void **state)
{
	(void)state;
	assert_string_equal(aead.name, "openssl");
	assert_int_equal(aead.key_id, 1);
}

static void
test_aead_evp__does_not_close_what_is_closed(void **state)
{
	struct peal_aead nothing = {0};

	(void)state;
	assert_true(peal_test_dies(close_closed, &nothing));
}

static void
test_aead_evp__refuses_any_changed_bit(void **state)
{
	(void)state;
	peal_check_aead_tampering(&aead);
}

static void
test_aead_evp__gives_the_published_answers(void **state)
{
	(void)state;
	peal_check_aead_vectors(&aead);
}

/* The key schedule is kept from call to call: another key must always take effect. */
static void
test_aead_evp__changes_keys_between_messages(void **state)
{
	const uint8_t nonce[PEAL_AEAD_NONCE_SIZE] = {0};
	uint8_t tags[2][PEAL_AEAD_TAG_SIZE];
	uint8_t nothing[1];

	(void)state;
	for (uint32_t round = 0; round < 8; round++) {
		uint8_t raw[PEAL_AEAD_RAW_KEY_SIZE] = {0};
		uint8_t tag[PEAL_AEAD_TAG_SIZE];
		struct peal_aead_key key;
		uint32_t which = round / 2U % 2U;

		raw[15] = (uint8_t)which;
		aead.expand(aead.state, raw, &key);
		aead.seal(aead.state, &key, nonce, NULL, 0, nothing, 0, tag);
		if (round < 4) {
			memcpy(tags[which], tag, sizeof(tag));
		}
		assert_memory_equal(tags[which], tag, sizeof(tag));
		assert_true(aead.open(aead.state, &key, nonce, NULL, 0, nothing, 0, tags[which]));
		if (round >= 2) {
			assert_false(aead.open(
				aead.state, &key, nonce, NULL, 0, nothing, 0, tags[1U - which]));
		}
	}
}

static void
test_aead_evp__brings_random_frames_back(void **state)
{
	(void)state;
	peal_check_aead_round_trips(&aead);
}

static void
test_aead_evp__seals_parts_as_one(void **state)
{
	(void)state;
	peal_check_aead_parts(&aead);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_aead_evp__is_named_and_has_key_slot_1),
		cmocka_unit_test(test_aead_evp__does_not_close_what_is_closed),
		cmocka_unit_test(test_aead_evp__refuses_any_changed_bit),
		cmocka_unit_test(test_aead_evp__gives_the_published_answers),
		cmocka_unit_test(test_aead_evp__changes_keys_between_messages),
		cmocka_unit_test(test_aead_evp__brings_random_frames_back),
		cmocka_unit_test(test_aead_evp__seals_parts_as_one),
	};

	return cmocka_run_group_tests(tests, open_it, close_it);
}
