/* SPDX-License-Identifier: BSD-3-Clause */
#include "abcast/abcast_sync.h"

#include "base/assert.h"

#include <string.h>

#define MILLION   1000000U
#define SHIFT_MAX ((int64_t)PEAL_ORDER_AHEAD_NS_MAX)
#define LED       ((int64_t)PEAL_ABCAST_LED_NS)

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

static void
estimate_all(struct peal_abcast_sync *sync, const struct peal_abcast_round *round)
{
	sync->known = 0;
	for (uint8_t i = 0; i < PEAL_ORDER_RANKS_MAX; i++) {
		if (i != round->rank && peal_abcast_offset_read(&sync->fellows[i].offset,
						round->own_ns, &sync->estimates[i])) {
			sync->known |= (uint16_t)(1U << i);
		}
	}
}

/* By how much the own clocks of who may send are ahead of this one, or, if `has_shifts`, the times
 * that they take for the shared one of what this rank does: sorted. */
static uint32_t
gather(const struct peal_abcast_sync *sync, const struct peal_abcast_round *round, bool has_shifts,
	struct opinion opinions[PEAL_ORDER_RANKS_MAX])
{
	uint16_t ranks = (uint16_t)((sync->known | 1U << round->rank) & round->active);
	uint32_t count = 0;

	for (uint8_t i = 0; i < PEAL_ORDER_RANKS_MAX; i++) {
		struct opinion opinion = {.rank = i};
		uint32_t place = count;

		if ((ranks >> i & 1U) == 0) {
			continue;
		}
		if (i != round->rank) {
			opinion.error_ns = sync->estimates[i].error_ns;
			opinion.ahead_ns = sync->estimates[i].ahead_ns;
			opinion.ahead_ns +=
				has_shifts ? sync->fellows[i].shift_ns - round->shift_ns : 0;
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

static uint64_t
find_size(int64_t span_ns)
{
	return (uint64_t)(span_ns < 0 ? -span_ns : span_ns);
}

static int64_t
clamp(int64_t span_ns, int64_t most_ns)
{
	span_ns = span_ns < most_ns ? span_ns : most_ns;
	return span_ns > -most_ns ? span_ns : -most_ns;
}

/* How wrong what is known of those who may send can be. */
static uint64_t
find_error(const struct opinion *opinions, uint32_t count)
{
	uint64_t error_ns = 0;

	for (uint32_t i = 0; i < count; i++) {
		error_ns = opinions[i].error_ns > error_ns ? opinions[i].error_ns : error_ns;
	}
	return error_ns;
}

/* From the shared time to the median of the own clocks, or to the nearest place that is whole steps
 * from it: all of it when that is next to nothing, else as far as time may lean since the last
 * round. Who knows too little to tell two such places apart leaves it. */
static int64_t
find_lean(const struct peal_abcast_sync *sync, const struct peal_abcast_round *round,
	uint64_t error_ns, int64_t shift_ns)
{
	struct opinion opinions[PEAL_ORDER_RANKS_MAX];
	uint32_t count = gather(sync, round, false, opinions);
	int64_t lean_ns = find_median(opinions, count)->ahead_ns - shift_ns;
	uint64_t passed_ns = round->now_ns - sync->last_at_ns;

	if (find_size(lean_ns) > error_ns && error_ns < (uint64_t)LED / 4U) {
		lean_ns %= LED;
		lean_ns -= lean_ns > LED / 2 ? LED : 0;
		lean_ns += lean_ns < -LED / 2 ? LED : 0;
	}
	if (find_size(lean_ns) <= error_ns) {
		return lean_ns;
	}
	passed_ns = passed_ns < PEAL_ABCAST_ROUND_NS_MAX ? passed_ns : PEAL_ABCAST_ROUND_NS_MAX;
	return clamp(lean_ns, (int64_t)(passed_ns * PEAL_ABCAST_LEAN_PPM / MILLION));
}

int64_t
peal_abcast_sync_round(struct peal_abcast_sync *sync, const struct peal_abcast_round *round)
{
	struct opinion opinions[PEAL_ORDER_RANKS_MAX];
	int64_t shift_ns = round->shift_ns;
	bool is_calm = true;
	uint32_t count;

	PEAL_ASSERT(find_size(round->shift_ns) <= (uint64_t)SHIFT_MAX);
	estimate_all(sync, round);
	count = gather(sync, round, true, opinions);
	if (count * 2U > (uint32_t)__builtin_popcount(round->active)) {
		int64_t step_ns = find_median(opinions, count)->ahead_ns;
		uint64_t error_ns = find_error(opinions, count);

		shift_ns += find_size(step_ns) > error_ns ? step_ns : 0;
		shift_ns += find_lean(sync, round, error_ns, shift_ns);
		shift_ns = clamp(shift_ns, SHIFT_MAX);
		is_calm = find_size(shift_ns - round->shift_ns) <= error_ns / 2U;
	}
	sync->last_at_ns = round->now_ns;
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
	uint64_t steps_ns;

	PEAL_ASSERT(stamp < PEAL_ORDER_STAMP_MAX);
	if (stamp <= time_ns || stamp - time_ns <= PEAL_ORDER_FUTURE_NS) {
		return shift_ns;
	}
	steps_ns = ((stamp - time_ns - 1U) / PEAL_ABCAST_LED_NS + 1U) * PEAL_ABCAST_LED_NS;
	return shift_ns + (int64_t)(steps_ns < room_ns ? steps_ns : room_ns);
}
