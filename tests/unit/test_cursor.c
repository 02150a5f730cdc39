/* SPDX-License-Identifier: BSD-3-Clause */
#include "wire/cursor.h"

#include "tests/lib/cmocka_all.h"

static void
test_cursor__writes_little_endian(void **state)
{
	uint8_t bytes[15];
	const uint8_t expected[15] = {1, 3, 2, 7, 6, 5, 4, 15, 14, 13, 12, 11, 10, 9, 8};
	struct peal_writer writer = peal_writer_init(bytes, sizeof(bytes));

	(void)state;
	peal_write_u8(&writer, 1);
	peal_write_u16(&writer, 0x0203);
	peal_write_u32(&writer, 0x04050607);
	peal_write_u64(&writer, 0x08090a0b0c0d0e0f);
	assert_true(writer.is_ok);
	assert_int_equal(writer.offset, sizeof(bytes));
	assert_memory_equal(bytes, expected, sizeof(expected));

	struct peal_reader reader = peal_reader_init(bytes, sizeof(bytes));
	assert_int_equal(peal_read_u8(&reader), 1);
	assert_int_equal(peal_read_u16(&reader), 0x0203);
	assert_int_equal(peal_read_u32(&reader), 0x04050607);
	assert_false(peal_reader_is_done(&reader));
	assert_int_equal(peal_read_u64(&reader), 0x08090a0b0c0d0e0f);
	assert_true(peal_reader_is_done(&reader));
}

static void
test_cursor__gives_zero_for_ever_after_the_end(void **state)
{
	const uint8_t bytes[3] = {1, 2, 3};
	struct peal_reader reader = peal_reader_init(bytes, sizeof(bytes));

	(void)state;
	assert_int_equal(peal_read_u32(&reader), 0);
	assert_false(reader.is_ok);
	assert_int_equal(peal_read_u8(&reader), 0); /* a byte is left, but nobody gets it */
	assert_int_equal(reader.offset, 0);
	assert_false(peal_reader_is_done(&reader));
}

static void
test_cursor__writes_nothing_after_the_end(void **state)
{
	uint8_t bytes[4] = {9, 9, 9, 9};
	struct peal_writer writer = peal_writer_init(bytes, 3);

	(void)state;
	peal_write_u16(&writer, 0x0102);
	peal_write_u16(&writer, 0x0304);
	peal_write_u8(&writer, 5);
	assert_false(writer.is_ok);
	assert_int_equal(writer.offset, 2);
	assert_int_equal(bytes[2], 9);
	assert_int_equal(bytes[3], 9);
}

static void
test_cursor__reads_nothing_from_nothing(void **state)
{
	uint8_t bytes[1] = {1};
	uint8_t out[1] = {7};
	struct peal_reader reader = peal_reader_init(bytes, sizeof(bytes));

	(void)state;
	assert_int_equal(peal_read_u8(&reader), 1);
	peal_read_bytes(&reader, out, 0);
	assert_true(peal_reader_is_done(&reader));
	peal_read_bytes(&reader, out, 1);
	assert_int_equal(out[0], 0);
	assert_false(reader.is_ok);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_cursor__writes_little_endian),
		cmocka_unit_test(test_cursor__gives_zero_for_ever_after_the_end),
		cmocka_unit_test(test_cursor__writes_nothing_after_the_end),
		cmocka_unit_test(test_cursor__reads_nothing_from_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
