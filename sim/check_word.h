/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Whether whoever is removed has lost its word by then: when the first of the others installs a
 * view without a member that still runs, what that member's core would tell its applications of its
 * good standing (dataplane/goodstanding.h) should have lapsed, by its own clock. Counted, not
 * flagged: under cuts of single directions a node cannot always know. tests/sim/sim_word.c says
 * where it must.
 *
 * Not asked of who leaves, for it knows, nor of who says itself that it is slow or lags behind.
 */
#ifndef PEAL_SIM_CHECK_WORD_H
#define PEAL_SIM_CHECK_WORD_H

#include "sim/report.h"
#include "sim/simnode.h"

/* At the first install of `view` anywhere; `parent` is the one before it. */
void peal_check_word_on_view(struct peal_simnode *const nodes[], uint16_t count,
	const struct peal_view *parent, const struct peal_view *view, struct peal_report *report);

#endif
