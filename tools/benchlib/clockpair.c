/* SPDX-License-Identifier: BSD-3-Clause */
#include "tools/benchlib/clockpair.h"

#include "tools/benchlib/court.h"

#include <x86intrin.h>

#define LAPS_COUNT 20000U
/* With fewer the two threads were hardly ever there at the same time. */
#define LAPS_COUNT_MIN 100U
/* Of the first clock; some 2 s. */
#define CYCLES_MAX UINT64_C(6000000000)

struct laps {
	struct peal_court court;
	bool (*is_over)(void);
	struct peal_clockpair bounds;
	uint32_t count;
};

void
peal_clockpair_open(struct peal_clockpair *bounds)
{
	*bounds = (struct peal_clockpair){.low = INT64_MIN, .high = INT64_MAX};
}

void
peal_clockpair_note(
	struct peal_clockpair *bounds, uint64_t left_at, uint64_t seen_at, uint64_t back_at)
{
	const struct peal_clockpair lap = {
		.low = (int64_t)(seen_at - back_at), .high = (int64_t)(seen_at - left_at)};

	peal_clockpair_join(bounds, &lap);
}

void
peal_clockpair_join(struct peal_clockpair *bounds, const struct peal_clockpair *others)
{
	bounds->low = others->low > bounds->low ? others->low : bounds->low;
	bounds->high = others->high < bounds->high ? others->high : bounds->high;
}

bool
peal_clockpair_is_one(const struct peal_clockpair *bounds, uint64_t *error_out)
{
	if (bounds->low > 0 || bounds->high < 0) {
		return false;
	}
	*error_out = (uint64_t)(-bounds->low > bounds->high ? -bounds->low : bounds->high);
	return true;
}

/* The counter, not before all that was read before. */
static uint64_t
read_clock(void)
{
	_mm_lfence();
	return __rdtsc();
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
	uint64_t begin = read_clock(), back_at = begin, ball = PEAL_COURT_FIRST;

	while (laps->count < LAPS_COUNT && !is_over(laps) && back_at - begin < CYCLES_MAX) {
		uint64_t left_at = read_clock();

		ball = peal_court_serve(&laps->court, ball);
		back_at = read_clock();
		peal_clockpair_note(&laps->bounds, left_at, laps->court.seen_at, back_at);
		laps->count++;
	}
	peal_court_end(&laps->court);
	return NULL;
}

bool
peal_clockpair_measure(
	const int cpus[2], bool (*is_over_now)(void), struct peal_clockpair *bounds_out)
{
	static struct laps laps;

	*bounds_out = (struct peal_clockpair){0};
	if (cpus[0] == cpus[1]) {
		return true;
	}
	laps.is_over = is_over_now;
	laps.count = 0;
	peal_clockpair_open(&laps.bounds);
	peal_court_open(&laps.court, true);
	if (!peal_court_play(&laps.court, cpus, serve, &laps)) {
		return false;
	}
	*bounds_out = laps.bounds;
	return laps.count >= LAPS_COUNT_MIN && !is_over(&laps);
}
