/* SPDX-License-Identifier: BSD-3-Clause */
#include "control/rejoin.h"

#include "base/assert.h"

uint64_t
peal_rejoin_on_evicted(struct peal_rejoin *rejoin, uint64_t now_ns)
{
	PEAL_ASSERT(now_ns >= rejoin->evicted_at_ns);

	if (rejoin->pause_ns == 0 || now_ns - rejoin->evicted_at_ns > PEAL_REJOIN_FORGET_NS) {
		rejoin->pause_ns = PEAL_REJOIN_PAUSE_NS_MIN;
	} else if (rejoin->pause_ns < PEAL_REJOIN_PAUSE_NS_MAX / 2U) {
		rejoin->pause_ns *= 2U;
	} else {
		rejoin->pause_ns = PEAL_REJOIN_PAUSE_NS_MAX;
	}
	rejoin->evicted_at_ns = now_ns;
	rejoin->until_ns = now_ns + rejoin->pause_ns;
	return rejoin->pause_ns;
}

bool
peal_rejoin_is_due(struct peal_rejoin *rejoin, uint64_t now_ns)
{
	if (rejoin->until_ns == 0 || now_ns < rejoin->until_ns) {
		return false;
	}
	rejoin->until_ns = 0;
	return true;
}

uint64_t
peal_rejoin_deadline_at_ns(const struct peal_rejoin *rejoin)
{
	return rejoin->until_ns != 0 ? rejoin->until_ns : UINT64_MAX;
}
