/* SPDX-License-Identifier: BSD-3-Clause */
#include "dataplane/cast_cut.h"

#include "base/assert.h"
#include "base/museum.h"

#include <string.h>

void
peal_cast_cut_init(struct peal_cast_cut *cut, uint8_t *bytes, uint32_t capacity)
{
	memset(cut, 0, sizeof(*cut));
	peal_sendqueue_init(&cut->queue, bytes, capacity);
}

void
peal_cast_cut_restart(struct peal_cast_cut *cut)
{
	cut->offset = PEAL_BUG(CAST_PART_TWICE) ? cut->offset : 0;
	cut->settled = 0;
	cut->doubtful_count = 0;
	cut->values_fresh = cut->values_set;
}

void
peal_cast_cut_begin_at(struct peal_cast_cut *cut, uint64_t seq)
{
	PEAL_ASSERT(cut->doubtful_count == 0);
	PEAL_ASSERT(cut->offset == 0);
	cut->settled = seq;
}

bool
peal_cast_cut_set(struct peal_cast_cut *cut, uint32_t number, const uint8_t *bytes, uint32_t size)
{
	uint16_t bit = (uint16_t)(1U << number);
	bool is_overwritten = (cut->values_fresh & bit) != 0;

	PEAL_ASSERT(number < PEAL_CAST_VALUES_MAX);
	PEAL_ASSERT(size <= PEAL_CAST_VALUE_SIZE_MAX);
	if (size > 0) {
		memcpy(cut->values[number], bytes, size);
	}
	cut->value_sizes[number] = (uint16_t)size;
	cut->values_set |= bit;
	cut->values_fresh |= bit;
	return is_overwritten;
}

/* Fresh values, as many as there is room for. Returns the bytes written. */
static uint32_t
cut_values(struct peal_cast_cut *cut, uint8_t *data, uint32_t room, uint16_t *ends_count)
{
	uint32_t at = 0;

	for (uint32_t number = 0; number < PEAL_CAST_VALUES_MAX; number++) {
		uint16_t size = cut->value_sizes[number];

		if ((cut->values_fresh >> number & 1U) == 0 ||
			room - at < PEAL_CAST_RECORD_SIZE + (uint32_t)size) {
			continue;
		}
		memcpy(data + at, &size, sizeof(size));
		memcpy(data + at + PEAL_CAST_RECORD_SIZE, cut->values[number], size);
		at += PEAL_CAST_RECORD_SIZE + (uint32_t)size;
		cut->values_fresh &= (uint16_t) ~(1U << number);
		(*ends_count)++;
	}
	return at;
}

/* The next part of a large message. Returns its size. */
static uint32_t
cut_part(struct peal_cast_cut *cut, const struct peal_sendqueue_entry *entry, uint8_t *data)
{
	uint32_t left = entry->size - cut->offset;
	uint32_t part = PEAL_CAST_DATA_SIZE_MAX - PEAL_CAST_FRAGMENT_SIZE;

	part = part < left ? part : left;
	memcpy(data, &entry->size, 4);
	memcpy(data + 4, &cut->offset, 4);
	peal_sendqueue_read(&cut->queue, cut->queue.tail, entry, cut->offset,
		data + PEAL_CAST_FRAGMENT_SIZE, part);
	cut->offset += part;
	return PEAL_CAST_FRAGMENT_SIZE + part;
}

static uint32_t
cut_record(struct peal_cast_cut *cut, const struct peal_sendqueue_entry *entry, uint8_t *data)
{
	uint16_t size = (uint16_t)entry->size;

	memcpy(data, &size, sizeof(size));
	peal_sendqueue_read(
		&cut->queue, cut->queue.tail, entry, 0, data + PEAL_CAST_RECORD_SIZE, entry->size);
	return PEAL_CAST_RECORD_SIZE + entry->size;
}

uint16_t
peal_cast_cut_frame(struct peal_cast_cut *cut, uint64_t seq, uint8_t *body, uint8_t *flags_out,
	const struct peal_sendqueue_lender *lender)
{
	uint32_t size = PEAL_CAST_HEADER_SIZE;
	uint16_t ends_count = 0;

	PEAL_ASSERT(!peal_cast_cut_is_empty(cut));
	*flags_out = 0;
	if (cut->offset == 0) {
		size += cut_values(cut, body + size, PEAL_BODY_SIZE_MAX - size, &ends_count);
	}
	while (cut->queue.tail < cut->queue.head) {
		struct peal_sendqueue_entry entry = peal_sendqueue_at(&cut->queue, cut->queue.tail);

		if (entry.size > PEAL_CAST_DATA_SIZE_MAX - PEAL_CAST_RECORD_SIZE) {
			if (size == PEAL_CAST_HEADER_SIZE) { /* a part stands alone */
				*flags_out = PEAL_CAST_FLAG_FRAGMENT;
				size += cut_part(cut, &entry, body + size);
			}
			if (cut->offset < entry.size) {
				break;
			}
			cut->offset = 0;
		} else if (PEAL_BODY_SIZE_MAX - size >= PEAL_CAST_RECORD_SIZE + entry.size) {
			size += cut_record(cut, &entry, body + size);
		} else {
			break;
		}
		ends_count++;
		peal_sendqueue_release(&cut->queue, entry.next, lender);
		if (*flags_out != 0) {
			break;
		}
	}
	cut->ends[seq % PEAL_CAST_WINDOW_MAX] = ends_count;
	cut->doubtful_count += ends_count;
	return (uint16_t)size;
}

uint64_t
peal_cast_cut_drop(
	struct peal_cast_cut *cut, uint64_t room, const struct peal_sendqueue_lender *lender)
{
	uint64_t from = cut->queue.tail;

	if (cut->offset != 0) {
		from = peal_sendqueue_at(&cut->queue, from).next;
	}
	return peal_sendqueue_drop(&cut->queue, from, room, lender);
}

void
peal_cast_cut_settle(struct peal_cast_cut *cut, uint64_t stable)
{
	for (; cut->settled < stable; cut->settled++) {
		cut->doubtful_count -= cut->ends[cut->settled % PEAL_CAST_WINDOW_MAX];
	}
}

uint64_t
peal_cast_cut_abandon(struct peal_cast_cut *cut, const struct peal_sendqueue_lender *lender)
{
	uint64_t lost_count = cut->doubtful_count + cut->queue.accepted_count -
			      cut->queue.released_count +
			      (uint64_t)__builtin_popcount(cut->values_fresh);

	peal_sendqueue_release(&cut->queue, cut->queue.head, lender);
	cut->values_set = 0;
	peal_cast_cut_restart(cut);
	cut->offset = 0;
	return lost_count;
}
