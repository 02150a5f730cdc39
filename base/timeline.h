/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What the values of a run were at which time of it: the run in slots, each with its percentiles.
 *
 * A histogram forgets when something happened, so it cannot tell one stop of 100 ms from a thousand
 * slow moments. Here a run of known length is cut into at most PEAL_TIMELINE_SLOTS slots of equally
 * many values, a power of two, by the number of the value and not by the time at which it came: a
 * stop then stands where it was felt, whenever its values were taken in. Each slot has its count
 * and its largest value exactly, and percentiles that are 1 / 16 off at most. 600 KiB: place it in
 * an arena. One writer; readers read after it stopped.
 */
#ifndef PEAL_BASE_TIMELINE_H
#define PEAL_BASE_TIMELINE_H

#include <stdint.h>

#define PEAL_TIMELINE_SLOTS 256U
/* Places of each power of two; values below twice as many are exact. */
#define PEAL_TIMELINE_PARTS      16U
#define PEAL_TIMELINE_PARTS_BITS 4U
/* Larger values are counted as this one, but the largest is kept. */
#define PEAL_TIMELINE_VALUE_MAX ((UINT64_C(1) << 37) - 1U)
#define PEAL_TIMELINE_PLACES                                                                       \
	((37U - PEAL_TIMELINE_PARTS_BITS) * PEAL_TIMELINE_PARTS + PEAL_TIMELINE_PARTS)

_Static_assert(PEAL_TIMELINE_VALUE_MAX >= UINT64_C(100000000000), "100 s have a place");

struct peal_timeline_slot {
	uint64_t count;
	uint64_t max;
	uint32_t places[PEAL_TIMELINE_PLACES];
};

struct peal_timeline {
	uint64_t values_count; /* of the whole run, as it was announced */
	uint32_t shift;        /* a slot has 2^shift values */
	struct peal_timeline_slot slots[PEAL_TIMELINE_SLOTS];
};

/* Begins a run of `values_count` values, at least 1. O(slots). */
void peal_timeline_reset(struct peal_timeline *timeline, uint64_t values_count);

/* The value with the number `index`, below values_count; values may come in any order, or never.
 * O(1): a bit scan and three updates. */
void peal_timeline_record(struct peal_timeline *timeline, uint64_t index, uint64_t value);

/* Slots of the run, the last one perhaps shorter; 0 before the first reset. */
uint32_t peal_timeline_slots_count(const struct peal_timeline *timeline);

/* The number of the first value of a slot. */
static inline uint64_t
peal_timeline_first_index(const struct peal_timeline *timeline, uint32_t slot)
{
	return (uint64_t)slot << timeline->shift;
}

/* As of a histogram: the highest value of the place, never above the slot's largest; 0 when no
 * value of the slot came. `percentile` in [0, 100]. O(places). */
uint64_t peal_timeline_percentile(
	const struct peal_timeline *timeline, uint32_t slot, uint32_t percentile);

#endif
