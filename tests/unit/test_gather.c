/* SPDX-License-Identifier: BSD-3-Clause */
#include "membership/gather.h"
#include "tests/lib/teststore.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

static const struct peal_hash128 name = {.low = 4, .high = 5};
static uint8_t bytes[PEAL_BODY_BYTES_MAX];

static uint32_t
size_of(uint32_t size, uint32_t chunk)
{
	uint32_t offset = chunk * PEAL_CHUNK_SIZE_MAX;

	return size - offset < PEAL_CHUNK_SIZE_MAX ? size - offset : PEAL_CHUNK_SIZE_MAX;
}

static bool
add(struct peal_gather *gather, uint32_t chunk)
{
	return peal_gather_add(gather, chunk, bytes + (size_t)chunk * PEAL_CHUNK_SIZE_MAX,
		size_of(gather->size, chunk));
}

/* Every size around a chunk, and the largest; chunks in an order that is neither up nor down. */
static void
test_gather__any_order(void **state)
{
	static const uint32_t sizes[] = {1, PEAL_CHUNK_SIZE_MAX - 1, PEAL_CHUNK_SIZE_MAX,
		PEAL_CHUNK_SIZE_MAX + 1, 70 * PEAL_CHUNK_SIZE_MAX, PEAL_BODY_BYTES_MAX - 1,
		PEAL_BODY_BYTES_MAX};
	struct peal_teststore *store = peal_teststore_create(64);
	struct peal_gather gather = {0};

	(void)state;
	for (uint32_t i = 0; i < sizeof(bytes); i++) {
		bytes[i] = (uint8_t)(i * 31U + i / 257U);
	}
	for (uint32_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		uint32_t chunks_count = (sizes[i] + PEAL_CHUNK_SIZE_MAX - 1U) / PEAL_CHUNK_SIZE_MAX;

		assert_true(peal_gather_open(&gather, &store->bodies, name, sizes[i]));
		for (uint32_t chunk = 0; chunk < chunks_count; chunk++) {
			uint32_t at = (chunk * 7U + 3U) % chunks_count;

			assert_int_equal(gather.missing_count, chunks_count - chunk);
			assert_false(peal_gather_is_complete(&gather));
			while (!add(&gather, at)) {
				at = (at + 1U) % chunks_count;
			}
			assert_false(add(&gather, at));
		}
		assert_true(peal_gather_is_complete(&gather));
		assert_memory_equal(gather.bytes, bytes, sizes[i]);
	}
	peal_gather_close(&gather, &store->bodies);
	peal_gather_close(&gather, &store->bodies);
	assert_false(peal_gather_is_complete(&gather));
	peal_teststore_destroy(store);
}

static void
test_gather__what_does_not_fit_is_ignored(void **state)
{
	struct peal_teststore *store = peal_teststore_create(64);
	struct peal_gather gather = {0};

	(void)state;
	assert_false(peal_gather_add(&gather, 0, bytes, 1));
	assert_true(peal_gather_open(&gather, &store->bodies, name, 3000));
	assert_false(peal_gather_add(&gather, 3, bytes, PEAL_CHUNK_SIZE_MAX));
	assert_false(peal_gather_add(&gather, 0, bytes, PEAL_CHUNK_SIZE_MAX - 1U));
	assert_false(peal_gather_add(&gather, 2, bytes, PEAL_CHUNK_SIZE_MAX));
	assert_int_equal(gather.missing_count, 3);
	assert_true(add(&gather, 2));
	peal_gather_close(&gather, &store->bodies);
	peal_teststore_destroy(store);
}

static void
test_gather__names_what_is_missing(void **state)
{
	struct peal_teststore *store = peal_teststore_create(64);
	struct peal_gather gather = {0};
	uint64_t missing[2];
	uint16_t first = 9;

	(void)state;
	assert_true(peal_gather_open(&gather, &store->bodies, name, 200 * PEAL_CHUNK_SIZE_MAX));
	for (uint32_t chunk = 0; chunk < 200; chunk++) {
		if (chunk != 100 && chunk != 101 && chunk != 170 && chunk != 199) {
			assert_true(add(&gather, chunk));
		}
	}
	peal_gather_missing(&gather, &first, missing, 2);
	assert_int_equal(first, 100);
	assert_true(missing[0] == 3);
	assert_true(missing[1] == (UINT64_C(1) << 6 | UINT64_C(1) << 35));
	assert_true(add(&gather, 100));
	assert_true(add(&gather, 101));
	assert_true(add(&gather, 170));
	assert_true(add(&gather, 199));
	peal_gather_missing(&gather, &first, missing, 2);
	assert_int_equal(first, 0);
	assert_true((missing[0] | missing[1]) == 0);
	peal_gather_close(&gather, &store->bodies);
	peal_teststore_destroy(store);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_gather__any_order),
		cmocka_unit_test(test_gather__what_does_not_fit_is_ignored),
		cmocka_unit_test(test_gather__names_what_is_missing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
