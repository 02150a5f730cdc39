/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Promises that a root of the vote trees passes on to everybody, so that the coordinator of a
 * classic round, who may be anybody, has them.
 *
 * A key is passed on when it is new, and again when it grew, but only so often. What is kept is the
 * union of what was heard. Keys of older ballots give way. Plain struct, fields private; thread:
 * control.
 *
 * timers, each key: flood - at once, then D / 2 after the last one if it grew since.
 */
#ifndef PEAL_CONTROL_PROMISES_H
#define PEAL_CONTROL_PROMISES_H

#include "base/bitset.h"
#include "base/timing.h"
#include "wire/vote_msg.h"

#define PEAL_PROMISES_MAX 4U

struct peal_promise {
	struct peal_vote_key key;
	struct peal_bitset ranks;
	uint64_t flood_at_ns; /* UINT64_MAX = everybody was told */
	uint64_t flooded_at_ns;
};

struct peal_promises {
	uint32_t count;
	struct peal_promise promises[PEAL_PROMISES_MAX];
};

/* A new epoch. Zeroed memory is that, too. */
void peal_promises_clear(struct peal_promises *promises);
/* The members of `ranks` promised `key`. */
void peal_promises_add(struct peal_promises *promises, const struct peal_timing *timing,
	const struct peal_vote_key *key, const struct peal_bitset *ranks, uint64_t now_ns);
/* One that is due, NULL: none. Good until the next add. Taken: it is not due any more. */
const struct peal_promise *peal_promises_take(struct peal_promises *promises, uint64_t now_ns);
uint64_t peal_promises_deadline_at_ns(const struct peal_promises *promises);

#endif
