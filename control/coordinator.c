/* SPDX-License-Identifier: BSD-3-Clause */
#include "control/coordinator.h"

#include "base/museum.h"

#include <string.h>

_Static_assert(PEAL_FAST_VALUES_MAX <= UINT8_MAX, "an index of what was told is one byte");

void
peal_coordinator_init(
	struct peal_coordinator *coordinator, struct peal_quorum quorum, uint16_t self_rank)
{
	const struct peal_ballot none = {.round = 0, .index = 0};

	PEAL_ASSERT(self_rank < quorum.members_count);
	coordinator->quorum = quorum;
	coordinator->self_rank = self_rank;
	coordinator->state = PEAL_COORDINATOR_IDLE;
	coordinator->ballot = none;
	coordinator->round_highest = 1;
	coordinator->attempts_count = 0;
	memset(&coordinator->responders, 0, sizeof(coordinator->responders));
	memset(&coordinator->nackers, 0, sizeof(coordinator->nackers));
	coordinator->said_count = 0;
	coordinator->has_own = false;
	coordinator->own_complete = false;
	coordinator->has_known = false;
	peal_coordinator_check(coordinator);
}

void
peal_coordinator_set_own(
	struct peal_coordinator *coordinator, struct peal_hash128 digest, bool complete)
{
	PEAL_ASSERT(coordinator->round_highest >= 1);
	coordinator->has_own = true;
	coordinator->own_complete = complete;
	coordinator->own_digest = digest;
}

void
peal_coordinator_set_known(struct peal_coordinator *coordinator, struct peal_hash128 digest)
{
	PEAL_ASSERT(coordinator->round_highest >= 1);
	coordinator->has_known = true;
	coordinator->known_digest = digest;
}

void
peal_coordinator_on_round(struct peal_coordinator *coordinator, uint32_t round)
{
	PEAL_ASSERT(round >= 1 && round <= PEAL_ROUNDS_MAX);
	if (round > coordinator->round_highest) {
		coordinator->round_highest = round;
	}
	PEAL_ASSERT(coordinator->round_highest >= coordinator->ballot.round);
}

bool
peal_coordinator_can_start(const struct peal_coordinator *coordinator)
{
	PEAL_ASSERT(coordinator->round_highest <= PEAL_ROUNDS_MAX);
	if (PEAL_BUG(ONE_CLASSIC_ROUND) && coordinator->round_highest > 1U) {
		return false;
	}
	return coordinator->round_highest < PEAL_ROUNDS_MAX;
}

struct peal_ballot
peal_coordinator_start(struct peal_coordinator *coordinator)
{
	peal_coordinator_check(coordinator);
	PEAL_ASSERT(peal_coordinator_can_start(coordinator));

	/* paper: FASTPAXOS 2.2.1, phase 1a: a round higher than any other. Own rounds count whether
	 * or not anybody promised them, so two values never meet in one ballot. */
	if (!PEAL_BUG(BALLOT_REUSED) || coordinator->attempts_count == 0) {
		coordinator->round_highest++;
	}
	coordinator->ballot = (struct peal_ballot){
		.round = coordinator->round_highest,
		.index = coordinator->self_rank,
	};
	coordinator->state = PEAL_COORDINATOR_PREPARING;
	coordinator->attempts_count++;
	memset(&coordinator->responders, 0, sizeof(coordinator->responders));
	memset(&coordinator->nackers, 0, sizeof(coordinator->nackers));
	coordinator->said_count = 0;

	peal_coordinator_check(coordinator);
	return coordinator->ballot;
}

void
peal_coordinator_stop(struct peal_coordinator *coordinator)
{
	peal_coordinator_check(coordinator);
	coordinator->state = PEAL_COORDINATOR_IDLE;
}

/* Index of the group of those who told this; one more than all while there is room for it. */
static uint32_t
find_said(const struct peal_coordinator *coordinator, struct peal_ballot vrnd,
	struct peal_hash128 digest)
{
	uint32_t index = 0;

	PEAL_ASSERT(coordinator->said_count <= PEAL_FAST_VALUES_MAX);
	while (index < coordinator->said_count &&
		(peal_ballot_compare(coordinator->said[index].vrnd, vrnd) != 0 ||
			(vrnd.round > 0 &&
				!peal_hash128_equals(coordinator->said[index].digest, digest)))) {
		index++;
	}
	return index;
}

void
peal_coordinator_on_p1b(struct peal_coordinator *coordinator, const struct peal_bitset *ranks,
	struct peal_ballot ballot, struct peal_ballot vrnd, struct peal_hash128 vdigest)
{
	struct peal_bitset fresh;
	uint32_t index;

	PEAL_ASSERT(peal_bitset_is_within(ranks, coordinator->quorum.members_count));
	PEAL_ASSERT(peal_ballot_compare(vrnd, ballot) < 0);

	if (coordinator->state != PEAL_COORDINATOR_PREPARING ||
		peal_ballot_compare(ballot, coordinator->ballot) != 0) {
		return;
	}
	/* A member counts once: a repeated message must not look like a second promise. */
	fresh = peal_bitset_difference(ranks, &coordinator->responders);
	index = find_said(coordinator, vrnd, vdigest);
	if (peal_bitset_is_empty(&fresh) || index == PEAL_FAST_VALUES_MAX) {
		return;
	}
	if (index == coordinator->said_count) {
		coordinator->said_count++;
		coordinator->said[index].vrnd = vrnd;
		coordinator->said[index].digest = vdigest;
		coordinator->said[index].weight = 0;
	}
	PEAL_BITSET_FOR_EACH (rank, &fresh) {
		coordinator->said_by[rank] = (uint8_t)index;
	}
	coordinator->said[index].weight += peal_quorum_weight(&coordinator->quorum, &fresh);
	peal_bitset_merge(&coordinator->responders, &fresh);

	peal_coordinator_check(coordinator);
}

bool
peal_coordinator_was_told(const struct peal_coordinator *coordinator, struct peal_hash128 digest)
{
	PEAL_ASSERT(coordinator->said_count <= PEAL_FAST_VALUES_MAX);
	for (uint32_t i = 0; i < coordinator->said_count; i++) {
		if (coordinator->said[i].vrnd.round > 0 &&
			peal_hash128_equals(coordinator->said[i].digest, digest)) {
			return true;
		}
	}
	return false;
}

/* Highest vrnd that a responder told; (0,0) when nobody of them accepted anything. */
static struct peal_ballot
find_highest_vrnd(const struct peal_coordinator *coordinator)
{
	struct peal_ballot highest = {.round = 0, .index = 0};

	for (uint32_t i = 0; i < coordinator->said_count; i++) {
		if (peal_ballot_compare(coordinator->said[i].vrnd, highest) > 0) {
			highest = coordinator->said[i].vrnd;
		}
	}
	PEAL_ASSERT(peal_ballot_compare(highest, coordinator->ballot) < 0);
	return highest;
}

/* The responders that told what group `index` stands for. */
static struct peal_bitset
find_voters(const struct peal_coordinator *coordinator, uint32_t index)
{
	struct peal_bitset voters = {{0}};

	PEAL_ASSERT(index < coordinator->said_count);
	PEAL_BITSET_FOR_EACH (rank, &coordinator->responders) {
		if (coordinator->said_by[rank] == index) {
			peal_bitset_add(&voters, rank);
		}
	}
	PEAL_ASSERT(peal_quorum_weight(&coordinator->quorum, &voters) ==
		    coordinator->said[index].weight);
	return voters;
}

/* The group with most weight at `vrnd`, ties to the smaller digest. Somebody accepted something
 * there. */
static uint32_t
find_heaviest(const struct peal_coordinator *coordinator, struct peal_ballot vrnd)
{
	uint32_t heaviest = PEAL_FAST_VALUES_MAX;

	PEAL_ASSERT(vrnd.round >= 1);
	for (uint32_t i = 0; i < coordinator->said_count; i++) {
		if (peal_ballot_compare(coordinator->said[i].vrnd, vrnd) != 0) {
			continue;
		}
		if (heaviest == PEAL_FAST_VALUES_MAX ||
			coordinator->said[i].weight > coordinator->said[heaviest].weight ||
			(coordinator->said[i].weight == coordinator->said[heaviest].weight &&
				peal_hash128_compare(coordinator->said[i].digest,
					coordinator->said[heaviest].digest) < 0)) {
			heaviest = i;
		}
	}
	PEAL_ASSERT(heaviest < coordinator->said_count);
	return heaviest;
}

/* The single digest at the classic ballot `vrnd`. */
static enum peal_choice
choose_at_classic(const struct peal_coordinator *coordinator, struct peal_ballot vrnd,
	struct peal_hash128 *digest_out)
{
	bool is_found = false;

	PEAL_ASSERT(vrnd.round >= 2);
	for (uint32_t i = 0; i < coordinator->said_count; i++) {
		if (peal_ballot_compare(coordinator->said[i].vrnd, vrnd) != 0) {
			continue;
		}
		/* Groups differ: a second one at this ballot is a second digest. */
		if (is_found) {
			return PEAL_CHOICE_CONFLICT;
		}
		is_found = true;
		*digest_out = coordinator->said[i].digest;
	}
	PEAL_ASSERT(is_found);
	return PEAL_CHOICE_VALUE;
}

/* Nothing was or can be chosen below the running ballot: any proposed value is safe. */
static enum peal_choice
choose_freely(const struct peal_coordinator *coordinator, struct peal_ballot vrnd,
	struct peal_hash128 *digest_out)
{
	bool prefers_own = coordinator->has_own && (coordinator->own_complete || vrnd.round == 0);

	PEAL_ASSERT(vrnd.round <= 1);
	if (prefers_own) {
		*digest_out = coordinator->own_digest;
	} else if (vrnd.round == 1) {
		*digest_out = coordinator->said[find_heaviest(coordinator, vrnd)].digest;
	} else if (coordinator->has_known) {
		*digest_out = coordinator->known_digest;
	} else {
		return PEAL_CHOICE_WAIT;
	}
	return PEAL_CHOICE_VALUE;
}

enum peal_choice
peal_coordinator_choose(const struct peal_coordinator *coordinator, struct peal_hash128 *digest_out)
{
	struct peal_ballot highest;

	peal_coordinator_check(coordinator);
	if (coordinator->state != PEAL_COORDINATOR_PREPARING ||
		!peal_quorum_classic_ok(&coordinator->quorum, &coordinator->responders)) {
		return PEAL_CHOICE_WAIT;
	}
	highest = PEAL_BUG(VALUE_RULE_FORGOTTEN) ? (struct peal_ballot){0}
						 : find_highest_vrnd(coordinator);
	/* paper: FASTPAXOS 2.2.2, one value at k. A classic round k had one
	 * value, chosen by this same rule, so it covers what was chosen below k as well. */
	if (highest.round >= 2) {
		return choose_at_classic(coordinator, highest, digest_out);
	}
	/* paper: FASTPAXOS 3.1, observation 4. At most one value satisfies it: two
	 * would need more than e against each other. The heaviest is the only candidate. */
	if (highest.round == 1) {
		uint32_t heaviest = find_heaviest(coordinator, highest);
		struct peal_bitset voters = find_voters(coordinator, heaviest);

		if (peal_quorum_forced(&coordinator->quorum, &voters, &coordinator->responders)) {
			*digest_out = coordinator->said[heaviest].digest;
			return PEAL_CHOICE_VALUE;
		}
	}
	return choose_freely(coordinator, highest, digest_out);
}

void
peal_coordinator_propose(struct peal_coordinator *coordinator, struct peal_hash128 digest)
{
	PEAL_ASSERT(coordinator->state == PEAL_COORDINATOR_PREPARING);
	PEAL_ASSERT(peal_quorum_classic_ok(&coordinator->quorum, &coordinator->responders));
	coordinator->state = PEAL_COORDINATOR_PROPOSED;
	coordinator->proposed_digest = digest;
	peal_coordinator_check(coordinator);
}

bool
peal_coordinator_on_nack(
	struct peal_coordinator *coordinator, uint16_t rank, struct peal_ballot promised)
{
	PEAL_ASSERT(rank < coordinator->quorum.members_count);
	peal_coordinator_on_round(coordinator, promised.round);

	if (coordinator->state == PEAL_COORDINATOR_IDLE ||
		peal_ballot_compare(promised, coordinator->ballot) <= 0) {
		return false;
	}
	peal_bitset_add(&coordinator->nackers, rank);
	if (!peal_quorum_is_blocked(&coordinator->quorum, &coordinator->nackers)) {
		return false;
	}
	coordinator->state = PEAL_COORDINATOR_IDLE;

	peal_coordinator_check(coordinator);
	return true;
}

void
peal_coordinator_check(const struct peal_coordinator *coordinator)
{
	const struct peal_quorum *quorum = &coordinator->quorum;
	uint32_t weight = 0;

	PEAL_ASSERT(coordinator->self_rank < quorum->members_count);
	PEAL_ASSERT(coordinator->round_highest >= 1);
	PEAL_ASSERT(coordinator->round_highest <= PEAL_ROUNDS_MAX);
	PEAL_ASSERT(peal_bitset_is_within(&coordinator->responders, quorum->members_count));
	PEAL_ASSERT(peal_bitset_is_within(&coordinator->nackers, quorum->members_count));
	PEAL_ASSERT(coordinator->said_count <= PEAL_FAST_VALUES_MAX);
	for (uint32_t i = 0; i < coordinator->said_count; i++) {
		weight += coordinator->said[i].weight;
	}
	PEAL_ASSERT(weight == peal_quorum_weight(quorum, &coordinator->responders));
	if (coordinator->state != PEAL_COORDINATOR_IDLE) {
		PEAL_ASSERT(coordinator->attempts_count >= 1);
		PEAL_ASSERT(coordinator->ballot.round >= 2);
		PEAL_ASSERT(coordinator->ballot.round <= coordinator->round_highest);
		PEAL_ASSERT(coordinator->ballot.index == coordinator->self_rank);
	}
	if (coordinator->state == PEAL_COORDINATOR_PROPOSED) {
		PEAL_ASSERT(peal_quorum_classic_ok(quorum, &coordinator->responders));
	}
}
