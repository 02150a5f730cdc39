/* SPDX-License-Identifier: BSD-3-Clause */
/* A thousand nodes under random faults for two seconds: nothing wrong is ever seen, and healed they
 * agree. */
#include "tests/sim/simrun.h"

#include <string.h>

#define NODES_COUNT 1000U

static uint64_t seeds_count = 5;

static void
test_storm__a_thousand_are_safe_and_agree_after_it(void **state)
{
	(void)state;
	simrun_seeds("storm", NODES_COUNT, NULL, seeds_count);
}

int
main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_storm__a_thousand_are_safe_and_agree_after_it),
	};

	seeds_count = simrun_count(argc, argv, seeds_count);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
