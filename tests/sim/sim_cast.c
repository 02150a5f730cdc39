/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Broadcast: `--seeds` worlds (6) in bad weather and random faults; one source against a message to
 * each; and members that pass frames on crash in the middle of a stream (`--seeds` x 10).
 */
#include "tests/sim/simrun.h"

#define NODES_COUNT 16U

static uint64_t seeds_count = 6;

static void
test_cast__all_deliver_the_same_in_order(void **state)
{
	(void)state;
	simrun_seeds("cast", 0, NULL, seeds_count);
	/* And when members take nothing for moments. */
	simrun_seeds("held", 0, NULL, seeds_count);
}

static void
test_cast__a_source_sends_few_copies_and_loss_costs_little(void **state)
{
	struct peal_report_fan_out *fan_out = &simrun_report.fan_out;

	(void)state;
	assert_true(simrun("fanout", NODES_COUNT, NULL, 1));
	print_message("# of %u: %.2f frames a message against %.2f, with 1 %% loss %.3f of the "
		      "deliveries\n",
		NODES_COUNT, (double)fan_out->cast_frames / (double)fan_out->cast_messages,
		(double)fan_out->unicast_frames / (double)fan_out->unicast_messages,
		(double)fan_out->lossy_deliveries / (double)fan_out->clean_deliveries);
	assert_true(fan_out->cast_messages > 1000U);
	assert_true(fan_out->cast_frames <= 4U * fan_out->cast_messages);
	assert_true(fan_out->unicast_frames == 15U * fan_out->unicast_messages);
	assert_true(fan_out->lossy_deliveries * 100U >= fan_out->clean_deliveries * 85U);
}

static void
test_cast__nothing_is_lost_when_a_relay_crashes(void **state)
{
	(void)state;
	simrun_seeds("relay", NODES_COUNT, NULL, 10U * seeds_count);
}

int
main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_cast__all_deliver_the_same_in_order),
		cmocka_unit_test(test_cast__a_source_sends_few_copies_and_loss_costs_little),
		cmocka_unit_test(test_cast__nothing_is_lost_when_a_relay_crashes),
	};

	seeds_count = simrun_count(argc, argv, seeds_count);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
