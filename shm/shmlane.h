/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A lane: messages between two clients of one node, which need not trust each other and have no
 * daemon between them (docs/design/0022-near-clients.md).
 *
 * Two regions, each written by one side and read by the other: where what it says ends, how far it
 * heard the other one, whether it sleeps, and the bytes of its ring (shmring.h). A message is
 * copied out before anything is decided by it, so that it stays as it was looked at. What cannot be
 * breaks the lane for this side, for good.
 *
 *     say:   claim -> fill -> commit, as many as wanted -> publish -> is_due: ring
 *     hear:  take, as many as wanted -> release -> is_due_for_room: ring
 *
 * What was heard is told to the other side a part of the ring at a time, and when nothing more is
 * there: so who counts by it what was not heard may count too much, never too little.
 *
 * Pure; plain struct, fields private; one thread a side. Costs as of a ring, and a copy.
 */
#ifndef PEAL_SHM_SHMLANE_H
#define PEAL_SHM_SHMLANE_H

#include "base/clientlimits.h"
#include "shm/shmbell.h"
#include "shm/shmring.h"

#define PEAL_SHMLANE_RING_OFFSET 4096U
#define PEAL_SHMLANE_REGION_SIZE (PEAL_SHMLANE_RING_OFFSET + PEAL_CLIENT_LANE_SIZE)
/* The only kind of record. */
#define PEAL_SHMLANE_MESSAGE 1U
/* A position that is never reached. */
#define PEAL_SHMLANE_NEVER UINT64_MAX
/* So often in a row a bell may ring although nothing has moved. */
#define PEAL_SHMLANE_RINGS_MAX 64U

/* What one side writes. All zero at first. */
struct peal_shmlane_region {
	_Alignas(PEAL_SHMRING_APART) _Atomic uint64_t tail;
	_Alignas(PEAL_SHMRING_APART) _Atomic uint64_t head; /* of the other side's ring */
	_Atomic uint64_t heard_count;                       /* messages before it */
	_Alignas(PEAL_SHMRING_APART) _Atomic uint32_t sleep;
	_Atomic uint64_t wanted_head; /* while it sleeps: rung when heard up to here; 0 = no */
};

struct peal_shmlane {
	struct peal_shmlane_region *own;
	const struct peal_shmlane_region *others;
	struct peal_shmring_writer writer;
	struct peal_shmring_reader reader;
	struct peal_shmbell_sleeper sleeper;
	struct peal_shmbell_ringer ringer;
	uint64_t sent_count;
	uint64_t heard_count;
	uint64_t until;       /* what is said from here on is not heard */
	uint64_t wanted_head; /* what a refused claim needs; 0 = nothing */
	uint64_t rung_tail;   /* of the other side when it rang last */
	uint64_t rung_head;
	uint32_t rings_count; /* in a row, although nothing had moved */
};

enum peal_shmlane_taken {
	PEAL_SHMLANE_EMPTY = 0,
	PEAL_SHMLANE_TAKEN,
	PEAL_SHMLANE_BROKEN,
};

/* Both regions are of PEAL_SHMLANE_REGION_SIZE and outlive the lane; `others` may be memory that
 * this side cannot write. */
void peal_shmlane_init(struct peal_shmlane *lane, struct peal_shmlane_region *own,
	const struct peal_shmlane_region *others);

/* Room for a message of up to `size` bytes, at most PEAL_CLIENT_MESSAGE_SIZE_MAX. NULL: there is
 * none now, and `wanted_head` says what is needed; or the lane is broken. */
void *peal_shmlane_claim(struct peal_shmlane *lane, uint32_t size);

/* Makes a message of the claim. */
static inline void
peal_shmlane_commit(struct peal_shmlane *lane, uint32_t size)
{
	peal_shmring_commit(&lane->writer, PEAL_SHMLANE_MESSAGE, 0, size);
	lane->sent_count++;
}

/* Shows all that was committed. True: the other one sleeps, and is to be rung. */
static inline bool
peal_shmlane_publish(struct peal_shmlane *lane)
{
	return peal_shmring_publish(&lane->writer) && peal_shmbell_is_due(&lane->ringer);
}

/* The next message, copied into `bytes`, which have room for PEAL_CLIENT_MESSAGE_SIZE_MAX. */
enum peal_shmlane_taken peal_shmlane_take(
	struct peal_shmlane *lane, uint8_t *bytes, uint32_t *size_out);

/* Tells what was taken, when it is enough to tell, or `is_all`. True: the other one sleeps until
 * there is so much room, and is to be rung. */
bool peal_shmlane_release(struct peal_shmlane *lane, bool is_all);

/* Nothing is heard of what is said from now on. Returns false when the lane is broken. */
bool peal_shmlane_stop(struct peal_shmlane *lane);

/* There is a message to take. A look may find that the lane is broken. */
static inline bool
peal_shmlane_has_more(struct peal_shmlane *lane)
{
	return peal_shmring_has_more(&lane->reader) && lane->reader.next < lane->until;
}

/* What a refused claim needed is there. */
bool peal_shmlane_has_room(struct peal_shmlane *lane);

static inline bool
peal_shmlane_is_broken(const struct peal_shmlane *lane)
{
	return lane->reader.is_broken || lane->writer.is_broken ||
	       lane->rings_count > PEAL_SHMLANE_RINGS_MAX;
}

/* From here on the other side rings. Look once more before waiting. */
void peal_shmlane_declare_asleep(struct peal_shmlane *lane);
static inline void
peal_shmlane_declare_awake(struct peal_shmlane *lane)
{
	peal_shmbell_declare_awake(&lane->sleeper);
}

/* The bell of this lane has rung. Who rings on and on without having moved anything breaks it. */
void peal_shmlane_note_ring(struct peal_shmlane *lane);

/* Messages that were committed and of which the other side did not say that it heard them. */
uint64_t peal_shmlane_unheard_count(const struct peal_shmlane *lane);

_Static_assert(
	sizeof(struct peal_shmlane_region) <= PEAL_SHMLANE_RING_OFFSET, "words before the ring");
_Static_assert(
	PEAL_CLIENT_MESSAGE_SIZE_MAX <= PEAL_CLIENT_LANE_SIZE / 4U - PEAL_SHMRING_HEADER_SIZE,
	"the largest message of a client is a record");

#endif
