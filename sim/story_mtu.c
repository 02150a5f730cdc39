/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Paths that carry packets of different sizes, some of them less than before.
 *
 * Ports and most links carry 9 000 bytes. From the start the links of one node carry 1 500. One
 * other link shrinks while messages pass, to what every path carries or to 1 500, in one direction
 * or in both; later it is as it was, and a crash brings a view in which that is found out. All
 * that was accepted arrives, once and in order; no channel ends, no member but the crashed one
 * goes.
 */
#include "base/prng.h"
#include "sim/simtalk.h"
#include "sim/story.h"

#define MILLISECOND_NS PEAL_STORY_MILLISECOND_NS
#define WIDE_MTU       9000U
#define NARROW_MTU     1500U
#define LOSS_PPM_MAX   30000U
/* A story's nodes: two between which all is wide, one behind narrow links, two between which it
 * changes; of these the last crashes. */
#define WIDE_NODE      0U
#define SHRINKING_NODE 1U
#define NARROW_NODE    2U
#define OTHER_NODE     3U
/* Large messages: as many as a queue takes at once, and one that fills it. */
#define FLOW_NS UINT64_C(60000000)
#define SMALL   2500U
#define LARGE   6000U
/* Messages more than fit a queue. */
#define LATER_COUNT 8U
/* What a black hole may cost: a search that finds it, and time-outs around it. */
#define REPAIR_NS_MAX (UINT64_C(100) * 1000000U)

static void
set_mtu(struct peal_simworld *world, uint16_t from, uint16_t to, uint16_t mtu)
{
	peal_simnet_change(&world->net, from, to)->mtu = mtu;
}

static uint64_t
mid_of(const struct peal_simworld *world, uint16_t index)
{
	return world->nodes[index]->core.peers->self_mid;
}

/* Body of the largest frame from one node to another, as its home core knows. */
static uint16_t
path_of(const struct peal_simworld *world, uint16_t from, uint16_t to)
{
	const struct peal_channels *channels = &peal_simworld_talk(world, from)->channels;
	uint16_t slot = peal_peers_find(channels->peers, (uint32_t)mid_of(world, to));

	PEAL_ASSERT(slot != PEAL_PEERS_NONE);
	return peal_pathmtu_body_size(&channels->paths, slot);
}

static uint16_t
body_of(const struct peal_simworld *world, uint16_t mtu)
{
	uint16_t headers_size = world->nodes[0]->core.egress.headers.is_ipv6 ? 96U : 76U;

	return mtu <= PEAL_MTU_MIN ? (uint16_t)PEAL_BODY_SIZE_MAX : (uint16_t)(mtu - headers_size);
}

static void
expect_path(struct peal_simworld *world, uint16_t from, uint16_t to, uint16_t mtu, const char *what)
{
	(void)peal_story_expect(world, path_of(world, from, to) == body_of(world, mtu), what);
}

static uint32_t
pour(struct peal_simworld *world, uint16_t from, uint16_t to, uint32_t size, uint64_t gap_ns)
{
	uint32_t place = peal_simtalk_pour(peal_simworld_talk(world, from), mid_of(world, to), size,
		gap_ns, PEAL_CHANNEL_BLOCK);

	peal_simnode_prompt(world->nodes[from]);
	return place;
}

static void
stop_pours(struct peal_simworld *world)
{
	for (uint32_t i = 0; i < world->talks_count; i++) {
		for (uint32_t j = 0; j < world->talks[i].pours_count; j++) {
			world->talks[i].pours[j].mid = 0;
		}
	}
}

/* The link shrinks: how long until messages arrive that were accepted afterwards. What was on its
 * way then has passed it. */
static void
shrink(struct peal_simworld *world, uint32_t place, uint16_t mtu, bool is_both)
{
	const struct peal_simtalk *talk = peal_simworld_talk(world, SHRINKING_NODE);
	uint64_t awaited_count = talk->pours[place].accepted_count + LATER_COUNT;
	uint64_t shrunk_at_ns = world->time.now_ns;

	set_mtu(world, SHRINKING_NODE, OTHER_NODE, mtu);
	if (is_both) {
		set_mtu(world, OTHER_NODE, SHRINKING_NODE, mtu);
	}
	while (peal_simtalk_poured(talk, place) < awaited_count &&
		world->time.now_ns < shrunk_at_ns + 10U * REPAIR_NS_MAX && !world->is_over) {
		peal_simworld_run_for(world, MILLISECOND_NS / 10U);
	}
	peal_report_note(world->report, "black_hole_ns", world->time.now_ns - shrunk_at_ns);
	(void)peal_story_expect(world, world->time.now_ns - shrunk_at_ns <= REPAIR_NS_MAX,
		"a path that became narrower held messages for too long");
	peal_simworld_run_for(world, FLOW_NS);
}

/* It is wide again, which a new view finds out. */
static void
widen(struct peal_simworld *world)
{
	set_mtu(world, SHRINKING_NODE, OTHER_NODE, WIDE_MTU);
	set_mtu(world, OTHER_NODE, SHRINKING_NODE, WIDE_MTU);
	peal_simworld_crash(world, (uint16_t)(world->config.nodes_count - 1U));
	if (peal_simworld_run_to_agreement(world, peal_simworld_patience_ns(world))) {
		peal_simworld_run_for(world, FLOW_NS);
		expect_path(world, SHRINKING_NODE, OTHER_NODE, WIDE_MTU,
			"a path that is wide again was not found so in a new view");
	}
}

static void
flow(struct peal_simworld *world, struct peal_prng *prng)
{
	uint16_t mtu = peal_prng_ratio(prng, 1, 2) ? NARROW_MTU : (uint16_t)PEAL_MTU_MIN;
	bool is_both = peal_prng_ratio(prng, 1, 2);
	uint32_t size = peal_prng_ratio(prng, 1, 2) ? SMALL : LARGE;
	uint32_t place;

	(void)pour(world, WIDE_NODE, SHRINKING_NODE, LARGE, 0);
	(void)pour(world, WIDE_NODE, NARROW_NODE, LARGE, 0);
	(void)pour(world, NARROW_NODE, WIDE_NODE, SMALL, MILLISECOND_NS / 20U);
	(void)pour(world, OTHER_NODE, SHRINKING_NODE, SMALL, MILLISECOND_NS / 20U);
	place = pour(world, SHRINKING_NODE, OTHER_NODE, size, 0);
	peal_simworld_run_for(world, FLOW_NS);
	expect_path(world, WIDE_NODE, SHRINKING_NODE, WIDE_MTU, "a wide path is not used as such");
	expect_path(world, SHRINKING_NODE, OTHER_NODE, WIDE_MTU, "another wide path is not used");
	expect_path(world, WIDE_NODE, NARROW_NODE, NARROW_MTU, "a narrow path is not found so");
	expect_path(world, NARROW_NODE, WIDE_NODE, NARROW_MTU, "nor the way back");
	shrink(world, place, mtu, is_both);
	expect_path(world, SHRINKING_NODE, OTHER_NODE, mtu, "a path became narrower unseen");
	expect_path(world, WIDE_NODE, SHRINKING_NODE, WIDE_MTU, "a path narrowed with another");
	widen(world);
	stop_pours(world);
}

void
peal_story_mtu(const struct peal_scenario_options *options, struct peal_report *report)
{
	struct peal_scenario_options large = *options;
	struct peal_simworld world;
	struct peal_prng prng;

	large.has_talk = true;
	large.mtu = WIDE_MTU;
	peal_prng_init(&prng, options->seed ^ UINT64_C(0x6D7475));
	peal_story_open(&world, &large, 0, report);
	for (uint16_t i = 0; i < options->nodes_count; i++) {
		if (i != NARROW_NODE) {
			set_mtu(&world, NARROW_NODE, i, NARROW_MTU);
			set_mtu(&world, i, NARROW_NODE, NARROW_MTU);
		}
	}
	if (peal_simworld_form(&world)) {
		/* Three seeds of four lose a little besides. */
		const struct peal_simworld_weather weather = {
			.loss_ppm = peal_prng_ratio(&prng, 3, 4)
					    ? (uint32_t)peal_prng_below(&prng, LOSS_PPM_MAX)
					    : 0,
			.duplicate_ppm = 10000};
		const struct peal_simworld_weather fair = {0};

		for (uint32_t i = 0; i < world.talks_count; i++) {
			world.talks[i].is_calm = true; /* nobody ends a channel */
		}
		peal_simworld_run_for(&world, 4U * world.timing.probe_interval_ns);
		peal_simworld_set_weather(&world, &weather);
		flow(&world, &prng);
		peal_simworld_set_weather(&world, &fair);
		peal_story_finish_talk(&world);
	}
	peal_simworld_fini(&world);
}
