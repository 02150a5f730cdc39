/* SPDX-License-Identifier: BSD-3-Clause */
#include "tests/lib/bigcore.h"

#include "dataplane/link.h"
#include "wire/frame.h"
#include "wire/messages.h"

#include <stdlib.h>

#define START_NS    UINT64_C(1000000000)
#define PACKET_SIZE 2048U

static struct peal_aead_key no_key;

static uint32_t
receive(void *state, uint16_t queue, struct peal_packet *packets, uint32_t capacity)
{
	struct peal_bignode *node = state;
	uint32_t count = node->waiting_count < capacity ? node->waiting_count : capacity;

	(void)queue;
	for (uint32_t i = 0; i < count; i++) {
		packets[i] = node->waiting[node->waiting_first];
		node->waiting_first = (node->waiting_first + 1U) % PEAL_FAKEPORT_FRAMES_MAX;
	}
	node->waiting_count -= count;
	return count;
}

static uint32_t
allocate(void *state, uint16_t queue, struct peal_packet *packets, uint32_t count)
{
	struct peal_bignode *node = state;

	(void)queue;
	if (count > node->allocate_max) {
		return 0;
	}
	if (node->allocate_max != UINT32_MAX) {
		node->allocate_max -= count;
	}
	for (uint32_t i = 0; i < count; i++) {
		packets[i].data = malloc(PACKET_SIZE);
		PEAL_ASSERT(packets[i].data != NULL);
		packets[i].size = 0;
		packets[i].handle = packets[i].data;
	}
	return count;
}

static void
release(void *state, uint16_t queue, struct peal_packet *packets, uint32_t count)
{
	(void)state;
	(void)queue;
	for (uint32_t i = 0; i < count; i++) {
		free(packets[i].handle);
	}
}

static void
keep(struct peal_bigcores *cores, const struct peal_bigframe *frame)
{
	if (cores->sent_count == cores->sent_capacity) {
		cores->sent_capacity = cores->sent_capacity == 0 ? 256U : 2U * cores->sent_capacity;
		cores->sent = realloc(cores->sent, cores->sent_capacity * sizeof(*cores->sent));
		PEAL_ASSERT(cores->sent != NULL);
	}
	cores->sent[cores->sent_count++] = *frame;
}

static void
deliver(struct peal_bignode *node, const uint8_t *data, uint32_t size)
{
	uint32_t place = (node->waiting_first + node->waiting_count) % PEAL_FAKEPORT_FRAMES_MAX;
	uint8_t *copy = malloc(PACKET_SIZE);

	PEAL_ASSERT(copy != NULL);
	PEAL_ASSERT(node->waiting_count < PEAL_FAKEPORT_FRAMES_MAX);
	memcpy(copy, data, size);
	node->waiting[place] = (struct peal_packet){.data = copy, .size = size, .handle = copy};
	node->waiting_count++;
}

static void
carry(struct peal_bigcores *cores, const struct peal_packet *packet)
{
	const uint8_t *payload = packet->data + PEAL_UDP_OFFSET;
	struct peal_bigframe frame = {0};
	struct peal_bignode *to = NULL;
	struct peal_header header;

	if (peal_link_load16(packet->data + PEAL_LINK_TYPE_OFFSET) != PEAL_LINK_TYPE_IPV4) {
		return;
	}
	PEAL_ASSERT(peal_frame_decode(payload, packet->size - PEAL_UDP_OFFSET, &header) ==
		    PEAL_REFUSAL_NONE);
	if (peal_message_family(header.kind) == PEAL_FAMILY_LIVENESS && !cores->has_liveness) {
		return;
	}
	frame.from = header.src;
	frame.to = header.dst;
	frame.kind = header.kind;
	frame.body_size = header.body_size;
	memcpy(frame.body, payload + PEAL_HEADER_SIZE, header.body_size);
	if (cores->filter != NULL && !cores->filter(cores->filter_state, &frame)) {
		return;
	}
	cores->frames_count++;
	to = frame.to == 0 ? NULL : cores->nodes[frame.to - 1U];
	if (to != NULL) {
		deliver(to, packet->data, packet->size);
	} else {
		keep(cores, &frame);
	}
}

static uint32_t
transmit(void *state, uint16_t queue, struct peal_packet *packets, uint32_t count)
{
	struct peal_bignode *node = state;

	for (uint32_t i = 0; i < count; i++) {
		carry(node->owner, &packets[i]);
	}
	release(state, queue, packets, count);
	return count;
}

static void
derive(void *state, struct peal_uuid cluster, struct peal_uuid uuid, struct peal_aead_key *key_out)
{
	/* The profile without secrets has empty keys. */
	(void)state;
	(void)cluster;
	(void)uuid;
	(void)key_out;
}

struct peal_bigcores *
peal_bigcores_create(uint16_t members_count, uint64_t seed)
{
	struct peal_bigcores *cores = calloc(1, sizeof(*cores));

	PEAL_ASSERT(cores != NULL);
	cores->now_ns = START_NS;
	PEAL_ASSERT(peal_timing_find("dpdk", &cores->timing));
	cores->store = peal_teststore_create(members_count + 64U);
	cores->group = peal_teststore_group(cores->store, members_count, seed);
	return cores;
}

void
peal_bigcores_destroy(struct peal_bigcores *cores)
{
	for (uint32_t i = 0; i < PEAL_MEMBERS_MAX; i++) {
		struct peal_bignode *node = cores->nodes[i];

		if (node == NULL) {
			continue;
		}
		for (; node->waiting_count > 0; node->waiting_count--) {
			free(node->waiting[node->waiting_first].handle);
			node->waiting_first = (node->waiting_first + 1U) % PEAL_FAKEPORT_FRAMES_MAX;
		}
		peal_core_fini(&node->core);
		peal_install_fini(&node->install);
		free(node);
	}
	peal_teststore_destroy(cores->store);
	free(cores->sent);
	free(cores);
}

struct peal_bignode *
peal_bigcores_start(struct peal_bigcores *cores, uint16_t rank)
{
	static const struct peal_port_ops ops = {
		.receive = receive, .allocate = allocate, .transmit = transmit, .release = release};
	const struct peal_member *member = &cores->group->view.members[rank];
	size_t size = (sizeof(struct peal_bignode) + 63U) / 64U * 64U;
	struct peal_bignode *node = aligned_alloc(64, size);
	struct peal_core_config config = {.timing = &cores->timing,
		.aead = peal_aead_none,
		.pre_key = no_key,
		.cluster_name = PEAL_FAKECORE_CLUSTER_NAME,
		.address = member->address,
		.seed = {rank, 2, 3, 4}};

	PEAL_ASSERT(node != NULL);
	PEAL_ASSERT(cores->nodes[member->mid - 1U] == NULL);
	memset(node, 0, size);
	/* A core makes do with memory that holds anything. */
	memset((void *)&node->core, 0xA5, sizeof(node->core));
	node->owner = cores;
	node->mid = member->mid;
	node->allocate_max = UINT32_MAX;
	node->down.capacity = PEAL_PLANE_RECORDS_MAX;
	node->up.capacity = PEAL_PLANE_RECORDS_MAX;
	node->plane.down = peal_fakering_plane(&node->down);
	node->plane.up = peal_fakering_plane(&node->up);
	node->plane.down_buffers = node->down_buffers;
	node->plane.up_buffers = node->up_buffers;
	config.plane = &node->plane;
	config.port =
		(struct peal_port){.ops = &ops, .state = node, .packet_size_max = PACKET_SIZE};
	memcpy(config.port.mac, member->address.mac, sizeof(config.port.mac));
	peal_core_init(&node->core, &config, cores->now_ns);
	peal_install_init(&node->install, derive, NULL, cores->store->groups);
	cores->nodes[member->mid - 1U] = node;
	peal_bigcores_install(cores, node, cores->group, NULL, 0);
	return node;
}

void
peal_bigcores_install(struct peal_bigcores *cores, struct peal_bignode *node,
	const struct peal_group *group, const uint64_t *guests, uint32_t guests_count)
{
	struct peal_install_args args = {.group = group,
		.self_rank = peal_view_find_mid(&group->view, node->mid),
		.new_mid = group->view.next_mid,
		.guests = guests,
		.guests_count = guests_count};
	struct peal_record record = {.kind = PEAL_RECORD_VIEW, .epoch = group->view.epoch};

	do {
		record.peers = peal_install_publish(&node->install, &args);
		PEAL_ASSERT(record.peers != NULL);
		record.generation = record.peers->generation;
		peal_bigcores_push(node, &record);
		peal_bigcores_turn(cores, node);
		PEAL_ASSERT(peal_bigcores_drain(node, PEAL_RECORD_VIEW_DONE) == 1);
		peal_install_on_view_done(&node->install, record.generation);
	} while (node->install.is_pending);
	cores->group = group;
}

void
peal_bigcores_turn(struct peal_bigcores *cores, struct peal_bignode *node)
{
	peal_core_turn(&node->core, cores->now_ns);
}

void
peal_bigcores_turn_all(struct peal_bigcores *cores)
{
	for (uint32_t i = 0; i < PEAL_MEMBERS_MAX; i++) {
		if (cores->nodes[i] != NULL) {
			peal_bigcores_turn(cores, cores->nodes[i]);
		}
	}
}

void
peal_bigcores_run(struct peal_bigcores *cores, uint64_t until_ns, uint64_t step_ns)
{
	while (cores->now_ns < until_ns) {
		cores->now_ns += step_ns;
		peal_bigcores_turn_all(cores);
	}
}

void
peal_bigcores_inject(struct peal_bigcores *cores, uint64_t from, struct peal_bignode *to,
	uint8_t kind, const uint8_t *body, uint16_t size)
{
	const struct peal_peers *peers = to->core.peers;
	const struct peal_address *address = &peers->view->members[peers->self_rank].address;
	uint8_t packet[PACKET_SIZE] = {0};
	uint8_t *payload = packet + PEAL_UDP_OFFSET;
	uint32_t payload_size = PEAL_HEADER_SIZE + size + PEAL_TRAILER_SIZE;
	uint8_t nonce[PEAL_AEAD_NONCE_SIZE];
	const struct peal_header header = {.kind = kind,
		.key_id = peal_aead_none.key_id,
		.body_size = size,
		.cluster = peers->cluster,
		.src = (uint32_t)from,
		.dst = (uint32_t)to->mid,
		.epoch = (uint32_t)cores->group->view.epoch,
		.counter = ++cores->counters[from - 1U]};

	PEAL_ASSERT(cores->nodes[from - 1U] == NULL);
	memcpy(packet + PEAL_LINK_DST_OFFSET, address->mac, sizeof(address->mac));
	peal_link_store16(packet + PEAL_LINK_TYPE_OFFSET, PEAL_LINK_TYPE_IPV4);
	packet[PEAL_IPV4_OFFSET] = PEAL_IPV4_VERSION_AND_SIZE;
	peal_link_store16(packet + PEAL_IPV4_LENGTH_OFFSET,
		(uint16_t)(PEAL_IPV4_HEADER_SIZE + PEAL_UDP_HEADER_SIZE + payload_size));
	packet[PEAL_IPV4_PROTOCOL_OFFSET] = PEAL_IPV4_PROTOCOL_UDP;
	peal_link_store32(packet + PEAL_IPV4_DST_OFFSET, address->ipv4);
	peal_link_seal_ipv4(packet + PEAL_IPV4_OFFSET);
	peal_link_store16(packet + PEAL_UDP_DST_OFFSET, address->port);
	peal_link_store16(
		packet + PEAL_UDP_LENGTH_OFFSET, (uint16_t)(PEAL_UDP_HEADER_SIZE + payload_size));
	peal_frame_encode(&header, payload);
	peal_frame_nonce(payload, nonce);
	memcpy(payload + PEAL_HEADER_SIZE, body, size);
	peal_aead_none.seal(NULL, &no_key, nonce, payload, PEAL_HEADER_SIZE,
		payload + PEAL_HEADER_SIZE, size, payload + PEAL_HEADER_SIZE + size);
	deliver(to, packet, PEAL_UDP_OFFSET + payload_size);
}

bool
peal_bigcores_take(struct peal_bigcores *cores, struct peal_bigframe *frame_out)
{
	if (cores->sent_first == cores->sent_count) {
		cores->sent_first = 0;
		cores->sent_count = 0;
		return false;
	}
	*frame_out = cores->sent[cores->sent_first++];
	return true;
}

uint32_t
peal_bigcores_drain_sent(struct peal_bigcores *cores, uint8_t kind)
{
	struct peal_bigframe frame;
	uint32_t count = 0;

	while (peal_bigcores_take(cores, &frame)) {
		count += frame.kind == kind ? 1U : 0U;
	}
	return count;
}

void
peal_bigcores_push(struct peal_bignode *node, const struct peal_record *record)
{
	PEAL_ASSERT(node->plane.down.push(node->plane.down.state, record, 1) == 1);
}

bool
peal_bigcores_find(
	struct peal_bignode *node, enum peal_record_kind kind, struct peal_record *record_out)
{
	while (node->plane.up.pop(node->plane.up.state, record_out, 1) == 1) {
		const struct peal_record done = {
			.kind = PEAL_RECORD_FRAME_DONE, .buffer = record_out->buffer};

		if (record_out->kind == PEAL_RECORD_FRAME ||
			record_out->kind == PEAL_RECORD_TALLY) {
			peal_bigcores_push(node, &done);
		}
		if (record_out->kind == (uint8_t)kind) {
			return true;
		}
	}
	return false;
}

uint32_t
peal_bigcores_drain(struct peal_bignode *node, enum peal_record_kind kind)
{
	struct peal_record record;
	uint32_t count = 0;

	while (peal_bigcores_find(node, kind, &record)) {
		count++;
	}
	return count;
}

uint16_t
peal_bigcores_write(const struct peal_bigcores *cores, struct peal_flood_prefix prefix,
	const uint8_t *body, uint16_t size, uint8_t out[PEAL_BODY_SIZE_MAX])
{
	struct peal_writer writer = peal_writer_init(out, PEAL_BODY_SIZE_MAX);

	prefix.view_tag = peal_view_tag(&cores->group->view);
	peal_flood_prefix_encode(&prefix, &writer);
	peal_write_bytes(&writer, body, size);
	PEAL_ASSERT(writer.is_ok);
	return (uint16_t)writer.offset;
}

void
peal_bigcores_flood(struct peal_bigcores *cores, struct peal_bignode *node, uint8_t kind,
	uint32_t origin_seq, const uint8_t *body, uint16_t size)
{
	const struct peal_flood_prefix prefix = {
		.origin = (uint32_t)node->mid, .origin_seq = origin_seq};
	struct peal_record record = {.kind = PEAL_RECORD_SEND,
		.message = kind,
		.target = PEAL_TARGET_ALL,
		.epoch = cores->group->view.epoch};

	record.body_size =
		peal_bigcores_write(cores, prefix, body, size, node->down_buffers[record.buffer]);
	peal_bigcores_push(node, &record);
}

uint64_t
peal_bigcores_counter(const struct peal_bignode *node, enum peal_counter id)
{
	return peal_counter_get(&node->core.counters, id);
}

static bool
lose_some(void *state, const struct peal_bigframe *frame)
{
	struct peal_biglosses *losses = state;

	(void)frame;
	return peal_prng_below(&losses->prng, 100) >= losses->percent;
}

void
peal_bigcores_lose(
	struct peal_bigcores *cores, struct peal_biglosses *losses, uint32_t percent, uint64_t seed)
{
	peal_prng_init(&losses->prng, seed);
	losses->percent = percent;
	cores->filter = lose_some;
	cores->filter_state = losses;
}
