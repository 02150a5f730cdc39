/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Two members and one: a dead junior is removed, a dead senior leaves the junior without quorum and
 * as it was, a cut has one winner, both can leave in either order, and one alone lives and takes a
 * second in.
 */
#include "tests/sim/simrun.h"

#include <string.h>

static void
test_two__the_senior_goes_on_and_the_junior_waits(void **state)
{
	(void)state;
	simrun_seeds("two", 0, NULL, 50);
}

static void
test_two__one_forms_and_leaves_alone(void **state)
{
	(void)state;
	simrun_seeds("form", 1, NULL, 10);
	simrun_seeds("leave", 1, NULL, 10);
}

static void
test_two__two_form_leave_and_lose_the_junior(void **state)
{
	(void)state;
	simrun_seeds("form", 2, NULL, 20);
	simrun_seeds("leave", 2, NULL, 20);
	simrun_seeds("crash", 2, NULL, 20);
	simrun_seeds("loss", 2, NULL, 5);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_two__the_senior_goes_on_and_the_junior_waits),
		cmocka_unit_test(test_two__one_forms_and_leaves_alone),
		cmocka_unit_test(test_two__two_form_leave_and_lose_the_junior),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
