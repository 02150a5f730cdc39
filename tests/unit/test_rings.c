/* SPDX-License-Identifier: BSD-3-Clause */
#include "membership/rings.h"

#include "tests/lib/cmocka_all.h"
#include "tests/lib/dies.h"
#include "tests/lib/gen.h"

#include <string.h>

#define MEMBERS_MAX 128U
#define MEMORY_SIZE (UINT64_C(128) * 1024U)

static struct peal_member members[MEMBERS_MAX];
static struct peal_view view;
static struct peal_topology topology;
static struct peal_topology again;
static _Alignas(64) uint8_t memory[MEMORY_SIZE];
static _Alignas(64) uint8_t memory_again[MEMORY_SIZE];

static void
build(void)
{
	assert_true(peal_rings_footprint(MEMBERS_MAX) <= MEMORY_SIZE);
	peal_rings_build(&view, memory, MEMBERS_MAX, &topology);
}

static void
start(uint64_t seed, uint16_t members_count, uint8_t rings_count)
{
	struct peal_prng prng;

	peal_prng_init(&prng, seed);
	peal_gen_view(&prng, members_count, members, &view);
	view.rings_count = rings_count;
	view.hash = peal_view_hash(&view);
	build();
}

static void
ask_about_a_stranger(void *argument)
{
	(void)peal_rings_mask(argument, 0, 5);
}

static void
elect_from_another_view(void *argument)
{
	struct peal_view other = view;

	other.members_count--;
	(void)peal_rings_elect(argument, &other, 0, 0);
}

static void
test_rings__refuses_ranks_outside_the_view(void **state)
{
	(void)state;
	start(1, 5, 10);
	assert_true(peal_test_dies(ask_about_a_stranger, &topology));
	assert_true(peal_test_dies(elect_from_another_view, &topology));
}

static void
build_in_too_little(void *argument)
{
	peal_rings_build(&view, memory, 4, argument);
}

static void
build_out_of_line(void *argument)
{
	peal_rings_build(&view, memory + 8, MEMBERS_MAX, argument);
}

static void
test_rings__refuses_memory_that_does_not_fit(void **state)
{
	(void)state;
	start(1, 5, 10);
	assert_true(peal_test_dies(build_in_too_little, &topology));
	assert_true(peal_test_dies(build_out_of_line, &topology));
}

static void
test_rings__gives_a_single_member_no_observers(void **state)
{
	uint32_t count = 1;

	(void)state;
	start(1, 1, 10);
	assert_int_equal(topology.observers_count, 0);
	assert_int_equal(topology.rings_count, 1);
	assert_int_equal(peal_rings_mask(&topology, 0, 0), 0);
	(void)peal_rings_subjects(&topology, 0, &count);
	assert_int_equal(count, 0);
	assert_int_equal(peal_rings_elect(&topology, &view, 0, 7), 0);
}

static void
test_rings__lets_two_members_observe_each_other(void **state)
{
	(void)state;
	start(1, 2, 10);
	assert_int_equal(topology.observers_count, 1);
	assert_int_equal(peal_rings_observer(&topology, 0, 0), 1);
	assert_int_equal(peal_rings_observer(&topology, 1, 0), 0);
}

static void
test_rings__lets_everybody_observe_everybody_up_to_one_more_than_the_rings(void **state)
{
	(void)state;
	for (uint16_t members_count = 2; members_count <= 11; members_count++) {
		start(members_count, members_count, 10);
		assert_int_equal(topology.rings_count, 1);
		for (uint32_t observer = 0; observer < members_count; observer++) {
			uint32_t count;
			const uint16_t *subjects = peal_rings_subjects(&topology, observer, &count);

			assert_int_equal(count, members_count - 1U);
			for (uint32_t i = 0; i < count; i++) {
				assert_int_equal(subjects[i], i < observer ? i : i + 1U);
			}
		}
	}
	start(12, 12, 10);
	assert_int_equal(topology.rings_count, 10);
}

static void
test_rings__orders_observers_of_a_mesh_by_ring_zero(void **state)
{
	(void)state;
	start(3, 7, 10);
	for (uint32_t subject = 0; subject < 7; subject++) {
		uint32_t k = 0;

		for (uint32_t place = 0; place < 7; place++) {
			if (topology.ring_ranks[place] != subject) {
				assert_int_equal(topology.depths[subject * 6U + k], 0);
				assert_int_equal(peal_rings_observer(&topology, subject, k++),
					topology.ring_ranks[place]);
			}
		}
	}
}

static void
test_rings__puts_the_predecessor_on_ring_zero_first(void **state)
{
	(void)state;
	start(4, 40, 10);
	for (uint32_t place = 0; place < 40; place++) {
		uint32_t subject = topology.ring_ranks[place];

		assert_int_equal(peal_rings_observer(&topology, subject, 0),
			topology.ring_ranks[(place + 39) % 40]);
		assert_int_equal(topology.depths[(size_t)subject * 10U], 1);
	}
}

static void
test_rings__knows_the_place_of_everybody_on_ring_zero(void **state)
{
	(void)state;
	start(4, 100, 10);
	for (uint32_t place = 0; place < 100; place++) {
		assert_int_equal(topology.ring_places[topology.ring_ranks[place]], place);
	}
}

static void
test_rings__keeps_depths_and_hashes_of_all_rings(void **state)
{
	uint32_t deep_count = 0;

	(void)state;
	start(5, 20, 16);
	for (uint32_t ring = 0; ring < 16; ring++) {
		const uint16_t *ranks = topology.ring_ranks + (size_t)ring * 20U;
		const uint64_t *hashes = topology.ring_hashes + (size_t)ring * 20U;

		for (uint32_t place = 0; place < 20; place++) {
			uint32_t depth = topology.depths[ranks[place] * 16U + ring];

			assert_true(place == 0 || hashes[place - 1U] < hashes[place]);
			assert_in_range(depth, 1, ring + 1U);
			assert_int_equal(peal_rings_observer(&topology, ranks[place], ring),
				ranks[(place + 20U - depth) % 20U]);
			deep_count += depth > 1 ? 1U : 0U;
		}
	}
	/* Twenty members and sixteen observers each: most walks meet one that is taken. */
	assert_true(deep_count > 100);
}

static void
test_rings__differ_between_clusters(void **state)
{
	uint16_t ranks[64];
	uint32_t equal_count = 0;

	(void)state;
	start(5, 64, 10);
	memcpy(ranks, topology.ring_ranks, sizeof(ranks));
	view.cluster.low++;
	build();
	for (uint32_t place = 0; place < 64; place++) {
		equal_count += ranks[place] == topology.ring_ranks[place] ? 1U : 0U;
	}
	assert_true(equal_count < 10);
}

static void
test_rings__do_not_depend_on_anything_but_cluster_and_uuids(void **state)
{
	(void)state;
	start(6, 30, 10);
	peal_rings_build(&view, memory_again, MEMBERS_MAX, &again);
	view.epoch++;
	for (uint32_t rank = 0; rank < 30; rank++) {
		members[rank].address.port++;
		members[rank].mid += 100;
	}
	build();
	assert_memory_equal(again.observers, topology.observers, 300 * sizeof(uint16_t));
	assert_memory_equal(again.ring_ranks, topology.ring_ranks, 300 * sizeof(uint16_t));
}

static void
test_rings__elect_from_another_place_in_every_epoch(void **state)
{
	uint32_t places = 0;

	(void)state;
	start(7, 30, 10);
	for (uint32_t epoch = 0; epoch < 100; epoch++) {
		view.epoch++;
		build();
		assert_true(topology.election_start < 30);
		assert_int_equal(peal_rings_elect(&topology, &view, 0, 0),
			topology.ring_ranks[topology.election_start]);
		assert_int_equal(peal_rings_elect(&topology, &view, 0, 3),
			topology.ring_ranks[(topology.election_start + 3U) % 30U]);
		places |= UINT32_C(1) << topology.election_start;
	}
	assert_true(__builtin_popcount(places) > 20);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_rings__refuses_ranks_outside_the_view),
		cmocka_unit_test(test_rings__refuses_memory_that_does_not_fit),
		cmocka_unit_test(test_rings__gives_a_single_member_no_observers),
		cmocka_unit_test(test_rings__lets_two_members_observe_each_other),
		cmocka_unit_test(
			test_rings__lets_everybody_observe_everybody_up_to_one_more_than_the_rings),
		cmocka_unit_test(test_rings__orders_observers_of_a_mesh_by_ring_zero),
		cmocka_unit_test(test_rings__puts_the_predecessor_on_ring_zero_first),
		cmocka_unit_test(test_rings__knows_the_place_of_everybody_on_ring_zero),
		cmocka_unit_test(test_rings__keeps_depths_and_hashes_of_all_rings),
		cmocka_unit_test(test_rings__differ_between_clusters),
		cmocka_unit_test(test_rings__do_not_depend_on_anything_but_cluster_and_uuids),
		cmocka_unit_test(test_rings__elect_from_another_place_in_every_epoch),
	};

	return cmocka_run_group_tests_name("test_rings", tests, NULL, NULL);
}
