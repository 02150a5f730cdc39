/* SPDX-License-Identifier: BSD-3-Clause */
#include "control/learner.h"

#include "base/museum.h"

#include <string.h>

_Static_assert(PEAL_FAST_VALUES_MAX < UINT8_MAX, "a value or none is one byte");

void
peal_learner_init(struct peal_learner *learner, struct peal_quorum quorum)
{
	PEAL_ASSERT(quorum.members_count >= 1 && quorum.members_count <= PEAL_MEMBERS_MAX);
	learner->quorum = quorum;
	memset(&learner->fast_heard, 0, sizeof(learner->fast_heard));
	learner->fast_count = 0;
	learner->tallies_count = 0;
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

/* Index of a value of the fast round; fast_count when nobody is known to have voted for it. */
static uint32_t
find_fast(const struct peal_learner *learner, struct peal_hash128 digest)
{
	uint32_t index = 0;

	PEAL_ASSERT(learner->fast_count <= PEAL_FAST_VALUES_MAX);
	while (index < learner->fast_count && !PEAL_BUG(VOTES_WITHOUT_VALUE) &&
		!peal_hash128_equals(learner->fast_digests[index], digest)) {
		index++;
	}
	return index;
}

/* A place for a value that the members of `fresh` voted for: a free one, or that of the lightest
 * value, whose votes count for none from then on. PEAL_FAST_VALUES_MAX: no room. */
static uint32_t
add_fast(struct peal_learner *learner, const struct peal_bitset *fresh, struct peal_hash128 digest)
{
	uint32_t place = learner->fast_count;

	if (place < PEAL_FAST_VALUES_MAX) {
		learner->fast_count++;
	} else {
		place = 0;
		for (uint32_t i = 1; i < PEAL_FAST_VALUES_MAX; i++) {
			if (learner->fast_weights[i] < learner->fast_weights[place]) {
				place = i;
			}
		}
		if (peal_quorum_weight(&learner->quorum, fresh) <= learner->fast_weights[place]) {
			return PEAL_FAST_VALUES_MAX;
		}
		PEAL_BITSET_FOR_EACH (rank, &learner->fast_heard) {
			if (learner->fast_values[rank] == place) {
				learner->fast_values[rank] = PEAL_FAST_VALUES_MAX;
			}
		}
	}
	learner->fast_digests[place] = digest;
	learner->fast_weights[place] = 0;
	return place;
}

static bool
on_fast_votes(
	struct peal_learner *learner, const struct peal_bitset *ranks, struct peal_hash128 digest)
{
	/* paper: FASTPAXOS 3.1, phase 2b: one vote a round and member; the first one stands. */
	struct peal_bitset fresh = PEAL_BUG(VOTES_COUNTED_TWICE)
					   ? *ranks
					   : peal_bitset_difference(ranks, &learner->fast_heard);
	uint32_t index = find_fast(learner, digest);

	if (index == learner->fast_count) {
		if (peal_bitset_is_empty(&fresh)) {
			return false;
		}
		index = add_fast(learner, &fresh, digest);
	}
	PEAL_BITSET_FOR_EACH (rank, &fresh) {
		learner->fast_values[rank] = (uint8_t)index;
	}
	peal_bitset_merge(&learner->fast_heard, &fresh);
	if (index == PEAL_FAST_VALUES_MAX) {
		return false;
	}
	learner->fast_weights[index] += peal_quorum_weight(&learner->quorum, &fresh);
	return peal_quorum_fast_weight_ok(&learner->quorum, learner->fast_weights[index]);
}

bool
peal_learner_on_accepted(struct peal_learner *learner, const struct peal_bitset *ranks,
	struct peal_ballot ballot, struct peal_hash128 digest)
{
	struct peal_tally *tally;

	PEAL_ASSERT(peal_bitset_is_within(ranks, learner->quorum.members_count));
	PEAL_ASSERT(!peal_bitset_is_empty(ranks));
	PEAL_ASSERT(ballot.round >= 1);

	if (ballot.round == 1) {
		PEAL_ASSERT(ballot.index == 0);
		return on_fast_votes(learner, ranks, digest);
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
	peal_bitset_merge(&tally->members, ranks);
	return peal_quorum_classic_ok(&learner->quorum, &tally->members);
}

struct peal_bitset
peal_learner_voters(
	const struct peal_learner *learner, struct peal_ballot ballot, struct peal_hash128 digest)
{
	struct peal_bitset voters = {{0}};
	uint32_t index = find_fast(learner, digest);

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
	if (index == learner->fast_count) {
		return voters;
	}
	PEAL_BITSET_FOR_EACH (rank, &learner->fast_heard) {
		if (learner->fast_values[rank] == index) {
			peal_bitset_add(&voters, rank);
		}
	}
	PEAL_ASSERT(peal_quorum_weight(&learner->quorum, &voters) == learner->fast_weights[index]);
	return voters;
}

uint32_t
peal_learner_weight(const struct peal_learner *learner, struct peal_hash128 digest)
{
	uint32_t index = find_fast(learner, digest);
	uint32_t weight = index < learner->fast_count ? learner->fast_weights[index] : 0U;

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
	struct peal_bitset counted_out = peal_bitset_union(&learner->fast_heard, absent);
	/* May still vote, for anything. */
	struct peal_bitset open = peal_quorum_others(&learner->quorum, &counted_out);
	uint32_t open_weight = peal_quorum_weight(&learner->quorum, &open);

	/* A value that nobody voted for yet. */
	if (peal_quorum_fast_weight_ok(&learner->quorum, open_weight)) {
		return false;
	}
	for (uint32_t i = 0; i < learner->fast_count; i++) {
		if (peal_quorum_fast_weight_ok(
			    &learner->quorum, open_weight + learner->fast_weights[i])) {
			return false;
		}
	}
	return true;
}

void
peal_learner_check(const struct peal_learner *learner)
{
	uint32_t fast_weight = 0;

	PEAL_ASSERT(learner->fast_count <= PEAL_FAST_VALUES_MAX);
	PEAL_ASSERT(learner->tallies_count <= PEAL_TALLIES_MAX);
	PEAL_ASSERT(peal_bitset_is_within(&learner->fast_heard, learner->quorum.members_count));
	for (uint32_t i = 0; i < learner->fast_count; i++) {
		PEAL_ASSERT(learner->fast_weights[i] > 0);
		fast_weight += learner->fast_weights[i];
	}
	PEAL_ASSERT(fast_weight <= peal_quorum_weight(&learner->quorum, &learner->fast_heard));
	for (uint32_t i = 0; i < learner->tallies_count; i++) {
		const struct peal_tally *tally = &learner->tallies[i];

		PEAL_ASSERT(tally->ballot.round >= 2);
		PEAL_ASSERT(!peal_bitset_is_empty(&tally->members));
		PEAL_ASSERT(peal_bitset_is_within(&tally->members, learner->quorum.members_count));
	}
}
