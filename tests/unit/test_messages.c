/* SPDX-License-Identifier: BSD-3-Clause */
#include "wire/messages.h"

#include "tests/lib/cmocka_all.h"

#include <string.h>

static void
test_messages__have_the_numbers_of_the_wire(void **state)
{
	(void)state;
	assert_int_equal(PEAL_MESSAGE_JOIN_REQUEST, 0x01);
	assert_int_equal(PEAL_MESSAGE_PROBE, 0x10);
	assert_int_equal(PEAL_MESSAGE_ALERT, 0x20);
	assert_int_equal(PEAL_MESSAGE_VOTE, 0x30);
	assert_int_equal(PEAL_MESSAGE_INSTALL_PULL, 0x04);
	assert_int_equal(PEAL_MESSAGE_UNREACHABLE, 0x07);
	assert_int_equal(PEAL_MESSAGE_REACH, 0x2C);
	assert_int_equal(PEAL_MESSAGE_REACHED, 0x2D);
	assert_int_equal(PEAL_MESSAGE_SNAPSHOT, 0x29);
	assert_int_equal(PEAL_MESSAGE_VOTE_UP, 0x33);
	assert_int_equal(PEAL_MESSAGE_BODY_PULL, 0x35);
	assert_int_equal(PEAL_MESSAGE_CHANNEL, 0x40);
	assert_int_equal(PEAL_MESSAGE_PATH_PROBE, 0x41);
	assert_int_equal(PEAL_MESSAGE_PATH_ANSWER, 0x42);
	assert_int_equal(PEAL_MESSAGE_CAST, 0x50);
	assert_int_equal(PEAL_MESSAGE_CAST_FLUSH, 0x53);
	assert_int_equal(PEAL_MESSAGE_CAST_LANE, 0x54);
	assert_int_equal(peal_message_family(PEAL_MESSAGE_INSTALL), PEAL_FAMILY_JOIN);
	assert_int_equal(peal_message_family(PEAL_MESSAGE_ECHO_REPLY), PEAL_FAMILY_LIVENESS);
	assert_int_equal(peal_message_family(PEAL_MESSAGE_JOIN_BATCH), PEAL_FAMILY_FLOOD);
	assert_int_equal(peal_message_family(PEAL_MESSAGE_P2B), PEAL_FAMILY_VOTE);
	assert_int_equal(peal_message_family(PEAL_MESSAGE_CHANNEL), PEAL_FAMILY_CHANNEL);
	assert_int_equal(peal_message_family(PEAL_MESSAGE_CAST_PULL), PEAL_FAMILY_CAST);
}

static void
test_messages__do_not_know_other_numbers(void **state)
{
	(void)state;
	assert_false(peal_message_is_known(0x00));
	assert_false(peal_message_is_known(0x08));
	assert_false(peal_message_is_known(0x14));
	assert_false(peal_message_is_known(0xFF));
	assert_string_equal(peal_message_name(0x00), "unknown");
	assert_string_equal(peal_message_name(0xFF), "unknown");
}

static void
test_messages__have_one_name_each(void **state)
{
	uint32_t known_count = 0;

	(void)state;
	assert_string_equal(peal_message_name(PEAL_MESSAGE_JOIN_REQUEST), "join_request");
	assert_string_equal(peal_message_name(PEAL_MESSAGE_P1A), "p1a");
	assert_string_equal(peal_message_name(PEAL_MESSAGE_INSTALL_PULL), "install_pull");
	for (uint32_t a = 0; a <= UINT8_MAX; a++) {
		bool is_named = strcmp(peal_message_name((uint8_t)a), "unknown") != 0;

		assert_int_equal(is_named, peal_message_is_known((uint8_t)a));
		known_count += is_named ? 1U : 0U;
		for (uint32_t b = 0; is_named && b < a; b++) {
			assert_string_not_equal(
				peal_message_name((uint8_t)a), peal_message_name((uint8_t)b));
		}
	}
	assert_int_equal(known_count, 53);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_messages__have_the_numbers_of_the_wire),
		cmocka_unit_test(test_messages__do_not_know_other_numbers),
		cmocka_unit_test(test_messages__have_one_name_each),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
