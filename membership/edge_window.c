/* SPDX-License-Identifier: BSD-3-Clause */
#include "base/assert.h"
#include "base/limits.h"
#include "membership/edge_private.h"

void
peal_edge_window_push(struct peal_edge *edge, bool has_failed, const struct peal_timing *timing)
{
	PEAL_ASSERT(timing->probe_window_count >= 1);
	PEAL_ASSERT(timing->probe_window_count <= PEAL_EDGE_WINDOW_MAX);

	uint32_t mask = UINT32_MAX >> (32U - timing->probe_window_count);

	edge->history = ((edge->history << 1) | (has_failed ? 1U : 0U)) & mask;
	if (edge->outcomes_count < timing->probe_window_count) {
		edge->outcomes_count++;
	}
	PEAL_ASSERT((edge->history & ~mask) == 0);
}

bool
peal_edge_window_fails(const struct peal_edge *edge, const struct peal_timing *timing)
{
	PEAL_ASSERT(timing->probe_failed_count >= 1);
	PEAL_ASSERT(timing->probe_failed_count <= timing->probe_window_count);

	/*
	 * paper: RAPID 6, faulty when 40 % of the last 10 probes failed. A window that is not full
	 * counts too: a peer that falls silent at once fails after as many intervals.
	 */
	return (uint32_t)__builtin_popcount(edge->history) >= timing->probe_failed_count;
}
