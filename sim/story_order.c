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
#define PATIENCE_NS    SECOND_NS
#define TALK_NS_MAX    (200U * MICROSECOND_NS)
#define PPM_MAX        UINT64_C(1000000)

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
expect_agreement(struct peal_simorder *world)
{
	uint64_t until_ns = world->time.now_ns + PATIENCE_NS;
	uint64_t began_at_ns = world->time.now_ns;

	while (!peal_simorder_is_agreed(world) && world->time.now_ns < until_ns &&
		world->report->violations_count == 0) {
		peal_simorder_run_for(world, MILLISECOND_NS);
	}
	peal_report_note(world->report, "order_heal_ns", world->time.now_ns - began_at_ns);
	if (world->report->violations_count > 0) {
		return;
	}
	if (!peal_simorder_is_agreed(world)) {
		for (uint8_t i = 0; i < world->config.ranks_count; i++) {
			const struct peal_abcast *machine = world->nodes[i].machine;

			peal_report_violate(world->report, world->time.now_ns,
				"order: no agreement: rank %u state %d view %u active %x position "
				"%" PRIu64 " queue %u",
				i, (int)machine->state, machine->view, machine->active,
				peal_abcast_position(machine), machine->queue.count);
		}
		return;
	}
	for (uint8_t i = 0; i < world->config.ranks_count; i++) {
		peal_check_order_end(&world->check, world->nodes[i].member, world->time.now_ns);
	}
}

static void
heal(struct storm *storm)
{
	struct peal_simorder *world = storm->world;

	end_due(storm, UINT64_MAX);
	for (uint8_t i = 0; i < world->config.ranks_count; i++) {
		peal_simorder_talk(world, i, 0);
	}
	expect_agreement(world);
}

void
peal_story_order(const struct peal_scenario_options *options, struct peal_report *report)
{
	struct peal_simorder *world = calloc(1, sizeof(*world));
	struct storm storm;
	struct peal_simorder_config config = {.ranks_count = choose_ranks_count(options),
		.seed = options->seed,
		.delay_ns_min = 5U * MICROSECOND_NS,
		.delay_ns_max = 20U * MICROSECOND_NS,
		.trace = options->trace};

	PEAL_ASSERT(world != NULL);
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
