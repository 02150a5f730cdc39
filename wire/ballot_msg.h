/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * VOTE, P1A, P1B, P2A, P2B, NACK, DECIDE: the messages of agreement, one struct and one codec.
 *
 * Body after the flood prefix: rank u64 | vrnd u64 | digest 16 | result hash 16 | has_proposal u8 |
 * 3 x 0 | left count u16 | proposal size u16 | left ranks u16 each, ascending | proposal if any. A
 * message that names a value carries it when its encoded size is at most PEAL_INLINE_SIZE_MAX ("the
 * value" below); of a larger one it names the digest, and who lacks the body asks for it:
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

/* Of a round that a coordinator leads: rounds from 2, and its rank. */
static inline bool
peal_ballot_is_classic(struct peal_ballot ballot)
{
	return ballot.round >= 2 && ballot.index < PEAL_MEMBERS_MAX;
}

static inline bool
peal_ballot_is_fast(struct peal_ballot ballot)
{
	return ballot.round == 1 && ballot.index == 0;
}

static inline bool
peal_ballot_is_none(struct peal_ballot ballot)
{
	return ballot.round == 0 && ballot.index == 0;
}

/* What an acceptor may say in a promise of `ballot`: that it accepted nothing before, or a value at
 * a lower ballot. */
static inline bool
peal_ballot_may_precede(struct peal_ballot vrnd, struct peal_ballot ballot)
{
	return peal_ballot_compare(vrnd, ballot) < 0 &&
	       (peal_ballot_is_none(vrnd) || peal_ballot_is_fast(vrnd) ||
		       peal_ballot_is_classic(vrnd));
}

/* A ballot on the wire: rank u64, the round in the high half. */
static inline void
peal_write_ballot(struct peal_writer *writer, struct peal_ballot ballot)
{
	peal_write_u64(writer, ((uint64_t)ballot.round << 32) | ballot.index);
}

static inline struct peal_ballot
peal_read_ballot(struct peal_reader *reader)
{
	uint64_t rank = peal_read_u64(reader);

	return (struct peal_ballot){.round = (uint32_t)(rank >> 32), .index = (uint32_t)rank};
}

struct peal_ballot_msg {
	uint8_t kind; /* enum peal_message, one of the seven */
	struct peal_ballot ballot;
	struct peal_ballot vrnd;
	struct peal_hash128 digest;
	struct peal_hash128 result_hash; /* DECIDE: hash of the view that results */
	/* DECIDE: removals that were graceful, as far as there is room; not part of the value. */
	struct peal_bitset left;
	bool has_proposal;
	struct peal_proposal proposal; /* its additions: inline_additions, or a body's */
	struct peal_member inline_additions[PEAL_INLINE_ADDITIONS_MAX];
};

/* Left ranks that travel; the others are told as crashed. */
#define PEAL_BALLOT_LEFT_MAX     32U
#define PEAL_BALLOT_MSG_SIZE_MAX (56U + 2U * PEAL_BALLOT_LEFT_MAX + PEAL_INLINE_SIZE_MAX)

/* Writes `message`; the proposal only if it is small enough. */
void peal_ballot_msg_encode(const struct peal_ballot_msg *message, struct peal_writer *writer);
/* Additions that are inline in `message` are inline in `copy_out`; their metadata stays where it
 * is. */
void peal_ballot_msg_copy(struct peal_ballot_msg *copy_out, const struct peal_ballot_msg *message);
/*
 * Reads a message of `kind`. False unless exactly the fields of the table are present and the
 * digest is that of the proposal, if there is one. proposal.additions points into `message_out`.
 */
bool peal_ballot_msg_decode(
	uint8_t kind, struct peal_reader *reader, struct peal_ballot_msg *message_out);

#endif
