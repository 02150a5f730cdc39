/* SPDX-License-Identifier: BSD-3-Clause */
#include "abcast/abcast.h"
#include "tests/lib/cmocka_all.h"
#include "tests/lib/orderscene.h"

/* Longer than others are awaited. */
#define WAIT_NS UINT64_C(500000)

/* Rank `rank` promises what is proposed, with nothing in any lane. */
static void
promise(uint8_t rank)
{
	struct peal_order_msg message = peal_orderscene_make(PEAL_ORDER_VIEW_STATE, rank);

	message.head.rows_count = scene.abcast.ranks_count;
	message.view.ballot = peal_orderscene_last(PEAL_ORDER_VIEW_PREPARE)->view.ballot;
	(void)peal_orderscene_hear(&message);
}

static const struct peal_order_msg *
propose(uint8_t rank)
{
	peal_orderscene_run(0);
	promise(rank);
	peal_orderscene_run(WAIT_NS);
	return peal_orderscene_last(PEAL_ORDER_VIEW_ACCEPT);
}

static void
accept(uint8_t rank)
{
	struct peal_order_msg message = peal_orderscene_make(PEAL_ORDER_VIEW_ACCEPTED, rank);

	message.view.ballot = scene.abcast.change.ballot;
	(void)peal_orderscene_hear(&message);
}

static void
test_abcast_next__a_rank_that_is_opened_does_not_count_before_it_answers(void **state)
{
	uint64_t holder = peal_order_holder(1, 110);
	const struct peal_order_msg *proposed;

	(void)state;
	peal_abcast_assign(&scene.abcast, 3, holder);
	proposed = propose(1);
	assert_non_null(proposed);
	assert_int_equal(proposed->head.rows_count, 4);
	assert_true(proposed->view.cuts[3].member == holder);
	assert_int_equal(proposed->view.active, 3);
	assert_int_equal(proposed->view.counted, 7);
	accept(1);
	assert_int_equal(scene.abcast.view, 2);
	assert_int_equal(scene.abcast.ranks_count, 4);
	assert_int_equal(scene.news.counted, 7);
	/* It promises, so it is there. */
	peal_orderscene_forget();
	peal_abcast_suspect(&scene.abcast, 2, true);
	scene.abcast.active = 7;
	peal_orderscene_run(WAIT_NS);
	promise(3);
	peal_orderscene_run(WAIT_NS);
	assert_null(peal_orderscene_last(PEAL_ORDER_VIEW_ACCEPT));
	promise(1);
	peal_orderscene_run(WAIT_NS);
	proposed = peal_orderscene_last(PEAL_ORDER_VIEW_ACCEPT);
	assert_non_null(proposed);
	assert_int_equal(proposed->view.active, 0xB);
	assert_int_equal(proposed->view.counted, 0xF);
	/* Two are enough of three, and not of four. */
	accept(1);
	assert_int_equal(scene.abcast.view, 2);
	accept(3);
	assert_int_equal(scene.abcast.view, 3);
}

static void
test_abcast_next__an_emptied_rank_counts_until_the_others_are_enough(void **state)
{
	const struct peal_order_msg *proposed;

	(void)state;
	peal_abcast_assign(&scene.abcast, 2, peal_order_holder(1, 0));
	/* Only who is to go answers: the view goes on with it. */
	proposed = propose(2);
	assert_non_null(proposed);
	assert_true(proposed->view.cuts[2].member == PEAL_ORDERSCENE_MEMBER + UINT64_C(2));
	assert_int_equal(proposed->view.active, 5);
	assert_int_equal(proposed->view.counted, 7);
	accept(2);
	assert_int_equal(scene.abcast.view, 2);
	assert_true(peal_abcast_is_given(&scene.abcast, 2));
	peal_orderscene_forget();
	proposed = propose(1);
	assert_non_null(proposed);
	assert_true(proposed->view.cuts[2].member == peal_order_holder(1, 0));
	assert_int_equal(proposed->view.active, 3);
	assert_int_equal(proposed->view.counted, 3);
	accept(1);
	assert_int_equal(scene.abcast.view, 3);
	assert_int_equal(scene.abcast.counted, 3);
	assert_int_equal(scene.abcast.ranks_count, 3);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(
			test_abcast_next__a_rank_that_is_opened_does_not_count_before_it_answers,
			peal_orderscene_set_up, peal_orderscene_tear_down),
		cmocka_unit_test_setup_teardown(
			test_abcast_next__an_emptied_rank_counts_until_the_others_are_enough,
			peal_orderscene_set_up, peal_orderscene_tear_down),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
