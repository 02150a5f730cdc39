/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Crashes: each member of five is killed in turn, in `--seeds` worlds (50), and from the report
 * that makes it certain to the last survivor's new view at most 5 ms of virtual time pass, p99. As
 * many as a quorum can spare, at one moment, are removed too; and a member that stands still for
 * too long.
 */
#include "tests/sim/simrun.h"

#include <inttypes.h>
#include <string.h>

#define NODES_COUNT          5U
#define VIEW_NS_MAX          UINT64_C(5000000)
#define DETECTION_NS_MAX     UINT64_C(60000000) /* the rest of an interval, then four failed probes */
#define SAMPLES_CAPACITY_MAX 100000U

static uint64_t seeds_count = 50;

static void
test_crash__one_of_five_is_out_within_5_ms_of_its_detection(void **state)
{
	uint64_t *to_view_ns = calloc(SAMPLES_CAPACITY_MAX, sizeof(uint64_t));
	uint64_t *to_detection_ns = calloc(SAMPLES_CAPACITY_MAX, sizeof(uint64_t));
	struct peal_report_spread view;
	struct peal_report_spread detection;
	uint32_t count = 0;

	(void)state;
	assert_non_null(to_view_ns);
	assert_non_null(to_detection_ns);
	for (uint64_t seed = 1; seed <= seeds_count; seed++) {
		assert_true(simrun("crash", NODES_COUNT, "dpdk-fast", seed));
		assert_int_equal(simrun_report.samples_count, NODES_COUNT);
		for (uint32_t i = 0; i < NODES_COUNT && count < SAMPLES_CAPACITY_MAX; i++) {
			to_view_ns[count] = simrun_report.samples[i].detection_to_view_ns;
			to_detection_ns[count++] = simrun_report.samples[i].kill_to_detection_ns;
		}
	}
	view = peal_report_spread(to_view_ns, count);
	detection = peal_report_spread(to_detection_ns, count);
	print_message("# %" PRIu32 " crashes: detection to view p50 %" PRIu64 " p99 %" PRIu64
		      " max %" PRIu64 " us; kill to detection p50 %" PRIu64 " p99 %" PRIu64
		      " max %" PRIu64 " us\n",
		count, view.p50_ns / 1000U, view.p99_ns / 1000U, view.max_ns / 1000U,
		detection.p50_ns / 1000U, detection.p99_ns / 1000U, detection.max_ns / 1000U);
	assert_true(view.p99_ns <= VIEW_NS_MAX);
	assert_true(detection.p99_ns <= DETECTION_NS_MAX);
	free(to_view_ns);
	free(to_detection_ns);
}

static void
test_crash__works_at_every_size(void **state)
{
	(void)state;
	for (uint16_t nodes_count = 2; nodes_count <= 16; nodes_count++) {
		simrun_seeds("crash", nodes_count, NULL, 2);
	}
}

static void
test_crash__as_many_as_the_quorum_spares(void **state)
{
	(void)state;
	for (uint16_t nodes_count = 3; nodes_count <= 16; nodes_count++) {
		simrun_seeds("many", nodes_count, NULL, 5);
	}
}

static void
test_crash__who_stands_still_too_long_is_out_and_comes_back(void **state)
{
	(void)state;
	simrun_seeds("pause", 3, NULL, 10);
	simrun_seeds("pause", 5, NULL, 10);
}

/* Whoever misses views is given them, one by one or all at once, under whatever timing. */
static void
test_crash__who_misses_views_gets_them(void **state)
{
	(void)state;
	simrun_seeds("behind", 0, NULL, seeds_count);
	simrun_seeds("behind", 4, NULL, 10);
	simrun_seeds("behind", 16, NULL, 10);
	simrun_seeds("behind", 5, "dpdk-fast", 10);
	simrun_seeds("behind", 5, "cloud", 10);
}

int
main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_crash__one_of_five_is_out_within_5_ms_of_its_detection),
		cmocka_unit_test(test_crash__works_at_every_size),
		cmocka_unit_test(test_crash__as_many_as_the_quorum_spares),
		cmocka_unit_test(test_crash__who_stands_still_too_long_is_out_and_comes_back),
		cmocka_unit_test(test_crash__who_misses_views_gets_them),
	};

	seeds_count = simrun_count(argc, argv, seeds_count);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
