/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The detectors in a group: crashes are noticed and a link that is dead in one direction costs
 * nobody's membership, by each of them and by all three at once; and an observer that stands still
 * again and again accuses nobody for it.
 */
#include "tests/sim/simrun.h"

#include "base/prng.h"
#include "sim/simworld.h"

#define NODES_COUNT 5U
#define STOPS_COUNT 200U
/* Of frames: of round trips it is nearly one in five. */
#define RAIN_PPM 100000U

static uint64_t seeds_count = 20;

/* All seeds of a scenario, with a detector and its preset. */
static void
run_seeds(const char *name, uint16_t nodes_count, enum peal_detector detector)
{
	const struct peal_scenario *scenario = peal_scenario_find(name);
	struct peal_scenario_options options = {.nodes_count = nodes_count, .detector = detector};

	assert_non_null(scenario);
	peal_assert_set_hook(simrun_on_assert);
	for (options.seed = 1; options.seed <= seeds_count; options.seed++) {
		bool is_good = peal_scenario_run(scenario, &options, &simrun_report);

		if (!is_good) {
			simrun_say();
		}
		assert_true(is_good);
		assert_int_equal(simrun_report.healthy_removed_count, 0);
	}
}

static void
test_detector__each_notices_a_crash(void **state)
{
	(void)state;
	for (enum peal_detector one = PEAL_DETECTOR_WINDOW; one <= PEAL_DETECTOR_SILENCE; one++) {
		run_seeds("crash", NODES_COUNT, one);
		run_seeds("crash", 2, one);
		run_seeds("many", 9, one);
	}
}

static void
test_detector__each_bears_a_link_that_is_dead_one_way(void **state)
{
	(void)state;
	for (enum peal_detector one = PEAL_DETECTOR_WINDOW; one <= PEAL_DETECTOR_SILENCE; one++) {
		run_seeds("oneway", 3, one);
		run_seeds("ingress", NODES_COUNT, one);
	}
}

static void
test_detector__each_is_safe_in_the_storm(void **state)
{
	(void)state;
	for (enum peal_detector one = PEAL_DETECTOR_PHI; one <= PEAL_DETECTOR_SILENCE; one++) {
		run_seeds("pause", NODES_COUNT, one);
		run_seeds("loss", NODES_COUNT, one);
		run_seeds("swarm", 0, one);
	}
}

/* A detector is a member's own: nodes with different ones join each other, and remove the dead. */
static void
test_detector__may_differ_between_members(void **state)
{
	(void)state;
	for (uint64_t seed = 1; seed <= seeds_count; seed++) {
		struct peal_simworld_config config = {
			.nodes_count = NODES_COUNT, .preset = "cloud", .seed = seed};
		struct peal_timing timings[PEAL_DETECTOR_SILENCE + 1];
		struct peal_simworld world;
		uint16_t victim = (uint16_t)(seed % NODES_COUNT);

		peal_report_init(&simrun_report);
		peal_simworld_init(&world, &config, &simrun_report);
		for (uint32_t i = 0; i < NODES_COUNT; i++) {
			uint32_t detector = i % (PEAL_DETECTOR_SILENCE + 1U);

			timings[detector] = world.timing;
			assert_true(peal_timing_set_detector(
				&timings[detector], (enum peal_detector)detector));
			world.nodes[i]->config.timing = &timings[detector];
		}
		assert_true(peal_simworld_form(&world));
		peal_simworld_run_for(&world, 4U * world.timing.probe_interval_ns);
		for (uint16_t i = 0; i < NODES_COUNT; i++) {
			peal_check_healthy_protect(&world.healthy, i);
		}
		peal_simworld_crash(&world, victim);
		assert_true(
			peal_simworld_run_to_agreement(&world, peal_simworld_patience_ns(&world)));
		assert_int_equal(world.nodes[victim == 0 ? 1 : 0]->node.view.members_count,
			NODES_COUNT - 1U);
		peal_simworld_fini(&world);
		assert_int_equal(simrun_report.violations_count, 0);
	}
}

static uint64_t
count_of(const struct peal_simworld *world, uint16_t index, enum peal_counter id)
{
	return peal_counter_get(peal_core_counters(&world->nodes[index]->core), id);
}

/* Accusations of one node in rain that stands still 200 times, for up to `stop_intervals_count`
 * probe intervals each; or that does not, for comparison, in the same time. */
static uint64_t
count_accusations(enum peal_detector detector, uint32_t stop_intervals_count, bool is_stopping,
	uint32_t loss_ppm)
{
	const struct peal_simworld_weather rain = {.loss_ppm = loss_ppm};
	uint64_t accusations_count = 0;

	for (uint64_t seed = 1; seed <= seeds_count; seed++) {
		struct peal_simworld_config config = {.nodes_count = NODES_COUNT,
			.preset = detector == PEAL_DETECTOR_PHI ? "cloud" : "dpdk",
			.detector = detector,
			.seed = seed};
		struct peal_simworld world;
		struct peal_prng prng;
		uint64_t interval_ns;

		peal_prng_init(&prng, seed);
		peal_report_init(&simrun_report);
		peal_simworld_init(&world, &config, &simrun_report);
		interval_ns = world.timing.probe_interval_ns;
		assert_true(peal_simworld_form(&world));
		peal_simworld_run_for(&world, 4U * interval_ns);
		peal_simworld_set_weather(&world, &rain);
		for (uint32_t i = 0; i < STOPS_COUNT; i++) {
			peal_simworld_pause(&world, 0, is_stopping);
			peal_simworld_run_for(&world,
				peal_prng_below(&prng, stop_intervals_count * interval_ns + 1U));
			peal_simworld_pause(&world, 0, false);
			peal_simworld_run_for(&world,
				interval_ns / 2U + peal_prng_below(&prng, 2U * interval_ns));
		}
		accusations_count += count_of(&world, 0, PEAL_COUNTER_EDGES_FAILED);
		assert_int_equal(count_of(&world, 0, PEAL_COUNTER_TURNS_LATE) > 0,
			is_stopping && stop_intervals_count > 1U);
		peal_simworld_fini(&world);
	}
	return accusations_count;
}

/*
 * The reason why no detector grows more patient when its own node is late (Lifeguard's multiplier):
 * there is nothing to gain. Answers wait at the port, and what was not looked at is not judged.
 */
static void
test_detector__who_stands_still_accuses_no_more_than_others(void **state)
{
	static const uint32_t stops[] = {1, 2, 4, 8};

	(void)state;
	for (enum peal_detector one = PEAL_DETECTOR_WINDOW; one <= PEAL_DETECTOR_SILENCE; one++) {
		print_message("# %s: accusations in rain of a node that stands still, and of one "
			      "that does not;",
			peal_detector_name(one));
		for (uint32_t i = 0; i < 4; i++) {
			uint32_t stop = stops[i];
			uint64_t late = count_accusations(one, stop, true, RAIN_PPM);
			uint64_t sound = count_accusations(one, stop, false, RAIN_PPM);

			print_message(" up to %u: %llu, %llu;", stop, (unsigned long long)late,
				(unsigned long long)sound);
			/* A small number is as good as a twin of it. */
			assert_true(late <= sound + sound / 4U + 2U);
			assert_int_equal(count_accusations(one, stop, true, 0), 0);
		}
		print_message("\n");
	}
}

int
main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_detector__each_notices_a_crash),
		cmocka_unit_test(test_detector__each_bears_a_link_that_is_dead_one_way),
		cmocka_unit_test(test_detector__each_is_safe_in_the_storm),
		cmocka_unit_test(test_detector__may_differ_between_members),
		cmocka_unit_test(test_detector__who_stands_still_accuses_no_more_than_others),
	};

	seeds_count = simrun_count(argc, argv, seeds_count);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
