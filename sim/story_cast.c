/* SPDX-License-Identifier: BSD-3-Clause */
#include "base/prng.h"
#include "sim/faults.h"
#include "sim/story.h"

#define MILLISECOND_NS PEAL_STORY_MILLISECOND_NS
#define SECOND_NS      PEAL_STORY_SECOND_NS
#define LOSS_PPM_MAX   300000U
#define FINAL_SIZE     100U

static bool
have_all(const struct peal_simworld *world)
{
	for (uint16_t i = 0; i < world->config.nodes_count; i++) {
		if (!peal_simcast_has_all(&world->casts[i])) {
			return false;
		}
	}
	return true;
}

static void
run_until_all_have(struct peal_simworld *world)
{
	uint64_t until_ns = world->time.now_ns + 2U * SECOND_NS;

	while (!have_all(world) && world->time.now_ns < until_ns && !world->is_over) {
		peal_simworld_run_for(world, MILLISECOND_NS);
	}
}

/* Everybody casts a last word, so that all are known to all; and what was said must arrive. */
static void
finish_cast(struct peal_simworld *world)
{
	for (uint16_t i = 0; i < world->config.nodes_count; i++) {
		world->casts[i].is_quiet = true;
	}
	/* A group that has just agreed may still flush. */
	peal_simworld_run_for(world, 100U * MILLISECOND_NS);
	for (uint16_t i = 0; i < world->config.nodes_count; i++) {
		if (world->nodes[i]->is_up) {
			(void)peal_story_expect(world,
				peal_simcast_say(&world->casts[i], FINAL_SIZE),
				"a member may not cast, although all is well");
		}
	}
	run_until_all_have(world);
	/* What is to be at rest stays so. */
	peal_simworld_run_for(world, 20U * MILLISECOND_NS);
	for (uint16_t i = 0; i < world->config.nodes_count; i++) {
		peal_simcast_check_all(&world->casts[i]);
	}
	world->report->messages_count += world->cast_ledger->messages_count;
}

/* Loss, duplicates and late frames that nobody is removed for. */
static void
cast_in_bad_weather(const struct peal_scenario_options *options, struct peal_report *report)
{
	struct peal_simworld world;
	struct peal_prng prng;

	peal_prng_init(&prng, options->seed ^ UINT64_C(0x77656174686572));
	if (peal_story_open_formed(&world, options, 0, report)) {
		const struct peal_simworld_weather weather = {
			.loss_ppm = (uint32_t)peal_prng_below(&prng, LOSS_PPM_MAX + 1U),
			.duplicate_ppm = (uint32_t)peal_prng_below(&prng, LOSS_PPM_MAX + 1U),
			.spike_ppm = (uint32_t)peal_prng_below(&prng, LOSS_PPM_MAX + 1U),
			.spike_ns_max = peal_prng_below(&prng, 2U * MILLISECOND_NS)};
		const struct peal_simworld_weather fair = {0};

		peal_simworld_set_weather(&world, &weather);
		peal_simworld_run_for(&world, 100U * MILLISECOND_NS);
		peal_simworld_set_weather(&world, &fair);
		finish_cast(&world);
	}
	peal_simworld_fini(&world);
}

static void
cast_in_the_storm(const struct peal_scenario_options *options, struct peal_report *report)
{
	struct peal_simworld world;
	struct peal_faults faults;

	if (peal_story_open_formed(&world, options, 1, report)) {
		world.may_starve = true;
		peal_faults_init(&faults, &world, options->seed);
		peal_faults_run(&faults, world.time.now_ns + SECOND_NS);
		peal_faults_heal(&faults);
		if (peal_simworld_run_to_agreement(&world, peal_simworld_patience_ns(&world))) {
			finish_cast(&world);
		}
	}
	peal_simworld_fini(&world);
}

void
peal_story_cast(const struct peal_scenario_options *options, struct peal_report *report)
{
	struct peal_scenario_options casting = *options;

	casting.has_cast = true;
	cast_in_bad_weather(&casting, report);
	cast_in_the_storm(&casting, report);
}
