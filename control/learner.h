/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Who accepted what: sets of members per (ballot, digest). Ballots are never mixed.
 *
 * Of the fast round every member's one vote is kept, for up to PEAL_FAST_VALUES_MAX values, which a
 * small group cannot exceed. Votes for one more push out the lightest value if they weigh more, or
 * count for none: what many voted for is never lost behind what single members did. Of the classic
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
	uint32_t fast_count;
	struct peal_hash128 fast_digests[PEAL_FAST_VALUES_MAX]; /* [fast_count] */
	uint32_t fast_weights[PEAL_FAST_VALUES_MAX];            /* of its voters, [fast_count] */
	/* By rank, where heard: index of its digest, or PEAL_FAST_VALUES_MAX = pushed out. */
	uint8_t fast_values[PEAL_MEMBERS_MAX];
	uint8_t tallies_count;
	struct peal_tally tallies[PEAL_TALLIES_MAX]; /* [tallies_count] */
};

/* Memory that was never used, or that of another epoch; only what counts is written. */
void peal_learner_init(struct peal_learner *learner, struct peal_quorum quorum);
/*
 * The members of `ranks` accepted `digest` at `ballot`, which is the fast one or of a round >= 2. A
 * second fast vote of one member for another value is ignored: it votes once. O(new votes + words),
 * and O(N) when another value is pushed out.
 * @return true when the members that accepted `digest` at `ballot` are a quorum of its kind now
 */
bool peal_learner_on_accepted(struct peal_learner *learner, const struct peal_bitset *ranks,
	struct peal_ballot ballot, struct peal_hash128 digest);
/* The members known to have accepted `digest` at `ballot`. O(N). */
struct peal_bitset peal_learner_voters(
	const struct peal_learner *learner, struct peal_ballot ballot, struct peal_hash128 digest);
/* The largest weight that `digest` reached at any ballot; 0 when nobody accepted it. O(words) for
 * each ballot. */
uint32_t peal_learner_weight(const struct peal_learner *learner, struct peal_hash128 digest);
/*
 * True when no value can reach a fast quorum any more, even if everybody who was not heard and is
 * not in `absent` voted for it. Members of `absent` that were heard count as heard. O(words +
 * values).
 */
bool peal_learner_is_fast_infeasible(
	const struct peal_learner *learner, const struct peal_bitset *absent);
void peal_learner_check(const struct peal_learner *learner);

#endif
