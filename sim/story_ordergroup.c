/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Order groups are created while members crash, leave and come back.
 *
 * Wishes come from random members, now and then two for one group at one moment, now and then for
 * somebody who is no member; a restart comes in the middle of every other one. What was created
 * is known to all, newcomers included (sim/check_ordergroups.h), and when all is calm a wish comes
 * true.
 */
#include "sim/story.h"
#include "sim/trouble.h"

#include <stdio.h>

#define MILLISECOND_NS PEAL_STORY_MILLISECOND_NS
#define SECOND_NS      PEAL_STORY_SECOND_NS
#define SPAN_NS        (40U * SECOND_NS)
#define GAP_NS_MAX     (400U * MILLISECOND_NS)
#define DOWN_NS_MAX    (300U * MILLISECOND_NS)
/* Ids that are drawn: some more than there may be groups. */
#define IDS_COUNT (PEAL_ORDERGROUPS_MAX + 4U)

struct ordergroups {
	struct peal_simworld world;
	struct peal_trouble trouble;
	uint64_t answers[PEAL_ORDERGROUP_OUTSIDE + 1];
};

/* A random member's index, or nodes_count. */
static uint16_t
draw_member(struct ordergroups *story)
{
	uint16_t nodes_count = story->world.config.nodes_count;
	uint16_t start = (uint16_t)peal_prng_below(&story->trouble.prng, nodes_count);

	for (uint16_t i = 0; i < nodes_count; i++) {
		uint16_t index = (uint16_t)((start + i) % nodes_count);
		const struct peal_simnode *simnode = story->world.nodes[index];

		if (simnode->is_up && peal_simnode_is_member(simnode)) {
			return index;
		}
	}
	return nodes_count;
}

/* A configuration of members of `view` by chance; now and then one of them is none. */
static void
draw_group(struct ordergroups *story, const struct peal_view *view, uint32_t id,
	struct peal_ordergroup *group_out)
{
	const struct peal_ordergroup *before = peal_view_find_ordergroup(view, id);
	uint32_t ranks_count = view->members_count > 5U ? 5U : view->members_count;
	uint32_t first = (uint32_t)peal_prng_below(&story->trouble.prng, view->members_count);

	ranks_count = ranks_count % 2U == 0 ? ranks_count - 1U : ranks_count;
	*group_out = (struct peal_ordergroup){.id = id,
		.generation = before == NULL ? 1U : before->generation + 1U,
		.ranks_count = (uint8_t)ranks_count};
	for (uint32_t i = 0; i < ranks_count; i++) {
		char name[PEAL_NAME_SIZE_MAX + 1U];

		(void)snprintf(name, sizeof(name), "r%u", i);
		(void)peal_ordergroup_set_name(group_out, i, name);
		group_out->ranks[i].mid = view->members[(first + i) % view->members_count].mid;
	}
	if (peal_prng_ratio(&story->trouble.prng, 1, 10)) {
		group_out->ranks[0].mid = view->next_mid;
	}
}

/* Node `index` is asked for a group with this id. */
static enum peal_ordergroup_answer
ask(struct ordergroups *story, uint16_t index, uint32_t id)
{
	struct peal_simnode *simnode = story->world.nodes[index];
	enum peal_ordergroup_answer answer;
	struct peal_ordergroup group;

	draw_group(story, &simnode->node.view, id, &group);
	if (!peal_check_ordergroups_on_wish(&story->world.ordergroups, &group)) {
		return PEAL_ORDERGROUP_BUSY;
	}
	answer = peal_simnode_create_ordergroup(simnode, &group);
	story->answers[answer]++;
	return answer;
}

static void
ask_somebody(struct ordergroups *story)
{
	uint32_t id = (uint32_t)(1U + peal_prng_below(&story->trouble.prng, IDS_COUNT));
	uint32_t wishes_count = peal_prng_ratio(&story->trouble.prng, 1, 4) ? 2 : 1;

	for (uint32_t i = 0; i < wishes_count; i++) {
		uint16_t index = draw_member(story);

		if (index < story->world.config.nodes_count) {
			(void)ask(story, index, id);
		}
	}
}

/* All is calm: what is asked for now must come, and soon. */
static void
ask_last(struct ordergroups *story)
{
	struct peal_simworld *world = &story->world;
	uint16_t index = draw_member(story);
	const struct peal_view *view = &world->nodes[index]->node.view;
	uint64_t began_at_ns = world->time.now_ns;
	uint32_t id = view->ordergroups_count > 0 ? view->ordergroups[0].id : 1U;
	struct peal_ordergroup group;

	do {
		draw_group(story, view, id, &group);
	} while (group.ranks[0].mid == view->next_mid);
	if (peal_story_create_ordergroup(world, index, &group, SECOND_NS)) {
		peal_report_note(world->report, "calm_ns", world->time.now_ns - began_at_ns);
	}
}

void
peal_story_ordergroup(const struct peal_scenario_options *options, struct peal_report *report)
{
	static struct ordergroups story;

	story = (struct ordergroups){0};
	if (peal_story_open_formed(&story.world, options, 0, report)) {
		struct peal_simworld *world = &story.world;
		uint64_t until_ns = world->time.now_ns + SPAN_NS;

		peal_trouble_init(&story.trouble, world, options->seed, NULL, NULL);
		while (!world->is_over && world->time.now_ns < until_ns) {
			ask_somebody(&story);
			peal_simworld_run_for(
				world, peal_prng_below(&story.trouble.prng, 20U * MILLISECOND_NS));
			if (peal_prng_ratio(&story.trouble.prng, 1, 2)) {
				peal_trouble_restart(&story.trouble, 2, DOWN_NS_MAX);
			}
			peal_simworld_run_for(
				world, peal_prng_below(&story.trouble.prng, GAP_NS_MAX));
		}
		if (peal_simworld_run_to_agreement(world, peal_simworld_patience_ns(world))) {
			ask_last(&story);
		}
		(void)peal_story_expect(world, world->views.clusters_count == 1U,
			"more than one cluster was created");
		(void)peal_story_expect(world, world->ordergroups.known_count >= 10U,
			"fewer than ten order groups were created");
		peal_report_note(report, "created", world->ordergroups.known_count);
		peal_report_note(report, "waits", story.answers[PEAL_ORDERGROUP_WAITS]);
		peal_report_note(report, "taken", story.answers[PEAL_ORDERGROUP_TAKEN]);
		peal_report_note(report, "full", story.answers[PEAL_ORDERGROUP_FULL]);
		peal_report_note(report, "no_member", story.answers[PEAL_ORDERGROUP_NO_MEMBER]);
	}
	peal_simworld_fini(&story.world);
}
