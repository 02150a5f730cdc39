/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Order groups: a wish of the operator becomes the cut that creates one.
 *
 * The member that was asked proposes a cut with the configuration and nothing else, as soon as no
 * cut is being agreed on. When another cut wins, it proposes again in the next epoch, unless that
 * cut made the wish impossible. Everybody learns from the view that is installed what came of it.
 *
 * timers: ordergroup - D after a wish or a view, then every D while it waits.
 */
#include "base/assert.h"
#include "control/node_private.h"

#include <string.h>

/* So many D after a view was installed here it is everywhere. */
#define CALM_FLOODS 4U

static const char *const answer_names[] = {
	[PEAL_ORDERGROUP_WAITS] = "waits",
	[PEAL_ORDERGROUP_EXISTS] = "exists",
	[PEAL_ORDERGROUP_TAKEN] = "taken",
	[PEAL_ORDERGROUP_WRONG_GENERATION] = "wrong generation",
	[PEAL_ORDERGROUP_NO_MEMBER] = "no member",
	[PEAL_ORDERGROUP_FULL] = "full",
	[PEAL_ORDERGROUP_INVALID] = "invalid",
	[PEAL_ORDERGROUP_BUSY] = "busy",
	[PEAL_ORDERGROUP_OUTSIDE] = "outside",
};

const char *
peal_ordergroup_answer_name(enum peal_ordergroup_answer answer)
{
	PEAL_ASSERT((uint32_t)answer < sizeof(answer_names) / sizeof(answer_names[0]));
	return answer_names[answer];
}

/* Against what is there already. Two wishes for one group cannot both come true. */
static enum peal_ordergroup_answer
judge_generation(const struct peal_view *view, const struct peal_ordergroup *group)
{
	const struct peal_ordergroup *before = peal_view_find_ordergroup(view, group->id);

	if (before == NULL) {
		if (group->generation != 1) {
			return PEAL_ORDERGROUP_WRONG_GENERATION;
		}
		return view->ordergroups_count < PEAL_ORDERGROUPS_MAX ? PEAL_ORDERGROUP_WAITS
								      : PEAL_ORDERGROUP_FULL;
	}
	if (group->generation == before->generation + 1U) {
		return PEAL_ORDERGROUP_WAITS;
	}
	if (group->generation > before->generation) {
		return PEAL_ORDERGROUP_WRONG_GENERATION;
	}
	return peal_ordergroup_equals(before, group) ? PEAL_ORDERGROUP_EXISTS
						     : PEAL_ORDERGROUP_TAKEN;
}

/* What can come of the wish in this view. */
static enum peal_ordergroup_answer
judge(const struct peal_view *view, const struct peal_ordergroup *group)
{
	const struct peal_bitset nobody = {0};
	enum peal_ordergroup_answer answer;

	if (!peal_ordergroup_is_valid(group)) {
		return PEAL_ORDERGROUP_INVALID;
	}
	answer = judge_generation(view, group);
	if (answer != PEAL_ORDERGROUP_WAITS) {
		return answer;
	}
	for (uint32_t i = 0; i < group->ranks_count; i++) {
		if (peal_view_find_mid(view, group->ranks[i].mid) == PEAL_RANK_NONE) {
			return PEAL_ORDERGROUP_NO_MEMBER;
		}
	}
	PEAL_ASSERT(peal_nextview_may_create(view, &nobody, group));
	return PEAL_ORDERGROUP_WAITS;
}

enum peal_ordergroup_answer
peal_node_create_ordergroup(
	struct peal_node *node, const struct peal_ordergroup *group, uint64_t now_ns)
{
	enum peal_ordergroup_answer answer;

	PEAL_ASSERT(now_ns >= node->now_ns);
	node->now_ns = now_ns;
	if (node->state != PEAL_NODE_MEMBER || node->is_out) {
		return PEAL_ORDERGROUP_OUTSIDE;
	}
	answer = judge(&node->view, group);
	if (answer != PEAL_ORDERGROUP_WAITS) {
		if (answer != PEAL_ORDERGROUP_EXISTS) {
			peal_counter_add(&node->counters, PEAL_COUNTER_ORDERGROUPS_REFUSED, 1);
		}
		return answer;
	}
	if (node->wanted_ordergroup.id != 0) {
		return peal_ordergroup_equals(&node->wanted_ordergroup, group)
			       ? PEAL_ORDERGROUP_WAITS
			       : PEAL_ORDERGROUP_BUSY;
	}
	node->wanted_ordergroup = *group;
	node->ordergroup_at_ns = now_ns;
	return PEAL_ORDERGROUP_WAITS;
}

/* The wish is over, one way or the other. */
static void
drop_wish(struct peal_node *node)
{
	memset(&node->wanted_ordergroup, 0, sizeof(node->wanted_ordergroup));
}

void
peal_on_ordergroup_view(struct peal_node *node, const struct peal_view *before)
{
	const struct peal_ordergroup *wanted = &node->wanted_ordergroup;
	enum peal_ordergroup_answer answer;

	for (uint32_t i = 0; i < node->view.ordergroups_count; i++) {
		const struct peal_ordergroup *group = &node->view.ordergroups[i];
		const struct peal_ordergroup *old =
			before == NULL ? NULL : peal_view_find_ordergroup(before, group->id);

		if (old == NULL || !peal_ordergroup_equals(old, group)) {
			peal_emit_event(node, PEAL_EVENT_ORDERGROUP, 0,
				(uint64_t)group->generation << 32 | group->id, NULL);
		}
	}
	if (wanted->id == 0) {
		return;
	}
	/* Whoever was asked under an identity that is gone has forgotten it. */
	answer = before == NULL ? PEAL_ORDERGROUP_OUTSIDE : judge(&node->view, wanted);
	if (answer == PEAL_ORDERGROUP_WAITS) {
		node->ordergroup_at_ns = node->now_ns + node->config.timing->flood_ns;
		return;
	}
	if (answer != PEAL_ORDERGROUP_EXISTS) {
		peal_counter_add(&node->counters, PEAL_COUNTER_ORDERGROUPS_REFUSED, 1);
		peal_emit_event(node, PEAL_EVENT_ORDERGROUP_REFUSED, 0,
			(uint64_t)answer << 32 | wanted->id, NULL);
	}
	drop_wish(node);
}

/*
 * True when no cut is being agreed on, none is coming, and everybody should have this view. Nobody
 * has to prove that, as newcomers do before more of them are let in: this cut adds nobody.
 */
static bool
is_calm(const struct peal_node *node)
{
	return !node->is_proposed && !peal_consensus_is_busy(&node->consensus) &&
	       node->cut.batch == NULL && peal_bitset_is_empty(&node->cut.stable) &&
	       peal_bitset_is_empty(&node->cut.unstable) &&
	       node->now_ns >= node->view_at_ns + CALM_FLOODS * node->config.timing->flood_ns;
}

void
peal_on_ordergroup_tick(struct peal_node *node)
{
	struct peal_proposal value = {
		.parent_epoch = node->view.epoch, .parent_hash = node->view.hash};

	if (node->wanted_ordergroup.id == 0 || node->state != PEAL_NODE_MEMBER ||
		node->now_ns < node->ordergroup_at_ns) {
		return;
	}
	node->ordergroup_at_ns = node->now_ns + node->config.timing->flood_ns;
	if (!is_calm(node)) {
		return;
	}
	value.ordergroup = node->wanted_ordergroup;
	peal_node_propose(node, &value, true);
	peal_emit_outbox(node);
	peal_on_progress(node);
}

uint64_t
peal_on_ordergroup_deadline_at_ns(const struct peal_node *node)
{
	return node->wanted_ordergroup.id != 0 && node->state == PEAL_NODE_MEMBER
		       ? node->ordergroup_at_ns
		       : UINT64_MAX;
}
