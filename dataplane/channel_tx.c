/* SPDX-License-Identifier: BSD-3-Clause */
#include "dataplane/channel_tx.h"

#include "base/museum.h"

#include <string.h>

/* Doublings of the time-out; its bound comes earlier in practice. */
#define BACKOFF_MAX 16U
/* Fewer bytes are copied sooner than sealed by themselves. */
#define REST_SIZE_MIN 256U

void
peal_channel_tx_open(struct peal_channel_tx *tx, const struct peal_channel_tx_config *config,
	uint64_t epoch, uint32_t credit_count)
{
	PEAL_ASSERT(epoch != 0);
	PEAL_ASSERT(config->data_size_max > PEAL_CHANNEL_FRAGMENT_SIZE + PEAL_CHANNEL_RECORD_SIZE);
	PEAL_ASSERT(config->data_size_max <= PEAL_CHANNEL_DATA_SIZE_MAX);

	memset(tx, 0, sizeof(*tx));
	tx->config = *config;
	tx->epoch = epoch;
	peal_sendqueue_init(&tx->queue, config->queue_bytes, config->queue_capacity);
	peal_rtt_init(&tx->rtt, config->rto_ns_min, config->rto_ns_max, PEAL_CHANNEL_HOLD_NS);
	tx->oldest_seq = tx->next_seq = tx->newest_seq = peal_channel_first_seq(epoch);
	tx->credit = tx->next_seq + credit_count;
	tx->overtaken_at_ns = UINT64_MAX;
}

void
peal_channel_tx_close(struct peal_channel_tx *tx, const struct peal_sendqueue_lender *lender)
{
	peal_sendqueue_release(&tx->queue, tx->queue.head, lender);
	tx->epoch = 0;
	tx->oldest_seq = tx->next_seq;
	tx->cut = tx->queue.head;
	tx->arrived = tx->lost = 0;
	tx->is_probe_due = tx->is_tail_due = tx->is_path_suspect = false;
	tx->overtaken_at_ns = UINT64_MAX;
}

static void
note(const struct peal_channel_tx *tx, enum peal_counter counter)
{
	if (tx->config.counters != NULL) {
		peal_counter_add(tx->config.counters, counter, 1);
	}
}

void
peal_channel_tx_resize(struct peal_channel_tx *tx, uint32_t data_size_max)
{
	PEAL_ASSERT(data_size_max >= PEAL_CHANNEL_PIECE_HEAD_SIZE + PEAL_CHANNEL_PIECE_SIZE);
	PEAL_ASSERT(data_size_max <= PEAL_CHANNEL_DATA_SIZE_MAX);
	tx->config.data_size_max = data_size_max;
	for (uint32_t i = 0; i < peal_channel_tx_places_count(tx); i++) {
		uint32_t seq = tx->oldest_seq + i;

		if ((tx->arrived >> i & 1U) == 0 &&
			tx->flights[seq % PEAL_CHANNEL_WINDOW].data_size > data_size_max) {
			tx->lost |= UINT64_C(1) << i;
			tx->backoff = 0;
			tx->is_tail_asked = false;
		}
	}
}

/* Bytes of an entry at the end of a frame: copied, unless they are lent and worth not to be. */
static inline void
write_last(const struct peal_channel_tx *tx, uint64_t position,
	const struct peal_sendqueue_entry *entry, uint32_t offset, uint32_t size, uint8_t *data_out,
	struct peal_channel_rest *rest_out)
{
	if (rest_out != NULL && entry->kind == PEAL_SENDQUEUE_LOAN && size >= REST_SIZE_MIN) {
		*rest_out = (struct peal_channel_rest){.bytes = entry->loan + offset, .size = size};
		return;
	}
	peal_sendqueue_read(&tx->queue, position, entry, offset, data_out, size);
}

/* Writes the messages of [begin, end), all small, behind each other. */
static inline __attribute__((always_inline)) uint32_t
write_records(const struct peal_channel_tx *tx, uint64_t begin, uint64_t end, uint8_t *data_out,
	struct peal_channel_rest *rest_out)
{
	uint32_t size = 0;

	while (begin < end) {
		struct peal_sendqueue_entry entry = peal_sendqueue_at(&tx->queue, begin);
		uint16_t message_size = (uint16_t)entry.size;

		memcpy(data_out + size, &message_size, PEAL_CHANNEL_RECORD_SIZE);
		size += PEAL_CHANNEL_RECORD_SIZE;
		if (__builtin_expect(entry.kind == PEAL_SENDQUEUE_LOAN, 0) && entry.next == end) {
			write_last(tx, begin, &entry, 0, entry.size, data_out + size, rest_out);
		} else {
			peal_sendqueue_read(
				&tx->queue, begin, &entry, 0, data_out + size, entry.size);
		}
		size += entry.size;
		begin = entry.next;
	}
	return size;
}

static uint32_t
write_fragment(const struct peal_channel_tx *tx, const struct peal_channel_flight *flight,
	uint8_t *data_out, struct peal_channel_rest *rest_out)
{
	struct peal_sendqueue_entry entry = peal_sendqueue_at(&tx->queue, flight->begin);

	memcpy(data_out, &entry.size, 4);
	memcpy(data_out + 4, &flight->offset, 4);
	write_last(tx, flight->begin, &entry, flight->offset, flight->size,
		data_out + PEAL_CHANNEL_FRAGMENT_SIZE, rest_out);
	return PEAL_CHANNEL_FRAGMENT_SIZE + flight->size;
}

/* Writes what a flight carries, as it was first written; `rest_out` NULL: all of it. Inline: once a
 * frame, but for the few that leave in pieces. */
static inline __attribute__((always_inline)) uint32_t
write_flight(const struct peal_channel_tx *tx, const struct peal_channel_flight *flight,
	uint8_t *flags_out, uint8_t *data_out, struct peal_channel_rest *rest_out)
{
	*flags_out = PEAL_CHANNEL_FLAG_DATA;
	if (flight->size != 0) {
		*flags_out |= PEAL_CHANNEL_FLAG_FRAGMENT;
		return write_fragment(tx, flight, data_out, rest_out);
	}
	if (peal_sendqueue_at(&tx->queue, flight->begin).kind == PEAL_SENDQUEUE_END) {
		*flags_out |= PEAL_CHANNEL_FLAG_FIN;
		return 0;
	}
	return write_records(tx, flight->begin, flight->end, data_out, rest_out);
}

/* Cuts the content of one new frame off the queue. */
static void
cut_flight(struct peal_channel_tx *tx, struct peal_channel_flight *flight)
{
	uint32_t room = tx->config.data_size_max;
	struct peal_sendqueue_entry entry = peal_sendqueue_at(&tx->queue, tx->cut);

	*flight = (struct peal_channel_flight){.begin = tx->cut, .end = entry.next};
	if (entry.kind == PEAL_SENDQUEUE_END) {
		tx->cut = entry.next;
		return;
	}
	/* What began in parts goes on in parts, however large frames have become. */
	if (tx->cut_offset > 0 || entry.size > room - PEAL_CHANNEL_RECORD_SIZE) {
		uint32_t left = entry.size - tx->cut_offset;

		room -= PEAL_CHANNEL_FRAGMENT_SIZE;
		flight->offset = tx->cut_offset;
		flight->size = left < room ? left : room;
		tx->cut_offset += flight->size;
		if (tx->cut_offset == entry.size) {
			tx->cut_offset = 0;
			tx->cut = entry.next;
		}
		return;
	}
	for (;;) {
		room -= PEAL_CHANNEL_RECORD_SIZE + entry.size;
		tx->cut = flight->end = entry.next;
		if (!tx->config.is_coalescing || tx->cut == tx->queue.head ||
			room < PEAL_CHANNEL_RECORD_SIZE) {
			return;
		}
		entry = peal_sendqueue_at(&tx->queue, tx->cut);
		if (entry.kind == PEAL_SENDQUEUE_END ||
			entry.size > room - PEAL_CHANNEL_RECORD_SIZE) {
			return;
		}
	}
}

uint64_t
peal_channel_tx_drop(
	struct peal_channel_tx *tx, uint64_t room, const struct peal_sendqueue_lender *lender)
{
	uint64_t from = tx->cut;

	/* Of whose beginning was sent, the end must follow. */
	if (tx->cut_offset > 0) {
		from = peal_sendqueue_at(&tx->queue, tx->cut).next;
	}
	return peal_sendqueue_drop(&tx->queue, from, room, lender);
}

static uint32_t
make_probe(struct peal_channel_tx *tx, struct peal_channel_msg *message_out, uint64_t now_ns)
{
	tx->is_probe_due = false;
	tx->heard_at_ns = now_ns;
	message_out->seq = tx->next_seq;
	message_out->flags = PEAL_CHANNEL_FLAG_PROBE;
	return 0;
}

/* The next piece of a lost frame that is too large by now; it stays lost until the last one left.
 */
static __attribute__((noinline)) uint32_t
make_piece(struct peal_channel_tx *tx, uint32_t seq, struct peal_channel_msg *message_out,
	uint8_t *data_out, uint64_t now_ns)
{
	struct peal_channel_flight *flight = &tx->flights[seq % PEAL_CHANNEL_WINDOW];
	uint32_t index = tx->piece_seq == seq ? tx->piece_index : 0;
	uint32_t offset = index * PEAL_CHANNEL_PIECE_SIZE;
	uint32_t size = flight->data_size - offset;
	const uint16_t head[2] = {(uint16_t)flight->data_size, (uint16_t)index};

	(void)write_flight(tx, flight, &message_out->flags, data_out, NULL);
	message_out->flags |= PEAL_CHANNEL_FLAG_PIECE;
	message_out->seq = seq;
	tx->piece_seq = seq;
	tx->piece_index = index + 1U;
	if (size > PEAL_CHANNEL_PIECE_SIZE) {
		size = PEAL_CHANNEL_PIECE_SIZE;
	} else {
		tx->piece_index = 0;
		tx->lost &= ~(UINT64_C(1) << (seq - tx->oldest_seq));
		tx->is_tail_due = false;
		tx->has_repeats = true;
		flight->sends_count++;
	}
	flight->sent_at_ns = now_ns;
	tx->heard_at_ns = now_ns;
	memmove(data_out + PEAL_CHANNEL_PIECE_HEAD_SIZE, data_out + offset, size);
	memcpy(data_out, head, PEAL_CHANNEL_PIECE_HEAD_SIZE);
	note(tx, PEAL_COUNTER_CHANNEL_PIECES_SENT);
	return PEAL_CHANNEL_PIECE_HEAD_SIZE + size;
}

/* A frame that leaves again: too often, and it may be too large for the path. */
static void
watch_path(struct peal_channel_tx *tx, const struct peal_channel_flight *flight)
{
	tx->is_path_suspect |= flight->sends_count >= PEAL_CHANNEL_SENDS_SUSPECT &&
			       flight->data_size > PEAL_BODY_SIZE_MAX - PEAL_CHANNEL_HEADER_SIZE;
}

uint32_t
peal_channel_tx_make_parts(struct peal_channel_tx *tx, struct peal_channel_msg *message_out,
	uint8_t *data_out, struct peal_channel_rest *rest_out, uint64_t now_ns)
{
	struct peal_channel_flight *flight;
	uint32_t seq = tx->next_seq;

	PEAL_DASSERT(peal_channel_tx_is_ready(tx));
	rest_out->size = 0;
	message_out->epoch = tx->epoch;
	if (tx->lost != 0) {
		seq = tx->oldest_seq + (uint32_t)__builtin_ctzll(tx->lost);
		flight = &tx->flights[seq % PEAL_CHANNEL_WINDOW];
		if (__builtin_expect(flight->data_size > tx->config.data_size_max, 0)) {
			return make_piece(tx, seq, message_out, data_out, now_ns);
		}
		tx->lost &= tx->lost - 1U;
		tx->is_tail_due = false;
		tx->has_repeats = true;
		watch_path(tx, flight);
	} else if (peal_channel_tx_may_send_new(tx)) {
		flight = &tx->flights[seq % PEAL_CHANNEL_WINDOW];
		cut_flight(tx, flight);
		tx->next_seq++;
	} else {
		return make_probe(tx, message_out, now_ns);
	}
	flight->sent_at_ns = now_ns;
	flight->sends_count++;
	tx->heard_at_ns = now_ns;
	message_out->seq = seq;
	flight->data_size = write_flight(tx, flight, &message_out->flags, data_out, rest_out);
	return flight->data_size;
}

uint32_t
peal_channel_tx_make(struct peal_channel_tx *tx, struct peal_channel_msg *message_out,
	uint8_t *data_out, uint64_t now_ns)
{
	struct peal_channel_rest rest;
	uint32_t size = peal_channel_tx_make_parts(tx, message_out, data_out, &rest, now_ns);

	if (rest.size > 0) {
		memcpy(data_out + size - rest.size, rest.bytes, rest.size);
	}
	return size;
}

/* A frame is known to have arrived: it may be the newest, and it may tell the round trip. */
static inline void
note_arrival(struct peal_channel_tx *tx, uint32_t seq, uint64_t now_ns, uint64_t *sample_at_ns)
{
	const struct peal_channel_flight *flight = &tx->flights[seq % PEAL_CHANNEL_WINDOW];

	tx->arrived_count++;
	/* Which of several sends was answered, nobody knows, nor how long the answer to the others
	 * was lost: no measurement. paper: Karn's rule. But so soon after a repeat it was not that
	 * one. paper: RFC 8985, 6.2 */
	if (__builtin_expect(flight->sends_count > 1, 0)) {
		*sample_at_ns = UINT64_MAX;
		if (now_ns - flight->sent_at_ns < tx->rtt.smooth_ns / 2U) {
			return;
		}
	}
	if (flight->sent_at_ns > tx->newest_sent_at_ns ||
		(flight->sent_at_ns == tx->newest_sent_at_ns &&
			(int32_t)(seq - tx->newest_seq) > 0)) {
		tx->newest_sent_at_ns = flight->sent_at_ns;
		tx->newest_seq = seq;
	}
	if (flight->sent_at_ns > *sample_at_ns) {
		*sample_at_ns = flight->sent_at_ns;
	}
}

/* Takes all before `ack` off the window. */
static void
advance(struct peal_channel_tx *tx, uint32_t ack, uint64_t now_ns, uint64_t *sample_at_ns,
	const struct peal_sendqueue_lender *lender)
{
	uint32_t count = ack - tx->oldest_seq;

	for (uint32_t i = 0; i < count; i++) {
		if ((tx->arrived >> i & 1U) == 0) {
			note_arrival(tx, tx->oldest_seq + i, now_ns, sample_at_ns);
		}
	}
	tx->arrived = count < PEAL_CHANNEL_WINDOW ? tx->arrived >> count : 0;
	tx->lost = count < PEAL_CHANNEL_WINDOW ? tx->lost >> count : 0;
	tx->oldest_seq = ack;
	tx->has_repeats = tx->has_repeats && ack != tx->next_seq;
	peal_sendqueue_release(&tx->queue,
		ack == tx->next_seq ? tx->cut : tx->flights[ack % PEAL_CHANNEL_WINDOW].begin,
		lender);
}

/* Frames that a later one has overtaken count as lost after a while; sets when to look again. */
static void
find_overtaken(struct peal_channel_tx *tx, uint64_t now_ns)
{
	uint64_t patience_ns = tx->rtt.smooth_ns + peal_rtt_reorder_ns(&tx->rtt);
	uint32_t count = peal_channel_tx_places_count(tx);

	tx->overtaken_at_ns = UINT64_MAX;
	if (__builtin_expect(tx->arrived == 0 && !tx->has_repeats, 1)) {
		return;
	}
	for (uint32_t i = 0; i < count; i++) {
		uint32_t seq = tx->oldest_seq + i;
		const struct peal_channel_flight *flight = &tx->flights[seq % PEAL_CHANNEL_WINDOW];
		bool is_older = flight->sent_at_ns < tx->newest_sent_at_ns ||
				(flight->sent_at_ns == tx->newest_sent_at_ns &&
					(int32_t)(seq - tx->newest_seq) < 0);

		if (((tx->arrived | tx->lost) >> i & 1U) != 0 || !is_older) {
			continue;
		}
		if (flight->sent_at_ns + patience_ns <= now_ns) {
			tx->lost |= UINT64_C(1) << i;
			note(tx, PEAL_COUNTER_CHANNEL_OVERTAKEN);
		} else if (flight->sent_at_ns + patience_ns < tx->overtaken_at_ns) {
			tx->overtaken_at_ns = flight->sent_at_ns + patience_ns;
		}
	}
}

/* Bits of the window that say what the message says, or false when that cannot be. */
static bool
read_arrived(const struct peal_channel_tx *tx, const struct peal_channel_msg *message,
	uint64_t *arrived_out)
{
	uint32_t acked_count = message->ack - tx->oldest_seq;
	uint32_t left_count = tx->next_seq - message->ack;

	*arrived_out = 0;
	if (acked_count > peal_channel_tx_places_count(tx)) {
		return false;
	}
	/* What arrived once is never awaited again: the oldest is missing, always. */
	if (acked_count < PEAL_CHANNEL_WINDOW && (tx->arrived >> acked_count & 1U) != 0) {
		return false;
	}
	if (message->sack != 0) {
		/* Bit 0 is ack + 1; ack itself is missing, or there would be no bit. */
		uint32_t highest = 63U - (uint32_t)__builtin_clzll(message->sack);

		if (highest + 1U >= left_count) {
			return false;
		}
		*arrived_out = message->sack << 1;
	}
	return true;
}

/* Says what was heard, of a stream of which nothing is on its way: nothing is to be looked for. */
static inline bool
is_repeated(const struct peal_channel_tx *tx, const struct peal_channel_msg *message)
{
	return message->ack == tx->oldest_seq && message->ack == tx->next_seq &&
	       message->sack == 0 && message->credit == tx->credit;
}

enum peal_channel_ack_outcome
peal_channel_tx_on_ack(struct peal_channel_tx *tx, const struct peal_channel_msg *message,
	const struct peal_sendqueue_lender *lender, uint64_t now_ns)
{
	uint64_t sample_at_ns = 0;
	uint64_t arrived;
	uint64_t fresh;
	bool is_progress;

	PEAL_DASSERT(message->ack_epoch == tx->epoch);
	if ((int32_t)(message->ack - tx->oldest_seq) < 0 || is_repeated(tx, message)) {
		tx->arrived_count = 0;
		tx->sample_ns = 0;
		return PEAL_CHANNEL_ACK_OLD;
	}
	if (!read_arrived(tx, message, &arrived)) {
		return PEAL_CHANNEL_ACK_LIE;
	}
	/* Credit lies at most a window ahead of what was taken; less than before is an older
	 * answer. */
	if (message->credit - message->ack > PEAL_CHANNEL_WINDOW) {
		return PEAL_CHANNEL_ACK_LIE;
	}
	tx->arrived_count = 0;
	tx->sample_ns = 0;
	is_progress = message->ack != tx->oldest_seq;
	if (PEAL_BUG(SACK_IS_ACK) && arrived != 0) {
		advance(tx, message->ack + 64U - (uint32_t)__builtin_clzll(arrived), now_ns,
			&sample_at_ns, lender);
		arrived = 0;
	} else {
		advance(tx, message->ack, now_ns, &sample_at_ns, lender);
	}
	fresh = arrived & ~tx->arrived;
	tx->arrived |= arrived;
	tx->lost &= ~tx->arrived;
	while (fresh != 0) {
		note_arrival(tx, tx->oldest_seq + (uint32_t)__builtin_ctzll(fresh), now_ns,
			&sample_at_ns);
		fresh &= fresh - 1U;
		is_progress = true;
	}
	if (sample_at_ns != 0 && sample_at_ns != UINT64_MAX &&
		now_ns - sample_at_ns >= message->delay_ns) {
		tx->sample_ns = now_ns - sample_at_ns - message->delay_ns;
		peal_rtt_add(&tx->rtt, tx->sample_ns);
	}
	if ((int32_t)(message->credit - tx->credit) > 0) {
		tx->credit = message->credit;
		is_progress = true;
	}
	if (is_progress) {
		tx->backoff = 0;
		tx->is_tail_asked = tx->is_tail_due = false;
		tx->heard_at_ns = now_ns;
	}
	find_overtaken(tx, now_ns);
	return is_progress ? PEAL_CHANNEL_ACK_PROGRESS : PEAL_CHANNEL_ACK_OLD;
}

/* When silence must be answered by something: a repeat, or a question for credit. */
static uint64_t
find_silence_at_ns(const struct peal_channel_tx *tx)
{
	uint64_t wait_ns = peal_rtt_timeout_ns(&tx->rtt) << tx->backoff;

	if (peal_channel_tx_places_count(tx) == 0 && !peal_channel_tx_has_new(tx)) {
		return UINT64_MAX;
	}
	if (peal_channel_tx_places_count(tx) > 0 && !tx->is_tail_asked && tx->backoff == 0) {
		wait_ns = peal_rtt_tail_ns(&tx->rtt);
	}
	return tx->heard_at_ns +
	       (wait_ns < tx->config.rto_ns_max ? wait_ns : tx->config.rto_ns_max);
}

/* False: it is the sender's turn, or nobody's. Who is held back by the window to the peer waits for
 * what is on its way. */
static bool
has_timers(const struct peal_channel_tx *tx)
{
	if (tx->epoch == 0) {
		return false;
	}
	return !peal_channel_tx_is_ready(tx) ||
	       (tx->is_waiting && peal_channel_tx_flights_count(tx) > 0);
}

uint64_t
peal_channel_tx_deadline_at_ns(const struct peal_channel_tx *tx)
{
	uint64_t silence_at_ns;

	if (!has_timers(tx)) {
		return UINT64_MAX;
	}
	silence_at_ns = find_silence_at_ns(tx);
	return silence_at_ns < tx->overtaken_at_ns ? silence_at_ns : tx->overtaken_at_ns;
}

/* What was sent and is not known to have arrived. */
static uint64_t
find_missing(const struct peal_channel_tx *tx)
{
	uint32_t count = peal_channel_tx_places_count(tx);
	uint64_t all = count < PEAL_CHANNEL_WINDOW ? (UINT64_C(1) << count) - 1U : UINT64_MAX;

	return all & ~tx->arrived;
}

/* Nothing was heard for long. */
static void
on_silence(struct peal_channel_tx *tx)
{
	uint32_t count = peal_channel_tx_places_count(tx);
	uint64_t missing = find_missing(tx);

	if (PEAL_BUG(TAIL_NEVER_REPEATED) && count > 0) {
		tx->heard_at_ns += tx->config.rto_ns_max;
		return;
	}
	if (PEAL_BUG(CREDIT_NOT_ASKED) && count == 0) {
		tx->heard_at_ns += tx->config.rto_ns_max;
		return;
	}
	if (count == 0) {
		tx->is_probe_due = true;
		note(tx, PEAL_COUNTER_CHANNEL_BLOCKED);
		tx->backoff += tx->backoff < BACKOFF_MAX;
		return;
	}
	/* The oldest of all is always missing. */
	PEAL_DASSERT(missing != 0);
	if (!tx->is_tail_asked && tx->backoff == 0) {
		tx->is_tail_asked = tx->is_tail_due = true;
		note(tx, PEAL_COUNTER_CHANNEL_TAIL_PROBES);
		tx->lost |= UINT64_C(1) << (63U - (uint32_t)__builtin_clzll(missing));
		return;
	}
	note(tx, PEAL_COUNTER_CHANNEL_TIMEOUTS);
	tx->backoff += tx->backoff < BACKOFF_MAX;
	tx->is_tail_due = true;
	tx->lost |= missing & (~missing + 1U);
}

void
peal_channel_tx_on_path(struct peal_channel_tx *tx, uint64_t now_ns)
{
	if (tx->epoch == 0) {
		return;
	}
	peal_rtt_init(&tx->rtt, tx->config.rto_ns_min, tx->config.rto_ns_max, PEAL_CHANNEL_HOLD_NS);
	tx->lost = find_missing(tx);
	/* Who waits for credit asks again; that it had asked before is nothing. */
	tx->is_probe_due = peal_channel_tx_places_count(tx) == 0 && peal_channel_tx_has_new(tx);
	tx->is_tail_asked = tx->is_tail_due = false;
	tx->backoff = 0;
	tx->heard_at_ns = now_ns;
}

void
peal_channel_tx_on_timer(struct peal_channel_tx *tx, uint64_t now_ns)
{
	if (!has_timers(tx)) {
		return;
	}
	if (now_ns >= tx->overtaken_at_ns) {
		find_overtaken(tx, now_ns);
	}
	if ((tx->lost == 0 || tx->is_waiting) && now_ns >= find_silence_at_ns(tx)) {
		on_silence(tx);
	}
}
