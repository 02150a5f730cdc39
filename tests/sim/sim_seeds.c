/* SPDX-License-Identifier: BSD-3-Clause */
/* Every seed that ever failed, from tests/sim/seeds.txt. Its lines: scenario nodes preset seed #
 * why. */
#include "tests/sim/simrun.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define LIST_PATH     "tests/sim/seeds.txt"
#define LINE_SIZE_MAX 512U

static void
test_seeds__that_failed_once_hold_now(void **state)
{
	FILE *list = fopen(LIST_PATH, "r");
	char line[LINE_SIZE_MAX];
	uint32_t count = 0;
	uint32_t failed_count = 0;

	(void)state;
	assert_non_null(list);
	while (fgets(line, sizeof(line), list) != NULL) {
		char name[32];
		char preset[16];
		uint16_t nodes_count = 0;
		uint64_t seed = 0;

		if (line[0] == '#' || line[0] == '\n') {
			continue;
		}
		assert_int_equal(sscanf(line, "%31s %" SCNu16 " %15s %" SCNu64 " #", name,
					 &nodes_count, preset, &seed),
			4);
		assert_non_null(strchr(line, '#'));
		count++;
		failed_count += simrun(name, nodes_count, preset, seed) ? 0 : 1U;
	}
	(void)fclose(list);
	print_message("# %" PRIu32 " seeds\n", count);
	assert_true(count > 0);
	assert_int_equal(failed_count, 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_seeds__that_failed_once_hold_now),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
