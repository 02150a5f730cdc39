/* SPDX-License-Identifier: BSD-3-Clause */
#include "membership/edge.h"

#include "base/limits.h"
#include "base/prng.h"
#include "tests/lib/dies.h"
#include "tests/lib/edgescene.h"
#include "wire/alert_msg.h"

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
	peal_edge_on_echo(argument, &none, 0);
}

static void
fall_silent(void *argument)
{
	peal_edge_open(argument, 0, 0);
	peal_edge_on_silence(argument, &timing, 1);
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
		peal_edge_on_echo(&edge, &timing, 0);
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
		peal_edge_on_echo(&edge, &timing, 0);
	}
	peal_edge_forget(&edge, 0);
	peal_edge_on_unfit(&edge, PEAL_ALERT_STUCK, 1);
	assert_int_equal(peal_edge_verdict(&edge), PEAL_VERDICT_FAILED);
	assert_int_equal(edge.reason, PEAL_ALERT_SILENT);
}

static void
test_edge__forgives_silence_in_grace_until_it_was_heard(void **state)
{
	(void)state;
	peal_edge_open(&edge, 1000, 0);
	for (uint64_t now_ns = 0; now_ns < 1000; now_ns += 100) {
		peal_edge_on_silence(&edge, &timing, now_ns);
	}
	assert_int_equal(peal_edge_verdict(&edge), PEAL_VERDICT_OK);
	assert_int_equal(edge.outcomes_count, 0);

	/* From its first sign of life on it is judged like everybody. */
	peal_edge_on_echo(&edge, &timing, 0);
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
	peal_edge_open(&edge, 1000, 0);
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
	peal_edge_open(&edge, 1000, 0);
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
	peal_edge_open(&edge, 1000, 0);
	peal_edge_on_echo(&edge, &timing, 0);
	peal_edge_on_unfit(&edge, PEAL_ALERT_LAG, 999);
	assert_int_equal(peal_edge_verdict(&edge), PEAL_VERDICT_OK);
	peal_edge_on_unfit(&edge, PEAL_ALERT_LAG, 1000);
	assert_int_equal(peal_edge_verdict(&edge), PEAL_VERDICT_FAILED);
	assert_int_equal(edge.reason, PEAL_ALERT_LAG);
	/* Who says it of itself needs no grace. */
	peal_edge_open(&edge, 1000, 0);
	peal_edge_on_unfit(&edge, PEAL_ALERT_SLOW, 10);
	assert_int_equal(peal_edge_verdict(&edge), PEAL_VERDICT_FAILED);
	assert_int_equal(edge.reason, PEAL_ALERT_SLOW);
}

static void
test_edge__forgets_what_a_late_observer_saw(void **state)
{
	(void)state;
	for (uint32_t round = 0; round < 5; round++) {
		for (uint32_t probe = 0; probe < 3; probe++) {
			peal_edge_on_silence(&edge, &timing, 0);
		}
		peal_edge_forget(&edge, 0);
		assert_int_equal(peal_edge_verdict(&edge), PEAL_VERDICT_OK);
	}
}

static void
choose(enum peal_detector detector)
{
	assert_true(peal_timing_find(detector == PEAL_DETECTOR_PHI ? "cloud" : "dpdk", &timing));
	assert_true(peal_timing_set_detector(&timing, detector));
}

/* Probes one after the other, all lost from `from` on. Returns how many were until FAILED. */
static uint32_t
count_probes_until_failed(uint32_t from, uint32_t count_max)
{
	uint64_t interval_ns = timing.probe_interval_ns;
	uint32_t probe = 0;

	peal_edge_open(&edge, 0, 0);
	while (probe < count_max && !edge.is_failed) {
		if (probe < from) {
			peal_edge_on_echo(&edge, &timing, probe * interval_ns + interval_ns / 100U);
		} else {
			peal_edge_on_silence(&edge, &timing, (probe + 1U) * interval_ns);
		}
		probe++;
	}
	return probe;
}

static void
test_edge__asks_the_detector_of_the_node(void **state)
{
	(void)state;
	choose(PEAL_DETECTOR_WINDOW);
	assert_int_equal(count_probes_until_failed(20, 100), 24);
	choose(PEAL_DETECTOR_SILENCE);
	assert_int_equal(count_probes_until_failed(20, 100), 24);
	assert_true(peal_timing_set_silence(&timing, 7U * timing.probe_interval_ns));
	assert_int_equal(count_probes_until_failed(20, 100), 27);
	choose(PEAL_DETECTOR_PHI);
	assert_int_equal(count_probes_until_failed(40, 100), 44);
	assert_true(peal_timing_set_phi(&timing, PEAL_PHI_TENTHS_MAX));
	assert_int_equal(count_probes_until_failed(40, 100), 44);
	timing.detector = (enum peal_detector)3;
	assert_true(peal_test_dies(fall_silent, &edge));
}

static void
test_edge__is_done_within_a_window_of_intervals_by_each_detector(void **state)
{
	(void)state;
	for (enum peal_detector detector = PEAL_DETECTOR_WINDOW; detector <= PEAL_DETECTOR_SILENCE;
		detector++) {
		uint64_t longest_ns;
		uint64_t now_ns = 0;

		choose(detector);
		(void)peal_timing_set_phi(&timing, PEAL_PHI_TENTHS_MAX);
		longest_ns = timing.probe_window_count * timing.probe_interval_ns;
		assert_true(peal_timing_set_silence(&timing, longest_ns));
		/* What phi learns from the worst of weathers. */
		peal_edge_open(&edge, 0, 0);
		for (uint32_t i = 0; i < 1000; i++) {
			now_ns += i % 2U == 0 ? 1U : longest_ns;
			peal_edge_on_echo(&edge, &timing, now_ns);
		}
		for (uint32_t probe = 0; probe < timing.probe_window_count; probe++) {
			now_ns += timing.probe_interval_ns;
			peal_edge_on_silence(&edge, &timing, now_ns);
		}
		assert_int_equal(peal_edge_verdict(&edge), PEAL_VERDICT_FAILED);
		assert_true(
			peal_timing_detection_ns(&timing) <= longest_ns + timing.probe_interval_ns);
	}
}

/* Whoever was late, or could not send, holds none of that time against the peer. */
static void
test_edge__counts_no_silence_that_was_skipped(void **state)
{
	(void)state;
	for (enum peal_detector detector = PEAL_DETECTOR_PHI; detector <= PEAL_DETECTOR_SILENCE;
		detector++) {
		uint64_t interval_ns;

		choose(detector);
		interval_ns = timing.probe_interval_ns;
		peal_edge_open(&edge, 0, 0);
		peal_edge_on_echo(&edge, &timing, 0);
		for (uint64_t probe = 1; probe <= 6; probe++) {
			peal_edge_skip(&edge, probe * 100U * interval_ns - interval_ns / 2U);
			peal_edge_on_silence(&edge, &timing, probe * 100U * interval_ns);
		}
		assert_int_equal(edge.silent_us, 3U * interval_ns / 1000U);
		assert_int_equal(peal_edge_verdict(&edge), PEAL_VERDICT_SUSPECT);
		peal_edge_forget(&edge, 700U * interval_ns);
		assert_int_equal(edge.silent_us, 0);
		peal_edge_on_silence(&edge, &timing, 704U * interval_ns);
		assert_int_equal(peal_edge_verdict(&edge), PEAL_VERDICT_SUSPECT);
		peal_edge_on_silence(&edge, &timing, 706U * interval_ns);
		assert_int_equal(peal_edge_verdict(&edge), PEAL_VERDICT_FAILED);
	}
}

static void
test_edge__does_not_take_its_own_lateness_for_silence(void **state)
{
	(void)state;
	choose(PEAL_DETECTOR_SILENCE);
	peal_edge_open(&edge, 0, 0);
	peal_edge_excuse(&edge, 3000000, 10000000);
	peal_edge_on_silence(&edge, &timing, 10000000);
	assert_int_equal(edge.silent_us, 7000);
	/* What came in after the instant that was missed is not excused twice. */
	peal_edge_excuse(&edge, 3000000, 12000000);
	peal_edge_on_silence(&edge, &timing, 12000000);
	assert_int_equal(edge.silent_us, 7000);
	peal_edge_excuse(&edge, UINT64_MAX, 15000000);
	peal_edge_on_silence(&edge, &timing, 16000000);
	assert_int_equal(edge.silent_us, 8000);
	/* It is no hole either: what is left is as long as it would have been. */
	choose(PEAL_DETECTOR_PHI);
	peal_edge_on_echo(&edge, &timing, 0);
	peal_edge_excuse(&edge, 5000000, 505000000);
	peal_edge_on_echo(&edge, &timing, 505000000);
	assert_int_equal(edge.mean_us, 500000);
}

static void
test_edge__learns_nothing_from_time_with_a_hole(void **state)
{
	uint64_t interval_ns;

	(void)state;
	choose(PEAL_DETECTOR_PHI);
	interval_ns = timing.probe_interval_ns;
	peal_edge_open(&edge, 0, 0);
	/* Not from the time before the first echo either. */
	peal_edge_on_echo(&edge, &timing, 9U * interval_ns);
	assert_int_equal(edge.mean_us, 0);
	peal_edge_skip(&edge, 9U * interval_ns + 1000U);
	peal_edge_on_echo(&edge, &timing, 9U * interval_ns + 2000U);
	assert_int_equal(edge.mean_us, 0);
	peal_edge_on_echo(&edge, &timing, 10U * interval_ns + 2000U);
	assert_int_equal(edge.mean_us, interval_ns / 1000U);
	/* A late observer forgets the silence, and keeps what it knows of the peer. */
	peal_edge_forget(&edge, 11U * interval_ns);
	assert_int_equal(edge.mean_us, interval_ns / 1000U);
	/* The other detectors learn nothing at all. */
	choose(PEAL_DETECTOR_SILENCE);
	(void)count_probes_until_failed(10, 10);
	assert_int_equal(edge.mean_us, 0);
}

static void
test_edge__counts_time_across_the_wrap_of_its_clock(void **state)
{
	uint64_t begin_ns = ((UINT64_C(1) << 32) - 5U) * 1000U;

	(void)state;
	choose(PEAL_DETECTOR_SILENCE);
	peal_edge_open(&edge, 0, begin_ns);
	peal_edge_on_silence(&edge, &timing, begin_ns + 20000U);
	assert_int_equal(edge.silent_us, 20);
	/* And stops at the end: silent for days is silent. */
	for (uint64_t hour = 1; hour <= 48; hour++) {
		peal_edge_on_silence(&edge, &timing, begin_ns + hour * UINT64_C(3600000000000));
	}
	assert_int_equal(edge.silent_us, UINT32_MAX);
	assert_int_equal(peal_edge_verdict(&edge), PEAL_VERDICT_FAILED);
}

static void
test_edge__begins_an_epoch_with_what_its_detector_says(void **state)
{
	(void)state;
	for (enum peal_detector detector = PEAL_DETECTOR_WINDOW; detector <= PEAL_DETECTOR_SILENCE;
		detector++) {
		uint64_t now_ns;

		choose(detector);
		now_ns = count_probes_until_failed(10, 100) * timing.probe_interval_ns;
		peal_edge_renew(&edge, &timing);
		assert_int_equal(peal_edge_verdict(&edge), PEAL_VERDICT_FAILED);
		assert_int_equal(edge.reason, PEAL_ALERT_SILENT);
		for (uint32_t probe = 0; probe < timing.probe_window_count; probe++) {
			now_ns += timing.probe_interval_ns;
			peal_edge_on_echo(&edge, &timing, now_ns);
			assert_int_equal(peal_edge_verdict(&edge), PEAL_VERDICT_FAILED);
		}
		peal_edge_renew(&edge, &timing);
		assert_int_equal(peal_edge_verdict(&edge), PEAL_VERDICT_OK);
	}
}

static void
test_edge__says_what_goes_through_in_each_direction(void **state)
{
	uint64_t recent_ns, now_ns = UINT64_C(1) << 40;

	(void)state;
	recent_ns = PEAL_REACH_PROBES_MAX * timing.probe_interval_ns;
	assert_int_equal(peal_edge_reach(&timing, 0, 0, now_ns), PEAL_REACH_SILENT);
	assert_int_equal(peal_edge_reach(&timing, 0, 0, 1), PEAL_REACH_SILENT);
	for (uint64_t old_ns = recent_ns; old_ns <= recent_ns + 1U; old_ns++) {
		bool is_recent = old_ns == recent_ns;

		/* An echo is heard, too: it says all. */
		assert_int_equal(peal_edge_reach(&timing, now_ns - old_ns, now_ns - old_ns, now_ns),
			is_recent ? PEAL_REACH_OK : PEAL_REACH_SILENT);
		assert_int_equal(peal_edge_reach(&timing, now_ns - old_ns, 0, now_ns),
			is_recent ? PEAL_REACH_INBOUND_ONLY : PEAL_REACH_SILENT);
		assert_int_equal(peal_edge_reach(&timing, now_ns, now_ns - old_ns, now_ns),
			is_recent ? PEAL_REACH_OK : PEAL_REACH_INBOUND_ONLY);
	}
	assert_int_equal(peal_edge_reach(&timing, 0, now_ns + 1U, now_ns), PEAL_REACH_OK);
	assert_string_equal(peal_edge_reach_name(PEAL_REACH_OK), "ok");
	assert_string_equal(peal_edge_reach_name(PEAL_REACH_INBOUND_ONLY), "inbound only");
	assert_string_equal(peal_edge_reach_name(PEAL_REACH_SILENT), "silent");
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
		peal_edge_open(&edge, 0, 0);
		for (uint32_t probe = 0; probe < 200; probe++) {
			uint32_t count = 0;

			failed[probe] = peal_prng_ratio(&prng, 1 + round % 5U, 10) ? 1 : 0;
			if (failed[probe] == 1) {
				peal_edge_on_silence(&edge, &timing, probe);
			} else {
				peal_edge_on_echo(&edge, &timing, 0);
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
		cmocka_unit_test_setup(test_edge__asks_the_detector_of_the_node, setup),
		cmocka_unit_test_setup(
			test_edge__is_done_within_a_window_of_intervals_by_each_detector, setup),
		cmocka_unit_test_setup(test_edge__counts_no_silence_that_was_skipped, setup),
		cmocka_unit_test_setup(
			test_edge__does_not_take_its_own_lateness_for_silence, setup),
		cmocka_unit_test_setup(test_edge__learns_nothing_from_time_with_a_hole, setup),
		cmocka_unit_test_setup(test_edge__counts_time_across_the_wrap_of_its_clock, setup),
		cmocka_unit_test_setup(
			test_edge__begins_an_epoch_with_what_its_detector_says, setup),
		cmocka_unit_test_setup(test_edge__says_what_goes_through_in_each_direction, setup),
		cmocka_unit_test_setup(
			test_edge__judges_any_sequence_like_a_list_of_outcomes, setup),
	};

	return cmocka_run_group_tests_name("test_edge", tests, NULL, NULL);
}
