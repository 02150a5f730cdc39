/* SPDX-License-Identifier: BSD-3-Clause */
#include "abcast/abcast_private.h"

#include "base/assert.h"

/* A pull that is not answered is repeated after so many doublings of the first pause at most. */
#define PULL_DOUBLINGS_MAX 6U
/* What did not reach who asked for it by then is lost. */
#define LOST_NS UINT64_C(500000)

static bool
is_wedged(const struct peal_abcast *abcast, uint8_t lane)
{
	return abcast->state == PEAL_ABCAST_WEDGED || abcast->seals[lane].promised != 0;
}

/* What `rank` says that it has. False: more than this rank ever sent in this view; a later
 * generation, of which it may not know yet, only ends what it sent. */
static bool
take_acks(struct peal_abcast *abcast, const struct peal_order_msg *message)
{
	const struct peal_abcast_lane *own = peal_abcast_own(abcast);
	const struct peal_order_ack *mine = &message->acks[abcast->config.rank];
	uint8_t rank = message->head.rank;

	if (mine->generation >= own->generation && mine->have > own->have) {
		peal_abcast_note(abcast, PEAL_COUNTER_ORDER_REFUSED_ACK);
		return false;
	}
	for (uint8_t i = 0; i < abcast->ranks_count; i++) {
		struct peal_abcast_lane *lane = &abcast->lanes[i];
		const struct peal_order_ack *ack = &message->acks[i];
		uint64_t seen = lane->seen;

		peal_abcast_lane_ack(lane, rank, ack->generation, ack->have, ack->room);
		/* Of a gap that is there already no more is known than before. */
		if (lane->seen > seen && seen <= lane->have) {
			abcast->pull_from[i] = rank;
			abcast->pulls_count[i] = 0;
		}
		if (ack->generation < lane->generation) {
			abcast->owed_seals[rank] |= (uint16_t)(1U << i);
		} else if (ack->generation > lane->generation) {
			/* It knows a decision that this rank does not: its answer to a tick. */
			abcast->is_dirty = true;
		}
	}
	return true;
}

/*
 * Whether a copy that comes now belongs to the lane as this rank knows it. Behind the end of the
 * last generation only frames of this one do. Up to it, frames of that generation, and older ones
 * from who has seen at least as many seals: what a rank keeps from before its last seal counts.
 */
static bool
is_of_lane(const struct peal_abcast_lane *lane, const struct peal_order_data *data)
{
	if (data->seq > lane->stable) {
		return data->generation == lane->generation;
	}
	return data->generation < lane->generation &&
	       (uint32_t)data->lane_generation + 1U >= lane->generation;
}

/* Accepts one frame that is held and next. False: it cannot be. */
static bool
accept_next(struct peal_abcast *abcast, uint8_t rank, const struct peal_abcast_entry *entry)
{
	bool is_late = entry->stamp < abcast->final_stamp ||
		       (entry->stamp == abcast->final_stamp && rank <= abcast->final_rank);

	if (is_late && abcast->final_stamp != 0) {
		peal_abcast_stop(abcast, PEAL_ABCAST_FAULT_ORDER);
		return false;
	}
	if (entry->stamp <= abcast->lanes[rank].front) {
		/* Its owner promised otherwise. Nothing was delivered past it: the lane stands. */
		peal_abcast_note(abcast, PEAL_COUNTER_ORDER_REFUSED_STAMP);
		return false;
	}
	peal_abcast_lane_accept(&abcast->lanes[rank]);
	return true;
}

void
peal_abcast_accept(struct peal_abcast *abcast, uint8_t rank)
{
	const struct peal_abcast_entry *entry;

	bool is_fooled = PEAL_BUG(ORDER_SEAL_UNWEDGED);

	is_fooled |= PEAL_BUG(ORDER_STAGED_COUNTS);
	if (is_wedged(abcast, rank) && !is_fooled) {
		return;
	}
	while ((entry = peal_abcast_lane_next(&abcast->lanes[rank])) != NULL &&
		accept_next(abcast, rank, entry)) {
		abcast->is_dirty = true;
	}
}

static bool
is_refused(struct peal_abcast *abcast, const struct peal_order_msg *message)
{
	const struct peal_order_data *data = &message->data;
	bool is_first = (data->flags & (PEAL_ORDER_FLAG_AGAIN | PEAL_ORDER_FLAG_FETCHED)) == 0;

	if (data->lane >= abcast->ranks_count || data->lane == abcast->config.rank ||
		(is_first && data->lane != message->head.rank)) {
		peal_abcast_note(abcast, PEAL_COUNTER_ORDER_REFUSED_LANE);
		return true;
	}
	return false;
}

/* A frame that is not accepted yet, and belongs to the lane. True: it is kept. */
static bool
hold(struct peal_abcast *abcast, const struct peal_order_data *data, uint64_t now_ns)
{
	const struct peal_abcast_user *user = &abcast->config.user;
	struct peal_abcast_keeper keeper = peal_abcast_keeper(abcast);
	struct peal_abcast_entry entry = {.stamp = data->stamp,
		.held_at_ns = now_ns,
		.size = data->size,
		.generation = data->generation};
	enum peal_abcast_put put;

	entry.bytes = user->keep(user->state, data->bytes, data->size, &entry.token);
	put = peal_abcast_lane_put(&abcast->lanes[data->lane], data->seq, &entry, &keeper);
	if (put != PEAL_ABCAST_PUT_FRESH) {
		user->release(user->state, entry.token);
		peal_abcast_note(abcast, put == PEAL_ABCAST_PUT_KNOWN
						 ? PEAL_COUNTER_ORDER_DUPLICATES
						 : PEAL_COUNTER_ORDER_NO_ROOM);
	}
	return put == PEAL_ABCAST_PUT_FRESH;
}

/* One frame of a body that `rank` sent. True: it is kept. */
static bool
take(struct peal_abcast *abcast, uint8_t rank, const struct peal_order_data *data, uint64_t now_ns)
{
	struct peal_abcast_lane *lane = &abcast->lanes[data->lane];
	bool is_fetched = (data->flags & PEAL_ORDER_FLAG_FETCHED) != 0;

	if (data->seq <= lane->have) {
		peal_abcast_note(abcast, PEAL_COUNTER_ORDER_DUPLICATES);
		/* Who repeats it has not heard that it is here. */
		abcast->is_dirty = true;
		return false;
	}
	if (!is_of_lane(lane, data)) {
		peal_abcast_note(abcast, PEAL_COUNTER_ORDER_STALE);
		return false;
	}
	if (is_wedged(abcast, data->lane) && !is_fetched && !PEAL_BUG(ORDER_SEAL_UNWEDGED)) {
		peal_abcast_note(abcast, PEAL_COUNTER_ORDER_PARKED);
		return false;
	}
	if (!hold(abcast, data, now_ns)) {
		return false;
	}
	if (!is_wedged(abcast, data->lane)) {
		peal_abcast_lane_see(lane, data->seq);
	}
	if (data->lane == rank && data->seq > lane->stable) {
		peal_abcast_come(abcast, data->lane, now_ns);
	}
	abcast->gone = 0;
	abcast->ticks_count = 0;
	abcast->taken_count++;
	if (data->seq != lane->have + 1U) {
		abcast->pull_from[data->lane] = rank;
	} else {
		/* The gap closes. Frames behind it say nothing of whether a pull was heard: who
		 * asked again for each of them was sent all of them as often. */
		abcast->pulls_count[data->lane] = 0;
		peal_abcast_late_come(&abcast->answers_late[data->lane], abcast->timing.repair_ns,
			abcast->timing.suspect_ns / PEAL_ABCAST_LATE_SHARE, now_ns);
	}
	peal_abcast_accept(abcast, data->lane);
	return true;
}

bool
peal_abcast_on_data(
	struct peal_abcast *abcast, const struct peal_order_msg *message, uint64_t now_ns)
{
	struct peal_order_data data = message->data;
	bool is_kept = false;

	if (is_refused(abcast, message) || !take_acks(abcast, message)) {
		return false;
	}
	do {
		if (!peal_abcast_clock_hear(&abcast->clock, data.stamp, now_ns) ||
			!peal_abcast_clock_hear_time(
				&abcast->clock, message->head.sent_at_ns, now_ns)) {
			abcast->is_led = true;
			peal_abcast_note(abcast, PEAL_COUNTER_ORDER_FUTURE);
		}
		is_kept |= take(abcast, message->head.rank, &data, now_ns);
	} while (abcast->state != PEAL_ABCAST_STOPPED && peal_order_data_step(&data));
	return is_kept;
}

void
peal_abcast_on_tick(
	struct peal_abcast *abcast, const struct peal_order_msg *message, uint64_t now_ns)
{
	const struct peal_order_tick *tick = &message->tick;
	uint8_t rank = message->head.rank;

	if (!take_acks(abcast, message)) {
		return;
	}
	if (!peal_abcast_digest_compare(&abcast->digest, rank, tick->position, tick->digest)) {
		peal_abcast_stop(abcast, PEAL_ABCAST_FAULT_DIGEST);
		return;
	}
	if (!tick->has_promise || !peal_abcast_has(abcast->active, rank)) {
		return;
	}
	/* Following time keeps the stamps of all together, so that none waits for another. */
	if (!peal_abcast_clock_hear_time(&abcast->clock, message->head.sent_at_ns, now_ns)) {
		peal_abcast_note(abcast, PEAL_COUNTER_ORDER_FUTURE);
	}
	if (tick->last > abcast->lanes[rank].seen) {
		abcast->pull_from[rank] = rank;
	}
	if (abcast->seals[rank].promised == 0) {
		peal_abcast_lane_promise(
			&abcast->lanes[rank], tick->promise, tick->last, tick->generation);
	}
	if (tick->generation == abcast->lanes[rank].generation) {
		peal_abcast_come(abcast, rank, now_ns);
	}
}

/* False: this rank gave the frame up, or lacks it itself and will not get it, or knows of somebody
 * who gave it up. Who is not there yet says nothing: it may have the frame a moment later. */
static bool
can_give(const struct peal_abcast *abcast, const struct peal_abcast_lane *lane, bool is_former,
	uint64_t seq)
{
	bool is_stuck = is_former || abcast->gone != 0 || abcast->state == PEAL_ABCAST_WEDGED;

	return seq >= lane->low && (peal_abcast_lane_find(lane, seq) != NULL || !is_stuck);
}

/* What was sent to a rank may have been too large for its path: when it still asks for the same a
 * while later it is sent small. When it asks again and again, whoever knows the path has a look. */
static bool
is_large_lost(struct peal_abcast *abcast, const struct peal_order_msg *message, uint64_t now_ns)
{
	const struct peal_abcast_user *user = &abcast->config.user;
	const struct peal_order_pull *pull = &message->pull;
	uint8_t rank = message->head.rank;
	struct peal_abcast_pulled *pulled = &abcast->pulled[rank][pull->lane];
	bool is_again = pulled->from == pull->from && pulled->view == message->head.view;

	if (!is_again) {
		*pulled = (struct peal_abcast_pulled){
			.from = pull->from, .since_ns = now_ns, .view = message->head.view};
	}
	is_again = is_again && now_ns - pulled->since_ns >= LOST_NS;
	if (abcast->rooms[rank] <= PEAL_BODY_SIZE_MAX || PEAL_BUG(ORDER_LARGE_AGAIN)) {
		return false;
	}
	abcast->answers_count[rank]++;
	if (is_again || abcast->answers_count[rank] % PEAL_ORDER_PULLS_SUSPECT == 0) {
		user->doubt(user->state, rank);
	}
	return is_again;
}

/* A run of frames that were asked for, if there is one. */
static void
answer(struct peal_abcast *abcast, struct peal_abcast_copy *copy, uint64_t now_ns)
{
	if (copy->count > 0) {
		peal_abcast_emit_data(abcast, copy, now_ns);
		copy->count = 0;
	}
}

/* What a rank asks for is sent as far as it is here. */
void
peal_abcast_on_pull(
	struct peal_abcast *abcast, const struct peal_order_msg *message, uint64_t now_ns)
{
	const struct peal_order_pull *pull = &message->pull;
	uint8_t rank = message->head.rank;
	bool is_former = message->head.view != abcast->view;
	const struct peal_abcast_lane *lanes = is_former ? abcast->former : abcast->lanes;
	const struct peal_abcast_lane *lane = &lanes[pull->lane];
	bool is_all = pull->what == PEAL_ORDER_PULL_ALL;
	uint8_t flags = (uint8_t)(PEAL_ORDER_FLAG_AGAIN | (is_all ? PEAL_ORDER_FLAG_FETCHED : 0U));
	uint64_t end = pull->to - pull->from < PEAL_ORDER_PULLED_MAX
			       ? pull->to
			       : pull->from + PEAL_ORDER_PULLED_MAX - 1U;

	struct peal_abcast_copy copy = {.lanes = lanes,
		.view = message->head.view,
		.lane = pull->lane,
		.flags = flags,
		.rank = rank};

	if (pull->lane >= abcast->ranks_count) {
		peal_abcast_note(abcast, PEAL_COUNTER_ORDER_REFUSED_LANE);
		return;
	}
	if (pull->what == PEAL_ORDER_PULL_GONE) {
		if (!is_former && pull->from > lane->have + 1U) {
			abcast->gone |= (uint16_t)(1U << rank);
		}
		return;
	}
	if (!can_give(abcast, lane, is_former, pull->from)) {
		struct peal_order_msg gone;

		peal_abcast_begin(abcast, PEAL_ORDER_PULL, &gone);
		gone.head.view = message->head.view;
		gone.pull = (struct peal_order_pull){.from = pull->from + 1U,
			.to = pull->from + 1U,
			.lane = pull->lane,
			.what = PEAL_ORDER_PULL_GONE};
		peal_abcast_emit(abcast, rank, &gone);
		return;
	}
	copy.is_single = is_large_lost(abcast, message, now_ns);
	for (uint64_t seq = pull->from; seq <= end && (is_all || seq <= lane->have); seq++) {
		if (peal_abcast_lane_find(lane, seq) != NULL) {
			peal_abcast_note(abcast, PEAL_COUNTER_ORDER_REPEATED);
			copy.seq = copy.count == 0 ? seq : copy.seq;
			copy.count++;
			continue;
		}
		answer(abcast, &copy, now_ns);
	}
	answer(abcast, &copy, now_ns);
}

/* Whom to ask for frames of a lane: who spoke of them, then one rank after the other. */
static uint8_t
choose_source(const struct peal_abcast *abcast, uint8_t lane)
{
	uint32_t ranks_count = abcast->ranks_count;
	uint32_t rank =
		(abcast->pull_from[lane] + (uint32_t)abcast->pulls_count[lane]) % ranks_count;

	return (uint8_t)(rank != abcast->config.rank ? rank : (rank + 1U) % ranks_count);
}

/* Where answers are late, they are asked for more rarely. */
static uint64_t
find_pause_ns(const struct peal_abcast *abcast, uint8_t lane, uint8_t doublings, uint64_t now_ns)
{
	uint64_t repair_ns = abcast->timing.repair_ns;
	uint64_t late_ns = 2U * peal_abcast_late_ns(&abcast->answers_late[lane], now_ns);
	uint64_t pause_ns = (late_ns > repair_ns ? late_ns : repair_ns) << doublings;
	uint64_t most_ns = repair_ns << PULL_DOUBLINGS_MAX;

	most_ns = late_ns > most_ns ? late_ns : most_ns;
	return pause_ns < most_ns ? pause_ns : most_ns;
}

void
peal_abcast_repair(struct peal_abcast *abcast, uint64_t now_ns)
{
	for (uint8_t i = 0; i < abcast->ranks_count; i++) {
		struct peal_abcast_lane *lane = &abcast->lanes[i];
		uint64_t to = lane->have + PEAL_ORDER_PULLED_MAX;
		uint8_t doublings = abcast->pulls_count[i];

		if (i == abcast->config.rank || lane->seen <= lane->have ||
			abcast->seals[i].promised != 0) {
			continue;
		}
		if (now_ns < abcast->pull_at_ns[i]) {
			peal_abcast_wake(abcast, abcast->pull_at_ns[i]);
			continue;
		}
		for (uint64_t seq = lane->have + 2U; seq <= to; seq++) {
			/* The first run that is missing. */
			if (peal_abcast_lane_find(lane, seq) != NULL) {
				to = seq - 1U;
			}
		}
		to = to < lane->seen ? to : lane->seen;
		peal_abcast_emit_pull(abcast, choose_source(abcast, i), i, lane->have + 1U, to,
			PEAL_ORDER_PULL_FRAMES);
		doublings = doublings < PULL_DOUBLINGS_MAX ? doublings : PULL_DOUBLINGS_MAX;
		peal_abcast_late_await(&abcast->answers_late[i], now_ns);
		abcast->pull_at_ns[i] = now_ns + find_pause_ns(abcast, i, doublings, now_ns);
		abcast->pulls_count[i]++;
		peal_abcast_wake(abcast, abcast->pull_at_ns[i]);
	}
}
