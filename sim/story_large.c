/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Large groups. A group forms once per run, from one seed node, and then one thing happens to it.
 *
 * Forming takes most of the time of a run, so nothing is repeated for each member, and the world is
 * looked at from outside: by the first detection, the installs and the number of different views.
 */
#include "base/assert.h"
#include "base/prng.h"
#include "sim/story.h"

#define MILLISECOND_NS PEAL_STORY_MILLISECOND_NS
#define SECOND_NS      PEAL_STORY_SECOND_NS
#define NEVER          UINT64_MAX
#define PPM            1000000U
/* Who fails when nobody says how many: one in so many. */
#define FAULTY_SHARE 100U
#define FLIP_NS      (20U * SECOND_NS)
#define FLIPS_COUNT  3U
#define LOSS_PPM     800000U
#define STEADY_NS    (30U * SECOND_NS)

/* What the world did since the event of the story. */
struct watch {
	struct peal_simworld *world;
	struct peal_bitset victims;  /* by index: what they say does not count */
	struct peal_bitset detected; /* members, by number, that somebody has detected */
	uint64_t detected_at_ns;     /* the last of them, by the first who did */
	uint64_t installed_at_ns;
};

static void
on_event(void *state, uint16_t index, const struct peal_event *event, uint64_t at_ns)
{
	struct watch *watch = state;

	if (peal_bitset_has(&watch->victims, index)) {
		return;
	}
	if (event->kind == PEAL_EVENT_DETECTED && event->mid < PEAL_MEMBERS_MAX &&
		!peal_bitset_has(&watch->detected, (uint32_t)event->mid)) {
		peal_bitset_add(&watch->detected, (uint32_t)event->mid);
		watch->detected_at_ns = at_ns;
	}
	if (event->kind == PEAL_EVENT_VIEW) {
		watch->installed_at_ns = at_ns;
	}
}

static void
begin_watch(struct watch *watch, struct peal_simworld *world)
{
	*watch = (struct watch){.world = world, .detected_at_ns = NEVER};
	world->on_event = on_event;
	world->on_event_state = watch;
}

static uint64_t
now_of(const struct peal_simworld *world)
{
	return world->time.now_ns - world->began_at_ns;
}

static uint32_t
count_faulty(const struct peal_scenario_options *options)
{
	uint32_t count = options->faulty_count;

	if (count == 0) {
		count = options->nodes_count / FAULTY_SHARE;
	}
	return count == 0 ? 1U : count;
}

/* Draws the nodes that will fail. The seed node is not spared. */
static void
draw_victims(const struct peal_scenario_options *options, struct peal_bitset *victims)
{
	uint32_t count = count_faulty(options);
	struct peal_prng prng;

	PEAL_ASSERT(count < options->nodes_count);
	peal_prng_init(&prng, options->seed ^ UINT64_C(0x76696374696d));
	for (uint32_t drawn = 0; drawn < count;) {
		uint32_t index = (uint32_t)peal_prng_below(&prng, options->nodes_count);

		if (!peal_bitset_has(victims, index)) {
			peal_bitset_add(victims, index);
			drawn++;
		}
	}
}

static void
open_world(struct peal_simworld *world, const struct peal_scenario_options *options,
	struct peal_report *report)
{
	struct peal_scenario_options one_seed = *options;

	one_seed.has_one_seed = true;
	peal_story_open(world, &one_seed, 0, report);
}

/* All but the last `spare_count` nodes start at one moment and become one group. */
static bool
form(struct peal_simworld *world, const struct peal_scenario_options *options, uint16_t spare_count,
	struct peal_report *report)
{
	open_world(world, options, report);
	for (uint16_t i = 0; i + spare_count < options->nodes_count; i++) {
		peal_simworld_start(world, i);
	}
	peal_story_protect_all(world);
	return peal_simworld_run_to_agreement(world, peal_simworld_patience_ns(world));
}

/* The same, and everybody has heard everybody it observes. */
static bool
form_calm(struct peal_simworld *world, const struct peal_scenario_options *options,
	uint16_t spare_count, struct peal_report *report)
{
	bool is_formed = form(world, options, spare_count, report);

	if (is_formed) {
		peal_simworld_run_for(world, 12U * world->timing.probe_interval_ns);
	}
	return is_formed;
}

void
peal_story_large_form(const struct peal_scenario_options *options, struct peal_report *report)
{
	struct peal_simworld world;
	struct watch watch;

	open_world(&world, options, report);
	begin_watch(&watch, &world);
	for (uint16_t i = 0; i < options->nodes_count; i++) {
		peal_simworld_start(&world, i);
	}
	peal_story_protect_all(&world);
	(void)peal_simworld_run_to_agreement(&world, peal_simworld_patience_ns(&world));
	(void)peal_story_expect(
		&world, world.views.clusters_count == 1U, "more than one cluster was created");
	report->agreed_ns = watch.installed_at_ns;
	report->steps_count = world.views.count;
	report->bytes = world.net.sent_bytes;
	peal_simworld_fini(&world);
}

/* Adds what was measured from `began_at_ns` on. */
static void
measure(struct peal_simworld *world, const struct watch *watch, uint64_t began_at_ns,
	uint32_t views_before)
{
	struct peal_report *report = world->report;

	report->steps_count = world->views.count - views_before;
	if (watch->installed_at_ns > began_at_ns) {
		report->agreed_ns = watch->installed_at_ns - began_at_ns;
	}
	if (peal_story_expect(world, watch->detected_at_ns != NEVER, "nobody detected anything") &&
		watch->installed_at_ns >= watch->detected_at_ns) {
		struct peal_report_sample sample = {
			.kill_to_detection_ns = watch->detected_at_ns - began_at_ns,
			.detection_to_view_ns = watch->installed_at_ns - watch->detected_at_ns};

		peal_report_add_sample(report, &sample);
	}
}

/* Some end at one moment: at most two views until all survivors agree. */
void
peal_story_large_crash(const struct peal_scenario_options *options, struct peal_report *report)
{
	struct peal_simworld world;
	struct watch watch;

	if (form_calm(&world, options, 0, report)) {
		uint32_t views_before = world.views.count;
		uint64_t began_at_ns;

		begin_watch(&watch, &world);
		draw_victims(options, &watch.victims);
		began_at_ns = now_of(&world);
		PEAL_BITSET_FOR_EACH (index, &watch.victims) {
			peal_simworld_crash(&world, (uint16_t)index);
		}
		(void)peal_simworld_run_to_agreement(&world, peal_simworld_patience_ns(&world));
		measure(&world, &watch, began_at_ns, views_before);
		(void)peal_story_expect(&world, report->steps_count <= 2U,
			"a crash of many took more than two views");
	}
	peal_simworld_fini(&world);
}

/* True when none of the victims is in the view of a node that is no victim. */
static bool
is_without(const struct peal_simworld *world, const struct peal_bitset *victims)
{
	for (uint16_t i = 0; i < world->config.nodes_count; i++) {
		const struct peal_node *node = &world->nodes[i]->node;

		if (peal_bitset_has(victims, i)) {
			continue;
		}
		PEAL_BITSET_FOR_EACH (victim, victims) {
			if (peal_view_find_address(&node->view, &world->nodes[victim]->address) !=
				PEAL_RANK_NONE) {
				return false;
			}
		}
		return true; /* one that is well will do: agreement is asked for elsewhere */
	}
	return true;
}

static void
run_until_without(struct peal_simworld *world, const struct peal_bitset *victims, uint64_t span_ns)
{
	uint64_t until_ns = world->time.now_ns + span_ns;

	while (!world->is_over && world->time.now_ns < until_ns && !is_without(world, victims)) {
		peal_simworld_run_for(world, MILLISECOND_NS);
	}
}

/* 80 % of what some hear, or say (by seed: one, the other, both), is lost: they are out in one
 * step. */
void
peal_story_large_loss(const struct peal_scenario_options *options, struct peal_report *report)
{
	struct peal_simworld world;
	struct watch watch;

	if (form_calm(&world, options, 0, report)) {
		uint32_t views_before = world.views.count;
		uint64_t began_at_ns = now_of(&world);

		begin_watch(&watch, &world);
		draw_victims(options, &watch.victims);
		PEAL_BITSET_FOR_EACH (index, &watch.victims) {
			world.healthy.lives[index].is_protected = false;
			if (options->seed % 3U != 1U) {
				peal_simworld_set_ingress_loss(&world, (uint16_t)index, LOSS_PPM);
			}
			if (options->seed % 3U != 0U) {
				peal_simworld_set_egress_loss(&world, (uint16_t)index, LOSS_PPM);
			}
		}
		run_until_without(&world, &watch.victims, 20U * SECOND_NS);
		(void)peal_story_expect(&world, is_without(&world, &watch.victims),
			"who loses most of its frames is still in the view");
		measure(&world, &watch, began_at_ns, views_before);
		peal_simworld_heal(&world);
		(void)peal_simworld_run_to_agreement(&world, peal_simworld_patience_ns(&world));
	}
	peal_simworld_fini(&world);
}

/* Some hear nothing for 20 s, hear again for 20 s, and so on: nobody else is ever removed. */
void
peal_story_flipflop(const struct peal_scenario_options *options, struct peal_report *report)
{
	struct peal_simworld world;
	struct watch watch;

	if (form_calm(&world, options, 0, report)) {
		begin_watch(&watch, &world);
		draw_victims(options, &watch.victims);
		PEAL_BITSET_FOR_EACH (index, &watch.victims) {
			world.healthy.lives[index].is_protected = false;
		}
		for (uint32_t flip = 0; flip < FLIPS_COUNT && !world.is_over; flip++) {
			uint32_t views_before = world.views.count;
			uint64_t began_at_ns = now_of(&world);
			uint64_t until_ns = world.time.now_ns + FLIP_NS;

			watch.detected = (struct peal_bitset){0};
			watch.detected_at_ns = NEVER;
			PEAL_BITSET_FOR_EACH (index, &watch.victims) {
				peal_simworld_set_ingress_loss(&world, (uint16_t)index, PPM);
			}
			run_until_without(&world, &watch.victims, FLIP_NS);
			(void)peal_story_expect(&world, is_without(&world, &watch.victims),
				"who hears nothing is still in the view");
			measure(&world, &watch, began_at_ns, views_before);
			(void)peal_story_expect(&world, report->steps_count == 1U,
				"the deaf were not removed in one step");
			peal_simworld_run_until(&world, until_ns);
			PEAL_BITSET_FOR_EACH (index, &watch.victims) {
				peal_simworld_set_ingress_loss(&world, (uint16_t)index, 0);
			}
			(void)peal_simworld_run_to_agreement(&world, FLIP_NS);
		}
	}
	peal_simworld_fini(&world);
}

/* One direction of a few links of each of some members is cut, fewer than L at each: all stay. */
void
peal_story_large_oneway(const struct peal_scenario_options *options, struct peal_report *report)
{
	struct peal_simworld world;
	struct peal_bitset victims = {0};
	struct peal_prng prng;

	if (form_calm(&world, options, 0, report)) {
		uint32_t views_before = world.views.count;

		peal_prng_init(&prng, options->seed);
		draw_victims(options, &victims);
		PEAL_BITSET_FOR_EACH (index, &victims) {
			for (uint32_t i = 0; i < 2U; i++) {
				uint16_t other =
					(uint16_t)peal_prng_below(&prng, options->nodes_count);

				peal_simworld_cut(&world, (uint16_t)index, other, true);
			}
		}
		peal_simworld_run_for(&world, 6U * world.timing.reinforce_ns);
		report->steps_count = world.views.count - views_before;
		peal_simworld_heal(&world);
		(void)peal_simworld_run_to_agreement(&world, peal_simworld_patience_ns(&world));
	}
	peal_simworld_fini(&world);
}

/* A group in which nothing happens: what one node sends in a second. */
void
peal_story_steady(const struct peal_scenario_options *options, struct peal_report *report)
{
	struct peal_simworld world;

	if (form_calm(&world, options, 0, report)) {
		uint64_t bytes_before = world.net.sent_bytes;

		peal_story_stay_quiet(&world, STEADY_NS);
		report->bytes = (world.net.sent_bytes - bytes_before) /
				(STEADY_NS / SECOND_NS * options->nodes_count);
	}
	peal_simworld_fini(&world);
}

/* One more node: how long until it has its view, and what it received until then. */
void
peal_story_join(const struct peal_scenario_options *options, struct peal_report *report)
{
	uint16_t newcomer = (uint16_t)(options->nodes_count - 1U);
	struct peal_simworld world;
	struct watch watch;

	if (form_calm(&world, options, 1, report)) {
		const struct peal_simnode *simnode = world.nodes[newcomer];
		uint32_t views_before = world.views.count;
		uint64_t until_ns = world.time.now_ns + 10U * SECOND_NS;
		uint64_t bytes_before = world.net.ports[newcomer].received_bytes;
		uint64_t began_at_ns = now_of(&world);

		begin_watch(&watch, &world);
		peal_simworld_start(&world, newcomer);
		while (!world.is_over && world.time.now_ns < until_ns &&
			!peal_simnode_is_member(simnode)) {
			peal_simworld_run_for(&world, MILLISECOND_NS / 10U);
		}
		report->agreed_ns = now_of(&world) - began_at_ns;
		report->bytes = world.net.ports[newcomer].received_bytes - bytes_before;
		(void)peal_simworld_run_to_agreement(&world, peal_simworld_patience_ns(&world));
		report->steps_count = world.views.count - views_before;
		(void)peal_story_expect(
			&world, report->steps_count == 1U, "a join took more than one view");
	}
	peal_simworld_fini(&world);
}
