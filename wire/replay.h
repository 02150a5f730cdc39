/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Replay window of one unicast stream: highest counter seen plus a bitmap of the last 256, itself
 * included.
 *
 * Two steps, because only an authenticated frame may move the window: `check` before the tag is
 * verified, `commit` after. One owner, the shard of the stream. Inline: both run once a packet.
 */
#ifndef PEAL_WIRE_REPLAY_H
#define PEAL_WIRE_REPLAY_H

#include "base/limits.h"

#include <stdbool.h>
#include <stdint.h>

struct peal_replay {
	uint64_t highest;                              /* 0 = nothing seen */
	uint64_t bitmap[PEAL_REPLAY_WINDOW_MAX / 64U]; /* slot = counter mod 256 */
};

void peal_replay_init(struct peal_replay *replay);
/* True when `counter` (from 1) is new: above the highest, or in the window and not seen. O(1). */
static inline bool
peal_replay_check(const struct peal_replay *replay, uint64_t counter)
{
	uint32_t slot = (uint32_t)(counter % PEAL_REPLAY_WINDOW_MAX);
	bool is_seen = ((replay->bitmap[slot / 64U] >> (slot % 64U)) & 1U) != 0;

	return counter > replay->highest ||
	       (counter != 0 && replay->highest - counter < PEAL_REPLAY_WINDOW_MAX && !is_seen);
}

/* Private: the commit of a counter that does not follow the highest. */
void peal_replay_commit_apart(struct peal_replay *replay, uint64_t counter);

/* Marks it seen. Asserts that check would say yes. O(1) amortised; at most 4 words. */
static inline void
peal_replay_commit(struct peal_replay *replay, uint64_t counter)
{
	if (__builtin_expect(counter != replay->highest + 1U || counter == 0, 0)) {
		peal_replay_commit_apart(replay, counter);
		return;
	}
	uint32_t slot = (uint32_t)(counter % PEAL_REPLAY_WINDOW_MAX);
	/* The slot held the counter that leaves the window: seen or not, it is seen now. */
	replay->bitmap[slot / 64U] |= UINT64_C(1) << (slot % 64U);
	replay->highest = counter;
}

#endif
