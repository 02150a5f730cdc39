/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * How many frames may be on their way to one peer: a window that keeps the delay near a target.
 *
 * One for each peer of a core, not for each channel: all channels to a peer share its link and its
 * receiving core, so they are one flow. A new channel begins with what the others know, and many of
 * them take no larger share than one.
 *
 * paper: Swift, SIGCOMM 2020. What is taken, by its sections:
 *
 * - 3.1: a round trip is parted into what hosts add (the receiver's wait before it answered, and
 * the turn of this core) and what is left, the fabric's. Ports give no time stamps, so for how long
 * a frame lay in a receive queue is known to be at most the time since its reader looked last. That
 * much is left out of the fabric's delay, and not counted as delay of hosts: a core that sleeps
 * between two frames may have been woken late, or not. Where frames queue in the fabric they come
 * one behind the other, so nobody sleeps for long and little is left out.
 * - 3.2: below the target a window grows by one frame a round trip; above it, it shrinks by 0.8 of
 *   the excess, at most by half, at most once a round trip.
 * - 3.3: one window for the fabric and one for hosts, the latter by a smoothed delay; the smaller
 *   one holds.
 * - 3.4: below one frame a window is time: one frame in each (round trip / window), but never less
 *   than one in PEAL_CONGESTION_PAUSE_NS_MAX, for round trips of seconds are processes that stood.
 * - 3.5: a small window has a later target, by the root of its size, so that many senders into one
 *   link neither starve nor sit on its queue, and unequal ones meet. Hops are not known: the base
 *   target stands for the fabric's.
 * - 3.6: a loss halves, five time-outs in a row end at the smallest window. But when the next
 * answer says that one of the cores has not looked at its port since the first of them, they were
 * its own: the window is what it was. paper: RFC 4015, with another proof.
 *
 * Other than there: a window that is not used does not grow; and to a peer whose shortest round
 * trip ever seen is above the target, delay alone leaves PEAL_CONGESTION_WINDOW_FAR frames. The
 * target is not made from that round trip, which would be fair to nobody: who comes to a link that
 * is in use takes its queue for distance, and would aim above all others. Distances are the
 * operator's to know (3.5), so the target is a matter of configuration.
 *
 * Pure; plain struct, fields private but `flights_count` and `size`, read only; one core. Cost: two
 * divisions an answer, none a frame; nothing asks for a timer while the window is one or more.
 */
#ifndef PEAL_DATAPLANE_CONGESTION_H
#define PEAL_DATAPLANE_CONGESTION_H

#include "base/limits.h"
#include "base/messagelimits.h"

#include <stdbool.h>
#include <stdint.h>

/* Windows are counted in parts of a frame. */
#define PEAL_CONGESTION_FRAME 1024U

struct peal_congestion_window {
	uint32_t size;         /* in 1 / PEAL_CONGESTION_FRAME */
	uint64_t shrunk_at_ns; /* last time */
};

struct peal_congestion {
	uint64_t target_ns; /* base, of the fabric */
	struct peal_congestion_window fabric;
	struct peal_congestion_window host;
	uint32_t size;           /* the smaller of the two */
	uint32_t flights_count;  /* frames sent of which nothing is known yet */
	uint32_t timeouts_count; /* in a row */
	uint32_t size_before;    /* of the fabric's window, at the first of them */
	uint64_t silent_at_ns;   /* and when that was */
	uint64_t rtt_ns;         /* smoothed, hosts and all; 0 = nothing measured */
	uint64_t rtt_ns_min;     /* of the fabric; UINT64_MAX = nothing measured */
	uint64_t host_ns;        /* smoothed */
	uint64_t send_at_ns;     /* below one frame: when the next may leave */
};

/* What an answer told. */
struct peal_congestion_news {
	uint32_t arrived_count; /* frames that it tells of for the first time */
	uint64_t rtt_ns;    /* of one that was sent once, the receiver's wait left out; 0 = none */
	uint64_t remote_ns; /* that wait */
	uint64_t local_ns;  /* what this core added to `rtt_ns` by being busy */
	uint64_t unseen_ns; /* what both cores may have added, at most: they did not look */
};

/* Nothing is on its way and nothing known. `target_ns`: see PEAL_CONGESTION_TARGET_NS. */
void peal_congestion_init(struct peal_congestion *congestion, uint64_t target_ns);

/* What was lost was lost for its size, not for want of room: the window is as large as at first
 * again, unless it is larger. */
void peal_congestion_absolve(struct peal_congestion *congestion);

/* The way to the peer is another: nothing is known of it but its target. What is on its way still
 * counts. */
void peal_congestion_restart(struct peal_congestion *congestion, uint64_t target_ns);

/* Frames more, or fewer, on their way. */
static inline void
peal_congestion_add(struct peal_congestion *congestion, int32_t count)
{
	congestion->flights_count += (uint32_t)count;
}

/* An answer came. Call before the frames that it tells of are taken off. True: a window shrank. */
bool peal_congestion_on_ack(struct peal_congestion *congestion,
	const struct peal_congestion_news *news, uint64_t now_ns);

/* A frame counts as lost because later ones arrived. True: a window shrank. */
bool peal_congestion_on_loss(struct peal_congestion *congestion, uint64_t now_ns);

/* Nothing was heard for a time-out. True: a window shrank. */
bool peal_congestion_on_timeout(struct peal_congestion *congestion, uint64_t now_ns);

/* A frame leaves: sets when the next may, which matters below one frame only. */
static inline void
peal_congestion_on_send(struct peal_congestion *congestion, uint64_t now_ns)
{
	congestion->flights_count++;
	if (__builtin_expect(congestion->size < PEAL_CONGESTION_FRAME, 0)) {
		uint64_t pause_ns = congestion->rtt_ns * PEAL_CONGESTION_FRAME / congestion->size;

		congestion->send_at_ns = now_ns + (pause_ns < PEAL_CONGESTION_PAUSE_NS_MAX
								  ? pause_ns
								  : PEAL_CONGESTION_PAUSE_NS_MAX);
	}
}

/* True when a frame may leave now. */
static inline bool
peal_congestion_may_send(const struct peal_congestion *congestion, uint64_t now_ns)
{
	if (__builtin_expect(congestion->size >= PEAL_CONGESTION_FRAME, 1)) {
		return congestion->flights_count * PEAL_CONGESTION_FRAME < congestion->size;
	}
	return congestion->flights_count == 0 && now_ns >= congestion->send_at_ns;
}

/* When a frame may leave though nothing more is heard; UINT64_MAX = an answer must come first. */
uint64_t peal_congestion_deadline_at_ns(const struct peal_congestion *congestion);

/* The delay of the fabric that is aimed at now. */
uint64_t peal_congestion_target_ns(const struct peal_congestion *congestion);

#endif
