/* SPDX-License-Identifier: BSD-3-Clause */
#include "wire/member.h"

#include "base/assert.h"
#include "wire/fields.h"

#include <string.h>

#define MAC_MULTICAST_BIT 0x01U

_Static_assert(
	PEAL_METADATA_SIZE_MAX <= UINT16_MAX, "the size of metadata travels in sixteen bits");

static void
write_record(const struct peal_member *member, uint16_t metadata_size, struct peal_writer *writer)
{
	PEAL_ASSERT(member->shards_count >= 1);
	PEAL_ASSERT(member->shards_count <= PEAL_SHARDS_MAX);
	PEAL_ASSERT(metadata_size <= PEAL_METADATA_SIZE_MAX);

	peal_write_u64(writer, member->uuid.low);
	peal_write_u64(writer, member->uuid.high);
	peal_write_u64(writer, member->mid);
	peal_write_u32(writer, member->address.ipv4);
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

static bool
is_address_usable(const struct peal_address *address)
{
	return address->ipv4 != 0 && address->port != 0 && !peal_mac_is_none(address->mac) &&
	       (address->mac[0] & MAC_MULTICAST_BIT) == 0;
}

/* All but the metadata, whose size is set. */
static bool
read_record(struct peal_reader *reader, struct peal_member *member_out)
{
	/* Everything, padding too: equal records are equal bytes in memory. */
	memset(member_out, 0, sizeof(*member_out));
	member_out->uuid.low = peal_read_u64(reader);
	member_out->uuid.high = peal_read_u64(reader);
	member_out->mid = peal_read_u64(reader);
	member_out->address.ipv4 = peal_read_u32(reader);
	member_out->address.port = peal_read_u16(reader);
	peal_read_bytes(reader, member_out->address.mac, sizeof(member_out->address.mac));
	member_out->shards_count = peal_read_u8(reader);
	member_out->metadata_size = peal_read_u16(reader);
	uint8_t padding = peal_read_u8(reader);

	return reader->is_ok && padding == 0 && member_out->shards_count > 0 &&
	       member_out->shards_count <= PEAL_SHARDS_MAX &&
	       member_out->metadata_size <= PEAL_METADATA_SIZE_MAX &&
	       !peal_uuid_is_none(member_out->uuid) && is_address_usable(&member_out->address);
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
	uint8_t bytes[PEAL_MEMBER_RECORD_SIZE + PEAL_METADATA_SIZE_MAX];
	struct peal_writer writer = peal_writer_init(bytes, sizeof(bytes));

	peal_member_encode(member, &writer);
	PEAL_ASSERT(writer.is_ok);
	return peal_hash128(bytes, writer.offset, 0);
}
