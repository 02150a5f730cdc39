/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Switching: start, first view, decided cut, end of membership.
 *
 * An install is one step with respect to every other input: new view and topology, fresh cut
 * detector and consensus, the core's table, joiners answered, events. Old members get the DECIDE
 * before the core switches, so that those who are out hear it under keys they still share.
 */
#include "base/assert.h"
#include "base/hash.h"
#include "control/node_private.h"
#include "wire/messages.h"

#include <string.h>

/*
 * Everything that must be equal in a cluster; a JOIN with another value is refused. The detector is
 * a member's own (base/timing.h): only the window, which bounds all detectors, is here.
 */
static uint64_t
hash_parameters(const struct peal_node_config *config)
{
	uint64_t words[4] = {config->rings_count, config->timing->probe_interval_ns,
		config->timing->probe_window_count, config->timing->probe_failed_count};

	return peal_hash64(words, sizeof(words), 1);
}

static bool
is_own_seed(const struct peal_node_config *config)
{
	for (uint32_t i = 0; i < config->seeds_count; i++) {
		if (peal_address_equals(&config->seeds[i], &config->address)) {
			return true;
		}
	}
	return false;
}

/* A joiner that knows no introducer and holds no cookie. */
static void
start_joiner(struct peal_node *node)
{
	struct peal_joiner_config joiner = {.timing = node->config.timing,
		.seeds = node->config.seeds,
		.seeds_count = node->config.seeds_count};

	joiner.request.parameters = hash_parameters(&node->config);
	joiner.request.expect = node->config.expect;
	joiner.request.member = node->self;
	joiner.request.member.mid = 0;
	peal_joiner_init(&node->joiner, &joiner, peal_prng_next(&node->prng), node->now_ns);
}

void
peal_on_start(struct peal_node *node)
{
	const struct peal_node_config *config = &node->config;
	bool is_candidate = is_own_seed(config) && node->refrain_until_ns == 0;

	node->state = PEAL_NODE_JOINING;
	node->self = (struct peal_member){.address = config->address,
		.shards_count = 1,
		.metadata_size = config->metadata_size};
	memcpy(node->self.metadata, config->metadata, config->metadata_size);
	do {
		node->self.uuid.low = peal_prng_next(&node->prng);
		node->self.uuid.high = peal_prng_next(&node->prng);
	} while (peal_uuid_is_none(node->self.uuid));
	node->self_rank = PEAL_RANK_NONE;
	node->ahead_since_ns = 0;
	memset(&node->view, 0, sizeof(node->view));

	start_joiner(node);
	peal_formation_init(&node->formation, config->timing, node->self.uuid, is_candidate,
		is_candidate && config->seeds_count == 1 && config->expect == 1, config->expect,
		node->now_ns);
	peal_emit_event(node, PEAL_EVENT_STARTED, 0, 0, &node->self.address);
}

/* The machines of a new epoch. */
static void
start_epoch(struct peal_node *node)
{
	struct peal_consensus_config consensus = {.view = &node->view,
		.topology = &node->topology,
		.timing = node->config.timing,
		.counters = &node->counters,
		.willing = &node->willing,
		.self_rank = node->self_rank};

	peal_rings_build(&node->view, &node->topology);
	peal_cut_init(&node->cut, &node->view, &node->topology, node->config.timing);
	memset(&node->willing, 0, sizeof(node->willing));
	memset(&node->gone, 0, sizeof(node->gone));
	memset(&node->accused, 0, sizeof(node->accused));
	memset(&node->detected, 0, sizeof(node->detected));
	node->is_proposed = false;
	node->ahead_since_ns = 0;
	node->view_at_ns = node->now_ns;
	node->quorum_check_at_ns = node->now_ns;
	node->call_at_ns = node->now_ns;
	peal_consensus_init(&node->consensus, &consensus, node->now_ns);
	peal_counter_add(&node->counters, PEAL_COUNTER_VIEWS_INSTALLED, 1);
	peal_emit_view(node);
	peal_emit_event(node, PEAL_EVENT_VIEW, node->self.mid, node->view.members_count, NULL);
}

void
peal_on_first_view(struct peal_node *node, const struct peal_view *view)
{
	struct peal_admission_config admission = {.timing = node->config.timing,
		.view = &node->view,
		.topology = &node->topology,
		.counters = &node->counters,
		.parameters = hash_parameters(&node->config),
		.self = node->self.uuid};

	PEAL_ASSERT(node->state == PEAL_NODE_JOINING);
	peal_view_check(view);

	node->view = *view;
	node->self_rank = peal_view_find_uuid(view, node->self.uuid);
	PEAL_ASSERT(node->self_rank != PEAL_RANK_NONE);
	node->self = view->members[node->self_rank];
	node->state = PEAL_NODE_MEMBER;
	node->refrain_until_ns = 0;
	node->has_quorum = true;
	start_joiner(node); /* for the day on which this group is lost */
	peal_admission_init(&node->admission, &admission);
	peal_history_init(&node->history);
	start_epoch(node);
	for (uint16_t rank = 0; rank < view->members_count; rank++) {
		peal_emit_event(node, PEAL_EVENT_JOINED, view->members[rank].mid, 0,
			&view->members[rank].address);
	}
	peal_admission_on_view(&node->admission, node->self_rank, node->now_ns, &node->outbox);
	peal_emit_outbox(node);
}

/* Why each removed member is out, as far as anybody knows; reasons are not part of what was agreed.
 */
static void
tell_changes(struct peal_node *node, const struct peal_view *before,
	const struct peal_ballot_msg *decide)
{
	const struct peal_proposal *cut = &decide->proposal;

	for (uint16_t rank = 0; rank < before->members_count; rank++) {
		const struct peal_member *member = &before->members[rank];
		enum peal_event_kind kind = PEAL_EVENT_CRASHED;

		if (!peal_bitset_has(&cut->removals, rank)) {
			continue;
		}
		if (peal_view_find_address(&node->view, &member->address) != PEAL_RANK_NONE) {
			kind = PEAL_EVENT_REPLACED;
		} else if (peal_bitset_has(&decide->left, rank)) {
			kind = PEAL_EVENT_LEFT;
		}
		peal_admission_bury(&node->admission, member->uuid);
		peal_emit_event(node, kind, member->mid, 0, &member->address);
	}
	for (uint16_t rank = 0; rank < node->view.members_count; rank++) {
		const struct peal_member *member = &node->view.members[rank];

		if (member->mid >= before->next_mid) {
			peal_emit_event(node, PEAL_EVENT_JOINED, member->mid, 0, &member->address);
		}
	}
}

static void
flood_decide(struct peal_node *node, const struct peal_ballot_msg *decide)
{
	struct peal_effect effect = {.kind = PEAL_EFFECT_SEND_ALL, .message = PEAL_MESSAGE_DECIDE};
	struct peal_writer writer =
		peal_outbox_open(&node->outbox, &effect, PEAL_BALLOT_MSG_SIZE_MAX);

	peal_ballot_msg_encode(decide, &writer);
	peal_outbox_commit(&node->outbox, &writer);
	peal_emit_outbox(node);
}

void
peal_on_kicked(struct peal_node *node)
{
	peal_emit_event(node, PEAL_EVENT_KICKED, node->self.mid, 0, NULL);
	node->state = PEAL_NODE_KICKED;
	node->is_out = false;
	memset(&node->view, 0, sizeof(node->view));
	node->self_rank = PEAL_RANK_NONE;
	peal_emit_view(node);
	if (node->config.rejoin) {
		peal_on_start(node);
	}
}

void
peal_on_removed(struct peal_node *node)
{
	node->refrain_until_ns = node->now_ns + 2U * node->config.timing->install_ns;
	peal_on_kicked(node);
}

void
peal_on_decision(struct peal_node *node, const struct peal_ballot_msg *decide, bool is_flooded)
{
	struct peal_ballot_msg message = *decide;
	struct peal_view before = node->view;
	struct peal_view next;

	PEAL_ASSERT(peal_node_is_active(node) && !node->is_out);
	PEAL_ASSERT(peal_nextview_validate(&node->view, &decide->proposal) == PEAL_VALID);

	for (uint32_t i = 0; i < PEAL_BITSET_WORDS; i++) {
		message.left.words[i] |= node->cut.leaving.words[i];
		message.left.words[i] &= message.proposal.removals.words[i];
	}
	peal_nextview_apply(&before, &message.proposal, &next);
	message.result_hash = next.hash;
	if (is_flooded && !peal_hash128_equals(decide->result_hash, next.hash)) {
		peal_counter_add(&node->counters, PEAL_COUNTER_MESSAGES_REFUSED, 1);
		return; /* another result from the same parent: whoever says so is wrong */
	}
	peal_history_add(&node->history, &message);
	if (!is_flooded) {
		flood_decide(node, &message);
	}

	if (peal_view_find_uuid(&next, node->self.uuid) == PEAL_RANK_NONE) {
		peal_on_out_decided(node, &message.proposal.removals);
		return;
	}
	node->view = next;
	node->self_rank = peal_view_find_uuid(&next, node->self.uuid);
	start_epoch(node);
	tell_changes(node, &before, &message);
	peal_admission_on_view(&node->admission, node->self_rank, node->now_ns, &node->outbox);
	peal_emit_outbox(node);
	if (node->state == PEAL_NODE_LEAVING && node->view.members_count == 1) {
		node->state = PEAL_NODE_LEFT; /* nobody is left whom it could ask */
		node->leave_confirmed = true;
	} else if (node->state == PEAL_NODE_LEAVING) {
		node->leave_repeat_ns = 2U * node->config.timing->flood_ns;
		node->leave_repeat_at_ns = node->now_ns; /* ask again, in this epoch */
	}
}

void
peal_on_progress(struct peal_node *node)
{
	const struct peal_proposal *decided = NULL;

	if (!peal_node_is_active(node) || node->is_out) {
		return;
	}
	decided = peal_consensus_decided(&node->consensus);
	if (decided != NULL) {
		struct peal_ballot_msg message = {.kind = PEAL_MESSAGE_DECIDE,
			.ballot = node->consensus.decided_ballot,
			.digest = node->consensus.decided_digest,
			.has_proposal = true,
			.proposal = *decided};

		peal_on_decision(node, &message, false);
	}
}
