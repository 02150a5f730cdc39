/* SPDX-License-Identifier: BSD-3-Clause */
#include "wire/frame.h"

#include "base/counters.h"
#include "tests/lib/cmocka_all.h"
#include "tests/lib/gen.h"

#include <stdio.h>
#include <stdlib.h>

/* A probe in hexadecimal order of docs/WIRE.md. */
static const uint8_t probe_bytes[64] = {0x50, 0x4C, 1, 0x10, 1, 0x02, 16, 0, 0x04, 0x03, 0x02, 0x01,
	0x08, 0x07, 0x06, 0x05, 0x0C, 0x0B, 0x0A, 0x09, 0x10, 0x0F, 0x0E, 0x0D, 0x18, 0x17, 0x16,
	0x15, 0x14, 0x13, 0x12, 0x11};

static const struct peal_header probe_header = {.kind = 0x10,
	.key_id = 1,
	.flags = PEAL_FRAME_FLAG_RETX,
	.body_size = 16,
	.cluster = 0x01020304,
	.src = 0x05060708,
	.dst = 0x090A0B0C,
	.epoch = 0x0D0E0F10,
	.counter = 0x1112131415161718};

static enum peal_refusal
decode_changed(uint32_t offset, uint8_t value)
{
	uint8_t bytes[sizeof(probe_bytes)];
	struct peal_header header;

	memcpy(bytes, probe_bytes, sizeof(bytes));
	bytes[offset] = value;
	return peal_frame_decode(bytes, sizeof(bytes), &header);
}

static void
test_frame__has_the_layout_of_the_wire(void **state)
{
	uint8_t bytes[PEAL_HEADER_SIZE];
	struct peal_header header;

	(void)state;
	memset(&header, 0xFF, sizeof(header));
	peal_frame_encode(&probe_header, bytes);
	assert_memory_equal(bytes, probe_bytes, sizeof(bytes));
	assert_int_equal(peal_frame_decode(probe_bytes, sizeof(probe_bytes), &header), 0);
	assert_int_equal(header.kind, probe_header.kind);
	assert_int_equal(header.key_id, probe_header.key_id);
	assert_int_equal(header.flags, probe_header.flags);
	assert_int_equal(header.body_size, probe_header.body_size);
	assert_int_equal(header.cluster, probe_header.cluster);
	assert_int_equal(header.src, probe_header.src);
	assert_int_equal(header.dst, probe_header.dst);
	assert_int_equal(header.epoch, probe_header.epoch);
	assert_int_equal(header.counter, probe_header.counter);
	assert_memory_equal(header.random, probe_header.random, sizeof(header.random));
}

static void
test_frame__puts_random_bytes_in_place_of_numbers_in_family_0(void **state)
{
	struct peal_header header = probe_header;
	struct peal_header decoded;
	uint8_t bytes[sizeof(probe_bytes)] = {0};
	uint8_t nonce[PEAL_AEAD_NONCE_SIZE];

	(void)state;
	header.kind = 0x01;
	memcpy(header.random, "twelve bytes", sizeof(header.random));
	peal_frame_encode(&header, bytes);
	assert_memory_equal(bytes + 12, "twelve bytes", 12);
	assert_int_equal(peal_frame_decode(bytes, sizeof(bytes), &decoded), 0);
	assert_memory_equal(decoded.random, "twelve bytes", 12);
	assert_int_equal(decoded.src | decoded.dst | decoded.epoch, 0);
	assert_int_equal(decoded.counter, header.counter);
	peal_frame_nonce(bytes, nonce);
	assert_memory_equal(nonce, "twelve bytes", sizeof(nonce));
}

static void
test_frame__takes_the_nonce_from_receiver_and_counter(void **state)
{
	const uint8_t expected[PEAL_AEAD_NONCE_SIZE] = {
		0x0C, 0x0B, 0x0A, 0x09, 0x18, 0x17, 0x16, 0x15, 0x14, 0x13, 0x12, 0x11};
	uint8_t nonce[PEAL_AEAD_NONCE_SIZE];

	(void)state;
	peal_frame_nonce(probe_bytes, nonce);
	assert_memory_equal(nonce, expected, sizeof(nonce));
}

static void
test_frame__refuses_each_wrong_field_by_name(void **state)
{
	(void)state;
	assert_int_equal(decode_changed(0, 0x51), PEAL_REFUSAL_MAGIC);
	assert_int_equal(decode_changed(1, 0x4D), PEAL_REFUSAL_MAGIC);
	assert_int_equal(decode_changed(2, 0), PEAL_REFUSAL_VERSION);
	assert_int_equal(decode_changed(2, 2), PEAL_REFUSAL_VERSION);
	assert_int_equal(decode_changed(6, 15), PEAL_REFUSAL_SIZE);
	assert_int_equal(decode_changed(6, 17), PEAL_REFUSAL_SIZE);
	assert_int_equal(decode_changed(7, 1), PEAL_REFUSAL_SIZE);
	for (uint32_t kind = 0; kind <= UINT8_MAX; kind++) {
		assert_int_equal(decode_changed(3, (uint8_t)kind),
			peal_message_is_known((uint8_t)kind) ? PEAL_REFUSAL_NONE
							     : PEAL_REFUSAL_KIND);
	}
	for (uint32_t flags = 0; flags <= UINT8_MAX; flags++) {
		assert_int_equal(decode_changed(5, (uint8_t)flags),
			flags <= PEAL_FRAME_FLAGS_ALL ? PEAL_REFUSAL_NONE : PEAL_REFUSAL_FLAGS);
	}
}

static void
test_frame__names_the_first_of_several_faults(void **state)
{
	uint8_t bytes[sizeof(probe_bytes)];
	struct peal_header header;

	(void)state;
	memset(bytes, 0xFF, sizeof(bytes));
	assert_int_equal(peal_frame_decode(bytes, sizeof(bytes), &header), PEAL_REFUSAL_SIZE);
	bytes[6] = 16;
	bytes[7] = 0;
	assert_int_equal(peal_frame_decode(bytes, sizeof(bytes), &header), PEAL_REFUSAL_MAGIC);
	memcpy(bytes, probe_bytes, 2);
	assert_int_equal(peal_frame_decode(bytes, sizeof(bytes), &header), PEAL_REFUSAL_VERSION);
	bytes[2] = PEAL_FRAME_VERSION;
	assert_int_equal(peal_frame_decode(bytes, sizeof(bytes), &header), PEAL_REFUSAL_KIND);
	bytes[3] = 0x10;
	assert_int_equal(peal_frame_decode(bytes, sizeof(bytes), &header), PEAL_REFUSAL_FLAGS);
	bytes[5] = 0;
	assert_int_equal(peal_frame_decode(bytes, sizeof(bytes), &header), PEAL_REFUSAL_NONE);
}

static void
test_frame__refuses_every_other_size(void **state)
{
	struct peal_header header;

	(void)state;
	for (size_t size = 0; size < 2000; size++) {
		/* Exactly so many bytes, so that a read behind them shows. */
		uint8_t *bytes = calloc(1, size == 0 ? 1 : size);

		assert_non_null(bytes);
		memcpy(bytes, probe_bytes, size < sizeof(probe_bytes) ? size : sizeof(probe_bytes));
		assert_int_equal(peal_frame_decode(bytes, size, &header),
			size == sizeof(probe_bytes) ? PEAL_REFUSAL_NONE : PEAL_REFUSAL_SIZE);
		free(bytes);
	}
}

static void
test_frame__allows_bodies_from_nothing_to_the_limit(void **state)
{
	static uint8_t bytes[PEAL_PAYLOAD_SIZE_MAX + 1U];
	struct peal_header header = probe_header;

	(void)state;
	for (uint32_t size = 0; size <= PEAL_BODY_SIZE_MAX + 1U; size++) {
		struct peal_header decoded;
		const uint16_t body_size = (uint16_t)size;

		peal_frame_encode(&header, bytes);
		memcpy(bytes + 6, &body_size, sizeof(body_size));
		assert_int_equal(peal_frame_decode(bytes, 48U + size, &decoded),
			size <= PEAL_BODY_SIZE_MAX ? PEAL_REFUSAL_NONE : PEAL_REFUSAL_SIZE);
	}
}

static void
test_frame__allows_large_bodies_to_channels_and_data_in_order_only(void **state)
{
	static uint8_t bytes[PEAL_LARGE_PAYLOAD_SIZE_MAX + 1U];

	(void)state;
	for (uint32_t kind = 0; kind <= UINT8_MAX; kind++) {
		const uint16_t sizes[] = {PEAL_BODY_SIZE_MAX + 1U, PEAL_LARGE_BODY_SIZE_MAX,
			PEAL_LARGE_BODY_SIZE_MAX + 1U};

		if (!peal_message_is_known((uint8_t)kind)) {
			continue;
		}
		for (uint32_t i = 0; i < 3; i++) {
			struct peal_header header = probe_header;
			struct peal_header decoded;
			bool is_allowed = i < 2 && (peal_message_family((uint8_t)kind) ==
								   PEAL_FAMILY_CHANNEL ||
							   kind == PEAL_MESSAGE_ORDER_DATA);

			header.kind = (uint8_t)kind;
			header.body_size = 0;
			peal_frame_encode(&header, bytes);
			memcpy(bytes + 6, &sizes[i], sizeof(sizes[i]));
			assert_int_equal(peal_frame_decode(bytes, 48U + sizes[i], &decoded),
				is_allowed ? PEAL_REFUSAL_NONE : PEAL_REFUSAL_SIZE);
		}
	}
}

static void
test_frame__names_refusals_as_their_counters(void **state)
{
	(void)state;
	assert_string_equal(peal_refusal_name(PEAL_REFUSAL_NONE), "none");
	for (uint32_t i = PEAL_REFUSAL_SIZE; i < PEAL_REFUSALS_COUNT; i++) {
		char name[PEAL_COUNTER_NAME_SIZE_MAX + 1U];
		enum peal_counter id =
			(enum peal_counter)(PEAL_COUNTER_REFUSED_SIZE + i - PEAL_REFUSAL_SIZE);

		(void)snprintf(
			name, sizeof(name), "refused_%s", peal_refusal_name((enum peal_refusal)i));
		assert_string_equal(peal_counter_name(id), name);
	}
}

static void
test_frame__folds_ids_and_names(void **state)
{
	struct peal_uuid uuid = {.low = 0x0000000100000002, .high = 0x0000000400000008};

	(void)state;
	assert_int_equal(peal_frame_fold_cluster(uuid), 15);
	assert_int_equal(peal_frame_fold_name("a"), peal_frame_fold_name("a"));
	assert_int_not_equal(peal_frame_fold_name("a"), peal_frame_fold_name("b"));
	assert_int_not_equal(peal_frame_fold_name(""), peal_frame_fold_name("a"));
}

static void
test_frame__brings_random_headers_back(void **state)
{
	static uint8_t bytes[PEAL_PAYLOAD_SIZE_MAX];
	struct peal_prng prng;

	(void)state;
	peal_prng_init(&prng, 1);
	for (uint32_t round = 0; round < 5000; round++) {
		struct peal_header header;
		struct peal_header decoded;

		memset(&decoded, 0, sizeof(decoded));
		peal_gen_header(&prng, &header);
		peal_frame_encode(&header, bytes);
		assert_int_equal(peal_frame_decode(bytes, 48U + header.body_size, &decoded), 0);
		assert_memory_equal(&decoded, &header, sizeof(header));
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_frame__has_the_layout_of_the_wire),
		cmocka_unit_test(test_frame__puts_random_bytes_in_place_of_numbers_in_family_0),
		cmocka_unit_test(test_frame__takes_the_nonce_from_receiver_and_counter),
		cmocka_unit_test(test_frame__refuses_each_wrong_field_by_name),
		cmocka_unit_test(test_frame__names_the_first_of_several_faults),
		cmocka_unit_test(test_frame__refuses_every_other_size),
		cmocka_unit_test(test_frame__allows_bodies_from_nothing_to_the_limit),
		cmocka_unit_test(
			test_frame__allows_large_bodies_to_channels_and_data_in_order_only),
		cmocka_unit_test(test_frame__names_refusals_as_their_counters),
		cmocka_unit_test(test_frame__folds_ids_and_names),
		cmocka_unit_test(test_frame__brings_random_headers_back),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
