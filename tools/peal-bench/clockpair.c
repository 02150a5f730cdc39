/* SPDX-License-Identifier: BSD-3-Clause */
#include "tools/peal-bench/clockpair.h"

#include "tools/peal-bench/ctrlc.h"
#include "tools/peal-bench/pinned.h"

#include <stdalign.h>
#include <stdatomic.h>
#include <x86intrin.h>

#define LAPS_COUNT 20000U
/* With fewer the two threads were hardly ever there at the same time. */
#define LAPS_COUNT_MIN 100U
#define END            UINT64_MAX
/* Of the first clock; some 2 s. */
#define CYCLES_MAX UINT64_C(6000000000)

/* The first side writes odd numbers, the second one the even number that follows. */
struct court {
	alignas(64) _Atomic uint64_t ball;
	uint64_t seen_at; /* by the second clock; belongs to whoever has the ball */
	alignas(64) struct peal_clockpair bounds;
	uint32_t laps_count;
};

/* The counter, not before all that was read before. */
static uint64_t
read_clock(void)
{
	_mm_lfence();
	return __rdtsc();
}

static void *
answer(void *argument)
{
	struct court *court = argument;
	uint64_t expected = 1;

	for (;;) {
		uint64_t ball = atomic_load_explicit(&court->ball, memory_order_acquire);

		if (ball == END) {
			return NULL;
		}
		if (ball == expected) {
			court->seen_at = read_clock();
			atomic_store_explicit(&court->ball, ball + 1U, memory_order_release);
			expected += 2U;
		}
	}
}

static void *
ask(void *argument)
{
	struct court *court = argument;
	uint64_t begin = read_clock(), back_at = begin;

	for (uint64_t ball = 1; court->laps_count < LAPS_COUNT && !peal_ctrlc_has_come() &&
				back_at - begin < CYCLES_MAX;
		ball += 2U) {
		uint64_t left_at = read_clock();
		int64_t low, high;

		atomic_store_explicit(&court->ball, ball, memory_order_release);
		while (atomic_load_explicit(&court->ball, memory_order_acquire) == ball) {
			/* The line is on its way. */
		}
		back_at = read_clock();
		low = (int64_t)(court->seen_at - back_at);
		high = (int64_t)(court->seen_at - left_at);
		court->bounds.low = low > court->bounds.low ? low : court->bounds.low;
		court->bounds.high = high < court->bounds.high ? high : court->bounds.high;
		court->laps_count++;
	}
	atomic_store_explicit(&court->ball, END, memory_order_release);
	return NULL;
}

bool
peal_clockpair_measure(const int cpus[2], struct peal_clockpair *bounds_out)
{
	static struct court court;
	pthread_t asking, answering;

	*bounds_out = (struct peal_clockpair){0};
	if (cpus[0] == cpus[1]) {
		return true;
	}
	court.bounds = (struct peal_clockpair){.low = INT64_MIN, .high = INT64_MAX};
	court.laps_count = 0;
	atomic_store_explicit(&court.ball, 0, memory_order_relaxed);
	if (!peal_pinned_start(&answering, cpus[1], answer, &court)) {
		return false;
	}
	if (!peal_pinned_start(&asking, cpus[0], ask, &court)) {
		atomic_store_explicit(&court.ball, END, memory_order_release);
		(void)pthread_join(answering, NULL);
		return false;
	}
	(void)pthread_join(asking, NULL);
	(void)pthread_join(answering, NULL);
	*bounds_out = court.bounds;
	return court.laps_count >= LAPS_COUNT_MIN && !peal_ctrlc_has_come();
}
