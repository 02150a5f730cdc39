/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Broadcasts of clients, in views of any size: who goes on together has heard the same.
 */
#include "sim/faults.h"
#include "sim/story.h"

#define MILLISECOND_NS PEAL_STORY_MILLISECOND_NS
#define SECOND_NS      PEAL_STORY_SECOND_NS

/* What clients said may wait for a turn; and they have to look. */
static void
look(struct peal_simworld *world)
{
	for (uint16_t i = 0; i < world->config.nodes_count; i++) {
		peal_simapps_read(&world->apps[i]);
		if (world->nodes[i]->is_up) {
			peal_simnode_prompt(world->nodes[i]);
		}
	}
	peal_simworld_run_for(world, MILLISECOND_NS);
}

static void
finish(struct peal_simworld *world)
{
	uint64_t until_ns = world->time.now_ns + 100U * MILLISECOND_NS;

	for (uint16_t i = 0; i < world->config.nodes_count; i++) {
		world->apps[i].is_quiet = true;
	}
	while (world->time.now_ns < until_ns && !world->is_over) {
		look(world);
	}
	for (uint16_t i = 0; i < world->config.nodes_count; i++) {
		peal_simapps_say_all(&world->apps[i]);
	}
	until_ns = world->time.now_ns + 2U * SECOND_NS;
	do {
		look(world);
	} while (!peal_simapps_have_heard_all(world->apps, world->config.nodes_count) &&
		 world->time.now_ns < until_ns && !world->is_over);
	(void)peal_story_expect(world,
		peal_simapps_have_heard_all(world->apps, world->config.nodes_count),
		"a client did not hear what was sent last");
	(void)peal_story_expect(world,
		world->apps[0].heard->heard_count > 100U &&
			world->apps[0].heard->compared_count > 0,
		"too little was heard to compare");
}

void
peal_story_heard(const struct peal_scenario_options *options, struct peal_report *report)
{
	struct peal_scenario_options heard = *options;
	struct peal_simworld world;
	struct peal_faults faults;

	heard.has_apps = true;
	heard.does_broadcast = true;
	if (peal_story_open_formed(&world, &heard, 1, report)) {
		world.may_starve = true;
		peal_faults_init(&faults, &world, options->seed);
		peal_faults_run(&faults, world.time.now_ns + SECOND_NS);
		peal_faults_heal(&faults);
		if (peal_simworld_run_to_agreement(&world, peal_simworld_patience_ns(&world))) {
			finish(&world);
		}
	}
	peal_simworld_fini(&world);
}
