/* SPDX-License-Identifier: BSD-3-Clause */
#include "dataplane/clientrights.h"
#include "tests/lib/cmocka_all.h"

#include <string.h>

static struct peal_procgroup_name
name_of(const char *text)
{
	struct peal_procgroup_name name = {.size = (uint8_t)strlen(text)};

	memcpy(name.bytes, text, name.size);
	return name;
}

static bool
fits(const char *pattern, const char *text)
{
	struct peal_clientrights rights = {.acts = PEAL_CLIENT_MAY_ALL};
	const struct peal_procgroup_name name = name_of(text);

	assert_true(peal_clientrights_add(&rights, pattern));
	return peal_clientrights_may_join(&rights, &name);
}

static void
test_clientrights__a_star_stands_for_any_characters(void **state)
{
	(void)state;
	assert_true(fits("desk", "desk"));
	assert_false(fits("desk", "desks"));
	assert_false(fits("desk", "des"));
	assert_true(fits("*", "desk"));
	assert_true(fits("desk-*", "desk-"));
	assert_true(fits("desk-*", "desk-7"));
	assert_false(fits("desk-*", "desk"));
	assert_true(fits("*-7", "desk-7"));
	assert_false(fits("*-7", "desk-77"));
	assert_true(fits("*-7", "desk-7-7"));
	assert_true(fits("a*b*c", "abbbc"));
	assert_true(fits("a*b*c", "axcbxc"));
	assert_false(fits("a*b*c", "axcxc"));
	assert_true(fits("**a**", "bab"));
	/* Nothing else means anything. */
	assert_false(fits("desk?", "desk7"));
	assert_false(fits("Desk", "desk"));
}

/* The cost is bounded: 32 stars, and a name that nearly fits. */
static void
test_clientrights__many_stars_end(void **state)
{
	(void)state;
	assert_false(fits("*a*a*a*a*a*a*a*a*a*a*a*a*a*a*a*a*a*a*a*a*a*a*a*a*a*a*a*a*a*a*b",
		"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"));
}

static void
test_clientrights__any_of_the_patterns_will_do(void **state)
{
	struct peal_clientrights rights = {.acts = PEAL_CLIENT_MAY_GROUPS};
	const struct peal_procgroup_name lobby = name_of("lobby"), other = name_of("other");

	(void)state;
	assert_true(peal_clientrights_may_join(&rights, &other));
	assert_true(peal_clientrights_add(&rights, "desk-*"));
	assert_true(peal_clientrights_add(&rights, "lobby"));
	assert_true(peal_clientrights_may_join(&rights, &lobby));
	assert_false(peal_clientrights_may_join(&rights, &other));
	rights.acts = PEAL_CLIENT_MAY_ALL & ~PEAL_CLIENT_MAY_GROUPS;
	assert_false(peal_clientrights_may_join(&rights, &lobby));
	assert_true(peal_clientrights_may_join(&peal_clientrights_all, &other));
}

static void
test_clientrights__what_no_group_can_be_called_is_no_pattern(void **state)
{
	struct peal_clientrights rights = {.acts = PEAL_CLIENT_MAY_ALL};

	(void)state;
	assert_false(peal_clientrights_add(&rights, ""));
	assert_false(peal_clientrights_add(&rights, "two words"));
	assert_false(peal_clientrights_add(
		&rights, "a234567890123456789012345678901234567890123456789012345678901234"));
	assert_int_equal(rights.patterns_count, 0);
	for (uint32_t i = 0; i < PEAL_CLIENTRIGHTS_PATTERNS_MAX; i++) {
		assert_true(peal_clientrights_add(&rights, "a"));
	}
	assert_false(peal_clientrights_add(&rights, "a"));
	assert_int_equal(rights.patterns_count, PEAL_CLIENTRIGHTS_PATTERNS_MAX);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_clientrights__a_star_stands_for_any_characters),
		cmocka_unit_test(test_clientrights__many_stars_end),
		cmocka_unit_test(test_clientrights__any_of_the_patterns_will_do),
		cmocka_unit_test(test_clientrights__what_no_group_can_be_called_is_no_pattern),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
