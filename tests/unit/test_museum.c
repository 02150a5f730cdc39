/* SPDX-License-Identifier: BSD-3-Clause */
#include "base/museum.h"
#include "tests/lib/cmocka_all.h"

#include <string.h>

static void
test_museum__names_every_piece_once(void **state)
{
	(void)state;
	for (uint32_t i = 1; i < PEAL_BUGS_COUNT; i++) {
		const struct peal_museum_piece *piece = peal_museum_piece((enum peal_bug)i);
		enum peal_bug found = PEAL_BUG_NONE;

		assert_true(strlen(piece->name) > 0);
		assert_true(strlen(piece->scenario) > 0);
		assert_true(strlen(piece->what) > 0);
		assert_true(peal_museum_find(piece->name, &found));
		assert_int_equal(found, i);
	}
	assert_false(peal_museum_find("a bug that nobody made", &(enum peal_bug){0}));
}

static void
test_museum__is_closed_unless_it_is_built(void **state)
{
	(void)state;
#ifdef PEAL_WITH_MUSEUM
	assert_true(peal_museum_plant(PEAL_BUG_NONE));
#else
	assert_false(peal_museum_plant(PEAL_BUG_NONE));
#endif
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_museum__names_every_piece_once),
		cmocka_unit_test(test_museum__is_closed_unless_it_is_built),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
