/* SPDX-License-Identifier: BSD-3-Clause */
#include "dataplane/channelsender.h"

#include "base/museum.h"
#include "wire/messages.h"

#include <string.h>

/* A turn that sends no more has them leave before it does anything else. */
#define HASTENED_COUNT 2U

_Static_assert(PEAL_SLOTS_MAX <= PEAL_RESIDENTS_MAX, "every slot has a deadline");
_Static_assert(PEAL_CHANNELS_MAX <= PEAL_RESIDENTS_MAX, "and every channel");

static void
begin_window(struct peal_channelsender *sender, uint16_t slot, uint64_t mid)
{
	struct peal_channelsender_window *window = &sender->windows[slot];

	window->mid = mid;
	peal_congestion_init(&window->congestion, sender->target_ns);
	peal_channellist_init(&window->waiting);
	peal_deadlines_set(&sender->windows_at, slot, UINT64_MAX);
}

void
peal_channelsender_init(struct peal_channelsender *sender, struct peal_channeltable *table,
	struct peal_egress *egress, struct peal_counters *counters, uint64_t target_ns)
{
	memset(sender, 0, sizeof(*sender));
	sender->table = table;
	sender->egress = egress;
	sender->counters = counters;
	sender->target_ns = target_ns;
	peal_channellist_init(&sender->ready);
	peal_channellist_init(&sender->served);
	peal_deadlines_init(&sender->frames_at, PEAL_CHANNELS_MAX);
	peal_deadlines_init(&sender->windows_at, PEAL_SLOTS_MAX);
	for (uint16_t slot = 0; slot < PEAL_SLOTS_MAX; slot++) {
		begin_window(sender, slot, 0);
	}
}

/* All who wait for this peer stand in the list of senders again. */
static void
wake(struct peal_channelsender *sender, uint16_t slot)
{
	peal_channeltable_append(sender->table, &sender->ready, &sender->windows[slot].waiting);
	peal_deadlines_set(&sender->windows_at, slot, UINT64_MAX);
}

void
peal_channelsender_switch(struct peal_channelsender *sender, const struct peal_peers *peers)
{
	for (uint16_t slot = 0; slot < PEAL_SLOTS_MAX; slot++) {
		if (sender->windows[slot].mid != peers->peers[slot].mid) {
			wake(sender, slot);
			begin_window(sender, slot, peers->peers[slot].mid);
		}
	}
}

/* It has something that must not wait for the window to its peer. */
static bool
is_pressing(const struct peal_channel *channel)
{
	return channel->rx.is_answer_due || peal_channel_tx_is_urgent(&channel->tx);
}

static bool
has_frames(const struct peal_channel *channel)
{
	return channel->tx.epoch != 0 && peal_channel_tx_is_ready(&channel->tx);
}

void
peal_channelsender_call(struct peal_channelsender *sender, struct peal_channel *channel)
{
	if (__builtin_expect(channel->tx.is_waiting, 0) && is_pressing(channel)) {
		wake(sender, channel->slot);
	}
	peal_channeltable_push(sender->table, &sender->ready, channel);
}

void
peal_channelsender_settle(struct peal_channelsender *sender, struct peal_channel *channel)
{
	uint64_t at_ns;
	uint64_t rx_at_ns;

	if (channel->state != PEAL_CHANNEL_FREE &&
		(channel->rx.is_answer_due || has_frames(channel))) {
		peal_channelsender_call(sender, channel);
		if (__builtin_expect(!channel->tx.is_waiting, 1)) {
			return; /* its turn comes, and then its timer is set */
		}
	}
	at_ns = peal_channel_tx_deadline_at_ns(&channel->tx);
	rx_at_ns = peal_channel_rx_deadline_at_ns(&channel->rx, channel->tx.config.rto_ns_max);
	peal_deadlines_set(&sender->frames_at, peal_channeltable_index(sender->table, channel),
		rx_at_ns < at_ns ? rx_at_ns : at_ns);
}

/* The next frame of the channel may leave: there is room, or it must not wait. */
static inline bool
may_send(const struct peal_channelsender *sender, const struct peal_channel *channel,
	uint64_t now_ns)
{
	return peal_congestion_may_send(&sender->windows[channel->slot].congestion, now_ns) ||
	       peal_channel_tx_is_urgent(&channel->tx);
}

/* What is on its way by the stream's account. */
static void
recount(struct peal_channelsender *sender, struct peal_channel *channel)
{
	uint32_t count = channel->tx.epoch == 0 ? 0 : peal_channel_tx_flights_count(&channel->tx);

	peal_congestion_add(&sender->windows[channel->slot].congestion,
		(int32_t)(count - channel->flights_count));
	channel->flights_count = count;
}

/* There may be room, or there will be at a certain time. */
static void
offer(struct peal_channelsender *sender, uint16_t slot, uint64_t now_ns)
{
	struct peal_channelsender_window *window = &sender->windows[slot];

	if (__builtin_expect(window->waiting.first == PEAL_CHANNEL_NONE, 1)) {
		return;
	}
	if (peal_congestion_may_send(&window->congestion, now_ns)) {
		wake(sender, slot);
	} else {
		peal_deadlines_set(&sender->windows_at, slot,
			peal_congestion_deadline_at_ns(&window->congestion));
	}
}

static void
count_events(struct peal_channelsender *sender, bool is_loss, bool is_shrunk)
{
	peal_counter_add(sender->counters, PEAL_COUNTER_CHANNEL_LOSSES, is_loss);
	peal_counter_add(sender->counters, PEAL_COUNTER_CHANNEL_WINDOWS_SHRUNK, is_shrunk);
}

void
peal_channelsender_on_ack(struct peal_channelsender *sender, struct peal_channel *channel,
	const struct peal_channelsender_delays *delays, uint64_t lost_before, uint64_t now_ns)
{
	struct peal_congestion *congestion = &sender->windows[channel->slot].congestion;
	const struct peal_congestion_news news = {.arrived_count = channel->tx.arrived_count,
		.rtt_ns = channel->tx.sample_ns,
		.remote_ns = delays->remote_ns,
		.local_ns = delays->local_ns,
		.unseen_ns = delays->unseen_ns};
	bool is_loss = __builtin_expect(channel->tx.lost != 0, 0) && lost_before == 0;
	bool is_shrunk = peal_congestion_on_ack(congestion, &news, now_ns);

	if (is_loss) {
		is_shrunk |= peal_congestion_on_loss(congestion, now_ns);
	}
	if (__builtin_expect(is_loss || is_shrunk, 0)) {
		count_events(sender, is_loss, is_shrunk);
	}
	recount(sender, channel);
	offer(sender, channel->slot, now_ns);
}

void
peal_channelsender_on_resize(
	struct peal_channelsender *sender, struct peal_channel *channel, uint64_t now_ns)
{
	if (channel->tx.lost != 0) {
		peal_congestion_absolve(&sender->windows[channel->slot].congestion);
	}
	recount(sender, channel);
	offer(sender, channel->slot, now_ns);
	peal_channelsender_settle(sender, channel);
}

void
peal_channelsender_on_end(struct peal_channelsender *sender, struct peal_channel *channel)
{
	recount(sender, channel);
	/* One that waits leaves its list through that of the senders. */
	wake(sender, channel->slot);
	peal_deadlines_set(
		&sender->frames_at, peal_channeltable_index(sender->table, channel), UINT64_MAX);
}

/* The channel, in no list, has frames and may not send them. */
static void
wait(struct peal_channelsender *sender, struct peal_channel *channel, uint64_t now_ns)
{
	channel->tx.is_waiting = true;
	peal_channeltable_push(sender->table, &sender->windows[channel->slot].waiting, channel);
	peal_counter_add(sender->counters, PEAL_COUNTER_CHANNEL_WAITS, 1);
	offer(sender, channel->slot, now_ns);
}

/* One frame of a channel, an answer alone unless `is_free`. False: the port has no packet. */
static bool
send_frame(struct peal_channelsender *sender, struct peal_channel *channel, bool is_free,
	uint64_t now_ns)
{
	struct peal_counters *counters = sender->counters;
	struct peal_channel_msg message = {.channel = channel->number};
	struct peal_packet packet;
	uint8_t *body = peal_egress_begin(sender->egress, &packet);
	struct peal_channel_rest rest = {.size = 0};
	uint32_t next_seq = channel->tx.next_seq;
	uint32_t size = 0;

	if (body == NULL) {
		return false;
	}
	if (is_free) {
		size = peal_channel_tx_make_parts(
			&channel->tx, &message, body + PEAL_CHANNEL_HEADER_SIZE, &rest, now_ns);
		if ((message.flags & PEAL_CHANNEL_FLAG_DATA) != 0) {
			peal_congestion_on_send(&sender->windows[channel->slot].congestion, now_ns);
			channel->flights_count++;
			if (__builtin_expect((message.flags & PEAL_CHANNEL_FLAG_PIECE) != 0, 0) &&
				!PEAL_BUG(PIECES_ARE_FRAMES)) {
				/* Only with the last of its pieces the frame is on its way. */
				recount(sender, channel);
			}
		}
		if (__builtin_expect(channel->tx.is_path_suspect, 0)) {
			channel->tx.is_path_suspect = false;
			if (sender->paths != NULL) {
				peal_pathmtu_suspect(sender->paths, channel->slot);
			}
		}
		if (message.seq != next_seq) {
			peal_counter_add(counters, PEAL_COUNTER_CHANNEL_FRAMES_REPEATED, 1);
		}
	}
	if (channel->rx.epoch != 0) {
		peal_channel_rx_answer(&channel->rx, &message, now_ns);
	}
	peal_channel_msg_encode(&message, body);
	size += PEAL_CHANNEL_HEADER_SIZE;
	if (rest.size > 0) {
		const struct peal_egress_rest lent = {rest.bytes, (uint16_t)rest.size};

		peal_egress_end_rest(sender->egress, &packet, channel->slot, channel->shard,
			PEAL_MESSAGE_CHANNEL, (uint16_t)size, &lent);
	} else {
		peal_egress_end(sender->egress, &packet, channel->slot, channel->shard,
			PEAL_MESSAGE_CHANNEL, (uint16_t)size);
	}
	peal_counter_add(counters, PEAL_COUNTER_CHANNEL_FRAMES_SENT, 1);
	return true;
}

void
peal_channelsender_on_path(struct peal_channelsender *sender, uint16_t slot, bool is_round)
{
	peal_congestion_restart(&sender->windows[slot].congestion,
		is_round && !PEAL_BUG(ROUND_WAY_AIMED_SHORT)
			? PEAL_CONGESTION_ROUND_FACTOR * sender->target_ns
			: sender->target_ns);
	wake(sender, slot);
}

void
peal_channelsender_resume(
	struct peal_channelsender *sender, struct peal_channel *channel, uint64_t now_ns)
{
	peal_channel_tx_on_path(&channel->tx, now_ns);
	recount(sender, channel);
	peal_channelsender_settle(sender, channel);
}

static void
on_timer(struct peal_channelsender *sender, struct peal_channel *channel, uint64_t now_ns)
{
	struct peal_congestion *congestion = &sender->windows[channel->slot].congestion;
	uint32_t backoff = channel->tx.backoff;
	uint64_t lost = channel->tx.lost;

	peal_channel_tx_on_timer(&channel->tx, now_ns);
	peal_channel_rx_on_timer(&channel->rx, channel->tx.config.rto_ns_max, now_ns);
	if (channel->tx.lost != 0 && channel->tx.backoff != backoff) {
		count_events(sender, true, peal_congestion_on_timeout(congestion, now_ns));
	} else if (channel->tx.lost != lost && !channel->tx.is_tail_due) {
		count_events(sender, true, peal_congestion_on_loss(congestion, now_ns));
	}
	if (channel->tx.backoff != backoff && channel->tx.backoff >= PEAL_PATH_BACKOFFS_MIN) {
		peal_egress_doubt(sender->egress, channel->slot);
	}
	recount(sender, channel);
	offer(sender, channel->slot, now_ns);
	peal_channelsender_settle(sender, channel);
}

static __attribute__((noinline)) void
run_timers(struct peal_channelsender *sender, uint64_t now_ns)
{
	uint64_t due[PEAL_RESIDENTS_WORDS] = {0};

	peal_deadlines_collect(&sender->frames_at, now_ns, due);
	for (uint32_t word = 0; word < PEAL_RESIDENTS_WORDS; word++) {
		while (due[word] != 0) {
			uint32_t index = word * 64U + (uint32_t)__builtin_ctzll(due[word]);

			due[word] &= due[word] - 1U;
			on_timer(sender, &sender->table->channels[index], now_ns);
		}
	}
}

/* Windows below one frame whose time has come. */
static __attribute__((noinline)) void
run_windows(struct peal_channelsender *sender, uint64_t now_ns)
{
	uint64_t due[PEAL_RESIDENTS_WORDS] = {0};

	peal_deadlines_collect(&sender->windows_at, now_ns, due);
	for (uint32_t word = 0; word < PEAL_RESIDENTS_WORDS; word++) {
		while (due[word] != 0) {
			uint32_t slot = word * 64U + (uint32_t)__builtin_ctzll(due[word]);

			due[word] &= due[word] - 1U;
			wake(sender, (uint16_t)slot);
		}
	}
}

/* Frames of one channel, as far as its turn and the window to its peer go; it is to be settled
 * then, unless it stands in a list. False: no packets. */
static bool
send_burst(struct peal_channelsender *sender, struct peal_channel *channel, uint64_t now_ns,
	uint32_t *sent_count, struct peal_channel **unsettled_out)
{
	bool has_packets = true;
	bool has_sent = false;

	channel->tx.is_waiting = false;
	for (uint32_t i = 0; i < PEAL_CHANNEL_BURST && has_packets; i++) {
		bool is_free = has_frames(channel) && may_send(sender, channel, now_ns);

		if (!is_free && !channel->rx.is_answer_due) {
			break;
		}
		has_packets = send_frame(sender, channel, is_free, now_ns);
		has_sent |= is_free;
		*sent_count += has_packets;
	}
	if (has_packets && has_frames(channel) && !may_send(sender, channel, now_ns)) {
		/* Who had something of the window waits behind those who come after and find none.
		 */
		if (has_sent) {
			peal_channeltable_push(sender->table, &sender->served, channel);
			return true;
		}
		wait(sender, channel, now_ns);
	}
	*unsettled_out = channel;
	return has_packets;
}

/* All who stand in the list, once. Returns frames sent; the last channel may not be settled yet. */
static uint32_t
send_all(struct peal_channelsender *sender, uint64_t now_ns, struct peal_channel **unsettled_out)
{
	uint16_t last = sender->ready.last;
	struct peal_channel *channel;
	uint32_t sent_count = 0;
	bool has_packets = true;

	while (has_packets &&
		(channel = peal_channeltable_pop(sender->table, &sender->ready)) != NULL) {
		if (*unsettled_out != NULL) {
			peal_channelsender_settle(sender, *unsettled_out);
			*unsettled_out = NULL;
		}
		if (channel->state != PEAL_CHANNEL_FREE) {
			has_packets =
				send_burst(sender, channel, now_ns, &sent_count, unsettled_out);
		}
		if (peal_channeltable_index(sender->table, channel) == last) {
			break;
		}
	}
	return sent_count;
}

uint32_t
peal_channelsender_run_due(struct peal_channelsender *sender, uint64_t now_ns)
{
	struct peal_channel *unsettled = NULL;
	struct peal_channel *channel;
	uint32_t sent_count;

	if (peal_deadlines_earliest_ns(&sender->frames_at) <= now_ns) {
		run_timers(sender, now_ns);
	}
	if (__builtin_expect(peal_deadlines_earliest_ns(&sender->windows_at) <= now_ns, 0)) {
		run_windows(sender, now_ns);
	}
	sent_count = send_all(sender, now_ns, &unsettled);
	/* Few frames are waited for: what is left to do here is not worth a delay of theirs. */
	if (sent_count > 0 && sent_count <= HASTENED_COUNT) {
		peal_txqueue_hasten(&sender->egress->txqueue);
	}
	if (unsettled != NULL) {
		peal_channelsender_settle(sender, unsettled);
	}
	while ((channel = peal_channeltable_pop(sender->table, &sender->served)) != NULL) {
		wait(sender, channel, now_ns);
		peal_channelsender_settle(sender, channel);
	}
	return sent_count;
}
