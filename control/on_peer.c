/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What a core says about peers: reported, behind, ahead.
 */
#include "base/assert.h"
#include "control/node_private.h"
#include "wire/messages.h"

void
peal_on_alert(struct peal_node *node, const struct peal_record *record)
{
	const struct peal_member *member = NULL;

	if (!peal_node_is_active(node) || record->epoch != node->view.epoch) {
		return; /* of a view that is over: the core re-issues what persists */
	}
	PEAL_ASSERT(record->rank < node->view.members_count);

	member = &node->view.members[record->rank];
	if (peal_cut_on_report(&node->cut, record->rank, record->mask, node->now_ns)) {
		node->reported_at_ns = node->now_ns;
	}
	if (!peal_bitset_has(&node->accused, record->rank)) {
		peal_bitset_add(&node->accused, record->rank);
		peal_emit_event(
			node, PEAL_EVENT_ACCUSED, member->mid, record->reason, &member->address);
	}
	if (!peal_bitset_has(&node->detected, record->rank) &&
		peal_cut_effective(&node->cut, record->rank) >= node->cut.thresholds.h) {
		peal_bitset_add(&node->detected, record->rank);
		peal_emit_event(
			node, PEAL_EVENT_DETECTED, member->mid, record->reason, &member->address);
	}
}

void
peal_on_behind(struct peal_node *node, const struct peal_record *record)
{
	const struct peal_history_entry *entry = NULL;
	struct peal_effect effect = {
		.kind = PEAL_EFFECT_SEND_MID, .message = PEAL_MESSAGE_DECIDE, .mid = record->mid};
	struct peal_writer writer;

	if (!peal_node_is_active(node) || record->epoch >= node->view.epoch) {
		return;
	}
	entry = peal_history_find(&node->history, record->epoch);
	if (entry == NULL) {
		return; /* too far behind: it notices by itself and joins again */
	}
	writer = peal_outbox_open(&node->outbox, &effect, entry->size);
	peal_write_bytes(&writer, entry->bytes, entry->size);
	peal_outbox_commit(&node->outbox, &writer);
	peal_emit_outbox(node);
}

void
peal_on_ahead(struct peal_node *node, const struct peal_record *record)
{
	if (!peal_node_is_active(node) || record->epoch < node->view.epoch) {
		return;
	}
	if (node->is_out && record->epoch > node->view.epoch) {
		peal_on_out(node); /* the rest has the next view: this node is free */
		return;
	}
	/*
	 * The peer answers what this node sends with the cut it lacks. When that does not help for
	 * T_install, the chain is lost: out, and in again under a new identity.
	 */
	if (node->ahead_since_ns == 0) {
		node->ahead_since_ns = node->now_ns;
	} else if (node->now_ns - node->ahead_since_ns >= node->config.timing->install_ns) {
		peal_on_removed(node);
	}
}
