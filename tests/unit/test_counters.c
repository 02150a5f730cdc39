/* SPDX-License-Identifier: BSD-3-Clause */
#include "base/counters.h"

#include "tests/lib/cmocka_all.h"
#include "tests/lib/dies.h"

#include <ctype.h>
#include <string.h>

static void
name_nothing(void *argument)
{
	(void)argument;
	(void)peal_counter_name(PEAL_COUNTERS_COUNT);
}

static void
test_counters__fill_whole_cache_lines(void **state)
{
	(void)state;
	assert_int_equal(sizeof(struct peal_counters) % 64U, 0);
	assert_int_equal(alignof(struct peal_counters), 64);
}

static void
test_counters__have_no_name_behind_the_last(void **state)
{
	(void)state;
	assert_true(peal_test_dies(name_nothing, NULL));
}

static void
test_counters__find_no_other_name(void **state)
{
	enum peal_counter id = PEAL_COUNTER_TURNS;

	(void)state;
	assert_false(peal_counter_find("", &id));
	assert_false(peal_counter_find("TURNS", &id));
	assert_false(peal_counter_find("turn", &id));
	assert_int_equal(id, PEAL_COUNTER_TURNS);
}

static void
test_counters__are_all_described(void **state)
{
	(void)state;
	for (uint32_t i = 0; i < PEAL_COUNTERS_COUNT; i++) {
		enum peal_counter id = (enum peal_counter)i;
		enum peal_counter found;
		const char *name = peal_counter_name(id);
		const char *help = peal_counter_help(id);

		for (const char *c = name; *c != '\0'; c++) {
			assert_true(islower((unsigned char)*c) || isdigit((unsigned char)*c) ||
				    *c == '_');
		}
		assert_true(strlen(name) <= PEAL_COUNTER_NAME_SIZE_MAX);
		assert_true(peal_counter_find(name, &found));
		assert_int_equal(found, id); /* so no name comes twice */
		assert_true(strlen(peal_counter_unit(id)) > 0);
		assert_true(isupper((unsigned char)help[0]));
		assert_int_equal(help[strlen(help) - 1U], '.');
	}
	assert_string_equal(peal_counter_name(PEAL_COUNTER_REFUSED_TAG), "refused_tag");
	assert_string_equal(peal_counter_unit(PEAL_COUNTER_RX_BYTES), "bytes");
}

static void
test_counters__add_and_raise(void **state)
{
	static struct peal_counters counters;

	(void)state;
	memset(&counters, 0xFF, sizeof(counters));
	peal_counters_init(&counters);
	for (uint32_t i = 0; i < PEAL_COUNTERS_COUNT; i++) {
		assert_int_equal(peal_counter_get(&counters, (enum peal_counter)i), 0);
	}
	peal_counter_add(&counters, PEAL_COUNTER_RX_BYTES, 60);
	peal_counter_add(&counters, PEAL_COUNTER_RX_BYTES, 1500);
	peal_counter_raise(&counters, PEAL_COUNTER_LONGEST_TURN_NS, 7);
	peal_counter_raise(&counters, PEAL_COUNTER_LONGEST_TURN_NS, 5);
	assert_int_equal(peal_counter_get(&counters, PEAL_COUNTER_RX_BYTES), 1560);
	assert_int_equal(peal_counter_get(&counters, PEAL_COUNTER_LONGEST_TURN_NS), 7);
	assert_int_equal(peal_counter_get(&counters, PEAL_COUNTER_RX_FRAMES), 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_counters__fill_whole_cache_lines),
		cmocka_unit_test(test_counters__have_no_name_behind_the_last),
		cmocka_unit_test(test_counters__find_no_other_name),
		cmocka_unit_test(test_counters__are_all_described),
		cmocka_unit_test(test_counters__add_and_raise),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
