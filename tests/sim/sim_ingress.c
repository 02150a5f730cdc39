/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Partial failures of the network, exhaustively: two members that hear nothing, each pair of five
 * to nine, are out in one view and nobody healthy with them; a link that is dead in one direction
 * or both, each of three, four and five, removes nobody.
 */
#include "tests/sim/simrun.h"

#include <string.h>

static void
test_ingress__two_deaf_members_fall_and_nobody_else(void **state)
{
	(void)state;
	for (uint16_t nodes_count = 5; nodes_count <= 9; nodes_count++) {
		simrun_seeds("ingress", nodes_count, NULL, 3);
	}
}

static void
test_ingress__a_dead_direction_removes_nobody(void **state)
{
	(void)state;
	for (uint16_t nodes_count = 3; nodes_count <= 5; nodes_count++) {
		simrun_seeds("oneway", nodes_count, NULL, 5);
	}
}

static void
test_ingress__a_dead_link_removes_nobody(void **state)
{
	(void)state;
	for (uint16_t nodes_count = 3; nodes_count <= 5; nodes_count++) {
		simrun_seeds("triangle", nodes_count, NULL, 5);
	}
}

static void
test_ingress__a_minority_that_is_cut_off_comes_back(void **state)
{
	(void)state;
	for (uint16_t nodes_count = 3; nodes_count <= 9; nodes_count++) {
		simrun_seeds("split", nodes_count, NULL, 10);
	}
}

static void
test_ingress__weather_removes_nobody(void **state)
{
	(void)state;
	for (uint16_t nodes_count = 3; nodes_count <= 7; nodes_count++) {
		simrun_seeds("loss", nodes_count, NULL, 4);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_ingress__two_deaf_members_fall_and_nobody_else),
		cmocka_unit_test(test_ingress__a_dead_direction_removes_nobody),
		cmocka_unit_test(test_ingress__a_dead_link_removes_nobody),
		cmocka_unit_test(test_ingress__a_minority_that_is_cut_off_comes_back),
		cmocka_unit_test(test_ingress__weather_removes_nobody),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
