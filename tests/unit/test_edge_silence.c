/* SPDX-License-Identifier: BSD-3-Clause */
#include "membership/edge_private.h"
#include "tests/lib/cmocka_all.h"
#include "tests/lib/dies.h"

static struct peal_timing timing;

static void
judge_without_a_bound(void *argument)
{
	(void)peal_edge_silence_fails(argument, &(struct peal_timing){.silence_ns = 0});
}

static void
test_edge_silence__refuses_no_bound(void **state)
{
	struct peal_edge edge;

	(void)state;
	peal_edge_open(&edge, 0, 0);
	assert_true(peal_test_dies(judge_without_a_bound, &edge));
}

static void
test_edge_silence__fails_from_the_bound_on(void **state)
{
	struct peal_edge edge;

	(void)state;
	assert_true(peal_timing_find("dpdk", &timing));
	peal_edge_open(&edge, 0, 0);
	assert_false(peal_edge_silence_fails(&edge, &timing));
	edge.silent_us = (uint32_t)(timing.silence_ns / 1000U) - 1U;
	assert_false(peal_edge_silence_fails(&edge, &timing));
	edge.silent_us++;
	assert_true(peal_edge_silence_fails(&edge, &timing));
	edge.silent_us = UINT32_MAX;
	assert_true(peal_edge_silence_fails(&edge, &timing));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_edge_silence__refuses_no_bound),
		cmocka_unit_test(test_edge_silence__fails_from_the_bound_on),
	};

	return cmocka_run_group_tests_name("test_edge_silence", tests, NULL, NULL);
}
