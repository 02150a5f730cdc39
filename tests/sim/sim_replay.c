/* SPDX-License-Identifier: BSD-3-Clause */
/* A seed decides everything: run twice, it gives the same digest and figures; another seed does
 * not. */
#include "tests/sim/simrun.h"

#include <string.h>

static void
run_twice(const char *name, uint64_t seed)
{
	struct peal_report first;

	(void)simrun_quietly(name, 0, NULL, seed);
	first = simrun_report;
	/* Memory that the second run gets was somebody else's in between. */
	(void)simrun_quietly("form", 7, NULL, seed + 1U);
	(void)simrun_quietly(name, 0, NULL, seed);
	assert_int_equal(simrun_report.digest, first.digest);
	assert_memory_equal(&simrun_report, &first, sizeof(first));
}

static void
test_replay__gives_the_same_run_again(void **state)
{
	(void)state;
	for (uint64_t seed = 1; seed <= 10; seed++) {
		run_twice("swarm", seed);
	}
	run_twice("crash", 3);
	run_twice("loss", 4);
	run_twice("quiet60", 5);
}

static void
test_replay__another_seed_is_another_run(void **state)
{
	uint64_t digest;

	(void)state;
	(void)simrun_quietly("form", 0, NULL, 1);
	digest = simrun_report.digest;
	(void)simrun_quietly("form", 0, NULL, 2);
	assert_int_not_equal(simrun_report.digest, digest);
}

static void
test_replay__the_command_names_all_that_decides(void **state)
{
	char command[SIMRUN_COMMAND_SIZE];

	(void)state;
	(void)simrun_quietly("form", 4, "cloud", 9);
	peal_scenario_command(&simrun_report, command, sizeof(command));
	assert_string_equal(command,
		"peal-sim run --scenario form --nodes 4 --preset cloud --detector window "
		"--seed 9");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_replay__gives_the_same_run_again),
		cmocka_unit_test(test_replay__another_seed_is_another_run),
		cmocka_unit_test(test_replay__the_command_names_all_that_decides),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
