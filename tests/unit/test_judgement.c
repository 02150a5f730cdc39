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
		cmocka_unit_test(test_judgement__lets_those_go_who_want_to),
		cmocka_unit_test(test_judgement__counts_leavers_to_the_quorum),
		cmocka_unit_test(test_judgement__never_removes_everybody),
	};

	return cmocka_run_group_tests_name("test_judgement", tests, NULL, NULL);
}
