/* SPDX-License-Identifier: BSD-3-Clause */
#include "tests/lib/fakenet.h"

#include "base/assert.h"
#include "base/hash.h"
#include "membership/trees.h"
#include "wire/body_msg.h"
#include "wire/flood_msg.h"
#include "wire/join_msg.h"
#include "wire/messages.h"

#include <stdlib.h>
#include <string.h>

#define FRAMES_MAX      32768U
#define STORE_MEMBERS   256U
#define ALIGNMENT       64U
#define STREAM_BURST    4U
#define STREAM_PAUSE_NS UINT64_C(20000)
#define TELL_NS         UINT64_C(10000000)

static uint32_t
push_down(void *state, const struct peal_record *records, uint32_t count)
{
	struct peal_fakeplane *fake = state;

	if (fake->down_count + count > PEAL_PLANE_RECORDS_MAX) {
		return 0;
	}
	for (uint32_t i = 0; i < count; i++) {
		fake->down[(fake->down_head + fake->down_count++) % PEAL_PLANE_RECORDS_MAX] =
			records[i];
	}
	return count;
}

static uint32_t
pop_up(void *state, struct peal_record *records, uint32_t capacity)
{
	struct peal_fakeplane *fake = state;
	uint32_t count = 0;

	for (; count < capacity && fake->up_count > 0; count++) {
		records[count] = fake->up[fake->up_head];
		fake->up_head = (fake->up_head + 1U) % PEAL_PLANE_RECORDS_MAX;
		fake->up_count--;
	}
	return count;
}

static void
push_up(struct peal_fakeplane *fake, const struct peal_record *record)
{
	PEAL_ASSERT(fake->up_count < PEAL_PLANE_RECORDS_MAX);
	fake->up[(fake->up_head + fake->up_count++) % PEAL_PLANE_RECORDS_MAX] = *record;
}

/* A record with a body: dropped when no buffer is free, as a core does. */
static void
push_up_body(struct peal_fakeplane *fake, struct peal_record record, const void *body)
{
	if (fake->up_free_count == 0) {
		return;
	}
	record.buffer = fake->up_free[--fake->up_free_count];
	memcpy(fake->up_buffers[record.buffer], body, record.body_size);
	push_up(fake, &record);
}

static void
derive(void *state, struct peal_uuid cluster, struct peal_uuid uuid, struct peal_aead_key *key_out)
{
	(void)state;
	(void)cluster;
	memset(key_out, 0, sizeof(*key_out));
	memcpy(key_out->bytes, &uuid, sizeof(uuid));
}

static void
mac(void *state, const void *data, size_t size, uint8_t mac_out[16])
{
	struct peal_hash128 hash = peal_hash128(data, size, 7);

	(void)state;
	memcpy(mac_out, &hash, sizeof(hash));
}

static struct peal_address
address_of(uint32_t index)
{
	return (struct peal_address){.ipv4 = 0x0A000001U + index,
		.port = 7400,
		.mac = {2, 0, 0, 0, 0, (uint8_t)(index + 1U)}};
}

struct peal_node_config
peal_fakenet_config(
	const struct peal_fakenet *net, uint32_t index, uint8_t seeds_count, uint8_t expect)
{
	struct peal_node_config config = {.name = "node",
		.cluster_name = "test",
		.address = address_of(index),
		.seeds_count = seeds_count,
		.expect = expect,
		.rings_count = PEAL_RINGS_DEFAULT,
		.rejoin = true,
		.timing = &net->timing,
		.crypto = {.derive = derive, .mac = mac},
		.groups = net->store->groups,
		.bodies = net->store->bodies,
		.seed = {index + 1U, net->now_ns, 3, 4}};

	for (uint32_t i = 0; i < seeds_count; i++) {
		config.seeds[i] = address_of(i);
	}
	return config;
}

void
peal_fakenet_start(struct peal_fakenet *net, uint32_t index, const struct peal_node_config *config)
{
	struct peal_fakenode *place = net->nodes[index];
	struct peal_fakeplane *fake = &place->fake;

	if (place->is_started) {
		peal_node_fini(&place->node);
		memset(&place->node, 0, sizeof(place->node));
		memset(fake, 0, sizeof(*fake));
	}
	fake->plane.down = (struct peal_plane_ring){.push = push_down, .state = fake};
	fake->plane.up = (struct peal_plane_ring){.pop = pop_up, .state = fake};
	fake->plane.down_buffers = fake->down_buffers;
	fake->plane.up_buffers = fake->up_buffers;
	for (uint16_t i = 0; i < PEAL_PLANE_BUFFERS_MAX; i++) {
		fake->up_free[fake->up_free_count++] = i;
	}
	place->is_alive = true;
	place->is_started = true;
	peal_node_init(&place->node, config, &fake->plane, net->now_ns);
}

/* Zeroed, and no page of it is touched that nobody needs. */
static struct peal_fakenode *
create_node(void)
{
	void *memory = calloc(1, sizeof(struct peal_fakenode) + ALIGNMENT);
	struct peal_fakenode *place = NULL;

	PEAL_ASSERT(memory != NULL);
	place = (void *)(((uintptr_t)memory + ALIGNMENT - 1U) / ALIGNMENT * ALIGNMENT);
	place->memory = memory;
	return place;
}

struct peal_fakenet *
peal_fakenet_create(uint32_t nodes_count, uint8_t seeds_count, uint8_t expect, const char *preset)
{
	struct peal_fakenet *net = calloc(1, sizeof(*net));

	PEAL_ASSERT(net != NULL);
	PEAL_ASSERT(nodes_count <= PEAL_FAKENET_NODES_MAX);
	PEAL_ASSERT(peal_timing_find(preset, &net->timing));
	net->frames = calloc(FRAMES_MAX, sizeof(*net->frames));
	PEAL_ASSERT(net->frames != NULL);
	net->store = peal_teststore_create(STORE_MEMBERS);
	net->now_ns = 1000000000U;
	net->nodes_count = nodes_count;
	for (uint32_t i = 0; i < nodes_count; i++) {
		struct peal_node_config config = peal_fakenet_config(net, i, seeds_count, expect);

		net->nodes[i] = create_node();
		peal_fakenet_start(net, i, &config);
	}
	return net;
}

void
peal_fakenet_destroy(struct peal_fakenet *net)
{
	for (uint32_t i = 0; i < net->nodes_count; i++) {
		if (net->nodes[i]->is_started) {
			peal_node_fini(&net->nodes[i]->node);
		}
		free(net->nodes[i]->memory);
	}
	peal_teststore_destroy(net->store);
	free(net->frames);
	free(net);
}

static uint32_t
index_of(const struct peal_fakenet *net, const struct peal_address *address)
{
	for (uint32_t i = 0; i < net->nodes_count; i++) {
		if (peal_address_equals(&net->nodes[i]->node.config.address, address)) {
			return i;
		}
	}
	return UINT32_MAX;
}

static void
post(struct peal_fakenet *net, uint32_t from, const struct peal_address *address, uint8_t message,
	const uint8_t *body, uint16_t body_size)
{
	const struct peal_node *sender = &net->nodes[from]->node;
	const struct peal_peers *peers = net->nodes[from]->fake.peers;
	struct peal_fakeframe *frame = &net->frames[net->frames_count];
	uint32_t to = index_of(net, address);

	if (to == UINT32_MAX ||
		(net->filter != NULL && net->filter(net->filter_state, from, to, message))) {
		return;
	}
	PEAL_ASSERT(net->frames_count < FRAMES_MAX);
	net->frames_count++;
	*frame = (struct peal_fakeframe){.at_ns = net->now_ns + PEAL_FAKENET_DELAY_NS, .to = to};
	frame->record = (struct peal_record){.kind = PEAL_RECORD_FRAME,
		.message = message,
		.body_size = body_size,
		.slot = PEAL_SLOT_NONE,
		.address = sender->config.address};
	if (peal_message_family(message) != PEAL_FAMILY_JOIN) {
		frame->record.mid = peers->self_mid;
		frame->record.epoch = peers->epoch;
	}
	memcpy(frame->body, body, body_size);
}

/* A tally for a new key: in a free place, or where that of the oldest view and lowest ballot was.
 */
static struct peal_faketally *
open_tally(
	struct peal_fakenet *net, const struct peal_peers *peers, const struct peal_vote_key *key)
{
	struct peal_faketally *tally = &net->tallies[0];

	if (net->tallies_count < PEAL_FAKENET_TALLIES_MAX) {
		tally = &net->tallies[net->tallies_count++];
	}
	for (uint32_t i = 0; i < net->tallies_count && tally->epoch != 0; i++) {
		struct peal_faketally *other = &net->tallies[i];

		if (other->epoch < tally->epoch ||
			(other->epoch == tally->epoch &&
				peal_ballot_compare(other->key.ballot, tally->key.ballot) < 0)) {
			tally = other;
		}
	}
	*tally = (struct peal_faketally){.epoch = peers->epoch,
		.view_tag = peers->view_tag,
		.key = *key,
		.tell_at_ns = UINT64_MAX};
	return tally;
}

/* The own bit: into the one tally of its view and key. */
static void
gather_vote(struct peal_fakenet *net, const struct peal_peers *peers,
	const struct peal_record *send, const uint8_t *body)
{
	struct peal_reader reader = peal_reader_init(body, send->body_size);
	struct peal_faketally *tally = NULL;
	struct peal_vote_msg message;

	PEAL_ASSERT(peers->is_large);
	PEAL_ASSERT(peal_vote_msg_decode(&reader, &message));
	for (uint32_t i = 0; i < net->tallies_count; i++) {
		if (net->tallies[i].epoch == peers->epoch &&
			net->tallies[i].view_tag == peers->view_tag &&
			peal_vote_key_equals(&net->tallies[i].key, &message.key)) {
			tally = &net->tallies[i];
		}
	}
	if (tally == NULL) {
		tally = open_tally(net, peers, &message.key);
	}
	for (uint32_t i = 0; i < message.count; i++) {
		if (((message.bitmap[i / 8U] >> (i % 8U)) & 1U) != 0) {
			peal_bitset_add(&tally->ranks,
				peal_trees_rank(peers->topology, peers->view, message.first + i));
		}
	}
	if (tally->tell_at_ns == UINT64_MAX) {
		tally->tell_at_ns = net->now_ns + PEAL_TALLY_NS;
	}
}

/* Members that stand under the key of `tally`; promises of one ballot are taken together. */
static uint32_t
count_voters(const struct peal_fakenet *net, const struct peal_faketally *tally)
{
	struct peal_bitset voters = tally->ranks;

	for (uint32_t i = 0; tally->key.kind == PEAL_VOTE_PROMISE && i < net->tallies_count; i++) {
		const struct peal_faketally *other = &net->tallies[i];

		if (other->epoch == tally->epoch && other->view_tag == tally->view_tag &&
			other->key.kind == PEAL_VOTE_PROMISE &&
			peal_ballot_compare(other->key.ballot, tally->key.ballot) == 0) {
			peal_bitset_merge(&voters, &other->ranks);
		}
	}
	return peal_bitset_count(&voters);
}

static void
tell_tallies(struct peal_fakenet *net)
{
	for (uint32_t i = 0; i < net->tallies_count; i++) {
		struct peal_faketally *tally = &net->tallies[i];
		struct peal_tally_up up = {.key = tally->key, .ranks = tally->ranks};
		uint32_t voters_count = 0;

		if (net->now_ns < tally->tell_at_ns) {
			continue;
		}
		voters_count = count_voters(net, tally);
		tally->tell_at_ns = UINT64_MAX;
		for (uint32_t to = 0; to < net->nodes_count; to++) {
			struct peal_fakeplane *fake = &net->nodes[to]->fake;
			struct peal_record record = {.kind = PEAL_RECORD_TALLY,
				.body_size = sizeof(up),
				.epoch = tally->epoch};

			if (net->nodes[to]->is_alive && fake->peers != NULL &&
				fake->peers->epoch == tally->epoch &&
				fake->peers->view_tag == tally->view_tag &&
				voters_count * 2U >= fake->peers->members_count &&
				(net->filter == NULL || !net->filter(net->filter_state, to, to,
								PEAL_MESSAGE_VOTE_UP))) {
				push_up_body(fake, record, &up);
			}
		}
	}
}

static void
carry_out_send(struct peal_fakenet *net, uint32_t from, const struct peal_record *send)
{
	struct peal_fakeplane *fake = &net->nodes[from]->fake;
	const uint8_t *body = fake->down_buffers[send->buffer];
	const struct peal_peers *peers = fake->peers;
	struct peal_record done = {.kind = PEAL_RECORD_SEND_DONE, .buffer = send->buffer};

	if (send->target == PEAL_TARGET_ADDRESS) {
		post(net, from, &send->address, send->message, body, send->body_size);
	} else if (send->target == PEAL_TARGET_SLOT) {
		PEAL_ASSERT(peers->peers[send->slot].mid == send->mid);
		post(net, from, &peers->peers[send->slot].address, send->message, body,
			send->body_size);
	} else if (send->target == PEAL_TARGET_TREE) {
		gather_vote(net, peers, send, body);
	} else {
		for (uint32_t rank = 0; rank < peers->members_count; rank++) {
			if (rank != peers->self_rank) {
				post(net, from, &peers->view->members[rank].address, send->message,
					body, send->body_size);
			}
		}
	}
	push_up(fake, &done);
}

void
peal_fakenet_report(struct peal_fakenet *net, uint32_t to, uint16_t rank, uint32_t mask)
{
	struct peal_fakenode *node = net->nodes[to];
	struct peal_record alert = {.kind = PEAL_RECORD_ALERT,
		.rank = rank,
		.mask = mask,
		.reason = 1,
		.epoch = node->node.view.epoch};

	push_up(&node->fake, &alert);
}

void
peal_fakenet_ahead(struct peal_fakenet *net, uint32_t to, uint64_t epoch)
{
	struct peal_record ahead = {.kind = PEAL_RECORD_AHEAD, .epoch = epoch};

	push_up(&net->nodes[to]->fake, &ahead);
}

void
peal_fakenet_inject(
	struct peal_fakenet *net, uint32_t to, const struct peal_record *frame, const uint8_t *body)
{
	struct peal_record record = *frame;

	record.kind = PEAL_RECORD_FRAME;
	record.slot = PEAL_SLOT_NONE;
	PEAL_ASSERT(net->nodes[to]->fake.up_free_count > 0);
	push_up_body(&net->nodes[to]->fake, record, body);
}

static void
start_stream(struct peal_fakenet *net, struct peal_fakeplane *fake, struct peal_stream *order)
{
	for (uint32_t i = 0; i < PEAL_STREAMS_MAX; i++) {
		if (fake->streams[i].order == NULL) {
			fake->streams[i] =
				(struct peal_fakestream){.order = order, .next_at_ns = net->now_ns};
			return;
		}
	}
	PEAL_ASSERT(!"control starts no more streams than there are");
}

static bool
is_wanted(const struct peal_stream *order, uint32_t chunk)
{
	return !order->is_partial || ((order->chunks[chunk / 64U] >> (chunk % 64U)) & 1U) != 0;
}

static void
post_chunk(struct peal_fakenet *net, uint32_t from, const struct peal_stream *order, uint32_t chunk,
	const struct peal_stream_target *target)
{
	const struct peal_peers *peers = net->nodes[from]->fake.peers;
	uint32_t offset = chunk * PEAL_CHUNK_SIZE_MAX;
	uint32_t size = order->size - offset < PEAL_CHUNK_SIZE_MAX ? order->size - offset
								   : PEAL_CHUNK_SIZE_MAX;
	uint8_t body[PEAL_BODY_SIZE_MAX];
	struct peal_writer writer = peal_writer_init(body, sizeof(body));

	if (order->message == PEAL_MESSAGE_INSTALL) {
		struct peal_install_msg install = {.joiner = target->joiner,
			.view_hash = order->digest,
			.total_size = order->size,
			.offset = offset,
			.chunk_size = size,
			.chunk = order->bytes + offset};

		peal_install_msg_encode(&install, &writer);
		post(net, from, &target->address, order->message, body, (uint16_t)writer.offset);
		return;
	}
	if (peers == NULL || !peal_peers_has(peers, target->slot, target->mid)) {
		return;
	}
	struct peal_flood_prefix prefix = {
		.view_tag = peers->view_tag, .origin = (uint32_t)peers->self_mid};
	struct peal_body_msg piece = {.digest = order->digest,
		.total_size = order->size,
		.chunk = (uint16_t)chunk,
		.route = order->route,
		.size = size,
		.bytes = order->bytes + offset};

	peal_flood_prefix_encode(&prefix, &writer);
	peal_body_msg_encode(&piece, &writer);
	post(net, from, &peers->peers[target->slot].address, order->message, body,
		(uint16_t)writer.offset);
}

static void
run_stream(struct peal_fakenet *net, uint32_t from, struct peal_fakestream *stream)
{
	struct peal_stream *order = stream->order;
	uint32_t chunks_count = peal_body_chunks_count(order->size);
	struct peal_record done = {.kind = PEAL_RECORD_STREAM_DONE, .stream = order};

	for (uint32_t sent = 0; sent < STREAM_BURST && stream->chunk < chunks_count;
		stream->chunk++) {
		if (!is_wanted(order, stream->chunk)) {
			continue;
		}
		for (uint32_t i = 0; i < order->targets_count; i++) {
			post_chunk(net, from, order, stream->chunk, &order->targets[i]);
		}
		sent++;
	}
	stream->next_at_ns = net->now_ns + STREAM_PAUSE_NS;
	if (stream->chunk == chunks_count) {
		stream->order = NULL;
		push_up(&net->nodes[from]->fake, &done);
	}
}

static void
run_streams(struct peal_fakenet *net, uint32_t from)
{
	struct peal_fakeplane *fake = &net->nodes[from]->fake;

	for (uint32_t i = 0; i < PEAL_STREAMS_MAX; i++) {
		if (fake->streams[i].order != NULL && net->now_ns >= fake->streams[i].next_at_ns) {
			run_stream(net, from, &fake->streams[i]);
		}
	}
}

static void
drain_down(struct peal_fakenet *net, uint32_t index)
{
	struct peal_fakeplane *fake = &net->nodes[index]->fake;

	while (fake->down_count > 0) {
		struct peal_record record = fake->down[fake->down_head];
		struct peal_record done = {.kind = PEAL_RECORD_VIEW_DONE};

		fake->down_head = (fake->down_head + 1U) % PEAL_PLANE_RECORDS_MAX;
		fake->down_count--;
		if (record.kind == PEAL_RECORD_VIEW) {
			fake->peers = record.peers;
			fake->tables_count++;
			done.generation = record.generation;
			push_up(fake, &done);
		} else if (record.kind == PEAL_RECORD_SEND) {
			carry_out_send(net, index, &record);
		} else if (record.kind == PEAL_RECORD_FRAME_DONE) {
			fake->up_free[fake->up_free_count++] = record.buffer;
		} else if (record.kind == PEAL_RECORD_REPORT) {
			fake->reports_count++;
		} else if (record.kind == PEAL_RECORD_STREAM) {
			start_stream(net, fake, record.stream);
		}
	}
	run_streams(net, index);
}

/* What is flooded is passed on by neighbours, who have slots. */
static bool
is_flooded(const struct peal_fakeframe *frame)
{
	struct peal_reader reader = peal_reader_init(frame->body, frame->record.body_size);
	struct peal_flood_prefix prefix;

	return peal_flood_prefix_decode(&reader, &prefix) && prefix.origin_seq != 0;
}

/* A core passes up what it can open: family 0, or a peer of its table. */
static bool
is_heard(struct peal_fakeplane *fake, const struct peal_fakeframe *frame)
{
	const struct peal_peers *peers = fake->peers;
	struct peal_record stranger = {.kind = PEAL_RECORD_STRANGER, .mid = frame->record.mid};

	if (peal_message_family(frame->record.message) == PEAL_FAMILY_JOIN) {
		return true;
	}
	if (peers == NULL || peers->epoch == 0) {
		return false;
	}
	if (peal_peers_find(peers, (uint32_t)frame->record.mid) != PEAL_SLOT_NONE) {
		return true;
	}
	if (!peers->is_large ||
		peal_view_find_mid(peers->view, frame->record.mid) == PEAL_RANK_NONE) {
		return false;
	}
	if (is_flooded(frame)) {
		return true;
	}
	push_up(fake, &stranger);
	return false;
}

static void
deliver_due(struct peal_fakenet *net)
{
	uint32_t kept = 0;

	for (uint32_t i = 0; i < net->frames_count; i++) {
		struct peal_fakeframe *frame = &net->frames[i];
		struct peal_fakenode *to = net->nodes[frame->to];

		if (frame->at_ns > net->now_ns) {
			if (kept != i) {
				net->frames[kept] = *frame;
			}
			kept++;
		} else if (to->is_alive && is_heard(&to->fake, frame)) {
			push_up_body(&to->fake, frame->record, frame->body);
		}
	}
	net->frames_count = kept;
}

/* A peer speaks in another epoch; so that not every step says it, once in TELL_NS. */
static void
tell_epoch(struct peal_fakenet *net, struct peal_fakeplane *fake, const struct peal_peer *peer,
	const struct peal_peers *other)
{
	struct peal_record record = {
		.kind = PEAL_RECORD_BEHIND, .epoch = other->epoch, .mid = peer->mid};

	if (!net->has_heartbeat || other->epoch == 0 || other->epoch == fake->peers->epoch ||
		net->now_ns < fake->told_at_ns + TELL_NS) {
		return;
	}
	fake->told_at_ns = net->now_ns;
	record.kind = other->epoch < fake->peers->epoch ? PEAL_RECORD_BEHIND : PEAL_RECORD_AHEAD;
	push_up(fake, &record);
}

static void
refresh_echoes(struct peal_fakenet *net, uint32_t index)
{
	struct peal_fakeplane *fake = &net->nodes[index]->fake;

	for (uint32_t slot = 0; fake->peers != NULL && slot < PEAL_SLOTS_MAX; slot++) {
		const struct peal_peer *peer = &fake->peers->peers[slot];
		uint32_t at = peer->mid == 0 ? UINT32_MAX : index_of(net, &peer->address);

		if (at != UINT32_MAX && net->nodes[at]->is_alive &&
			net->nodes[at]->node.self.mid == peer->mid) {
			atomic_store(&fake->plane.echoed_at_ns[slot], net->now_ns);
			atomic_store(&fake->plane.heard_at_ns[slot], net->now_ns);
			if (net->nodes[at]->fake.peers != NULL && at != index) {
				tell_epoch(net, fake, peer, net->nodes[at]->fake.peers);
			}
		}
	}
}

static uint64_t
next_of(const struct peal_fakenet *net, uint32_t index)
{
	const struct peal_fakenode *node = net->nodes[index];
	uint64_t next_ns = peal_node_deadline_at_ns(&node->node);

	if (!node->is_alive) {
		return UINT64_MAX;
	}
	if (node->fake.up_count > 0) {
		return net->now_ns;
	}
	for (uint32_t i = 0; i < PEAL_STREAMS_MAX; i++) {
		if (node->fake.streams[i].order != NULL &&
			node->fake.streams[i].next_at_ns < next_ns) {
			next_ns = node->fake.streams[i].next_at_ns;
		}
	}
	return next_ns;
}

void
peal_fakenet_run(struct peal_fakenet *net, uint64_t until_ns)
{
	while (net->now_ns < until_ns) {
		uint64_t next_ns = until_ns;

		deliver_due(net);
		tell_tallies(net);
		for (uint32_t i = 0; i < net->nodes_count; i++) {
			struct peal_fakenode *node = net->nodes[i];

			if (!node->is_alive) {
				continue;
			}
			refresh_echoes(net, i);
			(void)peal_node_step(&node->node, net->now_ns);
			peal_node_check(&node->node);
			drain_down(net, i);
		}
		for (uint32_t i = 0; i < net->nodes_count; i++) {
			uint64_t at_ns = next_of(net, i);

			next_ns = at_ns < next_ns ? at_ns : next_ns;
		}
		for (uint32_t i = 0; i < net->frames_count; i++) {
			next_ns = net->frames[i].at_ns < next_ns ? net->frames[i].at_ns : next_ns;
		}
		for (uint32_t i = 0; i < net->tallies_count; i++) {
			next_ns = net->tallies[i].tell_at_ns < next_ns ? net->tallies[i].tell_at_ns
								       : next_ns;
		}
		/* A deadline in the past would be a busy loop in production: time moves all the
		 * same. */
		net->now_ns = next_ns > net->now_ns ? next_ns : net->now_ns + 1000U;
	}
}

void
peal_fakenet_kill(struct peal_fakenet *net, uint32_t index)
{
	uint64_t mid = net->nodes[index]->node.self.mid;

	net->nodes[index]->is_alive = false;
	for (uint32_t i = 0; i < net->nodes_count; i++) {
		struct peal_node *node = &net->nodes[i]->node;
		uint16_t rank = 0;
		uint32_t mask = 0;

		if (!net->nodes[i]->is_alive || node->group == NULL) {
			continue;
		}
		rank = peal_view_find_mid(&node->view, mid);
		if (rank == PEAL_RANK_NONE) {
			continue;
		}
		for (uint32_t k = 0; k < node->topology.observers_count; k++) {
			uint16_t other = peal_rings_observer(&node->topology, rank, k);
			uint32_t at = index_of(net, &node->view.members[other].address);

			if (at != UINT32_MAX && net->nodes[at]->is_alive) {
				mask |= 1U << k;
			}
		}
		peal_fakenet_report(net, i, rank, mask);
	}
}

bool
peal_fakenet_agrees(const struct peal_fakenet *net, uint32_t members_count)
{
	const struct peal_view *first = NULL;

	for (uint32_t i = 0; i < net->nodes_count; i++) {
		const struct peal_node *node = &net->nodes[i]->node;

		if (!net->nodes[i]->is_alive) {
			continue;
		}
		if (node->state != PEAL_NODE_MEMBER || node->view.members_count != members_count ||
			(first != NULL && !peal_hash128_equals(first->hash, node->view.hash))) {
			return false;
		}
		first = &node->view;
	}
	return first != NULL;
}

uint32_t
peal_fakenet_events(const struct peal_fakenet *net, uint32_t index, enum peal_event_kind kind)
{
	static struct peal_event events[PEAL_EVENTS_MAX];
	uint32_t found = 0;
	uint32_t count =
		peal_eventlog_read(&net->nodes[index]->node.events, 0, events, PEAL_EVENTS_MAX);

	for (uint32_t i = 0; i < count; i++) {
		found += events[i].kind == (uint8_t)kind ? 1U : 0U;
	}
	return found;
}

uint64_t
peal_fakenet_count(const struct peal_fakenet *net, enum peal_counter id)
{
	uint64_t sum = 0;

	for (uint32_t i = 0; i < net->nodes_count; i++) {
		sum += peal_counter_get(&net->nodes[i]->node.counters, id);
	}
	return sum;
}

uint32_t
peal_fakenet_sequencer(const struct peal_fakenet *net, uint32_t index, uint32_t attempt)
{
	const struct peal_node *node = &net->nodes[index]->node;
	uint16_t rank = peal_rings_elect(&node->topology, &node->view, 0, attempt);

	return index_of(net, &node->view.members[rank].address);
}

/* Until all agree; returns whether that came in time. */
bool
peal_fakenet_run_until_agreed(
	struct peal_fakenet *net, uint32_t members_count, uint64_t patience_ns)
{
	uint64_t until_ns = net->now_ns + patience_ns;

	while (net->now_ns < until_ns && !peal_fakenet_agrees(net, members_count)) {
		peal_fakenet_run(net, net->now_ns + 1000000U);
	}
	return peal_fakenet_agrees(net, members_count);
}

void
peal_fakenet_wake(struct peal_fakenet *net, uint32_t from)
{
	for (uint32_t i = from; i < net->nodes_count; i++) {
		net->nodes[i]->is_alive = true;
	}
}
