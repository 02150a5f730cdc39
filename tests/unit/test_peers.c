/* SPDX-License-Identifier: BSD-3-Clause */
#include "dataplane/peers.h"

#include "base/prng.h"
#include "tests/lib/cmocka_all.h"
#include "tests/lib/dies.h"

#include <string.h>

static void
index_it(void *argument)
{
	peal_peers_index(argument);
}

static void
test_peers__finds_every_one_and_nobody_else(void **state)
{
	static struct peal_peers peers;
	struct peal_prng prng;

	(void)state;
	peal_prng_init(&prng, 1);
	for (uint32_t round = 0; round < 50; round++) {
		memset(&peers, 0, sizeof(peers));
		for (uint32_t slot = 0; slot < PEAL_SLOTS_MAX; slot++) {
			uint64_t mid = 0;

			/* Rounds of dense numbers and of any numbers. */
			do {
				mid = round % 2U == 0
					      ? 1000U * round + slot + 1U
					      : peal_prng_below(&prng, (1U << 31) - 1U) + 1U;
				for (uint32_t i = 0; i < slot; i++) {
					mid = peers.peers[i].mid == mid ? 0 : mid;
				}
			} while (mid == 0);
			peers.peers[slot].mid = mid;
		}
		peal_peers_index(&peers);
		for (uint16_t slot = 0; slot < PEAL_SLOTS_MAX; slot++) {
			uint32_t mid_low = (uint32_t)peers.peers[slot].mid;

			assert_int_equal(peal_peers_find(&peers, mid_low), slot);
		}
		assert_int_equal(peal_peers_find(&peers, 0x80000001U), PEAL_PEERS_NONE);
	}
}

static void
test_peers__an_empty_table_has_nobody(void **state)
{
	static struct peal_peers peers;

	(void)state;
	peal_peers_index(&peers);
	assert_int_equal(peal_peers_find(&peers, 0), PEAL_PEERS_NONE);
	assert_int_equal(peal_peers_find(&peers, 1), PEAL_PEERS_NONE);
}

static void
test_peers__refuses_numbers_that_are_no_members(void **state)
{
	static struct peal_peers peers;

	(void)state;
	peers.peers[0].mid = UINT64_C(1) << 31;
	assert_true(peal_test_dies(index_it, &peers));
	peers.peers[0].mid = 5;
	peers.peers[3].mid = 5;
	assert_true(peal_test_dies(index_it, &peers));
	peers.peers[3].mid = 6;
	assert_false(peal_test_dies(index_it, &peers));
}

static void
test_peers__tells_members_from_departed_and_gone(void **state)
{
	static struct peal_peers peers;

	(void)state;
	peers.peers[2] = (struct peal_peer){.mid = 9, .rank = 0};
	peers.peers[3] = (struct peal_peer){.mid = 10, .rank = PEAL_RANK_NONE};
	assert_true(peal_peers_has(&peers, 2, 9));
	assert_true(peal_peers_is_member(&peers, 2, 9));
	assert_true(peal_peers_has(&peers, 3, 10));
	assert_false(peal_peers_is_member(&peers, 3, 10));
	assert_false(peal_peers_has(&peers, 2, 10));
	assert_false(peal_peers_has(&peers, 1, 0));
	assert_false(peal_peers_has(&peers, PEAL_SLOTS_MAX, 9));
	assert_false(peal_peers_has(&peers, PEAL_PEERS_NONE, 9));
}

static void
test_peers__tells_another_table_of_the_same_view(void **state)
{
	static struct peal_peers before;
	static struct peal_peers now;

	(void)state;
	before = (struct peal_peers){.generation = 1,
		.cluster = 2,
		.epoch = 3,
		.view_tag = 4,
		.self_mid = 5,
		.members_count = 6};
	now = before;
	now.generation = 2;
	assert_true(peal_peers_is_same_view(&before, &now));
	assert_false(peal_peers_is_same_view(NULL, &now));
	now.view_tag++;
	assert_false(peal_peers_is_same_view(&before, &now));
	now = before;
	now.epoch++;
	assert_false(peal_peers_is_same_view(&before, &now));
	now = before;
	now.self_mid++;
	assert_false(peal_peers_is_same_view(&before, &now));
	now = before;
	now.cluster++;
	assert_false(peal_peers_is_same_view(&before, &now));
	/* Who is no member has no view. */
	now = before;
	now.members_count = before.members_count = 0;
	assert_false(peal_peers_is_same_view(&before, &now));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_peers__an_empty_table_has_nobody),
		cmocka_unit_test(test_peers__refuses_numbers_that_are_no_members),
		cmocka_unit_test(test_peers__tells_members_from_departed_and_gone),
		cmocka_unit_test(test_peers__finds_every_one_and_nobody_else),
		cmocka_unit_test(test_peers__tells_another_table_of_the_same_view),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
