/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * One lane: what one rank sends in one view, as another rank (or itself) keeps it.
 *
 * Frames are numbered from 1 without gaps; their stamps rise. A lane has generations: a seal ends
 * one at a frame, and whatever its owner sent behind that frame is void and sent anew in the next.
 *
 *     ... | kept | delivered | have ........ | held, not accepted | seen
 *
 * `have` is what this rank says that it stores. Frames behind it that came early, or while the lane
 * was wedged, are held and say nothing: they are not acknowledged, not delivered, not counted.
 * Frames stay where they are; the lane has references, which it gives back through `release`. It
 * keeps those that were delivered until all ranks have them, or their place is needed.
 *
 * `front`: whatever comes behind `have` in this generation has a later stamp. From frames, from
 * promises in ticks, and from seals, which promise for an owner that is silent.
 *
 * Pure; plain struct; fields are read by the composite, and written here only.
 */
#ifndef PEAL_ABCAST_ABCAST_LANE_H
#define PEAL_ABCAST_ABCAST_LANE_H

#include "abcast/abcast_quorum.h"
#include "base/orderlimits.h"

#include <stdbool.h>
#include <stdint.h>

/* Gives a reference back. */
struct peal_abcast_keeper {
	void (*release)(void *state, uint64_t token);
	void *state;
};

struct peal_abcast_entry {
	uint64_t token;
	const uint8_t *bytes;
	uint64_t stamp;
	uint64_t held_at_ns;
	uint16_t size;
	uint16_t generation; /* in which it was sent */
	bool is_held;
};

/* What a rank said of the lane. */
struct peal_abcast_ack {
	uint64_t have;
	uint64_t limit; /* frames up to here have a place at it; only grows */
	uint16_t generation;
};

enum peal_abcast_put {
	PEAL_ABCAST_PUT_FRESH = 0, /* kept */
	PEAL_ABCAST_PUT_KNOWN,     /* held already */
	PEAL_ABCAST_PUT_NO_ROOM,   /* too far ahead of what was delivered */
};

struct peal_abcast_lane {
	uint16_t generation;
	uint64_t have;
	uint64_t stable; /* fixed by a seal: the generation before ended here */
	uint64_t delivered;
	uint64_t low; /* first frame that is kept; have + 1 = none */
	uint64_t front;
	uint64_t seen;    /* the last frame of this generation that anybody spoke of */
	uint64_t promise; /* not yet in force: `promise_last` is above have */
	uint64_t promise_last;
	uint64_t evicted_count; /* given up although some rank lacked it */
	struct peal_abcast_ack acks[PEAL_ORDER_RANKS_MAX];
	struct peal_abcast_entry ring[PEAL_ORDER_WINDOW];
};

/* An empty lane; `lane` is any memory without references. */
void peal_abcast_lane_init(struct peal_abcast_lane *lane);
/* Gives every reference back. */
void peal_abcast_lane_clear(struct peal_abcast_lane *lane, const struct peal_abcast_keeper *keeper);

/* The frame of a number, accepted or only held; NULL = not here. */
const struct peal_abcast_entry *peal_abcast_lane_find(
	const struct peal_abcast_lane *lane, uint64_t seq);

/*
 * Holds a frame, seq > have (asserted). It is not accepted by that. May give old frames up.
 * FRESH: its token is the lane's.
 */
enum peal_abcast_put peal_abcast_lane_put(struct peal_abcast_lane *lane, uint64_t seq,
	const struct peal_abcast_entry *entry, const struct peal_abcast_keeper *keeper);

/* True when frame have + 1 is held, and where it is. */
const struct peal_abcast_entry *peal_abcast_lane_next(const struct peal_abcast_lane *lane);
/* Accepts the next frame, which is held (asserted). */
void peal_abcast_lane_accept(struct peal_abcast_lane *lane);
/* The last frame up to which all are held, accepted or not. */
uint64_t peal_abcast_lane_reach(const struct peal_abcast_lane *lane);

/* The owner, or a seal, says: in `generation`, behind frame `last` all is later than `stamp`. */
void peal_abcast_lane_promise(
	struct peal_abcast_lane *lane, uint64_t stamp, uint64_t last, uint16_t generation);

/* Somebody spoke of frame `seq` of this generation. */
static inline void
peal_abcast_lane_see(struct peal_abcast_lane *lane, uint64_t seq)
{
	lane->seen = seq > lane->seen ? seq : lane->seen;
}

/* What rank `rank` says that it has. */
void peal_abcast_lane_ack(struct peal_abcast_lane *lane, uint8_t rank, uint16_t generation,
	uint64_t have, uint32_t room);

/* Ranks of `counted` besides the owner and `self` that store frame `seq` of `generation`, as far as
 * is known. */
uint32_t peal_abcast_lane_holders_count(const struct peal_abcast_lane *lane, uint64_t seq,
	uint16_t generation, uint8_t owner, uint8_t self, uint16_t counted);

/* Takes a held frame out: its token is the caller's again. False: it is not here. */
bool peal_abcast_lane_take(
	struct peal_abcast_lane *lane, uint64_t seq, struct peal_abcast_entry *entry_out);

/* Frames behind `seq` are given back; those up to it stay. */
void peal_abcast_lane_truncate(
	struct peal_abcast_lane *lane, uint64_t seq, const struct peal_abcast_keeper *keeper);

/*
 * Generation `generation` ended with frame `last`; what comes now is of the next one, and later
 * than `until`. When this rank missed a seal before, it cannot tell which of its frames count, and
 * drops what is not delivered or fixed; its owner can, and `is_own` says so. Asserts
 * generation >= that of the lane and delivered <= last: who sees otherwise must stop before.
 */
void peal_abcast_lane_seal(struct peal_abcast_lane *lane, uint16_t generation, uint64_t last,
	uint64_t until, bool is_own, const struct peal_abcast_keeper *keeper);

/* Frames up to `seq` were delivered elsewhere, and will not be here: goes on behind them. Asserts
 * seq >= delivered. */
void peal_abcast_lane_skip(
	struct peal_abcast_lane *lane, uint64_t seq, const struct peal_abcast_keeper *keeper);

/* Gives back what was delivered here and what all ranks have. */
void peal_abcast_lane_trim(struct peal_abcast_lane *lane, uint8_t self, uint32_t ranks_count,
	const struct peal_abcast_keeper *keeper);

/* Frames beyond `have` for which there is a place. */
static inline uint32_t
peal_abcast_lane_room(const struct peal_abcast_lane *lane)
{
	return (uint32_t)(PEAL_ORDER_WINDOW - (lane->have - lane->delivered));
}

/*
 * Up to which frame the owner may send at most: the place that enough ranks have. Who is slower
 * than that brakes, as long as it comes forward (abcast_send.c).
 */
uint64_t peal_abcast_lane_credit(
	const struct peal_abcast_lane *lane, uint8_t self, struct peal_abcast_quorum quorum);

#endif
