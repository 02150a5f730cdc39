/* SPDX-License-Identifier: BSD-3-Clause */
#include "dataplane/relay.h"

#include "dataplane/headers.h"
#include "wire/frame.h"

#include <string.h>

#define INTERVAL_NS (UINT64_C(1000000000) / PEAL_RELAY_FRAMES_PER_SECOND_MAX)

void
peal_relay_init(struct peal_relay *relay, const struct peal_aead *aead, struct peal_egress *egress,
	struct peal_counters *counters)
{
	*relay = (struct peal_relay){.egress = egress, .counters = counters, .aead = *aead};
}

static bool
refuse(struct peal_relay *relay, enum peal_counter counter)
{
	peal_counter_add(relay->counters, counter, 1);
	return false;
}

/* A member of the view, by the low bits of its number, that is not this node; or NULL. */
static const struct peal_peer *
find_other(const struct peal_peers *peers, uint32_t mid_low)
{
	uint16_t slot = peal_peers_find(peers, mid_low);

	if (slot == PEAL_PEERS_NONE || peers->peers[slot].rank == PEAL_RANK_NONE ||
		peers->peers[slot].mid == peers->self_mid) {
		return NULL;
	}
	return &peers->peers[slot];
}

static bool
comes_from(const struct peal_packet *packet, const struct peal_address *address)
{
	struct peal_address source = peal_headers_source(packet->data);

	return source.ipv4 == address->ipv4 && source.ipv6_head == address->ipv6_head &&
	       source.ipv6_middle == address->ipv6_middle;
}

/* Opens a copy: the frame itself must leave as it came. */
static bool
is_sealed(const struct peal_relay *relay, const struct peal_aead_key *key, const uint8_t *payload,
	uint16_t body_size)
{
	uint8_t body[PEAL_LARGE_BODY_SIZE_MAX];
	uint8_t nonce[PEAL_AEAD_NONCE_SIZE];

	memcpy(body, payload + PEAL_HEADER_SIZE, body_size);
	peal_frame_nonce(payload, nonce);
	return relay->aead.open(relay->aead.state, key, nonce, payload, PEAL_HEADER_SIZE, body,
		body_size, payload + PEAL_HEADER_SIZE + body_size);
}

bool
peal_relay_take(struct peal_relay *relay, const struct peal_packet *packet, const uint8_t *payload,
	uint64_t now_ns)
{
	const struct peal_peers *peers = relay->peers;
	const struct peal_peer *from;
	const struct peal_peer *to;
	struct peal_header header;
	uint32_t size;
	uint16_t body_size;
	uint8_t shard;

	memcpy(&body_size, payload + 6, sizeof(body_size));
	size = PEAL_HEADER_SIZE + PEAL_TRAILER_SIZE + (uint32_t)body_size;
	PEAL_ASSERT(peers != NULL);
	PEAL_ASSERT(peal_frame_decode(payload, size, &header) == PEAL_REFUSAL_NONE);
	from = find_other(peers, header.src);
	to = find_other(peers, header.dst);
	shard = (uint8_t)(header.counter >> PEAL_FRAME_COUNTER_BITS & 63U);
	if (from == NULL || to == NULL || (shard != 0 && shard >= to->shards_count)) {
		return refuse(relay, PEAL_COUNTER_RELAY_REFUSED_MEMBER);
	}
	if (from == to) {
		return refuse(relay, PEAL_COUNTER_RELAY_REFUSED_SELF);
	}
	if (header.epoch != (uint32_t)peers->epoch) {
		return refuse(relay, PEAL_COUNTER_RELAY_REFUSED_EPOCH);
	}
	if (!comes_from(packet, &from->address)) {
		return refuse(relay, PEAL_COUNTER_RELAY_REFUSED_HOP);
	}
	if (!peal_pace_take(&relay->pace, INTERVAL_NS, PEAL_RELAY_FRAMES_BURST_MAX, now_ns)) {
		return refuse(relay, PEAL_COUNTER_RELAY_REFUSED_RATE);
	}
	if (!is_sealed(relay, from->key, payload, body_size)) {
		return refuse(relay, PEAL_COUNTER_RELAY_REFUSED_TAG);
	}
	if (!peal_egress_pass(relay->egress, packet, (uint16_t)(to - peers->peers), shard, size)) {
		peal_counter_add(relay->counters, PEAL_COUNTER_RELAY_DROPPED, 1);
		return false;
	}
	peal_counter_add(relay->counters, PEAL_COUNTER_RELAY_PASSED, 1);
	return true;
}
