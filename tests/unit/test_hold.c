/* SPDX-License-Identifier: BSD-3-Clause */
#include "dataplane/hold.h"

#include "tests/lib/cmocka_all.h"
#include "wire/flood_msg.h"
#include "wire/messages.h"

#include <string.h>

static struct peal_hold hold;
static struct peal_counters counters;

static int
set_up(void **state)
{
	(void)state;
	memset(&hold, 0xEE, sizeof(hold));
	peal_counters_init(&counters);
	peal_hold_init(&hold, &counters);
	return 0;
}

static void
add(uint32_t number)
{
	uint8_t packet[PEAL_HEADERS_SIZE_MAX];
	uint8_t body[8];
	const struct peal_opened opened = {.kind = 0x30,
		.standing = PEAL_STANDING_AHEAD,
		.slot = 3,
		.mid = 4,
		.epoch = number,
		.body_size = sizeof(body),
		.body = body,
		.packet = packet};

	memset(packet, (int)(number & 0xFFU), sizeof(packet));
	memset(body, (int)(number & 0xFFU), sizeof(body));
	peal_hold_add(&hold, &opened);
}

static void
test_hold__gives_copies_back_in_order(void **state)
{
	struct peal_opened opened;

	(void)state;
	assert_false(peal_hold_take(&hold, &opened));
	for (uint32_t i = 1; i <= 5; i++) {
		add(i);
	}
	for (uint32_t i = 1; i <= 5; i++) {
		assert_true(peal_hold_take(&hold, &opened));
		assert_int_equal(opened.epoch, i);
		assert_int_equal(opened.kind, 0x30);
		assert_int_equal(opened.slot, 3);
		assert_int_equal(opened.mid, 4);
		assert_int_equal(opened.standing, PEAL_STANDING_EQUAL);
		assert_int_equal(opened.body_size, 8);
		assert_int_equal(opened.body[7], i);
		assert_int_equal(opened.packet[PEAL_HEADERS_SIZE_MAX - 1U], i);
	}
	assert_false(peal_hold_take(&hold, &opened));
	assert_int_equal(counters.values[PEAL_COUNTER_HELD_FRAMES], 5);
	assert_int_equal(counters.values[PEAL_COUNTER_HELD_DROPPED], 0);
}

static void
test_hold__drops_the_oldest_first(void **state)
{
	struct peal_opened opened;

	(void)state;
	for (uint32_t i = 0; i < PEAL_HELD_FRAMES_MAX + 10U; i++) {
		add(i);
	}
	assert_int_equal(counters.values[PEAL_COUNTER_HELD_DROPPED], 10);
	for (uint32_t i = 0; i < PEAL_HELD_FRAMES_MAX; i++) {
		assert_true(peal_hold_take(&hold, &opened));
		assert_int_equal(opened.epoch, i + 10U);
	}
	assert_false(peal_hold_take(&hold, &opened));
}

static void
test_hold__goes_round_many_times(void **state)
{
	struct peal_opened opened;
	uint32_t taken = 0;

	(void)state;
	for (uint32_t i = 0; i < 1000; i++) {
		add(i);
		if (i % 3U != 0) {
			assert_true(peal_hold_take(&hold, &opened));
			taken++;
			assert_in_range(i - opened.epoch, 0, PEAL_HELD_FRAMES_MAX);
		}
	}
	while (peal_hold_take(&hold, &opened)) {
		taken++;
	}
	assert_int_equal(taken + counters.values[PEAL_COUNTER_HELD_DROPPED], 1000);
}

/* A copy of message `number` of origin `origin`, by way of slot `slot`. */
static void
add_copy(uint8_t kind, uint16_t slot, uint32_t origin, uint32_t number)
{
	uint8_t packet[PEAL_HEADERS_SIZE_MAX] = {0};
	uint8_t body[40] = {0};
	struct peal_writer writer = peal_writer_init(body, sizeof(body));
	const struct peal_flood_prefix prefix = {
		.view_tag = 1, .origin = origin, .origin_seq = number, .hop = (uint8_t)(slot % 3U)};
	const struct peal_opened opened = {.kind = kind,
		.slot = slot,
		.body_size = sizeof(body),
		.body = body,
		.packet = packet};

	peal_flood_prefix_encode(&prefix, &writer);
	peal_hold_add(&hold, &opened);
}

static void
test_hold__keeps_one_copy_of_what_is_flooded(void **state)
{
	struct peal_opened opened;

	(void)state;
	for (uint16_t slot = 0; slot < 20; slot++) {
		add_copy(PEAL_MESSAGE_P1A, slot, 7, 1);
		add_copy(PEAL_MESSAGE_P1A, slot, 7, 2);
		add_copy(PEAL_MESSAGE_P1A, slot, 8, 1);
	}
	assert_int_equal(hold.count, 3);
	assert_int_equal(counters.values[PEAL_COUNTER_HELD_FRAMES], 3);
	/* What is for its receiver alone is no copy of anything. */
	add_copy(PEAL_MESSAGE_VOTE_UP, 1, 7, 0);
	add_copy(PEAL_MESSAGE_VOTE_UP, 1, 7, 0);
	add_copy(PEAL_MESSAGE_ALERT, 1, 7, 1);
	add_copy(PEAL_MESSAGE_ALERT, 1, 7, 1);
	assert_int_equal(hold.count, 7);
	assert_true(peal_hold_take(&hold, &opened));
	assert_int_equal(opened.slot, 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(test_hold__gives_copies_back_in_order, set_up),
		cmocka_unit_test_setup(test_hold__drops_the_oldest_first, set_up),
		cmocka_unit_test_setup(test_hold__goes_round_many_times, set_up),
		cmocka_unit_test_setup(test_hold__keeps_one_copy_of_what_is_flooded, set_up),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
