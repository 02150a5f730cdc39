/* SPDX-License-Identifier: BSD-3-Clause */
#include "dataplane/channel_rx.h"

#include "tests/lib/cmocka_all.h"
#include "tests/lib/first_seq.h"

#include <string.h>

#define BUFFERS_COUNT PEAL_CHANNEL_WINDOW
#define BUFFER_SIZE   40U
#define FIRST_SEQ     0xFFFFFFFEU /* every test that takes three frames wraps */

#define DATA     PEAL_CHANNEL_FLAG_DATA
#define FRAGMENT (PEAL_CHANNEL_FLAG_DATA | PEAL_CHANNEL_FLAG_FRAGMENT)
#define FIN      (PEAL_CHANNEL_FLAG_DATA | PEAL_CHANNEL_FLAG_FIN)

static struct peal_channel_rx rx;
static struct peal_framepool pool;
static uint8_t buffers[BUFFERS_COUNT * BUFFER_SIZE];
static uint64_t now_ns;
static struct peal_delivery last;
static uint32_t deliveries_count;
static uint32_t text_size;
static char text[512]; /* all that was delivered, each part followed by '.' */

static void
deliver(void *state, const struct peal_delivery *delivery)
{
	assert_ptr_equal(state, &rx);
	assert_true(text_size + delivery->size + 2 <= sizeof(text));
	memcpy(text + text_size, delivery->bytes, delivery->size);
	text_size += delivery->size;
	text[text_size++] = '.';
	text[text_size] = 0;
	last = *delivery;
	deliveries_count++;
}

static const struct peal_channel_sink sink = {deliver, &rx};

static void
open_with(uint16_t buffers_count, uint32_t room)
{
	peal_framepool_init(&pool, buffers, BUFFER_SIZE, buffers_count);
	peal_channel_rx_open(&rx, peal_epoch_from_first_seq(FIRST_SEQ), room);
	now_ns = 1000;
	deliveries_count = text_size = 0;
	text[0] = 0;
}

static int
begin(void **state)
{
	(void)state;
	open_with(BUFFERS_COUNT, PEAL_CHANNEL_WINDOW);
	return 0;
}

static int
finish(void **state)
{
	(void)state;
	peal_channel_rx_close(&rx, &pool);
	assert_int_equal(pool.free_count, pool.count);
	assert_int_equal(rx.epoch, 0);
	return 0;
}

/* The frame at `place`, counted from the first of the stream. */
static enum peal_channel_rx_outcome
take(uint32_t place, uint8_t flags, const void *data, uint32_t size)
{
	const struct peal_channel_msg message = {
		.epoch = rx.epoch, .seq = FIRST_SEQ + place, .flags = flags};

	return peal_channel_rx_on_data(&rx, &pool, &message, data, size, &sink, now_ns);
}

/* A frame with one message of one letter. */
static enum peal_channel_rx_outcome
take_letter(uint32_t place, char letter)
{
	const uint8_t data[3] = {1, 0, (uint8_t)letter};

	return take(place, DATA, data, sizeof(data));
}

static enum peal_channel_rx_outcome
take_part(uint32_t place, uint32_t message_size, uint32_t offset, const char *bytes)
{
	uint8_t data[32];
	uint32_t size = (uint32_t)strlen(bytes);

	memcpy(data, &message_size, 4);
	memcpy(data + 4, &offset, 4);
	for (uint32_t i = 0; i < size; i++) {
		data[8 + i] = (uint8_t)bytes[i];
	}
	return take(place, FRAGMENT, data, 8 + size);
}

static struct peal_channel_msg
answer(void)
{
	struct peal_channel_msg message = {0};

	peal_channel_rx_answer(&rx, &message, now_ns);
	return message;
}

static void
test_channel_rx__delivers_the_next_frame_from_where_it_lies(void **state)
{
	const uint8_t data[] = {2, 0, 'h', 'i', 0, 0, 3, 0, 'y', 'o', 'u'};

	(void)state;
	assert_false(rx.is_answer_owed);
	assert_int_equal(take(0, DATA, data, sizeof(data)), PEAL_CHANNEL_RX_DELIVERED);
	assert_string_equal(text, "hi..you.");
	assert_int_equal(deliveries_count, 3);
	assert_ptr_equal(last.bytes, data + 8);
	assert_int_equal(last.offset, 0);
	assert_int_equal(last.size, 3);
	assert_int_equal(last.message_size, 3);
	assert_int_equal(pool.free_count, BUFFERS_COUNT);
	assert_true(rx.is_answer_owed);
	assert_int_equal(answer().ack, FIRST_SEQ + 1);
}

static void
test_channel_rx__keeps_early_frames_until_it_is_their_turn(void **state)
{
	(void)state;
	assert_int_equal(take_letter(4, 'e'), PEAL_CHANNEL_RX_HELD);
	assert_int_equal(take_letter(1, 'b'), PEAL_CHANNEL_RX_HELD);
	assert_int_equal(take_letter(2, 'c'), PEAL_CHANNEL_RX_HELD);
	assert_int_equal(deliveries_count, 0);
	assert_int_equal(pool.free_count, BUFFERS_COUNT - 3);
	assert_int_equal(answer().sack, 0x0B);

	assert_int_equal(take_letter(0, 'a'), PEAL_CHANNEL_RX_DELIVERED);
	assert_string_equal(text, "a.b.c.");
	assert_int_equal(pool.free_count, BUFFERS_COUNT - 1);
	assert_int_equal(answer().ack, FIRST_SEQ + 3);
	assert_int_equal(answer().sack, 0x01);
	assert_int_equal(take_letter(3, 'd'), PEAL_CHANNEL_RX_DELIVERED);
	assert_string_equal(text, "a.b.c.d.e.");
	assert_int_equal(pool.free_count, BUFFERS_COUNT);
	assert_int_equal(answer().sack, 0);
}

static void
test_channel_rx__delivers_nothing_twice(void **state)
{
	(void)state;
	assert_int_equal(take_letter(0, 'a'), PEAL_CHANNEL_RX_DELIVERED);
	assert_int_equal(take_letter(2, 'c'), PEAL_CHANNEL_RX_HELD);
	(void)answer();
	now_ns += 7;
	assert_int_equal(take_letter(0, 'x'), PEAL_CHANNEL_RX_DUPLICATE);
	assert_true(rx.is_answer_owed); /* its sender missed the last one */
	assert_int_equal(take_letter(2, 'x'), PEAL_CHANNEL_RX_DUPLICATE);
	assert_int_equal(take_letter(UINT32_MAX, 'x'), PEAL_CHANNEL_RX_DUPLICATE);
	/* Half of all places lie behind. */
	assert_int_equal(take_letter(1U + (UINT32_C(1) << 31), 'x'), PEAL_CHANNEL_RX_DUPLICATE);
	assert_int_equal(take_letter((UINT32_C(1) << 31), 'x'), PEAL_CHANNEL_RX_BEYOND);
	assert_int_equal(pool.free_count, BUFFERS_COUNT - 1);
	assert_int_equal(take_letter(1, 'b'), PEAL_CHANNEL_RX_DELIVERED);
	assert_string_equal(text, "a.b.c.");
}

static void
test_channel_rx__takes_nothing_beyond_what_was_granted(void **state)
{
	(void)state;
	open_with(BUFFERS_COUNT, 0);
	assert_int_equal(answer().credit, FIRST_SEQ);
	assert_int_equal(take_letter(0, 'a'), PEAL_CHANNEL_RX_BEYOND);
	assert_true(rx.is_answer_owed);
	peal_channel_rx_grant(&rx, 2);
	assert_int_equal(answer().credit, FIRST_SEQ + 2);
	assert_int_equal(take_letter(2, 'c'), PEAL_CHANNEL_RX_BEYOND);
	assert_int_equal(take_letter(1, 'b'), PEAL_CHANNEL_RX_HELD);
	assert_int_equal(take_letter(0, 'a'), PEAL_CHANNEL_RX_DELIVERED);
	assert_int_equal(take_letter(2, 'c'), PEAL_CHANNEL_RX_BEYOND);
	assert_string_equal(text, "a.b.");
	assert_int_equal(answer().credit, FIRST_SEQ + 2);
}

static void
test_channel_rx__what_was_granted_stays_granted(void **state)
{
	(void)state;
	open_with(BUFFERS_COUNT, 10);
	peal_channel_rx_grant(&rx, 3);
	assert_int_equal(answer().credit, FIRST_SEQ + 10);
	assert_int_equal(take_letter(0, 'a'), PEAL_CHANNEL_RX_DELIVERED);
	peal_channel_rx_grant(&rx, 9);
	assert_int_equal(answer().credit, FIRST_SEQ + 10);
	peal_channel_rx_grant(&rx, 10);
	assert_int_equal(answer().credit, FIRST_SEQ + 11);
	peal_channel_rx_grant(&rx, UINT32_MAX); /* a window is all there ever is */
	assert_int_equal(answer().credit, FIRST_SEQ + 1 + PEAL_CHANNEL_WINDOW);
	peal_channel_rx_grant(&rx, 0);
	assert_int_equal(answer().credit, FIRST_SEQ + 1 + PEAL_CHANNEL_WINDOW);
}

static void
test_channel_rx__holds_a_whole_window(void **state)
{
	(void)state;
	for (uint32_t i = PEAL_CHANNEL_WINDOW - 1; i > 0; i--) {
		assert_int_equal(take_letter(i, (char)('0' + i)), PEAL_CHANNEL_RX_HELD);
	}
	assert_true(answer().sack == UINT64_MAX >> 1);
	assert_int_equal(take_letter(PEAL_CHANNEL_WINDOW, 'x'), PEAL_CHANNEL_RX_BEYOND);
	assert_int_equal(take_letter(0, '0'), PEAL_CHANNEL_RX_DELIVERED);
	assert_int_equal(deliveries_count, PEAL_CHANNEL_WINDOW);
	for (uint32_t i = 0; i < PEAL_CHANNEL_WINDOW; i++) {
		assert_int_equal(text[(size_t)i * 2U], '0' + i);
	}
	assert_int_equal(pool.free_count, BUFFERS_COUNT);
	assert_int_equal(answer().ack, FIRST_SEQ + PEAL_CHANNEL_WINDOW);
}

static void
test_channel_rx__drops_an_early_frame_without_a_buffer(void **state)
{
	const uint8_t large[BUFFER_SIZE + 1] = {BUFFER_SIZE - 1};

	(void)state;
	open_with(1, PEAL_CHANNEL_WINDOW);
	assert_int_equal(take(1, DATA, large, sizeof(large)), PEAL_CHANNEL_RX_NO_BUFFER);
	assert_int_equal(pool.free_count, 1);
	assert_int_equal(take_letter(2, 'c'), PEAL_CHANNEL_RX_HELD);
	assert_int_equal(take_letter(1, 'b'), PEAL_CHANNEL_RX_NO_BUFFER);
	assert_int_equal(take_letter(2, 'x'), PEAL_CHANNEL_RX_DUPLICATE);
	assert_int_equal(answer().sack, 0x02);
	assert_int_equal(take_letter(0, 'a'), PEAL_CHANNEL_RX_DELIVERED);
	assert_int_equal(take_letter(1, 'b'), PEAL_CHANNEL_RX_DELIVERED);
	assert_string_equal(text, "a.b.c.");
	/* In its turn a frame needs no buffer, however large. */
	assert_int_equal(take(3, DATA, large, sizeof(large)), PEAL_CHANNEL_RX_DELIVERED);
}

static void
test_channel_rx__delivers_large_messages_in_parts(void **state)
{
	(void)state;
	assert_int_equal(take_part(1, 6, 2, "cde"), PEAL_CHANNEL_RX_HELD);
	assert_int_equal(take_part(0, 6, 0, "ab"), PEAL_CHANNEL_RX_DELIVERED);
	assert_string_equal(text, "ab.cde.");
	assert_int_equal(last.message_size, 6);
	assert_int_equal(last.offset, 2);
	assert_int_equal(last.size, 3);
	assert_int_equal(take_part(2, 6, 5, "f"), PEAL_CHANNEL_RX_DELIVERED);
	assert_int_equal(last.offset + last.size, last.message_size);
	/* The next one may be of another size, be whole in one part, or be small. */
	assert_int_equal(take_part(3, 2, 0, "gh"), PEAL_CHANNEL_RX_DELIVERED);
	assert_int_equal(take_letter(4, 'i'), PEAL_CHANNEL_RX_DELIVERED);
	assert_int_equal(take_part(5, PEAL_MESSAGE_SIZE_MAX, 0, "j"), PEAL_CHANNEL_RX_DELIVERED);
	assert_string_equal(text, "ab.cde.f.gh.i.j.");
}

static void
test_channel_rx__the_end_has_its_place(void **state)
{
	(void)state;
	assert_int_equal(take(1, FIN, "", 0), PEAL_CHANNEL_RX_HELD);
	assert_false(rx.is_finished);
	assert_int_equal(take_letter(0, 'a'), PEAL_CHANNEL_RX_DELIVERED);
	assert_true(rx.is_finished);
	assert_string_equal(text, "a.");
	assert_int_equal(answer().ack, FIRST_SEQ + 2);
	assert_int_equal(take(1, FIN, "", 0), PEAL_CHANNEL_RX_DUPLICATE);
	assert_true(rx.is_finished);
}

static void
test_channel_rx__says_what_is_here(void **state)
{
	struct peal_channel_msg message = {.epoch = 5, .seq = 6, .channel = 7, .flags = DATA};

	(void)state;
	assert_int_equal(take_letter(1, 'b'), PEAL_CHANNEL_RX_HELD);
	now_ns += 250;
	peal_channel_rx_answer(&rx, &message, now_ns);
	assert_true(message.ack_epoch == rx.epoch);
	assert_int_equal(message.ack, FIRST_SEQ);
	assert_int_equal(message.sack, 1);
	assert_int_equal(message.credit, FIRST_SEQ + PEAL_CHANNEL_WINDOW);
	assert_int_equal(message.delay_ns, 250);
	assert_int_equal(message.flags, DATA | PEAL_CHANNEL_FLAG_ACK);
	assert_int_equal(message.epoch, 5);
	assert_int_equal(message.seq, 6);
	assert_int_equal(message.channel, 7);
	assert_false(rx.is_answer_owed);

	peal_channel_rx_owe(&rx, now_ns);
	assert_true(rx.is_answer_owed);
	now_ns += UINT32_MAX - 1U;
	assert_int_equal(answer().delay_ns, UINT32_MAX - 1U);
	now_ns += 100;
	assert_int_equal(answer().delay_ns, UINT32_MAX);
	assert_int_equal(take_letter(0, 'a'), PEAL_CHANNEL_RX_DELIVERED);
	assert_int_equal(answer().delay_ns, 0);
}

static void
test_channel_rx__an_answer_to_one_frame_waits_for_company(void **state)
{
	const uint64_t patience_ns = 1000000;

	(void)state;
	/* Nothing has been answered yet: the peer does not know how far it may go. */
	assert_int_equal(take_letter(0, 'a'), PEAL_CHANNEL_RX_DELIVERED);
	assert_true(rx.is_answer_due);
	assert_int_equal(answer().ack, FIRST_SEQ + 1);
	assert_false(rx.is_answer_owed || rx.is_answer_due);

	assert_int_equal(take_letter(1, 'b'), PEAL_CHANNEL_RX_DELIVERED);
	assert_true(rx.is_answer_owed);
	assert_false(rx.is_answer_due);
	assert_true(
		peal_channel_rx_deadline_at_ns(&rx, patience_ns) == now_ns + PEAL_CHANNEL_HOLD_NS);
	now_ns += PEAL_CHANNEL_HOLD_NS - 1U;
	peal_channel_rx_on_timer(&rx, patience_ns, now_ns);
	assert_false(rx.is_answer_due);
	now_ns++;
	peal_channel_rx_on_timer(&rx, patience_ns, now_ns);
	assert_true(rx.is_answer_due);
	assert_true(peal_channel_rx_deadline_at_ns(&rx, patience_ns) == UINT64_MAX);
	/* The peer is told of it. */
	assert_int_equal(answer().delay_ns, PEAL_CHANNEL_HOLD_NS);

	/* A second frame does not wait, nor does the first any longer. */
	assert_int_equal(take_letter(2, 'c'), PEAL_CHANNEL_RX_DELIVERED);
	assert_int_equal(take_letter(3, 'd'), PEAL_CHANNEL_RX_DELIVERED);
	assert_true(rx.is_answer_due);
	(void)answer();
	/* What was taken along is owed no more. */
	assert_int_equal(take_letter(4, 'e'), PEAL_CHANNEL_RX_DELIVERED);
	(void)answer();
	assert_true(peal_channel_rx_deadline_at_ns(&rx, patience_ns) == UINT64_MAX);
}

static void
test_channel_rx__what_is_not_in_order_is_answered_at_once(void **state)
{
	static uint8_t large[BUFFER_SIZE + 1U];

	(void)state;
	assert_int_equal(take_letter(0, 'a'), PEAL_CHANNEL_RX_DELIVERED);
	(void)answer();
	assert_int_equal(take_letter(0, 'a'), PEAL_CHANNEL_RX_DUPLICATE);
	assert_true(rx.is_answer_due);
	(void)answer();
	assert_int_equal(take_letter(2, 'c'), PEAL_CHANNEL_RX_HELD);
	assert_true(rx.is_answer_due);
	(void)answer();
	/* A gap is filled: the peer may think of repeating more. */
	assert_int_equal(take_letter(1, 'b'), PEAL_CHANNEL_RX_DELIVERED);
	assert_true(rx.is_answer_due);
	(void)answer();
	assert_int_equal(take(4, DATA, large, sizeof(large)), PEAL_CHANNEL_RX_NO_BUFFER);
	assert_true(rx.is_answer_due);
	(void)answer();
	assert_int_equal(take_letter(1000, 'x'), PEAL_CHANNEL_RX_BEYOND);
	assert_true(rx.is_answer_due);
	(void)answer();
	/* One that may wait, and then one that may not. */
	assert_int_equal(take_letter(3, 'd'), PEAL_CHANNEL_RX_DELIVERED);
	assert_false(rx.is_answer_due);
	assert_int_equal(take_letter(3, 'd'), PEAL_CHANNEL_RX_DUPLICATE);
	assert_true(rx.is_answer_due);
	(void)answer();
	peal_channel_rx_owe(&rx, now_ns);
	assert_true(rx.is_answer_due);
	(void)answer();
	assert_int_equal(
		take(4, DATA | PEAL_CHANNEL_FLAG_FIN, large, 0), PEAL_CHANNEL_RX_DELIVERED);
	assert_true(rx.is_answer_due);
}

static void
test_channel_rx__who_has_no_credit_left_is_answered_at_once(void **state)
{
	(void)state;
	peal_channel_rx_open(&rx, rx.epoch, 2);
	assert_int_equal(take_letter(0, 'a'), PEAL_CHANNEL_RX_DELIVERED);
	peal_channel_rx_grant(&rx, 2);
	assert_int_equal(answer().credit, FIRST_SEQ + 3);
	assert_int_equal(take_letter(1, 'b'), PEAL_CHANNEL_RX_DELIVERED);
	peal_channel_rx_grant(&rx, 2);
	assert_false(rx.is_answer_due); /* it has one more */
	assert_int_equal(answer().credit, FIRST_SEQ + 4);
	peal_channel_rx_grant(&rx, 1);
	assert_int_equal(take_letter(2, 'c'), PEAL_CHANNEL_RX_DELIVERED);
	assert_false(rx.is_answer_due);
	(void)answer(); /* nothing more was granted */
	assert_int_equal(take_letter(3, 'd'), PEAL_CHANNEL_RX_DELIVERED);
	assert_true(rx.is_answer_due);
}

/* What cannot be: a frame in front of it that is good or NULL, and the bad one. */
struct lie {
	uint8_t before_flags;
	uint8_t before_size;
	uint8_t before[12];
	uint8_t flags;
	uint8_t size;
	uint8_t data[16];
};

#define NO_FRAME                                                                                   \
	0, 0,                                                                                      \
	{                                                                                          \
		0                                                                                  \
	}
#define LETTER                                                                                     \
	DATA, 3,                                                                                   \
	{                                                                                          \
		1, 0, 'a'                                                                          \
	}
#define PART                                                                                       \
	FRAGMENT, 10,                                                                              \
	{                                                                                          \
		4, 0, 0, 0, 0, 0, 0, 0, 'a', 'b'                                                   \
	}
#define END                                                                                        \
	FIN, 0,                                                                                    \
	{                                                                                          \
		0                                                                                  \
	}

static const struct lie lies[] = {
	{NO_FRAME, DATA, 1, {0}},
	{NO_FRAME, DATA, 3, {2, 0, 'x'}},
	{NO_FRAME, DATA, 3, {0, 1, 'x'}},
	{LETTER, DATA, 4, {1, 0, 'x', 0}}, /* half of a record's head behind a good one */
	{LETTER, FRAGMENT, 10, {4, 0, 0, 0, 2, 0, 0, 0, 'x', 'x'}}, /* begins in the middle */
	{NO_FRAME, FRAGMENT, 11, {2, 0, 0, 0, 0, 0, 0, 0, 'x', 'x', 'x'}},
	{NO_FRAME, FRAGMENT, 9, {0, 0, 0, 0, 0, 0, 0, 0, 'x'}},
	{NO_FRAME, FRAGMENT, 9, {1, 0, 0, 0x40, 0, 0, 0, 0, 'x'}}, /* one byte above the limit */
	{NO_FRAME, FRAGMENT, 9, {0xFF, 0xFF, 0xFF, 0xFF, 0, 0, 0, 0, 'x'}},
	{PART, FRAGMENT, 9, {4, 0, 0, 0, 0, 0, 0, 0, 'x'}},
	{PART, FRAGMENT, 9, {4, 0, 0, 0, 1, 0, 0, 0, 'x'}},
	{PART, FRAGMENT, 9, {4, 0, 0, 0, 3, 0, 0, 0, 'x'}},
	{PART, FRAGMENT, 9, {5, 0, 0, 0, 2, 0, 0, 0, 'x'}},
	{PART, FRAGMENT, 9, {1, 0, 0, 0, 2, 0, 0, 0, 'x'}},
	{PART, FRAGMENT, 11, {4, 0, 0, 0, 2, 0, 0, 0, 'x', 'x', 'x'}},
	{PART, LETTER},
	{PART, END},
	{END, LETTER},
	{END, PART},
	{END, END},
};

static void
check_lie(const struct lie *lie, bool is_early)
{
	uint32_t place = lie->before_flags != 0;

	/* Frames that wait behind it and a gap, to be given back. */
	assert_int_equal(take_letter(place + 1, 'y'), PEAL_CHANNEL_RX_HELD);
	assert_int_equal(take_letter(place + 3, 'z'), PEAL_CHANNEL_RX_HELD);
	if (is_early) {
		assert_int_equal(
			take(place, lie->flags, lie->data, lie->size), PEAL_CHANNEL_RX_HELD);
		assert_int_equal(take(0, lie->before_flags, lie->before, lie->before_size),
			PEAL_CHANNEL_RX_PROTOCOL);
	} else {
		if (place > 0) {
			assert_int_equal(take(0, lie->before_flags, lie->before, lie->before_size),
				PEAL_CHANNEL_RX_DELIVERED);
		}
		assert_int_equal(
			take(place, lie->flags, lie->data, lie->size), PEAL_CHANNEL_RX_PROTOCOL);
	}
	assert_null(strchr(text, 'y'));
	assert_null(strchr(text, 'z'));
	assert_int_equal(pool.free_count, BUFFERS_COUNT);
	peal_channel_rx_close(&rx, &pool);
	assert_int_equal(pool.free_count, BUFFERS_COUNT);
}

static void
test_channel_rx__what_cannot_be_ends_the_stream(void **state)
{
	(void)state;
	for (uint32_t i = 0; i < sizeof(lies) / sizeof(lies[0]); i++) {
		begin(state);
		check_lie(&lies[i], false);
		if (lies[i].before_flags != 0) {
			begin(state);
			check_lie(&lies[i], true);
		}
	}
}

static void
test_channel_rx__gives_all_buffers_back_when_it_closes(void **state)
{
	(void)state;
	for (uint32_t i = 1; i < PEAL_CHANNEL_WINDOW; i += 3) {
		assert_int_equal(take_letter(i, 'a'), PEAL_CHANNEL_RX_HELD);
	}
	peal_channel_rx_close(&rx, &pool);
	assert_int_equal(pool.free_count, BUFFERS_COUNT);
	assert_int_equal(rx.epoch, 0);
	/* It can begin again, and knows nothing of before. */
	peal_channel_rx_open(&rx, peal_epoch_from_first_seq(FIRST_SEQ), 4);
	assert_int_equal(answer().sack, 0);
	assert_int_equal(answer().credit, FIRST_SEQ + 4);
	assert_int_equal(take_letter(0, 'n'), PEAL_CHANNEL_RX_DELIVERED);
	assert_string_equal(text, "n.");
}

/* --- pieces --- */

#define PIECE      PEAL_CHANNEL_FLAG_PIECE
#define WHOLE_SIZE 3000U /* two full pieces and a rest */
#define WIDE_COUNT 4U

static uint8_t wide_buffers[WIDE_COUNT * PEAL_LARGE_BODY_SIZE_MAX];
static uint8_t whole[WHOLE_SIZE];
static uint32_t whole_count; /* delivered */

static void
deliver_whole(void *state, const struct peal_delivery *delivery)
{
	(void)state;
	if (delivery->size == 1) { /* a letter */
		deliveries_count++;
		return;
	}
	assert_int_equal(delivery->size, WHOLE_SIZE - 2U);
	assert_memory_equal(delivery->bytes, whole + 2, WHOLE_SIZE - 2U);
	whole_count++;
}

static const struct peal_channel_sink whole_sink = {deliver_whole, &rx};

static int
begin_wide(void **state)
{
	const uint16_t size = WHOLE_SIZE - 2U;

	(void)begin(state);
	peal_framepool_init(&pool, wide_buffers, PEAL_LARGE_BODY_SIZE_MAX, WIDE_COUNT);
	for (uint32_t i = 0; i < WHOLE_SIZE; i++) {
		whole[i] = (uint8_t)(i * 5U + (i >> 8));
	}
	memcpy(whole, &size, 2);
	whole_count = 0;
	return 0;
}

static enum peal_channel_rx_outcome
take_wide(uint32_t place, uint8_t flags, const void *data, uint32_t size)
{
	const struct peal_channel_msg message = {
		.epoch = rx.epoch, .seq = FIRST_SEQ + place, .flags = flags};

	return peal_channel_rx_on_data(&rx, &pool, &message, data, size, &whole_sink, now_ns);
}

/* A piece as it says it is: its own size may be another. */
static enum peal_channel_rx_outcome
take_said(uint32_t place, uint8_t flags, uint16_t whole_size, uint16_t index, uint32_t size)
{
	static uint8_t data[2048];
	uint32_t offset = index * PEAL_CHANNEL_PIECE_SIZE;

	memcpy(data, &whole_size, 2);
	memcpy(data + 2, &index, 2);
	if (offset < WHOLE_SIZE) {
		memcpy(data + 4, whole + offset,
			size < WHOLE_SIZE - offset ? size : WHOLE_SIZE - offset);
	}
	return take_wide(place, flags, data, 4U + size);
}

static enum peal_channel_rx_outcome
take_one(uint32_t place, uint16_t index)
{
	return take_said(place, DATA | PIECE, WHOLE_SIZE, index,
		index < 2 ? PEAL_CHANNEL_PIECE_SIZE : WHOLE_SIZE - 2U * PEAL_CHANNEL_PIECE_SIZE);
}

static void
test_channel_rx__puts_pieces_together(void **state)
{
	(void)state;
	assert_int_equal(take_one(0, 2), PEAL_CHANNEL_RX_PIECE);
	assert_int_equal(take_one(0, 0), PEAL_CHANNEL_RX_PIECE);
	assert_int_equal(take_one(0, 0), PEAL_CHANNEL_RX_PIECE);
	assert_int_equal(answer().ack, FIRST_SEQ); /* nothing is here yet */
	assert_int_equal(take_one(0, 1), PEAL_CHANNEL_RX_DELIVERED);
	assert_int_equal(whole_count, 1);
	assert_int_equal(answer().ack, FIRST_SEQ + 1U);
	assert_int_equal(pool.free_count, WIDE_COUNT);
	assert_int_equal(take_one(0, 1), PEAL_CHANNEL_RX_DUPLICATE);
	assert_int_equal(whole_count, 1);
}

static void
test_channel_rx__keeps_what_was_put_together_early(void **state)
{
	(void)state;
	for (uint16_t i = 0; i < 2; i++) {
		assert_int_equal(take_one(2, i), PEAL_CHANNEL_RX_PIECE);
	}
	assert_int_equal(take_one(2, 2), PEAL_CHANNEL_RX_HELD);
	assert_int_equal(answer().sack, 2);
	assert_int_equal(take_one(2, 2), PEAL_CHANNEL_RX_DUPLICATE);
	assert_int_equal(take_wide(2, DATA, whole, WHOLE_SIZE), PEAL_CHANNEL_RX_DUPLICATE);
	assert_int_equal(take_wide(0, DATA, "\1\0a", 3), PEAL_CHANNEL_RX_DELIVERED);
	assert_int_equal(whole_count, 0);
	/* The one between is on its way in pieces when the whole comes. */
	assert_int_equal(take_one(1, 0), PEAL_CHANNEL_RX_PIECE);
	assert_int_equal(take_wide(1, DATA, whole, WHOLE_SIZE), PEAL_CHANNEL_RX_DELIVERED);
	assert_int_equal(whole_count, 2);
	assert_int_equal(pool.free_count, WIDE_COUNT);
}

static void
test_channel_rx__early_frames_leave_buffers_to_pieces(void **state)
{
	(void)state;
	pool.reserved_count = 1;
	for (uint32_t i = 1; i < WIDE_COUNT; i++) {
		assert_int_equal(take_wide(i, DATA, "\1\0a", 3), PEAL_CHANNEL_RX_HELD);
	}
	assert_int_equal(take_wide(WIDE_COUNT, DATA, "\1\0a", 3), PEAL_CHANNEL_RX_NO_BUFFER);
	assert_int_equal(take_one(WIDE_COUNT, 0), PEAL_CHANNEL_RX_NO_BUFFER);
	/* And the share of its peer is used up. */
	pool.is_closed = true;
	assert_int_equal(take_one(0, 0), PEAL_CHANNEL_RX_PIECE);
	assert_int_equal(take_one(0, 1), PEAL_CHANNEL_RX_PIECE);
	assert_int_equal(take_one(0, 2), PEAL_CHANNEL_RX_DELIVERED);
	assert_int_equal(whole_count, 1);
	assert_int_equal(deliveries_count, WIDE_COUNT - 1U);
}

static void
test_channel_rx__pieces_that_cannot_be_end_the_stream(void **state)
{
	const uint32_t rest = WHOLE_SIZE - 2U * PEAL_CHANNEL_PIECE_SIZE;

	(void)state;
	/* A whole that would not have been cut, or is above all; an index behind it; sizes. */
	assert_int_equal(take_said(0, DATA | PIECE, PEAL_CHANNEL_PIECE_SIZE, 0, 100),
		PEAL_CHANNEL_RX_PROTOCOL);
	assert_int_equal(take_said(0, DATA | PIECE, PEAL_CHANNEL_DATA_SIZE_MAX + 1U, 0,
				 PEAL_CHANNEL_PIECE_SIZE),
		PEAL_CHANNEL_RX_PROTOCOL);
	assert_int_equal(take_said(0, DATA | PIECE, WHOLE_SIZE, 3, 1), PEAL_CHANNEL_RX_PROTOCOL);
	assert_int_equal(
		take_said(0, DATA | PIECE, WHOLE_SIZE, UINT16_MAX, 1), PEAL_CHANNEL_RX_PROTOCOL);
	assert_int_equal(take_said(0, DATA | PIECE, WHOLE_SIZE, 0, PEAL_CHANNEL_PIECE_SIZE - 1U),
		PEAL_CHANNEL_RX_PROTOCOL);
	assert_int_equal(
		take_said(0, DATA | PIECE, WHOLE_SIZE, 2, rest + 1U), PEAL_CHANNEL_RX_PROTOCOL);
	/* What does not belong to what is there. */
	assert_int_equal(take_one(0, 0), PEAL_CHANNEL_RX_PIECE);
	assert_int_equal(take_said(0, DATA | PIECE, WHOLE_SIZE + 1U, 2, rest + 1U),
		PEAL_CHANNEL_RX_PROTOCOL);
	assert_int_equal(take_said(0, FRAGMENT | PIECE, WHOLE_SIZE, 1, PEAL_CHANNEL_PIECE_SIZE),
		PEAL_CHANNEL_RX_PROTOCOL);
	/* One with buffers for small frames only takes none. */
	peal_channel_rx_close(&rx, &pool);
	open_with(BUFFERS_COUNT, PEAL_CHANNEL_WINDOW);
	assert_int_equal(take_one(0, 0), PEAL_CHANNEL_RX_PROTOCOL);
}

static void
test_channel_rx__gives_unfinished_pieces_back(void **state)
{
	(void)state;
	assert_int_equal(take_one(0, 0), PEAL_CHANNEL_RX_PIECE);
	assert_int_equal(take_one(5, 1), PEAL_CHANNEL_RX_PIECE);
	assert_int_equal(take_wide(3, DATA, "\1\0a", 3), PEAL_CHANNEL_RX_HELD);
	assert_int_equal(pool.free_count, WIDE_COUNT - 3U);
}

#define RX_TEST(name)   cmocka_unit_test_setup_teardown(name, begin, finish)
#define WIDE_TEST(name) cmocka_unit_test_setup_teardown(name, begin_wide, finish)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		RX_TEST(test_channel_rx__delivers_the_next_frame_from_where_it_lies),
		RX_TEST(test_channel_rx__keeps_early_frames_until_it_is_their_turn),
		RX_TEST(test_channel_rx__delivers_nothing_twice),
		RX_TEST(test_channel_rx__takes_nothing_beyond_what_was_granted),
		RX_TEST(test_channel_rx__what_was_granted_stays_granted),
		RX_TEST(test_channel_rx__holds_a_whole_window),
		RX_TEST(test_channel_rx__drops_an_early_frame_without_a_buffer),
		RX_TEST(test_channel_rx__delivers_large_messages_in_parts),
		RX_TEST(test_channel_rx__the_end_has_its_place),
		RX_TEST(test_channel_rx__says_what_is_here),
		RX_TEST(test_channel_rx__an_answer_to_one_frame_waits_for_company),
		RX_TEST(test_channel_rx__what_is_not_in_order_is_answered_at_once),
		RX_TEST(test_channel_rx__who_has_no_credit_left_is_answered_at_once),
		RX_TEST(test_channel_rx__what_cannot_be_ends_the_stream),
		RX_TEST(test_channel_rx__gives_all_buffers_back_when_it_closes),
		WIDE_TEST(test_channel_rx__puts_pieces_together),
		WIDE_TEST(test_channel_rx__keeps_what_was_put_together_early),
		WIDE_TEST(test_channel_rx__early_frames_leave_buffers_to_pieces),
		WIDE_TEST(test_channel_rx__pieces_that_cannot_be_end_the_stream),
		WIDE_TEST(test_channel_rx__gives_unfinished_pieces_back),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
