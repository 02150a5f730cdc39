/* SPDX-License-Identifier: BSD-3-Clause */
#include "dataplane/cast_flush.h"

#include "tests/lib/cmocka_all.h"

#define MEMBERS 4U
#define SELF    1U

static struct peal_cast_flush flush;
static struct peal_cast_stream streams[3]; /* of members 10, 11 and 12; two of them go on */
static uint8_t frames[3][8 * PEAL_BODY_SIZE_MAX];

static int
begin(void **state)
{
	(void)state;
	for (uint32_t i = 0; i < 3; i++) {
		peal_cast_stream_init(&streams[i], 10U + i, frames[i], 8);
		streams[i].have = 5;
	}
	peal_cast_flush_begin(&flush, MEMBERS, SELF, streams, 3, 1000);
	return 0;
}

static bool
say(uint16_t rank, uint8_t flags, uint64_t a, uint64_t b, uint64_t c)
{
	const struct peal_cast_flush_msg message = {
		.epoch = 1, .flags = flags, .rows_count = 3, .rows = {{10, a}, {11, b}, {12, c}}};

	return peal_cast_flush_on_vector(&flush, rank, &message, streams, 3);
}

static void
test_cast_flush__goal_is_what_anybody_has(void **state)
{
	(void)state;
	assert_int_equal(flush.others, 0xd);
	assert_int_equal(flush.owed, 0xd);
	assert_true(say(0, 0, 5, 7, 4));
	assert_true(say(2, 0, 6, 7, 5));
	assert_false(peal_cast_flush_is_agreed(&flush));
	assert_true(say(3, 0, 0, 6, 0));
	assert_true(peal_cast_flush_is_agreed(&flush));
	assert_true(flush.goals[0] == 6);
	assert_true(flush.goals[1] == 7);
	assert_true(flush.goals[2] == 5);
	assert_int_equal(flush.holders[0], 1U << 2);
	assert_int_equal(flush.holders[1], 1U << 0 | 1U << 2);
	assert_int_equal(flush.done, 0);
}

static void
test_cast_flush__first_word_of_a_round_counts(void **state)
{
	(void)state;
	assert_true(say(0, 0, 5, 5, 5));
	assert_true(say(0, PEAL_CAST_FLAG_DONE, 7, 7, 7));
	assert_true(flush.goals[0] == 5);
	assert_int_equal(flush.done, 1);
	/* Done once is done. */
	assert_true(say(0, 0, 5, 5, 5));
	assert_int_equal(flush.done, 1);
}

static void
test_cast_flush__newcomers_miss_nothing(void **state)
{
	(void)state;
	peal_cast_flush_on_newcomer(&flush, 0);
	peal_cast_flush_on_newcomer(&flush, 3);
	assert_true(say(2, 0, 5, 5, 6));
	assert_true(peal_cast_flush_is_agreed(&flush));
	assert_int_equal(flush.done, 0x9);
	assert_int_equal(flush.holders[2], 1U << 2);
}

static void
test_cast_flush__refuses_what_cannot_be(void **state)
{
	struct peal_cast_flush_msg message = {
		.epoch = 1, .flags = PEAL_CAST_FLAG_DONE, .rows_count = 1, .rows = {{13, 1}}};

	(void)state;
	assert_false(peal_cast_flush_on_vector(&flush, 0, &message, streams, 3));
	message.rows[0] = (struct peal_cast_flush_row){12, 5 + 8 + 1};
	assert_false(peal_cast_flush_on_vector(&flush, 0, &message, streams, 3));
	assert_int_equal(flush.heard, 0);
	assert_int_equal(flush.done, 0);
	message.rows[0].have = 5 + 8;
	assert_true(peal_cast_flush_on_vector(&flush, 0, &message, streams, 3));
}

static void
test_cast_flush__who_has_nothing_waits_for_the_latest(void **state)
{
	struct peal_cast_flush_msg message = {.epoch = 4, .flags = PEAL_CAST_FLAG_DONE};

	(void)state;
	peal_cast_flush_begin(&flush, MEMBERS, SELF, NULL, 0, 1000);
	peal_cast_flush_on_newcomer(&flush, 3);
	peal_cast_flush_on_foreign(&flush, 0, &message);
	assert_int_equal(flush.done, 0x9);
	/* Somebody ran in a later view: who was done before has to be done with that, too. */
	message = (struct peal_cast_flush_msg){.epoch = 5};
	peal_cast_flush_on_foreign(&flush, 2, &message);
	assert_int_equal(flush.done, 0x8);
	message = (struct peal_cast_flush_msg){.epoch = 4, .flags = PEAL_CAST_FLAG_DONE};
	peal_cast_flush_on_foreign(&flush, 0, &message);
	assert_int_equal(flush.done, 0x8);
	message.epoch = 5;
	peal_cast_flush_on_foreign(&flush, 0, &message);
	peal_cast_flush_on_foreign(&flush, 2, &message);
	assert_int_equal(flush.done, 0xd);
}

static void
test_cast_flush__alone_nobody_is_waited_for(void **state)
{
	(void)state;
	peal_cast_flush_begin(&flush, 1, 0, streams, 3, 1000);
	assert_int_equal(flush.others, 0);
	assert_true(peal_cast_flush_is_agreed(&flush));
	assert_true(flush.goals[1] == 5);
	peal_cast_flush_begin(&flush, PEAL_DIRECT_MAX, 63, streams, 3, 1000);
	assert_true(flush.others == UINT64_MAX >> 1);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(test_cast_flush__goal_is_what_anybody_has, begin),
		cmocka_unit_test_setup(test_cast_flush__first_word_of_a_round_counts, begin),
		cmocka_unit_test_setup(test_cast_flush__newcomers_miss_nothing, begin),
		cmocka_unit_test_setup(test_cast_flush__refuses_what_cannot_be, begin),
		cmocka_unit_test_setup(
			test_cast_flush__who_has_nothing_waits_for_the_latest, begin),
		cmocka_unit_test_setup(test_cast_flush__alone_nobody_is_waited_for, begin),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
