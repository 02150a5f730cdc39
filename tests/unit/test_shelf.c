/* SPDX-License-Identifier: BSD-3-Clause */
#include "control/shelf.h"
#include "membership/bodystore.h"
#include "tests/lib/teststore.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

static const struct peal_body *
keep(const struct peal_teststore *store, uint8_t number)
{
	uint8_t bytes[100];

	memset(bytes, number, sizeof(bytes));
	return store->bodies.keep_bytes(store->bodies.state, bytes, sizeof(bytes), false);
}

static void
test_shelf__keeps_the_newest_and_no_others(void **state)
{
	struct peal_teststore *store = peal_teststore_create(64);
	struct peal_shelf shelf = {0};

	(void)state;
	peal_shelf_init(&shelf, store->bodies);
	for (uint8_t i = 1; i <= PEAL_SHELF_MAX + 3U; i++) {
		const struct peal_body *body = keep(store, i);

		peal_shelf_add(&shelf, body);
		peal_shelf_add(&shelf, body);
		store->bodies.release(store->bodies.state, body);
		assert_ptr_equal(peal_shelf_find(&shelf, body->digest), body);
	}
	assert_int_equal(peal_bodystore_count(store->bodies.state), PEAL_SHELF_MAX);
	/* In the store is not on the shelf. */
	const struct peal_body *other = keep(store, 99);

	assert_null(peal_shelf_find(&shelf, other->digest));
	store->bodies.release(store->bodies.state, other);
	peal_shelf_clear(&shelf);
	assert_int_equal(peal_bodystore_count(store->bodies.state), 0);
	peal_teststore_destroy(store);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_shelf__keeps_the_newest_and_no_others),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
