/* SPDX-License-Identifier: BSD-3-Clause */
#include "wire/proposal.h"

#include "tests/lib/cmocka_all.h"
#include "tests/lib/dies.h"
#include "tests/lib/gen.h"

#include <string.h>

#define REMOVALS_COUNT_OFFSET  24U
#define ADDITIONS_COUNT_OFFSET 26U
#define PADDING_OFFSET         28U
#define RANKS_OFFSET           32U
/* The largest cut: everybody goes, as many come, with as much metadata as a view may have. */
#define RICH_COUNT (PEAL_VIEW_METADATA_BYTES_MAX / PEAL_METADATA_SIZE_MAX)
#define SIZE_MAX_ENCODED                                                                           \
	(PEAL_PROPOSAL_FIXED_SIZE + 2U * PEAL_MEMBERS_MAX +                                        \
		PEAL_ADDITIONS_MAX * PEAL_MEMBER_RECORD_SIZE + PEAL_VIEW_METADATA_BYTES_MAX)

static struct peal_proposal proposal;
static struct peal_member additions[PEAL_ADDITIONS_MAX + 1U];
static struct peal_proposal decoded;
static struct peal_member additions_decoded[PEAL_ADDITIONS_MAX];
static uint8_t bytes[SIZE_MAX_ENCODED + 1U];

static size_t
encode(void)
{
	struct peal_writer writer = peal_writer_init(bytes, SIZE_MAX_ENCODED);

	peal_proposal_encode(&proposal, &writer);
	assert_true(writer.is_ok);
	assert_int_equal(writer.offset, peal_proposal_size(&proposal));
	return writer.offset;
}

static bool
decode(size_t size)
{
	struct peal_reader reader = peal_reader_init(bytes, size);

	return peal_proposal_decode(&reader, additions_decoded, PEAL_ADDITIONS_MAX, &decoded) &&
	       peal_reader_is_done(&reader);
}

static void
encode_it(void *argument)
{
	(void)argument;
	(void)encode();
}

/* A proposal without removals, with exactly `additions_count` joiners without metadata. */
static void
gen_proposal(uint64_t seed, uint16_t additions_count)
{
	struct peal_prng prng;

	peal_prng_init(&prng, seed);
	do {
		peal_gen_proposal(&prng, 8, additions, &proposal);
	} while (proposal.additions_count != additions_count);
	for (uint32_t i = 0; i < additions_count; i++) {
		peal_gen_metadata(&prng, 0, &additions[i]);
	}
	memset(&proposal.removals, 0, sizeof(proposal.removals));
}

/* Everybody goes, and as many come as may. */
static void
gen_full(void)
{
	struct peal_prng prng;

	peal_prng_init(&prng, 2);
	memset(&proposal, 0, sizeof(proposal));
	for (uint32_t i = 0; i < PEAL_ADDITIONS_MAX; i++) {
		peal_gen_member(&prng, &additions[i]);
		additions[i].uuid.high = i + 1U;
		peal_gen_metadata(
			&prng, i < RICH_COUNT ? PEAL_METADATA_SIZE_MAX : 0, &additions[i]);
		peal_bitset_add(&proposal.removals, i);
	}
	proposal.additions_count = PEAL_ADDITIONS_MAX;
	proposal.additions = additions;
}

static void
test_proposal__has_the_layout_of_the_wire(void **state)
{
	static const uint8_t counts_and_ranks[] = {3, 0, 2, 0, 0, 0, 0, 0, 3, 0, 0, 1, 255, 39};

	(void)state;
	gen_proposal(1, 2);
	peal_bitset_add(&proposal.removals, PEAL_MEMBERS_MAX - 1U);
	peal_bitset_add(&proposal.removals, 3);
	peal_bitset_add(&proposal.removals, 256);
	assert_int_equal(encode(), RANKS_OFFSET + 6U + 2U * PEAL_MEMBER_RECORD_SIZE);
	assert_memory_equal(bytes, &proposal.parent_epoch, 8);
	assert_memory_equal(bytes + 8, &proposal.parent_hash, 16);
	assert_memory_equal(
		bytes + REMOVALS_COUNT_OFFSET, counts_and_ranks, sizeof(counts_and_ranks));
	assert_memory_equal(bytes + RANKS_OFFSET + 6U, &additions[0].uuid, 16);
}

static void
test_proposal__comes_back_when_full(void **state)
{
	(void)state;
	gen_full();
	size_t size = encode();

	assert_int_equal(size, SIZE_MAX_ENCODED);
	assert_true(decode(size));
	assert_int_equal(decoded.additions_count, PEAL_ADDITIONS_MAX);
	assert_ptr_equal(decoded.additions, additions_decoded);
	peal_gen_match(additions_decoded, additions, PEAL_ADDITIONS_MAX);
	assert_true(peal_bitset_equals(&decoded.removals, &proposal.removals));
	assert_true(peal_hash128_equals(peal_proposal_digest(&proposal),
		peal_proposal_digest_bytes(bytes, (uint32_t)size)));
}

static void
test_proposal__refuses_more_joiners_than_there_is_memory_for(void **state)
{
	(void)state;
	gen_proposal(1, 3);
	size_t size = encode();
	struct peal_reader reader = peal_reader_init(bytes, size);

	assert_true(peal_proposal_decode(&reader, additions_decoded, 3, &decoded));
	reader = peal_reader_init(bytes, size);
	assert_false(peal_proposal_decode(&reader, additions_decoded, 2, &decoded));
	gen_proposal(1, 0);
	reader = peal_reader_init(bytes, encode());
	assert_true(peal_proposal_decode(&reader, NULL, 0, &decoded));
	assert_null(decoded.additions);
}

static void
test_proposal__refuses_removals_in_other_forms(void **state)
{
	uint16_t ranks[3] = {5, 6, PEAL_MEMBERS_MAX - 1U};

	(void)state;
	gen_proposal(1, 1);
	for (uint32_t i = 0; i < 3; i++) {
		peal_bitset_add(&proposal.removals, ranks[i]);
	}
	size_t size = encode();
	assert_memory_equal(bytes + RANKS_OFFSET, ranks, sizeof(ranks));
	assert_true(decode(size));

	ranks[1] = 5; /* one twice */
	memcpy(bytes + RANKS_OFFSET, ranks, sizeof(ranks));
	assert_false(decode(size));
	ranks[1] = 4; /* in another order */
	memcpy(bytes + RANKS_OFFSET, ranks, sizeof(ranks));
	assert_false(decode(size));
	ranks[1] = 6;
	ranks[2] = PEAL_MEMBERS_MAX; /* no rank */
	memcpy(bytes + RANKS_OFFSET, ranks, sizeof(ranks));
	assert_false(decode(size));
	ranks[2] = PEAL_MEMBERS_MAX - 2U;
	memcpy(bytes + RANKS_OFFSET, ranks, sizeof(ranks));
	assert_true(decode(size));
	bytes[REMOVALS_COUNT_OFFSET] = 2; /* then a joiner begins too early */
	assert_false(decode(size));
	bytes[REMOVALS_COUNT_OFFSET] = 4;
	assert_false(decode(size));
	memset(bytes + REMOVALS_COUNT_OFFSET, 0xFF, 2);
	assert_false(decode(size));
}

static void
test_proposal__refuses_other_orders_and_doubles(void **state)
{
	uint8_t first[PEAL_MEMBER_RECORD_SIZE];

	(void)state;
	gen_proposal(3, 2);
	size_t size = encode();
	assert_true(decode(size));

	memcpy(first, bytes + RANKS_OFFSET, sizeof(first));
	memcpy(bytes + RANKS_OFFSET, bytes + RANKS_OFFSET + sizeof(first), sizeof(first));
	assert_false(decode(size)); /* one twice */
	memcpy(bytes + RANKS_OFFSET + sizeof(first), first, sizeof(first));
	assert_false(decode(size)); /* the larger uuid first */
}

static void
test_proposal__refuses_each_wrong_field(void **state)
{
	(void)state;
	gen_proposal(4, 1);
	size_t size = encode();

	bytes[ADDITIONS_COUNT_OFFSET + 1U] = (uint8_t)((PEAL_ADDITIONS_MAX >> 8) + 1U);
	assert_false(decode(size));
	bytes[ADDITIONS_COUNT_OFFSET + 1U] = 0;
	bytes[ADDITIONS_COUNT_OFFSET] = 2; /* more than there are */
	assert_false(decode(size));
	bytes[ADDITIONS_COUNT_OFFSET] = 0; /* fewer than there are */
	assert_false(decode(size));
	bytes[ADDITIONS_COUNT_OFFSET] = 1;
	assert_true(decode(size));
	for (uint32_t i = 0; i < 4; i++) {
		bytes[PADDING_OFFSET + i] = 1;
		assert_false(decode(size));
		bytes[PADDING_OFFSET + i] = 0;
	}
	bytes[RANKS_OFFSET + 16U] = 1; /* a member number that nobody gave */
	assert_false(decode(size));
	bytes[RANKS_OFFSET + 16U] = 0;
	bytes[RANKS_OFFSET + 36U] = 0; /* a bad record */
	assert_false(decode(size));
}

static void
test_proposal__refuses_every_other_size(void **state)
{
	(void)state;
	gen_proposal(5, 3);
	peal_bitset_add(&proposal.removals, 9);
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
	additions[1].uuid = proposal.additions[0].uuid;
	assert_true(peal_test_dies(encode_it, NULL));
	gen_proposal(6, 2);
	additions[0].mid = 1;
	assert_true(peal_test_dies(encode_it, NULL));
	gen_full();
	proposal.additions_count = PEAL_ADDITIONS_MAX + 1U;
	assert_true(peal_test_dies(encode_it, NULL));
}

static void
test_proposal__digests_the_whole_value(void **state)
{
	(void)state;
	gen_proposal(7, 1);
	struct peal_hash128 plain = peal_proposal_digest(&proposal);

	assert_true(
		peal_hash128_equals(plain, peal_proposal_digest_bytes(bytes, (uint32_t)encode())));
	proposal.parent_epoch++;
	assert_false(peal_hash128_equals(plain, peal_proposal_digest(&proposal)));
	proposal.parent_epoch--;
	proposal.parent_hash.low++;
	assert_false(peal_hash128_equals(plain, peal_proposal_digest(&proposal)));
	proposal.parent_hash.low--;
	proposal.removals.words[0] ^= 1U;
	assert_false(peal_hash128_equals(plain, peal_proposal_digest(&proposal)));
	proposal.removals.words[0] ^= 1U;
	additions[0].address.port ^= 1U;
	assert_false(peal_hash128_equals(plain, peal_proposal_digest(&proposal)));
	additions[0].address.port ^= 1U;
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
	memset(&proposal, 0, sizeof(proposal));
	proposal.ordergroup.id = 1;
	assert_false(peal_proposal_is_empty(&proposal));
}

static void
test_proposal__brings_an_order_group(void **state)
{
	struct peal_prng prng;
	struct peal_hash128 before;
	size_t size;

	(void)state;
	gen_proposal(1, 2);
	before = peal_proposal_digest(&proposal);
	peal_prng_init(&prng, 3);
	peal_gen_ordergroup(&prng, 100, &proposal.ordergroup);
	assert_false(peal_hash128_equals(before, peal_proposal_digest(&proposal)));
	size = encode();
	assert_int_equal(bytes[PADDING_OFFSET], 1);
	assert_true(decode(size));
	assert_true(peal_ordergroup_equals(&decoded.ordergroup, &proposal.ordergroup));
	assert_true(peal_hash128_equals(peal_proposal_digest(&proposal),
		peal_proposal_digest_bytes(bytes, (uint32_t)size)));
	for (size_t shorter = 0; shorter < size; shorter++) {
		assert_false(decode(shorter));
	}
	bytes[PADDING_OFFSET] = 2;
	assert_false(decode(size));
	bytes[PADDING_OFFSET] = 0;
	assert_false(decode(size));
}

static void
test_proposal__brings_random_values_back(void **state)
{
	struct peal_prng prng;

	(void)state;
	peal_prng_init(&prng, 9);
	for (uint32_t round = 0; round < 1000; round++) {
		peal_gen_proposal(&prng, round % 10U == 0 ? 300 : 8, additions, &proposal);
		memset(&decoded, 0xFF, sizeof(decoded));
		/* More than one piece of what the digest takes at once, now and then. */
		for (uint64_t i = peal_prng_below(&prng, round % 10U == 0 ? 500 : 3); i > 0; i--) {
			peal_bitset_add(&proposal.removals,
				(uint32_t)peal_prng_below(&prng, PEAL_MEMBERS_MAX));
		}
		size_t size = encode();
		assert_true(decode(size));
		peal_gen_match(additions_decoded, additions, proposal.additions_count);
		assert_memory_equal(additions_decoded, additions,
			proposal.additions_count * sizeof(additions[0]));
		assert_true(peal_hash128_equals(peal_proposal_digest(&proposal),
			peal_proposal_digest_bytes(bytes, (uint32_t)size)));
		decoded.additions = proposal.additions;
		assert_memory_equal(&decoded, &proposal, sizeof(proposal));
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_proposal__has_the_layout_of_the_wire),
		cmocka_unit_test(test_proposal__comes_back_when_full),
		cmocka_unit_test(test_proposal__refuses_more_joiners_than_there_is_memory_for),
		cmocka_unit_test(test_proposal__refuses_removals_in_other_forms),
		cmocka_unit_test(test_proposal__refuses_other_orders_and_doubles),
		cmocka_unit_test(test_proposal__refuses_each_wrong_field),
		cmocka_unit_test(test_proposal__refuses_every_other_size),
		cmocka_unit_test(test_proposal__does_not_encode_what_is_not_canonical),
		cmocka_unit_test(test_proposal__digests_the_whole_value),
		cmocka_unit_test(test_proposal__knows_when_nothing_changes),
		cmocka_unit_test(test_proposal__brings_an_order_group),
		cmocka_unit_test(test_proposal__brings_random_values_back),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
