/* SPDX-License-Identifier: BSD-3-Clause */
#include "tests/lib/judge_twin.h"

#include "tests/lib/situation.h"

#include <string.h>

/* Who observes and who accuses whom, [observer] = subjects as bits. */
static uint64_t observes_bits[PEAL_MEMBERS_MAX];
static uint64_t accuses_bits[PEAL_MEMBERS_MAX];

static void
list_edges(const struct peal_evidence *evidence)
{
	memset(observes_bits, 0, sizeof(observes_bits));
	memset(accuses_bits, 0, sizeof(accuses_bits));
	for (uint32_t rank = 0; rank < evidence->topology->members_count; rank++) {
		for (uint32_t k = 0; k < evidence->thresholds.observers_count; k++) {
			uint32_t observer = evidence->topology->observers[rank][k];

			observes_bits[observer] |= UINT64_C(1) << rank;
			accuses_bits[observer] |= (uint64_t)(evidence->masks[rank] >> k & 1U)
						  << rank;
		}
	}
}

/* Observers outside `without`, and how many of them accuse. */
static uint32_t
ask(const struct peal_evidence *evidence, uint32_t subject, uint64_t without, uint32_t *accuse_out)
{
	uint32_t count = 0;

	*accuse_out = 0;
	for (uint32_t other = 0; other < evidence->topology->members_count; other++) {
		if (!peal_bits_has(without, other) &&
			peal_bits_has(observes_bits[other], subject)) {
			count++;
			*accuse_out += peal_bits_has(accuses_bits[other], subject) ? 1U : 0U;
		}
	}
	return count;
}

static uint64_t
twin_find_next(const struct peal_evidence *evidence, uint64_t doubtful, bool is_worst_first)
{
	uint64_t next = 0;
	uint32_t next_score = 0;

	for (uint32_t rank = 0; rank < evidence->topology->members_count; rank++) {
		uint32_t accusers_count = 0;
		uint32_t observers_count = ask(evidence, rank, doubtful, &accusers_count);
		uint32_t score = 2U * accusers_count;

		if (peal_bits_has(doubtful, rank) || 2U * accusers_count <= observers_count) {
			continue;
		}
		if (!is_worst_first) {
			next |= UINT64_C(1) << rank;
			continue;
		}
		score += 2U * peal_bits_count(accuses_bits[rank] & ~doubtful);
		if (evidence->tie_rank != PEAL_RANK_NONE &&
			!peal_bits_has(doubtful, evidence->tie_rank) &&
			peal_bits_has(accuses_bits[evidence->tie_rank], rank)) {
			score++;
		}
		if (score >= next_score) {
			next = UINT64_C(1) << rank;
			next_score = score;
		}
	}
	return next;
}

/* The paper: between two members in question a missing report is as good as given. */
static struct peal_verdict_bits
twin_judge_by_paper(const struct peal_evidence *evidence)
{
	struct peal_evidence closed = *evidence;
	struct peal_verdict_bits verdict = {0};
	bool is_new = true;

	while (is_new) {
		verdict = (struct peal_verdict_bits){0};
		for (uint32_t rank = 0; rank < closed.topology->members_count; rank++) {
			uint32_t count = peal_bits_count(closed.masks[rank]);

			if (count >= closed.thresholds.h) {
				verdict.stable |= UINT64_C(1) << rank;
			} else if (count >= closed.thresholds.l) {
				verdict.unstable |= UINT64_C(1) << rank;
			}
		}
		is_new = false;
		for (uint32_t rank = 0; rank < closed.topology->members_count; rank++) {
			for (uint32_t k = 0; k < closed.thresholds.observers_count; k++) {
				uint32_t observer = closed.topology->observers[rank][k];

				if (peal_bits_has(verdict.unstable, rank) &&
					peal_bits_has(
						verdict.unstable | verdict.stable, observer) &&
					(closed.masks[rank] >> k & 1U) == 0) {
					closed.masks[rank] |= UINT32_C(1) << k;
					is_new = true;
				}
			}
		}
	}
	return verdict;
}

static void
twin_judge_group(const struct peal_evidence *evidence, const struct peal_twin_rule *rule,
	struct peal_verdict_bits *verdict)
{
	uint32_t members_count = evidence->topology->members_count;
	uint64_t suspects = verdict->stable | verdict->unstable | verdict->doubtful;
	uint32_t weight = 2U * (members_count - peal_bits_count(suspects));
	uint64_t agreed = 0;

	weight += peal_bits_has(suspects, evidence->tie_rank) ? 0U : 1U;
	if (rule->has_minority && weight < members_count + 1U) {
		verdict->stable = 0;
		return;
	}
	for (uint32_t rank = 0; rank < members_count && rule->has_unanimity; rank++) {
		uint32_t accusers_count = 0;
		uint32_t count = ask(evidence, rank, suspects, &accusers_count);

		if (peal_bits_has(verdict->unstable, rank) && count == accusers_count &&
			count >= evidence->thresholds.l) {
			agreed |= UINT64_C(1) << rank;
		}
	}
	verdict->stable |= agreed;
	verdict->unstable &= ~agreed;
}

/* The real rule, in the words of its twin. */
static struct peal_verdict_bits
judge_really(const struct peal_evidence *evidence)
{
	struct peal_judgement judgement;

	peal_judgement_compute(evidence, &judgement);
	return (struct peal_verdict_bits){
		.stable = peal_situation_bits(&judgement.stable),
		.unstable = peal_situation_bits(&judgement.unstable),
		.doubtful = peal_situation_bits(&judgement.doubtful),
	};
}

struct peal_verdict_bits
peal_twin_judge(const struct peal_evidence *evidence, const struct peal_twin_rule *rule)
{
	struct peal_verdict_bits verdict = {0};
	uint64_t next = 1;

	if (rule == NULL) {
		return judge_really(evidence);
	}
	if (!rule->has_doubt) {
		return twin_judge_by_paper(evidence);
	}
	list_edges(evidence);
	while (next != 0) {
		next = twin_find_next(evidence, verdict.doubtful, rule->is_worst_first);
		verdict.doubtful |= next;
	}
	for (uint32_t rank = 0; rank < evidence->topology->members_count; rank++) {
		uint32_t all_count = 0;
		uint32_t credible_count = 0;
		uint32_t observers_count = ask(evidence, rank, 0, &all_count);
		uint32_t left_count = ask(evidence, rank, verdict.doubtful, &credible_count);
		uint32_t count = credible_count;

		if (peal_bits_has(verdict.doubtful, rank) && credible_count > 0) {
			count = credible_count + (observers_count - left_count);
		} else if (credible_count >= evidence->thresholds.l) {
			count = all_count;
		}
		if (count >= evidence->thresholds.h) {
			verdict.stable |= UINT64_C(1) << rank;
		} else if (credible_count >= evidence->thresholds.l) {
			verdict.unstable |= UINT64_C(1) << rank;
		}
	}
	twin_judge_group(evidence, rule, &verdict);
	return verdict;
}
