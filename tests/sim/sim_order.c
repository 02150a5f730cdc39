/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Total order: `--seeds` groups (60) of one to nine ranks under random faults, restarts without
 * memory and wrong clocks; and how long the others stand when one of three does.
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
	print_message("# 10 us one way: a message takes %" PRIu64 " ns, %" PRIu64
		      " ns with lingering ticks; without a delivery when one of three stands "
		      "still or ends: %" PRIu64 " ns\n",
		peal_report_figure(&simrun_report, "order_light_ns"),
		peal_report_figure(&simrun_report, "order_light_lingering_ns"),
		peal_report_figure(&simrun_report, "order_frozen_gap_ns"));
	/* Two delays without ticks; with them 1.2 delays and a tick. */
	assert_true(peal_report_figure(&simrun_report, "order_light_ns") <= 22000U);
	assert_true(peal_report_figure(&simrun_report, "order_light_lingering_ns") <= 17000U);
}

int
main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_order__is_one_for_all_whatever_happens),
		cmocka_unit_test(test_order__goes_on_in_groups_of_every_size),
		cmocka_unit_test(test_order__a_rank_that_stands_still_stops_nobody),
	};

	seeds_count = simrun_count(argc, argv, seeds_count);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
