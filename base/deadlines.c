/* SPDX-License-Identifier: BSD-3-Clause */
#include "base/deadlines.h"

#include "base/assert.h"

_Static_assert(PEAL_RESIDENTS_MAX % 64U == 0, "a set of places has no loose bits");
_Static_assert(PEAL_RESIDENTS_MAX < UINT16_MAX, "a place and a rank are 16 bits");

void
peal_deadlines_init(struct peal_deadlines *deadlines, uint32_t places_count)
{
	PEAL_ASSERT(places_count >= 1 && places_count <= PEAL_RESIDENTS_MAX);
	deadlines->earliest_ns = UINT64_MAX;
	deadlines->places_count = places_count;
	deadlines->waiting_count = 0;
	for (uint32_t place = 0; place < PEAL_RESIDENTS_MAX; place++) {
		deadlines->ranks[place] = 0;
		deadlines->at_ns[place] = UINT64_MAX;
	}
}

static void
stand(struct peal_deadlines *deadlines, uint32_t rank, uint16_t place)
{
	deadlines->order[rank] = place;
	deadlines->ranks[place] = (uint16_t)rank;
}

/* Finds where `place` stands, from `rank` on, which is empty: before those who are later, */
static void
sift_up(struct peal_deadlines *deadlines, uint32_t rank, uint16_t place)
{
	uint64_t at_ns = deadlines->at_ns[place];

	while (rank > 1U && deadlines->at_ns[deadlines->order[rank / 2U]] > at_ns) {
		stand(deadlines, rank, deadlines->order[rank / 2U]);
		rank /= 2U;
	}
	stand(deadlines, rank, place);
}

/* and behind those who are earlier. */
static void
sift_down(struct peal_deadlines *deadlines, uint32_t rank, uint16_t place)
{
	uint64_t at_ns = deadlines->at_ns[place];

	for (;;) {
		uint32_t next = 2U * rank;

		if (next < deadlines->waiting_count &&
			deadlines->at_ns[deadlines->order[next + 1U]] <
				deadlines->at_ns[deadlines->order[next]]) {
			next++;
		}
		if (next > deadlines->waiting_count ||
			deadlines->at_ns[deadlines->order[next]] >= at_ns) {
			break;
		}
		stand(deadlines, rank, deadlines->order[next]);
		rank = next;
	}
	stand(deadlines, rank, place);
}

/* The last one takes the place of the one that goes. */
static void
leave(struct peal_deadlines *deadlines, uint16_t place)
{
	uint32_t rank = deadlines->ranks[place];
	uint16_t last = deadlines->order[deadlines->waiting_count--];

	deadlines->ranks[place] = 0;
	if (last == place) {
		return;
	}
	sift_up(deadlines, rank, last);
	sift_down(deadlines, deadlines->ranks[last], last);
}

void
peal_deadlines_set(struct peal_deadlines *deadlines, uint32_t place, uint64_t at_ns)
{
	PEAL_ASSERT(place < deadlines->places_count);

	uint64_t before_ns = deadlines->at_ns[place];
	uint32_t rank = deadlines->ranks[place];

	if (at_ns == before_ns) {
		return;
	}
	deadlines->at_ns[place] = at_ns;
	if (at_ns == UINT64_MAX) {
		leave(deadlines, (uint16_t)place);
	} else if (rank == 0) {
		sift_up(deadlines, ++deadlines->waiting_count, (uint16_t)place);
	} else if (at_ns < before_ns) {
		sift_up(deadlines, rank, (uint16_t)place);
	} else {
		sift_down(deadlines, rank, (uint16_t)place);
	}
	deadlines->earliest_ns =
		deadlines->waiting_count > 0 ? deadlines->at_ns[deadlines->order[1]] : UINT64_MAX;
}

static bool
is_due(const struct peal_deadlines *deadlines, uint32_t rank, uint64_t now_ns)
{
	return rank <= deadlines->waiting_count &&
	       deadlines->at_ns[deadlines->order[rank]] <= now_ns;
}

void
peal_deadlines_collect(
	const struct peal_deadlines *deadlines, uint64_t now_ns, uint64_t due[PEAL_RESIDENTS_WORDS])
{
	uint32_t rank = 1;

	if (deadlines->earliest_ns > now_ns) {
		return;
	}
	/* Depth first, from left to right, past every part in which nobody is due. */
	while (rank != 0) {
		if (is_due(deadlines, rank, now_ns)) {
			uint32_t place = deadlines->order[rank];

			due[place / 64U] |= UINT64_C(1) << place % 64U;
			rank *= 2U;
			continue;
		}
		while ((rank & 1U) != 0) {
			rank /= 2U;
		}
		rank += rank != 0;
	}
}
