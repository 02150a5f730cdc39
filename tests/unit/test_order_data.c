/* SPDX-License-Identifier: BSD-3-Clause */
#include "wire/order_data.h"

#include "tests/lib/cmocka_all.h"

#include <string.h>

static void
test_order_data__records_come_back_as_they_went_in(void **state)
{
	uint8_t data[64];
	uint32_t at = PEAL_ORDER_DATA_HEAD_SIZE;
	const uint8_t *bytes;
	uint16_t size = peal_order_data_begin_records(data);
	uint16_t record_size;

	(void)state;
	assert_int_equal(size, PEAL_ORDER_DATA_HEAD_SIZE);
	assert_int_equal(peal_order_data_kind(data, size), 0); /* none at all */
	memcpy(data + size,
		"\x03\x00"
		"abc"
		"\x01\x00z",
		8);
	size += 8U;
	assert_int_equal(peal_order_data_kind(data, size), PEAL_ORDER_DATA_RECORDS);
	assert_true(peal_order_data_next(data, size, &at, &bytes, &record_size));
	assert_int_equal(record_size, 3);
	assert_memory_equal(bytes, "abc", 3);
	assert_true(peal_order_data_next(data, size, &at, &bytes, &record_size));
	assert_int_equal(record_size, 1);
	assert_int_equal(*bytes, 'z');
	assert_false(peal_order_data_next(data, size, &at, &bytes, &record_size));
	/* Cut short anywhere but between the two, or longer, it is refused. */
	for (uint16_t cut = 0; cut < size; cut++) {
		assert_int_equal(peal_order_data_kind(data, cut),
			cut == size - 3U ? PEAL_ORDER_DATA_RECORDS : 0);
	}
	data[size] = 0;
	assert_int_equal(peal_order_data_kind(data, size + 1U), 0);
	data[size + 1U] = 0;
	assert_int_equal(peal_order_data_kind(data, size + 2U), 0); /* an empty record */
}

static void
test_order_data__a_command_comes_back_as_it_went_in(void **state)
{
	const struct peal_order_handover handover = {
		.rank = PEAL_ORDER_RANKS_MAX - 1U, .holder = peal_order_holder(7, 12)};
	struct peal_order_handover back;
	uint8_t data[PEAL_ORDER_DATA_HOLDER_SIZE + 1U] = {0};
	uint16_t size = peal_order_data_write_handover(data, &handover);

	(void)state;
	assert_int_equal(size, PEAL_ORDER_DATA_HOLDER_SIZE);
	assert_int_equal(peal_order_data_kind(data, size), PEAL_ORDER_DATA_HOLDER);
	back = peal_order_data_handover(data);
	assert_int_equal(back.rank, handover.rank);
	assert_true(back.holder == handover.holder);
	assert_int_equal(peal_order_term(back.holder), 7);
	assert_int_equal(peal_order_member(back.holder), 12);
	for (uint16_t cut = 0; cut < size; cut++) {
		assert_int_equal(peal_order_data_kind(data, cut), 0);
	}
	assert_int_equal(peal_order_data_kind(data, size + 1U), 0);
	/* A rank that no group has, bytes that are not zero, no term, and one too large. */
	for (uint32_t at = 4; at < 8U; at++) {
		uint8_t kept = data[at];

		data[at] = PEAL_ORDER_RANKS_MAX;
		assert_int_equal(peal_order_data_kind(data, size), 0);
		data[at] = kept;
	}
	(void)peal_order_data_write_handover(
		data, &(struct peal_order_handover){.holder = peal_order_holder(0, 12)});
	assert_int_equal(peal_order_data_kind(data, size), 0);
	(void)peal_order_data_write_handover(
		data, &(struct peal_order_handover){
			      .holder = peal_order_holder(PEAL_ORDER_TERM_MAX, 12)});
	assert_int_equal(peal_order_data_kind(data, size), 0);
	/* Nobody is a holder, too. */
	(void)peal_order_data_write_handover(
		data, &(struct peal_order_handover){.holder = peal_order_holder(1, 0)});
	assert_int_equal(peal_order_data_kind(data, size), PEAL_ORDER_DATA_HOLDER);
}

static void
test_order_data__so_many_records_and_no_more(void **state)
{
	static const uint8_t record[] = {1, 0, 'x'};
	uint8_t data[PEAL_ORDER_DATA_HEAD_SIZE + sizeof(record) * (PEAL_ORDER_RECORDS_MAX + 1U)];

	(void)state;
	(void)peal_order_data_begin_records(data);
	for (uint32_t i = 0; i <= PEAL_ORDER_RECORDS_MAX; i++) {
		memcpy(data + PEAL_ORDER_DATA_HEAD_SIZE + sizeof(record) * i, record,
			sizeof(record));
	}
	assert_int_equal(
		peal_order_data_kind(data, sizeof(data) - sizeof(record)), PEAL_ORDER_DATA_RECORDS);
	assert_int_equal(peal_order_data_kind(data, sizeof(data)), 0);
}

static void
test_order_data__a_part_says_which_message_it_is_of(void **state)
{
	const struct peal_order_part part = {.message_size = 5000, .offset = 4990, .number = 7};
	uint8_t data[64] = {0};
	uint16_t size = peal_order_data_begin_part(data, &part);
	struct peal_order_part read;

	(void)state;
	assert_int_equal(size, PEAL_ORDER_DATA_PART_SIZE);
	assert_int_equal(peal_order_data_kind(data, size), 0); /* nothing of it */
	memcpy(data + size, "0123456789", 10);
	assert_int_equal(peal_order_data_kind(data, size + 10U), PEAL_ORDER_DATA_PART);
	assert_int_equal(peal_order_data_kind(data, size + 11U), 0); /* beyond its end */
	read = peal_order_data_part(data, size + 10U);
	assert_int_equal(read.message_size, 5000);
	assert_int_equal(read.offset, 4990);
	assert_int_equal(read.number, 7);
	assert_int_equal(read.size, 10);
	assert_memory_equal(read.bytes, "0123456789", 10);
	for (uint32_t i = 1; i < PEAL_ORDER_DATA_HEAD_SIZE; i++) {
		data[i] = 1;
		assert_int_equal(peal_order_data_kind(data, size + 10U), 0);
		data[i] = 0;
	}
	for (uint32_t kind = 0; kind <= UINT8_MAX; kind++) {
		data[0] = (uint8_t)kind;
		if (kind != PEAL_ORDER_DATA_RECORDS && kind != PEAL_ORDER_DATA_PART) {
			assert_int_equal(peal_order_data_kind(data, size + 10U), 0);
		}
	}
}

static void
test_order_data__a_kilobyte_is_one_frame_of_five_ranks(void **state)
{
	(void)state;
	assert_int_equal(peal_order_data_size_max(PEAL_ORDER_RANKS_MAX), PEAL_ORDER_DATA_SIZE_MAX);
	assert_true(peal_order_data_size_max(5) >=
		    1024U + PEAL_ORDER_DATA_HEAD_SIZE + PEAL_ORDER_DATA_RECORD_SIZE);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_order_data__records_come_back_as_they_went_in),
		cmocka_unit_test(test_order_data__a_command_comes_back_as_it_went_in),
		cmocka_unit_test(test_order_data__so_many_records_and_no_more),
		cmocka_unit_test(test_order_data__a_part_says_which_message_it_is_of),
		cmocka_unit_test(test_order_data__a_kilobyte_is_one_frame_of_five_ranks),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
