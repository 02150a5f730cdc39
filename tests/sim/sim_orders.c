/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Order groups in the cores of groups of 3 to 12 members that come and go: `--seeds` runs (2) of
 * each size.
 */
#include "tests/sim/simrun.h"

static uint64_t seeds_count = 2;

static void
test_orders__are_one_for_all_while_members_come_and_go(void **state)
{
	static const uint16_t sizes[] = {3, 5, 7};

	(void)state;
	for (uint32_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		simrun_seeds("orders", sizes[i], NULL, seeds_count);
		assert_true(peal_report_figure(&simrun_report, "said") > 0);
	}
}

static void
test_orders__in_a_larger_group(void **state)
{
	(void)state;
	simrun_seeds("orders", 12, NULL, (seeds_count + 1U) / 2U);
}

int
main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_orders__are_one_for_all_while_members_come_and_go),
		cmocka_unit_test(test_orders__in_a_larger_group),
	};

	seeds_count = simrun_count(argc, argv, seeds_count);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
