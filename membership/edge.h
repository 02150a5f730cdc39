/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * One observed edge: what its probes showed, and the verdict over it.
 *
 * A probe succeeds only if the subject proved within its interval that it heard me. The heartbeat
 * (dataplane/heartbeat.c) measures, this judges. Plain struct, fields private, owned by one core.
 * FAILED is final for the epoch. What was measured goes on all the same: across a view change an
 * edge that stays keeps it, and is judged anew by it, so that a link that healed is not accused for
 * ever.
 *
 * When is it FAILED? A detector decides (timing->detector), asked at the end of each probe's
 * interval without echo, and never otherwise: healthy edges cost nothing.
 *   window   4 of the last 10 probes failed. The window slides, it never only counts up. Accuses
 *            links that lose much, not only dead ones: at 5 % loss three edges in ten have failed
 *            after 1 000 probes.
 *   silence  no echo for silence_ns. Says in one number what it does; at 10 % loss one edge in
 *            twelve has failed after 1 000 probes.
 *   phi      a silence this long, or a longer one, is less likely than 10^-threshold, after the
 * mean and variance of the time between echoes here. Gets used to loss: at 20 % one edge in thirty.
 * Notices a death later, a link that limps never. (Figures: tests/prop/prop_edge.c.) Silence is
 * measured from the last echo, without time that is the observer's own (peal_edge_excuse,
 * peal_edge_skip). A window of intervals in silence is too much for each of the three, so all
 * detectors of a group are done within that time; which of them a member uses is its own affair.
 *
 * paper: RAPID 6, 40 % of the last 10 probes; RAPID 4.1, other detectors are plug-ins.
 */
#ifndef PEAL_MEMBERSHIP_EDGE_H
#define PEAL_MEMBERSHIP_EDGE_H

#include "base/timing.h"

#include <stdbool.h>
#include <stdint.h>

enum peal_verdict {
	PEAL_VERDICT_OK = 0,
	PEAL_VERDICT_SUSPECT = 1, /* at least one failed probe in the window; may become OK again */
	PEAL_VERDICT_FAILED = 2,
};

/* What goes through, seen from the observer. No verdict: it follows the network from moment to
 * moment. */
enum peal_reach {
	PEAL_REACH_OK = 0, /* the peer hears me, and I hear it */
	PEAL_REACH_INBOUND_ONLY =
		1,             /* the peer speaks, and has not heard me: the way out is broken */
	PEAL_REACH_SILENT = 2, /* nothing comes in: nobody can say what goes out */
};

/* Half a cache line, for all detectors: an observer walks its edges at each probe. */
struct peal_edge {
	uint64_t grace_until_ns; /* a member that never spoke may stay silent until then */
	uint32_t history;        /* bit 0 = newest probe, 1 = failed */
	uint32_t counted_at_us;  /* up to here time is counted; modulo 2^32, 71 minutes */
	uint32_t silent_us;      /* since the last echo; stops at the highest */
	uint32_t mean_us;        /* phi: of the time between echoes; 0 = none seen yet */
	uint32_t variance;       /* phi: of the same, in squares of PEAL_EDGE_PHI_UNIT_US */
	uint8_t outcomes_count;  /* probes in the window, saturating at its size */
	uint8_t reason;          /* enum peal_alert_reason of a failed edge, else 0 */
	bool was_heard : 1;      /* spoke in this epoch, or proved life: no grace any more */
	bool is_failed : 1;      /* final */
	bool is_torn : 1; /* phi: time was skipped since the last echo; learn nothing from it */
};

_Static_assert(sizeof(struct peal_edge) == 32, "half a cache line");

/* Opens a fresh edge. `grace_until_ns`: 0 = none. */
void peal_edge_open(struct peal_edge *edge, uint64_t grace_until_ns, uint64_t now_ns);
/* The subject spoke in this epoch: it has its view, and grace is over. No proof that it hears me.
 */
void peal_edge_on_heard(struct peal_edge *edge);
/* A probe was echoed in time. */
void peal_edge_on_echo(struct peal_edge *edge, const struct peal_timing *timing, uint64_t now_ns);
/* A probe's interval ended without echo. Ignored in grace. */
void peal_edge_on_silence(
	struct peal_edge *edge, const struct peal_timing *timing, uint64_t now_ns);
/* The subject answers but is not fit: STUCK, LAG or SLOW. Final at once. Ignored in grace, even if
 * heard, but for SLOW, which the subject says of itself. */
void peal_edge_on_unfit(struct peal_edge *edge, uint8_t reason, uint64_t now_ns);
/* The observer looks later than it should by `late_ns`: no silence of the subject. Less is excused
 * when the last event is not so long ago. */
void peal_edge_excuse(struct peal_edge *edge, uint64_t late_ns, uint64_t now_ns);
/* No silence since the last event counts: the observer was late by much, or its probe did not
 * leave.
 */
void peal_edge_skip(struct peal_edge *edge, uint64_t now_ns);
/* The observer itself was late by more than half a window: what it saw proves nothing. phi keeps
 * what it learned about the time between echoes. */
void peal_edge_forget(struct peal_edge *edge, uint64_t now_ns);
/* A new epoch begins for an edge that stays: FAILED only if its detector still says so. */
void peal_edge_renew(struct peal_edge *edge, const struct peal_timing *timing);
enum peal_verdict peal_edge_verdict(const struct peal_edge *edge);

/*
 * What goes through, by the instants of the last echo and of the last frame of any kind; 0 = never.
 * Either is recent for PEAL_REACH_PROBES_MAX intervals, so that one lost probe changes nothing. An
 * instant after `now_ns` is recent: another thread wrote it.
 */
enum peal_reach peal_edge_reach(const struct peal_timing *timing, uint64_t heard_at_ns,
	uint64_t echoed_at_ns, uint64_t now_ns);
/* "ok", "inbound only", "silent". */
const char *peal_edge_reach_name(enum peal_reach reach);

#endif
