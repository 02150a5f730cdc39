/* SPDX-License-Identifier: BSD-3-Clause */
#include "membership/ring.h"

#include "tests/lib/cmocka_all.h"
#include "tests/lib/dies.h"
#include "tests/lib/gen.h"

#include <string.h>

#define COUNT 1000U

static struct peal_member members[COUNT];
static struct peal_view view;
static uint64_t hashes[2][COUNT];
static uint16_t ranks[2][COUNT];
static struct peal_ring ring = {hashes[0], ranks[0]};
static struct peal_ring spare = {hashes[1], ranks[1]};

static int
setup(void **state)
{
	struct peal_prng prng;

	(void)state;
	peal_prng_init(&prng, 3);
	peal_gen_view(&prng, COUNT, members, &view);
	return 0;
}

static void
assert_sorted(uint32_t count)
{
	uint8_t seen[COUNT] = {0};

	for (uint32_t place = 0; place < count; place++) {
		assert_int_equal(seen[ring.ranks[place]], 0);
		seen[ring.ranks[place]] = 1;
		if (place > 0) {
			assert_true(peal_ring_is_before(&view, ring.hashes[place - 1U],
				ring.ranks[place - 1U], ring.hashes[place], ring.ranks[place]));
		}
	}
}

static void
test_ring__fills_with_everybody_from_a_rank_on(void **state)
{
	uint64_t all[COUNT];

	(void)state;
	peal_ring_fill(&view, 4, 0, &ring);
	memcpy(all, ring.hashes, sizeof(all));
	for (uint32_t rank = 0; rank < COUNT; rank++) {
		assert_int_equal(ring.ranks[rank], rank);
	}
	peal_ring_fill(&view, 4, 990, &ring);
	assert_memory_equal(ring.hashes, all + 990, 10 * sizeof(all[0]));
	assert_int_equal(ring.ranks[0], 990);
	assert_int_equal(ring.ranks[9], 999);
	/* Nobody is no error. */
	peal_ring_fill(&view, 4, COUNT, &ring);
}

static void
test_ring__every_ring_has_an_order_of_its_own(void **state)
{
	uint64_t first[COUNT];
	uint32_t equal_count = 0;

	(void)state;
	peal_ring_fill(&view, 0, 0, &ring);
	memcpy(first, ring.hashes, sizeof(first));
	peal_ring_fill(&view, 1, 0, &ring);
	for (uint32_t rank = 0; rank < COUNT; rank++) {
		equal_count += first[rank] == ring.hashes[rank] ? 1U : 0U;
	}
	assert_int_equal(equal_count, 0);
}

static void
test_ring__sorts_any_number(void **state)
{
	(void)state;
	for (uint32_t count = 0; count <= COUNT; count += count < 70 ? 1 : 93) {
		peal_ring_fill(&view, 2, 0, &ring);
		peal_ring_sort(&view, &ring, count, &spare);
		assert_sorted(count);
	}
}

static void
test_ring__sorts_what_is_sorted_or_reversed(void **state)
{
	(void)state;
	for (uint32_t i = 0; i < COUNT; i++) {
		hashes[0][i] = i;
		ranks[0][i] = (uint16_t)i;
	}
	peal_ring_sort(&view, &ring, COUNT, &spare);
	assert_sorted(COUNT);
	for (uint32_t i = 0; i < COUNT; i++) {
		hashes[0][i] = COUNT - i;
		ranks[0][i] = (uint16_t)i;
	}
	peal_ring_sort(&view, &ring, COUNT, &spare);
	assert_sorted(COUNT);
	assert_int_equal(ring.ranks[0], COUNT - 1U);
}

static void
test_ring__equal_hashes_stand_in_uuid_order(void **state)
{
	(void)state;
	for (uint32_t i = 0; i < COUNT; i++) {
		hashes[0][i] = i % 3U;
		ranks[0][i] = (uint16_t)i;
	}
	peal_ring_sort(&view, &ring, COUNT, &spare);
	assert_sorted(COUNT);
	for (uint32_t place = 1; place < COUNT; place++) {
		if (hashes[0][place] == hashes[0][place - 1U]) {
			assert_true(peal_uuid_compare(members[ranks[0][place - 1U]].uuid,
					    members[ranks[0][place]].uuid) < 0);
		}
	}
}

static void
test_ring__finds_everybody(void **state)
{
	(void)state;
	peal_ring_fill(&view, 7, 0, &ring);
	peal_ring_sort(&view, &ring, COUNT, &spare);
	for (uint32_t place = 0; place < COUNT; place++) {
		assert_int_equal(peal_ring_find(&view, 7, &ring, ring.ranks[place]), place);
	}
}

static void
find_on_another_ring(void *argument)
{
	(void)peal_ring_find(&view, 8, argument, 5);
}

static void
find_a_stranger(void *argument)
{
	(void)peal_ring_find(&view, 7, argument, COUNT);
}

static void
test_ring__does_not_find_who_is_not_there(void **state)
{
	(void)state;
	peal_ring_fill(&view, 7, 0, &ring);
	peal_ring_sort(&view, &ring, COUNT, &spare);
	assert_true(peal_test_dies(find_on_another_ring, &ring));
	assert_true(peal_test_dies(find_a_stranger, &ring));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_ring__fills_with_everybody_from_a_rank_on),
		cmocka_unit_test(test_ring__every_ring_has_an_order_of_its_own),
		cmocka_unit_test(test_ring__sorts_any_number),
		cmocka_unit_test(test_ring__sorts_what_is_sorted_or_reversed),
		cmocka_unit_test(test_ring__equal_hashes_stand_in_uuid_order),
		cmocka_unit_test(test_ring__finds_everybody),
		cmocka_unit_test(test_ring__does_not_find_who_is_not_there),
	};

	return cmocka_run_group_tests_name("test_ring", tests, setup, NULL);
}
