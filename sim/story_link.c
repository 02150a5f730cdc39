/* SPDX-License-Identifier: BSD-3-Clause */
#include "base/prng.h"
#include "sim/story.h"

#define MILLISECOND_NS PEAL_STORY_MILLISECOND_NS
#define SECOND_NS      PEAL_STORY_SECOND_NS
#define PPM            1000000U

/*
 * One link, in one or both directions, is dead for longer than every timer of the cut detector:
 * both ends complain, nobody else does, nobody is removed.
 */
static void
break_link(const struct peal_scenario_options *options, uint16_t from, uint16_t to, bool is_pair,
	struct peal_report *report)
{
	struct peal_simworld world;
	uint64_t part = (uint64_t)from * options->nodes_count + to;

	if (peal_story_open_formed(&world, options, part, report)) {
		peal_story_protect_all(&world);
		peal_simworld_cut(&world, from, to, true);
		if (is_pair) {
			peal_simworld_cut(&world, to, from, true);
		}
		peal_story_stay_quiet(
			&world, peal_story_detection_ns(&world) + 6U * world.timing.reinforce_ns);
		peal_simworld_heal(&world);
		peal_story_calm(&world);
		peal_story_stay_quiet(&world, SECOND_NS);
	}
	peal_simworld_fini(&world);
}

void
peal_story_oneway(const struct peal_scenario_options *options, struct peal_report *report)
{
	if (options->nodes_count > PEAL_DIRECT_MAX) {
		peal_story_large_oneway(options, report);
		return;
	}
	for (uint16_t from = 0; from < options->nodes_count; from++) {
		for (uint16_t to = 0; to < options->nodes_count; to++) {
			if (from != to) {
				break_link(options, from, to, false, report);
			}
		}
	}
}

void
peal_story_triangle(const struct peal_scenario_options *options, struct peal_report *report)
{
	for (uint16_t a = 0; a < options->nodes_count; a++) {
		for (uint16_t b = (uint16_t)(a + 1U); b < options->nodes_count; b++) {
			break_link(options, a, b, true, report);
		}
	}
}

/* Two nodes hear nothing more, and so complain about everybody: these two are out, in one view. */
static void
deafen_two(const struct peal_scenario_options *options, uint16_t a, uint16_t b,
	struct peal_report *report)
{
	struct peal_simworld world;
	uint16_t witness = 0;
	uint32_t views_count;

	if (!peal_story_open_formed(
		    &world, options, (uint64_t)a * options->nodes_count + b, report)) {
		peal_simworld_fini(&world);
		return;
	}
	for (uint16_t i = 0; i < options->nodes_count; i++) {
		if (i != a && i != b) {
			peal_check_healthy_protect(&world.healthy, i);
			witness = i;
		}
	}
	views_count = world.views.count;
	peal_simworld_set_ingress_loss(&world, a, PPM);
	peal_simworld_set_ingress_loss(&world, b, PPM);
	peal_simworld_run_for(
		&world, peal_story_detection_ns(&world) + 6U * world.timing.reinforce_ns);
	(void)peal_story_expect(&world,
		world.nodes[witness]->node.view.members_count == options->nodes_count - 2U,
		"nodes that hear nothing are still in the view");
	(void)peal_story_expect(&world, world.views.count == views_count + 1U,
		"it took more than one view to take out two deaf nodes");
	peal_simworld_heal(&world);
	(void)peal_simworld_run_to_agreement(&world, peal_simworld_patience_ns(&world));
	peal_simworld_fini(&world);
}

void
peal_story_ingress(const struct peal_scenario_options *options, struct peal_report *report)
{
	for (uint16_t a = 0; a < options->nodes_count; a++) {
		for (uint16_t b = (uint16_t)(a + 1U); b < options->nodes_count; b++) {
			deafen_two(options, a, b, report);
		}
	}
}

/* Fewer than half are cut off for seconds: the others go on, and take them back after the heal. */
void
peal_story_split(const struct peal_scenario_options *options, struct peal_report *report)
{
	struct peal_simworld world;
	struct peal_prng prng;
	uint16_t count = options->nodes_count;

	if (peal_story_open_formed(&world, options, 0, report)) {
		uint16_t first;
		uint16_t minority;

		peal_prng_init(&prng, options->seed);
		first = (uint16_t)peal_prng_below(&prng, count);
		minority = (uint16_t)(1U + peal_prng_below(&prng, (count - 1U) / 2U));
		for (uint16_t i = 0; i < minority; i++) {
			for (uint16_t j = minority; j < count; j++) {
				uint16_t here = (uint16_t)((first + i) % count);
				uint16_t there = (uint16_t)((first + j) % count);

				peal_simworld_cut(&world, here, there, true);
				peal_simworld_cut(&world, there, here, true);
			}
		}
		peal_simworld_run_for(
			&world, peal_story_detection_ns(&world) + 2U * world.timing.reinforce_ns);
		(void)peal_story_expect(&world,
			world.nodes[(first + minority) % count]->node.view.members_count ==
				count - minority,
			"the larger side did not go on without the smaller one");
		peal_simworld_heal(&world);
		(void)peal_simworld_run_to_agreement(&world, peal_simworld_patience_ns(&world));
		peal_story_calm(&world);
		peal_story_stay_quiet(&world, SECOND_NS);
	}
	peal_simworld_fini(&world);
}

/* Bad weather for long: nobody is removed by it, and a crash in the middle is still noticed. */
void
peal_story_loss(const struct peal_scenario_options *options, struct peal_report *report)
{
	if (options->nodes_count > PEAL_DIRECT_MAX) {
		peal_story_large_loss(options, report);
		return;
	}
	const struct peal_simworld_weather rain = {.loss_ppm = PPM / 100U,
		.duplicate_ppm = PPM / 50U,
		.spike_ppm = PPM / 100U,
		.spike_ns_max = 2U * MILLISECOND_NS};
	struct peal_simworld world;
	uint16_t victim = (uint16_t)(options->seed % options->nodes_count);

	if (peal_story_open_formed(&world, options, 0, report)) {
		peal_simworld_set_weather(&world, &rain);
		peal_story_protect_all(&world);
		peal_story_keep_all(&world, 20U * SECOND_NS);
		if (options->nodes_count > 2U) {
			peal_simworld_crash(&world, victim);
			(void)peal_simworld_run_to_agreement(
				&world, peal_simworld_patience_ns(&world));
			peal_story_keep_all(&world, 5U * SECOND_NS);
			peal_simworld_start(&world, victim);
			(void)peal_simworld_run_to_agreement(
				&world, peal_simworld_patience_ns(&world));
		}
	}
	peal_simworld_fini(&world);
}
