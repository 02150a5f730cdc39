/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Members that restart all the time.
 *
 * Every node is restarted once in two seconds, at random, by crash or by leave. A restart that
 * would cost the group its quorum waits for another moment: no group survives that, and none is
 * asked to.
 */
#include "base/prng.h"
#include "sim/faults.h"
#include "sim/story.h"

#define MILLISECOND_NS PEAL_STORY_MILLISECOND_NS
#define SECOND_NS      PEAL_STORY_SECOND_NS
#define PERIOD_NS      (2U * SECOND_NS)
#define SPAN_NS        (3600U * SECOND_NS)
/* Who asks for so long without becoming a member is stuck: floods, a detection, backed-off retries.
 */
#define STUCK_NS (15U * SECOND_NS)

struct churn {
	struct peal_simworld world;
	struct peal_faults faults;
	struct peal_prng prng;
	uint64_t outside_since_ns[PEAL_SIMWORLD_NODES_MAX]; /* by index; 0 = it is a member, or down
							     */
};

static void
look_for_stuck(struct churn *churn)
{
	for (uint16_t i = 0; i < churn->world.config.nodes_count; i++) {
		const struct peal_simnode *simnode = churn->world.nodes[i];
		uint64_t *since_ns = &churn->outside_since_ns[i];

		if (!simnode->is_up || peal_simnode_is_member(simnode)) {
			*since_ns = 0;
		} else if (*since_ns == 0) {
			*since_ns = churn->world.time.now_ns;
		} else if (churn->world.time.now_ns - *since_ns > STUCK_NS) {
			(void)peal_story_expect(&churn->world, false,
				"a node asks and asks and never becomes a member");
			*since_ns = churn->world.time.now_ns;
		}
	}
}

static void
restart_one(struct churn *churn)
{
	struct peal_simworld *world = &churn->world;
	uint16_t victim = peal_faults_draw_victim(&churn->faults);
	uint64_t until_ns = world->time.now_ns + world->timing.leave_ns + 200U * MILLISECOND_NS;

	if (victim == world->config.nodes_count) {
		return;
	}
	if (peal_prng_ratio(&churn->prng, 1, 2)) {
		peal_simworld_leave(world, victim);
		while (!world->is_over && world->time.now_ns < until_ns &&
			world->nodes[victim]->node.state != PEAL_NODE_LEFT) {
			peal_simworld_run_for(world, MILLISECOND_NS);
		}
	}
	peal_simworld_crash(world, victim);
	peal_simworld_run_for(world, peal_prng_below(&churn->prng, 50U * MILLISECOND_NS));
	peal_simworld_start(world, victim);
}

void
peal_story_churn(const struct peal_scenario_options *options, struct peal_report *report)
{
	static struct churn churn;
	uint64_t gap_ns_max = 2U * PERIOD_NS / options->nodes_count;

	churn = (struct churn){0};
	if (peal_story_open_formed(&churn.world, options, 0, report)) {
		uint64_t until_ns = churn.world.time.now_ns + SPAN_NS;

		peal_prng_init(&churn.prng, options->seed);
		peal_faults_init(&churn.faults, &churn.world, options->seed);
		while (!churn.world.is_over && churn.world.time.now_ns < until_ns) {
			restart_one(&churn);
			look_for_stuck(&churn);
			peal_simworld_run_for(
				&churn.world, peal_prng_below(&churn.prng, gap_ns_max));
		}
		(void)peal_simworld_run_to_agreement(
			&churn.world, peal_simworld_patience_ns(&churn.world));
		(void)peal_story_expect(&churn.world, churn.world.views.clusters_count == 1U,
			"more than one cluster was created");
	}
	peal_simworld_fini(&churn.world);
}
