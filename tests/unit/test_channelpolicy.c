/* SPDX-License-Identifier: BSD-3-Clause */
#include "dataplane/channelpolicy.h"

#include "tests/lib/talkscene.h"

/* B takes nothing; A says `count` messages of one kilobyte, the first letter of each its place. */
static uint16_t
say_to_a_slow_one(enum peal_channel_policy policy, uint32_t count)
{
	uint8_t kilobyte[1000] = {0};
	uint16_t channel = open_to_b();

	peal_channels_set_policy(&a->channels, channel, policy, 1000000);
	say(a, channel, "!");
	turn_all(2);
	for (uint32_t i = 0; i < 2U * PEAL_CHANNEL_WINDOW; i++) { /* uses up what was granted */
		peal_channels_grant(&b->channels, b->last_channel, 0, cores->now_ns);
		if (peal_channels_send(&a->channels, channel, kilobyte, 1000) == PEAL_CHANNEL_OK) {
			turn_all(2);
		}
	}
	for (uint32_t i = 0; i < count; i++) {
		kilobyte[0] = (uint8_t)i;
		(void)peal_channels_send(&a->channels, channel, kilobyte, sizeof(kilobyte));
	}
	return channel;
}

static void
test_channelpolicy__drop_behind_keeps_the_newest(void **state)
{
	uint16_t channel = say_to_a_slow_one(PEAL_CHANNEL_DROP_BEHIND, 100);
	const struct peal_sendqueue *queue = &a->channels.table.channels[channel].tx.queue;
	uint32_t messages_count = b->messages_count;

	(void)state;
	/* All were accepted, and the queue holds the newest of them. */
	assert_true(a->dropped_count > 84);
	assert_int_equal(a->dropped_count, counter(0, PEAL_COUNTER_CHANNEL_MESSAGES_DROPPED));
	assert_int_equal(queue->accepted_count, 1 + 2 * PEAL_CHANNEL_WINDOW + 100);
	peal_channels_grant(&b->channels, b->last_channel, PEAL_CHANNEL_WINDOW, cores->now_ns);
	b->text_size = 0;
	turn_all(20);
	assert_int_equal(queue->released_count, queue->accepted_count);
	assert_int_equal(b->messages_count + a->dropped_count, queue->accepted_count);
	assert_true(b->messages_count > messages_count);
	assert_int_equal(b->text_size % 1000U, 0);
	for (uint32_t i = 0; i < b->text_size / 1000U; i++) {
		assert_int_equal(b->text[(size_t)1000U * i], 100U - b->text_size / 1000U + i);
	}
	assert_int_equal(a->ended_count, 0);
}

static void
test_channelpolicy__block_gives_nothing_up(void **state)
{
	uint16_t channel = say_to_a_slow_one(PEAL_CHANNEL_BLOCK, 100);
	const struct peal_sendqueue *queue = &a->channels.table.channels[channel].tx.queue;

	(void)state;
	turn_all(1000);
	assert_int_equal(a->dropped_count, 0);
	assert_int_equal(a->ended_count, 0);
	assert_true(queue->accepted_count < 1 + 2 * PEAL_CHANNEL_WINDOW);
	assert_int_equal(
		peal_channels_send(&a->channels, channel, a->text, 1000), PEAL_CHANNEL_FULL);
}

static void
test_channelpolicy__evict_ends_who_waits_for_too_long(void **state)
{
	uint16_t channel = say_to_a_slow_one(PEAL_CHANNEL_EVICT, 0);
	const struct peal_sendqueue *queue = &a->channels.table.channels[channel].tx.queue;
	uint64_t left_count = queue->accepted_count - queue->released_count;
	uint64_t from_ns = cores->now_ns;

	(void)state;
	assert_true(left_count > 0);
	assert_int_equal(a->ended_count, 0);
	while (a->ended_count == 0 && cores->now_ns < from_ns + 4000000U) {
		turn_all(1);
	}
	assert_in_range(cores->now_ns - from_ns, 0, 2000000);
	assert_int_equal(a->last_reason, PEAL_CHANNEL_REASON_SLOW);
	assert_int_equal(a->last_lost_count, left_count);
	assert_int_equal(counter(0, PEAL_COUNTER_CHANNELS_EVICTED), 1);
	turn_all(2);
	assert_int_equal(b->ended_count, 1);
	assert_int_equal(b->last_reason, PEAL_CHANNEL_REASON_SLOW);
}

static void
test_channelpolicy__evict_spares_who_goes_on(void **state)
{
	uint16_t channel = open_to_b();

	(void)state;
	peal_channels_set_policy(&a->channels, channel, PEAL_CHANNEL_EVICT, 200000);
	for (uint32_t i = 0; i < 500; i++) { /* 10 ms, and never nothing to send */
		say(a, channel, "on and on ");
		turn_all(1);
		say(a, channel, "on and on ");
		turn_all(1);
	}
	turn_all(100); /* and then nothing, for longer than the bound */
	assert_int_equal(a->ended_count, 0);
	assert_int_equal(b->messages_count, 1000);
	assert_true(peal_channels_deadline_at_ns(&a->channels) == UINT64_MAX);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(
			test_channelpolicy__drop_behind_keeps_the_newest, begin, finish),
		cmocka_unit_test_setup_teardown(
			test_channelpolicy__block_gives_nothing_up, begin, finish),
		cmocka_unit_test_setup_teardown(
			test_channelpolicy__evict_ends_who_waits_for_too_long, begin, finish),
		cmocka_unit_test_setup_teardown(
			test_channelpolicy__evict_spares_who_goes_on, begin, finish),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
