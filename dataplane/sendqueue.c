/* SPDX-License-Identifier: BSD-3-Clause */
#include "dataplane/sendqueue.h"

#include "base/assert.h"

#include <string.h>

#define ENTRY_SIZE PEAL_SENDQUEUE_ENTRY_SIZE
#define LOAN_SIZE  16U /* place u64, token u64 */

void
peal_sendqueue_init(struct peal_sendqueue *queue, uint8_t *bytes, uint32_t capacity)
{
	PEAL_ASSERT(bytes != NULL);
	PEAL_ASSERT(capacity >= 64);
	PEAL_ASSERT((capacity & (capacity - 1U)) == 0);
	memset(queue, 0, sizeof(*queue));
	queue->bytes = bytes;
	queue->capacity = capacity;
}

/* Into the ring: in two pieces, and nearly always in one. */
static inline void
put(struct peal_sendqueue *queue, uint64_t position, const void *bytes, uint64_t size)
{
	uint64_t place = position & (queue->capacity - 1U);
	uint64_t first = queue->capacity - place;

	if (__builtin_expect(size <= first, 1)) {
		memcpy(queue->bytes + place, bytes, size);
		return;
	}
	memcpy(queue->bytes + place, bytes, first);
	memcpy(queue->bytes, (const uint8_t *)bytes + first, size - first);
}

static bool
push(struct peal_sendqueue *queue, enum peal_sendqueue_kind kind, uint32_t size,
	const void *content, uint64_t content_size)
{
	uint64_t whole = ENTRY_SIZE + peal_sendqueue_round_up(content_size);
	const uint32_t head[2] = {size, (uint32_t)kind};

	if (queue->capacity - (queue->head - queue->tail) < whole) {
		return false;
	}
	/* An entry's head never wraps: it is as wide as its alignment. */
	memcpy(queue->bytes + (queue->head & (queue->capacity - 1U)), head, ENTRY_SIZE);
	if (content_size > 0) {
		put(queue, queue->head + ENTRY_SIZE, content, content_size);
	}
	queue->head += whole;
	queue->accepted_count += kind != PEAL_SENDQUEUE_END;
	return true;
}

bool
peal_sendqueue_copy(struct peal_sendqueue *queue, const uint8_t *bytes, uint32_t size)
{
	PEAL_ASSERT(size <= PEAL_MESSAGE_SIZE_MAX);
	return push(queue, PEAL_SENDQUEUE_COPY, size, bytes, size);
}

bool
peal_sendqueue_lend(
	struct peal_sendqueue *queue, const uint8_t *bytes, uint32_t size, uint64_t token)
{
	const uint64_t loan[2] = {(uint64_t)(uintptr_t)bytes, token};

	PEAL_ASSERT(size <= PEAL_MESSAGE_SIZE_MAX);
	if (!push(queue, PEAL_SENDQUEUE_LOAN, size, loan, LOAN_SIZE)) {
		return false;
	}
	queue->loans_count++;
	return true;
}

bool
peal_sendqueue_end(struct peal_sendqueue *queue)
{
	return push(queue, PEAL_SENDQUEUE_END, 0, NULL, 0);
}

struct peal_sendqueue_entry
peal_sendqueue_loan_at(const struct peal_sendqueue *queue, uint64_t position)
{
	struct peal_sendqueue_entry entry = {
		.kind = PEAL_SENDQUEUE_LOAN, .next = position + ENTRY_SIZE + LOAN_SIZE};
	uint64_t loan[2];

	memcpy(&entry.size, queue->bytes + (position & (queue->capacity - 1U)), 4);
	peal_sendqueue_get(queue, position + ENTRY_SIZE, loan, LOAN_SIZE);
	entry.loan = (const uint8_t *)(uintptr_t)loan[0];
	entry.token = loan[1];
	return entry;
}

/* Bytes of [from + by, head) go to `from`. All places are multiples of eight. */
static void
move_down(struct peal_sendqueue *queue, uint64_t from, uint64_t by)
{
	uint64_t mask = queue->capacity - 1U;

	for (uint64_t at = from; at + by < queue->head; at += 8U) {
		memcpy(queue->bytes + (at & mask), queue->bytes + ((at + by) & mask), 8);
	}
	queue->head -= by;
}

uint64_t
peal_sendqueue_drop(struct peal_sendqueue *queue, uint64_t from, uint64_t room,
	const struct peal_sendqueue_lender *lender)
{
	uint64_t free = queue->capacity - (queue->head - queue->tail);
	uint64_t until = from;
	uint64_t count = 0;

	PEAL_ASSERT(from >= queue->tail);
	PEAL_ASSERT(from <= queue->head);
	while (until < queue->head && free + (until - from) < room) {
		struct peal_sendqueue_entry entry = peal_sendqueue_at(queue, until);

		if (entry.kind == PEAL_SENDQUEUE_END) {
			break;
		}
		until = entry.next;
		count++;
		if (entry.kind == PEAL_SENDQUEUE_LOAN) {
			queue->loans_count--;
			lender->release(lender->state, entry.token);
		}
	}
	move_down(queue, from, until - from);
	queue->released_count += count;
	return count;
}

void
peal_sendqueue_release(
	struct peal_sendqueue *queue, uint64_t position, const struct peal_sendqueue_lender *lender)
{
	PEAL_ASSERT(position >= queue->tail);
	PEAL_ASSERT(position <= queue->head);
	while (queue->tail < position) {
		struct peal_sendqueue_entry entry = peal_sendqueue_at(queue, queue->tail);

		PEAL_ASSERT(entry.next <= position);
		queue->tail = entry.next;
		queue->released_count += entry.kind != PEAL_SENDQUEUE_END;
		if (entry.kind == PEAL_SENDQUEUE_LOAN) {
			queue->loans_count--;
			lender->release(lender->state, entry.token);
		}
	}
}
