/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Order groups in the cores of groups of 3 to 12 members that come and go: `--seeds` runs (2) of
 * each size. And an order group that all other members listen to, in views that have slots for
 * everybody and in one that has not.
 */
#include "base/messagelimits.h"
#include "tests/sim/simrun.h"

static uint64_t seeds_count = 2;

static void
test_orders__are_one_for_all_while_members_come_and_go(void **state)
{
	static const uint16_t sizes[] = {3, 5, 7};

	(void)state;
	for (uint32_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		simrun_seeds("orders", sizes[i], NULL, seeds_count);
		assert_true(peal_report_figure(&simrun_report, "said") > 0);
	}
}

static void
test_orders__are_one_for_all_while_ranks_change_hands(void **state)
{
	static const uint16_t sizes[] = {5, 7};

	(void)state;
	for (uint32_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		simrun_seeds("handover", sizes[i], NULL, seeds_count);
		assert_true(peal_report_figure(&simrun_report, "handovers") > 0);
	}
}

static void
test_orders__are_one_for_all_while_their_number_changes(void **state)
{
	(void)state;
	simrun_seeds("grow", 7, NULL, seeds_count);
	assert_true(peal_report_figure(&simrun_report, "handovers") > 0);
	assert_true(peal_report_figure(&simrun_report, "lost") == 0);
}

static void
test_orders__in_a_larger_group(void **state)
{
	(void)state;
	simrun_seeds("orders", 12, NULL, (seeds_count + 1U) / 2U);
}

/* Who publishes sends to its children in the trees, however many listen. */
static void
test_orders__are_heard_by_all(void **state)
{
	static const uint16_t sizes[] = {4, 20, 67};

	(void)state;
	for (uint32_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		uint64_t messages;

		assert_true(simrun("audience", sizes[i], NULL, seeds_count));
		messages = peal_report_figure(&simrun_report, "audience_messages");
		assert_true(messages > 0);
		assert_int_equal(peal_report_figure(&simrun_report, "audience_listeners"),
			(uint64_t)sizes[i] - 3U);
		assert_true(peal_report_figure(&simrun_report, "audience_heard") >
			    ((uint64_t)sizes[i] - 3U) * messages);
		assert_in_range(peal_report_figure(&simrun_report, "audience_cast_frames"),
			messages, messages * PEAL_CAST_FAN_OUT_MAX);
	}
}

int
main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_orders__are_one_for_all_while_members_come_and_go),
		cmocka_unit_test(test_orders__are_one_for_all_while_ranks_change_hands),
		cmocka_unit_test(test_orders__are_one_for_all_while_their_number_changes),
		cmocka_unit_test(test_orders__in_a_larger_group),
		cmocka_unit_test(test_orders__are_heard_by_all),
	};

	seeds_count = simrun_count(argc, argv, seeds_count);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
