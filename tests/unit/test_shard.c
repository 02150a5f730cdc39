/* SPDX-License-Identifier: BSD-3-Clause */
#include "dataplane/shard.h"

#include "base/limits.h"
#include "base/prng.h"
#include "tests/lib/cmocka_all.h"

static struct peal_uuid
draw_uuid(struct peal_prng *prng)
{
	return (struct peal_uuid){.low = peal_prng_next(prng), .high = peal_prng_next(prng)};
}

static void
test_shard__both_ends_compute_the_same_pair(void **state)
{
	struct peal_prng prng;

	(void)state;
	peal_prng_init(&prng, 1);
	for (uint32_t i = 0; i < 1000; i++) {
		struct peal_uuid one = draw_uuid(&prng);
		struct peal_uuid other = draw_uuid(&prng);
		uint16_t number = (uint16_t)peal_prng_next(&prng);

		if (i % 4U == 0) {
			other.high = one.high; /* the low halves tell them apart */
		}
		assert_true(peal_shard_hash_channel(one, other, number) ==
			    peal_shard_hash_channel(other, one, number));
	}
}

static void
test_shard__is_the_same_on_every_machine(void **state)
{
	const struct peal_uuid one = {.low = 1, .high = 2};
	const struct peal_uuid other = {.low = 3, .high = 4};

	(void)state;
	assert_true(peal_shard_hash_channel(one, other, 0) == UINT64_C(0x53e911333a923397));
	assert_true(peal_shard_hash_channel(one, other, 7) == UINT64_C(0x04cd5f4cb3047289));
}

static void
test_shard__stays_within_the_shards_of_the_node(void **state)
{
	struct peal_prng prng;

	(void)state;
	peal_prng_init(&prng, 2);
	for (uint32_t i = 0; i < 1000; i++) {
		uint64_t hash = peal_prng_next(&prng);

		assert_int_equal(peal_shard_choose(hash, 0), 0);
		for (uint8_t count = 1; count <= PEAL_SHARDS_MAX; count++) {
			assert_true(peal_shard_choose(hash, count) < count);
		}
	}
}

/* Numbers that follow each other are spread: each of four shards has a fair part of 4 096. */
static void
test_shard__spreads_the_channels_of_a_pair(void **state)
{
	const struct peal_uuid one = {.low = 11, .high = 12};
	const struct peal_uuid other = {.low = 13, .high = 14};
	uint32_t counts[4] = {0};

	(void)state;
	for (uint16_t number = 0; number < 4096; number++) {
		counts[peal_shard_choose(peal_shard_hash_channel(one, other, number), 4)]++;
	}
	for (uint32_t shard = 0; shard < 4; shard++) {
		assert_in_range(counts[shard], 900, 1150);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_shard__both_ends_compute_the_same_pair),
		cmocka_unit_test(test_shard__is_the_same_on_every_machine),
		cmocka_unit_test(test_shard__stays_within_the_shards_of_the_node),
		cmocka_unit_test(test_shard__spreads_the_channels_of_a_pair),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
