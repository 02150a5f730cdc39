/* SPDX-License-Identifier: BSD-3-Clause */
#include "tests/lib/cmocka_all.h"
#include "tests/lib/orderscene.h"

#define MICROSECOND_NS UINT64_C(1000)

static void
prepare(uint64_t ballot)
{
	struct peal_order_msg message = peal_orderscene_make(PEAL_ORDER_VIEW_PREPARE, 1);

	message.view.ballot = ballot;
	(void)peal_orderscene_hear(&message);
}

/* All ranks stay; lane 1 ends with frame `last`, the others empty. */
static struct peal_order_msg
make_value(enum peal_order_kind kind, uint64_t last)
{
	struct peal_order_msg message = peal_orderscene_make(kind, 1);

	message.head.rows_count = 3;
	message.view.has_value = true;
	message.view.active = 7;
	message.view.counted = 7;
	for (uint32_t i = 0; i < 3U; i++) {
		message.view.cuts[i].member = PEAL_ORDERSCENE_MEMBER + (uint64_t)i;
	}
	message.view.cuts[1].last = last;
	return message;
}

static void
test_abcast_on_view__who_promised_stands_still(void **state)
{
	const struct peal_order_msg *sent;

	(void)state;
	assert_true(peal_orderscene_data(1, 1, 5000));
	prepare(0x101);
	assert_int_equal(scene.abcast.state, PEAL_ABCAST_WEDGED);
	sent = peal_orderscene_last(PEAL_ORDER_VIEW_STATE);
	assert_non_null(sent);
	assert_true(sent->view.reports[1].have == 1U);
	assert_false(peal_orderscene_data(1, 2, 6000));
	peal_orderscene_tick(2, 1, 1, 7000, 0);
	assert_int_equal(peal_orderscene_send(), PEAL_ABCAST_OK);
	peal_orderscene_forget();
	peal_orderscene_run(100);
	assert_int_equal(scene.delivered_count, 0);
	assert_int_equal(peal_orderscene_count(PEAL_ORDER_DATA), 0);
	assert_int_equal(peal_orderscene_count(PEAL_ORDER_TICK), 0);
}

static void
test_abcast_on_view__accepts_with_the_frames_of_the_cut(void **state)
{
	struct peal_order_msg message;

	(void)state;
	prepare(0x101);
	message = make_value(PEAL_ORDER_VIEW_ACCEPT, 1);
	message.view.ballot = 0x101;
	(void)peal_orderscene_hear(&message);
	assert_null(peal_orderscene_last(PEAL_ORDER_VIEW_ACCEPTED));
	assert_non_null(peal_orderscene_last(PEAL_ORDER_PULL));
	message = peal_orderscene_make(PEAL_ORDER_DATA, 2);
	message.data = (struct peal_order_data){.seq = 1,
		.stamp = 5000,
		.lane = 1,
		.flags = PEAL_ORDER_FLAG_AGAIN | PEAL_ORDER_FLAG_FETCHED};
	assert_true(peal_orderscene_hear(&message));
	assert_true(scene.abcast.lanes[1].have == 0);
	message = make_value(PEAL_ORDER_VIEW_ACCEPT, 1);
	message.view.ballot = 0x101;
	(void)peal_orderscene_hear(&message);
	assert_non_null(peal_orderscene_last(PEAL_ORDER_VIEW_ACCEPTED));
	/* A higher ballot is told of it. */
	prepare(0x201);
	assert_true(peal_orderscene_last(PEAL_ORDER_VIEW_STATE)->view.accepted == 0x101U);
}

static void
test_abcast_on_view__a_view_begins_behind_its_cut(void **state)
{
	struct peal_order_msg message = make_value(PEAL_ORDER_VIEW_INSTALL, 2);
	struct peal_abcast_digest digest;

	(void)state;
	for (uint64_t i = 1; i <= 3U; i++) {
		assert_true(peal_orderscene_data(1, i, 5000U * i));
	}
	peal_abcast_digest_begin(&digest, 0, 0);
	for (uint64_t i = 1; i <= 2U; i++) {
		struct peal_abcast_digest_entry entry = {.stamp = 5000U * i,
			.seq = i,
			.view = 1,
			.rank = 1,
			.size = PEAL_ORDERSCENE_SIZE,
			.bytes = (const uint8_t *)"message"};

		assert_true(peal_abcast_digest_add(&digest, &entry));
	}
	assert_int_equal(peal_orderscene_send(), PEAL_ABCAST_OK);
	peal_orderscene_run(0);
	message.head.view = 2;
	message.view.position = 2;
	message.view.digest = digest.value;
	(void)peal_orderscene_hear(&message);
	assert_int_equal(scene.fault, PEAL_ABCAST_FAULT_NONE);
	assert_int_equal(scene.delivered_count, 2);
	assert_int_equal(scene.news.view, 2);
	assert_true(scene.news.position == 2U);
	/* Its own frame was cut away, and is the first of the new view. */
	peal_orderscene_forget();
	peal_orderscene_run(0);
	assert_int_equal(peal_orderscene_count(PEAL_ORDER_DATA), 2);
	assert_true(peal_orderscene_last(PEAL_ORDER_DATA)->data.seq == 1U);
	assert_int_equal(peal_orderscene_last(PEAL_ORDER_DATA)->head.view, 2);
}

static void
test_abcast_on_view__stops_at_another_history(void **state)
{
	struct peal_order_msg message = make_value(PEAL_ORDER_VIEW_INSTALL, 1);

	(void)state;
	assert_true(peal_orderscene_data(1, 1, 5000));
	message.head.view = 2;
	message.view.position = 1;
	message.view.digest = 4711;
	(void)peal_orderscene_hear(&message);
	assert_int_equal(scene.fault, PEAL_ABCAST_FAULT_DIGEST);
}

static void
test_abcast_on_view__stops_when_a_cut_takes_back_what_was_delivered(void **state)
{
	struct peal_order_msg message;

	(void)state;
	assert_true(peal_orderscene_data(1, 1, 5000));
	peal_orderscene_tick(2, 1, 1, 6000, 0);
	peal_orderscene_run(0);
	assert_int_equal(scene.delivered_count, 1);
	message = make_value(PEAL_ORDER_VIEW_INSTALL, 0);
	message.head.view = 2;
	(void)peal_orderscene_hear(&message);
	assert_int_equal(scene.fault, PEAL_ABCAST_FAULT_CUT);
}

static void
test_abcast_on_view__leads_a_change_to_its_end(void **state)
{
	struct peal_order_msg message;

	(void)state;
	peal_abcast_suspect(&scene.abcast, 2, true);
	peal_orderscene_run(10);
	assert_non_null(peal_orderscene_last(PEAL_ORDER_VIEW_PREPARE));
	message = peal_orderscene_make(PEAL_ORDER_VIEW_STATE, 1);
	message.head.rows_count = 3;
	message.view.ballot = 0x100;
	(void)peal_orderscene_hear(&message);
	assert_non_null(peal_orderscene_last(PEAL_ORDER_VIEW_ACCEPT));
	message = peal_orderscene_make(PEAL_ORDER_VIEW_ACCEPTED, 1);
	message.view.ballot = 0x100;
	(void)peal_orderscene_hear(&message);
	assert_int_equal(scene.abcast.view, 2);
	assert_int_equal(scene.news.active, 3);
	peal_orderscene_run(10);
	assert_non_null(peal_orderscene_last(PEAL_ORDER_VIEW_INSTALL));
}

/* Frames that only a rank had which promised and crashed then come from nobody: a later proposal
 * is without them. */
static void
test_abcast_on_view__a_cut_that_nobody_can_fill_is_given_up(void **state)
{
	const struct peal_order_msg *sent;
	struct peal_order_msg message;

	(void)state;
	peal_abcast_suspect(&scene.abcast, 2, true);
	peal_orderscene_run(10);
	message = peal_orderscene_make(PEAL_ORDER_VIEW_STATE, 1);
	message.head.rows_count = 3;
	message.view.ballot = 0x100;
	message.view.reports[1].have = 5;
	(void)peal_orderscene_hear(&message);
	assert_true(peal_orderscene_last(PEAL_ORDER_VIEW_ACCEPT)->view.cuts[1].last == 5U);
	for (uint32_t i = 0; i < 100U; i++) {
		peal_orderscene_forget();
		peal_orderscene_run(100U * MICROSECOND_NS);
	}
	peal_orderscene_run(100U * MICROSECOND_NS);
	sent = peal_orderscene_last(PEAL_ORDER_VIEW_PREPARE);
	assert_non_null(sent);
	assert_true(sent->view.ballot >= 0x200U);
	message.view.ballot = sent->view.ballot;
	message.view.reports[1].have = 0;
	(void)peal_orderscene_hear(&message);
	sent = peal_orderscene_last(PEAL_ORDER_VIEW_ACCEPT);
	assert_non_null(sent);
	assert_true(sent->view.cuts[1].last == 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_abcast_on_view__who_promised_stands_still,
			peal_orderscene_set_up, peal_orderscene_tear_down),
		cmocka_unit_test_setup_teardown(
			test_abcast_on_view__accepts_with_the_frames_of_the_cut,
			peal_orderscene_set_up, peal_orderscene_tear_down),
		cmocka_unit_test_setup_teardown(test_abcast_on_view__a_view_begins_behind_its_cut,
			peal_orderscene_set_up, peal_orderscene_tear_down),
		cmocka_unit_test_setup_teardown(test_abcast_on_view__stops_at_another_history,
			peal_orderscene_set_up, peal_orderscene_tear_down),
		cmocka_unit_test_setup_teardown(
			test_abcast_on_view__stops_when_a_cut_takes_back_what_was_delivered,
			peal_orderscene_set_up, peal_orderscene_tear_down),
		cmocka_unit_test_setup_teardown(test_abcast_on_view__leads_a_change_to_its_end,
			peal_orderscene_set_up, peal_orderscene_tear_down),
		cmocka_unit_test_setup_teardown(
			test_abcast_on_view__a_cut_that_nobody_can_fill_is_given_up,
			peal_orderscene_set_up, peal_orderscene_tear_down),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
