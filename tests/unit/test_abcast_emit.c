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
send_some(uint32_t count)
{
	for (uint32_t i = 0; i < count; i++) {
		assert_int_equal(peal_orderscene_send(), PEAL_ABCAST_OK);
	}
	peal_orderscene_run(0);
}

static void
test_abcast_emit__frames_of_a_turn_share_bodies(void **state)
{
	const struct peal_order_msg *sent;

	(void)state;
	send_some(PEAL_ORDER_BATCH_MAX + 4U);
	/* Two bodies to each of two ranks. */
	assert_int_equal(peal_orderscene_count(PEAL_ORDER_DATA), 4);
	sent = &scene.sent[0].message;
	assert_true(sent->data.seq == 1U && sent->data.more == PEAL_ORDER_BATCH_MAX - 1U);
	/* Nobody is to miss what is behind it on the way. */
	assert_true(sent->acks[0].have == PEAL_ORDER_BATCH_MAX);
	sent = peal_orderscene_last(PEAL_ORDER_DATA);
	assert_true(sent->data.seq == PEAL_ORDER_BATCH_MAX + 1U && sent->data.more == 3U);
	assert_true(sent->acks[0].have == PEAL_ORDER_BATCH_MAX + 4U);
	assert_int_equal(sent->data.size, PEAL_ORDERSCENE_SIZE);
	assert_true(peal_orderscene_counter(PEAL_COUNTER_ORDER_SENT) == PEAL_ORDER_BATCH_MAX + 4U);
}

static void
test_abcast_emit__each_rank_is_sent_what_its_path_carries(void **state)
{
	const uint32_t form_size =
		PEAL_ORDER_HEAD_SIZE + PEAL_ORDER_DATA_FORM_SIZE + 3U * PEAL_ORDER_ACK_SIZE;
	uint32_t bodies_count[3] = {0};

	(void)state;
	/* Room for two frames, and for all. */
	scene.abcast.rooms[1] =
		(uint16_t)(form_size + 2U * PEAL_ORDERSCENE_SIZE + PEAL_ORDER_ROW_SIZE);
	send_some(6);
	for (uint32_t i = 0; i < scene.sent_count; i++) {
		bodies_count[scene.sent[i].rank]++;
	}
	assert_int_equal(bodies_count[1], 3);
	assert_int_equal(bodies_count[2], 1);
	/* A path for which nothing is large enough is sent one by one. */
	peal_orderscene_forget();
	scene.abcast.rooms[1] = 1;
	send_some(2);
	assert_int_equal(peal_orderscene_count(PEAL_ORDER_DATA), 3);
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

/* View 2 begins behind frame 1 of lane 1, which rank 2 lacks. */
static void
begin_second_view(void)
{
	struct peal_order_msg message = peal_orderscene_make(PEAL_ORDER_VIEW_INSTALL, 1);

	assert_true(peal_orderscene_data(1, 1, 5000));
	peal_orderscene_tick(2, 1, 0, 6000, 0);
	peal_orderscene_run(0);
	assert_int_equal(scene.delivered_count, 1);
	message.head.view = 2;
	message.head.rows_count = 3;
	message.view.has_value = true;
	message.view.active = 7;
	message.view.counted = 7;
	message.view.position = 1;
	message.view.digest = scene.abcast.digest.value;
	for (uint32_t i = 0; i < 3U; i++) {
		message.view.cuts[i].member = PEAL_ORDERSCENE_MEMBER + (uint64_t)i;
	}
	message.view.cuts[1].last = 1;
	message.view.cuts[1].stable = 0;
	(void)peal_orderscene_hear(&message);
	assert_int_equal(scene.abcast.view, 2);
}

static void
test_abcast_emit__an_answer_acknowledges_what_is_here_of_its_own_view(void **state)
{
	struct peal_order_msg pull = peal_orderscene_make(PEAL_ORDER_PULL, 2);
	const struct peal_order_msg *sent;

	(void)state;
	begin_second_view();
	for (uint64_t seq = 1; seq <= 3U; seq++) {
		assert_true(peal_orderscene_data(1, seq, 7000U + seq));
		assert_true(peal_orderscene_data(2, seq, 7000U + seq));
	}
	peal_orderscene_forget();
	pull.head.view = 1;
	pull.pull = (struct peal_order_pull){.from = 1, .to = 1, .lane = 1};
	(void)peal_orderscene_hear(&pull);
	sent = peal_orderscene_last(PEAL_ORDER_DATA);
	assert_non_null(sent);
	/* Rank 2 must not believe that frames of view 1 are stored which never were. */
	assert_int_equal(sent->head.view, 1);
	assert_true(sent->acks[1].have == 1U && sent->acks[2].have == 0);
	pull.head.view = 2;
	(void)peal_orderscene_hear(&pull);
	sent = peal_orderscene_last(PEAL_ORDER_DATA);
	assert_int_equal(sent->head.view, 2);
	assert_true(sent->acks[1].have == 3U && sent->acks[2].have == 3U);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(
			test_abcast_emit__data_goes_to_all_with_what_is_here,
			peal_orderscene_set_up, peal_orderscene_tear_down),
		cmocka_unit_test_setup_teardown(test_abcast_emit__frames_of_a_turn_share_bodies,
			peal_orderscene_set_up, peal_orderscene_tear_down),
		cmocka_unit_test_setup_teardown(
			test_abcast_emit__each_rank_is_sent_what_its_path_carries,
			peal_orderscene_set_up, peal_orderscene_tear_down),
		cmocka_unit_test_setup_teardown(
			test_abcast_emit__a_tick_promises_unless_the_lane_is_wedged,
			peal_orderscene_set_up, peal_orderscene_tear_down),
		cmocka_unit_test_setup_teardown(
			test_abcast_emit__an_answer_acknowledges_what_is_here_of_its_own_view,
			peal_orderscene_set_up, peal_orderscene_tear_down),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
