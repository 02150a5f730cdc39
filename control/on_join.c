/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Family 0: frames from whoever has the key. Requests to join and their answers, the view on its
 * way to joiners, and whether a joiner is still there.
 */
#include "base/assert.h"
#include "base/museum.h"
#include "control/node_private.h"
#include "membership/trees.h"
#include "wire/fields.h"
#include "wire/messages.h"

#include <string.h>

/* A cookie is good in the ten seconds that it names and in the ten after. */
#define COOKIE_SLOT_NS UINT64_C(10000000000)

/* So many D after an install of a large view everybody new should have it: by the tree, or straight
 * from one of the others when they are few. */
#define TREE_FLOODS  12U
#define ELDER_FLOODS 2U

static void
make_cookie(const struct peal_node *node, const struct peal_address *from, struct peal_uuid uuid,
	uint64_t slot, uint8_t cookie_out[16])
{
	uint8_t bytes[48];
	struct peal_writer writer = peal_writer_init(bytes, sizeof(bytes));

	peal_write_u32(&writer, from->ipv4);
	peal_write_u16(&writer, from->port);
	peal_write_u16(&writer, 0);
	peal_write_u64(&writer, uuid.low);
	peal_write_u64(&writer, uuid.high);
	peal_write_u64(&writer, slot);
	if (peal_address_is_ipv6(from)) {
		peal_write_ipv6(&writer, from);
	}
	PEAL_ASSERT(writer.is_ok);
	node->config.crypto.mac(node->config.crypto.state, bytes, writer.offset, cookie_out);
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
	struct peal_bitset rest;
	uint16_t rank = peal_view_find_address(&node->view, &joiner->address);

	if (rank == PEAL_RANK_NONE ||
		peal_uuid_equals(node->view.members[rank].uuid, joiner->uuid)) {
		return false;
	}
	peal_bitset_add(&node->gone, rank);
	rest = peal_quorum_others(&quorum, &node->gone);
	return !PEAL_BUG(VIEW_NEVER_DEAD) && !peal_quorum_classic_ok(&quorum, &rest);
}

/* The last cut added so few that each of them can get the view from one who was there before. */
static bool
are_newcomers_few(const struct peal_node *node)
{
	return (uint32_t)node->view.members_count - node->new_rank <= PEAL_STREAM_TARGETS_MAX;
}

/*
 * A member of the group asks for the view. In a large group others bring it; who asks before that
 * had its time waits, or thousands would get it from one.
 */
static void
send_again(struct peal_node *node, const struct peal_join_request *request,
	const struct peal_address *to)
{
	struct peal_invitee invitee = {.uuid = request->member.uuid, .address = *to};
	uint64_t floods = are_newcomers_few(node) ? ELDER_FLOODS : TREE_FLOODS;
	uint64_t others_ns = floods * node->config.timing->flood_ns;

	if ((node->is_large && node->now_ns < node->view_at_ns + others_ns) ||
		node->streampool.count >= PEAL_NODE_PULLS_MAX) {
		peal_counter_add(&node->counters, PEAL_COUNTER_PULLS_UNANSWERED, 1);
		return;
	}
	peal_on_invite(node, &invitee, 1);
}

static void
on_request(struct peal_node *node, const struct peal_record *record, struct peal_reader *reader)
{
	struct peal_join_request request;
	uint64_t slot = node->now_ns / COOKIE_SLOT_NS + 1U;
	uint8_t cookie_now[16];
	uint8_t cookie_before[16];
	bool is_member = false;

	if (node->requests_left == 0) {
		peal_counter_add(&node->counters, PEAL_COUNTER_JOINS_DROPPED, 1);
		return; /* they repeat it */
	}
	node->requests_left--;
	/* The claimed address must be the one that the frame came from. */
	if (!peal_join_request_decode(reader, &request) ||
		!peal_address_equals(&request.member.address, &record->address) ||
		request.member.mid != 0) {
		peal_on_refused(node);
		return;
	}
	if (peal_node_is_active(node) && is_view_dead(node, &request.member)) {
		peal_on_kicked(node, PEAL_KICKED_VIEW_DEAD);
	}
	if (node->state != PEAL_NODE_MEMBER || !node->has_quorum) {
		answer_without_cluster(node, &request, &record->address);
		peal_emit_outbox(node);
		return;
	}
	make_cookie(node, &record->address, request.member.uuid, slot, cookie_now);
	make_cookie(node, &record->address, request.member.uuid, slot - 1U, cookie_before);
	is_member = peal_admission_on_request(&node->admission, &request, &record->address,
		cookie_now, cookie_before, node->now_ns, &node->outbox);
	peal_emit_outbox(node);
	if (is_member) {
		send_again(node, &request, &record->address);
	}
}

/* True for what only a member of a cluster with a quorum says. */
static bool
is_of_cluster(const struct peal_join_answer *answer)
{
	return answer->status != PEAL_JOIN_CREATE_OK && answer->status != PEAL_JOIN_NO_CLUSTER &&
	       answer->status != PEAL_JOIN_NOT_MEMBER;
}

/* Which of what must be equal is not: one event for each. */
static void
tell_refused(struct peal_node *node, const struct peal_join_answer *answer,
	const struct peal_address *from)
{
	struct peal_parameters own = peal_node_parameters(&node->config);
	struct peal_parameters group;
	struct peal_event event = {.at_ns = node->now_ns,
		.kind = PEAL_EVENT_REFUSED,
		.parameter = PEAL_PARAMETERS_COUNT,
		.address = *from};
	bool is_told = false;

	if (peal_parameters_decode(answer->cookie, &group)) {
		for (uint32_t i = 0; i < PEAL_PARAMETERS_COUNT; i++) {
			if (own.values[i] != group.values[i]) {
				event.parameter = (uint8_t)i;
				event.own = own.values[i];
				event.value = group.values[i];
				peal_eventlog_add(&node->events, &event);
				is_told = true;
			}
		}
	}
	if (!is_told) {
		peal_eventlog_add(&node->events, &event);
	}
}

static void
on_answer(struct peal_node *node, const struct peal_record *record, struct peal_reader *reader)
{
	struct peal_join_answer answer;

	if (!peal_join_answer_decode(reader, &answer)) {
		peal_on_refused(node);
		return;
	}
	if (node->state == PEAL_NODE_MEMBER) {
		/* A cluster lives that does not count this node in, and this node's own cannot
		 * decide. */
		if (!node->has_quorum && is_of_cluster(&answer) &&
			peal_view_find_uuid(&node->view, answer.answerer) == PEAL_RANK_NONE &&
			node->now_ns >= node->lonely_since_ns + node->config.timing->install_ns) {
			peal_on_kicked(node, PEAL_KICKED_NO_QUORUM);
		}
		return;
	}
	if (answer.status == PEAL_JOIN_CREATE_OK &&
		peal_uuid_equals(answer.candidate, node->self.uuid)) {
		peal_formation_on_grant(&node->formation, answer.answerer, node->now_ns);
	} else if (is_of_cluster(&answer)) {
		peal_formation_on_cluster(&node->formation, node->now_ns);
	}
	node->unanswered_at_ns = UINT64_MAX;
	if (answer.status == PEAL_JOIN_METADATA_FULL && !node->is_full_told &&
		peal_uuid_equals(answer.candidate, node->self.uuid)) {
		node->is_full_told = true;
		peal_emit_event(node, PEAL_EVENT_METADATA_FULL, 0, 0, &record->address);
	}
	switch (peal_joiner_on_answer(
		&node->joiner, &record->address, &answer, node->now_ns, &node->outbox)) {
	case PEAL_JOINER_NEW_UUID:
		peal_outbox_reset(&node->outbox);
		peal_on_start(node);
		return;
	case PEAL_JOINER_REFUSED:
		node->state = PEAL_NODE_REFUSED;
		tell_refused(node, &answer, &record->address);
		peal_outbox_reset(&node->outbox);
		return;
	case PEAL_JOINER_WAIT:
	default:
		peal_emit_outbox(node);
	}
}

/* An order for the view, without targets; NULL: no room. */
static struct peal_stream *
open_install(struct peal_node *node)
{
	const struct peal_body *snapshot = peal_node_snapshot(node);
	struct peal_stream *stream = NULL;

	if (snapshot != NULL) {
		stream = peal_streampool_take(&node->streampool, snapshot);
	}
	if (stream == NULL) {
		peal_counter_add(&node->counters, PEAL_COUNTER_PULLS_UNANSWERED, 1);
		return NULL;
	}
	stream->message = PEAL_MESSAGE_INSTALL;
	stream->digest = node->view.hash;
	return stream;
}

static void
add_target(struct peal_stream *stream, struct peal_uuid joiner, const struct peal_address *address)
{
	PEAL_ASSERT(stream->targets_count < PEAL_STREAM_TARGETS_MAX);
	stream->targets[stream->targets_count++] =
		(struct peal_stream_target){.address = *address, .joiner = joiner};
}

void
peal_on_invite(struct peal_node *node, const struct peal_invitee *invitees, uint32_t invitees_count)
{
	struct peal_stream *stream = NULL;

	PEAL_ASSERT(invitees_count <= PEAL_STREAM_TARGETS_MAX);
	if (invitees_count == 0) {
		return;
	}
	stream = open_install(node);
	if (stream == NULL) {
		return;
	}
	for (uint32_t i = 0; i < invitees_count; i++) {
		/* Who is being served already asked twice. */
		if (invitees_count > 1 || !peal_streampool_is_busy(&node->streampool,
						  node->snapshot, 0, invitees[i].uuid)) {
			add_target(stream, invitees[i].uuid, &invitees[i].address);
		}
	}
	peal_counter_add(&node->counters, PEAL_COUNTER_INSTALLS_SENT, stream->targets_count);
	peal_emit_stream(node, stream);
}

/*
 * Who sends the view to a newcomer when they are few: of those above it in tree 0 the nearest that
 * is not new itself, or the senior, which never is. All members find the same one.
 */
static uint16_t
find_elder(const struct peal_node *node, uint16_t newcomer)
{
	struct peal_tree_place place;

	peal_trees_find(&node->topology, &node->view, 0, newcomer, &place);
	for (uint32_t i = 0; i < place.ancestors_count; i++) {
		if (place.ancestors[i] < node->new_rank) {
			return place.ancestors[i];
		}
	}
	return 0;
}

static struct peal_invitee
invitee_of(const struct peal_node *node, uint16_t rank)
{
	const struct peal_member *member = &node->view.members[rank];

	return (struct peal_invitee){.uuid = member->uuid, .address = member->address};
}

/* The first part of the view tells a joiner that there is one, and whom it may ask for the rest. */
static void
announce(struct peal_node *node, const struct peal_invitee *joiners, uint32_t joiners_count)
{
	struct peal_stream *stream = NULL;

	for (uint32_t i = 0; i < joiners_count; i++) {
		uint16_t rank = peal_view_find_uuid(&node->view, joiners[i].uuid);

		if (rank == PEAL_RANK_NONE || rank < node->new_rank ||
			find_elder(node, rank) == node->self_rank) {
			continue;
		}
		if (stream == NULL) {
			stream = open_install(node);
		}
		if (stream == NULL) {
			return;
		}
		add_target(stream, joiners[i].uuid, &joiners[i].address);
	}
	if (stream != NULL) {
		stream->is_partial = true;
		stream->chunks[0] = 1;
		peal_emit_stream(node, stream);
	}
}

/* Newcomers that look to this member. */
static uint32_t
choose_few(const struct peal_node *node, struct peal_invitee *invitees_out)
{
	uint32_t count = 0;

	for (uint16_t rank = node->new_rank;
		node->self_rank < node->new_rank && rank < node->view.members_count; rank++) {
		if (find_elder(node, rank) == node->self_rank) {
			invitees_out[count++] = invitee_of(node, rank);
		}
	}
	return count;
}

/* The own children in tree 0 that are new; they serve theirs when they have the view. */
static uint32_t
choose_children(const struct peal_node *node, struct peal_invitee *invitees_out)
{
	struct peal_tree_place place;
	uint32_t count = 0;
	uint16_t root = peal_trees_root(&node->topology, &node->view, 0);

	peal_trees_find(&node->topology, &node->view, 0, node->self_rank, &place);
	for (uint32_t i = 0; i < place.children_count; i++) {
		if (place.children[i] >= node->new_rank) {
			invitees_out[count++] = invitee_of(node, place.children[i]);
		}
	}
	/* A root that is new has no parent: the senior never is. */
	if (node->self_rank == 0 && root >= node->new_rank) {
		invitees_out[count++] = invitee_of(node, root);
	}
	return count;
}

void
peal_on_new_members(
	struct peal_node *node, const struct peal_invitee *joiners, uint32_t joiners_count)
{
	struct peal_invitee invitees[PEAL_STREAM_TARGETS_MAX];
	uint32_t count = 0;

	PEAL_ASSERT(node->is_large);
	if (are_newcomers_few(node)) {
		count = choose_few(node, invitees);
		announce(node, joiners, joiners_count);
	} else {
		count = choose_children(node, invitees);
	}
	peal_on_invite(node, invitees, count);
}

/* A joiner lacks parts of the view, or began to get one that is over. */
static void
on_install_pull(
	struct peal_node *node, const struct peal_record *record, struct peal_reader *reader)
{
	struct peal_install_pull pull;
	struct peal_stream *stream = NULL;
	uint16_t rank = PEAL_RANK_NONE;

	if (!peal_install_pull_decode(reader, &pull)) {
		peal_on_refused(node);
		return;
	}
	rank = peal_view_find_uuid(&node->view, pull.joiner);
	if (rank == PEAL_RANK_NONE ||
		!peal_address_equals(&node->view.members[rank].address, &record->address) ||
		node->streampool.count >= PEAL_NODE_PULLS_MAX ||
		(node->snapshot != NULL && peal_streampool_is_busy(&node->streampool,
						   node->snapshot, 0, pull.joiner))) {
		peal_counter_add(&node->counters, PEAL_COUNTER_PULLS_UNANSWERED, 1);
		return;
	}
	stream = open_install(node);
	if (stream == NULL) {
		return;
	}
	if (peal_hash128_equals(pull.view_hash, node->view.hash) &&
		!peal_on_select_chunks(stream, pull.first, pull.missing,
			sizeof(pull.missing) / sizeof(pull.missing[0]))) {
		peal_streampool_give(&node->streampool, stream);
		return;
	}
	add_target(stream, pull.joiner, &record->address);
	peal_counter_add(&node->counters, PEAL_COUNTER_INSTALLS_SENT, 1);
	peal_emit_stream(node, stream);
}

/* All of a view is here; this node is a member if it is in it. */
static void
on_whole_view(struct peal_node *node)
{
	const struct peal_groups *groups = &node->config.groups;
	const struct peal_bodies *bodies = &node->config.bodies;
	const struct peal_gather *gather = &node->joiner.gather;
	const struct peal_group *group = groups->decode(groups->state, gather->bytes, gather->size);
	const struct peal_body *body = NULL;

	if (group == NULL || !peal_hash128_equals(group->view.hash, gather->name) ||
		group->view.rings_count != node->config.rings_count ||
		peal_view_find_uuid(&group->view, node->self.uuid) == PEAL_RANK_NONE) {
		peal_counter_add(&node->counters, PEAL_COUNTER_BODIES_SPOILED, 1);
		if (group != NULL) {
			groups->release(groups->state, group);
		}
		peal_joiner_drop(&node->joiner);
		return;
	}
	/* Others may need it from here. Without room it is made anew then. */
	body = bodies->keep_bytes(bodies->state, gather->bytes, gather->size, false);
	peal_on_first_view(node, group, body);
	if (body != NULL) {
		bodies->release(bodies->state, body);
	}
}

static void
on_install(struct peal_node *node, const struct peal_record *record, struct peal_reader *reader)
{
	struct peal_install_msg install;

	if (!peal_install_msg_decode(reader, &install)) {
		peal_on_refused(node);
		return;
	}
	if (peal_joiner_on_install(&node->joiner, &install, &record->address, node->now_ns)) {
		on_whole_view(node);
	}
}

/* A sequencer asks whether this joiner is still there, and for its metadata. */
static void
on_probe(struct peal_node *node, const struct peal_record *record, struct peal_reader *reader)
{
	struct peal_join_probe probe;

	if (!peal_join_probe_decode(reader, &probe)) {
		peal_on_refused(node);
	} else if (node->state == PEAL_NODE_JOINING) {
		peal_joiner_on_probe(&node->joiner, &probe, &record->address, &node->outbox);
		peal_emit_outbox(node);
	}
}

/* Too few of those that would observe this node reach it: people are to know which do not. Each set
 * of them is told once. */
static void
on_unreachable(struct peal_node *node, struct peal_reader *reader)
{
	struct peal_unreachable_msg message;
	uint64_t seen = 0;

	if (!peal_unreachable_msg_decode(reader, &message)) {
		peal_on_refused(node);
		return;
	}
	if (!peal_joiner_on_unreachable(&node->joiner, &message, node->now_ns)) {
		return;
	}
	for (uint32_t i = 0; i < message.count; i++) {
		seen += peal_hash_mix(peal_address_word(&message.observers[i]));
	}
	if (seen == node->unreachable_seen) {
		return;
	}
	node->unreachable_seen = seen;
	for (uint32_t i = 0; i < message.count; i++) {
		peal_emit_event(node, PEAL_EVENT_UNREACHABLE, 0,
			(uint64_t)message.count << 8 | message.asked, &message.observers[i]);
	}
}

/* A joiner says that it is, and what the sequencer asked for. */
static void
on_ready(struct peal_node *node, const struct peal_record *record, struct peal_reader *reader)
{
	struct peal_join_ready ready;

	if (!peal_join_ready_decode(reader, &ready)) {
		peal_on_refused(node);
	} else if (node->state == PEAL_NODE_MEMBER) {
		const struct peal_join_probe reached = {
			.joiner = ready.joiner, .token = ready.token};

		peal_admission_on_ready(&node->admission, &ready, &record->address, node->now_ns);
		peal_scouts_on_ready(&node->admission.sequencer.scouts, &reached, &record->address,
			&node->outbox);
		peal_emit_outbox(node);
	}
}

void
peal_on_join_frame(struct peal_node *node, const struct peal_record *record, const uint8_t *body)
{
	struct peal_reader reader = peal_reader_init(body, record->body_size);

	switch (record->message) {
	case PEAL_MESSAGE_JOIN_REQUEST:
		on_request(node, record, &reader);
		break;
	case PEAL_MESSAGE_JOIN_ANSWER:
		if (node->state == PEAL_NODE_JOINING || node->state == PEAL_NODE_MEMBER) {
			on_answer(node, record, &reader);
		}
		break;
	case PEAL_MESSAGE_INSTALL:
		if (node->state == PEAL_NODE_JOINING) {
			on_install(node, record, &reader); /* else late: settled */
		}
		break;
	case PEAL_MESSAGE_INSTALL_PULL:
		if (peal_node_is_active(node) && !node->is_out) {
			on_install_pull(node, record, &reader);
		}
		break;
	case PEAL_MESSAGE_JOIN_PROBE:
		on_probe(node, record, &reader);
		break;
	case PEAL_MESSAGE_JOIN_READY:
		on_ready(node, record, &reader);
		break;
	case PEAL_MESSAGE_UNREACHABLE:
		if (node->state == PEAL_NODE_JOINING) {
			on_unreachable(node, &reader);
		}
		break;
	default:
		peal_on_refused(node);
	}
}
