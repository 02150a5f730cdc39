/* SPDX-License-Identifier: BSD-3-Clause */
#include "wire/join_msg.h"

#include "base/assert.h"
#include "wire/view.h"

#include <string.h>

#define REQUEST_FLAG_CANDIDATE 0x01U
#define REQUEST_FIXED_SIZE     32U
#define REQUEST_PADDING_SIZE   6U
#define ANSWER_PADDING_SIZE    3U
#define INSTALL_FIXED_SIZE     40U
#define LEAVE_PADDING_SIZE     7U

_Static_assert(
	REQUEST_FIXED_SIZE + PEAL_MEMBER_RECORD_SIZE + PEAL_METADATA_SIZE_MAX <= PEAL_BODY_SIZE_MAX,
	"a request fits one frame");
_Static_assert(INSTALL_FIXED_SIZE + PEAL_INSTALL_CHUNK_SIZE_MAX <= PEAL_BODY_SIZE_MAX,
	"a part of a snapshot fits one frame");

/* Reads bytes that must be zero. */
static bool
read_padding(struct peal_reader *reader, size_t size)
{
	uint8_t bytes[8];
	uint8_t any = 0;

	PEAL_ASSERT(size <= sizeof(bytes));
	peal_read_bytes(reader, bytes, size);
	for (size_t i = 0; i < size; i++) {
		any |= bytes[i];
	}
	return any == 0;
}

static void
write_padding(struct peal_writer *writer, size_t size)
{
	static const uint8_t bytes[8];

	PEAL_ASSERT(size <= sizeof(bytes));
	peal_write_bytes(writer, bytes, size);
}

static void
write_uuid(struct peal_writer *writer, struct peal_uuid uuid)
{
	peal_write_u64(writer, uuid.low);
	peal_write_u64(writer, uuid.high);
}

static struct peal_uuid
read_uuid(struct peal_reader *reader)
{
	struct peal_uuid uuid;

	uuid.low = peal_read_u64(reader);
	uuid.high = peal_read_u64(reader);
	return uuid;
}

static bool
is_status_known(uint8_t status)
{
	return status >= PEAL_JOIN_CHALLENGE && status <= PEAL_JOIN_HERE;
}

void
peal_join_request_encode(const struct peal_join_request *message, struct peal_writer *writer)
{
	PEAL_ASSERT(message->member.mid == 0);

	peal_write_bytes(writer, message->cookie, sizeof(message->cookie));
	peal_write_u64(writer, message->parameters);
	peal_write_u8(writer, message->expect);
	peal_write_u8(writer, message->is_candidate ? REQUEST_FLAG_CANDIDATE : 0);
	write_padding(writer, REQUEST_PADDING_SIZE);
	peal_member_encode(&message->member, writer);
}

bool
peal_join_request_decode(struct peal_reader *reader, struct peal_join_request *message_out)
{
	memset(message_out, 0, sizeof(*message_out));
	peal_read_bytes(reader, message_out->cookie, sizeof(message_out->cookie));
	message_out->parameters = peal_read_u64(reader);
	message_out->expect = peal_read_u8(reader);
	uint8_t flags = peal_read_u8(reader);
	bool is_padded = read_padding(reader, REQUEST_PADDING_SIZE);

	if (!reader->is_ok || !is_padded || (flags & ~REQUEST_FLAG_CANDIDATE) != 0) {
		return false;
	}
	message_out->is_candidate = (flags & REQUEST_FLAG_CANDIDATE) != 0;
	/* Member numbers are given by the cluster, never claimed. */
	return peal_member_decode(reader, &message_out->member) && peal_reader_is_done(reader) &&
	       message_out->member.mid == 0;
}

void
peal_join_answer_encode(const struct peal_join_answer *message, struct peal_writer *writer)
{
	PEAL_ASSERT(is_status_known(message->status));
	PEAL_ASSERT(!peal_uuid_is_none(message->candidate));
	PEAL_ASSERT(!peal_uuid_is_none(message->answerer));

	peal_write_u8(writer, message->status);
	write_padding(writer, ANSWER_PADDING_SIZE);
	peal_write_u32(writer, message->retry_ms);
	peal_write_bytes(writer, message->cookie, sizeof(message->cookie));
	write_uuid(writer, message->candidate);
	write_uuid(writer, message->answerer);
}

bool
peal_join_answer_decode(struct peal_reader *reader, struct peal_join_answer *message_out)
{
	memset(message_out, 0, sizeof(*message_out));
	message_out->status = peal_read_u8(reader);
	bool is_padded = read_padding(reader, ANSWER_PADDING_SIZE);
	message_out->retry_ms = peal_read_u32(reader);
	peal_read_bytes(reader, message_out->cookie, sizeof(message_out->cookie));
	message_out->candidate = read_uuid(reader);
	message_out->answerer = read_uuid(reader);

	return peal_reader_is_done(reader) && is_padded && is_status_known(message_out->status) &&
	       !peal_uuid_is_none(message_out->candidate) &&
	       !peal_uuid_is_none(message_out->answerer);
}

/* A snapshot travels in full chunks, only the last may be shorter: one way to cut it. */
static bool
is_chunk_in_place(const struct peal_install_msg *message)
{
	if (message->total_size == 0 || message->total_size > PEAL_VIEW_ENCODED_SIZE_MAX ||
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

	write_uuid(writer, message->joiner);
	peal_write_u64(writer, message->view_hash.low);
	peal_write_u64(writer, message->view_hash.high);
	peal_write_u32(writer, message->total_size);
	peal_write_u32(writer, message->offset);
	peal_write_bytes(writer, message->chunk, message->chunk_size);
}

bool
peal_install_msg_decode(struct peal_reader *reader, struct peal_install_msg *message_out)
{
	memset(message_out, 0, sizeof(*message_out));
	message_out->joiner = read_uuid(reader);
	message_out->view_hash.low = peal_read_u64(reader);
	message_out->view_hash.high = peal_read_u64(reader);
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
peal_leave_msg_encode(const struct peal_leave_msg *message, struct peal_writer *writer)
{
	if (!message->has_vote) {
		PEAL_ASSERT((message->digest.low | message->digest.high) == 0);
	}

	peal_write_u8(writer, message->has_vote ? 1 : 0);
	write_padding(writer, LEAVE_PADDING_SIZE);
	peal_write_u64(writer, message->digest.low);
	peal_write_u64(writer, message->digest.high);
}

bool
peal_leave_msg_decode(struct peal_reader *reader, struct peal_leave_msg *message_out)
{
	memset(message_out, 0, sizeof(*message_out));
	uint8_t has_vote = peal_read_u8(reader);
	bool is_padded = read_padding(reader, LEAVE_PADDING_SIZE);
	message_out->digest.low = peal_read_u64(reader);
	message_out->digest.high = peal_read_u64(reader);

	message_out->has_vote = has_vote == 1;
	return peal_reader_is_done(reader) && is_padded && has_vote <= 1 &&
	       (message_out->has_vote || (message_out->digest.low | message_out->digest.high) == 0);
}
