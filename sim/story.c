/* SPDX-License-Identifier: BSD-3-Clause */
#include "sim/story.h"

#include "base/hash.h"
#include "sim/faults.h"

#include <stdio.h>

#define LOSS_PPM_MAX UINT64_C(300000)
#define SPIKE_NS_MAX (2U * PEAL_STORY_MILLISECOND_NS)
#define WEATHER_NS   (100U * PEAL_STORY_MILLISECOND_NS)

void
peal_story_open(struct peal_simworld *world, const struct peal_scenario_options *options,
	uint64_t part, struct peal_report *report)
{
	struct peal_simworld_config config = {
		.nodes_count = options->nodes_count,
		.preset = options->preset,
		.detector = options->detector,
		.metadata_size_max = options->metadata_size_max,
		.has_talk = options->has_talk,
		.has_cast = options->has_cast,
		.has_apps = options->has_apps,
		.does_broadcast = options->does_broadcast,
		.has_total = options->has_total,
		.has_orders = options->has_orders,
		.has_holds = options->has_holds,
		.shards_max = options->shards_max,
		.mtu = options->mtu,
		.seed = peal_hash_mix(options->seed + 1U) + part,
		.trace = options->trace,
		.sizes = options->sizes,
		.record = options->record,
	};

	if (options->record != NULL) {
		(void)snprintf(options->record->profile, sizeof(options->record->profile), "%s",
			options->profile != NULL ? options->profile : "");
		options->record->detector = options->detector;
		options->record->metadata_size_max = options->metadata_size_max;
		options->record->has_one_seed = options->has_one_seed;
		options->record->is_ipv6 = options->is_ipv6;
		options->record->has_talk = options->has_talk;
	}
	if (options->profile != NULL) {
		const char *preset;

		(void)peal_scenario_find_profile(
			options->profile, &config.delay_ns_min, &config.delay_ns_max, &preset);
	}
	if (options->has_one_seed) {
		config.seeds_count = 1; /* the first node founds, and everybody asks it */
		config.expect = 1;
	}

	peal_simworld_init(world, &config, report);
}

bool
peal_story_open_formed(struct peal_simworld *world, const struct peal_scenario_options *options,
	uint64_t part, struct peal_report *report)
{
	bool is_formed;

	peal_story_open(world, options, part, report);
	is_formed = peal_simworld_form(world);
	/* Until everybody has heard everybody, newcomers are given time. */
	peal_simworld_run_for(world, 4U * world->timing.probe_interval_ns);
	return is_formed;
}

bool
peal_story_expect(struct peal_simworld *world, bool condition, const char *what)
{
	if (!condition) {
		peal_report_violate(
			world->report, world->time.now_ns - world->began_at_ns, "%s", what);
	}
	return condition;
}

void
peal_story_stay_quiet(struct peal_simworld *world, uint64_t span_ns)
{
	uint32_t views_count = world->views.count;

	peal_simworld_note(world, PEAL_ACTION_QUIET, span_ns, 0);
	peal_simworld_run_for(world, span_ns);
	(void)peal_story_expect(world, world->views.count == views_count,
		"a view appeared although nothing had happened");
}

void
peal_story_protect_all(struct peal_simworld *world)
{
	for (uint16_t i = 0; i < world->config.nodes_count; i++) {
		peal_check_healthy_protect(&world->healthy, i);
	}
}

uint64_t
peal_story_detection_ns(const struct peal_simworld *world)
{
	return peal_timing_detection_ns(&world->timing) + world->timing.probe_interval_ns;
}

uint16_t
peal_story_senior(const struct peal_simworld *world, uint16_t index)
{
	const struct peal_view *view = &world->nodes[index]->node.view;
	uint16_t i = 0;

	while (i < world->config.nodes_count &&
		!(peal_simnode_is_member(world->nodes[i]) && view->epoch > 0 &&
			peal_uuid_equals(world->nodes[i]->node.self.uuid, view->members[0].uuid))) {
		i++;
	}
	return i;
}

void
peal_story_keep_all(struct peal_simworld *world, uint64_t span_ns)
{
	uint16_t members_count[PEAL_SIMWORLD_NODES_MAX] = {0};
	bool is_same = true;

	for (uint16_t i = 0; i < world->config.nodes_count; i++) {
		members_count[i] = world->nodes[i]->node.view.members_count;
	}
	peal_simworld_run_for(world, span_ns);
	for (uint16_t i = 0; i < world->config.nodes_count; i++) {
		is_same &= world->nodes[i]->node.view.members_count == members_count[i];
	}
	(void)peal_story_expect(world, is_same, "somebody was removed, or came, without a reason");
}

void
peal_story_calm(struct peal_simworld *world)
{
	peal_story_keep_all(
		world, 6U * world->timing.reinforce_ns + peal_story_detection_ns(world));
}

static void
on_watched(void *state, uint16_t index, const struct peal_event *event, uint64_t at_ns)
{
	struct peal_story_watch *watch = state;

	(void)index;
	if (event->kind == PEAL_EVENT_DETECTED && event->mid == watch->victim_mid &&
		at_ns < watch->detected_at_ns) {
		watch->detected_at_ns = at_ns;
	}
	if (event->kind == PEAL_EVENT_VIEW && event->epoch == watch->epoch + 1U &&
		at_ns > watch->installed_at_ns) {
		watch->installed_at_ns = at_ns;
	}
}

void
peal_story_watch(struct peal_simworld *world, uint16_t victim, struct peal_story_watch *watch_out)
{
	*watch_out = (struct peal_story_watch){.victim_mid = world->nodes[victim]->node.self.mid,
		.epoch = world->nodes[victim]->node.view.epoch,
		.detected_at_ns = UINT64_MAX};
	world->on_event = on_watched;
	world->on_event_state = watch_out;
}

void
peal_story_bad_weather(const struct peal_scenario_options *options,
	const struct peal_story_weather *weather, struct peal_report *report)
{
	const struct peal_simworld_weather fair = {0};
	struct peal_simworld_weather bad = {0};
	struct peal_simworld world;
	struct peal_prng prng;

	peal_prng_init(&prng, options->seed ^ UINT64_C(0x77656174686572));
	if (peal_story_open_formed(&world, options, 0, report)) {
		bad.loss_ppm = (uint32_t)peal_prng_below(&prng, LOSS_PPM_MAX + 1U);
		bad.duplicate_ppm =
			(uint32_t)peal_prng_below(&prng, weather->duplicate_ppm_max + 1U);
		bad.spike_ppm = (uint32_t)peal_prng_below(&prng, LOSS_PPM_MAX + 1U);
		bad.spike_ns_max = peal_prng_below(&prng, SPIKE_NS_MAX);
		peal_simworld_set_weather(&world, &bad);
		peal_simworld_run_for(&world, WEATHER_NS);
		if (weather->last != NULL) {
			weather->last(&world, &prng);
		}
		peal_simworld_set_weather(&world, &fair);
		weather->finish(&world);
	}
	peal_simworld_fini(&world);
}

void
peal_story_storm_of(const struct peal_scenario_options *options, uint64_t part,
	void (*finish)(struct peal_simworld *world), struct peal_report *report)
{
	struct peal_simworld world;
	struct peal_faults faults;

	if (peal_story_open_formed(&world, options, part, report)) {
		world.may_starve = true;
		peal_faults_init(&faults, &world, options->seed);
		peal_faults_run(&faults, world.time.now_ns + PEAL_STORY_SECOND_NS);
		peal_faults_heal(&faults);
		if (peal_simworld_run_to_agreement(&world, peal_simworld_patience_ns(&world))) {
			finish(&world);
		}
	}
	peal_simworld_fini(&world);
}

void
peal_story_set_rank(const struct peal_simworld *world, struct peal_ordergroup *group, uint32_t rank,
	uint16_t index)
{
	char name[PEAL_NAME_SIZE_MAX + 1U];

	(void)snprintf(name, sizeof(name), "n%u", index);
	(void)peal_ordergroup_set_name(group, rank, name);
	group->ranks[rank].mid = world->nodes[index]->node.self.mid;
}

void
peal_story_fill_ordergroup(const struct peal_simworld *world, uint32_t id, uint32_t generation,
	uint8_t ranks_count, struct peal_ordergroup *group_out)
{
	*group_out = (struct peal_ordergroup){
		.id = id, .generation = generation, .ranks_count = ranks_count};
	for (uint32_t i = 0; i < ranks_count; i++) {
		uint32_t index = id % 2U == 1U ? i : world->config.nodes_count - 1U - i;

		peal_story_set_rank(world, group_out, i, (uint16_t)index);
	}
}

static bool
has_everybody(const struct peal_simworld *world, const struct peal_ordergroup *group)
{
	for (uint16_t i = 0; i < world->config.nodes_count; i++) {
		const struct peal_view *view = &world->nodes[i]->node.view;
		const struct peal_ordergroup *found = peal_view_find_ordergroup(view, group->id);

		if (!peal_simnode_is_member(world->nodes[i]) || found == NULL ||
			!peal_ordergroup_equals(found, group)) {
			return false;
		}
	}
	return true;
}

bool
peal_story_create_ordergroup(struct peal_simworld *world, uint16_t index,
	const struct peal_ordergroup *group, uint64_t patience_ns)
{
	uint64_t until_ns = world->time.now_ns + patience_ns;

	(void)peal_check_ordergroups_on_wish(&world->ordergroups, group);
	if (!peal_story_expect(world,
		    peal_simnode_create_ordergroup(world->nodes[index], group) ==
			    PEAL_ORDERGROUP_WAITS,
		    "in a calm group a wish for an order group is refused")) {
		return false;
	}
	while (!world->is_over && world->time.now_ns < until_ns && !has_everybody(world, group)) {
		peal_simworld_run_for(world, PEAL_STORY_MILLISECOND_NS);
	}
	return peal_story_expect(world, has_everybody(world, group),
		"in a calm group an order group was not created in time");
}
