/* SPDX-License-Identifier: BSD-3-Clause */
#include "shm/shmlane.h"

#include <string.h>

/* Of the ring: what was heard is told when it is so much, and who waits for room waits for so much
 * of it, or each message would cost a sleep. */
#define TELL_PARTS 8U
#define WAIT_PARTS 2U

void
peal_shmlane_init(struct peal_shmlane *lane, struct peal_shmlane_region *own,
	const struct peal_shmlane_region *others)
{
	/* Rings take memory that may be written, which what belongs to others is not. */
	union {
		const struct peal_shmlane_region *read;
		struct peal_shmlane_region *memory;
	} of = {.read = others};
	const struct peal_shmring_memory out = {.bytes = (uint8_t *)own + PEAL_SHMLANE_RING_OFFSET,
		.capacity = PEAL_CLIENT_LANE_SIZE,
		.tail = &own->tail,
		.head = &of.memory->head};
	const struct peal_shmring_memory in = {
		.bytes = (uint8_t *)of.memory + PEAL_SHMLANE_RING_OFFSET,
		.capacity = PEAL_CLIENT_LANE_SIZE,
		.tail = &of.memory->tail,
		.head = &own->head};

	*lane = (struct peal_shmlane){.own = own,
		.others = others,
		.sleeper = {.word = &own->sleep},
		.ringer = {.word = &others->sleep},
		.until = PEAL_SHMLANE_NEVER};
	peal_shmring_writer_init(&lane->writer, &out);
	peal_shmring_reader_init(&lane->reader, &in);
}

/* Where the other side must have heard up to: for a record that takes `span`, and for half of the
 * ring to be free. */
static uint64_t
find_wanted(const struct peal_shmring_writer *writer, uint64_t span)
{
	uint64_t left = writer->memory.capacity - (writer->tail & (writer->memory.capacity - 1U));
	uint64_t least = writer->tail + (span <= left ? span : left + span);
	uint64_t half = writer->tail + writer->memory.capacity / WAIT_PARTS;

	return (least > half ? least : half) - writer->memory.capacity;
}

void *
peal_shmlane_claim(struct peal_shmlane *lane, uint32_t size)
{
	void *room = peal_shmring_claim(&lane->writer, size);

	/* It was full, so it is further than that. */
	lane->wanted_head = room != NULL ? 0 : find_wanted(&lane->writer, peal_shmring_span(size));
	return room;
}

enum peal_shmlane_taken
peal_shmlane_take(struct peal_shmlane *lane, uint8_t *bytes, uint32_t *size_out)
{
	struct peal_shmring_record record;

	if (lane->reader.is_broken) {
		return PEAL_SHMLANE_BROKEN;
	}
	if (lane->reader.next >= lane->until) {
		return PEAL_SHMLANE_EMPTY;
	}
	if (!peal_shmring_borrow(&lane->reader, &record)) {
		return lane->reader.is_broken ? PEAL_SHMLANE_BROKEN : PEAL_SHMLANE_EMPTY;
	}
	if (record.kind != PEAL_SHMLANE_MESSAGE || record.size > PEAL_CLIENT_MESSAGE_SIZE_MAX) {
		lane->reader.is_broken = true;
		return PEAL_SHMLANE_BROKEN;
	}
	if (record.size > 0) {
		memcpy(bytes, record.bytes, record.size);
	}
	lane->heard_count++;
	*size_out = record.size;
	return PEAL_SHMLANE_TAKEN;
}

bool
peal_shmlane_release(struct peal_shmlane *lane, bool is_all)
{
	struct peal_shmring_reader *reader = &lane->reader;
	uint64_t taken = reader->next - reader->head, wanted;
	uint32_t sleep;

	if (taken == 0 || (!is_all && taken < reader->memory.capacity / TELL_PARTS)) {
		return false;
	}
	atomic_store_explicit(&lane->own->heard_count, lane->heard_count, memory_order_relaxed);
	(void)peal_shmring_release(reader);
	sleep = peal_shmbell_find_sleep(&lane->ringer);
	if (sleep == 0) {
		return false;
	}
	wanted = atomic_load_explicit(&lane->others->wanted_head, memory_order_relaxed);
	if (wanted == 0 || reader->head < wanted) {
		return false;
	}
	lane->ringer.rung = sleep;
	return true;
}

bool
peal_shmlane_stop(struct peal_shmlane *lane)
{
	if (!peal_shmring_refresh_tail(&lane->reader)) {
		lane->until = lane->reader.next;
		return false;
	}
	lane->until = lane->reader.tail;
	return true;
}

bool
peal_shmlane_has_room(struct peal_shmlane *lane)
{
	return lane->wanted_head != 0 &&
	       atomic_load_explicit(&lane->others->head, memory_order_acquire) >= lane->wanted_head;
}

void
peal_shmlane_declare_asleep(struct peal_shmlane *lane)
{
	atomic_store_explicit(&lane->own->wanted_head, lane->wanted_head, memory_order_relaxed);
	peal_shmbell_declare_asleep(&lane->sleeper);
}

void
peal_shmlane_note_ring(struct peal_shmlane *lane)
{
	uint64_t tail = atomic_load_explicit(&lane->others->tail, memory_order_relaxed);
	uint64_t head = atomic_load_explicit(&lane->others->head, memory_order_relaxed);

	lane->rings_count =
		tail == lane->rung_tail && head == lane->rung_head ? lane->rings_count + 1U : 0;
	lane->rung_tail = tail;
	lane->rung_head = head;
}

uint64_t
peal_shmlane_unheard_count(const struct peal_shmlane *lane)
{
	uint64_t heard_count =
		atomic_load_explicit(&lane->others->heard_count, memory_order_acquire);

	/* The word of a liar is worth nothing. */
	return peal_shmlane_is_broken(lane) || heard_count > lane->sent_count
		       ? lane->sent_count
		       : lane->sent_count - heard_count;
}
