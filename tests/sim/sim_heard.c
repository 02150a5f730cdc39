/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Broadcasts of clients: `--seeds` worlds (12) of five nodes, and a twelfth of that of 66, where
 * all members share lanes and trees.
 */
#include "tests/sim/simrun.h"

#define LARGE_NODES 66U
#define LARGE_PART  12U

static uint64_t seeds_count = 12;

static void
test_heard__who_goes_on_together_has_heard_the_same(void **state)
{
	(void)state;
	simrun_seeds("heard", 5, NULL, seeds_count);
}

static void
test_heard__in_a_large_view_too(void **state)
{
	(void)state;
	simrun_seeds("heard", LARGE_NODES, NULL, (seeds_count + LARGE_PART - 1U) / LARGE_PART);
}

int
main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_heard__who_goes_on_together_has_heard_the_same),
		cmocka_unit_test(test_heard__in_a_large_view_too),
	};

	seeds_count = simrun_count(argc, argv, seeds_count);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
