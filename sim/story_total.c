/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Process groups in total order, of clients that come and go at members that crash, come back and
 * stand still.
 *
 * There are two order groups, of three ranks and of up to five. As in story_orders.c, a member
 * loses its memory only when both keep their majority without it; one that lost it all the same
 * stands, and of the groups by it nothing is promised at the end.
 */
#include "sim/finale.h"
#include "sim/story.h"
#include "sim/trouble.h"

#define MILLISECOND_NS  PEAL_STORY_MILLISECOND_NS
#define SECOND_NS       PEAL_STORY_SECOND_NS
#define STEPS_COUNT     10U
#define GAP_NS_MAX      (60U * MILLISECOND_NS)
#define DOWN_NS_MAX     (200U * MILLISECOND_NS)
#define CREATE_PATIENCE (5U * SECOND_NS)
#define NUMBERS_FIRST   1U
#define NUMBERS_LAST    2U

struct total_story {
	struct peal_simworld world;
	struct peal_trouble trouble;
};

/* --- the order groups --- */

static bool
create(struct peal_simworld *world, uint32_t id)
{
	uint8_t ranks_count = id == NUMBERS_LAST && world->config.nodes_count >= 5U ? 5U : 3U;
	struct peal_ordergroup group;

	peal_story_fill_ordergroup(world, id, 1, ranks_count, &group);
	return peal_story_create_ordergroup(world, 0, &group, CREATE_PATIENCE);
}

static const struct peal_orders_group *
find_machine(const struct peal_simapps *apps, uint32_t id)
{
	for (uint32_t i = 0; i < PEAL_ORDERS_MAX; i++) {
		const struct peal_orders_group *group = &apps->orders.groups[i];

		if (apps->is_up && group->is_used && !group->is_ended && group->config.id == id) {
			return group;
		}
	}
	return NULL;
}

static bool
is_alive(const struct peal_simworld *world, uint32_t id, uint32_t without, uint64_t mid)
{
	for (uint32_t i = 0; i < world->config.nodes_count; i++) {
		if (i != without && find_machine(&world->apps[i], id) != NULL &&
			world->apps[i].orders.self_mid == mid) {
			return true;
		}
	}
	return false;
}

/* A majority of every view that a rank of the group is in is there without this member; with the
 * count of members in its place: it is there. */
static bool
keeps_majority(const struct peal_simworld *world, uint32_t id, uint32_t without)
{
	bool has_view = false;

	for (uint32_t i = 0; i < world->config.nodes_count; i++) {
		const struct peal_orders_group *group = find_machine(&world->apps[i], id);
		uint32_t lost = 0;

		if (group == NULL || group->abcast.state == PEAL_ABCAST_OUT) {
			continue;
		}
		has_view = true;
		for (uint32_t rank = 0; rank < group->config.ranks_count; rank++) {
			lost += is_alive(world, id, without, group->abcast.members[rank]) ? 0U : 1U;
		}
		if (lost > group->config.ranks_count / 2U) {
			return false;
		}
	}
	return has_view;
}

static bool
may_lose(const void *story, uint16_t index)
{
	const struct peal_simworld *world = story;

	return keeps_majority(world, NUMBERS_FIRST, index) &&
	       keeps_majority(world, NUMBERS_LAST, index);
}

/* --- what happens to them --- */

/* A rank of the first order group stands still while the other two say more than they keep for it,
 * and is not away for so long that it is removed. */
static void
overtake_one(struct total_story *story)
{
	struct peal_simworld *world = &story->world;
	uint16_t victim = (uint16_t)peal_prng_below(&story->trouble.prng, 3);

	if (!may_lose(world, victim)) {
		return;
	}
	peal_simworld_pause(world, victim, true);
	for (uint16_t i = 0; i < 3U; i++) {
		world->apps[i].bursting = NUMBERS_FIRST;
	}
	peal_simworld_run_for(world, 100U * MILLISECOND_NS);
	for (uint16_t i = 0; i < 3U; i++) {
		world->apps[i].bursting = 0;
	}
	peal_simworld_pause(world, victim, false);
}

static void
cut_one(struct total_story *story)
{
	struct peal_trouble *trouble = &story->trouble;
	uint16_t a, b;

	peal_trouble_draw_two(trouble, &a, &b);
	/* One of the two may be removed for it. */
	if (may_lose(&story->world, a) && may_lose(&story->world, b)) {
		peal_trouble_cut(trouble, a, b, peal_prng_ratio(&trouble->prng, 1, 2));
	}
}

static void
trouble(struct total_story *story)
{
	uint64_t what = peal_prng_below(&story->trouble.prng, 9);

	if (what < 3U) {
		peal_trouble_restart(&story->trouble, 3, DOWN_NS_MAX);
	} else if (what < 5U) {
		peal_trouble_pause(&story->trouble, 3);
	} else if (what < 7U) {
		cut_one(story);
	} else if (what < 8U) {
		overtake_one(story);
	} else {
		peal_trouble_weather(&story->trouble);
	}
	peal_simworld_run_for(&story->world, peal_prng_below(&story->trouble.prng, GAP_NS_MAX));
}

/* --- the end --- */

static void
find_lost(struct peal_simworld *world)
{
	for (uint32_t id = NUMBERS_FIRST; id <= NUMBERS_LAST; id++) {
		bool is_lost = !keeps_majority(world, id, world->config.nodes_count);

		peal_report_note(world->report, "lost", is_lost ? 1U : 0U);
		for (uint16_t i = 0; i < world->config.nodes_count; i++) {
			world->apps[i].is_lost[id] = is_lost;
		}
	}
}

static void
finish(struct peal_simworld *world)
{
	peal_finale_settle(world, 200U * MILLISECOND_NS);
	find_lost(world);
	peal_finale_speak(world, peal_simapps_have_all);
	peal_finale_check_groups(world);
}

static void
note(const struct peal_simworld *world)
{
	uint64_t dropped_count = 0, gaps_count = 0, mute_count = 0;

	for (uint16_t i = 0; i < world->config.nodes_count; i++) {
		dropped_count += peal_counter_get(
			&world->nodes[i]->core.counters, PEAL_COUNTER_GROUP_MESSAGES_DROPPED);
		gaps_count += world->apps[i].gaps_count;
		mute_count += world->apps[i].mute_count;
	}
	peal_report_note(world->report, "events", world->total_ledger->events_count);
	peal_report_note(world->report, "compared", world->total_ledger->links_count);
	peal_report_note(world->report, "dropped", dropped_count);
	peal_report_note(world->report, "gaps", gaps_count);
	peal_report_note(world->report, "no last word", mute_count);
}

void
peal_story_total(const struct peal_scenario_options *options, struct peal_report *report)
{
	static struct total_story story;
	struct peal_scenario_options grouped = *options;
	struct peal_simworld *world = &story.world;

	grouped.has_apps = true;
	grouped.has_total = true;
	story = (struct total_story){.world = {.report = NULL}};
	if (peal_story_open_formed(world, &grouped, 0, report) && create(world, NUMBERS_FIRST) &&
		create(world, NUMBERS_LAST)) {
		peal_trouble_init(&story.trouble, world, options->seed, may_lose, world);
		for (uint32_t i = 0; i < STEPS_COUNT && !world->is_over; i++) {
			trouble(&story);
		}
		peal_simworld_heal(world);
		if (peal_simworld_run_to_agreement(world, peal_simworld_patience_ns(world))) {
			finish(world);
		}
		note(world);
	}
	peal_simworld_fini(world);
}
