/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What is due without an input: echoes and the cut, agreement, admission, leave, the state of
 * quorum.
 *
 * timers: refresh - four T_r after the last report, when this node reported somebody who answers it
 * again; look - without a quorum for T_install, at the joiner's pace; call - every T_boot / 8, the
 * three most senior members call seeds that are not in the view, so that nobody founds a second
 * cluster beside this one; quorum - every five probe intervals, whether enough members are heard to
 * decide anything; the others belong to the machines that are called here.
 */
#include "base/assert.h"
#include "control/node_private.h"
#include "wire/join_msg.h"
#include "wire/messages.h"

#include <stdatomic.h>

/* Times below are in probe intervals. The quorum is judged this often. */
#define QUORUM_CHECK_PROBES 5U
/* Who answered one of the last probes answers. */
#define FRESH_PROBES 3U
/* Reports that led to nothing in so many reinforcements lead to nothing. */
#define REFRESH_ROUNDS 4U
/* Who was silent so long is taken to be away. */
#define ISOLATED_PROBES 20U

/*
 * When the member at `rank` last proved that it hears this node, at the earliest the install of the
 * view. `is_observed_out`: this node probes it at all.
 */
static uint64_t
proof_of_life_ns(const struct peal_node *node, uint16_t rank, bool *is_observed_out)
{
	uint16_t slot = peal_install_find(&node->install, node->view.members[rank].mid);
	uint64_t proof_ns = 0;

	*is_observed_out = rank != node->self_rank && slot != PEAL_RANK_NONE &&
			   peal_rings_mask(&node->topology, node->self_rank, rank) != 0;
	if (slot != PEAL_RANK_NONE) {
		proof_ns = atomic_load_explicit(
			&node->plane->echoed_at_ns[slot], memory_order_relaxed);
	}
	return proof_ns > node->view_at_ns ? proof_ns : node->view_at_ns;
}

/*
 * Whether enough members are there to decide anything: all but those who are to be removed or in
 * doubt, and those whom this node observes and who have long been silent. Who hears nobody counts
 * itself alone.
 */
static void
judge_quorum(struct peal_node *node)
{
	uint64_t interval_ns = node->config.timing->probe_interval_ns;
	struct peal_quorum quorum = peal_quorum_of(&node->view);
	struct peal_bitset present = {0};
	struct peal_bitset alone = {0};
	uint32_t observed_count = 0;
	uint32_t silent_count = 0;
	bool has_quorum = false;

	node->quorum_check_at_ns = node->now_ns + QUORUM_CHECK_PROBES * interval_ns;
	for (uint16_t rank = 0; rank < node->view.members_count; rank++) {
		bool is_observed = false;
		uint64_t proof_ns = proof_of_life_ns(node, rank, &is_observed);
		bool is_silent =
			is_observed && node->now_ns > proof_ns + ISOLATED_PROBES * interval_ns;

		observed_count += is_observed ? 1U : 0U;
		silent_count += is_silent ? 1U : 0U;
		if (rank == node->self_rank ||
			(!is_silent && !peal_bitset_has(&node->cut.stable, rank) &&
				!peal_bitset_has(&node->cut.suspects, rank))) {
			peal_bitset_add(&present, rank);
		}
	}
	peal_bitset_add(&alone, node->self_rank);
	if (observed_count > 0 && silent_count == observed_count) {
		present = alone;
	}
	has_quorum = peal_quorum_classic_ok(&quorum, &present);
	if (has_quorum != node->has_quorum) {
		node->has_quorum = has_quorum;
		node->lonely_since_ns = node->now_ns;
		peal_emit_event(node, has_quorum ? PEAL_EVENT_QUORUM : PEAL_EVENT_NO_QUORUM, 0,
			peal_bitset_count(&present), NULL);
	}
}

void
peal_node_add_willing(struct peal_node *node, const struct peal_bitset *ranks)
{
	struct peal_bitset before = node->willing;

	for (uint32_t i = 0; i < PEAL_BITSET_WORDS; i++) {
		node->willing.words[i] |= ranks->words[i];
	}
	if (!peal_bitset_equals(&before, &node->willing)) {
		node->is_proposed = false;
	}
}

/*
 * Hands the cut to consensus when it is due, and again when it grew: the vote stays what it was,
 * but a classic round may take the larger value.
 */
static void
propose(struct peal_node *node)
{
	struct peal_proposal value;
	struct peal_hash128 digest;

	if (!peal_cut_is_due(&node->cut, node->now_ns)) {
		return;
	}
	peal_cut_get_proposal(&node->cut, &value);
	digest = peal_proposal_digest(&value);
	if (node->is_proposed && peal_hash128_equals(digest, node->proposed_digest)) {
		return;
	}
	node->is_proposed = true;
	node->proposed_digest = digest;
	peal_emit_event(node, PEAL_EVENT_PROPOSED, 0, peal_bitset_count(&value.removals), NULL);
	if (node->cut.is_last_resort) {
		peal_counter_add(&node->counters, PEAL_COUNTER_LAST_RESORTS, 1);
	}
	peal_consensus_propose(
		&node->consensus, &value, !node->cut.is_last_resort, node->now_ns, &node->outbox);
}

static void
tick_cut(struct peal_node *node)
{
	struct peal_bitset echoes = {0};

	peal_cut_take_echoes(&node->cut, node->self_rank, node->now_ns, &echoes);
	for (uint16_t rank = 0; rank < node->view.members_count; rank++) {
		if (peal_bitset_has(&echoes, rank)) {
			struct peal_effect effect = {.kind = PEAL_EFFECT_REPORT, .rank = rank};

			peal_outbox_add(&node->outbox, &effect);
			peal_counter_add(&node->counters, PEAL_COUNTER_SUBJECTS_ECHOED, 1);
		}
	}
	propose(node);
	peal_emit_outbox(node);
}

/*
 * True when no cut is being agreed on and the members of the last cut are there to vote. Members in
 * question hold up a batch, unless a joiner replaces them: then one cut does both.
 */
static bool
is_free_for_batch(const struct peal_node *node)
{
	struct peal_bitset replaced = peal_admission_replaced(&node->admission);
	uint32_t absent_count = 0;

	if (peal_consensus_is_busy(&node->consensus) || node->is_proposed) {
		return false;
	}
	for (uint16_t rank = 0; rank < node->view.members_count; rank++) {
		if ((peal_bitset_has(&node->cut.stable, rank) ||
			    peal_bitset_has(&node->cut.unstable, rank)) &&
			!peal_bitset_has(&replaced, rank)) {
			return false;
		}
	}
	if (node->now_ns >= node->view_at_ns + node->config.timing->install_ns) {
		return true;
	}
	for (uint16_t rank = 0; rank < node->view.members_count; rank++) {
		uint16_t slot = peal_install_find(&node->install, node->view.members[rank].mid);

		if (rank != node->self_rank && slot != PEAL_RANK_NONE &&
			peal_rings_mask(&node->topology, node->self_rank, rank) != 0 &&
			atomic_load_explicit(
				&node->plane->echoed_at_ns[slot], memory_order_relaxed) == 0) {
			absent_count++;
		}
	}
	return absent_count * 10U <= node->view.members_count;
}

static void
tick_admission(struct peal_node *node)
{
	uint64_t heard_at_ns[PEAL_MEMBERS_MAX] = {0};
	const struct peal_proposal *batch = NULL;

	for (uint16_t rank = 0; rank < node->view.members_count; rank++) {
		uint16_t slot = peal_install_find(&node->install, node->view.members[rank].mid);

		if (slot != PEAL_RANK_NONE) {
			heard_at_ns[rank] = atomic_load_explicit(
				&node->plane->heard_at_ns[slot], memory_order_relaxed);
		}
	}
	batch = peal_admission_on_tick(&node->admission, heard_at_ns, is_free_for_batch(node),
		node->now_ns, &node->outbox);
	peal_emit_outbox(node);
	if (batch != NULL) {
		peal_node_add_willing(node, &batch->removals);
		(void)peal_cut_on_batch(&node->cut, batch, node->now_ns);
	}
}

static void
tick_joining(struct peal_node *node)
{
	if (node->refrain_until_ns != 0 && node->now_ns >= node->refrain_until_ns) {
		node->refrain_until_ns = 0;
		peal_on_start(node);
	}
	if (peal_formation_may_create(&node->formation, node->now_ns)) {
		struct peal_uuid cluster = {
			.low = peal_prng_next(&node->prng), .high = peal_prng_next(&node->prng)};
		struct peal_view view;

		peal_nextview_create(cluster, node->config.rings_count, &node->self, &view);
		peal_on_first_view(node, &view);
		return;
	}
	peal_joiner_on_tick(
		&node->joiner, node->formation.is_candidate, node->now_ns, &node->outbox);
	peal_emit_outbox(node);
}

/* Members that call: enough that one gets through, few enough that a missing seed is not flooded.
 */
#define CALLERS_MAX 3U

/* True when this node is among the most senior of those that answer it. */
static bool
is_caller(const struct peal_node *node)
{
	uint64_t silence_ns = ISOLATED_PROBES * node->config.timing->probe_interval_ns;
	uint32_t seniors_count = 0;

	for (uint16_t rank = 0; rank < node->self_rank; rank++) {
		bool is_observed = false;
		uint64_t proof_ns = proof_of_life_ns(node, rank, &is_observed);

		seniors_count += !is_observed || node->now_ns <= proof_ns + silence_ns ? 1U : 0U;
	}
	return seniors_count < CALLERS_MAX;
}

/* A group without a quorum admits nobody: it must not keep others from founding one. */
static void
call_seeds(struct peal_node *node)
{
	struct peal_effect effect = {
		.kind = PEAL_EFFECT_SEND_ADDRESS, .message = PEAL_MESSAGE_JOIN_ANSWER};
	struct peal_join_answer answer = {.status = PEAL_JOIN_HERE,
		.candidate = node->self.uuid,
		.answerer = node->self.uuid};

	if (node->now_ns < node->call_at_ns) {
		return;
	}
	node->call_at_ns = node->now_ns + node->config.timing->boot_ns / 8U;
	if (node->state != PEAL_NODE_MEMBER || !node->has_quorum || !is_caller(node)) {
		return;
	}
	for (uint32_t i = 0; i < node->config.seeds_count; i++) {
		struct peal_writer writer;

		effect.address = node->config.seeds[i];
		if (peal_view_find_address(&node->view, &effect.address) != PEAL_RANK_NONE) {
			continue;
		}
		writer = peal_outbox_open(&node->outbox, &effect, PEAL_BODY_SIZE_MAX);
		peal_join_answer_encode(&answer, &writer);
		peal_outbox_commit(&node->outbox, &writer);
	}
	peal_emit_outbox(node);
}

/* True when this node reported somebody in this epoch who answers it again. */
static bool
has_stale_report(const struct peal_node *node)
{
	uint64_t fresh_ns = FRESH_PROBES * node->config.timing->probe_interval_ns;

	for (uint16_t rank = 0; rank < node->view.members_count; rank++) {
		bool is_observed = false;
		uint64_t proof_ns = proof_of_life_ns(node, rank, &is_observed);
		uint32_t own_mask = peal_rings_mask(&node->topology, node->self_rank, rank);

		if (is_observed && (node->cut.evidence.masks[rank] & own_mask) != 0 &&
			node->now_ns <= proof_ns + fresh_ns) {
			return true;
		}
	}
	return false;
}

/*
 * Reports are final for their epoch. When faults pass without a cut they stay, and with them doubt
 * that may keep the group from ever removing anybody. Who sees that one of its own is stale
 * proposes the cut that changes nobody: a new epoch, in which each edge is judged by what it is
 * like now.
 */
static void
refresh(struct peal_node *node)
{
	struct peal_proposal nothing = {
		.parent_epoch = node->view.epoch, .parent_hash = node->view.hash};

	if (node->is_proposed || peal_consensus_is_busy(&node->consensus) ||
		node->now_ns <
			node->reported_at_ns + REFRESH_ROUNDS * node->config.timing->reinforce_ns ||
		!has_stale_report(node)) {
		return;
	}
	node->is_proposed = true;
	node->proposed_digest = peal_proposal_digest(&nothing);
	peal_emit_event(node, PEAL_EVENT_PROPOSED, 0, 0, NULL);
	peal_consensus_propose(&node->consensus, &nothing, true, node->now_ns, &node->outbox);
	peal_emit_outbox(node);
	peal_on_progress(node);
}

/*
 * Without a quorum for T_install: perhaps the others restarted and founded a cluster of their own.
 * Asks the seeds as a joiner would; a member that answers makes this node one (on_frame.c).
 */
static void
look_for_others(struct peal_node *node)
{
	if (!node->has_quorum && node->state == PEAL_NODE_MEMBER &&
		node->now_ns >= node->lonely_since_ns + node->config.timing->install_ns) {
		peal_joiner_on_tick(&node->joiner, false, node->now_ns, &node->outbox);
		peal_emit_outbox(node);
	}
}

void
peal_on_tick(struct peal_node *node)
{
	if (node->state == PEAL_NODE_JOINING) {
		tick_joining(node);
		return;
	}
	if (!peal_node_is_active(node) || node->is_out) {
		peal_on_leave_tick(node);
		if (node->is_out && node->now_ns >= node->quorum_check_at_ns) {
			judge_quorum(node);
			look_for_others(node);
		}
		return;
	}
	tick_cut(node);
	peal_consensus_on_tick(&node->consensus, node->now_ns, &node->outbox);
	peal_emit_outbox(node);
	peal_on_progress(node);
	if (!peal_node_is_active(node)) {
		return;
	}
	tick_admission(node);
	call_seeds(node);
	peal_on_leave_tick(node);
	if (node->now_ns >= node->quorum_check_at_ns && peal_node_is_active(node)) {
		judge_quorum(node);
		look_for_others(node);
		refresh(node);
	}
}
