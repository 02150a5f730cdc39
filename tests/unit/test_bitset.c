/* SPDX-License-Identifier: BSD-3-Clause */
#include "base/bitset.h"

#include "base/prng.h"
#include "tests/lib/cmocka_all.h"
#include "tests/lib/dies.h"

static void
add_outside(void *argument)
{
	peal_bitset_add(argument, PEAL_MEMBERS_MAX);
}

static void
test_bitset__refuses_a_rank_outside(void **state)
{
	struct peal_bitset set = {0};

	(void)state;
	assert_true(peal_test_dies(add_outside, &set));
}

static void
test_bitset__adds_and_removes_the_edges(void **state)
{
	struct peal_bitset set = {0};

	(void)state;
	assert_true(peal_bitset_is_empty(&set));
	peal_bitset_add(&set, 0);
	peal_bitset_add(&set, PEAL_MEMBERS_MAX - 1U);
	peal_bitset_add(&set, PEAL_MEMBERS_MAX - 1U);
	assert_int_equal(peal_bitset_count(&set), 2);
	assert_false(peal_bitset_is_within(&set, PEAL_MEMBERS_MAX - 1U));
	assert_true(peal_bitset_is_within(&set, PEAL_MEMBERS_MAX));
	peal_bitset_remove(&set, PEAL_MEMBERS_MAX - 1U);
	assert_true(peal_bitset_is_within(&set, 1));
	peal_bitset_remove(&set, 0);
	assert_true(peal_bitset_is_empty(&set));
}

static void
test_bitset__agrees_with_an_array_of_bools(void **state)
{
	bool twin[PEAL_MEMBERS_MAX] = {false};
	struct peal_bitset set = {0};
	struct peal_prng prng;

	(void)state;
	peal_prng_init(&prng, 1);
	for (uint32_t round = 0; round < 500; round++) {
		uint32_t rank = (uint32_t)peal_prng_below(&prng, PEAL_MEMBERS_MAX);
		uint32_t count = 0;
		struct peal_bitset before = set;

		twin[rank] = peal_prng_ratio(&prng, 1, 2);
		if (twin[rank]) {
			peal_bitset_add(&set, rank);
		} else {
			peal_bitset_remove(&set, rank);
		}
		assert_int_equal(peal_bitset_equals(&before, &set),
			peal_bitset_has(&before, rank) == twin[rank]);
		for (uint32_t i = 0; i < PEAL_MEMBERS_MAX; i++) {
			if (peal_bitset_has(&set, i) != twin[i]) {
				fail_msg("rank %u", i);
			}
			count += twin[i] ? 1U : 0U;
		}
		assert_int_equal(peal_bitset_count(&set), count);
		assert_int_equal(peal_bitset_is_empty(&set), count == 0);
	}
}

static void
test_bitset__combines_sets_word_by_word(void **state)
{
	struct peal_bitset a = {{0x35}};
	struct peal_bitset b = {{0x1C}};

	(void)state;
	assert_true(peal_bitset_union(&a, &b).words[0] == 0x3D);
	assert_true(peal_bitset_intersection(&a, &b).words[0] == 0x14);
	assert_true(peal_bitset_difference(&a, &b).words[0] == 0x21);
	assert_true(peal_bitset_difference(&b, &a).words[0] == 0x08);
}

static void
test_bitset__knows_the_bound_of_a_set(void **state)
{
	(void)state;
	/* Word edges, their neighbours, and the ends of the range. */
	for (uint32_t rank = 0; rank < PEAL_MEMBERS_MAX; rank += rank % 64U == 62 ? 1 : 31) {
		struct peal_bitset set = {0};

		peal_bitset_add(&set, rank);
		for (uint32_t count = 0; count <= PEAL_MEMBERS_MAX;
			count += count % 64U == 63 ? 1 : 21) {
			assert_int_equal(peal_bitset_is_within(&set, count), rank < count);
		}
		assert_true(peal_bitset_is_within(&set, PEAL_MEMBERS_MAX));
		assert_false(peal_bitset_is_within(&set, rank));
		assert_true(peal_bitset_is_within(&set, rank + 1U));
	}
	const struct peal_bitset none = {0};
	assert_true(peal_bitset_is_within(&none, 0));
}

static void
is_within_too_many(void *argument)
{
	(void)peal_bitset_is_within(argument, PEAL_MEMBERS_MAX + 1U);
}

static void
test_bitset__refuses_a_bound_outside(void **state)
{
	struct peal_bitset set = {0};

	(void)state;
	assert_true(peal_test_dies(is_within_too_many, &set));
}

static void
test_bitset__merges_as_a_union(void **state)
{
	struct peal_bitset a = {0};
	struct peal_bitset b = {0};
	struct peal_prng prng;

	(void)state;
	peal_prng_init(&prng, 2);
	for (uint32_t i = 0; i < 500; i++) {
		peal_bitset_add(&a, (uint32_t)peal_prng_below(&prng, PEAL_MEMBERS_MAX));
		peal_bitset_add(&b, (uint32_t)peal_prng_below(&prng, PEAL_MEMBERS_MAX));
	}
	struct peal_bitset both = peal_bitset_union(&a, &b);
	peal_bitset_merge(&a, &b);
	assert_true(peal_bitset_equals(&a, &both));
	peal_bitset_merge(&a, &b);
	assert_true(peal_bitset_equals(&a, &both));
}

static void
test_bitset__finds_the_next_rank(void **state)
{
	struct peal_bitset set = {0};
	const uint32_t last = PEAL_MEMBERS_MAX - 1U;

	(void)state;
	assert_int_equal(peal_bitset_next(&set, 0), PEAL_MEMBERS_MAX);
	assert_int_equal(peal_bitset_next(&set, PEAL_MEMBERS_MAX), PEAL_MEMBERS_MAX);
	assert_int_equal(peal_bitset_next(&set, UINT32_MAX), PEAL_MEMBERS_MAX);
	peal_bitset_add(&set, last);
	assert_int_equal(peal_bitset_next(&set, 0), last);
	assert_int_equal(peal_bitset_next(&set, last), last);
	assert_int_equal(peal_bitset_next(&set, last + 1U), PEAL_MEMBERS_MAX);
	peal_bitset_add(&set, 0);
	peal_bitset_add(&set, 63);
	peal_bitset_add(&set, 64);
	assert_int_equal(peal_bitset_next(&set, 0), 0);
	assert_int_equal(peal_bitset_next(&set, 1), 63);
	assert_int_equal(peal_bitset_next(&set, 63), 63);
	assert_int_equal(peal_bitset_next(&set, 64), 64);
	assert_int_equal(peal_bitset_next(&set, 65), last);
}

static void
test_bitset__walks_every_rank_once_in_order(void **state)
{
	struct peal_prng prng;

	(void)state;
	peal_prng_init(&prng, 3);
	for (uint32_t round = 0; round < 50; round++) {
		struct peal_bitset set = {0};
		struct peal_bitset walked = {0};
		uint32_t end = 0;
		uint32_t count = 0;

		for (uint64_t i = peal_prng_below(&prng, 300); i > 0; i--) {
			peal_bitset_add(&set, (uint32_t)peal_prng_below(&prng, PEAL_MEMBERS_MAX));
		}
		const struct peal_bitset before = set;

		PEAL_BITSET_FOR_EACH (rank, &set) {
			assert_true(rank >= end);
			end = rank + 1U;
			count++;
			peal_bitset_add(&walked, rank);
			peal_bitset_remove(&set, rank); /* as the header allows */
		}
		assert_true(peal_bitset_equals(&walked, &before));
		assert_int_equal(count, peal_bitset_count(&before));
		assert_true(peal_bitset_is_empty(&set));
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_bitset__refuses_a_rank_outside),
		cmocka_unit_test(test_bitset__adds_and_removes_the_edges),
		cmocka_unit_test(test_bitset__agrees_with_an_array_of_bools),
		cmocka_unit_test(test_bitset__combines_sets_word_by_word),
		cmocka_unit_test(test_bitset__knows_the_bound_of_a_set),
		cmocka_unit_test(test_bitset__refuses_a_bound_outside),
		cmocka_unit_test(test_bitset__merges_as_a_union),
		cmocka_unit_test(test_bitset__finds_the_next_rank),
		cmocka_unit_test(test_bitset__walks_every_rank_once_in_order),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
