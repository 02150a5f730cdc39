/* SPDX-License-Identifier: BSD-3-Clause */
#include "dataplane/framepool.h"

#include "tests/lib/cmocka_all.h"

#include <stdbool.h>

#define SIZE 3U

static void
test_framepool__hands_out_each_buffer_once(void **state)
{
	static uint8_t bytes[PEAL_FRAMEPOOL_MAX * SIZE];
	static struct peal_framepool pool;
	static bool is_taken[PEAL_FRAMEPOOL_MAX];

	(void)state;
	peal_framepool_init(&pool, bytes, SIZE, PEAL_FRAMEPOOL_MAX);
	for (uint32_t i = 0; i < PEAL_FRAMEPOOL_MAX; i++) {
		uint16_t buffer = peal_framepool_take(&pool);

		assert_true(buffer < PEAL_FRAMEPOOL_MAX);
		assert_false(is_taken[buffer]);
		is_taken[buffer] = true;
		assert_ptr_equal(
			peal_framepool_bytes(&pool, buffer), bytes + (size_t)buffer * SIZE);
	}
	assert_int_equal(peal_framepool_take(&pool), PEAL_FRAMEPOOL_NONE);
	assert_int_equal(peal_framepool_take(&pool), PEAL_FRAMEPOOL_NONE);

	/* What was given back last, in whatever order, is all that there is. */
	peal_framepool_give(&pool, 900);
	peal_framepool_give(&pool, 0);
	uint16_t first = peal_framepool_take(&pool);
	uint16_t second = peal_framepool_take(&pool);

	assert_true((first == 0 && second == 900) || (first == 900 && second == 0));
	assert_int_equal(peal_framepool_take(&pool), PEAL_FRAMEPOOL_NONE);
}

static void
test_framepool__may_be_empty(void **state)
{
	static struct peal_framepool pool;

	(void)state;
	peal_framepool_init(&pool, NULL, SIZE, 0);
	assert_int_equal(peal_framepool_take(&pool), PEAL_FRAMEPOOL_NONE);
}

static void
test_framepool__keeps_some_for_whom_others_wait(void **state)
{
	static uint8_t bytes[4U * SIZE];
	static struct peal_framepool pool;

	(void)state;
	peal_framepool_init(&pool, bytes, SIZE, 4);
	pool.reserved_count = 2;
	assert_int_not_equal(peal_framepool_take(&pool), PEAL_FRAMEPOOL_NONE);
	assert_int_not_equal(peal_framepool_take(&pool), PEAL_FRAMEPOOL_NONE);
	assert_int_equal(peal_framepool_take(&pool), PEAL_FRAMEPOOL_NONE);
	pool.is_closed = true;
	assert_int_not_equal(peal_framepool_take_reserved(&pool), PEAL_FRAMEPOOL_NONE);
	assert_int_not_equal(peal_framepool_take_reserved(&pool), PEAL_FRAMEPOOL_NONE);
	assert_int_equal(peal_framepool_take_reserved(&pool), PEAL_FRAMEPOOL_NONE);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_framepool__hands_out_each_buffer_once),
		cmocka_unit_test(test_framepool__may_be_empty),
		cmocka_unit_test(test_framepool__keeps_some_for_whom_others_wait),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
