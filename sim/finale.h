/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * How stories of clients end: all is well, everybody falls silent, then each client says a last
 * word, and all of it must come.
 */
#ifndef PEAL_SIM_FINALE_H
#define PEAL_SIM_FINALE_H

#include "sim/simworld.h"

/* Nodes agree: what has left ends. Clients do nothing by chance any more; for `span_ns` they read
 * what comes. */
void peal_finale_settle(struct peal_simworld *world, uint64_t span_ns);
/* Each client says its last word in each of its groups, or to all, again in each further view, and
 * reads until `have_all` says so; for two seconds at the most. */
void peal_finale_speak(
	struct peal_simworld *world, bool (*have_all)(struct peal_simapps *apps, uint32_t count));
/* Nobody missed anything in a group, refused what an honest node said of one, or had to hold too
 * much. */
void peal_finale_check_groups(struct peal_simworld *world);

#endif
