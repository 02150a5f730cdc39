/* SPDX-License-Identifier: BSD-3-Clause */
#include "abcast/abcast_offset.h"

#include "base/museum.h"

#define MILLION 1000000U

/* Clocks that went back are as old as they are new. */
static uint64_t
find_age(const struct peal_abcast_lap *lap, uint64_t now_ns)
{
	return now_ns > lap->back_at_ns ? now_ns - lap->back_at_ns : 0;
}

static uint64_t
find_error(const struct peal_abcast_lap *lap, uint64_t age_ns)
{
	uint64_t half_ns = ((uint64_t)(lap->high_ns - lap->low_ns) + 1U) / 2U;

	return half_ns + age_ns / MILLION * PEAL_ABCAST_DRIFT_PPM +
	       age_ns % MILLION * PEAL_ABCAST_DRIFT_PPM / MILLION;
}

bool
peal_abcast_offset_read(const struct peal_abcast_offset *offset, uint64_t now_ns,
	struct peal_abcast_estimate *estimate_out)
{
	bool is_known = false;

	*estimate_out = (struct peal_abcast_estimate){0};
	for (uint32_t i = 0; i < offset->count; i++) {
		const struct peal_abcast_lap *lap = &offset->laps[i];
		uint64_t age_ns = find_age(lap, now_ns);
		uint64_t error_ns = find_error(lap, age_ns);
		bool is_better = error_ns < estimate_out->error_ns;

		if (PEAL_BUG(ORDER_CLOCK_LONGEST)) {
			is_better = !is_better;
		}
		if (age_ns > PEAL_ABCAST_LAP_KEPT_NS || (is_known && !is_better)) {
			continue;
		}
		is_known = true;
		estimate_out->error_ns = error_ns;
		estimate_out->ahead_ns = lap->low_ns + (lap->high_ns - lap->low_ns) / 2;
		if (PEAL_BUG(ORDER_CLOCK_SIGN)) {
			estimate_out->ahead_ns = -estimate_out->ahead_ns;
		}
	}
	return is_known;
}

static bool
is_far(int64_t span_ns)
{
	return span_ns > (int64_t)PEAL_ORDER_AHEAD_NS_MAX ||
	       span_ns < -(int64_t)PEAL_ORDER_AHEAD_NS_MAX;
}

/* Whether both can be true. */
static bool
agrees(const struct peal_abcast_lap *lap, const struct peal_abcast_estimate *known)
{
	return lap->low_ns <= known->ahead_ns + (int64_t)known->error_ns &&
	       lap->high_ns >= known->ahead_ns - (int64_t)known->error_ns;
}

enum peal_abcast_noted
peal_abcast_offset_note(struct peal_abcast_offset *offset, uint64_t left_at_ns,
	uint64_t answered_at_ns, uint64_t back_at_ns)
{
	struct peal_abcast_lap lap = {.back_at_ns = back_at_ns};
	enum peal_abcast_noted noted = PEAL_ABCAST_NOTED;
	struct peal_abcast_estimate known;

	if (back_at_ns < left_at_ns || back_at_ns - left_at_ns > PEAL_ABCAST_LAP_NS_MAX) {
		return PEAL_ABCAST_NO_LAP;
	}
	lap.low_ns = (int64_t)(answered_at_ns - back_at_ns);
	lap.high_ns = (int64_t)(answered_at_ns - left_at_ns);
	if (is_far(lap.low_ns) || is_far(lap.high_ns)) {
		return PEAL_ABCAST_TOO_FAR;
	}
	if (peal_abcast_offset_read(offset, back_at_ns, &known) && !agrees(&lap, &known)) {
		*offset = (struct peal_abcast_offset){0};
		noted = PEAL_ABCAST_JUMPED;
	}
	offset->laps[offset->next] = lap;
	offset->next = (uint8_t)((offset->next + 1U) % PEAL_ABCAST_LAPS_MAX);
	offset->count = (uint8_t)(offset->count < PEAL_ABCAST_LAPS_MAX ? offset->count + 1U
								       : PEAL_ABCAST_LAPS_MAX);
	return noted;
}
