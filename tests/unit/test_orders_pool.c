/* SPDX-License-Identifier: BSD-3-Clause */
#include "dataplane/orders_pool.h"

#include "tests/lib/cmocka_all.h"
#include "tests/lib/dies.h"

#include <string.h>

static _Alignas(64) uint8_t bytes[3 * PEAL_ORDERS_FRAME_SIZE];

static void
test_orders_pool__a_place_that_came_back_is_taken_first(void **state)
{
	struct peal_orders_pool pool;

	(void)state;
	peal_orders_pool_init(&pool, bytes, 3);
	assert_int_equal(peal_orders_pool_take(&pool), 0);
	assert_int_equal(peal_orders_pool_take(&pool), 1);
	assert_ptr_equal(peal_orders_pool_bytes(&pool, 1), bytes + PEAL_ORDERS_FRAME_SIZE);
	memset(peal_orders_pool_bytes(&pool, 0), 0x5A, PEAL_ORDERS_FRAME_SIZE);
	peal_orders_pool_give(&pool, 0);
	peal_orders_pool_give(&pool, 1);
	assert_int_equal(pool.used_count, 0);
	assert_int_equal(peal_orders_pool_take(&pool), 1);
	assert_int_equal(peal_orders_pool_take(&pool), 0);
	assert_int_equal(peal_orders_pool_take(&pool), 2);
	assert_int_equal(pool.used_count, 3);
	assert_int_equal(peal_orders_pool_take(&pool), PEAL_ORDERS_POOL_NONE);
	assert_int_equal(pool.used_count, 3);
}

static struct peal_orders_pool broken;

static void
give_what_was_never_taken(void *argument)
{
	(void)argument;
	peal_orders_pool_init(&broken, bytes, 3);
	(void)peal_orders_pool_take(&broken);
	peal_orders_pool_give(&broken, 1);
}

static void
give_twice(void *argument)
{
	(void)argument;
	peal_orders_pool_init(&broken, bytes, 3);
	(void)peal_orders_pool_take(&broken);
	peal_orders_pool_give(&broken, 0);
	peal_orders_pool_give(&broken, 0);
}

static void
test_orders_pool__what_is_not_away_does_not_come_back(void **state)
{
	(void)state;
	assert_true(peal_test_dies(give_what_was_never_taken, NULL));
	assert_true(peal_test_dies(give_twice, NULL));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_orders_pool__a_place_that_came_back_is_taken_first),
		cmocka_unit_test(test_orders_pool__what_is_not_away_does_not_come_back),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
