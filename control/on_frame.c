/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Frames of families 2 and 3, from members; those of family 0 are for on_join.c.
 *
 * The core has checked size, key, source, epoch and replay, and whatever was flooded is here once.
 * Each body is decoded once into a value; a body that is not exactly its message is counted and
 * changes nothing.
 */
#include "base/assert.h"
#include "control/node_private.h"
#include "wire/flood_msg.h"
#include "wire/messages.h"

/* A decided cut of this epoch with its value in the message: installed at once. */
static void
on_decided_value(struct peal_node *node, const struct peal_ballot_msg *message)
{
	const struct peal_bodies *bodies = &node->config.bodies;
	const struct peal_body *value = NULL;

	/* Of another epoch: an echo of what is known, or a later link of a chain not reached yet.
	 */
	if (message->proposal.parent_epoch != node->view.epoch ||
		!peal_hash128_equals(message->proposal.parent_hash, node->view.hash)) {
		return;
	}
	if (peal_nextview_validate(&node->view, &message->proposal) != PEAL_VALID) {
		peal_on_refused(node);
		return;
	}
	value = bodies->keep_proposal(bodies->state, &message->proposal);
	if (value == NULL) {
		peal_counter_add(&node->counters, PEAL_COUNTER_BODIES_REFUSED, 1);
		return; /* this node is behind now, and is told again */
	}
	node->told_digest = message->digest;
	node->told_left = message->left;
	peal_counter_add(&node->counters, PEAL_COUNTER_DECISIONS_LEARNED, 1);
	peal_on_decision(node, value, message->ballot, &message->left, &message->result_hash);
	bodies->release(bodies->state, value);
}

/* A decided cut whose value is a body. Which epoch it ends only the value tells. */
static void
on_decided_digest(struct peal_node *node, uint16_t rank, const struct peal_ballot_msg *message)
{
	if (peal_hash128_equals(message->digest, node->group->cut_digest) ||
		peal_history_find_body(&node->history, message->digest) != NULL) {
		return; /* an echo of what is known */
	}
	node->told_digest = message->digest;
	node->told_left = message->left;
	/* Who says so does not matter, and may not be in this view yet. */
	if (rank == PEAL_RANK_NONE || rank == node->self_rank) {
		rank = node->self_rank == 0 ? 1 : 0;
	}
	if (rank >= node->view.members_count) {
		return;
	}
	peal_consensus_on_message(&node->consensus, rank, message, node->now_ns, &node->outbox);
	peal_emit_outbox(node);
	peal_on_progress(node);
}

static void
on_ballot(struct peal_node *node, uint8_t kind, uint16_t rank, struct peal_reader *reader)
{
	struct peal_ballot_msg message;

	if (!peal_ballot_msg_decode(kind, reader, &message)) {
		peal_on_refused(node);
		return;
	}
	if (kind == PEAL_MESSAGE_DECIDE && message.has_proposal) {
		on_decided_value(node, &message);
	} else if (kind == PEAL_MESSAGE_DECIDE) {
		on_decided_digest(node, rank, &message);
	} else {
		peal_consensus_on_message(
			&node->consensus, rank, &message, node->now_ns, &node->outbox);
		peal_emit_outbox(node);
		peal_on_progress(node);
	}
}

static void
on_leave(struct peal_node *node, uint16_t rank, struct peal_reader *reader)
{
	struct peal_leave_msg message;
	struct peal_bitset leaver = {0};

	if (!peal_leave_msg_decode(reader, &message)) {
		peal_on_refused(node);
		return;
	}
	peal_bitset_add(&leaver, rank);
	peal_node_add_willing(node, &leaver);
	(void)peal_cut_on_leave(&node->cut, rank, node->now_ns);
	if (message.has_vote) {
		peal_consensus_on_leave_vote(
			&node->consensus, rank, message.digest, node->now_ns, &node->outbox);
		peal_emit_outbox(node);
	}
	peal_on_progress(node);
}

/* A sequencer wants to know whether this node reaches a joiner. */
static void
on_reach(struct peal_node *node, uint16_t rank, struct peal_reader *reader)
{
	struct peal_reach_msg message;

	if (!peal_reach_msg_decode(reader, &message)) {
		peal_on_refused(node);
		return;
	}
	peal_scouts_on_ask(&node->admission.sequencer.scouts, rank, &message, &node->outbox);
	peal_emit_outbox(node);
}

static void
on_reached(struct peal_node *node, uint16_t rank, struct peal_reader *reader)
{
	struct peal_join_probe message;

	if (!peal_join_probe_decode(reader, &message)) {
		peal_on_refused(node);
		return;
	}
	peal_sequencer_on_reached(&node->admission.sequencer, rank, &message, node->now_ns);
}

static void
on_forward(struct peal_node *node, struct peal_reader *reader)
{
	struct peal_join_forward message;

	if (!peal_join_forward_decode(reader, &message)) {
		peal_on_refused(node);
		return;
	}
	for (uint32_t i = 0; i < message.count; i++) {
		peal_admission_on_forward(
			&node->admission, &message.members[i], &message.tags[i], node->now_ns);
	}
}

/* What belongs to this epoch and was said by the member at `rank`. */
static void
on_member_message(struct peal_node *node, const struct peal_record *record, uint16_t rank,
	struct peal_reader *reader)
{
	switch (record->message) {
	case PEAL_MESSAGE_LEAVE:
		on_leave(node, rank, reader);
		break;
	case PEAL_MESSAGE_JOIN_FORWARD:
		on_forward(node, reader);
		break;
	case PEAL_MESSAGE_REACH:
		on_reach(node, rank, reader);
		break;
	case PEAL_MESSAGE_REACHED:
		on_reached(node, rank, reader);
		break;
	case PEAL_MESSAGE_JOIN_BATCH:
		peal_on_batch(node, record->mid, reader);
		break;
	case PEAL_MESSAGE_VOTE_UP:
		peal_on_vote_up(node, reader);
		break;
	case PEAL_MESSAGE_VOTE:
	case PEAL_MESSAGE_P1A:
	case PEAL_MESSAGE_P1B:
	case PEAL_MESSAGE_P2A:
	case PEAL_MESSAGE_P2B:
	case PEAL_MESSAGE_NACK:
		on_ballot(node, record->message, rank, reader);
		break;
	default:
		peal_on_refused(node);
	}
}

/* What brings members forward is of no epoch. True when it was that. */
static bool
on_timeless_message(struct peal_node *node, const struct peal_record *record, uint16_t rank,
	struct peal_reader *reader)
{
	if (record->message == PEAL_MESSAGE_BODY_PULL) {
		peal_on_pull(node, record->mid, reader);
		return true;
	}
	if (node->is_out) {
		return true; /* only helps others to learn what it knows */
	}
	switch (record->message) {
	case PEAL_MESSAGE_DECIDE:
		on_ballot(node, record->message, rank, reader);
		return true;
	case PEAL_MESSAGE_SYNC:
		peal_on_sync(node, record->mid, reader);
		return true;
	case PEAL_MESSAGE_SNAPSHOT:
		peal_on_snapshot(node, record->mid, reader);
		return true;
	case PEAL_MESSAGE_BODY:
		peal_on_body(node, record->mid, reader);
		return true;
	default:
		return false;
	}
}

void
peal_on_frame(struct peal_node *node, const struct peal_record *record, const uint8_t *body)
{
	struct peal_reader reader = peal_reader_init(body, record->body_size);
	struct peal_flood_prefix prefix;
	uint16_t rank = 0;

	if (peal_message_family(record->message) == PEAL_FAMILY_JOIN) {
		peal_on_join_frame(node, record, body);
		return;
	}
	if (!peal_node_is_active(node)) {
		return;
	}
	/* In a small group everybody says himself what he has to say. */
	if (!peal_flood_prefix_decode(&reader, &prefix) || (prefix.hop != 0 && !node->is_large) ||
		(prefix.hop == 0 && prefix.origin != (uint32_t)record->mid)) {
		peal_on_refused(node);
		return;
	}
	node->hint_mid = record->mid;
	rank = peal_view_find_mid_low(&node->view, prefix.origin);
	if (on_timeless_message(node, record, rank, &reader)) {
		return;
	}
	if (rank == PEAL_RANK_NONE || record->epoch != node->view.epoch ||
		prefix.view_tag != peal_view_tag(&node->view)) {
		return; /* the view changed between the core's check and this one */
	}
	on_member_message(node, record, rank, &reader);
}
