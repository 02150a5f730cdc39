/* SPDX-License-Identifier: BSD-3-Clause */
#include "wire/liveness_msg.h"

#include "tests/lib/cmocka_all.h"
#include "tests/lib/gen.h"

#include <string.h>

static const uint8_t good_bytes[PEAL_LIVENESS_BODY_SIZE] = {
	4, 3, 2, 1, 8, 7, 6, 5, 0x0A, 9, 0x0C, 0x0B, 0x0E, 0x0D, 5, 0};

static void
test_liveness_msg__has_the_layout_of_the_wire(void **state)
{
	struct peal_liveness_msg message;
	uint8_t bytes[PEAL_LIVENESS_BODY_SIZE];

	(void)state;
	assert_true(peal_liveness_msg_decode(good_bytes, sizeof(good_bytes), &message));
	assert_int_equal(message.view_tag, 0x01020304);
	assert_int_equal(message.alert_digest, 0x05060708);
	assert_int_equal(message.seq, 0x090A);
	assert_int_equal(message.echo_seq, 0x0B0C);
	assert_int_equal(message.core_age_ms, 0x0D0E);
	assert_int_equal(
		message.flags, PEAL_LIVENESS_FLAG_NOT_MEMBER | PEAL_LIVENESS_FLAG_ECHO_VALID);
	peal_liveness_msg_encode(&message, bytes);
	assert_memory_equal(bytes, good_bytes, sizeof(bytes));
}

static void
test_liveness_msg__refuses_every_other_size(void **state)
{
	const uint8_t bytes[2U * PEAL_LIVENESS_BODY_SIZE] = {0};
	struct peal_liveness_msg message;

	(void)state;
	for (uint32_t size = 0; size <= sizeof(bytes); size++) {
		assert_int_equal(peal_liveness_msg_decode(bytes, size, &message),
			size == PEAL_LIVENESS_BODY_SIZE);
	}
}

static void
test_liveness_msg__refuses_unknown_flags_and_padding(void **state)
{
	uint8_t bytes[PEAL_LIVENESS_BODY_SIZE] = {0};
	struct peal_liveness_msg message;

	(void)state;
	for (uint32_t value = 0; value <= UINT8_MAX; value++) {
		bytes[14] = (uint8_t)value;
		bytes[15] = 0;
		assert_int_equal(peal_liveness_msg_decode(bytes, sizeof(bytes), &message),
			value <= PEAL_LIVENESS_FLAGS_ALL);
		bytes[14] = 0;
		bytes[15] = (uint8_t)value;
		assert_int_equal(
			peal_liveness_msg_decode(bytes, sizeof(bytes), &message), value == 0);
	}
}

static void
test_liveness_msg__brings_random_messages_back(void **state)
{
	struct peal_prng prng;

	(void)state;
	peal_prng_init(&prng, 1);
	for (uint32_t round = 0; round < 5000; round++) {
		struct peal_liveness_msg message;
		struct peal_liveness_msg decoded;
		uint8_t bytes[PEAL_LIVENESS_BODY_SIZE];

		memset(&decoded, 0, sizeof(decoded));
		peal_gen_liveness_msg(&prng, &message);
		peal_liveness_msg_encode(&message, bytes);
		assert_true(peal_liveness_msg_decode(bytes, sizeof(bytes), &decoded));
		assert_memory_equal(&decoded, &message, sizeof(message));
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_liveness_msg__has_the_layout_of_the_wire),
		cmocka_unit_test(test_liveness_msg__refuses_every_other_size),
		cmocka_unit_test(test_liveness_msg__refuses_unknown_flags_and_padding),
		cmocka_unit_test(test_liveness_msg__brings_random_messages_back),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
