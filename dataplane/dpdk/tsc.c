/* SPDX-License-Identifier: BSD-3-Clause */
#include "dataplane/dpdk/tsc.h"

#include "base/assert.h"

#include <rte_cycles.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <time.h>

/* Places of scales: a reader must sleep this many seconds to meet a place in use again. */
#define SCALES_COUNT   8U
#define CALIBRATION_NS UINT64_C(10000000)
#define RATE_SHIFT     32U

struct scale {
	_Atomic uint64_t number; /* of the scale that stands here; 0 while it is written */
	_Atomic uint64_t counter;
	_Atomic uint64_t at_ns;
	_Atomic uint64_t rate; /* nanoseconds per count, 32.32 fixed point */
};

struct pair {
	uint64_t counter;
	uint64_t at_ns;
};

static struct scale scales[SCALES_COUNT];
static _Atomic uint64_t newest; /* number of the newest scale, from 1 */
static struct pair anchor;      /* the first pair: the longer the base, the better the rate */

static uint64_t
read_monotonic_ns(void)
{
	struct timespec now;

	(void)clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * UINT64_C(1000000000) + (uint64_t)now.tv_nsec;
}

/* Reads both clocks at the same instant: the tightest of a few attempts. */
static struct pair
read_pair(void)
{
	struct pair best = {0};
	uint64_t width_min = UINT64_MAX;

	for (int i = 0; i < 8; i++) {
		uint64_t before = rte_rdtsc();
		uint64_t at_ns = read_monotonic_ns();
		uint64_t width = rte_rdtsc() - before;

		if (width < width_min) {
			width_min = width;
			best = (struct pair){.counter = before + width / 2U, .at_ns = at_ns};
		}
	}
	return best;
}

static void
publish(uint64_t counter, uint64_t at_ns, uint64_t rate)
{
	uint64_t number = atomic_load_explicit(&newest, memory_order_relaxed) + 1U;
	struct scale *scale = &scales[number % SCALES_COUNT];

	atomic_store_explicit(&scale->number, 0, memory_order_relaxed);
	atomic_thread_fence(memory_order_release);
	atomic_store_explicit(&scale->counter, counter, memory_order_relaxed);
	atomic_store_explicit(&scale->at_ns, at_ns, memory_order_relaxed);
	atomic_store_explicit(&scale->rate, rate, memory_order_relaxed);
	atomic_store_explicit(&scale->number, number, memory_order_release);
	atomic_store_explicit(&newest, number, memory_order_release);
}

static uint64_t
scale_counts(uint64_t counts, uint64_t rate)
{
	return (uint64_t)(((unsigned __int128)counts * rate) >> RATE_SHIFT);
}

static uint64_t
measure_rate(struct pair from, struct pair to)
{
	PEAL_ASSERT(to.counter > from.counter);
	PEAL_ASSERT(to.at_ns > from.at_ns);
	return (uint64_t)(((unsigned __int128)(to.at_ns - from.at_ns) << RATE_SHIFT) /
			  (to.counter - from.counter));
}

void
peal_tsc_init(void)
{
	struct pair now;

	anchor = read_pair();
	do {
		now = read_pair();
	} while (now.at_ns - anchor.at_ns < CALIBRATION_NS);
	publish(now.counter, now.at_ns, measure_rate(anchor, now));
}

static bool
try_read(uint64_t counter, uint64_t *now_ns_out)
{
	uint64_t number = atomic_load_explicit(&newest, memory_order_acquire);
	struct scale *scale = &scales[number % SCALES_COUNT];
	uint64_t from, at_ns, rate;

	if (atomic_load_explicit(&scale->number, memory_order_acquire) != number) {
		return false;
	}
	from = atomic_load_explicit(&scale->counter, memory_order_relaxed);
	at_ns = atomic_load_explicit(&scale->at_ns, memory_order_relaxed);
	rate = atomic_load_explicit(&scale->rate, memory_order_relaxed);
	atomic_thread_fence(memory_order_acquire);
	if (atomic_load_explicit(&scale->number, memory_order_relaxed) != number) {
		return false;
	}
	/* The counter was read first, so it may lie a little before a scale that was just
	 * published. */
	*now_ns_out = counter < from ? at_ns : at_ns + scale_counts(counter - from, rate);
	return true;
}

uint64_t
peal_tsc_now_ns(void)
{
	uint64_t now_ns;

	while (!try_read(rte_rdtsc(), &now_ns)) {
		/* A newer scale was published meanwhile. */
	}
	return now_ns;
}

void
peal_tsc_discipline(void)
{
	static uint64_t next_at_ns;
	uint64_t now_ns = peal_tsc_now_ns();
	struct pair pair;
	uint64_t rate, bend_max;
	int64_t error_ns, bend;

	if (now_ns < next_at_ns) {
		return;
	}
	pair = read_pair();
	next_at_ns = now_ns + PEAL_TSC_DISCIPLINE_INTERVAL_NS;
	if (!try_read(pair.counter, &now_ns)) {
		return;
	}
	rate = measure_rate(anchor, pair);
	error_ns = (int64_t)(pair.at_ns - now_ns);
	bend_max = rate / 1000000U * PEAL_TSC_BEND_PPM_MAX;
	/* error / interval of the rate, so that the difference is gone after one interval */
	bend = (int64_t)((__int128)error_ns * (int64_t)rate /
			 (int64_t)PEAL_TSC_DISCIPLINE_INTERVAL_NS);
	if (bend > (int64_t)bend_max) {
		bend = (int64_t)bend_max;
	} else if (bend < -(int64_t)bend_max) {
		bend = -(int64_t)bend_max;
	}
	publish(pair.counter, now_ns, (uint64_t)((int64_t)rate + bend));
	if (pair.at_ns - anchor.at_ns > UINT64_C(600) * PEAL_TSC_DISCIPLINE_INTERVAL_NS) {
		/* CLOCK_MONOTONIC itself is slewed now and then; what it did hours ago says little.
		 */
		anchor.counter += (pair.counter - anchor.counter) / 2U;
		anchor.at_ns += (pair.at_ns - anchor.at_ns) / 2U;
	}
}
