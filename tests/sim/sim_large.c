/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Groups above PEAL_DIRECT_MAX: they form, lose many at once, take in one more, and bear links and
 * nodes that are half dead. All of it is virtual time, so bounds are exact.
 */
#include "tests/sim/simrun.h"

#include <string.h>

#define SEEDS_COUNT    5U
#define MILLISECOND_NS UINT64_C(1000000)
#define FORM_NS_MAX    (500U * MILLISECOND_NS)
#define FORM_VIEWS_MAX 4U
/* After the detection: a settling time of 2 ms and one exchange of votes over the trees. */
#define AFTER_DETECTION_NS_MAX (20U * MILLISECOND_NS)
#define JOIN_NS_MAX            (100U * MILLISECOND_NS)

/* Runs seeds [1, SEEDS_COUNT] and fails when one of them went wrong; `look` looks at each report.
 */
static void
run_seeds(const char *name, struct peal_scenario_options options, void (*look)(void))
{
	uint32_t failed_count = 0;

	for (options.seed = 1; options.seed <= SEEDS_COUNT; options.seed++) {
		failed_count += simrun_with(name, &options) ? 0 : 1U;
		assert_int_equal(simrun_report.healthy_removed_count, 0);
		look();
	}
	assert_int_equal(failed_count, 0);
}

static void
look_at_form(void)
{
	assert_in_range(simrun_report.agreed_ns, 1, FORM_NS_MAX);
	assert_in_range(simrun_report.steps_count, 1, FORM_VIEWS_MAX);
}

static void
test_large__forms_at_once(void **state)
{
	(void)state;
	run_seeds("form", (struct peal_scenario_options){.nodes_count = 65}, look_at_form);
	run_seeds("form", (struct peal_scenario_options){.nodes_count = 66}, look_at_form);
	run_seeds("form", (struct peal_scenario_options){.nodes_count = 100}, look_at_form);
	run_seeds("form", (struct peal_scenario_options){.nodes_count = 200}, look_at_form);
}

static void
test_large__a_thousand_form_in_half_a_second(void **state)
{
	struct peal_scenario_options options = {.nodes_count = 1000, .seed = 1, .profile = "fast"};

	(void)state;
	assert_true(simrun_with("form", &options));
	look_at_form();
	print_message("# 1000 nodes: %" PRIu64 " us, %" PRIu32 " views\n",
		simrun_report.agreed_ns / 1000U, simrun_report.steps_count);
}

static void
look_at_crash(void)
{
	assert_int_equal(simrun_report.steps_count, 1);
	assert_int_equal(simrun_report.removed_count, 10);
	assert_int_equal(simrun_report.samples_count, 1);
	assert_in_range(simrun_report.samples[0].detection_to_view_ns, 0, AFTER_DETECTION_NS_MAX);
}

static void
test_large__ten_that_crash_are_out_in_one_view(void **state)
{
	(void)state;
	run_seeds("crash",
		(struct peal_scenario_options){
			.nodes_count = 300, .faulty_count = 10, .profile = "fast"},
		look_at_crash);
}

static void
look_at_quarter(void)
{
	assert_in_range(simrun_report.steps_count, 1, 2);
	assert_int_equal(simrun_report.removed_count, 25);
}

static void
test_large__a_quarter_that_crashes_is_out_in_two_views(void **state)
{
	(void)state;
	run_seeds("crash", (struct peal_scenario_options){.nodes_count = 100, .faulty_count = 25},
		look_at_quarter);
}

/* The crashed hold the tie unit and are all the observers of a survivor: each promise is needed,
 * and the rings alone do not bring the question to everybody. */
static void
test_large__nearly_half_that_crash_with_all_observers_of_one_are_out(void **state)
{
	struct peal_scenario_options options = {
		.nodes_count = 100, .faulty_count = 49, .seed = 5002};

	(void)state;
	assert_true(simrun_with("crash", &options));
	assert_int_equal(simrun_report.removed_count, 49);
	assert_int_equal(simrun_report.healthy_removed_count, 0);
}

static void
look_at_join(void)
{
	assert_int_equal(simrun_report.steps_count, 1);
	assert_in_range(simrun_report.agreed_ns, 1, JOIN_NS_MAX);
}

static void
test_large__one_more_joins_in_one_view(void **state)
{
	(void)state;
	run_seeds("join", (struct peal_scenario_options){.nodes_count = 301}, look_at_join);
}

/* Metadata of every size, through batches and snapshots of many chunks. */
static void
test_large__forms_with_metadata(void **state)
{
	(void)state;
	run_seeds("form",
		(struct peal_scenario_options){
			.nodes_count = 150, .metadata_size_max = PEAL_METADATA_SIZE_MAX},
		look_at_form);
	run_seeds("join",
		(struct peal_scenario_options){
			.nodes_count = 150, .metadata_size_max = PEAL_METADATA_SIZE_MAX},
		look_at_join);
}

static void
look_at_oneway(void)
{
	assert_int_equal(simrun_report.steps_count, 0);
	assert_int_equal(simrun_report.removed_count, 0);
}

static void
test_large__a_few_dead_directions_remove_nobody(void **state)
{
	(void)state;
	run_seeds("oneway", (struct peal_scenario_options){.nodes_count = 200}, look_at_oneway);
}

static void
look_at_loss(void)
{
	assert_int_equal(simrun_report.steps_count, 1);
	assert_int_equal(simrun_report.removed_count, 2);
}

static void
test_large__who_loses_most_frames_is_out_and_nobody_else(void **state)
{
	(void)state;
	run_seeds("loss", (struct peal_scenario_options){.nodes_count = 200}, look_at_loss);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_large__forms_at_once),
		cmocka_unit_test(test_large__forms_with_metadata),
		cmocka_unit_test(test_large__a_thousand_form_in_half_a_second),
		cmocka_unit_test(test_large__ten_that_crash_are_out_in_one_view),
		cmocka_unit_test(test_large__a_quarter_that_crashes_is_out_in_two_views),
		cmocka_unit_test(
			test_large__nearly_half_that_crash_with_all_observers_of_one_are_out),
		cmocka_unit_test(test_large__one_more_joins_in_one_view),
		cmocka_unit_test(test_large__a_few_dead_directions_remove_nobody),
		cmocka_unit_test(test_large__who_loses_most_frames_is_out_and_nobody_else),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
