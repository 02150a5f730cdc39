/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What a core says about peers: reported, or without a place. Who is behind or ahead: on_sync.c.
 */
#include "base/assert.h"
#include "control/node_private.h"
#include "wire/alert_msg.h"

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
		node->report_reason = record->reason;
		node->is_report_new = true;
	}
	if (record->reason == PEAL_ALERT_STUCK || record->reason == PEAL_ALERT_LAG ||
		record->reason == PEAL_ALERT_SLOW) {
		peal_bitset_add(&node->unfit, record->rank);
	}
	if (!peal_bitset_has(&node->accused, record->rank)) {
		peal_bitset_add(&node->accused, record->rank);
		peal_emit_event(
			node, PEAL_EVENT_ACCUSED, member->mid, record->reason, &member->address);
	}
}

void
peal_node_add_guest(struct peal_node *node, uint64_t mid)
{
	if (mid == 0 || node->group == NULL || mid == node->self.mid ||
		peal_view_find_mid(&node->view, mid) == PEAL_RANK_NONE ||
		!peal_guests_add(&node->guests, mid, node->now_ns)) {
		return;
	}
	peal_counter_add(&node->counters, PEAL_COUNTER_GUESTS_ADDED, 1);
}

void
peal_on_stranger(struct peal_node *node, uint64_t mid)
{
	if (!peal_node_is_active(node) || !node->is_large) {
		return; /* in a small group everybody has a slot, as soon as there is one */
	}
	peal_node_add_guest(node, mid);
}
