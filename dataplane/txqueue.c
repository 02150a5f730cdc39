/* SPDX-License-Identifier: BSD-3-Clause */
#include "dataplane/txqueue.h"

void
peal_txqueue_init(
	struct peal_txqueue *txqueue, const struct peal_port *port, struct peal_counters *counters)
{
	txqueue->port = *port;
	txqueue->counters = counters;
	txqueue->queue_count = 0;
	txqueue->bulk_count = 0;
	txqueue->bulk_size = 0;
	txqueue->bulk_sent = 0;
	txqueue->bulk_max = PEAL_TX_BULK_MAX;
	txqueue->bulk_room = PEAL_TX_BULK_MAX;
	txqueue->is_bulk_short = false;
	txqueue->stash_count = 0;
}

bool
peal_txqueue_refill(struct peal_txqueue *txqueue)
{
	const struct peal_port *port = &txqueue->port;
	/* The port gives all or none; when it is short, one may still be there. */
	uint32_t count =
		port->ops->allocate(port->state, port->queue, txqueue->stash, PEAL_TX_STASH_MAX);

	if (count == 0) {
		count = port->ops->allocate(port->state, port->queue, txqueue->stash, 1);
	}
	if (count == 0) {
		peal_counter_add(txqueue->counters, PEAL_COUNTER_TX_DROPPED, 1);
	}
	txqueue->stash_count = count;
	return count > 0;
}

/* Hands packets to the port. Returns how many it took. */
static uint32_t
transmit(struct peal_txqueue *txqueue, struct peal_packet *packets, uint32_t count)
{
	const struct peal_port *port = &txqueue->port;
	uint64_t bytes = 0;
	uint32_t sent;

	for (uint32_t i = 0; i < count; i++) {
		bytes += packets[i].size;
	}
	sent = port->ops->transmit(port->state, port->queue, packets, count);
	PEAL_DASSERT(sent <= count);
	peal_counter_add(txqueue->counters, PEAL_COUNTER_TX_FRAMES, count);
	peal_counter_add(txqueue->counters, PEAL_COUNTER_TX_BYTES, bytes);
	if (sent < count) {
		peal_counter_add(txqueue->counters, PEAL_COUNTER_TX_DROPPED, count - sent);
	}
	return sent;
}

void
peal_txqueue_fetch_large(const struct peal_txqueue *txqueue, uint32_t size)
{
	if (txqueue->stash_count > 1U) {
		peal_fetch_all_to_write(
			txqueue->stash[txqueue->stash_count - 2U].data + PEAL_TXQUEUE_FETCHED_SIZE,
			size - PEAL_TXQUEUE_FETCHED_SIZE);
	}
}

void
peal_txqueue_queue(struct peal_txqueue *txqueue, const struct peal_packet *packet)
{
	PEAL_DASSERT(packet->size > 0);

	if (__builtin_expect(txqueue->queue_count == PEAL_TX_QUEUE_MAX, 0)) {
		transmit(txqueue, txqueue->queue, txqueue->queue_count);
		txqueue->queue_count = 0;
	}
	txqueue->queue[txqueue->queue_count++] = *packet;
}

/* Gives everything queued to the port, bulk last. */
static void
send_all(struct peal_txqueue *txqueue)
{
	uint32_t sent;

	if (txqueue->queue_count > 0) {
		(void)transmit(txqueue, txqueue->queue, txqueue->queue_count);
		txqueue->queue_count = 0;
	}
	if (txqueue->bulk_count > 0) {
		sent = transmit(txqueue, txqueue->bulk, txqueue->bulk_count);
		txqueue->bulk_sent += sent;
		txqueue->is_bulk_short |= sent < txqueue->bulk_count;
		txqueue->bulk_count = 0;
		txqueue->bulk_size = 0;
	}
}

void
peal_txqueue_hasten(struct peal_txqueue *txqueue)
{
	send_all(txqueue);
	txqueue->bulk_room = txqueue->is_bulk_short ? 0 : txqueue->bulk_max - txqueue->bulk_sent;
}

void
peal_txqueue_flush(struct peal_txqueue *txqueue)
{
	send_all(txqueue);
	if (__builtin_expect(txqueue->is_bulk_short, 0)) {
		txqueue->bulk_max = txqueue->bulk_sent / 2U > 0 ? txqueue->bulk_sent / 2U : 1U;
		txqueue->is_bulk_short = false;
	} else if (__builtin_expect(txqueue->bulk_max < PEAL_TX_BULK_MAX, 0) &&
		   txqueue->bulk_sent > 0) {
		txqueue->bulk_max += PEAL_TX_BULK_STEP;
		if (txqueue->bulk_max > PEAL_TX_BULK_MAX) {
			txqueue->bulk_max = PEAL_TX_BULK_MAX;
		}
	}
	txqueue->bulk_sent = 0;
	txqueue->bulk_room = txqueue->bulk_max;
}

/* Gives packets back, if there are any. */
static void
release(const struct peal_port *port, struct peal_packet *packets, uint32_t *count)
{
	if (*count > 0) {
		port->ops->release(port->state, port->queue, packets, *count);
		*count = 0;
	}
}

void
peal_txqueue_fini(struct peal_txqueue *txqueue)
{
	release(&txqueue->port, txqueue->queue, &txqueue->queue_count);
	release(&txqueue->port, txqueue->bulk, &txqueue->bulk_count);
	release(&txqueue->port, txqueue->stash, &txqueue->stash_count);
}
