/* SPDX-License-Identifier: BSD-3-Clause */
#include "shm/shmmove.h"

#include <string.h>

/* Above this, a call of the library's copy is worth it. */
#define SMALL_SIZE 256U
#define PIECE_SIZE 32U

/* Where neither ring changes: private copies, so that they stay in registers whatever is written
 * through pointers to bytes. */
struct run {
	const uint8_t *from;
	uint8_t *to;
	uint64_t from_mask;
	uint64_t to_mask;
	uint64_t from_end; /* positions */
	uint64_t to_end;
	uint64_t wanted; /* heads without the size */
	uint64_t given;
};

/* `size` is a multiple of eight. */
static inline void
copy(uint8_t *to, const uint8_t *from, uint64_t size)
{
	if (__builtin_expect(size > SMALL_SIZE, 0)) {
		memcpy(to, from, size);
		return;
	}
	for (; size >= PIECE_SIZE; size -= PIECE_SIZE) {
		memcpy(to, from, PIECE_SIZE);
		to += PIECE_SIZE;
		from += PIECE_SIZE;
	}
	for (; size > 0; size -= 8U) {
		memcpy(to, from, 8);
		to += 8;
		from += 8;
	}
}

static inline uint64_t
head_of(uint16_t kind, uint16_t tag)
{
	return (uint64_t)kind << 32 | (uint64_t)tag << 48;
}

static struct run
prepare(struct peal_shmring_reader *reader, struct peal_shmring_writer *writer,
	const struct peal_shmmove *what)
{
	uint64_t waiting = writer->tail - writer->head;

	/* The lines of the other sides are read at most once. */
	if (reader->next == reader->tail) {
		(void)peal_shmring_refresh_tail(reader);
	}
	if (writer->memory.capacity - waiting < what->span_max) {
		(void)peal_shmring_refresh_head(writer);
		waiting = writer->tail - writer->head;
	}
	uint64_t room = writer->memory.capacity - waiting;

	return (struct run){.from = reader->memory.bytes,
		.to = writer->memory.bytes,
		.from_mask = reader->memory.capacity - 1U,
		.to_mask = writer->memory.capacity - 1U,
		.from_end = reader->tail,
		.to_end = writer->tail + (room < what->span_max ? room : what->span_max),
		.wanted = head_of(what->from_kind, what->from_tag),
		.given = head_of(what->to_kind, what->to_tag)};
}

struct peal_shmmoved
peal_shmmove_run(struct peal_shmring_reader *reader, struct peal_shmring_writer *writer,
	const struct peal_shmmove *what)
{
	struct peal_shmmoved moved = {.count = 0};
	const struct run run = prepare(reader, writer, what);
	uint64_t next = reader->next, tail = writer->tail;

	PEAL_ASSERT(what->to_kind != PEAL_SHMRING_KIND_SKIP);
	if (reader->is_broken || writer->is_broken) {
		return moved;
	}
	while (moved.count < what->count_max && next != run.from_end) {
		uint64_t from_offset = next & run.from_mask, to_offset = tail & run.to_mask;
		uint64_t head = atomic_load_explicit(
			(const _Atomic uint64_t *)(const void *)(run.from + from_offset),
			memory_order_relaxed);
		uint32_t size = (uint32_t)head;
		uint64_t span = peal_shmring_span(size);

		/* In this order: what is past the tail is not the writer's word. */
		if (span > run.from_end - next || span > run.from_mask + 1U - from_offset ||
			head - size != run.wanted || size > what->size_max ||
			span > run.to_end - tail || span > run.to_mask + 1U - to_offset) {
			break;
		}
		atomic_store_explicit((_Atomic uint64_t *)(void *)(run.to + to_offset),
			run.given | size, memory_order_relaxed);
		copy(run.to + to_offset + PEAL_SHMRING_HEADER_SIZE,
			run.from + from_offset + PEAL_SHMRING_HEADER_SIZE,
			span - PEAL_SHMRING_HEADER_SIZE);
		next += span;
		tail += span;
		moved.count++;
		moved.size += size;
	}
	moved.span = tail - writer->tail;
	reader->next = next;
	writer->tail = tail;
	writer->claimed = UINT32_MAX;
	return moved;
}
