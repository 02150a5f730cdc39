/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Process groups in total order, of clients that come and go at members that crash, come back and
 * stand still.
 *
 * There are two order groups, of three ranks and of up to five. As in story_orders.c, a member
 * loses its memory only when both keep their majority without it; one that lost it all the same
 * stands, and of the groups by it nothing is promised at the end.
 */
#include "base/prng.h"
#include "sim/faults.h"
#include "sim/story.h"

#include <stdio.h>

#define MILLISECOND_NS  PEAL_STORY_MILLISECOND_NS
#define SECOND_NS       PEAL_STORY_SECOND_NS
#define STEPS_COUNT     10U
#define GAP_NS_MAX      (60U * MILLISECOND_NS)
#define LOSS_PPM_MAX    200000U
#define CREATE_PATIENCE (5U * SECOND_NS)
#define NUMBERS_FIRST   1U
#define NUMBERS_LAST    2U

struct total_story {
	struct peal_simworld world;
	struct peal_faults faults;
	struct peal_prng prng;
};

/* --- the order groups --- */

static void
draw_group(const struct peal_simworld *world, uint32_t id, struct peal_ordergroup *group_out)
{
	uint8_t ranks_count = id == NUMBERS_LAST && world->config.nodes_count >= 5U ? 5U : 3U;

	*group_out =
		(struct peal_ordergroup){.id = id, .generation = 1, .ranks_count = ranks_count};
	for (uint32_t i = 0; i < ranks_count; i++) {
		uint32_t index = id == NUMBERS_FIRST ? i : world->config.nodes_count - 1U - i;
		char name[PEAL_NAME_SIZE_MAX + 1U];

		(void)snprintf(name, sizeof(name), "n%u", index);
		(void)peal_ordergroup_set_name(group_out, i, name);
		group_out->ranks[i].mid = world->nodes[index]->node.self.mid;
	}
}

static bool
has_everybody(const struct peal_simworld *world, uint32_t id)
{
	for (uint16_t i = 0; i < world->config.nodes_count; i++) {
		if (peal_view_find_ordergroup(&world->nodes[i]->node.view, id) == NULL) {
			return false;
		}
	}
	return true;
}

static bool
create(struct peal_simworld *world, uint32_t id)
{
	uint64_t until_ns = world->time.now_ns + CREATE_PATIENCE;
	struct peal_ordergroup group;

	draw_group(world, id, &group);
	(void)peal_check_ordergroups_on_wish(&world->ordergroups, &group);
	(void)peal_simnode_create_ordergroup(world->nodes[0], &group);
	while (!world->is_over && world->time.now_ns < until_ns && !has_everybody(world, id)) {
		peal_simworld_run_for(world, MILLISECOND_NS);
	}
	return peal_story_expect(
		world, has_everybody(world, id), "in a calm group an order group was not created");
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
may_lose(const struct peal_simworld *world, uint32_t index)
{
	return keeps_majority(world, NUMBERS_FIRST, index) &&
	       keeps_majority(world, NUMBERS_LAST, index);
}

/* --- what happens to them --- */

static void
restart_one(struct total_story *story)
{
	struct peal_simworld *world = &story->world;
	uint16_t victim = peal_faults_draw_victim(&story->faults);

	if (victim == world->config.nodes_count || !may_lose(world, victim)) {
		return;
	}
	if (peal_prng_ratio(&story->prng, 1, 3)) {
		peal_simworld_leave(world, victim);
		peal_simworld_run_for(world, peal_prng_below(&story->prng, 50U * MILLISECOND_NS));
	}
	peal_simworld_crash(world, victim);
	peal_simworld_run_for(world, peal_prng_below(&story->prng, 200U * MILLISECOND_NS));
	peal_simworld_start(world, victim);
}

/* Stands still: for a moment, or until it is removed, which costs its memory. */
static void
pause_one(struct total_story *story)
{
	struct peal_simworld *world = &story->world;
	uint16_t victim = (uint16_t)peal_prng_below(&story->prng, world->config.nodes_count);
	bool is_long = peal_prng_ratio(&story->prng, 1, 3);

	if (is_long && (peal_faults_draw_victim(&story->faults) == world->config.nodes_count ||
			       !may_lose(world, victim))) {
		return;
	}
	peal_simworld_pause(world, victim, true);
	peal_simworld_run_for(world,
		peal_prng_below(&story->prng, is_long ? SECOND_NS / 2U : 4U * MILLISECOND_NS));
	peal_simworld_pause(world, victim, false);
}

/* A rank of the first order group stands still while the other two say more than they keep for it,
 * and is not away for so long that it is removed. */
static void
overtake_one(struct total_story *story)
{
	struct peal_simworld *world = &story->world;
	uint16_t victim = (uint16_t)peal_prng_below(&story->prng, 3);

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
	struct peal_simworld *world = &story->world;
	uint16_t count = world->config.nodes_count;
	uint16_t a = (uint16_t)peal_prng_below(&story->prng, count);
	uint16_t b = (uint16_t)((a + 1U + peal_prng_below(&story->prng, count - 1U)) % count);

	if (!may_lose(world, a) || !may_lose(world, b)) {
		return; /* one of the two may be removed for it */
	}
	peal_simworld_cut(world, a, b, true);
	if (peal_prng_ratio(&story->prng, 1, 2)) {
		peal_simworld_cut(world, b, a, true);
	}
	peal_simworld_run_for(world, peal_prng_below(&story->prng, 200U * MILLISECOND_NS));
	peal_simworld_cut(world, a, b, false);
	peal_simworld_cut(world, b, a, false);
}

static void
draw_weather(struct total_story *story)
{
	struct peal_simworld *world = &story->world;
	const struct peal_simworld_weather weather = {
		.loss_ppm = (uint32_t)peal_prng_below(&story->prng, LOSS_PPM_MAX),
		.duplicate_ppm = (uint32_t)peal_prng_below(&story->prng, LOSS_PPM_MAX),
		.spike_ppm = (uint32_t)peal_prng_below(&story->prng, LOSS_PPM_MAX),
		.spike_ns_max = 2U * MILLISECOND_NS};

	peal_simworld_set_weather(world, &weather);
	peal_simworld_run_for(world, peal_prng_below(&story->prng, 100U * MILLISECOND_NS));
	peal_simworld_set_weather(world, &(struct peal_simworld_weather){0});
}

static void
trouble(struct total_story *story)
{
	uint64_t what = peal_prng_below(&story->prng, 9);

	if (what < 3U) {
		restart_one(story);
	} else if (what < 5U) {
		pause_one(story);
	} else if (what < 7U) {
		cut_one(story);
	} else if (what < 8U) {
		overtake_one(story);
	} else {
		draw_weather(story);
	}
	peal_simworld_run_for(&story->world, peal_prng_below(&story->prng, GAP_NS_MAX));
}

/* --- the end --- */

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
look_for(struct peal_simworld *world, uint64_t time_ns)
{
	uint64_t until_ns = world->time.now_ns + time_ns;

	while (world->time.now_ns < until_ns && !world->is_over) {
		look(world);
	}
}

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
	/* Nobody refuses what honest nodes say of groups, and nobody has to hold too much. */
	static const enum peal_counter never[] = {PEAL_COUNTER_GROUP_REFUSED_FORM,
		PEAL_COUNTER_GROUP_REFUSED_REQUEST, PEAL_COUNTER_GROUP_REFUSED_STAMP,
		PEAL_COUNTER_GROUP_REFUSED_TABLE, PEAL_COUNTER_GROUP_REFUSED_MARK,
		PEAL_COUNTER_GROUP_REFUSED_ORDER, PEAL_COUNTER_GROUP_OVERRUNS};
	uint16_t count = world->config.nodes_count;
	uint64_t until_ns;

	for (uint16_t i = 0; i < count; i++) {
		world->apps[i].is_quiet = true;
	}
	look_for(world, 200U * MILLISECOND_NS);
	find_lost(world);
	for (uint16_t i = 0; i < count; i++) {
		peal_simapps_say_all(&world->apps[i]);
	}
	until_ns = world->time.now_ns + 2U * SECOND_NS;
	do {
		look(world);
	} while (!peal_simapps_have_all(world->apps, count) && world->time.now_ns < until_ns &&
		 !world->is_over);
	peal_simapps_check_all(world->apps, count);
	for (uint16_t i = 0; i < count; i++) {
		const struct peal_counters *counters = &world->nodes[i]->core.counters;

		for (uint32_t at = 0; at < sizeof(never) / sizeof(never[0]); at++) {
			(void)peal_story_expect(world,
				!world->nodes[i]->is_up ||
					peal_counter_get(counters, never[at]) == 0,
				"something of groups was refused, or too much had to be held");
		}
	}
}

static void
note(const struct peal_simworld *world)
{
	uint64_t dropped_count = 0, gaps_count = 0;

	for (uint16_t i = 0; i < world->config.nodes_count; i++) {
		dropped_count += peal_counter_get(
			&world->nodes[i]->core.counters, PEAL_COUNTER_GROUP_MESSAGES_DROPPED);
		gaps_count += world->apps[i].gaps_count;
	}
	peal_report_note(world->report, "events", world->total_ledger->events_count);
	peal_report_note(world->report, "compared", world->total_ledger->links_count);
	peal_report_note(world->report, "dropped", dropped_count);
	peal_report_note(world->report, "gaps", gaps_count);
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
		peal_prng_init(&story.prng, options->seed);
		peal_faults_init(&story.faults, world, options->seed);
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
