/* SPDX-License-Identifier: BSD-3-Clause */
#include "membership/tombstones.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

static struct peal_uuid
uuid_of(uint64_t number)
{
	return (struct peal_uuid){.low = number, .high = 3};
}

static void
test_tombstones__keep_the_newest(void **state)
{
	struct peal_tombstones *tombstones = calloc(1, sizeof(*tombstones));

	(void)state;
	assert_false(peal_tombstones_has(tombstones, uuid_of(0)));
	for (uint64_t i = 0; i < UINT64_C(3) * PEAL_TOMBSTONES_MAX; i++) {
		peal_tombstones_add(tombstones, uuid_of(i));
		assert_true(peal_tombstones_has(tombstones, uuid_of(i)));
		assert_false(peal_tombstones_has(tombstones, uuid_of(i + 1U)));
		if (i >= PEAL_TOMBSTONES_MAX) {
			assert_false(
				peal_tombstones_has(tombstones, uuid_of(i - PEAL_TOMBSTONES_MAX)));
		}
	}
	for (uint64_t i = UINT64_C(2) * PEAL_TOMBSTONES_MAX; i < UINT64_C(3) * PEAL_TOMBSTONES_MAX;
		i++) {
		assert_true(peal_tombstones_has(tombstones, uuid_of(i)));
	}
	free(tombstones);
}

static void
test_tombstones__one_added_twice_takes_one_place(void **state)
{
	struct peal_tombstones *tombstones = calloc(1, sizeof(*tombstones));

	(void)state;
	for (uint32_t i = 0; i < UINT64_C(2) * PEAL_TOMBSTONES_MAX; i++) {
		peal_tombstones_add(tombstones, uuid_of(7));
	}
	peal_tombstones_add(tombstones, uuid_of(8));
	assert_true(peal_tombstones_has(tombstones, uuid_of(7)));
	assert_int_equal(tombstones->count, 2);
	free(tombstones);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_tombstones__keep_the_newest),
		cmocka_unit_test(test_tombstones__one_added_twice_takes_one_place),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
