/* SPDX-License-Identifier: BSD-3-Clause */
#include "tests/lib/judge_twin.h"

#include "tests/lib/situation.h"

#include <string.h>

/* Whom each member accuses. */
static struct peal_bitset accuses[PEAL_MEMBERS_MAX];

static uint32_t
count_of(const struct peal_evidence *evidence)
{
	return evidence->topology->members_count;
}

static void
list_edges(const struct peal_evidence *evidence)
{
	for (uint32_t rank = 0; rank < count_of(evidence); rank++) {
		accuses[rank] = (struct peal_bitset){0};
	}
	for (uint32_t rank = 0; rank < count_of(evidence); rank++) {
		for (uint32_t k = 0; k < evidence->thresholds.observers_count; k++) {
			if ((evidence->masks[rank] >> k & 1U) != 0) {
				peal_bitset_add(
					&accuses[peal_rings_observer(evidence->topology, rank, k)],
					rank);
			}
		}
	}
}

/* Observers outside `without`, and how many of them accuse. */
static uint32_t
ask(const struct peal_evidence *evidence, uint32_t subject, const struct peal_bitset *without,
	uint32_t *accuse_out)
{
	uint32_t count = 0;

	*accuse_out = 0;
	for (uint32_t k = 0; k < evidence->thresholds.observers_count; k++) {
		uint32_t observer = peal_rings_observer(evidence->topology, subject, k);

		if (!peal_bitset_has(without, observer)) {
			count++;
			*accuse_out += evidence->masks[subject] >> k & 1U;
		}
	}
	return count;
}

/*
 * Whom to doubt next: of those with `accusers_min` accusers, or more than half when that is 0.
 * Returns false when there is nobody.
 */
static bool
find_next(const struct peal_evidence *evidence, bool is_worst_first, uint32_t accusers_min,
	const struct peal_bitset *doubtful, struct peal_bitset *next_out)
{
	uint32_t next_score = 0;
	bool has_next = false;

	*next_out = (struct peal_bitset){0};
	for (uint32_t rank = 0; rank < count_of(evidence); rank++) {
		uint32_t accusers_count = 0;
		uint32_t observers_count = ask(evidence, rank, doubtful, &accusers_count);
		uint32_t score = 2U * accusers_count;
		bool is_candidate = accusers_min > 0 ? accusers_count >= accusers_min
						     : 2U * accusers_count > observers_count;

		if (peal_bitset_has(doubtful, rank) || !is_candidate) {
			continue;
		}
		has_next = true;
		if (!is_worst_first) {
			peal_bitset_add(next_out, rank);
			continue;
		}

		struct peal_bitset made = peal_bitset_difference(&accuses[rank], doubtful);

		score += 2U * peal_bitset_count(&made);
		if (evidence->tie_rank != PEAL_RANK_NONE &&
			!peal_bitset_has(doubtful, evidence->tie_rank) &&
			peal_bitset_has(&accuses[evidence->tie_rank], rank)) {
			score++;
		}
		if (score >= next_score) {
			*next_out = (struct peal_bitset){0};
			peal_bitset_add(next_out, rank);
			next_score = score;
		}
	}
	return has_next;
}

/* The paper: between two members in question a missing report is as good as given. */
static void
judge_by_paper(const struct peal_evidence *evidence, struct peal_verdict_sets *verdict)
{
	static uint32_t masks[PEAL_MEMBERS_MAX];
	bool is_new = true;

	memcpy(masks, evidence->masks, count_of(evidence) * sizeof(masks[0]));
	while (is_new) {
		*verdict = (struct peal_verdict_sets){0};
		for (uint32_t rank = 0; rank < count_of(evidence); rank++) {
			uint32_t count = (uint32_t)__builtin_popcount(masks[rank]);

			if (count >= evidence->thresholds.h) {
				peal_bitset_add(&verdict->stable, rank);
			} else if (count >= evidence->thresholds.l) {
				peal_bitset_add(&verdict->unstable, rank);
			}
		}
		is_new = false;
		for (uint32_t rank = 0; rank < count_of(evidence); rank++) {
			for (uint32_t k = 0; k < evidence->thresholds.observers_count; k++) {
				uint32_t observer =
					peal_rings_observer(evidence->topology, rank, k);

				if (peal_bitset_has(&verdict->unstable, rank) &&
					(peal_bitset_has(&verdict->unstable, observer) ||
						peal_bitset_has(&verdict->stable, observer)) &&
					(masks[rank] >> k & 1U) == 0) {
					masks[rank] |= UINT32_C(1) << k;
					is_new = true;
				}
			}
		}
	}
}

static void
judge_group(const struct peal_evidence *evidence, const struct peal_twin_rule *rule,
	struct peal_verdict_sets *verdict)
{
	uint32_t weight = 2U * count_of(evidence);
	struct peal_bitset suspects = {0};
	struct peal_bitset agreed = {0};

	for (uint32_t rank = 0; rank < count_of(evidence); rank++) {
		if (peal_bitset_has(&verdict->stable, rank) ||
			peal_bitset_has(&verdict->unstable, rank) ||
			peal_bitset_has(&verdict->doubtful, rank)) {
			peal_bitset_add(&suspects, rank);
			weight -= 2U;
		}
	}
	if (evidence->tie_rank == PEAL_RANK_NONE ||
		!peal_bitset_has(&suspects, evidence->tie_rank)) {
		weight++;
	}
	if (rule->has_minority && weight < count_of(evidence) + 1U) {
		verdict->stable = (struct peal_bitset){0};
		return;
	}
	for (uint32_t rank = 0; rank < count_of(evidence) && rule->has_unanimity; rank++) {
		uint32_t accusers_count = 0;
		uint32_t count = ask(evidence, rank, &suspects, &accusers_count);

		if (peal_bitset_has(&verdict->unstable, rank) && count == accusers_count &&
			count >= evidence->thresholds.l) {
			peal_bitset_add(&agreed, rank);
		}
	}
	peal_bitset_merge(&verdict->stable, &agreed);
	verdict->unstable = peal_bitset_difference(&verdict->unstable, &agreed);
}

/*
 * The word of a member: 1 when it accuses at least as many of its credible subjects as not, -1 when
 * it accuses fewer, and somebody doubtful; else it says nothing of use.
 */
static int
hear(const struct peal_evidence *evidence, uint32_t rank, const struct peal_bitset *doubtful)
{
	uint32_t balance = count_of(evidence);
	bool has_agreed = false;

	for (uint32_t subject = 0; subject < count_of(evidence); subject++) {
		bool is_accused = peal_bitset_has(&accuses[rank], subject);

		if (peal_rings_mask(evidence->topology, rank, subject) == 0) {
			continue;
		}
		if (peal_bitset_has(doubtful, subject)) {
			has_agreed = has_agreed || is_accused;
		} else {
			balance += is_accused ? 1U : UINT32_MAX;
		}
	}
	if (balance >= count_of(evidence)) {
		return 1;
	}
	return has_agreed ? -1 : 0;
}

/* True when the reports that doubtful observers owe count. */
static bool
is_implied(const struct peal_evidence *evidence, const struct peal_twin_rule *rule, uint32_t rank,
	const struct peal_bitset *doubtful)
{
	uint32_t accusers_count = 0;
	uint32_t observers_count = ask(evidence, rank, doubtful, &accusers_count);
	int word = 0;

	if (!peal_bitset_has(doubtful, rank) || accusers_count == 0) {
		return false;
	}
	if (!rule->has_word || accusers_count >= evidence->thresholds.l) {
		return true;
	}
	word = hear(evidence, rank, doubtful);
	return word > 0 || (word == 0 && accusers_count == observers_count);
}

static void
judge_by_rule(const struct peal_evidence *evidence, const struct peal_twin_rule *rule,
	struct peal_verdict_sets *verdict)
{
	static const struct peal_bitset nobody;
	struct peal_bitset next = {0};
	struct peal_bitset struck;

	*verdict = (struct peal_verdict_sets){0};
	list_edges(evidence);
	while (find_next(evidence, rule->is_worst_first, 0, &verdict->doubtful, &next)) {
		peal_bitset_merge(&verdict->doubtful, &next);
	}
	for (uint32_t rank = 0; rank < count_of(evidence); rank++) {
		uint32_t all_count = 0;
		uint32_t credible_count = 0;
		uint32_t observers_count = ask(evidence, rank, &nobody, &all_count);
		uint32_t left_count = ask(evidence, rank, &verdict->doubtful, &credible_count);
		uint32_t count = credible_count;

		if (is_implied(evidence, rule, rank, &verdict->doubtful)) {
			count = credible_count + (observers_count - left_count);
		} else if (credible_count >= evidence->thresholds.l) {
			count = all_count;
		}
		/* A single member has neither observers nor marks. */
		if (all_count > 0 && count >= evidence->thresholds.h) {
			peal_bitset_add(&verdict->stable, rank);
		} else if (all_count > 0 && credible_count >= evidence->thresholds.l) {
			peal_bitset_add(&verdict->unstable, rank);
		}
	}
	judge_group(evidence, rule, verdict);

	struck = verdict->doubtful;
	while (rule->has_blame &&
		find_next(evidence, true, evidence->thresholds.l, &struck, &next)) {
		peal_bitset_merge(&struck, &next);
	}
	verdict->blamed = rule->has_blame ? peal_bitset_intersection(&verdict->unstable, &struck)
					  : verdict->unstable;
}

void
peal_twin_decide(const struct peal_evidence *evidence, const struct peal_twin_rule *rule,
	struct peal_verdict_sets *verdict_out)
{
	static struct peal_judgement judgement;

	if (rule == NULL) {
		peal_judgement_compute(evidence, &judgement);
		verdict_out->stable = judgement.stable;
		verdict_out->unstable = judgement.unstable;
		verdict_out->doubtful = judgement.doubtful;
		verdict_out->blamed = judgement.blamed;
	} else if (rule->has_doubt) {
		judge_by_rule(evidence, rule, verdict_out);
	} else {
		judge_by_paper(evidence, verdict_out);
	}
}

struct peal_verdict_bits
peal_twin_judge(const struct peal_evidence *evidence, const struct peal_twin_rule *rule)
{
	static struct peal_verdict_sets verdict;

	peal_twin_decide(evidence, rule, &verdict);
	return (struct peal_verdict_bits){
		.stable = peal_situation_bits(&verdict.stable),
		.unstable = peal_situation_bits(&verdict.unstable),
		.doubtful = peal_situation_bits(&verdict.doubtful),
		.blamed = peal_situation_bits(&verdict.blamed),
	};
}
