/* SPDX-License-Identifier: BSD-3-Clause */
#include "tests/lib/cmocka_all.h"
#include "tests/lib/orderscene.h"

#define MICROSECOND_NS UINT64_C(1000)
#define GATHER_NS      (UINT64_C(60) * MICROSECOND_NS)
#define SUSPECT_NS     (UINT64_C(20000) * MICROSECOND_NS)
/* Frames that a rank may lack before all others slow down for it. */
#define FREE_COUNT (PEAL_ORDER_WINDOW / 4U * 3U)

static void
send_some(uint32_t count)
{
	for (uint32_t i = 0; i < count; i++) {
		assert_int_equal(peal_orderscene_send(), PEAL_ABCAST_OK);
	}
}

/* Own frames that left in all. */
static uint64_t
have(void)
{
	return scene.abcast.lanes[0].have;
}

/* Rank 1 has all that was sent, rank 2 up to `behind`. */
static void
bring_back(uint64_t behind)
{
	uint64_t promise = scene.now_ns + 5000U * MICROSECOND_NS;

	peal_orderscene_forget();
	scene.delivered_count = 0;
	peal_orderscene_tick(1, 0, have(), promise, 0);
	peal_orderscene_tick(2, 0, behind, promise, 0);
}

/* Own frames take `round_ns` until they are back, for long enough to be known. */
static void
make_rounds(uint64_t round_ns)
{
	for (uint32_t i = 0; i < 100U; i++) {
		send_some(1);
		peal_orderscene_run(0);
		scene.now_ns += round_ns;
		bring_back(have());
		peal_orderscene_run(0);
	}
	assert_true(scene.abcast.lanes[0].delivered == have());
}

static void
test_abcast_send__gathers_while_own_frames_are_under_way(void **state)
{
	uint64_t before;

	(void)state;
	make_rounds(2U * GATHER_NS);
	before = have();
	send_some(1);
	peal_orderscene_run(0);
	assert_true(have() == before + 1U);
	send_some(1);
	peal_orderscene_run(GATHER_NS / 2U);
	send_some(1);
	peal_orderscene_run(GATHER_NS / 4U);
	assert_true(have() == before + 1U);
	assert_true(peal_abcast_gather_until_ns(&scene.abcast) <= scene.now_ns + GATHER_NS / 4U);
	assert_true(peal_abcast_deadline_at_ns(&scene.abcast) <= scene.now_ns + GATHER_NS / 4U);
	peal_orderscene_forget();
	peal_orderscene_run(GATHER_NS / 4U);
	assert_int_equal(peal_orderscene_last(PEAL_ORDER_DATA)->data.more, 1);
	assert_int_equal(peal_orderscene_count(PEAL_ORDER_DATA), 2);
}

static void
test_abcast_send__does_not_gather_when_all_is_back(void **state)
{
	uint64_t before;

	(void)state;
	make_rounds(2U * GATHER_NS);
	before = have();
	send_some(1);
	peal_orderscene_run(0);
	send_some(1);
	peal_orderscene_run(MICROSECOND_NS);
	assert_true(have() == before + 1U);
	bring_back(have());
	peal_orderscene_run(MICROSECOND_NS);
	assert_true(have() == before + 2U && scene.delivered_count == 1U);
}

static void
test_abcast_send__gathers_half_a_round_and_no_longer_than_it_may(void **state)
{
	(void)state;
	make_rounds(20U * MICROSECOND_NS);
	send_some(1);
	peal_orderscene_run(0);
	assert_true(
		peal_abcast_gather_until_ns(&scene.abcast) <= scene.now_ns + 10U * MICROSECOND_NS);
	assert_true(
		peal_abcast_gather_until_ns(&scene.abcast) > scene.now_ns + 9U * MICROSECOND_NS);
	bring_back(have());
	make_rounds(1000U * MICROSECOND_NS);
	send_some(1);
	peal_orderscene_run(0);
	assert_true(peal_abcast_gather_until_ns(&scene.abcast) ==
		    scene.now_ns + scene.abcast.timing.gather_ns);
}

static void
test_abcast_send__what_fills_a_body_leaves_at_once(void **state)
{
	uint64_t before;

	(void)state;
	make_rounds(2U * GATHER_NS);
	before = have();
	send_some(1);
	peal_orderscene_run(0);
	send_some(PEAL_ORDER_BATCH_MAX - 1U);
	peal_orderscene_run(MICROSECOND_NS);
	assert_true(have() == before + 1U);
	send_some(2);
	peal_orderscene_run(MICROSECOND_NS);
	assert_true(have() == before + 1U + PEAL_ORDER_BATCH_MAX);
	assert_int_equal(
		peal_orderscene_last(PEAL_ORDER_DATA)->data.more, (int)PEAL_ORDER_BATCH_MAX - 1);
}

static void
test_abcast_send__tells_with_the_next_body_what_is_here_while_it_speaks(void **state)
{
	(void)state;
	for (uint32_t i = 0; i < 64U; i++) {
		send_some(1);
		peal_orderscene_run(10U * MICROSECOND_NS);
		bring_back(have());
	}
	peal_orderscene_run(0);
	scene.abcast.round_ns = 2U * GATHER_NS;
	assert_true(peal_orderscene_data(1, 1, scene.now_ns + 6000U * MICROSECOND_NS));
	peal_orderscene_run(5U * MICROSECOND_NS);
	assert_int_equal(peal_orderscene_count(PEAL_ORDER_TICK), 0);
	/* Who stops is heard all the same. */
	peal_orderscene_run(GATHER_NS);
	assert_int_equal(peal_orderscene_count(PEAL_ORDER_TICK), 2);
}

/* Sends as much as may leave at once while rank 2 has nothing. */
static void
leave_behind(void)
{
	while (have() < FREE_COUNT) {
		send_some(1);
		peal_orderscene_run(MICROSECOND_NS);
		bring_back(0);
	}
	peal_orderscene_run(0);
	assert_true(have() == FREE_COUNT);
}

static void
test_abcast_send__who_falls_behind_slows_the_others_down(void **state)
{
	const uint64_t pause_ns = SUSPECT_NS / (PEAL_ORDER_WINDOW - FREE_COUNT);

	(void)state;
	leave_behind();
	send_some(8);
	for (uint32_t i = 0; i < 4U; i++) {
		peal_orderscene_run(pause_ns / 2U);
		bring_back(0);
	}
	peal_orderscene_run(0);
	assert_true(have() >= FREE_COUNT + 1U && have() <= FREE_COUNT + 3U);
	assert_true(peal_orderscene_counter(PEAL_COUNTER_ORDER_BRAKED) == 1U);
	/* When it comes forward they are free again. */
	bring_back(100);
	peal_orderscene_run(0);
	assert_true(have() == FREE_COUNT + 8U);
}

static void
test_abcast_send__who_never_comes_forward_is_not_waited_for(void **state)
{
	(void)state;
	leave_behind();
	for (uint64_t passed_ns = 0; passed_ns < SUSPECT_NS; passed_ns += 50U * MICROSECOND_NS) {
		if (scene.abcast.queue.count == 0) {
			send_some(1);
		}
		peal_orderscene_run(50U * MICROSECOND_NS);
		bring_back(0);
	}
	/* Nothing was lost to it until then. */
	assert_true(have() <= PEAL_ORDER_WINDOW);
	for (uint32_t i = 0; i < PEAL_ORDER_WINDOW; i++) {
		send_some(1);
		peal_orderscene_run(MICROSECOND_NS);
		bring_back(0);
	}
	assert_true(have() >= FREE_COUNT + PEAL_ORDER_WINDOW);
}

#define TEST(name)                                                                                 \
	cmocka_unit_test_setup_teardown(                                                           \
		test_abcast_send__##name, peal_orderscene_set_up, peal_orderscene_tear_down)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(gathers_while_own_frames_are_under_way),
		TEST(does_not_gather_when_all_is_back),
		TEST(gathers_half_a_round_and_no_longer_than_it_may),
		TEST(what_fills_a_body_leaves_at_once),
		TEST(tells_with_the_next_body_what_is_here_while_it_speaks),
		TEST(who_falls_behind_slows_the_others_down),
		TEST(who_never_comes_forward_is_not_waited_for),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
