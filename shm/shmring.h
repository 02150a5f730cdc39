/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A ring of records between two processes that need not trust each other: one writes, one reads.
 *
 * Shared are the bytes and two positions, which only grow: `tail`, written by the writer, and
 * `head`, written by the reader. All else, capacity and base included, is private to each side, so
 * the other one can change nothing that decides where memory is touched. What is read of the other
 * side is copied once and then checked: a position that cannot be, or a record that does not fit,
 * makes the ring broken for this side, for ever, and the caller cuts the other one off.
 *
 * A record: size u32 | kind u16 | tag u16 | bytes, padded to eight. It never wraps: the writer
 * skips the rest by a record of kind 0. Nothing is visible before `publish` moves the tail, so a
 * writer that dies leaves whole records only.
 *
 *     writer:  claim -> fill -> commit, as many as wanted -> publish
 *     reader:  borrow, as many as wanted -> release
 *
 * Borrowed bytes stand in shared memory and may change while they are looked at, when the other
 * side is hostile: copy them before deciding anything by them.
 *
 * Pure; fields private; one thread a side. Costs: no syscall; a cache line of the other side is
 * read only when the ring seems full, or empty.
 */
#ifndef PEAL_SHM_SHMRING_H
#define PEAL_SHM_SHMRING_H

#include "base/assert.h"
#include "base/fetch.h"

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define PEAL_SHMRING_HEADER_SIZE 8U
#define PEAL_SHMRING_KIND_SKIP   0U

/* Words of the two sides stand this far apart: processors fetch lines in pairs. */
#define PEAL_SHMRING_APART 128U

/* Bytes behind the tail whose lines the writer has come to it before it needs them: the reader had
 * them last, and stores wait for one line after the other. */
#define PEAL_SHMRING_AHEAD_SIZE 1024U

/* The largest record of a ring: an empty one takes it wherever its end is. */
static inline uint32_t
peal_shmring_size_max(uint64_t capacity)
{
	return (uint32_t)(capacity / 4U) - PEAL_SHMRING_HEADER_SIZE;
}

/* What a ring stands on. */
struct peal_shmring_memory {
	uint8_t *bytes;    /* [capacity], 8-aligned; the reader never writes */
	uint64_t capacity; /* a power of two, [256, 2^31] */
	_Atomic uint64_t *tail;
	_Atomic uint64_t *head;
};

struct peal_shmring_writer {
	struct peal_shmring_memory memory;
	uint64_t tail;      /* behind the last committed record */
	uint64_t published; /* as much of it the reader may see */
	uint64_t head;      /* of the reader: as last seen, and checked */
	uint64_t fetched;   /* lines up to here are on their way */
	uint32_t claimed;   /* bytes of the claim that is open; UINT32_MAX = none */
	bool is_broken;
};

struct peal_shmring_reader {
	struct peal_shmring_memory memory;
	uint64_t head; /* as told to the writer */
	uint64_t next; /* behind the last borrowed record */
	uint64_t tail; /* of the writer: as last seen, and checked */
	bool is_broken;
};

struct peal_shmring_record {
	const uint8_t *bytes; /* in shared memory */
	uint32_t size;
	uint16_t kind;
	uint16_t tag;
};

/* Both positions are zero. Asserts that the capacity is one. */
void peal_shmring_writer_init(
	struct peal_shmring_writer *writer, const struct peal_shmring_memory *memory);
void peal_shmring_reader_init(
	struct peal_shmring_reader *reader, const struct peal_shmring_memory *memory);

/* Private: looks at the other side again. False: it is broken. */
bool peal_shmring_refresh_head(struct peal_shmring_writer *writer);
bool peal_shmring_refresh_tail(struct peal_shmring_reader *reader);
/* Private: skips the rest before the end. */
void peal_shmring_skip(struct peal_shmring_writer *writer, uint64_t left);

/* Bytes of the ring that a record of this size takes. */
static inline uint64_t
peal_shmring_span(uint32_t size)
{
	return PEAL_SHMRING_HEADER_SIZE + (((uint64_t)size + 7U) & ~UINT64_C(7));
}

/* Private: has the lines behind the tail come. Not those that the reader may be reading still. */
static inline void
peal_shmring_fetch_ahead(struct peal_shmring_writer *writer)
{
	uint64_t free_end = writer->head + writer->memory.capacity;
	uint64_t end = writer->tail + PEAL_SHMRING_AHEAD_SIZE;

	end = end < free_end ? end : free_end;
	if (writer->fetched < writer->tail) {
		writer->fetched = writer->tail & ~(uint64_t)(PEAL_FETCH_LINE_SIZE - 1U);
	}
	for (; end - writer->fetched >= PEAL_FETCH_LINE_SIZE;
		writer->fetched += PEAL_FETCH_LINE_SIZE) {
		peal_fetch_to_write(
			writer->memory.bytes + (writer->fetched & (writer->memory.capacity - 1U)));
	}
}

/*
 * Room for a record of up to `size` bytes, which must not exceed peal_shmring_size_max. NULL: the
 * ring is full now, or broken. The last claim that was not committed is forgotten.
 */
static inline uint8_t *
peal_shmring_claim(struct peal_shmring_writer *writer, uint32_t size)
{
	uint64_t capacity = writer->memory.capacity;
	uint64_t span = peal_shmring_span(size);
	uint64_t offset = writer->tail & (capacity - 1U);
	uint64_t left = capacity - offset;
	uint64_t needed = span <= left ? span : left + span;

	PEAL_ASSERT(span <= capacity / 4U);
	if (__builtin_expect(needed > capacity - (writer->tail - writer->head), 0)) {
		if (!peal_shmring_refresh_head(writer) ||
			needed > capacity - (writer->tail - writer->head)) {
			return NULL;
		}
	}
	if (__builtin_expect(span > left, 0)) {
		peal_shmring_skip(writer, left);
		offset = 0;
	}
	peal_shmring_fetch_ahead(writer);
	writer->claimed = size;
	return writer->memory.bytes + offset + PEAL_SHMRING_HEADER_SIZE;
}

/* Makes a record of the claim: `size` is at most what was claimed, `kind` is not SKIP. */
static inline void
peal_shmring_commit(struct peal_shmring_writer *writer, uint16_t kind, uint16_t tag, uint32_t size)
{
	uint64_t offset = writer->tail & (writer->memory.capacity - 1U);
	_Atomic uint64_t *header = (_Atomic uint64_t *)(void *)(writer->memory.bytes + offset);

	PEAL_ASSERT(writer->claimed != UINT32_MAX && size <= writer->claimed);
	PEAL_DASSERT(kind != PEAL_SHMRING_KIND_SKIP);
	atomic_store_explicit(header, (uint64_t)size | (uint64_t)kind << 32 | (uint64_t)tag << 48,
		memory_order_relaxed);
	writer->tail += peal_shmring_span(size);
	writer->claimed = UINT32_MAX;
}

/* Shows the reader all that was committed. True: that was something. */
static inline bool
peal_shmring_publish(struct peal_shmring_writer *writer)
{
	if (writer->published == writer->tail) {
		return false;
	}
	writer->published = writer->tail;
	atomic_store_explicit(writer->memory.tail, writer->tail, memory_order_release);
	return true;
}

/* Bytes that are free for sure, records and their padding together; looks at the reader's line. */
uint64_t peal_shmring_free_size(struct peal_shmring_writer *writer);

/* The next record. False: there is none now, or the ring is broken. */
static inline bool
peal_shmring_borrow(struct peal_shmring_reader *reader, struct peal_shmring_record *record_out)
{
	uint64_t capacity = reader->memory.capacity;

	for (;;) {
		uint64_t offset = reader->next & (capacity - 1U);
		const _Atomic uint64_t *word =
			(const _Atomic uint64_t *)(const void *)(reader->memory.bytes + offset);
		uint64_t header, span;

		if (__builtin_expect(reader->next == reader->tail, 0)) {
			if (!peal_shmring_refresh_tail(reader) || reader->next == reader->tail) {
				return false;
			}
		}
		header = atomic_load_explicit(word, memory_order_relaxed);
		span = peal_shmring_span((uint32_t)header);
		/* In this order: what is past the tail is not the writer's word. */
		if (__builtin_expect(
			    span > reader->tail - reader->next || span > capacity - offset, 0)) {
			reader->is_broken = true;
			return false;
		}
		if (__builtin_expect((uint16_t)(header >> 32) != PEAL_SHMRING_KIND_SKIP, 1)) {
			if (span > capacity / 4U) {
				reader->is_broken = true;
				return false;
			}
			reader->next += span;
			*record_out = (struct peal_shmring_record){
				.bytes = reader->memory.bytes + offset + PEAL_SHMRING_HEADER_SIZE,
				.size = (uint32_t)header,
				.kind = (uint16_t)(header >> 32),
				.tag = (uint16_t)(header >> 48),
			};
			return true;
		}
		/* A skip ends at the end, and not a whole ring of it. */
		if (span != capacity - offset || span > capacity / 4U) {
			reader->is_broken = true;
			return false;
		}
		reader->next += span;
	}
}

/* Gives back all that was borrowed. True: that was something. */
static inline bool
peal_shmring_release(struct peal_shmring_reader *reader)
{
	if (reader->head == reader->next) {
		return false;
	}
	reader->head = reader->next;
	atomic_store_explicit(reader->memory.head, reader->head, memory_order_release);
	return true;
}

/* Takes back the last borrow, which was of `record`: it is the next one again. */
static inline void
peal_shmring_return(struct peal_shmring_reader *reader, const struct peal_shmring_record *record)
{
	reader->next -= peal_shmring_span(record->size);
	PEAL_ASSERT(reader->next >= reader->head);
}

/* True: there is something to borrow. A look before a sleep. */
bool peal_shmring_has_more(struct peal_shmring_reader *reader);

#endif
