/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Stories of links that fail in part, told as scripts that people can read: tests/sim/scripts. Each
 * is played with its own seed and with others.
 */
#include "sim/shrink.h"
#include "tests/sim/simrun.h"

#include <stdio.h>

#define SEEDS_COUNT 20U

static struct peal_script
read_script(const char *path)
{
	FILE *file = fopen(path, "r");
	struct peal_script script;
	uint32_t line = 0;

	assert_non_null(file);
	peal_script_init(&script);
	if (!peal_script_read(&script, file, &line)) {
		fail_msg("%s:%u: no line of a script", path, line);
	}
	(void)fclose(file);
	return script;
}

static void
tell(const char *path)
{
	struct peal_script script = read_script(path);
	uint64_t seed = script.seed;

	assert_true(script.has_talk);
	for (uint64_t i = 0; i < SEEDS_COUNT; i++) {
		script.seed = seed + i;
		if (!peal_shrink_play(&script, NULL, &simrun_report)) {
			fail_msg("%s with seed %" PRIu64 ": %s", path, script.seed,
				simrun_report.violations[0]);
		}
		assert_true(simrun_report.messages_count > 1000);
		assert_true(simrun_report.counters[PEAL_COUNTER_CHANNEL_TIMEOUTS] > 0);
		assert_int_equal(simrun_report.healthy_removed_count, 0);
	}
	peal_script_fini(&script);
}

static void
test_stories__a_link_that_works_one_way(void **state)
{
	(void)state;
	tell("tests/sim/scripts/asymmetric-link.txt");
	assert_int_equal(simrun_report.removed_count, 0);
}

static void
test_stories__two_halves_that_share_a_member(void **state)
{
	(void)state;
	tell("tests/sim/scripts/overlapping-partition.txt");
}

static void
test_stories__a_link_that_never_comes_back(void **state)
{
	(void)state;
	tell("tests/sim/scripts/broken-pair.txt");
	assert_int_equal(simrun_report.removed_count, 0);
	assert_true(simrun_report.counters[PEAL_COUNTER_RELAY_HEARD] > 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_stories__a_link_that_works_one_way),
		cmocka_unit_test(test_stories__a_link_that_never_comes_back),
		cmocka_unit_test(test_stories__two_halves_that_share_a_member),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
