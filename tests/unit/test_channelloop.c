/* SPDX-License-Identifier: BSD-3-Clause */
#include "dataplane/channelloop.h"

#include "tests/lib/talkscene.h"

static uint16_t ends[2];

static void
open_loop(void)
{
	assert_int_equal(peal_channelloop_open(&a->channels, NUMBER, ends), PEAL_CHANNEL_OK);
	assert_int_not_equal(ends[0], ends[1]);
}

static const uint8_t *
bytes_of(const char *text)
{
	return (const uint8_t *)text;
}

static bool
is_there(uint16_t index)
{
	return peal_channels_owns(&a->channels, index);
}

static void
test_channelloop__what_is_put_waits_and_what_is_passed_does_not(void **state)
{
	const struct peal_sendqueue *queue;

	(void)state;
	open_loop();
	queue = peal_channelloop_queue(&a->channels, ends[0]);
	peal_channelloop_pass(&a->channels, ends[0], 3, 72);
	assert_int_equal(queue->tail, 72);
	assert_true(peal_channelloop_put(&a->channels, ends[0], bytes_of("four"), 4));
	assert_int_equal(queue->head - queue->tail, 16);
	assert_int_equal(peal_sendqueue_at(queue, queue->tail).size, 4);
	peal_channelloop_take(&a->channels, ends[0]);
	assert_int_equal(queue->head, 88);
	assert_int_equal(queue->tail, 88);
	assert_int_equal(queue->accepted_count, 4);
	assert_int_equal(queue->released_count, 4);
	assert_int_equal(counter(0, PEAL_COUNTER_CHANNEL_MESSAGES_SENT), 4);
	assert_int_equal(counter(0, PEAL_COUNTER_CHANNEL_MESSAGES_DELIVERED), 4);
	/* Turns go on beside it, and nothing leaves. */
	turn_all(200);
	assert_true(is_there(ends[0]) && is_there(ends[1]));
	assert_int_equal(counter(0, PEAL_COUNTER_CHANNEL_FRAMES_SENT), 0);
}

static void
test_channelloop__a_full_queue_takes_no_more(void **state)
{
	static const uint8_t kilobyte[1024];
	uint32_t count = 0;

	(void)state;
	open_loop();
	while (peal_channelloop_put(&a->channels, ends[1], kilobyte, sizeof(kilobyte))) {
		count++;
	}
	assert_int_equal(count, a->channels.config.queue_capacity / 1032U);
	peal_channelloop_take(&a->channels, ends[1]);
	assert_true(peal_channelloop_put(&a->channels, ends[1], kilobyte, sizeof(kilobyte)));
}

static void
test_channelloop__it_ends_when_both_are_closed_and_nothing_waits(void **state)
{
	(void)state;
	open_loop();
	assert_true(peal_channelloop_put(&a->channels, ends[0], bytes_of("x"), 1));
	peal_channelloop_close(&a->channels, ends[0], ends[1]);
	peal_channelloop_close(&a->channels, ends[0], ends[1]);
	assert_false(peal_channelloop_is_open(&a->channels, ends[0]));
	assert_int_equal(a->finished_count, 0);
	peal_channelloop_close(&a->channels, ends[1], ends[0]);
	assert_int_equal(a->finished_count, 1);
	assert_int_equal(a->ended_count, 0);
	peal_channelloop_take(&a->channels, ends[0]);
	peal_channelloop_settle(&a->channels, ends[0], ends[1]);
	assert_int_equal(a->finished_count, 2);
	assert_int_equal(a->ended_count, 2);
	assert_int_equal(a->last_reason, PEAL_CHANNEL_REASON_NONE);
	assert_false(is_there(ends[0]) || is_there(ends[1]));
	assert_int_equal(counter(0, PEAL_COUNTER_CHANNELS_ENDED), 0);
}

static void
test_channelloop__a_reset_tells_what_was_lost(void **state)
{
	(void)state;
	open_loop();
	assert_true(peal_channelloop_put(&a->channels, ends[1], bytes_of("x"), 1));
	assert_true(peal_channelloop_put(&a->channels, ends[1], bytes_of("y"), 1));
	peal_channelloop_end(&a->channels, ends[0], ends[1], PEAL_CHANNEL_REASON_CLOSED);
	assert_int_equal(a->ended_count, 2);
	assert_int_equal(a->last_reason, PEAL_CHANNEL_REASON_CLOSED);
	assert_int_equal(a->last_lost_count, 2);
	assert_false(is_there(ends[0]) || is_there(ends[1]));
	/* The places are as good as any, for either kind of channel. */
	open_loop();
	peal_channelloop_end(&a->channels, ends[0], ends[1], PEAL_CHANNEL_REASON_CLOSED);
	uint16_t channel = open_to_b();

	say(a, channel, "to another node");
	turn_all(20);
	assert_int_equal(b->messages_count, 1);
}

static void
test_channelloop__two_places_or_none(void **state)
{
	uint32_t count = 0;

	(void)state;
	(void)open_to_b();
	while (peal_channelloop_open(&a->channels, NUMBER, ends) == PEAL_CHANNEL_OK) {
		count++;
	}
	assert_int_equal(count, (PEAL_CHANNELS_MAX - 1U) / 2U);
	assert_int_equal(peal_channelloop_open(&a->channels, NUMBER, ends), PEAL_CHANNEL_TOO_MANY);
	assert_int_equal(a->channels.table.used_count, PEAL_CHANNELS_MAX - 1U);
}

static void
test_channelloop__who_is_no_member_has_none(void **state)
{
	(void)state;
	open_loop();
	peal_fakecores_install(cores, 0, 0, 0, 7);
	turn_all(2);
	assert_int_equal(a->ended_count, 2);
	assert_int_equal(a->last_reason, PEAL_CHANNEL_REASON_REMOVED);
	assert_int_equal(
		peal_channelloop_open(&a->channels, NUMBER, ends), PEAL_CHANNEL_NOT_IN_VIEW);
}

int
main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(test_channelloop__##name, begin, finish)
	const struct CMUnitTest tests[] = {
		TEST(what_is_put_waits_and_what_is_passed_does_not),
		TEST(a_full_queue_takes_no_more),
		TEST(it_ends_when_both_are_closed_and_nothing_waits),
		TEST(a_reset_tells_what_was_lost),
		TEST(two_places_or_none),
		TEST(who_is_no_member_has_none),
	};
#undef TEST

	return cmocka_run_group_tests(tests, NULL, NULL);
}
