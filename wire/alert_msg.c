/* SPDX-License-Identifier: BSD-3-Clause */
#include "wire/alert_msg.h"

#include "base/assert.h"
#include "base/bitset.h"

#define FIXED_SIZE 4U
#define ENTRY_SIZE 8U

_Static_assert(PEAL_ALERT_ENTRIES_MAX <= UINT8_MAX, "the count of entries travels in eight bits");
_Static_assert(16U + FIXED_SIZE + PEAL_ALERT_ENTRIES_MAX * ENTRY_SIZE <= PEAL_BODY_SIZE_MAX,
	"all entries fit one frame");

static bool
is_reason_known(uint8_t reason)
{
	return reason >= PEAL_ALERT_SILENT && reason <= PEAL_ALERT_SLOW;
}

const char *
peal_alert_reason_name(uint8_t reason)
{
	static const char *const names[] = {
		[PEAL_ALERT_SILENT] = "silent",
		[PEAL_ALERT_STUCK] = "stuck",
		[PEAL_ALERT_ECHO] = "echo",
		[PEAL_ALERT_LAG] = "lag",
		[PEAL_ALERT_SLOW] = "slow",
	};

	return is_reason_known(reason) ? names[reason] : "unknown";
}

void
peal_alert_msg_encode(const struct peal_alert_msg *message, struct peal_writer *writer)
{
	PEAL_ASSERT(message->count >= 1);
	PEAL_ASSERT(message->count <= PEAL_ALERT_ENTRIES_MAX);
	PEAL_ASSERT((message->flags & ~PEAL_ALERT_FLAG_MERGED) == 0);

	peal_write_u8(writer, message->flags);
	peal_write_u8(writer, message->count);
	peal_write_u16(writer, 0);
	for (uint32_t i = 0; i < message->count; i++) {
		const struct peal_alert_entry *entry = &message->entries[i];

		PEAL_ASSERT(entry->rank < PEAL_MEMBERS_MAX);
		PEAL_ASSERT(is_reason_known(entry->reason));
		PEAL_ASSERT(entry->mask != 0);
		peal_write_u16(writer, entry->rank);
		peal_write_u8(writer, entry->reason);
		peal_write_u8(writer, 0);
		peal_write_u32(writer, entry->mask);
	}
}

bool
peal_alert_msg_decode(struct peal_reader *reader, struct peal_alert_msg *message_out)
{
	struct peal_bitset seen = {0};

	message_out->flags = peal_read_u8(reader);
	message_out->count = peal_read_u8(reader);
	uint16_t padding = peal_read_u16(reader);

	if (!reader->is_ok || padding != 0 || message_out->count == 0 ||
		message_out->count > PEAL_ALERT_ENTRIES_MAX ||
		(message_out->flags & ~PEAL_ALERT_FLAG_MERGED) != 0) {
		return false;
	}
	for (uint32_t i = 0; i < message_out->count; i++) {
		struct peal_alert_entry *entry = &message_out->entries[i];

		entry->rank = peal_read_u16(reader);
		entry->reason = peal_read_u8(reader);
		uint8_t padding_entry = peal_read_u8(reader);
		entry->mask = peal_read_u32(reader);
		if (!reader->is_ok || padding_entry != 0 || entry->rank >= PEAL_MEMBERS_MAX ||
			!is_reason_known(entry->reason) || entry->mask == 0 ||
			peal_bitset_has(&seen, entry->rank)) {
			return false;
		}
		peal_bitset_add(&seen, entry->rank);
	}
	return peal_reader_is_done(reader);
}
