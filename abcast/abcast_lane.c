/* SPDX-License-Identifier: BSD-3-Clause */
#include "abcast/abcast_lane.h"

#include "base/assert.h"
#include "base/museum.h"

#include <string.h>

_Static_assert((PEAL_ORDER_WINDOW & (PEAL_ORDER_WINDOW - 1U)) == 0, "a power of two");

static struct peal_abcast_entry *
place_of(struct peal_abcast_lane *lane, uint64_t seq)
{
	return &lane->ring[seq % PEAL_ORDER_WINDOW];
}

static void
drop(struct peal_abcast_lane *lane, uint64_t seq, const struct peal_abcast_keeper *keeper)
{
	struct peal_abcast_entry *entry = place_of(lane, seq);

	if (entry->is_held) {
		entry->is_held = false;
		keeper->release(keeper->state, entry->token);
	}
}

void
peal_abcast_lane_init(struct peal_abcast_lane *lane)
{
	memset(lane, 0, sizeof(*lane));
	lane->low = 1;
	for (uint32_t i = 0; i < PEAL_ORDER_RANKS_MAX; i++) {
		lane->acks[i].limit = PEAL_ORDER_WINDOW;
	}
}

void
peal_abcast_lane_clear(struct peal_abcast_lane *lane, const struct peal_abcast_keeper *keeper)
{
	for (uint32_t i = 0; i < PEAL_ORDER_WINDOW; i++) {
		drop(lane, i, keeper);
	}
	peal_abcast_lane_init(lane);
}

const struct peal_abcast_entry *
peal_abcast_lane_find(const struct peal_abcast_lane *lane, uint64_t seq)
{
	const struct peal_abcast_entry *entry = &lane->ring[seq % PEAL_ORDER_WINDOW];

	return seq >= lane->low && seq - lane->low < PEAL_ORDER_WINDOW && entry->is_held ? entry
											 : NULL;
}

enum peal_abcast_put
peal_abcast_lane_put(struct peal_abcast_lane *lane, uint64_t seq,
	const struct peal_abcast_entry *entry, const struct peal_abcast_keeper *keeper)
{
	PEAL_ASSERT(seq > lane->have);
	if (seq - lane->delivered > PEAL_ORDER_WINDOW) {
		return PEAL_ABCAST_PUT_NO_ROOM;
	}
	while (seq - lane->low >= PEAL_ORDER_WINDOW) {
		drop(lane, lane->low, keeper);
		lane->low++;
		lane->evicted_count++;
	}
	if (place_of(lane, seq)->is_held) {
		return PEAL_ABCAST_PUT_KNOWN;
	}
	*place_of(lane, seq) = *entry;
	place_of(lane, seq)->is_held = true;
	return PEAL_ABCAST_PUT_FRESH;
}

const struct peal_abcast_entry *
peal_abcast_lane_next(const struct peal_abcast_lane *lane)
{
	return peal_abcast_lane_find(lane, lane->have + 1U);
}

static void
keep_promise(struct peal_abcast_lane *lane)
{
	if (lane->promise_last <= lane->have && lane->promise > lane->front) {
		lane->front = lane->promise;
	}
}

void
peal_abcast_lane_accept(struct peal_abcast_lane *lane)
{
	const struct peal_abcast_entry *entry = peal_abcast_lane_next(lane);

	PEAL_ASSERT(entry != NULL);
	lane->have++;
	lane->front = entry->stamp > lane->front ? entry->stamp : lane->front;
	peal_abcast_lane_see(lane, lane->have);
	keep_promise(lane);
}

uint64_t
peal_abcast_lane_reach(const struct peal_abcast_lane *lane)
{
	uint64_t seq = lane->have;

	while (seq - lane->have < PEAL_ORDER_WINDOW &&
		peal_abcast_lane_find(lane, seq + 1U) != NULL) {
		seq++;
	}
	return seq;
}

void
peal_abcast_lane_promise(
	struct peal_abcast_lane *lane, uint64_t stamp, uint64_t last, uint16_t generation)
{
	if (generation != lane->generation) {
		return;
	}
	peal_abcast_lane_see(lane, last);
	if (last <= lane->have) {
		lane->front = stamp > lane->front ? stamp : lane->front;
	} else if (stamp > lane->promise) {
		/* One is kept: whoever promised again will promise once more. */
		lane->promise = stamp;
		lane->promise_last = last;
	}
}

void
peal_abcast_lane_ack(struct peal_abcast_lane *lane, uint8_t rank, uint16_t generation,
	uint64_t have, uint32_t room)
{
	struct peal_abcast_ack *ack = &lane->acks[rank];

	PEAL_ASSERT(rank < PEAL_ORDER_RANKS_MAX);
	if (generation > ack->generation || (generation == ack->generation && have > ack->have)) {
		ack->generation = generation;
		ack->have = have;
	}
	ack->limit = have + room > ack->limit ? have + room : ack->limit;
	if (generation == lane->generation) {
		peal_abcast_lane_see(lane, have);
	}
}

uint32_t
peal_abcast_lane_holders_count(const struct peal_abcast_lane *lane, uint64_t seq,
	uint16_t generation, uint8_t owner, uint8_t self, uint16_t counted)
{
	uint32_t count = 0;

	for (uint32_t i = 0; counted >> i != 0; i++) {
		const struct peal_abcast_ack *ack = &lane->acks[i];

		if ((counted >> i & 1U) != 0 && i != owner && i != self && ack->have >= seq &&
			(ack->generation == generation || PEAL_BUG(ORDER_ACK_OF_ANY_GENERATION))) {
			count++;
		}
	}
	return count;
}

bool
peal_abcast_lane_take(
	struct peal_abcast_lane *lane, uint64_t seq, struct peal_abcast_entry *entry_out)
{
	if (peal_abcast_lane_find(lane, seq) == NULL) {
		return false;
	}
	*entry_out = *place_of(lane, seq);
	place_of(lane, seq)->is_held = false;
	return true;
}

void
peal_abcast_lane_truncate(
	struct peal_abcast_lane *lane, uint64_t seq, const struct peal_abcast_keeper *keeper)
{
	for (uint64_t i = seq + 1U > lane->low ? seq + 1U : lane->low;
		i - lane->low < PEAL_ORDER_WINDOW; i++) {
		drop(lane, i, keeper);
	}
	lane->have = lane->have < seq ? lane->have : seq;
	lane->seen = lane->have;
	if (lane->low > lane->have + 1U) {
		lane->low = lane->have + 1U;
	}
}

void
peal_abcast_lane_seal(struct peal_abcast_lane *lane, uint16_t generation, uint64_t last,
	uint64_t until, bool is_own, const struct peal_abcast_keeper *keeper)
{
	PEAL_ASSERT(generation >= lane->generation);
	PEAL_ASSERT(lane->delivered <= last);
	if (generation == lane->generation || is_own) {
		peal_abcast_lane_truncate(lane, last, keeper);
		/* Held frames up to the end are of this generation, or they would not be here. */
		while (lane->have < last && peal_abcast_lane_next(lane) != NULL) {
			peal_abcast_lane_accept(lane);
		}
	} else {
		uint64_t known = lane->stable > lane->delivered ? lane->stable : lane->delivered;

		peal_abcast_lane_truncate(lane, known, keeper);
		/* What was dropped may count, and what counts may be earlier than was promised
		 * behind it. */
		if (!PEAL_BUG(ORDER_FRONT_KEPT)) {
			lane->front = 0;
		}
	}
	lane->generation = (uint16_t)(generation + 1U);
	lane->stable = last;
	lane->promise = until;
	lane->promise_last = last;
	peal_abcast_lane_see(lane, last);
	keep_promise(lane);
}

void
peal_abcast_lane_skip(
	struct peal_abcast_lane *lane, uint64_t seq, const struct peal_abcast_keeper *keeper)
{
	PEAL_ASSERT(seq >= lane->delivered);
	/* First what is kept behind the window that begins there, which is nothing. */
	for (uint64_t i = lane->low; i <= seq && i - lane->low < PEAL_ORDER_WINDOW; i++) {
		drop(lane, i, keeper);
	}
	lane->low = seq + 1U > lane->low ? seq + 1U : lane->low;
	lane->delivered = seq;
	lane->have = seq > lane->have ? seq : lane->have;
	peal_abcast_lane_see(lane, lane->have);
	keep_promise(lane);
}

void
peal_abcast_lane_trim(struct peal_abcast_lane *lane, uint8_t self, uint32_t ranks_count,
	const struct peal_abcast_keeper *keeper)
{
	uint64_t all = lane->delivered;

	for (uint32_t i = 0; i < ranks_count; i++) {
		const struct peal_abcast_ack *ack = &lane->acks[i];

		if (i != self) {
			/* In another generation nobody knows which of its frames it will keep. */
			uint64_t have = ack->generation == lane->generation ? ack->have : 0;

			all = have < all ? have : all;
		}
	}
	while (lane->low <= all) {
		drop(lane, lane->low, keeper);
		lane->low++;
	}
}

static uint64_t
limit_of(const struct peal_abcast_lane *lane, uint32_t rank, uint8_t self)
{
	return rank == self ? lane->have + peal_abcast_lane_room(lane) : lane->acks[rank].limit;
}

uint64_t
peal_abcast_lane_credit(
	const struct peal_abcast_lane *lane, uint8_t self, struct peal_abcast_quorum quorum)
{
	uint64_t best = 0;

	/* The largest limit that enough have; ranks are few. */
	for (uint32_t i = 0; quorum.counted >> i != 0; i++) {
		uint64_t limit = limit_of(lane, i, self);
		uint16_t ranks = 0;

		for (uint32_t k = 0; quorum.counted >> k != 0; k++) {
			ranks |= (uint16_t)(limit_of(lane, k, self) >= limit ? 1U << k : 0U);
		}
		if (limit > best && peal_abcast_quorum_is_in(quorum, ranks)) {
			best = limit;
		}
	}
	return best;
}
