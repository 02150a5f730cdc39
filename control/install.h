/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Switching a core to a view: the peer table it reads, the slots and keys behind it.
 *
 * Tables rotate: one that a core may still read is never written, and what it points into is
 * retained. A peer keeps its slot as long as tables name it; then the slot and its key may be
 * overwritten only when the core has acknowledged a table that no longer does. Besides those that a
 * view needs, tables name some who linger: members that departed lately, so that they can be told,
 * and former neighbours for one view. Pure but for the key derivation that the node's configuration
 * supplies. Thread: control.
 */
#ifndef PEAL_CONTROL_INSTALL_H
#define PEAL_CONTROL_INSTALL_H

#include "dataplane/peers.h"
#include "membership/group.h"
#include "membership/trees.h"
#include "wire/view.h"

#define PEAL_INSTALL_TABLES 4U

/* The sealing key of the member `uuid` of `cluster`, expanded for the core's AEAD. */
typedef void (*peal_derive_fn)(void *state, struct peal_uuid cluster, struct peal_uuid uuid,
	struct peal_aead_key *key_out);

struct peal_slot {
	uint64_t mid;               /* 0 = free */
	uint32_t free_generation;   /* free: first table that does not name the slot */
	uint32_t needed_generation; /* last table that needed it; lingering if that is not the last
				       one */
	uint64_t needed_epoch;      /* its epoch */
	bool is_departed;           /* lingering: it is no member any more */
	struct peal_uuid uuid;
};

struct peal_install {
	peal_derive_fn derive;
	void *derive_state;
	uint32_t generation;   /* of the newest table built */
	uint32_t acknowledged; /* newest generation that the core switched to */
	bool is_pending;       /* to be published (again) after the next VIEW_DONE */
	struct peal_uuid cluster;
	struct peal_slot slots[PEAL_SLOTS_MAX];
	struct peal_aead_key keys[PEAL_SLOTS_MAX];
	struct peal_peers tables[PEAL_INSTALL_TABLES];
	const struct peal_group
		*groups[PEAL_INSTALL_TABLES]; /* what the tables point into, retained */
	struct peal_groups store;
	/* Open addressing from mid to slot + 1; 0 = empty. */
	uint16_t index[PEAL_PEERS_PLACES];
};

/* What publish needs of the node. */
struct peal_install_args {
	const struct peal_group
		*group; /* NULL: the node is not a member; retained while a core reads */
	uint16_t self_rank;
	uint64_t new_mid; /* members from this number on are new in this view */
	uint32_t guests_count;
	const uint64_t
		*guests; /* numbers of members that are to have a slot although no neighbours */
	/* For members that are new in this view; for all, if this node is: an old one that has not
	 * got the view yet cannot open what a new one asks. */
	uint64_t grace_until_ns;
};

/* `install` is zeroed memory; `store` outlives it. */
void peal_install_init(struct peal_install *install, peal_derive_fn derive, void *derive_state,
	struct peal_groups store);
/*
 * Builds the table of a view, or another one of the same view with other guests.
 * @return the table to publish by a VIEW record, or NULL when the core has not acknowledged enough
 *         tables yet
 * Afterwards is_pending says whether to call again after the next VIEW_DONE: always with NULL; and
 * with a table from which somebody was left out because slots wait for the core to forget their
 * last peer. Slots are given to everybody up to PEAL_DIRECT_MAX members; above to observers,
 * ancestors and children in both trees, subjects, the first sequencer of joins and its two
 * alternates, neighbours in the trees of broadcast, the other ranks of order groups that it is in,
 * and guests, in this order. Cost: one key derivation for each slot that is new, and O(slots).
 */
const struct peal_peers *peal_install_publish(
	struct peal_install *install, const struct peal_install_args *args);
/* The core has switched to a table; groups of older ones are released. */
void peal_install_on_view_done(struct peal_install *install, uint32_t generation);
/* Slot of a member number, or PEAL_RANK_NONE. O(1). */
uint16_t peal_install_find(const struct peal_install *install, uint64_t mid);
/* Releases the groups. Only when no core reads a table any more. */
void peal_install_fini(struct peal_install *install);

#endif
