/* SPDX-License-Identifier: BSD-3-Clause */
#include "dataplane/load.h"

#include <string.h>

#define MESSAGES_BURST_MAX 64U
#define RETRY_NS           UINT64_C(1000000)
/* What cannot be settled yet is looked at again so soon. */
#define SETTLE_LOOK_NS UINT64_C(100000)

struct header {
	uint64_t run;
	uint64_t index;
	uint64_t due_at_ns;
	uint64_t size;
};

_Static_assert(sizeof(struct header) == PEAL_LOAD_SIZE_MIN, "the smallest message is its header");

void
peal_load_init(struct peal_load *load, const struct peal_load_config *config)
{
	memset(load, 0, sizeof(*load));
	load->config = *config;
	load->next_at_ns = UINT64_MAX;
	load->channel = PEAL_CHANNEL_NONE;
	peal_histogram_reset(&load->delays_ns);
	for (uint32_t i = 0; i < sizeof(load->message); i++) {
		load->message[i] = (uint8_t)(i * 7U + i / 256U);
	}
}

/* --- what is heard --- */

/* The account of a sender: its own, a free one, or that of who was silent longest. */
static struct peal_load_heard *
account_of(struct peal_load *load, uint64_t mid, bool is_cast)
{
	struct peal_load_heard *oldest = &load->heard[load->newest];

	if (oldest->mid == mid && oldest->is_cast == is_cast) {
		return oldest;
	}
	oldest = &load->heard[0];
	for (uint32_t i = 0; i < PEAL_LOAD_SENDERS_MAX; i++) {
		struct peal_load_heard *heard = &load->heard[i];

		if (heard->mid == mid && heard->is_cast == is_cast) {
			load->newest = i;
			return heard;
		}
		if (oldest->mid != 0 &&
			(heard->mid == 0 || heard->last_at_ns < oldest->last_at_ns)) {
			oldest = heard;
		}
	}
	*oldest = (struct peal_load_heard){
		.mid = mid, .is_cast = is_cast, .last_at_ns = load->now_ns};
	load->newest = (uint32_t)(oldest - load->heard);
	return oldest;
}

static void
take_header(
	struct peal_load *load, struct peal_load_heard *heard, const struct peal_delivery *delivery)
{
	struct header header;
	uint64_t pause_ns = load->now_ns - heard->last_at_ns;

	memcpy(&header, delivery->bytes, sizeof(header));
	if (header.run != heard->run) {
		*heard = (struct peal_load_heard){
			.mid = heard->mid, .is_cast = heard->is_cast, .run = header.run};
		/* Who joins in the middle of a run has missed nothing. */
		heard->next = header.index;
		pause_ns = 0;
	}
	if (header.index < heard->next || header.size != delivery->message_size) {
		heard->wrong_count++;
		return;
	}
	heard->missing_count += header.index - heard->next;
	heard->next = header.index + 1U;
	heard->messages_count++;
	heard->pause_ns_max = pause_ns > heard->pause_ns_max ? pause_ns : heard->pause_ns_max;
	if (load->now_ns >= header.due_at_ns) {
		peal_histogram_record(&load->delays_ns, load->now_ns - header.due_at_ns);
	}
}

static void
hear(struct peal_load *load, struct peal_load_heard *heard, const struct peal_delivery *delivery)
{
	uint32_t skipped = 0;

	if (delivery->message_size < PEAL_LOAD_SIZE_MIN ||
		delivery->message_size > PEAL_LOAD_SIZE_MAX ||
		(delivery->offset == 0 && delivery->size < PEAL_LOAD_SIZE_MIN)) {
		heard->wrong_count++;
		return;
	}
	if (delivery->offset == 0) {
		take_header(load, heard, delivery);
		skipped = PEAL_LOAD_SIZE_MIN;
	}
	if (memcmp(delivery->bytes + skipped, load->message + delivery->offset + skipped,
		    delivery->size - skipped) != 0) {
		heard->wrong_count++;
	}
	heard->bytes_count += delivery->size;
	heard->last_at_ns = load->now_ns;
}

static void
on_cast(void *state, uint32_t origin, const struct peal_delivery *delivery)
{
	struct peal_load *load = state;

	if (origin != load->self_mid) {
		hear(load, account_of(load, origin, true), delivery);
	}
}

static void
on_view(void *state, uint64_t epoch, uint32_t view_tag)
{
	(void)state;
	(void)epoch;
	(void)view_tag;
}

static void
on_cast_ended(void *state, uint64_t lost_count)
{
	struct peal_load *load = state;

	load->cast_lost_count += lost_count;
}

static void
on_cast_release(void *state, uint64_t token)
{
	(void)state;
	(void)token;
	PEAL_ASSERT(!"nothing is lent");
}

static void
on_cast_dropped(void *state, uint64_t count)
{
	struct peal_load *load = state;

	load->cast_dropped_count += count;
}

struct peal_cast_user
peal_load_cast_user(struct peal_load *load)
{
	return (struct peal_cast_user){.deliver = on_cast,
		.view = on_view,
		.ended = on_cast_ended,
		.release = on_cast_release,
		.dropped = on_cast_dropped,
		.state = load};
}

static bool
accepts(void *state, uint64_t mid, uint16_t number)
{
	(void)state;
	(void)mid;
	return number >= PEAL_LOAD_CHANNELS_LOWER;
}

static void
on_opened(void *state, uint16_t channel, uint64_t mid, uint16_t number)
{
	struct peal_load *load = state;

	(void)number;
	load->listened[channel] = mid;
}

static void
on_delivered(void *state, uint16_t channel, const struct peal_delivery *delivery)
{
	struct peal_load *load = state;

	/* The other end of a channel that this node opened says nothing. */
	if (load->listened[channel] != 0) {
		hear(load, account_of(load, load->listened[channel], false), delivery);
	}
}

static void
on_finished(void *state, uint16_t channel)
{
	struct peal_load *load = state;

	(void)peal_channels_close(load->config.channels, channel);
}

/* --- a run --- */

static void
end_run(struct peal_load *load, uint64_t doubtful_count, bool is_cut_short)
{
	struct peal_load_run *run = load->run;

	PEAL_ASSERT(run != NULL);
	PEAL_ASSERT(doubtful_count <= run->accepted_count || is_cut_short);
	run->doubtful_count = doubtful_count;
	run->is_cut_short = is_cut_short;
	run->duration_ns = load->now_ns - load->start_at_ns;
	load->run = NULL;
	load->next_at_ns = UINT64_MAX;
	peal_uplink_owe_load(load->config.uplink, run);
}

static void
on_ended(void *state, uint16_t channel, enum peal_channel_reason reason, uint64_t lost_count)
{
	struct peal_load *load = state;

	load->listened[channel] = 0;
	if (channel == load->channel) {
		load->channel = PEAL_CHANNEL_NONE;
		if (load->run != NULL) {
			end_run(load, lost_count, reason != PEAL_CHANNEL_REASON_NONE);
		}
	}
}

static void
on_release(void *state, uint16_t channel, uint64_t token)
{
	(void)channel;
	on_cast_release(state, token);
}

struct peal_channel_user
peal_load_channel_user(struct peal_load *load)
{
	return (struct peal_channel_user){.accepts = accepts,
		.opened = on_opened,
		.deliver = on_delivered,
		.finished = on_finished,
		.ended = on_ended,
		.release = on_release,
		.state = load};
}

void
peal_load_switch(struct peal_load *load, const struct peal_peers *peers)
{
	bool is_another = peers->self_mid != load->self_mid;

	load->peers = peers;
	load->self_mid = peers->self_mid;
	if (is_another && load->run != NULL && load->run->kind == PEAL_LOAD_CAST) {
		end_run(load, load->cast_lost_count + load->cast_dropped_count, true);
	}
}

static void
tell(struct peal_load *load, struct peal_load_run *run)
{
	for (uint32_t i = 0; i < PEAL_LOAD_SENDERS_MAX; i++) {
		if (load->heard[i].mid != 0) {
			run->heard[run->heard_count++] = load->heard[i];
		}
	}
	memcpy(&run->delays_ns, &load->delays_ns, sizeof(run->delays_ns));
}

/* A channel from this core to the home core of the member. */
static bool
open_channel(struct peal_load *load, uint64_t mid)
{
	uint32_t first =
		load->self_mid < mid ? PEAL_LOAD_CHANNELS_LOWER : PEAL_LOAD_CHANNELS_HIGHER;
	uint8_t shards_count = load->config.channels->config.shards_count;
	uint16_t slot =
		load->peers == NULL ? PEAL_PEERS_NONE : peal_peers_find(load->peers, (uint32_t)mid);

	if (slot == PEAL_PEERS_NONE || !peal_peers_is_member(load->peers, slot, mid)) {
		return false;
	}
	for (uint32_t i = 0; i < PEAL_LOAD_CHANNELS_COUNT; i++) {
		uint16_t number = (uint16_t)(first + i);
		struct peal_shard_pair pair =
			peal_peers_find_shards(load->peers, slot, number, shards_count);

		if (pair.own == 0 && pair.peer == 0) {
			return peal_channels_open(load->config.channels, mid, number,
				       &load->channel) == PEAL_CHANNEL_OK;
		}
	}
	return false;
}

void
peal_load_start(struct peal_load *load, struct peal_load_run *run, uint64_t mid, uint64_t now_ns)
{
	PEAL_ASSERT(load->run == NULL);
	PEAL_ASSERT(run->kind == PEAL_LOAD_TELL ||
		    (run->size >= PEAL_LOAD_SIZE_MIN && run->size <= PEAL_LOAD_SIZE_MAX &&
			    run->count >= 1));
	run->accepted_count = 0;
	run->refused_count = 0;
	run->heard_count = 0;
	load->run = run;
	load->start_at_ns = load->last_at_ns = load->next_at_ns = now_ns;
	if (run->kind == PEAL_LOAD_TELL) {
		tell(load, run);
		end_run(load, 0, false);
		return;
	}
	load->run_id = now_ns;
	load->cast_lost_count = load->cast_dropped_count = 0;
	load->is_closing = false;
	load->is_refused = false;
	if (run->kind == PEAL_LOAD_SEND && !open_channel(load, mid)) {
		end_run(load, 0, true);
	}
}

/* When the next message is meant to leave. */
static uint64_t
find_due(const struct peal_load *load)
{
	return load->start_at_ns + load->run->accepted_count * load->run->interval_ns;
}

/* True: accepted. False: no room now; or `load->run` is over. */
static bool
send_one(struct peal_load *load, uint64_t now_ns)
{
	struct peal_load_run *run = load->run;
	const struct header header = {
		.run = load->run_id,
		.index = run->accepted_count,
		.due_at_ns = run->interval_ns == 0 ? now_ns : find_due(load),
		.size = run->size,
	};
	uint8_t pattern[sizeof(header)];
	bool is_accepted = false;
	bool is_over = false;

	memcpy(pattern, load->message, sizeof(pattern));
	memcpy(load->message, &header, sizeof(header));
	if (run->kind == PEAL_LOAD_CAST) {
		enum peal_cast_result result =
			peal_cast_send(load->config.cast, load->message, run->size);

		is_accepted = result == PEAL_CAST_OK;
		is_over = !is_accepted && result != PEAL_CAST_FULL;
	} else {
		enum peal_channel_result result = peal_channels_send(
			load->config.channels, load->channel, load->message, run->size);

		is_accepted = result == PEAL_CHANNEL_OK;
		is_over = !is_accepted && result != PEAL_CHANNEL_FULL;
	}
	memcpy(load->message, pattern, sizeof(pattern));
	run->accepted_count += is_accepted;
	run->refused_count += !is_accepted;
	load->is_refused = !is_accepted;
	if (is_over) {
		end_run(load, load->cast_lost_count + load->cast_dropped_count, true);
	}
	return is_accepted;
}

/* All is accepted: waits until it is settled. */
static void
settle(struct peal_load *load, uint64_t now_ns)
{
	bool is_late = now_ns - load->last_at_ns >= PEAL_LOAD_SETTLE_NS;

	load->next_at_ns = now_ns + SETTLE_LOOK_NS;
	if (load->run->kind == PEAL_LOAD_CAST) {
		uint64_t doubtful_count = peal_cast_doubtful_count(load->config.cast);
		/* Some may have been of applications, and nobody knows how many. */
		uint64_t lost_count = doubtful_count + load->cast_dropped_count;

		if (is_late || doubtful_count == 0) {
			end_run(load,
				lost_count < load->run->accepted_count ? lost_count
								       : load->run->accepted_count,
				is_late);
		}
	} else if (is_late) {
		peal_channels_reset(load->config.channels, load->channel);
	} else if (!load->is_closing) {
		load->is_closing = true;
		(void)peal_channels_close(load->config.channels, load->channel);
	}
}

uint32_t
peal_load_run_due(struct peal_load *load, uint64_t now_ns)
{
	struct peal_load_run *run = load->run;
	uint32_t sent_count = 0;

	if (now_ns < load->next_at_ns && !load->is_refused) {
		return 0;
	}
	while (sent_count < MESSAGES_BURST_MAX && run->accepted_count < run->count &&
		find_due(load) <= now_ns) {
		if (!send_one(load, now_ns)) {
			break;
		}
		sent_count++;
		load->last_at_ns = now_ns;
	}
	if (load->run == NULL) {
		return sent_count;
	}
	if (run->accepted_count == run->count) {
		settle(load, now_ns);
	} else if (now_ns - load->last_at_ns >= PEAL_LOAD_SETTLE_NS + run->interval_ns) {
		end_run(load, run->accepted_count, true);
	} else {
		load->next_at_ns = load->is_refused ? now_ns + RETRY_NS : find_due(load);
	}
	return sent_count;
}
