/* SPDX-License-Identifier: BSD-3-Clause */
#include "base/assert.h"
#include "base/prng.h"
#include "control/quorum.h"
#include "sim/story.h"

#define MILLISECOND_NS PEAL_STORY_MILLISECOND_NS
#define SECOND_NS      PEAL_STORY_SECOND_NS
#define PPM            1000000U
/* So many D, and the probes that show that somebody is behind, until it is not any more. */
#define BEHIND_FLOODS 20U

/* One crash in a world of its own. */
static void
crash_one(const struct peal_scenario_options *options, uint16_t victim, struct peal_report *report)
{
	struct peal_simworld world;
	struct peal_prng prng;
	struct peal_story_watch watch;
	uint64_t killed_at_ns;

	if (!peal_story_open_formed(&world, options, victim, report)) {
		peal_simworld_fini(&world);
		return;
	}
	peal_prng_init(&prng, options->seed + victim);
	peal_simworld_run_for(&world, peal_prng_below(&prng, 500U * MILLISECOND_NS));
	/* Of two, the junior cannot go on alone: nothing to measure. */
	if (options->nodes_count == 2U && peal_story_senior(&world, 0) == victim) {
		peal_simworld_fini(&world);
		return;
	}
	peal_story_watch(&world, victim, &watch);
	peal_story_protect_all(&world);

	killed_at_ns = world.time.now_ns - world.began_at_ns;
	peal_simworld_crash(&world, victim);
	if (peal_simworld_run_to_agreement(&world, peal_simworld_patience_ns(&world)) &&
		peal_story_expect(&world, watch.detected_at_ns != UINT64_MAX,
			"a crashed member is out and nobody detected it")) {
		struct peal_report_sample sample = {
			.kill_to_detection_ns = watch.detected_at_ns - killed_at_ns,
			.detection_to_view_ns = watch.installed_at_ns - watch.detected_at_ns};

		peal_report_add_sample(report, &sample);
		peal_story_stay_quiet(&world, SECOND_NS);
	}
	peal_simworld_fini(&world);
}

void
peal_story_crash(const struct peal_scenario_options *options, struct peal_report *report)
{
	if (options->nodes_count > PEAL_DIRECT_MAX) {
		peal_story_large_crash(options, report);
		return;
	}
	for (uint16_t victim = 0; victim < options->nodes_count; victim++) {
		crash_one(options, victim, report);
	}
}

/* As many as a quorum can spare end at one moment. */
void
peal_story_many(const struct peal_scenario_options *options, struct peal_report *report)
{
	struct peal_simworld world;
	struct peal_prng prng;
	uint32_t views_count;

	if (peal_story_open_formed(&world, options, 0, report)) {
		struct peal_quorum quorum = peal_quorum_of(&world.nodes[0]->node.view);
		struct peal_bitset alive = {0};

		peal_prng_init(&prng, options->seed);
		for (uint16_t rank = 0; rank < options->nodes_count; rank++) {
			peal_bitset_add(&alive, rank);
		}
		for (uint16_t tries = 0; tries < 4U * options->nodes_count; tries++) {
			uint16_t victim = (uint16_t)peal_prng_below(&prng, options->nodes_count);
			struct peal_bitset rest = alive;

			if (!world.nodes[victim]->is_up) {
				continue;
			}
			peal_bitset_remove(&rest, world.nodes[victim]->node.self_rank);
			if (peal_quorum_classic_ok(&quorum, &rest)) {
				alive = rest;
				peal_simworld_crash(&world, victim);
			}
		}
		views_count = world.views.count;
		(void)peal_simworld_run_to_agreement(&world, peal_simworld_patience_ns(&world));
		/* In a large group somebody may have only dead observers: it goes with the next
		 * cut. */
		(void)peal_story_expect(&world,
			world.views.count <=
				views_count + (options->nodes_count > PEAL_DIRECT_MAX ? 2U : 1U),
			"it took too many views to take out many that crashed at once");
		peal_story_stay_quiet(&world, SECOND_NS);
	}
	peal_simworld_fini(&world);
}

/* Stands still for a while, as a whole or in its control thread only, and goes on. */
static void
stand_still(struct peal_simworld *world, uint16_t index, bool is_control_only, uint64_t span_ns)
{
	if (is_control_only) {
		peal_simworld_stick(world, index, true);
		peal_simworld_run_for(world, span_ns);
		peal_simworld_stick(world, index, false);
	} else {
		peal_simworld_pause(world, index, true);
		peal_simworld_run_for(world, span_ns);
		peal_simworld_pause(world, index, false);
	}
}

/* A short stop harms nobody; a long one costs the membership of the one that stopped, and only
 * that. */
void
peal_story_pause(const struct peal_scenario_options *options, struct peal_report *report)
{
	uint16_t count = options->nodes_count;

	PEAL_ASSERT(count > 0);
	for (uint16_t part = 0; part < 2U; part++) {
		struct peal_simworld world;
		bool is_control_only = part == 1U;
		uint16_t index = (uint16_t)(options->seed % count);
		uint16_t next = (uint16_t)(index + 1U < count ? index + 1U : 0U);
		uint64_t short_ns;

		if (!peal_story_open_formed(&world, options, part, report)) {
			peal_simworld_fini(&world);
			continue;
		}
		short_ns = is_control_only ? world.timing.stuck_ns / 2U
					   : world.timing.probe_interval_ns * 2U;
		/* An unfit newcomer has time to become fit; this is about members that were. */
		peal_simworld_run_for(&world, world.timing.install_ns);
		peal_story_protect_all(&world);
		stand_still(&world, index, is_control_only, short_ns);
		peal_story_stay_quiet(&world, SECOND_NS);

		for (uint16_t i = 0; i < count; i++) {
			world.healthy.lives[i].is_protected = i != index;
		}
		stand_still(&world, index, is_control_only,
			world.timing.stuck_ns + 10U * world.timing.probe_interval_ns + SECOND_NS);
		(void)peal_story_expect(&world,
			world.nodes[next]->node.view.members_count == count - 1U,
			"a member that stood still is still in the view");
		(void)peal_simworld_run_to_agreement(&world, peal_simworld_patience_ns(&world));
		peal_story_stay_quiet(&world, SECOND_NS);
		peal_simworld_fini(&world);
	}
}

/* Hears nothing while one or two others leave, not so long that anybody misses it, and hears again:
 * it is given the cuts that it lacks, and goes on as the member that it was. */
void
peal_story_behind(const struct peal_scenario_options *options, struct peal_report *report)
{
	struct peal_simworld world;
	struct peal_prng prng;

	peal_prng_init(&prng, options->seed);
	if (peal_story_open_formed(&world, options, 0, report)) {
		uint16_t count = options->nodes_count;
		uint16_t deaf = (uint16_t)peal_prng_below(&prng, count);
		uint16_t leavers_count = (uint16_t)(1U + peal_prng_below(&prng, 2));
		uint64_t interval_ns = world.timing.probe_interval_ns;
		uint64_t mid = world.nodes[deaf]->node.self.mid;

		/* An unfit newcomer has time to become fit; this is about members that were. */
		peal_simworld_run_for(&world, world.timing.install_ns);
		for (uint16_t i = leavers_count + 1U; i <= count; i++) {
			peal_check_healthy_protect(&world.healthy, (uint16_t)((deaf + i) % count));
		}
		peal_simworld_set_ingress_loss(&world, deaf, PPM);
		for (uint16_t i = 1; i <= leavers_count; i++) {
			peal_simworld_leave(&world, (uint16_t)((deaf + i) % count));
			peal_simworld_run_for(&world, 1U + peal_prng_below(&prng, interval_ns));
		}
		peal_simworld_set_ingress_loss(&world, deaf, 0);
		(void)peal_simworld_run_to_agreement(
			&world, 4U * interval_ns + BEHIND_FLOODS * world.timing.flood_ns);
		(void)peal_story_expect(&world, world.nodes[deaf]->node.self.mid == mid,
			"who missed a view is another member now");
		peal_story_stay_quiet(&world, SECOND_NS);
	}
	peal_simworld_fini(&world);
}
