/* SPDX-License-Identifier: BSD-3-Clause */
#include "dataplane/channel_rx.h"

#include "base/museum.h"

#include <string.h>

void
peal_channel_rx_open(struct peal_channel_rx *rx, uint64_t epoch, uint32_t room)
{
	PEAL_ASSERT(epoch != 0);
	memset(rx, 0, sizeof(*rx));
	rx->epoch = epoch;
	rx->next_seq = peal_channel_first_seq(epoch);
	rx->credit = rx->told_credit = rx->next_seq;
	peal_channel_rx_grant(rx, room);
}

_Static_assert(PEAL_CHANNEL_PIECES_MAX <= 8U, "pieces are bits of a byte");

/* Gives a buffer back in which a frame was put together. */
static void
drop_pieces(struct peal_channel_rx *rx, struct peal_framepool *pool, uint32_t place)
{
	if (rx->frames[place].pieces != 0) {
		rx->frames[place].pieces = 0;
		rx->patches_count--;
		peal_framepool_give(pool, rx->frames[place].buffer);
	}
}

static void
drop_all_pieces(struct peal_channel_rx *rx, struct peal_framepool *pool)
{
	for (uint32_t place = 0; place < PEAL_CHANNEL_WINDOW; place++) {
		drop_pieces(rx, pool, place);
	}
}

/* Gives the buffers back; bit 0 of `held` is the frame `seq`. */
static void
drop_held(struct peal_channel_rx *rx, struct peal_framepool *pool, uint32_t seq)
{
	while (rx->held != 0) {
		if ((rx->held & 1U) != 0) {
			peal_framepool_give(pool, rx->frames[seq % PEAL_CHANNEL_WINDOW].buffer);
		}
		rx->held >>= 1;
		seq++;
	}
}

void
peal_channel_rx_close(struct peal_channel_rx *rx, struct peal_framepool *pool)
{
	if (!PEAL_BUG(BUFFERS_LEAKED)) {
		drop_held(rx, pool, rx->next_seq + 1U);
		drop_all_pieces(rx, pool);
	}
	memset(rx, 0, sizeof(*rx));
}

/* A part of a large message: the parts come in order and agree about the whole. */
static bool
deliver_fragment(struct peal_channel_rx *rx, const uint8_t *data, uint32_t size,
	const struct peal_channel_sink *sink)
{
	struct peal_delivery delivery = {.size = size - PEAL_CHANNEL_FRAGMENT_SIZE,
		.bytes = data + PEAL_CHANNEL_FRAGMENT_SIZE};

	memcpy(&delivery.message_size, data, 4);
	memcpy(&delivery.offset, data + 4, 4);
	if (delivery.message_size > PEAL_MESSAGE_SIZE_MAX ||
		delivery.offset != rx->message_offset ||
		(delivery.offset != 0 && delivery.message_size != rx->message_size) ||
		delivery.offset > delivery.message_size ||
		delivery.size > delivery.message_size - delivery.offset) {
		return false;
	}
	rx->message_size = delivery.message_size;
	rx->message_offset = delivery.offset + delivery.size;
	if (rx->message_offset == rx->message_size) {
		rx->message_offset = 0;
	}
	sink->deliver(sink->state, &delivery);
	return true;
}

static bool
deliver_records(const uint8_t *data, uint32_t size, const struct peal_channel_sink *sink)
{
	while (size > 0) {
		struct peal_delivery delivery = {.bytes = data + PEAL_CHANNEL_RECORD_SIZE};
		uint16_t message_size;

		if (size < PEAL_CHANNEL_RECORD_SIZE) {
			return false;
		}
		memcpy(&message_size, data, sizeof(message_size));
		if (message_size > size - PEAL_CHANNEL_RECORD_SIZE) {
			return false;
		}
		delivery.message_size = delivery.size = message_size;
		sink->deliver(sink->state, &delivery);
		data += PEAL_CHANNEL_RECORD_SIZE + message_size;
		size -= PEAL_CHANNEL_RECORD_SIZE + message_size;
	}
	return true;
}

/* The frame that is next. */
static bool
deliver_frame(struct peal_channel_rx *rx, uint8_t flags, const uint8_t *data, uint32_t size,
	const struct peal_channel_sink *sink)
{
	rx->next_seq++;
	if ((flags & PEAL_CHANNEL_FLAG_FRAGMENT) != 0) {
		return !rx->is_finished && deliver_fragment(rx, data, size, sink);
	}
	/* Nothing else may come in the middle of a message, and nothing at all after the end. */
	if (rx->message_offset != 0 || rx->is_finished) {
		return false;
	}
	if ((flags & PEAL_CHANNEL_FLAG_FIN) != 0) {
		rx->is_finished = true;
		return true;
	}
	return deliver_records(data, size, sink);
}

/* What waited for the frame just delivered. On the way bit 0 of `held` is the frame that is next.
 */
static inline __attribute__((always_inline)) bool
deliver_held(struct peal_channel_rx *rx, struct peal_framepool *pool,
	const struct peal_channel_sink *sink)
{
	while ((rx->held & 1U) != 0) {
		uint32_t place = rx->next_seq % PEAL_CHANNEL_WINDOW;
		uint16_t buffer = rx->frames[place].buffer;
		bool is_good;

		rx->held >>= 1;
		is_good = deliver_frame(rx, rx->frames[place].flags,
			peal_framepool_bytes(pool, buffer), rx->frames[place].size, sink);
		peal_framepool_give(pool, buffer);
		if (!is_good) {
			return false;
		}
	}
	rx->held >>= 1;
	return true;
}

/* A piece that belongs to those that are there, and has the size that its index says. */
static bool
is_piece_good(const struct peal_channel_rx *rx, const struct peal_framepool *pool,
	const struct peal_channel_msg *message, const uint8_t *data, uint32_t size)
{
	uint32_t place = message->seq % PEAL_CHANNEL_WINDOW;
	uint16_t head[2];
	uint32_t left_size;

	memcpy(head, data, sizeof(head));
	if (head[0] <= PEAL_CHANNEL_PIECE_SIZE || head[0] > pool->size ||
		head[0] > PEAL_CHANNEL_DATA_SIZE_MAX ||
		(uint32_t)head[1] * PEAL_CHANNEL_PIECE_SIZE >= head[0]) {
		return false;
	}
	left_size = head[0] - (uint32_t)head[1] * PEAL_CHANNEL_PIECE_SIZE;
	if (size - PEAL_CHANNEL_PIECE_HEAD_SIZE !=
		(left_size < PEAL_CHANNEL_PIECE_SIZE ? left_size : PEAL_CHANNEL_PIECE_SIZE)) {
		return false;
	}
	return rx->frames[place].pieces == 0 ||
	       (rx->frames[place].size == head[0] && ((rx->frames[place].flags ^ message->flags) &
							     PEAL_CHANNEL_FLAG_FRAGMENT) == 0);
}

/* Puts a piece where it belongs. HELD: the frame is whole, in its buffer, and counts as one that
 * came early. */
static enum peal_channel_rx_outcome
add_piece(struct peal_channel_rx *rx, struct peal_framepool *pool,
	const struct peal_channel_msg *message, const uint8_t *data, uint32_t size)
{
	uint32_t ahead = message->seq - rx->next_seq;
	uint32_t place = message->seq % PEAL_CHANNEL_WINDOW;
	uint16_t head[2];
	uint8_t all;

	if (ahead > 0 && (rx->held >> (ahead - 1U) & 1U) != 0) {
		return PEAL_CHANNEL_RX_DUPLICATE;
	}
	if (!is_piece_good(rx, pool, message, data, size)) {
		return PEAL_CHANNEL_RX_PROTOCOL;
	}
	memcpy(head, data, sizeof(head));
	if (rx->frames[place].pieces == 0) {
		uint16_t buffer =
			ahead == 0 ? peal_framepool_take_reserved(pool) : peal_framepool_take(pool);

		if (buffer == PEAL_FRAMEPOOL_NONE) {
			return PEAL_CHANNEL_RX_NO_BUFFER;
		}
		rx->frames[place].buffer = buffer;
		rx->frames[place].size = head[0];
		rx->frames[place].flags =
			message->flags & (uint8_t) ~(uint8_t)PEAL_CHANNEL_FLAG_PIECE;
		rx->patches_count++;
	}
	memcpy(peal_framepool_bytes(pool, rx->frames[place].buffer) +
			(PEAL_BUG(PIECES_MIXED) ? 0U : (size_t)head[1] * PEAL_CHANNEL_PIECE_SIZE),
		data + PEAL_CHANNEL_PIECE_HEAD_SIZE, size - PEAL_CHANNEL_PIECE_HEAD_SIZE);
	rx->frames[place].pieces |= (uint8_t)(1U << head[1]);
	all = (uint8_t)((1U << ((head[0] + PEAL_CHANNEL_PIECE_SIZE - 1U) /
				 PEAL_CHANNEL_PIECE_SIZE)) -
			1U);
	if (rx->frames[place].pieces != all) {
		return PEAL_CHANNEL_RX_PIECE;
	}
	rx->frames[place].pieces = 0;
	rx->patches_count--;
	return PEAL_CHANNEL_RX_HELD;
}

static enum peal_channel_rx_outcome
hold(struct peal_channel_rx *rx, struct peal_framepool *pool,
	const struct peal_channel_msg *message, const uint8_t *data, uint32_t size)
{
	uint32_t ahead = message->seq - rx->next_seq - 1U;
	uint32_t place = message->seq % PEAL_CHANNEL_WINDOW;
	uint16_t buffer;

	PEAL_DASSERT(ahead < PEAL_CHANNEL_WINDOW - 1U);
	if ((rx->held >> ahead & 1U) != 0 && !PEAL_BUG(EARLY_FRAME_TWICE)) {
		return PEAL_CHANNEL_RX_DUPLICATE;
	}
	buffer = size <= pool->size ? peal_framepool_take(pool) : PEAL_FRAMEPOOL_NONE;
	if (buffer == PEAL_FRAMEPOOL_NONE) {
		return PEAL_CHANNEL_RX_NO_BUFFER;
	}
	memcpy(peal_framepool_bytes(pool, buffer), data, size);
	rx->frames[place].buffer = buffer;
	rx->frames[place].size = (uint16_t)size;
	rx->frames[place].flags = message->flags;
	rx->held |= UINT64_C(1) << ahead;
	return PEAL_CHANNEL_RX_HELD;
}

/* A piece of a frame inside the window; after the last the frame is as any other. */
static __attribute__((noinline)) enum peal_channel_rx_outcome
take_piece(struct peal_channel_rx *rx, struct peal_framepool *pool,
	const struct peal_channel_msg *message, const uint8_t *data, uint32_t size,
	const struct peal_channel_sink *sink)
{
	uint32_t ahead = message->seq - rx->next_seq;
	enum peal_channel_rx_outcome outcome = add_piece(rx, pool, message, data, size);

	if (outcome == PEAL_CHANNEL_RX_HELD && ahead > 0) {
		rx->held |= UINT64_C(1) << (ahead - 1U);
		return outcome;
	}
	if (outcome == PEAL_CHANNEL_RX_HELD) {
		uint32_t place = message->seq % PEAL_CHANNEL_WINDOW;
		uint16_t buffer = rx->frames[place].buffer;
		bool is_good = deliver_frame(rx, rx->frames[place].flags,
			peal_framepool_bytes(pool, buffer), rx->frames[place].size, sink);

		peal_framepool_give(pool, buffer);
		outcome = is_good && deliver_held(rx, pool, sink) ? PEAL_CHANNEL_RX_DELIVERED
								  : PEAL_CHANNEL_RX_PROTOCOL;
		if (outcome == PEAL_CHANNEL_RX_PROTOCOL) {
			drop_held(rx, pool, rx->next_seq);
		}
	}
	return outcome;
}

enum peal_channel_rx_outcome
peal_channel_rx_on_data(struct peal_channel_rx *rx, struct peal_framepool *pool,
	const struct peal_channel_msg *message, const uint8_t *data, uint32_t size,
	const struct peal_channel_sink *sink, uint64_t now_ns)
{
	int32_t ahead = (int32_t)(message->seq - rx->next_seq);
	/* Of what may still turn out otherwise; see the header. */
	bool may_wait = !rx->is_answer_owed && rx->held == 0 &&
			(message->flags & PEAL_CHANNEL_FLAG_FIN) == 0 &&
			(int32_t)(rx->told_credit - message->seq) > 1;

	PEAL_DASSERT(message->epoch == rx->epoch);
	peal_channel_rx_owe(rx, now_ns);
	if (ahead < 0 && PEAL_BUG(DUPLICATES_DELIVERED) &&
		message->flags == PEAL_CHANNEL_FLAG_DATA) {
		(void)deliver_records(data, size, sink);
	}
	if (ahead < 0) {
		return PEAL_CHANNEL_RX_DUPLICATE;
	}
	if (PEAL_BUG(FIN_WITHOUT_PLACE) && (message->flags & PEAL_CHANNEL_FLAG_FIN) != 0) {
		rx->is_finished = true;
	}
	/* Credit is at most a window ahead, so what is held always has a place. */
	if (ahead >= (int32_t)(rx->credit - rx->next_seq)) {
		return PEAL_CHANNEL_RX_BEYOND;
	}
	if (__builtin_expect((message->flags & PEAL_CHANNEL_FLAG_PIECE) != 0, 0)) {
		return take_piece(rx, pool, message, data, size, sink);
	}
	if (__builtin_expect(rx->patches_count > 0, 0)) {
		drop_pieces(rx, pool, message->seq % PEAL_CHANNEL_WINDOW);
	}
	if (__builtin_expect(ahead > 0, 0)) {
		return hold(rx, pool, message, data, size);
	}
	if (!deliver_frame(rx, message->flags, data, size, sink) || !deliver_held(rx, pool, sink)) {
		drop_held(rx, pool, rx->next_seq);
		return PEAL_CHANNEL_RX_PROTOCOL;
	}
	rx->is_answer_due = !may_wait;
	return PEAL_CHANNEL_RX_DELIVERED;
}

void
peal_channel_rx_grant(struct peal_channel_rx *rx, uint32_t room)
{
	uint32_t credit = rx->next_seq + (room < PEAL_CHANNEL_WINDOW ? room : PEAL_CHANNEL_WINDOW);

	if ((int32_t)(credit - rx->credit) > 0) {
		rx->credit = credit;
	}
}

void
peal_channel_rx_answer(
	struct peal_channel_rx *rx, struct peal_channel_msg *message, uint64_t now_ns)
{
	uint64_t delay_ns = now_ns - rx->newest_at_ns;

	message->flags |= PEAL_CHANNEL_FLAG_ACK;
	message->ack_epoch = rx->epoch;
	message->ack = rx->next_seq;
	message->sack = rx->held;
	message->credit = rx->credit;
	message->delay_ns = delay_ns < UINT32_MAX ? (uint32_t)delay_ns : UINT32_MAX;
	message->unseen_ns = rx->unseen_ns;
	rx->told_credit = rx->credit;
	rx->is_answer_owed = rx->is_answer_due = false;
}
