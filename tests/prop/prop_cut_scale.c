/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The rule of the cut on rings, in groups of up to a thousand: a small part of the study behind
 * docs/design/0004-cut-at-scale.md (tests/bench/study_cut.c), the same at each run.
 */
#include "tests/lib/cmocka_all.h"
#include "tests/lib/judge_twin.h"
#include "tests/lib/trial_kind.h"

#include <stdio.h>

#define RINGS 10U

static struct peal_trial trial;
static struct peal_evidence evidence;
static struct peal_verdict_sets actual;
static struct peal_verdict_sets expected;

static const struct peal_twin_rule whole_rule = {true, true, true, true, true, true};

/* ---- the evidence of a group, without time ---- */

static void
set_up(const char *name, uint64_t seed, uint32_t members_count, uint8_t rings_count,
	uint32_t percent)
{
	const struct peal_trial_kind *kind = peal_trial_find_kind(name);

	assert_non_null(kind);
	peal_trial_set_up(&trial, kind, seed, members_count, rings_count, percent);
	peal_judgement_init_evidence(&evidence, &trial.view, &trial.topology);
}

/* Of the edges that the faults break, so many of 256 are reported. */
static void
tell(uint32_t ratio)
{
	for (uint32_t rank = 0; rank < trial.members_count; rank++) {
		for (uint32_t k = 0; k < trial.topology.observers_count; k++) {
			uint32_t observer = peal_rings_observer(&trial.topology, rank, k);
			bool is_bad = peal_bitset_has(&trial.faulty, rank) ||
				      peal_bitset_has(&trial.faulty, observer) ||
				      peal_bitset_has(&trial.broken[rank], observer);

			if (is_bad && trial.faults[observer].loss_out < 256 &&
				peal_prng_ratio(&trial.prng, ratio, 256)) {
				evidence.masks[rank] |= UINT32_C(1) << k;
				peal_bitset_add(&evidence.reported, rank);
			}
		}
	}
}

static void
assert_agreed(void)
{
	assert_true(peal_bitset_equals(&actual.stable, &expected.stable));
	assert_true(peal_bitset_equals(&actual.unstable, &expected.unstable));
	assert_true(peal_bitset_equals(&actual.doubtful, &expected.doubtful));
	assert_true(peal_bitset_equals(&actual.blamed, &expected.blamed));
}

static void
prop_cut_scale__agrees_with_its_twin_in_large_groups(void **state)
{
	static const char *const names[] = {
		"crash", "deaf", "mixed", "deaf+links", "part 45|45", "links 20%"};
	struct peal_prng prng;
	uint64_t unstable_count = 0;
	uint64_t blamed_count = 0;

	(void)state;
	peal_prng_init(&prng, 1);
	for (uint32_t round = 0; round < 120; round++) {
		uint32_t members_count = 65U + (uint32_t)peal_prng_below(&prng, 400);

		members_count = round % 20U == 0 ? 1000 : members_count;
		set_up(names[round % 6U], round, members_count,
			(uint8_t)(3U + peal_prng_below(&prng, 14)),
			1U + (uint32_t)peal_prng_below(&prng, 49));
		tell(16U + (uint32_t)peal_prng_below(&prng, 241));
		peal_twin_decide(&evidence, &whole_rule, &expected);
		peal_twin_decide(&evidence, NULL, &actual);
		assert_agreed();
		unstable_count += peal_bitset_count(&actual.unstable);
		blamed_count += peal_bitset_count(&actual.blamed);
	}
	print_message("# 120 groups of 65..1000: %llu unstable, %llu of them blamed\n",
		(unsigned long long)unstable_count, (unsigned long long)blamed_count);
	assert_true(blamed_count > 0);
	assert_true(blamed_count < unstable_count);
}

/* ---- any part of the reports ---- */

#define REPORTS_MAX (PEAL_MEMBERS_MAX * RINGS)

static struct {
	uint32_t count;
	uint32_t first_count; /* of them by the deaf */
	struct {
		uint16_t rank;
		uint16_t k;
	} of[REPORTS_MAX];
} reports;

static void
swap_reports(uint32_t a, uint32_t b)
{
	uint16_t rank = reports.of[a].rank;
	uint16_t k = reports.of[a].k;

	reports.of[a] = reports.of[b];
	reports.of[b].rank = rank;
	reports.of[b].k = k;
}

/* All that deaf members lead to, in an order of chance; `is_deaf_first`: what they say first. */
static void
list_reports(bool is_deaf_first)
{
	reports.count = 0;
	reports.first_count = 0;
	for (uint32_t rank = 0; rank < trial.members_count; rank++) {
		for (uint32_t k = 0; k < trial.topology.observers_count; k++) {
			uint32_t observer = peal_rings_observer(&trial.topology, rank, k);

			if (peal_bitset_has(&trial.faulty, rank) ||
				peal_bitset_has(&trial.faulty, observer)) {
				reports.of[reports.count].rank = (uint16_t)rank;
				reports.of[reports.count].k = (uint16_t)k;
				reports.count++;
			}
		}
	}
	for (uint32_t left = reports.count; left > 1; left--) {
		swap_reports((uint32_t)peal_prng_below(&trial.prng, left), left - 1U);
	}
	for (uint32_t i = 0; i < reports.count && is_deaf_first; i++) {
		if (peal_bitset_has(&trial.faulty, peal_rings_observer(&trial.topology,
							   reports.of[i].rank, reports.of[i].k))) {
			swap_reports(i, reports.first_count++);
		}
	}
}

/* True when somebody healthy was stable at any moment. Nobody may be while nobody is unstable. */
static bool
arrive(uint32_t judged_every)
{
	bool is_healthy_stable = false;

	for (uint32_t i = 0; i < reports.count; i++) {
		uint32_t rank = reports.of[i].rank;
		struct peal_bitset wrong;

		evidence.masks[rank] |= UINT32_C(1) << reports.of[i].k;
		peal_bitset_add(&evidence.reported, rank);
		if (i % judged_every != 0) {
			continue;
		}
		peal_twin_decide(&evidence, NULL, &actual);
		wrong = peal_bitset_difference(&actual.stable, &trial.faulty);
		if (!peal_bitset_is_empty(&wrong)) {
			is_healthy_stable = true;
			assert_false(peal_bitset_is_empty(&actual.unstable));
		}
	}
	return is_healthy_stable;
}

static void
prop_cut_scale__never_proposes_a_healthy_member_on_part_of_the_reports(void **state)
{
	(void)state;
	for (uint32_t is_deaf_first = 0; is_deaf_first < 2; is_deaf_first++) {
		uint32_t stable_count = 0;

		for (uint32_t run = 0; run < 60; run++) {
			uint32_t members_count = run % 3U == 0 ? 300 : 100;

			set_up("deaf", run, members_count, RINGS, 40U + run % 11U);
			list_reports(is_deaf_first == 1);
			stable_count += arrive(members_count / 30U) ? 1U : 0U;
		}
		print_message("# N 100 and 300, nearly half deaf, %s: 60 runs, in %u a healthy "
			      "member was "
			      "stable while others were unstable\n",
			is_deaf_first == 1 ? "deaf heard first" : "order of chance", stable_count);
	}
}

/* ---- trials ---- */

struct tally {
	uint32_t trials_count;
	uint32_t steps_count; /* beyond the first */
};

static void
run_trials(const char *name, uint32_t members_count, uint32_t percent, uint32_t runs_count,
	struct tally *tally)
{
	for (uint32_t run = 0; run < runs_count; run++) {
		struct peal_trial_result result;

		set_up(name, 1000U * members_count + 100U * percent + run, members_count, RINGS,
			percent);
		result = peal_trial_run(&trial);
		if (result.healthy_out_count + result.healthy_due_count +
				result.healthy_free_count + result.left_count >
			0) {
			fail_msg("%s, N %u, %u %%, run %u: healthy out %u due %u free %u, faulty "
				 "left %u",
				name, members_count, percent, run, result.healthy_out_count,
				result.healthy_due_count, result.healthy_free_count,
				result.left_count);
		}
		tally->trials_count++;
		tally->steps_count += result.cuts_count > 1 ? result.cuts_count - 1U : 0;
	}
}

static void
prop_cut_scale__removes_the_faulty_and_nobody_else(void **state)
{
	static const char *const names[] = {"crash", "deaf", "mute", "in80", "out80", "both80",
		"flip 20 s", "flip 0.15 s", "mixed", "crash+links", "deaf+links", "in80+links",
		"crash, late", "deaf, late", "in80, late"};
	struct tally tally = {0};

	(void)state;
	for (uint32_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		run_trials(names[i], 16, 5, 20, &tally);
		run_trials(names[i], 16, 33, 20, &tally);
		run_trials(names[i], 64, 10, 10, &tally);
		run_trials(names[i], 64, 33, 10, &tally);
		run_trials(names[i], 300, 20, 4, &tally);
		run_trials(names[i], 300, 33, 4, &tally);
		run_trials(names[i], 1000, 1, 4, &tally);
		run_trials(names[i], 1000, 10, 2, &tally);
	}
	print_message(
		"# crashed, deaf, mute, lossy, flapping, with broken links, with late reports: "
		"%u trials, %u cuts more than one each\n",
		tally.trials_count, tally.steps_count);
	assert_true(100U * tally.steps_count <= tally.trials_count);
}

static void
prop_cut_scale__changes_nothing_for_fewer_than_l_broken_links(void **state)
{
	(void)state;
	for (uint32_t run = 0; run < 3; run++) {
		struct peal_trial_result result;

		set_up("links", run, run < 2 ? 64 : 1000, RINGS, 0);
		result = peal_trial_run(&trial);
		assert_int_equal(result.cuts_count, 0);
		assert_int_equal(result.echoes_count, 0);
	}
}

/* What is left of a group with broken links is a matter of taste; but nobody healthy goes. */
static void
prop_cut_scale__takes_nobody_healthy_from_overlapping_parts(void **state)
{
	struct tally tally = {0};

	(void)state;
	run_trials("part 10|10", 64, 0, 5, &tally);
	run_trials("part 20|20", 64, 0, 5, &tally);
	run_trials("part 33|33", 100, 0, 5, &tally);
	run_trials("part 45|45", 100, 0, 5, &tally);
	run_trials("part 40|55", 100, 0, 5, &tally);
	run_trials("part 45|45", 300, 0, 2, &tally);
	run_trials("links 20%", 100, 0, 2, &tally);
	print_message("# overlapping parts: %u trials, %u cuts more than one each\n",
		tally.trials_count, tally.steps_count);
}

/* ---- the alarms work ---- */

/* In how many groups somebody healthy is stable by this rule, with all reports known. */
static uint32_t
count_wrong(const struct peal_twin_rule *rule)
{
	uint32_t wrong_count = 0;

	for (uint32_t run = 0; run < 60; run++) {
		set_up("crash+links", run, 300, RINGS, 45);
		tell(256);
		peal_twin_decide(&evidence, rule, &actual);
		actual.stable = peal_bitset_difference(&actual.stable, &trial.faulty);
		wrong_count += peal_bitset_is_empty(&actual.stable) ? 0U : 1U;
	}
	return wrong_count;
}

/* Healthy members that are reinforced while half of the reports of lossy members are known. */
static uint32_t
count_blamed(const struct peal_twin_rule *rule)
{
	uint32_t blamed_count = 0;

	for (uint32_t run = 0; run < 20; run++) {
		set_up("in20", run, 300, RINGS, 33);
		tell(128);
		peal_twin_decide(&evidence, rule, &actual);
		actual.blamed = peal_bitset_difference(&actual.blamed, &trial.faulty);
		blamed_count += peal_bitset_count(&actual.blamed);
	}
	return blamed_count;
}

static void
prop_cut_scale__notices_each_part_that_is_missing(void **state)
{
	static const struct peal_twin_rule no_word = {true, true, true, true, false, true};
	static const struct peal_twin_rule no_blame = {true, true, true, true, true, false};
	uint32_t wrong_counts[2];
	uint32_t blamed_counts[2];

	(void)state;
	wrong_counts[0] = count_wrong(NULL);
	wrong_counts[1] = count_wrong(&no_word);
	print_message(
		"# 45 %% crashed, healthy ones with broken links: a healthy one is stable in %u "
		"of 60 groups, and in %u if its word is not heard\n",
		wrong_counts[0], wrong_counts[1]);
	assert_true(10U * wrong_counts[0] <= wrong_counts[1]);
	assert_true(wrong_counts[1] > 0);

	blamed_counts[0] = count_blamed(NULL);
	blamed_counts[1] = count_blamed(&no_blame);
	print_message(
		"# a third lossy, half of their reports known: %u healthy would be reinforced, "
		"and %u if nobody were blamed before others\n",
		blamed_counts[0], blamed_counts[1]);
	assert_true(4U * blamed_counts[0] < blamed_counts[1]);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(prop_cut_scale__agrees_with_its_twin_in_large_groups),
		cmocka_unit_test(
			prop_cut_scale__never_proposes_a_healthy_member_on_part_of_the_reports),
		cmocka_unit_test(prop_cut_scale__removes_the_faulty_and_nobody_else),
		cmocka_unit_test(prop_cut_scale__changes_nothing_for_fewer_than_l_broken_links),
		cmocka_unit_test(prop_cut_scale__takes_nobody_healthy_from_overlapping_parts),
		cmocka_unit_test(prop_cut_scale__notices_each_part_that_is_missing),
	};

	return cmocka_run_group_tests_name("prop_cut_scale", tests, NULL, NULL);
}
