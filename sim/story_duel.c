/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Two ranks that want to seal the lane of a third, which is dead, at the same moment, over links
 * that take far longer than a rank waits before its turn: whoever proposes has been overtaken by
 * the other one before its proposal is there.
 *
 * Nobody is left out here, so nothing but the seals ends it; and nobody else is blocked, since who
 * is quiet promises further ahead than the links take. So each round is the same as the last one,
 * but for how long it is awaited: they must come to an end all the same.
 */
#include "base/assert.h"
#include "sim/simorder.h"
#include "sim/story.h"

#include <inttypes.h>
#include <stdalign.h>
#include <stdlib.h>

#define MICROSECOND_NS UINT64_C(1000)
#define MILLISECOND_NS PEAL_STORY_MILLISECOND_NS
#define SECOND_NS      PEAL_STORY_SECOND_NS
#define DEAD           2U
/* So rarely that the dead one, which is never left out, does not brake the other in that time. */
#define TALK_NS (8U * MILLISECOND_NS)
#define SPAN_NS (2U * SECOND_NS)
/* A seal takes so many rounds, and so many delays, at most. */
#define ROUNDS_MAX 16U
#define WAITS_MAX  80U

static uint64_t
count(const struct peal_simorder *world, enum peal_counter id)
{
	return peal_counter_get(&world->nodes[0].counters, id) +
	       peal_counter_get(&world->nodes[1].counters, id);
}

static void
expect(struct peal_simorder *world, bool condition, const char *what, uint64_t value)
{
	if (!condition) {
		peal_report_violate(
			world->report, world->time.now_ns, "duel: %s: %" PRIu64, what, value);
	}
}

/* The longest time without a delivery at either of the two. */
static uint64_t
read_gap_ns(const struct peal_simorder *world)
{
	uint64_t gap_ns = 0;

	for (uint32_t i = 0; i < DEAD; i++) {
		const struct peal_simorder_node *node = &world->nodes[i];
		uint64_t open_ns = world->time.now_ns - node->delivered_at_ns;

		gap_ns = node->gap_ns_max > gap_ns ? node->gap_ns_max : gap_ns;
		gap_ns = open_ns > gap_ns ? open_ns : gap_ns;
	}
	return gap_ns;
}

static void
play(uint64_t delay_ns, const struct peal_scenario_options *options, struct peal_report *report)
{
	struct peal_simorder *world =
		aligned_alloc(alignof(struct peal_simorder), sizeof(struct peal_simorder));
	struct peal_simorder_config config = {.ranks_count = DEAD + 1U,
		.seed = options->seed,
		.delay_ns_min = delay_ns,
		.delay_ns_max = delay_ns,
		.timing = {.suspect_ns = 10U * SPAN_NS, .ahead_ns = 10U * delay_ns},
		.trace = options->trace};
	uint64_t seals, rounds, gap_ns;

	PEAL_ASSERT(world != NULL);
	peal_simorder_init(world, &config, report);
	peal_simorder_talk(world, 0, TALK_NS);
	peal_simorder_run_for(world, 40U * delay_ns);
	peal_simorder_crash(world, DEAD);
	world->nodes[0].gap_ns_max = 0;
	world->nodes[1].gap_ns_max = 0;
	seals = count(world, PEAL_COUNTER_ORDER_SEALS);
	rounds = count(world, PEAL_COUNTER_ORDER_SEALS_STARTED);
	peal_simorder_run_for(world, SPAN_NS);
	/* Each of them takes effect at both. */
	seals = (count(world, PEAL_COUNTER_ORDER_SEALS) - seals) / 2U;
	rounds = count(world, PEAL_COUNTER_ORDER_SEALS_STARTED) - rounds;
	gap_ns = read_gap_ns(world);
	peal_report_note(report, "order_duel_seals_ts", seals);
	peal_report_note(report, "order_duel_rounds_ts", rounds);
	peal_report_note(report, "order_duel_gap_ns", gap_ns);
	expect(world, world->nodes[0].machine->view == 1U, "a duel of seals took a view",
		world->nodes[0].machine->view);
	expect(world, seals > 0 && rounds <= ROUNDS_MAX * seals, "rounds of a duel of seals",
		rounds);
	expect(world, gap_ns <= WAITS_MAX * delay_ns, "a duel of seals stopped both for", gap_ns);
	peal_simorder_fini(world);
	free(world);
}

void
peal_story_duel(const struct peal_scenario_options *options, struct peal_report *report)
{
	static const uint64_t delays_ns[] = {
		500U * MICROSECOND_NS, MILLISECOND_NS, 5U * MILLISECOND_NS, 20U * MILLISECOND_NS};

	for (uint32_t i = 0; i < sizeof(delays_ns) / sizeof(delays_ns[0]); i++) {
		play(delays_ns[i], options, report);
	}
}
