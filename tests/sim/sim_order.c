/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Total order: `--seeds` groups (60) of one to nine ranks under random faults, restarts without
 * memory and wrong clocks; how long the others stand when one of three does, what wrong clocks
 * cost, and that two who seal against each other come to an end.
 */
#include "tests/sim/simrun.h"

static uint64_t seeds_count = 60;

static void
test_order__is_one_for_all_whatever_happens(void **state)
{
	(void)state;
	simrun_seeds("order", 0, NULL, seeds_count);
}

static void
test_order__goes_on_in_groups_of_every_size(void **state)
{
	(void)state;
	for (uint16_t ranks_count = 1; ranks_count <= 9U; ranks_count += 2U) {
		assert_true(simrun("order", ranks_count, NULL, 1));
	}
}

static void
test_order__a_rank_that_stands_still_stops_nobody(void **state)
{
	(void)state;
	assert_true(simrun("standstill", 3, NULL, 1));
	print_message("# 10 us one way: a message takes %" PRIu64 " ns if one rank speaks, %" PRIu64
		      " ns if all do, %" PRIu64 " ns with lingering ticks; without a delivery when "
		      "one of three stands still for 10 ms: %" PRIu64 " ns\n",
		peal_report_figure(&simrun_report, "order_light_one_ns"),
		peal_report_figure(&simrun_report, "order_light_ns"),
		peal_report_figure(&simrun_report, "order_light_lingering_ns"),
		peal_report_figure(&simrun_report, "order_frozen_10ms_gap_ns"));
	/* One delay behind ranks that are quiet; two without ticks; with them 1.2 and a tick. */
	assert_true(peal_report_figure(&simrun_report, "order_light_one_ns") <= 12000U);
	assert_true(peal_report_figure(&simrun_report, "order_light_one_own_ns") <= 22000U);
	assert_true(peal_report_figure(&simrun_report, "order_light_ns") <= 22000U);
	assert_true(peal_report_figure(&simrun_report, "order_light_lingering_ns") <= 17000U);
	assert_true(peal_report_figure(&simrun_report, "order_light_lingering_own_ns") <= 22000U);
}

static void
test_order__a_wrong_clock_costs_time_and_nothing_else(void **state)
{
	(void)state;
	assert_true(simrun("clocks", 3, NULL, 1));
	print_message("# 10 us one way, all three speak: a message takes %" PRIu64
		      " ns with right clocks, %" PRIu64 " ns when one is 1 ms behind, %" PRIu64
		      " ns when it is 37 hours ahead\n",
		peal_report_figure(&simrun_report, "order_clock_right_p50_ns"),
		peal_report_figure(&simrun_report, "order_clock_1ms_behind_p50_ns"),
		peal_report_figure(&simrun_report, "order_clock_37h_ahead_p50_ns"));
	/* What jumps ahead is followed after a seal. The story looks at the rest. */
	assert_true(peal_report_figure(&simrun_report, "order_clock_37h_ahead_future_ts") > 0);
	assert_true(peal_report_figure(&simrun_report, "order_clock_37h_ahead_max_ns") <= 500000U);
}

static void
test_order__two_that_seal_against_each_other_come_to_an_end(void **state)
{
	(void)state;
	assert_true(simrun("duel", 3, NULL, 1));
	/* They did overtake each other. */
	assert_true(peal_report_figure(&simrun_report, "order_duel_rounds_ts") >
		    2U * peal_report_figure(&simrun_report, "order_duel_seals_ts"));
}

int
main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_order__is_one_for_all_whatever_happens),
		cmocka_unit_test(test_order__goes_on_in_groups_of_every_size),
		cmocka_unit_test(test_order__a_rank_that_stands_still_stops_nobody),
		cmocka_unit_test(test_order__a_wrong_clock_costs_time_and_nothing_else),
		cmocka_unit_test(test_order__two_that_seal_against_each_other_come_to_an_end),
	};

	seeds_count = simrun_count(argc, argv, seeds_count);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
