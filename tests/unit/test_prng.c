/* SPDX-License-Identifier: BSD-3-Clause */
#include "base/prng.h"

#include "tests/lib/cmocka_all.h"
#include "tests/lib/dies.h"

#include <string.h>

static void
draw_below_zero(void *argument)
{
	(void)peal_prng_below(argument, 0);
}

static void
test_prng__gives_the_published_sequence(void **state)
{
	/* First outputs of the reference xoshiro256** for the state {1, 2, 3, 4}. */
	static const uint64_t expected[] = {11520, 0, 1509978240, 1215971899390074240U};
	const uint64_t seed[4] = {1, 2, 3, 4};
	struct peal_prng prng;

	(void)state;
	peal_prng_init_full(&prng, seed);
	for (size_t i = 0; i < sizeof(expected) / sizeof(expected[0]); i++) {
		assert_int_equal(peal_prng_next(&prng), expected[i]);
	}
}

static void
test_prng__seeds_through_splitmix(void **state)
{
	/* First outputs of the reference splitmix64 for the seed 0. */
	struct peal_prng prng;

	(void)state;
	peal_prng_init(&prng, 0);
	assert_int_equal(prng.state[0], 0xe220a8397b1dcdafU);
	assert_int_equal(prng.state[1], 0x6e789e6aa1b965f4U);
	assert_int_equal(prng.state[2], 0x06c45d188009454fU);
}

static void
test_prng__refuses_an_empty_range(void **state)
{
	struct peal_prng prng;

	(void)state;
	peal_prng_init(&prng, 1);
	assert_true(peal_test_dies(draw_below_zero, &prng));
}

static void
test_prng__replaces_a_state_of_zeroes(void **state)
{
	const uint64_t zeroes[4] = {0};
	struct peal_prng full;
	struct peal_prng plain;

	(void)state;
	peal_prng_init_full(&full, zeroes);
	peal_prng_init(&plain, 0);
	assert_memory_equal(&full, &plain, sizeof(full));
}

static void
test_prng__repeats_itself_for_a_seed_only(void **state)
{
	struct peal_prng a;
	struct peal_prng b;
	struct peal_prng other;
	uint32_t equal_count = 0;

	(void)state;
	peal_prng_init(&a, 7);
	peal_prng_init(&b, 7);
	peal_prng_init(&other, 8);
	for (uint32_t i = 0; i < 1000; i++) {
		uint64_t drawn = peal_prng_next(&a);

		assert_int_equal(drawn, peal_prng_next(&b));
		equal_count += drawn == peal_prng_next(&other) ? 1U : 0U;
	}
	assert_int_equal(equal_count, 0);
}

static void
test_prng__stays_below_the_bound_and_reaches_all_of_it(void **state)
{
	static const uint64_t bounds[] = {1, 2, 3, 10, UINT64_C(1) << 63, UINT64_MAX};
	uint32_t seen[10] = {0};
	struct peal_prng prng;

	(void)state;
	peal_prng_init(&prng, 3);
	for (size_t i = 0; i < sizeof(bounds) / sizeof(bounds[0]); i++) {
		for (uint32_t round = 0; round < 1000; round++) {
			assert_true(peal_prng_below(&prng, bounds[i]) < bounds[i]);
		}
	}
	for (uint32_t round = 0; round < 100000; round++) {
		seen[peal_prng_below(&prng, 10)]++;
	}
	for (uint32_t i = 0; i < 10; i++) {
		/* 10 000 expected, deviation 95: ten deviations. */
		assert_in_range(seen[i], 9050, 10950);
	}
}

static void
test_prng__is_fair_where_the_range_does_not_divide(void **state)
{
	/* Two thirds of 2^64: a plain modulo would draw the lower half twice as often. */
	const uint64_t bound = UINT64_C(0xAAAAAAAAAAAAAAAA);
	uint32_t lower_count = 0;
	struct peal_prng prng;

	(void)state;
	peal_prng_init(&prng, 4);
	for (uint32_t round = 0; round < 10000; round++) {
		lower_count += peal_prng_below(&prng, bound) < bound / 2U ? 1U : 0U;
	}
	assert_in_range(lower_count, 4500, 5500);
}

static void
test_prng__keeps_a_ratio(void **state)
{
	uint32_t hits_count = 0;
	struct peal_prng prng;

	(void)state;
	peal_prng_init(&prng, 5);
	for (uint32_t round = 0; round < 100000; round++) {
		assert_false(peal_prng_ratio(&prng, 0, 3));
		assert_true(peal_prng_ratio(&prng, 3, 3));
		hits_count += peal_prng_ratio(&prng, 1, 4) ? 1U : 0U;
	}
	assert_in_range(hits_count, 23600, 26400);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_prng__gives_the_published_sequence),
		cmocka_unit_test(test_prng__seeds_through_splitmix),
		cmocka_unit_test(test_prng__refuses_an_empty_range),
		cmocka_unit_test(test_prng__replaces_a_state_of_zeroes),
		cmocka_unit_test(test_prng__repeats_itself_for_a_seed_only),
		cmocka_unit_test(test_prng__stays_below_the_bound_and_reaches_all_of_it),
		cmocka_unit_test(test_prng__is_fair_where_the_range_does_not_divide),
		cmocka_unit_test(test_prng__keeps_a_ratio),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
