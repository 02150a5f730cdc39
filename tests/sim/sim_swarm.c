/* SPDX-License-Identifier: BSD-3-Clause */
/* Groups of three to sixteen under random faults: nothing wrong is ever seen, and healed they
 * agree.
 */
#include "tests/sim/simrun.h"

#include <string.h>

static uint64_t seeds_count = 500;

static void
test_swarm__is_safe_in_the_storm_and_agrees_after_it(void **state)
{
	(void)state;
	simrun_seeds("swarm", 0, NULL, seeds_count);
}

static void
test_swarm__is_safe_with_the_fastest_detector(void **state)
{
	(void)state;
	simrun_seeds("swarm", 0, "dpdk-fast", seeds_count / 4U);
}

/* Every member has in every view the metadata that its process was started with, of every size. */
static void
test_swarm__keeps_metadata_with_its_member(void **state)
{
	uint64_t failed_count = 0;

	(void)state;
	for (uint64_t seed = 1; seed <= seeds_count / 8U; seed++) {
		struct peal_scenario_options options = {
			.seed = seed, .metadata_size_max = PEAL_METADATA_SIZE_MAX};

		failed_count += simrun_with("swarm", &options) ? 0 : 1U;
	}
	assert_int_equal(failed_count, 0);
}

/* Longer headers, neighbour discovery in place of ARP, larger records: the same group. */
static void
test_swarm__is_the_same_with_ipv6(void **state)
{
	uint64_t failed_count = 0;

	(void)state;
	for (uint64_t seed = 1; seed <= seeds_count / 8U; seed++) {
		struct peal_scenario_options options = {.seed = seed, .is_ipv6 = true};

		failed_count += simrun_with("swarm", &options) ? 0 : 1U;
	}
	assert_int_equal(failed_count, 0);
}

int
main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_swarm__is_safe_in_the_storm_and_agrees_after_it),
		cmocka_unit_test(test_swarm__is_safe_with_the_fastest_detector),
		cmocka_unit_test(test_swarm__keeps_metadata_with_its_member),
		cmocka_unit_test(test_swarm__is_the_same_with_ipv6),
	};

	seeds_count = simrun_count(argc, argv, seeds_count);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
