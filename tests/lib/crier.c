/* SPDX-License-Identifier: BSD-3-Clause */
#include "tests/lib/crier.h"

#include <stdlib.h>
#include <string.h>

static void
deliver(void *state, uint32_t origin, const struct peal_delivery *delivery)
{
	struct peal_crier *crier = state;

	(void)origin;
	PEAL_ASSERT(delivery->size <= PEAL_CRIER_TEXT_MAX - crier->text_size);
	memcpy(crier->text + crier->text_size, delivery->bytes, delivery->size);
	crier->text_size += delivery->size;
	crier->messages_count += delivery->offset + delivery->size == delivery->message_size;
}

static void
on_view(void *state, uint64_t epoch, uint32_t view_tag)
{
	struct peal_crier *crier = state;

	PEAL_ASSERT(crier->is_large || view_tag == peal_fakecores_view_tag(epoch));
	crier->views_count++;
	crier->last_view = epoch;
}

static void
ended(void *state, uint64_t lost_count)
{
	struct peal_crier *crier = state;

	crier->ended_count++;
	crier->last_lost_count = lost_count;
}

static void
release(void *state, uint64_t token)
{
	struct peal_crier *crier = state;

	PEAL_ASSERT(token == crier->released_count);
	crier->released_count++;
}

static void
dropped(void *state, uint64_t count)
{
	struct peal_crier *crier = state;

	crier->dropped_count += count;
}

static void
attach(struct peal_crier *crier, struct peal_core *core, uint64_t now_ns)
{
	const struct peal_cast_config config = {.egress = &core->egress,
		.counters = &core->counters,
		.user = {.deliver = deliver,
			.view = on_view,
			.ended = ended,
			.release = release,
			.dropped = dropped,
			.state = crier},
		.queue_bytes = crier->queue,
		.queue_capacity = PEAL_CRIER_QUEUE_SIZE,
		.frame_bytes = crier->frames};

	peal_cast_init(&crier->cast, &config);
	core->config.cast = &crier->cast;
	peal_cast_switch(&crier->cast, core->peers, now_ns);
}

struct peal_crier *
peal_criers_create(struct peal_fakecores *cores)
{
	struct peal_crier *criers = calloc(cores->count, sizeof(*criers));

	PEAL_ASSERT(criers != NULL);
	for (uint32_t i = 0; i < cores->count; i++) {
		attach(&criers[i], &cores->nodes[i]->core, cores->now_ns);
	}
	return criers;
}

struct peal_crier *
peal_criers_create_large(struct peal_bigcores *cores, uint16_t first_rank, uint16_t count)
{
	struct peal_crier *criers = calloc(count, sizeof(*criers));

	PEAL_ASSERT(criers != NULL);
	for (uint16_t i = 0; i < count; i++) {
		struct peal_bignode *node = peal_bigcores_start(cores, (uint16_t)(first_rank + i));

		criers[i].is_large = true;
		attach(&criers[i], &node->core, cores->now_ns);
	}
	return criers;
}

void
peal_criers_destroy(struct peal_crier *criers)
{
	free(criers);
}

void
peal_crier_say(struct peal_crier *crier, const char *text)
{
	PEAL_ASSERT(peal_cast_send(&crier->cast, (const uint8_t *)text, (uint32_t)strlen(text)) ==
		    PEAL_CAST_OK);
}

bool
peal_crier_heard(struct peal_crier *crier, const char *text)
{
	bool is_equal = crier->text_size == strlen(text) &&
			memcmp(crier->text, text, crier->text_size) == 0;

	crier->text_size = 0;
	return is_equal;
}
