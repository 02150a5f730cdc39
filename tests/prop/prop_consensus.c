/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Agreement, validity and progress of the consensus machine in random worlds, and that the judge of
 * those worlds sees every bug that it is there for. PEAL_SEED=<n> replays one world and says how it
 * went; PEAL_SEEDS=<n> runs that many.
 */
#include "tests/lib/cmocka_all.h"
#include "tests/lib/soup.h"

#include <stdlib.h>
#include <string.h>

#define SEEDS_DEFAULT UINT64_C(40000)
#define EITHER_COUNT  UINT64_C(4000)
#define SEARCH_MAX    UINT64_C(20000)

/* Once the faults end, everybody decides within this many T0. */
#define RECOVERY_MAX 40U

static uint64_t
read_number(const char *name, uint64_t otherwise)
{
	const char *text = getenv(name);

	return text != NULL ? strtoull(text, NULL, 10) : otherwise;
}

static void
print_result(uint64_t seed, const struct peal_soup_result *result)
{
	print_message("# seed %llu: %u members%s, %u survive, %s, %s after %llu us, %u steps, %u "
		      "rounds\n",
		(unsigned long long)seed, result->members_count,
		result->is_large ? " of a large group" : "", result->alive_count,
		result->violation != NULL ? result->violation : "no violation",
		result->all_decided ? "decided" : "NOT decided",
		(unsigned long long)(result->recovery_ns / 1000U), result->steps_count,
		result->ballots_count);
}

static bool
is_good(const struct peal_soup_result *result)
{
	return result->violation == NULL && result->all_decided &&
	       result->recovery_ns <= RECOVERY_MAX * peal_soup_fallback_ns();
}

static void
test_consensus__agrees_and_ends_in_every_world(void **state)
{
	uint64_t first = read_number("PEAL_SEED", 0);
	uint64_t count = first != 0 ? 1U : read_number("PEAL_SEEDS", SEEDS_DEFAULT);
	uint64_t steps = 0, fast = 0, classic = 0, learned = 0, slowest_ns = 0;
	uint64_t large = 0, wants = 0, refused = 0;
	uint64_t runs[PEAL_SOUP_MEMBERS_MAX + 1U] = {0};

	(void)state;
	first = first != 0 ? first : 1U;
	for (uint64_t seed = first; seed < first + count; seed++) {
		struct peal_soup_plan plan = {.seed = seed};
		struct peal_soup_result result = peal_soup_run(&plan);

		if (!is_good(&result) || count == 1) {
			print_result(seed, &result);
		}
		assert_true(is_good(&result));
		steps += result.steps_count;
		fast += result.fast_count;
		classic += result.classic_count;
		learned += result.learned_count;
		large += result.is_large ? 1U : 0U;
		wants += result.wants_count;
		refused += result.refused_count;
		runs[result.members_count]++;
		slowest_ns = result.recovery_ns > slowest_ns ? result.recovery_ns : slowest_ns;
	}
	print_message("# %llu worlds, %llu of them large, %llu bodies asked for, %llu refused\n",
		(unsigned long long)count, (unsigned long long)large, (unsigned long long)wants,
		(unsigned long long)refused);
	print_message("# %llu worlds, %llu events; decided fast %llu, classic %llu, learned %llu; "
		      "slowest recovery %llu.%02llu T0\n",
		(unsigned long long)count, (unsigned long long)steps, (unsigned long long)fast,
		(unsigned long long)classic, (unsigned long long)learned,
		(unsigned long long)(slowest_ns / peal_soup_fallback_ns()),
		(unsigned long long)(slowest_ns * 100U / peal_soup_fallback_ns() % 100U));
	for (uint32_t members = 1; count > 1000 && members <= PEAL_SOUP_MEMBERS_MAX; members++) {
		assert_true(runs[members] > 0);
	}
	if (count > 1000) {
		assert_true(large > count / 5U && large < count - count / 5U);
		assert_true(wants > 0 && refused > 0);
	}
}

/* Both ways for votes to travel, whatever the seed says. */
static void
test_consensus__agrees_and_ends_in_either_form(void **state)
{
	static const enum peal_soup_form forms[] = {PEAL_SOUP_DIRECT, PEAL_SOUP_LARGE};

	(void)state;
	for (uint32_t i = 0; i < 2; i++) {
		for (uint64_t seed = 1; seed <= EITHER_COUNT; seed++) {
			struct peal_soup_plan plan = {.seed = seed, .form = forms[i]};
			struct peal_soup_result result = peal_soup_run(&plan);

			if (!is_good(&result)) {
				print_result(seed, &result);
			}
			assert_true(is_good(&result));
			assert_int_equal(result.is_large, forms[i] == PEAL_SOUP_LARGE);
		}
	}
}

static void
test_consensus__same_seed_is_the_same_world(void **state)
{
	(void)state;
	for (uint64_t seed = 1; seed <= 200; seed++) {
		struct peal_soup_plan plan = {.seed = seed};
		struct peal_soup_result once = peal_soup_run(&plan);
		struct peal_soup_result again = peal_soup_run(&plan);

		assert_int_equal(once.trace_hash, again.trace_hash);
		assert_int_equal(once.steps_count, again.steps_count);
	}
}

/* Searches for a world in which the fault leads to `violation`. */
static void
expect_caught_in(enum peal_soup_form form, enum peal_soup_fault fault, bool outcome_only,
	const char *violation)
{
	struct peal_soup_plan plan = {.fault = fault, .outcome_only = outcome_only, .form = form};

	for (plan.seed = 1; plan.seed <= SEARCH_MAX; plan.seed++) {
		struct peal_soup_result result = peal_soup_run(&plan);

		if (result.violation != NULL && strcmp(result.violation, violation) == 0) {
			print_message(
				"# %s: world %llu\n", violation, (unsigned long long)plan.seed);
			return;
		}
	}
	fail_msg("%s: never seen", violation);
}

static void
expect_caught(enum peal_soup_fault fault, bool outcome_only, const char *violation)
{
	expect_caught_in(PEAL_SOUP_DIRECT, fault, outcome_only, violation);
}

static void
test_consensus__judge_names_each_broken_rule(void **state)
{
	(void)state;
	expect_caught(PEAL_SOUP_VOTE_AFTER_PROMISE, false, "a vote after a promise");
	expect_caught(PEAL_SOUP_VOTE_AGAIN, false, "two votes of one member");
	expect_caught(PEAL_SOUP_ACCEPT_BELOW, false, "an acceptance below a promise");
	expect_caught(PEAL_SOUP_FORGET, false, "a promise that hides what was accepted");
	expect_caught(PEAL_SOUP_PROMISE_AGAIN, false, "a promise below a promise");
	expect_caught(PEAL_SOUP_IGNORE_FORCED, false,
		"a proposal against a value that may be chosen fast");
	expect_caught(PEAL_SOUP_IGNORE_FORCED, false, "a proposal against the last classic round");
	expect_caught(PEAL_SOUP_NO_QUORUM, false, "a proposal without a quorum of promises");
	expect_caught(PEAL_SOUP_TWO_PROPOSALS, false, "two proposals in one ballot");
	expect_caught(PEAL_SOUP_INVENT, false, "a proposal that nobody made");
	expect_caught(PEAL_SOUP_LEAVE_COUNTS_TWICE, false, "two votes of one member");
	expect_caught(PEAL_SOUP_LEAVE_ANYWAY, false, "two votes of one member");
	expect_caught(PEAL_SOUP_LEAVE_ANYWAY, false, "a vote after a promise");
}

/* The rules are there because breaking them splits the group. */
static void
test_consensus__broken_rules_choose_two_values(void **state)
{
	(void)state;
	expect_caught(PEAL_SOUP_VOTE_AFTER_PROMISE, true, "two values chosen");
	expect_caught(PEAL_SOUP_VOTE_AGAIN, true, "two values chosen");
	expect_caught(PEAL_SOUP_ACCEPT_BELOW, true, "two values chosen");
	expect_caught(PEAL_SOUP_FORGET, true, "two values chosen");
	expect_caught(PEAL_SOUP_IGNORE_FORCED, true, "two values chosen");
	expect_caught(PEAL_SOUP_NO_QUORUM, true, "two values chosen");
	expect_caught(PEAL_SOUP_LEAVE_ANYWAY, true, "two values chosen");
	expect_caught(PEAL_SOUP_INVENT, true, "a value chosen that nobody proposed");
}

/* The same where votes are gathered; what stands on NACK does not happen there. */
static void
test_consensus__judge_sees_gathered_votes(void **state)
{
	const enum peal_soup_form form = PEAL_SOUP_LARGE;

	(void)state;
	expect_caught_in(form, PEAL_SOUP_VOTE_AFTER_PROMISE, false, "a vote after a promise");
	expect_caught_in(form, PEAL_SOUP_VOTE_AGAIN, false, "two votes of one member");
	expect_caught_in(form, PEAL_SOUP_FORGET, false, "a promise that hides what was accepted");
	expect_caught_in(form, PEAL_SOUP_IGNORE_FORCED, false,
		"a proposal against a value that may be chosen fast");
	expect_caught_in(
		form, PEAL_SOUP_NO_QUORUM, false, "a proposal without a quorum of promises");
	expect_caught_in(form, PEAL_SOUP_TWO_PROPOSALS, false, "two proposals in one ballot");
	expect_caught_in(form, PEAL_SOUP_INVENT, false, "a proposal that nobody made");
	expect_caught_in(form, PEAL_SOUP_VOTE_AFTER_PROMISE, true, "two values chosen");
	expect_caught_in(form, PEAL_SOUP_VOTE_AGAIN, true, "two values chosen");
	expect_caught_in(form, PEAL_SOUP_FORGET, true, "two values chosen");
	expect_caught_in(form, PEAL_SOUP_IGNORE_FORCED, true, "two values chosen");
	expect_caught_in(form, PEAL_SOUP_NO_QUORUM, true, "two values chosen");
}

/* Members that stop at two values in one ballot get stuck: the check of progress sees it. */
static void
test_consensus__being_stuck_is_noticed(void **state)
{
	struct peal_soup_plan plan = {.fault = PEAL_SOUP_TWO_PROPOSALS, .outcome_only = true};

	(void)state;
	for (plan.seed = 1; plan.seed <= SEARCH_MAX; plan.seed++) {
		struct peal_soup_result result = peal_soup_run(&plan);

		assert_null(result.violation);
		if (!result.all_decided) {
			return;
		}
	}
	fail_msg("everybody decides in spite of two values in one ballot");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_consensus__agrees_and_ends_in_every_world),
		cmocka_unit_test(test_consensus__agrees_and_ends_in_either_form),
		cmocka_unit_test(test_consensus__same_seed_is_the_same_world),
		cmocka_unit_test(test_consensus__judge_names_each_broken_rule),
		cmocka_unit_test(test_consensus__broken_rules_choose_two_values),
		cmocka_unit_test(test_consensus__judge_sees_gathered_votes),
		cmocka_unit_test(test_consensus__being_stuck_is_noticed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
