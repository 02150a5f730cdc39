/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What the files of the control half share. Included by control/node.c, control/on_*.c,
 * control/emit.c.
 *
 * node.c routes and owns the order of things; each on_<input>.c handles one kind of input; emit.c
 * turns effects into records.
 */
#ifndef PEAL_CONTROL_NODE_PRIVATE_H
#define PEAL_CONTROL_NODE_PRIVATE_H

#include "control/node.h"

/* Carries out and empties the outbox: SEND and REPORT records. Without a free buffer: counted,
 * dropped. */
void peal_emit_outbox(struct peal_node *node);
/* Publishes the current view to the core, or leaves it pending. */
void peal_emit_view(struct peal_node *node);
/* One event with the node's epoch and time. */
void peal_emit_event(struct peal_node *node, enum peal_event_kind kind, uint64_t mid,
	uint64_t value, const struct peal_address *address);

/* A checked and opened frame of families 0, 2 or 3: `body` is in an up buffer, private to control
 * now. */
void peal_on_frame(struct peal_node *node, const struct peal_record *record, const uint8_t *body);
/* Family 0. */
void peal_on_join_frame(
	struct peal_node *node, const struct peal_record *record, const uint8_t *body);

/* The mask of a subject grew. */
void peal_on_alert(struct peal_node *node, const struct peal_record *record);
/* A peer speaks in an older epoch: send it the cut it lacks. */
void peal_on_behind(struct peal_node *node, const struct peal_record *record);
/* A peer speaks in a newer epoch, or says that this node is no member. */
void peal_on_ahead(struct peal_node *node, const struct peal_record *record);

/* Installs the decided cut of the current epoch. `left`: removals known to be graceful. */
void peal_on_decision(
	struct peal_node *node, const struct peal_ballot_msg *decide, bool is_flooded);
/* Becomes a member of `view`, as founder or by INSTALL. */
void peal_on_first_view(struct peal_node *node, const struct peal_view *view);
/* Starts joining with a fresh identity. */
void peal_on_start(struct peal_node *node);
/* This node is out of the group without having asked. */
void peal_on_kicked(struct peal_node *node);

/* Runs what is due. */
void peal_on_tick(struct peal_node *node);

/* Members that asked to leave or are replaced: a cut refused for lack of weight may be valid now.
 */
void peal_node_add_willing(struct peal_node *node, const struct peal_bitset *ranks);

/* Leave: first request, repeats, the end by time. */
void peal_on_leave_tick(struct peal_node *node);
/* A cut of `gone`, this node among them, is decided: it is out, or stays until the rest knows. */
void peal_on_out_decided(struct peal_node *node, const struct peal_bitset *gone);
/* A group lives that this node is not in any more: the losing side waits for it and founds nothing,
 * for two T_install; should that group be gone by then, somebody has to. */
void peal_on_removed(struct peal_node *node);
/* It is out: LEFT if it asked for it, kicked if not. */
void peal_on_out(struct peal_node *node);
uint64_t peal_on_leave_deadline_at_ns(const struct peal_node *node);

/* The decision of the running consensus, if there is one now, is installed. Loops while decisions
 * follow. */
void peal_on_progress(struct peal_node *node);

/* The view as people and INSTALL see it is complete and this node takes part in agreement. */
static inline bool
peal_node_is_active(const struct peal_node *node)
{
	return node->state == PEAL_NODE_MEMBER || node->state == PEAL_NODE_LEAVING;
}

#endif
