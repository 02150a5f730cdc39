/* SPDX-License-Identifier: BSD-3-Clause */
#include "sim/simorder.h"
#include "sim/story.h"

#include <stdlib.h>

#define MICROSECOND_NS UINT64_C(1000)
#define MILLISECOND_NS PEAL_STORY_MILLISECOND_NS
#define HOURS_37_NS    (INT64_C(37) * 3600 * 1000000000)
#define DELAY_NS       (10U * MICROSECOND_NS)
#define TALK_NS        (60U * MICROSECOND_NS)
#define SPAN_NS        (200U * MILLISECOND_NS)
#define ALL            7U /* ranks, as a set */
#define ONE            2U /* rank 1, whose clock it is */

/* What is wrong with the clock of rank 1, and who speaks. */
struct abuse {
	int64_t step_ns;
	int64_t drift_ppm;
	bool is_frozen;
	uint8_t talkers;
	uint64_t linger_ns;
	const char *p50_name;
	const char *max_name;
	const char *future_name; /* stamps that were too far ahead to be followed */
};

#define NAMES(what) "order_clock_" what "_p50_ns", "order_clock_" what "_max_ns", NULL

static const struct abuse abuses[] = {
	{0, 0, false, ALL, 0, NAMES("right")},
	{INT64_C(100000), 0, false, ALL, 0, NAMES("100us_ahead")},
	{-INT64_C(100000), 0, false, ALL, 0, NAMES("100us_behind")},
	{INT64_C(1000000), 0, false, ALL, 0, NAMES("1ms_ahead")},
	{-INT64_C(1000000), 0, false, ALL, 0, NAMES("1ms_behind")},
	{HOURS_37_NS, 0, false, ALL, 0, "order_clock_37h_ahead_p50_ns",
		"order_clock_37h_ahead_max_ns", "order_clock_37h_ahead_future_ts"},
	{-HOURS_37_NS, 0, false, ALL, 0, NAMES("37h_behind")},
	{0, 0, true, ALL, 0, NAMES("frozen")},
	{0, 1000, false, ALL, 0, NAMES("1000ppm")},
	{0, 50, false, ALL, 0, NAMES("50ppm")},
	{0, 0, false, ALL, 2U * TALK_NS, NAMES("ticks_right")},
	{INT64_C(1000000), 0, false, ALL, 2U * TALK_NS, NAMES("ticks_1ms_ahead")},
	{-INT64_C(1000000), 0, false, ALL, 2U * TALK_NS, NAMES("ticks_1ms_behind")},
	{0, 0, false, ONE, 0, NAMES("one_right")},
	{INT64_C(1000000), 0, false, ONE, 0, NAMES("one_1ms_ahead")},
	{-INT64_C(1000000), 0, false, ONE, 0, NAMES("one_1ms_behind")},
};

static uint64_t
count_future(const struct peal_simorder *world)
{
	uint64_t count = 0;

	for (uint32_t i = 0; i < world->config.ranks_count; i++) {
		count += peal_counter_get(&world->nodes[i].counters, PEAL_COUNTER_ORDER_FUTURE);
	}
	return count;
}

/* The clock of rank 1 is wrong from one moment on: what that does to the time a message takes. */
static void
play_abuse(const struct peal_simorder_config *base, const struct abuse *abuse,
	struct peal_report *report)
{
	struct peal_simorder *world = peal_simorder_allocate();
	struct peal_simorder_config config = *base;

	config.timing.linger_ns = abuse->linger_ns;
	peal_simorder_init(world, &config, report);
	for (uint8_t i = 0; i < config.ranks_count; i++) {
		peal_simorder_talk(world, i, (abuse->talkers >> i & 1U) != 0 ? TALK_NS : 0);
	}
	peal_simorder_run_for(world, 5U * MILLISECOND_NS);
	peal_simorder_time(world);
	peal_simorder_step(world, 1, abuse->step_ns);
	peal_simorder_drift(world, 1, abuse->drift_ppm);
	peal_simorder_freeze(world, 1, abuse->is_frozen);
	peal_simorder_run_for(world, SPAN_NS);
	peal_report_note(report, abuse->p50_name, peal_simorder_delay_ns(&world->others, 50));
	peal_report_note(report, abuse->max_name, peal_simorder_delay_ns(&world->others, 100));
	if (abuse->future_name != NULL) {
		uint64_t count = count_future(world);

		peal_report_note(report, abuse->future_name, count);
		peal_simorder_expect(
			world, count > 0, "a clock far ahead was not noticed", count);
	}
	peal_simorder_expect(world, world->nodes[1].machine->view == 1U,
		"a wrong clock took a view", world->nodes[1].machine->view);
	peal_simorder_heal(world);
	peal_simorder_fini(world);
	free(world);
}

void
peal_story_clocks(const struct peal_scenario_options *options, struct peal_report *report)
{
	const struct peal_simorder_config config = {.ranks_count = 3,
		.seed = options->seed,
		.delay_ns_min = DELAY_NS,
		.delay_ns_max = DELAY_NS,
		.trace = options->trace};

	for (uint32_t i = 0; i < sizeof(abuses) / sizeof(abuses[0]); i++) {
		play_abuse(&config, &abuses[i], report);
	}
}
