/* SPDX-License-Identifier: BSD-3-Clause */
/* The alarm works: a node that is broken on purpose is found, whichever way it is broken. */
#include "tests/sim/simrun.h"

#include <string.h>

static bool
is_named(const char *words)
{
	for (uint32_t i = 0; i < simrun_report.violations_count; i++) {
		if (strstr(simrun_report.violations[i], words) != NULL) {
			return true;
		}
	}
	return false;
}

static void
test_canary__a_vote_that_is_forgotten_is_found(void **state)
{
	(void)state;
	for (uint64_t seed = 2; seed <= 200; seed += 2) {
		assert_true(simrun("canary", 0, NULL, seed));
		assert_true(simrun_report.violations_count > 0);
		assert_true(is_named("was replaced by something older"));
	}
}

static void
test_canary__a_decision_without_a_quorum_is_found(void **state)
{
	(void)state;
	for (uint64_t seed = 1; seed <= 201; seed += 2) {
		assert_true(simrun("canary", 0, NULL, seed));
		assert_true(simrun_report.violations_count > 0);
		assert_true(is_named("members accepted that cut"));
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_canary__a_vote_that_is_forgotten_is_found),
		cmocka_unit_test(test_canary__a_decision_without_a_quorum_is_found),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
