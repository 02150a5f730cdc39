/* SPDX-License-Identifier: BSD-3-Clause */
#include "wire/proposal.h"

#include "tests/lib/cmocka_all.h"
#include "tests/lib/dies.h"
#include "tests/lib/gen.h"

#include <string.h>

#define COUNT_OFFSET  (24U + PEAL_BITSET_WORDS * 8U)
#define MEMBER_OFFSET (COUNT_OFFSET + 8U)

static struct peal_proposal proposal;
static struct peal_proposal decoded;
static uint8_t bytes[PEAL_PROPOSAL_ENCODED_SIZE_MAX + 1U];

static size_t
encode(void)
{
	struct peal_writer writer = peal_writer_init(bytes, PEAL_PROPOSAL_ENCODED_SIZE_MAX);

	peal_proposal_encode(&proposal, &writer);
	assert_true(writer.is_ok);
	return writer.offset;
}

static bool
decode(size_t size)
{
	struct peal_reader reader = peal_reader_init(bytes, size);

	return peal_proposal_decode(&reader, &decoded) && peal_reader_is_done(&reader);
}

static void
encode_it(void *argument)
{
	(void)argument;
	(void)encode();
}

/* A proposal with exactly `additions_count` joiners without metadata. */
static void
gen_proposal(uint64_t seed, uint8_t additions_count)
{
	struct peal_prng prng;

	peal_prng_init(&prng, seed);
	do {
		peal_gen_proposal(&prng, &proposal);
	} while (proposal.additions_count != additions_count);
	for (uint32_t i = 0; i < additions_count; i++) {
		proposal.additions[i].metadata_size = 0;
		memset(proposal.additions[i].metadata, 0, PEAL_METADATA_SIZE_MAX);
	}
}

static void
test_proposal__has_the_layout_of_the_wire(void **state)
{
	(void)state;
	gen_proposal(1, 2);
	peal_bitset_add(&proposal.removals, 3);
	assert_int_equal(encode(), MEMBER_OFFSET + 2U * PEAL_MEMBER_RECORD_SIZE);
	assert_memory_equal(bytes, &proposal.parent_epoch, 8);
	assert_memory_equal(bytes + 8, &proposal.parent_hash, 16);
	assert_memory_equal(bytes + 24, &proposal.removals, sizeof(proposal.removals));
	assert_int_equal(bytes[COUNT_OFFSET], 2);
	assert_memory_equal(bytes + MEMBER_OFFSET, &proposal.additions[0].uuid, 16);
}

static void
test_proposal__fits_its_bound_when_full(void **state)
{
	(void)state;
	gen_proposal(2, PEAL_ADDITIONS_MAX);
	for (uint32_t i = 0; i < PEAL_ADDITIONS_MAX; i++) {
		proposal.additions[i].metadata_size = PEAL_METADATA_SIZE_MAX;
	}
	size_t size = encode();
	assert_true(size <= PEAL_PROPOSAL_ENCODED_SIZE_MAX);
	assert_true(decode(size));
}

static void
test_proposal__refuses_other_orders_and_doubles(void **state)
{
	uint8_t first[PEAL_MEMBER_RECORD_SIZE];

	(void)state;
	gen_proposal(3, 2);
	size_t size = encode();
	assert_true(decode(size));

	memcpy(first, bytes + MEMBER_OFFSET, sizeof(first));
	memcpy(bytes + MEMBER_OFFSET, bytes + MEMBER_OFFSET + sizeof(first), sizeof(first));
	assert_false(decode(size)); /* one twice */
	memcpy(bytes + MEMBER_OFFSET + sizeof(first), first, sizeof(first));
	assert_false(decode(size)); /* the larger uuid first */
}

static void
test_proposal__refuses_each_wrong_field(void **state)
{
	(void)state;
	gen_proposal(4, 1);
	size_t size = encode();

	bytes[COUNT_OFFSET] = PEAL_ADDITIONS_MAX + 1U;
	assert_false(decode(size));
	bytes[COUNT_OFFSET] = 2; /* more than there are */
	assert_false(decode(size));
	bytes[COUNT_OFFSET] = 0; /* fewer than there are */
	assert_false(decode(size));
	bytes[COUNT_OFFSET] = 1;
	assert_true(decode(size));
	for (uint32_t i = 1; i < 8; i++) {
		bytes[COUNT_OFFSET + i] = 1;
		assert_false(decode(size));
		bytes[COUNT_OFFSET + i] = 0;
	}
	bytes[MEMBER_OFFSET + 16U] = 1; /* a member number that nobody gave */
	assert_false(decode(size));
	bytes[MEMBER_OFFSET + 16U] = 0;
	bytes[MEMBER_OFFSET + 36U] = 0; /* a bad record */
	assert_false(decode(size));
}

static void
test_proposal__refuses_every_other_size(void **state)
{
	(void)state;
	gen_proposal(5, 3);
	size_t size = encode();

	for (size_t shorter = 0; shorter < size; shorter++) {
		assert_false(decode(shorter));
	}
	bytes[size] = 0;
	assert_false(decode(size + 1U));
}

static void
test_proposal__does_not_encode_what_is_not_canonical(void **state)
{
	(void)state;
	gen_proposal(6, 2);
	assert_false(peal_test_dies(encode_it, NULL));
	proposal.additions[1].uuid = proposal.additions[0].uuid;
	assert_true(peal_test_dies(encode_it, NULL));
	gen_proposal(6, 2);
	proposal.additions[0].mid = 1;
	assert_true(peal_test_dies(encode_it, NULL));
	gen_proposal(6, 2);
	proposal.additions_count = PEAL_ADDITIONS_MAX + 1U;
	assert_true(peal_test_dies(encode_it, NULL));
}

static void
test_proposal__digests_the_whole_value(void **state)
{
	(void)state;
	gen_proposal(7, 1);
	struct peal_hash128 plain = peal_proposal_digest(&proposal);

	assert_true(peal_hash128_equals(plain, peal_hash128(bytes, encode(), 0)));
	proposal.parent_epoch++;
	assert_false(peal_hash128_equals(plain, peal_proposal_digest(&proposal)));
	proposal.parent_epoch--;
	proposal.parent_hash.low++;
	assert_false(peal_hash128_equals(plain, peal_proposal_digest(&proposal)));
	proposal.parent_hash.low--;
	proposal.removals.words[0] ^= 1U;
	assert_false(peal_hash128_equals(plain, peal_proposal_digest(&proposal)));
	proposal.removals.words[0] ^= 1U;
	proposal.additions[0].address.port ^= 1U;
	assert_false(peal_hash128_equals(plain, peal_proposal_digest(&proposal)));
	proposal.additions[0].address.port ^= 1U;
	proposal.additions_count = 0;
	assert_false(peal_hash128_equals(plain, peal_proposal_digest(&proposal)));
}

static void
test_proposal__knows_when_nothing_changes(void **state)
{
	(void)state;
	memset(&proposal, 0, sizeof(proposal));
	assert_true(peal_proposal_is_empty(&proposal));
	peal_bitset_add(&proposal.removals, 1);
	assert_false(peal_proposal_is_empty(&proposal));
	gen_proposal(8, 1);
	assert_false(peal_proposal_is_empty(&proposal));
}

static void
test_proposal__brings_random_values_back(void **state)
{
	struct peal_prng prng;

	(void)state;
	peal_prng_init(&prng, 9);
	for (uint32_t round = 0; round < 1000; round++) {
		peal_gen_proposal(&prng, &proposal);
		memset(&decoded, 0xFF, sizeof(decoded));
		assert_true(decode(encode()));
		assert_memory_equal(&decoded, &proposal, sizeof(proposal));
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_proposal__has_the_layout_of_the_wire),
		cmocka_unit_test(test_proposal__fits_its_bound_when_full),
		cmocka_unit_test(test_proposal__refuses_other_orders_and_doubles),
		cmocka_unit_test(test_proposal__refuses_each_wrong_field),
		cmocka_unit_test(test_proposal__refuses_every_other_size),
		cmocka_unit_test(test_proposal__does_not_encode_what_is_not_canonical),
		cmocka_unit_test(test_proposal__digests_the_whole_value),
		cmocka_unit_test(test_proposal__knows_when_nothing_changes),
		cmocka_unit_test(test_proposal__brings_random_values_back),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
