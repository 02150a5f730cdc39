/* SPDX-License-Identifier: BSD-3-Clause */
#include "wire/body_msg.h"

#include "base/assert.h"
#include "wire/fields.h"
#include "wire/flood_msg.h"

#include <string.h>

#define BODY_FIXED_SIZE   24U
#define PULL_PADDING_SIZE 6U

_Static_assert(PEAL_FLOOD_PREFIX_SIZE + BODY_FIXED_SIZE + PEAL_CHUNK_SIZE_MAX <= PEAL_BODY_SIZE_MAX,
	"the prefix and a full chunk fit one frame");
_Static_assert(PEAL_CHUNKS_MAX <= UINT16_MAX, "the number of a chunk travels in sixteen bits");

/* A body travels in full chunks, only the last may be shorter: one way to cut it. */
static bool
is_chunk_in_place(const struct peal_body_msg *message)
{
	if (message->total_size == 0 || message->total_size > PEAL_BODY_BYTES_MAX ||
		message->chunk >= peal_body_chunks_count(message->total_size)) {
		return false;
	}
	uint32_t left = message->total_size - message->chunk * PEAL_CHUNK_SIZE_MAX;

	return message->size == (left < PEAL_CHUNK_SIZE_MAX ? left : PEAL_CHUNK_SIZE_MAX);
}

void
peal_body_msg_encode(const struct peal_body_msg *message, struct peal_writer *writer)
{
	PEAL_ASSERT(is_chunk_in_place(message));
	PEAL_ASSERT(message->route <= PEAL_BODY_ROUTE_PULL);

	peal_write_hash(writer, message->digest);
	peal_write_u32(writer, message->total_size);
	peal_write_u16(writer, message->chunk);
	peal_write_u8(writer, message->route);
	peal_write_padding(writer, 1);
	peal_write_bytes(writer, message->bytes, message->size);
}

bool
peal_body_msg_decode(struct peal_reader *reader, struct peal_body_msg *message_out)
{
	memset(message_out, 0, sizeof(*message_out));
	message_out->digest = peal_read_hash(reader);
	message_out->total_size = peal_read_u32(reader);
	message_out->chunk = peal_read_u16(reader);
	message_out->route = peal_read_u8(reader);
	bool is_padded = peal_read_padding(reader, 1);

	if (!reader->is_ok || !is_padded || message_out->route > PEAL_BODY_ROUTE_PULL ||
		reader->size - reader->offset > PEAL_CHUNK_SIZE_MAX) {
		return false;
	}
	message_out->size = (uint32_t)(reader->size - reader->offset);
	message_out->bytes = reader->bytes + reader->offset;
	reader->offset = reader->size;
	return is_chunk_in_place(message_out);
}

bool
peal_pull_is_legal(uint32_t first, const uint64_t missing[PEAL_PULL_CHUNKS_MAX / 64U])
{
	uint32_t end = 0; /* behind the last bit */

	for (uint32_t i = 0; i < PEAL_PULL_CHUNKS_MAX / 64U; i++) {
		if (missing[i] != 0) {
			end = 64U * (i + 1U) - (uint32_t)__builtin_clzll(missing[i]);
		}
	}
	return end == 0 ? first == 0 : first + end <= PEAL_CHUNKS_MAX;
}

void
peal_pull_msg_encode(const struct peal_pull_msg *message, struct peal_writer *writer)
{
	PEAL_ASSERT(peal_pull_is_legal(message->first, message->missing));

	peal_write_hash(writer, message->digest);
	peal_write_u16(writer, message->first);
	peal_write_padding(writer, PULL_PADDING_SIZE);
	peal_write_bytes(writer, message->missing, sizeof(message->missing));
}

bool
peal_pull_msg_decode(struct peal_reader *reader, struct peal_pull_msg *message_out)
{
	memset(message_out, 0, sizeof(*message_out));
	message_out->digest = peal_read_hash(reader);
	message_out->first = peal_read_u16(reader);
	bool is_padded = peal_read_padding(reader, PULL_PADDING_SIZE);
	peal_read_bytes(reader, message_out->missing, sizeof(message_out->missing));

	return peal_reader_is_done(reader) && is_padded &&
	       peal_pull_is_legal(message_out->first, message_out->missing);
}

void
peal_sync_msg_encode(const struct peal_sync_msg *message, struct peal_writer *writer)
{
	PEAL_ASSERT(message->epoch >= 1);

	peal_write_u64(writer, message->epoch);
	peal_write_hash(writer, message->hash);
}

bool
peal_sync_msg_decode(struct peal_reader *reader, struct peal_sync_msg *message_out)
{
	memset(message_out, 0, sizeof(*message_out));
	message_out->epoch = peal_read_u64(reader);
	message_out->hash = peal_read_hash(reader);
	return peal_reader_is_done(reader) && message_out->epoch >= 1;
}

static bool
is_snapshot_legal(const struct peal_snapshot_msg *message)
{
	return message->epoch >= 1 && message->size >= 1 && message->size <= PEAL_BODY_BYTES_MAX;
}

void
peal_snapshot_msg_encode(const struct peal_snapshot_msg *message, struct peal_writer *writer)
{
	PEAL_ASSERT(is_snapshot_legal(message));

	peal_write_u64(writer, message->epoch);
	peal_write_hash(writer, message->hash);
	peal_write_hash(writer, message->digest);
	peal_write_u32(writer, message->size);
	peal_write_u32(writer, 0);
}

bool
peal_snapshot_msg_decode(struct peal_reader *reader, struct peal_snapshot_msg *message_out)
{
	memset(message_out, 0, sizeof(*message_out));
	message_out->epoch = peal_read_u64(reader);
	message_out->hash = peal_read_hash(reader);
	message_out->digest = peal_read_hash(reader);
	message_out->size = peal_read_u32(reader);
	uint32_t padding = peal_read_u32(reader);

	return peal_reader_is_done(reader) && padding == 0 && is_snapshot_legal(message_out);
}
