/* SPDX-License-Identifier: BSD-3-Clause */
#include "control/guests.h"
#include "tests/lib/teststore.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

static bool
has(const struct peal_guests *guests, uint64_t mid)
{
	bool is_there = false;

	for (uint32_t i = 0; i < guests->count; i++) {
		is_there = is_there || guests->mids[i] == mid;
	}
	return is_there;
}

static void
test_guests__who_was_needed_longest_ago_gives_way(void **state)
{
	struct peal_guests guests = {0};

	(void)state;
	for (uint64_t mid = 1; mid <= PEAL_GUESTS_MAX; mid++) {
		assert_true(peal_guests_add(&guests, mid, mid));
	}
	assert_false(peal_guests_add(&guests, 1, 100));
	assert_true(peal_guests_add(&guests, 1000, 101));
	assert_int_equal(guests.count, PEAL_GUESTS_MAX);
	assert_true(has(&guests, 1));
	assert_false(has(&guests, 2));
	assert_true(has(&guests, 1000));
}

static void
test_guests__tables_are_not_built_for_each(void **state)
{
	struct peal_guests guests = {0};

	(void)state;
	assert_true(peal_guests_deadline_at_ns(&guests) == UINT64_MAX);
	(void)peal_guests_add(&guests, 5, 10 * PEAL_GUESTS_NS);
	assert_true(peal_guests_deadline_at_ns(&guests) <= 10 * PEAL_GUESTS_NS);
	peal_guests_on_publish(&guests, 10 * PEAL_GUESTS_NS);
	assert_true(peal_guests_deadline_at_ns(&guests) == UINT64_MAX);
	(void)peal_guests_add(&guests, 5, 10 * PEAL_GUESTS_NS + 1U);
	assert_true(peal_guests_deadline_at_ns(&guests) == UINT64_MAX);
	(void)peal_guests_add(&guests, 6, 10 * PEAL_GUESTS_NS + 2U);
	assert_true(peal_guests_deadline_at_ns(&guests) == 11 * PEAL_GUESTS_NS);
}

static void
test_guests__who_left_the_view_is_forgotten(void **state)
{
	struct peal_teststore *store = peal_teststore_create(64);
	const struct peal_group *group = peal_teststore_group(store, 10, 1);
	struct peal_guests guests = {0};

	(void)state;
	(void)peal_guests_add(&guests, 3, 1);
	(void)peal_guests_add(&guests, 11, 1);
	(void)peal_guests_add(&guests, 7, 1);
	peal_guests_on_view(&guests, &group->view);
	assert_int_equal(guests.count, 2);
	assert_true(has(&guests, 3));
	assert_true(has(&guests, 7));
	peal_teststore_destroy(store);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_guests__who_was_needed_longest_ago_gives_way),
		cmocka_unit_test(test_guests__tables_are_not_built_for_each),
		cmocka_unit_test(test_guests__who_left_the_view_is_forgotten),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
