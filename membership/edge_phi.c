/* SPDX-License-Identifier: BSD-3-Clause */
#include "base/assert.h"
#include "base/limits.h"
#include "membership/edge_private.h"

#define NS_PER_US UINT64_C(1000)

/* What is borne beyond the mean, in intervals, and the least deviation, as a part of one. */
#define PAUSE_PROBES      3U
#define DEVIATION_DIVISOR 10U
/* A first guess at the deviation, as a part of an interval, and the weight of a new sample. */
#define GUESS_DIVISOR  4U
#define WEIGHT_DIVISOR 32

/* Fixed point: 16 binary places for what is computed, 24 for its factors. */
#define PLACES        16
#define FACTOR_PLACES 24
#define ONE           (INT64_C(1) << PLACES)
#define Y_MAX         (16 * ONE)
#define LINEAR_FACTOR INT64_C(26803281) /* 1.5976 */
#define CUBIC_FACTOR  INT64_C(1183901)  /* 0.070566 */
#define LOG10_E       INT64_C(7286252)  /* log10(e) */

/* log10(1 + exp(-z)) for z = 0, 1/4, 1/2 ... 12, with 16 binary places. */
#define TAIL_STEP (ONE / 4)
static const uint16_t tail[] = {19728, 16392, 13493, 11011, 8916, 7170, 5733, 4560, 3613, 2852,
	2245, 1764, 1383, 1083, 847, 662, 517, 403, 314, 245, 191, 149, 116, 90, 70, 55, 43, 33, 26,
	20, 16, 12, 10, 7, 6, 5, 4, 3, 2, 2, 1, 1, 1, 1, 0, 0, 0, 0, 0};

#define TAIL_COUNT ((int64_t)(sizeof(tail) / sizeof(tail[0])))

static int64_t
find_tail(int64_t z)
{
	int64_t place = z / TAIL_STEP;

	PEAL_ASSERT(z >= 0);
	if (place + 1 >= TAIL_COUNT) {
		return 0;
	}
	return tail[place] - (tail[place] - tail[place + 1]) * (z % TAIL_STEP) / TAIL_STEP;
}

uint32_t
peal_edge_phi_thousandths(int64_t late_us, uint32_t deviation_us)
{
	int64_t y, z, phi;
	bool is_early = late_us < 0;
	int64_t distance_us = is_early ? -late_us : late_us;

	PEAL_ASSERT(deviation_us > 0);
	/* Where it would overflow it is far beyond the end. */
	y = distance_us / deviation_us >= Y_MAX / ONE ? Y_MAX : distance_us * ONE / deviation_us;
	z = y * (LINEAR_FACTOR + (y * y >> PLACES) * CUBIC_FACTOR / ONE) >> FACTOR_PLACES;
	phi = find_tail(z) + (is_early ? 0 : z * LOG10_E >> FACTOR_PLACES);
	PEAL_ASSERT(phi >= 0);
	return (uint32_t)((phi * 1000 + ONE / 2) / ONE);
}

/* The root of a number, rounded down. */
static uint32_t
find_root(uint32_t square)
{
	uint32_t root = 0;

	for (uint32_t bit = UINT32_C(1) << 15; bit != 0; bit >>= 1) {
		uint32_t next = root | bit;

		if (next * next <= square) {
			root = next;
		}
	}
	return root;
}

static uint32_t
interval_us(const struct peal_timing *timing)
{
	return (uint32_t)(timing->probe_interval_ns / NS_PER_US);
}

static uint32_t
find_longest_us(const struct peal_timing *timing)
{
	return timing->probe_window_count * interval_us(timing);
}

static uint32_t
find_first_variance(const struct peal_timing *timing)
{
	uint32_t guess = interval_us(timing) / GUESS_DIVISOR / PEAL_EDGE_PHI_UNIT_US;

	return guess * guess;
}

void
peal_edge_phi_learn(struct peal_edge *edge, const struct peal_timing *timing, uint32_t between_us)
{
	uint32_t longest_us = find_longest_us(timing);
	int64_t off_us, off;

	if (edge->mean_us == 0) {
		edge->mean_us = interval_us(timing);
		edge->variance = find_first_variance(timing);
	}
	if (between_us > longest_us) {
		between_us = longest_us;
	}
	off_us = (int64_t)between_us - edge->mean_us;
	edge->mean_us = (uint32_t)(edge->mean_us + off_us / WEIGHT_DIVISOR);
	off = off_us / PEAL_EDGE_PHI_UNIT_US;
	if (off > UINT16_MAX || off < -UINT16_MAX) {
		off = UINT16_MAX;
	}
	edge->variance = (uint32_t)(edge->variance + (off * off - edge->variance) / WEIGHT_DIVISOR);
	PEAL_ASSERT(edge->mean_us > 0);
	PEAL_ASSERT(edge->mean_us <= longest_us);
}

bool
peal_edge_phi_fails(const struct peal_edge *edge, const struct peal_timing *timing)
{
	uint32_t mean_us = edge->mean_us == 0 ? interval_us(timing) : edge->mean_us;
	uint32_t variance = edge->mean_us == 0 ? find_first_variance(timing) : edge->variance;
	uint32_t deviation_us = find_root(variance) * PEAL_EDGE_PHI_UNIT_US;
	uint32_t least_us = interval_us(timing) / DEVIATION_DIVISOR;
	int64_t late_us =
		(int64_t)edge->silent_us - mean_us - PAUSE_PROBES * (int64_t)interval_us(timing);

	PEAL_ASSERT(timing->probe_interval_ns >= PEAL_PHI_INTERVAL_NS_MIN);
	if (edge->silent_us >= find_longest_us(timing)) {
		return true;
	}
	if (deviation_us < least_us) {
		deviation_us = least_us;
	}
	return peal_edge_phi_thousandths(late_us, deviation_us) >=
	       timing->phi_threshold_tenths * 100U;
}
