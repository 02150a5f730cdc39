/* SPDX-License-Identifier: BSD-3-Clause */
#include "abcast/abcast_private.h"

#include "base/assert.h"

/* Frames that a rank may lack before all others slow down for it: three quarters of what they keep.
 * The last quarter is given out over the time after which a rank that does not move is left. */
#define BRAKE_ROOM (PEAL_ORDER_WINDOW / 4U)
/* Weight of what was before, in the time between two own bodies. */
#define PACE_WEIGHT 8U
/* The same, in the time until an own frame is back. */
#define ROUND_WEIGHT 16U

static bool
may_send(const struct peal_abcast *abcast)
{
	const struct peal_abcast_lane *own = &abcast->lanes[abcast->config.rank];

	return peal_abcast_may_promise(abcast) && abcast->queue.count > 0 &&
	       !peal_abcast_is_given(abcast, abcast->config.rank) &&
	       own->have - own->delivered < PEAL_ORDER_INFLIGHT_MAX &&
	       own->have < peal_abcast_lane_credit(
				   own, abcast->config.rank, peal_abcast_quorum(abcast));
}

/* --- gathering --- */

/* Half of what an own frame takes until it is back: so a round of all takes at most twice as long
 * as it would if nobody gathered, and where links and machines are quick there is next to no
 * waiting.
 */
static uint64_t
find_gather_ns(const struct peal_abcast *abcast)
{
	uint64_t half_ns = abcast->round_ns / 2U;

	return half_ns < abcast->timing.gather_ns ? half_ns : abcast->timing.gather_ns;
}

void
peal_abcast_note_round(struct peal_abcast *abcast, uint64_t round_ns)
{
	uint64_t most_ns = 4U * abcast->timing.gather_ns;

	round_ns = round_ns < most_ns ? round_ns : most_ns;
	abcast->round_ns = (abcast->round_ns * (ROUND_WEIGHT - 1U) + round_ns) / ROUND_WEIGHT;
}

uint64_t
peal_abcast_gather_until_ns(const struct peal_abcast *abcast)
{
	const struct peal_abcast_lane *own = &abcast->lanes[abcast->config.rank];

	/* Whoever has nothing under way is not made to wait: light load is as quick as ever. */
	return own->have == own->delivered ? 0 : abcast->gather_from_ns + find_gather_ns(abcast);
}

uint64_t
peal_abcast_told_within_ns(const struct peal_abcast *abcast, uint64_t now_ns)
{
	uint64_t gather_ns = find_gather_ns(abcast);

	return abcast->pace_ns < gather_ns && now_ns - abcast->sent_at_ns < gather_ns ? gather_ns
										      : 0;
}

static uint32_t
find_least_room(const struct peal_abcast *abcast)
{
	uint32_t least = UINT32_MAX;

	for (uint32_t i = 0; i < abcast->ranks_count; i++) {
		if (i != abcast->config.rank && abcast->rooms[i] < least) {
			least = abcast->rooms[i];
		}
	}
	return least;
}

/* How many of the first `most` that wait fill bodies. */
static uint32_t
count_whole(const struct peal_abcast *abcast, uint32_t most)
{
	const uint32_t head_size = PEAL_ORDER_HEAD_SIZE + PEAL_ORDER_DATA_FORM_SIZE +
				   abcast->ranks_count * PEAL_ORDER_ACK_SIZE;
	const uint32_t room = find_least_room(abcast);
	uint32_t count = abcast->queue.count < most ? abcast->queue.count : most;
	uint32_t whole = 0, in_body = 0, size = head_size, last_size = 0;

	for (uint32_t i = 0; i < count; i++) {
		last_size = peal_abcast_queue_at(&abcast->queue, i)->size + PEAL_ORDER_ROW_SIZE;
		if (in_body == PEAL_ORDER_BATCH_MAX || (in_body > 0 && size + last_size > room)) {
			whole = i;
			in_body = 0;
			size = head_size;
		}
		size += last_size;
		in_body++;
	}
	/* Another one as the last does not fit. */
	return in_body == PEAL_ORDER_BATCH_MAX || size + last_size > room ? count : whole;
}

/* --- who is behind --- */

/* Own frames that may leave in this run without any rank that comes forward losing what it lacks.
 * Who does not come forward is waited for no longer than it would be kept among those who send. */
static uint32_t
find_braked(struct peal_abcast *abcast, uint64_t now_ns)
{
	const struct peal_abcast_lane *own = peal_abcast_own(abcast);
	uint64_t pause_ns = abcast->timing.suspect_ns / BRAKE_ROOM;
	uint32_t most = abcast->burst;

	for (uint32_t i = 0; i < abcast->ranks_count; i++) {
		uint64_t limit = own->acks[i].limit;
		bool is_near = i == abcast->config.rank || limit > own->have + BRAKE_ROOM;

		if (is_near || limit != abcast->braked_limit[i]) {
			abcast->braked_limit[i] = limit;
			abcast->braked_at_ns[i] = now_ns;
		}
		if (is_near) {
			uint64_t left = limit - own->have - BRAKE_ROOM;

			abcast->braked_by &= (uint16_t) ~(1U << i);
			most = i == abcast->config.rank || left >= most ? most : (uint32_t)left;
			continue;
		}
		if (peal_abcast_has(abcast->suspects, i) ||
			now_ns - abcast->braked_at_ns[i] >= abcast->timing.suspect_ns) {
			continue;
		}
		if (!peal_abcast_has(abcast->braked_by, i)) {
			abcast->braked_by |= (uint16_t)(1U << i);
			peal_abcast_note(abcast, PEAL_COUNTER_ORDER_BRAKED);
		}
		if (limit <= own->have || now_ns - abcast->sent_at_ns < pause_ns) {
			peal_abcast_wake(abcast, now_ns + pause_ns);
			return 0;
		}
		most = most > 0 ? 1U : 0U;
	}
	return most;
}

/* --- what leaves --- */

/* The next `most` that wait go into the lane. Returns how many did. */
static uint32_t
put_own(struct peal_abcast *abcast, uint32_t most, uint64_t now_ns)
{
	struct peal_abcast_keeper keeper = peal_abcast_keeper(abcast);
	struct peal_abcast_lane *own = peal_abcast_own(abcast);
	uint32_t count = 0;

	for (; count < most && may_send(abcast); count++) {
		struct peal_abcast_queued queued;
		struct peal_abcast_entry entry;
		enum peal_abcast_put put;
		bool is_there = peal_abcast_queue_pop(&abcast->queue, &queued);

		PEAL_ASSERT(is_there);
		entry = (struct peal_abcast_entry){.token = queued.token,
			.bytes = queued.bytes,
			.stamp = peal_abcast_clock_next(&abcast->clock, now_ns),
			.held_at_ns = now_ns,
			.size = queued.size,
			.generation = own->generation};
		put = peal_abcast_lane_put(own, own->have + 1U, &entry, &keeper);
		PEAL_ASSERT(put == PEAL_ABCAST_PUT_FRESH);
		peal_abcast_lane_accept(own);
		peal_abcast_note(abcast, PEAL_COUNTER_ORDER_SENT);
	}
	return count;
}

static void
note_sent(struct peal_abcast *abcast, uint64_t now_ns)
{
	uint64_t most_ns = 2U * abcast->timing.gather_ns;
	uint64_t pause_ns = now_ns - abcast->sent_at_ns;

	pause_ns = pause_ns < most_ns ? pause_ns : most_ns;
	abcast->pace_ns = (abcast->pace_ns * (PACE_WEIGHT - 1U) + pause_ns) / PACE_WEIGHT;
	abcast->told_at_ns = now_ns;
	abcast->sent_at_ns = now_ns;
	abcast->gather_from_ns = now_ns;
	abcast->ticks_count = 0;
	abcast->is_dirty = false;
	abcast->taken_count = 0;
}

void
peal_abcast_send_own(struct peal_abcast *abcast, uint64_t now_ns)
{
	uint64_t gather_until_ns = peal_abcast_gather_until_ns(abcast);
	struct peal_abcast_copy copy = {.lanes = abcast->lanes,
		.view = abcast->view,
		.lane = abcast->config.rank,
		.rank = abcast->ranks_count,
		.seq = peal_abcast_own(abcast)->have + 1U};
	uint32_t most;

	if (!may_send(abcast)) {
		return;
	}
	most = find_braked(abcast, now_ns);
	if (now_ns < gather_until_ns) {
		most = most > 1U ? count_whole(abcast, most) : most;
		peal_abcast_wake(abcast, gather_until_ns);
	}
	copy.count = put_own(abcast, most, now_ns);
	if (copy.count > 0) {
		peal_abcast_emit_data(abcast, &copy, now_ns);
		note_sent(abcast, now_ns);
	}
	if (copy.count > 0 && copy.count == most && may_send(abcast) && now_ns >= gather_until_ns) {
		peal_abcast_wake(abcast, now_ns);
	}
}
