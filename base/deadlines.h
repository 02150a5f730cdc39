/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * When each of several runners wants to run next: the earliest of all, and who is due.
 *
 * A heap of those who wait for an instant at all, and where each stands in it. So a change costs as
 * many steps as the logarithm of how many wait, which is none for one alone; a look at the earliest
 * is one variable, and finding who is due some steps for each of them. Pure; memory of the caller.
 * Owner: one thread.
 */
#ifndef PEAL_BASE_DEADLINES_H
#define PEAL_BASE_DEADLINES_H

#include "base/limits.h"

#include <stdbool.h>
#include <stdint.h>

/* Fields are private. */
struct peal_deadlines {
	uint64_t earliest_ns; /* of all; UINT64_MAX = nobody waits */
	uint32_t places_count;
	uint32_t waiting_count;
	uint16_t order[PEAL_RESIDENTS_MAX + 1U]; /* the heap from [1] on: places, earliest first */
	uint16_t ranks[PEAL_RESIDENTS_MAX];      /* where a place stands in it; 0 = it does not */
	uint64_t at_ns[PEAL_RESIDENTS_MAX];      /* by place; UINT64_MAX = never */
};

/* Nobody waits for anything. `places_count` [1, PEAL_RESIDENTS_MAX]. */
void peal_deadlines_init(struct peal_deadlines *deadlines, uint32_t places_count);

/* From now on `place` is due at `at_ns`; UINT64_MAX = never. */
void peal_deadlines_set(struct peal_deadlines *deadlines, uint32_t place, uint64_t at_ns);

/* Adds the places that are due at `now_ns` to the set. */
void peal_deadlines_collect(const struct peal_deadlines *deadlines, uint64_t now_ns,
	uint64_t due[PEAL_RESIDENTS_WORDS]);

/* Of all places; UINT64_MAX = none. */
static inline uint64_t
peal_deadlines_earliest_ns(const struct peal_deadlines *deadlines)
{
	return deadlines->earliest_ns;
}

#endif
