/* SPDX-License-Identifier: BSD-3-Clause */
#include "membership/edge.h"

#include "base/assert.h"
#include "base/limits.h"
#include "wire/alert_msg.h"

static uint32_t
window_mask(const struct peal_timing *timing)
{
	PEAL_ASSERT(timing->probe_window_count >= 1);
	PEAL_ASSERT(timing->probe_window_count <= PEAL_EDGE_WINDOW_MAX);
	return UINT32_MAX >> (32U - timing->probe_window_count);
}

/* Lets the window slide by one probe. */
static void
push_outcome(struct peal_edge *edge, bool has_failed, const struct peal_timing *timing)
{
	uint32_t mask = window_mask(timing);

	edge->history = ((edge->history << 1) | (has_failed ? 1U : 0U)) & mask;
	if (edge->outcomes_count < timing->probe_window_count) {
		edge->outcomes_count++;
	}
	PEAL_ASSERT((edge->history & ~mask) == 0);
}

void
peal_edge_open(struct peal_edge *edge, uint64_t grace_until_ns)
{
	*edge = (struct peal_edge){.grace_until_ns = grace_until_ns};
	PEAL_ASSERT(peal_edge_verdict(edge) == PEAL_VERDICT_OK);
}

void
peal_edge_on_heard(struct peal_edge *edge)
{
	edge->was_heard = true;
}

void
peal_edge_on_echo(struct peal_edge *edge, const struct peal_timing *timing)
{
	bool was_failed = edge->is_failed;

	edge->was_heard = true;
	push_outcome(edge, false, timing);
	/* paper: RAPID 4.1, an alert is irrevocable; a late sign of life cannot take it back. */
	PEAL_ASSERT(edge->is_failed == was_failed);
}

void
peal_edge_on_silence(struct peal_edge *edge, const struct peal_timing *timing, uint64_t now_ns)
{
	PEAL_ASSERT(timing->probe_failed_count >= 1);
	PEAL_ASSERT(timing->probe_failed_count <= timing->probe_window_count);

	/* A member that is still installing its first view owes us nothing yet. */
	if (!edge->was_heard && now_ns < edge->grace_until_ns) {
		return;
	}
	push_outcome(edge, true, timing);
	if (edge->is_failed) {
		return;
	}
	/*
	 * paper: RAPID 6, faulty when 40 % of the last 10 probes failed. A window that is not full
	 * counts too: a peer that falls silent at once fails after as many intervals.
	 */
	if ((uint32_t)__builtin_popcount(edge->history) >= timing->probe_failed_count) {
		edge->is_failed = true;
		edge->reason = PEAL_ALERT_SILENT;
	}
}

void
peal_edge_on_unfit(struct peal_edge *edge, uint8_t reason, uint64_t now_ns)
{
	PEAL_ASSERT(reason == PEAL_ALERT_STUCK || reason == PEAL_ALERT_LAG);

	if (edge->is_failed) {
		return;
	}
	/* A newcomer answers before it is fit: heard or not, it has the grace to become so. */
	if (now_ns < edge->grace_until_ns) {
		return;
	}
	edge->is_failed = true;
	edge->reason = reason;
	PEAL_ASSERT(peal_edge_verdict(edge) == PEAL_VERDICT_FAILED);
}

void
peal_edge_forget(struct peal_edge *edge)
{
	edge->history = 0;
	edge->outcomes_count = 0;
	PEAL_ASSERT(peal_edge_verdict(edge) != PEAL_VERDICT_SUSPECT);
}

void
peal_edge_renew(struct peal_edge *edge, const struct peal_timing *timing)
{
	bool is_failing = (uint32_t)__builtin_popcount(edge->history) >= timing->probe_failed_count;

	/* A peer that was unfit says so again with its next answer, if it still is. */
	edge->is_failed = is_failing;
	edge->reason = is_failing ? PEAL_ALERT_SILENT : 0;
	PEAL_ASSERT(edge->is_failed == (peal_edge_verdict(edge) == PEAL_VERDICT_FAILED));
}

enum peal_verdict
peal_edge_verdict(const struct peal_edge *edge)
{
	PEAL_ASSERT(edge->outcomes_count <= PEAL_EDGE_WINDOW_MAX);
	PEAL_ASSERT(edge->is_failed == (edge->reason != 0));

	if (edge->is_failed) {
		return PEAL_VERDICT_FAILED;
	}
	return edge->history != 0 ? PEAL_VERDICT_SUSPECT : PEAL_VERDICT_OK;
}
