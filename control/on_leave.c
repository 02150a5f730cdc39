/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Leaving: ask, go on as an acceptor, stop when decided or when the rest can decide alone.
 *
 * Who is out by a decision that took its own weight (the senior of two that leaves; a member that
 * voted for its own removal) is not free when it is decided: the rest could never decide it again.
 * It repeats DECIDE until somebody speaks in the next epoch.
 *
 * timers: repeat - LEAVE again at 2 D, 4 D ... while undecided, DECIDE while the rest may not know;
 * end - T_leave after the first request: stop if the remaining members hold a classic quorum, else
 * wait for a decision or an operator.
 */
#include "base/assert.h"
#include "base/museum.h"
#include "control/node_private.h"
#include "wire/join_msg.h"
#include "wire/messages.h"

static void
send_leave(struct peal_node *node)
{
	struct peal_effect effect = {.kind = PEAL_EFFECT_SEND_ALL, .message = PEAL_MESSAGE_LEAVE};
	struct peal_leave_msg message = {.has_vote = false};
	struct peal_writer writer;

	message.has_vote =
		peal_consensus_vote_to_leave(&node->consensus, node->now_ns, &message.digest);
	writer = peal_outbox_open(&node->outbox, &effect, PEAL_BODY_SIZE_MAX / 2U);
	peal_leave_msg_encode(&message, &writer);
	peal_outbox_commit(&node->outbox, &writer);
	peal_emit_outbox(node);
}

static void
send_decision(struct peal_node *node)
{
	const struct peal_history_entry *entry =
		peal_history_find(&node->history, node->view.epoch);
	struct peal_effect effect = {.kind = PEAL_EFFECT_SEND_ALL, .message = PEAL_MESSAGE_DECIDE};
	struct peal_writer writer;

	PEAL_ASSERT(entry != NULL);
	writer = peal_outbox_open(&node->outbox, &effect, entry->size);
	peal_write_bytes(&writer, entry->bytes, entry->size);
	peal_outbox_commit(&node->outbox, &writer);
	peal_emit_outbox(node);
}

/* The end. The core has been told everything that others need, and is a member no more; neither is
 * this half, so what it holds of the group is given back. */
static void
become_left(struct peal_node *node, bool is_confirmed)
{
	node->state = PEAL_NODE_LEFT;
	node->leave_confirmed = is_confirmed;
	node->ended_unconfirmed = !is_confirmed;
	node->is_out = false;
	if (node->group != NULL) {
		peal_node_release_view(node);
		peal_emit_view(node);
	}
}

void
peal_on_alone(struct peal_node *node)
{
	become_left(node, true);
}

/* Twice the last pause, up to the cap that every repeat has. */
static void
arm_repeat(struct peal_node *node)
{
	node->leave_repeat_at_ns = node->now_ns + node->leave_repeat_ns;
	node->leave_repeat_ns =
		peal_timing_next_repeat_ns(node->config.timing, node->leave_repeat_ns);
}

/*
 * True when the members other than this one can decide without it. Who is leaving as well, or is to
 * be removed (`gone`), cannot be counted on: three of five that leave at once must not all rely on
 * the others.
 */
static bool
rest_is_quorum(const struct peal_node *node, const struct peal_bitset *gone)
{
	struct peal_quorum quorum = peal_quorum_of(&node->view);
	struct peal_bitset without = peal_bitset_union(gone, &node->cut.stable);
	struct peal_bitset others;

	peal_bitset_add(&without, node->self_rank);
	others = peal_quorum_others(&quorum, &without);
	return peal_quorum_classic_ok(&quorum, &others);
}

void
peal_node_leave(struct peal_node *node, uint64_t now_ns)
{
	PEAL_ASSERT(now_ns >= node->now_ns);
	node->now_ns = now_ns;

	if (node->state == PEAL_NODE_JOINING || node->state == PEAL_NODE_KICKED ||
		(node->state == PEAL_NODE_MEMBER && node->view.members_count == 1)) {
		become_left(node, true);
		return;
	}
	if (node->state != PEAL_NODE_MEMBER) {
		return;
	}
	node->state = PEAL_NODE_LEAVING;
	node->leave_asked_at_ns = now_ns;
	peal_emit_event(node, PEAL_EVENT_LEAVING, node->self.mid, 0, NULL);
	node->leave_repeat_ns = 2U * node->config.timing->flood_ns;
	node->leave_repeat_at_ns = now_ns; /* the first LEAVE leaves with the next tick */
	peal_on_leave_tick(node);
}

void
peal_on_leave_tick(struct peal_node *node)
{
	const struct peal_bitset nobody = {0};

	if (node->is_out) {
		if (node->now_ns >= node->leave_repeat_at_ns) {
			send_decision(node);
			arm_repeat(node);
		}
		return;
	}
	if (node->state != PEAL_NODE_LEAVING) {
		return;
	}
	if (node->now_ns >= node->leave_repeat_at_ns) {
		struct peal_bitset self = {0};

		peal_bitset_add(&self, node->self_rank);
		peal_node_add_willing(node, &self);
		(void)peal_cut_on_leave(&node->cut, node->self_rank, node->now_ns);
		send_leave(node);
		arm_repeat(node);
		peal_on_progress(node);
	}
	if (node->state != PEAL_NODE_LEAVING ||
		node->now_ns < node->leave_asked_at_ns + node->config.timing->leave_ns) {
		return;
	}
	peal_cut_judge(&node->cut);
	if (rest_is_quorum(node, &nobody)) {
		become_left(node, false);
	}
}

void
peal_on_out(struct peal_node *node)
{
	node->is_out = false;
	if (node->state == PEAL_NODE_LEAVING) {
		become_left(node, true);
		return;
	}
	peal_on_removed(node, PEAL_KICKED_REMOVED);
}

void
peal_on_out_decided(struct peal_node *node, const struct peal_bitset *gone)
{
	PEAL_ASSERT(peal_bitset_has(gone, node->self_rank));

	if (rest_is_quorum(node, gone) || PEAL_BUG(OUT_TOO_EARLY)) {
		peal_on_out(node);
		return;
	}
	node->is_out = true;
	node->leave_repeat_ns = 2U * node->config.timing->flood_ns;
	node->leave_repeat_at_ns = node->now_ns + node->leave_repeat_ns;
}

uint64_t
peal_on_leave_deadline_at_ns(const struct peal_node *node)
{
	uint64_t end_at_ns = node->leave_asked_at_ns + node->config.timing->leave_ns;

	if (node->is_out) {
		return node->leave_repeat_at_ns;
	}
	if (node->state != PEAL_NODE_LEAVING) {
		return UINT64_MAX;
	}
	/* Past its end a leaver that must stay is only driven by what it hears and repeats. */
	if (end_at_ns <= node->now_ns) {
		return node->leave_repeat_at_ns;
	}
	return node->leave_repeat_at_ns < end_at_ns ? node->leave_repeat_at_ns : end_at_ns;
}
