/* SPDX-License-Identifier: BSD-3-Clause */
#include "dataplane/channels.h"

#include "tests/lib/refuse.h"
#include "tests/lib/talkscene.h"
#include "wire/messages.h"

static void
test_channels__carry_messages_both_ways(void **state)
{
	uint16_t channel = open_to_b();

	(void)state;
	say(a, channel, "one ");
	say(a, channel, "");
	say(a, channel, "two");
	turn_all(2);
	assert_int_equal(b->opened_count, 1);
	assert_int_equal(b->messages_count, 3);
	assert_memory_equal(b->text, "one two", 7);
	/* All in one frame, and the answer in one. */
	assert_int_equal(counter(0, PEAL_COUNTER_CHANNEL_FRAMES_SENT), 1);
	assert_int_equal(counter(1, PEAL_COUNTER_CHANNEL_FRAMES_SENT), 1);
	say(b, b->last_channel, "and back");
	turn_all(2);
	assert_memory_equal(a->text, "and back", 8);
	assert_int_equal(peal_channels_deadline_at_ns(&a->channels), UINT64_MAX);
	assert_int_equal(peal_channels_deadline_at_ns(&b->channels), UINT64_MAX);
}

static void
test_channels__close_in_order(void **state)
{
	uint16_t channel = open_to_b();

	(void)state;
	say(a, channel, "last words");
	assert_int_equal(peal_channels_close(&a->channels, channel), PEAL_CHANNEL_OK);
	assert_int_equal(peal_channels_close(&a->channels, channel), PEAL_CHANNEL_NOT_OPEN);
	assert_int_equal(peal_channels_send(&a->channels, channel, NULL, 0), PEAL_CHANNEL_NOT_OPEN);
	turn_all(3);
	assert_int_equal(b->text_size, 10);
	assert_int_equal(b->finished_count, 1);
	assert_int_equal(b->ended_count, 0);
	say(b, b->last_channel, "and mine");
	assert_int_equal(peal_channels_close(&b->channels, b->last_channel), PEAL_CHANNEL_OK);
	turn_all(3);
	assert_memory_equal(a->text, "and mine", 8);
	assert_int_equal(a->ended_count, 1);
	assert_int_equal(b->ended_count, 1);
	assert_int_equal(a->last_reason, PEAL_CHANNEL_REASON_NONE);
	assert_int_equal(b->last_reason, PEAL_CHANNEL_REASON_NONE);
	/* The number is free for another life. */
	channel = open_to_b();
	say(a, channel, "!");
	turn_all(3);
	assert_int_equal(b->opened_count, 2);
	assert_int_equal(b->text_size, 11);
}

static void
test_channels__report_what_a_removed_peer_may_not_have(void **state)
{
	uint16_t channel = open_to_b();

	(void)state;
	cores->nodes[1]->is_running = false;
	say(a, channel, "one");
	say(a, channel, "two");
	turn_all(2U * PEAL_RTT_UNKNOWN_NS / 10000U);
	assert_true(counter(0, PEAL_COUNTER_CHANNEL_FRAMES_REPEATED) > 0);
	peal_fakecores_install(cores, 0, PEAL_FAKECORE_EPOCH + 1U, 0x5, 0x2);
	assert_int_equal(a->ended_count, 1);
	assert_int_equal(a->last_reason, PEAL_CHANNEL_REASON_REMOVED);
	assert_int_equal(a->last_lost_count, 2);
	assert_int_equal(peal_channels_send(&a->channels, channel, NULL, 0), PEAL_CHANNEL_NOT_OPEN);
	assert_int_equal(
		peal_channels_open(&a->channels, 2, NUMBER, &channel), PEAL_CHANNEL_NOT_IN_VIEW);
}

static void
test_channels__outlive_a_view_change(void **state)
{
	uint16_t channel = open_to_b();

	(void)state;
	say(a, channel, "before ");
	turn_all(2);
	/* One is in the next view already, the other not: nobody waits. */
	peal_fakecores_install(cores, 0, PEAL_FAKECORE_EPOCH + 1U, 0x3, 0x4);
	say(a, channel, "between ");
	turn_all(2);
	peal_fakecores_install(cores, 1, PEAL_FAKECORE_EPOCH + 1U, 0x3, 0x4);
	say(a, channel, "after");
	turn_all(2);
	assert_int_equal(b->text_size, 20);
	assert_memory_equal(b->text, "before between after", 20);
}

static void
test_channels__refuse_who_is_not_expected(void **state)
{
	uint16_t channel = open_to_b();
	uint16_t other;

	(void)state;
	assert_int_equal(peal_channels_open(&a->channels, 2, NUMBER, &other), PEAL_CHANNEL_IN_USE);
	assert_int_equal(
		peal_channels_open(&a->channels, 1, NUMBER, &other), PEAL_CHANNEL_NOT_IN_VIEW);
	assert_int_equal(
		peal_channels_open(&a->channels, 99, NUMBER, &other), PEAL_CHANNEL_NOT_IN_VIEW);
	b->is_listening = false;
	say(a, channel, "anybody?");
	turn_all(3);
	assert_int_equal(counter(1, PEAL_COUNTER_CHANNEL_REFUSED_UNKNOWN), 1);
	assert_int_equal(a->ended_count, 1);
	assert_int_equal(a->last_reason, PEAL_CHANNEL_REASON_UNKNOWN);
	assert_int_equal(a->last_lost_count, 1);
	assert_int_equal(b->opened_count, 0);
}

static void
test_channels__lies_change_nothing_or_end_the_life(void **state)
{
	const uint64_t epoch = 77;
	struct peal_channel_msg message = {.epoch = epoch,
		.seq = peal_channel_first_seq(epoch),
		.channel = NUMBER,
		.flags = PEAL_CHANNEL_FLAG_DATA};
	struct peal_channel_msg answer = {
		.ack_epoch = 1000, .channel = NUMBER, .flags = PEAL_CHANNEL_FLAG_ACK};

	(void)state;
	cores->nodes[2]->is_running = false; /* it would deny what is said in its name */
	inject(&message, "\1\0x", 3);
	assert_int_equal(a->messages_count, 1);
	/* Acknowledges what was never sent; grants more than a window. */
	answer.ack = peal_channel_first_seq(1000) + 1U;
	answer.credit = answer.ack;
	inject(&answer, "", 0);
	assert_int_equal(counter(0, PEAL_COUNTER_CHANNEL_REFUSED_ACK), 1);
	answer.ack--;
	answer.credit = answer.ack + PEAL_CHANNEL_WINDOW + 1U;
	inject(&answer, "", 0);
	answer.credit = answer.ack;
	answer.sack = 1;
	inject(&answer, "", 0);
	assert_int_equal(counter(0, PEAL_COUNTER_CHANNEL_REFUSED_ACK), 3);
	/* Beyond the window. */
	message.seq += 1U + PEAL_CHANNEL_WINDOW;
	inject(&message, "\1\0y", 3);
	assert_int_equal(counter(0, PEAL_COUNTER_CHANNEL_REFUSED_BEYOND), 1);
	assert_int_equal(a->ended_count, 0);
	/* A record longer than the frame. */
	message.seq = peal_channel_first_seq(epoch) + 1U;
	inject(&message, "\3\0y", 3);
	assert_int_equal(counter(0, PEAL_COUNTER_CHANNEL_REFUSED_PROTOCOL), 1);
	assert_int_equal(a->ended_count, 1);
	assert_int_equal(a->last_reason, PEAL_CHANNEL_REASON_PROTOCOL);
	assert_int_equal(a->messages_count, 1);
}

static void
test_channels__too_many_are_refused(void **state)
{
	struct peal_channel_msg message = {.epoch = 1, .flags = PEAL_CHANNEL_FLAG_DATA};

	(void)state;
	cores->nodes[2]->is_running = false; /* it would deny what is said in its name */
	for (uint16_t i = 0; i < PEAL_CHANNELS_MAX + 10U; i++) {
		message.epoch = i + 1U;
		message.seq = peal_channel_first_seq(message.epoch);
		message.channel = i;
		inject(&message, "\1\0x", 3);
	}
	/* One peer has as many as it leaves free. */
	assert_int_equal(a->opened_count, PEAL_CHANNELS_MAX / 2U);
	assert_int_equal(
		counter(0, PEAL_COUNTER_CHANNEL_REFUSED_SHARE), PEAL_CHANNELS_MAX / 2U + 10U);
	assert_int_equal(counter(0, PEAL_COUNTER_CHANNEL_REFUSED_FULL), 0);
	/* What this node opens is its own affair. */
	uint16_t channel;

	for (uint16_t i = 0; i < PEAL_CHANNELS_MAX / 2U; i++) {
		assert_int_equal(
			peal_channels_open(&a->channels, 2, (uint16_t)(NUMBER + 1U + i), &channel),
			PEAL_CHANNEL_OK);
	}
	message.epoch++;
	inject(&message, "\1\0x", 3);
	assert_int_equal(counter(0, PEAL_COUNTER_CHANNEL_REFUSED_FULL), 1);
	/* Who closed makes room, the one that closed first. */
	assert_int_equal(
		peal_channels_open(&a->channels, 2, NUMBER, &channel), PEAL_CHANNEL_TOO_MANY);
	peal_channels_reset(&a->channels, 5);
	assert_int_equal(peal_channels_open(&a->channels, 2, NUMBER, &channel), PEAL_CHANNEL_OK);
	assert_int_equal(channel, 5);
}

static void
test_channels__a_large_message_is_lent(void **state)
{
	static uint8_t large[100000];
	uint16_t channel = open_to_b();

	(void)state;
	for (uint32_t i = 0; i < sizeof(large); i++) {
		large[i] = (uint8_t)(i >> 3);
	}
	assert_int_equal(peal_channels_lend(&a->channels, channel, large, sizeof(large), 0),
		PEAL_CHANNEL_OK);
	say(a, channel, "end");
	turn_all(60);
	assert_int_equal(a->released_count, 1);
	assert_int_equal(b->messages_count, 2);
	assert_int_equal(b->text_size, sizeof(large) + 3U);
	assert_memory_equal(b->text, large, sizeof(large));
	assert_int_equal(counter(0, PEAL_COUNTER_CHANNEL_FRAMES_REPEATED), 0);
}

static void
test_channels__say_when_they_are_full(void **state)
{
	static uint8_t kilobyte[1024];
	uint16_t channel = open_to_b();
	uint32_t count = 0;

	(void)state;
	while (peal_channels_send(&a->channels, channel, kilobyte, sizeof(kilobyte)) ==
		PEAL_CHANNEL_OK) {
		count++;
	}
	assert_int_equal(count, PEAL_SPEAKER_QUEUE_SIZE / (sizeof(kilobyte) + 8U));
	assert_int_equal(peal_channels_send(&a->channels, channel, kilobyte, sizeof(kilobyte)),
		PEAL_CHANNEL_FULL);
	turn_all(20);
	assert_int_equal(b->messages_count, count);
	assert_int_equal(peal_channels_send(&a->channels, channel, kilobyte, sizeof(kilobyte)),
		PEAL_CHANNEL_OK);
	assert_int_equal(
		peal_channels_lend(&a->channels, channel, kilobyte, PEAL_MESSAGE_SIZE_MAX + 1U, 1),
		PEAL_CHANNEL_TOO_BIG);
	/* A copy that the queue cannot hold even when it is empty will never go: not FULL, but
	 * TOO_BIG. As a loan it goes. */
	static const uint8_t large[PEAL_SPEAKER_QUEUE_SIZE];

	assert_int_equal(peal_channels_send(&a->channels, channel, large, sizeof(large) - 7U),
		PEAL_CHANNEL_TOO_BIG);
	assert_int_equal(peal_channels_send(&a->channels, channel, large, sizeof(large) - 8U),
		PEAL_CHANNEL_FULL);
	turn_all(8);
	assert_int_equal(peal_channels_lend(&a->channels, channel, large, sizeof(large), 0),
		PEAL_CHANNEL_OK);
	turn_all(8);
	assert_int_equal(peal_channels_send(&a->channels, channel, large, sizeof(large) - 8U),
		PEAL_CHANNEL_OK);
}

static struct {
	uint32_t deliveries_count;
	bool was_idle; /* all that A had sent was known to have arrived */
	uint32_t released_count;
} seen;

static void
see(void *state, uint16_t channel, const struct peal_delivery *delivery)
{
	const struct peal_speaker *speaker = state;

	(void)delivery;
	seen.deliveries_count++;
	seen.was_idle = peal_channel_tx_is_idle(&speaker->channels.table.channels[channel].tx);
	seen.released_count = speaker->released_count;
}

/* B gets a message and answers in the frame that acknowledges it. */
static void
be_answered(uint16_t channel)
{
	turn_all(1);
	assert_false(peal_channel_tx_is_idle(&a->channels.table.channels[channel].tx));
	say(b, b->last_channel, "answer");
	turn_all(2);
	assert_true(peal_channel_tx_is_idle(&a->channels.table.channels[channel].tx));
}

/* An answer is there before what came with it is looked at, unless A would see a difference. */
static void
test_channels__deliver_before_they_count(void **state)
{
	static const uint8_t large[PEAL_SPEAKER_QUEUE_SIZE / 2U];
	uint16_t channel = open_to_b();

	(void)state;
	say(a, channel, "hello");
	turn_all(2);
	say(b, b->last_channel, "hello");
	turn_all(3);
	a->channels.config.user.deliver = see;
	say(a, channel, "question");
	be_answered(channel);
	assert_int_equal(seen.deliveries_count, 1);
	assert_false(seen.was_idle);

	assert_int_equal(peal_channels_lend(&a->channels, channel, large, 100, 0), PEAL_CHANNEL_OK);
	be_answered(channel);
	assert_int_equal(seen.deliveries_count, 2);
	assert_true(seen.was_idle);
	assert_int_equal(seen.released_count, 1);

	/* More than half of the room is taken. */
	assert_int_equal(
		peal_channels_send(&a->channels, channel, large, sizeof(large)), PEAL_CHANNEL_OK);
	be_answered(channel);
	assert_int_equal(seen.deliveries_count, 3);
	assert_true(seen.was_idle);
}

/* All channels of A are full all the time, and its port takes less than they want. */
static void
test_channels__bulk_costs_no_probe(void **state)
{
	struct peal_fakeport *port = &cores->wire->ports[0];
	static const uint8_t bytes[1000];
	uint16_t channels[PEAL_CHANNELS_MAX];
	uint64_t until_ns = cores->now_ns + 2000000000U;

	(void)state;
	for (uint32_t i = 0; i < PEAL_CHANNELS_MAX; i++) {
		assert_int_equal(
			peal_channels_open(&a->channels, 2U + i % 2U, (uint16_t)i, &channels[i]),
			PEAL_CHANNEL_OK);
	}
	port->ring_max = 64;
	for (uint32_t turn = 0; cores->now_ns < until_ns; turn++) {
		uint32_t drained = port->ring_count < 4 ? port->ring_count : 4;

		for (uint32_t i = turn % 8U; i < PEAL_CHANNELS_MAX; i += 8U) {
			(void)peal_channels_send(&a->channels, channels[i], bytes, sizeof(bytes));
		}
		port->ring_count -= drained;
		cores->now_ns += 100000;
		peal_fakecores_turn_all(cores);
		b->text_size = speakers[2].text_size = 0;
	}
	assert_true(b->messages_count + speakers[2].messages_count > 20000);
	assert_true(counter(0, PEAL_COUNTER_TX_DROPPED) > 0);
	for (uint32_t i = 0; i < 3; i++) {
		assert_true(counter(i, PEAL_COUNTER_PROBES_SENT) >= 76);
		assert_int_equal(counter(i, PEAL_COUNTER_PROBES_FAILED), 0);
	}
	assert_int_equal(counter(0, PEAL_COUNTER_ACKS_SENT), counter(0, PEAL_COUNTER_PROBES_HEARD));
}

/* --- paths of different size --- */

#define WIDE_SIZE 1954U /* body of the largest frame that fits the fake switch */
#define LENT_SIZE 100000U

static uint32_t passing_size_max;

static bool
lose_large(void *state, uint32_t from, uint32_t to, const uint8_t *data, uint32_t size)
{
	(void)state;
	(void)data;
	return from != 0 || to != 1 || size <= passing_size_max;
}

static int
begin_wide(void **state)
{
	(void)state;
	cores = peal_fakecores_create_view(3, "ipsec_mb");
	speakers = peal_speakers_create_wide(cores, WIDE_SIZE);
	a = &speakers[0];
	b = &speakers[1];
	cores->wire->filter = lose_large;
	passing_size_max = UINT32_MAX;
	return 0;
}

/* Lent bytes arrive whole over a path that becomes wider and then narrower while they pass, and
 * nothing but time is lost. */
static void
test_channels__follow_a_path_that_changes(void **state)
{
	static uint8_t lent[LENT_SIZE];
	uint16_t channel = open_to_b();
	uint32_t turns_count = 0;

	(void)state;
	for (uint32_t i = 0; i < LENT_SIZE; i++) {
		lent[i] = (uint8_t)(i * 7U + (i >> 8));
	}
	assert_int_equal(
		peal_channels_lend(&a->channels, channel, lent, LENT_SIZE, 0), PEAL_CHANNEL_OK);
	turn_all(2); /* some of it left before the path was known */
	assert_int_equal(a->channels.table.channels[channel].tx.config.data_size_max,
		WIDE_SIZE - PEAL_CHANNEL_HEADER_SIZE);
	assert_true(b->text_size > 0);
	assert_true(b->text_size < LENT_SIZE);
	passing_size_max = 14U + PEAL_MTU_MIN;
	while (a->released_count == 0) {
		turn_all(1);
		assert_true(++turns_count < 10000); /* a tenth of a second */
	}
	assert_int_equal(b->text_size, LENT_SIZE);
	assert_memory_equal(b->text, lent, LENT_SIZE);
	assert_int_equal(a->ended_count + b->ended_count, 0);
	assert_int_equal(counter(0, PEAL_COUNTER_PATHS_NARROWED), 1);
	assert_true(counter(0, PEAL_COUNTER_CHANNEL_PIECES_SENT) > 0);
	assert_true(counter(1, PEAL_COUNTER_CHANNEL_PIECES_HEARD) > 0);
	assert_int_equal(b->channels.pool.free_count, b->channels.pool.count);
}

/* Loses all from A to B. */
static bool
part(void *state, uint32_t from, uint32_t to, const uint8_t *data, uint32_t size)
{
	(void)state;
	(void)data;
	(void)size;
	return from != 0 || to != 1;
}

/* One direction is cut: both go round, are told so, and come back. */
static void
test_channels__go_round_a_broken_link(void **state)
{
	uint16_t channel = open_to_b();

	(void)state;
	say(a, channel, "one ");
	turn_all(10);
	assert_false(peal_channels_is_indirect(&a->channels, channel));
	cores->wire->filter = part;
	say(a, channel, "two ");
	say(b, b->last_channel, "and ");
	turn_all(6000); /* 60 ms */
	assert_memory_equal(b->text, "one two ", 8);
	assert_memory_equal(a->text, "and ", 4);
	say(a, channel, "three ");
	say(b, b->last_channel, "back");
	turn_all(10);
	assert_memory_equal(b->text, "one two three ", 14);
	assert_memory_equal(a->text, "and back", 8);
	assert_true(peal_channels_is_indirect(&a->channels, channel));
	assert_int_equal(a->rerouted_count, 1);
	assert_int_equal(b->rerouted_count, 1);
	assert_true(a->is_indirect);
	assert_true(b->is_indirect);
	assert_true(counter(2, PEAL_COUNTER_RELAY_PASSED) > 0);
	assert_int_equal(a->ended_count, 0);
	cores->wire->filter = NULL;
	turn_all(25000);
	assert_false(peal_channels_is_indirect(&a->channels, channel));
	assert_int_equal(a->rerouted_count, 2);
	assert_int_equal(b->rerouted_count, 2);
	assert_false(a->is_indirect);
	assert_int_equal(peal_channels_deadline_at_ns(&a->channels), UINT64_MAX);
}

/* Each change is told once, and moves the target of delay. */
static void
test_channels__tell_how_a_peer_is_reached(void **state)
{
	const struct peal_channel_way round = {
		.is_moved = true, .is_round = true, .is_indirect = true};
	const struct peal_channel_way direct = {.is_moved = true};
	uint16_t channel = open_to_b();

	(void)state;
	peal_channels_on_path(&a->channels, 1, &round, cores->now_ns);
	assert_int_equal(a->rerouted_count, 1);
	assert_true(peal_channels_is_indirect(&a->channels, channel));
	assert_int_equal(a->channels.sender.windows[1].congestion.target_ns,
		PEAL_CONGESTION_ROUND_FACTOR * PEAL_CONGESTION_TARGET_NS);
	/* The same again is no news. */
	peal_channels_on_path(&a->channels, 1, &round, cores->now_ns);
	assert_int_equal(a->rerouted_count, 1);
	peal_channels_on_path(&a->channels, 1, &direct, cores->now_ns);
	assert_int_equal(a->rerouted_count, 2);
	assert_false(peal_channels_is_indirect(&a->channels, channel));
	assert_int_equal(
		a->channels.sender.windows[1].congestion.target_ns, PEAL_CONGESTION_TARGET_NS);
}

#define CHANNELS_TEST(name) cmocka_unit_test_setup_teardown(name, begin, finish)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		CHANNELS_TEST(test_channels__carry_messages_both_ways),
		CHANNELS_TEST(test_channels__close_in_order),
		cmocka_unit_test_setup_teardown(
			test_channels__follow_a_path_that_changes, begin_wide, finish),
		CHANNELS_TEST(test_channels__report_what_a_removed_peer_may_not_have),
		CHANNELS_TEST(test_channels__outlive_a_view_change),
		CHANNELS_TEST(test_channels__refuse_who_is_not_expected),
		CHANNELS_TEST(test_channels__lies_change_nothing_or_end_the_life),
		CHANNELS_TEST(test_channels__too_many_are_refused),
		CHANNELS_TEST(test_channels__a_large_message_is_lent),
		CHANNELS_TEST(test_channels__say_when_they_are_full),
		CHANNELS_TEST(test_channels__deliver_before_they_count),
		CHANNELS_TEST(test_channels__bulk_costs_no_probe),
		CHANNELS_TEST(test_channels__go_round_a_broken_link),
		CHANNELS_TEST(test_channels__tell_how_a_peer_is_reached),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
