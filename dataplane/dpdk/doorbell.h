/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Wakes one sleeping thread, and costs a load when it does not sleep.
 *
 * The sleeper declares itself asleep, looks once more at everything that others fill for it, and
 * only then waits for the descriptor. A producer fills first and rings after. Both put a full fence
 * between their store and their load, so at least one of the two sees the other: no wake-up is
 * missed. Only the first of many rings pays for a syscall. One sleeper, any number of producers.
 */
#ifndef PEAL_DPDK_DOORBELL_H
#define PEAL_DPDK_DOORBELL_H

#include "dataplane/dpdk/sentence.h"

#include <stdalign.h>
#include <stdatomic.h>
#include <stdint.h>

struct peal_doorbell {
	alignas(64) _Atomic uint32_t is_asleep;
	int fd; /* eventfd, readable after a ring */
};

/* False with a sentence when the process has no descriptor left. */
bool peal_doorbell_open(struct peal_doorbell *doorbell, struct peal_sentence *error);
void peal_doorbell_close(struct peal_doorbell *doorbell);

/* Second half of peal_doorbell_ring: a syscall, for the first of those who ring. */
void peal_doorbell_wake(struct peal_doorbell *doorbell);

/* Producer: call after filling. No syscall while the other side is awake. */
static inline void
peal_doorbell_ring(struct peal_doorbell *doorbell)
{
	atomic_thread_fence(memory_order_seq_cst);
	if (atomic_load_explicit(&doorbell->is_asleep, memory_order_relaxed) != 0U) {
		peal_doorbell_wake(doorbell);
	}
}

/* Sleeper: from here on a producer rings. Look at all inputs once more before waiting. */
static inline void
peal_doorbell_declare_asleep(struct peal_doorbell *doorbell)
{
	atomic_store_explicit(&doorbell->is_asleep, 1U, memory_order_relaxed);
	atomic_thread_fence(memory_order_seq_cst);
}

/* Sleeper: awake again. A ring that is under way stays in the descriptor until drained. */
static inline void
peal_doorbell_declare_awake(struct peal_doorbell *doorbell)
{
	atomic_store_explicit(&doorbell->is_asleep, 0U, memory_order_relaxed);
}

/* Sleeper: takes the rings out of the descriptor. One syscall. */
void peal_doorbell_drain(struct peal_doorbell *doorbell);

#endif
