/* SPDX-License-Identifier: BSD-3-Clause */
#include "base/assert.h"
#include "control/node_private.h"
#include "wire/flood_msg.h"
#include "wire/messages.h"

#include <string.h>

static bool
push(struct peal_node *node, const struct peal_record *record)
{
	return node->plane->down.push(node->plane->down.state, record, 1) == 1;
}

/* Fills target fields; false when the receiver is gone. */
static bool
address_record(
	const struct peal_node *node, const struct peal_effect *effect, struct peal_record *record)
{
	uint64_t mid = effect->mid;

	if (effect->kind == PEAL_EFFECT_SEND_MEMBER) {
		PEAL_ASSERT(effect->rank < node->view.members_count);
		mid = node->view.members[effect->rank].mid;
	}
	switch ((enum peal_effect_kind)effect->kind) {
	case PEAL_EFFECT_SEND_ALL:
		record->target = PEAL_TARGET_ALL;
		return true;
	case PEAL_EFFECT_SEND_ADDRESS:
		record->target = PEAL_TARGET_ADDRESS;
		record->address = effect->address;
		return true;
	case PEAL_EFFECT_SEND_MEMBER:
	case PEAL_EFFECT_SEND_MID:
		record->target = PEAL_TARGET_SLOT;
		record->mid = mid;
		record->slot = peal_install_find(&node->install, mid);
		return record->slot != PEAL_RANK_NONE;
	case PEAL_EFFECT_REPORT:
	default:
		return false;
	}
}

static void
send_effect(struct peal_node *node, const struct peal_effect *effect, const uint8_t *body)
{
	struct peal_record record = {.kind = PEAL_RECORD_SEND, .message = effect->message};
	bool is_flood = peal_message_family(effect->message) >= PEAL_FAMILY_FLOOD;
	struct peal_writer writer;

	if (!address_record(node, effect, &record)) {
		return;
	}
	if (node->down_free_count == 0) {
		peal_counter_add(&node->counters, PEAL_COUNTER_PLANE_DOWN_DROPPED, 1);
		return;
	}
	record.buffer = node->down_free[node->down_free_count - 1U];
	writer = peal_writer_init(node->plane->down_buffers[record.buffer], PEAL_BODY_SIZE_MAX);
	if (is_flood) {
		struct peal_flood_prefix prefix = {.view_tag = peal_view_tag(&node->view),
			.origin = (uint32_t)node->self.mid,
			.origin_seq = ++node->origin_seq,
			.hop = 0};

		peal_flood_prefix_encode(&prefix, &writer);
	}
	peal_write_bytes(&writer, body, effect->body_size);
	PEAL_ASSERT(writer.is_ok);
	record.body_size = (uint16_t)writer.offset;
	if (!push(node, &record)) {
		peal_counter_add(&node->counters, PEAL_COUNTER_PLANE_DOWN_DROPPED, 1);
		return;
	}
	node->down_free_count--;
}

void
peal_emit_outbox(struct peal_node *node)
{
	struct peal_outbox *outbox = &node->outbox;

	for (uint32_t i = 0; i < outbox->count; i++) {
		const struct peal_effect *effect = &outbox->effects[i];

		if (effect->kind == PEAL_EFFECT_REPORT) {
			struct peal_record record = {.kind = PEAL_RECORD_REPORT,
				.rank = effect->rank,
				.epoch = node->view.epoch};

			/* A core that does not answer gets no more: the ring keeps room for what
			 * must fit. */
			if (node->reports_count >= PEAL_MEMBERS_MAX || !push(node, &record)) {
				peal_counter_add(
					&node->counters, PEAL_COUNTER_PLANE_DOWN_DROPPED, 1);
				continue;
			}
			node->reports_count++;
			continue;
		}
		send_effect(node, effect, peal_outbox_body(outbox, i));
	}
	peal_outbox_reset(outbox);
}

void
peal_emit_view(struct peal_node *node)
{
	struct peal_install_args args = {.view = &node->view,
		.topology = &node->topology,
		.self_rank = node->self_rank,
		.grace_until_ns = node->now_ns + node->config.timing->install_ns};
	struct peal_record record = {.kind = PEAL_RECORD_VIEW, .epoch = node->view.epoch};
	const struct peal_peers *peers = peal_install_publish(&node->install, &args);

	if (peers == NULL) {
		return; /* again when the core has caught up */
	}
	record.peers = peers;
	record.generation = peers->generation;
	/* The ring holds more records than control can have outstanding: buffers, tables, a few
	 * more. */
	PEAL_ASSERT(push(node, &record));
}

void
peal_emit_event(struct peal_node *node, enum peal_event_kind kind, uint64_t mid, uint64_t value,
	const struct peal_address *address)
{
	struct peal_event event = {.at_ns = node->now_ns,
		.kind = (uint8_t)kind,
		.epoch = node->view.epoch,
		.mid = mid,
		.value = value};

	if (address != NULL) {
		event.address = *address;
	}
	peal_eventlog_add(&node->events, &event);
}
