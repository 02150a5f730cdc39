/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * One observed edge: a window of probe outcomes, and the verdict over it.
 *
 * A probe succeeds only if the subject proved within its interval that it heard me. The heartbeat
 * (dataplane/heartbeat.c) measures, this judges. Plain struct, fields private, owned by one core.
 * FAILED is final for the epoch. The window slides on all the same: across a view change an edge
 * that stays keeps its history, and is judged anew by it, so that a link that healed is not accused
 * for ever. paper: RAPID 6, 40 % of the last 10 probes; the window slides, it never only counts up.
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

struct peal_edge {
	uint64_t grace_until_ns; /* a member that never spoke may stay silent until then */
	uint32_t history;        /* bit 0 = newest probe, 1 = failed */
	uint8_t outcomes_count;  /* probes in the window, saturating at its size */
	bool was_heard;          /* spoke in this epoch, or proved life: no grace any more */
	bool is_failed;          /* final */
	uint8_t reason;          /* enum peal_alert_reason of a failed edge, else 0 */
};

/* Opens a fresh edge. `grace_until_ns`: 0 = none. */
void peal_edge_open(struct peal_edge *edge, uint64_t grace_until_ns);
/* The subject spoke in this epoch: it has its view, and grace is over. No proof that it hears me.
 */
void peal_edge_on_heard(struct peal_edge *edge);
/* A probe was echoed in time. */
void peal_edge_on_echo(struct peal_edge *edge, const struct peal_timing *timing);
/* A probe's interval ended without echo. Ignored in grace. */
void peal_edge_on_silence(
	struct peal_edge *edge, const struct peal_timing *timing, uint64_t now_ns);
/* The subject answers but is not fit: STUCK or LAG. Final at once. Ignored in grace, even if heard.
 */
void peal_edge_on_unfit(struct peal_edge *edge, uint8_t reason, uint64_t now_ns);
/* The observer itself was late by more than half a window: what it saw proves nothing. */
void peal_edge_forget(struct peal_edge *edge);
/* A new epoch begins for an edge that stays: FAILED only if its window still says so. */
void peal_edge_renew(struct peal_edge *edge, const struct peal_timing *timing);
enum peal_verdict peal_edge_verdict(const struct peal_edge *edge);

#endif
