/* SPDX-License-Identifier: BSD-3-Clause */
#include "dataplane/turns.h"

#include "tests/lib/cmocka_all.h"
#include "tests/lib/dies.h"

#include <string.h>

#define TURN PEAL_CLIENT_CAST_TURN_SIZE

static void
test_turns__nobody_waits_while_there_is_room(void **state)
{
	struct peal_turns turns = {0};

	(void)state;
	for (uint32_t place = 0; place < PEAL_CLIENTS_MAX; place++) {
		assert_true(peal_turns_may(&turns, place));
		peal_turns_count(&turns, place, 3U * TURN);
	}
	assert_int_equal(turns.size, 0);
	assert_true(peal_turns_may(&turns, 0));
}

static void
test_turns__who_waits_goes_before_who_comes(void **state)
{
	struct peal_turns turns = {0};

	(void)state;
	assert_true(peal_turns_may(&turns, 5));
	peal_turns_wait(&turns, 5);
	assert_false(peal_turns_may(&turns, 0));
	peal_turns_wait(&turns, 0);
	assert_true(peal_turns_may(&turns, 5));
	peal_turns_count(&turns, 5, TURN);
	/* Its turn is over, and it did not wait any more. */
	assert_true(peal_turns_may(&turns, 0));
	peal_turns_wait(&turns, 5);
	assert_false(peal_turns_may(&turns, 5));
}

/* Bytes that each of two got while both always wait. */
static void
share(uint32_t first_size, uint32_t second_size, uint64_t shares[2])
{
	const uint32_t sizes[2] = {first_size, second_size};
	struct peal_turns turns = {0};

	shares[0] = shares[1] = 0;
	peal_turns_wait(&turns, 0);
	peal_turns_wait(&turns, 1);
	for (uint32_t i = 0; i < 100000U; i++) {
		for (uint32_t place = 0; place < 2U; place++) {
			if (peal_turns_may(&turns, place)) {
				peal_turns_count(&turns, place, sizes[place]);
				peal_turns_wait(&turns, place);
				shares[place] += sizes[place];
			}
		}
	}
}

static void
test_turns__large_and_small_messages_get_the_same(void **state)
{
	uint64_t shares[2];

	(void)state;
	share(TURN, 100, shares);
	assert_in_range(shares[1], shares[0] / 100U * 95U, shares[0] / 100U * 105U);
	/* Two of them are half as much again as a turn: what was too much is taken off the next. */
	share(TURN / 4U * 3U, 64, shares);
	assert_in_range(shares[1], shares[0] / 100U * 95U, shares[0] / 100U * 105U);
}

static void
test_turns__who_is_gone_holds_nobody_up(void **state)
{
	struct peal_turns turns = {0};

	(void)state;
	assert_true(peal_turns_may(&turns, 9));
	peal_turns_wait(&turns, 9);
	peal_turns_wait(&turns, 3);
	assert_false(peal_turns_may(&turns, 3));
	turns.debts[9] = 7;
	peal_turns_forget(&turns, 9);
	assert_true(peal_turns_may(&turns, 3));
	assert_int_equal(turns.debts[9], 0);
	/* Who says something else than what waited is asked again. */
	peal_turns_stop(&turns, 3);
	assert_true(peal_turns_may(&turns, 20));
}

static void
ask_beyond(void *argument)
{
	(void)peal_turns_may(argument, PEAL_CLIENTS_MAX);
}

static void
test_turns__has_a_place_for_each_client_and_no_more(void **state)
{
	struct peal_turns turns = {0};

	(void)state;
	peal_turns_wait(&turns, PEAL_CLIENTS_MAX - 1U);
	assert_true(peal_turns_may(&turns, PEAL_CLIENTS_MAX - 1U));
	peal_turns_count(&turns, PEAL_CLIENTS_MAX - 1U, 2U * TURN);
	assert_true(peal_test_dies(ask_beyond, &turns));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_turns__nobody_waits_while_there_is_room),
		cmocka_unit_test(test_turns__who_waits_goes_before_who_comes),
		cmocka_unit_test(test_turns__large_and_small_messages_get_the_same),
		cmocka_unit_test(test_turns__who_is_gone_holds_nobody_up),
		cmocka_unit_test(test_turns__has_a_place_for_each_client_and_no_more),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
