/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Checks that a healed group finds together: the liveness half of every scenario.
 *
 * Agreed means: every process that runs and has not left is a member, all of them hold one view,
 * exactly they are in it, each core has switched to it, and nothing is pending: no member that
 * reports make suspect, no vote without a decision. So crashed members are out, and a member that
 * was removed alive has noticed it and is back under a new identity.
 */
#ifndef PEAL_SIM_CHECK_PROGRESS_H
#define PEAL_SIM_CHECK_PROGRESS_H

#include "sim/simnode.h"

#include <stddef.h>

/* True when the processes among nodes[count] agree; false when none runs. */
bool peal_check_progress_is_agreed(struct peal_simnode *const nodes[], uint16_t count);

/* One line on every node, for whoever has to find out why they do not. Returns what snprintf would.
 */
size_t peal_check_progress_explain(
	struct peal_simnode *const nodes[], uint16_t count, char *text, size_t size);

/*
 * True when nobody could agree whatever it did: of the newest view that anybody is in, so many
 * members are dead that the living hold no quorum. Random faults see to it that this does not
 * happen, but not to all that a member may yet be removed for after its fault is over.
 */
bool peal_check_progress_is_starved(struct peal_simnode *const nodes[], uint16_t count);

#endif
