/* SPDX-License-Identifier: BSD-3-Clause */
#include "tests/lib/cmocka_all.h"
#include "tests/lib/orderscene.h"

#define MICROSECOND_NS UINT64_C(1000)

static void
test_abcast_final__waits_until_nothing_earlier_can_come(void **state)
{
	(void)state;
	assert_true(peal_orderscene_data(1, 1, scene.now_ns));
	peal_orderscene_run(0);
	/* Stored by its owner and here, a majority; rank 2 is silent. */
	assert_int_equal(scene.delivered_count, 0);
	peal_orderscene_tick(2, 1, 0, scene.now_ns - 1U, 0);
	peal_orderscene_run(0);
	assert_int_equal(scene.delivered_count, 0);
	peal_orderscene_tick(2, 1, 0, scene.now_ns, 0);
	peal_orderscene_run(0);
	assert_int_equal(scene.delivered_count, 1);
	assert_true(scene.delivered[0].position == 1U && scene.delivered[0].member == 102U);
	assert_true(peal_abcast_position(&scene.abcast) == 1U);
}

static void
test_abcast_final__waits_until_a_majority_stores_it(void **state)
{
	uint64_t stamp;

	(void)state;
	assert_int_equal(peal_orderscene_send(), PEAL_ABCAST_OK);
	peal_orderscene_run(0);
	stamp = peal_orderscene_last(PEAL_ORDER_DATA)->data.stamp;
	peal_orderscene_tick(1, 0, 0, stamp, 0);
	peal_orderscene_tick(2, 0, 0, stamp, 0);
	peal_orderscene_run(0);
	assert_int_equal(scene.delivered_count, 0);
	peal_orderscene_tick(2, 0, 1, stamp, 0);
	peal_orderscene_run(0);
	assert_int_equal(scene.delivered_count, 1);
	assert_true(scene.delivered[0].is_own);
}

static void
test_abcast_final__orders_by_stamp_then_rank(void **state)
{
	(void)state;
	assert_true(peal_orderscene_data(2, 1, 5000));
	assert_true(peal_orderscene_data(1, 1, 5000));
	assert_true(peal_orderscene_data(1, 2, 6000));
	assert_true(peal_orderscene_data(2, 2, 5500));
	peal_orderscene_tick(2, 1, 2, 7000, 2);
	peal_orderscene_run(0);
	assert_int_equal(scene.delivered_count, 4);
	assert_true(scene.delivered[0].rank == 1U && scene.delivered[1].rank == 2U);
	assert_true(scene.delivered[2].stamp == 5500U && scene.delivered[3].stamp == 6000U);
	/* And those who send after them know of them: the order is causal. */
	assert_int_equal(peal_orderscene_send(), PEAL_ABCAST_OK);
	peal_orderscene_run(0);
	assert_true(peal_orderscene_last(PEAL_ORDER_DATA)->data.stamp > 6000U);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(
			test_abcast_final__waits_until_nothing_earlier_can_come,
			peal_orderscene_set_up, peal_orderscene_tear_down),
		cmocka_unit_test_setup_teardown(test_abcast_final__waits_until_a_majority_stores_it,
			peal_orderscene_set_up, peal_orderscene_tear_down),
		cmocka_unit_test_setup_teardown(test_abcast_final__orders_by_stamp_then_rank,
			peal_orderscene_set_up, peal_orderscene_tear_down),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
