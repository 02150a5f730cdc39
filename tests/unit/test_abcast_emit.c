/* SPDX-License-Identifier: BSD-3-Clause */
#include "tests/lib/cmocka_all.h"
#include "tests/lib/orderscene.h"

#define MICROSECOND_NS UINT64_C(1000)

static void
test_abcast_emit__data_goes_to_all_with_what_is_here(void **state)
{
	const struct peal_order_msg *sent;

	(void)state;
	assert_true(peal_orderscene_data(2, 1, scene.now_ns));
	assert_int_equal(peal_orderscene_send(), PEAL_ABCAST_OK);
	peal_orderscene_run(0);
	assert_int_equal(peal_orderscene_count(PEAL_ORDER_DATA), 2);
	sent = peal_orderscene_last(PEAL_ORDER_DATA);
	assert_true(sent->data.seq == 1U && sent->data.lane == 0 && sent->data.flags == 0);
	assert_true(sent->data.stamp > scene.now_ns);
	assert_int_equal(sent->data.size, PEAL_ORDERSCENE_SIZE);
	assert_int_equal(sent->head.rows_count, 3);
	assert_true(sent->acks[2].have == 1U && sent->acks[0].have == 1U);
	assert_int_equal(sent->acks[2].room, PEAL_ORDER_WINDOW - 1U);
}

static void
test_abcast_emit__a_tick_promises_unless_the_lane_is_wedged(void **state)
{
	struct peal_order_msg message = peal_orderscene_make(PEAL_ORDER_SEAL_PREPARE, 1);
	const struct peal_order_msg *sent;

	(void)state;
	peal_orderscene_run(1100U * MICROSECOND_NS);
	sent = peal_orderscene_last(PEAL_ORDER_TICK);
	assert_non_null(sent);
	assert_true(sent->tick.has_promise && sent->tick.promise >= scene.now_ns);
	message.seal.ballot = 0x101;
	(void)peal_orderscene_hear(&message);
	peal_orderscene_forget();
	peal_orderscene_run(1100U * MICROSECOND_NS);
	sent = peal_orderscene_last(PEAL_ORDER_TICK);
	assert_non_null(sent);
	assert_false(sent->tick.has_promise);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(
			test_abcast_emit__data_goes_to_all_with_what_is_here,
			peal_orderscene_set_up, peal_orderscene_tear_down),
		cmocka_unit_test_setup_teardown(
			test_abcast_emit__a_tick_promises_unless_the_lane_is_wedged,
			peal_orderscene_set_up, peal_orderscene_tear_down),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
