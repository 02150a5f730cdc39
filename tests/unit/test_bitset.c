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
	for (uint32_t round = 0; round < 2000; round++) {
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
			assert_int_equal(peal_bitset_has(&set, i), twin[i]);
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

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_bitset__refuses_a_rank_outside),
		cmocka_unit_test(test_bitset__adds_and_removes_the_edges),
		cmocka_unit_test(test_bitset__agrees_with_an_array_of_bools),
		cmocka_unit_test(test_bitset__combines_sets_word_by_word),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
