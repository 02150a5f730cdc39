/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Broadcast above PEAL_DIRECT_MAX members: `--seeds` worlds (1) in bad weather and random faults,
 * around the border between the two kinds of view; members that pass frames on crash in the middle
 * of a stream (`--seeds` x 2); and a member that is too slow, under each policy (`--seeds` x 3).
 */
#include "tests/sim/simrun.h"

#define BORDER_COUNT 66U
#define RELAY_COUNT  100U

static uint64_t seeds_count = 1;

static void
test_cast_large__all_deliver_the_same_in_order(void **state)
{
	(void)state;
	simrun_seeds("cast", BORDER_COUNT, NULL, seeds_count);
}

static void
test_cast_large__nothing_is_lost_when_a_relay_crashes(void **state)
{
	(void)state;
	simrun_seeds("relay", RELAY_COUNT, NULL, 2U * seeds_count);
}

static void
test_cast_large__who_holds_all_back_is_evicted(void **state)
{
	(void)state;
	for (uint64_t seed = 1; seed <= 3U * seeds_count; seed++) {
		assert_true(simrun("brake", 0, NULL, seed));
		print_message("# 99th percentile: %" PRIu64 " ns, one is slow: block %" PRIu64
			      ", drop behind %" PRIu64 ", evicted %" PRIu64 "\n",
			peal_report_figure(&simrun_report, "nobody_slow_p99_ns"),
			peal_report_figure(&simrun_report, "block_p99_ns"),
			peal_report_figure(&simrun_report, "drop_behind_p99_ns"),
			peal_report_figure(&simrun_report, "evict_p99_ns"));
	}
}

int
main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_cast_large__all_deliver_the_same_in_order),
		cmocka_unit_test(test_cast_large__nothing_is_lost_when_a_relay_crashes),
		cmocka_unit_test(test_cast_large__who_holds_all_back_is_evicted),
	};

	seeds_count = simrun_count(argc, argv, seeds_count);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
