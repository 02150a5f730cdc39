/* SPDX-License-Identifier: BSD-3-Clause */
#include "control/coordinator.h"

void
peal_coordinator_init(
	struct peal_coordinator *coordinator, struct peal_quorum quorum, uint16_t self_rank)
{
	PEAL_ASSERT(self_rank < quorum.members_count);
	*coordinator = (struct peal_coordinator){
		.quorum = quorum,
		.self_rank = self_rank,
		.round_highest = 1,
	};
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
	return coordinator->round_highest < PEAL_ROUNDS_MAX;
}

struct peal_ballot
peal_coordinator_start(struct peal_coordinator *coordinator)
{
	peal_coordinator_check(coordinator);
	PEAL_ASSERT(peal_coordinator_can_start(coordinator));

	/* paper: FASTPAXOS 2.2.1, phase 1a: a round higher than any other. Own rounds count whether
	 * or not anybody promised them, so two values never meet in one ballot. */
	coordinator->round_highest++;
	coordinator->ballot = (struct peal_ballot){
		.round = coordinator->round_highest,
		.index = coordinator->self_rank,
	};
	coordinator->state = PEAL_COORDINATOR_PREPARING;
	coordinator->attempts_count++;
	coordinator->responders = (struct peal_bitset){{0}};
	coordinator->nackers = (struct peal_bitset){{0}};

	peal_coordinator_check(coordinator);
	return coordinator->ballot;
}

void
peal_coordinator_stop(struct peal_coordinator *coordinator)
{
	peal_coordinator_check(coordinator);
	coordinator->state = PEAL_COORDINATOR_IDLE;
}

void
peal_coordinator_on_p1b(struct peal_coordinator *coordinator, uint16_t rank,
	struct peal_ballot ballot, struct peal_ballot vrnd, struct peal_hash128 vdigest)
{
	PEAL_ASSERT(rank < coordinator->quorum.members_count);
	PEAL_ASSERT(peal_ballot_compare(vrnd, ballot) < 0);

	if (coordinator->state != PEAL_COORDINATOR_PREPARING ||
		peal_ballot_compare(ballot, coordinator->ballot) != 0) {
		return;
	}
	/* A member counts once: a repeated message must not look like a second promise. */
	if (peal_bitset_has(&coordinator->responders, rank)) {
		return;
	}
	peal_bitset_add(&coordinator->responders, rank);
	coordinator->said_vrnd[rank] = vrnd;
	coordinator->said_digest[rank] = vdigest;

	peal_coordinator_check(coordinator);
}

/* Highest vrnd that a responder told; (0,0) when nobody of them accepted anything. */
static struct peal_ballot
find_highest_vrnd(const struct peal_coordinator *coordinator)
{
	struct peal_ballot highest = {.round = 0, .index = 0};

	for (uint32_t rank = 0; rank < coordinator->quorum.members_count; rank++) {
		if (peal_bitset_has(&coordinator->responders, rank) &&
			peal_ballot_compare(coordinator->said_vrnd[rank], highest) > 0) {
			highest = coordinator->said_vrnd[rank];
		}
	}
	PEAL_ASSERT(peal_ballot_compare(highest, coordinator->ballot) < 0);
	return highest;
}

/* The responders that accepted `digest` at `vrnd`. */
static struct peal_bitset
find_voters(const struct peal_coordinator *coordinator, struct peal_ballot vrnd,
	struct peal_hash128 digest)
{
	struct peal_bitset voters = {{0}};

	PEAL_ASSERT(vrnd.round >= 1);
	for (uint32_t rank = 0; rank < coordinator->quorum.members_count; rank++) {
		if (peal_bitset_has(&coordinator->responders, rank) &&
			peal_ballot_compare(coordinator->said_vrnd[rank], vrnd) == 0 &&
			peal_hash128_equals(coordinator->said_digest[rank], digest)) {
			peal_bitset_add(&voters, rank);
		}
	}
	return voters;
}

/* The digest with most weight at `vrnd`, ties to the smaller one. Somebody accepted something
 * there. */
static struct peal_hash128
find_heaviest(const struct peal_coordinator *coordinator, struct peal_ballot vrnd)
{
	struct peal_hash128 heaviest = {.low = 0, .high = 0};
	uint32_t heaviest_weight = 0;

	for (uint32_t rank = 0; rank < coordinator->quorum.members_count; rank++) {
		struct peal_hash128 digest = coordinator->said_digest[rank];
		struct peal_bitset voters;
		uint32_t weight;

		if (!peal_bitset_has(&coordinator->responders, rank) ||
			peal_ballot_compare(coordinator->said_vrnd[rank], vrnd) != 0) {
			continue;
		}
		voters = find_voters(coordinator, vrnd, digest);
		weight = peal_quorum_weight(&coordinator->quorum, &voters);
		if (weight > heaviest_weight ||
			(weight == heaviest_weight && peal_hash128_compare(digest, heaviest) < 0)) {
			heaviest = digest;
			heaviest_weight = weight;
		}
	}
	PEAL_ASSERT(heaviest_weight > 0);
	return heaviest;
}

/* The single digest at the classic ballot `vrnd`. */
static enum peal_choice
choose_at_classic(const struct peal_coordinator *coordinator, struct peal_ballot vrnd,
	struct peal_hash128 *digest_out)
{
	bool is_found = false;

	PEAL_ASSERT(vrnd.round >= 2);
	for (uint32_t rank = 0; rank < coordinator->quorum.members_count; rank++) {
		if (!peal_bitset_has(&coordinator->responders, rank) ||
			peal_ballot_compare(coordinator->said_vrnd[rank], vrnd) != 0) {
			continue;
		}
		if (is_found && !peal_hash128_equals(coordinator->said_digest[rank], *digest_out)) {
			return PEAL_CHOICE_CONFLICT;
		}
		is_found = true;
		*digest_out = coordinator->said_digest[rank];
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
		*digest_out = find_heaviest(coordinator, vrnd);
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
	highest = find_highest_vrnd(coordinator);
	/* paper: FASTPAXOS 2.2.2, one value at k. A classic round k had one
	 * value, chosen by this same rule, so it covers what was chosen below k as well. */
	if (highest.round >= 2) {
		return choose_at_classic(coordinator, highest, digest_out);
	}
	/* paper: FASTPAXOS 3.1, observation 4. At most one value satisfies it: two
	 * would need more than e against each other. The heaviest is the only candidate. */
	if (highest.round == 1) {
		struct peal_hash128 heaviest = find_heaviest(coordinator, highest);
		struct peal_bitset voters = find_voters(coordinator, highest, heaviest);

		if (peal_quorum_forced(&coordinator->quorum, &voters, &coordinator->responders)) {
			*digest_out = heaviest;
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

	PEAL_ASSERT(coordinator->self_rank < quorum->members_count);
	PEAL_ASSERT(coordinator->round_highest >= 1);
	PEAL_ASSERT(coordinator->round_highest <= PEAL_ROUNDS_MAX);
	PEAL_ASSERT(peal_bitset_is_within(&coordinator->responders, quorum->members_count));
	PEAL_ASSERT(peal_bitset_is_within(&coordinator->nackers, quorum->members_count));
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
