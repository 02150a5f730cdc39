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

/* Orders for bodies that others asked for; the rest of the pool is for what this node starts. */
#define PEAL_NODE_PULLS_MAX (PEAL_STREAMS_MAX - 4U)

/* ---- node.c ---- */

/*
 * Everything that must be equal in a cluster; a joiner with another value is refused. The detector
 * is a member's own (base/timing.h): only the window, which bounds all detectors, is here.
 */
struct peal_parameters peal_node_parameters(const struct peal_node_config *config);

/* ---- emit.c ---- */

/*
 * Carries out and empties the outbox: SEND and REPORT records. Without a free buffer: counted,
 * dropped. Values that agreement wants are given to it if they are here, else asked for; what
 * agreement says to that is carried out as well.
 */
void peal_emit_outbox(struct peal_node *node);
/* Publishes the current view to the core, or leaves it pending. */
void peal_emit_view(struct peal_node *node);
/* One event with the node's epoch and time. */
void peal_emit_event(struct peal_node *node, enum peal_event_kind kind, uint64_t mid,
	uint64_t value, const struct peal_address *address);
/* Hands an order to the core, or takes it back: counted. */
void peal_emit_stream(struct peal_node *node, struct peal_stream *stream);
/* Frames that may be put into the outbox now so that they find buffers. */
uint32_t peal_emit_budget(const struct peal_node *node);

/* ---- on_frame.c ---- */

/* A checked and opened frame of families 0, 2 or 3: `body` is in an up buffer, private to control
 * now. */
void peal_on_frame(struct peal_node *node, const struct peal_record *record, const uint8_t *body);
/* A message that is not what its kind says, or says what cannot be. */
static inline void
peal_on_refused(struct peal_node *node)
{
	peal_counter_add(&node->counters, PEAL_COUNTER_MESSAGES_REFUSED, 1);
}

/* ---- on_ordergroup.c ---- */

/* A view was installed; `before`: the one before, NULL = this is the first as this member. */
void peal_on_ordergroup_view(struct peal_node *node, const struct peal_view *before);
void peal_on_ordergroup_tick(struct peal_node *node);
uint64_t peal_on_ordergroup_deadline_at_ns(const struct peal_node *node);

/* ---- on_join.c ---- */

/* Family 0. */
void peal_on_join_frame(
	struct peal_node *node, const struct peal_record *record, const uint8_t *body);
/* Streams the view to joiners that are in it, [PEAL_STREAM_TARGETS_MAX] at most. */
void peal_on_invite(
	struct peal_node *node, const struct peal_invitee *invitees, uint32_t invitees_count);
/*
 * A large view was installed: whoever is new is sent it by exactly one member, and those whose turn
 * this node's is are sent it now. `joiners`, [joiners_count], [PEAL_STREAM_TARGETS_MAX] at most,
 * are those that this node introduced: when few are new, the others of them get its first part, so
 * that they know whom to ask when nothing else comes.
 */
void peal_on_new_members(
	struct peal_node *node, const struct peal_invitee *joiners, uint32_t joiners_count);

/* ---- on_peer.c ---- */

/* The mask of a subject grew. */
void peal_on_alert(struct peal_node *node, const struct peal_record *record);
/* A number of the view without a slot speaks. */
void peal_on_stranger(struct peal_node *node, uint64_t mid);
/* The member `mid` is to have a slot. */
void peal_node_add_guest(struct peal_node *node, uint64_t mid);

/* ---- on_sync.c ---- */

/* A peer speaks in an older epoch: send it the cut it lacks. */
void peal_on_behind(struct peal_node *node, const struct peal_record *record);
/* A peer speaks in a newer epoch, or says that this node is no member. */
void peal_on_ahead(struct peal_node *node, const struct peal_record *record);
/* SYNC and SNAPSHOT of the member `mid`. */
void peal_on_sync(struct peal_node *node, uint64_t mid, struct peal_reader *reader);
void peal_on_snapshot(struct peal_node *node, uint64_t mid, struct peal_reader *reader);
/* The snapshot that was asked for is here. */
void peal_on_caught_up(struct peal_node *node, const struct peal_body *body);
/* Asks who is ahead. */
void peal_on_sync_tick(struct peal_node *node);
uint64_t peal_on_sync_deadline_at_ns(const struct peal_node *node);

/* ---- on_body.c ---- */

/* BODY and BODY_PULL of the member `mid`. */
void peal_on_body(struct peal_node *node, uint64_t mid, struct peal_reader *reader);
void peal_on_pull(struct peal_node *node, uint64_t mid, struct peal_reader *reader);
/* A JOIN_BATCH of the member `mid`. */
void peal_on_batch(struct peal_node *node, uint64_t mid, struct peal_reader *reader);
/* Joiners and members that they replace enter the cut detector. */
void peal_on_batch_body(struct peal_node *node, const struct peal_body *batch);
/* The own batch: to everybody, if it does not fit the announcement. */
void peal_on_batch_sent(struct peal_node *node, const struct peal_body *batch);
/* A body that is here: not merely in the store. NULL: no. Good until the next input. */
const struct peal_body *peal_node_find_body(
	const struct peal_node *node, struct peal_hash128 digest);
/* The snapshot of the view, made when it is first needed. NULL: no room. */
const struct peal_body *peal_node_snapshot(struct peal_node *node);
/*
 * Limits an order to the chunks that a pull names, [words_count] words from chunk `first` on; all
 * of them when it names none. False: it names only chunks that the body does not have.
 */
bool peal_on_select_chunks(
	struct peal_stream *stream, uint16_t first, const uint64_t *missing, uint32_t words_count);
/* Asks for what is missing. */
void peal_on_body_tick(struct peal_node *node);

/* ---- on_vote.c ---- */

/* Votes gathered by the trees. */
void peal_on_tally(struct peal_node *node, const struct peal_record *record, const uint8_t *body);
/* Flooded votes. */
void peal_on_vote_up(struct peal_node *node, struct peal_reader *reader);
/* Says that this view is installed, once the core has it. */
void peal_on_installed(struct peal_node *node);
/* True when most members that the last cut added have said so, too. */
bool peal_node_are_additions_here(const struct peal_node *node);
/* Passes promises on. */
void peal_on_vote_tick(struct peal_node *node);

/* ---- on_view.c ---- */

/*
 * Installs the decided cut of the current epoch, or tries again later.
 * @param left  removals known to be graceful
 * @param result_hash  what another member says comes out of it, which must be true; NULL: it was
 *                     decided here, and everybody is told unless node->told_digest says that it was
 */
void peal_on_decision(struct peal_node *node, const struct peal_body *value,
	struct peal_ballot ballot, const struct peal_bitset *left,
	const struct peal_hash128 *result_hash);
/* Becomes a member of `group`, which is retained for it, as founder or by the snapshot `body`. */
void peal_on_first_view(
	struct peal_node *node, const struct peal_group *group, const struct peal_body *body);
/* Skips to `group`, which is retained for it. */
void peal_on_later_view(struct peal_node *node, const struct peal_group *group);
/* Starts joining with a fresh identity. */
void peal_on_start(struct peal_node *node);
/* This node is out of the group without having asked. */
void peal_on_kicked(struct peal_node *node, enum peal_kicked why);
/* Gives back what belongs to a membership. */
void peal_node_release_view(struct peal_node *node);

/* ---- on_tick.c ---- */

/* Gives a value to consensus; what finds no room is tried again by the next tick. */
void peal_node_propose(struct peal_node *node, const struct peal_proposal *value, bool is_fast);
/* Runs what is due. */
void peal_on_tick(struct peal_node *node);

/* Members that asked to leave or are replaced: a cut refused for lack of weight may be valid now.
 */
void peal_node_add_willing(struct peal_node *node, const struct peal_bitset *ranks);

/* ---- on_leave.c ---- */

/* Leave: first request, repeats, the end by time. */
void peal_on_leave_tick(struct peal_node *node);
/* A cut of `gone`, this node among them, is decided: it is out, or stays until the rest knows. */
void peal_on_out_decided(struct peal_node *node, const struct peal_bitset *gone);
/* A group lives that this node is not in any more: the losing side waits for it and founds nothing,
 * for two T_install; should that group be gone by then, somebody has to. */
void peal_on_removed(struct peal_node *node, enum peal_kicked why);
/* A leaver is the only member left: it has nobody to ask. */
void peal_on_alone(struct peal_node *node);
/* It is out: LEFT if it asked for it, kicked if not. */
void peal_on_out(struct peal_node *node);
uint64_t peal_on_leave_deadline_at_ns(const struct peal_node *node);

/* The decision of the running consensus, if there is one now, is installed. */
void peal_on_progress(struct peal_node *node);

/* The view as people and INSTALL see it is complete and this node takes part in agreement. */
static inline bool
peal_node_is_active(const struct peal_node *node)
{
	return node->state == PEAL_NODE_MEMBER || node->state == PEAL_NODE_LEAVING;
}

static inline uint64_t
peal_node_earlier(uint64_t a_ns, uint64_t b_ns)
{
	return a_ns < b_ns ? a_ns : b_ns;
}

#endif
