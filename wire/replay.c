/* SPDX-License-Identifier: BSD-3-Clause */
#include "wire/replay.h"

#include "base/assert.h"

#include <string.h>

_Static_assert(PEAL_REPLAY_WINDOW_MAX % 64U == 0, "the bitmap is whole words");

void
peal_replay_init(struct peal_replay *replay)
{
	memset(replay, 0, sizeof(*replay));
}

/* Forgets the slots of [first, first + count): counters the window moves onto. */
static void
clear_slots(struct peal_replay *replay, uint64_t first, uint64_t count)
{
	if (count >= PEAL_REPLAY_WINDOW_MAX) {
		memset(replay->bitmap, 0, sizeof(replay->bitmap));
		return;
	}
	while (count > 0) {
		uint32_t slot = (uint32_t)(first % PEAL_REPLAY_WINDOW_MAX);
		uint64_t here = 64U - slot % 64U;
		uint64_t cleared = count < here ? count : here;
		uint64_t mask = cleared == 64U ? UINT64_MAX : (UINT64_C(1) << cleared) - 1U;

		replay->bitmap[slot / 64U] &= ~(mask << (slot % 64U));
		first += cleared;
		count -= cleared;
	}
}

void
peal_replay_commit_apart(struct peal_replay *replay, uint64_t counter)
{
	PEAL_ASSERT(peal_replay_check(replay, counter));

	if (counter > replay->highest) {
		clear_slots(replay, replay->highest + 1U, counter - replay->highest);
		replay->highest = counter;
	}
	uint32_t slot = (uint32_t)(counter % PEAL_REPLAY_WINDOW_MAX);
	replay->bitmap[slot / 64U] |= UINT64_C(1) << (slot % 64U);
	PEAL_ASSERT(!peal_replay_check(replay, counter));
}
