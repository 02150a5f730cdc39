/* SPDX-License-Identifier: BSD-3-Clause */
/* Groups of three to sixteen under random faults: nothing wrong is ever seen, and healed they
 * agree.
 */
#include "tests/sim/simrun.h"

#include <string.h>

static uint64_t seeds_count = 500;

static void
test_swarm__is_safe_in_the_storm_and_agrees_after_it(void **state)
{
	(void)state;
	simrun_seeds("swarm", 0, NULL, seeds_count);
}

static void
test_swarm__is_safe_with_the_fastest_detector(void **state)
{
	(void)state;
	simrun_seeds("swarm", 0, "dpdk-fast", seeds_count / 4U);
}

int
main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_swarm__is_safe_in_the_storm_and_agrees_after_it),
		cmocka_unit_test(test_swarm__is_safe_with_the_fastest_detector),
	};

	seeds_count = simrun_count(argc, argv, seeds_count);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
