/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What a message over a channel costs two cores together, without a device.
 *
 * Two cores on one thread, joined by rings of packets that are never copied. In a round the first
 * accepts 32 messages and takes a turn, the second takes a turn, delivers them and answers. Counted
 * is the whole round, ports and all, divided by what was accepted in it, which is less than 32 when
 * the queue is full; figures are medians over rounds. Everything is warm.
 *
 *     bench_channel [--aead NAME] [--size N] [--rounds N] [--alone]     one line of JSON
 *     bench_channel --callgrind ...                                     a fixed number of rounds
 *
 * --alone sends each message in a frame of its own.
 */
#include "dataplane/core.h"
#include "wire/crypto/aead_open.h"
#include "wire/frame.h"

#include <stdio.h>
#include <stdlib.h>
#include <x86intrin.h>

#define MESSAGES_COUNT   32U
#define PACKETS_COUNT    1024U
#define PACKET_SIZE      2176U
#define HEADROOM         128U
#define WARM_ROUNDS      2000U
#define CALLGRIND_ROUNDS 1000U
#define QUEUE_SIZE       65536U
#define FRAMES_COUNT     64U

struct bench;

struct end {
	struct bench *bench;
	struct peal_core core;
	struct peal_plane plane;
	struct peal_peers peers;
	struct peal_topology topology;
	uint16_t observers[2];
	struct peal_aead_key key;
	struct peal_channels channels;
	uint32_t inbox_count;
	struct peal_packet inbox[PACKETS_COUNT];
	uint8_t *queues;
	uint8_t frames[FRAMES_COUNT * PEAL_BODY_SIZE_MAX];
	uint8_t buffers[2][PEAL_PLANE_BUFFERS_MAX][PEAL_PLANE_BUFFER_SIZE];
};

struct bench {
	struct end ends[2];
	struct peal_aead aead;
	struct peal_aead_key pre_key;
	struct peal_timing timing;
	uint64_t now_ns;
	uint64_t delivered_count;
	uint64_t delivered_bytes;
	uint32_t free_count;
	uint8_t *free[PACKETS_COUNT];
	uint8_t packets[PACKETS_COUNT][PACKET_SIZE];
};

static uint32_t
receive(void *state, uint16_t queue, struct peal_packet *packets, uint32_t capacity)
{
	struct end *end = state;
	uint32_t count = end->inbox_count < capacity ? end->inbox_count : capacity;

	(void)queue;
	memcpy(packets, end->inbox, count * sizeof(packets[0]));
	end->inbox_count -= count;
	memmove(end->inbox, end->inbox + count, end->inbox_count * sizeof(packets[0]));
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
	for (uint32_t i = 0; i < count; i++) {
		uint8_t *packet = bench->free[--bench->free_count];

		packets[i] = (struct peal_packet){.data = packet + HEADROOM, .handle = packet};
	}
	return count;
}

static void
release(void *state, uint16_t queue, struct peal_packet *packets, uint32_t count)
{
	struct bench *bench = ((struct end *)state)->bench;

	(void)queue;
	for (uint32_t i = 0; i < count; i++) {
		bench->free[bench->free_count++] = packets[i].handle;
	}
}

static uint32_t
transmit(void *state, uint16_t queue, struct peal_packet *packets, uint32_t count)
{
	struct bench *bench = ((struct end *)state)->bench;
	struct end *other = state == &bench->ends[0] ? &bench->ends[1] : &bench->ends[0];

	(void)queue;
	PEAL_ASSERT(other->inbox_count + count <= PACKETS_COUNT);
	memcpy(other->inbox + other->inbox_count, packets, count * sizeof(packets[0]));
	other->inbox_count += count;
	return count;
}

static uint32_t
pop(void *state, struct peal_record *records, uint32_t capacity)
{
	struct end *end = state;

	(void)capacity;
	if (end->core.peers == &end->peers) {
		return 0;
	}
	records[0] = (struct peal_record){.kind = PEAL_RECORD_VIEW,
		.generation = end->peers.generation,
		.peers = &end->peers};
	return 1;
}

static uint32_t
push(void *state, const struct peal_record *records, uint32_t count)
{
	(void)state;
	(void)records;
	return count;
}

static bool
accepts(void *state, uint64_t mid, uint16_t number)
{
	(void)state;
	(void)mid;
	(void)number;
	return true;
}

static void
opened(void *state, uint16_t channel, uint64_t mid, uint16_t number)
{
	(void)state;
	(void)channel;
	(void)mid;
	(void)number;
}

static void
deliver(void *state, uint16_t channel, const struct peal_delivery *delivery)
{
	struct bench *bench = ((struct end *)state)->bench;

	(void)channel;
	bench->delivered_count += delivery->offset + delivery->size == delivery->message_size;
	bench->delivered_bytes += delivery->size;
}

static void
finished(void *state, uint16_t channel)
{
	(void)state;
	(void)channel;
}

static void
ended(void *state, uint16_t channel, enum peal_channel_reason reason, uint64_t lost_count)
{
	(void)state;
	(void)channel;
	(void)reason;
	(void)lost_count;
	PEAL_ASSERT(false);
}

static void
give_back(void *state, uint16_t channel, uint64_t token)
{
	(void)state;
	(void)channel;
	(void)token;
}

static struct peal_address
find_address(uint32_t mid)
{
	return (struct peal_address){
		.ipv4 = 0x0A000000U + mid, .port = 4100, .mac = {0x02, 0, 0, 0, 0, (uint8_t)mid}};
}

static void
set_up_end(struct bench *bench, uint16_t self, bool is_coalescing)
{
	static const struct peal_port_ops ops = {receive, allocate, transmit, release};
	struct end *end = &bench->ends[self];
	struct peal_peers *peers = &end->peers;
	struct peal_core_config config = {
		.port = {.ops = &ops, .state = end, .packet_size_max = PACKET_SIZE - HEADROOM},
		.plane = &end->plane,
		.timing = &bench->timing,
		.aead = bench->aead,
		.pre_key = bench->pre_key,
		.address = find_address(self + 1U),
		.seed = {1, 2, 3, self},
		.channels = &end->channels};
	const struct peal_channels_config channels = {.egress = &end->core.egress,
		.counters = &end->core.counters,
		.user = {.accepts = accepts,
			.opened = opened,
			.deliver = deliver,
			.finished = finished,
			.ended = ended,
			.release = give_back,
			.state = end},
		.queue_bytes = end->queues,
		.queue_capacity = QUEUE_SIZE,
		.frame_bytes = end->frames,
		.frames_count = FRAMES_COUNT,
		.rto_ns_min = 50000,
		.rto_ns_max = 1000000,
		.first_epoch = 1,
		.is_coalescing = is_coalescing};

	memcpy(config.port.mac, config.address.mac, sizeof(config.port.mac));
	end->plane.down = (struct peal_plane_ring){.pop = pop, .state = end};
	end->plane.up = (struct peal_plane_ring){.push = push, .state = end};
	end->plane.down_buffers = end->buffers[0];
	end->plane.up_buffers = end->buffers[1];
	end->observers[0] = 1;
	end->topology = (struct peal_topology){
		.members_count = 2, .observers_count = 1, .observers = end->observers};
	*peers = (struct peal_peers){.generation = 1,
		.cluster = 0xC1C2C3C4U,
		.epoch = 7,
		.next_mid = 3,
		.view_tag = 1,
		.self_mid = self + 1U,
		.self_rank = self,
		.members_count = 2,
		.observers_count = 1,
		.self_key = &end->key,
		.topology = &end->topology,
		.neighbours_count = 1,
		.neighbours = {(uint16_t)(1U - self)}};
	for (uint16_t rank = 0; rank < 2; rank++) {
		peers->peers[rank] = (struct peal_peer){.mid = rank + 1U,
			.rank = rank,
			.address = find_address(rank + 1U),
			.key = &bench->ends[rank].key};
	}
	peal_peers_index(peers);
	peal_channels_init(&end->channels, &channels);
	peal_core_init(&end->core, &config, bench->now_ns);
	peal_core_turn(&end->core, bench->now_ns);
}

static void
set_up(struct bench *bench, const char *aead_name, bool is_coalescing)
{
	uint8_t raw[PEAL_AEAD_RAW_KEY_SIZE] = {0};

	if (!peal_aead_open(aead_name, &bench->aead)) {
		(void)fprintf(stderr, "bench_channel: there is no AEAD %s here\n",
			aead_name == NULL ? "at all" : aead_name);
		exit(1);
	}
	PEAL_ASSERT(peal_timing_find("dpdk", &bench->timing));
	bench->now_ns = UINT64_C(1000000000);
	bench->aead.expand(bench->aead.state, raw, &bench->pre_key);
	for (uint32_t i = 0; i < PACKETS_COUNT; i++) {
		bench->free[bench->free_count++] = bench->packets[i];
	}
	for (uint16_t i = 0; i < 2; i++) {
		raw[0] = (uint8_t)(i + 1U);
		bench->aead.expand(bench->aead.state, raw, &bench->ends[i].key);
		bench->ends[i].bench = bench;
		bench->ends[i].queues = calloc(PEAL_CHANNELS_MAX, QUEUE_SIZE);
		PEAL_ASSERT(bench->ends[i].queues != NULL);
	}
	for (uint16_t i = 0; i < 2; i++) {
		set_up_end(bench, i, is_coalescing);
	}
}

/* Adds what was accepted to `sent_count`; returns the cycles of the round for each of those. */
static double
run_round(struct bench *bench, uint16_t channel, const uint8_t *message, uint32_t size,
	uint64_t *sent_count)
{
	uint32_t accepted_count = 0;
	uint64_t before;
	uint64_t after;

	bench->now_ns += 10000;
	_mm_lfence();
	before = __rdtsc();
	for (uint32_t i = 0; i < MESSAGES_COUNT; i++) {
		accepted_count += peal_channels_send(&bench->ends[0].channels, channel, message,
					  size) == PEAL_CHANNEL_OK;
	}
	peal_core_turn(&bench->ends[0].core, bench->now_ns);
	peal_core_turn(&bench->ends[1].core, bench->now_ns);
	after = __rdtsc();
	_mm_lfence();
	*sent_count += accepted_count;
	return (double)(after - before) / (accepted_count > 0 ? accepted_count : 1U);
}

static int
compare(const void *a, const void *b)
{
	double left = *(const double *)a;
	double right = *(const double *)b;

	return left < right ? -1 : left > right;
}

struct options {
	uint32_t rounds_count;
	uint32_t size;
	const char *aead_name; /* NULL = the best there is */
	bool is_coalescing;
	bool is_callgrind;
};

static bool
read_options(int argc, char **argv, struct options *options)
{
	for (int i = 1; i < argc; i++) {
		if (strcmp(argv[i], "--callgrind") == 0) {
			options->is_callgrind = true;
		} else if (strcmp(argv[i], "--alone") == 0) {
			options->is_coalescing = false;
		} else if (strcmp(argv[i], "--aead") == 0 && i + 1 < argc) {
			options->aead_name = argv[++i];
		} else if (strcmp(argv[i], "--size") == 0 && i + 1 < argc) {
			options->size = (uint32_t)strtoul(argv[++i], NULL, 10);
		} else if (strcmp(argv[i], "--rounds") == 0 && i + 1 < argc) {
			options->rounds_count = (uint32_t)strtoul(argv[++i], NULL, 10);
		} else {
			return false;
		}
	}
	return options->rounds_count > 0 && options->size <= 1000;
}

int
main(int argc, char **argv)
{
	static uint8_t message[PEAL_BODY_SIZE_MAX];
	struct options options = {.rounds_count = 20000, .size = 64, .is_coalescing = true};

	if (!read_options(argc, argv, &options)) {
		(void)fprintf(stderr, "usage: bench_channel [--aead NAME] [--size N, at most 1000] "
				      "[--rounds N] [--alone] [--callgrind]\n");
		return 2;
	}

	const uint32_t rounds_count = options.rounds_count;
	const uint32_t size = options.size;
	const bool is_coalescing = options.is_coalescing;
	const bool is_callgrind = options.is_callgrind;
	struct bench *bench = aligned_alloc(64, (sizeof(*bench) + 63U) / 64U * 64U);
	double *samples = calloc(rounds_count, sizeof(*samples));
	uint64_t sent_count = 0;
	uint16_t channel;

	PEAL_ASSERT(bench != NULL);
	PEAL_ASSERT(samples != NULL);
	memset(bench, 0, sizeof(*bench));
	set_up(bench, options.aead_name, is_coalescing);
	PEAL_ASSERT(
		peal_channels_open(&bench->ends[0].channels, 2, 1, &channel) == PEAL_CHANNEL_OK);
	for (uint32_t i = 0; i < (is_callgrind ? CALLGRIND_ROUNDS : WARM_ROUNDS); i++) {
		(void)run_round(bench, channel, message, size, &sent_count);
	}
	for (uint32_t i = 0; i < rounds_count && !is_callgrind; i++) {
		samples[i] = run_round(bench, channel, message, size, &sent_count);
	}
	/* What one turn could not send is still on its way. */
	for (uint32_t i = 0; i < 100 && bench->delivered_count < sent_count; i++) {
		bench->now_ns += 10000;
		peal_core_turn(&bench->ends[0].core, bench->now_ns);
		peal_core_turn(&bench->ends[1].core, bench->now_ns);
	}
	PEAL_ASSERT(bench->delivered_count == sent_count);
	PEAL_ASSERT(bench->delivered_bytes == sent_count * size);
	if (!is_callgrind) {
		const struct peal_counters *counters = &bench->ends[0].core.counters;

		qsort(samples, rounds_count, sizeof(*samples), compare);
		(void)printf("{\"bench\":\"channel\",\"aead\":\"%s\",\"size\":%u,\"coalescing\":%s,"
			     "\"rounds\":%u,\"cycles_per_message\":%.1f,"
			     "\"frames_per_message\":%.3f,\"repeated\":%llu}\n",
			bench->aead.name, size, is_coalescing ? "true" : "false", rounds_count,
			samples[rounds_count / 2U],
			(double)counters->values[PEAL_COUNTER_CHANNEL_FRAMES_SENT] /
				(double)sent_count,
			(unsigned long long)counters->values[PEAL_COUNTER_CHANNEL_FRAMES_REPEATED]);
	}
	for (uint32_t i = 0; i < 2; i++) {
		peal_core_fini(&bench->ends[i].core);
		free(bench->ends[i].queues);
	}
	peal_aead_close(&bench->aead);
	free(samples);
	free(bench);
	return 0;
}
