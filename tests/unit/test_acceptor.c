/* SPDX-License-Identifier: BSD-3-Clause */
#include "control/acceptor.h"
#include "tests/lib/cmocka_all.h"
#include "tests/lib/dies.h"

static const struct peal_hash128 red = {1, 1};
static const struct peal_hash128 blue = {2, 2};
static const struct peal_ballot b21 = {2, 1};
static const struct peal_ballot b22 = {2, 2};
static const struct peal_ballot b31 = {3, 1};

static struct peal_acceptor
new_acceptor(void)
{
	struct peal_acceptor acceptor;

	peal_acceptor_init(&acceptor);
	return acceptor;
}

static void
assert_accepted(
	const struct peal_acceptor *acceptor, struct peal_ballot ballot, struct peal_hash128 digest)
{
	assert_int_equal(peal_ballot_compare(acceptor->vrnd, ballot), 0);
	assert_true(peal_hash128_equals(acceptor->vdigest, digest));
	peal_acceptor_check(acceptor);
}

static void
test_acceptor__votes_once(void **state)
{
	struct peal_acceptor acceptor = new_acceptor();

	(void)state;
	assert_true(peal_acceptor_vote(&acceptor, red));
	assert_accepted(&acceptor, PEAL_BALLOT_FAST, red);
	assert_false(peal_acceptor_vote(&acceptor, red));
	assert_false(peal_acceptor_vote(&acceptor, blue));
	assert_accepted(&acceptor, PEAL_BALLOT_FAST, red);
}

static void
test_acceptor__does_not_vote_after_a_promise(void **state)
{
	struct peal_acceptor acceptor = new_acceptor();

	(void)state;
	assert_int_equal(peal_acceptor_on_p1a(&acceptor, b21), PEAL_ACCEPTOR_P1B);
	assert_false(peal_acceptor_vote(&acceptor, red));
	assert_int_equal(acceptor.vrnd.round, 0);
}

static void
test_acceptor__does_not_vote_after_accepting_unasked(void **state)
{
	struct peal_acceptor acceptor = new_acceptor();

	(void)state;
	assert_int_equal(peal_acceptor_on_p2a(&acceptor, b21, blue), PEAL_ACCEPTOR_P2B);
	assert_false(peal_acceptor_vote(&acceptor, red));
	assert_accepted(&acceptor, b21, blue);
}

static void
test_acceptor__promises_strictly_higher_ballots(void **state)
{
	struct peal_acceptor acceptor = new_acceptor();

	(void)state;
	assert_true(peal_acceptor_vote(&acceptor, red));
	assert_int_equal(peal_acceptor_on_p1a(&acceptor, b22), PEAL_ACCEPTOR_P1B);
	assert_int_equal(peal_ballot_compare(acceptor.p1b_vrnd, PEAL_BALLOT_FAST), 0);
	assert_true(peal_hash128_equals(acceptor.p1b_vdigest, red));
	assert_int_equal(peal_acceptor_on_p1a(&acceptor, b21), PEAL_ACCEPTOR_NACK);
	assert_int_equal(peal_acceptor_on_p1a(&acceptor, b31), PEAL_ACCEPTOR_P1B);
	assert_int_equal(peal_ballot_compare(acceptor.promised, b31), 0);
}

static void
test_acceptor__repeats_the_promise_it_gave(void **state)
{
	struct peal_acceptor acceptor = new_acceptor();

	(void)state;
	assert_int_equal(peal_acceptor_on_p1a(&acceptor, b21), PEAL_ACCEPTOR_P1B);
	assert_int_equal(peal_acceptor_on_p2a(&acceptor, b21, red), PEAL_ACCEPTOR_P2B);
	assert_int_equal(peal_acceptor_on_p1a(&acceptor, b21), PEAL_ACCEPTOR_P1B);
	assert_int_equal(acceptor.p1b_vrnd.round, 0);
}

static void
test_acceptor__has_no_promise_to_repeat_when_it_only_accepted(void **state)
{
	struct peal_acceptor acceptor = new_acceptor();

	(void)state;
	assert_int_equal(peal_acceptor_on_p1a(&acceptor, b21), PEAL_ACCEPTOR_P1B);
	assert_int_equal(peal_acceptor_on_p2a(&acceptor, b31, red), PEAL_ACCEPTOR_P2B);
	assert_int_equal(peal_acceptor_on_p1a(&acceptor, b31), PEAL_ACCEPTOR_SILENT);
	assert_int_equal(peal_acceptor_on_p1a(&acceptor, b21), PEAL_ACCEPTOR_NACK);
}

static void
test_acceptor__accepts_at_or_above_its_promise(void **state)
{
	struct peal_acceptor acceptor = new_acceptor();

	(void)state;
	assert_int_equal(peal_acceptor_on_p1a(&acceptor, b22), PEAL_ACCEPTOR_P1B);
	assert_int_equal(peal_acceptor_on_p2a(&acceptor, b21, red), PEAL_ACCEPTOR_NACK);
	assert_int_equal(acceptor.vrnd.round, 0);
	assert_int_equal(peal_acceptor_on_p2a(&acceptor, b22, red), PEAL_ACCEPTOR_P2B);
	assert_accepted(&acceptor, b22, red);
	assert_int_equal(peal_acceptor_on_p2a(&acceptor, b31, blue), PEAL_ACCEPTOR_P2B);
	assert_accepted(&acceptor, b31, blue);
	assert_int_equal(peal_ballot_compare(acceptor.promised, b31), 0);
}

static void
test_acceptor__answers_a_repeated_proposal_and_reports_another(void **state)
{
	struct peal_acceptor acceptor = new_acceptor();

	(void)state;
	assert_int_equal(peal_acceptor_on_p2a(&acceptor, b21, red), PEAL_ACCEPTOR_P2B);
	assert_int_equal(peal_acceptor_on_p2a(&acceptor, b21, red), PEAL_ACCEPTOR_P2B);
	assert_int_equal(peal_acceptor_on_p2a(&acceptor, b21, blue), PEAL_ACCEPTOR_CONFLICT);
	assert_accepted(&acceptor, b21, red);
}

static void
promise_the_fast_round(void *argument)
{
	(void)peal_acceptor_on_p1a(argument, PEAL_BALLOT_FAST);
}

static void
check_nonsense(void *argument)
{
	struct peal_acceptor acceptor = *(struct peal_acceptor *)argument;

	acceptor.vrnd = b31;
	acceptor.promised = b21;
	peal_acceptor_check(&acceptor);
}

static void
test_acceptor__asserts_what_callers_promise(void **state)
{
	struct peal_acceptor acceptor = new_acceptor();

	(void)state;
	assert_true(peal_test_dies(promise_the_fast_round, &acceptor));
	assert_true(peal_test_dies(check_nonsense, &acceptor));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_acceptor__votes_once),
		cmocka_unit_test(test_acceptor__does_not_vote_after_a_promise),
		cmocka_unit_test(test_acceptor__does_not_vote_after_accepting_unasked),
		cmocka_unit_test(test_acceptor__promises_strictly_higher_ballots),
		cmocka_unit_test(test_acceptor__repeats_the_promise_it_gave),
		cmocka_unit_test(test_acceptor__has_no_promise_to_repeat_when_it_only_accepted),
		cmocka_unit_test(test_acceptor__accepts_at_or_above_its_promise),
		cmocka_unit_test(test_acceptor__answers_a_repeated_proposal_and_reports_another),
		cmocka_unit_test(test_acceptor__asserts_what_callers_promise),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
