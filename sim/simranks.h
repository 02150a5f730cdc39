/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Ranks of an order group, over all simulated nodes: who holds them, and commands that change that.
 */
#ifndef PEAL_SIM_SIMRANKS_H
#define PEAL_SIM_SIMRANKS_H

#include "sim/simorders.h"

/* A rank is given to the process of a node, by command of another one. */
struct peal_simranks_handover {
	uint32_t commander; /* the first node from this one on that runs a rank */
	uint32_t taker;
	uint32_t rank;
	enum peal_orders_handover what;
};
/* Returns the node that took the command, `count` when all refused. */
uint32_t peal_simranks_hand_over(struct peal_simorders *nodes, uint32_t count, uint32_t id,
	const struct peal_simranks_handover *handover);
/* A rank, from `first` on, whose holder is no more, and a node that may have it. False: there is
 * none. */
bool peal_simranks_find_empty(struct peal_simorders *nodes, uint32_t count, uint32_t id,
	uint32_t first, struct peal_simranks_handover *handover_out);

/* The next command on the way to so many ranks, all of them held: who is no more is replaced.
 * False: it is done. */
bool peal_simranks_find_step(struct peal_simorders *nodes, uint32_t count, uint32_t id,
	uint32_t target, struct peal_simranks_handover *handover_out);

/* True when `index` may lose its memory: a majority of every view that a rank of `id` is in is
 * still there without it. With `count` in its place: it is there. */
bool peal_simranks_may_lose(
	const struct peal_simorders *nodes, uint32_t count, uint32_t id, uint32_t index);
/* How many ranks there are, when all of them are in one view, may send, are at one position, and
 * have nothing left to say; else 0. `is_whole`: and those who count are no more than that. */
uint32_t peal_simranks_count_agreed(
	const struct peal_simorders *nodes, uint32_t count, uint32_t id, bool is_whole);
/* True when that is the number in `config`. */
bool peal_simranks_is_agreed(
	const struct peal_simorders *nodes, uint32_t count, const struct peal_ordergroup *config);
/* Notes as violations how all are. */
void peal_simranks_describe(const struct peal_simorders *nodes, uint32_t count, uint32_t id);

#endif
