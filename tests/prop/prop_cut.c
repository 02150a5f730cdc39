/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The rule of the cut against its promise: no healthy member out, all faulty ones out in one step.
 *
 * The twin is the same rule with each of its parts on a switch. All on, it must agree with the real
 * one; with one off, the enumerations must find a case that fails, or they prove nothing.
 * docs/design/0002-cut-rule.md has the figures that are printed.
 */
#include "membership/cut.h"

#include "tests/lib/cmocka_all.h"
#include "tests/lib/judge_twin.h"
#include "tests/lib/situation.h"

#include <stdio.h>
#include <string.h>

#define RINGS  10U
#define GROUPS 3U /* topologies for each N where it is drawn */

static struct peal_situation situation;

/* Topologies that differ: below K + 2 members all are the same mesh. */
static uint32_t
groups_count(uint32_t members_count, uint32_t rings_count)
{
	return members_count <= rings_count + 1U ? 1U : GROUPS;
}

static const struct peal_twin_rule whole_rule = {true, true, true, true, true, true};

static void
assert_verdict(struct peal_verdict_bits actual, uint64_t stable)
{
	if (actual.stable != stable || actual.unstable != 0) {
		fail_msg("N %u: stable %#llx unstable %#llx doubtful %#llx, but faulty are %#llx",
			situation.view.members_count, (unsigned long long)actual.stable,
			(unsigned long long)actual.unstable, (unsigned long long)actual.doubtful,
			(unsigned long long)stable);
	}
}

static void
assert_none_of(uint64_t healthy, struct peal_verdict_bits actual)
{
	if ((actual.stable & healthy) != 0) {
		fail_msg("N %u: healthy members %#llx are stable, after %u reports",
			situation.view.members_count, (unsigned long long)(actual.stable & healthy),
			situation.reports_count);
	}
}

/* ---- the rule is one function of the reports ---- */

static void
prop_cut__agrees_with_its_twin_on_any_reports(void **state)
{
	struct peal_prng prng;

	(void)state;
	peal_prng_init(&prng, 1);
	for (uint32_t round = 0; round < 20000; round++) {
		uint16_t members_count = (uint16_t)(2U + peal_prng_below(&prng, 63));
		uint8_t rings_count = (uint8_t)(3U + peal_prng_below(&prng, 14));
		uint64_t density = 1U + peal_prng_below(&prng, 10);
		struct peal_verdict_bits expected;
		struct peal_verdict_bits actual;

		peal_situation_init(&situation, peal_prng_next(&prng), members_count, rings_count);
		for (uint32_t rank = 0; rank < members_count; rank++) {
			bool is_bad = peal_prng_ratio(&prng, 1, 4);

			for (uint32_t k = 0; k < situation.topology.observers_count; k++) {
				if (peal_prng_ratio(&prng, is_bad ? 8 : density, 20)) {
					situation.evidence.masks[rank] |= UINT32_C(1) << k;
					peal_bitset_add(&situation.evidence.reported, rank);
				}
			}
		}
		expected = peal_twin_judge(&situation.evidence, &whole_rule);
		actual = peal_twin_judge(&situation.evidence, NULL);
		assert_int_equal(actual.stable, expected.stable);
		assert_int_equal(actual.unstable, expected.unstable);
		assert_int_equal(actual.doubtful, expected.doubtful);
		assert_int_equal(actual.blamed, expected.blamed);
	}
}

/* About every fourth rank. */
static uint64_t
draw_few(struct peal_prng *prng)
{
	uint64_t few = peal_prng_next(prng);

	few &= peal_prng_next(prng);
	return few;
}

static void
prop_cut__does_not_depend_on_the_order_of_reports(void **state)
{
	struct peal_prng prng;
	struct peal_timing timing;
	static struct peal_cut cut;

	(void)state;
	peal_prng_init(&prng, 2);
	assert_true(peal_timing_find("dpdk", &timing));
	peal_cut_init(&cut, &timing, (struct peal_bodies){0});
	for (uint32_t round = 0; round < 400; round++) {
		uint16_t members_count = (uint16_t)(2U + peal_prng_below(&prng, 63));
		uint64_t mask =
			members_count == 64 ? UINT64_MAX : (UINT64_C(1) << members_count) - 1U;
		uint64_t crashed = draw_few(&prng) & mask;
		uint64_t deaf = draw_few(&prng) & mask & ~crashed;
		struct peal_verdict_bits expected;

		peal_situation_init(&situation, peal_prng_next(&prng), members_count, RINGS);
		peal_situation_fail(&situation, crashed, deaf);
		/* Not all that will be said: any part of it must be judged the same too. */
		peal_situation_shuffle(&situation, &prng);
		situation.reports_count =
			(uint32_t)peal_prng_below(&prng, situation.reports_count + 1U);
		peal_situation_tell_all(&situation);
		expected = peal_twin_judge(&situation.evidence, NULL);

		for (uint32_t order = 0; order < 5; order++) {
			peal_situation_shuffle(&situation, &prng);
			peal_cut_start(&cut, &situation.view, &situation.topology, 0);
			for (uint32_t index = 0; index < situation.reports_count; index++) {
				(void)peal_cut_on_report(&cut, situation.reports[index].rank,
					UINT32_C(1) << situation.reports[index].k, index);
				/* Twice is as good as once. */
				assert_false(peal_cut_on_report(&cut, situation.reports[index].rank,
					UINT32_C(1) << situation.reports[index].k, index));
			}
			peal_cut_judge(&cut);
			peal_cut_check(&cut);
			assert_int_equal(peal_situation_bits(&cut.stable), expected.stable);
			assert_int_equal(peal_situation_bits(&cut.unstable), expected.unstable);
			assert_int_equal(peal_situation_bits(&cut.doubtful), expected.doubtful);
		}
	}
}

/* ---- all reports known: exactly the faulty ones, in one step ---- */

struct result {
	uint64_t cases_count;
	uint64_t healthy_out_count; /* a healthy member stable and nobody unstable */
	uint64_t stuck_count;       /* not the faulty set, or somebody unstable */
};

static void
judge_case(
	uint64_t crashed, uint64_t deaf, const struct peal_twin_rule *rule, struct result *result)
{
	struct peal_verdict_bits verdict;
	uint64_t faulty = crashed | deaf;

	peal_situation_reset(&situation);
	peal_situation_fail(&situation, crashed, deaf);
	peal_situation_tell_all(&situation);
	verdict = peal_twin_judge(&situation.evidence, rule);
	result->cases_count++;
	if ((verdict.stable & ~faulty) != 0 && verdict.unstable == 0) {
		result->healthy_out_count++;
	} else if (verdict.stable != faulty || verdict.unstable != 0) {
		result->stuck_count++;
	}
	if (rule == NULL) {
		assert_verdict(verdict, faulty);
	}
}

/* Every set of fewer than half of the members, crashed and deaf. */
static struct result
enumerate_faults(uint32_t members_count_min, uint32_t members_count_max, uint8_t rings_count,
	const struct peal_twin_rule *rule)
{
	struct result result = {0};

	for (uint32_t members_count = members_count_min; members_count <= members_count_max;
		members_count++) {
		for (uint32_t group = 0; group < groups_count(members_count, rings_count);
			group++) {
			peal_situation_init(
				&situation, group, (uint16_t)members_count, rings_count);
			for (uint64_t faulty = 1; faulty >> members_count == 0; faulty++) {
				if (peal_bits_are_minority(faulty, members_count)) {
					judge_case(faulty, 0, rule, &result);
					judge_case(0, faulty, rule, &result);
				}
			}
		}
	}
	return result;
}

static void
prop_cut__removes_exactly_the_crashed_and_the_deaf(void **state)
{
	struct result result;

	(void)state;
	result = enumerate_faults(3, 16, RINGS, NULL);
	print_message("# N 3..16, K 10, crashed or deaf: %llu cases\n",
		(unsigned long long)result.cases_count);
	result = enumerate_faults(12, 16, 16, NULL);
	print_message("# N 12..16, K 16, crashed or deaf: %llu cases\n",
		(unsigned long long)result.cases_count);
}

static void
prop_cut__removes_exactly_the_faulty_of_both_kinds_at_once(void **state)
{
	struct result result = {0};

	(void)state;
	for (uint16_t members_count = 3; members_count <= 13; members_count++) {
		peal_situation_init(&situation, members_count, members_count, RINGS);
		for (uint64_t faulty = 1; faulty >> members_count == 0; faulty++) {
			if (!peal_bits_are_minority(faulty, members_count)) {
				continue;
			}
			/* Every split of the set in two. */
			for (uint64_t deaf = faulty & (faulty - 1U); deaf != 0;
				deaf = (deaf - 1U) & faulty) {
				judge_case(faulty & ~deaf, deaf, NULL, &result);
			}
		}
	}
	print_message("# N 3..13, K 10, some crashed and some deaf: %llu cases\n",
		(unsigned long long)result.cases_count);
}

static void
prop_cut__removes_the_faulty_from_large_groups(void **state)
{
	struct peal_prng prng;
	struct result result = {0};

	(void)state;
	peal_prng_init(&prng, 3);
	for (uint32_t round = 0; round < 6000; round++) {
		uint16_t members_count = (uint16_t)(17U + peal_prng_below(&prng, 48));
		uint32_t faulty_count = (uint32_t)peal_prng_below(&prng, members_count / 3U + 1U);
		uint64_t crashed = 0;
		uint64_t deaf = 0;

		peal_situation_init(&situation, peal_prng_next(&prng), members_count, RINGS);
		while (peal_bits_count(crashed | deaf) < faulty_count) {
			uint64_t bit = UINT64_C(1) << peal_prng_below(&prng, members_count);

			if (((crashed | deaf) & bit) == 0) {
				*(round % 3U == 0 || (round % 3U == 2 &&
							     peal_prng_ratio(&prng, 1, 2))
						? &crashed
						: &deaf) |= bit;
			}
		}
		judge_case(crashed, deaf, NULL, &result);
	}
}

/* A side of a partition knows its own reports only: the others might as well have crashed. */
static void
prop_cut__lets_only_the_larger_side_of_a_partition_act(void **state)
{
	uint64_t cases_count = 0;

	(void)state;
	for (uint16_t members_count = 2; members_count <= 16; members_count++) {
		uint64_t all = (UINT64_C(1) << members_count) - 1U;

		peal_situation_init(&situation, members_count, members_count, RINGS);
		for (uint64_t side = 1; side < all; side++) {
			struct peal_verdict_bits verdict;
			/* The holder of the tie unit is rank 0. */
			bool is_larger =
				2U * peal_bits_count(side) + (peal_bits_has(side, 0) ? 1U : 0U) >
				members_count;

			peal_situation_reset(&situation);
			peal_situation_fail(&situation, all & ~side, 0);
			peal_situation_tell_all(&situation);
			verdict = peal_twin_judge(&situation.evidence, NULL);
			cases_count++;
			/* Nobody of one's own side; and on a mesh all others, or nobody. */
			assert_int_equal(verdict.stable & side, 0);
			if (members_count > RINGS + 1U) {
				continue;
			}
			if (is_larger) {
				assert_verdict(verdict, all & ~side);
			} else {
				assert_int_equal(verdict.stable, 0);
			}
		}
	}
	print_message("# N 2..16, one side of a partition: %llu cases\n",
		(unsigned long long)cases_count);
}

static void
break_sides(uint64_t side)
{
	for (uint32_t a = 0; a < situation.view.members_count; a++) {
		for (uint32_t b = 0; b < situation.view.members_count; b++) {
			if (peal_bits_has(side, a) && !peal_bits_has(side, b)) {
				peal_situation_break_pair(&situation, a, b);
			}
		}
	}
}

/*
 * One side does not hear the other, but is heard by it: the hearing side knows the reports of both.
 * Everybody accuses everybody of the other side. On rings the picture can be so lopsided that
 * nobody is removed; but it is never the larger side.
 */
static void
prop_cut__never_lets_a_deaf_side_remove_the_larger_one(void **state)
{
	uint64_t cases_count = 0;
	uint64_t stuck_count = 0;

	(void)state;
	for (uint16_t members_count = 3; members_count <= 16; members_count++) {
		uint64_t all = (UINT64_C(1) << members_count) - 1U;

		peal_situation_init(&situation, members_count, members_count, RINGS);
		for (uint64_t side = 1; side < all; side++) {
			struct peal_verdict_bits verdict;

			if (!peal_bits_are_minority(side, members_count)) {
				continue;
			}
			peal_situation_reset(&situation);
			break_sides(side);
			peal_situation_tell_all(&situation);
			verdict = peal_twin_judge(&situation.evidence, NULL);
			cases_count++;
			assert_none_of(all & ~side, verdict);
			if (members_count <= RINGS + 1U) {
				assert_verdict(verdict, side);
			}
			stuck_count += verdict.stable != side || verdict.unstable != 0 ? 1U : 0U;
		}
	}
	print_message(
		"# N 3..16, smaller side deaf to the larger: %llu cases, %llu without a cut\n",
		(unsigned long long)cases_count, (unsigned long long)stuck_count);
}

/* ---- a broken pair ---- */

/* One broken pair of healthy members on top of every set of faulty ones. */
static uint64_t
enumerate_pairs(uint64_t crashed, uint64_t deaf)
{
	uint32_t members_count = situation.view.members_count;
	uint64_t cases_count = 0;

	for (uint32_t a = 0; a < members_count; a++) {
		for (uint32_t b = 0; b < a; b++) {
			if (peal_bits_has(crashed | deaf, a) || peal_bits_has(crashed | deaf, b)) {
				continue;
			}
			peal_situation_reset(&situation);
			peal_situation_fail(&situation, crashed, deaf);
			peal_situation_break_pair(&situation, a, b);
			peal_situation_tell_all(&situation);
			assert_verdict(peal_twin_judge(&situation.evidence, NULL), crashed | deaf);
			cases_count++;
		}
	}
	return cases_count;
}

static void
prop_cut__leaves_a_broken_pair_in_the_noise(void **state)
{
	uint64_t cases_count = 0;

	(void)state;
	/* Neither unstable, so no echo can finish one of them. */
	for (uint16_t members_count = 3; members_count <= 12; members_count++) {
		peal_situation_init(&situation, members_count, members_count, RINGS);
		cases_count += enumerate_pairs(0, 0);
	}
	print_message("# N 3..12, one pair broken either way: %llu cases\n",
		(unsigned long long)cases_count);
}

static void
prop_cut__tells_a_broken_pair_from_the_faulty(void **state)
{
	uint64_t cases_count = 0;

	(void)state;
	/* Of three members with one faulty and one pair broken nobody reaches anybody. */
	for (uint16_t members_count = 4; members_count <= 11; members_count++) {
		peal_situation_init(&situation, members_count, members_count, RINGS);
		for (uint64_t faulty = 1; faulty >> members_count == 0; faulty++) {
			if (peal_bits_are_minority(faulty, members_count)) {
				cases_count += enumerate_pairs(faulty, 0);
				cases_count += enumerate_pairs(0, faulty);
			}
		}
	}
	print_message("# N 4..11, crashed or deaf and one broken pair: %llu cases\n",
		(unsigned long long)cases_count);
}

/* ---- the alarms work ---- */

static uint64_t
print_wrong(const char *what, const struct result *result)
{
	uint64_t wrong_count = result->healthy_out_count + result->stuck_count;

	print_message("# %s: %llu of %llu wrong\n", what, (unsigned long long)wrong_count,
		(unsigned long long)result->cases_count);
	return wrong_count;
}

static void
prop_cut__notices_each_part_that_is_missing(void **state)
{
	static const struct peal_twin_rule all_at_once = {true, false, true, true, true, true};
	static const struct peal_twin_rule first_rule = {true, false, false, false, true, true};
	static const struct peal_twin_rule no_unanimity = {true, true, true, false, true, true};
	struct result result;

	(void)state;
	result = enumerate_faults(13, 15, RINGS, &whole_rule);
	assert_int_equal(print_wrong("N 13..15, the whole rule", &result), 0);
	result = enumerate_faults(13, 15, RINGS, &first_rule);
	assert_true(print_wrong("doubt all at once, no second look", &result) > 0);
	result = enumerate_faults(13, 15, RINGS, &all_at_once);
	assert_true(print_wrong("doubt all at once", &result) > 0);
	result = enumerate_faults(13, 15, RINGS, &no_unanimity);
	assert_true(print_wrong("no unanimity", &result) > 0);
	assert_true(result.stuck_count > 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(prop_cut__agrees_with_its_twin_on_any_reports),
		cmocka_unit_test(prop_cut__does_not_depend_on_the_order_of_reports),
		cmocka_unit_test(prop_cut__removes_exactly_the_crashed_and_the_deaf),
		cmocka_unit_test(prop_cut__removes_exactly_the_faulty_of_both_kinds_at_once),
		cmocka_unit_test(prop_cut__removes_the_faulty_from_large_groups),
		cmocka_unit_test(prop_cut__lets_only_the_larger_side_of_a_partition_act),
		cmocka_unit_test(prop_cut__never_lets_a_deaf_side_remove_the_larger_one),
		cmocka_unit_test(prop_cut__leaves_a_broken_pair_in_the_noise),
		cmocka_unit_test(prop_cut__tells_a_broken_pair_from_the_faulty),
		cmocka_unit_test(prop_cut__notices_each_part_that_is_missing),
	};

	return cmocka_run_group_tests_name("prop_cut", tests, NULL, NULL);
}
