/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Two processes with the rings and bells of libpeal between them, and DPDK's rings beside those.
 *
 * The first process is where a client would be, the second one where a daemon's core would be. Each
 * has a CPU of its own; what one does, the other does at the same time, as a task that the first
 * one names. Records are copied in and out, as client and core do; in streams every byte of
 * each is written anew, and read and compared on the other side. Whoever fills looks whether to
 * ring, with the fence that this takes. Both sides are here, so that they can be read together.
 *
 * Used by the main thread of the first process; the second one ends with it.
 */
#ifndef PEAL_PEAL_BENCH_SHMSTAND_H
#define PEAL_PEAL_BENCH_SHMSTAND_H

#include "base/clientlimits.h"
#include "shm/shmbell.h"
#include "shm/shmring.h"
#include "tools/peal-bench/benchargs.h"

#include <string.h>
#include <sys/types.h>

struct rte_ring;

/* Objects of a ring of DPDK, and records that are pushed before they are shown. */
#define PEAL_SHMSTAND_OBJECTS 1024U
#define PEAL_SHMSTAND_BURST   32U
/* Bytes of a record, a multiple of 4. */
#define PEAL_SHMSTAND_SIZE_MAX 1024U
/* To the second process, from it, and one for a single thread. */
#define PEAL_SHMSTAND_LANES 3U
#define PEAL_SHMSTAND_RINGS 2U

enum peal_shmstand_task {
	PEAL_SHMSTAND_NONE = 0,
	PEAL_SHMSTAND_ECHO = 1,      /* send back what comes, `count` times */
	PEAL_SHMSTAND_ECHO_RING = 2, /* the same over rings of DPDK */
	PEAL_SHMSTAND_TAKE = 3,      /* take `count` records */
	PEAL_SHMSTAND_WAKE = 4,      /* sleep until a record comes, `count` times */
	PEAL_SHMSTAND_WAKE_BARE = 5, /* sleep on the eventfd alone, `count` times */
};

/* One direction, in memory of both. */
struct peal_shmstand_lane {
	_Alignas(PEAL_SHMRING_APART) _Atomic uint64_t tail;
	_Alignas(PEAL_SHMRING_APART) _Atomic uint64_t head;
	_Alignas(PEAL_SHMRING_APART) _Atomic uint32_t sleep;
	_Alignas(PEAL_SHMRING_APART) uint8_t bytes[PEAL_CLIENT_UP_SIZE];
};

/* In memory of both. */
struct peal_shmstand_shared {
	struct peal_shmstand_lane lanes[PEAL_SHMSTAND_LANES];
	_Alignas(PEAL_SHMRING_APART) _Atomic uint32_t task;
	uint64_t count;
	_Alignas(PEAL_SHMRING_APART) _Atomic uint64_t woken_at;    /* cycles; 0 = not yet */
	_Alignas(PEAL_SHMRING_APART) _Atomic uint64_t ready_count; /* about to sleep so often */
	_Atomic uint64_t wrong_count; /* records that were not the next one */
	_Atomic uint64_t rung_count;  /* by the second process */
};

/* Ends of a lane; each process uses the one that is its own. */
struct peal_shmstand_end {
	_Alignas(PEAL_SHMRING_APART) struct peal_shmring_writer writer;
	struct peal_shmbell_ringer ringer;
	_Alignas(PEAL_SHMRING_APART) struct peal_shmring_reader reader;
};

/* Fields may be read; the first process writes `sent` and `rung_count`. */
struct peal_shmstand {
	struct peal_shmstand_shared *shared;
	struct peal_shmstand_end ends[PEAL_SHMSTAND_LANES]; /* each process has copies of its own */
	struct rte_ring *rings[PEAL_SHMSTAND_RINGS];
	uint32_t size;
	int bell; /* eventfd that wakes the second process */
	pid_t pid;
	uint64_t sent;       /* number of the next record, which fills it */
	uint64_t rung_count; /* by the first process */
};

/*
 * Makes memory and the second process, and moves both to their CPUs.
 * @return false with a sentence; call peal_shmstand_end in any case
 */
bool peal_shmstand_begin(struct peal_shmstand *stand, const struct peal_benchargs *args,
	struct peal_sentence *error);

/* Ends the second process, and gives memory back. */
void peal_shmstand_end(struct peal_shmstand *stand);

/* Has the second process do something `count` times. */
void peal_shmstand_order(struct peal_shmstand *stand, enum peal_shmstand_task task, uint64_t count);

/* A moment of waiting. False: Ctrl-C came, or the second process is gone. Cheap. */
bool peal_shmstand_pause(const struct peal_shmstand *stand);

/* Waits until the second process is done. False as above. */
bool peal_shmstand_await(const struct peal_shmstand *stand);

/* Fills a record with words that follow from its number. */
static inline void
peal_shmstand_fill(const struct peal_shmstand *stand, uint8_t *bytes, uint64_t number)
{
	uint32_t at = 0;

	for (; at + 8U <= stand->size; at += 8U) {
		uint64_t word = number + at;

		memcpy(bytes + at, &word, sizeof(word));
	}
	memcpy(bytes + at, &number, stand->size - at);
}

/* True when all bytes of the record are those that follow from the number. Reads every one. */
static inline bool
peal_shmstand_is_filled(const struct peal_shmstand *stand, const uint8_t *bytes, uint64_t number)
{
	uint64_t difference = 0;
	uint32_t at = 0;

	for (; at + 8U <= stand->size; at += 8U) {
		uint64_t word;

		memcpy(&word, bytes + at, sizeof(word));
		difference |= word ^ (number + at);
	}
	return difference == 0 && memcmp(bytes + at, &number, stand->size - at) == 0;
}

/* A record with the next number, not shown yet. False: the ring is full. */
static inline bool
peal_shmstand_put(struct peal_shmstand *stand, struct peal_shmstand_end *end, const uint8_t *bytes)
{
	uint8_t *room = peal_shmring_claim(&end->writer, stand->size);

	if (room == NULL) {
		return false;
	}
	memcpy(room, bytes, stand->size);
	peal_shmring_commit(&end->writer, 1, (uint16_t)stand->sent++, stand->size);
	return true;
}

/* Shows what was put. True: ring the bell now. */
static inline bool
peal_shmstand_show(struct peal_shmstand_end *end)
{
	(void)peal_shmring_publish(&end->writer);
	return peal_shmbell_is_due(&end->ringer);
}

/* Copies the next record out, and its number. False: there is none. */
static inline bool
peal_shmstand_take(const struct peal_shmstand *stand, struct peal_shmstand_end *end, uint8_t *bytes,
	uint16_t *number_out)
{
	struct peal_shmring_record record;

	if (!peal_shmring_borrow(&end->reader, &record)) {
		return false;
	}
	PEAL_ASSERT(record.size == stand->size);
	memcpy(bytes, record.bytes, record.size);
	/* Somebody may look at them: so that no compiler leaves the copy out where nobody does. */
	__asm__ volatile("" : : "r"(bytes) : "memory");
	*number_out = record.tag;
	return true;
}

#endif
