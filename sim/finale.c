/* SPDX-License-Identifier: BSD-3-Clause */
#include "sim/finale.h"

#include "sim/story.h"

#define PATIENCE_NS (2U * PEAL_STORY_SECOND_NS)

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
	peal_simworld_run_for(world, PEAL_STORY_MILLISECOND_NS);
}

/* What has left is a process that ended, and its clients are cut off. */
static void
end_left(struct peal_simworld *world)
{
	for (uint16_t i = 0; i < world->config.nodes_count; i++) {
		if (world->nodes[i]->node.state == PEAL_NODE_LEFT) {
			peal_simworld_crash(world, i);
		}
	}
}

void
peal_finale_settle(struct peal_simworld *world, uint64_t span_ns)
{
	uint64_t until_ns = world->time.now_ns + span_ns;

	for (uint16_t i = 0; i < world->config.nodes_count; i++) {
		world->apps[i].is_quiet = true;
	}
	end_left(world);
	while (world->time.now_ns < until_ns && !world->is_over) {
		look(world);
	}
}

void
peal_finale_speak(
	struct peal_simworld *world, bool (*have_all)(struct peal_simapps *apps, uint32_t count))
{
	uint64_t until_ns = world->time.now_ns + PATIENCE_NS;

	do {
		for (uint16_t i = 0; i < world->config.nodes_count; i++) {
			peal_simapps_say_all(&world->apps[i]);
		}
		look(world);
	} while (!have_all(world->apps, world->config.nodes_count) &&
		 world->time.now_ns < until_ns && !world->is_over);
}

void
peal_finale_check_groups(struct peal_simworld *world)
{
	static const enum peal_counter never[] = {PEAL_COUNTER_GROUP_REFUSED_FORM,
		PEAL_COUNTER_GROUP_REFUSED_REQUEST, PEAL_COUNTER_GROUP_REFUSED_STAMP,
		PEAL_COUNTER_GROUP_REFUSED_TABLE, PEAL_COUNTER_GROUP_REFUSED_MARK,
		PEAL_COUNTER_GROUP_REFUSED_ORDER, PEAL_COUNTER_GROUP_OVERRUNS};

	peal_simapps_check_all(world->apps, world->config.nodes_count);
	for (uint32_t at = 0; at < sizeof(never) / sizeof(never[0]); at++) {
		uint64_t count = world->report->counters[never[at]]; /* of those that ended */

		for (uint16_t i = 0; i < world->config.nodes_count; i++) {
			count += world->nodes[i]->is_up
					 ? peal_counter_get(
						   &world->nodes[i]->core.counters, never[at])
					 : 0;
		}
		(void)peal_story_expect(world, count == 0,
			"something of groups was refused, or too much had to be held");
	}
}
