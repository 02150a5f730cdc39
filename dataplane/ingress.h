/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The one place where a received packet is checked and opened.
 *
 * The checks run in this order; the first that fails is a counter, and nothing else changes:
 * link and IP (of the node's shape, for this station, whole, no options, no fragment), UDP port
 * (all dataplane/headers.h); size, magic, version, kind, flags (wire/frame.h); cluster, key,
 * destination, source, epoch range, replay; for family 0 the rate; tag; epoch rule. The replay
 * window moves only behind a good tag. Nothing is ever answered here.
 *
 * The epoch rule, families 1 and up, `distance` = sender's epoch minus mine. "timeless" are DECIDE
 * and what brings a member forward: SYNC, SNAPSHOT, BODY, BODY_PULL; channels, which are bound
 * to two member numbers and to epochs of their own; and order, which is bound to member numbers and
 * has views of its own.
 *
 *     sender             liveness    timeless  other messages
 *     departed           PROBE only  refused   refused
 *     distance < 0       passes      passes    refused, after the tag
 *     distance = 0       passes      passes    pass
 *     distance = 1       passes      passes    to be held until the view arrives
 *     distance > 1       passes      passes    refused, unopened
 *
 * A peer that departed or speaks in another epoch is told from the rest by `standing`, whether its
 * frame passed or not, so that control can bring it, or this node, forward.
 *
 * A frame with the flag RELAY is one of families 4 to 6 that goes through a third member. There it
 * is for another number, and nothing else is looked at here (dataplane/relay.h); at its receiver it
 * is checked like any other, under its sender's key and window, and told from the rest, for it says
 * nothing about the direct way.
 *
 * A stranger is a number of the view that has no slot here. Its frames cannot be opened and are
 * refused (source) like any other; so that control can give it a slot, some of them are told, at
 * most PEAL_STRANGERS_PER_SECOND_MAX: who is not authenticated must not be able to do more.
 *
 * Family 0 has no window: its cookies, and requests that may come twice, protect it. It is for the
 * home shard alone.
 *
 * A stream has one owner, the shard that the header names, and so has its window: there is one for
 * each shard of a peer, and none is shared between cores. What comes to the UDP port of another
 * shard of this node is not looked at further; the core moves it (dataplane/resteer.h).
 * Plain struct, fields private, one core. No allocation; the packet is opened in place.
 */
#ifndef PEAL_DATAPLANE_INGRESS_H
#define PEAL_DATAPLANE_INGRESS_H

#include "base/counters.h"
#include "dataplane/headers.h"
#include "dataplane/pace.h"
#include "dataplane/peers.h"
#include "dataplane/port.h"
#include "wire/frame.h"
#include "wire/replay.h"

#include <stdalign.h>

/* What a packet turned out to be. */
enum peal_arrival {
	PEAL_ARRIVAL_REFUSED = 0,  /* dropped and counted */
	PEAL_ARRIVAL_ARP = 1,      /* for the neighbour table; not checked */
	PEAL_ARRIVAL_ICMP = 2,     /* IP header checked, ICMP or ICMPv6 not */
	PEAL_ARRIVAL_JOIN = 3,     /* family 0, opened */
	PEAL_ARRIVAL_LIVENESS = 4, /* family 1, opened */
	PEAL_ARRIVAL_MESSAGE = 5,  /* families 2 to 6, opened, to be handled now */
	PEAL_ARRIVAL_HELD = 6,     /* families 2, 3 and 5 of the next epoch, opened */
	PEAL_ARRIVAL_STRANGER = 7, /* dropped and counted; control should hear who it says it is */
	PEAL_ARRIVAL_ELSEWHERE =
		8,              /* for another shard of this node, by its UDP port; not checked */
	PEAL_ARRIVAL_RELAY = 9, /* to be passed on; checked up to the key slot, not opened */
};

/* How an authenticated sender stands to this node's view. */
enum peal_standing {
	PEAL_STANDING_EQUAL = 0,
	PEAL_STANDING_BEHIND = 1, /* of an older epoch, or departed */
	PEAL_STANDING_AHEAD = 2,
};

/* An opened frame. Pointers go into the packet. */
struct peal_opened {
	uint8_t kind;     /* enum peal_message */
	uint8_t standing; /* enum peal_standing; EQUAL for everything not authenticated */
	uint16_t slot; /* of the sender; PEAL_PEERS_NONE in family 0 and when not authenticated */
	uint16_t rank; /* of the sender, PEAL_RANK_NONE when departed */
	uint16_t body_size;
	uint8_t shard;   /* of the sender; of ELSEWHERE, whose it is */
	bool is_relayed; /* it came through another member */
	uint64_t mid;    /* of the sender, as it says if it is a stranger; 0 in family 0 */
	uint64_t epoch;  /* of the sender; 0 in family 0 */
	const uint8_t *body;
	const uint8_t *packet; /* Ethernet header; PEAL_HEADERS_SIZE_MAX bytes can be read */
};

/* All that a frame of one peer needs, in one cache line. */
struct peal_ingress_peer {
	alignas(64) uint64_t mid; /* 0 = empty slot */
	const struct peal_aead_key *key;
	struct peal_replay replay; /* of its home shard */
	uint16_t rank;
	uint8_t shards_count;
};

_Static_assert(sizeof(struct peal_ingress_peer) == 64, "one cache line");

struct peal_ingress {
	/* What a packet for this node looks like, as the machine reads it, when it is plain. */
	bool is_plain;
	uint8_t headers_size;
	uint64_t link_dst; /* own MAC in the low 48 bits */
	uint32_t ipv4_dst;
	uint16_t udp_dst;
	uint16_t port; /* UDP, of shard 0 */
	uint8_t shard;
	uint8_t shards_count; /* of this node, at least 1 */
	uint8_t key_id;
	bool is_member;
	uint32_t cluster;
	uint32_t cluster_name;
	uint32_t self_mid;
	uint64_t epoch;
	struct peal_aead aead;
	const struct peal_aead_key *pre_key;
	const uint16_t *index; /* of the peers table */
	struct peal_counters *counters;
	uint64_t next_mid;
	struct peal_pace joins; /* of family 0 */
	struct peal_pace strangers;
	struct peal_headers headers;
	struct peal_ingress_peer peers[PEAL_SLOTS_MAX];
	/* Other shards of a peer that were heard; bit 0 is not used. Only their windows mean
	 * anything, so that nobody pays for shards that are not there. */
	uint64_t windows_used[PEAL_SLOTS_MAX];
	struct peal_replay windows[PEAL_SLOTS_MAX][PEAL_SHARDS_MAX];
};

struct peal_ingress_config {
	struct peal_aead aead;
	const struct peal_aead_key *pre_key; /* outlives the machine */
	uint32_t cluster_name;
	struct peal_address address; /* own, with MAC */
	uint16_t vlan;               /* 0 = none */
	struct peal_counters *counters;
	uint8_t shard;        /* [0, shards_count) */
	uint8_t shards_count; /* 0 counts as 1 */
};

/* Nobody is known yet: only family 0 passes. */
void peal_ingress_init(struct peal_ingress *ingress, const struct peal_ingress_config *config);

/*
 * Takes another table, of a new view or of the same. The window of a slot is kept when the peer is
 * the same and so is this node's own incarnation (cluster and member number, which the nonces
 * contain); otherwise it is empty. `peers` is read until the next switch.
 */
void peal_ingress_switch(struct peal_ingress *ingress, const struct peal_peers *peers);

/*
 * Guesses the slot of who sent a packet, before any check, so that its state can be fetched into
 * the cache: PEAL_PEERS_NONE, or any slot at all when the packet lies or two numbers share a place.
 */
static inline uint16_t
peal_ingress_guess(const struct peal_ingress *ingress, const struct peal_packet *packet)
{
	uint32_t src;

	if (packet->size < (uint32_t)ingress->headers_size + PEAL_HEADER_SIZE) {
		return PEAL_PEERS_NONE;
	}
	memcpy(&src, packet->data + ingress->headers_size + PEAL_FRAME_SRC_OFFSET, sizeof(src));
	uint16_t entry = ingress->index[peal_peers_place(src)];

	return entry == 0 ? PEAL_PEERS_NONE : (uint16_t)(entry - 1U);
}

/*
 * Checks and opens one packet.
 *
 * @param packet      as received; body and tag are overwritten when the tag is read
 * @param opened_out  filled for JOIN, LIVENESS, MESSAGE and HELD; slot, rank, mid, epoch and
 * standing also for a refused frame that was authentic; otherwise slot is PEAL_PEERS_NONE, standing
 *                    is EQUAL, and of a STRANGER mid is set
 * Cost: one opening of the AEAD and some forty cycles.
 */
enum peal_arrival peal_ingress_take(struct peal_ingress *ingress, const struct peal_packet *packet,
	uint64_t now_ns, struct peal_opened *opened_out);

#endif
