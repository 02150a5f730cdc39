/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Switching: start, first view, decided cut, end of membership.
 *
 * An install is one step with respect to every other input: new group, fresh cut detector and
 * consensus, the core's table, joiners answered, events. Old members get the DECIDE before the core
 * switches, so that those who are out hear it under keys they still share.
 */
#include "base/assert.h"
#include "base/hash.h"
#include "base/museum.h"
#include "control/node_private.h"
#include "wire/messages.h"

#include <stdatomic.h>
#include <string.h>

/* Members that one cut adds are told one by one up to here; else their number says it. */
#define TOLD_MAX PEAL_DIRECT_MAX
/* Sequencers of joins that are tried in turn in a large group (membership/admission.c). */
#define SEQUENCERS_COUNT 3U
/* A view that finds no room is tried again after this; the core needs a turn to give one back. */
#define RETRY_NS UINT64_C(1000000)

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
		.bodies = node->config.bodies,
		.seeds_count = node->config.seeds_count};

	struct peal_parameters parameters = peal_node_parameters(&node->config);

	joiner.request.parameters = peal_parameters_hash(&parameters);
	joiner.request.expect = node->config.expect;
	joiner.request.member = node->self;
	joiner.request.member.mid = 0;
	joiner.request.tag = peal_member_tag(&node->self);
	peal_joiner_end(&node->joiner);
	peal_joiner_init(&node->joiner, &joiner, peal_prng_next(&node->prng), node->now_ns);
}

void
peal_on_start(struct peal_node *node)
{
	const struct peal_node_config *config = &node->config;
	bool is_candidate = is_own_seed(config) && node->refrain_until_ns == 0;

	PEAL_ASSERT(node->group == NULL);
	node->state = PEAL_NODE_JOINING;
	node->self = (struct peal_member){.address = config->address,
		.uuid = PEAL_BUG(OLD_IDENTITY_KEPT) ? node->self.uuid : (struct peal_uuid){0},
		.shards_count = node->shards_count,
		.metadata_size = config->metadata_size,
		.metadata = config->metadata};
	while (peal_uuid_is_none(node->self.uuid)) {
		node->self.uuid.low = peal_prng_next(&node->prng);
		node->self.uuid.high = peal_prng_next(&node->prng);
	}
	node->self_rank = PEAL_RANK_NONE;
	node->ahead_since_ns = 0;
	node->unreachable_seen = 0;
	node->unanswered_at_ns = node->now_ns + 2U * config->timing->boot_ns;
	node->is_full_told = false;

	start_joiner(node);
	peal_formation_init(&node->formation, config->timing, node->self.uuid, is_candidate,
		is_candidate && config->seeds_count == 1 && config->expect == 1, config->expect,
		node->now_ns);
	peal_emit_event(node, PEAL_EVENT_STARTED, 0, 0, &node->self.address);
}

/* Takes over `group`, which is retained for this node. Whoever pointed into the one before is
 * switched over by start_epoch; the caller releases that then. */
static void
take_group(struct peal_node *node, const struct peal_group *group, uint64_t new_mid)
{
	node->group = group;
	node->view = group->view;
	node->topology = group->topology;
	node->is_large = group->view.members_count > PEAL_DIRECT_MAX;
	node->new_mid = new_mid;
	node->new_rank = group->view.members_count;
	while (node->new_rank > 0 && node->view.members[node->new_rank - 1U].mid >= new_mid) {
		node->new_rank--;
	}
	node->self_rank = peal_view_find_uuid(&node->view, node->self.uuid);
	PEAL_ASSERT(node->self_rank != PEAL_RANK_NONE);
}

static void
drop_snapshot(struct peal_node *node)
{
	if (node->snapshot != NULL) {
		node->config.bodies.release(node->config.bodies.state, node->snapshot);
		node->snapshot = NULL;
	}
}

/* What was known about the last epoch. */
static void
forget_epoch(struct peal_node *node)
{
	memset(&node->willing, 0, sizeof(node->willing));
	memset(&node->gone, 0, sizeof(node->gone));
	memset(&node->accused, 0, sizeof(node->accused));
	memset(&node->unfit, 0, sizeof(node->unfit));
	memset(&node->detected, 0, sizeof(node->detected));
	memset(&node->installed, 0, sizeof(node->installed));
	memset(&node->catchup, 0, sizeof(node->catchup));
	memset(&node->told_digest, 0, sizeof(node->told_digest));
	node->is_proposed = false;
	node->is_decision_waiting = false;
	node->ahead_since_ns = 0;
	node->batches_count = 0;
	node->wants_count = 0;
	peal_promises_clear(&node->promises);
	peal_assembly_clear(&node->assembly);
	peal_shelf_clear(&node->shelf);
	drop_snapshot(node);
}

/* An echo run that waits for a slot waits no longer than its view. */
static void
end_waiting_ping(struct peal_node *node)
{
	if (node->ping != NULL && node->ping_mid != 0) {
		node->ping_done = node->ping;
		node->ping = NULL;
		node->ping_mid = 0;
	}
}

/*
 * Joiners mostly ask seeds. A sequencer that gives these a slot at once loses nothing of what they
 * forward.
 */
static void
host_introducers(struct peal_node *node)
{
	bool is_sequencer = false;

	for (uint32_t attempt = 0; node->is_large && attempt < SEQUENCERS_COUNT; attempt++) {
		is_sequencer |= peal_rings_elect(&node->topology, &node->view, 0, attempt) ==
				node->self_rank;
	}
	for (uint32_t i = 0; is_sequencer && i < node->config.seeds_count; i++) {
		uint16_t rank = peal_view_find_address(&node->view, &node->config.seeds[i]);

		if (rank != PEAL_RANK_NONE) {
			peal_node_add_guest(node, node->view.members[rank].mid);
		}
	}
}

/* The machines of a new epoch. */
static void
start_epoch(struct peal_node *node)
{
	struct peal_consensus_config consensus = {.view = &node->group->view,
		.topology = &node->group->topology,
		.timing = node->config.timing,
		.counters = &node->counters,
		.willing = &node->willing,
		.self_rank = node->self_rank,
		.is_large = node->is_large,
		.bodies = node->config.bodies};

	forget_epoch(node);
	end_waiting_ping(node);
	peal_cut_start(&node->cut, &node->group->view, &node->group->topology, node->now_ns);
	node->view_at_ns = node->now_ns;
	node->quorum_check_at_ns = node->now_ns;
	node->propose_at_ns = UINT64_MAX;
	node->call_at_ns = node->now_ns;
	peal_consensus_init(&node->consensus, &consensus, node->now_ns);
	peal_counter_add(&node->counters, PEAL_COUNTER_VIEWS_INSTALLED, 1);
	peal_guests_on_view(&node->guests, &node->view);
	host_introducers(node);
	node->is_installed_due = node->is_large;
	peal_emit_view(node);
	peal_emit_event(node, PEAL_EVENT_VIEW, node->self.mid, node->view.members_count, NULL);
}

/* When the member at `rank` was last heard by the core; 0 = never, or it has no slot. */
static uint64_t
heard_at_ns(void *state, uint16_t rank)
{
	const struct peal_node *node = state;
	uint16_t slot = peal_install_find(&node->install, node->view.members[rank].mid);

	return slot == PEAL_RANK_NONE ? 0 : peal_plane_heard_at_ns(node->plane, slot);
}

/*
 * Those who are new wait for the view. In a small group their introducers send it, and who made the
 * batch sends it to all of them; in a large group each gets it from one member only.
 */
static void
greet(struct peal_node *node)
{
	struct peal_invitee invitees[PEAL_ADMISSION_GUESTS_MAX];
	uint32_t newcomers_count = (uint32_t)node->view.members_count - node->new_rank;
	uint32_t invitees_count = 0;
	bool is_sequencer = node->admission.sequencer.sent != NULL;

	invitees_count = peal_admission_on_view(
		&node->admission, node->self_rank, newcomers_count, node->now_ns, invitees);
	if (node->is_large) {
		peal_on_new_members(node, invitees, invitees_count);
		peal_emit_outbox(node);
		return;
	}
	if (is_sequencer) {
		invitees_count = 0;
		for (uint32_t rank = node->new_rank; rank < node->view.members_count; rank++) {
			invitees[invitees_count++] =
				(struct peal_invitee){.uuid = node->view.members[rank].uuid,
					.address = node->view.members[rank].address};
		}
	}
	peal_on_invite(node, invitees, invitees_count);
	peal_emit_outbox(node);
}

/*
 * Members that the last cut added, as far as a snapshot tells: additions stand in the order of
 * their uuids, so they are within the last ascending run.
 */
static uint64_t
guess_new_mid(const struct peal_view *view)
{
	uint32_t rank = view->members_count - 1U;

	while (rank > 0 &&
		peal_uuid_compare(view->members[rank - 1U].uuid, view->members[rank].uuid) < 0) {
		rank--;
	}
	return view->members[rank].mid;
}

void
peal_on_first_view(
	struct peal_node *node, const struct peal_group *group, const struct peal_body *body)
{
	struct peal_admission_config admission = {.timing = node->config.timing,
		.view = &node->view,
		.topology = &node->topology,
		.counters = &node->counters,
		.bodies = node->config.bodies,
		.members_max = node->config.groups.members_max,
		.parameters = peal_node_parameters(&node->config),
		.secret = peal_prng_next(&node->prng),
		.self = node->self.uuid,
		.heard_at_ns = heard_at_ns,
		.heard_state = node};

	PEAL_ASSERT(node->state == PEAL_NODE_JOINING);
	PEAL_ASSERT(node->group == NULL);

	take_group(node, group, guess_new_mid(&group->view));
	node->self.mid = node->view.members[node->self_rank].mid;
	node->state = PEAL_NODE_MEMBER;
	node->first_epoch = node->view.epoch;
	node->refrain_until_ns = 0;
	node->has_quorum = true;
	start_joiner(node); /* for the day on which this group is lost */
	peal_admission_init(&node->admission, &admission);
	start_epoch(node);
	if (body != NULL) {
		node->config.bodies.retain(node->config.bodies.state, body);
		node->snapshot = body;
	}
	for (uint16_t rank = 0; !node->is_large && rank < node->view.members_count; rank++) {
		peal_emit_event(node, PEAL_EVENT_JOINED, node->view.members[rank].mid, 0,
			&node->view.members[rank].address);
	}
	peal_on_ordergroup_view(node, NULL);
	greet(node);
}

/* Why a member is not in `next`, as far as anybody knows. Reasons are not part of what was agreed.
 */
static enum peal_departure
find_reason(const struct peal_view *next, const struct peal_member *member, bool has_left)
{
	if (peal_view_find_address(next, &member->address) != PEAL_RANK_NONE) {
		return PEAL_DEPARTURE_REPLACED;
	}
	return has_left && !PEAL_BUG(LEFT_IS_CRASHED) ? PEAL_DEPARTURE_LEFT
						      : PEAL_DEPARTURE_CRASHED;
}

/* A member of the view before is out. */
static void
tell_removed(struct peal_node *node, const struct peal_member *member, bool has_left)
{
	static const enum peal_event_kind kinds[] = {
		[PEAL_DEPARTURE_UNKNOWN] = PEAL_EVENT_CRASHED,
		[PEAL_DEPARTURE_LEFT] = PEAL_EVENT_LEFT,
		[PEAL_DEPARTURE_CRASHED] = PEAL_EVENT_CRASHED,
		[PEAL_DEPARTURE_REPLACED] = PEAL_EVENT_REPLACED,
	};
	enum peal_departure why = find_reason(&node->view, member, has_left);

	peal_admission_bury(&node->admission, member->uuid);
	peal_emit_event(node, kinds[why], member->mid, 0, &member->address);
}

static void
tell_joined(struct peal_node *node)
{
	if ((uint32_t)node->view.members_count - node->new_rank > TOLD_MAX) {
		return; /* the event of the view has the number of members */
	}
	for (uint32_t rank = node->new_rank; rank < node->view.members_count; rank++) {
		const struct peal_member *member = &node->view.members[rank];

		peal_emit_event(node, PEAL_EVENT_JOINED, member->mid, 0, &member->address);
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
peal_node_release_view(struct peal_node *node)
{
	if (node->group == NULL) {
		return;
	}
	forget_epoch(node);
	end_waiting_ping(node);
	peal_admission_end(&node->admission);
	peal_history_clear(&node->history);
	peal_values_clear(&node->consensus.values);
	peal_cut_stop(&node->cut);
	node->config.groups.release(node->config.groups.state, node->group);
	node->group = NULL;
	node->is_large = false;
	node->is_installed_due = false;
	node->guests.count = 0;
	memset(&node->view, 0, sizeof(node->view));
	memset(&node->topology, 0, sizeof(node->topology));
	node->self_rank = PEAL_RANK_NONE;
}

void
peal_on_kicked(struct peal_node *node, enum peal_kicked why)
{
	peal_emit_event(node, PEAL_EVENT_KICKED, node->self.mid, why, NULL);
	node->state = PEAL_NODE_KICKED;
	node->is_out = false;
	peal_node_release_view(node);
	peal_emit_view(node);
	if (!node->config.rejoin) {
		return;
	}
	if (why == PEAL_KICKED_SLOW && !PEAL_BUG(EVICTED_COMES_AT_ONCE)) {
		uint64_t pause_ns = peal_rejoin_on_evicted(&node->rejoin, node->now_ns);

		peal_counter_add(&node->counters, PEAL_COUNTER_REJOINS_DELAYED, 1);
		peal_emit_event(node, PEAL_EVENT_WAITING, 0, pause_ns, NULL);
		return;
	}
	peal_on_start(node);
}

void
peal_on_removed(struct peal_node *node, enum peal_kicked why)
{
	/* Nobody says why, but its own core said in this epoch that it is slow, which is final. */
	if (atomic_load_explicit(&node->plane->slow, memory_order_relaxed) == node->view.epoch) {
		why = PEAL_KICKED_SLOW;
	}
	node->refrain_until_ns =
		PEAL_BUG(REMOVED_FOUNDS) ? 0 : node->now_ns + 2U * node->config.timing->install_ns;
	peal_on_kicked(node, why);
}

/* A leaver that is still in the view asks again, in this epoch; if it is alone it is done. */
static void
go_on_leaving(struct peal_node *node)
{
	if (node->state != PEAL_NODE_LEAVING) {
		return;
	}
	if (node->view.members_count == 1) {
		peal_on_alone(node); /* nobody is left whom it could ask */
		return;
	}
	node->leave_repeat_ns = 2U * node->config.timing->flood_ns;
	node->leave_repeat_at_ns = node->now_ns;
}

static void
switch_group(struct peal_node *node, const struct peal_group *next, const struct peal_body *value,
	const struct peal_bitset *left)
{
	const struct peal_group *before = node->group;

	/* Before the core hears of the view. */
	PEAL_BITSET_FOR_EACH (rank, &value->proposal.removals) {
		const struct peal_member *member = &before->view.members[rank];

		peal_plane_note_departure(node->plane, member->mid,
			find_reason(&next->view, member, peal_bitset_has(left, rank)));
	}
	take_group(node, next, before->view.next_mid);
	start_epoch(node);
	PEAL_BITSET_FOR_EACH (rank, &value->proposal.removals) {
		tell_removed(node, &before->view.members[rank], peal_bitset_has(left, rank));
	}
	tell_joined(node);
	peal_on_ordergroup_view(node, &before->view);
	node->config.groups.release(node->config.groups.state, before);
	greet(node);
	go_on_leaving(node);
}

/* The view after `value`, retained; NULL: tried again later. */
static const struct peal_group *
make_next(struct peal_node *node, const struct peal_body *value)
{
	const struct peal_groups *groups = &node->config.groups;
	const struct peal_group *next =
		groups->next(groups->state, node->group, &value->proposal, value->digest);

	node->is_decision_waiting = next == NULL;
	if (next == NULL) {
		node->decision_at_ns = node->now_ns + RETRY_NS;
		peal_counter_add(&node->counters, PEAL_COUNTER_VIEWS_DELAYED, 1);
	}
	return next;
}

void
peal_on_decision(struct peal_node *node, const struct peal_body *value, struct peal_ballot ballot,
	const struct peal_bitset *left, const struct peal_hash128 *result_hash)
{
	struct peal_ballot_msg message = {.kind = PEAL_MESSAGE_DECIDE,
		.ballot = ballot,
		.digest = value->digest,
		.has_proposal = true,
		.proposal = value->proposal};
	const struct peal_bodies *bodies = &node->config.bodies;
	const struct peal_group *next = NULL;

	PEAL_ASSERT(peal_node_is_active(node) && !node->is_out);
	PEAL_ASSERT(value->proposal.parent_epoch == node->view.epoch);

	next = make_next(node, value);
	if (next == NULL) {
		return;
	}
	bodies->retain(bodies->state, value); /* whoever holds it may end with the epoch */
	if (result_hash != NULL && !peal_hash128_equals(*result_hash, next->view.hash)) {
		peal_on_refused(
			node); /* another result from the same parent: who says so is wrong */
		node->config.groups.release(node->config.groups.state, next);
		bodies->release(bodies->state, value);
		return;
	}
	message.left = peal_bitset_union(left, &node->cut.leaving);
	message.left = peal_bitset_intersection(&message.left, &value->proposal.removals);
	message.result_hash = next->view.hash;
	peal_history_add(&node->history, &message, value);
	/* What a DECIDE told was told to everybody. */
	if (!peal_hash128_equals(value->digest, node->told_digest)) {
		flood_decide(node, &message);
	}
	if (peal_bitset_has(&value->proposal.removals, node->self_rank)) {
		node->config.groups.release(node->config.groups.state, next);
		peal_on_out_decided(node, &value->proposal.removals);
	} else {
		switch_group(node, next, value, &message.left);
	}
	bodies->release(bodies->state, value);
}

void
peal_on_later_view(struct peal_node *node, const struct peal_group *group)
{
	const struct peal_group *before = node->group;

	PEAL_ASSERT(group->view.epoch > before->view.epoch);
	take_group(node, group, before->view.next_mid);
	start_epoch(node);
	for (uint32_t rank = 0; rank < before->view.members_count; rank++) {
		const struct peal_member *member = &before->view.members[rank];

		/* Why is not known any more. */
		if (peal_view_find_mid(&node->view, member->mid) == PEAL_RANK_NONE) {
			tell_removed(node, member, false);
		}
	}
	tell_joined(node);
	peal_on_ordergroup_view(node, &before->view);
	node->config.groups.release(node->config.groups.state, before);
	greet(node);
	go_on_leaving(node);
}

void
peal_on_progress(struct peal_node *node)
{
	const struct peal_body *decided = NULL;
	const struct peal_bitset nobody = {0};
	bool is_told = false;

	if (!peal_node_is_active(node) || node->is_out) {
		return;
	}
	decided = peal_consensus_decided(&node->consensus);
	if (decided == NULL || (node->is_decision_waiting && node->now_ns < node->decision_at_ns)) {
		return;
	}
	is_told = peal_hash128_equals(decided->digest, node->told_digest);
	peal_on_decision(node, decided, node->consensus.decided_ballot,
		is_told ? &node->told_left : &nobody, NULL);
}
