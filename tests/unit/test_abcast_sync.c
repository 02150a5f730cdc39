/* SPDX-License-Identifier: BSD-3-Clause */
#include "abcast/abcast_sync.h"

#include "tests/lib/cmocka_all.h"

#define MILLISECOND_NS UINT64_C(1000000)
#define HOURS_37_NS    (INT64_C(37) * 3600 * 1000000000)
#define WAY_NS         UINT64_C(10000)
#define RANKS_COUNT    5U

/* All ranks of a group, each with a clock of its own; questions take as long there as back. */
static struct peal_abcast_sync syncs[RANKS_COUNT];
static int64_t clocks_ns[RANKS_COUNT];
static int64_t shifts_ns[RANKS_COUNT];
static uint64_t now_ns;

static int
set_up(void **state)
{
	(void)state;
	for (uint32_t i = 0; i < RANKS_COUNT; i++) {
		peal_abcast_sync_init(&syncs[i]);
		clocks_ns[i] = 0;
		shifts_ns[i] = 0;
	}
	now_ns = UINT64_C(1000000000) * MILLISECOND_NS;
	return 0;
}

static uint64_t
own(uint32_t rank)
{
	return now_ns + (uint64_t)clocks_ns[rank];
}

static void
ask(uint8_t asker, uint8_t rank)
{
	uint64_t asked_at_ns = own(asker);

	peal_abcast_sync_ask(&syncs[asker], rank, asked_at_ns);
	now_ns += WAY_NS;
	assert_true(peal_abcast_sync_tell(
		&syncs[asker], rank, own(rank), own(rank) + (uint64_t)shifts_ns[rank]));
	assert_int_not_equal(peal_abcast_sync_answer(&syncs[asker], rank, asked_at_ns, own(rank),
				     asked_at_ns + 2U * WAY_NS),
		PEAL_ABCAST_TOO_FAR);
	now_ns += WAY_NS;
}

static void
turn(uint8_t rank, uint16_t active)
{
	const struct peal_abcast_round round = {.active = active,
		.rank = rank,
		.shift_ns = shifts_ns[rank],
		.own_ns = own(rank),
		.now_ns = now_ns};

	shifts_ns[rank] = peal_abcast_sync_round(&syncs[rank], &round);
}

/* Each of the ranks asks all others, and then all move. */
static void
play(uint16_t active)
{
	for (uint8_t i = 0; i < RANKS_COUNT; i++) {
		for (uint8_t k = 0; k < RANKS_COUNT; k++) {
			if (i != k && (active >> i & active >> k & 1U) != 0) {
				ask(i, k);
			}
		}
	}
	for (uint8_t i = 0; i < RANKS_COUNT; i++) {
		if ((active >> i & 1U) != 0) {
			turn(i, active);
		}
	}
}

static int64_t
read_shared(uint8_t rank)
{
	return clocks_ns[rank] + shifts_ns[rank];
}

static void
test_abcast_sync__all_go_to_the_one_in_the_middle(void **state)
{
	(void)state;
	clocks_ns[0] = HOURS_37_NS;
	clocks_ns[1] = -5000000;
	clocks_ns[2] = 7000;
	play(7);
	for (uint8_t i = 0; i < 3U; i++) {
		assert_true(read_shared(i) == 7000);
	}
	/* Nobody moves any more, and how far the clocks are apart is known. */
	play(7);
	assert_true(shifts_ns[2] == 0 && shifts_ns[0] == 7000 - HOURS_37_NS);
	assert_int_equal(syncs[1].known, 5);
	assert_true(syncs[1].estimates[0].ahead_ns == HOURS_37_NS + 5000000);
	assert_true(syncs[1].estimates[0].error_ns < WAY_NS + 100U);
}

static void
test_abcast_sync__who_comes_later_goes_to_the_others(void **state)
{
	(void)state;
	clocks_ns[0] = HOURS_37_NS;
	clocks_ns[1] = 1000000;
	clocks_ns[2] = -1000000;
	play(7);
	clocks_ns[2] = -HOURS_37_NS;
	shifts_ns[2] = 0;
	peal_abcast_sync_init(&syncs[2]);
	peal_abcast_sync_forget(&syncs[0], 2);
	peal_abcast_sync_forget(&syncs[1], 2);
	play(7);
	for (uint8_t i = 0; i < 3U; i++) {
		assert_true(read_shared(i) == 1000000);
	}
}

static void
test_abcast_sync__of_an_even_number_the_lower_rank_is_followed(void **state)
{
	(void)state;
	clocks_ns[1] = 3000;
	clocks_ns[2] = 1000;
	play(6);
	assert_true(read_shared(1) == 3000 && read_shared(2) == 3000);
	/* Of four: 1 000, 2 000, and two beside them. */
	(void)set_up(NULL);
	clocks_ns[0] = 9000;
	clocks_ns[1] = 2000;
	clocks_ns[3] = 1000;
	clocks_ns[4] = -9000;
	play(0x1B);
	for (uint8_t i = 0; i < RANKS_COUNT; i++) {
		assert_true(i == 2U || read_shared(i) == 2000);
	}
}

/* Who is asked wakes up first, so every answer says that the other is ahead by the same. */
static void
play_biased(uint64_t wake_ns)
{
	for (uint8_t i = 0; i < 3U; i++) {
		for (uint8_t k = 0; k < 3U; k++) {
			uint64_t asked_at_ns = own(i);

			if (i == k) {
				continue;
			}
			peal_abcast_sync_ask(&syncs[i], k, asked_at_ns);
			assert_true(peal_abcast_sync_tell(
				&syncs[i], k, own(k), own(k) + (uint64_t)shifts_ns[k]));
			(void)peal_abcast_sync_answer(
				&syncs[i], k, asked_at_ns, own(k) + wake_ns, own(i) + wake_ns);
		}
	}
	now_ns += PEAL_ABCAST_ROUND_NS_MAX;
	for (uint8_t i = 0; i < 3U; i++) {
		turn(i, 7);
	}
}

static void
test_abcast_sync__what_is_wrong_alike_each_time_does_not_add_up(void **state)
{
	(void)state;
	for (uint32_t i = 0; i < 1000U; i++) {
		play_biased(2U * WAY_NS);
		for (uint8_t k = 0; k < 3U; k++) {
			assert_in_range(shifts_ns[k], 0, WAY_NS);
		}
	}
}

static void
test_abcast_sync__time_that_was_led_away_leans_back_at_all_alike(void **state)
{
	const int64_t lean_ns =
		(int64_t)(PEAL_ABCAST_ROUND_NS_MAX / 1000000U * PEAL_ABCAST_LEAN_PPM);
	int64_t led_ns = (int64_t)(20U * MILLISECOND_NS);

	(void)state;
	play(7);
	for (uint8_t i = 0; i < 3U; i++) {
		shifts_ns[i] = led_ns;
	}
	for (uint32_t i = 0; i < 10U; i++) {
		now_ns += PEAL_ABCAST_ROUND_NS_MAX;
		play(7);
		led_ns -= lean_ns;
		for (uint8_t k = 0; k < 3U; k++) {
			assert_true(shifts_ns[k] == led_ns);
		}
	}
	for (uint32_t i = 0; i < 13000U; i++) {
		now_ns += PEAL_ABCAST_ROUND_NS_MAX;
		play(7);
	}
	/* To whole steps from where the own clocks are. */
	for (uint8_t k = 0; k < 3U; k++) {
		assert_true(shifts_ns[k] == (int64_t)PEAL_ABCAST_LED_NS);
	}
}

static void
test_abcast_sync__time_that_was_led_away_is_shared_as_well_as_before(void **state)
{
	(void)state;
	clocks_ns[0] = -9000;
	clocks_ns[2] = 9000;
	for (uint8_t i = 0; i < 3U; i++) {
		/* Each was led there at another moment, and what is left is no proof. */
		shifts_ns[i] = 1000 * (int64_t)PEAL_ABCAST_LED_NS - 4000 * (int64_t)i;
	}
	play(7);
	for (uint8_t i = 0; i < 3U; i++) {
		assert_true(read_shared(i) == 1000 * (int64_t)PEAL_ABCAST_LED_NS);
	}
}

static void
test_abcast_sync__a_minority_stays(void **state)
{
	(void)state;
	clocks_ns[1] = 3000;
	ask(0, 1);
	turn(0, 0x1F);
	assert_true(shifts_ns[0] == 0);
	ask(0, 2);
	turn(0, 0x1F);
	assert_true(shifts_ns[0] == 0 && syncs[0].known == 6U);
	clocks_ns[2] = 4000;
	peal_abcast_sync_forget(&syncs[0], 2);
	ask(0, 2);
	turn(0, 0x1F);
	assert_true(shifts_ns[0] == 3000);
	/* Of those who may not send nobody is asked for advice. */
	ask(0, 3);
	clocks_ns[4] = -8000;
	ask(0, 4);
	turn(0, 7);
	assert_true(shifts_ns[0] == 3000);
	/* Nor is one that may not send: it goes to the lower of the two. */
	(void)set_up(NULL);
	clocks_ns[1] = 3000;
	ask(0, 1);
	ask(0, 2);
	turn(0, 6);
	assert_true(shifts_ns[0] == 3000);
}

static void
test_abcast_sync__one_that_lies_moves_nobody_beyond_the_others(void **state)
{
	(void)state;
	clocks_ns[0] = 1000;
	clocks_ns[1] = 2000;
	for (int64_t lie_ns = -HOURS_37_NS; lie_ns <= HOURS_37_NS; lie_ns += HOURS_37_NS / 4) {
		clocks_ns[2] = lie_ns;
		ask(0, 2);
		clocks_ns[2] = -lie_ns;
		ask(1, 2);
		ask(0, 1);
		ask(1, 0);
		turn(0, 7);
		turn(1, 7);
		assert_in_range(read_shared(0), 1000, 2000);
		assert_in_range(read_shared(1), 1000, 2000);
	}
}

static void
test_abcast_sync__answers_nobody_waits_for_say_nothing(void **state)
{
	uint64_t asked_at_ns = own(0);

	(void)state;
	assert_int_equal(peal_abcast_sync_answer(&syncs[0], 1, asked_at_ns, now_ns, now_ns),
		PEAL_ABCAST_NO_LAP);
	peal_abcast_sync_ask(&syncs[0], 1, asked_at_ns);
	assert_int_equal(peal_abcast_sync_answer(&syncs[0], 2, asked_at_ns, now_ns, now_ns),
		PEAL_ABCAST_NO_LAP);
	assert_int_equal(peal_abcast_sync_answer(&syncs[0], 1, asked_at_ns + 1U, now_ns, now_ns),
		PEAL_ABCAST_NO_LAP);
	assert_int_equal(peal_abcast_sync_answer(&syncs[0], 1, asked_at_ns, now_ns, now_ns),
		PEAL_ABCAST_NOTED);
	/* Twice. */
	assert_int_equal(peal_abcast_sync_answer(&syncs[0], 1, asked_at_ns, now_ns, now_ns),
		PEAL_ABCAST_NO_LAP);
}

static void
test_abcast_sync__shifts_have_an_end(void **state)
{
	const uint64_t far_ns = PEAL_ORDER_AHEAD_NS_MAX;

	(void)state;
	assert_false(peal_abcast_sync_tell(&syncs[0], 1, 1, far_ns + 2U));
	assert_false(peal_abcast_sync_tell(&syncs[0], 1, far_ns + 2U, 1));
	assert_false(peal_abcast_sync_tell(&syncs[0], 1, 0, PEAL_ORDER_STAMP_MAX - 1U));
	assert_true(syncs[0].fellows[1].shift_ns == 0);
	assert_true(peal_abcast_sync_tell(&syncs[0], 1, 1, far_ns + 1U));
	/* Two of three have clocks and shifts as far off as can be. */
	for (uint8_t i = 1; i < 3U; i++) {
		assert_true(peal_abcast_sync_tell(&syncs[0], i, far_ns, 2U * far_ns));
		peal_abcast_sync_ask(&syncs[0], i, now_ns);
		assert_int_equal(
			peal_abcast_sync_answer(&syncs[0], i, now_ns, now_ns + far_ns, now_ns),
			PEAL_ABCAST_NOTED);
	}
	turn(0, 7);
	assert_true(shifts_ns[0] == (int64_t)far_ns);
	shifts_ns[0] = -(int64_t)far_ns;
	turn(0, 7);
	assert_true(shifts_ns[0] == (int64_t)far_ns);
}

static void
test_abcast_sync__rounds_get_rare_while_time_stands_right(void **state)
{
	uint64_t pause_ns = PEAL_ABCAST_ROUND_NS_MIN;

	(void)state;
	for (uint32_t i = 0; i < 10U; i++) {
		turn(0, 7);
		assert_true(syncs[0].round_at_ns == now_ns + pause_ns);
		pause_ns = 2U * pause_ns < PEAL_ABCAST_ROUND_NS_MAX ? 2U * pause_ns
								    : PEAL_ABCAST_ROUND_NS_MAX;
	}
	/* Less than half of the error is nothing; more is. Both are taken. */
	clocks_ns[1] = clocks_ns[2] = 4000;
	ask(0, 1);
	ask(0, 2);
	turn(0, 7);
	assert_true(syncs[0].round_at_ns == now_ns + PEAL_ABCAST_ROUND_NS_MAX);
	clocks_ns[1] = clocks_ns[2] = 12000;
	ask(0, 1);
	ask(0, 2);
	turn(0, 7);
	assert_true(syncs[0].round_at_ns == now_ns + PEAL_ABCAST_ROUND_NS_MIN);
	turn(0, 7);
	turn(0, 7);
	peal_abcast_sync_hurry(&syncs[0], now_ns + 1U);
	assert_true(syncs[0].round_at_ns == now_ns + 1U);
	peal_abcast_sync_hurry(&syncs[0], now_ns + 2U);
	assert_true(syncs[0].round_at_ns == now_ns + 1U);
	turn(0, 7);
	assert_true(syncs[0].round_at_ns == now_ns + PEAL_ABCAST_ROUND_NS_MIN);
}

static void
test_abcast_sync__time_goes_to_stamps_that_are_far_ahead(void **state)
{
	const int64_t far_ns = (int64_t)PEAL_ORDER_AHEAD_NS_MAX;
	const uint64_t time_ns = now_ns;

	(void)state;
	assert_true(peal_abcast_sync_raise(5, time_ns, 1) == 5);
	assert_true(peal_abcast_sync_raise(5, time_ns, time_ns + PEAL_ORDER_FUTURE_NS) == 5);
	assert_true(peal_abcast_sync_raise(5, time_ns, time_ns + PEAL_ORDER_FUTURE_NS + 1U) ==
		    (int64_t)PEAL_ABCAST_LED_NS + 5);
	assert_true(peal_abcast_sync_raise(5, time_ns, time_ns + 3U * PEAL_ABCAST_LED_NS) ==
		    3 * (int64_t)PEAL_ABCAST_LED_NS + 5);
	assert_true(peal_abcast_sync_raise(far_ns - 5, time_ns, time_ns + 2U * (uint64_t)far_ns) ==
		    far_ns);
	assert_true(peal_abcast_sync_raise(-far_ns, 1, PEAL_ORDER_STAMP_MAX - 1U) == far_ns);
}

#define TEST(name) cmocka_unit_test_setup(test_abcast_sync__##name, set_up)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(all_go_to_the_one_in_the_middle),
		TEST(who_comes_later_goes_to_the_others),
		TEST(of_an_even_number_the_lower_rank_is_followed),
		TEST(what_is_wrong_alike_each_time_does_not_add_up),
		TEST(time_that_was_led_away_leans_back_at_all_alike),
		TEST(time_that_was_led_away_is_shared_as_well_as_before),
		TEST(a_minority_stays),
		TEST(one_that_lies_moves_nobody_beyond_the_others),
		TEST(answers_nobody_waits_for_say_nothing),
		TEST(shifts_have_an_end),
		TEST(rounds_get_rare_while_time_stands_right),
		TEST(time_goes_to_stamps_that_are_far_ahead),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
