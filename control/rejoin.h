/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * For how long a member that was evicted for being slow stays away.
 *
 * Who comes back as slow as before brakes the others again until it is evicted again, and joining
 * takes milliseconds only. So it waits, twice as long each time, and the part of the time in which
 * it brakes them becomes small. The first pause is short, because most that are slow were so once.
 * A good time without an eviction ends this; it is longer than the longest bound after which a slow
 * member is evicted, which is as long as one that stays slow looks good.
 *
 * timers: pause - PEAL_REJOIN_PAUSE_NS_MIN to PEAL_REJOIN_PAUSE_NS_MAX, then the node joins again.
 * Pure; plain struct, zeroed memory is a node that was never evicted; thread: control.
 */
#ifndef PEAL_CONTROL_REJOIN_H
#define PEAL_CONTROL_REJOIN_H

#include <stdbool.h>
#include <stdint.h>

#define PEAL_REJOIN_PAUSE_NS_MIN UINT64_C(50000000)
#define PEAL_REJOIN_PAUSE_NS_MAX UINT64_C(10000000000)
/* From one eviction to the next; after more than this the pause is short again. */
#define PEAL_REJOIN_FORGET_NS UINT64_C(300000000000)

struct peal_rejoin {
	uint64_t pause_ns;      /* the last one, 0 = none yet */
	uint64_t evicted_at_ns; /* meaningful once there was one */
	uint64_t until_ns;      /* the node waits until then; 0 = it does not wait */
};

/* The node was evicted for being slow. Returns the pause that begins now. */
uint64_t peal_rejoin_on_evicted(struct peal_rejoin *rejoin, uint64_t now_ns);

/* True once, when the pause is over. */
bool peal_rejoin_is_due(struct peal_rejoin *rejoin, uint64_t now_ns);

/* When the pause ends, UINT64_MAX = there is none. */
uint64_t peal_rejoin_deadline_at_ns(const struct peal_rejoin *rejoin);

#endif
