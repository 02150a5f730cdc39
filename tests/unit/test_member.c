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
	assert_false(decode_changed(37, "\x04", 1)); /* 4 bytes of metadata, 3 are here */
	assert_false(decode_changed(38, "\x01", 1)); /* 259 bytes */
	assert_false(decode_changed(39, "\x01", 1)); /* padding */
}

static const uint8_t six_bytes[PEAL_MEMBER_RECORD_SIZE_MAX] = {1, 0, 0, 0, 0, 0, 0, 0, 2, 0, 0, 0,
	0, 0, 0, 0, 9, 0, 0, 0x80, 0xFD, 0, 0, 0x77, 0, 1, 0, 2, 0, 3, 0, 4, 0, 5, 0, 6, 0x2C, 0x1B,
	2, 0xAA, 0xBB, 0xCC, 0xDD, 0xEE, 4, 0, 0, 0};

static void
test_member__may_have_an_ipv6_address(void **state)
{
	struct peal_member member;
	uint8_t bytes[sizeof(six_bytes)];
	struct peal_writer writer = peal_writer_init(bytes, sizeof(bytes));

	(void)state;
	assert_true(decode_bytes(six_bytes, sizeof(six_bytes), &member));
	assert_int_equal(member.mid, 9);
	assert_true(peal_address_is_ipv6(&member.address));
	assert_true(member.address.ipv6_head == UINT64_C(0xFD00007700010002));
	assert_int_equal(member.address.ipv6_middle, 0x00030004);
	assert_int_equal(member.address.ipv4, 0x00050006);
	assert_int_equal(member.address.port, 0x1B2C);
	assert_int_equal(member.shards_count, 4);
	assert_int_equal(peal_member_record_size(&member), sizeof(six_bytes));
	peal_member_encode(&member, &writer);
	assert_true(writer.is_ok);
	assert_int_equal(writer.offset, sizeof(six_bytes));
	assert_memory_equal(bytes, six_bytes, sizeof(six_bytes));
}

static void
test_member__refuses_ipv6_addresses_that_no_node_has(void **state)
{
	uint8_t bytes[sizeof(six_bytes)];
	struct peal_member member;

	(void)state;
	memcpy(bytes, six_bytes, sizeof(bytes));
	bytes[20] = 0xFF; /* a group */
	assert_false(decode_bytes(bytes, sizeof(bytes), &member));
	memset(bytes + 20, 0, 12); /* an IPv4 address as it would stand there */
	assert_false(decode_bytes(bytes, sizeof(bytes), &member));
	bytes[30] = bytes[31] = 0xFF; /* and as IPv6 maps it */
	assert_false(decode_bytes(bytes, sizeof(bytes), &member));
	bytes[29] = 1;
	assert_true(decode_bytes(bytes, sizeof(bytes), &member));
	/* Without the bit these bytes are an IPv4 record with bytes where zeroes belong. */
	memcpy(bytes, six_bytes, sizeof(bytes));
	bytes[19] = 0;
	assert_false(decode_bytes(bytes, sizeof(bytes), &member));
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
		uint8_t metadata[3] = {'a', 'b', 'd'};

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
			changed.metadata = metadata;
			break;
		}
		assert_false(peal_hash128_equals(plain, peal_member_hash(&changed)));
	}
	/* The bytes matter, not where they are, nor what is behind them. */
	member.metadata = (const uint8_t *)"abcd";
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
		peal_gen_rich_member(&prng, &member);
		peal_member_encode(&member, &writer);
		assert_int_equal(writer.offset, PEAL_MEMBER_RECORD_SIZE + member.metadata_size);
		assert_true(decode_bytes(bytes, writer.offset, &decoded));
		assert_true(peal_gen_equals(&decoded, &member));
		/* It stays in the bytes. */
		if (member.metadata_size > 0) {
			assert_ptr_equal(decoded.metadata, bytes + PEAL_MEMBER_RECORD_SIZE);
		} else {
			assert_null(decoded.metadata);
		}
	}
}

static void
test_member__takes_the_longest_metadata_and_no_more(void **state)
{
	static uint8_t bytes[PEAL_MEMBER_RECORD_SIZE + PEAL_METADATA_SIZE_MAX + 1U];
	struct peal_reader reader = peal_reader_init(bytes, sizeof(bytes) - 1U);
	struct peal_member member;
	uint16_t size = PEAL_METADATA_SIZE_MAX;

	(void)state;
	memcpy(bytes, good_bytes, sizeof(good_bytes));
	memcpy(bytes + 37, &size, sizeof(size));
	assert_true(peal_member_decode(&reader, &member));
	assert_true(peal_reader_is_done(&reader));
	assert_int_equal(member.metadata_size, size);
	size++;
	memcpy(bytes + 37, &size, sizeof(size));
	reader = peal_reader_init(bytes, sizeof(bytes));
	assert_false(peal_member_decode(&reader, &member));
}

/* Who only passes a joiner on says how much there is and what it must be. */
static void
test_member__is_named_without_its_metadata(void **state)
{
	uint8_t bytes[PEAL_MEMBER_RECORD_SIZE + 16U];
	struct peal_writer writer = peal_writer_init(bytes, sizeof(bytes));
	struct peal_reader reader = peal_reader_init(bytes, sizeof(bytes));
	struct peal_metadata_tag decoded_tag;
	struct peal_metadata_tag tag;
	struct peal_member decoded;
	struct peal_member member;

	(void)state;
	assert_true(decode_bytes(good_bytes, sizeof(good_bytes), &member));
	tag = peal_member_tag(&member);
	assert_int_equal(tag.size, 3);
	assert_true(peal_hash128_equals(tag.digest, peal_hash128("abc", 3, 0)));
	peal_member_encode_tagged(&member, &tag, &writer);
	assert_int_equal(writer.offset, peal_member_tagged_size(&member, &tag));
	assert_int_equal(writer.offset, sizeof(bytes));
	assert_memory_equal(bytes, good_bytes, PEAL_MEMBER_RECORD_SIZE);
	assert_true(peal_member_decode_tagged(&reader, &decoded, &decoded_tag));
	assert_memory_equal(&decoded_tag, &tag, sizeof(tag));
	assert_int_equal(decoded.metadata_size, 0);
	assert_null(decoded.metadata);
	assert_true(peal_uuid_equals(decoded.uuid, member.uuid));

	/* A size without a digest, and half a digest. */
	memset(bytes + PEAL_MEMBER_RECORD_SIZE, 0, 16);
	reader = peal_reader_init(bytes, sizeof(bytes));
	assert_false(peal_member_decode_tagged(&reader, &decoded, &decoded_tag));
	bytes[PEAL_MEMBER_RECORD_SIZE] = 1;
	reader = peal_reader_init(bytes, sizeof(bytes) - 8U);
	assert_false(peal_member_decode_tagged(&reader, &decoded, &decoded_tag));

	/* None: no digest follows. */
	member.metadata_size = 0;
	tag = peal_member_tag(&member);
	assert_int_equal(peal_member_tagged_size(&member, &tag), PEAL_MEMBER_RECORD_SIZE);
	writer = peal_writer_init(bytes, sizeof(bytes));
	peal_member_encode_tagged(&member, &tag, &writer);
	assert_int_equal(writer.offset, PEAL_MEMBER_RECORD_SIZE);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_member__has_the_layout_of_the_wire),
		cmocka_unit_test(test_member__refuses_each_wrong_field),
		cmocka_unit_test(test_member__may_have_an_ipv6_address),
		cmocka_unit_test(test_member__refuses_ipv6_addresses_that_no_node_has),
		cmocka_unit_test(test_member__refuses_every_other_size),
		cmocka_unit_test(test_member__does_not_encode_what_it_would_not_decode),
		cmocka_unit_test(test_member__hashes_everything_it_sends),
		cmocka_unit_test(test_member__brings_random_records_back),
		cmocka_unit_test(test_member__takes_the_longest_metadata_and_no_more),
		cmocka_unit_test(test_member__is_named_without_its_metadata),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
