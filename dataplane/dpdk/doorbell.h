/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Wakes one sleeping thread, and costs a load when it does not sleep.
 *
 * The sleeper declares itself asleep, looks once more at everything that others fill for it, and
 * only then waits for the descriptor. A producer fills first and rings after. Both put a full fence
 * between their store and their load, so at least one of the two sees the other: no wake-up is
 * missed. Only the first of many rings pays for a syscall. One sleeper, any number of producers.
 *
 * A thread that does the work of many has one doorbell with many bells. Who rings at one also marks
 * it, so that the thread looks only where somebody has been. A mark is set after filling and taken
 * before looking, again with a fence on both sides. Marks that nobody takes cost a load.
 */
#ifndef PEAL_DPDK_DOORBELL_H
#define PEAL_DPDK_DOORBELL_H

#include "base/limits.h"
#include "dataplane/dpdk/sentence.h"

#include <stdalign.h>
#include <stdatomic.h>
#include <stdint.h>

struct peal_doorbell {
	alignas(64) _Atomic uint32_t is_asleep;
	int fd; /* eventfd, readable after a ring */
	alignas(64) _Atomic uint64_t marks[PEAL_RESIDENTS_WORDS];
};

/* One of many: what a producer is given to ring at. */
struct peal_bell {
	struct peal_doorbell *doorbell; /* NULL = nobody has to be told */
	uint32_t place;                 /* [0, PEAL_RESIDENTS_MAX) */
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

/* Producer: the same at one of many bells, which must not be NULL. */
static inline void
peal_bell_ring(const struct peal_bell *bell)
{
	_Atomic uint64_t *word = &bell->doorbell->marks[bell->place / 64U];
	uint64_t bit = UINT64_C(1) << bell->place % 64U;

	/* Whoever takes a mark that is seen here, will see what was filled before. */
	atomic_thread_fence(memory_order_seq_cst);
	if ((atomic_load_explicit(word, memory_order_relaxed) & bit) == 0) {
		(void)atomic_fetch_or_explicit(word, bit, memory_order_relaxed);
		atomic_thread_fence(memory_order_seq_cst);
	}
	if (atomic_load_explicit(&bell->doorbell->is_asleep, memory_order_relaxed) != 0U) {
		peal_doorbell_wake(bell->doorbell);
	}
}

/* Sleeper: takes the marks and adds them to the set. Look at all those inputs afterwards. */
static inline void
peal_doorbell_take_marks(struct peal_doorbell *doorbell, uint64_t marks[PEAL_RESIDENTS_WORDS])
{
	for (uint32_t i = 0; i < PEAL_RESIDENTS_WORDS; i++) {
		/* A plain look first: nearly always there is nothing. */
		if (atomic_load_explicit(&doorbell->marks[i], memory_order_relaxed) != 0) {
			marks[i] |= atomic_exchange_explicit(
				&doorbell->marks[i], 0U, memory_order_relaxed);
			atomic_thread_fence(memory_order_seq_cst);
		}
	}
}

/* Sleeper: from here on a producer rings. Look at all inputs, or marks, once more before waiting.
 */
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
