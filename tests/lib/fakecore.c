/* SPDX-License-Identifier: BSD-3-Clause */
#include "tests/lib/fakecore.h"

#include "base/hash.h"
#include "dataplane/link.h"
#include "wire/crypto/aead_open.h"
#include "wire/frame.h"
#include "wire/messages.h"

#include <stdlib.h>

#define START_NS UINT64_C(1000000000)

static uint32_t
push_ring(void *state, const struct peal_record *records, uint32_t count)
{
	struct peal_fakering *ring = state;

	if (ring->count + count > ring->capacity) {
		return 0;
	}
	for (uint32_t i = 0; i < count; i++) {
		ring->records[(ring->first + ring->count++) % PEAL_PLANE_RECORDS_MAX] = records[i];
	}
	return count;
}

static uint32_t
pop_ring(void *state, struct peal_record *records, uint32_t capacity)
{
	struct peal_fakering *ring = state;
	uint32_t count = ring->count < capacity ? ring->count : capacity;

	for (uint32_t i = 0; i < count; i++) {
		records[i] = ring->records[ring->first];
		ring->first = (ring->first + 1U) % PEAL_PLANE_RECORDS_MAX;
	}
	ring->count -= count;
	return count;
}

struct peal_plane_ring
peal_fakering_plane(struct peal_fakering *ring)
{
	return (struct peal_plane_ring){.push = push_ring, .pop = pop_ring, .state = ring};
}

static struct peal_fakecores_link link_now;

void
peal_fakecores_set_link(const struct peal_fakecores_link *link)
{
	link_now = *link;
}

struct peal_address
peal_fakecores_address(uint32_t index)
{
	if (link_now.is_ipv6) {
		return (struct peal_address){.ipv6_head = UINT64_C(0xFD00) << 48,
			.ipv4 = 1U + index,
			.port = PEAL_FAKECORE_PORT,
			.mac = {0x02, 0, 0, 0, 0, (uint8_t)(index + 1U)}};
	}
	return (struct peal_address){.ipv4 = 0x0A000001U + index,
		.port = PEAL_FAKECORE_PORT,
		.mac = {0x02, 0, 0, 0, 0, (uint8_t)(index + 1U)}};
}

uint32_t
peal_fakecores_view_tag(uint64_t epoch)
{
	return 0x5EED0000U + (uint32_t)epoch;
}

static void
create_node(struct peal_fakecores *cores, uint32_t index)
{
	size_t size = (sizeof(struct peal_fakecore) + 63U) / 64U * 64U;
	struct peal_fakecore *node = aligned_alloc(64, size);
	uint8_t raw[PEAL_AEAD_RAW_KEY_SIZE] = {(uint8_t)(index + 1U)};
	struct peal_core_config config = {.port = cores->wire->ports[index].port,
		.timing = &cores->timing,
		.aead = cores->aead,
		.pre_key = cores->pre_key,
		.cluster_name = PEAL_FAKECORE_CLUSTER_NAME,
		.address = peal_fakecores_address(index),
		.vlan = link_now.vlan,
		.route = link_now.route,
		.seed = {index, 2, 3, 4}};

	PEAL_ASSERT(node != NULL);
	memset(node, 0, size);
	cores->nodes[index] = node;
	node->mid = index + 1U;
	node->is_running = true;
	node->down.capacity = PEAL_PLANE_RECORDS_MAX;
	node->up.capacity = PEAL_PLANE_RECORDS_MAX;
	cores->aead.expand(cores->aead.state, raw, &node->key);
	node->plane.down = peal_fakering_plane(&node->down);
	node->plane.up = peal_fakering_plane(&node->up);
	node->plane.down_buffers = node->down_buffers;
	node->plane.up_buffers = node->up_buffers;
	config.plane = &node->plane;
	peal_core_init(&node->core, &config, cores->now_ns);
}

struct peal_fakecores *
peal_fakecores_create(uint32_t count, const char *aead_name)
{
	struct peal_fakecores *cores = aligned_alloc(64, (sizeof(*cores) + 63U) / 64U * 64U);
	uint8_t raw[PEAL_AEAD_RAW_KEY_SIZE] = {0xEE};

	PEAL_ASSERT(cores != NULL);
	memset(cores, 0, sizeof(*cores));
	cores->now_ns = START_NS;
	cores->count = count;
	cores->wire = peal_fakeswitch_create(count);
	PEAL_ASSERT(peal_aead_open(aead_name, &cores->aead));
	PEAL_ASSERT(peal_timing_find("dpdk", &cores->timing));
	cores->aead.expand(cores->aead.state, raw, &cores->pre_key);
	for (uint32_t i = 0; i < count; i++) {
		create_node(cores, i);
	}
	return cores;
}

struct peal_fakecores *
peal_fakecores_create_view(uint32_t count, const char *aead_name)
{
	struct peal_fakecores *cores = peal_fakecores_create(count, aead_name);

	for (uint32_t i = 0; i < count; i++) {
		peal_fakecores_install(cores, i, PEAL_FAKECORE_EPOCH, (1U << count) - 1U, 0);
		PEAL_ASSERT(peal_fakecores_drain(cores, i, PEAL_RECORD_VIEW_DONE) == 1);
	}
	return cores;
}

void
peal_fakecores_destroy(struct peal_fakecores *cores)
{
	for (uint32_t i = 0; i < cores->count; i++) {
		peal_core_fini(&cores->nodes[i]->core);
		free(cores->nodes[i]);
	}
	peal_fakeswitch_destroy(cores->wire);
	peal_aead_close(&cores->aead);
	free(cores);
}

/* Everybody observes everybody, in the order of ranks. */
static void
fill_mesh(struct peal_fakeview *fake)
{
	uint32_t count = fake->view.members_count;
	uint32_t observers_count = count > 0 ? count - 1U : 0;

	for (uint32_t subject = 0; subject < count; subject++) {
		uint32_t k = 0;

		for (uint32_t rank = 0; rank < count; rank++) {
			if (rank != subject) {
				fake->observers[subject * observers_count + k] = (uint16_t)rank;
				fake->subjects[subject * observers_count + k++] = (uint16_t)rank;
			}
		}
		fake->subject_starts[subject + 1U] = (subject + 1U) * observers_count;
		fake->ring[subject] = (uint16_t)subject;
	}
	fake->topology = (struct peal_topology){.members_count = (uint16_t)count,
		.observers_count = (uint8_t)observers_count,
		.rings_count = 1,
		.observers = fake->observers,
		.subjects = fake->subjects,
		.subject_starts = fake->subject_starts,
		.ring_ranks = fake->ring,
		.ring_places = fake->ring};
}

/* The place of node `i` in the table of node `index`. */
static void
add_peer(struct peal_fakecores *cores, uint32_t index, uint32_t i, bool is_member,
	struct peal_peers *peers, struct peal_fakeview *fake)
{
	bool is_subject = is_member && i != index;

	peers->peers[i] = (struct peal_peer){.mid = cores->nodes[i]->mid,
		.rank = is_member ? peers->members_count : PEAL_RANK_NONE,
		.is_subject = is_subject,
		.address = peal_fakecores_address(i),
		.key = &cores->nodes[i]->key};
	if (!is_member) {
		return;
	}
	fake->members[peers->members_count] =
		(struct peal_member){.uuid = {.low = cores->nodes[i]->mid, .high = 1},
			.mid = cores->nodes[i]->mid,
			.address = peal_fakecores_address(i),
			.shards_count = 1};
	if (i == index) {
		peers->self_rank = peers->members_count;
	} else {
		peers->neighbours[peers->neighbours_count++] = (uint16_t)i;
		peers->subjects[peers->subjects_count++] = (uint16_t)i;
		peers->observers_slots[peers->observers_slots_count++] = (uint16_t)i;
	}
	peers->members_count++;
	if (peers->next_mid <= cores->nodes[i]->mid) {
		peers->next_mid = cores->nodes[i]->mid + 1U;
	}
}

struct peal_peers *
peal_fakecores_make_view(struct peal_fakecores *cores, uint32_t index, uint64_t epoch,
	uint32_t members, uint32_t departed)
{
	struct peal_fakecore *self = cores->nodes[index];
	struct peal_peers *peers = &self->peers[++self->generation % 2U];
	struct peal_fakeview *fake = &self->views[self->generation % 2U];

	memset(peers, 0, sizeof(*peers));
	memset(fake, 0, sizeof(*fake));
	peers->generation = self->generation;
	peers->cluster = PEAL_FAKECORE_CLUSTER;
	peers->epoch = epoch;
	peers->view_tag = peal_fakecores_view_tag(epoch);
	peers->self_mid = self->mid;
	peers->self_key = &self->key;
	peers->view = &fake->view;
	peers->topology = &fake->topology;
	for (uint32_t i = 0; i < cores->count; i++) {
		bool is_member = (members >> i & 1U) != 0;

		if (is_member || (departed >> i & 1U) != 0) {
			add_peer(cores, index, i, is_member, peers, fake);
		}
	}
	fake->view = (struct peal_view){.epoch = epoch,
		.next_mid = peers->next_mid,
		.members_count = peers->members_count,
		.members = fake->members};
	fill_mesh(fake);
	peers->observers_count = fake->topology.observers_count;
	return peers;
}

void
peal_fakecores_push_view(struct peal_fakecores *cores, uint32_t index, struct peal_peers *peers)
{
	const struct peal_record record = {.kind = PEAL_RECORD_VIEW,
		.generation = peers->generation,
		.epoch = peers->epoch,
		.peers = peers};

	peal_peers_index(peers);
	peal_fakecores_push(cores, index, &record);
}

void
peal_fakecores_install(struct peal_fakecores *cores, uint32_t index, uint64_t epoch,
	uint32_t members, uint32_t departed)
{
	peal_fakecores_push_view(
		cores, index, peal_fakecores_make_view(cores, index, epoch, members, departed));
	peal_fakecores_turn(cores, index);
}

uint32_t
peal_fakecores_turn(struct peal_fakecores *cores, uint32_t index)
{
	return peal_core_turn(&cores->nodes[index]->core, cores->now_ns);
}

void
peal_fakecores_turn_all(struct peal_fakecores *cores)
{
	for (uint32_t i = 0; i < cores->count; i++) {
		if (cores->nodes[i]->is_running) {
			peal_fakecores_turn(cores, i);
		}
	}
}

void
peal_fakecores_run(struct peal_fakecores *cores, uint64_t until_ns, uint64_t step_ns)
{
	while (cores->now_ns < until_ns) {
		cores->now_ns += step_ns;
		peal_fakecores_turn_all(cores);
	}
}

void
peal_fakecores_push(struct peal_fakecores *cores, uint32_t index, const struct peal_record *record)
{
	PEAL_ASSERT(push_ring(&cores->nodes[index]->down, record, 1) == 1);
}

bool
peal_fakecores_pop(struct peal_fakecores *cores, uint32_t index, struct peal_record *record_out)
{
	return pop_ring(&cores->nodes[index]->up, record_out, 1) == 1;
}

static void
give_back(struct peal_fakecores *cores, uint32_t index, const struct peal_record *record)
{
	const struct peal_record done = {.kind = PEAL_RECORD_FRAME_DONE, .buffer = record->buffer};

	if (record->kind == PEAL_RECORD_FRAME || record->kind == PEAL_RECORD_TALLY) {
		peal_fakecores_push(cores, index, &done);
	}
}

bool
peal_fakecores_find(struct peal_fakecores *cores, uint32_t index, enum peal_record_kind kind,
	struct peal_record *record_out)
{
	while (peal_fakecores_pop(cores, index, record_out)) {
		give_back(cores, index, record_out);
		if (record_out->kind == (uint8_t)kind) {
			return true;
		}
	}
	return false;
}

uint32_t
peal_fakecores_drain(struct peal_fakecores *cores, uint32_t index, enum peal_record_kind kind)
{
	struct peal_record record;
	uint32_t count = 0;

	while (peal_fakecores_pop(cores, index, &record)) {
		give_back(cores, index, &record);
		count += record.kind == (uint8_t)kind ? 1U : 0U;
	}
	return count;
}

void
peal_fakecores_send(struct peal_fakecores *cores, uint32_t index, struct peal_record record,
	uint16_t buffer, const void *body, uint16_t size)
{
	memcpy(cores->nodes[index]->down_buffers[buffer], body, size);
	record.kind = PEAL_RECORD_SEND;
	record.buffer = buffer;
	record.body_size = size;
	peal_fakecores_push(cores, index, &record);
}

uint64_t
peal_fakecores_counter(const struct peal_fakecores *cores, uint32_t index, enum peal_counter id)
{
	return peal_counter_get(&cores->nodes[index]->core.counters, id);
}

uint64_t
peal_fakecores_digest(const struct peal_fakecores *cores, uint32_t index)
{
	const struct peal_fakecore *node = cores->nodes[index];
	const struct peal_core *core = &node->core;
	uint64_t digest = 0;

	digest = peal_hash64(core->ingress.peers, sizeof(core->ingress.peers), digest);
	digest = peal_hash64(core->egress.peers, sizeof(core->egress.peers), digest);
	digest = peal_hash64(&core->egress.transaction, sizeof(core->egress.transaction), digest);
	digest = peal_hash64(&core->heartbeat, sizeof(core->heartbeat), digest);
	digest = peal_hash64(&core->alertbatch, sizeof(core->alertbatch), digest);
	digest = peal_hash64(&core->flood, sizeof(core->flood), digest);
	digest = peal_hash64(&core->votetree, sizeof(core->votetree), digest);
	digest = peal_hash64(&core->streamer, sizeof(core->streamer), digest);
	digest = peal_hash64(&core->echo, sizeof(core->echo), digest);
	digest = peal_hash64(&core->neighbour, sizeof(core->neighbour), digest);
	digest = peal_hash64(&core->uplink, sizeof(core->uplink), digest);
	digest = peal_hash64(&core->hold.count, sizeof(core->hold.count), digest);
	digest = peal_hash64(&node->up.count, sizeof(node->up.count), digest);
	digest = peal_hash64(node->plane.heard_at_ns, sizeof(node->plane.heard_at_ns), digest);
	return peal_hash64(node->plane.echoed_at_ns, sizeof(node->plane.echoed_at_ns), digest);
}

struct peal_header
peal_fakecores_header(struct peal_fakecores *cores, uint32_t from, uint32_t to, uint8_t kind)
{
	struct peal_header header = {.kind = kind,
		.key_id = cores->aead.key_id,
		.cluster = PEAL_FAKECORE_CLUSTER,
		.src = (uint32_t)cores->nodes[from]->mid,
		.dst = (uint32_t)cores->nodes[to]->mid,
		.epoch = PEAL_FAKECORE_EPOCH,
		.counter = ++cores->nodes[from]->core.egress.peers[to].counter};

	if (peal_message_family(kind) == PEAL_FAMILY_JOIN) {
		header.cluster = PEAL_FAKECORE_CLUSTER_NAME;
		memset(header.random, (int)(header.counter & 0xFFU), sizeof(header.random));
	}
	return header;
}

static void
write_link(uint32_t from, uint32_t to, uint32_t payload_size, uint8_t *packet)
{
	struct peal_address source = peal_fakecores_address(from);
	struct peal_address target = peal_fakecores_address(to);

	if (link_now.is_ipv6 || link_now.vlan != 0) {
		struct peal_headers headers;
		struct peal_headers_target aimed;

		peal_headers_init(&headers, &source, link_now.vlan);
		aimed = peal_headers_aim(&headers, &target, target.mac);
		peal_headers_write(&headers, &aimed, payload_size, packet);
		return;
	}
	memset(packet, 0, PEAL_UDP_OFFSET);
	memcpy(packet + PEAL_LINK_DST_OFFSET, target.mac, sizeof(target.mac));
	memcpy(packet + PEAL_LINK_SRC_OFFSET, source.mac, sizeof(source.mac));
	peal_link_store16(packet + PEAL_LINK_TYPE_OFFSET, PEAL_LINK_TYPE_IPV4);
	packet[PEAL_IPV4_OFFSET] = PEAL_IPV4_VERSION_AND_SIZE;
	peal_link_store16(packet + PEAL_IPV4_LENGTH_OFFSET,
		(uint16_t)(PEAL_IPV4_HEADER_SIZE + PEAL_UDP_HEADER_SIZE + payload_size));
	packet[PEAL_IPV4_TTL_OFFSET] = PEAL_IPV4_TTL;
	packet[PEAL_IPV4_PROTOCOL_OFFSET] = PEAL_IPV4_PROTOCOL_UDP;
	peal_link_store32(packet + PEAL_IPV4_SRC_OFFSET, source.ipv4);
	peal_link_store32(packet + PEAL_IPV4_DST_OFFSET, target.ipv4);
	peal_link_seal_ipv4(packet + PEAL_IPV4_OFFSET);
	peal_link_store16(packet + PEAL_UDP_SRC_OFFSET, source.port);
	peal_link_store16(packet + PEAL_UDP_DST_OFFSET, target.port);
	peal_link_store16(
		packet + PEAL_UDP_LENGTH_OFFSET, (uint16_t)(PEAL_UDP_HEADER_SIZE + payload_size));
}

uint32_t
peal_fakecores_seal(const struct peal_fakecores *cores, uint32_t from, uint32_t to,
	struct peal_header *header, const void *body, uint16_t body_size, uint8_t *packet_out)
{
	const struct peal_aead *aead = &cores->aead;
	bool is_join = peal_message_family(header->kind) == PEAL_FAMILY_JOIN;
	uint32_t payload_size = PEAL_HEADER_SIZE + body_size + PEAL_TRAILER_SIZE;
	uint8_t *payload;
	uint8_t nonce[PEAL_AEAD_NONCE_SIZE];

	header->body_size = body_size;
	write_link(from, to, payload_size, packet_out);
	payload = packet_out + peal_headers_measure(packet_out);
	peal_frame_encode(header, payload);
	peal_frame_nonce(payload, nonce);
	memcpy(payload + PEAL_HEADER_SIZE, body, body_size);
	aead->seal(aead->state, is_join ? &cores->pre_key : &cores->nodes[from]->key, nonce,
		payload, PEAL_HEADER_SIZE, payload + PEAL_HEADER_SIZE, body_size,
		payload + PEAL_HEADER_SIZE + body_size);
	return (uint32_t)(payload - packet_out) + payload_size;
}

void
peal_fakecores_inject(struct peal_fakecores *cores, uint32_t from, uint32_t to,
	struct peal_header *header, const void *body, uint16_t body_size)
{
	uint8_t packet[PEAL_FAKEPORT_FRAME_SIZE_MAX];
	uint32_t size = peal_fakecores_seal(cores, from, to, header, body, body_size, packet);

	peal_fakeswitch_inject(cores->wire, to, packet, size);
}

void
peal_fakecores_inject_liveness(struct peal_fakecores *cores, uint32_t from, uint32_t to,
	uint8_t kind, uint64_t epoch, const struct peal_liveness_msg *message)
{
	struct peal_header header = peal_fakecores_header(cores, from, to, kind);
	struct peal_liveness_msg copy = *message;
	uint8_t body[PEAL_LIVENESS_BODY_SIZE];

	header.epoch = (uint32_t)epoch;
	copy.view_tag = peal_fakecores_view_tag(epoch);
	peal_liveness_msg_encode(&copy, body);
	peal_fakecores_inject(cores, from, to, &header, body, sizeof(body));
}

struct peal_header
peal_fakecores_open_last(
	const struct peal_fakecores *cores, uint32_t from, uint8_t body_out[PEAL_BODY_SIZE_MAX])
{
	const struct peal_aead *aead = &cores->aead;
	const struct peal_fakeport *port = &cores->wire->ports[from];
	const uint32_t offset = peal_headers_measure(port->last);
	const uint8_t *payload = port->last + offset;
	uint8_t nonce[PEAL_AEAD_NONCE_SIZE];
	struct peal_header header;

	PEAL_ASSERT(port->last_size > offset);
	PEAL_ASSERT(
		peal_frame_decode(payload, port->last_size - offset, &header) == PEAL_REFUSAL_NONE);

	bool is_join = peal_message_family(header.kind) == PEAL_FAMILY_JOIN;

	peal_frame_nonce(payload, nonce);
	memcpy(body_out, payload + PEAL_HEADER_SIZE, header.body_size);
	PEAL_ASSERT(aead->open(aead->state, is_join ? &cores->pre_key : &cores->nodes[from]->key,
		nonce, payload, PEAL_HEADER_SIZE, body_out, header.body_size,
		payload + PEAL_HEADER_SIZE + header.body_size));
	return header;
}
