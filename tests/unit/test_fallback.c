/* SPDX-License-Identifier: BSD-3-Clause */
#include "control/fallback.h"
#include "tests/lib/cmocka_all.h"
#include "tests/lib/dies.h"
#include "tests/lib/teststore.h"

#define T0     UINT64_C(1000)
#define T_SLOT UINT64_C(100)
#define NOW    UINT64_C(50000)

static const struct peal_timing timing = {.fallback_ns = T0, .fallback_slot_ns = T_SLOT};

static struct peal_fallback
new_fallback(uint32_t slot)
{
	struct peal_fallback fallback;

	peal_fallback_init(&fallback, &timing, slot);
	return fallback;
}

static void
test_fallback__slots_are_the_order_of_the_epoch(void **state)
{
	/* A large group as well: its slots cost what is removed, but the order is the same. */
	static const uint16_t counts[] = {
		1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 64, 65, 500};
	struct peal_teststore *store = peal_teststore_create(500);

	(void)state;
	for (size_t i = 0; i < sizeof(counts) / sizeof(counts[0]); i++) {
		uint16_t count = counts[i];
		const struct peal_group *group = peal_teststore_group(store, count, 3U + i);
		const struct peal_view *view = &group->view;
		const struct peal_topology *topology = &group->topology;
		struct peal_bitset removals = {{0}};
		struct peal_bitset taken = {{0}};

		for (uint32_t slot = 0; slot < count; slot++) {
			uint16_t rank = peal_rings_elect(topology, view, 1, slot);

			assert_int_equal(
				peal_fallback_find_slot(view, topology, &removals, rank), slot);
		}
		/* Every third is removed: the others close ranks, the removed come after them. */
		for (uint32_t rank = 0; rank < count; rank += 3) {
			peal_bitset_add(&removals, rank);
		}
		for (uint16_t rank = 0; rank < count; rank++) {
			uint32_t slot = peal_fallback_find_slot(view, topology, &removals, rank);
			uint32_t staying = count - peal_bitset_count(&removals);

			assert_int_equal(slot >= staying, peal_bitset_has(&removals, rank));
			peal_bitset_add(&taken, slot);
		}
		assert_int_equal(peal_bitset_count(&taken), count);
	}
	peal_teststore_destroy(store);
}

static void
test_fallback__waits_t0_and_its_slot(void **state)
{
	struct peal_fallback fallback = new_fallback(3);

	(void)state;
	assert_true(peal_fallback_deadline_at_ns(&fallback) == UINT64_MAX);
	peal_fallback_arm(&fallback, NOW);
	assert_int_equal(peal_fallback_deadline_at_ns(&fallback), NOW + T0 + 3 * T_SLOT);
	/* Armed is armed. */
	peal_fallback_arm(&fallback, NOW + 500);
	assert_int_equal(peal_fallback_deadline_at_ns(&fallback), NOW + T0 + 3 * T_SLOT);
	peal_fallback_set_slot(&fallback, 1);
	assert_int_equal(peal_fallback_deadline_at_ns(&fallback), NOW + T0 + T_SLOT);
	peal_fallback_stop(&fallback);
	assert_true(peal_fallback_deadline_at_ns(&fallback) == UINT64_MAX);
}

static void
test_fallback__backs_off_to_eight_times_t0(void **state)
{
	static const uint64_t waits[] = {1500, 2250, 3375, 5062, 7593, 8000, 8000};
	struct peal_fallback fallback = new_fallback(2);

	(void)state;
	for (uint32_t attempt = 1; attempt <= 7; attempt++) {
		peal_fallback_retry(&fallback, attempt, NOW);
		assert_int_equal(peal_fallback_deadline_at_ns(&fallback),
			NOW + waits[attempt - 1U] + 2 * T_SLOT);
	}
	peal_fallback_retry(&fallback, UINT32_MAX, NOW);
	assert_int_equal(peal_fallback_deadline_at_ns(&fallback), NOW + 8 * T0 + 2 * T_SLOT);
}

static void
test_fallback__lets_others_finish(void **state)
{
	struct peal_fallback fallback = new_fallback(1);

	(void)state;
	/* Nothing planned, nothing to move. */
	peal_fallback_yield(&fallback, NOW);
	peal_fallback_on_lost(&fallback, NOW);
	assert_true(peal_fallback_deadline_at_ns(&fallback) == UINT64_MAX);
	peal_fallback_arm(&fallback, NOW);
	peal_fallback_yield(&fallback, NOW + 900);
	assert_int_equal(peal_fallback_deadline_at_ns(&fallback), NOW + 900 + T0 + T_SLOT);
	/* A later plan stays. */
	peal_fallback_retry(&fallback, 10, NOW);
	peal_fallback_yield(&fallback, NOW + 900);
	assert_int_equal(peal_fallback_deadline_at_ns(&fallback), NOW + 8 * T0 + T_SLOT);
}

static void
test_fallback__starts_sooner_when_a_round_is_lost(void **state)
{
	struct peal_fallback fallback = new_fallback(1);

	(void)state;
	peal_fallback_retry(&fallback, 10, NOW);
	peal_fallback_on_lost(&fallback, NOW + 10);
	assert_int_equal(peal_fallback_deadline_at_ns(&fallback), NOW + 10 + T0 + T_SLOT);
	/* Never later. */
	peal_fallback_on_lost(&fallback, NOW + 500);
	assert_int_equal(peal_fallback_deadline_at_ns(&fallback), NOW + 10 + T0 + T_SLOT);
}

static void
test_fallback__last_resort_is_the_next_slot(void **state)
{
	struct peal_fallback fallback = new_fallback(2);

	(void)state;
	peal_fallback_hasten(&fallback, NOW);
	assert_int_equal(peal_fallback_deadline_at_ns(&fallback), NOW + 2 * T_SLOT);
	peal_fallback_hasten(&fallback, NOW + 50);
	assert_int_equal(peal_fallback_deadline_at_ns(&fallback), NOW + 2 * T_SLOT);
}

static void
retry_nothing(void *argument)
{
	peal_fallback_retry(argument, 0, NOW);
}

static void
take_an_impossible_slot(void *argument)
{
	peal_fallback_set_slot(argument, PEAL_MEMBERS_MAX);
}

static void
test_fallback__asserts_what_callers_promise(void **state)
{
	struct peal_fallback fallback = new_fallback(0);

	(void)state;
	assert_true(peal_test_dies(retry_nothing, &fallback));
	assert_true(peal_test_dies(take_an_impossible_slot, &fallback));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_fallback__slots_are_the_order_of_the_epoch),
		cmocka_unit_test(test_fallback__waits_t0_and_its_slot),
		cmocka_unit_test(test_fallback__backs_off_to_eight_times_t0),
		cmocka_unit_test(test_fallback__lets_others_finish),
		cmocka_unit_test(test_fallback__starts_sooner_when_a_round_is_lost),
		cmocka_unit_test(test_fallback__last_resort_is_the_next_slot),
		cmocka_unit_test(test_fallback__asserts_what_callers_promise),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
