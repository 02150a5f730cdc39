/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * An order group of three, and all other members of the view listen (docs/design/0020).
 *
 * Everybody delivers the same sequence, and none is told of a gap. What it costs who publishes is
 * counted in frames: with each message those of the order group and those of the broadcast trees,
 * and not one for each who listens. Then all ranks speak, a lot, and frames are lost.
 */
#include "base/prng.h"
#include "sim/simranks.h"
#include "sim/story.h"

#define MILLISECOND_NS  PEAL_STORY_MILLISECOND_NS
#define SECOND_NS       PEAL_STORY_SECOND_NS
#define GROUP           1U
#define RANKS_COUNT     3U
#define MESSAGES_COUNT  200U
#define MESSAGE_SIZE    64U
#define INTERVAL_NS     (MILLISECOND_NS / 2U)
#define CREATE_PATIENCE (5U * SECOND_NS)
#define LOSS_PPM        10000U
#define STORM_NS        (50U * MILLISECOND_NS)

struct audience {
	struct peal_simworld world;
	struct peal_ordergroup group;
	uint16_t ranks[RANKS_COUNT]; /* nodes */
};

/* Three nodes, whichever: in a large view they are no neighbours of each other by themselves. */
static void
draw_ranks(struct audience *audience, uint64_t seed)
{
	struct peal_prng prng;
	uint32_t drawn = 0;

	peal_prng_init(&prng, seed ^ UINT64_C(0x61756469));
	while (drawn < RANKS_COUNT) {
		uint16_t index =
			(uint16_t)peal_prng_below(&prng, audience->world.config.nodes_count);

		audience->ranks[drawn] = index;
		drawn += (drawn < 1U || audience->ranks[0] != index) &&
					 (drawn < 2U || audience->ranks[1] != index)
				 ? 1U
				 : 0U;
	}
}

static bool
create(struct audience *audience)
{
	struct peal_ordergroup *group = &audience->group;

	*group = (struct peal_ordergroup){.id = GROUP, .generation = 1, .ranks_count = RANKS_COUNT};
	for (uint32_t i = 0; i < RANKS_COUNT; i++) {
		peal_story_set_rank(&audience->world, group, i, audience->ranks[i]);
	}
	return peal_story_create_ordergroup(
		&audience->world, audience->ranks[0], group, CREATE_PATIENCE);
}

static void
say(struct audience *audience, uint16_t index)
{
	struct peal_simworld *world = &audience->world;

	peal_simorders_say(&world->orders[index], GROUP, MESSAGE_SIZE);
	peal_simnode_prompt(world->nodes[index]);
}

static uint64_t
get(const struct audience *audience, uint16_t index, enum peal_counter counter)
{
	return peal_counter_get(&audience->world.nodes[index]->core.counters, counter);
}

/* What the port of a rank sent, of all kinds, in as long as the messages take. */
static uint64_t
count_idle(struct audience *audience)
{
	uint64_t before = get(audience, audience->ranks[0], PEAL_COUNTER_TX_FRAMES);

	peal_simworld_run_for(&audience->world, MESSAGES_COUNT * INTERVAL_NS);
	return get(audience, audience->ranks[0], PEAL_COUNTER_TX_FRAMES) - before;
}

/* The first rank speaks, which publishes as well: the others leave it to the lowest. */
static void
measure(struct audience *audience)
{
	struct peal_simworld *world = &audience->world;
	uint16_t rank = audience->ranks[0];
	uint64_t idle = count_idle(audience);
	uint64_t order = get(audience, rank, PEAL_COUNTER_ORDER_FRAMES_SENT);
	uint64_t cast = get(audience, rank, PEAL_COUNTER_CAST_FRAMES_SENT) +
			get(audience, rank, PEAL_COUNTER_CAST_FRAMES_REPEATED);
	uint64_t port = get(audience, rank, PEAL_COUNTER_TX_FRAMES);

	for (uint32_t i = 0; i < MESSAGES_COUNT && !world->is_over; i++) {
		say(audience, rank);
		peal_simworld_run_for(world, INTERVAL_NS);
	}
	port = get(audience, rank, PEAL_COUNTER_TX_FRAMES) - port;
	order = get(audience, rank, PEAL_COUNTER_ORDER_FRAMES_SENT) - order;
	cast = get(audience, rank, PEAL_COUNTER_CAST_FRAMES_SENT) +
	       get(audience, rank, PEAL_COUNTER_CAST_FRAMES_REPEATED) - cast;
	peal_report_note(world->report, "audience_messages", MESSAGES_COUNT);
	peal_report_note(world->report, "audience_order_frames", order);
	peal_report_note(world->report, "audience_cast_frames", cast);
	peal_report_note(world->report, "audience_port_frames", port > idle ? port - idle : 0);
}

static const struct peal_simorders_seat *
seat_of(const struct audience *audience, uint16_t index)
{
	const struct peal_simorders *simorders = &audience->world.orders[index];

	for (uint32_t i = 0; i < PEAL_ORDERS_MAX; i++) {
		if (simorders->seats[i].group != NULL && simorders->seats[i].group->id == GROUP) {
			return &simorders->seats[i];
		}
	}
	return NULL;
}

/* Whether everybody has so many of the messages. */
static bool
have_heard(const struct audience *audience, uint64_t count)
{
	for (uint16_t i = 0; i < audience->world.config.nodes_count; i++) {
		const struct peal_simorders_seat *seat = seat_of(audience, i);

		if (seat == NULL || seat->delivered_count < count ||
			!peal_check_orders_has_all(seat->group, seat->reader)) {
			return false;
		}
	}
	return true;
}

static bool
await(struct audience *audience, uint64_t count, const char *what)
{
	struct peal_simworld *world = &audience->world;
	uint64_t until_ns = world->time.now_ns + SECOND_NS;

	while (!world->is_over && world->time.now_ns < until_ns && !have_heard(audience, count)) {
		peal_simworld_run_for(world, MILLISECOND_NS);
	}
	return peal_story_expect(world, have_heard(audience, count), what);
}

/* All ranks speak, in messages of all sizes, while one frame of a hundred is lost. */
static void
storm(struct audience *audience)
{
	struct peal_simworld *world = &audience->world;
	const struct peal_simworld_weather weather = {.loss_ppm = LOSS_PPM};
	uint64_t until_ns = world->time.now_ns + SECOND_NS;

	peal_simworld_set_weather(world, &weather);
	for (uint32_t i = 0; i < RANKS_COUNT; i++) {
		world->orders[audience->ranks[i]].is_quiet = false;
		peal_simnode_prompt(world->nodes[audience->ranks[i]]);
	}
	peal_simworld_run_for(world, STORM_NS);
	for (uint32_t i = 0; i < RANKS_COUNT; i++) {
		world->orders[audience->ranks[i]].is_quiet = true;
	}
	peal_simworld_set_weather(world, &(struct peal_simworld_weather){0});
	while (!world->is_over && world->time.now_ns < until_ns &&
		!peal_simranks_is_agreed(
			world->orders, world->config.nodes_count, &audience->group)) {
		peal_simworld_run_for(world, MILLISECOND_NS);
	}
}

/* Whoever begins to listen is told where it does, so a word before tells all that they do. */
static bool
open_ears(struct audience *audience)
{
	peal_simworld_run_for(&audience->world, 50U * MILLISECOND_NS);
	say(audience, audience->ranks[0]);
	return await(audience, 1, "a member does not hear the first message");
}

void
peal_story_audience(const struct peal_scenario_options *options, struct peal_report *report)
{
	static struct audience audience;
	struct peal_scenario_options listening = *options;
	struct peal_simworld *world = &audience.world;

	audience = (struct audience){0};
	listening.has_orders = true;
	peal_story_open(world, &listening, 0, report);
	for (uint16_t i = 0; i < world->config.nodes_count; i++) {
		world->orders[i].is_quiet = true;
	}
	if (peal_simworld_form(world)) {
		peal_simworld_run_for(world, 4U * world->timing.probe_interval_ns);
		draw_ranks(&audience, options->seed);
		if (create(&audience) && open_ears(&audience)) {
			measure(&audience);
			storm(&audience);
			(void)await(&audience, world->order_ledger->said_count,
				"a member did not hear all messages");
			(void)peal_story_expect(world, world->order_ledger->unheard_count == 0,
				"a member was told of a gap, although nobody was away");
			peal_simorders_check_all(
				world->orders, world->config.nodes_count, &audience.group);
			peal_report_note(report, "audience_listeners",
				world->config.nodes_count - RANKS_COUNT);
			peal_report_note(
				report, "audience_heard", world->order_ledger->heard_count);
		}
	}
	peal_simworld_fini(world);
}
