/* SPDX-License-Identifier: BSD-3-Clause */
#include "tools/peal-bench/linelap.h"

#include "tools/peal-bench/ctrlc.h"
#include "tools/peal-bench/pinned.h"

#include <stdalign.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <time.h>

#define SECOND_NS UINT64_C(1000000000)
/* A stall of the machine spoils one sample, and the median forgets it. */
#define SAMPLES_COUNT   499U
#define LAPS_A_SAMPLE   200U
#define END             UINT64_MAX
#define DURATION_NS_MAX (UINT64_C(2) * SECOND_NS)
/* With fewer the two threads were hardly ever there at the same time. */
#define SAMPLES_COUNT_MIN 50U

/* The asking side writes odd numbers, the answering side the even one that follows. */
struct court {
	alignas(64) _Atomic uint64_t ball;
	alignas(64) uint32_t samples_count;
	double samples_ns[SAMPLES_COUNT];
};

static uint64_t
read_now_ns(void)
{
	struct timespec now;

	(void)clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * SECOND_NS + (uint64_t)now.tv_nsec;
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
			atomic_store_explicit(&court->ball, ball + 1U, memory_order_release);
			expected += 2U;
		}
	}
}

/* Returns the number the next lap begins with. */
static uint64_t
run_laps(struct court *court, uint64_t ball)
{
	for (uint32_t i = 0; i < LAPS_A_SAMPLE; i++) {
		atomic_store_explicit(&court->ball, ball, memory_order_release);
		while (atomic_load_explicit(&court->ball, memory_order_acquire) == ball) {
			/* The line is on its way. */
		}
		ball += 2U;
	}
	return ball;
}

static void *
ask(void *argument)
{
	struct court *court = argument;
	uint64_t begin_at_ns, before_ns, ball = run_laps(court, 1);

	begin_at_ns = read_now_ns();
	before_ns = begin_at_ns;
	while (court->samples_count < SAMPLES_COUNT && !peal_ctrlc_has_come() &&
		before_ns - begin_at_ns < DURATION_NS_MAX) {
		uint64_t now_ns;

		ball = run_laps(court, ball);
		now_ns = read_now_ns();
		court->samples_ns[court->samples_count++] =
			(double)(now_ns - before_ns) / LAPS_A_SAMPLE;
		before_ns = now_ns;
	}
	atomic_store_explicit(&court->ball, END, memory_order_release);
	return NULL;
}

static int
compare(const void *a, const void *b)
{
	double left = *(const double *)a, right = *(const double *)b;

	return (left > right) - (left < right);
}

double
peal_linelap_measure(const int cpus[PEAL_BENCHARGS_SIDES_COUNT])
{
	static struct court court;
	pthread_t asking, answering;

	if (cpus[0] == cpus[1]) {
		return 0.0;
	}
	court.samples_count = 0;
	atomic_store_explicit(&court.ball, 0, memory_order_relaxed);
	if (!peal_pinned_start(&answering, cpus[1], answer, &court)) {
		return 0.0;
	}
	if (!peal_pinned_start(&asking, cpus[0], ask, &court)) {
		atomic_store_explicit(&court.ball, END, memory_order_release);
		(void)pthread_join(answering, NULL);
		return 0.0;
	}
	(void)pthread_join(asking, NULL);
	(void)pthread_join(answering, NULL);
	if (court.samples_count < SAMPLES_COUNT_MIN || peal_ctrlc_has_come()) {
		return 0.0;
	}
	qsort(court.samples_ns, court.samples_count, sizeof(court.samples_ns[0]), compare);
	return court.samples_ns[court.samples_count / 2U];
}
