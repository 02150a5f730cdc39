/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The rule of membership/judgement.h once more, without care for speed, each of its parts on a
 * switch.
 *
 * With all of them on it must agree with the real one. With one off, or with the rule of the Rapid
 * paper, it is the mutant that tests must notice.
 */
#ifndef PEAL_TESTS_LIB_JUDGE_TWIN_H
#define PEAL_TESTS_LIB_JUDGE_TWIN_H

#include "membership/judgement.h"

struct peal_verdict_sets {
	struct peal_bitset stable;
	struct peal_bitset unstable;
	struct peal_bitset doubtful;
	struct peal_bitset blamed;
};

/* The same of at most 64 members: sets of ranks as bits. */
struct peal_verdict_bits {
	uint64_t stable;
	uint64_t unstable;
	uint64_t doubtful;
	uint64_t blamed;
};

struct peal_twin_rule {
	bool has_doubt;      /* otherwise the paper's rule for implicit alerts, and nothing else */
	bool is_worst_first; /* otherwise all at once */
	bool has_minority;
	bool has_unanimity;
	bool has_word;  /* otherwise any doubtful observer's report is implied */
	bool has_blame; /* otherwise all of U is reinforced */
};

/* By a rule of these, or by the real one when `rule` is NULL. Without leaves and replacements. */
void peal_twin_decide(const struct peal_evidence *evidence, const struct peal_twin_rule *rule,
	struct peal_verdict_sets *verdict_out);
/* The same for a group of at most 64 members. */
struct peal_verdict_bits peal_twin_judge(
	const struct peal_evidence *evidence, const struct peal_twin_rule *rule);

#endif
