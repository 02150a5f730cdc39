/* SPDX-License-Identifier: BSD-3-Clause */
#include "control/rejoin.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#define MS     UINT64_C(1000000)
#define SECOND (1000 * MS)

static void
test_rejoin__a_node_that_was_never_evicted_does_not_wait(void **state)
{
	struct peal_rejoin rejoin = {0};

	(void)state;
	assert_int_equal(peal_rejoin_deadline_at_ns(&rejoin), UINT64_MAX);
	assert_false(peal_rejoin_is_due(&rejoin, 10 * SECOND));
}

static void
test_rejoin__is_due_once_and_not_before_the_end(void **state)
{
	struct peal_rejoin rejoin = {0};
	uint64_t until_ns = 7 * SECOND + 50 * MS;

	(void)state;
	assert_int_equal(peal_rejoin_on_evicted(&rejoin, 7 * SECOND), 50 * MS);
	assert_int_equal(peal_rejoin_deadline_at_ns(&rejoin), until_ns);
	assert_false(peal_rejoin_is_due(&rejoin, until_ns - 1));
	assert_true(peal_rejoin_is_due(&rejoin, until_ns));
	assert_false(peal_rejoin_is_due(&rejoin, until_ns + 1));
	assert_int_equal(peal_rejoin_deadline_at_ns(&rejoin), UINT64_MAX);
}

/* Evicted 70 ms after each return: the pauses double up to 10 s, and stay there. */
static void
test_rejoin__pauses_double_up_to_a_bound(void **state)
{
	static const uint64_t pauses_ms[] = {
		50, 100, 200, 400, 800, 1600, 3200, 6400, 10000, 10000, 10000};
	struct peal_rejoin rejoin = {0};
	uint64_t now_ns = SECOND;

	(void)state;
	for (uint32_t i = 0; i < sizeof(pauses_ms) / sizeof(pauses_ms[0]); i++) {
		assert_int_equal(peal_rejoin_on_evicted(&rejoin, now_ns), pauses_ms[i] * MS);
		now_ns = peal_rejoin_deadline_at_ns(&rejoin) + 70 * MS;
		assert_true(peal_rejoin_is_due(&rejoin, now_ns));
	}
}

/* Counted from eviction to eviction. The longest `evict_ms`, 60 s, after the longest pause is no
 * good time. */
static void
test_rejoin__a_long_good_time_is_forgotten(void **state)
{
	struct peal_rejoin rejoin = {0};
	uint64_t now_ns = SECOND;

	(void)state;
	for (uint32_t i = 0; i < 20; i++) {
		(void)peal_rejoin_on_evicted(&rejoin, now_ns);
		now_ns = peal_rejoin_deadline_at_ns(&rejoin) + 60 * SECOND;
	}
	assert_int_equal(rejoin.pause_ns, PEAL_REJOIN_PAUSE_NS_MAX);
	now_ns = rejoin.evicted_at_ns + PEAL_REJOIN_FORGET_NS;
	assert_int_equal(peal_rejoin_on_evicted(&rejoin, now_ns), PEAL_REJOIN_PAUSE_NS_MAX);
	now_ns += PEAL_REJOIN_FORGET_NS + 1;
	assert_int_equal(peal_rejoin_on_evicted(&rejoin, now_ns), PEAL_REJOIN_PAUSE_NS_MIN);
	now_ns += SECOND;
	assert_int_equal(peal_rejoin_on_evicted(&rejoin, now_ns), 2 * PEAL_REJOIN_PAUSE_NS_MIN);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_rejoin__a_node_that_was_never_evicted_does_not_wait),
		cmocka_unit_test(test_rejoin__is_due_once_and_not_before_the_end),
		cmocka_unit_test(test_rejoin__pauses_double_up_to_a_bound),
		cmocka_unit_test(test_rejoin__a_long_good_time_is_forgotten),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
