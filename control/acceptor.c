/* SPDX-License-Identifier: BSD-3-Clause */
#include "control/acceptor.h"

#include "base/museum.h"

static bool
is_none(struct peal_ballot ballot)
{
	return ballot.round == 0 && ballot.index == 0;
}

void
peal_acceptor_init(struct peal_acceptor *acceptor)
{
	*acceptor = (struct peal_acceptor){.has_p1b = false};
	peal_acceptor_check(acceptor);
}

bool
peal_acceptor_vote(struct peal_acceptor *acceptor, struct peal_hash128 digest)
{
	peal_acceptor_check(acceptor);

	/* paper: FASTPAXOS 3.1, phase 2b of a fast round: only while the fast round is the highest
	 * one heard of, and once. A vote after a promise may complete a fast quorum beside a
	 * classic one: the promise told a coordinator that this node had not voted. */
	if ((!is_none(acceptor->promised) && !PEAL_BUG(VOTE_AFTER_PROMISE)) ||
		!is_none(acceptor->vrnd)) {
		return false;
	}
	acceptor->vrnd = PEAL_BALLOT_FAST;
	acceptor->vdigest = digest;

	peal_acceptor_check(acceptor);
	return true;
}

enum peal_acceptor_answer
peal_acceptor_on_p1a(struct peal_acceptor *acceptor, struct peal_ballot ballot)
{
	int order = peal_ballot_compare(ballot, acceptor->promised);

	PEAL_ASSERT(ballot.round >= 2);
	peal_acceptor_check(acceptor);

	if (order < 0 && !PEAL_BUG(PROMISE_FORGOTTEN)) {
		return PEAL_ACCEPTOR_NACK;
	}
	/* A repeated question gets the answer it got: what was accepted since then is of this
	 * ballot and no news to its coordinator. A promise that came with phase 2 had no answer. */
	if (order == 0) {
		return acceptor->has_p1b ? PEAL_ACCEPTOR_P1B : PEAL_ACCEPTOR_SILENT;
	}
	/* paper: FASTPAXOS 2.2.1, phase 1b: promise, and tell what was accepted below. */
	acceptor->promised = ballot;
	acceptor->has_p1b = true;
	acceptor->p1b_vrnd = acceptor->vrnd;
	acceptor->p1b_vdigest = acceptor->vdigest;

	peal_acceptor_check(acceptor);
	return PEAL_ACCEPTOR_P1B;
}

enum peal_acceptor_answer
peal_acceptor_on_p2a(
	struct peal_acceptor *acceptor, struct peal_ballot ballot, struct peal_hash128 digest)
{
	int order = peal_ballot_compare(ballot, acceptor->promised);

	PEAL_ASSERT(ballot.round >= 2);
	peal_acceptor_check(acceptor);

	if (order < 0 && !PEAL_BUG(ACCEPT_BELOW_PROMISE)) {
		return PEAL_ACCEPTOR_NACK;
	}
	if (peal_ballot_compare(ballot, acceptor->vrnd) == 0) {
		/* paper: FASTPAXOS 2.2.1, phase 2a: one value per classic round. Another one is a
		 * lie of somebody. */
		return peal_hash128_equals(acceptor->vdigest, digest) ? PEAL_ACCEPTOR_P2B
								      : PEAL_ACCEPTOR_CONFLICT;
	}
	/* paper: FASTPAXOS 2.2.1, phase 2b: accept unless a higher round was promised. An earlier
	 * promise for this very round is not needed: accepting promises. */
	if (order > 0) {
		acceptor->has_p1b = false;
	}
	acceptor->promised = ballot;
	acceptor->vrnd = ballot;
	acceptor->vdigest = digest;

	peal_acceptor_check(acceptor);
	return PEAL_ACCEPTOR_P2B;
}

void
peal_acceptor_check(const struct peal_acceptor *acceptor)
{
	PEAL_ASSERT(is_none(acceptor->promised) || acceptor->promised.round >= 2);
	if (acceptor->vrnd.round >= 2) {
		PEAL_ASSERT(peal_ballot_compare(acceptor->vrnd, acceptor->promised) <= 0);
	} else {
		PEAL_ASSERT(is_none(acceptor->vrnd) ||
			    peal_ballot_compare(acceptor->vrnd, PEAL_BALLOT_FAST) == 0);
	}
	if (acceptor->has_p1b) {
		PEAL_ASSERT(acceptor->promised.round >= 2);
		PEAL_ASSERT(peal_ballot_compare(acceptor->p1b_vrnd, acceptor->promised) < 0);
	}
}
