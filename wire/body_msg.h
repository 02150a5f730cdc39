/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Large things in pieces, and asking for what is missing: BODY, BODY_PULL, SYNC, SNAPSHOT.
 *
 * A body is named by its digest; its bytes are an encoded proposal or the snapshot of a view. Chunk
 * i begins at byte i PEAL_CHUNK_SIZE_MAX; all chunks but the last are full. BODY (family 3, after
 * the prefix): digest 16 | total size u32 | chunk u16 | flags u8 | 0 | bytes. BODY_PULL (family 3,
 * after the prefix): digest 16 | first u16 | 6 x 0 | missing 32 bytes: bit i = chunk first + i. A
 * pull with first 0 and no bit set asks for everything (size unknown). SYNC (family 2, after the
 * prefix): my epoch u64 | my hash 16. SNAPSHOT (family 2, after the prefix; the answer when no
 * chain of cuts will do): epoch u64 | hash 16 | digest 16 | size u32 | u32 0. INSTALL and
 * INSTALL_PULL (wire/join_msg.h) are BODY and BODY_PULL for who is no member yet.
 */
#ifndef PEAL_WIRE_BODY_MSG_H
#define PEAL_WIRE_BODY_MSG_H

#include "base/hash.h"
#include "base/limits.h"
#include "wire/cursor.h"

#include <stdbool.h>
#include <stdint.h>

#define PEAL_PULL_CHUNKS_MAX 256U

/* Pass it on to your children in the tree of this number (bits 0..1), 0 and 1; 2 = answer to a
 * pull. */
#define PEAL_BODY_ROUTE_PULL 2U

struct peal_body_msg {
	struct peal_hash128 digest;
	uint32_t total_size; /* [1, PEAL_BODY_BYTES_MAX] */
	uint16_t chunk;      /* index, < number of chunks */
	uint8_t route;       /* tree number, or PEAL_BODY_ROUTE_PULL */
	uint32_t size;       /* of this chunk */
	const uint8_t *bytes;
};

struct peal_pull_msg {
	struct peal_hash128 digest;
	uint16_t first;
	uint64_t missing[PEAL_PULL_CHUNKS_MAX / 64U];
};

struct peal_sync_msg {
	uint64_t epoch;
	struct peal_hash128 hash;
};

struct peal_snapshot_msg {
	uint64_t epoch;
	struct peal_hash128 hash;   /* of the view */
	struct peal_hash128 digest; /* of its bytes */
	uint32_t size;
};

static inline uint32_t
peal_body_chunks_count(uint32_t total_size)
{
	return (total_size + PEAL_CHUNK_SIZE_MAX - 1U) / PEAL_CHUNK_SIZE_MAX;
}

/* A pull's fields: chunks that no body has are not asked for, and everything is asked for in one
 * way. */
bool peal_pull_is_legal(uint32_t first, const uint64_t missing[PEAL_PULL_CHUNKS_MAX / 64U]);

/* Each decoder returns false unless the bytes are exactly one well-formed message. */
void peal_body_msg_encode(const struct peal_body_msg *message, struct peal_writer *writer);
bool peal_body_msg_decode(struct peal_reader *reader, struct peal_body_msg *message_out);
void peal_pull_msg_encode(const struct peal_pull_msg *message, struct peal_writer *writer);
bool peal_pull_msg_decode(struct peal_reader *reader, struct peal_pull_msg *message_out);
void peal_sync_msg_encode(const struct peal_sync_msg *message, struct peal_writer *writer);
bool peal_sync_msg_decode(struct peal_reader *reader, struct peal_sync_msg *message_out);
void peal_snapshot_msg_encode(const struct peal_snapshot_msg *message, struct peal_writer *writer);
bool peal_snapshot_msg_decode(struct peal_reader *reader, struct peal_snapshot_msg *message_out);

#endif
