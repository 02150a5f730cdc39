/* SPDX-License-Identifier: BSD-3-Clause */
/* Groups of all small sizes come into being, and all their members leave, one view each. */
#include "tests/sim/simrun.h"

#include <string.h>

static void
test_leave__everybody_forms_one_group(void **state)
{
	(void)state;
	for (uint16_t nodes_count = 1; nodes_count <= 16; nodes_count++) {
		simrun_seeds("form", nodes_count, NULL, 10);
	}
}

static void
test_leave__all_leave_one_after_the_other(void **state)
{
	(void)state;
	for (uint16_t nodes_count = 1; nodes_count <= 12; nodes_count++) {
		simrun_seeds("leave", nodes_count, NULL, 10);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_leave__everybody_forms_one_group),
		cmocka_unit_test(test_leave__all_leave_one_after_the_other),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
