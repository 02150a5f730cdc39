/* SPDX-License-Identifier: BSD-3-Clause */
#include "abcast/abcast_seal.h"

#include "tests/lib/cmocka_all.h"

#define NOW_NS 1000U

static struct peal_abcast_seal seal;
static const struct peal_abcast_quorum quorum = {.counted = 7, .least = 2};

static int
begin(void **state)
{
	(void)state;
	peal_abcast_seal_init(&seal);
	return 0;
}

static bool
promise(uint8_t rank, uint64_t have, uint64_t accepted, uint64_t last)
{
	struct peal_abcast_promise said = {.ballot = seal.ballot,
		.have = have,
		.accepted = accepted,
		.end = {.last = last, .until = last * 100U}};

	return peal_abcast_seal_on_promise(&seal, rank, &said, 77, quorum);
}

static void
test_abcast_seal__promises_rise(void **state)
{
	const struct peal_abcast_end end = {.last = 4, .until = 9};

	(void)state;
	assert_true(peal_abcast_seal_prepare(&seal, 0x101, NOW_NS));
	assert_false(peal_abcast_seal_prepare(&seal, 0x101, NOW_NS));
	assert_false(peal_abcast_seal_prepare(&seal, 0x100, NOW_NS));
	assert_false(peal_abcast_seal_may_accept(&seal, 0x100));
	assert_true(peal_abcast_seal_may_accept(&seal, 0x101));
	peal_abcast_seal_accept(&seal, 0x202, &end, NOW_NS);
	assert_true(seal.promised == 0x202U && seal.accepted == 0x202U);
	assert_true(seal.accepted_end.last == 4U);
	/* The next proposal is above all that was heard. */
	assert_true(peal_abcast_seal_propose(&seal, 0) == 0x300U);
	assert_true(peal_abcast_seal_propose(&seal, 0) == 0x400U);
}

static void
test_abcast_seal__takes_the_most_that_a_majority_has(void **state)
{
	(void)state;
	(void)peal_abcast_seal_propose(&seal, 1);
	assert_false(promise(1, 3, 0, 0));
	assert_false(promise(1, 9, 0, 0)); /* the same rank again */
	assert_true(promise(0, 5, 0, 0));
	assert_true(seal.end.last == 5U && seal.end.until == 77U);
	assert_false(promise(2, 8, 0, 0)); /* too late */
	assert_true(seal.end.last == 5U);
	assert_false(peal_abcast_seal_on_accepted(&seal, 1, seal.ballot, quorum));
	assert_false(peal_abcast_seal_on_accepted(&seal, 1, seal.ballot, quorum));
	assert_false(peal_abcast_seal_on_accepted(&seal, 0, seal.ballot + 1U, quorum));
	assert_true(peal_abcast_seal_on_accepted(&seal, 0, seal.ballot, quorum));
	assert_false(peal_abcast_seal_on_accepted(&seal, 2, seal.ballot, quorum));
}

static void
test_abcast_seal__proposes_what_was_accepted_last(void **state)
{
	struct peal_abcast_promise old = {.ballot = 1};

	(void)state;
	(void)peal_abcast_seal_propose(&seal, 1);
	assert_false(peal_abcast_seal_on_promise(&seal, 0, &old, 77, quorum));
	assert_false(promise(1, 9, 0x102, 6));
	assert_true(promise(2, 9, 0x201, 4));
	assert_true(seal.end.last == 4U && seal.end.until == 400U);
}

static void
test_abcast_seal__remembers_its_last_decision(void **state)
{
	const struct peal_abcast_end end = {.last = 4, .until = 9};

	(void)state;
	assert_true(peal_abcast_seal_prepare(&seal, 0x101, NOW_NS));
	peal_abcast_seal_accept(&seal, 0x101, &end, NOW_NS);
	peal_abcast_seal_close(&seal, 3, &end);
	assert_true(seal.promised == 0 && seal.accepted == 0);
	assert_true(seal.has_decided && seal.decided_generation == 3U && seal.decided.last == 4U);
	assert_int_equal(seal.silent_count, 1);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(test_abcast_seal__promises_rise, begin),
		cmocka_unit_test_setup(test_abcast_seal__takes_the_most_that_a_majority_has, begin),
		cmocka_unit_test_setup(test_abcast_seal__proposes_what_was_accepted_last, begin),
		cmocka_unit_test_setup(test_abcast_seal__remembers_its_last_decision, begin),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
