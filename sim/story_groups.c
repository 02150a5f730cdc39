/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Process groups under churn of clients and of nodes.
 */
#include "sim/faults.h"
#include "sim/story.h"

#define MILLISECOND_NS    PEAL_STORY_MILLISECOND_NS
#define SECOND_NS         PEAL_STORY_SECOND_NS
#define DUPLICATE_PPM_MAX 300000U

static void
set_quiet(struct peal_simworld *world)
{
	for (uint16_t i = 0; i < world->config.nodes_count; i++) {
		world->apps[i].is_quiet = true;
	}
}

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
	uint64_t until_ns;

	set_quiet(world);
	/* Nobody refuses what honest nodes say of groups, and nobody has to hold too much. */
	static const enum peal_counter never[] = {PEAL_COUNTER_GROUP_REFUSED_FORM,
		PEAL_COUNTER_GROUP_REFUSED_REQUEST, PEAL_COUNTER_GROUP_REFUSED_STAMP,
		PEAL_COUNTER_GROUP_REFUSED_TABLE, PEAL_COUNTER_GROUP_OVERRUNS};

	until_ns = world->time.now_ns + 100U * MILLISECOND_NS;
	while (world->time.now_ns < until_ns && !world->is_over) {
		look(world);
	}
	for (uint16_t i = 0; i < world->config.nodes_count; i++) {
		peal_simapps_say_all(&world->apps[i]);
	}
	until_ns = world->time.now_ns + 2U * SECOND_NS;
	do {
		look(world);
	} while (!peal_simapps_have_all(world->apps, world->config.nodes_count) &&
		 world->time.now_ns < until_ns && !world->is_over);
	peal_simapps_check_all(world->apps, world->config.nodes_count);
	for (uint16_t i = 0; i < world->config.nodes_count; i++) {
		for (uint32_t at = 0; at < sizeof(never) / sizeof(never[0]); at++) {
			(void)peal_story_expect(world,
				!world->nodes[i]->is_up ||
					peal_counter_get(
						&world->nodes[i]->core.counters, never[at]) == 0,
				"something of groups was refused, or too much had to be held");
		}
	}
}

static void
churn_in_the_storm(const struct peal_scenario_options *options, struct peal_report *report)
{
	struct peal_simworld world;
	struct peal_faults faults;

	if (peal_story_open_formed(&world, options, 1, report)) {
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

void
peal_story_groups(const struct peal_scenario_options *options, struct peal_report *report)
{
	struct peal_scenario_options grouped = *options;

	grouped.has_apps = true;
	peal_story_bad_weather(
		&grouped, &(struct peal_story_weather){DUPLICATE_PPM_MAX, NULL, finish}, report);
	churn_in_the_storm(&grouped, report);
}
