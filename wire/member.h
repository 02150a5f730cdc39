/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * One member of a view, as a value and as bytes.
 *
 * Bytes: uuid 16 | mid u32, bit 31 says IPv6 | 4 x 0, ipv4 u32; or ipv6 16 | port u16 | mac 6 |
 * shards u8 | metadata size u16 | 0 | metadata. Without metadata PEAL_MEMBER_RECORD_SIZE with an
 * IPv4 address, PEAL_MEMBER_RECORD_SIZE_MAX with an IPv6 one. Member numbers stay below 2^31.
 *
 * Metadata is what the application says about a member, up to PEAL_METADATA_SIZE_MAX bytes, fixed
 * for the life of its process. A record does not hold it but points to it: into the bytes that the
 * record was read from, until whoever keeps the record copies it (membership/groupstore.h does for
 * views). So a copy of the struct is good as long as those bytes are, and an empty one costs
 * nothing.
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
	uint64_t mid; /* member number, [1, 2^31), never reused; 0 in a joiner's record */
	struct peal_address address;
	uint8_t shards_count;    /* [1, PEAL_SHARDS_MAX] */
	uint16_t metadata_size;  /* [0, PEAL_METADATA_SIZE_MAX] */
	const uint8_t *metadata; /* [metadata_size], not owned; NULL when none */
};

/* Metadata that is not here: how much there is, and peal_hash128 of it. All zero: there is none. */
struct peal_metadata_tag {
	uint16_t size;
	struct peal_hash128 digest;
};

void peal_member_encode(const struct peal_member *member, struct peal_writer *writer);
/*
 * Reads one record; its metadata points into the bytes of the reader. False: truncated, metadata
 * too long, shards 0 or too many, uuid none, address without a usable IP, port or MAC (multicast or
 * none), an IPv4 address in the place of an IPv6 one, padding not zero. `member_out` is then
 * unspecified.
 */
bool peal_member_decode(struct peal_reader *reader, struct peal_member *member_out);

/*
 * A joiner as those speak of it who need not know its metadata: the record with the size of the
 * metadata, and in place of that its digest, 16 bytes; nothing when it is empty. Encoding does not
 * look at the metadata of `member`, decoding leaves it empty. Refused is what peal_member_decode
 * refuses, and a digest of zero.
 */
void peal_member_encode_tagged(const struct peal_member *member,
	const struct peal_metadata_tag *tag, struct peal_writer *writer);
bool peal_member_decode_tagged(struct peal_reader *reader, struct peal_member *member_out,
	struct peal_metadata_tag *tag_out);
/* Bytes of a record without its metadata. */
static inline uint32_t
peal_member_record_size(const struct peal_member *member)
{
	return peal_address_is_ipv6(&member->address) ? PEAL_MEMBER_RECORD_SIZE_MAX
						      : PEAL_MEMBER_RECORD_SIZE;
}
/* Bytes of a tagged record. */
static inline uint32_t
peal_member_tagged_size(const struct peal_member *member, const struct peal_metadata_tag *tag)
{
	return peal_member_record_size(member) + (tag->size > 0 ? 16U : 0U);
}
/* The tag of the metadata of `member`. O(size). */
struct peal_metadata_tag peal_member_tag(const struct peal_member *member);

/* Hash of uuid, mid, address, shards and metadata; the summand of a view's hash. */
struct peal_hash128 peal_member_hash(const struct peal_member *member);

#endif
