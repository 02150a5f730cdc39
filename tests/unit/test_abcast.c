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

/* Where the time of a message stands that says one, and is otherwise empty. */
static uint64_t *
find_time(struct peal_order_msg *message)
{
	if (message->kind == PEAL_ORDER_DATA) {
		return &message->data.stamp;
	}
	if (message->kind == PEAL_ORDER_TICK) {
		message->tick.has_promise = true;
		return &message->tick.promise;
	}
	if (message->kind == PEAL_ORDER_ASK) {
		return &message->asked_stamp;
	}
	if (message->kind == PEAL_ORDER_VIEW_PLACE) {
		message->head.rows_count = 3;
		message->view.has_value = true;
		message->view.active = 7;
		message->view.counted = 7;
		for (uint32_t i = 0; i < 3U; i++) {
			message->view.cuts[i].member = PEAL_ORDERSCENE_MEMBER + (uint64_t)i;
		}
		return &message->view.cuts[2].until;
	}
	message->seal.ballot = message->kind == PEAL_ORDER_SEAL_DECIDED ? 0 : 0x101;
	message->seal.accepted = message->kind == PEAL_ORDER_SEAL_PROMISE ? 0x101 : 0;
	return &message->seal.until;
}

static void
test_abcast__refuses_times_that_no_clock_shows(void **state)
{
	static const enum peal_order_kind kinds[] = {PEAL_ORDER_DATA, PEAL_ORDER_TICK,
		PEAL_ORDER_ASK, PEAL_ORDER_SEAL_PROMISE, PEAL_ORDER_SEAL_ACCEPT,
		PEAL_ORDER_SEAL_DECIDED, PEAL_ORDER_VIEW_PLACE};
	const uint64_t last = scene.now_ns + PEAL_ORDER_AHEAD_NS_MAX;

	(void)state;
	for (uint32_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
		struct peal_order_msg message = peal_orderscene_make(kinds[i], 1);
		uint64_t *time = find_time(&message);

		message.data.seq += kinds[i] == PEAL_ORDER_DATA ? 1U : 0U;
		message.data.lane = kinds[i] == PEAL_ORDER_DATA ? 1U : message.data.lane;
		*time = last + 1U;
		expect_refused(&message, 102, PEAL_COUNTER_ORDER_REFUSED_FUTURE);
		*time = PEAL_ORDER_STAMP_MAX - 1U;
		expect_refused(&message, 102, PEAL_COUNTER_ORDER_REFUSED_FUTURE);
		/* When it was sent, whatever else it says. */
		*time = 0;
		message.head.sent_at_ns = last + 1U;
		expect_refused(&message, 102, PEAL_COUNTER_ORDER_REFUSED_FUTURE);
		message.head.sent_at_ns = last;
		*time = last;
		(void)peal_orderscene_hear(&message);
		assert_int_equal(peal_orderscene_counter(PEAL_COUNTER_ORDER_REFUSED_FUTURE), 3);
		peal_orderscene_end();
		peal_orderscene_begin(3, 0);
	}
}

static void
test_abcast__refuses_a_body_whose_last_frame_no_clock_shows(void **state)
{
	struct peal_order_msg message = peal_orderscene_make(PEAL_ORDER_DATA, 1);
	uint8_t rows[PEAL_ORDER_ROW_SIZE];

	(void)state;
	message.data = (struct peal_order_data){
		.seq = 1, .stamp = 5000, .lane = 1, .more = 1, .rows = rows};
	peal_order_row_write(rows, scene.now_ns + PEAL_ORDER_AHEAD_NS_MAX + 1U, 2);
	expect_refused(&message, 102, PEAL_COUNTER_ORDER_REFUSED_FUTURE);
	assert_int_equal(scene.kept_count, 0);
	peal_order_row_write(rows, scene.now_ns + PEAL_ORDER_AHEAD_NS_MAX, 2);
	assert_true(peal_orderscene_hear(&message));
	assert_true(scene.abcast.lanes[1].have == 2U);
}

static void
test_abcast__stamps_stay_in_range_whatever_is_said(void **state)
{
	struct peal_order_msg message = peal_orderscene_make(PEAL_ORDER_SEAL_DECIDED, 1);

	(void)state;
	/* The own clock shows the latest time there is, and a seal is as far ahead as it may be. */
	peal_abcast_set_offset(&scene.abcast, INT64_MAX);
	message.seal.until = PEAL_ORDER_STAMP_MAX / 4U * 3U + 1U;
	expect_refused(&message, 102, PEAL_COUNTER_ORDER_REFUSED_FUTURE);
	message.seal.until--;
	(void)peal_orderscene_hear(&message);
	assert_int_equal(scene.abcast.lanes[0].generation, 1);
	for (uint32_t i = 0; i < 10U; i++) {
		assert_int_equal(peal_orderscene_send(), PEAL_ABCAST_OK);
		peal_orderscene_run(1000U * MICROSECOND_NS);
	}
	assert_true(peal_orderscene_last(PEAL_ORDER_DATA)->data.stamp ==
		    PEAL_ORDER_STAMP_MAX / 4U * 3U + 10U);
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
		cmocka_unit_test_setup_teardown(test_abcast__refuses_times_that_no_clock_shows,
			peal_orderscene_set_up, peal_orderscene_tear_down),
		cmocka_unit_test_setup_teardown(
			test_abcast__refuses_a_body_whose_last_frame_no_clock_shows,
			peal_orderscene_set_up, peal_orderscene_tear_down),
		cmocka_unit_test_setup_teardown(test_abcast__stamps_stay_in_range_whatever_is_said,
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
