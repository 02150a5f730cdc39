/* SPDX-License-Identifier: BSD-3-Clause */
#include "dataplane/ingress.h"

#include "dataplane/link.h"
#include "wire/messages.h"

#define MAC_MASK         ((UINT64_C(1) << 48) - 1U)
#define JOIN_INTERVAL_NS (UINT64_C(1000000000) / PEAL_JOIN_FRAMES_PER_SECOND_MAX)

#define STRANGER_INTERVAL_NS (UINT64_C(1000000000) / PEAL_STRANGERS_PER_SECOND_MAX)

/* A packet that cannot hold a frame is not worth the fast look. */
#define FRAME_PACKET_SIZE_MIN (PEAL_UDP_OFFSET + PEAL_HEADER_SIZE + PEAL_TRAILER_SIZE)

void
peal_ingress_init(struct peal_ingress *ingress, const struct peal_ingress_config *config)
{
	struct peal_address own = config->address;

	PEAL_ASSERT(config->shard == 0 || config->shard < config->shards_count);
	PEAL_ASSERT(config->shards_count <= PEAL_SHARDS_MAX);

	/* Windows begin when they are used first. */
	memset(ingress, 0, offsetof(struct peal_ingress, windows));
	own.port = (uint16_t)(own.port + config->shard);
	peal_headers_init(&ingress->headers, &own, config->vlan);
	ingress->is_plain = ingress->headers.is_plain;
	ingress->headers_size = ingress->headers.size;
	memcpy(&ingress->link_dst, config->address.mac, PEAL_LINK_MAC_SIZE);
	if (!ingress->is_plain) {
		ingress->link_dst = UINT64_MAX; /* no MAC has so many bits */
	}
	ingress->ipv4_dst = __builtin_bswap32(config->address.ipv4);
	ingress->port = config->address.port;
	ingress->shard = config->shard;
	ingress->shards_count = config->shards_count == 0 ? 1U : config->shards_count;
	ingress->udp_dst = __builtin_bswap16(own.port);
	ingress->aead = config->aead;
	ingress->key_id = config->aead.key_id;
	ingress->pre_key = config->pre_key;
	ingress->cluster_name = config->cluster_name;
	ingress->counters = config->counters;
}

void
peal_ingress_switch(struct peal_ingress *ingress, const struct peal_peers *peers)
{
	bool is_same_self = ingress->cluster == peers->cluster &&
			    ingress->self_mid == (uint32_t)peers->self_mid;

	ingress->is_member = peers->members_count > 0;
	ingress->cluster = peers->cluster;
	ingress->self_mid = (uint32_t)peers->self_mid;
	ingress->epoch = peers->epoch;
	ingress->next_mid = peers->next_mid;
	ingress->index = peers->index;
	for (uint32_t slot = 0; slot < PEAL_SLOTS_MAX; slot++) {
		struct peal_ingress_peer *peer = &ingress->peers[slot];
		const struct peal_peer *now = &peers->peers[slot];

		if (now->mid != 0 && now->mid != peers->self_mid) {
			PEAL_ASSERT(now->key != NULL);
		}
		if (!is_same_self || peer->mid != now->mid) {
			peal_replay_init(&peer->replay);
			ingress->windows_used[slot] = 0;
		}
		peer->mid = now->mid;
		peer->key = now->key;
		peer->rank = now->rank;
		peer->shards_count = now->shards_count;
	}
}

static enum peal_arrival
refuse(struct peal_ingress *ingress, enum peal_refusal refusal)
{
	uint32_t id = (uint32_t)PEAL_COUNTER_REFUSED_SIZE + (uint32_t)refusal -
		      (uint32_t)PEAL_REFUSAL_SIZE;

	peal_counter_add(ingress->counters, (enum peal_counter)id, 1);
	return PEAL_ARRIVAL_REFUSED;
}

static enum peal_arrival
drop(struct peal_ingress *ingress, enum peal_counter id)
{
	peal_counter_add(ingress->counters, id, 1);
	return PEAL_ARRIVAL_REFUSED;
}

/* A UDP packet to this station and address, but not to the port of this shard. */
static enum peal_arrival
find_owner(struct peal_ingress *ingress, const struct peal_packet *packet,
	struct peal_opened *opened_out)
{
	uint16_t port = peal_headers_port(&ingress->headers, packet->data);
	uint32_t shard = (uint32_t)port - ingress->port;

	if (port < ingress->port || shard >= ingress->shards_count) {
		return drop(ingress, PEAL_COUNTER_RX_NOT_MINE);
	}
	opened_out->shard = (uint8_t)shard;
	return PEAL_ARRIVAL_ELSEWHERE;
}

/* Names what keeps a packet from being a frame for this core; the verdict is not FRAME. */
static enum peal_arrival
classify(struct peal_ingress *ingress, enum peal_sight sight, const struct peal_packet *packet,
	struct peal_opened *opened_out)
{
	switch (sight) {
	case PEAL_SIGHT_ARP:
		return PEAL_ARRIVAL_ARP;
	case PEAL_SIGHT_ICMP:
		return PEAL_ARRIVAL_ICMP;
	case PEAL_SIGHT_NOT_IP:
		return drop(ingress, PEAL_COUNTER_RX_NOT_IP);
	case PEAL_SIGHT_WRONG_VLAN:
		return drop(ingress, PEAL_COUNTER_RX_WRONG_VLAN);
	case PEAL_SIGHT_BAD_IP:
		return drop(ingress, PEAL_COUNTER_RX_BAD_IP);
	case PEAL_SIGHT_NOT_MINE:
		return drop(ingress, PEAL_COUNTER_RX_NOT_MINE);
	case PEAL_SIGHT_OTHER_PORT:
		return find_owner(ingress, packet, opened_out);
	case PEAL_SIGHT_SHORT:
	case PEAL_SIGHT_FRAME:
	default:
		return refuse(ingress, PEAL_REFUSAL_SIZE);
	}
}

/* True for a plain packet that peal_headers_judge finds to be a frame: all its tests at once. */
static inline bool
is_plain_frame(const struct peal_ingress *ingress, const struct peal_packet *packet)
{
	const uint8_t *data = packet->data;
	uint64_t link_dst;
	uint32_t type_and_version; /* two bytes type, version and size, service */
	uint32_t fragment_word;    /* two bytes flags and offset, time to live, protocol */
	uint32_t ipv4_dst;
	uint16_t udp_dst;

	if (packet->size < FRAME_PACKET_SIZE_MIN) {
		return false;
	}
	memcpy(&link_dst, data + PEAL_LINK_DST_OFFSET, sizeof(link_dst));
	memcpy(&type_and_version, data + PEAL_LINK_TYPE_OFFSET, sizeof(type_and_version));
	memcpy(&fragment_word, data + PEAL_IPV4_FRAGMENT_OFFSET, sizeof(fragment_word));
	memcpy(&ipv4_dst, data + PEAL_IPV4_DST_OFFSET, sizeof(ipv4_dst));
	memcpy(&udp_dst, data + PEAL_UDP_DST_OFFSET, sizeof(udp_dst));

	uint32_t length = peal_link_load16(data + PEAL_IPV4_LENGTH_OFFSET);
	uint32_t udp_length = peal_link_load16(data + PEAL_UDP_LENGTH_OFFSET);
	uint64_t differ = (link_dst & MAC_MASK) ^ ingress->link_dst;

	/* As the machine reads them, little-endian: 08 00 45 tos, and flags, offset, ttl, 17. Of
	 * the flags only more-fragments counts. */
	differ |= (type_and_version & 0x00FFFFFFU) ^ 0x00450008U;
	differ |= (fragment_word & 0xFF00FF3FU) ^ (PEAL_IPV4_PROTOCOL_UDP << 24);
	differ |= ipv4_dst ^ ingress->ipv4_dst;
	differ |= (uint32_t)(udp_dst ^ ingress->udp_dst);
	differ |= length ^ (udp_length + PEAL_IPV4_HEADER_SIZE);
	differ |= (uint64_t)(length > packet->size - PEAL_IPV4_OFFSET);
	differ |= (uint64_t)(udp_length < PEAL_UDP_HEADER_SIZE);
	differ |= (uint64_t)(peal_link_fold_ipv4(data + PEAL_IPV4_OFFSET) ^ UINT16_MAX);
	return __builtin_expect(differ == 0, 1);
}

/* Opens body and tag behind `payload`, whose header has been decoded. */
static inline bool
open_body(const struct peal_ingress *ingress, const struct peal_aead_key *key, uint8_t *payload,
	uint16_t body_size)
{
	uint8_t nonce[PEAL_AEAD_NONCE_SIZE];
	uint8_t *body = payload + PEAL_HEADER_SIZE;

	peal_frame_nonce(payload, nonce);
	return ingress->aead.open(ingress->aead.state, key, nonce, payload, PEAL_HEADER_SIZE, body,
		body_size, body + body_size);
}

static enum peal_arrival
take_join(struct peal_ingress *ingress, const struct peal_header *header, uint8_t *payload,
	uint64_t now_ns, struct peal_opened *opened_out)
{
	if (header->cluster != ingress->cluster_name) {
		return refuse(ingress, PEAL_REFUSAL_CLUSTER);
	}
	if (header->key_id != ingress->key_id) {
		return refuse(ingress, PEAL_REFUSAL_KEY);
	}
	/* Nobody is the receiver of a family 0 frame by number, so it cannot be for a group either;
	 * and nobody but the home shard lets others in. */
	if ((header->flags & PEAL_FRAME_FLAG_GROUP) != 0 || ingress->shard != 0) {
		return refuse(ingress, PEAL_REFUSAL_DESTINATION);
	}
	/* Anybody can send these. What opening them may cost is limited before they are opened. */
	if (!peal_pace_take(
		    &ingress->joins, JOIN_INTERVAL_NS, PEAL_JOIN_FRAMES_BURST_MAX, now_ns)) {
		return refuse(ingress, PEAL_REFUSAL_RATE);
	}
	if (!open_body(ingress, ingress->pre_key, payload, header->body_size)) {
		return refuse(ingress, PEAL_REFUSAL_TAG);
	}

	opened_out->rank = PEAL_RANK_NONE;
	opened_out->mid = 0;
	opened_out->epoch = 0;
	return PEAL_ARRIVAL_JOIN;
}

/* Place of the sender, or NULL: unknown, or this node itself. */
static inline struct peal_ingress_peer *
find_peer(struct peal_ingress *ingress, uint32_t src)
{
	uint32_t place = peal_peers_place(src);

	if (src == ingress->self_mid) {
		return NULL;
	}
	for (uint32_t i = 0; i < PEAL_PEERS_PLACES; i++) {
		uint16_t entry = ingress->index[place];

		if (entry == 0) {
			return NULL;
		}
		if ((uint32_t)ingress->peers[entry - 1U].mid == src) {
			return &ingress->peers[entry - 1U];
		}
		place = (place + 1U) % PEAL_PEERS_PLACES;
	}
	return NULL;
}

/* What helps a member forward that is in another epoch. */
static inline bool
is_timeless(uint8_t kind)
{
	return kind == PEAL_MESSAGE_DECIDE || kind == PEAL_MESSAGE_SYNC ||
	       kind == PEAL_MESSAGE_SNAPSHOT || kind == PEAL_MESSAGE_BODY ||
	       kind == PEAL_MESSAGE_BODY_PULL || peal_message_family(kind) == PEAL_FAMILY_CHANNEL ||
	       peal_message_family(kind) == PEAL_FAMILY_ORDER;
}

/* What the tag cannot tell: whether a frame this far away in time is of any use. */
static inline bool
is_epoch_usable(const struct peal_ingress *ingress, uint8_t kind, int64_t distance)
{
	/* Epochs count from 1. */
	if (distance < 0 && (uint64_t)-distance >= ingress->epoch) {
		return false;
	}
	return distance <= 1 || peal_message_family(kind) == PEAL_FAMILY_LIVENESS ||
	       is_timeless(kind);
}

/* The epoch rule for an authentic frame (see the table of the header). */
static inline enum peal_arrival
judge_epoch(struct peal_ingress *ingress, const struct peal_opened *opened, int64_t distance)
{
	bool is_liveness = peal_message_family(opened->kind) == PEAL_FAMILY_LIVENESS;

	if (__builtin_expect(opened->rank == PEAL_RANK_NONE, 0)) {
		if (opened->kind == PEAL_MESSAGE_PROBE) {
			return PEAL_ARRIVAL_LIVENESS;
		}
		return refuse(ingress, PEAL_REFUSAL_EPOCH);
	}
	if (is_liveness) {
		return PEAL_ARRIVAL_LIVENESS;
	}
	if (distance == 0 || is_timeless(opened->kind)) {
		return PEAL_ARRIVAL_MESSAGE;
	}
	if (distance < 0) {
		return refuse(ingress, PEAL_REFUSAL_EPOCH);
	}
	PEAL_DASSERT(distance == 1);
	return PEAL_ARRIVAL_HELD;
}

/* A frame from a number that has no slot here. */
static __attribute__((noinline)) enum peal_arrival
take_stranger(struct peal_ingress *ingress, const struct peal_header *header, uint64_t now_ns,
	struct peal_opened *opened_out)
{
	refuse(ingress, PEAL_REFUSAL_SOURCE);
	/* Numbers below the next one and above 0 belong, or belonged, to a member. */
	if (header->src == 0 || header->src == ingress->self_mid ||
		header->src >= ingress->next_mid ||
		!peal_pace_take(&ingress->strangers, STRANGER_INTERVAL_NS, PEAL_STRANGERS_BURST_MAX,
			now_ns)) {
		return PEAL_ARRIVAL_REFUSED;
	}
	opened_out->mid = header->src;
	return PEAL_ARRIVAL_STRANGER;
}

/* The window of another shard of a peer than its home; empty when it was never heard. */
static struct peal_replay *
use_window(struct peal_ingress *ingress, uint32_t slot, uint8_t from)
{
	struct peal_replay *window = &ingress->windows[slot][from];
	uint64_t bit = UINT64_C(1) << from;

	if ((ingress->windows_used[slot] & bit) == 0) {
		ingress->windows_used[slot] |= bit;
		peal_replay_init(window);
	}
	return window;
}

/*
 * The window of the stream that a header names. NULL: it is not one to this shard, or the peer has
 * no such shard.
 */
static inline struct peal_replay *
find_window(struct peal_ingress *ingress, struct peal_ingress_peer *peer, uint64_t counter)
{
	uint8_t from = (uint8_t)(counter >> 58);
	uint8_t to = (uint8_t)(counter >> PEAL_FRAME_COUNTER_BITS & 63U);

	if (to != ingress->shard || (from != 0 && from >= peer->shards_count)) {
		return NULL;
	}
	return from == 0 ? &peer->replay
			 : use_window(ingress, (uint32_t)(peer - ingress->peers), from);
}

/* A frame for another number, or with flags. MESSAGE: it is to be checked like any other. */
static __attribute__((noinline)) enum peal_arrival
take_odd(struct peal_ingress *ingress, const struct peal_header *header,
	struct peal_opened *opened_out)
{
	uint8_t family = peal_message_family(header->kind);

	if ((header->flags & PEAL_FRAME_FLAG_GROUP) != 0) {
		return refuse(ingress, PEAL_REFUSAL_DESTINATION);
	}
	if ((header->flags & PEAL_FRAME_FLAG_RELAY) == 0) {
		return header->dst == ingress->self_mid ? PEAL_ARRIVAL_MESSAGE
							: refuse(ingress, PEAL_REFUSAL_DESTINATION);
	}
	if (family != PEAL_FAMILY_CHANNEL && family != PEAL_FAMILY_CAST &&
		family != PEAL_FAMILY_ORDER) {
		return drop(ingress, PEAL_COUNTER_RELAY_REFUSED_KIND);
	}
	if (header->dst != ingress->self_mid) {
		return PEAL_ARRIVAL_RELAY;
	}
	opened_out->is_relayed = true;
	return PEAL_ARRIVAL_MESSAGE;
}

/* Checks and opens a frame of a member: families 1 and up. */
static inline enum peal_arrival
take_member(struct peal_ingress *ingress, const struct peal_header *header, uint8_t *payload,
	uint64_t now_ns, struct peal_opened *opened_out)
{
	if (!ingress->is_member || header->cluster != ingress->cluster) {
		return refuse(ingress, PEAL_REFUSAL_CLUSTER);
	}
	if (header->key_id != ingress->key_id) {
		return refuse(ingress, PEAL_REFUSAL_KEY);
	}
	if (__builtin_expect(header->dst != ingress->self_mid || header->flags != 0, 0)) {
		enum peal_arrival arrival = take_odd(ingress, header, opened_out);

		if (arrival != PEAL_ARRIVAL_MESSAGE) {
			return arrival;
		}
	}
	struct peal_ingress_peer *peer = find_peer(ingress, header->src);

	if (__builtin_expect(peer == NULL, 0)) {
		return take_stranger(ingress, header, now_ns, opened_out);
	}
	int64_t distance = (int32_t)(header->epoch - (uint32_t)ingress->epoch);

	if (!is_epoch_usable(ingress, header->kind, distance)) {
		return refuse(ingress, PEAL_REFUSAL_EPOCH);
	}
	struct peal_replay *window = find_window(ingress, peer, header->counter);
	uint64_t counter = header->counter & PEAL_FRAME_COUNTER_MAX;

	if (window == NULL || !peal_replay_check(window, counter)) {
		return refuse(ingress, PEAL_REFUSAL_REPLAY);
	}
	if (!open_body(ingress, peer->key, payload, header->body_size)) {
		return refuse(ingress, PEAL_REFUSAL_TAG);
	}
	peal_replay_commit(window, counter);

	opened_out->shard = (uint8_t)(header->counter >> 58);
	opened_out->slot = (uint16_t)(peer - ingress->peers);
	opened_out->rank = peer->rank;
	opened_out->mid = peer->mid;
	opened_out->epoch = ingress->epoch + (uint64_t)distance;
	if (distance < 0 || peer->rank == PEAL_RANK_NONE) {
		opened_out->standing = PEAL_STANDING_BEHIND;
	} else if (distance > 0) {
		opened_out->standing = PEAL_STANDING_AHEAD;
	}
	return judge_epoch(ingress, opened_out, distance);
}

/* Checks and opens the frame of a packet whose headers are good. `offset` is where it begins. */
static inline enum peal_arrival
take_frame(struct peal_ingress *ingress, const struct peal_packet *packet, uint32_t offset,
	uint64_t now_ns, struct peal_opened *opened_out)
{
	struct peal_header header;
	uint8_t *payload = packet->data + offset;
	/* The length is the third field of the UDP header, which ends where the payload begins. */
	uint32_t size = peal_link_load16(payload - 4) - PEAL_UDP_HEADER_SIZE;
	enum peal_refusal refusal = peal_frame_decode(payload, size, &header);

	if (__builtin_expect(refusal != PEAL_REFUSAL_NONE, 0)) {
		return refuse(ingress, refusal);
	}
	opened_out->kind = header.kind;
	opened_out->body_size = header.body_size;
	opened_out->body = payload + PEAL_HEADER_SIZE;
	opened_out->packet = packet->data;
	if (__builtin_expect(peal_message_family(header.kind) == PEAL_FAMILY_JOIN, 0)) {
		return take_join(ingress, &header, payload, now_ns, opened_out);
	}
	return take_member(ingress, &header, payload, now_ns, opened_out);
}

/* A packet that is not a plain frame: one of another shape, or none for this node. */
static __attribute__((noinline)) enum peal_arrival
take_slowly(struct peal_ingress *ingress, const struct peal_packet *packet, uint64_t now_ns,
	struct peal_opened *opened_out)
{
	enum peal_sight sight = peal_headers_judge(&ingress->headers, packet);

	if (sight != PEAL_SIGHT_FRAME || ingress->is_plain) {
		return classify(ingress, sight, packet, opened_out);
	}
	return take_frame(ingress, packet, ingress->headers_size, now_ns, opened_out);
}

enum peal_arrival
peal_ingress_take(struct peal_ingress *ingress, const struct peal_packet *packet, uint64_t now_ns,
	struct peal_opened *opened_out)
{
	opened_out->slot = PEAL_PEERS_NONE;
	opened_out->standing = PEAL_STANDING_EQUAL;
	opened_out->is_relayed = false;
	/* Of a node with another shape the plain MAC is none, so no packet passes. */
	if (!is_plain_frame(ingress, packet)) {
		return take_slowly(ingress, packet, now_ns, opened_out);
	}
	return take_frame(ingress, packet, PEAL_UDP_OFFSET, now_ns, opened_out);
}
