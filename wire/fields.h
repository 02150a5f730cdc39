/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Fields that several messages share, read and written with the cursors: hashes, uuids, IPv6
 * addresses, and bytes that must be zero.
 */
#ifndef PEAL_WIRE_FIELDS_H
#define PEAL_WIRE_FIELDS_H

#include "base/assert.h"
#include "base/hash.h"
#include "wire/cursor.h"
#include "wire/ident.h"

/* Zero bytes that one call reads or writes at most. */
#define PEAL_PADDING_SIZE_MAX 8U

static inline void
peal_write_hash(struct peal_writer *writer, struct peal_hash128 hash)
{
	peal_write_u64(writer, hash.low);
	peal_write_u64(writer, hash.high);
}

static inline struct peal_hash128
peal_read_hash(struct peal_reader *reader)
{
	struct peal_hash128 hash;

	hash.low = peal_read_u64(reader);
	hash.high = peal_read_u64(reader);
	return hash;
}

/* Many messages say "none" with a hash of zero. */
static inline bool
peal_hash_is_none(struct peal_hash128 hash)
{
	return (hash.low | hash.high) == 0;
}

static inline void
peal_write_uuid(struct peal_writer *writer, struct peal_uuid uuid)
{
	peal_write_u64(writer, uuid.low);
	peal_write_u64(writer, uuid.high);
}

static inline struct peal_uuid
peal_read_uuid(struct peal_reader *reader)
{
	struct peal_uuid uuid;

	uuid.low = peal_read_u64(reader);
	uuid.high = peal_read_u64(reader);
	return uuid;
}

/* The 16 bytes of an IPv6 address in the order of the internet, most significant first. */
static inline void
peal_write_ipv6(struct peal_writer *writer, const struct peal_address *address)
{
	peal_write_u64(writer, __builtin_bswap64(address->ipv6_head));
	peal_write_u32(writer, __builtin_bswap32(address->ipv6_middle));
	peal_write_u32(writer, __builtin_bswap32(address->ipv4));
}

/* Fills the IP address, and nothing else of `address_out`. */
static inline void
peal_read_ipv6(struct peal_reader *reader, struct peal_address *address_out)
{
	address_out->ipv6_head = __builtin_bswap64(peal_read_u64(reader));
	address_out->ipv6_middle = __builtin_bswap32(peal_read_u32(reader));
	address_out->ipv4 = __builtin_bswap32(peal_read_u32(reader));
}

static inline void
peal_write_padding(struct peal_writer *writer, size_t size)
{
	static const uint8_t bytes[PEAL_PADDING_SIZE_MAX];

	PEAL_ASSERT(size <= sizeof(bytes));
	peal_write_bytes(writer, bytes, size);
}

/* Reads bytes that must be zero; false when one is not. */
static inline bool
peal_read_padding(struct peal_reader *reader, size_t size)
{
	uint8_t bytes[PEAL_PADDING_SIZE_MAX];
	uint8_t any = 0;

	PEAL_ASSERT(size <= sizeof(bytes));
	peal_read_bytes(reader, bytes, size);
	for (size_t i = 0; i < size; i++) {
		any |= bytes[i];
	}
	return any == 0;
}

#endif
