/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * One member of a view, as a value and as bytes.
 *
 * Bytes: uuid 16 | mid u64 | ipv4 u32 | port u16 | mac 6 | shards u8 | metadata size u8 | 2 x 0 |
 * metadata. PEAL_MEMBER_RECORD_SIZE without metadata.
 */
#ifndef PEAL_WIRE_MEMBER_H
#define PEAL_WIRE_MEMBER_H

#include "base/hash.h"
#include "base/limits.h"
#include "wire/cursor.h"
#include "wire/ident.h"

#include <stdbool.h>
#include <stdint.h>

struct peal_member {
	struct peal_uuid uuid;
	uint64_t mid; /* member number, from 1, never reused; 0 in a joiner's record */
	struct peal_address address;
	uint8_t shards_count; /* [1, PEAL_SHARDS_MAX] */
	uint8_t metadata_size;
	uint8_t metadata[PEAL_METADATA_SIZE_MAX];
};

void peal_member_encode(const struct peal_member *member, struct peal_writer *writer);
/*
 * Reads one record. False: truncated, metadata too long, shards 0 or too many, uuid none, address
 * without IP, port or MAC (multicast or none), padding not zero. `member_out` is then unspecified.
 */
bool peal_member_decode(struct peal_reader *reader, struct peal_member *member_out);
/* Hash of uuid, mid, address, shards and metadata; the summand of a view's hash. */
struct peal_hash128 peal_member_hash(const struct peal_member *member);

#endif
