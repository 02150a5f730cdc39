/* SPDX-License-Identifier: BSD-3-Clause */
#include "sim/check_progress.h"

#include "base/assert.h"
#include "control/quorum.h"

#include <inttypes.h>
#include <stdio.h>

static bool
counts(const struct peal_simnode *simnode)
{
	return simnode->is_up && simnode->node.state != PEAL_NODE_LEFT &&
	       simnode->node.state != PEAL_NODE_REFUSED;
}

static bool
is_quiet(const struct peal_simnode *simnode)
{
	const struct peal_node *node = &simnode->node;

	for (uint8_t shard = 1; shard < simnode->shards_count; shard++) {
		if (simnode->others[shard - 1U].core.peers->epoch != node->view.epoch) {
			return false;
		}
	}
	return simnode->core.peers->epoch == node->view.epoch &&
	       peal_bitset_is_empty(&node->cut.stable) &&
	       peal_bitset_is_empty(&node->cut.suspects) &&
	       !peal_consensus_is_busy(&node->consensus);
}

bool
peal_check_progress_is_agreed(struct peal_simnode *const nodes[], uint16_t count)
{
	const struct peal_view *view = NULL;
	uint32_t members_count = 0;

	for (uint16_t i = 0; i < count; i++) {
		const struct peal_node *node = &nodes[i]->node;

		if (!counts(nodes[i])) {
			continue;
		}
		if (node->state != PEAL_NODE_MEMBER || nodes[i]->is_paused || nodes[i]->is_stuck ||
			!is_quiet(nodes[i])) {
			return false;
		}
		view = view == NULL ? &node->view : view;
		if (!peal_hash128_equals(view->hash, node->view.hash)) {
			return false;
		}
		members_count++;
	}
	return view != NULL && view->members_count == members_count;
}

size_t
peal_check_progress_explain(
	struct peal_simnode *const nodes[], uint16_t count, char *text, size_t size)
{
	size_t used = 0;

	PEAL_ASSERT(size > 0);
	text[0] = '\0';
	for (uint16_t i = 0; i < count; i++) {
		const struct peal_node *node = &nodes[i]->node;
		size_t room = used < size ? size - used : 0;
		int added;

		if (!nodes[i]->is_up) {
			added = snprintf(text + (room > 0 ? used : 0), room, "n%u down; ", i);
		} else {
			added = snprintf(text + (room > 0 ? used : 0), room,
				"n%u %s%s e%" PRIu64 "/%u S%u U%u%s; ", i,
				peal_node_state_name(node->state),
				nodes[i]->is_paused ? " paused" : "", node->view.epoch,
				node->view.members_count,
				node->view.epoch == 0 ? 0 : peal_bitset_count(&node->cut.stable),
				node->view.epoch == 0 ? 0 : peal_bitset_count(&node->cut.unstable),
				node->view.epoch > 0 && peal_consensus_is_busy(&node->consensus)
					? " busy"
					: "");
		}
		PEAL_ASSERT(added > 0);
		used += (size_t)added;
	}
	return used;
}

bool
peal_check_progress_is_starved(struct peal_simnode *const nodes[], uint16_t count)
{
	const struct peal_view *newest = NULL;
	struct peal_bitset alive = {0};
	struct peal_quorum quorum;

	for (uint16_t i = 0; i < count; i++) {
		PEAL_ASSERT(nodes[i] != NULL);
		if (peal_simnode_is_member(nodes[i]) &&
			(newest == NULL || nodes[i]->node.view.epoch > newest->epoch)) {
			newest = &nodes[i]->node.view;
		}
	}
	for (uint16_t i = 0; newest != NULL && i < count; i++) {
		uint16_t rank = peal_view_find_uuid(newest, nodes[i]->node.self.uuid);

		if (rank != PEAL_RANK_NONE && peal_simnode_is_member(nodes[i])) {
			peal_bitset_add(&alive, rank);
		}
	}
	if (newest == NULL) {
		return false;
	}
	quorum = peal_quorum_of(newest);
	return !peal_quorum_classic_ok(&quorum, &alive);
}
