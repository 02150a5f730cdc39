/* SPDX-License-Identifier: BSD-3-Clause */
#include "wire/crypto/aead_open.h"

#include "tests/lib/aead_check.h"
#include "tests/lib/cmocka_all.h"

#include <string.h>

static void
test_aead_open__refuses_unknown_names(void **state)
{
	static const char *const names[] = {"", "None", "aes", "openssl ", "ipsec"};
	struct peal_aead aead = {.key_id = 77};

	(void)state;
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		assert_false(peal_aead_open(names[i], &aead));
		assert_int_equal(aead.key_id, 77);
	}
}

static void
test_aead_open__never_chooses_none_unasked(void **state)
{
	struct peal_aead aead;

	(void)state;
	assert_true(peal_aead_open(NULL, &aead));
	assert_int_equal(aead.key_id, 1);
	peal_check_aead_vectors(&aead);
	peal_aead_close(&aead);
}

static void
test_aead_open__opens_by_name(void **state)
{
	struct peal_aead aead;

	(void)state;
	assert_true(peal_aead_open("none", &aead));
	assert_string_equal(aead.name, "none");
	peal_aead_close(&aead);
	assert_true(peal_aead_open("openssl", &aead));
	assert_string_equal(aead.name, "openssl");
	peal_aead_close(&aead);
	if (peal_aead_open("ipsec_mb", &aead)) {
		struct peal_aead chosen;

		assert_string_equal(aead.name, "ipsec_mb");
		assert_true(peal_aead_open(NULL, &chosen));
		assert_string_equal(chosen.name, "ipsec_mb");
		assert_ptr_not_equal(chosen.state, aead.state);
		peal_aead_close(&chosen);
		peal_aead_close(&aead);
	}
}

static void
test_aead_open__closes_once_and_wipes(void **state)
{
	const struct peal_aead_key nothing = {0};
	const uint8_t raw[PEAL_AEAD_RAW_KEY_SIZE] = {1};
	struct peal_aead_key key;
	struct peal_aead aead;

	(void)state;
	assert_true(peal_aead_open(NULL, &aead));
	aead.expand(aead.state, raw, &key);
	assert_memory_not_equal(&key, &nothing, sizeof(key));
	peal_aead_wipe(&key);
	assert_memory_equal(&key, &nothing, sizeof(key));
	peal_aead_close(&aead);
	assert_null(aead.state);
	peal_aead_close(&aead);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_aead_open__refuses_unknown_names),
		cmocka_unit_test(test_aead_open__never_chooses_none_unasked),
		cmocka_unit_test(test_aead_open__opens_by_name),
		cmocka_unit_test(test_aead_open__closes_once_and_wipes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
