/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Passing messages on, once each: how a few frames reach everybody in a large group.
 *
 * Only in views of more than PEAL_DIRECT_MAX members. Flooded are LEAVE, P1A, P2A, DECIDE,
 * JOIN_BATCH and VOTE_UP, when their number (origin_seq) is not 0; a message with number 0, and any
 * other kind, is meant for its receiver alone ("private"). Reports are flooded by what they say
 * (dataplane/alertbatch.h).
 *
 * A message is known by its origin and number within one epoch. Who sees it first hands it up and
 * sends it, one hop further, to the members that it observes, but not to the one it came from nor
 * to the origin. On an expander of K rings all live members get it in about log N hops, whoever is
 * dead. P1A and P2A go to its observers as well: they are for a group that lost many, where all K
 * observers of somebody may be dead (half of 100: one group in 37) and its promise be needed. From
 * the origin itself (hop 0) it must come over the origin's own stream; later hops are believed,
 * like anything that an authenticated member passes on.
 *
 * The memory is a bounded table; in a full set the oldest entry makes room. A message that is
 * forgotten while it is around would be passed on again: hops bound that. Plain struct, fields
 * private, one core. paper: RAPID 8, broadcast on the expander; the table and its bounds are
 * Peal's.
 */
#ifndef PEAL_DATAPLANE_FLOOD_H
#define PEAL_DATAPLANE_FLOOD_H

#include "base/counters.h"
#include "dataplane/egress.h"
#include "dataplane/ingress.h"
#include "dataplane/peers.h"
#include "wire/flood_msg.h"
#include "wire/messages.h"

enum peal_flood_verdict {
	PEAL_FLOOD_REFUSED = 0, /* malformed, of another view, from somebody else: REFUSED_BODY */
	PEAL_FLOOD_COPY = 1,    /* known: nothing to do */
	PEAL_FLOOD_FRESH = 2,   /* passed on; to be handled here */
};

struct peal_flood_entry {
	uint32_t origin; /* 0 = empty */
	uint32_t origin_seq;
	bool is_owed; /* was passed on, but not handled here */
};

struct peal_flood {
	struct peal_egress *egress;
	struct peal_counters *counters;
	const struct peal_peers *peers;
	struct peal_flood_entry *last; /* what `take` gave last */
	bool is_used;
	uint8_t oldest[PEAL_FLOOD_SETS_MAX]; /* place of a set that is taken next */
	struct peal_flood_entry entries[PEAL_FLOOD_SETS_MAX][PEAL_FLOOD_WAYS_MAX];
};

/* `egress` and `counters` outlive the machine. */
void peal_flood_init(
	struct peal_flood *flood, struct peal_egress *egress, struct peal_counters *counters);

/* Takes another table; in a new view nothing is known. */
void peal_flood_switch(struct peal_flood *flood, const struct peal_peers *peers);

/* The bytes of a message that name it: view tag, origin and number, the first of the prefix. */
#define PEAL_FLOOD_ID_SIZE 12U

/* True for a message that is not to be passed on. `body` holds a prefix at least. */
static inline bool
peal_flood_is_private(uint8_t kind, const uint8_t *body)
{
	uint32_t origin_seq;

	memcpy(&origin_seq, body + PEAL_FLOOD_ID_SIZE - sizeof(origin_seq), sizeof(origin_seq));
	switch (kind) {
	case PEAL_MESSAGE_LEAVE:
	case PEAL_MESSAGE_P1A:
	case PEAL_MESSAGE_P2A:
	case PEAL_MESSAGE_DECIDE:
	case PEAL_MESSAGE_JOIN_BATCH:
	case PEAL_MESSAGE_VOTE_UP:
		return origin_seq == 0;
	default:
		return true;
	}
}

/*
 * A message of this epoch in a large view that is not private. FRESH: it was passed on. Counts
 * FLOOD_PASSED for each copy sent and FLOOD_COPIES for each that comes in vain.
 */
enum peal_flood_verdict peal_flood_take(struct peal_flood *flood, const struct peal_opened *opened);

/* What `take` gave last could not be handled: the next copy is FRESH once more, but not passed on.
 */
void peal_flood_owe(struct peal_flood *flood);

/* A message of this node to everybody: to the members that it observes. Returns how many frames
 * left. */
uint32_t peal_flood_start(
	struct peal_flood *flood, uint8_t kind, const uint8_t *body, uint16_t size);

#endif
