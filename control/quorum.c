/* SPDX-License-Identifier: BSD-3-Clause */
#include "control/quorum.h"

#include "base/museum.h"

#define MEMBER_WEIGHT 2U
#define TIE_WEIGHT    1U

struct peal_quorum
peal_quorum_of(const struct peal_view *view)
{
	struct peal_quorum quorum = {
		.members_count = view->members_count,
		.tie_rank = peal_view_find_mid(view, view->tie_mid),
	};

	PEAL_ASSERT(quorum.members_count >= 1 && quorum.members_count <= PEAL_MEMBERS_MAX);
	PEAL_ASSERT(quorum.tie_rank < quorum.members_count || quorum.tie_rank == PEAL_RANK_NONE);
	return quorum;
}

uint32_t
peal_quorum_weight(const struct peal_quorum *quorum, const struct peal_bitset *set)
{
	uint32_t words_count = (quorum->members_count + 63U) / 64U;
	uint32_t weight = 0;

	PEAL_ASSERT(peal_bitset_is_within(set, quorum->members_count));
	for (uint32_t i = 0; i < words_count; i++) {
		weight += MEMBER_WEIGHT * (uint32_t)__builtin_popcountll(set->words[i]);
	}
	if (quorum->tie_rank != PEAL_RANK_NONE && peal_bitset_has(set, quorum->tie_rank)) {
		weight += TIE_WEIGHT;
	}
	PEAL_ASSERT(weight <= peal_quorum_total(quorum));
	return weight;
}

uint32_t
peal_quorum_total(const struct peal_quorum *quorum)
{
	PEAL_ASSERT(quorum->members_count >= 1 && quorum->members_count <= PEAL_MEMBERS_MAX);
	return MEMBER_WEIGHT * quorum->members_count + TIE_WEIGHT;
}

uint32_t
peal_quorum_classic(const struct peal_quorum *quorum)
{
	uint32_t need = quorum->members_count + 1U;

	/* paper: FASTPAXOS 3.1, quorum requirement: any two classic quorums share an acceptor: two
	 * halves of this weight are more than everything there is. */
	PEAL_ASSERT(2U * need > peal_quorum_total(quorum));
	return need;
}

uint32_t
peal_quorum_slack(const struct peal_quorum *quorum)
{
	uint32_t slack =
		2U * (quorum->members_count / 4U) + (quorum->members_count % 4U != 0 ? 1U : 0U);

	/* paper: FASTPAXOS 3.1, quorum requirement: a classic quorum meets the intersection of two
	 * fast ones: N + 1 must not fit into what two fast quorums leave out, e each. 2 e <= N but
	 * for N mod 4 = 1, where 2 e = N + 1: e is odd there, so two sets of weight e share the tie
	 * unit and weigh N. */
	PEAL_ASSERT(slack >= 1U);
	PEAL_ASSERT(2U * slack <= quorum->members_count + 1U);
	return slack;
}

bool
peal_quorum_classic_ok(const struct peal_quorum *quorum, const struct peal_bitset *set)
{
	uint32_t tie = PEAL_BUG(TIE_FOR_BOTH_HALVES) ? TIE_WEIGHT : 0U;

	return peal_quorum_weight(quorum, set) + tie >= peal_quorum_classic(quorum);
}

bool
peal_quorum_fast_ok(const struct peal_quorum *quorum, const struct peal_bitset *set)
{
	return peal_quorum_fast_weight_ok(quorum, peal_quorum_weight(quorum, set));
}

bool
peal_quorum_fast_weight_ok(const struct peal_quorum *quorum, uint32_t weight)
{
	PEAL_ASSERT(weight <= peal_quorum_total(quorum));
	if (PEAL_BUG(FAST_BY_MAJORITY)) {
		return weight >= peal_quorum_classic(quorum);
	}
	return weight + peal_quorum_slack(quorum) >= peal_quorum_total(quorum);
}

struct peal_bitset
peal_quorum_others(const struct peal_quorum *quorum, const struct peal_bitset *set)
{
	uint32_t whole = quorum->members_count / 64U;
	struct peal_bitset others = {{0}};

	PEAL_ASSERT(quorum->members_count <= PEAL_MEMBERS_MAX);
	for (uint32_t i = 0; i < whole; i++) {
		others.words[i] = ~set->words[i];
	}
	if (quorum->members_count % 64U != 0) {
		uint64_t members = (UINT64_C(1) << (quorum->members_count % 64U)) - 1U;

		others.words[whole] = ~set->words[whole] & members;
	}
	PEAL_ASSERT(peal_bitset_is_within(&others, quorum->members_count));
	return others;
}

bool
peal_quorum_forced(const struct peal_quorum *quorum, const struct peal_bitset *voters,
	const struct peal_bitset *responders)
{
	struct peal_bitset others = peal_bitset_difference(responders, voters);
	uint32_t against = peal_quorum_weight(quorum, &others);

	/* paper: FASTPAXOS 3.1, observation 4. All that is known to be against the value are the
	 * responders that voted otherwise or not at all; everybody else outside Q may have voted
	 * for it. A holder that is no member never votes in the fast round, heard or not. */
	if (quorum->tie_rank == PEAL_RANK_NONE) {
		against += TIE_WEIGHT;
	}
	PEAL_ASSERT(peal_quorum_classic_ok(quorum, responders));
	return against <= peal_quorum_slack(quorum);
}

bool
peal_quorum_is_blocked(const struct peal_quorum *quorum, const struct peal_bitset *refusers)
{
	return peal_quorum_weight(quorum, refusers) + peal_quorum_classic(quorum) >
	       peal_quorum_total(quorum);
}
