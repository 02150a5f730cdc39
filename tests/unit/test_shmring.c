/* SPDX-License-Identifier: BSD-3-Clause */
#include "shm/shmring.h"

#include "base/prng.h"
#include "tests/lib/cmocka_all.h"
#include "tests/lib/dies.h"

#include <string.h>

#define CAPACITY 1024U

struct shared {
	_Alignas(PEAL_SHMRING_APART) _Atomic uint64_t tail;
	_Alignas(PEAL_SHMRING_APART) _Atomic uint64_t head;
	_Alignas(64) uint8_t before[64];
	uint8_t bytes[CAPACITY];
	uint8_t after[64];
};

static struct shared shared;
static struct peal_shmring_writer writer;
static struct peal_shmring_reader reader;

static struct peal_shmring_memory
memory(void)
{
	return (struct peal_shmring_memory){
		.bytes = shared.bytes,
		.capacity = CAPACITY,
		.tail = &shared.tail,
		.head = &shared.head,
	};
}

static int
begin(void **state)
{
	const struct peal_shmring_memory both = memory();

	(void)state;
	memset(&shared, 0, sizeof(shared));
	memset(shared.before, 0xA5, sizeof(shared.before));
	memset(shared.after, 0xA5, sizeof(shared.after));
	peal_shmring_writer_init(&writer, &both);
	peal_shmring_reader_init(&reader, &both);
	return 0;
}

/* Nothing was touched beside the ring. */
static int
finish(void **state)
{
	(void)state;
	for (uint32_t i = 0; i < sizeof(shared.before); i++) {
		assert_int_equal(shared.before[i], 0xA5);
		assert_int_equal(shared.after[i], 0xA5);
	}
	return 0;
}

static bool
put(uint16_t kind, uint16_t tag, const void *bytes, uint32_t size)
{
	uint8_t *room = peal_shmring_claim(&writer, size);

	if (room == NULL) {
		return false;
	}
	memcpy(room, bytes, size);
	peal_shmring_commit(&writer, kind, tag, size);
	return true;
}

static void
test_shmring__gives_what_was_put_in_order(void **state)
{
	struct peal_shmring_record record;

	(void)state;
	assert_true(put(7, 9, "first", 6));
	assert_true(put(8, 0, "", 0));
	assert_true(peal_shmring_publish(&writer));
	assert_false(peal_shmring_publish(&writer));
	assert_true(peal_shmring_borrow(&reader, &record));
	assert_int_equal(record.kind, 7);
	assert_int_equal(record.tag, 9);
	assert_int_equal(record.size, 6);
	assert_string_equal((const char *)record.bytes, "first");
	assert_true(peal_shmring_borrow(&reader, &record));
	assert_int_equal(record.kind, 8);
	assert_int_equal(record.size, 0);
	assert_false(peal_shmring_borrow(&reader, &record));
	assert_true(peal_shmring_release(&reader));
	assert_false(peal_shmring_release(&reader));
	assert_false(reader.is_broken);
}

static void
test_shmring__shows_nothing_before_it_is_published(void **state)
{
	struct peal_shmring_record record;

	(void)state;
	assert_true(put(1, 0, "a", 1));
	assert_non_null(peal_shmring_claim(&writer, 100));
	assert_false(peal_shmring_borrow(&reader, &record));
	assert_true(peal_shmring_publish(&writer));
	/* The claim was never committed. */
	assert_true(peal_shmring_borrow(&reader, &record));
	assert_false(peal_shmring_borrow(&reader, &record));
}

static void
test_shmring__is_full_until_records_are_released(void **state)
{
	struct peal_shmring_record record;
	uint8_t bytes[56] = {0};
	uint32_t count = 0;

	(void)state;
	while (put(1, 0, bytes, sizeof(bytes))) {
		count++;
	}
	assert_int_equal(count, CAPACITY / 64U);
	assert_int_equal(peal_shmring_free_size(&writer), 0);
	(void)peal_shmring_publish(&writer);
	assert_true(peal_shmring_borrow(&reader, &record));
	assert_false(put(1, 0, bytes, sizeof(bytes)));
	(void)peal_shmring_release(&reader);
	assert_int_equal(peal_shmring_free_size(&writer), 64);
	assert_true(put(1, 0, bytes, sizeof(bytes)));
	assert_false(put(1, 0, bytes, sizeof(bytes)));
}

static void
claim_too_much(void *argument)
{
	(void)argument;
	(void)peal_shmring_claim(&writer, peal_shmring_size_max(CAPACITY) + 1U);
}

static void
test_shmring__takes_the_largest_record_wherever_its_end_is(void **state)
{
	uint8_t bytes[CAPACITY / 4U] = {0};
	uint32_t size_max = peal_shmring_size_max(CAPACITY);
	struct peal_shmring_record record;

	(void)state;
	for (uint32_t i = 0; i < 1000; i++) {
		assert_true(put(1, (uint16_t)i, bytes, i % 3U == 0 ? 1 + i % 40U : size_max));
		(void)peal_shmring_publish(&writer);
		assert_true(peal_shmring_borrow(&reader, &record));
		assert_int_equal(record.tag, i);
		(void)peal_shmring_release(&reader);
	}
	assert_true(peal_test_dies(claim_too_much, NULL));
}

/* Of a capacity of CAPACITY, which is no more than is fetched ahead. */
static void
test_shmring__fetches_no_line_that_may_still_be_read(void **state)
{
	struct peal_shmring_record record;
	const uint8_t bytes[56] = {0};
	uint64_t said = 0;

	(void)state;
	for (uint32_t i = 0; i < 1000; i++) {
		while (put(1, 0, bytes, 8U + i % 48U)) {
			assert_true(writer.fetched <= writer.head + CAPACITY);
			assert_true(writer.fetched % PEAL_FETCH_LINE_SIZE == 0);
			assert_true(writer.fetched + PEAL_FETCH_LINE_SIZE > writer.tail ||
				    writer.fetched + PEAL_FETCH_LINE_SIZE > writer.head + CAPACITY);
			said++;
		}
		(void)peal_shmring_publish(&writer);
		for (uint32_t taken = 0; taken <= i % 5U; taken++) {
			if (peal_shmring_borrow(&reader, &record)) {
				said--;
			}
		}
		(void)peal_shmring_release(&reader);
	}
	while (peal_shmring_borrow(&reader, &record)) {
		said--;
	}
	assert_int_equal(said, 0);
}

static void
test_shmring__fetches_the_lines_of_the_records_to_come(void **state)
{
	_Alignas(64) static uint8_t many[8U * PEAL_SHMRING_AHEAD_SIZE];
	struct peal_shmring_memory large = memory();
	const uint8_t bytes[64] = {0};

	(void)state;
	large.bytes = many;
	large.capacity = sizeof(many);
	peal_shmring_writer_init(&writer, &large);
	for (uint32_t i = 0; i < 32; i++) {
		uint64_t before = writer.tail;

		assert_true(put(1, 0, bytes, sizeof(bytes)));
		assert_true(
			writer.fetched > before + PEAL_SHMRING_AHEAD_SIZE - PEAL_FETCH_LINE_SIZE);
		assert_true(writer.fetched <= before + PEAL_SHMRING_AHEAD_SIZE);
	}
	/* Over a large record, to what comes behind it. */
	assert_non_null(peal_shmring_claim(&writer, 2U * PEAL_SHMRING_AHEAD_SIZE - 8U));
	peal_shmring_commit(&writer, 1, 0, 2U * PEAL_SHMRING_AHEAD_SIZE - 8U);
	assert_true(writer.fetched < writer.tail);
	assert_true(put(1, 0, bytes, sizeof(bytes)));
	assert_true(writer.fetched > writer.tail);
}

static void
test_shmring__takes_back_the_last_borrow(void **state)
{
	struct peal_shmring_record record = {0};

	(void)state;
	assert_true(put(1, 1, "aaa", 3));
	assert_true(put(1, 2, "bbb", 3));
	(void)peal_shmring_publish(&writer);
	assert_true(peal_shmring_borrow(&reader, &record));
	assert_true(peal_shmring_borrow(&reader, &record));
	peal_shmring_return(&reader, &record);
	(void)peal_shmring_release(&reader);
	assert_true(peal_shmring_has_more(&reader));
	assert_true(peal_shmring_borrow(&reader, &record));
	assert_int_equal(record.tag, 2);
	assert_false(peal_shmring_has_more(&reader));
}

/* --- the other side is hostile --- */

static void
test_shmring__reader_refuses_a_tail_that_cannot_be(void **state)
{
	static const uint64_t tails[] = {
		CAPACITY + 8U, 4, UINT64_MAX, UINT64_C(1) << 63, UINT64_MAX - 7U};
	struct peal_shmring_record record;

	for (uint32_t i = 0; i < sizeof(tails) / sizeof(tails[0]); i++) {
		(void)begin(state);
		atomic_store(&shared.tail, tails[i]);
		assert_false(peal_shmring_borrow(&reader, &record));
		assert_true(reader.is_broken);
		/* For ever. */
		atomic_store(&shared.tail, 0);
		assert_false(peal_shmring_has_more(&reader));
	}
}

static void
test_shmring__reader_refuses_a_tail_that_goes_back(void **state)
{
	struct peal_shmring_record record;

	(void)state;
	assert_true(put(1, 1, "aaa", 3));
	assert_true(put(1, 1, "aaa", 3));
	(void)peal_shmring_publish(&writer);
	assert_true(peal_shmring_borrow(&reader, &record));
	atomic_store(&shared.tail, 16);
	assert_true(peal_shmring_borrow(&reader, &record)); /* seen before */
	assert_false(peal_shmring_borrow(&reader, &record));
	assert_true(reader.is_broken);
}

static void
put_header(uint32_t offset, uint32_t size, uint16_t kind)
{
	uint64_t header = size | (uint64_t)kind << 32;

	memcpy(shared.bytes + offset, &header, sizeof(header));
}

static void
test_shmring__reader_refuses_a_record_that_does_not_fit(void **state)
{
	static const struct {
		uint32_t size;
		uint16_t kind;
	} headers[] = {{57, 1}, {UINT32_MAX, 1}, {UINT32_MAX - 7U, 1}, {0x80000000U, 1},
		/* a skip that does not end at the end */
		{8, 0}, {56, 0}, {UINT32_MAX, 0}};
	struct peal_shmring_record record;

	for (uint32_t i = 0; i < sizeof(headers) / sizeof(headers[0]); i++) {
		(void)begin(state);
		put_header(0, headers[i].size, headers[i].kind);
		atomic_store(&shared.tail, 64);
		assert_false(peal_shmring_borrow(&reader, &record));
		assert_true(reader.is_broken);
	}
	/* Larger than any writer makes, though all of it is there; and a skip of a whole ring. */
	(void)begin(state);
	put_header(0, CAPACITY / 2U, 1);
	atomic_store(&shared.tail, CAPACITY);
	assert_false(peal_shmring_borrow(&reader, &record));
	(void)begin(state);
	put_header(0, CAPACITY - 8U, 0);
	atomic_store(&shared.tail, CAPACITY);
	assert_false(peal_shmring_borrow(&reader, &record));
	assert_true(reader.is_broken);
}

static void
test_shmring__reader_counts_by_the_size_it_copied(void **state)
{
	struct peal_shmring_record record;

	(void)state;
	assert_true(put(1, 1, "aaa", 3));
	assert_true(put(1, 2, "bbb", 3));
	(void)peal_shmring_publish(&writer);
	assert_true(peal_shmring_borrow(&reader, &record));
	/* Changed after the check: what was copied holds. */
	put_header(0, 500, 1);
	assert_int_equal(record.size, 3);
	assert_true(peal_shmring_borrow(&reader, &record));
	assert_int_equal(record.tag, 2);
}

static void
test_shmring__writer_refuses_a_head_that_cannot_be(void **state)
{
	static const uint64_t heads[] = {72, 4, UINT64_MAX, UINT64_C(1) << 63, CAPACITY};

	for (uint32_t i = 0; i < sizeof(heads) / sizeof(heads[0]); i++) {
		(void)begin(state);
		assert_true(put(1, 1, "aaaaaaaa", 8));
		(void)peal_shmring_publish(&writer);
		assert_true(put(1, 1, "aaaaaaaa", 8)); /* not shown, so nobody read it */
		atomic_store(&shared.head, i == 0 ? 32 : heads[i]);
		assert_int_equal(peal_shmring_free_size(&writer), 0);
		assert_true(writer.is_broken);
		atomic_store(&shared.head, 0);
		assert_int_equal(peal_shmring_free_size(&writer), 0);
	}
}

/* Whatever stands in shared memory, a reader ends and stays inside, and a writer stays inside. */
static void
test_shmring__survives_noise(void **state)
{
	struct peal_prng prng;
	uint64_t sum = 0, broken_count = 0;

	peal_prng_init(&prng, 14);
	for (uint32_t round = 0; round < 20000; round++) {
		struct peal_shmring_record record;
		uint32_t taken = 0;

		(void)begin(state);
		for (uint32_t i = 0; i < CAPACITY; i += 8U) {
			uint64_t word = peal_prng_next(&prng);

			/* Sizes that may fit are the ones that lead further. */
			word = round % 2U == 0 ? word & UINT64_C(0xFFFFFFFF000000FF) : word;
			memcpy(shared.bytes + i, &word, sizeof(word));
		}
		atomic_store(&shared.tail,
			(peal_prng_next(&prng) & 0x3F8U) + UINT64_C(64) * (round % 3U));
		while (peal_shmring_borrow(&reader, &record)) {
			assert_true(record.bytes >= shared.bytes);
			assert_true(record.bytes + record.size <= shared.bytes + CAPACITY);
			for (uint32_t i = 0; i < record.size; i++) {
				sum += record.bytes[i];
			}
			assert_true(++taken <= CAPACITY / 8U);
		}
		broken_count += reader.is_broken;
		atomic_store(&shared.head, peal_prng_next(&prng) & 0x7F8U);
		for (uint32_t i = 0; i < 20 && put(1, 0, shared.before, 60); i++) {
			(void)peal_shmring_publish(&writer);
		}
		(void)finish(state);
	}
	assert_true(sum > 0);
	assert_in_range(broken_count, 1, 19999);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(
			test_shmring__gives_what_was_put_in_order, begin, finish),
		cmocka_unit_test_setup_teardown(
			test_shmring__shows_nothing_before_it_is_published, begin, finish),
		cmocka_unit_test_setup_teardown(
			test_shmring__is_full_until_records_are_released, begin, finish),
		cmocka_unit_test_setup_teardown(
			test_shmring__takes_the_largest_record_wherever_its_end_is, begin, finish),
		cmocka_unit_test_setup_teardown(
			test_shmring__fetches_no_line_that_may_still_be_read, begin, finish),
		cmocka_unit_test_setup_teardown(
			test_shmring__fetches_the_lines_of_the_records_to_come, begin, finish),
		cmocka_unit_test_setup_teardown(
			test_shmring__takes_back_the_last_borrow, begin, finish),
		cmocka_unit_test_setup_teardown(
			test_shmring__reader_refuses_a_tail_that_cannot_be, begin, finish),
		cmocka_unit_test_setup_teardown(
			test_shmring__reader_refuses_a_tail_that_goes_back, begin, finish),
		cmocka_unit_test_setup_teardown(
			test_shmring__reader_refuses_a_record_that_does_not_fit, begin, finish),
		cmocka_unit_test_setup_teardown(
			test_shmring__reader_counts_by_the_size_it_copied, begin, finish),
		cmocka_unit_test_setup_teardown(
			test_shmring__writer_refuses_a_head_that_cannot_be, begin, finish),
		cmocka_unit_test_setup_teardown(test_shmring__survives_noise, begin, finish),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
