/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A proposed cut: which members go and which joiners come, relative to one parent view.
 *
 * A plain value. Canonical form, which all nodes must agree on: removals are a set, additions are
 * in uuid order with mid = 0. The digest covers the parent and both sets, and no reasons, so that
 * nodes that know different reasons still vote for the same value. Bytes: parent epoch u64 | parent
 * hash 16 | removals bitset 8 x words | additions count u8 | 7 x 0 | member records. At most
 * PEAL_PROPOSAL_ENCODED_SIZE_MAX.
 */
#ifndef PEAL_WIRE_PROPOSAL_H
#define PEAL_WIRE_PROPOSAL_H

#include "base/bitset.h"
#include "base/hash.h"
#include "wire/member.h"

struct peal_proposal {
	uint64_t parent_epoch;
	struct peal_hash128 parent_hash;
	struct peal_bitset removals; /* ranks of the parent view */
	uint8_t additions_count;     /* [0, PEAL_ADDITIONS_MAX] */
	struct peal_member additions[PEAL_ADDITIONS_MAX];
};

#define PEAL_PROPOSAL_ENCODED_SIZE_MAX                                                             \
	(PEAL_PROPOSAL_FIXED_SIZE +                                                                \
		PEAL_ADDITIONS_MAX * (PEAL_MEMBER_RECORD_SIZE + PEAL_METADATA_SIZE_MAX))

void peal_proposal_encode(const struct peal_proposal *proposal, struct peal_writer *writer);
/* False: truncated, count above the limit, not in canonical order, a mid that is not 0, a bad
 * record. */
bool peal_proposal_decode(struct peal_reader *reader, struct peal_proposal *proposal_out);
/* 128-bit digest of the encoded form. */
struct peal_hash128 peal_proposal_digest(const struct peal_proposal *proposal);

static inline bool
peal_proposal_is_empty(const struct peal_proposal *proposal)
{
	return peal_bitset_is_empty(&proposal->removals) && proposal->additions_count == 0;
}

#endif
