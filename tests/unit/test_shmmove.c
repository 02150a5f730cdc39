/* SPDX-License-Identifier: BSD-3-Clause */
#include "shm/shmmove.h"

#include "base/prng.h"
#include "tests/lib/cmocka_all.h"

#include <string.h>

#define CAPACITY 4096U
#define FROM     7U
#define TO       9U
#define TAG      3U
#define ROUNDS   20000U

struct memory {
	_Alignas(PEAL_SHMRING_APART) _Atomic uint64_t tail;
	_Alignas(PEAL_SHMRING_APART) _Atomic uint64_t head;
	uint8_t before[64];
	_Alignas(64) uint8_t bytes[CAPACITY];
	uint8_t after[64];
};

static struct memory memories[2]; /* of the first ring and of the second */
static struct peal_shmring_writer writers[2];
static struct peal_shmring_reader readers[2];

static const struct peal_shmmove plain = {.from_kind = FROM,
	.from_tag = TAG,
	.to_kind = TO,
	.to_tag = 4,
	.size_max = 1000,
	.count_max = 1000,
	.span_max = UINT64_MAX};

static int
begin(void **state)
{
	(void)state;
	memset(memories, 0, sizeof(memories));
	for (uint32_t i = 0; i < 2; i++) {
		const struct peal_shmring_memory memory = {.bytes = memories[i].bytes,
			.capacity = CAPACITY,
			.tail = &memories[i].tail,
			.head = &memories[i].head};

		memset(memories[i].before, 0xA5, sizeof(memories[i].before));
		memset(memories[i].after, 0xA5, sizeof(memories[i].after));
		peal_shmring_writer_init(&writers[i], &memory);
		peal_shmring_reader_init(&readers[i], &memory);
	}
	return 0;
}

/* Nothing was touched beside the rings. */
static int
finish(void **state)
{
	(void)state;
	for (uint32_t i = 0; i < sizeof(memories[0].before); i++) {
		for (uint32_t which = 0; which < 2; which++) {
			assert_int_equal(memories[which].before[i], 0xA5);
			assert_int_equal(memories[which].after[i], 0xA5);
		}
	}
	return 0;
}

static bool
put(uint32_t which, uint16_t kind, uint16_t tag, uint32_t size, uint8_t fill)
{
	uint8_t *room = peal_shmring_claim(&writers[which], size);

	if (room == NULL) {
		return false;
	}
	memset(room, fill, size);
	peal_shmring_commit(&writers[which], kind, tag, size);
	return true;
}

static void
take(uint16_t tag, uint32_t size, uint8_t fill)
{
	struct peal_shmring_record record = {.size = 0};

	assert_true(peal_shmring_borrow(&readers[1], &record));
	assert_int_equal(record.kind, TO);
	assert_int_equal(record.tag, tag);
	assert_int_equal(record.size, size);
	for (uint32_t i = 0; i < size; i++) {
		assert_int_equal(record.bytes[i], fill);
	}
}

static void
test_shmmove__moves_what_is_of_the_kind_and_stops_before_anything_else(void **state)
{
	struct peal_shmring_record record;
	struct peal_shmmoved moved;

	(void)state;
	for (uint32_t i = 0; i < 5; i++) {
		assert_true(put(0, FROM, TAG, i * 13U, (uint8_t)(i + 1U)));
	}
	assert_true(put(0, FROM, TAG + 1U, 8, 99));
	assert_true(put(0, FROM, TAG, 8, 98));
	/* Not shown: not there. */
	assert_int_equal(peal_shmmove_run(&readers[0], &writers[1], &plain).count, 0);
	(void)peal_shmring_publish(&writers[0]);
	moved = peal_shmmove_run(&readers[0], &writers[1], &plain);
	assert_int_equal(moved.count, 5);
	assert_int_equal(moved.size, 13U * 10U);
	assert_int_equal(moved.span, 8U + 24U + 40U + 48U + 64U);
	assert_int_equal(readers[1].tail, 0);
	(void)peal_shmring_publish(&writers[1]);
	for (uint32_t i = 0; i < 5; i++) {
		take(4, i * 13U, (uint8_t)(i + 1U));
	}
	assert_true(peal_shmring_borrow(&readers[0], &record));
	assert_int_equal(record.tag, TAG + 1U);
	moved = peal_shmmove_run(&readers[0], &writers[1], &plain);
	assert_int_equal(moved.count, 1);
	assert_int_equal(peal_shmmove_run(&readers[0], &writers[1], &plain).count, 0);
	(void)peal_shmring_release(&readers[0]);
	assert_int_equal(atomic_load(&memories[0].head), writers[0].tail);
}

static void
test_shmmove__keeps_to_each_bound(void **state)
{
	struct peal_shmmove what = plain;

	(void)state;
	for (uint32_t i = 0; i < 20; i++) {
		assert_true(put(0, FROM, TAG, i == 10 ? 101 : 100, (uint8_t)i));
	}
	(void)peal_shmring_publish(&writers[0]);
	what.count_max = 3;
	assert_int_equal(peal_shmmove_run(&readers[0], &writers[1], &what).count, 3);
	what.count_max = 1000;
	what.span_max = 2U * peal_shmring_span(100) + 7U;
	assert_int_equal(peal_shmmove_run(&readers[0], &writers[1], &what).count, 2);
	what.span_max = UINT64_MAX;
	what.size_max = 100;
	assert_int_equal(peal_shmmove_run(&readers[0], &writers[1], &what).count, 5);
	assert_int_equal(peal_shmmove_run(&readers[0], &writers[1], &what).count, 0);
	what.size_max = 101;
	assert_int_equal(peal_shmmove_run(&readers[0], &writers[1], &what).count, 10);
}

static void
test_shmmove__stops_where_there_is_no_room(void **state)
{
	uint32_t count = 0;

	(void)state;
	while (put(1, TO, 4, 200, 1)) {
		count++;
	}
	assert_true(put(0, FROM, TAG, 200, 2));
	(void)peal_shmring_publish(&writers[0]);
	(void)peal_shmring_publish(&writers[1]);
	assert_int_equal(peal_shmmove_run(&readers[0], &writers[1], &plain).count, 0);
	for (uint32_t i = 0; i < count; i++) {
		take(4, 200, 1);
	}
	(void)peal_shmring_release(&readers[1]);
	/* At the end of a ring it is for claim to skip the rest. */
	assert_int_equal(peal_shmmove_run(&readers[0], &writers[1], &plain).count, 0);
	assert_true(put(1, TO, 4, 200, 1));
	assert_int_equal(peal_shmmove_run(&readers[0], &writers[1], &plain).count, 1);
}

static void
test_shmmove__a_head_that_cannot_be_is_left_for_borrow(void **state)
{
	static const uint32_t sizes[] = {65U, 4000U, UINT32_MAX, UINT32_MAX - 7U};

	(void)state;
	for (uint32_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		struct peal_shmring_record record;
		struct peal_shmmove what = plain;

		(void)begin(NULL);
		what.size_max = UINT32_MAX;
		assert_true(put(0, FROM, TAG, 64, 1));
		assert_true(put(0, FROM, TAG, 64, 2));
		memcpy(memories[0].bytes + 72, &sizes[i], sizeof(sizes[i]));
		(void)peal_shmring_publish(&writers[0]);
		assert_int_equal(peal_shmmove_run(&readers[0], &writers[1], &what).count, 1);
		assert_false(peal_shmring_borrow(&readers[0], &record));
		assert_true(readers[0].is_broken);
		assert_int_equal(peal_shmmove_run(&readers[0], &writers[1], &what).count, 0);
	}
	/* Positions as well. */
	(void)begin(NULL);
	assert_true(put(0, FROM, TAG, 64, 1));
	atomic_store(&memories[0].tail, CAPACITY + 8U);
	assert_int_equal(peal_shmmove_run(&readers[0], &writers[1], &plain).count, 0);
	assert_true(readers[0].is_broken);
	(void)begin(NULL);
	assert_true(put(0, FROM, TAG, 64, 1));
	(void)peal_shmring_publish(&writers[0]);
	atomic_store(&memories[1].head, 72);
	assert_int_equal(peal_shmmove_run(&readers[0], &writers[1], &plain).count, 0);
	assert_true(writers[1].is_broken);
}

/* Both rings go round at different places; what cannot be moved is taken one by one. */
static void
test_shmmove__loses_nothing_on_many_rounds(void **state)
{
	uint64_t said = 0, heard = 0, moved_count = 0;
	struct peal_shmring_record record;
	struct peal_prng prng, sizes, checks;

	(void)state;
	peal_prng_init(&prng, 1);
	peal_prng_init(&sizes, 2);
	peal_prng_init(&checks, 2);
	assert_true(put(1, TO, 4, 1000, 0));
	(void)peal_shmring_publish(&writers[1]);
	take(4, 1000, 0);
	for (uint32_t round = 0; round < ROUNDS; round++) {
		uint8_t *room;

		for (uint64_t i = peal_prng_below(&prng, 8); i > 0; i--) {
			struct peal_prng before = sizes;

			if (!put(0, FROM, TAG, (uint32_t)peal_prng_below(&sizes, 600),
				    (uint8_t)said)) {
				sizes = before;
				break;
			}
			said++;
		}
		(void)peal_shmring_publish(&writers[0]);
		moved_count += peal_shmmove_run(&readers[0], &writers[1], &plain).count;
		if (peal_shmring_borrow(&readers[0], &record)) {
			room = peal_shmring_claim(&writers[1], record.size);
			if (room == NULL) {
				peal_shmring_return(&readers[0], &record);
			} else {
				memcpy(room, record.bytes, record.size);
				peal_shmring_commit(&writers[1], TO, 4, record.size);
			}
		}
		(void)peal_shmring_release(&readers[0]);
		(void)peal_shmring_publish(&writers[1]);
		for (uint64_t i = peal_prng_below(&prng, 8);
			i > 0 && peal_shmring_has_more(&readers[1]); i--) {
			take(4, (uint32_t)peal_prng_below(&checks, 600), (uint8_t)heard);
			heard++;
		}
		(void)peal_shmring_release(&readers[1]);
		assert_false(readers[0].is_broken || readers[1].is_broken);
	}
	assert_true(heard > ROUNDS);
	assert_true(moved_count > heard / 2U);
}

int
main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(test_shmmove__##name, begin, finish)
	const struct CMUnitTest tests[] = {
		TEST(moves_what_is_of_the_kind_and_stops_before_anything_else),
		TEST(keeps_to_each_bound),
		TEST(stops_where_there_is_no_room),
		TEST(a_head_that_cannot_be_is_left_for_borrow),
		TEST(loses_nothing_on_many_rounds),
	};
#undef TEST

	return cmocka_run_group_tests(tests, NULL, NULL);
}
