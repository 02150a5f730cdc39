/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A proposed cut: which members go, which joiners come, and the order group that is created,
 * relative to one parent view.
 *
 * Canonical form, which all nodes must agree on: removals are a set, additions are in uuid order
 * with mid = 0. The digest covers the parent and both, and no reasons, so that nodes that know
 * different reasons still vote for the same value. The additions and their metadata stand in memory
 * of somebody else: of a body (membership/bodies.h), of a message being handled, of a test. Bytes:
 * parent epoch u64 | parent hash 16 | removals count u16 | additions count u16 | order groups count
 * u16, 0 or 1 | u16 0 | removed ranks u16 each, ascending | member records | order group.
 */
#ifndef PEAL_WIRE_PROPOSAL_H
#define PEAL_WIRE_PROPOSAL_H

#include "base/bitset.h"
#include "base/hash.h"
#include "wire/member.h"
#include "wire/ordergroup.h"

struct peal_proposal {
	uint64_t parent_epoch;
	struct peal_hash128 parent_hash;
	struct peal_bitset removals;         /* ranks of the parent view */
	uint16_t additions_count;            /* [0, PEAL_ADDITIONS_MAX] */
	const struct peal_member *additions; /* [additions_count], not owned; NULL when none */
	struct peal_ordergroup ordergroup;   /* all zero: the cut creates none */
};

/* Size of the encoded form. O(additions). */
uint32_t peal_proposal_size(const struct peal_proposal *proposal);
void peal_proposal_encode(const struct peal_proposal *proposal, struct peal_writer *writer);
/*
 * Reads one proposal. `additions_out`, [capacity], receives the joiners; it and the bytes of the
 * reader, where their metadata stays, must live as long as `proposal_out` is used.
 * @return false: truncated, a count above the limit or capacity, not in canonical order, a mid that
 * is not 0, a bad record, an order group that is none (wire/ordergroup.h)
 */
bool peal_proposal_decode(struct peal_reader *reader, struct peal_member *additions_out,
	uint32_t capacity, struct peal_proposal *proposal_out);
/* 128-bit digest of what the encoded form says. O(additions) and one pass over a set. */
struct peal_hash128 peal_proposal_digest(const struct peal_proposal *proposal);
/* Digest of an encoded proposal: equal to peal_proposal_digest of what it decodes to. */
struct peal_hash128 peal_proposal_digest_bytes(const uint8_t *bytes, uint32_t size);

/* True when the cut creates an order group. */
static inline bool
peal_proposal_has_ordergroup(const struct peal_proposal *proposal)
{
	return proposal->ordergroup.id != 0;
}

static inline bool
peal_proposal_is_empty(const struct peal_proposal *proposal)
{
	return peal_bitset_is_empty(&proposal->removals) && proposal->additions_count == 0 &&
	       proposal->ordergroup.id == 0;
}

#endif
