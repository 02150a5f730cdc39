/* SPDX-License-Identifier: BSD-3-Clause */
#include "wire/member.h"

#include "base/assert.h"
#include "wire/fields.h"

#include <string.h>

#define MID_IPV6_BIT (UINT32_C(1) << 31)
#define IPV4_PADDING 4U

_Static_assert(
	PEAL_METADATA_SIZE_MAX <= UINT16_MAX, "the size of metadata travels in sixteen bits");

static void
write_record(const struct peal_member *member, uint16_t metadata_size, struct peal_writer *writer)
{
	PEAL_ASSERT(member->shards_count >= 1);
	PEAL_ASSERT(member->shards_count <= PEAL_SHARDS_MAX);
	PEAL_ASSERT(metadata_size <= PEAL_METADATA_SIZE_MAX);
	PEAL_ASSERT(member->mid < MID_IPV6_BIT);

	peal_write_u64(writer, member->uuid.low);
	peal_write_u64(writer, member->uuid.high);
	if (peal_address_is_ipv6(&member->address)) {
		peal_write_u32(writer, (uint32_t)member->mid | MID_IPV6_BIT);
		peal_write_ipv6(writer, &member->address);
	} else {
		peal_write_u32(writer, (uint32_t)member->mid);
		peal_write_padding(writer, IPV4_PADDING);
		peal_write_u32(writer, member->address.ipv4);
	}
	peal_write_u16(writer, member->address.port);
	peal_write_bytes(writer, member->address.mac, sizeof(member->address.mac));
	peal_write_u8(writer, member->shards_count);
	peal_write_u16(writer, metadata_size);
	peal_write_u8(writer, 0);
}

void
peal_member_encode(const struct peal_member *member, struct peal_writer *writer)
{
	write_record(member, member->metadata_size, writer);
	if (member->metadata_size > 0) {
		peal_write_bytes(writer, member->metadata, member->metadata_size);
	}
}

/* The IP address behind a member number. False: not the one encoding of it. */
static bool
read_ip(struct peal_reader *reader, bool is_ipv6, struct peal_address *address_out)
{
	if (is_ipv6) {
		peal_read_ipv6(reader, address_out);
		return peal_address_is_ipv6(address_out);
	}
	bool is_padded = peal_read_padding(reader, IPV4_PADDING);

	address_out->ipv4 = peal_read_u32(reader);
	return is_padded;
}

/* All but the metadata, whose size is set. */
static bool
read_record(struct peal_reader *reader, struct peal_member *member_out)
{
	/* Everything, padding too: equal records are equal bytes in memory. */
	memset(member_out, 0, sizeof(*member_out));
	member_out->uuid.low = peal_read_u64(reader);
	member_out->uuid.high = peal_read_u64(reader);
	uint32_t number = peal_read_u32(reader);
	bool has_ip = read_ip(reader, (number & MID_IPV6_BIT) != 0, &member_out->address);

	member_out->mid = number & ~MID_IPV6_BIT;
	member_out->address.port = peal_read_u16(reader);
	peal_read_bytes(reader, member_out->address.mac, sizeof(member_out->address.mac));
	member_out->shards_count = peal_read_u8(reader);
	member_out->metadata_size = peal_read_u16(reader);
	uint8_t padding = peal_read_u8(reader);

	return reader->is_ok && has_ip && padding == 0 && member_out->shards_count > 0 &&
	       member_out->shards_count <= PEAL_SHARDS_MAX &&
	       member_out->metadata_size <= PEAL_METADATA_SIZE_MAX &&
	       !peal_uuid_is_none(member_out->uuid) &&
	       peal_address_is_station(&member_out->address);
}

bool
peal_member_decode(struct peal_reader *reader, struct peal_member *member_out)
{
	if (!read_record(reader, member_out) ||
		reader->size - reader->offset < member_out->metadata_size) {
		return false;
	}
	if (member_out->metadata_size > 0) {
		member_out->metadata = reader->bytes + reader->offset;
		reader->offset += member_out->metadata_size;
	}
	return true;
}

void
peal_member_encode_tagged(const struct peal_member *member, const struct peal_metadata_tag *tag,
	struct peal_writer *writer)
{
	PEAL_ASSERT((tag->size == 0) == peal_hash_is_none(tag->digest));

	write_record(member, tag->size, writer);
	if (tag->size > 0) {
		peal_write_hash(writer, tag->digest);
	}
}

bool
peal_member_decode_tagged(struct peal_reader *reader, struct peal_member *member_out,
	struct peal_metadata_tag *tag_out)
{
	memset(tag_out, 0, sizeof(*tag_out));
	if (!read_record(reader, member_out)) {
		return false;
	}
	tag_out->size = member_out->metadata_size;
	member_out->metadata_size = 0;
	if (tag_out->size == 0) {
		return true;
	}
	tag_out->digest = peal_read_hash(reader);
	return reader->is_ok && !peal_hash_is_none(tag_out->digest);
}

struct peal_metadata_tag
peal_member_tag(const struct peal_member *member)
{
	struct peal_metadata_tag tag;

	/* Everything, padding too: equal tags are equal bytes in memory. */
	memset(&tag, 0, sizeof(tag));
	if (member->metadata_size > 0) {
		tag.size = member->metadata_size;
		tag.digest = peal_hash128(member->metadata, member->metadata_size, 0);
	}
	return tag;
}

struct peal_hash128
peal_member_hash(const struct peal_member *member)
{
	uint8_t bytes[PEAL_MEMBER_RECORD_SIZE_MAX + PEAL_METADATA_SIZE_MAX];
	struct peal_writer writer = peal_writer_init(bytes, sizeof(bytes));

	peal_member_encode(member, &writer);
	PEAL_ASSERT(writer.is_ok);
	return peal_hash128(bytes, writer.offset, 0);
}
