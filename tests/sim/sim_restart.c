/* SPDX-License-Identifier: BSD-3-Clause */
/* A process that ends and is back on its address before anybody notices is taken back in one view.
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

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_restart__takes_one_view),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
