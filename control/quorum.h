/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The one quorum rule, in weights. Nothing else in Peal compares votes with a threshold.
 *
 * Every member weighs 2; the holder of the tie unit (the senior, named in the view) weighs 1 more.
 * W = 2 N + 1. Classic quorum: weight >= N + 1. Fast quorum: weight >= W - e with
 * e = 2 floor(N / 4) + (N mod 4 != 0), the loosest safe value. Learner and coordinator take the
 * same e from here. For even N exactly the half with the senior is a quorum, so two members survive
 * the crash of the junior and no partition ever has two winners.
 *
 * Pure functions of plain values, O(words) each. Sets are of ranks below members_count, asserted.
 * paper: FASTPAXOS 3.1 and 3.4.1, quorum requirement; checked by enumeration in
 * tests/prop/prop_quorum.c.
 */
#ifndef PEAL_CONTROL_QUORUM_H
#define PEAL_CONTROL_QUORUM_H

#include "base/bitset.h"
#include "wire/view.h"

struct peal_quorum {
	uint32_t members_count; /* N, [1, PEAL_MEMBERS_MAX] */
	uint16_t tie_rank;      /* PEAL_RANK_NONE when the holder is not a member */
};

struct peal_quorum peal_quorum_of(const struct peal_view *view);
uint32_t peal_quorum_weight(const struct peal_quorum *quorum, const struct peal_bitset *set);
uint32_t peal_quorum_total(const struct peal_quorum *quorum);   /* W */
uint32_t peal_quorum_classic(const struct peal_quorum *quorum); /* N + 1 */
uint32_t peal_quorum_slack(const struct peal_quorum *quorum);   /* e */
bool peal_quorum_classic_ok(const struct peal_quorum *quorum, const struct peal_bitset *set);
bool peal_quorum_fast_ok(const struct peal_quorum *quorum, const struct peal_bitset *set);
/* The same for who keeps weights instead of sets. O(1). */
bool peal_quorum_fast_weight_ok(const struct peal_quorum *quorum, uint32_t weight);
/* The members that are not in `set`. */
struct peal_bitset peal_quorum_others(
	const struct peal_quorum *quorum, const struct peal_bitset *set);
/*
 * True when a value with these voters may have been chosen fast, or may still be, seen from
 * responders Q of classic weight (asserted): weight(voters and Q) >= weight(Q) - e. Voters outside
 * Q are ignored. A holder that is no member counts as a responder without a vote: it never votes in
 * the fast round.
 */
bool peal_quorum_forced(const struct peal_quorum *quorum, const struct peal_bitset *voters,
	const struct peal_bitset *responders);
/* True when everybody outside `refusers`, a holder that is no member included, is no classic
 * quorum: weight(refusers) > N. */
bool peal_quorum_is_blocked(const struct peal_quorum *quorum, const struct peal_bitset *refusers);

#endif
