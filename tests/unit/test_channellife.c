/* SPDX-License-Identifier: BSD-3-Clause */
#include "dataplane/channellife.h"

#include "tests/lib/talkscene.h"
#include "wire/messages.h"

/* The message that begins a life of the channel at member 3. */
static struct peal_channel_msg
first_of(uint64_t life)
{
	return (struct peal_channel_msg){.epoch = life,
		.seq = peal_channel_first_seq(life),
		.channel = NUMBER,
		.flags = PEAL_CHANNEL_FLAG_DATA};
}

/* It hears that life of A's end, which has said nothing yet. */
static void
set_ack(struct peal_channel_msg *message, uint64_t life)
{
	message->flags |= PEAL_CHANNEL_FLAG_ACK;
	message->ack_epoch = life;
	message->ack = message->credit = peal_channel_first_seq(life);
}

static void
test_channellife__reset_ends_both(void **state)
{
	uint16_t channel = open_to_b();

	(void)state;
	say(a, channel, "hello");
	turn_all(2);
	peal_channels_reset(&b->channels, b->last_channel);
	assert_int_equal(b->ended_count, 1);
	turn_all(2);
	assert_int_equal(a->ended_count, 1);
	assert_int_equal(a->last_reason, PEAL_CHANNEL_REASON_CLOSED);
	assert_int_equal(a->last_lost_count, 0);
}

static void
test_channellife__a_life_that_is_over_stays_over(void **state)
{
	struct peal_channel_msg message = first_of(50);

	(void)state;
	inject(&message, "\1\0x", 3);
	assert_int_equal(a->messages_count, 1);
	peal_channels_reset(&a->channels, a->last_channel);
	/* The same life, and one before it. */
	message.seq++;
	inject(&message, "\1\0y", 3);
	message = first_of(49);
	inject(&message, "\1\0z", 3);
	assert_int_equal(a->messages_count, 1);
	assert_int_equal(a->opened_count, 1);
	assert_int_equal(counter(0, PEAL_COUNTER_CHANNEL_REFUSED_STALE), 2);
	/* A newer one begins; and one newer still ends it. */
	message = first_of(51);
	inject(&message, "\1\0a", 3);
	assert_int_equal(a->opened_count, 2);
	message = first_of(52);
	inject(&message, "\1\0b", 3);
	assert_int_equal(a->opened_count, 3);
	assert_int_equal(a->ended_count, 2);
	assert_int_equal(a->messages_count, 3);
}

/* What was said to a former life of a channel is not heard in the next. */
static void
test_channellife__hear_only_who_hears_this_life(void **state)
{
	struct peal_channel_msg message = first_of(50);
	uint16_t channel;

	(void)state;
	set_ack(&message, 1000);
	assert_int_equal(peal_channels_open(&a->channels, 3, NUMBER, &channel), PEAL_CHANNEL_OK);
	peal_channels_reset(&a->channels, channel);
	inject(&message, "\1\0x", 3); /* nobody is there */
	assert_int_equal(peal_channels_open(&a->channels, 3, NUMBER, &channel), PEAL_CHANNEL_OK);
	inject(&message, "\1\0x", 3); /* somebody else is */
	assert_int_equal(a->messages_count, 0);
	assert_int_equal(a->ended_count, 1);
	assert_int_equal(counter(0, PEAL_COUNTER_CHANNEL_REFUSED_STALE), 2);
	set_ack(&message, 1001);
	inject(&message, "\1\0x", 3);
	assert_int_equal(a->messages_count, 1);
	assert_int_equal(a->opened_count, 0);
	/* It turns out that the stream is paired with the life before. */
	message.ack_epoch = 1000;
	message.seq++;
	inject(&message, "\1\0y", 3);
	assert_int_equal(a->messages_count, 1);
	assert_int_equal(a->ended_count, 2);
	assert_int_equal(a->last_reason, PEAL_CHANNEL_REASON_STALE);
}

/* The peer hears this end and speaks with another stream than is heard: both begin afresh, and not
 * one for the other in turn. */
static void
test_channellife__ends_of_different_lives_part(void **state)
{
	struct peal_channel_msg message = first_of(50);

	(void)state;
	inject(&message, "\1\0x", 3);
	assert_int_equal(a->opened_count, 1);
	message = first_of(60);
	set_ack(&message, 1000);
	inject(&message, "\1\0y", 3);
	assert_int_equal(a->ended_count, 1);
	assert_int_equal(a->opened_count, 1);
	/* Neither stream comes back. */
	message.flags = PEAL_CHANNEL_FLAG_DATA;
	message.ack_epoch = 0;
	inject(&message, "\1\0y", 3);
	assert_int_equal(a->opened_count, 1);
	assert_int_equal(a->messages_count, 1);
}

/* The same by way of a stream that this end has left. */
static void
test_channellife__an_end_that_is_heard_with_an_old_stream_parts(void **state)
{
	struct peal_channel_msg message = first_of(50);
	uint16_t channel;

	(void)state;
	inject(&message, "\1\0x", 3);
	peal_channels_reset(&a->channels, a->last_channel);
	assert_int_equal(peal_channels_open(&a->channels, 3, NUMBER, &channel), PEAL_CHANNEL_OK);
	inject(&message, "\1\0x", 3); /* it may not know yet */
	assert_int_equal(a->ended_count, 1);
	set_ack(&message, 1001);
	inject(&message, "\1\0x", 3);
	assert_int_equal(a->ended_count, 2);
	assert_int_equal(a->last_reason, PEAL_CHANNEL_REASON_STALE);
	assert_int_equal(a->messages_count, 1);
}

/* A reset that is lost: who holds early frames asks again for what is missing, and is told. */
static void
test_channellife__who_waits_for_the_dead_is_told(void **state)
{
	static uint8_t kilobyte[1000];
	uint16_t channel = open_to_b();

	(void)state;
	say(a, channel, "one");
	turn_all(3);
	assert_int_equal(peal_channels_send(&a->channels, channel, kilobyte, sizeof(kilobyte)),
		PEAL_CHANNEL_OK);
	cores->now_ns += 1000;
	peal_fakecores_turn(cores, 0);
	peal_fakeswitch_clear(cores->wire, 1);
	assert_int_equal(peal_channels_send(&a->channels, channel, kilobyte, sizeof(kilobyte)),
		PEAL_CHANNEL_OK);
	turn_all(1);
	assert_int_equal(counter(1, PEAL_COUNTER_CHANNEL_HELD), 1);
	peal_fakeswitch_clear(cores->wire, 0);
	peal_channels_reset(&a->channels, channel);
	peal_fakecores_turn(cores, 0);
	peal_fakeswitch_clear(cores->wire, 1);
	turn_all(3);
	assert_int_equal(b->ended_count, 0);
	assert_int_equal(b->channels.pool.free_count, b->channels.pool.count - 1U);
	cores->now_ns += b->channels.config.rto_ns_max;
	turn_all(3);
	assert_int_equal(b->ended_count, 1);
	assert_int_equal(b->last_reason, PEAL_CHANNEL_REASON_STALE);
	assert_int_equal(b->channels.pool.free_count, b->channels.pool.count);
	assert_int_equal(peal_channels_deadline_at_ns(&b->channels), UINT64_MAX);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_channellife__reset_ends_both, begin, finish),
		cmocka_unit_test_setup_teardown(
			test_channellife__a_life_that_is_over_stays_over, begin, finish),
		cmocka_unit_test_setup_teardown(
			test_channellife__hear_only_who_hears_this_life, begin, finish),
		cmocka_unit_test_setup_teardown(
			test_channellife__ends_of_different_lives_part, begin, finish),
		cmocka_unit_test_setup_teardown(
			test_channellife__an_end_that_is_heard_with_an_old_stream_parts, begin,
			finish),
		cmocka_unit_test_setup_teardown(
			test_channellife__who_waits_for_the_dead_is_told, begin, finish),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
