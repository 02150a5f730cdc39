/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The agreement of a large view at one member with three links.
 */
#include "dataplane/cast_flush.h"

#include "tests/lib/cmocka_all.h"

#define LINKS UINT64_C(0x7)
#define NAME  PEAL_CAST_LANE_NAME(0)

static struct peal_cast_flush flush;
static struct peal_cast_stream streams[2];
static uint8_t frames[2][8 * PEAL_BODY_SIZE_MAX];
static struct peal_cast_flush_msg sum;

static int
begin(void **state)
{
	(void)state;
	for (uint32_t i = 0; i < 2; i++) {
		peal_cast_stream_init(&streams[i], NAME + i, frames[i], 8);
		streams[i].have = streams[i].head = 5;
	}
	peal_cast_flush_begin_tree(&flush, LINKS, 3, streams, 2, 1000);
	return 0;
}

static bool
say(uint16_t link, uint64_t epoch, uint8_t flags, uint64_t a, uint64_t b)
{
	const struct peal_cast_flush_msg message = {.epoch = epoch,
		.flags = flags,
		.rows_count = epoch == 0 ? 0 : 2,
		.rows = {{NAME, a}, {NAME + 1U, b}}};

	return peal_cast_flush_on_sum(&flush, link, &message, streams);
}

static void
test_cast_sum__goes_to_the_one_link_that_is_not_heard(void **state)
{
	(void)state;
	assert_true(peal_cast_flush_sendable(&flush) == 0);
	assert_true(say(0, 3, 0, 7, 4));
	assert_true(peal_cast_flush_sendable(&flush) == 0);
	peal_cast_flush_sum(&flush, 2, &sum);
	assert_int_equal(sum.flags, 0);
	assert_true(say(1, 3, 0, 6, 5));
	assert_true(peal_cast_flush_sendable(&flush) == UINT64_C(1) << 2);
	peal_cast_flush_sum(&flush, 2, &sum);
	assert_int_equal(sum.flags, PEAL_CAST_FLAG_WHOLE);
	assert_true(sum.epoch == 3);
	assert_int_equal(sum.rows_count, 2);
	assert_int_equal(sum.rows[1].origin, NAME + 1U);
	assert_true(sum.rows[0].have == 7);
	assert_true(sum.rows[1].have == 5);
	assert_false(peal_cast_flush_is_agreed(&flush));
	flush.owed &= ~(UINT64_C(1) << 2);
	assert_true(say(2, 3, 0, 3, 9));
	assert_true(peal_cast_flush_is_agreed(&flush));
	assert_true(peal_cast_flush_sendable(&flush) == 3);
	assert_true(flush.goals[0] == 7);
	assert_true(flush.goals[1] == 9);
	assert_true(flush.holders[0] == 1U << 0);
	assert_true(flush.holders[1] == 1U << 2);
}

static void
test_cast_sum__done_goes_the_same_way(void **state)
{
	(void)state;
	for (uint16_t link = 0; link < 3; link++) {
		assert_true(say(link, 3, 0, 5, 5));
	}
	flush.owed = 0;
	assert_true(peal_cast_flush_sendable(&flush) == 0);
	peal_cast_flush_finish(&flush);
	assert_true(peal_cast_flush_sendable(&flush) == 0);
	assert_true(say(0, 3, PEAL_CAST_FLAG_DONE, 5, 5));
	assert_true(say(1, 3, PEAL_CAST_FLAG_DONE, 5, 5));
	assert_true(peal_cast_flush_sendable(&flush) == UINT64_C(1) << 2);
	peal_cast_flush_sum(&flush, 2, &sum);
	assert_int_equal(sum.flags, PEAL_CAST_FLAG_WHOLE | PEAL_CAST_FLAG_DONE);
	peal_cast_flush_sum(&flush, 1, &sum);
	assert_int_equal(sum.flags, PEAL_CAST_FLAG_WHOLE);
	flush.told |= UINT64_C(1) << 2;
	assert_true(peal_cast_flush_sendable(&flush) == 0);
	assert_true(say(2, 3, PEAL_CAST_FLAG_DONE, 5, 5));
	assert_true(flush.done == flush.others);
	assert_true(peal_cast_flush_sendable(&flush) == 3);
	flush.asks = 2;
	peal_cast_flush_sum(&flush, 1, &sum);
	assert_int_equal(
		sum.flags, PEAL_CAST_FLAG_WHOLE | PEAL_CAST_FLAG_DONE | PEAL_CAST_FLAG_ASK);
}

static void
test_cast_sum__of_an_older_epoch_there_is_nothing(void **state)
{
	(void)state;
	assert_true(say(0, 2, PEAL_CAST_FLAG_DONE, 8, 8));
	assert_true(say(1, 0, PEAL_CAST_FLAG_DONE, 0, 0));
	assert_true(flush.heard == 3);
	assert_true(flush.done == 0); /* with what they know of */
	assert_true(flush.goals[0] == 5);
	assert_true((flush.owed & 3U) == 3U);
	assert_true(say(0, 3, PEAL_CAST_FLAG_DONE, 0, 0)); /* it followed */
	assert_true(flush.done == 1);
}

static void
test_cast_sum__the_latest_epoch_counts(void **state)
{
	const struct peal_cast_flush_msg later = {.epoch = 4,
		.flags = PEAL_CAST_FLAG_WHOLE,
		.rows_count = 1,
		.rows = {{NAME + 7U, 100}}};

	(void)state;
	assert_true(say(0, 3, PEAL_CAST_FLAG_DONE, 7, 4));
	flush.owed = 0;
	peal_cast_flush_finish(&flush);
	peal_cast_flush_adopt(&flush, &later);
	assert_true(flush.of == 4);
	assert_false(flush.is_done);
	assert_true(flush.done == 0);
	assert_true(flush.heard == 1);
	assert_true(flush.goals[0] == 0);
	assert_true(flush.owed == LINKS);
	assert_int_equal(flush.names_count, 1);
	/* Whose frames are not here: no ring says what can be. */
	assert_true(peal_cast_flush_on_sum(&flush, 1, &later, NULL));
	assert_true(flush.goals[0] == 100);
	assert_true(flush.holders[0] == 2);
	peal_cast_flush_sum(&flush, 2, &sum);
	assert_int_equal(sum.rows[0].origin, NAME + 7U);
	assert_true(sum.rows[0].have == 100);
}

static void
test_cast_sum__refuses_what_cannot_be(void **state)
{
	struct peal_cast_flush_msg message = {
		.epoch = 3, .rows_count = 1, .rows = {{NAME, 5}, {NAME, 5}}};

	(void)state;
	assert_false(peal_cast_flush_on_sum(&flush, 0, &message, streams)); /* too few */
	message.rows_count = 2;
	assert_false(peal_cast_flush_on_sum(&flush, 0, &message, streams)); /* other streams */
	assert_false(say(0, 3, PEAL_CAST_FLAG_DONE, 5, 14));                /* beyond the ring */
	assert_false(say(3, 3, PEAL_CAST_FLAG_DONE, 5, 5));                 /* no link of it */
	assert_true(flush.heard == 0);
	assert_true(flush.done == 0);
	assert_true(say(0, 3, 0, 5, 13));
	assert_true(say(0, 3, 0, 8, 13)); /* once is enough */
	assert_true(flush.goals[0] == 5);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(
			test_cast_sum__goes_to_the_one_link_that_is_not_heard, begin),
		cmocka_unit_test_setup(test_cast_sum__done_goes_the_same_way, begin),
		cmocka_unit_test_setup(test_cast_sum__of_an_older_epoch_there_is_nothing, begin),
		cmocka_unit_test_setup(test_cast_sum__the_latest_epoch_counts, begin),
		cmocka_unit_test_setup(test_cast_sum__refuses_what_cannot_be, begin),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
