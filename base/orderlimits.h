/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Compile-time bounds of total order, each with its reason; see base/limits.h.
 */
#ifndef PEAL_BASE_ORDERLIMITS_H
#define PEAL_BASE_ORDERLIMITS_H

#include "base/limits.h"

/* Ranks of one order group: a majority of nine outlives four crashes, and no acknowledgement gets
 * longer than 144 bytes. */
#define PEAL_ORDER_RANKS_MAX 9U

/* Frames of one lane that a rank keeps, for its own delivery and for others that lack them: a
 * millisecond of a million frames a second. A power of two. Who is further behind begins again with
 * the next view. */
#define PEAL_ORDER_WINDOW 1024U

/* Frames of the own lane that are sent and not FINAL here: half of what others keep, so that one of
 * them may lag by as much again. */
#define PEAL_ORDER_INFLIGHT_MAX (PEAL_ORDER_WINDOW / 2U)

/* Own frames that wait for their turn. Those that a seal takes back come on top. */
#define PEAL_ORDER_QUEUE_MAX 256U

/* Own frames that leave in one turn, and frames repeated for one pull. */
#define PEAL_ORDER_BURST      64U
#define PEAL_ORDER_PULLED_MAX 32U

/* Frames that came in one go: more are to be expected, and one answer will do for all. */
#define PEAL_ORDER_BULK 16U

/* Pulls of one rank after which it is doubted that its path carries what it was proven to. */
#define PEAL_ORDER_PULLS_SUSPECT 8U

/* No time stamp is ever as large as this, 292 years in nanoseconds. What says so lies. */
#define PEAL_ORDER_STAMP_MAX (UINT64_C(1) << 63)

/* No frame says a time further ahead of the receiver's than this, 73 years: no clock is so wrong.
 * Whatever is heard leaves stamps as many places below PEAL_ORDER_STAMP_MAX. */
#define PEAL_ORDER_AHEAD_NS_MAX (UINT64_C(1) << 61)

/* A time stamp further ahead than this is not followed, only ordered. */
#define PEAL_ORDER_FUTURE_NS (UINT64_C(10) * 1000000U)

/* Seals of one view after which the next view begins their numbers anew. */
#define PEAL_ORDER_GENERATIONS_MAX 60000U

/* The digest of every so many positions is kept, and so many of these. */
#define PEAL_ORDER_DIGEST_STEP 64U
#define PEAL_ORDER_DIGESTS_MAX 64U

/* Numbers of frames, positions and rounds stay below this, so that sums do not wrap. */
#define PEAL_ORDER_COUNT_MAX (UINT64_C(1) << 56)

#endif
