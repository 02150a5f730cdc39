/* SPDX-License-Identifier: BSD-3-Clause */
#include "control/promises.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#define MS UINT64_C(1000000)

static struct peal_vote_key
key_of(uint32_t round)
{
	return (struct peal_vote_key){
		.kind = PEAL_VOTE_PROMISE, .ballot = {.round = round, .index = 1}};
}

static void
test_promises__are_passed_on_when_they_grow_but_not_too_often(void **state)
{
	static struct peal_promises promises;
	const struct peal_promise *promise = NULL;
	struct peal_vote_key key = key_of(2);
	struct peal_bitset ranks = {0};
	struct peal_timing timing;

	(void)state;
	assert_true(peal_timing_find("dpdk", &timing));
	peal_promises_clear(&promises);
	peal_bitset_add(&ranks, 9000);
	peal_promises_add(&promises, &timing, &key, &ranks, 10 * MS);
	assert_true(peal_promises_deadline_at_ns(&promises) == 10 * MS);
	promise = peal_promises_take(&promises, 10 * MS);
	assert_non_null(promise);
	assert_true(peal_bitset_has(&promise->ranks, 9000));
	assert_null(peal_promises_take(&promises, 10 * MS));

	/* The same again is no news. */
	peal_promises_add(&promises, &timing, &key, &ranks, 11 * MS);
	assert_true(peal_promises_deadline_at_ns(&promises) == UINT64_MAX);
	ranks = (struct peal_bitset){0};
	peal_bitset_add(&ranks, 3);
	peal_promises_add(&promises, &timing, &key, &ranks, 11 * MS);
	assert_null(peal_promises_take(&promises, 11 * MS));
	promise = peal_promises_take(&promises, 10 * MS + timing.flood_ns / 2U);
	assert_non_null(promise);
	assert_int_equal(peal_bitset_count(&promise->ranks), 2);
}

static void
test_promises__older_ballots_give_way(void **state)
{
	static struct peal_promises promises;
	struct peal_bitset ranks = {0};
	struct peal_timing timing;
	uint32_t taken_count = 0;

	(void)state;
	assert_true(peal_timing_find("dpdk", &timing));
	peal_promises_clear(&promises);
	peal_bitset_add(&ranks, 1);
	for (uint32_t round = 3; round < 3U + 2U * PEAL_PROMISES_MAX; round++) {
		struct peal_vote_key key = key_of(round);

		peal_promises_add(&promises, &timing, &key, &ranks, 1);
	}
	struct peal_vote_key old = key_of(2);

	peal_promises_add(&promises, &timing, &old, &ranks, 1);
	for (const struct peal_promise *promise = peal_promises_take(&promises, 1); promise != NULL;
		promise = peal_promises_take(&promises, 1)) {
		assert_true(promise->key.ballot.round >= 3U + PEAL_PROMISES_MAX);
		taken_count++;
	}
	assert_int_equal(taken_count, PEAL_PROMISES_MAX);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_promises__are_passed_on_when_they_grow_but_not_too_often),
		cmocka_unit_test(test_promises__older_ballots_give_way),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
