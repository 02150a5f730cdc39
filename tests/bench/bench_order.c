/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What a message in total order costs each rank: three cores of production on one thread and a
 * switch in memory, of which the first sends as many as are accepted. No other core, no kernel and
 * no waiting is in it, so the figures are steady.
 *
 *     bench_order [--size N] [--mtu N] [--aead NAME] [--rounds N] [--callgrind]
 *
 * A round is a turn of each core, 2 us of virtual time. Prints cycles of the turns of the rank that
 * sends, and of the mean of the others, for each message; packets and bytes that the first one
 * sent; one line of JSON. With --callgrind few rounds are played: count what happens inside
 * turn_sender or turn_listener.
 */
#include "base/assert.h"
#include "tools/benchlib/fixedmember.h"
#include "tools/benchlib/packetpool.h"
#include "wire/crypto/aead_open.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <x86intrin.h>

#define RANKS_COUNT      3U
#define PACKETS_COUNT    4096U
#define QUEUE_SIZE       65536U
#define ROUNDS_COUNT     20000U
#define WARM_ROUNDS      500U
#define CALLGRIND_ROUNDS 300U
#define TURN_NS          2000U
#define SENDS_MAX        64U
#define SIZE_MAX_OF_ALL  65536U
#define RTO_NS_MAX       1000000U

struct bench;

struct rank {
	struct bench *bench;
	struct peal_fixedmember member;
	struct peal_aead_key key;
	uint32_t inbox_count;
	struct peal_packet inbox[PACKETS_COUNT];
	uint64_t delivered_count;
	uint64_t cycles;
};

struct options {
	uint32_t size;
	uint32_t rounds_count;
	uint16_t mtu;
	const char *aead_name;
	bool is_callgrind;
};

struct bench {
	struct rank ranks[RANKS_COUNT];
	struct peal_aead aead;
	struct peal_aead_key pre_key;
	struct peal_timing timing;
	struct options options;
	uint64_t now_ns;
	struct peal_packetpool pool;
	uint8_t packets[PACKETS_COUNT * PEAL_PACKETPOOL_WIDE_SIZE];
	uint8_t message[SIZE_MAX_OF_ALL];
};

static uint32_t
receive(void *state, uint16_t queue, struct peal_packet *packets, uint32_t capacity)
{
	struct rank *rank = state;
	uint32_t count = rank->inbox_count < capacity ? rank->inbox_count : capacity;

	(void)queue;
	memcpy(packets, rank->inbox, count * sizeof(packets[0]));
	rank->inbox_count -= count;
	memmove(rank->inbox, rank->inbox + count, rank->inbox_count * sizeof(packets[0]));
	return count;
}

static uint32_t
allocate(void *state, uint16_t queue, struct peal_packet *packets, uint32_t count)
{
	(void)queue;
	return peal_packetpool_allocate(&((struct rank *)state)->bench->pool, packets, count);
}

static void
release(void *state, uint16_t queue, struct peal_packet *packets, uint32_t count)
{
	(void)queue;
	peal_packetpool_release(&((struct rank *)state)->bench->pool, packets, count);
}

/* The last byte of a MAC is the member number. */
static uint32_t
transmit(void *state, uint16_t queue, struct peal_packet *packets, uint32_t count)
{
	struct bench *bench = ((struct rank *)state)->bench;

	(void)queue;
	for (uint32_t i = 0; i < count; i++) {
		struct rank *to = &bench->ranks[packets[i].data[5] - 1U];

		PEAL_ASSERT(to->inbox_count < PACKETS_COUNT);
		to->inbox[to->inbox_count++] = packets[i];
	}
	return count;
}

static void
deliver(void *state, const struct peal_orders_message *message)
{
	const struct peal_delivery *delivery = &message->delivery;

	((struct rank *)state)->delivered_count +=
		delivery->offset + delivery->size == delivery->message_size;
}

static void
set_up_rank(struct bench *bench, uint16_t self)
{
	static const struct peal_port_ops ops = {receive, allocate, transmit, release};
	struct rank *rank = &bench->ranks[self];
	struct peal_address addresses[RANKS_COUNT];
	const struct peal_aead_key *keys[RANKS_COUNT];
	struct peal_fixedmember_config config = {.self = self,
		.members_count = RANKS_COUNT,
		.port = {.ops = &ops,
			.state = rank,
			.packet_size_max = bench->pool.stride - PEAL_PACKETPOOL_HEADROOM,
			.mtu = bench->options.mtu},
		.addresses = addresses,
		.timing = &bench->timing,
		.aead = bench->aead,
		.pre_key = &bench->pre_key,
		.keys = keys,
		.queue_size = QUEUE_SIZE,
		.rto_ns_max = RTO_NS_MAX,
		.is_coalescing = true,
		.shards_count = 1,
		.now_ns = bench->now_ns,
		.grace_ns = UINT64_C(3600000000000),
		.orders_user = {.deliver = deliver, .state = rank},
		.ranks_count = RANKS_COUNT};
	bool is_made;

	for (uint32_t i = 0; i < RANKS_COUNT; i++) {
		addresses[i] = peal_fixedmember_address(i + 1U);
		keys[i] = &bench->ranks[i].key;
	}
	memcpy(config.port.mac, addresses[self].mac, sizeof(config.port.mac));
	is_made = peal_fixedmember_init(&rank->member, &config);
	PEAL_ASSERT(is_made);
	peal_core_turn(&rank->member.core, bench->now_ns);
}

static void
set_up(struct bench *bench)
{
	uint8_t raw[PEAL_AEAD_RAW_KEY_SIZE] = {0};
	bool is_known = peal_timing_find("dpdk", &bench->timing);

	PEAL_ASSERT(is_known);
	if (!peal_aead_open(bench->options.aead_name, &bench->aead)) {
		(void)fprintf(stderr, "bench_order: there is no such AEAD here\n");
		exit(1);
	}
	bench->now_ns = UINT64_C(1000000000);
	bench->aead.expand(bench->aead.state, raw, &bench->pre_key);
	peal_packetpool_init(&bench->pool, bench->packets, PACKETS_COUNT, bench->options.mtu);
	for (uint16_t i = 0; i < RANKS_COUNT; i++) {
		raw[0] = (uint8_t)(i + 1U);
		bench->aead.expand(bench->aead.state, raw, &bench->ranks[i].key);
		bench->ranks[i].bench = bench;
	}
	for (uint16_t i = 0; i < RANKS_COUNT; i++) {
		set_up_rank(bench, i);
	}
}

static __attribute__((noinline)) void
turn_sender(struct bench *bench)
{
	struct rank *rank = &bench->ranks[0];
	uint64_t began = __rdtsc();

	for (uint32_t i = 0; i < SENDS_MAX; i++) {
		if (peal_orders_send(rank->member.orders, PEAL_FIXEDMEMBER_GROUP, bench->message,
			    bench->options.size) != PEAL_ORDERS_OK) {
			break;
		}
	}
	peal_core_turn(&rank->member.core, bench->now_ns);
	rank->cycles += __rdtsc() - began;
}

static __attribute__((noinline)) void
turn_listener(struct bench *bench, uint32_t index)
{
	struct rank *rank = &bench->ranks[index];
	uint64_t began = __rdtsc();

	peal_core_turn(&rank->member.core, bench->now_ns);
	rank->cycles += __rdtsc() - began;
}

static void
play(struct bench *bench, uint32_t rounds_count)
{
	for (uint32_t i = 0; i < rounds_count; i++) {
		bench->now_ns += TURN_NS;
		turn_sender(bench);
		for (uint32_t k = 1; k < RANKS_COUNT; k++) {
			turn_listener(bench, k);
		}
	}
}

static void
forget(struct bench *bench)
{
	for (uint32_t i = 0; i < RANKS_COUNT; i++) {
		bench->ranks[i].delivered_count = 0;
		bench->ranks[i].cycles = 0;
	}
}

static void
show(struct bench *bench, uint64_t packets_count, uint64_t bytes_count)
{
	const struct rank *ranks = bench->ranks;
	double count = (double)ranks[0].delivered_count;
	double listening = (double)(ranks[1].cycles + ranks[2].cycles) / 2.0;

	(void)printf("{\"message_bytes\": %u, \"mtu\": %u, \"aead\": \"%s\", \"messages\": %.0f, "
		     "\"cycles_of_sender\": %.0f, \"cycles_of_listener\": %.0f, "
		     "\"packets_of_sender\": %.3f, \"bytes_of_sender\": %.0f}\n",
		bench->options.size, bench->options.mtu, bench->aead.name, count,
		(double)ranks[0].cycles / count, listening / count, (double)packets_count / count,
		(double)bytes_count / count);
}

static bool
parse(int argc, char **argv, struct options *options)
{
	*options = (struct options){.size = 1024, .rounds_count = ROUNDS_COUNT};
	for (int i = 1; i < argc; i++) {
		bool has_more = i + 1 < argc;

		if (strcmp(argv[i], "--callgrind") == 0) {
			options->is_callgrind = true;
		} else if (strcmp(argv[i], "--size") == 0 && has_more) {
			options->size = (uint32_t)strtoul(argv[++i], NULL, 10);
		} else if (strcmp(argv[i], "--mtu") == 0 && has_more) {
			options->mtu = (uint16_t)strtoul(argv[++i], NULL, 10);
		} else if (strcmp(argv[i], "--rounds") == 0 && has_more) {
			options->rounds_count = (uint32_t)strtoul(argv[++i], NULL, 10);
		} else if (strcmp(argv[i], "--aead") == 0 && has_more) {
			options->aead_name = argv[++i];
		} else {
			return false;
		}
	}
	return options->size >= 1U && options->size <= SIZE_MAX_OF_ALL &&
	       options->rounds_count >= 1U &&
	       (options->mtu == 0 ||
		       (options->mtu >= PEAL_MTU_MIN && options->mtu <= PEAL_MTU_MAX));
}

int
main(int argc, char **argv)
{
	struct bench *bench = aligned_alloc(64, (sizeof(*bench) + 63U) / 64U * 64U);
	struct peal_counters *counters;
	uint64_t packets_count, bytes_count;

	PEAL_ASSERT(bench != NULL);
	memset(bench, 0, sizeof(*bench));
	if (!parse(argc, argv, &bench->options)) {
		(void)fprintf(stderr, "usage: bench_order [--size N] [--mtu N] [--aead NAME] "
				      "[--rounds N] [--callgrind]\n");
		free(bench);
		return 2;
	}
	set_up(bench);
	/* Paths are proven meanwhile. */
	play(bench, WARM_ROUNDS);
	forget(bench);
	counters = &bench->ranks[0].member.core.counters;
	packets_count = peal_counter_get(counters, PEAL_COUNTER_TX_FRAMES);
	bytes_count = peal_counter_get(counters, PEAL_COUNTER_TX_BYTES);
	play(bench, bench->options.is_callgrind ? CALLGRIND_ROUNDS : bench->options.rounds_count);
	PEAL_ASSERT(bench->ranks[0].delivered_count > 0);
	show(bench, peal_counter_get(counters, PEAL_COUNTER_TX_FRAMES) - packets_count,
		peal_counter_get(counters, PEAL_COUNTER_TX_BYTES) - bytes_count);
	for (uint32_t i = 0; i < RANKS_COUNT; i++) {
		peal_fixedmember_fini(&bench->ranks[i].member);
	}
	peal_aead_close(&bench->aead);
	free(bench);
	return 0;
}
