/* SPDX-License-Identifier: BSD-3-Clause */
#include "wire/replay.h"

#include "base/prng.h"
#include "tests/lib/cmocka_all.h"
#include "tests/lib/dies.h"

#include <string.h>

#define WINDOW ((uint64_t)PEAL_REPLAY_WINDOW_MAX)

static void
commit_seven(void *argument)
{
	peal_replay_commit(argument, 7);
}

static void
commit_zero(void *argument)
{
	peal_replay_commit(argument, 0);
}

static void
test_replay__is_small_and_starts_empty(void **state)
{
	struct peal_replay replay;

	(void)state;
	assert_int_equal(sizeof(replay), 40);
	memset(&replay, 0xFF, sizeof(replay));
	peal_replay_init(&replay);
	assert_int_equal(replay.highest, 0);
	for (uint64_t counter = 1; counter < 2 * WINDOW; counter++) {
		assert_true(peal_replay_check(&replay, counter));
	}
}

static void
test_replay__refuses_zero_always(void **state)
{
	struct peal_replay replay;

	(void)state;
	peal_replay_init(&replay);
	assert_false(peal_replay_check(&replay, 0));
	peal_replay_commit(&replay, 1);
	assert_false(peal_replay_check(&replay, 0));
	replay.highest = UINT64_MAX;
	assert_false(peal_replay_check(&replay, 0));
	assert_true(peal_test_dies(commit_zero, &replay));
}

static void
test_replay__stops_at_a_second_commit(void **state)
{
	struct peal_replay replay;

	(void)state;
	peal_replay_init(&replay);
	peal_replay_commit(&replay, 7);
	assert_true(peal_test_dies(commit_seven, &replay));
}

static void
test_replay__changes_nothing_by_asking(void **state)
{
	struct peal_replay replay;
	struct peal_replay before;

	(void)state;
	peal_replay_init(&replay);
	peal_replay_commit(&replay, 5);
	before = replay;
	assert_true(peal_replay_check(&replay, 1000));
	assert_memory_equal(&replay, &before, sizeof(before));
}

static void
test_replay__remembers_exactly_its_window(void **state)
{
	struct peal_replay replay;

	(void)state;
	peal_replay_init(&replay);
	peal_replay_commit(&replay, 1000);
	assert_false(peal_replay_check(&replay, 1000));
	assert_true(peal_replay_check(&replay, 1001));
	assert_true(peal_replay_check(&replay, 1000 - WINDOW + 1));
	assert_false(peal_replay_check(&replay, 1000 - WINDOW));
	peal_replay_commit(&replay, 1000 - WINDOW + 1);
	assert_false(peal_replay_check(&replay, 1000 - WINDOW + 1));
}

static void
test_replay__forgets_what_a_jump_leaves_behind(void **state)
{
	struct peal_replay replay;

	(void)state;
	for (uint64_t jump = 1; jump <= 2 * WINDOW; jump++) {
		peal_replay_init(&replay);
		for (uint64_t counter = 1; counter <= WINDOW; counter++) {
			peal_replay_commit(&replay, counter);
		}
		uint64_t highest = WINDOW + jump;
		peal_replay_commit(&replay, highest);
		for (uint64_t counter = highest - WINDOW + 1; counter < highest; counter++) {
			assert_int_equal(peal_replay_check(&replay, counter), counter > WINDOW);
		}
	}
}

static void
test_replay__lives_to_the_last_counter(void **state)
{
	struct peal_replay replay;

	(void)state;
	peal_replay_init(&replay);
	peal_replay_commit(&replay, UINT64_MAX - 1U);
	peal_replay_commit(&replay, UINT64_MAX);
	assert_false(peal_replay_check(&replay, UINT64_MAX));
	assert_false(peal_replay_check(&replay, UINT64_MAX - 1U));
	assert_true(peal_replay_check(&replay, UINT64_MAX - 2U));
	assert_false(peal_replay_check(&replay, 1));
}

/* The plain twin: everything that was ever seen. */
#define TWIN_MAX 20000U

static void
test_replay__agrees_with_a_list_of_all_counters(void **state)
{
	static bool seen[TWIN_MAX];
	struct peal_replay replay;
	struct peal_prng prng;

	(void)state;
	for (uint64_t seed = 0; seed < 5; seed++) {
		uint64_t highest = 0;

		memset(seen, 0, sizeof(seen));
		peal_replay_init(&replay);
		peal_prng_init(&prng, seed);
		for (uint32_t round = 0; round < 50000 && highest + 700 < TWIN_MAX; round++) {
			uint64_t back = peal_prng_below(&prng, 300);
			uint64_t ahead = peal_prng_ratio(&prng, 1, 50) ? peal_prng_below(&prng, 600)
								       : peal_prng_below(&prng, 2);
			uint64_t counter = highest + ahead;

			if (peal_prng_ratio(&prng, 1, 2)) {
				counter = highest > back ? highest - back : 0;
			}
			bool is_new = counter > 0 && counter + WINDOW > highest && !seen[counter];
			assert_int_equal(peal_replay_check(&replay, counter), is_new);
			if (is_new) {
				peal_replay_commit(&replay, counter);
				seen[counter] = true;
				highest = counter > highest ? counter : highest;
			}
			assert_int_equal(replay.highest, highest);
		}
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_replay__is_small_and_starts_empty),
		cmocka_unit_test(test_replay__refuses_zero_always),
		cmocka_unit_test(test_replay__stops_at_a_second_commit),
		cmocka_unit_test(test_replay__changes_nothing_by_asking),
		cmocka_unit_test(test_replay__remembers_exactly_its_window),
		cmocka_unit_test(test_replay__forgets_what_a_jump_leaves_behind),
		cmocka_unit_test(test_replay__lives_to_the_last_counter),
		cmocka_unit_test(test_replay__agrees_with_a_list_of_all_counters),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
