/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A cache line that two threads hand to and fro: what stands below every figure of two CPUs.
 *
 * One thread serves, with odd numbers that grow by two; the other one returns each with the even
 * number that follows, and may note its time stamp counter when it sees one. Both spin. The place
 * of the threads, their number and what comes of the laps are the caller's.
 */
#ifndef PEAL_BENCHLIB_COURT_H
#define PEAL_BENCHLIB_COURT_H

#include <stdalign.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#define PEAL_COURT_FIRST UINT64_C(1)
#define PEAL_COURT_END   UINT64_MAX

struct peal_court {
	alignas(64) _Atomic uint64_t ball;
	uint64_t seen_at; /* cycles of the one that returns; belongs to whoever has the ball */
	bool is_stamped;  /* it shall note them; before the threads start */
	alignas(64) uint8_t unused[64]; /* whatever follows has its own line */
};

void peal_court_open(struct peal_court *court, bool is_stamped);

/* The one that returns, until the end. */
void peal_court_return(struct peal_court *court);

/* The one that serves: a ball, and back. Returns the next one. */
static inline uint64_t
peal_court_serve(struct peal_court *court, uint64_t ball)
{
	atomic_store_explicit(&court->ball, ball, memory_order_release);
	while (atomic_load_explicit(&court->ball, memory_order_acquire) == ball) {
		/* The line is on its way. */
	}
	return ball + 2U;
}

/* The one that serves, after the last ball was back; or anybody, while there is none that serves.
 */
static inline void
peal_court_end(struct peal_court *court)
{
	atomic_store_explicit(&court->ball, PEAL_COURT_END, memory_order_release);
}

/* Starts both, each on its CPU, and waits for their end. `serve` ends the play.
 * @return false: threads cannot be had on those CPUs */
bool peal_court_play(
	struct peal_court *court, const int cpus[2], void *(*serve)(void *state), void *state);

#endif
