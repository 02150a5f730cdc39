/* SPDX-License-Identifier: BSD-3-Clause */
#include "base/assert.h"
#include "base/prng.h"
#include "sim/simorder.h"
#include "sim/story.h"

#include <inttypes.h>
#include <stdlib.h>

#define MICROSECOND_NS UINT64_C(1000)
#define MILLISECOND_NS PEAL_STORY_MILLISECOND_NS
#define SECOND_NS      PEAL_STORY_SECOND_NS
#define HOURS_37_NS    (INT64_C(37) * 3600 * 1000000000)
#define RANKS_MAX      9U
#define STORM_NS       (40U * MILLISECOND_NS)
#define GAP_NS_MAX     (2U * MILLISECOND_NS)
#define TALK_NS_MAX    (200U * MICROSECOND_NS)
/* Of the story of one that stands still. */
#define LIGHT_DELAY_NS       (10U * MICROSECOND_NS)
#define LIGHT_TALK_NS        (600U * MICROSECOND_NS)
#define LOAD_TALK_NS         (20U * MICROSECOND_NS)
#define FROZEN_GAP_NS_MAX    MILLISECOND_NS
#define KILLED_GAP_NS_MAX    (5U * MILLISECOND_NS)
#define CROWDED_TALK_NS      (8U * MICROSECOND_NS)
#define CROWDED_NS           (300U * MILLISECOND_NS)
#define CROWDED_STILL_NS_MAX (14U * MILLISECOND_NS)
#define SUSPECT_NS           (20U * MILLISECOND_NS)

enum fault {
	FAULT_PAUSE = 0,
	FAULT_RESTART,
	FAULT_CUT,
	FAULT_PAIR,
	FAULT_WEATHER,
	FAULT_CLOCK,
	FAULT_SUSPECT,
	FAULTS_COUNT
};

/* What is to be ended, by rank. */
struct storm {
	struct peal_simorder *world;
	struct peal_prng prng;
	uint32_t weights[FAULTS_COUNT];
	uint64_t end_at_ns[FAULTS_COUNT][RANKS_MAX]; /* 0 = not going on */
	uint64_t pause_ns_max;
};

static uint64_t
below(struct storm *storm, uint64_t bound)
{
	return peal_prng_below(&storm->prng, bound);
}

/* Some kinds do not happen in this run, and the others come more or less often. */
static void
deal(struct storm *storm, struct peal_simorder *world, uint64_t seed)
{
	*storm = (struct storm){.world = world};
	peal_prng_init(&storm->prng, seed * 3U + 1U);
	for (uint32_t i = 0; i < FAULTS_COUNT; i++) {
		storm->weights[i] = below(storm, 3) == 0 ? 0 : 1U + (uint32_t)below(storm, 8);
	}
	storm->weights[FAULT_PAUSE] += 1U;
	/* Short pauses are for seals, long ones for views. */
	storm->pause_ns_max = below(storm, 2) == 0 ? 3U * MILLISECOND_NS : 30U * MILLISECOND_NS;
}

static void
cut(struct storm *storm, uint16_t from, uint16_t to, bool is_cut)
{
	peal_simnet_change(&storm->world->net, from, to)->is_cut = is_cut;
}

static void
set_weather(struct storm *storm, bool is_bad)
{
	struct peal_simnet *net = &storm->world->net;
	uint32_t loss_ppm = (uint32_t)below(storm, below(storm, 2) == 0 ? 20000U : 300000U);
	uint32_t duplicate_ppm = (uint32_t)below(storm, 500000U);
	uint32_t spike_ppm = (uint32_t)below(storm, 200000U);
	uint64_t spike_ns_max = below(storm, 2) == 0 ? MILLISECOND_NS : 100U * MICROSECOND_NS;

	for (uint16_t i = 0; i < net->ports_count; i++) {
		for (uint16_t k = 0; k < net->ports_count; k++) {
			struct peal_simlink *link = peal_simnet_change(net, i, k);

			link->loss_ppm = is_bad ? loss_ppm : 0;
			link->duplicate_ppm = is_bad ? duplicate_ppm : 0;
			link->spike_ppm = is_bad ? spike_ppm : 0;
			link->spike_ns_max = is_bad ? spike_ns_max : 0;
		}
	}
}

static void
abuse_clock(struct storm *storm, uint8_t rank)
{
	static const int64_t steps_ns[] = {1000000000, -1000000000, HOURS_37_NS, -HOURS_37_NS};
	uint64_t which = below(storm, 7);

	if (which < 4U) {
		peal_simorder_step(storm->world, rank, steps_ns[which]);
	} else if (which == 4U) {
		peal_simorder_freeze(storm->world, rank, true);
	} else {
		peal_simorder_drift(storm->world, rank, which == 5U ? 1000 : -1000);
	}
}

static void
suspect(struct storm *storm, uint8_t rank, bool is_suspected)
{
	uint8_t who = (uint8_t)below(storm, storm->world->config.ranks_count);

	for (uint8_t i = 0; i < storm->world->config.ranks_count; i++) {
		struct peal_abcast *machine = storm->world->nodes[i].machine;

		/* One begins to; all end. */
		if (machine != NULL && i != rank && (i == who || !is_suspected)) {
			peal_abcast_suspect(machine, rank, is_suspected);
		}
	}
}

static void
begin(struct storm *storm, enum fault fault, uint8_t rank)
{
	struct peal_simorder *world = storm->world;
	uint16_t other =
		(uint16_t)((rank + 1U + below(storm, RANKS_MAX)) % world->config.ranks_count);
	uint64_t span_ns = 1U + below(storm, storm->pause_ns_max);

	if (fault == FAULT_PAUSE) {
		peal_simorder_pause(world, rank, true);
	} else if (fault == FAULT_RESTART) {
		if (!peal_simorder_may_crash(world, rank)) {
			return;
		}
		peal_simorder_crash(world, rank);
		span_ns = below(storm, 2) == 0 ? span_ns : 1U;
	} else if (fault == FAULT_CUT && other != rank) {
		cut(storm, rank, other, true);
	} else if (fault == FAULT_PAIR && other != rank) {
		cut(storm, rank, other, true);
		cut(storm, other, rank, true);
	} else if (fault == FAULT_WEATHER) {
		set_weather(storm, true);
	} else if (fault == FAULT_CLOCK) {
		abuse_clock(storm, rank);
	} else if (fault == FAULT_SUSPECT) {
		suspect(storm, rank, true);
	}
	storm->end_at_ns[fault][rank] = world->time.now_ns + span_ns;
}

static void
end(struct storm *storm, enum fault fault, uint8_t rank)
{
	struct peal_simorder *world = storm->world;

	storm->end_at_ns[fault][rank] = 0;
	if (fault == FAULT_PAUSE) {
		peal_simorder_pause(world, rank, false);
	} else if (fault == FAULT_RESTART) {
		peal_simorder_start(world, rank);
	} else if (fault == FAULT_CUT || fault == FAULT_PAIR) {
		for (uint16_t i = 0; i < world->config.ranks_count; i++) {
			cut(storm, rank, i, false);
			cut(storm, i, rank, false);
		}
	} else if (fault == FAULT_WEATHER) {
		set_weather(storm, false);
	} else if (fault == FAULT_CLOCK) {
		/* What it jumped by stays. */
		peal_simorder_freeze(world, rank, false);
	} else if (fault == FAULT_SUSPECT) {
		suspect(storm, rank, false);
	}
}

static void
end_due(struct storm *storm, uint64_t now_ns)
{
	for (uint32_t fault = 0; fault < FAULTS_COUNT; fault++) {
		for (uint8_t rank = 0; rank < storm->world->config.ranks_count; rank++) {
			uint64_t end_at_ns = storm->end_at_ns[fault][rank];

			if (end_at_ns != 0 && end_at_ns <= now_ns) {
				end(storm, (enum fault)fault, rank);
			}
		}
	}
}

static enum fault
draw(struct storm *storm)
{
	uint32_t sum = 0;
	uint64_t pick;
	uint32_t fault = 0;

	for (uint32_t i = 0; i < FAULTS_COUNT; i++) {
		sum += storm->weights[i];
	}
	pick = below(storm, sum);
	while (pick >= storm->weights[fault]) {
		pick -= storm->weights[fault++];
	}
	return (enum fault)fault;
}

static void
rage(struct storm *storm, uint64_t span_ns)
{
	struct peal_simorder *world = storm->world;
	uint64_t until_ns = world->time.now_ns + span_ns;
	uint64_t gap_ns_max = below(storm, 2) == 0 ? GAP_NS_MAX : GAP_NS_MAX / 10U;
	uint64_t next_at_ns = world->time.now_ns;

	while (world->time.now_ns < until_ns && world->report->violations_count == 0) {
		uint8_t rank = (uint8_t)below(storm, world->config.ranks_count);
		enum fault fault = draw(storm);

		end_due(storm, world->time.now_ns);
		if (world->time.now_ns >= next_at_ns) {
			next_at_ns = world->time.now_ns + below(storm, gap_ns_max);
			if (storm->end_at_ns[fault][rank] == 0) {
				begin(storm, fault, rank);
			}
		}
		peal_simorder_run_for(world, 20U * MICROSECOND_NS);
	}
}

/* Odd, and in the middle of what people run: 3 and 5 by turns, and now and then one alone. */
static uint8_t
choose_ranks_count(const struct peal_scenario_options *options)
{
	uint16_t count = options->nodes_count;

	if (count <= RANKS_MAX && count != 0) {
		return (uint8_t)(count % 2U == 1U ? count : count - 1U);
	}
	return options->seed % 16U == 0 ? 1U : options->seed % 4U == 0 ? 5U : 3U;
}

static void
heal(struct storm *storm)
{
	end_due(storm, UINT64_MAX);
	peal_simorder_heal(storm->world);
}

void
peal_story_order(const struct peal_scenario_options *options, struct peal_report *report)
{
	struct peal_simorder *world = peal_simorder_allocate();
	struct storm storm;
	struct peal_simorder_config config = {.ranks_count = choose_ranks_count(options),
		.seed = options->seed,
		.delay_ns_min = 5U * MICROSECOND_NS,
		.delay_ns_max = 20U * MICROSECOND_NS,
		.trace = options->trace};

	config.delay_ns_max += options->seed % 3U == 0 ? 100U * MICROSECOND_NS : 0;
	peal_simorder_init(world, &config, report);
	deal(&storm, world, options->seed);
	for (uint8_t i = 0; i < config.ranks_count; i++) {
		peal_simorder_talk(world, i, 1U + below(&storm, TALK_NS_MAX));
	}
	peal_simorder_run_for(world, MILLISECOND_NS);
	rage(&storm, STORM_NS);
	heal(&storm);
	for (uint8_t i = 0; i < config.ranks_count; i++) {
		const struct peal_counters *counters = &world->nodes[i].counters;

		if (report->violations_count == 0 &&
			peal_counter_get(counters, PEAL_COUNTER_ORDER_REFUSED_STAMP) > 0) {
			peal_report_violate(report, world->time.now_ns,
				"order: rank %u was sent a frame earlier than was promised", i);
		}
	}
	peal_simorder_fini(world);
	free(world);
}

/* The longest time without a delivery at ranks 0 and 1 since it was asked last. */
static uint64_t
read_gap(struct peal_simorder *world)
{
	uint64_t gap_ns = 0;

	for (uint32_t i = 0; i < 2U; i++) {
		struct peal_simorder_node *node = &world->nodes[i];
		uint64_t open_ns = world->time.now_ns - node->delivered_at_ns;

		gap_ns = node->gap_ns_max > gap_ns ? node->gap_ns_max : gap_ns;
		gap_ns = open_ns > gap_ns ? open_ns : gap_ns;
		node->gap_ns_max = 0;
	}
	return gap_ns;
}

/* How the light load is spoken. */
struct light {
	uint8_t talkers_count;
	uint64_t linger_ns;
	const char *name;
	const char *own_name;
};

/* How long a rank stands still. */
struct freeze {
	uint64_t span_ns;
	const char *name;
};

static void
talk_all(struct peal_simorder *world, uint64_t ns_max)
{
	for (uint8_t i = 0; i < world->config.ranks_count; i++) {
		peal_simorder_talk(world, i, ns_max);
	}
}

/* One message now and then, of one rank or of all: how long it takes, at others and at who says it.
 */
static void
play_light(const struct peal_simorder_config *base, const struct light *light,
	struct peal_report *report)
{
	struct peal_simorder *world = peal_simorder_allocate();
	struct peal_simorder_config config = *base;
	uint64_t others_ns, own_ns;

	config.timing.linger_ns = light->linger_ns;
	config.delay_ns_min = LIGHT_DELAY_NS;
	config.delay_ns_max = LIGHT_DELAY_NS;
	peal_simorder_init(world, &config, report);
	peal_simorder_run_for(world, 2U * MILLISECOND_NS);
	for (uint8_t i = 0; i < light->talkers_count; i++) {
		peal_simorder_talk(world, i, LIGHT_TALK_NS);
	}
	peal_simorder_run_for(world, 2U * MILLISECOND_NS);
	peal_simorder_time(world);
	peal_simorder_run_for(world, 200U * MILLISECOND_NS);
	others_ns = peal_simorder_delay_ns(&world->others, 50);
	own_ns = peal_simorder_delay_ns(&world->own, 50);
	peal_simorder_expect(world, others_ns > 0 && own_ns > 0, "too little was delivered",
		world->others.count);
	peal_report_note(report, light->name, others_ns);
	peal_report_note(report, light->own_name, own_ns);
	peal_simorder_heal(world);
	peal_simorder_fini(world);
	free(world);
}

/* A rank stands still under load: the others go on by a seal, and it goes on where it stood. */
static void
play_frozen(const struct peal_simorder_config *config, const struct freeze *freeze,
	struct peal_report *report)
{
	const uint64_t span_ns = freeze->span_ns;
	struct peal_simorder *world = peal_simorder_allocate();
	uint64_t member;
	uint64_t gap_ns;

	peal_simorder_init(world, config, report);
	talk_all(world, LOAD_TALK_NS);
	peal_simorder_run_for(world, 5U * MILLISECOND_NS);
	member = world->nodes[2].member;
	(void)read_gap(world);
	peal_simorder_pause(world, 2, true);
	peal_simorder_run_for(world, span_ns);
	peal_simorder_pause(world, 2, false);
	peal_simorder_run_for(world, 10U * MILLISECOND_NS);
	gap_ns = read_gap(world);
	peal_report_note(report, freeze->name, gap_ns);
	peal_simorder_expect(
		world, gap_ns <= FROZEN_GAP_NS_MAX, "a frozen rank stopped the others for", gap_ns);
	peal_simorder_expect(
		world, world->nodes[2].member == member, "a frozen rank was replaced", member);
	peal_simorder_expect(world, span_ns > SUSPECT_NS || world->nodes[0].machine->view == 1U,
		"a short pause took a view", span_ns);
	peal_simorder_heal(world);
	peal_simorder_fini(world);
	free(world);
}

/* Processes that share too few processors: each stands still for milliseconds again and again, as a
 * scheduler has it, and none is down. All are slowed down; nobody loses anything or is left out. */
static void
play_crowded(const struct peal_simorder_config *config, struct peal_report *report)
{
	struct peal_simorder *world = peal_simorder_allocate();
	struct storm storm = {.world = world};
	uint64_t before = 0, delivered = 0;

	peal_prng_init(&storm.prng, config->seed);
	peal_simorder_init(world, config, report);
	talk_all(world, CROWDED_TALK_NS);
	peal_simorder_run_for(world, 5U * MILLISECOND_NS);
	before = peal_abcast_position(world->nodes[0].machine);
	for (uint64_t passed_ns = 0; passed_ns < CROWDED_NS;) {
		uint8_t rank = (uint8_t)below(&storm, config->ranks_count);
		uint64_t still_ns = MILLISECOND_NS + below(&storm, CROWDED_STILL_NS_MAX);
		uint64_t run_ns = below(&storm, 2U * MILLISECOND_NS);

		peal_simorder_pause(world, rank, true);
		peal_simorder_run_for(world, still_ns);
		peal_simorder_pause(world, rank, false);
		peal_simorder_run_for(world, run_ns);
		passed_ns += still_ns + run_ns;
	}
	delivered = peal_abcast_position(world->nodes[0].machine) - before;
	for (uint8_t i = 0; i < config->ranks_count; i++) {
		const struct peal_simorder_node *node = &world->nodes[i];

		peal_simorder_expect(world,
			peal_counter_get(&node->counters, PEAL_COUNTER_ORDER_SKIPPED) == 0,
			"a rank that is only slow was told to skip", i);
		peal_simorder_expect(world, node->machine->view == 1U,
			"a rank that is only slow was left out", i);
	}
	peal_report_note(report, "order_crowded_per_s", delivered * SECOND_NS / CROWDED_NS);
	peal_simorder_heal(world);
	peal_simorder_fini(world);
	free(world);
}

/* A rank ends under load. */
static void
play_killed(const struct peal_simorder_config *config, uint8_t victim, struct peal_report *report)
{
	struct peal_simorder *world = peal_simorder_allocate();

	peal_simorder_init(world, config, report);
	talk_all(world, LOAD_TALK_NS);
	peal_simorder_run_for(world, 5U * MILLISECOND_NS);
	(void)read_gap(world);
	peal_simorder_crash(world, victim);
	peal_simorder_run_for(world, 60U * MILLISECOND_NS);
	if (victim == 2U) {
		uint64_t gap_ns = read_gap(world);

		peal_report_note(report, "order_killed_gap_ns", gap_ns);
		peal_simorder_expect(world, gap_ns <= KILLED_GAP_NS_MAX,
			"a dead rank stopped the others for", gap_ns);
	}
	peal_simorder_expect(world, world->nodes[(victim + 1U) % 3U].machine->view == 2U,
		"views after a crash", world->nodes[(victim + 1U) % 3U].machine->view);
	peal_simorder_start(world, victim);
	peal_simorder_heal(world);
	peal_simorder_fini(world);
	free(world);
}

void
peal_story_standstill(const struct peal_scenario_options *options, struct peal_report *report)
{
	static const struct light lights[] = {
		{1, 0, "order_light_one_ns", "order_light_one_own_ns"},
		{3, 0, "order_light_ns", "order_light_own_ns"},
		{3, 2U * LIGHT_TALK_NS, "order_light_lingering_ns", "order_light_lingering_own_ns"},
	};
	static const struct freeze freezes[] = {
		{100U * MICROSECOND_NS, "order_frozen_100us_gap_ns"},
		{MILLISECOND_NS, "order_frozen_1ms_gap_ns"},
		{10U * MILLISECOND_NS, "order_frozen_10ms_gap_ns"},
		{100U * MILLISECOND_NS, "order_frozen_100ms_gap_ns"},
		{SECOND_NS, "order_frozen_1s_gap_ns"},
	};
	struct peal_simorder_config config = {.ranks_count = 3,
		.seed = options->seed,
		.delay_ns_min = 5U * MICROSECOND_NS,
		.delay_ns_max = 15U * MICROSECOND_NS,
		.trace = options->trace};

	for (uint32_t i = 0; i < sizeof(lights) / sizeof(lights[0]); i++) {
		play_light(&config, &lights[i], report);
	}
	for (uint32_t i = 0; i < sizeof(freezes) / sizeof(freezes[0]); i++) {
		play_frozen(&config, &freezes[i], report);
	}
	play_crowded(&config, report);
	for (uint8_t i = 0; i < 3U; i++) {
		play_killed(&config, i, report);
	}
}
