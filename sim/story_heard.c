/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Broadcasts of clients, in views of any size: who goes on together has heard the same.
 */
#include "sim/finale.h"
#include "sim/story.h"

static void
finish(struct peal_simworld *world)
{
	peal_finale_settle(world, 100U * PEAL_STORY_MILLISECOND_NS);
	peal_finale_speak(world, peal_simapps_have_heard_all);
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

	heard.has_apps = true;
	heard.does_broadcast = true;
	peal_story_storm_of(&heard, 1, finish, report);
}
