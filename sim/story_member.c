/* SPDX-License-Identifier: BSD-3-Clause */
#include "base/prng.h"
#include "sim/story.h"

#define MILLISECOND_NS PEAL_STORY_MILLISECOND_NS
#define SECOND_NS      PEAL_STORY_SECOND_NS
#define PPM            1000000U

/* A cold start is disturbed for so many T_boot, unless it succeeds before. */
#define COLD_BOOTS 6U

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

/* Restarts a node that waits for a group, or cuts or mends one direction of a link. */
static void
disturb_start(struct peal_simworld *world, struct peal_prng *prng)
{
	uint16_t count = world->config.nodes_count;
	uint16_t a = (uint16_t)peal_prng_below(prng, count);
	uint16_t b = (uint16_t)peal_prng_below(prng, count);

	if (a == b) {
		peal_simworld_crash(world, a);
		peal_simworld_start(world, a);
	} else {
		peal_simworld_cut(world, a, b, peal_prng_ratio(prng, 2, 3));
	}
}

/*
 * A cold start among restarts, with links that are dead for long and frames that are late by up to
 * a sixteenth of T_boot. All is mended as much after the first group is founded, and it must remain
 * the only one: a grant binds for a quarter of T_boot after it counts (control/formation.c).
 */
void
peal_story_cold(const struct peal_scenario_options *options, struct peal_report *report)
{
	struct peal_simworld world;
	struct peal_prng prng;
	uint64_t until_ns;
	uint64_t next_at_ns;

	peal_story_open(&world, options, 0, report);
	peal_prng_init(&prng, options->seed);
	for (uint16_t i = 0; i < options->nodes_count; i++) {
		peal_simworld_start(&world, i);
	}
	peal_simworld_set_weather(&world, &(struct peal_simworld_weather){.spike_ppm = PPM / 2U,
						  .spike_ns_max = world.timing.boot_ns / 16U});
	until_ns = world.time.now_ns + COLD_BOOTS * world.timing.boot_ns;
	next_at_ns = world.time.now_ns;
	while (world.time.now_ns < until_ns && world.views.clusters_count == 0) {
		if (world.time.now_ns >= next_at_ns) {
			disturb_start(&world, &prng);
			next_at_ns += peal_prng_below(&prng, world.timing.boot_ns / 4U);
		}
		peal_simworld_run_for(&world, MILLISECOND_NS);
	}
	peal_simworld_run_for(&world, world.timing.boot_ns / 16U);
	peal_simworld_heal(&world);
	(void)peal_simworld_run_to_agreement(&world, peal_simworld_patience_ns(&world));
	(void)peal_story_expect(
		&world, world.views.clusters_count == 1U, "more than one cluster was created");
	peal_simworld_fini(&world);
}

/* Who leaves, and whether somebody was told something else of it. */
struct leave_watch {
	uint64_t mid;
	bool is_misnamed;
};

static void
on_leave_event(void *state, uint16_t index, const struct peal_event *event, uint64_t at_ns)
{
	struct leave_watch *watch = state;

	(void)index;
	(void)at_ns;
	watch->is_misnamed =
		watch->is_misnamed ||
		(event->mid == watch->mid &&
			(event->kind == PEAL_EVENT_CRASHED || event->kind == PEAL_EVENT_REPLACED));
}

/* One leaves and must be gone, with everybody's consent, in less than T_leave. */
static void
leave_one(struct peal_simworld *world, uint16_t index)
{
	const struct peal_node *node = &world->nodes[index]->node;
	uint32_t views_count = world->views.count;
	uint32_t members_count = node->view.members_count;
	uint64_t until_ns = world->time.now_ns + world->timing.leave_ns;
	struct leave_watch watch = {.mid = node->self.mid};

	world->on_event = on_leave_event;
	world->on_event_state = &watch;
	peal_simworld_leave(world, index);
	while (node->state != PEAL_NODE_LEFT && world->time.now_ns < until_ns && !world->is_over) {
		peal_simworld_run_for(world, MILLISECOND_NS);
	}
	(void)peal_story_expect(world, node->state == PEAL_NODE_LEFT, "a leaver did not get away");
	if (members_count == 1U) {
		world->on_event = NULL;
		return;
	}
	(void)peal_story_expect(world, node->leave_confirmed, "a leaver left without a decision");
	(void)peal_simworld_run_to_agreement(world, SECOND_NS);
	(void)peal_story_expect(
		world, world->views.count == views_count + 1U, "a leave took more than one view");
	(void)peal_story_expect(world, !watch.is_misnamed, "a leave was told as something else");
	world->on_event = NULL;
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

/*
 * Two members; all others ask to join and end before a batch can be made, which takes T_quiet at
 * least. Nobody lets the dead in. When they are started again all come in.
 */
void
peal_story_ghosts(const struct peal_scenario_options *options, struct peal_report *report)
{
	struct peal_simworld_config config = {.nodes_count = options->nodes_count,
		.seeds_count = 1,
		.expect = 1,
		.preset = options->preset,
		.detector = options->detector,
		.seed = options->seed,
		.trace = options->trace};
	struct peal_simworld world;
	struct peal_prng prng;
	bool is_fine = true;

	peal_prng_init(&prng, options->seed);
	peal_simworld_init(&world, &config, report);
	for (uint16_t i = 0; i < 2U && is_fine; i++) {
		peal_simworld_start(&world, i);
		is_fine = peal_simworld_run_to_agreement(&world, peal_simworld_patience_ns(&world));
	}
	if (is_fine) {
		const struct peal_node *node = &world.nodes[0]->node;

		peal_simworld_run_for(&world, 4U * world.timing.probe_interval_ns);
		for (uint16_t i = 2; i < options->nodes_count; i++) {
			peal_simworld_start(&world, i);
		}
		while (node->admission.applicants.count == 0 && !world.is_over) {
			peal_simworld_run_for(&world, MILLISECOND_NS / 10U);
		}
		peal_simworld_run_for(
			&world, peal_prng_below(&prng, world.timing.join_quiet_ns / 2U));
		for (uint16_t i = 2; i < options->nodes_count; i++) {
			peal_simworld_crash(&world, i);
		}
		peal_story_stay_quiet(&world, SECOND_NS);
		for (uint16_t i = 2; i < options->nodes_count; i++) {
			peal_simworld_start(&world, i);
		}
		(void)peal_simworld_run_to_agreement(&world, peal_simworld_patience_ns(&world));
	}
	peal_simworld_fini(&world);
}

/*
 * Most of a group end at one moment and start again before long. Who is left has no quorum, and
 * never will have: the new ones found a group, and the others find their way there.
 */
void
peal_story_reborn(const struct peal_scenario_options *options, struct peal_report *report)
{
	struct peal_simworld world;
	struct peal_prng prng;
	uint16_t count = options->nodes_count;

	if (peal_story_open_formed(&world, options, 0, report)) {
		uint16_t first;
		uint16_t gone_count = (uint16_t)(count / 2U + 1U);

		peal_prng_init(&prng, options->seed);
		first = (uint16_t)peal_prng_below(&prng, count);
		for (uint16_t i = 0; i < gone_count; i++) {
			peal_simworld_crash(&world, (uint16_t)((first + i) % count));
		}
		peal_simworld_run_for(&world, peal_prng_below(&prng, 2U * SECOND_NS));
		for (uint16_t i = 0; i < gone_count; i++) {
			peal_simworld_start(&world, (uint16_t)((first + i) % count));
		}
		(void)peal_simworld_run_to_agreement(&world, peal_simworld_patience_ns(&world));
		peal_story_stay_quiet(&world, SECOND_NS);
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

/* The senior of two dies: the junior says that it has no quorum, and changes nothing; when the
 * senior is started again the two find together. */
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
		/* Its new life proves that the old one is over, and with it the view of the two. */
		peal_simworld_start(&world, senior);
		(void)peal_simworld_run_to_agreement(&world, peal_simworld_patience_ns(&world));
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

/*
 * The senior of two leaves, and at that moment nothing of it gets through. It could decide alone
 * that it is out, but the junior could not: it must stay until the junior knows.
 */
static void
leave_unheard(const struct peal_scenario_options *options, struct peal_report *report)
{
	struct peal_simworld world;
	uint16_t senior;

	if (peal_story_open_formed(&world, options, 6, report)) {
		senior = peal_story_senior(&world, 0);
		peal_simworld_cut(&world, senior, (uint16_t)(1U - senior), true);
		peal_simworld_leave(&world, senior);
		peal_simworld_run_for(&world, world.timing.probe_interval_ns);
		peal_simworld_heal(&world);
		(void)peal_simworld_run_to_agreement(&world, peal_simworld_patience_ns(&world));
		(void)peal_story_expect(&world,
			world.nodes[1U - senior]->node.view.members_count == 1U,
			"a leaver went before the rest could do without it");
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
	leave_unheard(options, report);
	live_alone(options, report);
}
