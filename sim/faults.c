/* SPDX-License-Identifier: BSD-3-Clause */
#include "sim/faults.h"

#include "base/assert.h"
#include "control/quorum.h"
#include "membership/nextview.h"

#include <stdlib.h>
#include <string.h>

#define MILLISECOND_NS UINT64_C(1000000)
#define SECOND_NS      UINT64_C(1000000000)
#define PPM            1000000U
#define NEVER          UINT64_MAX
/* Views told apart when members are looked at one by one. */
#define SEEN_MAX 16U

static uint64_t
draw(struct peal_faults *faults, uint64_t min, uint64_t max)
{
	return min + peal_prng_below(&faults->prng, max - min + 1U);
}

/* Durations are spread over their orders of magnitude: short ones are as likely as long ones. */
static uint64_t
draw_span(struct peal_faults *faults, uint64_t max_ns)
{
	return draw(faults, MILLISECOND_NS, max_ns >> draw(faults, 0, 6U));
}

static struct peal_bitset
just(uint16_t index)
{
	struct peal_bitset set = {0};

	peal_bitset_add(&set, index);
	return set;
}

void
peal_faults_init(struct peal_faults *faults, struct peal_simworld *world, uint64_t seed)
{
	memset(faults, 0, sizeof(*faults));
	faults->world = world;
	peal_prng_init(&faults->prng, seed);
	faults->is_gentle = peal_prng_ratio(&faults->prng, 1, 2);
	for (uint32_t kind = 0; kind < PEAL_FAULTS_COUNT; kind++) {
		faults->weights[kind] =
			peal_prng_ratio(&faults->prng, 2, 5) ? 0 : (uint32_t)draw(faults, 1, 8);
	}
	faults->weights[PEAL_FAULT_RESTART] += 1U; /* there is always one that can happen */
	faults->gap_ns_max = (50U * MILLISECOND_NS) << draw(faults, 0, 5U);
	faults->next_at_ns = world->time.now_ns + draw(faults, 0, faults->gap_ns_max);
}

/* True when `view` keeps a quorum of its members that run now and are not in `lost`. */
static bool
is_bearable(const struct peal_faults *faults, const struct peal_view *view,
	const struct peal_bitset *lost)
{
	struct peal_quorum quorum = peal_quorum_of(view);
	struct peal_bitset alive = {0};

	for (uint16_t i = 0; i < faults->world->config.nodes_count; i++) {
		const struct peal_simnode *simnode = faults->world->nodes[i];
		uint16_t rank;

		if (peal_bitset_has(lost, i) || !peal_simnode_is_member(simnode) ||
			simnode->node.state != PEAL_NODE_MEMBER) {
			continue;
		}
		rank = peal_view_find_uuid(view, simnode->node.self.uuid);
		if (rank != PEAL_RANK_NONE) {
			peal_bitset_add(&alive, rank);
		}
	}
	return peal_quorum_classic_ok(&quorum, &alive);
}

/* Nodes that are no members now. Were most of them to start afresh, they could form a second
 * cluster. */
static uint32_t
count_outside(const struct peal_faults *faults)
{
	uint32_t count = 0;

	for (uint16_t i = 0; i < faults->world->config.nodes_count; i++) {
		count += peal_simnode_is_member(faults->world->nodes[i]) ? 0 : 1U;
	}
	return count;
}

/* The same for the view that `cut` leads to, should it be decided. */
static bool
is_next_bearable(const struct peal_faults *faults, const struct peal_view *view,
	const struct peal_proposal *cut, const struct peal_bitset *lost)
{
	uint32_t members_max = view->members_count + cut->additions_count;
	struct peal_ordergroup ordergroups[PEAL_ORDERGROUPS_MAX];
	struct peal_member *members;
	struct peal_view next;
	bool is_good;

	if (peal_nextview_validate(view, cut) != PEAL_VALID) {
		return true;
	}
	members = malloc(members_max * sizeof(members[0]));
	PEAL_ASSERT(members != NULL);
	peal_nextview_apply(view, cut, members, ordergroups, &next);
	is_good = is_bearable(faults, &next, lost);
	free(members);
	return is_good;
}

/* The view of one member, and every view that it may be about to install. */
static bool
is_future_bearable(const struct peal_faults *faults, const struct peal_node *node,
	const struct peal_bitset *lost)
{
	const struct peal_values *values = &node->consensus.values;

	if (!is_bearable(faults, &node->view, lost)) {
		return false;
	}
	for (uint32_t i = 0; i < values->count; i++) {
		if (!is_next_bearable(faults, &node->view, &values->bodies[i]->proposal, lost)) {
			return false;
		}
	}
	if (!peal_bitset_is_empty(&node->cut.stable)) {
		struct peal_proposal cut;

		peal_cut_get_proposal(&node->cut, &cut);
		return is_next_bearable(faults, &node->view, &cut, lost);
	}
	return true;
}

/* True when whoever is in a view lives. The dead do not vote, so then nobody else may be missing.
 */
static bool
is_whole(const struct peal_faults *faults)
{
	uint16_t count = faults->world->config.nodes_count;

	for (uint16_t i = 0; i < count; i++) {
		const struct peal_view *view = &faults->world->nodes[i]->node.view;
		uint32_t alive_count = 0;

		if (!peal_simnode_is_member(faults->world->nodes[i])) {
			continue;
		}
		for (uint16_t j = 0; j < count; j++) {
			const struct peal_simnode *other = faults->world->nodes[j];

			alive_count +=
				peal_simnode_is_member(other) &&
						peal_view_find_uuid(view, other->node.self.uuid) !=
							PEAL_RANK_NONE
					? 1U
					: 0U;
		}
		if (alive_count < view->members_count) {
			return false;
		}
	}
	return true;
}

/* True when another member of the same view, in which nobody proposed anything, was looked at. */
static bool
is_seen(uint64_t seen[SEEN_MAX], uint32_t *seen_count, const struct peal_simnode *simnode)
{
	const struct peal_node *node = &simnode->node;

	if (node->consensus.values.count > 0 || !peal_bitset_is_empty(&node->cut.stable)) {
		return false;
	}
	for (uint32_t i = 0; i < *seen_count; i++) {
		if (seen[i] == node->view.hash.low) {
			return true;
		}
	}
	if (*seen_count < SEEN_MAX) {
		seen[(*seen_count)++] = node->view.hash.low;
	}
	return false;
}

/* True when every view that somebody is in, or may soon be in, survives the loss of these nodes. */
static bool
may_lose(const struct peal_faults *faults, const struct peal_bitset *nodes, bool for_good)
{
	struct peal_bitset lost = peal_bitset_union(nodes, &faults->impaired);
	uint64_t seen[SEEN_MAX];
	uint32_t seen_count = 0;

	if (!faults->is_gentle && !for_good && is_whole(faults)) {
		return true;
	}
	for (uint16_t i = 0; i < faults->world->config.nodes_count; i++) {
		const struct peal_simnode *simnode = faults->world->nodes[i];

		if (peal_simnode_is_member(simnode) && !is_seen(seen, &seen_count, simnode) &&
			!is_future_bearable(faults, &simnode->node, &lost)) {
			return false;
		}
	}
	return true;
}

static uint16_t
draw_node(struct peal_faults *faults)
{
	return (uint16_t)draw(faults, 0, faults->world->config.nodes_count - 1U);
}

static struct peal_fault_hold *
hold(struct peal_faults *faults, enum peal_fault_kind kind, uint16_t a, uint64_t span_ns)
{
	struct peal_fault_hold *free_hold = NULL;

	for (uint32_t i = 0; i < PEAL_FAULT_HOLDS_MAX; i++) {
		const struct peal_fault_hold *other = &faults->holds[i];

		if (!other->is_used) {
			free_hold = &faults->holds[i];
		} else if (other->kind == kind && (other->a == a || kind >= PEAL_FAULT_PARTITION) &&
			   kind != PEAL_FAULT_LEAVE) {
			return NULL; /* already so */
		}
	}
	if (free_hold != NULL) {
		*free_hold = (struct peal_fault_hold){.is_used = true,
			.kind = kind,
			.a = a,
			.b = a,
			.until_ns =
				span_ns == NEVER ? NEVER : faults->world->time.now_ns + span_ns};
	}
	return free_hold;
}

/* Which nodes a lasting fault holds back. */
static void
count_impaired(struct peal_faults *faults)
{
	faults->impaired = (struct peal_bitset){0};
	for (uint32_t i = 0; i < PEAL_FAULT_HOLDS_MAX; i++) {
		const struct peal_fault_hold *one = &faults->holds[i];

		if (!one->is_used || one->kind == PEAL_FAULT_WEATHER) {
			continue;
		}
		if (one->kind == PEAL_FAULT_PARTITION) {
			peal_bitset_merge(&faults->impaired, &one->side);
		} else {
			peal_bitset_add(&faults->impaired, one->a);
			peal_bitset_add(&faults->impaired, one->b);
		}
	}
}

static void
set_partition(struct peal_faults *faults, const struct peal_bitset *side, bool is_cut)
{
	uint16_t count = faults->world->config.nodes_count;

	for (uint16_t from = 0; from < count; from++) {
		for (uint16_t to = 0; to < count; to++) {
			if (peal_bitset_has(side, from) != peal_bitset_has(side, to)) {
				peal_simworld_cut(faults->world, from, to, is_cut);
			}
		}
	}
}

/* Ends one fault. */
static void
end_hold(struct peal_faults *faults, struct peal_fault_hold *one)
{
	struct peal_simworld *world = faults->world;
	const struct peal_simworld_weather fair = {0};

	one->is_used = false;
	switch (one->kind) {
	case PEAL_FAULT_CRASH:
	case PEAL_FAULT_RESTART:
		peal_simworld_start(world, one->a);
		break;
	case PEAL_FAULT_LEAVE:
		/* What has left is a process that ended. One that has not got away yet goes on
		 * trying. */
		if (world->nodes[one->a]->is_up &&
			world->nodes[one->a]->node.state == PEAL_NODE_LEFT) {
			peal_simworld_crash(world, one->a);
			peal_simworld_start(world, one->a);
		}
		break;
	case PEAL_FAULT_PAUSE:
		peal_simworld_pause(world, one->a, false);
		break;
	case PEAL_FAULT_STUCK:
		peal_simworld_stick(world, one->a, false);
		break;
	case PEAL_FAULT_CUT:
	case PEAL_FAULT_PAIR:
		peal_simworld_cut(world, one->a, one->b, false);
		peal_simworld_cut(world, one->b, one->a, false);
		break;
	case PEAL_FAULT_DEAF:
	case PEAL_FAULT_MUTE:
	case PEAL_FAULT_LOSSY:
		peal_simworld_set_ingress_loss(world, one->a, 0);
		peal_simworld_set_egress_loss(world, one->a, 0);
		break;
	case PEAL_FAULT_PARTITION:
		set_partition(faults, &one->side, false);
		break;
	case PEAL_FAULT_WEATHER:
		peal_simworld_set_weather(world, &fair);
		break;
	case PEAL_FAULTS_COUNT:
		PEAL_ASSERT(false);
	}
	count_impaired(faults);
}

static void
lose_node(struct peal_faults *faults, enum peal_fault_kind kind, uint16_t index)
{
	uint64_t span_ns = kind == PEAL_FAULT_RESTART ? draw(faults, 0, 50U * MILLISECOND_NS)
						      : draw_span(faults, 8U * SECOND_NS);
	struct peal_bitset self = just(index);

	if (!faults->world->nodes[index]->is_up || !may_lose(faults, &self, true) ||
		count_outside(faults) + 1U > faults->world->config.nodes_count / 2U) {
		return;
	}
	if (kind == PEAL_FAULT_CRASH && peal_prng_ratio(&faults->prng, 1, 3)) {
		span_ns = NEVER;
	}
	if (kind == PEAL_FAULT_LEAVE) {
		span_ns += faults->world->timing.leave_ns * 2U;
	}
	if (hold(faults, kind, index, span_ns) == NULL) {
		return;
	}
	if (kind == PEAL_FAULT_LEAVE) {
		peal_simworld_leave(faults->world, index);
	} else {
		peal_simworld_crash(faults->world, index);
	}
}

static void
disturb_node(struct peal_faults *faults, enum peal_fault_kind kind, uint16_t index)
{
	uint64_t span_ns =
		draw_span(faults, kind == PEAL_FAULT_PAUSE ? 2U * SECOND_NS : 3U * SECOND_NS);
	uint32_t ppm = kind == PEAL_FAULT_LOSSY ? PPM / 5U * 4U : PPM;
	struct peal_bitset self = just(index);
	bool is_ingress = kind == PEAL_FAULT_DEAF ||
			  (kind == PEAL_FAULT_LOSSY && peal_prng_ratio(&faults->prng, 1, 2));

	if (!faults->world->nodes[index]->is_up || !may_lose(faults, &self, false) ||
		hold(faults, kind, index, span_ns) == NULL) {
		return;
	}
	if (kind == PEAL_FAULT_PAUSE) {
		peal_simworld_pause(faults->world, index, true);
	} else if (kind == PEAL_FAULT_STUCK) {
		peal_simworld_stick(faults->world, index, true);
	} else if (is_ingress) {
		peal_simworld_set_ingress_loss(faults->world, index, ppm);
	} else {
		peal_simworld_set_egress_loss(faults->world, index, ppm);
	}
}

static void
disturb_link(struct peal_faults *faults, enum peal_fault_kind kind)
{
	uint64_t span_ns = draw_span(faults, 5U * SECOND_NS);
	uint16_t from = draw_node(faults);
	uint16_t to = draw_node(faults);
	struct peal_bitset both = just(from);
	struct peal_fault_hold *one;

	peal_bitset_add(&both, to);
	if (from == to || !may_lose(faults, &both, false)) {
		return;
	}
	one = hold(faults, kind, from, span_ns);
	if (one == NULL) {
		return;
	}
	one->b = to;
	peal_simworld_cut(faults->world, from, to, true);
	if (kind == PEAL_FAULT_PAIR) {
		peal_simworld_cut(faults->world, to, from, true);
	}
}

static void
split(struct peal_faults *faults)
{
	uint64_t span_ns = draw_span(faults, 5U * SECOND_NS);
	struct peal_bitset side = {0};
	struct peal_fault_hold *one;

	for (uint16_t i = 0; i < faults->world->config.nodes_count; i++) {
		if (peal_prng_ratio(&faults->prng, 1, 3)) {
			peal_bitset_add(&side, i);
		}
	}
	if (peal_bitset_is_empty(&side) || !may_lose(faults, &side, false)) {
		return;
	}
	one = hold(faults, PEAL_FAULT_PARTITION, 0, span_ns);
	if (one != NULL) {
		one->side = side;
		set_partition(faults, &side, true);
	}
}

static void
change_weather(struct peal_faults *faults)
{
	struct peal_simworld_weather weather = {
		.loss_ppm = (uint32_t)draw(faults, 0, 100000U >> draw(faults, 0, 5U)),
		.duplicate_ppm = (uint32_t)draw(faults, 0, 20000U),
		.spike_ppm = (uint32_t)draw(faults, 0, 50000U),
		.spike_ns_max = draw(faults, MILLISECOND_NS, 20U * MILLISECOND_NS),
	};

	if (hold(faults, PEAL_FAULT_WEATHER, 0, draw_span(faults, 8U * SECOND_NS)) != NULL) {
		peal_simworld_set_weather(faults->world, &weather);
	}
}

static enum peal_fault_kind
draw_kind(struct peal_faults *faults)
{
	uint32_t total = 0;
	uint64_t place;
	uint32_t kind = 0;

	for (uint32_t i = 0; i < PEAL_FAULTS_COUNT; i++) {
		total += faults->weights[i];
	}
	place = draw(faults, 0, total - 1U);
	while (place >= faults->weights[kind]) {
		place -= faults->weights[kind++];
	}
	PEAL_ASSERT(kind < PEAL_FAULTS_COUNT);
	return (enum peal_fault_kind)kind;
}

static void
strike(struct peal_faults *faults)
{
	enum peal_fault_kind kind = draw_kind(faults);

	switch (kind) {
	case PEAL_FAULT_CRASH:
	case PEAL_FAULT_RESTART:
	case PEAL_FAULT_LEAVE:
		lose_node(faults, kind, draw_node(faults));
		break;
	case PEAL_FAULT_PAUSE:
	case PEAL_FAULT_STUCK:
	case PEAL_FAULT_DEAF:
	case PEAL_FAULT_MUTE:
	case PEAL_FAULT_LOSSY:
		disturb_node(faults, kind, draw_node(faults));
		break;
	case PEAL_FAULT_CUT:
	case PEAL_FAULT_PAIR:
		disturb_link(faults, kind);
		break;
	case PEAL_FAULT_PARTITION:
		split(faults);
		break;
	case PEAL_FAULT_WEATHER:
		change_weather(faults);
		break;
	case PEAL_FAULTS_COUNT:
		PEAL_ASSERT(false);
	}
	count_impaired(faults);
}

/* The lasting fault that ends first. */
static struct peal_fault_hold *
find_next_end(struct peal_faults *faults)
{
	struct peal_fault_hold *next = NULL;

	for (uint32_t i = 0; i < PEAL_FAULT_HOLDS_MAX; i++) {
		struct peal_fault_hold *one = &faults->holds[i];

		if (one->is_used && (next == NULL || one->until_ns < next->until_ns)) {
			next = one;
		}
	}
	return next;
}

void
peal_faults_run(struct peal_faults *faults, uint64_t until_ns)
{
	struct peal_simworld *world = faults->world;

	while (!world->is_over) {
		struct peal_fault_hold *end = find_next_end(faults);
		bool is_end = end != NULL && end->until_ns <= faults->next_at_ns;
		uint64_t at_ns = is_end ? end->until_ns : faults->next_at_ns;

		if (at_ns > until_ns) {
			break;
		}
		peal_simworld_run_until(world, at_ns);
		if (is_end) {
			end_hold(faults, end);
		} else {
			strike(faults);
			faults->next_at_ns =
				world->time.now_ns + draw(faults, 0, faults->gap_ns_max);
		}
	}
	peal_simworld_run_until(world, until_ns);
}

uint16_t
peal_faults_draw_victim(struct peal_faults *faults)
{
	uint16_t count = faults->world->config.nodes_count;
	uint16_t first = draw_node(faults);

	for (uint16_t i = 0; i < count; i++) {
		uint16_t index = (uint16_t)((first + i) % count);
		struct peal_bitset self = just(index);

		if (peal_simnode_is_member(faults->world->nodes[index]) &&
			may_lose(faults, &self, true)) {
			return index;
		}
	}
	return count;
}

void
peal_faults_heal(struct peal_faults *faults)
{
	uint32_t seeds_count = faults->world->nodes[0]->config.seeds_count;
	bool has_seed = false;

	for (uint32_t i = 0; i < PEAL_FAULT_HOLDS_MAX; i++) {
		struct peal_fault_hold *one = &faults->holds[i];

		/* A crash that would have lasted longer is one that is never repaired. */
		if (one->is_used && one->kind != PEAL_FAULT_CRASH) {
			end_hold(faults, one);
		}
		one->is_used = false;
	}
	count_impaired(faults);
	peal_simworld_heal(faults->world);
	/* Who starts afresh asks the seeds, and nobody else: one of them has to be there. */
	for (uint32_t i = 0; i < seeds_count; i++) {
		const struct peal_simnode *seed = faults->world->nodes[i];

		has_seed = has_seed || (seed->is_up && seed->node.state != PEAL_NODE_LEAVING &&
					       seed->node.state != PEAL_NODE_LEFT);
	}
	if (!has_seed) {
		uint16_t index = 0;

		while (index + 1U < seeds_count && faults->world->nodes[index]->is_up &&
			faults->world->nodes[index]->node.state == PEAL_NODE_LEAVING) {
			index++; /* that one is still needed */
		}
		if (faults->world->nodes[index]->node.state != PEAL_NODE_LEAVING) {
			peal_simworld_crash(faults->world, index);
		}
		peal_simworld_start(faults->world, index);
	}
}
