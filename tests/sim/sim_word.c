/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A node that is cut off, or stands still, has lost its word before others remove it: always when
 * the cut is clean; and under random faults, among them cuts of single directions, in nearly all
 * cases.
 */
#include "tests/sim/simrun.h"

#define NS_PER_US 1000U

static void
check(const char *scenario, uint16_t nodes_count, uint64_t seeds_count)
{
	uint32_t words_count = 0;
	uint64_t margin_ns = UINT64_MAX;

	for (uint64_t seed = 1; seed <= seeds_count; seed++) {
		assert_true(simrun(scenario, nodes_count, NULL, seed));
		assert_int_equal(simrun_report.words_late_count, 0);
		words_count += simrun_report.words_count;
		if (simrun_report.words_count > 0 && simrun_report.word_margin_ns < margin_ns) {
			margin_ns = simrun_report.word_margin_ns;
		}
	}
	assert_true(words_count > 0);
	print_message("# %s of %u: %u were removed unawares, their word was lost %llu us before\n",
		scenario, nodes_count, words_count, (unsigned long long)(margin_ns / NS_PER_US));
}

static void
test_word__is_lost_before_who_is_cut_off_is_removed(void **state)
{
	(void)state;
	check("split", 5, 20);
	check("split", 7, 10);
	check("split", 16, 5);
	check("two", 2, 20);
	check("ingress", 5, 5);
}

static void
test_word__is_lost_before_who_stands_still_is_removed(void **state)
{
	(void)state;
	check("pause", 3, 10);
	check("pause", 5, 10);
}

static void
test_word__is_nearly_always_lost_under_random_faults(void **state)
{
	uint32_t words_count = 0, late_count = 0;

	(void)state;
	for (uint64_t seed = 1; seed <= 60; seed++) {
		assert_true(simrun("swarm", (uint16_t)(3U + seed % 14U), NULL, seed));
		words_count += simrun_report.words_count;
		late_count += simrun_report.words_late_count;
	}
	print_message("# random faults: %u were removed unawares, %u of them with a word\n",
		words_count, late_count);
	assert_true(words_count > 100);
	assert_true(late_count * 50U <= words_count);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_word__is_lost_before_who_is_cut_off_is_removed),
		cmocka_unit_test(test_word__is_lost_before_who_stands_still_is_removed),
		cmocka_unit_test(test_word__is_nearly_always_lost_under_random_faults),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
