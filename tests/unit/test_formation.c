/* SPDX-License-Identifier: BSD-3-Clause */
#include "base/prng.h"
#include "control/formation.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

static struct peal_timing timing;

static struct peal_uuid
uuid(uint64_t low)
{
	return (struct peal_uuid){.low = low, .high = 1};
}

static void
test_formation__listens_before_it_grants(void **state)
{
	struct peal_formation formation;

	(void)state;
	peal_formation_init(&formation, &timing, uuid(5), true, false, 3, 0);
	assert_false(peal_formation_on_candidate(&formation, uuid(1), timing.boot_ns - 1U));
	assert_true(peal_formation_on_candidate(&formation, uuid(1), timing.boot_ns));
}

static void
test_formation__nobody_creates_beside_a_living_cluster(void **state)
{
	struct peal_formation formation;
	uint64_t now_ns = timing.boot_ns;

	(void)state;
	peal_formation_init(&formation, &timing, uuid(1), true, false, 2, 0);
	peal_formation_on_grant(&formation, uuid(7), now_ns);
	peal_formation_on_cluster(&formation, now_ns);
	assert_false(peal_formation_may_create(&formation, now_ns));
	assert_false(peal_formation_on_candidate(&formation, uuid(0x100), now_ns + 1U));
	now_ns += timing.boot_ns / 2U;
	peal_formation_on_grant(&formation, uuid(7), now_ns);
	assert_true(peal_formation_may_create(&formation, now_ns));
}

static void
test_formation__one_grant_per_boot_time(void **state)
{
	struct peal_formation formation;
	uint64_t now_ns = timing.boot_ns;

	(void)state;
	peal_formation_init(&formation, &timing, uuid(9), false, false, 3, 0);
	assert_true(peal_formation_on_candidate(&formation, uuid(5), now_ns));
	assert_true(peal_formation_on_candidate(&formation, uuid(5), now_ns + 1U));
	/* A smaller one comes too late for this time... */
	assert_false(peal_formation_on_candidate(&formation, uuid(2), now_ns + 2U));
	/* ...the holder's claim is not stretched... */
	assert_true(peal_formation_on_candidate(
		&formation, uuid(5), now_ns + timing.boot_ns / 4U - 1U));
	assert_false(
		peal_formation_on_candidate(&formation, uuid(5), now_ns + timing.boot_ns / 4U));
	/* ...and then the smaller one has it. */
	assert_false(
		peal_formation_on_candidate(&formation, uuid(2), now_ns + timing.boot_ns - 1U));
	assert_true(peal_formation_on_candidate(&formation, uuid(2), now_ns + timing.boot_ns));
}

static void
test_formation__needs_a_majority_of_distinct_nodes(void **state)
{
	struct peal_formation formation;
	uint64_t now_ns = timing.boot_ns;

	(void)state;
	peal_formation_init(&formation, &timing, uuid(1), true, false, 5, 0);
	assert_false(peal_formation_may_create(&formation, now_ns));
	peal_formation_on_grant(&formation, uuid(7), now_ns);
	peal_formation_on_grant(&formation, uuid(7), now_ns);
	peal_formation_on_grant(&formation, uuid(1), now_ns); /* itself does not count twice */
	assert_false(peal_formation_may_create(&formation, now_ns));
	peal_formation_on_grant(&formation, uuid(8), now_ns);
	assert_true(peal_formation_may_create(&formation, now_ns));
	/* Grants are counted for half of the time that they hold. */
	assert_false(peal_formation_may_create(&formation, now_ns + timing.boot_ns / 2U));
}

static void
test_formation__who_is_alone_creates_at_once(void **state)
{
	struct peal_formation formation;

	(void)state;
	peal_formation_init(&formation, &timing, uuid(1), true, true, 1, 50);
	assert_true(peal_formation_may_create(&formation, 50));
	peal_formation_init(&formation, &timing, uuid(1), false, false, 1, 50);
	assert_false(peal_formation_may_create(&formation, timing.boot_ns * 9U));
}

/* Random meetings of five nodes: never two creators whose grants could overlap. */
static void
test_formation__no_two_creators(void **state)
{
	(void)state;
	for (uint64_t seed = 0; seed < 2000; seed++) {
		struct peal_formation nodes[5];
		struct peal_prng prng;
		uint32_t creators_count = 0;

		peal_prng_init(&prng, seed);
		for (uint32_t i = 0; i < 5; i++) {
			peal_formation_init(&nodes[i], &timing, uuid(peal_prng_next(&prng) | 1U),
				true, false, 5, 0);
		}
		/* Within one T_boot from the first grant. */
		for (uint64_t now_ns = 0; now_ns < timing.boot_ns;
			now_ns += timing.boot_ns / 200U) {
			uint32_t a = (uint32_t)peal_prng_below(&prng, 5);
			uint32_t b = (uint32_t)peal_prng_below(&prng, 5);

			if (a != b &&
				peal_formation_on_candidate(&nodes[b], nodes[a].self, now_ns)) {
				peal_formation_on_grant(&nodes[a], nodes[b].self, now_ns);
			}
		}
		for (uint32_t i = 0; i < 5; i++) {
			creators_count +=
				peal_formation_may_create(&nodes[i], timing.boot_ns) ? 1U : 0U;
		}
		assert_true(creators_count <= 1);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_formation__listens_before_it_grants),
		cmocka_unit_test(test_formation__nobody_creates_beside_a_living_cluster),
		cmocka_unit_test(test_formation__one_grant_per_boot_time),
		cmocka_unit_test(test_formation__needs_a_majority_of_distinct_nodes),
		cmocka_unit_test(test_formation__who_is_alone_creates_at_once),
		cmocka_unit_test(test_formation__no_two_creators),
	};

	if (!peal_timing_find("dpdk", &timing)) {
		return 1;
	}
	return cmocka_run_group_tests(tests, NULL, NULL);
}
