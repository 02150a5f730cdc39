/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A member that holds the keys and lies about channels, through whole cores: each lie is refused by
 * name and changes nothing, or ends the one stream that it is about; what it can take is bounded;
 * and what others say to each other goes on as fast as before.
 *
 * Node 0 is lied to, node 1 is honest, node 2 lies.
 */
#include "dataplane/channels.h"
#include "tests/lib/talkscene.h"

#define EPOCH      UINT64_C(77)   /* of the liar's stream */
#define OWN        UINT64_C(1000) /* of the victim's first stream */
#define LIES_COUNT 24U            /* in each turn of the victim */
#define TALK_TURNS 400U
#define WORD_SIZE  900U

static uint64_t draws;

static int
begin_lies(void **state)
{
	int result = begin(state);

	cores->nodes[2]->is_running = false; /* only what it is made to say */
	draws = 0;
	return result;
}

static uint64_t
counted(enum peal_counter id)
{
	return counter(0, id);
}

/* Frame `place` of the liar's stream. */
static struct peal_channel_msg
data_at(uint32_t place)
{
	return (struct peal_channel_msg){.epoch = EPOCH,
		.seq = peal_channel_first_seq(EPOCH) + place,
		.channel = NUMBER,
		.flags = PEAL_CHANNEL_FLAG_DATA};
}

/* Acknowledges `count` frames of the victim's stream. */
static struct peal_channel_msg
ack_of(uint32_t count)
{
	return (struct peal_channel_msg){.ack_epoch = OWN,
		.ack = peal_channel_first_seq(OWN) + count,
		.credit = peal_channel_first_seq(OWN) + count,
		.channel = NUMBER,
		.flags = PEAL_CHANNEL_FLAG_ACK};
}

static struct peal_channel *
channel_of(struct peal_speaker *speaker, uint16_t index)
{
	return &speaker->channels.table.channels[index];
}

/* The victim has said three messages to the liar, in a frame each. */
static uint16_t
say_three(void)
{
	static const uint8_t word[WORD_SIZE];
	uint16_t channel = PEAL_CHANNEL_NONE;

	assert_int_equal(peal_channels_open(&a->channels, 3, NUMBER, &channel), PEAL_CHANNEL_OK);
	for (uint32_t i = 0; i < 3; i++) {
		assert_int_equal(peal_channels_send(&a->channels, channel, word, sizeof(word)),
			PEAL_CHANNEL_OK);
	}
	turn_all(1);
	assert_int_equal(
		channel_of(a, channel)->tx.next_seq, (uint32_t)(peal_channel_first_seq(OWN) + 3U));
	return channel;
}

static void
test_liar__acknowledges_what_was_never_sent(void **state)
{
	uint16_t channel = say_three();
	const struct peal_channel_tx *tx = &channel_of(a, channel)->tx;
	uint32_t oldest_seq = tx->oldest_seq;
	uint32_t credit = tx->credit;
	struct peal_channel_msg lies[6];

	(void)state;
	for (uint32_t i = 0; i < 6; i++) {
		lies[i] = ack_of(0);
	}
	lies[0] = ack_of(4);                        /* one more than there are */
	lies[1] = ack_of(1U << 30);                 /* far more */
	lies[2].sack = UINT64_C(1) << 2;            /* the fourth arrived early */
	lies[3].sack = UINT64_C(1) << 63;           /* the last of a window */
	lies[4].credit += PEAL_CHANNEL_WINDOW + 1U; /* more than a window of credit */
	lies[5] = ack_of(3);
	lies[5].credit--; /* less credit than it has taken: as much too much, counted round */
	for (uint32_t i = 0; i < 6; i++) {
		inject(&lies[i], "", 0);
		assert_int_equal(counted(PEAL_COUNTER_CHANNEL_REFUSED_ACK), i + 1U);
		assert_int_equal(tx->oldest_seq, oldest_seq);
		assert_int_equal(tx->credit, credit);
		assert_int_equal(tx->arrived, 0);
	}
	/* The truth is still believed. */
	lies[0] = ack_of(3);
	inject(&lies[0], "", 0);
	assert_true(peal_channel_tx_is_idle(tx));
	assert_int_equal(a->ended_count, 0);
}

/* Credit that was given stays given: less of it is an older answer. */
static void
test_liar__takes_credit_back(void **state)
{
	uint16_t channel = say_three();
	const struct peal_channel_tx *tx = &channel_of(a, channel)->tx;
	struct peal_channel_msg message = ack_of(3);

	(void)state;
	message.credit += 40U;
	inject(&message, "", 0);
	assert_int_equal(tx->credit, (uint32_t)(peal_channel_first_seq(OWN) + 43U));
	for (uint32_t credit = 0; credit < 40; credit++) {
		message = ack_of(3);
		message.credit += credit;
		inject(&message, "", 0);
		assert_int_equal(tx->credit, (uint32_t)(peal_channel_first_seq(OWN) + 43U));
	}
	assert_int_equal(counted(PEAL_COUNTER_CHANNEL_REFUSED_ACK), 0);
}

/* A part of a large message. */
static uint16_t
write_part(uint8_t *data_out, uint32_t message_size, uint32_t offset, uint16_t size)
{
	memcpy(data_out, &message_size, 4);
	memcpy(data_out + 4, &offset, 4);
	memset(data_out + 8, 0x55, size);
	return (uint16_t)(PEAL_CHANNEL_FRAGMENT_SIZE + size);
}

static void
test_liar__sends_parts_that_do_not_fit(void **state)
{
	static const struct {
		uint32_t message_size, offset;
		uint16_t size;
		bool is_record; /* a whole message in the middle of a large one */
	} second[] = {
		{1000, 100, 901, false}, /* beyond the end */
		{1001, 100, 100, false}, /* of another size than before */
		{999, 100, 100, false},
		{1000, 101, 100, false}, /* a hole */
		{1000, 99, 100, false},  /* twice */
		{1000, 0, 100, false},   /* from the start */
		{1000, 1000, 1, false},
		{1000, UINT32_MAX - 49U, 100, false}, /* wraps */
		{PEAL_MESSAGE_SIZE_MAX + 1U, 100, 100, false},
		{0, 0, 1, false},
		{0, 0, 1, true},
	};

	(void)state;
	for (uint32_t i = 0; i < sizeof(second) / sizeof(second[0]); i++) {
		struct peal_channel_msg message = data_at(0);
		uint8_t data[PEAL_BODY_SIZE_MAX];
		uint16_t size = write_part(data, 1000, 0, 100);

		message.epoch += i;
		message.seq = peal_channel_first_seq(message.epoch);
		message.flags |= PEAL_CHANNEL_FLAG_FRAGMENT;
		inject(&message, data, size);
		assert_int_equal(a->opened_count, i + 1U);
		/* One that comes early waits, and goes with the stream. */
		message.seq += 2U;
		inject(&message, data, size);
		assert_int_equal(a->channels.pool.free_count, a->channels.pool.count - 1U);
		message.seq--;
		size = write_part(data, second[i].message_size, second[i].offset, second[i].size);
		if (second[i].is_record) {
			message.flags = PEAL_CHANNEL_FLAG_DATA;
			data[0] = 1;
			data[1] = 0;
			data[2] = 'x';
			size = 3;
		}
		inject(&message, data, size);
		assert_int_equal(counted(PEAL_COUNTER_CHANNEL_REFUSED_PROTOCOL), i + 1U);
		assert_int_equal(a->ended_count, i + 1U);
		assert_int_equal(a->last_reason, PEAL_CHANNEL_REASON_PROTOCOL);
		assert_int_equal(a->channels.pool.free_count, a->channels.pool.count);
		assert_int_equal(a->messages_count, 0);
	}
}

static void
test_liar__speaks_after_its_end(void **state)
{
	struct peal_channel_msg message = data_at(0);

	(void)state;
	message.flags |= PEAL_CHANNEL_FLAG_FIN;
	inject(&message, "", 0);
	assert_int_equal(a->finished_count, 1);
	message = data_at(1);
	inject(&message, "\1\0x", 3);
	assert_int_equal(counted(PEAL_COUNTER_CHANNEL_REFUSED_PROTOCOL), 1);
	assert_int_equal(a->last_reason, PEAL_CHANNEL_REASON_PROTOCOL);
	assert_int_equal(a->messages_count, 0);
}

/* Where nobody listens, nothing is kept. */
static void
test_liar__speaks_where_nobody_listens(void **state)
{
	(void)state;
	a->is_listening = false;
	for (uint32_t i = 0; i < 2000; i++) {
		struct peal_channel_msg message = {.epoch = 1U + i,
			.seq = i,
			.channel = (uint16_t)(i * 31U),
			.flags = PEAL_CHANNEL_FLAG_DATA};

		inject(&message, "\1\0x", 3);
	}
	assert_int_equal(counted(PEAL_COUNTER_CHANNEL_REFUSED_UNKNOWN), 2000);
	assert_int_equal(counted(PEAL_COUNTER_CHANNELS_OPENED), 0);
	assert_int_equal(a->opened_count, 0);
	assert_int_equal(a->channels.table.floors[2][0], 0);
}

/* The liar's stream of this epoch begins on a channel. */
static void
open_one(uint32_t nth, uint16_t number)
{
	struct peal_channel_msg message = {.epoch = EPOCH + nth,
		.seq = peal_channel_first_seq(EPOCH + nth),
		.channel = number,
		.flags = PEAL_CHANNEL_FLAG_DATA};

	inject(&message, "\1\0x", 3);
}

/* It opens for ever and takes a half; the honest one opens as many as it leaves. */
static void
test_liar__opens_more_than_its_share(void **state)
{
	uint16_t channel = PEAL_CHANNEL_NONE;

	(void)state;
	for (uint32_t i = 0; i < 2U * PEAL_CHANNELS_MAX; i++) {
		open_one(i, (uint16_t)i);
	}
	assert_int_equal(a->opened_count, PEAL_CHANNELS_MAX / 2U);
	assert_int_equal(counted(PEAL_COUNTER_CHANNEL_REFUSED_SHARE), 3U * PEAL_CHANNELS_MAX / 2U);
	assert_int_equal(counted(PEAL_COUNTER_CHANNEL_REFUSED_FULL), 0);
	/* Another life in the place of one is not one more. */
	open_one(2U * PEAL_CHANNELS_MAX, 5);
	assert_int_equal(a->opened_count, PEAL_CHANNELS_MAX / 2U + 1U);
	assert_int_equal(a->ended_count, 1);
	for (uint16_t i = 0; i < PEAL_CHANNELS_MAX / 4U; i++) {
		assert_int_equal(peal_channels_open(&b->channels, 1, i, &channel), PEAL_CHANNEL_OK);
		assert_int_equal(peal_channels_send(&b->channels, channel, (const uint8_t *)"x", 1),
			PEAL_CHANNEL_OK);
		turn_all(2);
	}
	assert_int_equal(a->opened_count, 3U * PEAL_CHANNELS_MAX / 4U + 1U);
	assert_int_equal(b->ended_count, 0);
	/* By now it has more than its share: what it ends is not given to it again. */
	open_one(2U * PEAL_CHANNELS_MAX + 1U, 5);
	assert_int_equal(a->ended_count, 2);
	assert_int_equal(
		counted(PEAL_COUNTER_CHANNEL_REFUSED_SHARE), 3U * PEAL_CHANNELS_MAX / 2U + 1U);
}

static uint64_t
draw(void)
{
	draws = draws * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
	return draws ^ draws >> 29;
}

/* Resets of epochs that it cannot know, and of streams that are not its own. */
static void
test_liar__resets_what_it_guesses(void **state)
{
	uint16_t channel = PEAL_CHANNEL_NONE;

	(void)state;
	(void)say_three();
	assert_int_equal(peal_channels_open(&a->channels, 2, NUMBER, &channel), PEAL_CHANNEL_OK);
	assert_int_equal(peal_channels_send(&a->channels, channel, (const uint8_t *)"x", 1),
		PEAL_CHANNEL_OK);
	turn_all(2);
	assert_int_equal(b->messages_count, 1);
	for (uint32_t i = 0; i < 5000; i++) {
		struct peal_channel_msg message = {.channel = NUMBER,
			.flags = PEAL_CHANNEL_FLAG_RESET,
			.reason = PEAL_CHANNEL_REASON_CLOSED};

		/* The second stream of the victim is real, but not to the liar. */
		message.ack_epoch = i == 0 ? OWN + 1U : draw() | OWN << 1;
		message.epoch = draw() | 1U;
		inject(&message, "", 0);
	}
	assert_int_equal(counted(PEAL_COUNTER_CHANNEL_REFUSED_STALE), 5000);
	assert_int_equal(a->ended_count, 0);
	assert_int_equal(b->ended_count, 0);
	assert_int_equal(counted(PEAL_COUNTER_CHANNEL_RESETS_CLOSED), 0);
}

/* --- what others notice of it --- */

/* What the liar says in each turn of the victim. */
typedef void (*lies_fn)(uint32_t turn);

static void
say_nothing(uint32_t turn)
{
	(void)turn;
}

/* Ever new numbers and epochs. */
static void
open_always(uint32_t turn)
{
	for (uint32_t i = 0; i < LIES_COUNT; i++) {
		uint64_t epoch = EPOCH + (uint64_t)turn * LIES_COUNT + i;
		struct peal_channel_msg message = {.epoch = epoch,
			.seq = peal_channel_first_seq(epoch),
			.channel = (uint16_t)draw(),
			.flags = PEAL_CHANNEL_FLAG_DATA};

		lie(&message, "\1\0x", 3);
	}
}

/* Frames that come early, on many channels, for ever: they take the buffers. */
static void
come_early(uint32_t turn)
{
	for (uint32_t i = 0; i < LIES_COUNT; i++) {
		uint32_t n = turn * LIES_COUNT + i;
		uint64_t epoch = EPOCH + n / 60U;
		struct peal_channel_msg message = {.epoch = epoch,
			.seq = peal_channel_first_seq(epoch) + 1U + n % 60U,
			.channel = (uint16_t)(n / 60U % 100U),
			.flags = PEAL_CHANNEL_FLAG_DATA};

		lie(&message, "\1\0x", 3);
	}
}

static void
acknowledge_always(uint32_t turn)
{
	for (uint32_t i = 0; i < LIES_COUNT; i++) {
		struct peal_channel_msg message = ack_of((uint32_t)draw() + turn);

		message.ack_epoch = OWN + draw() % 4U;
		message.channel = (uint16_t)(NUMBER + draw() % 2U);
		message.sack = draw();
		lie(&message, "", 0);
	}
}

/* One in so many of the honest one's frames is lost; 0 = none. */
static uint32_t lost_one_in;
static uint32_t passed_count;

static bool
pass(void *state, uint32_t from, uint32_t to, const uint8_t *data, uint32_t size)
{
	(void)state;
	(void)to;
	(void)data;
	return lost_one_in == 0 || from != 1 || size < WORD_SIZE ||
	       ++passed_count % lost_one_in != 0;
}

/* Bytes that the victim has of the honest one after some turns, while the liar lies. */
static uint64_t
talk_while(lies_fn say_lies, uint32_t one_in)
{
	static const uint8_t word[WORD_SIZE];
	uint16_t channel = PEAL_CHANNEL_NONE;
	uint64_t bytes_count = 0;
	void *state = NULL;

	(void)begin_lies(&state);
	lost_one_in = one_in;
	passed_count = 0;
	cores->wire->filter = pass;
	assert_int_equal(
		peal_channels_open(&b->channels, 1, NUMBER + 1U, &channel), PEAL_CHANNEL_OK);
	for (uint32_t turn = 0; turn < TALK_TURNS; turn++) {
		while (peal_channels_send(&b->channels, channel, word, sizeof(word)) ==
			PEAL_CHANNEL_OK) {
		}
		say_lies(turn);
		turn_all(1);
		bytes_count += a->text_size;
		a->text_size = 0;
	}
	assert_int_equal(b->ended_count, 0);
	assert_true(counted(PEAL_COUNTER_CHANNELS_OPENED) <=
		    PEAL_CHANNELS_MAX + counted(PEAL_COUNTER_CHANNELS_ENDED));
	(void)finish(&state);
	return bytes_count;
}

static void
expect_unharmed(lies_fn say_lies, uint32_t one_in)
{
	uint64_t alone = talk_while(say_nothing, one_in);
	uint64_t beside = talk_while(say_lies, one_in);

	print_message("# %lu bytes alone, %lu beside the liar\n", (unsigned long)alone,
		(unsigned long)beside);
	assert_true(alone > (uint64_t)TALK_TURNS * WORD_SIZE);
	assert_true(beside * 5U >= alone * 4U);
}

static void
test_liar__floods_do_not_slow_others(void **state)
{
	(void)state;
	expect_unharmed(open_always, 0);
	expect_unharmed(come_early, 0);
	expect_unharmed(acknowledge_always, 0);
}

/* The same when frames of the honest one are lost, so that it needs what the liar takes. */
static void
test_liar__does_not_take_what_others_need(void **state)
{
	(void)state;
	expect_unharmed(open_always, 50);
	expect_unharmed(come_early, 50);
}

#define LIAR_TEST(name) cmocka_unit_test_setup_teardown(name, begin_lies, finish)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		LIAR_TEST(test_liar__acknowledges_what_was_never_sent),
		LIAR_TEST(test_liar__takes_credit_back),
		LIAR_TEST(test_liar__sends_parts_that_do_not_fit),
		LIAR_TEST(test_liar__speaks_after_its_end),
		LIAR_TEST(test_liar__speaks_where_nobody_listens),
		LIAR_TEST(test_liar__resets_what_it_guesses),
		LIAR_TEST(test_liar__opens_more_than_its_share),
		cmocka_unit_test(test_liar__floods_do_not_slow_others),
		cmocka_unit_test(test_liar__does_not_take_what_others_need),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
