/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What an acceptor may accept: values that fit the view and keep a majority, ballots of their
 * sender.
 *
 * Pure functions of their arguments. Thread: control.
 * paper: FASTPAXOS 2.1, nontriviality; 2.2.1, one coordinator a round.
 */
#ifndef PEAL_CONTROL_VALIDITY_H
#define PEAL_CONTROL_VALIDITY_H

#include "control/quorum.h"
#include "wire/ballot_msg.h"
#include "wire/vote_msg.h"

/*
 * True when those who stay after the cut, and those who go willingly, hold a classic quorum of
 * `view`. `willing` are members that asked to leave or to be replaced; NULL = none. O(words).
 */
bool peal_validity_is_held(const struct peal_view *view, const struct peal_bitset *willing,
	const struct peal_proposal *value);
/* True when `value` fits `view` (membership/nextview.h) and is held. */
bool peal_validity_of_value(const struct peal_view *view, const struct peal_bitset *willing,
	const struct peal_proposal *value);
/* True when an epoch of `view` can have the ballots of `key`, which is of agreement (asserted). */
bool peal_validity_of_votes(const struct peal_view *view, const struct peal_vote_key *key);
/* True when the member at `rank` may use the ballots of `message` and an epoch can have them. */
bool peal_validity_of_ballots(
	const struct peal_view *view, uint16_t rank, const struct peal_ballot_msg *message);

#endif
