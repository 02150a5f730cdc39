/* SPDX-License-Identifier: BSD-3-Clause */
#include "base/timeline.h"

#include "base/assert.h"

#include <string.h>

/* Values below 2 * PARTS are their own place; then each power of two has PARTS places. */
static uint32_t
find_place(uint64_t value)
{
	uint32_t bits = 63U - (uint32_t)__builtin_clzll(value | PEAL_TIMELINE_PARTS);
	uint32_t power = bits - PEAL_TIMELINE_PARTS_BITS;

	return power * PEAL_TIMELINE_PARTS + (uint32_t)(value >> power);
}

static uint64_t
find_highest(uint32_t place)
{
	uint32_t power = place < 2U * PEAL_TIMELINE_PARTS ? 0 : place / PEAL_TIMELINE_PARTS - 1U;
	uint64_t lowest = (uint64_t)(place - power * PEAL_TIMELINE_PARTS) << power;

	return lowest + (UINT64_C(1) << power) - 1U;
}

void
peal_timeline_reset(struct peal_timeline *timeline, uint64_t values_count)
{
	PEAL_ASSERT(values_count >= 1);
	memset(timeline, 0, sizeof(*timeline));
	timeline->values_count = values_count;
	while ((values_count - 1U) >> timeline->shift >= PEAL_TIMELINE_SLOTS) {
		timeline->shift++;
	}
}

void
peal_timeline_record(struct peal_timeline *timeline, uint64_t index, uint64_t value)
{
	struct peal_timeline_slot *slot;
	uint64_t kept = value < PEAL_TIMELINE_VALUE_MAX ? value : PEAL_TIMELINE_VALUE_MAX;

	PEAL_ASSERT(index < timeline->values_count);
	slot = &timeline->slots[index >> timeline->shift];
	slot->count++;
	slot->max = value > slot->max ? value : slot->max;
	slot->places[find_place(kept)]++;
}

uint32_t
peal_timeline_slots_count(const struct peal_timeline *timeline)
{
	return timeline->values_count == 0
		       ? 0
		       : (uint32_t)((timeline->values_count - 1U) >> timeline->shift) + 1U;
}

uint64_t
peal_timeline_percentile(const struct peal_timeline *timeline, uint32_t slot, uint32_t percentile)
{
	const struct peal_timeline_slot *one = &timeline->slots[slot];
	uint64_t wanted, seen = 0;

	PEAL_ASSERT(slot < PEAL_TIMELINE_SLOTS);
	PEAL_ASSERT(percentile <= 100);
	wanted = (one->count * percentile + 99U) / 100U;
	wanted = wanted == 0 ? 1U : wanted;
	for (uint32_t place = 0; place < PEAL_TIMELINE_PLACES && one->count > 0; place++) {
		seen += one->places[place];
		if (seen >= wanted) {
			uint64_t highest = find_highest(place);

			return highest < one->max ? highest : one->max;
		}
	}
	return one->max;
}
