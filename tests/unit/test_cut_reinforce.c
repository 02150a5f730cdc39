/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The cut while somebody stays unstable: reinforcement, the last resort, epochs of days.
 */
#include "membership/cut.h"

#include "tests/lib/cutscene.h"

static void
test_cut_reinforce__echoes_an_unstable_subject_every_round(void **state)
{
	struct peal_bitset echoes;
	uint64_t now_ns = 7000;

	(void)state;
	start(9);
	(void)report(0, 8, 3000);
	(void)report(1, 8, now_ns);
	assert_sets(0, 0x100);
	assert_int_equal(peal_cut_deadline_at_ns(&cut), now_ns + timing.reinforce_ns);
	echoes = tick(2, now_ns + timing.reinforce_ns - 1U);
	assert_int_equal(peal_situation_bits(&echoes), 0);

	now_ns += timing.reinforce_ns;
	echoes = tick(2, now_ns);
	assert_int_equal(peal_situation_bits(&echoes), 0x100);
	/* Once a round. */
	echoes = tick(2, now_ns);
	assert_int_equal(peal_situation_bits(&echoes), 0);
	assert_int_equal(peal_cut_deadline_at_ns(&cut), now_ns + timing.reinforce_ns);

	/* Not by those who have reported, and not by the subject. */
	now_ns += timing.reinforce_ns;
	echoes = tick(0, now_ns);
	assert_int_equal(peal_situation_bits(&echoes), 0);
	now_ns += timing.reinforce_ns;
	echoes = tick(8, now_ns);
	assert_int_equal(peal_situation_bits(&echoes), 0);
}

static void
test_cut_reinforce__puts_reinforcement_off_while_others_become_unstable(void **state)
{
	uint64_t round_ns = 0;
	uint64_t step_ns = 0;
	struct peal_bitset echoes;

	(void)state;
	start(9);
	round_ns = timing.reinforce_ns;
	step_ns = round_ns * 9U / 10U;
	for (uint32_t i = 0; i < 3; i++) {
		(void)report(0, 8U - i, i * step_ns);
		(void)report(1, 8U - i, i * step_ns);
		assert_int_equal(peal_cut_deadline_at_ns(&cut), i * step_ns + round_ns);
	}
	/* But not for ever: three rounds after it became unstable the first one is due. */
	(void)report(0, 5, 3U * step_ns);
	(void)report(1, 5, 3U * step_ns);
	assert_sets(0, 0x1E0);
	assert_int_equal(peal_cut_deadline_at_ns(&cut), 3U * round_ns);
	echoes = tick(2, 3U * round_ns);
	assert_int_equal(peal_situation_bits(&echoes), 0x100);
	/* Who was unstable for less long waits for quiet. */
	assert_int_equal(peal_cut_deadline_at_ns(&cut), 3U * step_ns + round_ns);
	echoes = tick(2, 3U * step_ns + round_ns);
	assert_int_equal(peal_situation_bits(&echoes), 0x0E0);
}

static void
test_cut_reinforce__reinforces_who_is_blamed_alone(void **state)
{
	struct peal_bitset echoes;

	(void)state;
	/* 7 and 8 miss two of eight observers each, and accuse 6, who has no other bad edge. */
	start(9);
	(void)report(0, 7, 0);
	(void)report(1, 7, 0);
	(void)report(2, 8, 0);
	(void)report(3, 8, 0);
	(void)report(7, 6, 0);
	(void)report(8, 6, 0);
	assert_sets(0, 0x1C0);
	echoes = tick(5, timing.reinforce_ns);
	assert_int_equal(peal_situation_bits(&echoes), 0x180);
}

static void
test_cut_reinforce__is_finished_by_echoes(void **state)
{
	(void)state;
	start(5);
	(void)report(0, 4, 0);
	(void)report(1, 4, 0);
	assert_sets(0, 0x10);
	(void)report(2, 4, timing.reinforce_ns);
	/* More than half, but one report short of H. */
	assert_sets(0, 0x10);
	(void)report(3, 4, timing.reinforce_ns);
	assert_sets(0x10, 0);
}

static void
test_cut_reinforce__starts_the_clock_anew_for_who_comes_back(void **state)
{
	(void)state;
	start(5);
	/* 0 and 1 accuse 4, then turn out to be deaf: 4 is noise again. */
	(void)report(0, 4, 0);
	(void)report(1, 4, 0);
	assert_sets(0, 0x10);
	for (uint32_t observer = 1; observer < 5; observer++) {
		(void)report(observer, 0, 100000);
	}
	assert_false(peal_bitset_has(&cut.unstable, 4));
	/* Two more accuse it: unstable from now on. */
	(void)report(2, 4, 500000);
	assert_true(peal_bitset_has(&cut.unstable, 4));
	assert_int_equal(peal_cut_deadline_at_ns(&cut), 500000 + timing.reinforce_ns);
}

static void
test_cut_reinforce__goes_on_without_a_subject_that_stays_unstable(void **state)
{
	struct peal_proposal proposal;
	uint64_t end_ns = 0;

	(void)state;
	start(9);
	(void)report(0, 7, 0);
	(void)report(1, 7, 0);
	report_by_all(0x100, 8, 50);
	end_ns = 4U * timing.reinforce_ns;
	for (uint64_t now_ns = timing.reinforce_ns; now_ns < end_ns;
		now_ns += timing.reinforce_ns) {
		(void)tick(0, now_ns);
		assert_false(peal_cut_is_due(&cut, now_ns));
	}
	assert_int_equal(peal_cut_deadline_at_ns(&cut), end_ns);
	(void)tick(0, end_ns);
	assert_true(cut.is_last_resort);
	assert_true(peal_cut_is_due(&cut, end_ns));
	assert_false(peal_cut_is_complete(&cut));
	assert_true(peal_cut_deadline_at_ns(&cut) > end_ns);
	peal_cut_get_proposal(&cut, &proposal);
	assert_int_equal(peal_situation_bits(&proposal.removals), 0x100);

	/* The eighth is resolved after all: an ordinary cut again. */
	report_by_all(0x180, 7, end_ns + 1U);
	assert_false(cut.is_last_resort);
	assert_false(peal_cut_is_due(&cut, end_ns + 1U));
	assert_true(peal_cut_is_due(&cut, end_ns + 1U + timing.settle_ns));
}

static void
test_cut_reinforce__has_no_last_resort_without_something_to_propose(void **state)
{
	(void)state;
	start(9);
	(void)report(0, 7, 0);
	(void)report(1, 7, 0);
	(void)tick(0, 4U * timing.reinforce_ns);
	assert_false(peal_cut_is_due(&cut, 4U * timing.reinforce_ns));
	assert_true(cut.is_last_resort);
	/* Who leaves is not held up by it any more. */
	(void)leave(3, 4U * timing.reinforce_ns + 1U);
	assert_true(peal_cut_is_due(&cut, 4U * timing.reinforce_ns + 1U));
}

static void
test_cut_reinforce__remembers_in_an_epoch_of_days(void **state)
{
	uint64_t day_ns = UINT64_C(86400) * 1000000000U;
	uint64_t now_ns = 3U * day_ns;
	struct peal_bitset echoes;

	(void)state;
	start(9);
	(void)report(0, 8, now_ns);
	(void)report(1, 8, now_ns);
	assert_sets(0, 0x100);
	assert_int_equal(peal_cut_deadline_at_ns(&cut), now_ns + timing.reinforce_ns);
	now_ns += 4U * timing.reinforce_ns;
	(void)tick(2, now_ns - 1000U);
	assert_false(cut.is_last_resort);
	(void)tick(2, now_ns);
	assert_true(cut.is_last_resort);

	/* Unstable for days: still echoed, and another one does not take its place in the queue. */
	now_ns += 40U * day_ns;
	echoes = tick(2, now_ns);
	assert_int_equal(peal_situation_bits(&echoes), 0x100);
	(void)report(0, 7, now_ns + 1000U);
	(void)report(1, 7, now_ns + 1000U);
	assert_sets(0, 0x180);
	assert_true(cut.is_last_resort);
	assert_int_equal(peal_cut_deadline_at_ns(&cut), now_ns + timing.reinforce_ns);
	echoes = tick(2, now_ns + timing.reinforce_ns);
	assert_int_equal(peal_situation_bits(&echoes), 0x100);
	echoes = tick(2, now_ns + timing.reinforce_ns + 1000U);
	assert_int_equal(peal_situation_bits(&echoes), 0x080);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_cut_reinforce__echoes_an_unstable_subject_every_round),
		cmocka_unit_test(
			test_cut_reinforce__puts_reinforcement_off_while_others_become_unstable),
		cmocka_unit_test(test_cut_reinforce__reinforces_who_is_blamed_alone),
		cmocka_unit_test(test_cut_reinforce__is_finished_by_echoes),
		cmocka_unit_test(test_cut_reinforce__starts_the_clock_anew_for_who_comes_back),
		cmocka_unit_test(test_cut_reinforce__goes_on_without_a_subject_that_stays_unstable),
		cmocka_unit_test(
			test_cut_reinforce__has_no_last_resort_without_something_to_propose),
		cmocka_unit_test(test_cut_reinforce__remembers_in_an_epoch_of_days),
	};

	return cmocka_run_group_tests_name("test_cut_reinforce", tests, NULL, NULL);
}
