/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * How often something may happen: a token bucket in two words.
 *
 * Instead of tokens it keeps the instant at which the bucket is full again. Each event moves that
 * instant by one interval; an event that would move it further ahead of now than the bucket is deep
 * is one too many. Plain struct, fields private, one owner.
 */
#ifndef PEAL_DATAPLANE_PACE_H
#define PEAL_DATAPLANE_PACE_H

#include <stdbool.h>
#include <stdint.h>

struct peal_pace {
	uint64_t full_at_ns; /* 0 = full */
};

/* Takes one event at `now_ns`: `burst_count` at once from a full bucket, then one per interval. */
static inline bool
peal_pace_take(struct peal_pace *pace, uint64_t interval_ns, uint32_t burst_count, uint64_t now_ns)
{
	uint64_t full_at_ns = pace->full_at_ns > now_ns ? pace->full_at_ns : now_ns;

	if (full_at_ns + interval_ns > now_ns + interval_ns * burst_count) {
		return false;
	}
	pace->full_at_ns = full_at_ns + interval_ns;
	return true;
}

#endif
