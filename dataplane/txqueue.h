/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The packets that a core sends: where they come from, and how they wait for the one flush of a
 * turn.
 *
 * Two classes: what keeps the group together, and bulk. Bulk leaves behind all else of a turn, has
 * PEAL_TX_BULK_MAX places of the queue and no more, and when the port had no room for all of it,
 * half of what it took is the bound of the next turn, so that the port's own queue has room for the
 * others. Who finds no place tries again next turn: nothing of it is dropped here.
 *
 * PEAL_TX_BULK_SIZE_MAX bytes of bulk leave at once, behind what is queued of the other class, and
 * take their places all the same: a large message is opened at one end while the rest of it is
 * sealed at the other. A turn ends after that for bulk when the port had no room. One frame of a
 * channel, or two, leave at once as well: somebody waits for them.
 *
 * Packets come from a small stash filled by one call to the port, or by packets received before,
 * or are received packets turned round. When the queue is full it is flushed early. What the port
 * cannot take is dropped and counted: whatever Peal sends is repeated by its sender.
 *
 * Plain struct, fields private but the port, one core.
 */
#ifndef PEAL_DATAPLANE_TXQUEUE_H
#define PEAL_DATAPLANE_TXQUEUE_H

#include "base/assert.h"
#include "base/counters.h"
#include "base/fetch.h"
#include "base/limits.h"
#include "dataplane/port.h"

/* A small frame, whole. */
#define PEAL_TXQUEUE_FETCHED_SIZE 256U
/* Frames above this come in rows: the next but one will be as large. */
#define PEAL_TXQUEUE_LARGE_SIZE 4096U

struct peal_txqueue {
	struct peal_port port; /* Public, not to be changed. */
	struct peal_counters *counters;
	uint32_t queue_count;
	uint32_t bulk_count; /* waiting */
	uint32_t bulk_size;  /* bytes of these */
	uint32_t bulk_room;  /* how many of them there may be: places that the turn has left */
	uint32_t bulk_sent;  /* before the end of this turn */
	uint32_t bulk_max;   /* of this turn, [1, PEAL_TX_BULK_MAX] */
	bool is_bulk_short;  /* the port had no room for all of it in this turn */
	uint32_t stash_count;
	struct peal_packet queue[PEAL_TX_QUEUE_MAX];
	struct peal_packet bulk[PEAL_TX_BULK_MAX];
	struct peal_packet stash[PEAL_TX_STASH_MAX];
};

/* Nothing waits. `txqueue` is uninitialised memory; the port and `counters` outlive it. */
void peal_txqueue_init(
	struct peal_txqueue *txqueue, const struct peal_port *port, struct peal_counters *counters);

/* Fills the empty stash from the port. False: it has no packet; counted. */
bool peal_txqueue_refill(struct peal_txqueue *txqueue);

/* Lends an empty packet. False: the port has none; counted. */
static inline bool
peal_txqueue_allocate(struct peal_txqueue *txqueue, struct peal_packet *packet_out)
{
	if (__builtin_expect(txqueue->stash_count == 0, 0) && !peal_txqueue_refill(txqueue)) {
		return false;
	}
	*packet_out = txqueue->stash[--txqueue->stash_count];
	return true;
}

/*
 * Takes packets that were received and are not needed any more: as many as the stash has room for
 * are sent next, for their lines are this core's already; the others go back to the port.
 */
static inline void
peal_txqueue_recycle(struct peal_txqueue *txqueue, struct peal_packet *packets, uint32_t count)
{
	const struct peal_port *port = &txqueue->port;

	while (count > 0 && txqueue->stash_count < PEAL_TX_STASH_MAX &&
		packets[count - 1U].room >= port->packet_size_max) {
		txqueue->stash[txqueue->stash_count++] = packets[--count];
	}
	if (count > 0) {
		port->ops->release(port->state, port->queue, packets, count);
	}
}

/* Queues a whole packet, lent by allocate or received. */
void peal_txqueue_queue(struct peal_txqueue *txqueue, const struct peal_packet *packet);

/* Whether bulk has a place left in this turn. */
static inline bool
peal_txqueue_has_place(const struct peal_txqueue *txqueue)
{
	return txqueue->bulk_count < txqueue->bulk_room;
}

/*
 * The next place of bulk, to be written by the caller; there must be one. It counts from fill on.
 * Another core may have had the packet that is allocated next; fill has its first lines come here
 * while nobody waits, and of large frames all lines of the one behind it: who writes a line that
 * another core has read waits for that core to give it up.
 */
static inline struct peal_packet *
peal_txqueue_place(struct peal_txqueue *txqueue)
{
	PEAL_DASSERT(txqueue->bulk_count < PEAL_TX_BULK_MAX);
	return &txqueue->bulk[txqueue->bulk_count];
}

/* What is queued leaves before the end of the turn, bulk last, which takes its places all the same.
 */
void peal_txqueue_hasten(struct peal_txqueue *txqueue);

/* Private: has all of the packet behind the next one come here to be written, but for the lines
 * that fill asks for when it is the next; `size` > PEAL_TXQUEUE_LARGE_SIZE. */
void peal_txqueue_fetch_large(const struct peal_txqueue *txqueue, uint32_t size);

static inline void
peal_txqueue_fill(struct peal_txqueue *txqueue)
{
	uint32_t size = txqueue->bulk[txqueue->bulk_count++].size;

	txqueue->bulk_size += size;
	if (__builtin_expect(size > PEAL_TXQUEUE_LARGE_SIZE, 0)) {
		peal_txqueue_fetch_large(txqueue, size);
	}
	if (__builtin_expect(txqueue->bulk_size >= PEAL_TX_BULK_SIZE_MAX, 0)) {
		peal_txqueue_hasten(txqueue);
	}
	if (txqueue->stash_count > 0) {
		peal_fetch_all_to_write(
			txqueue->stash[txqueue->stash_count - 1U].data, PEAL_TXQUEUE_FETCHED_SIZE);
	}
}

/* Gives everything queued to the port, bulk last; the turn of bulk ends. */
void peal_txqueue_flush(struct peal_txqueue *txqueue);

/* Gives the stash and what is queued back to the port; the last call before the port goes away. */
void peal_txqueue_fini(struct peal_txqueue *txqueue);

#endif
