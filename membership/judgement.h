/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Whom a set of reports makes stable, and whom unstable: the rule of the cut, without its timers.
 *
 * A function of the set of reports, computed from all of it: their order cannot matter.
 *
 * - doubtful: may become so, whom more than half of its not-doubtful observers accuse. Of those who
 *   may, the worst does: with most accusations received from and made against members that are not
 *   doubtful (equal: one whom the holder of the tie unit accuses, then the junior). Repeat.
 * - nd(s): explicit reports about s by not-doubtful observers.
 * - eff(s): all explicit reports if nd(s) >= L, else nd(s). But a doubtful s with nd(s) >= 1 counts
 *   all explicit reports, and the missing ones of its doubtful observers as if given (implied), if
 *   nd(s) >= L, or if s accuses at least as many of its not-doubtful subjects as not, or if it
 *   accuses nobody doubtful and all its not-doubtful observers accuse it.
 * - S if eff(s) >= H; U if not in S and nd(s) >= L; else noise.
 * - suspects: doubtful, S and U, but nobody who goes anyway.
 * - minority: when all but the suspects would hold no classic quorum, S is empty.
 * - unanimity: otherwise a member of U goes to S when at least L of its observers are neither
 *   doubtful nor in S or U, and all of these accuse it.
 * - blamed: members of U that are struck out when doubt goes on, the worst first as above, from
 *   among all who have at least L accusers left. They alone are reinforced.
 * - Who leaves or is replaced is in S in any case, and not in U. But S is never everybody: the most
 *   senior (not replaced; if possible not accused) stays for the next cut.
 *
 * So a node that lost its ingress and accuses everybody is doubted, and nobody healthy falls with
 * it. While everybody observes everybody (N <= K + 1), fewer than half of the members are faulty,
 * and no healthy member accuses another, no healthy member is in S whatever part of the reports is
 * known. docs/design/0002-cut-rule.md has the proof and the enumerations, 0004-cut-at-scale.md what
 * was tried on rings.
 *
 * Pure functions of their arguments; no allocation.
 * paper: RAPID 4.2, with a narrower rule for implicit alerts.
 */
#ifndef PEAL_MEMBERSHIP_JUDGEMENT_H
#define PEAL_MEMBERSHIP_JUDGEMENT_H

#include "membership/rings.h"

struct peal_evidence {
	const struct peal_topology *topology;
	struct peal_thresholds thresholds;
	uint16_t tie_rank;                /* holder of the tie unit; PEAL_RANK_NONE: not a member */
	struct peal_bitset leaving;       /* go of their own will */
	struct peal_bitset replaced;      /* another incarnation has the address; never everybody */
	struct peal_bitset reported;      /* members with a mask that is not 0 */
	uint32_t masks[PEAL_MEMBERS_MAX]; /* explicit reports; 0 for who is not reported */
};

struct peal_judgement {
	struct peal_bitset stable;   /* S */
	struct peal_bitset unstable; /* U */
	struct peal_bitset doubtful;
	struct peal_bitset suspects;         /* in question, rightly or not */
	struct peal_bitset noise;            /* reported by anybody, but neither in S nor in U */
	struct peal_bitset blamed;           /* of U: whom to reinforce */
	uint8_t effective[PEAL_MEMBERS_MAX]; /* eff; meaningful for reported members */
};

/* Evidence of an epoch's start: no reports, nobody going. `evidence` is zero or was used before;
 * `topology` must outlive it. Costs what was reported before. */
void peal_judgement_init_evidence(struct peal_evidence *evidence, const struct peal_view *view,
	const struct peal_topology *topology);

/* Judges. With R members reported: O(R K log R), and O(R K^2) of a few instructions where many are
 * doubtful; some passes over sets; no pass over all members. 200 KB of stack, touched as far as R
 * goes. Asserts that the evidence is in order. */
void peal_judgement_compute(
	const struct peal_evidence *evidence, struct peal_judgement *judgement_out);

/* True when S and U are disjoint and all sets are of members. For assertions. */
bool peal_judgement_is_sane(
	const struct peal_evidence *evidence, const struct peal_judgement *judgement);

#endif
