/* SPDX-License-Identifier: BSD-3-Clause */
#include "abcast/abcast_private.h"

#include "base/assert.h"

/* The lane whose first undelivered frame is the earliest; ranks_count when there is none. */
static uint8_t
find_head(const struct peal_abcast *abcast, const struct peal_abcast_entry **entry_out)
{
	uint8_t found = abcast->ranks_count;

	*entry_out = NULL;
	for (uint8_t i = 0; i < abcast->ranks_count; i++) {
		const struct peal_abcast_lane *lane = &abcast->lanes[i];
		const struct peal_abcast_entry *entry;

		if (lane->delivered == lane->have) {
			continue;
		}
		entry = peal_abcast_lane_find(lane, lane->delivered + 1U);
		PEAL_ASSERT(entry != NULL);
		/* Of equal stamps the smaller rank is first, and it was looked at before. */
		if (*entry_out == NULL || entry->stamp < (*entry_out)->stamp) {
			*entry_out = entry;
			found = i;
		}
	}
	return found;
}

/* B1. */
static bool
is_stored(const struct peal_abcast *abcast, uint8_t lane, const struct peal_abcast_entry *entry)
{
	const struct peal_abcast_lane *its = &abcast->lanes[lane];
	uint8_t self = abcast->config.rank;
	uint64_t seq = its->delivered + 1U;
	uint16_t here = (uint16_t)(1U << lane | 1U << self);
	struct peal_abcast_quorum quorum = peal_abcast_quorum(abcast);

	if (PEAL_BUG(ORDER_STORED_BY_FEW)) {
		quorum.least = quorum.least > 1U ? (uint8_t)(quorum.least - 1U) : 1U;
	}
	return seq <= its->stable ||
	       peal_abcast_count(here & quorum.counted) + peal_abcast_lane_holders_count(its, seq,
								  entry->generation, lane, self,
								  quorum.counted) >=
		       quorum.least;
}

/* B2: lanes that may still bring something earlier. */
static uint16_t
find_earlier(const struct peal_abcast *abcast, uint64_t stamp)
{
	uint16_t lanes = 0;

	for (uint32_t i = 0; i < abcast->ranks_count; i++) {
		if (peal_abcast_has(abcast->active, i) && abcast->lanes[i].front < stamp) {
			lanes |= (uint16_t)(1U << i);
		}
	}
	return lanes;
}

static void
deliver(struct peal_abcast *abcast, uint8_t rank, const struct peal_abcast_entry *entry)
{
	struct peal_abcast_lane *lane = &abcast->lanes[rank];
	const struct peal_abcast_user *user = &abcast->config.user;
	struct peal_abcast_digest_entry digested = {.stamp = entry->stamp,
		.seq = lane->delivered + 1U,
		.view = abcast->view,
		.generation = entry->generation,
		.rank = rank,
		.size = entry->size,
		.bytes = entry->bytes};
	bool is_same = peal_abcast_digest_add(&abcast->digest, &digested);
	struct peal_abcast_delivery delivery = {.position = abcast->digest.position,
		.stamp = entry->stamp,
		.member = abcast->members[rank],
		.view = abcast->view,
		.rank = rank,
		.is_own = rank == abcast->config.rank,
		.size = entry->size,
		.bytes = entry->bytes};

	if (!is_same) {
		peal_abcast_stop(abcast, PEAL_ABCAST_FAULT_DIGEST);
		return;
	}
	lane->delivered++;
	abcast->final_stamp = entry->stamp;
	abcast->final_rank = rank;
	peal_abcast_note(abcast, PEAL_COUNTER_ORDER_DELIVERED);
	user->deliver(user->state, &delivery);
}

static void
note_block(struct peal_abcast *abcast, uint8_t lane, uint64_t stamp, uint16_t on, bool is_unheld,
	uint64_t now_ns)
{
	uint64_t seq = abcast->lanes[lane].delivered + 1U;

	if (abcast->blocked_seq != seq || abcast->blocked_lane != lane ||
		abcast->blocked_stamp != stamp) {
		abcast->blocked_at_ns = now_ns;
		abcast->asked_at_ns = 0;
		abcast->relayed_at_ns = now_ns;
		abcast->asks_count = 0;
		abcast->relays_count = 0;
	}
	for (uint8_t i = 0; i < abcast->ranks_count; i++) {
		if (peal_abcast_has(on, i) && i != abcast->config.rank) {
			peal_abcast_late_await(&abcast->owners_late[i], abcast->blocked_at_ns);
		}
	}
	abcast->blocked_lane = lane;
	abcast->blocked_seq = seq;
	abcast->blocked_stamp = stamp;
	abcast->blocked_on = on;
	abcast->is_unheld = is_unheld;
}

void
peal_abcast_final(struct peal_abcast *abcast, uint64_t now_ns)
{
	while (abcast->state == PEAL_ABCAST_RUNNING) {
		const struct peal_abcast_entry *entry;
		uint8_t lane = find_head(abcast, &entry);
		uint16_t on;
		bool is_unheld;

		if (entry == NULL) {
			abcast->blocked_seq = 0;
			return;
		}
		if (peal_abcast_may_promise(abcast)) {
			struct peal_abcast_lane *own = peal_abcast_own(abcast);
			/* What is not sent yet will be later than all that this clock saw. */
			uint64_t floor = peal_abcast_clock_floor(&abcast->clock);

			own->front = floor > own->front ? floor : own->front;
		}
		on = find_earlier(abcast, entry->stamp);
		is_unheld = !is_stored(abcast, lane, entry);
		if (PEAL_BUG(ORDER_FINAL_BY_TIME) && abcast->blocked_seq != 0 &&
			now_ns - abcast->blocked_at_ns > abcast->timing.ask_ns * 4U) {
			on = 0;
		}
		if (on != 0 || is_unheld) {
			note_block(abcast, lane, entry->stamp, on, is_unheld, now_ns);
			return;
		}
		if (lane == abcast->config.rank) {
			peal_abcast_note_round(abcast, now_ns - entry->held_at_ns);
		}
		deliver(abcast, lane, entry);
	}
}

void
peal_abcast_final_all(struct peal_abcast *abcast)
{
	const struct peal_abcast_entry *entry;

	while (abcast->state == PEAL_ABCAST_WEDGED) {
		uint8_t lane = find_head(abcast, &entry);

		if (entry == NULL) {
			return;
		}
		deliver(abcast, lane, entry);
	}
}
