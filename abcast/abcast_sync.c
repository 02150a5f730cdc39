/* SPDX-License-Identifier: BSD-3-Clause */
#include "abcast/abcast_sync.h"

#include "base/assert.h"

#include <string.h>

#define SHIFT_MAX ((int64_t)PEAL_ORDER_AHEAD_NS_MAX)

/* What a rank takes for the shared time, against what this one does. */
struct opinion {
	int64_t ahead_ns;
	uint64_t error_ns;
	uint8_t rank;
};

void
peal_abcast_sync_init(struct peal_abcast_sync *sync)
{
	memset(sync, 0, sizeof(*sync));
	sync->pause_ns = PEAL_ABCAST_ROUND_NS_MIN;
}

void
peal_abcast_sync_hurry(struct peal_abcast_sync *sync, uint64_t at_ns)
{
	sync->pause_ns = PEAL_ABCAST_ROUND_NS_MIN;
	sync->round_at_ns = at_ns < sync->round_at_ns ? at_ns : sync->round_at_ns;
}

void
peal_abcast_sync_forget(struct peal_abcast_sync *sync, uint8_t rank)
{
	PEAL_ASSERT(rank < PEAL_ORDER_RANKS_MAX);
	memset(&sync->fellows[rank], 0, sizeof(sync->fellows[rank]));
}

void
peal_abcast_sync_ask(struct peal_abcast_sync *sync, uint8_t rank, uint64_t own_ns)
{
	PEAL_ASSERT(rank < PEAL_ORDER_RANKS_MAX && own_ns != 0);
	sync->fellows[rank].asked_at_ns = own_ns;
}

bool
peal_abcast_sync_tell(
	struct peal_abcast_sync *sync, uint8_t rank, uint64_t own_ns, uint64_t time_ns)
{
	int64_t shift_ns = (int64_t)(time_ns - own_ns);

	PEAL_ASSERT(rank < PEAL_ORDER_RANKS_MAX);
	PEAL_ASSERT(own_ns < PEAL_ORDER_STAMP_MAX && time_ns < PEAL_ORDER_STAMP_MAX);
	if (shift_ns > SHIFT_MAX || shift_ns < -SHIFT_MAX) {
		return false;
	}
	sync->fellows[rank].shift_ns = shift_ns;
	return true;
}

enum peal_abcast_noted
peal_abcast_sync_answer(struct peal_abcast_sync *sync, uint8_t rank, uint64_t asked_at_ns,
	uint64_t answered_at_ns, uint64_t own_ns)
{
	struct peal_abcast_fellow *fellow = &sync->fellows[rank];

	PEAL_ASSERT(rank < PEAL_ORDER_RANKS_MAX && asked_at_ns != 0);
	if (fellow->asked_at_ns != asked_at_ns) {
		return PEAL_ABCAST_NO_LAP;
	}
	fellow->asked_at_ns = 0;
	return peal_abcast_offset_note(&fellow->offset, asked_at_ns, answered_at_ns, own_ns);
}

/* Sorted by time. */
static uint32_t
gather(struct peal_abcast_sync *sync, const struct peal_abcast_round *round,
	struct opinion opinions[PEAL_ORDER_RANKS_MAX])
{
	uint32_t count = 0;

	sync->known = 0;
	for (uint8_t i = 0; i < PEAL_ORDER_RANKS_MAX; i++) {
		const struct peal_abcast_fellow *fellow = &sync->fellows[i];
		struct peal_abcast_estimate *estimate = &sync->estimates[i];
		struct opinion opinion = {.rank = i};
		uint32_t place = count;

		if (i != round->rank) {
			if (!peal_abcast_offset_read(&fellow->offset, round->own_ns, estimate)) {
				continue;
			}
			sync->known |= (uint16_t)(1U << i);
			opinion.error_ns = estimate->error_ns;
			opinion.ahead_ns = estimate->ahead_ns + fellow->shift_ns - round->shift_ns;
		}
		if ((round->active >> i & 1U) == 0) {
			continue;
		}
		for (; place > 0 && opinions[place - 1U].ahead_ns > opinion.ahead_ns; place--) {
			opinions[place] = opinions[place - 1U];
		}
		opinions[place] = opinion;
		count++;
	}
	return count;
}

static const struct opinion *
find_median(const struct opinion *opinions, uint32_t count)
{
	const struct opinion *upper = &opinions[count / 2U];

	if (count % 2U == 0 && upper[-1].rank < upper->rank) {
		return upper - 1;
	}
	return upper;
}

int64_t
peal_abcast_sync_round(struct peal_abcast_sync *sync, const struct peal_abcast_round *round)
{
	struct opinion opinions[PEAL_ORDER_RANKS_MAX];
	uint32_t count = gather(sync, round, opinions);
	int64_t shift_ns = round->shift_ns;
	bool is_calm = true;

	PEAL_ASSERT(round->shift_ns <= SHIFT_MAX && round->shift_ns >= -SHIFT_MAX);
	if (count * 2U > (uint32_t)__builtin_popcount(round->active)) {
		const struct opinion *median = find_median(opinions, count);
		uint64_t step_ns =
			(uint64_t)(median->ahead_ns < 0 ? -median->ahead_ns : median->ahead_ns);

		is_calm = step_ns <= median->error_ns / 2U;
		shift_ns += median->ahead_ns;
		shift_ns = shift_ns > SHIFT_MAX ? SHIFT_MAX : shift_ns;
		shift_ns = shift_ns < -SHIFT_MAX ? -SHIFT_MAX : shift_ns;
	}
	if (!is_calm) {
		sync->pause_ns = PEAL_ABCAST_ROUND_NS_MIN;
	}
	sync->round_at_ns = round->now_ns + sync->pause_ns;
	sync->pause_ns = 2U * sync->pause_ns < PEAL_ABCAST_ROUND_NS_MAX ? 2U * sync->pause_ns
									: PEAL_ABCAST_ROUND_NS_MAX;
	return shift_ns;
}

int64_t
peal_abcast_sync_raise(int64_t shift_ns, uint64_t time_ns, uint64_t stamp)
{
	uint64_t room_ns = (uint64_t)(SHIFT_MAX - shift_ns);

	if (stamp <= time_ns || stamp - time_ns <= PEAL_ORDER_FUTURE_NS) {
		return shift_ns;
	}
	return shift_ns + (int64_t)(stamp - time_ns < room_ns ? stamp - time_ns : room_ns);
}
