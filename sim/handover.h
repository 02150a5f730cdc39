/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * An operator of the simulated nodes who gives ranks of order groups to other members, at the worst
 * moments: who held the rank, who gets it or who took the command may end right behind it.
 */
#ifndef PEAL_SIM_HANDOVER_H
#define PEAL_SIM_HANDOVER_H

#include "base/prng.h"
#include "sim/faults.h"
#include "sim/simworld.h"

struct peal_handover_scene {
	struct peal_simworld *world;
	struct peal_faults *faults;
	struct peal_prng *prng;
	const struct peal_ordergroup *group;
	/* Each group keeps a majority without the process of node `index`. */
	bool (*may_lose)(void *state, uint16_t index);
	void *state;
};

/* One command, or two at once, and perhaps one of those whom it concerns restarts. */
void peal_handover_trouble(const struct peal_handover_scene *scene);

/* All is well: what stands empty is given to members without a rank, until none does. */
void peal_handover_repair(struct peal_simworld *world, const struct peal_ordergroup *group);

#endif
