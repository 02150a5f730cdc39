/* SPDX-License-Identifier: BSD-3-Clause */
#include "wire/flood_msg.h"

#include "tests/lib/cmocka_all.h"
#include "tests/lib/dies.h"
#include "tests/lib/gen.h"

#include <string.h>

static const uint8_t good_bytes[PEAL_FLOOD_PREFIX_SIZE] = {
	4, 3, 2, 1, 8, 7, 6, 5, 0x0C, 0x0B, 0x0A, 9, 255, 0, 0, 0};

static bool
decode_changed(size_t offset, uint8_t value)
{
	uint8_t bytes[sizeof(good_bytes)];
	struct peal_flood_prefix prefix;

	memcpy(bytes, good_bytes, sizeof(bytes));
	bytes[offset] = value;
	struct peal_reader reader = peal_reader_init(bytes, sizeof(bytes));
	return peal_flood_prefix_decode(&reader, &prefix);
}

static void
encode_it(void *argument)
{
	uint8_t bytes[PEAL_FLOOD_PREFIX_SIZE];
	struct peal_writer writer = peal_writer_init(bytes, sizeof(bytes));

	peal_flood_prefix_encode(argument, &writer);
}

static void
test_flood_msg__has_the_layout_of_the_wire(void **state)
{
	struct peal_reader reader = peal_reader_init(good_bytes, sizeof(good_bytes));
	struct peal_flood_prefix prefix;
	uint8_t bytes[PEAL_FLOOD_PREFIX_SIZE];
	struct peal_writer writer = peal_writer_init(bytes, sizeof(bytes));

	(void)state;
	assert_true(peal_flood_prefix_decode(&reader, &prefix));
	assert_int_equal(prefix.view_tag, 0x01020304);
	assert_int_equal(prefix.origin, 0x05060708);
	assert_int_equal(prefix.origin_seq, 0x090A0B0C);
	assert_int_equal(prefix.hop, 255);
	assert_int_equal(reader.offset, PEAL_FLOOD_PREFIX_SIZE);
	peal_flood_prefix_encode(&prefix, &writer);
	assert_int_equal(writer.offset, PEAL_FLOOD_PREFIX_SIZE);
	assert_memory_equal(bytes, good_bytes, sizeof(bytes));
}

static void
test_flood_msg__refuses_padding_and_nobody(void **state)
{
	uint8_t bytes[sizeof(good_bytes)];
	struct peal_flood_prefix prefix;

	(void)state;
	assert_true(decode_changed(12, 0));
	assert_false(decode_changed(13, 1));
	assert_false(decode_changed(14, 1));
	assert_false(decode_changed(15, 0x80));
	memcpy(bytes, good_bytes, sizeof(bytes));
	memset(bytes + 4, 0, 4);
	struct peal_reader reader = peal_reader_init(bytes, sizeof(bytes));
	assert_false(peal_flood_prefix_decode(&reader, &prefix));
	prefix = (struct peal_flood_prefix){.origin = 0};
	assert_true(peal_test_dies(encode_it, &prefix));
}

static void
test_flood_msg__refuses_fewer_bytes_and_leaves_more(void **state)
{
	uint8_t longer[sizeof(good_bytes) + 4U] = {0};
	struct peal_flood_prefix prefix;

	(void)state;
	for (size_t size = 0; size < sizeof(good_bytes); size++) {
		struct peal_reader reader = peal_reader_init(good_bytes, size);

		assert_false(peal_flood_prefix_decode(&reader, &prefix));
	}
	memcpy(longer, good_bytes, sizeof(good_bytes));
	struct peal_reader reader = peal_reader_init(longer, sizeof(longer));
	assert_true(peal_flood_prefix_decode(&reader, &prefix));
	assert_int_equal(reader.offset, sizeof(good_bytes));
}

static void
test_flood_msg__brings_random_prefixes_back(void **state)
{
	struct peal_prng prng;

	(void)state;
	peal_prng_init(&prng, 1);
	for (uint32_t round = 0; round < 2000; round++) {
		struct peal_flood_prefix prefix;
		struct peal_flood_prefix decoded;
		uint8_t bytes[PEAL_FLOOD_PREFIX_SIZE];
		struct peal_writer writer = peal_writer_init(bytes, sizeof(bytes));
		struct peal_reader reader = peal_reader_init(bytes, sizeof(bytes));

		memset(&decoded, 0, sizeof(decoded));
		peal_gen_flood_prefix(&prng, &prefix);
		peal_flood_prefix_encode(&prefix, &writer);
		assert_true(peal_flood_prefix_decode(&reader, &decoded));
		assert_memory_equal(&decoded, &prefix, sizeof(prefix));
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_flood_msg__has_the_layout_of_the_wire),
		cmocka_unit_test(test_flood_msg__refuses_padding_and_nobody),
		cmocka_unit_test(test_flood_msg__refuses_fewer_bytes_and_leaves_more),
		cmocka_unit_test(test_flood_msg__brings_random_prefixes_back),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
