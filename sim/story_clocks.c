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
#define SPIKE_PPM      200000U
#define SPIKE_NS_MAX   MILLISECOND_NS
#define ALL            7U /* ranks, as a set */
#define ONE            2U /* rank 1, whose clock it is */

/* What is left when the ranks know each other's clocks: p50 against that of right clocks, in
 * thousandths, and the times that they take for the shared one. */
#define RIGHT_PERMILLE 1050U
#define WRONG_PERMILLE 1350U /* of clocks that do not go on as clocks do */
#define APART_NS_MAX   (5U * MICROSECOND_NS)

enum links { EVEN, SPIKY };

/* What is wrong with the clock of rank 1, and who speaks. */
struct abuse {
	int64_t step_ns;
	int64_t drift_ppm;
	bool is_frozen;
	enum links links;
	uint8_t talkers;
	uint64_t linger_ns;
	const char *p50_name;
	const char *max_name;
	const char *apart_name;
};

#define NAMES(what)                                                                                \
	"order_clock_" what "_p50_ns", "order_clock_" what "_max_ns",                              \
		"order_clock_" what "_apart_ns"

/* Rows of one kind follow the one whose clocks are right. */
static const struct abuse abuses[] = {
	{0, 0, false, EVEN, ALL, 0, NAMES("right")},
	{INT64_C(100000), 0, false, EVEN, ALL, 0, NAMES("100us_ahead")},
	{-INT64_C(100000), 0, false, EVEN, ALL, 0, NAMES("100us_behind")},
	{INT64_C(1000000), 0, false, EVEN, ALL, 0, NAMES("1ms_ahead")},
	{-INT64_C(1000000), 0, false, EVEN, ALL, 0, NAMES("1ms_behind")},
	{HOURS_37_NS, 0, false, EVEN, ALL, 0, NAMES("37h_ahead")},
	{-HOURS_37_NS, 0, false, EVEN, ALL, 0, NAMES("37h_behind")},
	{0, 50, false, EVEN, ALL, 0, NAMES("50ppm")},
	{0, 1000, false, EVEN, ALL, 0, NAMES("1000ppm")},
	{0, 0, true, EVEN, ALL, 0, NAMES("frozen")},
	{0, 0, false, EVEN, ALL, 2U * TALK_NS, NAMES("ticks_right")},
	{INT64_C(1000000), 0, false, EVEN, ALL, 2U * TALK_NS, NAMES("ticks_1ms_ahead")},
	{-INT64_C(1000000), 0, false, EVEN, ALL, 2U * TALK_NS, NAMES("ticks_1ms_behind")},
	{0, 0, false, EVEN, ONE, 0, NAMES("one_right")},
	{INT64_C(1000000), 0, false, EVEN, ONE, 0, NAMES("one_1ms_ahead")},
	{-INT64_C(1000000), 0, false, EVEN, ONE, 0, NAMES("one_1ms_behind")},
	{0, 0, false, SPIKY, ALL, 0, NAMES("spiky_right")},
	{INT64_C(1000000), 0, false, SPIKY, ALL, 0, NAMES("spiky_1ms_ahead")},
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

/* Between the earliest and the latest time that a rank takes for the shared one now. */
static uint64_t
find_apart(const struct peal_simorder *world)
{
	uint64_t first = UINT64_MAX, last = 0;

	for (uint32_t i = 0; i < world->config.ranks_count; i++) {
		uint64_t time =
			peal_abcast_clock_time(&world->nodes[i].machine->clock, world->time.now_ns);

		first = time < first ? time : first;
		last = time > last ? time : last;
	}
	return last - first;
}

static void
set_links(struct peal_simorder *world)
{
	for (uint16_t i = 0; i < world->config.ranks_count; i++) {
		for (uint16_t k = 0; k < world->config.ranks_count; k++) {
			struct peal_simlink *link = peal_simnet_change(&world->net, i, k);

			link->spike_ppm = SPIKE_PPM;
			link->spike_ns_max = SPIKE_NS_MAX;
		}
	}
}

/* What the ranks make of it. */
static void
expect_shared(struct peal_simorder *world, const struct abuse *abuse, uint64_t right_ns)
{
	uint64_t p50_ns = peal_simorder_delay_ns(&world->others, 50);
	bool is_odd = abuse->is_frozen || abuse->drift_ppm > (int64_t)PEAL_ABCAST_DRIFT_PPM;
	uint64_t permille = is_odd ? WRONG_PERMILLE : RIGHT_PERMILLE;
	uint64_t apart_ns = find_apart(world);

	peal_report_note(world->report, abuse->p50_name, p50_ns);
	peal_report_note(
		world->report, abuse->max_name, peal_simorder_delay_ns(&world->others, 100));
	peal_report_note(world->report, abuse->apart_name, apart_ns);
	peal_simorder_expect(world, p50_ns > 0 && p50_ns * 1000U <= right_ns * permille,
		"a clock that is known to be wrong costs time", p50_ns);
	peal_simorder_expect(world, is_odd || apart_ns <= APART_NS_MAX,
		"times that all should share are apart", apart_ns);
}

/* The clock of rank 1 is wrong from one moment on: what that does to the time a message takes.
 * Returns it. */
static uint64_t
play_abuse(const struct peal_simorder_config *base, const struct abuse *abuse, uint64_t right_ns,
	struct peal_report *report)
{
	struct peal_simorder *world = peal_simorder_allocate();
	struct peal_simorder_config config = *base;
	uint64_t p50_ns;

	config.timing.linger_ns = abuse->linger_ns;
	peal_simorder_init(world, &config, report);
	if (abuse->links == SPIKY) {
		set_links(world);
	}
	for (uint8_t i = 0; i < config.ranks_count; i++) {
		peal_simorder_talk(world, i, (abuse->talkers >> i & 1U) != 0 ? TALK_NS : 0);
	}
	peal_simorder_run_for(world, 5U * MILLISECOND_NS);
	peal_simorder_time(world);
	peal_simorder_step(world, 1, abuse->step_ns);
	peal_simorder_drift(world, 1, abuse->drift_ppm);
	peal_simorder_freeze(world, 1, abuse->is_frozen);
	peal_simorder_run_for(world, SPAN_NS);
	p50_ns = peal_simorder_delay_ns(&world->others, 50);
	expect_shared(world, abuse, right_ns != 0 ? right_ns : p50_ns);
	if (abuse->step_ns == HOURS_37_NS) {
		uint64_t count = count_future(world);

		peal_report_note(report, "order_clock_37h_ahead_future_ts", count);
		peal_simorder_expect(world, count > 0, "a clock far ahead was not noticed", count);
	}
	peal_simorder_expect(world, world->nodes[1].machine->view == 1U,
		"a wrong clock took a view", world->nodes[1].machine->view);
	peal_simorder_heal(world);
	peal_simorder_fini(world);
	free(world);
	return p50_ns;
}

void
peal_story_clocks(const struct peal_scenario_options *options, struct peal_report *report)
{
	const struct peal_simorder_config config = {.ranks_count = 3,
		.seed = options->seed,
		.delay_ns_min = DELAY_NS,
		.delay_ns_max = DELAY_NS,
		.trace = options->trace};

	uint64_t right_ns = 0;

	for (uint32_t i = 0; i < sizeof(abuses) / sizeof(abuses[0]); i++) {
		const struct abuse *abuse = &abuses[i];
		bool is_right = abuse->step_ns == 0 && abuse->drift_ppm == 0 && !abuse->is_frozen;
		uint64_t p50_ns = play_abuse(&config, abuse, is_right ? 0 : right_ns, report);

		right_ns = is_right ? p50_ns : right_ns;
	}
}
