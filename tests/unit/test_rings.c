/* SPDX-License-Identifier: BSD-3-Clause */
#include "membership/rings.h"

#include "tests/lib/cmocka_all.h"
#include "tests/lib/dies.h"
#include "tests/lib/situation.h"

static struct peal_situation situation;
static struct peal_topology again;

static void
ask_about_a_stranger(void *argument)
{
	(void)peal_rings_mask(argument, 0, 5);
}

static void
elect_from_another_view(void *argument)
{
	struct peal_view other = situation.view;

	other.members_count--;
	(void)peal_rings_elect(argument, &other, 0, 0);
}

static void
test_rings__refuses_ranks_outside_the_view(void **state)
{
	(void)state;
	peal_situation_init(&situation, 1, 5, 10);
	assert_true(peal_test_dies(ask_about_a_stranger, &situation.topology));
	assert_true(peal_test_dies(elect_from_another_view, &situation.topology));
}

static void
test_rings__gives_a_single_member_no_observers(void **state)
{
	(void)state;
	peal_situation_init(&situation, 1, 1, 10);
	assert_int_equal(situation.topology.observers_count, 0);
	assert_int_equal(peal_rings_mask(&situation.topology, 0, 0), 0);
	assert_int_equal(peal_rings_elect(&situation.topology, &situation.view, 0, 7), 0);
}

static void
test_rings__lets_two_members_observe_each_other(void **state)
{
	(void)state;
	peal_situation_init(&situation, 1, 2, 10);
	assert_int_equal(situation.topology.observers_count, 1);
	assert_int_equal(situation.topology.observers[0][0], 1);
	assert_int_equal(situation.topology.observers[1][0], 0);
}

static void
test_rings__lets_everybody_observe_everybody_up_to_one_more_than_the_rings(void **state)
{
	(void)state;
	for (uint16_t members_count = 2; members_count <= 11; members_count++) {
		peal_situation_init(&situation, members_count, members_count, 10);
		for (uint32_t observer = 0; observer < members_count; observer++) {
			assert_int_equal(peal_bitset_count(&situation.topology.subjects[observer]),
				members_count - 1U);
		}
	}
}

static void
test_rings__orders_observers_of_a_mesh_by_ring_zero(void **state)
{
	(void)state;
	peal_situation_init(&situation, 3, 7, 10);
	for (uint32_t subject = 0; subject < 7; subject++) {
		uint32_t k = 0;

		for (uint32_t place = 0; place < 7; place++) {
			if (situation.topology.order[place] != subject) {
				assert_int_equal(situation.topology.observers[subject][k++],
					situation.topology.order[place]);
			}
		}
	}
}

static void
test_rings__puts_the_predecessor_on_ring_zero_first(void **state)
{
	(void)state;
	peal_situation_init(&situation, 4, 40, 10);
	for (uint32_t place = 0; place < 40; place++) {
		uint32_t subject = situation.topology.order[place];

		assert_int_equal(situation.topology.observers[subject][0],
			situation.topology.order[(place + 39) % 40]);
	}
}

static void
test_rings__differ_between_clusters(void **state)
{
	uint32_t equal_count = 0;

	(void)state;
	peal_situation_init(&situation, 5, 64, 10);
	again = situation.topology;
	situation.view.cluster.low++;
	peal_rings_build(&situation.view, &situation.topology);
	for (uint32_t place = 0; place < 64; place++) {
		equal_count += again.order[place] == situation.topology.order[place] ? 1U : 0U;
	}
	assert_true(equal_count < 10);
}

static void
test_rings__do_not_depend_on_anything_but_cluster_and_uuids(void **state)
{
	(void)state;
	peal_situation_init(&situation, 6, 30, 10);
	again = situation.topology;
	situation.view.epoch++;
	for (uint32_t rank = 0; rank < 30; rank++) {
		situation.view.members[rank].address.port++;
		situation.view.members[rank].mid += 100;
	}
	peal_rings_build(&situation.view, &situation.topology);
	assert_memory_equal(again.observers, situation.topology.observers, sizeof(again.observers));
	assert_memory_equal(again.order, situation.topology.order, sizeof(again.order));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_rings__refuses_ranks_outside_the_view),
		cmocka_unit_test(test_rings__gives_a_single_member_no_observers),
		cmocka_unit_test(test_rings__lets_two_members_observe_each_other),
		cmocka_unit_test(
			test_rings__lets_everybody_observe_everybody_up_to_one_more_than_the_rings),
		cmocka_unit_test(test_rings__orders_observers_of_a_mesh_by_ring_zero),
		cmocka_unit_test(test_rings__puts_the_predecessor_on_ring_zero_first),
		cmocka_unit_test(test_rings__differ_between_clusters),
		cmocka_unit_test(test_rings__do_not_depend_on_anything_but_cluster_and_uuids),
	};

	return cmocka_run_group_tests_name("test_rings", tests, NULL, NULL);
}
