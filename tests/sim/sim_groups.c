/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Process groups: `--seeds` worlds (12) in which clients and nodes come and go.
 */
#include "tests/sim/simrun.h"

static uint64_t seeds_count = 12;

static void
test_groups__all_see_the_same_under_churn(void **state)
{
	(void)state;
	simrun_seeds("groups", 0, NULL, seeds_count);
}

int
main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_groups__all_see_the_same_under_churn),
	};

	seeds_count = simrun_count(argc, argv, seeds_count);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
