/* SPDX-License-Identifier: BSD-3-Clause */
#include "tools/benchlib/channelcycles.h"

#include "tools/benchlib/fixedmember.h"
#include "tools/benchlib/median.h"
#include "tools/benchlib/packetpool.h"
#include "tools/benchlib/stopwatch.h"
#include "wire/crypto/aead_open.h"
#include "wire/frame.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <x86intrin.h>

#define MESSAGES_MAX     32U
#define PACKETS_COUNT    1024U
#define LENT_SIZE_MAX    65536U
#define COLD_KIB_MAX     1024U
#define LOANS_MAX        8U
#define WARM_ROUNDS      2000U
#define CALLGRIND_ROUNDS 1000U
#define IDLE_NS          20000U
#define QUEUE_SIZE       65536U
#define RTO_NS_MAX       1000000U

struct bench;

struct end {
	struct bench *bench;
	struct peal_fixedmember member;
	struct peal_aead_key key;
	uint32_t inbox_count;
	struct peal_packet inbox[PACKETS_COUNT];
};

struct bench {
	struct end ends[2];
	struct peal_aead aead;
	struct peal_aead timed; /* the same, seen by the stopwatch; its state is this struct */
	struct peal_aead_key pre_key;
	struct peal_timing timing;
	uint64_t now_ns;
	uint64_t delivered_count;
	uint64_t delivered_bytes;
	bool is_echo;
	uint64_t echoed_at; /* cycles: the last delivery to the end that asks */
	uint64_t idle_cycles;
	uint32_t cold_size;
	uint64_t cold_cycles; /* of reading what lies between, in this round */
	uint32_t loans_count;
	uint16_t mtu; /* 0 = what every path carries */
	struct peal_packetpool pool;
	uint8_t packets[PACKETS_COUNT * PEAL_PACKETPOOL_WIDE_SIZE];
	uint8_t loans[LOANS_MAX][LENT_SIZE_MAX];
	uint8_t between[COLD_KIB_MAX * 1024U];
};

/* Eight parameters, as the table of wire/aead.h has them. NOLINTBEGIN(readability-function-size) */
static void
seal(void *state, const struct peal_aead_key *key, const uint8_t nonce[PEAL_AEAD_NONCE_SIZE],
	const uint8_t *aad, size_t aad_size, uint8_t *data, size_t size,
	uint8_t tag_out[PEAL_AEAD_TAG_SIZE])
{
	const struct peal_aead *aead = &((struct bench *)state)->aead;

	peal_stopwatch_enter(PEAL_STOPWATCH_AEAD);
	aead->seal(aead->state, key, nonce, aad, aad_size, data, size, tag_out);
	peal_stopwatch_leave();
}

static void
seal_parts(void *state, const struct peal_aead_key *key, const uint8_t nonce[PEAL_AEAD_NONCE_SIZE],
	const uint8_t *aad, size_t aad_size, const struct peal_aead_parts *parts,
	uint8_t tag_out[PEAL_AEAD_TAG_SIZE])
{
	const struct peal_aead *aead = &((struct bench *)state)->aead;

	peal_stopwatch_enter(PEAL_STOPWATCH_AEAD);
	aead->seal_parts(aead->state, key, nonce, aad, aad_size, parts, tag_out);
	peal_stopwatch_leave();
}

static bool
open_sealed(void *state, const struct peal_aead_key *key, const uint8_t nonce[PEAL_AEAD_NONCE_SIZE],
	const uint8_t *aad, size_t aad_size, uint8_t *data, size_t size,
	const uint8_t tag[PEAL_AEAD_TAG_SIZE])
{
	const struct peal_aead *aead = &((struct bench *)state)->aead;
	bool is_good;

	peal_stopwatch_enter(PEAL_STOPWATCH_AEAD);
	is_good = aead->open(aead->state, key, nonce, aad, aad_size, data, size, tag);
	peal_stopwatch_leave();
	return is_good;
}
/* NOLINTEND(readability-function-size) */

static uint32_t
receive(void *state, uint16_t queue, struct peal_packet *packets, uint32_t capacity)
{
	struct end *end = state;
	uint32_t count = end->inbox_count < capacity ? end->inbox_count : capacity;

	(void)queue;
	peal_stopwatch_enter(PEAL_STOPWATCH_PORT);
	memcpy(packets, end->inbox, count * sizeof(packets[0]));
	for (uint32_t i = 0; i < count; i++) {
		packets[i].room = PEAL_PACKETPOOL_SIZE - PEAL_PACKETPOOL_HEADROOM;
	}
	end->inbox_count -= count;
	memmove(end->inbox, end->inbox + count, end->inbox_count * sizeof(packets[0]));
	peal_stopwatch_leave();
	return count;
}

static uint32_t
allocate(void *state, uint16_t queue, struct peal_packet *packets, uint32_t count)
{
	struct peal_packetpool *pool = &((struct end *)state)->bench->pool;

	(void)queue;
	peal_stopwatch_enter(PEAL_STOPWATCH_PORT);
	count = peal_packetpool_allocate(pool, packets, count);
	peal_stopwatch_leave();
	return count;
}

static void
release(void *state, uint16_t queue, struct peal_packet *packets, uint32_t count)
{
	(void)queue;
	peal_stopwatch_enter(PEAL_STOPWATCH_PORT);
	peal_packetpool_release(&((struct end *)state)->bench->pool, packets, count);
	peal_stopwatch_leave();
}

/* What was in the first cache is in the second one. */
static void
cool(struct bench *bench)
{
	uint64_t before = __rdtsc();
	const volatile uint8_t *bytes = bench->between;

	for (uint32_t at = 0; at < bench->cold_size; at += 64) {
		(void)bytes[at];
	}
	_mm_lfence();
	bench->cold_cycles += __rdtsc() - before;
}

static uint32_t
transmit(void *state, uint16_t queue, struct peal_packet *packets, uint32_t count)
{
	struct bench *bench = ((struct end *)state)->bench;
	struct end *other = state == &bench->ends[0] ? &bench->ends[1] : &bench->ends[0];

	(void)queue;
	PEAL_ASSERT(other->inbox_count + count <= PACKETS_COUNT);
	peal_stopwatch_enter(PEAL_STOPWATCH_PORT);
	memcpy(other->inbox + other->inbox_count, packets, count * sizeof(packets[0]));
	other->inbox_count += count;
	peal_stopwatch_leave();
	if (bench->cold_size > 0) {
		cool(bench);
	}
	return count;
}

static void
deliver(void *state, uint16_t channel, const struct peal_delivery *delivery)
{
	struct end *end = state;
	struct bench *bench = end->bench;

	peal_stopwatch_enter(PEAL_STOPWATCH_DELIVERY);
	bench->delivered_count += delivery->offset + delivery->size == delivery->message_size;
	bench->delivered_bytes += delivery->size;
	peal_stopwatch_leave();
	if (!bench->is_echo) {
		return;
	}
	if (end == &bench->ends[0]) {
		bench->echoed_at = __rdtsc() - bench->cold_cycles;
	} else {
		PEAL_ASSERT(peal_channels_send(&end->member.channels, channel, delivery->bytes,
				    delivery->size) == PEAL_CHANNEL_OK);
	}
}

static void
give_back(void *state, uint16_t channel, uint64_t token)
{
	(void)channel;
	(void)token;
	((struct end *)state)->bench->loans_count--;
}

static void
set_up_end(struct bench *bench, uint16_t self, bool is_coalescing)
{
	static const struct peal_port_ops ops = {receive, allocate, transmit, release};
	struct end *end = &bench->ends[self];
	const struct peal_address addresses[] = {
		peal_fixedmember_address(1), peal_fixedmember_address(2)};
	const struct peal_aead_key *const keys[] = {&bench->ends[0].key, &bench->ends[1].key};
	struct peal_fixedmember_config config = {.self = self,
		.members_count = 2,
		.port = {.ops = &ops,
			.state = end,
			.packet_size_max = bench->pool.stride - PEAL_PACKETPOOL_HEADROOM,
			.mtu = bench->mtu},
		.addresses = addresses,
		.timing = &bench->timing,
		.aead = bench->timed,
		.pre_key = &bench->pre_key,
		.keys = keys,
		.queue_size = QUEUE_SIZE,
		.rto_ns_max = RTO_NS_MAX,
		.is_coalescing = is_coalescing,
		.shards_count = 1,
		.now_ns = bench->now_ns,
		.user = {.deliver = deliver, .release = give_back, .state = end}};
	bool is_made;

	memcpy(config.port.mac, addresses[self].mac, sizeof(config.port.mac));
	is_made = peal_fixedmember_init(&end->member, &config);
	PEAL_ASSERT(is_made);
	peal_core_turn(&end->member.core, bench->now_ns);
}

static void
set_up(struct bench *bench, const char *aead_name, bool is_coalescing, uint16_t mtu)
{
	uint8_t raw[PEAL_AEAD_RAW_KEY_SIZE] = {0};

	if (!peal_aead_open(aead_name, &bench->aead)) {
		(void)fprintf(stderr, "bench_channel: there is no AEAD %s here\n",
			aead_name == NULL ? "at all" : aead_name);
		exit(1);
	}
	bench->timed = bench->aead;
	bench->timed.state = bench;
	bench->timed.seal = seal;
	bench->timed.seal_parts = seal_parts;
	bench->mtu = mtu;
	bench->timed.open = open_sealed;
	PEAL_ASSERT(peal_timing_find("dpdk", &bench->timing));
	bench->now_ns = UINT64_C(1000000000);
	bench->aead.expand(bench->aead.state, raw, &bench->pre_key);
	peal_packetpool_init(&bench->pool, bench->packets, PACKETS_COUNT, mtu);
	for (uint16_t i = 0; i < 2; i++) {
		raw[0] = (uint8_t)(i + 1U);
		bench->aead.expand(bench->aead.state, raw, &bench->ends[i].key);
		bench->ends[i].bench = bench;
	}
	for (uint16_t i = 0; i < 2; i++) {
		set_up_end(bench, i, is_coalescing);
	}
}

struct options {
	uint32_t rounds_count;
	uint32_t size;
	uint32_t burst;        /* messages of a round, [1, MESSAGES_MAX] */
	uint32_t idle_count;   /* turns of each core between two rounds */
	const char *aead_name; /* NULL = the best there is */
	bool is_coalescing;
	bool is_callgrind;
	bool is_echo;
	bool is_lent;
	uint16_t mtu;
	uint32_t cold_kib;
};

static void
turn_both(struct bench *bench)
{
	peal_core_turn(&bench->ends[0].member.core, bench->now_ns);
	peal_core_turn(&bench->ends[1].member.core, bench->now_ns);
}

/* Accepts one message. False: there is no room. */
static bool
accept(struct bench *bench, uint16_t channel, const uint8_t *message, const struct options *options,
	uint64_t seq)
{
	struct peal_channels *channels = &bench->ends[0].member.channels;

	if (!options->is_lent) {
		return peal_channels_send(channels, channel, message, options->size) ==
		       PEAL_CHANNEL_OK;
	}
	if (bench->loans_count == LOANS_MAX ||
		peal_channels_lend(channels, channel, bench->loans[seq % LOANS_MAX], options->size,
			seq) != PEAL_CHANNEL_OK) {
		return false;
	}
	bench->loans_count++;
	return true;
}

/* Adds what was accepted to `sent_count`; returns the cycles of the round for each of those. */
static __attribute__((noinline)) double
run_round(struct bench *bench, uint16_t channel, const uint8_t *message,
	const struct options *options, uint64_t *sent_count)
{
	uint32_t accepted_count = 0;
	uint64_t before;
	uint64_t after;

	bench->now_ns += 10000;
	bench->cold_cycles = 0;
	_mm_lfence();
	before = __rdtsc();
	peal_stopwatch.since = before;
	peal_stopwatch_enter(PEAL_STOPWATCH_CHANNEL);
	for (uint32_t i = 0; i < options->burst; i++) {
		accepted_count +=
			accept(bench, channel, message, options, *sent_count + accepted_count);
	}
	peal_stopwatch_leave();
	turn_both(bench);
	if (options->is_echo) {
		turn_both(bench);
	}
	if (peal_stopwatch.is_on) {
		peal_stopwatch_hand_over();
	}
	after = __rdtsc() - bench->cold_cycles;
	_mm_lfence();
	bench->echoed_at -= before;
	*sent_count += accepted_count;
	return (double)(after - before) / (accepted_count > 0 ? accepted_count : 1U);
}

/* Time passes, and nothing happens. */
static void
idle(struct bench *bench, const struct options *options)
{
	bool was_on = peal_stopwatch.is_on;
	uint64_t before = __rdtsc();

	peal_stopwatch.is_on = false;
	for (uint32_t i = 0; i < options->idle_count; i++) {
		bench->now_ns += IDLE_NS / options->idle_count;
		turn_both(bench);
	}
	bench->idle_cycles = __rdtsc() - before;
	peal_stopwatch.is_on = was_on;
}

/* Cycles of each stage for each message: medians over rounds, as the total. */
static void
find_stages(struct bench *bench, uint16_t channel, const uint8_t *message,
	const struct options *options, uint64_t *sent_count,
	double stages_out[PEAL_STOPWATCH_STAGES_COUNT])
{
	uint32_t rounds_count = options->rounds_count;
	double *samples =
		calloc((size_t)PEAL_STOPWATCH_STAGES_COUNT * rounds_count, sizeof(*samples));
	double clock_cycles;

	PEAL_ASSERT(samples != NULL);
	peal_stopwatch.stages[0] = PEAL_STOPWATCH_FRAME;
	peal_stopwatch.is_on = true;
	clock_cycles = peal_stopwatch_find_cost();
	for (uint32_t i = 0; i < rounds_count; i++) {
		uint64_t before = *sent_count;

		memset(peal_stopwatch.cycles, 0, sizeof(peal_stopwatch.cycles));
		memset(peal_stopwatch.spans_count, 0, sizeof(peal_stopwatch.spans_count));
		(void)run_round(bench, channel, message, options, sent_count);
		idle(bench, options);
		for (uint32_t j = 0; j < PEAL_STOPWATCH_STAGES_COUNT; j++) {
			double cycles = (double)peal_stopwatch.cycles[j] -
					clock_cycles * (double)peal_stopwatch.spans_count[j];

			samples[(size_t)j * rounds_count + i] =
				cycles / (double)(*sent_count > before ? *sent_count - before : 1U);
		}
	}
	peal_stopwatch.is_on = false;
	for (uint32_t j = 0; j < PEAL_STOPWATCH_STAGES_COUNT; j++) {
		stages_out[j] = peal_median_find(samples + (size_t)j * rounds_count, rounds_count);
	}
	free(samples);
}

/* Medians over rounds. */
struct medians {
	double cycles_per_message;
	double round_trip_cycles;
	double idle_turn_cycles;
	double cycles_per_byte;
	double stages[PEAL_STOPWATCH_STAGES_COUNT];
};

static void
measure(struct bench *bench, uint16_t channel, const uint8_t *message,
	const struct options *options, uint64_t *sent_count, struct medians *medians_out)
{
	uint32_t rounds_count = options->rounds_count;
	double *samples = calloc(rounds_count, sizeof(*samples));
	double *trips = calloc(rounds_count, sizeof(*trips));
	double *idles = calloc(rounds_count, sizeof(*idles));
	double *bytes = calloc(rounds_count, sizeof(*bytes));

	PEAL_ASSERT(samples != NULL && trips != NULL && idles != NULL && bytes != NULL);
	for (uint32_t i = 0; i < rounds_count; i++) {
		uint64_t sent_before = *sent_count;
		uint64_t bytes_before = bench->delivered_bytes;

		samples[i] = run_round(bench, channel, message, options, sent_count);
		bytes[i] = bench->delivered_bytes == bytes_before
				   ? 0.0
				   : samples[i] * (double)(*sent_count - sent_before) /
					     (double)(bench->delivered_bytes - bytes_before);
		trips[i] = options->is_echo ? (double)bench->echoed_at : 0.0;
		idle(bench, options);
		idles[i] = options->idle_count > 0
				   ? (double)bench->idle_cycles / (2.0 * options->idle_count)
				   : 0.0;
	}
	medians_out->cycles_per_message = peal_median_find(samples, rounds_count);
	medians_out->round_trip_cycles = peal_median_find(trips, rounds_count);
	medians_out->idle_turn_cycles = peal_median_find(idles, rounds_count);
	medians_out->cycles_per_byte = peal_median_find(bytes, rounds_count);
	find_stages(bench, channel, message, options, sent_count, medians_out->stages);
	free(samples);
	free(trips);
	free(idles);
	free(bytes);
}

static bool
read_options(int argc, char **argv, struct options *options)
{
	for (int i = 1; i < argc; i++) {
		if (strcmp(argv[i], "--callgrind") == 0) {
			options->is_callgrind = true;
		} else if (strcmp(argv[i], "--alone") == 0) {
			options->is_coalescing = false;
		} else if (strcmp(argv[i], "--echo") == 0) {
			options->is_echo = true;
		} else if (strcmp(argv[i], "--lend") == 0) {
			options->is_lent = true;
		} else if (strcmp(argv[i], "--two-passes") == 0) {
			peal_stopwatch.is_two_passes = true;
		} else if (strcmp(argv[i], "--mtu") == 0 && i + 1 < argc) {
			options->mtu = (uint16_t)strtoul(argv[++i], NULL, 10);
		} else if (strcmp(argv[i], "--aead") == 0 && i + 1 < argc) {
			options->aead_name = argv[++i];
		} else if (strcmp(argv[i], "--size") == 0 && i + 1 < argc) {
			options->size = (uint32_t)strtoul(argv[++i], NULL, 10);
		} else if (strcmp(argv[i], "--burst") == 0 && i + 1 < argc) {
			options->burst = (uint32_t)strtoul(argv[++i], NULL, 10);
		} else if (strcmp(argv[i], "--idle") == 0 && i + 1 < argc) {
			options->idle_count = (uint32_t)strtoul(argv[++i], NULL, 10);
		} else if (strcmp(argv[i], "--cold") == 0 && i + 1 < argc) {
			options->cold_kib = (uint32_t)strtoul(argv[++i], NULL, 10);
		} else if (strcmp(argv[i], "--rounds") == 0 && i + 1 < argc) {
			options->rounds_count = (uint32_t)strtoul(argv[++i], NULL, 10);
		} else {
			return false;
		}
	}
	return options->rounds_count > 0 &&
	       options->size <= (options->is_lent ? LENT_SIZE_MAX : 1000U) && options->burst > 0 &&
	       options->burst <= MESSAGES_MAX && options->idle_count <= IDLE_NS &&
	       options->cold_kib <= COLD_KIB_MAX &&
	       (options->mtu == 0 ||
		       (options->mtu >= PEAL_MTU_MIN && options->mtu <= PEAL_MTU_MAX));
}

static void
show(const struct bench *bench, const struct options *options, uint64_t sent_count,
	const struct medians *medians)
{
	const uint64_t *values = bench->ends[0].member.core.counters.values;

	(void)printf("{\"bench\":\"channel\",\"aead\":\"%s\",\"size\":%u,\"burst\":%u,"
		     "\"coalescing\":%s,\"rounds\":%u,\"cycles_per_message\":%.1f,"
		     "\"round_trip_cycles\":%.1f,\"idle_turn_cycles\":%.1f,"
		     "\"cycles_per_byte\":%.3f,\"frames_per_message\":%.3f,"
		     "\"repeated\":%llu,\"stages\":{",
		bench->aead.name, options->size, options->burst,
		options->is_coalescing ? "true" : "false", options->rounds_count,
		medians->cycles_per_message, medians->round_trip_cycles, medians->idle_turn_cycles,
		medians->cycles_per_byte,
		(double)values[PEAL_COUNTER_CHANNEL_FRAMES_SENT] / (double)sent_count,
		(unsigned long long)values[PEAL_COUNTER_CHANNEL_FRAMES_REPEATED]);
	for (uint32_t i = 0; i < PEAL_STOPWATCH_STAGES_COUNT; i++) {
		(void)printf("%s\"%s\":%.1f", i == 0 ? "" : ",",
			peal_stopwatch_name((enum peal_stopwatch_stage)i), medians->stages[i]);
	}
	(void)printf("}}\n");
}

int
peal_channelcycles_run(int argc, char **argv)
{
	static uint8_t message[PEAL_BODY_SIZE_MAX];
	struct options options = {
		.rounds_count = 20000, .size = 64, .burst = MESSAGES_MAX, .is_coalescing = true};

	if (!read_options(argc, argv, &options)) {
		(void)fprintf(stderr,
			"usage: bench_channel [--aead NAME] [--size N, at most 1000] "
			"[--rounds N] [--burst N, at most 32] [--alone] [--echo] [--idle N] "
			"[--cold N] [--lend] [--mtu N] [--two-passes] [--callgrind]\n");
		return 2;
	}

	struct bench *bench = aligned_alloc(64, (sizeof(*bench) + 63U) / 64U * 64U);
	struct medians medians = {0};
	uint64_t sent_count = 0;
	uint64_t expected_count;
	uint16_t channel;

	PEAL_ASSERT(bench != NULL);
	memset(bench, 0, sizeof(*bench));
	bench->is_echo = options.is_echo;
	bench->cold_size = options.cold_kib * 1024U;
	set_up(bench, options.aead_name, options.is_coalescing, options.mtu);
	PEAL_ASSERT(peal_channels_open(&bench->ends[0].member.channels, 2, 1, &channel) ==
		    PEAL_CHANNEL_OK);
	for (uint32_t i = 0; i < (options.is_callgrind ? CALLGRIND_ROUNDS : WARM_ROUNDS); i++) {
		(void)run_round(bench, channel, message, &options, &sent_count);
		idle(bench, &options);
	}
	if (!options.is_callgrind) {
		measure(bench, channel, message, &options, &sent_count, &medians);
	}
	/* What one turn could not send is still on its way. */
	expected_count = options.is_echo ? 2U * sent_count : sent_count;
	for (uint32_t i = 0; i < 100 && bench->delivered_count < expected_count; i++) {
		bench->now_ns += 10000;
		turn_both(bench);
	}
	PEAL_ASSERT(bench->delivered_count == expected_count);
	PEAL_ASSERT(bench->delivered_bytes == expected_count * options.size);
	if (!options.is_callgrind) {
		show(bench, &options, sent_count, &medians);
	}
	for (uint32_t i = 0; i < 2; i++) {
		peal_fixedmember_fini(&bench->ends[i].member);
	}
	peal_aead_close(&bench->aead);
	free(bench);
	return 0;
}
