/* SPDX-License-Identifier: BSD-3-Clause */
/* Order groups are created while members crash, leave and come back; all agree about them. */
#include "sim/check_ordergroups.h"
#include "tests/sim/simrun.h"

static uint64_t seeds_count = 10;

static void
test_ordergroup__all_know_the_same_configurations(void **state)
{
	(void)state;
	simrun_seeds("ordergroup", 0, NULL, seeds_count);
	assert_true(peal_report_figure(&simrun_report, "created") >= 10);
}

static void
test_ordergroup__in_groups_of_other_sizes(void **state)
{
	(void)state;
	simrun_seeds("ordergroup", 3, NULL, seeds_count / 2U);
	simrun_seeds("ordergroup", 13, NULL, seeds_count / 5U);
}

/* The checker itself, told of what must not be. */

static struct peal_report report;
static struct peal_check_ordergroups check;
static struct peal_member members[2][3];
static struct peal_ordergroup tables[2][2];
static struct peal_view views[2];

static void
make_view(uint32_t which, uint64_t first_mid)
{
	for (uint32_t rank = 0; rank < 3; rank++) {
		members[which][rank] = (struct peal_member){.mid = first_mid + rank};
	}
	views[which] = (struct peal_view){.cluster = {.low = 1, .high = 1},
		.epoch = which + 1U,
		.next_mid = first_mid + 3U,
		.members_count = 3,
		.members = members[which],
		.ordergroups = tables[which]};
}

/* Two views; the second has one group of members 1, 2 and 3, for which somebody asked. */
static int
setup(void **state)
{
	(void)state;
	peal_report_init(&report);
	peal_check_ordergroups_init(&check, &report);
	make_view(0, 1);
	make_view(1, 1);
	tables[1][0] = (struct peal_ordergroup){.id = 7,
		.generation = 1,
		.ranks_count = 3,
		.ranks = {{1, "a"}, {2, "b"}, {3, "c"}}};
	views[1].ordergroups_count = 1;
	return peal_check_ordergroups_on_wish(&check, &tables[1][0]) ? 0 : -1;
}

static void
test_ordergroup__the_checker_is_content(void **state)
{
	(void)state;
	peal_check_ordergroups_on_install(&check, 0, &views[1], &views[0], 1);
	peal_check_ordergroups_on_install(&check, 1, &views[1], &views[0], 2);
	assert_int_equal(report.violations_count, 0);
	assert_int_equal(check.known_count, 1);
}

static void
test_ordergroup__the_checker_sees_another_configuration(void **state)
{
	(void)state;
	peal_check_ordergroups_on_install(&check, 0, &views[1], &views[0], 1);
	tables[1][0].ranks[2].name[0] = 'd';
	peal_check_ordergroups_on_install(&check, 1, &views[1], &views[0], 2);
	assert_int_equal(report.violations_count, 1);
}

static void
test_ordergroup__the_checker_sees_what_nobody_asked_for(void **state)
{
	(void)state;
	tables[1][0].id = 8;
	peal_check_ordergroups_on_install(&check, 0, &views[1], NULL, 1);
	assert_int_equal(report.violations_count, 1);
}

static void
test_ordergroup__the_checker_sees_a_rank_that_is_missing(void **state)
{
	(void)state;
	make_view(1, 2);
	views[1].ordergroups_count = 1;
	peal_check_ordergroups_on_install(&check, 0, &views[1], &views[0], 1);
	assert_int_equal(report.violations_count, 1);
}

static void
test_ordergroup__the_checker_sees_what_was_lost(void **state)
{
	(void)state;
	/* The second view is the parent of the first one now. */
	peal_check_ordergroups_on_install(&check, 0, &views[0], &views[1], 1);
	assert_int_equal(report.violations_count, 1);
	tables[0][0] = tables[1][0];
	tables[0][0].generation = 3;
	views[0].ordergroups_count = 1;
	assert_true(peal_check_ordergroups_on_wish(&check, &tables[0][0]));
	peal_check_ordergroups_on_install(&check, 0, &views[0], &views[1], 1);
	assert_int_equal(report.violations_count, 2);
}

int
main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_ordergroup__all_know_the_same_configurations),
		cmocka_unit_test(test_ordergroup__in_groups_of_other_sizes),
		cmocka_unit_test_setup(test_ordergroup__the_checker_is_content, setup),
		cmocka_unit_test_setup(
			test_ordergroup__the_checker_sees_another_configuration, setup),
		cmocka_unit_test_setup(
			test_ordergroup__the_checker_sees_what_nobody_asked_for, setup),
		cmocka_unit_test_setup(
			test_ordergroup__the_checker_sees_a_rank_that_is_missing, setup),
		cmocka_unit_test_setup(test_ordergroup__the_checker_sees_what_was_lost, setup),
	};

	seeds_count = simrun_count(argc, argv, seeds_count);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
