/* SPDX-License-Identifier: BSD-3-Clause */
#include "tools/benchlib/linelap.h"

#include "tools/benchlib/court.h"
#include "tools/benchlib/median.h"

#include <time.h>

#define SECOND_NS UINT64_C(1000000000)
/* A stall of the machine spoils one sample, and the median forgets it. */
#define SAMPLES_COUNT   499U
#define LAPS_A_SAMPLE   200U
#define DURATION_NS_MAX (UINT64_C(2) * SECOND_NS)
/* With fewer the two threads were hardly ever there at the same time. */
#define SAMPLES_COUNT_MIN 50U

struct laps {
	struct peal_court court;
	bool (*is_over)(void);
	uint32_t samples_count;
	double samples_ns[SAMPLES_COUNT];
};

static uint64_t
read_now_ns(void)
{
	struct timespec now;

	(void)clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * SECOND_NS + (uint64_t)now.tv_nsec;
}

/* Returns the number the next lap begins with. */
static uint64_t
run_laps(struct laps *laps, uint64_t ball)
{
	for (uint32_t i = 0; i < LAPS_A_SAMPLE; i++) {
		ball = peal_court_serve(&laps->court, ball);
	}
	return ball;
}

static bool
is_over(const struct laps *laps)
{
	return laps->is_over != NULL && laps->is_over();
}

static void *
serve(void *argument)
{
	struct laps *laps = argument;
	uint64_t begin_at_ns, before_ns, ball = run_laps(laps, PEAL_COURT_FIRST);

	begin_at_ns = read_now_ns();
	before_ns = begin_at_ns;
	while (laps->samples_count < SAMPLES_COUNT && !is_over(laps) &&
		before_ns - begin_at_ns < DURATION_NS_MAX) {
		uint64_t now_ns;

		ball = run_laps(laps, ball);
		now_ns = read_now_ns();
		laps->samples_ns[laps->samples_count++] =
			(double)(now_ns - before_ns) / LAPS_A_SAMPLE;
		before_ns = now_ns;
	}
	peal_court_end(&laps->court);
	return NULL;
}

double
peal_linelap_measure(const int cpus[2], bool (*is_over_now)(void))
{
	static struct laps laps;

	if (cpus[0] == cpus[1]) {
		return 0.0;
	}
	laps.is_over = is_over_now;
	laps.samples_count = 0;
	peal_court_open(&laps.court, false);
	if (!peal_court_play(&laps.court, cpus, serve, &laps) ||
		laps.samples_count < SAMPLES_COUNT_MIN || is_over(&laps)) {
		return 0.0;
	}
	return peal_median_find(laps.samples_ns, laps.samples_count);
}
