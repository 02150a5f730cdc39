/* SPDX-License-Identifier: BSD-3-Clause */
#include "tests/lib/cmocka_all.h"
#include "tests/lib/orderscene.h"

#define MICROSECOND_NS UINT64_C(1000)

static struct peal_order_msg
make_tick(void)
{
	return peal_orderscene_make(PEAL_ORDER_TICK, 1);
}

/* The counter moves by one, and nothing is kept. */
static void
expect_refused(const struct peal_order_msg *message, uint64_t member, enum peal_counter id)
{
	uint64_t before = peal_orderscene_counter(id);

	assert_false(peal_orderscene_hear_from(message, member));
	assert_true(peal_orderscene_counter(id) == before + 1U);
	assert_int_equal(scene.abcast.state, PEAL_ABCAST_RUNNING);
}

static void
test_abcast__refuses_other_groups_and_ranks_by_name(void **state)
{
	struct peal_order_msg message = make_tick();

	(void)state;
	message.head.group++;
	expect_refused(&message, 102, PEAL_COUNTER_ORDER_REFUSED_GROUP);
	message = make_tick();
	message.head.configuration++;
	expect_refused(&message, 102, PEAL_COUNTER_ORDER_REFUSED_CONFIGURATION);
	message = make_tick();
	expect_refused(&message, 103, PEAL_COUNTER_ORDER_REFUSED_RANK);
	message.head.rank = 0;
	expect_refused(&message, 101, PEAL_COUNTER_ORDER_REFUSED_RANK);
	message.head.rank = 3;
	expect_refused(&message, 102, PEAL_COUNTER_ORDER_REFUSED_RANK);
	message = make_tick();
	message.acks[0].have = 1;
	expect_refused(&message, 102, PEAL_COUNTER_ORDER_REFUSED_ACK);
	/* Nor in a generation that this rank does not know yet. */
	message.acks[0].generation = 1;
	expect_refused(&message, 102, PEAL_COUNTER_ORDER_REFUSED_ACK);
	message = make_tick();
	message.head.rows_count = 5;
	expect_refused(&message, 102, PEAL_COUNTER_ORDER_REFUSED_ACK);
}

static void
test_abcast__a_rank_that_restarted_says_nothing_but_join(void **state)
{
	struct peal_order_msg message = make_tick();

	(void)state;
	peal_abcast_learn(&scene.abcast, 1, 200);
	expect_refused(&message, 200, PEAL_COUNTER_ORDER_REFUSED_LIFE);
	message = peal_orderscene_make(PEAL_ORDER_JOIN, 1);
	message.head.view = 0;
	assert_false(peal_orderscene_hear_from(&message, 200));
	assert_true(scene.abcast.wishes[1].member == 200U);
}

static void
test_abcast__refuses_lanes_and_seals_of_others(void **state)
{
	struct peal_order_msg message = peal_orderscene_make(PEAL_ORDER_DATA, 1);

	(void)state;
	message.data = (struct peal_order_data){.seq = 1, .stamp = 5, .lane = 2};
	expect_refused(&message, 102, PEAL_COUNTER_ORDER_REFUSED_LANE);
	message.data.lane = 0;
	message.data.flags = PEAL_ORDER_FLAG_AGAIN;
	expect_refused(&message, 102, PEAL_COUNTER_ORDER_REFUSED_LANE);
	message = peal_orderscene_make(PEAL_ORDER_SEAL_PREPARE, 1);
	message.seal.ballot = 0x102;
	expect_refused(&message, 102, PEAL_COUNTER_ORDER_REFUSED_SEAL);
	message = peal_orderscene_make(PEAL_ORDER_VIEW_PREPARE, 1);
	message.view.ballot = 0x102;
	expect_refused(&message, 102, PEAL_COUNTER_ORDER_REFUSED_VIEW);
	assert_true(scene.abcast.change.promised == 0 && scene.abcast.seals[0].promised == 0);
}

static void
test_abcast__refuses_what_is_no_message(void **state)
{
	const uint8_t body[4] = {0};
	struct peal_abcast_frame frame = {
		.member = 102, .body = body, .body_size = sizeof(body), .kind = PEAL_ORDER_TICK};

	(void)state;
	assert_false(peal_abcast_on_frame(&scene.abcast, &frame, scene.now_ns));
	assert_true(peal_orderscene_counter(PEAL_COUNTER_REFUSED_BODY) == 1U);
}

static void
test_abcast__accepts_so_much_and_no_more(void **state)
{
	static const uint8_t bytes[PEAL_BODY_SIZE_MAX];

	(void)state;
	assert_int_equal(peal_abcast_send(&scene.abcast, 9, bytes, 0), PEAL_ABCAST_TOO_BIG);
	assert_int_equal(
		peal_abcast_send(&scene.abcast, 9, bytes, sizeof(bytes)), PEAL_ABCAST_TOO_BIG);
	for (uint32_t i = 0; i < PEAL_ORDER_QUEUE_MAX; i++) {
		assert_int_equal(peal_orderscene_send(), PEAL_ABCAST_OK);
	}
	assert_int_equal(peal_orderscene_send(), PEAL_ABCAST_FULL);
	assert_true(peal_abcast_deadline_at_ns(&scene.abcast) == 0);
}

static void
test_abcast__stops_when_its_rank_is_given_away(void **state)
{
	(void)state;
	peal_abcast_learn(&scene.abcast, 0, 300);
	assert_int_equal(scene.fault, PEAL_ABCAST_FAULT_REPLACED);
	assert_int_equal(peal_orderscene_send(), PEAL_ABCAST_ENDED);
	assert_true(peal_abcast_deadline_at_ns(&scene.abcast) == UINT64_MAX);
	peal_orderscene_forget();
	assert_false(peal_orderscene_data(1, 1, 5));
	peal_orderscene_run(50000U * MICROSECOND_NS);
	assert_int_equal(scene.sent_count, 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_abcast__refuses_other_groups_and_ranks_by_name,
			peal_orderscene_set_up, peal_orderscene_tear_down),
		cmocka_unit_test_setup_teardown(
			test_abcast__a_rank_that_restarted_says_nothing_but_join,
			peal_orderscene_set_up, peal_orderscene_tear_down),
		cmocka_unit_test_setup_teardown(test_abcast__refuses_lanes_and_seals_of_others,
			peal_orderscene_set_up, peal_orderscene_tear_down),
		cmocka_unit_test_setup_teardown(test_abcast__refuses_what_is_no_message,
			peal_orderscene_set_up, peal_orderscene_tear_down),
		cmocka_unit_test_setup_teardown(test_abcast__accepts_so_much_and_no_more,
			peal_orderscene_set_up, peal_orderscene_tear_down),
		cmocka_unit_test_setup_teardown(test_abcast__stops_when_its_rank_is_given_away,
			peal_orderscene_set_up, peal_orderscene_tear_down),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
