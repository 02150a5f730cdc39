/* SPDX-License-Identifier: BSD-3-Clause */
#include "wire/view.h"

#include "tests/lib/cmocka_all.h"
#include "tests/lib/dies.h"
#include "tests/lib/gen.h"

#include <string.h>

/* Large enough for a full view, one byte more, and one member more. */
#define SIZE_MAX_ENCODED PEAL_VIEW_ENCODED_SIZE_MAX(PEAL_MEMBERS_MAX)

static struct peal_member members[PEAL_MEMBERS_MAX + 1U];
static struct peal_view view;
static struct peal_member members_decoded[PEAL_MEMBERS_MAX];
static struct peal_ordergroup ordergroups[PEAL_ORDERGROUPS_MAX + 1U];
static struct peal_ordergroup ordergroups_decoded[PEAL_ORDERGROUPS_MAX];
static struct peal_view decoded;
static uint8_t bytes[SIZE_MAX_ENCODED + 1U];
static uint16_t by_uuid[2][PEAL_VIEW_PLACES_MAX];
static uint16_t by_address[2][PEAL_VIEW_PLACES_MAX];
static struct peal_view_index index_built = {
	.places_count = PEAL_VIEW_PLACES_MAX, .by_uuid = by_uuid[0], .by_address = by_address[0]};
static struct peal_view_index index_decoded = {
	.places_count = PEAL_VIEW_PLACES_MAX, .by_uuid = by_uuid[1], .by_address = by_address[1]};

static const uint16_t large_counts[] = {65, 66, 127, 128, 1000, 4097, PEAL_MEMBERS_MAX};
#define LARGE_COUNTS (sizeof(large_counts) / sizeof(large_counts[0]))

#define HASH_OFFSET    56U
#define MEMBERS_OFFSET 80U

static void
check_it(void *argument)
{
	peal_view_check(argument);
}

static void
gen_view(uint64_t seed, uint16_t members_count)
{
	struct peal_prng prng;

	peal_prng_init(&prng, seed);
	peal_gen_view(&prng, members_count, members, &view);
}

static bool
decode(uint32_t size)
{
	return peal_view_decode(bytes, size, members_decoded, PEAL_MEMBERS_MAX, ordergroups_decoded,
		&index_decoded, &decoded);
}

static uint32_t
encode(void)
{
	return peal_view_encode(&view, bytes, SIZE_MAX_ENCODED);
}

/* Makes the sum and the hash of `view` true again. */
static void
seal(void)
{
	view.members_sum = peal_view_sum_members(&view);
	view.hash = peal_view_hash(&view);
}

static void
use_index(void)
{
	assert_true(peal_view_build_index(&view, &index_built));
	view.index = &index_built;
}

static void
test_view__has_the_thresholds_of_the_table(void **state)
{
	static const uint32_t table[][4] = {
		/* N, K_eff, H, L for K = 10 */
		{1, 0, 0, 0},
		{2, 1, 1, 1},
		{3, 2, 2, 2},
		{4, 3, 3, 2},
		{5, 4, 4, 2},
		{6, 5, 5, 2},
		{7, 6, 5, 2},
		{8, 7, 6, 2},
		{9, 8, 7, 2},
		{10, 9, 8, 3},
		{11, 10, 9, 3},
		{12, 10, 9, 3},
		{64, 10, 9, 3},
		{65, 10, 9, 3},
		{10000, 10, 9, 3},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		struct peal_thresholds thresholds = peal_view_thresholds(table[i][0], 10);

		assert_int_equal(thresholds.observers_count, table[i][1]);
		assert_int_equal(thresholds.h, table[i][2]);
		assert_int_equal(thresholds.l, table[i][3]);
	}
	struct peal_thresholds robust = peal_view_thresholds(64, 16);
	assert_int_equal(robust.observers_count, 16);
	assert_int_equal(robust.h, 15);
	assert_int_equal(robust.l, 4);
}

static void
test_view__keeps_thresholds_in_order_for_all_sizes(void **state)
{
	(void)state;
	for (uint32_t rings = 3; rings <= PEAL_RINGS_MAX; rings++) {
		for (uint32_t count = 2; count <= PEAL_MEMBERS_MAX; count++) {
			struct peal_thresholds thresholds = peal_view_thresholds(count, rings);

			assert_true(thresholds.l >= 1);
			assert_true(thresholds.l <= thresholds.h);
			assert_true(thresholds.h <= thresholds.observers_count);
			assert_true(thresholds.observers_count < count);
			assert_true(thresholds.observers_count <= rings);
		}
	}
}

static void
test_view__stops_when_an_invariant_is_broken(void **state)
{
	(void)state;
	for (uint32_t fault = 0; fault < 15; fault++) {
		gen_view(fault, 5);
		if (fault % 2 == 1) {
			use_index();
		}
		assert_false(peal_test_dies(check_it, &view));
		switch (fault) {
		case 0:
			view.epoch = 0;
			break;
		case 1:
			view.members_count = 0;
			break;
		case 2:
			view.members_count = PEAL_MEMBERS_MAX + 1U;
			break;
		case 3:
			view.rings_count = 2;
			break;
		case 4:
			view.rings_count = PEAL_RINGS_MAX + 1U;
			break;
		case 5:
			members[3].mid = view.members[2].mid;
			break;
		case 6:
			view.next_mid = view.members[4].mid;
			break;
		case 7:
			view.next_mid = (UINT64_C(1) << 31) + 1U;
			break;
		case 8:
			view.tie_mid = view.members[1].mid;
			break;
		case 9:
			members[4].uuid = view.members[0].uuid;
			break;
		case 10:
			members[4].address = view.members[0].address;
			break;
		case 11:
			view.cluster = (struct peal_uuid){0};
			break;
		case 12:
			members[4].uuid = view.members[0].uuid; /* 9 without an index */
			break;
		case 13:
			members[4].address = view.members[0].address; /* 10 with one */
			break;
		default:
			view.epoch = 1;
			view.parent_hash.low = 1;
			break;
		}
		if (view.members_count <= PEAL_MEMBERS_MAX) {
			seal();
		}
		assert_true(peal_test_dies(check_it, &view));
		if (view.members_count <= PEAL_MEMBERS_MAX) {
			assert_false(decode(encode()));
		}
	}
}

static void
test_view__stops_at_and_refuses_a_false_hash(void **state)
{
	(void)state;
	gen_view(1, 3);
	view.hash.low ^= 1U;
	assert_true(peal_test_dies(check_it, &view));
	assert_false(decode(encode()));
	view.hash.low ^= 1U;
	assert_false(peal_test_dies(check_it, &view));
	assert_true(decode(encode()));
}

static void
test_view__stops_at_a_false_sum(void **state)
{
	(void)state;
	gen_view(1, 3);
	view.members_sum.high ^= 1U;
	view.hash = peal_view_hash(&view);
	assert_true(peal_test_dies(check_it, &view));
	assert_false(decode(encode()));
}

static void
test_view__stops_at_an_index_of_other_members(void **state)
{
	(void)state;
	gen_view(1, 6);
	use_index();
	assert_false(peal_test_dies(check_it, &view));
	gen_view(2, 6);
	view.index = &index_built;
	assert_true(peal_test_dies(check_it, &view));
}

static void
build_it(void *argument)
{
	(void)peal_view_build_index(&view, argument);
}

static void
test_view__needs_an_index_that_is_half_empty(void **state)
{
	struct peal_view_index index = index_built;

	(void)state;
	gen_view(3, 9);
	index.places_count = 32;
	assert_false(peal_test_dies(build_it, &index));
	index.places_count = 16;
	assert_true(peal_test_dies(build_it, &index));
	index.places_count = 24;
	assert_true(peal_test_dies(build_it, &index));
	index.places_count = 2U * PEAL_VIEW_PLACES_MAX;
	assert_true(peal_test_dies(build_it, &index));
}

/* `view` with `count` order groups: ids 1, 3, 5 ... */
static void
gen_ordergroups(uint32_t count)
{
	struct peal_prng prng;

	gen_view(5, 20);
	peal_prng_init(&prng, 6);
	for (uint32_t i = 0; i < count; i++) {
		peal_gen_ordergroup(&prng, view.next_mid, &ordergroups[i]);
		ordergroups[i].id = 2U * i + 1U;
	}
	view.ordergroups_count = (uint8_t)count;
	view.ordergroups = ordergroups;
	view.hash = peal_view_hash(&view);
}

static void
test_view__carries_the_order_groups(void **state)
{
	struct peal_hash128 hash;

	(void)state;
	gen_ordergroups(0);
	hash = view.hash;
	gen_ordergroups(PEAL_ORDERGROUPS_MAX);
	assert_false(peal_test_dies(check_it, &view));
	assert_false(peal_hash128_equals(hash, view.hash));
	assert_int_equal(encode(), peal_view_encoded_size(&view));
	assert_true(decode(encode()));
	assert_int_equal(decoded.ordergroups_count, PEAL_ORDERGROUPS_MAX);
	for (uint32_t i = 0; i < PEAL_ORDERGROUPS_MAX; i++) {
		assert_true(peal_ordergroup_equals(&decoded.ordergroups[i], &ordergroups[i]));
		assert_ptr_equal(
			peal_view_find_ordergroup(&decoded, 2U * i + 1U), &ordergroups_decoded[i]);
		assert_null(peal_view_find_ordergroup(&decoded, 2U * i + 2U));
	}
	/* What a group began with is part of what the members agree about. */
	hash = view.hash;
	ordergroups[3].generation++;
	assert_false(peal_hash128_equals(hash, peal_view_hash(&view)));
}

static void
test_view__counts_the_order_groups_that_name_a_member(void **state)
{
	(void)state;
	gen_ordergroups(4);
	for (uint32_t i = 0; i < 4U; i++) {
		ordergroups[i].ranks_count = 3;
		for (uint32_t k = 0; k < 3U; k++) {
			ordergroups[i].ranks[k].mid = 10U + i + k;
		}
	}
	assert_int_equal(peal_view_count_ordergroups_of(&view, 9), 0);
	assert_int_equal(peal_view_count_ordergroups_of(&view, 10), 1);
	assert_int_equal(peal_view_count_ordergroups_of(&view, 12), 3);
	assert_int_equal(peal_view_count_ordergroups_of(&view, 15), 1);
}

static void
test_view__refuses_order_groups_that_cannot_be(void **state)
{
	(void)state;
	/* Twice the same id, and not in order. */
	gen_ordergroups(2);
	ordergroups[1].id = 1;
	view.hash = peal_view_hash(&view);
	assert_false(decode(encode()));
	gen_ordergroups(2);
	ordergroups[0].id = 4;
	view.hash = peal_view_hash(&view);
	assert_false(decode(encode()));
	/* A member that was never there. */
	gen_ordergroups(2);
	ordergroups[1].ranks[0].mid = view.next_mid;
	view.hash = peal_view_hash(&view);
	assert_false(decode(encode()));
	ordergroups[1].ranks[0].mid = view.next_mid - 1U;
	/* More than there is room for. */
	gen_ordergroups(PEAL_ORDERGROUPS_MAX);
	ordergroups[PEAL_ORDERGROUPS_MAX] = ordergroups[0];
	ordergroups[PEAL_ORDERGROUPS_MAX].id = 1000;
	view.ordergroups_count++;
	view.hash = peal_view_hash(&view);
	assert_false(decode(encode()));
	gen_ordergroups(1);
	assert_true(decode(encode()));
}

static void
test_view__refuses_more_members_than_there_is_memory_for(void **state)
{
	(void)state;
	gen_view(4, 9);
	uint32_t size = encode();

	assert_true(peal_view_decode(
		bytes, size, members_decoded, 9, ordergroups_decoded, &index_decoded, &decoded));
	assert_false(peal_view_decode(
		bytes, size, members_decoded, 8, ordergroups_decoded, &index_decoded, &decoded));
	assert_false(peal_view_decode(
		bytes, size, members_decoded, 0, ordergroups_decoded, &index_decoded, &decoded));
}

static void
test_view__refuses_any_flipped_bit(void **state)
{
	(void)state;
	gen_view(2, 3);
	uint32_t size = encode();

	assert_true(decode(size));
	for (uint32_t bit = 0; bit < 8U * size; bit++) {
		bytes[bit / 8U] ^= (uint8_t)(1U << (bit % 8U));
		assert_false(decode(size));
		bytes[bit / 8U] ^= (uint8_t)(1U << (bit % 8U));
	}
}

static void
test_view__refuses_every_other_size(void **state)
{
	(void)state;
	gen_view(3, 4);
	uint32_t size = encode();

	for (uint32_t shorter = 0; shorter < size; shorter++) {
		assert_false(decode(shorter));
	}
	bytes[size] = 0;
	assert_false(decode(size + 1U));
}

/* Every member by all that names it, and nobody else. */
static void
find_all(void)
{
	for (uint16_t rank = 0; rank < view.members_count; rank++) {
		const struct peal_member *member = &view.members[rank];

		assert_int_equal(peal_view_find_mid(&view, member->mid), rank);
		assert_int_equal(peal_view_find_mid_low(&view, (uint32_t)member->mid), rank);
		assert_int_equal(peal_view_find_uuid(&view, member->uuid), rank);
		assert_int_equal(peal_view_find_address(&view, &member->address), rank);
		/* Gaps between numbers are nobody. */
		if (rank + 1U < view.members_count &&
			view.members[rank + 1U].mid > member->mid + 1U) {
			assert_int_equal(
				peal_view_find_mid(&view, member->mid + 1U), PEAL_RANK_NONE);
		}
	}
	assert_int_equal(peal_view_find_mid(&view, 0), PEAL_RANK_NONE);
	assert_int_equal(peal_view_find_mid(&view, view.next_mid), PEAL_RANK_NONE);
	assert_int_equal(peal_view_find_mid(&view, UINT64_MAX), PEAL_RANK_NONE);
	assert_int_equal(peal_view_find_mid(&view, view.members[0].mid + (UINT64_C(1) << 32)),
		PEAL_RANK_NONE);
	assert_int_equal(peal_view_find_uuid(&view, (struct peal_uuid){.low = 1}), PEAL_RANK_NONE);
	assert_int_equal(
		peal_view_find_address(&view, &(struct peal_address){.ipv4 = 7}), PEAL_RANK_NONE);
}

static void
test_view__finds_members(void **state)
{
	(void)state;
	for (uint16_t count = 1; count <= PEAL_DIRECT_MAX; count++) {
		gen_view(count, count);
		find_all();
		use_index();
		find_all();
		peal_view_check(&view);
	}
}

static void
test_view__finds_members_of_large_views(void **state)
{
	(void)state;
	for (size_t i = 0; i < LARGE_COUNTS; i++) {
		gen_view(i, large_counts[i]);
		use_index();
		find_all();
		peal_view_check(&view);
	}
	gen_view(1, 1000);
	find_all();
	/* As full as an index may be, so that walks are long. */
	index_built.places_count = 2048;
	gen_view(2, 1024);
	use_index();
	find_all();
	index_built.places_count = PEAL_VIEW_PLACES_MAX;
}

static void
test_view__has_no_index_of_members_that_share_something(void **state)
{
	(void)state;
	gen_view(1, 1000);
	assert_true(peal_view_build_index(&view, &index_built));
	struct peal_uuid uuid = members[999].uuid;

	members[999].uuid = members[500].uuid;
	assert_false(peal_view_build_index(&view, &index_built));
	members[999].uuid = uuid;
	/* What a failed attempt left behind does not matter. */
	assert_true(peal_view_build_index(&view, &index_built));
	members[999].address = members[0].address;
	assert_false(peal_view_build_index(&view, &index_built));
	members[999].address.port ^= 1U;
	assert_true(peal_view_build_index(&view, &index_built));
}

static void
test_view__hashes_members_in_any_order_and_everything_else(void **state)
{
	(void)state;
	gen_view(5, 6);
	struct peal_hash128 plain = view.hash;
	struct peal_member moved = members[0];

	members[0] = members[5];
	members[5] = moved;
	assert_true(peal_hash128_equals(view.members_sum, peal_view_sum_members(&view)));
	assert_true(peal_hash128_equals(plain, peal_view_hash(&view)));

	view.epoch++;
	assert_false(peal_hash128_equals(plain, peal_view_hash(&view)));
	view.epoch--;
	view.rings_count++;
	assert_false(peal_hash128_equals(plain, peal_view_hash(&view)));
	view.rings_count--;
	view.next_mid++;
	assert_false(peal_hash128_equals(plain, peal_view_hash(&view)));
	view.next_mid--;
	view.parent_hash.high++;
	assert_false(peal_hash128_equals(plain, peal_view_hash(&view)));
	view.parent_hash.high--;
	view.cluster.low++;
	assert_false(peal_hash128_equals(plain, peal_view_hash(&view)));
	view.cluster.low--;
	view.tie_mid++;
	assert_false(peal_hash128_equals(plain, peal_view_hash(&view)));
	view.tie_mid--;
	members[2].address.port ^= 1U;
	assert_false(peal_hash128_equals(view.members_sum, peal_view_sum_members(&view)));
	view.members_sum = peal_view_sum_members(&view);
	assert_false(peal_hash128_equals(plain, peal_view_hash(&view)));
	members[2].address.port ^= 1U;
	view.members_sum = peal_view_sum_members(&view);
	assert_true(peal_hash128_equals(plain, peal_view_hash(&view)));
	view.members_count--;
	assert_false(peal_hash128_equals(plain, peal_view_hash(&view)));
}

static void
test_view__has_the_layout_of_the_wire(void **state)
{
	(void)state;
	gen_view(6, 1);
	uint32_t size = encode();

	assert_int_equal(
		size, MEMBERS_OFFSET + PEAL_MEMBER_RECORD_SIZE + view.members[0].metadata_size);
	assert_memory_equal(bytes, &view.cluster, 16);
	assert_memory_equal(bytes + 16, &view.epoch, 8);
	assert_memory_equal(bytes + HASH_OFFSET, &view.hash, 16);
	assert_int_equal(bytes[72], 1);
	assert_int_equal(bytes[74], view.rings_count);
	assert_int_equal(peal_view_tag(&view), (uint32_t)view.hash.low);
}

static void
bring_back(void)
{
	uint32_t size = encode();

	assert_true(size <= PEAL_VIEW_ENCODED_SIZE_MAX(view.members_count));
	memset(&decoded, 0xFF, sizeof(decoded));
	memset(members_decoded, 0xFF, sizeof(members_decoded));
	assert_true(decode(size));
	assert_ptr_equal(decoded.members, members_decoded);
	assert_ptr_equal(decoded.index, &index_decoded);
	peal_gen_match(members_decoded, members, view.members_count);
	assert_memory_equal(members_decoded, members, view.members_count * sizeof(members[0]));
	peal_view_check(&decoded);
	decoded.members = view.members;
	decoded.index = view.index;
	assert_memory_equal(&decoded, &view, sizeof(view));
}

static void
test_view__brings_random_views_back(void **state)
{
	(void)state;
	for (uint16_t count = 1; count <= PEAL_DIRECT_MAX; count++) {
		gen_view((uint64_t)count * 31U, count);
		bring_back();
	}
	for (size_t i = 0; i < LARGE_COUNTS; i++) {
		gen_view((uint64_t)i, large_counts[i]);
		bring_back();
	}
}

/* The largest snapshot is a body; one with more metadata than a view may have is none. */
static void
test_view__has_so_much_metadata_and_no_more(void **state)
{
	const uint16_t rich_count = PEAL_VIEW_METADATA_BYTES_MAX / PEAL_METADATA_SIZE_MAX;
	struct peal_prng prng;
	uint32_t size;

	(void)state;
	gen_view(5, PEAL_MEMBERS_MAX);
	peal_prng_init(&prng, 5);
	for (uint32_t rank = 0; rank < view.members_count; rank++) {
		peal_gen_metadata(
			&prng, rank < rich_count ? PEAL_METADATA_SIZE_MAX : 0, &members[rank]);
	}
	view.metadata_size = peal_view_sum_metadata(&view);
	assert_int_equal(view.metadata_size, PEAL_VIEW_METADATA_BYTES_MAX);
	seal();
	use_index();
	peal_view_check(&view);
	size = encode();
	assert_int_equal(size, peal_view_encoded_size(&view));
	assert_true(size <= PEAL_BODY_BYTES_MAX);
	assert_true(decode(size));
	assert_int_equal(decoded.metadata_size, PEAL_VIEW_METADATA_BYTES_MAX);

	view.members_count = (uint16_t)(rich_count + 1U);
	peal_gen_metadata(&prng, 1, &members[rich_count]);
	view.metadata_size = peal_view_sum_metadata(&view);
	seal();
	size = encode();
	assert_false(decode(size));
	use_index();
	assert_true(peal_test_dies(check_it, &view));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_view__has_the_thresholds_of_the_table),
		cmocka_unit_test(test_view__keeps_thresholds_in_order_for_all_sizes),
		cmocka_unit_test(test_view__stops_when_an_invariant_is_broken),
		cmocka_unit_test(test_view__stops_at_and_refuses_a_false_hash),
		cmocka_unit_test(test_view__stops_at_a_false_sum),
		cmocka_unit_test(test_view__stops_at_an_index_of_other_members),
		cmocka_unit_test(test_view__needs_an_index_that_is_half_empty),
		cmocka_unit_test(test_view__counts_the_order_groups_that_name_a_member),
		cmocka_unit_test(test_view__carries_the_order_groups),
		cmocka_unit_test(test_view__refuses_order_groups_that_cannot_be),
		cmocka_unit_test(test_view__refuses_more_members_than_there_is_memory_for),
		cmocka_unit_test(test_view__refuses_any_flipped_bit),
		cmocka_unit_test(test_view__refuses_every_other_size),
		cmocka_unit_test(test_view__finds_members),
		cmocka_unit_test(test_view__finds_members_of_large_views),
		cmocka_unit_test(test_view__has_no_index_of_members_that_share_something),
		cmocka_unit_test(test_view__hashes_members_in_any_order_and_everything_else),
		cmocka_unit_test(test_view__has_the_layout_of_the_wire),
		cmocka_unit_test(test_view__brings_random_views_back),
		cmocka_unit_test(test_view__has_so_much_metadata_and_no_more),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
