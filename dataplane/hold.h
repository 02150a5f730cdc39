/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Frames of the next epoch, kept opened until the view arrives that they belong to.
 *
 * No pause between views is needed: who is ahead speaks at once, who is behind listens a little
 * later. At most PEAL_HELD_FRAMES_MAX; past it the oldest is dropped and counted, for its sender
 * repeats. Of a flooded message, which comes from several peers, the first copy is kept; the
 * sender's own address is all that differs. Broadcasts never push others out: their frames are
 * pulled in the view that they are of, and vectors take the half at most. Plain struct, fields
 * private, one core. paper: RAPID 5, messages of a later configuration are queued.
 */
#ifndef PEAL_DATAPLANE_HOLD_H
#define PEAL_DATAPLANE_HOLD_H

#include "base/counters.h"
#include "dataplane/ingress.h"

struct peal_held_frame {
	struct peal_opened opened; /* its pointers go into this struct */
	uint8_t packet[PEAL_HEADERS_SIZE_MAX];
	uint8_t body[PEAL_BODY_SIZE_MAX];
};

struct peal_hold {
	struct peal_counters *counters;
	uint32_t first; /* place of the oldest */
	uint32_t count;
	struct peal_held_frame frames[PEAL_HELD_FRAMES_MAX];
};

void peal_hold_init(struct peal_hold *hold, struct peal_counters *counters);

/* Keeps a copy of an opened frame, unless it is a flooded one of which there is one. Counts
 * HELD_FRAMES, HELD_DROPPED for the one that had to go, and CAST_EARLY for a broadcast that is not
 * kept. O(PEAL_HELD_FRAMES_MAX). */
void peal_hold_add(struct peal_hold *hold, const struct peal_opened *opened);

/*
 * Takes the oldest frame out.
 *
 * @param opened_out  standing EQUAL; body and packet stay readable until the next call of add
 * @return false when nothing is held
 */
bool peal_hold_take(struct peal_hold *hold, struct peal_opened *opened_out);

#endif
