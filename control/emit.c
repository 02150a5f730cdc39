/* SPDX-License-Identifier: BSD-3-Clause */
#include "base/assert.h"
#include "control/node_private.h"
#include "membership/trees.h"
#include "wire/flood_msg.h"
#include "wire/messages.h"

#include <string.h>

/* Answers to what agreement asks for, each of which may make it ask for something else. */
#define WANT_ROUNDS_MAX 8U

static bool
push(struct peal_node *node, const struct peal_record *record)
{
	return node->plane->down.push(node->plane->down.state, record, 1) == 1;
}

/* Fills target fields; false when the receiver is gone, or has no slot yet. */
static bool
address_record(struct peal_node *node, const struct peal_effect *effect, struct peal_record *record)
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
		if (record->slot == PEAL_RANK_NONE) {
			peal_node_add_guest(node, mid); /* what matters is said again */
			return false;
		}
		return true;
	case PEAL_EFFECT_VOTE:
		record->target = PEAL_TARGET_TREE;
		record->message = PEAL_MESSAGE_VOTE_UP;
		record->epoch = node->view.epoch;
		return true;
	case PEAL_EFFECT_REPORT:
	case PEAL_EFFECT_WANT:
	default:
		return false;
	}
}

/* Only what goes to all has a number: that is how it is told from what one member is to know. */
static void
write_prefix(struct peal_node *node, bool is_flood, struct peal_writer *writer)
{
	struct peal_flood_prefix prefix = {.view_tag = peal_view_tag(&node->view),
		.origin = (uint32_t)node->self.mid,
		.origin_seq = is_flood ? ++node->origin_seq : 0,
		.hop = 0};

	peal_flood_prefix_encode(&prefix, writer);
}

/* The own bit under the key in `body`, at the own place in the trees. */
static void
write_vote(const struct peal_node *node, const uint8_t *body, struct peal_writer *writer)
{
	uint32_t place =
		peal_trees_place(&node->group->topology, &node->group->view, node->self_rank);
	uint8_t bit = (uint8_t)(1U << (place % 8U));
	struct peal_vote_msg message = {.first = (uint16_t)(place - place % 8U),
		.count = (uint16_t)(place % 8U + 1U),
		.bitmap = &bit};

	memcpy(&message.key, body, sizeof(message.key));
	peal_vote_msg_encode(&message, writer);
}

static void
send_effect(struct peal_node *node, const struct peal_effect *effect, const uint8_t *body)
{
	struct peal_record record = {.kind = PEAL_RECORD_SEND, .message = effect->message};
	struct peal_writer writer;

	if (!address_record(node, effect, &record)) {
		return;
	}
	/* A core that is in another view would not know the place. */
	if (node->down_free_count == 0 ||
		(effect->kind == PEAL_EFFECT_VOTE && node->peers->epoch != node->view.epoch)) {
		peal_counter_add(&node->counters, PEAL_COUNTER_PLANE_DOWN_DROPPED, 1);
		return;
	}
	record.buffer = node->down_free[node->down_free_count - 1U];
	writer = peal_writer_init(node->plane->down_buffers[record.buffer], PEAL_BODY_SIZE_MAX);
	if (effect->kind == PEAL_EFFECT_VOTE) {
		PEAL_ASSERT(effect->body_size == sizeof(struct peal_vote_key));
		write_vote(node, body, &writer);
	} else {
		if (peal_message_family(effect->message) >= PEAL_FAMILY_FLOOD) {
			write_prefix(node, effect->kind == PEAL_EFFECT_SEND_ALL, &writer);
		}
		peal_write_bytes(&writer, body, effect->body_size);
	}
	PEAL_ASSERT(writer.is_ok);
	record.body_size = (uint16_t)writer.offset;
	if (!push(node, &record)) {
		peal_counter_add(&node->counters, PEAL_COUNTER_PLANE_DOWN_DROPPED, 1);
		return;
	}
	node->down_free_count--;
}

static void
send_report(struct peal_node *node, uint16_t rank)
{
	struct peal_record record = {
		.kind = PEAL_RECORD_REPORT, .rank = rank, .epoch = node->view.epoch};

	/* A core that does not answer gets no more: the ring keeps room for what must fit. */
	if (node->reports_count >= PEAL_REPORTS_MAX || !push(node, &record)) {
		peal_counter_add(&node->counters, PEAL_COUNTER_PLANE_DOWN_DROPPED, 1);
		return;
	}
	node->reports_count++;
}

static void
note_want(struct peal_node *node, const uint8_t *body)
{
	if (node->wants_count < PEAL_NODE_WANTS_MAX) {
		memcpy(&node->wants[node->wants_count++], body, sizeof(node->wants[0]));
	}
}

static void
carry_out(struct peal_node *node)
{
	struct peal_outbox *outbox = &node->outbox;

	for (uint32_t i = 0; i < outbox->count; i++) {
		const struct peal_effect *effect = &outbox->effects[i];

		if (effect->kind == PEAL_EFFECT_REPORT) {
			send_report(node, effect->rank);
		} else if (effect->kind == PEAL_EFFECT_WANT) {
			note_want(node, peal_outbox_body(outbox, i));
		} else {
			send_effect(node, effect, peal_outbox_body(outbox, i));
		}
	}
	peal_outbox_reset(outbox);
}

/* What agreement wants is here, or has to be asked for. */
static void
settle_wants(struct peal_node *node)
{
	struct peal_hash128 wants[PEAL_NODE_WANTS_MAX];
	uint32_t count = node->wants_count;

	memcpy(wants, node->wants, sizeof(wants));
	node->wants_count = 0;
	for (uint32_t i = 0; i < count; i++) {
		const struct peal_body *body = peal_node_find_body(node, wants[i]);

		if (body != NULL) {
			peal_consensus_on_body(&node->consensus, body, node->now_ns, &node->outbox);
		} else {
			(void)peal_assembly_want(
				&node->assembly, wants[i], 0, false, node->hint_mid, node->now_ns);
		}
	}
}

void
peal_emit_outbox(struct peal_node *node)
{
	carry_out(node);
	for (uint32_t i = 0; i < WANT_ROUNDS_MAX && node->wants_count > 0; i++) {
		settle_wants(node);
		carry_out(node);
	}
	node->wants_count = 0;
}

uint32_t
peal_emit_budget(const struct peal_node *node)
{
	uint32_t half = node->down_free_count / 2U;

	return half < PEAL_OUTBOX_EFFECTS_MAX / 3U ? half : PEAL_OUTBOX_EFFECTS_MAX / 3U;
}

void
peal_emit_stream(struct peal_node *node, struct peal_stream *stream)
{
	struct peal_record record = {.kind = PEAL_RECORD_STREAM, .stream = stream};

	PEAL_ASSERT(stream->targets_count <= PEAL_STREAM_TARGETS_MAX);
	if (stream->targets_count == 0) {
		peal_streampool_give(&node->streampool, stream);
		return;
	}
	if (!push(node, &record)) {
		peal_counter_add(&node->counters, PEAL_COUNTER_PLANE_DOWN_DROPPED, 1);
		peal_streampool_give(&node->streampool, stream);
		return;
	}
	peal_counter_add(&node->counters, PEAL_COUNTER_STREAMS_SENT, 1);
}

void
peal_emit_view(struct peal_node *node)
{
	struct peal_install_args args = {.group = node->group,
		.self_rank = node->self_rank,
		.new_mid = node->new_mid,
		.guests_count = node->guests.count,
		.guests = node->guests.mids,
		.grace_until_ns = node->view_at_ns + node->config.timing->install_ns};
	struct peal_record record = {.kind = PEAL_RECORD_VIEW, .epoch = node->view.epoch};
	const struct peal_peers *peers = peal_install_publish(&node->install, &args);

	if (peers == NULL) {
		return; /* again when the core has caught up */
	}
	peal_guests_on_publish(&node->guests, node->now_ns);
	node->peers = peers;
	record.peers = peers;
	record.generation = peers->generation;
	/* The ring holds more records than control can have outstanding: buffers, tables, streams,
	 * a few more. */
	for (const struct peal_plane *plane = node->plane; plane != NULL; plane = plane->next) {
		PEAL_ASSERT(plane->down.push(plane->down.state, &record, 1) == 1);
	}
	peal_on_installed(node);
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
