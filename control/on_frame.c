/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Frames for control: families 2 and 3 from members, family 0 from whoever has the key.
 *
 * The core has checked size, key, source, epoch and replay. Here each body is decoded once into a
 * value; a body that is not exactly its message is counted and changes nothing.
 */
#include "base/assert.h"
#include "control/node_private.h"
#include "wire/flood_msg.h"
#include "wire/messages.h"

#include <string.h>

/* A cookie is good in the ten seconds that it names and in the ten after. */
#define COOKIE_SLOT_NS UINT64_C(10000000000)

static void
refuse(struct peal_node *node)
{
	peal_counter_add(&node->counters, PEAL_COUNTER_MESSAGES_REFUSED, 1);
}

static void
on_ballot(struct peal_node *node, uint8_t kind, uint16_t rank, struct peal_reader *reader)
{
	struct peal_ballot_msg message;

	if (!peal_ballot_msg_decode(kind, reader, &message)) {
		refuse(node);
		return;
	}
	if (kind == PEAL_MESSAGE_DECIDE) {
		/* Of another epoch: an echo of what is known, or a later link of a chain not
		 * reached yet. */
		if (message.proposal.parent_epoch != node->view.epoch ||
			!peal_hash128_equals(message.proposal.parent_hash, node->view.hash)) {
			return;
		}
		if (peal_nextview_validate(&node->view, &message.proposal) != PEAL_VALID) {
			refuse(node);
			return;
		}
		peal_counter_add(&node->counters, PEAL_COUNTER_DECISIONS_LEARNED, 1);
		peal_on_decision(node, &message, true);
		return;
	}
	peal_consensus_on_message(&node->consensus, rank, &message, node->now_ns, &node->outbox);
	peal_emit_outbox(node);
	peal_on_progress(node);
}

static void
on_leave(struct peal_node *node, uint16_t rank, struct peal_reader *reader)
{
	struct peal_leave_msg message;
	struct peal_bitset leaver = {0};

	if (!peal_leave_msg_decode(reader, &message)) {
		refuse(node);
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

static void
on_batch(struct peal_node *node, struct peal_reader *reader)
{
	struct peal_proposal batch;

	if (!peal_proposal_decode(reader, &batch) || batch.additions_count == 0 ||
		peal_nextview_validate(&node->view, &batch) != PEAL_VALID) {
		refuse(node);
		return;
	}
	for (uint32_t i = 0; i < batch.additions_count; i++) {
		if (peal_admission_is_buried(&node->admission, batch.additions[i].uuid)) {
			refuse(node);
			return;
		}
	}
	peal_node_add_willing(node, &batch.removals);
	(void)peal_cut_on_batch(&node->cut, &batch, node->now_ns);
}

static void
on_forward(struct peal_node *node, struct peal_reader *reader)
{
	struct peal_member member;

	if (!peal_member_decode(reader, &member) || !peal_reader_is_done(reader)) {
		refuse(node);
		return;
	}
	peal_admission_on_forward(&node->admission, &member, node->now_ns);
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
	if (!peal_node_is_active(node) || node->is_out) {
		return;
	}
	if (!peal_flood_prefix_decode(&reader, &prefix) || prefix.hop != 0 ||
		prefix.origin != (uint32_t)record->mid) {
		refuse(node);
		return;
	}
	rank = peal_view_find_mid(&node->view, record->mid);
	if (record->message != PEAL_MESSAGE_DECIDE &&
		(rank == PEAL_RANK_NONE || record->epoch != node->view.epoch ||
			prefix.view_tag != peal_view_tag(&node->view))) {
		return; /* the view changed between the core's check and this one */
	}

	switch ((enum peal_message)record->message) {
	case PEAL_MESSAGE_LEAVE:
		on_leave(node, rank, &reader);
		break;
	case PEAL_MESSAGE_JOIN_FORWARD:
		on_forward(node, &reader);
		break;
	case PEAL_MESSAGE_JOIN_BATCH:
		on_batch(node, &reader);
		break;
	case PEAL_MESSAGE_VOTE:
	case PEAL_MESSAGE_P1A:
	case PEAL_MESSAGE_P1B:
	case PEAL_MESSAGE_P2A:
	case PEAL_MESSAGE_P2B:
	case PEAL_MESSAGE_NACK:
	case PEAL_MESSAGE_DECIDE:
		on_ballot(node, record->message, rank, &reader);
		break;
	case PEAL_MESSAGE_JOIN_REQUEST:
	case PEAL_MESSAGE_JOIN_ANSWER:
	case PEAL_MESSAGE_INSTALL:
	case PEAL_MESSAGE_PROBE:
	case PEAL_MESSAGE_ACK:
	case PEAL_MESSAGE_ECHO:
	case PEAL_MESSAGE_ECHO_REPLY:
	case PEAL_MESSAGE_ALERT:
	default:
		refuse(node);
	}
}

static void
make_cookie(const struct peal_node *node, const struct peal_address *from, struct peal_uuid uuid,
	uint64_t slot, uint8_t cookie_out[16])
{
	uint8_t bytes[32];
	struct peal_writer writer = peal_writer_init(bytes, sizeof(bytes));

	peal_write_u32(&writer, from->ipv4);
	peal_write_u16(&writer, from->port);
	peal_write_u16(&writer, 0);
	peal_write_u64(&writer, uuid.low);
	peal_write_u64(&writer, uuid.high);
	peal_write_u64(&writer, slot);
	PEAL_ASSERT(writer.is_ok && writer.offset == sizeof(bytes));
	node->config.crypto.mac(node->config.crypto.state, bytes, sizeof(bytes), cookie_out);
}

/* No cluster here that could admit anybody: grant the smallest candidate, or say so. */
static void
answer_without_cluster(struct peal_node *node, const struct peal_join_request *request,
	const struct peal_address *from)
{
	struct peal_effect effect = {.kind = PEAL_EFFECT_SEND_ADDRESS,
		.message = PEAL_MESSAGE_JOIN_ANSWER,
		.address = *from};
	struct peal_join_answer answer = {.status = PEAL_JOIN_NO_CLUSTER,
		.candidate = request->member.uuid,
		.answerer = node->self.uuid};
	struct peal_writer writer;

	if (node->state == PEAL_NODE_JOINING) {
		peal_joiner_on_asker(&node->joiner, from);
		if (request->is_candidate && node->refrain_until_ns == 0 &&
			peal_formation_on_candidate(
				&node->formation, request->member.uuid, node->now_ns)) {
			answer.status = PEAL_JOIN_CREATE_OK;
		}
	} else if (node->state != PEAL_NODE_MEMBER) {
		answer.status = PEAL_JOIN_NOT_MEMBER;
	}
	writer = peal_outbox_open(&node->outbox, &effect, PEAL_BODY_SIZE_MAX);
	peal_join_answer_encode(&answer, &writer);
	peal_outbox_commit(&node->outbox, &writer);
}

/*
 * A joiner at the address of a member proves that the member's process is gone for good. When those
 * who may still be there are no quorum, the view is dead: nobody can ever decide in it again.
 */
static bool
is_view_dead(struct peal_node *node, const struct peal_member *joiner)
{
	struct peal_quorum quorum = peal_quorum_of(&node->view);
	struct peal_bitset rest = {0};
	uint16_t rank = peal_view_find_address(&node->view, &joiner->address);

	if (rank == PEAL_RANK_NONE ||
		peal_uuid_equals(node->view.members[rank].uuid, joiner->uuid)) {
		return false;
	}
	peal_bitset_add(&node->gone, rank);
	for (uint16_t other = 0; other < node->view.members_count; other++) {
		if (!peal_bitset_has(&node->gone, other)) {
			peal_bitset_add(&rest, other);
		}
	}
	return !peal_quorum_classic_ok(&quorum, &rest);
}

static void
on_request(struct peal_node *node, const struct peal_record *record, struct peal_reader *reader)
{
	struct peal_join_request request;
	uint64_t slot = node->now_ns / COOKIE_SLOT_NS + 1U;
	uint8_t cookie_now[16];
	uint8_t cookie_before[16];

	/* The claimed address must be the one that the frame came from. */
	if (!peal_join_request_decode(reader, &request) ||
		!peal_address_equals(&request.member.address, &record->address) ||
		request.member.mid != 0) {
		refuse(node);
		return;
	}
	if (peal_node_is_active(node) && is_view_dead(node, &request.member)) {
		peal_on_kicked(node);
	}
	if (node->state != PEAL_NODE_MEMBER || !node->has_quorum) {
		answer_without_cluster(node, &request, &record->address);
		peal_emit_outbox(node);
		return;
	}
	make_cookie(node, &record->address, request.member.uuid, slot, cookie_now);
	make_cookie(node, &record->address, request.member.uuid, slot - 1U, cookie_before);
	peal_admission_on_request(&node->admission, &request, &record->address, cookie_now,
		cookie_before, node->now_ns, &node->outbox);
	peal_emit_outbox(node);
}

/* True for what only a member of a cluster with a quorum says. */
static bool
is_of_cluster(const struct peal_join_answer *answer)
{
	return answer->status != PEAL_JOIN_CREATE_OK && answer->status != PEAL_JOIN_NO_CLUSTER &&
	       answer->status != PEAL_JOIN_NOT_MEMBER;
}

static void
on_answer(struct peal_node *node, const struct peal_record *record, struct peal_reader *reader)
{
	struct peal_join_answer answer;

	if (!peal_join_answer_decode(reader, &answer)) {
		refuse(node);
		return;
	}
	if (node->state == PEAL_NODE_MEMBER) {
		/* A cluster lives that does not count this node in, and this node's own cannot
		 * decide. */
		if (!node->has_quorum && is_of_cluster(&answer) &&
			peal_view_find_uuid(&node->view, answer.answerer) == PEAL_RANK_NONE &&
			node->now_ns >= node->lonely_since_ns + node->config.timing->install_ns) {
			peal_on_kicked(node);
		}
		return;
	}
	if (answer.status == PEAL_JOIN_CREATE_OK &&
		peal_uuid_equals(answer.candidate, node->self.uuid)) {
		peal_formation_on_grant(&node->formation, answer.answerer, node->now_ns);
	} else if (is_of_cluster(&answer)) {
		peal_formation_on_cluster(&node->formation, node->now_ns);
	}
	switch (peal_joiner_on_answer(
		&node->joiner, &record->address, &answer, node->now_ns, &node->outbox)) {
	case PEAL_JOINER_NEW_UUID:
		peal_outbox_reset(&node->outbox);
		peal_on_start(node);
		return;
	case PEAL_JOINER_REFUSED:
		node->state = PEAL_NODE_REFUSED;
		peal_emit_event(node, PEAL_EVENT_REFUSED, 0, answer.status, &record->address);
		peal_outbox_reset(&node->outbox);
		return;
	case PEAL_JOINER_WAIT:
	default:
		peal_emit_outbox(node);
	}
}

void
peal_on_join_frame(struct peal_node *node, const struct peal_record *record, const uint8_t *body)
{
	struct peal_reader reader = peal_reader_init(body, record->body_size);
	struct peal_install_msg install;
	struct peal_view view;

	if (record->message == PEAL_MESSAGE_JOIN_REQUEST) {
		on_request(node, record, &reader);
		return;
	}
	if (node->state != PEAL_NODE_JOINING &&
		(node->state != PEAL_NODE_MEMBER || record->message == PEAL_MESSAGE_INSTALL)) {
		return; /* a late answer to a question that is settled */
	}
	if (record->message == PEAL_MESSAGE_JOIN_ANSWER) {
		on_answer(node, record, &reader);
		return;
	}
	PEAL_ASSERT(record->message == PEAL_MESSAGE_INSTALL);
	if (!peal_install_msg_decode(&reader, &install)) {
		refuse(node);
		return;
	}
	if (peal_joiner_on_install(&node->joiner, &install, &view)) {
		peal_on_first_view(node, &view);
	}
}
