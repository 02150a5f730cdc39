/* SPDX-License-Identifier: BSD-3-Clause */
#include "wire/fields.h"

#include "tests/lib/cmocka_all.h"
#include "tests/lib/dies.h"

#include <string.h>

static uint8_t bytes[40];

static void
test_fields__write_low_words_first(void **state)
{
	static const uint8_t good[] = {2, 1, 0, 0, 0, 0, 0, 0, 3, 0, 0, 0, 0, 0, 0, 0, 4, 0, 0, 0,
		0, 0, 0, 0, 5, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0};
	struct peal_writer writer = peal_writer_init(bytes, sizeof(bytes));

	(void)state;
	memset(bytes, 0xFF, sizeof(bytes));
	peal_write_hash(&writer, (struct peal_hash128){.low = 0x102, .high = 3});
	peal_write_uuid(&writer, (struct peal_uuid){.low = 4, .high = 5});
	peal_write_padding(&writer, 3);
	assert_int_equal(writer.offset, sizeof(good));
	assert_memory_equal(bytes, good, sizeof(good));
	assert_int_equal(bytes[sizeof(good)], 0xFF);

	struct peal_reader reader = peal_reader_init(bytes, sizeof(good));
	struct peal_hash128 hash = peal_read_hash(&reader);
	struct peal_uuid uuid = peal_read_uuid(&reader);
	assert_true(peal_hash128_equals(hash, (struct peal_hash128){.low = 0x102, .high = 3}));
	assert_true(peal_uuid_equals(uuid, (struct peal_uuid){.low = 4, .high = 5}));
	assert_true(peal_read_padding(&reader, 3));
	assert_true(peal_reader_is_done(&reader));
}

static void
test_fields__see_padding_that_is_not_zero(void **state)
{
	(void)state;
	for (uint32_t size = 0; size <= PEAL_PADDING_SIZE_MAX; size++) {
		memset(bytes, 0, sizeof(bytes));
		for (uint32_t i = 0; i <= size; i++) {
			struct peal_reader reader = peal_reader_init(bytes, sizeof(bytes));

			bytes[i] = 0x10;
			assert_int_equal(peal_read_padding(&reader, size), i == size);
			assert_int_equal(reader.offset, size);
			bytes[i] = 0;
		}
	}
}

static void
read_too_much(void *argument)
{
	struct peal_reader reader = peal_reader_init(bytes, sizeof(bytes));

	(void)argument;
	(void)peal_read_padding(&reader, PEAL_PADDING_SIZE_MAX + 1U);
}

static void
test_fields__refuse_what_is_not_there(void **state)
{
	struct peal_reader reader = peal_reader_init(bytes, 15);

	(void)state;
	memset(bytes, 1, sizeof(bytes));
	(void)peal_read_hash(&reader);
	assert_false(reader.is_ok);
	reader = peal_reader_init(bytes, 2);
	(void)peal_read_padding(&reader, 3);
	assert_false(reader.is_ok);
	assert_true(peal_test_dies(read_too_much, NULL));
}

static void
test_fields__know_what_is_none(void **state)
{
	(void)state;
	assert_true(peal_hash_is_none((struct peal_hash128){0}));
	assert_false(peal_hash_is_none((struct peal_hash128){.low = 1}));
	assert_false(peal_hash_is_none((struct peal_hash128){.high = 1}));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_fields__write_low_words_first),
		cmocka_unit_test(test_fields__see_padding_that_is_not_zero),
		cmocka_unit_test(test_fields__refuse_what_is_not_there),
		cmocka_unit_test(test_fields__know_what_is_none),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
