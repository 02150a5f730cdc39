/* SPDX-License-Identifier: BSD-3-Clause */
#include "wire/member.h"

#include "tests/lib/cmocka_all.h"
#include "tests/lib/dies.h"
#include "tests/lib/gen.h"

#include <string.h>

static const uint8_t good_bytes[PEAL_MEMBER_RECORD_SIZE + 3U] = {1, 0, 0, 0, 0, 0, 0, 0, 2, 0, 0, 0,
	0, 0, 0, 0, 9, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 10, 0x2C, 0x1B, 2, 0xAA, 0xBB, 0xCC, 0xDD,
	0xEE, 4, 3, 0, 0, 'a', 'b', 'c'};

static bool
decode_bytes(const uint8_t *bytes, size_t size, struct peal_member *member_out)
{
	struct peal_reader reader = peal_reader_init(bytes, size);

	return peal_member_decode(&reader, member_out) && peal_reader_is_done(&reader);
}

/* Decodes the good record with some bytes from `offset` on replaced. */
static bool
decode_changed(size_t offset, const char *replacement, size_t size)
{
	uint8_t bytes[sizeof(good_bytes)];
	struct peal_member member;

	memcpy(bytes, good_bytes, sizeof(bytes));
	memcpy(bytes + offset, replacement, size);
	return decode_bytes(bytes, sizeof(bytes), &member);
}

static void
encode_without_shards(void *argument)
{
	uint8_t bytes[PEAL_MEMBER_RECORD_SIZE];
	struct peal_writer writer = peal_writer_init(bytes, sizeof(bytes));

	peal_member_encode(argument, &writer);
}

static void
test_member__has_the_layout_of_the_wire(void **state)
{
	struct peal_member member;
	uint8_t bytes[sizeof(good_bytes)];
	struct peal_writer writer = peal_writer_init(bytes, sizeof(bytes));

	(void)state;
	assert_true(decode_bytes(good_bytes, sizeof(good_bytes), &member));
	assert_int_equal(member.uuid.low, 1);
	assert_int_equal(member.uuid.high, 2);
	assert_int_equal(member.mid, 9);
	assert_int_equal(member.address.ipv4, 0x0A000001);
	assert_int_equal(member.address.port, 0x1B2C);
	assert_memory_equal(member.address.mac, "\x02\xAA\xBB\xCC\xDD\xEE", 6);
	assert_int_equal(member.shards_count, 4);
	assert_int_equal(member.metadata_size, 3);
	assert_memory_equal(member.metadata, "abc", 3);
	peal_member_encode(&member, &writer);
	assert_true(writer.is_ok);
	assert_int_equal(writer.offset, sizeof(good_bytes));
	assert_memory_equal(bytes, good_bytes, sizeof(good_bytes));
}

static void
test_member__refuses_each_wrong_field(void **state)
{
	const char zeroes[16] = {0};

	(void)state;
	assert_true(decode_changed(0, "", 0));
	assert_false(decode_changed(0, zeroes, 16)); /* uuid none */
	assert_true(decode_changed(16, zeroes, 8));  /* mid 0: a joiner */
	assert_false(decode_changed(24, zeroes, 4)); /* no IP */
	assert_false(decode_changed(28, zeroes, 2)); /* no port */
	assert_false(decode_changed(30, zeroes, 6)); /* no MAC */
	assert_false(decode_changed(30, "\x03", 1)); /* multicast MAC */
	assert_false(decode_changed(36, zeroes, 1)); /* no shards */
	assert_true(decode_changed(36, "\x40", 1));  /* 64 shards */
	assert_false(decode_changed(36, "\x41", 1)); /* 65 shards */
	assert_false(decode_changed(37, "\x41", 1)); /* 65 bytes of metadata */
	assert_false(decode_changed(38, "\x01", 1)); /* padding */
	assert_false(decode_changed(39, "\x01", 1)); /* padding */
}

static void
test_member__refuses_every_other_size(void **state)
{
	struct peal_member member;
	uint8_t longer[sizeof(good_bytes) + 1U] = {0};

	(void)state;
	for (size_t size = 0; size < sizeof(good_bytes); size++) {
		assert_false(decode_bytes(good_bytes, size, &member));
	}
	memcpy(longer, good_bytes, sizeof(good_bytes));
	assert_false(decode_bytes(longer, sizeof(longer), &member));
}

static void
test_member__does_not_encode_what_it_would_not_decode(void **state)
{
	struct peal_member member;

	(void)state;
	assert_true(decode_bytes(good_bytes, sizeof(good_bytes), &member));
	member.shards_count = 0;
	assert_true(peal_test_dies(encode_without_shards, &member));
	member.shards_count = 1;
	member.metadata_size = PEAL_METADATA_SIZE_MAX + 1U;
	assert_true(peal_test_dies(encode_without_shards, &member));
}

static void
test_member__hashes_everything_it_sends(void **state)
{
	struct peal_member member;

	(void)state;
	assert_true(decode_bytes(good_bytes, sizeof(good_bytes), &member));
	struct peal_hash128 plain = peal_member_hash(&member);

	for (uint32_t field = 0; field < 8; field++) {
		struct peal_member changed = member;

		switch (field) {
		case 0:
			changed.uuid.low++;
			break;
		case 1:
			changed.uuid.high++;
			break;
		case 2:
			changed.mid++;
			break;
		case 3:
			changed.address.ipv4++;
			break;
		case 4:
			changed.address.port++;
			break;
		case 5:
			changed.address.mac[5]++;
			break;
		case 6:
			changed.shards_count++;
			break;
		default:
			changed.metadata[2]++;
			break;
		}
		assert_false(peal_hash128_equals(plain, peal_member_hash(&changed)));
	}
	/* What stands behind the metadata is not part of it. */
	member.metadata[3] = 1;
	assert_true(peal_hash128_equals(plain, peal_member_hash(&member)));
}

static void
test_member__brings_random_records_back(void **state)
{
	struct peal_prng prng;

	(void)state;
	peal_prng_init(&prng, 1);
	for (uint32_t round = 0; round < 2000; round++) {
		uint8_t bytes[PEAL_MEMBER_RECORD_SIZE + PEAL_METADATA_SIZE_MAX];
		struct peal_writer writer = peal_writer_init(bytes, sizeof(bytes));
		struct peal_member member;
		struct peal_member decoded;

		memset(&decoded, 0xFF, sizeof(decoded));
		peal_gen_member(&prng, &member);
		peal_member_encode(&member, &writer);
		assert_int_equal(writer.offset, PEAL_MEMBER_RECORD_SIZE + member.metadata_size);
		assert_true(decode_bytes(bytes, writer.offset, &decoded));
		assert_memory_equal(&decoded, &member, sizeof(member));
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_member__has_the_layout_of_the_wire),
		cmocka_unit_test(test_member__refuses_each_wrong_field),
		cmocka_unit_test(test_member__refuses_every_other_size),
		cmocka_unit_test(test_member__does_not_encode_what_it_would_not_decode),
		cmocka_unit_test(test_member__hashes_everything_it_sends),
		cmocka_unit_test(test_member__brings_random_records_back),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
