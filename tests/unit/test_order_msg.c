/* SPDX-License-Identifier: BSD-3-Clause */
#include "wire/order_msg.h"

#include "tests/lib/cmocka_all.h"
#include "tests/lib/refuse.h"

#include <string.h>

static struct peal_order_msg message;
static struct peal_order_msg decoded;
static uint8_t bytes[PEAL_LARGE_BODY_SIZE_MAX + 1U];

static bool
decode(size_t size)
{
	return peal_order_msg_decode(message.kind, bytes, (uint32_t)size, &decoded);
}

static void
begin(enum peal_order_kind kind, uint8_t rows_count)
{
	memset(&message, 0, sizeof(message));
	memset(bytes, 0, sizeof(bytes));
	message.kind = (uint8_t)kind;
	message.head = (struct peal_order_head){.group = 0x01020304U,
		.configuration = 0x11121314U,
		.view = 0x21222324U,
		.rank = 2,
		.rows_count = rows_count,
		.sent_at_ns = 0x3132333435363738U};
}

/* The size of a message that is decoded again. */
static uint16_t
encode(void)
{
	uint16_t size = peal_order_msg_encode(&message, bytes);

	assert_true(decode(size));
	return size;
}

static void
expect_refused(void)
{
	uint16_t size = peal_order_msg_encode(&message, bytes);

	assert_false(decode(size));
}

static void
test_order_msg__data_has_its_place_on_the_wire(void **state)
{
	const uint8_t expected[] = {4, 3, 2, 1, 0x14, 0x13, 0x12, 0x11, 0x24, 0x23, 0x22, 0x21, 2,
		1, 0, 0, 0x38, 0x37, 0x36, 0x35, 0x34, 0x33, 0x32, 0x31, 9, 0, 0, 0, 0, 0, 0, 0, 7,
		0, 0, 0, 0, 0, 0, 0, 1, 0, 2, 0, 3, 1, 0, 0, 5, 0, 0, 0, 0, 0, 0, 0, 6, 0, 0, 0, 4,
		0, 0, 0, 0xAA, 0xBB};

	(void)state;
	begin(PEAL_ORDER_DATA, 1);
	message.data = (struct peal_order_data){.seq = 9,
		.stamp = 7,
		.generation = 1,
		.lane_generation = 2,
		.lane = 3,
		.flags = PEAL_ORDER_FLAG_AGAIN};
	message.acks[0] = (struct peal_order_ack){.have = 5, .room = 6, .generation = 4};
	assert_int_equal(peal_order_msg_encode(&message, bytes), sizeof(expected) - 2U);
	bytes[64] = 0xAA;
	bytes[65] = 0xBB;
	assert_memory_equal(bytes, expected, sizeof(expected));
	assert_true(decode(sizeof(expected)));
	assert_int_equal(decoded.data.size, 2);
	assert_ptr_equal(decoded.data.bytes, bytes + 64);
	assert_true(decoded.acks[0].have == 5U && decoded.acks[0].room == 6U);
	assert_false(decode(64));
	peal_refuse_padding(bytes, decode, 66, 46, 2);
	peal_refuse_padding(bytes, decode, 66, 62, 2);
}

static void
test_order_msg__data_that_cannot_be_is_refused(void **state)
{
	const struct peal_order_data good = {.seq = 1, .lane_generation = 1, .generation = 1};

	(void)state;
	begin(PEAL_ORDER_DATA, 1);
	for (uint32_t i = 0; i < 5U; i++) {
		uint16_t size;

		message.data = good;
		message.data.seq = i == 0 ? 0 : i == 1U ? PEAL_ORDER_COUNT_MAX : 1U;
		message.data.stamp = i == 2U ? PEAL_ORDER_STAMP_MAX : 0;
		message.data.generation = i == 3U ? 2 : 1;
		message.data.lane = i == 4U ? PEAL_ORDER_RANKS_MAX : 0;
		size = peal_order_msg_encode(&message, bytes);
		assert_false(decode(size + 1U));
	}
	message.data = good;
	assert_true(decode(peal_order_msg_encode(&message, bytes) + UINT64_C(1)));
}

/* Three frames, of 5, 2 and 1 bytes, in one body. Returns its size. */
static uint32_t
encode_three(uint8_t rows[2U * PEAL_ORDER_ROW_SIZE])
{
	static const uint8_t data[8] = {'f', 'i', 'r', 's', 't', 'h', 'e', 't'};
	uint16_t size;

	begin(PEAL_ORDER_DATA, 3);
	peal_order_row_write(rows, 8, 2);
	peal_order_row_write(rows + PEAL_ORDER_ROW_SIZE, 11, 1);
	message.data = (struct peal_order_data){.seq = 9, .stamp = 7, .more = 2, .rows = rows};
	size = peal_order_msg_encode(&message, bytes);
	memcpy(bytes + size, data, sizeof(data));
	return size + 8U;
}

static void
test_order_msg__several_frames_share_a_body(void **state)
{
	uint8_t rows[2U * PEAL_ORDER_ROW_SIZE];
	uint32_t size = encode_three(rows);
	struct peal_order_data data;

	(void)state;
	assert_true(decode(size));
	data = decoded.data;
	assert_true(data.seq == 9U && data.stamp == 7U && data.size == 5U);
	assert_memory_equal(data.bytes, "first", 5);
	assert_true(peal_order_data_step(&data));
	assert_true(data.seq == 10U && data.stamp == 8U && data.size == 2U);
	assert_memory_equal(data.bytes, "he", 2);
	assert_true(peal_order_data_step(&data));
	assert_true(data.seq == 11U && data.stamp == 11U && data.size == 1U);
	assert_memory_equal(data.bytes, "t", 1);
	assert_false(peal_order_data_step(&data));
	/* What is encoded again is the same. */
	message = decoded;
	assert_int_equal(peal_order_msg_encode(&message, bytes), size - 8U);
}

static void
test_order_msg__frames_of_a_body_that_cannot_be_are_refused(void **state)
{
	const uint32_t rows_at =
		PEAL_ORDER_HEAD_SIZE + PEAL_ORDER_DATA_FORM_SIZE + 3U * PEAL_ORDER_ACK_SIZE;
	uint8_t rows[2U * PEAL_ORDER_ROW_SIZE];
	uint32_t size = encode_three(rows);
	uint32_t size_max = peal_order_data_size_max(3);

	(void)state;
	/* The first has nothing left, or more than alone in a body. */
	assert_false(decode(size - 5U));
	assert_true(decode(size - 4U));
	assert_true(decode(size - 5U + size_max));
	assert_false(decode(size - 4U + size_max));
	for (uint32_t i = 0; i < 6U; i++) {
		static const uint8_t wrong[] = {7, 8, 0, 1, 0x80, 0xFF};
		/* Stamps that do not rise, sizes, what must be zero, and more frames than ever. */
		const uint32_t places[] = {rows_at, rows_at + PEAL_ORDER_ROW_SIZE, rows_at + 8U,
			rows_at + 10U, rows_at + 7U, PEAL_ORDER_HEAD_SIZE + 22U};

		(void)encode_three(rows);
		bytes[places[i]] = wrong[i];
		assert_false(decode(size));
	}
	(void)encode_three(rows);
	message.data.seq = PEAL_ORDER_COUNT_MAX - 1U;
	(void)peal_order_msg_encode(&message, bytes);
	assert_false(decode(size));
}

static void
test_order_msg__all_kinds_have_one_size(void **state)
{
	(void)state;
	begin(PEAL_ORDER_TICK, 3);
	message.tick = (struct peal_order_tick){
		.promise = 5, .last = 6, .position = 64, .digest = 7, .has_promise = true};
	peal_refuse_other_sizes(bytes, decode, encode());
	begin(PEAL_ORDER_ASK, 0);
	message.asked_stamp = 5;
	peal_refuse_other_sizes(bytes, decode, encode());
	message.head.flags = PEAL_ORDER_FLAG_TIME;
	message.time = (struct peal_order_time){.asked_at_ns = 5};
	peal_refuse_other_sizes(bytes, decode, encode());
	begin(PEAL_ORDER_PULL, 0);
	message.pull = (struct peal_order_pull){.from = 4, .to = 6, .lane = 1};
	peal_refuse_other_sizes(bytes, decode, encode());
	begin(PEAL_ORDER_SEAL_DECIDED, 0);
	message.seal = (struct peal_order_seal){.last = 4, .until = 6, .lane = 1};
	peal_refuse_other_sizes(bytes, decode, encode());
	begin(PEAL_ORDER_VIEW_ACCEPT, 3);
	message.view.ballot = 5;
	message.view.active = 5;
	message.view.counted = 7;
	message.view.has_value = true;
	for (uint32_t i = 0; i < 3U; i++) {
		message.view.cuts[i].member = 9;
	}
	peal_refuse_other_sizes(bytes, decode, encode());
	begin(PEAL_ORDER_JOIN, 0);
	peal_refuse_other_sizes(bytes, decode, encode());
}

static void
test_order_msg__times_are_said_and_in_range(void **state)
{
	const uint8_t expected[] = {5, 0, 0, 0, 0, 0, 0, 0, 6, 0, 0, 0, 0, 0, 0, 0};
	uint16_t size;

	(void)state;
	begin(PEAL_ORDER_ASK, 0);
	message.head.flags = PEAL_ORDER_FLAG_TIME;
	message.time = (struct peal_order_time){.asked_at_ns = 5, .answered_at_ns = 6};
	size = encode();
	assert_int_equal(size, PEAL_ORDER_HEAD_SIZE + sizeof(expected));
	assert_memory_equal(bytes + PEAL_ORDER_HEAD_SIZE, expected, sizeof(expected));
	assert_true(decoded.time.asked_at_ns == 5U && decoded.time.answered_at_ns == 6U);
	message.time.answered_at_ns = 0;
	(void)encode();
	message.time.answered_at_ns = PEAL_ORDER_STAMP_MAX;
	expect_refused();
	message.time = (struct peal_order_time){.asked_at_ns = PEAL_ORDER_STAMP_MAX};
	expect_refused();
	message.time.asked_at_ns = 0;
	expect_refused();
	message.time.asked_at_ns = 1;
	(void)encode();
	message.head.sent_at_ns = 0;
	expect_refused();
	message.head.sent_at_ns = PEAL_ORDER_STAMP_MAX;
	expect_refused();
}

static void
test_order_msg__what_a_kind_does_not_use_is_zero(void **state)
{
	(void)state;
	begin(PEAL_ORDER_SEAL_PREPARE, 0);
	expect_refused();
	message.seal.ballot = 1;
	(void)encode();
	message.seal.have = 1;
	expect_refused();
	message.seal.have = 0;
	message.seal.last = 1;
	expect_refused();
	begin(PEAL_ORDER_TICK, 1);
	message.tick.promise = 1;
	expect_refused();
	message.tick.promise = 0;
	message.tick.digest = 1;
	expect_refused();
	begin(PEAL_ORDER_VIEW_PREPARE, 0);
	message.view.ballot = 1;
	(void)encode();
	message.view.position = 1;
	expect_refused();
	begin(PEAL_ORDER_ASK, 1);
	expect_refused();
}

static void
test_order_msg__values_name_ranks_and_ends_that_can_be(void **state)
{
	(void)state;
	begin(PEAL_ORDER_VIEW_INSTALL, 3);
	message.view.has_value = true;
	message.view.active = 8;
	message.view.counted = 8;
	for (uint32_t i = 0; i < 3U; i++) {
		message.view.cuts[i].member = 9;
	}
	expect_refused();
	message.view.counted = 7;
	message.view.active = 0;
	expect_refused();
	message.view.active = 7;
	(void)encode();
	/* Who may send counts. */
	message.view.counted = 6;
	expect_refused();
	message.view.counted = 7;
	/* Who shall hold the rank is later than who does, or not said. */
	message.view.cuts[1].holder = peal_order_holder(1, 0);
	(void)encode();
	assert_true(peal_order_msg_decode(
		message.kind, bytes, peal_order_msg_encode(&message, bytes), &decoded));
	assert_true(decoded.view.cuts[1].holder == peal_order_holder(1, 0));
	assert_true(decoded.view.cuts[1].until == 0);
	message.view.cuts[1].holder = 9;
	expect_refused();
	message.view.cuts[1].holder = peal_order_holder(PEAL_ORDER_TERM_MAX, 4);
	expect_refused();
	message.view.cuts[1].holder = 0;
	message.view.cuts[1].member = peal_order_holder(PEAL_ORDER_TERM_MAX, 4);
	expect_refused();
	message.view.cuts[1].member = 9;
	message.view.cuts[1].stable = 1;
	expect_refused();
	message.kind = PEAL_ORDER_VIEW_PLACE;
	(void)encode();
	message.view.cuts[2].member = 0;
	expect_refused();
}

static void
test_order_msg__a_rank_that_is_to_be_opened_is_the_last_of_a_view(void **state)
{
	(void)state;
	begin(PEAL_ORDER_VIEW_INSTALL, 3);
	message.view.has_value = true;
	message.view.active = 3;
	message.view.counted = 3;
	message.view.cuts[0].member = 8;
	message.view.cuts[1].member = 9;
	expect_refused();
	message.view.cuts[2].holder = peal_order_holder(1, 10);
	(void)encode();
	/* It has no lane, and nobody counts it. */
	message.view.cuts[2].last = 1;
	expect_refused();
	message.view.cuts[2].last = 0;
	message.view.counted = 7;
	expect_refused();
	message.view.counted = 3;
	/* And is told of, not decided. */
	message.kind = PEAL_ORDER_VIEW_PLACE;
	message.view.cuts[2].holder = 0;
	expect_refused();
	message.kind = PEAL_ORDER_VIEW_INSTALL;
	message.view.cuts[2].member = 10;
	message.view.cuts[1].member = 0;
	message.view.cuts[1].holder = peal_order_holder(1, 10);
	expect_refused();
	begin(PEAL_ORDER_VIEW_INSTALL, 1);
	message.view.has_value = true;
	message.view.active = 1;
	message.view.counted = 1;
	message.view.cuts[0].holder = peal_order_holder(1, 10);
	expect_refused();
}

static void
test_order_msg__other_kinds_are_refused(void **state)
{
	(void)state;
	begin(PEAL_ORDER_JOIN, 0);
	(void)peal_order_msg_encode(&message, bytes);
	assert_false(peal_order_msg_decode(0x5F, bytes, PEAL_ORDER_HEAD_SIZE, &decoded));
	assert_false(peal_order_msg_decode(0x70, bytes, PEAL_ORDER_HEAD_SIZE, &decoded));
	message.head.rank = PEAL_ORDER_RANKS_MAX;
	expect_refused();
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_order_msg__data_has_its_place_on_the_wire),
		cmocka_unit_test(test_order_msg__data_that_cannot_be_is_refused),
		cmocka_unit_test(test_order_msg__several_frames_share_a_body),
		cmocka_unit_test(test_order_msg__frames_of_a_body_that_cannot_be_are_refused),
		cmocka_unit_test(test_order_msg__all_kinds_have_one_size),
		cmocka_unit_test(test_order_msg__times_are_said_and_in_range),
		cmocka_unit_test(test_order_msg__what_a_kind_does_not_use_is_zero),
		cmocka_unit_test(test_order_msg__values_name_ranks_and_ends_that_can_be),
		cmocka_unit_test(test_order_msg__a_rank_that_is_to_be_opened_is_the_last_of_a_view),
		cmocka_unit_test(test_order_msg__other_kinds_are_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
