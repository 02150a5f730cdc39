/* SPDX-License-Identifier: BSD-3-Clause */
#include "control/validity.h"

#include "membership/nextview.h"
#include "wire/messages.h"

bool
peal_validity_is_held(const struct peal_view *view, const struct peal_bitset *willing,
	const struct peal_proposal *value)
{
	struct peal_quorum quorum = peal_quorum_of(view);
	struct peal_bitset holders = {{0}};

	PEAL_ASSERT(peal_bitset_is_within(&value->removals, view->members_count));
	for (uint32_t rank = 0; rank < view->members_count; rank++) {
		bool is_willing = willing != NULL && peal_bitset_has(willing, rank);

		if (is_willing || !peal_bitset_has(&value->removals, rank)) {
			peal_bitset_add(&holders, rank);
		}
	}
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
is_lawful_report(const struct peal_view *view, const struct peal_ballot_msg *message)
{
	if (!is_classic(view, message->ballot)) {
		return false;
	}
	if (!message->has_proposal) {
		return message->vrnd.round == 0 && message->vrnd.index == 0;
	}
	return peal_ballot_compare(message->vrnd, message->ballot) < 0 &&
	       (is_fast(message->vrnd) || is_classic(view, message->vrnd));
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
		return is_lawful_report(view, message);
	case PEAL_MESSAGE_P2B:
	case PEAL_MESSAGE_NACK:
		return is_classic(view, message->ballot);
	default:
		PEAL_ASSERT(!"a message of agreement");
		return false;
	}
}
