/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The quorum rule against all sets of acceptors up to nine members, with the tie unit held by the
 * senior and by somebody outside, who never votes in the fast round but may answer in classic ones.
 *
 * The mutants are rules that were published or proposed. They must fail, or this test sees nothing.
 */
#include "control/quorum.h"
#include "tests/lib/cmocka_all.h"

#define MEMBERS_MAX 9U

/* How a variant of the rule judges sets; bit `members_count` of a set is a holder outside. */
struct rule {
	bool (*is_classic)(const struct peal_quorum *quorum, uint32_t set);
	bool (*is_fast)(const struct peal_quorum *quorum, uint32_t set);
	bool (*is_forced)(const struct peal_quorum *quorum, uint32_t voters, uint32_t responders);
};

/* What is wrong with a rule, in numbers of cases. */
struct flaws {
	uint64_t classic_disjoint; /* two classic quorums without a common member */
	uint64_t fast_missed;      /* a classic quorum outside the intersection of two fast ones */
	uint64_t forced_twice;     /* two values forced for one set of responders */
	uint64_t forced_not;       /* chosen or still choosable fast, and not forced */
	uint64_t forced_idly;      /* forced, and not choosable any more */
	uint64_t cases;
};

static struct peal_bitset
members_of(const struct peal_quorum *quorum, uint32_t set)
{
	return (struct peal_bitset){{set & ((UINT32_C(1) << quorum->members_count) - 1U)}};
}

static bool
has_witness(const struct peal_quorum *quorum, uint32_t set)
{
	return ((set >> quorum->members_count) & 1U) != 0U;
}

static uint32_t
weight_of(const struct peal_quorum *quorum, uint32_t set)
{
	struct peal_bitset members = members_of(quorum, set);

	return peal_quorum_weight(quorum, &members) + (has_witness(quorum, set) ? 1U : 0U);
}

/* The product only knows members; an answer of the holder outside adds its unit. */
static bool
is_classic(const struct peal_quorum *quorum, uint32_t set)
{
	struct peal_bitset members = members_of(quorum, set);

	if (!has_witness(quorum, set)) {
		return peal_quorum_classic_ok(quorum, &members);
	}
	return weight_of(quorum, set) >= peal_quorum_classic(quorum);
}

static bool
is_fast(const struct peal_quorum *quorum, uint32_t set)
{
	struct peal_bitset members = members_of(quorum, set);

	return peal_quorum_fast_ok(quorum, &members);
}

static bool
is_forced(const struct peal_quorum *quorum, uint32_t voters, uint32_t responders)
{
	struct peal_bitset voting = members_of(quorum, voters);
	struct peal_bitset responding = members_of(quorum, responders);

	if (!has_witness(quorum, responders)) {
		return peal_quorum_forced(quorum, &voting, &responding);
	}
	return weight_of(quorum, responders & ~voters) <= peal_quorum_slack(quorum);
}

static const struct rule product = {is_classic, is_fast, is_forced};

/* Sets that could exist: of the members, and of the holder if it is outside. */
static uint32_t
everybody(const struct peal_quorum *quorum)
{
	uint32_t count = quorum->members_count + (quorum->tie_rank == PEAL_RANK_NONE ? 1U : 0U);

	return (UINT32_C(1) << count) - 1U;
}

static uint32_t
members(const struct peal_quorum *quorum)
{
	return (UINT32_C(1) << quorum->members_count) - 1U;
}

/* Quorums meet. It is enough to look at the complement: a quorum that fits into it does not. */
static void
judge_meeting(const struct peal_quorum *quorum, const struct rule *rule, struct flaws *flaws)
{
	uint32_t all = everybody(quorum);

	for (uint32_t set = 0; set <= all; set++) {
		if (rule->is_classic(quorum, set) && rule->is_classic(quorum, all & ~set)) {
			flaws->classic_disjoint++;
		}
		flaws->cases++;
	}
	for (uint32_t a = 0; a <= members(quorum); a++) {
		if (!rule->is_fast(quorum, a)) {
			continue;
		}
		for (uint32_t b = 0; b <= a; b++) {
			if (rule->is_fast(quorum, b) && rule->is_classic(quorum, all & ~(a & b))) {
				flaws->fast_missed++;
			}
			flaws->cases++;
		}
	}
}

/* The value rule: all responders Q of classic weight, all sets of voters for one value within Q. */
static void
judge_values(const struct peal_quorum *quorum, const struct rule *rule, struct flaws *flaws)
{
	uint32_t all = everybody(quorum);

	for (uint32_t responders = 1; responders <= all; responders++) {
		uint32_t able = responders & members(quorum);

		if (!rule->is_classic(quorum, responders)) {
			continue;
		}
		for (uint32_t voters = able;; voters = (voters - 1U) & able) {
			/* Whoever did not answer may have voted for the value, or may still. */
			uint32_t best = voters | (members(quorum) & ~responders);
			bool is_choosable = rule->is_fast(quorum, best);
			bool forced = rule->is_forced(quorum, voters, responders);

			flaws->forced_not += is_choosable && !forced ? 1U : 0U;
			flaws->forced_idly += forced && !is_choosable ? 1U : 0U;
			/* Another value has all the other votes at best. */
			flaws->forced_twice +=
				forced && rule->is_forced(quorum, able & ~voters, responders) ? 1U
											      : 0U;
			flaws->cases++;
			if (voters == 0) {
				break;
			}
		}
	}
}

static struct flaws
judge(uint32_t members_count, uint16_t tie_rank, const struct rule *rule)
{
	struct peal_quorum quorum = {.members_count = members_count, .tie_rank = tie_rank};
	struct flaws flaws = {0};

	judge_meeting(&quorum, rule, &flaws);
	judge_values(&quorum, rule, &flaws);
	return flaws;
}

static void
test_quorum__is_safe_and_exact_for_all_sets(void **state)
{
	static const uint16_t holders[] = {0, PEAL_RANK_NONE};
	uint64_t cases = 0;

	(void)state;
	for (uint32_t count = 1; count <= MEMBERS_MAX; count++) {
		for (uint32_t i = 0; i < 2; i++) {
			struct flaws flaws = judge(count, holders[i], &product);

			assert_int_equal(flaws.classic_disjoint, 0);
			assert_int_equal(flaws.fast_missed, 0);
			assert_int_equal(flaws.forced_twice, 0);
			assert_int_equal(flaws.forced_not, 0);
			assert_int_equal(flaws.forced_idly, 0);
			cases += flaws.cases;
		}
	}
	print_message("# %llu cases\n", (unsigned long long)cases);
}

/* It does not matter which member holds the unit. */
static void
test_quorum__is_safe_for_every_holder(void **state)
{
	(void)state;
	for (uint16_t count = 1; count <= 6; count++) {
		for (uint16_t rank = 0; rank < count; rank++) {
			struct flaws flaws = judge(count, rank, &product);

			assert_int_equal(flaws.classic_disjoint + flaws.fast_missed, 0);
			assert_int_equal(flaws.forced_twice + flaws.forced_not, 0);
		}
	}
}

/* Mutant: weights for classic rounds, N - floor(N / 4) heads for the fast one. */
static bool
is_fast_by_heads(const struct peal_quorum *quorum, uint32_t set)
{
	struct peal_bitset heads = members_of(quorum, set);

	return peal_bitset_count(&heads) >= quorum->members_count - quorum->members_count / 4U;
}

static void
test_quorum__mixed_rule_is_unsafe_when_four_divides_the_members(void **state)
{
	static const struct rule mixed = {is_classic, is_fast_by_heads, is_forced};
	static const uint16_t holders[] = {0, PEAL_RANK_NONE};

	(void)state;
	for (uint32_t count = 1; count <= MEMBERS_MAX; count++) {
		for (uint32_t i = 0; i < 2; i++) {
			struct flaws flaws = judge(count, holders[i], &mixed);

			if (count % 4U == 0) {
				assert_true(flaws.fast_missed > 0);
				assert_true(flaws.forced_not > 0);
			} else {
				assert_int_equal(flaws.fast_missed, 0);
			}
		}
	}
}

/* Mutant: the learner takes one unit more than the coordinator. */
static bool
is_fast_looser(const struct peal_quorum *quorum, uint32_t set)
{
	return weight_of(quorum, set) + peal_quorum_slack(quorum) + 1U >= peal_quorum_total(quorum);
}

static void
test_quorum__learner_looser_than_coordinator_is_unsafe(void **state)
{
	static const struct rule looser = {is_classic, is_fast_looser, is_forced};

	(void)state;
	for (uint32_t count = 2; count <= MEMBERS_MAX; count++) {
		struct flaws flaws = judge(count, 0, &looser);

		assert_true(flaws.forced_not > 0);
	}
}

/* Mutant: both take one unit more: the largest safe e is the one in use. */
static bool
is_forced_looser(const struct peal_quorum *quorum, uint32_t voters, uint32_t responders)
{
	return weight_of(quorum, responders & ~voters) <= peal_quorum_slack(quorum) + 1U;
}

static void
test_quorum__one_unit_more_is_unsafe(void **state)
{
	static const struct rule looser = {is_classic, is_fast_looser, is_forced_looser};

	(void)state;
	for (uint32_t count = 3; count <= MEMBERS_MAX; count++) {
		struct flaws flaws = judge(count, 0, &looser);

		assert_true(flaws.fast_missed > 0);
		assert_true(flaws.forced_twice > 0);
	}
	/* Of two members one unit more is the senior alone, whom every classic quorum contains. */
	assert_int_equal(judge(2, 0, &looser).fast_missed, 0);
}

/* Mutant: the holder is the senior in one view and outside in another. */
static void
test_quorum__two_holders_are_unsafe_for_even_counts(void **state)
{
	(void)state;
	for (uint32_t count = 1; count <= MEMBERS_MAX; count++) {
		struct peal_quorum senior = {.members_count = count, .tie_rank = 0};
		struct peal_quorum outside = {.members_count = count, .tie_rank = PEAL_RANK_NONE};
		uint32_t all = everybody(&outside);
		uint32_t disjoint = 0;

		for (uint32_t set = 0; set <= members(&senior); set++) {
			if (is_classic(&senior, set) && is_classic(&outside, all & ~set)) {
				disjoint++;
			}
		}
		assert_int_equal(disjoint > 0, count % 2U == 0);
	}
}

/* The table of head counts in docs/design follows from the weights. */
static void
test_quorum__head_counts_are_those_of_the_table(void **state)
{
	/* by N - 1: fast with the senior, fast without (0 = impossible), classic with, classic
	 * without */
	static const uint32_t heads[MEMBERS_MAX][4] = {{1, 0, 1, 0}, {2, 0, 1, 0}, {3, 0, 2, 2},
		{3, 0, 2, 3}, {4, 4, 3, 3}, {5, 5, 3, 4}, {6, 6, 4, 4}, {6, 7, 4, 5}, {7, 7, 5, 5}};

	(void)state;
	for (uint32_t count = 1; count <= MEMBERS_MAX; count++) {
		struct peal_quorum quorum = {.members_count = count, .tie_rank = 0};
		uint32_t least[4] = {0, 0, 0, 0};

		for (uint32_t set = 1; set <= members(&quorum); set++) {
			uint32_t without = (set & 1U) != 0 ? 0U : 1U;
			uint32_t size = (uint32_t)__builtin_popcount(set);

			if (is_fast(&quorum, set) &&
				(least[without] == 0 || size < least[without])) {
				least[without] = size;
			}
			if (is_classic(&quorum, set) &&
				(least[2U + without] == 0 || size < least[2U + without])) {
				least[2U + without] = size;
			}
		}
		assert_memory_equal(least, heads[count - 1U], sizeof(least));
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_quorum__is_safe_and_exact_for_all_sets),
		cmocka_unit_test(test_quorum__is_safe_for_every_holder),
		cmocka_unit_test(test_quorum__mixed_rule_is_unsafe_when_four_divides_the_members),
		cmocka_unit_test(test_quorum__learner_looser_than_coordinator_is_unsafe),
		cmocka_unit_test(test_quorum__one_unit_more_is_unsafe),
		cmocka_unit_test(test_quorum__two_holders_are_unsafe_for_even_counts),
		cmocka_unit_test(test_quorum__head_counts_are_those_of_the_table),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
