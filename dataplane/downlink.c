/* SPDX-License-Identifier: BSD-3-Clause */
#include "dataplane/downlink.h"

#include "wire/messages.h"

static void
send_to_address(struct peal_downlink *downlink, const struct peal_record *record,
	const uint8_t *body, uint64_t now_ns)
{
	struct peal_address address = record->address;

	PEAL_ASSERT(peal_message_family(record->message) == PEAL_FAMILY_JOIN);
	if (peal_mac_is_none(address.mac) &&
		!peal_neighbour_find(downlink->neighbour, address.ipv4, now_ns, address.mac)) {
		peal_counter_add(downlink->counters, PEAL_COUNTER_NEIGHBOURS_UNKNOWN, 1);
		return;
	}
	peal_egress_send_address(
		downlink->egress, &address, record->message, body, record->body_size);
}

static void
send_to_slot(struct peal_downlink *downlink, const struct peal_peers *peers,
	const struct peal_record *record, const uint8_t *body)
{
	/* Departed peers too: they are told that they are out. */
	if (peers->members_count == 0 || !peal_peers_has(peers, record->slot, record->mid)) {
		peal_counter_add(downlink->counters, PEAL_COUNTER_SENDS_STALE, 1);
		return;
	}
	peal_egress_send_slot(
		downlink->egress, record->slot, record->message, body, record->body_size);
}

static void
send_to_all(struct peal_downlink *downlink, const struct peal_peers *peers,
	const struct peal_record *record, const uint8_t *body)
{
	if (peers->members_count == 0) {
		peal_counter_add(downlink->counters, PEAL_COUNTER_SENDS_STALE, 1);
		return;
	}
	for (uint16_t rank = 0; rank < peers->members_count; rank++) {
		if (rank != peers->self_rank) {
			peal_egress_send_slot(downlink->egress, peers->slots[rank], record->message,
				body, record->body_size);
		}
	}
}

void
peal_downlink_send(struct peal_downlink *downlink, const struct peal_peers *peers,
	const struct peal_record *record, uint64_t now_ns)
{
	PEAL_ASSERT(record->kind == PEAL_RECORD_SEND);
	PEAL_ASSERT(record->buffer < PEAL_PLANE_BUFFERS_MAX);
	PEAL_ASSERT(record->body_size <= PEAL_BODY_SIZE_MAX);
	PEAL_ASSERT(peal_message_is_known(record->message));

	const uint8_t *body = downlink->plane->down_buffers[record->buffer];

	if (record->target == PEAL_TARGET_ADDRESS) {
		send_to_address(downlink, record, body, now_ns);
	} else {
		PEAL_ASSERT(peal_message_family(record->message) != PEAL_FAMILY_JOIN);
		if (record->target == PEAL_TARGET_SLOT) {
			send_to_slot(downlink, peers, record, body);
		} else {
			PEAL_ASSERT(record->target == PEAL_TARGET_ALL);
			send_to_all(downlink, peers, record, body);
		}
	}
	peal_uplink_owe_buffer(downlink->uplink, record->buffer);
}
