/* SPDX-License-Identifier: BSD-3-Clause */
#include "shm/shmring.h"

#define CAPACITY_MIN 256U

static void
check_memory(const struct peal_shmring_memory *memory)
{
	PEAL_ASSERT(memory->capacity >= CAPACITY_MIN && memory->capacity <= UINT64_C(1) << 31);
	PEAL_ASSERT((memory->capacity & (memory->capacity - 1U)) == 0);
	PEAL_ASSERT(((uintptr_t)memory->bytes & 7U) == 0);
}

void
peal_shmring_writer_init(
	struct peal_shmring_writer *writer, const struct peal_shmring_memory *memory)
{
	check_memory(memory);
	*writer = (struct peal_shmring_writer){.memory = *memory, .claimed = UINT32_MAX};
}

void
peal_shmring_reader_init(
	struct peal_shmring_reader *reader, const struct peal_shmring_memory *memory)
{
	check_memory(memory);
	*reader = (struct peal_shmring_reader){.memory = *memory};
}

bool
peal_shmring_refresh_head(struct peal_shmring_writer *writer)
{
	uint64_t head = atomic_load_explicit(writer->memory.head, memory_order_acquire);

	/* It only grows, and never past what was shown. */
	if (writer->is_broken || head - writer->head > writer->published - writer->head ||
		(head & 7U) != 0) {
		writer->is_broken = true;
		return false;
	}
	writer->head = head;
	return true;
}

bool
peal_shmring_refresh_tail(struct peal_shmring_reader *reader)
{
	uint64_t tail = atomic_load_explicit(reader->memory.tail, memory_order_acquire);

	/* It only grows, and what lies between the two is no more than there is room for. A writer
	 * knows the head that it was told, so that is where its room is counted from. */
	if (reader->is_broken || tail - reader->head > reader->memory.capacity ||
		tail - reader->head < reader->tail - reader->head || (tail & 7U) != 0) {
		reader->is_broken = true;
		return false;
	}
	reader->tail = tail;
	return true;
}

void
peal_shmring_skip(struct peal_shmring_writer *writer, uint64_t left)
{
	uint64_t offset = writer->tail & (writer->memory.capacity - 1U);
	_Atomic uint64_t *header = (_Atomic uint64_t *)(void *)(writer->memory.bytes + offset);

	/* Kind and tag are zero. */
	atomic_store_explicit(header, left - PEAL_SHMRING_HEADER_SIZE, memory_order_relaxed);
	writer->tail += left;
}

uint64_t
peal_shmring_free_size(struct peal_shmring_writer *writer)
{
	if (!peal_shmring_refresh_head(writer)) {
		return 0;
	}
	return writer->memory.capacity - (writer->tail - writer->head);
}

bool
peal_shmring_has_more(struct peal_shmring_reader *reader)
{
	return reader->next != reader->tail ||
	       (peal_shmring_refresh_tail(reader) && reader->next != reader->tail);
}
