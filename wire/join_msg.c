/* SPDX-License-Identifier: BSD-3-Clause */
#include "wire/join_msg.h"

#include "base/assert.h"
#include "wire/fields.h"
#include "wire/flood_msg.h"

#include <string.h>

#define REQUEST_FLAG_CANDIDATE 0x01U
#define REQUEST_PADDING_SIZE   6U
#define ANSWER_PADDING_SIZE    3U
#define INSTALL_FIXED_SIZE     40U
#define PULL_PADDING_SIZE      6U
#define PROBE_PADDING_SIZE     7U
#define READY_FIXED_SIZE       32U
#define READY_PADDING_SIZE     6U
#define FORWARD_FIXED_SIZE     4U
#define FORWARD_PADDING_SIZE   3U
#define BATCH_FIXED_SIZE       24U
#define BATCH_PADDING_SIZE     3U
#define LEAVE_PADDING_SIZE     7U
/* Body behind the prefix of families 2 and 3. */
#define FLOODED_SIZE_MAX (PEAL_BODY_SIZE_MAX - PEAL_FLOOD_PREFIX_SIZE)

_Static_assert(PEAL_METADATA_SIZE_MAX % PEAL_CHUNK_SIZE_MAX == 0 && PEAL_METADATA_CHUNKS_MAX <= 8U,
	"a set of chunks of metadata is one byte");
_Static_assert(READY_FIXED_SIZE + PEAL_CHUNK_SIZE_MAX <= PEAL_BODY_SIZE_MAX,
	"a chunk of metadata fits one frame");
_Static_assert(INSTALL_FIXED_SIZE + PEAL_INSTALL_CHUNK_SIZE_MAX <= PEAL_BODY_SIZE_MAX,
	"a part of a snapshot fits one frame");
_Static_assert(
	FORWARD_FIXED_SIZE + PEAL_FORWARD_MEMBERS_MAX * PEAL_MEMBER_RECORD_SIZE <= FLOODED_SIZE_MAX,
	"joiners without metadata fit one frame");
_Static_assert(BATCH_FIXED_SIZE + PEAL_INLINE_SIZE_MAX <= FLOODED_SIZE_MAX,
	"a batch with its value fits one frame");

static bool
is_status_known(uint8_t status)
{
	return status >= PEAL_JOIN_CHALLENGE && status <= PEAL_JOIN_METADATA_FULL;
}

void
peal_join_request_encode(const struct peal_join_request *message, struct peal_writer *writer)
{
	PEAL_ASSERT(message->member.mid == 0);

	peal_write_bytes(writer, message->cookie, sizeof(message->cookie));
	peal_write_u64(writer, message->parameters);
	peal_write_u8(writer, message->expect);
	peal_write_u8(writer, message->is_candidate ? REQUEST_FLAG_CANDIDATE : 0);
	peal_write_padding(writer, REQUEST_PADDING_SIZE);
	peal_member_encode_tagged(&message->member, &message->tag, writer);
}

bool
peal_join_request_decode(struct peal_reader *reader, struct peal_join_request *message_out)
{
	memset(message_out, 0, sizeof(*message_out));
	peal_read_bytes(reader, message_out->cookie, sizeof(message_out->cookie));
	message_out->parameters = peal_read_u64(reader);
	message_out->expect = peal_read_u8(reader);
	uint8_t flags = peal_read_u8(reader);
	bool is_padded = peal_read_padding(reader, REQUEST_PADDING_SIZE);

	if (!reader->is_ok || !is_padded || (flags & ~REQUEST_FLAG_CANDIDATE) != 0) {
		return false;
	}
	message_out->is_candidate = (flags & REQUEST_FLAG_CANDIDATE) != 0;
	/* Member numbers are given by the cluster, never claimed. */
	return peal_member_decode_tagged(reader, &message_out->member, &message_out->tag) &&
	       peal_reader_is_done(reader) && message_out->member.mid == 0;
}

void
peal_join_answer_encode(const struct peal_join_answer *message, struct peal_writer *writer)
{
	PEAL_ASSERT(is_status_known(message->status));
	PEAL_ASSERT(!peal_uuid_is_none(message->candidate));
	PEAL_ASSERT(!peal_uuid_is_none(message->answerer));

	peal_write_u8(writer, message->status);
	peal_write_padding(writer, ANSWER_PADDING_SIZE);
	peal_write_u32(writer, message->retry_ms);
	peal_write_bytes(writer, message->cookie, sizeof(message->cookie));
	peal_write_uuid(writer, message->candidate);
	peal_write_uuid(writer, message->answerer);
}

bool
peal_join_answer_decode(struct peal_reader *reader, struct peal_join_answer *message_out)
{
	memset(message_out, 0, sizeof(*message_out));
	message_out->status = peal_read_u8(reader);
	bool is_padded = peal_read_padding(reader, ANSWER_PADDING_SIZE);
	message_out->retry_ms = peal_read_u32(reader);
	peal_read_bytes(reader, message_out->cookie, sizeof(message_out->cookie));
	message_out->candidate = peal_read_uuid(reader);
	message_out->answerer = peal_read_uuid(reader);

	return peal_reader_is_done(reader) && is_padded && is_status_known(message_out->status) &&
	       !peal_uuid_is_none(message_out->candidate) &&
	       !peal_uuid_is_none(message_out->answerer);
}

/* A snapshot travels in full chunks, only the last may be shorter: one way to cut it. */
static bool
is_chunk_in_place(const struct peal_install_msg *message)
{
	if (message->total_size == 0 || message->total_size > PEAL_BODY_BYTES_MAX ||
		message->offset >= message->total_size ||
		message->offset % PEAL_INSTALL_CHUNK_SIZE_MAX != 0) {
		return false;
	}
	uint32_t left = message->total_size - message->offset;

	return message->chunk_size ==
	       (left < PEAL_INSTALL_CHUNK_SIZE_MAX ? left : PEAL_INSTALL_CHUNK_SIZE_MAX);
}

void
peal_install_msg_encode(const struct peal_install_msg *message, struct peal_writer *writer)
{
	PEAL_ASSERT(is_chunk_in_place(message));
	PEAL_ASSERT(!peal_uuid_is_none(message->joiner));

	peal_write_uuid(writer, message->joiner);
	peal_write_hash(writer, message->view_hash);
	peal_write_u32(writer, message->total_size);
	peal_write_u32(writer, message->offset);
	peal_write_bytes(writer, message->chunk, message->chunk_size);
}

bool
peal_install_msg_decode(struct peal_reader *reader, struct peal_install_msg *message_out)
{
	memset(message_out, 0, sizeof(*message_out));
	message_out->joiner = peal_read_uuid(reader);
	message_out->view_hash = peal_read_hash(reader);
	message_out->total_size = peal_read_u32(reader);
	message_out->offset = peal_read_u32(reader);
	if (!reader->is_ok || reader->size - reader->offset > PEAL_INSTALL_CHUNK_SIZE_MAX) {
		return false;
	}

	message_out->chunk_size = (uint32_t)(reader->size - reader->offset);
	message_out->chunk = reader->bytes + reader->offset;
	reader->offset = reader->size;
	return is_chunk_in_place(message_out) && !peal_uuid_is_none(message_out->joiner);
}

void
peal_install_pull_encode(const struct peal_install_pull *message, struct peal_writer *writer)
{
	PEAL_ASSERT(!peal_uuid_is_none(message->joiner));
	PEAL_ASSERT(peal_pull_is_legal(message->first, message->missing));

	peal_write_uuid(writer, message->joiner);
	peal_write_hash(writer, message->view_hash);
	peal_write_u16(writer, message->first);
	peal_write_padding(writer, PULL_PADDING_SIZE);
	peal_write_bytes(writer, message->missing, sizeof(message->missing));
}

bool
peal_install_pull_decode(struct peal_reader *reader, struct peal_install_pull *message_out)
{
	memset(message_out, 0, sizeof(*message_out));
	message_out->joiner = peal_read_uuid(reader);
	message_out->view_hash = peal_read_hash(reader);
	message_out->first = peal_read_u16(reader);
	bool is_padded = peal_read_padding(reader, PULL_PADDING_SIZE);
	peal_read_bytes(reader, message_out->missing, sizeof(message_out->missing));

	return peal_reader_is_done(reader) && is_padded &&
	       !peal_uuid_is_none(message_out->joiner) &&
	       peal_pull_is_legal(message_out->first, message_out->missing);
}

void
peal_join_probe_encode(const struct peal_join_probe *message, struct peal_writer *writer)
{
	PEAL_ASSERT(!peal_uuid_is_none(message->joiner));
	PEAL_ASSERT(message->missing >> PEAL_METADATA_CHUNKS_MAX == 0);

	peal_write_uuid(writer, message->joiner);
	peal_write_u64(writer, message->token);
	peal_write_u8(writer, message->missing);
	peal_write_padding(writer, PROBE_PADDING_SIZE);
}

bool
peal_join_probe_decode(struct peal_reader *reader, struct peal_join_probe *message_out)
{
	memset(message_out, 0, sizeof(*message_out));
	message_out->joiner = peal_read_uuid(reader);
	message_out->token = peal_read_u64(reader);
	message_out->missing = peal_read_u8(reader);
	bool is_padded = peal_read_padding(reader, PROBE_PADDING_SIZE);

	return peal_reader_is_done(reader) && is_padded &&
	       !peal_uuid_is_none(message_out->joiner) &&
	       message_out->missing >> PEAL_METADATA_CHUNKS_MAX == 0;
}

/* Metadata travels as bodies do: one way to cut it. */
static bool
is_ready_legal(const struct peal_join_ready *message)
{
	return !peal_uuid_is_none(message->joiner) && message->chunk_size <= PEAL_CHUNK_SIZE_MAX &&
	       message->offset % PEAL_CHUNK_SIZE_MAX == 0 &&
	       message->offset < PEAL_METADATA_SIZE_MAX &&
	       (message->chunk_size > 0 || message->offset == 0);
}

void
peal_join_ready_encode(const struct peal_join_ready *message, struct peal_writer *writer)
{
	PEAL_ASSERT(is_ready_legal(message));

	peal_write_uuid(writer, message->joiner);
	peal_write_u64(writer, message->token);
	peal_write_u16(writer, message->offset);
	peal_write_padding(writer, READY_PADDING_SIZE);
	if (message->chunk_size > 0) {
		peal_write_bytes(writer, message->chunk, message->chunk_size);
	}
}

bool
peal_join_ready_decode(struct peal_reader *reader, struct peal_join_ready *message_out)
{
	memset(message_out, 0, sizeof(*message_out));
	message_out->joiner = peal_read_uuid(reader);
	message_out->token = peal_read_u64(reader);
	message_out->offset = peal_read_u16(reader);
	bool is_padded = peal_read_padding(reader, READY_PADDING_SIZE);

	if (!reader->is_ok || !is_padded || reader->size - reader->offset > PEAL_CHUNK_SIZE_MAX) {
		return false;
	}
	message_out->chunk_size = (uint16_t)(reader->size - reader->offset);
	message_out->chunk = reader->bytes + reader->offset;
	reader->offset = reader->size;
	return is_ready_legal(message_out);
}

uint32_t
peal_join_forward_encode(const struct peal_member *members, const struct peal_metadata_tag *tags,
	uint32_t count, struct peal_writer *writer)
{
	uint32_t size = FORWARD_FIXED_SIZE;
	uint32_t taken = 0;

	PEAL_ASSERT(count >= 1);

	while (taken < count && taken < PEAL_FORWARD_MEMBERS_MAX) {
		size += peal_member_tagged_size(&members[taken], &tags[taken]);
		if (size > FLOODED_SIZE_MAX) {
			break;
		}
		taken++;
	}
	peal_write_u8(writer, (uint8_t)taken);
	peal_write_padding(writer, FORWARD_PADDING_SIZE);
	for (uint32_t i = 0; i < taken; i++) {
		PEAL_ASSERT(members[i].mid == 0);
		peal_member_encode_tagged(&members[i], &tags[i], writer);
	}
	return taken;
}

bool
peal_join_forward_decode(struct peal_reader *reader, struct peal_join_forward *message_out)
{
	memset(message_out, 0, sizeof(*message_out));
	message_out->count = peal_read_u8(reader);
	bool is_padded = peal_read_padding(reader, FORWARD_PADDING_SIZE);

	if (!reader->is_ok || !is_padded || message_out->count == 0 ||
		message_out->count > PEAL_FORWARD_MEMBERS_MAX) {
		return false;
	}
	for (uint32_t i = 0; i < message_out->count; i++) {
		/* Member numbers are given by the cluster, never claimed. */
		if (!peal_member_decode_tagged(
			    reader, &message_out->members[i], &message_out->tags[i]) ||
			message_out->members[i].mid != 0) {
			return false;
		}
	}
	return peal_reader_is_done(reader);
}

/* A small value is always there, a large one never: one encoding. */
static bool
is_batch_legal(const struct peal_batch_msg *message)
{
	return message->size >= PEAL_PROPOSAL_FIXED_SIZE && message->size <= PEAL_BODY_BYTES_MAX &&
	       !peal_hash_is_none(message->digest) &&
	       message->has_proposal == (message->size <= PEAL_INLINE_SIZE_MAX);
}

void
peal_batch_msg_encode(const struct peal_batch_msg *message, struct peal_writer *writer)
{
	PEAL_ASSERT(is_batch_legal(message));

	peal_write_hash(writer, message->digest);
	peal_write_u32(writer, message->size);
	peal_write_u8(writer, message->has_proposal ? 1 : 0);
	peal_write_padding(writer, BATCH_PADDING_SIZE);
	if (message->has_proposal) {
		PEAL_ASSERT(peal_proposal_size(&message->proposal) == message->size);
		peal_proposal_encode(&message->proposal, writer);
	}
}

bool
peal_batch_msg_decode(struct peal_reader *reader, struct peal_batch_msg *message_out)
{
	memset(message_out, 0, sizeof(*message_out));
	message_out->digest = peal_read_hash(reader);
	message_out->size = peal_read_u32(reader);
	uint8_t has_proposal = peal_read_u8(reader);
	bool is_padded = peal_read_padding(reader, BATCH_PADDING_SIZE);

	message_out->has_proposal = has_proposal == 1;
	if (!reader->is_ok || !is_padded || has_proposal > 1 || !is_batch_legal(message_out)) {
		return false;
	}
	if (!message_out->has_proposal) {
		return peal_reader_is_done(reader);
	}
	const uint8_t *bytes = reader->bytes + reader->offset;

	return reader->size - reader->offset == message_out->size &&
	       peal_proposal_decode(reader, message_out->inline_additions,
		       PEAL_INLINE_ADDITIONS_MAX, &message_out->proposal) &&
	       peal_reader_is_done(reader) &&
	       peal_hash128_equals(
		       message_out->digest, peal_proposal_digest_bytes(bytes, message_out->size));
}

void
peal_leave_msg_encode(const struct peal_leave_msg *message, struct peal_writer *writer)
{
	if (!message->has_vote) {
		PEAL_ASSERT(peal_hash_is_none(message->digest));
	}

	peal_write_u8(writer, message->has_vote ? 1 : 0);
	peal_write_padding(writer, LEAVE_PADDING_SIZE);
	peal_write_hash(writer, message->digest);
}

bool
peal_leave_msg_decode(struct peal_reader *reader, struct peal_leave_msg *message_out)
{
	memset(message_out, 0, sizeof(*message_out));
	uint8_t has_vote = peal_read_u8(reader);
	bool is_padded = peal_read_padding(reader, LEAVE_PADDING_SIZE);
	message_out->digest = peal_read_hash(reader);

	message_out->has_vote = has_vote == 1;
	return peal_reader_is_done(reader) && is_padded && has_vote <= 1 &&
	       (message_out->has_vote || peal_hash_is_none(message_out->digest));
}
