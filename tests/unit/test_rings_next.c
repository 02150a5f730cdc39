/* SPDX-License-Identifier: BSD-3-Clause */
#include "membership/rings.h"

#include "tests/lib/cmocka_all.h"
#include "tests/lib/dies.h"
#include "tests/lib/ringscene.h"

#include <string.h>

#define MEMBERS_MAX 128U

static struct peal_ringscene scene;
static struct peal_ringscene again;

static int
setup(void **state)
{
	(void)state;
	peal_ringscene_create(&scene, MEMBERS_MAX);
	peal_ringscene_create(&again, MEMBERS_MAX);
	return 0;
}

static int
teardown(void **state)
{
	(void)state;
	peal_ringscene_destroy(&scene);
	peal_ringscene_destroy(&again);
	return 0;
}

static void
start(uint64_t seed, uint16_t members_count, uint8_t rings_count)
{
	peal_ringscene_make(&scene, seed, members_count, rings_count);
}

/* What stands in `again` after the members of `removals` have gone and `joiners` have come. */
static void
make_next(const struct peal_bitset *removals, const struct peal_member *joiners, uint32_t count)
{
	again.view = scene.view;
	again.view.epoch++;
	again.view.members_count = 0;
	again.view.members = again.members;
	for (uint32_t rank = 0; rank < scene.view.members_count; rank++) {
		if (!peal_bitset_has(removals, rank)) {
			again.members[again.view.members_count++] = scene.members[rank];
		}
	}
	for (uint32_t i = 0; i < count; i++) {
		again.members[again.view.members_count++] = joiners[i];
	}
	peal_rings_next(
		&scene.topology, removals, &again.view, again.memory, MEMBERS_MAX, &again.topology);
}

static void
remove_strangers(void *argument)
{
	struct peal_bitset removals = {0};

	(void)argument;
	peal_bitset_add(&removals, 5);
	peal_rings_next(&scene.topology, &removals, &scene.view, again.memory, MEMBERS_MAX,
		&again.topology);
}

static void
lose_members(void *argument)
{
	struct peal_bitset removals = {0};

	(void)argument;
	/* Nobody removed, and yet fewer than before. */
	scene.view.members_count--;
	peal_rings_next(&scene.topology, &removals, &scene.view, again.memory, MEMBERS_MAX,
		&again.topology);
}

static void
test_rings_next__refuses_what_is_no_successor(void **state)
{
	(void)state;
	start(1, 5, 10);
	assert_true(peal_test_dies(remove_strangers, NULL));
	assert_true(peal_test_dies(lose_members, NULL));
}

static void
test_rings_next__nothing_changes_but_the_election(void **state)
{
	struct peal_bitset nobody = {0};
	uint32_t moved_count = 0;

	(void)state;
	for (uint64_t seed = 0; seed < 20; seed++) {
		start(seed, 100, 10);
		make_next(&nobody, NULL, 0);
		assert_memory_equal(again.topology.observers, scene.topology.observers,
			1000 * sizeof(uint16_t));
		assert_memory_equal(
			again.topology.subjects, scene.topology.subjects, 1000 * sizeof(uint16_t));
		moved_count +=
			again.topology.election_start != scene.topology.election_start ? 1U : 0U;
	}
	assert_true(moved_count > 10);
}

static void
test_rings_next__passes_over_who_has_gone(void **state)
{
	struct peal_bitset removals = {0};

	(void)state;
	start(8, 100, 10);
	peal_bitset_add(&removals, 17);
	make_next(&removals, NULL, 0);
	assert_int_equal(again.topology.members_count, 99);
	for (uint32_t subject = 0; subject < 100; subject++) {
		uint32_t now = subject > 17 ? subject - 1U : subject;

		for (uint32_t k = 0; subject != 17 && k < 10; k++) {
			uint32_t before = peal_rings_observer(&scene.topology, subject, k);

			if (before == 17) {
				/* Its successor is somebody who did not observe the subject. */
				assert_int_equal(
					peal_rings_mask(&again.topology,
						peal_rings_observer(&again.topology, now, k), now),
					1U << k);
				break;
			}
			assert_int_equal(peal_rings_observer(&again.topology, now, k),
				before > 17 ? before - 1U : before);
		}
	}
}

static void
test_rings_next__may_be_a_mesh(void **state)
{
	struct peal_bitset removals = {0};

	(void)state;
	start(9, 20, 10);
	for (uint32_t rank = 3; rank < 12; rank++) {
		peal_bitset_add(&removals, rank);
	}
	make_next(&removals, NULL, 0);
	assert_int_equal(again.topology.members_count, 11);
	assert_int_equal(again.topology.rings_count, 1);
	assert_int_equal(again.topology.observers_count, 10);
}

static void
test_rings_next__a_new_member_comes_between(void **state)
{
	struct peal_bitset nobody = {0};
	struct peal_member joiner;
	uint32_t count;

	(void)state;
	start(10, 101, 10);
	joiner = scene.members[100];
	scene.view.members_count = 100;
	peal_ringscene_build(&scene);
	make_next(&nobody, &joiner, 1);
	assert_int_equal(again.topology.members_count, 101);
	(void)peal_rings_subjects(&again.topology, 100, &count);
	assert_true(count > 0);
	for (uint32_t subject = 0; subject < 100; subject++) {
		uint32_t changed_count = 0;

		for (uint32_t k = 0; k < 10; k++) {
			uint32_t before = peal_rings_observer(&scene.topology, subject, k);

			changed_count +=
				peal_rings_mask(&again.topology, before, subject) == 0 ? 1U : 0U;
		}
		/* Who is observed by the new one has lost one other observer. */
		assert_int_equal(changed_count,
			peal_rings_mask(&again.topology, 100, subject) != 0 ? 1U : 0U);
	}
}

static void
test_rings_next__many_new_members_are_built_anew(void **state)
{
	struct peal_bitset nobody = {0};
	struct peal_member joiners[60];

	(void)state;
	start(11, 100, 10);
	memcpy(joiners, scene.members + 40, sizeof(joiners));
	scene.view.members_count = 40;
	peal_ringscene_build(&scene);
	make_next(&nobody, joiners, 60);
	scene.view.members_count = 100;
	scene.view.epoch++;
	peal_ringscene_build(&scene);
	assert_memory_equal(
		again.topology.observers, scene.topology.observers, 1000 * sizeof(uint16_t));
	assert_int_equal(again.topology.election_start, scene.topology.election_start);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_rings_next__refuses_what_is_no_successor),
		cmocka_unit_test(test_rings_next__nothing_changes_but_the_election),
		cmocka_unit_test(test_rings_next__passes_over_who_has_gone),
		cmocka_unit_test(test_rings_next__may_be_a_mesh),
		cmocka_unit_test(test_rings_next__a_new_member_comes_between),
		cmocka_unit_test(test_rings_next__many_new_members_are_built_anew),
	};

	return cmocka_run_group_tests_name("test_rings_next", tests, setup, teardown);
}
