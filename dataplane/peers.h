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
#include "membership/rings.h"
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
	uint8_t shards_count;    /* 0 counts as 1 */
	uint64_t grace_until_ns; /* may be silent until then if it never spoke (it is new, or I) */
	struct peal_address address;
	const struct peal_aead_key *key; /* opens what it sends */
};

/* A tree of the view, as a core needs it: slots in place of ranks. */
struct peal_peers_tree {
	uint8_t ancestors_count;
	uint16_t ancestors[PEAL_TREE_DEPTH_MAX]; /* slots, parent first */
	uint8_t height;
	uint16_t first; /* places of its run */
	uint16_t count;
	uint8_t children_count;
	uint16_t children[PEAL_TREE_ARITY_MAX]; /* slots */
};

struct peal_peers {
	uint32_t generation; /* + 1 with every table; guests make several tables of one view */
	uint32_t cluster;    /* fold of the cluster id */
	uint64_t epoch;      /* 0 = not a member */
	uint64_t next_mid;   /* of the view: no frame comes from a number at or above */
	uint32_t view_tag;
	uint64_t self_mid;
	uint16_t self_rank;
	uint16_t members_count; /* 0 = not a member */
	uint8_t observers_count;
	bool is_large; /* more than PEAL_DIRECT_MAX members: flood and trees */
	const struct peal_aead_key *self_key; /* seals what this node sends */
	const struct peal_view *view;         /* read only; lives until VIEW_DONE of a later one */
	const struct peal_topology *topology; /* the same */
	uint16_t neighbours_count;            /* members with a slot, without this node */
	uint16_t neighbours[PEAL_SLOTS_MAX];  /* slots, by rank: everybody, or those near */
	uint16_t subjects_count;              /* for the flood: whom this node observes */
	uint16_t subjects[PEAL_SLOTS_MAX];    /* slots */
	uint16_t observers_slots_count;       /* who observes this node */
	uint16_t observers_slots[PEAL_RINGS_MAX];
	struct peal_peers_tree trees[PEAL_TREES_MAX]; /* when is_large */
	struct peal_peer peers[PEAL_SLOTS_MAX];
	/* Open addressing from mid to slot + 1; 0 = empty. Built by peal_peers_index. */
	uint16_t index[PEAL_PEERS_PLACES];
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
		PEAL_PEERS_PLACES == 512U, "the index is addressed by nine bits of the hash");
	return (mid_low * 0x9E3779B1U) >> 23;
}

/* Slot of the peer whose number has these low 32 bits, or PEAL_PEERS_NONE. O(1). */
static inline uint16_t
peal_peers_find(const struct peal_peers *peers, uint32_t mid_low)
{
	uint32_t place = peal_peers_place(mid_low);

	for (uint32_t i = 0; i < PEAL_PEERS_PLACES; i++) {
		uint16_t entry = peers->index[place];

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

/* The two shards of a channel. */
struct peal_shard_pair {
	uint8_t own;
	uint8_t peer;
};

/*
 * Where the channel `number` between this node, which has `shards_count` shards, and the member at
 * `slot` lives (dataplane/shard.h); those of services (base/clientlimits.h) are at home. The
 * member is in the view.
 */
struct peal_shard_pair peal_peers_find_shards(
	const struct peal_peers *peers, uint16_t slot, uint16_t number, uint8_t shards_count);

/*
 * True when `now` is a table of the view that `before`, or NULL, is of: only slots of guests
 * changed, and what is known about reports, votes and the other peers stays true.
 */
static inline bool
peal_peers_is_same_view(const struct peal_peers *before, const struct peal_peers *now)
{
	return before != NULL && before->members_count > 0 && now->members_count > 0 &&
	       before->cluster == now->cluster && before->self_mid == now->self_mid &&
	       before->epoch == now->epoch && before->view_tag == now->view_tag;
}

#endif
