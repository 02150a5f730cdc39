/* SPDX-License-Identifier: BSD-3-Clause */
#include "membership/cut.h"

#include "membership/nextview.h"
#include "tests/lib/cmocka_all.h"
#include "tests/lib/dies.h"
#include "tests/lib/gen.h"
#include "tests/lib/situation.h"

#define NEVER_NS UINT64_MAX

static struct peal_timing timing;
static struct peal_situation situation;
static struct peal_cut cut;

static void
start(uint16_t members_count)
{
	assert_true(peal_timing_find("dpdk", &timing));
	peal_situation_init(&situation, 1, members_count, 10);
	peal_cut_init(&cut, &situation.view, &situation.topology, &timing);
}

static bool
report(uint32_t observer, uint32_t subject, uint64_t now_ns)
{
	bool is_new = peal_cut_on_report(
		&cut, subject, peal_rings_mask(&situation.topology, observer, subject), now_ns);

	peal_cut_check(&cut);
	return is_new;
}

/* Everybody but those in `faulty` accuses `subject`. */
static void
report_by_all(uint64_t faulty, uint32_t subject, uint64_t now_ns)
{
	for (uint32_t rank = 0; rank < situation.view.members_count; rank++) {
		if ((faulty >> rank & 1U) == 0) {
			(void)report(rank, subject, now_ns);
		}
	}
}

static struct peal_bitset
tick(uint32_t self_rank, uint64_t now_ns)
{
	struct peal_bitset echoes = {0};

	peal_cut_take_echoes(&cut, self_rank, now_ns, &echoes);
	peal_cut_check(&cut);
	return echoes;
}

static void
assert_sets(uint64_t stable, uint64_t unstable)
{
	assert_int_equal(peal_situation_bits(&cut.stable), stable);
	assert_int_equal(peal_situation_bits(&cut.unstable), unstable);
}

/* A batch with one joiner. */
static struct peal_proposal
make_batch(uint64_t seed)
{
	struct peal_proposal batch = {
		.parent_epoch = situation.view.epoch,
		.parent_hash = situation.view.hash,
		.additions_count = 1,
	};
	struct peal_prng prng;

	peal_prng_init(&prng, seed);
	peal_gen_member(&prng, &batch.additions[0]);
	/* Generated members of the view end in 1 to 64. */
	batch.additions[0].address.ipv4 = 0x0A000080U + (uint32_t)seed;
	return batch;
}

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
		assert_true(peal_cut_on_leave(&cut, rank, now_ns));
		peal_cut_check(&cut);
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
	(void)peal_cut_on_leave(&cut, 8, 0);
	(void)report(0, 3, 10); /* noise */
	assert_int_equal(peal_cut_deadline_at_ns(&cut), timing.settle_ns);
	(void)peal_cut_on_leave(&cut, 2, 20);
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

/* ---- reinforcement and the last resort ---- */

static void
test_cut__echoes_an_unstable_subject_every_round(void **state)
{
	struct peal_bitset echoes;
	uint64_t now_ns = 7;

	(void)state;
	start(9);
	(void)report(0, 8, 3);
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
test_cut__is_finished_by_echoes(void **state)
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
test_cut__starts_the_clock_anew_for_who_comes_back(void **state)
{
	(void)state;
	start(5);
	/* 0 and 1 accuse 4, then turn out to be deaf: 4 is noise again. */
	(void)report(0, 4, 0);
	(void)report(1, 4, 0);
	assert_sets(0, 0x10);
	for (uint32_t observer = 1; observer < 5; observer++) {
		(void)report(observer, 0, 100);
	}
	assert_false(peal_bitset_has(&cut.unstable, 4));
	/* Two more accuse it: unstable from now on. */
	(void)report(2, 4, 500);
	assert_true(peal_bitset_has(&cut.unstable, 4));
	assert_int_equal(peal_cut_deadline_at_ns(&cut), 500 + timing.reinforce_ns);
}

static void
test_cut__goes_on_without_a_subject_that_stays_unstable(void **state)
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
test_cut__has_no_last_resort_without_something_to_propose(void **state)
{
	struct peal_proposal batch;

	(void)state;
	start(9);
	(void)report(0, 7, 0);
	(void)report(1, 7, 0);
	(void)tick(0, 4U * timing.reinforce_ns);
	assert_false(peal_cut_is_due(&cut, 4U * timing.reinforce_ns));
	/* A joiner is not held up by it any more. */
	batch = make_batch(1);
	assert_true(peal_cut_on_batch(&cut, &batch, 4U * timing.reinforce_ns + 1U));
	assert_true(peal_cut_is_due(&cut, 4U * timing.reinforce_ns + 1U));
}

/* ---- leaves and joins ---- */

static void
test_cut__takes_a_leave_for_all_reports(void **state)
{
	(void)state;
	start(5);
	assert_true(peal_cut_on_leave(&cut, 3, 10));
	assert_false(peal_cut_on_leave(&cut, 3, 11));
	assert_sets(0x08, 0);
	assert_true(peal_cut_is_due(&cut, 10 + timing.settle_ns));
}

static void
test_cut__proposes_joiners_alone(void **state)
{
	struct peal_proposal batch;
	struct peal_proposal proposal;

	(void)state;
	start(5);
	batch = make_batch(1);
	assert_true(peal_cut_on_batch(&cut, &batch, 10));
	assert_true(peal_cut_is_complete(&cut));
	assert_true(peal_cut_is_due(&cut, 10 + timing.settle_ns));
	peal_cut_get_proposal(&cut, &proposal);
	assert_int_equal(proposal.additions_count, 1);
	assert_int_equal(peal_nextview_validate(&situation.view, &proposal), PEAL_VALID);
	/* The same again is no news. */
	assert_false(peal_cut_on_batch(&cut, &batch, 11));

	start(1);
	batch = make_batch(1);
	assert_true(peal_cut_on_batch(&cut, &batch, 10));
	assert_true(peal_cut_is_due(&cut, 10));
}

static void
test_cut__keeps_joiners_in_uuid_order_whatever_comes_first(void **state)
{
	struct peal_proposal first;
	struct peal_proposal second;

	(void)state;
	start(5);
	for (uint64_t seed = 1; seed <= 5; seed++) {
		struct peal_proposal batch = make_batch(seed);

		assert_true(peal_cut_on_batch(&cut, &batch, 0));
		peal_cut_check(&cut);
	}
	peal_cut_get_proposal(&cut, &first);
	start(5);
	for (uint64_t seed = 5; seed >= 1; seed--) {
		struct peal_proposal batch = make_batch(seed);

		assert_true(peal_cut_on_batch(&cut, &batch, 0));
	}
	peal_cut_get_proposal(&cut, &second);
	assert_true(
		peal_hash128_equals(peal_proposal_digest(&first), peal_proposal_digest(&second)));
}

static void
test_cut__skips_joiners_that_would_spoil_the_proposal(void **state)
{
	struct peal_proposal batch;
	struct peal_proposal other;

	(void)state;
	start(5);
	/* Of another parent. */
	batch = make_batch(1);
	batch.parent_epoch++;
	assert_false(peal_cut_on_batch(&cut, &batch, 0));
	batch = make_batch(1);
	batch.parent_hash.low++;
	assert_false(peal_cut_on_batch(&cut, &batch, 0));
	/* Replaces nobody, or everybody. */
	batch = make_batch(1);
	peal_bitset_add(&batch.removals, 5);
	assert_false(peal_cut_on_batch(&cut, &batch, 0));
	batch = make_batch(1);
	for (uint32_t rank = 0; rank < 5; rank++) {
		peal_bitset_add(&batch.removals, rank);
	}
	assert_false(peal_cut_on_batch(&cut, &batch, 0));
	/* A member's uuid, a member's address. */
	batch = make_batch(1);
	batch.additions[0].uuid = situation.view.members[2].uuid;
	assert_false(peal_cut_on_batch(&cut, &batch, 0));
	batch = make_batch(1);
	batch.additions[0].address = situation.view.members[2].address;
	assert_false(peal_cut_on_batch(&cut, &batch, 0));
	/* An uuid or an address that is in already. */
	batch = make_batch(1);
	assert_true(peal_cut_on_batch(&cut, &batch, 0));
	other = make_batch(2);
	other.additions[0].uuid = batch.additions[0].uuid;
	assert_false(peal_cut_on_batch(&cut, &other, 0));
	other = make_batch(2);
	other.additions[0].address = batch.additions[0].address;
	assert_false(peal_cut_on_batch(&cut, &other, 0));
	assert_int_equal(cut.additions_count, 1);
}

static void
test_cut__replaces_an_old_incarnation_in_the_same_cut(void **state)
{
	struct peal_proposal batch;
	struct peal_proposal proposal;

	(void)state;
	start(5);
	batch = make_batch(1);
	batch.additions[0].address = situation.view.members[2].address;
	peal_bitset_add(&batch.removals, 2);
	assert_true(peal_cut_on_batch(&cut, &batch, 0));
	assert_sets(0x04, 0);
	peal_cut_get_proposal(&cut, &proposal);
	assert_int_equal(peal_nextview_validate(&situation.view, &proposal), PEAL_VALID);
}

static void
test_cut__takes_no_more_joiners_than_fit(void **state)
{
	struct peal_proposal batch;

	(void)state;
	start(PEAL_ADDITIONS_MAX + 1U);
	for (uint64_t seed = 1; seed <= PEAL_ADDITIONS_MAX; seed++) {
		batch = make_batch(seed);
		assert_true(peal_cut_on_batch(&cut, &batch, 0));
	}
	batch = make_batch(100);
	assert_false(peal_cut_on_batch(&cut, &batch, 0));

	/* A small one at most doubles: those who stay must be able to remove who comes. */
	start(2);
	batch = make_batch(1);
	assert_true(peal_cut_on_batch(&cut, &batch, 0));
	batch = make_batch(2);
	assert_true(peal_cut_on_batch(&cut, &batch, 0));
	batch = make_batch(3);
	assert_false(peal_cut_on_batch(&cut, &batch, 0));

	/* A full view takes one in the place of the member that it replaces. */
	start(PEAL_MEMBERS_MAX);
	batch = make_batch(1);
	assert_false(peal_cut_on_batch(&cut, &batch, 0));
	peal_bitset_add(&batch.removals, 7);
	assert_true(peal_cut_on_batch(&cut, &batch, 0));
	assert_int_equal(cut.additions_count, 1);
	batch = make_batch(2);
	assert_false(peal_cut_on_batch(&cut, &batch, 0));
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
			struct peal_proposal value = make_batch(1 + peal_prng_below(&prng, 20));

			switch (peal_prng_below(&prng, 8)) {
			case 0:
				(void)peal_cut_on_leave(&cut, rank, now_ns);
				break;
			case 1:
				(void)peal_cut_on_batch(&cut, &value, now_ns);
				break;
			case 2:
				now_ns += peal_prng_below(&prng, 2U * timing.reinforce_ns);
				(void)tick(rank, now_ns);
				assert_true(peal_cut_deadline_at_ns(&cut) > now_ns);
				break;
			case 3:
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
		cmocka_unit_test(test_cut__echoes_an_unstable_subject_every_round),
		cmocka_unit_test(test_cut__is_finished_by_echoes),
		cmocka_unit_test(test_cut__starts_the_clock_anew_for_who_comes_back),
		cmocka_unit_test(test_cut__goes_on_without_a_subject_that_stays_unstable),
		cmocka_unit_test(test_cut__has_no_last_resort_without_something_to_propose),
		cmocka_unit_test(test_cut__takes_a_leave_for_all_reports),
		cmocka_unit_test(test_cut__proposes_joiners_alone),
		cmocka_unit_test(test_cut__keeps_joiners_in_uuid_order_whatever_comes_first),
		cmocka_unit_test(test_cut__skips_joiners_that_would_spoil_the_proposal),
		cmocka_unit_test(test_cut__replaces_an_old_incarnation_in_the_same_cut),
		cmocka_unit_test(test_cut__takes_no_more_joiners_than_fit),
		cmocka_unit_test(test_cut__keeps_its_promises_under_random_input),
	};

	return cmocka_run_group_tests_name("test_cut", tests, NULL, NULL);
}
