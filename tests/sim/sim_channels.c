/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What channels promise in figures, in `--seeds` worlds each (20): a lost last frame is repaired
 * within three round trips or 100 us; two senders share a slow link within a fifth, with a queue
 * below the target and no loss; a path that becomes narrower holds messages for a tenth of a second
 * at most; one slow receiver of five costs the others at most a fifth of their
 * 99th percentile. The scenarios compare, and this prints the worst of all runs.
 */
#include "base/messagelimits.h"
#include "tests/sim/simrun.h"

static uint64_t seeds_count = 20;

/* Runs the scenario, and keeps the worst figures of all seeds in `worst_out`. */
static void
run_all(const char *name, struct peal_report *worst_out)
{
	uint64_t failed_count = 0;

	peal_report_init(worst_out);
	for (uint64_t seed = 1; seed <= seeds_count; seed++) {
		failed_count += !simrun(name, 0, NULL, seed);
		for (uint32_t i = 0; i < simrun_report.figures_count; i++) {
			peal_report_note(worst_out, simrun_report.figures[i].name,
				simrun_report.figures[i].value);
		}
	}
	for (uint32_t i = 0; i < worst_out->figures_count; i++) {
		print_message("# %s, %" PRIu64 " seeds: %s %" PRIu64 "\n", name, seeds_count,
			worst_out->figures[i].name, worst_out->figures[i].value);
	}
	assert_int_equal(failed_count, 0);
}

static struct peal_report worst;

static void
test_channels__a_lost_tail_is_repaired_soon(void **state)
{
	(void)state;
	run_all("tail", &worst);
	assert_in_range(peal_report_figure(&worst, "tail_repair_ns"), 1, 100000);
}

static void
test_channels__senders_share_a_slow_link(void **state)
{
	(void)state;
	run_all("bottleneck", &worst);
	assert_in_range(peal_report_figure(&worst, "larger_share_per_mille"), 500, 600);
	assert_in_range(peal_report_figure(&worst, "queue_ns_mean"), 1, PEAL_CONGESTION_TARGET_NS);
	assert_int_equal(peal_report_figure(&worst, "lost_frames"), 0);
}

static void
test_channels__a_late_wake_up_is_no_queue(void **state)
{
	(void)state;
	run_all("drowsy", &worst);
	assert_in_range(peal_report_figure(&worst, "late_p99_ns"), 1, 600000);
	assert_in_range(peal_report_figure(&worst, "larger_share_per_mille"), 500, 600);
}

static void
test_channels__a_slow_receiver_is_not_felt(void **state)
{
	(void)state;
	run_all("slow", &worst);
	assert_true(peal_report_figure(&worst, "drop_behind_p99_ns") > 0);
	assert_true(peal_report_figure(&worst, "evict_p99_ns") > 0);
}

static void
test_channels__a_crowd_delays_no_detection(void **state)
{
	(void)state;
	seeds_count = seeds_count > 10U ? seeds_count / 10U : 1U;
	run_all("crowd", &worst);
	assert_true(peal_report_figure(&worst, "detection_loaded_ns") > 0);
}

static void
test_channels__talk_in_bad_weather(void **state)
{
	(void)state;
	simrun_seeds("talk", 0, NULL, seeds_count);
}

static void
test_channels__follow_paths_of_any_size(void **state)
{
	(void)state;
	run_all("mtu", &worst);
	assert_in_range(peal_report_figure(&worst, "black_hole_ns"), 1, 100000000);
}

int
main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_channels__a_lost_tail_is_repaired_soon),
		cmocka_unit_test(test_channels__senders_share_a_slow_link),
		cmocka_unit_test(test_channels__a_late_wake_up_is_no_queue),
		cmocka_unit_test(test_channels__a_slow_receiver_is_not_felt),
		cmocka_unit_test(test_channels__talk_in_bad_weather),
		cmocka_unit_test(test_channels__follow_paths_of_any_size),
		cmocka_unit_test(test_channels__a_crowd_delays_no_detection),
	};

	seeds_count = simrun_count(argc, argv, seeds_count);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
