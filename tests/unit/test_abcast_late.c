/* SPDX-License-Identifier: BSD-3-Clause */
#include "abcast/abcast_late.h"

#include "tests/lib/cmocka_all.h"

#define MILLISECOND_NS UINT64_C(1000000)
#define LEAST_NS       UINT64_C(300000)
#define MOST_NS        (UINT64_C(4) * MILLISECOND_NS)

static struct peal_abcast_late late;
static uint64_t now_ns;

static int
set_up(void **state)
{
	(void)state;
	late = (struct peal_abcast_late){0};
	now_ns = UINT64_C(1000) * MILLISECOND_NS;
	return 0;
}

static void
wait_for(uint64_t span_ns)
{
	peal_abcast_late_await(&late, now_ns);
	now_ns += span_ns;
	peal_abcast_late_come(&late, LEAST_NS, MOST_NS, now_ns);
}

static void
test_abcast_late__knows_nothing_of_who_is_not_waited_for(void **state)
{
	(void)state;
	peal_abcast_late_come(&late, LEAST_NS, MOST_NS, now_ns);
	assert_true(peal_abcast_late_ns(&late, now_ns) == 0);
	peal_abcast_late_await(&late, now_ns);
	peal_abcast_late_forget(&late);
	peal_abcast_late_come(&late, LEAST_NS, MOST_NS, now_ns + MILLISECOND_NS);
	assert_true(peal_abcast_late_ns(&late, now_ns + MILLISECOND_NS) == 0);
}

static void
test_abcast_late__one_wait_counts_little_and_many_count(void **state)
{
	(void)state;
	wait_for(UINT64_C(1000) * MILLISECOND_NS);
	assert_true(peal_abcast_late_ns(&late, now_ns) == LEAST_NS);
	wait_for(2U * MILLISECOND_NS);
	assert_true(peal_abcast_late_ns(&late, now_ns) == 3U * LEAST_NS);
	for (uint32_t i = 0; i < 5U; i++) {
		wait_for(2U * MILLISECOND_NS);
	}
	assert_true(peal_abcast_late_ns(&late, now_ns) == 2U * MILLISECOND_NS);
	for (uint32_t i = 0; i < 5U; i++) {
		wait_for(UINT64_C(20) * MILLISECOND_NS);
	}
	assert_true(peal_abcast_late_ns(&late, now_ns) == MOST_NS);
}

static void
test_abcast_late__counts_from_the_first_wait_and_not_less_than_it_was(void **state)
{
	(void)state;
	peal_abcast_late_await(&late, now_ns);
	peal_abcast_late_await(&late, now_ns + LEAST_NS / 2U);
	peal_abcast_late_come(&late, LEAST_NS, MOST_NS, now_ns + LEAST_NS / 4U * 3U);
	assert_true(peal_abcast_late_ns(&late, now_ns) == LEAST_NS / 4U * 3U);
	/* A short wait says nothing new. */
	wait_for(1000);
	assert_true(peal_abcast_late_ns(&late, now_ns) == LEAST_NS / 4U * 3U);
}

static void
test_abcast_late__forgets_by_halves(void **state)
{
	(void)state;
	wait_for(LEAST_NS);
	assert_true(peal_abcast_late_ns(&late, now_ns + PEAL_ABCAST_LATE_HALF_NS) == LEAST_NS / 2U);
	assert_true(peal_abcast_late_ns(&late, now_ns + 2U * PEAL_ABCAST_LATE_HALF_NS) ==
		    LEAST_NS / 4U);
	assert_true(peal_abcast_late_ns(&late, now_ns + 100U * PEAL_ABCAST_LATE_HALF_NS) == 0);
}

#define TEST(name) cmocka_unit_test_setup(test_abcast_late__##name, set_up)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(knows_nothing_of_who_is_not_waited_for),
		TEST(one_wait_counts_little_and_many_count),
		TEST(counts_from_the_first_wait_and_not_less_than_it_was),
		TEST(forgets_by_halves),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
