/* SPDX-License-Identifier: BSD-3-Clause */
#include "abcast/abcast_private.h"

#include "base/assert.h"

#include <string.h>

void
peal_abcast_begin(const struct peal_abcast *abcast, enum peal_order_kind kind,
	struct peal_order_msg *message_out)
{
	memset(message_out, 0, sizeof(*message_out));
	message_out->kind = (uint8_t)kind;
	message_out->head.group = abcast->config.group;
	message_out->head.configuration = abcast->config.configuration;
	message_out->head.view = abcast->view;
	message_out->head.rank = abcast->config.rank;
}

void
peal_abcast_emit(struct peal_abcast *abcast, uint8_t rank, const struct peal_order_msg *message)
{
	uint8_t form[PEAL_ORDER_FORM_SIZE_MAX];
	uint16_t size = peal_order_msg_encode(message, form);

	PEAL_ASSERT(rank < PEAL_ORDER_RANKS_MAX && rank != abcast->config.rank);
	peal_abcast_note(abcast, PEAL_COUNTER_ORDER_FRAMES_SENT);
	abcast->config.user.transmit(
		abcast->config.user.state, rank, message->kind, form, size, NULL, 0);
}

void
peal_abcast_emit_all(struct peal_abcast *abcast, const struct peal_order_msg *message)
{
	for (uint8_t i = 0; i < abcast->ranks_count; i++) {
		if (i != abcast->config.rank) {
			peal_abcast_emit(abcast, i, message);
		}
	}
}

/* What this rank has of every lane of the view that the message is of. */
static void
write_acks(const struct peal_abcast *abcast, const struct peal_abcast_lane *lanes,
	struct peal_order_msg *message)
{
	if (PEAL_BUG(ORDER_ACKS_OF_ANOTHER_VIEW)) {
		lanes = abcast->lanes;
	}
	message->head.rows_count =
		lanes == abcast->lanes ? abcast->ranks_count : abcast->former_count;
	for (uint32_t i = 0; i < message->head.rows_count; i++) {
		const struct peal_abcast_lane *lane = &lanes[i];

		message->acks[i] = (struct peal_order_ack){.have = lane->have,
			.room = peal_abcast_lane_room(lane),
			.generation = lane->generation};
	}
}

/* How many of the frames from `seq` on share a body of `room` bytes: one at least. */
static uint32_t
find_fitting(const struct peal_abcast *abcast, const struct peal_abcast_copy *copy, uint64_t seq,
	uint32_t room)
{
	const struct peal_abcast_lane *lane = &copy->lanes[copy->lane];
	const struct peal_abcast_entry *first = peal_abcast_lane_find(lane, seq);
	uint64_t left = copy->seq + copy->count - seq;
	uint32_t size = PEAL_ORDER_HEAD_SIZE + PEAL_ORDER_DATA_FORM_SIZE +
			abcast->ranks_count * PEAL_ORDER_ACK_SIZE;
	uint32_t count = 0;

	PEAL_ASSERT(first != NULL);
	left = left < PEAL_ORDER_BATCH_MAX ? left : PEAL_ORDER_BATCH_MAX;
	for (uint64_t i = seq; i < seq + left; i++, count++) {
		const struct peal_abcast_entry *entry = peal_abcast_lane_find(lane, i);

		PEAL_ASSERT(entry != NULL);
		size += entry->size + (count > 0 ? PEAL_ORDER_ROW_SIZE : 0U);
		if (count > 0 && (size > room || entry->generation != first->generation)) {
			break;
		}
	}
	return count;
}

/* All of a body but the data of its last frame, which is sent from where it lies. */
static uint16_t
write_batch(const struct peal_abcast *abcast, const struct peal_abcast_copy *copy, uint64_t seq,
	uint32_t count, uint64_t now_ns, uint8_t body[PEAL_LARGE_BODY_SIZE_MAX])
{
	const struct peal_abcast_lane *lane = &copy->lanes[copy->lane];
	const struct peal_abcast_entry *entry = peal_abcast_lane_find(lane, seq);
	uint8_t rows[PEAL_ORDER_BATCH_MAX * PEAL_ORDER_ROW_SIZE];
	struct peal_order_msg message;
	uint32_t size;

	peal_abcast_begin(abcast, PEAL_ORDER_DATA, &message);
	message.head.view = copy->view;
	message.head.flags = abcast->state == PEAL_ABCAST_WEDGED ? PEAL_ORDER_FLAG_WEDGED : 0;
	message.head.sent_at_ns = peal_abcast_clock_time(&abcast->clock, now_ns);
	write_acks(abcast, copy->lanes, &message);
	if (copy->flags == 0) {
		/* What is in the bodies behind this one is not missed yet. */
		message.acks[copy->lane].have = seq + count - 1U;
	}
	message.data = (struct peal_order_data){.seq = seq,
		.stamp = entry->stamp,
		.generation = entry->generation,
		.lane_generation = lane->generation,
		.lane = copy->lane,
		.flags = copy->flags,
		.more = (uint8_t)(count - 1U),
		.rows = rows};
	for (uint32_t i = 1; i < count; i++) {
		const struct peal_abcast_entry *other = peal_abcast_lane_find(lane, seq + i);

		peal_order_row_write(
			rows + (size_t)(i - 1U) * PEAL_ORDER_ROW_SIZE, other->stamp, other->size);
	}
	size = peal_order_msg_encode(&message, body);
	for (uint32_t i = 0; i + 1U < count; i++) {
		entry = peal_abcast_lane_find(lane, seq + i);
		memcpy(body + size, entry->bytes, entry->size);
		size += entry->size;
	}
	return (uint16_t)size;
}

/* The frames of a copy to some ranks, whose paths carry bodies of `room` bytes. */
static void
emit_batches(struct peal_abcast *abcast, const struct peal_abcast_copy *copy, uint16_t ranks,
	uint32_t room, uint64_t now_ns)
{
	const struct peal_abcast_user *user = &abcast->config.user;
	uint64_t end = copy->seq + copy->count;
	uint8_t body[PEAL_LARGE_BODY_SIZE_MAX];
	uint32_t count;

	for (uint64_t seq = copy->seq; seq < end; seq += count) {
		const struct peal_abcast_entry *last;
		uint16_t size;

		count = copy->is_single ? 1U : find_fitting(abcast, copy, seq, room);
		size = write_batch(abcast, copy, seq, count, now_ns, body);
		last = peal_abcast_lane_find(&copy->lanes[copy->lane], seq + count - 1U);
		for (uint8_t i = 0; i < abcast->ranks_count; i++) {
			if (peal_abcast_has(ranks, i)) {
				peal_abcast_note(abcast, PEAL_COUNTER_ORDER_FRAMES_SENT);
				user->transmit(user->state, i, PEAL_ORDER_DATA, body, size,
					last->bytes, last->size);
			}
		}
	}
}

void
peal_abcast_emit_data(
	struct peal_abcast *abcast, const struct peal_abcast_copy *copy, uint64_t now_ns)
{
	bool is_to_all = copy->rank == abcast->ranks_count;
	uint16_t left = (uint16_t)(is_to_all ? abcast->all : 1U << copy->rank);

	/* Numbers and acknowledgements of the lanes of one view mean nothing in another. */
	PEAL_ASSERT(copy->lanes == (copy->view == abcast->view ? abcast->lanes : abcast->former));
	left = (uint16_t)(left & ~(1U << abcast->config.rank));
	while (left != 0) {
		/* Those whose paths are as wide are sent the same bodies. */
		uint16_t room = abcast->rooms[__builtin_ctz(left)];
		uint16_t ranks = 0;

		for (uint8_t i = 0; i < abcast->ranks_count; i++) {
			if (peal_abcast_has(left, i) && abcast->rooms[i] == room) {
				ranks |= (uint16_t)(1U << i);
			}
		}
		emit_batches(abcast, copy, ranks, room, now_ns);
		left = (uint16_t)(left & ~ranks);
	}
}

/* Who says nothing, and has nothing to say, need not be waited for: its promise is ahead of time.
 * If it speaks all the same, its first message is as far ahead, and has to wait for the others. */
static uint64_t
find_ahead_ns(const struct peal_abcast *abcast, uint64_t now_ns)
{
	bool is_quiet = now_ns - abcast->sent_at_ns >= abcast->timing.ahead_ns;

	return is_quiet && abcast->queue.count == 0 ? abcast->timing.ahead_ns : 0;
}

void
peal_abcast_emit_tick(struct peal_abcast *abcast, uint64_t now_ns)
{
	struct peal_abcast_mark mark = peal_abcast_digest_latest(&abcast->digest);
	struct peal_abcast_lane *own = peal_abcast_own(abcast);
	struct peal_order_msg message;

	peal_abcast_begin(abcast, PEAL_ORDER_TICK, &message);
	message.head.sent_at_ns = peal_abcast_clock_time(&abcast->clock, now_ns);
	write_acks(abcast, abcast->lanes, &message);
	message.tick.generation = own->generation;
	message.tick.position = mark.position;
	message.tick.digest = mark.value;
	if (peal_abcast_may_promise(abcast)) {
		message.tick.has_promise = true;
		message.tick.promise = peal_abcast_clock_promise(
			&abcast->clock, now_ns, find_ahead_ns(abcast, now_ns));
		message.tick.last = own->have;
	}
	peal_abcast_note(abcast, PEAL_COUNTER_ORDER_TICKS_SENT);
	peal_abcast_emit_all(abcast, &message);
	abcast->is_dirty = false;
	abcast->taken_count = 0;
	abcast->is_asked = false;
	abcast->told_at_ns = now_ns;
}

void
peal_abcast_emit_pull(struct peal_abcast *abcast, uint8_t rank, uint8_t lane, uint64_t from,
	uint64_t to, enum peal_order_pull_what what)
{
	struct peal_order_msg message;

	peal_abcast_begin(abcast, PEAL_ORDER_PULL, &message);
	message.pull = (struct peal_order_pull){.from = from,
		.to = to,
		.generation = abcast->lanes[lane].generation,
		.lane = lane,
		.what = (uint8_t)what};
	peal_abcast_note(abcast, PEAL_COUNTER_ORDER_PULLS_SENT);
	peal_abcast_emit(abcast, rank, &message);
}

void
peal_abcast_emit_decided(struct peal_abcast *abcast, uint8_t rank, uint8_t lane)
{
	const struct peal_abcast_seal *seal = &abcast->seals[lane];
	struct peal_order_msg message;

	PEAL_ASSERT(seal->has_decided);
	peal_abcast_begin(abcast, PEAL_ORDER_SEAL_DECIDED, &message);
	message.seal = (struct peal_order_seal){.last = seal->decided.last,
		.until = seal->decided.until,
		.generation = seal->decided_generation,
		.lane = lane};
	peal_abcast_emit(abcast, rank, &message);
}

void
peal_abcast_emit_install(struct peal_abcast *abcast, uint8_t rank)
{
	struct peal_order_msg message;

	peal_abcast_begin(abcast, PEAL_ORDER_VIEW_INSTALL, &message);
	message.head.rows_count = abcast->ranks_count;
	if (abcast->ranks_count < PEAL_ORDER_RANKS_MAX &&
		abcast->latest.cuts[abcast->ranks_count].holder != 0) {
		message.head.rows_count++; /* a rank that is to be opened */
	}
	message.view.has_value = true;
	message.view.active = abcast->latest.active;
	message.view.counted = abcast->latest.counted;
	message.view.position = abcast->latest_position;
	message.view.digest = abcast->latest_digest;
	memcpy(message.view.cuts, abcast->latest.cuts, sizeof(message.view.cuts));
	peal_abcast_emit(abcast, rank, &message);
}

void
peal_abcast_emit_place(struct peal_abcast *abcast, uint8_t rank)
{
	struct peal_order_msg message;

	peal_abcast_begin(abcast, PEAL_ORDER_VIEW_PLACE, &message);
	message.head.rows_count = abcast->ranks_count;
	if (abcast->ranks_count < PEAL_ORDER_RANKS_MAX &&
		peal_abcast_is_given(abcast, abcast->ranks_count)) {
		message.head.rows_count++;
	}
	message.view.has_value = true;
	message.view.active = abcast->active;
	message.view.counted = abcast->counted;
	message.view.position = abcast->digest.position;
	message.view.digest = abcast->digest.value;
	for (uint32_t i = 0; i < message.head.rows_count; i++) {
		const struct peal_abcast_lane *lane = &abcast->lanes[i];

		message.view.cuts[i] = (struct peal_order_cut){.last = lane->delivered,
			.stable = lane->stable,
			.until = abcast->seals[i].decided.until,
			.member = peal_abcast_is_given(abcast, (uint8_t)i) ? abcast->known[i]
									   : abcast->members[i],
			.generation = lane->generation};
	}
	peal_abcast_emit(abcast, rank, &message);
}
