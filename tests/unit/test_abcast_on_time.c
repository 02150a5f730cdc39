/* SPDX-License-Identifier: BSD-3-Clause */
#include "tests/lib/cmocka_all.h"
#include "tests/lib/orderscene.h"

#define MICROSECOND_NS UINT64_C(1000)
#define HOUR_NS        (UINT64_C(3600) * 1000000000U)

static uint64_t
read_time(void)
{
	return peal_abcast_clock_time(&scene.abcast.clock, scene.now_ns);
}

/* Questions of what time it is that were sent, and when. */
static uint32_t
count_questions(uint64_t *asked_at_ns_out)
{
	uint32_t count = 0;

	for (uint32_t i = 0; i < scene.sent_count; i++) {
		const struct peal_order_msg *message = &scene.sent[i].message;

		if (peal_order_is_time(message) && message->time.answered_at_ns == 0) {
			*asked_at_ns_out = message->time.asked_at_ns;
			count++;
		}
	}
	return count;
}

/* Until a round begins. Returns when by the own clock. */
static uint64_t
await_round(void)
{
	uint64_t asked_at_ns;

	peal_orderscene_forget();
	for (uint32_t i = 0; i < 1000U && count_questions(&asked_at_ns) == 0; i++) {
		peal_orderscene_forget();
		peal_orderscene_run(100U * MICROSECOND_NS);
	}
	assert_int_equal(count_questions(&asked_at_ns), 2);
	return asked_at_ns;
}

static struct peal_order_msg
make(uint8_t rank, uint64_t asked_at_ns, uint64_t answered_at_ns, uint64_t time_ns)
{
	struct peal_order_msg message = peal_orderscene_make(PEAL_ORDER_ASK, rank);

	message.head.flags = PEAL_ORDER_FLAG_TIME;
	message.head.sent_at_ns = time_ns;
	message.time = (struct peal_order_time){
		.asked_at_ns = asked_at_ns, .answered_at_ns = answered_at_ns};
	return message;
}

/* Both others answer in 20 us that they are ahead by so much, and shift their clocks by nothing. */
static void
play_round(uint64_t ahead_ns)
{
	uint64_t asked_at_ns = await_round();

	scene.now_ns += 10U * MICROSECOND_NS;
	for (uint8_t rank = 1; rank <= 2U; rank++) {
		uint64_t there_ns = scene.now_ns + ahead_ns;
		struct peal_order_msg message = make(rank, asked_at_ns, there_ns, there_ns);

		scene.now_ns += 10U * MICROSECOND_NS;
		(void)peal_orderscene_hear(&message);
		scene.now_ns -= 10U * MICROSECOND_NS;
	}
	scene.now_ns += 10U * MICROSECOND_NS;
}

static void
test_abcast_on_time__answers_with_its_own_clock_and_the_shared_time(void **state)
{
	struct peal_order_msg message = make(2, 77, 0, 99);
	const struct peal_order_msg *answer;

	(void)state;
	peal_abcast_set_offset(&scene.abcast, 1000);
	scene.abcast.clock.shift_ns = 500;
	(void)peal_orderscene_hear(&message);
	answer = peal_orderscene_last(PEAL_ORDER_ASK);
	assert_non_null(answer);
	assert_int_equal(scene.sent[0].rank, 2);
	assert_int_equal(peal_orderscene_count(PEAL_ORDER_ASK), 1);
	assert_true(peal_order_is_time(answer) && answer->time.asked_at_ns == 77U);
	assert_true(answer->time.answered_at_ns == scene.now_ns + 1000U);
	assert_true(answer->head.sent_at_ns == scene.now_ns + 1500U);
	/* It is no wish for a promise. */
	assert_false(scene.abcast.is_asked);
	assert_true(scene.abcast.sync.fellows[2].shift_ns == 22);
}

static void
test_abcast_on_time__goes_to_the_time_of_the_others(void **state)
{
	(void)state;
	play_round(HOUR_NS);
	assert_true(read_time() == scene.now_ns);
	assert_int_equal(peal_orderscene_counter(PEAL_COUNTER_ORDER_TIMES_HEARD), 2);
	play_round(HOUR_NS);
	assert_true(read_time() == scene.now_ns + HOUR_NS);
	assert_true(scene.abcast.sync.estimates[1].ahead_ns == (int64_t)HOUR_NS);
	/* What it says now is of that time. */
	assert_int_equal(peal_orderscene_send(), PEAL_ABCAST_OK);
	peal_orderscene_run(0);
	assert_true(peal_orderscene_last(PEAL_ORDER_DATA)->data.stamp >= scene.now_ns + HOUR_NS);
	assert_int_equal(peal_orderscene_counter(PEAL_COUNTER_ORDER_CLOCK_JUMPS), 0);
	/* Then their clocks jump. */
	play_round(2U * HOUR_NS);
	assert_int_equal(peal_orderscene_counter(PEAL_COUNTER_ORDER_CLOCK_JUMPS), 2);
	play_round(2U * HOUR_NS);
	assert_true(read_time() == scene.now_ns + 2U * HOUR_NS);
}

static void
test_abcast_on_time__time_goes_to_what_it_followed(void **state)
{
	uint64_t stamp = scene.now_ns + 37U * HOUR_NS;

	(void)state;
	assert_true(peal_orderscene_data(1, 1, stamp));
	for (uint32_t i = 0; i < 20U; i++) {
		peal_orderscene_run(50U * MICROSECOND_NS);
	}
	(void)await_round();
	assert_true(read_time() >= stamp && read_time() < stamp + HOUR_NS);
	assert_int_equal(peal_orderscene_counter(PEAL_COUNTER_ORDER_CLOCK_RAISED), 1);
	/* Although the others say that it is not so late. */
	play_round(0);
	(void)await_round();
	assert_true(read_time() >= stamp);
}

static void
test_abcast_on_time__steps_of_others_lead_no_further_than_one(void **state)
{
	struct peal_order_msg message;

	(void)state;
	scene.abcast.clock.shift_ns = (int64_t)PEAL_ORDER_AHEAD_NS_MAX;
	message = make(1, 5, 0, scene.now_ns + PEAL_ORDER_AHEAD_NS_MAX + 1U);
	(void)peal_orderscene_hear(&message);
	assert_int_equal(peal_orderscene_counter(PEAL_COUNTER_ORDER_REFUSED_FUTURE), 1);
	assert_null(peal_orderscene_last(PEAL_ORDER_ASK));
}

static void
test_abcast_on_time__what_cannot_be_is_refused_by_name(void **state)
{
	uint64_t asked_at_ns = await_round();
	struct peal_order_msg message =
		make(1, asked_at_ns, scene.now_ns + PEAL_ORDER_AHEAD_NS_MAX + 1000U, 1000);

	(void)state;
	/* A shift that is too large, a clock that is too far away. */
	(void)peal_orderscene_hear(&message);
	assert_int_equal(peal_orderscene_counter(PEAL_COUNTER_ORDER_REFUSED_TIME), 1);
	message.head.sent_at_ns = scene.now_ns + PEAL_ORDER_AHEAD_NS_MAX;
	(void)peal_orderscene_hear(&message);
	assert_int_equal(peal_orderscene_counter(PEAL_COUNTER_ORDER_REFUSED_TIME), 2);
	/* An answer to nothing, and one that is said again. */
	message = make(1, asked_at_ns, scene.now_ns, scene.now_ns);
	(void)peal_orderscene_hear(&message);
	message = make(2, asked_at_ns, scene.now_ns, scene.now_ns);
	(void)peal_orderscene_hear(&message);
	(void)peal_orderscene_hear(&message);
	assert_int_equal(peal_orderscene_counter(PEAL_COUNTER_ORDER_TIMES_LATE), 2);
	assert_int_equal(peal_orderscene_counter(PEAL_COUNTER_ORDER_TIMES_HEARD), 1);
	/* A member that is none of the view is not asked for the time. */
	(void)peal_orderscene_hear_from(&message, 999);
	assert_int_equal(peal_orderscene_counter(PEAL_COUNTER_ORDER_REFUSED_RANK), 1);
}

static void
test_abcast_on_time__a_view_begins_with_a_round(void **state)
{
	struct peal_order_msg message = peal_orderscene_make(PEAL_ORDER_VIEW_INSTALL, 1);
	uint64_t asked_at_ns;

	(void)state;
	play_round(HOUR_NS);
	for (uint32_t i = 0; i < 5U; i++) {
		(void)await_round();
	}
	message.head.view = 2;
	message.head.rows_count = 3;
	message.view.has_value = true;
	message.view.active = message.view.counted = 7;
	for (uint32_t i = 0; i < 3U; i++) {
		message.view.cuts[i].member = PEAL_ORDERSCENE_MEMBER + (uint64_t)i;
	}
	/* The holder of rank 2 is another process: of its clock nothing is known. */
	message.view.cuts[2].member = 500;
	peal_orderscene_forget();
	(void)peal_orderscene_hear(&message);
	peal_orderscene_run(0);
	assert_int_equal(scene.abcast.view, 2);
	assert_int_equal(count_questions(&asked_at_ns), 2);
	assert_int_equal(scene.abcast.sync.known, 2);
}

#define TEST(name)                                                                                 \
	cmocka_unit_test_setup_teardown(                                                           \
		test_abcast_on_time__##name, peal_orderscene_set_up, peal_orderscene_tear_down)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(answers_with_its_own_clock_and_the_shared_time),
		TEST(goes_to_the_time_of_the_others),
		TEST(time_goes_to_what_it_followed),
		TEST(steps_of_others_lead_no_further_than_one),
		TEST(what_cannot_be_is_refused_by_name),
		TEST(a_view_begins_with_a_round),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
