/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A process that ends and is back on its address before anybody notices is taken back in one view.
 * When most of a group end and start again, and when processes start again while there is no group
 * yet, one group comes out.
 */
#include "tests/sim/simrun.h"

#include <string.h>

static void
test_restart__takes_one_view(void **state)
{
	(void)state;
	for (uint16_t nodes_count = 3; nodes_count <= 9; nodes_count++) {
		simrun_seeds("restart", nodes_count, NULL, 10);
	}
}

static void
test_restart__of_most_ends_in_one_group(void **state)
{
	(void)state;
	for (uint16_t nodes_count = 3; nodes_count <= 9; nodes_count++) {
		simrun_seeds("reborn", nodes_count, NULL, 20);
	}
}

static void
test_restart__at_a_cold_start_founds_one_group(void **state)
{
	(void)state;
	for (uint16_t nodes_count = 2; nodes_count <= 5; nodes_count++) {
		simrun_seeds("cold", nodes_count, NULL, 200);
	}
}

static void
test_restart__of_joiners_lets_no_dead_one_in(void **state)
{
	(void)state;
	for (uint16_t nodes_count = 3; nodes_count <= 9; nodes_count++) {
		simrun_seeds("ghosts", nodes_count, NULL, 20);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_restart__takes_one_view),
		cmocka_unit_test(test_restart__of_most_ends_in_one_group),
		cmocka_unit_test(test_restart__at_a_cold_start_founds_one_group),
		cmocka_unit_test(test_restart__of_joiners_lets_no_dead_one_in),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
