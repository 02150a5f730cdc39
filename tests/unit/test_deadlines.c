/* SPDX-License-Identifier: BSD-3-Clause */
#include "base/deadlines.h"

#include "base/prng.h"
#include "tests/lib/cmocka_all.h"
#include "tests/lib/dies.h"

#include <string.h>

#define ROUNDS_COUNT 2000U
#define INSTANTS_MAX 1000U

/* What the machine should say, found by looking at everybody. */
struct model {
	uint32_t places_count;
	uint64_t at_ns[PEAL_RESIDENTS_MAX];
};

static void
compare(const struct model *model, const struct peal_deadlines *deadlines, uint64_t now_ns)
{
	uint64_t expected[PEAL_RESIDENTS_WORDS] = {0};
	uint64_t due[PEAL_RESIDENTS_WORDS] = {0};
	uint64_t earliest_ns = UINT64_MAX;

	for (uint32_t place = 0; place < model->places_count; place++) {
		uint64_t at_ns = model->at_ns[place];

		earliest_ns = at_ns < earliest_ns ? at_ns : earliest_ns;
		if (at_ns <= now_ns) {
			expected[place / 64U] |= UINT64_C(1) << place % 64U;
		}
	}
	peal_deadlines_collect(deadlines, now_ns, due);
	assert_memory_equal(due, expected, sizeof(due));
	assert_true(peal_deadlines_earliest_ns(deadlines) == earliest_ns);
}

static void
follow(uint32_t places_count)
{
	struct peal_deadlines deadlines;
	struct model model = {.places_count = places_count};
	struct peal_prng prng;

	peal_prng_init(&prng, places_count);
	peal_deadlines_init(&deadlines, places_count);
	memset(model.at_ns, 0xFF, sizeof(model.at_ns));
	for (uint32_t round = 0; round < ROUNDS_COUNT; round++) {
		uint32_t place = (uint32_t)peal_prng_below(&prng, places_count);
		uint64_t at_ns = peal_prng_below(&prng, INSTANTS_MAX);

		at_ns = peal_prng_ratio(&prng, 1, 4) ? UINT64_MAX : at_ns;
		model.at_ns[place] = at_ns;
		peal_deadlines_set(&deadlines, place, at_ns);
		compare(&model, &deadlines, peal_prng_below(&prng, INSTANTS_MAX));
	}
}

static void
test_deadlines__nobody_is_due_at_first(void **state)
{
	struct peal_deadlines deadlines;
	uint64_t due[PEAL_RESIDENTS_WORDS] = {0};

	(void)state;
	peal_deadlines_init(&deadlines, PEAL_RESIDENTS_MAX);
	assert_true(peal_deadlines_earliest_ns(&deadlines) == UINT64_MAX);
	peal_deadlines_collect(&deadlines, UINT64_MAX - 1U, due);
	for (uint32_t i = 0; i < PEAL_RESIDENTS_WORDS; i++) {
		assert_true(due[i] == 0);
	}
}

static void
test_deadlines__collecting_adds_to_a_set(void **state)
{
	struct peal_deadlines deadlines;
	uint64_t due[PEAL_RESIDENTS_WORDS] = {1};

	(void)state;
	peal_deadlines_init(&deadlines, 70);
	peal_deadlines_set(&deadlines, 69, 7);
	peal_deadlines_collect(&deadlines, 7, due);
	assert_true(due[0] == 1);
	assert_true(due[1] == UINT64_C(1) << 5);
}

static void
test_deadlines__says_what_a_look_at_everybody_says(void **state)
{
	static const uint32_t sizes[] = {1, 2, 3, 5, 8, 63, 64, 65, 200, PEAL_RESIDENTS_MAX};

	(void)state;
	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		follow(sizes[i]);
	}
}

static void
set_too_far(void *deadlines)
{
	peal_deadlines_set(deadlines, 4, 0);
}

static void
init_too_many(void *deadlines)
{
	peal_deadlines_init(deadlines, PEAL_RESIDENTS_MAX + 1U);
}

static void
test_deadlines__asserts_its_places(void **state)
{
	struct peal_deadlines deadlines;

	(void)state;
	peal_deadlines_init(&deadlines, 4);
	peal_deadlines_set(&deadlines, 3, 0);
	assert_true(peal_test_dies(set_too_far, &deadlines));
	assert_true(peal_test_dies(init_too_many, &deadlines));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_deadlines__nobody_is_due_at_first),
		cmocka_unit_test(test_deadlines__collecting_adds_to_a_set),
		cmocka_unit_test(test_deadlines__says_what_a_look_at_everybody_says),
		cmocka_unit_test(test_deadlines__asserts_its_places),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
