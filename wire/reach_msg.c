/* SPDX-License-Identifier: BSD-3-Clause */
#include "wire/reach_msg.h"

#include "base/assert.h"
#include "wire/fields.h"

#include <string.h>

#define REACH_PADDING_SIZE       4U
#define UNREACHABLE_PADDING_SIZE 5U
#define OBSERVER_PADDING_SIZE    2U

/* IPv4 in its place, or 0 there: then an IPv6 address follows at the end. */
static void
write_ipv4(struct peal_writer *writer, const struct peal_address *address)
{
	peal_write_u32(writer, peal_address_is_ipv6(address) ? 0 : address->ipv4);
}

static void
write_rest(struct peal_writer *writer, const struct peal_address *address)
{
	if (peal_address_is_ipv6(address)) {
		peal_write_ipv6(writer, address);
	}
}

/* The end of an address whose IPv4 is read. False: an IPv6 address that is none. */
static bool
read_rest(struct peal_reader *reader, struct peal_address *address)
{
	if (address->ipv4 != 0) {
		return true;
	}
	peal_read_ipv6(reader, address);
	return peal_address_is_ipv6(address) && peal_address_is_usable(address);
}

void
peal_reach_msg_encode(const struct peal_reach_msg *message, struct peal_writer *writer)
{
	PEAL_ASSERT(!peal_uuid_is_none(message->joiner));
	PEAL_ASSERT(peal_address_is_station(&message->address));

	peal_write_uuid(writer, message->joiner);
	peal_write_u64(writer, message->token);
	write_ipv4(writer, &message->address);
	peal_write_u16(writer, message->address.port);
	peal_write_bytes(writer, message->address.mac, sizeof(message->address.mac));
	peal_write_padding(writer, REACH_PADDING_SIZE);
	write_rest(writer, &message->address);
}

bool
peal_reach_msg_decode(struct peal_reader *reader, struct peal_reach_msg *message_out)
{
	memset(message_out, 0, sizeof(*message_out));
	message_out->joiner = peal_read_uuid(reader);
	message_out->token = peal_read_u64(reader);
	message_out->address.ipv4 = peal_read_u32(reader);
	message_out->address.port = peal_read_u16(reader);
	peal_read_bytes(reader, message_out->address.mac, sizeof(message_out->address.mac));
	bool is_padded = peal_read_padding(reader, REACH_PADDING_SIZE);
	bool has_ip = read_rest(reader, &message_out->address);

	return peal_reader_is_done(reader) && is_padded && has_ip &&
	       !peal_uuid_is_none(message_out->joiner) &&
	       peal_address_is_station(&message_out->address);
}

static bool
are_counts_sound(const struct peal_unreachable_msg *message)
{
	return message->count >= 1 && message->count <= message->asked &&
	       message->asked <= PEAL_RINGS_MAX && message->needed <= message->asked &&
	       message->needed > message->asked - message->count;
}

void
peal_unreachable_msg_encode(const struct peal_unreachable_msg *message, struct peal_writer *writer)
{
	PEAL_ASSERT(!peal_uuid_is_none(message->joiner));
	PEAL_ASSERT(!peal_uuid_is_none(message->answerer));
	PEAL_ASSERT(are_counts_sound(message));

	peal_write_uuid(writer, message->joiner);
	peal_write_uuid(writer, message->answerer);
	peal_write_u8(writer, message->count);
	peal_write_u8(writer, message->asked);
	peal_write_u8(writer, message->needed);
	peal_write_padding(writer, UNREACHABLE_PADDING_SIZE);
	for (uint32_t i = 0; i < message->count; i++) {
		write_ipv4(writer, &message->observers[i]);
		peal_write_u16(writer, message->observers[i].port);
		peal_write_padding(writer, OBSERVER_PADDING_SIZE);
		write_rest(writer, &message->observers[i]);
	}
}

bool
peal_unreachable_msg_decode(struct peal_reader *reader, struct peal_unreachable_msg *message_out)
{
	memset(message_out, 0, sizeof(*message_out));
	message_out->joiner = peal_read_uuid(reader);
	message_out->answerer = peal_read_uuid(reader);
	message_out->count = peal_read_u8(reader);
	message_out->asked = peal_read_u8(reader);
	message_out->needed = peal_read_u8(reader);
	bool is_padded = peal_read_padding(reader, UNREACHABLE_PADDING_SIZE);

	if (!reader->is_ok || !is_padded || !are_counts_sound(message_out) ||
		peal_uuid_is_none(message_out->joiner) ||
		peal_uuid_is_none(message_out->answerer)) {
		return false;
	}
	for (uint32_t i = 0; i < message_out->count; i++) {
		message_out->observers[i].ipv4 = peal_read_u32(reader);
		message_out->observers[i].port = peal_read_u16(reader);
		is_padded = peal_read_padding(reader, OBSERVER_PADDING_SIZE);
		if (!is_padded || message_out->observers[i].port == 0 ||
			!read_rest(reader, &message_out->observers[i])) {
			return false;
		}
	}
	return peal_reader_is_done(reader);
}
