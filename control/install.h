/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Switching a core to a view: the peer table it reads, the slots and keys behind it.
 *
 * Tables rotate: one that a core may still read is never written. A peer keeps its slot from the
 * view in which it appears until, departed, its slot is needed for somebody else; then the slot and
 * its key may be overwritten only if the core has acknowledged a table that no longer names it.
 * Pure but for the key derivation that the node's configuration supplies. Thread: control.
 */
#ifndef PEAL_CONTROL_INSTALL_H
#define PEAL_CONTROL_INSTALL_H

#include "dataplane/peers.h"
#include "membership/rings.h"
#include "wire/view.h"

#define PEAL_INSTALL_TABLES 4U

/* The sealing key of the member `uuid` of `cluster`, expanded for the core's AEAD. */
typedef void (*peal_derive_fn)(void *state, struct peal_uuid cluster, struct peal_uuid uuid,
	struct peal_aead_key *key_out);

struct peal_slot {
	uint64_t mid;             /* 0 = free */
	uint32_t free_generation; /* free: first table that does not name the slot */
	struct peal_uuid uuid;
	bool is_departed;
	uint64_t departed_epoch; /* first epoch without it */
};

struct peal_install {
	peal_derive_fn derive;
	void *derive_state;
	uint32_t generation;   /* of the newest table built */
	uint32_t acknowledged; /* newest generation that the core switched to */
	bool is_pending;       /* a view waits for a free table or free slots */
	struct peal_uuid cluster;
	struct peal_slot slots[PEAL_SLOTS_MAX];
	struct peal_aead_key keys[PEAL_SLOTS_MAX];
	struct peal_peers tables[PEAL_INSTALL_TABLES];
};

/* What publish needs of the node. */
struct peal_install_args {
	const struct peal_view *view; /* epoch 0: the node is not a member */
	const struct peal_topology *topology;
	uint16_t self_rank;
	uint64_t grace_until_ns; /* for members that are new in this view */
};

void peal_install_init(struct peal_install *install, peal_derive_fn derive, void *derive_state);
/*
 * Builds the table of a view.
 * @return the table to publish by a VIEW record, or NULL when the core has not acknowledged enough
 *         tables yet: call again after on_view_done (is_pending stays set until then)
 * Cost: one key derivation for each member that is new, and O(N K).
 */
const struct peal_peers *peal_install_publish(
	struct peal_install *install, const struct peal_install_args *args);
void peal_install_on_view_done(struct peal_install *install, uint32_t generation);
/* Slot of a member number, or PEAL_RANK_NONE. O(slots). */
uint16_t peal_install_find(const struct peal_install *install, uint64_t mid);

#endif
