/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Who sleeps, and whether to ring: one word that the sleeper writes and the other side only reads.
 *
 * The word is even while its owner looks by itself, and another odd number each time it sleeps. So
 * who fills rings once for each sleep and never for somebody awake, without writing anything that
 * the sleeper must trust. The sleeper says that it sleeps, then looks once more, then waits; the
 * other side fills, then looks at the word. Both put a full fence between their store and
 * their load, so at least one of the two sees the other: no sleeper is missed.
 *
 * The bell itself is an eventfd or whatever else the caller rings. Pure; fields private.
 */
#ifndef PEAL_SHM_SHMBELL_H
#define PEAL_SHM_SHMBELL_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Of the owner of the word. */
struct peal_shmbell_sleeper {
	_Atomic uint32_t *word; /* zero at first */
	uint32_t told;
};

/* Of the other side. */
struct peal_shmbell_ringer {
	const _Atomic uint32_t *word; /* NULL: nobody ever sleeps there */
	uint32_t rung;                /* the sleep that was rung for last */
};

/* From here on the other side rings. Look at everything once more before waiting. */
static inline void
peal_shmbell_declare_asleep(struct peal_shmbell_sleeper *sleeper)
{
	sleeper->told |= 1U;
	atomic_store_explicit(sleeper->word, sleeper->told, memory_order_release);
	atomic_thread_fence(memory_order_seq_cst);
}

/* Awake again; does nothing for who is. */
static inline void
peal_shmbell_declare_awake(struct peal_shmbell_sleeper *sleeper)
{
	if ((sleeper->told & 1U) != 0) {
		sleeper->told++;
		atomic_store_explicit(sleeper->word, sleeper->told, memory_order_relaxed);
	}
}

/* After filling: the number of a sleep that was not rung for, or 0. What the sleeper wrote before
 * it said so can be read then. A fence and a load. */
static inline uint32_t
peal_shmbell_find_sleep(const struct peal_shmbell_ringer *ringer)
{
	uint32_t told;

	if (ringer->word == NULL) {
		return 0;
	}
	atomic_thread_fence(memory_order_seq_cst);
	told = atomic_load_explicit(ringer->word, memory_order_acquire);
	return (told & 1U) == 0 || told == ringer->rung ? 0 : told;
}

/* After filling: true = ring now, and only now. */
static inline bool
peal_shmbell_is_due(struct peal_shmbell_ringer *ringer)
{
	uint32_t sleep = peal_shmbell_find_sleep(ringer);

	if (sleep == 0) {
		return false;
	}
	ringer->rung = sleep;
	return true;
}

#endif
