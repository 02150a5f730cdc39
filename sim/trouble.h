/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What happens to members of order groups, one thing after the other: restarts, pauses, cuts,
 * weather.
 *
 * Whoever restarts, or stands still until it is removed, loses its memory, and an order group bears
 * that of a few ranks only: the story says whom it can spare. Whom it takes is drawn from the seed,
 * and each function runs the world until the trouble is over.
 */
#ifndef PEAL_SIM_TROUBLE_H
#define PEAL_SIM_TROUBLE_H

#include "base/prng.h"
#include "sim/faults.h"

struct peal_trouble {
	struct peal_simworld *world;
	struct peal_faults faults; /* draws who leaves a quorum behind */
	struct peal_prng prng;
	/* True when node `index` may lose its memory now; NULL = anybody may. */
	bool (*may_lose)(const void *story, uint16_t index);
	const void *story;
};

/* Sets up all of it; `world` outlives it. `story` is handed to `may_lose`. */
void peal_trouble_init(struct peal_trouble *trouble, struct peal_simworld *world, uint64_t seed,
	bool (*may_lose)(const void *story, uint16_t index), const void *story);

/* A process ends, one in `leavers_in` after it left, and another one starts some time later, of at
 * most `down_ns_max`. */
void peal_trouble_restart(struct peal_trouble *trouble, uint32_t leavers_in, uint64_t down_ns_max);
/* Somebody stands still: for a moment, or, one in `long_in`, until it is removed, which costs its
 * memory. */
void peal_trouble_pause(struct peal_trouble *trouble, uint32_t long_in);

/* Two members. */
void peal_trouble_draw_two(struct peal_trouble *trouble, uint16_t *a_out, uint16_t *b_out);
/* The link from `a` to `b` is cut for a while, and with `is_pair` the way back as well: at most one
 * of two members is removed for it. */
void peal_trouble_cut(struct peal_trouble *trouble, uint16_t a, uint16_t b, bool is_pair);
/* Loss, duplicates and late frames on all links, for a while; then they are fair. */
void peal_trouble_weather(struct peal_trouble *trouble);

/* True when the story can spare the memory of node `index`. */
bool peal_trouble_may_lose(const struct peal_trouble *trouble, uint16_t index);

#endif
