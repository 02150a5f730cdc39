/* SPDX-License-Identifier: BSD-3-Clause */
#include "control/values.h"
#include "tests/lib/cmocka_all.h"
#include "tests/lib/dies.h"

#include <string.h>

static struct peal_proposal
value_of(uint32_t rank)
{
	struct peal_proposal value;

	memset(&value, 0, sizeof(value));
	value.parent_epoch = 5;
	peal_bitset_add(&value.removals, rank);
	return value;
}

static bool
add(struct peal_values *values, uint32_t rank, uint32_t weight, const uint32_t *weights)
{
	struct peal_proposal value = value_of(rank);

	return peal_values_add(values, peal_proposal_digest(&value), &value, weight, weights);
}

static bool
has(const struct peal_values *values, uint32_t rank)
{
	struct peal_proposal value = value_of(rank);
	const struct peal_proposal *found = peal_values_find(values, peal_proposal_digest(&value));

	return found != NULL && peal_bitset_has(&found->removals, rank);
}

static void
test_values__finds_what_was_added(void **state)
{
	struct peal_values values;

	(void)state;
	peal_values_init(&values);
	assert_false(has(&values, 1));
	assert_true(add(&values, 1, 0, NULL));
	assert_true(add(&values, 2, 0, NULL));
	assert_true(add(&values, 1, 0, NULL));
	assert_int_equal(values.count, 2);
	assert_true(has(&values, 1));
	assert_true(has(&values, 2));
	assert_false(has(&values, 3));
}

static void
test_values__when_full_a_lighter_one_goes(void **state)
{
	uint32_t weights[PEAL_TALLIES_MAX];
	struct peal_values values;

	(void)state;
	peal_values_init(&values);
	for (uint32_t i = 0; i < PEAL_TALLIES_MAX; i++) {
		assert_true(add(&values, i, 0, NULL));
		weights[i] = 10 + i;
	}
	weights[0] = PEAL_VALUES_PINNED;
	/* Not lighter than the lightest: refused, nothing changes. */
	assert_false(add(&values, 20, 11, weights));
	assert_true(has(&values, 1));
	assert_true(add(&values, 20, 12, weights));
	assert_false(has(&values, 1));
	assert_true(has(&values, 20));
	weights[1] = PEAL_VALUES_PINNED;
	assert_true(add(&values, 21, PEAL_VALUES_PINNED, weights));
	assert_false(has(&values, 2));
	assert_int_equal(values.count, PEAL_TALLIES_MAX);
	assert_true(has(&values, 0));
}

static void
add_a_lie(void *argument)
{
	struct peal_proposal value = value_of(1);
	struct peal_hash128 other = {1, 2};

	(void)peal_values_add(argument, other, &value, 0, NULL);
}

static void
add_to_pinned(void *argument)
{
	uint32_t weights[PEAL_TALLIES_MAX];

	for (uint32_t i = 0; i < PEAL_TALLIES_MAX; i++) {
		(void)add(argument, i, 0, NULL);
		weights[i] = PEAL_VALUES_PINNED;
	}
	(void)add(argument, 30, PEAL_VALUES_PINNED, weights);
}

static void
test_values__asserts_what_callers_promise(void **state)
{
	struct peal_values values;

	(void)state;
	peal_values_init(&values);
	assert_true(peal_test_dies(add_a_lie, &values));
	assert_true(peal_test_dies(add_to_pinned, &values));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_values__finds_what_was_added),
		cmocka_unit_test(test_values__when_full_a_lighter_one_goes),
		cmocka_unit_test(test_values__asserts_what_callers_promise),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
