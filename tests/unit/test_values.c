/* SPDX-License-Identifier: BSD-3-Clause */
#include "control/values.h"
#include "tests/lib/cmocka_all.h"
#include "tests/lib/dies.h"
#include "tests/lib/teststore.h"

#include <string.h>

static struct peal_teststore *store;

static int
open_store(void **state)
{
	(void)state;
	store = peal_teststore_create(1);
	return 0;
}

static int
close_store(void **state)
{
	(void)state;
	peal_teststore_destroy(store);
	return 0;
}

static struct peal_proposal
value_of(uint32_t rank)
{
	struct peal_proposal value;

	memset(&value, 0, sizeof(value));
	value.parent_epoch = 5;
	peal_bitset_add(&value.removals, rank);
	return value;
}

/* The table is the only one that keeps it from then on. */
static bool
add(struct peal_values *values, uint32_t rank, uint32_t weight, const uint32_t *weights)
{
	struct peal_proposal value = value_of(rank);
	const struct peal_body *body = store->bodies.keep_proposal(store->bodies.state, &value);
	bool is_in;

	assert_non_null(body);
	is_in = peal_values_add(values, body, weight, weights);
	store->bodies.release(store->bodies.state, body);
	return is_in;
}

/* True while somebody retains the body. */
static bool
is_kept(uint32_t rank)
{
	struct peal_proposal value = value_of(rank);
	const struct peal_body *body =
		store->bodies.find(store->bodies.state, peal_proposal_digest(&value));

	if (body != NULL) {
		store->bodies.release(store->bodies.state, body);
	}
	return body != NULL;
}

static bool
has(const struct peal_values *values, uint32_t rank)
{
	struct peal_proposal value = value_of(rank);
	const struct peal_body *found = peal_values_find(values, peal_proposal_digest(&value));

	return found != NULL && peal_bitset_has(&found->proposal.removals, rank);
}

static void
test_values__finds_what_was_added(void **state)
{
	struct peal_values values;

	(void)state;
	peal_values_init(&values, store->bodies);
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
test_values__keeps_bodies_as_long_as_they_are_in(void **state)
{
	uint32_t weights[PEAL_TALLIES_MAX];
	struct peal_values values;

	(void)state;
	peal_values_init(&values, store->bodies);
	for (uint32_t i = 0; i < PEAL_TALLIES_MAX; i++) {
		assert_true(add(&values, i, 0, NULL));
		weights[i] = 10 + i;
	}
	assert_false(add(&values, 20, 1, weights));
	assert_false(is_kept(20));
	assert_true(add(&values, 20, 90, weights));
	assert_false(is_kept(0));
	assert_true(is_kept(20));
	peal_values_clear(&values);
	assert_int_equal(values.count, 0);
	for (uint32_t i = 0; i <= 20; i++) {
		assert_false(is_kept(i));
	}
}

static void
test_values__when_full_a_lighter_one_goes(void **state)
{
	uint32_t weights[PEAL_TALLIES_MAX];
	struct peal_values values;

	(void)state;
	peal_values_init(&values, store->bodies);
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
add_no_proposal(void *argument)
{
	struct peal_body body = {.size = 1, .bytes = (const uint8_t *)"x", .users_count = 1};

	(void)peal_values_add(argument, &body, 0, NULL);
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
	peal_values_init(&values, store->bodies);
	assert_true(peal_test_dies(add_no_proposal, &values));
	assert_true(peal_test_dies(add_to_pinned, &values));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(
			test_values__finds_what_was_added, open_store, close_store),
		cmocka_unit_test_setup_teardown(
			test_values__keeps_bodies_as_long_as_they_are_in, open_store, close_store),
		cmocka_unit_test_setup_teardown(
			test_values__when_full_a_lighter_one_goes, open_store, close_store),
		cmocka_unit_test_setup_teardown(
			test_values__asserts_what_callers_promise, open_store, close_store),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
