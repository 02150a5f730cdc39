/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What the next view is to be: who holds each rank, who may send and who counts.
 */
#include "abcast/abcast_private.h"

#include <string.h>

/* Ranks that a command emptied, in no view yet. */
static uint16_t
find_emptied(const struct peal_abcast *abcast)
{
	uint16_t ranks = 0;

	for (uint8_t i = 0; i < PEAL_ORDER_RANKS_MAX; i++) {
		if (peal_abcast_is_given(abcast, i) && peal_order_member(abcast->known[i]) == 0) {
			ranks |= (uint16_t)(1U << i);
		}
	}
	return ranks;
}

/* A rank ends to count when those that are left and answer are enough among themselves; until then
 * the view goes on with all, and what the rank holds is not lost for a decision. */
static bool
can_empty(const struct peal_abcast *abcast, uint16_t emptied, uint16_t ranks)
{
	uint16_t counted = (uint16_t)(abcast->counted & ~emptied);

	return counted != 0 && peal_abcast_quorum_is_in(peal_abcast_quorum_of(counted), ranks);
}

void
peal_abcast_plan(
	const struct peal_abcast *abcast, uint16_t promises, struct peal_abcast_value *next_out)
{
	uint16_t emptied = find_emptied(abcast);
	uint16_t joining = 0;
	uint16_t given = 0;

	emptied = can_empty(abcast, emptied, promises) ? emptied : 0;
	memset(next_out, 0, sizeof(*next_out));
	for (uint8_t i = 0; i < PEAL_ORDER_RANKS_MAX; i++) {
		const struct peal_abcast_wish *wish = &abcast->wishes[i];
		uint16_t bit = (uint16_t)(1U << i);
		uint64_t member = abcast->members[i];

		if (i < abcast->ranks_count && wish->at_ns != 0 && wish->member > member) {
			member = wish->member;
			joining |= bit;
		}
		if (peal_order_term(abcast->known[i]) > peal_order_term(member) &&
			(peal_order_member(abcast->known[i]) != 0 || (emptied & bit) != 0)) {
			member = abcast->known[i];
			given |= bit;
		}
		next_out->cuts[i].member = member;
	}
	/* Who answered for a rank that is another's goes; whoever comes says first that it is
	 * there. */
	next_out->active = (uint16_t)((promises | joining) & ~given);
	next_out->counted =
		(uint16_t)((abcast->counted & ~emptied) | (next_out->active & promises));
	next_out->active &= next_out->counted;
}

bool
peal_abcast_has_order(const struct peal_abcast *abcast, uint64_t now_ns)
{
	uint16_t emptied = find_emptied(abcast);
	uint16_t awake = (uint16_t)(abcast->all & ~peal_abcast_silent(abcast, now_ns));

	for (uint8_t i = 0; i < PEAL_ORDER_RANKS_MAX; i++) {
		/* Who is to go leaves that to the others: it would stop with what it decided. */
		if (i != abcast->config.rank && peal_abcast_is_given(abcast, i) &&
			((emptied >> i & 1U) == 0 || can_empty(abcast, emptied, awake))) {
			return true;
		}
	}
	return false;
}
