/* SPDX-License-Identifier: BSD-3-Clause */
#include "control/guests.h"

#include "base/assert.h"

bool
peal_guests_add(struct peal_guests *guests, uint64_t mid, uint64_t now_ns)
{
	uint32_t place = 0;
	uint32_t oldest = 0;

	PEAL_ASSERT(mid != 0);
	while (place < guests->count && guests->mids[place] != mid) {
		if (guests->used_at_ns[place] < guests->used_at_ns[oldest]) {
			oldest = place;
		}
		place++;
	}
	if (place < guests->count) {
		guests->used_at_ns[place] = now_ns;
		return false;
	}
	if (place == PEAL_GUESTS_MAX) {
		place = oldest;
	} else {
		guests->count++;
	}
	guests->mids[place] = mid;
	guests->used_at_ns[place] = now_ns;
	guests->is_changed = true;
	return true;
}

void
peal_guests_on_view(struct peal_guests *guests, const struct peal_view *view)
{
	uint32_t kept_count = 0;

	for (uint32_t i = 0; i < guests->count; i++) {
		if (peal_view_find_mid(view, guests->mids[i]) != PEAL_RANK_NONE) {
			guests->mids[kept_count] = guests->mids[i];
			guests->used_at_ns[kept_count++] = guests->used_at_ns[i];
		}
	}
	guests->count = kept_count;
}

void
peal_guests_on_publish(struct peal_guests *guests, uint64_t now_ns)
{
	guests->is_changed = false;
	guests->published_at_ns = now_ns;
}

uint64_t
peal_guests_deadline_at_ns(const struct peal_guests *guests)
{
	return guests->is_changed ? guests->published_at_ns + PEAL_GUESTS_NS : UINT64_MAX;
}
