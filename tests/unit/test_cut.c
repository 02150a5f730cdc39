/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The cut: reports, leaves, and when it is due. test_cut_reinforce.c has who stays unstable,
 * test_cut_batch.c joiners.
 */
#include "membership/cut.h"

#include "membership/nextview.h"
#include "tests/lib/cutscene.h"
#include "tests/lib/dies.h"

#define NEVER_NS UINT64_MAX

/* ---- refusals ---- */

static void
report_a_stranger(void *argument)
{
	(void)peal_cut_on_report(argument, 5, 1, 0);
}

static void
ask_for_nothing(void *argument)
{
	struct peal_proposal proposal;

	peal_cut_get_proposal(argument, &proposal);
}

static void
test_cut__refuses_strangers_and_empty_proposals(void **state)
{
	(void)state;
	start(5);
	assert_true(peal_test_dies(report_a_stranger, &cut));
	assert_true(peal_test_dies(ask_for_nothing, &cut));
}

static void
test_cut__ignores_bits_beyond_the_observers_and_known_ones(void **state)
{
	(void)state;
	start(5);
	assert_false(peal_cut_on_report(&cut, 0, 0xFFFFFFF0U, 0));
	assert_true(peal_cut_on_report(&cut, 0, 0x1, 0));
	assert_false(peal_cut_on_report(&cut, 0, 0x1, 0));
	assert_true(peal_cut_on_report(&cut, 0, 0xFFFFFFF3U, 0));
	peal_cut_judge(&cut);
	assert_int_equal(peal_cut_effective(&cut, 0), 2);
	start(1);
	assert_false(peal_cut_on_report(&cut, 0, UINT32_MAX, 0));
}

/* ---- the settle timer ---- */

static void
test_cut__has_no_deadline_without_reports(void **state)
{
	(void)state;
	start(5);
	assert_int_equal(peal_cut_deadline_at_ns(&cut), NEVER_NS);
	assert_false(peal_cut_is_due(&cut, NEVER_NS - 1U));
	assert_false(peal_cut_is_complete(&cut));
	(void)report(1, 0, 10);
	/* Noise has none either. */
	assert_int_equal(peal_cut_deadline_at_ns(&cut), NEVER_NS);
}

static void
test_cut__is_due_one_settle_time_after_it_is_complete(void **state)
{
	struct peal_proposal proposal;

	(void)state;
	start(5);
	report_by_all(0x10, 4, 1000);
	assert_sets(0x10, 0);
	assert_true(peal_cut_is_complete(&cut));
	assert_int_equal(peal_cut_deadline_at_ns(&cut), 1000 + timing.settle_ns);
	assert_false(peal_cut_is_due(&cut, 999 + timing.settle_ns));
	assert_true(peal_cut_is_due(&cut, 1000 + timing.settle_ns));

	/* Before the deadline a tick does nothing; after it the deadline is past and gone. */
	(void)tick(0, 999 + timing.settle_ns);
	assert_int_equal(peal_cut_deadline_at_ns(&cut), 1000 + timing.settle_ns);
	(void)tick(0, 1000 + timing.settle_ns);
	assert_int_equal(peal_cut_deadline_at_ns(&cut), NEVER_NS);
	assert_true(peal_cut_is_due(&cut, 1000 + timing.settle_ns));

	peal_cut_get_proposal(&cut, &proposal);
	assert_int_equal(proposal.parent_epoch, situation.view.epoch);
	assert_int_equal(peal_situation_bits(&proposal.removals), 0x10);
	assert_int_equal(peal_nextview_validate(&situation.view, &proposal), PEAL_VALID);
}

static void
test_cut__does_not_wait_in_a_group_of_two(void **state)
{
	(void)state;
	start(2);
	(void)report(0, 1, 77);
	assert_sets(0x2, 0);
	assert_true(peal_cut_is_due(&cut, 77));
	(void)tick(0, 77);
	assert_true(peal_cut_is_due(&cut, 77));
	assert_int_equal(peal_cut_deadline_at_ns(&cut), NEVER_NS);
}

static void
test_cut__waits_while_one_subject_is_unstable(void **state)
{
	(void)state;
	start(9);
	report_by_all(0x100, 8, 0);
	(void)report(0, 7, 1);
	assert_true(peal_cut_is_complete(&cut));
	(void)report(1, 7, 2);
	assert_sets(0x100, 0x80);
	assert_false(peal_cut_is_complete(&cut));
	assert_false(peal_cut_is_due(&cut, 2 + timing.settle_ns));

	/* The eighth is resolved, and both go in one cut, one settle time later. */
	report_by_all(0x180, 7, 5);
	assert_sets(0x180, 0);
	assert_int_equal(peal_cut_deadline_at_ns(&cut), 5 + timing.settle_ns);
}

static void
test_cut__is_no_longer_due_when_a_subject_becomes_unstable(void **state)
{
	(void)state;
	start(9);
	report_by_all(0x100, 8, 0);
	(void)tick(0, timing.settle_ns);
	assert_true(peal_cut_is_due(&cut, timing.settle_ns));
	(void)report(0, 7, timing.settle_ns + 1U);
	assert_true(peal_cut_is_due(&cut, timing.settle_ns + 1U));
	(void)report(1, 7, timing.settle_ns + 2U);
	assert_false(peal_cut_is_due(&cut, timing.settle_ns + 2U));
}

static void
test_cut__is_put_off_by_a_trickle_but_not_for_ever(void **state)
{
	uint64_t step_ns = 0;
	uint64_t now_ns = 100;

	(void)state;
	/* Every half settle time one more leaves: S grows again and again, U stays empty. */
	start(30);
	step_ns = timing.settle_ns / 2U;
	for (uint32_t rank = 29; rank >= 20; rank--) {
		bool is_settled = now_ns >= 100 + 2U * timing.settle_ns;

		assert_int_equal(peal_cut_is_due(&cut, now_ns), is_settled);
		assert_true(leave(rank, now_ns));
		assert_int_equal(peal_cut_is_due(&cut, now_ns), is_settled);
		now_ns += step_ns;
	}
	/* What came after is in the cut all the same. */
	assert_sets(UINT64_C(0x3FF) << 20, 0);
}

static void
test_cut__settles_leaves_and_joins_without_regard_to_noise(void **state)
{
	(void)state;
	start(9);
	(void)leave(8, 0);
	(void)report(0, 3, 10); /* noise */
	assert_int_equal(peal_cut_deadline_at_ns(&cut), timing.settle_ns);
	(void)leave(2, 20);
	assert_int_equal(peal_cut_deadline_at_ns(&cut), timing.settle_ns + 20U);
}

static void
test_cut__waits_for_more_about_somebody_who_is_reported_once(void **state)
{
	uint64_t spread_ns = 0;

	(void)state;
	start(9);
	spread_ns = timing.probe_interval_ns + timing.flood_ns;
	report_by_all(0x100, 8, 100);
	assert_int_equal(peal_cut_deadline_at_ns(&cut), 100 + timing.settle_ns);
	/* The first report about another one: more may follow for as long as observers differ. */
	(void)report(0, 7, 110);
	assert_int_equal(peal_cut_deadline_at_ns(&cut), 100 + spread_ns);
	/* More noise does not put it off again. */
	(void)report(1, 6, 120);
	assert_int_equal(peal_cut_deadline_at_ns(&cut), 100 + spread_ns);
	assert_true(peal_cut_is_due(&cut, 100 + spread_ns));

	/* It was one: both go together. */
	report_by_all(0x180, 7, 130);
	report_by_all(0x1C0, 6, 140);
	assert_sets(0x1C0, 0);
	assert_true(peal_cut_is_due(&cut, 140 + timing.settle_ns));
}

static void
test_cut__does_not_wait_for_noise_after_the_settle_time(void **state)
{
	(void)state;
	start(9);
	report_by_all(0x100, 8, 0);
	(void)tick(0, timing.settle_ns);
	assert_true(peal_cut_is_due(&cut, timing.settle_ns));
	(void)report(0, 7, timing.settle_ns + 1U);
	assert_true(peal_cut_is_due(&cut, timing.settle_ns + 1U));
}

/* ---- leaves ---- */

static void
test_cut__takes_a_leave_for_all_reports(void **state)
{
	(void)state;
	start(5);
	assert_true(leave(3, 10));
	assert_false(leave(3, 11));
	assert_sets(0x08, 0);
	assert_true(peal_cut_is_due(&cut, 10 + timing.settle_ns));
}

/* ---- anything at any time ---- */

static void
test_cut__keeps_its_promises_under_random_input(void **state)
{
	struct peal_prng prng;

	(void)state;
	peal_prng_init(&prng, 1);
	for (uint32_t round = 0; round < 300; round++) {
		uint16_t members_count = (uint16_t)(1U + peal_prng_below(&prng, 20));
		uint64_t now_ns = 0;

		start(members_count);
		for (uint32_t input = 0; input < 60; input++) {
			uint32_t rank = (uint32_t)peal_prng_below(&prng, members_count);
			uint64_t deadline_at_ns = peal_cut_deadline_at_ns(&cut);
			struct peal_proposal value;

			switch (peal_prng_below(&prng, 7)) {
			case 0:
				(void)peal_cut_on_leave(&cut, rank, now_ns);
				break;
			case 1:
				now_ns += peal_prng_below(&prng, 2U * timing.reinforce_ns);
				(void)tick(rank, now_ns);
				assert_true(peal_cut_deadline_at_ns(&cut) > now_ns);
				break;
			case 2:
				if (deadline_at_ns != NEVER_NS && deadline_at_ns > now_ns) {
					struct peal_bitset echoes = tick(rank, deadline_at_ns - 1U);

					assert_true(peal_bitset_is_empty(&echoes));
					now_ns = deadline_at_ns - 1U;
					assert_int_equal(
						peal_cut_deadline_at_ns(&cut), deadline_at_ns);
				}
				break;
			default:
				(void)peal_cut_on_report(
					&cut, rank, (uint32_t)peal_prng_next(&prng) & 0x5U, now_ns);
				break;
			}
			peal_cut_check(&cut);
			if (peal_cut_is_due(&cut, now_ns)) {
				peal_cut_get_proposal(&cut, &value);
				assert_int_equal(peal_nextview_validate(&situation.view, &value),
					PEAL_VALID);
			}
		}
	}
}

/* ---- one judgement for what comes at one moment ---- */

static void
test_cut__judges_what_comes_together_once(void **state)
{
	(void)state;
	start(9);
	for (uint32_t observer = 0; observer < 8; observer++) {
		assert_true(peal_cut_on_report(
			&cut, 8, peal_rings_mask(&situation.topology, observer, 8), 5000));
		/* Nothing is said of it yet, but the tick is due. */
		assert_sets(0, 0);
		assert_int_equal(peal_cut_effective(&cut, 8), 0);
		assert_int_equal(peal_cut_deadline_at_ns(&cut), 5000);
		peal_cut_check(&cut);
	}
	(void)tick(0, 6000);
	assert_sets(0x100, 0);
	assert_int_equal(peal_cut_effective(&cut, 8), 8);
	/* The timers start when the reports came, not when they were judged. */
	assert_int_equal(peal_cut_deadline_at_ns(&cut), 5000 + timing.settle_ns);
}

static void
test_cut__judges_the_earlier_before_the_later(void **state)
{
	(void)state;
	start(9);
	for (uint32_t observer = 0; observer < 2; observer++) {
		(void)peal_cut_on_report(
			&cut, 8, peal_rings_mask(&situation.topology, observer, 8), 5000);
	}
	/* Unstable since the first moment, whoever asks when. */
	(void)peal_cut_on_leave(&cut, 3, 9000);
	assert_sets(0, 0x100);
	(void)tick(0, 10000);
	assert_sets(0x8, 0x100);
	assert_int_equal(peal_cut_deadline_at_ns(&cut), 5000 + timing.reinforce_ns);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_cut__refuses_strangers_and_empty_proposals),
		cmocka_unit_test(test_cut__ignores_bits_beyond_the_observers_and_known_ones),
		cmocka_unit_test(test_cut__has_no_deadline_without_reports),
		cmocka_unit_test(test_cut__is_due_one_settle_time_after_it_is_complete),
		cmocka_unit_test(test_cut__does_not_wait_in_a_group_of_two),
		cmocka_unit_test(test_cut__waits_while_one_subject_is_unstable),
		cmocka_unit_test(test_cut__is_no_longer_due_when_a_subject_becomes_unstable),
		cmocka_unit_test(test_cut__is_put_off_by_a_trickle_but_not_for_ever),
		cmocka_unit_test(test_cut__settles_leaves_and_joins_without_regard_to_noise),
		cmocka_unit_test(test_cut__waits_for_more_about_somebody_who_is_reported_once),
		cmocka_unit_test(test_cut__does_not_wait_for_noise_after_the_settle_time),
		cmocka_unit_test(test_cut__takes_a_leave_for_all_reports),
		cmocka_unit_test(test_cut__keeps_its_promises_under_random_input),
		cmocka_unit_test(test_cut__judges_what_comes_together_once),
		cmocka_unit_test(test_cut__judges_the_earlier_before_the_later),
	};

	return cmocka_run_group_tests_name("test_cut", tests, NULL, NULL);
}
