/* SPDX-License-Identifier: BSD-3-Clause */
#include "membership/tombstones.h"

#include "base/assert.h"
#include "base/hash.h"

_Static_assert(
	(PEAL_TOMBSTONES_MAX & (PEAL_TOMBSTONES_MAX - 1U)) == 0, "buckets are found by a mask");
_Static_assert(PEAL_TOMBSTONES_MAX < UINT16_MAX, "an index plus one fits its type");

static uint32_t
bucket_of(struct peal_uuid uuid)
{
	return (uint32_t)(peal_hash_mix(uuid.low ^ uuid.high) & (PEAL_TOMBSTONES_MAX - 1U));
}

static void
forget(struct peal_tombstones *tombstones, uint32_t place)
{
	uint16_t *link = &tombstones->buckets[bucket_of(tombstones->places[place].uuid)];

	while (*link != place + 1U) {
		PEAL_ASSERT(*link != 0);
		link = &tombstones->places[*link - 1U].next;
	}
	*link = tombstones->places[place].next;
}

void
peal_tombstones_add(struct peal_tombstones *tombstones, struct peal_uuid uuid)
{
	uint32_t place = tombstones->count % PEAL_TOMBSTONES_MAX;
	uint32_t bucket = bucket_of(uuid);

	if (peal_tombstones_has(tombstones, uuid)) {
		return;
	}
	if (tombstones->count >= PEAL_TOMBSTONES_MAX) {
		forget(tombstones, place);
	}
	tombstones->count++;
	tombstones->places[place].uuid = uuid;
	tombstones->places[place].next = tombstones->buckets[bucket];
	tombstones->buckets[bucket] = (uint16_t)(place + 1U);
}

bool
peal_tombstones_has(const struct peal_tombstones *tombstones, struct peal_uuid uuid)
{
	uint16_t link = tombstones->buckets[bucket_of(uuid)];

	while (link != 0 && !peal_uuid_equals(tombstones->places[link - 1U].uuid, uuid)) {
		link = tombstones->places[link - 1U].next;
	}
	return link != 0;
}
