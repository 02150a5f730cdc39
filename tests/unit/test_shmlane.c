/* SPDX-License-Identifier: BSD-3-Clause */
#include "shm/shmlane.h"
#include "tests/lib/cmocka_all.h"

#include <stdlib.h>
#include <string.h>

/* Two ends of one lane, in memory of this process. */
static struct peal_shmlane_region *regions[2];
static struct peal_shmlane ends[2];
static uint8_t bytes[PEAL_CLIENT_MESSAGE_SIZE_MAX];

static int
begin(void **state)
{
	(void)state;
	for (uint32_t i = 0; i < 2; i++) {
		regions[i] = aligned_alloc(4096, PEAL_SHMLANE_REGION_SIZE);
		assert_non_null(regions[i]);
		memset(regions[i], 0, PEAL_SHMLANE_REGION_SIZE);
	}
	peal_shmlane_init(&ends[0], regions[0], regions[1]);
	peal_shmlane_init(&ends[1], regions[1], regions[0]);
	return 0;
}

static int
finish(void **state)
{
	(void)state;
	free(regions[0]);
	free(regions[1]);
	return 0;
}

static bool
put(struct peal_shmlane *lane, uint64_t number, uint32_t size)
{
	uint8_t *room = peal_shmlane_claim(lane, size);

	if (room == NULL) {
		return false;
	}
	memset(room, (int)(number & 0xFFU), size);
	memcpy(room, &number, sizeof(number));
	peal_shmlane_commit(lane, size);
	return true;
}

static bool
say(struct peal_shmlane *lane, uint64_t number, uint32_t size)
{
	assert_true(put(lane, number, size));
	return peal_shmlane_publish(lane);
}

static void
expect(struct peal_shmlane *lane, uint64_t number, uint32_t size)
{
	uint32_t got = 0;
	uint64_t head;

	assert_int_equal(peal_shmlane_take(lane, bytes, &got), PEAL_SHMLANE_TAKEN);
	memcpy(&head, bytes, sizeof(head));
	assert_int_equal(head, number);
	assert_int_equal(got, size);
}

static void
test_shmlane__messages_go_both_ways_in_order(void **state)
{
	uint32_t size;

	(void)state;
	(void)say(&ends[0], 1, PEAL_CLIENT_MESSAGE_SIZE_MAX);
	(void)say(&ends[1], 7, 8);
	(void)say(&ends[0], 2, 9);
	expect(&ends[1], 1, PEAL_CLIENT_MESSAGE_SIZE_MAX);
	expect(&ends[1], 2, 9);
	expect(&ends[0], 7, 8);
	assert_int_equal(peal_shmlane_take(&ends[1], bytes, &size), PEAL_SHMLANE_EMPTY);
	assert_int_equal(peal_shmlane_unheard_count(&ends[0]), 2);
	assert_false(peal_shmlane_release(&ends[1], true));
	assert_int_equal(peal_shmlane_unheard_count(&ends[0]), 0);
	assert_int_equal(peal_shmlane_unheard_count(&ends[1]), 1);
}

static void
test_shmlane__a_message_stays_as_it_was_taken(void **state)
{
	(void)state;
	(void)say(&ends[0], 5, 64);
	expect(&ends[1], 5, 64);
	memset((uint8_t *)regions[0] + PEAL_SHMLANE_RING_OFFSET, 0xEE, 256);
	assert_int_equal(bytes[0], 5);
	assert_int_equal(bytes[63], 5);
}

static void
test_shmlane__a_sleeper_is_rung_once_for_a_sleep(void **state)
{
	(void)state;
	assert_false(say(&ends[0], 1, 8));
	peal_shmlane_declare_asleep(&ends[1]);
	assert_true(peal_shmlane_has_more(&ends[1]));
	assert_true(say(&ends[0], 2, 8));
	assert_false(say(&ends[0], 3, 8));
	peal_shmlane_declare_awake(&ends[1]);
	assert_false(say(&ends[0], 4, 8));
	peal_shmlane_declare_asleep(&ends[1]);
	assert_true(say(&ends[0], 5, 8));
}

static void
test_shmlane__who_waits_for_room_is_rung_when_half_is_free(void **state)
{
	uint64_t said = 0, heard = 0;
	bool is_rung = false;

	(void)state;
	while (put(&ends[0], said, 1000)) {
		said++;
	}
	(void)peal_shmlane_publish(&ends[0]);
	assert_int_not_equal(ends[0].wanted_head, 0);
	assert_false(peal_shmlane_has_room(&ends[0]));
	peal_shmlane_declare_asleep(&ends[0]);
	while (!is_rung) {
		expect(&ends[1], heard++, 1000);
		is_rung = peal_shmlane_release(&ends[1], false);
	}
	assert_in_range(heard, said / 2U, said / 4U * 3U);
	assert_true(peal_shmlane_has_room(&ends[0]));
	assert_false(peal_shmlane_release(&ends[1], true));
	peal_shmlane_declare_awake(&ends[0]);
	assert_true(put(&ends[0], said, 1000));
	assert_int_equal(ends[0].wanted_head, 0);
	/* Who does not wait for room is not rung for it. */
	(void)peal_shmlane_publish(&ends[0]);
	peal_shmlane_declare_asleep(&ends[0]);
	while (heard <= said) {
		expect(&ends[1], heard++, 1000);
	}
	assert_false(peal_shmlane_release(&ends[1], true));
}

static void
test_shmlane__what_is_said_after_a_stop_is_not_heard(void **state)
{
	uint32_t size;

	(void)state;
	(void)say(&ends[0], 1, 8);
	assert_true(put(&ends[0], 2, 8));
	assert_true(peal_shmlane_stop(&ends[1]));
	(void)peal_shmlane_publish(&ends[0]);
	assert_true(peal_shmlane_has_more(&ends[1]));
	expect(&ends[1], 1, 8);
	assert_false(peal_shmlane_has_more(&ends[1]));
	assert_int_equal(peal_shmlane_take(&ends[1], bytes, &size), PEAL_SHMLANE_EMPTY);
}

static void
write_record(struct peal_shmlane_region *region, uint64_t head, uint64_t tail)
{
	memcpy((uint8_t *)region + PEAL_SHMLANE_RING_OFFSET, &head, sizeof(head));
	atomic_store(&region->tail, tail);
}

static void
test_shmlane__what_cannot_be_breaks_it_for_good(void **state)
{
	static const struct {
		uint64_t head, tail;
	} lies[] = {
		{8U | UINT64_C(1) << 32, 12},                         /* no multiple */
		{8U | UINT64_C(1) << 32, PEAL_CLIENT_LANE_SIZE + 8U}, /* more than the ring */
		{8U | UINT64_C(1) << 32, UINT64_MAX - 7U},            /* falls */
		{8U | UINT64_C(2) << 32, 16},                         /* no message */
		{64U | UINT64_C(1) << 32, 16},                        /* past the tail */
		{(PEAL_CLIENT_MESSAGE_SIZE_MAX + 1U) | UINT64_C(1) << 32, 131072}, /* too large */
		{UINT32_MAX | UINT64_C(1) << 32, 131072},
	};
	uint32_t size;

	for (uint32_t i = 0; i < sizeof(lies) / sizeof(lies[0]); i++) {
		write_record(regions[0], lies[i].head, lies[i].tail);
		assert_int_equal(peal_shmlane_take(&ends[1], bytes, &size), PEAL_SHMLANE_BROKEN);
		assert_true(peal_shmlane_is_broken(&ends[1]));
		write_record(regions[0], 8U | UINT64_C(1) << 32, 16);
		assert_int_equal(peal_shmlane_take(&ends[1], bytes, &size), PEAL_SHMLANE_BROKEN);
		(void)finish(state);
		(void)begin(state);
	}
}

static void
test_shmlane__a_head_beyond_what_was_said_breaks_it(void **state)
{
	uint64_t said = 0;

	(void)state;
	while (put(&ends[0], said, 1000)) {
		said++;
	}
	(void)peal_shmlane_publish(&ends[0]);
	atomic_store(&regions[1]->heard_count, said / 2U);
	assert_int_equal(peal_shmlane_unheard_count(&ends[0]), said - said / 2U);
	/* More than was said is a lie, and all may be lost. */
	atomic_store(&regions[1]->heard_count, said + 1U);
	assert_int_equal(peal_shmlane_unheard_count(&ends[0]), said);
	atomic_store(&regions[1]->head, UINT64_C(1) << 40);
	assert_false(put(&ends[0], said, 1000));
	assert_true(peal_shmlane_is_broken(&ends[0]));
	atomic_store(&regions[1]->heard_count, said);
	assert_int_equal(peal_shmlane_unheard_count(&ends[0]), said);
}

static void
test_shmlane__a_bell_without_cause_breaks_it(void **state)
{
	(void)state;
	for (uint64_t i = 0; i < 10000; i++) {
		(void)say(&ends[0], i, 8);
		peal_shmlane_note_ring(&ends[1]);
		/* One that comes late. */
		peal_shmlane_note_ring(&ends[1]);
		expect(&ends[1], i, 8);
		(void)peal_shmlane_release(&ends[1], true);
	}
	assert_false(peal_shmlane_is_broken(&ends[1]));
	for (uint32_t i = 0; i <= PEAL_SHMLANE_RINGS_MAX; i++) {
		peal_shmlane_note_ring(&ends[1]);
	}
	assert_true(peal_shmlane_is_broken(&ends[1]));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(
			test_shmlane__messages_go_both_ways_in_order, begin, finish),
		cmocka_unit_test_setup_teardown(
			test_shmlane__a_message_stays_as_it_was_taken, begin, finish),
		cmocka_unit_test_setup_teardown(
			test_shmlane__a_sleeper_is_rung_once_for_a_sleep, begin, finish),
		cmocka_unit_test_setup_teardown(
			test_shmlane__who_waits_for_room_is_rung_when_half_is_free, begin, finish),
		cmocka_unit_test_setup_teardown(
			test_shmlane__what_is_said_after_a_stop_is_not_heard, begin, finish),
		cmocka_unit_test_setup_teardown(
			test_shmlane__what_cannot_be_breaks_it_for_good, begin, finish),
		cmocka_unit_test_setup_teardown(
			test_shmlane__a_head_beyond_what_was_said_breaks_it, begin, finish),
		cmocka_unit_test_setup_teardown(
			test_shmlane__a_bell_without_cause_breaks_it, begin, finish),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
