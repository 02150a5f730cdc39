/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Messages that a channel has accepted and still needs: a ring of bytes, oldest first.
 *
 * A message is copied in, or stays where it is and only its place is kept (a loan): then its bytes
 * must not change until the queue says that they are free. Places in the queue are positions: bytes
 * since the beginning, never reused but by drop. What is behind the oldest needed position is given
 * back in order.
 *
 * Pure; fields private but the counts, which are read only; memory of the caller; one owner.
 */
#ifndef PEAL_DATAPLANE_SENDQUEUE_H
#define PEAL_DATAPLANE_SENDQUEUE_H

#include "base/assert.h"
#include "base/limits.h"
#include "base/messagelimits.h"

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

/* In front of every entry: size u32, kind u32. Entries begin at multiples of eight. */
#define PEAL_SENDQUEUE_ENTRY_SIZE 8U

enum peal_sendqueue_kind {
	PEAL_SENDQUEUE_COPY = 0, /* bytes are in the queue */
	PEAL_SENDQUEUE_LOAN = 1, /* bytes are elsewhere */
	PEAL_SENDQUEUE_END = 2,  /* no message: nothing comes after it */
};

struct peal_sendqueue {
	uint8_t *bytes; /* [capacity], 8-aligned */
	uint64_t capacity;
	uint64_t head; /* positions: end of what was accepted, */
	uint64_t tail; /* and begin of what is still needed */
	uint64_t accepted_count;
	uint64_t released_count;
	uint64_t loans_count; /* in the queue: not given back yet */
};

/* One entry, as it stands in the queue. */
struct peal_sendqueue_entry {
	enum peal_sendqueue_kind kind;
	uint32_t size;
	const uint8_t *loan; /* of a loan, and so is the token */
	uint64_t token;
	uint64_t next; /* position behind it */
};

/* Who lent bytes gets them back: once for each loan, in order. */
struct peal_sendqueue_lender {
	void (*release)(void *state, uint64_t token);
	void *state;
};

/* @param bytes     [capacity], 8-aligned, outlives the queue
 * @param capacity  a power of two, [64, 2^31] */
void peal_sendqueue_init(struct peal_sendqueue *queue, uint8_t *bytes, uint32_t capacity);

/* The largest message that an empty queue has room for as a copy; a larger one must be lent. */
static inline uint32_t
peal_sendqueue_copy_size_max(uint32_t capacity)
{
	uint32_t size = capacity - PEAL_SENDQUEUE_ENTRY_SIZE;

	return size < PEAL_MESSAGE_SIZE_MAX ? size : PEAL_MESSAGE_SIZE_MAX;
}

/* Copies a message in; `size` [0, PEAL_MESSAGE_SIZE_MAX]. False: no room, nothing happened. */
bool peal_sendqueue_copy(struct peal_sendqueue *queue, const uint8_t *bytes, uint32_t size);

/* Takes a loan: `bytes` [size] stay as they are until `token` is released. False: no room. */
bool peal_sendqueue_lend(
	struct peal_sendqueue *queue, const uint8_t *bytes, uint32_t size, uint64_t token);

/* Says that nothing comes any more. False: no room, try again when something was released. */
bool peal_sendqueue_end(struct peal_sendqueue *queue);

/* Entries begin at multiples of eight. */
static inline uint64_t
peal_sendqueue_round_up(uint64_t size)
{
	return (size + 7U) & ~UINT64_C(7);
}

/* True when half of the room or more is free and nothing is lent: whoever sends waits for nothing
 * that a release would bring. */
static inline bool
peal_sendqueue_is_roomy(const struct peal_sendqueue *queue)
{
	return queue->loans_count == 0 && queue->head - queue->tail <= queue->capacity / 2U;
}

/* Private: the entry of a loan. */
struct peal_sendqueue_entry peal_sendqueue_loan_at(
	const struct peal_sendqueue *queue, uint64_t position);

/* The entry at a position, which must be one between tail and head where an entry begins. Inline:
 * some times a message. */
static inline struct peal_sendqueue_entry
peal_sendqueue_at(const struct peal_sendqueue *queue, uint64_t position)
{
	struct peal_sendqueue_entry entry;
	uint64_t head; /* one load: small entries are read as fast as this goes */

	PEAL_DASSERT(position >= queue->tail);
	PEAL_DASSERT(position < queue->head);
	memcpy(&head, queue->bytes + (position & (queue->capacity - 1U)), sizeof(head));
	entry.size = (uint32_t)head;
	entry.kind = (enum peal_sendqueue_kind)(head >> 32);
	entry.loan = NULL;
	entry.token = 0;
	entry.next = position + PEAL_SENDQUEUE_ENTRY_SIZE + peal_sendqueue_round_up(entry.size);
	if (__builtin_expect(entry.kind == PEAL_SENDQUEUE_LOAN, 0)) {
		return peal_sendqueue_loan_at(queue, position);
	}
	return entry;
}

/* Copies bytes out of the ring: in two pieces, and nearly always in one. */
static inline void
peal_sendqueue_get(const struct peal_sendqueue *queue, uint64_t position, void *out, uint64_t size)
{
	uint64_t place = position & (queue->capacity - 1U);
	uint64_t first = queue->capacity - place;

	if (__builtin_expect(size <= first, 1)) {
		memcpy(out, queue->bytes + place, size);
		return;
	}
	memcpy(out, queue->bytes + place, first);
	memcpy((uint8_t *)out + first, queue->bytes, size - first);
}

/* Copies [offset, offset + size) of the message at `position` out; must be inside it. */
static inline void
peal_sendqueue_read(const struct peal_sendqueue *queue, uint64_t position,
	const struct peal_sendqueue_entry *entry, uint32_t offset, uint8_t *out, uint32_t size)
{
	PEAL_DASSERT(offset <= entry->size);
	PEAL_DASSERT(size <= entry->size - offset);
	if (__builtin_expect(entry->kind == PEAL_SENDQUEUE_LOAN, 0)) {
		if (size > 0) { /* a loan of nothing may be NULL */
			memcpy(out, entry->loan + offset, size);
		}
		return;
	}
	peal_sendqueue_get(queue, position + PEAL_SENDQUEUE_ENTRY_SIZE + offset, out, size);
}

/*
 * Gives up messages from the position `from` on, oldest first, until `room` bytes are free or none
 * is left; what is behind them moves down, so positions behind `from` mean something else
 * afterwards. Loans among them go back at once. An END is never given up.
 *
 * @return how many messages; they count as released
 * Cost: the bytes that move; ask for much room at a time.
 */
uint64_t peal_sendqueue_drop(struct peal_sendqueue *queue, uint64_t from, uint64_t room,
	const struct peal_sendqueue_lender *lender);

/* Nothing before `position` is needed any more: gives room and loans back. */
void peal_sendqueue_release(struct peal_sendqueue *queue, uint64_t position,
	const struct peal_sendqueue_lender *lender);

#endif
