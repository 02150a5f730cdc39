/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The way of a packet from the core that received it to the core that it is for.
 *
 * A network card puts a packet where it likes. The UDP port says whose it is, so a core that finds
 * one of another shard of its node, or what only the home shard answers (ARP, ICMP), moves it,
 * unopened, into a ring to that shard. A packet is moved once at most: to its owner it is no
 * stranger. Between each ordered pair of shards there is one ring with one producer and one
 * consumer. A full ring is a counted drop, like a full queue of the card.
 *
 * Packets to be moved are gathered during a burst, so that a ring, and who sleeps behind it, is
 * touched once for a run of them. Pure; plain struct, fields private; one core.
 */
#ifndef PEAL_DATAPLANE_RESTEER_H
#define PEAL_DATAPLANE_RESTEER_H

#include "base/counters.h"
#include "base/limits.h"
#include "dataplane/port.h"

/* One ring. `push` takes as many as there is room for, `pop` gives up to `capacity`; both return
 * how many. */
struct peal_resteer_ring {
	uint32_t (*push)(void *state, const struct peal_packet *packets, uint32_t count);
	uint32_t (*pop)(void *state, struct peal_packet *packets, uint32_t capacity);
	void *state;
};

/* The rings of one shard, [shards_count] each; its own place is not used. Outlives the core. */
struct peal_resteer_rings {
	const struct peal_resteer_ring *to;
	const struct peal_resteer_ring *from;
};

struct peal_resteer {
	struct peal_resteer_rings rings;
	struct peal_port port; /* where what does not fit is given back */
	struct peal_counters *counters;
	uint8_t shard;
	uint8_t shards_count;
	uint8_t next; /* shard whose ring is emptied first, so that all get their turn */
	uint32_t moved_count;
	uint8_t moved_to[PEAL_BURST_MAX];
	struct peal_packet moved[PEAL_BURST_MAX];
};

/* `shards_count` 0 and 1: there are no others, nothing may be moved, and `rings` is not looked at.
 */
void peal_resteer_init(struct peal_resteer *resteer, const struct peal_resteer_rings *rings,
	const struct peal_port *port, uint8_t shard, uint8_t shards_count,
	struct peal_counters *counters);

/* Takes a packet of `shard`, another one than this. At most PEAL_BURST_MAX between two flushes. */
void peal_resteer_move(
	struct peal_resteer *resteer, const struct peal_packet *packet, uint8_t shard);

/* Hands over what was gathered. Once after each burst. */
void peal_resteer_flush(struct peal_resteer *resteer);

/* Takes up to `capacity` packets that others moved here. Returns how many. */
uint32_t peal_resteer_receive(
	struct peal_resteer *resteer, struct peal_packet *packets, uint32_t capacity);

/* Gives back everything in the rings to this shard. No other core moves packets any more. */
void peal_resteer_fini(struct peal_resteer *resteer);

#endif
