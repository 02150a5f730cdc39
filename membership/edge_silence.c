/* SPDX-License-Identifier: BSD-3-Clause */
#include "base/assert.h"
#include "membership/edge_private.h"

#define NS_PER_US UINT64_C(1000)

bool
peal_edge_silence_fails(const struct peal_edge *edge, const struct peal_timing *timing)
{
	PEAL_ASSERT(timing->silence_ns > 0);
	return edge->silent_us * NS_PER_US >= timing->silence_ns;
}
