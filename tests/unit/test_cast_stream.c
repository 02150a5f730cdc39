/* SPDX-License-Identifier: BSD-3-Clause */
#include "dataplane/cast_stream.h"

#include "tests/lib/cmocka_all.h"

#define WINDOW 8U

static struct peal_cast_stream stream;
static uint8_t frames[WINDOW * PEAL_BODY_SIZE_MAX];
static char text[256];
static uint32_t text_size;

static void
deliver(void *state, const struct peal_delivery *delivery)
{
	(void)state;
	memcpy(text + text_size, delivery->bytes, delivery->size);
	text_size += delivery->size;
	text[text_size] = '\0';
}

static const struct peal_channel_sink sink = {deliver, NULL};

static int
begin(void **state)
{
	(void)state;
	peal_cast_stream_init(&stream, 3, frames, WINDOW);
	text_size = 0;
	text[0] = '\0';
	return 0;
}

/* A frame with one record of one letter. */
static enum peal_cast_put
put(uint64_t seq, uint16_t unstable, char letter)
{
	const struct peal_cast_msg message = {
		.epoch = 1, .seq = seq, .origin = 3, .unstable = unstable};
	uint8_t body[PEAL_CAST_HEADER_SIZE + 3U] = {0};

	peal_cast_msg_encode(&message, body);
	body[PEAL_CAST_HEADER_SIZE] = 1;
	body[PEAL_CAST_HEADER_SIZE + 2U] = (uint8_t)letter;
	return peal_cast_stream_put(&stream, &message, body, sizeof(body));
}

/* A frame with a part of a message of `message_size`. */
static enum peal_cast_put
put_part(uint64_t seq, uint32_t message_size, uint32_t offset, char letter)
{
	const struct peal_cast_msg message = {.epoch = 1,
		.seq = seq,
		.origin = 3,
		.unstable = (uint16_t)seq,
		.flags = PEAL_CAST_FLAG_FRAGMENT};
	uint8_t body[PEAL_CAST_HEADER_SIZE + PEAL_CAST_FRAGMENT_SIZE + 1U] = {0};

	peal_cast_msg_encode(&message, body);
	memcpy(body + PEAL_CAST_HEADER_SIZE, &message_size, 4);
	memcpy(body + PEAL_CAST_HEADER_SIZE + 4, &offset, 4);
	body[PEAL_CAST_HEADER_SIZE + 8U] = (uint8_t)letter;
	return peal_cast_stream_put(&stream, &message, body, sizeof(body));
}

static void
deliver_all(void)
{
	while (peal_cast_stream_deliver(&stream, &sink) != PEAL_CAST_NOTHING) {
	}
}

static void
test_cast_stream__delivers_in_order_and_once(void **state)
{
	(void)state;
	assert_int_equal(put(1, 1, 'b'), PEAL_CAST_PUT_FRESH);
	deliver_all();
	assert_string_equal(text, "");
	assert_true(stream.head == 2);
	assert_true(peal_cast_stream_missing(&stream, 0, 2) == 1U);
	assert_int_equal(put(1, 1, 'b'), PEAL_CAST_PUT_DUPLICATE);
	assert_int_equal(put(0, 0, 'a'), PEAL_CAST_PUT_FRESH);
	deliver_all();
	assert_string_equal(text, "ab");
	assert_int_equal(put(0, 0, 'a'), PEAL_CAST_PUT_DUPLICATE);
	deliver_all();
	assert_string_equal(text, "ab");
	assert_true(stream.have == 2);
}

static void
test_cast_stream__keeps_what_is_not_stable(void **state)
{
	uint16_t size = 0;

	(void)state;
	for (uint64_t seq = 0; seq < WINDOW; seq++) {
		assert_int_equal(put(seq, (uint16_t)seq, 'x'), PEAL_CAST_PUT_FRESH);
	}
	assert_int_equal(put(WINDOW, WINDOW, 'x'), PEAL_CAST_PUT_BEYOND);
	deliver_all();
	assert_non_null(peal_cast_stream_find(&stream, 0, &size));
	assert_int_equal(size, PEAL_CAST_HEADER_SIZE + 3U);
	peal_cast_stream_settle(&stream, 3);
	peal_cast_stream_settle(&stream, 2);
	assert_true(stream.stable == 3);
	assert_null(peal_cast_stream_find(&stream, 2, &size));
	assert_non_null(peal_cast_stream_find(&stream, 3, &size));
	assert_null(peal_cast_stream_find(&stream, WINDOW, &size));
	/* Room for three more, and a frame may say itself that there is. */
	assert_int_equal(put(WINDOW + 2U, 7, 'x'), PEAL_CAST_PUT_FRESH);
	assert_int_equal(put(WINDOW + 3U, 8, 'x'), PEAL_CAST_PUT_BEYOND);
	assert_int_equal(put(WINDOW + 3U, 7, 'x'), PEAL_CAST_PUT_FRESH);
	assert_true(stream.stable == 4);
}

static void
test_cast_stream__who_says_that_all_have_what_is_missing_lies(void **state)
{
	(void)state;
	assert_int_equal(put(2, 1, 'x'), PEAL_CAST_PUT_LIE);
	assert_true(stream.stable == 0);
	assert_true(stream.head == 0);
}

static void
test_cast_stream__asks_for_what_lies_outside_its_ring_too(void **state)
{
	(void)state;
	for (uint64_t seq = 0; seq < WINDOW; seq++) {
		(void)put(seq, (uint16_t)seq, 'x');
	}
	deliver_all();
	/* Others settled what this member does not know to be stable. */
	assert_true(peal_cast_stream_missing(&stream, WINDOW, WINDOW + 2U) == 3U);
	assert_true(peal_cast_stream_missing(&stream, WINDOW, WINDOW) == 0);
}

static void
test_cast_stream__parts_follow_each_other(void **state)
{
	(void)state;
	(void)put_part(0, 2, 0, 'a');
	(void)put_part(1, 2, 1, 'b');
	(void)put_part(2, 3, 0, 'c');
	(void)put_part(3, 3, 2, 'X'); /* one is left out */
	(void)put_part(4, 2, 1, 'X'); /* in the middle of nothing */
	(void)put(5, 5, 'd');
	assert_int_equal(peal_cast_stream_deliver(&stream, &sink), PEAL_CAST_DELIVERED);
	assert_int_equal(peal_cast_stream_deliver(&stream, &sink), PEAL_CAST_DELIVERED);
	assert_int_equal(peal_cast_stream_deliver(&stream, &sink), PEAL_CAST_DELIVERED);
	assert_int_equal(peal_cast_stream_deliver(&stream, &sink), PEAL_CAST_SKIPPED);
	assert_int_equal(peal_cast_stream_deliver(&stream, &sink), PEAL_CAST_SKIPPED);
	assert_int_equal(peal_cast_stream_deliver(&stream, &sink), PEAL_CAST_DELIVERED);
	assert_string_equal(text, "abcd");
	/* A part of another message, or a record, in the middle of one. */
	(void)put_part(6, 2, 0, 'e');
	(void)put_part(7, 3, 1, 'X');
	assert_int_equal(peal_cast_stream_deliver(&stream, &sink), PEAL_CAST_DELIVERED);
	assert_int_equal(peal_cast_stream_deliver(&stream, &sink), PEAL_CAST_SKIPPED);
	peal_cast_stream_settle(&stream, 8);
	(void)put_part(8, 2, 0, 'f');
	(void)put(9, 1, 'X');
	assert_int_equal(peal_cast_stream_deliver(&stream, &sink), PEAL_CAST_DELIVERED);
	assert_int_equal(peal_cast_stream_deliver(&stream, &sink), PEAL_CAST_SKIPPED);
	assert_string_equal(text, "abcdef");
}

static void
test_cast_stream__origin_writes_in_place_until_the_ring_is_full(void **state)
{
	(void)state;
	for (uint32_t i = 0; i < WINDOW; i++) {
		const struct peal_cast_msg message = {.epoch = 1, .seq = i, .origin = 3};
		uint8_t *body = peal_cast_stream_begin(&stream);

		assert_non_null(body);
		memset(body, 0, PEAL_CAST_HEADER_SIZE + 2U);
		peal_cast_msg_encode(&message, body);
		peal_cast_stream_end(&stream, PEAL_CAST_HEADER_SIZE + 2U);
		assert_int_equal(peal_cast_stream_deliver(&stream, &sink), PEAL_CAST_DELIVERED);
	}
	assert_null(peal_cast_stream_begin(&stream));
	peal_cast_stream_settle(&stream, 1);
	assert_non_null(peal_cast_stream_begin(&stream));
}

static void
test_cast_stream__rings_share_the_frames(void **state)
{
	(void)state;
	assert_int_equal(peal_cast_window(1), PEAL_CAST_WINDOW_MAX);
	for (uint32_t count = 1; count <= PEAL_DIRECT_MAX; count++) {
		uint32_t window = peal_cast_window(count);

		assert_true(window * count <= PEAL_CAST_FRAMES_MAX);
		assert_true(window >= 64U);
		assert_int_equal(window & (window - 1U), 0);
	}
}

static void
test_cast_stream__a_lane_passes_when_all_have_all(void **state)
{
	(void)state;
	assert_false(peal_cast_stream_is_lane(&stream));
	assert_int_equal(stream.origin, 3);
	peal_cast_stream_init(&stream, PEAL_CAST_LANE_NAME(5), frames, WINDOW);
	assert_true(peal_cast_stream_is_lane(&stream));
	assert_int_equal(stream.origin, 0);
	assert_false(peal_cast_stream_pass(&stream, 3, 1, 2)); /* all have what is not here */
	assert_false(peal_cast_stream_pass(&stream, 3, 0, 0)); /* nothing was said in it */
	assert_true(peal_cast_stream_pass(&stream, 3, 0, 1));
	assert_int_equal(stream.origin, 3);
	assert_int_equal(put(0, 0, 'a'), PEAL_CAST_PUT_FRESH);
	assert_int_equal(put(1, 1, 'b'), PEAL_CAST_PUT_FRESH);
	assert_false(peal_cast_stream_pass(&stream, 4, 1, 3)); /* not all have all of it */
	assert_false(peal_cast_stream_pass(&stream, 4, 2, 3)); /* neither has this one */
	while (peal_cast_stream_deliver(&stream, &sink) == PEAL_CAST_DELIVERED) {
	}
	assert_false(peal_cast_stream_pass(&stream, 4, 1, 3));
	assert_false(peal_cast_stream_pass(&stream, 4, 2, 2)); /* late, or says nothing */
	assert_int_equal(stream.origin, 3);
	stream.message_offset = 7; /* the last one broke off: that cannot be any more */
	assert_true(peal_cast_stream_pass(&stream, 4, 2, 3));
	assert_int_equal(stream.origin, 4);
	assert_int_equal(stream.message_offset, 0);
	assert_true(stream.stable == 2 && stream.have == 2 && stream.head == 2);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(test_cast_stream__delivers_in_order_and_once, begin),
		cmocka_unit_test_setup(test_cast_stream__keeps_what_is_not_stable, begin),
		cmocka_unit_test_setup(
			test_cast_stream__who_says_that_all_have_what_is_missing_lies, begin),
		cmocka_unit_test_setup(
			test_cast_stream__asks_for_what_lies_outside_its_ring_too, begin),
		cmocka_unit_test_setup(test_cast_stream__parts_follow_each_other, begin),
		cmocka_unit_test_setup(
			test_cast_stream__origin_writes_in_place_until_the_ring_is_full, begin),
		cmocka_unit_test_setup(test_cast_stream__rings_share_the_frames, begin),
		cmocka_unit_test_setup(test_cast_stream__a_lane_passes_when_all_have_all, begin),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
