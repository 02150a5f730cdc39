/* SPDX-License-Identifier: BSD-3-Clause */
#include "dataplane/downlink.h"

#include "wire/messages.h"

static void
send_to_address(struct peal_downlink *downlink, const struct peal_record *record,
	const uint8_t *body, uint64_t now_ns)
{
	PEAL_ASSERT(peal_message_family(record->message) == PEAL_FAMILY_JOIN);
	peal_neighbour_send(downlink->neighbour, &record->address, record->message, body,
		record->body_size, now_ns);
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
	if (peers->is_large) {
		PEAL_ASSERT(record->body_size >= PEAL_FLOOD_PREFIX_SIZE);
		PEAL_ASSERT(!peal_flood_is_private(record->message, body));
		peal_flood_start(downlink->flood, record->message, body, record->body_size);
		return;
	}
	for (uint32_t i = 0; i < peers->neighbours_count; i++) {
		peal_egress_send_slot(downlink->egress, peers->neighbours[i], record->message, body,
			record->body_size);
	}
}

static void
send_to_trees(struct peal_downlink *downlink, const struct peal_peers *peers,
	const struct peal_record *record, const uint8_t *body, uint64_t now_ns)
{
	PEAL_ASSERT(record->message == PEAL_MESSAGE_VOTE_UP);
	/* A place means nothing in another view. */
	if (peers->members_count == 0 || record->epoch != peers->epoch) {
		peal_counter_add(downlink->counters, PEAL_COUNTER_SENDS_STALE, 1);
		return;
	}
	peal_votetree_vote(downlink->votetree, body, record->body_size, now_ns);
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
		} else if (record->target == PEAL_TARGET_TREE) {
			send_to_trees(downlink, peers, record, body, now_ns);
		} else {
			PEAL_ASSERT(record->target == PEAL_TARGET_ALL);
			send_to_all(downlink, peers, record, body);
		}
	}
	peal_uplink_owe_buffer(downlink->uplink, record->buffer);
}
