/* SPDX-License-Identifier: BSD-3-Clause */
#include "wire/alert_msg.h"

#include "tests/lib/cmocka_all.h"
#include "tests/lib/dies.h"
#include "tests/lib/gen.h"

#include <string.h>

static const uint8_t good_bytes[] = {1, 2, 0, 0, 5, 0, 2, 0, 4, 3, 2, 1, 63, 0, 4, 0, 1, 0, 0, 0};

static bool
decode_bytes(const uint8_t *bytes, size_t size, struct peal_alert_msg *message_out)
{
	struct peal_reader reader = peal_reader_init(bytes, size);

	return peal_alert_msg_decode(&reader, message_out);
}

static bool
decode_changed(size_t offset, const char *replacement, size_t size)
{
	uint8_t bytes[sizeof(good_bytes)];
	struct peal_alert_msg message;

	memcpy(bytes, good_bytes, sizeof(bytes));
	memcpy(bytes + offset, replacement, size);
	return decode_bytes(bytes, sizeof(bytes), &message);
}

static void
encode_it(void *argument)
{
	uint8_t bytes[PEAL_BODY_SIZE_MAX];
	struct peal_writer writer = peal_writer_init(bytes, sizeof(bytes));

	peal_alert_msg_encode(argument, &writer);
}

static void
test_alert_msg__has_the_layout_of_the_wire(void **state)
{
	struct peal_alert_msg message;
	uint8_t bytes[sizeof(good_bytes)];
	struct peal_writer writer = peal_writer_init(bytes, sizeof(bytes));

	(void)state;
	assert_true(decode_bytes(good_bytes, sizeof(good_bytes), &message));
	assert_int_equal(message.flags, PEAL_ALERT_FLAG_MERGED);
	assert_int_equal(message.count, 2);
	assert_int_equal(message.entries[0].rank, 5);
	assert_int_equal(message.entries[0].reason, PEAL_ALERT_STUCK);
	assert_int_equal(message.entries[0].mask, 0x01020304);
	assert_int_equal(message.entries[1].rank, 63);
	assert_int_equal(message.entries[1].reason, PEAL_ALERT_LAG);
	assert_int_equal(message.entries[1].mask, 1);
	peal_alert_msg_encode(&message, &writer);
	assert_int_equal(writer.offset, sizeof(good_bytes));
	assert_memory_equal(bytes, good_bytes, sizeof(bytes));
}

static void
test_alert_msg__refuses_each_wrong_field(void **state)
{
	(void)state;
	assert_true(decode_changed(0, "", 0));
	assert_false(decode_changed(0, "\x02", 1));             /* unknown flag */
	assert_false(decode_changed(1, "\x00", 1));             /* no entry */
	assert_false(decode_changed(1, "\x01", 1));             /* fewer than there are */
	assert_false(decode_changed(1, "\x03", 1));             /* more than there are */
	assert_false(decode_changed(1, "\x81", 1));             /* more than fit */
	assert_false(decode_changed(2, "\x01", 1));             /* padding */
	assert_false(decode_changed(3, "\x01", 1));             /* padding */
	assert_true(decode_changed(4, "\xFF\x27", 2));          /* the last rank */
	assert_false(decode_changed(4, "\x00\x28", 2));         /* no such rank */
	assert_false(decode_changed(5, "\xFF", 1));             /* no such rank */
	assert_false(decode_changed(6, "\x00", 1));             /* no reason */
	assert_false(decode_changed(6, "\x06", 1));             /* unknown reason */
	assert_false(decode_changed(7, "\x01", 1));             /* padding */
	assert_false(decode_changed(8, "\x00\x00\x00\x00", 4)); /* nobody reports it */
	assert_false(decode_changed(12, "\x05", 1));            /* a subject twice */
}

static void
test_alert_msg__refuses_every_other_size(void **state)
{
	uint8_t longer[sizeof(good_bytes) + 1U] = {0};
	struct peal_alert_msg message;

	(void)state;
	for (size_t size = 0; size < sizeof(good_bytes); size++) {
		assert_false(decode_bytes(good_bytes, size, &message));
	}
	memcpy(longer, good_bytes, sizeof(good_bytes));
	assert_false(decode_bytes(longer, sizeof(longer), &message));
}

static void
test_alert_msg__does_not_encode_what_it_would_not_decode(void **state)
{
	struct peal_alert_msg good = {
		.count = 1, .entries = {{.rank = 1, .reason = PEAL_ALERT_SILENT, .mask = 1}}};
	struct peal_alert_msg message = good;

	(void)state;
	assert_false(peal_test_dies(encode_it, &message));
	message.count = 0;
	assert_true(peal_test_dies(encode_it, &message));
	message = good;
	message.entries[0].mask = 0;
	assert_true(peal_test_dies(encode_it, &message));
	message = good;
	message.entries[0].reason = 0;
	assert_true(peal_test_dies(encode_it, &message));
	message = good;
	message.entries[0].rank = PEAL_MEMBERS_MAX;
	assert_true(peal_test_dies(encode_it, &message));
	message = good;
	message.count = PEAL_ALERT_ENTRIES_MAX + 1U;
	assert_true(peal_test_dies(encode_it, &message));
}

static void
test_alert_msg__refuses_one_entry_too_many(void **state)
{
	struct peal_alert_msg message = {.count = PEAL_ALERT_ENTRIES_MAX};
	uint8_t bytes[4U + 8U * (PEAL_ALERT_ENTRIES_MAX + 1U)];
	struct peal_writer writer = peal_writer_init(bytes, sizeof(bytes));

	(void)state;
	for (uint16_t i = 0; i < PEAL_ALERT_ENTRIES_MAX; i++) {
		message.entries[i] = (struct peal_alert_entry){
			.rank = (uint16_t)(80U * i), .reason = PEAL_ALERT_SILENT, .mask = 1};
	}
	peal_alert_msg_encode(&message, &writer);
	assert_true(writer.is_ok);
	assert_true(decode_bytes(bytes, writer.offset, &message));
	memcpy(bytes + writer.offset, bytes + writer.offset - 8U, 8);
	bytes[writer.offset] ^= 1U; /* about somebody else */
	bytes[1]++;
	assert_false(decode_bytes(bytes, sizeof(bytes), &message));
}

static void
test_alert_msg__brings_random_messages_back(void **state)
{
	struct peal_prng prng;

	(void)state;
	peal_prng_init(&prng, 1);
	for (uint32_t round = 0; round < 1000; round++) {
		static struct peal_alert_msg message;
		static struct peal_alert_msg decoded;
		uint8_t bytes[PEAL_BODY_SIZE_MAX];
		struct peal_writer writer = peal_writer_init(bytes, sizeof(bytes));

		memset(&decoded, 0, sizeof(decoded));
		peal_gen_alert_msg(&prng, &message);
		peal_alert_msg_encode(&message, &writer);
		assert_int_equal(writer.offset, 4U + 8U * message.count);
		assert_true(decode_bytes(bytes, writer.offset, &decoded));
		assert_memory_equal(&decoded, &message, sizeof(message));
	}
}

static void
test_alert_msg__reasons_have_names(void **state)
{
	(void)state;
	assert_string_equal(peal_alert_reason_name(PEAL_ALERT_SILENT), "silent");
	assert_string_equal(peal_alert_reason_name(PEAL_ALERT_STUCK), "stuck");
	assert_string_equal(peal_alert_reason_name(PEAL_ALERT_ECHO), "echo");
	assert_string_equal(peal_alert_reason_name(PEAL_ALERT_LAG), "lag");
	assert_string_equal(peal_alert_reason_name(0), "unknown");
	assert_string_equal(peal_alert_reason_name(PEAL_ALERT_SLOW), "slow");
	assert_string_equal(peal_alert_reason_name(PEAL_ALERT_SLOW + 1U), "unknown");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_alert_msg__reasons_have_names),
		cmocka_unit_test(test_alert_msg__has_the_layout_of_the_wire),
		cmocka_unit_test(test_alert_msg__refuses_each_wrong_field),
		cmocka_unit_test(test_alert_msg__refuses_every_other_size),
		cmocka_unit_test(test_alert_msg__does_not_encode_what_it_would_not_decode),
		cmocka_unit_test(test_alert_msg__refuses_one_entry_too_many),
		cmocka_unit_test(test_alert_msg__brings_random_messages_back),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
