/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Own frames that wait to be sent: those accepted from the application, and in front of them those
 * that a seal or a view took back, in their old order.
 *
 * References only. Pure; plain struct, fields private.
 */
#ifndef PEAL_ABCAST_ABCAST_QUEUE_H
#define PEAL_ABCAST_ABCAST_QUEUE_H

#include "base/orderlimits.h"

#include <stdbool.h>
#include <stdint.h>

/* All that may be taken back, and all that may be accepted. */
#define PEAL_ABCAST_QUEUE_PLACES (PEAL_ORDER_QUEUE_MAX + PEAL_ORDER_INFLIGHT_MAX)

struct peal_abcast_queued {
	uint64_t token;
	const uint8_t *bytes;
	uint16_t size;
};

struct peal_abcast_queue {
	uint32_t first;
	uint32_t count;
	struct peal_abcast_queued places[PEAL_ABCAST_QUEUE_PLACES];
};

void peal_abcast_queue_init(struct peal_abcast_queue *queue);
/* Accepts one at the end. False: PEAL_ORDER_QUEUE_MAX wait. */
bool peal_abcast_queue_push(
	struct peal_abcast_queue *queue, const struct peal_abcast_queued *queued);
/* Puts one back in front; asserts that there is a place, which there is for all that is in flight.
 */
void peal_abcast_queue_return(
	struct peal_abcast_queue *queue, const struct peal_abcast_queued *queued);
/* The one that is taken after `index` others; there is one, asserted. */
const struct peal_abcast_queued *peal_abcast_queue_at(
	const struct peal_abcast_queue *queue, uint32_t index);
/* Takes the first. False: none. */
bool peal_abcast_queue_pop(struct peal_abcast_queue *queue, struct peal_abcast_queued *queued_out);

#endif
