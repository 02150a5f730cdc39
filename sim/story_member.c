/* SPDX-License-Identifier: BSD-3-Clause */
#include "base/prng.h"
#include "sim/story.h"

#define MILLISECOND_NS PEAL_STORY_MILLISECOND_NS
#define SECOND_NS      PEAL_STORY_SECOND_NS

/* All start within half a second of each other; one group comes out, and then nothing happens. */
void
peal_story_form(const struct peal_scenario_options *options, struct peal_report *report)
{
	if (options->nodes_count > PEAL_DIRECT_MAX) {
		peal_story_large_form(options, report);
		return;
	}
	struct peal_simworld world;
	struct peal_prng prng;

	peal_story_open(&world, options, 0, report);
	peal_prng_init(&prng, options->seed);
	for (uint16_t i = 0; i < options->nodes_count; i++) {
		peal_simworld_start(&world, i);
		peal_simworld_run_for(
			&world, peal_prng_below(&prng, SECOND_NS / 2U / options->nodes_count));
	}
	peal_story_protect_all(&world);
	(void)peal_simworld_run_to_agreement(&world, peal_simworld_patience_ns(&world));
	(void)peal_story_expect(
		&world, world.views.clusters_count == 1U, "more than one cluster was created");
	peal_story_stay_quiet(&world, 2U * SECOND_NS);
	peal_simworld_fini(&world);
}

/* One leaves and must be gone, with everybody's consent, in less than T_leave. */
static void
leave_one(struct peal_simworld *world, uint16_t index)
{
	const struct peal_node *node = &world->nodes[index]->node;
	uint32_t views_count = world->views.count;
	uint32_t members_count = node->view.members_count;
	uint64_t until_ns = world->time.now_ns + world->timing.leave_ns;

	peal_simworld_leave(world, index);
	while (node->state != PEAL_NODE_LEFT && world->time.now_ns < until_ns && !world->is_over) {
		peal_simworld_run_for(world, MILLISECOND_NS);
	}
	(void)peal_story_expect(world, node->state == PEAL_NODE_LEFT, "a leaver did not get away");
	if (members_count == 1U) {
		return;
	}
	(void)peal_story_expect(world, node->leave_confirmed, "a leaver left without a decision");
	(void)peal_simworld_run_to_agreement(world, SECOND_NS);
	(void)peal_story_expect(
		world, world->views.count == views_count + 1U, "a leave took more than one view");
}

/* All leave, one after the other, in an order by seed; the last one too. */
void
peal_story_leave(const struct peal_scenario_options *options, struct peal_report *report)
{
	struct peal_simworld world;
	struct peal_prng prng;
	uint16_t left_count = 0;

	if (!peal_story_open_formed(&world, options, 0, report)) {
		peal_simworld_fini(&world);
		return;
	}
	peal_prng_init(&prng, options->seed);
	while (left_count < options->nodes_count && !world.is_over) {
		uint16_t index = (uint16_t)peal_prng_below(&prng, options->nodes_count);

		if (world.nodes[index]->node.state != PEAL_NODE_MEMBER) {
			if (world.nodes[index]->node.state == PEAL_NODE_LEFT) {
				continue;
			}
			(void)peal_story_expect(&world, false, "somebody stopped being a member");
			break;
		}
		peal_simworld_run_for(&world, peal_prng_below(&prng, 100U * MILLISECOND_NS));
		leave_one(&world, index);
		if (report->violations_count > 0) {
			break;
		}
		left_count++;
	}
	peal_simworld_fini(&world);
}

/* Each process ends and comes back on its address within 50 ms: one view takes it back. */
void
peal_story_restart(const struct peal_scenario_options *options, struct peal_report *report)
{
	struct peal_simworld world;
	struct peal_prng prng;
	bool is_fine = peal_story_open_formed(&world, options, 0, report);

	peal_prng_init(&prng, options->seed);
	for (uint16_t i = 0; i < options->nodes_count && is_fine; i++) {
		uint32_t views_count = world.views.count;

		peal_simworld_run_for(&world, peal_prng_below(&prng, 300U * MILLISECOND_NS));
		peal_simworld_crash(&world, i);
		peal_simworld_run_for(&world, peal_prng_below(&prng, 50U * MILLISECOND_NS));
		peal_simworld_start(&world, i);
		is_fine = peal_simworld_run_to_agreement(&world, 5U * SECOND_NS) &&
			  peal_story_expect(&world, world.views.count == views_count + 1U,
				  "a restart took more than one view");
	}
	peal_simworld_fini(&world);
}

/* The junior of two dies: the senior goes on alone, and takes it back when it returns. */
static void
kill_junior(const struct peal_scenario_options *options, struct peal_report *report)
{
	struct peal_simworld world;
	uint16_t senior;

	if (peal_story_open_formed(&world, options, 1, report)) {
		senior = peal_story_senior(&world, 0);
		peal_check_healthy_protect(&world.healthy, senior);
		peal_simworld_crash(&world, (uint16_t)(1U - senior));
		if (peal_simworld_run_to_agreement(&world, 3U * peal_story_detection_ns(&world))) {
			(void)peal_story_expect(&world,
				world.nodes[senior]->node.view.members_count == 1U,
				"the senior of two did not go on alone");
			peal_story_stay_quiet(&world, SECOND_NS);
			peal_simworld_start(&world, (uint16_t)(1U - senior));
			(void)peal_simworld_run_to_agreement(
				&world, peal_simworld_patience_ns(&world));
		}
	}
	peal_simworld_fini(&world);
}

/* The senior of two dies: the junior says that it has no quorum, and changes nothing. */
static void
kill_senior(const struct peal_scenario_options *options, struct peal_report *report)
{
	struct peal_simworld world;
	const struct peal_node *junior;
	uint16_t senior;

	if (peal_story_open_formed(&world, options, 2, report)) {
		senior = peal_story_senior(&world, 0);
		junior = &world.nodes[1U - senior]->node;
		peal_simworld_crash(&world, senior);
		peal_story_stay_quiet(&world, 10U * SECOND_NS);
		(void)peal_story_expect(&world, !junior->has_quorum,
			"the junior of two believes in a quorum without the senior");
		(void)peal_story_expect(&world,
			junior->state == PEAL_NODE_MEMBER && junior->view.members_count == 2U,
			"the junior of two lost its view with the senior");
	}
	peal_simworld_fini(&world);
}

/* Cut in two halves of one: only the senior's half goes on, and the other comes back after the
 * heal. */
static void
split_two(const struct peal_scenario_options *options, struct peal_report *report)
{
	struct peal_simworld world;
	uint16_t senior;

	if (peal_story_open_formed(&world, options, 3, report)) {
		senior = peal_story_senior(&world, 0);
		peal_check_healthy_protect(&world.healthy, senior);
		peal_simworld_cut(&world, 0, 1, true);
		peal_simworld_cut(&world, 1, 0, true);
		peal_simworld_run_for(&world, 3U * SECOND_NS + peal_story_detection_ns(&world));
		(void)peal_story_expect(&world, world.nodes[senior]->node.view.members_count == 1U,
			"the senior of two did not go on alone");
		peal_simworld_heal(&world);
		(void)peal_simworld_run_to_agreement(&world, peal_simworld_patience_ns(&world));
	}
	peal_simworld_fini(&world);
}

static void
leave_of_two(
	const struct peal_scenario_options *options, bool by_senior, struct peal_report *report)
{
	struct peal_simworld world;

	if (peal_story_open_formed(&world, options, by_senior ? 4 : 5, report)) {
		uint16_t senior = peal_story_senior(&world, 0);

		leave_one(&world, by_senior ? senior : (uint16_t)(1U - senior));
		leave_one(&world, by_senior ? (uint16_t)(1U - senior) : senior);
	}
	peal_simworld_fini(&world);
}

/* A group of one, which a second one joins later. */
static void
live_alone(const struct peal_scenario_options *options, struct peal_report *report)
{
	struct peal_simworld_config config = {.nodes_count = 2,
		.seeds_count = 1,
		.expect = 1,
		.preset = options->preset,
		.detector = options->detector,
		.seed = options->seed,
		.trace = options->trace};
	struct peal_simworld world;

	peal_simworld_init(&world, &config, report);
	peal_simworld_start(&world, 0);
	peal_check_healthy_protect(&world.healthy, 0);
	if (peal_simworld_run_to_agreement(&world, peal_simworld_patience_ns(&world))) {
		peal_story_stay_quiet(&world, SECOND_NS);
		peal_simworld_start(&world, 1);
		(void)peal_simworld_run_to_agreement(&world, peal_simworld_patience_ns(&world));
	}
	peal_simworld_fini(&world);
}

void
peal_story_two(const struct peal_scenario_options *options, struct peal_report *report)
{
	kill_junior(options, report);
	kill_senior(options, report);
	split_two(options, report);
	leave_of_two(options, true, report);
	leave_of_two(options, false, report);
	live_alone(options, report);
}
