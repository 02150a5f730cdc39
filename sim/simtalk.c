/* SPDX-License-Identifier: BSD-3-Clause */
#include "sim/simtalk.h"

#include "base/hash.h"
#include "sim/simpattern.h"

#include <inttypes.h>
#include <string.h>

#define PAUSE_NS_MAX     UINT64_C(2000000)
#define SLOW_NS_MAX      UINT64_C(10000000)
#define MESSAGE_SIZE_MAX 6000U
#define NUMBERS_MANY     300U
#define WRAP_NEAR        48U
#define HEADERS_SIZE     (28U + PEAL_HEADER_SIZE + PEAL_TRAILER_SIZE) /* IPv4, UDP, and ours */
#define PATTERN_STEP     7U
#define HEAD_SIZE        28U /* life u32, size u32, index u64, virtual time u64, heard u32 */
/* Ends of one channel, at both ends, that nobody asked for: what is left over is soon through. */
#define UNREST_MAX 10U

/* Byte `at` of message `index` of a life. */
static uint8_t
pattern(uint32_t life, uint64_t index, uint32_t at)
{
	return (uint8_t)(UINT64_C(131) * life + index * 17U + (uint64_t)PATTERN_STEP * at);
}

static uint64_t
now_of(const struct peal_simtalk *talk)
{
	return *talk->ledger->now_ns;
}

static bool
accepts(void *state, uint64_t mid, uint16_t number)
{
	const struct peal_simtalk *talk = state;

	(void)mid;
	return number >= PEAL_SIMTALK_POURS_FIRST ||
	       !(talk->is_picky && number == PEAL_SIMTALK_NUMBERS - 1U);
}

/* The next epoch, from this one, whose stream begins so near the wrap of its places that it passes
 * it soon. Steps of Fibonacci numbers move the first place, which is a golden section of the
 * circle, by less and less. */
static uint64_t
find_epoch_near_wrap(uint64_t epoch, uint64_t distance)
{
	const uint64_t factor = UINT64_C(0x9E3779B97F4A7C15);
	uint64_t gap = 0 - (distance << 32) - epoch * factor;
	uint64_t before = 1;

	for (uint64_t step = 1; step < UINT64_C(1) << 40;) {
		uint64_t sum = before + step;

		while (gap >= step * factor) {
			gap -= step * factor;
			epoch += step;
		}
		before = step;
		step = sum;
	}
	return epoch;
}

static void
slow_down(struct peal_simtalk *talk, uint16_t channel)
{
	talk->ends[channel].is_slow = true;
	talk->slow[channel / 64U] |= UINT64_C(1) << channel % 64U;
}

static void
opened(void *state, uint16_t channel, uint64_t mid, uint16_t number)
{
	struct peal_simtalk *talk = state;

	talk->ends[channel] =
		(struct peal_simtalk_end){.is_open = true, .mid = mid, .number = number};
	if (number < PEAL_SIMTALK_POURS_FIRST) {
		slow_down(talk, channel);
	}
	if (talk->is_stalled) {
		peal_channels_grant(&talk->channels, channel, 0, 0);
	}
}

/* Says something of `size`. False: it was not accepted. */
static bool
say_sized(struct peal_simtalk *talk, uint16_t channel, uint32_t size)
{
	struct peal_simtalk_end *end = &talk->ends[channel];
	struct peal_simtalk_ledger *ledger = talk->ledger;
	struct peal_simtalk_life *life;
	uint8_t message[MESSAGE_SIZE_MAX];

	if (end->own_life == 0) {
		if (ledger->lives_count == PEAL_SIMTALK_LIVES_MAX - 1U) {
			return false;
		}
		end->own_life = ++ledger->lives_count;
		ledger->lives[end->own_life].hears = end->its_life;
	}
	life = &ledger->lives[end->own_life];
	memcpy(message, &end->own_life, 4);
	memcpy(message + 4, &size, 4);
	memcpy(message + 8, &life->accepted_count, 8);
	memcpy(message + 16, talk->ledger->now_ns, 8);
	memcpy(message + 24, &end->its_life, 4);
	if (size > HEAD_SIZE) {
		peal_simpattern_fill(message + HEAD_SIZE, size - HEAD_SIZE,
			pattern(end->own_life, life->accepted_count, HEAD_SIZE), PATTERN_STEP);
	}
	/* Counted before: what is dropped to make room is told from within. */
	life->accepted_count++;
	ledger->messages_count++;
	if (peal_channels_send(&talk->channels, channel, message, size) == PEAL_CHANNEL_OK) {
		return true;
	}
	life->accepted_count--;
	ledger->messages_count--;
	return false;
}

static void
say(struct peal_simtalk *talk, uint16_t channel)
{
	uint32_t more_max =
		peal_prng_ratio(&talk->prng, 1, 8) ? MESSAGE_SIZE_MAX - HEAD_SIZE : 200U;

	(void)say_sized(
		talk, channel, HEAD_SIZE + (uint32_t)peal_prng_below(&talk->prng, more_max));
}

/* The first part of a message says which one it is. */
static void
begin_message(struct peal_simtalk *talk, struct peal_simtalk_end *end,
	const struct peal_delivery *delivery)
{
	uint32_t life = 0;
	uint32_t size = 0;
	uint64_t index = 0;
	uint64_t at_ns = 0;
	uint32_t heard = 0;

	memcpy(&life, delivery->bytes, 4);
	memcpy(&size, delivery->bytes + 4, 4);
	memcpy(&index, delivery->bytes + 8, 8);
	memcpy(&at_ns, delivery->bytes + 16, 8);
	memcpy(&heard, delivery->bytes + 24, 4);
	if (end->its_life == 0 && life > 0 && life <= talk->ledger->lives_count) {
		end->its_life = life;
		talk->ledger->lives[end->own_life].hears = life;
	}
	if (life == end->its_life && index > end->its_index &&
		talk->ledger->lives[life].dropped_count > 0) {
		end->its_skipped += index - end->its_index;
		end->its_index = index;
	}
	if (life != end->its_life || index != end->its_index ||
		end->its_skipped > talk->ledger->lives[life].dropped_count ||
		size != delivery->message_size ||
		index >= talk->ledger->lives[life].accepted_count) {
		peal_report_violate(talk->ledger->report, now_of(talk),
			"n%u: message %" PRIu64 " of life %u was delivered where %" PRIu64
			" of life %u is next",
			talk->index, index, life, end->its_index, end->its_life);
	}
	if (heard != 0 && heard != end->own_life) {
		peal_report_violate(talk->ledger->report, now_of(talk),
			"n%u: message %" PRIu64
			" of life %u, which heard life %u, is heard in life %u",
			talk->index, index, life, heard, end->own_life);
	}
	end->part_size = 0;
	end->message_size = size;
	peal_histogram_record(&talk->latency, now_of(talk) - at_ns);
}

static void
deliver(void *state, uint16_t channel, const struct peal_delivery *delivery)
{
	struct peal_simtalk *talk = state;
	struct peal_simtalk_end *end = &talk->ends[channel];
	uint32_t at = 0;

	if (delivery->offset == 0) {
		if (delivery->size < HEAD_SIZE) {
			peal_report_violate(talk->ledger->report, now_of(talk),
				"n%u: a message of %u bytes was delivered", talk->index,
				delivery->size);
			return;
		}
		begin_message(talk, end, delivery);
		at = HEAD_SIZE;
	}
	at += peal_simpattern_check(delivery->bytes + at, delivery->size - at,
		pattern(end->its_life, end->its_index, delivery->offset + at), PATTERN_STEP);
	if (at < delivery->size) {
		peal_report_violate(talk->ledger->report, now_of(talk),
			"n%u: message %" PRIu64 " of life %u is spoiled at byte %u", talk->index,
			end->its_index, end->its_life, delivery->offset + at);
	}
	/* Now and then nothing more is taken for a while. */
	if (!talk->is_quiet && peal_prng_ratio(&talk->prng, 1, 50)) {
		slow_down(talk, channel);
		end->slow_until_ns = now_of(talk) + peal_prng_below(&talk->prng, SLOW_NS_MAX);
	}
	end->part_size += delivery->size;
	if (end->part_size == end->message_size) {
		end->its_index++;
		talk->ledger->lives[end->its_life].delivered_count++;
		if (talk->is_answering && !talk->is_quiet && end->is_open &&
			end->number < PEAL_SIMTALK_POURS_FIRST &&
			peal_prng_ratio(&talk->prng, 7, 8)) {
			say(talk, channel);
		}
	}
}

static void
finished(void *state, uint16_t channel)
{
	struct peal_simtalk *talk = state;

	/* Who hears the end closes as well, mostly at once. */
	if (talk->ends[channel].is_open) {
		talk->ends[channel].is_open = false;
		(void)peal_channels_close(&talk->channels, channel);
	}
}

/* A peer that ends a life has ended its own. */
static void
check_given_up(struct peal_simtalk *talk, const struct peal_simtalk_end *end,
	enum peal_channel_reason reason)
{
	const struct peal_simtalk_life *lives = talk->ledger->lives;
	/* Nobody listened, or there was no room: that may be another by the time it is heard. */
	bool is_told = reason == PEAL_CHANNEL_REASON_CLOSED || reason == PEAL_CHANNEL_REASON_STALE;

	if (is_told && !talk->is_resetting && end->own_life != 0 && end->its_life != 0 &&
		!lives[end->its_life].is_over && lives[end->its_life].hears == end->own_life) {
		peal_report_violate(talk->ledger->report, now_of(talk),
			"n%u: life %u was ended (%s), and its peer goes on in life %u", talk->index,
			end->own_life, peal_channel_reason_name((uint8_t)reason), end->its_life);
	}
}

static struct peal_simtalk_unrest *
find_unrest(const struct peal_simtalk *talk, uint64_t mid, uint16_t number)
{
	uint64_t own = talk->channels.self_mid;
	uint64_t key = peal_hash_mix(own < mid ? own : mid);
	struct peal_simtalk_unrest *unrest;

	key = peal_hash_mix(key ^ (own < mid ? mid : own)) ^ number;
	unrest = &talk->ledger->unrest[peal_hash_mix(key) % PEAL_SIMTALK_UNREST_MAX];
	if (unrest->key != key) {
		*unrest = (struct peal_simtalk_unrest){.key = key};
	}
	return unrest;
}

/* Somebody ends a channel: what follows from that may take some steps. */
static void
excuse(struct peal_simtalk *talk, const struct peal_simtalk_end *end)
{
	find_unrest(talk, end->mid, end->number)->ends_count = 0;
}

/* A channel that ends without anybody having ended it may not do so again and again. */
static void
check_unrest(struct peal_simtalk *talk, const struct peal_simtalk_end *end,
	enum peal_channel_reason reason)
{
	if (talk->is_resetting ||
		(reason != PEAL_CHANNEL_REASON_CLOSED && reason != PEAL_CHANNEL_REASON_STALE)) {
		excuse(talk, end);
		return;
	}
	if (++find_unrest(talk, end->mid, end->number)->ends_count == UNREST_MAX) {
		peal_report_violate(talk->ledger->report, now_of(talk),
			"n%u: channel %u with member %" PRIu64
			" ends again and again, and nobody ends it",
			talk->index, end->number, end->mid);
	}
}

static void
ended(void *state, uint16_t channel, enum peal_channel_reason reason, uint64_t lost_count)
{
	struct peal_simtalk *talk = state;
	struct peal_simtalk_end *end = &talk->ends[channel];
	struct peal_simtalk_life *life = &talk->ledger->lives[end->own_life];

	for (uint32_t i = 0; i < talk->pours_count; i++) {
		if (talk->pours[i].mid != 0 && talk->pours[i].channel == channel) {
			talk->pours[i].mid = 0;
			talk->pours[i].reason = reason;
			talk->pours[i].over_at_ns = now_of(talk);
		}
	}
	if (reason == PEAL_CHANNEL_REASON_PROTOCOL) {
		peal_report_violate(talk->ledger->report, now_of(talk),
			"n%u: a channel ended over what cannot be, and nobody lies", talk->index);
	}
	check_given_up(talk, end, reason);
	check_unrest(talk, end, reason);
	if (end->own_life != 0) {
		life->is_over = true;
		if (life->delivered_count + life->dropped_count + lost_count <
			life->accepted_count) {
			peal_report_violate(talk->ledger->report, now_of(talk),
				"n%u: life %u ended (%s) with %" PRIu64 " of %" PRIu64
				" messages delivered and %" PRIu64 " in doubt",
				talk->index, end->own_life,
				peal_channel_reason_name((uint8_t)reason), life->delivered_count,
				life->accepted_count, lost_count);
		}
	}
	*end = (struct peal_simtalk_end){0};
}

static void
dropped(void *state, uint16_t channel, uint64_t count)
{
	struct peal_simtalk *talk = state;

	talk->ledger->lives[talk->ends[channel].own_life].dropped_count += count;
}

static void
release(void *state, uint16_t channel, uint64_t token)
{
	(void)state;
	(void)channel;
	(void)token;
}

void
peal_simtalk_start(struct peal_simtalk *talk, struct peal_egress *egress,
	struct peal_counters *counters, uint64_t seed, uint64_t now_ns)
{
	struct peal_channels_config config = {.egress = egress,
		.counters = counters,
		.user = {.accepts = accepts,
			.opened = opened,
			.deliver = deliver,
			.finished = finished,
			.ended = ended,
			.release = release,
			.dropped = dropped,
			.state = talk},
		.queue_bytes = talk->queues[0],
		.queue_capacity = PEAL_SIMTALK_QUEUE_SIZE,
		.frame_bytes = talk->frames,
		.rto_ns_min = 50000,
		.rto_ns_max = 50000000,
		.shard = talk->shard,
		.shards_count = talk->shards_count};

	peal_prng_init(&talk->prng, seed);
	config.first_epoch = 1U + (peal_prng_next(&talk->prng) >> 1);
	config.is_coalescing = peal_prng_ratio(&talk->prng, 3, 4);
	config.frames_count =
		(uint16_t)peal_prng_below(&talk->prng, PEAL_SIMTALK_FRAMES_COUNT + 1U);
	if (talk->mtu > PEAL_MTU_MIN) {
		/* The same memory, and few buffers, but never none: pieces need one. */
		config.frame_size = (uint16_t)(talk->mtu - HEADERS_SIZE);
		config.frames_count = (uint16_t)(sizeof(talk->frames) / config.frame_size);
		config.frames_count =
			2U + (uint16_t)peal_prng_below(&talk->prng, config.frames_count - 1U);
	}
	memset(talk->ends, 0, sizeof(talk->ends));
	memset(talk->slow, 0, sizeof(talk->slow));
	talk->next_at_ns = now_ns;
	talk->pours_count = 0;
	talk->is_stalled = false;
	peal_histogram_reset(&talk->latency);
	talk->is_near_wrap = peal_prng_ratio(&talk->prng, 1, 2);
	talk->is_restless = peal_prng_ratio(&talk->prng, 1, 3);
	talk->is_calm = false;
	talk->is_picky = peal_prng_ratio(&talk->prng, 1, 8);
	talk->is_answering = peal_prng_ratio(&talk->prng, 1, 2);
	talk->numbers_count =
		peal_prng_ratio(&talk->prng, 1, 32) ? NUMBERS_MANY : PEAL_SIMTALK_NUMBERS;
	talk->numbers_count = talk->is_restless ? 1U : talk->numbers_count;
	if (talk->mtu > 0) {
		talk->numbers_count = PEAL_SIMTALK_NUMBERS; /* pours find places, too */
	}
	talk->room = peal_prng_ratio(&talk->prng, 1, 2)
			     ? PEAL_CHANNEL_WINDOW
			     : 1U + (uint32_t)peal_prng_below(&talk->prng, 4);
	peal_channels_init(&talk->channels, &config);
}

void
peal_simtalk_end(struct peal_simtalk *talk)
{
	for (uint32_t i = 0; i < PEAL_CHANNELS_MAX; i++) {
		talk->ledger->lives[talk->ends[i].own_life].is_over = true;
		talk->ends[i] = (struct peal_simtalk_end){0};
	}
}

static void
choose_policy(struct peal_simtalk *talk, uint16_t channel)
{
	uint64_t chance = peal_prng_below(&talk->prng, 8);
	/* In calm nobody ends channels, so nobody is evicted. */
	enum peal_channel_policy policy = chance < 5 || talk->is_calm ? PEAL_CHANNEL_BLOCK
					  : chance < 7                ? PEAL_CHANNEL_DROP_BEHIND
								      : PEAL_CHANNEL_EVICT;

	peal_channels_set_policy(&talk->channels, channel, policy, PEAL_SIMTALK_EVICT_NS);
}

/* Opens a channel to some member, or finds that it is open. */
static uint16_t
choose_channel(struct peal_simtalk *talk)
{
	const struct peal_peers *peers = talk->channels.peers;
	uint16_t number = (uint16_t)peal_prng_below(&talk->prng, talk->numbers_count);
	uint16_t channel = PEAL_CHANNEL_NONE;
	uint16_t slot;

	if (peers->neighbours_count == 0) {
		return PEAL_CHANNEL_NONE;
	}
	slot = peers->neighbours[peal_prng_below(&talk->prng, peers->neighbours_count)];
	for (uint16_t i = 0; i < PEAL_CHANNELS_MAX; i++) {
		const struct peal_channel *one = &talk->channels.table.channels[i];

		if (talk->ends[i].is_open && one->mid == peers->peers[slot].mid &&
			one->number == number) {
			return i;
		}
	}
	if (talk->is_quiet || peal_channels_open(&talk->channels, peers->peers[slot].mid, number,
				      &channel) != PEAL_CHANNEL_OK) {
		return PEAL_CHANNEL_NONE;
	}
	talk->ends[channel] = (struct peal_simtalk_end){
		.is_open = true, .mid = peers->peers[slot].mid, .number = number};
	slow_down(talk, channel);
	choose_policy(talk, channel);
	return channel;
}

uint32_t
peal_simtalk_pour(struct peal_simtalk *talk, uint64_t mid, uint32_t size, uint64_t gap_ns,
	enum peal_channel_policy policy)
{
	struct peal_simtalk_pour *pour = &talk->pours[talk->pours_count];

	PEAL_ASSERT(talk->pours_count < PEAL_SIMTALK_POURS_MAX);
	PEAL_ASSERT(size >= HEAD_SIZE && size <= MESSAGE_SIZE_MAX);
	*pour = (struct peal_simtalk_pour){.mid = mid,
		.size = size,
		.gap_ns = gap_ns,
		.policy = policy,
		.number = (uint16_t)(PEAL_SIMTALK_POURS_FIRST + talk->pours_count),
		.channel = PEAL_CHANNEL_NONE};
	return talk->pours_count++;
}

uint64_t
peal_simtalk_poured(const struct peal_simtalk *talk, uint32_t pour)
{
	return talk->ledger->lives[talk->pours[pour].life].delivered_count;
}

void
peal_simtalk_stall(struct peal_simtalk *talk, bool is_stalled, uint64_t now_ns)
{
	talk->is_stalled = is_stalled;
	for (uint16_t i = 0; i < PEAL_CHANNELS_MAX; i++) {
		if (talk->ends[i].is_open) {
			peal_channels_grant(
				&talk->channels, i, is_stalled ? 0 : PEAL_CHANNEL_WINDOW, now_ns);
		}
	}
}

uint64_t
peal_simtalk_deadline_at_ns(const struct peal_simtalk *talk)
{
	uint64_t deadline_at_ns = talk->is_quiet ? UINT64_MAX : talk->next_at_ns;

	for (uint32_t i = 0; i < talk->pours_count; i++) {
		const struct peal_simtalk_pour *pour = &talk->pours[i];

		if (pour->mid != 0 && pour->next_at_ns < deadline_at_ns) {
			deadline_at_ns = pour->next_at_ns;
		}
	}
	return deadline_at_ns;
}

bool
peal_simtalk_say_to(struct peal_simtalk *talk, uint64_t mid, uint32_t size)
{
	uint16_t channel = 0;

	while (channel < PEAL_CHANNELS_MAX &&
		!(talk->ends[channel].is_open &&
			talk->channels.table.channels[channel].mid == mid &&
			talk->channels.table.channels[channel].number == 0)) {
		channel++;
	}
	if (channel == PEAL_CHANNELS_MAX) {
		if (peal_channels_open(&talk->channels, mid, 0, &channel) != PEAL_CHANNEL_OK) {
			return false;
		}
		talk->ends[channel] = (struct peal_simtalk_end){.is_open = true};
	}
	return say_sized(talk, channel, size);
}

/* What a pour has to say now. Without a gap it goes on when an answer comes. */
static void
run_pour(struct peal_simtalk *talk, struct peal_simtalk_pour *pour, uint64_t now_ns)
{
	if (pour->channel == PEAL_CHANNEL_NONE) {
		if (peal_channels_open(&talk->channels, pour->mid, pour->number, &pour->channel) !=
			PEAL_CHANNEL_OK) {
			pour->next_at_ns = now_ns + PAUSE_NS_MAX;
			return;
		}
		talk->ends[pour->channel] = (struct peal_simtalk_end){.is_open = true};
		peal_channels_set_policy(
			&talk->channels, pour->channel, pour->policy, PEAL_SIMTALK_EVICT_NS);
		pour->next_at_ns = now_ns;
	}
	if (pour->gap_ns == 0) {
		pour->next_at_ns = UINT64_MAX;
		while (say_sized(talk, pour->channel, pour->size)) {
			pour->accepted_count++;
		}
	}
	for (; pour->next_at_ns <= now_ns; pour->next_at_ns += pour->gap_ns) {
		bool is_accepted = say_sized(talk, pour->channel, pour->size);

		pour->accepted_count += is_accepted;
		pour->refused_count += !is_accepted;
	}
	pour->life = talk->ends[pour->channel].own_life;
}

/* The first end from this one on that may be slow, or PEAL_CHANNELS_MAX. */
static uint32_t
find_slow(const struct peal_simtalk *talk, uint32_t from)
{
	while (from < PEAL_CHANNELS_MAX) {
		uint64_t left = talk->slow[from / 64U] >> from % 64U;

		if (left != 0) {
			return from + (uint32_t)__builtin_ctzll(left);
		}
		from = (from / 64U + 1U) * 64U;
	}
	return from;
}

/* Who was slow takes nothing for a while, and then everything again. */
static void
grant(struct peal_simtalk *talk, uint64_t now_ns)
{
	for (uint32_t i = find_slow(talk, 0); i < PEAL_CHANNELS_MAX; i = find_slow(talk, i + 1U)) {
		struct peal_simtalk_end *end = &talk->ends[i];

		if (end->is_slow) {
			bool is_over = talk->is_quiet || now_of(talk) >= end->slow_until_ns;

			peal_channels_grant(
				&talk->channels, (uint16_t)i, is_over ? talk->room : 0, now_ns);
			end->is_slow = !is_over;
		}
		if (!end->is_slow) {
			talk->slow[i / 64U] &= ~(UINT64_C(1) << i % 64U);
		}
	}
}

void
peal_simtalk_turn(struct peal_simtalk *talk, uint64_t now_ns)
{
	uint16_t channel;
	uint64_t what;

	if (!talk->is_stalled) {
		grant(talk, now_ns);
	}
	for (uint32_t i = 0; i < talk->pours_count; i++) {
		if (talk->pours[i].mid != 0 &&
			(talk->pours[i].gap_ns == 0 || talk->pours[i].next_at_ns <= now_ns)) {
			run_pour(talk, &talk->pours[i], now_ns);
		}
	}
	if (talk->is_near_wrap &&
		peal_channel_first_seq(talk->channels.next_epoch) < UINT32_MAX - WRAP_NEAR) {
		talk->channels.next_epoch = find_epoch_near_wrap(
			talk->channels.next_epoch, 1U + peal_prng_below(&talk->prng, WRAP_NEAR));
	}

	if (talk->is_quiet || now_ns < talk->next_at_ns) {
		return;
	}
	talk->next_at_ns = now_ns + peal_prng_below(&talk->prng, PAUSE_NS_MAX);
	channel = choose_channel(talk);
	if (channel == PEAL_CHANNEL_NONE) {
		return;
	}
	what = talk->is_calm ? 100 : peal_prng_below(&talk->prng, talk->is_restless ? 20 : 100);
	if (what < 2) {
		talk->is_resetting = true;
		peal_channels_reset(&talk->channels, channel);
		talk->is_resetting = false;
	} else if (what < 6) {
		excuse(talk, &talk->ends[channel]);
		talk->ends[channel].is_open = false;
		(void)peal_channels_close(&talk->channels, channel);
	} else {
		for (uint64_t count = 1U + peal_prng_below(&talk->prng, 8); count > 0; count--) {
			say(talk, channel);
		}
	}
}

void
peal_simtalk_slam(struct peal_simtalk *talk)
{
	talk->is_quiet = true;
	talk->is_resetting = true;
	for (uint16_t i = 0; i < PEAL_CHANNELS_MAX; i++) {
		if (talk->ends[i].is_open) {
			peal_channels_reset(&talk->channels, i);
		}
	}
	talk->is_resetting = false;
}

bool
peal_simtalk_is_done(const struct peal_simtalk_ledger *ledger)
{
	for (uint32_t i = 1; i <= ledger->lives_count; i++) {
		if (!ledger->lives[i].is_over &&
			ledger->lives[i].delivered_count + ledger->lives[i].dropped_count <
				ledger->lives[i].accepted_count) {
			return false;
		}
	}
	return true;
}

void
peal_simtalk_check_all(struct peal_simtalk_ledger *ledger)
{
	for (uint32_t i = 1; i <= ledger->lives_count; i++) {
		const struct peal_simtalk_life *life = &ledger->lives[i];

		if (!life->is_over &&
			life->delivered_count + life->dropped_count < life->accepted_count) {
			peal_report_violate(ledger->report, *ledger->now_ns,
				"life %u: %" PRIu64 " of %" PRIu64 " messages have arrived", i,
				life->delivered_count, life->accepted_count);
		}
	}
}

void
peal_simtalk_check_rest(struct peal_simtalk *talk)
{
	const struct peal_channels *channels = &talk->channels;

	if (channels->pool.free_count != channels->pool.count) {
		peal_report_violate(talk->ledger->report, now_of(talk),
			"n%u: %u buffers of channels are away, and nothing is on its way",
			talk->index, channels->pool.count - channels->pool.free_count);
	}
	for (uint32_t i = 0; i < PEAL_CHANNELS_MAX; i++) {
		const struct peal_channel *channel = &channels->table.channels[i];

		if (channel->state != PEAL_CHANNEL_FREE && talk->ends[i].own_life != 0 &&
			!peal_channel_tx_is_idle(&channel->tx)) {
			peal_report_violate(talk->ledger->report, now_of(talk),
				"n%u: life %u keeps what has arrived", talk->index,
				talk->ends[i].own_life);
		}
	}
}
