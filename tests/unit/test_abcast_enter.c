/* SPDX-License-Identifier: BSD-3-Clause */
#include "tests/lib/cmocka_all.h"
#include "tests/lib/orderscene.h"

#define MICROSECOND_NS UINT64_C(1000)

static struct peal_order_msg
make_place(enum peal_order_kind kind)
{
	struct peal_order_msg message = peal_orderscene_make(kind, 1);

	message.head.rows_count = 3;
	message.view.has_value = true;
	message.view.active = 7;
	message.view.counted = 7;
	message.view.position = 500;
	message.view.digest = 99;
	for (uint32_t i = 0; i < 3U; i++) {
		message.view.cuts[i].member = PEAL_ORDERSCENE_MEMBER + (uint64_t)i;
	}
	return message;
}

static void
test_abcast_enter__goes_on_where_another_is_when_nobody_keeps_the_rest(void **state)
{
	struct peal_order_msg message = make_place(PEAL_ORDER_VIEW_PLACE);

	(void)state;
	assert_true(peal_orderscene_data(1, 1, 5000));
	message.view.cuts[1].last = 300;
	message.view.cuts[2].last = 200;
	message.view.cuts[2].stable = 200;
	message.view.cuts[2].generation = 2;
	(void)peal_orderscene_hear(&message);
	/* Nothing is missing yet, as far as it knows. */
	assert_true(peal_abcast_position(&scene.abcast) == 0);
	scene.abcast.is_behind = true;
	(void)peal_orderscene_hear(&message);
	assert_true(scene.skipped_from == 1U && scene.skipped_to == 500U);
	assert_true(peal_abcast_position(&scene.abcast) == 500U);
	assert_true(scene.abcast.lanes[1].delivered == 300U && scene.abcast.lanes[1].have == 300U);
	assert_int_equal(scene.abcast.lanes[2].generation, 2);
	assert_false(scene.abcast.is_behind);
	assert_true(peal_orderscene_data(1, 301, 6000));
	assert_true(scene.abcast.lanes[1].have == 301U);
}

static void
test_abcast_enter__two_views_ahead_begins_there(void **state)
{
	struct peal_order_msg message = make_place(PEAL_ORDER_VIEW_INSTALL);

	(void)state;
	assert_int_equal(peal_orderscene_send(), PEAL_ABCAST_OK);
	peal_orderscene_run(0);
	assert_int_equal(scene.kept_count, 1);
	message.head.view = 3;
	(void)peal_orderscene_hear(&message);
	assert_int_equal(scene.abcast.view, 3);
	assert_true(scene.skipped_from == 1U && scene.skipped_to == 500U);
	assert_true(scene.news.doubtful_count == 1U && scene.news.position == 500U);
	assert_int_equal(scene.kept_count, 0);
}

static void
test_abcast_enter__a_view_of_others_is_not_entered(void **state)
{
	struct peal_order_msg message = make_place(PEAL_ORDER_VIEW_INSTALL);

	(void)state;
	message.head.view = 3;
	message.view.cuts[0].member = 90;
	(void)peal_orderscene_hear(&message);
	assert_int_equal(scene.abcast.view, 1);
	message.view.cuts[0].member = 900;
	(void)peal_orderscene_hear(&message);
	assert_int_equal(scene.fault, PEAL_ABCAST_FAULT_REPLACED);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(
			test_abcast_enter__goes_on_where_another_is_when_nobody_keeps_the_rest,
			peal_orderscene_set_up, peal_orderscene_tear_down),
		cmocka_unit_test_setup_teardown(test_abcast_enter__two_views_ahead_begins_there,
			peal_orderscene_set_up, peal_orderscene_tear_down),
		cmocka_unit_test_setup_teardown(test_abcast_enter__a_view_of_others_is_not_entered,
			peal_orderscene_set_up, peal_orderscene_tear_down),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
