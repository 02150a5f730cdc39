/* SPDX-License-Identifier: BSD-3-Clause */
#include "dataplane/channel_tx.h"

#include "tests/lib/cmocka_all.h"
#include "tests/lib/first_seq.h"

#include <string.h>

#define FIRST_SEQ     0xFFFFFFFEU /* every test that sends three frames wraps */
#define DATA_SIZE_MAX 32U
#define US            UINT64_C(1000)
#define RTO_NS_MAX    (10000 * US)

#define DATA     PEAL_CHANNEL_FLAG_DATA
#define PIECE    PEAL_CHANNEL_FLAG_PIECE
#define FRAGMENT (PEAL_CHANNEL_FLAG_DATA | PEAL_CHANNEL_FLAG_FRAGMENT)
#define FIN      (PEAL_CHANNEL_FLAG_DATA | PEAL_CHANNEL_FLAG_FIN)
#define PROBE    PEAL_CHANNEL_FLAG_PROBE

static _Alignas(8) uint8_t ring[4096];
static struct peal_channel_tx tx;
static uint64_t now_ns;
static uint64_t tokens[8];
static uint32_t tokens_count;

/* The frame that was made last. */
static struct peal_channel_msg made;
static uint8_t made_data[DATA_SIZE_MAX];
static uint32_t made_size;

static void
note(void *state, uint64_t token)
{
	assert_ptr_equal(state, &tx);
	assert_true(tokens_count < 8);
	tokens[tokens_count++] = token;
}

static const struct peal_sendqueue_lender lender = {note, &tx};

static void
open_with(bool is_coalescing, uint32_t credit_count)
{
	const struct peal_channel_tx_config config = {.queue_bytes = ring,
		.queue_capacity = sizeof(ring),
		.data_size_max = DATA_SIZE_MAX,
		.is_coalescing = is_coalescing,
		.rto_ns_min = 10 * US,
		.rto_ns_max = RTO_NS_MAX};

	peal_channel_tx_open(&tx, &config, peal_epoch_from_first_seq(FIRST_SEQ), credit_count);
	now_ns = 5000 * US;
	tokens_count = 0;
}

static int
begin(void **state)
{
	(void)state;
	open_with(true, PEAL_CHANNEL_WINDOW);
	return 0;
}

/* A message of `size` times one letter. */
static void
accept(uint32_t size, char letter)
{
	uint8_t bytes[256];

	memset(bytes, letter, sizeof(bytes));
	assert_true(size <= sizeof(bytes));
	assert_true(peal_sendqueue_copy(&tx.queue, bytes, size));
}

static void
make(uint32_t place, uint8_t flags, uint32_t size)
{
	made = (struct peal_channel_msg){.channel = 77, .ack = 78, .reason = 0};
	memset(made_data, 0xEE, sizeof(made_data));
	assert_true(peal_channel_tx_is_ready(&tx));
	made_size = peal_channel_tx_make(&tx, &made, made_data, now_ns);
	assert_int_equal(made.seq - FIRST_SEQ, place);
	assert_int_equal(made.flags, flags);
	assert_int_equal(made_size, size);
	assert_true(made.epoch == tx.epoch);
	assert_int_equal(made.channel, 77);
	assert_int_equal(made.ack, 78);
}

/* `count` frames of one letter each, the first at `place`. */
static void
send_letters(uint32_t place, uint32_t count)
{
	for (uint32_t i = 0; i < count; i++) {
		accept(1, (char)('a' + (char)(place + i)));
		make(place + i, DATA, 3);
	}
}

static enum peal_channel_ack_outcome
answer(uint32_t ack, uint64_t sack, uint32_t credit, uint32_t delay_ns)
{
	const struct peal_channel_msg message = {.ack_epoch = tx.epoch,
		.ack = FIRST_SEQ + ack,
		.sack = sack,
		.credit = FIRST_SEQ + credit,
		.delay_ns = delay_ns};

	return peal_channel_tx_on_ack(&tx, &message, &lender, now_ns);
}

static void
take_answer(uint32_t ack, uint64_t sack)
{
	assert_int_equal(
		answer(ack, sack, ack + PEAL_CHANNEL_WINDOW, 0), PEAL_CHANNEL_ACK_PROGRESS);
}

/* One frame is answered after 100 us. An answer may wait for 5 us, so a time-out comes after 305,
 * and the tail is repeated after 205. A frame is overtaken after 125. */
#define TAIL_NS    (200 * US + PEAL_CHANNEL_HOLD_NS)
#define TIMEOUT_NS (300 * US + PEAL_CHANNEL_HOLD_NS)

static void
measure(void)
{
	send_letters(0, 1);
	now_ns += 100 * US;
	take_answer(1, 0);
	assert_int_equal(tx.rtt.smooth_ns, 100 * US);
}

/* Lets time pass until the timer has something to do, which must be after `span_ns`. */
static void
wait_for_timer(uint64_t span_ns)
{
	assert_false(peal_channel_tx_is_ready(&tx));
	assert_int_equal(peal_channel_tx_deadline_at_ns(&tx) - now_ns, span_ns);
	peal_channel_tx_on_timer(&tx, now_ns + span_ns - 1);
	assert_false(peal_channel_tx_is_ready(&tx));
	now_ns += span_ns;
	peal_channel_tx_on_timer(&tx, now_ns);
	assert_true(peal_channel_tx_is_ready(&tx));
	assert_true(peal_channel_tx_deadline_at_ns(&tx) == UINT64_MAX);
}

static void
test_channel_tx__fills_frames_with_small_messages(void **state)
{
	const uint8_t expected[DATA_SIZE_MAX] = {5, 0, 'a', 'a', 'a', 'a', 'a', 5, 0, 'b', 'b', 'b',
		'b', 'b', 14, 0, 'c', 'c', 'c', 'c', 'c', 'c', 'c', 'c', 'c', 'c', 'c', 'c', 'c',
		'c', 0, 0};

	(void)state;
	assert_false(peal_channel_tx_is_ready(&tx));
	assert_true(peal_channel_tx_is_idle(&tx));
	assert_true(peal_channel_tx_deadline_at_ns(&tx) == UINT64_MAX);
	accept(5, 'a');
	accept(5, 'b');
	accept(14, 'c');
	accept(0, 'd');
	accept(29, 'e');
	accept(0, 'f'); /* one byte is left, and a record has a head of two */
	assert_false(peal_channel_tx_is_idle(&tx));
	make(0, DATA, 32);
	assert_memory_equal(made_data, expected, sizeof(expected));
	make(1, DATA, 31);
	assert_int_equal(made_data[0], 29);
	make(2, DATA, 2);
	assert_memory_equal(made_data, "\0\0", 2);
	assert_false(peal_channel_tx_is_ready(&tx));
	assert_false(peal_channel_tx_is_idle(&tx));
	take_answer(3, 0);
	assert_true(peal_channel_tx_is_idle(&tx));
	assert_int_equal(tx.queue.released_count, 6);
}

static void
test_channel_tx__or_sends_each_alone(void **state)
{
	(void)state;
	open_with(false, PEAL_CHANNEL_WINDOW);
	accept(1, 'a');
	accept(0, 'b');
	accept(2, 'c');
	make(0, DATA, 3);
	make(1, DATA, 2);
	make(2, DATA, 4);
	assert_memory_equal(made_data, "\2\0cc", 4);
	assert_false(peal_channel_tx_is_ready(&tx));
}

static void
check_part(uint32_t message_size, uint32_t offset, char letter)
{
	uint32_t said[2];

	memcpy(said, made_data, 8);
	assert_int_equal(said[0], message_size);
	assert_int_equal(said[1], offset);
	for (uint32_t i = 8; i < made_size; i++) {
		assert_int_equal(made_data[i], letter);
	}
}

static void
test_channel_tx__cuts_large_messages_into_parts(void **state)
{
	(void)state;
	accept(1, 'a');
	accept(31, 'b'); /* one more than fits */
	accept(1, 'c');
	accept(48, 'd'); /* two parts exactly */
	accept(30, 'e'); /* fits */
	make(0, DATA, 3);
	make(1, FRAGMENT, 32);
	check_part(31, 0, 'b');
	assert_false(peal_channel_tx_is_idle(&tx));
	make(2, FRAGMENT, 8 + 7);
	check_part(31, 24, 'b');
	make(3, DATA, 3);
	make(4, FRAGMENT, 32);
	check_part(48, 0, 'd');
	make(5, FRAGMENT, 32);
	check_part(48, 24, 'd');
	make(6, DATA, 32);
	assert_int_equal(made_data[0], 30);
	assert_int_equal(made_data[31], 'e');
	assert_false(peal_channel_tx_is_ready(&tx));
	take_answer(7, 0);
	assert_true(peal_channel_tx_is_idle(&tx));
}

static void
test_channel_tx__the_end_travels_alone(void **state)
{
	(void)state;
	accept(1, 'a');
	assert_true(peal_sendqueue_end(&tx.queue));
	make(0, DATA, 3);
	make(1, FIN, 0);
	assert_false(peal_channel_tx_is_ready(&tx));
	take_answer(1, 0);
	assert_false(peal_channel_tx_is_idle(&tx));
	take_answer(2, 0);
	assert_true(peal_channel_tx_is_idle(&tx));
}

static void
test_channel_tx__sends_nothing_past_the_credit(void **state)
{
	(void)state;
	open_with(false, 2);
	for (uint32_t i = 0; i < 4; i++) {
		accept(1, 'a');
	}
	make(0, DATA, 3);
	make(1, DATA, 3);
	assert_false(peal_channel_tx_is_ready(&tx));
	assert_int_equal(answer(1, 0, 2, 0), PEAL_CHANNEL_ACK_PROGRESS);
	assert_false(peal_channel_tx_is_ready(&tx));
	assert_int_equal(answer(1, 0, 3, 0), PEAL_CHANNEL_ACK_PROGRESS);
	make(2, DATA, 3);
	/* An older answer comes late: it takes nothing back, and gives nothing. */
	assert_int_equal(answer(1, 0, 2, 0), PEAL_CHANNEL_ACK_OLD);
	assert_false(peal_channel_tx_is_ready(&tx));
	assert_int_equal(answer(2, 0, 4, 0), PEAL_CHANNEL_ACK_PROGRESS);
	assert_int_equal(answer(2, 0, 3, 0), PEAL_CHANNEL_ACK_OLD);
	make(3, DATA, 3);
}

static void
test_channel_tx__has_a_window_on_its_way_at_most(void **state)
{
	(void)state;
	open_with(false, 1000);
	send_letters(0, PEAL_CHANNEL_WINDOW);
	accept(1, 'x');
	accept(1, 'y');
	assert_false(peal_channel_tx_is_ready(&tx));
	/* What arrived behind a gap makes no room. */
	take_answer(0, UINT64_MAX >> 1 ^ 1U);
	assert_false(peal_channel_tx_is_ready(&tx));
	take_answer(1, UINT64_MAX >> 2);
	make(PEAL_CHANNEL_WINDOW, DATA, 3);
	assert_false(peal_channel_tx_is_ready(&tx));
	take_answer(PEAL_CHANNEL_WINDOW + 1, 0);
	make(PEAL_CHANNEL_WINDOW + 1, DATA, 3);
	take_answer(PEAL_CHANNEL_WINDOW + 2, 0);
	assert_true(peal_channel_tx_is_idle(&tx));
}

/* What a request says again of the last reply. */
static void
test_channel_tx__an_answer_again_changes_nothing(void **state)
{
	struct peal_channel_tx before;

	(void)state;
	measure();
	before = tx;
	before.arrived_count = 0;
	before.sample_ns = 0;
	now_ns += 1000 * US;
	assert_int_equal(answer(1, 0, 1 + PEAL_CHANNEL_WINDOW, 7), PEAL_CHANNEL_ACK_OLD);
	assert_memory_equal(&tx, &before, sizeof(tx));
	assert_true(peal_channel_tx_deadline_at_ns(&tx) == UINT64_MAX);
	/* Bits of what was never sent are a lie. */
	assert_int_equal(answer(1, 1, 1 + PEAL_CHANNEL_WINDOW, 7), PEAL_CHANNEL_ACK_LIE);
	assert_int_equal(answer(2, 0, 1 + PEAL_CHANNEL_WINDOW, 7), PEAL_CHANNEL_ACK_LIE);
	assert_memory_equal(&tx, &before, sizeof(tx));
}

static void
test_channel_tx__old_answers_say_nothing(void **state)
{
	(void)state;
	send_letters(0, 4);
	assert_int_equal(answer(0, 0, PEAL_CHANNEL_WINDOW, 0), PEAL_CHANNEL_ACK_OLD);
	take_answer(2, 1);
	assert_int_equal(answer(2, 1, 2 + PEAL_CHANNEL_WINDOW, 0), PEAL_CHANNEL_ACK_OLD);
	assert_int_equal(answer(2, 0, 2 + PEAL_CHANNEL_WINDOW, 0), PEAL_CHANNEL_ACK_OLD);
	assert_int_equal(answer(1, 4, 1 + PEAL_CHANNEL_WINDOW, 0), PEAL_CHANNEL_ACK_OLD);
	assert_int_equal(answer(0, UINT64_MAX, 1000, 0), PEAL_CHANNEL_ACK_OLD);
	assert_int_equal(tx.oldest_seq, FIRST_SEQ + 2);
	assert_int_equal(tx.arrived, 2); /* nothing un-arrives */
}

static void
test_channel_tx__lies_change_nothing(void **state)
{
	static struct peal_channel_tx before;
	static const struct {
		uint32_t ack;
		uint64_t sack;
		uint32_t credit;
	} lies[] = {
		{5, 0, 69}, /* the next was never sent */
		{0x7FFFFFFF, 0, 0x7FFFFFFF + 1U},
		{1, UINT64_C(1) << 2, 65}, /* place 4 neither */
		{1, 5, 65},                /* though place 2 was */
		{3, 1, 67},
		{4, 1, 68},
		{3, 0, 67}, /* place 3 was here already */
		{1, UINT64_C(1) << 63, 65},
		{2, 0, 2 + PEAL_CHANNEL_WINDOW + 1}, /* more than a window */
		{2, 0, 1},                           /* what was taken had no credit */
		{2, 0, 0x80000000U},
	};

	(void)state;
	send_letters(0, 4);
	now_ns += 10 * US;
	take_answer(1, 2);
	memcpy(&before, &tx, sizeof(tx));
	for (uint32_t i = 0; i < sizeof(lies) / sizeof(lies[0]); i++) {
		now_ns += US;
		assert_int_equal(
			answer(lies[i].ack, lies[i].sack, lies[i].credit, 0), PEAL_CHANNEL_ACK_LIE);
		assert_memory_equal(&tx, &before, sizeof(tx));
	}
	take_answer(4, 0);
}

static void
test_channel_tx__measures_without_the_receiver_s_delay(void **state)
{
	(void)state;
	send_letters(0, 1);
	now_ns += 150 * US;
	assert_int_equal(answer(1, 0, 65, 50 * US), PEAL_CHANNEL_ACK_PROGRESS);
	assert_int_equal(tx.rtt.smooth_ns, 100 * US);
	/* A delay longer than the whole is no measurement. */
	send_letters(1, 1);
	now_ns += 50 * US;
	assert_int_equal(answer(2, 0, 66, 51 * US), PEAL_CHANNEL_ACK_PROGRESS);
	assert_int_equal(tx.rtt.smooth_ns, 100 * US);
	/* Nor is the answer to one that was sent twice. */
	send_letters(2, 1);
	wait_for_timer(TAIL_NS);
	make(2, DATA, 3);
	now_ns += 20 * US;
	take_answer(3, 0);
	assert_int_equal(tx.rtt.smooth_ns, 100 * US);
	/* Of several it is the one that left last. */
	send_letters(3, 1);
	now_ns += 300 * US;
	send_letters(4, 1);
	now_ns += 100 * US;
	take_answer(5, 0);
	assert_int_equal(tx.rtt.smooth_ns, 100 * US);
}

static void
test_channel_tx__repeats_what_was_overtaken(void **state)
{
	(void)state;
	measure();
	accept(2, 'x');
	make(1, DATA, 4);
	now_ns += 10 * US;
	send_letters(2, 1);
	now_ns += 10 * US;
	send_letters(3, 2); /* at one time: their places tell */
	now_ns += 100 * US;
	take_answer(1, 2); /* place 3 is there */
	accept(1, 'z');    /* must not get into a frame that has left */
	make(5, DATA, 3);
	wait_for_timer(5 * US); /* 125 after it left */
	make(1, DATA, 4);
	assert_memory_equal(made_data, "\2\0xx", 4);
	wait_for_timer(10 * US);
	make(2, DATA, 3);
	/* Places 4 and 5 have not been overtaken by anything. */
	assert_false(peal_channel_tx_is_ready(&tx));
	assert_int_equal(peal_channel_tx_deadline_at_ns(&tx) - now_ns, TAIL_NS);
	/* What is sent again overtakes as well: place 1 does 4 and 5, but not 2. */
	now_ns += 50 * US;
	take_answer(2, 1);
	make(4, DATA, 3); /* 165 after it left */
	assert_false(peal_channel_tx_is_ready(&tx));
	wait_for_timer(60 * US);
	make(5, DATA, 3);
	assert_memory_equal(made_data, "\1\0z", 3);
	take_answer(6, 0);
	assert_true(peal_channel_tx_is_idle(&tx));
	assert_true(peal_channel_tx_deadline_at_ns(&tx) == UINT64_MAX);
}

static void
test_channel_tx__waits_longer_each_time(void **state)
{
	uint64_t wait_ns = TIMEOUT_NS;

	(void)state;
	measure();
	accept(31, 'p');
	make(1, FRAGMENT, 32);
	make(2, FRAGMENT, 15);
	assert_true(peal_sendqueue_end(&tx.queue));
	make(3, FIN, 0);
	wait_for_timer(TAIL_NS);
	make(3, FIN, 0); /* the newest asks what is missing */
	for (uint32_t i = 0; i < 30; i++) {
		wait_for_timer(wait_ns);
		assert_true(peal_channel_tx_is_urgent(&tx));
		make(1, FRAGMENT, 32); /* and then the oldest, one at a time */
		check_part(31, 0, 'p');
		assert_false(peal_channel_tx_is_ready(&tx));
		assert_int_equal(peal_channel_tx_flights_count(&tx), 3);
		wait_ns = 2 * wait_ns < RTO_NS_MAX ? 2 * wait_ns : RTO_NS_MAX;
	}
	/* Any progress begins anew; what arrived is not repeated. */
	now_ns += 10 * US;
	take_answer(1, 3);
	assert_int_equal(tx.backoff, 0);
	assert_int_equal(tx.rtt.smooth_ns, 100 * US);
	wait_for_timer(TAIL_NS);
	make(1, FRAGMENT, 32);
	wait_for_timer(TIMEOUT_NS);
	make(1, FRAGMENT, 32);
	assert_false(peal_channel_tx_is_ready(&tx));
}

static void
test_channel_tx__one_repeat_that_arrives_tells_of_all(void **state)
{
	(void)state;
	measure();
	send_letters(1, 6);
	wait_for_timer(TAIL_NS);
	make(6, DATA, 3);
	wait_for_timer(TIMEOUT_NS);
	make(1, DATA, 3);
	assert_false(peal_channel_tx_is_ready(&tx));
	now_ns += 100 * US;
	/* The peer has it and nothing else: all that left before is lost. */
	take_answer(2, 0);
	for (uint32_t i = 2; i <= 6; i++) {
		make(i, DATA, 3);
	}
	assert_false(peal_channel_tx_is_ready(&tx));
	now_ns += 100 * US;
	take_answer(7, 0);
	assert_true(peal_channel_tx_is_idle(&tx));
	assert_false(tx.has_repeats);
}

static void
test_channel_tx__an_answer_too_soon_is_not_to_the_repeat(void **state)
{
	(void)state;
	measure();
	send_letters(1, 4);
	wait_for_timer(TAIL_NS);
	make(4, DATA, 3);
	wait_for_timer(TIMEOUT_NS);
	make(1, DATA, 3);
	/* It stood still and wakes up: what it says is about what left first. */
	now_ns += 10 * US;
	take_answer(2, 0);
	assert_false(peal_channel_tx_is_ready(&tx));
	now_ns += 10 * US;
	take_answer(5, 0);
	assert_true(peal_channel_tx_is_idle(&tx));
}

static void
test_channel_tx__does_not_repeat_what_arrived_meanwhile(void **state)
{
	(void)state;
	measure();
	send_letters(1, 3);
	wait_for_timer(TAIL_NS);
	make(3, DATA, 3);
	wait_for_timer(TIMEOUT_NS);
	take_answer(2, 1); /* places 1 and 3 are there after all */
	make(2, DATA, 3);
	assert_false(peal_channel_tx_is_ready(&tx));
}

static void
test_channel_tx__asks_for_credit_when_blocked(void **state)
{
	uint64_t wait_ns = TIMEOUT_NS;

	(void)state;
	open_with(false, 1);
	send_letters(0, 1);
	now_ns += 100 * US;
	assert_int_equal(answer(1, 0, 1, 0), PEAL_CHANNEL_ACK_PROGRESS);
	assert_true(peal_channel_tx_deadline_at_ns(&tx) == UINT64_MAX); /* nothing to ask for */
	accept(1, 'b');
	for (uint32_t i = 0; i < 30; i++) {
		wait_for_timer(wait_ns);
		make(1, PROBE, 0);
		assert_false(peal_channel_tx_is_ready(&tx));
		wait_ns = 2 * wait_ns < RTO_NS_MAX ? 2 * wait_ns : RTO_NS_MAX;
		assert_int_equal(answer(1, 0, 1, 0), PEAL_CHANNEL_ACK_OLD);
	}
	assert_int_equal(answer(1, 0, 2, 0), PEAL_CHANNEL_ACK_PROGRESS);
	make(1, DATA, 3); /* at the place that the questions named */
	assert_false(peal_channel_tx_is_ready(&tx));
	now_ns += 100 * US;
	assert_int_equal(answer(2, 0, 2, 0), PEAL_CHANNEL_ACK_PROGRESS);
	assert_true(peal_channel_tx_is_idle(&tx));
}

static void
test_channel_tx__gives_loans_back_when_they_have_arrived(void **state)
{
	static const uint8_t bytes[40];

	(void)state;
	assert_true(peal_sendqueue_lend(&tx.queue, bytes, 1, 1));
	assert_true(peal_sendqueue_lend(&tx.queue, bytes, sizeof(bytes), 2));
	assert_true(peal_sendqueue_lend(&tx.queue, NULL, 0, 3));
	make(0, DATA, 3);
	make(1, FRAGMENT, 32);
	make(2, FRAGMENT, 8 + 16);
	make(3, DATA, 2);
	take_answer(0, 1); /* behind the first: nothing can go back */
	assert_int_equal(tokens_count, 0);
	take_answer(2, 0); /* half of the second */
	assert_int_equal(tokens_count, 1);
	take_answer(3, 0);
	assert_int_equal(tokens_count, 2);
	take_answer(4, 0);
	assert_int_equal(tokens_count, 3);
	for (uint32_t i = 0; i < 3; i++) {
		assert_int_equal(tokens[i], i + 1);
	}
	assert_int_equal(tx.queue.head, tx.queue.tail);
}

static void
test_channel_tx__gives_all_loans_back_when_it_closes(void **state)
{
	static const uint8_t bytes[40];

	(void)state;
	for (uint32_t i = 1; i <= 4; i++) {
		assert_true(peal_sendqueue_lend(&tx.queue, bytes, sizeof(bytes), i));
	}
	make(0, FRAGMENT, 32);
	make(1, FRAGMENT, 24);
	make(2, FRAGMENT, 32);
	take_answer(1, 1);
	assert_int_equal(tokens_count, 0);
	peal_channel_tx_close(&tx, &lender);
	assert_int_equal(tokens_count, 4);
	for (uint32_t i = 0; i < 4; i++) {
		assert_int_equal(tokens[i], i + 1);
	}
	assert_int_equal(tx.epoch, 0);
	assert_true(peal_channel_tx_is_idle(&tx));
	assert_false(peal_channel_tx_is_ready(&tx));
	assert_true(peal_channel_tx_deadline_at_ns(&tx) == UINT64_MAX);
	peal_channel_tx_on_timer(&tx, UINT64_MAX - 1);
	assert_false(peal_channel_tx_is_ready(&tx));
	peal_channel_tx_close(&tx, &lender);
	assert_int_equal(tokens_count, 4);
}

/* --- frames of a size that changes --- */

#define SMALL_SIZE (PEAL_BODY_SIZE_MAX - PEAL_CHANNEL_HEADER_SIZE)
#define LARGE_SIZE PEAL_CHANNEL_DATA_SIZE_MAX
#define BIG        6000U

static uint8_t wide_data[LARGE_SIZE];

/* Makes a frame that may be large, and checks what it is. */
static uint32_t
make_wide(uint32_t place, uint8_t flags)
{
	struct peal_channel_msg message = {0};
	uint32_t size;

	assert_true(peal_channel_tx_is_ready(&tx));
	size = peal_channel_tx_make(&tx, &message, wide_data, now_ns);
	assert_int_equal(message.seq - FIRST_SEQ, place);
	assert_int_equal(message.flags, flags);
	return size;
}

/* A stream whose frames may be large, with a loan of `size` bytes that tell their places. */
static void
open_wide(uint32_t data_size_max, uint32_t size)
{
	static uint8_t loan[65536];
	const struct peal_channel_tx_config config = {.queue_bytes = ring,
		.queue_capacity = sizeof(ring),
		.data_size_max = data_size_max,
		.is_coalescing = true,
		.rto_ns_min = 10 * US,
		.rto_ns_max = RTO_NS_MAX};

	for (uint32_t i = 0; i < sizeof(loan); i++) {
		loan[i] = (uint8_t)(i * 7U + (i >> 8));
	}
	peal_channel_tx_open(
		&tx, &config, peal_epoch_from_first_seq(FIRST_SEQ), PEAL_CHANNEL_WINDOW);
	assert_true(peal_sendqueue_lend(&tx.queue, loan, size, 0));
}

static uint8_t
wide_byte(uint32_t at)
{
	return (uint8_t)(at * 7U + (at >> 8));
}

static void
test_channel_tx__new_frames_follow_the_path(void **state)
{
	(void)state;
	open_wide(SMALL_SIZE, 40000);
	assert_int_equal(make_wide(0, FRAGMENT), SMALL_SIZE);
	peal_channel_tx_resize(&tx, LARGE_SIZE);
	assert_int_equal(make_wide(1, FRAGMENT), LARGE_SIZE);
	/* It goes on where the small one ended. */
	for (uint32_t i = 8; i < LARGE_SIZE; i++) {
		assert_int_equal(wide_data[i], wide_byte(SMALL_SIZE - 8U + i - 8U));
	}
	peal_channel_tx_resize(&tx, SMALL_SIZE);
	assert_int_equal(make_wide(1, FRAGMENT | PIECE), 4 + PEAL_CHANNEL_PIECE_SIZE);
}

static void
test_channel_tx__what_began_in_parts_goes_on_in_parts(void **state)
{
	(void)state;
	open_wide(SMALL_SIZE, 2000); /* fits a large frame whole */
	assert_int_equal(make_wide(0, FRAGMENT), SMALL_SIZE);
	peal_channel_tx_resize(&tx, LARGE_SIZE);
	assert_int_equal(make_wide(1, FRAGMENT), 8 + 2000 - (SMALL_SIZE - 8));
	assert_false(peal_channel_tx_is_ready(&tx));
}

static void
test_channel_tx__what_is_too_large_leaves_in_pieces(void **state)
{
	uint8_t whole[LARGE_SIZE];
	uint8_t again[LARGE_SIZE] = {0};
	uint32_t whole_size;
	uint32_t count;

	(void)state;
	open_wide(LARGE_SIZE, BIG);
	accept(100, 'x');
	whole_size = make_wide(0, DATA);
	assert_int_equal(whole_size, 2 + BIG + 2 + 100);
	memcpy(whole, wide_data, whole_size);
	assert_false(peal_channel_tx_is_ready(&tx));
	accept(1, 'y');
	make_wide(1, DATA);
	peal_channel_tx_resize(&tx, SMALL_SIZE);
	/* What is small is not lost for that. */
	assert_int_equal(tx.lost, 1);
	count = (whole_size + PEAL_CHANNEL_PIECE_SIZE - 1U) / PEAL_CHANNEL_PIECE_SIZE;
	for (uint32_t i = 0; i < count; i++) {
		uint32_t size = make_wide(0, DATA | PIECE);
		uint16_t head[2];

		assert_true(size <= SMALL_SIZE);
		memcpy(head, wide_data, 4);
		assert_int_equal(head[0], whole_size);
		assert_int_equal(head[1], i);
		memcpy(again + (size_t)i * PEAL_CHANNEL_PIECE_SIZE, wide_data + 4, size - 4U);
	}
	assert_memory_equal(again, whole, whole_size);
	assert_false(peal_channel_tx_is_ready(&tx));
	assert_int_equal(peal_channel_tx_flights_count(&tx), 2);
	take_answer(2, 0);
	assert_true(peal_channel_tx_is_idle(&tx));
	assert_int_equal(tokens_count, 1);
}

static void
test_channel_tx__pieces_end_when_the_frame_is_there(void **state)
{
	(void)state;
	open_wide(LARGE_SIZE, BIG);
	make_wide(0, DATA);
	accept(1, 'x');
	make_wide(1, DATA);
	peal_channel_tx_resize(&tx, SMALL_SIZE);
	make_wide(0, DATA | PIECE);
	take_answer(1, 0); /* the whole came after all */
	assert_false(peal_channel_tx_is_ready(&tx));
	/* As wide as before: the next one that is lost leaves whole. */
	open_wide(LARGE_SIZE, BIG);
	make_wide(0, DATA);
	peal_channel_tx_resize(&tx, SMALL_SIZE);
	make_wide(0, DATA | PIECE);
	peal_channel_tx_resize(&tx, LARGE_SIZE);
	assert_int_equal(make_wide(0, DATA), 2 + BIG);
	assert_false(peal_channel_tx_is_ready(&tx));
}

static void
test_channel_tx__what_is_lent_need_not_be_copied(void **state)
{
	struct peal_channel_msg message = {0};
	struct peal_channel_rest rest;
	static const uint8_t small[8];
	uint32_t size;

	(void)state;
	open_wide(SMALL_SIZE, 3000);
	size = peal_channel_tx_make_parts(&tx, &message, wide_data, &rest, now_ns);
	assert_int_equal(size, SMALL_SIZE);
	assert_int_equal(rest.size, SMALL_SIZE - 8);
	for (uint32_t i = 0; i < rest.size; i++) {
		assert_int_equal(rest.bytes[i], wide_byte(i));
	}
	/* The next is where it lies, too; a repeat, and whoever does not ask, gets the same bytes.
	 */
	(void)peal_channel_tx_make_parts(&tx, &message, wide_data, &rest, now_ns);
	assert_int_equal(rest.bytes[0], wide_byte(SMALL_SIZE - 8));
	/* A copy before it in the frame; and what is small is copied. */
	open_wide(LARGE_SIZE, 300);
	accept(3, 'x');
	assert_int_equal(
		peal_channel_tx_make_parts(&tx, &message, wide_data, &rest, now_ns), 302 + 5);
	assert_int_equal(rest.size, 0); /* the loan is not the last */
	assert_true(peal_sendqueue_lend(&tx.queue, small, sizeof(small), 1));
	assert_int_equal(
		peal_channel_tx_make_parts(&tx, &message, wide_data, &rest, now_ns), 2 + 8);
	assert_int_equal(rest.size, 0);
	const struct peal_channel_tx_config config = tx.config;

	peal_channel_tx_open(&tx, &config, peal_epoch_from_first_seq(FIRST_SEQ), 64);
	accept(3, 'x');
	assert_true(peal_sendqueue_lend(&tx.queue, wide_data, 300, 2));
	assert_int_equal(
		peal_channel_tx_make_parts(&tx, &message, made_data, &rest, now_ns), 5 + 302);
	assert_int_equal(rest.size, 300);
	assert_ptr_equal(rest.bytes, wide_data);
	assert_int_equal(made_data[2], 'x');
	assert_int_equal(made_data[5] + made_data[6] * 256, 300);
	/* In pieces it is copied. */
	open_wide(LARGE_SIZE, BIG);
	make_wide(0, DATA);
	peal_channel_tx_resize(&tx, SMALL_SIZE);
	(void)peal_channel_tx_make_parts(&tx, &message, wide_data, &rest, now_ns);
	assert_int_equal(message.flags, DATA | PIECE);
	assert_int_equal(rest.size, 0);
}

static void
test_channel_tx__suspects_the_path_of_large_frames_only(void **state)
{
	(void)state;
	open_wide(LARGE_SIZE, BIG);
	make_wide(0, DATA);
	for (uint32_t i = 1; i < PEAL_CHANNEL_SENDS_SUSPECT + 1U; i++) {
		assert_false(tx.is_path_suspect);
		now_ns = peal_channel_tx_deadline_at_ns(&tx);
		peal_channel_tx_on_timer(&tx, now_ns);
		make_wide(0, DATA);
	}
	assert_true(tx.is_path_suspect);
	open_wide(LARGE_SIZE, 1000);
	make_wide(0, DATA);
	for (uint32_t i = 0; i < 2U * PEAL_CHANNEL_SENDS_SUSPECT; i++) {
		now_ns = peal_channel_tx_deadline_at_ns(&tx);
		peal_channel_tx_on_timer(&tx, now_ns);
		make_wide(0, DATA);
	}
	assert_false(tx.is_path_suspect);
}

#define TX_TEST(name) cmocka_unit_test_setup(name, begin)

static void
test_channel_tx__gives_up_what_was_not_begun(void **state)
{
	(void)state;
	accept(1, 'a');
	make(0, DATA, 3);
	accept(40, 'b');
	make(1, FRAGMENT, 32);
	accept(1, 'c');
	accept(1, 'd');
	/* The first is on its way, and of the second a part. */
	assert_int_equal(peal_channel_tx_drop(&tx, sizeof(ring), &lender), 2);
	assert_int_equal(peal_channel_tx_drop(&tx, sizeof(ring), &lender), 0);
	accept(1, 'e');
	make(2, FRAGMENT, 24);
	check_part(40, 24, 'b');
	make(3, DATA, 3);
	assert_int_equal(made_data[2], 'e');
	take_answer(4, 0);
	assert_true(peal_channel_tx_is_idle(&tx));
	assert_int_equal(tx.queue.accepted_count, 5);
	assert_int_equal(tx.queue.released_count, 5);
}

static void
test_channel_tx__counts_what_is_on_its_way(void **state)
{
	(void)state;
	measure();
	send_letters(1, 4);
	assert_int_equal(peal_channel_tx_flights_count(&tx), 4);
	now_ns += 100 * US;
	take_answer(1, 0x2); /* the third of four has arrived */
	assert_int_equal(tx.arrived_count, 1);
	assert_int_equal(tx.sample_ns, 100 * US);
	assert_int_equal(peal_channel_tx_flights_count(&tx), 3);
	now_ns += 125 * US;
	peal_channel_tx_on_timer(&tx, now_ns); /* the first two count as lost */
	assert_int_equal(peal_channel_tx_flights_count(&tx), 1);
	assert_false(peal_channel_tx_is_urgent(&tx));
	take_answer(5, 0);
	assert_int_equal(tx.arrived_count, 3);
	assert_int_equal(peal_channel_tx_flights_count(&tx), 0);
}

static void
test_channel_tx__who_waits_for_a_window_has_timers(void **state)
{
	(void)state;
	measure();
	send_letters(1, 2);
	accept(1, 'x');
	assert_true(peal_channel_tx_deadline_at_ns(&tx) == UINT64_MAX);
	tx.is_waiting = true;
	assert_int_equal(peal_channel_tx_deadline_at_ns(&tx), now_ns + TAIL_NS);
	now_ns += TAIL_NS;
	peal_channel_tx_on_timer(&tx, now_ns);
	assert_true(peal_channel_tx_is_urgent(&tx));
	make(2, DATA, 3);
	assert_false(peal_channel_tx_is_urgent(&tx));
	now_ns = peal_channel_tx_deadline_at_ns(&tx);
	peal_channel_tx_on_timer(&tx, now_ns);
	assert_int_equal(tx.backoff, 1);
	/* Nor does this repeat wait, or those that follow. */
	assert_true(peal_channel_tx_is_urgent(&tx));
	make(1, DATA, 3);
	assert_int_equal(peal_channel_tx_flights_count(&tx), 2);
	assert_int_equal(peal_channel_tx_deadline_at_ns(&tx), now_ns + 2 * TIMEOUT_NS);
}

/* Another way: all that is not known to be here is sent again now, and nothing is known of time. */
static void
test_channel_tx__sends_again_on_another_way(void **state)
{
	(void)state;
	measure();
	send_letters(1, 3);
	take_answer(1, 0x1); /* the second of three has arrived */
	now_ns += 1000 * US;
	peal_channel_tx_on_timer(&tx, now_ns);
	peal_channel_tx_on_path(&tx, now_ns);
	assert_int_equal(tx.backoff, 0);
	assert_int_equal(tx.rtt.smooth_ns, 0);
	make(1, DATA, 3);
	make(3, DATA, 3);
	assert_false(peal_channel_tx_is_ready(&tx));
	assert_int_equal(peal_channel_tx_deadline_at_ns(&tx), now_ns + PEAL_RTT_UNKNOWN_NS);
	take_answer(4, 0);
	assert_true(peal_channel_tx_is_idle(&tx));
	/* With nothing on its way there is nothing to do. */
	peal_channel_tx_on_path(&tx, now_ns);
	assert_false(peal_channel_tx_is_ready(&tx));
	assert_true(peal_channel_tx_deadline_at_ns(&tx) == UINT64_MAX);
}

static void
test_channel_tx__asks_for_credit_on_another_way(void **state)
{
	(void)state;
	open_with(true, 1);
	send_letters(0, 1);
	assert_int_equal(answer(1, 0, 1, 0), PEAL_CHANNEL_ACK_PROGRESS);
	accept(1, 'x');
	assert_false(peal_channel_tx_is_ready(&tx));
	peal_channel_tx_on_path(&tx, now_ns);
	make(1, PROBE, 0);
	assert_false(peal_channel_tx_is_ready(&tx));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TX_TEST(test_channel_tx__fills_frames_with_small_messages),
		TX_TEST(test_channel_tx__gives_up_what_was_not_begun),
		TX_TEST(test_channel_tx__counts_what_is_on_its_way),
		TX_TEST(test_channel_tx__who_waits_for_a_window_has_timers),
		TX_TEST(test_channel_tx__sends_again_on_another_way),
		TX_TEST(test_channel_tx__asks_for_credit_on_another_way),
		TX_TEST(test_channel_tx__or_sends_each_alone),
		TX_TEST(test_channel_tx__cuts_large_messages_into_parts),
		TX_TEST(test_channel_tx__the_end_travels_alone),
		TX_TEST(test_channel_tx__sends_nothing_past_the_credit),
		TX_TEST(test_channel_tx__has_a_window_on_its_way_at_most),
		TX_TEST(test_channel_tx__an_answer_again_changes_nothing),
		TX_TEST(test_channel_tx__old_answers_say_nothing),
		TX_TEST(test_channel_tx__lies_change_nothing),
		TX_TEST(test_channel_tx__measures_without_the_receiver_s_delay),
		TX_TEST(test_channel_tx__repeats_what_was_overtaken),
		TX_TEST(test_channel_tx__waits_longer_each_time),
		TX_TEST(test_channel_tx__one_repeat_that_arrives_tells_of_all),
		TX_TEST(test_channel_tx__an_answer_too_soon_is_not_to_the_repeat),
		TX_TEST(test_channel_tx__does_not_repeat_what_arrived_meanwhile),
		TX_TEST(test_channel_tx__asks_for_credit_when_blocked),
		TX_TEST(test_channel_tx__gives_loans_back_when_they_have_arrived),
		TX_TEST(test_channel_tx__gives_all_loans_back_when_it_closes),
		TX_TEST(test_channel_tx__new_frames_follow_the_path),
		TX_TEST(test_channel_tx__what_began_in_parts_goes_on_in_parts),
		TX_TEST(test_channel_tx__what_is_too_large_leaves_in_pieces),
		TX_TEST(test_channel_tx__pieces_end_when_the_frame_is_there),
		TX_TEST(test_channel_tx__what_is_lent_need_not_be_copied),
		TX_TEST(test_channel_tx__suspects_the_path_of_large_frames_only),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
