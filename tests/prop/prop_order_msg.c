/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Messages of family 6: random ones come back unchanged, one value has one encoding, every shorter
 * form is refused, every longer one too but for data, and what a flipped bit makes of one is
 * refused or is another value that comes back unchanged itself.
 *
 * With PEAL_CORPUS_DIR set it writes some of the encodings there, kind first, as a start for the
 * fuzz target. PEAL_SEED picks other values.
 */
#include "tests/lib/cmocka_all.h"
#include "tests/lib/ordergen.h"

#include <stdio.h>
#include <stdlib.h>

#define ROUNDS_COUNT 4000U
#define FLIPS_COUNT  40U
#define CORPUS_COUNT 48U

static struct peal_prng prng;
static struct peal_order_msg message;
static struct peal_order_msg decoded;
static uint8_t bytes[PEAL_BODY_SIZE_MAX];
static uint8_t again[PEAL_BODY_SIZE_MAX];

/* Bytes of the frames of a body but the first. */
static uint32_t
count_others(const struct peal_order_msg *which)
{
	struct peal_order_data data = which->data;
	uint32_t size = 0;

	data.bytes = bytes;
	while (which->kind == PEAL_ORDER_DATA && peal_order_data_step(&data)) {
		size += data.size;
	}
	return size;
}

/* Encodes and, for DATA, adds some bytes. */
static uint32_t
encode(uint8_t *out)
{
	uint32_t size = peal_order_msg_encode(&message, out);
	uint32_t data_size =
		message.kind == PEAL_ORDER_DATA ? 1U + (uint32_t)peal_prng_below(&prng, 64) : 0;

	data_size += count_others(&message);

	for (uint32_t i = 0; i < data_size; i++) {
		out[size++] = (uint8_t)peal_prng_next(&prng);
	}
	return size;
}

/* What was decoded is encoded to the same bytes. */
static void
expect_same(uint32_t size)
{
	uint32_t form_size = peal_order_msg_encode(&decoded, again);

	assert_true(form_size <= size);
	assert_memory_equal(again, bytes, form_size);
	if (decoded.kind == PEAL_ORDER_DATA) {
		assert_ptr_equal(decoded.data.bytes, bytes + form_size);
		assert_int_equal(decoded.data.size, size - form_size - count_others(&decoded));
	} else {
		assert_int_equal(form_size, size);
	}
}

static void
write_corpus(uint32_t number, uint32_t size)
{
	const char *folder = getenv("PEAL_CORPUS_DIR");
	char path[512];
	FILE *file;

	if (folder == NULL || number >= CORPUS_COUNT) {
		return;
	}
	(void)snprintf(path, sizeof(path), "%s/good-%02x-%u", folder, message.kind, number);
	file = fopen(path, "wb");
	assert_non_null(file);
	(void)fputc(message.kind, file);
	assert_true(fwrite(bytes, 1, size, file) == size);
	(void)fclose(file);
}

static void
test_order_msg__random_messages_come_back_unchanged(void **state)
{
	(void)state;
	for (uint32_t round = 0; round < ROUNDS_COUNT; round++) {
		uint32_t size;

		peal_ordergen_msg(&prng, &message);
		size = encode(bytes);
		assert_true(peal_order_msg_decode(message.kind, bytes, size, &decoded));
		assert_int_equal(decoded.kind, message.kind);
		assert_memory_equal(&decoded.head, &message.head, sizeof(message.head));
		expect_same(size);
		write_corpus(round, size);
	}
}

static void
test_order_msg__other_sizes_are_refused(void **state)
{
	(void)state;
	for (uint32_t round = 0; round < ROUNDS_COUNT / 10U; round++) {
		uint32_t size;
		uint32_t form_size;

		peal_ordergen_msg(&prng, &message);
		form_size = peal_order_msg_encode(&message, again);
		size = encode(bytes);
		for (uint32_t shorter = 0; shorter < form_size; shorter++) {
			assert_false(peal_order_msg_decode(message.kind, bytes, shorter, &decoded));
		}
		if (message.kind == PEAL_ORDER_DATA) {
			assert_false(
				peal_order_msg_decode(message.kind, bytes, form_size, &decoded));
		} else {
			assert_false(
				peal_order_msg_decode(message.kind, bytes, size + 1U, &decoded));
		}
	}
}

static void
test_order_msg__a_flipped_bit_is_refused_or_another_value(void **state)
{
	(void)state;
	for (uint32_t round = 0; round < ROUNDS_COUNT; round++) {
		uint32_t size;

		peal_ordergen_msg(&prng, &message);
		size = encode(bytes);
		for (uint32_t i = 0; i < FLIPS_COUNT; i++) {
			uint32_t bit = (uint32_t)peal_prng_below(&prng, size * UINT64_C(8));

			bytes[bit / 8U] ^= (uint8_t)(1U << bit % 8U);
			if (peal_order_msg_decode(message.kind, bytes, size, &decoded)) {
				expect_same(size);
			}
			bytes[bit / 8U] ^= (uint8_t)(1U << bit % 8U);
		}
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_order_msg__random_messages_come_back_unchanged),
		cmocka_unit_test(test_order_msg__other_sizes_are_refused),
		cmocka_unit_test(test_order_msg__a_flipped_bit_is_refused_or_another_value),
	};
	const char *seed = getenv("PEAL_SEED");

	peal_prng_init(&prng, seed != NULL ? strtoull(seed, NULL, 10) : 1);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
