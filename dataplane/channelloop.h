/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A loop: a channel of which both ends are here, for two applications of one node.
 *
 * It takes two places of the table of channels, one for each end, and is told of to the user as any
 * channel is: opened, finished, ended, by the same reasons. There is no stream, no frame and no
 * acknowledgement. What an end says waits in the queue of its place until the user takes it out to
 * give it to the other end, and then it has arrived; while that queue is empty it need not go
 * through it at all (`pass`). So credit is counted as in any channel, by positions of the queue,
 * and what still waits when the loop ends is what was lost.
 *
 *     end      send  on
 *     OPEN     yes   close -> CLOSING: the other end is told when the queue is empty
 *     CLOSING  no    both ends are CLOSING and both queues empty -> ended, in order
 *
 * Any number of loops may have the same channel number: nothing comes for them from outside, so
 * nothing is found by it.
 *
 * Pure; the place is in struct peal_channels; one core. Cost: a few cycles, but for the copy.
 */
#ifndef PEAL_DATAPLANE_CHANNELLOOP_H
#define PEAL_DATAPLANE_CHANNELLOOP_H

#include "dataplane/channels.h"

/*
 * Begins a loop of this node with itself. OK: `ends_out` are the names of both ends, until `ended`
 * of each. NOT_IN_VIEW: this node is no member; TOO_MANY: there are no two places.
 */
enum peal_channel_result peal_channelloop_open(
	struct peal_channels *channels, uint16_t number, uint16_t ends_out[2]);

/* What an end has said and the other one has not got. */
static inline struct peal_sendqueue *
peal_channelloop_queue(struct peal_channels *channels, uint16_t index)
{
	return &channels->table.channels[index].tx.queue;
}

/* Messages of `size` bytes in all, which take `span` of the queue, went from this end, whose queue
 * is empty, straight to the other one. */
static inline void
peal_channelloop_pass(struct peal_channels *channels, uint16_t index, uint64_t count, uint64_t span)
{
	struct peal_sendqueue *queue = peal_channelloop_queue(channels, index);

	PEAL_DASSERT(queue->head == queue->tail);
	queue->head += span;
	queue->tail += span;
	queue->accepted_count += count;
	queue->released_count += count;
	peal_counter_add(channels->config.counters, PEAL_COUNTER_CHANNEL_MESSAGES_SENT, count);
	peal_counter_add(channels->config.counters, PEAL_COUNTER_CHANNEL_MESSAGES_DELIVERED, count);
}

/* True while this end may say something. */
static inline bool
peal_channelloop_is_open(const struct peal_channels *channels, uint16_t index)
{
	return channels->table.channels[index].state == PEAL_CHANNEL_OPEN;
}

/* A message waits in the queue. False: it has no room. The end is open. */
bool peal_channelloop_put(
	struct peal_channels *channels, uint16_t index, const uint8_t *bytes, uint32_t size);

/* The oldest message of the queue was given to the other end. The queue is not empty. */
void peal_channelloop_take(struct peal_channels *channels, uint16_t index);

/* This end says nothing more. Nothing happens when it said so before. */
void peal_channelloop_close(struct peal_channels *channels, uint16_t index, uint16_t other);

/* After the queue of this end has become empty: tells what that ends, if anything. */
void peal_channelloop_settle(struct peal_channels *channels, uint16_t index, uint16_t other);

/* Ends both ends at once, this one first: `ended` of each is called before it returns. */
void peal_channelloop_end(struct peal_channels *channels, uint16_t index, uint16_t other,
	enum peal_channel_reason reason);

#endif
