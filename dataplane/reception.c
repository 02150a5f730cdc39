/* SPDX-License-Identifier: BSD-3-Clause */
#include "dataplane/reception.h"

#include "dataplane/core.h"
#include "wire/messages.h"

/* Packets of a burst are fetched into the cache this far ahead, and then what their senders need.
 */
#define PACKET_AHEAD_COUNT 4U
#define PEER_AHEAD_COUNT   2U

/* A flooded message of this epoch in a large view: passed on and handled once. */
static void
take_flooded(struct peal_core *core, const struct peal_opened *opened, uint64_t now_ns)
{
	if (peal_flood_take(&core->flood, opened) != PEAL_FLOOD_FRESH) {
		return;
	}
	if (opened->kind == PEAL_MESSAGE_VOTE_UP) {
		peal_votetree_on_vote(&core->votetree, opened, now_ns);
	} else if (!peal_uplink_frame(&core->uplink, opened)) {
		peal_flood_owe(&core->flood);
	}
}

/* A message of families 2 to 6, of this epoch or of a kind that any epoch may hear. */
static void
take_message(struct peal_core *core, const struct peal_opened *opened, uint64_t now_ns)
{
	if (peal_message_family(opened->kind) == PEAL_FAMILY_CHANNEL) {
		if (core->config.channels != NULL) {
			peal_channels_on_frame(core->config.channels, opened, now_ns);
		} else {
			peal_counter_add(&core->counters, PEAL_COUNTER_CHANNEL_REFUSED_UNKNOWN, 1);
		}
		return;
	}
	if (peal_message_family(opened->kind) == PEAL_FAMILY_CAST) {
		if (core->config.cast != NULL) {
			peal_cast_on_frame(core->config.cast, opened, now_ns);
		} else {
			peal_counter_add(&core->counters, PEAL_COUNTER_CAST_REFUSED_UNKNOWN, 1);
		}
		return;
	}
	if (peal_message_family(opened->kind) == PEAL_FAMILY_ORDER) {
		if (core->config.orders != NULL) {
			peal_orders_on_frame(core->config.orders, opened, now_ns);
		} else {
			peal_counter_add(&core->counters, PEAL_COUNTER_ORDER_REFUSED_GROUP, 1);
		}
		return;
	}
	if (opened->kind == PEAL_MESSAGE_ALERT) {
		peal_alertbatch_on_alert(&core->alertbatch, opened, now_ns);
		return;
	}
	if (core->peers->is_large && opened->epoch == core->peers->epoch &&
		opened->body_size >= PEAL_FLOOD_PREFIX_SIZE &&
		!peal_flood_is_private(opened->kind, opened->body)) {
		take_flooded(core, opened, now_ns);
		return;
	}
	if (opened->kind != PEAL_MESSAGE_VOTE_UP) {
		peal_uplink_frame(&core->uplink, opened);
	} else if (core->peers->is_large) {
		peal_votetree_on_vote(&core->votetree, opened, now_ns);
	} else {
		peal_counter_add(&core->counters, PEAL_COUNTER_REFUSED_BODY, 1);
	}
}

void
peal_reception_release_held(struct peal_core *core, uint64_t now_ns)
{
	struct peal_opened opened;

	for (uint32_t i = 0; i < PEAL_HELD_FRAMES_MAX && peal_hold_take(&core->hold, &opened);
		i++) {
		if (opened.epoch != core->peers->epoch ||
			!peal_peers_is_member(core->peers, opened.slot, opened.mid)) {
			peal_counter_add(&core->counters, PEAL_COUNTER_REFUSED_EPOCH, 1);
			continue;
		}
		opened.rank = core->peers->peers[opened.slot].rank;
		take_message(core, &opened, now_ns);
	}
}

/* A frame of family 1. Returns true when the packet was turned round. */
static bool
take_liveness(struct peal_core *core, const struct peal_opened *opened,
	const struct peal_packet *packet, uint64_t now_ns, bool *is_not_member_out)
{
	struct peal_liveness_msg message;

	if (!peal_liveness_msg_decode(opened->body, opened->body_size, &message)) {
		peal_counter_add(&core->counters, PEAL_COUNTER_REFUSED_BODY, 1);
		return false;
	}
	*is_not_member_out = (message.flags & PEAL_LIVENESS_FLAG_NOT_MEMBER) != 0;
	if (opened->kind == PEAL_MESSAGE_PROBE) {
		return peal_heartbeat_on_probe(&core->heartbeat, opened, &message, packet, now_ns);
	}
	if (opened->kind == PEAL_MESSAGE_ACK) {
		peal_heartbeat_on_ack(&core->heartbeat, opened, &message, now_ns);
		return false;
	}
	if (opened->kind == PEAL_MESSAGE_ECHO) {
		peal_echo_on_echo(&core->echo, opened, packet);
		return true;
	}
	if (peal_paths_is_reply(&message)) {
		peal_paths_on_reply(&core->paths, opened->slot, &message, now_ns);
	} else {
		peal_echo_on_reply(&core->echo, opened, &message);
	}
	return false;
}

/* A frame that came through another member says nothing about the direct way. */
static void
note_heard(struct peal_core *core, const struct peal_opened *opened, uint64_t now_ns)
{
	uint16_t slot = opened->slot;

	if (__builtin_expect(opened->is_relayed, 0)) {
		struct peal_address source = peal_headers_source(opened->packet);

		peal_paths_on_relayed(&core->paths, slot, &source, now_ns);
		return;
	}
	atomic_store_explicit(&core->config.plane->heard_at_ns[slot], now_ns, memory_order_relaxed);
}

static bool
take_relay(struct peal_core *core, const struct peal_opened *opened,
	const struct peal_packet *packet, uint64_t now_ns)
{
	return peal_relay_take(&core->relay, packet, opened->body - PEAL_HEADER_SIZE, now_ns);
}

/* An ECHO_REPLY at a shard that is not at home: to a test of the way, or of steering. */
static void
take_reply_away(
	struct peal_core *core, const struct peal_opened *opened, bool was_moved, uint64_t now_ns)
{
	struct peal_liveness_msg message;

	if (!peal_liveness_msg_decode(opened->body, opened->body_size, &message)) {
		peal_counter_add(&core->counters, PEAL_COUNTER_REFUSED_BODY, 1);
		return;
	}
	if (peal_paths_is_reply(&message)) {
		peal_paths_on_reply(&core->paths, opened->slot, &message, now_ns);
		return;
	}
	peal_counter_add(&core->counters,
		was_moved ? PEAL_COUNTER_STEERED_WRONG : PEAL_COUNTER_STEERED_RIGHT, 1);
}

/*
 * One packet at a shard that is not at home. Returns true when it was moved, or passed on. What the
 * home shard hears of a peer is enough to tell control how the peer stands.
 */
static bool
take_packet_away(
	struct peal_core *core, const struct peal_packet *packet, bool was_moved, uint64_t now_ns)
{
	struct peal_opened opened;
	enum peal_arrival arrival = peal_ingress_take(&core->ingress, packet, now_ns, &opened);

	if (arrival == PEAL_ARRIVAL_ELSEWHERE) {
		peal_resteer_move(&core->resteer, packet, opened.shard);
		return true;
	}
	if (arrival == PEAL_ARRIVAL_ARP || arrival == PEAL_ARRIVAL_ICMP) {
		peal_resteer_move(&core->resteer, packet, 0);
		return true;
	}
	if (arrival == PEAL_ARRIVAL_MESSAGE &&
		peal_message_family(opened.kind) == PEAL_FAMILY_CHANNEL) {
		take_message(core, &opened, now_ns);
	} else if (arrival == PEAL_ARRIVAL_LIVENESS && opened.kind == PEAL_MESSAGE_ECHO_REPLY) {
		take_reply_away(core, &opened, was_moved, now_ns);
	} else if (arrival == PEAL_ARRIVAL_RELAY) {
		return take_relay(core, &opened, packet, now_ns);
	} else if (arrival == PEAL_ARRIVAL_MESSAGE || arrival == PEAL_ARRIVAL_HELD ||
		   arrival == PEAL_ARRIVAL_LIVENESS) {
		peal_counter_add(&core->counters, PEAL_COUNTER_SHARD_REFUSED, 1);
	}
	if (opened.slot != PEAL_PEERS_NONE) {
		note_heard(core, &opened, now_ns);
	}
	return false;
}

/* One received packet. Returns true when it belongs to the egress, or to another shard, now. */
static inline bool
take_packet(struct peal_core *core, const struct peal_packet *packet, uint64_t now_ns)
{
	struct peal_opened opened;
	enum peal_arrival arrival = peal_ingress_take(&core->ingress, packet, now_ns, &opened);
	bool is_not_member = false;
	bool is_taken = false;

	if (__builtin_expect(arrival == PEAL_ARRIVAL_LIVENESS, 1)) {
		is_taken = take_liveness(core, &opened, packet, now_ns, &is_not_member);
	} else if (arrival == PEAL_ARRIVAL_MESSAGE) {
		take_message(core, &opened, now_ns);
	} else if (arrival == PEAL_ARRIVAL_HELD) {
		peal_hold_add(&core->hold, &opened);
	} else if (arrival == PEAL_ARRIVAL_JOIN) {
		struct peal_address source = peal_headers_source(packet->data);

		peal_neighbour_learn(&core->neighbour, &source, now_ns);
		peal_uplink_frame(&core->uplink, &opened);
	} else if (arrival == PEAL_ARRIVAL_ARP) {
		is_taken = peal_neighbour_on_arp(&core->neighbour, packet, now_ns);
	} else if (arrival == PEAL_ARRIVAL_ICMP) {
		is_taken = peal_neighbour_on_icmp(&core->neighbour, packet, now_ns);
	} else if (arrival == PEAL_ARRIVAL_STRANGER) {
		peal_uplink_stranger(&core->uplink, opened.mid);
	} else if (arrival == PEAL_ARRIVAL_ELSEWHERE) {
		peal_resteer_move(&core->resteer, packet, opened.shard);
		is_taken = true;
	} else if (arrival == PEAL_ARRIVAL_RELAY) {
		is_taken = take_relay(core, &opened, packet, now_ns);
	}

	if (opened.slot != PEAL_PEERS_NONE) {
		note_heard(core, &opened, now_ns);
		if (__builtin_expect(opened.standing != PEAL_STANDING_EQUAL, 0)) {
			peal_uplink_tell(&core->uplink, &opened, is_not_member, now_ns);
		}
	}
	return is_taken;
}

/* Costs some two cycles a frame when everything is warm. */
static inline void
fetch_ahead(const struct peal_core *core, const struct peal_packet *packets, uint32_t left_count)
{
	if (left_count > PACKET_AHEAD_COUNT) {
		__builtin_prefetch(packets[PACKET_AHEAD_COUNT].data);
		__builtin_prefetch(packets[PACKET_AHEAD_COUNT].data + 64);
	}
	if (left_count > PEER_AHEAD_COUNT) {
		uint16_t slot = peal_ingress_guess(&core->ingress, &packets[PEER_AHEAD_COUNT]);

		if (slot != PEAL_PEERS_NONE) {
			__builtin_prefetch(&core->ingress.peers[slot]);
			__builtin_prefetch(&core->heartbeat.peers[slot]);
			__builtin_prefetch(&core->egress.peers[slot]);
		}
	}
}

static void
take_packets(struct peal_core *core, struct peal_packet *packets, uint32_t count, bool was_moved,
	uint64_t now_ns)
{
	uint32_t kept_count = 0;

	PEAL_DASSERT(count <= PEAL_BURST_MAX);
	for (uint32_t i = 0; i < count; i++) {
		fetch_ahead(core, &packets[i], count - i);
		bool is_taken = __builtin_expect(peal_core_is_home(core), 1)
					? take_packet(core, &packets[i], now_ns)
					: take_packet_away(core, &packets[i], was_moved, now_ns);

		if (!is_taken) {
			packets[kept_count++] = packets[i];
		}
	}
	if (kept_count > 0) {
		peal_txqueue_recycle(&core->egress.txqueue, packets, kept_count);
	}
}

uint32_t
peal_reception_take_burst(struct peal_core *core, uint64_t now_ns)
{
	const struct peal_port *port = &core->config.port;
	struct peal_packet packets[PEAL_BURST_MAX];
	uint32_t count = port->ops->receive(port->state, port->queue, packets, PEAL_BURST_MAX);
	uint32_t moved_count = 0;
	uint64_t bytes = 0;

	if (count > 0) {
		for (uint32_t i = 0; i < count; i++) {
			bytes += packets[i].size;
		}
		take_packets(core, packets, count, false, now_ns);
		peal_counter_add(&core->counters, PEAL_COUNTER_RX_FRAMES, count);
		peal_counter_add(&core->counters, PEAL_COUNTER_RX_BYTES, bytes);
	}
	if (core->config.shards_count > 1) {
		peal_resteer_flush(&core->resteer);
		moved_count = peal_resteer_receive(&core->resteer, packets, PEAL_BURST_MAX);
		if (moved_count > 0) {
			take_packets(core, packets, moved_count, true, now_ns);
		}
	}
	return count > moved_count ? count : moved_count;
}
