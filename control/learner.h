/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Who accepted what: sets of members per (ballot, digest). Ballots are never mixed.
 *
 * Of the fast round every member's one vote is kept, so nothing can push a vote out. Of the classic
 * rounds the PEAL_TALLIES_MAX latest ballots are kept: the lowest goes first, and one that is lower
 * than all is not taken. That costs a decision at most, which a later round makes again.
 *
 * Pure; plain struct, fields private. Thread: control. No allocation.
 * paper: FASTPAXOS 2.2.1, learning a value.
 */
#ifndef PEAL_CONTROL_LEARNER_H
#define PEAL_CONTROL_LEARNER_H

#include "control/quorum.h"
#include "wire/ballot_msg.h"

/* Acceptances in one classic round. */
struct peal_tally {
	struct peal_ballot ballot; /* round >= 2 */
	struct peal_hash128 digest;
	struct peal_bitset members;
};

struct peal_learner {
	struct peal_quorum quorum;
	struct peal_bitset fast_heard; /* everybody whose fast vote, for whatever value, was seen */
	struct peal_hash128 fast_digests[PEAL_MEMBERS_MAX]; /* by rank, where heard */
	uint8_t tallies_count;
	struct peal_tally tallies[PEAL_TALLIES_MAX];
};

void peal_learner_init(struct peal_learner *learner, struct peal_quorum quorum);
/*
 * The member at `rank` accepted `digest` at `ballot`, which is the fast one or of a round >= 2. A
 * second fast vote of one member for another value is ignored (it votes once). O(N).
 * @return true when the members that accepted `digest` at `ballot` are a quorum of its kind now
 */
bool peal_learner_on_accepted(struct peal_learner *learner, uint16_t rank,
	struct peal_ballot ballot, struct peal_hash128 digest);
/* The members known to have accepted `digest` at `ballot`. O(N). */
struct peal_bitset peal_learner_voters(
	const struct peal_learner *learner, struct peal_ballot ballot, struct peal_hash128 digest);
/* The largest weight that `digest` reached at any ballot; 0 when nobody accepted it. O(N). */
uint32_t peal_learner_weight(const struct peal_learner *learner, struct peal_hash128 digest);
/*
 * True when no value can reach a fast quorum any more, even if everybody who was not heard and is
 * not in `absent` voted for it. Members of `absent` that were heard count as heard. O(N^2).
 */
bool peal_learner_is_fast_infeasible(
	const struct peal_learner *learner, const struct peal_bitset *absent);
void peal_learner_check(const struct peal_learner *learner);

#endif
