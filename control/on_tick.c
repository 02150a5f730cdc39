/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What is due without an input: echoes and the cut, agreement, admission, leave, the state of
 * quorum.
 *
 * timers: refresh - four T_r after the last report, when this node reported somebody who answers it
 * again; look - without a quorum for T_install, at the joiner's pace; call - every T_boot / 8, the
 * three most senior members call new members that never spoke, and seeds that are not in the view,
 * so that nobody founds a second cluster beside this one; quorum - every five probe intervals,
 * whether enough members are heard to decide anything; the others belong to the machines that are
 * called here.
 */
#include "base/assert.h"
#include "base/museum.h"
#include "control/node_private.h"
#include "wire/join_msg.h"
#include "wire/messages.h"

#include <stdatomic.h>
#include <string.h>

/* Times below are in probe intervals. The quorum is judged this often. */
#define QUORUM_CHECK_PROBES 5U
/* Who answered one of the last probes answers. */
#define FRESH_PROBES 3U
/* Reports that led to nothing in so many reinforcements lead to nothing. */
#define REFRESH_ROUNDS 4U
/* Who was silent so long is taken to be away. */
#define ISOLATED_PROBES 20U
/* Of a probe interval: an answer that is so late is missing; and the longest between two probes. */
#define MISSED_PERCENT 220U
#define SPREAD_PERCENT 110U
/* Effects of one tick of the cut are carried out in pieces. */
#define ECHOES_PIECE 32U

/*
 * When the member at `rank`, whom this node observes, last proved that it hears this node; at the
 * earliest the install of the view.
 */
static uint64_t
proof_of_life_ns(const struct peal_node *node, uint16_t rank)
{
	uint16_t slot = peal_install_find(&node->install, node->view.members[rank].mid);
	uint64_t proof_ns = 0;

	if (slot != PEAL_RANK_NONE) {
		proof_ns = atomic_load_explicit(
			&node->plane->echoed_at_ns[slot], memory_order_relaxed);
	}
	return proof_ns > node->view_at_ns ? proof_ns : node->view_at_ns;
}

/* Whom this node observes and has not heard for long. Returns how many it observes. */
static uint32_t
find_silent(const struct peal_node *node, struct peal_bitset *silent_out)
{
	uint64_t silence_ns = ISOLATED_PROBES * node->config.timing->probe_interval_ns;
	uint32_t count = 0;
	const uint16_t *subjects = peal_rings_subjects(&node->topology, node->self_rank, &count);

	memset(silent_out, 0, sizeof(*silent_out));
	for (uint32_t i = 0; i < count; i++) {
		if (node->now_ns > proof_of_life_ns(node, subjects[i]) + silence_ns) {
			peal_bitset_add(silent_out, subjects[i]);
		}
	}
	return count;
}

/*
 * Who was silent and answers this node now is there: reports are final in their epoch, so after
 * faults have passed they do not tell who could vote. Who answered and was unfit does not get
 * better by it. Unlike in proof_of_life_ns the install of the view is no proof: who was accused at
 * once may be gone.
 */
static void
count_in_who_answers(const struct peal_node *node, struct peal_bitset *absent)
{
	uint64_t fresh_ns = FRESH_PROBES * node->config.timing->probe_interval_ns;
	uint32_t count = 0;
	const uint16_t *subjects = peal_rings_subjects(&node->topology, node->self_rank, &count);

	for (uint32_t i = 0; i < count; i++) {
		uint16_t slot =
			peal_install_find(&node->install, node->view.members[subjects[i]].mid);
		uint64_t echoed_at_ns = 0;

		if (slot != PEAL_RANK_NONE) {
			echoed_at_ns = atomic_load_explicit(
				&node->plane->echoed_at_ns[slot], memory_order_relaxed);
		}
		if (echoed_at_ns != 0 && node->now_ns <= echoed_at_ns + fresh_ns &&
			!peal_bitset_has(&node->unfit, subjects[i])) {
			peal_bitset_remove(absent, subjects[i]);
		}
	}
}

/*
 * Whether enough members are there to decide anything: all but those whom this node observes and
 * who have long been silent, and those who are to be removed or in doubt and do not answer it. Who
 * hears nobody counts itself alone.
 */
static void
judge_quorum(struct peal_node *node)
{
	struct peal_quorum quorum = peal_quorum_of(&node->view);
	struct peal_bitset absent;
	struct peal_bitset present;
	struct peal_bitset silent;
	uint32_t observed_count = find_silent(node, &silent);
	bool has_quorum = false;

	node->quorum_check_at_ns =
		node->now_ns + QUORUM_CHECK_PROBES * node->config.timing->probe_interval_ns;
	absent = peal_bitset_union(&node->cut.stable, &node->cut.suspects);
	count_in_who_answers(node, &absent);
	peal_bitset_merge(&absent, &silent);
	peal_bitset_remove(&absent, node->self_rank);
	present = peal_quorum_others(&quorum, &absent);
	if (observed_count > 0 && peal_bitset_count(&silent) == observed_count) {
		memset(&present, 0, sizeof(present));
		peal_bitset_add(&present, node->self_rank);
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

	peal_bitset_merge(&node->willing, ranks);
	if (!peal_bitset_equals(&before, &node->willing)) {
		node->is_proposed = false;
	}
}

/* True when `value` is what went to consensus last. Its digest would say so as well, at the price
 * of a pass over all additions. */
static bool
was_proposed(const struct peal_node *node, const struct peal_proposal *value)
{
	return node->is_proposed && node->proposed_additions == value->additions &&
	       peal_bitset_equals(&node->proposed_removals, &value->removals);
}

void
peal_node_propose(struct peal_node *node, const struct peal_proposal *value, bool is_fast)
{
	if (!peal_consensus_propose(
		    &node->consensus, value, is_fast, node->now_ns, &node->outbox)) {
		return;
	}
	node->is_proposed = true;
	node->proposed_removals = value->removals;
	node->proposed_additions = value->additions;
	peal_emit_event(node, PEAL_EVENT_PROPOSED, 0, peal_bitset_count(&value->removals), NULL);
}

/*
 * True when somebody whom this node observes has missed probes and is not in the cut. When two fail
 * at one moment the reports about the one may be complete before the first about the other; who
 * waits for the rest of a probe interval removes both in one cut. A member that failed alone is in
 * the cut already, so nobody waits for it.
 */
static bool
awaits_verdict(const struct peal_node *node)
{
	uint64_t missed_ns = node->config.timing->probe_interval_ns * MISSED_PERCENT / 100U;
	uint32_t count = 0;
	const uint16_t *subjects = peal_rings_subjects(&node->topology, node->self_rank, &count);

	for (uint32_t i = 0; i < count; i++) {
		if (!peal_bitset_has(&node->cut.stable, subjects[i]) &&
			node->now_ns > proof_of_life_ns(node, subjects[i]) + missed_ns) {
			return true;
		}
	}
	return false;
}

/* True when the cut removes somebody for reports, and a little patience may make it whole. */
static bool
is_worth_waiting(struct peal_node *node)
{
	const struct peal_timing *timing = node->config.timing;
	uint64_t until_ns = node->cut.complete_at_ns +
			    timing->probe_interval_ns * SPREAD_PERCENT / 100U + timing->flood_ns;
	struct peal_bitset willing = peal_bitset_union(&node->cut.leaving, &node->cut.replaced);
	struct peal_bitset failed = peal_bitset_difference(&node->cut.stable, &willing);

	if (node->is_proposed || node->cut.is_last_resort || node->now_ns >= until_ns ||
		node->view.members_count <= 2U || peal_bitset_is_empty(&failed) ||
		!awaits_verdict(node)) {
		return false;
	}
	node->propose_at_ns = node->now_ns + timing->merge_window_ns;
	return true;
}

/*
 * Hands the cut to consensus when it is due, and again when it grew: the vote stays what it was,
 * but a classic round may take the larger value.
 */
static void
propose(struct peal_node *node)
{
	struct peal_proposal value;

	node->propose_at_ns = UINT64_MAX;
	if (!peal_cut_is_due(&node->cut, node->now_ns) || is_worth_waiting(node)) {
		return;
	}
	peal_cut_get_proposal(&node->cut, &value);
	if (was_proposed(node, &value)) {
		return;
	}
	if (node->cut.is_last_resort) {
		peal_counter_add(&node->counters, PEAL_COUNTER_LAST_RESORTS, 1);
	}
	peal_node_propose(node, &value, !node->cut.is_last_resort);
}

/* Members that the last reports made stable. */
static void
tell_detected(struct peal_node *node)
{
	struct peal_bitset fresh;

	if (!node->is_report_new) {
		return;
	}
	node->is_report_new = false;
	fresh = peal_bitset_difference(&node->accused, &node->detected);
	PEAL_BITSET_FOR_EACH (rank, &fresh) {
		const struct peal_member *member = &node->view.members[rank];

		if (peal_cut_effective(&node->cut, rank) >= node->cut.thresholds.h) {
			peal_bitset_add(&node->detected, rank);
			peal_emit_event(node, PEAL_EVENT_DETECTED, member->mid, node->report_reason,
				&member->address);
		}
	}
}

static void
tick_cut(struct peal_node *node)
{
	struct peal_bitset echoes = {0};

	peal_cut_take_echoes(&node->cut, node->self_rank, node->now_ns, &echoes);
	tell_detected(node);
	PEAL_BITSET_FOR_EACH (rank, &echoes) {
		struct peal_effect effect = {.kind = PEAL_EFFECT_REPORT, .rank = (uint16_t)rank};

		peal_outbox_add(&node->outbox, &effect);
		peal_counter_add(&node->counters, PEAL_COUNTER_SUBJECTS_ECHOED, 1);
		if (node->outbox.count >= ECHOES_PIECE) {
			peal_emit_outbox(node);
		}
	}
	propose(node);
	peal_emit_outbox(node);
}

/*
 * In a small group: whom this node observes and who never proved that it has this view is not here.
 * Who is to be replaced will not come.
 */
static bool
are_observed_here(const struct peal_node *node)
{
	const struct peal_bitset *replaced = peal_admission_replaced(&node->admission);
	uint32_t count = 0;
	uint32_t absent_count = 0;
	const uint16_t *subjects = peal_rings_subjects(&node->topology, node->self_rank, &count);

	for (uint32_t i = 0; i < count; i++) {
		uint16_t slot =
			peal_install_find(&node->install, node->view.members[subjects[i]].mid);

		if (slot != PEAL_RANK_NONE && !peal_bitset_has(replaced, subjects[i]) &&
			atomic_load_explicit(
				&node->plane->echoed_at_ns[slot], memory_order_relaxed) == 0) {
			absent_count++;
		}
	}
	return absent_count * 10U <= node->view.members_count;
}

/*
 * True when no cut is being agreed on and the members of the last cut are there to vote. Members in
 * question hold up a batch, unless a joiner replaces them: then one cut does both.
 */
static bool
is_free_for_batch(const struct peal_node *node)
{
	struct peal_bitset questioned;

	if (peal_consensus_is_busy(&node->consensus) || node->is_proposed) {
		return false;
	}
	questioned = peal_bitset_union(&node->cut.stable, &node->cut.unstable);
	questioned = peal_bitset_difference(&questioned, peal_admission_replaced(&node->admission));
	if (!peal_bitset_is_empty(&questioned)) {
		return false;
	}
	if (node->now_ns >= node->view_at_ns + node->config.timing->install_ns) {
		return true;
	}
	return node->is_large ? peal_node_are_additions_here(node) : are_observed_here(node);
}

static void
tick_admission(struct peal_node *node)
{
	const struct peal_applicants *applicants = &node->admission.applicants;
	const struct peal_body *batch = NULL;
	bool is_free = false;

	if (applicants->count == 0 && node->admission.sequencer.sent == NULL &&
		node->admission.stall_until_ns == 0) {
		return;
	}
	is_free = peal_applicants_queue_count(applicants, PEAL_QUEUE_VOUCHED) > 0 &&
		  is_free_for_batch(node);
	batch = peal_admission_on_tick(
		&node->admission, is_free, peal_emit_budget(node), node->now_ns, &node->outbox);
	peal_emit_outbox(node);
	if (batch != NULL) {
		peal_on_batch_sent(node, batch);
		peal_node_add_willing(node, &batch->proposal.removals);
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
	if (node->now_ns >= node->unanswered_at_ns) {
		node->unanswered_at_ns = UINT64_MAX;
		peal_emit_event(node, PEAL_EVENT_UNANSWERED, 0, node->config.seeds_count, NULL);
	}
	if (peal_formation_may_create(&node->formation, node->now_ns)) {
		const struct peal_groups *groups = &node->config.groups;
		struct peal_uuid cluster = {
			.low = peal_prng_next(&node->prng), .high = peal_prng_next(&node->prng)};
		const struct peal_group *group = groups->create(
			groups->state, cluster, node->config.rings_count, &node->self);

		if (group != NULL) {
			peal_on_first_view(node, group, NULL);
			return;
		}
		peal_counter_add(&node->counters, PEAL_COUNTER_VIEWS_DELAYED, 1);
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
	struct peal_bitset silent;
	uint32_t silent_count = 0;

	(void)find_silent(node, &silent);
	PEAL_BITSET_FOR_EACH (rank, &silent) {
		silent_count += rank < node->self_rank ? 1U : 0U;
	}
	return node->self_rank - silent_count < CALLERS_MAX;
}

static void
call(struct peal_node *node, const struct peal_address *address)
{
	struct peal_effect effect = {.kind = PEAL_EFFECT_SEND_ADDRESS,
		.message = PEAL_MESSAGE_JOIN_ANSWER,
		.address = *address};
	struct peal_join_answer answer = {.status = PEAL_JOIN_HERE,
		.candidate = node->self.uuid,
		.answerer = node->self.uuid};
	struct peal_writer writer = peal_outbox_open(&node->outbox, &effect, PEAL_BODY_SIZE_MAX);

	peal_join_answer_encode(&answer, &writer);
	peal_outbox_commit(&node->outbox, &writer);
}

static void
call_seeds(struct peal_node *node)
{
	for (uint32_t i = 0; i < node->config.seeds_count && !PEAL_BUG(SEEDS_NOT_CALLED); i++) {
		const struct peal_address *seed = &node->config.seeds[i];

		if (peal_view_find_address(&node->view, seed) == PEAL_RANK_NONE) {
			call(node, seed);
		}
	}
}

/* Who was admitted and never spoke may not know it: those who were to send it the view, its
 * introducer and who made the batch, may have gone in the same cut. */
static void
call_mute(struct peal_node *node)
{
	uint32_t count = 0;
	const uint16_t *subjects = peal_rings_subjects(&node->topology, node->self_rank, &count);

	for (uint32_t i = 0; i < count; i++) {
		uint16_t slot =
			peal_install_find(&node->install, node->view.members[subjects[i]].mid);

		if (slot != PEAL_RANK_NONE && peal_plane_heard_at_ns(node->plane, slot) == 0) {
			call(node, &node->view.members[subjects[i]].address);
		}
	}
}

/* A group without a quorum admits nobody: it must not keep others from founding one. */
static void
call_others(struct peal_node *node)
{
	bool is_first = node->call_at_ns == node->view_at_ns;

	if (node->now_ns < node->call_at_ns) {
		return;
	}
	node->call_at_ns = node->now_ns + node->config.timing->boot_ns / 8U;
	if (node->state != PEAL_NODE_MEMBER || !node->has_quorum) {
		return;
	}
	if (is_caller(node)) {
		call_seeds(node);
	}
	/* At first nobody can have spoken; in a large view only its observers would hear it. */
	if (!is_first && (node->is_large || is_caller(node))) {
		call_mute(node);
	}
	peal_emit_outbox(node);
}

/* True when this node reported somebody in this epoch who answers it again. */
static bool
has_stale_report(const struct peal_node *node)
{
	uint64_t fresh_ns = FRESH_PROBES * node->config.timing->probe_interval_ns;
	uint32_t count = 0;
	const uint16_t *subjects = peal_rings_subjects(&node->topology, node->self_rank, &count);

	for (uint32_t i = 0; i < count; i++) {
		uint32_t own_mask = peal_rings_mask(&node->topology, node->self_rank, subjects[i]);

		if ((node->cut.evidence.masks[subjects[i]] & own_mask) != 0 &&
			node->now_ns <= proof_of_life_ns(node, subjects[i]) + fresh_ns) {
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
		PEAL_BUG(REPORTS_NEVER_REFRESHED) ||
		node->now_ns <
			node->reported_at_ns + REFRESH_ROUNDS * node->config.timing->reinforce_ns ||
		!has_stale_report(node)) {
		return;
	}
	peal_node_propose(node, &nothing, true);
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
	if (!PEAL_BUG(LONELY_FOR_EVER) && !node->has_quorum && node->state == PEAL_NODE_MEMBER &&
		node->now_ns >= node->lonely_since_ns + node->config.timing->install_ns) {
		peal_joiner_on_tick(&node->joiner, false, node->now_ns, &node->outbox);
		peal_emit_outbox(node);
	}
}

/* A new table for new guests, and an echo run that waited for one. */
static void
tick_guests(struct peal_node *node)
{
	struct peal_record record = {
		.kind = PEAL_RECORD_PING, .mid = node->ping_mid, .ping = node->ping};

	if (node->now_ns >= peal_guests_deadline_at_ns(&node->guests)) {
		peal_emit_view(node);
	}
	if (node->ping == NULL || node->ping_mid == 0) {
		return;
	}
	record.slot = peal_install_find(&node->install, node->ping_mid);
	if (record.slot != PEAL_RANK_NONE &&
		node->plane->down.push(node->plane->down.state, &record, 1) == 1) {
		node->ping_mid = 0;
	}
}

/* Who is out only helps the others to learn it. */
static void
tick_out(struct peal_node *node)
{
	peal_on_leave_tick(node);
	if (node->is_out && node->now_ns >= node->quorum_check_at_ns) {
		judge_quorum(node);
		look_for_others(node);
	}
}

void
peal_on_tick(struct peal_node *node)
{
	if (node->state == PEAL_NODE_JOINING) {
		tick_joining(node);
		return;
	}
	if (node->state == PEAL_NODE_KICKED) {
		if (peal_rejoin_is_due(&node->rejoin, node->now_ns)) {
			peal_on_start(node);
		}
		return;
	}
	if (!peal_node_is_active(node) || node->is_out) {
		tick_out(node);
		return;
	}
	if (node->is_decision_waiting && node->now_ns >= node->decision_at_ns) {
		node->is_decision_waiting = false;
	}
	tick_cut(node);
	peal_consensus_on_tick(&node->consensus, node->now_ns, &node->outbox);
	peal_emit_outbox(node);
	peal_on_progress(node);
	if (!peal_node_is_active(node) || node->is_out) {
		return;
	}
	peal_on_body_tick(node);
	peal_on_vote_tick(node);
	peal_on_sync_tick(node);
	tick_guests(node);
	tick_admission(node);
	peal_on_ordergroup_tick(node);
	call_others(node);
	peal_on_leave_tick(node);
	if (node->now_ns >= node->quorum_check_at_ns && peal_node_is_active(node)) {
		judge_quorum(node);
		look_for_others(node);
		refresh(node);
	}
}
