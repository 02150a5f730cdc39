/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What a core knows of its node and of the others: an immutable table, replaced whole at a view
 * switch.
 *
 * Control builds it, publishes it by a VIEW record, and may reuse the memory when VIEW_DONE of a
 * later generation came back. A peer keeps its slot, and with it the core's own state about it,
 * from the view in which it appears until it is forgotten. Departed members stay for a while, so
 * that they can be told. Before the node is a member the table has no members, and only family 0 is
 * accepted.
 */
#ifndef PEAL_DATAPLANE_PEERS_H
#define PEAL_DATAPLANE_PEERS_H

#include "base/limits.h"
#include "wire/aead.h"
#include "wire/ident.h"
#include "wire/view.h"

#include <stdbool.h>
#include <stdint.h>

/* Places of the index: twice the slots, so that a search is short. */
#define PEAL_PEERS_PLACES (2U * PEAL_SLOTS_MAX)

struct peal_peer {
	uint64_t mid;            /* 0 = empty slot */
	uint16_t rank;           /* in the view, or PEAL_RANK_NONE when departed */
	bool is_subject;         /* this node observes it */
	uint64_t grace_until_ns; /* may be silent until then if it never spoke (new member) */
	struct peal_address address;
	const struct peal_aead_key *key; /* opens what it sends */
};

struct peal_peers {
	uint32_t generation; /* + 1 with every table */
	uint32_t cluster;    /* fold of the cluster id */
	uint64_t epoch;      /* 0 = not a member */
	uint32_t view_tag;
	uint64_t self_mid;
	uint16_t self_rank;
	uint16_t members_count; /* 0 = not a member */
	uint8_t observers_count;
	const struct peal_aead_key *self_key;                 /* seals what this node sends */
	uint8_t slots[PEAL_MEMBERS_MAX];                      /* rank to slot, [members_count] */
	uint16_t observers[PEAL_MEMBERS_MAX][PEAL_RINGS_MAX]; /* topology, by rank */
	struct peal_peer peers[PEAL_SLOTS_MAX];
	/* Open addressing from mid to slot + 1; 0 = empty. Built by peal_peers_index. */
	uint8_t index[PEAL_PEERS_PLACES];
};

/* Builds `index` from `peers`. Call once, before publishing. Asserts that numbers are unique and <
 * 2^31. */
void peal_peers_index(struct peal_peers *peers);

/* "No such slot"; the PEAL_SLOT_NONE of dataplane/plane.h. */
#define PEAL_PEERS_NONE UINT16_MAX

/* Where the search for a number begins. */
static inline uint32_t
peal_peers_place(uint32_t mid_low)
{
	_Static_assert(
		PEAL_PEERS_PLACES == 256U, "the index is addressed by eight bits of the hash");
	return (mid_low * 0x9E3779B1U) >> 24;
}

/* Slot of the peer whose number has these low 32 bits, or PEAL_PEERS_NONE. O(1). */
static inline uint16_t
peal_peers_find(const struct peal_peers *peers, uint32_t mid_low)
{
	uint32_t place = peal_peers_place(mid_low);

	for (uint32_t i = 0; i < PEAL_PEERS_PLACES; i++) {
		uint8_t entry = peers->index[place];

		if (entry == 0) {
			return PEAL_PEERS_NONE;
		}
		if ((uint32_t)peers->peers[entry - 1U].mid == mid_low) {
			return (uint16_t)(entry - 1U);
		}
		place = (place + 1U) % PEAL_PEERS_PLACES;
	}
	return PEAL_PEERS_NONE;
}

/* True when the peer at `slot` still is the one with this number; any slot may be asked for. */
static inline bool
peal_peers_has(const struct peal_peers *peers, uint16_t slot, uint64_t mid)
{
	return slot < PEAL_SLOTS_MAX && mid != 0 && peers->peers[slot].mid == mid;
}

/* The same, and it is in the view. */
static inline bool
peal_peers_is_member(const struct peal_peers *peers, uint16_t slot, uint64_t mid)
{
	return peal_peers_has(peers, slot, mid) && peers->peers[slot].rank != PEAL_RANK_NONE;
}

#endif
