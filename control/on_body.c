/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Large things: batches of joiners, values, snapshots; announced, streamed down the trees,
 * assembled, passed on, asked for when they do not come.
 */
#include "base/assert.h"
#include "control/node_private.h"
#include "membership/trees.h"
#include "wire/body_msg.h"
#include "wire/flood_msg.h"
#include "wire/messages.h"

#include <string.h>

/* A snapshot is only with who announced it, as long as that one stays in its epoch. */
#define SNAPSHOT_ASKS_MAX 4U

const struct peal_body *
peal_node_find_body(const struct peal_node *node, struct peal_hash128 digest)
{
	const struct peal_body *own[] = {
		node->snapshot, node->cut.batch, node->admission.sequencer.sent};
	const struct peal_body *body = peal_shelf_find(&node->shelf, digest);

	for (uint32_t i = 0; body == NULL && i < sizeof(own) / sizeof(own[0]); i++) {
		if (own[i] != NULL && peal_hash128_equals(own[i]->digest, digest)) {
			body = own[i];
		}
	}
	if (body == NULL && node->group != NULL) {
		body = peal_values_find(&node->consensus.values, digest);
	}
	return body != NULL ? body : peal_history_find_body(&node->history, digest);
}

const struct peal_body *
peal_node_snapshot(struct peal_node *node)
{
	const struct peal_bodies *bodies = &node->config.bodies;
	uint8_t *bytes = NULL;
	uint32_t size = 0;

	if (node->snapshot != NULL) {
		return node->snapshot;
	}
	size = peal_view_encoded_size(&node->view);
	PEAL_ASSERT(size <= PEAL_BODY_BYTES_MAX);
	bytes = bodies->open(bodies->state, node->view.hash, size);
	if (bytes != NULL) {
		uint32_t used = peal_view_encode(&node->view, bytes, size);

		node->snapshot = bodies->keep_bytes(bodies->state, bytes, used, false);
		bodies->close(bodies->state, bytes);
	}
	if (node->snapshot == NULL) {
		peal_counter_add(&node->counters, PEAL_COUNTER_BODIES_REFUSED, 1);
	}
	return node->snapshot;
}

static void
add_peer(const struct peal_node *node, struct peal_stream *stream, uint64_t mid)
{
	uint16_t slot = peal_install_find(&node->install, mid);

	if (slot != PEAL_RANK_NONE && mid != node->self.mid &&
		stream->targets_count < PEAL_STREAM_TARGETS_MAX) {
		stream->targets[stream->targets_count++] =
			(struct peal_stream_target){.mid = mid, .slot = slot};
	}
}

static struct peal_stream *
open_body_stream(struct peal_node *node, const struct peal_body *body, uint8_t route)
{
	struct peal_stream *stream = peal_streampool_take(&node->streampool, body);

	if (stream == NULL) {
		peal_counter_add(&node->counters, PEAL_COUNTER_PULLS_UNANSWERED, 1);
		return NULL; /* who needs it asks */
	}
	stream->message = PEAL_MESSAGE_BODY;
	stream->route = route;
	return stream;
}

/* To the own children in both trees; in one of them there are usually none. `is_origin`: to the
 * roots as well, who are to know it first. */
static void
stream_down(struct peal_node *node, const struct peal_body *body, bool is_origin)
{
	for (uint32_t tree = 0; tree < PEAL_TREES_MAX; tree++) {
		uint16_t root = peal_trees_root(&node->topology, &node->view, tree);
		struct peal_stream *stream = NULL;
		struct peal_tree_place place;

		peal_trees_find(&node->topology, &node->view, tree, node->self_rank, &place);
		if (place.children_count == 0 && !(is_origin && root != node->self_rank)) {
			continue;
		}
		stream = open_body_stream(node, body, (uint8_t)tree);
		if (stream == NULL) {
			return;
		}
		if (is_origin) {
			add_peer(node, stream, node->view.members[root].mid);
		}
		for (uint32_t i = 0; i < place.children_count; i++) {
			add_peer(node, stream, node->view.members[place.children[i]].mid);
		}
		peal_emit_stream(node, stream);
	}
}

void
peal_on_batch_sent(struct peal_node *node, const struct peal_body *batch)
{
	struct peal_stream *stream = NULL;

	if (batch->size <= PEAL_INLINE_SIZE_MAX) {
		return; /* it was in the announcement */
	}
	if (node->is_large) {
		stream_down(node, batch, true);
		return;
	}
	/* Nobody asked: the chunks count even if they come before the announcement. Nobody passes
	 * them on in a small group, whatever the tree. */
	stream = open_body_stream(node, batch, 0);
	if (stream == NULL) {
		return;
	}
	for (uint32_t rank = 0; rank < node->view.members_count; rank++) {
		add_peer(node, stream, node->view.members[rank].mid);
	}
	peal_emit_stream(node, stream);
}

void
peal_on_batch_body(struct peal_node *node, const struct peal_body *batch)
{
	if (batch->proposal.additions_count == 0 ||
		peal_nextview_validate(&node->view, &batch->proposal) != PEAL_VALID) {
		peal_on_refused(node);
		return;
	}
	for (uint32_t i = 0; i < batch->proposal.additions_count; i++) {
		if (peal_admission_is_buried(&node->admission, batch->proposal.additions[i].uuid)) {
			peal_on_refused(node);
			return;
		}
	}
	peal_node_add_willing(node, &batch->proposal.removals);
	(void)peal_cut_on_batch(&node->cut, batch, node->now_ns);
}

/* Remembers that a batch with this digest was announced. False: there were too many already. */
static bool
expect_batch(struct peal_node *node, struct peal_hash128 digest)
{
	for (uint32_t i = 0; i < node->batches_count; i++) {
		if (peal_hash128_equals(node->batches[i], digest)) {
			return true;
		}
	}
	if (node->batches_count == PEAL_NODE_BATCHES_MAX) {
		return false;
	}
	node->batches[node->batches_count++] = digest;
	return true;
}

static bool
is_expected(const struct peal_node *node, struct peal_hash128 digest)
{
	for (uint32_t i = 0; i < node->batches_count; i++) {
		if (peal_hash128_equals(node->batches[i], digest)) {
			return true;
		}
	}
	return false;
}

void
peal_on_batch(struct peal_node *node, uint64_t mid, struct peal_reader *reader)
{
	const struct peal_bodies *bodies = &node->config.bodies;
	const struct peal_body *body = NULL;
	struct peal_batch_msg message;

	if (!peal_batch_msg_decode(reader, &message)) {
		peal_on_refused(node);
		return;
	}
	peal_admission_on_batch(&node->admission, node->now_ns);
	if (message.has_proposal) {
		body = bodies->keep_proposal(bodies->state, &message.proposal);
		if (body == NULL) {
			peal_counter_add(&node->counters, PEAL_COUNTER_BODIES_REFUSED, 1);
			return;
		}
		peal_on_batch_body(node, body);
		bodies->release(bodies->state, body);
		return;
	}
	body = peal_node_find_body(node, message.digest);
	if (body != NULL) {
		peal_on_batch_body(node, body);
	} else if (expect_batch(node, message.digest)) {
		(void)peal_assembly_want(
			&node->assembly, message.digest, message.size, false, mid, node->now_ns);
	} else {
		peal_on_refused(node);
	}
}

/* A value is here: on down the trees, into the cut if it is a batch, and to agreement. */
static void
on_value(struct peal_node *node, const struct peal_body *body, uint8_t route)
{
	if (body->proposal.parent_epoch != node->view.epoch ||
		!peal_hash128_equals(body->proposal.parent_hash, node->view.hash)) {
		peal_consensus_on_body(&node->consensus, body, node->now_ns, &node->outbox);
		peal_emit_outbox(node);
		return; /* it ended an epoch that is over */
	}
	peal_shelf_add(&node->shelf, body);
	if (node->is_large && route < PEAL_TREES_MAX) {
		stream_down(node, body, false);
	}
	if (is_expected(node, body->digest)) {
		peal_on_batch_body(node, body);
	}
	peal_consensus_on_body(&node->consensus, body, node->now_ns, &node->outbox);
	peal_emit_outbox(node);
	peal_on_progress(node);
}

void
peal_on_body(struct peal_node *node, uint64_t mid, struct peal_reader *reader)
{
	const struct peal_bodies *bodies = &node->config.bodies;
	const struct peal_body *body = NULL;
	struct peal_body_msg message;
	uint8_t route = PEAL_BODY_ROUTE_PULL;

	if (!peal_body_msg_decode(reader, &message)) {
		peal_on_refused(node);
		return;
	}
	if (peal_node_find_body(node, message.digest) != NULL) {
		return; /* by the other tree */
	}
	if (node->ahead_since_ns != 0 &&
		peal_hash128_equals(node->catchup.digest, message.digest)) {
		node->ahead_since_ns = node->now_ns; /* help is on its way */
	}
	body = peal_assembly_on_chunk(&node->assembly, &message, mid, node->now_ns, &route);
	if (body == NULL) {
		return;
	}
	if (body->is_proposal) {
		on_value(node, body, route);
	} else {
		peal_on_caught_up(node, body);
	}
	bodies->release(bodies->state, body);
}

bool
peal_on_select_chunks(
	struct peal_stream *stream, uint16_t first, const uint64_t *missing, uint32_t words_count)
{
	uint32_t chunks_count = peal_body_chunks_count(stream->size);
	uint64_t any = 0;

	for (uint32_t i = 0; i < words_count; i++) {
		any |= missing[i];
	}
	if (any == 0) {
		return first == 0;
	}
	any = 0;
	for (uint32_t i = 0; i < words_count * 64U && first + i < chunks_count; i++) {
		uint32_t chunk = first + i;
		uint64_t bit = (missing[i / 64U] >> (i % 64U)) & 1U;

		stream->chunks[chunk / 64U] |= bit << (chunk % 64U);
		any |= bit;
	}
	stream->is_partial = true;
	return any != 0;
}

void
peal_on_pull(struct peal_node *node, uint64_t mid, struct peal_reader *reader)
{
	const struct peal_uuid nobody = {0};
	const struct peal_body *body = NULL;
	struct peal_stream *stream = NULL;
	struct peal_pull_msg message;

	if (!peal_pull_msg_decode(reader, &message)) {
		peal_on_refused(node);
		return;
	}
	body = peal_node_find_body(node, message.digest);
	if (body == NULL || node->streampool.count >= PEAL_NODE_PULLS_MAX ||
		peal_streampool_is_busy(&node->streampool, body, mid, nobody)) {
		peal_counter_add(&node->counters, PEAL_COUNTER_PULLS_UNANSWERED, 1);
		return;
	}
	stream = open_body_stream(node, body, PEAL_BODY_ROUTE_PULL);
	if (stream == NULL) {
		return;
	}
	if (peal_on_select_chunks(
		    stream, message.first, message.missing, PEAL_PULL_CHUNKS_MAX / 64U)) {
		add_peer(node, stream, mid);
	}
	peal_emit_stream(node, stream);
}

/* Whom to ask: who should have it, at first; then the neighbours in turn, each from another one on.
 */
static uint64_t
find_source(const struct peal_node *node, const struct peal_assembly_ask *ask)
{
	const struct peal_peers *peers = node->peers;

	if ((ask->asks_count == 0 || ask->is_snapshot) && ask->source_mid != 0 &&
		ask->source_mid != node->self.mid) {
		return ask->source_mid;
	}
	if (peers->neighbours_count == 0) {
		return 0;
	}
	return peers
		->peers[peers->neighbours[(node->self_rank + ask->asks_count) %
					  peers->neighbours_count]]
		.mid;
}

static void
send_pull(struct peal_node *node, const struct peal_assembly_ask *ask)
{
	struct peal_effect effect = {.kind = PEAL_EFFECT_SEND_MID,
		.message = PEAL_MESSAGE_BODY_PULL,
		.mid = find_source(node, ask)};
	struct peal_writer writer;

	if (effect.mid == 0) {
		return;
	}
	writer = peal_outbox_open(
		&node->outbox, &effect, PEAL_BODY_SIZE_MAX - PEAL_FLOOD_PREFIX_SIZE);
	peal_pull_msg_encode(&ask->pull, &writer);
	peal_outbox_commit(&node->outbox, &writer);
	peal_counter_add(&node->counters, PEAL_COUNTER_PULLS_SENT, 1);
}

void
peal_on_body_tick(struct peal_node *node)
{
	struct peal_assembly_ask ask;

	while (peal_assembly_take_ask(&node->assembly, node->now_ns, &ask)) {
		if (ask.is_snapshot && ask.asks_count >= SNAPSHOT_ASKS_MAX) {
			peal_assembly_forget(&node->assembly, ask.pull.digest);
			memset(&node->catchup, 0, sizeof(node->catchup));
		} else {
			send_pull(node, &ask);
		}
	}
	peal_emit_outbox(node);
}
