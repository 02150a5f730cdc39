/* SPDX-License-Identifier: BSD-3-Clause */
#include "membership/judgement.h"

#include "tests/lib/cmocka_all.h"
#include "tests/lib/dies.h"
#include "tests/lib/situation.h"

static struct peal_situation situation;
static struct peal_judgement judgement;

static void
judge(void)
{
	peal_situation_tell_all(&situation);
	peal_judgement_compute(&situation.evidence, &judgement);
}

static void
assert_sets(uint64_t stable, uint64_t unstable, uint64_t doubtful, uint64_t suspects)
{
	assert_int_equal(peal_situation_bits(&judgement.stable), stable);
	assert_int_equal(peal_situation_bits(&judgement.unstable), unstable);
	assert_int_equal(peal_situation_bits(&judgement.doubtful), doubtful);
	assert_int_equal(peal_situation_bits(&judgement.suspects), suspects);
}

static void
judge_beyond_the_observers(void *argument)
{
	struct peal_evidence *evidence = argument;

	peal_bitset_add(&evidence->reported, 0);
	evidence->masks[0] = UINT32_C(1) << evidence->thresholds.observers_count;
	peal_judgement_compute(evidence, &judgement);
}

static void
test_judgement__refuses_masks_beyond_the_observers(void **state)
{
	(void)state;
	peal_situation_init(&situation, 1, 5, 10);
	assert_true(peal_test_dies(judge_beyond_the_observers, &situation.evidence));
}

static void
judge_a_report_of_nobody(void *argument)
{
	struct peal_evidence *evidence = argument;

	peal_bitset_add(&evidence->reported, 0);
	peal_judgement_compute(evidence, &judgement);
}

static void
judge_a_stranger(void *argument)
{
	struct peal_evidence *evidence = argument;

	peal_bitset_add(&evidence->reported, 5);
	evidence->masks[5] = 1;
	peal_judgement_compute(evidence, &judgement);
}

static void
test_judgement__refuses_a_set_of_reported_that_is_none(void **state)
{
	(void)state;
	peal_situation_init(&situation, 1, 5, 10);
	assert_true(peal_test_dies(judge_a_report_of_nobody, &situation.evidence));
	assert_true(peal_test_dies(judge_a_stranger, &situation.evidence));
}

static void
test_judgement__forgets_the_reports_of_an_epoch(void **state)
{
	(void)state;
	peal_situation_init(&situation, 1, 9, 10);
	peal_situation_fail(&situation, 0, 0x3);
	judge();
	assert_sets(0x3, 0, 0x3, 0x3);
	peal_judgement_init_evidence(&situation.evidence, &situation.view, &situation.topology);
	for (uint32_t rank = 0; rank < 9; rank++) {
		assert_int_equal(situation.evidence.masks[rank], 0);
	}
	peal_judgement_compute(&situation.evidence, &judgement);
	assert_sets(0, 0, 0, 0);
}

static void
test_judgement__finds_nothing_without_reports(void **state)
{
	(void)state;
	for (uint16_t members_count = 1; members_count <= 64; members_count++) {
		peal_situation_init(&situation, 1, members_count, 10);
		judge();
		assert_sets(0, 0, 0, 0);
	}
}

static void
test_judgement__places_a_subject_by_its_count(void **state)
{
	(void)state;
	/* N = 9: eight observers, H 7, L 2. More than half of them: doubtful. */
	peal_situation_init(&situation, 1, 9, 10);
	for (uint32_t observer = 1; observer <= 8; observer++) {
		peal_situation_accuse(&situation, observer, 0);
		judge();
		assert_int_equal(judgement.effective[0], observer);
		assert_sets(observer >= 7 ? 1 : 0, observer >= 2 && observer < 7 ? 1 : 0,
			observer >= 5 ? 1 : 0, observer >= 2 ? 1 : 0);
	}
}

static void
test_judgement__calls_noise_what_makes_nobody_a_suspect(void **state)
{
	(void)state;
	peal_situation_init(&situation, 1, 9, 10);
	peal_situation_accuse(&situation, 1, 0);
	judge();
	assert_int_equal(peal_situation_bits(&judgement.noise), 0x1);
	/* Also the word of the deaf, for another fault may be behind it. */
	peal_situation_fail(&situation, 0, 0x100);
	judge();
	assert_int_equal(peal_situation_bits(&judgement.stable), 0x100);
	assert_int_equal(peal_situation_bits(&judgement.noise), 0xFF);
	/* But not about who goes. */
	peal_bitset_add(&situation.evidence.leaving, 3);
	judge();
	assert_int_equal(peal_situation_bits(&judgement.noise), 0xF7);
}

static void
test_judgement__of_two_members_believes_the_senior(void **state)
{
	(void)state;
	peal_situation_init(&situation, 1, 2, 10);
	/* What the senior knows when the link breaks: its own report. */
	peal_situation_accuse(&situation, 0, 1);
	judge();
	assert_sets(0x2, 0, 0x2, 0x2);
	/* And when the junior's still came through. */
	peal_situation_accuse(&situation, 1, 0);
	judge();
	assert_sets(0x2, 0, 0x2, 0x2);
	/* What the junior knows. Alone it holds no quorum, so it proposes nothing. */
	peal_situation_reset(&situation);
	peal_situation_accuse(&situation, 1, 0);
	judge();
	assert_sets(0, 0, 0x1, 0x1);
}

static void
test_judgement__lets_the_junior_go_on_with_a_witness(void **state)
{
	(void)state;
	peal_situation_init(&situation, 1, 2, 10);
	situation.evidence.tie_rank = PEAL_RANK_NONE;
	peal_situation_accuse(&situation, 1, 0);
	judge();
	assert_sets(0x1, 0, 0x1, 0x1);
}

static void
test_judgement__strikes_out_what_the_deaf_say(void **state)
{
	(void)state;
	peal_situation_init(&situation, 1, 5, 10);
	peal_situation_fail(&situation, 0, 0x3);
	judge();
	assert_sets(0x3, 0, 0x3, 0x3);
	for (uint32_t rank = 2; rank < 5; rank++) {
		assert_int_equal(judgement.effective[rank], 0);
	}
}

static void
test_judgement__implies_what_the_crashed_cannot_say(void **state)
{
	(void)state;
	/* Two of four: the observers that are left say two of the three reports that H asks for. */
	peal_situation_init(&situation, 1, 4, 10);
	peal_situation_fail(&situation, 0xC, 0);
	judge();
	assert_sets(0xC, 0, 0xC, 0xC);
	assert_int_equal(judgement.effective[3], 3);
}

static void
test_judgement__waits_when_suspects_are_no_minority(void **state)
{
	(void)state;
	/* Ranks 0 and 1 of four gone: who is left holds no quorum without the senior. */
	peal_situation_init(&situation, 1, 4, 10);
	peal_situation_fail(&situation, 0x3, 0);
	judge();
	assert_sets(0, 0, 0x3, 0x3);
}

static void
test_judgement__prefers_the_half_with_the_senior(void **state)
{
	(void)state;
	/* Two halves that accuse each other, known together: {0, 3} against {1, 2}. */
	peal_situation_init(&situation, 1, 4, 10);
	peal_situation_break_pair(&situation, 0, 1);
	peal_situation_break_pair(&situation, 0, 2);
	peal_situation_break_pair(&situation, 3, 1);
	peal_situation_break_pair(&situation, 3, 2);
	judge();
	assert_sets(0x6, 0, 0x6, 0x6);
}

static void
test_judgement__doubts_the_worst_first(void **state)
{
	(void)state;
	/* Rank 0 is deaf, and the pair (2, 3) is broken: 2 and 3 have two accusers of three too. */
	peal_situation_init(&situation, 1, 4, 10);
	peal_situation_fail(&situation, 0, 0x1);
	peal_situation_break_pair(&situation, 2, 3);
	judge();
	assert_sets(0x1, 0, 0x1, 0x1);
}

static void
test_judgement__takes_the_unanimous_word_of_the_unsuspected(void **state)
{
	uint64_t crashed = 0;

	(void)state;
	/*
	 * A ring topology where one subject is observed by the others that crashed with it: search
	 * one where five reports are not more than half, and see that it falls with them.
	 */
	for (uint64_t seed = 0; crashed == 0; seed++) {
		bool is_half[2] = {false, true};

		assert_true(seed < 10000);
		peal_situation_init(&situation, seed, 13, 10);
		peal_situation_fail(&situation, 0x3F, 0);
		judge();
		is_half[0] = peal_bitset_is_empty(&judgement.doubtful);
		for (uint32_t rank = 0; rank < 6; rank++) {
			is_half[1] = is_half[1] && judgement.effective[rank] <= 5;
		}
		if (is_half[0] && is_half[1]) {
			crashed = 0x3F;
		}
	}
	assert_sets(crashed, 0, 0, crashed);
}

/* Observers of rank 0 as bits, those from index `from` on. */
static uint64_t
observers_of_zero(uint32_t from)
{
	uint64_t bits = 0;

	for (uint32_t k = from; k < situation.topology.observers_count; k++) {
		bits |= UINT64_C(1) << peal_rings_observer(&situation.topology, 0, k);
	}
	return bits;
}

/* Eight of the ten observers of rank 0 have crashed, and the other two do not reach it. */
static void
lose_observers(uint64_t seed, uint64_t also_crashed, uint64_t deaf)
{
	peal_situation_init(&situation, seed, 40, 10);
	peal_situation_fail(&situation, observers_of_zero(2) | also_crashed, deaf);
	if (also_crashed == 0 && deaf == 0) {
		peal_situation_break_pair(
			&situation, 0, peal_rings_observer(&situation.topology, 0, 0));
		peal_situation_break_pair(
			&situation, 0, peal_rings_observer(&situation.topology, 0, 1));
	}
	judge();
}

static void
test_judgement__hears_who_has_lost_most_of_its_observers(void **state)
{
	uint32_t heard_count = 0;

	(void)state;
	for (uint64_t seed = 1; seed <= 20; seed++) {
		uint64_t crashed = 0;
		bool has_witness = false;

		/* Well: it accuses the crashed that it observes, and is content with the rest. */
		lose_observers(seed, 0, 0);
		crashed = observers_of_zero(2);
		for (uint32_t rank = 0; rank < 40; rank++) {
			has_witness = has_witness ||
				      (peal_bits_has(crashed, rank) &&
					      peal_rings_mask(&situation.topology, 0, rank) != 0);
		}
		if (!has_witness) {
			continue; /* it has nothing to say, like the crashed */
		}
		heard_count++;
		assert_int_equal(peal_situation_bits(&judgement.stable), crashed);
		assert_int_equal(peal_situation_bits(&judgement.unstable), 0);
		assert_true(peal_bitset_has(&judgement.doubtful, 0));
		assert_true(peal_bitset_has(&judgement.noise, 0));
		/* Crashed as well: it says nothing. */
		lose_observers(seed, 0x1, 0);
		assert_int_equal(peal_situation_bits(&judgement.stable), crashed | 0x1);
		/* Deaf: it accuses everybody. */
		lose_observers(seed, 0, 0x1);
		assert_int_equal(peal_situation_bits(&judgement.stable), crashed | 0x1);
	}
	assert_true(heard_count >= 10);
}

static void
test_judgement__waits_for_the_word_of_who_says_nothing(void **state)
{
	(void)state;
	/* Of its two observers that live one is content, or not heard yet. */
	peal_situation_init(&situation, 1, 40, 10);
	peal_situation_fail(&situation, observers_of_zero(2) | 0x1, 0);
	judge();
	assert_true(peal_bitset_has(&judgement.stable, 0));
	situation.evidence.masks[0] = 0x1;
	peal_judgement_compute(&situation.evidence, &judgement);
	assert_false(peal_bitset_has(&judgement.stable, 0));
	assert_true(peal_bitset_has(&judgement.noise, 0));
}

static void
test_judgement__blames_the_worst_of_the_unstable(void **state)
{
	uint64_t bad = 0;

	(void)state;
	/* Four observers of rank 0 are accused by five each, and accuse it: no majority anywhere.
	 */
	peal_situation_init(&situation, 1, 40, 10);
	bad = observers_of_zero(6);
	for (uint32_t rank = 0; rank < 40; rank++) {
		uint32_t accusers_count = 0;

		for (uint32_t k = 0; k < 10 && peal_bits_has(bad, rank) && accusers_count < 5;
			k++) {
			uint32_t observer = peal_rings_observer(&situation.topology, rank, k);

			if (observer != 0 && !peal_bits_has(bad, observer)) {
				peal_situation_accuse(&situation, observer, rank);
				accusers_count++;
			}
		}
		if (peal_bits_has(bad, rank)) {
			peal_situation_accuse(&situation, rank, 0);
		}
	}
	judge();
	assert_sets(0, bad | 0x1, 0, bad | 0x1);
	assert_int_equal(peal_situation_bits(&judgement.blamed), bad);
	/* Nobody who goes anyway. */
	peal_bitset_add(
		&situation.evidence.leaving, peal_rings_observer(&situation.topology, 0, 6));
	judge();
	assert_int_equal(peal_bitset_count(&judgement.blamed), 3);
}

static void
test_judgement__lets_those_go_who_want_to(void **state)
{
	(void)state;
	peal_situation_init(&situation, 1, 5, 10);
	peal_bitset_add(&situation.evidence.leaving, 1);
	peal_bitset_add(&situation.evidence.replaced, 4);
	judge();
	assert_sets(0x12, 0, 0, 0);
	/* Unstable or not. */
	peal_situation_accuse(&situation, 0, 1);
	peal_situation_accuse(&situation, 2, 1);
	judge();
	assert_sets(0x12, 0, 0, 0);
}

static void
test_judgement__counts_leavers_to_the_quorum(void **state)
{
	(void)state;
	/* Three leave and one crashes: the one that is left goes on, since the three accept it. */
	peal_situation_init(&situation, 1, 5, 10);
	peal_situation_fail(&situation, 0x10, 0);
	for (uint32_t rank = 1; rank < 4; rank++) {
		peal_bitset_add(&situation.evidence.leaving, rank);
	}
	judge();
	assert_sets(0x1E, 0, 0x10, 0x10);
}

static void
test_judgement__never_removes_everybody(void **state)
{
	(void)state;
	peal_situation_init(&situation, 1, 3, 10);
	for (uint32_t rank = 0; rank < 3; rank++) {
		peal_bitset_add(&situation.evidence.leaving, rank);
	}
	judge();
	assert_sets(0x6, 0, 0, 0);
	/* The senior is replaced: it is gone, so another one stays. */
	peal_bitset_remove(&situation.evidence.leaving, 0);
	peal_bitset_add(&situation.evidence.replaced, 0);
	judge();
	assert_sets(0x5, 0, 0, 0);
	/* The next one has crashed: better one that lives. */
	peal_situation_accuse(&situation, 0, 1);
	peal_situation_accuse(&situation, 2, 1);
	judge();
	assert_sets(0x3, 0, 0x2, 0);
	/* A single member that leaves has no successor view. */
	peal_situation_init(&situation, 1, 1, 10);
	peal_bitset_add(&situation.evidence.leaving, 0);
	judge();
	assert_sets(0, 0, 0, 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_judgement__refuses_masks_beyond_the_observers),
		cmocka_unit_test(test_judgement__refuses_a_set_of_reported_that_is_none),
		cmocka_unit_test(test_judgement__forgets_the_reports_of_an_epoch),
		cmocka_unit_test(test_judgement__finds_nothing_without_reports),
		cmocka_unit_test(test_judgement__places_a_subject_by_its_count),
		cmocka_unit_test(test_judgement__calls_noise_what_makes_nobody_a_suspect),
		cmocka_unit_test(test_judgement__of_two_members_believes_the_senior),
		cmocka_unit_test(test_judgement__lets_the_junior_go_on_with_a_witness),
		cmocka_unit_test(test_judgement__strikes_out_what_the_deaf_say),
		cmocka_unit_test(test_judgement__implies_what_the_crashed_cannot_say),
		cmocka_unit_test(test_judgement__waits_when_suspects_are_no_minority),
		cmocka_unit_test(test_judgement__prefers_the_half_with_the_senior),
		cmocka_unit_test(test_judgement__doubts_the_worst_first),
		cmocka_unit_test(test_judgement__takes_the_unanimous_word_of_the_unsuspected),
		cmocka_unit_test(test_judgement__hears_who_has_lost_most_of_its_observers),
		cmocka_unit_test(test_judgement__waits_for_the_word_of_who_says_nothing),
		cmocka_unit_test(test_judgement__blames_the_worst_of_the_unstable),
		cmocka_unit_test(test_judgement__lets_those_go_who_want_to),
		cmocka_unit_test(test_judgement__counts_leavers_to_the_quorum),
		cmocka_unit_test(test_judgement__never_removes_everybody),
	};

	return cmocka_run_group_tests_name("test_judgement", tests, NULL, NULL);
}
