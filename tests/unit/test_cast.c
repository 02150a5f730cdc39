/* SPDX-License-Identifier: BSD-3-Clause */
#include "dataplane/cast.h"

#include "tests/lib/cryscene.h"

#include <stdio.h>

static void
inject(uint32_t from, uint32_t to, uint8_t kind, const void *body, uint16_t size)
{
	struct peal_header header = peal_fakecores_header(cores, from, to, kind);

	peal_fakecores_inject(cores, from, to, &header, body, size);
	(void)peal_fakecores_turn(cores, to);
}

static void
test_cast__reaches_all_once_and_in_order(void **state)
{
	(void)state;
	assert_int_equal(criers[0].views_count, 1);
	assert_true(criers[0].last_view == PEAL_FAKECORE_EPOCH);
	peal_crier_say(&criers[0], "one ");
	peal_crier_say(&criers[0], "");
	peal_crier_say(&criers[0], "two ");
	cry_run(30U * US);
	peal_crier_say(&criers[0], "three");
	cry_run(30U * US);
	cry_assert_all_heard(CRY_ALL, "one two three");
	assert_int_equal(criers[6].messages_count, 4);
	/* Two frames, two copies each from the origin, and two from each relay. */
	assert_int_equal(cry_counter(0, PEAL_COUNTER_CAST_FRAMES_SENT), 4);
	assert_int_equal(cry_counter(1, PEAL_COUNTER_CAST_FRAMES_RELAYED), 4);
	assert_int_equal(cry_counter(2, PEAL_COUNTER_CAST_FRAMES_RELAYED), 4);
	assert_int_equal(cry_sum(PEAL_COUNTER_CAST_FRAMES_RELAYED), 8);
	assert_int_equal(cry_sum(PEAL_COUNTER_CAST_DUPLICATES), 0);
}

static void
test_cast__rests_when_all_have_all(void **state)
{
	(void)state;
	for (uint32_t i = 0; i < CRY_COUNT; i++) {
		peal_crier_say(&criers[i], "x");
	}
	assert_false(peal_cast_is_idle(&criers[0].cast));
	cry_run(5000U * US);
	for (uint32_t i = 0; i < CRY_COUNT; i++) {
		assert_true(peal_crier_heard(&criers[i], "xxxxxxx"));
		assert_true(peal_cast_is_idle(&criers[i].cast));
		assert_true(peal_cast_deadline_at_ns(&criers[i].cast) == UINT64_MAX);
	}
	assert_int_equal(cry_sum(PEAL_COUNTER_CAST_PULLS_SENT), 0);
}

static void
test_cast__large_messages_are_passed_on_in_parts(void **state)
{
	enum { SIZE = 100000 };

	static uint8_t large[SIZE];
	uint64_t first_at_ns = 0;

	(void)state;
	for (uint32_t i = 0; i < SIZE; i++) {
		large[i] = (uint8_t)(i * 7U + i / 251U);
	}
	assert_int_equal(peal_cast_lend(&criers[3].cast, large, SIZE, 0), PEAL_CAST_OK);
	assert_int_equal(criers[3].released_count, 0);
	for (uint32_t i = 0; i < 200U && criers[2].messages_count == 0; i++) {
		cry_run(10U * US);
		if (first_at_ns == 0 && criers[2].text_size > 0) {
			first_at_ns = cores->now_ns;
			assert_int_equal(criers[3].released_count, 0); /* still being cut */
		}
	}
	assert_int_equal(criers[3].released_count, 1);
	cry_run(1000U * US);
	for (uint32_t i = 0; i < CRY_COUNT; i++) {
		assert_int_equal(criers[i].messages_count, 1);
		assert_int_equal(criers[i].text_size, SIZE);
		assert_memory_equal(criers[i].text, large, SIZE);
	}
}

static void
test_cast__slowest_member_brakes_the_origin(void **state)
{
	uint8_t message[1000] = {0};
	uint32_t window = peal_cast_window(CRY_COUNT);
	uint32_t accepted_count = 0;

	(void)state;
	losing.from = 1U << 6; /* what node 6 says is lost: nothing becomes stable */
	losing.to = CRY_ALL;
	losing.count = UINT32_MAX;
	for (uint32_t i = 0; i < 2000U; i++) {
		while (peal_cast_send(&criers[0].cast, message, sizeof(message)) == PEAL_CAST_OK) {
			accepted_count++;
		}
		cry_run(10U * US);
	}
	assert_int_equal(cry_counter(0, PEAL_COUNTER_CAST_FRAMES_SENT), 2U * window);
	assert_int_equal(peal_cast_send(&criers[0].cast, message, sizeof(message)), PEAL_CAST_FULL);
	losing.count = 0;
	cry_run(20000U * US);
	for (uint32_t i = 0; i < CRY_COUNT; i++) {
		assert_int_equal(criers[i].messages_count, accepted_count);
	}
}

static void
test_cast__refuses_what_is_not_of_these_streams(void **state)
{
	uint8_t body[PEAL_CAST_HEADER_SIZE + 4U] = {0};
	struct peal_cast_msg message = {.epoch = PEAL_FAKECORE_EPOCH - 1U, .origin = 1};

	(void)state;
	peal_cast_msg_encode(&message, body);
	inject(0, 1, PEAL_MESSAGE_CAST, body, sizeof(body));
	assert_int_equal(cry_counter(1, PEAL_COUNTER_CAST_REFUSED_EPOCH), 1);
	message.epoch = PEAL_FAKECORE_EPOCH;
	message.origin = 99;
	peal_cast_msg_encode(&message, body);
	inject(0, 1, PEAL_MESSAGE_CAST, body, sizeof(body));
	assert_int_equal(cry_counter(1, PEAL_COUNTER_CAST_REFUSED_ORIGIN), 1);
	message.origin = 2; /* node 1 itself */
	peal_cast_msg_encode(&message, body);
	inject(0, 1, PEAL_MESSAGE_CAST, body, sizeof(body));
	assert_int_equal(cry_counter(1, PEAL_COUNTER_CAST_REFUSED_ORIGIN), 2);
	message.origin = 1;
	message.seq = message.unstable = (uint16_t)peal_cast_window(CRY_COUNT);
	peal_cast_msg_encode(&message, body);
	inject(0, 1, PEAL_MESSAGE_CAST, body, sizeof(body));
	assert_int_equal(cry_counter(1, PEAL_COUNTER_CAST_REFUSED_BEYOND), 1);
	message.unstable--; /* "all have the first", which is not here */
	peal_cast_msg_encode(&message, body);
	inject(0, 1, PEAL_MESSAGE_CAST, body, sizeof(body));
	assert_int_equal(cry_counter(1, PEAL_COUNTER_CAST_REFUSED_BEYOND), 2);
	body[PEAL_CAST_HEADER_SIZE - 1U] = 1;
	inject(0, 1, PEAL_MESSAGE_CAST, body, sizeof(body));
	assert_int_equal(cry_counter(1, PEAL_COUNTER_REFUSED_BODY), 1);
	assert_true(peal_cast_is_idle(&criers[1].cast));
	assert_int_equal(criers[1].text_size, 0);
}

static void
test_cast__refuses_rows_and_pulls_that_cannot_be(void **state)
{
	struct peal_cast_state_msg rows = {
		.epoch = PEAL_FAKECORE_EPOCH, .rows_count = 2, .rows = {{.origin = 99}}};
	struct peal_cast_pull_msg pull = {.epoch = PEAL_FAKECORE_EPOCH, .missing = 1, .origin = 99};
	uint8_t body[PEAL_BODY_SIZE_MAX];
	uint16_t size;

	(void)state;
	rows.rows[1] =
		(struct peal_cast_row){.origin = 1, .stable = 1, .low = 1, .have = 1, .head = 1};
	size = peal_cast_state_msg_encode(&rows, body);
	inject(0, 1, PEAL_MESSAGE_CAST_STATE, body, size);
	assert_int_equal(cry_counter(1, PEAL_COUNTER_CAST_REFUSED_ROW), 2);
	inject(0, 1, PEAL_MESSAGE_CAST_STATE, body, (uint16_t)(size - 1U));
	assert_int_equal(cry_counter(1, PEAL_COUNTER_REFUSED_BODY), 1);
	peal_cast_pull_msg_encode(&pull, body);
	inject(0, 1, PEAL_MESSAGE_CAST_PULL, body, PEAL_CAST_PULL_SIZE);
	assert_int_equal(cry_counter(1, PEAL_COUNTER_CAST_REFUSED_ORIGIN), 1);
	inject(0, 1, PEAL_MESSAGE_CAST_PULL, body, PEAL_CAST_PULL_SIZE - 1U);
	assert_int_equal(cry_counter(1, PEAL_COUNTER_REFUSED_BODY), 2);
	inject(0, 1, PEAL_MESSAGE_CAST_FLUSH, body, 3);
	assert_int_equal(cry_counter(1, PEAL_COUNTER_REFUSED_BODY), 3);
	/* What is not here is not sent. */
	pull.origin = 1;
	peal_cast_pull_msg_encode(&pull, body);
	inject(0, 1, PEAL_MESSAGE_CAST_PULL, body, PEAL_CAST_PULL_SIZE);
	assert_int_equal(cry_counter(1, PEAL_COUNTER_CAST_FRAMES_REPEATED), 0);
}

static void
test_cast__takes_nothing_too_big_and_nothing_before_a_view(void **state)
{
	struct peal_fakecores *others = peal_fakecores_create(2, "none");
	struct peal_crier *outside = peal_criers_create(others);
	uint8_t byte = 0;

	(void)state;
	assert_int_equal(peal_cast_send(&outside[0].cast, &byte, 1), PEAL_CAST_NOT_MEMBER);
	assert_int_equal(peal_cast_lend(&outside[0].cast, &byte, 1, 0), PEAL_CAST_NOT_MEMBER);
	assert_int_equal(peal_cast_set(&outside[0].cast, 0, &byte, 1), PEAL_CAST_NOT_MEMBER);
	assert_true(peal_cast_deadline_at_ns(&outside[0].cast) == UINT64_MAX);
	assert_int_equal(peal_cast_run(&outside[0].cast, 1), 0);
	assert_int_equal(peal_cast_lend(&criers[0].cast, &byte, PEAL_MESSAGE_SIZE_MAX + 1U, 0),
		PEAL_CAST_TOO_BIG);
	peal_criers_destroy(outside);
	peal_fakecores_destroy(others);
}

static void
test_cast__of_latest_values_only_the_last_waits(void **state)
{
	(void)state;
	losing.from = 1U << 6; /* the ring fills up, for node 6 is not heard */
	losing.to = CRY_ALL;
	losing.count = UINT32_MAX;
	for (uint32_t i = 0; i < 2000U; i++) {
		char text[9];

		(void)snprintf(text, sizeof(text), "%08u", i);
		assert_int_equal(
			peal_cast_set(&criers[0].cast, 1, (const uint8_t *)text, 8), PEAL_CAST_OK);
		cry_run(10U * US);
	}
	assert_true(cry_counter(0, PEAL_COUNTER_CAST_VALUES_OVERWRITTEN) > 1000U);
	losing.count = 0;
	cry_run(50000U * US);
	for (uint32_t i = 0; i < CRY_COUNT; i++) {
		assert_memory_equal(criers[i].text + criers[i].text_size - 8U, "00001999", 8);
		assert_true(peal_cast_is_idle(&criers[i].cast));
	}
	assert_int_equal(peal_cast_set(&criers[0].cast, 1, NULL, PEAL_CAST_VALUE_SIZE_MAX + 1U),
		PEAL_CAST_TOO_BIG);
}

static void
fill_the_ring(uint32_t rounds_count)
{
	uint8_t message[1000] = {0};

	losing.from = 1U << 6; /* what node 6 says is lost */
	losing.to = CRY_ALL;
	losing.count = UINT32_MAX;
	for (uint32_t i = 0; i < rounds_count; i++) {
		while (peal_cast_send(&criers[0].cast, message, sizeof(message)) == PEAL_CAST_OK) {
		}
		cry_run(10U * US);
	}
}

static void
test_cast__who_brakes_for_too_long_is_told(void **state)
{
	uint64_t after_ns = 5000U * US;

	(void)state;
	for (uint32_t i = 0; i < CRY_COUNT; i++) {
		peal_cast_set_policy(&criers[i].cast, PEAL_CAST_EVICT, after_ns);
	}
	fill_the_ring(200);
	assert_false(peal_cast_is_slow(&criers[6].cast));
	fill_the_ring(2000);
	assert_true(peal_cast_is_slow(&criers[6].cast));
	assert_true(cores->nodes[6]->core.heartbeat.is_slow);
	assert_int_equal(atomic_load(&cores->nodes[6]->plane.slow), PEAL_FAKECORE_EPOCH);
	assert_int_equal(atomic_load(&cores->nodes[5]->plane.slow), 0);
	assert_int_equal(cry_counter(6, PEAL_COUNTER_CAST_SLOW), 1);
	assert_int_equal(cry_sum(PEAL_COUNTER_CAST_SLOW), 1);
	losing.count = 0;
	cry_install(PEAL_FAKECORE_EPOCH + 1U, CRY_ALL);
	assert_false(peal_cast_is_slow(&criers[6].cast)); /* another view, another chance */
	cry_run(10U * US);
	assert_int_equal(atomic_load(&cores->nodes[6]->plane.slow), 0);
}

static void
test_cast__who_blocks_and_strangers_tell_nobody(void **state)
{
	struct peal_cast_state_msg rows = {.epoch = PEAL_FAKECORE_EPOCH,
		.rows_count = 1,
		.rows = {{.origin = 1, .is_slow = true}}};
	uint8_t body[PEAL_BODY_SIZE_MAX];
	uint16_t size = peal_cast_state_msg_encode(&rows, body);

	(void)state;
	fill_the_ring(3000);
	assert_int_equal(cry_sum(PEAL_COUNTER_CAST_SLOW), 0);
	losing.count = 0;
	inject(2, 6, PEAL_MESSAGE_CAST_STATE, body, size); /* blocks: does not listen */
	assert_int_equal(cry_counter(6, PEAL_COUNTER_CAST_SLOW), 0);
	peal_cast_set_policy(&criers[6].cast, PEAL_CAST_EVICT, 1);
	inject(1, 6, PEAL_MESSAGE_CAST_STATE, body, size); /* not who passes it on */
	assert_int_equal(cry_counter(6, PEAL_COUNTER_CAST_SLOW), 0);
	inject(2, 6, PEAL_MESSAGE_CAST_STATE, body, size);
	assert_int_equal(cry_counter(6, PEAL_COUNTER_CAST_SLOW), 1);
}

static void
test_cast__what_is_dropped_behind_was_never_sent(void **state)
{
	uint8_t message[1000] = {0};
	uint32_t count = 3000;
	uint32_t last = 0;

	(void)state;
	peal_cast_set_policy(&criers[0].cast, PEAL_CAST_DROP_BEHIND, 0);
	losing.from = 1U << 6;
	losing.to = CRY_ALL;
	losing.count = UINT32_MAX;
	for (uint32_t i = 0; i < count; i++) {
		memcpy(message, &i, sizeof(i));
		assert_int_equal(
			peal_cast_send(&criers[0].cast, message, sizeof(message)), PEAL_CAST_OK);
		cry_run(10U * US);
	}
	losing.count = 0;
	cry_run(50000U * US);
	assert_true(criers[0].dropped_count > 0);
	assert_true(cry_counter(0, PEAL_COUNTER_CAST_MESSAGES_DROPPED) == criers[0].dropped_count);
	assert_true(peal_cast_doubtful_count(&criers[0].cast) == 0);
	for (uint32_t i = 0; i < CRY_COUNT; i++) {
		assert_int_equal(criers[i].messages_count + criers[0].dropped_count, count);
		memcpy(&last, criers[i].text + criers[i].text_size - sizeof(message), sizeof(last));
		assert_int_equal(last, count - 1U);
		assert_memory_equal(criers[i].text, criers[0].text, criers[0].text_size);
	}
}

static void
test_cast__without_a_machine_broadcasts_are_refused(void **state)
{
	uint8_t body[PEAL_CAST_HEADER_SIZE + 4U] = {1};

	(void)state;
	cores->nodes[1]->core.config.cast = NULL;
	inject(0, 1, PEAL_MESSAGE_CAST, body, sizeof(body));
	assert_int_equal(cry_counter(1, PEAL_COUNTER_CAST_REFUSED_UNKNOWN), 1);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(
			test_cast__of_latest_values_only_the_last_waits, cry_begin, cry_finish),
		cmocka_unit_test_setup_teardown(
			test_cast__reaches_all_once_and_in_order, cry_begin, cry_finish),
		cmocka_unit_test_setup_teardown(
			test_cast__rests_when_all_have_all, cry_begin, cry_finish),
		cmocka_unit_test_setup_teardown(
			test_cast__large_messages_are_passed_on_in_parts, cry_begin, cry_finish),
		cmocka_unit_test_setup_teardown(
			test_cast__slowest_member_brakes_the_origin, cry_begin, cry_finish),
		cmocka_unit_test_setup_teardown(
			test_cast__who_brakes_for_too_long_is_told, cry_begin, cry_finish),
		cmocka_unit_test_setup_teardown(
			test_cast__who_blocks_and_strangers_tell_nobody, cry_begin, cry_finish),
		cmocka_unit_test_setup_teardown(
			test_cast__what_is_dropped_behind_was_never_sent, cry_begin, cry_finish),
		cmocka_unit_test_setup_teardown(
			test_cast__refuses_what_is_not_of_these_streams, cry_begin, cry_finish),
		cmocka_unit_test_setup_teardown(
			test_cast__refuses_rows_and_pulls_that_cannot_be, cry_begin, cry_finish),
		cmocka_unit_test_setup_teardown(
			test_cast__takes_nothing_too_big_and_nothing_before_a_view, cry_begin,
			cry_finish),
		cmocka_unit_test_setup_teardown(
			test_cast__without_a_machine_broadcasts_are_refused, cry_begin, cry_finish),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
