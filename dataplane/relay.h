/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Passes frames of a broken pair on: what comes from one member and is for another one.
 *
 * The frame stays as it is, byte for byte: header, body and tag are those that its sender sealed
 * for its receiver, and only the headers in front of it are written anew. So a relay can spoil
 * nothing that its receiver would not notice, no nonce is used twice, and no frame becomes longer.
 * A relay is no proxy for others, and makes nothing more of what it is given: one frame in is at
 * most one frame out, of the same size, to an address of the own view. The checks, in this order,
 * behind those that every frame passes (dataplane/ingress.h); each refusal has a counter,
 * RELAY_REFUSED_*, and changes nothing:
 *
 *   KIND     only channels and broadcast (ingress.c)
 *   MEMBER   sender and receiver are two others of the view, and the receiver has the shard
 *   SELF     they are not one and the same
 *   EPOCH    the sender is in the view of this node: they mean the same members
 *   HOP      it comes from its sender's own address, so nobody has passed it on before
 *   RATE     PEAL_RELAY_FRAMES_PER_SECOND_MAX for each core, whoever asks
 *   TAG      its sender sealed it
 *
 * There is no window: what is passed on twice is refused by its receiver, who has one.
 * Plain struct, fields private, one core. Cost of a frame: a copy and one opening.
 */
#ifndef PEAL_DATAPLANE_RELAY_H
#define PEAL_DATAPLANE_RELAY_H

#include "base/counters.h"
#include "base/messagelimits.h"
#include "dataplane/egress.h"
#include "dataplane/pace.h"
#include "dataplane/peers.h"
#include "dataplane/port.h"
#include "wire/aead.h"

struct peal_relay {
	struct peal_egress *egress;
	struct peal_counters *counters;
	struct peal_aead aead;
	const struct peal_peers *peers; /* NULL = not a member yet */
	struct peal_pace pace;
};

/* What is named outlives the machine. */
void peal_relay_init(struct peal_relay *relay, const struct peal_aead *aead,
	struct peal_egress *egress, struct peal_counters *counters);

/* Takes another table. */
static inline void
peal_relay_switch(struct peal_relay *relay, const struct peal_peers *peers)
{
	relay->peers = peers;
}

/*
 * A packet that ingress found to be a frame to be passed on (PEAL_ARRIVAL_RELAY).
 *
 * @param payload  in the packet, where the frame begins
 * @return true: it left, and belongs to the egress; false: refused or dropped, and counted
 */
bool peal_relay_take(struct peal_relay *relay, const struct peal_packet *packet,
	const uint8_t *payload, uint64_t now_ns);

#endif
