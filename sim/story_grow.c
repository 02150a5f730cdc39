/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * An order group whose number of ranks changes.
 *
 * First ranks are opened, filled, emptied and given away at the worst moments, as in `handover`.
 * Then, in calm, the group becomes one of five ranks, and loses two for good, which three would not
 * bear; becomes one of three, and loses one, after which two of five would not be enough. Each
 * time those that are left go on, with all that they say; and everybody has found the same.
 */
#include "sim/handover.h"
#include "sim/simranks.h"
#include "sim/story.h"
#include "sim/trouble.h"

#define MILLISECOND_NS  PEAL_STORY_MILLISECOND_NS
#define SECOND_NS       PEAL_STORY_SECOND_NS
#define STEPS_COUNT     16U
#define APART_NS        (8U * MILLISECOND_NS)
#define GAP_NS_MAX      (60U * MILLISECOND_NS)
#define DOWN_NS_MAX     (200U * MILLISECOND_NS)
#define TALK_NS         (300U * MILLISECOND_NS)
#define GROUP           1U
#define FINAL_SIZE      100U
#define CREATE_PATIENCE (5U * SECOND_NS)

struct grow_story {
	struct peal_simworld world;
	struct peal_trouble trouble;
	struct peal_ordergroup group;
};

static bool
may_lose(const void *state, uint16_t index)
{
	const struct peal_simworld *world = &((const struct grow_story *)state)->world;

	return peal_simranks_may_lose(world->orders, world->config.nodes_count, GROUP, index);
}

/* Both directions of one link, or one: nobody is removed for it. */
static void
cut_one(struct peal_trouble *trouble)
{
	uint16_t a, b;

	peal_trouble_draw_two(trouble, &a, &b);
	if (peal_trouble_may_lose(trouble, a) && peal_trouble_may_lose(trouble, b)) {
		peal_trouble_cut(trouble, a, b, peal_prng_ratio(&trouble->prng, 1, 2));
	}
}

static void
cut_between(struct peal_simworld *world, uint64_t side, bool is_cut)
{
	for (uint16_t a = 0; a < world->config.nodes_count; a++) {
		for (uint16_t b = 0; b < world->config.nodes_count; b++) {
			if ((side >> a & 1U) != (side >> b & 1U)) {
				peal_simworld_cut(world, a, b, is_cut);
			}
		}
	}
}

static bool
is_rank(const struct peal_simworld *world, uint16_t node, struct peal_orders_state *state_out)
{
	return world->orders[node].is_up &&
	       peal_orders_find(&world->orders[node].orders, GROUP, state_out) &&
	       state_out->is_rank && state_out->status == PEAL_ABCAST_RUNNING;
}

/* A rank is opened, or one that is held and can be spared goes to another node; and for a moment
 * who gets it and a second rank hear nobody else. */
static void
hand_over_apart(struct grow_story *story)
{
	struct peal_simworld *world = &story->world;
	struct peal_trouble *troubles = &story->trouble;
	uint16_t nodes_count = world->config.nodes_count;
	uint16_t second = (uint16_t)peal_prng_below(&troubles->prng, nodes_count);
	uint16_t holder = (uint16_t)peal_prng_below(&troubles->prng, nodes_count);
	uint64_t after_ns =
		peal_prng_ratio(&troubles->prng, 1, 2) ? 4U * MILLISECOND_NS : 14U * MILLISECOND_NS;
	struct peal_simranks_handover handover;
	struct peal_orders_state held;
	uint64_t side;

	if (!is_rank(world, second, &held)) {
		return;
	}
	(void)peal_simranks_find_step(world->orders, nodes_count, GROUP, 5, &handover);
	if (holder != second && is_rank(world, holder, &held) &&
		peal_trouble_may_lose(troubles, holder)) {
		handover.what = PEAL_ORDERS_REPLACE;
		handover.rank = held.rank;
	}
	if (peal_simranks_hand_over(world->orders, nodes_count, GROUP, &handover) == nodes_count) {
		return;
	}
	peal_simnode_prompt(world->nodes[handover.commander]);
	side = UINT64_C(1) << handover.taker | UINT64_C(1) << second;
	peal_simworld_run_for(world, peal_prng_below(&troubles->prng, after_ns));
	cut_between(world, side, true);
	peal_simworld_run_for(world, peal_prng_below(&troubles->prng, APART_NS));
	cut_between(world, side, false);
	peal_simworld_run_for(world, 20U * MILLISECOND_NS);
}

static void
trouble(struct grow_story *story)
{
	struct peal_trouble *troubles = &story->trouble;
	uint64_t what = peal_prng_below(&troubles->prng, 8);

	if (peal_prng_ratio(&troubles->prng, 1, 2)) {
		hand_over_apart(story);
	} else {
		peal_handover_trouble(troubles, &story->group, true);
	}
	if (what < 2U) {
		peal_trouble_restart(troubles, 3, DOWN_NS_MAX);
	} else if (what < 4U) {
		peal_trouble_pause(troubles, 4);
	} else if (what < 5U) {
		cut_one(troubles);
	} else if (what < 6U) {
		peal_trouble_weather(troubles);
	}
	peal_simworld_run_for(&story->world, peal_prng_below(&troubles->prng, GAP_NS_MAX));
}

static void
set_quiet(struct peal_simworld *world, bool is_quiet)
{
	for (uint16_t i = 0; i < world->config.nodes_count; i++) {
		world->orders[i].is_quiet = is_quiet;
	}
}

/* Everybody says a last word; then so many ranks are at one position. */
static void
agree(struct grow_story *story, uint32_t ranks_count, bool is_whole, const char *what)
{
	struct peal_simworld *world = &story->world;
	uint64_t until_ns = world->time.now_ns + SECOND_NS;
	uint32_t count = 0;

	for (uint16_t i = 0; i < world->config.nodes_count; i++) {
		peal_simorders_say(&world->orders[i], GROUP, FINAL_SIZE);
		if (world->orders[i].is_up) {
			peal_simnode_prompt(world->nodes[i]);
		}
	}
	set_quiet(world, true);
	while (!world->is_over && world->time.now_ns < until_ns && count != ranks_count) {
		peal_simworld_run_for(world, MILLISECOND_NS);
		count = peal_simranks_count_agreed(
			world->orders, world->config.nodes_count, GROUP, is_whole);
	}
	if (!peal_story_expect(world, count == ranks_count, what)) {
		peal_simranks_describe(world->orders, world->config.nodes_count, GROUP);
	}
	peal_simworld_run_for(world, 50U * MILLISECOND_NS);
}

/* As many ranks end at once as the group bears. Returns the nodes. */
static uint64_t
lose(struct grow_story *story, uint32_t count)
{
	struct peal_simworld *world = &story->world;
	uint16_t nodes_count = world->config.nodes_count;
	uint64_t lost = 0;

	while ((uint32_t)__builtin_popcountll(lost) < count) {
		uint16_t node = (uint16_t)peal_prng_below(&story->trouble.prng, nodes_count);
		struct peal_orders_state state;

		if ((lost >> node & 1U) == 0 && is_rank(world, node, &state)) {
			lost |= UINT64_C(1) << node;
			peal_simworld_crash(world, node);
		}
	}
	return lost;
}

static bool
bear(struct grow_story *story, uint32_t ranks_count)
{
	struct peal_simworld *world = &story->world;
	uint32_t lost_count = ranks_count / 2U;
	uint64_t lost;

	set_quiet(world, false);
	if (!peal_story_expect(world, peal_handover_resize(world, &story->group, ranks_count),
		    "a group did not come to have as many ranks as it was told to")) {
		peal_simranks_describe(world->orders, world->config.nodes_count, GROUP);
		return false;
	}
	agree(story, ranks_count, true, "the ranks do not agree, although all is well");
	set_quiet(world, false);
	lost = lose(story, lost_count);
	peal_simworld_run_for(world, 100U * MILLISECOND_NS);
	agree(story, ranks_count - lost_count, false,
		"a group does not go on without as many ranks as it should bear");
	/* Who comes to listen while two publish by turns may begin before what one of them has said
	 * already: it gives the gap up when enough came behind it. */
	set_quiet(world, false);
	for (uint16_t i = 0; i < world->config.nodes_count; i++) {
		if ((lost >> i & 1U) != 0) {
			peal_simworld_start(world, i);
		}
	}
	if (!peal_simworld_run_to_agreement(world, peal_simworld_patience_ns(world))) {
		return false;
	}
	peal_simworld_run_for(world, TALK_NS);
	return true;
}

static void
finish(struct grow_story *story)
{
	struct peal_simworld *world = &story->world;
	struct peal_ordergroup group = story->group;
	bool is_lost = !may_lose(story, world->config.nodes_count);

	peal_report_note(world->report, "lost", is_lost ? 1U : 0U);
	if (is_lost || !bear(story, 5) || !bear(story, 3)) {
		return;
	}
	group.ranks_count = 3;
	if (peal_story_expect(world, peal_handover_resize(world, &story->group, 3),
		    "who was lost was not replaced")) {
		agree(story, 3, true, "the ranks do not agree at the end");
		peal_simorders_check_all(world->orders, world->config.nodes_count, &group);
	}
}

static void
note(const struct peal_simworld *world)
{
	const struct peal_simorders_ledger *ledger = world->order_ledger;

	peal_report_note(world->report, "said", ledger->said_count);
	peal_report_note(world->report, "heard", ledger->heard_count);
	peal_report_note(world->report, "skips", ledger->skips_count);
	peal_report_note(world->report, "doubtful", ledger->doubtful_count);
	peal_report_note(world->report, "handovers", ledger->handovers_count);
}

void
peal_story_grow(const struct peal_scenario_options *options, struct peal_report *report)
{
	static struct grow_story story;
	struct peal_scenario_options ordering = *options;
	struct peal_simworld *world = &story.world;

	ordering.has_orders = true;
	story = (struct grow_story){0};
	if (peal_story_open_formed(world, &ordering, 0, report)) {
		peal_story_fill_ordergroup(world, GROUP, 1, 3, &story.group);
		if (peal_story_create_ordergroup(world, 0, &story.group, CREATE_PATIENCE)) {
			peal_trouble_init(&story.trouble, world, options->seed, may_lose, &story);
			for (uint32_t i = 0; i < STEPS_COUNT && !world->is_over; i++) {
				trouble(&story);
			}
			peal_simworld_heal(world);
			if (peal_simworld_run_to_agreement(
				    world, peal_simworld_patience_ns(world))) {
				peal_simworld_run_for(world, 100U * MILLISECOND_NS);
				finish(&story);
			}
		}
		note(world);
	}
	peal_simworld_fini(world);
}
