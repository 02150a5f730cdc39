/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What the tests of channels share: three members of one view, of which A (member 1) and B (member
 * 2) speak over channel NUMBER. `begin` and `finish` are set-up and end of each test.
 */
#ifndef PEAL_TESTS_LIB_TALKSCENE_H
#define PEAL_TESTS_LIB_TALKSCENE_H

#include "tests/lib/cmocka_all.h"
#include "tests/lib/speaker.h"
#include "wire/messages.h"

#define NUMBER 7U

static struct peal_fakecores *cores;
static struct peal_speaker *a;
static struct peal_speaker *b;
static struct peal_speaker *speakers;

static inline int
begin(void **state)
{
	(void)state;
	cores = peal_fakecores_create_view(3, "ipsec_mb");
	speakers = peal_speakers_create(cores);
	a = &speakers[0];
	b = &speakers[1];
	return 0;
}

static inline int
finish(void **state)
{
	(void)state;
	peal_fakecores_destroy(cores);
	peal_speakers_destroy(speakers);
	return 0;
}

static inline void
turn_all(uint32_t count)
{
	for (uint32_t i = 0; i < count; i++) {
		cores->now_ns += 10000;
		peal_fakecores_turn_all(cores);
	}
}

static inline uint16_t
open_to_b(void)
{
	uint16_t channel = PEAL_CHANNEL_NONE;

	assert_int_equal(peal_channels_open(&a->channels, 2, NUMBER, &channel), PEAL_CHANNEL_OK);
	return channel;
}

static inline uint64_t
counter(uint32_t index, enum peal_counter id)
{
	return peal_fakecores_counter(cores, index, id);
}

static inline void
say(struct peal_speaker *speaker, uint16_t channel, const char *text)
{
	assert_int_equal(peal_channels_send(&speaker->channels, channel, (const uint8_t *)text,
				 (uint32_t)strlen(text)),
		PEAL_CHANNEL_OK);
}

/* Member 3 says to A what a node never would. */
static inline void
inject(const struct peal_channel_msg *message, const void *data, uint16_t size)
{
	struct peal_header header = peal_fakecores_header(cores, 2, 0, PEAL_MESSAGE_CHANNEL);
	uint8_t body[PEAL_BODY_SIZE_MAX];

	peal_channel_msg_encode(message, body);
	memcpy(body + PEAL_CHANNEL_HEADER_SIZE, data, size);
	peal_fakecores_inject(
		cores, 2, 0, &header, body, (uint16_t)(PEAL_CHANNEL_HEADER_SIZE + size));
	turn_all(1);
	peal_fakeswitch_clear(cores->wire, 2);
}

#endif
