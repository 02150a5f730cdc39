/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * How late somebody is wont to be when it is waited for: what a machine that is short of processors
 * does to a rank, and what no pause of one rank on a good machine does.
 *
 * A single wait tells little: however long it was, it counts for no more than twice what was known,
 * and `least_ns`. So one pause of a second leaves the next one to be noticed as soon as ever, and a
 * rank that is late again and again is soon known to be. What is known halves each
 * PEAL_ABCAST_LATE_HALF_NS.
 *
 * Pure; plain struct, zeroed memory is one of which nothing is known; fields private. Times in ns
 * of one clock that does not go back. O(1).
 */
#ifndef PEAL_ABCAST_ABCAST_LATE_H
#define PEAL_ABCAST_ABCAST_LATE_H

#include <stdint.h>

#define PEAL_ABCAST_LATE_HALF_NS UINT64_C(50000000)

struct peal_abcast_late {
	uint64_t late_ns;
	uint64_t known_at_ns;
	uint64_t since_ns; /* 0 = nobody waits */
};

/* It is waited for since then; without effect while a wait is under way. */
void peal_abcast_late_await(struct peal_abcast_late *late, uint64_t since_ns);
/* It came: the end of a wait, which counts for `most_ns` at most. */
void peal_abcast_late_come(
	struct peal_abcast_late *late, uint64_t least_ns, uint64_t most_ns, uint64_t now_ns);
/* The wait had no end, and says nothing. */
void peal_abcast_late_forget(struct peal_abcast_late *late);
/* How late it is wont to be now. */
uint64_t peal_abcast_late_ns(const struct peal_abcast_late *late, uint64_t now_ns);

#endif
