/* SPDX-License-Identifier: BSD-3-Clause */
#include "tools/benchlib/clockpair.h"

#include "base/prng.h"
#include "tests/lib/cmocka_all.h"

#include <sched.h>

#define LAPS_COUNT 2000U

/* Laps of a line whose halves take 60 cycles and up to 500 more, each by itself; the second clock
 * is ahead by `ahead`. */
static struct peal_clockpair
bound(int64_t ahead, uint64_t seed)
{
	struct peal_clockpair bounds;
	struct peal_prng prng;
	uint64_t now = UINT64_C(1) << 40;

	peal_prng_init(&prng, seed);
	peal_clockpair_open(&bounds);
	for (uint32_t i = 0; i < LAPS_COUNT; i++) {
		uint64_t left_at = now, seen_at, back_at;

		now += 60U + peal_prng_below(&prng, 501);
		seen_at = now + (uint64_t)ahead;
		now += 60U + peal_prng_below(&prng, 501);
		back_at = now;
		now += 10U;
		peal_clockpair_note(&bounds, left_at, seen_at, back_at);
	}
	return bounds;
}

static void
test_clockpair__the_truth_is_within_the_bounds(void **state)
{
	static const int64_t aheads[] = {
		0, 1, -1, 119, 121, -121, 100000, -100000, INT64_C(1) << 39, -(INT64_C(1) << 39)};

	(void)state;
	for (size_t i = 0; i < sizeof(aheads) / sizeof(aheads[0]); i++) {
		struct peal_clockpair bounds = bound(aheads[i], i);

		assert_true(bounds.low <= aheads[i] && aheads[i] <= bounds.high);
		/* 2000 laps found the two halves nearly at their shortest. */
		assert_true(aheads[i] - bounds.low >= 60 && aheads[i] - bounds.low < 80);
		assert_true(bounds.high - aheads[i] >= 60 && bounds.high - aheads[i] < 80);
	}
}

static void
test_clockpair__one_clock_has_the_farther_bound_for_an_error(void **state)
{
	struct peal_clockpair bounds = {.low = -90, .high = 70};
	uint64_t error = 0;

	(void)state;
	assert_true(peal_clockpair_is_one(&bounds, &error));
	assert_int_equal(error, 90);
	bounds.low = -10;
	assert_true(peal_clockpair_is_one(&bounds, &error));
	assert_int_equal(error, 70);
	bounds = (struct peal_clockpair){0};
	assert_true(peal_clockpair_is_one(&bounds, &error));
	assert_int_equal(error, 0);
}

static void
test_clockpair__two_clocks_are_told_apart(void **state)
{
	struct peal_clockpair bounds;
	uint64_t error = 7;

	(void)state;
	bounds = bound(1000, 1);
	assert_false(peal_clockpair_is_one(&bounds, &error));
	bounds = bound(-1000, 2);
	assert_false(peal_clockpair_is_one(&bounds, &error));
	assert_int_equal(error, 7);
	/* Less than a half of the way takes cannot be seen, and is in the error. */
	bounds = bound(40, 3);
	assert_true(peal_clockpair_is_one(&bounds, &error));
	assert_in_range(error, 100, 120);
}

/* One clock before the run and one after it, but not the same: it drifted. */
static void
test_clockpair__a_drift_shows_when_bounds_are_joined(void **state)
{
	struct peal_clockpair before = bound(-70, 4), after = bound(90, 5);
	uint64_t error;

	(void)state;
	peal_clockpair_join(&before, &after);
	assert_false(peal_clockpair_is_one(&before, &error));
	assert_true(before.low > before.high);
}

static void
test_clockpair__one_cpu_has_one_clock(void **state)
{
	const int cpu = sched_getcpu();
	const int same[] = {cpu, cpu};
	struct peal_clockpair bounds = {1, 2};

	(void)state;
	assert_true(peal_clockpair_measure(same, NULL, &bounds));
	assert_int_equal(bounds.low, 0);
	assert_int_equal(bounds.high, 0);
}

static bool
is_over_at_once(void)
{
	return true;
}

/* Threads of its own, on whatever CPUs there are: they end, and nothing is claimed. */
static void
test_clockpair__gives_nothing_when_it_is_over(void **state)
{
	struct peal_clockpair bounds;
	int cpus[2] = {-1, -1};
	uint32_t count = 0;
	cpu_set_t set;

	(void)state;
	CPU_ZERO(&set);
	assert_int_equal(sched_getaffinity(0, sizeof(set), &set), 0);
	for (size_t cpu = 0; cpu < CPU_SETSIZE && count < 2; cpu++) {
		if (CPU_ISSET(cpu, &set)) {
			cpus[count++] = (int)cpu;
		}
	}
	if (count < 2) {
		skip();
	}
	assert_false(peal_clockpair_measure(cpus, is_over_at_once, &bounds));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_clockpair__the_truth_is_within_the_bounds),
		cmocka_unit_test(test_clockpair__one_clock_has_the_farther_bound_for_an_error),
		cmocka_unit_test(test_clockpair__two_clocks_are_told_apart),
		cmocka_unit_test(test_clockpair__a_drift_shows_when_bounds_are_joined),
		cmocka_unit_test(test_clockpair__one_cpu_has_one_clock),
		cmocka_unit_test(test_clockpair__gives_nothing_when_it_is_over),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
