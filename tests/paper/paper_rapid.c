/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What Peal takes from Suresh, Malkhi, Gopalan, Porto Carreiro, Lokhandwala: "Stable and Consistent
 * Membership at Scale with Rapid" (USENIX ATC 2018). One sentence of it, in our words, one test.
 * Where Peal differs on purpose the comment says how; the agreement on a cut has its own paper.
 */
#include "membership/cut.h"
#include "membership/edge.h"
#include "membership/nextview.h"

#include "tests/lib/cmocka_all.h"
#include "tests/lib/gen.h"
#include "tests/lib/situation.h"

static struct peal_timing timing;
static struct peal_situation situation;
static struct peal_cut cut;
static struct peal_body batch; /* kept by nobody */

static void
retain_nothing(void *state, const struct peal_body *body)
{
	assert_ptr_equal(body, state);
}

static void
start(uint16_t members_count)
{
	assert_true(peal_timing_find("paper", &timing));
	peal_situation_init(&situation, 1, members_count, PEAL_RINGS_DEFAULT);
	if (cut.timing == NULL) {
		peal_cut_init(&cut, &timing,
			(struct peal_bodies){.state = &batch,
				.retain = retain_nothing,
				.release = retain_nothing});
	}
	peal_cut_start(&cut, &situation.view, &situation.topology, 0);
}

/* The observers k in [from, to) of the subject report it. */
static void
report(uint32_t subject, uint32_t from, uint32_t to, uint64_t now_ns)
{
	for (uint32_t k = from; k < to; k++) {
		(void)peal_cut_on_report(&cut, subject, UINT32_C(1) << k, now_ns);
	}
	peal_cut_judge(&cut);
}

/* Everything that is said in the situation, in its order. */
static void
report_all(void)
{
	for (uint32_t index = 0; index < situation.reports_count; index++) {
		(void)peal_cut_on_report(&cut, situation.reports[index].rank,
			UINT32_C(1) << situation.reports[index].k, index);
	}
	peal_cut_judge(&cut);
}

/* ---- 3: the service ---- */

/* paper: RAPID 3, a process that returns is a new one: an identity is used once. */
static void
paper_rapid__an_identity_is_used_once(void **state)
{
	struct peal_proposal back = {0};
	struct peal_member member;

	(void)state;
	start(20);
	member = situation.view.members[3];
	member.mid = 0;
	back.parent_epoch = situation.view.epoch;
	back.parent_hash = situation.view.hash;
	peal_bitset_add(&back.removals, 3);
	back.additions_count = 1;
	back.additions = &member;
	assert_int_equal(peal_nextview_validate(&situation.view, &back), PEAL_INVALID_ADDITION);
	member.uuid.low++;
	assert_int_equal(peal_nextview_validate(&situation.view, &back), PEAL_VALID);
}

/* paper: RAPID 3, all processes see the same sequence of configurations. */
static void
paper_rapid__the_same_cut_gives_the_same_configuration(void **state)
{
	struct peal_member first_members[20];
	struct peal_member second_members[20];
	struct peal_view first;
	struct peal_view second;
	struct peal_proposal value;

	(void)state;
	start(20);
	report(7, 0, 10, 0);
	peal_cut_get_proposal(&cut, &value);
	peal_nextview_apply(&situation.view, &value, first_members, NULL, &first);
	peal_nextview_apply(&situation.view, &value, second_members, NULL, &second);
	assert_true(peal_hash128_equals(first.hash, second.hash));
	/* And no other predecessor can have it as its successor. */
	assert_true(peal_hash128_equals(first.parent_hash, situation.view.hash));
}

/* ---- 4.1: the monitoring overlay ---- */

/* paper: RAPID 4.1, the overlay follows from the set of members alone; nothing is sent to build it.
 */
static void
paper_rapid__the_overlay_follows_from_the_members(void **state)
{
	static struct peal_situation other;

	(void)state;
	start(40);
	/* The same members, but they joined in the reverse order. */
	other.view = situation.view;
	other.view.members = other.members;
	for (uint32_t rank = 0; rank < 40; rank++) {
		other.members[rank] = situation.view.members[39U - rank];
		other.members[rank].mid = rank + 1U;
	}
	peal_rings_build(&other.view, other.rings_memory, 40, &other.topology);
	for (uint32_t subject = 0; subject < 40; subject++) {
		for (uint32_t k = 0; k < 10; k++) {
			assert_int_equal(peal_rings_observer(&other.topology, 39U - subject, k),
				39U - peal_rings_observer(&situation.topology, subject, k));
		}
	}
}

/*
 * paper: RAPID 4.1, every process has K observers and K subjects. In the paper edges may coincide;
 * Peal gives each subject K distinct observers, so that subjects are K on average only.
 */
static void
paper_rapid__everybody_has_as_many_observers_as_rings(void **state)
{
	uint32_t subjects_count = 0;

	(void)state;
	start(50);
	assert_int_equal(situation.topology.observers_count, 10);
	for (uint32_t rank = 0; rank < 50; rank++) {
		uint32_t count = 0;

		(void)peal_rings_subjects(&situation.topology, rank, &count);
		subjects_count += count;
	}
	assert_int_equal(subjects_count, 50 * 10);
}

/* paper: RAPID 4.1, the edges of a join or of a removal are about 2 K, whatever the size. */
static void
paper_rapid__a_removal_changes_few_edges(void **state)
{
	static struct peal_situation after;
	struct peal_proposal value = {0};
	uint32_t gained_count = 0;
	uint32_t lost_count = 0;

	(void)state;
	start(60);
	value.parent_epoch = situation.view.epoch;
	value.parent_hash = situation.view.hash;
	peal_bitset_add(&value.removals, 59);
	peal_nextview_apply(&situation.view, &value, after.members, NULL, &after.view);
	peal_rings_build(&after.view, after.rings_memory, 59, &after.topology);
	for (uint32_t subject = 0; subject < 59; subject++) {
		for (uint32_t observer = 0; observer < 59; observer++) {
			if (peal_rings_mask(&after.topology, observer, subject) != 0 &&
				peal_rings_mask(&situation.topology, observer, subject) == 0) {
				gained_count++;
			}
		}
	}
	(void)peal_rings_subjects(&situation.topology, 59, &lost_count);
	assert_int_equal(gained_count, lost_count);
}

/* paper: RAPID 4.1, alerts are irrevocable: an edge that failed stays failed in its configuration.
 */
static void
paper_rapid__alerts_are_irrevocable(void **state)
{
	struct peal_edge edge;

	(void)state;
	start(20);
	peal_edge_open(&edge, 0, 0);
	for (uint32_t probe = 0; probe < timing.probe_failed_count; probe++) {
		peal_edge_on_silence(&edge, &timing, 0);
	}
	for (uint32_t probe = 0; probe < 10U * timing.probe_window_count; probe++) {
		peal_edge_on_echo(&edge, &timing, 0);
	}
	assert_int_equal(peal_edge_verdict(&edge), PEAL_VERDICT_FAILED);

	/* And the detector of cuts has no way to take one back: a report is only ever added. */
	report(0, 0, 5, 0);
	assert_false(peal_cut_on_report(&cut, 0, 0, 1));
	assert_int_equal(peal_cut_effective(&cut, 0), 5);
}

/* paper: RAPID 6, an edge is faulty when 40 % of the last 10 probes failed. */
static void
paper_rapid__an_edge_fails_at_forty_per_cent_of_ten_probes(void **state)
{
	struct peal_edge edge;

	(void)state;
	start(20);
	peal_edge_open(&edge, 0, 0);
	/* Three of any ten, for ever, are borne. */
	for (uint32_t probe = 0; probe < 1000; probe++) {
		if (probe % 10U < 3) {
			peal_edge_on_silence(&edge, &timing, 0);
		} else {
			peal_edge_on_echo(&edge, &timing, 0);
		}
		assert_int_not_equal(peal_edge_verdict(&edge), PEAL_VERDICT_FAILED);
	}
	/* Four are not. */
	peal_edge_open(&edge, 0, 0);
	for (uint32_t probe = 0; probe < 10; probe++) {
		if (probe % 3U == 0) {
			peal_edge_on_silence(&edge, &timing, 0);
		} else {
			peal_edge_on_echo(&edge, &timing, 0);
		}
	}
	assert_int_equal(peal_edge_verdict(&edge), PEAL_VERDICT_FAILED);
}

/* ---- 4.2: multi-process cut detection ---- */

/* paper: RAPID 4.2, fewer than L reports are noise: they neither propose nor hold anything up. */
static void
paper_rapid__fewer_than_l_reports_are_noise(void **state)
{
	(void)state;
	start(40);
	report(5, 0, 10, 0);
	report(20, 0, cut.thresholds.l - 1U, 0);
	assert_true(peal_cut_is_complete(&cut));
	assert_false(peal_bitset_has(&cut.stable, 20));
	assert_false(peal_bitset_has(&cut.unstable, 20));
}

/* paper: RAPID 4.2, from L reports on a subject is unstable, and every proposal waits. */
static void
paper_rapid__a_proposal_waits_while_one_is_unstable(void **state)
{
	(void)state;
	start(40);
	report(5, 0, 10, 0);
	report(20, 0, cut.thresholds.l, 0);
	assert_true(peal_bitset_has(&cut.unstable, 20));
	assert_false(peal_cut_is_complete(&cut));
	assert_false(peal_cut_is_due(&cut, timing.settle_ns));
}

/*
 * paper: RAPID 4.2, a subject with H reports is stable, and stays so. In Peal it does unless most
 * of its accusers turn out to be doubtful themselves.
 */
static void
paper_rapid__a_subject_with_h_reports_is_stable(void **state)
{
	(void)state;
	start(40);
	report(5, 0, cut.thresholds.h - 1U, 0);
	assert_false(peal_bitset_has(&cut.stable, 5));
	report(5, cut.thresholds.h - 1U, cut.thresholds.h, 0);
	assert_true(peal_bitset_has(&cut.stable, 5));
	report(5, 0, 10, 0);
	assert_true(peal_bitset_has(&cut.stable, 5));
}

/* paper: RAPID 4.2, failures that fall into each other's time are one cut of many processes. */
static void
paper_rapid__many_failures_are_one_cut(void **state)
{
	struct peal_proposal value;

	(void)state;
	start(40);
	/* Interleaved, as they come: when the first is stable the others are already unstable. */
	for (uint32_t k = 0; k < 10; k++) {
		for (uint32_t subject = 10; subject < 16; subject++) {
			assert_false(peal_cut_is_due(&cut, k));
			report(subject, k, k + 1U, k);
		}
	}
	assert_true(peal_cut_is_complete(&cut));
	peal_cut_get_proposal(&cut, &value);
	assert_int_equal(peal_situation_bits(&value.removals), 0xFC00);
}

/* paper: RAPID 4.2, joins go through the same detector as removals, and into the same cut. */
static void
paper_rapid__joins_and_removals_share_a_cut(void **state)
{
	struct peal_proposal value;
	struct peal_member joiner;
	struct peal_prng prng;

	(void)state;
	start(40);
	peal_prng_init(&prng, 2);
	peal_gen_member(&prng, &joiner);
	batch.is_proposal = true;
	batch.proposal = (struct peal_proposal){.parent_epoch = situation.view.epoch,
		.parent_hash = situation.view.hash,
		.additions_count = 1,
		.additions = &joiner};
	report(5, 0, 4, 0);
	assert_true(peal_cut_on_batch(&cut, &batch, 0));
	assert_false(peal_cut_is_complete(&cut));
	report(5, 4, 10, 0);
	assert_true(peal_cut_is_complete(&cut));
	peal_cut_get_proposal(&cut, &value);
	assert_int_equal(peal_situation_bits(&value.removals), 0x20);
	assert_int_equal(value.additions_count, 1);
}

/*
 * paper: RAPID 4.2, an observer that is suspected itself is taken to have reported its unstable
 * subject: a crashed observer cannot hold a crashed subject below H.
 */
static void
paper_rapid__the_report_of_a_suspected_observer_is_implied(void **state)
{
	uint32_t subject = 0;
	uint32_t first = 0;
	uint32_t second = 0;

	(void)state;
	start(40);
	first = peal_rings_observer(&situation.topology, subject, 0);
	second = peal_rings_observer(&situation.topology, subject, 1);
	/* Two of ten are silent, and H is nine. */
	report(subject, 2, 10, 0);
	assert_true(peal_bitset_has(&cut.unstable, subject));
	assert_int_equal(peal_cut_effective(&cut, subject), 8);
	report(first, 0, 10, 0);
	report(second, 0, 10, 0);
	assert_int_equal(peal_cut_effective(&cut, subject), 10);
	assert_true(peal_bitset_has(&cut.stable, subject));
	assert_true(peal_cut_is_complete(&cut));
}

/*
 * Peal differs: in the paper two unstable members imply each other's reports. Two of five that lost
 * their ingress accuse everybody, make everybody unstable, and the whole group is removed.
 */
static void
paper_rapid__but_accusers_of_everybody_imply_nothing(void **state)
{
	(void)state;
	start(5);
	peal_situation_fail(&situation, 0, 0x3);
	report_all();
	assert_int_equal(peal_situation_bits(&cut.stable), 0x3);
	assert_int_equal(peal_situation_bits(&cut.unstable), 0);
}

/* paper: RAPID 4.2, who observes a subject that stays unstable for a while reports it too. In Peal
 * if it is the worst of those in question: who is accused by bad members must not be finished by
 * good ones. */
static void
paper_rapid__an_unstable_subject_is_reinforced(void **state)
{
	uint32_t subject = 0;

	(void)state;
	start(40);
	report(subject, 0, 4, 0);
	assert_true(peal_bitset_has(&cut.unstable, subject));
	/* What each observer adds is what take_echoes tells it to. */
	for (uint32_t k = 0; k < 10; k++) {
		static struct peal_cut of_observer;
		struct peal_bitset echoes = {0};

		of_observer = cut;
		peal_cut_take_echoes(&of_observer,
			peal_rings_observer(&situation.topology, subject, k), timing.reinforce_ns,
			&echoes);
		assert_int_equal(peal_bitset_has(&echoes, subject), k >= 4);
	}
	report(subject, 4, 10, timing.reinforce_ns);
	assert_true(peal_cut_is_complete(&cut));
}

/* paper: RAPID 4.2, processes that hear the same alerts in other orders detect the same cut. */
static void
paper_rapid__the_order_of_alerts_does_not_matter(void **state)
{
	struct peal_prng prng;

	(void)state;
	peal_prng_init(&prng, 3);
	for (uint32_t process = 0; process < 50; process++) {
		start(40);
		peal_situation_fail(&situation, 0x700, 0x3000);
		peal_situation_shuffle(&situation, &prng);
		report_all();
		assert_int_equal(peal_situation_bits(&cut.stable), 0x3700);
		assert_true(peal_cut_is_complete(&cut));
	}
}

/* paper: RAPID 4.2, nothing of a configuration's alerts outlives it. */
static void
paper_rapid__a_new_configuration_starts_without_alerts(void **state)
{
	(void)state;
	start(40);
	report(5, 0, 10, 0);
	peal_cut_start(&cut, &situation.view, &situation.topology, 1);
	assert_int_equal(peal_cut_effective(&cut, 5), 0);
	assert_false(peal_cut_is_complete(&cut));
	assert_int_equal(peal_cut_deadline_at_ns(&cut), UINT64_MAX);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(paper_rapid__an_identity_is_used_once),
		cmocka_unit_test(paper_rapid__the_same_cut_gives_the_same_configuration),
		cmocka_unit_test(paper_rapid__the_overlay_follows_from_the_members),
		cmocka_unit_test(paper_rapid__everybody_has_as_many_observers_as_rings),
		cmocka_unit_test(paper_rapid__a_removal_changes_few_edges),
		cmocka_unit_test(paper_rapid__alerts_are_irrevocable),
		cmocka_unit_test(paper_rapid__an_edge_fails_at_forty_per_cent_of_ten_probes),
		cmocka_unit_test(paper_rapid__fewer_than_l_reports_are_noise),
		cmocka_unit_test(paper_rapid__a_proposal_waits_while_one_is_unstable),
		cmocka_unit_test(paper_rapid__a_subject_with_h_reports_is_stable),
		cmocka_unit_test(paper_rapid__many_failures_are_one_cut),
		cmocka_unit_test(paper_rapid__joins_and_removals_share_a_cut),
		cmocka_unit_test(paper_rapid__the_report_of_a_suspected_observer_is_implied),
		cmocka_unit_test(paper_rapid__but_accusers_of_everybody_imply_nothing),
		cmocka_unit_test(paper_rapid__an_unstable_subject_is_reinforced),
		cmocka_unit_test(paper_rapid__the_order_of_alerts_does_not_matter),
		cmocka_unit_test(paper_rapid__a_new_configuration_starts_without_alerts),
	};

	return cmocka_run_group_tests_name("paper_rapid", tests, NULL, NULL);
}
