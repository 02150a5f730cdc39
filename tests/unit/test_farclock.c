/* SPDX-License-Identifier: BSD-3-Clause */
#include "tools/benchlib/farclock.h"

#include "base/prng.h"
#include "tests/lib/cmocka_all.h"
#include "tests/lib/dies.h"

#include <math.h>

#define PROBES_COUNT 1000U
#define EDGE_COUNT   100U
#define INTERVAL_NS  UINT64_C(1000000)
#define START_NS     UINT64_C(77000000000)

static struct peal_farclock_probe probes[PROBES_COUNT];
static struct peal_farclock clock;

/* What the other clock shows at an instant of this one. */
struct truth {
	double ahead_ns; /* at START_NS */
	double drift;
};

static uint64_t
show(const struct truth *truth, uint64_t at_ns)
{
	return (uint64_t)((double)at_ns + truth->ahead_ns +
			  truth->drift * (double)(at_ns - START_NS));
}

/* Ways there and back of at least so much, and up to `more_ns` longer, each by itself. */
static void
make_probes(const struct truth *truth, uint64_t there_ns, uint64_t back_ns, uint64_t more_ns)
{
	struct peal_prng prng;

	peal_prng_init(&prng, 5);
	for (uint32_t i = 0; i < PROBES_COUNT; i++) {
		uint64_t left_ns = START_NS + i * INTERVAL_NS;
		uint64_t came_ns = left_ns + there_ns + peal_prng_below(&prng, more_ns + 1U);
		uint64_t answered_ns = came_ns + 300U;

		probes[i] = (struct peal_farclock_probe){.left_at_ns = left_ns,
			.came_at_ns = show(truth, came_ns),
			.answered_at_ns = show(truth, answered_ns),
			.back_at_ns = answered_ns + back_ns + peal_prng_below(&prng, more_ns + 1U)};
	}
}

static void
fit(void)
{
	peal_farclock_fit(&clock, probes, PROBES_COUNT, EDGE_COUNT, EDGE_COUNT);
}

/* No instant of the run is translated wrongly by more than the error says. */
static void
expect_error_to_hold(const struct truth *truth)
{
	for (uint32_t i = 0; i < PROBES_COUNT; i += 7U) {
		uint64_t at_ns = START_NS + i * INTERVAL_NS;
		double found = peal_farclock_translate(&clock, show(truth, at_ns));

		assert_true(fabs(found - (double)at_ns) <= clock.error_ns + 64.0);
	}
}

static void
test_farclock__of_one_clock_and_even_ways_finds_nothing(void **state)
{
	const struct truth truth = {0};

	(void)state;
	make_probes(&truth, 5000, 5000, 0);
	fit();
	assert_true(fabs(clock.ahead_ns) < 1.0 && fabs(clock.drift) < 1e-9);
	/* Nobody can tell the two ways apart: half of what both took. */
	assert_true(clock.error_ns >= 5000.0 && clock.error_ns < 5010.0);
}

static void
test_farclock__finds_an_offset_and_a_drift(void **state)
{
	const struct truth truths[] = {{1e12, 50e-6}, {-7e10, -50e-6}, {-1000.0, 0.0}, {3e6, 1e-3}};

	(void)state;
	for (size_t i = 0; i < sizeof(truths) / sizeof(truths[0]); i++) {
		make_probes(&truths[i], 5000, 5000, 200000);
		fit();
		assert_true(fabs(clock.drift - truths[i].drift) < 50e-6);
		expect_error_to_hold(&truths[i]);
		/* The tightest of a hundred counts, not the usual one. */
		assert_true(clock.error_ns < 100000.0);
	}
}

/* The way there is four times as long: the middle is wrong, and the error must say by how much. */
static void
test_farclock__ways_of_different_length_are_in_the_error(void **state)
{
	const struct truth truth = {123456.0, 10e-6};

	(void)state;
	make_probes(&truth, 40000, 10000, 0);
	fit();
	assert_true(fabs(clock.ahead_ns - truth.ahead_ns) > 14000.0);
	expect_error_to_hold(&truth);
}

/* A clock that jumps in the middle of the run is on no line. */
static void
test_farclock__a_jump_is_in_the_error(void **state)
{
	const struct truth truth = {0};

	(void)state;
	make_probes(&truth, 5000, 5000, 0);
	for (uint32_t i = 400; i < 600; i++) {
		probes[i].came_at_ns += 250000;
		probes[i].answered_at_ns += 250000;
	}
	fit();
	assert_true(clock.error_ns >= 250000.0 - 10.0);
}

static void
fit_without_an_end(void *argument)
{
	(void)argument;
	peal_farclock_fit(&clock, probes, PROBES_COUNT, EDGE_COUNT, 0);
}

static void
fit_more_than_there_are(void *argument)
{
	(void)argument;
	peal_farclock_fit(&clock, probes, 10, 6, 5);
}

static void
test_farclock__wants_messages_before_and_after(void **state)
{
	(void)state;
	assert_true(peal_test_dies(fit_without_an_end, NULL));
	assert_true(peal_test_dies(fit_more_than_there_are, NULL));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_farclock__of_one_clock_and_even_ways_finds_nothing),
		cmocka_unit_test(test_farclock__finds_an_offset_and_a_drift),
		cmocka_unit_test(test_farclock__ways_of_different_length_are_in_the_error),
		cmocka_unit_test(test_farclock__a_jump_is_in_the_error),
		cmocka_unit_test(test_farclock__wants_messages_before_and_after),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
