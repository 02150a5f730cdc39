/* SPDX-License-Identifier: BSD-3-Clause */
#include "control/validity.h"

#include "membership/nextview.h"
#include "wire/messages.h"

bool
peal_validity_is_held(const struct peal_view *view, const struct peal_bitset *willing,
	const struct peal_proposal *value)
{
	struct peal_quorum quorum = peal_quorum_of(view);
	struct peal_bitset lost = value->removals;
	struct peal_bitset holders;

	PEAL_ASSERT(peal_bitset_is_within(&value->removals, view->members_count));
	if (willing != NULL) {
		lost = peal_bitset_difference(&lost, willing);
	}
	holders = peal_quorum_others(&quorum, &lost);
	return peal_quorum_classic_ok(&quorum, &holders);
}

bool
peal_validity_of_value(const struct peal_view *view, const struct peal_bitset *willing,
	const struct peal_proposal *value)
{
	PEAL_ASSERT(view->members_count >= 1);
	return peal_nextview_validate(view, value) == PEAL_VALID &&
	       peal_validity_is_held(view, willing, value);
}

static bool
is_fast(struct peal_ballot ballot)
{
	return peal_ballot_compare(ballot, PEAL_BALLOT_FAST) == 0;
}

static bool
is_classic(const struct peal_view *view, struct peal_ballot ballot)
{
	return ballot.round >= 2 && ballot.round <= PEAL_ROUNDS_MAX &&
	       ballot.index < view->members_count;
}

/* P1B tells of a ballot below its own, or of none. */
static bool
is_lawful_report(const struct peal_view *view, struct peal_ballot ballot, struct peal_ballot vrnd)
{
	if (!is_classic(view, ballot)) {
		return false;
	}
	if (vrnd.round == 0) {
		return vrnd.index == 0;
	}
	return peal_ballot_compare(vrnd, ballot) < 0 && (is_fast(vrnd) || is_classic(view, vrnd));
}

bool
peal_validity_of_votes(const struct peal_view *view, const struct peal_vote_key *key)
{
	PEAL_ASSERT(view->members_count >= 1);
	switch (key->kind) {
	case PEAL_VOTE_FAST:
		return is_fast(key->ballot);
	case PEAL_VOTE_PROMISE:
		return is_lawful_report(view, key->ballot, key->vrnd);
	case PEAL_VOTE_ACCEPT:
		return is_classic(view, key->ballot);
	default:
		PEAL_ASSERT(!"a kind of vote that counts for agreement");
		return false;
	}
}

bool
peal_validity_of_ballots(
	const struct peal_view *view, uint16_t rank, const struct peal_ballot_msg *message)
{
	PEAL_ASSERT(rank < view->members_count);
	switch (message->kind) {
	case PEAL_MESSAGE_VOTE:
		return is_fast(message->ballot);
	case PEAL_MESSAGE_DECIDE:
		return is_fast(message->ballot) || is_classic(view, message->ballot);
	case PEAL_MESSAGE_P1A:
	case PEAL_MESSAGE_P2A:
		/* paper: FASTPAXOS 2.2.1: a round has one coordinator, so that a round has one
		 * value. */
		return is_classic(view, message->ballot) && message->ballot.index == rank;
	case PEAL_MESSAGE_P1B:
		/* Who accepted nothing has no value to tell of. */
		return is_lawful_report(view, message->ballot, message->vrnd) &&
		       (message->vrnd.round > 0 || !message->has_proposal);
	case PEAL_MESSAGE_P2B:
	case PEAL_MESSAGE_NACK:
		return is_classic(view, message->ballot);
	default:
		PEAL_ASSERT(!"a message of agreement");
		return false;
	}
}
