/* SPDX-License-Identifier: BSD-3-Clause */
#include "membership/edge.h"

#include "base/assert.h"
#include "base/limits.h"
#include "membership/edge_private.h"
#include "wire/alert_msg.h"

#define NS_PER_US UINT64_C(1000)

/* The one place that knows which detector there are. */
static bool
is_failing(const struct peal_edge *edge, const struct peal_timing *timing)
{
	switch (timing->detector) {
	case PEAL_DETECTOR_WINDOW:
		return peal_edge_window_fails(edge, timing);
	case PEAL_DETECTOR_PHI:
		return peal_edge_phi_fails(edge, timing);
	case PEAL_DETECTOR_SILENCE:
		return peal_edge_silence_fails(edge, timing);
	}
	PEAL_ASSERT(!"a detector that is none");
	return false;
}

/* Adds the time since the last count to the silence. */
static void
count_silence(struct peal_edge *edge, uint64_t now_ns)
{
	uint32_t now_us = (uint32_t)(now_ns / NS_PER_US);
	uint32_t more_us = now_us - edge->counted_at_us;

	edge->silent_us =
		more_us > UINT32_MAX - edge->silent_us ? UINT32_MAX : edge->silent_us + more_us;
	edge->counted_at_us = now_us;
}

void
peal_edge_open(struct peal_edge *edge, uint64_t grace_until_ns, uint64_t now_ns)
{
	*edge = (struct peal_edge){.grace_until_ns = grace_until_ns};
	peal_edge_skip(edge, now_ns);
	PEAL_ASSERT(peal_edge_verdict(edge) == PEAL_VERDICT_OK);
}

void
peal_edge_on_heard(struct peal_edge *edge)
{
	edge->was_heard = true;
}

void
peal_edge_on_echo(struct peal_edge *edge, const struct peal_timing *timing, uint64_t now_ns)
{
	bool was_failed = edge->is_failed;

	edge->was_heard = true;
	peal_edge_window_push(edge, false, timing);
	count_silence(edge, now_ns);
	if (timing->detector == PEAL_DETECTOR_PHI && !edge->is_torn) {
		peal_edge_phi_learn(edge, timing, edge->silent_us);
	}
	edge->silent_us = 0;
	edge->is_torn = false;
	/* paper: RAPID 4.1, an alert is irrevocable; a late sign of life cannot take it back. */
	PEAL_ASSERT(edge->is_failed == was_failed);
}

void
peal_edge_on_silence(struct peal_edge *edge, const struct peal_timing *timing, uint64_t now_ns)
{
	/* A member that is still installing its first view owes us nothing yet. */
	if (!edge->was_heard && now_ns < edge->grace_until_ns) {
		peal_edge_skip(edge, now_ns);
		return;
	}
	peal_edge_window_push(edge, true, timing);
	count_silence(edge, now_ns);
	if (!edge->is_failed && is_failing(edge, timing)) {
		edge->is_failed = true;
		edge->reason = PEAL_ALERT_SILENT;
	}
}

void
peal_edge_on_unfit(struct peal_edge *edge, uint8_t reason, uint64_t now_ns)
{
	PEAL_ASSERT(reason == PEAL_ALERT_STUCK || reason == PEAL_ALERT_LAG ||
		    reason == PEAL_ALERT_SLOW);

	if (edge->is_failed) {
		return;
	}
	/* A newcomer answers before it is fit: heard or not, it has the grace to become so. Who
	 * says that it is slow is in the view, and was given its time. */
	if (now_ns < edge->grace_until_ns && reason != PEAL_ALERT_SLOW) {
		return;
	}
	edge->is_failed = true;
	edge->reason = reason;
	PEAL_ASSERT(peal_edge_verdict(edge) == PEAL_VERDICT_FAILED);
}

void
peal_edge_excuse(struct peal_edge *edge, uint64_t late_ns, uint64_t now_ns)
{
	uint32_t open_us = (uint32_t)(now_ns / NS_PER_US) - edge->counted_at_us;
	uint64_t late_us = late_ns / NS_PER_US;

	edge->counted_at_us += late_us < open_us ? (uint32_t)late_us : open_us;
}

void
peal_edge_skip(struct peal_edge *edge, uint64_t now_ns)
{
	edge->counted_at_us = (uint32_t)(now_ns / NS_PER_US);
	edge->is_torn = true;
}

void
peal_edge_forget(struct peal_edge *edge, uint64_t now_ns)
{
	edge->history = 0;
	edge->outcomes_count = 0;
	edge->silent_us = 0;
	peal_edge_skip(edge, now_ns);
	PEAL_ASSERT(peal_edge_verdict(edge) != PEAL_VERDICT_SUSPECT);
}

void
peal_edge_renew(struct peal_edge *edge, const struct peal_timing *timing)
{
	/* A peer that was unfit says so again with its next answer, if it still is. */
	edge->is_failed = is_failing(edge, timing);
	edge->reason = edge->is_failed ? PEAL_ALERT_SILENT : 0;
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

enum peal_reach
peal_edge_reach(const struct peal_timing *timing, uint64_t heard_at_ns, uint64_t echoed_at_ns,
	uint64_t now_ns)
{
	uint64_t recent_ns = PEAL_REACH_PROBES_MAX * timing->probe_interval_ns;

	if (echoed_at_ns != 0 && now_ns <= echoed_at_ns + recent_ns) {
		return PEAL_REACH_OK;
	}
	if (heard_at_ns != 0 && now_ns <= heard_at_ns + recent_ns) {
		return PEAL_REACH_INBOUND_ONLY;
	}
	return PEAL_REACH_SILENT;
}

const char *
peal_edge_reach_name(enum peal_reach reach)
{
	static const char *const names[] = {
		[PEAL_REACH_OK] = "ok",
		[PEAL_REACH_INBOUND_ONLY] = "inbound only",
		[PEAL_REACH_SILENT] = "silent",
	};

	PEAL_ASSERT(reach < sizeof(names) / sizeof(names[0]));
	return names[reach];
}
