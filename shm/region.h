/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The memory that a client and a daemon share: three regions, each written by one side only.
 *
 *     up     client writes, core reads     its records, how far it read, its sleep, its death word
 *     down   core writes, client reads     records for it, how far it read, credits, the end
 *     page   core writes, all clients of the core read     its sleep, its death word, the view word
 *
 * The daemon makes all three, sealed against another size and, but for `up`, against any
 * mapping that may write; it maps `up` for reading only. So neither side can write what the other
 * decides by, whatever it does. Sizes are told when a client is welcomed and kept in private; these
 * structs have no sizes, offsets or pointers that anybody follows, and no address of either
 * process.
 *
 * Counters and words are zero at first. Words of different writers or readers stand apart, in pairs
 * of cache lines.
 */
#ifndef PEAL_SHM_REGION_H
#define PEAL_SHM_REGION_H

#include "base/clientlimits.h"
#include "shm/shmring.h"

/* Where the bytes of the ring begin, in `up` and in `down`. */
#define PEAL_REGION_RING_OFFSET 4096U
#define PEAL_REGION_UP_SIZE     (PEAL_REGION_RING_OFFSET + PEAL_CLIENT_UP_SIZE)
#define PEAL_REGION_DOWN_SIZE   (PEAL_REGION_RING_OFFSET + PEAL_CLIENT_DOWN_SIZE)
#define PEAL_REGION_PAGE_SIZE   4096U

/* The kernel sets this in a death word whose thread has died, and clears the thread's number. */
#define PEAL_REGION_OWNER_DIED 0x40000000U

/* A word that a thread holds for as long as its process lives: `set_robust_list`. The list that the
 * kernel walks is in memory of that process alone (client/life.h). */
struct peal_region_death {
	uint32_t reserved[3];
	_Atomic uint32_t word; /* number of the thread; OWNER_DIED; 0 = not held */
};

struct peal_region_up {
	_Alignas(PEAL_SHMRING_APART) _Atomic uint64_t up_tail;
	_Alignas(PEAL_SHMRING_APART) _Atomic uint64_t down_head;
	_Alignas(PEAL_SHMRING_APART) _Atomic uint32_t sleep; /* shmbell.h */
	/* What it waits for while it sleeps, so that it is rung for that and not for each step on
	 * the way; 0 = nothing. Places: of what the core has read, and has released of one channel.
	 * With PEAL_CLIENT_PLACE_ANY it waits for several, and any step is one. Written before
	 * `sleep`. */
	_Alignas(PEAL_SHMRING_APART) _Atomic uint64_t wanted_head;
	_Atomic uint64_t wanted_released;
	_Atomic uint32_t wanted_place;
	_Alignas(PEAL_SHMRING_APART) struct peal_region_death death;
};

struct peal_region_down {
	_Alignas(PEAL_SHMRING_APART) _Atomic uint64_t down_tail;
	_Alignas(PEAL_SHMRING_APART) _Atomic uint64_t up_head;
	/* 0, or enum peal_client_end: the core reads and writes no more. */
	_Alignas(PEAL_SHMRING_APART) _Atomic uint32_t end;
	_Atomic uint64_t ended_at_ns; /* the turn in which that was; before `end` */
	/* 1: the core waits for room in this ring, so who made some rings. A place of the ring, its
	 * low 32 bits, and PEAL_REGION_WAITING_PLACE: who has read up to there rings. */
	_Alignas(PEAL_SHMRING_APART) _Atomic uint32_t is_waiting;
	/* By place of a channel: how far its queue in the core is released. Only grows in one life
	 * of the place. */
	_Alignas(PEAL_SHMRING_APART) _Atomic uint64_t released[PEAL_CLIENT_CHANNELS_MAX];
};

/* Places are multiples of eight. */
#define PEAL_REGION_WAITING_PLACE 2U

struct peal_region_page {
	_Alignas(PEAL_SHMRING_APART) _Atomic uint32_t sleep; /* of the core */
	_Alignas(PEAL_SHMRING_APART) struct peal_region_death death;
	/* The view that the core is in, 0 = none; and until when it is in good standing there, 0 =
	 * it is not. Written in the order lease 0, epoch, lease. Nobody attached: LEASE_LAPSED. */
	_Alignas(PEAL_SHMRING_APART) _Atomic uint64_t epoch;
	_Atomic uint64_t lease_until_ns;
};

/* A lease that has run out, of a node that was never found in bad standing: who comes may speak at
 * once, and the core's next turn writes what is so. */
#define PEAL_REGION_LEASE_LAPSED 1U

_Static_assert(sizeof(struct peal_region_up) <= PEAL_REGION_RING_OFFSET, "words before the ring");
_Static_assert(sizeof(struct peal_region_down) <= PEAL_REGION_RING_OFFSET, "words before the ring");
_Static_assert(sizeof(struct peal_region_page) <= PEAL_REGION_PAGE_SIZE, "one page");
_Static_assert(sizeof(_Atomic uint64_t) == 8 && sizeof(_Atomic uint32_t) == 4,
	"words are what both sides take them for");

/* The ring up: the client writes, the core reads. */
static inline struct peal_shmring_memory
peal_region_up_ring(struct peal_region_up *up, struct peal_region_down *down, uint32_t capacity)
{
	return (struct peal_shmring_memory){
		.bytes = (uint8_t *)up + PEAL_REGION_RING_OFFSET,
		.capacity = capacity,
		.tail = &up->up_tail,
		.head = &down->up_head,
	};
}

/* The ring down: the core writes, the client reads. */
static inline struct peal_shmring_memory
peal_region_down_ring(struct peal_region_up *up, struct peal_region_down *down, uint32_t capacity)
{
	return (struct peal_shmring_memory){
		.bytes = (uint8_t *)down + PEAL_REGION_RING_OFFSET,
		.capacity = capacity,
		.tail = &down->down_tail,
		.head = &up->down_head,
	};
}

/* The instant until which the core is in good standing in view `*epoch_out`; 0 = in none. */
static inline uint64_t
peal_region_read_lease(const struct peal_region_page *page, uint64_t *epoch_out)
{
	uint64_t lease = atomic_load_explicit(&page->lease_until_ns, memory_order_acquire);

	*epoch_out = atomic_load_explicit(&page->epoch, memory_order_acquire);
	/* Another epoch is never written under a lease, so an unbroken one belongs to this. */
	return atomic_load_explicit(&page->lease_until_ns, memory_order_relaxed) == 0 ? 0 : lease;
}

/* By the core: says so. */
static inline void
peal_region_write_lease(struct peal_region_page *page, uint64_t epoch, uint64_t lease_until_ns)
{
	if (atomic_load_explicit(&page->epoch, memory_order_relaxed) != epoch) {
		atomic_store_explicit(&page->lease_until_ns, 0, memory_order_relaxed);
		atomic_thread_fence(memory_order_release);
		atomic_store_explicit(&page->epoch, epoch, memory_order_release);
	}
	atomic_store_explicit(&page->lease_until_ns, lease_until_ns, memory_order_release);
}

#endif
