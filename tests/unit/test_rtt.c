/* SPDX-License-Identifier: BSD-3-Clause */
#include "dataplane/rtt.h"

#include "base/limits.h"
#include "base/messagelimits.h"
#include "tests/lib/cmocka_all.h"

#define US UINT64_C(1000)

static void
test_rtt__guesses_until_something_is_measured(void **state)
{
	struct peal_rtt rtt;

	(void)state;
	peal_rtt_init(&rtt, 1, 1000000 * US, 0);
	assert_int_equal(peal_rtt_timeout_ns(&rtt), PEAL_RTT_UNKNOWN_NS);
	assert_int_equal(peal_rtt_tail_ns(&rtt), PEAL_RTT_UNKNOWN_NS);
	assert_int_equal(peal_rtt_reorder_ns(&rtt), 0);
	peal_rtt_init(&rtt, 2 * PEAL_RTT_UNKNOWN_NS, 3 * PEAL_RTT_UNKNOWN_NS, 0);
	assert_int_equal(peal_rtt_timeout_ns(&rtt), 2 * PEAL_RTT_UNKNOWN_NS);
	assert_int_equal(peal_rtt_tail_ns(&rtt), 2 * PEAL_RTT_UNKNOWN_NS);
	peal_rtt_init(&rtt, 5, 5, 0);
	assert_int_equal(peal_rtt_timeout_ns(&rtt), 5);
	assert_int_equal(peal_rtt_tail_ns(&rtt), 5);
}

static void
test_rtt__moves_by_an_eighth_and_a_quarter(void **state)
{
	struct peal_rtt rtt;

	(void)state;
	peal_rtt_init(&rtt, 1, 1000000 * US, 0);
	peal_rtt_add(&rtt, 160 * US);
	assert_int_equal(rtt.smooth_ns, 160 * US);
	assert_int_equal(rtt.spread_ns, 80 * US);
	assert_int_equal(peal_rtt_timeout_ns(&rtt), 480 * US);
	assert_int_equal(peal_rtt_tail_ns(&rtt), 320 * US);
	assert_int_equal(peal_rtt_reorder_ns(&rtt), 40 * US);

	peal_rtt_add(&rtt, 240 * US); /* above the mean */
	assert_int_equal(rtt.smooth_ns, 170 * US);
	assert_int_equal(rtt.spread_ns, 80 * US);
	peal_rtt_add(&rtt, 90 * US); /* below it by as much */
	assert_int_equal(rtt.smooth_ns, 160 * US);
	assert_int_equal(rtt.spread_ns, 80 * US);
}

static void
test_rtt__stays_within_its_bounds(void **state)
{
	struct peal_rtt rtt;

	(void)state;
	peal_rtt_init(&rtt, 50 * US, 8000 * US, 0);
	peal_rtt_add(&rtt, 10 * US);
	assert_int_equal(peal_rtt_timeout_ns(&rtt), 50 * US); /* and not 30 */
	assert_int_equal(peal_rtt_tail_ns(&rtt), 50 * US);    /* and not 20 */
	peal_rtt_add(&rtt, UINT64_MAX);
	assert_in_range(rtt.smooth_ns, 1000 * US, 1010 * US); /* an eighth of the bound */
	assert_int_equal(peal_rtt_timeout_ns(&rtt), 8000 * US);

	/* As the first it is the mean, and no sum wraps. */
	peal_rtt_init(&rtt, 50 * US, 8000 * US, 0);
	peal_rtt_add(&rtt, UINT64_MAX);
	assert_int_equal(rtt.smooth_ns, 8000 * US);
	assert_int_equal(peal_rtt_timeout_ns(&rtt), 8000 * US);
	assert_int_equal(peal_rtt_tail_ns(&rtt), 8000 * US);
}

static void
test_rtt__allows_for_what_an_answer_waits(void **state)
{
	struct peal_rtt rtt;

	(void)state;
	peal_rtt_init(&rtt, 50 * US, 8000 * US, 5 * US);
	assert_int_equal(peal_rtt_timeout_ns(&rtt), PEAL_RTT_UNKNOWN_NS);
	peal_rtt_add(&rtt, 40 * US);
	assert_int_equal(peal_rtt_timeout_ns(&rtt), (40 + 4 * 20 + 5) * US);
	assert_int_equal(peal_rtt_tail_ns(&rtt), (2 * 40 + 5) * US);
	/* On a steady link both come as late as the answer may, and then some. */
	for (int i = 0; i < 100; i++) {
		peal_rtt_add(&rtt, 60 * US);
	}
	assert_in_range(peal_rtt_timeout_ns(&rtt), 65 * US, 66 * US);
	assert_int_equal(peal_rtt_tail_ns(&rtt), peal_rtt_timeout_ns(&rtt));
	/* What is short anyhow bears it. */
	for (int i = 0; i < 100; i++) {
		peal_rtt_add(&rtt, 20 * US);
	}
	assert_int_equal(peal_rtt_tail_ns(&rtt), 50 * US);
}

static void
test_rtt__no_time_at_all_is_still_a_measurement(void **state)
{
	struct peal_rtt rtt;

	(void)state;
	peal_rtt_init(&rtt, 7, 1000000 * US, 0);
	peal_rtt_add(&rtt, 0);
	assert_int_equal(rtt.smooth_ns, 1);
	assert_int_equal(peal_rtt_timeout_ns(&rtt), 7);
	for (int i = 0; i < 100; i++) {
		peal_rtt_add(&rtt, 0);
		assert_true(rtt.smooth_ns > 0);
	}
}

static void
test_rtt__a_steady_link_brings_the_time_out_to_the_mean(void **state)
{
	struct peal_rtt rtt;

	(void)state;
	peal_rtt_init(&rtt, 1, 1000000 * US, 0);
	for (int i = 0; i < 100; i++) {
		peal_rtt_add(&rtt, 80 * US);
	}
	assert_int_equal(rtt.smooth_ns, 80 * US);
	assert_in_range(peal_rtt_timeout_ns(&rtt), 80 * US, 80 * US + 12);
	/* Two means would be later than a time-out. */
	assert_int_equal(peal_rtt_tail_ns(&rtt), peal_rtt_timeout_ns(&rtt));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_rtt__guesses_until_something_is_measured),
		cmocka_unit_test(test_rtt__moves_by_an_eighth_and_a_quarter),
		cmocka_unit_test(test_rtt__stays_within_its_bounds),
		cmocka_unit_test(test_rtt__allows_for_what_an_answer_waits),
		cmocka_unit_test(test_rtt__no_time_at_all_is_still_a_measurement),
		cmocka_unit_test(test_rtt__a_steady_link_brings_the_time_out_to_the_mean),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
