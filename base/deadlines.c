/* SPDX-License-Identifier: BSD-3-Clause */
#include "base/deadlines.h"

#include "base/assert.h"

_Static_assert(PEAL_RESIDENTS_MAX % 64U == 0, "a set of places has no loose bits");

void
peal_deadlines_init(struct peal_deadlines *deadlines, uint32_t places_count)
{
	PEAL_ASSERT(places_count >= 1 && places_count <= PEAL_RESIDENTS_MAX);
	deadlines->leaves_count = 1;
	while (deadlines->leaves_count < places_count) {
		deadlines->leaves_count *= 2U;
	}
	for (uint32_t i = 0; i < 2U * deadlines->leaves_count; i++) {
		deadlines->at_ns[i] = UINT64_MAX;
	}
}

void
peal_deadlines_set(struct peal_deadlines *deadlines, uint32_t place, uint64_t at_ns)
{
	uint32_t node = deadlines->leaves_count + place;

	PEAL_ASSERT(place < deadlines->leaves_count);
	deadlines->at_ns[node] = at_ns;
	while (node > 1U) {
		uint64_t earlier_ns = deadlines->at_ns[node];
		uint64_t other_ns = deadlines->at_ns[node ^ 1U];

		earlier_ns = other_ns < earlier_ns ? other_ns : earlier_ns;
		node /= 2U;
		if (deadlines->at_ns[node] == earlier_ns) {
			return; /* and so is everything above */
		}
		deadlines->at_ns[node] = earlier_ns;
	}
}

void
peal_deadlines_collect(
	const struct peal_deadlines *deadlines, uint64_t now_ns, uint64_t due[PEAL_RESIDENTS_WORDS])
{
	uint32_t node = 1;

	if (deadlines->at_ns[1] > now_ns) {
		return;
	}
	/* Depth first, from left to right, past every part in which nobody is due. */
	for (;;) {
		bool is_due = deadlines->at_ns[node] <= now_ns;

		if (is_due && node < deadlines->leaves_count) {
			node *= 2U;
			continue;
		}
		if (is_due) {
			uint32_t place = node - deadlines->leaves_count;

			due[place / 64U] |= UINT64_C(1) << place % 64U;
		}
		while ((node & 1U) != 0) {
			node /= 2U;
		}
		if (node == 0) {
			return;
		}
		node++;
	}
}
