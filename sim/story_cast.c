/* SPDX-License-Identifier: BSD-3-Clause */
#include "base/prng.h"
#include "sim/story.h"

#define MILLISECOND_NS    PEAL_STORY_MILLISECOND_NS
#define SECOND_NS         PEAL_STORY_SECOND_NS
#define DUPLICATE_PPM_MAX 300000U
#define FINAL_SIZE        100U
#define STANDSTILL_NS     (100U * MILLISECOND_NS)

/* Of the stories of one source. */
#define SOURCE       0U
#define MESSAGE_SIZE 1024U
#define SPAN_NS      (20U * MILLISECOND_NS)
#define LOSS_PPM     10000U
#define INTERVAL_NS  UINT64_C(50000)
/* A queue of 15 messages each time: a million in a second, four copies of each 34 Gbit/s. */
#define FLOOD_INTERVAL_NS UINT64_C(15000)
#define SPARE_NS_MAX      UINT64_C(200000) /* two round trips of the slowest links */
#define UNICASTS_COUNT    16U

static bool
have_all(const struct peal_simworld *world)
{
	for (uint16_t i = 0; i < world->config.nodes_count; i++) {
		if (!peal_simcast_has_all(&world->casts[i])) {
			return false;
		}
	}
	return true;
}

static void
run_until_all_have(struct peal_simworld *world)
{
	uint64_t until_ns = world->time.now_ns + 2U * SECOND_NS;

	while (!have_all(world) && world->time.now_ns < until_ns && !world->is_over) {
		peal_simworld_run_for(world, MILLISECOND_NS);
	}
}

static uint64_t
newest_epoch(const struct peal_simworld *world)
{
	uint64_t epoch = 0;

	for (uint16_t i = 0; i < world->config.nodes_count; i++) {
		uint64_t own = world->nodes[i]->node.view.epoch;

		epoch = own > epoch ? own : epoch;
	}
	return epoch;
}

/* A group that has just agreed may still flush, and find out who did not answer before: who comes
 * back then has nobody's last word. */
static void
await_standstill(struct peal_simworld *world)
{
	uint64_t until_ns = world->time.now_ns + 2U * SECOND_NS;
	uint64_t epoch;

	do {
		epoch = newest_epoch(world);
		peal_simworld_run_for(world, STANDSTILL_NS);
	} while (newest_epoch(world) != epoch && world->time.now_ns < until_ns && !world->is_over);
}

void
peal_story_finish_cast(struct peal_simworld *world)
{
	for (uint16_t i = 0; i < world->config.nodes_count; i++) {
		world->casts[i].is_quiet = true;
		peal_cast_hold(&world->casts[i].cast, false);
	}
	await_standstill(world);
	for (uint16_t i = 0; i < world->config.nodes_count; i++) {
		if (peal_simnode_is_member(world->nodes[i])) {
			(void)peal_story_expect(world,
				peal_simcast_say(&world->casts[i], FINAL_SIZE),
				"a member may not cast, although all is well");
		}
	}
	run_until_all_have(world);
	/* What is to be at rest stays so. */
	peal_simworld_run_for(world, 20U * MILLISECOND_NS);
	for (uint16_t i = 0; i < world->config.nodes_count; i++) {
		peal_simcast_check_all(&world->casts[i]);
	}
	world->report->messages_count += world->cast_ledger->messages_count;
}

void
peal_story_cast(const struct peal_scenario_options *options, struct peal_report *report)
{
	struct peal_scenario_options casting = *options;

	casting.has_cast = true;
	peal_story_bad_weather(&casting,
		&(struct peal_story_weather){DUPLICATE_PPM_MAX, NULL, peal_story_finish_cast},
		report);
	peal_story_storm_of(&casting, 1, peal_story_finish_cast, report);
}

void
peal_story_held(const struct peal_scenario_options *options, struct peal_report *report)
{
	struct peal_scenario_options holding = *options;

	holding.has_holds = true;
	peal_story_cast(&holding, report);
}

static uint64_t
count_deliveries(const struct peal_simworld *world)
{
	uint64_t count = 0;

	for (uint16_t i = 0; i < world->config.nodes_count; i++) {
		count += world->casts[i].delivered_count;
	}
	return count;
}

static uint64_t
count_pulls(const struct peal_simworld *world)
{
	uint64_t count = 0;

	for (uint16_t i = 0; i < world->config.nodes_count; i++) {
		count += peal_counter_get(
			&world->nodes[i]->core.counters, PEAL_COUNTER_CAST_PULLS_SENT);
	}
	return count;
}

/* What the source got to all in a span, as fast as it may. */
static uint64_t
flood_for_a_span(struct peal_simworld *world, uint32_t loss_ppm)
{
	const struct peal_simworld_weather weather = {.loss_ppm = loss_ppm};
	const struct peal_simworld_weather fair = {0};
	uint64_t before;

	peal_simworld_set_weather(world, &weather);
	world->casts[SOURCE].is_source = true;
	peal_simworld_run_for(world, SPAN_NS / 4U); /* until it is steady */
	before = count_deliveries(world);
	peal_simworld_run_for(world, SPAN_NS);
	before = count_deliveries(world) - before;
	world->casts[SOURCE].is_source = false;
	peal_simworld_set_weather(world, &fair);
	run_until_all_have(world);
	return before;
}

/* The same message to each of the others, over channels. */
static void
say_to_each(struct peal_simworld *world)
{
	const struct peal_view *view = &world->nodes[SOURCE]->node.view;
	const struct peal_counters *counters = &world->nodes[SOURCE]->core.counters;
	uint64_t before = peal_counter_get(counters, PEAL_COUNTER_CHANNEL_FRAMES_SENT) -
			  peal_counter_get(counters, PEAL_COUNTER_CHANNEL_FRAMES_REPEATED);

	for (uint32_t message = 0; message < UNICASTS_COUNT; message++) {
		for (uint16_t rank = 0; rank < view->members_count; rank++) {
			bool is_self = rank == world->nodes[SOURCE]->node.self_rank;

			(void)peal_story_expect(world,
				is_self || peal_simtalk_say_to(peal_simworld_talk(world, SOURCE),
						   view->members[rank].mid, MESSAGE_SIZE),
				"a channel had no room");
		}
		/* A receiver that takes nothing for a while is asked now and then. */
		peal_simworld_run_for(world, 100U * MILLISECOND_NS);
	}
	world->report->fan_out.unicast_messages += UNICASTS_COUNT;
	world->report->fan_out.unicast_frames +=
		peal_counter_get(counters, PEAL_COUNTER_CHANNEL_FRAMES_SENT) -
		peal_counter_get(counters, PEAL_COUNTER_CHANNEL_FRAMES_REPEATED) - before;
	(void)peal_story_expect(world, peal_simtalk_is_done(world->ledger),
		"a message to each did not arrive at each");
}

void
peal_story_fanout(const struct peal_scenario_options *options, struct peal_report *report)
{
	struct peal_scenario_options casting = *options;
	struct peal_report_fan_out *fan_out = &report->fan_out;
	struct peal_simworld world;

	casting.has_cast = casting.has_talk = true;
	if (casting.profile == NULL) {
		casting.profile = "fast"; /* no frame overtakes another */
	}
	peal_story_open(&world, &casting, 0, report);
	world.cast_ledger->manner = PEAL_SIMCAST_FLOOD;
	world.cast_ledger->message_size = MESSAGE_SIZE;
	world.cast_ledger->interval_ns = FLOOD_INTERVAL_NS;
	for (uint16_t i = 0; i < world.config.nodes_count; i++) {
		peal_simworld_talk(&world, i)->is_quiet = true;
	}
	if (peal_simworld_form(&world)) {
		const struct peal_counters *counters = &world.nodes[SOURCE]->core.counters;

		peal_simworld_run_for(&world, 4U * world.timing.probe_interval_ns);
		say_to_each(&world);
		fan_out->clean_deliveries += flood_for_a_span(&world, 0);
		(void)peal_story_expect(&world, count_pulls(&world) == 0,
			"something was asked for again, although nothing was lost");
		fan_out->cast_messages +=
			peal_counter_get(counters, PEAL_COUNTER_CAST_MESSAGES_SENT);
		fan_out->cast_frames +=
			peal_counter_get(counters, PEAL_COUNTER_CAST_FRAMES_SENT) +
			peal_counter_get(counters, PEAL_COUNTER_CAST_FRAMES_REPEATED);
		fan_out->lossy_deliveries += flood_for_a_span(&world, LOSS_PPM);
		peal_story_finish_cast(&world);
	}
	peal_simworld_fini(&world);
}

/* A node that passes on what the source casts, or UINT16_MAX. */
static uint16_t
find_relay(const struct peal_simworld *world)
{
	const struct peal_cast *cast = &world->casts[SOURCE].cast;
	uint16_t own = cast->own;

	for (uint16_t i = 1; i < world->config.nodes_count; i++) {
		if (world->casts[i].cast.digests[own].children[0] != 0) {
			return i;
		}
	}
	return UINT16_MAX;
}

/* From the crash to the end: how long did any survivor hear nothing? */
static void
measure_gap(struct peal_simworld *world, uint16_t relay)
{
	struct peal_story_watch watch;
	uint64_t killed_at_ns = world->time.now_ns - world->began_at_ns;
	struct peal_report_sample sample = {0};

	for (uint16_t i = 0; i < world->config.nodes_count; i++) {
		world->casts[i].gap_ns = 0;
	}
	peal_story_watch(world, relay, &watch);
	peal_simworld_crash(world, relay);
	if (!peal_simworld_run_to_agreement(world, peal_simworld_patience_ns(world))) {
		return;
	}
	peal_simworld_run_for(world, 5U * MILLISECOND_NS);
	sample.kill_to_detection_ns = watch.detected_at_ns - killed_at_ns;
	sample.detection_to_view_ns = watch.installed_at_ns - watch.detected_at_ns;
	for (uint16_t i = 0; i < world->config.nodes_count; i++) {
		uint64_t gap_ns = i == relay ? 0 : world->casts[i].gap_ns;

		sample.gap_ns = gap_ns > sample.gap_ns ? gap_ns : sample.gap_ns;
	}
	(void)peal_story_expect(world,
		sample.gap_ns <= watch.installed_at_ns - killed_at_ns + SPARE_NS_MAX,
		"survivors heard nothing for longer than the view and two round trips took");
	peal_report_add_sample(world->report, &sample);
}

void
peal_story_relay(const struct peal_scenario_options *options, struct peal_report *report)
{
	struct peal_scenario_options casting = *options;
	struct peal_simworld world;
	struct peal_prng prng;

	casting.has_cast = true;
	peal_prng_init(&prng, options->seed);
	peal_story_open(&world, &casting, 0, report);
	world.cast_ledger->manner = PEAL_SIMCAST_STEADY;
	world.cast_ledger->message_size = MESSAGE_SIZE;
	world.cast_ledger->interval_ns = INTERVAL_NS;
	if (peal_simworld_form(&world)) {
		uint16_t relay;

		peal_simworld_run_for(&world, 4U * world.timing.probe_interval_ns);
		world.casts[SOURCE].is_source = true;
		peal_simworld_run_for(
			&world, 5U * MILLISECOND_NS + peal_prng_below(&prng, 50U * MILLISECOND_NS));
		relay = find_relay(&world);
		if (peal_story_expect(&world, relay != UINT16_MAX, "nobody passes anything on")) {
			measure_gap(&world, relay);
		}
		peal_story_finish_cast(&world);
	}
	peal_simworld_fini(&world);
}
