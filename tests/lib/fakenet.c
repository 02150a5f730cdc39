/* SPDX-License-Identifier: BSD-3-Clause */
#include "tests/lib/fakenet.h"

#include "base/assert.h"
#include "base/hash.h"
#include "wire/flood_msg.h"
#include "wire/messages.h"

#include <stdlib.h>
#include <string.h>

#define FRAMES_MAX 4096U

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

	memset(fake, 0, sizeof(*fake));
	fake->plane.down = (struct peal_plane_ring){.push = push_down, .state = fake};
	fake->plane.up = (struct peal_plane_ring){.pop = pop_up, .state = fake};
	fake->plane.down_buffers = fake->down_buffers;
	fake->plane.up_buffers = fake->up_buffers;
	for (uint16_t i = 0; i < PEAL_PLANE_BUFFERS_MAX; i++) {
		fake->up_free[fake->up_free_count++] = i;
	}
	place->is_alive = true;
	peal_node_init(&place->node, config, &fake->plane, net->now_ns);
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
	net->now_ns = 1000000000U;
	net->nodes_count = nodes_count;
	for (uint32_t i = 0; i < nodes_count; i++) {
		struct peal_node_config config = peal_fakenet_config(net, i, seeds_count, expect);

		net->nodes[i] = aligned_alloc(64, (sizeof(struct peal_fakenode) + 63U) / 64U * 64U);
		PEAL_ASSERT(net->nodes[i] != NULL);
		peal_fakenet_start(net, i, &config);
	}
	return net;
}

void
peal_fakenet_destroy(struct peal_fakenet *net)
{
	for (uint32_t i = 0; i < net->nodes_count; i++) {
		free(net->nodes[i]);
	}
	free(net->frames);
	free(net);
}

static void
post(struct peal_fakenet *net, uint32_t from, uint32_t to, const struct peal_record *send,
	const uint8_t *body)
{
	const struct peal_node *sender = &net->nodes[from]->node;
	const struct peal_peers *peers = net->nodes[from]->fake.peers;
	struct peal_fakeframe *frame = &net->frames[net->frames_count];

	if (net->filter != NULL && net->filter(net->filter_state, from, to, send->message)) {
		return;
	}
	PEAL_ASSERT(net->frames_count < FRAMES_MAX);
	net->frames_count++;
	*frame = (struct peal_fakeframe){.at_ns = net->now_ns + PEAL_FAKENET_DELAY_NS, .to = to};
	frame->record = (struct peal_record){.kind = PEAL_RECORD_FRAME,
		.message = send->message,
		.body_size = send->body_size,
		.slot = PEAL_SLOT_NONE,
		.address = sender->config.address};
	if (send->target != PEAL_TARGET_ADDRESS) {
		frame->record.mid = peers->self_mid;
		frame->record.epoch = peers->epoch;
	}
	memcpy(frame->body, body, send->body_size);
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
carry_out_send(struct peal_fakenet *net, uint32_t from, const struct peal_record *send)
{
	struct peal_fakeplane *fake = &net->nodes[from]->fake;
	const uint8_t *body = fake->down_buffers[send->buffer];
	const struct peal_peers *peers = fake->peers;
	struct peal_record done = {.kind = PEAL_RECORD_SEND_DONE, .buffer = send->buffer};
	uint32_t to = 0;

	if (send->target == PEAL_TARGET_ADDRESS) {
		to = index_of(net, &send->address);
		if (to != UINT32_MAX) {
			post(net, from, to, send, body);
		}
	} else if (send->target == PEAL_TARGET_SLOT) {
		PEAL_ASSERT(peers->peers[send->slot].mid == send->mid);
		to = index_of(net, &peers->peers[send->slot].address);
		post(net, from, to, send, body);
	} else {
		for (uint32_t rank = 0; rank < peers->members_count; rank++) {
			if (rank != peers->self_rank) {
				to = index_of(net, &peers->peers[peers->slots[rank]].address);
				post(net, from, to, send, body);
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
			done.generation = record.generation;
			push_up(fake, &done);
		} else if (record.kind == PEAL_RECORD_SEND) {
			carry_out_send(net, index, &record);
		} else if (record.kind == PEAL_RECORD_FRAME_DONE) {
			fake->up_free[fake->up_free_count++] = record.buffer;
		} else if (record.kind == PEAL_RECORD_REPORT) {
			fake->reports_count++;
		}
	}
}

static void
deliver_due(struct peal_fakenet *net)
{
	uint32_t kept = 0;

	for (uint32_t i = 0; i < net->frames_count; i++) {
		struct peal_fakeframe *frame = &net->frames[i];
		struct peal_fakenode *to = net->nodes[frame->to];
		const struct peal_peers *peers = to->fake.peers;
		bool is_family0 = peal_message_family(frame->record.message) == PEAL_FAMILY_JOIN;

		if (frame->at_ns > net->now_ns) {
			net->frames[kept++] = *frame;
			continue;
		}
		/* A core passes up what it can open: family 0, or a peer of its table. */
		if (!to->is_alive || to->fake.up_free_count == 0 ||
			(!is_family0 &&
				(peers == NULL || peers->epoch == 0 ||
					peal_peers_find(peers, (uint32_t)frame->record.mid) ==
						PEAL_SLOT_NONE))) {
			continue;
		}
		frame->record.buffer = to->fake.up_free[--to->fake.up_free_count];
		memcpy(to->fake.up_buffers[frame->record.buffer], frame->body,
			frame->record.body_size);
		push_up(&to->fake, &frame->record);
	}
	net->frames_count = kept;
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
		}
	}
}

void
peal_fakenet_run(struct peal_fakenet *net, uint64_t until_ns)
{
	while (net->now_ns < until_ns) {
		uint64_t next_ns = until_ns;

		deliver_due(net);
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
			uint64_t deadline_at_ns = peal_node_deadline_at_ns(&net->nodes[i]->node);

			if (net->nodes[i]->is_alive && net->nodes[i]->fake.up_count > 0) {
				next_ns = net->now_ns;
			} else if (net->nodes[i]->is_alive && deadline_at_ns < next_ns) {
				next_ns = deadline_at_ns;
			}
		}
		for (uint32_t i = 0; i < net->frames_count; i++) {
			next_ns = net->frames[i].at_ns < next_ns ? net->frames[i].at_ns : next_ns;
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
		uint16_t rank = peal_view_find_mid(&node->view, mid);
		uint32_t mask = 0;

		if (!net->nodes[i]->is_alive || rank == PEAL_RANK_NONE) {
			continue;
		}
		for (uint32_t other = 0; other < node->view.members_count; other++) {
			uint32_t at = index_of(net, &node->view.members[other].address);

			if (at != UINT32_MAX && net->nodes[at]->is_alive) {
				mask |= peal_rings_mask(&node->topology, other, rank);
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
