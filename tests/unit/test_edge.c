/* SPDX-License-Identifier: BSD-3-Clause */
#include "membership/edge.h"

#include "base/prng.h"
#include "tests/lib/cmocka_all.h"
#include "tests/lib/dies.h"
#include "wire/alert_msg.h"

static struct peal_timing timing;
static struct peal_edge edge;

static int
setup(void **state)
{
	(void)state;
	peal_edge_open(&edge, 0);
	return peal_timing_find("dpdk", &timing) ? 0 : -1;
}

static void
give_no_reason(void *argument)
{
	peal_edge_on_unfit(argument, PEAL_ALERT_SILENT, 1);
}

static void
slide_no_window(void *argument)
{
	struct peal_timing none = timing;

	none.probe_window_count = 0;
	none.probe_failed_count = 0;
	peal_edge_on_echo(argument, &none);
}

static void
test_edge__refuses_wrong_arguments(void **state)
{
	(void)state;
	assert_true(peal_test_dies(give_no_reason, &edge));
	assert_true(peal_test_dies(slide_no_window, &edge));
}

static void
test_edge__is_ok_at_first(void **state)
{
	(void)state;
	assert_int_equal(peal_edge_verdict(&edge), PEAL_VERDICT_OK);
	assert_false(edge.was_heard);
}

static void
test_edge__fails_after_four_silent_intervals(void **state)
{
	(void)state;
	for (uint32_t probe = 1; probe <= 4; probe++) {
		assert_int_equal(peal_edge_verdict(&edge),
			probe == 1 ? PEAL_VERDICT_OK : PEAL_VERDICT_SUSPECT);
		peal_edge_on_silence(&edge, &timing, probe);
	}
	assert_int_equal(peal_edge_verdict(&edge), PEAL_VERDICT_FAILED);
	assert_int_equal(edge.reason, PEAL_ALERT_SILENT);
}

static void
test_edge__becomes_ok_again_when_failures_leave_the_window(void **state)
{
	(void)state;
	for (uint32_t probe = 0; probe < 3; probe++) {
		peal_edge_on_silence(&edge, &timing, 0);
	}
	for (uint32_t probe = 0; probe < timing.probe_window_count; probe++) {
		assert_int_equal(peal_edge_verdict(&edge), PEAL_VERDICT_SUSPECT);
		peal_edge_on_echo(&edge, &timing);
	}
	assert_int_equal(peal_edge_verdict(&edge), PEAL_VERDICT_OK);
	/* Three more are again only three: the window never counts up for ever. */
	for (uint32_t probe = 0; probe < 3; probe++) {
		peal_edge_on_silence(&edge, &timing, 0);
	}
	assert_int_equal(peal_edge_verdict(&edge), PEAL_VERDICT_SUSPECT);
}

static void
test_edge__stays_failed_whatever_is_heard_later(void **state)
{
	(void)state;
	for (uint32_t probe = 0; probe < 4; probe++) {
		peal_edge_on_silence(&edge, &timing, 0);
	}
	for (uint32_t probe = 0; probe < 40; probe++) {
		peal_edge_on_echo(&edge, &timing);
	}
	peal_edge_forget(&edge);
	peal_edge_on_unfit(&edge, PEAL_ALERT_STUCK, 1);
	assert_int_equal(peal_edge_verdict(&edge), PEAL_VERDICT_FAILED);
	assert_int_equal(edge.reason, PEAL_ALERT_SILENT);
}

static void
test_edge__forgives_silence_in_grace_until_it_was_heard(void **state)
{
	(void)state;
	peal_edge_open(&edge, 1000);
	for (uint64_t now_ns = 0; now_ns < 1000; now_ns += 100) {
		peal_edge_on_silence(&edge, &timing, now_ns);
	}
	assert_int_equal(peal_edge_verdict(&edge), PEAL_VERDICT_OK);
	assert_int_equal(edge.outcomes_count, 0);

	/* From its first sign of life on it is judged like everybody. */
	peal_edge_on_echo(&edge, &timing);
	for (uint32_t probe = 0; probe < 4; probe++) {
		peal_edge_on_silence(&edge, &timing, 500);
	}
	assert_int_equal(peal_edge_verdict(&edge), PEAL_VERDICT_FAILED);
}

/* Who speaks has its view: from then on it owes echoes, though it has given none. */
static void
test_edge__has_no_grace_once_it_spoke(void **state)
{
	(void)state;
	peal_edge_open(&edge, 1000);
	peal_edge_on_silence(&edge, &timing, 1);
	assert_int_equal(peal_edge_verdict(&edge), PEAL_VERDICT_OK);
	peal_edge_on_heard(&edge);
	for (uint32_t i = 0; i < timing.probe_failed_count; i++) {
		peal_edge_on_silence(&edge, &timing, 2);
	}
	assert_int_equal(peal_edge_verdict(&edge), PEAL_VERDICT_FAILED);
}

static void
test_edge__counts_silence_from_the_end_of_grace(void **state)
{
	(void)state;
	peal_edge_open(&edge, 1000);
	peal_edge_on_silence(&edge, &timing, 999);
	for (uint32_t probe = 0; probe < 3; probe++) {
		peal_edge_on_silence(&edge, &timing, 1000);
	}
	assert_int_equal(peal_edge_verdict(&edge), PEAL_VERDICT_SUSPECT);
	peal_edge_on_silence(&edge, &timing, 1000);
	assert_int_equal(peal_edge_verdict(&edge), PEAL_VERDICT_FAILED);
}

static void
test_edge__fails_the_unfit_at_once_but_not_in_grace(void **state)
{
	(void)state;
	peal_edge_open(&edge, 1000);
	peal_edge_on_echo(&edge, &timing);
	peal_edge_on_unfit(&edge, PEAL_ALERT_LAG, 999);
	assert_int_equal(peal_edge_verdict(&edge), PEAL_VERDICT_OK);
	peal_edge_on_unfit(&edge, PEAL_ALERT_LAG, 1000);
	assert_int_equal(peal_edge_verdict(&edge), PEAL_VERDICT_FAILED);
	assert_int_equal(edge.reason, PEAL_ALERT_LAG);
}

static void
test_edge__forgets_what_a_late_observer_saw(void **state)
{
	(void)state;
	for (uint32_t round = 0; round < 5; round++) {
		for (uint32_t probe = 0; probe < 3; probe++) {
			peal_edge_on_silence(&edge, &timing, 0);
		}
		peal_edge_forget(&edge);
		assert_int_equal(peal_edge_verdict(&edge), PEAL_VERDICT_OK);
	}
}

static void
test_edge__judges_any_sequence_like_a_list_of_outcomes(void **state)
{
	struct peal_prng prng;

	(void)state;
	peal_prng_init(&prng, 1);
	for (uint32_t round = 0; round < 2000; round++) {
		uint8_t failed[200] = {0};
		bool is_failed = false;

		timing.probe_window_count = 1U + (uint32_t)peal_prng_below(&prng, 32);
		timing.probe_failed_count =
			1U + (uint32_t)peal_prng_below(&prng, timing.probe_window_count);
		peal_edge_open(&edge, 0);
		for (uint32_t probe = 0; probe < 200; probe++) {
			uint32_t count = 0;

			failed[probe] = peal_prng_ratio(&prng, 1 + round % 5U, 10) ? 1 : 0;
			if (failed[probe] == 1) {
				peal_edge_on_silence(&edge, &timing, probe);
			} else {
				peal_edge_on_echo(&edge, &timing);
			}
			for (uint32_t back = 0; back <= probe && back < timing.probe_window_count;
				back++) {
				count += failed[probe - back];
			}
			is_failed = is_failed || count >= timing.probe_failed_count;
			if (is_failed) {
				assert_int_equal(peal_edge_verdict(&edge), PEAL_VERDICT_FAILED);
			} else {
				assert_int_equal(peal_edge_verdict(&edge),
					count > 0 ? PEAL_VERDICT_SUSPECT : PEAL_VERDICT_OK);
			}
		}
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(test_edge__refuses_wrong_arguments, setup),
		cmocka_unit_test_setup(test_edge__is_ok_at_first, setup),
		cmocka_unit_test_setup(test_edge__fails_after_four_silent_intervals, setup),
		cmocka_unit_test_setup(
			test_edge__becomes_ok_again_when_failures_leave_the_window, setup),
		cmocka_unit_test_setup(test_edge__stays_failed_whatever_is_heard_later, setup),
		cmocka_unit_test_setup(
			test_edge__forgives_silence_in_grace_until_it_was_heard, setup),
		cmocka_unit_test_setup(test_edge__has_no_grace_once_it_spoke, setup),
		cmocka_unit_test_setup(test_edge__counts_silence_from_the_end_of_grace, setup),
		cmocka_unit_test_setup(test_edge__fails_the_unfit_at_once_but_not_in_grace, setup),
		cmocka_unit_test_setup(test_edge__forgets_what_a_late_observer_saw, setup),
		cmocka_unit_test_setup(
			test_edge__judges_any_sequence_like_a_list_of_outcomes, setup),
	};

	return cmocka_run_group_tests_name("test_edge", tests, NULL, NULL);
}
