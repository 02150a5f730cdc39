/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What a second data core brings: two nodes with two cores each against two nodes with one.
 *
 * The nodes live on a switch inside the process (dataplane/dpdk/port_ring.h). A thread has a shard
 * of one node and the shard of the other that shares its channels; it generates messages for itself
 * as tests/bench/bench_channel.c does: 32 are accepted, both cores take a turn, the second delivers
 * and answers. Nothing passes between two threads but what the switch and its pool of packets make
 * them share. One thread and two run in turns, and medians are compared.
 *
 *     bench_cores [--aead NAME] [--size N] [--rounds N] [--repeats N] [--cpus A,B]
 *
 * Beside it stands the round trip of one cache line between the two processors: below 0.2 us they
 * are two threads of one core, share its units, and say nothing about two cores.
 */
#include "dataplane/dpdk/port_ring.h"
#include "dataplane/shard.h"
#include "runtime/eal.h"
#include "tools/benchlib/fixedmember.h"
#include "tools/benchlib/linelap.h"
#include "tools/benchlib/median.h"
#include "wire/crypto/aead_open.h"

#include <rte_cycles.h>
#include <rte_launch.h>
#include <stdio.h>
#include <stdlib.h>

#define MESSAGES_COUNT     32U
#define PORT               7400U
#define WARM_ROUNDS        2000U
#define REPEATS_MAX        64U
#define LINE_NS_MEASURABLE 200.0
#define THREADS_MAX        2U
#define QUEUE_SIZE         65536U
#define RTO_NS_MAX         1000000U

/* A core of one of the two nodes. */
struct end {
	struct peal_fixedmember member;
	struct peal_aead_key key;
};

/* What one thread has: the same shard of both nodes. */
struct pair {
	alignas(64) struct end ends[2];
	struct peal_resteer_ring none[THREADS_MAX]; /* rings in which nothing comes */
	struct peal_aead aead;
	struct peal_aead_key pre_key;
	struct peal_timing timing;
	uint8_t shard;
	uint8_t shards_count;
	uint16_t channel;
	uint64_t now_ns;
	uint64_t sent_count;
	uint64_t delivered_count;
	uint32_t rounds_count;
	uint32_t size;
	/* Of the last run. */
	uint64_t cycles;
	uint64_t messages_count;
	double *samples; /* cycles of a message, of each round */
};

static struct {
	const char *aead_name;
	uint32_t size;
	uint32_t rounds_count;
	uint32_t repeats_count;
	int cpus[THREADS_MAX];
} options = {.size = 64, .rounds_count = 20000, .repeats_count = 9, .cpus = {0, 1}};

static uint32_t
push_none(void *state, const struct peal_packet *packets, uint32_t count)
{
	(void)state;
	(void)packets;
	(void)count;
	PEAL_ASSERT(!"the switch sorts: no packet is moved");
	return 0;
}

static uint32_t
pop_none(void *state, struct peal_packet *packets, uint32_t capacity)
{
	(void)state;
	(void)packets;
	(void)capacity;
	return 0;
}

static void
deliver(void *state, uint16_t channel, const struct peal_delivery *delivery)
{
	struct pair *pair = state;

	(void)channel;
	pair->delivered_count += delivery->offset + delivery->size == delivery->message_size;
}

static struct peal_address
find_address(uint32_t node, const uint8_t mac[6])
{
	struct peal_address address = {.ipv4 = 0x0A000001U + node, .port = PORT};

	memcpy(address.mac, mac, sizeof(address.mac));
	return address;
}

static void
set_up_end(struct pair *pair, uint16_t self, const struct peal_port ports[2])
{
	const struct peal_address addresses[] = {
		find_address(0, ports[0].mac), find_address(1, ports[1].mac)};
	const struct peal_aead_key *const keys[] = {&pair->ends[0].key, &pair->ends[1].key};
	const struct peal_fixedmember_config config = {.self = self,
		.members_count = 2,
		.port = ports[self],
		.addresses = addresses,
		.timing = &pair->timing,
		.aead = pair->aead,
		.pre_key = &pair->pre_key,
		.keys = keys,
		.queue_size = QUEUE_SIZE,
		.rto_ns_max = RTO_NS_MAX,
		.is_coalescing = true,
		.shard = pair->shard,
		.shards_count = pair->shards_count,
		.rings = {.to = pair->none, .from = pair->none},
		.now_ns = pair->now_ns,
		.user = {.deliver = deliver, .state = pair}};
	bool is_made = peal_fixedmember_init(&pair->ends[self].member, &config);

	PEAL_ASSERT(is_made);
	peal_core_turn(&pair->ends[self].member.core, pair->now_ns);
}

/* Opens a channel that lives on this pair of cores. */
static void
open_channel(struct pair *pair)
{
	enum peal_channel_result result = PEAL_CHANNEL_ELSEWHERE;

	for (uint16_t number = 1; result == PEAL_CHANNEL_ELSEWHERE; number++) {
		result = peal_channels_open(
			&pair->ends[0].member.channels, 2, number, &pair->channel);
	}
	PEAL_ASSERT(result == PEAL_CHANNEL_OK);
}

static struct pair *
make_pair(struct peal_port_ring *ring, uint8_t shard, uint8_t shards_count)
{
	struct pair *pair = aligned_alloc(64, (sizeof(*pair) + 63U) / 64U * 64U);
	const struct peal_bell bell = {.doorbell = NULL};
	uint8_t raw[PEAL_AEAD_RAW_KEY_SIZE] = {0};
	struct peal_port ports[2];

	PEAL_ASSERT(pair != NULL);
	memset(pair, 0, sizeof(*pair));
	if (!peal_aead_open(options.aead_name, &pair->aead)) {
		(void)fprintf(stderr, "bench_cores: there is no such AEAD here\n");
		exit(1);
	}
	PEAL_ASSERT(peal_timing_find("dpdk", &pair->timing));
	pair->now_ns = UINT64_C(1000000000);
	pair->shard = shard;
	pair->shards_count = shards_count;
	pair->size = options.size;
	pair->samples = calloc(options.rounds_count + WARM_ROUNDS, sizeof(pair->samples[0]));
	PEAL_ASSERT(pair->samples != NULL);
	pair->aead.expand(pair->aead.state, raw, &pair->pre_key);
	for (uint32_t i = 0; i < THREADS_MAX; i++) {
		pair->none[i] = (struct peal_resteer_ring){push_none, pop_none, NULL};
	}
	for (uint16_t i = 0; i < 2; i++) {
		ports[i] = peal_port_ring_queue(ring, i, shard, bell);
		raw[0] = (uint8_t)(i + 1U);
		pair->aead.expand(pair->aead.state, raw, &pair->ends[i].key);
	}
	for (uint16_t i = 0; i < 2; i++) {
		set_up_end(pair, i, ports);
	}
	open_channel(pair);
	return pair;
}

static void
end_pair(struct pair *pair)
{
	/* What one turn could not send is still on its way. */
	for (uint32_t i = 0; i < 100 && pair->delivered_count < pair->sent_count; i++) {
		pair->now_ns += 10000;
		peal_core_turn(&pair->ends[0].member.core, pair->now_ns);
		peal_core_turn(&pair->ends[1].member.core, pair->now_ns);
	}
	PEAL_ASSERT(pair->delivered_count == pair->sent_count);
	for (uint32_t i = 0; i < 2; i++) {
		peal_fixedmember_fini(&pair->ends[i].member);
	}
	peal_aead_close(&pair->aead);
	free(pair->samples);
	free(pair);
}

/* On a data core: the rounds, and what they took. */
static int
run_rounds(void *argument)
{
	struct pair *pair = argument;
	static const uint8_t message[PEAL_BODY_SIZE_MAX];
	uint64_t sent_before = pair->sent_count;
	uint64_t began = rte_rdtsc_precise();

	for (uint32_t i = 0; i < pair->rounds_count; i++) {
		uint64_t round_began = rte_rdtsc();
		uint64_t round_before = pair->sent_count;

		pair->now_ns += 10000;
		for (uint32_t j = 0; j < MESSAGES_COUNT; j++) {
			pair->sent_count +=
				peal_channels_send(&pair->ends[0].member.channels, pair->channel,
					message, pair->size) == PEAL_CHANNEL_OK;
		}
		peal_core_turn(&pair->ends[0].member.core, pair->now_ns);
		peal_core_turn(&pair->ends[1].member.core, pair->now_ns);
		uint64_t accepted_count = pair->sent_count - round_before;

		pair->samples[i] = (double)(rte_rdtsc() - round_began) /
				   (double)(accepted_count > 0 ? accepted_count : 1U);
	}
	pair->cycles = rte_rdtsc_precise() - began;
	pair->messages_count = pair->sent_count - sent_before;
	return 0;
}

/* Runs all pairs at once, one a data core. Messages a second, by the clock; cycles of a message, of
 * the middle round: what others take of the processors is in the first and not in the second. */
static double
run_pairs(struct pair *const pairs[], uint32_t count, uint32_t rounds_count, double *cycles_out)
{
	double per_second = 0;

	*cycles_out = 0;
	for (uint32_t i = 0; i < count; i++) {
		pairs[i]->rounds_count = rounds_count;
		PEAL_ASSERT(rte_eal_remote_launch(run_rounds, pairs[i], i + 1U) == 0);
	}
	for (uint32_t i = 0; i < count; i++) {
		(void)rte_eal_wait_lcore(i + 1U);
		per_second += (double)rte_get_tsc_hz() * (double)pairs[i]->messages_count /
			      (double)pairs[i]->cycles;
		*cycles_out += peal_median_find(pairs[i]->samples, rounds_count) / (double)count;
	}
	return per_second;
}

static struct peal_port_ring *
make_switch(uint32_t queues_count)
{
	struct peal_sentence error = {""};
	struct peal_port_ring *ring = peal_port_ring_create(2, 0, &error);

	for (uint32_t i = 0; ring != NULL && i < 2; i++) {
		if (!peal_port_ring_set_queues(ring, i, queues_count, PORT, &error)) {
			ring = NULL;
		}
	}
	if (ring == NULL) {
		(void)fprintf(stderr, "bench_cores: %s\n", error.text);
		exit(1);
	}
	return ring;
}

static bool
read_options(int argc, char **argv)
{
	for (int i = 1; i + 1 < argc; i += 2) {
		const char *value = argv[i + 1];

		if (strcmp(argv[i], "--aead") == 0) {
			options.aead_name = value;
		} else if (strcmp(argv[i], "--size") == 0) {
			options.size = (uint32_t)strtoul(value, NULL, 10);
		} else if (strcmp(argv[i], "--rounds") == 0) {
			options.rounds_count = (uint32_t)strtoul(value, NULL, 10);
		} else if (strcmp(argv[i], "--repeats") == 0) {
			options.repeats_count = (uint32_t)strtoul(value, NULL, 10);
		} else if (strcmp(argv[i], "--cpus") == 0) {
			char *end = NULL;

			options.cpus[0] = (int)strtol(value, &end, 10);
			options.cpus[1] = *end == ',' ? (int)strtol(end + 1, NULL, 10) : -1;
		} else {
			return false;
		}
	}
	return argc % 2 == 1 && options.rounds_count > 0 && options.size <= 1000 &&
	       options.repeats_count >= 1 && options.repeats_count <= REPEATS_MAX &&
	       peal_eal_has_cpu(options.cpus[0]) && peal_eal_has_cpu(options.cpus[1]) &&
	       options.cpus[0] != options.cpus[1];
}

static void
print_results(double line_ns, double one, double two, double one_cycles, double two_cycles)
{
	bool is_measurable = line_ns > LINE_NS_MEASURABLE;

	(void)printf("{\"bench\":\"cores\",\"size\":%u,\"line_rtt_ns\":%.0f,\"one_per_s\":%.0f,"
		     "\"two_per_s\":%.0f,\"ratio\":%.2f,\"one_cycles\":%.1f,\"two_cycles\":%.1f,"
		     "\"cycles_up_percent\":%.1f,\"verdict\":\"%s\"}\n",
		options.size, line_ns, one, two, two / one, one_cycles, two_cycles,
		100.0 * (two_cycles / one_cycles - 1.0),
		!is_measurable     ? "not measurable"
		: two / one >= 1.7 ? "reached"
				   : "missed");
}

int
main(int argc, char **argv)
{
	double rates[2][REPEATS_MAX], cycles[2][REPEATS_MAX], line_ns, ignored;
	struct peal_eal_config eal = {.prefix = "bench_cores",
		.device_args = "",
		.memory_mb = 64,
		.huge = PEAL_CONFIG_HUGE_NO,
		.lcores_count = 2};
	struct peal_sentence error = {""};

	if (!read_options(argc, argv)) {
		(void)fprintf(stderr, "usage: bench_cores [--aead NAME] [--size N, at most 1000] "
				      "[--rounds N] [--repeats N, at most 64] [--cpus A,B]\n");
		return 2;
	}
	eal.cpus[0] = options.cpus[0];
	eal.cpus[1] = options.cpus[1];
	if (!peal_eal_start(&eal, &error)) {
		(void)fprintf(stderr, "bench_cores: %s\n", error.text);
		return 1;
	}
	struct peal_port_ring *narrow = make_switch(1);
	struct peal_port_ring *wide = make_switch(2);
	struct pair *alone[1] = {make_pair(narrow, 0, 1)};
	struct pair *both[2] = {make_pair(wide, 0, 2), make_pair(wide, 1, 2)};

	line_ns = peal_linelap_measure(options.cpus, NULL);
	(void)run_pairs(alone, 1, WARM_ROUNDS, &ignored);
	(void)run_pairs(both, 2, WARM_ROUNDS, &ignored);
	for (uint32_t i = 0; i < options.repeats_count; i++) {
		rates[0][i] = run_pairs(alone, 1, options.rounds_count, &cycles[0][i]);
		rates[1][i] = run_pairs(both, 2, options.rounds_count, &cycles[1][i]);
	}
	print_results(line_ns, peal_median_find(rates[0], options.repeats_count),
		peal_median_find(rates[1], options.repeats_count),
		peal_median_find(cycles[0], options.repeats_count),
		peal_median_find(cycles[1], options.repeats_count));
	end_pair(alone[0]);
	end_pair(both[0]);
	end_pair(both[1]);
	peal_port_ring_destroy(narrow);
	peal_port_ring_destroy(wide);
	peal_eal_stop();
	return 0;
}
