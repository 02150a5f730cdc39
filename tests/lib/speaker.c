/* SPDX-License-Identifier: BSD-3-Clause */
#include "tests/lib/speaker.h"

#include <stdlib.h>
#include <string.h>

static bool
accepts(void *state, uint64_t mid, uint16_t number)
{
	const struct peal_speaker *speaker = state;

	(void)mid;
	(void)number;
	return speaker->is_listening;
}

static void
opened(void *state, uint16_t channel, uint64_t mid, uint16_t number)
{
	struct peal_speaker *speaker = state;

	(void)mid;
	(void)number;
	speaker->opened_count++;
	speaker->last_channel = channel;
}

static void
deliver(void *state, uint16_t channel, const struct peal_delivery *delivery)
{
	struct peal_speaker *speaker = state;

	PEAL_ASSERT(delivery->size <= PEAL_SPEAKER_TEXT_MAX - speaker->text_size);
	memcpy(speaker->text + speaker->text_size, delivery->bytes, delivery->size);
	speaker->text_size += delivery->size;
	speaker->messages_count += delivery->offset + delivery->size == delivery->message_size;
	speaker->last_channel = channel;
}

static void
finished(void *state, uint16_t channel)
{
	struct peal_speaker *speaker = state;

	speaker->finished_count++;
	speaker->last_channel = channel;
}

static void
ended(void *state, uint16_t channel, enum peal_channel_reason reason, uint64_t lost_count)
{
	struct peal_speaker *speaker = state;

	speaker->ended_count++;
	speaker->last_channel = channel;
	speaker->last_reason = reason;
	speaker->last_lost_count = lost_count;
}

static void
release(void *state, uint16_t channel, uint64_t token)
{
	struct peal_speaker *speaker = state;

	(void)channel;
	PEAL_ASSERT(token == speaker->released_count);
	speaker->released_count++;
}

static void
dropped(void *state, uint16_t channel, uint64_t count)
{
	struct peal_speaker *speaker = state;

	(void)channel;
	speaker->dropped_count += count;
}

static void
rerouted(void *state, uint16_t channel, bool is_indirect)
{
	struct peal_speaker *speaker = state;

	speaker->rerouted_count++;
	speaker->last_channel = channel;
	speaker->is_indirect = is_indirect;
}

struct peal_speaker *
peal_speakers_create(struct peal_fakecores *cores)
{
	return peal_speakers_create_wide(cores, PEAL_BODY_SIZE_MAX);
}

struct peal_speaker *
peal_speakers_create_wide(struct peal_fakecores *cores, uint16_t body_size_max)
{
	struct peal_speaker *speakers = calloc(cores->count, sizeof(*speakers));

	PEAL_ASSERT(speakers != NULL);
	for (uint32_t i = 0; i < cores->count; i++) {
		struct peal_speaker *speaker = &speakers[i];
		struct peal_core *core = &cores->nodes[i]->core;
		const struct peal_channels_config config = {.egress = &core->egress,
			.counters = &core->counters,
			.user = {.accepts = accepts,
				.opened = opened,
				.deliver = deliver,
				.finished = finished,
				.ended = ended,
				.release = release,
				.dropped = dropped,
				.rerouted = rerouted,
				.state = speaker},
			.queue_bytes = speaker->queues[0],
			.queue_capacity = PEAL_SPEAKER_QUEUE_SIZE,
			.frame_bytes = speaker->frames,
			.frames_count = (uint16_t)(sizeof(speaker->frames) / body_size_max),
			.frame_size = body_size_max,
			.rto_ns_min = 50000,
			.rto_ns_max = 10000000,
			.first_epoch = UINT64_C(1000) * (i + 1U),
			.is_coalescing = true};

		core->egress.body_size_max = body_size_max;
		speaker->is_listening = true;
		peal_channels_init(&speaker->channels, &config);
		core->config.channels = &speaker->channels;
		peal_channels_switch(&speaker->channels, core->peers);
	}
	return speakers;
}

void
peal_speakers_destroy(struct peal_speaker *speakers)
{
	free(speakers);
}
