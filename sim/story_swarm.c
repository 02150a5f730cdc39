/* SPDX-License-Identifier: BSD-3-Clause */
#include "base/prng.h"
#include "sim/faults.h"
#include "sim/story.h"

#define MILLISECOND_NS PEAL_STORY_MILLISECOND_NS
#define SECOND_NS      PEAL_STORY_SECOND_NS

/*
 * What was reported before the heal may still cost somebody the membership, or bring the epoch in
 * which stale reports are forgotten, so agreement is asked for twice. Then nothing may happen any
 * more; and a group that is well bears one more crash, whatever it went through before.
 */
static void
calm_down(struct peal_simworld *world, struct peal_faults *faults)
{
	uint64_t patience_ns = peal_simworld_patience_ns(world);
	uint16_t victim;

	if (!peal_simworld_run_to_agreement(world, patience_ns)) {
		return;
	}
	peal_simworld_run_for(
		world, 6U * world->timing.reinforce_ns + peal_story_detection_ns(world));
	if (!peal_simworld_run_to_agreement(world, patience_ns)) {
		return;
	}
	peal_story_stay_quiet(world, SECOND_NS);
	victim = peal_faults_draw_victim(faults);
	if (victim < world->config.nodes_count) {
		peal_simworld_crash(world, victim);
		(void)peal_simworld_run_to_agreement(world, patience_ns);
	}
}

/* First nothing wrong may be seen, whatever fails; then everything is healed and all must agree. */
static void
storm(const struct peal_scenario_options *options, uint64_t span_ns, uint64_t gap_ns_max,
	struct peal_report *report)
{
	struct peal_simworld world;
	struct peal_faults faults;

	if (peal_story_open_formed(&world, options, 0, report)) {
		world.may_starve = true;
		peal_faults_init(&faults, &world, options->seed);
		if (gap_ns_max > 0) {
			faults.gap_ns_max = gap_ns_max;
		}
		peal_faults_run(&faults, world.time.now_ns + span_ns);
		peal_faults_heal(&faults);
		calm_down(&world, &faults);
	}
	peal_simworld_fini(&world);
}

void
peal_story_swarm(const struct peal_scenario_options *options, struct peal_report *report)
{
	struct peal_prng prng;

	peal_prng_init(&prng, options->seed ^ UINT64_C(0x737761726d));
	storm(options, 2U * SECOND_NS + peal_prng_below(&prng, 8U * SECOND_NS), 0, report);
}

/* Two seconds are long for a large group: a fault comes every few milliseconds. */
void
peal_story_storm(const struct peal_scenario_options *options, struct peal_report *report)
{
	storm(options, 2U * SECOND_NS, 100U * MILLISECOND_NS, report);
}

void
peal_story_quiet60(const struct peal_scenario_options *options, struct peal_report *report)
{
	storm(options, 60U * SECOND_NS, 4U * SECOND_NS, report);
}

/* The hand that breaks a node. */
struct canary {
	struct peal_simworld *world;
	bool is_done;
};

/*
 * The first node that votes in this run is the one that is broken. At that instant the control
 * threads of all others stop: what they accept a moment later would make a decision without a
 * quorum true, or end the epoch of a forgotten vote, before anybody has looked.
 */
static bool
is_victim(struct canary *canary, const struct peal_simnode *simnode)
{
	const struct peal_node *node = &simnode->node;

	if (canary->is_done || node->view.epoch == 0 || node->consensus.is_decided ||
		node->consensus.acceptor.vrnd.round != 1U) {
		return false;
	}
	canary->is_done = true;
	for (uint16_t i = 0; i < canary->world->config.nodes_count; i++) {
		if (i != simnode->index) {
			peal_simworld_stick(canary->world, i, true);
		}
	}
	return true;
}

/* It forgets what it voted for, as a process would that lost its memory and kept its name. */
static void
forget_vote(void *state, struct peal_simnode *simnode)
{
	if (is_victim(state, simnode)) {
		peal_acceptor_init(&simnode->node.consensus.acceptor);
	}
}

/* It takes its own vote for a decision. */
static void
usurp_decision(void *state, struct peal_simnode *simnode)
{
	struct peal_consensus *consensus = &simnode->node.consensus;

	if (is_victim(state, simnode)) {
		consensus->is_decided = true;
		consensus->decided_ballot = consensus->acceptor.vrnd;
		consensus->decided_digest = consensus->acceptor.vdigest;
		consensus->repeat_at_ns = UINT64_MAX;
		peal_coordinator_stop(&consensus->coordinator);
		peal_fallback_stop(&consensus->fallback);
	}
}

/* Broken on purpose, one way or the other by seed: whoever runs this wants to know that the alarm
 * works. */
void
peal_story_canary(const struct peal_scenario_options *options, struct peal_report *report)
{
	struct peal_simworld world;
	struct canary canary = {.world = &world};
	uint16_t victim = (uint16_t)(options->nodes_count - 1U);

	if (peal_story_open_formed(&world, options, 0, report)) {
		world.tamper = options->seed % 2U == 0 ? forget_vote : usurp_decision;
		world.tamper_state = &canary;
		peal_simworld_crash(&world, victim);
		for (uint32_t i = 0; i < 2000U && report->violations_count == 0; i++) {
			peal_simworld_run_for(&world, MILLISECOND_NS);
		}
	}
	peal_simworld_fini(&world);
}
