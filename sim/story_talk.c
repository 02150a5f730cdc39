/* SPDX-License-Identifier: BSD-3-Clause */
#include "base/prng.h"
#include "sim/faults.h"
#include "sim/simfoul.h"
#include "sim/story.h"

#define MILLISECOND_NS    PEAL_STORY_MILLISECOND_NS
#define SECOND_NS         PEAL_STORY_SECOND_NS
#define DUPLICATE_PPM_MAX 500000U

void
peal_story_finish_talk(struct peal_simworld *world)
{
	uint64_t until_ns = world->time.now_ns + 2U * SECOND_NS;

	for (uint32_t i = 0; i < world->talks_count; i++) {
		world->talks[i].is_quiet = true;
	}
	while (!peal_simtalk_is_done(world->ledger) && world->time.now_ns < until_ns &&
		!world->is_over) {
		peal_simworld_run_for(world, MILLISECOND_NS);
	}
	peal_simtalk_check_all(world->ledger);
	peal_simworld_run_for(world, 200U * MILLISECOND_NS);
	for (uint32_t i = 0; i < world->talks_count; i++) {
		const struct peal_simtalk *talk = &world->talks[i];
		const struct peal_simnode *simnode = world->nodes[talk->index];

		if (simnode->is_up && talk->shard < simnode->shards_count) {
			peal_simtalk_check_rest(&world->talks[i]);
		}
	}
	world->report->messages_count += world->ledger->messages_count;
}

/* Some end all they have while it still storms: who misses it may not wait for ever. */
static void
slam_some(struct peal_simworld *world, struct peal_prng *prng)
{
	for (uint32_t i = 0; i < world->talks_count; i++) {
		if (peal_prng_ratio(prng, 1, 3)) {
			peal_simtalk_slam(&world->talks[i]);
		}
	}
	peal_simworld_run_for(world, MILLISECOND_NS);
}

/* What only channels have to bear, and worse than the network ever is to membership. */
static void
talk_on_foul_links(const struct peal_scenario_options *options, struct peal_report *report)
{
	struct peal_simworld world;
	struct peal_simfoul *foul;

	if (peal_story_open_formed(&world, options, 2, report)) {
		const struct peal_simworld_weather weather = {.duplicate_ppm = 100000,
			.spike_ppm = 50000,
			.spike_ns_max = 5U * MILLISECOND_NS};
		const struct peal_simworld_weather fair = {0};

		foul = peal_simfoul_create(&world.net, options->seed ^ UINT64_C(0x666F756C));
		peal_simworld_set_weather(&world, &weather);
		peal_simfoul_switch(foul, true);
		peal_simworld_run_for(&world, 100U * MILLISECOND_NS);
		peal_simfoul_switch(foul, false);
		peal_simworld_set_weather(&world, &fair);
		for (uint32_t i = 0; i < world.talks_count; i++) {
			world.talks[i].is_calm = true;
		}
		peal_simworld_run_for(&world, 50U * MILLISECOND_NS);
		peal_story_finish_talk(&world);
		peal_simfoul_destroy(foul);
	}
	peal_simworld_fini(&world);
}

static void
talk_in_the_storm(const struct peal_scenario_options *options, struct peal_report *report)
{
	struct peal_simworld world;
	struct peal_faults faults;
	struct peal_simfoul *foul;

	if (peal_story_open_formed(&world, options, 1, report)) {
		foul = peal_simfoul_create(&world.net, options->seed ^ UINT64_C(0x73746F726D));
		peal_simfoul_switch(foul, peal_prng_ratio(&foul->prng, 1, 2));
		world.may_starve = true;
		peal_faults_init(&faults, &world, options->seed);
		peal_faults_run(&faults, world.time.now_ns + SECOND_NS);
		peal_simfoul_switch(foul, false);
		peal_faults_heal(&faults);
		if (peal_simworld_run_to_agreement(&world, peal_simworld_patience_ns(&world))) {
			peal_story_finish_talk(&world);
		}
		peal_simfoul_destroy(foul);
	}
	peal_simworld_fini(&world);
}

void
peal_story_talk(const struct peal_scenario_options *options, struct peal_report *report)
{
	struct peal_scenario_options talking = *options;

	talking.has_talk = true;
	/* Every other seed: processes with one core, and with more, in one group. */
	talking.shards_max = options->seed % 2U == 0 ? PEAL_SIMNODE_SHARDS_MAX : 1U;
	peal_story_bad_weather(&talking,
		&(struct peal_story_weather){DUPLICATE_PPM_MAX, slam_some, peal_story_finish_talk},
		report);
	talk_on_foul_links(&talking, report);
	talk_in_the_storm(&talking, report);
}
