/* SPDX-License-Identifier: BSD-3-Clause */
#include "wire/channel_msg.h"

#include "base/messagelimits.h"
#include "tests/lib/cmocka_all.h"

#define DATA     PEAL_CHANNEL_FLAG_DATA
#define ACK      PEAL_CHANNEL_FLAG_ACK
#define FRAGMENT PEAL_CHANNEL_FLAG_FRAGMENT
#define PIECE    PEAL_CHANNEL_FLAG_PIECE
#define FIN      PEAL_CHANNEL_FLAG_FIN
#define PROBE    PEAL_CHANNEL_FLAG_PROBE
#define RESET    PEAL_CHANNEL_FLAG_RESET

static void
test_channel_msg__comes_back_unchanged(void **state)
{
	const struct peal_channel_msg message = {.epoch = 0x0102030405060708U,
		.ack_epoch = 0x1112131415161718U,
		.sack = 0x2122232425262728U,
		.seq = 0x31323334U,
		.ack = 0x41424344U,
		.credit = 0x51525354U,
		.delay_ns = 0x6364U * PEAL_CHANNEL_DELAY_NS,
		.unseen_ns = 0x6162U * PEAL_CHANNEL_UNSEEN_NS,
		.channel = 0x7172U,
		.flags = DATA | ACK};
	const uint8_t expected[PEAL_CHANNEL_HEADER_SIZE] = {8, 7, 6, 5, 4, 3, 2, 1, 0x18, 0x17,
		0x16, 0x15, 0x14, 0x13, 0x12, 0x11, 0x28, 0x27, 0x26, 0x25, 0x24, 0x23, 0x22, 0x21,
		0x34, 0x33, 0x32, 0x31, 0x44, 0x43, 0x42, 0x41, 0x54, 0x53, 0x52, 0x51, 0x64, 0x63,
		0x62, 0x61, 0x72, 0x71, 0x03, 0x00};
	uint8_t body[PEAL_CHANNEL_HEADER_SIZE + 1] = {0};
	struct peal_channel_msg decoded;

	(void)state;
	peal_channel_msg_encode(&message, body);
	assert_memory_equal(body, expected, sizeof(expected));
	assert_true(peal_channel_msg_decode(body, sizeof(body), &decoded));
	assert_true(decoded.epoch == message.epoch);
	assert_true(decoded.ack_epoch == message.ack_epoch);
	assert_true(decoded.sack == message.sack);
	assert_int_equal(decoded.seq, message.seq);
	assert_int_equal(decoded.ack, message.ack);
	assert_int_equal(decoded.credit, message.credit);
	assert_int_equal(decoded.delay_ns, message.delay_ns);
	assert_int_equal(decoded.unseen_ns, message.unseen_ns);
	assert_int_equal(decoded.channel, message.channel);
	assert_int_equal(decoded.flags, message.flags);
	assert_int_equal(decoded.reason, 0);
}

/* Delays come back rounded down, and the longest there is in place of longer ones. */
static void
test_channel_msg__delays_are_rounded_and_bounded(void **state)
{
	static const struct {
		uint32_t delay_ns, unseen_ns;
		uint32_t delay_after_ns, unseen_after_ns;
	} rows[] = {{63, 1023, 0, 0}, {64, 1024, 64, 1024}, {5000, 200000, 4992, 199680},
		{65535 * 64, 65535 * 1024, 65535 * 64, 65535 * 1024},
		{65536 * 64, 65536 * 1024, 65535 * 64, 65535 * 1024},
		{UINT32_MAX, UINT32_MAX, 65535 * 64, 65535 * 1024}};

	(void)state;
	for (uint32_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		const struct peal_channel_msg message = {.ack_epoch = 1,
			.delay_ns = rows[i].delay_ns,
			.unseen_ns = rows[i].unseen_ns,
			.flags = ACK};
		uint8_t body[PEAL_CHANNEL_HEADER_SIZE];
		struct peal_channel_msg decoded;

		peal_channel_msg_encode(&message, body);
		assert_true(peal_channel_msg_decode(body, sizeof(body), &decoded));
		assert_int_equal(decoded.delay_ns, rows[i].delay_after_ns);
		assert_int_equal(decoded.unseen_ns, rows[i].unseen_after_ns);
	}
}

/* All that is good, said in a table: flags, whose epochs must be there, and how much data. */
struct form {
	uint8_t flags;
	bool has_epoch;
	bool has_ack_epoch;
	uint32_t data_size_min;
	uint32_t data_size_max;
};

static const struct form forms[] = {
	{DATA, true, false, 1, 9},
	{DATA | ACK, true, true, 1, 9},
	{DATA | FRAGMENT, true, false, 9, 9},
	{DATA | FRAGMENT | ACK, true, true, 9, 9},
	{DATA | PIECE, true, false, 5, 9},
	{DATA | PIECE | ACK, true, true, 5, 9},
	{DATA | FRAGMENT | PIECE, true, false, 5, 9},
	{DATA | FRAGMENT | PIECE | ACK, true, true, 5, 9},
	{DATA | FIN, true, false, 0, 0},
	{DATA | FIN | ACK, true, true, 0, 0},
	{PROBE, true, false, 0, 0},
	{PROBE | ACK, true, true, 0, 0},
};

static bool
is_good(const struct peal_channel_msg *message, uint32_t data_size)
{
	if (message->flags == RESET) {
		return data_size == 0 && (message->epoch != 0 || message->ack_epoch != 0) &&
		       message->reason >= PEAL_CHANNEL_REASON_CLOSED &&
		       message->reason <= PEAL_CHANNEL_REASON_SLOW;
	}
	if (message->flags == ACK) { /* the sender may have no stream yet */
		return data_size == 0 && message->ack_epoch != 0 && message->reason == 0;
	}
	for (uint32_t i = 0; i < sizeof(forms) / sizeof(forms[0]); i++) {
		const struct form *form = &forms[i];

		if (message->flags == form->flags) {
			return message->reason == 0 && (message->epoch != 0) == form->has_epoch &&
			       (message->ack_epoch != 0) == form->has_ack_epoch &&
			       data_size >= form->data_size_min && data_size <= form->data_size_max;
		}
	}
	return false;
}

static void
test_channel_msg__takes_what_fits_together_and_nothing_else(void **state)
{
	static const uint32_t data_sizes[] = {0, 1, 4, 5, 7, 8, 9};
	static const uint8_t reasons[] = {0, 1, 2, 3, 4, 5, 6, 7, 255};
	static const uint64_t epochs[] = {0, 1, UINT64_C(1) << 32};
	uint8_t body[PEAL_CHANNEL_HEADER_SIZE + 9] = {0};
	uint32_t good_count = 0;

	(void)state;
	for (uint32_t i = 0; i < 256U * 7U * 9U * 9U; i++) {
		struct peal_channel_msg message = {
			.epoch = epochs[i % 3U], .ack_epoch = epochs[i / 3U % 3U]};
		struct peal_channel_msg decoded;
		uint32_t data_size = data_sizes[i / 9U % 7U];

		peal_channel_msg_encode(&message, body);
		body[43] = message.reason = reasons[i / 63U % 9U];
		body[42] = message.flags = (uint8_t)(i / 567U);
		assert_int_equal(peal_channel_msg_decode(
					 body, PEAL_CHANNEL_HEADER_SIZE + data_size, &decoded),
			is_good(&message, data_size));
		good_count += is_good(&message, data_size);
	}
	/* DATA 2 x 6 sizes, with ACK 4 x 6; parts 2, 4; pieces of both kinds 2 x 4, 4 x 4; FIN 2,
	 * 4; PROBE 2, 4; ACK 6; RESET 8 x 6. */
	assert_int_equal(good_count, 12 + 24 + 6 + 2 * (8 + 16) + 6 + 6 + 6 + 48);
}

static void
test_channel_msg__takes_no_less_than_a_header(void **state)
{
	const struct peal_channel_msg message = {.ack_epoch = 1, .flags = ACK};
	uint8_t body[PEAL_CHANNEL_HEADER_SIZE];
	struct peal_channel_msg decoded;

	(void)state;
	peal_channel_msg_encode(&message, body);
	assert_true(peal_channel_msg_decode(body, sizeof(body), &decoded));
	for (uint32_t size = 0; size < sizeof(body); size++) {
		assert_false(peal_channel_msg_decode(body, size, &decoded));
	}
}

static void
test_channel_msg__names_every_reason(void **state)
{
	(void)state;
	assert_string_equal(peal_channel_reason_name(PEAL_CHANNEL_REASON_NONE), "none");
	assert_string_equal(peal_channel_reason_name(PEAL_CHANNEL_REASON_SLOW), "slow");
	assert_string_equal(peal_channel_reason_name(PEAL_CHANNEL_REASON_REMOVED), "removed");
	for (uint32_t i = 0; i < PEAL_CHANNEL_REASONS_COUNT; i++) {
		assert_non_null(peal_channel_reason_name((uint8_t)i));
		for (uint32_t j = 0; j < i; j++) {
			assert_string_not_equal(peal_channel_reason_name((uint8_t)i),
				peal_channel_reason_name((uint8_t)j));
		}
	}
	assert_string_equal(peal_channel_reason_name(PEAL_CHANNEL_REASONS_COUNT), "unknown reason");
	assert_string_equal(peal_channel_reason_name(255), "unknown reason");
}

static void
test_channel_msg__streams_begin_anywhere(void **state)
{
	bool is_near_wrap = false;

	(void)state;
	assert_int_equal(peal_channel_first_seq(1), 0x9E3779B9U);
	for (uint64_t epoch = 1; epoch < 1000; epoch++) {
		uint32_t apart = peal_channel_first_seq(epoch + 1) - peal_channel_first_seq(epoch);

		/* The next life is nowhere near this one. */
		assert_true(apart > PEAL_CHANNEL_WINDOW && -apart > PEAL_CHANNEL_WINDOW);
		is_near_wrap |= peal_channel_first_seq(epoch) > UINT32_MAX - 10000000U;
	}
	assert_true(is_near_wrap);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_channel_msg__comes_back_unchanged),
		cmocka_unit_test(test_channel_msg__delays_are_rounded_and_bounded),
		cmocka_unit_test(test_channel_msg__takes_what_fits_together_and_nothing_else),
		cmocka_unit_test(test_channel_msg__takes_no_less_than_a_header),
		cmocka_unit_test(test_channel_msg__names_every_reason),
		cmocka_unit_test(test_channel_msg__streams_begin_anywhere),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
