/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Everything a core sends: builds the frame, seals it, and leaves it in the queue
 * (dataplane/txqueue.h) whose second class, bulk, are the frames written in two steps.
 *
 * A frame to a member takes its link, IP and UDP headers from a template that is rebuilt at the
 * view switch, and the next counter of the stream to that member. The counter never wraps and never
 * repeats under one key: it starts again only with a new incarnation of this node. In a large group
 * a member may lose its slot and get one again, while it still remembers what it was sent; so the
 * stream of a new slot goes on above all streams that were ever forgotten. What the headers are is
 * in dataplane/headers.h.
 *
 * Members on the own segment are sent to at their own MAC, the others at the gateway's. Until that
 * is known, or when a member has the other form of IP address, frames to it are dropped and
 * counted.
 *
 * To a peer whose direct way does not carry (dataplane/paths.h), frames of channels and broadcast
 * go to another member, which passes them on: the same frame, of the same stream, with the flag
 * RELAY, behind the headers of a frame to that member. All else always goes directly.
 *
 * A peer has one template and one counter, whichever of its shards a frame is for: the header names
 * both shards, so the frames to each of them are a stream of its own with gaps in its counters. A
 * receiver's window bears as much disorder as if there were no shards.
 *
 * Plain struct, fields private but where they say public, one core.
 */
#ifndef PEAL_DATAPLANE_EGRESS_H
#define PEAL_DATAPLANE_EGRESS_H

#include "base/assert.h"
#include "base/counters.h"
#include "base/prng.h"
#include "dataplane/headers.h"
#include "dataplane/peers.h"
#include "dataplane/route.h"
#include "dataplane/txqueue.h"
#include "wire/liveness_msg.h"

#include <stdalign.h>

/* All that a frame to one peer needs, in one cache line. */
struct peal_egress_peer {
	alignas(64) uint64_t counter; /* of the last frame of the stream */
	uint32_t dst;                 /* member number; 0 = empty slot */
	bool is_far;                  /* behind the gateway */
	bool is_lost;                 /* there is no way to it (yet) */
	bool is_slow;                 /* that, or the headers are not plain, or `via` */
	/* Headers of a liveness frame when they are plain; a frame of another size has two lengths
	 * and a checksum replaced. Otherwise what differs between receivers. */
	union {
		uint8_t link[PEAL_UDP_OFFSET];
		struct peal_headers_target target;
	};
	uint8_t via_shard;
	uint16_t via; /* slot of who passes frames on; PEAL_PEERS_NONE = they go directly */
};

_Static_assert(sizeof(struct peal_egress_peer) == 64, "one cache line");

struct peal_egress {
	struct peal_txqueue txqueue; /* Public. */
	struct peal_aead aead;
	const struct peal_aead_key *self_key;
	const struct peal_aead_key *pre_key;
	struct peal_counters *counters;
	uint32_t cluster;
	uint32_t self_mid;
	uint32_t epoch; /* low bits */
	uint32_t cluster_name;
	uint64_t floor;              /* no stream that has lost its slot went above */
	uint64_t transaction;        /* of family 0 */
	struct peal_headers headers; /* the source port is that of this shard */
	struct peal_route route;
	uint8_t gateway_mac[6]; /* zero = not known yet */
	uint8_t shard;
	struct peal_prng prng; /* nonces of family 0 */
	/* Public: the largest body of a frame of channels that the link says it carries,
	 * [PEAL_BODY_SIZE_MAX, PEAL_LARGE_BODY_SIZE_MAX]. */
	uint16_t body_size_max;
	struct peal_egress_peer peers[PEAL_SLOTS_MAX];
	bool has_doubts;
	uint64_t doubts[PEAL_RESIDENTS_WORDS]; /* slots of peers that do not answer */
	/* Source ports with which the cards of peers find the queue of each shard; of peers with
	 * several shards only, when headers are plain; others have the shard's own port
	 * (dataplane/toeplitz.h). */
	uint16_t source_ports[PEAL_SLOTS_MAX][PEAL_SHARDS_MAX];
};

struct peal_egress_config {
	struct peal_port port;
	struct peal_aead aead;
	const struct peal_aead_key *pre_key; /* outlives the machine */
	uint32_t cluster_name;
	struct peal_address address; /* own, with MAC */
	uint16_t vlan;               /* 0 = none */
	struct peal_route route;
	uint64_t seed[4]; /* 256 random bits: two nodes must never draw the same nonces */
	struct peal_counters *counters;
	uint8_t shard; /* of this core */
};

/* Nobody is known yet: only family 0 can be sent. */
void peal_egress_init(struct peal_egress *egress, const struct peal_egress_config *config);

/* Takes the peers of a new view. What is queued was sealed and leaves as it is. */
void peal_egress_switch(struct peal_egress *egress, const struct peal_peers *peers);

/* The gateway has this MAC now: those behind it are reached through it from here on. */
void peal_egress_set_gateway(struct peal_egress *egress, const uint8_t mac[6]);

/*
 * From now on frames of channels and broadcast to the peer at `slot` go through the one at `via`,
 * to its shard `via_shard`; directly again with PEAL_PEERS_NONE. A switch makes all ways direct.
 */
void peal_egress_set_via(
	struct peal_egress *egress, uint16_t slot, uint16_t via, uint8_t via_shard);

/* The peer at `slot` does not answer: perhaps the way to it does not carry. The core looks at the
 * end of its turn. */
static inline void
peal_egress_doubt(struct peal_egress *egress, uint16_t slot)
{
	PEAL_DASSERT(slot < PEAL_SLOTS_MAX);
	egress->has_doubts = true;
	egress->doubts[slot / 64U] |= UINT64_C(1) << (slot % 64U);
}

/*
 * Passes a received frame on as it is: behind the headers of a frame to `shard` of the peer at
 * `slot`, as bulk, whatever way own frames to that peer take.
 *
 * @param payload_size  of the whole frame behind the packet's headers
 * @return true: the packet belongs to the egress; false: no room, no way to the peer, or too large
 * for this link
 */
bool peal_egress_pass(struct peal_egress *egress, const struct peal_packet *packet, uint16_t slot,
	uint8_t shard, uint32_t payload_size);

/*
 * Finds the MAC that frames for `address` go to, if they can be sent: its own or the gateway's.
 * NULL: not known, or the address has another form than the node's.
 */
const uint8_t *peal_egress_next_hop(
	const struct peal_egress *egress, const struct peal_address *address);

/*
 * Sends one frame of family 1 and up to the home shard of the peer at `slot`, which must not be
 * empty.
 *
 * @param body  [size], copied; size in [0, PEAL_BODY_SIZE_MAX]
 * @return false when the port has no packet: dropped, counted
 */
bool peal_egress_send_slot(struct peal_egress *egress, uint16_t slot, uint8_t kind,
	const uint8_t *body, uint16_t size);

/*
 * The same in two steps, for bulk: the body is written where it is sealed.
 *
 * begin lends a packet and says where its body is, with room for body_size_max; NULL when bulk has
 * no place left in this turn, or the port has no packet (counted). end, which must follow, seals
 * what was written and queues it, for `shard` of the peer.
 */
uint8_t *peal_egress_begin(struct peal_egress *egress, struct peal_packet *packet_out);
void peal_egress_end(struct peal_egress *egress, const struct peal_packet *packet, uint16_t slot,
	uint8_t shard, uint8_t kind, uint16_t size);

/* Bytes at the end of a body that lie elsewhere: only read, while `end_rest` runs. */
struct peal_egress_rest {
	const uint8_t *bytes; /* [size] */
	uint16_t size;        /* 0 = none */
};

/*
 * As end, for a body whose last bytes were not written: they are sealed from where they lie into
 * the packet, in one pass. `size` is that of the whole body.
 */
void peal_egress_end_rest(struct peal_egress *egress, const struct peal_packet *packet,
	uint16_t slot, uint8_t shard, uint8_t kind, uint16_t size,
	const struct peal_egress_rest *rest);

/* The same for a frame of family 0 to `address`; without a next hop it is dropped and counted. */
bool peal_egress_send_address(struct peal_egress *egress, const struct peal_address *address,
	uint8_t kind, const uint8_t *body, uint16_t size);

/*
 * Turns a received packet round: it becomes a liveness frame to `shard` of the peer at `slot` and
 * is queued.
 *
 * @param packet  at least a liveness frame long; the egress owns it afterwards
 * @param body    not inside the packet
 */
void peal_egress_answer(struct peal_egress *egress, const struct peal_packet *packet, uint16_t slot,
	uint8_t shard, uint8_t kind, const uint8_t body[PEAL_LIVENESS_BODY_SIZE]);

#endif
