/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Order groups in the cores of members that crash, leave, come back and stand still.
 *
 * They are created by cuts of the membership, as an operator would. Whoever loses its memory is
 * taken only when each group keeps a majority without it, as long as a rank that restarted is not
 * back; all else may happen to anybody at any time. A group that loses its majority all the same,
 * because the membership removed somebody, stands. When all is calm everybody of the others is at
 * one position, and so are those who listen. On half of the seeds ports and links carry packets of
 * 9 000 bytes, and one path after the other carries less; all those to one member do so just when
 * everybody says its last words, and it misses none for it.
 * Then a group is created anew, and what is said in it is no business of the former one.
 */
#include "sim/handover.h"
#include "sim/simranks.h"
#include "sim/story.h"
#include "sim/trouble.h"

#define MILLISECOND_NS PEAL_STORY_MILLISECOND_NS
#define SECOND_NS      PEAL_STORY_SECOND_NS
#define STEPS_COUNT    12U
#define GAP_NS_MAX     (60U * MILLISECOND_NS)
#define DOWN_NS_MAX    (200U * MILLISECOND_NS)
#define GROUPS_MAX     2U
#define FINAL_SIZE     100U
#define WIDE_MTU       9000U
#define ETHERNET_MTU   1500U
/* Last words that fill large frames. */
#define FINAL_LARGE_SIZE  1000U
#define FINAL_LARGE_COUNT 24U
#define CREATE_PATIENCE   (5U * SECOND_NS)

struct orders_story {
	struct peal_simworld world;
	struct peal_trouble trouble;
	uint32_t groups_count;
	struct peal_ordergroup groups[GROUPS_MAX];
	/* Members that nobody harmed were removed, and with them a majority of the ranks. */
	bool is_lost[GROUPS_MAX];
	bool is_wide;
	bool is_handover; /* ranks are given to others */
};

static bool
may_lose(const void *state, uint16_t index)
{
	const struct orders_story *story = state;
	const struct peal_simworld *world = &story->world;

	for (uint32_t i = 0; i < story->groups_count; i++) {
		if (!peal_simranks_may_lose(
			    world->orders, world->config.nodes_count, story->groups[i].id, index)) {
			return false;
		}
	}
	return true;
}

/* Both directions of one link, or one: nobody is removed for it. */
static void
cut_one(struct orders_story *story)
{
	struct peal_trouble *trouble = &story->trouble;
	uint16_t a, b;
	bool is_pair;

	peal_trouble_draw_two(trouble, &a, &b);
	is_pair = peal_prng_ratio(&trouble->prng, 1, 2);
	if (may_lose(story, a) && may_lose(story, b)) { /* one of two members is removed for it */
		peal_trouble_cut(trouble, a, b, is_pair);
	}
}

/* From one member to another no packet passes that is larger than this. */
static void
narrow_one(struct orders_story *story)
{
	struct peal_simworld *world = &story->world;
	uint16_t from, to;
	bool is_least;

	peal_trouble_draw_two(&story->trouble, &from, &to);
	is_least = peal_prng_ratio(&story->trouble.prng, 1, 2);
	peal_simnet_change(&world->net, from, to)->mtu =
		is_least ? (uint16_t)PEAL_MTU_MIN : ETHERNET_MTU;
}

/* The same of all ways to one member: nobody else can help it. */
static void
narrow_all_to_one(struct orders_story *story)
{
	struct peal_simworld *world = &story->world;
	uint16_t to = (uint16_t)peal_prng_below(&story->trouble.prng, world->config.nodes_count);

	for (uint16_t from = 0; from < world->config.nodes_count; from++) {
		if (from != to) {
			peal_simnet_change(&world->net, from, to)->mtu = (uint16_t)PEAL_MTU_MIN;
		}
	}
}

static void
trouble(struct orders_story *story)
{
	uint64_t what = peal_prng_below(&story->trouble.prng, 8);

	if (story->is_handover && peal_prng_ratio(&story->trouble.prng, 2, 3)) {
		uint64_t group = peal_prng_below(&story->trouble.prng, story->groups_count);

		peal_handover_trouble(&story->trouble, &story->groups[group], false);
	}

	if (story->is_wide && peal_prng_ratio(&story->trouble.prng, 1, 4)) {
		narrow_one(story);
	}

	if (what < 4U) {
		peal_trouble_restart(&story->trouble, 3, DOWN_NS_MAX);
	} else if (what < 6U) {
		peal_trouble_pause(&story->trouble, 4);
	} else if (what < 7U) {
		cut_one(story);
	} else {
		peal_trouble_weather(&story->trouble);
	}
	peal_simworld_run_for(&story->world, peal_prng_below(&story->trouble.prng, GAP_NS_MAX));
}

static bool
is_agreed(const struct orders_story *story)
{
	const struct peal_simworld *world = &story->world;

	for (uint32_t i = 0; i < story->groups_count; i++) {
		if (!story->is_lost[i] && !peal_simranks_is_agreed(world->orders,
						  world->config.nodes_count, &story->groups[i])) {
			return false;
		}
	}
	return true;
}

static void
find_lost(struct orders_story *story)
{
	struct peal_simworld *world = &story->world;
	uint16_t nodes_count = world->config.nodes_count;

	for (uint32_t i = 0; i < story->groups_count; i++) {
		story->is_lost[i] = !peal_simranks_may_lose(
			world->orders, nodes_count, story->groups[i].id, nodes_count);
		peal_report_note(world->report, "lost", story->is_lost[i] ? 1U : 0U);
	}
}

static void
say_last(struct orders_story *story, uint16_t index, uint32_t size)
{
	struct peal_simorders *simorders = &story->world.orders[index];

	for (uint32_t k = 0; k < story->groups_count; k++) {
		if (!story->is_lost[k]) {
			peal_simorders_say(simorders, story->groups[k].id, size);
		}
	}
}

/* Everybody says a last word, and then all have all. */
static void
finish(struct orders_story *story)
{
	struct peal_simworld *world = &story->world;
	uint64_t until_ns = world->time.now_ns + SECOND_NS;
	uint64_t skips_count = world->order_ledger->skips_count;

	if (story->is_wide) {
		narrow_all_to_one(story);
	}
	for (uint16_t i = 0; i < world->config.nodes_count; i++) {
		world->orders[i].is_quiet = true;
		for (uint32_t k = 0; k < FINAL_LARGE_COUNT && story->is_wide; k++) {
			say_last(story, i, FINAL_LARGE_SIZE);
		}
		say_last(story, i, FINAL_SIZE);
		peal_simnode_prompt(world->nodes[i]);
	}
	do {
		peal_simworld_run_for(world, MILLISECOND_NS);
	} while (!world->is_over && world->time.now_ns < until_ns && !is_agreed(story));
	/* And a moment later those who listen. */
	peal_simworld_run_for(world, 50U * MILLISECOND_NS);
	(void)peal_story_expect(world, world->order_ledger->skips_count == skips_count,
		"somebody misses a part of the last words");
	for (uint32_t i = 0; i < story->groups_count; i++) {
		if (!story->is_lost[i]) {
			peal_simorders_check_all(
				world->orders, world->config.nodes_count, &story->groups[i]);
		}
	}
	peal_report_note(world->report, "calm_ns", SECOND_NS - (until_ns - world->time.now_ns));
}

static void
note(const struct peal_simworld *world)
{
	const struct peal_simorders_ledger *ledger = world->order_ledger;

	peal_report_note(world->report, "said", ledger->said_count);
	peal_report_note(world->report, "heard", ledger->heard_count);
	peal_report_note(world->report, "unheard", ledger->unheard_count);
	peal_report_note(world->report, "skips", ledger->skips_count);
	peal_report_note(world->report, "doubtful", ledger->doubtful_count);
	peal_report_note(world->report, "returns", ledger->check->restarts_count);
	peal_report_note(world->report, "handovers", ledger->handovers_count);
}

/* The group is there again, with the next generation. */
static void
create_anew(struct orders_story *story)
{
	struct peal_simworld *world = &story->world;
	struct peal_ordergroup *group = &story->groups[0];

	peal_story_fill_ordergroup(
		world, group->id, group->generation + 1U, group->ranks_count, group);
	story->is_lost[0] = false;
	if (peal_story_create_ordergroup(world, 0, group, CREATE_PATIENCE)) {
		peal_simworld_run_for(world, MILLISECOND_NS);
		finish(story);
	}
}

static bool
begin(struct orders_story *story)
{
	struct peal_simworld *world = &story->world;
	/* Who is to get a rank has none. */
	uint16_t least = story->is_handover ? 7U : 5U;
	uint8_t large = world->config.nodes_count >= least ? 5U : 3U;

	peal_story_fill_ordergroup(world, 1, 1, 3, &story->groups[0]);
	peal_story_fill_ordergroup(world, 2, 1, large, &story->groups[1]);
	story->groups_count = GROUPS_MAX;
	return peal_story_create_ordergroup(world, 0, &story->groups[0], CREATE_PATIENCE) &&
	       peal_story_create_ordergroup(world, 0, &story->groups[1], CREATE_PATIENCE);
}

/* An operator gives the ranks that stand empty to members without one. */
static void
repair(struct orders_story *story)
{
	for (uint32_t i = 0; i < story->groups_count && story->is_handover; i++) {
		if (!story->is_lost[i]) {
			peal_handover_repair(&story->world, &story->groups[i]);
		}
	}
}

static void
run(const struct peal_scenario_options *options, struct peal_report *report, bool is_handover)
{
	static struct orders_story story;
	struct peal_scenario_options ordering = *options;
	struct peal_simworld *world = &story.world;

	ordering.has_orders = true;
	story = (struct orders_story){0};
	story.is_handover = is_handover;
	story.is_wide = options->seed % 2U == 0;
	ordering.mtu = story.is_wide ? WIDE_MTU : 0;
	if (peal_story_open_formed(world, &ordering, 0, report) && begin(&story)) {
		peal_trouble_init(&story.trouble, world, options->seed, may_lose, &story);
		for (uint32_t i = 0; i < STEPS_COUNT && !world->is_over; i++) {
			trouble(&story);
		}
		peal_simworld_heal(world);
		if (peal_simworld_run_to_agreement(world, peal_simworld_patience_ns(world))) {
			peal_simworld_run_for(world, 100U * MILLISECOND_NS);
			find_lost(&story);
			repair(&story);
			finish(&story);
			create_anew(&story);
		}
		note(world);
	}
	peal_simworld_fini(world);
}

void
peal_story_orders(const struct peal_scenario_options *options, struct peal_report *report)
{
	run(options, report, false);
}

void
peal_story_handover(const struct peal_scenario_options *options, struct peal_report *report)
{
	run(options, report, true);
}
