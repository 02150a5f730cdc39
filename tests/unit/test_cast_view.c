/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Ends of views: what is agreed on, and who waits for whom.
 */
#include "dataplane/cast_private.h"

#include "tests/lib/cryscene.h"

#define NEXT   (PEAL_FAKECORE_EPOCH + 1U)
#define ALL_1  (CRY_ALL & ~1U)        /* without node 0 */
#define ALL_01 (CRY_ALL & ~(1U | 2U)) /* without 0 and 1 */

/* Node 0 casts `text`, which reaches node 2 only, and is heard no more. */
static void
cast_and_die(const char *text)
{
	cry_lose(PEAL_MESSAGE_CAST, CRY_ALL, CRY_ALL & ~(1U << 2), UINT32_MAX);
	peal_crier_say(&criers[0], text);
	peal_fakecores_turn(cores, 0);
	cores->now_ns += 1U * US;
	peal_fakecores_turn(cores, 2);
	assert_int_equal(criers[2].text_size, strlen(text));
	cores->nodes[0]->is_running = false;
	cry_lose(0, 0, 0, 0);
}

static void
test_cast_view__what_one_survivor_has_all_deliver(void **state)
{
	(void)state;
	cast_and_die("last words");
	cry_install(NEXT, ALL_1);
	assert_int_equal(criers[2].views_count, 1); /* not shown before all agree */
	cry_run(1000U * US);
	cry_assert_all_heard(ALL_1, "last words");
	for (uint32_t i = 1; i < CRY_COUNT; i++) {
		assert_true(criers[i].last_view == NEXT);
		assert_int_equal(criers[i].views_count, 2);
	}
	peal_crier_say(&criers[1], "go on");
	cry_run(1000U * US);
	cry_assert_all_heard(ALL_1, "go on");
}

static void
test_cast_view__what_nobody_has_nobody_delivers(void **state)
{
	(void)state;
	/* The first frame is lost for all, and its origin too. */
	cry_lose(PEAL_MESSAGE_CAST, CRY_ALL, CRY_ALL, 2);
	peal_crier_say(&criers[0], "a");
	peal_fakecores_turn(cores, 0);
	peal_crier_say(&criers[0], "b");
	peal_fakecores_turn(cores, 0);
	cores->nodes[0]->is_running = false;
	cores->now_ns += 1U * US;
	for (uint32_t i = 1; i < CRY_COUNT; i++) {
		peal_fakecores_turn(cores, i);
	}
	cry_install(NEXT, ALL_1);
	cry_run(1000U * US);
	cry_assert_all_heard(ALL_1, "");
	assert_true(criers[3].last_view == NEXT);
}

static void
test_cast_view__nobody_casts_before_all_are_done(void **state)
{
	(void)state;
	cores->nodes[6]->is_running = false; /* it is in the view, and late */
	for (uint32_t i = 0; i < CRY_COUNT - 1U; i++) {
		peal_fakecores_install(cores, i, NEXT, CRY_ALL, 0);
	}
	peal_crier_say(&criers[0], "later");
	cry_run(20000U * US);
	assert_int_equal(criers[0].views_count, 1);
	assert_int_equal(criers[1].text_size, 0);
	cores->nodes[6]->is_running = true;
	peal_fakecores_install(cores, 6, NEXT, CRY_ALL, 0);
	cry_run(20000U * US);
	cry_assert_all_heard(CRY_ALL, "later");
	assert_true(criers[6].last_view == NEXT);
}

static void
test_cast_view__a_further_view_begins_the_agreement_again(void **state)
{
	(void)state;
	cast_and_die("x");
	/* Node 1 goes in the middle of the agreement; the view in between is shown all the same. */
	for (uint32_t i = 1; i < CRY_COUNT; i++) {
		peal_fakecores_install(cores, i, NEXT, ALL_1, 0);
	}
	cores->nodes[1]->is_running = false;
	cry_run(500U * US);
	assert_int_equal(criers[3].views_count, 1);
	for (uint32_t i = 2; i < CRY_COUNT; i++) {
		peal_fakecores_install(cores, i, NEXT + 1U, ALL_01, 0);
	}
	cry_run(1000U * US);
	cry_assert_all_heard(ALL_01, "x");
	for (uint32_t i = 2; i < CRY_COUNT; i++) {
		assert_int_equal(criers[i].views_count, 3);
		assert_true(criers[i].last_view == NEXT + 1U);
	}
}

static void
test_cast_view__who_ran_ahead_is_followed(void **state)
{
	(void)state;
	/* All but node 6 hear that all are done; node 1 casts, and then the view ends. */
	cry_lose(PEAL_MESSAGE_CAST_FLUSH, CRY_ALL, 1U << 6, UINT32_MAX);
	cry_install(NEXT, ALL_1);
	cry_run(50U * US);
	cry_lose(PEAL_MESSAGE_CAST_FLUSH, 0, 0, 0);
	cry_lose(0, CRY_ALL, 1U << 6, UINT32_MAX);
	cry_run(50U * US);
	peal_crier_say(&criers[1], "ahead");
	cry_run(300U * US);
	cry_lose(0, 0, 0, 0);
	cry_install(NEXT + 1U, ALL_1);
	cry_run(5000U * US);
	for (uint32_t i = 1; i < CRY_COUNT; i++) {
		assert_true(criers[i].last_view == NEXT + 1U);
		assert_int_equal(criers[i].views_count, 3);
		assert_true(peal_crier_heard(&criers[i], "ahead"));
	}
}

static void
test_cast_view__large_message_that_a_view_cuts_is_whole_in_the_next(void **state)
{
	static uint8_t large[500000];

	(void)state;
	for (uint32_t i = 0; i < sizeof(large); i++) {
		large[i] = (uint8_t)(i * 11U + i / 253U);
	}
	assert_int_equal(peal_cast_lend(&criers[1].cast, large, sizeof(large), 0), PEAL_CAST_OK);
	cry_run(50U * US);
	assert_true(criers[2].text_size > 0);
	assert_true(criers[2].text_size < sizeof(large));
	cores->nodes[0]->is_running = false;
	cry_install(NEXT, ALL_1);
	cry_run(100000U * US);
	for (uint32_t i = 1; i < CRY_COUNT; i++) {
		assert_int_equal(criers[i].messages_count, 1);
		assert_true(criers[i].text_size > sizeof(large));
		assert_memory_equal(
			criers[i].text + criers[i].text_size - sizeof(large), large, sizeof(large));
	}
}

static void
test_cast_view__who_leaves_is_told_what_is_in_doubt(void **state)
{
	(void)state;
	peal_crier_say(&criers[0], "sure");
	cry_run(2000U * US);
	cry_lose(0, CRY_ALL, CRY_ALL, UINT32_MAX);
	peal_crier_say(&criers[0], "one");
	cry_run(10U * US);
	peal_crier_say(&criers[0], "two");
	peal_crier_say(&criers[0], "three");
	cry_run(10U * US);
	peal_fakecores_install(cores, 0, 0, 0, 0); /* no member any more */
	assert_int_equal(criers[0].ended_count, 1);
	assert_true(criers[0].last_lost_count == 3);
	assert_int_equal(
		peal_cast_send(&criers[0].cast, (const uint8_t *)"x", 1), PEAL_CAST_NOT_MEMBER);
	assert_true(peal_cast_is_idle(&criers[0].cast));
}

static void
test_cast_view__newcomers_begin_with_their_view(void **state)
{
	(void)state;
	cry_install(NEXT, ALL_1);
	cry_run(1000U * US);
	peal_crier_say(&criers[1], "before");
	cry_run(1000U * US);
	cry_assert_all_heard(ALL_1, "before");
	/* Node 0 comes again, as another member. */
	peal_fakecores_install(cores, 0, 0, 0, 0);
	cores->nodes[0]->mid = 50;
	cry_install(NEXT + 1U, CRY_ALL);
	peal_crier_say(&criers[1], "after");
	cry_run(5000U * US);
	cry_assert_all_heard(CRY_ALL, "after");
	assert_true(criers[0].last_view == NEXT + 1U);
	peal_crier_say(&criers[0], "hello");
	cry_run(5000U * US);
	cry_assert_all_heard(CRY_ALL, "hello");
}

/* A newcomer that missed the begin of its first view is no newcomer when that view ends. */
static void
test_cast_view__a_newcomer_that_missed_its_begin_is_waited_for(void **state)
{
	(void)state;
	peal_fakecores_install(cores, 0, 0, 0, 0);
	cores->nodes[0]->mid = 50;
	cry_lose(0, CRY_ALL, 1U << 0, UINT32_MAX);
	cry_install(NEXT, CRY_ALL);
	cry_run(1000U * US);
	assert_true(criers[1].last_view == NEXT);
	assert_true(criers[0].last_view < NEXT);
	peal_crier_say(&criers[1], "ahead");
	cry_run(300U * US);
	cry_install(NEXT + 1U, CRY_ALL);
	cry_run(50U * US); /* the others have all that there is */
	cry_lose(0, 0, 0, 0);
	cry_run(20000U * US);
	for (uint32_t i = 0; i < CRY_COUNT; i++) {
		assert_true(criers[i].last_view == NEXT + 1U);
		assert_true(peal_crier_heard(&criers[i], "ahead"));
	}
}

static void
test_cast_view__vectors_that_cannot_be_are_refused(void **state)
{
	struct peal_cast_flush_msg message = {
		.epoch = NEXT + 5U, .rows_count = 1, .rows = {{1, 0}}};
	uint8_t body[PEAL_BODY_SIZE_MAX];

	(void)state;
	cry_lose(PEAL_MESSAGE_CAST_FLUSH, CRY_ALL, CRY_ALL, UINT32_MAX);
	for (uint32_t i = 0; i < CRY_COUNT; i++) {
		peal_fakecores_install(cores, i, NEXT, CRY_ALL, 0);
	}
	for (uint32_t i = 0; i < 4U; i++) {
		struct peal_header header =
			peal_fakecores_header(cores, 0, 1, PEAL_MESSAGE_CAST_FLUSH);

		header.epoch = (uint32_t)NEXT;
		/* Of a view to come; of this one, although node 1 is not done; of no member; and
		 * with more than a ring can hold. */
		message.epoch = i == 0 ? NEXT + 5U : i == 1 ? NEXT : PEAL_FAKECORE_EPOCH;
		message.rows[0].origin = i == 2 ? 99 : 1;
		message.rows[0].have = i == 3 ? 100000 : 0;
		peal_fakecores_inject(
			cores, 0, 1, &header, body, peal_cast_flush_msg_encode(&message, body));
		(void)peal_fakecores_turn(cores, 1);
		assert_int_equal(cry_counter(1, PEAL_COUNTER_CAST_REFUSED_FLUSH), i + 1U);
	}
	assert_int_equal(criers[1].views_count, 1);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(
			test_cast_view__what_one_survivor_has_all_deliver, cry_begin, cry_finish),
		cmocka_unit_test_setup_teardown(
			test_cast_view__what_nobody_has_nobody_delivers, cry_begin, cry_finish),
		cmocka_unit_test_setup_teardown(
			test_cast_view__nobody_casts_before_all_are_done, cry_begin, cry_finish),
		cmocka_unit_test_setup_teardown(
			test_cast_view__a_further_view_begins_the_agreement_again, cry_begin,
			cry_finish),
		cmocka_unit_test_setup_teardown(
			test_cast_view__who_ran_ahead_is_followed, cry_begin, cry_finish),
		cmocka_unit_test_setup_teardown(
			test_cast_view__large_message_that_a_view_cuts_is_whole_in_the_next,
			cry_begin, cry_finish),
		cmocka_unit_test_setup_teardown(
			test_cast_view__who_leaves_is_told_what_is_in_doubt, cry_begin, cry_finish),
		cmocka_unit_test_setup_teardown(
			test_cast_view__newcomers_begin_with_their_view, cry_begin, cry_finish),
		cmocka_unit_test_setup_teardown(
			test_cast_view__a_newcomer_that_missed_its_begin_is_waited_for, cry_begin,
			cry_finish),
		cmocka_unit_test_setup_teardown(
			test_cast_view__vectors_that_cannot_be_are_refused, cry_begin, cry_finish),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
