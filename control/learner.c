/* SPDX-License-Identifier: BSD-3-Clause */
#include "control/learner.h"

void
peal_learner_init(struct peal_learner *learner, struct peal_quorum quorum)
{
	PEAL_ASSERT(quorum.members_count >= 1 && quorum.members_count <= PEAL_MEMBERS_MAX);
	*learner = (struct peal_learner){.quorum = quorum};
	peal_learner_check(learner);
}

static struct peal_tally *
find_tally(struct peal_learner *learner, struct peal_ballot ballot, struct peal_hash128 digest)
{
	for (uint32_t i = 0; i < learner->tallies_count; i++) {
		struct peal_tally *tally = &learner->tallies[i];

		if (peal_ballot_compare(tally->ballot, ballot) == 0 &&
			peal_hash128_equals(tally->digest, digest)) {
			return tally;
		}
	}
	return NULL;
}

/* A tally for a new pair: a free one, or that of a lower ballot. NULL: no room. */
static struct peal_tally *
add_tally(struct peal_learner *learner, struct peal_ballot ballot, struct peal_hash128 digest)
{
	struct peal_tally *place = &learner->tallies[0];

	if (learner->tallies_count < PEAL_TALLIES_MAX) {
		place = &learner->tallies[learner->tallies_count++];
	} else {
		for (uint32_t i = 1; i < PEAL_TALLIES_MAX; i++) {
			if (peal_ballot_compare(learner->tallies[i].ballot, place->ballot) < 0) {
				place = &learner->tallies[i];
			}
		}
		if (peal_ballot_compare(ballot, place->ballot) <= 0) {
			return NULL;
		}
	}
	*place = (struct peal_tally){.ballot = ballot, .digest = digest};
	return place;
}

static bool
on_fast_vote(struct peal_learner *learner, uint16_t rank, struct peal_hash128 digest)
{
	struct peal_bitset voters;

	/* paper: FASTPAXOS 3.1, phase 2b: one vote a round and member; the first one stands. */
	if (!peal_bitset_has(&learner->fast_heard, rank)) {
		peal_bitset_add(&learner->fast_heard, rank);
		learner->fast_digests[rank] = digest;
	}
	voters = peal_learner_voters(learner, PEAL_BALLOT_FAST, digest);
	return peal_quorum_fast_ok(&learner->quorum, &voters);
}

bool
peal_learner_on_accepted(struct peal_learner *learner, uint16_t rank, struct peal_ballot ballot,
	struct peal_hash128 digest)
{
	struct peal_tally *tally;

	PEAL_ASSERT(rank < learner->quorum.members_count);
	PEAL_ASSERT(ballot.round >= 1);

	if (ballot.round == 1) {
		PEAL_ASSERT(ballot.index == 0);
		return on_fast_vote(learner, rank, digest);
	}
	/* paper: FASTPAXOS 2.2.1: the same value at the same ballot. Adding up ballots would
	 * count acceptors that have turned to another value since. */
	tally = find_tally(learner, ballot, digest);
	if (tally == NULL) {
		tally = add_tally(learner, ballot, digest);
	}
	if (tally == NULL) {
		return false;
	}
	peal_bitset_add(&tally->members, rank);
	return peal_quorum_classic_ok(&learner->quorum, &tally->members);
}

struct peal_bitset
peal_learner_voters(
	const struct peal_learner *learner, struct peal_ballot ballot, struct peal_hash128 digest)
{
	struct peal_bitset voters = {{0}};

	PEAL_ASSERT(ballot.round >= 1);
	if (ballot.round > 1) {
		for (uint32_t i = 0; i < learner->tallies_count; i++) {
			const struct peal_tally *tally = &learner->tallies[i];

			if (peal_ballot_compare(tally->ballot, ballot) == 0 &&
				peal_hash128_equals(tally->digest, digest)) {
				voters = tally->members;
			}
		}
		return voters;
	}
	for (uint32_t rank = 0; rank < learner->quorum.members_count; rank++) {
		if (peal_bitset_has(&learner->fast_heard, rank) &&
			peal_hash128_equals(learner->fast_digests[rank], digest)) {
			peal_bitset_add(&voters, rank);
		}
	}
	return voters;
}

uint32_t
peal_learner_weight(const struct peal_learner *learner, struct peal_hash128 digest)
{
	struct peal_bitset voters = peal_learner_voters(learner, PEAL_BALLOT_FAST, digest);
	uint32_t weight = peal_quorum_weight(&learner->quorum, &voters);

	PEAL_ASSERT(learner->tallies_count <= PEAL_TALLIES_MAX);
	for (uint32_t i = 0; i < learner->tallies_count; i++) {
		const struct peal_tally *tally = &learner->tallies[i];

		if (peal_hash128_equals(tally->digest, digest)) {
			uint32_t classic = peal_quorum_weight(&learner->quorum, &tally->members);

			weight = classic > weight ? classic : weight;
		}
	}
	return weight;
}

bool
peal_learner_is_fast_infeasible(
	const struct peal_learner *learner, const struct peal_bitset *absent)
{
	struct peal_bitset open = {{0}}; /* may still vote, for anything */

	for (uint32_t rank = 0; rank < learner->quorum.members_count; rank++) {
		if (!peal_bitset_has(&learner->fast_heard, rank) &&
			!peal_bitset_has(absent, rank)) {
			peal_bitset_add(&open, rank);
		}
	}
	/* A value that nobody voted for yet. */
	if (peal_quorum_fast_ok(&learner->quorum, &open)) {
		return false;
	}
	for (uint32_t rank = 0; rank < learner->quorum.members_count; rank++) {
		struct peal_bitset voters;

		if (!peal_bitset_has(&learner->fast_heard, rank)) {
			continue;
		}
		voters =
			peal_learner_voters(learner, PEAL_BALLOT_FAST, learner->fast_digests[rank]);
		voters = peal_bitset_union(&voters, &open);
		if (peal_quorum_fast_ok(&learner->quorum, &voters)) {
			return false;
		}
	}
	return true;
}

void
peal_learner_check(const struct peal_learner *learner)
{
	PEAL_ASSERT(learner->tallies_count <= PEAL_TALLIES_MAX);
	PEAL_ASSERT(peal_bitset_is_within(&learner->fast_heard, learner->quorum.members_count));
	for (uint32_t i = 0; i < learner->tallies_count; i++) {
		const struct peal_tally *tally = &learner->tallies[i];

		PEAL_ASSERT(tally->ballot.round >= 2);
		PEAL_ASSERT(!peal_bitset_is_empty(&tally->members));
		PEAL_ASSERT(peal_bitset_is_within(&tally->members, learner->quorum.members_count));
	}
}
