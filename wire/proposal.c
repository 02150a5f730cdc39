/* SPDX-License-Identifier: BSD-3-Clause */
#include "wire/proposal.h"

#include "base/assert.h"

#include <string.h>

#define FIXED_SIZE   (32U + PEAL_BITSET_WORDS * 8U)
#define PADDING_SIZE 7U

_Static_assert(FIXED_SIZE <= PEAL_PROPOSAL_FIXED_SIZE, "the fixed part is within its bound");
_Static_assert(PEAL_ADDITIONS_MAX <= UINT8_MAX, "the count of additions travels in eight bits");

/* Bits of the last word that are no ranks. */
static bool
has_stray_bits(const struct peal_bitset *set)
{
	return PEAL_MEMBERS_MAX % 64U != 0 &&
	       (set->words[PEAL_BITSET_WORDS - 1U] >> (PEAL_MEMBERS_MAX % 64U)) != 0;
}

void
peal_proposal_encode(const struct peal_proposal *proposal, struct peal_writer *writer)
{
	static const uint8_t padding[PADDING_SIZE];

	PEAL_ASSERT(proposal->additions_count <= PEAL_ADDITIONS_MAX);

	peal_write_u64(writer, proposal->parent_epoch);
	peal_write_u64(writer, proposal->parent_hash.low);
	peal_write_u64(writer, proposal->parent_hash.high);
	for (uint32_t i = 0; i < PEAL_BITSET_WORDS; i++) {
		peal_write_u64(writer, proposal->removals.words[i]);
	}
	peal_write_u8(writer, proposal->additions_count);
	peal_write_bytes(writer, padding, sizeof(padding));
	for (uint32_t i = 0; i < proposal->additions_count; i++) {
		PEAL_ASSERT(proposal->additions[i].mid == 0);
		if (i > 0) {
			PEAL_ASSERT(peal_uuid_compare(proposal->additions[i - 1].uuid,
					    proposal->additions[i].uuid) < 0);
		}
		peal_member_encode(&proposal->additions[i], writer);
	}
}

bool
peal_proposal_decode(struct peal_reader *reader, struct peal_proposal *proposal_out)
{
	uint8_t padding[PADDING_SIZE];
	uint8_t any = 0;

	memset(proposal_out, 0, sizeof(*proposal_out));
	proposal_out->parent_epoch = peal_read_u64(reader);
	proposal_out->parent_hash.low = peal_read_u64(reader);
	proposal_out->parent_hash.high = peal_read_u64(reader);
	for (uint32_t i = 0; i < PEAL_BITSET_WORDS; i++) {
		proposal_out->removals.words[i] = peal_read_u64(reader);
	}
	proposal_out->additions_count = peal_read_u8(reader);
	peal_read_bytes(reader, padding, sizeof(padding));
	for (uint32_t i = 0; i < sizeof(padding); i++) {
		any |= padding[i];
	}
	if (!reader->is_ok || any != 0 || proposal_out->additions_count > PEAL_ADDITIONS_MAX ||
		has_stray_bits(&proposal_out->removals)) {
		return false;
	}

	for (uint32_t i = 0; i < proposal_out->additions_count; i++) {
		struct peal_member *member = &proposal_out->additions[i];

		if (!peal_member_decode(reader, member) || member->mid != 0) {
			return false;
		}
		/* One value has one encoding, or equal cuts would have different digests. */
		if (i > 0 && peal_uuid_compare(member[-1].uuid, member->uuid) >= 0) {
			return false;
		}
	}
	return true;
}

struct peal_hash128
peal_proposal_digest(const struct peal_proposal *proposal)
{
	uint8_t bytes[PEAL_PROPOSAL_ENCODED_SIZE_MAX];
	struct peal_writer writer = peal_writer_init(bytes, sizeof(bytes));

	peal_proposal_encode(proposal, &writer);
	PEAL_ASSERT(writer.is_ok);
	return peal_hash128(bytes, writer.offset, 0);
}
