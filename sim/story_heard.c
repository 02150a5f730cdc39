/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Broadcasts of clients, in views of any size: who goes on together has heard the same.
 */
#include "sim/finale.h"
#include "sim/story.h"

static bool
agree(struct peal_simworld *world)
{
	return peal_simworld_run_to_agreement(world, peal_simworld_patience_ns(world));
}

/* A storm may have changed nothing: then somebody goes and comes back, for only what was heard in a
 * view from its begin to its end can be compared. False after a violation. */
static bool
change_view(struct peal_simworld *world)
{
	uint16_t last = (uint16_t)(world->config.nodes_count - 1U);

	if (world->apps[0].heard->compared_count > 0) {
		return true;
	}
	peal_simworld_crash(world, last);
	if (!agree(world)) {
		return false;
	}
	peal_simworld_start(world, last);
	return agree(world);
}

static void
finish(struct peal_simworld *world)
{
	if (!change_view(world)) {
		return;
	}
	peal_finale_settle(world, 100U * PEAL_STORY_MILLISECOND_NS);
	peal_finale_speak(world, peal_simapps_have_heard_all);
	peal_simapps_check_heard(world->apps, world->config.nodes_count);
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
