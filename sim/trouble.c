/* SPDX-License-Identifier: BSD-3-Clause */
#include "sim/trouble.h"

#include "sim/story.h"

#define MILLISECOND_NS PEAL_STORY_MILLISECOND_NS
#define LEAVE_NS_MAX   (50U * MILLISECOND_NS)
#define PAUSE_NS_MAX   (4U * MILLISECOND_NS)
#define LONG_NS_MAX    (PEAL_STORY_SECOND_NS / 2U)
#define CUT_NS_MAX     (200U * MILLISECOND_NS)
#define WEATHER_NS_MAX (100U * MILLISECOND_NS)
#define PPM_MAX        200000U

void
peal_trouble_init(struct peal_trouble *trouble, struct peal_simworld *world, uint64_t seed,
	bool (*may_lose)(const void *story, uint16_t index), const void *story)
{
	trouble->world = world;
	peal_faults_init(&trouble->faults, world, seed);
	peal_prng_init(&trouble->prng, seed);
	trouble->may_lose = may_lose;
	trouble->story = story;
}

bool
peal_trouble_may_lose(const struct peal_trouble *trouble, uint16_t index)
{
	return trouble->may_lose == NULL || trouble->may_lose(trouble->story, index);
}

static void
run_below(struct peal_trouble *trouble, uint64_t span_ns_max)
{
	peal_simworld_run_for(trouble->world, peal_prng_below(&trouble->prng, span_ns_max));
}

void
peal_trouble_restart(struct peal_trouble *trouble, uint32_t leavers_in, uint64_t down_ns_max)
{
	struct peal_simworld *world = trouble->world;
	uint16_t victim = peal_faults_draw_victim(&trouble->faults);

	if (victim == world->config.nodes_count || !peal_trouble_may_lose(trouble, victim)) {
		return;
	}
	if (peal_prng_ratio(&trouble->prng, 1, leavers_in)) {
		peal_simworld_leave(world, victim);
		run_below(trouble, LEAVE_NS_MAX);
	}
	peal_simworld_crash(world, victim);
	run_below(trouble, down_ns_max);
	peal_simworld_start(world, victim);
}

void
peal_trouble_pause(struct peal_trouble *trouble, uint32_t long_in)
{
	struct peal_simworld *world = trouble->world;
	uint16_t nodes_count = world->config.nodes_count;
	uint16_t victim = (uint16_t)peal_prng_below(&trouble->prng, nodes_count);
	bool is_long = peal_prng_ratio(&trouble->prng, 1, long_in);

	if (is_long && (peal_faults_draw_victim(&trouble->faults) == nodes_count ||
			       !peal_trouble_may_lose(trouble, victim))) {
		return;
	}
	peal_simworld_pause(world, victim, true);
	run_below(trouble, is_long ? LONG_NS_MAX : PAUSE_NS_MAX);
	peal_simworld_pause(world, victim, false);
}

void
peal_trouble_draw_two(struct peal_trouble *trouble, uint16_t *a_out, uint16_t *b_out)
{
	uint16_t nodes_count = trouble->world->config.nodes_count;

	*a_out = (uint16_t)peal_prng_below(&trouble->prng, nodes_count);
	*b_out = (uint16_t)((*a_out + 1U + peal_prng_below(&trouble->prng, nodes_count - 1U)) %
			    nodes_count);
}

void
peal_trouble_cut(struct peal_trouble *trouble, uint16_t a, uint16_t b, bool is_pair)
{
	struct peal_simworld *world = trouble->world;

	peal_simworld_cut(world, a, b, true);
	if (is_pair) {
		peal_simworld_cut(world, b, a, true);
	}
	run_below(trouble, CUT_NS_MAX);
	peal_simworld_cut(world, a, b, false);
	peal_simworld_cut(world, b, a, false);
}

void
peal_trouble_weather(struct peal_trouble *trouble)
{
	struct peal_simworld *world = trouble->world;
	const struct peal_simworld_weather weather = {
		.loss_ppm = (uint32_t)peal_prng_below(&trouble->prng, PPM_MAX),
		.duplicate_ppm = (uint32_t)peal_prng_below(&trouble->prng, PPM_MAX),
		.spike_ppm = (uint32_t)peal_prng_below(&trouble->prng, PPM_MAX),
		.spike_ns_max = 2U * MILLISECOND_NS};

	peal_simworld_set_weather(world, &weather);
	run_below(trouble, WEATHER_NS_MAX);
	peal_simworld_set_weather(world, &(struct peal_simworld_weather){0});
}
