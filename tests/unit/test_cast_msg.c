/* SPDX-License-Identifier: BSD-3-Clause */
#include "wire/cast_msg.h"

#include "tests/lib/cmocka_all.h"
#include "tests/lib/refuse.h"

#include <string.h>

static uint8_t bytes[PEAL_BODY_SIZE_MAX + 1U];

static bool
decode_data(size_t size)
{
	struct peal_cast_msg message;

	return peal_cast_msg_decode(bytes, (uint32_t)size, &message);
}

static bool
decode_state(size_t size)
{
	struct peal_cast_state_msg message;

	return peal_cast_state_msg_decode(bytes, (uint32_t)size, &message);
}

static bool
decode_pull(size_t size)
{
	struct peal_cast_pull_msg message;

	return peal_cast_pull_msg_decode(bytes, (uint32_t)size, &message);
}

static bool
decode_flush(size_t size)
{
	struct peal_cast_flush_msg message;

	return peal_cast_flush_msg_decode(bytes, (uint32_t)size, &message);
}

static void
test_cast_msg__data_comes_back_unchanged(void **state)
{
	const struct peal_cast_msg message = {.epoch = 0x0102030405060708U,
		.seq = 0x1112131415161718U,
		.origin = 0x21222324U,
		.unstable = 0x0132U,
		.flags = PEAL_CAST_FLAG_FRAGMENT};
	const uint8_t expected[] = {8, 7, 6, 5, 4, 3, 2, 1, 0x18, 0x17, 0x16, 0x15, 0x14, 0x13,
		0x12, 0x11, 0x24, 0x23, 0x22, 0x21, 0x32, 0x01, 0x01, 0x00};
	const uint32_t part[2] = {9, 8};
	struct peal_cast_msg decoded;

	(void)state;
	peal_cast_msg_encode(&message, bytes);
	assert_memory_equal(bytes, expected, sizeof(expected));
	memcpy(bytes + PEAL_CAST_HEADER_SIZE, part, sizeof(part));
	assert_true(peal_cast_msg_decode(bytes, PEAL_CAST_HEADER_SIZE + 9U, &decoded));
	assert_true(decoded.epoch == message.epoch);
	assert_true(decoded.seq == message.seq);
	assert_int_equal(decoded.origin, message.origin);
	assert_int_equal(decoded.unstable, message.unstable);
	assert_int_equal(decoded.flags, message.flags);
}

static void
put_data(struct peal_cast_msg message)
{
	memset(bytes, 0, sizeof(bytes));
	peal_cast_msg_encode(&message, bytes);
}

static void
test_cast_msg__data_of_another_form_is_refused(void **state)
{
	const struct peal_cast_msg good = {.epoch = 1, .seq = 5, .origin = 3, .unstable = 5};

	(void)state;
	put_data(good);
	assert_false(decode_data(0));
	assert_false(decode_data(PEAL_CAST_HEADER_SIZE)); /* nothing in it */
	assert_false(decode_data(PEAL_CAST_HEADER_SIZE + 1U));
	assert_true(decode_data(PEAL_CAST_HEADER_SIZE + 2U));
	assert_true(decode_data(PEAL_CAST_HEADER_SIZE + 4U));
	bytes[PEAL_CAST_HEADER_SIZE] = 2;
	assert_false(decode_data(PEAL_CAST_HEADER_SIZE + 3U)); /* a record is cut */
	assert_true(decode_data(PEAL_CAST_HEADER_SIZE + 4U));
	assert_false(decode_data(PEAL_CAST_HEADER_SIZE + 5U)); /* half a size follows */
	bytes[PEAL_CAST_HEADER_SIZE - 1U] = 1;
	assert_false(decode_data(PEAL_CAST_HEADER_SIZE + 4U));
	bytes[PEAL_CAST_HEADER_SIZE - 1U] = 0;
	bytes[PEAL_CAST_FLAGS_OFFSET] = 4;
	assert_false(decode_data(PEAL_CAST_HEADER_SIZE + 4U));
	bytes[PEAL_CAST_FLAGS_OFFSET] = 0;
	bytes[8] = 4; /* more is unstable than was ever cast */
	assert_false(decode_data(PEAL_CAST_HEADER_SIZE + 4U));
	bytes[8] = 5;
	assert_true(decode_data(PEAL_CAST_HEADER_SIZE + 4U));
	bytes[0] = 0; /* no epoch */
	assert_false(decode_data(PEAL_CAST_HEADER_SIZE + 4U));
	put_data(good);
	memset(bytes + 8, 0xff, 8); /* numbers end before they wrap */
	assert_false(decode_data(PEAL_CAST_HEADER_SIZE + 4U));
}

static bool
decode_part(uint32_t message_size, uint32_t offset, uint32_t size)
{
	put_data((struct peal_cast_msg){.epoch = 1, .flags = PEAL_CAST_FLAG_FRAGMENT});
	memcpy(bytes + PEAL_CAST_HEADER_SIZE, &message_size, 4);
	memcpy(bytes + PEAL_CAST_HEADER_SIZE + 4U, &offset, 4);
	return decode_data(PEAL_CAST_HEADER_SIZE + PEAL_CAST_FRAGMENT_SIZE + size);
}

static void
test_cast_msg__parts_lie_inside_their_message(void **state)
{
	(void)state;
	assert_true(decode_part(10, 0, 10));
	assert_true(decode_part(10, 9, 1));
	assert_false(decode_part(10, 9, 2));
	assert_false(decode_part(10, 10, 1));
	assert_false(decode_part(10, 11, 1));
	assert_false(decode_part(10, 0, 0));
	assert_false(decode_part(0, 0, 1));
	assert_true(decode_part(PEAL_MESSAGE_SIZE_MAX, 0, 1));
	assert_false(decode_part(PEAL_MESSAGE_SIZE_MAX + 1U, 0, 1));
	assert_false(decode_part(UINT32_MAX, UINT32_MAX - 1U, 1));
}

static struct peal_cast_state_msg
full_state(uint32_t rows_count)
{
	struct peal_cast_state_msg message = {.epoch = 77, .rows_count = rows_count};

	for (uint32_t i = 0; i < rows_count; i++) {
		uint64_t stable = (UINT64_C(1) << 40) + i;

		message.rows[i] = (struct peal_cast_row){.origin = i + 1U,
			.is_asking = i % 2U != 0,
			.stable = stable,
			.low = stable + 1U,
			.have = stable + 2U,
			.head = stable + PEAL_CAST_WINDOW_MAX,
			.is_slow = i % 5U == 0,
			.is_lane = i % 3U == 0,
			.lane = i % 3U == 0 ? (uint8_t)i : 0};
	}
	return message;
}

static void
test_cast_msg__rows_come_back_unchanged(void **state)
{
	const struct peal_cast_state_msg message = full_state(PEAL_CAST_ROWS_MAX);
	uint16_t size = peal_cast_state_msg_encode(&message, bytes);
	struct peal_cast_state_msg decoded;

	(void)state;
	assert_true(size <= PEAL_BODY_SIZE_MAX);
	assert_true(peal_cast_state_msg_decode(bytes, size, &decoded));
	assert_true(decoded.epoch == 77);
	assert_int_equal(decoded.rows_count, PEAL_CAST_ROWS_MAX);
	for (uint32_t i = 0; i < PEAL_CAST_ROWS_MAX; i++) {
		assert_int_equal(decoded.rows[i].origin, message.rows[i].origin);
		assert_int_equal(decoded.rows[i].lane, message.rows[i].lane);
		assert_int_equal(decoded.rows[i].is_lane, message.rows[i].is_lane);
		assert_int_equal(decoded.rows[i].is_slow, message.rows[i].is_slow);
		assert_int_equal(decoded.rows[i].is_asking, i % 2U != 0);
		assert_true(decoded.rows[i].stable == message.rows[i].stable);
		assert_true(decoded.rows[i].low == message.rows[i].low);
		assert_true(decoded.rows[i].have == message.rows[i].have);
		assert_true(decoded.rows[i].head == message.rows[i].head);
	}
}

static void
test_cast_msg__rows_of_another_form_are_refused(void **state)
{
	const struct peal_cast_state_msg message = full_state(2);
	uint16_t size = peal_cast_state_msg_encode(&message, bytes);
	uint8_t *counts = bytes + PEAL_CAST_LIST_SIZE + 12U; /* low 1, have 2, head the most */

	(void)state;
	peal_refuse_other_sizes(bytes, decode_state, size);
	peal_refuse_padding(bytes, decode_state, size, 10, 6);
	peal_refuse_padding(
		bytes, decode_state, size, PEAL_CAST_LIST_SIZE + PEAL_CAST_ROW_SIZE + 19U, 1);
	counts[6] = 8;
	assert_false(decode_state(size));
	counts[6] = 0;
	counts[0] = 3; /* low above have */
	assert_false(decode_state(size));
	counts[0] = 1;
	counts[4]++; /* head beyond every ring */
	assert_false(decode_state(size));
	counts[4] = 1;
	counts[5] = 0; /* have above head */
	assert_false(decode_state(size));
	bytes[8] = 0; /* no rows */
	assert_false(decode_state(PEAL_CAST_LIST_SIZE));
	bytes[0] = 0;
	assert_false(decode_state(size));
}

static void
test_cast_msg__pulls_come_back_unchanged(void **state)
{
	const struct peal_cast_pull_msg message = {.epoch = 0x0102030405060708U,
		.from = 0x1112131415161718U,
		.missing = 0x8000000000000001U,
		.origin = 0x21222324U};
	struct peal_cast_pull_msg decoded;

	(void)state;
	peal_cast_pull_msg_encode(&message, bytes);
	assert_true(peal_cast_pull_msg_decode(bytes, PEAL_CAST_PULL_SIZE, &decoded));
	assert_true(decoded.epoch == message.epoch);
	assert_true(decoded.from == message.from);
	assert_true(decoded.missing == message.missing);
	assert_int_equal(decoded.origin, message.origin);
	peal_refuse_other_sizes(bytes, decode_pull, PEAL_CAST_PULL_SIZE);
	peal_refuse_padding(bytes, decode_pull, PEAL_CAST_PULL_SIZE, 28, 4);
	bytes[16] = 2; /* the first is not wanted */
	assert_false(decode_pull(PEAL_CAST_PULL_SIZE));
	bytes[16] = 1;
	memset(bytes + 8, 0xff, 8);
	assert_false(decode_pull(PEAL_CAST_PULL_SIZE));
	memset(bytes, 0, 16);
	assert_false(decode_pull(PEAL_CAST_PULL_SIZE));
}

static bool
decode_lane(size_t size)
{
	struct peal_cast_lane_msg message;

	return peal_cast_lane_msg_decode(bytes, (uint32_t)size, &message);
}

static void
test_cast_msg__lanes_are_named_beside_the_origin(void **state)
{
	const struct peal_cast_msg message = {
		.epoch = 1, .origin = 5, .flags = PEAL_CAST_FLAG_LANE, .lane = 63};
	struct peal_cast_state_msg rows = {
		.epoch = 1, .rows_count = 1, .rows = {{.origin = 5, .is_lane = true, .lane = 9}}};
	struct peal_cast_msg decoded;
	uint16_t size;

	(void)state;
	put_data(message);
	assert_int_equal(bytes[22], 2);
	assert_int_equal(bytes[23], 63);
	assert_true(peal_cast_msg_decode(bytes, PEAL_CAST_HEADER_SIZE + 2U, &decoded));
	assert_int_equal(decoded.lane, 63);
	assert_int_equal(decoded.flags, PEAL_CAST_FLAG_LANE);
	bytes[23] = 64;
	assert_false(decode_data(PEAL_CAST_HEADER_SIZE + 2U));
	bytes[22] = 0;
	bytes[23] = 1;
	assert_false(decode_data(PEAL_CAST_HEADER_SIZE + 2U));
	assert_true(peal_cast_name(5, false, 0) == 5);
	assert_true(peal_cast_name(5, true, 9) == PEAL_CAST_LANE_NAME(9));
	size = peal_cast_state_msg_encode(&rows, bytes);
	assert_true(peal_cast_state_msg_decode(bytes, size, &rows));
	assert_int_equal(rows.rows[0].lane, 9);
	assert_true(rows.rows[0].is_lane);
	assert_false(rows.rows[0].is_asking);
	bytes[PEAL_CAST_LIST_SIZE + 19U] = 64;
	assert_false(decode_state(size));
	bytes[PEAL_CAST_LIST_SIZE + 18U] = 1;
	assert_false(decode_state(size));
	bytes[PEAL_CAST_LIST_SIZE + 19U] = 0;
	assert_true(decode_state(size));
	bytes[PEAL_CAST_LIST_SIZE + 18U] = 8;
	assert_false(decode_state(size));
}

static void
test_cast_msg__talk_of_lanes_comes_back_unchanged(void **state)
{
	const struct peal_cast_lane_msg message = {.epoch = 0x0102030405060708U,
		.seq = 0x1112131415161718U,
		.origin = 0x21222324U,
		.request = 0x31323334U,
		.what = PEAL_CAST_LANE_RECALL,
		.lane = 63,
		.tree = 1};
	const uint8_t expected[PEAL_CAST_LANE_SIZE] = {8, 7, 6, 5, 4, 3, 2, 1, 0x18, 0x17, 0x16,
		0x15, 0x14, 0x13, 0x12, 0x11, 0x24, 0x23, 0x22, 0x21, 0x34, 0x33, 0x32, 0x31, 5, 63,
		1};
	struct peal_cast_lane_msg decoded;

	(void)state;
	peal_cast_lane_msg_encode(&message, bytes);
	assert_memory_equal(bytes, expected, sizeof(expected));
	assert_true(peal_cast_lane_msg_decode(bytes, PEAL_CAST_LANE_SIZE, &decoded));
	assert_true(decoded.epoch == message.epoch);
	assert_true(decoded.seq == message.seq);
	assert_int_equal(decoded.origin, message.origin);
	assert_int_equal(decoded.request, message.request);
	assert_int_equal(decoded.what, message.what);
	assert_int_equal(decoded.lane, message.lane);
	assert_int_equal(decoded.tree, message.tree);
	peal_refuse_other_sizes(bytes, decode_lane, PEAL_CAST_LANE_SIZE);
	peal_refuse_padding(bytes, decode_lane, PEAL_CAST_LANE_SIZE, 27, 5);
	for (uint32_t what = 0; what < 256U; what++) {
		bytes[24] = (uint8_t)what;
		assert_int_equal(decode_lane(PEAL_CAST_LANE_SIZE), what >= 1U && what <= 5U);
	}
	bytes[24] = 1;
	bytes[25] = 64;
	assert_false(decode_lane(PEAL_CAST_LANE_SIZE));
	bytes[25] = 0;
	bytes[26] = 2;
	assert_false(decode_lane(PEAL_CAST_LANE_SIZE));
	bytes[26] = 0;
	assert_true(decode_lane(PEAL_CAST_LANE_SIZE));
	memset(bytes + 20, 0, 4);
	assert_false(decode_lane(PEAL_CAST_LANE_SIZE));
	bytes[20] = 1;
	memset(bytes + 8, 0xff, 8);
	assert_false(decode_lane(PEAL_CAST_LANE_SIZE));
	memset(bytes, 0, 16);
	assert_false(decode_lane(PEAL_CAST_LANE_SIZE));
}

static void
test_cast_msg__vectors_come_back_unchanged(void **state)
{
	struct peal_cast_flush_msg message = {.epoch = 9,
		.flags = PEAL_CAST_FLAG_DONE | PEAL_CAST_FLAG_ASK,
		.rows_count = PEAL_DIRECT_MAX};
	struct peal_cast_flush_msg decoded;
	uint16_t size;

	(void)state;
	for (uint32_t i = 0; i < PEAL_DIRECT_MAX; i++) {
		message.rows[i] = (struct peal_cast_flush_row){i + 1U, UINT64_C(1) << i % 60U};
	}
	size = peal_cast_flush_msg_encode(&message, bytes);
	assert_true(peal_cast_flush_msg_decode(bytes, size, &decoded));
	assert_true(decoded.epoch == 9);
	assert_int_equal(decoded.flags, message.flags);
	assert_int_equal(decoded.rows_count, PEAL_DIRECT_MAX);
	for (uint32_t i = 0; i < PEAL_DIRECT_MAX; i++) {
		assert_int_equal(decoded.rows[i].origin, i + 1U);
		assert_true(decoded.rows[i].have == message.rows[i].have);
	}
	peal_refuse_other_sizes(bytes, decode_flush, size);
	peal_refuse_padding(bytes, decode_flush, size, 11, 5);
	bytes[10] = PEAL_CAST_FLAG_WHOLE;
	assert_true(decode_flush(size));
	bytes[10] = 8;
	assert_false(decode_flush(size));
	bytes[10] = 0;
	memset(bytes + PEAL_CAST_LIST_SIZE + 4U, 0xff, 8);
	assert_false(decode_flush(size));
	bytes[8] = PEAL_DIRECT_MAX + 1U;
	assert_false(decode_flush(size + PEAL_CAST_FLUSH_ROW_SIZE));
}

static void
test_cast_msg__who_has_no_streams_sends_no_rows(void **state)
{
	const struct peal_cast_flush_msg message = {.rows_count = 0};
	uint16_t size = peal_cast_flush_msg_encode(&message, bytes);

	(void)state;
	assert_true(decode_flush(size));
	bytes[8] = 1;
	memset(bytes + size, 0, PEAL_CAST_FLUSH_ROW_SIZE);
	assert_false(decode_flush(size + PEAL_CAST_FLUSH_ROW_SIZE));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_cast_msg__data_comes_back_unchanged),
		cmocka_unit_test(test_cast_msg__data_of_another_form_is_refused),
		cmocka_unit_test(test_cast_msg__parts_lie_inside_their_message),
		cmocka_unit_test(test_cast_msg__rows_come_back_unchanged),
		cmocka_unit_test(test_cast_msg__rows_of_another_form_are_refused),
		cmocka_unit_test(test_cast_msg__pulls_come_back_unchanged),
		cmocka_unit_test(test_cast_msg__lanes_are_named_beside_the_origin),
		cmocka_unit_test(test_cast_msg__talk_of_lanes_comes_back_unchanged),
		cmocka_unit_test(test_cast_msg__vectors_come_back_unchanged),
		cmocka_unit_test(test_cast_msg__who_has_no_streams_sends_no_rows),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
