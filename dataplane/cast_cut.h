/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Messages of this node on their way into frames: what was accepted, how far it was cut, and which
 * of it is still in doubt.
 *
 * Small messages share a frame; a large one is cut into parts that stand alone. When a view ends,
 * a message of which not all parts are in frames begins again: whoever comes new has to get all of
 * it. Lent bytes are given back when they are in frames.
 *
 * A latest value is never queued: it has a place by its number, in which the next one overwrites it
 * until it is in a frame. Values leave before queued messages, but not in the middle of a large
 * one; and once more when a view begins, for those who are new in it.
 *
 * Pure; memory of the caller; fields private but `queue`, read only; one core.
 */
#ifndef PEAL_DATAPLANE_CAST_CUT_H
#define PEAL_DATAPLANE_CAST_CUT_H

#include "base/messagelimits.h"
#include "dataplane/sendqueue.h"
#include "wire/cast_msg.h"

struct peal_cast_cut {
	struct peal_sendqueue queue;
	uint16_t values_set;   /* numbers that have a value */
	uint16_t values_fresh; /* of these, the ones that are not in a frame */
	uint16_t value_sizes[PEAL_CAST_VALUES_MAX];
	uint8_t values[PEAL_CAST_VALUES_MAX][PEAL_CAST_VALUE_SIZE_MAX];
	uint32_t offset;                     /* bytes of the oldest message that are in frames */
	uint16_t ends[PEAL_CAST_WINDOW_MAX]; /* messages that end in a frame, by place */
	uint64_t settled;                    /* frames before this one are counted as stable */
	uint64_t doubtful_count;             /* messages in frames that are not */
};

/* @param bytes  [capacity], 8-aligned, outlives it; capacity as of a sendqueue */
void peal_cast_cut_init(struct peal_cast_cut *cut, uint8_t *bytes, uint32_t capacity);

/* The latest value of `number`, below PEAL_CAST_VALUES_MAX; `size` up to PEAL_CAST_VALUE_SIZE_MAX.
 * True: it overwrote one that never left. */
bool peal_cast_cut_set(
	struct peal_cast_cut *cut, uint32_t number, const uint8_t *bytes, uint32_t size);

/* Frames are numbered from 0 again; those before are had by all who matter. */
void peal_cast_cut_restart(struct peal_cast_cut *cut);

/* The next frame is `seq`: a lane that others used before. Nothing is in doubt, for all had all of
 * the lane before. */
void peal_cast_cut_begin_at(struct peal_cast_cut *cut, uint64_t seq);

/*
 * Writes the data of frame `seq`, behind its header. Something must be queued.
 *
 * @param body  [PEAL_BODY_SIZE_MAX]
 * @return size with the header; `flags_out` of it
 */
uint16_t peal_cast_cut_frame(struct peal_cast_cut *cut, uint64_t seq, uint8_t *body,
	uint8_t *flags_out, const struct peal_sendqueue_lender *lender);

/* Gives up queued messages of which nothing is in a frame, oldest first, until `room` bytes of the
 * queue are free or none is left. Returns how many. */
uint64_t peal_cast_cut_drop(
	struct peal_cast_cut *cut, uint64_t room, const struct peal_sendqueue_lender *lender);

/* All frames before `stable` are had by all. */
void peal_cast_cut_settle(struct peal_cast_cut *cut, uint64_t stable);

/* Gives everything up. Returns how many of the newest messages may not have reached all,
 * values among them. */
uint64_t peal_cast_cut_abandon(
	struct peal_cast_cut *cut, const struct peal_sendqueue_lender *lender);

static inline bool
peal_cast_cut_is_empty(const struct peal_cast_cut *cut)
{
	return cut->queue.tail == cut->queue.head && cut->values_fresh == 0;
}

#endif
