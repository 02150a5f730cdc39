/* SPDX-License-Identifier: BSD-3-Clause */
#include "abcast/abcast_change.h"

#include "base/assert.h"
#include "base/museum.h"

#include <string.h>

void
peal_abcast_change_init(struct peal_abcast_change *change)
{
	memset(change, 0, sizeof(*change));
}

bool
peal_abcast_change_prepare(struct peal_abcast_change *change, uint64_t ballot, uint64_t now_ns)
{
	if (ballot <= change->promised) {
		return false;
	}
	change->promised = ballot;
	change->promised_at_ns = now_ns;
	return true;
}

bool
peal_abcast_change_accept(struct peal_abcast_change *change, uint64_t ballot,
	const struct peal_abcast_value *value, uint64_t now_ns)
{
	if (ballot < change->promised) {
		return false;
	}
	if (ballot > change->promised) {
		change->promised_at_ns = now_ns;
	}
	change->promised = ballot;
	change->accepted = ballot;
	change->accepted_value = *value;
	return true;
}

uint64_t
peal_abcast_change_propose(struct peal_abcast_change *change, uint8_t rank)
{
	uint64_t heard = change->promised >> PEAL_ORDER_ROUND_SHIFT;

	change->round = (heard > change->round ? heard : change->round) + 1U;
	change->ballot = change->round << PEAL_ORDER_ROUND_SHIFT | rank;
	change->phase = PEAL_ABCAST_PREPARING;
	change->promises = 0;
	change->acceptances = 0;
	change->best_accepted = 0;
	change->choose_at_ns = 0;
	return change->ballot;
}

bool
peal_abcast_change_on_state(struct peal_abcast_change *change, uint8_t rank,
	const struct peal_abcast_state *state, uint32_t ranks_count)
{
	uint16_t bit = (uint16_t)(1U << rank);

	if (change->phase != PEAL_ABCAST_PREPARING || state->ballot != change->ballot) {
		return false;
	}
	change->promises |= bit;
	memcpy(change->reports[rank], state->reports, ranks_count * sizeof(state->reports[0]));
	if (state->accepted > change->best_accepted) {
		change->best_accepted = state->accepted;
		change->best_value = *state->value;
	}
	return true;
}

/* Where one lane ends, by what a majority said of it. */
static struct peal_order_cut
choose_cut(const struct peal_abcast_change *change, uint32_t lane, uint32_t ranks_count)
{
	struct peal_order_cut cut = {0};
	uint64_t accepted = 0;
	uint64_t least = UINT64_MAX;

	for (uint32_t i = 0; i < ranks_count; i++) {
		const struct peal_order_report *report = &change->reports[i][lane];

		if ((change->promises >> i & 1U) != 0 && report->generation > cut.generation) {
			cut.generation = report->generation;
		}
	}
	for (uint32_t i = 0; i < ranks_count; i++) {
		const struct peal_order_report *report = &change->reports[i][lane];
		uint64_t end = report->have > report->stable ? report->have : report->stable;

		if ((change->promises >> i & 1U) == 0 || report->generation != cut.generation) {
			continue;
		}
		cut.stable = report->stable > cut.stable ? report->stable : cut.stable;
		least = end < least ? end : least;
		if (report->accepted > accepted && !PEAL_BUG(ORDER_CUT_IGNORES_SEALS)) {
			/* That seal may have been decided: what it says is the end. */
			accepted = report->accepted;
			cut.last = report->last;
		}
		cut.last = accepted == 0 && end > cut.last ? end : cut.last;
	}
	if (PEAL_BUG(ORDER_CUT_MINIMUM) && accepted == 0 && least > cut.stable) {
		cut.last = least;
	}
	cut.last = cut.last < cut.stable ? cut.stable : cut.last;
	return cut;
}

void
peal_abcast_change_choose(struct peal_abcast_change *change, uint32_t ranks_count,
	const struct peal_abcast_value *next)
{
	PEAL_ASSERT(change->phase == PEAL_ABCAST_PREPARING);
	change->phase = PEAL_ABCAST_ACCEPTING;
	if (change->best_accepted != 0 && !PEAL_BUG(ORDER_CUT_OWN_VALUE)) {
		change->value = change->best_value;
		return;
	}
	change->value = *next;
	for (uint32_t i = 0; i < ranks_count; i++) {
		change->value.cuts[i] = choose_cut(change, i, ranks_count);
		change->value.cuts[i].member = next->cuts[i].member;
	}
}

bool
peal_abcast_change_on_accepted(struct peal_abcast_change *change, uint8_t rank, uint64_t ballot,
	struct peal_abcast_quorum quorum)
{
	struct peal_abcast_quorum next = peal_abcast_quorum_of(change->value.counted);

	if (change->phase != PEAL_ABCAST_ACCEPTING || ballot != change->ballot) {
		return false;
	}
	change->acceptances |= (uint16_t)(1U << rank);
	if (!peal_abcast_quorum_is_in(quorum, change->acceptances) ||
		!peal_abcast_quorum_is_in(next, change->acceptances)) {
		return false;
	}
	change->phase = PEAL_ABCAST_IDLE;
	return true;
}
