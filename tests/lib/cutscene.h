/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What the tests of the cut share: one cut of a group without joiners, checked after each step.
 */
#ifndef PEAL_TESTS_LIB_CUTSCENE_H
#define PEAL_TESTS_LIB_CUTSCENE_H

#include "membership/cut.h"
#include "tests/lib/cmocka_all.h"
#include "tests/lib/situation.h"

static struct peal_timing timing;
static struct peal_situation situation;
static struct peal_cut cut;

static inline void
start(uint16_t members_count)
{
	assert_true(peal_timing_find("dpdk", &timing));
	peal_situation_init(&situation, 1, members_count, 10);
	if (cut.timing == NULL) {
		peal_cut_init(&cut, &timing, (struct peal_bodies){0});
	}
	peal_cut_start(&cut, &situation.view, &situation.topology, 0);
	peal_cut_check(&cut);
}

/* True when it is new. */
static inline bool
report(uint32_t observer, uint32_t subject, uint64_t now_ns)
{
	bool is_new = peal_cut_on_report(
		&cut, subject, peal_rings_mask(&situation.topology, observer, subject), now_ns);

	peal_cut_check(&cut);
	peal_cut_judge(&cut);
	peal_cut_check(&cut);
	return is_new;
}

static inline bool
leave(uint32_t rank, uint64_t now_ns)
{
	bool is_new = peal_cut_on_leave(&cut, rank, now_ns);

	peal_cut_judge(&cut);
	peal_cut_check(&cut);
	return is_new;
}

/* Everybody but those in `faulty` accuses `subject`. */
static inline void
report_by_all(uint64_t faulty, uint32_t subject, uint64_t now_ns)
{
	for (uint32_t rank = 0; rank < situation.view.members_count; rank++) {
		if ((faulty >> rank & 1U) == 0) {
			(void)report(rank, subject, now_ns);
		}
	}
}

/* What the member at `self_rank` says again. */
static inline struct peal_bitset
tick(uint32_t self_rank, uint64_t now_ns)
{
	struct peal_bitset echoes = {0};

	peal_cut_take_echoes(&cut, self_rank, now_ns, &echoes);
	peal_cut_check(&cut);
	return echoes;
}

/* Of ranks as bits. */
static inline void
assert_sets(uint64_t stable, uint64_t unstable)
{
	assert_int_equal(peal_situation_bits(&cut.stable), stable);
	assert_int_equal(peal_situation_bits(&cut.unstable), unstable);
}

#endif
