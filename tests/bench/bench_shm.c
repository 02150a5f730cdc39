/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What a record through shared memory costs, and what DPDK's ring costs in the same run.
 *
 *     push and pop    one thread: claim, fill, commit, publish, borrow, check, read, release;
 * cycles a record, one at a time and 32 at a time
 *
 *     one way         two threads: records a second, 32 at a time
 *
 *     round trip      two threads that spin: there and back, a record of shm against an object of
 * rte_ring of the same size, in turns; percentiles in ns
 *
 *     bench_shm [--size N] [--rounds N] [--cpus A,B]     a line of JSON
 *
 * Each record of the stream is filled with words that follow from its number; whoever takes it
 * copies it out, reads every byte, and counts those that are not exactly the next record. One that
 * is not ends the bench.
 *
 * Whoever writes also looks whether to ring, with the fence that this takes, as client and core do.
 * Rings are of the sizes that a client has. Figures of two threads mean something when both have a
 * processor to themselves.
 */
#include "base/assert.h"
#include "base/clientlimits.h"
#include "shm/shmbell.h"
#include "shm/shmring.h"

#include <pthread.h>
#include <rte_ring.h>
#include <rte_ring_elem.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <x86intrin.h>

#define SIZE_MAX_RUN  1024U
#define BURST         32U
#define TRIPS_COUNT   2000U
#define STREAM_COUNT  (UINT64_C(4) << 20)
#define PAIRS_COUNT   (UINT32_C(1) << 18)
#define REPEATS_COUNT 21U
#define MEDIAN        10U
#define OBJECTS_COUNT 1024U

struct lane {
	_Alignas(PEAL_SHMRING_APART) _Atomic uint64_t tail;
	_Alignas(PEAL_SHMRING_APART) _Atomic uint64_t head;
	_Alignas(PEAL_SHMRING_APART) _Atomic uint32_t sleep;
	_Alignas(PEAL_SHMRING_APART) uint8_t bytes[PEAL_CLIENT_UP_SIZE];
};

/* Both ends of a lane; each is used by one thread. */
struct lane_ends {
	_Alignas(PEAL_SHMRING_APART) struct peal_shmring_writer writer;
	struct peal_shmbell_ringer ringer;
	_Alignas(PEAL_SHMRING_APART) struct peal_shmring_reader reader;
};

enum task { TASK_ECHO_SHM = 1, TASK_ECHO_RING, TASK_TAKE, TASK_END };

static struct lane lanes[2];
static struct lane_ends ends[2];
static struct rte_ring *rings[2];
static _Alignas(64) _Atomic int task;
static _Alignas(64) _Atomic uint64_t done_count;
static uint32_t size = 64;
static uint32_t rounds_count = 100;
static int cpus[2] = {0, 1};
static uint64_t checksum; /* so that reading is not left out */

static uint64_t
now_ns(void)
{
	struct timespec now;

	(void)clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * UINT64_C(1000000000) + (uint64_t)now.tv_nsec;
}

static void
init_lane(uint32_t index)
{
	struct lane *lane = &lanes[index];
	const struct peal_shmring_memory memory = {.bytes = lane->bytes,
		.capacity = sizeof(lane->bytes),
		.tail = &lane->tail,
		.head = &lane->head};

	memset(lane, 0, sizeof(*lane));
	peal_shmring_writer_init(&ends[index].writer, &memory);
	peal_shmring_reader_init(&ends[index].reader, &memory);
	ends[index].ringer = (struct peal_shmbell_ringer){.word = &lane->sleep};
}

static void
init_ring(uint32_t index)
{
	ssize_t memory_size = rte_ring_get_memsize_elem(size, OBJECTS_COUNT);

	PEAL_ASSERT(memory_size > 0);
	rings[index] = aligned_alloc(128, ((size_t)memory_size + 127U) & ~(size_t)127U);
	PEAL_ASSERT(rings[index] != NULL);
	int result =
		rte_ring_init(rings[index], "bench", OBJECTS_COUNT, RING_F_SP_ENQ | RING_F_SC_DEQ);

	PEAL_ASSERT(result == 0);
}

/* --- one record --- */

/* The words of record `seq`. A size is a multiple of four. */
static inline void
fill(uint8_t *bytes, uint64_t seq)
{
	uint32_t at = 0;

	for (; at + 8U <= size; at += 8U) {
		uint64_t word = seq + at;

		memcpy(bytes + at, &word, sizeof(word));
	}
	memcpy(bytes + at, &seq, size - at);
}

/* True when all of its bytes are those of record `seq`. */
static inline bool
is_record(const uint8_t *bytes, uint64_t seq)
{
	uint64_t difference = 0;
	uint32_t at = 0;

	for (; at + 8U <= size; at += 8U) {
		uint64_t word;

		memcpy(&word, bytes + at, sizeof(word));
		difference |= word ^ (seq + at);
	}
	return difference == 0 && memcmp(bytes + at, &seq, size - at) == 0;
}

static inline bool
put(struct lane_ends *lane, const uint8_t *bytes)
{
	uint8_t *room = peal_shmring_claim(&lane->writer, size);

	if (room == NULL) {
		return false;
	}
	memcpy(room, bytes, size);
	peal_shmring_commit(&lane->writer, 1, 0, size);
	return true;
}

static inline void
show(struct lane_ends *lane)
{
	(void)peal_shmring_publish(&lane->writer);
	PEAL_ASSERT(!peal_shmbell_is_due(&lane->ringer));
}

/* Returns whether there was one; its bytes are copied out, as who does not trust them does. */
static inline bool
take(struct lane_ends *lane, uint8_t *bytes)
{
	struct peal_shmring_record record;

	if (!peal_shmring_borrow(&lane->reader, &record)) {
		return false;
	}
	PEAL_ASSERT(record.size == size);
	memcpy(bytes, record.bytes, size);
	return true;
}

/* --- the far side --- */

static void
echo_shm(void)
{
	uint8_t bytes[SIZE_MAX_RUN];

	for (uint32_t i = 0; i < TRIPS_COUNT; i++) {
		while (!take(&ends[0], bytes)) {
			_mm_pause();
		}
		(void)peal_shmring_release(&ends[0].reader);
		PEAL_ASSERT(put(&ends[1], bytes));
		show(&ends[1]);
	}
}

static void
echo_ring(void)
{
	uint8_t bytes[SIZE_MAX_RUN];

	for (uint32_t i = 0; i < TRIPS_COUNT; i++) {
		while (rte_ring_sc_dequeue_elem(rings[0], bytes, size) != 0) {
			_mm_pause();
		}
		PEAL_ASSERT(rte_ring_sp_enqueue_elem(rings[1], bytes, size) == 0);
	}
}

static void
take_all(void)
{
	uint8_t bytes[SIZE_MAX_RUN];
	uint64_t count = 0, wrong_count = 0;

	while (count < STREAM_COUNT) {
		uint32_t taken = 0;

		while (taken < BURST && count + taken < STREAM_COUNT && take(&ends[0], bytes)) {
			wrong_count += !is_record(bytes, count + taken);
			taken++;
		}
		count += taken;
		if (taken > 0) {
			(void)peal_shmring_release(&ends[0].reader);
		} else {
			_mm_pause();
		}
	}
	PEAL_ASSERT(wrong_count == 0);
	atomic_store(&done_count, count);
}

static void
pin(int cpu)
{
	cpu_set_t set;

	CPU_ZERO(&set);
	CPU_SET((unsigned int)cpu, &set);
	(void)pthread_setaffinity_np(pthread_self(), sizeof(set), &set);
}

static void *
run_far(void *argument)
{
	(void)argument;
	pin(cpus[1]);
	for (;;) {
		int wanted = atomic_load_explicit(&task, memory_order_acquire);

		if (wanted == TASK_ECHO_SHM) {
			echo_shm();
		} else if (wanted == TASK_ECHO_RING) {
			echo_ring();
		} else if (wanted == TASK_TAKE) {
			take_all();
		} else if (wanted == TASK_END) {
			return NULL;
		} else {
			_mm_pause();
			continue;
		}
		atomic_store_explicit(&task, 0, memory_order_release);
	}
}

static void
begin_task(enum task wanted)
{
	atomic_store_explicit(&task, (int)wanted, memory_order_release);
}

static void
await_task(void)
{
	while (atomic_load_explicit(&task, memory_order_acquire) != 0) {
		_mm_pause();
	}
}

/* --- the near side --- */

static int
compare(const void *a, const void *b)
{
	uint64_t left = *(const uint64_t *)a, right = *(const uint64_t *)b;

	return left < right ? -1 : left > right;
}

static double cycles_per_ns;

static void
trip_all(enum task wanted, uint64_t *cycles)
{
	uint8_t bytes[SIZE_MAX_RUN] = {1};

	begin_task(wanted);
	for (uint32_t i = 0; i < TRIPS_COUNT; i++) {
		uint64_t start = __rdtsc();

		if (wanted == TASK_ECHO_SHM) {
			PEAL_ASSERT(put(&ends[0], bytes));
			show(&ends[0]);
			while (!take(&ends[1], bytes)) {
				_mm_pause();
			}
			(void)peal_shmring_release(&ends[1].reader);
		} else {
			PEAL_ASSERT(rte_ring_sp_enqueue_elem(rings[0], bytes, size) == 0);
			while (rte_ring_sc_dequeue_elem(rings[1], bytes, size) != 0) {
				_mm_pause();
			}
		}
		cycles[i] = __rdtsc() - start;
	}
	await_task();
}

static double
percentile(const uint64_t *sorted, uint32_t count, uint32_t permille)
{
	uint64_t place = (uint64_t)(count - 1U) * permille / 1000U;

	return (double)sorted[place] / cycles_per_ns;
}

static void
bench_trips(double shm_out[2], double ring_out[2])
{
	uint32_t count = rounds_count * TRIPS_COUNT;
	uint64_t *shm = calloc(count, sizeof(*shm));
	uint64_t *ring = calloc(count, sizeof(*ring));

	PEAL_ASSERT(shm != NULL && ring != NULL);
	for (uint32_t i = 0; i < rounds_count; i++) {
		trip_all(TASK_ECHO_SHM, shm + (size_t)i * TRIPS_COUNT);
		trip_all(TASK_ECHO_RING, ring + (size_t)i * TRIPS_COUNT);
	}
	qsort(shm, count, sizeof(*shm), compare);
	qsort(ring, count, sizeof(*ring), compare);
	shm_out[0] = percentile(shm, count, 500);
	shm_out[1] = percentile(shm, count, 990);
	ring_out[0] = percentile(ring, count, 500);
	ring_out[1] = percentile(ring, count, 990);
	free(shm);
	free(ring);
}

/* Millions of records a second: the median and the best of some runs. */
static void
bench_stream(double rates_out[2])
{
	uint64_t spans_ns[REPEATS_COUNT];
	uint8_t bytes[SIZE_MAX_RUN];

	for (uint32_t repeat = 0; repeat < REPEATS_COUNT; repeat++) {
		uint64_t start_ns, count = 0;

		begin_task(TASK_TAKE);
		start_ns = now_ns();
		while (count < STREAM_COUNT) {
			uint32_t put_count = 0;

			while (put_count < BURST && count + put_count < STREAM_COUNT) {
				fill(bytes, count + put_count);
				if (!put(&ends[0], bytes)) {
					break;
				}
				put_count++;
			}
			count += put_count;
			if (put_count > 0) {
				show(&ends[0]);
			} else {
				_mm_pause();
			}
		}
		await_task();
		spans_ns[repeat] = now_ns() - start_ns;
	}
	qsort(spans_ns, REPEATS_COUNT, sizeof(spans_ns[0]), compare);
	rates_out[0] = (double)STREAM_COUNT * 1e3 / (double)spans_ns[MEDIAN];
	rates_out[1] = (double)STREAM_COUNT * 1e3 / (double)spans_ns[0];
}

/* Cycles of a record in and out again, median of some runs. */
static double
bench_pairs(uint32_t burst)
{
	uint64_t spans[REPEATS_COUNT];
	uint8_t bytes[SIZE_MAX_RUN] = {1};

	for (uint32_t repeat = 0; repeat < REPEATS_COUNT; repeat++) {
		uint64_t start = __rdtsc();

		for (uint32_t i = 0; i < PAIRS_COUNT; i += burst) {
			for (uint32_t j = 0; j < burst; j++) {
				PEAL_ASSERT(put(&ends[0], bytes));
			}
			(void)peal_shmring_publish(&ends[0].writer);
			for (uint32_t j = 0; j < burst; j++) {
				PEAL_ASSERT(take(&ends[0], bytes));
				checksum += bytes[0];
			}
			(void)peal_shmring_release(&ends[0].reader);
		}
		spans[repeat] = __rdtsc() - start;
	}
	qsort(spans, REPEATS_COUNT, sizeof(spans[0]), compare);
	return (double)spans[MEDIAN] / PAIRS_COUNT;
}

static void
measure_clock(void)
{
	uint64_t start_ns = now_ns(), start = __rdtsc();

	while (now_ns() - start_ns < UINT64_C(50000000)) {
	}
	cycles_per_ns = (double)(__rdtsc() - start) / (double)(now_ns() - start_ns);
}

int
main(int argc, char **argv)
{
	double shm[2], ring[2], rates[2], pair_one, pair_burst;
	pthread_t far;

	for (int i = 1; i + 1 < argc; i += 2) {
		if (strcmp(argv[i], "--size") == 0) {
			size = (uint32_t)strtoul(argv[i + 1], NULL, 10);
		} else if (strcmp(argv[i], "--rounds") == 0) {
			rounds_count = (uint32_t)strtoul(argv[i + 1], NULL, 10);
		} else if (strcmp(argv[i], "--cpus") == 0) {
			char *rest;

			cpus[0] = (int)strtol(argv[i + 1], &rest, 10);
			cpus[1] = *rest == ',' ? (int)strtol(rest + 1, NULL, 10) : cpus[0];
		}
	}
	if (size == 0 || size > SIZE_MAX_RUN || size % 4U != 0 || rounds_count == 0) {
		(void)fputs("bench_shm: size is a multiple of 4 up to 1024, rounds 1 or more\n",
			stderr);
		return 2;
	}
	measure_clock();
	pin(cpus[0]);
	for (uint32_t i = 0; i < 2U; i++) {
		init_lane(i);
		init_ring(i);
	}
	pair_one = bench_pairs(1);
	pair_burst = bench_pairs(BURST);
	PEAL_ASSERT(pthread_create(&far, NULL, run_far, NULL) == 0);
	bench_trips(shm, ring);
	bench_stream(rates);
	begin_task(TASK_END);
	(void)pthread_join(far, NULL);
	PEAL_ASSERT(checksum > 0);
	(void)printf("{\"size\": %u, \"push_pop_cycles\": %.1f, \"push_pop_cycles_of_%u\": %.1f, "
		     "\"one_way_m_per_s\": %.1f, \"one_way_m_per_s_best\": %.1f, "
		     "\"round_trip_p50_ns\": %.0f, \"round_trip_p99_ns\": %.0f, "
		     "\"rte_ring_p50_ns\": %.0f, \"rte_ring_p99_ns\": %.0f, \"ratio_p50\": %.2f}\n",
		size, pair_one, BURST, pair_burst, rates[0], rates[1], shm[0], shm[1], ring[0],
		ring[1], shm[0] / ring[0]);
	return 0;
}
