/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A joiner that some members do not reach: it is not admitted, it learns whom to look at, it asks
 * less and less often, and when the links are mended it is in.
 */
#include "tests/sim/simrun.h"

#include "sim/simworld.h"

#define MS      UINT64_C(1000000)
#define MEMBERS 5U
#define JOINER  MEMBERS

/* What the joiner logged. */
struct diary {
	uint32_t unreachable_count;
	bool is_named[MEMBERS];
};

static void
note(void *state, uint16_t index, const struct peal_event *event, uint64_t at_ns)
{
	struct diary *diary = state;

	(void)at_ns;
	if (index == JOINER && event->kind == PEAL_EVENT_UNREACHABLE) {
		uint16_t named = peal_simnode_find_ipv4(event->address.ipv4);

		assert_in_range(named, 0, MEMBERS - 1U);
		diary->unreachable_count++;
		diary->is_named[named] = true;
		assert_int_equal(event->value & 255U, MEMBERS);
	}
}

static void
open_world(struct peal_simworld *world, struct diary *diary, uint64_t seed)
{
	struct peal_simworld_config config = {
		.nodes_count = MEMBERS + 1U, .expect = MEMBERS, .preset = "dpdk", .seed = seed};

	memset(diary, 0, sizeof(*diary));
	peal_report_init(&simrun_report);
	peal_simworld_init(world, &config, &simrun_report);
	world->on_event = note;
	world->on_event_state = diary;
	for (uint16_t i = 0; i < MEMBERS; i++) {
		peal_simworld_start(world, i);
	}
	assert_true(peal_simworld_run_to_agreement(world, peal_simworld_patience_ns(world)));
	peal_simworld_run_for(world, 500U * MS);
}

static void
close_world(struct peal_simworld *world)
{
	peal_simworld_fini(world);
	assert_int_equal(simrun_report.violations_count, 0);
}

static bool
is_member(const struct peal_simworld *world)
{
	return world->nodes[JOINER]->node.state == PEAL_NODE_MEMBER;
}

/* One direction is enough, whichever it is. Two of five members are cut off from the joiner. */
static void
cut_two(struct peal_simworld *world, bool is_inward)
{
	for (uint16_t member = 3; member < MEMBERS; member++) {
		if (is_inward) {
			peal_simworld_cut(world, member, JOINER, true);
		} else {
			peal_simworld_cut(world, JOINER, member, true);
		}
	}
}

static void
test_unreachable__the_joiner_learns_who_does_not_reach_it(void **state)
{
	struct peal_simworld world;
	struct diary diary;

	(void)state;
	for (uint64_t seed = 1; seed <= 20; seed++) {
		uint32_t views_count;

		open_world(&world, &diary, seed);
		views_count = world.views.count;
		cut_two(&world, seed % 2U == 0);
		peal_simworld_start(&world, JOINER);
		peal_simworld_run_for(&world, 10000U * MS);
		assert_false(is_member(&world));
		assert_int_equal(world.views.count, views_count);
		/* Each once, however often it asked. */
		assert_int_equal(diary.unreachable_count, 2);
		assert_true(diary.is_named[3] && diary.is_named[4]);

		peal_simworld_heal(&world);
		assert_true(peal_simworld_run_to_agreement(&world, 6000U * MS));
		assert_true(is_member(&world));
		close_world(&world);
	}
}

/* The pauses double up to five seconds: each of the five that may be sequencer has a dozen
 * occasions or two in a minute. One that asked on would have been told 600 times. */
static void
test_unreachable__it_asks_less_and_less_often(void **state)
{
	struct peal_simworld world;
	struct diary diary;
	uint64_t told_count = 0;

	(void)state;
	open_world(&world, &diary, 3);
	cut_two(&world, true);
	peal_simworld_start(&world, JOINER);
	peal_simworld_run_for(&world, 60000U * MS);
	for (uint16_t i = 0; i < MEMBERS; i++) {
		told_count += peal_counter_get(
			&world.nodes[i]->node.counters, PEAL_COUNTER_JOINERS_UNREACHABLE);
	}
	assert_in_range(told_count, 8, 150);
	assert_int_equal(diary.unreachable_count, 2);
	close_world(&world);
}

/* A member that has just died is not the joiner's fault: it is removed, the joiner gets in, and
 * nobody is blamed. */
static void
test_unreachable__a_dead_member_is_nobodys_broken_link(void **state)
{
	struct peal_simworld world;
	struct diary diary;

	(void)state;
	for (uint64_t seed = 1; seed <= 20; seed++) {
		open_world(&world, &diary, seed);
		peal_simworld_crash(&world, 4);
		peal_simworld_start(&world, JOINER);
		assert_true(peal_simworld_run_to_agreement(&world, 3000U * MS));
		assert_true(is_member(&world));
		assert_int_equal(world.nodes[0]->node.view.members_count, MEMBERS);
		assert_int_equal(diary.unreachable_count, 0);
		close_world(&world);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_unreachable__the_joiner_learns_who_does_not_reach_it),
		cmocka_unit_test(test_unreachable__it_asks_less_and_less_often),
		cmocka_unit_test(test_unreachable__a_dead_member_is_nobodys_broken_link),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
