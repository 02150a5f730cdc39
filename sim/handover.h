/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * An operator of the simulated nodes who gives ranks of order groups to other members, at the worst
 * moments: who held the rank, who gets it or who took the command may end right behind it.
 */
#ifndef PEAL_SIM_HANDOVER_H
#define PEAL_SIM_HANDOVER_H

#include "sim/simworld.h"
#include "sim/trouble.h"

/* One command to `group`, or two at once, and perhaps one of those whom it concerns, and whom the
 * story can spare, restarts. `is_growing`: of ranks that the group may come to have, too. */
void peal_handover_trouble(
	struct peal_trouble *trouble, const struct peal_ordergroup *group, bool is_growing);

/* All is well: what stands empty is given to members without a rank, until none does. */
void peal_handover_repair(struct peal_simworld *world, const struct peal_ordergroup *group);

/* All is well: one rank after the other is opened, filled or emptied until so many are held, and
 * who is no more is replaced. False: it did not come to that. */
bool peal_handover_resize(
	struct peal_simworld *world, const struct peal_ordergroup *group, uint32_t ranks_count);

#endif
