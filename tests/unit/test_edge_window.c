/* SPDX-License-Identifier: BSD-3-Clause */
#include "membership/edge_private.h"
#include "tests/lib/dies.h"
#include "tests/lib/edgescene.h"

static void
push_into_33(void *argument)
{
	struct peal_timing wide = timing;

	wide.probe_window_count = 33;
	peal_edge_window_push(argument, true, &wide);
}

static void
judge_more_than_there_are(void *argument)
{
	struct peal_timing strict = timing;

	strict.probe_failed_count = strict.probe_window_count + 1U;
	(void)peal_edge_window_fails(argument, &strict);
}

static void
test_edge_window__refuses_windows_that_make_no_sense(void **state)
{
	(void)state;
	assert_true(peal_test_dies(push_into_33, &edge));
	assert_true(peal_test_dies(judge_more_than_there_are, &edge));
}

static void
test_edge_window__fails_at_four_of_ten(void **state)
{
	(void)state;
	for (uint32_t i = 0; i < 10; i++) {
		peal_edge_window_push(&edge, i % 3U == 0, &timing);
		assert_int_equal(peal_edge_window_fails(&edge, &timing), i == 9);
	}
	assert_int_equal(edge.outcomes_count, 10);
	/* The first of the four leaves. */
	peal_edge_window_push(&edge, false, &timing);
	assert_false(peal_edge_window_fails(&edge, &timing));
	assert_int_equal(edge.outcomes_count, 10);
}

static void
test_edge_window__remembers_as_many_as_it_is_wide(void **state)
{
	(void)state;
	for (timing.probe_window_count = 1; timing.probe_window_count <= 32;
		timing.probe_window_count++) {
		timing.probe_failed_count = 1;
		peal_edge_open(&edge, 0, 0);
		peal_edge_window_push(&edge, true, &timing);
		for (uint32_t i = 0; i < timing.probe_window_count; i++) {
			assert_true(peal_edge_window_fails(&edge, &timing));
			peal_edge_window_push(&edge, false, &timing);
		}
		assert_false(peal_edge_window_fails(&edge, &timing));
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(test_edge_window__refuses_windows_that_make_no_sense, setup),
		cmocka_unit_test_setup(test_edge_window__fails_at_four_of_ten, setup),
		cmocka_unit_test_setup(test_edge_window__remembers_as_many_as_it_is_wide, setup),
	};

	return cmocka_run_group_tests_name("test_edge_window", tests, NULL, NULL);
}
