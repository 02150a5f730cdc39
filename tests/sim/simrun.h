/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What the tests of the simulator share: run a scenario, and say how to run it again if it goes
 * wrong.
 */
#ifndef PEAL_TESTS_SIM_SIMRUN_H
#define PEAL_TESTS_SIM_SIMRUN_H

#include "base/assert.h"
#include "sim/scenario.h"
#include "tests/lib/cmocka_all.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#define SIMRUN_COMMAND_SIZE 200U

/* The run that is going on. */
static struct peal_report simrun_report;

static void
simrun_say(void)
{
	char command[SIMRUN_COMMAND_SIZE];

	peal_scenario_command(&simrun_report, command, sizeof(command));
	for (uint32_t i = 0; i < simrun_report.violations_count && i < PEAL_REPORT_VIOLATIONS_MAX;
		i++) {
		print_error("%s\n", simrun_report.violations[i]);
	}
	print_error("seed %" PRIu64 ", again with: build/tools/peal-sim/%s --trace\n",
		simrun_report.seed, command);
}

/* An assertion of a node ends the process: the last words are how to see it again. */
static void
simrun_on_assert(const char *condition, const char *file, int line)
{
	(void)condition;
	(void)file;
	(void)line;
	simrun_say();
}

/* Runs a scenario with all its options. True when all went well; says what went wrong. */
static inline bool
simrun_with(const char *name, const struct peal_scenario_options *options)
{
	const struct peal_scenario *scenario = peal_scenario_find(name);
	bool is_good;

	assert_non_null(scenario);
	peal_assert_set_hook(simrun_on_assert);
	is_good = peal_scenario_run(scenario, options, &simrun_report);
	if (!is_good) {
		simrun_say();
	}
	return is_good;
}

/* Runs one seed. `nodes_count` 0 and `preset` NULL: the scenario's own. True when all went well. */
static inline bool
simrun_quietly(const char *name, uint16_t nodes_count, const char *preset, uint64_t seed)
{
	const struct peal_scenario *scenario = peal_scenario_find(name);
	struct peal_scenario_options options = {
		.nodes_count = nodes_count, .preset = preset, .seed = seed};

	assert_non_null(scenario);
	peal_assert_set_hook(simrun_on_assert);
	return peal_scenario_run(scenario, &options, &simrun_report);
}

/* The same, and says what went wrong. */
static inline bool
simrun(const char *name, uint16_t nodes_count, const char *preset, uint64_t seed)
{
	bool is_good = simrun_quietly(name, nodes_count, preset, seed);

	if (!is_good) {
		simrun_say();
	}
	return is_good;
}

/* Runs seeds [1, count] and fails the test when one of them went wrong; the others are run all the
 * same. */
static inline void
simrun_seeds(const char *name, uint16_t nodes_count, const char *preset, uint64_t count)
{
	uint64_t failed_count = 0;

	for (uint64_t seed = 1; seed <= count; seed++) {
		failed_count += simrun(name, nodes_count, preset, seed) ? 0 : 1U;
	}
	assert_int_equal(failed_count, 0);
}

/* The count that follows `--seeds` on the command line, or `otherwise`. */
static inline uint64_t
simrun_count(int argc, char **argv, uint64_t otherwise)
{
	if (argc == 3 && strcmp(argv[1], "--seeds") == 0) {
		return strtoull(argv[2], NULL, 10);
	}
	return otherwise;
}

#endif
