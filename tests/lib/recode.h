/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Each decoder of the wire as one function: bytes in, and when they are accepted the same value
 * encoded again. Shared by the fuzz targets and the property test: what is accepted must come back
 * unchanged.
 *
 * All return the size written to `out`, or 0 when the bytes were refused. Header only, so that fuzz
 * targets need nothing but the product.
 */
#ifndef PEAL_TESTS_LIB_RECODE_H
#define PEAL_TESTS_LIB_RECODE_H

#include "base/assert.h"
#include "tests/lib/recode_join.h"
#include "wire/alert_msg.h"
#include "wire/ballot_msg.h"
#include "wire/flood_msg.h"
#include "wire/frame.h"
#include "wire/liveness_msg.h"
#include "wire/messages.h"
#include "wire/view.h"
#include "wire/vote_msg.h"

#include <stddef.h>
#include <string.h>

/* Members of a view, and joiners of a proposal, that are tried; larger ones differ in nothing but
 * their size. */
#define PEAL_RECODE_MEMBERS_MAX 80U
#define PEAL_RECODE_SIZE_MAX    360448U

_Static_assert(
	PEAL_RECODE_SIZE_MAX >= PEAL_VIEW_ENCODED_SIZE_MAX(PEAL_RECODE_MEMBERS_MAX), "a view fits");
_Static_assert(
	PEAL_RECODE_SIZE_MAX >= PEAL_PROPOSAL_FIXED_SIZE + 2U * PEAL_MEMBERS_MAX +
					PEAL_RECODE_MEMBERS_MAX *
						(PEAL_MEMBER_RECORD_SIZE + PEAL_METADATA_SIZE_MAX) +
					PEAL_ORDERGROUP_SIZE_MAX,
	"a proposal that removes everybody fits");

typedef size_t (*peal_recode_fn)(const uint8_t *bytes, size_t size, uint8_t *out);

static inline size_t
peal_recode_frame(const uint8_t *bytes, size_t size, uint8_t *out)
{
	struct peal_header header;

	if (peal_frame_decode(bytes, size, &header) != PEAL_REFUSAL_NONE) {
		return 0;
	}
	PEAL_ASSERT(size <= PEAL_PAYLOAD_SIZE_MAX);
	memcpy(out, bytes, size);
	memset(out, 0, PEAL_HEADER_SIZE);
	peal_frame_encode(&header, out);
	return size;
}

static inline size_t
peal_recode_member(const uint8_t *bytes, size_t size, uint8_t *out)
{
	struct peal_reader reader = peal_reader_init(bytes, size);
	struct peal_writer writer = peal_writer_init(out, PEAL_RECODE_SIZE_MAX);
	struct peal_member member;

	if (!peal_member_decode(&reader, &member) || !peal_reader_is_done(&reader)) {
		return 0;
	}
	peal_member_encode(&member, &writer);
	PEAL_ASSERT(writer.is_ok);
	return writer.offset;
}

static inline size_t
peal_recode_ordergroup(const uint8_t *bytes, size_t size, uint8_t *out)
{
	struct peal_reader reader = peal_reader_init(bytes, size);
	struct peal_writer writer = peal_writer_init(out, PEAL_RECODE_SIZE_MAX);
	struct peal_ordergroup group;

	if (!peal_ordergroup_decode(&reader, &group) || !peal_reader_is_done(&reader)) {
		return 0;
	}
	peal_ordergroup_encode(&group, &writer);
	PEAL_ASSERT(writer.is_ok);
	PEAL_ASSERT(writer.offset == peal_ordergroup_size(&group));
	return writer.offset;
}

static inline size_t
peal_recode_tagged(const uint8_t *bytes, size_t size, uint8_t *out)
{
	struct peal_reader reader = peal_reader_init(bytes, size);
	struct peal_writer writer = peal_writer_init(out, PEAL_RECODE_SIZE_MAX);
	struct peal_metadata_tag tag;
	struct peal_member member;

	if (!peal_member_decode_tagged(&reader, &member, &tag) || !peal_reader_is_done(&reader)) {
		return 0;
	}
	peal_member_encode_tagged(&member, &tag, &writer);
	PEAL_ASSERT(writer.is_ok);
	PEAL_ASSERT(writer.offset == peal_member_tagged_size(&member, &tag));
	return writer.offset;
}

static inline size_t
peal_recode_view(const uint8_t *bytes, size_t size, uint8_t *out)
{
	static struct peal_member members[PEAL_RECODE_MEMBERS_MAX];
	static uint16_t by_uuid[256];
	static uint16_t by_address[256];
	static struct peal_view_index index = {
		.places_count = 256, .by_uuid = by_uuid, .by_address = by_address};
	static struct peal_ordergroup ordergroups[PEAL_ORDERGROUPS_MAX];
	struct peal_view view;

	if (size > UINT32_MAX || !peal_view_decode(bytes, (uint32_t)size, members,
					 PEAL_RECODE_MEMBERS_MAX, ordergroups, &index, &view)) {
		return 0;
	}
	peal_view_check(&view);
	return peal_view_encode(&view, out, PEAL_RECODE_SIZE_MAX);
}

static inline size_t
peal_recode_proposal(const uint8_t *bytes, size_t size, uint8_t *out)
{
	struct peal_reader reader = peal_reader_init(bytes, size);
	struct peal_writer writer = peal_writer_init(out, PEAL_RECODE_SIZE_MAX);
	static struct peal_member additions[PEAL_RECODE_MEMBERS_MAX];
	struct peal_proposal proposal;

	if (!peal_proposal_decode(&reader, additions, PEAL_RECODE_MEMBERS_MAX, &proposal) ||
		!peal_reader_is_done(&reader)) {
		return 0;
	}
	peal_proposal_encode(&proposal, &writer);
	PEAL_ASSERT(writer.is_ok);
	PEAL_ASSERT(writer.offset == peal_proposal_size(&proposal));
	PEAL_ASSERT(peal_hash128_equals(peal_proposal_digest(&proposal),
		peal_proposal_digest_bytes(out, (uint32_t)writer.offset)));
	return writer.offset;
}

static inline size_t
peal_recode_liveness(const uint8_t *bytes, size_t size, uint8_t *out)
{
	struct peal_liveness_msg message;

	if (size > UINT32_MAX || !peal_liveness_msg_decode(bytes, (uint32_t)size, &message)) {
		return 0;
	}
	peal_liveness_msg_encode(&message, out);
	return PEAL_LIVENESS_BODY_SIZE;
}

static inline size_t
peal_recode_flood(const uint8_t *bytes, size_t size, uint8_t *out)
{
	struct peal_reader reader = peal_reader_init(bytes, size);
	struct peal_writer writer = peal_writer_init(out, PEAL_FLOOD_PREFIX_SIZE);
	struct peal_flood_prefix prefix;

	if (!peal_flood_prefix_decode(&reader, &prefix) || !peal_reader_is_done(&reader)) {
		return 0;
	}
	peal_flood_prefix_encode(&prefix, &writer);
	PEAL_ASSERT(writer.is_ok);
	return writer.offset;
}

static inline size_t
peal_recode_alert(const uint8_t *bytes, size_t size, uint8_t *out)
{
	struct peal_reader reader = peal_reader_init(bytes, size);
	struct peal_writer writer =
		peal_writer_init(out, PEAL_BODY_SIZE_MAX - PEAL_FLOOD_PREFIX_SIZE);
	struct peal_alert_msg message;

	if (!peal_alert_msg_decode(&reader, &message)) {
		return 0;
	}
	peal_alert_msg_encode(&message, &writer);
	PEAL_ASSERT(writer.is_ok);
	return writer.offset;
}

/* The first byte is the kind. */
static inline size_t
peal_recode_ballot(const uint8_t *bytes, size_t size, uint8_t *out)
{
	static struct peal_ballot_msg message;

	if (size == 0) {
		return 0;
	}
	struct peal_reader reader = peal_reader_init(bytes + 1, size - 1U);
	struct peal_writer writer = peal_writer_init(out + 1, PEAL_BALLOT_MSG_SIZE_MAX);

	if (!peal_ballot_msg_decode(bytes[0], &reader, &message)) {
		return 0;
	}
	out[0] = message.kind;
	peal_ballot_msg_encode(&message, &writer);
	PEAL_ASSERT(writer.is_ok);
	return 1U + writer.offset;
}

static inline size_t
peal_recode_vote(const uint8_t *bytes, size_t size, uint8_t *out)
{
	struct peal_reader reader = peal_reader_init(bytes, size);
	struct peal_writer writer =
		peal_writer_init(out, PEAL_BODY_SIZE_MAX - PEAL_FLOOD_PREFIX_SIZE);
	struct peal_vote_msg message;

	if (!peal_vote_msg_decode(&reader, &message)) {
		return 0;
	}
	PEAL_ASSERT(peal_vote_key_equals(&message.key, &message.key));
	peal_vote_msg_encode(&message, &writer);
	PEAL_ASSERT(writer.is_ok);
	return writer.offset;
}

/* What every fuzz target of a decoder demands. */
static inline void
peal_recode_check(peal_recode_fn recode, const uint8_t *bytes, size_t size)
{
	static uint8_t out[PEAL_RECODE_SIZE_MAX];
	size_t recoded_size = recode(bytes, size, out);

	if (recoded_size != 0) {
		PEAL_ASSERT(recoded_size == size);
		PEAL_ASSERT(memcmp(out, bytes, size) == 0);
	}
}

#endif
