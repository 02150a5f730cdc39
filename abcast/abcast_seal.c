/* SPDX-License-Identifier: BSD-3-Clause */
#include "abcast/abcast_seal.h"

#include "base/assert.h"
#include "base/museum.h"

#include <string.h>

#define ROUND_SHIFT 8U

void
peal_abcast_seal_init(struct peal_abcast_seal *seal)
{
	memset(seal, 0, sizeof(*seal));
}

bool
peal_abcast_seal_prepare(struct peal_abcast_seal *seal, uint64_t ballot, uint64_t now_ns)
{
	if (ballot <= seal->promised) {
		return false;
	}
	seal->promised = ballot;
	seal->promised_at_ns = now_ns;
	return true;
}

bool
peal_abcast_seal_may_accept(const struct peal_abcast_seal *seal, uint64_t ballot)
{
	return ballot >= seal->promised || PEAL_BUG(ORDER_ACCEPT_BELOW_PROMISE);
}

void
peal_abcast_seal_accept(struct peal_abcast_seal *seal, uint64_t ballot,
	const struct peal_abcast_end *end, uint64_t now_ns)
{
	PEAL_ASSERT(peal_abcast_seal_may_accept(seal, ballot));
	if (ballot > seal->promised) {
		seal->promised_at_ns = now_ns;
	}
	seal->promised = ballot;
	seal->accepted = ballot;
	seal->accepted_end = *end;
}

uint64_t
peal_abcast_seal_propose(struct peal_abcast_seal *seal, uint8_t rank)
{
	uint64_t heard = seal->promised >> ROUND_SHIFT;

	seal->round = (heard > seal->round ? heard : seal->round) + 1U;
	seal->ballot = seal->round << ROUND_SHIFT | rank;
	seal->phase = PEAL_ABCAST_PREPARING;
	seal->answered = 0;
	seal->best_accepted = 0;
	seal->have_max = 0;
	seal->have_min = UINT64_MAX;
	return seal->ballot;
}

bool
peal_abcast_seal_on_promise(struct peal_abcast_seal *seal, uint8_t rank,
	const struct peal_abcast_promise *promise, uint64_t until, struct peal_abcast_quorum quorum)
{
	uint16_t bit = (uint16_t)(1U << rank);

	if (seal->phase != PEAL_ABCAST_PREPARING || promise->ballot != seal->ballot ||
		(seal->answered & bit) != 0) {
		return false;
	}
	seal->answered |= bit;
	seal->have_max = promise->have > seal->have_max ? promise->have : seal->have_max;
	seal->have_min = promise->have < seal->have_min ? promise->have : seal->have_min;
	if (promise->accepted > seal->best_accepted) {
		seal->best_accepted = promise->accepted;
		seal->best_end = promise->end;
	}
	if (!peal_abcast_quorum_is_in(quorum, seal->answered)) {
		return false;
	}
	seal->phase = PEAL_ABCAST_ACCEPTING;
	seal->answered = 0;
	if (seal->best_accepted != 0 && !PEAL_BUG(ORDER_SEAL_OWN_VALUE)) {
		seal->end = seal->best_end;
	} else {
		seal->end.last = PEAL_BUG(ORDER_SEAL_MINIMUM) ? seal->have_min : seal->have_max;
		seal->end.until = until;
	}
	return true;
}

bool
peal_abcast_seal_on_accepted(struct peal_abcast_seal *seal, uint8_t rank, uint64_t ballot,
	struct peal_abcast_quorum quorum)
{
	if (seal->phase != PEAL_ABCAST_ACCEPTING || ballot != seal->ballot) {
		return false;
	}
	seal->answered |= (uint16_t)(1U << rank);
	if (!peal_abcast_quorum_is_in(quorum, seal->answered)) {
		return false;
	}
	seal->phase = PEAL_ABCAST_IDLE;
	return true;
}

void
peal_abcast_seal_close(
	struct peal_abcast_seal *seal, uint16_t generation, const struct peal_abcast_end *end)
{
	seal->promised = 0;
	seal->accepted = 0;
	seal->phase = PEAL_ABCAST_IDLE;
	seal->round = 0;
	seal->ballot = 0;
	seal->has_decided = true;
	seal->decided_generation = generation;
	seal->decided = *end;
	seal->silent_count++;
}
