/* SPDX-License-Identifier: BSD-3-Clause */
/* Channels of node A to B (slot 1) and C (slot 2), without any machine above them. */
#include "dataplane/channelsender.h"

#include "tests/lib/cmocka_all.h"
#include "tests/lib/fakecore.h"

#include <stdlib.h>

#define US         UINT64_C(1000)
#define FRAME      PEAL_CONGESTION_FRAME
#define QUEUE_SIZE 65536U
#define SMALL_SIZE 1000U
#define LARGE_SIZE 1300U /* more than the smallest frame takes */

static struct peal_fakecores *cores;
static struct peal_channeltable *table;
static struct peal_channelsender *sender;
static _Alignas(8) uint8_t queues[4][QUEUE_SIZE];
static uint64_t now_ns;

static int
begin(void **state)
{
	(void)state;
	cores = peal_fakecores_create_view(3, "none");
	table = calloc(1, sizeof(*table));
	sender = calloc(1, sizeof(*sender));
	assert_non_null(table);
	assert_non_null(sender);
	peal_channeltable_init(table);
	peal_channelsender_init(sender, table, &cores->nodes[0]->core.egress,
		&cores->nodes[0]->core.counters, 50 * US);
	peal_channelsender_switch(sender, cores->nodes[0]->core.peers);
	now_ns = cores->now_ns;
	return 0;
}

static int
finish(void **state)
{
	(void)state;
	peal_txqueue_flush(&cores->nodes[0]->core.egress.txqueue);
	peal_fakeswitch_clear(cores->wire, 1);
	peal_fakeswitch_clear(cores->wire, 2);
	peal_fakecores_destroy(cores);
	free(table);
	free(sender);
	return 0;
}

/* A channel to the peer at `slot`, with `count` messages of `size` bytes, one frame each. */
static struct peal_channel *
open_channel_of(uint16_t slot, uint16_t number, uint32_t count, uint32_t size)
{
	static const uint8_t bytes[LARGE_SIZE];
	struct peal_channel *channel = peal_channeltable_spare(table);
	const struct peal_channel_tx_config tx = {.queue_bytes = queues[number],
		.queue_capacity = QUEUE_SIZE,
		.data_size_max = size + 100U,
		.rto_ns_min = 50 * US,
		.rto_ns_max = 10000 * US};

	peal_channeltable_enter(table, channel, slot, slot + 1U, number);
	peal_channel_tx_open(&channel->tx, &tx, number + 1U, PEAL_CHANNEL_WINDOW);
	for (uint32_t i = 0; i < count; i++) {
		assert_true(peal_sendqueue_copy(&channel->tx.queue, bytes, size));
	}
	peal_channelsender_call(sender, channel);
	return channel;
}

static struct peal_channel *
open_channel(uint16_t slot, uint16_t number, uint32_t count)
{
	return open_channel_of(slot, number, count, SMALL_SIZE);
}

static struct peal_congestion *
window_of(uint16_t slot)
{
	return &sender->windows[slot].congestion;
}

static void
set_window(uint16_t slot, uint32_t size)
{
	window_of(slot)->size = window_of(slot)->fabric.size = size;
}

static uint32_t
run(void)
{
	uint32_t count = peal_channelsender_run(sender, now_ns);

	peal_txqueue_flush(&cores->nodes[0]->core.egress.txqueue);
	peal_fakeswitch_clear(cores->wire, 1);
	peal_fakeswitch_clear(cores->wire, 2);
	return count;
}

/* The peer has `count` frames more; the answer comes 20 us after they left. */
static void
answer(struct peal_channel *channel, uint32_t count)
{
	const struct peal_sendqueue_lender lender = {0};
	const struct peal_channel_msg message = {.ack_epoch = channel->tx.epoch,
		.ack = channel->tx.oldest_seq + count,
		.credit = channel->tx.oldest_seq + count + PEAL_CHANNEL_WINDOW};
	const struct peal_channelsender_delays delays = {0};
	uint64_t lost = channel->tx.lost;

	assert_int_equal(peal_channel_tx_on_ack(&channel->tx, &message, &lender, now_ns),
		PEAL_CHANNEL_ACK_PROGRESS);
	peal_channelsender_on_ack(sender, channel, &delays, lost, now_ns);
	peal_channelsender_settle(sender, channel);
}

static void
test_channelsender__channels_to_a_peer_share_its_window(void **state)
{
	struct peal_channel *one = open_channel(1, 0, 20);
	struct peal_channel *two = open_channel(1, 1, 20);
	struct peal_channel *three = open_channel(2, 2, 5);

	(void)state;
	set_window(1, 6 * FRAME);
	/* The other peer's is its own. */
	assert_int_equal(run(), 6 + 5);
	assert_int_equal(one->flights_count, 6);
	assert_int_equal(two->flights_count, 0);
	assert_int_equal(three->flights_count, 5);
	assert_true(one->tx.is_waiting && two->tx.is_waiting && !three->tx.is_waiting);
	assert_int_equal(run(), 0);
	/* Room for three: who had nothing comes first, and then the one who had six. */
	now_ns += 20 * US;
	answer(one, 3);
	set_window(1, 6 * FRAME);
	assert_int_equal(peal_channelsender_deadline_at_ns(sender), 0);
	assert_int_equal(run(), 3);
	assert_int_equal(two->flights_count, 3);
	answer(one, 3);
	set_window(1, 6 * FRAME);
	assert_int_equal(run(), 3);
	assert_int_equal(one->flights_count, 3);
	assert_int_equal(window_of(1)->flights_count, 6);
}

static void
test_channelsender__who_waits_still_has_timers(void **state)
{
	struct peal_channel *channel = open_channel(1, 0, 10);

	(void)state;
	set_window(1, 2 * FRAME);
	assert_int_equal(run(), 2);
	assert_true(channel->tx.is_waiting);
	/* Nothing comes back. First the tail, although the window is full, then the oldest. */
	now_ns = peal_channelsender_deadline_at_ns(sender);
	assert_true(now_ns < UINT64_MAX);
	set_window(1, FRAME);
	assert_int_equal(run(), 1);
	now_ns = peal_channelsender_deadline_at_ns(sender);
	assert_int_equal(run(), 1);
	assert_int_equal(channel->flights_count, 2);
	assert_true(window_of(1)->size < FRAME);
	assert_int_equal(window_of(1)->timeouts_count, 1);
	/* And on, for ever, at a pace: nothing is stuck. */
	for (uint32_t i = 0; i < 20; i++) {
		uint64_t at_ns = peal_channelsender_deadline_at_ns(sender);

		assert_in_range(at_ns, now_ns, now_ns + 21000 * US);
		now_ns = at_ns > now_ns ? at_ns : now_ns;
		(void)run();
	}
	assert_true(
		channel->tx.flights[channel->tx.oldest_seq % PEAL_CHANNEL_WINDOW].sends_count > 5);
}

static void
test_channelsender__below_one_frame_it_waits_for_time(void **state)
{
	struct peal_channel *channel = open_channel(1, 0, 10);

	(void)state;
	assert_int_equal(run(), 10);
	now_ns += 20 * US;
	answer(channel, 10);
	set_window(1, FRAME / 4U);
	for (uint32_t i = 0; i < 4; i++) {
		assert_true(peal_sendqueue_copy(&channel->tx.queue, (const uint8_t *)"", 0));
	}
	peal_channelsender_call(sender, channel);
	assert_int_equal(run(), 1);
	now_ns += 20 * US;
	answer(channel, 1); /* which is good news, taken back here */
	set_window(1, FRAME / 4U);
	(void)run();
	assert_true(peal_channelsender_deadline_at_ns(sender) == now_ns + 60 * US);
	now_ns += 60 * US;
	assert_int_equal(run(), 1);
}

static void
test_channelsender__answers_wait_for_nothing(void **state)
{
	struct peal_channel *one = open_channel(1, 0, 10);
	struct peal_channel *two = open_channel(1, 1, 10);

	(void)state;
	set_window(1, FRAME);
	assert_int_equal(run(), 1);
	assert_true(one->tx.is_waiting && two->tx.is_waiting);
	peal_channel_rx_open(&two->rx, 77, PEAL_CHANNEL_WINDOW);
	peal_channel_rx_owe(&two->rx, now_ns);
	peal_channelsender_settle(sender, two);
	assert_int_equal(run(), 1);
	assert_false(two->rx.is_answer_owed);
	assert_int_equal(two->flights_count, 0);
	assert_true(two->tx.is_waiting);
}

/* Few frames are at the port when the timers of their channels are not set yet; more of them wait
 * for the end of the turn, and for whatever else leaves then. */
static void
test_channelsender__few_frames_leave_at_once(void **state)
{
	const struct peal_txqueue *txqueue = &cores->nodes[0]->core.egress.txqueue;
	struct peal_channel *one = open_channel(1, 0, 1);
	struct peal_channel *two = open_channel(2, 1, 1);

	(void)state;
	assert_int_equal(peal_channelsender_run(sender, now_ns), 2);
	assert_int_equal(txqueue->bulk_count, 0);
	assert_int_equal(txqueue->bulk_sent, 2);
	assert_true(peal_channel_tx_deadline_at_ns(&one->tx) != UINT64_MAX);
	assert_true(peal_channel_tx_deadline_at_ns(&two->tx) != UINT64_MAX);
	assert_true(peal_channelsender_deadline_at_ns(sender) ==
		    peal_channel_tx_deadline_at_ns(&one->tx));
	peal_txqueue_flush(&cores->nodes[0]->core.egress.txqueue);
	now_ns += 10 * US;
	answer(one, 1);
	answer(two, 1);
	assert_int_equal(run(), 0);
	(void)open_channel(1, 2, 3);
	assert_int_equal(peal_channelsender_run(sender, now_ns), 3);
	assert_int_equal(txqueue->bulk_count, 3);
}

static void
test_channelsender__pieces_of_a_frame_are_one_frame(void **state)
{
	const uint32_t narrow = PEAL_CHANNEL_PIECE_HEAD_SIZE + PEAL_CHANNEL_PIECE_SIZE;
	struct peal_channel *channel;

	(void)state;
	cores->nodes[0]->core.egress.body_size_max = 1500;
	channel = open_channel_of(1, 0, 2, LARGE_SIZE);
	assert_int_equal(run(), 2);
	peal_channel_tx_resize(&channel->tx, narrow);
	peal_channelsender_on_resize(sender, channel, now_ns);
	assert_int_equal(window_of(1)->flights_count, 0);
	/* Two pieces each, and room for one frame. */
	set_window(1, FRAME);
	assert_int_equal(run(), 2);
	assert_int_equal(channel->flights_count, 1);
	assert_int_equal(window_of(1)->flights_count, 1);
	assert_true(channel->tx.is_waiting);
	now_ns += 20 * US;
	answer(channel, 1);
	set_window(1, FRAME);
	assert_int_equal(run(), 2);
	answer(channel, 1);
	assert_int_equal(window_of(1)->flights_count, 0);
}

static void
test_channelsender__what_ends_gives_its_room_back(void **state)
{
	const struct peal_sendqueue_lender lender = {0};
	struct peal_channel *one = open_channel(1, 0, 10);
	struct peal_channel *two = open_channel(1, 1, 10);

	(void)state;
	set_window(1, 4 * FRAME);
	assert_int_equal(run(), 4);
	peal_channel_tx_close(&one->tx, &lender);
	peal_channelsender_on_end(sender, one);
	peal_channeltable_forget(table, one, 0);
	assert_int_equal(window_of(1)->flights_count, 0);
	assert_int_equal(run(), 4);
	assert_int_equal(two->flights_count, 4);
	assert_ptr_equal(peal_channeltable_spare(table), one);
	/* A peer that comes anew begins anew. */
	peal_channel_tx_close(&two->tx, &lender);
	peal_channelsender_on_end(sender, two);
	peal_channeltable_forget(table, two, 0);
	sender->windows[1].mid = 99;
	peal_channelsender_switch(sender, cores->nodes[0]->core.peers);
	assert_int_equal(window_of(1)->size, PEAL_CONGESTION_WINDOW_FIRST * FRAME);
}

#define SENDER_TEST(name) cmocka_unit_test_setup_teardown(name, begin, finish)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		SENDER_TEST(test_channelsender__channels_to_a_peer_share_its_window),
		SENDER_TEST(test_channelsender__who_waits_still_has_timers),
		SENDER_TEST(test_channelsender__below_one_frame_it_waits_for_time),
		SENDER_TEST(test_channelsender__answers_wait_for_nothing),
		SENDER_TEST(test_channelsender__few_frames_leave_at_once),
		SENDER_TEST(test_channelsender__pieces_of_a_frame_are_one_frame),
		SENDER_TEST(test_channelsender__what_ends_gives_its_room_back),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
