/* SPDX-License-Identifier: BSD-3-Clause */
#include "sim/handover.h"

#include "base/assert.h"
#include "sim/simranks.h"
#include "sim/story.h"

#define MILLISECOND_NS PEAL_STORY_MILLISECOND_NS
/* A change is done long before, when all is well. */
#define REPAIR_NS   (50U * MILLISECOND_NS)
#define REPAIRS_MAX 40U

static uint16_t
draw_node(struct peal_trouble *trouble)
{
	return (uint16_t)peal_prng_below(&trouble->prng, trouble->world->config.nodes_count);
}

/* The node that holds the rank as far as anybody knows who runs one; nodes_count: none. */
static uint16_t
find_holder(const struct peal_trouble *trouble, const struct peal_ordergroup *group, uint32_t rank)
{
	const struct peal_simworld *world = trouble->world;
	uint16_t nodes_count = world->config.nodes_count;
	uint64_t mid = 0;

	for (uint16_t i = 0; i < nodes_count; i++) {
		struct peal_orders_state state;

		if (world->orders[i].is_up &&
			peal_orders_find(&world->orders[i].orders, group->id, &state) &&
			state.status == PEAL_ABCAST_RUNNING && state.view.view > 0) {
			mid = state.view.members[rank];
		}
	}
	for (uint16_t i = 0; i < nodes_count; i++) {
		if (mid != 0 && world->orders[i].is_up && world->orders[i].orders.self_mid == mid) {
			return i;
		}
	}
	return nodes_count;
}

static uint16_t
command(const struct peal_trouble *trouble, const struct peal_ordergroup *group,
	const struct peal_simranks_handover *handover)
{
	struct peal_simworld *world = trouble->world;
	uint32_t commander = peal_simranks_hand_over(
		world->orders, world->config.nodes_count, group->id, handover);

	if (commander < world->config.nodes_count) {
		peal_simnode_prompt(world->nodes[commander]);
	}
	return (uint16_t)commander;
}

static struct peal_simranks_handover
draw(struct peal_trouble *trouble, const struct peal_ordergroup *group, bool is_growing)
{
	uint32_t ranks_count =
		is_growing ? peal_order_ranks_limit(group->ranks_count) : group->ranks_count;
	struct peal_simranks_handover handover = {.commander = draw_node(trouble),
		.taker = draw_node(trouble),
		.rank = (uint32_t)peal_prng_below(&trouble->prng, ranks_count)};
	uint64_t what = peal_prng_below(&trouble->prng, 8);

	if (is_growing && what >= 3U && what < 5U) {
		what = 7U; /* there is more to be added */
	}
	handover.what = what < 5U   ? PEAL_ORDERS_REPLACE
			: what < 6U ? PEAL_ORDERS_REMOVE
				    : PEAL_ORDERS_ADD;
	return handover;
}

/* Ends, and begins anew some time later. */
static void
restart(struct peal_trouble *trouble, uint16_t victim)
{
	struct peal_simworld *world = trouble->world;

	if (victim == world->config.nodes_count || !peal_simnode_is_member(world->nodes[victim]) ||
		peal_faults_draw_victim(&trouble->faults) == world->config.nodes_count ||
		!peal_trouble_may_lose(trouble, victim)) {
		return;
	}
	peal_simworld_crash(world, victim);
	peal_simworld_run_for(world, peal_prng_below(&trouble->prng, 100U * MILLISECOND_NS));
	peal_simworld_start(world, victim);
}

void
peal_handover_trouble(
	struct peal_trouble *trouble, const struct peal_ordergroup *group, bool is_growing)
{
	struct peal_simworld *world = trouble->world;
	uint16_t nodes_count = world->config.nodes_count;
	struct peal_simranks_handover handover = draw(trouble, group, is_growing);
	uint16_t holder = find_holder(trouble, group, handover.rank);
	uint16_t commander;

	if (holder < nodes_count && !peal_trouble_may_lose(trouble, holder)) {
		return;
	}
	PEAL_ASSERT(nodes_count > 0);
	commander = command(trouble, group, &handover);
	if (peal_prng_ratio(&trouble->prng, 1, 4)) {
		/* Two at once: one of them is void where it is delivered. */
		handover = draw(trouble, group, is_growing);
		handover.commander = (uint32_t)(commander + 1U) % nodes_count;
		(void)command(trouble, group, &handover);
	}
	peal_simworld_run_for(
		world, peal_prng_below(&trouble->prng, peal_prng_ratio(&trouble->prng, 1, 2)
							       ? MILLISECOND_NS
							       : 20U * MILLISECOND_NS));
	switch (peal_prng_below(&trouble->prng, 8)) {
	case 0:
		restart(trouble, holder);
		break;
	case 1:
		restart(trouble, (uint16_t)handover.taker);
		break;
	case 2:
		restart(trouble, commander);
		break;
	default:
		break;
	}
	peal_simworld_run_for(world, peal_prng_below(&trouble->prng, 30U * MILLISECOND_NS));
}

void
peal_handover_repair(struct peal_simworld *world, const struct peal_ordergroup *group)
{
	for (uint32_t i = 0; i < REPAIRS_MAX && !world->is_over; i++) {
		struct peal_simranks_handover handover;

		/* One may have to wait for another: a change is under way there. */
		if (!peal_simranks_find_empty(
			    world->orders, world->config.nodes_count, group->id, i, &handover)) {
			return;
		}
		(void)peal_simranks_hand_over(
			world->orders, world->config.nodes_count, group->id, &handover);
		peal_simnode_prompt(world->nodes[handover.commander]);
		peal_simworld_run_for(world, REPAIR_NS);
	}
}

bool
peal_handover_resize(
	struct peal_simworld *world, const struct peal_ordergroup *group, uint32_t ranks_count)
{
	struct peal_simranks_handover handover;

	for (uint32_t i = 0; i < REPAIRS_MAX && !world->is_over; i++) {
		if (!peal_simranks_find_step(world->orders, world->config.nodes_count, group->id,
			    ranks_count, &handover)) {
			return true;
		}
		if (peal_simranks_hand_over(world->orders, world->config.nodes_count, group->id,
			    &handover) < world->config.nodes_count) {
			peal_simnode_prompt(world->nodes[handover.commander]);
		}
		peal_simworld_run_for(world, REPAIR_NS);
	}
	return false;
}
