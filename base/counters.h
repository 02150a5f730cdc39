/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Counters of one thread, listed in base/counters.def.
 *
 * One thread writes a struct; any thread may read it at any time and sees each value whole, though
 * not all values of the same instant. No lock, no shared cache line between two structs.
 */
#ifndef PEAL_BASE_COUNTERS_H
#define PEAL_BASE_COUNTERS_H

#include "base/assert.h"

#include <stdalign.h>
#include <stdbool.h>
#include <stdint.h>

enum peal_counter {
#define PEAL_COUNTER(name, unit, help) PEAL_COUNTER_##name,
#include "base/counters.def"
#undef PEAL_COUNTER
	PEAL_COUNTERS_COUNT
};

/* Longest name, without its terminating zero: what fits a column. */
#define PEAL_COUNTER_NAME_SIZE_MAX 31U

struct peal_counters {
	alignas(64) uint64_t values[PEAL_COUNTERS_COUNT];
};

/* Any thread. */
static inline uint64_t
peal_counter_get(const struct peal_counters *counters, enum peal_counter id)
{
	PEAL_DASSERT(id < PEAL_COUNTERS_COUNT);
	return __atomic_load_n(&counters->values[id], __ATOMIC_RELAXED);
}

/* The writer only. One load and one store. */
static inline void
peal_counter_add(struct peal_counters *counters, enum peal_counter id, uint64_t n)
{
	PEAL_DASSERT(id < PEAL_COUNTERS_COUNT);
	__atomic_store_n(&counters->values[id], counters->values[id] + n, __ATOMIC_RELAXED);
}

/* The writer only: keeps the highest value, for counters that say so. */
static inline void
peal_counter_raise(struct peal_counters *counters, enum peal_counter id, uint64_t value)
{
	PEAL_DASSERT(id < PEAL_COUNTERS_COUNT);
	if (value > counters->values[id]) {
		__atomic_store_n(&counters->values[id], value, __ATOMIC_RELAXED);
	}
}

/* The writer only, or before it starts. */
void peal_counters_init(struct peal_counters *counters);

/* Lower-case name, unit and one sentence; static. Assert id < PEAL_COUNTERS_COUNT. */
const char *peal_counter_name(enum peal_counter id);
const char *peal_counter_unit(enum peal_counter id);
const char *peal_counter_help(enum peal_counter id);
/* The counter of a lower-case name. False: there is none. O(PEAL_COUNTERS_COUNT). */
bool peal_counter_find(const char *name, enum peal_counter *id_out);

#endif
