/* SPDX-License-Identifier: BSD-3-Clause */
#include "abcast/abcast_clock.h"

#include "base/assert.h"

#define TIME_MAX (PEAL_ORDER_STAMP_MAX / 2U)

_Static_assert(TIME_MAX + PEAL_ORDER_AHEAD_NS_MAX <= PEAL_ORDER_STAMP_MAX / 4U * 3U,
	"what is given behind all that is heard stays below the end for 73 years");

/* [1, TIME_MAX] */
static uint64_t
add(uint64_t time, int64_t span_ns)
{
	if (span_ns < 0) {
		/* The least integer has no negative. */
		uint64_t back_ns = (uint64_t) - (span_ns + 1) + 1U;

		time = time > back_ns ? time - back_ns : 0;
	} else {
		time += (uint64_t)span_ns;
	}
	time = time > TIME_MAX ? TIME_MAX : time;
	return time == 0 ? 1U : time;
}

uint64_t
peal_abcast_clock_own(const struct peal_abcast_clock *clock, uint64_t now_ns)
{
	return add(now_ns, clock->offset_ns);
}

uint64_t
peal_abcast_clock_time(const struct peal_abcast_clock *clock, uint64_t now_ns)
{
	return add(add(now_ns, clock->offset_ns), clock->shift_ns);
}

uint64_t
peal_abcast_clock_promise(struct peal_abcast_clock *clock, uint64_t now_ns, uint64_t ahead_ns)
{
	uint64_t time = peal_abcast_clock_time(clock, now_ns);
	uint64_t ahead = (time > clock->heard ? time : clock->heard) + ahead_ns;

	if (ahead_ns == 0) {
		clock->stamp = time > clock->stamp ? time : clock->stamp;
	} else if (ahead > clock->promised && ahead < PEAL_ORDER_STAMP_MAX) {
		clock->promised = ahead;
	}
	return peal_abcast_clock_floor(clock);
}

uint64_t
peal_abcast_clock_next(struct peal_abcast_clock *clock, uint64_t now_ns)
{
	uint64_t time = peal_abcast_clock_time(clock, now_ns);
	uint64_t floor = peal_abcast_clock_floor(clock);

	clock->stamp = time > floor ? time : floor + 1U;
	PEAL_ASSERT(clock->stamp < PEAL_ORDER_STAMP_MAX);
	return clock->stamp;
}

bool
peal_abcast_clock_hear(struct peal_abcast_clock *clock, uint64_t stamp, uint64_t now_ns)
{
	uint64_t time = peal_abcast_clock_time(clock, now_ns);
	uint64_t known = time > clock->stamp ? time : clock->stamp;

	if (stamp > known + PEAL_ORDER_FUTURE_NS) {
		return false;
	}
	peal_abcast_clock_raise(clock, stamp);
	return true;
}

bool
peal_abcast_clock_hear_time(struct peal_abcast_clock *clock, uint64_t time, uint64_t now_ns)
{
	if (!peal_abcast_clock_hear(clock, time, now_ns)) {
		return false;
	}
	clock->heard = time > clock->heard ? time : clock->heard;
	return true;
}

void
peal_abcast_clock_raise(struct peal_abcast_clock *clock, uint64_t stamp)
{
	PEAL_ASSERT(stamp < PEAL_ORDER_STAMP_MAX);
	clock->stamp = stamp > clock->stamp ? stamp : clock->stamp;
}
