/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Channels of one fake core with a user that writes down all it is told.
 */
#ifndef PEAL_TESTS_LIB_SPEAKER_H
#define PEAL_TESTS_LIB_SPEAKER_H

#include "base/messagelimits.h"
#include "dataplane/channels.h"
#include "tests/lib/fakecore.h"

#define PEAL_SPEAKER_QUEUE_SIZE 16384U
#define PEAL_SPEAKER_FRAMES_MAX 128U
#define PEAL_SPEAKER_TEXT_MAX   262144U

struct peal_speaker {
	struct peal_channels channels;
	bool is_listening; /* to any number */
	/* What came, all channels together. */
	uint32_t text_size;
	uint32_t messages_count;
	uint32_t opened_count;
	uint32_t finished_count;
	uint32_t ended_count;
	uint32_t released_count;
	uint64_t dropped_count;
	uint32_t rerouted_count;
	bool is_indirect; /* as it was told last */
	uint16_t last_channel;
	enum peal_channel_reason last_reason;
	uint64_t last_lost_count;
	uint8_t text[PEAL_SPEAKER_TEXT_MAX];
	_Alignas(8) uint8_t queues[PEAL_CHANNELS_MAX][PEAL_SPEAKER_QUEUE_SIZE];
	uint8_t frames[PEAL_SPEAKER_FRAMES_MAX * PEAL_BODY_SIZE_MAX];
};

/* One for each of the cores, listening; epochs of node i begin at 1000 (i + 1). */
struct peal_speaker *peal_speakers_create(struct peal_fakecores *cores);
/* The same on links that carry frames with bodies of `body_size_max`, which fit the fake switch. */
struct peal_speaker *peal_speakers_create_wide(
	struct peal_fakecores *cores, uint16_t body_size_max);
void peal_speakers_destroy(struct peal_speaker *speakers);

#endif
