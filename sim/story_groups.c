/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Process groups under churn of clients and of nodes.
 */
#include "sim/finale.h"
#include "sim/story.h"

#define DUPLICATE_PPM_MAX 300000U

static void
finish(struct peal_simworld *world)
{
	peal_finale_settle(world, 100U * PEAL_STORY_MILLISECOND_NS);
	peal_finale_speak(world, peal_simapps_have_all);
	peal_finale_check_groups(world);
}

void
peal_story_groups(const struct peal_scenario_options *options, struct peal_report *report)
{
	struct peal_scenario_options grouped = *options;

	grouped.has_apps = true;
	peal_story_bad_weather(
		&grouped, &(struct peal_story_weather){DUPLICATE_PPM_MAX, NULL, finish}, report);
	peal_story_storm_of(&grouped, 1, finish, report);
}
