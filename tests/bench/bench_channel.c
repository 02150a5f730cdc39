/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What a message over a channel costs two cores together, without a device.
 *
 * Two cores on one thread, joined by rings of packets that are never copied. In a round the first
 * accepts 32 messages, or --burst, and takes a turn, the second takes a turn, delivers them and
 * answers. Counted is the whole round, ports and all, divided by what was accepted in it, which is
 * less when the queue is full; figures are medians over rounds. Everything is warm.
 *
 *     bench_channel [--aead NAME] [--size N] [--burst N] [--rounds N] [--alone]    a line of JSON
 *     bench_channel --lend --size 65536 --burst 1 [--mtu 9000] [--two-passes] ...
 *     bench_channel --callgrind ...                                a fixed number of rounds
 *
 * --alone sends each message in a frame of its own; --burst 1 tells what one message costs that
 * nothing else is done with: half of a round trip, without its link.
 *
 * --echo has the second core answer each message from within its delivery: the round then goes on
 * until both have taken what the other sent, and round_trip_cycles is the part of it that a program
 * waits for, from its message to the delivery of the answer. --idle N lets both cores turn N times
 * in 20 us between two rounds, as cores do that spin: then nothing of the round is as warm as in a
 * row of them, and idle_turn_cycles is what such a turn takes, by half of which a frame waits.
 *
 * --lend lends messages, which may be large, and --mtu says how large packets may be; then the
 * figure of interest is the cycles for each byte that was delivered, both ends. --two-passes copies
 * what is lent into the packet and seals it there, as it was before the cipher read it where it
 * lies.
 *
 * Then the same rounds once more with a clock that is read wherever one stage hands over to
 * another, and what reading it costs is taken off again. The stages are
 *
 *     port      packets in, out, lent and given back
 *     frame     headers, checks, replay window, and the turn around all of it
 *     aead      sealing and opening
 *     channel   queue, window, acknowledgements, timers
 *     delivery  the user takes the bytes
 *
 * so their sum is near the total that was taken without a clock, and not the same.
 */
#include "tools/benchlib/fixedmember.h"
#include "wire/crypto/aead_open.h"
#include "wire/frame.h"

#include <stdio.h>
#include <stdlib.h>
#include <x86intrin.h>

#define MESSAGES_MAX     32U
#define PACKETS_COUNT    1024U
#define PACKET_SIZE      2176U
#define PACKET_WIDE_SIZE 9344U
#define HEADROOM         128U
#define LENT_SIZE_MAX    65536U
#define LOANS_MAX        8U
#define WARM_ROUNDS      2000U
#define CALLGRIND_ROUNDS 1000U
#define STAGE_DEPTH_MAX  8U
#define CLOCK_RUNS       100U
#define CLOCK_BATCHES    1001U
#define IDLE_NS          20000U
#define QUEUE_SIZE       65536U
#define RTO_NS_MAX       1000000U

enum stage { STAGE_PORT = 0, STAGE_FRAME, STAGE_AEAD, STAGE_CHANNEL, STAGE_DELIVERY, STAGES_COUNT };

static const char *const stage_names[STAGES_COUNT] = {
	"port", "frame", "aead", "channel", "delivery"};

/* Whose time it is. The linker leads the calls between core, channels and egress through here. */
static struct {
	bool is_on;
	uint32_t depth;
	enum stage stages[STAGE_DEPTH_MAX];
	uint64_t since; /* cycles */
	uint64_t cycles[STAGES_COUNT];
	uint64_t spans_count[STAGES_COUNT];
} stopwatch;

static void
hand_over(void)
{
	enum stage stage = stopwatch.stages[stopwatch.depth];
	uint64_t now = __rdtsc();

	stopwatch.cycles[stage] += now - stopwatch.since;
	stopwatch.spans_count[stage]++;
	stopwatch.since = now;
}

static inline void
enter_stage(enum stage stage)
{
	if (__builtin_expect(stopwatch.is_on, 0)) {
		hand_over();
		PEAL_ASSERT(stopwatch.depth + 1U < STAGE_DEPTH_MAX);
		stopwatch.stages[++stopwatch.depth] = stage;
	}
}

static inline void
leave_stage(void)
{
	if (__builtin_expect(stopwatch.is_on, 0)) {
		hand_over();
		stopwatch.depth--;
	}
}

/* By the names that the linker gives to both ends of a call that it leads through here. */
uint32_t run_really(struct peal_channels *channels, uint64_t now_ns) __asm__(
	"__real_peal_channels_run");
uint32_t run_timed(struct peal_channels *channels, uint64_t now_ns) __asm__(
	"__wrap_peal_channels_run");
void take_really(struct peal_channels *channels, const struct peal_opened *opened,
	uint64_t now_ns) __asm__("__real_peal_channels_on_frame");
void take_timed(struct peal_channels *channels, const struct peal_opened *opened,
	uint64_t now_ns) __asm__("__wrap_peal_channels_on_frame");
uint8_t *begin_really(struct peal_egress *egress, struct peal_packet *packet_out) __asm__(
	"__real_peal_egress_begin");
uint8_t *begin_timed(struct peal_egress *egress, struct peal_packet *packet_out) __asm__(
	"__wrap_peal_egress_begin");
void end_really(struct peal_egress *egress, const struct peal_packet *packet, uint16_t slot,
	uint8_t shard, uint8_t kind, uint16_t size) __asm__("__real_peal_egress_end");
void end_timed(struct peal_egress *egress, const struct peal_packet *packet, uint16_t slot,
	uint8_t shard, uint8_t kind, uint16_t size) __asm__("__wrap_peal_egress_end");

void end_rest_really(struct peal_egress *egress, const struct peal_packet *packet, uint16_t slot,
	uint8_t shard, uint8_t kind, uint16_t size,
	const struct peal_egress_rest *rest) __asm__("__real_peal_egress_end_rest");
void end_rest_timed(struct peal_egress *egress, const struct peal_packet *packet, uint16_t slot,
	uint8_t shard, uint8_t kind, uint16_t size,
	const struct peal_egress_rest *rest) __asm__("__wrap_peal_egress_end_rest");
uint32_t make_really(struct peal_channel_tx *tx, struct peal_channel_msg *message_out,
	uint8_t *data_out, struct peal_channel_rest *rest_out,
	uint64_t now_ns) __asm__("__real_peal_channel_tx_make_parts");
uint32_t make_wrapped(struct peal_channel_tx *tx, struct peal_channel_msg *message_out,
	uint8_t *data_out, struct peal_channel_rest *rest_out,
	uint64_t now_ns) __asm__("__wrap_peal_channel_tx_make_parts");

/* What is lent is copied before it is sealed. */
static bool is_two_passes;

uint32_t
run_timed(struct peal_channels *channels, uint64_t now_ns)
{
	uint32_t count;

	enter_stage(STAGE_CHANNEL);
	count = run_really(channels, now_ns);
	leave_stage();
	return count;
}

void
take_timed(struct peal_channels *channels, const struct peal_opened *opened, uint64_t now_ns)
{
	enter_stage(STAGE_CHANNEL);
	take_really(channels, opened, now_ns);
	leave_stage();
}

uint8_t *
begin_timed(struct peal_egress *egress, struct peal_packet *packet_out)
{
	uint8_t *body;

	enter_stage(STAGE_FRAME);
	body = begin_really(egress, packet_out);
	leave_stage();
	return body;
}

void
end_timed(struct peal_egress *egress, const struct peal_packet *packet, uint16_t slot,
	uint8_t shard, uint8_t kind, uint16_t size)
{
	enter_stage(STAGE_FRAME);
	end_really(egress, packet, slot, shard, kind, size);
	leave_stage();
}

void
end_rest_timed(struct peal_egress *egress, const struct peal_packet *packet, uint16_t slot,
	uint8_t shard, uint8_t kind, uint16_t size, const struct peal_egress_rest *rest)
{
	enter_stage(STAGE_FRAME);
	end_rest_really(egress, packet, slot, shard, kind, size, rest);
	leave_stage();
}

uint32_t
make_wrapped(struct peal_channel_tx *tx, struct peal_channel_msg *message_out, uint8_t *data_out,
	struct peal_channel_rest *rest_out, uint64_t now_ns)
{
	if (is_two_passes) {
		rest_out->size = 0;
		return peal_channel_tx_make(tx, message_out, data_out, now_ns);
	}
	return make_really(tx, message_out, data_out, rest_out, now_ns);
}

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
	uint32_t loans_count;
	uint16_t mtu; /* 0 = what every path carries */
	uint32_t free_count;
	uint8_t *free[PACKETS_COUNT];
	uint8_t packets[PACKETS_COUNT * PACKET_WIDE_SIZE];
	uint8_t loans[LOANS_MAX][LENT_SIZE_MAX];
};

/* Eight parameters, as the table of wire/aead.h has them. NOLINTBEGIN(readability-function-size) */
static void
seal(void *state, const struct peal_aead_key *key, const uint8_t nonce[PEAL_AEAD_NONCE_SIZE],
	const uint8_t *aad, size_t aad_size, uint8_t *data, size_t size,
	uint8_t tag_out[PEAL_AEAD_TAG_SIZE])
{
	const struct peal_aead *aead = &((struct bench *)state)->aead;

	enter_stage(STAGE_AEAD);
	aead->seal(aead->state, key, nonce, aad, aad_size, data, size, tag_out);
	leave_stage();
}

static void
seal_parts(void *state, const struct peal_aead_key *key, const uint8_t nonce[PEAL_AEAD_NONCE_SIZE],
	const uint8_t *aad, size_t aad_size, const struct peal_aead_parts *parts,
	uint8_t tag_out[PEAL_AEAD_TAG_SIZE])
{
	const struct peal_aead *aead = &((struct bench *)state)->aead;

	enter_stage(STAGE_AEAD);
	aead->seal_parts(aead->state, key, nonce, aad, aad_size, parts, tag_out);
	leave_stage();
}

static bool
open_sealed(void *state, const struct peal_aead_key *key, const uint8_t nonce[PEAL_AEAD_NONCE_SIZE],
	const uint8_t *aad, size_t aad_size, uint8_t *data, size_t size,
	const uint8_t tag[PEAL_AEAD_TAG_SIZE])
{
	const struct peal_aead *aead = &((struct bench *)state)->aead;
	bool is_good;

	enter_stage(STAGE_AEAD);
	is_good = aead->open(aead->state, key, nonce, aad, aad_size, data, size, tag);
	leave_stage();
	return is_good;
}
/* NOLINTEND(readability-function-size) */

static uint32_t
receive(void *state, uint16_t queue, struct peal_packet *packets, uint32_t capacity)
{
	struct end *end = state;
	uint32_t count = end->inbox_count < capacity ? end->inbox_count : capacity;

	(void)queue;
	enter_stage(STAGE_PORT);
	memcpy(packets, end->inbox, count * sizeof(packets[0]));
	for (uint32_t i = 0; i < count; i++) {
		packets[i].room = PACKET_SIZE - HEADROOM;
	}
	end->inbox_count -= count;
	memmove(end->inbox, end->inbox + count, end->inbox_count * sizeof(packets[0]));
	leave_stage();
	return count;
}

static uint32_t
allocate(void *state, uint16_t queue, struct peal_packet *packets, uint32_t count)
{
	struct bench *bench = ((struct end *)state)->bench;

	(void)queue;
	if (bench->free_count < count) {
		return 0;
	}
	enter_stage(STAGE_PORT);
	for (uint32_t i = 0; i < count; i++) {
		uint8_t *packet = bench->free[--bench->free_count];

		packets[i] = (struct peal_packet){.data = packet + HEADROOM, .handle = packet};
	}
	leave_stage();
	return count;
}

static void
release(void *state, uint16_t queue, struct peal_packet *packets, uint32_t count)
{
	struct bench *bench = ((struct end *)state)->bench;

	(void)queue;
	enter_stage(STAGE_PORT);
	for (uint32_t i = 0; i < count; i++) {
		bench->free[bench->free_count++] = packets[i].handle;
	}
	leave_stage();
}

static uint32_t
transmit(void *state, uint16_t queue, struct peal_packet *packets, uint32_t count)
{
	struct bench *bench = ((struct end *)state)->bench;
	struct end *other = state == &bench->ends[0] ? &bench->ends[1] : &bench->ends[0];

	(void)queue;
	PEAL_ASSERT(other->inbox_count + count <= PACKETS_COUNT);
	enter_stage(STAGE_PORT);
	memcpy(other->inbox + other->inbox_count, packets, count * sizeof(packets[0]));
	other->inbox_count += count;
	leave_stage();
	return count;
}

static void
deliver(void *state, uint16_t channel, const struct peal_delivery *delivery)
{
	struct end *end = state;
	struct bench *bench = end->bench;

	enter_stage(STAGE_DELIVERY);
	bench->delivered_count += delivery->offset + delivery->size == delivery->message_size;
	bench->delivered_bytes += delivery->size;
	leave_stage();
	if (!bench->is_echo) {
		return;
	}
	if (end == &bench->ends[0]) {
		bench->echoed_at = __rdtsc();
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

static struct peal_address
find_address(uint32_t mid)
{
	return (struct peal_address){
		.ipv4 = 0x0A000000U + mid, .port = 4100, .mac = {0x02, 0, 0, 0, 0, (uint8_t)mid}};
}

static uint32_t
find_stride(const struct bench *bench)
{
	return bench->mtu > 1500U ? PACKET_WIDE_SIZE : PACKET_SIZE;
}

static void
set_up_end(struct bench *bench, uint16_t self, bool is_coalescing)
{
	static const struct peal_port_ops ops = {receive, allocate, transmit, release};
	struct end *end = &bench->ends[self];
	const struct peal_address addresses[] = {find_address(1), find_address(2)};
	const struct peal_aead_key *const keys[] = {&bench->ends[0].key, &bench->ends[1].key};
	struct peal_fixedmember_config config = {.self = self,
		.members_count = 2,
		.port = {.ops = &ops,
			.state = end,
			.packet_size_max = find_stride(bench) - HEADROOM,
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
	for (uint32_t i = 0; i < PACKETS_COUNT; i++) {
		bench->free[bench->free_count++] = bench->packets + (size_t)i * find_stride(bench);
	}
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
	_mm_lfence();
	before = __rdtsc();
	stopwatch.since = before;
	enter_stage(STAGE_CHANNEL);
	for (uint32_t i = 0; i < options->burst; i++) {
		accepted_count +=
			accept(bench, channel, message, options, *sent_count + accepted_count);
	}
	leave_stage();
	turn_both(bench);
	if (options->is_echo) {
		turn_both(bench);
	}
	if (stopwatch.is_on) {
		hand_over();
	}
	after = __rdtsc();
	_mm_lfence();
	bench->echoed_at -= before;
	*sent_count += accepted_count;
	return (double)(after - before) / (accepted_count > 0 ? accepted_count : 1U);
}

/* Time passes, and nothing happens. */
static void
idle(struct bench *bench, const struct options *options)
{
	bool was_on = stopwatch.is_on;
	uint64_t before = __rdtsc();

	stopwatch.is_on = false;
	for (uint32_t i = 0; i < options->idle_count; i++) {
		bench->now_ns += IDLE_NS / options->idle_count;
		turn_both(bench);
	}
	bench->idle_cycles = __rdtsc() - before;
	stopwatch.is_on = was_on;
}

static int
compare(const void *a, const void *b)
{
	double left = *(const double *)a;
	double right = *(const double *)b;

	return left < right ? -1 : left > right;
}

static double
find_median(double *values, uint32_t count)
{
	qsort(values, count, sizeof(*values), compare);
	return values[count / 2U];
}

/* What one reading of the stopwatch takes. */
static double
find_clock_cycles(void)
{
	double samples[CLOCK_BATCHES];

	for (uint32_t i = 0; i < CLOCK_BATCHES; i++) {
		uint64_t before = __rdtsc();

		for (uint32_t j = 0; j < CLOCK_RUNS; j++) {
			enter_stage(STAGE_PORT);
			leave_stage();
		}
		samples[i] = (double)(__rdtsc() - before) / (2.0 * CLOCK_RUNS);
	}
	return find_median(samples, CLOCK_BATCHES);
}

/* Cycles of each stage for each message: medians over rounds, as the total. */
static void
find_stages(struct bench *bench, uint16_t channel, const uint8_t *message,
	const struct options *options, uint64_t *sent_count, double stages_out[STAGES_COUNT])
{
	uint32_t rounds_count = options->rounds_count;
	double *samples = calloc((size_t)STAGES_COUNT * rounds_count, sizeof(*samples));
	double clock_cycles;

	PEAL_ASSERT(samples != NULL);
	stopwatch.stages[0] = STAGE_FRAME;
	stopwatch.is_on = true;
	clock_cycles = find_clock_cycles();
	for (uint32_t i = 0; i < rounds_count; i++) {
		uint64_t before = *sent_count;

		memset(stopwatch.cycles, 0, sizeof(stopwatch.cycles));
		memset(stopwatch.spans_count, 0, sizeof(stopwatch.spans_count));
		(void)run_round(bench, channel, message, options, sent_count);
		idle(bench, options);
		for (uint32_t j = 0; j < STAGES_COUNT; j++) {
			double cycles = (double)stopwatch.cycles[j] -
					clock_cycles * (double)stopwatch.spans_count[j];

			samples[(size_t)j * rounds_count + i] =
				cycles / (double)(*sent_count > before ? *sent_count - before : 1U);
		}
	}
	stopwatch.is_on = false;
	for (uint32_t j = 0; j < STAGES_COUNT; j++) {
		stages_out[j] = find_median(samples + (size_t)j * rounds_count, rounds_count);
	}
	free(samples);
}

/* Medians over rounds. */
struct medians {
	double cycles_per_message;
	double round_trip_cycles;
	double idle_turn_cycles;
	double cycles_per_byte;
	double stages[STAGES_COUNT];
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
	medians_out->cycles_per_message = find_median(samples, rounds_count);
	medians_out->round_trip_cycles = find_median(trips, rounds_count);
	medians_out->idle_turn_cycles = find_median(idles, rounds_count);
	medians_out->cycles_per_byte = find_median(bytes, rounds_count);
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
			is_two_passes = true;
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
		} else if (strcmp(argv[i], "--rounds") == 0 && i + 1 < argc) {
			options->rounds_count = (uint32_t)strtoul(argv[++i], NULL, 10);
		} else {
			return false;
		}
	}
	return options->rounds_count > 0 &&
	       options->size <= (options->is_lent ? LENT_SIZE_MAX : 1000U) && options->burst > 0 &&
	       options->burst <= MESSAGES_MAX && options->idle_count <= IDLE_NS &&
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
	for (uint32_t i = 0; i < STAGES_COUNT; i++) {
		(void)printf(
			"%s\"%s\":%.1f", i == 0 ? "" : ",", stage_names[i], medians->stages[i]);
	}
	(void)printf("}}\n");
}

int
main(int argc, char **argv)
{
	static uint8_t message[PEAL_BODY_SIZE_MAX];
	struct options options = {
		.rounds_count = 20000, .size = 64, .burst = MESSAGES_MAX, .is_coalescing = true};

	if (!read_options(argc, argv, &options)) {
		(void)fprintf(stderr,
			"usage: bench_channel [--aead NAME] [--size N, at most 1000] "
			"[--rounds N] [--burst N, at most 32] [--alone] [--echo] [--idle N] "
			"[--lend] [--mtu N] [--two-passes] [--callgrind]\n");
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
