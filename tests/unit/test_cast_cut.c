/* SPDX-License-Identifier: BSD-3-Clause */
#include "dataplane/cast_cut.h"

#include "tests/lib/cmocka_all.h"

#include <string.h>

#define CAPACITY 8192U

static struct peal_cast_cut cut;
static _Alignas(8) uint8_t ring[CAPACITY];
static uint8_t body[PEAL_BODY_SIZE_MAX];
static uint8_t flags;
static uint64_t released_count;

static void
release(void *state, uint64_t token)
{
	(void)state;
	assert_true(token == released_count);
	released_count++;
}

static const struct peal_sendqueue_lender lender = {release, NULL};

static int
begin(void **state)
{
	(void)state;
	peal_cast_cut_init(&cut, ring, CAPACITY);
	released_count = 0;
	return 0;
}

static uint16_t
cut_next(uint64_t seq)
{
	return peal_cast_cut_frame(&cut, seq, body, &flags, &lender);
}

static void
test_cast_cut__small_messages_share_a_frame(void **state)
{
	const uint8_t expected[] = {2, 0, 'a', 'b', 0, 0, 1, 0, 'c'};

	(void)state;
	assert_true(peal_cast_cut_is_empty(&cut));
	assert_true(peal_sendqueue_copy(&cut.queue, (const uint8_t *)"ab", 2));
	assert_true(peal_sendqueue_copy(&cut.queue, NULL, 0));
	assert_true(peal_sendqueue_copy(&cut.queue, (const uint8_t *)"c", 1));
	assert_int_equal(cut_next(0), PEAL_CAST_HEADER_SIZE + sizeof(expected));
	assert_memory_equal(body + PEAL_CAST_HEADER_SIZE, expected, sizeof(expected));
	assert_int_equal(flags, 0);
	assert_true(peal_cast_cut_is_empty(&cut));
	assert_true(cut.doubtful_count == 3);
}

static void
test_cast_cut__a_frame_is_filled_to_the_last_byte(void **state)
{
	static const uint8_t bytes[PEAL_BODY_SIZE_MAX];
	uint32_t largest = PEAL_CAST_DATA_SIZE_MAX - PEAL_CAST_RECORD_SIZE;

	(void)state;
	assert_true(peal_sendqueue_copy(&cut.queue, bytes, largest));
	assert_true(peal_sendqueue_copy(&cut.queue, bytes, largest - 7U));
	assert_true(peal_sendqueue_copy(&cut.queue, bytes, 5));
	assert_true(peal_sendqueue_copy(&cut.queue, bytes, 1));
	assert_int_equal(cut_next(0), PEAL_BODY_SIZE_MAX);
	assert_int_equal(flags, 0);
	assert_int_equal(cut_next(1), PEAL_BODY_SIZE_MAX); /* two records */
	assert_int_equal(cut_next(2), PEAL_CAST_HEADER_SIZE + 3U);
	assert_true(peal_cast_cut_is_empty(&cut));
}

static void
test_cast_cut__parts_stand_alone(void **state)
{
	enum { SIZE = 3000 };

	static uint8_t large[SIZE];
	uint32_t part = PEAL_CAST_DATA_SIZE_MAX - PEAL_CAST_FRAGMENT_SIZE;
	uint32_t head[2];

	(void)state;
	memset(large, 7, sizeof(large));
	assert_true(peal_sendqueue_copy(&cut.queue, (const uint8_t *)"x", 1));
	assert_true(peal_sendqueue_lend(&cut.queue, large, SIZE, 0));
	assert_true(peal_sendqueue_copy(&cut.queue, (const uint8_t *)"y", 1));
	assert_int_equal(cut_next(0), PEAL_CAST_HEADER_SIZE + 3U);
	for (uint32_t offset = 0; offset < SIZE; offset += part) {
		uint32_t size = SIZE - offset < part ? SIZE - offset : part;

		assert_int_equal(released_count, 0);
		assert_int_equal(
			cut_next(1), PEAL_CAST_HEADER_SIZE + PEAL_CAST_FRAGMENT_SIZE + size);
		assert_int_equal(flags, PEAL_CAST_FLAG_FRAGMENT);
		memcpy(head, body + PEAL_CAST_HEADER_SIZE, sizeof(head));
		assert_int_equal(head[0], SIZE);
		assert_int_equal(head[1], offset);
	}
	assert_int_equal(released_count, 1);
	assert_int_equal(cut_next(4), PEAL_CAST_HEADER_SIZE + 3U);
	assert_int_equal(flags, 0);
}

static void
test_cast_cut__a_view_begins_a_large_message_again(void **state)
{
	static const uint8_t large[3000];
	uint32_t offset;

	(void)state;
	assert_true(peal_sendqueue_copy(&cut.queue, (const uint8_t *)"x", 1));
	assert_true(peal_sendqueue_copy(&cut.queue, large, sizeof(large)));
	(void)cut_next(0);
	(void)cut_next(1);
	peal_cast_cut_restart(&cut);
	assert_true(cut.doubtful_count == 0); /* x was agreed on */
	(void)cut_next(0);
	memcpy(&offset, body + PEAL_CAST_HEADER_SIZE + 4U, sizeof(offset));
	assert_int_equal(offset, 0);
}

static void
test_cast_cut__doubt_ends_with_stability(void **state)
{
	(void)state;
	for (uint64_t seq = 0; seq < 3; seq++) {
		assert_true(peal_sendqueue_copy(&cut.queue, (const uint8_t *)"x", 1));
		(void)cut_next(seq);
	}
	peal_cast_cut_settle(&cut, 2);
	assert_true(cut.doubtful_count == 1);
	assert_true(peal_sendqueue_copy(&cut.queue, (const uint8_t *)"y", 1));
	assert_true(peal_sendqueue_lend(&cut.queue, body, 5, 0));
	/* One in a frame, two in the queue; what was lent comes back. */
	assert_true(peal_cast_cut_abandon(&cut, &lender) == 3);
	assert_int_equal(released_count, 1);
	assert_true(peal_cast_cut_is_empty(&cut));
	assert_true(peal_cast_cut_abandon(&cut, &lender) == 0);
}

static void
test_cast_cut__latest_values_overwrite_and_are_never_queued(void **state)
{
	const uint8_t expected[] = {1, 0, 'b', 2, 0, 'x', 'y', 1, 0, 'q'};

	(void)state;
	assert_false(peal_cast_cut_set(&cut, 2, (const uint8_t *)"a", 1));
	assert_true(peal_sendqueue_copy(&cut.queue, (const uint8_t *)"q", 1));
	assert_true(peal_cast_cut_set(&cut, 2, (const uint8_t *)"b", 1));
	assert_false(peal_cast_cut_set(&cut, 5, (const uint8_t *)"xy", 2));
	assert_int_equal(cut_next(0), PEAL_CAST_HEADER_SIZE + sizeof(expected));
	assert_memory_equal(body + PEAL_CAST_HEADER_SIZE, expected, sizeof(expected));
	assert_true(peal_cast_cut_is_empty(&cut));
	assert_true(cut.doubtful_count == 3);
	/* What left is not overwritten. In the next view both are said again. */
	assert_false(peal_cast_cut_set(&cut, 2, (const uint8_t *)"c", 1));
	peal_cast_cut_restart(&cut);
	assert_int_equal(cut_next(0), PEAL_CAST_HEADER_SIZE + 3U + 4U);
	assert_true(peal_cast_cut_set(&cut, 2, NULL, 0) == false);
	assert_true(peal_cast_cut_abandon(&cut, &lender) == 3);
	peal_cast_cut_restart(&cut);
	assert_true(peal_cast_cut_is_empty(&cut));
}

static void
test_cast_cut__values_wait_for_the_end_of_a_large_message(void **state)
{
	static const uint8_t large[3000];
	static const uint8_t value[PEAL_CAST_VALUE_SIZE_MAX];

	(void)state;
	assert_true(peal_sendqueue_copy(&cut.queue, large, sizeof(large)));
	(void)cut_next(0);
	assert_false(peal_cast_cut_set(&cut, 0, value, sizeof(value)));
	assert_false(peal_cast_cut_set(&cut, 15, value, sizeof(value)));
	(void)cut_next(1);
	assert_int_equal(flags, PEAL_CAST_FLAG_FRAGMENT);
	(void)cut_next(2);
	assert_int_equal(flags, PEAL_CAST_FLAG_FRAGMENT);
	assert_int_equal(cut_next(3), PEAL_CAST_HEADER_SIZE + 2U + PEAL_CAST_VALUE_SIZE_MAX);
	assert_int_equal(cut_next(4), PEAL_CAST_HEADER_SIZE + 2U + PEAL_CAST_VALUE_SIZE_MAX);
	assert_true(peal_cast_cut_is_empty(&cut));
}

static void
test_cast_cut__goes_on_where_a_lane_is(void **state)
{
	(void)state;
	assert_true(peal_sendqueue_copy(&cut.queue, (const uint8_t *)"a", 1));
	(void)cut_next(0);
	peal_cast_cut_settle(&cut, 1);
	assert_true(cut.doubtful_count == 0);
	peal_cast_cut_begin_at(&cut, 5000);
	assert_true(peal_sendqueue_copy(&cut.queue, (const uint8_t *)"b", 1));
	(void)cut_next(5000);
	peal_cast_cut_settle(&cut, 5000);
	assert_true(cut.doubtful_count == 1);
	peal_cast_cut_settle(&cut, 5001);
	assert_true(cut.doubtful_count == 0);
}

static void
test_cast_cut__drops_what_is_in_no_frame(void **state)
{
	static uint8_t large[3000];
	uint64_t count;

	(void)state;
	assert_true(peal_sendqueue_copy(&cut.queue, large, sizeof(large)));
	assert_true(peal_sendqueue_copy(&cut.queue, (const uint8_t *)"a", 1));
	assert_true(peal_sendqueue_lend(&cut.queue, large, 7, 0));
	(void)cut_next(0); /* a part of the first */
	assert_true(cut.offset > 0);
	count = peal_cast_cut_drop(&cut, CAPACITY, &lender);
	assert_int_equal(count, 2);
	assert_int_equal(released_count, 1);
	while (!peal_cast_cut_is_empty(&cut)) {
		(void)cut_next(1);
	}
	assert_true(cut.queue.accepted_count == 3 && cut.queue.released_count == 3);
	assert_int_equal(peal_cast_cut_drop(&cut, CAPACITY, &lender), 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(test_cast_cut__small_messages_share_a_frame, begin),
		cmocka_unit_test_setup(test_cast_cut__a_frame_is_filled_to_the_last_byte, begin),
		cmocka_unit_test_setup(test_cast_cut__parts_stand_alone, begin),
		cmocka_unit_test_setup(test_cast_cut__a_view_begins_a_large_message_again, begin),
		cmocka_unit_test_setup(test_cast_cut__doubt_ends_with_stability, begin),
		cmocka_unit_test_setup(test_cast_cut__goes_on_where_a_lane_is, begin),
		cmocka_unit_test_setup(test_cast_cut__drops_what_is_in_no_frame, begin),
		cmocka_unit_test_setup(
			test_cast_cut__latest_values_overwrite_and_are_never_queued, begin),
		cmocka_unit_test_setup(
			test_cast_cut__values_wait_for_the_end_of_a_large_message, begin),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
