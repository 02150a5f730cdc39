/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Total order: `--seeds` groups (60) of one to nine ranks under random faults, restarts without
 * memory and wrong clocks.
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

int
main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_order__is_one_for_all_whatever_happens),
		cmocka_unit_test(test_order__goes_on_in_groups_of_every_size),
	};

	seeds_count = simrun_count(argc, argv, seeds_count);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
