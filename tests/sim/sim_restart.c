/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A process that ends and is back on its address before anybody notices is taken back in one view.
 * When most of a group end and start again, and when processes start again while there is no group
 * yet, or beside a group that is full of doubt, one group comes out.
 */
#include "tests/sim/simrun.h"

#include "sim/simworld.h"

#include <string.h>

static void
test_restart__takes_one_view(void **state)
{
	(void)state;
	for (uint16_t nodes_count = 3; nodes_count <= 9; nodes_count++) {
		simrun_seeds("restart", nodes_count, NULL, 10);
	}
}

static void
test_restart__of_most_ends_in_one_group(void **state)
{
	(void)state;
	for (uint16_t nodes_count = 3; nodes_count <= 9; nodes_count++) {
		simrun_seeds("reborn", nodes_count, NULL, 20);
	}
}

static void
test_restart__at_a_cold_start_founds_one_group(void **state)
{
	(void)state;
	for (uint16_t nodes_count = 2; nodes_count <= 5; nodes_count++) {
		simrun_seeds("cold", nodes_count, NULL, 200);
	}
}

static void
test_restart__of_joiners_lets_no_dead_one_in(void **state)
{
	(void)state;
	for (uint16_t nodes_count = 3; nodes_count <= 9; nodes_count++) {
		simrun_seeds("ghosts", nodes_count, NULL, 20);
	}
}

#define MS    UINT64_C(1000000)
#define NODES 13U

/* Six of nine live through a storm in which everybody accuses everybody. As it ends the other
 * seven, a majority of what is expected, start; two of the three seeds are among them. */
static void
storm_and_restart(struct peal_simworld *world, uint64_t storm_ns)
{
	const uint16_t gone[] = {0, 1, 9, 10};
	const uint16_t lost[] = {2, 11, 12};
	const struct peal_simworld_weather storm = {.loss_ppm = 1000000};

	for (uint32_t i = 0; i < sizeof(gone) / sizeof(gone[0]); i++) {
		peal_simworld_crash(world, gone[i]);
	}
	assert_true(peal_simworld_run_to_agreement(world, peal_simworld_patience_ns(world)));
	peal_simworld_run_for(world, 1000U * MS);
	peal_simworld_set_weather(world, &storm);
	peal_simworld_run_for(world, storm_ns);
	for (uint32_t i = 0; i < sizeof(lost) / sizeof(lost[0]); i++) {
		peal_simworld_crash(world, lost[i]);
	}
	peal_simworld_heal(world);
	for (uint16_t i = 0; i < NODES; i++) {
		peal_simworld_start(world, i);
	}
}

static void
test_restart__beside_a_group_in_doubt_founds_no_second(void **state)
{
	(void)state;
	for (uint64_t seed = 1; seed <= 20; seed++) {
		const struct peal_simworld_config config = {
			.nodes_count = NODES, .preset = "dpdk", .seed = seed};
		struct peal_simworld world;
		struct peal_uuid cluster;

		peal_report_init(&simrun_report);
		peal_simworld_init(&world, &config, &simrun_report);
		assert_true(peal_simworld_form(&world));
		cluster = world.nodes[3]->node.view.cluster;
		storm_and_restart(&world, (200U + 25U * seed) * MS);
		assert_true(
			peal_simworld_run_to_agreement(&world, peal_simworld_patience_ns(&world)));
		for (uint16_t i = 0; i < NODES; i++) {
			assert_true(peal_uuid_equals(world.nodes[i]->node.view.cluster, cluster));
		}
		peal_simworld_fini(&world);
		assert_int_equal(simrun_report.violations_count, 0);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_restart__takes_one_view),
		cmocka_unit_test(test_restart__of_most_ends_in_one_group),
		cmocka_unit_test(test_restart__at_a_cold_start_founds_one_group),
		cmocka_unit_test(test_restart__beside_a_group_in_doubt_founds_no_second),
		cmocka_unit_test(test_restart__of_joiners_lets_no_dead_one_in),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
