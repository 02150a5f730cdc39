/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * When each of several runners wants to run next: the earliest of all, and who is due.
 *
 * A tournament: the leaves are the instants, by place, and every other node is the earlier of its
 * two. So a change costs log2(places) steps, a look at the earliest none, and finding who is due
 * some steps for each of them. With one place it is a plain variable. Pure; memory of the caller.
 * Owner: one thread.
 */
#ifndef PEAL_BASE_DEADLINES_H
#define PEAL_BASE_DEADLINES_H

#include "base/limits.h"

#include <stdbool.h>
#include <stdint.h>

/* Fields are private. */
struct peal_deadlines {
	uint32_t leaves_count;                   /* a power of two */
	uint64_t at_ns[2U * PEAL_RESIDENTS_MAX]; /* [1] is the root, leaves from leaves_count on */
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
	return deadlines->at_ns[1];
}

#endif
