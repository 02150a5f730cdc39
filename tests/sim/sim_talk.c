/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Members that talk over channels, in bad weather, on foul links and under random faults: all that
 * was accepted comes once, in order and whole, or is reported, and nothing is left over.
 */
#include "tests/sim/simrun.h"

static uint64_t seeds_count = 40;

static void
test_talk__arrives_once_in_order_or_is_reported(void **state)
{
	(void)state;
	simrun_seeds("talk", 0, NULL, seeds_count);
}

/* Many to a pair: few nodes open more than there is room for. */
static void
test_talk__is_well_between_three(void **state)
{
	(void)state;
	simrun_seeds("talk", 3, NULL, seeds_count / 2U);
}

/* What the story is for does happen in these few seeds already; a night asks for more of it. */
static void
take_rare_paths(bool is_ipv6)
{
	static const enum peal_counter wanted[] = {
		PEAL_COUNTER_CHANNEL_FRAMES_REPEATED,
		PEAL_COUNTER_CHANNEL_DUPLICATES,
		PEAL_COUNTER_CHANNEL_HELD,
		PEAL_COUNTER_CHANNEL_NO_BUFFER,
		PEAL_COUNTER_CHANNEL_OVERTAKEN,
		PEAL_COUNTER_CHANNEL_TAIL_PROBES,
		PEAL_COUNTER_CHANNEL_TIMEOUTS,
		PEAL_COUNTER_CHANNEL_BLOCKED,
		PEAL_COUNTER_CHANNEL_REFUSED_STALE,
		PEAL_COUNTER_CHANNEL_REFUSED_UNKNOWN,
		PEAL_COUNTER_CHANNEL_RESETS_CLOSED,
		PEAL_COUNTER_CHANNEL_RESETS_UNKNOWN,
		PEAL_COUNTER_CHANNEL_RESETS_STALE,
		PEAL_COUNTER_REFUSED_TAG,
	};
	uint64_t counters[PEAL_COUNTERS_COUNT] = {0};

	for (uint64_t seed = 1; seed <= 8; seed++) {
		const struct peal_scenario_options options = {
			.nodes_count = 5, .seed = seed, .is_ipv6 = is_ipv6};

		assert_true(simrun_with("talk", &options));
		for (uint32_t i = 0; i < PEAL_COUNTERS_COUNT; i++) {
			counters[i] += simrun_report.counters[i];
		}
	}
	for (uint32_t i = 0; i < sizeof(wanted) / sizeof(wanted[0]); i++) {
		if (counters[wanted[i]] == 0) {
			fail_msg("%s was never above zero", peal_counter_name(wanted[i]));
		}
	}
	/* Nobody lies here. */
	assert_int_equal(counters[PEAL_COUNTER_CHANNEL_REFUSED_ACK], 0);
	assert_int_equal(counters[PEAL_COUNTER_CHANNEL_REFUSED_PROTOCOL], 0);
}

static void
test_talk__takes_the_rare_paths(void **state)
{
	(void)state;
	take_rare_paths(false);
}

/* Links are as foul to frames that begin elsewhere. */
static void
test_talk__takes_the_rare_paths_over_ipv6(void **state)
{
	(void)state;
	take_rare_paths(true);
}

int
main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_talk__arrives_once_in_order_or_is_reported),
		cmocka_unit_test(test_talk__is_well_between_three),
		cmocka_unit_test(test_talk__takes_the_rare_paths),
		cmocka_unit_test(test_talk__takes_the_rare_paths_over_ipv6),
	};

	seeds_count = simrun_count(argc, argv, seeds_count);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
