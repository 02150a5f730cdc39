/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The cut and its batch of joiners; test_cut.c has reports, leaves and timers.
 */
#include "membership/cut.h"

#include "membership/nextview.h"
#include "tests/lib/cmocka_all.h"
#include "tests/lib/gen.h"
#include "tests/lib/situation.h"

#define BATCHES_COUNT 8U
#define JOINERS_MAX   4096U

static struct peal_timing timing;
static struct peal_situation situation;
static struct peal_cut cut;
static struct peal_member joiners[JOINERS_MAX];
static struct peal_body batches[BATCHES_COUNT];

static void
retain(void *state, const struct peal_body *batch)
{
	struct peal_body *all = state;

	all[batch - all].users_count++;
}

static void
release(void *state, const struct peal_body *batch)
{
	struct peal_body *all = state;

	assert_true(batch->users_count > 0);
	all[batch - all].users_count--;
}

static void
start(uint16_t members_count)
{
	assert_true(peal_timing_find("dpdk", &timing));
	peal_situation_init(&situation, 1, members_count, 10);
	if (cut.timing == NULL) {
		peal_cut_init(&cut, &timing,
			(struct peal_bodies){
				.state = batches, .retain = retain, .release = release});
	}
	peal_cut_start(&cut, &situation.view, &situation.topology, 0);
	for (uint32_t i = 0; i < BATCHES_COUNT; i++) {
		assert_int_equal(batches[i].users_count, 0);
	}
}

/* Batch `index` of so many joiners, from `first` on; other joiners than those of the view. */
static struct peal_body *
make_batch(uint32_t index, uint32_t first, uint16_t additions_count)
{
	struct peal_body *batch = &batches[index];

	assert_true(index < BATCHES_COUNT);
	assert_true(first + additions_count <= JOINERS_MAX);
	for (uint32_t i = first; i < first + additions_count; i++) {
		struct peal_prng prng;

		peal_prng_init(&prng, i);
		peal_gen_member(&prng, &joiners[i]);
		joiners[i].uuid.high = i + 1U;
		joiners[i].address.ipv4 = 0xC0A80000U + i;
	}
	batch->is_proposal = true;
	batch->proposal = (struct peal_proposal){
		.parent_epoch = situation.view.epoch,
		.parent_hash = situation.view.hash,
		.additions_count = additions_count,
		.additions = &joiners[first],
	};
	batch->digest = peal_proposal_digest(&batch->proposal);
	return batch;
}

static bool
add(const struct peal_body *batch, uint64_t now_ns)
{
	bool is_taken = peal_cut_on_batch(&cut, batch, now_ns);

	peal_cut_check(&cut);
	assert_true(!is_taken || (cut.batch == batch && batch->users_count == 1));
	return is_taken;
}

static void
test_cut_batch__proposes_joiners_alone(void **state)
{
	struct peal_proposal proposal;

	(void)state;
	start(5);
	assert_true(add(make_batch(0, 0, 3), 10));
	assert_true(peal_cut_is_complete(&cut));
	assert_int_equal(peal_cut_deadline_at_ns(&cut), 10 + timing.settle_ns);
	assert_true(peal_cut_is_due(&cut, 10 + timing.settle_ns));
	peal_cut_get_proposal(&cut, &proposal);
	assert_true(peal_hash128_equals(peal_proposal_digest(&proposal), batches[0].digest));
	assert_int_equal(peal_nextview_validate(&situation.view, &proposal), PEAL_VALID);
	/* The same again is no news. */
	assert_false(add(&batches[0], 11));

	start(1);
	assert_true(add(make_batch(0, 0, 1), 10));
	assert_true(peal_cut_is_due(&cut, 10));
}

static void
test_cut_batch__keeps_the_larger_of_two(void **state)
{
	(void)state;
	for (uint32_t order = 0; order < 2; order++) {
		start(5);
		(void)make_batch(0, 0, 3);
		(void)make_batch(1, 1, 4);
		assert_true(add(&batches[order], 0));
		assert_int_equal(add(&batches[1U - order], 1000), order == 0);
		assert_ptr_equal(cut.batch, &batches[1]);
		/* A new value is a change: it settles from now on. */
		assert_int_equal(peal_cut_deadline_at_ns(&cut),
			timing.settle_ns + (order == 0 ? 1000U : 0U));
	}
}

static void
test_cut_batch__keeps_the_smaller_digest_of_two_equally_large(void **state)
{
	(void)state;
	for (uint32_t order = 0; order < 2; order++) {
		uint32_t better = 0;

		start(5);
		(void)make_batch(0, 0, 3);
		(void)make_batch(1, 1, 3);
		better = peal_hash128_compare(batches[0].digest, batches[1].digest) < 0 ? 0 : 1;
		assert_true(add(&batches[order], 0));
		assert_int_equal(add(&batches[1U - order], 1000), order != better);
		assert_ptr_equal(cut.batch, &batches[better]);
	}
}

static void
test_cut_batch__changes_no_cut_that_is_due(void **state)
{
	struct peal_bitset echoes = {0};

	(void)state;
	start(5);
	assert_true(add(make_batch(0, 0, 3), 0));
	assert_false(add(make_batch(1, 0, 4), timing.settle_ns));
	assert_ptr_equal(cut.batch, &batches[0]);
	assert_int_equal(batches[1].users_count, 0);

	/* But one without a batch may have its first, also at the last resort. */
	start(9);
	(void)peal_cut_on_report(&cut, 7, 0x3, 0);
	peal_cut_take_echoes(&cut, 8, 4U * timing.reinforce_ns, &echoes);
	assert_true(cut.is_last_resort);
	assert_false(peal_cut_is_due(&cut, 4U * timing.reinforce_ns));
	assert_true(add(make_batch(0, 0, 1), 4U * timing.reinforce_ns + 1000U));
	assert_true(peal_cut_is_due(&cut, 4U * timing.reinforce_ns + 1000U));
	assert_false(add(make_batch(1, 0, 4), 4U * timing.reinforce_ns + 2000U));
}

static void
test_cut_batch__judges_what_came_before_it(void **state)
{
	(void)state;
	start(9);
	(void)peal_cut_on_report(&cut, 7, 0x3, 1000);
	assert_true(add(make_batch(0, 0, 1), 2000));
	assert_int_equal(peal_situation_bits(&cut.unstable), 0x80);
	assert_false(peal_cut_is_complete(&cut));
	assert_int_equal(peal_cut_deadline_at_ns(&cut), 1000 + timing.reinforce_ns);
}

static void
test_cut_batch__refuses_what_would_spoil_the_proposal(void **state)
{
	struct peal_body *batch = NULL;

	(void)state;
	start(5);
	/* Of another parent. */
	batch = make_batch(0, 0, 1);
	batch->proposal.parent_epoch++;
	assert_false(add(batch, 0));
	batch = make_batch(0, 0, 1);
	batch->proposal.parent_hash.low++;
	assert_false(add(batch, 0));
	/* Replaces who is no member, or everybody. */
	batch = make_batch(0, 0, 1);
	peal_bitset_add(&batch->proposal.removals, 5);
	assert_false(add(batch, 0));
	batch = make_batch(0, 0, 1);
	for (uint32_t rank = 0; rank < 5; rank++) {
		peal_bitset_add(&batch->proposal.removals, rank);
	}
	assert_false(add(batch, 0));
	/* Adds nobody. */
	batch = make_batch(0, 0, 0);
	peal_bitset_add(&batch->proposal.removals, 2);
	assert_false(add(batch, 0));
	/* A member's uuid, a member's address. */
	batch = make_batch(0, 0, 1);
	joiners[0].uuid = situation.view.members[2].uuid;
	assert_false(add(batch, 0));
	batch = make_batch(0, 0, 1);
	joiners[0].address = situation.view.members[2].address;
	assert_false(add(batch, 0));
	assert_null(cut.batch);
	assert_int_equal(batch->users_count, 0);
	assert_int_equal(peal_cut_deadline_at_ns(&cut), UINT64_MAX);
}

static void
test_cut_batch__refuses_growth_beyond_its_limit(void **state)
{
	struct peal_body *batch = NULL;

	(void)state;
	start(1);
	assert_false(add(make_batch(0, 0, PEAL_GROWTH_MAX(1U) + 1U), 0));
	assert_true(add(make_batch(1, 0, PEAL_GROWTH_MAX(1U)), 0));
	start(40);
	assert_true(add(make_batch(1, 0, 32U * 40U), 0));
	assert_false(add(make_batch(0, 0, 32U * 40U + 1U), 0));
	/* Of those who stay. */
	start(40);
	batch = make_batch(0, 0, 32U * 40U);
	peal_bitset_add(&batch->proposal.removals, 7);
	assert_false(add(batch, 0));
}

static void
test_cut_batch__replaces_an_old_incarnation_in_the_same_cut(void **state)
{
	struct peal_body *batch = NULL;
	struct peal_proposal proposal;

	(void)state;
	start(5);
	batch = make_batch(0, 0, 1);
	joiners[0].address = situation.view.members[2].address;
	peal_bitset_add(&batch->proposal.removals, 2);
	assert_true(add(batch, 0));
	assert_int_equal(peal_situation_bits(&cut.stable), 0x04);
	peal_cut_get_proposal(&cut, &proposal);
	assert_int_equal(peal_nextview_validate(&situation.view, &proposal), PEAL_VALID);

	/* With a batch those go that it replaced. */
	assert_true(add(make_batch(1, 1, 2), 0));
	assert_int_equal(peal_situation_bits(&cut.stable), 0);
}

static void
test_cut_batch__is_released_by_the_next_epoch(void **state)
{
	(void)state;
	start(5);
	assert_true(add(make_batch(0, 0, 1), 0));
	start(5);
	assert_null(cut.batch);
	assert_false(peal_cut_is_complete(&cut));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_cut_batch__proposes_joiners_alone),
		cmocka_unit_test(test_cut_batch__keeps_the_larger_of_two),
		cmocka_unit_test(test_cut_batch__keeps_the_smaller_digest_of_two_equally_large),
		cmocka_unit_test(test_cut_batch__changes_no_cut_that_is_due),
		cmocka_unit_test(test_cut_batch__judges_what_came_before_it),
		cmocka_unit_test(test_cut_batch__refuses_what_would_spoil_the_proposal),
		cmocka_unit_test(test_cut_batch__refuses_growth_beyond_its_limit),
		cmocka_unit_test(test_cut_batch__replaces_an_old_incarnation_in_the_same_cut),
		cmocka_unit_test(test_cut_batch__is_released_by_the_next_epoch),
	};

	return cmocka_run_group_tests_name("test_cut_batch", tests, NULL, NULL);
}
