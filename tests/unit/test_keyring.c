/* SPDX-License-Identifier: BSD-3-Clause */
#include "wire/crypto/keyring.h"

#include "tests/lib/cmocka_all.h"
#include "tests/lib/dies.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define HEX                                                                                        \
	"000102030405060708090a0b0c0d0e0f"                                                         \
	"101112131415161718191A1B1C1D1E1F"

static char path[64];
static char error[PEAL_KEYRING_ERROR_SIZE_MAX];
static struct peal_keyring keyring;
static uint8_t psk[PEAL_KEYRING_PSK_SIZE];
static uint8_t secret[PEAL_KEYRING_SECRET_SIZE];

static int
start(void **state)
{
	(void)state;
	for (uint8_t i = 0; i < PEAL_KEYRING_PSK_SIZE; i++) {
		psk[i] = i;
		secret[i] = (uint8_t)(32U + i);
	}
	(void)snprintf(path, sizeof(path), "/tmp/peal-test-keyring-XXXXXX");
	int file = mkstemp(path);
	return file < 0 ? -1 : close(file);
}

static int
stop(void **state)
{
	(void)state;
	return unlink(path);
}

/* With these secrets; what the keyring had before is given back. */
static void
begin_anew(const uint8_t *some_psk, const uint8_t *some_secret)
{
	peal_keyring_close(&keyring);
	peal_keyring_init(&keyring, some_psk, some_secret);
}

static void
write_file(const void *bytes, size_t size, mode_t mode)
{
	FILE *file = fopen(path, "wb");

	assert_non_null(file);
	assert_int_equal(fwrite(bytes, 1, size, file), size);
	assert_int_equal(fclose(file), 0);
	assert_int_equal(chmod(path, mode), 0);
}

/* Opens and expects a refusal that names the file and says `reason`; no secret is left then. */
static void
refuse_with(const char *where, const char *reason)
{
	const struct peal_keyring nothing = {0};

	memset(&keyring, 0xFF, sizeof(keyring));
	assert_false(peal_keyring_open(&keyring, where, error, sizeof(error)));
	assert_non_null(strstr(error, where));
	if (strstr(error, reason) == NULL) {
		fail_msg("\"%s\" does not say \"%s\"", error, reason);
	}
	assert_memory_equal(&keyring, &nothing, sizeof(nothing));
}

static void
derive_long_name(void *argument)
{
	uint8_t raw[PEAL_AEAD_RAW_KEY_SIZE];

	peal_keyring_derive_pre(argument, "a name that is longer than 31 bytes", raw);
}

static void
test_keyring__refuses_files_that_are_not_there_or_no_files(void **state)
{
	(void)state;
	refuse_with("/tmp/peal-no-such-file", "No such file");
	refuse_with("/tmp", "not a regular file");
	refuse_with("/dev/null", "not a regular file");
}

static void
test_keyring__refuses_files_that_others_may_use(void **state)
{
	static const mode_t modes[] = {0604, 0640, 0620, 0602, 0610, 0644, 0666};

	(void)state;
	for (size_t i = 0; i < sizeof(modes) / sizeof(modes[0]); i++) {
		write_file(psk, sizeof(psk), modes[i]);
		refuse_with(path, "chmod 600");
	}
}

static void
test_keyring__refuses_every_other_size(void **state)
{
	char text[100];

	(void)state;
	memset(text, 'a', sizeof(text));
	for (size_t size = 0; size < sizeof(text); size++) {
		if (size != 32 && size != 64) {
			write_file(text, size, 0600);
			refuse_with(path, "expected are 32 raw bytes or 64 hexadecimal digits");
		}
	}
	write_file(HEX " ", 65, 0600);
	refuse_with(path, "65 bytes");
	write_file(HEX "\n\n", 66, 0600);
	refuse_with(path, "66 bytes");
	write_file(text, 100, 0600);
	refuse_with(path, "more than 66 bytes");
}

static void
test_keyring__refuses_what_is_not_hexadecimal(void **state)
{
	char text[] = HEX;

	(void)state;
	for (size_t i = 0; i < 64; i++) {
		static const char wrong[] = {'g', 'G', ' ', '/', ':', '@', '`', '\0', (char)0xE4};

		text[i] = wrong[i % sizeof(wrong)];
		write_file(text, 64, 0600);
		refuse_with(path, "other characters");
		text[i] = HEX[i];
	}
}

static void
test_keyring__refuses_a_key_of_zeroes(void **state)
{
	const uint8_t zeroes[32] = {0};

	(void)state;
	write_file(zeroes, sizeof(zeroes), 0600);
	refuse_with(path, "all zeroes");
}

static void
test_keyring__cuts_a_long_sentence(void **state)
{
	char tiny[8];

	(void)state;
	memset(tiny, 'x', sizeof(tiny));
	assert_false(peal_keyring_open(&keyring, "/tmp/peal-no-such-file", tiny, sizeof(tiny)));
	assert_string_equal(tiny, "cannot ");
}

static void
test_keyring__reads_raw_bytes_and_digits(void **state)
{
	static const char *const texts[] = {HEX, HEX "\n", HEX "\r\n"};

	(void)state;
	write_file(psk, sizeof(psk), 0400);
	assert_true(peal_keyring_open(&keyring, path, error, sizeof(error)));
	assert_true(keyring.has_psk);
	assert_memory_equal(keyring.psk, psk, sizeof(psk));
	assert_string_equal(error, "");
	peal_keyring_close(&keyring);
	assert_int_equal(unlink(path), 0); /* nobody may write to it */
	for (size_t i = 0; i < 3; i++) {
		write_file(texts[i], strlen(texts[i]), 0600);
		assert_true(peal_keyring_open(&keyring, path, error, sizeof(error)));
		assert_memory_equal(keyring.psk, psk, sizeof(psk));
		peal_keyring_close(&keyring);
	}
}

static void
test_keyring__draws_another_secret_each_time(void **state)
{
	struct peal_keyring second;

	(void)state;
	assert_true(peal_keyring_open(&keyring, NULL, error, sizeof(error)));
	assert_true(peal_keyring_open(&second, NULL, error, sizeof(error)));
	assert_false(keyring.has_psk);
	assert_memory_not_equal(keyring.secret, second.secret, sizeof(second.secret));
}

static void
test_keyring__derives_by_rfc_5869(void **state)
{
	/* Computed with another implementation. Another answer would be another wire. */
	static const uint8_t pre[16] = {0xa1, 0xfe, 0x3a, 0x89, 0x66, 0xeb, 0xe3, 0x40, 0xcd, 0xb8,
		0xa3, 0xbc, 0x05, 0x46, 0x53, 0xe6};
	static const uint8_t tx[16] = {0x6c, 0x57, 0xd3, 0x53, 0xb4, 0xc1, 0x66, 0x4c, 0xf7, 0x80,
		0xac, 0xc7, 0x67, 0x2c, 0x7c, 0x72};
	struct peal_uuid cluster;
	struct peal_uuid sender;
	uint8_t raw[PEAL_AEAD_RAW_KEY_SIZE];

	(void)state;
	begin_anew(psk, secret);
	peal_keyring_derive_pre(&keyring, "bells", raw);
	assert_memory_equal(raw, pre, sizeof(pre));

	/* The ids are the bytes 0 to 31, in their order on the wire. */
	memcpy(&cluster, psk, 16);
	memcpy(&sender, psk + 16, 16);
	peal_keyring_derive_tx(&keyring, cluster, sender, raw);
	assert_memory_equal(raw, tx, sizeof(tx));
}

static void
test_keyring__derives_another_key_for_each_input(void **state)
{
	struct peal_uuid a = {.low = 1, .high = 2};
	struct peal_uuid b = {.low = 2, .high = 1};
	uint8_t keys[6][PEAL_AEAD_RAW_KEY_SIZE];

	(void)state;
	begin_anew(psk, secret);
	peal_keyring_derive_pre(&keyring, "", keys[0]);
	peal_keyring_derive_pre(&keyring, "a name of just thirty-one bytes", keys[1]);
	peal_keyring_derive_tx(&keyring, a, a, keys[2]);
	peal_keyring_derive_tx(&keyring, a, b, keys[3]);
	peal_keyring_derive_tx(&keyring, b, a, keys[4]);
	assert_true(peal_test_dies(derive_long_name, &keyring));
	psk[0] ^= 1U;
	begin_anew(psk, secret);
	peal_keyring_derive_tx(&keyring, a, b, keys[5]);
	psk[0] ^= 1U;
	for (uint32_t i = 0; i < 6; i++) {
		for (uint32_t j = 0; j < i; j++) {
			assert_memory_not_equal(keys[i], keys[j], sizeof(keys[i]));
		}
	}
}

static void
test_keyring__gives_zeroes_without_a_key(void **state)
{
	const uint8_t zeroes[PEAL_AEAD_RAW_KEY_SIZE] = {0};
	uint8_t raw[PEAL_AEAD_RAW_KEY_SIZE];

	(void)state;
	begin_anew(NULL, secret);
	memset(raw, 0xFF, sizeof(raw));
	peal_keyring_derive_pre(&keyring, "bells", raw);
	assert_memory_equal(raw, zeroes, sizeof(raw));
	memset(raw, 0xFF, sizeof(raw));
	peal_keyring_derive_tx(
		&keyring, (struct peal_uuid){.low = 1}, (struct peal_uuid){.low = 2}, raw);
	assert_memory_equal(raw, zeroes, sizeof(raw));
}

static void
test_keyring__gives_the_published_macs(void **state)
{
	/* RFC 4231, cases 1 and 2; a shorter key is the same as one with zeroes behind it. */
	static const uint8_t first[16] = {0xb0, 0x34, 0x4c, 0x61, 0xd8, 0xdb, 0x38, 0x53, 0x5c,
		0xa8, 0xaf, 0xce, 0xaf, 0x0b, 0xf1, 0x2b};
	static const uint8_t second[16] = {0x5b, 0xdc, 0xc1, 0x46, 0xbf, 0x60, 0x75, 0x4e, 0x6a,
		0x04, 0x24, 0x26, 0x08, 0x95, 0x75, 0xc7};
	uint8_t key[PEAL_KEYRING_SECRET_SIZE] = {0};
	uint8_t mac[PEAL_KEYRING_MAC_SIZE];

	(void)state;
	memset(key, 0x0b, 20);
	begin_anew(NULL, key);
	peal_keyring_mac(&keyring, "Hi There", 8, mac);
	assert_memory_equal(mac, first, sizeof(mac));
	memset(key, 0, sizeof(key));
	for (size_t i = 0; i < 4; i++) {
		key[i] = (uint8_t) "Jefe"[i];
	}
	begin_anew(NULL, key);
	peal_keyring_mac(&keyring, "what do ya want for nothing?", 28, mac);
	assert_memory_equal(mac, second, sizeof(mac));
}

static void
test_keyring__authenticates_under_its_own_secret(void **state)
{
	static const uint8_t expected[16] = {0x1c, 0x96, 0x13, 0x88, 0x17, 0x20, 0x3a, 0x1d, 0x66,
		0x3c, 0x37, 0x72, 0x42, 0x26, 0x6a, 0xc6};
	uint8_t mac[PEAL_KEYRING_MAC_SIZE];

	(void)state;
	begin_anew(NULL, secret);
	peal_keyring_mac(&keyring, "cookie", 6, mac);
	assert_memory_equal(mac, expected, sizeof(mac));
	peal_keyring_mac(&keyring, "cookia", 6, mac);
	assert_memory_not_equal(mac, expected, sizeof(mac));
	keyring.secret[31] ^= 1U;
	peal_keyring_mac(&keyring, "cookie", 6, mac);
	assert_memory_not_equal(mac, expected, sizeof(mac));
}

static void
test_keyring__is_wiped_when_closed(void **state)
{
	const struct peal_keyring nothing = {0};

	(void)state;
	begin_anew(psk, secret);
	peal_keyring_close(&keyring);
	assert_memory_equal(&keyring, &nothing, sizeof(nothing));
	uint8_t raw[16] = {1};
	peal_keyring_wipe(raw, sizeof(raw));
	assert_memory_equal(raw, &nothing, sizeof(raw));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_keyring__refuses_files_that_are_not_there_or_no_files),
		cmocka_unit_test(test_keyring__refuses_files_that_others_may_use),
		cmocka_unit_test(test_keyring__refuses_every_other_size),
		cmocka_unit_test(test_keyring__refuses_what_is_not_hexadecimal),
		cmocka_unit_test(test_keyring__refuses_a_key_of_zeroes),
		cmocka_unit_test(test_keyring__cuts_a_long_sentence),
		cmocka_unit_test(test_keyring__reads_raw_bytes_and_digits),
		cmocka_unit_test(test_keyring__draws_another_secret_each_time),
		cmocka_unit_test(test_keyring__derives_by_rfc_5869),
		cmocka_unit_test(test_keyring__derives_another_key_for_each_input),
		cmocka_unit_test(test_keyring__gives_zeroes_without_a_key),
		cmocka_unit_test(test_keyring__gives_the_published_macs),
		cmocka_unit_test(test_keyring__authenticates_under_its_own_secret),
		cmocka_unit_test(test_keyring__is_wiped_when_closed),
	};

	return cmocka_run_group_tests(tests, start, stop);
}
