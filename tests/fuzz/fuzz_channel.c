/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Frames of a channel, one behind the other, against both ends of it.
 *
 * The input is a byte of choices, then u8 size, a body of that size, and so on; the last body may
 * be cut. A body that is accepted goes to a receiving end with four buffers and to a sending end
 * with messages on their way. Its epochs are taken to be theirs, and its places to count from the
 * first of the stream, so that small numbers mean something: which life a frame belongs to is
 * checked elsewhere. Whatever the frames say, a buffer waits or is free, what is delivered is
 * whole and in order, what is answered is true, and loans come back once and in order.
 */
#include "dataplane/channel_rx.h"
#include "dataplane/channel_tx.h"
#include "tests/lib/first_seq.h"

#include <stddef.h>

#define RX_FIRST_SEQ  0xFFFFFFF0U
#define TX_FIRST_SEQ  0xFFFFFFFEU
#define BUFFERS_COUNT 4U
#define BUFFER_SIZE   100U
#define WIDE_SIZE     4000U
#define DATA_SIZE_MAX 32U
#define LOAN_SIZE     70U
#define US            UINT64_C(1000)

#define CHOICE_ALONE    0x01U /* no coalescing */
#define CHOICE_NARROW   0x02U /* little credit both ways */
#define CHOICE_ANSWERED 0x04U /* the receiver grants more after every frame */
#define CHOICE_WIDE                                                                                \
	0x08U /* it takes large frames; pieces have the size that they say, of zeroes              \
	       */

struct ends {
	uint8_t choices;
	struct peal_channel_rx rx;
	struct peal_channel_tx tx;
	struct peal_framepool pool;
	uint64_t now_ns;
	uint32_t offset; /* of the large message that is being delivered */
	uint32_t message_size;
	uint32_t sum; /* of all bytes delivered: each is read */
	uint64_t lent_count;
	uint64_t released_count;
	uint8_t buffers[BUFFERS_COUNT * WIDE_SIZE];
	_Alignas(8) uint8_t ring[512];
};

static struct ends ends;

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
deliver(void *state, const struct peal_delivery *delivery)
{
	PEAL_ASSERT(state == &ends);
	PEAL_ASSERT(delivery->offset == ends.offset);
	PEAL_ASSERT(delivery->offset == 0 || delivery->message_size == ends.message_size);
	PEAL_ASSERT(delivery->size <= delivery->message_size - delivery->offset);
	for (uint32_t i = 0; i < delivery->size; i++) {
		ends.sum += delivery->bytes[i];
	}
	ends.message_size = delivery->message_size;
	ends.offset += delivery->size;
	ends.offset = ends.offset < ends.message_size ? ends.offset : 0;
}

static const struct peal_channel_sink sink = {deliver, &ends};

static void
release(void *state, uint64_t token)
{
	PEAL_ASSERT(state == &ends);
	PEAL_ASSERT(token == ends.released_count);
	ends.released_count++;
}

static const struct peal_sendqueue_lender lender = {release, &ends};

static void
lend(void)
{
	static const uint8_t bytes[LOAN_SIZE];

	ends.lent_count += peal_sendqueue_lend(
		&ends.tx.queue, bytes, ends.lent_count % 2U == 0 ? LOAN_SIZE : 3U, ends.lent_count);
}

static void
send_all(void)
{
	while (peal_channel_tx_is_ready(&ends.tx)) {
		struct peal_channel_msg message = {0};
		uint8_t body[PEAL_CHANNEL_HEADER_SIZE + DATA_SIZE_MAX];
		uint32_t size = peal_channel_tx_make(
			&ends.tx, &message, body + PEAL_CHANNEL_HEADER_SIZE, ends.now_ns);

		PEAL_ASSERT(size <= DATA_SIZE_MAX);
		PEAL_ASSERT((int32_t)(ends.tx.credit - message.seq) > 0 ||
			    message.flags == PEAL_CHANNEL_FLAG_PROBE);
		peal_channel_msg_encode(&message, body);
		PEAL_ASSERT(
			peal_channel_msg_decode(body, PEAL_CHANNEL_HEADER_SIZE + size, &message));
	}
}

static void
set_up(uint8_t choices)
{
	const uint32_t credit_count = (choices & CHOICE_NARROW) != 0 ? 2U : PEAL_CHANNEL_WINDOW;
	const struct peal_channel_tx_config config = {.queue_bytes = ends.ring,
		.queue_capacity = sizeof(ends.ring),
		.data_size_max = DATA_SIZE_MAX,
		.is_coalescing = (choices & CHOICE_ALONE) == 0,
		.rto_ns_min = 10 * US,
		.rto_ns_max = 1000 * US};

	memset(&ends, 0, sizeof(ends));
	ends.choices = choices;
	ends.now_ns = 1000 * US;
	peal_framepool_init(&ends.pool, ends.buffers,
		(choices & CHOICE_WIDE) != 0 ? WIDE_SIZE : BUFFER_SIZE, BUFFERS_COUNT);
	ends.pool.reserved_count = (choices & CHOICE_WIDE) != 0 ? 1U : 0U;
	peal_channel_rx_open(&ends.rx, peal_epoch_from_first_seq(RX_FIRST_SEQ), credit_count);
	peal_channel_tx_open(
		&ends.tx, &config, peal_epoch_from_first_seq(TX_FIRST_SEQ), credit_count);
	for (uint32_t i = 0; i < 3; i++) {
		PEAL_ASSERT(peal_sendqueue_copy(&ends.tx.queue, ends.buffers, i));
		lend();
	}
	send_all();
}

static void
close_rx(void)
{
	peal_channel_rx_close(&ends.rx, &ends.pool);
	PEAL_ASSERT(ends.pool.free_count == BUFFERS_COUNT);
	ends.offset = 0;
}

/* Inputs are short; a piece is made as long as its head says, so that some frames become whole. */
static uint32_t
stretch(const struct peal_channel_msg *message, const uint8_t **data, uint32_t size)
{
	static uint8_t piece[PEAL_CHANNEL_PIECE_HEAD_SIZE + PEAL_CHANNEL_PIECE_SIZE];
	uint16_t head[2];
	uint32_t offset;

	if ((message->flags & PEAL_CHANNEL_FLAG_PIECE) == 0 || (ends.choices & CHOICE_WIDE) == 0) {
		return size;
	}
	memcpy(head, *data, sizeof(head));
	offset = (uint32_t)head[1] * PEAL_CHANNEL_PIECE_SIZE;
	if (offset >= head[0]) {
		return size;
	}
	memcpy(piece, head, sizeof(head));
	*data = piece;
	return PEAL_CHANNEL_PIECE_HEAD_SIZE + (head[0] - offset < PEAL_CHANNEL_PIECE_SIZE
							      ? head[0] - offset
							      : PEAL_CHANNEL_PIECE_SIZE);
}

static void
on_data(struct peal_channel_msg *message, const uint8_t *data, uint32_t size)
{
	struct peal_channel_rx *rx = &ends.rx;
	struct peal_channel_msg answer = {0};
	uint32_t next_seq = rx->next_seq;
	enum peal_channel_rx_outcome outcome;

	message->epoch = rx->epoch;
	message->seq += RX_FIRST_SEQ;
	size = stretch(message, &data, size);
	outcome = peal_channel_rx_on_data(rx, &ends.pool, message, data, size, &sink, ends.now_ns);
	if (outcome == PEAL_CHANNEL_RX_PROTOCOL) {
		close_rx();
		peal_channel_rx_open(rx, message->epoch, PEAL_CHANNEL_WINDOW);
		return;
	}
	PEAL_ASSERT((rx->next_seq != next_seq) == (outcome == PEAL_CHANNEL_RX_DELIVERED));
	PEAL_ASSERT(rx->is_answer_owed);
	PEAL_ASSERT(ends.pool.free_count + __builtin_popcountll(rx->held) + rx->patches_count ==
		    BUFFERS_COUNT);
	if ((ends.choices & CHOICE_ANSWERED) != 0) {
		peal_channel_rx_grant(rx, message->seq % 80U);
	}
	peal_channel_rx_answer(rx, &answer, ends.now_ns);
	PEAL_ASSERT(answer.ack == rx->next_seq);
	PEAL_ASSERT(answer.credit - answer.ack <= PEAL_CHANNEL_WINDOW);
	if (answer.sack != 0) { /* nothing is held that had no credit */
		PEAL_ASSERT(
			65U - (uint32_t)__builtin_clzll(answer.sack) <= answer.credit - answer.ack);
	}
}

static void
on_ack(struct peal_channel_msg *message)
{
	static struct peal_channel_tx before;
	struct peal_channel_tx *tx = &ends.tx;
	enum peal_channel_ack_outcome outcome;

	message->ack_epoch = tx->epoch;
	message->ack += TX_FIRST_SEQ;
	message->credit += TX_FIRST_SEQ;
	before = *tx;
	outcome = peal_channel_tx_on_ack(tx, message, &lender, ends.now_ns);
	if (outcome == PEAL_CHANNEL_ACK_LIE) {
		PEAL_ASSERT(tx->oldest_seq == before.oldest_seq && tx->credit == before.credit);
		PEAL_ASSERT(tx->arrived == before.arrived && tx->lost == before.lost);
		PEAL_ASSERT(tx->queue.tail == before.queue.tail);
		PEAL_ASSERT(tx->heard_at_ns == before.heard_at_ns);
		PEAL_ASSERT(tx->overtaken_at_ns == before.overtaken_at_ns);
		PEAL_ASSERT(tx->rtt.smooth_ns == before.rtt.smooth_ns);
	}
	PEAL_ASSERT((int32_t)(tx->credit - before.credit) >= 0);
	PEAL_ASSERT((int32_t)(tx->oldest_seq - before.oldest_seq) >= 0);
	PEAL_ASSERT(tx->next_seq - tx->oldest_seq <= PEAL_CHANNEL_WINDOW);
	PEAL_ASSERT((tx->arrived & (tx->lost | 1U)) == 0);
	if (tx->oldest_seq == tx->next_seq) {
		PEAL_ASSERT((tx->arrived | tx->lost) == 0);
		PEAL_ASSERT(!peal_channel_tx_is_idle(tx) || ends.released_count == ends.lent_count);
	}
}

/* Time passes: up to the next deadline, or a little. */
static void
pass_time(uint32_t span_ns)
{
	uint64_t due_at_ns = peal_channel_tx_deadline_at_ns(&ends.tx);

	ends.now_ns += span_ns % (200U * US);
	if (due_at_ns != UINT64_MAX && span_ns % 2U != 0 && ends.now_ns < due_at_ns) {
		ends.now_ns = due_at_ns;
	}
	peal_channel_tx_on_timer(&ends.tx, ends.now_ns);
	send_all();
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	set_up(size > 0 ? data[0] : 0);
	for (size_t at = 2; at < size;) {
		size_t left = size - at;
		uint32_t body_size = data[at - 1] < left ? data[at - 1] : (uint32_t)left;
		struct peal_channel_msg message;

		if (peal_channel_msg_decode(data + at, body_size, &message)) {
			if ((message.flags & PEAL_CHANNEL_FLAG_DATA) != 0) {
				on_data(&message, data + at + PEAL_CHANNEL_HEADER_SIZE,
					body_size - PEAL_CHANNEL_HEADER_SIZE);
			}
			if ((message.flags & PEAL_CHANNEL_FLAG_ACK) != 0) {
				on_ack(&message);
			}
			lend();
			pass_time(message.delay_ns);
		}
		at += body_size + 1U;
	}
	close_rx();
	peal_channel_tx_close(&ends.tx, &lender);
	PEAL_ASSERT(ends.released_count == ends.lent_count);
	PEAL_ASSERT(ends.tx.queue.head == ends.tx.queue.tail);
	return 0;
}
