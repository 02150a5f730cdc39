/* SPDX-License-Identifier: BSD-3-Clause */
#include "base/limits.h"
#include "base/prng.h"
#include "membership/edge_private.h"
#include "tests/lib/cmocka_all.h"
#include "tests/lib/dies.h"

#include <math.h>

static struct peal_timing timing;
static struct peal_edge edge;
static uint32_t interval_us;

static int
setup(void **state)
{
	(void)state;
	peal_edge_open(&edge, 0, 0);
	if (!peal_timing_find("cloud", &timing) ||
		!peal_timing_set_detector(&timing, PEAL_DETECTOR_PHI)) {
		return -1;
	}
	interval_us = (uint32_t)(timing.probe_interval_ns / 1000U);
	return 0;
}

/* The two cases of Akka, word for word, in double precision. */
static double
phi_twin(double late_us, double deviation_us)
{
	double y = late_us / deviation_us;
	double e = exp(-y * (1.5976 + 0.070566 * y * y));

	return late_us > 0 ? -log10(e / (1.0 + e)) : -log10(1.0 - 1.0 / (1.0 + e));
}

static void
expect_near_twin(int64_t late_us, uint32_t deviation_us)
{
	double twin = 1000.0 * phi_twin((double)late_us, deviation_us);
	double ours = peal_edge_phi_thousandths(late_us, deviation_us);

	if (!(fabs(ours - twin) < PEAL_EDGE_PHI_ERROR)) {
		fail_msg("%lld us late, deviation %u us: %.3f thousandths, the formula says %.3f",
			(long long)late_us, deviation_us, ours, twin);
	}
}

static void
divide_by_nothing(void *argument)
{
	(void)argument;
	(void)peal_edge_phi_thousandths(1, 0);
}

static void
judge_fast_probes(void *argument)
{
	struct peal_timing fast = timing;

	fast.probe_interval_ns = PEAL_PHI_INTERVAL_NS_MIN - 1U;
	(void)peal_edge_phi_fails(argument, &fast);
}

static void
test_edge_phi__refuses_what_it_cannot_judge(void **state)
{
	(void)state;
	assert_true(peal_test_dies(divide_by_nothing, NULL));
	assert_true(peal_test_dies(judge_fast_probes, &edge));
}

static void
test_edge_phi__is_the_formula_within_its_error(void **state)
{
	struct peal_prng prng;

	(void)state;
	/* Every step of a fine deviation, until well past the highest threshold ... */
	for (int64_t late_us = -80000; late_us <= 80000; late_us++) {
		expect_near_twin(late_us, 10000);
	}
	/* ... and any others. The twin itself fails where its exponential is 0. */
	peal_prng_init(&prng, 1);
	for (uint32_t i = 0; i < 500000; i++) {
		uint32_t deviation_us = 1U + (uint32_t)peal_prng_below(&prng, 20000000);
		int64_t range_us = 8 * (int64_t)deviation_us;

		expect_near_twin(
			(int64_t)peal_prng_below(&prng, 2U * (uint64_t)range_us) - range_us,
			deviation_us);
	}
}

static void
test_edge_phi__has_the_values_of_a_table(void **state)
{
	(void)state;
	/* At the mean half of the echoes are still to come: log10(2). */
	assert_in_range(peal_edge_phi_thousandths(0, 1000), 300, 302);
	/* One in 6.3, 44 and 739 is as late as 1, 2 and 3 deviations. */
	assert_in_range(peal_edge_phi_thousandths(1000, 1000), 798, 802);
	assert_in_range(peal_edge_phi_thousandths(2000, 1000), 1639, 1643);
	assert_in_range(peal_edge_phi_thousandths(3000, 1000), 2909, 2913);
	/* Where it stops. */
	assert_in_range(peal_edge_phi_thousandths(16000, 1000), 136000, 137000);
	assert_int_equal(
		peal_edge_phi_thousandths(INT64_C(1) << 40, 1), peal_edge_phi_thousandths(16, 1));
	assert_int_equal(peal_edge_phi_thousandths(-(INT64_C(1) << 40), 1), 0);
}

static void
test_edge_phi__never_falls_in_silence(void **state)
{
	struct peal_prng prng;

	(void)state;
	peal_prng_init(&prng, 2);
	for (uint32_t round = 0; round < 200; round++) {
		uint32_t deviation_us = 1U + (uint32_t)peal_prng_below(&prng, 100000);
		uint32_t before = 0;

		for (int64_t late_us = -4 * (int64_t)deviation_us;
			late_us < 20 * (int64_t)deviation_us; late_us += 1 + deviation_us / 500) {
			uint32_t now = peal_edge_phi_thousandths(late_us, deviation_us);

			assert_true(now >= before);
			before = now;
		}
	}
}

/* How long an edge that learned so far may be silent. */
static uint32_t
find_patience_us(void)
{
	edge.silent_us = 0;
	while (!peal_edge_phi_fails(&edge, &timing)) {
		edge.silent_us += 1000;
	}
	return edge.silent_us;
}

static void
test_edge_phi__waits_a_pause_and_some_deviations(void **state)
{
	uint32_t guess_us = find_patience_us();
	uint32_t calm_us;

	(void)state;
	for (uint32_t i = 0; i < 1000; i++) {
		peal_edge_phi_learn(&edge, &timing, interval_us);
	}
	calm_us = find_patience_us();
	/* phi is 8 at 5.24 deviations, of a tenth of an interval at least: 1 + 3 + 0.524. */
	assert_in_range(calm_us, 452U * interval_us / 100U, 453U * interval_us / 100U);
	/* Before the first echo a quarter of an interval is assumed. */
	assert_in_range(guess_us, 529U * interval_us / 100U, 532U * interval_us / 100U);
	/* A higher threshold is more patience. */
	assert_true(peal_timing_set_phi(&timing, 120));
	assert_true(find_patience_us() > calm_us);
	assert_true(peal_timing_set_phi(&timing, 10));
	assert_true(find_patience_us() < calm_us);
	assert_true(find_patience_us() > 4U * interval_us);
}

static void
test_edge_phi__is_patient_with_those_who_lose_much_but_not_for_ever(void **state)
{
	uint32_t calm_us;

	(void)state;
	for (uint32_t i = 0; i < 100; i++) {
		peal_edge_phi_learn(&edge, &timing, interval_us);
	}
	calm_us = find_patience_us();
	for (uint32_t i = 0; i < 100; i++) {
		peal_edge_phi_learn(&edge, &timing, i % 3U == 0 ? 2U * interval_us : interval_us);
	}
	assert_true(find_patience_us() > calm_us);
	for (uint32_t i = 0; i < 1000; i++) {
		peal_edge_phi_learn(&edge, &timing, i % 2U == 0 ? UINT32_MAX : 1);
	}
	assert_int_equal(find_patience_us(), timing.probe_window_count * interval_us);
	/* And it forgets: what was bad weather is over. */
	for (uint32_t i = 0; i < 500; i++) {
		peal_edge_phi_learn(&edge, &timing, interval_us);
	}
	assert_in_range(
		find_patience_us(), calm_us - interval_us / 50U, calm_us + interval_us / 50U);
}

static void
test_edge_phi__learns_like_a_twin_in_double_precision(void **state)
{
	struct peal_prng prng;

	(void)state;
	peal_prng_init(&prng, 3);
	for (uint32_t round = 0; round < 200; round++) {
		double mean = interval_us;
		double variance = mean / 4.0 * mean / 4.0;

		peal_edge_open(&edge, 0, 0);
		for (uint32_t i = 0; i < 300; i++) {
			uint32_t between_us =
				(uint32_t)(interval_us * 9U / 10U +
					   peal_prng_below(&prng, interval_us / 5U) +
					   (peal_prng_ratio(&prng, round % 5U, 10) ? interval_us
										   : 0U));
			double off = between_us - mean;

			peal_edge_phi_learn(&edge, &timing, between_us);
			mean += off / 32.0;
			variance += (off * off - variance) / 32.0;
			assert_true(fabs(edge.mean_us - mean) < 40.0);
			assert_true(fabs(sqrt(edge.variance) * PEAL_EDGE_PHI_UNIT_US -
					    sqrt(variance)) < 0.02 * interval_us);
		}
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(test_edge_phi__refuses_what_it_cannot_judge, setup),
		cmocka_unit_test_setup(test_edge_phi__is_the_formula_within_its_error, setup),
		cmocka_unit_test_setup(test_edge_phi__has_the_values_of_a_table, setup),
		cmocka_unit_test_setup(test_edge_phi__never_falls_in_silence, setup),
		cmocka_unit_test_setup(test_edge_phi__waits_a_pause_and_some_deviations, setup),
		cmocka_unit_test_setup(
			test_edge_phi__is_patient_with_those_who_lose_much_but_not_for_ever, setup),
		cmocka_unit_test_setup(
			test_edge_phi__learns_like_a_twin_in_double_precision, setup),
	};

	return cmocka_run_group_tests_name("test_edge_phi", tests, NULL, NULL);
}
