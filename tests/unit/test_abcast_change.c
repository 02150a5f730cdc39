/* SPDX-License-Identifier: BSD-3-Clause */
#include "abcast/abcast_change.h"

#include "tests/lib/cmocka_all.h"

#include <string.h>

#define RANKS  3U
#define NOW_NS 1000U

static struct peal_abcast_change change;
static struct peal_order_report reports[PEAL_ORDER_RANKS_MAX];
static const struct peal_abcast_quorum quorum = {.counted = 7, .least = 2};
static const struct peal_abcast_value next = {
	.active = 7, .counted = 7, .cuts = {{.member = 11}, {.member = 12}, {.member = 13}}};

static int
begin(void **state)
{
	(void)state;
	peal_abcast_change_init(&change);
	memset(reports, 0, sizeof(reports));
	(void)peal_abcast_change_propose(&change, 1);
	return 0;
}

static void
say(uint8_t rank, uint64_t accepted, const struct peal_abcast_value *value)
{
	struct peal_abcast_state state = {
		.ballot = change.ballot, .accepted = accepted, .value = value, .reports = reports};

	assert_true(peal_abcast_change_on_state(&change, rank, &state, RANKS));
	memset(reports, 0, sizeof(reports));
}

static void
test_abcast_change__cuts_at_the_most_of_the_latest_generation(void **state)
{
	(void)state;
	reports[0] = (struct peal_order_report){.have = 4};
	reports[1] = (struct peal_order_report){.have = 9, .generation = 1};
	reports[2] = (struct peal_order_report){.have = 2, .stable = 7, .generation = 2};
	say(1, 0, NULL);
	reports[0] = (struct peal_order_report){.have = 6};
	reports[1] = (struct peal_order_report){.have = 5, .stable = 5, .generation = 2};
	reports[2] = (struct peal_order_report){.have = 6, .stable = 3, .generation = 1};
	say(0, 0, NULL);
	peal_abcast_change_choose(&change, RANKS, &next);
	assert_true(change.value.cuts[0].last == 6U && change.value.cuts[0].generation == 0);
	assert_true(change.value.cuts[1].last == 5U && change.value.cuts[1].generation == 2U);
	assert_true(change.value.cuts[1].stable == 5U);
	/* Nobody has the frames up to the seal yet, but they count. */
	assert_true(change.value.cuts[2].last == 7U);
	assert_true(change.value.cuts[2].member == 13U);
	assert_int_equal(change.value.active, 7);
}

static void
test_abcast_change__keeps_to_seals_that_may_be_decided(void **state)
{
	(void)state;
	reports[0] = (struct peal_order_report){.have = 9, .accepted = 0x101, .last = 5};
	say(0, 0, NULL);
	reports[0] = (struct peal_order_report){.have = 9, .accepted = 0x202, .last = 4};
	say(2, 0, NULL);
	peal_abcast_change_choose(&change, RANKS, &next);
	assert_true(change.value.cuts[0].last == 4U);
	assert_true(change.value.cuts[0].member == 11U);
}

static void
test_abcast_change__proposes_what_was_accepted_last(void **state)
{
	struct peal_abcast_value first = {.active = 1, .counted = 7};
	struct peal_abcast_value second = {.active = 3, .counted = 7};

	(void)state;
	first.cuts[0].last = 1;
	second.cuts[0].last = 2;
	say(0, 0x202, &second);
	say(1, 0x101, &first);
	peal_abcast_change_choose(&change, RANKS, &next);
	assert_true(change.value.cuts[0].last == 2U);
	assert_int_equal(change.value.active, 3);
}

static void
test_abcast_change__decides_once_with_a_majority(void **state)
{
	(void)state;
	say(0, 0, NULL);
	say(0, 0, NULL);
	say(1, 0, NULL);
	peal_abcast_change_choose(&change, RANKS, &next);
	assert_false(peal_abcast_change_on_accepted(&change, 1, change.ballot - 1U, quorum));
	assert_false(peal_abcast_change_on_accepted(&change, 1, change.ballot, quorum));
	assert_false(peal_abcast_change_on_accepted(&change, 1, change.ballot, quorum));
	assert_true(peal_abcast_change_on_accepted(&change, 0, change.ballot, quorum));
	assert_false(peal_abcast_change_on_accepted(&change, 2, change.ballot, quorum));
}

/* Of the view that ends and of the one that begins. */
static void
test_abcast_change__decides_with_two_majorities(void **state)
{
	struct peal_abcast_value larger = next;

	(void)state;
	larger.counted = 0xF;
	larger.cuts[3].member = 14;
	say(0, 0, NULL);
	say(1, 0, NULL);
	peal_abcast_change_choose(&change, RANKS, &larger);
	assert_int_equal(peal_abcast_value_ranks_count(&change.value), 4);
	assert_false(peal_abcast_change_on_accepted(&change, 3, change.ballot, quorum));
	assert_false(peal_abcast_change_on_accepted(&change, 0, change.ballot, quorum));
	assert_true(peal_abcast_change_on_accepted(&change, 1, change.ballot, quorum));
}

static void
test_abcast_change__acceptors_do_not_go_back(void **state)
{
	struct peal_abcast_value value = {.active = 3, .counted = 7};

	(void)state;
	assert_true(peal_abcast_change_prepare(&change, 0x300, NOW_NS));
	assert_false(peal_abcast_change_prepare(&change, 0x300, NOW_NS));
	assert_false(peal_abcast_change_accept(&change, 0x201, &value, NOW_NS));
	assert_true(change.accepted == 0);
	assert_true(peal_abcast_change_accept(&change, 0x300, &value, NOW_NS));
	assert_true(peal_abcast_change_accept(&change, 0x402, &value, NOW_NS));
	assert_true(change.promised == 0x402U && change.accepted == 0x402U);
	assert_true(peal_abcast_change_propose(&change, 1) == 0x501U);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(
			test_abcast_change__cuts_at_the_most_of_the_latest_generation, begin),
		cmocka_unit_test_setup(
			test_abcast_change__keeps_to_seals_that_may_be_decided, begin),
		cmocka_unit_test_setup(test_abcast_change__proposes_what_was_accepted_last, begin),
		cmocka_unit_test_setup(test_abcast_change__decides_once_with_a_majority, begin),
		cmocka_unit_test_setup(test_abcast_change__decides_with_two_majorities, begin),
		cmocka_unit_test_setup(test_abcast_change__acceptors_do_not_go_back, begin),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
