/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * VOTE, P1A, P1B, P2A, P2B, NACK, DECIDE: the messages of agreement, one struct and one codec.
 *
 * Body after the flood prefix: rank u64 | vrnd u64 | digest 16 | result hash 16 | reasons 8 x words
 * | has_proposal u8 | 7 x 0 | proposal if any. A message that names a value carries it, so nobody
 * ever holds a digest without its body:
 *
 *   kind    rank             vrnd             digest, proposal        result_hash, left
 *   VOTE    (1, 0)           0                the value               -
 *   P1A     the ballot       0                none                    -
 *   P1B     the ballot       accepted or 0    accepted value or none  -
 *   P2A     the ballot       0                the value               -
 *   P2B     the ballot       0                digest, no proposal     -
 *   NACK    promised         0                none                    -
 *   DECIDE  deciding ballot  0                the value               of the next view
 *
 * paper: FASTPAXOS 1a-2b messages.
 */
#ifndef PEAL_WIRE_BALLOT_MSG_H
#define PEAL_WIRE_BALLOT_MSG_H

#include "wire/proposal.h"

/* A ballot: the round, then the rank of its coordinator. (0, 0) = none, (1, 0) = the fast round. */
struct peal_ballot {
	uint32_t round;
	uint32_t index;
};

#define PEAL_BALLOT_FAST ((struct peal_ballot){.round = 1, .index = 0})

static inline int
peal_ballot_compare(struct peal_ballot a, struct peal_ballot b)
{
	if (a.round != b.round) {
		return a.round < b.round ? -1 : 1;
	}
	return a.index < b.index ? -1 : (a.index > b.index ? 1 : 0);
}

struct peal_ballot_msg {
	uint8_t kind; /* enum peal_message, one of the seven */
	struct peal_ballot ballot;
	struct peal_ballot vrnd;
	struct peal_hash128 digest;
	struct peal_hash128 result_hash; /* DECIDE: hash of the view that results */
	struct peal_bitset left; /* DECIDE: removals that were graceful; not part of the value */
	bool has_proposal;
	struct peal_proposal proposal;
};

#define PEAL_BALLOT_MSG_SIZE_MAX (72U + PEAL_PROPOSAL_ENCODED_SIZE_MAX)

void peal_ballot_msg_encode(const struct peal_ballot_msg *message, struct peal_writer *writer);
/*
 * Reads a message of `kind`. False unless exactly the fields of the table are present and the
 * digest is the digest of the proposal (VOTE, P2A, DECIDE, and P1B with vrnd).
 */
bool peal_ballot_msg_decode(
	uint8_t kind, struct peal_reader *reader, struct peal_ballot_msg *message_out);

#endif
