/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What a frame costs a core, without its port.
 *
 * A core in a view of 33 members takes bursts of 32 sealed probes, one from each other member,
 * checks and opens them, runs the heartbeat and seals the answers. The port hands out packets that
 * were prepared before the clock was read, and takes the answers without looking. Everything is
 * warm.
 *
 *     bench_core [--aead NAME] [--bursts N]     one line of JSON; status 1 above the limit
 *     bench_core --ipv6                         the same over IPv6, a checksum a frame; no limit
 *     bench_core --callgrind                    a fixed number of bursts, for counting instructions
 *
 * The limit is two calls of the AEAD, measured in the same run with the same keys and sizes, and
 * 150 cycles of the time stamp counter. All figures are medians, over bursts, divided by 32.
 */
#include "dataplane/core.h"
#include "dataplane/link.h"
#include "wire/crypto/aead_open.h"
#include "wire/frame.h"
#include "wire/liveness_msg.h"
#include "wire/messages.h"

#include <stdio.h>
#include <stdlib.h>
#include <x86intrin.h>

#define PEERS_COUNT      PEAL_BURST_MAX
#define EXTRA_CYCLES_MAX 150U
#define WARM_BURSTS      2000U
#define CALLGRIND_BURSTS 1000U
#define SELF_MID         1U
#define PROBE_SIZE       (PEAL_HEADER_SIZE + PEAL_LIVENESS_BODY_SIZE + PEAL_TRAILER_SIZE)

/* Whether the addresses are IPv6 ones, and where a payload begins. */
static bool is_ipv6;
static uint32_t headers_size = PEAL_UDP_OFFSET;

struct bench {
	struct peal_core core;
	struct peal_plane plane;
	struct peal_peers peers;
	struct peal_topology topology;
	uint16_t observers[(PEERS_COUNT + 1U) * PEAL_RINGS_DEFAULT];
	struct peal_aead aead;
	struct peal_aead_key self_key;
	struct peal_aead_key keys[PEERS_COUNT];
	struct peal_timing timing;
	uint32_t ready_count; /* packets that the next receive hands out */
	uint64_t sent_count;
	uint64_t burst;
	uint64_t now_ns;
	uint8_t buffers[2][PEAL_PLANE_BUFFERS_MAX][PEAL_PLANE_BUFFER_SIZE];
	/* As in a mempool: headroom in front, not all on the same page offset. */
	uint8_t packets[PEERS_COUNT][2176];
};

static uint32_t
receive(void *state, uint16_t queue, struct peal_packet *packets, uint32_t capacity)
{
	struct bench *bench = state;
	uint32_t count = bench->ready_count;

	(void)queue;
	PEAL_ASSERT(capacity >= count);
	for (uint32_t i = 0; i < count; i++) {
		packets[i] = (struct peal_packet){.data = bench->packets[i] + 128,
			.size = headers_size + PROBE_SIZE,
			.handle = bench->packets[i]};
	}
	bench->ready_count = 0;
	return count;
}

static uint32_t
allocate(void *state, uint16_t queue, struct peal_packet *packets, uint32_t count)
{
	(void)queue;
	for (uint32_t i = 0; i < count; i++) {
		packets[i].data = calloc(1, PEAL_PACKET_SIZE_MAX);
		packets[i].handle = packets[i].data;
	}
	(void)state;
	return count;
}

static void
release(void *state, uint16_t queue, struct peal_packet *packets, uint32_t count)
{
	const struct bench *bench = state;

	(void)queue;
	for (uint32_t i = 0; i < count; i++) {
		uint8_t *memory = packets[i].handle;

		if (memory < bench->packets[0] || memory > bench->packets[PEERS_COUNT - 1U]) {
			free(memory);
		}
	}
}

static uint32_t
transmit(void *state, uint16_t queue, struct peal_packet *packets, uint32_t count)
{
	struct bench *bench = state;

	bench->sent_count += count;
	if (count != PEERS_COUNT) { /* own probes among the answers */
		release(state, queue, packets, count);
	}
	return count;
}

static uint32_t
pop_nothing(void *state, struct peal_record *records, uint32_t capacity)
{
	struct bench *bench = state;

	(void)capacity;
	if (bench->core.peers == &bench->peers) {
		return 0;
	}
	records[0] = (struct peal_record){.kind = PEAL_RECORD_VIEW,
		.generation = bench->peers.generation,
		.peers = &bench->peers};
	return 1;
}

static uint32_t
push_away(void *state, const struct peal_record *records, uint32_t count)
{
	(void)state;
	(void)records;
	return count;
}

static struct peal_address
find_address(uint32_t mid)
{
	return (struct peal_address){.ipv6_head = is_ipv6 ? UINT64_C(0xFD00) << 48 : 0,
		.ipv4 = 0x0A000000U + mid,
		.port = 4100,
		.mac = {0x02, 0, 0, 0, 0, (uint8_t)mid}};
}

static void
fill_peers(struct bench *bench)
{
	struct peal_peers *peers = &bench->peers;

	peers->generation = 1;
	peers->cluster = 0xC1C2C3C4U;
	peers->epoch = 7;
	peers->view_tag = 0x11223344U;
	peers->self_mid = SELF_MID;
	peers->self_rank = 0;
	peers->members_count = PEERS_COUNT + 1U;
	peers->observers_count = PEAL_RINGS_DEFAULT;
	peers->next_mid = SELF_MID + PEERS_COUNT + 1U;
	peers->self_key = &bench->self_key;
	peers->topology = &bench->topology;
	bench->topology = (struct peal_topology){.members_count = PEERS_COUNT + 1U,
		.observers_count = PEAL_RINGS_DEFAULT,
		.observers = bench->observers};
	for (uint16_t rank = 0; rank <= PEERS_COUNT; rank++) {
		if (rank > 0) {
			peers->neighbours[peers->neighbours_count++] = rank;
		}
		peers->peers[rank] = (struct peal_peer){.mid = SELF_MID + rank,
			.rank = rank,
			.is_subject = rank >= 1 && rank <= PEAL_RINGS_DEFAULT,
			.address = find_address(SELF_MID + rank),
			.key = rank == 0 ? &bench->self_key : &bench->keys[rank - 1U]};
		for (uint16_t k = 0; k < PEAL_RINGS_DEFAULT; k++) {
			bench->observers[rank * PEAL_RINGS_DEFAULT + k] =
				(uint16_t)((rank + PEERS_COUNT - k) % (PEERS_COUNT + 1U));
		}
	}
	peal_peers_index(peers);
}

/* Seals the next probe of every peer into its packet. */
static void
prepare_burst(struct bench *bench)
{
	bench->burst++;
	for (uint32_t i = 0; i < PEERS_COUNT; i++) {
		uint8_t *data = bench->packets[i] + 128;
		uint8_t *payload = data + headers_size;
		struct peal_headers headers;
		struct peal_headers_target target;
		uint8_t *body = payload + PEAL_HEADER_SIZE;
		struct peal_address from = find_address(SELF_MID + 1U + i);
		struct peal_address to = find_address(SELF_MID);
		uint8_t nonce[PEAL_AEAD_NONCE_SIZE];

		peal_headers_init(&headers, &from, 0);
		target = peal_headers_aim(&headers, &to, to.mac);
		peal_headers_write(&headers, &target, PROBE_SIZE, data);

		const struct peal_header header = {.kind = PEAL_MESSAGE_PROBE,
			.key_id = bench->aead.key_id,
			.body_size = PEAL_LIVENESS_BODY_SIZE,
			.cluster = bench->peers.cluster,
			.src = SELF_MID + 1U + i,
			.dst = SELF_MID,
			.epoch = (uint32_t)bench->peers.epoch,
			.counter = bench->burst};
		const struct peal_liveness_msg probe = {.view_tag = bench->peers.view_tag,
			.seq = (uint16_t)bench->burst,
			.flags = PEAL_LIVENESS_FLAG_ECHO_VALID};

		peal_frame_encode(&header, payload);
		peal_liveness_msg_encode(&probe, body);
		peal_frame_nonce(payload, nonce);
		bench->aead.seal(bench->aead.state, &bench->keys[i], nonce, payload,
			PEAL_HEADER_SIZE, body, PEAL_LIVENESS_BODY_SIZE,
			body + PEAL_LIVENESS_BODY_SIZE);
	}
	bench->ready_count = PEERS_COUNT;
}

static void
set_up(struct bench *bench, const char *aead_name)
{
	static const struct peal_port_ops ops = {receive, allocate, transmit, release};
	struct peal_core_config config = {
		.port = {.ops = &ops, .state = bench, .packet_size_max = PEAL_PACKET_SIZE_MAX},
		.plane = &bench->plane,
		.timing = &bench->timing,
		.cluster_name = peal_frame_fold_name("bench"),
		.address = find_address(SELF_MID),
		.seed = {1, 2, 3, 4}};
	uint8_t raw[PEAL_AEAD_RAW_KEY_SIZE] = {0};

	if (!peal_aead_open(aead_name, &bench->aead)) {
		(void)fprintf(stderr, "bench_core: there is no AEAD %s here\n",
			aead_name == NULL ? "at all" : aead_name);
		exit(1);
	}
	PEAL_ASSERT(peal_timing_find("dpdk", &bench->timing));
	for (uint32_t i = 0; i < PEERS_COUNT; i++) {
		raw[0] = (uint8_t)(i + 1U);
		bench->aead.expand(bench->aead.state, raw, &bench->keys[i]);
	}
	raw[1] = 1;
	bench->aead.expand(bench->aead.state, raw, &bench->self_key);
	bench->aead.expand(bench->aead.state, raw, &config.pre_key);
	bench->plane.down = (struct peal_plane_ring){.pop = pop_nothing, .state = bench};
	bench->plane.up = (struct peal_plane_ring){.push = push_away, .state = bench};
	bench->plane.down_buffers = bench->buffers[0];
	bench->plane.up_buffers = bench->buffers[1];
	config.aead = bench->aead;
	memcpy(config.port.mac, config.address.mac, sizeof(config.port.mac));
	fill_peers(bench);
	bench->now_ns = UINT64_C(1000000000);
	peal_core_init(&bench->core, &config, bench->now_ns);
}

static int
compare(const void *a, const void *b)
{
	uint64_t left = *(const uint64_t *)a;
	uint64_t right = *(const uint64_t *)b;

	return left < right ? -1 : left > right;
}

static double
find_median(uint64_t *samples, uint32_t count, uint32_t divisor)
{
	qsort(samples, count, sizeof(*samples), compare);
	uint64_t median = samples[count / 2U];

	return (double)median / divisor;
}

/* One turn over a fresh burst. Returns its cycles. */
static uint64_t
run_burst(struct bench *bench)
{
	uint64_t before;
	uint64_t after;

	prepare_burst(bench);
	bench->now_ns += 10000;
	_mm_lfence();
	before = __rdtsc();
	peal_core_turn(&bench->core, bench->now_ns);
	after = __rdtsc();
	_mm_lfence();
	return after - before;
}

static uint64_t
run_idle(struct bench *bench)
{
	uint64_t before;

	bench->now_ns += 1;
	_mm_lfence();
	before = __rdtsc();
	for (uint32_t i = 0; i < PEERS_COUNT; i++) {
		peal_core_turn(&bench->core, bench->now_ns);
	}
	return __rdtsc() - before;
}

/* Opens the burst that was prepared, or seals it again. Returns the cycles of all calls. */
static uint64_t
run_aead(struct bench *bench, bool is_open)
{
	const struct peal_aead *aead = &bench->aead;
	uint64_t before;
	bool is_good = true;

	prepare_burst(bench);
	bench->ready_count = 0;
	_mm_lfence();
	before = __rdtsc();
	for (uint32_t i = 0; i < PEERS_COUNT; i++) {
		uint8_t *payload = bench->packets[i] + 128 + headers_size;
		uint8_t *body = payload + PEAL_HEADER_SIZE;
		uint8_t nonce[PEAL_AEAD_NONCE_SIZE];

		peal_frame_nonce(payload, nonce);
		if (is_open) {
			is_good &= aead->open(aead->state, &bench->keys[i], nonce, payload,
				PEAL_HEADER_SIZE, body, PEAL_LIVENESS_BODY_SIZE,
				body + PEAL_LIVENESS_BODY_SIZE);
		} else {
			aead->seal(aead->state, &bench->self_key, nonce, payload, PEAL_HEADER_SIZE,
				body, PEAL_LIVENESS_BODY_SIZE, body + PEAL_LIVENESS_BODY_SIZE);
		}
	}
	uint64_t cycles = __rdtsc() - before;

	PEAL_ASSERT(is_good);
	return cycles;
}

static int
measure(struct bench *bench, uint32_t bursts_count)
{
	uint64_t *samples[4];

	for (uint32_t i = 0; i < 4; i++) {
		samples[i] = calloc(bursts_count, sizeof(*samples[i]));
		PEAL_ASSERT(samples[i] != NULL);
	}
	/* In turns, so that a change of the processor's clock touches all of them alike. */
	for (uint32_t i = 0; i < bursts_count; i++) {
		samples[0][i] = run_burst(bench);
		samples[1][i] = run_aead(bench, true);
		samples[2][i] = run_aead(bench, false);
		samples[3][i] = run_idle(bench);
	}

	double frame = find_median(samples[0], bursts_count, PEERS_COUNT);
	double open = find_median(samples[1], bursts_count, PEERS_COUNT);
	double seal = find_median(samples[2], bursts_count, PEERS_COUNT);
	double idle = find_median(samples[3], bursts_count, PEERS_COUNT);
	double limit = open + seal + EXTRA_CYCLES_MAX;

	(void)printf("{\"bench\":\"core\",\"aead\":\"%s\",\"bursts\":%u,\"cycles_per_frame\":%.1f,"
		     "\"aead_open_cycles\":%.1f,\"aead_seal_cycles\":%.1f,\"limit\":%.1f,"
		     "\"idle_turn_cycles\":%.1f}\n",
		bench->aead.name, bursts_count, frame, open, seal, limit, idle);
	for (uint32_t i = 0; i < 4; i++) {
		free(samples[i]);
	}
	return frame <= limit || is_ipv6 ? 0 : 1;
}

int
main(int argc, char **argv)
{
	uint32_t bursts_count = 20000;
	const char *aead_name = NULL;
	bool is_callgrind = false;
	int result = 0;

	for (int i = 1; i < argc; i++) {
		if (strcmp(argv[i], "--callgrind") == 0) {
			is_callgrind = true;
		} else if (strcmp(argv[i], "--ipv6") == 0) {
			is_ipv6 = true;
			headers_size += PEAL_IPV6_EXTRA_SIZE;
		} else if (strcmp(argv[i], "--aead") == 0 && i + 1 < argc) {
			aead_name = argv[++i];
		} else if (strcmp(argv[i], "--bursts") == 0 && i + 1 < argc) {
			bursts_count = (uint32_t)strtoul(argv[++i], NULL, 10);
		} else {
			(void)fprintf(stderr, "usage: bench_core [--aead NAME] [--bursts N] "
					      "[--ipv6] [--callgrind]\n");
			return 2;
		}
	}

	struct bench *bench = aligned_alloc(64, (sizeof(*bench) + 63U) / 64U * 64U);

	PEAL_ASSERT(bench != NULL);
	PEAL_ASSERT(bursts_count > 0);
	memset(bench, 0, sizeof(*bench));
	set_up(bench, aead_name);
	for (uint32_t i = 0; i < (is_callgrind ? CALLGRIND_BURSTS : WARM_BURSTS); i++) {
		run_burst(bench);
	}
	PEAL_ASSERT(
		bench->core.counters.values[PEAL_COUNTER_ACKS_SENT] == bench->burst * PEERS_COUNT);
	if (!is_callgrind) {
		result = measure(bench, bursts_count);
	}
	peal_core_fini(&bench->core);
	peal_aead_close(&bench->aead);
	free(bench);
	return result;
}
