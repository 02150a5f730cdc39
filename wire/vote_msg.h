/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * VOTE_UP: who accepted what, as one bitmap for many members. What large groups send in place of
 * VOTE, P1B and P2B.
 *
 * Body after the flood prefix: kind u8 | 3 x 0 | first u16 | count u16 | rank u64 | vrnd u64 |
 * digest 16 | bitmap, ceil(count / 8) bytes. A bit stands for a place, not a rank: places are
 * ring-0 order from the root of tree 0 on (membership/trees.h), so a subtree is one run of places.
 * Bits of different keys are never mixed, and everything is OR: duplicates and reordering are
 * harmless. paper: RAPID 4.3, votes as bitmaps; the key with the ballot is Peal's.
 */
#ifndef PEAL_WIRE_VOTE_MSG_H
#define PEAL_WIRE_VOTE_MSG_H

#include "base/limits.h"
#include "wire/ballot_msg.h"
#include "wire/cursor.h"

/* What the members whose bits are set say. */
enum peal_vote_kind {
	PEAL_VOTE_FAST = 1,      /* VOTE for digest; ballot (1, 0), vrnd 0 */
	PEAL_VOTE_PROMISE = 2,   /* P1B of ballot: accepted (vrnd, digest), or nothing: both 0 */
	PEAL_VOTE_ACCEPT = 3,    /* P2B of digest at ballot, vrnd 0 */
	PEAL_VOTE_INSTALLED = 4, /* the view whose hash is digest is installed; ballot, vrnd 0 */
};

/* Everything that must be equal for bits to be merged, within one view. */
struct peal_vote_key {
	uint8_t kind; /* enum peal_vote_kind */
	struct peal_ballot ballot;
	struct peal_ballot vrnd;
	struct peal_hash128 digest;
};

/* Places in one frame. */
#define PEAL_VOTE_PLACES_MAX 8192U

struct peal_vote_msg {
	struct peal_vote_key key;
	uint16_t first;        /* place of bit 0; a multiple of 8 */
	uint16_t count;        /* [1, PEAL_VOTE_PLACES_MAX]; first + count <= PEAL_MEMBERS_MAX */
	const uint8_t *bitmap; /* [(count + 7) / 8], into the body; bits beyond count are 0 */
};

#define PEAL_VOTE_MSG_FIXED_SIZE 40U

bool peal_vote_key_equals(const struct peal_vote_key *a, const struct peal_vote_key *b);
void peal_vote_msg_encode(const struct peal_vote_msg *message, struct peal_writer *writer);
/* False: truncated or longer, unknown kind, fields that do not go with it, first, count or bits out
 * of bounds, no bit set. */
bool peal_vote_msg_decode(struct peal_reader *reader, struct peal_vote_msg *message_out);

#endif
