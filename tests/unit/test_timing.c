/* SPDX-License-Identifier: BSD-3-Clause */
#include "base/timing.h"

#include "base/limits.h"
#include "tests/lib/cmocka_all.h"

#define MS UINT64_C(1000000)

static const char *const presets[] = {"dpdk-fast", "dpdk", "cloud", "paper"};

static void
test_timing__knows_no_other_preset(void **state)
{
	struct peal_timing timing;

	(void)state;
	assert_false(peal_timing_find("", &timing));
	assert_false(peal_timing_find("dpd", &timing));
	assert_false(peal_timing_find("DPDK", &timing));
	assert_false(peal_timing_find("dpdk-faster", &timing));
}

static void
test_timing__gives_the_figures_of_dpdk(void **state)
{
	struct peal_timing timing;

	(void)state;
	assert_true(peal_timing_find("dpdk", &timing));
	assert_string_equal(timing.name, "dpdk");
	assert_int_equal(timing.probe_interval_ns, 50 * MS);
	assert_int_equal(timing.probe_window_count, 10);
	assert_int_equal(timing.probe_failed_count, 4);
	assert_int_equal(timing.flood_ns, 5 * MS);
	assert_int_equal(timing.merge_window_ns, 1 * MS);
	assert_int_equal(timing.settle_ns, 2 * MS);
	assert_int_equal(timing.reinforce_ns, 750 * MS);
	assert_int_equal(timing.fallback_ns, 20 * MS);
	assert_int_equal(timing.fallback_slot_ns, 10 * MS);
	assert_int_equal(timing.repeat_ns_max, 1000 * MS);
	assert_int_equal(timing.join_quiet_ns, 5 * MS);
	assert_int_equal(timing.join_window_ns, 50 * MS);
	assert_int_equal(timing.join_retry_ns_min, 20 * MS);
	assert_int_equal(timing.join_forward_ns, 70 * MS);
	assert_int_equal(timing.install_ns, 5000 * MS);
	assert_int_equal(timing.leave_ns, 800 * MS);
	assert_int_equal(timing.boot_ns, 1000 * MS);
	assert_int_equal(timing.stuck_ns, 1000 * MS);
}

static void
test_timing__differs_in_the_detector_for_dpdk_fast(void **state)
{
	struct peal_timing fast;
	struct peal_timing plain;

	(void)state;
	assert_true(peal_timing_find("dpdk-fast", &fast));
	assert_true(peal_timing_find("dpdk", &plain));
	assert_int_equal(fast.probe_interval_ns, 10 * MS);
	assert_int_equal(fast.reinforce_ns, 150 * MS);
	assert_int_equal(fast.stuck_ns, 1000 * MS);
	assert_int_equal(fast.flood_ns, plain.flood_ns);
	assert_int_equal(fast.fallback_ns, plain.fallback_ns);
	assert_int_equal(fast.install_ns, plain.install_ns);
}

static void
test_timing__gives_the_figures_of_cloud(void **state)
{
	struct peal_timing timing;

	(void)state;
	assert_true(peal_timing_find("cloud", &timing));
	assert_int_equal(timing.probe_interval_ns, 500 * MS);
	assert_int_equal(timing.flood_ns, 300 * MS);
	assert_int_equal(timing.reinforce_ns, 7500 * MS);
	assert_int_equal(timing.fallback_ns, 1200 * MS);
	assert_int_equal(timing.join_forward_ns, 2200 * MS);
	assert_int_equal(timing.stuck_ns, 10000 * MS);
}

static void
test_timing__keeps_its_own_rules_in_every_preset(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(presets) / sizeof(presets[0]); i++) {
		struct peal_timing timing;

		assert_true(peal_timing_find(presets[i], &timing));
		assert_string_equal(timing.name, presets[i]);
		assert_in_range(timing.probe_window_count, 1, PEAL_EDGE_WINDOW_MAX);
		assert_in_range(timing.probe_failed_count, 1, timing.probe_window_count);
		assert_true(timing.merge_window_ns < timing.flood_ns);
		assert_true(timing.settle_ns < timing.fallback_ns);
		assert_true(timing.reinforce_ns >= 10 * timing.flood_ns);
		assert_int_equal(timing.fallback_slot_ns, 2 * timing.flood_ns);
		assert_true(timing.join_quiet_ns < timing.join_window_ns);
		assert_true(timing.join_forward_ns > timing.join_window_ns);
		assert_true(timing.leave_ns > timing.fallback_ns);
		assert_true(timing.stuck_ns >= 20 * timing.probe_interval_ns);
	}
}

static void
test_timing__begins_with_the_window_and_usual_figures_for_the_others(void **state)
{
	struct peal_timing timing;

	(void)state;
	assert_true(peal_timing_find("cloud", &timing));
	assert_int_equal(timing.detector, PEAL_DETECTOR_WINDOW);
	assert_int_equal(timing.phi_threshold_tenths, 80);
	assert_int_equal(timing.silence_ns, 2250 * MS);
	assert_int_equal(peal_timing_detection_ns(&timing), 2500 * MS);
	assert_true(peal_timing_set_detector(&timing, PEAL_DETECTOR_SILENCE));
	assert_int_equal(peal_timing_detection_ns(&timing), 2750 * MS);
	assert_true(peal_timing_set_detector(&timing, PEAL_DETECTOR_PHI));
	assert_int_equal(peal_timing_detection_ns(&timing), 5500 * MS);
}

static void
test_timing__has_phi_for_rare_probes_only(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(presets) / sizeof(presets[0]); i++) {
		struct peal_timing timing;
		bool is_rare;

		assert_true(peal_timing_find(presets[i], &timing));
		is_rare = timing.probe_interval_ns >= 100 * MS;
		assert_int_equal(is_rare, i >= 2);
		assert_int_equal(peal_timing_set_detector(&timing, PEAL_DETECTOR_PHI), is_rare);
		assert_int_equal(
			timing.detector, is_rare ? PEAL_DETECTOR_PHI : PEAL_DETECTOR_WINDOW);
		assert_true(peal_timing_set_detector(&timing, PEAL_DETECTOR_SILENCE));
		assert_int_equal(timing.detector, PEAL_DETECTOR_SILENCE);
	}
}

static void
test_timing__refuses_figures_out_of_range(void **state)
{
	struct peal_timing timing;

	(void)state;
	assert_true(peal_timing_find("dpdk", &timing));
	assert_false(peal_timing_set_phi(&timing, PEAL_PHI_TENTHS_MIN - 1U));
	assert_false(peal_timing_set_phi(&timing, PEAL_PHI_TENTHS_MAX + 1U));
	assert_int_equal(timing.phi_threshold_tenths, 80);
	assert_true(peal_timing_set_phi(&timing, PEAL_PHI_TENTHS_MIN));
	assert_true(peal_timing_set_phi(&timing, PEAL_PHI_TENTHS_MAX));
	assert_int_equal(timing.phi_threshold_tenths, PEAL_PHI_TENTHS_MAX);
	assert_false(peal_timing_set_silence(&timing, 100 * MS - 1U));
	assert_false(peal_timing_set_silence(&timing, 500 * MS + 1U));
	assert_int_equal(timing.silence_ns, 225 * MS);
	assert_true(peal_timing_set_silence(&timing, 100 * MS));
	assert_true(peal_timing_set_silence(&timing, 500 * MS));
	assert_int_equal(timing.silence_ns, 500 * MS);
}

static void
test_timing__names_its_detectors(void **state)
{
	enum peal_detector detector = PEAL_DETECTOR_WINDOW;

	(void)state;
	assert_false(peal_detector_find("", &detector));
	assert_false(peal_detector_find("PHI", &detector));
	assert_false(peal_detector_find("phi ", &detector));
	for (enum peal_detector one = PEAL_DETECTOR_WINDOW; one <= PEAL_DETECTOR_SILENCE; one++) {
		assert_true(peal_detector_find(peal_detector_name(one), &detector));
		assert_int_equal(detector, one);
	}
	assert_string_equal(peal_detector_name(PEAL_DETECTOR_PHI), "phi");
}

static void
test_timing__repeats_double_up_to_their_cap(void **state)
{
	struct peal_timing timing = {.repeat_ns_max = 100};

	(void)state;
	assert_int_equal(peal_timing_next_repeat_ns(&timing, 10), 20);
	assert_int_equal(peal_timing_next_repeat_ns(&timing, 50), 100);
	assert_int_equal(peal_timing_next_repeat_ns(&timing, 60), 100);
	assert_int_equal(peal_timing_next_repeat_ns(&timing, 100), 100);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_timing__repeats_double_up_to_their_cap),
		cmocka_unit_test(
			test_timing__begins_with_the_window_and_usual_figures_for_the_others),
		cmocka_unit_test(test_timing__has_phi_for_rare_probes_only),
		cmocka_unit_test(test_timing__refuses_figures_out_of_range),
		cmocka_unit_test(test_timing__names_its_detectors),
		cmocka_unit_test(test_timing__knows_no_other_preset),
		cmocka_unit_test(test_timing__gives_the_figures_of_dpdk),
		cmocka_unit_test(test_timing__differs_in_the_detector_for_dpdk_fast),
		cmocka_unit_test(test_timing__gives_the_figures_of_cloud),
		cmocka_unit_test(test_timing__keeps_its_own_rules_in_every_preset),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
