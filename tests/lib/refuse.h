/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What the test of every decoder demands of a good message in `bytes`, which has room for one more.
 */
#ifndef PEAL_TESTS_LIB_REFUSE_H
#define PEAL_TESTS_LIB_REFUSE_H

#include "tests/lib/cmocka_all.h"

#include <stdbool.h>

/* Decodes the first `size` bytes of the test's memory. */
typedef bool (*peal_refuse_decode_fn)(size_t size);

/* No size but `size` is taken. */
static inline void
peal_refuse_other_sizes(uint8_t *bytes, peal_refuse_decode_fn decode, size_t size)
{
	assert_true(decode(size));
	for (size_t shorter = 0; shorter < size; shorter++) {
		assert_false(decode(shorter));
	}
	bytes[size] = 0;
	assert_false(decode(size + 1U));
}

/* Each of the bytes from `offset` on must be zero. */
static inline void
peal_refuse_padding(uint8_t *bytes, peal_refuse_decode_fn decode, size_t size, size_t offset,
	size_t padding_size)
{
	for (size_t i = 0; i < padding_size; i++) {
		assert_int_equal(bytes[offset + i], 0);
		bytes[offset + i] = 0x80;
		assert_false(decode(size));
		bytes[offset + i] = 0;
	}
	assert_true(decode(size));
}

#endif
