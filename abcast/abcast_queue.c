/* SPDX-License-Identifier: BSD-3-Clause */
#include "abcast/abcast_queue.h"

#include "base/assert.h"

void
peal_abcast_queue_init(struct peal_abcast_queue *queue)
{
	queue->first = 0;
	queue->count = 0;
}

bool
peal_abcast_queue_push(struct peal_abcast_queue *queue, const struct peal_abcast_queued *queued)
{
	if (queue->count >= PEAL_ORDER_QUEUE_MAX) {
		return false;
	}
	queue->places[(queue->first + queue->count) % PEAL_ABCAST_QUEUE_PLACES] = *queued;
	queue->count++;
	return true;
}

void
peal_abcast_queue_return(struct peal_abcast_queue *queue, const struct peal_abcast_queued *queued)
{
	PEAL_ASSERT(queue->count < PEAL_ABCAST_QUEUE_PLACES);
	queue->first = (queue->first + PEAL_ABCAST_QUEUE_PLACES - 1U) % PEAL_ABCAST_QUEUE_PLACES;
	queue->places[queue->first] = *queued;
	queue->count++;
}

const struct peal_abcast_queued *
peal_abcast_queue_at(const struct peal_abcast_queue *queue, uint32_t index)
{
	PEAL_ASSERT(index < queue->count);
	return &queue->places[(queue->first + index) % PEAL_ABCAST_QUEUE_PLACES];
}

bool
peal_abcast_queue_pop(struct peal_abcast_queue *queue, struct peal_abcast_queued *queued_out)
{
	if (queue->count == 0) {
		return false;
	}
	*queued_out = queue->places[queue->first];
	queue->first = (queue->first + 1U) % PEAL_ABCAST_QUEUE_PLACES;
	queue->count--;
	return true;
}
