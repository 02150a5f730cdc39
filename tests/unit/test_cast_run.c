/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What leaves without being asked, and what is asked for: repair.
 */
#include "dataplane/cast_private.h"

#include "tests/lib/cryscene.h"

static void
test_cast_run__a_gap_is_pulled_from_the_parent(void **state)
{
	(void)state;
	cry_lose(PEAL_MESSAGE_CAST, 1U << 1, 1U << 3, 1);
	peal_crier_say(&criers[0], "a");
	cry_run(10U * US);
	peal_crier_say(&criers[0], "b");
	cry_run(20U * US);
	assert_true(criers[3].text_size == 0); /* b is here and waits */
	cry_run(PEAL_CAST_REORDER_NS + 30U * US);
	cry_assert_all_heard(CRY_ALL, "ab");
	assert_int_equal(cry_counter(3, PEAL_COUNTER_CAST_PULLS_SENT), 1);
	assert_int_equal(cry_counter(1, PEAL_COUNTER_CAST_FRAMES_REPEATED), 1);
	assert_int_equal(cry_sum(PEAL_COUNTER_CAST_FRAMES_REPEATED), 1);
}

static void
test_cast_run__the_last_frame_is_missed_too(void **state)
{
	uint64_t began_at_ns = cores->now_ns;

	(void)state;
	cry_lose(PEAL_MESSAGE_CAST, CRY_ALL, 1U << 5 | 1U << 1, 2);
	peal_crier_say(&criers[0], "tail");
	while (criers[5].text_size == 0 || criers[1].text_size == 0 || criers[4].text_size == 0) {
		cry_run(10U * US);
		assert_true(cores->now_ns - began_at_ns < 300U * US);
	}
	cry_assert_all_heard(CRY_ALL, "tail");
	/* Who repaired its copy passed it on. */
	assert_int_equal(cry_counter(1, PEAL_COUNTER_CAST_FRAMES_RELAYED), 2);
}

static void
test_cast_run__a_subtree_with_a_dead_root_asks_over_the_other_tree(void **state)
{
	(void)state;
	cores->nodes[1]->is_running = false;
	peal_crier_say(&criers[0], "around");
	cry_run(3000U * US);
	cry_assert_all_heard(CRY_ALL & ~(1U << 1), "around");
	assert_true(cry_counter(3, PEAL_COUNTER_CAST_PULLS_SENT) > 0);
	assert_false(peal_cast_is_idle(&criers[0].cast)); /* one lacks it: all keep it */
	assert_false(peal_cast_is_idle(&criers[4].cast));
	/* It had stood still. */
	cores->nodes[1]->is_running = true;
	cry_run(40000U * US);
	assert_true(peal_crier_heard(&criers[1], "around"));
	for (uint32_t i = 0; i < CRY_COUNT; i++) {
		assert_true(peal_cast_is_idle(&criers[i].cast));
	}
}

static void
test_cast_run__whoever_has_it_repairs(void **state)
{
	(void)state;
	/* Node 3 hears nothing from either parent, nor from the origin, but from node 5. */
	cry_lose(0, CRY_ALL & ~(1U << 5), 1U << 3, UINT32_MAX);
	peal_crier_say(&criers[0], "a");
	peal_crier_say(&criers[5], "b");
	cry_run(20000U * US);
	assert_true(criers[3].text_size > 0);
	cry_lose(0, 0, 0, 0);
	cry_run(40000U * US);
	assert_int_equal(criers[3].messages_count, 2);
}

static void
test_cast_run__pauses_between_repeats_grow(void **state)
{
	uint64_t sent_count;

	(void)state;
	cores->nodes[6]->is_running = false;
	peal_crier_say(&criers[0], "x");
	cry_run(100000U * US);
	sent_count = cry_sum(PEAL_COUNTER_CAST_STATES_SENT);
	cry_run(100000U * US);
	/* Each of six, to a parent and a child at most, every 10 ms. */
	assert_true(cry_sum(PEAL_COUNTER_CAST_STATES_SENT) - sent_count <= 240U);
	assert_true(cry_sum(PEAL_COUNTER_CAST_STATES_SENT) - sent_count >= 10U);
}

static void
test_cast_run__rows_of_many_streams_share_a_frame(void **state)
{
	(void)state;
	for (uint32_t i = 1; i < CRY_COUNT; i++) {
		peal_crier_say(&criers[i], "x");
	}
	cry_run(5000U * US);
	/* 6 streams, 6 members each, up and down and once more: without sharing 216 at least. */
	assert_true(cry_sum(PEAL_COUNTER_CAST_STATES_SENT) < 216U);
}

/* A parent that is never answered doubts that the way carries, and so does who asks in vain; nobody
 * else. */
static void
test_cast_run__who_repeats_in_vain_doubts(void **state)
{
	(void)state;
	cores->nodes[1]->is_running = false;
	peal_crier_say(&criers[0], "anybody?");
	cry_run(5U * PEAL_PATH_VAIN_NS);
	assert_true(cry_counter(0, PEAL_COUNTER_PATH_DOUBTS) > 0);
	assert_true(cry_counter(3, PEAL_COUNTER_PATH_DOUBTS) > 0);
	assert_int_equal(cores->nodes[0]->core.paths.paths[1].state, PEAL_PATH_TESTING);
	cores->nodes[1]->is_running = true;
	cry_run(40000U * US);
	assert_int_equal(cry_sum(PEAL_COUNTER_PATHS_BROKEN), 0);
	for (uint32_t i = 0; i < CRY_COUNT; i++) {
		assert_true(peal_cast_is_idle(&criers[i].cast));
	}
}

/* As long as all is well nobody does, however much is said. */
static void
test_cast_run__nobody_doubts_while_all_is_well(void **state)
{
	(void)state;
	for (uint32_t i = 0; i < 200; i++) {
		peal_crier_say(&criers[i % 3U], "more");
		cry_run(100U * US);
	}
	assert_int_equal(cry_sum(PEAL_COUNTER_PATH_DOUBTS), 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(
			test_cast_run__a_gap_is_pulled_from_the_parent, cry_begin, cry_finish),
		cmocka_unit_test_setup_teardown(
			test_cast_run__the_last_frame_is_missed_too, cry_begin, cry_finish),
		cmocka_unit_test_setup_teardown(
			test_cast_run__a_subtree_with_a_dead_root_asks_over_the_other_tree,
			cry_begin, cry_finish),
		cmocka_unit_test_setup_teardown(
			test_cast_run__whoever_has_it_repairs, cry_begin, cry_finish),
		cmocka_unit_test_setup_teardown(
			test_cast_run__pauses_between_repeats_grow, cry_begin, cry_finish),
		cmocka_unit_test_setup_teardown(
			test_cast_run__rows_of_many_streams_share_a_frame, cry_begin, cry_finish),
		cmocka_unit_test_setup_teardown(
			test_cast_run__who_repeats_in_vain_doubts, cry_begin, cry_finish),
		cmocka_unit_test_setup_teardown(
			test_cast_run__nobody_doubts_while_all_is_well, cry_begin, cry_finish),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
