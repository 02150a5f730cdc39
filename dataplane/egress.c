/* SPDX-License-Identifier: BSD-3-Clause */
#include "dataplane/egress.h"

#include "dataplane/link.h"
#include "dataplane/toeplitz.h"
#include "wire/frame.h"
#include "wire/messages.h"

#include <stddef.h>

#define FRAME_SIZE(body_size) (PEAL_HEADER_SIZE + (uint32_t)(body_size) + PEAL_TRAILER_SIZE)

/*
 * The two lengths of plain headers, and the checksum over one of them. It follows from that of the
 * template, whose other fields are the same: to read the header again while parts of it are still
 * being written would take the processor longer than all of this. paper: RFC 1624
 */
static inline void
write_lengths(const uint8_t template[PEAL_UDP_OFFSET], uint8_t link[PEAL_UDP_OFFSET],
	uint32_t payload_size)
{
	uint16_t udp_length = (uint16_t)(PEAL_UDP_HEADER_SIZE + payload_size);
	uint16_t ipv4_length = (uint16_t)(PEAL_IPV4_HEADER_SIZE + udp_length);
	uint16_t before_length = peal_link_load16(template + PEAL_IPV4_LENGTH_OFFSET);
	uint16_t before_sum = peal_link_load16(template + PEAL_IPV4_CHECKSUM_OFFSET);
	uint32_t sum = (uint32_t)(uint16_t)~before_sum + (uint16_t)~before_length + ipv4_length;

	sum = (sum >> 16) + (sum & 0xFFFFU);
	sum += sum >> 16;
	peal_link_store16(link + PEAL_UDP_LENGTH_OFFSET, udp_length);
	peal_link_store16(link + PEAL_IPV4_LENGTH_OFFSET, ipv4_length);
	peal_link_store16(link + PEAL_IPV4_CHECKSUM_OFFSET, (uint16_t)~sum);
	PEAL_DASSERT(peal_link_fold_ipv4(link + PEAL_IPV4_OFFSET) == UINT16_MAX);
}

const uint8_t *
peal_egress_next_hop(const struct peal_egress *egress, const struct peal_address *address)
{
	const struct peal_headers *headers = &egress->headers;
	const uint8_t *mac = address->mac;

	if (peal_address_is_ipv6(address) != headers->is_ipv6) {
		return NULL;
	}
	if (!peal_route_is_near(&egress->route, &headers->address, address)) {
		mac = egress->gateway_mac;
	}
	return peal_mac_is_none(mac) ? NULL : mac;
}

/* Whether frames to a peer take the short path. */
static void
set_slow(const struct peal_egress *egress, struct peal_egress_peer *peer)
{
	peer->is_slow = peer->is_lost || peer->via != PEAL_PEERS_NONE || !egress->headers.is_plain;
}

/* Writes what frames to one peer begin with. */
static void
aim(struct peal_egress *egress, struct peal_egress_peer *peer, const struct peal_address *address)
{
	const struct peal_headers *headers = &egress->headers;
	const uint8_t *mac = peal_egress_next_hop(egress, address);
	struct peal_headers_target target;

	peer->is_far = peal_address_is_ipv6(address) == headers->is_ipv6 &&
		       !peal_route_is_near(&egress->route, &headers->address, address);
	peer->is_lost = mac == NULL;
	peer->via = PEAL_PEERS_NONE;
	set_slow(egress, peer);
	if (peal_address_is_ipv6(address) != headers->is_ipv6) {
		return;
	}
	/* A MAC not known yet is put in later. */
	target = peal_headers_aim(headers, address, mac == NULL ? address->mac : mac);
	if (headers->is_plain) {
		peal_headers_write(
			headers, &target, FRAME_SIZE(PEAL_LIVENESS_BODY_SIZE), peer->link);
	} else {
		peer->target = target;
	}
}

void
peal_egress_set_gateway(struct peal_egress *egress, const uint8_t mac[6])
{
	PEAL_ASSERT(egress->route.prefix_size > 0);
	PEAL_ASSERT(peal_mac_is_station(mac));

	memcpy(egress->gateway_mac, mac, sizeof(egress->gateway_mac));
	for (uint32_t slot = 0; slot < PEAL_SLOTS_MAX; slot++) {
		struct peal_egress_peer *peer = &egress->peers[slot];

		/* Both forms of a template begin with the MAC. */
		if (peer->dst != 0 && peer->is_far) {
			memcpy(peer->link, mac, PEAL_LINK_MAC_SIZE);
			peer->is_lost = false;
			set_slow(egress, peer);
		}
	}
}

/* The body of a frame that makes an IP packet of the link's MTU. */
static uint16_t
find_body_size_max(const struct peal_port *port, const struct peal_headers *headers)
{
	const uint32_t ip_size = headers->is_ipv6 ? PEAL_IPV6_HEADER_SIZE : PEAL_IPV4_HEADER_SIZE;

	if (port->mtu <= PEAL_MTU_MIN) {
		return PEAL_BODY_SIZE_MAX;
	}
	PEAL_ASSERT(port->mtu <= PEAL_MTU_MAX);
	PEAL_ASSERT(port->mtu + PEAL_LINK_SIZE_MAX <= port->packet_size_max);
	return (uint16_t)(port->mtu - ip_size - PEAL_UDP_HEADER_SIZE - FRAME_SIZE(0));
}

void
peal_egress_set_via(struct peal_egress *egress, uint16_t slot, uint16_t via, uint8_t via_shard)
{
	struct peal_egress_peer *peer = &egress->peers[slot];

	PEAL_ASSERT(slot < PEAL_SLOTS_MAX);
	PEAL_ASSERT(via == PEAL_PEERS_NONE || (via < PEAL_SLOTS_MAX && via != slot));
	PEAL_ASSERT(via == PEAL_PEERS_NONE || egress->peers[via].dst != 0);
	peer->via = via;
	peer->via_shard = via_shard;
	set_slow(egress, peer);
}

void
peal_egress_init(struct peal_egress *egress, const struct peal_egress_config *config)
{
	struct peal_address own = config->address;

	PEAL_ASSERT(config->port.packet_size_max >= PEAL_PACKET_SIZE_MAX);
	PEAL_ASSERT(!peal_mac_is_none(config->address.mac));
	_Static_assert(offsetof(struct peal_headers_target, mac) == PEAL_LINK_DST_OFFSET,
		"both forms of a template begin with the MAC");

	memset(egress, 0, offsetof(struct peal_egress, source_ports));
	own.port = (uint16_t)(own.port + config->shard);
	egress->aead = config->aead;
	egress->pre_key = config->pre_key;
	egress->cluster_name = config->cluster_name;
	peal_headers_init(&egress->headers, &own, config->vlan);
	egress->route = config->route;
	egress->shard = config->shard;
	egress->counters = config->counters;
	peal_txqueue_init(&egress->txqueue, &config->port, config->counters);
	egress->body_size_max = find_body_size_max(&config->port, &egress->headers);
	for (uint32_t slot = 0; slot < PEAL_SLOTS_MAX; slot++) {
		egress->peers[slot].via = PEAL_PEERS_NONE;
	}
	peal_prng_init_full(&egress->prng, config->seed);
}

/*
 * Remembers how far the streams went that end now. One number for all of them: whoever gets a slot,
 * for the first time or again, is sent counters that no frame to it has had.
 */
static void
raise_floor(struct peal_egress *egress, const struct peal_peers *peers)
{
	for (uint32_t slot = 0; slot < PEAL_SLOTS_MAX; slot++) {
		const struct peal_egress_peer *peer = &egress->peers[slot];

		if (peer->dst != (uint32_t)peers->peers[slot].mid &&
			peer->counter > egress->floor) {
			egress->floor = peer->counter;
		}
	}
}

/*
 * Chooses the source ports of plain frames to a peer with several shards; once in its life. Of
 * other shapes nothing is known about how cards sort them; a packet in the wrong queue is moved.
 */
static void
choose_ports(struct peal_egress *egress, uint16_t slot, const struct peal_peer *peer)
{
	const struct peal_toeplitz_flow flow = {
		.ipv4_src = egress->headers.address.ipv4, .ipv4_dst = peer->address.ipv4};
	uint16_t own = egress->headers.address.port;

	if (!egress->headers.is_plain) {
		return;
	}
	for (uint8_t shard = 0; peer->shards_count > 1 && shard < peer->shards_count; shard++) {
		struct peal_toeplitz_flow to = flow;
		uint16_t port;

		to.port_dst = (uint16_t)(peer->address.port + shard);
		port = peal_toeplitz_find_port(&to, shard, peer->shards_count, own);
		egress->source_ports[slot][shard] = port != 0 ? port : own;
	}
}

void
peal_egress_switch(struct peal_egress *egress, const struct peal_peers *peers)
{
	bool is_same_self =
		egress->cluster == peers->cluster && egress->self_mid == (uint32_t)peers->self_mid;

	if (peers->members_count > 0) {
		PEAL_ASSERT(peers->self_key != NULL);
	}
	egress->cluster = peers->cluster;
	egress->self_mid = (uint32_t)peers->self_mid;
	egress->self_key = peers->self_key;
	egress->epoch = (uint32_t)peers->epoch;
	raise_floor(egress, peers);
	if (!is_same_self) {
		egress->floor = 0; /* and another key */
	}
	for (uint32_t slot = 0; slot < PEAL_SLOTS_MAX; slot++) {
		struct peal_egress_peer *peer = &egress->peers[slot];
		const struct peal_peer *now = &peers->peers[slot];

		if (!is_same_self || peer->dst != (uint32_t)now->mid) {
			peer->counter = egress->floor;
			choose_ports(egress, (uint16_t)slot, now);
		}
		peer->dst = (uint32_t)now->mid;
		if (now->mid != 0) {
			aim(egress, peer, &now->address);
			if (now->shards_count > 1 && egress->headers.is_plain) {
				peal_link_store16(peer->link + PEAL_UDP_SRC_OFFSET,
					egress->source_ports[slot][0]);
			}
		}
	}
}

/* Seals the body behind an encoded header, in place but for its `rest`, if there is any. Inline, as
 * those around it: nearly no frame has one, and then nobody asks. */
static inline __attribute__((always_inline)) void
seal_body(struct peal_egress *egress, const struct peal_aead_key *key, uint8_t *payload,
	uint16_t size, const struct peal_egress_rest *rest)
{
	uint8_t nonce[PEAL_AEAD_NONCE_SIZE];
	uint8_t *body = payload + PEAL_HEADER_SIZE;

	peal_frame_nonce(payload, nonce);
	if (rest != NULL) {
		const struct peal_aead_parts parts = {.data = body,
			.head_size = (size_t)size - rest->size,
			.rest = rest->bytes,
			.rest_size = rest->size};

		egress->aead.seal_parts(egress->aead.state, key, nonce, payload, PEAL_HEADER_SIZE,
			&parts, body + size);
		return;
	}
	egress->aead.seal(
		egress->aead.state, key, nonce, payload, PEAL_HEADER_SIZE, body, size, body + size);
}

/* What a frame is, in its header. */
struct form {
	uint8_t kind;
	uint8_t flags;
};

/* Writes header and tag of the next frame of a stream around the body that is there. */
static inline __attribute__((always_inline)) void
finish_flagged(struct peal_egress *egress, struct peal_egress_peer *peer, uint8_t shard,
	struct form form, uint16_t size, uint8_t *payload, const struct peal_egress_rest *rest)
{
	/* 2^52 frames to one receiver: at 100 million a second more than a year. */
	PEAL_ASSERT(peer->counter < PEAL_FRAME_COUNTER_MAX);

	const struct peal_header header = {
		.kind = form.kind,
		.key_id = egress->aead.key_id,
		.flags = form.flags,
		.body_size = size,
		.cluster = egress->cluster,
		.src = egress->self_mid,
		.dst = peer->dst,
		.epoch = egress->epoch,
		.counter = peal_frame_counter(egress->shard, shard, ++peer->counter),
	};

	peal_frame_encode(&header, payload);
	seal_body(egress, egress->self_key, payload, size, rest);
}

static inline __attribute__((always_inline)) void
finish_frame(struct peal_egress *egress, struct peal_egress_peer *peer, uint8_t shard, uint8_t kind,
	uint16_t size, uint8_t *payload, const struct peal_egress_rest *rest)
{
	finish_flagged(egress, peer, shard, (struct form){.kind = kind}, size, payload, rest);
}

/* The same with the body. */
static inline void
write_frame(struct peal_egress *egress, struct peal_egress_peer *peer, uint8_t kind,
	const uint8_t *body, uint16_t size, uint8_t *payload)
{
	memcpy(payload + PEAL_HEADER_SIZE, body, size);
	finish_frame(egress, peer, 0, kind, size, payload, NULL);
}

/* The headers in front of a frame to one shard of a peer: each has a UDP port. */
static inline void
copy_link(const struct peal_egress *egress, uint16_t slot, uint8_t shard,
	uint8_t link[PEAL_UDP_OFFSET])
{
	memcpy(link, egress->peers[slot].link, PEAL_UDP_OFFSET);
	if (__builtin_expect(shard != 0, 0)) {
		uint16_t port = peal_link_load16(link + PEAL_UDP_DST_OFFSET);

		peal_link_store16(link + PEAL_UDP_DST_OFFSET, (uint16_t)(port + shard));
		peal_link_store16(link + PEAL_UDP_SRC_OFFSET, egress->source_ports[slot][shard]);
	}
}

/* Plain headers of a peer, and how long what follows them is. */
static inline void
write_plain(const struct peal_egress_peer *peer, uint16_t size, uint8_t *data)
{
	memcpy(data, peer->link, PEAL_UDP_OFFSET);
	if (size != PEAL_LIVENESS_BODY_SIZE) {
		write_lengths(peer->link, data, FRAME_SIZE(size));
	}
}

/* A frame to whom there is no way: lost, like any other, and its sender repeats it. */
static __attribute__((noinline)) void
drop_lost(struct peal_egress *egress, const struct peal_packet *packet)
{
	const struct peal_port *port = &egress->txqueue.port;
	struct peal_packet copy;

	peal_counter_add(egress->counters, PEAL_COUNTER_NEIGHBOURS_UNKNOWN, 1);
	if (packet != NULL) {
		copy = *packet;
		port->ops->release(port->state, port->queue, &copy, 1);
	}
}

/* Writes the headers in front of a payload of `payload_size` to a shard of a peer to whom there is
 * a way. */
static void
write_headers(const struct peal_egress *egress, uint16_t slot, uint8_t shard, uint32_t payload_size,
	uint8_t *data)
{
	const struct peal_headers *headers = &egress->headers;
	struct peal_headers_target target;

	if (headers->is_plain) {
		copy_link(egress, slot, shard, data);
		write_lengths(egress->peers[slot].link, data, payload_size);
		return;
	}
	target = egress->peers[slot].target;
	peal_link_store16(target.port, (uint16_t)(peal_link_load16(target.port) + shard));
	peal_headers_write(headers, &target, payload_size, data);
}

/* Only what is repeated between two members is passed on by a third one. */
static inline bool
may_go_round(uint8_t kind)
{
	return peal_message_family(kind) == PEAL_FAMILY_CHANNEL ||
	       peal_message_family(kind) == PEAL_FAMILY_CAST ||
	       peal_message_family(kind) == PEAL_FAMILY_ORDER;
}

/*
 * The whole of a frame whose body is in place, to a peer whose headers are not plain, or to whom
 * frames go through another, or to whom there is no way: then the packet is given back, and false
 * returned.
 */
static __attribute__((noinline)) bool
finish_slowly(struct peal_egress *egress, struct peal_egress_peer *peer, uint8_t shard,
	uint8_t kind, uint16_t size, struct peal_packet *packet,
	const struct peal_egress_rest *rest)
{
	uint32_t offset = egress->headers.size;
	uint16_t hop = (uint16_t)(peer - egress->peers);
	uint8_t hop_shard = shard;
	struct form form = {.kind = kind};

	if (peer->via != PEAL_PEERS_NONE && may_go_round(kind)) {
		hop = peer->via;
		hop_shard = peer->via_shard;
		form.flags = PEAL_FRAME_FLAG_RELAY;
		peal_counter_add(egress->counters, PEAL_COUNTER_RELAY_ASKED, 1);
	}
	if (egress->peers[hop].is_lost) {
		drop_lost(egress, packet);
		return false;
	}
	write_headers(egress, hop, hop_shard, FRAME_SIZE(size), packet->data);
	finish_flagged(egress, peer, shard, form, size, packet->data + offset, rest);
	peal_headers_seal(&egress->headers, FRAME_SIZE(size), packet->data);
	packet->size = offset + FRAME_SIZE(size);
	return true;
}

bool
peal_egress_pass(struct peal_egress *egress, const struct peal_packet *packet, uint16_t slot,
	uint8_t shard, uint32_t payload_size)
{
	struct peal_packet passed = *packet;

	PEAL_DASSERT(slot < PEAL_SLOTS_MAX);
	PEAL_DASSERT(egress->peers[slot].dst != 0);
	PEAL_DASSERT(shard < PEAL_SHARDS_MAX);
	PEAL_DASSERT(packet->size >= egress->headers.size + payload_size);
	if (!peal_txqueue_has_place(&egress->txqueue) || egress->peers[slot].is_lost ||
		payload_size > FRAME_SIZE(egress->body_size_max)) {
		return false;
	}
	write_headers(egress, slot, shard, payload_size, passed.data);
	peal_headers_seal(&egress->headers, payload_size, passed.data);
	passed.size = egress->headers.size + payload_size;
	*peal_txqueue_place(&egress->txqueue) = passed;
	peal_txqueue_fill(&egress->txqueue);
	return true;
}

uint8_t *
peal_egress_begin(struct peal_egress *egress, struct peal_packet *packet_out)
{
	if (!peal_txqueue_has_place(&egress->txqueue) ||
		!peal_txqueue_allocate(&egress->txqueue, packet_out)) {
		return NULL;
	}
	return packet_out->data + egress->headers.size + PEAL_HEADER_SIZE;
}

static inline __attribute__((always_inline)) void
end(struct peal_egress *egress, const struct peal_packet *packet, uint16_t slot, uint8_t shard,
	uint8_t kind, uint16_t size, const struct peal_egress_rest *rest)
{
	struct peal_egress_peer *peer = &egress->peers[slot];
	struct peal_packet *whole = peal_txqueue_place(&egress->txqueue);

	PEAL_DASSERT(slot < PEAL_SLOTS_MAX);
	PEAL_DASSERT(peer->dst != 0);
	PEAL_DASSERT(size <= egress->body_size_max);

	PEAL_DASSERT(shard < PEAL_SHARDS_MAX);
	whole->data = packet->data;
	whole->handle = packet->handle;
	if (__builtin_expect(peer->is_slow, 0)) {
		if (!finish_slowly(egress, peer, shard, kind, size, whole, rest)) {
			return;
		}
	} else {
		copy_link(egress, slot, shard, packet->data);
		write_lengths(peer->link, packet->data, FRAME_SIZE(size));
		finish_frame(egress, peer, shard, kind, size, packet->data + PEAL_UDP_OFFSET, rest);
		whole->size = PEAL_UDP_OFFSET + FRAME_SIZE(size);
	}
	peal_txqueue_fill(&egress->txqueue);
}

void
peal_egress_end(struct peal_egress *egress, const struct peal_packet *packet, uint16_t slot,
	uint8_t shard, uint8_t kind, uint16_t size)
{
	end(egress, packet, slot, shard, kind, size, NULL);
}

void
peal_egress_end_rest(struct peal_egress *egress, const struct peal_packet *packet, uint16_t slot,
	uint8_t shard, uint8_t kind, uint16_t size, const struct peal_egress_rest *rest)
{
	PEAL_DASSERT(rest->size <= size);
	end(egress, packet, slot, shard, kind, size, rest->size > 0 ? rest : NULL);
}

bool
peal_egress_send_slot(
	struct peal_egress *egress, uint16_t slot, uint8_t kind, const uint8_t *body, uint16_t size)
{
	struct peal_egress_peer *peer = &egress->peers[slot];
	struct peal_packet packet;

	PEAL_DASSERT(slot < PEAL_SLOTS_MAX);
	PEAL_DASSERT(peer->dst != 0);
	PEAL_DASSERT(size <= PEAL_BODY_SIZE_MAX);
	PEAL_DASSERT(peal_message_family(kind) != PEAL_FAMILY_JOIN);

	if (!peal_txqueue_allocate(&egress->txqueue, &packet)) {
		return false;
	}
	if (__builtin_expect(peer->is_slow, 0)) {
		memcpy(packet.data + egress->headers.size + PEAL_HEADER_SIZE, body, size);
		if (finish_slowly(egress, peer, 0, kind, size, &packet, NULL)) {
			peal_txqueue_queue(&egress->txqueue, &packet);
		}
		return true;
	}
	write_plain(peer, size, packet.data);
	write_frame(egress, peer, kind, body, size, packet.data + PEAL_UDP_OFFSET);
	packet.size = PEAL_UDP_OFFSET + FRAME_SIZE(size);
	peal_txqueue_queue(&egress->txqueue, &packet);
	return true;
}

void
peal_egress_answer(struct peal_egress *egress, const struct peal_packet *packet, uint16_t slot,
	uint8_t shard, uint8_t kind, const uint8_t body[PEAL_LIVENESS_BODY_SIZE])
{
	struct peal_egress_peer *peer = &egress->peers[slot];
	struct peal_packet answer = *packet;

	PEAL_DASSERT(slot < PEAL_SLOTS_MAX);
	PEAL_DASSERT(peer->dst != 0);
	PEAL_DASSERT(packet->size >= egress->headers.size + FRAME_SIZE(PEAL_LIVENESS_BODY_SIZE));
	PEAL_DASSERT(peal_message_family(kind) == PEAL_FAMILY_LIVENESS);

	if (__builtin_expect(peer->is_slow, 0)) {
		memcpy(answer.data + egress->headers.size + PEAL_HEADER_SIZE, body,
			PEAL_LIVENESS_BODY_SIZE);
		if (!finish_slowly(
			    egress, peer, shard, kind, PEAL_LIVENESS_BODY_SIZE, &answer, NULL)) {
			return;
		}
	} else {
		copy_link(egress, slot, shard, answer.data);
		memcpy(answer.data + PEAL_UDP_OFFSET + PEAL_HEADER_SIZE, body,
			PEAL_LIVENESS_BODY_SIZE);
		finish_frame(egress, peer, shard, kind, PEAL_LIVENESS_BODY_SIZE,
			answer.data + PEAL_UDP_OFFSET, NULL);
		answer.size = PEAL_UDP_OFFSET + FRAME_SIZE(PEAL_LIVENESS_BODY_SIZE);
	}
	peal_txqueue_queue(&egress->txqueue, &answer);
}

bool
peal_egress_send_address(struct peal_egress *egress, const struct peal_address *address,
	uint8_t kind, const uint8_t *body, uint16_t size)
{
	const uint8_t *mac = peal_egress_next_hop(egress, address);
	struct peal_headers_target target;
	struct peal_packet packet;
	uint64_t random[2];

	PEAL_DASSERT(size <= PEAL_BODY_SIZE_MAX);
	PEAL_DASSERT(peal_message_family(kind) == PEAL_FAMILY_JOIN);

	if (mac == NULL) {
		drop_lost(egress, NULL);
		return true;
	}
	if (!peal_txqueue_allocate(&egress->txqueue, &packet)) {
		return false;
	}
	target = peal_headers_aim(&egress->headers, address, mac);

	struct peal_header header = {
		.kind = kind,
		.key_id = egress->aead.key_id,
		.body_size = size,
		.cluster = egress->cluster_name,
		.counter = ++egress->transaction,
	};
	uint8_t *payload = packet.data + egress->headers.size;

	random[0] = peal_prng_next(&egress->prng);
	random[1] = peal_prng_next(&egress->prng);
	memcpy(header.random, random, sizeof(header.random));
	peal_headers_write(&egress->headers, &target, FRAME_SIZE(size), packet.data);
	peal_frame_encode(&header, payload);
	memcpy(payload + PEAL_HEADER_SIZE, body, size);
	seal_body(egress, egress->pre_key, payload, size, NULL);
	peal_headers_seal(&egress->headers, FRAME_SIZE(size), packet.data);
	packet.size = egress->headers.size + FRAME_SIZE(size);
	peal_txqueue_queue(&egress->txqueue, &packet);
	return true;
}
