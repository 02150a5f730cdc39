/* SPDX-License-Identifier: BSD-3-Clause */
#include "wire/view.h"

#include "tests/lib/cmocka_all.h"
#include "tests/lib/dies.h"
#include "tests/lib/gen.h"

#include <string.h>

static struct peal_view view;
static struct peal_view decoded;
static uint8_t bytes[PEAL_VIEW_ENCODED_SIZE_MAX + 1U];

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
	peal_gen_view(&prng, members_count, &view);
}

/* Encodes `view` as it is, with the hash made true, and decodes that. */
static bool
decode_with_true_hash(void)
{
	view.hash = peal_view_compute_hash(&view);
	uint32_t size = peal_view_encode(&view, bytes, PEAL_VIEW_ENCODED_SIZE_MAX);

	return peal_view_decode(bytes, size, &decoded);
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
	for (uint32_t fault = 0; fault < 13; fault++) {
		gen_view(fault, 5);
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
			view.members[3].mid = view.members[2].mid;
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
			view.members[4].uuid = view.members[0].uuid;
			break;
		case 10:
			view.members[4].address = view.members[0].address;
			break;
		case 11:
			view.cluster = (struct peal_uuid){0};
			break;
		default:
			view.epoch = 1;
			view.parent_hash.low = 1;
			break;
		}
		if (view.members_count <= PEAL_MEMBERS_MAX) {
			view.hash = peal_view_compute_hash(&view);
		}
		assert_true(peal_test_dies(check_it, &view));
		if (view.members_count <= PEAL_MEMBERS_MAX) {
			assert_false(decode_with_true_hash());
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
	uint32_t size = peal_view_encode(&view, bytes, PEAL_VIEW_ENCODED_SIZE_MAX);
	assert_false(peal_view_decode(bytes, size, &decoded));
}

static void
test_view__refuses_any_flipped_bit(void **state)
{
	(void)state;
	gen_view(2, 3);
	uint32_t size = peal_view_encode(&view, bytes, PEAL_VIEW_ENCODED_SIZE_MAX);

	assert_true(peal_view_decode(bytes, size, &decoded));
	for (uint32_t bit = 0; bit < 8U * size; bit++) {
		bytes[bit / 8U] ^= (uint8_t)(1U << (bit % 8U));
		assert_false(peal_view_decode(bytes, size, &decoded));
		bytes[bit / 8U] ^= (uint8_t)(1U << (bit % 8U));
	}
}

static void
test_view__refuses_every_other_size(void **state)
{
	(void)state;
	gen_view(3, 4);
	uint32_t size = peal_view_encode(&view, bytes, PEAL_VIEW_ENCODED_SIZE_MAX);

	for (uint32_t shorter = 0; shorter < size; shorter++) {
		assert_false(peal_view_decode(bytes, shorter, &decoded));
	}
	bytes[size] = 0;
	assert_false(peal_view_decode(bytes, size + 1U, &decoded));
}

static void
test_view__finds_members(void **state)
{
	(void)state;
	for (uint16_t count = 1; count <= PEAL_MEMBERS_MAX; count++) {
		gen_view(count, count);
		for (uint16_t rank = 0; rank < count; rank++) {
			const struct peal_member *member = &view.members[rank];

			assert_int_equal(peal_view_find_mid(&view, member->mid), rank);
			assert_int_equal(
				peal_view_find_mid_low(&view, (uint32_t)member->mid), rank);
			assert_int_equal(peal_view_find_uuid(&view, member->uuid), rank);
			assert_int_equal(peal_view_find_address(&view, &member->address), rank);
			/* Gaps between numbers are nobody. */
			if (rank + 1U < count && view.members[rank + 1U].mid > member->mid + 1U) {
				assert_int_equal(peal_view_find_mid(&view, member->mid + 1U),
					PEAL_RANK_NONE);
			}
		}
		assert_int_equal(peal_view_find_mid(&view, 0), PEAL_RANK_NONE);
		assert_int_equal(peal_view_find_mid(&view, view.next_mid), PEAL_RANK_NONE);
		assert_int_equal(peal_view_find_mid(&view, UINT64_MAX), PEAL_RANK_NONE);
		assert_int_equal(
			peal_view_find_mid(&view, view.members[0].mid + (UINT64_C(1) << 32)),
			PEAL_RANK_NONE);
		assert_int_equal(
			peal_view_find_uuid(&view, (struct peal_uuid){.low = 1}), PEAL_RANK_NONE);
		assert_int_equal(peal_view_find_address(&view, &(struct peal_address){.ipv4 = 7}),
			PEAL_RANK_NONE);
	}
}

static void
test_view__hashes_members_in_any_order_and_everything_else(void **state)
{
	(void)state;
	gen_view(5, 6);
	struct peal_hash128 plain = view.hash;
	struct peal_member moved = view.members[0];

	view.members[0] = view.members[5];
	view.members[5] = moved;
	assert_true(peal_hash128_equals(plain, peal_view_compute_hash(&view)));

	view.epoch++;
	assert_false(peal_hash128_equals(plain, peal_view_compute_hash(&view)));
	view.epoch--;
	view.rings_count++;
	assert_false(peal_hash128_equals(plain, peal_view_compute_hash(&view)));
	view.rings_count--;
	view.next_mid++;
	assert_false(peal_hash128_equals(plain, peal_view_compute_hash(&view)));
	view.next_mid--;
	view.parent_hash.high++;
	assert_false(peal_hash128_equals(plain, peal_view_compute_hash(&view)));
	view.parent_hash.high--;
	view.cluster.low++;
	assert_false(peal_hash128_equals(plain, peal_view_compute_hash(&view)));
	view.cluster.low--;
	view.members_count--;
	assert_false(peal_hash128_equals(plain, peal_view_compute_hash(&view)));
}

static void
test_view__has_the_layout_of_the_wire(void **state)
{
	(void)state;
	gen_view(6, 1);
	uint32_t size = peal_view_encode(&view, bytes, PEAL_VIEW_ENCODED_SIZE_MAX);

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
test_view__brings_random_views_back(void **state)
{
	(void)state;
	for (uint16_t count = 1; count <= PEAL_MEMBERS_MAX; count++) {
		gen_view((uint64_t)count * 31U, count);
		uint32_t size = peal_view_encode(&view, bytes, PEAL_VIEW_ENCODED_SIZE_MAX);

		memset(&decoded, 0xFF, sizeof(decoded));
		assert_true(peal_view_decode(bytes, size, &decoded));
		assert_memory_equal(&decoded, &view, sizeof(view));
		peal_view_check(&decoded);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_view__has_the_thresholds_of_the_table),
		cmocka_unit_test(test_view__keeps_thresholds_in_order_for_all_sizes),
		cmocka_unit_test(test_view__stops_when_an_invariant_is_broken),
		cmocka_unit_test(test_view__stops_at_and_refuses_a_false_hash),
		cmocka_unit_test(test_view__refuses_any_flipped_bit),
		cmocka_unit_test(test_view__refuses_every_other_size),
		cmocka_unit_test(test_view__finds_members),
		cmocka_unit_test(test_view__hashes_members_in_any_order_and_everything_else),
		cmocka_unit_test(test_view__has_the_layout_of_the_wire),
		cmocka_unit_test(test_view__brings_random_views_back),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
