/* SPDX-License-Identifier: BSD-3-Clause */
#include "wire/proposal.h"

#include "base/assert.h"
#include "wire/fields.h"

#include <string.h>

#define FIXED_SIZE PEAL_PROPOSAL_FIXED_SIZE
/* Removed ranks that are digested in one piece. */
#define RANKS_PIECE 64U

_Static_assert(PEAL_MEMBERS_MAX <= UINT16_MAX, "a rank and a count travel in sixteen bits");

uint32_t
peal_proposal_size(const struct peal_proposal *proposal)
{
	uint32_t size = FIXED_SIZE + 2U * peal_bitset_count(&proposal->removals);

	for (uint32_t i = 0; i < proposal->additions_count; i++) {
		const struct peal_member *member = &proposal->additions[i];

		size += peal_member_record_size(member) + member->metadata_size;
	}
	if (peal_proposal_has_ordergroup(proposal)) {
		size += peal_ordergroup_size(&proposal->ordergroup);
	}
	return size;
}

static void
write_fixed(const struct peal_proposal *proposal, struct peal_writer *writer)
{
	PEAL_ASSERT(proposal->additions_count <= PEAL_ADDITIONS_MAX);

	peal_write_u64(writer, proposal->parent_epoch);
	peal_write_hash(writer, proposal->parent_hash);
	peal_write_u16(writer, (uint16_t)peal_bitset_count(&proposal->removals));
	peal_write_u16(writer, proposal->additions_count);
	peal_write_u16(writer, peal_proposal_has_ordergroup(proposal) ? 1 : 0);
	peal_write_u16(writer, 0);
}

static void
write_addition(const struct peal_proposal *proposal, uint32_t i, struct peal_writer *writer)
{
	PEAL_ASSERT(proposal->additions[i].mid == 0);
	if (i > 0) {
		PEAL_ASSERT(peal_uuid_compare(proposal->additions[i - 1U].uuid,
				    proposal->additions[i].uuid) < 0);
	}
	peal_member_encode(&proposal->additions[i], writer);
}

void
peal_proposal_encode(const struct peal_proposal *proposal, struct peal_writer *writer)
{
	write_fixed(proposal, writer);
	PEAL_BITSET_FOR_EACH (rank, &proposal->removals) {
		peal_write_u16(writer, (uint16_t)rank);
	}
	for (uint32_t i = 0; i < proposal->additions_count; i++) {
		write_addition(proposal, i, writer);
	}
	if (peal_proposal_has_ordergroup(proposal)) {
		peal_ordergroup_encode(&proposal->ordergroup, writer);
	}
}

/* One value has one encoding, or equal cuts would have different digests. */
static bool
read_removals(struct peal_reader *reader, uint32_t count, struct peal_bitset *removals_out)
{
	uint32_t next = 0;

	for (uint32_t i = 0; i < count; i++) {
		uint16_t rank = peal_read_u16(reader);

		if (!reader->is_ok || rank < next || rank >= PEAL_MEMBERS_MAX) {
			return false;
		}
		peal_bitset_add(removals_out, rank);
		next = rank + 1U;
	}
	return true;
}

static bool
read_additions(struct peal_reader *reader, uint32_t count, struct peal_member *additions_out)
{
	for (uint32_t i = 0; i < count; i++) {
		struct peal_member *member = &additions_out[i];

		if (!peal_member_decode(reader, member) || member->mid != 0) {
			return false;
		}
		if (i > 0 && peal_uuid_compare(member[-1].uuid, member->uuid) >= 0) {
			return false;
		}
	}
	return true;
}

bool
peal_proposal_decode(struct peal_reader *reader, struct peal_member *additions_out,
	uint32_t capacity, struct peal_proposal *proposal_out)
{
	memset(proposal_out, 0, sizeof(*proposal_out));
	proposal_out->parent_epoch = peal_read_u64(reader);
	proposal_out->parent_hash = peal_read_hash(reader);
	uint16_t removals_count = peal_read_u16(reader);
	proposal_out->additions_count = peal_read_u16(reader);
	uint16_t ordergroups_count = peal_read_u16(reader);
	uint16_t padding = peal_read_u16(reader);

	if (!reader->is_ok || padding != 0 || ordergroups_count > 1 ||
		removals_count > PEAL_MEMBERS_MAX ||
		proposal_out->additions_count > PEAL_ADDITIONS_MAX ||
		proposal_out->additions_count > capacity) {
		return false;
	}
	if (proposal_out->additions_count > 0) {
		proposal_out->additions = additions_out;
	}
	return read_removals(reader, removals_count, &proposal_out->removals) &&
	       read_additions(reader, proposal_out->additions_count, additions_out) &&
	       (ordergroups_count == 0 ||
		       peal_ordergroup_decode(reader, &proposal_out->ordergroup));
}

struct peal_hash128
peal_proposal_digest(const struct peal_proposal *proposal)
{
	uint8_t piece[FIXED_SIZE + PEAL_MEMBER_RECORD_SIZE_MAX + PEAL_METADATA_SIZE_MAX];
	uint16_t ranks[RANKS_PIECE];
	uint32_t ranks_count = 0;
	struct peal_writer writer = peal_writer_init(piece, sizeof(piece));
	struct peal_hash_stream stream;

	/* In pieces: the encoded form of the largest cut is half a megabyte. */
	peal_hash_stream_init(&stream);
	write_fixed(proposal, &writer);
	peal_hash_stream_add(&stream, piece, writer.offset);
	PEAL_BITSET_FOR_EACH (rank, &proposal->removals) {
		ranks[ranks_count++] = (uint16_t)rank;
		if (ranks_count == RANKS_PIECE) {
			peal_hash_stream_add(&stream, ranks, sizeof(ranks));
			ranks_count = 0;
		}
	}
	peal_hash_stream_add(&stream, ranks, ranks_count * sizeof(ranks[0]));
	for (uint32_t i = 0; i < proposal->additions_count; i++) {
		writer = peal_writer_init(piece, sizeof(piece));
		write_addition(proposal, i, &writer);
		PEAL_ASSERT(writer.is_ok);
		peal_hash_stream_add(&stream, piece, writer.offset);
	}
	if (peal_proposal_has_ordergroup(proposal)) {
		writer = peal_writer_init(piece, sizeof(piece));
		peal_ordergroup_encode(&proposal->ordergroup, &writer);
		PEAL_ASSERT(writer.is_ok);
		peal_hash_stream_add(&stream, piece, writer.offset);
	}
	return peal_hash_stream_end(&stream);
}

struct peal_hash128
peal_proposal_digest_bytes(const uint8_t *bytes, uint32_t size)
{
	return peal_hash128(bytes, size, 0);
}
